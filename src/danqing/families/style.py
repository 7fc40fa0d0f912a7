"""Style transfer: what one picture shows, painted as others are; nothing is trained here.

`Gatys` changes a picture until it has the content of one picture and the style of others, as a network that knows photographs
sees them: its maps are to be those of the one, and the correlations of its channels those of the others (Gatys et al. 2016,
"Image style transfer using convolutional neural networks", equations 1, 4, 5 and 7). Each step of painting is an update by Adam
(Kingma & Ba 2015), whose moments lie in the canvas. Each layer's distances are taken as shares of what is asked, so that no
weights for layers have to be found.

`Stylisation` paints in one pass (Ghiasi et al. 2017; `danqing.parts.stylisation`); styles are mixed as numbers. Strength is how
much the painting covers the picture: going from the picture's own style to the one asked for (there, section 3.3) begins far
from the picture, for painting it in its own style already changes it. Large pictures are painted in tiles that share their
normalisation, so that they fit without a seam.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from danqing.conditions.condition import Condition
from danqing.conditions.style_pictures import Examples
from danqing.config import Config
from danqing.errors import ConfigError, WishError
from danqing.parts.contract import Asked, Batch, Canvas, Clock, Family, Key, Keys, Loss, Plan, Player
from danqing.parts.perceptual import grams
from danqing.parts.precision import reduced_precision
from danqing.parts.stylisation import RADIUS, STEP, Norms, stylisation
from danqing.parts.stylisation import Stylisation as Network
from danqing.parts.vgg import Vgg, vgg
from danqing.words import MAX_SIZE

Conditions = Mapping[str, Condition[Any]]
Pictures = Float[Tensor, "batch 3 height width"]
CONTENT, STYLES = "relu4_1", ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
"""Maps that tell what is shown, and how. Of those of the paper, the deepest is left out: the weights that can be had hardly use
it (`danqing.parts.vgg`)."""
BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Of Adam."""
POWER = 6
"""The power of the strength by which the style weighs; by the second, half of the strength gave nearly all of the style."""
COVER = 0.7
"""The power of the strength by which what was painted in one pass covers the picture: at half of it, six tenths."""
FRAME = 8
"""Pixels around a picture that mirror it: without, its borders are painted against black; more can be seen as a line."""
REMEMBERED = 16
"""What was last seen of pictures, kept so that steps need not look again."""

T = TypeVar("T")

# --- config ------------------------------------------------------------------------------------------------------------


class GatysConfig(Config):
    """Settings of painting by updates.

    Args:
        steps: updates in all.
        style: weight of the style at full strength; that of the content is 1.
        lr: how far an update moves a value at first, in [-1, 1]; less and less until the end.
    """

    steps: int = Field(100, ge=1, le=1000)
    style: float = Field(30.0, ge=0)
    lr: float = Field(0.08, gt=0)


class StylisationConfig(Config):
    """Settings of painting in one pass.

    Args:
        tile: pixels of a side that are painted at once; a multiple of 4.
    """

    tile: int = Field(1024, ge=256, multiple_of=STEP)


# --- families ----------------------------------------------------------------------------------------------------------


class Restyling(Family):
    """What all share: they start from a picture and need a style by example; most learn nothing."""

    starts: ClassVar[bool] = True
    free: ClassVar[bool] = True
    learns: ClassVar[bool] = False
    examples: ClassVar[bool] = True
    place: Tensor

    def __init__(self, conditions: Conditions, channels: int) -> None:
        super().__init__()
        self.register_buffer("place", torch.zeros(0), persistent=False)  # where it is: most have no parameter that would tell
        if channels != 3:
            raise ConfigError(f"style transfer paints in 3 channels, and channels={channels} was given: leave it out")
        self.conditions, self.accepts = conditions, frozenset(conditions)

    def players(self) -> dict[str, Player]:
        """Nobody."""
        return {}

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """There is nothing to learn."""
        raise ValueError("style transfer has no player; a mistake of the caller")

    def natural(self, start: tuple[int, int] | None, learnt: tuple[int, int]) -> tuple[int, int]:
        """The size of its start, smaller where that is larger than what was learnt."""
        if start is None:
            return learnt
        scale = min(1.0, max(learnt) / max(start))
        return max(1, round(start[0] * scale)), max(1, round(start[1] * scale))

    def start(self, asked: Asked, plan: Plan, keys: Keys) -> Canvas:
        """The picture, and how far to go, in one step.

        Raises:
            WishError: there is no picture, or no style.
        """
        if asked.start is None:
            raise WishError("style transfer starts from a picture and none was given: add --init FILE")
        if any(not value for value in asked.conditions.get("style", [None])):
            raise WishError("style transfer needs a style and none was given: add --style FILE")
        start = asked.start.to(self.place).contiguous()
        strength = torch.full((len(start),), plan.strength)
        return Canvas({"start": start, "strength": strength, "x": start}, (1.0, 0.0), 0, keys)

    def show(self, canvas: Canvas) -> Pictures:
        """The pictures as far as they are painted."""
        return canvas.tensors["x"].clamp(-1, 1)


