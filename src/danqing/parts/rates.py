"""Learning rates as functions of pictures seen, and the settings of a player that most families share."""

from collections.abc import Callable, Iterable

from pydantic import Field
from torch import nn

from danqing.config import Config
from danqing.parts.contract import Player


def trapezoid(peak: float, warmup: int, length: int, cooldown: float) -> Callable[[int], float]:
    """Up linearly over `warmup` pictures, level, then linearly to 0 over the last share `cooldown` of `length` pictures."""

    def rate(seen: int) -> float:
        rise = min(1.0, (seen + 1) / warmup) if warmup else 1.0
        left = (length - seen) / (length * cooldown) if cooldown and length else 1.0
        return peak * rise * min(1.0, max(0.0, left))

    return rate


class PlayerConfig(Config):
    """How a player learns (AdamW), a part of a family's settings.

    Args:
        lr, warmup, cooldown: highest learning rate; pictures until it is reached, a tenth of the training at most; share of
            training in which it falls to 0.
        betas_adam, decay, clip: Adam's decay rates; decoupled weight decay; largest gradient norm.
        average: half-life, in pictures, of the averaged weights that paint. A quarter and four times of it are kept too, for
            `danqing evaluate --tune` to choose among.
    """

    lr: float = Field(1.5e-3, gt=0)
    betas_adam: tuple[float, float] = (0.9, 0.99)
    decay: float = Field(0.01, ge=0)
    clip: float = Field(1.0, gt=0)
    warmup: int = Field(12_800, ge=0)
    cooldown: float = Field(0.4, ge=0, le=1)
    average: int = Field(20_000, ge=4)

    def player(self, parameters: Iterable[nn.Parameter], length: int) -> Player:
        """The player that owns those of these parameters that are trained, in a training of `length` pictures."""
        warmup = min(self.warmup, length // 10) if length else self.warmup  # a short training must not end while it warms up
        rate = trapezoid(self.lr, warmup, length, self.cooldown)
        averages = (self.average, self.average // 4, self.average * 4)
        mine = [parameter for parameter in parameters if parameter.requires_grad]
        return Player(mine, rate, self.betas_adam, self.decay, self.clip, averages=averages)
