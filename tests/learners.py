"""Tiny learners that hold the contract from all sides: a game, a pair of towers, and the families, small.

Their pictures are 8 × 8: a disc or stripes of one colour on another, asked for by their palette. A few hundred updates, a few
seconds, teach them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from danqing.conditions.conditioner import Conditioner
from danqing.conditions.palette import PaletteCondition
from danqing.config import merge
from danqing.data.stream import Starts, Stream
from danqing.families.autoregressive import Autoregressive, AutoregressiveConfig
from danqing.families.diffusion import Diffusion, DiffusionConfig
from danqing.families.flow import Flow, FlowConfig
from danqing.families.gan import Gan as RealGan
from danqing.families.gan import GanConfig
from danqing.families.latent import CODEC, Latent, LatentConfig
from danqing.families.refined import Refined, RefinedConfig
from danqing.families.translation import PATCHES as PAIRED
from danqing.families.translation import Pix2Pix, Pix2PixConfig
from danqing.families.unpaired import PATCHES, Cut, CutConfig, CycleGan, CycleGanConfig
from danqing.families.vae import Vae, VaeConfig
from danqing.families.vq import Vq, VqConfig
from danqing.parts.contract import Asked, Batch, Canvas, Clock, Family, Key, Keys, Learner, Loss, Plan, Player
from danqing.parts.precision import full_precision
from danqing.parts.symptoms import Symptom, overfitting
from danqing.words import Picture

Pictures = Float[Tensor, "batch channels height width"]

# --- pictures ----------------------------------------------------------------------------------------------------------

SIDE = 8
PALETTE = PaletteCondition()


def drawn(key: Key, plain: bool = False) -> UInt8[np.ndarray, "8 8 3"]:
    """A disc or stripes; where it is `plain`, in white on black."""
    fore, back = np.array([[1] * 3, [0] * 3], np.float32) if plain else key.at("colours").uniform(2, 3).numpy()
    form, down, right, width = key.at("form").uniform(4).tolist()
    rows, columns = np.mgrid[:SIDE, :SIDE]
    disc = np.hypot(rows - 2 - 4 * down, columns - 2 - 4 * right) < 1.5 + 1.5 * width
    stripes = (down * rows + right * columns) / (2 + 3 * width) % 1 < 0.5
    inside = disc if form < 0.5 else stripes
    return np.asarray(np.where(inside[..., None], fore, back) * 255, np.uint8)


def stream(count: int = 256, seed: int = 0) -> Stream:
    """`count` pictures with their palettes, in the order of `seed`, each with itself in white on black to be made from."""
    pixels = [drawn(Key("pictures", number)) for number in range(count)]
    values = {"palette": [PALETTE.read(Picture(str(number)), picture) for number, picture in enumerate(pixels)]}
    plain = np.stack([drawn(Key("pictures", number), plain=True) for number in range(count)]).transpose(0, 3, 1, 2)
    starts = Starts(plain, range(count))
    coloured = np.stack(pixels).transpose(0, 3, 1, 2)
    return Stream(coloured, values, lambda _, value, key: PALETTE.draw(value, key), seed, starts=starts)


# --- a game ------------------------------------------------------------------------------------------------------------


class Field(nn.Module):
    """Colours as a function of place and latent (Stanley 2007), so that pictures of any size are painted."""

    def __init__(self, latent: int, channels: int, width: int = 64) -> None:
        super().__init__()
        self.place, self.latent = nn.Linear(10, width), nn.Linear(latent, width)
        self.body = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, channels), nn.Tanh())

    def forward(self, latents: Float[Tensor, "batch latent"], height: int, width: int) -> Pictures:
        """Pictures from the latents and from sines of the places."""
        sides = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
        place = torch.stack(torch.meshgrid(*sides, indexing="ij"), dim=-1).to(latents)
        angles = math.pi * torch.cat([place / 2, place], dim=-1)
        waves = torch.cat([place, angles.sin(), angles.cos()], dim=-1)
        out: Tensor = self.body(self.place(waves) + self.latent(latents)[:, None, None])
        return out.movedim(-1, 1).float()


class Gan(Family):
    """A painter, and a critic that tells its pictures from real ones.

    Non-saturating losses (Goodfellow et al. 2014, section 3). R1 = γ/2·|∇D|² at real pictures (Mescheder et al. 2018, equation
    9) only on every 16th turn but 16 times as strong (Karras et al. 2020, "Analyzing and improving", section 3.1). Pictures are
    moved with a probability that follows how surely the critic knows real ones (Karras et al. 2020, "Training with limited
    data", section 3.1).
    """

    LATENT, LAZY, GAMMA, SURE, SPEED, MOST = 16, 16, 1.0, 0.6, 1 / 4000, 0.8

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.accepts, self.channels, self.painter = frozenset(), channels, Field(self.LATENT, channels)
        convolutions = [nn.Conv2d(channels, 32, 3, padding=1), nn.Conv2d(32, 32, 4, 2, 1), nn.Conv2d(32, 64, 4, 2, 1)]
        layers = [layer for convolution in convolutions for layer in (convolution, nn.LeakyReLU(0.2))]
        self.critic = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1))
        self.strength: Tensor
        self.sure: Tensor
        self.register_buffer("strength", torch.zeros(()))
        self.register_buffer("sure", torch.zeros(()))

    def players(self) -> dict[str, Player]:
        """The critic moves first."""
        critic = Player(list(self.critic.parameters()), lambda seen: 2e-3, betas=(0.0, 0.99))
        painter = dataclasses.replace(critic, parameters=list(self.painter.parameters()), averages=(1000,))
        return {"critic": critic, "painter": painter}

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """The critic's: real, fake and sometimes the penalty. The painter's: to fool it."""
        keys, real = batch.keys(key), batch.pictures
        fakes = self.painter(keys.at("latent").normal(self.LATENT).to(real), *real.shape[-2:])
        fake = self.judge(self.moved(fakes, keys.at("fake")))
        if player == "painter":
            return Loss({"fool": F.softplus(-fake)})
        seen = self.moved(real, keys.at("real")).detach().requires_grad_()
        known = self.judge(seen)
        parts = {"real": F.softplus(-known), "fake": F.softplus(fake)}
        if clock.turn % self.LAZY == 0:
            (slope,) = torch.autograd.grad(known.sum(), seen, create_graph=True)
            parts["penalty"] = self.LAZY * self.GAMMA / 2 * slope.square().sum(dim=(1, 2, 3))
        return Loss(parts, {"signs": (known.sign().sum(), "sum"), "count": (torch.ones(len(batch)).sum(), "sum")})

    def after(self, player: str, stats: Mapping[str, Tensor], key: Key, clock: Clock) -> None:
        """Move pictures more often when the critic is too sure, less often when it is not."""
        if player == "critic":
            known = stats["signs"] / stats["count"]
            self.sure.lerp_(known, 0.1)
            self.strength.add_((known - self.SURE).sign() * stats["count"] * self.SPEED).clamp_(0, self.MOST)

    def symptoms(self) -> list[Symptom]:
        """A critic that knows real pictures by heart."""
        found = overfitting(float(self.sure))
        return [found] if found else []

    def judge(self, pictures: Pictures) -> Float[Tensor, " batch"]:
        """How real they look; in float32, as a penalty on slopes needs."""
        with full_precision(pictures.device):
            out: Tensor = self.critic(pictures.float())
        return out[:, 0]

    def moved(self, pictures: Pictures, keys: Keys) -> Pictures:
        """Each rolled around the edges, with probability `strength`."""
        luck, (height, width) = keys.uniform(3), pictures.shape[-2:]
        steps = [(int(down * height), int(right * width)) for _, down, right in luck.tolist()]
        rolled = torch.stack([picture.roll(step, (1, 2)) for picture, step in zip(pictures, steps, strict=True)])
        return torch.where((luck[:, 0].to(pictures.device) < self.strength)[:, None, None, None], rolled, pictures)

    def start(self, asked: Asked, plan: Plan, keys: Keys) -> Canvas:
        """A latent and an empty picture."""
        picture = torch.zeros(len(keys), self.channels, *plan.size)
        return Canvas({"latent": keys.at("latent").normal(self.LATENT), "picture": picture}, (1.0, 0.0), 0, keys)

    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """The whole picture at once."""
        latent, (height, width) = canvas.tensors["latent"], canvas.tensors["picture"].shape[-2:]
        picture = self.painter(latent.to(self.strength.device), height, width)
        return dataclasses.replace(canvas, tensors={"latent": latent, "picture": picture}, step=canvas.step + 1)

    def show(self, canvas: Canvas) -> Pictures:
        """The picture."""
        return canvas.tensors["picture"]


# --- a pair of towers --------------------------------------------------------------------------------------------------


class Towers(Learner):
    """Which picture has which palette: two towers that meet (Radford et al. 2021, figure 3), with a learnt temperature."""

    couples = True
    WIDTH = 16

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        convolutions = nn.Sequential(nn.Conv2d(channels, 32, 3, padding=1), nn.SiLU(), nn.Conv2d(32, 32, 4, 2, 1), nn.SiLU())
        self.pictures = nn.Sequential(convolutions, nn.AdaptiveAvgPool2d(2), nn.Flatten(1), nn.Linear(128, self.WIDTH))
        self.conditioner = Conditioner({"palette": PALETTE}, 32)
        self.palettes = nn.Linear(32, self.WIDTH)
        self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def players(self) -> dict[str, Player]:
        """Both towers together."""
        return {"judge": Player(list(self.parameters()), lambda seen: 2e-3, clip=1.0)}

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """To find its palette for each picture, and its picture for each palette."""
        count = len(batch)
        asked = self.conditioner.encode(batch.conditions, count)
        seen = F.normalize(self.pictures(batch.pictures), dim=1)
        told = F.normalize(self.palettes(asked.vector), dim=1)
        logits, mine = self.scale.exp().clamp(max=100) * (seen @ told.T), torch.arange(count, device=seen.device)
        halves = [F.cross_entropy(table.float(), mine, reduction="none") / 2 for table in (logits, logits.T)]
        return Loss({"palette": halves[0], "picture": halves[1]})


# --- diffusion ---------------------------------------------------------------------------------------------------------

TINY: Mapping[str, Any] = {
    "backbone": {"kind": "unet", "widths": [16, 32], "depths": [1, 1], "attention": [False, True], "embedding": 32},
    "lr": 3e-3,
    "warmup": 0,
    "cooldown": 0.0,
    "average": 1000,
    "steps": 6,
}
"""Differences from the defaults."""


def diffusion(channels: int = 3, **changes: Any) -> Diffusion:
    """The real family, small."""
    return Diffusion(DiffusionConfig.read(merge(TINY, changes)), {"palette": PALETTE}, channels, length=0)


def vae(channels: int = 3, size: tuple[int, int] = (SIDE, SIDE), **changes: Any) -> Vae:
    """Likewise."""
    coder = {
        "kind": "convolutional",
        "patch": 1,
        "widths": [16, 32],
        "depths": [1, 1],
        "attention": [False, True],
        "embedding": 32,
    }
    if changes.get("coder", coder)["kind"] == "dense":
        coder = {}
    small = {"coder": coder, "latent": 8, "lr": 3e-3, "warmup": 0, "cooldown": 0.0, "average": 1000}
    return Vae(VaeConfig.read(merge(small, changes)), {"palette": PALETTE}, channels, 0, size)


def codec(channels: int = 3, size: tuple[int, int] = (SIDE, SIDE), **changes: Any) -> Vae:
    """Likewise one whose latents have places."""
    coder = {"kind": "convolutional", "patch": 2, "widths": [32], "depths": [1], "attention": [True], "embedding": 32}
    return vae(channels, size, map=True, latent=2, coder=coder, **changes)


def vq(channels: int = 3, **changes: Any) -> Vq:
    """Likewise."""
    coder = {"patch": 2, "widths": [32], "depths": [1], "attention": [False], "embedding": 16}
    small = {"coder": coder, "codes": 32, "latent": 4, "lr": 5e-3, "warmup": 0, "cooldown": 0.0, "average": 1000}
    return Vq(VqConfig.read(merge(small, changes)), {}, channels, 0)


def fsq(channels: int = 3, **changes: Any) -> Vq:
    """Likewise, with levels for a book."""
    return vq(channels, quantiser="fsq", levels=[5, 4, 3], **changes)


def vqgan(channels: int = 3, **changes: Any) -> Vq:
    """Likewise, with a critic."""
    return vq(channels, adversarial=0.01, **changes)


def residual(channels: int = 3, **changes: Any) -> Vq:
    """Likewise, told in maps from coarse to fine."""
    return vq(channels, scales=[1, 2, 4], **changes)


def autoregressive(
    channels: int = 3, size: tuple[int, int] = (SIDE, SIDE), length: int = 6400, **changes: Any
) -> Autoregressive:
    """Likewise."""
    slow = {"warmup": 0, "cooldown": 0.0, "average": 1000}
    coder = {"patch": 2, "widths": [32], "depths": [1], "attention": [False], "embedding": 16}
    codec = {"coder": coder, "codes": 32, "latent": 4, "lr": 5e-3, **slow}
    small = {"codec": codec, "network": {"width": 32, "depth": 2, "head": 16}, "lr": 5e-3, "first": 0.4, **slow}
    config = AutoregressiveConfig.read(merge(small, changes))
    return Autoregressive(config, {"palette": PALETTE}, channels, length, size)


def scales(channels: int = 3, size: tuple[int, int] = (SIDE, SIDE), length: int = 6400, **changes: Any) -> Autoregressive:
    """Likewise, map after map."""
    return autoregressive(channels, size, length, **merge({"codec": {"scales": [1, 2, 4]}}, changes))


def game(channels: int = 3, size: tuple[int, int] = (SIDE, SIDE), **changes: Any) -> RealGan:
    """Likewise."""
    small = {"latent": 16, "style": 32, "widths": [32, 32], "gamma": 0.5, "lr": 2e-3, "cooldown": 0.0, "average": 1000}
    small |= {"critic": "pixels", "lead": 2.0, "sure": 0.6}
    return RealGan(GanConfig.read(merge(small, changes)), {"palette": PALETTE}, channels, 0, size)


def dcgan(channels: int = 3, size: tuple[int, int] = (SIDE, SIDE), **changes: Any) -> RealGan:
    """Likewise, the plain one."""
    return game(channels, size, painter="plain", **{"gamma": 0.2, "lr": 1e-3, "lead": 4.0, **changes})


def projected(channels: int = 3, size: tuple[int, int] = (SIDE, SIDE), **changes: Any) -> RealGan:
    """Likewise, with a critic that looks through a network that knows photographs."""
    return game(channels, size, **{"critic": "projected", "view": 16, "gamma": 5.0, "lead": 1.0, "lr": 1e-3, **changes})


def flow(channels: int = 3, size: tuple[int, int] = (SIDE, SIDE), **changes: Any) -> Flow:
    """Likewise."""
    network = {"width": 32, "depth": 1, "head": 16}
    small = {"network": network, "blocks": 3, "lr": 5e-3, "warmup": 0, "cooldown": 0.0, "average": 1000}
    return Flow(FlowConfig.read(merge(small, changes)), {"palette": PALETTE}, channels, 0, size)


def coupling(channels: int = 3, size: tuple[int, int] = (SIDE, SIDE), **changes: Any) -> Flow:
    """Likewise, of the other blocks."""
    return flow(channels, size, **{"kind": "coupling", "blocks": 4, "bins": 0, **changes})


def latent(channels: int = 3, size: tuple[int, int] = (SIDE, SIDE), length: int = 6400, **changes: Any) -> Latent:
    """Likewise."""
    slow = {"warmup": 0, "cooldown": 0.0, "average": 1000, "lr": 5e-3}
    coder = {"kind": "convolutional", "patch": 2, "widths": [16], "depths": [1], "attention": [False], "embedding": 16}
    backbone = {"kind": "unet", "patch": 1, "widths": [16], "depths": [1], "attention": [True], "embedding": 16}
    codec = {**CODEC, "coder": coder, "latent": 4, "perceptual": 0.0, **slow}
    small = {"codec": codec, "painter": {"backbone": backbone, **slow}, "steps": 4, "first": 0.4}
    return Latent(LatentConfig.read(merge(small, changes)), {"palette": PALETTE}, channels, length, size)


TRANSLATION: Mapping[str, Any] = {
    "backbone": {"kind": "unet", "patch": 1, "widths": [16, 32], "depths": [1, 1], "attention": [False, True], "embedding": 32},
    "critic": 16,
    "lr": 3e-3,
    "warmup": 0,
    "cooldown": 0.0,
    "average": 1000,
}


def pix2pix(channels: int = 3, **changes: Any) -> Pix2Pix:
    """Likewise."""
    config = Pix2PixConfig.read(merge({**TRANSLATION, **PAIRED}, changes))
    return Pix2Pix(config, {"palette": PALETTE}, channels, 0)


def cyclegan(channels: int = 3, size: tuple[int, int] = (SIDE, SIDE), **changes: Any) -> CycleGan:
    """Likewise."""
    config = CycleGanConfig.read(merge({**TRANSLATION, **PATCHES, "pool": 8}, changes))
    return CycleGan(config, {"palette": PALETTE}, channels, 0, size)


def cut(channels: int = 3, **changes: Any) -> Cut:
    """Likewise."""
    config = CutConfig.read(merge({**TRANSLATION, "sight": "pixels", "width": 16, "patches": 16}, changes))
    return Cut(config, {"palette": PALETTE}, channels, 0)


def refined(channels: int = 3, **changes: Any) -> Refined:
    """Likewise, beside a diffusion that stays as it is."""
    config = RefinedConfig.read(merge({**TRANSLATION, "sight": "pixels", "width": 16, "patches": 16}, changes))
    return Refined(config, {"palette": PALETTE}, channels, 0, diffusion(channels=channels))


# --- the table ---------------------------------------------------------------------------------------------------------

LEARNERS: Mapping[str, Callable[..., Learner]] = {
    "diffusion": diffusion,
    "vae": vae,
    "codec": codec,
    "flow": flow,
    "coupling": coupling,
    "autoregressive": autoregressive,
    "scales": scales,
    "latent": latent,
    "game": game,
    "dcgan": dcgan,
    "projected": projected,
    "gan": Gan,
    "pix2pix": pix2pix,
    "cyclegan": cyclegan,
    "cut": cut,
    "refined": refined,
    "vq": vq,
    "residual": residual,
    "fsq": fsq,
    "vqgan": vqgan,
    "towers": Towers,
}
FAMILIES: Mapping[str, Callable[..., Family]] = {
    "diffusion": diffusion,
    "vae": vae,
    "flow": flow,
    "coupling": coupling,
    "autoregressive": autoregressive,
    "scales": scales,
    "latent": latent,
    "game": game,
    "dcgan": dcgan,
    "projected": projected,
    "gan": Gan,
    "pix2pix": pix2pix,
    "cyclegan": cyclegan,
    "cut": cut,
    "refined": refined,
}


def build(name: str, seed: int = 0, **settings: Any) -> Learner:
    """One of the table with the first weights of `seed`."""
    torch.manual_seed(seed)
    return LEARNERS[name](**settings)


def build_family(name: str, seed: int = 0, **settings: Any) -> Family:
    """Likewise a family, ready to paint."""
    torch.manual_seed(seed)
    return FAMILIES[name](**settings).eval()


# --- an accelerator that this machine may not have ---------------------------------------------------------------------


class OnePlace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses to compute with numbers of two devices, as an accelerator would; copying and picking by places are free to."""

    MAY = ("_to_copy", "copy_", "index", "index_put_")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Tensor) and leaf.ndim]
        if func.__name__.split(".")[0] not in self.MAY:
            assert len({tensor.device for tensor in tensors}) < 2, f"{func} of {[tensor.device for tensor in tensors]}"
        return func(*args, **(kwargs or {}))


def computed_elsewhere(learner: Learner, batch: Batch) -> None:
    """The losses of a learner on "meta", which stands for an accelerator: it knows shapes and devices, but no numbers."""
    there = torch.device("meta")
    learner = learner.to(there)
    for player in learner.players():
        with OnePlace():  # type: ignore[no-untyped-call]
            loss = learner.loss(batch.to(there), player, Key(1), Clock(0, 16))
            total = torch.stack([part.sum() for part in loss.parts.values()]).sum()
            total.backward()  # type: ignore[no-untyped-call]
        assert total.device == there
