"""What a thing is a kind of: a puppy a dog, an ale a beer. English nouns of WordNet 3.0 (Miller 1995; its licence lies beside).

`kinds.txt.gz` has a line for each meaning: its nouns, parted by bars, each with a colon and the rank of this meaning among the
noun's own where it is not the first; then, after a tab, the numbers of the lines of what it is a kind of. `recipes/kinds.py`
makes it.
"""

from __future__ import annotations

import functools
import gzip
from collections import defaultdict
from importlib import resources

SENSES, DEPTH = 4, 4
"""Meanings of a noun that are looked at, the most frequent first, and how far up."""
RARER = 0.7
"""What a rarer meaning costs, in steps up."""
ENDINGS = (("", ""), ("ies", "y"), ("men", "man"), *((f"{end}es", end) for end in ("s", "x", "z", "ch", "sh")), ("s", ""))
"""Of plurals, and of the nouns they are of (WordNet's own rules)."""


def kinds(noun: str) -> dict[str, float]:
    """Nouns that mean the same or more than one, each with how many steps up it lies; none where the noun is not known."""
    meanings = _meanings()
    found: dict[str, float] = {}
    for singular in singulars(noun.lower()):
        for rank, start in meanings.of.get(singular, ()):
            level, seen = [start], {start}
            for steps in range(DEPTH + 1):
                for place in level:
                    for other in meanings.nouns[place]:
                        found[other] = min(found.get(other, float("inf")), steps + RARER * rank)
                level = [above for place in level for above in meanings.above[place] if above not in seen]
                seen.update(level)
    return found


def all_above(noun: str, senses: int = 1) -> frozenset[str]:
    """Nouns that mean the same or more, however far up, by the most frequent meanings of a noun; of plurals too.

    Args:
        noun: in small letters.
        senses: how many meanings are looked at.
    """
    meanings = _meanings()
    todo = [start for singular in singulars(noun) for _, start in meanings.of.get(singular, ())[:senses]]
    seen: set[int] = set()
    while todo:
        place = todo.pop()
        if place not in seen:
            seen.add(place)
            todo += meanings.above[place]
    return frozenset(noun for place in seen for noun in meanings.nouns[place])


def singulars(noun: str) -> list[str]:
    """The noun and what it may be the plural of."""
    return list(dict.fromkeys(noun[: len(noun) - len(end)] + other for end, other in ENDINGS if noun.endswith(end)))


class _Meanings:
    """The file, read.

    Args:
        nouns: of each meaning.
        above: meanings of which it is a kind.
        of: each noun's meanings with their ranks, the most frequent first.
    """

    def __init__(self, text: str) -> None:
        self.nouns: list[list[str]] = []
        self.above: list[list[int]] = []
        self.of: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for place, line in enumerate(text.splitlines()):
            nouns, _, above = line.partition("\t")
            told = [noun.partition(":") for noun in nouns.split("|") if noun]
            self.nouns.append([noun for noun, _, _ in told])
            self.above.append([int(number) for number in above.split()])
            for noun, _, rank in told:
                self.of[noun].append((int(rank or 0), place))
        for several in self.of.values():
            several.sort()


@functools.cache
def _meanings() -> _Meanings:
    content = resources.files("danqing.conditions").joinpath("kinds.txt.gz").read_bytes()
    return _Meanings(gzip.decompress(content).decode())
