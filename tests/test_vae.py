"""The VAE: its bound against closed forms, and what it refuses."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from learners import computed_elsewhere, stream, vae
from painters import write_painter
from torch import distributions

from danqing.conditions.conditioner import drop
from danqing.errors import ConfigError, WishError
from danqing.families.vae import FINEST, SWIFT, Vae, VaeConfig
from danqing.paint import load
from danqing.parts.contract import Asked, Batch, Clock, Key, Keys, Plan
from danqing.parts.loop import Loop

BATCH = stream().batch(range(16))


def linear(latent: int, **settings: object) -> Vae:
    """Linear maps alone."""
    given = {"coder": {"kind": "dense", "hidden": []}, "latent": latent, "warmup": 0, "cooldown": 0.0, "clip": 1e9, **settings}
    torch.manual_seed(0)
    return Vae(VaeConfig.read(given), {}, 1, 0, (3, 3))


def test_the_bound_is_its_definition() -> None:
    """The divergence is that of torch's normal distributions, the cost their log-density; the latents those of the key."""
    learner = awry(vae(latent=3, deviation=0.3, beta=2.0))
    loss = learner.loss(BATCH, "painter", Key(1), Clock(0, 0))
    values = drop(BATCH.conditions, BATCH.keys(Key(1)).at("drop"))
    mean, log_variance = learner.posterior(BATCH.pictures, values)
    q = distributions.Normal(mean, (0.5 * log_variance).exp())
    latents = mean + q.stddev * BATCH.keys(Key(1)).at("latent").normal(3)
    p = distributions.Normal(learner.paint(latents, values), 0.3)
    told = p.log_prob(BATCH.pictures)  # type: ignore[no-untyped-call]
    size = BATCH.pictures[0].numel()
    centre, log_spread = learner.prior(values, 16)
    assert centre.std(0).min() > 0
    divergence = distributions.kl_divergence(q, distributions.Normal(centre, (0.5 * log_spread).exp())).sum(1)
    torch.testing.assert_close(loss.parts["latent"], 2.0 * divergence / size)
    torch.testing.assert_close(loss.parts["picture"], -told.flatten(1).sum(1) / size)


def test_the_bound_of_one_draw_is_that_of_the_loss() -> None:
    """On average over draws; no level is drawn within, so that both tell of the same values."""
    learner = awry(vae(latent=3, deviation=0.3))
    full = Batch(BATCH.pictures[:2], {name: column[:2] for name, column in BATCH.conditions.items()}, (0, 1))
    learner.eval()
    with torch.no_grad():
        bound = torch.stack([learner.bound(full, Key(n), 1, levels=False) for n in range(800)]).mean(0)
        mean, log_variance = learner.posterior(full.pictures, full.conditions)
        q = distributions.Normal(mean, (0.5 * log_variance).exp())
        centre, log_spread = learner.prior(full.conditions, 2)
        costs = distributions.kl_divergence(q, distributions.Normal(centre, (0.5 * log_spread).exp())).sum(1)
        drawn = [mean + q.stddev * full.keys(Key(n)).at("bound", 0).normal(3) for n in range(800)]
        told = [learner.log_likelihood(full.pictures, learner.paint(z, full.conditions)) for z in drawn]
    torch.testing.assert_close(bound.float(), torch.stack(told).mean(0) - costs, rtol=2e-3, atol=0.5)


def test_what_is_asked_for_lies_in_a_place_of_its_own() -> None:
    """The prior learns where: latents of other palettes cost more under it than a picture's own do."""
    learner, pictures = vae(latent=4), stream()
    loop = Loop(learner, seed=0)
    for step in range(200):
        loop.step(pictures.batch(range(16 * step, 16 * (step + 1))))
    learner.eval()
    test = pictures.batch(range(10_000, 10_064))
    others = {name: [*column[1:], column[0]] for name, column in test.conditions.items()}
    with torch.no_grad():
        mean, _ = learner.posterior(test.pictures, test.conditions)
        costs = []
        for values in (test.conditions, others):
            centre, log_spread = learner.prior(values, len(test))
            told = distributions.Normal(centre, (0.5 * log_spread).exp()).log_prob(mean)  # type: ignore[no-untyped-call]
            costs.append(float(-told.sum(1).mean()))
    assert costs[0] < costs[1] - 0.5, costs


def test_what_is_free_costs_the_same_and_teaches_nothing() -> None:
    learner = vae(free=1e3)
    loss = learner.loss(BATCH, "painter", Key(1), Clock(0, 0)).parts["latent"]
    assert loss.tolist() == pytest.approx([1e3 * learner.config.latent / BATCH.pictures[0].numel()] * 16)
    (slope,) = torch.autograd.grad(loss.sum(), [next(learner.coders.parameters())])
    assert not slope.any()


def awry(learner: Vae) -> Vae:
    """The same with a prior that is not where it begins."""
    assert learner.told is not None
    torch.nn.init.normal_(learner.told.weight, std=0.3, generator=Key(5).generator())
    torch.nn.init.normal_(learner.told.bias, std=0.5, generator=Key(6).generator())
    return learner


@pytest.mark.parametrize("latent", [1, 2])
def test_a_linear_vae_reaches_the_likelihood_of_probabilistic_pca(latent: int) -> None:
    """Its maximum likelihood is known (Tipping & Bishop 1999, equations 7 and 8), and a linear VAE's bound is tight there
    (Lucas et al. 2019, "Don't blame the ELBO", section 4)."""
    rng = np.random.default_rng(0)
    count, size = 128, 9
    x = rng.normal(size=(count, 2)) @ rng.normal(size=(2, size)) + 0.3 * rng.normal(size=(count, size)) + 0.5
    values = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    rest = values[latent:].mean()
    log_likelihood = -0.5 * (
        size * math.log(2 * math.pi) + np.log(values[:latent]).sum() + (size - latent) * math.log(rest) + size
    )
    pictures = torch.tensor(x, dtype=torch.float32).view(count, 1, 3, 3)
    learner = linear(latent, lr=2e-2)
    loop = Loop(learner, seed=0)
    for step in range(400):
        loop.step(Batch(pictures, {}, tuple(range(step * count, (step + 1) * count))))
    with torch.no_grad():
        bound = learner.bound(Batch(pictures, {}, tuple(range(count))), Key(0), 32, levels=False).mean().item()
    assert log_likelihood - 0.15 < bound < log_likelihood + 0.02


