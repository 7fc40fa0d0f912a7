"""The loop itself: whose turn it is, clipping, averages, precision, and how it stops when a number is none."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from learners import build, diffusion, stream
from torch import Tensor, nn

from danqing.errors import TrainingError
from danqing.parts.contract import Batch, Clock, Key, Learner, Loss, Player
from danqing.parts.loop import Loop
from danqing.parts.precision import reduced_precision
from danqing.parts.processes import World
from danqing.parts.rates import trapezoid

STREAM = stream(64)


def batch(first: int, count: int = 4) -> Batch:
    return STREAM.batch(range(first, first + count))


class Weights(Learner):
    """Players with one weight vector each; a player's loss is the sum of its own vector, or what `losses` says."""

    def __init__(self, **players: Player) -> None:
        super().__init__()
        self.weights = nn.ParameterDict({name: nn.Parameter(torch.zeros(4)) for name in players})
        self.given, self.clocks = players, list[tuple[str, Clock]]()
        self.losses: Callable[[str, Tensor], Tensor] = lambda _, weights: weights.sum()
        self.ended: Tensor
        self.register_buffer("ended", torch.zeros(()))

    def players(self) -> dict[str, Player]:
        return {name: dataclasses.replace(player, parameters=[self.weights[name]]) for name, player in self.given.items()}

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        assert [name for name, weights in self.weights.items() if weights.requires_grad] == [player]
        self.clocks.append((player, clock))
        value = self.losses(player, self.weights[player]) + self.ended
        return Loss({"sum": value.expand(len(batch)).float() + 0 * batch.pictures.mean(dim=(1, 2, 3))})

    def after(self, player: str, stats: Mapping[str, Tensor], key: Key, clock: Clock) -> None:
        assert self.clocks[-1] == (player, clock)


def player(rate: Callable[[int], float] = lambda seen: 0.1, **facts: object) -> Player:
    return dataclasses.replace(Player([], rate), **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("every", "turns", "steps", "moves"),
    [(1, 1, 5, 5), (1, 3, 5, 15), (2, 1, 5, 3), (2, 2, 6, 6), (4, 1, 4, 1), (4, 5, 5, 10)],
)
def test_everyone_moves_when_it_is_their_turn(every: int, turns: int, steps: int, moves: int) -> None:
    learner = Weights(steady=player(), other=player(every=every, turns=turns))
    loop = Loop(learner, seed=0)
    for _ in range(steps):
        loop.step(batch(loop.seen))
    assert loop.movers["other"].turn == moves
    expected = []
    for step in range(steps):
        expected.append(("steady", Clock(4 * step, step)))
        done = sum(name == "other" for name, _ in expected)
        expected += [("other", Clock(4 * step, done + turn)) for turn in range(0 if step % every else turns)]
    assert learner.clocks == expected
    torch.testing.assert_close(learner.weights["other"], torch.full((4,), -0.1 * moves))  # Adam's steps for a steady gradient


def test_the_learning_rate_is_that_of_the_pictures_seen() -> None:
    learner = Weights(one=player(trapezoid(1.0, warmup=8, length=40, cooldown=0.5)))
    loop, before, moved = Loop(learner, seed=0), 0.0, []
    for _ in range(10):
        loop.step(batch(loop.seen))
        moved.append(before - float(learner.weights["one"].detach()[0]))
        before -= moved[-1]
    assert moved == pytest.approx([1 / 8, 5 / 8, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2], abs=1e-5)


