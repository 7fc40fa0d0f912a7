"""Emoji in eight hands, each with its label and tags in English and Chinese; one concept is one code point."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from danqing.data import npm
from danqing.data.captions import says, unread_facts
from danqing.data.rendering import squared_icon
from danqing.data.source import Item, LeftOut, Source

WORDS = ("emojibase-data", "17.0.0")
"""Labels, tags and groups (MIT)."""
LANGUAGES = ("en", "zh")
_APART = {"component", "flags"}


@dataclasses.dataclass(frozen=True, slots=True)
class Style:
    """One hand: its package, its rights, and how its files name what they show.

    Args:
        join: "chars" by `chars.json`, "names" by the icons' names, "files" by files named after code points.
        chars: style whose `chars.json` is used where the package's own is empty.
        oversample: drawn this many times larger, then shrunk. Fluent clips its gradients, and clips come out jagged. At
            128 px twice as large lies 0.6 of 255 gray levels from 8 times on average, 4 times 0.2 at 2.6 times the time.
    """

    package: str
    version: str
    licence: str
    creator: str
    join: str
    chars: str = ""
    oversample: int = 1


STYLES = {
    "emojione": Style("@iconify-json/emojione", "1.2.3", "CC-BY-4.0", "Emoji One", "names"),
    "fluent": Style("@iconify-json/fluent-emoji", "1.2.7", "MIT", "Microsoft Corporation", "chars", "fluent-flat", 2),
    "fluent-3d": Style("@lobehub/fluent-emoji-3d", "1.1.0", "MIT", "Microsoft Corporation", "files"),
    "fluent-flat": Style("@iconify-json/fluent-emoji-flat", "1.2.6", "MIT", "Microsoft Corporation", "chars"),
    "fxemoji": Style("@iconify-json/fxemoji", "1.2.2", "Apache-2.0", "Mozilla", "names"),
    "noto": Style("@iconify-json/noto", "1.2.9", "Apache-2.0", "Google Inc", "chars"),
    "noto-v1": Style("@iconify-json/noto-v1", "1.2.5", "Apache-2.0", "Google Inc", "names"),
    "twemoji": Style("@discordapp/twemoji", "16.0.1", "CC-BY-4.0", "Twitter, Inc and other contributors", "files"),
}
"""The hands whose licences let a trained painter be shipped."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """What emojibase says of one code point, and what else it may be called (`unread.toml`), which no caption says."""

    captions: dict[str, tuple[str, ...]]
    group: str
    unread: dict[str, tuple[str, ...]]


class EmojiSource(Source):
    """The eight styles without skin tones and flags.

    Args:
        size: side of the pictures in pixels; SVG is drawn at this, and Fluent 3D (256 pixels) shrunk to it.
        styles: which hands; all by default.
    """

    def __init__(self, size: int = 128, styles: tuple[str, ...] = tuple(STYLES)) -> None:
        self.size, self.styles = size, styles

    def describe(self) -> str:
        """The packages with their versions, and the size."""
        packages = ", ".join(f"{STYLES[style].package}@{STYLES[style].version}" for style in self.styles)
        return f"emoji at {self.size} px: {packages}; words of {'@'.join(WORDS)}"

    def items(self) -> Iterator[Item | LeftOut]:
        """Style by style, each in the order of code points.

        Raises:
            AssetError: a package cannot be had.
        """
        entries = read_entries(npm.pack(*WORDS))
        for name in self.styles:
            style = STYLES[name]
            source = f"{style.package}@{style.version}"
            for code, picture in sorted(_pictures(style, entries).items()):
                entry = entries[code]
                load = functools.partial(_load, picture, self.size, style.oversample)
                yield Item(
                    f"{source}/{code}",
                    load,
                    entry.captions,
                    name,
                    style.licence,
                    style.creator,
                    source,
                    code,
                    {"group": entry.group, **unread_facts(entry.unread)},
                )


def read_entries(folder: Path) -> dict[str, Entry]:
    """Code point → words and group, for every emoji that is no flag, no skin tone and no mere component."""
    groups: dict[str, str] = npm.read_json(folder / "meta" / "groups.json")["groups"]
    unread = unread_words()
    captions: dict[str, dict[str, tuple[str, ...]]] = {}
    group_of: dict[str, str] = {}
    for language in LANGUAGES:
        for fact in json.loads((folder / language / "data.json").read_text(encoding="utf8")):
            group = groups.get(str(fact.get("group")), "component")
            if group not in _APART:
                code = normal(fact["hexcode"])
                every = dict.fromkeys((fact["label"], *fact.get("tags", ())))
                captions.setdefault(code, {})[language] = tuple(c for c in every if not says(c, unread[language]))
                group_of[code] = group
    told: dict[str, dict[str, list[str]]] = {}
    for language, words in unread.items():
        for word, code in words.items():
            told.setdefault(code, {}).setdefault(language, []).append(word)
    names = {code: {language: tuple(words) for language, words in of.items()} for code, of in told.items()}
    return {code: Entry(words, group_of[code], names.get(code, {})) for code, words in captions.items()}


@functools.cache
def unread_words() -> dict[str, dict[str, str]]:
    """Language → synonym → code point, from `unread.toml`."""
    text = resources.files("danqing.data").joinpath("unread.toml").read_text(encoding="utf8")
    told = tomllib.loads(text)
    return {language: {word: code for code, words in of.items() for word in words} for language, of in told.items()}


def normal(code: str) -> str:
    """A code point sequence as this module writes it: lower case, four digits or more, no variation selector 16."""
    return "-".join(part.zfill(4) for part in code.lower().split("-") if part != "fe0f")


def _pictures(style: Style, entries: dict[str, Entry]) -> dict[str, bytes | Path]:
    """Code point → SVG document or file."""
    folder = npm.pack(style.package, style.version)
    if style.join == "files":
        files = sorted(path for path in folder.rglob("*") if path.suffix in (".svg", ".webp"))
        return {normal(path.stem): path for path in files if normal(path.stem) in entries}
    icons = npm.icons(folder, hidden=True)
    if style.join == "chars":
        other = STYLES[style.chars] if style.chars else style
        chars = npm.read_json(npm.pack(other.package, other.version) / "chars.json")
        named = {normal(code): name for code, name in chars.items()}
        return {code: icons[name] for code, name in named.items() if code in entries and name in icons}
    labels = {_squeezed(entry.captions["en"][0]): code for code, entry in entries.items()}
    return {labels[_squeezed(name)]: svg for name, svg in icons.items() if _squeezed(name) in labels}


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _load(picture: bytes | Path, size: int, oversample: int) -> bytes:
    content = picture.read_bytes() if isinstance(picture, Path) else picture
    return squared_icon(content, size, oversample)
