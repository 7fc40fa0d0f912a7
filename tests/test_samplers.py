"""Samplers against diffusers' schedulers, and against a mixture of Gaussians whose score is known."""

import itertools
from collections.abc import Callable
from typing import Any

import diffusers as untyped
import pytest
import torch
from torch import Tensor

from danqing.errors import WishError
from danqing.maths.guidance import guide, rescale, within
from danqing.maths.samplers import SAMPLERS, ddim, posterior_variance
from danqing.maths.schedules import (
    DiscreteSchedule,
    FlowSchedule,
    Point,
    Schedule,
    leaping,
    noised,
    target,
    to_noise,
    to_picture,
)

diffusers: Any = untyped
LINEAR, COSINE = DiscreteSchedule.named("linear"), DiscreteSchedule.named("cosine")
FLOW = FlowSchedule()
CHAIN: dict[str, Any] = {"num_train_timesteps": 1000, "beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear"}


def no_noise() -> Tensor:
    raise AssertionError("this sampler must not draw")


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(x: Tensor, time: float) -> Tensor:
    """A made-up network: smooth, bounded and different at each time."""
    return torch.tanh(0.5 * x + torch.flip(x, [-1]) * 0.1) * (0.5 + time / 2000)


def run(
    name: str,
    schedule: Schedule,
    grid: tuple[float, ...],
    x: Tensor,
    denoise: Callable[[Tensor, float], Tensor],
    noises: list[Tensor] | None = None,
) -> Tensor:
    state: dict[str, Tensor] = {"x": x}
    drawn = iter(noises or [])
    draw = (lambda: next(drawn)) if noises is not None else no_noise
    for i in range(len(grid) - 1):
        state = SAMPLERS[name].step(state, schedule, grid, i, denoise, draw)
    return state["x"]


def from_epsilon(schedule: Schedule) -> Callable[[Tensor, float], Tensor]:
    def denoise(x: Tensor, time: float) -> Tensor:
        point = schedule.point(time)
        return to_picture("epsilon", network(x, time), x, point.alpha, point.sigma)

    return denoise


def test_DDIM_gives_the_published_numbers_of_diffusers_own_test() -> None:
    schedule = DiscreteSchedule.named("linear", "leading")
    count = 4 * 3 * 8 * 8
    x = (torch.arange(count, dtype=torch.float64).reshape(3, 8, 8, 4) / count).permute(3, 0, 1, 2)
    grid = schedule.grid(10)
    for time, later in itertools.pairwise(grid):
        now, then = schedule.point(time), schedule.point(later)
        epsilon = x * time / (time + 1)
        picture = to_picture("epsilon", epsilon, x, now.alpha, now.sigma).clamp(-1, 1)
        x = ddim(x, picture, now, then, epsilon=epsilon)
    assert x.abs().sum().item() == pytest.approx(172.0067, abs=1e-2)
    assert x.abs().mean().item() == pytest.approx(0.223967, abs=1e-3)


def test_DDIM_matches_diffusers_where_the_noise_follows_the_clipped_picture() -> None:
    schedule = DiscreteSchedule.named("linear", "leading")
    oracle = diffusers.DDIMScheduler(**CHAIN, clip_sample=True)
    oracle.set_timesteps(20)
    start = normal(2, 3, 4, 4)
    theirs = start
    for time in oracle.timesteps:
        output = network(theirs, float(time))
        theirs = oracle.step(output, int(time), theirs, use_clipped_model_output=True).prev_sample
    ours = run("ddim", schedule, schedule.grid(20), start, lambda x, t: from_epsilon(schedule)(x, t).clamp(-1, 1))
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_DDPM_has_the_published_variances() -> None:
    def variance(time: int) -> float:
        return posterior_variance(LINEAR.point(time), LINEAR.point(time - 1))

    assert variance(487) == pytest.approx(0.00979, abs=1e-5)
    assert variance(999) == pytest.approx(0.02, abs=1e-5)
    assert variance(0) == 0.0


