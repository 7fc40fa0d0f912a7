"""What a wish is of, and what is only said of it: in "a sad robot with a red hat" it is the robot.

The captions that a painter learnt name one thing each. Where a wish names several, as loud as one another, what is painted lies
between them and is neither; so what it is of is left as loud as it was, and all else is made softer (decision 23). A colour
that is said of it is no matter of loudness: it is given to the painting (decision 24).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence

from danqing.conditions.colour_names import COMMON, colour_of
from danqing.conditions.kinds import kinds
from danqing.conditions.word_places import JOINS, filling
from danqing.parts.distilled_text import UNSPACED

SOFT = 0.5
"""The weight of all that a wish is not of."""
WRITTEN = re.compile("[():]")
"""What weights are written with."""
PARTED = re.compile(r"[,;!?\n，。；！？、]|\.\s")
OF = "的"
DOING = "ing"
AND = frozenset(("and", "or", "&", "和", "与"))
SMALL = frozenset("小大")
"""What may stand between a colour and a thing in Chinese."""
_CARRYING = (
    "picture pictures image images photo photograph drawing painting sketch illustration icon emoji sticker portrait "
    "piece pair bunch slice group kind sort type 图片 照片 图像 图画 画 插画 图标 表情 表情符号 贴纸 头像 图案"
)
CARRIERS = frozenset(_CARRYING.split())
"""Words of which a wish never is where it names anything else: "a picture of a cat" is of a cat."""
MOST = 12
"""Words that are looked at: of longer wishes the beginning."""

Place = tuple[int, int]
Named = Callable[[str], bool]


def head(text: str, places: Sequence[Place], named: Named) -> Place | None:
    """Where that lies which a text is of; `None` where it names nothing.

    Of its first phrase (up to "with", "in", a comma, and in Chinese after the last 的) it is the longest name of several words
    that begins there, or the last word that is a name by itself, with names just before it, or the last noun, or the last word.

    Args:
        text: in any script.
        places: of its words.
        named: whether something in small letters is the name of a thing that can be painted.
    """
    phrase, more = _phrase(text, places[:MOST], named)
    if not phrase:
        return None
    spoken = [(start, end) for start, end in places[:MOST] if start >= phrase[0][0]]
    for length in range(len(spoken), 1, -1):
        for first in range(len(spoken) - length + 1):
            start, end = spoken[first][0], spoken[first + length - 1][1]
            if spoken[first] in phrase and named(text[start:end].lower()):
                return start, end
    if UNSPACED.search(text[phrase[0][0] : phrase[-1][1]]):
        # Words that a reader found in one run of characters may be parts of one that it does not know.
        while len(phrase) > 1 and colour_of(text[slice(*phrase[0])]):
            phrase = phrase[1:]
        runs = re.finditer(r"\S+", text[phrase[0][0] : phrase[-1][1]])
        phrase = [(phrase[0][0] + run.start(), phrase[0][0] + run.end()) for run in runs]
    checks: tuple[Callable[[str], object], ...] = (named, kinds, bool)
    last = next(place for check in checks for place in reversed(phrase) if check(text[slice(*place)].lower()))
    beside = phrase[: phrase.index(last)]
    while beside and named(text[slice(*beside[-1])].lower()):  # a robot dog is as much the one as the other
        last = beside.pop()[0], last[1]
    return last[0], more[-1][1] if more else last[1]


def _phrase(text: str, places: Sequence[Place], named: Named) -> tuple[list[Place], list[Place]]:
    """The words among which the head is, and those that say of what it is: "flag" and "France"."""
    phrase: list[Place] = []
    more: list[Place] = []
    part = phrase
    for number, (start, end) in enumerate(places):
        word = text[start:end].lower()
        if word == "of" and phrase:
            part = more
        elif _doing(text, phrase, places[number:], named):
            break
        elif word == OF and any(not _empty(text[slice(*place)].lower()) for place in places[number + 1 :]):
            phrase.clear()
        elif phrase and PARTED.search(text[(more or phrase)[-1][1] : start]):
            break
        elif phrase and word in JOINS:
            if not _more_to_come(text, word, phrase, places[number:], named):
                break
        elif not _empty(word):
            part.append((start, end))
    return phrase, more


def _doing(text: str, phrase: Sequence[Place], places: Sequence[Place], named: Named) -> bool:
    """Whether what follows a phrase says what is done, and not what kind of thing: "fighting a dragon" after "knight"."""
    word, after = (text[slice(*place)].lower() for place in (*places[:1], *(places[1:2] or ((0, 0),))))
    if not word.endswith(DOING) or named(word):
        return False
    return any(named(text[slice(*place)].lower()) for place in phrase) or bool(phrase and filling(after))


def _more_to_come(text: str, join: str, phrase: Sequence[Place], places: Sequence[Place], named: Named) -> bool:
    """Whether what was said yet is said of what follows: "red" of "and green car", 戴帽子 of 和围巾的猫."""
    said = [text[slice(*place)].lower() for place in phrase]
    if join in AND and not any(named(word) or (kinds(word) and not colour_of(word)) for word in said):
        return True
    words = [text[slice(*place)].lower() for place in places]
    return OF in words and any(not _empty(word) for word in words[words.index(OF) :])


def _empty(word: str) -> bool:
    return filling(word) or word in CARRIERS


def colours(text: str, places: Sequence[Place], of: Place, named: Named) -> list[tuple[Place, str]]:
    """Where before what a text is of it says which colour that has, and `#rrggbb`; not "blue" of "blue eyed cat"."""
    before = [place for place in places if place[1] <= of[0]]
    found: list[tuple[Place, str]] = []
    number = 0
    while number < len(before):
        for length in (2, 1):  # "sky blue"
            if number + length > len(before):
                continue
            start, end = before[number][0], before[number + length - 1][1]
            name, rest = text[start:end].lower(), before[number + length :]
            colour = colour_of(name)
            if colour and (name in COMMON or not named(name)) and _of_it(text, rest, UNSPACED.search(name) is not None, named):
                end = rest[0][1] if rest and text[slice(*rest[0])] == OF else end
                found.append(((start, end), colour))
                number += length - 1
                break
        number += 1
    return found


def _of_it(text: str, rest: Sequence[Place], unspaced: bool, named: Named) -> bool:
    """Whether what stands between a colour and what a text is of leaves the colour to the latter."""
    words = [text[slice(*place)].lower() for place in rest]
    if unspaced:
        return all(word == OF or word in SMALL or word in AND or colour_of(word) for word in words)
    return not any(named(word) or (word.endswith("ed") and not colour_of(word)) for word in words)


def softened(
    text: str, places: Sequence[Place], of: Place, tints: Sequence[tuple[Place, str]] = (), heeded: bool = False
) -> str:
    """The text with all that it is not of given the weight `SOFT`, and without what only says that a picture is wanted.

    It stays as it is where it has weights of its own.

    Args:
        text: in any script.
        places: of its words.
        of: where that lies which it is of.
        tints: as of `colours`, which are written beside their words: "(blue:#2f6fd6) cat".
        heeded: what is said of it stays as loud as it is.
    """
    if WRITTEN.search(text):
        return text
    soft = functools.partial(_soft, text, places, heeded=heeded)
    parts, end = [], 0
    for (start, stop), colour in tints:
        if not (end and all(_empty(text[slice(*place)].lower()) for place in places if end <= place[0] < start)):
            parts.append(soft(end, start))
        parts.append(f"({text[start:stop]}:{colour})")
        end = stop
    return "".join((*parts, soft(end, of[0]), text[slice(*of)], soft(of[1], len(text), after=True)))


def _soft(text: str, places: Sequence[Place], start: int, end: int, *, after: bool = False, heeded: bool = False) -> str:
    """The part of a text between two places in brackets; outside them, where it is not `after`, what says nothing before it."""
    inside = [place for place in places if start <= place[0] and place[1] <= end]
    words = [text[slice(*place)].lower() for place in inside]
    if all(map(_empty, words)):
        return "" if CARRIERS.intersection(words) else text[start:end]
    skipped = 0
    while not after and _empty(words[skipped]) and words[skipped] not in JOINS:
        skipped += 1
    first, last = inside[skipped][0], inside[-1][1]
    before = "" if CARRIERS.intersection(words[:skipped]) else text[start:first]
    return before + (text[first:end] if heeded else f"({text[first:last]}:{SOFT:g}){text[last:end]}")
