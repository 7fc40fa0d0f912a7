"""The replay record: all that painting a picture again needs, kept in its file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import Field

from danqing.config import Config
from danqing.errors import ConfigError, PictureError
from danqing.records.a1111 import compose
from danqing.words import Painting

CHUNK = "danqing"
FORMAT = 1


class Record(Config):
    """What was asked, of whom, and under which numerics.

    Args:
        format: of this record.
        danqing, torch: versions.
        painter: its name; `weights` is the sha256 of its weights file.
        wish: the resolved wish: every default filled in.
        inputs: sha256 of the start picture's and the mask's file, by name.
        device, threads, batch: the numerics; bit-identity needs the same.
        pixels: sha256 of the painted pixels, row by row.
        upscaler: the sha256 of the weights of who enlarged it; empty where nobody did.
        chosen: where it is the best of several: how well each suits its words, the seed of the first, and who judged.
        mixed: where it lies between several wishes or pictures: these, and how.
        settings: the painter's own settings that painting heeds, as they were; a painter can be tuned anew.
    """

    format: int = FORMAT
    danqing: str
    torch: str
    painter: str
    weights: str
    wish: dict[str, Any]
    inputs: dict[str, str]
    device: str
    threads: int
    batch: int
    pixels: str
    settings: dict[str, Any] = Field(default_factory=dict)
    upscaler: str = ""
    chosen: dict[str, Any] = Field(default_factory=dict)
    mixed: dict[str, Any] = Field(default_factory=dict)


def texts(record: Record) -> dict[str, str]:
    """The text chunks of a painting's file."""
    words = compose(record.wish, record.painter, record.weights, record.danqing)
    return {"parameters": words, CHUNK: json.dumps(record.plain(), ensure_ascii=False, sort_keys=True), "Software": "Danqing"}


def noted(painting: Painting, **facts: Any) -> Painting:
    """The same painting, its record with more in it."""
    record = Record.read({**painting.record, **facts})
    return dataclasses.replace(painting, record=record.plain(), texts=texts(record))


def pixels_sha256(image: Image.Image) -> str:
    """The hash that `Record.pixels` holds: of mode, size and bytes."""
    return hashlib.sha256(f"{image.mode} {image.size}".encode() + image.tobytes()).hexdigest()


def read(path: Path) -> tuple[Image.Image, Record]:
    """A painting's picture and record.

    Raises:
        PictureError: the file is no picture, or carries no record that can be read.
    """
    try:
        with Image.open(path) as image:
            image.load()
            found: Mapping[Any, Any] = getattr(image, "text", {}) or image.info
            if CHUNK not in found:
                raise PictureError(f"'{path}' carries no replay record: give a picture that Danqing painted")
            return image.copy(), Record.read(json.loads(found[CHUNK]), f"the record in '{path}'")
    except (OSError, ValueError, SyntaxError, ConfigError) as error:
        raise PictureError(f"'{path}' cannot be replayed ({error}): give a PNG that Danqing painted") from error
