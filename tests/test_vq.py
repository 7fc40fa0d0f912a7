"""The discrete codec: its codes, and what is told of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from learners import fsq, residual, stream, vq, vqgan
from painters import write_painter

from danqing.errors import ConfigError, WishError
from danqing.families.vq import Book, Levels, Vq, VqConfig, shrunk
from danqing.paint import load
from danqing.parts.contract import Clock, Key, Keys
from danqing.parts.loop import Loop

STREAM = stream()
KEYS = Keys(tuple(Key("row", row) for row in range(2)))


@pytest.mark.parametrize("levels", [(2,), (3,), (8, 5, 4), (7, 6, 5, 5)])
def test_every_code_of_levels_is_there_once(levels: tuple[int, ...]) -> None:
    """Latents over a wide range reach every level of every number, and numbers and codes tell each other."""
    quantiser = Levels(levels)
    reached = torch.tensor(list(itertools.product(*(torch.linspace(-4, 4, 4 * count) for count in levels))))
    codes, numbers = quantiser(reached.view(1, 1, -1, len(levels)).movedim(-1, 1))
    assert sorted(set(numbers.flatten().tolist())) == list(range(math.prod(levels)))
    torch.testing.assert_close(quantiser.lookup(numbers), codes)
    assert codes.abs().max() <= 1
    for place, count in enumerate(levels):
        assert len(set(codes[0, place].flatten().tolist())) == count


def test_levels_are_those_of_the_paper() -> None:
    """Five levels round what is bounded to -2 to 2 (Mentzer et al. 2023, figure 1); and slopes pass the rounding."""
    latents = torch.tensor([-9.0, -0.5, 0.0, 0.3, 9.0]).view(1, 1, 1, -1).requires_grad_()
    codes, _ = Levels((5,))(latents)
    assert (codes * 2).flatten().tolist() == pytest.approx([-2, -1, 0, 1, 2])
    codes.sum().backward()
    assert latents.grad is not None
    assert latents.grad.flatten()[2] == pytest.approx((2 * (1 + 1e-3)) / 2)


def test_the_book_gives_the_nearest_and_passes_slopes() -> None:
    book = Book(VqConfig(codes=8, latent=3))
    latents = Key(0).normal(2, 3, 4, 5).requires_grad_()
    codes, numbers = book(latents)
    far = (latents.detach().movedim(1, -1)[..., None, :] - book.sums).square().sum(-1)
    assert torch.equal(numbers, far.argmin(-1))
    torch.testing.assert_close(codes, book.lookup(numbers))
    codes.sum().backward()
    assert latents.grad is not None
    assert bool((latents.grad == 1).all())


def test_the_book_follows_the_mean_of_what_chose_its_codes_and_the_dead_are_revived() -> None:
    book = Book(VqConfig(codes=4, latent=2))
    book.sums.copy_(torch.tensor([[1.0, 1.0], [-1.0, -1.0], [50.0, 50.0], [60.0, 60.0]]))
    latents = torch.tensor([[1.1, 1.3], [0.9, 1.1], [-1.2, -0.8], [-1.0, -1.0]]).T.reshape(1, 2, 2, 2).repeat(2, 1, 1, 1)
    for turn in range(200):
        _, numbers = book(latents)
        stats = {name: value for name, (value, _) in book.stats(latents, numbers, KEYS.at(turn)).items()}
        book.follow(stats, 0.1, Key(turn))
    codes, _ = book(latents)
    assert (codes - latents).abs().max() < 0.3, "with four codes for four latents, each is near one"
    assert book.counts.min() > 0


def test_most_codes_come_into_use() -> None:
    learner = vq(codes=64)
    loop = Loop(learner, seed=0)
    for step in range(120):
        loop.step(STREAM.batch(range(32 * step, 32 * step + 32)))
    told = learner.readings()
    assert told["codes in use"] > 0.8
    assert 20 < told["perplexity"] <= 64


def test_the_critic_and_the_codec_pull_at_the_same_pictures() -> None:
    learner, batch = vqgan(), STREAM.batch(range(8))
    codec = learner.loss(batch, "painter", Key(0), Clock(0, 0)).parts
    critic = learner.loss(batch, "critic", Key(0), Clock(0, 0)).parts
    assert learner.critic is not None
    painted = learner.from_tokens(learner.tokens(batch.pictures), (8, 8))
    fake = learner.critic(painted)
    torch.testing.assert_close(codec["fool"], -0.01 * fake.mean(1), rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(critic["fake"], torch.relu(1 + fake).mean(1), rtol=1e-3, atol=1e-4)
    assert set(learner.players()) == {"painter", "critic"}
    assert set(vq().players()) == {"painter"}


def moved(learner: Vq) -> Vq:
    """With weights that have left their beginnings."""
    for number, parameter in enumerate(learner.parameters()):
        parameter.data.add_(0.1 * Key("moved", number).normal(*parameter.shape))
    return learner


def test_maps_grow_to_the_whole_one() -> None:
    learner = residual()
    assert learner.maps(4, 4) == [(1, 1), (2, 2), (4, 4)]
    assert learner.maps(8, 8) == [(1, 1), (2, 2), (4, 4), (8, 8)], "the whole map is always the last"
    assert learner.maps(3, 6) == [(1, 1), (2, 2), (3, 4), (3, 6)]
    assert learner.maps(1, 1) == [(1, 1)]
    assert vq().maps(3, 6) == [(3, 6)]


@pytest.mark.parametrize("scales", [[0, 2], [4, 2], [2, 2]])
def test_scales_that_do_not_grow_are_refused(scales: list[int]) -> None:
    with pytest.raises(ConfigError, match=r"'scales' was given .* each larger than the one before"):
        VqConfig.read({"scales": scales})


@pytest.mark.parametrize("levels", [[], [8, 1], [0]])
def test_levels_that_tell_nothing_are_refused(levels: list[int]) -> None:
    with pytest.raises(ConfigError, match=r"'levels' was given .* from 2 on, one at least"):
        VqConfig.read({"quantiser": "fsq", "levels": levels})


def test_commitment_is_refused_where_there_is_none() -> None:
    with pytest.raises(ConfigError, match="levels without scales have none"):
        VqConfig.read({"quantiser": "fsq", "commitment": 0.5})
    assert VqConfig.read({"quantiser": "fsq", "commitment": 0.5, "scales": [1, 2]}).commitment == 0.5


@pytest.mark.parametrize("size", [(8, 8), (13, 9), (4, 12)])
@pytest.mark.parametrize("make", [residual, lambda: fsq(scales=[1, 2, 4])], ids=["vq", "fsq"])
def test_each_map_tells_what_those_before_it_leave_untold(make: Callable[[], Vq], size: tuple[int, int]) -> None:
    learner, pictures = moved(make()), Key(0).normal(3, 3, *size)
    with torch.no_grad():
        latents = learner.latents(pictures)
        told, numbers = learner.tell(latents), learner.tokens(pictures)
        sums = learner.sums(numbers, size)
        assert numbers.shape[1] == sum(rows * columns for rows, columns in learner.maps(*latents.shape[2:]))
        assert torch.equal(numbers, told.numbers)
        assert torch.equal(sums[0], torch.zeros_like(latents))
        assert all(torch.equal(one, other) for one, other in zip(sums[1:], told.sums, strict=True))
        torch.testing.assert_close(told.codes, sums[-1])
        first = 0
        for before, rest, (rows, columns) in zip(sums, told.rests, learner.maps(*latents.shape[2:]), strict=False):
            torch.testing.assert_close(rest, shrunk(latents - before, (rows, columns)))
            chosen = learner.quantiser(rest)[1].flatten(1)
            assert torch.equal(chosen, numbers[:, first : first + rows * columns])
            assert torch.equal(learner.sums(numbers[:, :first], size)[-1], before), "the first maps need no later ones"
            first += rows * columns
        torch.testing.assert_close(learner.from_tokens(numbers, size), learner.paint(told.codes, size).clamp(-1, 1))


def test_the_book_follows_the_rests_of_all_maps() -> None:
    learner, batch = moved(residual()), STREAM.batch(range(4))
    with torch.no_grad():
        told = learner.tell(learner.latents(batch.pictures))
        stats = {name: value for name, (value, _) in learner.loss(batch, "painter", Key(0), Clock(0, 0)).stats.items()}
    rests = torch.cat([rest.flatten(2) for rest in told.rests], 2).movedim(1, 2)
    assert stats["counts"].sum() == 4 * (1 + 4 + 16)
    for code in range(32):
        torch.testing.assert_close(stats["sums"][code], rests[told.numbers == code].sum(0), rtol=1e-4, atol=1e-4)
    assert all(bool((rest == fresh).all(1).any()) for rest, fresh in zip(rests, stats["fresh"], strict=True))


def test_slopes_pass_the_sum_of_all_maps() -> None:
    learner = moved(residual())
    latents = Key(0).normal(2, 4, 4, 4).requires_grad_()
    learner.tell(latents).codes.sum().backward()  # type: ignore[no-untyped-call]
    assert latents.grad is not None
    assert bool((latents.grad == 1).all())


def test_finer_maps_tell_more() -> None:
    """And what blends codes is learnt with the rest."""
    learner = residual()
    assert learner.blend is not None
    begun = learner.blend.weight.detach().clone()
    codes = Key(0).normal(1, 4, 4, 4)
    torch.testing.assert_close(learner.blend(codes), codes)
    loop = Loop(learner, seed=0)
    for step in range(120):
        loop.step(STREAM.batch(range(32 * step, 32 * step + 32)))
    with torch.no_grad():
        latents = learner.latents(STREAM.batch(range(64)).pictures)
        left = [float((latents - one).square().mean()) for one in learner.tell(latents).sums]
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.5 * left[0]
    assert not torch.equal(learner.blend.weight, begun)


def test_it_paints_only_what_a_picture_tells(home: Path, tmp_path: Path) -> None:
    coder = {"patch": 2, "widths": [16], "depths": [1], "attention": [False], "embedding": 8}
    write_painter("c", "vq", {"coder": coder, "codes": 8, "latent": 3}, {}, 4, (8, 8), 0)
    write_painter("p", "vae", {"coder": {"kind": "dense"}, "latent": 4}, {}, 4, (8, 8), 0)
    start = tmp_path / "start.png"
    load("p").paint(seed=1).save(start)
    session = load("c")
    assert session.paint(init=str(start)).image.size == (8, 8)
    with pytest.raises(WishError, match="--init"):
        session.paint(seed=1)
