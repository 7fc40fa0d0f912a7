"""Whether paintings are taken for what was asked: classifiers of real pictures look at paintings, and the other way round.

Both are linear discriminants of features (Fisher 1936; Hastie, Tibshirani & Friedman 2009, section 4.3), which few pictures of
a class suffice for, and which need no tuning.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from danqing.metrics.features import Features, Others, Thirds
from danqing.metrics.measured import Number, Refused, mean_of
from danqing.parts.contract import Key

SHRINK = 0.1
"""How far the covariance is drawn towards a multiple of the identity (Friedman 1989, equation 18)."""
TOP = (1, 5)
MOST_OF = 0.5
"""Share of the tested pictures whose class must have been asked for."""
FEWEST = 20
"""Pictures whose class the classifier knows, without which nothing is said."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """Scores of classes, linear in the features."""

    classes: tuple[str, ...]
    weights: Float[Tensor, "features classes"]
    bias: Float[Tensor, " classes"]

    def ranks(self, features: Features, labels: Sequence[str]) -> Int64[np.ndarray, " pictures"]:
        """How many classes score higher than each picture's own; every label must be known."""
        numbers = {label: place for place, label in enumerate(self.classes)}
        scores = features.double() @ self.weights + self.bias
        own = scores.gather(1, torch.tensor([[numbers[label]] for label in labels]))
        found: np.ndarray = (scores > own).sum(1).numpy()
        return found


def classifier(features: Features, labels: Sequence[str], *, standardised: bool = False) -> Classifier:
    """Learn classes, all equally likely, from pictures of each; two classes at least.

    Args:
        features, labels: of the pictures.
        standardised: features are of several scales, and each is divided by how much it deviates.
    """
    classes = tuple(sorted(set(labels)))
    numbers = {label: place for place, label in enumerate(classes)}
    place, x = torch.tensor([numbers[label] for label in labels]), features.double()
    scale = x.std(0, correction=0).clamp_min(1e-6) if standardised else torch.ones_like(x[0])
    x = x / scale
    counts = torch.bincount(place, minlength=len(classes)).double()
    means = torch.zeros(len(classes), x.shape[1], dtype=torch.float64).index_add(0, place, x) / counts[:, None]
    # Of few classes with one picture each nothing is left within a class; then distances are plain.
    weights = torch.linalg.solve(_covariance(x - means[place], len(classes)), means.T)
    return Classifier(classes, weights / scale[:, None], -0.5 * (means.T * weights).sum(0))


def _covariance(within: Float[Tensor, "pictures features"], classes: int) -> Float[Tensor, "features features"]:
    """Of what lies within classes, shrunk."""
    covariance = within.T @ within / max(1, len(within) - classes)
    even = covariance.diagonal().mean().clamp_min(1e-6) * torch.eye(within.shape[1], dtype=torch.float64)
    return (1 - SHRINK) * covariance + SHRINK * even


def precision(within: Float[Tensor, "pictures features"], classes: int) -> Float[Tensor, "features features"]:
    """The inverse of the covariance by which `classifier` tells so many classes apart, of differences from their means."""
    inverse: Tensor = torch.linalg.inv(_covariance(within, classes))
    return inverse