@pytest.mark.parametrize("steps", [20, 1000])
def test_DDPM_matches_diffusers_step_by_step(steps: int) -> None:
    schedule = DiscreteSchedule.named("linear", "leading")
    oracle = diffusers.DDPMScheduler(**CHAIN, clip_sample=False)
    oracle.set_timesteps(steps)
    theirs = ours = normal(2, 3, 4, 4)
    grid = schedule.grid(steps)
    for i, time in enumerate(oracle.timesteps[:30].tolist()):
        generator = torch.Generator().manual_seed(i)
        noise = torch.randn(ours.shape, generator=torch.Generator().manual_seed(i), dtype=torch.float64)
        theirs = oracle.step(network(theirs, time), time, theirs, generator=generator).prev_sample
        ours = SAMPLERS["ddpm"].step({"x": ours}, schedule, grid, i, from_epsilon(schedule), noise.clone)["x"]
        torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=2e-4)


ODES = [
    ("euler", diffusers.EulerDiscreteScheduler, {}),
    ("heun", diffusers.HeunDiscreteScheduler, {}),
    ("ancestral", diffusers.EulerAncestralDiscreteScheduler, {}),
    ("dpm++2m", diffusers.DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++", "solver_type": "midpoint"}),
]


@pytest.mark.parametrize("betas", ["linear", "scaled_linear"])
@pytest.mark.parametrize(("name", "oracle_class", "options"), ODES, ids=[ode[0] for ode in ODES])
def test_solvers_of_a_chain_match_diffusers(name: str, oracle_class: Any, options: dict[str, Any], betas: Any) -> None:
    ends = {"linear": (0.0001, 0.02), "scaled_linear": (0.00085, 0.012)}[betas]
    oracle = oracle_class(
        num_train_timesteps=1000,
        beta_start=ends[0],
        beta_end=ends[1],
        beta_schedule=betas,
        timestep_spacing="trailing",
        **options,
    )
    oracle.set_timesteps(16)
    schedule = DiscreteSchedule.named(betas)
    grid = schedule.grid(16)
    assert grid[:-1] == tuple(dict.fromkeys(oracle.timesteps.tolist()))
    start = normal(2, 3, 4, 4)
    keeps_variance = name == "dpm++2m"
    first = schedule.point(grid[0])
    theirs = start if keeps_variance else start / first.alpha
    for i, time in enumerate(oracle.timesteps):
        seen = oracle.scale_model_input(theirs, time)
        extra = {"generator": torch.Generator().manual_seed(i)} if name == "ancestral" else {}
        theirs = oracle.step(network(seen, float(time)), time, theirs, **extra).prev_sample.double()
    noises = [torch.randn(start.shape, generator=torch.Generator().manual_seed(i), dtype=torch.float64) for i in range(16)]
    ours = run(name, schedule, grid, start, from_epsilon(schedule), noises)
    torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=2e-4)


def test_flows_match_diffusers() -> None:
    start = normal(2, 3, 4, 4)
    euler = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    euler.set_timesteps(sigmas=[(10 - i) / 10 for i in range(10)])
    grid = FlowSchedule(shift=3.0).grid(10)
    torch.testing.assert_close(euler.sigmas.double(), 1 - torch.tensor(grid, dtype=torch.float64), atol=1e-6, rtol=0)
    heun = diffusers.FlowMatchHeunDiscreteScheduler()
    heun.set_timesteps(10)
    for name, oracle in (("euler", euler), ("heun", heun)):
        levels = list(dict.fromkeys(oracle.sigmas.double().tolist()))
        theirs = start
        for time in oracle.timesteps:
            # diffusers' velocity is ε − x, and it keeps x in float32
            theirs = oracle.step(-network(theirs, float(time)), time, theirs).prev_sample.double()

        def denoise(x: Tensor, t: float) -> Tensor:
            return to_picture("velocity", network(x, (1 - t) * 1000), x, t, 1 - t)

        ours = run(name, FLOW, tuple(1 - level for level in levels), start, denoise)
        torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("steps", [1, 2, 7, 10, 50, 999, 1000])
