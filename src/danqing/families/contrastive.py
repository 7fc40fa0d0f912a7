"""A contrastive learner of words and pictures: the judge of whether a painting shows what was asked.

CLIP's loss asks each picture for its caption among those of the batch and each caption for its picture (Radford et al.
2021, figure 3); SigLIP's asks of every pair whether it belongs together (Zhai et al. 2023, equation 1). Two pictures with one
caption are no counter-example to each other. The learner reads pictures as features of a frozen network beside coarse pixels,
so that a set of a few hundred pictures is enough, and both languages of the captions alike.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.conditions.condition import Condition
from danqing.conditions.conditioner import Conditioner
from danqing.config import Config
from danqing.parts.contract import Batch, Clock, Key, Learner, Loss, Player
from danqing.parts.rates import trapezoid

# --- config ------------------------------------------------------------------------------------------------------------


class ContrastiveConfig(Config):
    """Settings of the contrastive learner.

    Args:
        objective: "clip" or "siglip".
        width: of the space in which words and pictures meet.
        hidden: of the picture tower.
        dropout: of the features, in training.
        temperature, bias: at the start; both are learnt ("clip" has no bias).
        lr, warmup, cooldown: as of the diffusion family.
    """

    objective: Literal["clip", "siglip"] = "clip"
    width: int = Field(256, ge=8)
    hidden: int = Field(512, ge=8)
    dropout: float = Field(0.3, ge=0, lt=1)
    temperature: float = Field(0.07, gt=0)
    bias: float = -10.0
    lr: float = Field(1e-3, gt=0)
    warmup: int = Field(5_000, ge=0)
    cooldown: float = Field(0.5, ge=0, le=1)
    decay: float = Field(0.05, ge=0)


# --- learner -----------------------------------------------------------------------------------------------------------


class Contrastive(Learner):
    """Two towers. A batch's `pictures` are features, (batch, features, 1, 1), centred and of unit deviation.

    Args:
        config: its settings.
        words: the condition that reads captions.
        features: their number.
        length: pictures the whole training will see, for the learning rate.
    """

    couples: ClassVar[bool] = True

    def __init__(self, config: ContrastiveConfig, words: Condition[Any], features: int, length: int) -> None:
        super().__init__()
        self.config, self.name, self.length = config, words.name, length
        self.words = Conditioner({words.name: words}, config.width)
        self.pictures = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(features, config.hidden),
            nn.GELU(),
            nn.LayerNorm(config.hidden),
            nn.Linear(config.hidden, config.width),
        )
        self.sharpness = nn.Parameter(torch.tensor(1.0 / config.temperature).log())
        self.bias = nn.Parameter(torch.tensor(config.bias if config.objective == "siglip" else 0.0))

    def players(self) -> dict[str, Player]:
        """The judge, alone."""
        c = self.config
        rate = trapezoid(c.lr, c.warmup, self.length, c.cooldown)
        return {"judge": Player(list(self.parameters()), rate, decay=c.decay, clip=1.0)}

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """How badly pictures and captions find each other in the batch."""
        seen, said = self.see(batch.pictures.flatten(1)), self.say(batch.conditions[self.name])
        captions = [str(value) for value in batch.conditions[self.name]]
        same = torch.tensor([[one == other for other in captions] for one in captions], device=seen.device)
        return Loss({self.config.objective: self.compare(seen @ said.T, same)})

    def compare(self, alike: Float[Tensor, "batch batch"], same: Bool[Tensor, "batch batch"]) -> Float[Tensor, " batch"]:
        """The loss of each picture.

        Args:
            alike: cosine of each picture (row) with each caption (column).
            same: whether two pictures have the same caption.
        """
        logits = alike * self.sharpness.exp() + self.bias
        own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        if self.config.objective == "siglip":
            each = F.softplus(torch.where(own, -logits, logits))
            return torch.where(same & ~own, 0.0, each).sum(1)
        logits, right = logits.masked_fill(same & ~own, -1e4), torch.arange(len(logits), device=logits.device)
        ways = (F.cross_entropy(way, right, reduction="none") for way in (logits, logits.T))
        return torch.stack(list(ways)).mean(0)

    def see(self, features: Float[Tensor, "batch features"]) -> Float[Tensor, "batch width"]:
        """Pictures in the space where words and pictures meet, of length 1."""
        out: Tensor = self.pictures(features)
        return F.normalize(out.float(), dim=1)

    def say(self, values: Any) -> Float[Tensor, "batch width"]:
        """Words in the space where words and pictures meet, of length 1."""
        count = len(values)
        encoded = self.words.encode({self.name: values}, count)
        return F.normalize(encoded.vector.float(), dim=1)
