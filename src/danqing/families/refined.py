"""A painter whose paintings are refined: one who learnt the last of a style from real pictures goes over them.

A network that is trained on few pictures paints their style half-way: what it paints lies between what it knew and what it was
shown. Who is given its paintings, and must make them such that a critic takes them for real while each patch stays what it
shows, goes the rest of the way (SimGAN: Shrivastava et al. 2017, "Learning from simulated and unsupervised images through
adversarial training", equation 1). Here patches are held in place by contrast, as in CUT (`danqing.families.unpaired`), instead
of by the absolute error: a style's outlines lie where none were. A pass goes part of the way, and leaves real pictures as they
are; so it goes over each painting several times. Colours are learnt from few pictures, lines are not: so light and opacity are
what it refines, while hues stay those of the painting, which would fade from pass to pass.

The painter itself stays as it was. Paintings in other styles are left alone, those of mixtures refined by their style's share.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from danqing.conditions.conditioner import Blend
from danqing.families.diffusion import Diffusion
from danqing.families.rivals import Conditions, Pictures
from danqing.families.translation import SMALL
from danqing.families.unpaired import Cut, CutConfig
from danqing.maths.schedules import Point
from danqing.parts.augmenting import augmented
from danqing.parts.contract import Asked, Canvas, Family, Keys, Plan, Values

CLEAN = Point(1.0, 0.0)
LUMA = (0.299, 0.587, 0.114)
"""Of red, green and blue (ITU-R BT.601)."""
BRIGHTEST = 4.0
"""Colours are made lighter by this factor at most, since those of near black mean little."""
REFINED = "refined"
"""The tensor of a canvas that is the refiner's: the paintings it went over."""

# --- config ------------------------------------------------------------------------------------------------------------


class RefinedConfig(CutConfig):
    """Settings of a refiner; a training takes `base` and `style` from the painter and the set it is given.

    Args:
        passes: how often it goes over each painting; it learns from its first pass alone.
        colours: whose hue and saturation paintings have: the painter's, or the refiner's; gray ones have neither.
        augment: probability of each change of what the critic sees (`danqing.parts.augmenting`).
        base: the painter whose paintings are refined: its "family", which is diffusion, and its settings ("model").
        style: the one whose paintings are refined; those of all if empty.
    """

    passes: int = Field(4, ge=1)
    colours: Literal["painter", "refiner"] = "painter"
    augment: float = Field(0.5, ge=0, lt=1)
    base: dict[str, Any] = Field(default_factory=lambda: {"family": "diffusion", "model": {}})
    style: str = ""


# --- family ------------------------------------------------------------------------------------------------------------