def test_grids_match_diffusers(spacing: Any, steps: int) -> None:
    oracle = diffusers.DDIMScheduler(**CHAIN, timestep_spacing=spacing)
    oracle.set_timesteps(steps)
    grid = DiscreteSchedule.named("linear", spacing).grid(steps)
    assert grid[-1] == -1.0
    assert list(grid[:-1]) == oracle.timesteps.tolist()[:steps]


@pytest.mark.parametrize(
    ("ours", "theirs"), [("linear", "linear"), ("scaled_linear", "scaled_linear"), ("cosine", "squaredcos_cap_v2")]
)
def test_noise_levels_match_diffusers(ours: Any, theirs: str) -> None:
    ends = {"beta_start": 0.00085, "beta_end": 0.012} if ours == "scaled_linear" else {}
    kept = diffusers.DDPMScheduler(beta_schedule=theirs, **ends).alphas_cumprod.double()
    schedule = DiscreteSchedule.named(ours)
    alpha, sigma = schedule.coefficients(torch.arange(1000, dtype=torch.float64))
    torch.testing.assert_close(alpha**2, kept, atol=2e-5, rtol=2e-5)
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones(1000, dtype=torch.float64), atol=1e-12, rtol=0)
    assert schedule.point(-1) == Point(1.0, 0.0)
    assert schedule.point(500) == Point(alpha[500].item(), sigma[500].item())


@pytest.mark.parametrize("schedule", [FLOW, LINEAR], ids=["flow", "chain"])
def test_a_grid_goes_from_noise_to_picture_however_short_the_way(schedule: Schedule) -> None:
    for strength in (1.0, 0.5, 0.1):
        points = [schedule.point(time) for time in schedule.grid(9, strength)]
        assert len(points) == 10
        assert points[-1] == Point(1.0, 0.0)
        assert all(a.sigma > b.sigma for a, b in itertools.pairwise(points))
    half = schedule.grid(9, 0.5)[0]
    assert half == (0.5 if schedule is FLOW else 499.0)
    for steps, strength in ((0, 1.0), (5, 0.0), (5, 1.5)):
        with pytest.raises(WishError, match="give"):
            schedule.grid(steps, strength)


@pytest.mark.parametrize("schedule", [FLOW, LINEAR], ids=["flow", "chain"])
def test_a_last_step_leads_to_the_picture_at_once(schedule: Schedule) -> None:
    def levels(*asked: Any) -> list[float]:
        return [schedule.point(time).level for time in leaping(schedule, *asked)]

    for steps, last in itertools.product((2, 5, 8, 24), (0.2, 0.4, 0.6)):
        found = levels(steps, 1.0, last)
        assert len(found) == steps + 1
        assert found[-1] == 0.0
        assert all(a > b for a, b in itertools.pairwise(found))
        assert last <= found[-2] < last + 2 / steps
    assert leaping(schedule, 8, 1.0, 0.0) == schedule.grid(8)
    whole = schedule.grid(8, 0.1)
    assert leaping(schedule, 8, 0.1, 0.6) == (whole[0], whole[-1]), "the way begins cleaner than that"
    assert leaping(schedule, 1, 1.0, 0.6) == schedule.grid(1)
    with pytest.raises(WishError, match="give"):
        leaping(schedule, 0, 1.0, 0.4)


@pytest.mark.parametrize("schedule", [FLOW, LINEAR, COSINE], ids=["flow", "chain", "cosine"])
def test_a_noisier_time_lies_a_share_of_the_way_to_noise(schedule: Schedule) -> None:
    def level(time: float) -> float:
        return schedule.point(time).level

    for time, share in itertools.product(schedule.grid(7)[:-1], (0.0, 0.1, 0.5)):
        told = schedule.noisier(time, share)
        assert level(told) == pytest.approx(level(time) + share * (1 - level(time)), abs=5e-3)
        assert share > 0 or told == time


