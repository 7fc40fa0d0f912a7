"""A prepared set on disk: uint8 pictures in memory-mapped shards, a Parquet index and a manifest.

    sets/NAME/manifest.json     what the set is: source, counts, licences, fingerprint, splits, what was left out
    sets/NAME/index.parquet     one row per picture: sha256, captions, rights, and where its pixels lie
    sets/NAME/00000.shard       raw bytes, row by row, channels last, straight alpha

A set is built in a hidden folder beside its place and renamed when whole, so it is there entirely or not at all.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int64

from danqing.config import Config
from danqing.data.checks import Limits, decode
from danqing.data.duplicates import near, perceptual_hash
from danqing.data.resample import Pixels, clear_hidden, shrink
from danqing.data.shards import Row, Workshop, shard_file
from danqing.data.source import Item, LeftOut, Source
from danqing.errors import ConfigError, DataError, OutputError, PictureError, choices
from danqing.files import home, write_atomically
from danqing.words import Picture

FORMAT = 1
STORE = 256
"""The longest side, in pixels, that an import keeps unless told otherwise."""

_KINDS = {"int": pa.int64(), "bool": pa.bool_(), "str": pa.string()}
_SCHEMA = pa.schema([(field.name, _KINDS[str(field.type)]) for field in dataclasses.fields(Row)])

Split = Literal["content", "concept"]
Progress = Callable[[int], None]
"""Called with the number of items finished so far."""


class Splits(Config):
    """How the set is parted: by what, and how many pictures fall on each side."""

    by: Split
    train: int
    held_out: int


class Manifest(Config):
    """What `manifest.json` says. Counts and the fingerprint speak of the pictures that are not excluded."""

    format: int = FORMAT
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


class PictureSet:
    """A set opened for reading. `pictures[i]`, `raw(i)` and the numbers in `split` speak of the same picture."""

    def __init__(self, folder: Path, manifest: Manifest, rows: Sequence[Row]) -> None:
        self.folder, self.manifest = folder, manifest
        self._every = list(rows)
        self._rows = [row for row in rows if not row.excluded]
        self._shards: dict[int, np.memmap[Any, np.dtype[np.uint8]]] = {}
        self.pictures: list[Picture] = [_picture(row) for row in self._rows]

    @classmethod
    def open(cls, name: str | Path) -> PictureSet:
        """Open a set by its name at home, or by its folder.

        Raises:
            DataError: there is no such set, or its files are damaged.
        """
        folder = place_of(name)
        if not (folder / "manifest.json").is_file():
            raise DataError(
                f"there is no set of pictures '{name}': {choices(str(name), names())}; add one with 'danqing data add'"
            )
        try:
            facts = json.loads((folder / "manifest.json").read_text(encoding="utf8"))
            rows = [Row(**facts) for facts in pq.read_table(folder / "index.parquet").to_pylist()]
            return cls(folder, Manifest.read(facts, f"the manifest of '{folder.name}'"), rows)
        except (OSError, ValueError, TypeError, pa.ArrowException, ConfigError) as error:
            raise DataError(f"the set '{name}' is damaged ({error}): remove it and add it again") from error

    @property
    def name(self) -> str:
        """The set's name: that of its folder."""
        return self.folder.name

    def __len__(self) -> int:
        return len(self._rows)

    def raw(self, index: int) -> Pixels:
        """The stored pixels of a picture, (height, width, channels) uint8 with straight alpha; a read-only view."""
        row = self._rows[index]
        if row.shard not in self._shards:
            self._shards[row.shard] = np.memmap(shard_file(self.folder, row.shard), np.uint8, "r")
        end = row.offset + row.height * row.width * row.channels
        return np.asarray(self._shards[row.shard][row.offset : end]).reshape(row.height, row.width, row.channels)

    def shapes(self) -> Int64[np.ndarray, "pictures 3"]:
        """(height, width, channels) of every picture, without reading one."""
        return np.array([(row.height, row.width, row.channels) for row in self._rows], np.int64).reshape(-1, 3)

    def places(self) -> list[str]:
        """Where every picture came from: its path or address."""
        return [row.place for row in self._rows]

    def split(self, part: Literal["train", "held_out"]) -> Int64[np.ndarray, " part"]:
        """The numbers of the pictures of one part. About a tenth is held out, chosen by hash: by concept where pictures
        share concepts, else by content. A picture keeps its part when others are added or excluded.
        """
        held = np.array([_held_out(row, self.manifest.splits.by) for row in self._rows], bool)
        return np.flatnonzero(held if part == "held_out" else ~held).astype(np.int64)

    def exclude(self, *, picture: str | None = None, source: str | None = None, licence: str | None = None) -> int:
        """Take pictures out for good: one by its sha256, or all of a source or licence. The index remembers it; the
        pixels stay on the disk but are no longer reachable from here. Gives how many went.

        Raises:
            DataError: no picture of the set answers to what was named, or not exactly one thing was named.
        """
        named = {"sha256": picture, "source": source, "licence": licence}
        given = {key: value for key, value in named.items() if value is not None}
        if len(given) != 1:
            raise DataError(f"{len(given)} things to exclude were named: name one picture, one source or one licence")
        ((key, value),) = given.items()
        if not any(getattr(row, key) == value for row in self._rows):
            known = {getattr(row, key) for row in self._rows} if key != "sha256" else set()
            hint = choices(value, known) if known else f"see the sha256 column of {self.folder.name}/index.parquet"
            raise DataError(f"the set '{self.name}' has no picture with {key} '{value}': {hint}")
        before = len(self)
        rows = [dataclasses.replace(row, excluded=row.excluded or getattr(row, key) == value) for row in self._every]
        manifest = _manifest(rows, self.manifest.plain())
        write_index(self.folder, rows, manifest)
        self.__init__(self.folder, manifest, rows)  # type: ignore[misc]
        return before - len(self)


