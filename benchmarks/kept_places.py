"""How much faster codes are painted where keys and values of earlier places are kept: `python benchmarks/kept_places.py`."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from danqing.families.autoregressive import Autoregressive, AutoregressiveConfig
from danqing.parts.contract import Asked, Key, Keys, Plan

COUNT, SIDE, ROUNDS = 1, 64, 3
"""Pictures; pixels on a side, which is 16 × 16 codes; turns, of which the median is told."""


@torch.inference_mode()
def main() -> None:
    """CPU seconds with and without, on one thread, in turns; the codes must be the same."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    learner = Autoregressive(AutoregressiveConfig(), {}, 4, 1, (SIDE, SIDE)).double().eval()
    for number, parameter in enumerate(learner.parameters()):
        parameter.add_(0.1 * Key(number).normal(*parameter.shape).to(parameter))
    keys = Keys(tuple(Key("row", row) for row in range(COUNT)))
    asked = Asked({}, {}, torch.ones(COUNT))
    rows, columns = learner.places

    def kept() -> torch.Tensor:
        canvas = learner.start(asked, Plan((SIDE, SIDE)), keys)
        while not canvas.done:
            canvas = learner.step(canvas, asked)
        return canvas.tensors["codes"].flatten(1)

    def anew() -> torch.Tensor:
        codes = torch.zeros(COUNT, rows * columns, dtype=torch.long)
        for place in range(rows * columns):
            luck = keys.at("row", place // columns).uniform(columns)[:, place % columns]
            codes[:, place] = learner._drawn(learner.foretell(codes, {})[:, place], luck)
        return codes

    ratios, same = [], True
    for _ in range(ROUNDS):
        (with_it, codes), (without, others) = timed(kept), timed(anew)
        same &= torch.equal(codes, others)
        ratios.append(without / with_it)
        print(f"kept {with_it:.2f} s, anew {without:.2f} s: {ratios[-1]:.1f} times", flush=True)
    print(f"{rows * columns} codes: {sorted(ratios)[ROUNDS // 2]:.1f} times as fast; the same codes: {same}")


def timed(work: Callable[[], torch.Tensor]) -> tuple[float, torch.Tensor]:
    """CPU seconds, and what it gives."""
    start = time.process_time()
    out = work()
    return time.process_time() - start, out


if __name__ == "__main__":
    main()
