"""One job of the diffusion benchmark in a process of its own: `python benchmarks/diffusion_job.py JSON` prints JSON.

`benchmarks/diffusion.py` starts it; a fresh process makes the peak of memory the contender's own.
"""

from __future__ import annotations

import dataclasses
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peer_loops
import torch
from peers import PEERS, Guest, network
from pictures import Array, Pictures, load
from torch import Tensor, nn

from danqing.data.stream import Stream
from danqing.families.diffusion import Diffusion, DiffusionConfig
from danqing.maths.schedules import noised
from danqing.parts.contract import Key, Keys, Player
from danqing.parts.loop import Loop
from danqing.parts.rates import trapezoid
from danqing.parts.transformer import TransformerConfig

WARMUP, COOLDOWN = 0.05, 0.4
"""Shares of the CPU seconds in which the learning rate rises and falls, the same for all contenders."""
TIMES = tuple((step + 0.5) / 8 for step in range(8))
"""The times at which held-out pictures are judged."""


class Contender(Diffusion):
    """The diffusion family with any network, its learning rate a function of CPU time instead of pictures.

    Args:
        config: the family's.
        channels: of the pictures.
        guest: a network instead of the family's own; `None` keeps that.
        seconds: CPU seconds of training.
    """

    def __init__(self, config: DiffusionConfig, channels: int, guest: nn.Module | None, seconds: float) -> None:
        super().__init__(config, {}, channels, 1)
        if guest is not None:
            self.network = guest
        self.began = time.process_time()
        thousandths = trapezoid(config.lr, int(1000 * WARMUP), 1000, COOLDOWN)
        self.rate: Callable[[int], float] = lambda seen: thousandths(int(1000 * (time.process_time() - self.began) / seconds))

    def players(self) -> dict[str, Player]:
        """The painter, alone."""
        return {name: dataclasses.replace(player, lr=self.rate) for name, player in super().players().items()}


def contender(name: str, channels: int, size: int, lr: float, seconds: float) -> Contender:
    """A fresh contender by name; peers replace a backbone that is thrown away."""
    config = DiffusionConfig(lr=lr)
    if name in PEERS:
        return Contender(config, channels, Guest(network(name, channels, size)), seconds)
    if name == "danqing transformer":
        config = DiffusionConfig(lr=lr, backbone=TransformerConfig())
    return Contender(config, channels, None, seconds)


def quality(job: dict[str, Any], pictures: Pictures) -> dict[str, float]:
    """Train for `job["seconds"]` CPU seconds, then judge the averaged weights on held-out pictures."""
    seed, seconds, batch = job["seed"], job["seconds"], job["batch"]
    torch.manual_seed(seed)
    _, channels, size, _ = pictures.train.shape
    family = contender(job["contender"], channels, size, job["lr"], seconds)
    loop = Loop(family, seed=seed, precision="bfloat16" if job["contender"].endswith("bf16") else "float32")
    stream = Stream(pictures.train, {}, lambda name, value, key: value, seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    family.began = began = time.process_time()
    for _, each in stream.batches(0, 10**9, batch, slice(None)):
        loop.step(each)
        used = time.process_time() - began
        if used >= seconds:
            break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    family.load_state_dict(loop.averaged())
    denoising, velocity = judge(family, pictures.held_out)
    return {
        "parameters": sum(p.numel() for p in family.network.parameters()),
        "pictures": loop.seen,
        "cpu_seconds": used,
        "denoising": denoising,
        "velocity": velocity,
        "peak_mb": peak / 1024,
        "before_mb": before / 1024,
    }


@torch.no_grad()
def judge(family: Diffusion, held_out: Array) -> tuple[float, float]:
    """Held-out losses under the same noise for everybody.

    Returns:
        Squared error of the predicted picture, averaged over `TIMES`; and the loss that training descends, with the same
        times weighted by how often training draws them.
    """
    family.eval()
    x = torch.from_numpy(held_out.astype("float32")) / 127.5 - 1
    keys = Keys(tuple(Key("judge", index) for index in range(len(x))))
    mean, deviation = family.config.focus
    errors, weights = [], []
    for number, at in enumerate(TIMES):
        noise, times = keys.at(number).normal(*x.shape[1:]), torch.full((len(x),), at)
        alpha, sigma = family.schedule.coefficients(times)
        inputs = noised(x, noise, alpha, sigma)
        pieces = [slice(start, start + 16) for start in range(0, len(x), 16)]
        out = torch.cat([family.predict(inputs[piece], times[piece], {}) for piece in pieces])
        errors.append(float((out - x).square().mean()))
        weights.append(_density(at, mean, deviation))
    rate = [weight / sum(weights) / max(1 - at, family.config.nearest) ** 2 for weight, at in zip(weights, TIMES, strict=True)]
    return statistics.fmean(errors), sum(error * each for error, each in zip(errors, rate, strict=True))


def _density(time_: float, mean: float, deviation: float) -> float:
    """Of the logit-normal distribution at a time, up to a factor (Esser et al. 2024, equation 19)."""
    logit = torch.logit(torch.tensor(time_))
    density: Tensor = torch.exp(-((logit - mean) ** 2) / (2 * deviation**2)) / (time_ * (1 - time_))
    return float(density)


def speed(job: dict[str, Any], pictures: Pictures) -> dict[str, Any]:
    """Pictures per CPU second of one peer in both loops, in turns A B, B A, A B …"""
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        loops = peer_loops.pair(job["contender"], pictures.train, job["batch"], Path(folder))
        for steps in loops:
            steps(1)
        rates: tuple[list[float], list[float]] = ([], [])
        for turn in range(job["rounds"]):
            for which in (0, 1) if turn % 2 == 0 else (1, 0):
                began = time.process_time()
                loops[which](job["steps"])
                rates[which].append(job["steps"] * job["batch"] / (time.process_time() - began))
    return {"ours": rates[0], "theirs": rates[1]}


def main(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job."""
    torch.set_num_threads(1)
    pictures = load(job["set"], Path(job["cache"]), job["emoji"], Path(job["fashion"]))
    if job["kind"] == "mean":
        x, mean = (torch.from_numpy(part.astype("float32")) / 127.5 - 1 for part in (pictures.held_out, pictures.train[::8]))
        return {"denoising": float((x - mean.mean(0)).square().mean()), "pictures": len(pictures.train)}
    return quality(job, pictures) if job["kind"] == "quality" else speed(job, pictures)


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