@pytest.mark.parametrize("clip", [0.5, 2.0, math.inf])
def test_gradients_are_clipped_and_their_full_length_is_told(clip: float) -> None:
    learner = Weights(one=player(clip=clip, betas=(0.0, 0.99)))
    loop = Loop(learner, seed=0)
    told = loop.step(batch(0))
    assert told["one/gradient"] == pytest.approx(2.0)  # four ones
    assert float(loop.tensors()["player.one.exp_avg.weights.one"].norm()) == pytest.approx(min(clip, 2.0), rel=1e-5)


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("life", [100, 1000])
def test_averages_forget_half_in_every_half_life(life: int, every: int) -> None:
    """A weight that jumps from 0 to −1 once: n pictures later its average is −(1 − 2^(−n / life)), however often it moves.

    It may be late by a sixteenth of its half-life, but then makes up for it.
    """
    start = 10**6
    learner = Weights(one=player(lambda seen: float(seen == start), every=every, averages=(life, 2 * life)))
    loop = Loop(learner, seed=0)
    loop.restore(loop.tensors(), {"seen": start, "steps": 0, "turns": {"one": 0}})
    for n in range(4, 261, 4):
        loop.step(batch(loop.seen))
        for half in (life, 2 * life):
            average = loop.tensors()[f"player.one.average-{half}.weights.one"]
            grid = 2 ** math.floor(math.log2(half / 16))
            assert float(average[0]) == pytest.approx(-(1 - 0.5 ** (n // grid * grid / half)), abs=1e-5)
    assert torch.equal(loop.averaged()["weights.one"], loop.tensors()[f"player.one.average-{life}.weights.one"])
    assert float(learner.weights["one"].detach()[0]) == pytest.approx(-1)


def test_a_young_average_looks_back_at_a_twentieth_of_its_life() -> None:
    """So that the first weights do not linger: here each step of 4 pictures halves what came before, or more."""
    learner = Weights(one=player(averages=(10**6,)))
    loop, average = Loop(learner, seed=0), 0.0
    for step in range(1, 41):
        loop.step(batch(loop.seen))
        life = max(1.0, 4 * step * 0.05)
        average += (1 - 0.5 ** (4 / life)) * (-0.1 * step - average)
    assert float(loop.averaged()["weights.one"][0]) == pytest.approx(average, rel=1e-5)


# --- numbers that are none ---------------------------------------------------------------------------------------------


def bad_pictures(learner: Weights, loop: Loop) -> Batch:
    good = batch(loop.seen)
    pictures = good.pictures.clone()
    pictures[1, 2, 3, 4] = math.nan
    return dataclasses.replace(good, pictures=pictures)


def bad_weight(learner: Weights, loop: Loop) -> Batch:
    learner.weights["two"].data[1] = math.inf
    return batch(loop.seen)


def bad_buffer(learner: Weights, loop: Loop) -> Batch:
    learner.ended.fill_(math.nan)
    return batch(loop.seen)


def bad_loss(learner: Weights, loop: Loop) -> Batch:
    learner.losses = lambda name, weights: weights.sum() * (math.nan if name == "two" else 1)
    return batch(loop.seen)


def bad_gradient(learner: Weights, loop: Loop) -> Batch:
    learner.losses = lambda name, weights: (weights - weights.detach()).sqrt().sum() if name == "two" else weights.sum()
    return batch(loop.seen)


def long_gradient(learner: Weights, loop: Loop) -> Batch:
    learner.losses = lambda name, weights: weights.sum() * (2e38 if name == "two" else 1)
    learner.weights["two"].data.zero_()
    return batch(loop.seen)


@pytest.mark.parametrize(
    ("spoil", "who", "cause"),
    [
        (bad_pictures, "one", "the pictures of the batch"),
        (bad_weight, "two", "'weights.two'"),
        (bad_buffer, "one", "'ended'"),
        (bad_loss, "two", "its loss 'sum'"),
        (bad_gradient, "two", "the gradient of 'weights.two'"),
        (long_gradient, "two", "the gradient of 'everything together'"),
    ],
)
def test_a_number_that_is_none_stops_with_step_player_and_cause(
    spoil: Callable[[Weights, Loop], Batch], who: str, cause: str
) -> None:
    learner = Weights(one=player(), two=player())
    loop = Loop(learner, seed=0)
    loop.step(batch(0))
    loop.step(batch(4))
    spoilt = spoil(learner, loop)
    before = learner.weights[who].detach().clone()
    with pytest.raises(TrainingError, match="training stopped at step 2") as caught:
        loop.step(spoilt)
    assert "8 pictures seen" in str(caught.value)
    assert f"player '{who}': {cause}" in str(caught.value)
    assert torch.equal(learner.weights[who], before)
    assert loop.movers[who].turn == 2


def test_of_many_gradients_the_first_bad_one_is_named() -> None:
    learner = diffusion()
    loop = Loop(learner, seed=0)
    loop.step(batch(0))
    hooked: Any = learner.get_parameter("network.norm.weight")
    hooked.register_hook(lambda gradient: gradient * math.nan)
    with pytest.raises(TrainingError, match=r"the gradient of 'network\.norm\.weight' is no number"):
        loop.step(batch(4))


# --- and what is left ---------------------------------------------------------------------------------------------------


def test_a_mistake_in_who_owns_what_is_told_at_once() -> None:
    learner = Weights(one=player(), two=player())
    weights = learner.weights
    for parameters, message in (
        ([weights["one"]], "not so: weights.two"),
        ([weights["one"], weights["two"], weights["two"]], "not so: weights.two"),
        ([weights["one"], weights["two"], nn.Parameter(torch.zeros(1))], "not a trainable one"),
    ):
        wrong = player(parameters=parameters)
        learner.players = lambda wrong=wrong: {"one": wrong}  # type: ignore[method-assign,misc]
        with pytest.raises(ValueError, match=message):
            Loop(learner, seed=0)


def test_torchs_own_draws_resume_too() -> None:
    """Dropout draws from torch's one generator; the loop seeds it by turn."""
    backbone = {"widths": [16], "depths": [1], "attention": [False], "dropout": 0.5}
    loops = [Loop(diffusion(backbone=backbone), seed=0) for _ in range(2)]
    for _ in range(3):
        loops[0].step(batch(loops[0].seen))
    torch.rand(7)
    loops[1].restore(loops[0].tensors(), loops[0].facts())
    for loop in loops:
        loop.step(batch(loop.seen))
    first, second = (loop.tensors() for loop in loops)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_two_loops_share_no_tensor_after_a_restore() -> None:
    first, second = Loop(build("vq"), seed=0), Loop(build("vq"), seed=0)
    first.step(batch(0))
    second.restore(first.tensors(), first.facts())
    before = {name: tensor.clone() for name, tensor in first.tensors().items()}
    second.step(batch(4))
    assert all(torch.equal(before[name], tensor) for name, tensor in first.tensors().items())


def test_a_learner_that_couples_trains_in_one_process() -> None:
    with pytest.raises(TrainingError, match="2 processes cannot share"):
        Loop(build("towers"), seed=0, world=World(0, 2))


def test_progress_tells_means_and_comes_once_more_at_the_end() -> None:
    (word,) = Loop(Weights(one=player()), seed=0).run(STREAM.batches(0, 20, 4, slice(0, 4)), tell=1e9)
    assert word.seen == 20
    assert word.losses["one/sum"] == pytest.approx(-0.4 * (0 + 1 + 2 + 3 + 4) / 5)
    assert word.speed > 0
    every = list(Loop(Weights(one=player()), seed=0).run(STREAM.batches(0, 20, 4, slice(0, 4)), tell=0.0))
    assert [word.seen for word in every] == [4, 8, 12, 16, 20]


def test_precision_is_as_told_or_what_the_device_is_good_at() -> None:
    processor = torch.device("cpu")
    assert reduced_precision(processor, "bfloat16")
    assert not reduced_precision(processor, "float32")
    assert reduced_precision(processor, "auto") == torch.cpu._is_amx_tile_supported()
    assert not reduced_precision(torch.device("mps"), "auto")


def test_an_average_that_a_snapshot_does_not_know_begins_where_the_first_one_is() -> None:
    older, newer = (Loop(Weights(one=player(averages=lives)), seed=0) for lives in ((100,), (100, 400)))
    for _ in range(5):
        older.step(batch(older.seen))
    newer.restore(older.tensors(), older.facts())
    first, added = (newer.tensors()[f"player.one.average-{life}.weights.one"] for life in (100, 400))
    assert torch.equal(first, older.tensors()["player.one.average-100.weights.one"])
    assert torch.equal(added, first)
    newer.step(batch(newer.seen))
    assert added.data_ptr() != first.data_ptr()


class Line(Learner):
    """One matrix product, of 192 numbers a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(192, 5)

    def players(self) -> dict[str, Player]:
        return {"one": player(parameters=list(self.parameters()))}

    def networks(self) -> tuple[nn.Module]:
        return (self.line,)

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        return Loss({"square": self.line(batch.pictures.flatten(1)).square().sum(1)})


def test_what_the_loop_tells_of_its_work() -> None:
    """A product forward and one back, for the weights alone; each of 192 x 5 multiplications and as many additions."""
    loop = Loop(Line(), seed=0)
    told = list(loop.run(STREAM.batches(0, 64, 8, slice(0, 8)), tell=0.0))
    assert [progress.seen for progress in told] == list(range(8, 65, 8))
    for progress in told:
        assert progress.work * 1e12 / progress.speed == pytest.approx(2 * 2 * 192 * 5)
        assert 0 <= progress.waited < 1


class Relay(Learner):
    """A product that learns from 32 pictures, and another that learns after it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = nn.ModuleDict({"first": nn.Linear(192, 5), "second": nn.Linear(192, 7)})

    def players(self) -> dict[str, Player]:
        spans = {"first": (0, 32), "second": (32, 1000)}
        return {name: player(parameters=list(line.parameters())).within(*spans[name]) for name, line in self.lines.items()}

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        return Loss({"square": self.lines[player](batch.pictures.flatten(1)).square().sum(1)})


def test_work_is_that_of_whoever_learns() -> None:
    loop = Loop(Relay(), seed=0)
    told = list(loop.run(STREAM.batches(0, 64, 8, slice(0, 8)), tell=0.0))
    counts = [progress.work * 1e12 / progress.speed for progress in told]
    assert counts == pytest.approx([2 * 2 * 192 * 5] * 4 + [2 * 2 * 192 * 7] * 4)


def test_compiled_networks_learn_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here by the compiler's first half alone, which traces and builds nothing: the second needs a C++ compiler."""
    compile_network, compiled = nn.Module.compile, []

    def traced(module: nn.Module) -> None:
        compiled.append(module)
        compile_network(module, backend="aot_eager")

    monkeypatch.setattr(nn.Module, "compile", traced)
    left = []
    for wish in (False, True):
        torch.manual_seed(0)
        loop = Loop(Line(), seed=0, compiled=wish)
        list(loop.run(STREAM.batches(0, 32, 8, slice(0, 8))))
        left.append(loop.tensors())
    assert compiled == list(loop.learner.networks())
    torch.testing.assert_close(left[0], left[1], rtol=1e-4, atol=1e-5)
