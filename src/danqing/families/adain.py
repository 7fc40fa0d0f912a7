"""AdaIN: any style in one pass, by a painter that is trained here.

What a network that knows photographs sees of a picture is given the means and deviations that it sees of a style, channel by
channel; a decoder, which alone is trained, makes a picture of that (Huang & Belongie 2017, "Arbitrary style transfer in
real-time with adaptive instance normalization", equations 8, 9 and 11 to 13). Strength draws it back to what was seen of the
picture itself (equation 14), and several styles are summed by their weights (equation 15). Each layer's distances are taken as
shares of what is asked, as in `danqing.families.style`.

It learns from two sides of a set that need no pairs: pictures to be painted, and pictures in whose style.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.conditions.style_pictures import Examples
from danqing.families.style import Conditions, Frozen, Restyling, examples_of
from danqing.families.translation import begun
from danqing.parts.contract import Asked, Batch, Canvas, Clock, Key, Loss, Player
from danqing.parts.rates import PlayerConfig
from danqing.parts.vgg import WIDTHS, Vgg, vgg

LAYERS = ("relu1_1", "relu2_1", "relu3_1")
"""Maps whose means and deviations are a style; the last is what is shown. The paper's is relu4_1: of the weights that can be
had, which were tuned to find edges, a decoder had not found back from it what was shown when it had seen 9,000 pictures."""
EPSILON = 1e-5
LARGE = 512
"""Pixels of the longer side up to which a picture keeps its size where nobody says."""
MULTIPLE = 2 ** (len(LAYERS) - 1)
"""The last map has a place for so many pixels a side."""

# --- config ------------------------------------------------------------------------------------------------------------


class AdaInConfig(PlayerConfig):
    """Settings of AdaIN.

    Args:
        style: weight of the style; that of what is shown is 1.
        widths: channels of the decoder's levels, from the coarsest; each has twice the height and width of the one before.
    """

    style: float = Field(5.0, ge=0)
    widths: tuple[int, int, int] = (128, 64, 32)
    lr: float = Field(1e-3, gt=0)
    decay: float = Field(0.0, ge=0)
    warmup: int = Field(400, ge=0)
    average: int = Field(1_000, ge=4)


# --- family ------------------------------------------------------------------------------------------------------------


class AdaIn(Restyling):
    """A family of one player and one step.

    Args:
        config: its settings.
        conditions: the style, by example.
        channels: 3.
        length: pictures the whole training will see, for the learning rate.
        network: looks at pictures; VGG16 where there is none, fetched when first used.
    """

    learns: ClassVar[bool] = True
    translates: ClassVar[Literal["pairs", "sets"] | None] = "sets"
    heeds: ClassVar[frozenset[str]] = frozenset({"init", "mask"})
    batch: ClassVar[int | None] = 8

    def __init__(
        self, config: AdaInConfig, conditions: Conditions, channels: int, length: int, network: Vgg | None = None
    ) -> None:
        super().__init__(conditions, channels)
        self.config, self.length = config, length
        self._network = Frozen(vgg, network)
        seen = WIDTHS[len(LAYERS) - 1] if network is None else len(network.state_dict()[f"convolutions.{LAYERS[-1]}.bias"])
        self.decoder = _decoder(seen, config.widths)

    def players(self) -> dict[str, Player]:
        """The decoder's."""
        return {"painter": self.config.player(self.decoder.parameters(), self.length)}

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """What is shown is to be what was asked of the decoder, and the style that of the other side's picture."""
        shown, style, network = begun(batch), batch.pictures, self._network.here(batch.pictures.device)
        with torch.no_grad():
            content, wanted = network.maps(shown, LAYERS[-1:])[LAYERS[-1]], network.maps(style, LAYERS)
            target = normalised(content, *moments(wanted[LAYERS[-1]]))
        maps = network.maps(self.decoder(target), LAYERS)
        pairs = [(moments(maps[layer]), moments(wanted[layer])) for layer in LAYERS]
        apart = [_share(mine, theirs) for pair in pairs for mine, theirs in zip(*pair, strict=True)]
        return Loss(
            {
                "content": _share(maps[LAYERS[-1]], target),
                "style": self.config.style * torch.stack(apart).mean(0),
            }
        )

    def natural(self, start: tuple[int, int] | None, learnt: tuple[int, int]) -> tuple[int, int]:
        """The size of its start, up to a moderate one: strokes are as wide as those of pictures it learnt."""
        return super().natural(start, (max(LARGE, *learnt),) * 2)

    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """The one step."""
        start, strength = canvas.tensors["start"], canvas.tensors["strength"].to(canvas.tensors["start"])
        painted = [self._painted(start[row : row + 1], own, strength[row]) for row, own in enumerate(examples_of(asked))]
        return dataclasses.replace(canvas, tensors={**canvas.tensors, "x": torch.cat(painted)}, step=canvas.step + 1)

    def _painted(
        self, x: Float[Tensor, "1 3 height width"], examples: Examples, strength: Float[Tensor, ""]
    ) -> Float[Tensor, "1 3 height width"]:
        network, (height, width) = self._network.here(x.device), x.shape[-2:]
        padded = F.pad(x, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="replicate")
        content, target = network.maps(padded, LAYERS[-1:])[LAYERS[-1]], torch.zeros(())
        for example in examples:
            seen = network.maps(example.seen()[None].to(x), LAYERS[-1:])[LAYERS[-1]]
            target = target + example.weight * normalised(content, *moments(seen))
        painted: Tensor = self.decoder(content.lerp(target, strength))
        return painted[..., :height, :width]


Maps = Float[Tensor, "batch channels height width"]
Moment = Float[Tensor, "batch channels 1 1"]


def moments(maps: Maps) -> tuple[Moment, Moment]:
    """Mean and deviation of each channel."""
    variance, mean = torch.var_mean(maps.float(), (2, 3), correction=0, keepdim=True)
    return mean, (variance + EPSILON).sqrt()


def normalised(maps: Maps, mean: Moment, deviation: Moment) -> Maps:
    """The maps with these moments in place of their own (equation 8)."""
    own, spread = moments(maps)
    return (maps - own) / spread * deviation + mean


def _share(mine: Tensor, theirs: Tensor) -> Float[Tensor, " batch"]:
    """Squared distance, as a share of what it should have been."""
    apart, whole = ((x.float().square().flatten(1)).sum(1) for x in (mine - theirs, theirs))
    return apart / whole.clamp_min(1e-6)


def _decoder(channels: int, widths: Sequence[int]) -> nn.Sequential:
    """The encoder in reverse, narrower; larger maps by the nearest neighbour, borders mirrored (section 4, architecture)."""
    layers: list[nn.Module] = []
    inner = [channels, *widths]
    for number, (before, after) in enumerate(itertools.pairwise(inner)):
        layers += [nn.Conv2d(before, after, 3, padding=1, padding_mode="replicate"), nn.ReLU()]
        if number < len(widths) - 1:
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(after, after, 3, padding=1, padding_mode="replicate"), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 3, 3, padding=1, padding_mode="replicate"))


# --- presets -----------------------------------------------------------------------------------------------------------

PRESETS: Mapping[str, Mapping[str, Any]] = {"small": {"widths": [96, 64, 32]}, "medium": {}}
"""Differences from the defaults by name."""
