"""EfficientNet-Lite0 without its classifier: what pictures look like, in some hundred numbers, learnt from photographs.

Tan & Le 2019, table 1, in the form of Liu et al. 2020 (EfficientNet-Lite): no squeeze-and-excitation, ReLU6, and the stem
and the last stage not widened. Batch normalisation is folded into the convolutions before it (Jacob et al. 2018, section
3.2), so that the network has convolutions only.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from importlib import resources

import torch
from jaxtyping import Float
from safetensors.torch import load as load_tensors
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.parts.packing import frozen, unpack

STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Repeats, kernel, stride of the first, expansion, output channels."""
STEM = 32
LAYERS = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
"""A block's convolutions with their normalisations, as the released weights name them."""
NAME = "efficientnet-lite0"
BOXED = 6
"""Stages whose weights come along."""
EPSILON = 1e-3
"""Of batch normalisation, in the weights that are converted."""


class Convolution(nn.Module):
    """A convolution with TensorFlow's "same" padding, which puts the odd pixel below and to the right; ReLU6 after it."""

    def __init__(self, inward: int, outward: int, kernel: int, stride: int = 1, groups: int = 1, bent: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outward, inward // groups, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outward))
        self.kernel, self.stride, self.groups, self.bent = kernel, stride, groups, bent

    def forward(self, x: Float[Tensor, "batch inward height width"]) -> Float[Tensor, "batch outward lower narrower"]:
        """The output is as large as the input over the stride, rounded up."""
        down, right = (max(0, (-(-side // self.stride) - 1) * self.stride + self.kernel - side) for side in x.shape[-2:])
        if down % 2 or right % 2:
            x = F.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))
            down = right = 0
        x = F.conv2d(x, self.weight, self.bias, self.stride, (down // 2, right // 2), groups=self.groups)
        return F.relu6(x, inplace=True) if self.bent else x


class Block(nn.Module):
    """Widened, each channel filtered by itself, narrowed again; added to its input where the shapes agree."""

    def __init__(self, inward: int, outward: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = inward * expansion
        widen = [Convolution(inward, middle, 1)] if expansion > 1 else []
        each, narrow = Convolution(middle, middle, kernel, stride, middle), Convolution(middle, outward, 1, bent=False)
        self.path = nn.Sequential(*widen, each, narrow)
        self.added = stride == 1 and inward == outward

    def forward(self, x: Float[Tensor, "batch inward height width"]) -> Float[Tensor, "batch outward lower narrower"]:
        """As `Convolution`."""
        y: Tensor = self.path(x)
        return x + y if self.added else y


class EfficientNetLite(nn.Module):
    """Pictures in, the mean over places of the last stage out.

    Args:
        stages: how many of the seven are run; the width of what comes out is that stage's.
    """

    def __init__(self, stages: int = len(STAGES)) -> None:
        super().__init__()
        self.stem = Convolution(3, STEM, 3, 2)
        blocks: list[Block] = []
        width = STEM
        self.stages = STAGES[:stages]
        for repeats, kernel, stride, expansion, outward in self.stages:
            for number in range(repeats):
                blocks.append(Block(width, outward, kernel, 1 if number else stride, expansion))
                width = outward
        self.blocks = nn.Sequential(*blocks)
        self.width = width

    def forward(self, x: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        """Features of RGB pictures in [-1, 1], of any size."""
        return self.maps(x)[-1].mean((2, 3))

    def maps(
        self, x: Float[Tensor, "batch 3 height width"], stages: int | None = None
    ) -> list[Float[Tensor, "batch channels rows columns"]]:
        """What each of the first `stages` sees; of all that there are, by default."""
        # A CPU filters each channel by itself much faster with channels innermost.
        seen: Tensor = self.stem(x.contiguous(memory_format=torch.channels_last))
        found, blocks = [], iter(self.blocks)
        for repeats, *_ in self.stages[:stages]:
            for block in itertools.islice(blocks, repeats):
                seen = block(seen)
            found.append(seen)
        return found


def boxed() -> EfficientNetLite:
    """Its first stages with the weights that come along, frozen and in evaluation mode."""
    content = resources.files("danqing.parts").joinpath(f"{NAME}.safetensors").read_bytes()
    network = frozen(lambda: EfficientNetLite(BOXED), unpack(load_tensors(content)))
    for weight in network.parameters():
        if weight.ndim == 4:  # laid as its maps are: of small ones a CPU else takes six times as long
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return network


class Onlooker:
    """Looks through the network in the box; no part of whoever holds it: not trained, not saved."""

    def __init__(self) -> None:
        self.network = boxed()


def learnt_through(family: nn.Module) -> frozenset[str]:
    """Names of the networks that the losses of a family look through, or those of a family within it."""
    held = itertools.chain.from_iterable(vars(module).values() for module in family.modules())
    return frozenset(NAME for value in held if isinstance(value, Onlooker))


def convert(released: Mapping[str, Tensor], stages: int = len(STAGES)) -> dict[str, Tensor]:
    """The released weights with batch normalisation folded in; what the network does not have is left out.

    Raises:
        KeyError: a tensor that the network needs is missing.
    """
    found: dict[str, Tensor] = {}

    def fold(name: str, convolution: str, norm: str) -> None:
        weight, scale = released[f"{convolution}.weight"], released[f"{norm}.weight"]
        scale = scale / (released[f"{norm}.running_var"] + EPSILON).sqrt()
        found[f"{name}.weight"] = weight * scale[:, None, None, None]
        found[f"{name}.bias"] = released[f"{norm}.bias"] - released[f"{norm}.running_mean"] * scale

    fold("stem", "_conv_stem", "_bn0")
    number = 0
    for repeats, _, _, expansion, _ in STAGES[:stages]:
        for _ in range(repeats):
            for place, (convolution, norm) in enumerate(LAYERS if expansion > 1 else LAYERS[1:]):
                fold(f"blocks.{number}.path.{place}", f"_blocks.{number}.{convolution}", f"_blocks.{number}.{norm}")
            number += 1
    return found
