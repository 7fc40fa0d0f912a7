"""From what a user types to a source of pictures."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from danqing.data.addresses import SUFFIXES, AddressSource
from danqing.data.archive import ZipSource
from danqing.data.emoji import STYLES, EmojiSource
from danqing.data.folder import FolderSource
from danqing.data.gcompris import GComprisSource
from danqing.data.glyphs import GlyphsSource
from danqing.data.hub import HubSource
from danqing.data.metadata import Described
from danqing.data.npm import IconSource
from danqing.data.openmoji import OpenMojiSource
from danqing.data.shapes import ShapesSource
from danqing.data.source import Source
from danqing.errors import DataError, choices

FORMS = (
    "a folder",
    "a .zip",
    f"a list of addresses ({', '.join(SUFFIXES)})",
    "emoji",
    "emoji:STYLE,...",
    "openmoji",
    "openmoji:all",
    "glyphs",
    "glyphs:COUNT",
    "shapes",
    "shapes:COUNT",
    "gcompris:PATH",
    "npm:PACKAGE",
    "hf:ORG/NAME",
    "hf:ORG/NAME:SPLIT",
)
"""What may be typed."""


def parse(text: str, *, licence: str = "", creator: str = "", style: str = "", pairs: bool = False) -> Source:
    """The source a user named. A word of `FORMS` goes before a folder of that name; write `./emoji` for the folder.

    Args:
        text: one of `FORMS`.
        licence: of every picture that names none itself; likewise `creator` and `style`.
        pairs: a picture's concept is its path without the suffix, so that a folder laid out alike holds its pair.

    Raises:
        DataError: nothing of that name is there, it states its own licence, creator and style and takes none, or its
            pictures have no names that could pair them.
        AssetError: a set on the Hub needs a library that is not installed.
    """
    given = Described(style=style, licence=licence, creator=creator)
    word, colon, rest = text.partition(":")
    own = word in _OWN and (colon or not _NEEDS[word])
    if pairs and (own or (word == "hf" and colon)):
        raise DataError(f"'{text}' has no file names to pair its pictures by: leave --pairs out, or give a folder or a .zip")
    if word == "hf" and colon:
        return HubSource(text, given)
    if own:
        if given != Described():
            raise DataError(f"'{text}' states its own licence, creator and style: leave these options out")
        return _OWN[word](rest if colon else None)
    return _on_disk(text, given, pairs)


def _on_disk(text: str, given: Described, pairs: bool) -> Source:
    path = Path(text).expanduser()
    if path.is_dir() and text.strip():
        folder = FolderSource(path, given)
        return folder.pairing() if pairs else folder
    if path.is_file():
        if path.suffix.lower() in SUFFIXES:
            if pairs:
                raise DataError(f"'{text}' lists addresses: give its pairs a column 'concept' instead of --pairs")
            return AddressSource(path, given)
        if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
            packed = ZipSource(path, given)
            return packed.pairing(unwrap=True) if pairs else packed
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


def _openmoji(rest: str | None) -> Source:
    if rest not in (None, "all"):
        raise DataError(f"there is no 'openmoji:{rest}': write openmoji, or openmoji:all for the skin tones too")
    return OpenMojiSource(every=rest == "all")


def _glyphs(rest: str | None) -> Source:
    return GlyphsSource() if rest is None else GlyphsSource(_count("glyphs", "characters", rest))


def _shapes(rest: str | None) -> Source:
    return ShapesSource() if rest is None else ShapesSource(_count("shapes", "pictures", rest))


def _count(word: str, things: str, rest: str) -> int:
    if not (rest.isascii() and rest.isdigit() and 0 < int(rest) <= 10_000_000):
        raise DataError(f"'{word}:{rest}' gives no number of {things}: write {word}:5000, or up to 10 million")
    return int(rest)


def _gcompris(rest: str | None) -> Source:
    return GComprisSource(rest or "")


def _icons(rest: str | None) -> Source:
    return IconSource(rest or "")


_OWN: Mapping[str, Callable[[str | None], Source]] = {
    "emoji": _emoji,
    "gcompris": _gcompris,
    "glyphs": _glyphs,
    "npm": _icons,
    "openmoji": _openmoji,
    "shapes": _shapes,
}
_NEEDS = {"emoji": False, "gcompris": True, "glyphs": False, "npm": True, "openmoji": False, "shapes": False}
"""Whether the word says nothing without what follows the colon."""
