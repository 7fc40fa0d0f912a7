"""How noise is mixed into pictures, and what a network may be asked to predict.

One notation for every family: a noised picture is x_t = α·x + σ·ε, with x the picture and ε standard normal noise.
A schedule names the times and gives (α, σ) at each; everything else needs only those two numbers.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from danqing.errors import WishError

Prediction = Literal["x", "epsilon", "v", "velocity"]
"""The picture x; the noise ε; v = α·ε − σ·x (Salimans & Ho 2022, appendix D); the flow's velocity x − ε (Liu et al. 2023)."""
Spacing = Literal["leading", "trailing", "linspace"]
"""Which steps of a long chain are visited (Lin et al. 2024, table 2)."""
Betas = Literal["linear", "scaled_linear", "cosine"]
"""Named noise levels of a long chain."""
Coefficient = float | Float[Tensor, " batch"]

CHAIN = 1000
"""Steps of a discrete chain (Ho et al. 2020, section 4)."""
FINEST = 16
"""How many times finer a grid may be of which `leaping` takes the first times."""


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """(α, σ) at one time, in float64: shares of picture and noise, neither negative, not both 0."""

    alpha: float
    sigma: float

    @property
    def level(self) -> float:
        """The noise level σ / (α + σ), from 0 (picture) to 1 (noise)."""
        return self.sigma / (self.alpha + self.sigma)


