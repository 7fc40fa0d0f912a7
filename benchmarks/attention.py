"""Attention among few places, written out beside the fused kernel: bfloat16, one thread, CPU time, both ways in turn."""

import statistics
import time

import torch

from danqing.parts import blocks

SHAPES = ((192, 8), (288, 4), (128, 16), (64, 32))
"""Channels, and places on a side."""
BATCH, TOKENS, ROUNDS, TIMES = 16, 21, 5, 4


def milliseconds(attention: blocks.ContextAttention, inputs: tuple[torch.Tensor, ...]) -> float:
    """Of one pass and its gradients."""
    began = time.process_time()
    for _ in range(TIMES):
        with torch.autocast("cpu", torch.bfloat16):
            out = attention(*inputs)
        out.float().square().mean().backward()
    return 1000 * (time.process_time() - began) / TIMES


def main() -> None:
    """Print a table."""
    torch.set_num_threads(1)
    most_places = blocks.WRITTEN_OUT
    print(f"torch {torch.__version__}, batches of {BATCH}, medians of {ROUNDS}\n")
    print("| channels | places | written out | fused | fused / written out |\n|---|---|---|---|---|")
    for channels, side in SHAPES:
        attention = blocks.ContextAttention(channels, 256)
        picture = torch.randn(BATCH, channels, side, side, requires_grad=True)
        inputs = picture, torch.randn(BATCH, TOKENS, 256, requires_grad=True), torch.rand(BATCH, TOKENS) < 0.7
        found: dict[int, list[float]] = {most_places: [], 0: []}
        for _ in range(ROUNDS):
            for most, times in found.items():
                blocks.WRITTEN_OUT = most
                milliseconds(attention, inputs)
                times.append(milliseconds(attention, inputs))
        ours, fused = map(statistics.median, found.values())
        print(f"| {channels} | {side * side} | {ours:.1f} ms | {fused:.1f} ms | {fused / ours:.2f} |")


if __name__ == "__main__":
    main()
