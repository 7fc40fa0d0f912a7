"""What 300 CPU seconds of training are worth in paintings: ours beside two peers, on Fashion-MNIST at 16 pixels.

`python benchmarks/quality.py` trains each contender in a fresh process on one thread, lets it paint 1,000 pictures, and prints
one table of their distances from the 10,000 test pictures, trivial rows included. Every painting is kept, so that the same
command goes on where it was stopped. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PEERS = ("denoising-diffusion-pytorch", "diffusers")
CONTENDERS = ("danqing", *PEERS)
SIDE, PAINTINGS, STEPS, BATCH, RATE = 16, 1000, 50, 32, 1e-3
"""Pixels; paintings; sampling steps of the peers (DDIM); pictures per update; highest learning rate."""
PINNED = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
SHOWN = ("frechet_distance", "kernel_distance", "precision", "recall", "coverage")


def pictures(fashion: Path) -> tuple[Any, Any]:
    """Training and test pictures at 16 × 16, (pictures, 1, 16, 16) uint8, averaged down."""
    import cv2
    import numpy as np
    from pictures import idx

    found = []
    for part in ("train", "t10k"):
        many = idx(fashion / f"{part}-images-idx3-ubyte.gz")
        found.append(np.stack([cv2.resize(one[0], (SIDE, SIDE), interpolation=cv2.INTER_AREA)[None] for one in many]))
    return found[0], found[1]


def job(who: str, seed: int, seconds: float, fashion: Path, out: Path) -> None:
    """Train one contender in this process, let it paint, and keep the paintings with what they cost."""
    import numpy as np
    import torch
    from diffusion_job import COOLDOWN, WARMUP

    from danqing.data.stream import Stream
    from danqing.families.diffusion import Diffusion, DiffusionConfig
    from danqing.parts.loop import Loop
    from danqing.parts.rates import trapezoid

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    train, _ = pictures(fashion)
    learner: Any = Diffusion(DiffusionConfig(), {}, 1, 1) if who == "danqing" else _peer(who)
    thousandths = trapezoid(RATE, int(1000 * WARMUP), 1000, COOLDOWN)
    began = time.process_time()
    players = {
        name: dataclasses.replace(player, lr=lambda seen: thousandths(int(1000 * (time.process_time() - began) / seconds)))
        for name, player in learner.players().items()
    }
    learner.players = lambda: players
    loop = Loop(learner, seed=seed, precision="auto" if who == "danqing" else "float32")
    for _, batch in Stream(train, {}, lambda name, value, key: value, seed).batches(0, 10**9, BATCH, slice(None)):
        loop.step(batch)
        if time.process_time() - began >= seconds:
            break
    learner.load_state_dict(loop.averaged())
    learner.eval()
    began = time.process_time()
    with torch.inference_mode():
        many = np.concatenate([_painted(who, learner, seed, start) for start in range(0, PAINTINGS, 100)])
    facts: dict[str, Any] = {"seen": loop.seen, "painting": (time.process_time() - began) / PAINTINGS, "made": made()}
    facts["parameters"] = sum(parameter.numel() for parameter in learner.parameters())
    np.save(out, many)
    out.with_suffix(".json").write_text(json.dumps(facts), encoding="utf8")


def made() -> dict[str, Any]:
    """With what paintings are made: those made with something else are made anew."""
    versions = {name: version(name) for name in ("danqing", "torch", *PEERS)}
    return versions | {"side": SIDE, "paintings": PAINTINGS, "steps": STEPS, "batch": BATCH, "rate": RATE}


def _peer(who: str) -> Any:
    from peer_loops import DenoisingDiffusion, Diffusers

    return DenoisingDiffusion(1, SIDE) if who == "denoising-diffusion-pytorch" else Diffusers(1, SIDE)


def _painted(who: str, learner: Any, seed: int, start: int) -> Any:
    """A hundred paintings, (pictures, 16, 16, 1) uint8, each project by its own sampler."""
    import torch
    from peers import module

    from danqing.maths.seen import from_network
    from danqing.painters.sheet import paint_values
    from danqing.parts.contract import Key

    if who == "danqing":
        return paint_values(learner, {}, 100, (SIDE, SIDE), Key(seed).at("paint", start))
    torch.manual_seed(1000 * (seed + 1) + start)
    if who == "denoising-diffusion-pytorch":
        learner.diffusion.sampling_timesteps, learner.diffusion.is_ddim_sampling = STEPS, True
        return from_network(learner.diffusion.sample(batch_size=100) * 2 - 1)
    scheduler = module("diffusers").DDIMScheduler.from_config(learner.scheduler.config)
    scheduler.set_timesteps(STEPS)
    x = torch.randn(100, 1, SIDE, SIDE)
    for moment in scheduler.timesteps:
        x = scheduler.step(learner.net(x, moment).sample, moment, x).prev_sample
    return from_network(x.clamp(-1, 1))


def rows(given: argparse.Namespace) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each row of the table: its name, and for every seed its numbers."""
    import numpy as np
    import torch

    from danqing.metrics.baselines import BASELINES
    from danqing.metrics.copies import copies
    from danqing.metrics.extractors import extractor
    from danqing.metrics.quality import quality
    from danqing.parts.contract import Key

    see = extractor()
    train, test = (np.moveaxis(part, 1, -1) for part in pictures(given.fashion_mnist))
    learnt, real = see.features(train), see.features(test)

    def measured(many: Any, seed: int) -> dict[str, Any]:
        seen = see.features(many)
        found = copies(seen, learnt, real)
        numbers = {name: number.plain() for name, number in quality(seen, real, Key(seed)).items()}
        return numbers | {"copies": found.rate, "accused": found.accused}

    for name, make in BASELINES.items():
        yield name, [measured(make(train[::30], PAINTINGS, Key(name)), 0)]
    luck = torch.randperm(len(train), generator=Key("rows").generator()).numpy()
    yield "training pictures", [measured(train[luck[:PAINTINGS]], 0)]
    for who in CONTENDERS:
        found = []
        for seed in range(given.seeds):
            if facts := _facts(given, who, seed):
                found.append(measured(np.load(_kept(given, who, seed)), seed) | facts)
        if found:
            yield who, found


