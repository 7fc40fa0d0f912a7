"""A wish of several things is painted thing by thing, and put together."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from painters import make_painter

from danqing.conditions.sorts import Sort, sort_of
from danqing.conditions.things import (
    ABOVE,
    BELOW,
    BESIDE,
    CHINESE,
    EYES,
    FRONT,
    HEAD,
    MOST,
    PLACES,
    Thing,
    parted,
    spoken,
    written,
)
from danqing.errors import WishError
from danqing.interpolate import walk
from danqing.mix import Mixture, Part, mix
from danqing.paint import Session, load
from danqing.painters.arrangement import arranged
from danqing.painters.start_pictures import from_image
from danqing.replay import replay
from danqing.words import Painting, Wish

SMALL: dict[str, Any] = {"steps": 2, "size": (32, 32)}


@pytest.fixture(scope="module")
def emoji() -> Session:
    return load("emoji")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a sad robot with a red hat", "a (sad:0.5) robot [on the head: (red:#d93636) hat]"),
        ("a cat and a dog", "a cat [beside: dog]"),
        ("cat, dog", "cat [beside: dog]"),
        ("sun, moon and stars", "sun [beside: moon] [beside: stars]"),
        ("a black and white cat", "a (black:#2b2b2b)(white:#e8e8ea) cat"),  # of one
        ("a small, cute cat", "a (small, cute:0.5) cat"),
        ("two cats", "cat [beside: cat]"),
        ("three red apples and a banana", "red apple [beside: red apple] [beside: red apple] [beside: banana]"),
        ("two dogs with hats", "dog [on the head: hats] [beside: dog] [on the head: hats]"),
        ("a robot with big eyes and a red hat", "a robot (with big eyes:0.5) [on the head: (red:#d93636) hat]"),
        ("a cat with a hat and a dog with a crown", "a cat [on the head: hat] [beside: dog] [on the head: crown]"),
        ("penguin with a scarf and a hat", "penguin [in front: scarf] [on the head: hat]"),
        ("dog with sunglasses", "dog [on the eyes: sunglasses]"),
        ("a bear with a heart", "a bear [in front: heart]"),  # which dictionaries call a feeling
        ("a boy and his dog", "a boy [beside: dog]"),
        ("a girl reading a book", "a girl [in front: book]"),
        ("monkey playing guitar", "monkey [in front: guitar]"),
        ("a frog wearing a top hat and holding an umbrella", "a frog [on the head: top hat] [in front: umbrella]"),
        ("a cat that is wearing a crown", "a cat [on the head: crown]"),
        ("a dog riding a horse", "a dog [below: horse]"),
        ("a dog sleeping on a sofa", "a dog [below: couch]"),
        ("a dog standing next to a tree", "a dog [beside: tree]"),
        ("a cat sleeping and a dog", "a cat (sleeping:0.5) [beside: dog]"),
        ("a cat under an umbrella", "a cat [above: umbrella]"),
        ("a cat in a box", "a cat [below: box]"),
        ("a cat in a hat", "a cat [on the head: hat]"),
        ("two dogs and a cat on a boat", "dog [beside: dog] [beside: cat] [below: boat]"),
        ("the cat is blue and the dog is red", "the (blue:#2f6fd6) cat [beside: (red:#d93636) dog]"),
        ("a picture of a cat and a dog", "a cat [beside: dog]"),
        # What nothing can be beside: places, feelings, parts of a body, what a thing is made of, other pictures.
        ("a cat in the snow", "a cat (in the snow:0.5)"),
        ("a cat in love", "a cat (in love:0.5)"),
        ("skull on fire", "skull (on fire:0.5)"),
        ("cat without a hat", "cat (without a hat:0.5)"),
        ("a cat with no hat", "a cat (with no hat:0.5)"),
        ("a cat not wearing a hat", "a cat (not wearing a hat:0.5)"),
        ("two children and a dog", "two (children and a dog:0.5)"),
        ("a cat and a dog?", "a cat [beside: dog]"),
        ("a cat, pencil drawing", "a cat, (pencil:0.5)"),
        ("oil painting of a blue horse", "(oil painting of a:0.5) (blue:#2f6fd6) horse"),
        ("smiling face with sunglasses", "smiling face with sunglasses"),  # a caption
        ("heart with wings", "heart with wings"),
        ("(sad:1.3) cat and dog", "(sad:1.3) cat and dog"),  # who weighs words knows better
        (
            "cat and dog and mouse and bird and fish and cow and pig",
            "cat (and dog and mouse and bird and fish and cow and pig:0.5)",
        ),
        ("cat [on the head: puppy]", "cat [on the head: dog]"),
        ("cat [sic]", "cat [(sic:0.5)]"),
        # Commas part names and what has an article; lists of looks stay lists.
        ("a cat, a dog", "a cat [beside: dog]"),
        ("a cat, watercolor", "a cat, (picture:0.5)"),
        ("cat, pixel art, sword", "cat, (pixel art, sword:0.5)"),
        ("一只猫，水彩画", "猫，(画:0.5)"),
        ("太阳、月亮和星星", "太阳 [旁边: 月亮] [旁边: 星星]"),
        # A colour belongs to what it is said of.
        ("the cat with a hat that is red", "the cat [on the head: (red:#d93636) hat]"),
        # Numbers are of things in the plural.
        ("three piece suit", "(three piece:0.5) suit"),
        ("three blind mice", "(blind:0.5) mouse [beside: (blind:0.5) mouse] [beside: (blind:0.5) mouse]"),
        ("two cats in the snow", "cat (in the snow:0.5) [beside: cat (in the snow:0.5)]"),
        ("两只耳朵的兔子", "(两个耳朵的:0.5)兔子"),
        # What is with a thing as a part of it.
        ("a house with a red door", "a house (with a red door:0.5)"),
        ("a cat, a sleeping bag", "a cat [beside: (sleeping:0.5) bag]"),
        # What only sounds like a verb or a join.
        ("开心的猫", "(开心的:0.5)猫"),
        ("拿破仑的帽子", "(拿破仑的:0.5)帽子"),
        ("和服", "和服"),
        ("请画一只猫和一只狗", "猫 [旁边: 狗]"),
        ("draw me a cat and a dog", "a cat [beside: dog]"),
        ("戴着帽子的猫和戴着眼镜的狗", "猫 [头上: 帽子] [旁边: 狗] [眼前: 眼镜]"),
        ("树上的鸟和树下的狗", "鸟 [下面: 树] [旁边: 狗] [上面: 树]"),
        ("戴着红帽子的机器人", "机器人 [头上: (红:#d93636)帽子]"),
        ("猫戴着王冠", "猫 [头上: 王冠]"),
        ("戴眼镜的绿色机器人", "(绿色:#3fa34d)机器人 [眼前: 眼镜]"),
        ("一只戴着王冠的蓝色的猫", "(蓝色的:#2f6fd6)猫 [头上: 王冠]"),
        ("戴帽子和围巾的猫", "猫 [头上: 帽子] [前面: 围巾]"),
        ("猫和狗", "猫 [旁边: 狗]"),
        ("一个男孩和他的狗", "男孩 [旁边: 狗]"),
        ("两只猫", "猫 [旁边: 猫]"),
        ("三个苹果和一个香蕉", "苹果 [旁边: 苹果] [旁边: 苹果] [旁边: 香蕉]"),
        ("骑马的猫", "猫 [下面: 马]"),
        ("船上的猴子", "猴子 [下面: 船]"),
        ("猴子在船上", "猴子 [下面: 船]"),
        ("树下的狗", "狗 [上面: 树]"),
        ("房子旁边的树", "树 [旁边: 房子]"),
        ("拿着花的熊", "熊 [前面: 花]"),
        ("抱着心的熊", "熊 [前面: 心]"),
        ("雪地里的熊", "(雪地里的:0.5)熊"),
        ("大眼睛的猫", "(大眼睛的:0.5)猫"),
        ("红色的车和蓝色的车", "(红色的:#d93636)车 [旁边: (蓝色的:#2f6fd6)车]"),
    ],
)
def test_things_are_heard(emoji: Session, text: str, read: str) -> None:
    assert emoji.understood(Wish(text)).read == read
    assert emoji.understood(Wish(read)).read == read, "what was read is read the same again"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("the cat is blue", "the (blue:#2f6fd6) cat"),
        ("cat, blue", "(blue:#2f6fd6) cat"),
        ("a car that is red", "a (red:#d93636) car"),
        ("cat, orange", "(orange:#f08a24) cat"),
        ("猫是蓝色的", "(蓝色的:#2f6fd6)猫"),
        ("猫，蓝色", "(蓝色的:#2f6fd6)猫"),
        ("猫戴着帽子，红色", "猫帽子，(红色:0.5)"),  # of which it is not said
        ("画一杯咖啡", "咖啡"),
        ("a man in black", "a man in black"),
        ("a cat is sleeping", "a cat (is sleeping:0.5)"),
    ],
)
def test_a_colour_may_be_said_behind_its_thing(emoji: Session, text: str, read: str) -> None:
    assert emoji.understood(Wish(text)).read == read


@pytest.mark.parametrize(
    ("noun", "sort"),
    [
        ("cat", Sort.LIVING), ("dragon", Sort.LIVING), ("ghost", Sort.LIVING), ("women", Sort.LIVING),
        ("dog face", Sort.LIVING),
        ("tree", Sort.STANDING), ("house", Sort.STANDING), ("car", Sort.SEAT), ("box", Sort.SEAT), ("sofa", Sort.SEAT),
        ("crown", Sort.HEADGEAR), ("top hat", Sort.HEADGEAR), ("sunglasses", Sort.EYEWEAR), ("goggles", Sort.EYEWEAR),
        ("apples", Sort.OTHER), ("pizza", Sort.OTHER), ("taco", Sort.OTHER), ("heart", Sort.OTHER), ("full moon", Sort.OTHER),
        ("eyes", None), ("beard", None), ("tail", None), ("love", None), ("snow", None), ("fire", None),
        ("sadly", None), ("", None),
    ],
)  # fmt: skip
def test_the_dictionary_tells_what_stands_by_itself(noun: str, sort: Sort | None) -> None:
    assert sort_of(noun) is sort


def test_what_is_said_of_several_is_judged_as_one() -> None:
    read = written(
        "a (red:#d93636) cat", [Thing(BESIDE, f"(blue:{colour}) dog") for colour in ("#111111", "#222222", "#333333")]
    )
    assert spoken(read) == "a red  cat, blue  dog, blue  dog, blue  dog"
    assert spoken("a (sad:0.5) (blue:#2f6fd6) cat") == "a (sad:0.5) (blue:#2f6fd6) cat"


def test_what_is_written_is_parted_again() -> None:
    things = tuple(Thing(place, words) for place in PLACES for words in ("a (red:#d93636) hat", "红(帽子:0.5)"))
    assert parted(written("a cat", things)) == ("a cat", things)
    assert parted("猫[头上：帽子]") == parted("猫 [on the head: 帽子]") == ("猫", (Thing(HEAD, "帽子"),))
    assert parted("a [red] cat [somewhere: hat]") == ("a [red] cat [somewhere: hat]", ())
    assert set(CHINESE.values()) == set(PLACES)


@pytest.mark.parametrize(
    "text",
    [
        "two tiny red dogs, with a hat and holding an umbrella next to a tree on a boat in front of by the house and",
        "戴着红色帽子和眼镜的两只猫和在树下的狗、拿着花的熊，骑着马的人在房子旁边",
        "cat [beside: dog [on the head: hat]] and [sic] (red:1.2) &",
    ],
)
def test_however_far_a_wish_was_typed_it_is_read(emoji: Session, text: str) -> None:
    for end in range(len(text) + 1):
        for start in (0, end // 2):
            read = emoji.understood(Wish(text[start:end])).read
            assert isinstance(emoji.understood(Wish(read)).read, str)


@pytest.mark.parametrize("text", ["cat and dog, " * 400, "猫和狗，" * 400, "戴着帽子的" * 300 + "猫", "cat running " * 600])
def test_long_texts_are_of_one_thing(emoji: Session, text: str) -> None:
    assert not parted(emoji.understood(Wish(text)).read)[1]


# --- painting ------------------------------------------------------------------------------------------------------------


def test_the_first_thing_is_the_one_that_is_painted_alone(emoji: Session) -> None:
    both = emoji.begin([Wish("a cat and a dog", seed=3, **SMALL)]).last()
    cat = emoji.begin([Wish("a cat", seed=3, **SMALL)]).last()
    assert both.wishes[0].read == "a cat [beside: dog]"
    torch.testing.assert_close(both.canvas.take([0]).tensors["x"], cat.canvas.tensors["x"], atol=1e-4, rtol=0)
    assert not torch.allclose(both.canvas.take([1]).tensors["x"], cat.canvas.tensors["x"], atol=0.1)


def test_two_of_a_kind_are_two(emoji: Session) -> None:
    x = emoji.begin([Wish("two cats", seed=3, **SMALL)]).last().canvas.tensors["x"]
    assert len(x) == 2
    assert not torch.allclose(x[0], x[1], atol=0.1)


def test_a_wish_of_several_is_painted_the_same_beside_others(emoji: Session) -> None:
    wishes = [Wish(words, seed=1, **SMALL) for words in ("a cat", "a dog with a crown", "two apples and a bear")]
    together = emoji.paint_all(wishes)
    for wish, painting in zip(wishes, together, strict=True):
        alone = emoji.paint_all([wish])[0]
        assert painting.image.size == (32, 32)
        far = np.abs(from_image(alone.image).astype(int) - from_image(painting.image))
        assert far.mean() < 0.5, wish.words


def test_it_is_replayed(emoji: Session, tmp_path: Path) -> None:
    painting = emoji.paint("a dog with a red hat", seed=5, **SMALL)
    assert painting.wish.read_as == "a dog [on the head: (red:#d93636) hat]"
    assert replay(painting.save(tmp_path / "dog.png")).same == "identical"
    as_written = emoji.paint("a dog with a red hat", seed=5, read_as="a dog with a red hat", **SMALL)
    assert replay(as_written.save(tmp_path / "written.png")).same == "identical"
    assert as_written.image.tobytes() != painting.image.tobytes()


def test_it_is_gone_on_with_and_shown_on_the_way(emoji: Session, tmp_path: Path) -> None:
    work = emoji.begin([Wish("a cat and a dog", **SMALL), Wish("a cow", **SMALL)]).step()
    assert [image.size for image in work.show()] == [(32, 32)] * 2
    resumed = emoji.resume(work.save(tmp_path / "half"))
    for one, other in zip(work.finish(), resumed.finish(), strict=True):
        assert one.image.tobytes() == other.image.tobytes()
        assert one.wish == other.wish


def test_other_words_on_the_way(emoji: Session) -> None:
    work = emoji.begin([Wish("a cat and a dog", **SMALL), Wish("a cow", **SMALL)]).step()
    fewer = work.change(words="a horse")
    assert [wish.read for wish in fewer.wishes] == ["a horse"] * 2
    assert len(fewer.canvas.tensors["x"]) == len(fewer.asked) == len(fewer.canvas.keys) == 2
    more = work.change(words="a horse and a bird")  # the second wish has no canvas for a bird
    assert [wish.read for wish in more.wishes] == ["a horse [beside: bird]", "a horse (and a bird:0.5)"]
    assert len(more.finish()) == 2


def test_each_wish_of_a_batch_is_changed_by_itself(emoji: Session) -> None:
    palette = {"palette": "#00ff00"}
    work = emoji.begin([Wish("a red car", **SMALL), Wish("a cow", read_as="a horse", **SMALL)]).step()
    assert [wish.read for wish in work.change(conditions=palette).wishes] == ["a (red:0.5) car", "a horse"]


def test_what_is_of_several_is_told(emoji: Session) -> None:
    (note,) = emoji.unheeded(Wish("a dog with a crown"))
    assert "'a dog [on the head: crown]'" in note
    assert emoji.unheeded(Wish("a dog with a crown"), softer=False) == []
    assert emoji.unheeded(Wish("dog [on the head: crown]")) == [], "as was asked"
    (note,) = emoji.unheeded(Wish("a dog with a red hat", conditions={"palette": "#00ff00"}))
    assert "(red:0.5) hat" in note


def test_a_batch_counts_things(emoji: Session) -> None:
    one, four = (emoji.resolve(Wish(words, size=(256, 256))) for words in ("a cat", "four cats"))
    most = emoji.at_once([one] * 1000)
    assert emoji.at_once([four] * 1000) == most // 4
    assert emoji.at_once([one, *[four] * 1000]) == 1 + (most - 1) // 4


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (Wish("cat " + "[beside: dog] " * MOST), f"{MOST + 1} things"),
        (Wish("[beside: dog]"), "without words"),
        (Wish("cat [on the head: ]"), "without words"),
    ],
)
def test_what_cannot_be_put_together_is_refused(emoji: Session, wish: Wish, why: str) -> None:
    with pytest.raises(WishError, match=why):
        emoji.resolve(wish)


def test_pictures_to_start_from_and_opaque_painters_have_one_thing(emoji: Session, tmp_path: Path) -> None:
    start = emoji.paint("a cat", **SMALL).save(tmp_path / "cat.png")
    assert emoji.resolve(Wish("a cat and a dog", init=str(start))).read == "a cat (and a dog:0.5)"
    with pytest.raises(WishError, match="start picture"):
        emoji.resolve(Wish("a cat [beside: dog]", init=str(start)))
    opaque = load(str(make_painter("opaque", channels=3)))
    with pytest.raises(WishError, match="no transparent"):
        opaque.resolve(Wish("apple [beside: fish]"))
    clear = load(str(make_painter("clear")))  # which knows no dictionary, but what is written
    assert clear.paint("red apple [beside: blue fish]", steps=1).image.size == (16, 16)
    assert clear.resolve(Wish("red apple and blue fish")).read == "red apple and blue fish"


def test_mixtures_are_of_one_thing(emoji: Session, tmp_path: Path) -> None:
    both = Wish("a cat and a dog", **SMALL)
    *_, painting = mix(emoji, Mixture((Part(dataclasses.replace(both, steps=1)), Part(Wish("apple", steps=1)))))
    assert isinstance(painting, Painting)
    assert painting.record["mixed"]["parts"][0]["wish"]["read_as"] == "a cat (and a dog:0.5)"
    assert replay(painting.save(tmp_path / "mixed.png")).same == "identical"
    assert len(list(walk(emoji, both, Wish("a cow", **SMALL), 2))) == 2
    for refused in (
        lambda: list(walk(emoji, Wish("cat [beside: dog]"), both, 2)),
        lambda: list(mix(emoji, Mixture((Part(Wish("cat [beside: dog]")),)))),
    ):
        with pytest.raises(WishError, match="only one can be painted"):
            refused()


# --- putting together ----------------------------------------------------------------------------------------------------


def block(colour: tuple[int, int, int], top: float, bottom: float, left: float, right: float, side: int = 64) -> np.ndarray:
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[round(top * side) : round(bottom * side), round(left * side) : round(right * side)] = (*colour, 255)
    return pixels


def box(pixels: np.ndarray, colour: tuple[int, int, int]) -> tuple[float, float, float, float]:
    """Top, bottom, left and right of what mostly has a colour, as shares of the sides."""
    near = (np.abs(pixels[..., :3].astype(int) - colour).max(-1) < 60) & (pixels[..., 3] > 127)
    rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
    height, width = near.shape
    return rows[0] / height, (rows[-1] + 1) / height, columns[0] / width, (columns[-1] + 1) / width


RED, BLUE, GREEN = (220, 30, 30), (30, 60, 220), (30, 200, 60)
MAN, HAT = block(RED, 0.2, 0.9, 0.2, 0.8), block(BLUE, 0.4, 0.6, 0.3, 0.7)


def test_one_picture_stays_as_it_is() -> None:
    assert arranged([MAN], []) is MAN


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("shape", [(64, 64), (48, 96), (96, 48)])
def test_nothing_is_cut_off_and_all_can_be_seen(place: str, shape: tuple[int, int]) -> None:
    height, width = shape
    pictures = [
        np.ascontiguousarray(picture[:height, :width])
        for picture in (np.pad(MAN, ((0, 32), (0, 32), (0, 0))), np.pad(HAT, ((0, 32), (0, 32), (0, 0))))
    ]
    whole = arranged(pictures, [place])
    assert whole.shape == (*shape, 4)
    assert whole.dtype == np.uint8
    alpha = whole[..., 3]
    assert not alpha[[0, -1]].any() or not alpha[:, [0, -1]].any(), "it fills its canvas, and touches two sides at most"
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    assert max(len(rows) / height, len(columns) / width) > 0.9
    for colour in (RED, BLUE):
        top, bottom, left, right = box(whole, colour)
        assert bottom - top > 0.05
        assert right - left > 0.05


def test_each_place_is_where_its_name_says() -> None:
    man, hat = (box(arranged([MAN, HAT], [HEAD]), colour) for colour in (RED, BLUE))
    assert hat[0] < man[0]
    assert hat[1] < man[0] + 0.15
    assert abs((hat[2] + hat[3]) - (man[2] + man[3])) < 0.05
    man, glasses = (box(arranged([MAN, HAT], [EYES]), colour) for colour in (RED, BLUE))
    assert man[0] < glasses[0] < glasses[1] < (man[0] + man[1]) / 2 + 0.15
    man, book = (box(arranged([MAN, HAT], [FRONT]), colour) for colour in (RED, BLUE))
    assert book[0] > (man[0] + man[1]) / 2
    assert book[3] > man[3] - 0.1
    man, boat = (box(arranged([MAN, HAT], [BELOW]), colour) for colour in (RED, BLUE))
    assert man[0] < boat[0] < boat[1]
    assert man[1] <= boat[0] + 0.05, "the lower part of the man is hidden"
    man, roof = (box(arranged([MAN, HAT], [ABOVE]), colour) for colour in (RED, BLUE))
    assert roof[0] < man[0]
    assert roof[1] < man[1]
    man, other = (box(arranged([MAN, HAT], [BESIDE]), colour) for colour in (RED, BLUE))
    assert man[3] <= other[2]


def test_what_carries_carries_all_before_it_and_what_is_worn_is_worn_by_the_last() -> None:
    pictures = [MAN, block(GREEN, 0.2, 0.9, 0.2, 0.8), HAT]
    whole = arranged(pictures, [BESIDE, BELOW])
    red, green, blue = (box(whole, colour) for colour in (RED, GREEN, BLUE))
    assert blue[2] <= red[2] < red[3] <= green[2] < green[3] <= blue[3]
    whole = arranged(pictures, [BESIDE, HEAD])
    red, green, blue = (box(whole, colour) for colour in (RED, GREEN, BLUE))
    assert red[3] <= blue[2]
    assert abs((blue[2] + blue[3]) - (green[2] + green[3])) < 0.05


def test_a_hat_goes_on_the_head_and_not_on_the_tail() -> None:
    beast = block(RED, 0.5, 0.75, 0.2, 0.9) | block(RED, 0.3, 0.6, 0.1, 0.35) | block(RED, 0.75, 0.95, 0.25, 0.35)
    beast |= block(RED, 0.05, 0.5, 0.84, 0.9) | block(RED, 0.05, 0.1, 0.6, 0.9)  # a tail, higher than the head and curled
    red, blue = (box(arranged([beast, HAT], [HEAD]), colour) for colour in (RED, BLUE))
    middle = (blue[2] + blue[3]) / 2
    assert middle < red[2] + 0.4 * (red[3] - red[2])


def test_what_is_empty_takes_its_place_too() -> None:
    for place in PLACES:
        assert arranged([MAN, np.zeros_like(MAN)], [place]).any()
        assert not arranged([np.zeros_like(MAN)] * 2, [place]).any()
