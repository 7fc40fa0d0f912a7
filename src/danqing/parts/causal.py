"""A decoder-only transformer over the places of a picture: each sees the conditions and the places before it.

Vaswani et al. 2017, section 3.2.3 (the mask), Su et al. 2021 (rotary positions, here in two dimensions), Henry et al. 2020
(queries and keys of length 1, so that logits stay bounded). Places can also come in blocks that see each other (Tian et al.
2024, "Visual Autoregressive Modeling", section 3.2). What was computed of earlier places can be kept, so that painting place by
place, or block by block, costs each place once.
"""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Bool, Float, Int64
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.config import Config
from danqing.parts.blocks import attend
from danqing.parts.transformer import rotate


class CausalConfig(Config):
    """Settings: `depth` layers of `width` numbers in heads of `head`."""

    width: int = Field(192, ge=32)
    depth: int = Field(4, ge=1)
    head: int = Field(32, ge=8, multiple_of=4)
    dropout: float = Field(0.0, ge=0.0, lt=1.0)


@dataclasses.dataclass
class Kept:
    """Keys and values of the places so far, layer by layer; empty to begin with."""

    layers: list[tuple[Tensor, Tensor]] = dataclasses.field(default_factory=list)

    @property
    def places(self) -> int:
        """How many places are kept."""
        return self.layers[0][0].shape[2] if self.layers else 0


class CausalLayer(nn.Module):
    """Attention over conditions and earlier places, then a network; both added to what came in."""

    def __init__(self, config: CausalConfig) -> None:
        super().__init__()
        width, self.head, self.dropout = config.width, config.head, config.dropout
        self.norm_in, self.norm_out = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix, self.context = nn.Linear(width, 3 * width), nn.Linear(width, 2 * width)
        self.out, self.grow, self.shrink = nn.Linear(width, width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.sharpness = nn.Parameter(torch.full((width // config.head, 1, 1), 10.0).log())

    def forward(
        self, x: Tensor, turns: tuple[Tensor, Tensor], context: Tensor, bias: Tensor, before: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(batch, count, width) to the same, and the keys and values of all places so far."""
        parts = self.mix(self.norm_in(x)).unflatten(2, (3, -1, self.head)).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        query, key = rotate(F.normalize(query, dim=-1), turns), rotate(F.normalize(key, dim=-1), turns)
        if before is not None:
            key, value = torch.cat([before[0], key], dim=2), torch.cat([before[1], value], dim=2)
        far_key, far_value = self.context(context).unflatten(2, (2, -1, self.head)).permute(2, 0, 3, 1, 4).unbind(0)
        keys = torch.cat([F.normalize(far_key, dim=-1), key], dim=2)
        # What attention divides by is taken back: queries and keys have length 1, and a sharpness that is learnt.
        sharp = query * (self.sharpness.exp() * self.head**0.5)
        values = torch.cat([far_value, value], dim=2)
        mixed = attend(sharp.to(values.dtype), keys.to(values.dtype), values, bias.to(values.dtype))
        x = x + F.dropout(self.out(mixed.transpose(1, 2).flatten(2)), self.dropout, self.training)
        hidden = F.gelu(self.grow(self.norm_out(x)))
        return x + F.dropout(self.shrink(hidden), self.dropout, self.training), (key, value)


class CausalTransformer(nn.Module):
    """Its layers and the norm after them."""

    def __init__(self, config: CausalConfig) -> None:
        super().__init__()
        if config.width % config.head:
            raise ValueError(f"width must be a multiple of head: {config}")
        self.config = config
        self.layers = nn.ModuleList(CausalLayer(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width)

    def forward(
        self,
        x: Float[Tensor, "batch count width"],
        turns: tuple[Tensor, Tensor],
        context: Float[Tensor, "batch told width"],
        mask: Bool[Tensor, "batch told"],
        kept: Kept | None = None,
        sees: Int64[Tensor, " count"] | None = None,
    ) -> Float[Tensor, "batch count width"]:
        """Each place from itself, those before it and the conditions.

        Args:
            x: the places, the next of those that are kept.
            turns: cosines and sines of their positions, (count, head / 2) each (`danqing.parts.transformer.positions`).
            context: tokens of the conditions, that every place sees.
            mask: True where a token is real.
            kept: of earlier places; these are added to it.
            sees: how many places, from the first, each one sees; by default those up to itself. Those of a block see all up
                to the block's last, and come together.
        """
        count, before = x.shape[1], kept.places if kept else 0
        places = torch.arange(before + count, device=x.device)
        later = places >= (places[before:] + 1 if sees is None else sees)[:, None]
        own = torch.where(later, -1e9, 0.0).expand(len(x), 1, -1, -1)
        told = torch.where(mask, 0.0, -1e9)[:, None, None, :].expand(-1, -1, count, -1)
        bias = torch.cat([told, own], dim=-1)
        for number, layer in enumerate(self.layers):
            old = kept.layers[number] if kept and kept.layers and number < len(kept.layers) else None
            x, new = layer(x, turns, context, bias, old)
            if kept is not None:
                if old is None:
                    kept.layers.append(new)
                else:
                    kept.layers[number] = new
        out: Tensor = self.norm(x)
        return out
