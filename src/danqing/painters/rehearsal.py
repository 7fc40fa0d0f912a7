"""What a painter remembers is rehearsed while it learns something new: its own paintings, by words and styles it knows.

Without, a painter that sees 100 pictures of one hand soon paints nothing else (generative replay, Shin et al. 2017; the prior
preservation of Ruiz et al. 2023, equation 2).
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from danqing.conditions.condition import Condition
from danqing.files import write_atomically
from danqing.maths.colour import premultiply
from danqing.painters.painter import Painter
from danqing.painters.sheet import paint_values
from danqing.parts.contract import Key
from danqing.words import Picture

AT_ONCE = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Rehearsal:
    """Paintings, as a prepared set keeps pictures, and what was asked for each."""

    pixels: UInt8[np.ndarray, "pictures channels height width"]
    values: Mapping[str, list[Any]]

    def beside(
        self, pixels: UInt8[np.ndarray, "others channels height width"], values: Mapping[str, list[Any]]
    ) -> tuple[UInt8[np.ndarray, "both channels height width"], dict[str, list[Any]]]:
        """New pictures, repeated where they are fewer, and the paintings: both are seen about as often."""
        times = max(1, round(len(self.pixels) / len(pixels)))
        both = {name: [*(column * times), *self.values[name]] for name, column in values.items()}
        return np.concatenate([*([pixels] * times), self.pixels]), both


def rehearsed(
    base: Painter, conditions: Mapping[str, Condition[Any]], count: int, key: Key, kept: Path, styles: Sequence[Any] = ()
) -> Rehearsal:
    """What a painter paints of what it remembers.

    Args:
        base: paints.
        conditions: the base's, perhaps widened; they read what is not remembered, such as colours, from the paintings.
        count: of the paintings.
        key: of every draw.
        kept: a folder that keeps the paintings, so that a run that goes on rehearses the same.
        styles: values of the condition "style" to paint in, drawn by chance; where there are none, those that are remembered.
    """
    asked: dict[str, list[Any]] = {
        name: [condition.remembered(key.at(name, row)) for row in range(count)] for name, condition in base.conditions.items()
    }
    if styles:
        asked["style"] = [styles[int(key.at("whose", row).uniform(1).item() * len(styles))] for row in range(count)]
    file, mark = kept / "rehearsal.npz", hashlib.sha256(f"{base.weights_sha256} {key} {asked}".encode()).hexdigest()
    many = _kept(file, mark)
    if many is None:
        parts = []
        for start in range(0, count, AT_ONCE):
            values = {name: column[start : start + AT_ONCE] for name, column in asked.items()}
            parts.append(
                paint_values(base.family, values, min(AT_ONCE, count - start), base.facts.size, key.at("paint", start))
            )
        many = np.concatenate(parts)
        with io.BytesIO() as content:
            np.savez_compressed(content, paintings=many, of=mark)
            write_atomically(file, content.getvalue())
    told = [Picture(str(row), *described) for row, described in enumerate(_described(asked, count))]
    values = {name: [c.read(*pair) for pair in zip(told, many, strict=True)] for name, c in conditions.items()}
    stored = np.moveaxis(premultiply(many) if many.shape[-1] == 4 else many, -1, 1)
    return Rehearsal(np.ascontiguousarray(stored), values)


def _kept(file: Path, mark: str) -> np.ndarray[Any, np.dtype[np.uint8]] | None:
    """Paintings that were kept, if they are of the same painter and wishes."""
    if not file.is_file():
        return None
    with np.load(file, allow_pickle=False) as content:
        return content["paintings"] if "of" in content and str(content["of"]) == mark else None


def _described(asked: Mapping[str, list[Any]], count: int) -> list[tuple[dict[str, tuple[str, ...]], str]]:
    """What was asked of each painting, as a set would say it: captions by language, and a style."""
    words, hands = (asked.get(name, [None] * count) for name in ("text", "style"))
    return [
        ({} if word is None else {"": (str(word),)}, "" if hand is None else hand[0][0])
        for word, hand in zip(words, hands, strict=True)
    ]
