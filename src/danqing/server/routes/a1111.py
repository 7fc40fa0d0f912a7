"""A1111's API: paintings for every client that speaks it. `server/a1111.py` says what its fields mean here."""

from __future__ import annotations

import base64
import binascii
import contextlib
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from PIL import Image
from sqlalchemy import select

from danqing.data.checks import Pixels
from danqing.data.resample import fitted
from danqing.errors import ConflictError
from danqing.painters.start_pictures import from_image, to_image
from danqing.records.a1111 import NAMES
from danqing.server import a1111_answers as answers
from danqing.server.a1111 import (
    AskedIn,
    CheckpointOut,
    ImageIn,
    InfoIn,
    InfoOut,
    OptionsIn,
    OptionsOut,
    PicturesOut,
    ProgressOut,
    SamplerOut,
    TextIn,
    wish,
)
from danqing.server.a1111_options import choose, chosen
from danqing.server.access import Maker, Viewer
from danqing.server.orders import accept
from danqing.server.problems import RefusalError
from danqing.server.routes.pictures import add, pixels_of
from danqing.server.shelf import painter, painters
from danqing.server.studio import Open, Studio
from danqing.server.waiting import done
from danqing.store.tables import Job
from danqing.store.users import Who

router = APIRouter(prefix="/sdapi/v1", tags=["a1111"])

STRETCHED, CROPPED = 0, 1
"""Of `resize_mode`."""


@router.post("/txt2img")
async def txt2img(asked: TextIn, request: Request, studio: Open, who: Maker) -> PicturesOut:
    """Paint pictures from words, and answer once they are painted."""
    return await _painted(asked, request, studio, who)


@router.post("/img2img")
async def img2img(asked: ImageIn, request: Request, studio: Open, who: Maker) -> PicturesOut:
    """Paint pictures from a picture, all of it anew or where the mask says so, and answer once they are painted."""
    return await _painted(asked, request, studio, who)


@router.get("/progress")
def progress(studio: Open, who: Viewer, skip_current_image: bool = False) -> ProgressOut:
    """How far all is that you ordered, here or elsewhere."""
    return answers.progress(studio, who, not skip_current_image)


@router.post("/interrupt")
def interrupt(studio: Open, who: Maker) -> dict[str, str]:
    """Cancel what is being painted for you; what waits stays. Its requests are answered with an error."""
    with studio.database.read() as session:
        jobs = list(session.scalars(select(Job.id).where(Job.user_id == who.id, Job.state == "running")))
    for job in jobs:
        with contextlib.suppress(ConflictError):  # ended just now
            studio.queue.cancel(job)
    return {}


@router.post("/png-info")
def png_info(asked: InfoIn, studio: Open, who: Viewer) -> InfoOut:
    """What a picture's file says of itself."""
    content = _bytes(asked.image, "image")
    pixels_of(studio, who, content, "image")
    with studio.heavy.turn(who.id):
        return answers.info(content)


@router.get("/options")
def options(studio: Open, who: Viewer) -> OptionsOut:
    """What is set: the painter is `sd_model_checkpoint`."""
    return OptionsOut(sd_model_checkpoint=chosen(studio, who))


@router.post("/options")
def set_options(wanted: OptionsIn, studio: Open, who: Maker) -> dict[str, str]:
    """Choose a painter, for you."""
    if wanted.sd_model_checkpoint is not None:
        choose(studio, who, wanted.sd_model_checkpoint)
    return {}


@router.get("/sd-models")
def checkpoints(studio: Open, who: Viewer) -> list[CheckpointOut]:
    """Every painter, as a checkpoint."""
    return [answers.told(found.name) for found in painters(studio)]


@router.post("/refresh-checkpoints")
def refresh(studio: Open, who: Viewer) -> dict[str, str]:
    """Nothing to do: painters are looked for whenever they are asked for."""
    return {}


