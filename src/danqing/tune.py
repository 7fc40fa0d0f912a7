"""Tune a painter: which guidance, interval and number of steps paint best, searched on some wishes, proven on others.

The distance is that of pairs (`danqing.metrics.joint`): paintings must look like the set's pictures *and* suit what was asked.
The pictures are quartered: one quarter gives the wishes of the search, one those of the proof, and each has another to be near
to, so that no painting is compared with the picture its wish was taken from. Every setting is tried on the same wishes and
seeds. What is found is written into the painter only where the proof shows a gain beyond chance.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

import danqing
from danqing.data.gallery import Gallery, of_set
from danqing.data.picture_set import PictureSet
from danqing.errors import DataError, PainterError
from danqing.judge import Judge, taught
from danqing.metrics.extractor import DEFAULT, Extractor, extractor
from danqing.metrics.features import Features
from danqing.metrics.joint import joint_distances, pairs
from danqing.metrics.measured import Measured, about
from danqing.painters.painter import Painter, altered, amend, open_painter
from danqing.painters.sheet import paint_values
from danqing.painters.trial import Real, features_of, learnt_from, preparation_of, wishes
from danqing.parts.contract import Key, Values
from danqing.words import Doing

COUNT = 400
"""Paintings by which a setting is judged, unless said otherwise."""
FEWEST = 50
"""Pictures in each quarter."""
AT_ONCE = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Tried:
    """One value of one setting, the others at their best so far: its distance, and the CPU seconds of a painting."""

    setting: str
    value: Any
    distance: Measured
    seconds: float

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**dataclasses.asdict(self), "distance": self.distance.plain()}


@dataclasses.dataclass(frozen=True, slots=True)
class Tuned:
    """What the search found.

    Args:
        before, after: the settings, by name.
        curve: everything tried, in order.
        proof: distances on wishes that the search did not see: "before", "after", and what was "gained".
        kept: whether `after` was written into the painter.
        folder: of the painter.
    """

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    curve: tuple[Tried, ...]
    proof: Mapping[str, Measured]
    kept: bool
    folder: Path

    def plain(self) -> dict[str, Any]:
        """What `tuning.json` holds."""
        return {
            "before": dict(self.before),
            "after": dict(self.after),
            "curve": [tried.plain() for tried in self.curve],
            "proof": {name: number.plain() for name, number in self.proof.items()},
            "kept": self.kept,
        }


@dataclasses.dataclass(frozen=True, eq=False)
class _Ground:
    """Wishes, and pairs of other real pictures and what is said of those."""

    values: Values
    count: int
    told: Float[Tensor, "count said"]
    real: tuple[Features, Float[Tensor, "others said"]]


def tune(
    name: str, data: str | None = None, *, count: int = COUNT, using: str = DEFAULT, seed: int = 0
) -> Iterator[Doing | Tuned]:
    """Search a painter's own settings, and write what is better into it; a painter of the box is copied home first.

    Args:
        name: of the painter.
        data: the set to measure against; the one it was trained on by default.
        count: paintings by which each setting is judged.
        using: an extractor's name.
        seed: of the wishes and the paintings.

    Yields:
        What is being done; last, what was found.

    Raises:
        DataError, PainterError, AssetError: something cannot be read, is too little, or there is nothing to search.
    """
    see, painter = extractor(using), open_painter(name)
    known = painter.family.tunable
    if not known:
        raise PainterError(f"painters of the family '{painter.facts.family}' have no settings to tune")
    key = Key(seed).at("tune")
    pictures = PictureSet.open(data or painter.facts.trained["set"])
    real = learnt_from(painter, pictures, of_set(pictures, preparation_of(painter)))
    judge, features = yield from _seen(real, see)
    grounds = _grounds(painter, real.reference, features, judge, count, key.at("wishes"))
    paint_key, luck = key.at("paint"), key.at("resample")

    def distances(settings: Mapping[str, Any], ground: _Ground) -> tuple[Float[Tensor, " resamples"], float]:
        found, seconds = _painted(altered(painter, settings), ground, see, paint_key)
        both = [pairs(*pair, ground.real) for pair in ((found, ground.told), ground.real)]
        return joint_distances(both[0], both[1], luck), seconds

    def measure(settings: Mapping[str, Any]) -> tuple[Measured, float]:
        found, seconds = distances(settings, grounds[0])
        return _about(found), seconds

    before = {setting: _plain(painter.facts.model[setting]) for setting in known}
    curve = yield from search(known, before, measure)
    after = best(known, before, curve)
    yield Doing("proving it on other wishes", 0, 0)
    first, second = (distances(settings, grounds[1])[0] for settings in (before, after))
    proof = {"before": _about(first), "after": _about(second), "gained": _about(first - second)}
    kept = proof["gained"].low > 0
    told = Tuned(before, after, curve, proof, kept, painter.folder)
    if kept:
        facts = {"count": count, "seed": seed, "extractor": see.name, "danqing": danqing.__version__}
        file = json.dumps(told.plain() | facts, indent=1).encode()
        told = dataclasses.replace(told, folder=amend(name, after, {"tuning.json": file}))
    yield told


def search(
    known: Mapping[str, Sequence[Any]],
    before: Mapping[str, Any],
    measure: Callable[[Mapping[str, Any]], tuple[Measured, float]],
) -> Generator[Doing, None, tuple[Tried, ...]]:
    """Try the values of one setting after the other, each setting with the best of those before it.

    Args:
        known: values to try, by setting.
        before: the settings to begin with; their values are tried too.
        measure: the distance at some settings, and its cost.
    """
    tried: list[Tried] = []
    for setting, values in known.items():
        rest = best(known, before, tried)
        every = sorted({*values, before[setting]})
        for place, value in enumerate(every):
            yield Doing(f"trying {setting} {value}", place, len(every))
            tried.append(Tried(setting, value, *measure({**rest, setting: value})))
    return tuple(tried)


def best(known: Mapping[str, Sequence[Any]], before: Mapping[str, Any], tried: Sequence[Tried]) -> dict[str, Any]:
    """The settings of least distance; of the steps, the fewest within one standard error of it (Breiman et al. 1984)."""
    chosen = dict(before)
    for setting in known:
        rows = [row for row in tried if row.setting == setting]
        if rows:
            least = min(rows, key=lambda row: row.distance.value)
            reach = (least.distance.high - least.distance.value) / 1.96 if setting == "steps" else 0.0
            within = [row for row in rows if row.distance.value <= least.distance.value + reach]
            chosen[setting] = min(within, key=lambda row: row.value).value if setting == "steps" else least.value
    return chosen


def _seen(real: Real, see: Extractor) -> Generator[Doing, None, tuple[Judge | None, Features]]:
    """A judge of the set's words, if it has enough of them, and the features of the pictures set aside."""
    if len(real.reference) < 4 * FEWEST:
        raise DataError(
            f"{len(real.reference)} pictures of '{real.reference.name}' are too few to tune by: {4 * FEWEST} are needed, "
            "half for the search and half for its proof"
        )
    what = "looking at the pictures of the set"
    train = yield from features_of(real.train, see, what)
    features = train if real.reference is real.train else (yield from features_of(real.reference, see, what))
    try:
        judge, _ = yield from taught(real.train, train, see.name)
    except DataError:
        return None, features
    return judge, features


