"""Translating: one wish for many pictures, each painted from one of them. Stopped on the way, the same call goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import danqing
from danqing.data.folder import FolderTree
from danqing.data.layout import PICTURES
from danqing.errors import OutputError, PictureError, WishError
from danqing.paint import Session
from danqing.painters.start_pictures import read_picture
from danqing.records.record import read
from danqing.words import Doing, Wish, check_name


@dataclasses.dataclass(frozen=True, slots=True)
class Painted:
    """A file that was written, its wish, and its scores."""

    path: Path
    wish: Wish
    scores: Mapping[str, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Translated:
    """What came of all the pictures.

    Args:
        painted: what was written by this call.
        kept: files that were there, painted from the same picture by the same wish, painter and version of Danqing.
        left: pictures that could not be painted from, each with the reason.
    """

    painted: tuple[Painted, ...]
    kept: tuple[Path, ...]
    left: tuple[tuple[Path, str], ...]


def translate(
    session: Session, pictures: Path, out: Path, wish: Wish, longest: int | None = None
) -> Iterator[Doing | Translated]:
    """Paint from a picture, or from every picture in a folder and those below it.

    Args:
        session: the painter.
        pictures: a file or a folder.
        out: a PNG for a file; for a folder, a folder that gets a PNG of the same name for each.
        wish: what else is asked for; its `init` is set.
        longest: pixels of the longer side, each picture in its own shape; in place of the wish's size.

    Yields:
        What is being done, and last what came of all.

    Raises:
        WishError: there is no such file or folder, or the wish cannot be painted.
        OutputError: the place cannot be written to.
    """
    pairs = _pairs(pictures, out)
    painted: list[Painted] = []
    kept: list[Path] = []
    left: list[tuple[Path, str]] = []
    for number, (start, end) in enumerate(pairs):
        yield Doing("painting", number, len(pairs))
        asked = dataclasses.replace(wish, init=str(start))
        try:
            if longest is not None:
                asked = dataclasses.replace(asked, size=_shaped(start, longest))
            resolved = session.resolve(asked)
            if end.is_file() and _same(session, resolved, end):
                kept.append(end)
                continue
            painting = session.paint_all([resolved])[0]
        except WishError as error:
            if len(pairs) == 1:
                raise
            left.append((start, str(error)))
            continue
        painted.append(Painted(painting.save(end), painting.wish, painting.scores))
    yield Translated(tuple(painted), tuple(kept), tuple(left))


def _shaped(picture: Path, longest: int) -> tuple[int, int]:
    """(width, height) of a picture whose longer side has so many pixels."""
    height, width = read_picture(picture).shape[:2]
    scale = longest / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _pairs(pictures: Path, out: Path) -> Sequence[tuple[Path, Path]]:
    """Each picture, and the file that is painted from it."""
    if pictures.is_file():
        end = out / f"{pictures.stem}.png" if out.is_dir() else out
        if end.resolve() == pictures.resolve():
            raise OutputError(f"'{pictures}' would be painted over by its painting: give --out another file or folder")
        check_name(end)
        return [(pictures, end)]
    if not pictures.is_dir():
        raise WishError(f"there is no picture or folder '{pictures}': give one that is there")
    if out.is_file() or out.suffix.lower() == ".png":
        raise WishError(f"'{pictures}' is a folder and '{out}' a file: give --out a folder")
    over = OutputError(f"the pictures in '{pictures}' would be painted over by their paintings: give --out another folder")
    own, whole = out.resolve(), pictures.resolve()
    if own == whole:
        raise over
    names = [name for name in FolderTree(pictures).names() if isinstance(name, str)]
    if own.is_relative_to(whole):  # what an earlier call painted there is nothing to paint from
        names = [name for name in names if not (whole / name).is_relative_to(own)]
    found = [name for name in names if Path(name).suffix.lower() in PICTURES]
    if not found:
        raise WishError(f"there is no picture in '{pictures}': give a folder with PNG, JPEG, WebP or other pictures")
    stems = [Path(name).with_suffix("") for name in found]
    # Two pictures that differ in their endings alone keep those, so that neither is painted over the other.
    ends = [f"{name}.png" if stems.count(stem) > 1 else f"{stem}.png" for name, stem in zip(found, stems, strict=True)]
    if {own / end for end in ends} & {whole / name for name in found}:
        raise over
    return [(pictures / name, out / end) for name, end in zip(found, ends, strict=True)]


def _same(session: Session, wish: Wish, path: Path) -> bool:
    """Whether a file is what this painter paints for this wish, as its record says; what an older Danqing made is not."""
    try:
        _, record = read(path)
    except PictureError:
        return False
    asked = {name: value for name, value in wish.to_json().items() if name != "init"}
    before = {name: value for name, value in Wish.from_json(record.wish).to_json().items() if name != "init"}
    own = record.weights == session.painter.weights_sha256 and record.danqing == danqing.__version__
    return own and asked == before and record.inputs == session.asking.inputs(wish)
