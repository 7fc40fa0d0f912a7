"""A folder of the user's pictures. Nothing is ever written into it, and no link leads out of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from danqing.data.layout import Tree, TreeSource, is_hidden
from danqing.data.metadata import Described
from danqing.data.source import LeftOut
from danqing.errors import DataError, PictureError


class FolderTree(Tree):
    """The files below a folder."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise DataError(f"'{path}' is no folder: give the folder your pictures are in")
        self.root = path.resolve()

    @property
    def title(self) -> str:
        """The folder's own name."""
        return self.root.name

    def describe(self) -> str:
        """Where the folder is."""
        return f"folder {self.root.as_posix()}"

    def names(self) -> Iterator[str | LeftOut]:
        """Every file below the folder; hidden ones, links out of it and what is no file are left out.

        Raises:
            DataError: the folder itself cannot be listed.
        """
        try:
            next(os.scandir(self.root), None)
        except OSError as error:
            raise DataError(f"'{self.root}' cannot be listed ({error.strerror}): give a folder you may read") from error
        yield from self._below(self.root)

    def _below(self, folder: Path) -> Iterator[str | LeftOut]:
        try:
            paths = sorted(folder.iterdir())
        except OSError as error:
            yield LeftOut(self._name(folder), f"is a folder that cannot be read ({error.strerror})")
            return
        for path in paths:
            reason = self._refusal(path)
            if reason:
                yield LeftOut(self._name(path), reason)
            elif path.is_dir():
                yield from self._below(path)
            else:
                yield self._name(path)

    def _refusal(self, path: Path) -> str:
        if is_hidden(path.name):
            return "is hidden"
        try:
            target = path.resolve(strict=True)
            linked = target != path
            if linked and not target.is_relative_to(self.root):
                return "is a link that leads out of the folder"
            if linked and target.is_dir():
                return "is a link to another folder, whose pictures are taken there"
            return "" if target.is_file() or target.is_dir() else "is neither a file nor a folder"
        except (OSError, RuntimeError) as error:
            return f"cannot be reached ({getattr(error, 'strerror', None) or error})"

    def read(self, name: str, most: int, *, whole: bool = True) -> bytes:
        """The bytes of a file; unless `whole`, just the first `most`.

        Raises:
            PictureError: it cannot be read, or has more than `most` bytes.
        """
        try:
            with (self.root / name).open("rb") as file:
                content = file.read(most + 1 if whole else most)
        except OSError as error:
            raise PictureError(f"cannot be read ({error.strerror or error})") from error
        if len(content) > most:
            raise PictureError(f"has more than {most >> 20} MiB")
        return content

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


class FolderSource(TreeSource):
    """The pictures in a folder and the folders below it; see `danqing.data.layout` for where captions come from.

    Args:
        path: the folder.
        given: what holds for every picture that says nothing else: licence, creator, style, source.

    Raises:
        DataError: there is no such folder.
    """

    def __init__(self, path: str | Path, given: Described | None = None) -> None:
        super().__init__(FolderTree(Path(path)), given)
