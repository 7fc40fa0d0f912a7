"""What is painted of a thing when something is said of it: `python benchmarks/said.py PAINTER` prints a Markdown table.

One-word labels that the painter learnt are asked for alone and with a look, a colour or a thing beside them, in both languages,
as written, as they are understood, and so with what is said of them at each weight (decisions 23 and 24). Judges who learnt
from real pictures of other styles tell how often the thing itself is among their five guesses; of colours it is also told what
share of a painting has them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from best_of import result

from danqing.conditions import heads
from danqing.conditions.colours import shades_of
from danqing.conditions.conditioner import finished
from danqing.conditions.text import TextCondition
from danqing.data.gallery import Many
from danqing.data.picture_set import PictureSet
from danqing.maths.colour import bytes_to_oklab
from danqing.metrics.extractor import DEFAULT
from danqing.metrics.extractors import extractor
from danqing.metrics.measured import mean_of
from danqing.paint import load
from danqing.painters.hearing import AT_ONCE, Court
from danqing.painters.sheet import paint_values
from danqing.painters.trial import features_of, learnt_from
from danqing.parts.contract import Key
from danqing.words import Picture

COLOURS = {
    "red": (200, 40, 40), "green": (50, 150, 60), "blue": (50, 90, 200), "yellow": (245, 200, 50), "purple": (130, 60, 170),
    "brown": (120, 80, 50), "black": (20, 20, 20), "gray": (128, 128, 128), "white": (250, 250, 250), "skin": (245, 200, 170),
}  # fmt: skip
"""A shade of a painting has the nearest of these; the first five are asked for."""
ASKED = tuple(COLOURS)[:5]
SAID = {
    "en": {
        "looks": [
            f"a {word} {{}}" for word in ("cute", "sad", "angry", "sleepy", "happy", "tiny", "old", "shiny", "fluffy", "funny")
        ],
        "colours": [f"a {word} {{}}" for word in ASKED],
        "things beside it": [
            f"a {{}} {rest}" for rest in ("with a crown", "with a red hat", "in the snow", "on a boat", "holding flowers")
        ],
    },
    "zh": {
        "looks": [
            f"一只{word}的{{}}" for word in ("可爱", "悲伤", "生气", "困倦", "快乐", "小小", "古老", "闪亮", "毛茸茸", "滑稽")
        ],
        "colours": [f"{word}色的{{}}" for word in "红绿蓝黄紫"],
        "things beside it": [f"{rest}的{{}}" for rest in ["戴着王冠", "戴红帽子", "雪地里", "船上", "拿着花"]],
    },
}
"""Each takes the label at its braces; some words of them some caption says, others none does."""


def amounts(many: Many, colours: Sequence[str]) -> np.ndarray:
    """The share of each painting that has the colour asked of it."""
    ends = bytes_to_oklab(np.array(list(COLOURS.values()), np.uint8))
    found = []
    for pixels, colour in zip(many, colours, strict=True):
        shades, weights = shades_of(pixels)
        nearest = np.linalg.norm(shades[:, None] - ends, axis=-1).argmin(1)
        found.append(float(weights[nearest == list(COLOURS).index(colour)].sum() / weights.sum()) if len(shades) else 0.0)
    return np.array(found)


def short(picture: Picture) -> bool:
    """Whether its labels are one word in English and up to three characters in Chinese."""
    labels = [picture.captions.get(language, ("",))[0] for language in SAID]
    return bool(labels[0]) and labels[0].isalpha() and labels[0].islower() and 1 <= len(labels[1]) <= 3


def main(name: str, count: int, weights: Sequence[float], through: str) -> None:
    """Paint, judge, print a row for each kind of wish."""
    painter, see, luck = load(name).painter, extractor(through), np.random.default_rng(0)
    text, style = painter.conditions["text"], painter.conditions["style"]
    assert isinstance(text, TextCondition)
    gallery = learnt_from(painter, PictureSet.open(str(painter.facts.trained["set"]))).train
    court = Court(gallery, result(features_of(gallery, see, "looking")), see)

    rows = [row for row, number in enumerate(gallery.numbers) if short(gallery.pictures[number])]
    drawn = luck.permutation(court.known(gallery, np.array(rows)))[:count]
    pictures = [gallery.pictures[number] for number in gallery.numbers[drawn]]

    def painted(words: Sequence[str]) -> Many:
        values = {"text": [text.parse(word) for word in words], "style": [style.parse(picture.style) for picture in pictures]}
        size, key, many = painter.facts.size, Key("said"), []
        for start in range(0, len(words), AT_ONCE):
            part = {name: column[start : start + AT_ONCE] for name, column in values.items()}
            found = paint_values(painter.family, part, len(part["text"]), size, key.at(start))
            many.append(finished(painter.conditions, found, part))
        return np.concatenate(many)

    def cell(many: Many, colours: Sequence[str] | None) -> str:
        told = str(mean_of(court.recognised(see.features(many), pictures), luck))
        return told if colours is None else f"{told}; {mean_of(amounts(many, colours), luck)} of the colour"

    columns = " | ".join(f"what is said at {weight:g}" for weight in weights)
    print(f"| {len(pictures)} paintings each, recognised | the label alone | as written | as understood | {columns} |")
    print("|---" * (4 + len(weights)) + "|")
    usual = heads.SOFT
    for language, kinds in SAID.items():
        labels = [picture.captions[language][0] for picture in pictures]
        alone = painted(labels)
        for kind, templates in kinds.items():
            turns = [place % len(templates) for place in range(len(labels))]
            colours = [ASKED[turn] for turn in turns] if kind == "colours" else None
            wishes = [templates[turn].format(label) for turn, label in zip(turns, labels, strict=True)]
            heard = [text.understood(wish, True) for wish in wishes]
            cells = [cell(alone, colours), cell(painted(wishes), colours), cell(painted(heard), colours)]
            for heads.SOFT in weights:
                text.__dict__.pop("_vocabulary", None)  # which remembers what it understood
                cells.append(cell(painted([text.understood(wish) for wish in wishes]), colours))
            heads.SOFT = usual
            text.__dict__.pop("_vocabulary", None)
            print(f"| {language}, {kind} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What is painted of a thing when something is said of it")
    parser.add_argument("painter", nargs="?", default="emoji")
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--weights", type=float, nargs="+", default=[1, 0.7, 0.5, 0.35])
    parser.add_argument("--extractor", default=DEFAULT, help="through which the judges look")
    given = parser.parse_args()
    main(given.painter, given.count, given.weights, given.extractor)
