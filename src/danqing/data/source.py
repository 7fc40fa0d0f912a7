"""What a source of pictures is: it names itself, and yields items in an order that never changes."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One picture a source offers, not yet decoded.

    Args:
        place: the path or address shown in reports; unique within its source.
        load: gives the file's bytes (PNG, SVG, ...); raises `PictureError` or `OSError` where it cannot.
        captions: language ("en", "zh", "" where nobody said which) to alternatives, the best first.
        style: whose hand it is, where the source knows.
        licence: an SPDX name where there is one.
        creator: whom the licence asks to be named.
        source: the package, set or site it came from, with its version.
        concept: what several pictures share, so that splits keep them together.
        facts: what the source knows exactly.
    """

    place: str
    load: Callable[[], bytes]
    captions: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    style: str = ""
    licence: str = ""
    creator: str = ""
    source: str = ""
    concept: str = ""
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class LeftOut:
    """A picture that was not taken, and why; the manifest lists every one."""

    place: str
    reason: str


class Source(ABC):
    """Where pictures come from."""

    @abstractmethod
    def describe(self) -> str:
        """A stable text that names this source with its settings; the manifest keeps it."""

    @abstractmethod
    def items(self) -> Iterator[Item | LeftOut]:
        """Every picture, always in the same order, so that an interrupted import can continue.

        Raises:
            DataError: the source itself cannot be read.
        """
