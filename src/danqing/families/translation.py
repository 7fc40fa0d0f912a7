"""Translation: pictures of one kind made into pictures of another; here learnt from pairs (pix2pix).

A painter turns each picture into one that is near its partner in absolute error, which settles what is where, and that a
critic takes for real, which settles how sharp it is (Isola et al. 2017, "Image-to-image translation with conditional
adversarial networks", equations 1, 3 and 4). It is also to be near to a network that knows photographs (pix2pixHD, Wang et al.
2018, section 3.3), to which a stroke a little aside is still a stroke. The critic looks through such a network too
(`danqing.families.rivals`); the paper's, of patches, who also sees what a picture was made from, is the preset `patches`, with
hinges for losses. No noise is given: the paper found its painters to ignore it (section 2.3), so one picture has one
translation.

The painter is a U-Net whose output is added to its input, so that it begins as the identity. What all translations share, the
unpaired ones of `danqing.families.unpaired` too, is `Translation`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from danqing.conditions.conditioner import Conditioner
from danqing.config import Needs
from danqing.errors import WishError
from danqing.families.rivals import Conditions, Patches, Rival
from danqing.parts.contract import Asked, Batch, Canvas, Clock, Family, Key, Keys, Loss, Plan, Player, Values
from danqing.parts.critics import game
from danqing.parts.perceptual import Perceptual
from danqing.parts.projection import SIDE
from danqing.parts.rates import PlayerConfig
from danqing.parts.unet import UNet, UNetConfig

# --- config ------------------------------------------------------------------------------------------------------------


class TranslationConfig(PlayerConfig):
    """Settings that all translations share.

    Args:
        backbone: of the painter.
        sight: "pixels" for a critic of patches, "projected" for one who looks through a network that knows photographs.
        critic: channels of the first layer of a critic of patches.
        view, gamma, lazy: of a projected critic, as of `danqing.families.gan.GanConfig`; it also learns from pictures beside
            styles that are not theirs.
        lead: the critic's learning rate over the painter's.
    """

    needs: ClassVar[Needs] = {
        "critic": ("sight", ("pixels",)),
        **dict.fromkeys(("view", "gamma", "lazy"), ("sight", ("projected",))),
    }
    backbone: UNetConfig = Field(default_factory=lambda: UNetConfig(attention=(False, False, True)))
    sight: Literal["projected", "pixels"] = "projected"
    critic: int = Field(64, ge=8)
    view: int = Field(SIDE, ge=16)
    gamma: float = Field(20.0, ge=0)
    lazy: int = Field(4, ge=1)
    lead: float = Field(1.0, gt=0)
    lr: float = Field(5e-4, gt=0)
    betas_adam: tuple[float, float] = (0.5, 0.99)
    decay: float = Field(0.0, ge=0)
    warmup: int = Field(1_000, ge=0)
    average: int = Field(4_000, ge=4)


class Pix2PixConfig(TranslationConfig):
    """Settings of pix2pix.

    Args:
        absolute: weight of the absolute error; the critic's is 1. Drawings are mostly even, and a critic who weighs more paints
            grain on them; but where strokes cannot be foreseen a large weight blurs them.
        perceptual: weight of the distance that a network that knows photographs sees (`danqing.parts.perceptual`); 0 asks none.
    """

    absolute: float = Field(300.0, ge=0)
    perceptual: float = Field(100.0, ge=0)


# --- families ----------------------------------------------------------------------------------------------------------


class Translation(Family):
    """A family of one step that starts from a picture, of any size.

    Args:
        config: its settings.
        conditions: what it can be asked for beside the picture.
        channels: 1, 3 or 4.
        length: pictures the whole training will see, for the learning rates.
    """

    starts: ClassVar[bool] = True
    batch: ClassVar[int | None] = 16
    heeds: ClassVar[frozenset[str]] = frozenset({"init", "mask"})

    def __init__(self, config: TranslationConfig, conditions: Conditions, channels: int, length: int) -> None:
        super().__init__()
        self.channels, self.length = channels, length
        self.conditions, self.accepts = conditions, frozenset(conditions)
        self.painter = Painter(config.backbone, conditions, channels)

    def start(self, asked: Asked, plan: Plan, keys: Keys) -> Canvas:
        """The picture to be translated.

        Raises:
            WishError: there is none, or steps, sampler or strength were asked for.
        """
        if asked.start is None:
            raise WishError("a translation starts from a picture and none was given: add --init FILE")
        if plan.strength != 1 or plan.sampler or plan.steps not in (None, 1):
            raise WishError("a translation takes one step and goes all the way: leave out steps, sampler and strength")
        start = asked.start.to(next(self.parameters())).contiguous()  # as a canvas read from disk has it, to the bit
        return Canvas({"start": start, "x": start}, (1.0, 0.0), 0, keys)

    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """The one step."""
        painted = self.painter(canvas.tensors["start"], asked.conditions).float().clamp(-1, 1)
        return dataclasses.replace(canvas, tensors={**canvas.tensors, "x": painted}, step=canvas.step + 1)

    def show(self, canvas: Canvas) -> Float[Tensor, "batch channels height width"]:
        """The picture; before its step, the one to be translated."""
        return canvas.tensors["x"]

    def natural(self, start: tuple[int, int] | None, learnt: tuple[int, int]) -> tuple[int, int]:
        """In the shape of its start, no side shorter than was learnt where that can be painted: strokes keep their width."""
        if start is None:
            return learnt
        scale = min(max(side / given for side, given in zip(learnt, start, strict=True)), self.largest / max(start))
        return round(start[0] * scale), round(start[1] * scale)


class Pix2Pix(Translation):
    """Learns from pairs: a painter, and a critic that sees what a picture was made from too, unless it is projected."""

    translates: ClassVar[Literal["pairs", "sets"] | None] = "pairs"

    def __init__(self, config: Pix2PixConfig, conditions: Conditions, channels: int, length: int) -> None:
        super().__init__(config, conditions, channels, length)
        self.config, self._both = config, config.sight == "pixels"
        self.critic = rival(config, 2 * channels if self._both else channels, conditions)
        self._seen = Perceptual() if config.perceptual else None

    def players(self) -> dict[str, Player]:
        """The critic moves first."""
        return game(self.painter, self.critic, self.config, self.length, self.config.lead)

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """The critic's: to tell partners from paintings. The painter's: to be near the partner, and to fool the critic."""
        start, real, values, keys = begun(batch), batch.pictures, batch.conditions, batch.keys(key)
        with torch.set_grad_enabled(player == "painter"):
            painted = self.painter(start, values)
        known, claimed = (torch.cat([start, end], 1) if self._both else end for end in (real, painted))
        if player == "critic":
            return Loss(self.critic.tells(known, claimed, values, keys, clock))
        parts = {"absolute": self.config.absolute * (painted.float() - real).abs().mean((1, 2, 3))}
        if self._seen is not None:
            parts["perceptual"] = self.config.perceptual * self._seen(painted, real)
        return Loss({**parts, "fool": self.critic.fooled(known, claimed, values, keys)})


class Painter(nn.Module):
    """A U-Net that is told no time; its output is added to its input."""

    def __init__(self, config: UNetConfig, conditions: Conditions, channels: int) -> None:
        super().__init__()
        self.conditioner = Conditioner(conditions, config.embedding)
        self.network = UNet(config, channels)

    def forward(
        self, x: Float[Tensor, "batch channels height width"], values: Values
    ) -> Float[Tensor, "batch channels height width"]:
        """The translation, not held within [-1, 1]."""
        told = self.conditioner.encode(values, len(x))
        out: Tensor = x + self.network(x, x.new_zeros(len(x)), told.vector, told.tokens, told.mask)
        return out

    def levels(self, x: Float[Tensor, "batch channels height width"], values: Values) -> list[Tensor]:
        """The picture, and what each level of the network sees of it on the way down."""
        told = self.conditioner.encode(values, len(x))
        vector = self.network.told(x.new_zeros(len(x)), told.vector)
        return [x, *self.network.levels(x, vector, told.tokens, told.mask)]


def rival(config: TranslationConfig, channels: int, conditions: Conditions) -> Rival | Patches:
    """The critic that a config asks for."""
    if config.sight == "projected":
        return Rival(conditions, config.view, config.gamma, config.lazy)
    return Patches(channels, config.critic, conditions)


def begun(batch: Batch) -> Float[Tensor, "batch channels height width"]:
    """What the pictures of a batch are made from, which a training of a translation always brings."""
    if batch.starts is None:
        raise ValueError("a translation learns from pictures with starts, and this batch has none; a mistake of the caller")
    return batch.starts


# --- presets -----------------------------------------------------------------------------------------------------------

SMALL: dict[str, Any] = {
    "backbone": {
        "kind": "unet",
        "widths": [32, 64, 128],
        "depths": [1, 1, 1],
        "attention": [False, False, True],
        "embedding": 128,
    }
}
SLIGHT: dict[str, Any] = {**SMALL, "critic": 32}
PATCHES: dict[str, Any] = {"sight": "pixels", "absolute": 1000.0, "perceptual": 0.0}
"""The paper's critic; the absolute error weighs ten times the paper's."""
PRESETS: dict[str, dict[str, Any]] = {"small": SMALL, "medium": {}, "patches": {**SLIGHT, **PATCHES}}
"""Differences from the defaults by name."""
