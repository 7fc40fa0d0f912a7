"""A run: one training on disk, from its settings to the painter it leaves.

runs/NAME/settings.toml        the resolved settings, whole
runs/NAME/snapshot-*           all that going on needs
runs/NAME/start.json           of the painter it started from, if from one: which, and whose pictures it had learnt from
runs/NAME/sheets/*.png         what it painted on the way
runs/NAME/log/                 curves for TensorBoard
"""

from __future__ import annotations

import dataclasses
import functools
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

import danqing
from danqing.conditions.condition import Condition
from danqing.conditions.conditioner import fit
from danqing.conditions.style_pictures import Example, StylePictures
from danqing.conditions.text import TextCondition
from danqing.config import read_toml, write_toml
from danqing.data.picture_set import PictureSet
from danqing.data.prepare import Preparation, Prepared, augment, prepare
from danqing.data.rights import ledger
from danqing.data.stream import Starts, Stream
from danqing.errors import DanqingError, TrainingError, choices
from danqing.files import home, write_atomically
from danqing.painters import sides, starting
from danqing.painters.card import card
from danqing.painters.painter import TUNING, Painter, PainterFacts, open_painter, write
from danqing.painters.registry import build, entry, settings
from danqing.painters.rehearsal import Rehearsal, rehearsed
from danqing.painters.settings import Settings, choose, run_folder
from danqing.painters.snapshot import averages, newest
from danqing.parts.contract import Family, Key
from danqing.parts.low_rank import adapt, folded
from danqing.parts.packing import pack, unpack

STARTED = "start.json"
"""In a run's folder: of the painter it starts from, what is told of it."""


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A training made ready: its stream of pictures, its learner, and where it is kept.

    Args:
        settings: resolved.
        folder: on disk.
        prepared: the pictures at the run's size.
        chosen: numbers of the pictures trained on; the first of `sample` are painted on sheets.
        conditions: by name.
        values: what each condition read from each chosen picture.
        family: in training.
        rehearsal: what else it learns from.
        sides: of a translation.
        start: of the painter it starts from, what is told of it: name, weights (sha256), trained, attributions.
        base: that painter.
    """

    settings: Settings
    folder: Path
    pictures: PictureSet
    prepared: Prepared
    chosen: np.ndarray[Any, np.dtype[np.int64]]
    conditions: Mapping[str, Condition[Any]]
    values: Mapping[str, list[Any]]
    family: Family
    rehearsal: Rehearsal | None = None
    sides: sides.Sides | None = None
    start: Mapping[str, Any] | None = None
    base: Painter | None = None

    def stream(self, device: torch.device) -> Stream:
        """The order of pictures, which an accelerator may hold."""
        s = self.settings
        change = functools.partial(augment, flip=s.flip, shift=s.shift) if s.flip or s.shift else None
        pixels, values, starts = self.prepared.pixels[self.chosen], self.values, None
        if self.sides is not None:
            starts = Starts(self.prepared.pixels[self.sides.starts], self.sides.of)
        if self.rehearsal is not None and self.family.refines:
            starts = Starts(self.rehearsal.pixels)
        elif self.rehearsal is not None:
            pixels, values = self.rehearsal.beside(pixels, values)

        def draw(name: str, value: Any, key: Key) -> Any:
            return self.conditions[name].draw(value, key)

        return Stream(pixels, values, draw, s.seed, change, device, starts)

    def sample(self, count: int) -> tuple[np.ndarray[Any, np.dtype[np.int64]], dict[str, list[Any]]]:
        """Pictures whose conditions the sheets ask for, the same all through the run: their places, and their values."""
        key = Key(self.settings.seed).at("sheet")
        places = np.array(key.generator().initial_seed() % len(self.chosen) + np.arange(count) * 7919) % len(self.chosen)
        if self.family.examples:
            shown = zip(places.tolist(), self.straight(self.chosen[places]), strict=True)
            return places, {StylePictures.name: [(Example(str(place), 1.0, pixels),) for place, pixels in shown]}
        drawn = {
            name: [None if column[p] is None else self.conditions[name].draw(column[p], key.at(name, int(p))) for p in places]
            for name, column in self.values.items()
        }
        return places, drawn

    def begun(self, places: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.uint8]] | None:
        """What these of the chosen pictures are painted from, as `straight` gives it; `None` where that is nothing."""
        if self.sides is None:
            return self.straight(self.chosen[places]) if self.family.starts else None
        starts = self.sides.starts
        if self.sides.of is None:
            return self.straight(starts[places % len(starts)])
        return self.straight(starts[np.array(self.sides.of)[places]])

    def straight(self, numbers: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """These pictures of the set at the run's size, (pictures, height, width, channels) uint8 with straight alpha."""
        return np.stack([self.prepared.straight(number) for number in numbers.tolist()])

    def painter_facts(self, seen: int) -> PainterFacts:
        """What the painter's `config.json` says after `seen` pictures."""
        s = self.settings
        states = {name: condition.state() for name, condition in self.conditions.items()}
        trained = {
            "set": self.pictures.name,
            "fingerprint": self.pictures.manifest.fingerprint,
            "pictures": len(self.chosen),
            "seen": seen,
            "length": s.pictures_seen,
            "seed": s.seed,
            "held_out": s.held_out,
            "groups": s.groups,
            "from_style": s.from_style,
            "to_styles": s.to_styles,
            "preparation": self.prepared.preparation.plain(),
            "licences": dict(ledger(self.pictures).licences),
            "danqing": danqing.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        }
        if self.start is not None:
            trained["start"] = {name: self.start[name] for name in ("name", "weights", "trained")}
        model = settings(s.family, s.model).plain()
        return PainterFacts(
            name=s.name,
            family=s.family,
            model=model,
            channels=s.channels,
            size=s.size,
            shown=s.shown,
            conditions=states,
            trained=trained,
        )

    @property
    def painter(self) -> Path:
        """The folder of the painter it leaves."""
        return home() / "painters" / self.settings.name

    def leave(self, weights: Mapping[str, torch.Tensor], seen: int) -> Path:
        """Write the painter as it is now, with the run's settings: tuned ones were for other weights. Returns its folder."""
        folder, facts, left = self.painter, self.painter_facts(seen), folded(weights)
        (folder / TUNING).unlink(missing_ok=True)
        write(
            folder,
            facts,
            left if self.base is None else starting.drawn_back(left, self.base.family, self.settings.kept),
            # How many pictures that time was has been measured: who trains it again sees as many.
            card(facts, self._attributions(), self.settings.model_copy(update={"seconds": None}).plain()),
            self.settings.stored,
        )
        return folder

    def _attributions(self) -> str:
        """Whose pictures it and the painter it started from learnt from, each said once."""
        mine = ledger(self.pictures).attributions()
        known = {line for line in mine.splitlines() if line}
        theirs = [line for line in self.start["attributions"].splitlines() if line not in known] if self.start else []
        return "\n".join([mine, *theirs, ""]) if any(theirs) else mine


