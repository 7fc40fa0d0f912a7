"""Words that no caption of a set says are read as the nearest words that some caption does.

A painter has seen pictures beside the words of captions alone. A reader that knows more words (`danqing.parts.distilled_text`)
puts "puppy" near "dog", but what is painted between two learnt captions is mostly neither. So a word that was never learnt is
exchanged for what was learnt nearest to it: near by what the reader says of both, and for English nouns because it is a kind of
that (`danqing.conditions.kinds`). Where nothing is near, the word is left, and the reader's own vector is all there is.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from danqing.conditions.colour_names import HUE, colour_of
from danqing.conditions.heads import (
    CARRIED,
    CARRIERS,
    DOING,
    PEOPLE,
    SKINS,
    SOFT,
    TINTED,
    TINTS,
    WRITTEN,
    Place,
    colour_first,
    colours,
    head,
    softened,
)
from danqing.conditions.kinds import kinds, singulars
from danqing.conditions.sorts import PICTURED, Sort, sort_of
from danqing.conditions.things import Thing, parted, things, written
from danqing.conditions.word_places import MEASURES, cut, filling, linked, places, words_of
from danqing.parts.distilled_text import UNSPACED, DistilledText

NEAR = 0.5
"""How near at least is what is read in a word's place (decision 18): the cosine of both, and what follows."""
KIN, KIND = 1.5, 0.5
"""How much nearer what means the same is than the cosine says, and the share of it that is left by each step up."""
WHOLE = 0.3
"""How much nearer whole captions are where nothing else is said: they are what was learnt best, and name things."""
ROUNDS = 3
"""How often what was read is read again: words that stand beside others then may name one thing with them."""
REMEMBERED = 1000
"""Texts of which it is remembered what is read in their words' place."""
SURE = 0.7
"""How near at least is what is read in place of a word that is only said of a known thing: mostly a look."""
DESCRIBED = 12
"""Captions that say something of one thing, from which on a painter is taken to heed that: of faces, not of cats."""
SOFTENED = re.compile(rf"\([^():]*:{SOFT:g}\)")
"""What was read before, and is exchanged no more."""
LONGEST = 30
"""Words of a wish in which several things are looked for."""
ASKED = 200
"""Pairs of captions by which is told whether pairs mean the same."""
MEASURED = re.compile(f"^[一这那][{MEASURES}](?=.)")
"""How Chinese counts a thing, which captions do not."""


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
        self.words = self._own | frozenset(words)
        self._named = frozenset(caption.lower() for caption in captions)
        self.understood = functools.lru_cache(REMEMBERED)(self._understood)

    def _understood(self, text: str, coloured: bool = False, several: bool = False) -> str:
        """The text with what is nearest in place of words that were never learnt, and softer what it is not of.

        Whole captions stay as they are; of weights, as in `(puppy:1.3)`, none is changed or added.

        Args:
            text: as it was asked for.
            coloured: whether colours that are said of a thing are to be given to its painting: `(blue:#2f6fd6) cat`.
            several: whether several things are to be painted each by itself: `cat [on the head: hat]`.
        """
        if not self._own or text.strip().lower() in self._named:
            return text
        first, others = parted(text)
        found = linked(text, places(self.reader, text))
        if several and not others and len(found) <= LONGEST and not self._describes and not WRITTEN.search(text):
            first, others = things(text, found, self._sort)
        if others:
            return written(
                self.understood(first, coloured),
                [Thing(other.place, self.understood(other.words, coloured)) for other in others],
            )
        text = colour_first(text)
        if TINTED.search(text):  # the rest is read as if nothing were given, and as little where it says no more
            rest = " ".join(TINTED.sub("", text).split())
            read = self.understood(rest) if rest else rest
            return text if read == rest else "".join(f"({match[1]}:{match[2]})" for match in TINTED.finditer(text)) + read
        plain = self._learnt(_bare(text))
        found, of = self._head(plain)
        if of is None or plain.strip().lower() in self._named:
            return plain
        tints = colours(plain, found, of, self._names) if coloured else []
        few = len({colour for _, colour in tints}) <= TINTS
        return softened(plain, found, of, tints if few else (), self._heeded(plain, of))

    def _learnt(self, plain: str) -> str:
        """The text with what is nearest in place of words that were never learnt."""
        for _ in range(ROUNDS):  # "poodle puppy", "poodle dog", "poodle"
            _, of = self._head(plain)
            exchanged = plain
            for start, end, near in reversed(self._exchanged(plain, of)):
                exchanged = exchanged[:start] + near + exchanged[end:]
            if exchanged == plain:
                break
            plain = exchanged
        return plain

    def _sort(self, text: str, listed: bool = False) -> Sort | None:
        """What a text is of; `None` where that was not learnt, or is nothing that stands in a picture by itself.

        Args:
            text: a part of a wish.
            listed: whether it stands between commas, where it may be a look as well: then it must be a name as a whole.
        """
        if text.rpartition(" ")[2].lower() in CARRIERS:
            return None
        text = _bare(text)
        if listed and not (self._names(text.lower()) or PICTURED.intersection(singulars(text.lower()))):
            return None
        _, of = self._head(text)
        if of is None and UNSPACED.search(text):
            text = text.removeprefix("小")
            _, of = self._head(text)
        elif of is None:
            for start, end, near in reversed(self._exchanged(text, None)):
                # What only sounds near may be anything; what is a kind of something known is that.
                if not set(singulars(near.lower())) & kinds(text[start:end]).keys():
                    return None
                text = text[:start] + near + text[end:]
            _, of = self._head(text)
        thing = text[slice(*of)].lower() if of else ""
        if not UNSPACED.search(thing):
            return sort_of(thing)
        return sort_of(thing) or sort_of(self._english(thing, SURE if len(thing) == 1 else NEAR))

    def _english(self, thing: str, least: float) -> str:
        """What is said in English of what words in another script name: by the same picture, or else the nearest caption."""
        if thing in self._partners:
            return self._partners[thing].lower()
        texts, known = self._known
        cosines = (known @ _said(self.reader, [thing])[0]).tolist()
        near = {text: cosine for text, cosine in zip(texts, cosines, strict=True) if cosine >= least and text in self._latin}
        return max(near, key=near.__getitem__, default="").lower()

    @functools.cached_property
    def _latin(self) -> frozenset[str]:
        """Captions that a dictionary of English may know."""
        return frozenset(caption for caption in self.captions if not UNSPACED.search(caption))

    @functools.cached_property
    def _partners(self) -> dict[str, str]:
        """Captions in other scripts, with the English one of the same picture, which stands before it where both are new.

        Where many captions are left out that is another picture's: so pairs are believed only where most of those mean the
        same, as far as the reader knows.
        """
        pairs = [
            (one, other) for one, other in itertools.pairwise(self.captions) if one in self._latin and other not in self._latin
        ]
        said = [_said(self.reader, [pair[place] for pair in pairs[:ASKED]]) for place in (0, 1)]
        cosines = (said[0] * said[1]).sum(1) if pairs else torch.zeros(1)
        return {other: one for one, other in pairs} if float(cosines.median()) >= NEAR else {}

    def _heeded(self, text: str, of: Place) -> bool:
        """Whether the painter has learnt to heed what is said of such a thing: captions say much of it, or of all."""
        return self._describes or self._described[text[slice(*of)].lower()] >= DESCRIBED

    @functools.cached_property
    def _describes(self) -> bool:
        """Whether most captions say more of a thing than its name."""
        return self._described.total() >= len(self.captions) / 2

    @functools.cached_property
    def _described(self) -> Counter[str]:
        """How many captions say more of each thing than its name."""
        said: Counter[str] = Counter()
        for caption in self.captions:
            found = linked(caption, places(self.reader, caption))
            of = head(caption, found, functools.partial(self._names, beside=caption.lower()))
            if of is not None and softened(caption, found, of) != caption:
                said[caption[slice(*of)].lower()] += 1
        return said

    def _head(self, text: str) -> tuple[list[Place], Place | None]:
        """The places of a text's words, and that of what it is of, where that was learnt."""
        found = linked(text, places(self.reader, text))
        of = head(text, found, self._names)
        return found, of if of and all(word in self.words for word in words_of(self.reader, text[slice(*of)])) else None

    def _names(self, words: str, beside: str = "") -> bool:
        """Whether words are the name of a thing that was learnt, of another than what they stand `beside`."""
        if words == beside:
            return False
        return words in self._nouns or words in self._named or self._names_one(words)

    def _exchanged(self, text: str, of: Place | None) -> list[tuple[int, int, str]]:
        """Places, from the first to the last, with what is read there; `of` is where a thing lies that was learnt."""
        soft = [match.span() for match in SOFTENED.finditer(text)]
        alone = not any(word in self.words and not filling(word) for word in words_of(self.reader, text))
        found = []
        for start, end in self._unread(text):
            if any(first <= start < last for first, last in soft):
                continue
            said = of is not None and (end <= of[0] or text[start:end].lower().endswith(DOING))
            near = self._look(text[start:end]) if said else self._nearest(text[start:end], alone)
            if near is not None:
                found.append((start, end, near))
        return found

    def _unread(self, text: str) -> list[Place]:
        """Where words lie that were never learnt; neighbours among them are one, and so are two words that name one thing."""
        spans = list(places(self.reader, text))
        runs: list[Place] = []
        last = -1
        for number, (start, end) in enumerate(spans):
            word = text[start:end].lower()
            if runs and end <= runs[-1][1]:
                continue
            if number + 1 < len(spans) and self._names_one(text[start : spans[number + 1][1]]):
                runs.append((start, spans[number + 1][1]))
            elif colour_of(word) and (number + 1 < len(spans) or word.endswith(HUE)):
                continue
            elif word in PEOPLE or (word.endswith("人") and word[:-1] in SKINS):
                continue  # of whom WordNet knows slang: no guy is a cat
            elif word not in self.words and not filling(word) and not cut(text, start, end) and text[start - 1 : start] != "#":
                joined = runs and last == runs[-1][1] and not text[last:start].strip() and not word.endswith(DOING)
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
        """What names a thing or a look, in the word's own script, so that whoever wrote it can read it."""
        steps = kinds(word) or kinds(word.split()[-1])
        near = {
            text: cosine + KIN * KIND ** min((steps[noun] for noun in nouns if noun in steps), default=math.inf)
            for text, nouns, cosine in self._alike(word)
        }
        near = {text: nearness for text, nearness in near.items() if nearness >= NEAR}
        return max(near, key=lambda text: near[text] + WHOLE * (alone and text in self._whole), default=None)

    def _look(self, word: str) -> str | None:
        """What says the same of a thing, and is none itself."""
        near = {text: cosine for text, _, cosine in self._alike(word) if cosine >= SURE and text not in self._whole}
        return max(near, key=near.__getitem__, default=None)

    def _alike(self, word: str) -> list[tuple[str, list[str], float]]:
        """All that may be read in a word's place, with what each may be the plural of, and the cosine of both."""
        texts, known = self._known
        # What a reader makes of pieces of English words (tusk, er) says nothing; characters mean something.
        told, count = self.reader.knows(word)
        heard = told == count or UNSPACED.search(word) is not None
        cosines = (known @ _said(self.reader, [word])[0]).tolist() if heard else [0.0] * len(texts)
        unspaced = bool(UNSPACED.search(word))
        return [
            (text, nouns, cosine)
            for (text, nouns), cosine in zip(texts.items(), cosines, strict=True)
            if bool(UNSPACED.search(text)) == unspaced
        ]


def _bare(text: str) -> str:
    """Without what only says that a picture is wanted, and how Chinese counts one thing."""
    return MEASURED.sub("", CARRIED.sub("", text))


def _said(reader: DistilledText, texts: Sequence[str]) -> Float[Tensor, "texts width"]:
    readings = [reader.read(text.lower()).tokens.float() for text in texts]
    return reader.summary(torch.stack([tokens.sum(0) / len(tokens) ** 0.5 for tokens in readings]))
