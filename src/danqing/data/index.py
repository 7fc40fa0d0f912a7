"""What a set writes down about its pictures: a row for each, and a manifest of the whole."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from danqing.config import Config
from danqing.errors import ConfigError, DataError
from danqing.files import write_atomically
from danqing.words import Picture

FORMAT = 1
Split = Literal["content", "concept", "pair"]


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One line of the index: what `Picture` says, as JSON where it is nested, and where its pixels lie.

    Args:
        shard: number of the raw file; offset: bytes before the picture in it.
        place: the path or address it was read from.
        notes: JSON list of what decoding changed.
        likeness: fingerprint for near duplicates, as a signed 64-bit number.
        excluded: taken out by its owner.
    """

    sha256: str
    captions: str
    style: str
    licence: str
    creator: str
    source: str
    concept: str
    facts: str
    shard: int
    offset: int
    height: int
    width: int
    channels: int
    place: str
    notes: str
    likeness: int
    excluded: bool = False

    def plain(self) -> dict[str, str | int | bool]:
        """The row as JSON-ready values."""
        return {name: getattr(self, name) for name in self.__slots__}

    def picture(self) -> Picture:
        """The row as the rest of Danqing knows it."""
        captions = {language: tuple(texts) for language, texts in json.loads(self.captions).items()}
        facts = json.loads(self.facts)
        return Picture(self.sha256, captions, self.style, self.licence, self.creator, self.source, self.concept, facts)


class Splits(Config):
    """How the set is parted: by what, and how many pictures fall on each side."""

    by: Split
    train: int
    held_out: int


class Manifest(Config):
    """What `manifest.json` says. Counts and the fingerprint speak of the pictures that are not excluded.

    Args:
        format: of the folder.
        source: `Source.describe()`, joined by semicolons where the set was added to.
        store: longest side kept, in pixels.
        pictures: how many; excluded: how many more were taken out.
        styles, licences: pictures of each.
        fingerprint: SHA-256 over the pictures' own, in order.
        splits: train and held out.
        left_out: place and reason of everything that was not taken.
        near_duplicates: pairs of sha256 that look alike, the earlier first.
    """

    format: Literal[1] = 1
    source: str
    store: int
    pictures: int
    excluded: int
    styles: dict[str, int]
    licences: dict[str, int]
    fingerprint: str
    splits: Splits
    left_out: tuple[dict[str, str], ...]
    near_duplicates: tuple[tuple[str, str], ...]


_KINDS = {"int": pa.int64(), "bool": pa.bool_(), "str": pa.string()}
_SCHEMA = pa.schema([(field.name, _KINDS[str(field.type)]) for field in dataclasses.fields(Row)])


def read_index(folder: Path) -> tuple[Manifest, list[Row]]:
    """Manifest and rows of a set, those of excluded pictures too.

    Raises:
        DataError: its files are damaged, or of a later version.
    """
    try:
        facts = json.loads((folder / "manifest.json").read_text(encoding="utf8"))
        rows = [Row(**row) for row in pq.read_table(folder / "index.parquet").to_pylist()]
        return Manifest.read(facts, f"the manifest of '{folder.name}'"), rows
    except (OSError, ValueError, TypeError, pa.ArrowException, ConfigError) as error:
        raise DataError(f"the set '{folder.name}' is damaged ({error}): remove it and add it again") from error


def write_index(folder: Path, rows: Sequence[Row], manifest: Manifest) -> None:
    """Write the index, then the manifest, each whole or not at all.

    Raises:
        OutputError: the folder cannot be written to.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([row.plain() for row in rows], schema=_SCHEMA), sink, compression="zstd")
    write_atomically(folder / "index.parquet", sink.getvalue().to_pybytes())
    write_atomically(folder / "manifest.json", (json.dumps(manifest.plain(), ensure_ascii=False, indent=1) + "\n").encode())


def summarise(rows: Sequence[Row], facts: Mapping[str, Any]) -> Manifest:
    """A manifest of these rows; `facts` are what only the import knows: source, store, left_out, near_duplicates."""
    kept = [row for row in rows if not row.excluded]
    concepts = Counter(row.concept for row in kept if row.concept)
    by: Split = "concept" if any(count > 1 for count in concepts.values()) else "content"
    held = sum(held_out(row, by) for row in kept)
    sums = {
        "pictures": len(kept),
        "excluded": len(rows) - len(kept),
        "styles": dict(sorted(Counter(row.style for row in kept).items())),
        "licences": dict(sorted(Counter(row.licence for row in kept).items())),
        "fingerprint": hashlib.sha256("".join(row.sha256 for row in kept).encode()).hexdigest(),
        "splits": {"by": by, "train": len(kept) - held, "held_out": held},
    }
    return Manifest.read({**facts, **sums}, "the manifest")


def held_out(row: Row, by: Split) -> bool:
    """Whether a picture belongs to the tenth named by hash: of concepts or of (concept, style) pairs, where it has one, or
    else of pictures."""
    name = row.sha256
    if by != "content" and row.concept:
        name = row.concept if by == "concept" else f"{row.concept} {row.style}"
    return int.from_bytes(hashlib.sha256(f"held out: {name}".encode()).digest()[:4], "big") % 10 == 0
