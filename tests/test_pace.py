"""Trainings that are told a time: measured once, stage by stage, and kept when they go on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from danqing.cli import app
from danqing.data.picture_set import PictureSet, import_pictures
from danqing.data.shapes import ShapesSource
from danqing.errors import ConfigError, TrainingError
from danqing.painters import pace
from danqing.painters.pace import affordable
from danqing.painters.registry import FROM_NOTHING
from danqing.painters.run import make_ready
from danqing.painters.settings import resolve
from danqing.parts.loop import Loop
from danqing.train import Begun, Done, train

CODER = {"kind": "convolutional", "widths": [16], "depths": [1], "attention": [False], "embedding": 16}
STAGED: dict[str, Any] = {"codec": {"coder": CODER, "codes": 16}, "network": {"width": 32, "depth": 1, "head": 16}}
TINY: dict[str, Any] = {"size": 8, "channels": 3, "batch": 8, "threads": 1, "sheets": 0}


@pytest.fixture
def shapes(home: Path) -> str:
    return str(import_pictures(ShapesSource(64, size=16), home / "sets" / "shapes").folder)


def test_a_time_is_shared_by_stages_as_they_cost(shapes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that only steps move: a codec's costs 1, a transformer's 5; the first of ten parts is the codec's."""
    now = 0.0
    step = Loop.step

    def slow(loop: Loop, batch: Any) -> dict[str, float]:
        nonlocal now
        now += 1.0 if loop.seen < 100 else 5.0
        return step(loop, batch)

    monkeypatch.setattr(Loop, "step", slow)
    monkeypatch.setattr(pace, "_clock", lambda device: now)
    pictures = PictureSet.open(shapes)
    told = {**TINY, "family": "autoregressive", "pictures_seen": 1000, "model": {**STAGED, "first": 0.1}}
    run = make_ready(pictures, resolve(pictures, told)[0])
    before = {name: tensor.clone() for name, tensor in run.family.state_dict().items()}
    each = (0.1 * 1 + 0.9 * 5) / 8
    assert affordable(run, 4600.0, torch.device("cpu")) == pytest.approx(4600 / each, abs=8)
    assert affordable(run, 1e-9, torch.device("cpu")) == 8
    assert all(torch.equal(tensor, before[name]) for name, tensor in run.family.state_dict().items())


def test_a_training_takes_about_its_time_and_goes_on_as_far(shapes: str) -> None:
    told = {**TINY, "name": "timed", "family": "vae", "seconds": 2.0, "model": {"coder": CODER, "latent": 4}}
    events = train(shapes, told)
    first = next(events)
    assert isinstance(first, Begun)
    began = time.process_time()
    last = list(events)[-1]
    assert isinstance(last, Done)
    assert 0.3 < time.process_time() - began < 12  # of a busy machine nothing more is certain
    again = list(train(shapes, told | {"seconds": 50.0}))
    assert isinstance(again[0], Begun)
    assert again[0].settings.pictures_seen == first.settings.pictures_seen
    with pytest.raises(ConfigError, match="give one of them"):
        list(train(shapes, told | {"pictures_seen": 16}))


def test_stages_turn_where_they_did(shapes: str) -> None:
    told = {**TINY, "name": "staged", "family": "autoregressive", "pictures_seen": 16, "model": STAGED}
    list(train(shapes, told))
    with pytest.raises(TrainingError, match="was begun for 16 pictures"):
        list(train(shapes, told | {"pictures_seen": 32}))


def test_families_other_than_diffusion_are_proposed_a_time(shapes: str) -> None:
    pictures = PictureSet.open(shapes)
    assert resolve(pictures, {})[0].seconds is None
    settings, reasons = resolve(pictures, {"family": "gan"})
    assert settings.seconds == 300 * settings.threads
    assert settings.batch == 16
    assert any("by measurement" in reason for reason in reasons)
    assert resolve(pictures, {"family": "gan", "pictures_seen": 100})[0].seconds is None


def test_one_of_each_family_is_trained(shapes: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = []

    def noted(data: str, given: dict[str, Any]) -> Any:
        trained.append((given["family"], given.get("name"), given["seconds"]))
        yield Begun(resolve(PictureSet.open(data), given)[0], (), 1, 0)
        yield Done(home / given["family"], 1)

    monkeypatch.setattr("danqing.train.train", noted)
    found = CliRunner().invoke(app, ["train", "--data", shapes, "--family", "all", "--seconds", "60", "--name", "mine"])
    assert found.exit_code == 0, found.output
    assert trained == [(name, f"mine-{name}", 60.0) for name in FROM_NOTHING]
    assert set(FROM_NOTHING) == {"autoregressive", "diffusion", "flow", "gan", "latent", "vae"}
