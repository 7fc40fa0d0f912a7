"""How weights are stored (whole, in half precision, or as bytes with a scale for each output channel) and put in place."""

from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

Stored = Literal["float32", "float16", "int8"]
SCALE = ".scale"
"""Ends the name of the tensor that holds the scales of an int8 tensor."""

N = TypeVar("N", bound=nn.Module)


def pack(weights: Mapping[str, Tensor], stored: Stored) -> dict[str, Tensor]:
    """Weights as they are stored, on the CPU.

    "int8" rounds matrices and kernels to 127 steps either way of each output channel's largest weight (symmetric
    per-channel quantisation, Krishnamoorthi 2018, section 3.1); vectors, of which there are few, stay float32.
    """
    packed: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        whole = tensor.detach().cpu().contiguous()
        if not whole.is_floating_point():
            packed[name] = whole
        elif stored == "int8" and whole.ndim >= 2:
            scale = whole.float().flatten(1).abs().amax(1).clamp_min(1e-12) / 127
            packed[name] = (whole.float() / _along(scale, whole)).round().to(torch.int8)
            packed[name + SCALE] = scale
        else:
            packed[name] = whole.to(torch.float16 if stored == "float16" else torch.float32)
    return packed


def unpack(packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `pack`, up to its rounding: every weight as float32, whichever way it was stored."""
    weights: dict[str, Tensor] = {}
    for name, tensor in packed.items():
        if name + SCALE in packed:
            weights[name] = tensor.float() * _along(packed[name + SCALE], tensor)
        elif not (name.endswith(SCALE) and name.removesuffix(SCALE) in packed):
            weights[name] = tensor.float() if tensor.is_floating_point() else tensor
    return weights


def frozen(build: Callable[[], N], weights: Mapping[str, Tensor]) -> N:
    """A network with these weights, not to be trained, in evaluation mode.

    No numbers are drawn for weights that are thrown away: a seeded training stays as it was.

    Args:
        build: makes the network; all its tensors must be among the weights.
        weights: by name; they become the network's own.
    """
    with torch.device("meta"):
        network = build()
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(False).eval()


def _along(scale: Tensor, tensor: Tensor) -> Tensor:
    """One number per output channel, shaped to multiply `tensor`."""
    return scale.reshape(-1, *[1] * (tensor.ndim - 1))
