"""A translation put to the test: pictures it never saw, what it makes of them, and what each should have become."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch.nn import functional as F

from danqing.data.gallery import Gallery, Many, of_set
from danqing.data.picture_set import PictureSet
from danqing.errors import TrainingError
from danqing.metrics.baselines import mean
from danqing.metrics.extractor import Extractor
from danqing.metrics.features import Features, Others
from danqing.metrics.measured import Number, mean_of
from danqing.metrics.pairs import nearness
from danqing.metrics.recognition import recognition
from danqing.painters.painter import Painter
from danqing.painters.sides import Sides, sides, told
from danqing.painters.trial import features_of, preparation_of, split_of, style_judge
from danqing.parts.contract import Key
from danqing.words import Doing

Numbers = Int64[np.ndarray, " _"]
AS_THEY_WERE, NEAREST, MEAN = "pictures as they were", "partners of the nearest picture learnt from", "the mean picture"


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """What is to be translated.

    Args:
        whole: the set, prepared for the painter.
        learnt: the sides it learnt from.
        starts: numbers of the pictures to be translated, one for each painting.
        partners: numbers of what each should become; `None` where nobody knows.
        values: what is asked for beside each picture.
    """

    whole: Gallery
    learnt: Sides
    starts: Numbers
    partners: Numbers | None
    values: dict[str, list[Any]]


def task(painter: Painter, pictures: PictureSet, count: int, key: Key) -> Task:
    """Held-out pictures of the style that a painter translates from, or those learnt from where none was held out.

    Args:
        painter: of a family that translates.
        pictures: the set.
        count: paintings at most; no more than there are partners, or pictures where nobody knows partners.
        key: of the draws.
    """
    trained, how = painter.facts.trained, painter.family.translates
    assert how is not None
    start, ends = str(trained["from_style"]), tuple(trained["to_styles"])
    learnt, tried = split_of(painter, pictures)
    if trained.get("held_out") == "pairs":  # what it starts from was not held out
        sources = np.intersect1d(told(pictures, start), np.union1d(learnt, tried))
        learnt, tried = np.union1d(learnt, sources), np.union1d(tried, sources)
    tried = tried if trained.get("held_out") else learnt
    luck = np.random.default_rng(key.generator().initial_seed())
    try:
        found = sides(pictures, tried, start, ends, "pairs")
        rows = np.sort(luck.permutation(len(found.made))[:count])
        partners, starts = found.made[rows], found.starts[np.array(found.of)[rows]]
    except TrainingError:  # nothing has a partner
        found = sides(pictures, tried, start, ends, "sets")
        partners, starts = None, found.starts[np.sort(luck.permutation(len(found.starts))[:count])]
    shown = luck.choice(found.made, len(starts)) if partners is None else partners
    whole = of_set(pictures, preparation_of(painter))
    values = {
        name: [condition.read(pictures.pictures[n], whole.straight(np.array([n]))[0]) for n in shown.tolist()]
        for name, condition in painter.conditions.items()
    }
    return Task(whole, sides(pictures, learnt, start, ends, how), starts, partners, values)


def translated(
    given: Task, painted: Many, mine: Features, see: Extractor, key: Key
) -> Generator[Doing, None, dict[str, dict[str, Number]]]:
    """How near paintings come to their partners, beside what they must beat; and whose hand they are taken for.

    Args:
        given: what was translated.
        painted, mine: the paintings, and their features.
        see: gave the features.
        key: of the resamples.
    """
    whole = given.whole
    known = yield from features_of(whole.take(np.arange(len(whole.places))), see, "looking at the pictures of the set")
    found: dict[str, dict[str, Number]] = {}
    if given.partners is not None:
        yield Doing("comparing with partners", 0, 0)
        rows = {"paintings": painted, AS_THEY_WERE: whole.straight(given.starts)}
        rows[NEAREST] = whole.straight(_nearest(given, known))
        rows[MEAN] = mean(whole.straight(given.learnt.made), len(painted), key)
        found |= {
            f"{measure} to the partner": dict(of) for measure, of in nearness(rows, whole.straight(given.partners), key).items()
        }
    asked = given.values.get("style")
    hands = [whole.pictures[int(given.learnt.made[0])].style] * len(mine) if asked is None else [value[0][0] for value in asked]
    judge = yield from style_judge(whole.take(np.concatenate([given.learnt.starts, given.learnt.made])), see)
    assert judge is not None, "the two sides are in different styles"
    shown = {"paintings": (judge.see.features(painted), hands)}
    rows_of = {AS_THEY_WERE: (given.starts, hands)}
    if given.partners is not None:
        rows_of["real pictures"] = given.partners, [whole.pictures[n].style for n in given.partners.tolist()]
    for name, (numbers, styles) in rows_of.items():
        seen = yield from features_of(whole.take(numbers), judge.see, "looking at the styles of the set")
        shown[name] = seen, styles
    luck = np.random.default_rng(key.at("hands").generator().initial_seed())
    found["taken for the style asked"] = {name: mean_of(judge.right(*pair), luck) for name, pair in shown.items()}
    if given.partners is not None:
        found["recognised"] = dict(_recognised(given, known, mine, hands, key.at("recognised")))
    return found


def _recognised(given: Task, known: Others, mine: Features, hands: list[str], key: Key) -> dict[str, Number]:
    """`recognition` among the concepts that were held out, by classifiers of the same concepts in other styles."""
    assert given.partners is not None
    pictures = given.whole.pictures
    asked: list[str | None] = [pictures[number].concept for number in given.partners.tolist()]
    rows = [number for number, picture in enumerate(pictures) if picture.concept in set(asked)]
    labels: list[str | None] = [pictures[number].concept for number in rows]
    real = known[torch.tensor(rows)], labels, [pictures[number].style for number in rows]
    return recognition((mine, asked, hands), real, key)


def _nearest(given: Task, known: Features) -> Numbers:
    """For each picture to be translated, the partner of the most like it that was learnt from; of the style asked."""
    learnt, whole = given.learnt, given.whole
    assert given.partners is not None
    pairs = np.arange(len(learnt.made)) if learnt.of is None else np.array(learnt.of)
    near = learnt.made if learnt.of is None else learnt.starts[pairs]
    likeness = (
        F.normalize(known[torch.from_numpy(given.starts)].double(), dim=1)
        @ F.normalize(known[torch.from_numpy(near)].double(), dim=1).T
    )
    styles = np.array([whole.pictures[number].style for number in learnt.made.tolist()])
    wanted = np.array([whole.pictures[number].style for number in given.partners.tolist()])
    allowed = torch.from_numpy(wanted[:, None] == styles[None, :])
    rows: Numbers = learnt.made[likeness.masked_fill(~allowed, -2).argmax(1).numpy()]
    return rows
