"""Words that no caption of a set says are read as the nearest words that some caption does.

A painter has seen pictures beside the words of captions alone. A reader that knows more words (`danqing.parts.distilled_text`)
puts "puppy" near "dog", but what is painted between two learnt captions is mostly neither. So a word that was never learnt is
exchanged for what was learnt nearest to it: near by what the reader says of both, and for English nouns because it is a kind of
that (`danqing.conditions.kinds`). Where nothing is near, the word is left, and the reader's own vector is all there is.
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from danqing.conditions.kinds import kinds, singulars
from danqing.parts.distilled_text import UNSPACED, WORDS, DistilledText

NEAR = 0.5
"""How near at least is what is read in a word's place (decision 18): the cosine of both, and what follows."""
KIN, KIND = 1.5, 0.5
"""How much nearer what means the same is than the cosine says, and the share of it that is left by each step up."""
WHOLE = 0.3
"""How much nearer whole captions are where nothing else is said: they are what was learnt best, and name things."""
REMEMBERED = 1000
"""Texts of which it is remembered what is read in their words' place."""
_FILLING = (
    "a an the and or but nor so yet if as than then because while when where who whom whose what which why how not no nor "
    "of in on at by to from into onto upon out off over under above below between among beside besides behind beyond near "
    "with without within through throughout across along around about against toward towards after before during until since "
    "for per via like unlike despite except inside outside next up down away back again "
    "am is are be been being was were has have had having do does did doing can could will would shall should may might must "
    "this that these those there here it its he him his she her hers they them their we us our you your my me mine i "
    "very really quite such too just rather pretty extremely super only also even still almost already ever never always often "
    "some any each every all both either neither one other another much many more most less least few several enough else "
    "please let get got make makes "
    "很 非常 十分 特别 太 真 好 这 那 这个 那个 一个 一只 一张 一幅 一条 一朵 我 你 他 她 它 们"
)
WRITTEN = re.compile("[():]")
"""What weights are written with; what holds it is read in no word's place."""
FILLERS = frozenset(_FILLING.split())
"""Words that name nothing and no look of anything, in whose place nothing is read."""
SINGLE = frozenset("红橙黄绿青蓝紫黑白灰粉棕金银大小的和与在上下里中有")
"""Characters that are words of their own; of others that a reader cuts one by one, neighbours are a word it does not know."""


class Vocabulary:
    """What a painter learnt to paint from, and what is nearest to other words.

    Args:
        reader: knows what words mean.
        captions: whole ones that it learnt, which may be read in place of a word.
        words: all that it learnt from, as `words_of` finds them; those of the captions are added.
    """

    def __init__(self, reader: DistilledText, captions: Sequence[str], words: Iterable[str] = ()) -> None:
        self.reader, self.captions = reader, captions
        self._own = frozenset(word for caption in captions for word in words_of(reader, caption))
        self._whole = frozenset(captions)
        self._exchanged = functools.lru_cache(REMEMBERED)(self._found)
        self.words = self._own | frozenset(words)

    def understood(self, text: str) -> str:
        """The text with what is nearest in place of words that were never learnt.

        Weights, as in `(puppy:1.3)`, and all else stay as they are.
        """
        for start, end, near in reversed(self._exchanged(text)):
            text = text[:start] + near + text[end:]
        return text

    def _found(self, text: str) -> list[tuple[int, int, str]]:
        runs = self._unread(text) if self._own else []
        alone = not any(word in self.words and not filling(word) for word in words_of(self.reader, text))
        found = [(start, end, self._nearest(text[start:end], alone)) for start, end in runs]
        return [(start, end, near) for start, end, near in found if near is not None]

    def _unread(self, text: str) -> list[tuple[int, int]]:
        """Where words lie that were never learnt; neighbours among them are one, and so are two words that name one thing."""
        places = list(_places(self.reader, text))
        runs: list[tuple[int, int]] = []
        last = -1
        for number, (start, end) in enumerate(places):
            word = text[start:end].lower()
            if runs and end <= runs[-1][1]:
                continue
            if number + 1 < len(places) and self._names_one(text[start : places[number + 1][1]]):
                runs.append((start, places[number + 1][1]))
            elif word not in self.words and not filling(word) and not _cut(text, start, end):
                joined = runs and last == runs[-1][1] and not text[last:start].strip()
                runs[len(runs) - bool(joined) :] = [(runs[-1][0] if joined else start, end)]
                last = end
        # A single Han character is mostly a part of a word that the reader does not know, and alone it means something else.
        return [(start, end) for start, end in runs if end - start > 1 or not UNSPACED.search(text[start:end])]

    def _names_one(self, pair: str) -> bool:
        """Whether two words are a noun of their own ("killer whale"), and some caption is the same or what it is a kind of."""
        pair = " ".join(pair.lower().split())
        steps = kinds(pair) if " " in pair and pair not in self._nouns else {}
        return any(up <= 1 and noun in self._nouns for noun, up in steps.items())

    @functools.cached_property
    def _nouns(self) -> frozenset[str]:
        """Captions that may be nouns, and what they may be the plurals of."""
        return frozenset(noun for caption in self.captions for noun in singulars(caption.lower()))

    @functools.cached_property
    def _known(self) -> tuple[dict[str, list[str]], Float[Tensor, "texts width"]]:
        """What may be read in any word's place, with what each may be the plural of, and what each says."""
        texts = dict.fromkeys(text for text in (*self.captions, *sorted(self._own)) if not WRITTEN.search(text))
        return {text: singulars(text.lower()) for text in texts}, _said(self.reader, list(texts))

    def _nearest(self, word: str, alone: bool) -> str | None:
        """In the word's own script, so that whoever wrote it can read it."""
        texts, known = self._known
        steps = kinds(word) or kinds(word.split()[-1])
        # What a reader makes of pieces of English words (tusk, er) says nothing; characters mean something.
        told, count = self.reader.knows(word)
        heard = told == count or UNSPACED.search(word) is not None
        alike = (known @ _said(self.reader, [word])[0]).tolist() if heard else [0.0] * len(texts)
        near: dict[str, float] = {}
        for (text, nouns), cosine in zip(texts.items(), alike, strict=True):
            if bool(UNSPACED.search(text)) == bool(UNSPACED.search(word)):
                up = min((steps[noun] for noun in nouns if noun in steps), default=math.inf)
                near[text] = cosine + KIN * KIND**up
        near = {text: nearness for text, nearness in near.items() if nearness >= NEAR}
        return max(near, key=lambda text: near[text] + WHOLE * (alone and text in self._whole), default=None)


def filling(word: str) -> bool:
    """Whether a word names nothing that could be painted; numbers neither do."""
    return word in FILLERS or word.isnumeric()


def _cut(text: str, start: int, end: int) -> bool:
    """Whether what lies there is a part of a word, as of "don't", or of one whose accents are written apart."""
    beside = text[start - 1 : start] + text[end : end + 1]
    return any(character in "'’" or unicodedata.combining(character) for character in beside)


def words_of(reader: DistilledText, text: str) -> Iterator[str]:
    """The words of a text in small letters; where no spaces are written, those that the reader cuts it into."""
    for start, end in _places(reader, text):
        yield text[start:end].lower()


def _places(reader: DistilledText, text: str) -> Iterator[tuple[int, int]]:
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


def _said(reader: DistilledText, texts: Sequence[str]) -> Float[Tensor, "texts width"]:
    readings = [reader.read(text.lower()).tokens.float() for text in texts]
    return reader.summary(torch.stack([tokens.sum(0) / len(tokens) ** 0.5 for tokens in readings]))
