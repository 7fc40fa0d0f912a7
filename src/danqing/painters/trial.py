"""A painter put to the test: which pictures it learnt from, what it is asked for, and what it then paints."""

from __future__ import annotations

import dataclasses
import io
import json
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8

from danqing.conditions.condition import Condition
from danqing.data.gallery import Gallery, Many, of_set
from danqing.data.geometry import FACTS, measure
from danqing.data.lookalikes import concept
from danqing.data.picture_set import PictureSet
from danqing.data.prepare import Preparation
from danqing.files import write_atomically
from danqing.maths.colour import premultiply
from danqing.metrics.copies import ENOUGH
from danqing.metrics.extractor import Extractor
from danqing.metrics.features import Features, Others, Thirds
from danqing.metrics.measured import Number, Refused, mean_of
from danqing.metrics.recognition import classification_accuracy, recognition
from danqing.metrics.styles import StyleJudge, style_extractor
from danqing.painters.painter import Painter
from danqing.painters.sheet import paint_keyed, paint_values
from danqing.parts.contract import Batch, Key, Keys
from danqing.words import Doing, Picture

AT_ONCE = 64
CONTROLLED, GRADED = 64, 16
"""Paintings that show whether a condition is heeded, and wishes whose grades show whether more is painted for more."""


def preparation_of(painter: Painter) -> Preparation:
    """How the pictures of its set were prepared for this painter."""
    learnt = painter.facts.trained.get("preparation", {})
    return Preparation.read({"size": painter.facts.size, "channels": painter.facts.channels, **learnt})


@dataclasses.dataclass(frozen=True, eq=False)
class Real:
    """The real side: what was learnt from, what was not, and which of the two numbers are measured against."""

    train: Gallery
    held_out: Gallery
    learnt: bool = True
    """Whether `train` was learnt from for certain; of other programs nobody knows."""

    @property
    def reference(self) -> Gallery:
        """The held-out pictures where they are enough, so that copies are not rewarded; else those learnt from."""
        return self.held_out if len(self.held_out) >= ENOUGH else self.train


def split_of(painter: Painter, pictures: PictureSet) -> tuple[Int64[np.ndarray, " learnt"], Int64[np.ndarray, " held"]]:
    """Numbers of what a painter learnt from, and of what was held out from it; of its groups alone."""
    trained = painter.facts.trained
    groups = trained.get("groups")
    chosen = np.array([groups is None or p.facts.get("group") in groups for p in pictures.pictures], bool)
    held = np.zeros(len(pictures), bool)
    if trained.get("held_out", False):
        held[pictures.split("held_out", "pair" if trained["held_out"] == "pairs" else None)] = True
    return np.flatnonzero(chosen & ~held), np.flatnonzero(chosen & held)


def learnt_from(painter: Painter, pictures: PictureSet) -> Real:
    """What of a set this painter learnt from, and what was held out from it, as it is prepared for this painter.

    Of one that translates, what it makes and not what it makes it from.
    """
    whole, made = of_set(pictures, preparation_of(painter)), painter.facts.trained.get("to_styles")
    learnt, held = (
        np.array([number for number in part.tolist() if made is None or pictures.pictures[number].style in made], np.int64)
        for part in split_of(painter, pictures)
    )
    return Real(whole.take(learnt), whole.take(held))


def features_of(gallery: Gallery, see: Extractor, what: str) -> Generator[Doing, None, Features]:
    """Features of a gallery, kept beside its pictures where these have a home; `what` says what is being done."""
    kept = None if gallery.folder is None else gallery.folder / f"features-{see.digest}.npy"
    if kept is not None and kept.is_file():
        return torch.from_numpy(np.load(kept)[gallery.numbers])
    whole = gallery if kept is None else gallery.take(np.arange(len(gallery.places)))
    parts = []
    for start in range(0, len(whole), AT_ONCE):
        yield Doing(what, start, len(whole))
        parts.append(see.features(whole.straight(slice(start, start + AT_ONCE))))
    found = torch.cat(parts) if parts else torch.zeros(0, see.width)
    if kept is None:
        return found
    with io.BytesIO() as file:
        np.save(file, found.numpy())
        write_atomically(kept, file.getvalue())
    return found[torch.from_numpy(gallery.numbers)]


def style_judge(gallery: Gallery, see: Extractor) -> Generator[Doing, None, StyleJudge | None]:
    """Who tells the styles of these pictures apart; `None` where they are all in one."""
    styles = [gallery.pictures[number].style for number in gallery.numbers.tolist()]
    if len(set(styles)) < 2:
        return None
    look = style_extractor(see)
    features = yield from features_of(gallery, look, "looking at the styles of the set")
    return StyleJudge.taught(look, features, styles)


