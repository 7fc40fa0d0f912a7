"""Where the words of a text lie, and which of them name nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from danqing.parts.distilled_text import UNSPACED, WORDS, DistilledText

_JOINING = (
    "in on at by to from into onto upon out off over under above below between among beside besides behind beyond near "
    "with without within through throughout across along around about against toward towards after before during until "
    "since for per via like unlike despite except inside outside next up down away back again and or but nor so yet if as "
    "than then because while when where who whom whose what which why how wearing holding carrying am is are be been "
    "being was were has have had having do does did doing can could will would shall should may might must "
    "和 与 跟 及 或 在 着 是 有"
)
JOINS = frozenset(_JOINING.split())
"""Words that join what a text is of to what else it says."""
LINKS = frozenset("-'’")
"""What makes one word of two: flip-flop, don't."""
_FILLING = (
    "of a an the not no this that these those there here it its he him his she her hers they them their we us our you "
    "your my me mine i very really quite such too just rather pretty extremely super only also even still almost already "
    "ever never always often some any each every all both either neither one other another much many more most less least "
    "few several enough else please let get got make makes made "
    "的 很 非常 十分 特别 太 真 好 这 那 这个 那个 一个 一只 一张 一幅 一条 一朵 我 你 他 她 它 们"
)
FILLERS = JOINS | frozenset(_FILLING.split())
"""Words that name nothing and no look of anything."""
MEASURES = "只个张幅条朵头匹辆座棵本把位名件架艘颗杯碗双顶片株群块根台部尊枚束副盆"
"""How Chinese counts things."""
SINGLE = frozenset("红橙黄绿青蓝紫黑白灰粉棕金银大小的和与在上下里中有")
"""Characters that are words of their own; of others that a reader cuts one by one, neighbours are a word it does not know."""


def filling(word: str) -> bool:
    """Whether a word names nothing that could be painted; numbers neither do."""
    return word in FILLERS or word.isnumeric()


def words_of(reader: DistilledText, text: str) -> Iterator[str]:
    """The words of a text in small letters; where no spaces are written, those that the reader cuts it into."""
    for start, end in places(reader, text):
        yield text[start:end].lower()


def cut(text: str, start: int, end: int) -> bool:
    """Whether what lies there is a part of a word, as of "don't", or of one whose accents are written apart."""
    beside = text[start - 1 : start] + text[end : end + 1]
    return any(character in LINKS - {"-"} or unicodedata.combining(character) for character in beside)


def places(reader: DistilledText, text: str) -> Iterator[tuple[int, int]]:
    """Where each word begins and ends."""
    for match in WORDS.finditer(text):
        if not UNSPACED.search(match[0]):
            yield match.span()
            continue
        whole = -1  # where single characters end that are one word, which the reader does not know
        begin = match.start()
        for start, end in reader.tokenizer.encode(match[0]).offsets:
            start, end = match.start() + start, match.start() + end
            joins = end - start == 1 and text[start] not in SINGLE
            if not (joins and whole == start):
                if start > begin:
                    yield begin, start
                begin = start
            whole = end if joins else -1
        yield begin, match.end()


def linked(text: str, found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same places, those of "flip-flop" and "don't" as one."""
    whole: list[tuple[int, int]] = []
    for start, end in found:
        if whole and text[whole[-1][1] : start] in LINKS:
            start = whole.pop()[0]
        whole.append((start, end))
    return whole
