"""Several things in one wish: "a sad robot with a red hat" is of a robot, with a hat on its head.

A painter of single things paints each of them well and all at once badly (decision 25). So a wish of several is written as the
first, with the others and their places behind it, and each is painted by itself:

    a (sad:0.5) robot [on the head: (red:#d93636) hat]

Here is how that is written, and how it is found in a sentence; `danqing.painters.arrangement` puts the paintings together.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from danqing.conditions.colour_names import HUE
from danqing.conditions.heads import CARRIERS, DOING, OF, PARTED, TINTED
from danqing.conditions.kinds import all_above, singulars
from danqing.conditions.sorts import Sort
from danqing.conditions.word_places import JOINS, MEASURES, filling
from danqing.parts.distilled_text import UNSPACED

BESIDE, HEAD, EYES, FRONT, BELOW, ABOVE = "beside", "on the head", "on the eyes", "in front", "below", "above"
CHINESE = {"旁边": BESIDE, "头上": HEAD, "眼前": EYES, "前面": FRONT, "下面": BELOW, "上面": ABOVE}
"""Places may be written in either language."""
PLACES = (BESIDE, HEAD, EYES, FRONT, BELOW, ABOVE)
MOST = 6
"""Things in one picture."""
PLACED = re.compile(rf"\s*\[({'|'.join((*PLACES, *CHINESE))})\s*[:：]\s*([^\[\]]*?)\s*\]")


@dataclasses.dataclass(frozen=True, slots=True)
class Thing:
    """What is in a picture beside its first thing.

    Args:
        place: one of `PLACES`. What is beside comes next to all before it, and what is below or above all of it; what is worn
            or in front belongs to the last thing that stands by itself.
        words: what is painted there.
    """

    place: str
    words: str


def parted(text: str) -> tuple[str, tuple[Thing, ...]]:
    """The first thing's words, and the others that are written behind it."""
    found = tuple(Thing(CHINESE.get(match[1], match[1]), match[2]) for match in PLACED.finditer(text))
    return PLACED.sub("", text).strip(), found


def written(first: str, things: Iterable[Thing]) -> str:
    """The inverse of `parted`, each place in the script of its words."""
    names = {place: name for name, place in CHINESE.items()}
    places = [(names[thing.place] if UNSPACED.search(thing.words) else thing.place, thing.words) for thing in things]
    return first + "".join(f" [{place}: {words}]" for place, words in places)


def spoken(text: str) -> str:
    """All that is read, as one text; colours that are given to several things are words again."""
    first, others = parted(text)
    return ", ".join(TINTED.sub(r"\1 ", words) for words in (first, *(other.words for other in others))) if others else text


Sorted = Callable[[str, bool], Sort | None]
"""What the thing is that a text is of; `None` where it is of none that was learnt, or of none that stands by itself. Told too
is whether it stands between commas."""
_COMMAS = frozenset(",;，；、")
_EDGES = ' \t\r\n\u3000,，、.!?。！？"'
"""What is no part of words at their ends."""
_DENIED = re.compile(r"\b(?:no|not|never|neither|nor|without)\b|n['’]t\b|[没不无]", re.IGNORECASE)
"""What says that something is not there, and is left to the words."""

_WITH, _WORN, _HELD, _BESIDE, _ON, _UNDER, _IN, _DOES = "with", "worn", "held", "beside", "on", "under", "in", "does"
_AND = "and"
_ENGLISH = {
    "with": _WITH, "and": _AND, "&": _AND, "plus": _AND, "wearing": _WORN, "holding": _HELD, "carrying": _HELD,
    "hugging": _HELD, "riding": _ON, "on": _ON, "upon": _ON, "onto": _ON, "atop": _ON, "over": _ON, "above": _ON,
    "under": _UNDER, "beneath": _UNDER, "below": _UNDER, "in": _IN, "inside": _IN, "beside": _BESIDE, "near": _BESIDE,
    "by": _BESIDE, "behind": _BESIDE, "next to": _BESIDE, "close to": _BESIDE, "in front of": _BESIDE, "on top of": _ON,
}  # fmt: skip
"""What joins two things, and how."""
_NUMBERS = {"two": 2, "three": 3, "four": 4, "2": 2, "3": 3, "4": 4, "两": 2, "二": 2, "三": 3, "四": 4}
_COUNTED = re.compile(rf"^(?:(two|three|four|[234])\s+|([两二三四234])[{MEASURES}])(?=\D)", re.IGNORECASE)
_ARTICLE = re.compile(
    rf"^(?:(?:an?|the|my|our|your|his|her|its|their|some)\s+|[一这那][{MEASURES}]|[你我他她它]们?的)(?=\S)", re.IGNORECASE
)


