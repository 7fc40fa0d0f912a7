"""A small transformer over word pieces, trained together with the painter it serves."""

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.config import Config


class TextEncoderConfig(Config):
    """Settings: `layers` of attention over at most `length` pieces.

    Args:
        balanced: each piece is brought to unit variance at the end; without, what layers add grows in training until it
            drowns what tells one piece from another (decision 7).
        deep: vectors of a reader that is not trained are brought to the painter's width by two layers and not one, so that
            words which mean almost the same to it (a red apple, a green one) can come to look different.
        blur: its vectors are learnt from with noise of about this length (their own is 1), so that what is near in meaning is
            painted alike.
    """

    layers: int = Field(0, ge=0)
    length: int = Field(16, ge=4)
    head: int = Field(32, ge=8)
    balanced: bool = True
    deep: bool = False
    blur: float = Field(0.0, ge=0)


class Layer(nn.Module):
    """Pre-norm self-attention and a two-layer network (Xiong et al. 2020); both start at zero."""

    def __init__(self, width: int, head: int) -> None:
        super().__init__()
        self.heads = max(1, width // head)
        self.norm_attention = nn.LayerNorm(width)
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.grow = nn.Linear(width, 2 * width)
        self.shrink = nn.Linear(2 * width, width)
        for last in (self.out, self.shrink):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Float[Tensor, "batch count width"], bias: Float[Tensor, "batch 1 1 count"]) -> Tensor:
        """The same shape; `bias` is added to the attention's logits."""
        batch, count, width = x.shape
        parts = self.mix(self.norm_attention(x)).view(batch, count, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=bias.to(parts.dtype))
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, count, width))
        out: Tensor = x + self.shrink(F.silu(self.grow(self.norm_mlp(x))))
        return out


class TextEncoder(nn.Module):
    """Pieces to tokens. What a piece says is multiplied by its weight, so `(red:1.3)` speaks louder."""

    def __init__(self, config: TextEncoderConfig, vocabulary: int, width: int) -> None:
        super().__init__()
        self.pieces = nn.Embedding(vocabulary, width)
        self.places = nn.Parameter(torch.randn(config.length, width) * 0.02)
        self.layers = nn.ModuleList(Layer(width, config.head) for _ in range(config.layers))
        self.balanced = config.balanced
        nn.init.normal_(self.pieces.weight, std=0.3)

    def forward(
        self, pieces: Int[Tensor, "batch count"], weights: Float[Tensor, "batch count"], mask: Bool[Tensor, "batch count"]
    ) -> Float[Tensor, "batch count width"]:
        """(batch, count) piece numbers with weights around 1 to (batch, count, width)."""
        heard = weights[..., None]
        x = self.pieces(pieces) * (1.0 if self.balanced else heard) + self.places[: pieces.shape[1]]
        bias = torch.where(mask, 0.0, -1e9)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, bias)
        # What is brought to unit variance forgets its weight, so it is given it last; and a gain would grow like what it tames.
        return F.layer_norm(x.float(), x.shape[-1:]) * heard if self.balanced else x
