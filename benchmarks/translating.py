"""Translations beside what they must beat: `python benchmarks/translating.py PAINTER ... --count 1000` prints Markdown tables.

First what `danqing evaluate` says of each painter on pictures it never saw: how near it comes to the true partners, beside the
pictures as they were, the partners of the nearest pictures learnt from and the mean picture; whose hand it is taken for;
whether what it shows is recognised. Then, of painters that go there and back, whether they hide in a painting what they need on
the way back: the error of the way there and back, and the same where the painting between is rounded to bytes and packed as a
JPEG.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from danqing.data.picture_set import PictureSet
from danqing.evaluate import Scores, evaluate_painter
from danqing.families.unpaired import CycleGan
from danqing.maths.seen import from_network, to_network
from danqing.metrics.measured import Number, mean_of, ratio_of
from danqing.painters.painter import Painter, open_painter
from danqing.painters.sheet import grid, paint_values
from danqing.painters.translations import task
from danqing.parts.contract import Key

QUALITY = 90
"""Of the JPEG, which is mild."""


def scores(name: str, count: int) -> Scores:
    """Of a painter."""
    *_, found = evaluate_painter(name, count=count)
    assert isinstance(found, Scores)
    return found


def packed(pixels: np.ndarray) -> np.ndarray:
    """A picture through a JPEG; its alpha, which JPEG has not, stays."""
    colours = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels[..., :3])
    with io.BytesIO() as file:
        colours.save(file, "JPEG", quality=QUALITY)
        seen = np.asarray(Image.open(file)).reshape(*pixels.shape[:2], -1)
    return np.concatenate([seen, pixels[..., 3:]], -1) if pixels.shape[-1] == 4 else seen


def wall(painter: Painter, count: int, shown: int = 32) -> Image.Image:
    """Pictures it never saw, what it made of each, and what each should have become, unpicked: evenly out of those measured."""
    given = task(painter, PictureSet.open(painter.facts.trained["set"]), count, Key(0).at("evaluate").at("wishes"))
    rows = np.linspace(0, len(given.starts) - 1, shown).astype(np.int64)
    starts = given.whole.straight(given.starts[rows])
    values = {name: [column[row] for row in rows.tolist()] for name, column in given.values.items()}
    painted = paint_values(painter.family, values, shown, painter.facts.size, Key(0), starts)
    parts = [starts, painted, *([] if given.partners is None else [given.whole.straight(given.partners[rows])])]
    sheet = np.stack(parts, 1).reshape(-1, *painted.shape[1:])
    return grid(sheet, max(1, 64 // max(painter.facts.size)), len(parts) * 8)


@torch.no_grad()
def hidden(painter: Painter, count: int) -> dict[str, Number]:
    """Error there and back, in percent of the range of values, as it is and where the painting between was a file."""
    family = painter.family
    assert isinstance(family, CycleGan)
    given = task(painter, PictureSet.open(painter.facts.trained["set"]), count, Key(0).at("hidden"))
    starts = torch.stack([to_network(picture) for picture in given.whole.straight(given.starts)])
    there = torch.cat([family.painter(part, {}) for part in torch.split(starts, 64)])
    files = from_network(there.clamp(-1, 1))
    ways = {
        "as it is": there,
        "rounded to bytes": torch.stack([to_network(picture) for picture in files]),
        f"as a JPEG of quality {QUALITY}": torch.stack([to_network(packed(picture)) for picture in files]),
    }
    errors = {
        name: (torch.cat([family.back(part, {}) for part in torch.split(way, 64)]) - starts)
        .abs()
        .mean((1, 2, 3))
        .double()
        .numpy()
        * 50
        for name, way in ways.items()
    }
    luck = np.random.default_rng(0)
    plain = errors["as it is"]
    found: dict[str, Number] = {f"error, {name}": mean_of(error, luck) for name, error in errors.items()}
    return found | {f"{name} over as it is": ratio_of(errors[name], plain, luck) for name in list(errors)[1:]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Translations")
    parser.add_argument("painters", nargs="+")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--walls", type=Path, help="a folder for a picture of each")
    given = parser.parse_args()
    if given.walls is not None:
        given.walls.mkdir(parents=True, exist_ok=True)
    for name in given.painters:
        found = scores(name, given.count)
        print(f"\n**{name}**, {found.facts['count']} pictures it never saw\n\n| what | of | measured |\n|---|---|---|")
        for what, numbers in found.understood.items():
            for of, number in numbers.items():
                print(f"| {what} | {of} | {number} |")
        painter = open_painter(name)
        if given.walls is not None:
            wall(painter, given.count).save(given.walls / f"{name}.png", optimize=True)
        if isinstance(painter.family, CycleGan):
            for of, number in hidden(painter, given.count).items():
                print(f"| there and back | {of} | {number} |")


if __name__ == "__main__":
    main()
