"""OpenMoji twice over: in colour, and as the black lines under it; a pair is one code point in both.

Its drawings are shared alike (CC-BY-SA-4.0): a painter trained on them is for its owner to share under that licence, and is
never one that Danqing ships. That is why it is a source of its own and no style of `emoji`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from danqing.data import npm
from danqing.data.captions import says, unread_facts
from danqing.data.emoji import WORDS, Entry, normal, read_entries, unread_words
from danqing.data.rendering import squared_icon
from danqing.data.source import Item, LeftOut, Source
from danqing.errors import DataError

PACKAGE = ("openmoji", "17.0.0")
LICENCE = "CC-BY-SA-4.0"
STYLES = {"openmoji": "color", "openmoji-black": "black"}
"""Style → the package's folder of its drawings."""


class OpenMojiSource(Source):
    """Every drawing of OpenMoji that is there in colour and in black, with its flags and its own additions to Unicode.

    Args:
        size: side of the pictures in pixels.
        every: with the variants in five skin tones, whose black lines are the same in all five: they are kept once.
    """

    def __init__(self, size: int = 128, every: bool = False) -> None:
        self.size, self.every = size, every

    def describe(self) -> str:
        """The package with its version, the size, and whether skin tones are in."""
        tones = "with" if self.every else "without"
        return f"openmoji at {self.size} px, {tones} skin tones: {'@'.join(PACKAGE)}; words of {'@'.join(WORDS)}"

    def items(self) -> Iterator[Item | LeftOut]:
        """Both pictures of a code point, then the next, in the order of code points.

        Raises:
            AssetError: a package cannot be had.
            DataError: it does not list its drawings as this version does.
        """
        folder, entries = npm.pack(*PACKAGE), read_entries(npm.pack(*WORDS))
        source = "@".join(PACKAGE)
        for code, told in sorted(_listed(folder).items()):
            files = {style: folder / of / "svg" / f"{told['hexcode']}.svg" for style, of in STYLES.items()}
            if (told["skintone"] and not self.every) or not all(file.is_file() for file in files.values()):
                continue
            entry = entries.get(code) or _entry(told)
            author = str(told.get("openmoji_author") or "").strip()
            for style, file in files.items():
                yield Item(
                    f"{source}/{style}/{code}",
                    functools.partial(_load, file, self.size),
                    entry.captions,
                    style,
                    LICENCE,
                    f"{author}, OpenMoji" if author else "OpenMoji",
                    source,
                    code,
                    {"group": entry.group, **unread_facts(entry.unread)},
                )


def _listed(folder: Path) -> dict[str, dict[str, Any]]:
    """Code point → what `openmoji.json` says of it."""
    try:
        rows = json.loads((folder / "data" / "openmoji.json").read_text(encoding="utf8"))
        return {normal(row["hexcode"]): {"skintone": "", **row} for row in rows}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise DataError(f"'{folder.name}/data/openmoji.json' cannot be read ({error!r}): fetch the package again") from error


def _entry(told: dict[str, Any]) -> Entry:
    """Words for what emojibase does not know: flags, skin tones and OpenMoji's own."""
    tags = [tag.strip() for key in ("tags", "openmoji_tags") for tag in str(told.get(key) or "").split(",")]
    every = dict.fromkeys(text for text in (str(told.get("annotation") or "").strip(), *tags) if text)
    english = tuple(text for text in every if not says(text, unread_words()["en"]))
    return Entry({"en": english} if english else {}, str(told.get("group") or ""), {})


def _load(file: Path, size: int) -> bytes:
    return squared_icon(file.read_bytes(), size)