def test_times_drawn_for_training_cover_the_schedule() -> None:
    uniform = torch.tensor([0.0, 0.5, 0.99999997])
    assert LINEAR.draw(uniform).tolist() == [0.0, 500.0, 999.0]
    assert torch.equal(FLOW.draw(uniform), uniform)
    with pytest.raises(ValueError, match="whole number"):
        LINEAR.point(0.5)


@pytest.mark.parametrize("kind", ["x", "epsilon", "v", "velocity"])
@pytest.mark.parametrize("schedule", [FLOW, LINEAR], ids=["flow", "chain"])
def test_each_prediction_means_the_picture_it_was_made_of(kind: Any, schedule: Schedule) -> None:
    x, noise = normal(5, 3, 2, 2), normal(5, 3, 2, 2, seed=1)
    times = torch.tensor([0.01, 0.2, 0.5, 0.9, 0.99], dtype=torch.float64)
    alpha, sigma = schedule.coefficients(schedule.draw(times))
    x_t = noised(x, noise, alpha, sigma)
    torch.testing.assert_close(to_picture(kind, target(kind, x, noise, alpha, sigma), x_t, alpha, sigma), x)
    torch.testing.assert_close(to_noise(x, x_t, alpha, sigma), noise)


@pytest.mark.parametrize("kind", ["epsilon", "v", "velocity"])
def test_predictions_are_finite_at_both_ends(kind: Any) -> None:
    x, noise = normal(2, 1), normal(2, 1, seed=1)
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    x_t = noised(x, noise, ends, 1 - ends)
    picture = to_picture(kind, target(kind, x, noise, ends, 1 - ends), x_t, ends, 1 - ends)
    torch.testing.assert_close(picture, x if kind != "epsilon" else x * ends[:, None])
    torch.testing.assert_close(to_noise(x, x_t, ends, 1 - ends), noise * (1 - ends[:, None]))
    torch.testing.assert_close(to_picture(kind, target(kind, x, noise, 1.0, 0.0), x, 1.0, 0.0), x)


MEANS = torch.tensor([[1.0, 0.5], [-0.8, 0.3], [0.2, -1.0]], dtype=torch.float64)
SHARES = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
SPREAD = 0.3


def mixture(schedule: Schedule) -> Callable[[Tensor, float], Tensor]:
    """E[x | x_t] in closed form where x is a mixture of Gaussians."""

    def denoise(x: Tensor, time: float) -> Tensor:
        point = schedule.point(time)
        variance = (point.alpha * SPREAD) ** 2 + point.sigma**2
        gaps = x[:, None] - point.alpha * MEANS
        share = (SHARES.log() - gaps.square().sum(-1) / (2 * variance)).softmax(-1)
        return (share[..., None] * (MEANS + point.alpha * SPREAD**2 / variance * gaps)).sum(1)

    return denoise


@pytest.mark.parametrize(("name", "order"), [("euler", 1), ("heun", 2), ("dpm++2m", 2)])
@pytest.mark.parametrize("schedule", [FLOW, LINEAR], ids=["flow", "chain"])
def test_errors_shrink_at_the_order_of_the_solver(name: str, order: int, schedule: Schedule) -> None:
    first, last = (0.05, 0.95) if schedule is FLOW else (960.0, 64.0)
    start = normal(64, 2)

    def end(steps: int, sampler: str = name) -> Tensor:
        grid = tuple(first + (last - first) * i / steps for i in range(steps + 1))
        return run(sampler, schedule, grid, start, mixture(schedule))

    truth = end(896, "heun")
    errors = [(end(steps) - truth).square().mean().sqrt().item() for steps in (28, 56, 112)]
    rates = [torch.tensor(a / b).log2().item() for a, b in itertools.pairwise(errors)]
    assert rates[-1] == pytest.approx(order, abs=0.35), (errors, rates)


