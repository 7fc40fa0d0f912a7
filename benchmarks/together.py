"""What becomes of two things in one wish: `python benchmarks/together.py PAINTER` prints a Markdown table.

One-word labels that the painter learnt are asked for with another thing: on the head, beside, in front, below. Painted as one
picture they are read as written, or with all that is said of the first thing softer (decision 23); or each thing is painted by
itself and both are put together (decision 25), which is also done with real pictures of both in the same style, as the last of
the languages was read, and beside each other where it was not read as of two. Judges who
learnt from real pictures of other styles look at the whole and at its halves and quarters, and tell whether the one and the
other thing are among their five guesses of any.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from best_of import result
from said import short

from danqing.conditions.things import parted
from danqing.data.gallery import Many
from danqing.data.picture_set import PictureSet
from danqing.data.resample import Pixels, Resized, resize
from danqing.metrics.extractor import DEFAULT
from danqing.metrics.extractors import extractor
from danqing.metrics.measured import mean_of
from danqing.paint import load
from danqing.painters.arrangement import arranged
from danqing.painters.hearing import Court
from danqing.painters.start_pictures import from_image
from danqing.painters.trial import features_of, learnt_from
from danqing.words import Wish

OTHERS = ("crown", "dog", "balloon", "guitar", "sailboat")
ASKED = {
    "en": ("a {} with a crown", "a {} and a dog", "a {} holding a balloon", "a {} with a guitar", "a {} on a sailboat"),
    "zh": ("戴王冠的{}", "{}和狗", "拿着气球的{}", "弹吉他的{}", "帆船上的{}"),
}
"""Each takes the label at its braces, and names one of `OTHERS`, in their order."""
SIDE = 64
"""Pixels of a side that are judged."""
PARTS = tuple(
    (top, bottom, left, right) for top, bottom in ((0, 2), (0, 1), (1, 2)) for left, right in ((0, 2), (0, 1), (1, 2))
)
"""The whole, its halves and quarters, in halves of the sides."""


def part(pixels: Pixels, top: int, bottom: int, left: int, right: int) -> Resized:
    """What can be seen in a part of a picture, as large as it gets."""
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    inside = pixels[top * height : bottom * height, left * width : right * width]
    rows, columns = (np.flatnonzero((inside[..., 3] > 64).any(axis)) for axis in (1, 0))
    if len(rows):
        inside = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = SIDE / max(inside.shape[:2])
    tall, wide = (max(1, round(side * scale)) for side in inside.shape[:2])
    whole = np.zeros((SIDE, SIDE, 4), np.uint8)
    down, across = (SIDE - tall) // 2, (SIDE - wide) // 2
    whole[down : down + tall, across : across + wide] = resize(np.ascontiguousarray(inside), tall, wide)
    return whole


def main(name: str, count: int, through: str) -> None:
    """Paint, judge, print a row for each language."""
    session, see, luck = load(name), extractor(through), np.random.default_rng(0)
    painter = session.painter
    gallery = learnt_from(painter, PictureSet.open(str(painter.facts.trained["set"]))).train
    court = Court(gallery, result(features_of(gallery, see, "looking")), see)
    of = [gallery.pictures[number] for number in gallery.numbers.tolist()]
    second = {
        (picture.captions["en"][0], picture.style): row
        for row, picture in enumerate(of)
        if picture.captions.get("en", ("",))[0] in OTHERS
    }
    complete = {style for _, style in second if all((other, style) in second for other in OTHERS)}
    fit = [row for row, picture in enumerate(of) if short(picture) and picture.style in complete]
    rows = [row for row in court.known(gallery, np.array(fit)).tolist() if of[row].captions["en"][0] not in OTHERS]
    drawn = luck.permutation(rows)[:count].tolist()
    pictures = [of[row] for row in drawn]
    beside = [second[OTHERS[place % len(OTHERS)], picture.style] for place, picture in enumerate(pictures)]
    others = [of[row] for row in beside]

    def cells(many: Iterable[np.ndarray]) -> str:
        columns = np.array([[part(pixels, *corners) for corners in PARTS] for pixels in many])
        seen = [see.features(column) for column in columns.swapaxes(0, 1)]
        hits = [np.max([court.recognised(features, of_them) for features in seen], 0) for of_them in (pictures, others)]
        return " | ".join(str(mean_of(found, luck)) for found in (*hits, hits[0] * hits[1]))

    def painted(wishes: Sequence[Wish]) -> Many:
        return np.stack([from_image(painting.image) for painting in session.paint_all(wishes)])

    print(f"| {len(pictures)} paintings each | the first thing recognised | the other | both |\n|---|---|---|---|")
    places: list[list[str]] = []
    for language, templates in ASKED.items():
        words = [
            templates[place % len(templates)].format(picture.captions[language][0]) for place, picture in enumerate(pictures)
        ]
        wishes = [
            Wish(text, seed=place, size=(128, 128), conditions={"style": picture.style})
            for place, (text, picture) in enumerate(zip(words, pictures, strict=True))
        ]
        read = [session.resolve(wish).read for wish in wishes]
        places = [[thing.place for thing in parted(text)[1]] for text in read]
        told = sum(len(found) == 1 for found in places)
        as_written = [dataclasses.replace(wish, read_as=wish.words) for wish in wishes]
        softer = [session.understood(wish, several=False) for wish in wishes]
        print(f"| {language}, as written | {cells(painted(as_written))} |", flush=True)
        print(f"| {language}, said softer | {cells(painted(softer))} |", flush=True)
        print(f"| **{language}, thing by thing** ({told} of {len(read)} parted) | {cells(painted(wishes))} |", flush=True)
    size = (128, 128)
    real = [
        arranged([resize(gallery.straight(slice(row, row + 1))[0], *size) for row in pair], place or ["beside"])
        for *pair, place in zip(drawn, beside, places, strict=True)
    ]
    print(f"| real pictures of both, put together | {cells(real)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What becomes of two things in one wish")
    parser.add_argument("painter", nargs="?", default="emoji")
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--extractor", default=DEFAULT, help="through which the judges look")
    given = parser.parse_args()
    main(given.painter, given.count, given.extractor)
