"""Likelihood: the bound is tight where the best denoiser is known, and never below the truth."""

import math

import numpy as np
import pytest
import torch
from learners import FAMILIES, build_family, stream
from torch import Tensor

from danqing.maths.likelihood import LEVELS, SCALES, _rest, bits_per_value
from danqing.maths.schedules import DiscreteSchedule, FlowSchedule, Schedule
from danqing.parts.contract import Batch, Key

SCHEDULES = [FlowSchedule(), DiscreteSchedule.named("cosine"), DiscreteSchedule.named("linear")]
DEVIATION = 0.25
EXACT = math.log2(DEVIATION * math.sqrt(2 * math.pi * math.e)) - math.log2(2 / 255)
"""Bits of a normal number of this deviation, told to a byte's step."""


def bound(schedule: Schedule, steps: int, trust: float = 1.0) -> float:
    """Of normal pictures, by their best denoiser; `trust` spoils it."""
    x = (Key("x").normal(16, 1, 16, 16) * DEVIATION * 127.5).round() / 127.5 - 1 / 255
    points = [schedule.point(time) for time in schedule.ladder(steps)]

    def denoise(x_t: Tensor, number: int) -> Tensor:
        point, power = points[number], DEVIATION**2
        return trust * point.alpha * power / (point.alpha**2 * power + point.sigma**2) * x_t

    return float(bits_per_value(x, points, denoise, lambda number: Key("noise", number).normal(*x.shape)).mean())


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
def test_the_bound_of_normal_pictures_is_little_above_their_entropy(schedule: Schedule) -> None:
    fine, coarse = bound(schedule, 200), bound(schedule, 10)
    assert EXACT - 0.01 < fine < EXACT + 0.03
    assert coarse > fine + 0.05, "fewer steps, a looser bound"
    assert bound(schedule, 200, trust=0.0) > fine + 0.08, "who sees nothing needs more bits"


@pytest.mark.parametrize("scale", SCALES)
def test_what_is_left_is_written_down_by_a_distribution(scale: float) -> None:
    """The probabilities of all 256 levels of a value sum to 1, wherever it was seen."""
    levels = torch.linspace(-1, 1, LEVELS, dtype=torch.float64)[:, None, None, None]
    for seen in (-1.0, -0.7131, 0.0, 0.99, 1.0):
        nats = _rest(levels, torch.full_like(levels, seen), scale)
        assert float(torch.exp(-nats).sum()) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
def test_a_ladder_climbs_evenly_from_noise_to_nearly_the_picture(schedule: Schedule) -> None:
    points = [schedule.point(time) for time in schedule.ladder(30)]
    logs = np.array([2 * math.log(point.alpha / point.sigma) for point in points])
    assert (np.diff(logs) > 0).all()
    assert logs[0] < -4 < 4 < logs[-1]
    assert len(points) > 20


@pytest.mark.parametrize("name", FAMILIES)
def test_families_with_a_likelihood_bound_it_picture_by_picture(name: str) -> None:
    pictures, family = stream(8), build_family(name)
    x = torch.from_numpy(pictures.pixels.astype(np.float32)) / 127.5 - 1
    values = {"palette": list(pictures.values["palette"])}
    with torch.no_grad():
        bits = family.bits(Batch(x, values, tuple(range(8))), Key(0))
        alone = family.bits(Batch(x[3:4], {"palette": values["palette"][3:4]}, (3,)), Key(0))
    if bits is None:
        rivals = ("gan", "game", "dcgan", "projected", "pix2pix", "cyclegan", "cut", "refined")
        assert name in (*rivals, "autoregressive", "scales", "latent")
        return
    assert alone is not None
    assert bits.shape == (8,)
    # Even an untrained one can fall back on writing levels down, or on a Gaussian as wide as pictures are.
    assert bool((bits < (8.5 if name == "diffusion" else 9.0)).all())
    assert float(alone) == pytest.approx(float(bits[3]), rel=1e-4), "neighbours do not matter"
