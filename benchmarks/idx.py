"""The files of MNIST and Fashion-MNIST as folders of PNGs, one for each class, which `danqing data add` reads.

    python benchmarks/idx.py train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz OUT --names T-shirt,Trouser,...

The files are those of https://github.com/zalandoresearch/fashion-mnist (MIT), in Debian the package dataset-fashion-mnist.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np
from PIL import Image

FASHION = "t-shirt,trousers,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot"


def read(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """An IDX file of bytes: two zeros, 8 for bytes, the number of dimensions, each as four bytes, the values."""
    content = gzip.decompress(path.read_bytes())
    sizes = np.frombuffer(content, ">u4", content[3], 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(sizes)).reshape(sizes.tolist())


def main(pictures: Path, labels: Path, out: Path, names: list[str], count: int | None) -> None:
    """Write the first `count` pictures."""
    for number, (pixels, label) in enumerate(zip(read(pictures)[:count], read(labels)[:count], strict=True)):
        folder = out / names[int(label)]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number:05}.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--names", default=FASHION)
    parser.add_argument("--count", type=int)
    told = parser.parse_args()
    main(told.pictures, told.labels, told.out, told.names.split(","), told.count)
