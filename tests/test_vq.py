"""The discrete codec: its codes, and what is told of them."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch
from learners import stream, vq, vqgan
from painters import write_painter

from danqing.errors import WishError
from danqing.families.vq import Book, Levels, VqConfig
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
