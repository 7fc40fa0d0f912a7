"""How fast pictures become a prepared set, on one core: `OMP_NUM_THREADS=1 python benchmarks/data_speed.py [COUNT]`.

PNG files of 128 × 128 RGBA are decoded, checked, hashed, fingerprinted and written to shards; then prepared at 32 × 32.
"""

import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from PIL import Image

from danqing.data.picture_set import PictureSet, import_pictures
from danqing.data.prepare import Preparation, prepare
from danqing.data.shapes import ShapesSource
from danqing.data.source import Item, LeftOut, Source

T = TypeVar("T")


class Files(Source):
    """The files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.glob("*.png"))

    def describe(self) -> str:
        """Their number."""
        return f"{len(self.paths)} files"

    def items(self) -> Iterator[Item | LeftOut]:
        """Them, by name."""
        for path in self.paths:
            yield Item(path.name, path.read_bytes, {"en": (path.stem,)})


def write_icons(folder: Path, count: int) -> None:
    """Icon-like pictures: a few shaded discs on nothing."""
    y, x = np.mgrid[0:128, 0:128].astype(np.float32)
    for number in range(count):
        rng = np.random.default_rng(number)
        pixels = np.zeros((128, 128, 4), np.float32)
        for _ in range(6):
            right, down, radius = rng.uniform(20, 108), rng.uniform(20, 108), rng.uniform(8, 36)
            cover = np.clip(radius - np.hypot(x - right, y - down), 0, 1)[:, :, None]
            shade = 0.7 + 0.3 * (y / 128)[:, :, None]
            colour = np.concatenate([rng.uniform(40, 255, 3) * shade, np.full_like(shade, 255)], axis=2)
            pixels = pixels * (1 - cover) + colour * cover
        buffer = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
        (folder / f"{number:06}.png").write_bytes(buffer.getvalue())


def timed(name: str, count: int, work: Callable[[], T]) -> T:
    """Do it, and print how many a second; processor time tells the truth where other work shares the machine."""
    start, busy = time.perf_counter(), time.process_time()
    result = work()
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    print(f"{name}: {count / seconds:,.0f} a second, {count / busy:,.0f} a second of this process's processor time")
    return result


def main(count: int) -> None:
    """Time import, opening, reading and preparing."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_icons(folder, count)
        timed("import PNG 128 px RGBA", count, lambda: import_pictures(Files(folder), folder / "icons"))
        pictures = timed("open", count, lambda: PictureSet.open(folder / "icons"))
        timed("read", count, lambda: [pictures.raw(index).sum() for index in range(len(pictures))])
        timed("prepare 32 px RGBA", count, lambda: prepare(pictures, Preparation(size=(32, 32))))
        timed("import shapes 64 px", count, lambda: import_pictures(ShapesSource(count), folder / "shapes"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
