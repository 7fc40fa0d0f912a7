"""Variational autoencoder: pictures are told in a few numbers that are normally distributed, and painted from such.

An encoder gives each picture a normal distribution q(z|x) of latents, a decoder gives latents a distribution p(x|z) of
pictures, and the bound log p(x) ≥ E_q[log p(x|z)] − KL(q(z|x) ‖ p(z)) is raised (Kingma & Welling 2014, equations 3 and 10;
Rezende et al. 2014). The divergence is weighed by β (Higgins et al. 2017, equation 4), and its first `free` nats of each latent
are free (Kingma et al. 2016, section C.8, picture by picture). The decoder's deviation is learnt with the rest (Rybkin et al.
2021, "Simple and effective VAE training with calibrated decoders", section 3) or fixed. Evaluation tightens the bound with
several draws (IWAE, Burda et al. 2016, equation 8). Conditions are given to both halves and to the prior, which is a normal
distribution p(z|c) that is learnt (Sohn et al. 2015, equation 4): what is asked for lies in a place of its own, so that a
decoder which reads everything from the latents still paints it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.conditions.condition import Condition, Encoded
from danqing.conditions.conditioner import Conditioner, drop
from danqing.config import Needs
from danqing.maths.latents import varied
from danqing.maths.likelihood import LEVELS
from danqing.parts.coders import (
    ConvolutionalConfig,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    DenseConfig,
    VectorDecoder,
    VectorEncoder,
    layers,
)
from danqing.parts.contract import Asked, Batch, Canvas, Clock, Key, Keys, LatentFamily, Loss, Plan, Player, Values
from danqing.parts.critics import PatchCritic, players
from danqing.parts.perceptual import Perceptual
from danqing.parts.precision import full_precision
from danqing.parts.rates import PlayerConfig
from danqing.parts.symptoms import SILENT, Symptom, posterior_collapse

FOLLOW = 0.02
"""What each update adds to the running divergences by which collapse is told."""
FINEST = math.log(1 / (LEVELS - 1))
"""Logarithm of the least deviation, half a level: finer ones would praise the decoder for levels it cannot know."""
SWIFT = 10.0
"""Times faster than the networks the decoder's deviation follows them."""

# --- config ------------------------------------------------------------------------------------------------------------


class VaeConfig(PlayerConfig):
    """Settings of the VAE.

    Args:
        coder: the networks, convolutional or dense.
        latent: numbers that tell a picture; with `map` channels of each place of the convolutional map.
        map: latents have places, as a codec's do; without, one vector tells the whole picture.
        decoder: "gaussian" on values in [-1, 1]; "bernoulli" for pictures of black and white.
        deviation: of the Gaussian decoder; `None` learns it.
        beta: weight of the divergence.
        free: nats of each latent that cost nothing.
        perceptual: weight of the distance that a network that knows photographs sees (`danqing.parts.perceptual`); 0 asks none.
        adversarial: weight of a critic of patches, by which codecs paint sharply (Esser et al. 2021, section 3.1); 0 has none.
        temperature: deviation of the latents it paints from.
        draws: of the bound in evaluation.
    """

    needs: ClassVar[Needs] = {"deviation": ("decoder", ("gaussian",))}
    coder: ConvolutionalConfig | DenseConfig = Field(default_factory=ConvolutionalConfig, discriminator="kind")
    latent: int = Field(64, ge=1)
    map: bool = False
    decoder: Literal["gaussian", "bernoulli"] = "gaussian"
    deviation: float | None = Field(None, gt=0)
    beta: float = Field(1.0, ge=0)
    free: float = Field(0.0, ge=0)
    perceptual: float = Field(0.0, ge=0)
    adversarial: float = Field(0.0, ge=0)
    temperature: float = Field(1.0, ge=0)
    draws: int = Field(32, ge=1)
    lr: float = Field(1e-3, gt=0)
    clip: float = Field(20.0, gt=0)
    decay: float = Field(0.0, ge=0)

    @model_validator(mode="after")
    def _mapped(self) -> VaeConfig:
        if self.map and isinstance(self.coder, DenseConfig):
            raise ValueError("latents that form a map need a convolutional coder: leave map out, or set coder.kind")
        return self


