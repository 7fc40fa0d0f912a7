"""A set for other programs: Hugging Face Parquet, WebDataset tars, and the folders that kohya and OneTrainer read.

Every form carries the pictures bit by bit as PNG, all captions, the rights, and `ATTRIBUTION.md` that names whom the
licences ask to name. The folder appears whole or not at all.
"""

from __future__ import annotations

import functools
import io
import json
import os
import secrets
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from danqing.data.picture_set import PictureSet
from danqing.data.rendering import png
from danqing.data.resample import shrink
from danqing.data.rights import ledger
from danqing.errors import DataError, OutputError, choices
from danqing.words import Picture

SHARD_BYTES = 256 << 20
"""No tar and no Parquet file grows much beyond this."""
UNDETERMINED = "und"
"""ISO 639 for a language nobody said."""

_FIELDS = ("style", "licence", "creator", "source", "concept")
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_ROWS = 256

Progress = Callable[[int], None]
File = Callable[[int], bytes]
"""The picture of a number, as PNG."""


def export(
    pictures: PictureSet, path: str | Path, form: str, progress: Progress | None = None, *, longest: int | None = None
) -> Path:
    """Write a set for another program, or for another machine, into a new folder.

    Args:
        pictures: the set; what is excluded from it stays out.
        path: the folder; it must not exist. With a name that ends in ".zip" it is one file, which `danqing data add` reads
            where the form is a folder of pictures.
        form: one of `FORMS`.
        progress: called with the number of pictures written so far.
        longest: scale pictures whose longer side is longer down to so many pixels; by default they are written as stored.

    Raises:
        DataError: the form does not exist, the folder does already, or no picture can be that small.
        OutputError: it cannot be written.
    """
    path = Path(path)
    if form not in FORMS:
        raise DataError(f"sets cannot be exported as '{form}': {choices(form, FORMS)}")
    if longest is not None and longest < 1:
        raise DataError(f"pictures cannot be exported with sides of {longest} pixels: give 1 or more")
    if path.exists() or path.is_symlink():
        raise DataError(f"'{path}' exists already: give a new folder, nothing is overwritten")
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.mkdir(parents=True)
        FORMS[form](pictures, partial, functools.partial(_png, pictures, longest), progress or (lambda _: None))
        (partial / "ATTRIBUTION.md").write_text(ledger(pictures).attributions() + "\n", encoding="utf8")
        os.replace(_zipped(partial) if path.suffix == ".zip" else partial, path)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"'{path}' cannot be written ({reason}): free some space or choose another place") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return path


def _zipped(folder: Path) -> Path:
    """One file within the folder that holds all others; they are mostly pictures, which no compression makes smaller."""
    with zipfile.ZipFile(folder / ".zip", "w") as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file() and file.name != ".zip"):
            how = zipfile.ZIP_STORED if file.suffix == ".png" else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(file.relative_to(folder).as_posix()), file.read_bytes(), how)
    return folder / ".zip"


def _png(pictures: PictureSet, longest: int | None, number: int) -> bytes:
    pixels = pictures.raw(number)
    return png(pixels if longest is None else shrink(pixels, longest))


def captions_of(picture: Picture) -> list[str]:
    """All captions of a picture, language by language, the best first, each once."""
    return list(dict.fromkeys(text for texts in picture.captions.values() for text in texts))


def columns(picture: Picture) -> dict[str, Any]:
    """What is known of a picture, named as Hugging Face tables name it: `text` the best caption, `text_en` all in English.

    `danqing.data.metadata.describe` is the inverse.
    """
    found: dict[str, Any] = {"text": next(iter(captions_of(picture)), "")}
    found |= {f"text_{language or UNDETERMINED}": list(texts) for language, texts in picture.captions.items()}
    found |= {field: getattr(picture, field) for field in _FIELDS}
    return found | {"facts": json.dumps(dict(picture.facts), ensure_ascii=False)}


def _splits(pictures: PictureSet) -> dict[str, list[int]]:
    """Numbers of the pictures by the names that others give the splits."""
    found = {"train": pictures.split("train").tolist(), "test": pictures.split("held_out").tolist()}
    return {name: numbers for name, numbers in found.items() if numbers}


