"""Paint several pictures of one wish and keep the one that suits its words best (Ramesh et al. 2021, section 2.4)."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator, Sequence

import numpy as np

from danqing.conditions.things import spoken
from danqing.data.picture_set import PictureSet
from danqing.data.resample import fitted
from danqing.errors import DataError, WishError
from danqing.judge import Judge, look, taught
from danqing.metrics.extractor import Extractor
from danqing.metrics.extractors import extractor
from danqing.paint import Session
from danqing.painters.start_pictures import from_image
from danqing.painters.trial import features_of, learnt_from
from danqing.records.record import noted
from danqing.words import Doing, Painting, Wish


def paint_best(session: Session, wishes: Sequence[Wish], of: int) -> Iterator[Doing | list[Painting]]:
    """Paint `of` pictures of each wish and keep one.

    Args:
        session: who paints.
        wishes: each is painted with its own seed and the `of` - 1 after it.
        of: pictures to choose from, 2 or more.

    Yields:
        What is being done; last, the chosen paintings. Their records say how many there were, how well each suits the words
        (a cosine), and who judged; each is painted again by its own seed alone.

    Raises:
        WishError: there are no words to choose by, or too few to choose from.
        DataError: the set that the painter learnt from, which teaches the judge, is not at hand, or has too few captions.
    """
    if of < 2:
        raise WishError(f"the best of {of} was asked for: give 2 or more")
    if any(not wish.words.strip() for wish in wishes):
        raise WishError("the best was asked for without words, by which it is chosen: say what to paint")
    see = extractor()
    judge = yield from _judge(session, see)
    many = [dataclasses.replace(wish, seed=wish.seed + place) for wish in wishes for place in range(of)]
    yield Doing("painting", 0, 0)
    paintings = session.paint_all(many)
    size, channels = session.painter.facts.size, session.painter.facts.channels
    pixels = np.stack([fitted(from_image(painting.image), size, channels) for painting in paintings])
    words = [judge.condition.parse(spoken(painting.wish.read)) for painting in paintings]
    found = judge.similarity(look(see.features(pixels), iter([pixels])), words)
    chosen = []
    for start in range(0, len(many), of):
        suits = found[start : start + of]
        best = paintings[start + int(suits.argmax())]
        facts = {
            "first_seed": many[start].seed,
            "agreement": [round(float(value), 4) for value in suits],
            "judge": f"contrastive, taught on {session.painter.facts.trained['set']}, {see.name}",
        }
        chosen.append(noted(best, chosen=facts))
    yield chosen


def _judge(session: Session, see: Extractor) -> Generator[Doing, None, Judge]:
    """Of the words of the set that the painter learnt from; taught once, and kept beside the set."""
    painter = session.painter
    name = str(painter.facts.trained.get("set", ""))
    try:
        pictures = PictureSet.open(name)
    except DataError as error:
        raise DataError(
            f"the best is chosen by a judge that learns from the pictures of '{painter.name}', the set '{name}', which is not "
            f"at hand: add it ('danqing data add {name} SOURCE'), or leave --best-of out"
        ) from error
    train = learnt_from(painter, pictures).train
    features = yield from features_of(train, see, "looking at the pictures of the set")
    judge, _ = yield from taught(train, features, see.name)
    return judge
