"""A picture painted anew in the style of another, in one pass: Magenta's arbitrary stylisation.

Ghiasi et al. 2017, section 2: one network looks at a painting and gives a hundred numbers, its style; another paints a picture
anew, and its normalisations are shifted and scaled in ways that are linear in the style (Dumoulin et al. 2017, equation 5).
These are the small ones made for telephones: a MobileNetV2 (Sandler et al. 2018, table 2) that was taught by the paper's
network, and a narrow painter. Their weights come in whole numbers of 8 bits; here the real numbers they mean are computed with,
and what flows between layers is not rounded to 8 bits.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.assets import Tell, converted, to_stderr
from danqing.errors import AssetError
from danqing.parts.efficientnet import Block, Convolution
from danqing.parts.onnx_weights import read_onnx
from danqing.parts.packing import frozen

ASSET = "magenta-style"
STYLE = 100
"""Numbers of a style."""
SIDE = 256
"""Pixels of a side, as the network that predicts styles is shown them."""
STAGES = ((1, 1, 1, 16), (2, 2, 6, 24), (3, 2, 6, 32), (4, 2, 6, 64), (3, 1, 6, 96), (3, 2, 6, 160), (1, 1, 6, 320))
"""Of that network: repeats, stride of the first, expansion, output channels."""
STEM, HEAD = 32, 1280
NARROW = ((3, 8, 9, 1), (8, 16, 3, 2), (16, 32, 3, 2))
"""Of the painter, on the way in: input channels, output channels, kernel, stride."""
RESIDUALS = 5
WIDEN = ((32, 16, 3, 2), (16, 8, 3, 2), (8, 3, 9, 1))
"""On the way out: input channels, output channels, kernel, and how many times the map is enlarged before."""
STEP = 4
"""The painter's coarsest pixel. Tiles begin at multiples of it, and those that do not end with the picture end there too."""
RADIUS = 60
"""Pixels, a multiple of `STEP`: what is painted at a place depends on nothing that lies further away, but for the norms."""
EPSILON = 1e-5
LEAST = 2 * STEP
"""Mirroring a border needs maps of two pixels at least."""

Norm = tuple[Tensor, Tensor]
"""Mean and variance of each channel, (batch, channels, 1, 1); a batch of 1 serves any batch."""
Norms = tuple[Norm, ...]
"""One for each normalisation of the painter, in the order in which it has them."""


