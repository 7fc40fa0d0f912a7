"""Discrete codec: pictures told in the numbers of codes, and painted again from those.

An encoder lays a small map; each place of it is replaced by the nearest of a book of codes, and a decoder paints from the codes
(VQ-VAE, van den Oord et al. 2017, equations 1 to 3). Gradients pass the replacement unchanged; codes follow the mean of what
chose them (there, appendix A.1), and those that nobody chooses are moved onto latents of the batch (Dhariwal et al. 2020,
section 3.1). Or each number of a place is bounded and rounded to a few levels, and there is no book to learn (FSQ, Mentzer et
al. 2023, "Finite scalar quantization", section 3.1). A critic that sees patches can sharpen what is painted (VQGAN, Esser et
al. 2021, section 3.1; Isola et al. 2017; hinge losses, Lim & Ye 2017).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.conditions.condition import Condition
from danqing.conditions.conditioner import Conditioner
from danqing.errors import WishError
from danqing.parts.coders import ConvolutionalConfig, ConvolutionalDecoder, ConvolutionalEncoder
from danqing.parts.contract import Asked, Batch, Canvas, Clock, Family, Key, Keys, Loss, Plan, Player
from danqing.parts.precision import full_precision
from danqing.parts.rates import PlayerConfig
from danqing.parts.symptoms import Symptom, dead_codes

LEAST = 0.2
"""A code is dead when it is chosen less often than this share of what an even choice would give it."""

# --- config ------------------------------------------------------------------------------------------------------------


class VqConfig(PlayerConfig):
    """Settings of the codec.

    Args:
        coder: the networks on both sides of the codes.
        quantiser: "vq", a book of codes, or "fsq", levels.
        codes: how many are in the book.
        latent: numbers of each code in the book.
        levels: of each number with "fsq"; there are as many codes as their product.
        commitment: weight of the latents' distance to their codes.
        follow: share by which an update moves the book towards what chose its codes.
        adversarial: weight of the critic; 0 has none.
    """

    coder: ConvolutionalConfig = Field(default_factory=ConvolutionalConfig)
    quantiser: Literal["vq", "fsq"] = "vq"
    codes: int = Field(512, ge=2)
    latent: int = Field(16, ge=1)
    levels: tuple[int, ...] = (8, 8, 8)
    commitment: float = Field(0.25, ge=0)
    follow: float = Field(0.02, gt=0, le=1)
    adversarial: float = Field(0.0, ge=0)
    lr: float = Field(1e-3, gt=0)
    decay: float = Field(0.0, ge=0)
    average: int = Field(8_000, ge=4)

    @property
    def book(self) -> int:
        """How many codes there are."""
        return self.codes if self.quantiser == "vq" else math.prod(self.levels)


# --- family ------------------------------------------------------------------------------------------------------------


class Vq(Family):
    """A family that paints a start picture as its codes tell it, in one step. It has a critic as a second player where asked.

    Args:
        config: its settings.
        conditions: none.
        channels: 1, 3 or 4.
        length: pictures the whole training will see, for the learning rate.
    """

    conditional: ClassVar[bool] = False
    starts: ClassVar[bool] = True
    heeds: ClassVar[frozenset[str]] = frozenset({"init"})

    def __init__(self, config: VqConfig, conditions: Mapping[str, Condition[Any]], channels: int, length: int) -> None:
        super().__init__()
        if conditions:
            raise ValueError(f"a codec heeds no conditions, and was given {', '.join(conditions)}")
        self.config, self.channels, self.length, self.accepts = config, channels, length, frozenset()
        inner = config.latent if config.quantiser == "vq" else len(config.levels)
        self.conditioner = Conditioner({}, config.coder.embedding)  # tells the coders nothing
        self.encoder = ConvolutionalEncoder(config.coder, channels, inner)
        self.decoder = ConvolutionalDecoder(config.coder, inner, channels)
        self.quantiser: Book | Levels = Book(config) if config.quantiser == "vq" else Levels(config.levels)
        self.critic = _Critic(channels) if config.adversarial else None

    def players(self) -> dict[str, Player]:
        """The codec; and the critic, which moves after it."""
        mine = [parameter for name, parameter in self.named_parameters() if not name.startswith("critic.")]
        players = {"painter": self.config.player(mine, self.length)}
        if self.critic is not None:
            critic = self.config.player(self.critic.parameters(), self.length)
            players["critic"] = dataclasses.replace(critic, betas=(0.5, 0.9), averages=())
        return players

    def networks(self) -> tuple[nn.Module, ...]:
        """Both halves."""
        return self.encoder, self.decoder

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """The error of the picture painted from codes, and of latents to their codes; the critic's: to know real patches."""
        x = batch.pictures
        latents = self.latents(x)
        codes, numbers = self.quantiser(latents)
        painted = self.paint(codes, x.shape[-2:])
        if player == "critic":
            assert self.critic is not None
            real, fake = self.critic(x), self.critic(painted.detach())
            return Loss({"real": F.relu(1 - real).mean(1), "fake": F.relu(1 + fake).mean(1)})
        parts = {"picture": (painted - x).square().mean(dim=(1, 2, 3))}
        if self.config.quantiser == "vq":
            parts["commitment"] = self.config.commitment * (latents - codes.detach()).square().mean(dim=(1, 2, 3))
        if self.critic is not None:
            parts["fool"] = -self.config.adversarial * self.critic(painted).mean(1)
        return Loss(parts, self.quantiser.stats(latents.detach(), numbers, batch.keys(key)))

    def after(self, player: str, stats: Mapping[str, Tensor], key: Key, clock: Clock) -> None:
        """Move the book."""
        if player == "painter":
            self.quantiser.follow(stats, self.config.follow, key)

    def symptoms(self) -> list[Symptom]:
        """Codes that are hardly chosen."""
        found = dead_codes(self.quantiser.counts)
        return [found] if found else []

    def readings(self) -> dict[str, float]:
        """Codes in use, and in effect: the exponential of the choice's entropy."""
        shares = (self.quantiser.counts / self.quantiser.counts.sum()).double()
        used = float((shares > 0.1 / len(shares)).double().mean())
        return {"codes in use": used, "perplexity": math.exp(float(-(shares * shares.clamp_min(1e-12).log()).sum()))}

    def latents(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch latent rows columns"]:
        """What the encoder lays, in float32."""
        told = self.conditioner.encode({}, len(x))
        out: Tensor = self.encoder(x, told.vector, told.tokens, told.mask)
        return out.float()

    def paint(
        self, codes: Float[Tensor, "batch latent rows columns"], size: tuple[int, ...] | torch.Size
    ) -> Float[Tensor, "batch channels height width"]:
        """What the decoder paints of codes, in float32, cut to (height, width)."""
        told = self.conditioner.encode({}, len(codes))
        out: Tensor = self.decoder(codes, told.vector, told.tokens, told.mask)
        return out.float()[..., : size[0], : size[1]]

    def tokens(self, x: Float[Tensor, "batch channels height width"]) -> Int64[Tensor, "batch rows columns"]:
        """The numbers of the codes that tell pictures."""
        numbers: Tensor = self.quantiser(self.latents(x))[1]
        return numbers

    def from_tokens(
        self, numbers: Int64[Tensor, "batch rows columns"], size: tuple[int, int]
    ) -> Float[Tensor, "batch channels height width"]:
        """The pictures that codes tell, in [-1, 1]."""
        return self.paint(self.quantiser.lookup(numbers), size).clamp(-1, 1)

    def start(self, asked: Asked, plan: Plan, keys: Keys) -> Canvas:
        """The start picture."""
        if asked.start is None:
            raise WishError("a codec paints what a picture's codes tell of it: give one to start from (--init FILE)")
        x = asked.start.to(next(self.parameters()))
        return Canvas({"start": x, "x": x}, (1.0, 0.0), 0, keys)

    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """The one step."""
        start = canvas.tensors["start"]
        height, width = start.shape[-2:]
        painted = self.from_tokens(self.tokens(start), (height, width))
        return dataclasses.replace(canvas, tensors={"start": start, "x": painted}, step=canvas.step + 1)

    def show(self, canvas: Canvas) -> Float[Tensor, "batch channels height width"]:
        """The picture; before its step, the one it starts from."""
        return canvas.tensors["x"].clamp(-1, 1)


class Book(nn.Module):
    """Codes that follow the mean of what chooses them."""

    counts: Tensor
    sums: Tensor

    def __init__(self, config: VqConfig) -> None:
        super().__init__()
        self.register_buffer("counts", torch.ones(config.codes))
        self.register_buffer("sums", torch.randn(config.codes, config.latent))

    def forward(self, latents: Float[Tensor, "batch latent rows columns"]) -> tuple[Tensor, Tensor]:
        """The nearest codes, with the slopes of the latents themselves, and their numbers."""
        book = self.sums / self.counts[:, None]
        flat = latents.movedim(1, -1)
        with full_precision(latents.device):
            numbers = torch.cdist(flat.flatten(0, 2), book).argmin(dim=1).view(flat.shape[:-1])
        return latents + (self.lookup(numbers) - latents).detach(), numbers

    def lookup(self, numbers: Int64[Tensor, "batch rows columns"]) -> Float[Tensor, "batch latent rows columns"]:
        """Codes by their numbers."""
        return (self.sums / self.counts[:, None])[numbers].movedim(-1, 1)

    def stats(self, latents: Tensor, numbers: Tensor, keys: Keys) -> dict[str, tuple[Tensor, Literal["sum", "gather"]]]:
        """How often each code was chosen, the sums of what chose it, and one latent of each picture to revive codes with."""
        flat, picked = latents.movedim(1, -1).flatten(0, 2), numbers.flatten()
        counts = torch.zeros_like(self.counts).index_add(0, picked, torch.ones_like(flat[:, 0]))
        sums = torch.zeros_like(self.sums).index_add(0, picked, flat)
        places = (keys.at("revival").uniform(1)[:, 0] * numbers[0].numel()).long().to(latents.device)
        fresh = latents.movedim(1, -1).flatten(1, 2)[torch.arange(len(latents), device=latents.device), places]
        return {"counts": (counts, "sum"), "sums": (sums, "sum"), "fresh": (fresh, "gather")}

    def follow(self, stats: Mapping[str, Tensor], share: float, key: Key) -> None:
        """Let counts and sums follow; put dead codes where latents of the batch are."""
        self.counts.lerp_(stats["counts"], share)
        self.sums.lerp_(stats["sums"], share)
        even = float(self.counts.sum()) / len(self.counts)
        dead = self.counts < LEAST * even
        chosen = torch.randint(len(stats["fresh"]), (len(self.counts),), generator=key.at("revival").generator())
        self.sums.copy_(torch.where(dead[:, None], stats["fresh"][chosen.to(dead.device)] * even, self.sums))
        self.counts.masked_fill_(dead, even)


class Levels(nn.Module):
    """Every number rounded to one of its levels; nothing is learnt (Mentzer et al. 2023, section 3.1 and appendix A.1)."""

    counts: Tensor
    levels: Tensor
    radix: Tensor

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("counts", torch.ones(math.prod(levels)))
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        self.register_buffer(
            "radix", torch.tensor([math.prod(levels[:place]) for place in range(len(levels))]), persistent=False
        )

    def forward(self, latents: Float[Tensor, "batch latent rows columns"]) -> tuple[Tensor, Tensor]:
        """The rounded numbers in [-1, 1], with the slopes of those not rounded, and the number of the code they make."""
        count = self.levels.view(-1, 1, 1)
        reach, even = (count - 1) * (1 + 1e-3) / 2, torch.where(count % 2 == 0, 0.5, 0.0)
        bounded = (latents + (even / reach).atanh()).tanh() * reach - even
        rounded = bounded + (bounded.round() - bounded).detach()
        whole = (bounded.round() + count // 2).long()
        return rounded / (count // 2), (whole * self.radix.view(-1, 1, 1)).sum(1)

    def lookup(self, numbers: Int64[Tensor, "batch rows columns"]) -> Float[Tensor, "batch latent rows columns"]:
        """The rounded numbers by the number of their code."""
        count = self.levels.view(-1, 1, 1)
        whole = numbers[:, None] // self.radix.view(-1, 1, 1) % count
        return (whole - count // 2) / (count // 2)

    def stats(self, latents: Tensor, numbers: Tensor, keys: Keys) -> dict[str, tuple[Tensor, Literal["sum", "gather"]]]:
        """How often each code was chosen."""
        chosen = torch.ones_like(latents[:, 0].flatten())
        return {"counts": (torch.zeros_like(self.counts).index_add(0, numbers.flatten(), chosen), "sum")}

    def follow(self, stats: Mapping[str, Tensor], share: float, key: Key) -> None:
        """Count."""
        self.counts.lerp_(stats["counts"], share)


class _Critic(nn.Module):
    """Says of overlapping patches how real they look."""

    def __init__(self, channels: int, width: int = 64) -> None:
        super().__init__()
        widths = [channels, width, 2 * width, 2 * width]
        layers: list[nn.Module] = []
        for inner, outer in itertools.pairwise(widths):
            layers += [nn.Conv2d(inner, outer, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(2 * width, 1, 3, padding=1))

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch patches"]:
        """Above 0: real."""
        out: Tensor = self.layers(x)
        return out.float().flatten(1)


# --- presets -----------------------------------------------------------------------------------------------------------

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"coder": {"kind": "convolutional", "widths": [48, 96], "depths": [1, 1], "embedding": 64}},
    "medium": {},
    "fsq": {"quantiser": "fsq"},
}
"""Differences from the defaults by name."""