def _place(relation: str, sort: Sort) -> str | None:
    """Where a thing is put that is joined so; `None` where it is only said of the other."""
    if relation in (_WITH, _WORN, _DOES, _HELD, _IN) and sort in (Sort.HEADGEAR, Sort.EYEWEAR):
        return HEAD if sort is Sort.HEADGEAR else EYES
    if relation == _WITH and sort is Sort.PART:
        return None
    if relation in (_WITH, _DOES):
        return BESIDE if sort in (Sort.LIVING, Sort.STANDING) else FRONT
    if relation == _IN:
        return BELOW if sort is Sort.SEAT else None
    return {_WORN: FRONT, _HELD: FRONT, _ON: BELOW, _UNDER: ABOVE}.get(relation, BESIDE)


def things(text: str, places: Sequence[tuple[int, int]], sort: Sorted) -> tuple[str, tuple[Thing, ...]]:
    """What a wish is of, and what else is in its picture, in the words of the wish.

    Args:
        text: in any script, without weights.
        places: of its words.
        sort: what a part of the text is of.

    Returns:
        The first thing's words and the others; none where it is of one thing, or of more than `MOST`.
    """
    if _DENIED.search(text) or "[" in text or "]" in text:  # brackets would part the notation otherwise
        return text, ()
    found = _chinese(text, sort) if UNSPACED.search(text) else _english(text, places, sort)
    several = any(relation == _AND for _, _, relation in _joints(text, places))
    if found is None and (several or sort(_bare(text), False) is None):
        return text, ()
    first, rest = _counted(text, found)
    return (first, rest) if rest and len(rest) < MOST else (text, ())


def _counted(text: str, found: tuple[str, tuple[Thing, ...]] | None) -> tuple[str, tuple[Thing, ...]]:
    """The same with as many of each as is said."""
    first, rest = found or (text, ())
    groups: list[list[Thing]] = []
    for thing in (Thing(BESIDE, first), *rest):
        number, words = _number(thing.words)
        one = Thing(thing.place, words)
        if thing.place == BESIDE:
            groups += [[one] for _ in range(number)]
            counted = number
        elif thing.place in (HEAD, EYES):  # each of two dogs with hats has one
            for group in groups[-counted:]:
                group.append(one)
        else:
            groups[-1] += [one] * (number if thing.place == FRONT else 1)
    every = [thing for group in groups for thing in group]
    return every[0].words, tuple(every[1:])


def _number(words: str) -> tuple[int, str]:
    """How many are said, and the words for one: three, and cat, of "three cats"; one where that is no number of things."""
    match = _COUNTED.match(words)
    if match is None:
        return 1, words
    number, rest = _NUMBERS[(match[1] or match[2]).lower()], words[match.end() :]
    if match[2]:  # two ears' rabbit is one
        return (number, rest) if OF not in rest.replace(HUE + OF, HUE) else (1, words)
    said = rest.split(" ")
    last = next((place for place, word in enumerate(said) if place and word.lower() in JOINS), len(said)) - 1
    several = said[last].lower()
    single = _IRREGULAR.get(several) or next((noun for noun in singulars(several)[1:] if all_above(noun)), None)
    return (number, " ".join((*said[:last], single, *said[last + 1 :]))) if single else (1, words)


_IRREGULAR = {
    "children": "child", "people": "person", "geese": "goose", "mice": "mouse", "sheep": "sheep", "fish": "fish",
    "deer": "deer", "wolves": "wolf", "leaves": "leaf", "knives": "knife",
}  # fmt: skip


