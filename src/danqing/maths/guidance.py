"""Classifier-free guidance: how strongly a painting follows what was asked."""

from jaxtyping import Float
from torch import Tensor

from danqing.maths.schedules import Point


def guide(
    conditional: Float[Tensor, "batch ..."], unconditional: Float[Tensor, "batch ..."], weight: Float[Tensor, " batch"]
) -> Float[Tensor, "batch ..."]:
    """Away from the unconditional prediction, through the conditional one (Ho & Salimans 2022, equation 6).

    Args:
        conditional: predictions with what was asked; of x, ε, v or velocity alike, as all are linear in each other.
        unconditional: predictions without it, or with what to keep away from.
        weight: per picture; 1 is none and gives `conditional` to the bit (the paper's w is this minus 1).
    """
    more = (weight - 1.0).to(conditional.dtype).reshape(-1, *[1] * (conditional.ndim - 1))
    return conditional + more * (conditional - unconditional)


def within(point: Point, interval: tuple[float, float]) -> bool:
    """Whether guidance is on here (Kynkäänniemi et al. 2024, section 3).

    Args:
        point: the time asked about.
        interval: lowest and highest noise level σ / (α + σ), from 0 (picture) to 1 (noise), both included.
    """
    return interval[0] <= point.level <= interval[1]


def rescale(
    guided: Float[Tensor, "batch ..."], conditional: Float[Tensor, "batch ..."], share: float
) -> Float[Tensor, "batch ..."]:
    """Guided predictions brought back to the spread of the conditional ones (Lin et al. 2024, section 3.4).

    Args:
        guided: predictions after `guide`.
        conditional: predictions before it.
        share: 0 leaves them alone, 1 rescales wholly; the paper uses 0.7.
    """
    inner = tuple(range(1, guided.ndim))
    factor = conditional.std(inner, keepdim=True) / guided.std(inner, keepdim=True).clamp_min(1e-12)
    return guided * (share * factor + (1.0 - share))
