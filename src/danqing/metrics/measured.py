"""A number with how far it can be trusted, or the reason why there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

RESAMPLES = 200
LEVEL = 0.95


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """A number between the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"value": self.value, "low": self.low, "high": self.high}

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """No number, and a sentence that says why and what to read instead."""

    reason: str

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"refused": self.reason}

    def __str__(self) -> str:
        return "not measured"


Number = Measured | Refused


def mean_of(values: Float[np.ndarray, " pictures"], luck: np.random.Generator) -> Measured:
    """The mean, with the percentile interval of the bootstrap over pictures (Efron 1979)."""
    values = np.asarray(values, np.float64)
    means = [values[luck.integers(0, len(values), len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Measured(float(values.mean()), float(low), float(high))


def ratio_of(
    values: Float[np.ndarray, " pictures"], others: Float[np.ndarray, " pictures"], luck: np.random.Generator
) -> Measured:
    """The mean of some values over that of others of the same pictures, both resampled alike."""
    pairs = np.stack([values, others]).astype(np.float64)
    draws = [pairs[:, luck.integers(0, len(values), len(values))].mean(1) for _ in range(RESAMPLES)]
    ratios = [mine / max(theirs, 1e-9) for mine, theirs in draws]
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Measured(float(pairs[0].mean() / max(pairs[1].mean(), 1e-9)), float(low), float(high))


def about(value: float, resampled: Sequence[float], least: float = -np.inf) -> Measured:
    """A value with the normal interval of its bootstrap deviation: right where resampling itself shifts the value."""
    reach = 1.96 * float(np.std(resampled, ddof=1))
    return Measured(value, max(least, value - reach), value + reach)