def _kept(given: argparse.Namespace, who: str, seed: int) -> Path:
    folder: Path = given.paintings
    return folder / f"{who}-{seed}-{given.seconds:g}s.npy"


def _facts(given: argparse.Namespace, who: str, seed: int) -> dict[str, Any] | None:
    """What is known of paintings that were made as they would be now."""
    file = _kept(given, who, seed).with_suffix(".json")
    facts: dict[str, Any] = json.loads(file.read_text(encoding="utf8")) if file.is_file() else {}
    return facts if facts.get("made") == made() else None


def table(given: argparse.Namespace) -> str:
    """All rows, means over seeds."""
    heads = (*(name.replace("_", " ") for name in SHOWN), "copies", "pictures seen", "CPU s a painting", "parameters")
    lines = [f"| who | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for name, runs in rows(given):
        cells = [_cell([run[measure]["value"] for run in runs]) for measure in SHOWN]
        cells.append(_cell([run["copies"] for run in runs]) + (" accused" if any(run["accused"] for run in runs) else ""))
        for fact, form in (("seen", ",.0f"), ("painting", ".3f"), ("parameters", ",.0f")):
            cells.append(format(statistics.fmean(run[fact] for run in runs), form) if fact in runs[0] else "")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    mean = f"{statistics.fmean(values):.4g}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.4g} to {max(values):.4g})"


def main() -> None:
    """Train what is not trained yet, then print the table."""
    parser = argparse.ArgumentParser(description="Paintings after equal CPU seconds of training, on Fashion-MNIST at 16 px")
    parser.add_argument("--seconds", type=float, default=300.0, help="CPU seconds of training of each contender")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fashion-mnist", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--paintings", type=Path, default=HERE / "results" / ".paintings")
    parser.add_argument("--out", type=Path, help="a Markdown file for the table")
    parser.add_argument("--job", nargs=2, metavar=("WHO", "SEED"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.paintings.mkdir(parents=True, exist_ok=True)
    os.environ.update(PINNED)  # before anything reads it; two threads beside other work can be many times slower than one
    if given.job:
        who, seed = given.job[0], int(given.job[1])
        job(who, seed, given.seconds, given.fashion_mnist, _kept(given, who, seed))
        return
    again = [sys.executable, __file__, "--seconds", str(given.seconds), "--paintings", str(given.paintings)]
    again += ["--fashion-mnist", str(given.fashion_mnist)]
    for seed in range(given.seeds):
        for who in CONTENDERS:
            if _facts(given, who, seed) is None:
                print(f"{who}, seed {seed}", file=sys.stderr, flush=True)
                subprocess.run([*again, "--job", who, str(seed)], check=True)
    named = ", ".join(f"{name} {made()[name]}" for name in ("danqing", "torch", *PEERS))
    how = f"{given.seconds:g} CPU s of training each, one thread, batch {BATCH}, {PAINTINGS} paintings"
    text = f"{named}. {how}.\n\n{table(given)}\n"
    print(text)
    if given.out:
        given.out.write_text(f"# Paintings after equal CPU seconds\n\n{text}", encoding="utf8")


if __name__ == "__main__":
    main()
