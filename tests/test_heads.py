"""What a wish is of stays as loud as it was, and what is only said of it is made softer."""

from __future__ import annotations

import dataclasses

import pytest

from danqing.conditions.heads import CARRIED, CARRIERS, SOFT, head, same_words, softened
from danqing.conditions.text import TextCondition
from danqing.conditions.unread import Vocabulary
from danqing.conditions.word_places import JOINS, linked, places
from danqing.data.shapes import ShapesSource
from danqing.data.source import Item
from danqing.paint import Session, load
from danqing.parts.distilled_text import open_distilled
from danqing.words import Picture, Wish

LOOKS = ("happy", "sad", "angry", "tired", "sick", "silly", "cold", "hot", "dizzy", "kissing", "crying", "winking")
NAMES = frozenset(("cat", "dog", "robot", "hat", "cup of tea", "fire engine", "ring", "knight", "猫", "帽子", "机器人"))


@pytest.fixture(scope="module")
def emoji() -> Session:
    return load("emoji")


def learnt(painter: Session) -> tuple[str, ...]:
    text = painter.painter.conditions["text"]
    assert isinstance(text, TextCondition)
    return text.learnt


def softly(text: str) -> str:
    text = CARRIED.sub("", text)
    found = linked(text, places(open_distilled(), text))
    of = head(text, found, NAMES.__contains__)
    return text if of is None else softened(text, found, of)


@pytest.mark.parametrize(
    ("text", "soft"),
    [
        ("a sad robot with a red hat", "a (sad:0.5) robot (with a red hat:0.5)"),
        ("Sad ROBOT", "(Sad:0.5) ROBOT"),
        ("robot dog", "robot dog"),  # it is both
        ("dog robot hat", "dog robot hat"),
        ("cat and dog", "cat (and dog:0.5)"),  # between both is neither
        ("cat, dog", "cat, (dog:0.5)"),
        ("a cat sleeping on a hat", "a cat (sleeping on a hat:0.5)"),
        ("a sleeping cat", "a (sleeping:0.5) cat"),
        ("a warrior fighting a dog", "a warrior (fighting a dog:0.5)"),
        ("gold ring", "(gold:0.5) ring"),  # not everything that ends so is done
        ("a cup of tea on fire", "a cup of tea (on fire:0.5)"),
        ("big cup of coffee", "(big:0.5) cup of coffee"),  # what it is of belongs to it
        ("red fire engine", "(red:0.5) fire engine"),
        ("a wise philosopher", "a (wise:0.5) philosopher"),  # a noun that nothing is named by
        ("a picture of a sad cat", "a (sad:0.5) cat"),
        ("picture of a cat", "a cat"),
        ("cat icon", "cat"),
        ("a pair of cats", "cats"),
        ("cat picture frame", "cat picture frame"),  # it is a frame
        ("oil painting of a sad cat", "(oil painting of a sad:0.5) cat"),
        ("a sad king with a crown", "a (sad:0.5) king (with a crown:0.5)"),  # nor what is no thing before it
        ("a small, cute cat", "a (small, cute:0.5) cat"),  # a list of looks
        ("masterpiece, a sad cat, detailed", "(masterpiece, a sad:0.5) cat, (detailed:0.5)"),
        ("cat cage with a ring", "cat cage (with a ring:0.5)"),  # which is no cat
        ("red and blue", "red and blue"),  # of nothing
        ("an icon", "an icon"),  # else of nothing
        ("well-known cat", "(well-known:0.5) cat"),
        ("cat's hat", "(cat's:0.5) hat"),
        ("可爱的猫", "(可爱的:0.5)猫"),
        ("戴着红帽子的猫", "(戴着红帽子的:0.5)猫"),
        ("在雪里的猫", "(在雪里的:0.5)猫"),
        ("猫和帽子", "猫(和帽子:0.5)"),
        ("戴帽子和围巾的猫", "(戴帽子和围巾的:0.5)猫"),
        ("猫的图片", "猫"),
        ("机器人，悲伤", "机器人，(悲伤:0.5)"),
        ("(sad:1.3) cat", "(sad:1.3) cat"),  # who weighs words knows better
        ("cat :)", "cat :)"),
        ("", ""),
        ("?! 1.5", "?! 1.5"),
    ],
)
def test_what_a_wish_is_of_is_louder_than_what_is_said_of_it(text: str, soft: str) -> None:
    assert softly(text) == soft
    assert softly(soft) == soft
    assert f"{SOFT:g}" == "0.5"


