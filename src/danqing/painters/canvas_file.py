"""A canvas on disk: tensors as safetensors, everything else as JSON in the same file's header."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import save

from danqing.errors import PictureError
from danqing.files import write_atomically
from danqing.parts.contract import Canvas, Key, Keys


def write_canvas(path: Path, canvas: Canvas, wishes: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> Path:
    """Save a canvas with its resolved wishes and the facts of its numerics (painter's hash, torch, device, threads)."""
    plain = {
        "grid": list(canvas.grid),
        "step": canvas.step,
        "sampler": canvas.sampler,
        "keys": [list(key.path) for key in canvas.keys.keys],
        "wishes": list(wishes),
        "facts": dict(facts),
    }
    # Cloned, because two names may share one tensor, which the format refuses.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in canvas.tensors.items()}
    return write_atomically(path, save(tensors, metadata={"canvas": json.dumps(plain, ensure_ascii=False)}))


def read_canvas(path: Path) -> tuple[Canvas, list[dict[str, Any]], dict[str, Any]]:
    """The inverse of `write_canvas`.

    Raises:
        PictureError: the file is no canvas.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            # Copied to where torch lays tensors of its own: a processor may round otherwise where memory is laid otherwise.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  # no mapping, but has keys
            plain = json.loads(file.metadata()["canvas"])
        keys = Keys(tuple(Key(*parts) for parts in plain["keys"]))
        canvas = Canvas(tensors, tuple(plain["grid"]), plain["step"], keys, plain["sampler"])
        return canvas, plain["wishes"], plain["facts"]
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise PictureError(f"'{path}' is no canvas ({error}): give a file that a painting under way was saved to") from error
