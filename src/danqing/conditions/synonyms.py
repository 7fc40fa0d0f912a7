"""What captions teach before the first picture is seen: those of one picture say the same, in whatever words or language.

A text encoder that starts from chance has to learn from pictures alone that 苹果 and "apple" are one thing, and sees each of
the two half as often. Pairs of captions teach that in a minute (contrastive learning with in-batch negatives: van den Oord et
al. 2018, equation 4; for sentences Gao et al. 2021, equation 1), so that whatever a picture then teaches of one caption, it
teaches of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.parts.contract import Key

Read = Callable[[Int[Tensor, " batch"]], Float[Tensor, "batch width"]]
"""Numbers of texts to their vectors, with gradients."""

BATCH, PASSES, MOST, FEWEST = 256, 300, 600, 16
"""Pictures per update; updates are so many passes over the pictures, but no more than `MOST`. Fewer pictures than `FEWEST`
that have two captions teach nothing worth the time."""
RATE, WARMUP, TEMPERATURE = 2e-3, 50, 0.07


def teach(reader: nn.Module, read: Read, groups: Sequence[Sequence[tuple[int, float]]], key: Key) -> int:
    """Train `reader` until the vectors of texts of one group are nearer to each other than to those of other groups.

    Args:
        reader: whose parameters are trained, in place.
        read: how it reads.
        groups: each the numbers of texts that say the same, with how often each is drawn. Groups of one are passed over.
        key: of every draw.

    Returns:
        How many updates were made; 0 where there are too few groups.
    """
    several = sorted({tuple(sorted(set(group))) for group in groups if len({text for text, _ in group}) > 1})
    if len(several) < FEWEST:
        return 0
    longest = max(map(len, several))
    texts = torch.tensor([[text for text, _ in group] + [0] * (longest - len(group)) for group in several])
    shares = torch.tensor([[share for _, share in group] + [0.0] * (longest - len(group)) for group in several])
    size = min(BATCH, len(several))
    updates = min(MOST, PASSES * len(several) // size)
    luck = key.generator()
    optimiser = torch.optim.AdamW(reader.parameters(), RATE, betas=(0.9, 0.99), weight_decay=0.01)
    for update in range(updates):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (update + 1) / WARMUP) * (1 - update / updates)
        picked = torch.randperm(len(several), generator=luck)[:size]
        pair = texts[picked].gather(1, torch.multinomial(shares[picked], 2, generator=luck))
        vectors = read(pair.T.flatten())
        loss = contrast(vectors, pair)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    optimiser.zero_grad()
    return updates


def contrast(vectors: Float[Tensor, "twice width"], pair: Int[Tensor, "batch 2"]) -> Float[Tensor, ""]:
    """InfoNCE both ways, on the cosine of centred vectors: the first of each pair finds its second among all of the batch.

    A text that two pairs share is no counter-example.
    """
    firsts, seconds = F.normalize(vectors - vectors.mean(0), dim=1).chunk(2)
    alike = firsts @ seconds.T / TEMPERATURE
    own = torch.eye(len(pair), dtype=torch.bool)
    alike = alike.masked_fill((pair[:, :1] == pair[:, 1]) & ~own, -1e4)
    right = torch.arange(len(pair))
    return (F.cross_entropy(alike, right) + F.cross_entropy(alike.T, right)) / 2
