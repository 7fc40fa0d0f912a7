"""OpenMoji: pairs by code point, words from emojibase where it knows them, and (long: needs npm) how well the lines lie."""

import json
from pathlib import Path

import numpy as np
import pytest

from danqing.data import npm
from danqing.data.checks import decode
from danqing.data.openmoji import LICENCE, OpenMojiSource
from danqing.data.resample import Pixels
from danqing.data.source import Item
from danqing.data.sources import parse
from danqing.errors import DataError

LINE = '<path fill="none" stroke="#000" stroke-width="4" d="M8 8h56v56h-56z"/>'
SPACE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72">'
ROWS = [
    {"hexcode": "1F98A", "annotation": "fox", "group": "animals-nature", "openmoji_author": "Ann", "skintone": ""},
    {"hexcode": "1F44B-1F3FB", "annotation": "waving hand: light skin tone", "group": "people-body", "skintone": "1"},
    {
        "hexcode": "E000",
        "annotation": "goldfish",
        "openmoji_tags": "fish, goldfish",
        "group": "extras-openmoji",
        "openmoji_author": "Bo",
    },
    {"hexcode": "2764-FE0F", "annotation": "red heart", "group": "smileys-emotion"},
]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both packages as npm would unpack them; the heart has no black drawing."""
    folder, words = tmp_path / "openmoji", tmp_path / "words"
    for place in (
        folder / "data",
        folder / "color" / "svg",
        folder / "black" / "svg",
        words / "meta",
        words / "en",
        words / "zh",
    ):
        place.mkdir(parents=True)
    (folder / "data" / "openmoji.json").write_text(json.dumps(ROWS))
    for row in ROWS:
        name = f"{row['hexcode']}.svg"
        (folder / "color" / "svg" / name).write_text(f'{SPACE}<path fill="#e33" d="M8 8h56v56h-56z"/>{LINE}</svg>')
        if row["hexcode"] != "2764-FE0F":
            (folder / "black" / "svg" / name).write_text(f"{SPACE}{LINE}</svg>")
    (words / "meta" / "groups.json").write_text(json.dumps({"groups": {"3": "animals-nature"}}))
    for language, label in (("en", "fox"), ("zh", "狐狸")):
        facts = [{"hexcode": "1F98A", "group": 3, "label": label, "tags": []}]
        (words / language / "data.json").write_text(json.dumps(facts), encoding="utf8")
    monkeypatch.setattr(npm, "pack", lambda package, version="latest": folder if package == "openmoji" else words)
    return folder


def items(source: OpenMojiSource) -> list[Item]:
    return [item for item in source.items() if isinstance(item, Item)]


def lines(pixels: Pixels) -> np.ndarray:
    return np.asarray((pixels[:, :, 3] > 200) & (pixels[:, :, :3].max(2) < 60))


@pytest.mark.usefixtures("packages")
def test_a_pair_is_one_code_point_in_colour_and_in_black() -> None:
    found = items(OpenMojiSource(size=36))
    assert [(item.concept, item.style) for item in found] == [
        ("1f98a", "openmoji"), ("1f98a", "openmoji-black"), ("e000", "openmoji"), ("e000", "openmoji-black"),
    ]  # fmt: skip
    colour, black = (decode(item.load()).pixels for item in found[:2])
    assert colour.shape == black.shape == (36, 36, 4)
    np.testing.assert_array_equal(lines(colour), lines(black))
    assert colour[18, 18].tolist() == [238, 51, 51, 255]
    assert black[18, 18, 3] == 0
    assert len({item.place for item in found}) == len(found)


@pytest.mark.usefixtures("packages")
def test_words_and_rights() -> None:
    fox, _, goldfish, _ = items(OpenMojiSource())
    assert fox.captions == {"en": ("fox",), "zh": ("狐狸",)}
    assert goldfish.captions == {"en": ("fish",)}, "a word that is kept back to try painters by is in no caption"
    assert fox.facts["group"] == "animals-nature"
    assert goldfish.facts == {"group": "extras-openmoji"}
    assert (fox.licence, fox.creator, fox.source) == (LICENCE, "Ann, OpenMoji", "openmoji@17.0.0")


@pytest.mark.usefixtures("packages")
def test_skin_tones_only_where_asked_for() -> None:
    tones = parse("openmoji:all")
    assert isinstance(tones, OpenMojiSource)
    assert {item.concept for item in items(tones)} == {"1f98a", "1f44b-1f3fb", "e000"}
    assert tones.describe() != parse("openmoji").describe()


def test_a_damaged_list_is_named(packages: Path) -> None:
    (packages / "data" / "openmoji.json").write_text('[{"annotation": "fox"}]')
    with pytest.raises(DataError, match=r"openmoji\.json"):
        list(OpenMojiSource().items())


@pytest.mark.long
def test_the_lines_of_a_pair_coincide() -> None:
    found = items(OpenMojiSource(size=128))
    assert abs(len(found) / 2 - 2465) <= 5
    shares = []
    for colour, black in zip(found[::100], found[1::100], strict=True):
        assert colour.concept == black.concept
        drawn, line = decode(colour.load()).pixels, decode(black.load()).pixels
        if drawn.shape[2] == line.shape[2] == 4 and lines(line).any():
            shares.append((lines(line) & lines(drawn)).sum() / lines(line).sum())
    assert np.median(shares) > 0.95
