"""Distances between sets of features, against closed forms, scipy, and the definitions written out pair by pair."""

import itertools

import numpy as np
import pytest
import scipy.linalg
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from danqing.metrics import neighbours
from danqing.metrics.frechet import Moments, frechet_distance
from danqing.metrics.kernel import kernel_distance, squared_mmd
from danqing.metrics.neighbours import closest, neighbourhood
from danqing.parts.contract import Key


def features(count: int, width: int, place: int, spread: float = 1.0, shift: float = 0.0) -> Tensor:
    """Correlated and off centre, as features of networks are."""
    mixed = Key(7).at("mix").normal(width, width) / width**0.5
    found: Tensor = Key(7).at(place).normal(count, width) @ mixed * spread + shift
    return found.double()


# --- Fréchet -------------------------------------------------------------------------------------------------------------


def test_moments_do_not_depend_on_how_they_were_gathered() -> None:
    x = features(300, 12, 0, shift=5.0)
    whole, grown = Moments.of(x), Moments.none(12)
    for part in torch.split(x, [1, 99, 150, 50]):
        grown = grown + Moments.of(part)
    assert grown.count == 300
    torch.testing.assert_close(grown.mean, whole.mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(whole.covariance, torch.from_numpy(np.cov(x.numpy().T)), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(grown.covariance, whole.covariance, rtol=1e-12, atol=1e-12)
    assert (Moments.none(12) + Moments.none(12)).count == 0


def test_gaussians_on_a_line_are_as_far_apart_as_the_closed_form_says() -> None:
    x, y = features(400, 1, 1, spread=2.0), features(300, 1, 2, spread=0.5, shift=3.0)
    expected = (x.mean() - y.mean()) ** 2 + (x.std() - y.std()) ** 2
    assert frechet_distance(Moments.of(x), Moments.of(y)) == pytest.approx(float(expected), rel=1e-10)


@pytest.mark.parametrize(("first", "second", "width"), [(500, 400, 24), (500, 400, 1)])
def test_the_distance_is_that_of_scipys_matrix_root(first: int, second: int, width: int) -> None:
    x, y = features(first, width, 3), features(second, width, 4, spread=1.3, shift=0.2)
    covariances = [np.atleast_2d(np.cov(part.numpy().T)) for part in (x, y)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    apart = (x.mean(0) - y.mean(0)).square().sum().item()
    expected = apart + np.trace(covariances[0] + covariances[1] - 2 * root.real)
    assert frechet_distance(Moments.of(x), Moments.of(y)) == pytest.approx(expected, rel=1e-9)


def test_fewer_pictures_than_features_are_no_trouble() -> None:
    """Then tr (Σ₁Σ₂)^½ is the nuclear norm of the product of the centred features, which needs no root of rounding."""
    x, y = features(9, 40, 5), features(7, 40, 6)
    one, other = x - x.mean(0), y - y.mean(0)
    shared = torch.linalg.svdvals(one @ other.T).sum() / (8 * 6) ** 0.5
    traces = one.square().sum() / 8 + other.square().sum() / 6
    expected = (x.mean(0) - y.mean(0)).square().sum() + traces - 2 * shared
    assert frechet_distance(Moments.of(x), Moments.of(y)) == pytest.approx(float(expected), rel=1e-7)


def test_a_set_is_nowhere_from_itself_and_order_does_not_matter() -> None:
    x, y = Moments.of(features(60, 16, 7)), Moments.of(features(60, 16, 8, shift=1.0))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-10)


# --- kernel --------------------------------------------------------------------------------------------------------------


def test_the_kernel_estimate_is_its_definition_pair_by_pair() -> None:
    x, y = features(9, 5, 9), features(7, 5, 10, shift=0.5)

    def k(a: Tensor, b: Tensor) -> float:
        return float((a @ b / 5 + 1) ** 3)

    within = [np.mean([k(a, b) for a, b in itertools.permutations(part, 2)]) for part in (x, y)]
    between = np.mean([k(a, b) for a, b in itertools.product(x, y)])
    assert squared_mmd(x, y) == pytest.approx(within[0] + within[1] - 2 * between, rel=1e-10)


def test_the_kernel_estimate_is_unbiased() -> None:
    """Sets of ten drawn from one source are on the mean at no distance, which no biased estimate says."""
    source = features(4000, 6, 11)
    parts = torch.split(source, 20)
    found = [squared_mmd(part[:10], part[10:]) for part in parts]
    error = float(np.std(found)) / len(found) ** 0.5
    assert abs(np.mean(found)) < 3 * error
    assert np.mean([squared_mmd(part[:10], part[10:] + 1) for part in parts]) > 10 * error


def test_subsets_are_drawn_by_key() -> None:
    x, y = features(90, 6, 12), features(80, 6, 13, shift=0.3)
    first = kernel_distance(x, y, Key(0), subset=30, subsets=20)
    assert first == kernel_distance(x, y, Key(0), subset=30, subsets=20)
    assert first != kernel_distance(x, y, Key(1), subset=30, subsets=20)
    whole, spread = kernel_distance(x[:40], y[:40], Key(0), subset=1000, subsets=3)
    assert whole == pytest.approx(squared_mmd(x[:40], y[:40]), rel=1e-9)
    assert spread == pytest.approx(0, abs=1e-9)


# --- neighbours ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nearest", [1, 3, 5])
def test_neighbourhoods_are_their_definitions(nearest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "PAIRS", 16 * 60)  # so that pieces meet within the set
    real, painted = features(50, 4, 14), features(40, 4, 15, spread=0.6, shift=0.4)
    own = [np.sort(cdist(part, part), axis=1)[:, nearest] for part in (real.numpy(), painted.numpy())]
    apart = cdist(real.numpy(), painted.numpy())
    inside = apart < own[0][:, None]
    found = neighbourhood(real, painted, nearest)
    assert found.precision == pytest.approx(inside.any(0).mean())
    assert found.recall == pytest.approx((apart < own[1]).any(1).mean())
    assert found.density == pytest.approx(inside.sum(0).mean() / nearest)
    assert found.coverage == pytest.approx(inside.any(1).mean())


def test_faults_show_where_they_should() -> None:
    real, fresh = features(400, 6, 16), features(400, 6, 17)
    good = neighbourhood(real, fresh)
    assert min(good.precision, good.recall, good.coverage) > 0.8
    assert good.density == pytest.approx(1, abs=0.15)
    collapsed = neighbourhood(real, real[:5].repeat(80, 1) + 0.05 * fresh)
    assert collapsed.precision > 0.9
    assert collapsed.coverage < 0.2
    foreign = neighbourhood(real, fresh + 20)
    assert foreign.precision == foreign.coverage == foreign.density == 0


def test_the_closest_are_found_where_numbers_are_large() -> None:
    """A common offset of 10⁶ would swallow distances of 1 in float32."""
    real = features(200, 6, 18) + 1e6
    planted = real[[3, 77, 150]] + 1e-3
    distances, places = closest(planted, real)
    assert places.tolist() == [3, 77, 150]
    torch.testing.assert_close(distances, torch.full((3,), 1e-3 * 6**0.5, dtype=torch.float64), rtol=1e-3, atol=0.0)
