"""The one training loop. It knows players, not families: `Loop.step` is one batch, `Loop.run` is many."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from danqing.errors import TrainingError
from danqing.parts.contract import Batch, Clock, Key, Learner, Stat, check_players
from danqing.parts.memory import keep_freed
from danqing.parts.movers import Mover
from danqing.parts.operations import Operations
from danqing.parts.precision import Precision, reduced_precision
from danqing.parts.processes import World

COUNTED = 4
"""Pictures by which the operations of a step are counted."""


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """What the loop tells after a step, of the time since the last word.

    Args:
        seen: pictures, since the training began.
        losses: mean of each.
        speed: pictures per second.
        work: operations per second in matrix products and convolutions, of all processes, in TFLOP/s; beside what a device
            is said to do it tells how well it is used.
        waited: share of the time in which the network had no pictures to learn from.
    """

    seen: int
    losses: Mapping[str, float]
    speed: float
    work: float
    waited: float


class Loop:
    """A learner in training.

    Args:
        learner: what is trained; moved to `device`.
        seed: of every draw.
        micro_batch: pictures computed at once; gradients do not depend on it.
        precision: see `reduced_precision`.
        world: the processes that train together; a batch is shared equally among them.
        compiled: `run` compiles the learner's networks.

    Raises:
        TrainingError: several processes would train a learner that ties the pictures of a batch together.
    """

    def __init__(
        self,
        learner: Learner,
        *,
        seed: int,
        micro_batch: int | None = None,
        precision: Precision = "float32",
        device: torch.device | None = None,
        world: World | None = None,
        compiled: bool = False,
    ) -> None:
        self.device, self.world = device or torch.device("cpu"), world or World()
        if learner.couples and self.world.size > 1:
            raise TrainingError(
                f"{type(learner).__name__} ties the pictures of a batch together, so {self.world.size} processes cannot share "
                "one: train it in one process"
            )
        if self.device.type == "cpu":
            keep_freed()
        self.learner = learner.to(self.device)
        self.key, self.micro_batch = Key(seed), micro_batch
        self.reduced = reduced_precision(self.device, precision)
        players = learner.players()
        check_players(players, learner)
        names = {parameter: name for name, parameter in learner.named_parameters()}
        self.movers = {name: Mover(player, [names[p] for p in player.parameters]) for name, player in players.items()}
        self.seen = self.steps = 0
        self.compiled, self.operations = compiled, dict[str, float]()

    def step(self, batch: Batch) -> dict[str, float]:
        """Let every player whose turn it is move once per turn; returns the mean of each named loss."""
        batch, count = batch.to(self.device), len(batch) * self.world.size
        if not self.learner.training:
            self.learner.train()
        told: dict[str, float] = {}
        for name, mover in self.movers.items():
            rests = self.steps % mover.player.every or not mover.player.awake(self.seen)
            for _ in range(0 if rests else mover.player.turns):
                told |= {f"{name}/{part}": value for part, value in self._turn(name, mover, batch, count).items()}
            mover.follow(self.seen + count, count)  # also where it rests: half-lives are in pictures, not in updates
        self.seen, self.steps = self.seen + count, self.steps + 1
        return told

    def _turn(self, name: str, mover: Mover, batch: Batch, count: int) -> dict[str, float]:
        clock, key = Clock(self.seen, mover.turn), self.key.at(name, mover.turn)
        with self._alone(mover):
            sums, stats = self._gradients(name, batch, key, clock, count)
        norm = mover.gradient_norm()
        if not all(map(math.isfinite, (float(norm), *sums.values()))):
            raise TrainingError(self._blame(name, batch, sums))
        mover.move(self.seen, norm)
        for parameter in mover.parameters:  # no other's gradients are on
            parameter.grad = None
        with torch.no_grad():
            self.learner.after(name, stats, key, clock)
        return {part: value / count for part, value in sums.items()} | {"gradient": float(norm)}

    @contextlib.contextmanager
    def _alone(self, mover: Mover) -> Iterator[None]:
        """Only this player's gradients are on: the others are scenery."""
        others = [p for other in self.movers.values() if other is not mover for p in other.parameters]
        for parameter in others:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in others:
                parameter.requires_grad_(True)

    def _gradients(
        self, name: str, batch: Batch, key: Key, clock: Clock, count: int
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """Leave the gradient of the mean loss in the parameters; return sums of losses and stats, over all processes."""
        whole = self.learner.couples or self.micro_batch is None
        names: tuple[str, ...] = ()
        parts: list[Tensor] = []
        stats: list[Mapping[str, Stat]] = []
        for piece in batch.split(len(batch) if whole else self.micro_batch or len(batch)):
            # For torch's own draws (dropout), so that they too resume where they were.
            self._seed(key.at("torch", piece.rows[0]).generator().initial_seed())
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.reduced):
                loss = self.learner.loss(piece, name, key, clock)
            told = torch.stack([part.float() for part in loss.parts.values()])
            (told.sum() / count).backward()  # type: ignore[no-untyped-call]
            names, parts, stats = tuple(loss.parts), [*parts, told.detach()], [*stats, loss.stats]
        self.world.sum_gradients(self.movers[name].parameters)
        sums = self.world.sum(torch.cat(parts, 1).double().sum(1)).tolist()
        reduced = {stat: self._reduce([piece[stat] for piece in stats]) for stat in stats[0]}
        return dict(zip(names, sums, strict=True)), reduced

    def _seed(self, seed: int) -> None:
        """Of torch's generator here; seeding those of all kinds of devices costs more than some steps."""
        if self.device.type == "cpu":
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def _reduce(self, pieces: list[Stat]) -> Tensor:
        tensors = [tensor.detach() for tensor, _ in pieces]
        if pieces[0][1] == "sum":
            return self.world.sum(torch.stack(tensors).sum(0) if len(tensors) > 1 else tensors[0])
        return self.world.gather(torch.cat(tensors))

    def _blame(self, player: str, batch: Batch, sums: Mapping[str, float]) -> str:
        """One sentence for a loss or gradient that is no number: the step, the player and the first cause found."""
        gradients = {name: p.grad for name, p in self.learner.named_parameters() if p.grad is not None}
        bad_pictures = self.world.sum((~torch.isfinite(batch.pictures)).sum())  # of any process: all must tell one cause
        bad_weight, bad_gradient = _endless(self.learner.state_dict()), _endless(gradients)
        bad_part = next((part for part, value in sums.items() if not math.isfinite(value)), None)
        remedy = "go on with precision=float32, or begin anew with a lower learning rate"
        if bad_pictures:
            cause = "the pictures of the batch hold values that are no numbers; check the set with `danqing data check`"
        elif bad_weight:
            cause = f"'{bad_weight}' holds values that are no numbers; delete the newest snapshot and {remedy}"
        elif bad_part:
            cause = f"its loss '{bad_part}' is no number; {remedy}"
        else:
            cause = f"the gradient of '{bad_gradient or 'everything together'}' is no number; {remedy}"
        return f"training stopped at step {self.steps} ({self.seen} pictures seen), player '{player}': {cause}"

    def run(self, batches: Iterator[tuple[int, Batch]], tell: float = 1.0) -> Iterator[Progress]:
        """Step through the batches; a word of progress every `tell` seconds and after the last."""
        sums: dict[str, list[float]] = {}
        began, began_seen, worked = time.monotonic(), self.seen, 0.0

        def word() -> Progress:
            passed = max(1e-9, time.monotonic() - began)
            speed = (self.seen - began_seen) / passed
            counts = (count for name, count in self.operations.items() if self.movers[name].player.awake(began_seen))
            return Progress(self.seen, _means(sums), speed, speed * sum(counts) / 1e12, max(0.0, 1 - worked / passed))

        for _, batch in batches:
            started = time.monotonic()
            if not self.operations:
                self._measure(batch)
            for part, value in self.step(batch).items():
                sums.setdefault(part, []).append(value)
            worked += time.monotonic() - started
            if time.monotonic() - began >= tell:
                yield word()
                sums, began, began_seen, worked = {}, time.monotonic(), self.seen, 0.0
        if sums:
            yield word()

    def _measure(self, batch: Batch) -> None:
        """Count each player's operations of a picture by a few, which move nothing; then compile, which would hide them."""
        few = next(batch.to(self.device).split(COUNTED))
        for name, mover in self.movers.items():
            with self._alone(mover), Operations() as counter:
                self._gradients(name, few, self.key.at("count"), Clock(self.seen, 1), len(few))
            self.operations[name] = counter.count / len(few) * mover.player.turns / mover.player.every
        self.learner.zero_grad()
        for network in self.learner.networks() if self.compiled else ():
            network.compile()

    def tensors(self) -> dict[str, Tensor]:
        """Parameters, buffers, moments and averages: with `facts`, all there is to save."""
        saved = {f"learner.{name}": tensor for name, tensor in self.learner.state_dict().items()}
        for player, mover in self.movers.items():
            saved |= {f"player.{player}.{name}": tensor for name, tensor in mover.tensors().items()}
        return saved

    def facts(self) -> dict[str, Any]:
        """The clocks."""
        turns = {name: mover.turn for name, mover in self.movers.items()}
        return {"seen": self.seen, "steps": self.steps, "turns": turns}

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """The inverse of `tensors` and `facts`."""
        self.learner.load_state_dict(_under("learner", tensors))
        for name, mover in self.movers.items():
            mover.restore(_under(f"player.{name}", tensors), facts["turns"][name])
        self.seen, self.steps = facts["seen"], facts["steps"]

    def averaged(self) -> dict[str, Tensor]:
        """The learner's state with each player's first average in place of its parameters; buffers as they are."""
        state = dict(self.learner.state_dict())
        for mover in self.movers.values():
            if mover.averages:
                first = next(iter(mover.averages.values()))
                state |= dict(zip(mover.names, first, strict=True))
        return state


def _means(sums: Mapping[str, list[float]]) -> dict[str, float]:
    return {part: sum(values) / len(values) for part, values in sums.items()}


def _endless(tensors: Mapping[str, Tensor]) -> str | None:
    """The name of the first that holds an infinity or no number."""
    return next((name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())), None)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
