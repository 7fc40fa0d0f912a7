"""The autoregressive family by rows and by scales: what it learns, what it draws, and that keeping places changes nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from learners import autoregressive, scales, stream
from torch import Tensor

from danqing.families.autoregressive import Autoregressive
from danqing.painters.snapshot import Snapshot, newest
from danqing.parts.causal import Kept
from danqing.parts.contract import Asked, Canvas, Key, Keys, Plan
from danqing.parts.loop import Loop

STREAM = stream()
BATCH = STREAM.batch(range(5))
KEYS = Keys(tuple(Key(3, row) for row in range(5)))


BOTH = pytest.mark.parametrize("make", [autoregressive, scales])


def moved(make: Callable[..., Autoregressive] = autoregressive, **changes: Any) -> Autoregressive:
    """With weights that have left zero."""
    learner = make(**changes)
    for number, parameter in enumerate(learner.parameters()):
        parameter.data.add_(0.2 * Key("moved", number).normal(*parameter.shape))
    return learner.eval()


@torch.no_grad()
def painted(learner: Autoregressive, asked: Asked) -> Canvas:
    canvas = learner.start(asked, Plan(learner.size), KEYS)
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


def test_codes_of_a_few_pictures_are_learnt_scale_by_scale() -> None:
    few, loop, losses = stream(4), Loop(scales(length=2560), seed=5), []
    while loop.seen < 2560:
        told = loop.step(few.batch(range(loop.seen, loop.seen + 16)))
        losses += [told["painter/code"]] if "painter/code" in told else []
    assert sum(losses[-5:]) < 0.4 * sum(losses[:5])


def test_a_code_is_foretold_by_those_before_it_alone() -> None:
    learner = moved()
    codes = torch.randint(32, (2, 16), generator=Key(0).generator())
    other = codes.clone()
    other[:, 9:] = (other[:, 9:] + 1) % 32
    with torch.no_grad():
        first, second = (learner.foretell(some, {}) for some in (codes, other))
    assert torch.equal(first[:, :10], second[:, :10])
    assert not torch.equal(first[:, 10:], second[:, 10:])


@pytest.mark.parametrize("size", [(8, 8), (13, 9)])
def test_a_map_is_foretold_by_coarser_maps_alone(size: tuple[int, int]) -> None:
    """All of a map see the same of the codes: those of no map change what is foretold of its own or of coarser ones."""
    learner = moved(scales, size=size)
    codes = torch.randint(32, (2, learner.painted[-1]), generator=Key(0).generator())
    with torch.no_grad():
        first = learner.foretell(codes, {})
        for begin, end in itertools.pairwise(learner.painted[:-1]):
            other = codes.clone()
            other[:, begin:] = (other[:, begin:] + 1) % 32
            second = learner.foretell(other, {})
            assert torch.equal(first[:, :end], second[:, :end])
            assert bool((first[:, end:] != second[:, end:]).any(-1).all())


def test_a_place_sees_its_map_and_coarser_ones() -> None:
    """What stands at a place reaches all of its map and of finer ones, and nothing else."""
    learner = moved(scales)
    told = learner.conditioner.encode({}, 1)
    x = Key(0).normal(1, 21, 32)
    with torch.no_grad():
        before = learner.network(x, learner._turns(), told.tokens, told.mask, sees=learner.sees)
        for place, first in ((0, 0), (1, 1), (4, 1), (5, 5), (20, 5)):
            other = x.clone()
            other[:, place] += Key(1).normal(32)
            after = learner.network(other, learner._turns(), told.tokens, told.mask, sees=learner.sees)
            assert (before != after).any(-1)[0].tolist() == [False] * first + [True] * (21 - first)


def test_coarse_places_stand_in_the_middle_of_what_they_cover() -> None:
    learner = scales(size=(13, 9))
    assert learner.maps == [(1, 1), (2, 2), (4, 4), (7, 5)]
    cos, sin = learner._turns()
    angles = torch.atan2(sin, cos)
    head = learner.config.network.head // 4  # the first frequency of rows, and of columns, is 1
    assert angles[0, [0, head]].tolist() == pytest.approx([3.0, 2.0])
    assert angles[1, [0, head]].tolist() == pytest.approx([1.25, 0.75])
    assert angles[-1, [0, head]].tolist() == pytest.approx([6 - 2 * torch.pi, 4 - 2 * torch.pi])


@BOTH
@pytest.mark.parametrize("weight", [1.0, 2.5])
@pytest.mark.parametrize("changes", [{}, {"top_k": 4}, {"top_p": 0.5, "temperature": 0.7}, {"size": (13, 9)}])
def test_what_is_kept_changes_nothing(make: Callable[..., Autoregressive], weight: float, changes: dict[str, Any]) -> None:
    """In float64 the codes are those that are drawn when every place is computed anew from all before it."""
    learner, wish = moved(make, **changes).double(), asked(weight)
    found = painted(learner, wish).tensors["codes"]
    codes = torch.zeros_like(found)
    with torch.no_grad():
        for step, (begin, end) in enumerate(itertools.pairwise(learner.painted)):
            luck = KEYS.at("row", step).uniform(end - begin)
            for first, last in itertools.pairwise(place for place in learner.drawn if begin <= place <= end):
                said, other = (learner.foretell(codes, values)[:, first:last] for values in (wish.conditions, wish.against))
                codes[:, first:last] = learner._drawn(other + weight * (said - other), luck[:, first - begin : last - begin])
    assert torch.equal(found, codes)


def test_a_map_costs_its_own_places_where_coarser_ones_are_kept() -> None:
    """In float64 with one memory from map to map the same codes are drawn."""
    learner, wish = moved(scales).double(), asked(1.0)
    found = painted(learner, wish).tensors["codes"]
    kept, codes, told = Kept(), torch.zeros_like(found), learner.conditioner.encode(wish.conditions, 5)
    with torch.no_grad():
        for step, (first, last) in enumerate(itertools.pairwise(learner.painted)):
            here, (cos, sin) = slice(first, last), learner._turns()
            new = (learner._before(codes[:, :first]) + learner.where[:last] + told.vector[:, None])[:, here]
            hidden = learner.network(new, (cos[here], sin[here]), told.tokens, told.mask, kept, sees=learner.sees[here])
            codes[:, here] = learner._drawn(learner.last(hidden).float(), KEYS.at("row", step).uniform(last - first))
            assert kept.places == last
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


def test_a_preview_grows_sharp_map_by_map() -> None:
    """A step draws all codes of a map; what is shown is what the codec tells of them."""
    learner, wish = moved(scales), asked()
    canvas = learner.start(wish, Plan((8, 8)), KEYS)
    shown: list[Tensor] = []
    with torch.no_grad():
        for known in (0, 1, 5, 21):
            codes = canvas.tensors["codes"]
            assert bool((codes[:, :known] >= 0).all())
            assert bool((codes[:, known:] == -1).all())
            shown.append(learner.show(canvas))
            torch.testing.assert_close(shown[-1], learner.codec.from_tokens(codes[:, :known], (8, 8)))
            assert canvas.done == (known == 21)
            canvas = canvas if canvas.done else learner.step(canvas, wish)
        latents = learner.codec.sums(canvas.tensors["codes"], (8, 8))[-1]
        torch.testing.assert_close(learner.decode(latents, wish.conditions), shown[-1])
        known_codes = learner.codec.tokens(BATCH.pictures)
        painted_again = learner.decode(learner.encode(BATCH.pictures, BATCH.conditions), BATCH.conditions)
        torch.testing.assert_close(painted_again, learner.codec.from_tokens(known_codes, (8, 8)))
    assert all(not torch.equal(one, other) for one, other in itertools.pairwise(shown))


@pytest.mark.parametrize(
    ("make", "strength", "known"),
    [
        (autoregressive, 0.5, 8),
        (autoregressive, 0.01, 12),
        (scales, 0.4, 5),
        (scales, 0.6, 1),
        (scales, 0.01, 5),
        (scales, 1.0, 0),
    ],
)
def test_a_start_picture_gives_the_upper_rows_or_the_coarsest_maps(
    make: Callable[..., Autoregressive], strength: float, known: int
) -> None:
    learner = moved(make)
    start = Asked(BATCH.conditions, {"palette": [None] * 5}, torch.ones(5), start=BATCH.pictures)
    with torch.no_grad():
        canvas = learner.start(start, Plan((8, 8), strength=strength), KEYS)
        told = learner.codec.tokens(BATCH.pictures)[:, :known]
        assert torch.equal(canvas.tensors["codes"][:, :known], told)
        assert bool((canvas.tensors["codes"][:, known:] == -1).all())
        while not canvas.done:
            canvas = learner.step(canvas, start)
    assert torch.equal(canvas.tensors["codes"][:, :known], told)
    assert bool((canvas.tensors["codes"] >= 0).all())
