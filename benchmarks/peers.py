"""The peers' U-Nets, at about five million parameters each, with the forward signature of our backbones.

Their three levels, widths and attention follow each project's own example for small pictures, halved where that example has
four times the parameters. Peers are loaded by name: they live in an environment of their own and have no types.
"""

import importlib
from functools import cache
from typing import Any

from torch import Tensor, nn

PEERS = ("denoising-diffusion-pytorch", "diffusers", "monai")


@cache
def declare_torchvision() -> Any:
    """Declare the two operators for which a torchvision from PyPI dies beside a CPU build of torch."""
    library: Any = importlib.import_module("torch.library").Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def module(name: str) -> Any:
    """A module of a peer, or of what it needs."""
    declare_torchvision()
    return importlib.import_module(name)


def network(peer: str, channels: int, size: int) -> nn.Module:
    """A fresh U-Net of a peer, as the peer itself calls it."""
    net: nn.Module
    if peer == "denoising-diffusion-pytorch":
        net = module("denoising_diffusion_pytorch").Unet(dim=48, dim_mults=(1, 2, 4), channels=channels)
    elif peer == "diffusers":
        net = module("diffusers").UNet2DModel(
            sample_size=size,
            in_channels=channels,
            out_channels=channels,
            layers_per_block=1,
            block_out_channels=(64, 128, 128),
            down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        )
    else:
        net = module("monai.networks.nets").DiffusionModelUNet(
            spatial_dims=2,
            in_channels=channels,
            out_channels=channels,
            channels=(64, 128, 128),
            attention_levels=(False, True, True),
            num_res_blocks=1,
            num_head_channels=128,
        )
    return net


class Guest(nn.Module):
    """A peer's U-Net in the place of our backbone: it takes no conditions, and times as numbers up to 1000."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, time: Tensor, vector: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """(batch, channels, height, width) to the same; `time` in [0, 1]."""
        out = self.net(x, time * 1000)
        picture: Tensor = out if isinstance(out, Tensor) else out.sample
        return picture