class Styled(nn.Module):
    """A convolution over mirrored borders; each channel normalised, then scaled and shifted as a style asks."""

    def __init__(self, inward: int, outward: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inward, outward, kernel, padding=kernel // 2, padding_mode="reflect", bias=False)
        self.gain, self.shift = nn.Linear(STYLE, outward), nn.Linear(STYLE, outward)

    def forward(
        self, x: Float[Tensor, "batch inward height width"], styles: Float[Tensor, "batch 100"], norm: Norm | None
    ) -> tuple[Float[Tensor, "batch outward height width"], Norm]:
        """What is seen, and the norm that was used: the one given, or the picture's own."""
        x = self.conv(x)
        if norm is None:
            variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
            norm = mean, variance
        mean, variance = norm
        gain = self.gain(styles)[..., None, None] * (variance + EPSILON).rsqrt()
        return x * gain + (self.shift(styles)[..., None, None] - mean * gain), norm


class Stylisation(nn.Module):
    """Both networks."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [Convolution(3, STEM, 3, 2)]
        width = STEM
        for repeats, stride, expansion, outward in STAGES:
            for number in range(repeats):
                layers.append(Block(width, outward, 3, 1 if number else stride, expansion))
                width = outward
        self.seen = nn.Sequential(*layers, Convolution(width, HEAD, 1))
        self.told = nn.Linear(HEAD, STYLE)
        self.narrow = nn.ModuleList(
            nn.Conv2d(inward, outward, kernel, stride, kernel // 2, padding_mode="reflect")
            for inward, outward, kernel, stride in NARROW
        )
        width = NARROW[-1][1]
        self.residuals = nn.ModuleList(
            nn.ModuleList((Styled(width, width, 3), Styled(width, width, 3))) for _ in range(RESIDUALS)
        )
        self.widen = nn.ModuleList(Styled(inward, outward, kernel) for inward, outward, kernel, _ in WIDEN)

    def style(self, pictures: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 100"]:
        """The style of each picture; styles may be mixed by weighing them.

        Args:
            pictures: RGB in [-1, 1], of any size. The square in the middle is looked at, at 256 × 256.
        """
        side = min(pictures.shape[-2:])
        top, left = ((length - side) // 2 for length in pictures.shape[-2:])
        square = pictures[..., top : top + side, left : left + side]
        small = F.interpolate(square, (SIDE, SIDE), mode="bicubic", antialias=True).clamp(-1, 1)
        found: Tensor = self.told(self.seen(((small + 1) / 2).contiguous(memory_format=torch.channels_last)).mean((2, 3)))
        return found

    def paint(
        self, pictures: Float[Tensor, "batch 3 height width"], styles: Float[Tensor, "batch 100"], norms: Norms | None = None
    ) -> Float[Tensor, "batch 3 height width"]:
        """Pictures painted anew, each in its style.

        Args:
            pictures: RGB in [-1, 1], of any size; a small one is painted with broad strokes.
            styles: from `style`.
            norms: from `norms`, to paint tiles of one picture alike; `None` takes those of each picture itself. With norms
                given, a tile equals the whole picture's result wherever `RADIUS` pixels around lie inside the tile.

        Returns:
            RGB in [-1, 1].
        """
        return self._painted(pictures, styles, norms)[0]

    def norms(self, pictures: Float[Tensor, "batch 3 height width"], styles: Float[Tensor, "batch 100"]) -> Norms:
        """The means and variances with which these pictures are painted in these styles; a smaller copy has similar ones."""
        return self._painted(pictures, styles, None)[1]

    def _painted(self, pictures: Tensor, styles: Tensor, norms: Norms | None) -> tuple[Tensor, Norms]:
        found: list[Norm] = []
        given: Iterator[Norm | None] = itertools.repeat(None) if norms is None else iter(norms)

        def styled(layer: nn.Module, x: Tensor) -> Tensor:
            seen, norm = layer(x, styles, next(given))
            found.append(norm)
            return seen  # type: ignore[no-any-return]

        height, width = pictures.shape[-2:]
        x = _padded((pictures + 1) / 2)
        for layer in self.narrow:
            x = F.relu(layer(x))
        for pair in self.residuals:
            first, second = pair.children()
            x = x + styled(second, F.relu(styled(first, x)))
        for number, (layer, (_, _, _, larger)) in enumerate(zip(self.widen, WIDEN, strict=True), 1):
            x = styled(layer, F.interpolate(x, scale_factor=larger, mode="nearest") if larger > 1 else x)
            x = F.relu(x) if number < len(WIDEN) else 2 * torch.sigmoid(x) - 1
        return x[..., :height, :width], tuple(found)


def stylisation(tell: Tell = to_stderr) -> Stylisation:
    """The networks with their weights, frozen and in evaluation mode; fetched and converted when first used.

    Args:
        tell: is given one sentence with size and licence before anything is fetched.

    Raises:
        AssetError: the weights cannot be had, or what came is not these networks'.
        OutputError: the home folder cannot be written to.
    """
    return frozen(Stylisation, load_tensors(converted(ASSET, "weights.safetensors", _convert, tell)))


def _padded(x: Tensor) -> Tensor:
    """Mirrored below and to the right, so that sides are multiples of `STEP`."""
    down, right = (max(LEAST, -(-side // STEP) * STEP) - side for side in x.shape[-2:])
    mirrored = min(x.shape[-2:]) >= LEAST
    return F.pad(x, (0, right, 0, down), "reflect" if mirrored else "replicate") if down or right else x


def _places() -> Iterable[tuple[str, str, str]]:
    """Name of each layer of ours, its name in the asset's files, and what its kernel and its bias are called there."""
    ordinary, depthwise = ("weights", "Conv2D_bias"), ("depthwise_weights", "depthwise_bias")

    def both(ours: str, theirs: str, parts: tuple[str, str] = ordinary) -> Iterator[tuple[str, str, str]]:
        for mine, part in zip(("weight", "bias"), parts, strict=True):
            yield f"{ours}.{mine}", theirs, part

    yield from both("seen.0", "MobilenetV2/Conv")
    blocks = sum(repeats for repeats, *_ in STAGES)
    for number in range(blocks):
        block = f"MobilenetV2/expanded_conv{f'_{number}' if number else ''}"
        # The first block widens nothing.
        names = ("expand", "depthwise", "project") if number else ("depthwise", "project")
        for place, name in enumerate(names):
            parts = depthwise if name == "depthwise" else ordinary
            yield from both(f"seen.{number + 1}.path.{place}", f"{block}/{name}", parts)
    yield from both(f"seen.{blocks + 1}", "MobilenetV2/Conv_1")
    yield from both("told", "mobilenet_conv/Conv")
    for number in range(len(NARROW)):
        yield from both(f"narrow.{number}", f"transformer/contract/conv{number + 1}")
    layers = [
        (f"residuals.{number}.{place}", f"transformer/residual/residual{number + 1}/conv{place + 1}")
        for number in range(RESIDUALS)
        for place in range(2)
    ] + [(f"widen.{number}", f"transformer/expand/conv{number + 1}/conv") for number in range(len(WIDEN))]
    for ours, theirs in layers:
        # A bias before a normalisation does nothing; in these files it is 0.
        yield f"{ours}.conv.weight", theirs, "weights"
        yield from both(f"{ours}.shift", f"style_params/{theirs}/StyleNorm/Conv")
        yield from both(f"{ours}.gain", f"style_params/{theirs}/StyleNorm/Conv_1")


def _convert(folder: Path) -> bytes:
    """A safetensors file out of the asset's: ONNX, as it was made of TensorFlow's."""
    released = read_onnx((folder / "predict.onnx").read_bytes()) | read_onnx((folder / "transform.onnx").read_bytes())
    with torch.device("meta"):
        shapes = {name: weight.shape for name, weight in Stylisation().state_dict().items()}
    try:
        # A convolution of 1 × 1 over one place is a linear map.
        found = {
            ours: released[f"{theirs}/{part}_dequant"].reshape(shapes[ours]).contiguous() for ours, theirs, part in _places()
        }
    except (KeyError, RuntimeError) as error:
        raise AssetError(
            f"the files in '{folder}' do not hold the weights of arbitrary stylisation ({error}): "
            "delete the folder to fetch them again, or update Danqing"
        ) from error
    return save_tensors(found)
