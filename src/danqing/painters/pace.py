"""How long a training will take: measured on this machine before it begins."""

from __future__ import annotations

import copy
import itertools
import math
import time

import torch

from danqing.painters.run import Run
from danqing.parts.contract import Family
from danqing.parts.loop import Loop

PROBE = 0.01
"""Share of the time that is spent on measuring each stage."""
STEPS = 4
"""Batches that each stage is measured by at least, after one that warms up."""


def affordable(run: Run, seconds: float, device: torch.device) -> int:
    """Pictures that a training sees in so much time.

    Args:
        run: made ready; the pictures that it would see decide where its stages turn, as shares of the whole.
        seconds: of the processor, over all threads; on an accelerator, of the clock.
        device: that it trains on.
    """
    s, length = run.settings, run.settings.pictures_seen
    ends = {math.ceil(min(length, end)) for player in run.family.players().values() for end in player.span}
    cost = sum(
        (after - before) / length * _pace(run, before, PROBE * seconds, device)
        for before, after in itertools.pairwise(sorted({0, *ends, length}))
    )
    return max(s.batch, int(seconds / cost) // s.batch * s.batch)


def _pace(run: Run, seen: int, seconds: float, device: torch.device) -> float:
    """Seconds a picture costs after so many were seen, by a copy that learns for a moment."""
    s = run.settings
    family: Family = copy.deepcopy(run.family)
    loop = Loop(family, seed=s.seed, micro_batch=s.micro_batch, precision=s.precision, device=device)
    loop.seen = seen // s.batch * s.batch
    began = 0.0
    for steps, (_, batch) in enumerate(run.stream(device).batches(loop.seen, loop.seen + 10**9, s.batch, slice(None))):
        if steps == 1:
            began = _clock(device)
        elif steps > STEPS and _clock(device) - began >= seconds:
            break
        loop.seen = seen  # a stage that ends soon does not end while it is measured
        loop.step(batch)
    return (_clock(device) - began) / ((steps - 1) * s.batch)


def _clock(device: torch.device) -> float:
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()
