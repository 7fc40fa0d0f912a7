"""From what a user types to a source of pictures."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from danqing.data.addresses import SUFFIXES, AddressSource
from danqing.data.archive import ZipSource
from danqing.data.emoji import STYLES, EmojiSource
from danqing.data.folder import FolderSource
from danqing.data.hub import HubSource
from danqing.data.metadata import Described
from danqing.data.npm import IconSource
from danqing.data.shapes import ShapesSource
from danqing.data.source import Source
from danqing.errors import DataError, choices

FORMS = (
    "a folder",
    "a .zip",
    f"a list of addresses ({', '.join(SUFFIXES)})",
    "emoji",
    "emoji:STYLE,...",
    "shapes",
    "shapes:COUNT",
    "npm:PACKAGE",
    "hf:ORG/NAME",
    "hf:ORG/NAME:SPLIT",
)
"""What may be typed."""


def parse(text: str, *, licence: str = "", creator: str = "", style: str = "") -> Source:
    """The source a user named. A word of `FORMS` goes before a folder of that name; write `./emoji` for the folder.

    Args:
        text: one of `FORMS`.
        licence: of every picture that names none itself; likewise `creator` and `style`.

    Raises:
        DataError: nothing of that name is there, or it states its own licence, creator and style and takes none.
        AssetError: a set on the Hub needs a library that is not installed.
    """
    given = Described(style=style, licence=licence, creator=creator)
    word, colon, rest = text.partition(":")
    if word == "hf" and colon:
        return HubSource(text, given)
    if word in _OWN and (colon or not _NEEDS[word]):
        if given != Described():
            raise DataError(f"'{text}' states its own licence, creator and style: leave these options out")
        return _OWN[word](rest if colon else None)
    return _on_disk(text, given)


def _on_disk(text: str, given: Described) -> Source:
    path = Path(text).expanduser()
    if path.is_dir() and text.strip():
        return FolderSource(path, given)
    if path.is_file():
        if path.suffix.lower() in SUFFIXES:
            return AddressSource(path, given)
        if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
            return ZipSource(path, given)
        raise DataError(f"'{text}' is a single file: give the folder it is in, or {_listed()}")
    if text.startswith(("http:", "https:")):
        raise DataError(f"'{text}' is an address: write it, with its licence, into a .csv with the columns url and licence")
    raise DataError(f"there is no source '{text}': {choices(text, FORMS)}")


def _listed() -> str:
    return ", ".join(FORMS[1:])


def _emoji(rest: str | None) -> Source:
    if rest is None:
        return EmojiSource()
    styles = tuple(name.strip() for name in rest.split(","))
    for name in styles:
        if name not in STYLES:
            raise DataError(f"there are no emoji in the style '{name}': {choices(name, STYLES)}")
    return EmojiSource(styles=styles)


def _shapes(rest: str | None) -> Source:
    if rest is None:
        return ShapesSource()
    if not (rest.isascii() and rest.isdigit() and 0 < int(rest) <= 10_000_000):
        raise DataError(f"'shapes:{rest}' gives no number of pictures: write shapes:5000, or up to 10 million")
    return ShapesSource(int(rest))


def _icons(rest: str | None) -> Source:
    return IconSource(rest or "")


_OWN: Mapping[str, Callable[[str | None], Source]] = {"emoji": _emoji, "npm": _icons, "shapes": _shapes}
_NEEDS = {"emoji": False, "npm": True, "shapes": False}
"""Whether the word says nothing without what follows the colon."""
