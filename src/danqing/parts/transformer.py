"""A transformer on patches of pixels, conditioned through its context and adaptive normalisation.

Peebles & Xie 2023 (DiT, adaLN-Zero), Li & He 2025 (predicting pictures from large patches), Su et al. 2021 (rotary positions,
here in two dimensions, so that any size works).
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.config import Config
from danqing.parts.blocks import TimeEmbedding


class TransformerConfig(Config):
    """Settings of the transformer: `depth` layers of `embedding` numbers on patches of `patch` pixels a side."""

    kind: Literal["transformer"] = "transformer"
    patch: int = Field(4, ge=1, le=32)
    embedding: int = Field(256, ge=32)
    depth: int = Field(8, ge=1)
    head: int = Field(32, ge=8, multiple_of=4)


class Layer(nn.Module):
    """Attention over conditions and patches, then a gated network; both modulated by the vector and starting at zero."""

    def __init__(self, width: int, head: int) -> None:
        super().__init__()
        self.heads = width // head
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.modulation = nn.Linear(width, 6 * width)
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.grow = nn.Linear(width, 4 * width)
        self.shrink = nn.Linear(4 * width, width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, vector: Tensor, turns: tuple[Tensor, Tensor], bias: Tensor) -> Tensor:
        """(batch, count, width) to the same; `turns` are the cosines and sines of the positions."""
        batch, count, width = x.shape
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = self.modulation(vector)[:, None].chunk(6, dim=-1)
        parts = self.mix(self.norms[0](x) * (1 + scale) + shift).view(batch, count, 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(rotate(query, turns), rotate(key, turns), value, attn_mask=bias.to(query.dtype))
        x = x + gate * self.out(mixed.transpose(1, 2).reshape(batch, count, width))
        hidden = F.gelu(self.grow(self.norms[1](x) * (1 + scale_mlp) + shift_mlp))
        out: Tensor = x + gate_mlp * self.shrink(hidden)
        return out


class Transformer(nn.Module):
    """Pictures, time and conditions to pictures of the same size; any size, padded to whole patches and cut back."""

    def __init__(self, config: TransformerConfig, channels: int) -> None:
        super().__init__()
        if config.embedding % config.head:
            raise ValueError(f"embedding must be a multiple of head: {config}")
        self.config, width, pixels = config, config.embedding, channels * config.patch**2
        self.time = TimeEmbedding(width)
        self.vector = nn.SiLU()
        self.first = nn.Linear(pixels, width)
        self.layers = nn.ModuleList(Layer(width, config.head) for _ in range(config.depth))
        self.norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, pixels)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(
        self,
        x: Float[Tensor, "batch channels height width"],
        time: Float[Tensor, " batch"],
        vector: Float[Tensor, "batch embedding"],
        tokens: Float[Tensor, "batch count embedding"],
        mask: Bool[Tensor, "batch count"],
    ) -> Float[Tensor, "batch channels height width"]:
        """The same shape; `time` in [0, 1]."""
        height, width, patch = x.shape[-2], x.shape[-1], self.config.patch
        if height % patch or width % patch:
            x = F.pad(x, (0, -width % patch, 0, -height % patch), mode="replicate")
        folded = F.pixel_unshuffle(x, patch)
        rows, columns = folded.shape[-2:]
        hidden = torch.cat([tokens, self.first(folded.flatten(2).transpose(1, 2))], dim=1)
        bias = F.pad(torch.where(mask, 0.0, -1e9), (0, rows * columns))[:, None, None, :]
        turns = positions(rows, columns, tokens.shape[1], self.config.head, x.device)
        vector = self.vector(self.time(time) + vector)
        for layer in self.layers:
            hidden = layer(hidden, vector, turns, bias)
        out = self.last(self.norm(hidden[:, tokens.shape[1] :])).transpose(1, 2).unflatten(2, (rows, columns))
        return F.pixel_shuffle(out, patch)[..., :height, :width]


def positions(
    rows: int, columns: int, before: int, head: int, device: torch.device, finest: tuple[int, int] | None = None
) -> tuple[Tensor, Tensor]:
    """Cosines and sines (count, head / 2): half of the angles turn with the row, half with the column.

    The `before` tokens of the conditions stand at no place and are not turned. The places of a coarse map stand in the middle
    of what they cover of the `finest`, (rows, columns).
    """
    frequencies = 100.0 ** (-torch.arange(head // 4, device=device) / (head // 4))
    tall, wide = finest or (rows, columns)
    row = ((torch.arange(rows, device=device) + 0.5) * tall / rows - 0.5).repeat_interleave(columns)
    column = ((torch.arange(columns, device=device) + 0.5) * wide / columns - 0.5).repeat(rows)
    angles = torch.cat([row[:, None] * frequencies, column[:, None] * frequencies], dim=1)
    angles = F.pad(angles, (0, 0, before, 0))
    return angles.cos(), angles.sin()


def rotate(x: Float[Tensor, "batch heads count head"], turns: tuple[Tensor, Tensor]) -> Tensor:
    """Each pair of numbers turned by its angle (Su et al. 2021, equation 34)."""
    cos, sin = (part.to(x.dtype) for part in turns)
    left, right = x.chunk(2, dim=-1)
    return torch.cat([left * cos - right * sin, left * sin + right * cos], dim=-1)