def make_ready(pictures: PictureSet, s: Settings) -> Run:
    """Prepare pictures, read conditions and build the learner.

    Raises:
        TrainingError: nothing is left to train on, or the run exists with other settings.
    """
    folder = run_folder(s.name)
    before = _before(folder, s)
    torch.manual_seed(Key(s.seed).at("weights").generator().initial_seed())  # first weights are drawn by torch's own layers
    torch.set_num_threads(s.threads)
    preparation = Preparation(
        size=s.size, channels=s.channels, fit=s.fit, background=s.background, denoise=s.denoise, segment=s.segment
    )
    prepared = prepare(pictures, preparation)
    chosen, beside = choose(pictures, s), None
    kind = entry(s.family).family
    if kind.translates is not None:
        assert s.from_style is not None
        assert s.to_styles is not None
        beside = sides.sides(pictures, chosen, s.from_style, s.to_styles, kind.translates, apart=not kind.examples)
        chosen = beside.made
    base = open_painter(s.start_from) if s.start_from else None
    alone = {"rehearse": s.rehearse, "low_rank": s.low_rank, "kept": s.kept, "model.few": s.model.get("few")}
    if base is None and (wrong := next((name for name, value in alone.items() if value), None)):
        raise TrainingError(f"the setting {wrong} needs a painter to start from: give --from NAME, or leave it out")
    if s.rehearse and kind.starts:
        raise TrainingError("the setting rehearse was given, and the family paints nothing from memory: leave it out")
    if kind.refines and (s.low_rank or s.kept or not s.rehearse):
        raise TrainingError(
            "a refiner learns whole, from the painter's paintings: leave out low_rank and kept, and rehearse some (400)"
        )
    start = None if base is None else _start(folder, base, s.name)
    conditions = _conditions(pictures, chosen, s, base)
    values = {
        name: [c.read(pictures.pictures[i], prepared.straight(i)) for i in chosen.tolist()] for name, c in conditions.items()
    }
    family = build(s.family, settings(s.family, s.model), conditions, s.channels, s.pictures_seen, s.size)
    rehearsal = None
    if base is not None:
        weights, theirs = dict[str, torch.Tensor](), base.family.state_dict()
        if not kind.refines:
            weights = starting.grown(family, base.family, base.name)
            family.load_state_dict(weights)
        family.taught_by(base.family)
        if s.low_rank:
            new = (key for key, tensor in weights.items() if key not in theirs or theirs[key].shape != tensor.shape)
            adapt(family, s.low_rank, frozenset(new))
        if s.rehearse:
            shown = [value for value in values["style"] if value] if kind.refines and "style" in values else ()
            rehearsal = rehearsed(base, conditions, s.rehearse, Key(s.seed).at("rehearsal"), folder, shown)
    # Only now that nothing is missing: a run that could not begin leaves no settings behind for the next try to differ from.
    if before != s:
        write_atomically(folder / "settings.toml", write_toml(s.plain()))
    if start is not None:
        write_atomically(folder / STARTED, json.dumps(start).encode())
    return Run(s, folder, pictures, prepared, chosen, conditions, values, family, rehearsal, beside, start, base)