class Refined(Cut):
    """A painter at rest, and a refiner with its critic. The starts of a batch are paintings of the painter.

    Args:
        config: its settings.
        conditions: what the painter can be asked for; the refiner sees its paintings alone.
        channels, length: as of `Translation`.
        base: the painter, as its settings build it.
    """

    starts: ClassVar[bool] = False
    translates: ClassVar[Literal["pairs", "sets"] | None] = None
    refines: ClassVar[bool] = True
    heeds: ClassVar[frozenset[str]] = Family.heeds
    tunable: Mapping[str, Sequence[Any]] = MappingProxyType({"passes": (1, 2, 3, 4), "colours": ("painter", "refiner")})

    def __init__(self, config: RefinedConfig, conditions: Conditions, channels: int, length: int, base: Diffusion) -> None:
        super().__init__(config, {}, channels, length)
        self.base, self.style, self.augment = base.requires_grad_(False).eval(), config.style, config.augment
        self.passes, self.coloured = config.passes, config.colours == "refiner"
        self.conditions, self.accepts, self.guidance = conditions, base.accepts, base.guidance

    def train(self, mode: bool = True) -> Refined:
        """The painter rests in either mode."""
        super().train(mode)
        self.base.eval()
        return self

    def _shown(self, real: Pictures, painted: Pictures, keys: Keys) -> tuple[Pictures, Pictures]:
        """Both, moved and coloured at random: few are soon known by heart, and their details then asked for anywhere."""
        first, second = (augmented(x.float(), keys.at(name), self.augment) for name, x in (("real", real), ("fake", painted)))
        return first, second

    def taught_by(self, base: Family) -> None:
        """Take the painter's weights over."""
        self.base.load_state_dict(base.state_dict())

    def natural(self, start: tuple[int, int] | None, learnt: tuple[int, int]) -> tuple[int, int]:
        """As the painter has it."""
        return self.base.natural(start, learnt)

    def start(self, asked: Asked, plan: Plan, keys: Keys) -> Canvas:
        """As the painter starts, with a step more."""
        canvas = self.base.start(asked, plan, keys)
        return dataclasses.replace(canvas, grid=(*canvas.grid, canvas.grid[-1] - 1.0))

    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """One of the painter's; after its last, the refiner's."""
        inner = _inner(canvas)
        if not inner.done:
            return dataclasses.replace(self.base.step(inner, asked), grid=canvas.grid)
        x = self.base.show(inner)
        share = self._share(asked.conditions, len(x)).to(x)[:, None, None, None]
        if asked.mask is not None:
            share = share * asked.mask.to(x)
        refined = x
        for _ in range(self.passes):
            refined = self.painter(refined, {}).float().clamp(-1, 1)
        refined = refined if self.coloured else lit(x, refined)
        for _ in range(self.passes):  # each pass has led away from the colours that were asked for
            refined = self.base.toned(refined, asked, CLEAN)
        refined = x.lerp(refined, share)
        return dataclasses.replace(canvas, tensors={**canvas.tensors, REFINED: refined}, step=canvas.step + 1)

    def show(self, canvas: Canvas) -> Float[Tensor, "batch channels height width"]:
        """The paintings as far as they are."""
        refined = canvas.tensors.get(REFINED)
        return self.base.show(_inner(canvas)) if refined is None else refined

    def _share(self, values: Values, count: int) -> Float[Tensor, " batch"]:
        """How much of each painting is in the style that is refined."""
        if not self.style:
            return torch.ones(count)
        return torch.tensor([self._of(value) for value in values.get("style") or [None] * count])

    def _of(self, asked: Any) -> float:
        """The share that is asked for of the style, of blends too."""
        if isinstance(asked, Blend):
            return float(sum(weight * self._of(value) for value, weight in asked.parts))
        return float(sum(share for name, share in asked or () if name == self.style))


def lit(colours: Pictures, light: Pictures) -> Pictures:
    """Hues and saturations of some pictures, as light and as opaque as others.

    Where there is no colour, or it cannot be made so light, it is mixed with gray. `danqing.maths.colour.recoloured` keeps
    chroma instead of saturation, by which black lines would be tinted.

    Args:
        colours, light: in [-1, 1]; those with 4 channels are premultiplied.
    """
    if colours.shape[1] == 1:
        return light
    luma = colours.new_tensor(LUMA)[:, None, None]
    known, wanted = ((x[:, :3] + 1) for x in (colours, light))
    before, after = ((x * luma).sum(1, keepdim=True) for x in (known, wanted))
    most = light[:, 3:] + 1 if light.shape[1] == 4 else torch.full_like(after, 2.0)
    found = torch.minimum(known * (after / before.clamp_min(1e-3)).clamp(max=BRIGHTEST), most)
    found = torch.minimum((found + after - (found * luma).sum(1, keepdim=True)).clamp_min(0), most)
    return torch.cat([found - 1, light[:, 3:]], 1)


def _inner(canvas: Canvas) -> Canvas:
    """The painter's own canvas in it."""
    grid = canvas.grid[:-1]
    tensors = {name: tensor for name, tensor in canvas.tensors.items() if name != REFINED}
    return dataclasses.replace(canvas, tensors=tensors, grid=grid, step=min(canvas.step, len(grid) - 1))


# --- presets -----------------------------------------------------------------------------------------------------------

PRESETS: dict[str, dict[str, Any]] = {"small": SMALL, "medium": {}}
"""Differences from the defaults by name."""
