"""The pictures that contenders train on and are judged by: emoji at 32 pixels and Fashion-MNIST at 28."""

import dataclasses
import gzip
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from danqing.data.picture_set import PictureSet
from danqing.data.prepare import Preparation, prepare

Array = UInt8[np.ndarray, "pictures channels height width"]
HELD_OUT = 64
"""Pictures that judge: enough for differences of a percent, since all contenders meet the same noise on them."""


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Pictures to train on and held-out pictures, (pictures, channels, height, width) uint8."""

    train: Array
    held_out: Array


def load(name: str, cache: Path, emoji: str, fashion: Path) -> Pictures:
    """The pictures of "emoji" or "fashion", from a copy in `cache` where there is one.

    Args:
        name: which.
        cache: folder of plain arrays, so that no contender pays for decoding.
        emoji: name of the emoji set in the home folder.
        fashion: folder of the four files of Fashion-MNIST.
    """
    paths = [cache / f"{name}-{part}.npy" for part in ("train", "held-out")]
    if not all(path.is_file() for path in paths):
        cache.mkdir(parents=True, exist_ok=True)
        pictures = _emoji(emoji) if name == "emoji" else _fashion(fashion)
        for path, pixels in zip(paths, (pictures.train, pictures.held_out), strict=True):
            np.save(path, pixels)
    return Pictures(*(np.load(path, mmap_mode="r") for path in paths))


def _emoji(name: str) -> Pictures:
    """On white, because not every peer takes transparency."""
    pictures = PictureSet.open(name)
    pixels = prepare(pictures, Preparation(size=(32, 32), channels=4)).pixels
    parts = {part: np.array(pixels[pictures.split(part)]) for part in ("train", "held_out")}
    held = parts["held_out"]
    return Pictures(_on_white(parts["train"]), _on_white(held[:: max(1, len(held) // HELD_OUT)][:HELD_OUT]))


def _on_white(premultiplied: Array) -> Array:
    white: Array = premultiplied[:, :3] + (255 - premultiplied[:, 3:])
    return white


def _fashion(folder: Path) -> Pictures:
    train, test = (idx(folder / f"{part}-images-idx3-ubyte.gz") for part in ("train", "t10k"))
    return Pictures(train, test[:HELD_OUT])


def idx(path: Path) -> Array:
    """The format is described at the end of LeCun's page of MNIST: four big-endian numbers, then the pixels."""
    data = gzip.decompress(path.read_bytes())
    _, count, height, width = np.frombuffer(data, ">i4", 4).tolist()
    return np.frombuffer(data, np.uint8, offset=16).reshape(count, 1, height, width)
