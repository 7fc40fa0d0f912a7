"""Stored weights come back: exactly, to half precision, or within half a step of their channel."""

import pytest
import torch

from danqing.parts.contract import Key
from danqing.parts.packing import Stored, pack, unpack

WEIGHTS = {
    "conv.weight": Key(0).normal(8, 4, 3, 3),
    "conv.scale": Key(1).normal(8),
    "embed": 100 * Key(2).normal(5, 7),
    "zero": torch.zeros(3, 3),
    "count": torch.arange(4),
}


@pytest.mark.parametrize(("stored", "share"), [("float32", 0.0), ("float16", 2**-10), ("int8", 0.5 / 127)])
def test_weights_come_back(stored: Stored, share: float) -> None:
    back = unpack(pack(WEIGHTS, stored))
    assert back.keys() == WEIGHTS.keys()
    for name, weight in WEIGHTS.items():
        # The error is at most `share` of the largest weight of the channel.
        largest = weight.flatten(1).abs().amax(1, keepdim=True) if weight.ndim > 1 else weight.abs()
        apart = (back[name] - weight).abs().reshape(len(weight), -1)
        assert bool((apart <= share * largest.reshape(len(weight), -1) * 1.001).all()), name


def test_packing_twice_changes_nothing_more() -> None:
    once = unpack(pack(WEIGHTS, "int8"))
    twice = unpack(pack(once, "int8"))
    assert all(torch.allclose(once[name], twice[name], atol=0, rtol=1e-6) for name in once)


def test_bytes_are_a_quarter() -> None:
    sizes = {
        stored: sum(t.nbytes for t in pack({"w": Key(3).normal(256, 256)}, stored).values()) for stored in ("float32", "int8")
    }
    assert sizes["int8"] < 0.27 * sizes["float32"]