def test_a_dense_coder_has_no_map() -> None:
    with pytest.raises(ConfigError, match="convolutional coder"):
        VaeConfig.read({"coder": {"kind": "dense"}, "map": True})


def test_more_draws_tighten_the_bound() -> None:
    learner = vae(latent=8).eval()
    with torch.no_grad():
        one, many = (learner.bound(BATCH, Key(2), draws).mean() for draws in (1, 64))
        bits = learner.bits(BATCH, Key(2))
    assert one < many
    assert bits is not None
    assert bits.shape == (16,)
    assert vae(decoder="bernoulli").bits(BATCH, Key(2)) is None


def test_bits_are_those_of_whole_levels() -> None:
    """A decoder that knows nothing and is as wide as the values are: log₂ of 255 levels' width, in a Gaussian."""
    learner = linear(1, deviation=1.0)
    for parameter in learner.parameters():
        torch.nn.init.zeros_(parameter)
    dark = Batch(-torch.ones(2, 1, 3, 3), {}, (0, 1))
    expected = 0.5 * math.log2(2 * math.pi) + 0.5 / math.log(2) - math.log2(2 / 255)
    with torch.no_grad():
        found = learner.bits(dark, Key(0))
    assert found is not None
    assert found.tolist() == pytest.approx([expected, expected], abs=0.02)


def test_a_deviation_that_became_too_fine_comes_back() -> None:
    learner = linear(1)
    learner.log_deviation.data.fill_(-2.0)
    loop = Loop(learner, seed=0)
    pictures = Batch(Key(0).normal(16, 1, 3, 3).clamp(-1, 1), {}, tuple(range(16)))
    for _ in range(30):
        loop.step(pictures)
    assert learner.log_deviation.item() > FINEST / SWIFT + 1e-3


def test_latents_are_followed_as_they_are_drawn() -> None:
    """One that tells nothing has no mean to measure, and as drawn a variance of 1."""
    learner = vae(map=True, latent=2)
    learner.moments.copy_(torch.tensor([[0.0, 0.0], [0.0, 0.0]]))
    mean, log_variance = torch.zeros(4, *learner._shape()), torch.zeros(4, *learner._shape())
    log_variance[:, 1] = -2.0
    learner._posterior = lambda *_: (mean, log_variance)  # type: ignore[method-assign]
    stats = learner.loss(next(BATCH.split(4)), "painter", Key(0), Clock(0, 0)).stats
    square = stats["moments"][0][1] / 4
    torch.testing.assert_close(square, torch.tensor([1.0, math.exp(-2.0)]))


def test_silent_latents_are_told() -> None:
    learner = vae()
    assert not learner.symptoms()
    learner.divergences.zero_()
    assert learner.symptoms()[0].name == "posterior collapse"


def test_the_bernoulli_of_black_and_white() -> None:
    learner = vae(decoder="bernoulli")
    pictures = BATCH.pictures.sign()
    logits = torch.randn(pictures.shape, generator=Key(0).generator())
    expected = distributions.Bernoulli(logits=logits).log_prob((pictures + 1) / 2)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(learner.log_likelihood(pictures, logits), expected.flatten(1).sum(1))


def test_dense_coders_are_computed_where_their_weights_are() -> None:
    computed_elsewhere(vae(coder={"kind": "dense", "hidden": [16]}), BATCH)


def test_a_start_picture_leads_from_itself_to_anything(home: Path) -> None:
    """At strength near 0 what is painted is what its own latents tell; at 1 the picture makes no difference."""
    learner = vae().eval()
    keys = Keys((Key(1),))
    asked = Asked({}, {}, torch.ones(1), start=BATCH.pictures[:1])
    known = learner.encode(BATCH.pictures[:1], {})
    near, far = (learner.start(asked, Plan((8, 8), strength=strength), keys).tensors["latent"] for strength in (1e-4, 1.0))
    torch.testing.assert_close(near, known, rtol=0, atol=1e-3)
    free = learner.start(Asked({}, {}, torch.ones(1)), Plan((8, 8)), keys).tensors["latent"]
    torch.testing.assert_close(far, free, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"steps": 4}, "steps was given as 4"),
        ({"guidance": 3.0}, "guidance"),
        ({"sampler": "euler"}, "sampler"),
        ({"negative": "red"}, "negative"),
        ({"size": (16, 8)}, "paint the shape they learnt"),
    ],
)
def test_what_it_does_not_heed_is_refused(home: Path, wish: dict[str, Any], told: str) -> None:
    small = {
        "kind": "convolutional",
        "patch": 1,
        "widths": [8, 16],
        "depths": [1, 1],
        "attention": [False, False],
        "embedding": 16,
    }
    write_painter("v", "vae", {"coder": small, "latent": 4}, {}, 4, (8, 8), 0)
    session = load("v")
    assert session.paint(seed=1).image.size == (8, 8)
    assert session.paint(seed=1, size=(32, 32)).image.size == (32, 32)
    assert session.paint(seed=1, guidance=1.0).image.size == (8, 8)  # none
    with pytest.raises(WishError, match=told):
        session.paint(seed=1, **wish)
