"""Discrete codec: pictures told in the numbers of codes, and painted again from those.

An encoder lays a small map; each place of it is replaced by the nearest of a book of codes, and a decoder paints from the codes
(VQ-VAE, van den Oord et al. 2017, equations 1 to 3). Gradients pass the replacement unchanged; codes follow the mean of what
chose them (there, appendix A.1), and those that nobody chooses are moved onto latents of the batch (Dhariwal et al. 2020,
section 3.1). Or each number of a place is bounded and rounded to a few levels, and there is no book to learn (FSQ, Mentzer et
al. 2023, "Finite scalar quantization", section 3.1). A picture can be told in several maps, coarse to fine, each of what those
before it leave untold (Tian et al. 2024, "Visual Autoregressive Modeling", algorithms 1 and 2). A critic that sees patches can
sharpen what is painted (VQGAN, Esser et al. 2021, section 3.1; Isola et al. 2017; hinge losses, Lim & Ye 2017).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int64
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.conditions.condition import Condition
from danqing.conditions.conditioner import Conditioner
from danqing.config import Needs
from danqing.errors import WishError
from danqing.parts.coders import ConvolutionalConfig, ConvolutionalDecoder, ConvolutionalEncoder
from danqing.parts.contract import Asked, Batch, Canvas, Clock, Family, Key, Keys, Loss, Plan, Player
from danqing.parts.critics import PatchCritic, players
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
        scales: rows and columns of maps of codes, coarse to fine, at most those of the whole map, which is always the last;
            empty is the whole map alone.
        commitment: weight of the latents' distance to their codes; levels without scales have none.
        follow: share by which an update moves the book towards what chose its codes.
        adversarial: weight of the critic; 0 has none.
    """

    needs: ClassVar[Needs] = {
        **dict.fromkeys(("codes", "latent", "follow"), ("quantiser", ("vq",))),
        "levels": ("quantiser", ("fsq",)),
    }
    coder: ConvolutionalConfig = Field(default_factory=ConvolutionalConfig)
    quantiser: Literal["vq", "fsq"] = "vq"
    codes: int = Field(512, ge=2)
    latent: int = Field(16, ge=1)
    levels: tuple[int, ...] = (8, 8, 8)
    scales: tuple[int, ...] = ()
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

    @property
    def numbers(self) -> int:
        """How many numbers a code has."""
        return self.latent if self.quantiser == "vq" else len(self.levels)

    @field_validator("scales")
    @classmethod
    def _growing(cls, scales: tuple[int, ...]) -> tuple[int, ...]:
        if any(fine <= coarse for coarse, fine in itertools.pairwise((0, *scales))):
            raise ValueError("scales are whole numbers above 0, each larger than the one before, such as [1, 2, 4, 8]")
        return scales

    @field_validator("levels")
    @classmethod
    def _several(cls, levels: tuple[int, ...]) -> tuple[int, ...]:
        if not levels or min(levels) < 2:
            raise ValueError("levels are whole numbers from 2 on, one at least, such as [8, 8, 8]")
        return levels

    @model_validator(mode="after")
    def _committed(self) -> VqConfig:
        if self.quantiser == "fsq" and not self.scales and self.commitment != type(self).model_fields["commitment"].default:
            raise ValueError("commitment was set, and levels without scales have none: leave it out")
        return self


