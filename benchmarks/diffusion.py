"""The diffusion benchmark: `python benchmarks/diffusion.py` prints one Markdown table. See benchmarks/README.md.

Every job runs in a fresh process on one thread, one at a time, contenders in turns; its result is kept at once, so that
the same command goes on where it was stopped. Only the standard library here: a child's peak of memory counts its parent.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PEERS = ("denoising-diffusion-pytorch", "diffusers", "monai")
OURS = "danqing U-Net"
EXTRA = ("danqing transformer", "danqing U-Net bf16")
PACKAGES = ("danqing", "torch", *PEERS, "accelerate", "torchvision", "numpy")
SETS = {"emoji": "emoji, 32 px, RGB", "fashion": "Fashion-MNIST, 28 px, gray"}
PINNED = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TQDM_MININTERVAL"), "1")
Job = dict[str, Any]
Results = dict[str, dict[str, Any]]


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description="U-Nets and loops of diffusion at equal CPU seconds, one thread")
    parser.add_argument("--seconds", type=float, default=120.0, help="CPU seconds of training of each contender")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3, help="highest learning rate, the same for all contenders")
    parser.add_argument("--rounds", type=int, default=8, help="turns of each loop in the comparison of loops")
    parser.add_argument("--steps", type=int, default=2, help="updates in each turn")
    parser.add_argument("--emoji", default="emoji", help="name of the emoji set: `danqing data add emoji emoji`")
    parser.add_argument("--fashion-mnist", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--table", action="store_true", help="measure nothing: print the table of what has been measured")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "diffusion.json")
    return parser.parse_args()


def jobs(given: argparse.Namespace) -> list[Job]:
    """What there is to do, seed by seed and contenders in turns, so that a run cut short is still a comparison."""
    sets = [name for name in SETS if name != "fashion" or _has_fashion(given.fashion_mnist)]
    common = {"batch": given.batch, "emoji": given.emoji, "fashion": str(given.fashion_mnist)}
    common["cache"] = str(HERE / "results" / ".data")
    listed: list[Job] = [{"kind": "mean", "set": name, "contender": "mean picture"} for name in sets]
    for seed in range(given.seeds):
        training = {"kind": "quality", "seed": seed, "seconds": given.seconds, "lr": given.lr}
        for name in sets:
            listed += [{"set": name, "contender": contender, **training} for contender in (OURS, *PEERS)]
            if seed == 0 and name == "emoji":
                turns = {"rounds": given.rounds, "steps": given.steps}
                listed += [{"kind": "speed", "set": name, "contender": peer, **turns} for peer in PEERS]
        listed += [{"set": "emoji", "contender": contender, **training} for contender in EXTRA]
    return [job | common for job in listed]


def _has_fashion(folder: Path) -> bool:
    if (folder / "train-images-idx3-ubyte.gz").is_file():
        return True
    print(f"Fashion-MNIST is left out: '{folder}' has no train-images-idx3-ubyte.gz; install Debian's", file=sys.stderr)
    print("dataset-fashion-mnist, or give --fashion-mnist the folder of its four files", file=sys.stderr)
    return False


def name_of(job: Mapping[str, Any]) -> str:
    """A job's name in the results: all that changes what it measures."""
    left_out = {"emoji", "fashion", "cache", "paintings"}
    return " ".join(f"{key}={value}" for key, value in job.items() if key not in left_out)


def read(path: Path) -> Results:
    """What has been measured so far."""
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf8")) if path.is_file() else {}
    results: Results = kept.get("jobs", {})
    return results


def work(listed: Iterable[Job], path: Path, script: str = "diffusion_job.py", packages: Iterable[str] = PACKAGES) -> None:
    """Do what has not been done, keeping each result at once."""
    results = read(path)
    environment = {**os.environ, **PINNED, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
    for job in listed:
        if name_of(job) in results:
            continue
        print(name_of(job), file=sys.stderr, flush=True)
        command = [sys.executable, str(HERE / script), json.dumps(job)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        results[name_of(job)] = json.loads(done.stdout.splitlines()[-1])
        facts = {"versions": versions(packages), "machine": machine(), "jobs": results}
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(facts, indent=1), encoding="utf8")
        part.replace(path)


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Of everything that is measured."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages}


def machine() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, 1 thread used"


def table(listed: Iterable[Job], results: Results) -> str:
    """One row per set and contender."""
    heads = (
        "contender",
        "parameters",
        "pictures / CPU s",
        "denoising loss",
        "velocity loss",
        "peak memory",
        "our loop / theirs",
    )
    lines = [f"| pictures | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    listed = [job for job in listed if name_of(job) in results]
    loops = {job["contender"]: results[name_of(job)] for job in listed if job["kind"] == "speed"}
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for job in listed:
        if job["kind"] != "speed":
            rows.setdefault((job["set"], job["contender"]), []).append(results[name_of(job)])
    for (pictures, contender), runs in sorted(rows.items(), key=lambda row: (row[0][0], _mean(row[1], "denoising"))):
        loop = _ratio(loops[contender]) if pictures == "emoji" and contender in loops else "–"
        lines.append(f"| {SETS[pictures]} | {contender} | {' | '.join(_cells(runs))} | {loop} |")
    return "\n".join(lines)


def _mean(runs: list[dict[str, Any]], key: str) -> float:
    return statistics.fmean(run[key] for run in runs)


def _cells(runs: list[dict[str, Any]]) -> list[str]:
    if "velocity" not in runs[0]:
        return ["–", "–", f"{_mean(runs, 'denoising'):.4f}", "–", "–"]
    speeds = statistics.fmean(run["pictures"] / run["cpu_seconds"] for run in runs)
    losses = [_spread([run[key] for run in runs]) for key in ("denoising", "velocity")]
    return [
        f"{_mean(runs, 'parameters') / 1e6:.2f} M",
        f"{speeds:.1f}",
        *losses,
        f"{max(run['peak_mb'] for run in runs):.0f} MB",
    ]


def _spread(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.4f} (one seed)"
    return f"{statistics.fmean(values):.4f} ± {statistics.stdev(values):.4f} ({len(values)} seeds)"


def _ratio(loop: Mapping[str, list[float]]) -> str:
    """The median over turns of the ratio of speeds, with the smallest and the largest."""
    ratios = [ours / theirs for ours, theirs in zip(loop["ours"], loop["theirs"], strict=True)]
    return f"{statistics.median(ratios):.3f} × ({min(ratios):.2f} to {max(ratios):.2f})"


def report(given: argparse.Namespace, listed: list[Job], results: Results) -> str:
    """Versions, settings and the table."""
    named = ", ".join(f"{name} {version}" for name, version in versions().items())
    settings = (
        f"{given.seconds:g} CPU s of training, batch {given.batch}, float32 but where bf16 is named, learning rate {given.lr:g}"
    )
    return f"{named}.\n{machine()}. {settings}.\n\n{table(listed, results)}\n"


def main() -> None:
    """Work, print, write."""
    given = arguments()
    listed = jobs(given)
    if not given.table:
        work(listed, given.results)
    text = report(given, listed, read(given.results))
    given.results.with_suffix(".md").write_text(text, encoding="utf8")
    print(text)


if __name__ == "__main__":
    main()
