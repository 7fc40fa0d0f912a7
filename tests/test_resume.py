"""A training that was stopped goes on as if nothing had been: killed at any instant, or asked to go on with other settings."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from bars import Bars
from safetensors.torch import load_file, save_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from danqing.config import merge, parse_overrides
from danqing.data.picture_set import import_pictures
from danqing.data.shapes import ShapesSource
from danqing.errors import ConfigError, TrainingError
from danqing.families.diffusion import Diffusion
from danqing.painters.registry import entry
from danqing.painters.settings import Settings, fingerprint
from danqing.painters.snapshot import KEEP
from danqing.train import Begun, Done, train

BACKBONE = {"kind": "unet", "widths": [16, 32], "depths": [1, 1], "attention": [False, True], "embedding": 32}
SMALL: Mapping[str, Any] = {
    "name": "small",
    "size": 8,
    "channels": 3,
    "batch": 8,
    "pictures_seen": 16,
    "threads": 1,
    "sheets": 0,
    "model": {"backbone": BACKBONE, "steps": 2, "warmup": 0},
}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A set of 64 drawn shapes."""
    return str(import_pictures(ShapesSource(64, size=16), tmp_path_factory.mktemp("sets") / "shapes").folder)


def weights(home: Path, name: str) -> bytes:
    """Of the painter that a run left."""
    return (home / "painters" / name / "weights.safetensors").read_bytes()


def snapshots(home: Path, name: str = "small") -> list[Path]:
    return sorted((home / "runs" / name).glob("snapshot-*"))


def go(shapes: str, **changes: Any) -> tuple[Begun, Done]:
    """Train to the end; what came first and last."""
    events = list(train(shapes, merge(SMALL, changes)))
    first, last = events[0], events[-1]
    assert isinstance(first, Begun)
    assert isinstance(last, Done)
    return first, last


# --- kill -9 -----------------------------------------------------------------------------------------------------------

DRIVER = """
import json, sys
from danqing.parts.loop import Loop
from danqing.train import train
Loop.run.__defaults__ = (0.0,)  # a word after every step, and so a snapshot, that a kill may fall anywhere
for event in train(sys.argv[1], json.loads(sys.argv[2])):
    print(json.dumps([type(event).__name__, getattr(event, "seen", None)]), flush=True)
"""
LONG: Mapping[str, Any] = {**SMALL, "pictures_seen": 320, "save_minutes": 0, "sheets": 2}


