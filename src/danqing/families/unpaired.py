"""Unpaired translation: two sets of pictures, and nobody knows what belongs together.

CycleGAN (Zhu et al. 2017, "Unpaired image-to-image translation using cycle-consistent adversarial networks", equation 3): one
painter goes there and one goes back, each must fool a critic of its kind of pictures, and who goes there and back must arrive
where it began (equation 2). What is of the kind already is to be left alone (section 5.2, identity). Critics also see
paintings of earlier on (section 4, after Shrivastava et al. 2017). Painters like to hide in a painting, in patterns that nobody
sees, what they need on the way back (Chu et al. 2017); noise on the way takes that from them (Bashkirova et al. 2019, section
4.1).

CUT (Park et al. 2020, "Contrastive learning for unpaired image-to-image translation", equations 3 to 5): one painter goes there
and none comes back. Each patch of a painting must be more like the patch of the picture in its place than like others of that
picture, to the painter's own levels; likewise of pictures that are of the kind already.

Painters are the U-Nets of `danqing.families.translation`, which begin as the identity. Critics judge patches, with hinges for
losses, or, by default, they are those of `danqing.families.rivals`, who look through a network that knows photographs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.families.rivals import Conditions, Pictures
from danqing.families.translation import SLIGHT, SMALL, Painter, Translation, TranslationConfig, begun, rival
from danqing.parts.contract import Batch, Clock, Key, Keys, Loss, Player, Values
from danqing.parts.critics import game
from danqing.parts.precision import full_precision

# --- config ------------------------------------------------------------------------------------------------------------


class CycleGanConfig(TranslationConfig):
    """Settings of CycleGAN.

    Args:
        view: as of all translations; here critics look at pictures so large that they see pixels.
        cycle, identity: weights of the errors there and back, and of pictures that are of the kind already; a critic's is 1.
            The paper's are 10 and 5, which suit critics of patches.
        pool: paintings of each kind that are kept to be shown to critics again.
        noise: standard deviation of what is added to a painting before the way back.
    """

    view: int = Field(128, ge=16)
    cycle: float = Field(1.0, ge=0)
    identity: float = Field(0.2, ge=0)
    pool: int = Field(50, ge=1)
    noise: float = Field(0.08, ge=0)


class CutConfig(TranslationConfig):
    """Settings of CUT.

    Args:
        contrast, identity: weights of telling patches apart, of translations and of pictures that are of the kind already.
        patches: places of each picture, on each level.
        temperature: of the choice among them.
        width: numbers in which a patch is told.
        view: as of all translations; here critics look at pictures so large that they see pixels.
    """

    view: int = Field(128, ge=16)
    contrast: float = Field(1.0, ge=0)
    identity: float = Field(1.0, ge=0)
    patches: int = Field(64, ge=2)
    temperature: float = Field(0.07, gt=0)
    width: int = Field(64, ge=8)


# --- families ----------------------------------------------------------------------------------------------------------


class CycleGan(Translation):
    """Two painters and two critics; `painter` is the one that goes there.

    Args:
        config, conditions, channels, length: as of `Translation`.
        size: (height, width) that it learns.
    """

    translates: ClassVar[Literal["pairs", "sets"] | None] = "sets"
    pooled: ClassVar[bool] = True

    def __init__(
        self, config: CycleGanConfig, conditions: Conditions, channels: int, length: int, size: tuple[int, int]
    ) -> None:
        super().__init__(config, conditions, channels, length)
        self.config = config
        self.back = Painter(config.backbone, {}, channels)
        self.critic_there, self.critic_back = rival(config, channels, conditions), rival(config, channels, {})
        self.pools: Tensor
        self.kept: Tensor
        self.register_buffer("pools", torch.zeros(config.pool, 2, channels, *size))
        self.register_buffer("kept", torch.zeros(()))

    def players(self) -> dict[str, Player]:
        """Both critics as one player, which moves first; both painters as one."""
        painters, critics = nn.ModuleList([self.painter, self.back]), nn.ModuleList([self.critic_there, self.critic_back])
        return game(painters, critics, self.config, self.length, self.config.lead)

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """Critics': to tell real from painted, of now and of earlier on. Painters': to fool them, and to find the way back."""
        first, second, values, keys = begun(batch), batch.pictures, batch.conditions, batch.keys(key)
        if player == "critic":
            with torch.no_grad():
                fresh = torch.stack([self.painter(first, values), self.back(second, {})], 1).float()
            shown = self._remembered(fresh, keys.at("pool"))
            told = (
                self.critic_there.tells(second, shown[:, 0], values, keys.at("there"), clock),
                self.critic_back.tells(first, shown[:, 1], {}, keys.at("back"), clock),
            )
            parts = {
                f"{name} {way}": loss
                for way, losses in zip(("there", "back"), told, strict=True)
                for name, loss in losses.items()
            }
            return Loss(parts, {"fresh": (fresh, "gather")})
        there, here = self.painter(first, values), self.back(second, {})
        noise = self.config.noise * keys.at("noise").normal(2, *first.shape[1:]).to(first)
        again = self.back(there + noise[:, 0], {}), self.painter(here + noise[:, 1], values)
        parts = {
            "fool there": self.critic_there.fooled(second, there, values, keys.at("there")),
            "fool back": self.critic_back.fooled(first, here, {}, keys.at("back")),
            "cycle": self.config.cycle * (_apart(again[0], first) + _apart(again[1], second)),
        }
        if self.config.identity:
            still = self.back(first, {}), self.painter(second, values)
            parts["identity"] = self.config.identity * (_apart(still[0], first) + _apart(still[1], second))
        return Loss(parts)

    def _remembered(
        self, fresh: Float[Tensor, "batch 2 channels height width"], keys: Keys
    ) -> Float[Tensor, "batch 2 channels height width"]:
        """Half of the paintings, each by its own key, exchanged for paintings of earlier on."""
        luck = keys.uniform(2).to(fresh)
        places = (luck[:, 1] * self.kept).long()
        old = (luck[:, 0] < 0.5) & (self.kept > 0)
        return torch.where(old[:, None, None, None, None], self.pools[places], fresh)

    def after(self, player: str, stats: Mapping[str, Tensor], key: Key, clock: Clock) -> None:
        """Keep the new paintings: where there is room, else in the place of others drawn at random."""
        if player != "critic":
            return
        room, count = len(self.pools), int(self.kept)
        for number, pair in enumerate(stats["fresh"]):
            place = count if count < room else int(key.at("keep", number).uniform(1).item() * room)
            self.pools[place] = pair
            count = min(room, count + 1)
        self.kept.fill_(count)


class Cut(Translation):
    """A painter and a critic; patches of a painting are held to patches of the picture it was made from."""

    translates: ClassVar[Literal["pairs", "sets"] | None] = "sets"

    def __init__(self, config: CutConfig, conditions: Conditions, channels: int, length: int) -> None:
        super().__init__(config, conditions, channels, length)
        self.config = config
        self.critic = rival(config, channels, conditions)
        widths = (channels, *config.backbone.widths)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, config.width), nn.ReLU(), nn.Linear(config.width, config.width)) for width in widths
        )

    def players(self) -> dict[str, Player]:
        """The critic moves first; the heads that tell patches are the painter's."""
        return game(nn.ModuleList([self.painter, self.heads]), self.critic, self.config, self.length, self.config.lead)

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """The critic's: to tell real from painted. The painter's: to fool it, and to leave each patch in its place."""
        first, second, values, keys = begun(batch), batch.pictures, batch.conditions, batch.keys(key)
        if player == "critic":
            with torch.no_grad():
                painted = self.painter(first, values)
            shown = self._shown(second, painted, keys.at("shown"))
            return Loss(self.critic.tells(*shown, values, keys.at("critic"), clock))
        there = self.painter(first, values)
        parts = {
            "fool": self.critic.fooled(*self._shown(second, there, keys.at("shown")), values, keys.at("critic")),
            "contrast": self.config.contrast * self._contrast(first, there, values, keys.at("there")),
        }
        if self.config.identity:
            still = self.painter(second, values)
            parts["identity"] = self.config.identity * self._contrast(second, still, values, keys.at("still"))
        return Loss(parts)

    def _shown(self, real: Pictures, painted: Pictures, keys: Keys) -> tuple[Pictures, Pictures]:
        """What the critic sees of them: all."""
        return real, painted

    def _contrast(
        self,
        before: Float[Tensor, "batch channels height width"],
        after: Float[Tensor, "batch channels height width"],
        values: Values,
        keys: Keys,
    ) -> Float[Tensor, " batch"]:
        """How hard it is to find the patch of `before` that a patch of `after` was made from (equation 3)."""
        asked, known = self.painter.levels(after, values), self.painter.levels(before, values)
        losses = []
        for level, (head, new, old) in enumerate(zip(self.heads, asked, known, strict=True)):
            luck = keys.at("patches", level).uniform(self.config.patches).to(before)
            places = (luck * new[0, 0].numel()).long()
            mine, theirs = (_told(head, x, places) for x in (new, old))
            with full_precision(before.device):
                likeness = mine.float() @ theirs.float().detach().transpose(1, 2) / self.config.temperature
                # A place may be drawn twice: then any of its doubles is right, and none of them counts against it.
                same = places[:, :, None] == places[:, None, :]
                right = likeness.diagonal(dim1=1, dim2=2)
                others = likeness.masked_fill(same, -torch.inf)
                all_ = torch.cat([right[..., None], others], 2).logsumexp(2)
                losses.append((all_ - right).mean(1))
        return torch.stack(losses).mean(0)


def _told(
    head: nn.Module, x: Float[Tensor, "batch width height wide"], places: Tensor
) -> Float[Tensor, "batch patches numbers"]:
    """The places of a map, each told in numbers of length 1."""
    flat = x.flatten(2).transpose(1, 2)
    picked = flat.gather(1, places[..., None].expand(-1, -1, flat.shape[2]))
    return F.normalize(head(picked), dim=2)


def _apart(one: Tensor, other: Tensor) -> Float[Tensor, " batch"]:
    return (one.float() - other).abs().mean((1, 2, 3))


# --- presets -----------------------------------------------------------------------------------------------------------

PATCHES: dict[str, Any] = {"sight": "pixels", "cycle": 10.0, "identity": 5.0, "noise": 0.03}
CYCLEGAN_PRESETS: dict[str, dict[str, Any]] = {"small": SMALL, "medium": {}, "patches": {**SLIGHT, **PATCHES}}
CUT_PRESETS: dict[str, dict[str, Any]] = {"small": SMALL, "medium": {}, "patches": {**SLIGHT, "sight": "pixels"}}
"""Differences from the defaults by name."""
