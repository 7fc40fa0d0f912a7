"""Whose hand paintings show at the size at which they are shown: `python benchmarks/shown.py PAINTER` prints a Markdown table.

(Concept, style) pairs that were held out are painted, enlarged as users see them, with soft shades and with those that their
style has (decision 26). Judges who learnt from real pictures of the same size tell the style, and, without ever having
seen it, the thing among five guesses; beside them stand the real pictures of just those pairs.
"""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np
from best_of import result

from danqing.data.gallery import Many, of_set
from danqing.data.picture_set import PictureSet
from danqing.metrics.extractor import DEFAULT
from danqing.metrics.extractors import extractor
from danqing.metrics.measured import mean_of
from danqing.paint import load
from danqing.painters.hearing import Court
from danqing.painters.start_pictures import from_image
from danqing.painters.trial import features_of, preparation_of, split_of, style_judge
from danqing.words import Wish


def main(name: str, count: int, side: int, through: str) -> None:
    """Paint, judge, print a row for each way."""
    session, see, luck = load(name), extractor(through), np.random.default_rng(0)
    pictures = PictureSet.open(str(session.painter.facts.trained["set"]))
    whole = of_set(pictures, preparation_of(session.painter).model_copy(update={"size": (side, side)}))
    learnt, held = (whole.take(numbers) for numbers in split_of(session.painter, pictures))
    court, hands = Court(learnt, result(features_of(learnt, see, "looking")), see), result(style_judge(learnt, see))
    assert hands is not None
    beside = held.take(held.numbers[luck.permutation(court.known(held, np.arange(len(held))))[:count]])
    asked = [beside.pictures[number] for number in beside.numbers.tolist()]
    styles = [picture.style for picture in asked]
    wishes = [
        Wish(picture.captions["en"][0], seed=row, size=(side, side), conditions={"style": picture.style})
        for row, picture in enumerate(asked)
    ]
    ways = {
        "soft shades": [dataclasses.replace(wish, flat=False) for wish in wishes],
        "**as the style has them**": wishes,
    }
    names = sorted(set(styles))
    print(f"| {len(asked)} at {side} × {side} | right style | recognised | {' | '.join(names)} |\n{'|---' * (3 + len(names))}|")

    def row(way: str, many: Many) -> None:
        right = hands.right(hands.see.features(many), styles)
        known = mean_of(court.recognised(see.features(many), asked), luck)
        each = [f"{right[[style == name for style in styles]].mean():.2f}" for name in names]
        print(f"| {way} | {mean_of(right, luck)} | {known} | {' | '.join(each)} |", flush=True)

    for way, several in ways.items():
        row(way, np.stack([from_image(painting.image) for painting in session.paint_all(several)]))
    row("real pictures", beside.straight())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Whose hand paintings show at the size at which they are shown")
    parser.add_argument("painter", nargs="?", default="emoji")
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--side", type=int, default=128, help="pixels of a side; pictures of the set may not be smaller")
    parser.add_argument("--extractor", default=DEFAULT, help="through which the judges look")
    given = parser.parse_args()
    main(given.painter, given.count, given.side, given.extractor)