class Stylisation(Restyling):
    """A family of one step.

    Args:
        config: its settings.
        conditions: the style.
        channels: 3.
        length: of no training; 0.
        network: paints; the released one where there is none, fetched when first used.
    """

    heeds: ClassVar[frozenset[str]] = frozenset({"init", "mask"})
    largest: ClassVar[int] = MAX_SIZE

    def __init__(
        self, config: StylisationConfig, conditions: Conditions, channels: int, length: int, network: Network | None = None
    ) -> None:
        super().__init__(conditions, channels)
        self.config = config
        self._network = Frozen(stylisation, network)

    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """The one step."""
        start, network = canvas.tensors["start"], self._network.here(canvas.tensors["start"].device)
        styles = [self._style(network, examples) for examples in examples_of(asked)]
        whole = torch.cat([self._painted(network, x[None], style) for x, style in zip(start, styles, strict=True)])
        painted = start.lerp(whole, canvas.tensors["strength"].to(start)[:, None, None, None] ** COVER)
        return dataclasses.replace(canvas, tensors={**canvas.tensors, "x": painted}, step=canvas.step + 1)

    def _style(self, network: Network, examples: Examples) -> Float[Tensor, "1 numbers"]:
        device = next(network.parameters()).device
        parts = [example.weight * network.style(example.seen()[None].to(device)) for example in examples]
        return torch.stack(parts).sum(0)

    def _painted(
        self, network: Network, x: Float[Tensor, "1 3 height width"], style: Float[Tensor, "1 numbers"]
    ) -> Float[Tensor, "1 3 height width"]:
        """Whole where it is small; else in tiles, each with as much around it as the network looks at."""
        height, width = x.shape[-2:]
        if max(height, width) <= self.config.tile:
            return network.paint(x, style)
        scale = self.config.tile / max(height, width)
        norms: Norms = network.norms(F.interpolate(x, scale_factor=scale, mode="area"), style)
        out, inner = torch.empty_like(x), self.config.tile - 2 * RADIUS
        for top, left in itertools.product(range(0, height, inner), range(0, width, inner)):
            above, before = max(0, top - RADIUS), max(0, left - RADIUS)
            below, after = min(height, top + inner + RADIUS), min(width, left + inner + RADIUS)
            tile = network.paint(x[..., above:below, before:after], style, norms)
            down, right = min(inner, height - top), min(inner, width - left)
            out[..., top : top + down, left : left + right] = tile[
                ..., top - above : top - above + down, left - before : left - before + right
            ]
        return out


