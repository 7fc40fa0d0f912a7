"""Measure a painter, or the pictures of any program, against a set: how good, how varied, how much is copied, and how sure.

`evaluate_painter` paints first, wishes drawn from the set; `evaluate_pictures` takes what another program left in a folder.
Both end in `_measure`, which knows pictures only.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

import danqing
from danqing.conditions.text import Words
from danqing.data.gallery import Gallery, Many, of_set, of_source, shape_of
from danqing.data.picture_set import PictureSet, place_of
from danqing.data.prepare import Preparation
from danqing.data.sources import parse
from danqing.errors import DataError, PainterError
from danqing.files import home, png, write_atomically
from danqing.judge import agreement, words_of
from danqing.metrics.baselines import BASELINES
from danqing.metrics.copies import ENOUGH, Copies, copies
from danqing.metrics.extractor import DEFAULT, Extractor
from danqing.metrics.extractors import extractor
from danqing.metrics.features import Features, Others, Thirds
from danqing.metrics.findings import REAL, Finding, caution, of_control, of_copies, of_modes, of_quality, of_words
from danqing.metrics.measured import Number
from danqing.metrics.modes import Modes, modes
from danqing.metrics.neighbours import NEAREST, radii
from danqing.metrics.quality import QUALITY, quality
from danqing.painters.hearing import heard
from danqing.painters.painter import Painter, open_painter, tuned
from danqing.painters.sheet import grid
from danqing.painters.shelf import names as shelf_names
from danqing.painters.translations import task, translated
from danqing.painters.trial import (
    Real,
    Told,
    control,
    features_of,
    learnt_from,
    likelihood,
    paintings,
    recognised,
    told_by,
    told_of,
    truth,
    wishes,
)
from danqing.parts.contract import Key
from danqing.parts.efficientnet import learnt_through
from danqing.records.report import Figure, page
from danqing.words import Doing

FORMAT = 1
COUNT = 1000
"""Paintings that a painter is measured by, unless said otherwise."""
ROW = 1000
"""Pictures in each trivial row, at most."""
SHOWN, PAIRS = 72, 12
"""Pictures on a sheet, and pairs of a painting with what it is closest to, in a report."""


@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
    """All that was measured, and the pictures it was measured on.

    Args:
        facts: whom, against what, with which extractor, seed and versions.
        quality: of the paintings, by name of the number.
        rows: of trivial pictures, by their name.
        agreement: share of pictures whose own words suit them best, of paintings and of real pictures; empty where there
            are no words, or none a judge could learn.
        recognition: share of paintings, and of real pictures, that a classifier of other real pictures takes for what they
            should be, among its first one and five guesses.
        classification: share of real pictures that classifiers get right which learnt from paintings, and from real ones.
        likelihood: bits per value of pictures, where the family has a likelihood.
        truth: on pictures of shapes, the share of paintings that have each fact right, by geometry.
        control: for each condition that can be measured, its miss where it was asked and where it was not, in its unit.
        understood: what paintings are taken for whose words were of (concept, style) pairs held out, or never read.
        copies, modes: memorisation and kinds; `None` where there were too few pictures.
        findings: the faults found.
        painted: the paintings.
        reference, train: the real pictures they were measured against, and those that may have been copied.
    """

    facts: Mapping[str, Any]
    quality: Mapping[str, Number]
    rows: Mapping[str, Mapping[str, Number]]
    agreement: Mapping[str, Number]
    recognition: Mapping[str, Number]
    classification: Mapping[str, Number]
    likelihood: Mapping[str, Number]
    truth: Mapping[str, Number]
    control: Mapping[str, Mapping[str, Number]]
    understood: Mapping[str, Mapping[str, Number]]
    copies: Copies | None
    modes: Modes | None
    findings: tuple[Finding, ...]
    painted: Gallery
    reference: Gallery
    train: Gallery

    def plain(self) -> dict[str, Any]:
        """What `scores.json` holds."""
        return {
            "format": FORMAT,
            **self.facts,
            "quality": _plain(self.quality),
            "rows": {row: _plain(numbers) for row, numbers in self.rows.items()},
            "agreement": _plain(self.agreement),
            "recognition": _plain(self.recognition),
            "classification": _plain(self.classification),
            "likelihood": _plain(self.likelihood),
            "truth": _plain(self.truth),
            "understood": {name: _plain(numbers) for name, numbers in self.understood.items()},
            "control": {name: _plain(numbers) for name, numbers in self.control.items()},
            "copies": None if self.copies is None else self.copies.plain(),
            "modes": None if self.modes is None else self.modes.plain(),
            "findings": [finding.plain() for finding in self.findings],
        }


def _plain(numbers: Mapping[str, Number]) -> dict[str, Any]:
    return {name: number.plain() for name, number in numbers.items()}


def evaluate_pictures(pictures: str, against: str, *, using: str = DEFAULT, seed: int = 0) -> Iterator[Doing | Scores]:
    """Measure the pictures of any program.

    Args:
        pictures: a folder, a zip, or another source of pictures.
        against: a set by name, or likewise a source; a set's held-out pictures are the reference where they are enough.
        using: an extractor's name.
        seed: of the resamples.

    Yields:
        What is being done; last, the scores.

    Raises:
        DataError, AssetError: something cannot be read or is not at hand.
    """
    see, source = extractor(using), parse(pictures)
    height, width, channels = shape_of(source)
    preparation = Preparation(size=(height, width), channels=channels)
    yield Doing("reading the pictures", 0, 0)
    painted = of_source(source, preparation)
    yield Doing("reading what they are measured against", 0, 0)
    real = _real(against, preparation)
    facts = {"pictures": pictures, "left_out": [dataclasses.asdict(item) for item in painted.left_out]}
    key = Key(seed).at("evaluate")
    yield from _measure(painted, words_of(painted), told_of(painted), real, see, key, facts | {"seed": seed})


def evaluate_painter(
    name: str, data: str | None = None, *, count: int = COUNT, using: str = DEFAULT, seed: int = 0
) -> Iterator[Doing | Scores]:
    """Let a painter paint, wishes drawn from the set, and measure what it painted. Stopped on the way, the same call goes on.

    Args:
        name: of the painter.
        data: the set to measure against; the one it was trained on by default.
        count: paintings.
        using: an extractor's name.
        seed: of the wishes, the paintings and the resamples.

    Yields:
        What is being done; last, the scores.

    Raises:
        DataError, PainterError, AssetError: something cannot be read or is not at hand.
    """
    see, painter = extractor(using), open_painter(name)
    if painter.family.starts and (painter.family.translates is None or painter.family.examples):
        raise PainterError(
            f"'{name}' starts from pictures: evaluate what it made of them with --pictures DIR --against SET|DIR"
        )
    pictures = PictureSet.open(data or painter.facts.trained["set"])
    facts = painter.facts
    real = learnt_from(painter, pictures)
    key = Key(seed).at("evaluate")
    if painter.family.translates is not None:
        yield from _evaluate_translation(painter, pictures, real, count, see, key, seed)
        return
    values, rows = wishes(painter, real.train, count, key.at("wishes"))
    same = _digest(painter.weights_sha256, tuned(painter), pictures.manifest.fingerprint, count, seed)
    folder = home() / "scores" / f"{painter.name}-{same}"
    pixels, seconds = yield from paintings(painter, values, count, key.at("paint"), folder)
    known = _known(painter, seed)
    painted = Gallery(painter.name, pixels, [f"painting {i + 1}" for i in range(count)], [], np.arange(count))
    heeded = yield from control(painter, real.train, key.at("control"))
    likely = yield from likelihood(painter, real, key.at("likelihood"))
    exact = truth(painted, [real.train.pictures[place] for place in real.train.numbers[rows]], key.at("truth"))
    asked = values.get("text", [None] * count)
    train = yield from features_of(real.train, see, "looking at the pictures of the set")
    held = yield from features_of(real.held_out, see, "looking at the held-out pictures")
    understood = yield from heard(painter, real, train, held, see, key.at("heard"))
    known |= {"guidance": painter.family.guidance, "size": list(facts.size), "seconds_a_painting": seconds}
    named = told_by(values, real.train, rows)
    yield from _measure(painted, asked, named, real, see, key, known, heeded, understood, exact, likely)


def _evaluate_translation(
    painter: Painter, pictures: PictureSet, real: Real, count: int, see: Extractor, key: Key, seed: int
) -> Iterator[Doing | Scores]:
    """Likewise of a painter that translates: held-out pictures are what it is given."""
    given = task(painter, pictures, count, key.at("wishes"))
    count, name = len(given.starts), painter.name
    same = _digest(painter.weights_sha256, tuned(painter), pictures.manifest.fingerprint, count, seed)
    folder, starts = home() / "scores" / f"{name}-{same}", given.whole.take(given.starts)
    pixels, seconds = yield from paintings(painter, given.values, count, key.at("paint"), folder, starts)
    painted = Gallery(name, pixels, [f"painting {i + 1}" for i in range(count)], [], np.arange(count))
    mine = yield from features_of(painted, see, "looking at the paintings")
    near = yield from translated(given, painted.straight(), mine, see, key.at("translated"))
    told: Told = ([None] * count, [""] * count)  # whether they are recognised is said by `translated`
    facts = _known(painter, seed) | {"size": list(painter.facts.size), "seconds_a_painting": seconds}
    yield from _measure(painted, [None] * count, told, real, see, key, facts, understood=near)


def _real(against: str, preparation: Preparation) -> Real:
    """A set with its parts, or a source of which nothing is known to have been held out."""
    if (place_of(against) / "manifest.json").is_file():
        pictures = PictureSet.open(against)
        whole = of_set(pictures, preparation)
        return Real(whole.take(pictures.split("train")), whole.take(pictures.split("held_out")), learnt=False)
    try:
        source = parse(against)
    except DataError:
        PictureSet.open(against)  # says which sets there are
        raise
    whole = of_source(source, preparation)
    return Real(whole, whole.take(np.arange(0)), learnt=False)


def _measure(
    painted: Gallery,
    asked: Sequence[Words | None],
    named: Told,
    real: Real,
    see: Extractor,
    key: Key,
    facts: Mapping[str, Any],
    control: Mapping[str, Mapping[str, Number]] = MappingProxyType({}),
    understood: Mapping[str, Mapping[str, Number]] = MappingProxyType({}),
    truth: Mapping[str, Number] = MappingProxyType({}),
    likelihood: Mapping[str, Number] = MappingProxyType({}),
) -> Iterator[Doing | Scores]:
    """Everything that can be said of pictures beside real ones."""
    mine = yield from features_of(painted, see, "looking at the paintings")
    train = yield from features_of(real.train, see, "looking at the pictures of the set")
    held = yield from features_of(real.held_out, see, "looking at the held-out pictures")
    against = held if real.reference is real.held_out else train
    agreed = yield from agreement(painted, mine, asked, real.train, train, see, key.at("agreement"))
    recognition, classification = recognised(mine, named, real, train, held, key)
    yield Doing("comparing", 0, 0)
    reach = radii(against) if len(against) > NEAREST else None
    found = quality(mine, against, key, reach)
    rows = yield from _rows(real, train, held, against, see, key, reach)
    likeness = copies(mine, train, held) if len(train) > 2 and len(mine) > 1 else None
    kinds = modes(mine, against) if len(against) >= 100 and len(mine) >= 50 else None
    findings = (
        None if likeness is None else of_copies(likeness),
        None if kinds is None else of_modes(kinds, found, rows),
        of_words(agreed),
        *(of_control(name, numbers) for name, numbers in control.items()),
        of_quality(found, rows),
    )
    told = {
        **facts,
        "count": len(painted),
        "against": {
            "name": real.reference.name,
            "part": "held out" if real.reference is real.held_out else "learnt from",
            "pictures": len(real.reference),
        },
        "extractor": see.name,
        "caution": caution(see.name, facts.get("learnt_through", ())),
        "danqing": danqing.__version__,
        "torch": torch.__version__,
    }
    kept = tuple(finding for finding in findings if finding)
    measured = found, rows, agreed, recognition, classification, likelihood, truth, control, understood, likeness, kinds, kept
    yield Scores(told, *measured, painted, real.reference, real.train)


def _rows(
    real: Real,
    train: Features,
    held: Others,
    against: Thirds,
    see: Extractor,
    key: Key,
    reach: Float[Tensor, " thirds"] | None,
) -> Generator[Doing, None, dict[str, dict[str, Number]]]:
    """The same numbers of what no painter should be proud of, and of real pictures, which none can beat."""
    rows: dict[str, dict[str, Number]] = {}
    pixels = real.reference.straight(np.arange(0, len(real.reference), max(1, len(real.reference) // 2000)))
    for number, (name, make) in enumerate(BASELINES.items()):
        yield Doing("painting trivial pictures", number, len(BASELINES))
        rows[name] = quality(see.features(make(pixels, min(ROW, max(2, len(against))), key.at(name))), against, key, reach)
    luck = np.random.default_rng(key.at("halves").generator().initial_seed())
    order = torch.from_numpy(luck.permutation(len(against)))
    others = train if against is held else held
    if len(others) >= ENOUGH or (against is held and len(others)):
        rows[REAL] = quality(others[torch.from_numpy(luck.permutation(len(others))[:ROW])], against, key, reach)
    elif len(against) > 1:
        half = len(against) // 2
        rows[REAL] = quality(against[order[:half]], against[order[half:]], key)
    rows["copies of the set"] = quality(
        train[torch.from_numpy(luck.integers(0, len(train), min(ROW, len(train))))], against, key, reach
    )
    return rows


def _known(painter: Painter, seed: int) -> dict[str, Any]:
    known = {"painter": painter.name, "weights": painter.weights_sha256, "seed": seed}
    return known | {"learnt_through": sorted(learnt_through(painter.family))}


def _digest(*facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def compare_all(
    names: Sequence[str], data: str | None = None, *, count: int = COUNT, using: str = DEFAULT, seed: int = 0
) -> Iterator[Doing | list[tuple[str, Scores]]]:
    """Measure painters, or other programs' pictures, against one set, all with the same wishes and seeds.

    Args:
        names: of painters, or folders or zips of pictures.
        data: the set; by default the one that the first painter learnt from.
        count, using, seed: as of `evaluate_painter`.

    Yields:
        What is being done; last, the scores of each by name.

    Raises:
        DataError, PainterError, AssetError: something cannot be read or is not at hand.
    """
    rows: list[tuple[str, Scores]] = []
    for name in names:
        if Path(name).exists() and not (Path(name) / "config.json").is_file() and name not in shelf_names():
            if data is None:
                raise DataError(f"'{name}' holds pictures, and no set to measure them against was named: give --data NAME")
            run = evaluate_pictures(name, data, using=using, seed=seed)
        else:
            data = data or open_painter(name).facts.trained["set"]
            run = evaluate_painter(name, data, count=count, using=using, seed=seed)
        for event in run:
            if isinstance(event, Scores):
                rows.append((name, event))
            else:
                yield dataclasses.replace(event, what=f"{name}: {event.what}")
    yield rows


def write(scores: Scores, folder: Path) -> Path:
    """Write `scores.json` and `report.html` into a folder; returns the page.

    Raises:
        OutputError: it cannot be written to.
    """
    facts = scores.plain()
    write_atomically(folder / "scores.json", json.dumps(facts, ensure_ascii=False, indent=1).encode())
    return write_atomically(folder / "report.html", page(facts, QUALITY, list(_figures(scores))).encode())


def _figures(scores: Scores) -> Iterator[Figure]:
    """Paintings beside real pictures, and what shows each fault."""
    for gallery, said in ((scores.painted, "Paintings, unpicked"), (scores.reference, "Real pictures, unpicked")):
        rows = np.linspace(0, len(gallery) - 1, min(SHOWN, len(gallery))).astype(np.int64)
        yield Figure(said, _sheet(gallery.straight(rows)))
    if scores.copies is not None:
        closest = scores.copies.closeness.argsort()[:PAIRS]
        pairs = [g.straight(n.numpy()) for g, n in ((scores.painted, closest), (scores.train, scores.copies.nearest[closest]))]
        yield Figure(
            "The paintings closest to a picture learnt from, each above that picture",
            _sheet(np.concatenate(pairs), len(closest)),
        )
    for finding in scores.findings:
        for numbers, gallery, said in (
            (finding.paintings, scores.painted, "Paintings that show it"),
            (finding.real, scores.train if finding.fault == "copies" else scores.reference, "Real pictures that show it"),
        ):
            if numbers:
                yield Figure(said, _sheet(gallery.straight(np.array(numbers))), finding.fault)


def _sheet(pictures: Many, columns: int | None = None) -> bytes:
    return png(grid(pictures, max(1, 64 // max(pictures.shape[1:3])), columns))