@router.get("/samplers")
def samplers(studio: Open, who: Viewer) -> list[SamplerOut]:
    """Samplers by the names that A1111 gave them."""
    return [SamplerOut(name=theirs, aliases=[own], options={}) for own, theirs in NAMES.items()]


@router.get("/schedulers")
def schedulers(studio: Open, who: Viewer) -> list[dict[str, str]]:
    """One: painters have a schedule each."""
    return [{"name": "automatic", "label": "Automatic"}]


@router.get("/scripts")
def scripts(studio: Open, who: Viewer) -> dict[str, list[str]]:
    """None. Clients ask for them before anything else."""
    return {"txt2img": [], "img2img": []}


@router.get("/embeddings")
def embeddings(studio: Open, who: Viewer) -> dict[str, dict[str, str]]:
    """None."""
    return {"loaded": {}, "skipped": {}}


@router.get("/face-restorers")
@router.get("/hypernetworks")
@router.get("/latent-upscale-modes")
@router.get("/loras")
@router.get("/prompt-styles")
@router.get("/realesrgan-models")
@router.get("/sd-vae")
@router.get("/upscalers")
def nothing(studio: Open, who: Viewer) -> list[str]:
    """There are none here; clients fill their menus from such lists."""
    return []


async def _painted(asked: AskedIn, request: Request, studio: Studio, who: Who) -> PicturesOut:
    def order() -> Job:
        found = painter(studio, asked.painter or chosen(studio, who))
        starts = _starts(studio, who, asked) if isinstance(asked, ImageIn) else {}
        return accept(studio, who, wish(asked, found, **starts))

    # Listened to first: a client that is refused asks again, and a job would be painted twice.
    with studio.watch.listen(who.id) as listener:
        kept = await done(studio, await run_in_threadpool(order), request, listener)
    return await run_in_threadpool(answers.pictures, studio, asked, kept)


def _starts(studio: Studio, who: Who, asked: ImageIn) -> dict[str, Any]:
    """The picture to start from and the mask, kept; stretched or cropped where they have another shape.

    Raises:
        RefusalError, PictureError: these will not do.
    """
    pixels = pixels_of(studio, who, _bytes(asked.init_images[0], "init_images"), "init_images")
    starts: dict[str, Any] = {"init": add(studio, who, _shaped(pixels, asked), "picture", ordered=True).id}
    starts["strength"] = asked.denoising_strength
    if asked.mask is not None:
        mask = pixels_of(studio, who, _bytes(asked.mask, "mask"), "mask")
        if mask.shape[0] * pixels.shape[1] != mask.shape[1] * pixels.shape[0]:
            raise RefusalError(400, "the mask has another shape than the picture: make them equal", "invalid_value", "mask")
        where = mask[..., 3:] if mask.shape[2] == 4 else fitted(mask, mask.shape[:2], 1)
        where = _shaped(255 - where if asked.inpainting_mask_invert else where, asked)
        starts["mask"] = add(studio, who, where, "mask", ordered=True).id
    return starts


def _shaped(pixels: Pixels, asked: ImageIn) -> Pixels:
    height, width, channels = pixels.shape
    if width * asked.height == height * asked.width:
        return pixels
    if asked.resize_mode == CROPPED:
        return fitted(pixels, (asked.height, asked.width), channels, fit="crop")
    if asked.resize_mode != STRETCHED:
        message = f"a picture of {width}×{height} cannot be filled up to {asked.width}×{asked.height}: give resize_mode 0 or 1"
        raise RefusalError(400, message, "invalid_value", "resize_mode")
    return from_image(to_image(pixels).resize((asked.width, asked.height), Image.Resampling.LANCZOS))


def _bytes(text: str, param: str) -> bytes:
    """What stands in base64, with or without the beginning of a data URL."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        message = "this is no base64: give a picture's bytes in base64, with or without 'data:image/png;base64,' before them"
        raise RefusalError(400, message, "invalid_value", param) from error