def _english(text: str, places: Sequence[tuple[int, int]], sort: Sorted) -> tuple[str, tuple[Thing, ...]] | None:
    """Parted where a thing was named and a word follows that joins things."""
    joints = list(_joints(text, places))
    if not all(_listed(text, joints, number, sort) for number in range(len(joints))):  # a list of looks
        joints = [(start, end, joint) for start, end, joint in joints if not _COMMAS & set(text[start:end])]
    named = 0  # where the words of what was named last begin
    first: str | None = None
    found: list[tuple[str, int, int]] = []
    said = _AND
    for number, (start, end, joint) in enumerate(joints):
        if start < named or sort(_bare(text[named:start]), False) is None:
            continue
        others = [begin for begin, _, _ in joints[number + 1 :] if begin >= end] + [len(text)]
        stop = next((begin for begin in others if sort(_bare(text[end:begin]), False) is not None), end)
        kind = sort(_bare(text[end:stop]), False) if stop > end else None
        relation = joint
        if joint == _AND and said != _AND and kind not in (Sort.LIVING, Sort.STANDING):
            relation = said
        elif joint != _AND:
            said = joint
        place = None if kind is None else _place(relation, kind)
        if place is None:
            continue
        if first is None:
            first = text[:start]
        else:
            found[-1] = (*found[-1][:2], start)
        found.append((place, end, len(text)))
        named = end
    if first is None:
        return None
    return _ended(first), tuple(Thing(place, _ended(_article_off(text[start:end]))) for place, start, end in found)


def _listed(text: str, joints: Sequence[tuple[int, int, str]], number: int, sort: Sorted) -> bool:
    """Whether a thing follows a joint, if that is a comma: something with an article or a number, or else a name."""
    start, end, _ = joints[number]
    if not _COMMAS & set(text[start:end]):
        return True
    part = text[end : joints[number + 1][0] if number + 1 < len(joints) else len(text)].strip()
    return sort(_bare(part), _bare(part) == part) is not None


def _joints(text: str, places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, str]]:
    """Where words lie that join two things, and how they do."""
    words = [text[start:end].lower() for start, end in places]
    number = 0
    while number < len(words):
        start = places[number][0]
        if number and PARTED.search(text[places[number - 1][1] : start]):
            relation, length = _joint(words, number)
            yield places[number - 1][1], places[number + length - 1][1] if length else start, relation or _AND
        else:
            relation, length = _joint(words, number) if number else (None, 0)
            if relation is not None:
                yield start, places[number + length - 1][1], relation
        number += max(1, length)


def _joint(words: Sequence[str], number: int) -> tuple[str | None, int]:
    """How the words from a place on join what is before to what is after, and how many they are."""
    for length in range(min(3, len(words) - number), 0, -1):
        relation = _ENGLISH.get(" ".join(words[number : number + length]))
        if relation == _AND:  # "and wearing"
            then, more = _joint(words, number + length) if number + length < len(words) else (None, 0)
            return (relation, length) if then is None else (then, length + more)
        if relation is not None and (words[number] != "by" or _ARTICLE.match(" ".join((*words[number + 1 :][:1], "x")))):
            return relation, length
    if not _doing(words, number):
        return None, 0
    relation, length = _joint(words, number + 1) if number + 1 < len(words) else (None, 0)
    if relation == _AND:  # "a cat sleeping and a dog"
        return None, 0
    return (_DOES, 1) if relation in (None, _DOES) else (relation, 1 + length)


def _doing(words: Sequence[str], number: int) -> bool:
    """Whether a word says what a thing before it does; not "sleeping" of "a sleeping cat", nor "building"."""
    word, before = words[number], words[number - 1] if number else ""
    named = word in CARRIERS or _NOUNS & all_above(word) or all_above(" ".join(words[number : number + 2]))  # "sleeping bag"
    return word.endswith(DOING) and len(word) > len(DOING) + 1 and not named and (before in JOINS or not filling(before))


_NOUNS = frozenset(("artifact", "animal", "food", "plant"))


def _bare(words: str) -> str:
    """Without an article or a number before it."""
    return _COUNTED.sub("", _article_off(words))


def _article_off(words: str) -> str:
    return _ARTICLE.sub("", words.strip(_EDGES))


def _ended(words: str) -> str:
    """Without what would go on with something else: "a cat that is"."""
    rest, space, last = words.rstrip(_EDGES).rpartition(" ")
    return _ended(rest) if space and filling(last.lower()) else rest + space + last