def _parts(pictures: PictureSet, numbers: Sequence[int]) -> list[list[int]]:
    """Numbers in runs whose raw pixels fill at most `SHARD_BYTES`."""
    parts: list[list[int]] = []
    room = 0
    sizes = pictures.shapes().prod(axis=1)
    for number in numbers:
        room -= int(sizes[number])
        if room < 0:
            parts.append([])
            room = SHARD_BYTES - int(sizes[number])
        parts[-1].append(number)
    return parts


def _parquet(pictures: PictureSet, folder: Path, file: File, progress: Progress) -> None:
    schema = _schema(pictures.pictures)
    done = 0
    for split, numbers in _splits(pictures).items():
        parts = _parts(pictures, numbers)
        for part, chosen in enumerate(parts):
            place = folder / "data" / f"{split}-{part:05}-of-{len(parts):05}.parquet"
            place.parent.mkdir(exist_ok=True)
            with pq.ParquetWriter(place, schema, compression="zstd") as writer:
                for start in range(0, len(chosen), _ROWS):
                    rows = [_row(pictures.pictures[number], number, file(number)) for number in chosen[start : start + _ROWS]]
                    writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                    done += len(rows)
                    progress(done)


def _row(picture: Picture, number: int, content: bytes) -> dict[str, Any]:
    return {"image": {"bytes": content, "path": f"{number:06}.png"}} | columns(picture)


def _schema(pictures: Sequence[Picture]) -> pa.Schema:
    """Columns of all pictures; the note under "huggingface" makes `datasets` show `image` as pictures."""
    languages = sorted({language or UNDETERMINED for picture in pictures for language in picture.captions})
    lists = {f"text_{language}": pa.list_(pa.string()) for language in languages}
    kinds = {"image": _IMAGE, "text": pa.string(), **lists, **dict.fromkeys((*_FIELDS, "facts"), pa.string())}
    text = {"dtype": "string", "_type": "Value"}
    features = {name: {"feature": text, "_type": "List"} if name in lists else text for name in kinds}
    note = {"info": {"features": features | {"image": {"_type": "Image"}}}}
    return pa.schema(list(kinds.items()), metadata={"huggingface": json.dumps(note)})


def _webdataset(pictures: PictureSet, folder: Path, file: File, progress: Progress) -> None:
    done = 0
    for split, numbers in _splits(pictures).items():
        for part, chosen in enumerate(_parts(pictures, numbers)):
            with tarfile.open(folder / f"{split}-{part:06}.tar", "w") as tar:
                for number in chosen:
                    for suffix, content in _members(pictures.pictures[number], file(number)).items():
                        entry = tarfile.TarInfo(f"{number:06}.{suffix}")
                        entry.size = len(content)
                        tar.addfile(entry, io.BytesIO(content))
                    done += 1
                    progress(done)


def _members(picture: Picture, content: bytes) -> Mapping[str, bytes]:
    known = columns(picture)
    record = json.dumps(known, ensure_ascii=False).encode()
    return {"png": content, "json": record, "txt": known["text"].encode()}


def _kohya(pictures: PictureSet, folder: Path, file: File, progress: Progress) -> None:
    """kohya reads how often to repeat, and what is shown, from the folder's name."""
    _folder(pictures, folder, f"1_{pictures.name}/", file, progress)


def _onetrainer(pictures: PictureSet, folder: Path, file: File, progress: Progress) -> None:
    _folder(pictures, folder, "", file, progress)


def _folder(pictures: PictureSet, folder: Path, below: str, file: File, progress: Progress) -> None:
    """Pictures, a `.txt` beside each with one caption per line (none: kohya would take the folder's name), and all else in
    `metadata.jsonl`."""
    (folder / below).mkdir(exist_ok=True)
    with (folder / "metadata.jsonl").open("w", encoding="utf8", newline="\n") as table:
        for number, picture in enumerate(pictures.pictures):
            name = f"{below}{number:06}"
            (folder / f"{name}.png").write_bytes(file(number))
            lines = "".join(f"{text}\n" for text in captions_of(picture))
            (folder / f"{name}.txt").write_text(lines, encoding="utf8", newline="\n")
            table.write(json.dumps({"file_name": f"{name}.png"} | columns(picture), ensure_ascii=False) + "\n")
            progress(number + 1)


FORMS: dict[str, Callable[[PictureSet, Path, File, Progress], None]] = {
    "kohya": _kohya,
    "onetrainer": _onetrainer,
    "parquet": _parquet,
    "webdataset": _webdataset,
}
"""The forms by name."""
