"""OpenAI's images API as Danqing speaks it: what is asked and answered, and what it means here.

Fields that OpenAI does not know (`seed`, `steps`, ...) go into the official clients' `extra_body`.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from PIL import Image
from pydantic import Field, field_validator

from danqing.errors import MissingError
from danqing.server.files import Format, flattened, opened, texts_of, written
from danqing.server.problems import RefusalError
from danqing.server.shelf import painter
from danqing.server.studio import Studio
from danqing.server.wire import Example, Foreign, Identifier, Name, PainterOut, Seed, Text, Wire, WishIn

LARGEST = 1024
"""Pixels of the longest side that this dialect speaks of."""
MOST = 10
"""Pictures of one request."""
WHITE = "#ffffff"


class AskedIn(Foreign):
    """What every request for pictures may hold. Unknown fields are errors."""

    prompt: Text
    model: Name = Field(default="emoji", description="The name of a painter.")
    n: int = Field(default=1, ge=1, le=MOST)
    size: str = Field(default="auto", description=f"'auto', which is the painter's own, or 'WxH' up to {LARGEST} a side.")
    response_format: Literal["b64_json", "url"] = "b64_json"
    background: Literal["auto", "transparent", "opaque"] = Field(
        default="auto", description="'transparent' needs a painter of four channels and PNG or WebP; 'opaque' is white."
    )
    output_format: Format = "png"
    output_compression: int | None = Field(
        default=None, ge=0, le=100, description="The quality of WebP and JPEG, by default 100, the best."
    )
    quality: str = Field(default="auto", description="'auto' or 'standard'; it is 'steps' that make paintings finer here.")
    stream: bool = False
    partial_images: int = Field(default=0, ge=0, le=3, description="Previews of each picture, at most; with 'stream' only.")
    user: Text | None = Field(default=None, description="A label of the caller's own. It is not kept.")
    safety_identifier: Text | None = Field(default=None, description="Likewise.")
    negative_prompt: Text = ""
    seed: Seed | None = Field(default=None, description="Of the first picture; the others count on from it.")
    steps: int | None = Field(default=None, ge=1, le=1000)
    guidance: float | None = Field(default=None, ge=0, le=100)
    sampler: Name | None = None
    style: Text | None = Field(default=None, description="A style that the painter knows, such as 'noto:0.7'.")
    palette: Text | None = Field(default=None, description="Such as '#c0392b:0.6,#27ae60:0.4'.")
    conditions: dict[Name, Text] = Field(default_factory=dict, max_length=16, description="Others that the painter heeds.")
    strength: float | None = Field(default=None, gt=0, le=1, description="How little of the start picture is kept.")
    keep_colours: bool = False
    read_as: Text | None = Field(default=None, description="Read in place of the prompt, such as the prompt as it is written.")
    flat: bool | None = Field(default=None, description="Flat colours where the style has such.")

    @field_validator("size")
    @classmethod
    def _size(cls, size: str) -> str:
        if size != "auto":
            sides = [int(side) for side in size.split("x")] if re.fullmatch(r"\d{1,5}x\d{1,5}", size) else [0]
            if not all(1 <= side <= LARGEST for side in sides):
                raise ValueError(f"{size[:20]!r} was given: give 'auto', or 'WIDTHxHEIGHT' with sides of at most {LARGEST}")
        return size

    @field_validator("quality")
    @classmethod
    def _quality(cls, quality: str) -> str:
        if quality not in ("auto", "standard"):
            raise ValueError(f"{quality[:20]!r} was given: give 'auto' or 'standard', and 'steps' for finer paintings")
        return quality

    @property
    def sides(self) -> tuple[int, int] | None:
        """Width and height, where they were asked for."""
        if self.size == "auto":
            return None
        width, height = map(int, self.size.split("x"))
        return width, height


class GenerationIn(AskedIn):
    """A request for pictures from words. Pictures to start from are named by their identifiers."""

    moderation: Literal["auto"] = "auto"
    init: Identifier | None = Field(default=None, description="A picture to start from, or a painting.")
    mask: Identifier | None = Field(default=None, description="White where to paint, black where to keep the start picture.")
    pictures: dict[Name, Annotated[list[Example], Field(max_length=8)]] = Field(
        default_factory=dict, max_length=16, description="Conditions that are asked for by pictures."
    )


class EditIn(AskedIn):
    """A request for pictures from a picture, beside the files of a form."""


class ImageOut(Wire):
    """A picture as base64 or the address of its file, and what painting it again needs: `seed`; `id` is its name here."""

    b64_json: str | None = None
    url: str | None = None
    id: str
    seed: int


class ImagesOut(Wire):
    """Pictures. OpenAI's `quality` knows no word for ours, and tokens are not counted here, so both are left out."""

    created: int
    background: Literal["transparent", "opaque"]
    output_format: Format
    size: str
    data: list[ImageOut]