def live(
    shapes: str, name: str, words: int = 10**6, moment: float = 0.0, told: Mapping[str, Any] = LONG
) -> list[tuple[str, int]]:
    """Train in a process of its own until it ends, or kill it a moment after so many words of progress; what it said."""
    command = [sys.executable, "-c", DRIVER, shapes, json.dumps({**told, "name": name})]
    said: list[tuple[str, int]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(tuple(json.loads(line)))
            if sum(kind == "Progress" for kind, _ in said) == words:
                time.sleep(moment)
                process.kill()
                break
    return said


def curves(home: Path, name: str) -> dict[str, dict[int, float]]:
    """What TensorBoard shows of a run, except how fast it was."""
    shown = EventAccumulator(str(home / "runs" / name / "log")).Reload()
    tags = set(shown.Tags()["scalars"]) - {"pictures per second", "TFLOP per second", "share of time without pictures"}
    return {tag: {event.step: event.value for event in shown.Scalars(tag)} for tag in tags}


def test_killed_at_five_random_instants_it_ends_byte_identical(shapes: str, home: Path) -> None:
    chance = random.Random(0)
    assert live(shapes, "whole")[-1] == ("Done", 320)
    reached = 0
    for _ in range(5):
        said = live(shapes, "killed", words=chance.randint(2, 6), moment=chance.uniform(0, 0.05))
        assert said[0] == ("Begun", said[0][1])
        assert said[0][1] >= reached - 8  # at most the step is lost whose snapshot was not written yet
        assert said[-1][0] == "Progress"
        reached = said[-1][1]
    last = live(shapes, "killed")
    assert 0 < reached - 8 <= last[0][1] < 320
    assert last[-1] == ("Done", 320)

    assert weights(home, "killed") == weights(home, "whole")
    ends = [load_file(snapshots(home, name)[-1]) for name in ("whole", "killed")]
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
    sheets = [
        {path.name: path.read_bytes() for path in (home / "runs" / name / "sheets").iterdir()} for name in ("whole", "killed")
    ]
    assert sheets[0].keys() == {"000000160.png", "000000320.png"}
    assert sheets[0] == sheets[1]
    assert curves(home, "killed") == curves(home, "whole")
    assert {"painter/velocity", "painter/gradient", "sheet/pixels", "sheet/colours"} == curves(home, "whole").keys()
    assert list(curves(home, "whole")["painter/velocity"]) == list(range(8, 328, 8))
    assert not list((home / "runs" / "killed").glob(".*"))


CODER = {"kind": "convolutional", "widths": [16], "depths": [1], "attention": [False], "embedding": 16}
TRANSLATION = {"backbone": {"widths": [16], "depths": [1], "attention": [False], "embedding": 16}}
FAMILIES: Mapping[str, dict[str, Any]] = {
    "autoregressive": {"codec": {"coder": CODER, "codes": 16}, "network": {"width": 32, "depth": 1, "head": 16}},
    "latent": {
        "codec": {"map": True, "latent": 4, "coder": CODER},
        "painter": {"backbone": {"kind": "unet", "patch": 1, "widths": [16], "depths": [1], "attention": [False]}},
    },
    "flow": {"blocks": 2, "network": {"width": 32, "depth": 1, "head": 16}},
    "gan": {"widths": [16, 16], "latent": 8, "style": 16},
    "upscaler": {"width": 8, "blocks": 1, "factor": 2},
    "vae": {"coder": CODER, "latent": 4},
    "vq": {"coder": CODER, "codes": 16, "adversarial": 0.1},
    "pix2pix": {**TRANSLATION, "view": 16},
    "cyclegan": {**TRANSLATION, "view": 16, "pool": 4},
    "cut": {**TRANSLATION, "view": 16, "width": 8, "patches": 4},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_ends_byte_identical_after_a_kill(family: str, shapes: str, home: Path, tmp_path: Path) -> None:
    """Killed in the fifth of eight steps; where the family has stages, that is after the first stage."""
    if entry(family).family.translates:
        shapes = str(import_pictures(Bars(20), tmp_path / "bars").folder)
    told = {**LONG, "family": family, "model": FAMILIES[family], "pictures_seen": 64, "sheets": 0}
    assert live(shapes, "whole", told=told)[-1] == ("Done", 64)
    assert live(shapes, "killed", words=5, told=told)[-1][0] == "Progress"
    again = live(shapes, "killed", told=told)
    assert 0 < again[0][1] < 64
    assert again[-1] == ("Done", 64)
    assert weights(home, "killed") == weights(home, "whole")


# --- going on ----------------------------------------------------------------------------------------------------------

BOUND: Mapping[str, Any] = {
    "size": [8, 16],
    "channels": 4,
    "seed": 1,
    "conditions": ["palette"],
    "held_out": False,
    "flip": 0.5,
    "shift": 1,
    "fit": "crop",
    "background": "#000000",
    "denoise": 3.0,
    "segment": "alpha",
    "stored": "int8",
    "model": {"lr": 1e-4},
}
"""Settings that may not change on the way, each with another value."""
FREE: Mapping[str, Any] = {
    "pictures_seen": 32,
    "micro_batch": 4,
    "threads": 2,
    "save_minutes": 9.0,
    "sheets": 1,
    "precision": "float32",
}
"""Settings that may."""


def test_the_same_call_goes_on_and_free_settings_may_change(shapes: str, home: Path) -> None:
    assert [event.seen for event in go(shapes)] == [0, 16]
    before = weights(home, "small")
    assert [event.seen for event in go(shapes)] == [16, 16]
    assert weights(home, "small") == before
    first, last = go(shapes, **FREE)
    assert (first.seen, last.seen) == (16, 32)
    assert {key: getattr(first.settings, key) for key in FREE} == FREE
    assert weights(home, "small") != before


def test_a_run_is_trained_by_one_process_at_a_time(shapes: str, home: Path) -> None:
    events = train(shapes, SMALL)
    assert isinstance(next(events), Begun)
    with pytest.raises(TrainingError, match=r"the run 'small' is being trained already.*--name"):
        go(shapes)
    assert go(shapes, name="beside")[1].seen == 16
    assert go(shapes, name=str(home / "elsewhere" / "own"))[1].seen == 16, "a run may be named by its place"
    del events
    assert go(shapes)[1].seen == 16, "who stops gives it back"


def test_another_bound_setting_is_refused_by_name(shapes: str, home: Path) -> None:
    go(shapes)
    for key, value in BOUND.items():
        with pytest.raises(TrainingError, match=f"'small' was begun with another '{key}' .* or --name for a new run"):
            next(train(shapes, merge(SMALL, {key: value})))
    assert go(shapes)[0].seen == 16  # and nothing was harmed by asking


def test_settings_given_as_key_value_pairs_arrive(shapes: str, home: Path) -> None:
    first, _ = go(shapes, **parse_overrides(["batch=4", "model.lr=0.01", "name=other"]))
    assert first.settings.batch == 4
    assert first.settings.model == {"preset": "small", "spins": Diffusion.suggested["spins"][0], **SMALL["model"], "lr": 0.01}
    with pytest.raises(ConfigError, match="has no 'batches': did you mean 'batch'"):
        go(shapes, **parse_overrides(["batches=4"]))
    with pytest.raises(ConfigError, match="has no 'lrr'"):
        go(shapes, **parse_overrides(["model.lrr=4"]))


# --- snapshots ---------------------------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def strip(path: Path) -> None:
    save_file(load_file(path), path)


@pytest.mark.parametrize("spoil", [cut, strip, lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"\xff" * 99)])
def test_a_spoilt_snapshot_is_named_and_the_one_before_goes_on(
    spoil: Callable[[Path], object], shapes: str, home: Path
) -> None:
    go(shapes)
    go(shapes, pictures_seen=32)
    whole = weights(home, "small")
    old, new = snapshots(home)
    spoil(new)
    with pytest.raises(TrainingError, match=f"{new.name}.*delete it to go on from the one before"):
        go(shapes, pictures_seen=32)
    new.unlink()
    first, last = go(shapes, pictures_seen=32)
    assert (first.seen, last.seen) == (16, 32)
    assert weights(home, "small") == whole
    assert snapshots(home) == [old, new]


def test_half_written_files_are_ignored_and_cleared_and_old_snapshots_go(shapes: str, home: Path) -> None:
    go(shapes)
    half = home / "runs" / "small" / ".snapshot-000000000024.safetensors.0a1b.partial"
    half.write_bytes(b"half")
    for seen in range(24, 25 + 8 * KEEP, 8):
        go(shapes, pictures_seen=seen)
    assert not half.exists()
    assert [path.name for path in snapshots(home)] == [f"snapshot-{seen:012d}.safetensors" for seen in (32, 40)]


def test_a_foreign_snapshot_is_refused(shapes: str, home: Path) -> None:
    go(shapes)
    go(shapes, name="other", pictures_seen=24, model={"backbone": {"widths": [32, 32]}})
    mine, foreign = home / "runs" / "small", snapshots(home, "other")[-1]
    (mine / foreign.name).write_bytes(foreign.read_bytes())
    with pytest.raises(TrainingError, match="belong to other settings"):
        go(shapes)


def test_settings_that_are_as_by_default_do_not_part_a_run_from_its_snapshots() -> None:
    """A later version may have more of them."""
    plain: dict[str, Any] = {"data": "x", "name": "x", "size": 16, "channels": 3, "pictures_seen": 8, "threads": 1}
    first = fingerprint(Settings.read(plain))
    assert first == fingerprint(Settings.read({**plain, "low_rank": 0, "flip": 0.0}))
    assert first != fingerprint(Settings.read({**plain, "low_rank": 2}))
    assert first != fingerprint(Settings.read({**plain, "channels": 4}))
    assert first == fingerprint(Settings.read({**plain, "pictures_seen": 16})), "free settings may change"
