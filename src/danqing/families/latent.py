"""Latent diffusion: an autoencoder tells pictures in a small map, and diffusion paints such maps.

Two stages, as in Stable Diffusion (Rombach et al. 2022, section 3): first a variational autoencoder learns a map of latents for
each picture, with a small weight on their divergence, so that they stay near zero and smooth; then it rests, and diffusion
learns its latents given the conditions. Latents are brought to mean 0 and variance 1 in every channel by what was measured of
the set's own (there appendix G divides by one number), so that noise means the same for any codec.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn

from danqing.conditions.condition import Condition
from danqing.families.diffusion import Diffusion, DiffusionConfig, PaintingConfig
from danqing.families.vae import Vae, VaeConfig
from danqing.parts.coders import ConvolutionalConfig, resting
from danqing.parts.contract import Asked, Batch, Canvas, Clock, Key, Keys, LatentFamily, Loss, Plan, Player, Values
from danqing.parts.symptoms import Symptom

# --- config ------------------------------------------------------------------------------------------------------------


CODEC: dict[str, Any] = {"map": True, "latent": 8, "beta": 0.02, "perceptual": 0.2}
"""What a codec needs beyond the settings of an autoencoder that paints by itself."""
OURS = (*PaintingConfig.model_fields, "steered", "loosened", "few")
"""Settings of a diffusion that one of latents does not heed: how it paints is said once, for the whole."""
ALONE = ("temperature", "draws")
"""Settings of an autoencoder that a codec does not heed."""


class LatentConfig(PaintingConfig):
    """Settings of latent diffusion, besides how it paints.

    Args:
        codec: the autoencoder; its latents form a map.
        first: share of the training in which the codec learns; after it the painter does.
        painter: the diffusion of latents, but for how it paints.
    """

    codec: VaeConfig = Field(default_factory=lambda: VaeConfig.read(CODEC))
    first: float = Field(0.3, gt=0, lt=1)
    painter: DiffusionConfig = Field(default_factory=DiffusionConfig)

    @model_validator(mode="after")
    def _whole(self) -> LatentConfig:
        if not self.codec.map or not isinstance(self.codec.coder, ConvolutionalConfig):
            raise ValueError("the latents of a codec form a map: leave codec.map true and its coder convolutional")
        alone = next((name for name in ALONE if getattr(self.codec, name) != VaeConfig.model_fields[name].default), None)
        if alone is not None:
            raise ValueError(f"codec.{alone} was set, and only an autoencoder that paints by itself heeds it: leave it out")
        usual = DiffusionConfig()
        wrong = next((name for name in OURS if getattr(self.painter, name) != getattr(usual, name)), None)
        if wrong is not None:
            said = (
                f"set model.{wrong}" if wrong in type(self).model_fields else "latents have no colours to steer, and no teacher"
            )
            raise ValueError(f"painter.{wrong} was set, and the painter of latents does not heed it: {said}")
        return self

    @property
    def factor(self) -> int:
        """Pixels on a side for one place of latents."""
        assert isinstance(self.codec.coder, ConvolutionalConfig)
        return self.codec.coder.factor


# --- family ------------------------------------------------------------------------------------------------------------


class Latent(LatentFamily):
    """A family of two players, of which the second moves when the first is done.

    Args:
        config: its settings.
        conditions: what it can be asked for.
        channels: 1, 3 or 4; transparency goes through the codec like colours.
        length: pictures the whole training will see, for the stages and the learning rates.
        size: (height, width) of its pictures.
    """

    sized: ClassVar[bool] = True
    tunable = Diffusion.tunable

    def __init__(
        self,
        config: LatentConfig,
        conditions: Mapping[str, Condition[Any]],
        channels: int,
        length: int,
        size: tuple[int, int],
    ) -> None:
        super().__init__()
        self.config, self.channels, self.length, self.size = config, channels, length, size
        self.conditions, self.accepts, self.guidance = conditions, frozenset(conditions), config.guidance
        self.turn = round(config.first * length)
        """Pictures after which the codec rests."""
        self.codec = Vae(config.codec, {}, channels, self.turn, size)
        told = {name: getattr(config, name) for name in PaintingConfig.model_fields} | {"steered": (1.0, 0.0)}
        painter = config.painter.model_copy(update=told)  # colours are no latents: nothing steers towards them
        self.painter = _OfLatents(painter, conditions, config.codec.latent, length - self.turn)

    def players(self) -> dict[str, Player]:
        """The codec's, in the first span; then the painter."""
        codec = {f"codec {name}": player.within(0, self.turn) for name, player in self.codec.players().items()}
        (painter,) = self.painter.players().values()
        return codec | {"painter": painter.within(self.turn)}

    def networks(self) -> tuple[nn.Module, ...]:
        """The backbone, and the codec's."""
        return *self.painter.networks(), *self.codec.networks()

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """The codec's; or that of a diffusion of latents drawn for the pictures."""
        if player != "painter":
            return self.codec.loss(batch, player.removeprefix("codec "), key, clock)
        with torch.no_grad(), resting(self.codec):
            mean, log_variance = self.codec.posterior(batch.pictures, {})
            noise = batch.keys(key).at("codec").normal(*mean.shape[1:]).to(mean)
            latents = self._even(mean + (0.5 * log_variance).exp() * noise)
        return self.painter.loss(dataclasses.replace(batch, pictures=latents, starts=None), player, key, clock)

    def after(self, player: str, stats: Mapping[str, Tensor], key: Key, clock: Clock) -> None:
        """The codec's."""
        if player != "painter":
            self.codec.after(player.removeprefix("codec "), stats, key, clock)

    def symptoms(self) -> list[Symptom]:
        """The codec's."""
        return self.codec.symptoms()

    def readings(self) -> dict[str, float]:
        """The codec's, and how large latents are before they are evened."""
        return self.codec.readings() | {"deviation of latents": float(self.codec.evenness()[1].mean())}

    def _even(self, latents: Tensor) -> Tensor:
        mean, deviation = self.codec.evenness()
        return (latents - mean) / deviation

    def encode(
        self, pictures: Float[Tensor, "batch channels height width"], values: Values
    ) -> Float[Tensor, "batch latent rows columns"]:
        """The codec's, evened."""
        return self._even(self.codec.encode(pictures, {}))

    def decode(
        self, latents: Float[Tensor, "batch latent rows columns"], values: Values
    ) -> Float[Tensor, "batch channels height width"]:
        """What the codec paints of evened latents."""
        mean, deviation = self.codec.evenness()
        return self.codec.decode(latents * deviation + mean, {})

    def latents(self, canvas: Canvas, asked: Asked) -> Float[Tensor, "batch latent rows columns"]:
        """Those that the diffusion paints."""
        while not canvas.done:
            canvas = self.step(canvas, asked)
        return self.painter.show(canvas)

    def start(self, asked: Asked, plan: Plan, keys: Keys) -> Canvas:
        """Noise, or the latents of the start picture noised."""
        return self.painter.start(self._inside(asked), dataclasses.replace(plan, size=self._rows()), keys)

    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """One step of the diffusion; where a mask keeps, latents are put back."""
        return self.painter.step(canvas, self._inside(asked))

    def _inside(self, asked: Asked) -> Asked:
        """What is asked, its pictures in latents; places that a mask touches at all are painted."""
        start = None if asked.start is None else self.encode(asked.start.to(self.codec.moments), {})
        return dataclasses.replace(asked, start=start, mask=None if asked.mask is None else self._touched(asked.mask))

    def _touched(self, mask: Tensor) -> Float[Tensor, "batch 1 rows columns"]:
        """Places of latents that a mask touches; pictures end with some that are not whole."""
        factor, (height, width) = self.config.factor, self.size
        padded = nn.functional.pad(mask, (0, -width % factor, 0, -height % factor))
        return nn.functional.max_pool2d(padded, factor)

    def _rows(self) -> tuple[int, int]:
        """Rows and columns of latents."""
        return -(-self.size[0] // self.config.factor), -(-self.size[1] // self.config.factor)

    def show(self, canvas: Canvas) -> Float[Tensor, "batch channels height width"]:
        """The picture of the latents as far as they are painted."""
        return self.decode(self.painter.show(canvas), {})


class _OfLatents(Diffusion):
    """Diffusion of what has no bounds."""

    def held(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels height width"]:
        """As it is."""
        return x


# --- presets -----------------------------------------------------------------------------------------------------------

CODER = {
    "kind": "convolutional",
    "patch": 2,
    "widths": [48, 96],
    "depths": [1, 1],
    "attention": [False, False],
    "embedding": 32,
}
BACKBONE = {"kind": "unet", "patch": 1, "widths": [64, 128], "depths": [1, 2], "attention": [False, True], "embedding": 128}
PRESETS: dict[str, dict[str, Any]] = {
    # A network that sees costs a processor two thirds of the pictures it could learn from (docs/families.md).
    "small": {"codec": {**CODEC, "coder": CODER, "perceptual": 0.0}, "painter": {"backbone": BACKBONE}},
    "medium": {"codec": CODEC, "painter": {"backbone": {**BACKBONE, "widths": [128, 256], "depths": [2, 2]}}},
}
"""Differences from the defaults by name."""