def _picture(row: Row) -> Picture:
    captions = {language: tuple(texts) for language, texts in json.loads(row.captions).items()}
    facts = json.loads(row.facts)
    return Picture(row.sha256, captions, row.style, row.licence, row.creator, row.source, row.concept, facts)


def names() -> list[str]:
    """The sets at home, in alphabetical order."""
    return sorted(path.parent.name for path in (home() / "sets").glob("[!.]*/manifest.json"))


def place_of(name: str | Path) -> Path:
    """The folder of a set: a plain name is one at home, anything else a path.

    Raises:
        DataError: the name is neither.
    """
    if isinstance(name, Path) or "/" in name or "\\" in name:
        return Path(name)
    if not re.fullmatch(r"\w[\w.-]{0,63}", name):
        raise DataError(f"'{name}' cannot name a set: use up to 64 letters, digits, '-', '_' and '.', a letter or digit first")
    return home() / "sets" / name


def remove(name: str | Path) -> None:
    """Delete a set with all that was prepared from it.

    Raises:
        DataError: there is no such set.
        OutputError: it cannot be deleted.
    """
    folder = place_of(name)
    if not (folder / "manifest.json").is_file():
        raise DataError(f"there is no set of pictures '{name}' to remove: {choices(str(name), names())}")
    try:
        (folder / "manifest.json").unlink()  # first, so that half a set is never taken for a whole one
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(f"the set '{name}' cannot be removed ({error}): close what uses it and try again") from error


def import_pictures(
    source: Source,
    name: str | Path,
    *,
    store: int = STORE,
    limits: Limits | None = None,
    drop_near: bool = False,
    progress: Progress | None = None,
) -> PictureSet:
    """Read every picture of a source into a new set. Killed on the way, the same call goes on where it stopped.

    Args:
        source: where the pictures come from.
        name: the set's name at home, or a folder for it.
        store: longest side kept, in pixels; larger pictures are scaled down with antialiasing.
        limits: what decoding refuses.
        drop_near: leave near duplicates out too; otherwise the manifest only lists them. Exact ones are always left out.
        progress: called after every item with the number finished so far.

    Raises:
        DataError: the set exists already, the source cannot be read, or it holds no picture that can be.
        OutputError: the place cannot be written to.
    """
    folder = place_of(name)
    if folder.exists():
        raise DataError(f"there is a set '{name}' already: choose another name, or remove it with 'danqing data remove {name}'")
    heading = {"format": FORMAT, "source": source.describe(), "store": store}
    try:
        workshop = Workshop(folder.with_name(f".{folder.name}.partial"), heading)
        _collect(source, workshop, store, limits or Limits(), progress)
        _publish(workshop, folder, drop_near)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"'{folder}' cannot be written ({reason}): free some space or choose another place") from error
    return PictureSet.open(folder)


def _collect(source: Source, workshop: Workshop, store: int, limits: Limits, progress: Progress | None) -> None:
    known = {row.sha256: row.place for row in workshop.rows}
    try:
        for item in source.items():
            if item.place in workshop.done:
                continue
            made = item if isinstance(item, LeftOut) else _make(item, store, limits)
            if isinstance(made, LeftOut):
                workshop.leave_out(made)
            elif (twin := known.get(made[0].sha256)) is not None:
                workshop.leave_out(LeftOut(item.place, f"the same picture as '{twin}'"))
            else:
                known[made[0].sha256] = item.place
                workshop.add(*made)
            if progress:
                progress(len(workshop.done))
    finally:
        workshop.close()


