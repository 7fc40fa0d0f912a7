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
import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Int64

from danqing.data.checks import Limits, decode
from danqing.data.duplicates import near, perceptual_hash
from danqing.data.index import FORMAT, Manifest, Row, Split, held_out, read_index, summarise, write_index
from danqing.data.resample import Pixels, clear_hidden, shrink
from danqing.data.shards import Workshop, shard_file
from danqing.data.source import Item, LeftOut, Source
from danqing.errors import DataError, OutputError, PictureError, choices
from danqing.files import home
from danqing.words import Picture

STORE = 256
"""The longest side, in pixels, that an import keeps unless told otherwise."""

Progress = Callable[[int], None]
"""Called with the number of items finished so far."""


class PictureSet:
    """A set opened for reading. `pictures[i]`, `raw(i)` and the numbers in `split` speak of the same picture."""

    def __init__(self, folder: Path, manifest: Manifest, rows: Sequence[Row]) -> None:
        self.folder = folder
        self._shards: dict[int, np.memmap[Any, np.dtype[np.uint8]]] = {}
        self._take(manifest, rows)

    @classmethod
    def open(cls, name: str | Path) -> PictureSet:
        """Open a set by its name at home, or by its folder.

        Raises:
            DataError: there is no such set, or its files are damaged.
        """
        folder = place_of(name)
        if not (folder / "manifest.json").is_file():
            raise DataError(f"there is no set '{name}': {choices(str(name), names())}; add one with 'danqing data add'")
        return cls(folder, *read_index(folder))

    @property
    def name(self) -> str:
        """The set's name: that of its folder."""
        return self.folder.name

    def __len__(self) -> int:
        return len(self._rows)

    def raw(self, index: int) -> Pixels:
        """The stored pixels of a picture, (height, width, channels) uint8 with straight alpha; a read-only view.

        Raises:
            DataError: the shard that holds them is missing or cut short.
        """
        row = self._rows[index]
        end = row.offset + row.height * row.width * row.channels
        try:
            if row.shard not in self._shards:
                self._shards[row.shard] = np.memmap(shard_file(self.folder, row.shard), np.uint8, "r")
            return np.asarray(self._shards[row.shard][row.offset : end]).reshape(row.height, row.width, row.channels)
        except (OSError, ValueError) as error:
            raise DataError(
                f"the set '{self.name}' is damaged (shard {row.shard}: {error}): remove it and add it again"
            ) from error

    def shapes(self) -> Int64[np.ndarray, "pictures 3"]:
        """(height, width, channels) of every picture, without reading one."""
        return np.array([(row.height, row.width, row.channels) for row in self._rows], np.int64).reshape(-1, 3)

    def places(self) -> list[str]:
        """Where every picture came from: its path or address."""
        return [row.place for row in self._rows]

    def notes(self) -> list[tuple[str, ...]]:
        """What decoding changed in every picture, in words."""
        return [tuple(json.loads(row.notes)) for row in self._rows]

    def split(self, part: Literal["train", "held_out"], by: Split | None = None) -> Int64[np.ndarray, " part"]:
        """The numbers of the pictures of one part.

        About a tenth is held out, chosen by hash: by concept where pictures share concepts, else by content. So a picture
        keeps its part when others are added or excluded, and a set of a few pictures may hold out none.

        Args:
            part: which.
            by: "pair" holds out concepts in single styles, so that a painter knows every concept and is tried in hands it never
                saw it in; by default as the set is split.
        """
        held = np.array([held_out(row, by or self.manifest.splits.by) for row in self._rows], bool)
        return np.flatnonzero(held if part == "held_out" else ~held).astype(np.int64)

    def exclude(self, *, picture: str | None = None, source: str | None = None, licence: str | None = None) -> int:
        """Take pictures out: one by its sha256, or all of a source or licence. Gives how many went.

        The index remembers it, so that they stay out when the set is added to; their pixels are no longer reachable.

        Raises:
            DataError: no picture of the set answers to what was named, or not exactly one thing was named.
            OutputError: the index cannot be written.
        """
        named = {"sha256": picture, "source": source, "licence": licence}
        given = [(key, value) for key, value in named.items() if value is not None]
        if len(given) != 1:
            raise DataError(f"{len(given)} things to exclude were named: name one picture, one source or one licence")
        ((key, value),) = given
        gone = [row for row in self._rows if getattr(row, key) == value]
        if not gone:
            known = [] if key == "sha256" else sorted({getattr(row, key) for row in self._rows})
            hint = choices(value, known) if known else "give the sha256 of one of its pictures"
            raise DataError(f"the set '{self.name}' has no picture with {key} '{value}': {hint}")
        rows = [dataclasses.replace(row, excluded=row.excluded or getattr(row, key) == value) for row in self._every]
        manifest = summarise(rows, self.manifest.plain())
        write_index(self.folder, rows, manifest)
        self._take(manifest, rows)
        return len(gone)

    def _take(self, manifest: Manifest, rows: Sequence[Row]) -> None:
        self.manifest = manifest
        self._every = list(rows)
        self._rows = [row for row in rows if not row.excluded]
        self.pictures: list[Picture] = [row.picture() for row in self._rows]


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
        raise DataError(f"there is no set '{name}' to remove: {choices(str(name), names())}")
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
    add: bool = False,
    progress: Progress | None = None,
) -> PictureSet:
    """Read every picture of a source into a set. Killed on the way, the same call goes on where it stopped.

    Args:
        source: where the pictures come from.
        name: the set's name at home, or a folder for it.
        store: longest side kept, in pixels; larger pictures are scaled down with antialiasing.
        limits: what decoding refuses.
        drop_near: leave near duplicates out too; otherwise the manifest only lists them. Exact ones are always left out.
        add: add to the set if it exists.
        progress: called after every item with the number finished so far.

    Raises:
        DataError: the set exists already and `add` is off, the source cannot be read, or it holds no picture that can be.
        OutputError: the place cannot be written to.
    """
    folder = place_of(name)
    base = PictureSet.open(folder) if add and (folder / "manifest.json").is_file() else None
    if base is None and folder.exists():
        raise DataError(f"there is a set '{name}' already: choose another name, --add, or 'danqing data remove {name}'")
    before = None if base is None else base.manifest
    heading = {"format": FORMAT, "source": source.describe(), "store": store, "base": before.fingerprint if before else None}
    try:
        workshop = Workshop(folder.with_name(f".{folder.name}.partial"), heading, None if base is None else base.folder)
        _collect(source, workshop, store, limits or Limits(), progress)
        _publish(workshop, folder, before, drop_near)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"'{folder}' cannot be written ({reason}): free some space or choose another place") from error
    return PictureSet.open(folder)


