"""What OpenAI's clients are told: pictures at once or in a stream, and painters as models."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi.concurrency import run_in_threadpool

from danqing.errors import DanqingError
from danqing.files import unplaced
from danqing.painters.shelf import find
from danqing.server.openai import AskedIn, ImageOut, ImagesOut, Look, ModelOut
from danqing.server.problems import RefusalError, problem, status_of
from danqing.server.studio import Studio
from danqing.server.waiting import finished, paintings, until_end
from danqing.server.watch import Listener
from danqing.server.wire import PainterOut
from danqing.store.tables import Job, Kept

USAGE = {
    "input_tokens": 0,
    "output_tokens": 0,
    "total_tokens": 0,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
}
"""Tokens are not counted here, but the events of the official client hold a number."""


def told(found: PainterOut) -> ModelOut:
    """A painter as a model."""
    created = (find(found.name) / "config.json").stat().st_mtime
    return ModelOut(id=found.name, created=int(created), owned_by="danqing" if found.bundled else "studio")


def pictures(studio: Studio, wanted: Look, kept: Sequence[Kept], root: str | None) -> ImagesOut:
    """Paintings as OpenAI's clients take them.

    Args:
        studio: that has them.
        wanted: what their files are to be like.
        kept: one or more.
        root: of the addresses that are given in place of the files; `None` gives the files.
    """
    data = []
    for each in kept:
        content = _base64(wanted, studio, each) if root is None else None
        address = None if root is None else wanted.address(root, each.id)
        data.append(ImageOut(b64_json=content, url=address, id=each.id, seed=each.seed))
    return ImagesOut(
        created=int(kept[-1].created), background=wanted.background, output_format=wanted.form, size=_size(kept[0]), data=data
    )


async def stream(studio: Studio, asked: AskedIn, wanted: Look, job: Job, kind: str, listener: Listener) -> AsyncIterator[bytes]:
    """Server-sent events: previews, spread over the steps as far as they come, and each picture once it is painted.

    Args:
        studio: that paints.
        asked: by the client.
        wanted: what the pictures are to be like.
        job: that paints them.
        kind: what the events' names begin with.
        listener: see `until_end`.
    """
    shown: dict[str, int] = {}
    sent: set[str] = set()
    try:
        async with contextlib.aclosing(until_end(studio, job, listener)) as events:
            async for event in events:
                if event is None:
                    yield b": still here\n\n"
                elif event.kind == "step":
                    task, step, steps = (event.facts[name] for name in ("task", "step", "steps"))
                    number = shown.get(task, 0)
                    due = number < asked.partial_images and step * asked.partial_images >= steps * number
                    path = studio.folder / "previews" / f"{task}.webp"
                    content = await run_in_threadpool(wanted.preview, path) if due else None
                    if content is not None:
                        shown[task] = number + 1
                        facts = {"partial_image_index": number, "created_at": int(event.at), "size": asked.size}
                        yield _frame(f"{kind}.partial_image", wanted, _text(content), facts)
                elif event.kind == "painting":
                    async for frame in _completed(studio, wanted, job, kind, sent):
                        yield frame
        await run_in_threadpool(paintings, studio, job)
        async for frame in _completed(studio, wanted, job, kind, sent):
            yield frame
    except RefusalError as error:
        yield _failed(bytes(error.answer().body))
    except DanqingError as error:
        yield _failed(bytes(problem(status_of(type(error)), unplaced(str(error)), type(error).__name__).body))


async def _completed(studio: Studio, wanted: Look, job: Job, kind: str, sent: set[str]) -> AsyncIterator[bytes]:
    """Pictures of the job that were not sent yet."""
    for each in await run_in_threadpool(finished, studio, job):
        if each.id not in sent:
            sent.add(each.id)
            facts = {"created_at": int(each.created), "size": _size(each), "usage": USAGE, "id": each.id, "seed": each.seed}
            yield _frame(f"{kind}.completed", wanted, await run_in_threadpool(_base64, wanted, studio, each), facts)


def _frame(kind: str, wanted: Look, content: str, facts: dict[str, Any]) -> bytes:
    look = {"background": wanted.background, "output_format": wanted.form, "quality": "auto"}
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **facts, **look, 'b64_json': content})}\n\n".encode()


def _failed(body: bytes) -> bytes:
    return b"event: error\ndata: " + body + b"\n\n"


def _base64(wanted: Look, studio: Studio, kept: Kept) -> str:
    return _text(wanted.file(studio.files.path(kept.sha256)))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _size(kept: Kept) -> str:
    return f"{kept.width}x{kept.height}"