def test_the_same_words_are_known_however_they_are_weighed(emoji: Session) -> None:
    for text in ("a sad blue robot with a red hat", "可爱的蓝色小猫", "cat icon", "a (sad:1.2) robot"):
        assert same_words(text, emoji.understood(Wish(text), several=False).read)
        assert emoji.unheeded(Wish(text), softer=False) == []
    for text in ("a sleepy puppy", "幼犬", "hound"):
        assert not same_words(text, emoji.understood(Wish(text)).read)
        assert len(emoji.unheeded(Wish(text), softer=False)) == 1


def test_words_that_join_are_no_pictures() -> None:
    assert not JOINS & CARRIERS


def test_a_caption_is_painted_as_it_was_learnt(emoji: Session) -> None:
    captions = learnt(emoji)
    assert len(captions) > 1000
    for caption in captions:
        assert emoji.understood(Wish(caption)).read == caption


@pytest.mark.parametrize(
    ("captions", "text", "read"),
    [
        (("cat", "dog", "house"), "a red cat", "a (red:0.5) cat"),
        (("cat", "dog", "a red house"), "a blue cat", "a (blue:0.5) cat"),
        # Where captions describe, a painter learnt to heed that.
        (("a red cat", "a sleeping dog", "a red house"), "a blue cat", "a blue cat"),
        (("一只红色的猫", "一只蓝色的狗", "猫"), "红色的狗", "红色的狗"),
    ],
)
def test_painters_that_learnt_from_descriptions_heed_them(captions: tuple[str, ...], text: str, read: str) -> None:
    words = ["red", "blue", "sleeping", "a", "红色", "蓝色", "的", "一只"]
    assert Vocabulary(open_distilled(), captions, words).understood(text) == read


def test_what_captions_say_much_of_is_heeded() -> None:
    looks = [f"{word} face" for word in LOOKS]
    things = [f"thing{number}" for number in range(40)]
    known = Vocabulary(open_distilled(), ("face", "cat", *looks, *things), ["bored", "with", "glasses"])
    assert known.understood("bored face with glasses") == "bored face with glasses"
    assert known.understood("bored cat with glasses") == "(bored:0.5) cat (with glasses:0.5)"
    assert Vocabulary(open_distilled(), ("face", *looks[:3], *things), ["bored"]).understood("bored face") == "(bored:0.5) face"


def test_shapes_are_described() -> None:
    drawn = [item for item in ShapesSource(20).items() if isinstance(item, Item)]
    pictures = [Picture(str(number), item.captions) for number, item in enumerate(drawn)]
    condition = TextCondition.fit(pictures, "distilled")
    assert condition is not None
    for text in ("a blue star", "three large green circles on the left", "三个绿色的圆"):
        assert ":" not in condition.understood(text)


def test_what_was_read_is_read_the_same_again(emoji: Session) -> None:
    captions = learnt(emoji)
    for caption in captions[::40]:
        for text in (f"a very sad {caption}", f"{caption} with a red hat", f"可爱的{caption}", f"{caption}的图片"):
            read = emoji.understood(Wish(text)).read
            assert emoji.understood(Wish(read)).read == read, text


def test_weights_that_were_written_stay_as_they_are(emoji: Session) -> None:
    for text in ("(sad:1.2) robot", "sad (robot:0.7) with a hat", "sad robot (with a hat:0.3)"):
        assert emoji.understood(Wish(text)).read == text


def test_a_wish_is_painted_as_its_weights_say(emoji: Session) -> None:
    asked = Wish("a sad robot", steps=1, size=(32, 32))
    (note,) = emoji.unheeded(asked)
    assert "'a (sad:0.5) robot'" in note
    mine, same, literal = emoji.paint_all(
        [asked, dataclasses.replace(asked, words="a (sad:0.5) robot"), dataclasses.replace(asked, read_as="a sad robot")]
    )
    assert mine.image.tobytes() == same.image.tobytes() != literal.image.tobytes()
    assert (mine.wish.words, mine.wish.read_as) == ("a sad robot", "a (sad:0.5) robot")
