"""The normalizing flow: inverses and volumes against autograd, its likelihood against closed forms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from learners import coupling, flow, stream
from torch import Tensor, nn

from danqing.errors import TrainingError
from danqing.families.flow import Flow, divisor
from danqing.parts.causal import CausalConfig, CausalTransformer, Kept
from danqing.parts.contract import Asked, Batch, Clock, Key, Keys, Plan
from danqing.parts.loop import Loop
from danqing.parts.transformer import positions

BATCH = stream().batch(range(6))
KINDS: Mapping[str, Any] = {"causal": flow, "coupling": coupling}


def moved(learner: nn.Module, by: float = 0.04) -> Any:
    """With weights that have left zero."""
    for number, parameter in enumerate(learner.parameters()):
        parameter.data.add_(by * Key("moved", number).normal(*parameter.shape).to(parameter))
    return learner.eval()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(8, 8), (6, 10)])
@pytest.mark.parametrize("bins", [0, 8])
def test_it_is_inverted(kind: str, size: tuple[int, int], bins: int) -> None:
    learner: Flow = moved(KINDS[kind](size=size, bins=bins), 0.04 if bins else 0.08)
    pictures = Key(0).normal(6, 3, *size)
    with torch.no_grad():
        latents, _ = learner.flow(pictures, BATCH.conditions)
        again = learner.unflow(latents, BATCH.conditions)
    assert not torch.allclose(latents, learner._cut(pictures), atol=0.1)
    assert (again - pictures).abs().max() < 1e-5 * max(1.0, float(latents.abs().max()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bins", [0, 8])
def test_its_volume_is_that_of_its_jacobian(kind: str, bins: int) -> None:
    learner: Flow = moved(KINDS[kind](channels=1, size=(4, 4), patch=2, bins=bins))
    picture = Key(1).normal(1, 1, 4, 4)
    asked = {"palette": BATCH.conditions["palette"][:1]}

    def flat(x: Tensor) -> Tensor:
        return learner.flow(x.view(1, 1, 4, 4), asked)[0].flatten()

    jacobian = torch.autograd.functional.jacobian(flat, picture.flatten())  # type: ignore[no-untyped-call]
    assert isinstance(jacobian, Tensor)
    expected = torch.linalg.slogdet(jacobian.double()).logabsdet
    _, volume = learner.flow(picture, asked)
    assert volume.item() == pytest.approx(expected.item(), abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fresh_flow_is_a_standard_normal_distribution(kind: str) -> None:
    learner: Flow = KINDS[kind]()
    pictures = BATCH.pictures
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(pictures).flatten(1).sum(1)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(learner.log_likelihood(pictures, BATCH.conditions), expected, rtol=1e-5, atol=1e-4)


def test_bits_are_those_of_whole_levels() -> None:
    learner = flow()
    dark = Batch(-torch.ones(4, 3, 8, 8), {"palette": [None] * 4}, (0, 1, 2, 3))
    expected = 0.5 * math.log2(2 * math.pi) + 0.5 / math.log(2) - math.log2(2 / 255)
    with torch.no_grad():
        found = learner.bits(dark, Key(0))
        few = flow(levels=17).bits(dark, Key(0))
    assert found is not None
    assert few is not None
    assert found.tolist() == pytest.approx([expected] * 4, abs=0.02)
    assert few.tolist() == pytest.approx([expected - math.log2(255 / 16)] * 4, abs=0.05)
    assert flow(noise=4.0).bits(dark, Key(0)) is None
    gray = Batch(dark.pictures + 2 / 255, dark.conditions, dark.rows)
    assert flow().bits(gray, Key(0)) is not None
    assert flow(levels=17).bits(gray, Key(0)) is None, "its levels are no levels of the pictures"


def test_guidance_moves_away_from_what_is_not_asked() -> None:
    learner: Flow = moved(flow())
    asked = Asked(BATCH.conditions, {"palette": [None] * 6}, torch.ones(6))
    keys = Keys(tuple(Key(7, row) for row in range(6)))

    @torch.no_grad()
    def painted(weight: float) -> Tensor:
        mine = Asked(asked.conditions, asked.against, torch.full((6,), weight))
        canvas = learner.start(mine, Plan((8, 8)), keys)
        while not canvas.done:
            canvas = learner.step(canvas, mine)
        return canvas.tensors["x"]

    latents = learner.start(asked, Plan((8, 8)), keys).tensors["x"]
    with torch.no_grad():
        torch.testing.assert_close(learner._joined(painted(1.0)), learner.unflow(latents, asked.conditions))
        torch.testing.assert_close(learner._joined(painted(0.0)), learner.unflow(latents, asked.against), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(painted(2.0), painted(1.0))


def test_kept_places_are_those_computed_anew() -> None:
    """In float64 place by place with what was kept gives what all places at once give."""
    network = moved(CausalTransformer(CausalConfig(width=32, depth=3, head=16)).double())
    x, context = Key(0).normal(2, 12, 32).double(), Key(1).normal(2, 5, 32).double()
    mask = Key(2).uniform(2, 5) < 0.7
    cos, sin = (part.double() for part in positions(3, 4, 0, 16, x.device))
    with torch.no_grad():
        whole = network(x, (cos, sin), context, mask)
        kept, pieces = Kept(), []
        for first, last in ((0, 1), (1, 2), (2, 6), (6, 12)):
            here = slice(first, last)
            pieces.append(network(x[:, here], (cos[here], sin[here]), context, mask, kept))
        torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-10, atol=1e-10)
        later = x.clone()
        later[:, 7:] += 1
        assert torch.equal(network(later, (cos, sin), context, mask)[:, :7], whole[:, :7])


def test_a_number_that_is_none_stops_the_training() -> None:
    learner = flow()
    loop = Loop(learner, seed=0)
    with torch.no_grad():
        learner._stack()[0].last.bias[0] = math.nan
    with pytest.raises(TrainingError, match=r"blocks\.0\.last\.bias"):
        loop.step(BATCH)


def test_patches_cut_the_picture_evenly() -> None:
    assert [divisor(side, 4) for side in (28, 32, 13, 9, 6, 2)] == [4, 4, 1, 3, 3, 2]
    assert flow(size=(6, 10)).places == (2, 5)


def test_a_flow_learns_correlations() -> None:
    """Two numbers of one Gaussian: the likelihood reaches its entropy."""
    covariance = torch.tensor([[1.0, 0.9], [0.9, 1.0]])
    spread = torch.distributions.MultivariateNormal(torch.zeros(2), covariance)
    learner = Flow(type(flow().config).read({**flow().config.plain(), "patch": 1, "blocks": 2}), {}, 1, 0, (1, 2))
    loop = Loop(learner, seed=0)
    torch.manual_seed(0)
    for step in range(300):
        pictures = spread.sample((64,)).view(64, 1, 1, 2)
        loop.step(Batch(pictures, {}, tuple(range(64 * step, 64 * step + 64))))
    with torch.no_grad():
        found = -learner.log_likelihood(spread.sample((2000,)).view(-1, 1, 1, 2), {}).mean()
    assert found.item() == pytest.approx(spread.entropy().item(), abs=0.08)  # type: ignore[no-untyped-call]
    assert learner.loss(Batch(pictures, {}, tuple(range(64))), "painter", Key(0), Clock(0, 0)).parts["nats"].shape == (64,)
