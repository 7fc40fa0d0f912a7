"""What a wish asks of a painter: every default filled in, refused where it cannot be painted, told where it is not heeded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from danqing.conditions.conditioner import parse
from danqing.conditions.heads import same_words
from danqing.conditions.text import TextCondition, Words
from danqing.conditions.things import MOST, parted
from danqing.errors import WishError, choices
from danqing.maths.samplers import SAMPLERS
from danqing.painters.chain import SMALLEST, Chain
from danqing.painters.painter import Painter
from danqing.painters.shelf import usual
from danqing.painters.start_pictures import check_start, hashes, read_picture
from danqing.words import Wish


@dataclasses.dataclass(frozen=True, eq=False)
class Asking:
    """What may be asked of a painter.

    Args:
        painter: who paints.
        chain: with whom that one enlarges.
    """

    painter: Painter
    chain: Chain

    def resolve(self, wish: Wish) -> Wish:
        """The wish with every default filled in.

        Raises:
            WishError: it cannot be painted by this painter; one sentence says why and what is allowed.
        """
        facts, family = self.painter.facts, self.painter.family
        model = usual(facts.model)
        size = wish.size or self._natural(wish)
        if not all(SMALLEST <= side <= family.largest for side in size):
            raise WishError(
                f"a picture of {size[0]}×{size[1]} was asked for: sides lie between {SMALLEST} and {family.largest} pixels"
            )
        if wish.seed < 0:
            raise WishError(f"the seed {wish.seed} was given: a seed is a whole number, 0 or more")
        if wish.steps is not None and not 1 <= wish.steps <= 1000:
            raise WishError(f"{wish.steps} steps were asked for: give 1 to 1000")
        if wish.guidance is not None and not 0 <= wish.guidance <= 100:
            raise WishError(f"a guidance of {wish.guidance:g} was asked for: give 0 to 100; 1 is none")
        if wish.sampler is not None and wish.sampler not in SAMPLERS:
            raise WishError(f"there is no sampler '{wish.sampler}': {choices(wish.sampler, SAMPLERS)}")
        self._check_heeded(wish)
        check_start(wish)
        read = self.understood(wish).read_as
        values = self.rows(dataclasses.replace(wish, read_as=read))[0]
        if family.examples and "style" not in values:
            raise WishError(f"painters of the family '{facts.family}' cannot paint without a style: add --style FILE")
        against = self.against(wish).get("text")
        if isinstance(against, Words) and against.tints:
            raise WishError(f"the negative words '{wish.negative}' give a colour: they can only say words to keep away from")
        return dataclasses.replace(
            wish,
            size=size,
            steps=wish.steps or model.get("steps"),
            sampler=wish.sampler or model.get("sampler"),
            guidance=family.guidance if wish.guidance is None else wish.guidance,
            strength=(wish.strength or (1.0 if wish.mask or family.starts else 0.6)) if wish.init else None,
            read_as=read,
            flat=self._flat(dataclasses.replace(wish, size=size)),
        )

    def understood(self, wish: Wish, *, several: bool = True) -> Wish:
        """The wish with what this painter reads in place of words that it never learnt, unless it says what to read.

        Args:
            wish: as it was asked.
            several: whether several things may be painted each by itself.
        """
        text = self.painter.conditions.get("text")
        # Who asks for colours by a palette, or keeps those of a start picture, has no use for any that words give.
        coloured = self.painter.facts.channels > 1 and "palette" not in wish.conditions and not wish.keep_colours
        several = several and self._parts(wish)
        found = text.understood(wish.words, coloured, several) if isinstance(text, TextCondition) else wish.words
        asked = wish.read_as or found
        return dataclasses.replace(wish, read_as=None if asked == found == wish.words else asked)

    def alone(self, wish: Wish) -> Wish:
        """The wish as one painting, for what cannot be done to several that are put together.

        Raises:
            WishError: it is written as several.
        """
        read = self.understood(wish, several=False)
        if parted(read.read)[1]:
            raise WishError(f"'{wish.words}' is of several things, and here only one can be painted: leave the others out")
        read = dataclasses.replace(read, flat=self._flat(wish))
        return read if self.understood(wish).read == read.read else dataclasses.replace(read, read_as=read.read)

    def rows(self, wish: Wish) -> list[dict[str, Any]]:
        """What is asked for of each painting that a wish is put together from, as values; mostly there is one.

        Raises:
            WishError: they cannot be put together, or not be read.
        """
        first, others = parted(wish.read)
        if others and not self._parts(wish):
            why = "from a start picture" if wish.init else f"by '{self.painter.name}', who paints no transparent pictures"
            raise WishError(f"'{wish.read}' is of several things, which cannot be put together {why}: ask for one")
        if len(others) >= MOST:
            raise WishError(f"'{wish.read}' is of {len(others) + 1} things: ask for at most {MOST} in one picture")
        if others and not all((first, *(other.words for other in others))):
            raise WishError(f"'{wish.read}' leaves a thing without words: write for example 'cat [on the head: hat]'")
        return [
            self._parsed(words, wish.conditions)
            for words in (first if others else wish.read, *(other.words for other in others))
        ]

    def _parts(self, wish: Wish) -> bool:
        """Whether several paintings can be put together for it: they need transparency, and nothing to start from."""
        family = self.painter.family
        return self.painter.facts.channels == 4 and wish.init is None and not family.starts and not family.examples

    def _flat(self, wish: Wish) -> bool | None:
        """Whether a wish's painting gets flat colours; `None` where nobody would make them flat."""
        width, height = wish.size or self._natural(wish)
        enlarged = self.chain.painted((height, width)) != (height, width)
        if enlarged and any(condition.flattens for condition in self.painter.conditions.values()):
            return wish.flat if wish.flat is not None else wish.init is None
        if wish.flat:
            raise WishError(
                f"flat colours were asked for, and '{self.painter.name}' "
                f"{'knows no style of flat colours' if enlarged else 'paints this size without enlarging'}: leave them out"
            )
        return None

    def _natural(self, wish: Wish) -> tuple[int, int]:
        """(width, height) where the wish names none."""
        start = read_picture(wish.init).shape[:2] if wish.init and self.painter.family.starts else None
        height, width = self.painter.family.natural(start, self.painter.facts.shown or self.painter.facts.size)
        return width, height

    def _check_heeded(self, wish: Wish) -> None:
        """Refuse what would make no difference, and shapes that cannot be painted."""
        facts, family = self.painter.facts, self.painter.family
        model = usual(facts.model)
        unsaid = {"steps": model.get("steps"), "sampler": model.get("sampler"), "guidance": family.guidance}
        asked = {"steps": wish.steps, "sampler": wish.sampler, "guidance": wish.guidance, "negative": wish.negative or None}
        asked |= {"init": wish.init, "mask": wish.mask}
        for name, value in asked.items():
            if value not in (None, unsaid.get(name)) and name not in family.heeds:
                heeded = ", ".join(sorted(family.heeds)) or "none of those"
                raise WishError(
                    f"{name} was given as {value!r}, and painters of the family '{facts.family}' do not heed it (they heed "
                    f"{heeded}): leave it out"
                )
        if wish.size and family.sized and self.chain.painted(wish.size[::-1]) != facts.size:
            (width, height), (tall, wide) = wish.size, facts.size
            raise WishError(
                f"a picture of {width}×{height} was asked for, and painters of the family '{facts.family}' paint the shape "
                f"they learnt: ask for {wide}×{tall}{', or larger or smaller in that shape' if self.chain.upscaler else ''}"
            )

    def unheeded(self, wish: Wish, *, softer: bool = True) -> list[str]:
        """What of a wish this painter will not do as asked, or will do badly; a sentence for each.

        Args:
            wish: as it was asked.
            softer: whether to tell too of words that are read as they are, but softer or as a colour.

        Raises:
            WishError: it cannot be painted by this painter.
        """
        wish = self.resolve(wish)
        known = self.painter.conditions
        asked = [
            *(item for row in self.rows(wish) for item in row.items()),
            *self.against(wish).items(),
        ]
        notes = list(dict.fromkeys(note for name, value in asked if (note := known[name].unheeded(value))))
        if any(isinstance(value, Words) and value.tints for _, value in asked):
            if self.painter.facts.channels == 1:
                notes.append("this painter paints in gray: the colours that the words give are not heeded")
            elif wish.keep_colours:
                notes.append("the colours of the start picture are kept: those that the words give are not heeded")
            elif "palette" in wish.conditions:
                notes.append("the words give a colour, which comes over the palette: leave one of both out")
        unread = dataclasses.replace(wish, read_as=None)
        own = {self.understood(unread, several=several).read_as for several in (True, False)}
        first, others = parted(wish.read)
        heard = all(same_words(wish.words, words) for words in (first, *(other.words for other in others)))
        if wish.read_as is not None and wish.read_as in own and (softer or not heard):
            why = "its things are painted each by itself" if others else "no caption this painter learnt from says all of it"
            notes.append(f"'{wish.words}' is read as '{wish.read_as}': {why}")
        height, width = self.painter.facts.size
        size = wish.size or (width, height)
        if self.chain.painted((size[1], size[0])) != (height, width) and not self.painter.family.starts:
            notes.append(
                f"this painter learnt {width}×{height} pixels; at other {'shapes' if self.chain.upscaler else 'sizes'} it "
                "repeats or blurs what it knows"
            )
        return notes

    def inputs(self, wish: Wish) -> dict[str, str]:
        """SHA-256 of every file that a wish names, its conditions' too."""
        known, found = self.painter.conditions, parse(self.painter.conditions, wish.conditions)
        return hashes(wish, [path for name, value in found.items() for path in known[name].files(value)])

    def against(self, wish: Wish) -> dict[str, Any]:
        """What is to be kept away from, as values."""
        return parse(self.painter.conditions, _texts(wish.negative, {}))

    def _parsed(self, words: str, conditions: Mapping[str, str]) -> dict[str, Any]:
        """What is asked for, as values, with the pictures that they name."""
        known, found = self.painter.conditions, parse(self.painter.conditions, _texts(words, conditions))
        named = {name: known[name].files(value) for name, value in found.items()}
        pictures = {path: read_picture(path) for paths in named.values() for path in paths}
        return {name: known[name].filled(value, pictures) if named[name] else value for name, value in found.items()}


def _texts(words: str, others: Mapping[str, str]) -> dict[str, str]:
    """Everything asked, as text by condition; empty words ask for nothing."""
    return {**({"text": words} if words.strip() else {}), **others}
