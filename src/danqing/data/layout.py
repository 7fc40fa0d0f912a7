"""How a tree of files becomes items: Hugging Face metadata, kohya's text files, a folder per class, or names alone.

A folder and a zip differ only in how names are listed and bytes are read; that is a `Tree`. What says more wins:

1. `metadata.jsonl` or `metadata.csv`: a row per picture, `file_name` relative to the table;
2. a `.txt` or `.caption` beside the picture, one caption per line, comma tags as they are; an empty one says: none;
3. the words in the file's name, and the name of its folder where folders are classes: where pictures lie in two or more
   folders, or in one named as kohya does, "10_red fox".

A class is also a fact. It is a concept, which splits keep together, only where there are many small ones: to hold out
one of two classes would measure a painter on what it has never seen.

Where pictures come in pairs, a photograph and its drawing, the two sides are two trees laid out alike, added to one set in
two styles: with `pairing` a picture's concept is its name without the suffix, so that "a/fox.jpg" and "a/fox.png" share one.
A column `concept` of a table says so for any other layout.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from danqing.data.captions import by_language, caption_from_name
from danqing.data.headers import sniff, stranger
from danqing.data.metadata import Described, Line, describe, read_table
from danqing.data.source import Item, LeftOut, Source
from danqing.errors import DataError, PictureError

MAX_FILE = 1 << 30
"""Bytes of one file that are ever read."""
MAX_TABLE = 256 << 20
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".webp", ".avif", ".gif", ".tif", ".tiff", ".bmp", ".svg", ".svgz"})
"""Names that promise a picture; other files are looked into."""

_MANY, _FEW = 50, 20
"""Classes are concepts where there are at least so many of them, with at most so many pictures each on average."""
_TABLES = ("metadata.jsonl", "metadata.csv")
_BESIDE = (".txt", ".caption")
_HIDDEN = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
_NO_CLASS = frozenset(
    {
        "train",
        "training",
        "test",
        "testing",
        "val",
        "valid",
        "validation",
        "dev",
        "images",
        "image",
        "img",
        "imgs",
        "data",
        "pictures",
        "png",
        "svg",
    }
)


class Tree(ABC):
    """Files by name: relative, parts joined by "/"."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is called, without the way to it."""

    @abstractmethod
    def describe(self) -> str:
        """A stable text that names it."""

    @abstractmethod
    def names(self) -> Iterator[str | LeftOut]:
        """Every file that may be read, and everything that may not, in any order.

        Raises:
            DataError: it cannot be listed.
        """

    @abstractmethod
    def read(self, name: str, most: int, *, whole: bool = True) -> bytes:
        """The bytes of a file; unless `whole`, just the first `most`.

        Raises:
            PictureError: it cannot be read, or has more than `most` bytes.
        """


def is_hidden(name: str) -> bool:
    """Whether the last part of a name is one that systems hide."""
    last = PurePosixPath(name).name
    return last.startswith(".") or last.lower() in _HIDDEN


def leads_out(name: str) -> bool:
    """Whether a name is absolute or climbs above where it starts, on any system."""
    return bool(re.match(r"[/\\]|[A-Za-z]:", name)) or ".." in re.split(r"[/\\]", name)


