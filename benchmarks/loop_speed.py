"""What training costs beside the step itself: `OMP_NUM_THREADS=1 python benchmarks/loop_speed.py [ROUNDS]`.

In turns: our loop fed by a prepared set (reading, drawing captions, averages, clipping, checks), and a bare step (forward,
backward, AdamW) on one batch in memory, with the same network and the same batch size.
"""

import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from danqing.data.picture_set import import_pictures
from danqing.data.shapes import ShapesSource
from danqing.painters.run import make_ready
from danqing.painters.settings import resolve
from danqing.parts.contract import Clock, Key
from danqing.parts.loop import Loop

BATCH, STEPS = 32, 4


def timed(work: Callable[[], object]) -> float:
    """Processor seconds of this process, threads that read pictures included."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main(rounds: int) -> None:
    """Print the ratio of speeds: the median over turns, with the smallest and the largest."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        os.environ["DANQING_HOME"] = name
        pictures = import_pictures(ShapesSource(2000), Path(name) / "shapes")
        given = {"name": "loop-speed", "size": 32, "channels": 4, "batch": BATCH, "threads": 1, "pictures_seen": 10**6}
        settings, _ = resolve(pictures, {**given, "model": {"preset": "medium"}})
        run = make_ready(pictures, settings)
        loop, bare = Loop(run.family, seed=0), make_ready(pictures, settings).family
        batches = run.stream(loop.device).batches(0, 10**6, BATCH, slice(None))
        batch = run.stream(loop.device).batch(range(BATCH))
        optimiser = torch.optim.AdamW(bare.parameters(), 1e-3)

        def ours() -> None:
            for _, read in itertools.islice(batches, STEPS):
                loop.step(read)

        def theirs() -> None:
            for step in range(STEPS):
                parts = bare.loss(batch, "painter", Key(step), Clock(0, step)).parts
                optimiser.zero_grad()
                torch.stack([part.mean() for part in parts.values()]).sum().backward()  # type: ignore[no-untyped-call]
                optimiser.step()

        ours()  # memory is allocated and kernels chosen in the first turn
        theirs()
        ratios = []
        for turn in range(rounds):
            order = (ours, theirs) if turn % 2 else (theirs, ours)
            seconds = {work: timed(work) for work in order}
            ratios.append(seconds[theirs] / seconds[ours])
    print(f"our loop runs at {statistics.median(ratios):.3f} of a bare step ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 16)
