"""The autoregressive family: its two stages, what it draws, and that keeping earlier places changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from learners import autoregressive, stream
from torch import Tensor

from danqing.families.autoregressive import Autoregressive
from danqing.painters.snapshot import Snapshot, newest
from danqing.parts.contract import Asked, Canvas, Key, Keys, Plan
from danqing.parts.loop import Loop

STREAM = stream()
BATCH = STREAM.batch(range(5))
KEYS = Keys(tuple(Key(3, row) for row in range(5)))


def moved(**changes: Any) -> Autoregressive:
    """With weights that have left zero."""
    learner = autoregressive(**changes)
    for number, parameter in enumerate(learner.parameters()):
        parameter.data.add_(0.2 * Key("moved", number).normal(*parameter.shape))
    return learner.eval()


@torch.no_grad()
def painted(learner: Autoregressive, asked: Asked) -> Canvas:
    canvas = learner.start(asked, Plan((8, 8)), KEYS)
    while not canvas.done:
        canvas = learner.step(canvas, asked)
    return canvas


def asked(weight: float = 2.0) -> Asked:
    return Asked(BATCH.conditions, {"palette": [None] * 5}, torch.full((5,), weight))


def run(loop: Loop, until: int) -> list[set[str]]:
    """Who moved in each step."""
    told = []
    while loop.seen < until:
        told.append({name.rsplit("/", 1)[0] for name in loop.step(STREAM.batch(range(loop.seen, loop.seen + 8)))})
    return told


def test_first_the_codec_learns_then_the_painter() -> None:
    learner = autoregressive(length=80)
    loop = Loop(learner, seed=0)
    assert run(loop, 32) == [{"codec painter"}] * 4
    weights = {name: value.clone() for name, value in learner.codec.state_dict().items()}
    assert run(loop, 80) == [{"painter"}] * 6
    assert all(torch.equal(value, weights[name]) for name, value in learner.codec.state_dict().items())


@pytest.mark.parametrize("cut", [24, 32, 40])
def test_a_training_goes_on_exactly_around_the_turn(cut: int, tmp_path: Path) -> None:
    whole, first = Loop(autoregressive(length=80), seed=0), Loop(autoregressive(length=80), seed=0)
    first.learner.load_state_dict(whole.learner.state_dict())
    for mover, other in zip(whole.movers.values(), first.movers.values(), strict=True):
        other.restore(mover.tensors(), 0)
    run(whole, 64)
    run(first, cut)
    Snapshot(first.tensors(), first.facts()).write(tmp_path)
    snapshot = newest(tmp_path)
    assert snapshot is not None
    second = Loop(autoregressive(length=80), seed=0)
    second.restore(snapshot.tensors, snapshot.facts)
    run(second, 64)
    after, expected = second.tensors(), whole.tensors()
    assert after.keys() == expected.keys()
    assert all(torch.equal(after[name], expected[name]) for name in after)


def test_codes_are_foretold_better() -> None:
    loop = Loop(autoregressive(), seed=5)
    losses = []
    while loop.seen < 6400:
        told = loop.step(STREAM.batch(range(loop.seen, loop.seen + 32)))
        losses += [told["painter/code"]] if "painter/code" in told else []
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_a_code_is_foretold_by_those_before_it_alone() -> None:
    learner = moved()
    codes = torch.randint(32, (2, 16), generator=Key(0).generator())
    other = codes.clone()
    other[:, 9:] = (other[:, 9:] + 1) % 32
    with torch.no_grad():
        first, second = (learner.foretell(some, {}) for some in (codes, other))
    assert torch.equal(first[:, :10], second[:, :10])
    assert not torch.equal(first[:, 10:], second[:, 10:])


@pytest.mark.parametrize("weight", [1.0, 2.5])
@pytest.mark.parametrize("changes", [{}, {"top_k": 4}, {"top_p": 0.5, "temperature": 0.7}])
def test_what_is_kept_changes_nothing(weight: float, changes: dict[str, Any]) -> None:
    """In float64 the codes are those that are drawn when every place is computed anew from all before it."""
    learner, wish = moved(**changes).double(), asked(weight)
    found = painted(learner, wish).tensors["codes"].flatten(1)
    codes = torch.zeros_like(found)
    with torch.no_grad():
        for place in range(codes.shape[1]):
            row, column = divmod(place, learner.places[1])
            said, other = (learner.foretell(codes, values)[:, place] for values in (wish.conditions, wish.against))
            luck = KEYS.at("row", row).uniform(learner.places[1])[:, column]
            codes[:, place] = learner._drawn(other + weight * (said - other), luck)
    assert torch.equal(found, codes)


def test_draws_are_from_the_likeliest_in_their_shares() -> None:
    chances = torch.tensor([0.5, 0.3, 0.15, 0.05])
    luck = (torch.arange(2000) + 0.5) / 2000

    def shares(learner: Autoregressive) -> list[float]:
        drawn = learner._drawn(chances.log().expand(2000, -1), luck)
        return [round(float((drawn == code).float().mean()), 2) for code in range(4)]

    assert shares(autoregressive(top_p=1.0)) == [0.5, 0.3, 0.15, 0.05]
    assert shares(autoregressive(top_p=1.0, top_k=2)) == pytest.approx([0.62, 0.38, 0, 0], abs=0.01)
    assert shares(autoregressive(top_p=0.79)) == pytest.approx([0.62, 0.38, 0, 0], abs=0.01)
    assert shares(autoregressive(top_p=0.4)) == [1, 0, 0, 0]
    sharp = (chances**2) / (chances**2).sum()
    assert shares(autoregressive(top_p=1.0, temperature=0.5)) == pytest.approx(sharp.tolist(), abs=0.01)


def test_a_preview_grows_row_by_row() -> None:
    learner, wish = moved(), asked()
    canvas: Canvas = learner.start(wish, Plan((8, 8)), KEYS)
    shown: Tensor
    for row in range(4):
        shown = learner.show(canvas)
        assert bool((shown[..., 2 * row :, :] == -1).all())
        assert row == 0 or not bool((shown[..., : 2 * row, :] == -1).all())
        with torch.no_grad():
            canvas = learner.step(canvas, wish)
    assert canvas.done


def test_a_start_picture_gives_the_upper_part() -> None:
    learner = moved()
    start = Asked(BATCH.conditions, {"palette": [None] * 5}, torch.ones(5), start=BATCH.pictures)
    with torch.no_grad():
        canvas = learner.start(start, Plan((8, 8), strength=0.5), KEYS)
        known = learner.codec.tokens(BATCH.pictures)
        assert torch.equal(canvas.tensors["codes"][:, :2], known[:, :2])
        assert bool((canvas.tensors["codes"][:, 2:] == -1).all())
        while not canvas.done:
            canvas = learner.step(canvas, start)
    assert torch.equal(canvas.tensors["codes"][:, :2], known[:, :2])
    assert bool((canvas.tensors["codes"] >= 0).all())