def _make(item: Item, store: int, limits: Limits) -> tuple[Row, Pixels] | LeftOut:
    try:
        decoded = decode(item.load(), limits)
    except (PictureError, OSError) as error:
        return LeftOut(item.place, str(error))
    pixels = clear_hidden(shrink(decoded.pixels, store))
    height, width, channels = pixels.shape
    row = Row(
        sha256=content_hash(pixels),
        captions=_json({language: list(texts) for language, texts in item.captions.items()}),
        style=item.style,
        licence=item.licence,
        creator=item.creator,
        source=item.source,
        concept=item.concept,
        facts=_json(dict(item.facts)),
        shard=0,
        offset=0,
        height=height,
        width=width,
        channels=channels,
        place=item.place,
        notes=_json(list(decoded.notes)),
        likeness=_signed(perceptual_hash(pixels)),
    )
    return row, pixels


def content_hash(pixels: Pixels) -> str:
    """SHA-256 of a picture as it is stored: its (height, width, channels), then its bytes."""
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def _publish(workshop: Workshop, folder: Path, drop_near: bool) -> None:
    if not workshop.rows:
        reasons = Counter(left.reason for left in workshop.left_out).most_common(1)
        why = f"all {len(workshop.left_out)} were left out, most often because: {reasons[0][0]}" if reasons else "it is empty"
        raise DataError(f"the source '{workshop.heading['source']}' gave no picture ({why}): give another source")
    pairs = [(workshop.rows[a], workshop.rows[b]) for a, b in near([_unsigned(row.likeness) for row in workshop.rows])]
    rows, left_out = list(workshop.rows), list(workshop.left_out)
    if drop_near:
        twins = {later.place: first.place for first, later in reversed(pairs)}
        rows = [row for row in rows if row.place not in twins]
        left_out += [LeftOut(place, f"nearly the same picture as '{twin}'") for place, twin in sorted(twins.items())]
        pairs = []
    facts = workshop.heading | {
        "left_out": [dataclasses.asdict(left) for left in left_out],
        "near_duplicates": [(first.sha256, later.sha256) for first, later in pairs],
    }
    write_index(workshop.folder, rows, _manifest(rows, facts))
    workshop.drop_journal()
    os.replace(workshop.folder, folder)


def write_index(folder: Path, rows: Sequence[Row], manifest: Manifest) -> None:
    """Write the index, then the manifest, each atomically."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([dataclasses.asdict(row) for row in rows], schema=_SCHEMA), sink, compression="zstd")
    write_atomically(folder / "index.parquet", sink.getvalue().to_pybytes())
    write_atomically(folder / "manifest.json", (_json(manifest.plain(), indent=1) + "\n").encode())


def _manifest(rows: Sequence[Row], facts: dict[str, Any]) -> Manifest:
    """Counts, splits and fingerprint of the rows, beside what is known already of the import."""
    kept = [row for row in rows if not row.excluded]
    concepts = Counter(row.concept for row in kept if row.concept)
    by: Split = "concept" if any(count > 1 for count in concepts.values()) else "content"
    held = sum(_held_out(row, by) for row in kept)
    fresh = {
        "pictures": len(kept),
        "excluded": len(rows) - len(kept),
        "styles": dict(sorted(Counter(row.style for row in kept).items())),
        "licences": dict(sorted(Counter(row.licence for row in kept).items())),
        "fingerprint": hashlib.sha256("".join(row.sha256 for row in kept).encode()).hexdigest(),
        "splits": {"by": by, "train": len(kept) - held, "held_out": held},
    }
    return Manifest.read(facts | fresh, "the manifest")


def _held_out(row: Row, by: Split) -> bool:
    """A tenth of all concepts (or pictures), named by their hash; a picture without a concept stands for itself."""
    name = row.concept if by == "concept" and row.concept else row.sha256
    return int.from_bytes(hashlib.sha256(f"held out: {name}".encode()).digest()[:4], "big") % 10 == 0


def _json(facts: Any, indent: int | None = None) -> str:
    return json.dumps(facts, ensure_ascii=False, indent=indent)


def _signed(number: int) -> int:
    """Parquet's int64 from 64 bits."""
    return number - (1 << 64) if number >= 1 << 63 else number


def _unsigned(number: int) -> int:
    return number % (1 << 64)
