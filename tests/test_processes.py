"""Two processes train as one does, and only the first of them writes. Run as a script, this file is such a process."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from learners import build, stream
from safetensors.torch import load_file
from torch import nn

from danqing.data.picture_set import import_pictures
from danqing.data.shapes import ShapesSource
from danqing.errors import TrainingError
from danqing.painters.snapshot import Snapshot
from danqing.parts.contract import Key
from danqing.parts.loop import Loop
from danqing.parts.processes import World
from danqing.train import Done, train

BOTH = ("diffusion", "vq", "gan")
PROCESSOR = torch.device("cpu")
BACKBONE = {"kind": "unet", "widths": [16, 32], "depths": [1, 1], "attention": [False, True], "embedding": 32}
SETTINGS: dict[str, Any] = {
    "name": "shared",
    "size": 8,
    "channels": 3,
    "batch": 8,
    "pictures_seen": 32,
    "threads": 1,
    "sheets": 1,
    "precision": "float32",  # in bfloat16 a sum in another order is another sum
    "model": {"backbone": BACKBONE, "steps": 2, "warmup": 0},
}


def trained(name: str, world: World) -> Loop:
    """Five steps, of which each process takes its share."""
    loop = Loop(build(name), seed=5, world=world)
    for number, parameter in enumerate(loop.learner.parameters()):  # Adam would magnify the rounding of slopes that are 0
        parameter.data.add_(0.05 * Key("moved", number).normal(*parameter.shape))
    for _, batch in stream().batches(0, 80, 16, world.share(16)):
        loop.step(batch)
    return loop


# --- one of the processes ----------------------------------------------------------------------------------------------


def uneven(world: World) -> list[float | None]:
    """Sums of gradients where the first parameter is used by all, the next by one process each, the last by none."""
    parameters = [nn.Parameter(torch.zeros(2)) for _ in range(4)]
    for used in (0, 1 + world.rank):
        parameters[used].grad = torch.full((2,), 1.0 + world.rank)
    world.sum_gradients(parameters)
    return [None if parameter.grad is None else float(parameter.grad.mean()) for parameter in parameters]


def spoilt(world: World) -> str:
    """What a process says when one picture of the last process is no number."""
    loop, batch = Loop(build("vq"), seed=5, world=world), stream().batch(range(8)[world.share(8)])
    pictures = batch.pictures * (math.nan if world.rank else 1.0)
    try:
        loop.step(dataclasses.replace(batch, pictures=pictures))
    except TrainingError as error:
        return str(error)
    return ""


def refused(shapes: str) -> str:
    try:
        next(train(shapes, {**SETTINGS, "batch": 7}))
    except TrainingError as error:
        return str(error)
    return ""


def be_one_of_two(out: Path, shapes: str) -> None:
    written: list[str] = []
    world = World.join(PROCESSOR)

    def watch(event: str, facts: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(facts[1], str) and set(facts[1]) & set("wxa+")
        if writes or event in ("os.mkdir", "os.rename", "os.remove"):
            written.append(str(facts[0]))

    sys.addaudithook(watch)
    said = {"uneven": uneven(world), "spoilt": spoilt(world)}
    for name in BOTH:
        loop = trained(name, world)
        Snapshot(loop.tensors(), loop.facts()).write(out / f"{name}-{world.rank}")
    said["refused"] = refused(shapes)
    *_, done = train(shapes, SETTINGS)
    assert isinstance(done, Done)
    watched = (os.environ["DANQING_HOME"], shapes)
    said |= {"painter": str(done.painter), "written": [path for path in written if path.startswith(watched)]}
    (out / f"said-{world.rank}.json").write_text(json.dumps(said))


if __name__ == "__main__":
    be_one_of_two(Path(sys.argv[1]), sys.argv[2])


# --- what they did -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A set of 64 drawn shapes, not yet prepared for any size."""
    return str(import_pictures(ShapesSource(64, size=16), tmp_path_factory.mktemp("sets") / "shapes").folder)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, shapes: str) -> Path:
    """Two processes, once for all tests of this file."""
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "DANQING_HOME": str(folder / "home")}
    command = [sys.executable, __file__, str(folder), shapes]
    both = [subprocess.Popen(command, env={**os.environ, **shared, "RANK": str(rank)}) for rank in range(2)]
    assert [process.wait(timeout=240) for process in both] == [0, 0]
    return folder


def said(out: Path, what: str) -> list[Any]:
    return [json.loads((out / f"said-{rank}.json").read_text())[what] for rank in range(2)]


@pytest.mark.parametrize("name", BOTH)
def test_two_processes_train_as_one_does(name: str, out: Path) -> None:
    first, second = (load_file(next((out / f"{name}-{rank}").iterdir())) for rank in range(2))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    alone = trained(name, World()).tensors()
    assert first.keys() == alone.keys()
    apart = torch.cat([(first[key].double() - alone[key].double()).abs().flatten() for key in first])
    # Adam divides by gradients near 0: there the order of a sum shows, up to a part of one step.
    assert float((apart < 1e-5).float().mean()) > 0.99
    assert float(apart.max()) < 1e-3


def test_the_verb_leaves_the_same_painter(out: Path, shapes: str, home: Path) -> None:
    *_, done = train(shapes, SETTINGS)
    assert isinstance(done, Done)
    (shared,) = set(said(out, "painter"))
    first, second = (load_file(Path(folder) / "weights.safetensors") for folder in (shared, done.painter))
    apart = torch.cat([(first[name] - second[name]).abs().flatten() for name in first])
    # Adam divides by gradients near 0: there the order of a sum shows, up to a part of one step.
    assert float((apart < 1e-5).float().mean()) > 0.99
    assert float(apart.max()) < 1e-3


def test_only_the_first_process_writes(out: Path) -> None:
    first, second = said(out, "written")
    assert second == []
    for part in ("prepared", "settings.toml", "snapshot-", "sheets", "log", "config.json"):
        assert any(part in path for path in first), part


def test_what_one_process_uses_and_another_does_not_is_summed_over_those_that_do(out: Path) -> None:
    assert said(out, "uneven") == [[3.0, 1.0, 2.0, None]] * 2


def test_every_process_tells_the_same_cause(out: Path) -> None:
    first, second = said(out, "spoilt")
    assert first == second
    assert "player 'painter': the pictures of the batch" in first


def test_a_batch_that_cannot_be_shared_is_refused(out: Path) -> None:
    assert all("a batch of 7 cannot be shared by 2 processes" in message for message in said(out, "refused"))
