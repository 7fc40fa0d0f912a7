"""Snapshots of a training: one safetensors file each, written whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import save
from torch import Tensor

from danqing.errors import TrainingError
from danqing.files import write_atomically

_AVERAGE = re.compile(r"player\.[^.]+\.average-(\d+)\.(.+)")
KEEP = 2
"""Snapshots kept in a run's folder: the newest, and the one before in case a disk lies."""


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a training needs to go on: named tensors and JSON-ready facts ("seen", "turns", "settings")."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]

    def write(self, folder: Path) -> Path:
        """Write as `snapshot-<pictures seen>.safetensors`, then forget all but the newest `KEEP`."""
        whole = {name: tensor.detach().cpu().contiguous() for name, tensor in self.tensors.items()}
        content = save(whole, metadata={"facts": json.dumps(self.facts, sort_keys=True)})
        path = write_atomically(folder / f"snapshot-{self.facts['seen']:012d}.safetensors", content)
        halves = folder.glob(".snapshot-*.partial")  # left by a process that was killed while it wrote
        for old in [*sorted(folder.glob("snapshot-*.safetensors"))[:-KEEP], *halves]:
            old.unlink()
        return path


def averages(snapshot: Snapshot) -> dict[int, dict[str, Tensor]]:
    """The learner's state with averages in place of its parameters, by their half-life; see `Loop.tensors`."""
    plain = {name.removeprefix("learner."): t for name, t in snapshot.tensors.items() if name.startswith("learner.")}
    found: dict[int, dict[str, Tensor]] = {}
    for name, tensor in snapshot.tensors.items():
        if match := _AVERAGE.fullmatch(name):
            found.setdefault(int(match[1]), dict(plain))[match[2]] = tensor
    return found


def newest(folder: Path) -> Snapshot | None:
    """The newest snapshot of a run, or `None` where there is none.

    Raises:
        TrainingError: it cannot be read.
    """
    paths = sorted(folder.glob("snapshot-*.safetensors"))
    if not paths:
        return None
    try:
        with safetensors.safe_open(paths[-1], "pt") as file:
            return Snapshot({name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["facts"]))  # noqa: SIM118
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"'{paths[-1]}' cannot be read ({error}): delete it to go on from the one before") from error