_WORD = {"戴": _WORN, "带": _WITH, "穿": _WORN, "背": _HELD, "系": _WORN, "骑": _ON, "有": _WITH}
_VERBS = re.compile(r"(戴|带|穿|背|系|骑|有|拿|抱|握|举|捧|吃|喝|弹|打|玩|拉|吹|提|撑|开|看|读|推|追)(?:着|了)?")
_WORDS = (
    "开心", "开花", "开水", "开朗", "开放", "开明", "开学", "有钱", "有名", "有趣", "有力", "有爱", "有意", "有机", "打开",
    "打折", "打扮", "看来", "看起来", "提高", "背景", "背后", "系统", "推荐", "读者", "玩具", "拉面", "穿越", "吹牛", "吃惊",
    "吃货", "带鱼", "带劲", "追求", "举重", "握手", "抱歉", "捧腹",
)  # fmt: skip
"""What begins like a verb of those and is another word."""
_WHERE = {"上": _ON, "里": _IN, "中": _IN, "内": _IN, "下": _UNDER, "旁": _BESIDE, "边": _BESIDE, "后": _BESIDE, "前": _BESIDE}
_LIES = re.compile(r"[坐站躺趴睡]?在")
_THERE = re.compile(r"(上|里|中|内|下|旁|后|前|边)(?:面|边)?$")
_ALSO = re.compile(r"和(?![服平尚谐气睦解蔼])|与(?![众其否])|跟(?![随踪着前])|以及|、|，|,")


def _chinese(text: str, sort: Sorted) -> tuple[str, tuple[Thing, ...]] | None:
    """Parted where it is said what a thing has (戴帽子的猫), where it is (船上的猫) or what else there is (猫和狗)."""
    text = _article_off(text)
    both = _both(text, sort, clauses=True)
    if both:
        return both
    verb = None if text.startswith(_WORDS) else _VERBS.match(text)
    lies = _LIES.match(text)
    for match in re.finditer(OF, text):
        before, after = text[: match.start()], text[match.end() :]
        if not after or not before:
            continue
        if verb and verb.end() < match.start():
            joined = _joined(after, before[verb.end() :], _WORD.get(verb[1], _HELD), sort)
        else:
            there = _THERE.search(before)
            start = lies.end() if lies else 0
            joined = _joined(after, before[start : there.start()], _WHERE[there[1]], sort) if there else None
        if joined:
            return joined
    both = _both(text, sort)
    if both:
        return both
    for match in _VERBS.finditer(text, 1):
        before, after = text[: match.start()], text[match.end() :]
        if before and after and (match[0] != match[1] or match[1] == "骑"):  # 猫戴着帽子; without 着 it may be a part of a word
            joined = _joined(before, after, _WORD.get(match[1], _HELD), sort)
            if joined:
                return joined
    where = _LIES.search(text, 1)
    there = _THERE.search(text)
    if where and there and where.end() < there.start():
        return _joined(text[: where.start()], text[where.end() : there.start()], _WHERE[there[1]], sort)
    return None


def _both(text: str, sort: Sorted, *, clauses: bool = False) -> tuple[str, tuple[Thing, ...]] | None:
    """Parted where it is said what else there is; only between two of which it is said what they have or where they are, where
    these are asked for: 树上的鸟和树下的狗."""
    commas = re.split(r"[，,、]", text)
    looks = any(sort(_bare(part), _bare(part) == part) is None for part in commas[1:] if not _ALSO.search(part))
    for match in _ALSO.finditer(text):
        if match[0] in _COMMAS and looks:
            continue
        before, after = text[: match.start()], _article_off(text[match.end() :])
        said = (_VERBS.match(after) and not after.startswith(_WORDS)) or any(
            _THERE.search(after[: place.start()]) for place in re.finditer(OF, after)
        )
        if clauses and not (OF in before and OF in after and said):
            continue
        if before and after and sort(_bare(before), False) is not None and sort(_bare(after), False) is not None:
            first, rest = _chinese(before, sort) or (before, ())
            second, more = _chinese(after, sort) or (after, ())
            return first, (*rest, Thing(BESIDE, second), *more)
    return None


def _joined(first: str, others: str, relation: str, sort: Sorted) -> tuple[str, tuple[Thing, ...]] | None:
    """The first with what it has or where it is; `None` where one of them is no thing."""
    placed = []
    for other in _ALSO.split(others):
        other = _article_off(other)
        kind = sort(_bare(other), False) if other else None
        place = None if kind is None else _place(relation, kind)
        if place is None:
            return None
        placed.append(Thing(place, other))
    if sort(_bare(first), False) is None:
        return None
    thing, rest = _chinese(first, sort) or (first, ())
    worn = [one for one in placed if one.place in (HEAD, EYES, FRONT)]  # by the first; the others are said of all
    return thing, (*worn, *rest, *(one for one in placed if one not in worn))