class TreeSource(Source):
    """Pictures of a tree. `given` says what holds for all of them where they say nothing themselves."""

    def __init__(self, tree: Tree, given: Described | None = None) -> None:
        self.tree = tree
        self.given = given or Described()
        self._paired = self._unwrap = False

    def pairing(self, unwrap: bool = False) -> TreeSource:
        """From now on each picture's concept is its name without the suffix, unless a table names one. Gives itself.

        Args:
            unwrap: leave out of that name a single folder that holds everything, as zips have one and folders do not.
        """
        self._paired, self._unwrap = True, unwrap
        return self

    def describe(self) -> str:
        """The tree and what was given for all its pictures."""
        return self.tree.describe() + self.given.said() + (", paired by name" if self._paired else "")

    def items(self) -> Iterator[Item | LeftOut]:
        """Every picture in the order of its name; everything else with the reason why it is none.

        Raises:
            DataError: the tree or a table in it cannot be read.
        """
        listed = list(self.tree.names())
        names = sorted(name for name in listed if isinstance(name, str))
        left = {found.place: found for found in listed if isinstance(found, LeftOut)}
        tables = _tables(names)
        pictures = []
        for name in names:
            if name in tables or PurePosixPath(name).suffix.lower() in _BESIDE:
                continue
            reason = self._no_picture(name)
            if reason:
                left[name] = LeftOut(name, reason)
            else:
                pictures.append(name)
        rows = self._rows(tables, frozenset(pictures), left)
        beside = _beside(names, pictures, left)
        classes = _classes(pictures)
        concepts = classes if len(classes) >= _MANY and len(pictures) <= _FEW * len(classes) else {}
        wrapper = _wrapper(pictures) if self._unwrap else ""
        for place in sorted({*pictures, *left}):
            if place in left:
                yield left[place]
                continue
            folder = str(PurePosixPath(place).parent)
            paired = str(PurePosixPath(place.removeprefix(wrapper)).with_suffix("")) if self._paired else ""
            of_class = _of_class(classes.get(folder, ""), paired or concepts.get(folder, ""))
            yield self._item(place, rows.get(place, Described()), beside.get(place, ()), of_class)

    def _no_picture(self, name: str) -> str:
        """Why a file is not offered, or ""; those named as pictures are left for the decoder to judge."""
        if PurePosixPath(name).suffix.lower() in PICTURES:
            return ""
        try:
            head = self.tree.read(name, 4096, whole=False)
        except PictureError as error:
            return str(error)
        return "" if sniff(head) else f"is {stranger(head)}" if head else "is empty"

    def _item(self, name: str, found: Described, beside: Sequence[str], of_class: Described) -> Item:
        for side in beside:
            known = {caption for same in found.captions.values() for caption in same}
            lines = [line for line in self._text(side).splitlines() if " ".join(line.split()) not in known]
            found = found.over(Described(by_language(lines)))
        if found.captions or beside:
            of_class = dataclasses.replace(of_class, captions={})
        else:
            found = found.over(Described(by_language([caption_from_name(name)])))
        found = found.over(of_class).over(self.given).over(Described(source=self.tree.title))
        return found.item(name, functools.partial(self.tree.read, name, MAX_FILE))

    def _text(self, name: str) -> str:
        try:
            return self.tree.read(name, 1 << 20).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(f"the captions in '{name}' are not UTF-8 ({error.reason}): save the file as UTF-8") from error
        except PictureError as error:
            raise DataError(f"the captions in '{name}' cannot be read: it {error}") from error

    def _rows(self, tables: Sequence[str], pictures: frozenset[str], left: dict[str, LeftOut]) -> dict[str, Described]:
        """What the tables say, by picture; rows for files that are not there join `left`."""
        found: dict[str, Described] = {}
        for table in tables:
            try:
                content = self.tree.read(table, MAX_TABLE)
            except PictureError as error:
                raise DataError(f"the table '{table}' cannot be read: it {error}") from error
            for line in read_table(table, content):
                name = _named(table, line)
                if name in pictures:
                    found[name] = found.get(name, Described()).over(describe(line.values, ("file_name",)))
                elif name not in left:
                    reason = "leads out of its folder" if leads_out(name) else "is not there"
                    left[name] = LeftOut(name, f"is named in {line.where}, but {reason}")
        return found


def _tables(names: Sequence[str]) -> list[str]:
    tables = [name for name in names if PurePosixPath(name).name in _TABLES]
    folders = [str(PurePosixPath(table).parent) for table in tables]
    twice = next((folder for folder in folders if folders.count(folder) > 1), None)
    if twice is not None:
        raise DataError(f"there are both {' and '.join(_TABLES)} in '{twice}': keep one of them")
    return tables


def _named(table: str, line: Line) -> str:
    """The name a row gives its picture, as the tree knows it."""
    given = line.values.get("file_name")
    if not isinstance(given, str) or not given.strip():
        raise DataError(f"{line.where}, has no file_name: give every row the name of its picture, relative to the table")
    name = given.strip().replace("\\", "/")
    return name if leads_out(name) else str(PurePosixPath(table).parent / name)


def _beside(names: Sequence[str], pictures: Sequence[str], left: dict[str, LeftOut]) -> dict[str, list[str]]:
    """Text files by picture; those without one join `left`."""
    stems: dict[str, list[str]] = {}
    for picture in pictures:
        stems.setdefault(str(PurePosixPath(picture).with_suffix("")), []).append(picture)
    found: dict[str, list[str]] = {}
    for name in names:
        if PurePosixPath(name).suffix.lower() in _BESIDE:
            owners = stems.get(str(PurePosixPath(name).with_suffix("")), [])
            for owner in owners:
                found.setdefault(owner, []).append(name)
            if not owners:
                left[name] = LeftOut(name, "is text, and no picture of that name lies beside it")
    return found


def _wrapper(pictures: Sequence[str]) -> str:
    """ "photos/" where every picture lies in the folder "photos", else ""."""
    tops = {picture.partition("/")[0] if "/" in picture else "" for picture in pictures}
    top = tops.pop() if len(tops) == 1 else ""
    return f"{top}/" if top else ""


def _of_class(name: str, concept: str) -> Described:
    return Described(by_language([name]), concept=concept, facts={"class": name} if name else {})


def _classes(pictures: Sequence[str]) -> dict[str, str]:
    """Folder to the name of its class, where folders are classes."""
    folders = sorted({str(PurePosixPath(picture).parent) for picture in pictures})
    inner = [folder for folder in folders if not all(f"{other}/".startswith(f"{folder}/") for other in folders)]
    above = inner if len(folders) > 1 else folders
    named = [folder for folder in above if PurePosixPath(folder).name.lower() not in {"", *_NO_CLASS}]
    kohya = [folder for folder in named if re.match(r"\d+_", PurePosixPath(folder).name)]
    chosen = named if len(folders) > 1 else kohya
    return {folder: re.sub(r"^\d+_", "", PurePosixPath(folder).name).replace("_", " ").strip() for folder in chosen}
