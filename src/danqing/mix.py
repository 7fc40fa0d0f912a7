"""The verb that paints what lies between several wishes or pictures, and further towards what captions say."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from danqing.conditions.conditioner import Blend, finished
from danqing.data.picture_set import PictureSet
from danqing.data.resample import fitted
from danqing.errors import PictureError, WishError
from danqing.maths.latents import Way, between
from danqing.maths.seen import from_network, to_network
from danqing.paint import Session, Work
from danqing.painters.start_pictures import read_picture, sha256_of, to_image
from danqing.painters.trial import learnt_from
from danqing.parts.contract import Asked, Key, Keys, LatentFamily, Plan, Values
from danqing.records.record import noted
from danqing.words import Doing, Painting, Wish

MOST, FEWEST, AT_ONCE = 64, 20, 32
"""Pictures with and without a word from which its direction is found; the least of each; encoded at once."""
TOLD = 0.6
"""A direction must tell pictures with the word from those without, which it has not seen, as often as this; luck is a half."""


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """What is mixed: a wish, or the path of a picture; and its weight."""

    what: Wish | str
    weight: float = 1.0

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        if isinstance(self.what, Wish):
            return {"wish": self.what.to_json(), "weight": self.weight}
        return {"file": self.what, "sha256": sha256_of(self.what), "weight": self.weight}


@dataclasses.dataclass(frozen=True, slots=True)
class Towards:
    """A word of captions, and how far to go: 1 is from the mean of the pictures without it to that of those with it."""

    word: str
    amount: float = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Mixture:
    """All that is mixed.

    Args:
        parts: one or more.
        layers: where the family has layers, the first so many are those of the first part, the others of the last; by default
            all are mixed by weight.
        towards: directions that are added.
        way: through the latents, between which a mixture lies.
        conditions: asked of every part beside its words, as a user writes them, where a part's own wish does not say otherwise.
    """

    parts: tuple[Part, ...]
    layers: int | None = None
    towards: tuple[Towards, ...] = ()
    way: Way = "spherical"
    conditions: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        towards = [dataclasses.asdict(one) for one in self.towards]
        facts = {"parts": [part.plain() for part in self.parts], "layers": self.layers, "towards": towards, "way": self.way}
        return facts | ({"conditions": dict(self.conditions)} if self.conditions else {})

    @staticmethod
    def read(facts: Mapping[str, Any]) -> Mixture:
        """The inverse of `plain`.

        Raises:
            PictureError: a picture has changed since.
        """
        parts = []
        for part in facts["parts"]:
            if "file" in part and (not Path(part["file"]).is_file() or sha256_of(part["file"]) != part["sha256"]):
                raise PictureError(f"'{part['file']}', which was mixed, is gone or has changed: bring back the file it was")
            parts.append(Part(Wish.recorded(part["wish"]) if "wish" in part else part["file"], part["weight"]))
        towards = tuple(Towards(**one) for one in facts["towards"])
        return Mixture(tuple(parts), facts["layers"], towards, facts["way"], facts.get("conditions", {}))


def mix(session: Session, mixture: Mixture) -> Iterator[Doing | Painting]:
    """Paint a mixture.

    A family with latents paints from the mean of the parts' latents, in the size that it learnt; any other from the mean of
    what its paintings start from, in the size that it shows. What the parts ask for is blended by weight.

    Yields:
        What is being done; last, the painting. Its record holds the mixture, and `danqing replay` mixes it again.

    Raises:
        WishError: this painter cannot mix that; one sentence says why.
    """
    _check(session, mixture)
    parts = tuple(_understood(session, mixture, part) for part in mixture.parts)
    family, mixture = session.painter.family, dataclasses.replace(mixture, parts=parts)
    weights = [part.weight for part in parts]
    works = [session.begin([wish]) for wish in wishes(session, mixture)]
    asked = blended([work.asked for work in works], weights)
    further: list[Tensor] = []
    for one in mixture.towards:  # beforehand: a mode of torch's must not last while somebody else is told something
        further.append(one.amount * (yield from direction(session, one.word)))
    yield Doing("painting", 0, 0)
    with torch.inference_mode():
        if isinstance(family, LatentFamily):
            told = [_latents(session, family, part, work) for part, work in zip(parts, works, strict=True)]
            if mixture.layers is None:
                latents = between(told, weights, mixture.way)
            else:
                latents = torch.cat([told[0][:, : mixture.layers], told[-1][:, mixture.layers :]], 1)
            for step in further:
                latents = latents + step
            painted = from_network(family.decode(latents, asked.conditions).clamp(-1, 1))
            image = to_image(finished(session.painter.conditions, painted, asked.conditions)[0])
        else:
            image = together(works, [weights], mixture.way).last().show()[0]
    painting = session.painting(image, works[0].wishes[0], 1)
    yield dataclasses.replace(noted(painting, mixed=mixture.plain()), scores={})


def wishes(session: Session, mixture: Mixture) -> list[Wish]:
    """What is asked where each part is mixed; of a picture, the conditions alone."""
    facts, told = session.painter.facts, isinstance(session.painter.family, LatentFamily)
    height, width = facts.size if told else facts.shown or facts.size
    asked = [part.what if isinstance(part.what, Wish) else Wish() for part in mixture.parts]
    return [
        dataclasses.replace(wish, conditions={**mixture.conditions, **wish.conditions}, size=(width, height)) for wish in asked
    ]


def _understood(session: Session, mixture: Mixture, part: Part) -> Part:
    """With what is read in place of its words, beside all that is asked of it."""
    if not isinstance(part.what, Wish):
        return part
    whole = dataclasses.replace(part.what, conditions={**mixture.conditions, **part.what.conditions})
    read = session.alone(whole)
    return dataclasses.replace(part, what=dataclasses.replace(part.what, read_as=read.read_as, flat=read.flat))


def _check(session: Session, mixture: Mixture) -> None:
    family, facts, parts = session.painter.family, session.painter.facts, mixture.parts
    if not parts or any(part.weight <= 0 for part in parts):
        raise WishError("parts with weights above 0 are mixed: name one or more, such as apple pear:0.5")
    if not isinstance(family, LatentFamily):
        wrong = next((part.what for part in parts if isinstance(part.what, str)), None)
        if wrong is not None or mixture.towards or mixture.layers is not None:
            asked = f"the picture '{wrong}'" if wrong else "layers" if mixture.layers is not None else "a direction"
            raise WishError(f"{asked} was asked for, and painters of the family '{facts.family}' have no latents: mix words")
    layers = family.layers if isinstance(family, LatentFamily) else 0
    if mixture.layers is not None and (len(parts) != 2 or not 0 < mixture.layers < layers):
        raise WishError(
            f"the first {mixture.layers} layers were asked for of {len(parts)} parts: give two parts, and a painter with more "
            f"layers; '{session.painter.name}' has {layers or 'none'}"
        )


def _latents(session: Session, family: LatentFamily, part: Part, work: Work) -> Tensor:
    facts = session.painter.facts
    if isinstance(part.what, str):
        pixels = fitted(read_picture(part.what), facts.size, facts.channels)
        return family.encode(to_network(pixels)[None].to(session.device), work.asked.conditions)
    keys = Keys((Key(work.wishes[0].seed).at("paint"),))
    canvas = family.start(work.asked, Plan(facts.size, work.wishes[0].steps, work.wishes[0].sampler), keys)
    return family.latents(canvas, work.asked)


# --- blending ----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class _Blended(Keys):
    """Keys of mixtures: noise lies between that of several keys, so that it is as loud as theirs; all else is the first's.

    Args:
        others: of the first and of each further work, one picture each.
        weights: a row for each mixture.
        way: as of `between`.
    """

    others: tuple[Keys, ...] = ()
    weights: tuple[tuple[float, ...], ...] = ()
    way: Way = "spherical"

    def at(self, *names: int | str) -> Keys:
        """The keys of a part."""
        return dataclasses.replace(self, part=(*self.part, *names))

    def normal(self, *shape: int) -> Tensor:
        """(batch, *shape) standard normal numbers; not so where "linear" mixes several."""
        drawn = [keys.at(*self.part).normal(*shape) for keys in self.others]
        return torch.cat([_mean(drawn, row, self.way) for row in self.weights])


def together(works: Sequence[Work], weights: Sequence[Sequence[float]], way: Way) -> Work:
    """Works under way as one batch of mixtures, one for each row of weights; codes drawn on the way are the first work's.

    Raises:
        WishError: they differ in size, steps or start picture.
    """
    first = works[0]
    if any(one.canvas.grid != first.canvas.grid or one.wishes[0].size != first.wishes[0].size for one in works):
        raise WishError("the wishes differ in size, steps or start picture: only words, conditions and seed may")
    mixed = {
        name: torch.cat([_mean([work.canvas.tensors[name] for work in works], row, way) for row in weights])
        for name in first.canvas.tensors
    }
    drawn = tuple(work.canvas.keys for work in works)
    keys = _Blended(first.canvas.keys.keys * len(weights), (), drawn, tuple(map(tuple, weights)), way)
    rows = [blended([work.asked for work in works], row) for row in weights]
    asked = dataclasses.replace(
        first.asked,
        conditions={name: [row.conditions[name][0] for row in rows] for name in first.asked.conditions},
        against={name: [row.against[name][0] for row in rows] for name in first.asked.against},
        guidance=torch.cat([row.guidance for row in rows]),
    )
    canvas = dataclasses.replace(first.canvas, tensors=mixed, keys=keys)
    return Work(first.session, first.wishes * len(weights), asked, canvas)


def blended(asked: Sequence[Asked], weights: Sequence[float]) -> Asked:
    """What several ask, one picture each, as one picture would see it."""
    shares = [weight / sum(weights) for weight in weights]

    def blend(many: Sequence[Values]) -> dict[str, list[Any]]:
        return {name: [_blend([values[name][0] for values in many], shares)] for name in many[0]}

    guidance = torch.stack([share * one.guidance for share, one in zip(shares, asked, strict=True)]).sum(0)
    return dataclasses.replace(
        asked[0],
        conditions=blend([one.conditions for one in asked]),
        against=blend([one.against for one in asked]),
        guidance=guidance,
    )


def _blend(values: Sequence[Any], shares: Sequence[float]) -> Any:
    seen = [(value, share) for value, share in zip(values, shares, strict=True) if share > 0]
    return seen[0][0] if all(value == seen[0][0] for value, _ in seen) else Blend(tuple(seen))


def _mean(tensors: Sequence[Tensor], weights: Sequence[float], way: Way) -> Tensor:
    """Of one tensor of several canvases; what is no real number (sizes) is the same in all."""
    first = tensors[0]
    if not first.is_floating_point() or all(torch.equal(first, other) for other in tensors[1:]):
        return first
    return between(tensors, weights, way)


# --- directions --------------------------------------------------------------------------------------------------------


def direction(session: Session, word: str) -> Generator[Doing, None, Tensor]:
    """From the mean latent of pictures whose captions do not have a word to the mean of those whose captions do.

    Half of the pictures find it (difference of means, Larsen et al. 2016, section 4.1.1); the other half is told apart by it.

    Args:
        session: of a painter with latents, whose set is at hand.
        word: as captions have it, in any language.

    Raises:
        WishError: too few pictures have the word or lack it, or it does not tell those that it was not found from apart.
        DataError: the set is not at hand.
    """
    family, painter = session.painter.family, session.painter
    assert isinstance(family, LatentFamily)
    pictures = PictureSet.open(str(painter.facts.trained["set"]))
    train = learnt_from(painter, pictures).train
    spoken = re.compile(rf"\b{re.escape(word)}\b" if word.isascii() else re.escape(word), re.IGNORECASE)
    has = np.array(
        [
            any(spoken.search(caption) for group in train.pictures[i].captions.values() for caption in group)
            for i in train.numbers
        ]
    )
    luck = np.random.default_rng(Key("direction", word).generator().initial_seed())
    sides = [luck.permutation(np.flatnonzero(has == side))[:MOST] for side in (True, False)]
    if min(map(len, sides)) < FEWEST:
        raise WishError(
            f"{int(has.sum())} of {len(has)} captions of '{pictures.name}' have the word '{word}': a direction needs {FEWEST} "
            "with and without it"
        )
    silent: Values = {name: [None] * AT_ONCE for name in painter.conditions}
    found: list[Tensor] = []
    for side in sides:
        parts = []
        for start in range(0, len(side), AT_ONCE):
            yield Doing(f"looking for the direction of '{word}'", len(found) * MOST + start, 2 * MOST)
            x = to_network(train.straight(side[start : start + AT_ONCE])).to(session.device)
            with torch.inference_mode():
                parts.append(family.encode(x, {name: column[: len(x)] for name, column in silent.items()}))
        found.append(torch.cat(parts))
    with_it, without = (part[: len(part) // 2].mean(0) for part in found)
    step = with_it - without
    scores = [((part[len(part) // 2 :] - without) * step).flatten(1).sum(1).double().cpu().numpy() for part in found]
    right = float((scores[0][:, None] > scores[1]).mean())
    if right < TOLD:
        raise WishError(
            f"the latents of '{painter.name}' tell pictures with '{word}' from others in {right:.0%} of the pairs that were "
            f"not learnt from, and {TOLD:.0%} is asked for (half is luck): ask for another word"
        )
    return step[None]
