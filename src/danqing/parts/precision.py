"""In which numbers a device computes."""

import contextlib
from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]


def reduced_precision(device: torch.device, precision: Precision) -> bool:
    """Whether to compute in bfloat16: if told so, or on "auto" where the device multiplies it in hardware."""
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu._is_amx_tile_supported())


def full_precision(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Where everything is computed in float32 again: slopes, likelihoods and distances between near things need it."""
    if not torch.amp.is_autocast_available(device.type):
        return contextlib.nullcontext()
    return torch.autocast(device.type, enabled=False)
