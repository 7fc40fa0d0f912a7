"""How fast and how large the painter in the box is: `python benchmarks/painting.py` prints one Markdown table.

Cold is a fresh process from nothing to the saved picture (`danqing paint`), wall clock; warm is a picture of a loaded painter,
in CPU seconds of one thread, the median of `--count`; memory is the peak of the cold process. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PINNED = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
WISHES: dict[str, dict[str, Any]] = {
    "64 × 64": {"size": (64, 64)},
    "256 × 256": {},
    "256 × 256 with a palette": {"conditions": {"palette": "#c0392b,#2c3e50"}},
}


def cold(painter: str) -> dict[str, float]:
    """A fresh process: its seconds, and its peak of memory."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "danqing.cli", "paint", "a red apple", "--painter", painter]
        began = time.perf_counter()
        subprocess.run([*command, "--out", str(Path(folder) / "a.png")], check=True, stdout=subprocess.DEVNULL)
        passed = time.perf_counter() - began
    return {"seconds": passed, "megabytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}


def warm(painter: str, count: int) -> dict[str, float]:
    """CPU seconds of a picture, by wish."""
    import torch

    from danqing.paint import load

    torch.set_num_threads(1)
    session, found = load(painter), {}
    for name, wish in WISHES.items():
        session.paint("a red apple", **wish)
        passed = []
        for seed in range(count):
            began = time.process_time()
            session.paint("a red apple", seed=seed, **wish)
            passed.append(time.process_time() - began)
        found[name] = statistics.median(passed)
    return found


def main() -> None:
    """Measure, cold first."""
    parser = argparse.ArgumentParser(description="Speed and memory of painting")
    parser.add_argument("--painter", default="emoji")
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--warm", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.warm:
        print(json.dumps(warm(given.painter, given.count)))
        return
    os.environ.update(PINNED)
    colds = [cold(given.painter) for _ in range(given.count)]
    again = [sys.executable, __file__, "--warm", "--painter", given.painter, "--count", str(given.count)]
    warms = json.loads(subprocess.run(again, check=True, stdout=subprocess.PIPE, text=True).stdout)
    seconds = [one["seconds"] for one in colds]
    print("| what | measured |\n|---|---|")
    print(f"| cold, from nothing to the file | {statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f}) |")
    for name, median in warms.items():
        print(f"| warm, {name} | {median:.2f} CPU s |")
    print(f"| peak memory | {max(one['megabytes'] for one in colds):.0f} MB |")


if __name__ == "__main__":
    main()
