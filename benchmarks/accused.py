"""How often real pictures are accused: 50 bootstraps of held-out pictures of a set, passed off as paintings.

`python benchmarks/accused.py emoji`. Half of the set's held-out pictures stand for a painter, the other half is what it is
measured against; two accusations of 50, of anything, are what is allowed.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from danqing.data.gallery import of_set
from danqing.data.picture_set import PictureSet
from danqing.data.prepare import Preparation
from danqing.metrics.baselines import BASELINES
from danqing.metrics.copies import copies
from danqing.metrics.extractors import extractor
from danqing.metrics.findings import REAL, of_copies, of_modes, of_quality
from danqing.metrics.modes import modes
from danqing.metrics.neighbours import radii
from danqing.metrics.quality import quality
from danqing.parts.contract import Key

TIMES, ROW = 50, 1000


def main() -> None:
    """Judge real pictures 50 times, and print what they were accused of."""
    parser = argparse.ArgumentParser(description="How often real pictures are accused of anything")
    parser.add_argument("set")
    parser.add_argument("--size", type=int, default=32)
    given = parser.parse_args()
    torch.set_num_threads(1)
    pictures, see, key = PictureSet.open(given.set), extractor(), Key(0)
    gallery = of_set(pictures, Preparation(size=(given.size, given.size), channels=4))
    train, held = (see.features(gallery.take(pictures.split(part)).straight()) for part in ("train", "held_out"))
    luck = np.random.default_rng(0)
    held = held[torch.from_numpy(luck.permutation(len(held)))]
    pool, against = held[: len(held) // 2], held[len(held) // 2 :]
    reach = radii(against)
    pixels = gallery.take(pictures.split("held_out")).straight()
    some = train[torch.from_numpy(luck.permutation(len(train))[:ROW])]
    rows = {
        name: quality(see.features(make(pixels, ROW, key.at(name))), against, key, reach) for name, make in BASELINES.items()
    }
    rows[REAL] = quality(some, against, key, reach)
    accused = []
    for number in range(TIMES):
        painted = pool[torch.from_numpy(luck.integers(0, len(pool), len(pool)))]
        found = quality(painted, against, key.at(number), reach)
        verdicts = (
            of_copies(copies(painted, train, against)),
            of_modes(modes(painted, against), found, rows),
            of_quality(found, rows),
        )
        accused.append(sorted(verdict.fault for verdict in verdicts if verdict))
    sizes = f"{len(pool):,} of {given.set}, against {len(against):,} others, {len(train):,} to learn from"
    print(f"{sizes}: {sum(map(bool, accused))} of {TIMES} accused {[found for found in accused if found] or ''}")


if __name__ == "__main__":
    main()
