"""The Conditioner: any subset of conditions as tokens and a vector, for any family."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from danqing.conditions.condition import Condition, Encoded, Encoder, Pixels, averaged
from danqing.conditions.palette import PaletteCondition
from danqing.conditions.style import StyleCondition
from danqing.conditions.style_pictures import StylePictures
from danqing.conditions.text import TextCondition
from danqing.errors import WishError, choices
from danqing.maths.seen import from_network_unrounded, to_network_unrounded
from danqing.parts.contract import Key, Keys, Values
from danqing.words import Picture

CONDITIONS: dict[str, type[Condition[Any]]] = {kind.name: kind for kind in (TextCondition, StyleCondition, PaletteCondition)}
"""What sets are read for, by name."""
KINDS: dict[str, type[Condition[Any]]] = {**CONDITIONS, StylePictures.kind: StylePictures}
"""These, and others by the names of their kinds, which their states tell."""

ALONE = 0.1
"""Share of pictures trained with no condition at all, for classifier-free guidance (Ho & Salimans 2022, algorithm 1)."""
DROPPED = {"text": 0.1, "style": 0.1, "palette": 0.8}
"""Share of the others in which each condition is left out, so that any subset of them works.

Colours are told apart after few pictures, words after very many; and where a palette is shown, it explains what words would
have to. So most pictures are shown without one.
"""


def fit(pictures: list[Picture], text: str | None = None) -> dict[str, Condition[Any]]:
    """The conditions that this set has something of.

    Args:
        pictures: of the set.
        text: the network that reads words, one of `danqing.conditions.text.NETWORKS`; by default one trained with the painter.

    Raises:
        AssetError: a frozen network cannot be had.
    """
    found = {
        name: TextCondition.fit(pictures, text) if kind is TextCondition else kind.fit(pictures)
        for name, kind in CONDITIONS.items()
    }
    return {name: condition for name, condition in found.items() if condition is not None}


def revive(states: Mapping[str, dict[str, Any]]) -> dict[str, Condition[Any]]:
    """The conditions of a painter, from the states saved beside its weights."""
    return {name: KINDS[state.get("kind", name)].revive(state) for name, state in states.items()}


def parse(conditions: Mapping[str, Condition[Any]], asked: Mapping[str, str]) -> dict[str, Any]:
    """What a user wrote, as values.

    Raises:
        WishError: the painter knows no such condition, or the text cannot be read as one.
    """
    unknown = next((name for name in asked if name not in conditions), None)
    if unknown is not None:
        raise WishError(f"this painter knows no condition '{unknown}': {choices(unknown, conditions)}")
    return {name: conditions[name].parse(text) for name, text in asked.items()}


def drop(values: Values, keys: Keys) -> dict[str, list[Any]]:
    """Leave conditions out at random, each picture by its own key: all with `ALONE`, else each with its share of `DROPPED`."""
    if not values:
        return {}
    luck = keys.uniform(1 + len(values)).tolist()
    dropped: dict[str, list[Any]] = {}
    for place, (name, column) in enumerate(sorted(values.items()), start=1):
        share = DROPPED.get(name, 0.1)
        dropped[name] = [None if row[0] < ALONE or row[place] < share else v for v, row in zip(column, luck, strict=True)]
    return dropped


def steer(
    conditions: Mapping[str, Condition[Any]], pictures: Float[Tensor, "batch channels height width"], values: Values
) -> Float[Tensor, "batch channels height width"]:
    """Pictures under way, changed by every condition that can do so and was asked for; the others stay to the bit."""
    for name, blended in values.items():
        column = [value.most if isinstance(value, Blend) else value for value in blended]
        rows = [row for row, value in enumerate(column) if value is not None] if conditions[name].steers else []
        if rows:
            before = from_network_unrounded(pictures[rows])
            after = np.stack([conditions[name].steer(column[row], picture) for row, picture in zip(rows, before, strict=True)])
            pictures = pictures.clone()
            # Only what changed is added, so that pixels left alone stay to the bit.
            change = to_network_unrounded(after) - to_network_unrounded(before)
            pictures[rows] = (pictures[rows] + change.to(pictures)).clamp(-1, 1)
    return pictures


def finished(
    conditions: Mapping[str, Condition[Any]], pictures: UInt8[np.ndarray, "batch height width channels"], values: Values
) -> UInt8[np.ndarray, "batch height width channels"]:
    """Paintings, changed at their end by every condition that can and was asked for; by blended values by their weights."""
    for name, column in values.items():
        finish = functools.partial(_finished, conditions[name])
        pictures = np.stack([_blended(value, picture, finish) for value, picture in zip(column, pictures, strict=True)])
    return pictures


def _finished(condition: Condition[Any], value: Any, picture: Pixels) -> Pixels:
    return picture if value is None else condition.finish(value, picture)


def enlarged(conditions: Mapping[str, Condition[Any]], painted: Pixels, values: Mapping[str, Any]) -> Pixels:
    """One painting that was enlarged, changed by every condition to what enlarging took from it, asked for or not."""
    for name, condition in conditions.items():
        painted = _blended(values.get(name), painted, condition.enlarged)
    return painted


def _blended(value: Any, picture: Pixels, change: Callable[[Any, Pixels], Pixels]) -> Pixels:
    """The picture changed by a value; by a blended one the mean of what its parts change it to."""
    parts = value.parts if isinstance(value, Blend) else ((value, 1.0),)
    ends = [change(part, picture) for part, _ in parts]
    return picture if all(end is picture for end in ends) else averaged(ends, [weight for _, weight in parts])


@dataclasses.dataclass(frozen=True, slots=True)
class Blend:
    """Several values of a condition at once, for wishes between wishes: what each is seen as is summed, by its weight.

    Args:
        parts: (value, weight) each; a value may be `None`. Weights sum to 1.
    """

    parts: tuple[tuple[Any, float], ...]

    @property
    def most(self) -> Any:
        """The value of the largest weight."""
        return max(self.parts, key=lambda part: part[1])[0]


class Conditioner(nn.Module):
    """Encodes whatever subset of its conditions a batch brings. A submodule of the learner that uses it."""

    place: Tensor

    def __init__(self, conditions: Mapping[str, Condition[Any]], width: int) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("place", torch.zeros(0), persistent=False)  # where all of it is, and in its numbers
        self.encoders = nn.ModuleDict({name: condition.encoder(width) for name, condition in sorted(conditions.items())})

    def collate(self, values: Values, count: int) -> dict[str, tuple[Tensor, ...]]:
        """Tensors on this module's device for `count` pictures; a condition that `values` does not name is absent for all."""
        collated = {}
        for name, encoder in self.encoders.items():
            assert isinstance(encoder, Encoder)
            column: Sequence[Any] = values.get(name) or [None] * count
            collated[name] = tuple(part.to(self.place.device) for part in encoder.collate(list(column)))
        return collated

    def encode(self, values: Values, count: int) -> Encoded:
        """What `count` pictures ask for, blends among it."""
        if not self.encoders:
            return self._nothing(count)
        most = max((len(value.parts) for column in values.values() for value in column if isinstance(value, Blend)), default=1)
        if most == 1:
            alone: Encoded = self(self.collate(_part(values, 0)[0], count), count)
            return alone
        seen, weights = [], []
        for number in range(most):
            column, weight = _part(values, number)
            seen.append(self(self.collate(column, count), count))
            weights.append(torch.tensor(weight or [1.0] * count, device=self.place.device))
        tokens = torch.stack([one.tokens * weight[:, None, None] for one, weight in zip(seen, weights, strict=True)]).sum(0)
        vector = torch.stack([one.vector * weight[:, None] for one, weight in zip(seen, weights, strict=True)]).sum(0)
        return Encoded(tokens, torch.stack([one.mask for one in seen]).any(0), vector)

    def forward(self, collated: Mapping[str, tuple[Tensor, ...]], count: int) -> Encoded:
        """All tokens side by side, and the sum of the vectors. Without any condition: one masked token of zeros."""
        if not self.encoders:
            return self._nothing(count)
        parts = [encoder(*collated[name]) for name, encoder in self.encoders.items()]
        vector = torch.stack([part.vector for part in parts]).sum(0)
        return Encoded(torch.cat([p.tokens for p in parts], dim=1), torch.cat([p.mask for p in parts], dim=1), vector)

    def _nothing(self, count: int) -> Encoded:
        tokens = self.place.new_zeros(count, 1, self.width)
        return Encoded(tokens, torch.zeros(count, 1, dtype=torch.bool, device=self.place.device), tokens[:, 0])