def _grounds(
    painter: Painter, gallery: Gallery, features: Features, judge: Judge | None, count: int, key: Key
) -> tuple[_Ground, _Ground]:
    """Of the search, and of its proof."""
    luck = np.random.default_rng(key.generator().initial_seed())
    quarters = np.array_split(luck.permutation(len(gallery)), 4)
    drawn = [
        wishes(painter, gallery.take(gallery.numbers[quarter]), total, key.at(number))
        for number, (quarter, total) in enumerate(
            zip(quarters, (count, len(quarters[1]), count, len(quarters[3])), strict=True)
        )
    ]
    columns: dict[str, list[Any]] = {name: [value for values, _ in drawn for value in values[name]] for name in drawn[0][0]}
    sizes = [len(places) for _, places in drawn]
    told = torch.split(_told(columns, judge, sum(sizes)), sizes)
    grounds = []
    for wish, real in ((0, 1), (2, 3)):
        seen = features[torch.from_numpy(quarters[real][drawn[real][1]])]
        grounds.append(_Ground(drawn[wish][0], count, told[wish], (seen, told[real])))
    return grounds[0], grounds[1]


def _told(values: Values, judge: Judge | None, count: int) -> Float[Tensor, "count said"]:
    """What is asked, in numbers: words as the judge hears them; of anything else but colours, which value it is."""
    parts = [torch.zeros(count, 0)]
    for name, column in sorted(values.items()):
        if name == "text" and judge is not None:
            rows = [row for row, value in enumerate(column) if value is not None]
            heard = torch.zeros(count, judge.learner.config.width)
            with torch.inference_mode():
                for start in range(0, len(rows), AT_ONCE):
                    part = rows[start : start + AT_ONCE]
                    heard[part] = judge.learner.say([column[row] for row in part])
            parts.append(heard)
        elif name not in ("text", "palette"):
            kinds = sorted({str(value) for value in column})
            # Where all are the same there is nothing to agree with.
            parts.append(torch.eye(len(kinds))[[kinds.index(str(value)) for value in column], : len(kinds) if kinds[1:] else 0])
    return torch.cat(parts, dim=1)


def _painted(painter: Painter, ground: _Ground, see: Extractor, key: Key) -> tuple[Features, float]:
    """Features of the paintings of some wishes, and the CPU seconds of one painting."""
    parts, seconds = [], 0.0
    for start in range(0, ground.count, AT_ONCE):
        values = {name: list(column[start : start + AT_ONCE]) for name, column in ground.values.items()}
        began = time.process_time()
        many = paint_values(painter.family, values, min(AT_ONCE, ground.count - start), painter.facts.size, key.at(start))
        seconds += time.process_time() - began
        parts.append(see.features(many))
    return torch.cat(parts), seconds / ground.count


def _about(distances: Float[Tensor, " resamples"]) -> Measured:
    values = distances.tolist()
    return about(values[0], values[1:])


def _plain(value: Any) -> Any:
    """A value from a file, as the table of values writes it."""
    return tuple(value) if isinstance(value, list) else value
