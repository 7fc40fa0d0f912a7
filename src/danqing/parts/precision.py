"""In which numbers a device computes."""

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
