"""OpenAI's images API: paintings for every client that speaks it. `server/openai.py` says what its fields mean here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import ValidationError

from danqing.server import forms
from danqing.server.access import Maker, Viewer
from danqing.server.forms import File
from danqing.server.openai import AskedIn, EditIn, GenerationIn, ImagesOut, Look, ModelOut, ModelsOut, look, model, wish, wrong
from danqing.server.openai_answers import pictures, stream, told
from danqing.server.orders import accept
from danqing.server.routes.pictures import LIMITS, add, keep, pixels_of
from danqing.server.shelf import painters
from danqing.server.studio import Open, Studio
from danqing.server.waiting import done
from danqing.server.watch import EventStream
from danqing.server.wire import Example, PainterOut, WishIn
from danqing.store.tables import Job
from danqing.store.users import Who

router = APIRouter(prefix="/v1", tags=["openai"])

Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]
STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}
"""The other thing that answers are."""
_BINARY = {"type": "string", "format": "binary"}
_FILES = {
    "image": {**_BINARY, "description": "To start from; send 'image[]' for several, which are then styles to paint in."},
    "image[]": {"type": "array", "items": _BINARY},
    "mask": {**_BINARY, "description": "Of the image's size: what is fully transparent in it is painted anew."},
}


def _form() -> dict[str, Any]:
    """What the document of the API says of a form with files, which FastAPI cannot read from a signature."""
    schema = EditIn.model_json_schema()
    schema["properties"] = {**_FILES, **schema["properties"]}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@router.get("/models")
def models(studio: Open, who: Viewer) -> ModelsOut:
    """Every painter, as a model."""
    return ModelsOut(data=[told(found) for found in painters(studio)])


@router.get("/models/{name}")
def one_model(name: str, studio: Open, who: Viewer) -> ModelOut:
    """One painter, as a model."""
    return told(model(studio, name))


@router.post("/images/generations", response_model=ImagesOut, response_model_exclude_none=True, responses=STREAM)
async def generate(
    asked: GenerationIn, request: Request, studio: Open, who: Maker, key: Key = None
) -> ImagesOut | StreamingResponse:
    """Paint pictures from words, and answer once they are painted. Sent again with its `Idempotency-Key`, nothing is painted
    again. A stream tells `image_generation.partial_image` and `image_generation.completed`."""

    def order() -> tuple[Look, Job]:
        wanted = look(asked, model(studio, asked.model))
        return wanted, accept(studio, who, wish(asked, init=asked.init, mask=asked.mask, pictures=asked.pictures), key)

    return await _answer(studio, request, who, asked, order, "image_generation")


@router.post(
    "/images/edits", response_model=ImagesOut, response_model_exclude_none=True, responses=STREAM, openapi_extra=_form()
)
async def edit(request: Request, studio: Open, who: Maker, key: Key = None) -> ImagesOut | StreamingResponse:
    """Paint pictures from a picture: all of it anew, as far as `strength` says, or where the mask is transparent. With a
    painter of styles, the pictures after the first are what it takes the style from."""
    # One byte more than there may be, so that the check of pictures sees that it is too much.
    facts, files = await forms.read(request, ("image", "mask"), LIMITS.max_bytes + 1)
    try:
        asked = EditIn.model_validate(facts)
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from error

    def order() -> tuple[Look, Job]:
        found = model(studio, asked.model)
        wanted = look(asked, found)
        return wanted, accept(studio, who, _edited(studio, who, asked, found, files["image"], files["mask"]), key)

    return await _answer(studio, request, who, asked, order, "image_edit")


def _edited(studio: Studio, who: Who, asked: EditIn, found: PainterOut, images: list[File], masks: list[File]) -> WishIn:
    """The order that a form becomes; its pictures are kept.

    Raises:
        RefusalError, PictureError: these pictures will not do.
    """
    by_pictures = next((condition.name for condition in found.conditions if condition.pictures), None)
    if not images:
        raise forms.invalid("image", "a picture to start from is missing: send it as a file")
    if len(images) > 1 and by_pictures is None:
        raise wrong("image", f"{len(images)} pictures were sent, and {found.name} starts from one: send one")
    if len(masks) > 1:
        raise wrong("mask", f"{len(masks)} masks were sent: send one")
    start, *others = [keep(studio, who, file.content, file.name, ordered=True) for file in images]
    starts: dict[str, Any] = {"init": start.id}
    if others:
        starts["pictures"] = {by_pictures: [Example(picture=other.id) for other in others]}
    if masks:
        pixels = pixels_of(studio, who, masks[0].content, masks[0].name)
        height, width = pixels.shape[:2]
        if (width, height) != (start.width, start.height):
            raise wrong(
                "mask", f"the mask has {width}×{height} pixels and the picture {start.width}×{start.height}: make them equal"
            )
        # A picture that is opaque throughout comes without its alpha.
        where = pixels[..., 3:] == 0 if pixels.shape[2] == 4 else np.zeros((height, width, 1), bool)
        if not where.any():
            raise wrong("mask", "nothing of the mask is fully transparent, so nothing would be painted: erase where to paint")
        starts["mask"] = add(studio, who, np.where(where, 255, 0).astype(np.uint8), "mask", ordered=True).id
    return wish(asked, **starts)


async def _answer(
    studio: Studio, request: Request, who: Who, asked: AskedIn, order: Callable[[], tuple[Look, Job]], kind: str
) -> ImagesOut | StreamingResponse:
    """Listen, order and wait, in this sequence: a client that is refused asks again, and a job would be painted twice."""
    with contextlib.ExitStack() as listening:
        listener = listening.enter_context(studio.watch.listen(who.id))
        wanted, job = await run_in_threadpool(order)
        if asked.stream:
            return EventStream(stream(studio, asked, wanted, job, kind, listener), listening.pop_all())
        kept = await done(studio, job, request, listener)
    # Behind a proxy that speaks https, the request itself came by http.
    root = f"{'https' if studio.settings.https else request.url.scheme}://{request.headers['host']}"
    return await run_in_threadpool(pictures, studio, wanted, kept, root if asked.response_format == "url" else None)
