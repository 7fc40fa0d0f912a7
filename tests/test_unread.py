"""Words that no caption says are read as the nearest that a painter learnt, and whoever asks is told."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from danqing.conditions.kinds import kinds
from danqing.conditions.text import TextCondition
from danqing.conditions.unread import Vocabulary
from danqing.conditions.word_places import FILLERS, words_of
from danqing.mix import Mixture, Part, mix
from danqing.paint import Session, load
from danqing.parts.distilled_text import open_distilled
from danqing.replay import replay
from danqing.words import Painting, Picture, Wish

CAPTIONS = ("dog", "red apple", "house with garden", "chocolate bar", "crown", "bird", "狗", "红苹果", "花园别墅", "蛇")


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(open_distilled(), CAPTIONS, ["cute", "crown", "可爱", "的", "a", "with", "and"])


@pytest.fixture(scope="module")
def emoji() -> Session:
    return load("emoji")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("puppy", "dog"),
        ("a cute puppy", "a (cute:0.5) dog"),
        ("(Puppy:1.3) with a crown", "(dog:1.3) with a crown"),
        ("puppy and doggy", "dog (and dog:0.5)"),
        ("poodle puppy", "dog"),  # neighbours are one
        ("可爱的蟒蛇", "(可爱的:0.5)蛇"),
        ("very cute dog", "very (cute:0.5) dog"),  # "very" names nothing
        ("an apple on a dog", "an apple (on a dog:0.5)"),
        ("don't, they're, puppy's", "don't, they're, puppy's"),  # parts of words
        ("pup\u0301py", "pup\u0301py"),
        ("dog ² 三", "dog ² 三"),
        ("cute red house", "(cute red:0.5) house"),  # each word is in some caption
        ("DOG, 2", "DOG, 2"),
        ("pooch", "dog"),  # says the dictionary; the reader knows the word as two pieces
        ("hounds", "dog"),
        ("chocolate bar", "chocolate bar"),
        ("house dog", "(house:0.5) dog"),
        ("雏菊和狗", "雏菊和狗"),  # characters that the reader cuts one by one are one word
        ("白狗", "(白:0.5)狗"),
        ("satsuma", "satsuma"),  # nothing is near
        ("", ""),
        ("?! 1.5 ()", "?! 1.5 ()"),
    ],
)
def test_words_never_learnt_are_read_as_the_nearest(vocabulary: Vocabulary, text: str, read: str) -> None:
    assert vocabulary.understood(text) == read
    assert vocabulary.understood(read) == read


def test_what_is_read_is_of_the_script_that_was_written(vocabulary: Vocabulary) -> None:
    assert vocabulary.understood("小狗崽") == "狗"
    only = Vocabulary(open_distilled(), ("狗",))
    assert only.understood("puppy") == "puppy"


def test_no_word_of_any_caption_is_exchanged() -> None:
    pictures = [
        Picture("1", {"en": ("corgi", "stubby"), "zh": ("柯基", "短腿")}),
        Picture("2", {"en": ("dog",), "zh": ("狗",)}),
    ]
    condition = TextCondition.fit(pictures, "distilled")
    assert condition is not None
    for picture in pictures:
        for captions in picture.captions.values():
            assert [condition.understood(caption) for caption in captions] == list(captions)
    again = TextCondition.revive(condition.state())
    assert again.words == condition.words
    assert condition.understood("hound") == again.understood("hound") == "dog"


def test_a_painter_that_does_not_tell_its_words_reads_as_written() -> None:
    condition = TextCondition.fit([Picture("1", {"en": ("dog",)})], "distilled")
    assert condition is not None
    state = condition.state()
    del state["words"]
    assert TextCondition.revive(state).understood("puppy") == "puppy"


def test_captions_without_any_word_exchange_nothing() -> None:
    assert Vocabulary(open_distilled(), ("(:", "!"), ["cat"]).understood("puppy") == "puppy"


def test_words_of_a_style_of_ones_own_are_learnt_too() -> None:
    condition = TextCondition.fit([Picture("1", {"en": ("dog",)})], "distilled")
    assert condition is not None
    assert condition.understood("puppy") == "dog"
    assert condition.widened([Picture("2", {"en": ("toy", "puppy")})], "mine").understood("puppy") == "puppy"


def test_a_painter_says_what_it_reads_and_paints_it(emoji: Session) -> None:
    asked, plain = Wish("puppy", steps=1, size=(32, 32)), Wish("dog", steps=1, size=(32, 32))
    (note,) = emoji.unheeded(asked)
    assert "'puppy'" in note
    assert "'dog'" in note
    assert emoji.unheeded(plain) == []
    mine, same = emoji.paint_all([asked, plain])
    assert mine.image.tobytes() == same.image.tobytes()
    assert (mine.wish.words, mine.wish.read_as, same.wish.read_as) == ("puppy", "dog", None)
    literal = emoji.paint_all([dataclasses.replace(asked, read_as="puppy")])[0]
    assert literal.image.tobytes() != mine.image.tobytes()
    assert emoji.unheeded(dataclasses.replace(asked, read_as="puppy")) == []


def test_pictures_of_before_are_replayed_as_they_were_read(emoji: Session, tmp_path: Path) -> None:
    for number, wish in enumerate((Wish("puppy"), Wish("puppy", read_as="puppy"), Wish("dog"))):
        painting = emoji.paint_all([dataclasses.replace(wish, steps=1, size=(32, 32))])[0]
        assert replay(painting.save(tmp_path / f"{number}.png")).same == "identical"
    before = dict(painting.record["wish"], words="puppy")  # as records were, which knew of nothing read in a word's place
    assert Wish.recorded(before).read == "puppy"
    assert emoji.resolve(Wish.from_json(before)).read == "dog"


def test_no_word_that_names_nothing_is_exchanged(emoji: Session) -> None:
    for word in FILLERS:
        assert emoji.understood(Wish(word)).read == word
    assert emoji.understood(Wish("an owl with an umbrella")).read == "an owl [in front: umbrella]"


def test_a_weight_changes_nothing_of_what_is_read(emoji: Session) -> None:
    for word in ("boxer", "vineyard", "puppy", "japanese"):
        assert emoji.understood(Wish(f"({word}:1.3)")).read == f"({emoji.understood(Wish(word)).read}:1.3)"
        assert not re.search("[():]", emoji.understood(Wish(word)).read)


def test_what_is_read_as_written_is_asked_for_only_where_it_matters(emoji: Session, tmp_path: Path) -> None:
    assert emoji.resolve(Wish("dog", read_as="dog")).read_as is None
    assert emoji.resolve(Wish("puppy", read_as="puppy")).read_as == "puppy"
    assert emoji.resolve(Wish("puppy", read_as="")).read_as == "dog"
    assert emoji.unheeded(Wish("dog", read_as="cat")) == [], "as was asked"
    work = emoji.begin([Wish("dog", steps=2, size=(32, 32))]).step()
    resumed = emoji.resume(work.save(tmp_path / "half"))
    assert resumed.wishes == work.wishes
    literal = emoji.begin([Wish("puppy", read_as="puppy", steps=2, size=(32, 32))])
    assert literal.change(words="hound").wishes[0].read == "hound"


def test_other_words_on_the_way_are_read_anew(emoji: Session) -> None:
    work = emoji.begin([Wish("puppy", steps=2, size=(32, 32))]).step()
    assert work.change(words="kitty").wishes[0].read != "dog"
    assert work.change(guidance=3.0).wishes[0].read == "dog"


def test_mixtures_keep_what_was_read(emoji: Session, tmp_path: Path) -> None:
    *_, painting = mix(emoji, Mixture((Part(Wish("puppy", steps=1)), Part(Wish("apple", steps=1)))))
    assert isinstance(painting, Painting)
    assert [part["wish"].get("read_as") for part in painting.record["mixed"]["parts"]] == ["dog", None]
    assert replay(painting.save(tmp_path / "mixed.png")).same == "identical"


def test_characters_cut_one_by_one_are_one_word_but_colours_are_their_own() -> None:
    reader = open_distilled()
    assert list(words_of(reader, "雏菊和白兔")) == ["雏菊", "和", "白", "兔"]
    assert list(words_of(reader, "A red-ish Dog, 可爱的猫")) == ["a", "red", "ish", "dog", "可爱", "的", "猫"]


def test_the_dictionary_knows_what_things_are_kinds_of() -> None:
    assert kinds("puppies")["dog"] == 1
    assert kinds("Pooch")["dog"] == 1
    assert kinds("killer whale")["orca"] == 0
    assert kinds("benches")["seat"] == 1
    assert kinds("no such noun") == kinds("") == {}
