"""Our distances beside other people's, on the same features: agreement, CPU seconds, peak memory. One table, one command."""

import argparse
import functools
import json
import os
import platform
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIZES = ((2_000, 64), (10_000, 320), (10_000, 2048), (50_000, 2048))
"""Pictures of each set, and features; the last is the field's habit (Inception on 50,000)."""
MOST_NEIGHBOURS = 10_000
"""Peers hold every distance at once: above this they need tens of GB."""
NEAREST = 5
PEERS = ("torch", "torch-fidelity", "clean-fid", "torchmetrics", "prdc")
Values = dict[str, float]


def features(count: int, width: int) -> tuple[Any, Any]:
    """Two sets as features of networks are: correlated, off centre, not negative, a little apart."""
    luck = np.random.default_rng(0)
    mixed = luck.standard_normal((width, width)) / width**0.5 * (np.arange(width) + 1.0) ** -0.3
    made = [np.maximum(luck.standard_normal((count, width)) @ mixed + shift, 0.0) for shift in (0.3, 0.33)]
    return made[0], made[1]


def ours_frechet(x: Any, y: Any) -> Values:
    """`danqing.metrics.frechet`."""
    import torch

    from danqing.metrics.frechet import Moments, frechet_distance

    return {"frechet": frechet_distance(Moments.of(torch.from_numpy(x)), Moments.of(torch.from_numpy(y)))}


def torch_fidelity_frechet(x: Any, y: Any) -> Values:
    """torch-fidelity's two steps, features to statistics and statistics to metric."""
    import torch

    fid = _peer("torch_fidelity.metric_fid")
    both = [fid.fid_features_to_statistics(torch.from_numpy(part)) for part in (x, y)]
    return {"frechet": fid.fid_statistics_to_metric(*both, False)["frechet_inception_distance"]}


def clean_fid_frechet(x: Any, y: Any) -> Values:
    """clean-fid's distance of features."""
    return {"frechet": float(_peer("cleanfid.fid").fid_from_feats(x, y))}


def torchmetrics_frechet(x: Any, y: Any) -> Values:
    """torchmetrics' accumulating metric, with the identity for a network."""
    import torch

    identity: Any = torch.nn.Identity()
    identity.num_features = x.shape[1]
    metric = _peer("torchmetrics.image.fid").FrechetInceptionDistance(feature=identity, input_img_size=(1, 1, 1))
    metric.set_dtype(torch.float64)
    for part, real in ((x, True), (y, False)):
        for piece in torch.tensor_split(torch.from_numpy(part), max(1, len(part) // 1000)):
            metric.update(piece, real=real)
    return {"frechet": float(metric.compute())}


def ours_kernel(x: Any, y: Any) -> Values:
    """`danqing.metrics.kernel`, 100 subsets of 1,000."""
    import torch

    from danqing.metrics.kernel import kernel_distance
    from danqing.parts.contract import Key

    mean, spread = kernel_distance(torch.from_numpy(x), torch.from_numpy(y), Key(0))
    return {"kernel": mean, "kernel_error": spread / 10}


def torch_fidelity_kernel(x: Any, y: Any) -> Values:
    """torch-fidelity's, 100 subsets of 1,000."""
    import torch

    settings = {"kid_subsets": 100, "kid_subset_size": 1000, "verbose": False}
    found = _peer("torch_fidelity.metric_kid").kid_features_to_metric(torch.from_numpy(x), torch.from_numpy(y), **settings)
    return {"kernel": found["kernel_inception_distance_mean"], "kernel_error": found["kernel_inception_distance_std"] / 10}


def clean_fid_kernel(x: Any, y: Any) -> Values:
    """clean-fid's, 100 subsets of 1,000."""
    return {"kernel": float(_peer("cleanfid.fid").kernel_distance(x, y))}


def ours_neighbours(x: Any, y: Any) -> Values:
    """`danqing.metrics.neighbours`."""
    import dataclasses

    import torch

    from danqing.metrics.neighbours import neighbourhood

    return dataclasses.asdict(neighbourhood(torch.from_numpy(x), torch.from_numpy(y), NEAREST))


def prdc_neighbours(x: Any, y: Any) -> Values:
    """prdc's."""
    found = _peer("prdc").compute_prdc(real_features=x, fake_features=y, nearest_k=NEAREST)
    return {name: float(value) for name, value in found.items()}


GROUPS: dict[str, dict[str, Callable[[Any, Any], Values]]] = {
    "Fréchet": {
        "danqing": ours_frechet,
        "torch-fidelity": torch_fidelity_frechet,
        "clean-fid": clean_fid_frechet,
        "torchmetrics": torchmetrics_frechet,
    },
    "kernel": {"danqing": ours_kernel, "torch-fidelity": torch_fidelity_kernel, "clean-fid": clean_fid_kernel},
    "neighbours": {"danqing": ours_neighbours, "prdc": prdc_neighbours},
}


@functools.cache
def _peer(name: str) -> Any:
    from peers import module

    return module(name)


def job(group: str, who: str, count: int, width: int) -> None:
    """One contender in this process: its values, CPU seconds and peak memory, as JSON."""
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(1)
    x, y = features(count, width)
    small = x[:100].copy(), y[:100].copy()
    if group != "kernel":
        GROUPS[group][who](*small)  # imports and first calls are not what is measured
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    values = GROUPS[group][who](x, y)
    spent = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"values": values, "seconds": spent, "memory": (peak - before) / 1024}))