def _start(folder: Path, base: Painter, name: str) -> dict[str, Any]:
    """What is told of the painter that a run starts from, as it was when it was begun."""
    if name == base.name:
        raise TrainingError(
            f"the run '{name}' starts from the painter of its name and would write over it: give another --name"
        )
    kept = folder / STARTED
    if not kept.is_file():
        told = {"name": base.name, "weights": base.weights_sha256, "trained": base.facts.trained}
        return told | {"attributions": base.attributions}
    start: dict[str, Any] = json.loads(kept.read_text(encoding="utf8"))
    if start["weights"] != base.weights_sha256:
        raise TrainingError(
            f"the painter '{base.name}' has other weights than when the run '{name}' started from it: give --name for a new run"
        )
    return start


def _conditions(
    pictures: PictureSet, chosen: np.ndarray[Any, np.dtype[np.int64]], s: Settings, base: Painter | None
) -> dict[str, Condition[Any]]:
    """What to learn: of the base's conditions, or of those that the chosen pictures have something of, the ones asked for."""
    if not entry(s.family).family.conditional:
        if s.conditions or s.text:
            raise TrainingError(f"the family '{s.family}' heeds no conditions: leave out the settings conditions and text")
        return {}
    if entry(s.family).family.examples:
        if s.text or set(s.conditions or ()) - {StylePictures.name}:
            raise TrainingError(f"the family '{s.family}' heeds styles by example alone: leave out conditions and text")
        return {StylePictures.name: StylePictures()}
    shown = [pictures.pictures[i] for i in chosen]
    # Who teaches few steps teaches what it knows, and who is refined stays as it is.
    fresh = base is None or not (s.model.get("few") or entry(s.family).family.refines)
    if base is None:
        conditions = fit(shown, s.text)
    else:
        conditions = starting.widened(base.conditions, shown, pictures.name) if fresh else dict(base.conditions)
    if s.conditions is not None:
        wrong = next((name for name in s.conditions if name not in conditions), None)
        if wrong is not None:
            raise TrainingError(f"the set '{s.data}' has no condition '{wrong}': {choices(wrong, conditions)}")
        conditions = {name: conditions[name] for name in s.conditions}
    if fresh:
        conditions = {
            name: condition.learnt_from(shown, lambda place: pictures.raw(int(chosen[place])))
            for name, condition in conditions.items()
        }
    words = conditions.get("text")
    found = words.network if isinstance(words, TextCondition) else "no network, for it learns no words"
    if s.text not in (None, found):
        raise TrainingError(
            f"the setting text = '{s.text}' was given, but in this training words are read by {found}: leave it out"
        )
    return conditions


def _before(folder: Path, s: Settings) -> Settings | None:
    """The settings a run was begun with, if it was; refuse to go on with others."""
    path = folder / "settings.toml"
    if not path.is_file():
        return None
    before = Settings.read(read_toml(path), str(path))
    old, new = before.bound(), s.bound()
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    if changed:
        raise TrainingError(
            f"the run '{s.name}' was begun with another '{changed[0]}' ({old.get(changed[0])!r}, now "
            f"{new.get(changed[0])!r}): give the same settings to go on, or --name for a new run"
        )
    return before


def averages_kept(painter: Painter) -> dict[int, dict[str, torch.Tensor]]:
    """Weights that a painter could paint with, packed as its own are, by the half-life of their average; its own among them.

    They are in the newest snapshot of its run. Where that is gone, or went on since, there are none.
    """
    folder, mine = run_folder(painter.name), painter.family.state_dict()
    try:
        s = Settings.read(read_toml(folder / "settings.toml"), str(folder))
        base = open_painter(s.start_from).family if s.start_from and s.kept else None
        snapshot = newest(folder)
    except (OSError, DanqingError):
        return {}
    states = averages(snapshot) if snapshot else {}
    if base is not None:
        states = {life: starting.drawn_back(state, base, s.kept) for life, state in states.items()}
    found = {life: pack(state, s.stored) for life, state in states.items()}
    own = unpack(found.get(painter.facts.model.get("average", 0), {}))
    same = own.keys() == mine.keys() and all(torch.equal(own[name], mine[name].cpu()) for name in mine)
    return found if same else {}