class Schedule(ABC):
    """Times from noise to picture, and the shares of both at each."""

    @abstractmethod
    def point(self, time: float) -> Point:
        """(α, σ) at `time`, in float64."""

    @abstractmethod
    def coefficients(self, times: Float[Tensor, " batch"]) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """(α, σ) at many times, in their dtype and on their device; for training."""

    @abstractmethod
    def grid(self, steps: int, strength: float = 1.0) -> tuple[float, ...]:
        """`steps` + 1 times from noise to picture.

        Args:
            steps: how many, all of them on the way that is left.
            strength: share of the way to go, in (0, 1]; below 1 the first time already holds some picture.

        Raises:
            WishError: fewer than 1 step, more than there are, or a strength outside (0, 1].
        """

    @abstractmethod
    def ladder(self, steps: int) -> tuple[float, ...]:
        """At most `steps` times from noise to nearly the picture, evenly spaced in log(α²/σ²), with σ above 0 in all."""

    @abstractmethod
    def draw(self, uniform: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """Training times from uniform numbers in [0, 1)."""

    @abstractmethod
    def noisier(self, time: float, share: float) -> float:
        """The time whose noise level lies `share`, in [0, 1), of the way from that of `time` to pure noise."""

    @abstractmethod
    def scale(self, point: Point) -> float:
        """What x_t is divided by so that solvers of higher order see the straight path they were written for; above 0."""


@dataclasses.dataclass(frozen=True)
class FlowSchedule(Schedule):
    """A straight line from noise (time 0) to picture (time 1): α = t, σ = 1 − t.

    Lipman et al. 2023, equation 22 with σ_min = 0; Liu et al. 2023, equation 1.

    Args:
        shift: 1 is a uniform grid; more spends steps on noisy times, as large pictures need (Esser et al. 2024, eq. 23:
            σ' = s·σ / (1 + (s − 1)·σ)). It moves the grid only, not the times training draws.
    """

    shift: float = 1.0

    def point(self, time: float) -> Point:
        """(t, 1 − t) for a time in [0, 1]."""
        return Point(time, 1.0 - time)

    def coefficients(self, times: Float[Tensor, " batch"]) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """(t, 1 − t)."""
        return times, 1.0 - times

    def grid(self, steps: int, strength: float = 1.0) -> tuple[float, ...]:
        """Evenly spaced noise levels from `strength` to 0, shifted; as times, from 1 − σ to exactly 1."""
        _check(steps, strength, most=None)
        levels = [strength * (steps - i) / steps for i in range(steps + 1)]
        return tuple(1.0 - self.shift * level / (1.0 + (self.shift - 1.0) * level) for level in levels)

    def ladder(self, steps: int) -> tuple[float, ...]:
        """From log(α²/σ²) = −10, where a picture is 1/150 of the noise, to 12, where noise is a third of a byte's step."""
        return tuple(1.0 / (1.0 + math.exp(-0.5 * (-10.0 + 22.0 * i / (steps - 1)))) for i in range(steps))

    def draw(self, uniform: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """The numbers themselves."""
        return uniform

    def noisier(self, time: float, share: float) -> float:
        """As α + σ is 1, the level is σ, and α keeps the rest."""
        return time * (1.0 - share)

    def scale(self, point: Point) -> float:
        """α + σ, which is 1: x over t is straight already."""
        return point.alpha + point.sigma


@dataclasses.dataclass(frozen=True)
class DiscreteSchedule(Schedule):
    """A chain of small noisings that keeps the variance: α = √ᾱ, σ = √(1 − ᾱ) (Ho et al. 2020, equation 4).

    Times are whole steps: `len(betas)` − 1 is the noisiest, 0 the cleanest that was trained, −1 the picture itself.

    Args:
        betas: variance added at each step.
        spacing: which steps a short grid visits. The default, "trailing", begins at the noisiest; "leading" does not,
            and so cannot paint very dark or bright pictures (Lin et al. 2024, section 3.3).
    """

    betas: tuple[float, ...]
    spacing: Spacing = "trailing"

    @classmethod
    def named(cls, name: Betas, spacing: Spacing = "trailing") -> DiscreteSchedule:
        """A chain of 1000 steps known by name.

        "linear": 1e-4 to 0.02 (Ho et al. 2020, section 4). "scaled_linear": linear in √β, 0.00085 to 0.012 (Rombach et
        al. 2022). "cosine": ᾱ follows a squared cosine (Nichol & Dhariwal 2021, equation 17).
        """
        if name == "linear":
            return cls(_line(1e-4, 0.02), spacing)
        if name == "scaled_linear":
            return cls(tuple(root**2 for root in _line(math.sqrt(0.00085), math.sqrt(0.012))), spacing)
        kept = [math.cos((i / CHAIN + 0.008) / 1.008 * math.pi / 2) ** 2 for i in range(CHAIN + 1)]
        return cls(tuple(min(1.0 - after / before, 0.999) for before, after in itertools.pairwise(kept)), spacing)

    @cached_property
    def table(self) -> Float[Tensor, "two times"]:
        """α and σ in float64 at every time from −1 on."""
        kept = torch.cat([torch.ones(1, dtype=torch.float64), 1.0 - torch.tensor(self.betas, dtype=torch.float64)]).cumprod(0)
        return torch.stack([kept.sqrt(), (1.0 - kept).sqrt()])

    def point(self, time: float) -> Point:
        """(√ᾱ, √(1 − ᾱ)) at a whole step from −1 to `len(betas)` − 1.

        Raises:
            ValueError: the time is not one; a mistake of the caller.
        """
        if time != int(time) or not -1 <= time < len(self.betas):
            raise ValueError(f"time {time} is not a step of this chain: give a whole number from -1 to {len(self.betas) - 1}")
        alpha, sigma = self.table[:, int(time) + 1].tolist()
        return Point(alpha, sigma)

    def coefficients(self, times: Float[Tensor, " batch"]) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """The same for many whole steps."""
        alpha, sigma = self.table.to(times.device, times.dtype)[:, times.long() + 1]
        return alpha, sigma

    def grid(self, steps: int, strength: float = 1.0) -> tuple[float, ...]:
        """Whole steps spaced as `spacing` says over the first `strength` of the chain, then −1."""
        length = max(1, round(len(self.betas) * strength))
        _check(steps, strength, most=length)
        if self.spacing == "leading":
            times = [(steps - 1 - i) * (length // steps) for i in range(steps)]
        elif self.spacing == "trailing":
            times = [round(length - i * length / steps) - 1 for i in range(steps)]
        else:
            gap = (length - 1) / max(1, steps - 1)
            times = [round((steps - 1 - i) * gap) for i in range(steps)]
        return (*map(float, times), -1.0)

    def ladder(self, steps: int) -> tuple[float, ...]:
        """The whole steps of the chain that lie nearest."""
        logs = 2 * (self.table[0, 1:] / self.table[1, 1:]).log()  # falls with time
        wanted = torch.linspace(float(logs[-1]), float(logs[0]), steps, dtype=torch.float64)
        nearest = (logs[:, None] - wanted).abs().argmin(0).tolist()
        return tuple(map(float, dict.fromkeys(nearest)))

    def draw(self, uniform: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """Whole steps, each as likely as the next."""
        return (uniform * len(self.betas)).floor().clamp(max=len(self.betas) - 1)

    def noisier(self, time: float, share: float) -> float:
        """The whole step that lies nearest; the picture itself is not one."""
        levels = self.table[1] / self.table.sum(0)
        level = levels[int(time) + 1]
        return float((levels[1:] - (level + share * (1.0 - level))).abs().argmin()) if share else time

    def scale(self, point: Point) -> float:
        """α: then noise is added to a picture of constant size (Song, Meng & Ermon 2021, equation 14)."""
        return point.alpha


def noised(
    x: Float[Tensor, "batch ..."], noise: Float[Tensor, "batch ..."], alpha: Coefficient, sigma: Coefficient
) -> Float[Tensor, "batch ..."]:
    """x_t = α·x + σ·ε."""
    return _spread(alpha, x) * x + _spread(sigma, x) * noise


def target(
    kind: Prediction, x: Float[Tensor, "batch ..."], noise: Float[Tensor, "batch ..."], alpha: Coefficient, sigma: Coefficient
) -> Float[Tensor, "batch ..."]:
    """What a network that predicts `kind` should say of `noised(x, noise, alpha, sigma)`."""
    if kind == "x":
        return x
    if kind == "epsilon":
        return noise
    if kind == "velocity":
        return x - noise
    return _spread(alpha, x) * noise - _spread(sigma, x) * x


def to_picture(
    kind: Prediction,
    output: Float[Tensor, "batch ..."],
    x_t: Float[Tensor, "batch ..."],
    alpha: Coefficient,
    sigma: Coefficient,
) -> Float[Tensor, "batch ..."]:
    """The picture x that a prediction means.

    "v": (α·x_t − σ·v) / (α² + σ²); "velocity": (x_t + σ·u) / (α + σ); both are finite at every time. "epsilon":
    (x_t − σ·ε) / α; pure noise (α = 0) says nothing of the picture, there it is 0, the middle of [-1, 1].
    """
    a, s = _spread(alpha, x_t), _spread(sigma, x_t)
    if kind == "x":
        return output
    if kind == "v":
        return (a * x_t - s * output) / (a * a + s * s)
    if kind == "velocity":
        return (x_t + s * output) / (a + s)
    return _divide(x_t - s * output, a)


def to_noise(
    picture: Float[Tensor, "batch ..."], x_t: Float[Tensor, "batch ..."], alpha: Coefficient, sigma: Coefficient
) -> Float[Tensor, "batch ..."]:
    """The noise ε = (x_t − α·x) / σ that a picture leaves; where there is none (σ = 0) it is 0."""
    return _divide(x_t - _spread(alpha, x_t) * picture, _spread(sigma, x_t))


def leaping(schedule: Schedule, steps: int, strength: float, last: float) -> tuple[float, ...]:
    """`steps` + 1 times from noise to picture, of which the last but one is the cleanest with a noise level of `last` or more.

    They are the first of a finer grid of the schedule, at most `FINEST` times as fine. Where `last` is 0, or a chain has no
    more steps, it is the schedule's own grid; where the way begins hardly above that level, or below it, one step.

    Args:
        schedule: whose times.
        steps, strength: as of `Schedule.grid`.
        last: σ / (α + σ), in [0, 1).

    Raises:
        WishError: likewise.
    """
    plain = schedule.grid(steps, strength)

    def enough(count: int) -> bool:
        return schedule.point(schedule.grid(count, strength)[steps - 1]).level >= last

    if not last or enough(steps):
        return plain
    if schedule.point(plain[0]).level < last:
        return plain[0], plain[-1]
    try:
        low, high = steps, 2 * steps
        while not enough(high):
            if high >= FINEST * steps:
                return plain[0], plain[-1]
            low, high = high, 2 * high
    except WishError:  # a chain has no more steps
        return plain
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return (*schedule.grid(high, strength)[:steps], plain[-1])


def _spread(value: Coefficient, like: Tensor) -> Tensor | float:
    """One number per picture, shaped to multiply `like`; a plain number stays float64 until it is applied."""
    if isinstance(value, float):
        return value
    return value.to(like.dtype).reshape(-1, *[1] * (like.ndim - 1))


def _divide(above: Tensor, below: Tensor | float) -> Tensor:
    """`above / below`, and 0 where `below` is 0."""
    if isinstance(below, float):
        return above / below if below else torch.zeros_like(above)
    nothing = below == 0
    return (above / below.masked_fill(nothing, 1.0)).masked_fill(nothing, 0.0)


def _line(first: float, last: float) -> tuple[float, ...]:
    return tuple(first + (last - first) * i / (CHAIN - 1) for i in range(CHAIN))


def _check(steps: int, strength: float, most: int | None) -> None:
    if not 0.0 < strength <= 1.0:
        raise WishError(f"a strength of {strength:g} cannot be painted with: give more than 0 and at most 1")
    if steps < 1 or (most is not None and steps > most):
        allowed = "1 or more" if most is None else f"1 to {most}"
        raise WishError(f"{steps} steps cannot be painted with: give {allowed}")
