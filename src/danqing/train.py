"""Training: open the set, build the learner, go on where it stopped, let it see pictures, and leave a painter behind."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import math
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from danqing.conditions.conditioner import begin
from danqing.data.picture_set import PictureSet
from danqing.errors import DanqingError, TrainingError
from danqing.files import alone, png, write_atomically
from danqing.painters.pace import affordable
from danqing.painters.run import Run, make_ready
from danqing.painters.settings import Settings, fingerprint, resolve, run_folder
from danqing.painters.sheet import Distances, distances, grid, paint_values
from danqing.painters.snapshot import Snapshot, newest
from danqing.parts.contract import Family, Key
from danqing.parts.loop import Loop, Progress
from danqing.parts.processes import World
from danqing.parts.symptoms import Symptom, Watch


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
        with _alone(settings.name, world, device):
            painter, seen = yield from _train(pictures, settings, reasons, world, device)
    finally:
        world.leave()
    yield Done(painter, seen)


@contextlib.contextmanager
def _alone(name: str, world: World, device: torch.device) -> Iterator[None]:
    """Two trainings of one run would each write over what the other has learnt; all processes of one are refused together."""
    place = run_folder(name)
    taken = TrainingError(f"the run '{name}' is being trained already: wait for it or stop it, or give --name for a new run")
    refused: DanqingError | None = None
    with contextlib.ExitStack() as held:
        if world.rank == 0:
            try:
                held.enter_context(alone(place.with_name(f".{place.name}.lock"), taken))
            except DanqingError as error:
                refused = error
        if world.sum(torch.tensor(int(refused is not None), device=device)):
            raise refused or taken
        yield


def _train(
    pictures: PictureSet, settings: Settings, reasons: tuple[str, ...], world: World, device: torch.device
) -> Generator[Begun | Progress | Sheet | Noticed, None, tuple[Path, int]]:
    """Train a run that no other process trains; the painter's folder, and how many pictures it has seen."""
    if settings.batch % world.size:
        raise TrainingError(
            f"a batch of {settings.batch} cannot be shared by {world.size} processes: give a multiple of {world.size}"
        )
    with world.in_turn():
        run = make_ready(pictures, settings)
    snapshot = _snapshot(run)
    if settings.seconds is not None:
        settings = settings.model_copy(update={"pictures_seen": _length(run, snapshot, world, device)})
        with world.in_turn():
            run = make_ready(pictures, settings)
    yield Begun(settings, reasons, len(run.chosen), snapshot.facts["seen"] if snapshot else 0)
    if snapshot is None and settings.start_from is None:
        begin(run.family, run.values, Key(settings.seed).at("begin"))
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
    if world.rank == 0:
        run.leave(loop.averaged(), loop.seen)
    return run.painter, loop.seen


def _snapshot(run: Run) -> Snapshot | None:
    """The one to go on from, if this run was begun before."""
    snapshot = newest(run.folder)
    if snapshot is not None and snapshot.facts["settings"] != fingerprint(run.settings):
        raise TrainingError(f"the snapshots in '{run.folder}' belong to other settings: give --name for a new run")
    return snapshot


def _length(run: Run, snapshot: Snapshot | None, world: World, device: torch.device) -> int:
    """Pictures to be seen in the time that was given: measured once, so that who goes on goes as far."""
    if snapshot is not None:
        return int(snapshot.facts.get("length", run.settings.pictures_seen))
    assert run.settings.seconds is not None
    mine = affordable(run, run.settings.seconds * world.size, device) if world.rank == 0 else 0
    return int(world.sum(torch.tensor(mine, device=device)))


def _resume(loop: Loop, run: Run, snapshot: Snapshot) -> None:
    length = snapshot.facts.get("length", run.settings.pictures_seen)
    staged = any(math.isfinite(mover.player.span[1]) for mover in loop.movers.values())
    if staged and length != run.settings.pictures_seen:
        raise TrainingError(
            f"the run '{run.settings.name}' was begun for {length} pictures, which say where its stages turn: go on with "
            f"pictures_seen={length}, or give --name for a new run"
        )
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
    told = {"settings": fingerprint(run.settings), "length": run.settings.pictures_seen}
    Snapshot(loop.tensors(), loop.facts() | told).write(run.folder)
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
    starts = run.begun(places)
    painted = paint_values(painter, values, count, run.settings.size, key, starts)
    told = distances(painted, run.straight(run.chosen[:: max(1, len(run.chosen) // 1000)]), real, key)
    shown = [painted] if run.sides is None or starts is None else [starts, *([real] if painter.examples else []), painted]
    side_by_side = np.stack(shown, 1).reshape(-1, *painted.shape[1:])
    columns = None if len(shown) == 1 else len(shown) * (16 // len(shown))
    picture = grid(side_by_side, max(1, 96 // max(run.settings.size)), columns)
    path = write_atomically(run.folder / "sheets" / f"{loop.seen:09d}.png", png(picture))
    curves.add_scalar("sheet/pixels", told.painted[0], loop.seen)
    curves.add_scalar("sheet/colours", told.painted[1], loop.seen)
    yield Sheet(path, loop.seen, told)
    yield from _notice(watch.sheet(painted, real), curves, loop.seen)
