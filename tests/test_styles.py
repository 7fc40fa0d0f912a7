"""Styles are told by how pictures are painted, whatever they show."""

import numpy as np
import pytest
import scipy.stats
import torch
from jaxtyping import UInt8
from torch import nn

from danqing.metrics import styles
from danqing.metrics.extractor import embedded, wrap
from danqing.metrics.recognition import classifier
from danqing.metrics.styles import Statistics, StyleJudge, style_extractor
from danqing.parts.contract import Key

SIDE = 32


class Two(nn.Module):
    """A network with maps of two sizes."""

    def maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [x[:, :2], nn.functional.avg_pool2d(x, 2)]


def things(count: int, hand: str, place: int, grain: float = 12) -> UInt8[np.ndarray, "count 32 32 3"]:
    """Discs of any colour, size and place on white, flat or grained: grain changes no mean, and is all that tells them."""
    luck = np.random.default_rng(Key("things", place, hand).generator().initial_seed())
    rows, columns = np.mgrid[:SIDE, :SIDE]
    found = np.full((count, SIDE, SIDE, 3), 255, np.float64)
    for picture in found:
        (y, x), r = luck.uniform(10, 22, 2), luck.uniform(5, 10)
        inside = (rows - y) ** 2 + (columns - x) ** 2 < r * r
        noise = grain * luck.standard_normal((SIDE, SIDE, 1)) if hand == "grained" else 0
        picture[inside] = (luck.uniform(40, 200, 3) + noise * np.ones((SIDE, SIDE, 3)))[inside]
    return np.clip(found, 0, 255).astype(np.uint8)


def test_statistics_are_the_means_and_deviations_of_every_map() -> None:
    network = Two()
    x = Key("x").normal(3, 3, 8, 6)
    found = Statistics(network, network.maps)(x)
    assert found.shape == (3, 2 * (2 + 3))
    first, second = (seen.flatten(2).double().numpy() for seen in network.maps(x))
    expected = np.concatenate([first.mean(2), first.std(2), second.mean(2), second.std(2)], 1)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_a_grain_is_told_whatever_it_lies_on() -> None:
    look = style_extractor(embedded())
    learnt, fresh = ([(hand, things(40, hand, place)) for hand in ("flat", "grained")] for place in (0, 1))
    features = torch.cat([look.features(many) for _, many in learnt])
    judge = StyleJudge.taught(look, features, [hand for hand, many in learnt for _ in many])
    for hand, many in fresh:
        assert (judge.classifier.ranks(look.features(many), [hand] * len(many)) == 0).mean() > 0.95
        assert judge.right(look.features(many), [{"flat": "grained", "grained": "flat"}[hand]] * len(many)).mean() < 0.05


def test_what_is_of_no_style_is_taken_for_none() -> None:
    """A grain three times as strong is nearer to the grained than to the flat, and like neither."""
    look = style_extractor(embedded())
    learnt = [(hand, things(260, hand, 0)) for hand in ("flat", "grained")]
    features = torch.cat([look.features(many) for _, many in learnt])
    judge = StyleJudge.taught(look, features, [hand for hand, many in learnt for _ in many])
    strange = look.features(things(40, "grained", 1, grain=60))
    asked = ["grained"] * 40
    assert (judge.classifier.ranks(strange, asked) == 0).mean() > 0.9
    assert judge.right(strange, asked).mean() < 0.1
    assert judge.right(look.features(things(40, "grained", 1)), asked).mean() > 0.85


def test_distances_are_mahalanobis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gaussians with one covariance: of fresh ones as many are let in as were said to be, however features are scaled."""
    monkeypatch.setattr(styles, "TYPICAL", 0.9)
    scales = torch.tensor([1e-2, 1.0, 50.0])
    mix = torch.tensor([[1.0, 0.8, 0.0], [0.0, 0.6, 0.5], [0.0, 0.0, 0.7]])

    def drawn(place: int) -> tuple[torch.Tensor, list[str]]:
        x = Key("gaussians", place).normal(2000, 3) @ mix
        x[1000:] += 6.0
        return x * scales, ["one"] * 1000 + ["two"] * 1000

    judge = StyleJudge.taught(wrap("none", nn.Identity(), 3, SIDE), *drawn(0))
    assert judge.right(*drawn(1)).mean() == pytest.approx(0.9, abs=0.03)
    limit = torch.tensor(scipy.stats.chi2(3).ppf(0.9))
    # Shrinking the covariance makes distances a little smaller than those of the plain one.
    assert ((judge.reach / limit - 1).abs() < 0.25).all()


def test_of_few_pictures_nobody_knows_how_far_they_lie() -> None:
    features = Key("few").normal(24, 4)
    judge = StyleJudge.taught(wrap("none", nn.Identity(), 4, SIDE), features, ["one", "two"] * 12)
    assert judge.reach.isinf().all()


def test_who_has_no_maps_of_its_own_borrows_the_boxes() -> None:
    own, borrowed = style_extractor(embedded()), style_extractor(wrap("mine", nn.Identity(), 3, SIDE))
    assert own.digest == borrowed.digest
    assert own.digest != embedded().digest, "features of both are kept side by side"
    assert own.features(things(2, "flat", 0)).shape == (2, own.width)


def test_a_standardised_classifier_knows_no_scales() -> None:
    x, scales = Key("features").normal(60, 5), torch.tensor([1e-3, 1e-1, 1.0, 30.0, 1e3])
    labels = ["one", "two", "three"] * 20
    fresh = Key("fresh").normal(30, 5)
    plain = classifier(x, labels, standardised=True).ranks(fresh, labels[:30])
    assert np.array_equal(classifier(x * scales, labels, standardised=True).ranks(fresh * scales, labels[:30]), plain)
    assert not np.array_equal(classifier(x * scales, labels).ranks(fresh * scales, labels[:30]), plain)
