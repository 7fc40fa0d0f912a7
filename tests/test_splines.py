"""Monotonic splines: their inverse, their slope by autograd, their tails."""

from __future__ import annotations

import pytest
import torch

from danqing.maths.splines import LEAST, REACH, count, spline, unspline
from danqing.parts.contract import Key

BINS = (1, 2, 8, 32)


@pytest.mark.parametrize("bins", BINS)
def test_parameters_of_0_are_the_identity(bins: int) -> None:
    x = torch.linspace(-REACH - 1, REACH + 1, 101)
    moved, slope = spline(x, torch.zeros(101, count(bins)))
    torch.testing.assert_close(moved, x, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(slope, torch.zeros(101), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bins", BINS)
def test_it_is_inverted_and_its_slope_is_the_derivative(bins: int) -> None:
    parameters = 2 * Key(bins).normal(500, count(bins)).double()
    x = (2 * Key(bins, "x").normal(500).double()).requires_grad_()
    moved, slope = spline(x, parameters)
    (derivative,) = torch.autograd.grad(moved.sum(), x)
    torch.testing.assert_close(slope.exp(), derivative, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(unspline(moved, parameters), x, rtol=1e-9, atol=1e-9)


def test_it_rises_and_leaves_what_is_far_alone() -> None:
    parameters = (5 * Key("steep").normal(count(8))).expand(2001, -1)
    x = torch.linspace(-REACH - 2, REACH + 2, 2001)
    moved, slope = spline(x, parameters)
    assert bool((moved.diff() > 0).all())
    far = x.abs() >= REACH
    assert torch.equal(moved[far], x[far])
    assert not slope[far].any()
    assert bool((slope[~far] > 3 * torch.tensor(LEAST).log()).all())


def test_gradients_are_finite_at_the_knots() -> None:
    parameters = torch.zeros(9, count(8), requires_grad=True)
    x = torch.linspace(-REACH, REACH, 9, requires_grad=True)
    moved, slope = spline(x, parameters)
    (moved.sum() + slope.sum()).backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert parameters.grad is not None
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(parameters.grad).all()
