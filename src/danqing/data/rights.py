"""The ledger of a set: whose pictures it holds, under which licences, and the words by which they ask to be named."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TypeVar

from danqing.data.picture_set import PictureSet

K = TypeVar("K", str, tuple[str, str, str])
UNKNOWN = "unknown"
"""Stands where nobody said."""

_TEXTS = {
    "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "CC-BY-3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-3.0": "https://creativecommons.org/licenses/by-sa/3.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "MIT": "https://spdx.org/licenses/MIT.html",
    "OFL-1.1": "https://openfontlicense.org/",
}
_ALIKE = ("CC-BY-SA", "GPL", "AGPL", "LGPL")
_REFUSED = ("-NC", "-ND")


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """Pictures that share source, licence and creator."""

    source: str
    licence: str
    creator: str
    pictures: int


@dataclasses.dataclass(frozen=True, slots=True)
class Ledger:
    """Sums over the pictures of a set that are not excluded.

    Args:
        entries: by source, licence and creator, the largest first.
        licences: pictures per licence, the largest first; `unknown` where nobody said.
        sources: pictures per source, likewise.
    """

    entries: tuple[Entry, ...]
    licences: dict[str, int]
    sources: dict[str, int]

    @property
    def share_alike(self) -> tuple[str, ...]:
        """Licences that ask for the same licence on what is made from the pictures."""
        return tuple(name for name in self.licences if name.startswith(_ALIKE))

    @property
    def restricted(self) -> tuple[str, ...]:
        """Licences that forbid commercial use or changes, and `unknown`: ask before sharing a painter made from these."""
        return tuple(name for name in self.licences if name == UNKNOWN or any(part in name for part in _REFUSED))

    def attributions(self) -> str:
        """Markdown for a painter's card: one line per source, naming what its licence asks for, then what to mind."""
        lines = [_line(entry) for entry in self.entries]
        if self.share_alike:
            lines.append(f"\nShared alike: {', '.join(self.share_alike)} ask for the same licence on what is made from them.")
        if self.restricted:
            lines.append(f"\nAsk first: {', '.join(self.restricted)} do not plainly allow sharing what is made from them.")
        return "\n".join(lines) + "\n"


def ledger(pictures: PictureSet) -> Ledger:
    """The ledger of a set."""
    rights = [(_told(p.source), _told(p.licence), _told(p.creator)) for p in pictures.pictures]
    entries = tuple(Entry(*key, count) for key, count in _sorted(Counter(rights)).items())
    sources, licences = Counter(source for source, _, _ in rights), Counter(licence for _, licence, _ in rights)
    return Ledger(entries, _sorted(licences), _sorted(sources))


def _line(entry: Entry) -> str:
    licence = f"[{entry.licence}]({_TEXTS[entry.licence]})" if entry.licence in _TEXTS else entry.licence
    noun = "picture" if entry.pictures == 1 else "pictures"
    return f"- {entry.source}: {entry.pictures:,} {noun} by {entry.creator}, licence {licence}, resized and used for training"


def _told(text: str) -> str:
    return text.strip() or UNKNOWN


def _sorted(counts: Counter[K]) -> dict[K, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