def wishes(
    painter: Painter, gallery: Gallery, count: int, key: Key, *, everything: bool = False
) -> tuple[dict[str, list[Any]], Int64[np.ndarray, " count"]]:
    """Words and style of pictures of the set, drawn evenly, and the rows of the gallery they are of.

    Args:
        painter: says which conditions there are.
        gallery: pictures to draw from.
        count: wishes.
        key: of the draws.
        everything: colours too, which otherwise are asked for only where nothing else can be.
    """
    luck = np.random.default_rng(key.generator().initial_seed())
    places = np.concatenate([luck.permutation(len(gallery)) for _ in range(-(-count // len(gallery)))])[:count]
    known = dict(painter.conditions)
    if len(known) > 1 and not everything:
        known.pop("palette", None)
    values: dict[str, list[Any]] = {}
    for name, condition in known.items():
        found = []
        for row, place in enumerate(places.tolist()):
            value = condition.read(gallery.pictures[gallery.numbers[place]], gallery.straight(np.array([place]))[0])
            found.append(None if value is None else condition.draw(value, key.at(name, row)))
        values[name] = found
    return values, places


def control(painter: Painter, gallery: Gallery, key: Key) -> Generator[Doing, None, dict[str, dict[str, Number]]]:
    """Each condition's miss over values of *other* pictures than the words are of, asked for and not.

    A condition that is heeded is missed by less where it is asked for; one that is ignored is missed alike. Where there is
    more and less of it, "more for more" is how surely more is painted where more is asked: 1 always, 0 as often as less.
    """
    values, _ = wishes(painter, gallery, CONTROLLED, key.at("wishes"), everything=True)
    found: dict[str, dict[str, Number]] = {}
    for name, condition in painter.conditions.items():
        others = values[name][1:] + values[name][:1]
        rest = {known: [None] * CONTROLLED if known in (name, "palette") else column for known, column in values.items()}
        misses: dict[str, list[float]] = {}
        for way, column in (("asked", others), ("not asked", [None] * CONTROLLED)):
            if others[0] is None or condition.miss(others[0], gallery.straight(np.array([0]))[0]) is None:
                break
            yield Doing(f"asking for {name}", 0, 0)
            many = paint_values(painter.family, {**rest, name: column}, CONTROLLED, painter.facts.size, key.at("paint"))
            pairs = zip(others, many, strict=True)
            misses[way] = [
                m for value, picture in pairs if value is not None and (m := condition.miss(value, picture)) is not None
            ]
        if misses:
            luck = np.random.default_rng(key.at(name).generator().initial_seed())
            asked, free = (np.array(misses[way]) for way in ("asked", "not asked"))
            found[name] = {
                "asked": mean_of(asked, luck),
                "not asked": mean_of(free, luck),
                "gained": mean_of(free - asked, luck),
            }
            yield Doing(f"asking for more and more {name}", 0, 0)
            if (orders := _graded(painter, condition, others, rest, key.at("grades"))).size:
                found[name]["more for more"] = mean_of(orders, luck)
    return found


def _graded(
    painter: Painter, condition: Condition[Any], values: Sequence[Any], rest: Mapping[str, list[Any]], key: Key
) -> Float[np.ndarray, " wishes"]:
    """For each wish that has grades, Kendall's τ of what was asked and what was painted, seeds and all else alike (1938)."""
    orders = []
    rows = [row for row, value in enumerate(values) if value is not None and condition.grades(value)][:GRADED]
    for row in rows:
        grades = condition.grades(values[row])
        asked = {**{name: [column[row]] * len(grades) for name, column in rest.items()}, condition.name: list(grades)}
        keys = Keys((key.at(row),) * len(grades))
        many = paint_keyed(painter.family, asked, keys, painter.facts.size)
        amounts = np.array([condition.amount(grades[0], picture) for picture in many])
        later, earlier = np.triu_indices(len(grades), 1)[::-1]
        orders.append(np.sign(amounts[later] - amounts[earlier]).mean())
    return np.array(orders)


def likelihood(painter: Painter, real: Real, key: Key) -> Generator[Doing, None, dict[str, Number]]:
    """Bits per value of held-out pictures and of those learnt from, given their words and style, where the family has them."""
    found: dict[str, Number] = {}
    for name, gallery in (("held-out pictures", real.held_out), ("pictures learnt from", real.train)):
        if len(gallery) < LIKELY:
            continue
        yield Doing(f"likelihood of {name}", 0, 0)
        values, rows = wishes(painter, gallery, LIKELY, key.at(name))
        x = torch.from_numpy(gallery.pixels[gallery.numbers[rows]].astype(np.float32)) / 127.5 - 1
        with torch.inference_mode():
            bits = painter.family.bits(Batch(x, values, tuple(range(len(x)))), key.at(name))
        if bits is None:
            break
        found[name] = mean_of(bits.double().numpy(), np.random.default_rng(key.at(name).generator().initial_seed()))
    return found


def truth(many: Gallery, known: Sequence[Picture], key: Key) -> dict[str, Number]:
    """Of pictures of shapes, the share that have each fact right, measured by geometry; nothing of other pictures."""
    told = [row for row, picture in enumerate(known) if set(FACTS) <= picture.facts.keys()]
    if len(told) < len(known) or not told:
        return {}
    luck = np.random.default_rng(key.generator().initial_seed())
    found = [measure(many.straight(np.array([row]))[0]) or {} for row in told]
    right = {fact: [seen.get(fact) == known[row].facts[fact] for row, seen in zip(told, found, strict=True)] for fact in FACTS}
    right["all five"] = [all(facts) for facts in zip(*right.values(), strict=True)]
    return {fact: mean_of(np.array(hits, np.float64), luck) for fact, hits in right.items()}


LIKELY = 64
"""Pictures whose likelihood is measured."""
Told = tuple[list[str | None], list[str]]
"""For each picture what it is of, or should be, where that is known; and its style, "" where it has none."""


def told_of(gallery: Gallery) -> Told:
    """What the pictures of a gallery are of."""
    pictures = [gallery.pictures[number] for number in gallery.numbers] if len(gallery.pictures) else []
    return [concept(picture) for picture in pictures], [picture.style or "" for picture in pictures]


def told_by(values: Mapping[str, list[Any]], gallery: Gallery, rows: Int64[np.ndarray, " count"]) -> Told:
    """What paintings were asked for, where their words name what a picture of the gallery is of, and not one of its tags."""
    pictures = [gallery.pictures[number] for number in gallery.numbers[rows]]
    words, hands = (values.get(name, [None] * len(pictures)) for name in ("text", "style"))
    named = [str(word) in {group[0] for group in p.captions.values() if group} for word, p in zip(words, pictures, strict=True)]
    asked = [concept(picture) if sure else None for sure, picture in zip(named, pictures, strict=True)]
    return asked, [(picture.style or "") if hand is not None else "" for hand, picture in zip(hands, pictures, strict=True)]


def recognised(
    mine: Features, asked: Told, real: Real, train: Thirds, held: Others, key: Key
) -> tuple[dict[str, Number], dict[str, Number]]:
    """`recognition` of paintings, and their `classification_accuracy`; nothing where nobody knows what pictures are of.

    Args:
        mine, asked: of the paintings.
        real, train, held: the real pictures and their features.
        key: of the halves.
    """
    labels, styles = told_of(real.train)
    if len({label for label in asked[0] if label}) < 2 or len({label for label in labels if label}) < 2:
        return {}, {}
    found = recognition((mine, *asked), (train, labels, styles), key.at("recognition"))
    luck = np.random.default_rng(key.at("halves").generator().initial_seed())
    known = np.flatnonzero([label is not None for label in labels])
    if real.reference is real.held_out:
        others, _ = told_of(real.held_out)
        tested = held, others
    elif real.learnt:
        return found, {
            "paintings": Refused("every picture of the set was learnt from, and none is left to test a classifier by")
        }
    else:
        order = luck.permutation(known)
        known, half = order[: len(order) // 2], order[len(order) // 2 :]
        tested = train[torch.from_numpy(half)], [labels[row] for row in half]
    sure = [row for row, label in enumerate(asked[0]) if label is not None]
    score = classification_accuracy(
        mine[sure],
        [str(asked[0][row]) for row in sure],
        train[torch.from_numpy(known)],
        [str(labels[row]) for row in known],
        (tested[0], [str(label) for label in tested[1]]),
        key.at("classification"),
    )
    return found, score


def paintings(
    painter: Painter,
    values: Mapping[str, list[Any]],
    count: int,
    key: Key,
    folder: Path,
    starts: Gallery | None = None,
) -> Generator[Doing, None, tuple[UInt8[np.ndarray, "pictures channels height width"], float]]:
    """The paintings as a gallery keeps them, those of an earlier call included; and the CPU seconds each took.

    Args:
        painter: paints.
        values: what is asked for, a value per painting and condition.
        count: paintings.
        key: of the paintings.
        folder: keeps them.
        starts: what each is made from, where they are made from pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    height, width = painter.facts.size
    place, shape = folder / "paintings.npy", (count, painter.facts.channels, height, width)
    pixels = np.lib.format.open_memmap(place, "r+" if place.is_file() else "w+", np.uint8, shape)
    at = folder / "done.json"
    done, seconds = json.loads(at.read_text(encoding="utf8")) if at.is_file() else (0, 0.0)
    for start in range(done, count, AT_ONCE):
        yield Doing("painting", start, count)
        part = {name: column[start : start + AT_ONCE] for name, column in values.items()}
        began = time.process_time()
        begun = None if starts is None else starts.straight(slice(start, start + AT_ONCE))
        many = paint_values(painter.family, part, min(AT_ONCE, count - start), (height, width), key.at(start), begun)
        seconds += time.process_time() - began
        pixels[start : start + len(many)] = _stored(many)
        pixels.flush()
        write_atomically(at, json.dumps([start + len(many), seconds]).encode())
    return pixels, seconds / count


def _stored(many: Many) -> UInt8[np.ndarray, "pictures channels height width"]:
    """As a gallery keeps pictures."""
    return np.moveaxis(premultiply(many) if many.shape[-1] == 4 else many, -1, 1)