@pytest.mark.parametrize("name", ["ddpm", "ddim", "heun", "dpm++2m"])
@pytest.mark.parametrize("schedule", [FLOW, LINEAR, COSINE], ids=["flow", "chain", "cosine"])
def test_samples_follow_the_law_they_were_drawn_from(name: str, schedule: Schedule) -> None:
    count, steps = 20_000, 250 if SAMPLERS[name].draws else 60
    grid = schedule.grid(steps)
    noises = [normal(count, 2, seed=i + 1) for i in range(steps)] if SAMPLERS[name].draws else None
    samples = run(name, schedule, grid, normal(count, 2), mixture(schedule), noises)
    mean = SHARES @ MEANS
    covariance = (MEANS - mean).T @ torch.diag(SHARES) @ (MEANS - mean) + SPREAD**2 * torch.eye(2, dtype=torch.float64)
    torch.testing.assert_close(samples.mean(0), mean, atol=0.03, rtol=0)
    torch.testing.assert_close(samples.T.cov(), covariance, atol=0.04, rtol=0)


@pytest.mark.parametrize("steps", [4, 8, 16])
@pytest.mark.parametrize("schedule", [FLOW, LINEAR, COSINE], ids=["flow", "chain", "cosine"])
@pytest.mark.parametrize("name", ["ddim", "heun", "dpm++2m"])
def test_what_is_under_way_is_never_wider_than_pictures_and_noise(name: str, schedule: Schedule, steps: int) -> None:
    """Also in few steps, and where they begin at noise of which the picture is a ten-thousandth."""
    grid, widths = schedule.grid(steps), []

    def denoise(x: Tensor, time: float) -> Tensor:
        widths.append(x.square().mean().sqrt().item())
        return mixture(schedule)(x, time)

    run(name, schedule, grid, normal(2_000, 2), denoise)
    assert max(widths) < 1.2


@pytest.mark.parametrize("name", sorted(SAMPLERS))
@pytest.mark.parametrize("schedule", [FLOW, LINEAR], ids=["flow", "chain"])
def test_the_table_tells_the_truth_and_the_state_is_enough_to_resume(name: str, schedule: Schedule) -> None:
    sampler, grid, calls, draws = SAMPLERS[name], schedule.grid(6), [0], [0]

    def denoise(x: Tensor, time: float) -> Tensor:
        calls[0] += 1
        return mixture(schedule)(x, time)

    def noise() -> Tensor:
        draws[0] += 1
        return normal(8, 2, seed=draws[0])

    state: dict[str, Tensor] = {"x": normal(8, 2)}
    for i in range(6):
        before = {key: value.clone() for key, value in state.items()}
        after = sampler.step(state, schedule, grid, i, denoise, noise)
        assert all(torch.equal(state[key], value) for key, value in before.items())
        state = {key: value.clone() for key, value in after.items()}
        assert len(state) == 1 + sampler.history
        assert all(len(value) == 8 and value.isfinite().all() for value in state.values())
    assert calls[0] == 6 * sampler.calls - (sampler.calls - 1)
    assert draws[0] == (5 if sampler.draws else 0)


def test_guidance_goes_through_the_conditional_prediction() -> None:
    asked, free = normal(3, 1, 4, 4), normal(3, 1, 4, 4, seed=1)
    guided = guide(asked, free, torch.tensor([1.0, 0.0, 3.0]))
    assert torch.equal(guided[0], asked[0])
    torch.testing.assert_close(guided[1], free[1])
    torch.testing.assert_close(guided[2], free[2] + 3 * (asked[2] - free[2]))
    assert torch.equal(rescale(guided, asked, 0.0), guided)
    torch.testing.assert_close(rescale(guided, asked, 1.0).std((1, 2, 3)), asked.std((1, 2, 3)))


def test_guidance_may_be_kept_to_an_interval() -> None:
    on = [within(FLOW.point(time), (0.2, 0.8)) for time in (0.0, 0.25, 0.75, 1.0)]
    assert on == [False, True, True, False]
