"""What to train with when nobody says: read off the pictures and the machine, with a reason in plain words for each."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch

from danqing.data.picture_set import PictureSet
from danqing.data.resample import Pixels
from danqing.parts.distilled_text import open_distilled
from danqing.parts.precision import reduced_precision
from danqing.words import Picture

SECONDS = 300
"""How long a first training should take."""
RATE, REDUCED_RATE = 50.0, 180.0
"""Pictures per second and thread that the small U-Net learns from at 32 × 32 pixels, in float32 and where the processor
multiplies bfloat16 in hardware (measured: 100 and 375 on two threads)."""
SIZES = (16, 32, 64, 128)
ENOUGH = 30_000
"""Pictures to be seen before shapes appear; a size at which the time does not suffice for so many is too large."""
FAMILIAR = 0.9
"""Share of the captions' words, in each language, that a reader must know to be proposed; painters learn sooner from what it
says of them (decision 10)."""
_SAMPLE = 256


@dataclasses.dataclass(frozen=True, slots=True)
class Proposal:
    """Settings for a first training.

    Args:
        size: (height, width) in pixels.
        channels: 1 gray, 3 colour, 4 colour with transparency.
        fit: how pictures of other shapes are brought to the size.
        batch: pictures per update.
        model: the size of the network.
        pictures_seen: how long to train.
        threads: of the processor.
        reasons: a sentence for each setting but the threads, by its name.
    """

    size: tuple[int, int]
    channels: Literal[1, 3, 4]
    fit: Literal["pad", "crop"]
    batch: int
    model: Literal["small", "medium"]
    pictures_seen: int
    threads: int
    reasons: Mapping[str, str]


def propose(
    pictures: PictureSet, threads: int | None = None, rate: float | None = None, seconds: float | None = None
) -> Proposal:
    """Look at the set (at most 256 of its pictures) and at the machine.

    Args:
        pictures: the set.
        threads: processor threads to count on; all of the machine's by default.
        rate: pictures per second and thread at 32 × 32 pixels; by default as this processor computes.
        seconds: of the processor, over all threads, that it may take; by default `SECONDS` of each.
    """
    threads = threads or _threads()
    clock = seconds / threads if seconds else SECONDS
    rate = threads * (rate or (REDUCED_RATE if reduced_precision(torch.device("cpu"), "auto") else RATE))
    shapes = pictures.shapes()
    sample = [pictures.raw(i) for i in _evenly(len(pictures))]
    side, why_side = _side(int(np.median(shapes[:, :2].max(1))), threads, rate, clock)
    channels, why_channels = _channels(sample)
    fit, why_fit = _fit(shapes, channels)
    seen = max(1000, int(_at(side, rate) * clock) // 1000 * 1000)
    batch = 64 if len(pictures) >= 256 else 16
    model: Literal["small", "medium"] = "medium" if threads >= 8 and len(pictures) >= 5000 else "small"
    why_model = "pictures and threads are many" if model == "medium" else "it learns first shapes quickly"
    length = f"{_minutes(clock)} on {threads} threads, {seen / len(pictures):.1f} times the set"
    reasons = {
        "size": why_side,
        "channels": why_channels,
        "fit": why_fit,
        "batch": f"batches of {batch}: the set holds {len(pictures):,} pictures",
        "model": f"the {model} model: {why_model}",
        "pictures_seen": f"{seen:,} pictures seen: {length}",
    }
    return Proposal((side, side), channels, fit, batch, model, seen, threads, reasons)


def reader(pictures: Sequence[Picture]) -> tuple[Literal["distilled"], str] | None:
    """What should read the words of these pictures (at most 256 of them are looked at), and why; `None` where a reader trained
    with the painter should, for there are none, or in some language words that no other knows."""
    known: dict[str, list[tuple[int, int]]] = {}
    for place in _evenly(len(pictures)):
        for language, group in pictures[place].captions.items():
            if group:
                known.setdefault(language, []).append(open_distilled().knows(group[0]))
    shares = [sum(whole for whole, _ in told) / max(1, sum(count for _, count in told)) for told in known.values()]
    if min(shares, default=0.0) < FAMILIAR:
        return None
    return "distilled", f"words read by the reader that comes along: it knows {min(shares):.0%} of the captions' or more"


def _evenly(count: int) -> list[int]:
    found: list[int] = np.linspace(0, count - 1, min(_SAMPLE, count)).astype(np.int64).tolist()
    return found


def _side(median: int, threads: int, rate: float, clock: float) -> tuple[int, str]:
    """The smallest size that shows the pictures whole, or the largest the time suffices for."""
    wanted = next((side for side in SIZES if side >= median * 0.8), SIZES[-1])
    possible = [side for side in SIZES if _at(side, rate) * clock >= ENOUGH] or [SIZES[0]]
    side = min(wanted, possible[-1])
    why = f"{side} × {side} pixels: half of the pictures have a longest side of {median} or more"
    if side < wanted:
        why += f", but at {side * 2} pixels {threads} threads would see too few of them in {_minutes(clock)}"
    return side, why


def _minutes(clock: float) -> str:
    return f"{clock / 60:.0f} minutes" if clock >= 120 else f"{clock:.0f} seconds"


def _channels(sample: Sequence[Pixels]) -> tuple[Literal[1, 3, 4], str]:
    clear = float(np.mean([p.shape[2] == 4 and bool((p[:, :, 3] < 255).any()) for p in sample]))
    gray = float(np.mean([_is_gray(p) for p in sample]))
    if clear >= 0.1:
        return 4, f"4 channels: {clear:.0%} of the pictures are transparent somewhere, so the painter learns that too"
    if gray >= 0.95:
        return 1, f"1 channel: {gray:.0%} of the pictures are gray"
    return 3, f"3 channels: the pictures are in colour and {'hardly any' if clear else 'none'} of them is transparent"


def _is_gray(pixels: Pixels) -> bool:
    """Whether no colour is further than 8 of 255 from gray, which JPEG leaves on gray scans."""
    if pixels.shape[2] == 1:
        return True
    colours = pixels[:, :, :3].astype(np.int16)
    return bool((colours.max(2) - colours.min(2)).max() <= 8)


def _fit(shapes: np.ndarray[tuple[int, int], np.dtype[np.int64]], channels: int) -> tuple[Literal["pad", "crop"], str]:
    kept = float(np.median(shapes[:, :2].min(1) / shapes[:, :2].max(1)))
    if kept > 0.95:
        return "pad", "padded to a square: most are square already, so nearly nothing is added"
    if channels == 4:
        return "pad", "padded to a square: transparent pictures have nothing around them"
    if kept >= 0.6:
        return "crop", f"cut to a square about the middle: half of the pictures keep {kept:.0%} or more, without bars"
    return "pad", f"padded to a square: cutting would take {1 - kept:.0%} off half of the pictures"


def _at(side: int, rate: float) -> float:
    """Pictures per second at a size: the work grows with the area."""
    return rate * (32 / side) ** 2


def _threads() -> int:
    """Processors this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1
