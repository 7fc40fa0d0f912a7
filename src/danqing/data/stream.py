"""The order of pictures in training: a function of the seed and of how many were seen, so there is nothing to restore."""

from __future__ import annotations

import dataclasses
import functools
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from danqing.parts.contract import Batch, Key, Keys

Draw = Callable[[str, Any, Key], Any]
"""`draw(condition's name, value read from the picture, key)`: the value to train on this time."""
Augment = Callable[[torch.Tensor, Keys], torch.Tensor]
Stored = UInt8[np.ndarray, "pictures channels height width"]
ROOM = 0.25
"""Share of an accelerator's free memory that pictures may fill."""
CPU = torch.device("cpu")
AHEAD = 2
"""Batches prepared while the network is at work."""


@dataclasses.dataclass(frozen=True)
class Starts:
    """Pictures that others are made from.

    Args:
        pixels: like those of a `Stream`.
        of: for each of the stream's pictures, which of these it is made from; `None` where it comes with any, drawn by key.
    """

    pixels: UInt8[np.ndarray, "starts channels height width"]
    of: Sequence[int] | None = None


@dataclasses.dataclass(frozen=True)
class Stream:
    """Batches of a prepared set.

    Args:
        pixels: (pictures, channels, height, width) uint8, memory-mapped.
        values: what each condition read from each picture.
        draw: chooses among a picture's values.
        seed: of the order and of every choice.
        augment: changes pictures by their keys; `None` leaves them alone.
        device: an accelerator that holds all pictures from the first batch on, if its memory has room (`ROOM`).
        starts: what the pictures are made from, where they are made from others.
    """

    pixels: Stored
    values: Mapping[str, Sequence[Any]]
    draw: Draw
    seed: int
    augment: Augment | None = None
    device: torch.device = CPU
    starts: Starts | None = None

    @functools.cached_property
    def resident(self) -> UInt8[torch.Tensor, "pictures channels height width"] | None:
        """The pictures on the accelerator; `None` where they stay in their file."""
        if self.device.type == "cpu":
            return None
        if self.device.type == "cuda" and self.pixels.nbytes > ROOM * torch.cuda.mem_get_info(self.device)[0]:
            return None
        return torch.from_numpy(np.ascontiguousarray(self.pixels)).to(self.device)

    def order(self, epoch: int) -> list[int]:
        """Every picture once, in the order of this epoch."""
        return _order(self.seed, epoch, len(self.pixels))

    def batch(self, rows: range) -> Batch:
        """The pictures drawn as numbers `rows` since the training began."""
        epochs = {row // len(self.pixels) for row in rows}
        orders = {epoch: self.order(epoch) for epoch in epochs}
        picked = [orders[row // len(self.pixels)][row % len(self.pixels)] for row in rows]
        keys = Keys(tuple(Key(self.seed).at("draw", row) for row in rows))
        if self.resident is not None:
            pictures = self.resident[torch.tensor(picked, device=self.device)].float() / 127.5 - 1.0
        else:
            pictures = _floats(self.pixels, picked)
        starts = None if self.starts is None else _floats(self.starts.pixels, self._begun(picked, keys))
        if self.augment is not None:
            pictures = self.augment(pictures, keys.at("augment"))
            if starts is not None and self.starts is not None:  # partners are moved alike
                starts = self.augment(starts, keys.at("augment" if self.starts.of is not None else "augment starts"))
        conditions: Mapping[str, list[Any]] = {
            name: [self._drawn(name, column[index], key) for index, key in zip(picked, keys.keys, strict=True)]
            for name, column in self.values.items()
        }
        return Batch(pictures, conditions, tuple(rows), starts)

    def _begun(self, picked: Sequence[int], keys: Keys) -> list[int]:
        """Which pictures these are made from."""
        assert self.starts is not None
        if self.starts.of is not None:
            return [self.starts.of[index] for index in picked]
        luck = keys.at("start").uniform(1)[:, 0]
        return [int(share * len(self.starts.pixels)) for share in luck.tolist()]

    def _drawn(self, name: str, value: Any, key: Key) -> Any:
        return None if value is None else self.draw(name, value, key.at(name))

    def batches(self, seen: int, until: int, size: int, share: slice) -> Iterator[tuple[int, Batch]]:
        """From `seen` until at least `until`: (pictures seen before, this process's share of the batch), made in a thread."""
        waiting: deque[tuple[int, Future[Batch]]] = deque()
        with ThreadPoolExecutor(1, thread_name_prefix="pictures") as pool:
            for first in range(seen, until, size):
                rows = range(first, first + size)[share]
                waiting.append((first, pool.submit(self.batch, rows)))
                if len(waiting) > AHEAD:
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())


def _floats(pixels: Stored, picked: Sequence[int]) -> torch.Tensor:
    """By numpy, not torch: torch would start a second team of threads here and slow the network down."""
    return torch.from_numpy(np.stack([pixels[index] for index in picked]).astype(np.float32) / 127.5 - 1.0)


def _result(item: tuple[int, Future[Batch]]) -> tuple[int, Batch]:
    return item[0], item[1].result()


@functools.lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> list[int]:
    order: list[int] = torch.randperm(count, generator=Key(seed).at("order", epoch).generator()).tolist()
    return order