class Gatys(Restyling):
    """A family whose every step is an update of the picture itself.

    Args:
        config: its settings.
        conditions: the style.
        channels: 3.
        length: of no training; 0.
        network: looks at pictures; VGG16 where there is none, fetched when first used.
    """

    heeds: ClassVar[frozenset[str]] = frozenset({"init", "mask", "steps"})

    def __init__(
        self, config: GatysConfig, conditions: Conditions, channels: int, length: int, network: Vgg | None = None
    ) -> None:
        super().__init__(conditions, channels)
        self.config = config
        self._network = Frozen(lambda: vgg(averaged=True), network)
        self._known = Memory()

    def start(self, asked: Asked, plan: Plan, keys: Keys) -> Canvas:
        """The picture itself, at rest.

        Raises:
            WishError: there is no picture, or no style.
        """
        canvas, steps = super().start(asked, plan, keys), plan.steps or self.config.steps
        rest = {moment: torch.zeros_like(canvas.tensors["x"]) for moment in ("first", "second")}
        grid = tuple(1 - step / steps for step in range(steps + 1))
        return dataclasses.replace(canvas, tensors={**canvas.tensors, **rest}, grid=grid)

    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """One update."""
        start, strength, x, first, second = (canvas.tensors[n] for n in ("start", "strength", "x", "first", "second"))
        slope = self._slope(x, start, examples_of(asked), strength)
        first, second = first.lerp(slope, 1 - BETAS[0]), second.lerp(slope.square(), 1 - BETAS[1])
        even = [moment / (1 - beta ** (canvas.step + 1)) for moment, beta in zip((first, second), BETAS, strict=True)]
        rate = self.config.lr * canvas.grid[canvas.step]  # so that it ends without the noise of large updates
        x = (x - rate * even[0] / (even[1].sqrt() + EPSILON)).clamp(-1, 1)
        tensors = {**canvas.tensors, "x": x, "first": first, "second": second}
        return dataclasses.replace(canvas, tensors=tensors, step=canvas.step + 1)

    def _slope(self, x: Pictures, start: Pictures, examples: Sequence[Examples], strength: Tensor) -> Pictures:
        """Of each picture's loss; of as many pictures as there are, each by itself."""
        network = self._network.here(x.device)
        slopes = []
        for row, own in enumerate(examples):
            content = self._known.of(("content", _digest(start[row])), functools.partial(self._content, network, start[row]))
            wanted = [(e.weight, self._grams(network, e.seen(), start.shape[-2:])) for e in own]
            slopes.append(self._one(network, x[row : row + 1], content, wanted, float(strength[row])))
        return torch.cat(slopes)

    def _one(
        self,
        network: Vgg,
        x: Float[Tensor, "1 3 height width"],
        content: Tensor,
        wanted: Sequence[tuple[float, dict[str, Tensor]]],
        strength: float,
    ) -> Float[Tensor, "1 3 height width"]:
        with torch.inference_mode(False), torch.enable_grad():
            point = x.clone().requires_grad_()
            maps = self._maps(network, _framed(point))
            loss = (maps[CONTENT] - content.clone()).square().sum() / content.square().sum()
            for layer in STYLES:
                mine, target = grams(maps[layer])[0], sum((w * g[layer].clone() for w, g in wanted), torch.zeros(()))
                apart = (mine - target).square().sum() / target.square().sum()
                loss = loss + self.config.style * strength**POWER * apart / len(STYLES)
            (slope,) = torch.autograd.grad(loss, point)
        return slope.detach()

    def _content(self, network: Vgg, start: Float[Tensor, "3 height width"]) -> Tensor:
        return self._maps(network, _framed(start[None]))[CONTENT]

    def _maps(self, network: Vgg, x: Float[Tensor, "1 3 height width"]) -> dict[str, Tensor]:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=reduced_precision(x.device, "auto")):
            found = network.maps(x, (*STYLES, CONTENT))
        return {name: seen.float() for name, seen in found.items()}

    def _grams(self, network: Vgg, style: Float[Tensor, "3 height width"], size: Sequence[int]) -> dict[str, Tensor]:
        """Of a style whose picture has as many pixels as the one that is painted: its strokes are then as wide as they are."""

        def seen() -> dict[str, Tensor]:
            scale = (size[0] * size[1] / (style.shape[1] * style.shape[2])) ** 0.5
            sides = [max(32, round(side * scale)) for side in style.shape[1:]]
            return {
                name: grams(maps)[0] for name, maps in self._maps(network, _resized(style[None], (sides[0], sides[1]))).items()
            }

        return self._known.of(("style", tuple(size), _digest(style)), seen)


class Frozen:
    """A network that belongs to nobody: not trained, not saved, and opened when it is first needed."""

    def __init__(self, open_: Callable[[], Any], network: Any = None) -> None:
        self._open, self._network = open_, network

    def here(self, device: torch.device) -> Any:
        """The network, on this device."""
        with torch.inference_mode(False):  # slopes are taken through it later
            if self._network is None:
                self._network = self._open()
            return self._network.to(device)


class Memory:
    """What was last worked out, by what it was worked out from."""

    def __init__(self) -> None:
        self._kept: dict[Any, Any] = {}

    def of(self, name: Any, make: Callable[[], T]) -> T:
        """What is kept by this name, made where it is not."""
        if name not in self._kept:
            with torch.no_grad():
                self._kept[name] = make()
            while len(self._kept) > REMEMBERED:
                del self._kept[next(iter(self._kept))]
        found: T = self._kept[name]
        return found


def examples_of(asked: Asked) -> Sequence[Examples]:
    """The styles asked for, of each picture."""
    examples: Sequence[Examples] = asked.conditions["style"]
    return examples


def _resized(x: Pictures, size: tuple[int, ...]) -> Float[Tensor, "batch 3 new_height new_width"]:
    """Smoothly, without aliasing."""
    return x if tuple(x.shape[-2:]) == size else F.interpolate(x, size, mode="bilinear", antialias=True)


def _framed(x: Pictures) -> Float[Tensor, "batch 3 framed_height framed_width"]:
    """Mirrored around, for the network sees black outside, and would paint against it."""
    return F.pad(x, (min(FRAME, min(x.shape[-2:]) - 1),) * 4, mode="reflect")


def _digest(x: Tensor) -> bytes:
    return hashlib.blake2b(x.contiguous().cpu().numpy().tobytes(), digest_size=16).digest()


# --- presets -----------------------------------------------------------------------------------------------------------

GATYS_PRESETS: dict[str, dict[str, Any]] = {"medium": {}}
STYLISATION_PRESETS: dict[str, dict[str, Any]] = {"medium": {}}
"""Differences from the defaults by name."""
