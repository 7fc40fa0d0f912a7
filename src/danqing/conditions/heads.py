"""What a wish is of, and what is only said of it: in "a sad robot with a red hat" it is the robot.

The captions that a painter learnt name one thing each. Where a wish names several, as loud as one another, what is painted lies
between them and is neither; so what it is of is left as loud as it was, and all else is made softer (decision 23). A colour
that is said of it is no matter of loudness: it is given to the painting (decision 24).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence

from danqing.conditions.colour_names import HUE, colour_of
from danqing.conditions.kinds import kinds
from danqing.conditions.word_places import JOINS, MEASURES, filling
from danqing.parts.distilled_text import UNSPACED

SOFT = 0.5
"""The weight of all that a wish is not of."""
WRITTEN = re.compile("[():]")
"""What weights are written with."""
TINTED = re.compile(r"[(（]([^():#（）：]*)[:：]\s*(#(?:[0-9a-fA-F]{3}){1,2})[)）]")
"""A colour that is given, as in `(blue:#2f6fd6) cat`."""
WEIGHED = re.compile(r"\(([^():]*):[^():]*\)")
"""Words with a weight or a colour."""
TINTS = 4
"""Colours that words may give to a painting."""
PARTED = re.compile(r"[,;!?\n，。；！？、]|\.\s")
OF = "的"
DOING = "ing"
AND = frozenset(("and", "or", "&", "和", "与"))
SMALL = frozenset(("小", "大", "little", "baby", "toy"))
"""What may stand between a colour and a thing that has it, though it is a noun or no word of its own."""
CARRIERS = frozenset((
    "picture", "pictures", "image", "images", "photo", "photograph", "drawing", "painting", "sketch", "illustration", "icon",
    "emoji", "sticker", "portrait", "图片", "照片", "图像", "图画", "插画", "图标", "表情", "表情符号", "贴纸", "图案",
))  # fmt: skip
"""A wish is of what they show: of the cat in "an oil painting of a cat"."""
CARRIED = re.compile(
    r"^(?:please\s+)?(?:(?:can|could)\s+you\s+)?(?:please\s+)?(?:draw|paint|make|create|generate)\s+"
    r"(?:me\s+|us\s+)?(?=(?:an?|the|some|my|two|three|four|\d)\s)"
    rf"|^请?(?:你?能|可以)?(?:帮我|给我|我想要|我要)*(?:画|来)?(?=[一两二三四][{MEASURES}])"
    r"|^(?:(?:an?|the)\s+)?(?:picture|image|photo|photograph|drawing|painting|sketch|illustration|icon|emoji|sticker)s?\s+of\s+"
    r"|^(?:an?\s+)?(?:bunch|pair|slice|piece|group)\s+of\s+"
    r"|(?<=\w)(?<!\ba)(?<!\ban)(?<!\bthe)\s+(?:picture|image|icon|emoji|sticker|drawing|illustration)s?$"
    r"|(?<=\w)的?(?:图片|照片|图像|图画|插画|图标|表情符号|贴纸|图案)$",
    re.IGNORECASE,
)
"""What only says that a picture is wanted, or how many, of which a painter of single things knows nothing."""
PEOPLE = frozenset((
    "man", "men", "woman", "women", "boy", "boys", "girl", "girls", "baby", "person", "people", "child", "children",
    "kid", "guy", "人", "男人", "女人", "男孩", "女孩", "男性", "女性", "孩子", "老人",
))  # fmt: skip
"""Who has a skin, of which `SKINS` are said."""
THINGS = frozenset(("orange", "gold", "silver"))
"""Colours that are things too."""
SKINS = frozenset(("black", "white", "brown", "yellow", "red", "黑", "白", "棕", "黄", "红"))
"""What is said of people's skin, and no colour to be given."""
_BEHIND = (
    (
        re.compile(
            r"^(?P<article>(?:an?|the)\s+)?(?P<thing>[^,]+?)(?:,|\s(?:(?:that|which)\s)?(?:is|are)\s)\s*(?P<colour>[a-z ]+)$",
            re.IGNORECASE,
        ),
        " ",
    ),
    (re.compile(f"^(?P<article>)(?P<thing>[^，,是]+)[，,是](?P<colour>[^的]+{HUE})的?$"), OF),
)
"""A colour behind its thing, and what stands between both in the usual order."""
MOST = 12
"""Words that are looked at: of longer wishes the beginning."""

