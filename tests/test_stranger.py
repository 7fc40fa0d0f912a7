"""A stranger's folder (long: five minutes of training): odd pictures and broken files, no settings, something learnt."""

from __future__ import annotations

import io
import os
import random
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from danqing.data.checks import decode
from danqing.data.shapes import ShapesSource
from danqing.data.source import Item

MODES = {"RGBA": 60, "RGB": 15, "P": 10, "L": 5, "LA": 5, "I;16": 2, "1": 3}
"""Pillow's modes, with how many of 100 files have each."""


def write_good(folder: Path, count: int, luck: random.Random) -> None:
    """Shapes in every mode and many sizes, named after what they show."""
    for number, item in enumerate(ShapesSource(count).items()):
        assert isinstance(item, Item)
        pixels = Image.fromarray(decode(item.load()).pixels).convert("RGBA")
        pixels = pixels.resize((luck.randint(30, 200), luck.randint(30, 200)))
        (mode,) = luck.choices(list(MODES), list(MODES.values()))
        name = f"{item.captions['en'][0].replace(' ', '_')}_{number}.png"
        if mode == "I;16":
            Image.fromarray(np.asarray(pixels.convert("L")).astype(np.uint16) * 257).save(folder / name)
        elif mode in ("RGBA", "LA"):
            white = (np.asarray(pixels)[..., :3] > 250).all(2)
            clear = np.asarray(pixels).copy()
            clear[white, 3] = 0
            Image.fromarray(clear).convert(mode).save(folder / name)
        else:
            pixels.convert("RGB").convert(mode).save(folder / name)


def write_bad(folder: Path, count: int, luck: random.Random, good: bytes, outside: Path) -> None:
    """Truncated, bombs, wrong extensions, zero bytes, text, links out, nonsense with and without a PNG's first bytes."""
    for number in range(count):
        path = folder / f"bad_{number}.png"
        kind = number % 8
        if kind == 5 and sys.platform != "win32":
            path.symlink_to(outside)
            continue
        content = {
            0: good[: luck.randint(10, len(good) // 2)],
            1: bomb(60_000),
            2: b"GIF89a nonsense" + luck.randbytes(50),
            3: b"",
            4: b"this is no picture\n" * 5,
            6: luck.randbytes(500),
        }.get(kind, b"\x89PNG\r\n\x1a\n" + luck.randbytes(200))
        (path.with_suffix(".jpg") if kind == 2 else path).write_bytes(content)


def bomb(side: int) -> bytes:
    """A PNG that says it is as large as nobody can open."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def command(*words: str, cwd: Path) -> str:
    """What `danqing WORDS` says, on both cores as a user would have it."""
    environment = {name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-m", "danqing.cli", *words],
        cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.long
def test_a_strangers_folder_becomes_a_painter_without_a_setting(tmp_path: Path) -> None:
    folder, outside, luck = tmp_path / "mine", tmp_path / "outside.txt", random.Random(1)
    folder.mkdir()
    outside.write_text("not yours")
    write_good(folder, 500, luck)
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(buffer, "PNG")
    write_bad(folder, 200, luck, buffer.getvalue(), outside)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if not path.is_symlink()}

    told = command("data", "add", "mine", str(folder), cwd=tmp_path)
    assert {name for name in before if name.startswith("bad_") and name not in told} == set(), "each is named with its reason"
    assert "a_strangers" not in told

    told = command("train", "--data", "mine", cwd=tmp_path)
    first = next(line for line in told.splitlines() if "distance to the set" in line)
    values = re.findall(r"(painted|noise|the mean picture) ([\d.]+) in pixels, ([\d.]+) in colours", first)
    found = {name: (float(pixels), float(colours)) for name, pixels, colours in values}
    for floor in ("noise", "the mean picture"):
        assert all(mine < theirs for mine, theirs in zip(found["painted"], found[floor], strict=True)), first

    command("paint", "two red circles", "--painter", "mine-diffusion", "--out", "painting.png", cwd=tmp_path)
    assert Image.open(tmp_path / "painting.png").size == (32, 32)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if not path.is_symlink()} == before