def begin(learner: nn.Module, values: Mapping[str, Sequence[Any]], key: Key) -> None:
    """Let each encoder of a learner, its critics' too, learn what the values of the whole set teach by themselves.

    Called once, before a training from nothing sees a picture.

    Args:
        learner: any of its modules may be a `Conditioner`.
        values: what each condition read from every picture.
        key: of every draw.
    """
    for conditioner in [module for module in learner.modules() if isinstance(module, Conditioner)]:
        for name, encoder in conditioner.encoders.items():
            assert isinstance(encoder, Encoder)
            encoder.begin(values[name], key.at(name))


def _part(values: Values, number: int) -> tuple[dict[str, list[Any]], list[float]]:
    """The values with one part of each blend, and what that part weighs, row by row; 0 where there is none."""
    weights: list[float] = []
    columns: dict[str, list[Any]] = {}
    for name, column in values.items():
        parts = [value.parts[number : number + 1] if isinstance(value, Blend) else ((value, None),) for value in column]
        columns[name] = [part[0][0] if part else None for part in parts]
        mine = [part[0][1] if part else 0.0 for part in parts]  # `None` where it is no blend, and so weighs as the others do
        before = weights or [float(number == 0)] * len(column)
        weights = [old if new is None else new for old, new in zip(before, mine, strict=True)]
    return columns, weights