def main(sizes: list[tuple[int, int]], repeats: int, out: Path | None) -> None:
    """Run everybody in turn, each in a fresh process on one thread, and print the table."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    versions = ", ".join(
        f"{name} {_version(name)}" for name in ("torch", "torch-fidelity", "clean-fid", "torchmetrics", "prdc")
    )
    lines = [f"{platform.processor() or platform.machine()}, one thread; {versions}.", ""]
    lines += [
        "| pictures × features | measure | who | value | apart from ours | CPU seconds | memory beside the features, MB |"
    ]
    lines += ["|---|---|---|---|---|---|---|"]
    for count, width in sizes:
        for group, contenders in GROUPS.items():
            if group == "neighbours" and count > MOST_NEIGHBOURS:
                contenders = {"danqing": contenders["danqing"]}
            runs: dict[str, list[dict[str, Any]]] = {who: [] for who in contenders}
            for _ in range(repeats):
                for who in contenders:
                    command = [sys.executable, __file__, "--job", group, who, str(count), str(width)]
                    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
                    if done.returncode:
                        print(f"{who}: {(done.stderr.strip().splitlines() or ['killed'])[-1]}", file=sys.stderr)
                        break
                    runs[who].append(json.loads(done.stdout.splitlines()[-1]))
            mine = runs["danqing"][0]["values"]
            for who, found in runs.items():
                row = f"| {count:,} × {width:,} | {group} | {who} | "
                if not found:
                    lines.append(f"{row}failed | | | |")
                    continue
                values = found[0]["values"]
                shown = ", ".join(f"{value:.6g}" for name, value in values.items() if "error" not in name)
                seconds = min(run["seconds"] for run in found)
                lines.append(f"{row}{shown} | {_apart(values, mine)} | {seconds:.2f} | {found[0]['memory']:.0f} |")
            print("\n".join(lines[-len(runs) :]), flush=True)
    if out is not None:
        out.write_text("# Distances beside their peers\n\n" + "\n".join(lines) + "\n", encoding="utf8")


def _apart(values: Values, mine: Values) -> str:
    if "kernel" in values:
        error = (mine["kernel_error"] ** 2 + values.get("kernel_error", mine["kernel_error"]) ** 2) ** 0.5
        return f"{abs(values['kernel'] - mine['kernel']) / error:.1f} standard errors"
    return f"{max(abs(values[name] - value) / max(abs(value), 1e-12) for name, value in mine.items()):.1e} relative"


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Our distances beside other people's")
    parser.add_argument("--job", nargs=4, metavar=("MEASURE", "WHO", "PICTURES", "FEATURES"))
    parser.add_argument("--sizes", nargs="*", default=[f"{count}x{width}" for count, width in SIZES])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.job:
        job(given.job[0], given.job[1], int(given.job[2]), int(given.job[3]))
    else:
        main([tuple(map(int, size.split("x"))) for size in given.sizes], given.repeats, given.out)  # type: ignore[misc]