def _collect(source: Source, workshop: Workshop, store: int, limits: Limits, progress: Progress | None) -> None:
    """Finish every item that the workshop does not know yet."""
    known = {row.sha256: row.place for row in workshop.rows}
    try:
        for item in source.items():
            if item.place in workshop.done:
                continue
            made = item if isinstance(item, LeftOut) else _make(item, store, limits)
            if isinstance(made, LeftOut):
                workshop.leave_out(made)
            elif (twin := known.get(made[0].sha256)) is not None:
                workshop.leave_out(LeftOut(item.place, f"is the same picture as '{twin}'"))
            else:
                known[made[0].sha256] = item.place
                workshop.add(*made)
            if progress:
                progress(len(workshop.done))
    finally:
        workshop.close()


def _make(item: Item, store: int, limits: Limits) -> tuple[Row, Pixels] | LeftOut:
    """The item decoded and at its stored size, or why it cannot be."""
    try:
        decoded = decode(item.load(), limits)
    except (PictureError, OSError) as error:
        return LeftOut(item.place, str(error))
    pixels = clear_hidden(shrink(decoded.pixels, store))
    height, width, channels = pixels.shape
    likeness = perceptual_hash(pixels)
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
        likeness=likeness - (1 << 64) if likeness >= 1 << 63 else likeness,
    )
    return row, pixels


def content_hash(pixels: Pixels) -> str:
    """SHA-256 of a picture as it is stored: its (height, width, channels), then its bytes."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _publish(workshop: Workshop, folder: Path, base: Manifest | None, drop_near: bool) -> None:
    """Write the index of the finished workshop and put its folder in its place."""
    if not workshop.rows:
        reasons = Counter(left.reason for left in workshop.left_out).most_common(1)
        why = f"all {len(workshop.left_out)} were left out, most often because it {reasons[0][0]}" if reasons else "it is empty"
        raise DataError(f"the source '{workshop.heading['source']}' gave no picture ({why}): give another source")
    rows, left_out = list(workshop.rows), list(workshop.left_out)
    pairs = [(rows[first], rows[later]) for first, later in near([row.likeness % (1 << 64) for row in rows])]
    if drop_near:
        twins = {later.place: first.place for first, later in pairs}
        rows = [row for row in rows if row.place not in twins]
        left_out += [LeftOut(place, f"is nearly the same picture as '{twin}'") for place, twin in twins.items()]
        pairs = []
    facts = {
        "source": f"{base.source}; {workshop.heading['source']}" if base else workshop.heading["source"],
        "store": workshop.heading["store"],
        "left_out": [*(base.left_out if base else ()), *map(dataclasses.asdict, left_out)],
        "near_duplicates": [(first.sha256, later.sha256) for first, later in pairs],
    }
    write_index(workshop.folder, rows, summarise(rows, facts))
    workshop.publish(folder)


def _json(facts: Any) -> str:
    return json.dumps(facts, ensure_ascii=False)
