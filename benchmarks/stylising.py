"""Style transfer measured: `python benchmarks/stylising.py PHOTOS PAINTINGS --wall WALL.jpg` prints a Markdown table.

Every photograph of a folder is painted in the style of every painting of another, at 512 × 512 pixels, by both painters in the
box, at several strengths. Beside them stand photographs blended with the paintings, pixel by pixel, in the same proportions.
Two judges say how far each is from the painting in style, and from the photograph in what is shown: VGG16, by the measures of
Gatys et al. 2016 (equations 1 and 4, each as a share of what is asked), by which `gatys` paints, and EfficientNet-Lite0, which
neither painter knows. All pictures of the greatest strength are shown, unpicked.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from danqing.data.resample import fitted
from danqing.families.style import CONTENT, STYLES
from danqing.maths.seen import to_network
from danqing.metrics.measured import Measured, mean_of
from danqing.paint import Session, load
from danqing.painters.start_pictures import read_picture
from danqing.parts.perceptual import Perceptual, grams, on_white, styles_apart
from danqing.parts.vgg import vgg

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
SIDE = 512
STRENGTHS = (0.3, 0.5, 0.7, 1.0)
"""By default; those below 1 are also shares of the painting in a blend."""
COLUMNS = ("style, VGG16", "shown, VGG16", "style, EfficientNet", "shown, EfficientNet")


class Judges:
    """Distances of pictures to one photograph and one painting."""

    def __init__(self) -> None:
        self.perceptual, self.network = Perceptual(), vgg().requires_grad_(False)

    @torch.no_grad()
    def __call__(self, picture: Pixels, photo: Pixels, style: Pixels) -> tuple[float, ...]:
        """To the painting in style, and to the photograph in what is shown; first by VGG16, then by EfficientNet."""
        x, start, asked = (on_white(to_network(pixels)[None]) for pixels in (picture, photo, style))
        mine, known = self._maps(x), self._maps(start)
        # Strokes as wide as in a painting of as many pixels.
        scale = (x[0, 0].numel() / asked[0, 0].numel()) ** 0.5
        like = self._maps(F.interpolate(asked, scale_factor=scale, mode="bilinear", antialias=True))
        apart = [_share(grams(mine[layer]), grams(like[layer])) for layer in STYLES]
        shown = _share(mine[CONTENT], known[CONTENT])
        return sum(apart) / len(apart), shown, float(styles_apart(x, asked)[0]), float(self.perceptual(x, start)[0])

    def _maps(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return self.network.maps(x, (*STYLES, CONTENT))


def _share(one: torch.Tensor, asked: torch.Tensor) -> float:
    return float((one - asked).square().sum() / asked.square().sum())


def blended(photo: Pixels, style: Pixels, share: float) -> Pixels:
    """A photograph and a painting over each other."""
    return np.asarray((1 - share) * photo + share * style, np.uint8)


def in_front(session: Session, photo: Path, style: Path, strength: float) -> tuple[Pixels, float, float]:
    """A painting, its seconds of the clock, and of the processor."""
    began, worked = time.perf_counter(), time.process_time()
    image = session.paint(init=str(photo), conditions={"style": str(style)}, size=(SIDE, SIDE), strength=strength).image
    return np.asarray(image), time.perf_counter() - began, time.process_time() - worked


def main() -> None:
    """Paint, measure, show."""
    parser = argparse.ArgumentParser(description="Style transfer")
    parser.add_argument("photos", type=Path)
    parser.add_argument("paintings", type=Path)
    parser.add_argument("--painters", nargs="+", default=["any-style", "gatys"])
    parser.add_argument("--strengths", nargs="+", type=float, default=STRENGTHS)
    parser.add_argument("--wall", type=Path, help="a picture of all")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    photos, paintings = (
        sorted(path for path in folder.iterdir() if path.is_file()) for folder in (given.photos, given.paintings)
    )
    judges, painters = Judges(), {name: load(name) for name in given.painters}
    for session in painters.values():  # opened and converted before the clock runs
        session.paint(init=str(photos[0]), conditions={"style": str(paintings[0])}, size=(64, 64))
    found: dict[str, list[tuple[float, ...]]] = {}
    tiles: list[list[Pixels]] = []
    for photo in photos:
        start = fitted(read_picture(photo), (SIDE, SIDE), 3, fit="crop")
        Image.fromarray(start).save(place := Path(f"{photo.stem}-{SIDE}.png"))
        rows: dict[str, list[Pixels]] = {name: [] for name in painters}
        for painting in paintings:
            style = read_picture(painting)
            square = fitted(style, (SIDE, SIDE), 3, fit="crop")
            for share in (strength for strength in given.strengths if strength < 1):
                row = judges(blended(start, square, share), start, style)
                found.setdefault(f"blend, {share:.0%} of the painting", []).append(row)
            for (name, session), strength in itertools.product(painters.items(), given.strengths):
                pixels, clock, worked = in_front(session, place, painting, strength)
                row = (*judges(pixels, start, style), clock, worked)
                found.setdefault(f"{name}, strength {strength:g}", []).append(row)
                if strength == max(given.strengths):
                    rows[name].append(pixels)
                print(f"{photo.stem}, {painting.stem}, {name} {strength:g}: {row}", flush=True)
        tiles += [[start, *rows[name]] for name in painters]
        place.unlink()
    luck = np.random.default_rng(0)

    def column(name: str, place: int) -> Measured:
        return mean_of(np.array([row[place] for row in found[name]]), luck)

    print(f"\n| who | {' | '.join(COLUMNS)} | seconds | CPU seconds |\n|{'---|' * 7}")
    for name in sorted(found):
        cells = [str(column(name, place)) for place in range(len(found[name][0]))]
        print(f"| {name} | {' | '.join(cells)} |" + " |" * (6 - len(cells)))
    if given.wall is not None:
        _wall(paintings, tiles).save(given.wall, quality=88)


def _wall(paintings: list[Path], tiles: list[list[Pixels]], side: int = 256) -> Image.Image:
    """Styles above; each photograph with its paintings by one painter, and below by the other."""
    heads = [fitted(read_picture(path), (SIDE, SIDE), 3, fit="crop") for path in paintings]
    rows = [[np.full((SIDE, SIDE, 3), 255, np.uint8), *heads], *tiles]
    sheet = Image.new("RGB", (side * len(rows[0]), side * len(rows)), "white")
    for down, row in enumerate(rows):
        for right, pixels in enumerate(row):
            sheet.paste(Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS), (right * side, down * side))
    return sheet


if __name__ == "__main__":
    main()
