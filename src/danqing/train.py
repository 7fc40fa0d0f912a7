"""The one training loop, and the verb around it.

The loop knows players, not families. It reads from top to bottom: `Loop.step` is one batch, `Loop.run` is many, `train` opens
the set, builds the learner, resumes, runs, and leaves a painter behind.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from danqing.data.picture_set import PictureSet
from danqing.errors import TrainingError
from danqing.files import write_atomically
from danqing.painters.run import Run, Settings, fingerprint, make_ready, resolve
from danqing.painters.sheet import Distances, distances, grid, paint_values, png
from danqing.painters.snapshot import Snapshot, newest
from danqing.parts.contract import Batch, Clock, Family, Key, Learner, Loss, check_players
from danqing.parts.movers import Mover
from danqing.parts.operations import Operations
from danqing.parts.precision import Precision, reduced_precision
from danqing.parts.processes import World
from danqing.parts.symptoms import Symptom, Watch

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
        self.learner = learner.to(self.device)
        self.key, self.micro_batch = Key(seed), micro_batch
        self.reduced = reduced_precision(self.device, precision)
        players = learner.players()
        check_players(players, learner)
        names = {parameter: name for name, parameter in learner.named_parameters()}
        self.movers = {name: Mover(player, [names[p] for p in player.parameters]) for name, player in players.items()}
        self.seen = self.steps = 0
        self.compiled, self.measured, self.operations = compiled, False, 0.0

    def step(self, batch: Batch) -> dict[str, float]:
        """Let every player whose turn it is move once per turn; returns the mean of each named loss."""
        batch, count = batch.to(self.device), len(batch) * self.world.size
        self.learner.train()
        told: dict[str, float] = {}
        for name, mover in self.movers.items():
            rests = self.steps % mover.player.every or not mover.player.span[0] <= self.seen < mover.player.span[1]
            for _ in range(0 if rests else mover.player.turns):
                told |= {f"{name}/{part}": value for part, value in self._turn(name, mover, batch, count).items()}
            mover.follow(self.seen + count, count)  # also where it rests: half-lives are in pictures, not in updates
        self.seen, self.steps = self.seen + count, self.steps + 1
        return told

    def _turn(self, name: str, mover: Mover, batch: Batch, count: int) -> dict[str, float]:
        clock, key = Clock(self.seen, mover.turn), self.key.at(name, mover.turn)
        self.learner.zero_grad()
        with self._alone(mover):
            sums, stats = self._gradients(name, batch, key, clock, count)
        norm = mover.gradient_norm()
        if not all(map(math.isfinite, (float(norm), *sums.values()))):
            raise TrainingError(self._blame(name, batch, sums))
        mover.move(self.seen, norm)
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
        losses: list[Loss] = []
        for piece in batch.split(len(batch) if whole else self.micro_batch or len(batch)):
            # For torch's own draws (dropout), so that they too resume where they were.
            torch.manual_seed(key.at("torch", piece.rows[0]).generator().initial_seed())
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.reduced):
                loss = self.learner.loss(piece, name, key, clock)
            total = torch.stack([part.float().sum() for part in loss.parts.values()]).sum()
            (total / count).backward()  # type: ignore[no-untyped-call]
            losses.append(Loss({part: value.detach() for part, value in loss.parts.items()}, loss.stats))
        self.world.sum_gradients(self.movers[name].parameters)
        parts = torch.stack([torch.cat([loss.parts[part] for loss in losses]).double().sum() for part in losses[0].parts])
        sums = dict(zip(losses[0].parts, self.world.sum(parts).tolist(), strict=True))
        return sums, {stat: self._reduce([loss.stats[stat] for loss in losses]) for stat in losses[0].stats}

    def _reduce(self, pieces: list[tuple[Tensor, Literal["sum", "gather"]]]) -> Tensor:
        tensors = [tensor.detach() for tensor, _ in pieces]
        if pieces[0][1] == "sum":
            return self.world.sum(torch.stack(tensors).sum(0))
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
            return Progress(self.seen, _means(sums), speed, speed * self.operations / 1e12, max(0.0, 1 - worked / passed))

        for _, batch in batches:
            started = time.monotonic()
            if not self.measured:
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
        """Count the operations of a picture by a few, which move nothing; then compile, which would hide them."""
        self.measured = True
        few = next(batch.to(self.device).split(COUNTED))
        for name, mover in self.movers.items():
            with self._alone(mover), Operations() as counter:
                self._gradients(name, few, self.key.at("count"), Clock(self.seen, 1), len(few))
            self.operations += counter.count / len(few) * mover.player.turns / mover.player.every
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


# --- the verb ----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Begun:
    """The training is ready: its settings, why they are so, how many pictures it trains on, and how many it has seen."""

    settings: Settings
    reasons: tuple[str, ...]
    pictures: int
    seen: int


@dataclasses.dataclass(frozen=True, slots=True)
class Sheet:
    """A sample sheet was painted."""

    path: Path
    seen: int
    distances: Distances


@dataclasses.dataclass(frozen=True, slots=True)
class Noticed:
    """Something is wrong with the training."""

    symptom: Symptom
    seen: int


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """The training is over; the painter is here."""

    painter: Path
    seen: int


def train(data: str, given: Mapping[str, Any]) -> Iterator[Begun | Progress | Sheet | Noticed | Done]:
    """Train a painter on a set; the same call goes on where it was stopped.

    Args:
        data: name or folder of a prepared set.
        given: settings that differ from what is proposed from the data; see `Settings`.

    Yields:
        What happens, as it happens. Between two yields the loop works; whoever stops listening stops the training.

    Raises:
        DataError, ConfigError, TrainingError: it cannot start or go on.
    """
    pictures = PictureSet.open(data)
    settings, reasons = resolve(pictures, given)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    world = World.join(device)
    try:
        if settings.batch % world.size:
            raise TrainingError(
                f"a batch of {settings.batch} cannot be shared by {world.size} processes: give a multiple of {world.size}"
            )
        with world.in_turn():
            run = make_ready(pictures, settings)
        snapshot = _snapshot(run)
        yield Begun(settings, reasons, len(run.chosen), snapshot.facts["seen"] if snapshot else 0)
        if snapshot is None and settings.start_from is None:
            run.family.begin(run.values, Key(settings.seed).at("begin"))
        loop = Loop(
            run.family,
            seed=settings.seed,
            micro_batch=settings.micro_batch,
            precision=settings.precision,
            device=device,
            world=world,
            compiled=device.type == "cuda" if settings.compiled == "auto" else settings.compiled,
        )
        if snapshot is not None:
            _resume(loop, run, snapshot)
        yield from _work(loop, run)
    finally:
        world.leave()
    if world.rank == 0:
        run.leave(loop.averaged(), loop.seen)
    yield Done(run.painter, loop.seen)


def _snapshot(run: Run) -> Snapshot | None:
    """The one to go on from, if this run was begun before."""
    snapshot = newest(run.folder)
    if snapshot is not None and snapshot.facts["settings"] != fingerprint(run.settings):
        raise TrainingError(f"the snapshots in '{run.folder}' belong to other settings: give --name for a new run")
    return snapshot


def _resume(loop: Loop, run: Run, snapshot: Snapshot) -> None:
    try:
        loop.restore(snapshot.tensors, snapshot.facts)
    except (KeyError, RuntimeError) as error:
        raise TrainingError(
            f"the snapshots in '{run.folder}' fit another network ({error}): give --name for a new run"
        ) from error


def _work(loop: Loop, run: Run) -> Iterator[Progress | Sheet | Noticed]:
    """The loop with its clockwork around it: curves, sheets, snapshots. Only the first process writes."""
    s, first = run.settings, loop.world.rank == 0
    curves = SummaryWriter(str(run.folder / "log"), purge_step=loop.seen + 1) if first else None
    batches = run.stream(loop.device).batches(loop.seen, s.pictures_seen, s.batch, loop.world.share(s.batch))
    saved, watch = time.monotonic(), Watch(game=len(loop.movers) > 1)
    due = _next_sheet(loop.seen, s)
    for progress in loop.run(batches):
        yield progress
        if curves is None:
            continue
        for name, value in progress.losses.items():
            curves.add_scalar(name, value, progress.seen)
        curves.add_scalar("pictures per second", progress.speed, progress.seen)
        for name, value in loop.learner.readings().items():
            curves.add_scalar(name, value, progress.seen)
        curves.add_scalar("TFLOP per second", progress.work, progress.seen)
        curves.add_scalar("share of time without pictures", progress.waited, progress.seen)
        yield from _notice(watch.word(progress.losses, loop.learner.symptoms()), curves, progress.seen)
        if progress.seen >= due:
            yield from _sheets(loop, run, curves, watch)
            due = _next_sheet(progress.seen, s)
        if time.monotonic() - saved >= s.save_minutes * 60 or progress.seen >= s.pictures_seen:
            curves.flush()
            _save(loop, run)
            saved = time.monotonic()
    if curves is not None:
        curves.close()


def _save(loop: Loop, run: Run) -> None:
    """A snapshot to go on from, and the painter as it is, to try while it learns."""
    Snapshot(loop.tensors(), loop.facts() | {"settings": fingerprint(run.settings)}).write(run.folder)
    run.leave(loop.averaged(), loop.seen)


def _next_sheet(seen: int, s: Settings) -> float:
    """When the next sheet is due: `sheets` of them, evenly spread, the last at the end."""
    if not s.sheets:
        return math.inf
    apart = s.pictures_seen / s.sheets
    return apart * (math.floor(seen / apart + 1e-9) + 1)


def _notice(symptoms: Iterable[Symptom], curves: SummaryWriter, seen: int) -> Iterator[Noticed]:
    """Tell symptoms, here and beside the curves."""
    for symptom in symptoms:
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in symptom.evidence.items())
        curves.add_text("noticed", f"{symptom.name}: {symptom.sentence} ({numbers})", seen)
        yield Noticed(symptom, seen)


def _sheets(loop: Loop, run: Run, curves: SummaryWriter, watch: Watch, count: int = 64) -> Iterator[Sheet | Noticed]:
    """Paint a sheet with the averaged weights, measure it, write it."""
    if not isinstance(loop.learner, Family):
        return
    painter = copy.deepcopy(loop.learner).eval()
    painter.load_state_dict(loop.averaged())
    key = Key(run.settings.seed).at("sheet")
    places, values = run.sample(count)
    real = run.straight(run.chosen[places])
    painted = paint_values(painter, values, count, run.settings.size, key, real if painter.starts else None)
    told = distances(painted, run.straight(run.chosen[:: max(1, len(run.chosen) // 1000)]), real, key)
    picture = grid(painted, scale=max(1, 96 // max(run.settings.size)))
    path = write_atomically(run.folder / "sheets" / f"{loop.seen:09d}.png", png(picture))
    curves.add_scalar("sheet/pixels", told.painted[0], loop.seen)
    curves.add_scalar("sheet/colours", told.painted[1], loop.seen)
    yield Sheet(path, loop.seen, told)
    yield from _notice(watch.sheet(painted, real), curves, loop.seen)
