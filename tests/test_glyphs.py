"""Glyphs: every face at one size about one middle, commonest first, and (long: needs npm) the counts of the real faces."""

import json
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont

from danqing.data import glyphs, npm
from danqing.data.checks import decode
from danqing.data.glyphs import HANDS, Face, GlyphsSource, common, has
from danqing.data.source import Item
from danqing.errors import DataError


def letters() -> bytes:
    """A font of Latin letters, which Pillow brings."""
    font = ImageFont.load_default(16)
    assert isinstance(font, ImageFont.FreeTypeFont)
    content: bytes = font.font_bytes
    return content


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two hands, both in Latin letters: X to Z are the common ones, and no face has the character 一."""
    hands = {name: HANDS[name] for name in ("serif", "long-cang")}
    for hand in hands.values():
        folder = tmp_path / hand.package
        (folder / "files").mkdir(parents=True)
        name = hand.package.rpartition("/")[2]
        (folder / "files" / f"{name}-chinese-simplified-400-normal.woff2").write_bytes(letters())
        slices = {"[7]": "U+41-57,U+4e00", "[12]": "U+58,U+59-5A", "latin": "U+61-7a"}
        (folder / "unicode.json").write_text(json.dumps(slices))
    monkeypatch.setattr(glyphs, "HANDS", hands)
    monkeypatch.setattr(glyphs, "HAN", range(0x41, 0xA000))
    monkeypatch.setattr(npm, "pack", lambda package, version="latest": tmp_path / package)
    return tmp_path


def source(count: int | None = None, size: int = 32) -> GlyphsSource:
    return GlyphsSource(count, size, ("serif", "long-cang"))


def items(found: GlyphsSource) -> list[Item]:
    return [item for item in found.items() if isinstance(item, Item)]


@pytest.mark.usefixtures("faces")
def test_characters_come_whole_and_the_common_ones_first() -> None:
    found = items(source())
    assert len(found) == 2 * 26
    assert [item.style for item in found[:4]] == ["serif", "long-cang"] * 2
    assert {item.concept for item in found[:6]} == {"X", "Y", "Z"}
    assert [item.place for item in items(source(5))] == [item.place for item in found[:10]]
    assert len({item.place for item in found}) == len(found)
    first = found[0]
    assert (first.captions, first.licence) == ({"zh": (first.concept,)}, "OFL-1.1")
    assert first.source == "@fontsource/noto-serif-sc@5.3.0"
    assert source(5).describe() != source().describe()


def test_a_character_that_a_face_lacks_is_no_pair() -> None:
    assert has(letters(), "A")
    assert not has(letters(), "一")
    assert not has(letters(), " ")


@pytest.mark.usefixtures("faces")
def test_black_ink_on_white_in_one_channel() -> None:
    pixels = decode(items(source(size=48))[0].load()).pixels
    assert pixels.shape == (48, 48, 1)
    assert pixels.min() < 40
    assert pixels[0].min() == pixels[:, 0].min() == 255


def test_faces_are_put_to_one_middle_and_size() -> None:
    measured = [chr(code) for code in range(0x41, 0x5B)]
    face = Face(letters(), 64, measured)
    drawn = [decode(face.draw(character)).pixels[:, :, 0] < 128 for character in measured]
    boxes = [(*np.flatnonzero(ink.any(1))[[0, -1]], *np.flatnonzero(ink.any(0))[[0, -1]]) for ink in drawn]
    top, bottom, left, right = np.mean(boxes, axis=0)
    assert abs((top + bottom) / 2 - 31.5) < 1
    assert abs((left + right) / 2 - 31.5) < 1
    longest = np.mean([max(below - above, after - before) + 1 for above, below, before, after in boxes])
    assert abs(longest / 64 - glyphs.FILL) < 0.03


def test_what_is_no_font_and_no_list_is_named(faces: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        Face(b"no font", 32, ["A"])
    (faces / HANDS["serif"].package / "unicode.json").write_text("{}")
    with pytest.raises(DataError, match="lists no Han characters"):
        common(faces / HANDS["serif"].package)


@pytest.mark.long
def test_all_six_hands_have_the_same_characters() -> None:
    assert Counter(item.style for item in items(GlyphsSource(300))) == dict.fromkeys(HANDS, 300)
    every = items(GlyphsSource())
    assert abs(len(every) / len(HANDS) - 5717) <= 5
    for item in islice(every, 0, None, 997):
        pixels = decode(item.load()).pixels
        assert pixels.shape == (64, 64, 1)
        assert 0.02 < np.mean(pixels < 128) < 0.6, item.place