def classification_accuracy(
    painted: Features,
    asked: Sequence[str],
    real: Others,
    known: Sequence[str],
    tested: tuple[Thirds, Sequence[str]],
    key: Key,
) -> dict[str, Number]:
    """The classification accuracy score (Ravuri & Vinyals 2019, section 3), beside that of real pictures.

    Args:
        painted, asked: paintings, and the class each was asked for.
        real, known: real pictures, and the class each is of.
        tested: other real pictures that both classifiers are tested on.
        key: of the real pictures that are as many as the paintings.

    Returns:
        Share of the tested pictures that a classifier taught by paintings gets right, and one taught by real pictures.
    """
    shared = set(asked) & set(known)
    rows = [row for row, label in enumerate(tested[1]) if label in shared]
    if len(shared) < 2 or len(rows) < max(FEWEST, MOST_OF * len(tested[1])):
        reason = (
            f"{len(rows)} of {len(tested[1])} real pictures that were not learnt from are of the {len(shared)} classes that "
            f"were asked for: a classifier is tested by {FEWEST} pictures of 2 classes, and by most of those there are"
        )
        return {"paintings": Refused(reason)}
    sure = sum(label in shared for label in asked)
    luck = np.random.default_rng(key.generator().initial_seed())
    picked = luck.permutation(len(known))
    taught: dict[str, tuple[Tensor, list[str]]] = {}
    for name, features, labels, order in (
        ("paintings", painted, asked, np.arange(len(asked))),
        ("real pictures", real, known, picked),
    ):
        kept = [int(row) for row in order if labels[row] in shared]
        # One of each class first, so that no class is missing; then as many as there are paintings.
        first = list({labels[row]: row for row in reversed(kept)}.values())
        kept = [*first, *(row for row in kept if row not in set(first))][: max(len(first), sure)]
        taught[name] = features[kept], [labels[row] for row in kept]
    labels = [tested[1][row] for row in rows]
    return {
        name: mean_of((classifier(*pair).ranks(tested[0][rows], labels) == 0).astype(np.float64), luck)
        for name, pair in taught.items()
    }


def recognition(
    painted: tuple[Features, Sequence[str | None], Sequence[str]],
    real: tuple[Others, Sequence[str | None], Sequence[str]],
    key: Key,
) -> dict[str, Number]:
    """How often a classifier of real pictures takes paintings, and real pictures, for what they should be.

    Args:
        painted: features, what each was asked for (`None` is not asked), and its style.
        real: likewise of real pictures. The classifier of a style has learnt from the pictures of all other styles. Where
            there is but one, or paintings are of none of them, it has learnt from one half of the pictures and is tested on the
            other.
        key: of the halves.
    """
    luck = np.random.default_rng(key.generator().initial_seed())
    features, labels, styles = real
    hands = sorted({style for style, label in zip(styles, labels, strict=True) if label is not None})
    halves = luck.integers(0, 2, len(labels))
    asked = {style for style, label in zip(painted[2], painted[1], strict=True) if label is not None}
    alone = len(hands) < 2 or not asked <= set(hands)
    if alone:  # then styles tell nothing: all are one
        hands, styles, painted = [""], [""] * len(styles), (painted[0], painted[1], [""] * len(painted[1]))
    hits: dict[str, list[int]] = {"paintings": [], "real pictures": []}
    for hand in hands:
        learnt = [row for row, label in enumerate(labels) if label and (halves[row] if alone else styles[row] != hand)]
        if len({labels[row] for row in learnt}) < 2:
            continue
        judge = classifier(features[learnt], [str(labels[row]) for row in learnt])
        known, seen_rows = set(judge.classes), set(learnt)
        unseen = [row for row in range(len(labels)) if styles[row] == hand and labels[row] in known and row not in seen_rows]
        mine = [row for row in range(len(painted[1])) if painted[2][row] == hand and painted[1][row] in known]
        for name, (seen, told, _), rows in (("paintings", painted, mine), ("real pictures", real, unseen)):
            if rows:
                hits[name] += judge.ranks(seen[rows], [str(told[row]) for row in rows]).tolist()
    if any(len(ranks) < FEWEST for ranks in hits.values()):
        few = min(hits, key=lambda name: len(hits[name]))
        reason = f"of only {len(hits[few])} {few} a classifier of other real pictures knows the class: {FEWEST} are needed"
        return {"paintings": Refused(reason)}
    return {
        f"{name}, top {top}": mean_of((np.array(ranks) < top).astype(np.float64), luck)
        for top in TOP
        for name, ranks in hits.items()
    }
