"""Colours that are said of a thing are given to its painting."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from danqing.conditions.colour_names import CHINESE, COMMON, colour_of
from danqing.conditions.heads import TINTS
from danqing.conditions.text import TextCondition
from danqing.errors import WishError
from danqing.interpolate import walk
from danqing.maths.colour import srgb_to_oklab
from danqing.maths.tinting import tinted
from danqing.mix import Mixture, Part, mix
from danqing.paint import Session, load
from danqing.painters.start_pictures import from_image
from danqing.replay import replay
from danqing.words import Painting, Picture, Wish

BLUE = np.array([[0.2, 0.4, 0.8]])
SMALL = {"steps": 2, "size": (32, 32)}


@pytest.fixture(scope="module")
def emoji() -> Session:
    return load("emoji")


def cat() -> np.ndarray:
    """Orange, darker below, with white paws and a black eye, on nothing."""
    pixels = np.zeros((16, 16, 4))
    pixels[2:14, 2:14] = (1.0, 0.6, 0.2, 1.0)
    pixels[9:12, 2:14] = (0.8, 0.45, 0.1, 1.0)
    pixels[12:14, 2:14] = (1.0, 1.0, 1.0, 1.0)
    pixels[4, 4] = (0.05, 0.05, 0.05, 1.0)
    return pixels


def away(pixels: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """How far each pixel is from a colour."""
    gaps: np.ndarray = np.linalg.norm(srgb_to_oklab(pixels[..., :3]) - srgb_to_oklab(colour), axis=-1)
    return gaps


def test_what_is_mostly_there_takes_the_colour_and_all_else_stays() -> None:
    before, after = cat(), tinted(cat(), BLUE)
    assert away(after[5:9, 5:14], BLUE).max() < 0.1 < away(before[5:9, 5:14], BLUE).min()
    for kept in (np.s_[12:14, 2:14], np.s_[4, 4], np.s_[:, :, 3]):
        np.testing.assert_allclose(after[kept], before[kept], atol=0.02)
    light = srgb_to_oklab(after[..., :3])[..., 0]
    assert light[6, 6] > light[10, 6] + 0.05, "what was darker is darker"


def test_what_has_the_colour_already_stays() -> None:
    once = tinted(cat(), BLUE)
    np.testing.assert_allclose(tinted(once, BLUE), once, atol=0.04)
    rose = np.full((20, 8, 3), (0.2, 0.6, 0.2))
    rose[:9] = (0.85, 0.2, 0.2)  # less of it than of its leaves
    red = tinted(rose, np.array([[0.85, 0.21, 0.21]]))
    np.testing.assert_allclose(red[9:], rose[9:], atol=0.05)


def test_a_red_car_with_blue_windows_becomes_a_blue_car() -> None:
    car = np.zeros((22, 10, 4))
    car[1:21, 1:9] = (0.85, 0.2, 0.2, 1.0)
    car[1:8, 1:9, :3] = BLUE  # its windows
    assert away(tinted(car, BLUE)[1:21, 1:9], BLUE).max() < 0.1


def test_several_colours_share_what_has_been_one() -> None:
    both = np.array([[0.1, 0.1, 0.1], [0.9, 0.2, 0.2]])
    after = tinted(cat(), both)
    taken = np.stack([away(after[2:12, 2:14], colour[None]) for colour in both]).argmin(0)
    assert 0.3 < taken.mean() < 0.7
    np.testing.assert_allclose(after[12:14, 2:14], cat()[12:14, 2:14], atol=0.03)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([3, 4]), st.integers(1, 3))
def test_any_picture_keeps_its_range_and_its_transparency(seed: int, channels: int, count: int) -> None:
    luck = np.random.default_rng(seed)
    pixels, colours = luck.random((6, 9, channels)), luck.random((count, 3))
    after = tinted(pixels, colours)
    assert after.shape == pixels.shape
    assert 0 <= after.min() <= after.max() <= 1
    assert np.isfinite(after).all()
    if channels == 4:
        assert (after[..., 3] == pixels[..., 3]).all()


def test_what_cannot_be_seen_stays() -> None:
    nothing = np.zeros((4, 4, 4))
    assert tinted(nothing, BLUE) is nothing


def test_colours_have_names_in_two_languages() -> None:
    assert colour_of("red") == colour_of("红") == colour_of("红色") == COMMON["red"]
    assert colour_of("sky blue") == colour_of("skyblue") == colour_of("天蓝色") == "#87ceeb"
    assert colour_of("cat") is colour_of("猫") is colour_of("粉") is colour_of("颜色") is colour_of("") is None
    assert colour_of("深蓝色") == colour_of("dark blue")
    assert all(colour_of(name + "色") for name in CHINESE)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a blue cat", "a (blue:#2f6fd6) cat"),
        ("a sad blue robot with a red hat", "a (sad:0.5) (blue:#2f6fd6) robot [on the head: (red:#d93636) hat]"),
        ("sky blue car", "(sky blue:#87ceeb) car"),
        ("red and green car", "(red:#d93636)(green:#3fa34d) car"),
        ("a red apple", "a red apple"),  # a caption
        ("a very angry red face", "a very angry (red:#d93636) face"),
        ("blue eyed cat", "(blue eyed:0.5) cat"),
        ("a cat with blue eyes", "a cat (with blue eyes:0.5)"),
        ("crimson dragon", "(crimson:#dc143c) dragon"),
        ("一朵红玫瑰", "(红:#d93636)玫瑰"),
        ("可爱的蓝色小猫", "(可爱的:0.5)(蓝色:#2f6fd6)小猫"),
        ("红色和绿色的车", "(红色:#d93636)(绿色的:#3fa34d)车"),
        ("戴红帽子的猫", "猫 [头上: (红:#d93636)帽子]"),
        ("红色", "红色"),
        ("red, white and blue flag", "(red:#d93636)(white:#e8e8ea)(blue:#2f6fd6) flag"),
        ("red green blue yellow purple parrot", "(red green blue yellow purple:0.5) parrot"),  # more than may be given
        ("a white beard wizard", "a (white beard:0.5) wizard"),  # colours of parts
        ("红发女孩", "红发女孩"),
        ("红鼻子小丑", "红鼻子小丑"),
        ("orange cat", "(orange:#f08a24) cat"),
        ("orange tree", "(orange:0.5) tree"),
        ("snow leopard", "(snow:0.5) leopard"),
        ("black man", "black man"),  # skins
        ("black guy", "black guy"),
        ("oil painting of a blue horse", "(oil painting of a:0.5) (blue:#2f6fd6) horse"),
        ("a sad (blue:#1e90ff) robot", "(blue:#1e90ff)a (sad:0.5) robot"),  # as if none were given
        ("cat (blue:#facade)", "cat (blue:#facade)"),
    ],
)
def test_colours_are_heard(emoji: Session, text: str, read: str) -> None:
    assert emoji.understood(Wish(text)).read == read
    assert emoji.understood(Wish(read)).read == read


def test_a_painting_takes_the_colour_and_nothing_else_of_it_changes(emoji: Session, tmp_path: Path) -> None:
    plain, blue, exact = emoji.paint_all(
        [Wish("cat", **SMALL), Wish("a blue cat", **SMALL), Wish("(:#2f6fd6) cat", **SMALL)]  # type: ignore[arg-type]
    )
    before, after = from_image(plain.image), from_image(blue.image)
    assert (before[..., 3] == after[..., 3]).all()
    colour = np.array([[47, 111, 214]]) / 255
    seen = before[..., 3] > 200
    assert np.median(away(after[seen] / 255, colour)) < 0.1 < np.median(away(before[seen] / 255, colour))
    assert exact.image.tobytes() == blue.image.tobytes()
    assert replay(blue.save(tmp_path / "blue.png")).same == "identical"


def test_the_ground_of_a_picture_without_transparency_stays() -> None:
    paper = np.ones((16, 16, 3))
    paper[5:11, 5:11] = (1.0, 0.6, 0.2)
    after = tinted(paper, BLUE)
    np.testing.assert_allclose(after[0], 1, atol=0.01)
    assert away(after[5:11, 5:11], BLUE).max() < 0.1
    sky = np.full((8, 8, 3), (1.0, 0.6, 0.2))
    assert away(tinted(sky, BLUE), BLUE).max() < 0.1, "nothing but ground"


def test_a_palette_that_comes_later_takes_the_place_of_what_words_gave(emoji: Session) -> None:
    work = emoji.begin([Wish("a blue cat", **SMALL)])  # type: ignore[arg-type]
    changed = work.change(conditions={"palette": "#c0392b"})
    assert changed.wishes[0].read == "a (blue:0.5) cat"
    assert changed.change(conditions={}).wishes[0].read == "a (blue:#2f6fd6) cat"
    literal = emoji.begin([Wish("a blue cat", read_as="a blue cat", **SMALL)])  # type: ignore[arg-type]
    assert literal.change(conditions={"palette": "#c0392b"}).wishes[0].read == "a blue cat"
    (note,) = emoji.unheeded(Wish("(blue:#00f) cat", conditions={"palette": "#c0392b"}))
    assert "over the palette" in note


def test_colours_are_left_to_whoever_asks_for_them_otherwise(emoji: Session) -> None:
    soft = "a (blue:0.5) cat"
    assert emoji.understood(Wish("a blue cat", conditions={"palette": "#c0392b"})).read == soft
    assert emoji.understood(Wish("a blue cat", init="cat.png", keep_colours=True)).read == soft
    *_, mixed = mix(emoji, Mixture((Part(Wish("a blue cat", steps=1)),), conditions={"palette": "#c0392b"}))
    assert isinstance(mixed, Painting)
    assert mixed.record["mixed"]["parts"][0]["wish"]["read_as"] == soft


def test_a_walk_between_colours_has_its_ends(emoji: Session) -> None:
    ends = [Wish("a blue cat", **SMALL), Wish("a red cat", **SMALL)]  # type: ignore[arg-type]
    frames = list(walk(emoji, ends[0], ends[1], 3))
    for frame, painting in zip((frames[0], frames[-1]), emoji.paint_all(ends), strict=True):
        apart = np.abs(from_image(frame).astype(int) - from_image(painting.image))
        assert apart.max() <= 3
    first, middle, last = (from_image(frame).astype(float) for frame in frames)
    assert np.abs(middle - (first + last) / 2).mean() < np.abs(first - last).mean() / 4


def test_words_that_give_colours_are_read_without_them(emoji: Session) -> None:
    text = emoji.painter.conditions["text"]
    value = text.parse("a (blue:#12345f) cat (sad:0.5)")
    assert value.tints == ((0x12, 0x34, 0x5F),)
    assert "".join(part for part, _ in value.parts).split() == ["cat", "sad"]
    assert text.parse("(blue:#00f)").parts == (("blue", 1.0),)
    assert text.parse("a blue cat").tints == ()
    with pytest.raises(WishError, match=f"at most {TINTS}"):
        text.parse("".join(f"(a:#12{number})" for number in range(TINTS + 1)) + " cat")
    assert text.parse("(a:#123)" * (TINTS + 1) + " cat").tints == ((0x11, 0x22, 0x33),)
    with pytest.raises(WishError, match="give a colour"):
        emoji.resolve(Wish("cat", negative="(blue:#00f)"))


def test_gray_painters_give_none_and_say_so(emoji: Session) -> None:
    facts = emoji.painter.facts.model_copy(update={"channels": 1})
    gray = dataclasses.replace(emoji, painter=dataclasses.replace(emoji.painter, facts=facts))
    assert gray.understood(Wish("a blue cat")).read == "a (blue:0.5) cat"
    assert any("gray" in note for note in gray.unheeded(Wish("(blue:#00f) cat")))
    condition = TextCondition.fit([Picture("1", {"en": ("cat",)})], "distilled")
    assert condition is not None
    one = np.full((4, 4, 1), 99, np.uint8)
    assert condition.finish(condition.parse("(blue:#00f) cat"), one) is one
