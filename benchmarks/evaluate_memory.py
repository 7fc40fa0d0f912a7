"""Memory and time of `danqing evaluate` on many pictures: 10,000 of 32 × 32 against 60,000 of Fashion-MNIST, as files.

The 10,000 test pictures, padded to 32 × 32, stand for another program's paintings. One line: peak memory and CPU seconds.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from pictures import idx
from PIL import Image, ImageOps


def main() -> None:
    """Write the files, measure in a process of its own, print."""
    parser = argparse.ArgumentParser(description="Peak memory of an evaluation")
    parser.add_argument("--fashion-mnist", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--paintings", type=int, default=10_000)
    parser.add_argument("--pictures", type=int, default=60_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, count, border in (("t10k", given.paintings, 2), ("train", given.pictures, 0)):
            (folder / part).mkdir()
            for number, pixels in enumerate(idx(given.fashion_mnist / f"{part}-images-idx3-ubyte.gz")[:count]):
                ImageOps.expand(Image.fromarray(pixels[0]), border).save(folder / part / f"{number:05}.png")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "danqing.cli", "evaluate", "--pictures", str(folder / "t10k")]
        command += ["--against", str(folder / "train"), "--out", str(folder / "scores")]
        subprocess.run(command, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{given.paintings:,} against {given.pictures:,}: {after.ru_maxrss / 1024:.0f} MB at most, {seconds:.0f} CPU seconds")


if __name__ == "__main__":
    main()
