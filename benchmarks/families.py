"""Families beside peers: `python benchmarks/families.py` prints one Markdown table. See benchmarks/README.md.

Each contender trains for the same CPU seconds in a fresh process on one thread, contenders in turns, seed by seed; results are
kept at once, so the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import functools
import statistics
from pathlib import Path
from typing import Any

from diffusion import HERE, Job, Results, machine, name_of, read, versions, work

TASKS: dict[str, dict[str, Any]] = {
    "vae": {
        "told": "VAE, binarised 8 × 8 digits: −ELBO of 297 held out, nats",
        "who": ("danqing", "pythae"),
        "job": {"seconds": 20.0, "batch": 64, "lr": 1e-3},
    },
    "ring": {
        "told": "flow, ring in the plane (entropy 1.7054): nats of 20,000 new points",
        "who": ("danqing", "zuko NSF"),
        "job": {"seconds": 60.0, "batch": 256, "lr": 1e-3},
        "model": {"blocks": 3, "bins": 8, "network": {"width": 32, "depth": 1}},
    },
    "digits": {
        "told": "flow, 8 × 8 digits in 17 levels: bits per dimension of 297 held out",
        "who": ("danqing", "zuko NSF"),
        "job": {"seconds": 300.0, "batch": 32, "lr": 1e-3},
        "ours": {"lr": 2e-3},
        "model": {"blocks": 1, "bins": 16, "patch": 1, "network": {"width": 64, "depth": 3, "dropout": 0.1}},
    },
    "fashion": {
        "told": "flow, Fashion-MNIST 28 × 28: bits per dimension of 64 held out",
        "who": ("danqing", "normflows Glow"),
        "job": {"seconds": 200.0, "batch": 32, "lr": 1e-3},
        "model": {"blocks": 3, "bins": 8, "patch": 4, "network": {"width": 96, "depth": 2}},
    },
    "vq": {
        "told": "VQ, emoji 32 × 32, 64 codes of 512: squared error of 64 held out, values in [−1, 1]",
        "who": ("danqing", "monai"),
        "job": {"seconds": 120.0, "batch": 32, "lr": 1e-3},
        "model": {},
    },
    "autoregressive": {
        "told": "transformer on 64 codes of 512 of emoji, the same for both: bits a code of 64 held out",
        "who": ("danqing", "monai"),
        "job": {"seconds": 120.0, "batch": 32, "lr": 1e-3, "codec_seconds": 60.0},
        "model": {},
    },
    "gan": {
        "told": "GAN, emoji 32 × 32 on white: Fréchet distance of 1,000 paintings from the set; ours in bfloat16, as usual",
        "who": ("danqing", "stylegan2-pytorch"),
        "job": {"seconds": 300.0, "batch": 16, "lr": 1e-3, "precision": "auto"},
        "model": {"widths": [128, 96, 64, 32]},
    },
}
"""What is measured, by whom, how long, and the settings of ours."""
PACKAGES = ("danqing", "torch", "pythae", "zuko", "normflows", "monai", "stylegan2_pytorch", "numpy")


def jobs(given: argparse.Namespace) -> list[Job]:
    """What there is to do."""
    common = {"emoji": given.emoji, "fashion": str(given.fashion_mnist), "cache": str(HERE / "results" / ".data")}
    listed: list[Job] = []
    for name in given.tasks or TASKS:
        task = TASKS[name]
        for seed in range(given.seeds):
            for who in task["who"]:
                job = {"task": name, "who": who, "seed": seed, **task["job"], **common}
                if who == "danqing":
                    job |= {**task.get("ours", {}), "model": task.get("model", {})}
                elif name == "autoregressive":
                    job["model"] = {}
                if name == "gan":
                    job["paintings"] = str(HERE / "results" / ".paintings" / f"gan-{who}-{seed}-{job['seconds']:g}s.npy")
                listed.append(job)
    return listed


def table(listed: list[Job], results: Results, given: argparse.Namespace) -> str:
    """One row per task and contender."""
    heads = ("contender", "score, lower is better", "also", "parameters", "pictures seen", "pictures / CPU s")
    lines = [f"| measured | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for job in listed:
        if name_of(job) in results:
            facts = results[name_of(job)]
            rows.setdefault((job["task"], job["who"]), []).append(facts | (_judged(job, given) if job["task"] == "gan" else {}))
    for (task, who), runs in rows.items():
        also = "; ".join(
            f"{label} {spread([run[key] for run in runs], form)}"
            for key, label, form in (
                ("used", "codes used", ".0%"),
                ("coverage", "coverage", ".3f"),
                ("missing", "kinds missing", ".0%"),
                ("aligned", "aligned recall", ".3f"),
                ("collapsed", "collapsed", "g"),
                ("distance (VGG16)", "by VGG16: kernel distance", ".3g"),
                ("coverage (VGG16)", "coverage", ".3f"),
                ("missing (VGG16)", "kinds missing", ".0%"),
                ("aligned (VGG16)", "aligned recall", ".3f"),
                ("collapsed (VGG16)", "collapsed", "g"),
            )
            if key in runs[0]
        )
        cells = (
            who,
            spread([run["cost"] for run in runs], ".4g" if task == "vq" else ".3f"),
            also,
            f"{statistics.fmean(run['parameters'] for run in runs):,.0f}",
            f"{statistics.fmean(run['seen'] for run in runs):,.0f}",
            f"{statistics.fmean(run['speed'] for run in runs):,.0f}",
        )
        lines.append(f"| {TASKS[task]['told']}, {TASKS[task]['job']['seconds']:g} CPU s | {' | '.join(cells)} |")
    return "\n".join(lines)


def _judged(job: Job, given: argparse.Namespace) -> dict[str, Any]:
    """Distance, coverage and kinds left out of a GAN's paintings, against the pictures learnt from: by the extractor in the
    box, through which our critic sees, and by one that nobody learnt from."""
    import numpy as np

    from danqing.metrics.extractor import DEFAULT
    from danqing.metrics.modes import modes
    from danqing.metrics.quality import quality
    from danqing.parts.contract import Key

    facts: dict[str, Any] = {}
    for judge, mark in ((DEFAULT, ""), ("vgg16", " (VGG16)")):
        see, learnt = _learnt(judge, job["cache"], given.emoji)
        painted = see.features(np.load(job["paintings"]))
        found, kinds = quality(painted, learnt, Key(job["seed"])), modes(painted, learnt)
        # A thousand paintings are too few for a Fréchet distance of as many features as VGG16 has.
        distance = found["kernel_distance" if mark else "frechet_distance"]
        facts |= {
            f"distance{mark}": distance.plain()["value"],
            f"coverage{mark}": found["coverage"].plain()["value"],
            f"missing{mark}": kinds.missing_share,
            f"aligned{mark}": kinds.recall.value,
            f"collapsed{mark}": float(kinds.collapsed),
        }
    return facts | {"cost": facts["distance"]}


@functools.cache
def _learnt(judge: str, cache: str, emoji: str) -> tuple[Any, Any]:
    """An extractor, and what it sees of the pictures learnt from; of every fourth, where it is slow."""
    import numpy as np
    from pictures import load

    from danqing.metrics.extractors import extractor

    see, real = extractor(judge), load("emoji", Path(cache), emoji, Path()).train
    return see, see.features(np.moveaxis(np.array(real[:: 4 if judge == "vgg16" else 1]), 1, -1))


def spread(values: list[float], form: str) -> str:
    """Mean, smallest and largest."""
    mean = format(statistics.fmean(values), form)
    return mean if len(values) == 1 or min(values) == max(values) else f"{mean} ({min(values):{form}} to {max(values):{form}})"


def main() -> None:
    """Measure what is not measured yet, then print the table."""
    parser = argparse.ArgumentParser(description="Families beside peers at equal CPU seconds, one thread")
    parser.add_argument("tasks", nargs="*", choices=[*TASKS, []], help="of " + ", ".join(TASKS) + "; all by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--emoji", default="emoji", help="name of the emoji set: `danqing data add emoji emoji`")
    parser.add_argument("--fashion-mnist", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--table", action="store_true", help="measure nothing: print the table of what has been measured")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "families.json")
    parser.add_argument("--out", type=Path, help="a Markdown file for the table")
    given = parser.parse_args()
    (HERE / "results" / ".paintings").mkdir(parents=True, exist_ok=True)
    listed = jobs(given)
    if not given.table:
        work(listed, given.results, "family_jobs.py", PACKAGES)
    named = ", ".join(f"{name} {number}" for name, number in versions(PACKAGES).items())
    text = f"{machine()}. {named}.\n\n{table(listed, read(given.results), given)}\n"
    print(text)
    if given.out:
        given.out.write_text(f"# Families beside peers at equal CPU seconds\n\n{text}", encoding="utf8")


if __name__ == "__main__":
    main()