class ModelOut(Wire):
    """A painter as a model."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelsOut(Wire):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[ModelOut]


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """What files of the pictures asked for are like.

    Args:
        form: as which.
        quality: 1 to 100, of WebP and JPEG.
        opaque: laid on white.
        background: what the caller is told of that.
    """

    form: Format
    quality: int
    opaque: bool
    background: Literal["transparent", "opaque"]

    def file(self, path: Path) -> bytes:
        """A painting of the store so."""
        if self.form == "png" and not self.opaque:
            return path.read_bytes()
        return self._written(opened(path), texts_of(path))

    def preview(self, path: Path) -> bytes | None:
        """A preview so; `None` where it is gone, because the painting is done."""
        try:
            with Image.open(path, formats=["WEBP"]) as image:
                image.load()
                return self._written(image.copy(), {})
        except FileNotFoundError:
            return None

    def address(self, root: str, painting: str) -> str:
        """Where a painting can be had so."""
        query = f"format={self.form}&quality={self.quality}" if self.form != "png" else "format=png"
        return f"{root}/api/paintings/{painting}/file?{query}{'&opaque=true' if self.opaque else ''}"

    def _written(self, image: Image.Image, texts: dict[str, str]) -> bytes:
        return written(flattened(image, WHITE) if self.opaque else image, self.form, texts, self.quality, WHITE)


def model(studio: Studio, name: str) -> PainterOut:
    """A painter.

    Raises:
        RefusalError: there is none, as OpenAI's clients know it.
    """
    try:
        return painter(studio, name)
    except MissingError as error:
        raise RefusalError(404, str(error), "model_not_found", "model") from error


def look(asked: AskedIn, found: PainterOut) -> Look:
    """What the files are to be like.

    Raises:
        RefusalError: they cannot be like that.
    """
    if asked.background == "transparent":
        if asked.output_format == "jpeg":
            raise wrong("background", "JPEG has no transparency: ask for the output_format png or webp")
        if found.channels != 4:
            raise wrong("background", f"{found.name} paints no transparency: ask for the background 'auto' or 'opaque'")
    if asked.output_compression is not None and asked.output_format == "png":
        raise wrong("output_compression", "PNG loses nothing, so it has no quality: ask for the output_format webp or jpeg")
    if asked.partial_images and not asked.stream:
        raise wrong("partial_images", f"{asked.partial_images} previews were asked for without a stream: give stream=true")
    if asked.stream and asked.response_format == "url":
        raise wrong("response_format", "a stream carries the pictures themselves: leave 'url' out, or the stream")
    opaque = found.channels == 4 and asked.background == "opaque"
    transparent = found.channels == 4 and not opaque and asked.output_format != "jpeg"
    # Pillow takes a JPEG quality of 0 for none given.
    quality = 100 if asked.output_compression is None else max(1, asked.output_compression)
    return Look(asked.output_format, quality, opaque, "transparent" if transparent else "opaque")


def wish(asked: AskedIn, **starts: Any) -> WishIn:
    """What is ordered.

    Args:
        asked: by the client.
        starts: fields of `WishIn` that name pictures.

    Raises:
        RefusalError: a condition was given twice.
    """
    conditions = dict(asked.conditions)
    for name, text in (("style", asked.style), ("palette", asked.palette)):
        if text is not None:
            if name in conditions:
                raise wrong(name, f"'{name}' was given twice, beside 'conditions' and in it: give it once")
            conditions[name] = text
    return WishIn(
        painter=asked.model,
        words=asked.prompt,
        negative=asked.negative_prompt,
        conditions=conditions,
        size=asked.sides,
        seed=asked.seed,
        count=asked.n,
        steps=asked.steps,
        sampler=asked.sampler,
        guidance=asked.guidance,
        strength=asked.strength,
        keep_colours=asked.keep_colours,
        read_as=asked.read_as,
        flat=asked.flat,
        **starts,
    )


def wrong(param: str, message: str) -> RefusalError:
    """What is wrong with a field."""
    return RefusalError(400, message, "invalid_value", param)
