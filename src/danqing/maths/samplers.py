"""From noise to picture: one pure step of each sampler, in the notation of `danqing.maths.schedules`.

Much that has several names is one formula. With ε = (x_t − α·x) / σ, every step here is α'·x + √(σ'² − s²)·ε + s·noise:
- DDIM (Song, Meng & Ermon 2021, equation 12) has s = 0. Euler's method is the same step, both for x/α over σ/α (Karras et
  al. 2022, algorithm 1) and for a flow's x over t (Liu et al. 2023), because the path between fixed x and ε is straight.
- DDPM (Ho et al. 2020, equation 7) is DDIM with η = 1: s² is the posterior variance β̃. Ancestral sampling is the same
  step written for x/α (Song et al. 2021, appendix F).
- DPM-Solver++ 2M (Lu et al. 2022, algorithm 2) is DDIM towards a picture extrapolated from the last two.
No logarithm or quotient is taken where α or σ is 0, so a flow starts from pure noise and every sampler ends on the picture.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

from jaxtyping import Float
from torch import Tensor

from danqing.maths.schedules import Point, Schedule, to_noise

Pictures = Float[Tensor, "batch ..."]
State = Mapping[str, Tensor]
"""All that a sampler keeps between steps: "x" is x_t; "previous" the picture predicted before, where it keeps one."""
Denoise = Callable[[Tensor, float], Tensor]
"""A noised picture and its time to the picture a network predicts, guidance and clipping included."""
Noise = Callable[[], Tensor]
"""Draws this step's standard normal noise, shaped like x; called at most once a step."""
Step = Callable[[State, Schedule, tuple[float, ...], int, Denoise, Noise], dict[str, Tensor]]
LEAST = 0.002
"""Scale below which a step is Euler's: x over it is all noise, and so Heun's slope would be what two predictions differ by,
times hundreds. The cosine schedule begins there."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sampler:
    """A way from noise to picture.

    Args:
        step: `step(state, schedule, grid, i, denoise, noise)` is the state at `grid[i + 1]`; `{"x": x}` is enough to begin.
        calls: calls of the network in a step (the last step of every sampler needs one).
        draws: whether steps draw noise.
        history: how many former predictions are kept.
    """

    step: Step
    calls: int = 1
    draws: bool = False
    history: int = 0


def posterior_variance(now: Point, then: Point) -> float:
    """Variance of x_then given x_now and x, for α' > 0 (Ho et al. 2020, equation 7).

    σ'²/σ² · (σ² − (α/α')²·σ'²), which is β̃ where α² + σ² = 1 and σ_up² (Karras et al. 2022's code) where α = 1.
    """
    ratio = now.alpha / then.alpha
    return max(0.0, (then.sigma / now.sigma) ** 2 * (now.sigma**2 - (ratio * then.sigma) ** 2))


def ddim(
    x_t: Pictures,
    picture: Pictures,
    now: Point,
    then: Point,
    eta: float = 0.0,
    noise: Pictures | None = None,
    epsilon: Pictures | None = None,
) -> Pictures:
    """x at `then`, by Song, Meng & Ermon 2021, equation 12, for any α and σ.

    Args:
        x_t: (batch, ...) noised pictures at `now`, where σ > 0.
        picture: the predicted pictures, clipped or not.
        now, then: where x_t is and where it goes.
        eta: 0 is DDIM, 1 is DDPM.
        noise: standard normal; needed where `eta` > 0.
        epsilon: the predicted noise; by default the noise that fits `picture`.
    """
    if epsilon is None:
        epsilon = to_noise(picture, x_t, now.alpha, now.sigma)
    fresh = eta * math.sqrt(posterior_variance(now, then)) if eta else 0.0
    kept = math.sqrt(max(0.0, then.sigma**2 - fresh**2))
    x = then.alpha * picture + kept * epsilon
    return x if noise is None or fresh == 0.0 else x + fresh * noise


def aim(x_t: Pictures, x_then: Pictures, now: Point, then: Point) -> Pictures:
    """The picture that one step of DDIM must be given to go from one state to another (Salimans & Ho 2022, algorithm 2).

    Args:
        x_t: noised pictures at `now`, where σ > 0.
        x_then: where the step is to end, at `then`.
        now, then: their noise levels.
    """
    kept = then.sigma / now.sigma
    return (x_then - kept * x_t) / (then.alpha - kept * now.alpha)


def heun(
    x_t: Pictures,
    pictures: tuple[Pictures, Pictures],
    guess: Pictures,
    now: Point,
    then: Point,
    scales: tuple[float, float] = (1.0, 1.0),
) -> Pictures:
    """x at `then` by the trapezium rule (Karras et al. 2022, algorithm 1, lines 6 to 8).

    With y = x_t / scale: y' = y + Δ(α/scale)·x̄ + Δ(σ/scale)·ε̄, where x̄ and ε̄ are the means of both predictions.
    `scales` = (α, α') is the published form over σ/α; (1, 1) is Heun over a flow's time.

    Args:
        x_t: noised pictures at `now`.
        pictures: predicted at `now` from x_t, and at `then` from `guess`.
        guess: Euler's step from `now` to `then`, where σ' > 0.
        now, then: where x_t is and where it goes.
        scales: `Schedule.scale` at both.
    """
    first = to_noise(pictures[0], x_t, now.alpha, now.sigma)
    second = to_noise(pictures[1], guess, then.alpha, then.sigma)
    by_picture = scales[1] * (then.alpha / scales[1] - now.alpha / scales[0]) / 2
    by_noise = scales[1] * (then.sigma / scales[1] - now.sigma / scales[0]) / 2
    return (scales[1] / scales[0]) * x_t + by_picture * (pictures[0] + pictures[1]) + by_noise * (first + second)


def extrapolate(picture: Pictures, previous: Pictures, before: Point, now: Point, then: Point) -> Pictures:
    """The picture DPM-Solver++ 2M steps towards (Lu et al. 2022, algorithm 2): x + h / (2·h₋) · (x − x₋).

    h is how far λ = log(α/σ) goes in this step and h₋ in the last one. Where λ is infinite (α = 0 before, or σ = 0 then)
    the step is of first order and gives `picture`.
    """
    if before.alpha == 0.0 or then.sigma == 0.0:
        return picture
    ahead, behind = _log_ratio(then) - _log_ratio(now), _log_ratio(now) - _log_ratio(before)
    return picture + ahead / (2.0 * behind) * (picture - previous)


def _log_ratio(point: Point) -> float:
    return math.log(point.alpha / point.sigma)


def _deterministic(
    state: State, schedule: Schedule, grid: tuple[float, ...], i: int, denoise: Denoise, _: Noise
) -> dict[str, Tensor]:
    x = state["x"]
    return {"x": ddim(x, denoise(x, grid[i]), schedule.point(grid[i]), schedule.point(grid[i + 1]))}


def _ancestral(
    state: State, schedule: Schedule, grid: tuple[float, ...], i: int, denoise: Denoise, noise: Noise
) -> dict[str, Tensor]:
    x, then = state["x"], schedule.point(grid[i + 1])
    drawn = noise() if then.sigma > 0.0 else None
    return {"x": ddim(x, denoise(x, grid[i]), schedule.point(grid[i]), then, eta=1.0, noise=drawn)}


def _heun(state: State, schedule: Schedule, grid: tuple[float, ...], i: int, denoise: Denoise, _: Noise) -> dict[str, Tensor]:
    x, now, then = state["x"], schedule.point(grid[i]), schedule.point(grid[i + 1])
    first = denoise(x, grid[i])
    guess = ddim(x, first, now, then)
    if then.sigma == 0.0 or schedule.scale(now) < LEAST:
        return {"x": guess}
    second = denoise(guess, grid[i + 1])
    return {"x": heun(x, (first, second), guess, now, then, (schedule.scale(now), schedule.scale(then)))}


def _multistep(
    state: State, schedule: Schedule, grid: tuple[float, ...], i: int, denoise: Denoise, _: Noise
) -> dict[str, Tensor]:
    x, now, then = state["x"], schedule.point(grid[i]), schedule.point(grid[i + 1])
    picture = aim = denoise(x, grid[i])
    if "previous" in state:
        aim = extrapolate(picture, state["previous"], schedule.point(grid[i - 1]), now, then)
    return {"x": ddim(x, aim, now, then), "previous": picture}


SAMPLERS: Mapping[str, Sampler] = {
    "ddim": Sampler(_deterministic),
    "euler": Sampler(_deterministic),
    "heun": Sampler(_heun, calls=2),
    "dpm++2m": Sampler(_multistep, history=1),
    "ddpm": Sampler(_ancestral, draws=True),
    "ancestral": Sampler(_ancestral, draws=True),
}
"""Samplers by name; "euler" is "ddim" and "ancestral" is "ddpm" under the name users of each tradition look for."""
