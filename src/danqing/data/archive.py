"""A zip of pictures, laid out as a folder would be; read in place, never unpacked onto the disk."""

from __future__ import annotations

import functools
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from danqing.data.layout import Tree, TreeSource, is_hidden, leads_out
from danqing.data.metadata import Described
from danqing.data.source import LeftOut
from danqing.errors import DataError, PictureError

RATIO = 200
"""How much larger than packed an entry may be, once it is larger than `SMALL`: pictures do not pack that well, bombs do."""
SMALL = 16 << 20

_FAILURES = (
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


class ZipTree(Tree):
    """The entries of a zip file."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        try:
            self._zip = zipfile.ZipFile(self.path)
        except _FAILURES as error:
            raise DataError(f"'{path}' cannot be opened as a zip ({error}): give a whole .zip file") from error

    @property
    def title(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    def describe(self) -> str:
        """Where the file is."""
        return f"zip {self.path.as_posix()}"

    def names(self) -> Iterator[str | LeftOut]:
        """Every entry that is a file and may be read."""
        for number, entry in enumerate(self._zip.infolist(), 1):
            name = _true_name(entry)
            if entry.is_dir():
                continue
            if self._entries[name] is not entry:
                yield LeftOut(f"{name} (entry {number})", "is replaced by a later entry of that name")
            elif reason := _refusal(entry, name):
                yield LeftOut(name, reason)
            else:
                yield name

    @functools.cached_property
    def _entries(self) -> dict[str, zipfile.ZipInfo]:
        return {_true_name(entry): entry for entry in self._zip.infolist()}

    def read(self, name: str, most: int, *, whole: bool = True) -> bytes:
        """The bytes of an entry; unless `whole`, just the first `most`.

        Raises:
            PictureError: it is damaged, or has more than `most` bytes.
        """
        try:
            with self._zip.open(self._entries[name]) as file:
                content = file.read(most + 1 if whole else most)
        except _FAILURES as error:
            raise PictureError(f"is damaged inside the zip ({error})") from error
        if len(content) > most:
            raise PictureError(f"has more than {most >> 20} MiB")
        return content


def _refusal(entry: zipfile.ZipInfo, name: str) -> str:
    if leads_out(name):
        return "leads out of the archive"
    if any(is_hidden(part) for part in PurePosixPath(name).parts):
        return "is hidden"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "is a link, which a zip is not followed through"
    if entry.flag_bits & 1:
        return "is encrypted: unpack it yourself and give the folder"
    if entry.file_size > SMALL and entry.file_size > RATIO * max(entry.compress_size, 1):
        return (
            f"unpacks to {entry.file_size / 2**20:.0f} MiB from {entry.compress_size} bytes, as only a decompression bomb does"
        )
    return ""


def _true_name(entry: zipfile.ZipInfo) -> str:
    """The name as it was typed: old zips do not say their encoding, and on Chinese systems it is GBK."""
    if entry.flag_bits & 0x800 or entry.filename.isascii():
        return entry.filename
    try:
        raw = entry.filename.encode("cp437")
    except UnicodeEncodeError:
        return entry.filename
    for encoding in ("utf8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return entry.filename


class ZipSource(TreeSource):
    """The pictures in a zip; see `danqing.data.layout` for where captions come from.

    Args:
        path: the zip file.
        given: what holds for every picture that says nothing else: licence, creator, style, source.

    Raises:
        DataError: there is no such file, or it is no zip.
    """

    def __init__(self, path: str | Path, given: Described | None = None) -> None:
        super().__init__(ZipTree(Path(path)), given)
