"""What choosing gains: `python benchmarks/best_of.py PAINTER --count 150 --of 8` prints a Markdown table.

Captions that the painter learnt are painted once, and `--of` times with the best kept, as `danqing paint --best-of` keeps it.
Another judge, which looks through another network (VGG16) and had no say in the choice, tells how often a painting suits its
own words better than 99 others'; beside them stand real pictures that it has not learnt from.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator, Sequence
from typing import Any, TypeVar

import numpy as np

from danqing.choose import paint_best
from danqing.conditions.text import Words
from danqing.data.picture_set import PictureSet
from danqing.data.resample import fitted
from danqing.judge import look, taught, words_of
from danqing.metrics.extractors import extractor
from danqing.metrics.measured import mean_of
from danqing.paint import load
from danqing.painters.start_pictures import from_image
from danqing.painters.trial import features_of, learnt_from
from danqing.parts.contract import Key
from danqing.words import Painting, Wish

T = TypeVar("T")


def result(steps: Generator[Any, None, T]) -> T:
    """What a generator returns, whatever it tells on the way."""
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            found: T = ended.value
            return found


def main() -> None:
    """Paint, choose, ask."""
    parser = argparse.ArgumentParser(description="What choosing among several paintings gains")
    parser.add_argument("painter")
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--of", type=int, default=8)
    parser.add_argument("--judge", default="vgg16", help="the extractor that the other judge looks through")
    given = parser.parse_args()
    session = load(given.painter)
    facts, see = session.painter.facts, extractor(given.judge)
    train = learnt_from(session.painter, PictureSet.open(str(facts.trained["set"]))).train
    judge, looked = result(taught(train, result(features_of(train, see, "looking")), see.name))
    known = words_of(train)
    captions = sorted({value.alternatives[0][0] for value in known if value is not None})
    drawn = np.random.default_rng(0).choice(len(captions), given.count, replace=False)
    size = (facts.size[1], facts.size[0])
    wishes = [Wish(captions[place], size=size, seed=100 * row) for row, place in enumerate(drawn.tolist())]
    chosen = list(paint_best(session, wishes, given.of))[-1]
    assert isinstance(chosen, list)
    luck = np.random.default_rng(0)

    def suits(paintings: Sequence[Painting]) -> str:
        pixels = np.stack([fitted(from_image(painting.image), facts.size, facts.channels) for painting in paintings])
        words = [judge.condition.parse(wish.words) for wish in wishes]
        return str(mean_of(judge.agreement(look(see.features(pixels), iter([pixels])), words, Key("heard")), luck))

    real = [(row, value) for row in judge.examined.tolist() if (value := known[row]) is not None]
    told = [Words(((value.alternatives[0][0], 1.0),)) for _, value in real]
    heard = judge.agreement(looked[[row for row, _ in real]], told, Key("heard"))
    print(f"| {given.count} captions, heard through {see.name} | suits its own words best of 100 |\n|---|---|")
    print(f"| one painting each | {suits(session.paint_all(wishes))} |")
    print(f"| the best of {given.of} | {suits(chosen)} |")
    print(f"| real pictures it has not learnt from | {mean_of(heard, luck)} |")


if __name__ == "__main__":
    main()
