"""The earth mover's distance against scipy's linear programming."""

import time

import numpy as np
import pytest
from scipy.optimize import linprog

from danqing.maths.transport import earth_mover, plan


def by_linear_programming(supply: np.ndarray, demand: np.ndarray, cost: np.ndarray) -> float:
    m, n = cost.shape
    rows = np.kron(np.eye(m), np.ones(n))
    columns = np.kron(np.ones(m), np.eye(n))
    solved = linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([supply, demand]), method="highs")
    return float(solved.fun)


@pytest.mark.parametrize("seed", range(40))
def test_it_is_the_optimum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, n = rng.integers(1, 9), rng.integers(1, 17)
    supply, demand = rng.dirichlet(np.full(m, 0.5)), rng.dirichlet(np.full(n, 0.5))
    cost = rng.integers(0, 5, (m, n)).astype(float) if seed % 2 else rng.uniform(0, 100, (m, n))
    moved = plan(supply, demand, cost)
    np.testing.assert_allclose(moved.sum(1), supply, atol=1e-10)
    np.testing.assert_allclose(moved.sum(0), demand, atol=1e-10)
    assert moved.min() >= 0
    assert earth_mover(supply, demand, cost) == pytest.approx(by_linear_programming(supply, demand, cost), abs=1e-8)


def test_equal_masses_tie_without_trouble() -> None:
    cost = np.abs(np.arange(8)[:, None] - np.arange(16)[None] / 2.0)
    supply, demand = np.full(8, 1 / 8), np.full(16, 1 / 16)
    assert earth_mover(supply, demand, cost) == pytest.approx(by_linear_programming(supply, demand, cost), abs=1e-9)


def test_it_is_a_distance() -> None:
    rng = np.random.default_rng(1)
    places = rng.normal(size=(6, 3))
    cost = np.linalg.norm(places[:, None] - places[None], axis=-1)
    a, b, c = rng.dirichlet(np.ones(6), 3)
    assert earth_mover(a, a, cost) == pytest.approx(0, abs=1e-12)
    assert earth_mover(a, b, cost) == pytest.approx(earth_mover(b, a, cost))
    assert earth_mover(a, c, cost) <= earth_mover(a, b, cost) + earth_mover(b, c, cost) + 1e-12
    assert earth_mover(3 * a, b, cost) == pytest.approx(earth_mover(a, b, cost))


def test_on_a_line_it_is_the_area_between_the_distribution_functions() -> None:
    rng = np.random.default_rng(2)
    places = np.sort(rng.uniform(size=12))
    a, b = rng.dirichlet(np.ones(12), 2)
    area = float((np.abs(np.cumsum(a - b))[:-1] * np.diff(places)).sum())
    assert earth_mover(a, b, np.abs(places[:, None] - places[None])) == pytest.approx(area)


def test_masses_must_make_sense() -> None:
    for supply, demand in (([-0.5, 1.5], [1.0]), ([0.0, 0.0], [1.0]), ([1.0, 1.0], [-1.0])):
        with pytest.raises(ValueError, match="masses"):
            earth_mover(np.array(supply), np.array(demand), np.ones((2, 1)))


def test_a_palette_takes_milliseconds() -> None:
    rng = np.random.default_rng(3)
    cases = [(rng.dirichlet(np.ones(8)), rng.dirichlet(np.ones(16)), rng.uniform(0, 100, (8, 16))) for _ in range(20)]
    began = time.process_time()
    for case in cases:
        earth_mover(*case)
    assert (time.process_time() - began) / len(cases) < 0.005
