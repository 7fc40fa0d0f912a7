"""Tune a painter: which average and which settings of painting are best, searched on some wishes, proven on others.

The distance is that of pairs (`danqing.metrics.joint`): paintings must look like the set's pictures *and* suit what was asked.
The pictures are halved, so that the halves show different things, and quartered: one quarter gives the wishes of the search,
one those of the proof, and each has the other quarter of its half to be near to, so that no painting is compared with the
picture its wish was taken from. Every setting is tried on the same wishes and seeds. What is found is written into the painter
only where the proof shows a gain beyond chance.
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
from jaxtyping import Float, Int64
from torch import Tensor

import danqing
from danqing.data.gallery import Gallery
from danqing.data.picture_set import PictureSet
from danqing.errors import DataError, PainterError
from danqing.judge import Judge, taught
from danqing.metrics.extractor import DEFAULT, Extractor
from danqing.metrics.extractors import extractor
from danqing.metrics.features import Features
from danqing.metrics.joint import joint_distances, pairs
from danqing.metrics.measured import Measured, about
from danqing.painters.painter import TUNING, UNTUNED, Painter, altered, amend, open_painter, tuned, untuned, writable
from danqing.painters.run import averages_kept
from danqing.painters.sheet import paint_values
from danqing.painters.trial import Real, features_of, learnt_from, told_of, wishes
from danqing.parts.contract import Key, Values
from danqing.parts.packing import unpack
from danqing.words import Doing

COUNT = 400
"""Paintings by which a setting is judged, unless said otherwise; no more than a quarter of the pictures."""
FEWEST = 50
"""Pictures in each quarter."""
KNOWN = 0.9
"""Share of the held-out pictures whose concept must have been learnt for them to give wishes."""
AVERAGE = "average"
"""The setting that names the average that paints; searched where the run that left the painter is at hand."""
COSTS = ("steps", "spins")
"""Settings of which more takes longer."""
AT_ONCE = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Tried:
    """One value of one setting, the others at their best so far.

    Args:
        setting, value: what was tried.
        distance: how far the paintings are.
        seconds: CPU seconds of a painting.
        resamples: distances of resamples, the same ones for every trial, so that differences can be told from chance.
    """

    setting: str
    value: Any
    distance: Measured
    seconds: float
    resamples: tuple[float, ...] = ()

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "setting": self.setting,
            "value": self.value,
            "distance": self.distance.plain(),
            "seconds": self.seconds,
        }


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
        DataError, PainterError, AssetError, OutputError: something cannot be read or is too little, there is nothing to search,
            or the painter's folder cannot be written to or got other weights while its settings were searched.
    """
    see, painter = extractor(using), open_painter(name)
    if not painter.family.tunable:
        raise PainterError(f"painters of the family '{painter.facts.family}' have no settings to tune")
    kept_averages = averages_kept(painter)
    known: dict[str, Sequence[Any]] = {AVERAGE: tuple(kept_averages)} if len(kept_averages) > 1 else {}
    known |= painter.family.tunable
    if count < FEWEST:
        raise DataError(f"{count} paintings are too few to judge a setting by: give a count of {FEWEST} or more")
    key = Key(seed).at("tune")
    pictures = PictureSet.open(data or painter.facts.trained["set"])
    real = learnt_from(painter, pictures)
    folder = writable(name)
    gallery, features, judge = yield from _seen(real, see)
    grounds = _grounds(painter, gallery, features, judge, count, key.at("wishes"))

    def distances(settings: Mapping[str, Any], number: int) -> tuple[Float[Tensor, " resamples"], float]:
        ground, luck = grounds[number], key.at("luck", number)
        found, seconds = _painted(_set(painter, settings, kept_averages), ground, see, luck.at("paint"))
        both = [pairs(*pair, ground.real) for pair in ((found, ground.told), ground.real)]
        return joint_distances(both[0], both[1], luck.at("resample")), seconds

    def measure(settings: Mapping[str, Any]) -> tuple[Measured, float, tuple[float, ...]]:
        found, seconds = distances(settings, 0)
        return _about(found), seconds, tuple(found[1:].tolist())

    average = {AVERAGE: painter.facts.model[AVERAGE]} if AVERAGE in known else {}
    before = average | {setting: _plain(value) for setting, value in tuned(painter).items()}
    curve = yield from search(known, before, measure)
    after = best(known, before, curve)
    yield Doing("proving it on other wishes", 0, 0)
    first, second = (distances(settings, 1)[0] for settings in (before, after))
    proof = {"before": _about(first), "after": _about(second), "gained": _about(first - second)}
    kept = proof["gained"].low > 0
    told = Tuned(before, after, curve, proof, kept, folder)
    if kept:
        facts: dict[str, Any] = {"count": grounds[0].count, "seed": seed, "extractor": see.name, "danqing": danqing.__version__}
        facts["weights"] = painter.weights_sha256
        facts |= {UNTUNED: untuned(painter)} if (painter.folder / TUNING).is_file() else {}
        file = json.dumps(told.plain() | facts, indent=1).encode()
        other = kept_averages[after[AVERAGE]] if after.get(AVERAGE) != before.get(AVERAGE) else None
        amend(folder, painter.weights_sha256, after, {TUNING: file}, other)
    yield told


