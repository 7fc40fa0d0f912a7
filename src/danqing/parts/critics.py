"""A critic of the parts of a picture, and games of painters and of codecs with critics."""

from __future__ import annotations

import dataclasses
import itertools

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.parts.contract import Player
from danqing.parts.rates import PlayerConfig


class PatchCritic(nn.Module):
    """Says of overlapping patches how real they look (Isola et al. 2017, section 3.2.2)."""

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

    def tells(
        self, real: Float[Tensor, "batch channels height width"], painted: Float[Tensor, "batch channels height width"]
    ) -> dict[str, Float[Tensor, " batch"]]:
        """Its losses: hinges (Lim & Ye 2017, equation 9)."""
        known, claimed = self(real), self(painted)
        return {"real": F.relu(1 - known).mean(1), "fake": F.relu(1 + claimed).mean(1)}


def game(painter: nn.Module, critic: nn.Module, config: PlayerConfig, length: int, lead: float) -> dict[str, Player]:
    """The players of a game of two: the critic moves first, `lead` times as fast, and no average of it is kept."""
    faster = config.model_copy(update={"lr": lead * config.lr})
    return {
        "critic": dataclasses.replace(faster.player(critic.parameters(), length), averages=()),
        "painter": config.player(painter.parameters(), length),
    }


def players(learner: nn.Module, critic: PatchCritic | None, config: PlayerConfig, length: int) -> dict[str, Player]:
    """The painter, who owns all that is not the critic's; and the critic, if there is one, which moves after it."""
    others = set() if critic is None else set(critic.parameters())
    mine = [parameter for parameter in learner.parameters() if parameter not in others]
    found = {"painter": config.player(mine, length)}
    if critic is not None:
        found["critic"] = dataclasses.replace(config.player(critic.parameters(), length), betas=(0.5, 0.9), averages=())
    return found