Place = tuple[int, int]
Named = Callable[[str], bool]


def head(text: str, places: Sequence[Place], named: Named) -> Place | None:
    """Where that lies which a text is of; `None` where it names nothing.

    Of its first phrase (up to "with", "in", a comma, and in Chinese after the last 的) it is the longest name of several words
    that begins there, or the last word that is a name by itself, with names just before it and nouns after it, or the last
    noun, or the last word; a colour alone is none.

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
        phrase = _runs(text, phrase, named)
    words = [text[slice(*place)].lower() for place in phrase]
    checks: tuple[Callable[[str], object], ...] = (named, lambda word: kinds(word) and not colour_of(word), bool)
    last = next(number for check in checks for number in reversed(range(len(words))) if check(words[number]))
    if colour_of(words[last]) and not named(words[last]):
        return None
    first = last
    while first and named(words[first - 1]) and not colour_of(words[first - 1]):  # a robot dog is both
        first -= 1
    if kinds(words[-1]) and not colour_of(words[-1]) and named(words[last]):  # a bird cage is no bird
        last = len(words) - 1
    return phrase[first][0], more[-1][1] if more else phrase[last][1]


def _runs(text: str, phrase: Sequence[Place], named: Named) -> list[Place]:
    """Runs of characters, as words that a reader found in one may be parts of one it does not know; without a colour before."""
    start, end = phrase[0][0], phrase[-1][1]
    colour, rest = text[slice(*phrase[0])], text[phrase[0][1] : end].lower()
    if rest and colour_of(colour) and (colour.endswith(HUE) or len(phrase) == 2 or named(rest)):
        start = phrase[1][0]
    return [(start + run.start(), start + run.end()) for run in re.finditer(r"\S+", text[start:end])]


def _phrase(text: str, places: Sequence[Place], named: Named) -> tuple[list[Place], list[Place]]:
    """The words among which the head is, and those that say of what it is: "flag" and "France"."""
    phrase: list[Place] = []
    more: list[Place] = []
    part = phrase
    for number, (start, end) in enumerate(places):
        word = text[start:end].lower()
        if word == "of" and number and text[slice(*places[number - 1])].lower() in CARRIERS:
            phrase.clear()
        elif word == "of" and phrase:
            part = more
        elif _doing(text, phrase, places[number:], named):
            break
        elif word == OF and any(not filling(text[slice(*place)].lower()) for place in places[number + 1 :]):
            phrase.clear()
        elif PARTED.search(text[places[number - 1][1] : start]) and any(named(text[slice(*place)].lower()) for place in phrase):
            break
        elif phrase and word in JOINS:
            if not _more_to_come(text, word, phrase, places[number:], named):
                break
        elif not filling(word):
            part.append((start, end))
    return phrase, more


def _doing(text: str, phrase: Sequence[Place], places: Sequence[Place], named: Named) -> bool:
    """Whether what follows a phrase says what is done, and not what kind of thing: "fighting a dragon" after "knight"."""
    word, after = (text[slice(*place)].lower() for place in (*places[:1], *(places[1:2] or ((0, 0),))))
    if not word.endswith(DOING) or named(word) or word in CARRIERS:
        return False
    said = [text[slice(*place)].lower() for place in phrase]
    return any(map(named, said)) or (filling(after) and any(kinds(word) and not colour_of(word) for word in said))


def _more_to_come(text: str, join: str, phrase: Sequence[Place], places: Sequence[Place], named: Named) -> bool:
    """Whether what was said yet is said of what follows: "red" of "and green car", 戴帽子 of 和围巾的猫."""
    said = [text[slice(*place)].lower() for place in phrase]
    if join in AND and not any(named(word) or (kinds(word) and not colour_of(word)) for word in said):
        return True
    words = [text[slice(*place)].lower() for place in places]
    return OF in words and any(not filling(word) for word in words[words.index(OF) :])


def colour_first(text: str) -> str:
    """The text with a colour that is said behind its thing before it: "the cat is blue", "cat, blue", 猫是蓝色的."""
    for pattern, between in _BEHIND:
        match = pattern.match(text.strip())
        if match is None or not colour_of(match["colour"].lower()):
            continue
        thing = match["thing"].lower()
        if not JOINS & {*thing.split(), *thing}:  # of two it is not said of the first; Chinese joins by single characters
            return f"{match['article'] or ''}{match['colour']}{between}{match['thing']}"
    return text


def colours(text: str, places: Sequence[Place], of: Place, named: Named) -> list[tuple[Place, str]]:
    """Where before what a text is of it says which colour that has, and `#rrggbb`; not "blue" of "blue eyed cat"."""
    before = [place for place in places if place[1] <= of[0]]
    thing = text[slice(*of)].lower()
    found: list[tuple[Place, str]] = []
    number = 0
    while number < len(before):
        for length in (2, 1):  # "sky blue"
            if number + length > len(before):
                continue
            start, end = before[number][0], before[number + length - 1][1]
            name, rest = text[start:end].lower(), before[number + length :]
            after = [text[slice(*place)].lower() for place in rest]
            colour = colour_of(name)
            if colour and _of_it(name, after, thing, named):
                end = rest[0][1] if after[:1] == [OF] else end
                found.append(((start, end), colour))
                number += length - 1
                break
        number += 1
    return found


def _of_it(name: str, after: Sequence[str], thing: str, named: Named) -> bool:
    """Whether a colour is that of the thing, with these words between both."""
    if name.removesuffix(HUE) in SKINS and any(thing == person or thing.endswith(" " + person) for person in PEOPLE):
        return False
    if UNSPACED.search(name):
        joined = name.endswith(HUE) or after[:1] == [OF]
        return (joined or not after) and all(word == OF or word in SMALL or word in AND or colour_of(word) for word in after)
    if name in THINGS and kinds(f"{name} {thing}"):  # an orange tree is green
        return False
    return not any(
        named(word) or word.endswith("ed") or kinds(word) for word in after if word not in SMALL and not colour_of(word)
    )


def softened(
    text: str, places: Sequence[Place], of: Place, tints: Sequence[tuple[Place, str]] = (), heeded: bool = False
) -> str:
    """The text with all that it is not of given the weight `SOFT`.

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
        if not (end and all(filling(text[slice(*place)].lower()) for place in places if end <= place[0] < start)):
            parts.append(soft(end, start))
        parts.append(f"({text[start:stop]}:{colour})")
        end = stop
    return "".join((*parts, soft(end, of[0]), text[slice(*of)], soft(of[1], len(text), after=True)))


def same_words(text: str, read: str) -> bool:
    """Whether what is read in place of a text has no other words, only other weights, colours and less."""
    return all(word in text.lower() for word in WEIGHED.sub(r" \1 ", read).lower().split())


def _soft(text: str, places: Sequence[Place], start: int, end: int, *, after: bool = False, heeded: bool = False) -> str:
    """The part of a text between two places in brackets; outside them, where it is not `after`, what says nothing before it."""
    inside = [place for place in places if start <= place[0] and place[1] <= end]
    words = [text[slice(*place)].lower() for place in inside]
    if all(map(filling, words)):
        return text[start:end]
    skipped = 0
    while not after and filling(words[skipped]) and words[skipped] not in JOINS:
        skipped += 1
    first, last = inside[skipped][0], inside[-1][1]
    return text[start:first] + (text[first:end] if heeded else f"({text[first:last]}:{SOFT:g}){text[last:end]}")
