"""Generative adversarial network: a painter learns from a critic, who learns to tell its pictures from real ones.

The losses are those of "The GAN is dead; long live the GAN!" (R3GAN, Huang et al. 2024, equations 2 and 4): the critic judges a
real and a painted picture against each other (Jolicoeur-Martineau 2018, "The relativistic discriminator"), and its slopes are
kept small at both (R1, Mescheder et al. 2018, equation 9, and R2). It sees pictures through a network that knows photographs
(`danqing.parts.projection`; Sauer et al. 2021) and judges maps of four scales, or pixels. The painter is style-based (Karras et
al. 2020, "Analyzing and improving the image quality of StyleGAN", section 2): a mapping network makes a style of noise and
conditions, which scales the inputs of every convolution; the convolution's output is brought back to unit variance (there,
equation 3), and noise is added; two styles are mixed in training (Karras et al. 2019, section 3.1), and painting draws styles
towards their mean (there, appendix B), or away from the mean of those that are as asked (after the conditional truncation of
Dobler et al. 2022, "Art creation with multi-conditional StyleGANs"). Unlike there the coarsest map is not a constant but is
made of the style, so that paintings differ in shape from the first update on. What the critic sees is augmented as far as it
needs (`danqing.parts.augmenting`; Karras et al. 2020, "Limited data"). Or the painter is a plain stack of convolutions (DCGAN,
Radford et al. 2016, section 3).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.conditions.conditioner import Conditioner, drop
from danqing.config import Needs
from danqing.families.rivals import Conditions, PixelsCritic, ProjectedCritic, mistaken, told_apart
from danqing.parts.augmenting import augmented
from danqing.parts.blocks import groups
from danqing.parts.contract import Asked, Batch, Canvas, Clock, Key, Keys, LatentFamily, Loss, Plan, Player, Values
from danqing.parts.critics import game
from danqing.parts.projection import SIDE, Projection
from danqing.parts.rates import PlayerConfig
from danqing.parts.symptoms import Symptom, overfitting

FOLLOW = 0.01
"""What each update adds to the running mean style, and to how sure the critic is."""
MEANT = 64
"""Noises of which the mean style of what is asked is taken, the same ones for every picture."""

# --- config ------------------------------------------------------------------------------------------------------------


class GanConfig(PlayerConfig):
    """Settings of the GAN.

    Args:
        painter: "style" or "plain".
        critic: "projected" judges what a network that knows photographs sees, "pixels" the pictures.
        view: pixels of the shorter side to which a projected critic has smaller pictures enlarged.
        maps: channels of the maps that a projected critic judges, from the finest; what is in a picture shows in the coarsest.
        latent: numbers of noise.
        style: numbers of a style.
        widths: channels of the painter's levels, from the coarsest; each has twice the height and width of the one before. A
            critic of pixels has them in reverse.
        gamma: weight of the penalties on the critic's slopes.
        heed: whether the critic also learns from real pictures beside words that are not theirs.
        lazy: the penalties come every so many updates, that much stronger (Karras et al. 2020, "Analyzing", section 3.1).
        lead: the critic's learning rate over the painter's.
        mixing: share of the pictures painted from two styles.
        sure: how surely the critic may tell real from painted before more is augmented; 1 augments nothing. One of pixels who
            knows no picture by heart is less sure (0.6) than one who looks through a network.
        swiftness: pictures in which augmentation can go from nothing to always.
        most: augmentation never exceeds this.
        truncation: share of the way from the mean style at which styles are painted.
        variety: how far from the mean style of what is asked noise leads, as a multiple of how far it learnt to.
    """

    needs: ClassVar[Needs] = {
        "view": ("critic", ("projected",)),
        "maps": ("critic", ("projected",)),
        "mixing": ("painter", ("style",)),
    }
    painter: Literal["style", "plain"] = "style"
    critic: Literal["projected", "pixels"] = "projected"
    view: int = Field(SIDE, ge=16)
    maps: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (48, 64, 96, 192)
    latent: int = Field(64, ge=1)
    style: int = Field(128, ge=8)
    widths: tuple[int, ...] = (128, 96, 64, 48)
    gamma: float = Field(20.0, ge=0)
    heed: bool = True
    lazy: int = Field(4, ge=1)
    lead: float = Field(1.0, gt=0)
    mixing: float = Field(0.5, ge=0, le=1)
    sure: float = Field(0.98, gt=0, le=1)
    swiftness: float = Field(100_000, gt=0)
    most: float = Field(0.8, ge=0, lt=1)
    truncation: float = Field(1.0, ge=0)
    variety: float = Field(1.0, ge=0)
    lr: float = Field(1e-3, gt=0)
    betas_adam: tuple[float, float] = (0.0, 0.99)
    decay: float = Field(0.0, ge=0)
    clip: float = Field(1e3, gt=0)
    warmup: int = Field(0, ge=0)
    cooldown: float = Field(0.2, ge=0, le=1)
    average: int = Field(10_000, ge=4)


# --- family ------------------------------------------------------------------------------------------------------------


class Gan(LatentFamily):
    """A family of two players and one step, with a latent: the style.

    Args:
        config: its settings.
        conditions: what it can be asked for.
        channels: 1, 3 or 4.
        length: pictures the whole training will see, for the learning rates.
        size: (height, width) of its pictures.
    """

    sized: ClassVar[bool] = True
    batch: ClassVar[int | None] = 16
    heeds: ClassVar[frozenset[str]] = frozenset()
    tunable: Mapping[str, Any] = {
        "truncation": (0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
        "variety": (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0),
    }

    def __init__(self, config: GanConfig, conditions: Conditions, channels: int, length: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.config, self.channels, self.length, self.size = config, channels, length, size
        self.conditions, self.accepts = conditions, frozenset(conditions)
        self.painter: _Style | _Plain = (_Style if config.painter == "style" else _Plain)(config, conditions, channels, size)
        projected = config.critic == "projected"
        self.critic: ProjectedCritic | PixelsCritic = (
            ProjectedCritic(conditions, config.maps)
            if projected
            else PixelsCritic(conditions, channels, config.widths[::-1], config.style)
        )
        self._see = Projection(config.view, config.maps) if projected else None
        self.strength: Tensor
        self.certain: Tensor
        self.mean: Tensor
        self.register_buffer("strength", torch.zeros(()))
        self.register_buffer("certain", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(self.painter.width))

    def players(self) -> dict[str, Player]:
        """The critic moves first."""
        return game(self.painter, self.critic, self.config, self.length, self.config.lead)

    def networks(self) -> tuple[nn.Module, ...]:
        """The critic's convolutions."""
        return tuple(self.critic.bodies)

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """The critic's: to find each real picture more real than a painted one, calmly. The painter's: the reverse."""
        keys, real = batch.keys(key), batch.pictures
        values = drop(batch.conditions, keys.at("drop"))
        styles, fake = self._painted(keys, values)
        count = torch.ones(len(batch), device=real.device).sum()
        seen = [self._seen(x, keys.at(name)) for x, name in ((real, "real"), (fake, "fake"))]
        if player == "painter":
            known, claimed = (self.critic(maps, values)[0].float() for maps in seen)
            total = styles.detach().float().sum(0)
            return Loss({"fool": F.softplus(known - claimed).mean(1)}, {"styles": (total, "sum"), "count": (count, "sum")})
        penalty = self.config.lazy * self.config.gamma if clock.turn % self.config.lazy == 0 else 0.0
        others = mistaken(self.conditions, values, keys.at("mistaken")) if self.config.heed else None
        parts, wins = told_apart(self.critic, seen[0], seen[1], values, penalty, others)
        return Loss(parts, {"signs": (wins.mean(1).sign().sum(), "sum"), "count": (count, "sum")})

    def after(self, player: str, stats: Mapping[str, Tensor], key: Key, clock: Clock) -> None:
        """Follow the mean style; augment more while the critic is too sure, less while it is not."""
        if player == "painter":
            self.mean.lerp_(stats["styles"] / stats["count"], FOLLOW)
            return
        told = stats["signs"] / stats["count"]
        self.certain.lerp_(told, FOLLOW)
        if self.config.sure < 1:
            step = (self.certain - self.config.sure).sign() * stats["count"] / self.config.swiftness
            self.strength.add_(step).clamp_(0, self.config.most)

    def symptoms(self) -> list[Symptom]:
        """A critic that knows the pictures by heart, although they are augmented as far as may be."""
        most = float(self.strength) >= self.config.most * (1 - 1e-6)  # which float32 may have rounded
        found = overfitting(float(self.certain)) if most else None
        return [found] if found else []

    def readings(self) -> dict[str, float]:
        """How sure the critic is, and how much is augmented."""
        return {"sure": float(self.certain), "augmentation": float(self.strength)}

    def _painted(self, keys: Keys, values: Values) -> tuple[Tensor, Tensor]:
        """Styles and pictures in training; part of the pictures from two styles, the second from a layer drawn at random on."""
        layers = self.painter.layers
        first, second = self.painter.style(torch.stack([self._noise(keys.at("latent", n)) for n in range(2)]), values)
        luck = keys.at("mixing").uniform(2).to(first)
        turn = torch.where(luck[:, 0] < self.config.mixing, 1 + luck[:, 1] * (layers - 1), float(layers)).floor()
        later = torch.arange(layers, device=first.device) >= turn[:, None]
        each = torch.where(later[..., None], second[:, None], first[:, None])
        return first, self.painter(each, keys)

    def _noise(self, keys: Keys) -> Tensor:
        return keys.normal(self.config.latent).to(self.mean)

    def _seen(self, pictures: Tensor, keys: Keys) -> tuple[Tensor, ...]:
        """What the critic judges: maps of pictures that are augmented first, or these alone."""
        shown = augmented(pictures.float(), keys, self.strength)
        return self._see(shown, keys) if self._see else (shown,)

    def encode(
        self, pictures: Float[Tensor, "batch channels height width"], values: Values, updates: int = 300
    ) -> Float[Tensor, "batch layers style"]:
        """The styles, one for each layer, whose pictures come nearest: found by descent from the mean style.

        The distance is that of the pictures and of their halves and quarters; the learning rate falls at the end (after Karras
        et al. 2020, "Analyzing", appendix D, where it rises first and falls like a cosine).
        """
        with torch.inference_mode(False), torch.enable_grad():
            target = pictures.clone().to(self.mean)
            styles = self.mean.clone().repeat(len(target), self.painter.layers, 1).requires_grad_()
            optimiser = torch.optim.Adam([styles], lr=0.1)
            silent = Keys(tuple(Key("encode") for _ in range(len(target))))
            for update in range(updates):
                optimiser.param_groups[0]["lr"] = 0.1 * min(1.0, 4 * (1 - update / updates))
                apart = self.painter(styles, silent) - target
                loss = torch.stack([F.avg_pool2d(apart, part).square().mean() for part in (1, 2, 4)]).sum()
                (styles.grad,) = torch.autograd.grad(loss * len(target), styles)
                optimiser.step()
        found: Tensor = styles.detach()
        return found

    def decode(
        self, latents: Float[Tensor, "batch layers style"], values: Values
    ) -> Float[Tensor, "batch channels height width"]:
        """The pictures of styles, with the noise that `encode` has."""
        painted: Tensor = self.painter(latents, Keys(tuple(Key("encode") for _ in range(len(latents)))))
        return painted.clamp(-1, 1)

    def start(self, asked: Asked, plan: Plan, keys: Keys) -> Canvas:
        """Noise and an empty picture."""
        empty = torch.zeros(len(keys), self.channels, *self.size, device=self.mean.device)
        return Canvas({"latent": self._noise(keys.at("latent")), "x": empty}, (1.0, 0.0), 0, keys)

    @property
    def layers(self) -> int:
        """Of the painter, two for each level."""
        return self.painter.layers

    def latents(self, canvas: Canvas, asked: Asked) -> Float[Tensor, "batch layers style"]:
        """One style for all layers, led by noise as far as variety says, then as near to the mean as truncation says."""
        noise, variety = canvas.tensors["latent"], self.config.variety
        if variety == 1:
            style = self.painter.style(noise, asked.conditions)
        else:
            some = Key("variety").normal(MEANT, 1, self.config.latent).to(noise).expand(-1, len(noise), -1)
            style, *others = self.painter.style(torch.cat([noise[None], some]), asked.conditions)
            style = torch.stack(others).mean(0).lerp(style, variety)
        return self.mean.lerp(style, self.config.truncation)[:, None].expand(-1, self.painter.layers, -1)

    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """The one step."""
        painted = self.painter(self.latents(canvas, asked), canvas.keys).clamp(-1, 1)
        return dataclasses.replace(canvas, tensors={**canvas.tensors, "x": painted}, step=canvas.step + 1)

    def show(self, canvas: Canvas) -> Float[Tensor, "batch channels height width"]:
        """The picture; before its step, nothing."""
        return canvas.tensors["x"]


