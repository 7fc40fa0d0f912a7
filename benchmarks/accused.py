"""How often real pictures are accused, and bent ones, and how often who repeats himself is: 50 bootstraps of each.

`python benchmarks/accused.py emoji`. Half of the set's held-out pictures stand for a painter, the other half is what it is
measured against; two accusations of 50, of anything, are what is allowed. Bent pictures share a fault, but none is missing:
they may be called undertrained, not collapsed. A painter of a tenth of the pictures, each bent in ten ways, has the same fault
and has collapsed; so has one of a fifth.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from danqing.data.gallery import Gallery, Many, of_set
from danqing.data.picture_set import PictureSet
from danqing.data.prepare import Preparation
from danqing.maths.colour import unpremultiply
from danqing.metrics.baselines import BASELINES
from danqing.metrics.copies import copies
from danqing.metrics.extractor import DEFAULT
from danqing.metrics.extractors import EXTRACTORS, extractor
from danqing.metrics.findings import REAL, of_copies, of_modes, of_quality
from danqing.metrics.measured import Measured
from danqing.metrics.modes import modes
from danqing.metrics.neighbours import radii
from danqing.metrics.quality import quality
from danqing.parts.contract import Key

TIMES, ROW, PLACES = 50, 1000, 5
BENT = (0.06, 0.10)
"""Standard deviations by which places move, in halves of a side."""
SHARES = (0.1, 0.2)


def main() -> None:
    """Judge each 50 times, and print what they were accused of."""
    parser = argparse.ArgumentParser(description="How often real pictures are accused of anything")
    parser.add_argument("set")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--extractor", choices=EXTRACTORS, default=DEFAULT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    pictures, see, key = PictureSet.open(given.set), extractor(given.extractor), Key(0)
    gallery = of_set(pictures, Preparation(size=(given.size, given.size), channels=4))
    luck = np.random.default_rng(0)
    held, train = (gallery.take(luck.permutation(pictures.split(part))) for part in ("held_out", "train"))
    pool, others = held.take(held.numbers[: len(held) // 2]), held.take(held.numbers[len(held) // 2 :])
    learnt, against = (see.features(each.straight()) for each in (train, others))
    reach, pixels = radii(against), held.straight()
    rows = {
        name: quality(see.features(make(pixels, ROW, key.at(name))), against, key, reach) for name, make in BASELINES.items()
    }
    rows[REAL] = quality(learnt[:ROW], against, key, reach)
    shown: dict[str, Many] = {"real pictures": pool.straight()}
    for strength in BENT:
        shown[f"bent by {strength:.0%}"] = bent(pool, strength, key)
        for share in SHARES:
            some = np.resize(pool.numbers[: round(share * len(pool))], len(pool))
            shown[f"{share:.0%} of them, bent by {strength:.0%}"] = bent(pool.take(some), strength, key)
    print(f"{len(pool):,} of {given.set}, against {len(against):,} others, {len(learnt):,} to learn from; {TIMES} bootstraps\n")
    print("| paintings | precision | recall | aligned | diversity | accused of |\n|---|---|---|---|---|---|")
    for name, those in shown.items():
        seen, accused, numbers = see.features(those), Counter[str](), []
        for number in range(TIMES):
            painted = seen[torch.from_numpy(luck.integers(0, len(seen), len(seen)))]
            found, kinds = quality(painted, against, key.at(number), reach), modes(painted, against)
            verdicts = of_copies(copies(painted, learnt, against)), of_modes(kinds, found, rows), of_quality(found, rows)
            accused.update(verdict.fault for verdict in verdicts if verdict)
            told = [found["precision"], found["recall"], kinds.recall, found["diversity"]]
            numbers.append([each.value for each in told if isinstance(each, Measured)])
        means = " | ".join(f"{mean:.2f}" for mean in np.mean(numbers, 0))
        faults = ", ".join(f"{fault} {times}" for fault, times in accused.items()) or "nothing"
        print(f"| {name} | {means} | {faults} |", flush=True)


def bent(gallery: Gallery, strength: float, key: Key) -> Many:
    """Each picture with its places moved smoothly, in a way of its own."""
    x = torch.from_numpy(np.ascontiguousarray(gallery.pixels[gallery.numbers])).float()
    ways = strength * key.at("bent").normal(len(x), 2, PLACES, PLACES)
    moved = F.interpolate(ways, size=x.shape[-2:], mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    still = F.affine_grid(torch.eye(2, 3).expand(len(x), 2, 3), list(x.shape), align_corners=False)
    found: Tensor = F.grid_sample(x, still + moved, "bicubic", "border", align_corners=False)
    return unpremultiply(np.moveaxis(found.round().clamp(0, 255).byte().numpy(), 1, -1).copy())


if __name__ == "__main__":
    main()
