"""VGG16 without its classifier: what a picture shows and how it is painted, in maps of five scales.

Simonyan & Zisserman 2015, table 1, column D: convolutions of 3 × 3, each with ReLU after it, and a pooling between stages that
halves the sides. The weights are those of holistically-nested edge detection (Xie & Tu 2015), which began with the ones trained
on ImageNet and tuned them further to find edges. The first kernels are near what they were; of the deepest map, photographs
leave two channels in three silent, so that a painter should trust the first four stages more than the fifth.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import h5py
import torch
from jaxtyping import Float
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.assets import Tell, converted, to_stderr
from danqing.errors import AssetError, choices
from danqing.parts.packing import frozen

ASSET = "vgg16"
DEPTHS = (2, 2, 3, 3, 3)
"""Convolutions of each stage."""
WIDTHS = (64, 128, 256, 512, 512)
"""Channels of each stage."""
LAYERS = tuple(f"relu{stage}_{number + 1}" for stage, depth in enumerate(DEPTHS, 1) for number in range(depth))
"""Every map, from the first to the deepest; named after its stage and its place there, as Gatys et al. 2016 name them."""
STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
"""The maps in which Gatys et al. 2016, section 2.2, compare styles."""
LAST = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
"""The last map of each stage, in which Johnson et al. 2016 compare."""
MEANS = (104.00699, 116.66877, 122.67892)
"""Of blue, green and red in 0..255, taken off the picture, as it was when these weights were trained."""


class Vgg(nn.Module):
    """Pictures in, maps out.

    Args:
        averaged: pool by the mean, as Gatys et al. 2016, section 2, recommend for painting by gradients, not by the largest.
        widths: channels of each stage.
    """

    def __init__(self, averaged: bool = False, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.averaged = averaged
        self.convolutions = nn.ModuleDict()
        inward = 3
        for layer in LAYERS:
            outward = widths[int(layer[4]) - 1]
            self.convolutions[layer] = nn.Conv2d(inward, outward, 3, padding=1)
            inward = outward

    def maps(
        self, x: Float[Tensor, "batch 3 height width"], wanted: Collection[str] = (*STYLE, *LAST)
    ) -> dict[str, Float[Tensor, "batch channels rows columns"]]:
        """Maps by name, in the order in which the network has them; nothing beyond the deepest is computed.

        Args:
            x: RGB in [-1, 1], of any size.
            wanted: names out of `LAYERS`.

        Returns:
            Maps from 0 upwards, on the scale of the weights: thousands in the first stages, ones in the last. A stage's sides
            are half of those before it, rounded up.

        Raises:
            ValueError: there is no map of a wanted name.
        """
        for name in wanted:
            if name not in LAYERS:
                raise ValueError(f"VGG16 has no map '{name}': {choices(name, LAYERS)}")
        # Blue comes first where these weights were trained.
        seen = (x.flip(1) + 1) * 127.5 - x.new_tensor(MEANS)[:, None, None]
        found: dict[str, Tensor] = {}
        for layer in LAYERS:
            if len(found) == len(set(wanted)):
                break
            if layer.endswith("_1") and layer != LAYERS[0]:
                seen = F.avg_pool2d(seen, 2, ceil_mode=True) if self.averaged else F.max_pool2d(seen, 2, ceil_mode=True)
            seen = F.relu(self.convolutions[layer](seen))
            if layer in wanted:
                found[layer] = seen
        return found


def vgg(tell: Tell = to_stderr, averaged: bool = False) -> Vgg:
    """The network with its weights, frozen and in evaluation mode; fetched and converted when first used.

    Args:
        tell: is given one sentence with size and licence before anything is fetched.
        averaged: as for `Vgg`.

    Raises:
        AssetError: the weights cannot be had, or what came is not VGG16.
        OutputError: the home folder cannot be written to.
    """
    weights = load_tensors(converted(ASSET, "weights.safetensors", _convert, tell))
    widths = tuple(len(weights[f"convolutions.{layer}.bias"]) for layer in STYLE)
    return frozen(lambda: Vgg(averaged, widths), weights)


def _convert(folder: Path) -> bytes:
    """A safetensors file out of the asset's: HDF5 in Keras's layout, kernels as (rows, columns, inward, outward)."""
    found: dict[str, Tensor] = {}
    inward = 3
    try:
        with h5py.File(folder / "weights.h5", "r") as file:
            for layer in LAYERS:
                stage, number = layer.removeprefix("relu").split("_")
                place = f"block{stage}/layers/conv2d{'' if number == '1' else f'_{int(number) - 1}'}/vars"
                kernel, bias = (torch.from_numpy(file[f"{place}/{part}"][()]) for part in (0, 1))
                if kernel.shape != (3, 3, inward, len(bias)):
                    raise ValueError(f"'{place}' has the shape {tuple(kernel.shape)}")
                found[f"convolutions.{layer}.weight"] = kernel.permute(3, 2, 0, 1).contiguous()
                found[f"convolutions.{layer}.bias"] = bias
                inward = len(bias)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise AssetError(
            f"'{folder / 'weights.h5'}' does not hold the weights of VGG16 ({error}): "
            "delete the asset's folder to fetch it again, or update Danqing"
        ) from error
    return save_tensors(found)