def _set(painter: Painter, settings: Mapping[str, Any], averages: Mapping[int, Mapping[str, Tensor]]) -> Painter:
    """The painter at these settings, with the weights of the average that they name."""
    others = {name: value for name, value in settings.items() if name != AVERAGE}
    average = settings.get(AVERAGE, painter.facts.model.get(AVERAGE))
    return altered(painter, others, None if average == painter.facts.model.get(AVERAGE) else unpack(averages[average]))


def search(
    known: Mapping[str, Sequence[Any]],
    before: Mapping[str, Any],
    measure: Callable[[Mapping[str, Any]], tuple[Measured, float, tuple[float, ...]]],
) -> Generator[Doing, None, tuple[Tried, ...]]:
    """Try the values of one setting after the other, each setting with the best of those before it.

    Args:
        known: values to try, by setting.
        before: the settings to begin with; their values are tried too.
        measure: the distance at some settings, its cost, and its resamples.
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
    """The settings of least distance; where nothing is won, those of before.

    Of what costs, the least that is no further away than the best within one standard error of that difference (the rule of
    Breiman et al. 1984, section 3.4.3; the errors are paired, as all were resampled alike).
    """
    chosen = dict(before)
    for setting in known:
        rows = [row for row in tried if row.setting == setting]
        if not rows:
            continue
        least = min(rows, key=lambda row: (row.distance.value, row.value != before[setting]))
        chosen[setting] = least.value
        if setting in COSTS:
            chosen[setting] = min(row.value for row in rows if row.distance.value - least.distance.value <= _error(row, least))
    return chosen


def _error(one: Tried, other: Tried) -> float:
    """The standard error of the difference of two distances."""
    apart = [mine - theirs for mine, theirs in zip(one.resamples, other.resamples, strict=True)]
    return float(np.std(apart, ddof=1)) if len(apart) > 1 else 0.0


def _seen(real: Real, see: Extractor) -> Generator[Doing, None, tuple[Gallery, Features, Judge | None]]:
    """The pictures that give wishes, their features, and a judge of the set's words, if it has enough of them.

    Held-out pictures, if they are enough and the painter knows what they are of; a set that splits by concept holds out words.
    """
    learnt, held = ([name for name in told_of(part)[0] if name is not None] for part in (real.train, real.held_out))
    told = not held or sum(name in set(learnt) for name in held) >= KNOWN * len(held)
    gallery = real.held_out if real.reference is real.held_out and told else real.train
    if len(gallery) < 4 * FEWEST:
        raise DataError(
            f"{len(gallery)} pictures of '{gallery.name}' are too few to tune by: {4 * FEWEST} are needed, "
            "half for the search and half for its proof"
        )
    what = "looking at the pictures of the set"
    train = yield from features_of(real.train, see, what)
    features = train if gallery is real.train else (yield from features_of(gallery, see, what))
    try:
        judge, _ = yield from taught(real.train, train, see.name)
    except DataError:
        return gallery, features, None
    return gallery, features, judge


def _grounds(
    painter: Painter, gallery: Gallery, features: Features, judge: Judge | None, count: int, key: Key
) -> tuple[_Ground, _Ground]:
    """Of the search, and of its proof; with so many wishes, or fewer where either has fewer pictures."""
    luck = np.random.default_rng(key.generator().initial_seed())
    quarters = [part for half in halves(told_of(gallery)[0], len(gallery), luck) for part in np.array_split(half, 2)]
    # No wish twice, or its paintings would be taken for independent ones.
    count = min(count, len(quarters[0]), len(quarters[2]))
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


def halves(
    named: Sequence[str | None], count: int, luck: np.random.Generator
) -> tuple[Int64[np.ndarray, " one"], Int64[np.ndarray, " other"]]:
    """Pictures in two halves that show different things, so that no caption of the search is in its proof, in no style.

    Args:
        named: what each picture is of; `None` where nobody knows, and none at all where pictures are not known.
        count: of the pictures.
        luck: draws.
    """
    order = luck.permutation(count)
    groups: dict[Any, list[int]] = {}
    for place in order.tolist():
        name = named[place] if place < len(named) else None
        groups.setdefault(place if name is None else name, []).append(place)
    one: list[int] = []
    for group in groups.values():
        if len(one) >= count // 2:
            break
        one += group
    taken = set(one)
    other = [place for place in order.tolist() if place not in taken]
    if min(len(one), len(other)) < 2 * FEWEST:  # too few different things: the halves share them
        return order[: count // 2], order[count // 2 :]
    return luck.permutation(np.array(one)), luck.permutation(np.array(other))


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
