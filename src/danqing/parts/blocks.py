"""The small networks that backbones are built of."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F


def sinusoids(values: Float[Tensor, " batch"], width: int, period: float = 10_000.0) -> Float[Tensor, "batch width"]:
    """Sines and cosines of geometrically spaced frequencies ("Attention Is All You Need", section 3.5); `width` is even."""
    frequencies = torch.exp(torch.arange(width // 2, device=values.device) * (-math.log(period) / (width // 2)))
    angles = values.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class TimeEmbedding(nn.Module):
    """A time in [0, 1] as a vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(64, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, time: Float[Tensor, " batch"]) -> Float[Tensor, "batch width"]:
        """(batch,) to (batch, width)."""
        out: Tensor = self.mlp(sinusoids(time * 1000.0, 64))
        return out


WRITTEN_OUT = 256
"""Places among which plain products are faster than the fused kernel: 2.4 times at 64 places, 1.2 times at 256
(`benchmarks/attention.py`)."""


def groups(channels: int) -> int:
    """Groups for a group normalisation: channels per group between 4 and 16, dividing evenly."""
    return next(count for count in range(min(32, max(1, channels // 4)), 0, -1) if channels % count == 0)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions around which the input is carried; the vector scales and shifts in between (FiLM).

    The last convolution starts at zero, so that a fresh block is the identity (up to its skip).
    """

    def __init__(self, channels_in: int, channels: int, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm_in = nn.GroupNorm(groups(channels_in), channels_in)
        self.conv_in = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.modulation = nn.Linear(width, 2 * channels)
        self.norm_out = nn.GroupNorm(groups(channels), channels)
        self.dropout = nn.Dropout(dropout)
        self.conv_out = nn.Conv2d(channels, channels, 3, padding=1)
        self.skip = nn.Conv2d(channels_in, channels, 1) if channels_in != channels else nn.Identity()
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)  # type: ignore[arg-type]

    def forward(
        self, x: Float[Tensor, "batch channels_in height width"], vector: Float[Tensor, "batch embedding"]
    ) -> Float[Tensor, "batch channels height width"]:
        """The same height and width."""
        scale, shift = self.modulation(vector)[:, :, None, None].chunk(2, dim=1)
        hidden = self.conv_in(F.silu(self.norm_in(x)))
        hidden = F.silu(self.norm_out(hidden) * (1 + scale) + shift)
        out: Tensor = self.skip(x) + self.conv_out(self.dropout(hidden))
        return out


class ContextAttention(nn.Module):
    """Every place of a picture attends to every place and to the tokens of the conditions, in one softmax."""

    def __init__(self, channels: int, width: int, head: int = 32) -> None:
        super().__init__()
        self.head = head if channels % head == 0 else channels
        self.norm = nn.GroupNorm(groups(channels), channels)
        self.picture = nn.Conv2d(channels, 3 * channels, 1)
        self.context = nn.Linear(width, 2 * channels)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(
        self,
        x: Float[Tensor, "batch channels height width"],
        tokens: Float[Tensor, "batch count embedding"],
        mask: Bool[Tensor, "batch count"],
    ) -> Float[Tensor, "batch channels height width"]:
        """The same shape; tokens whose mask is False are not attended to."""
        batch, channels, height, width = x.shape
        heads, places = channels // self.head, height * width
        # The 1×1 convolutions are computed as the matrix products they are, which a CPU does faster.
        seen = self.norm(x).flatten(2).transpose(1, 2)
        mine = _product(seen, self.picture).view(batch, places, 3, heads, self.head)
        query = mine[:, :, 0].transpose(1, 2)
        far = self.context(tokens).view(batch, -1, 2, heads, self.head)
        key, value = torch.cat([mine[:, :, 1:], far.to(mine.dtype)], dim=1).permute(2, 0, 3, 1, 4).unbind(0)
        # Additive, because the CPU's fused kernel takes no boolean mask that broadcasts over queries.
        bias = F.pad(torch.where(mask, 0.0, -1e9).to(query.dtype), (places, 0))[:, None, None, :]
        mixed = attend(query, key, value, bias).transpose(1, 2).flatten(2)
        out: Tensor = x + _product(mixed, self.out).transpose(1, 2).reshape(batch, channels, height, width)
        return out


def _product(x: Tensor, convolution: nn.Conv2d) -> Tensor:
    """A 1×1 convolution of (batch, places, channels)."""
    return F.linear(x, convolution.weight.flatten(1), convolution.bias)


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """Scaled dot-product attention; written out where the fused kernel is slower: on a CPU, in bfloat16, among few places."""
    if query.device.type == "cpu" and query.dtype == torch.bfloat16 and query.shape[2] <= WRITTEN_OUT:
        logits = (query * query.shape[-1] ** -0.5) @ key.transpose(2, 3) + bias
        out: Tensor = logits.softmax(-1).to(value.dtype) @ value
        return out
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