# --- family ------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Latents told in codes.

    Args:
        codes: the sum of those of all maps, with the slopes of the latents.
        numbers: of the codes of all maps, coarse to fine.
        sums: what is told after each map.
        rests: of each map, what its codes are the nearest to.
    """

    codes: Float[Tensor, "batch latent rows columns"]
    numbers: Int64[Tensor, "batch places"]
    sums: Sequence[Float[Tensor, "batch latent rows columns"]]
    rests: Sequence[Float[Tensor, "batch latent _ _"]]


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
        self.conditioner = Conditioner({}, config.coder.embedding)  # tells the coders nothing
        self.encoder = ConvolutionalEncoder(config.coder, channels, config.numbers)
        self.decoder = ConvolutionalDecoder(config.coder, config.numbers, channels)
        self.quantiser: Book | Levels = Book(config) if config.quantiser == "vq" else Levels(config.levels)
        self.critic = PatchCritic(channels) if config.adversarial else None
        self.blend = nn.Conv2d(config.numbers, config.numbers, 3, padding=1, bias=False) if config.scales else None
        if self.blend is not None:
            nn.init.dirac_(self.blend.weight)

    def players(self) -> dict[str, Player]:
        """The codec; and the critic, which moves after it."""
        return players(self, self.critic, self.config, self.length)

    def networks(self) -> tuple[nn.Module, ...]:
        """Both halves."""
        return self.encoder, self.decoder

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """The error of the picture painted from codes, and of latents to their codes; the critic's: to know real patches.

        Of several maps, what is told after each counts, and what blends them learns by the same distance (Tian et al. 2024,
        section 3.2).
        """
        x = batch.pictures
        latents = self.latents(x)
        told = self.tell(latents)
        painted = self.paint(told.codes, x.shape[-2:])
        if player == "critic":
            assert self.critic is not None
            return Loss(self.critic.tells(x, painted.detach()))
        parts = {"picture": (painted - x).square().mean(dim=(1, 2, 3))}
        if self.config.quantiser == "vq" or self.blend is not None:
            parts["commitment"] = self.config.commitment * _apart([(latents, one.detach()) for one in told.sums])
        if self.blend is not None:
            parts["blend"] = _apart([(one, latents.detach()) for one in told.sums])
        if self.critic is not None:
            parts["fool"] = -self.config.adversarial * self.critic(painted).mean(1)
        rests = torch.cat([rest.flatten(2) for rest in told.rests], dim=2)
        return Loss(parts, self.quantiser.stats(rests, told.numbers, batch.keys(key)))

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

    def maps(self, rows: int, columns: int) -> list[tuple[int, int]]:
        """(rows, columns) of each map of codes, the whole one last; scales larger than that are left out."""
        return list(dict.fromkeys([*((min(side, rows), min(side, columns)) for side in self.config.scales), (rows, columns)]))

    def tell(self, latents: Float[Tensor, "batch latent rows columns"]) -> Told:
        """The codes nearest to latents; or, map by map, to what is left untold of them (Tian et al. 2024, algorithm 1)."""
        if self.blend is None:
            codes, numbers = self.quantiser(latents)
            return Told(codes, numbers.flatten(1), [codes], [latents.detach()])
        known, told, numbers, sums, rests = latents.detach(), torch.zeros_like(latents), [], [], []
        for size in self.maps(*latents.shape[2:]):
            rests.append(shrunk(known - told.detach(), size))
            numbers.append(self.quantiser(rests[-1])[1])
            told = told + self.grown(numbers[-1], latents.shape[2:])
            sums.append(told)
        return Told(latents + (told.detach() - known), torch.cat([part.flatten(1) for part in numbers], dim=1), sums, rests)

    def grown(
        self, numbers: Int64[Tensor, "batch _ _"], size: tuple[int, ...] | torch.Size
    ) -> Float[Tensor, "batch latent rows columns"]:
        """What a map of codes adds to what is told on the whole map, (rows, columns) large (Tian et al. 2024, algorithm 2)."""
        codes = self.quantiser.lookup(numbers)
        if self.blend is None:
            return codes
        with full_precision(codes.device):
            codes = F.interpolate(codes, size, mode="bicubic")
            blended: Tensor = 0.5 * codes + 0.5 * self.blend(codes)
        return blended

    def tokens(self, x: Float[Tensor, "batch channels height width"]) -> Int64[Tensor, "batch places"]:
        """The numbers of the codes that tell pictures, map after map, row after row."""
        return self.tell(self.latents(x)).numbers

    def sums(self, numbers: Int64[Tensor, "batch places"], size: tuple[int, int]) -> list[Tensor]:
        """What is told of (height, width) before the first map, which is nothing, and after each that there are codes of."""
        rows, columns = (-(-side // self.config.coder.factor) for side in size)
        sums = [self.quantiser.counts.new_zeros(len(numbers), self.config.numbers, rows, columns)]
        for tall, wide in self.maps(rows, columns):
            here, numbers = numbers[:, : tall * wide], numbers[:, tall * wide :]
            if not here.numel():
                break
            more = self.grown(here.reshape(-1, tall, wide), (rows, columns))
            sums.append(sums[-1] + more if len(sums) > 1 else more)
        return sums

    def from_tokens(
        self, numbers: Int64[Tensor, "batch places"], size: tuple[int, int]
    ) -> Float[Tensor, "batch channels height width"]:
        """The pictures that the codes of the first maps, or of all, tell, in [-1, 1]."""
        return self.paint(self.sums(numbers, size)[-1], size).clamp(-1, 1)

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


def shrunk(latents: Float[Tensor, "batch latent rows columns"], size: tuple[int, int]) -> Float[Tensor, "batch latent _ _"]:
    """The means over what each place of a smaller map covers."""
    return F.interpolate(latents, size, mode="area")


def _apart(pairs: Sequence[tuple[Tensor, Tensor]]) -> Float[Tensor, " batch"]:
    """Mean squared distance over all pairs."""
    return torch.stack([(one - other).square().mean(dim=(1, 2, 3)) for one, other in pairs]).mean(0)


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
        flat, picked = latents.movedim(1, -1).flatten(0, -2), numbers.flatten()
        counts = torch.zeros_like(self.counts).index_add(0, picked, torch.ones_like(flat[:, 0]))
        sums = torch.zeros_like(self.sums).index_add(0, picked, flat)
        places = (keys.at("revival").uniform(1)[:, 0] * numbers[0].numel()).long().to(latents.device)
        fresh = latents.movedim(1, -1).flatten(1, -2)[torch.arange(len(latents), device=latents.device), places]
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


# --- presets -----------------------------------------------------------------------------------------------------------

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"coder": {"kind": "convolutional", "widths": [48, 96], "depths": [1, 1], "embedding": 64}},
    "medium": {},
    "fsq": {"quantiser": "fsq"},
}
"""Differences from the defaults by name."""
