"""Inception v3 as the Fréchet Inception distance has it: what TensorFlow's network of 2015 sees, 2048 numbers a picture.

Szegedy et al. 2016, table 1; Heusel et al. 2017 measure with it. Parameters bear the names of torch-fidelity's release of the
converted weights, and where that network differs from the paper, this one does: averages leave out the border, the last
block takes the largest in place of the mean, and pictures are enlarged as TensorFlow 1 did it.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

SIDE, WIDTH, CLASSES = 299, 2048, 1008
Step = tuple[str, int, int | tuple[int, int]] | tuple[str, int, int | tuple[int, int], int]
"""A convolution of a path: name, output channels, kernel, and stride where it is not 1."""


class Convolution(nn.Module):
    """Without bias, normalised, ReLU."""

    def __init__(self, inward: int, outward: int, kernel: int | tuple[int, int], stride: int = 1, pad: bool = True) -> None:
        super().__init__()
        down, right = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (down // 2, right // 2) if pad else (0, 0)
        self.conv = nn.Conv2d(inward, outward, (down, right), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outward, eps=1e-3)

    def forward(self, x: Float[Tensor, "batch inward height width"]) -> Float[Tensor, "batch outward lower narrower"]:
        """As large as the input, unless it strides or is not padded."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Mixed(nn.Module):
    """Paths of convolutions side by side, and one that pools; what comes out of each is laid side by side.

    Args:
        inward: channels in.
        paths: of convolutions. One whose name ends in "b" is given what the one before it was given.
        pool: "mean", "largest" or, where everything shrinks, "shrink".
        pooled: channels that the pooled path is narrowed to; 0 leaves it as it is.
    """

    def __init__(self, inward: int, paths: tuple[tuple[Step, ...], ...], pool: str, pooled: int) -> None:
        super().__init__()
        self.pool, self.pooled = pool, pooled
        self.paths = [[step[0] for step in path] for path in paths]
        for path in paths:
            given = channels = inward
            for name, outward, kernel, *stride in path:
                given = given if name.endswith("b") else channels
                self.add_module(name, Convolution(given, outward, kernel, sum(stride) or 1, not stride))
                channels = outward
        if pooled:
            self.branch_pool = Convolution(inward, pooled, 1)

    def forward(self, x: Float[Tensor, "batch inward height width"]) -> Float[Tensor, "batch outward lower narrower"]:
        """Every path, then the pooled one."""
        found = []
        for names in self.paths:
            given = last = x
            for name in names:
                if name.endswith("b"):
                    found.append(last)
                else:
                    given = last
                last = self.get_submodule(name)(given)
            found.append(last)
        if self.pool == "mean":
            y = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        else:
            y = F.max_pool2d(x, 3, 1, 1) if self.pool == "largest" else F.max_pool2d(x, 3, 2)
        return torch.cat([*found, self.branch_pool(y) if self.pooled else y], 1)


def _small(inward: int, pooled: int) -> Mixed:
    """35 × 35, figure 5 of the paper."""
    return Mixed(
        inward,
        (
            (("branch1x1", 64, 1),),
            (("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)),
            (("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)),
        ),
        "mean",
        pooled,
    )


def _long(middle: int) -> Mixed:
    """17 × 17, figure 6."""
    across, down = (1, 7), (7, 1)
    doubled = (("branch7x7dbl_2", middle, down), ("branch7x7dbl_3", middle, across), ("branch7x7dbl_4", middle, down))
    return Mixed(
        768,
        (
            (("branch1x1", 192, 1),),
            (("branch7x7_1", middle, 1), ("branch7x7_2", middle, across), ("branch7x7_3", 192, down)),
            (("branch7x7dbl_1", middle, 1), *doubled, ("branch7x7dbl_5", 192, across)),
        ),
        "mean",
        192,
    )


def _wide(inward: int, pool: str) -> Mixed:
    """8 × 8, figure 7."""
    return Mixed(
        inward,
        (
            (("branch1x1", 320, 1),),
            (("branch3x3_1", 384, 1), ("branch3x3_2a", 384, (1, 3)), ("branch3x3_2b", 384, (3, 1))),
            (
                ("branch3x3dbl_1", 448, 1),
                ("branch3x3dbl_2", 384, 3),
                ("branch3x3dbl_3a", 384, (1, 3)),
                ("branch3x3dbl_3b", 384, (3, 1)),
            ),
        ),
        pool,
        192,
    )


class Inception(nn.Module):
    """The network."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, 3, 2, pad=False)
        self.Conv2d_2a_3x3 = Convolution(32, 32, 3, pad=False)
        self.Conv2d_2b_3x3 = Convolution(32, 64, 3)
        self.Conv2d_3b_1x1 = Convolution(64, 80, 1)
        self.Conv2d_4a_3x3 = Convolution(80, 192, 3, pad=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _small(192, 32), _small(256, 64), _small(288, 64)
        doubled = (("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3, 2))
        self.Mixed_6a = Mixed(288, ((("branch3x3", 384, 3, 2),), doubled), "shrink", 0)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = _long(128), _long(160), _long(160), _long(192)
        last = (("branch7x7x3_2", 192, (1, 7)), ("branch7x7x3_3", 192, (7, 1)), ("branch7x7x3_4", 192, 3, 2))
        shrunk = (("branch3x3_1", 192, 1), ("branch3x3_2", 320, 3, 2))
        self.Mixed_7a = Mixed(768, (shrunk, (("branch7x7x3_1", 192, 1), *last)), "shrink", 0)
        self.Mixed_7b, self.Mixed_7c = _wide(1280, "mean"), _wide(2048, "largest")
        self.fc = nn.Linear(WIDTH, CLASSES)
        """Not run: the release has it."""

    def forward(self, x: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        """Features of RGB pictures of any size, whole values in [0, 255]."""
        x = (enlarge(enlarge(x, SIDE, 2), SIDE, 3) - 128) / 128
        x = F.max_pool2d(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))), 3, 2)
        x = F.max_pool2d(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)), 3, 2)
        for name, module in self.named_children():
            if name.startswith("Mixed"):
                x = module(x)
        return x.mean((2, 3))


def enlarge(x: Tensor, side: int, axis: int) -> Tensor:
    """Linear interpolation along an axis as TensorFlow 1 had it: the first pixels' edges meet, nothing is smoothed."""
    size = x.shape[axis]
    places = torch.arange(side, device=x.device) * torch.tensor(size / side, dtype=torch.float32)
    low = places.long()
    share = (places - low).reshape([-1 if number == axis else 1 for number in range(x.ndim)])
    first, second = x.index_select(axis, low), x.index_select(axis, (low + 1).clamp_max(size - 1))
    return first + (second - first) * share
