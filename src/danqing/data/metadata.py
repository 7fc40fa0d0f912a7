"""Tables that describe pictures, JSON Lines or CSV: columns become captions by language, rights and facts."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from danqing.data.captions import LANGUAGES, by_language, merged
from danqing.data.source import Item
from danqing.errors import DataError

_TEXT = re.compile(r"(?:text|captions?|prompt|description)(?:[_-]([a-z]{2}|und)(?:[_-]\w+)?)?", re.IGNORECASE)
_FIELDS = {
    "style": ("style",),
    "licence": ("licence", "license"),
    "creator": ("creator", "author", "artist", "photographer"),
    "source": ("source",),
    "concept": ("concept",),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """One row of a table, and where it stands: "metadata.csv, line 3"."""

    where: str
    values: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Described:
    """What a row says of its picture, in the words of `Item`."""

    captions: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    style: str = ""
    licence: str = ""
    creator: str = ""
    source: str = ""
    concept: str = ""
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def over(self, other: Described) -> Described:
        """This, with what it leaves open taken from `other`; captions of both."""
        fields = {name: getattr(self, name) or getattr(other, name) for name in _FIELDS}
        return Described(merged(self.captions, other.captions), facts={**other.facts, **self.facts}, **fields)

    def item(self, place: str, load: Callable[[], bytes]) -> Item:
        """The picture it describes."""
        return Item(place, load, **{field.name: getattr(self, field.name) for field in dataclasses.fields(self)})

    def said(self) -> str:
        """What is given here, as a stable text: ", licence CC0-1.0"."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return "".join(f", {name} {value}" for name, value in fields.items() if value)


def read_table(name: str, content: bytes) -> list[Line]:
    """The rows of a `.jsonl`, `.json` (one list) or `.csv` file.

    Raises:
        DataError: it is not UTF-8 or not well formed; the file and the line are named.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"'{name}', line {line}, is not UTF-8 ({error.reason}): save the file as UTF-8") from error
    suffix = name.rpartition(".")[2].lower()
    readers = {"csv": _csv, "json": _json, "jsonl": _jsonl}
    return list(readers[suffix](name, text))


def describe(values: Mapping[str, Any], skip: tuple[str, ...] = ()) -> Described:
    """Columns sorted by what they mean. `text`, `caption`, `prompt` and `description` are captions, `text_zh` a caption in
    that language; a list gives alternatives. What `text` repeats of `text_zh` is not guessed anew. Whatever has no meaning
    of its own becomes a fact.
    """
    told: dict[str, tuple[str, ...]] = {}
    guessed: dict[str, tuple[str, ...]] = {}
    fields: dict[str, str] = {}
    facts: dict[str, str] = {}
    for column, value in values.items():
        name = column.strip().lower()
        text = _TEXT.fullmatch(name)
        field = next((field for field, names in _FIELDS.items() if name in names), None)
        if name in skip or value is None or value == "":
            continue
        if text and text[1]:
            told = merged(told, _captions(value, text[1].lower()))
        elif text:
            guessed = merged(guessed, _captions(value, ""))
        elif field:
            fields[field] = fields.get(field) or _plain(value)
        else:
            facts |= _facts(name, value)
    known = {caption for same in told.values() for caption in same}
    fresh = {language: tuple(text for text in same if text not in known) for language, same in guessed.items()}
    captions = merged(told, {language: same for language, same in fresh.items() if same})
    return Described(captions, facts=facts, **fields)


def _facts(name: str, value: Any) -> dict[str, str]:
    """One fact; or several, from the column `facts` that an export of Danqing's has."""
    try:
        several = json.loads(value) if name == "facts" and isinstance(value, str) else value
    except ValueError:
        several = value
    if name == "facts" and isinstance(several, dict):
        return {str(key): _plain(part) for key, part in several.items()}
    return {name: _plain(value)}


def _captions(value: Any, language: str) -> dict[str, tuple[str, ...]]:
    texts = [_plain(part) for part in value] if isinstance(value, list) else [_plain(value)]
    found = by_language(texts)
    if not language:
        return found
    every = tuple(caption for same in found.values() for caption in same)
    return {language if language in LANGUAGES else "": every} if every else {}


def _plain(value: Any) -> str:
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _jsonl(name: str, text: str) -> Iterator[Line]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _line(f"{name}, line {number}", _parsed(f"'{name}', line {number},", line))


def _json(name: str, text: str) -> Iterator[Line]:
    rows = _parsed(f"'{name}'", text)
    if not isinstance(rows, list):
        raise DataError(f"'{name}' holds one JSON value: give a list of objects, one per picture")
    for number, row in enumerate(rows, 1):
        yield _line(f"{name}, entry {number}", row)


def _parsed(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f'{where} is not JSON ({error}): write one object per line, such as {{"file_name": "a.png"}}'
        ) from error


def _line(where: str, row: Any) -> Line:
    if not isinstance(row, dict):
        raise DataError(f'{where}, is {json.dumps(row)[:40]}: write an object, such as {{"file_name": "a.png"}}')
    return Line(where, row)


def _csv(name: str, text: str) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = row
            elif len(row) != len(header):
                raise DataError(
                    f"'{name}', line {reader.line_num}, has {len(row)} cells, its header {len(header)}: put cells that hold a "
                    "comma in double quotes"
                )
            else:
                yield Line(f"{name}, line {reader.line_num}", dict(zip(header, row, strict=True)))
    except csv.Error as error:
        raise DataError(f"'{name}', line {reader.line_num}, is not CSV ({error}): mend that line") from error
