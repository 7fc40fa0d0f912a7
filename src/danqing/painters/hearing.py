"""What a painter makes of words: of labels in hands it never saw them in, and of words that no caption ever said.

Judged as by `danqing.metrics.recognition`: who judges paintings of a style has learnt from real pictures of the other styles.
Each number stands beside what real pictures, or labels, reach with the same judge.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64

from danqing.conditions.conditioner import finished
from danqing.conditions.text import TextCondition
from danqing.data.captions import unread_of
from danqing.data.gallery import Gallery, Many
from danqing.data.lookalikes import concept
from danqing.metrics.copies import closeness
from danqing.metrics.extractor import Extractor
from danqing.metrics.features import Features, Others
from danqing.metrics.measured import Measured, Number, mean_of, ratio_of
from danqing.metrics.recognition import FEWEST, Classifier, classifier
from danqing.metrics.styles import StyleJudge
from danqing.painters.painter import Painter
from danqing.painters.sheet import paint_values
from danqing.painters.trial import Real, features_of, style_judge
from danqing.parts.contract import Key
from danqing.words import Doing, Picture

COUNT = 256
"""Paintings of each kind of words, at most."""
TOP = 5
AT_ONCE = 64


def heard(
    painter: Painter, real: Real, train: Features, held: Others, see: Extractor, key: Key
) -> Generator[Doing, None, dict[str, dict[str, Number]]]:
    """Paint by words of each language, and say what the paintings are taken for.

    Args:
        painter: with words and styles; of any other nothing is said.
        real: the pictures; (concept, style) pairs may have been held out.
        train, held: their features.
        see: the extractor they are of.
        key: of the draws.

    Returns:
        "held-out pairs" and "words never read", where there are enough of either, each a table of numbers.
    """
    if not {"text", "style"} <= painter.conditions.keys():
        return {}
    court = Court(real.train, train, see)
    luck = np.random.default_rng(key.at("draws").generator().initial_seed())
    found: dict[str, dict[str, Number]] = {}
    rows = court.known(real.held_out, np.arange(len(real.held_out)))
    if len(rows) >= 4 * FEWEST and real.learnt:
        rows = luck.permutation(rows)[:COUNT]
        beside = real.held_out.take(real.held_out.numbers[rows])
        hands = yield from style_judge(real.train, see)
        seen = held[torch.from_numpy(rows)]
        found["held-out pairs"] = yield from _pairs(painter, court, hands, beside, seen, key.at("pairs"))
    told: dict[str, Number] = {}
    text = painter.conditions["text"]
    # Painters of before do not tell what they read, and may have read these words.
    read = text.learnt if isinstance(text, TextCondition) else ()
    for language in ("en", "zh") if read else ():
        named = [row for row, picture in enumerate(_pictures(real.train)) if unread_of(picture).get(language)]
        rows = court.known(real.train, np.array(named, np.int64))
        if len(rows) >= 4 * FEWEST:
            beside = real.train.take(real.train.numbers[luck.permutation(rows)[:COUNT]])
            told |= yield from _unread(painter, court, beside, language, key.at("unread", language))
    return found | ({"words never read": told} if told else {})


class Court:
    """Judges of each style that never saw it."""

    def __init__(self, gallery: Gallery, features: Features, see: Extractor) -> None:
        self.see, self.features = see, features
        labels, styles = [concept(picture) for picture in _pictures(gallery)], [p.style for p in _pictures(gallery)]
        self.judges: dict[str, Classifier] = {}
        for style in sorted(set(styles)):
            rows = [row for row, label in enumerate(labels) if label is not None and styles[row] != style]
            if len({labels[row] for row in rows}) > 1:
                self.judges[style] = classifier(features[rows], [str(labels[row]) for row in rows])

    def known(self, gallery: Gallery, rows: Int64[np.ndarray, " some"]) -> Int64[np.ndarray, " fewer"]:
        """Those rows of a gallery that are of something their judge knows."""
        pictures = _pictures(gallery)
        kept = [row for row in rows.tolist() if self._can(pictures[row])]
        return np.array(kept, np.int64)

    def _can(self, picture: Picture) -> bool:
        return picture.style in self.judges and concept(picture) in self.judges[picture.style].classes

    def recognised(self, features: Features, pictures: Sequence[Picture]) -> np.ndarray:
        """1 for what is among the first five guesses, else 0."""
        hits = [
            self.judges[picture.style].ranks(features[row : row + 1], [str(concept(picture))])[0] < TOP
            for row, picture in enumerate(pictures)
        ]
        return np.array(hits, np.float64)


def _pairs(
    painter: Painter, court: Court, hands: StyleJudge | None, beside: Gallery, real: Features, key: Key
) -> Generator[Doing, None, dict[str, Number]]:
    """Labels in either language, in styles they were never shown in, beside the real pictures of just those pairs."""
    pictures, luck = _pictures(beside), np.random.default_rng(key.generator().initial_seed())
    reached = court.recognised(real, pictures)
    found: dict[str, Number] = {"real pictures, top 5": mean_of(reached, luck)}
    styles = [picture.style for picture in pictures]
    found["real pictures, closeness to what was learnt from"] = mean_of(closeness(real, court.features)[0].numpy(), luck)
    for language in ("en", "zh"):
        words = [picture.captions.get(language, ("",))[0] for picture in pictures]
        if not all(words):
            continue
        many = yield from _painted(painter, words, pictures, f"held-out pairs, {language}", key.at("paint"))
        mine = court.see.features(many)
        hits = court.recognised(mine, pictures)
        found[f"{language}, top 5"] = mean_of(hits, luck)
        found[f"{language}, of what real pictures reach"] = ratio_of(hits, reached, luck)
        found[f"{language}, closeness to what was learnt from"] = mean_of(closeness(mine, court.features)[0].numpy(), luck)
        if hands is not None:
            found[f"{language}, right style"] = mean_of(hands.right(hands.see.features(many), styles), luck)
    if hands is not None:
        seen = yield from features_of(beside, hands.see, "looking at the styles of the held-out pictures")
        found["real pictures, right style"] = mean_of(hands.right(seen, styles), luck)
    return found


def _unread(
    painter: Painter, court: Court, beside: Gallery, language: str, key: Key
) -> Generator[Doing, None, dict[str, Measured]]:
    """Words never read, beside the labels of the same pictures."""
    pictures, luck = _pictures(beside), np.random.default_rng(key.generator().initial_seed())
    several = [unread_of(picture)[language] for picture in pictures]
    words = {
        "labels of the same": [picture.captions[language][0] for picture in pictures],
        "words never read": [of[int(draw * len(of))] for of, draw in zip(several, luck.random(len(several)), strict=True)],
    }
    hits = {}
    for name, column in words.items():
        many = yield from _painted(painter, column, pictures, f"{name}, {language}", key.at("paint"))
        hits[name] = court.recognised(court.see.features(many), pictures)
    found = {f"{language}, {name}, top 5": mean_of(column, luck) for name, column in hits.items()}
    return found | {f"{language}, of what labels reach": ratio_of(hits["words never read"], hits["labels of the same"], luck)}


def _painted(
    painter: Painter, words: Sequence[str], pictures: Sequence[Picture], what: str, key: Key
) -> Generator[Doing, None, Many]:
    """Paintings by these words in the pictures' styles; the same key gives the same noise to each row."""
    style, text = painter.conditions["style"], painter.conditions["text"]
    assert isinstance(text, TextCondition)
    values: dict[str, list[Any]] = {
        "text": [text.parse(text.understood(word, painter.facts.channels > 1)) for word in words],
        "style": [style.parse(picture.style) for picture in pictures],
    }
    parts = []
    for start in range(0, len(words), AT_ONCE):
        yield Doing(f"painting {what}", start, len(words))
        part = {name: column[start : start + AT_ONCE] for name, column in values.items()}
        many = paint_values(painter.family, part, len(part["text"]), painter.facts.size, key.at(start))
        parts.append(finished(painter.conditions, many, part))
    return np.concatenate(parts)


def _pictures(gallery: Gallery) -> list[Picture]:
    return [gallery.pictures[number] for number in gallery.numbers.tolist()] if len(gallery.pictures) else []
