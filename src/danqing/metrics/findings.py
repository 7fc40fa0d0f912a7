"""What the numbers say in plain words: each fault with its evidence, the pictures that show it, and what to try next."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from danqing.metrics.agreement import AMONG
from danqing.metrics.copies import Copies
from danqing.metrics.measured import Measured, Number
from danqing.metrics.modes import Modes

SHOWN = 12
"""Pictures that show a fault, at most."""
REAL = "real pictures"
"""The row that no painter can beat."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """A fault.

    Args:
        fault: its name: "collapse", "copies", "undertrained", "ignored words", "ignored CONDITION".
        sentence: what is wrong.
        evidence: the numbers behind it.
        paintings: numbers of the paintings that show it.
        real: numbers of the real pictures that show it: those copied, or the kinds that are missing.
        remedy: what to try next.
    """

    fault: str
    sentence: str
    evidence: Mapping[str, float]
    remedy: str
    paintings: tuple[int, ...] = ()
    real: tuple[int, ...] = ()

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return dataclasses.asdict(self)


def caution(extractor: str, learnt_through: Collection[str]) -> str | None:
    """What to say where the extractor is what the painter learnt through, as critics and seen distances do."""
    if extractor not in learnt_through:
        return None
    return (
        f"this painter's losses looked through '{extractor}' too, so its numbers are not an outsider's: ask another extractor "
        "as well (--extractor)"
    )


def of_copies(found: Copies) -> Finding | None:
    """Memorisation, where there is more of it than among real pictures."""
    if not found.accused:
        return None
    worst = [int(i) for i in found.closeness.argsort() if found.copied[i]][:SHOWN]
    return Finding(
        "copies",
        f"{found.rate:.1%} of the paintings lie as close to a picture learnt from as only {found.usual_rate:.1%} of real "
        "pictures do: they are copies, or nearly",
        {"rate": found.rate, "usual rate": found.usual_rate, "chance": found.chance},
        "train on more pictures or for a shorter time, use a smaller model, or flip and shift the pictures (flip=0.5, "
        "shift=2); paint with less guidance",
        tuple(worst),
        tuple(int(found.nearest[i]) for i in worst),
    )


def of_modes(found: Modes, quality: Mapping[str, Number], rows: Mapping[str, Mapping[str, Number]]) -> Finding | None:
    """Mode collapse: whole kinds are missing, or paintings are real enough but hold little of the set's variety."""
    alike, narrow = _below(quality, rows, "diversity", 0.5), _below({"recall": found.recall}, rows, "recall", 0.7)
    # Of what kind paintings are that are like nothing in the set means nothing: they are undertrained, and said to be.
    real_enough = not _below(quality, rows, "precision", 0.5)
    narrow, collapsed = narrow and real_enough, found.collapsed and real_enough
    if not (collapsed or alike or narrow):
        return None
    said = []
    if collapsed and found.missing:
        said.append(
            f"{len(found.missing)} of the {len(found.real)} kinds of pictures in the set are missing, which are "
            f"{found.missing_share:.0%} of it"
        )
    elif collapsed:
        said.append(f"only {found.evenness:.0%} as many kinds are painted, in effect, as there are")
    if narrow:
        usual = rows[REAL]["recall"]
        assert isinstance(usual, Measured)
        said.append(
            f"only {found.recall.value:.0%} of the real pictures lie among the paintings, aligned, and {usual.value:.0%} among "
            "other real pictures (recall)"
        )
    if alike:
        said.append("paintings differ from one another far less than real pictures do")
    evidence = {"missing share": found.missing_share, "evenness": found.evenness}
    evidence["aligned recall"] = found.recall.value
    if isinstance(spread := quality.get("diversity"), Measured):
        evidence["diversity"] = spread.value
    kinds = sorted(found.missing, key=lambda kind: -found.real[kind])[:SHOWN]
    return Finding(
        "collapse",
        f"The painter has collapsed: {'; '.join(said)}",
        evidence,
        "paint with less guidance, or train longer; a GAN wants a stronger penalty (R1) or more augmentation, or, at the "
        "price of words, noise that leads further (danqing painters adjust NAME --set variety=3)",
        real=tuple(int(found.examples[kind]) for kind in kinds) if collapsed and kinds else found.lonely,
    )


def _below(quality: Mapping[str, Number], rows: Mapping[str, Mapping[str, Number]], name: str, share: float) -> bool:
    """Whether a number is surely below a share of what real pictures reach."""
    mine, real = quality.get(name), rows.get(REAL, {}).get(name)
    return isinstance(mine, Measured) and isinstance(real, Measured) and mine.high < share * real.low


def of_quality(quality: Mapping[str, Number], rows: Mapping[str, Mapping[str, Number]]) -> Finding | None:
    """Undertraining: paintings hardly nearer to the set than a Gaussian is, few of which lie among real pictures."""
    mine, gauss = quality.get("kernel_distance"), rows.get("a Gaussian", {}).get("kernel_distance")
    if not isinstance(mine, Measured) or not isinstance(gauss, Measured):
        return None
    share = mine.value / max(gauss.value, 1e-12)
    far = mine.low > gauss.value / 2 and _below(quality, rows, "precision", 0.7)
    if not far and not _below(quality, rows, "precision", 0.25):
        return None
    evidence = {"kernel distance": mine.value, "of a Gaussian": gauss.value}
    if isinstance(precision := quality["precision"], Measured):
        evidence["precision"] = precision.value
    return Finding(
        "undertrained",
        f"The paintings are {share:.0%} as far from the set as pictures drawn from a Gaussian, which has learnt nothing but "
        "means and covariances",
        evidence,
        "train longer (a larger pictures_seen goes on where the training stopped); look at the sample sheets; if they have "
        "stopped getting better, a larger model or a lower learning rate",
    )


def of_words(agreement: Mapping[str, Number]) -> Finding | None:
    """Words that are ignored or belong to other pictures: paintings suit theirs hardly ever, real pictures mostly."""
    mine, real = agreement.get("paintings"), agreement.get(REAL)
    if not isinstance(mine, Measured) or not isinstance(real, Measured) or real.low < 5 / AMONG or mine.high >= real.low / 3:
        return None
    return Finding(
        "ignored words",
        f"Only {mine.value:.0%} of the paintings suit their own words better than {AMONG - 1} others, and {real.value:.0%} of "
        f"real pictures do (chance: {1 / AMONG:.0%}): the words are hardly heeded, or captions are swapped",
        {"paintings": mine.value, "real pictures": real.value},
        "look whether captions belong to their pictures (danqing data check); train longer; paint with more guidance",
    )


def of_control(name: str, numbers: Mapping[str, Number]) -> Finding | None:
    """A condition that is ignored: asked for, it is missed by nearly as much as where it is not."""
    asked, free, gained = (numbers.get(way) for way in ("asked", "not asked", "gained"))
    if not (isinstance(asked, Measured) and isinstance(free, Measured) and isinstance(gained, Measured)):
        return None
    if gained.low > 0.1 * free.value:
        return None
    return Finding(
        f"ignored {name}",
        f"Asked for, {name} is missed by {asked.value:.1f}; not asked for, by {free.value:.1f}: the painter hardly heeds it",
        {"asked": asked.value, "not asked": free.value, "gained": gained.value},
        "train longer; paint with more guidance; see that the condition was not dropped in training",
    )
