"""A set under construction: pixels appended to raw files, one journal line per finished item, flushed in chunks.

The journal is written after the pixels it speaks of are on disk. So whatever moment a process dies at, the journal
names only whole pictures; what lies behind them in a shard is cut off when the import goes on.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np

from danqing.data.index import Row, read_index
from danqing.data.resample import Pixels
from danqing.data.source import LeftOut
from danqing.files import write_atomically

SHARD_BYTES = 256 * 2**20
"""No shard grows beyond this, unless one picture alone does."""
CHUNK = 256
"""Items between two flushes: what a killed import may have to do again."""


def shard_file(folder: Path, number: int) -> Path:
    """The raw file of a set that holds the shard of this number."""
    return folder / f"{number:05}.shard"


class Workshop:
    """The partial folder of an import: what is finished so far, and room for more.

    `rows` and `left_out` hold the finished items, those of earlier processes too; `done` holds their places.

    Args:
        folder: where to work; a folder begun with another heading starts anew.
        heading: what makes two imports the same.
        base: a set whose pictures come first.
    """

    def __init__(self, folder: Path, heading: dict[str, Any], base: Path | None = None) -> None:
        self.folder, self.heading, self.base = folder, heading, base
        self.rows: list[Row] = []
        self.left_out: list[LeftOut] = []
        self.done: set[str] = set()
        self._pending: list[str] = []
        self._number = self._offset = 0
        self._recover()
        self._journal: TextIO = self._journal_path.open("a", encoding="utf8", newline="\n")
        self._shard: BinaryIO = self._open_shard()

    @property
    def _journal_path(self) -> Path:
        return self.folder / "journal.jsonl"

    def add(self, row: Row, pixels: Pixels) -> None:
        """Take a finished picture; its place in the shards is filled in here."""
        content = np.ascontiguousarray(pixels).data
        if self._offset and self._offset + content.nbytes > SHARD_BYTES:
            self.flush()
            self._shard.close()
            self._number, self._offset = self._number + 1, 0
            self._shard = self._open_shard()
        placed = dataclasses.replace(row, shard=self._number, offset=self._offset)
        self._shard.write(content)
        self._offset += content.nbytes
        self.rows.append(placed)
        self._note(placed.place, {"row": placed.plain()})

    def leave_out(self, left: LeftOut) -> None:
        """Note a picture that is not taken."""
        self.left_out.append(left)
        self._note(left.place, {"left_out": dataclasses.asdict(left)})

    def flush(self) -> None:
        """Put everything so far on the disk: the pixels first, then the journal."""
        _sync(self._shard)
        self._journal.write("".join(self._pending))
        _sync(self._journal)
        self._pending.clear()

    def close(self) -> None:
        """Flush and let go of the files."""
        self.flush()
        self._shard.close()
        self._journal.close()

    def publish(self, folder: Path) -> None:
        """Put the closed workshop in its place, without its journal; a set that is there already makes way."""
        self._journal_path.unlink()
        if folder.exists():
            old = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.old")
            os.replace(folder, old)
            os.replace(self.folder, folder)
            shutil.rmtree(old)
        else:
            os.replace(self.folder, folder)

    def _note(self, place: str, line: dict[str, Any]) -> None:
        self.done.add(place)
        self._pending.append(json.dumps(line, ensure_ascii=False) + "\n")
        if len(self._pending) >= CHUNK:
            self.flush()

    def _open_shard(self) -> BinaryIO:
        file = shard_file(self.folder, self._number).open("ab")
        file.truncate(self._offset)
        return file

    def _recover(self) -> None:
        """Read what an earlier process finished, or begin."""
        lines = self._journal_lines()
        if not lines or lines[0] != self.heading:
            lines = [self.heading, *self._begin()]
        for line in lines[1:]:
            if "base" in line:
                self.rows.append(Row(**line["base"]))
            elif "row" in line:
                self.rows.append(Row(**line["row"]))
                self.done.add(line["row"]["place"])
            else:
                self.left_out.append(LeftOut(**line["left_out"]))
                self.done.add(line["left_out"]["place"])
        whole = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        write_atomically(self._journal_path, whole.encode())
        if self.rows:
            last = max(self.rows, key=lambda row: (row.shard, row.offset))
            self._number, self._offset = last.shard, last.offset + last.height * last.width * last.channels
        for path in self.folder.glob("*.shard"):
            if int(path.stem) > self._number:
                path.unlink()

    def _begin(self) -> list[dict[str, Any]]:
        """An empty folder, or one with the shards of the base, whose rows are the first lines of the journal."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        if self.base is None:
            return []
        for path in self.base.glob("*.shard"):
            shutil.copyfile(path, self.folder / path.name)
        return [{"base": row.plain()} for row in read_index(self.base)[1]]

    def _journal_lines(self) -> list[dict[str, Any]]:
        """The journal's whole lines; a last line cut short by a crash is not one."""
        if not self._journal_path.is_file():
            return []
        text = self._journal_path.read_text(encoding="utf8", errors="replace")
        return [json.loads(line) for line in text.split("\n")[:-1]]


def _sync(file: BinaryIO | TextIO) -> None:
    file.flush()
    os.fsync(file.fileno())
