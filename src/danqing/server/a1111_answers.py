"""What A1111's clients are told: pictures with what painted them, how far all is, what a picture's texts say."""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import io
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import select

from danqing import __version__
from danqing.errors import PictureError
from danqing.files import png
from danqing.painters.shelf import find
from danqing.records.a1111 import NAMES, parse
from danqing.records.exif import comment
from danqing.server.a1111 import AskedIn, CheckpointOut, ImageIn, InfoOut, PicturesOut, ProgressOut, StateOut
from danqing.server.files import texts_of
from danqing.server.studio import Studio
from danqing.store.states import progress_of
from danqing.store.tables import Job, Kept, Task
from danqing.store.users import Who


def pictures(studio: Studio, asked: AskedIn, kept: Sequence[Kept]) -> PicturesOut:
    """Paintings, with what was asked for and what painted them."""
    paths = [studio.files.path(each.sha256) for each in kept]
    parameters = asked.model_dump(mode="json")
    if isinstance(asked, ImageIn) and not asked.include_init_images:
        parameters |= {"init_images": None, "mask": None}
    images = [base64.b64encode(path.read_bytes()).decode() for path in paths] if asked.send_images else []
    return PicturesOut(images=images, parameters=parameters, info=json.dumps(_info(asked, kept, paths), ensure_ascii=False))


def _info(asked: AskedIn, kept: Sequence[Kept], paths: Sequence[Path]) -> dict[str, Any]:
    first, wish = kept[0], kept[0].wish
    checkpoint = told(first.painter)
    seeds = [each.seed for each in kept]
    more: dict[str, Any] = {}
    if isinstance(asked, ImageIn) and asked.mask is not None:
        # What a client could not leave out, and what was done in its place.
        more = {"Mask blur": 0, "Inpaint area": "Whole picture", "Masked content": "original"}
    return {
        "prompt": asked.prompt,
        "all_prompts": [asked.prompt for _ in kept],
        "negative_prompt": asked.negative_prompt,
        "all_negative_prompts": [asked.negative_prompt for _ in kept],
        "seed": first.seed,
        "all_seeds": seeds,
        "subseed": first.seed,
        "all_subseeds": seeds,
        "subseed_strength": 0,
        "width": first.width,
        "height": first.height,
        "sampler_name": NAMES.get(wish.get("sampler", ""), wish.get("sampler", "")),
        "cfg_scale": wish.get("guidance"),
        "steps": wish.get("steps", 1),
        "batch_size": asked.batch_size,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": checkpoint.model_name,
        "sd_model_hash": checkpoint.hash,
        "sd_vae_name": None,
        "sd_vae_hash": None,
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": wish.get("strength"),
        "extra_generation_params": more,
        "index_of_first_image": 0,
        "infotexts": [texts_of(path).get("parameters", "") for path in paths],
        "styles": [],
        "job_timestamp": _stamp(first.created),
        "clip_skip": 1,
        "is_using_inpainting_conditioning": False,
        "version": f"danqing {__version__}",
    }


def progress(studio: Studio, who: Who, picture: bool) -> ProgressOut:
    """How far all is that somebody ordered and that goes on.

    Args:
        studio: that paints.
        who: ordered.
        picture: whether a preview is wanted.
    """
    with studio.database.read() as session:
        under_way = Job.user_id == who.id, Job.state.in_(("queued", "running"))
        jobs = list(session.scalars(select(Job).where(*under_way).order_by(Job.id)))
        if not jobs:
            return ProgressOut()
        found = progress_of(session, [job.id for job in jobs]).values()
        task = session.scalar(
            select(Task).join(Job).where(*under_way, Task.state == "running").order_by(Task.job_id, Task.number).limit(1)
        )
    count = sum(job.count for job in jobs)
    ended = sum(each.done + each.failed + each.cancelled for each in found)
    begun = sum(each.running * each.step / each.steps for each in found if each.steps)
    share = min(1.0, (ended + begun) / count)
    started = min((job.started for job in jobs if job.started), default=time.time())
    state = StateOut(
        job=f"{ended} of {count} painted",
        job_count=count,
        job_timestamp=_stamp(started),
        job_no=ended,
        sampling_step=task.step if task else 0,
        sampling_steps=task.steps if task else 0,
    )
    return ProgressOut(
        progress=share,
        eta_relative=(time.time() - started) * (1 - share) / share if share else 0.0,
        state=state,
        current_image=_preview(studio, task.id) if picture and task else None,
        textinfo=state.job,
        current_task=task.id if task else None,
    )


def info(content: bytes) -> InfoOut:
    """What a picture's file says of itself. The bytes were checked to be a picture.

    Raises:
        PictureError: its texts cannot be read.
    """
    try:
        with Image.open(io.BytesIO(content), formats=["PNG", "WEBP", "JPEG"]) as image:
            image.load()
            items = {str(name): text for name, text in image.info.items() if isinstance(text, str)}
            told_in_exif = comment(image)
    except (OSError, ValueError, SyntaxError) as error:
        raise PictureError(f"the texts of this picture cannot be read ({str(error)[:80]}): save it as PNG") from error
    if told_in_exif is not None:
        items.setdefault("parameters", told_in_exif)
    said = items.get("parameters", "")
    return InfoOut(info=said, items=items, parameters=parse(said) if said else {})


def told(name: str) -> CheckpointOut:
    """A painter as a checkpoint.

    Raises:
        PainterError: there is none.
    """
    path = find(name) / "weights.safetensors"
    sha256 = _sha256(path, path.stat().st_mtime_ns) if path.is_file() else ""
    return CheckpointOut(title=name, model_name=name, hash=sha256[:10], sha256=sha256, filename=name)


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _preview(studio: Studio, task: str) -> str | None:
    try:
        with Image.open(studio.folder / "previews" / f"{task}.webp", formats=["WEBP"]) as image:
            image.load()
            return base64.b64encode(png(image)).decode()
    except FileNotFoundError:
        return None


def _stamp(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y%m%d%H%M%S")