# --- family ------------------------------------------------------------------------------------------------------------


class Vae(LatentFamily):
    """A family of one player and one step, with a latent.

    Args:
        config: its settings.
        conditions: what it can be asked for.
        channels: 1, 3 or 4.
        length: pictures the whole training will see, for the learning rate.
        size: (height, width) of its pictures.
    """

    sized: ClassVar[bool] = True
    heeds: ClassVar[frozenset[str]] = frozenset({"init"})
    tunable: Mapping[str, Any] = {"temperature": (0.6, 0.7, 0.8, 0.9, 1.0)}

    def __init__(
        self,
        config: VaeConfig,
        conditions: Mapping[str, Condition[Any]],
        channels: int,
        length: int,
        size: tuple[int, int],
    ) -> None:
        super().__init__()
        self.config, self.channels, self.length, self.size = config, channels, length, size
        self.conditions, self.accepts = conditions, frozenset(conditions)
        self.conditioner = Conditioner(conditions, config.coder.embedding)
        coder = config.coder
        self.coders: _Dense | _Convolutional = (
            _Dense(coder, config.latent, channels, size, bool(conditions))
            if isinstance(coder, DenseConfig)
            else _Convolutional(coder, config.latent, channels, size, config.map)
        )
        self.told: nn.Linear | None = None
        if conditions:
            self.told = nn.Linear(config.coder.embedding, 2 * config.latent)
            nn.init.zeros_(self.told.weight)
            nn.init.zeros_(self.told.bias)
        if config.decoder == "gaussian" and config.deviation is None:
            self.log_deviation = nn.Parameter(torch.zeros(()))  # times SWIFT
        self.critic = PatchCritic(channels) if config.adversarial else None
        self._seen = Perceptual() if config.perceptual else None
        self.divergences: Tensor
        self.moments: Tensor
        self.register_buffer("divergences", torch.ones(math.prod(self._shape())))
        moments = torch.tensor([[0.0], [1.0]]).repeat(1, config.latent)
        self.register_buffer("moments", moments, persistent=config.map)  # which only codecs are asked for

    def _shape(self) -> tuple[int, ...]:
        """Of a picture's latents."""
        coder = self.config.coder
        if isinstance(coder, DenseConfig) or not self.config.map:
            return (self.config.latent,)
        rows, columns = (-(-side // coder.factor) for side in self.size)
        return self.config.latent, rows, columns

    def players(self) -> dict[str, Player]:
        """Both halves together; and the critic, which moves after them."""
        return players(self, self.critic, self.config, self.length)

    def networks(self) -> tuple[nn.Module]:
        """The coders."""
        return (self.coders,)

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """The bound, in nats per value of the picture: what the picture costs given the latents, and what those cost."""
        keys = batch.keys(key)
        values = drop(batch.conditions, keys.at("drop")) if self.told else {}
        asked = self.conditioner.encode(values, len(batch))
        mean, log_variance = self._posterior(batch.pictures, asked)
        noise = keys.at("latent").normal(*mean.shape[1:]).to(mean)
        if self.told:
            centre, log_spread = self._prior(asked)
            apart = ((mean - centre).square() + log_variance.exp()) * (-log_spread).exp() + log_spread
        else:
            apart = torch.addcmul(log_variance.exp(), mean, mean)
        each = (0.5 * (apart - 1 - log_variance)).flatten(1)
        painted = self._paint(torch.addcmul(mean, (0.5 * log_variance).exp(), noise), asked)
        if player == "critic":
            assert self.critic is not None
            return Loss(self.critic.tells(batch.pictures, self._mean(painted).detach()))
        size, paid = batch.pictures[0].numel(), each.clamp(min=self.config.free) if self.config.free else each
        parts = {
            "picture": self.log_likelihood(batch.pictures, painted) / -size,
            "latent": (self.config.beta / size) * paid.sum(1),
        }
        if self._seen is not None:
            parts["perceptual"] = self.config.perceptual * self._seen(self._mean(painted), batch.pictures)
        if self.critic is not None:
            parts["fool"] = -self.config.adversarial * self.critic(self._mean(painted)).mean(1)
        count = each.new_tensor(float(len(batch)))
        stats = {"divergences": each.detach().sum(0), "count": count}
        if self.config.map:
            told, square = mean.detach().flatten(2), (mean.square() + log_variance.exp()).detach().flatten(2)
            stats["moments"] = torch.stack([told.mean(2).sum(0), square.mean(2).sum(0)])
        return Loss(parts, {name: (stat, "sum") for name, stat in stats.items()})

    def after(self, player: str, stats: Mapping[str, Tensor], key: Key, clock: Clock) -> None:
        """Follow how much each latent tells; of a map, its mean and mean square as drawn too."""
        if player != "critic":
            if self.config.decoder == "gaussian" and self.config.deviation is None:
                self.log_deviation.clamp_(min=FINEST / SWIFT)
            self.divergences.lerp_(stats["divergences"] / stats["count"], FOLLOW)
            if self.config.map:
                self.moments.lerp_(stats["moments"] / stats["count"], FOLLOW)

    def evenness(self) -> tuple[Float[Tensor, "latent 1 1"], Float[Tensor, "latent 1 1"]]:
        """Mean and deviation over the set and over all places of each latent of a map, as they were followed."""
        mean, square = self.moments[..., None, None]
        return mean, (square - mean.square()).clamp(min=1e-6).sqrt()

    def symptoms(self) -> list[Symptom]:
        """Latents that tell nothing."""
        found = posterior_collapse(self.divergences)
        return [found] if found else []

    def readings(self) -> dict[str, float]:
        """What all latents tell of a picture, in nats, and the share of them that tell something."""
        told = self.divergences.double()
        return {"nats of a picture": float(told.sum()), "latents in use": float((told > SILENT).double().mean())}

    def posterior(
        self, pictures: Float[Tensor, "batch channels height width"], values: Values
    ) -> tuple[Float[Tensor, "batch ..."], Float[Tensor, "batch ..."]]:
        """Mean and logarithm of the variance of q(z|x), in float32."""
        return self._posterior(pictures, self.conditioner.encode(values, len(pictures)))

    def _posterior(self, pictures: Tensor, asked: Encoded) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.coders.encode(pictures, asked.vector, asked.tokens, asked.mask).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-20, 20)

    def prior(self, values: Values, count: int) -> tuple[Float[Tensor, "batch ..."], Float[Tensor, "batch ..."]]:
        """Mean and logarithm of the variance of p(z|c) for `count` pictures, the same at every place; 0 and 0 where nothing can
        be asked for."""
        return self._prior(self.conditioner.encode(values, count))

    def _prior(self, asked: Encoded) -> tuple[Tensor, Tensor]:
        shape = (len(asked.vector), self.config.latent, *(1 for _ in self._shape()[1:]))
        if self.told is None:
            nothing = torch.zeros(shape, device=self.divergences.device)
            return nothing, nothing
        mean, log_variance = self.told(asked.vector).float().chunk(2, dim=1)
        return mean.view(shape), log_variance.clamp(-10, 10).view(shape)

    def paint(self, latents: Float[Tensor, "batch ..."], values: Values) -> Float[Tensor, "batch channels height width"]:
        """What p(x|z) is told by: the mean of the Gaussian, or the logits of the Bernoulli; in float32."""
        return self._paint(latents, self.conditioner.encode(values, len(latents)))

    def _paint(self, latents: Tensor, asked: Encoded) -> Tensor:
        out: Tensor = self.coders.decode(latents, asked.vector, asked.tokens, asked.mask).float()
        return out

    def log_likelihood(
        self, pictures: Float[Tensor, "batch channels height width"], painted: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, " batch"]:
        """log p(x|z) of each picture in nats: a density of values in [-1, 1], or a probability of black and white."""
        with full_precision(pictures.device):
            if self.config.decoder == "bernoulli":
                each = -F.binary_cross_entropy_with_logits(painted, (pictures + 1) / 2, reduction="none")
            else:
                log_deviation = self._log_deviation()
                each = (
                    -0.5 * ((pictures - painted) * (-log_deviation).exp()).square()
                    - log_deviation
                    - 0.5 * math.log(2 * math.pi)
                )
            return each.flatten(1).sum(1)

    def _log_deviation(self) -> Tensor:
        if self.config.deviation is not None:
            return self.divergences.new_tensor(math.log(self.config.deviation))
        told = SWIFT * self.log_deviation.float()
        return told + (told.clamp(min=FINEST) - told).detach()  # its slope stays, or what fell below would never come back

    def bound(self, batch: Batch, key: Key, draws: int, levels: bool = True) -> Float[Tensor, " batch"]:
        """A lower bound of log p(x) given the conditions, in nats, the tighter the more draws (Burda et al. 2016, equation 8).

        Args:
            batch: pictures.
            key: of the draws.
            draws: of latents for each picture.
            levels: a Gaussian's density is made a probability of whole levels of a byte by uniform noise within them (Theis
                et al. 2016, section 3.1), which is drawn along.
        """
        asked = self.conditioner.encode(batch.conditions, len(batch))
        mean, log_variance = self._posterior(batch.pictures, asked)
        centre, log_spread = self._prior(asked)
        keys, found = batch.keys(key), []
        spread = 2.0 / (LEVELS - 1) if levels and self.config.decoder == "gaussian" else 0.0
        for number in range(draws):
            noise = keys.at("bound", number).normal(*mean.shape[1:]).to(mean)
            latents = torch.addcmul(mean, (0.5 * log_variance).exp(), noise)
            within = (keys.at("level", number).uniform(*batch.pictures.shape[1:]).to(mean) - 0.5) * spread
            prior = -0.5 * (latents - centre).square() * (-log_spread).exp() - 0.5 * log_spread
            posterior = -0.5 * noise.square() - 0.5 * log_variance
            told = self.log_likelihood(batch.pictures + within, self._paint(latents, asked))
            found.append(told.double() + (prior - posterior).flatten(1).sum(1).double())
        size = batch.pictures[0].numel() if spread else 0
        return torch.stack(found).logsumexp(0) - math.log(draws) + size * math.log(spread or 1.0)

    def bits(self, batch: Batch, key: Key) -> Float[Tensor, " batch"] | None:
        """The bound with `draws` draws; black and white has no bits of a byte's levels."""
        if self.config.decoder == "bernoulli":
            return None
        return -self.bound(batch, key, self.config.draws) / (batch.pictures[0].numel() * math.log(2))

    def encode(self, pictures: Float[Tensor, "batch channels height width"], values: Values) -> Float[Tensor, "batch ..."]:
        """The mean of q(z|x)."""
        return self.posterior(pictures, values)[0]

    def decode(self, latents: Float[Tensor, "batch ..."], values: Values) -> Float[Tensor, "batch channels height width"]:
        """The mean of p(x|z)."""
        return self._mean(self.paint(latents, values)).clamp(-1, 1)

    def _mean(self, painted: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels height width"]:
        return painted.sigmoid() * 2 - 1 if self.config.decoder == "bernoulli" else painted

    def start(self, asked: Asked, plan: Plan, keys: Keys) -> Canvas:
        """Latents from the prior; with a start picture, between its own latents (strength 0) and those (strength 1)."""
        latents = keys.at("latent").normal(*self._shape()).to(self.divergences) * self.config.temperature
        centre, log_spread = self.prior(asked.conditions, len(keys))
        spread = (0.5 * log_spread).exp()
        if asked.start is not None:
            known = self.encode(asked.start.to(self.divergences), asked.conditions)
            latents = varied((known - centre) / spread, latents, plan.strength)
        latents = centre + spread * latents
        empty = torch.zeros(len(keys), self.channels, *self.size, device=latents.device)
        return Canvas({"latent": latents, "x": empty}, (1.0, 0.0), 0, keys)

    def latents(self, canvas: Canvas, asked: Asked) -> Float[Tensor, "batch ..."]:
        """Those that the canvas holds."""
        return canvas.tensors["latent"]

    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """The one step."""
        latents = canvas.tensors["latent"]
        painted = self.decode(latents, asked.conditions)
        return dataclasses.replace(canvas, tensors={"latent": latents, "x": painted}, step=canvas.step + 1)

    def show(self, canvas: Canvas) -> Float[Tensor, "batch channels height width"]:
        """The picture; before its step, nothing."""
        return canvas.tensors["x"]


class _Convolutional(nn.Module):
    """Latents with places, or one vector, by convolutions."""

    def __init__(self, config: ConvolutionalConfig, latent: int, channels: int, size: tuple[int, int], places: bool) -> None:
        super().__init__()
        width, self.size, self.factor = config.widths[-1], size, config.factor
        self.encoder = ConvolutionalEncoder(config, channels, 2 * latent if places else width)
        self.decoder = ConvolutionalDecoder(config, latent if places else width, channels)
        self.read = nn.Identity() if places else VectorEncoder(width, 2 * latent)
        self.lay = None if places else VectorDecoder(latent, width)
        self.tell = None if places else nn.Linear(latent, config.embedding)

    def encode(self, x: Tensor, vector: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Mean and logarithm of the variance, side by side."""
        out: Tensor = self.read(self.encoder(x, vector, tokens, mask))
        return out

    def decode(self, latents: Tensor, vector: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """A picture of the size that was learnt; from a map of places, as large as that says."""
        height, width = self.size
        if self.lay is None or self.tell is None:
            large: Tensor = self.decoder(latents, vector, tokens, mask)
            rows, columns = latents.shape[-2:]
            same = (rows, columns) == (-(-height // self.factor), -(-width // self.factor))
            return large[..., :height, :width] if same else large
        laid = self.lay(latents, -(-height // self.factor), -(-width // self.factor))
        painted: Tensor = self.decoder(laid, vector + self.tell(latents), tokens, mask)
        return painted[..., :height, :width]


class _Dense(nn.Module):
    """One vector, by linear maps of all values."""

    def __init__(self, config: DenseConfig, latent: int, channels: int, size: tuple[int, int], conditional: bool) -> None:
        super().__init__()
        self.shape, more = (channels, *size), config.embedding if conditional else 0
        values = math.prod(self.shape)
        self.conditional = conditional
        self.encoder = layers(values + more, *config.hidden, 2 * latent)
        self.decoder = layers(latent + more, *config.hidden[::-1], values)

    def encode(self, x: Tensor, vector: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Mean and logarithm of the variance, side by side."""
        out: Tensor = self.encoder(self._with(x.flatten(1), vector))
        return out

    def decode(self, latents: Tensor, vector: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """A picture."""
        out: Tensor = self.decoder(self._with(latents, vector))
        return out.view(-1, *self.shape)

    def _with(self, x: Tensor, vector: Tensor) -> Tensor:
        return torch.cat([x, vector], 1) if self.conditional else x


# --- presets -----------------------------------------------------------------------------------------------------------

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"coder": {"kind": "convolutional", "widths": [48, 96], "depths": [1, 1], "embedding": 64}, "latent": 32},
    "medium": {},
    "dense": {"coder": {"kind": "dense"}, "latent": 16},
}
"""Differences from the defaults by name."""
