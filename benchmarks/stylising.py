"""Style transfer measured: `python benchmarks/stylising.py PHOTOS PAINTINGS --wall WALL.jpg` prints a Markdown table.

Every photograph of a folder is painted in the style of every painting of another, at 512 × 512 pixels, by both painters in the
box. Distances are those of EfficientNet-Lite0, which neither painter knows: of the style, as `danqing stylize` tells it, and of
what is shown, to the photograph. Beside them stand photographs blended with the paintings, pixel by pixel, in several
proportions. All pictures are shown, unpicked.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from danqing.conditions.style_pictures import StylePictures
from danqing.data.resample import fitted
from danqing.maths.seen import to_network
from danqing.metrics.measured import Measured, mean_of
from danqing.paint import Session, load
from danqing.painters.start_pictures import read_picture
from danqing.parts.perceptual import Perceptual

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
SIDE = 512
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Of the painting, in a blend."""


class Judge:
    """Both distances of a picture."""

    def __init__(self) -> None:
        self.see, self.styles = Perceptual(), StylePictures()

    def __call__(self, picture: Pixels, photo: Pixels, style: Pixels, path: str) -> tuple[float, float]:
        """To the painting in style, and to the photograph in what is shown."""
        value = self.styles.filled(self.styles.parse(path), {path: style})
        with torch.no_grad():
            shown = float(self.see(to_network(picture)[None], to_network(photo)[None])[0])
        return self.styles.miss(value, picture) or 0.0, shown


def blended(photo: Pixels, style: Pixels, share: float) -> Pixels:
    """A photograph and a painting over each other."""
    return np.asarray((1 - share) * photo + share * style, np.uint8)


def in_front(session: Session, photo: Path, style: Path) -> tuple[Pixels, float, float]:
    """A painting, its seconds of the clock, and of the processor."""
    began, worked = time.perf_counter(), time.process_time()
    image = session.paint(init=str(photo), conditions={"style": str(style)}, size=(SIDE, SIDE)).image
    return np.asarray(image), time.perf_counter() - began, time.process_time() - worked


def main() -> None:
    """Paint, measure, show."""
    parser = argparse.ArgumentParser(description="Style transfer")
    parser.add_argument("photos", type=Path)
    parser.add_argument("paintings", type=Path)
    parser.add_argument("--painters", nargs="+", default=["any-style", "gatys"])
    parser.add_argument("--wall", type=Path, help="a picture of all")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    photos, paintings = (
        sorted(path for path in folder.iterdir() if path.is_file()) for folder in (given.photos, given.paintings)
    )
    judge, painters = Judge(), {name: load(name) for name in given.painters}
    for session in painters.values():  # opened and converted before the clock runs
        session.paint(init=str(photos[0]), conditions={"style": str(paintings[0])}, size=(64, 64))
    blends = {f"blend, {share:.0%} of the painting": share for share in SHARES}
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in (*painters, *blends)}
    tiles: list[list[Pixels]] = []
    for photo in photos:
        start = fitted(read_picture(photo), (SIDE, SIDE), 3, fit="crop")
        Image.fromarray(start).save(place := Path(f"{photo.stem}-{SIDE}.png"))
        rows: dict[str, list[Pixels]] = {name: [] for name in painters}
        for painting in paintings:
            style = read_picture(painting)
            square = fitted(style, (SIDE, SIDE), 3, fit="crop")
            mixed = {share: judge(blended(start, square, share), start, style, str(painting)) for share in SHARES}
            for name, session in painters.items():
                pixels, clock, worked = in_front(session, place, painting)
                far, shown = judge(pixels, start, style, str(painting))
                found[name].append((far, shown, clock, worked))
                rows[name].append(pixels)
                print(f"{photo.stem}, {painting.stem}, {name}: {far:.3f}, {shown:.3f}, {clock:.1f} s", flush=True)
            for blend, share in blends.items():
                found[blend].append(mixed[share])
        tiles += [[start, *rows[name]] for name in painters]
        place.unlink()
    luck = np.random.default_rng(0)

    def column(name: str, place: int) -> Measured:
        return mean_of(np.array([row[place] for row in found[name]]), luck)

    print("\n| who | distance to the style | distance to what is shown | seconds | CPU seconds |\n|---|---|---|---|---|")
    for name in found:
        cells = [str(column(name, place)) for place in range(len(found[name][0]))]
        print(f"| {name} | {' | '.join(cells)} |" + " |" * (4 - len(cells)))
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
