"""The command line as a person meets it: real processes, exit codes, one sentence for each mistake."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from painters import make_painter
from PIL import Image
from rich.console import Console

from danqing.cli import output
from danqing.words import Doing


def danqing(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "danqing.cli", *arguments]
    return subprocess.run(command, cwd=cwd, env=dict(os.environ), capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    make_painter()
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def test_paint_names_its_file_after_the_words(here: Path) -> None:
    for expected in ("a-red-apple.png", "a-red-apple-2.png"):
        done = danqing("paint", "a red apple", "--painter", "tiny", cwd=here)
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout
    assert (here / "a-red-apple.png").read_bytes()[:4] == b"\x89PNG"


def test_json_is_one_document_and_nothing_else(here: Path) -> None:
    arguments = [
        "paint",
        "红苹果",
        "--painter",
        "tiny",
        "--n",
        "2",
        "--seed",
        "7",
        "--size",
        "24x16",
        "--palette",
        "#ff0000",
        "--json",
    ]
    told = json.loads(danqing(*arguments, cwd=here).stdout)
    assert [entry["wish"]["seed"] for entry in told] == [7, 8]
    assert [Image.open(here / entry["file"]).size for entry in told] == [(24, 16)] * 2
    assert all(entry["scores"]["palette"] >= 0 for entry in told)
    replayed = danqing("replay", told[0]["file"], "--json", cwd=here)
    assert json.loads(replayed.stdout)["same"] in ("identical", "within tolerance")


BAD = {
    "an unknown painter": (["--painter", "nobody"], "there is no painter 'nobody'"),
    "size 0": (["--size", "0"], "a picture of 0×0"),
    "size 10^8": (["--size", "100000000"], "sides lie between"),
    "a size that is none": (["--size", "big"], "write 64"),
    "99 colours": (["--palette", ",".join(["#ff0000"] * 99)], "99"),
    "a palette that is no colour": (["--palette", "appleish"], "appleish"),
    "an empty palette": (["--palette", ""], "colour"),
    "a picture that is none": (["--init", "words.txt"], "cannot be used as a picture"),
    "a picture that is not there": (["--init", "nowhere.png"], "cannot be used as a picture"),
    "a negative seed": (["--seed", "-1"], "seed"),
    "a seed that is none": (["--seed", "red"], "--seed"),
    "an unwritable output": (["--out", "words.txt/x.png"], "cannot be written"),
    "an output that is no PNG": (["--out", "x.jpg"], ".png"),
    "the same, before anything is opened": (["--painter", "nobody", "--out", "x.jpg"], ".png"),
    "no pictures": (["--n", "0"], "1 or more"),
    "0 steps": (["--steps", "0"], "1 to 1000"),
    "an unknown sampler": (["--sampler", "best"], "there is no sampler 'best'"),
    "an unknown style": (["--style", "inky"], "did you mean 'ink'?"),
    "a strength without a picture": (["--strength", "0.5"], "--init"),
    "a guidance beyond all": (["--guidance", "1e9"], "guidance"),
    "an unknown option": (["--colour", "red"], "--colour"),
    "a word that shouts": (["--negative", "(red:99)"], "weight"),
}


@pytest.mark.parametrize(("arguments", "sentence"), BAD.values(), ids=BAD)
def test_a_bad_wish_gets_one_sentence(here: Path, arguments: list[str], sentence: str) -> None:
    (here / "words.txt").write_text("no picture")
    painter = [] if "--painter" in arguments else ["--painter", "tiny"]
    done = danqing("paint", "a red apple", *painter, *arguments, cwd=here)
    assert done.returncode in (1, 2)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
    assert [path.name for path in here.iterdir()] == ["words.txt"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train"], "--data"),
        (["train", "--data", "none"], "there is no set"),
        (["train", "--data", "drawn", "--set", "pictures_sen=10"], "did you mean 'pictures_seen'?"),
        (["train", "--data", "drawn", "--set", "batch"], "key=value"),
        (["train", "--data", "drawn", "--set", "batch=0"], "batch"),
        (["train", "--data", "drawn", "--set", "model.learning=1"], "learning"),
        (["train", "--data", "drawn", "--set", "size=0"], "sides"),
        (["train", "--data", "drawn", "--family", "magic"], "there is no family 'magic'"),
        (["train", "--recipe", "none"], "there is no recipe"),
        (["data", "add", "drawn", "nowhere"], "nowhere"),
        (["data", "show", "none"], "there is no set"),
        (["data", "remove", "none"], "none"),
        (["painters", "show", "none"], "there is no painter"),
        (["painters", "remove", "none"], "there is no painter"),
        (["painters", "import", "nowhere"], "holds no painter"),
        (["replay", "nowhere.png"], "cannot be replayed"),
        (["dance"], "dance"),
    ],
)
def test_a_bad_command_gets_one_sentence(drawn: Path, arguments: list[str], sentence: str) -> None:
    done = danqing(*arguments, cwd=drawn)
    assert done.returncode in (1, 2)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(drawn.iterdir()) == []


@pytest.fixture
def drawn(tmp_path: Path, here: Path) -> Path:
    """A working folder beside a set of 24 discs, added from a folder."""
    folder = tmp_path / "discs"
    folder.mkdir()
    for i in range(24):
        picture = np.zeros((20, 20, 4), np.uint8)
        picture[4:16, 4:16] = (10 * i, 255 - 10 * i, 5 * i, 255)
        Image.fromarray(picture).save(folder / f"disc number {i}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = danqing("data", "add", "drawn", str(folder), cwd=here)
    assert done.returncode == 0, done.stderr
    assert "broken.png" in done.stderr
    return here


def test_more_pictures_are_added_when_asked(drawn: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    for i in range(3):
        Image.fromarray(np.full((20, 20, 3), 80 * i, np.uint8)).save(more / f"plain {i}.png")
    refused = danqing("data", "add", "drawn", str(more), cwd=drawn)
    assert refused.returncode == 1
    assert "--add" in refused.stderr
    done = danqing("data", "add", "drawn", str(more), "--add", cwd=drawn)
    assert done.returncode == 0, done.stderr
    assert json.loads(danqing("data", "list", "--json", cwd=drawn).stdout) == {"drawn": 27}


def test_in_a_file_progress_is_told_in_lines_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 59.0, 61.0, 61.0, 120.0, 122.0, 122.0])
    monkeypatch.setattr("danqing.cli.output.time", types.SimpleNamespace(monotonic=lambda: next(clock)))
    with io.StringIO() as file:
        monkeypatch.setattr(output, "console", Console(file=file, force_terminal=False))
        lines = output.Lines()
        for sentence in ("too soon", "after a minute", "too soon again", "after another"):
            lines.tell(sentence)
        assert file.getvalue().splitlines() == ["after a minute", "after another"]
    monkeypatch.undo()
    monkeypatch.setattr(output, "SILENT", 0.0)
    with io.StringIO() as file:
        monkeypatch.setattr(output, "console", Console(file=file, force_terminal=False))
        assert output.follow(iter([Doing("painting", 1, 4), Doing("comparing", 0, 0), "scores"])) == "scores"
        with output.counting("reading") as tell:
            tell(7)
        told = [line for line in file.getvalue().splitlines() if line]
        assert [*told[:2], "reading: 7" in told] == ["painting: 1 of 4", "comparing", True]


def test_a_folder_becomes_a_painter(drawn: Path) -> None:
    """The whole way with tiny settings: add, show, list, train, train again (it is done), paint, export."""
    shown = json.loads(danqing("data", "show", "drawn", "--json", cwd=drawn).stdout)
    assert shown["manifest"]["left_out"][0]["place"].endswith("broken.png")
    assert json.loads(danqing("data", "list", "--json", cwd=drawn).stdout) == {"drawn": 24}
    tiny = ["size=16", "pictures_seen=64", "batch=16", "threads=1", "sheets=1", "model.backbone.widths=[16,32,32]"]
    train = ["train", "--data", "drawn", "--name", "mine", *(part for pair in tiny for part in ("--set", pair))]
    done = danqing(*train, "--set", "model.backbone.kind='unet'", cwd=drawn)
    assert done.returncode == 0, done.stderr
    assert "the mean picture" in done.stderr
    again = danqing(*train, "--set", "model.backbone.kind='unet'", cwd=drawn)
    assert again.returncode == 0, again.stderr
    painted = danqing("paint", "disc number 3", "--painter", "mine", cwd=drawn)
    assert painted.returncode == 0, painted.stderr
    exported = danqing("data", "export", "drawn", "out", "--form", "kohya", cwd=drawn)
    assert exported.returncode == 0, exported.stderr
    taken = danqing("painters", "export", "mine", "painter", cwd=drawn)
    assert taken.returncode == 0, taken.stderr
    assert (drawn / "painter" / "weights.safetensors").is_file()
    assert "mine" in json.loads(danqing("painters", "list", "--json", cwd=drawn).stdout)
