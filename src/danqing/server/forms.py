"""Forms with files, as OpenAI's clients send them: `image`, `image[]`, and groups of values as `conditions[style]`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import UploadFile

FILES, FIELDS = 17, 64
"""Of a form, at most."""


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """A file of a form."""

    name: str
    content: bytes


async def read(request: Request, files: Sequence[str], most: int) -> tuple[dict[str, Any], dict[str, list[File]]]:
    """The fields and files of a form.

    Args:
        request: what brings it.
        files: names of fields that are files, one or several each.
        most: bytes that are read of each.

    Raises:
        RequestValidationError: a file where a value should be or the other way round, or a field twice.
    """
    facts: dict[str, Any] = {}
    found: dict[str, list[File]] = {name: [] for name in files}
    async with request.form(max_files=FILES, max_fields=FIELDS) as form:
        for name, value in form.multi_items():
            plain, inner = _parts(name)
            if isinstance(value, UploadFile):
                if plain not in found or inner.strip("0123456789"):
                    raise invalid(name, "a file was sent here: give text")
                content = await run_in_threadpool(value.file.read, most)
                found[plain].append(File(value.filename or plain, content))
            elif plain in found:
                raise invalid(name, "text was sent here: give a file")
            else:
                place, key = (facts.setdefault(plain, {}), inner) if inner else (facts, plain)
                if not isinstance(place, dict) or key in place:
                    raise invalid(name, "it was sent twice: send it once")
                place[key] = value
    return facts, found


def invalid(name: str, message: str) -> RequestValidationError:
    """What is wrong with a field."""
    return RequestValidationError([{"type": "value_error", "loc": ("body", name), "msg": message}])


def _parts(name: str) -> tuple[str, str]:
    """A name, and what stands in its brackets."""
    match = re.fullmatch(r"([^\[\]]+)\[([^\[\]]*)\]", name)
    return (match[1], match[2]) if match else (name, "")
