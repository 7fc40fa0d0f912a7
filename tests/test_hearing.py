"""What paintings by words are taken for: who paints what is asked is recognised, who does not is not, and styles are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from painters import make_painter
from torch import Tensor

from danqing.conditions.conditioner import fit
from danqing.data.captions import says, unread_facts, unread_of
from danqing.data.gallery import Gallery
from danqing.data.index import Row, held_out
from danqing.metrics.extractor import wrap
from danqing.metrics.measured import Measured, ratio_of
from danqing.painters import hearing
from danqing.painters.hearing import heard
from danqing.painters.painter import Painter, open_painter
from danqing.painters.trial import Real
from danqing.parts.contract import Key
from danqing.words import Picture

STYLES, THINGS = ("ink", "oil", "wax"), 150


def picture_of(thing: int, style: str) -> Picture:
    facts = unread_facts({"en": (f"strange{thing}",), "zh": (f"怪{thing}",)})
    return Picture(
        f"{thing} {style}", {"en": (f"thing{thing}",), "zh": (f"物{thing}",)}, style, concept=str(thing), facts=facts
    )


def pixels_of(thing: int, style: str, luck: np.random.Generator) -> np.ndarray:
    """Its colour says what it is, its lower half which style: what an extractor that averages halves can see."""
    own = np.random.default_rng(thing).integers(60, 200, 3)
    hand = 40 * STYLES.index(style)
    picture = np.full((3, 8, 8), 30 + hand, np.int64)
    picture[:, :4] = own[:, None, None]
    found: np.ndarray = np.clip(picture + luck.integers(-3, 4, picture.shape), 0, 255).astype(np.uint8)
    return found


def gallery(pairs: list[tuple[int, str]]) -> Gallery:
    luck = np.random.default_rng(0)
    pictures = [picture_of(*pair) for pair in pairs]
    pixels = np.stack([pixels_of(*pair, luck) for pair in pairs])
    return Gallery("things", pixels, [p.sha256 for p in pictures], pictures, np.arange(len(pairs)))


PAIRS = [(thing, style) for thing in range(THINGS) for style in STYLES]
HELD = [pair for place, pair in enumerate(PAIRS) if place % 5 == 0]
TRAIN = [pair for place, pair in enumerate(PAIRS) if place % 5]


class Halves(torch.nn.Module):
    """Mean colour of the upper and the lower half."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([half.mean(dim=(2, 3)) for half in x.chunk(2, dim=2)], 1) / 32


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch) -> Any:
    make_painter("tiny", channels=3, size=(8, 8))
    see = wrap("halves", Halves(), width=6, side=8)
    train, held = gallery(TRAIN), gallery(HELD)
    pictures = [picture_of(*pair) for pair in PAIRS]
    opened = open_painter("tiny")
    painter = Painter(opened.facts, opened.family, fit(pictures), opened.weights_sha256, opened.folder)

    def run(paints: Mapping[str, bool]) -> dict[str, dict[str, Any]]:
        """A painter that understands the kinds of words it is said to, and paints another thing for the rest."""

        def paint(family: Any, values: Mapping[str, list[Any]], count: int, size: Any, key: Key) -> np.ndarray:
            luck, found = np.random.default_rng(1), []
            for word, style in zip(values["text"], values["style"], strict=True):
                thing = int("".join(letter for letter in str(word) if letter.isdigit()))
                sure = next(able for start, able in paints.items() if str(word).startswith(start))
                hand = next(name for name in STYLES if painter.conditions["style"].parse(name) == style)
                found.append(np.moveaxis(pixels_of(thing if sure else (thing + 7) % THINGS, hand, luck), 0, -1))
            return np.stack(found)

        monkeypatch.setattr(hearing, "paint_values", paint)
        events = heard(painter, Real(train, held), see.features(train.straight()), see.features(held.straight()), see, Key(0))
        while True:
            try:
                next(events)
            except StopIteration as end:
                found: dict[str, dict[str, Any]] = end.value
                return found

    return run


def value(numbers: Mapping[str, Any], name: str) -> float:
    assert isinstance(numbers[name], Measured)
    found: float = numbers[name].value
    return found


def test_who_understands_everything_reaches_what_real_pictures_do(ground: Any) -> None:
    found = ground({"thing": True, "物": True, "strange": True, "怪": True})
    pairs, unread = found["held-out pairs"], found["words never read"]
    assert value(pairs, "real pictures, top 5") > 0.9
    for language in ("en", "zh"):
        assert value(pairs, f"{language}, of what real pictures reach") == pytest.approx(1, abs=0.05)
        assert value(pairs, f"{language}, right style") > 0.95
        close = value(pairs, f"{language}, closeness to what was learnt from")
        assert close == pytest.approx(value(pairs, "real pictures, closeness to what was learnt from"), abs=0.2)
        assert value(unread, f"{language}, of what labels reach") == pytest.approx(1, abs=0.05)


def test_words_that_are_not_understood_are_told_by_language_and_kind(ground: Any) -> None:
    found = ground({"thing": True, "物": False, "strange": False, "怪": False})
    pairs, unread = found["held-out pairs"], found["words never read"]
    assert value(pairs, "en, top 5") > 0.9
    assert value(pairs, "zh, top 5") < 0.4
    assert value(pairs, "zh, right style") > 0.95, "the style is another matter"
    assert value(unread, "en, labels of the same, top 5") > 0.9
    assert value(unread, "en, of what labels reach") < 0.4


def test_a_ratio_has_an_interval_around_it() -> None:
    luck = np.random.default_rng(0)
    mine, theirs = (luck.random(400) < 0.4).astype(float), (luck.random(400) < 0.8).astype(float)
    found = ratio_of(mine, theirs, luck)
    assert found.value == pytest.approx(mine.mean() / theirs.mean())
    assert found.low < found.value < found.high
    assert found.high - found.low < 0.2


@pytest.mark.parametrize(
    ("caption", "words", "expected"),
    [
        ("Puppy dog", ["puppy"], True),
        ("puppies", ["puppy"], False),
        ("hound-dog", ["hound"], True),
        ("greyhound", ["hound"], False),
        ("我的小狗", ["小狗"], True),
        ("狗", ["小狗"], False),
        ("gas station", ["gas station", "x"], True),
    ],
)
def test_banned_words_are_found_whole(caption: str, words: list[str], expected: bool) -> None:
    assert says(caption, words) == expected


def test_unread_words_travel_as_facts() -> None:
    words = {"en": ("puppy", "hound"), "zh": ("小狗",)}
    assert unread_of(Picture("a", facts={"group": "animals", **unread_facts(words)})) == words
    assert unread_of(Picture("a")) == {}


def test_pairs_are_held_out_by_concept_and_style() -> None:
    def row(concept: str, style: str) -> Row:
        return Row("0", "{}", style, "", "", "", concept, "{}", 0, 0, 1, 1, 3, "", "[]", 0)

    held = {(c, s) for c in range(300) for s in STYLES if held_out(row(str(c), s), "pair")}
    assert 0.06 < len(held) / 900 < 0.14
    assert len({c for c, _ in held}) > 0.8 * len(held), "seldom the same concept twice"
    assert held_out(row("", "ink"), "pair") == held_out(row("", "ink"), "content"), "without a concept, by content"