class _Style(nn.Module):
    """Noise and conditions to a style; styles, one for each layer, to pictures."""

    def __init__(self, config: GanConfig, conditions: Conditions, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        widths, factor = config.widths, 2 ** (len(config.widths) - 1)
        self.width, self.size, self.layers = config.style, size, 2 * len(widths)
        self.conditioner = Conditioner(conditions, config.style)
        self.mapping = nn.Sequential(
            nn.Linear(config.latent + config.style, config.style),
            nn.LeakyReLU(0.2),
            nn.Linear(config.style, config.style),
            nn.LeakyReLU(0.2),
            nn.Linear(config.style, config.style),
        )
        for layer in self.mapping:
            if isinstance(layer, nn.Linear):  # so that styles differ from the start as much as noise does
                nn.init.kaiming_normal_(layer.weight, 0.2, nonlinearity="leaky_relu")
                nn.init.zeros_(layer.bias)
        rows, columns = (-(-side // factor) for side in size)
        self.base = (widths[0], rows, columns)
        self.first = nn.Linear(config.style, math.prod(self.base))
        nn.init.normal_(self.first.weight, std=1 / math.sqrt(config.style))
        nn.init.normal_(self.first.bias)
        inner = [widths[0], *widths[:-1]]
        self.grow = nn.ModuleList(_Modulated(a, b, 3, config.style) for a, b in zip(inner, widths, strict=True))
        self.shape = nn.ModuleList(_Modulated(width, width, 3, config.style) for width in widths)
        self.colour = nn.ModuleList(_Modulated(width, channels, 1, config.style, plain=True) for width in widths)

    def style(self, latent: Float[Tensor, "*several batch latent"], values: Values) -> Float[Tensor, "*several batch style"]:
        """Noise is brought to length √n first (Karras et al. 2018, section 4.2)."""
        told = self.conditioner.encode(values, latent.shape[-2]).vector.to(latent)
        round_ = latent * latent.square().mean(-1, keepdim=True).add(1e-8).rsqrt()
        out: Tensor = self.mapping(torch.cat([round_, told.expand(*latent.shape[:-1], -1)], -1))
        return out

    def forward(self, styles: Float[Tensor, "batch layers style"], keys: Keys) -> Float[Tensor, "batch channels h w"]:
        """Colours are summed over the levels (Karras et al. 2020, "Analyzing", figure 7b)."""
        x, colours = self.first(styles[:, 0]).view(-1, *self.base), torch.zeros((), device=styles.device)
        x = x.contiguous(memory_format=torch.channels_last)  # a processor takes 0.7 of the time for it
        for level in range(len(self.grow)):
            if level:
                x, colours = (F.interpolate(part, scale_factor=2, mode="bilinear") for part in (x, colours))
            for layer, convolution in ((2 * level, self.grow[level]), (2 * level + 1, self.shape[level])):
                noise = keys.at("noise", layer).normal(1, *x.shape[-2:]).to(x)
                x = F.leaky_relu(convolution(x, styles[:, layer], noise), 0.2) * math.sqrt(2)
            colours = colours + self.colour[level](x, styles[:, 2 * level + 1])
        return colours.float()[..., : self.size[0], : self.size[1]]


class _Modulated(nn.Module):
    """A convolution whose inputs a style scales, and whose outputs have unit variance whatever the style."""

    def __init__(self, inner: int, outer: int, side: int, style: int, plain: bool = False) -> None:
        super().__init__()
        spread = (0.1 if plain else 1.0) / math.sqrt(inner * side**2)  # colours begin near the middle
        self.weight = nn.Parameter(spread * torch.randn(outer, inner, side, side))
        self.bias = nn.Parameter(torch.zeros(outer, 1, 1))
        self.scale = nn.Linear(style, inner)
        self.plain = plain
        if not plain:
            self.loud = nn.Parameter(torch.zeros(()))
        nn.init.normal_(self.scale.weight, std=1 / math.sqrt(style))
        nn.init.ones_(self.scale.bias)

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None = None) -> Tensor:
        """(batch, inner, h, w) to (batch, outer, h, w); scaling inputs and outputs is scaling the weights."""
        scale = self.scale(style)
        out = F.conv2d(x * scale[:, :, None, None], self.weight, padding=self.weight.shape[-1] // 2)
        if not self.plain:
            strength = scale.square() @ self.weight.square().sum((2, 3)).T
            out = out * (strength + 1e-8).rsqrt()[:, :, None, None]
        if noise is not None and not self.plain:
            out = out + self.loud * noise
        moved: Tensor = out + self.bias
        return moved


class _Plain(nn.Module):
    """A stack of convolutions; its style is the noise with the conditions, and it has one layer."""

    def __init__(self, config: GanConfig, conditions: Conditions, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        widths, factor = config.widths, 2 ** (len(config.widths) - 1)
        self.width, self.size, self.layers = config.latent + config.style, size, 1
        self.base = tuple(-(-side // factor) for side in size)
        self.conditioner = Conditioner(conditions, config.style)
        self.first = nn.Linear(self.width, widths[0] * math.prod(self.base))
        stages: list[nn.Module] = []
        for inner, outer in itertools.pairwise(widths):
            stages += [nn.GroupNorm(groups(inner), inner), nn.ReLU(), nn.ConvTranspose2d(inner, outer, 4, 2, 1)]
        stages += [nn.GroupNorm(groups(widths[-1]), widths[-1]), nn.ReLU(), nn.Conv2d(widths[-1], channels, 3, padding=1)]
        self.stages = nn.Sequential(*stages)

    def style(self, latent: Float[Tensor, "*several batch latent"], values: Values) -> Float[Tensor, "*several batch style"]:
        """The noise beside what the conditions say."""
        told = self.conditioner.encode(values, latent.shape[-2]).vector.to(latent)
        return torch.cat([latent, told.expand(*latent.shape[:-1], -1)], -1)

    def forward(self, styles: Float[Tensor, "batch layers style"], keys: Keys) -> Float[Tensor, "batch channels h w"]:
        """Held within [-1, 1] by a tangent."""
        x = self.first(styles[:, 0]).view(len(styles), -1, *self.base)
        out: Tensor = self.stages(x).float().tanh()
        return out[..., : self.size[0], : self.size[1]]


# --- presets -----------------------------------------------------------------------------------------------------------

PIXELS: dict[str, Any] = {"critic": "pixels", "heed": False, "gamma": 1.0, "sure": 0.6, "lead": 2.0, "lr": 5e-4}
PRESETS: dict[str, dict[str, Any]] = {
    "small": {"widths": [96, 64, 32]},
    "medium": {},
    "pixels": PIXELS,
    "dcgan": {**PIXELS, "painter": "plain", "latent": 100, "widths": [128, 64, 32]},
}
"""Differences from the defaults by name."""
