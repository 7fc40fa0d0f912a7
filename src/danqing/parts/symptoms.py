"""What ails a training, told from its numbers: each rule gives a sentence with its evidence, or nothing.

A learner calls the rules that fit it in its `symptoms`; `Watch` calls those that fit every learner.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from jaxtyping import Float
from torch import Tensor

from danqing.maths.statistics import Many, mean_colours

SURE = 0.9
"""Mean sign of a critic's verdict on real pictures above which it knows them by heart; augmentation aims at 0.6."""
SILENT = 0.01
"""Nats below which a latent carries nothing (Burda et al. 2016, section 5.2, has 0.01 for the variance of its mean)."""
IDLE = 0.1
"""A code is dead where it is chosen less than this share of what an even choice would give it."""
HALF_LIFE, YOUNG = 20, 40
"""Words of progress in which the smoothed loss forgets half, and before which nothing is said of it."""
SHARE, RANGE = 1 - 0.5 ** (1 / HALF_LIFE), 9.0
"""What each word adds to the smoothed loss; its deviations between the least and the largest that chance alone will show."""
SHIFTED, CERTAIN = 0.02, 4.0
"""Mean difference in OKLab, and in its standard errors, from which colours are called shifted; 0.02 is just to be seen."""
DIRECTIONS = (("lighter", "darker"), ("redder", "greener"), ("yellower", "bluer"))


@dataclasses.dataclass(frozen=True, slots=True)
class Symptom:
    """Something is wrong: its name, a sentence that says what and what to do, and the numbers behind it."""

    name: str
    sentence: str
    evidence: Mapping[str, float]


def overfitting(sure: float) -> Symptom | None:
    """A critic that has learnt the training pictures by heart (r_t of Karras et al. 2020, "Limited data", equation 1).

    Args:
        sure: the mean sign of its verdict on real pictures, -1 to 1.
    """
    if sure <= SURE:
        return None
    return Symptom(
        "discriminator over-fitting",
        f"the critic takes {(1 + sure) / 2:.0%} of the real pictures for real: it knows them by heart, and what it tells the "
        "painter is worth little; augment more, or add pictures",
        {"sure": sure},
    )


def posterior_collapse(divergences: Float[Tensor, " latents"]) -> Symptom | None:
    """An encoder whose latents say nothing (Bowman et al. 2016, section 3.1).

    Args:
        divergences: mean KL divergence of each latent from its prior, in nats.
    """
    silent = float((divergences < SILENT).double().mean())
    if silent <= 0.5:
        return None
    return Symptom(
        "posterior collapse",
        f"{silent:.0%} of the latents carry less than {SILENT} nats: the decoder paints without looking at them; weigh the "
        "divergence less, or let it grow slowly (warm-up, free bits)",
        {"silent": silent, "nats": float(divergences.sum())},
    )


def dead_codes(counts: Float[Tensor, " codes"]) -> Symptom | None:
    """A codebook of which few codes are used (van den Oord et al. 2017; Dhariwal et al. 2020, section 3.1).

    Args:
        counts: how often each code was chosen lately.
    """
    shares = counts.double() / counts.sum()
    dead = float((shares < IDLE / len(counts)).double().mean())
    if dead <= 0.5:
        return None
    used = math.exp(float(-(shares * shares.clamp_min(1e-12).log()).sum()))
    return Symptom(
        "dead codes",
        f"{dead:.0%} of the {len(counts)} codes are hardly ever chosen, in effect {used:.0f} are in use: revive them from "
        "latents of the batch, or use a smaller codebook",
        {"dead": dead, "in use": used},
    )


def colour_shift(painted: Many, real: Many) -> Symptom | None:
    """Paintings of other colours, on average, than the pictures whose wishes they were painted after."""
    if len(real) < 8:
        return None
    apart = mean_colours(painted) - mean_colours(real)
    mean, error = apart.mean(0), apart.std(0, ddof=1) / math.sqrt(len(apart))
    surely = np.where(np.abs(mean) > np.maximum(SHIFTED, CERTAIN * error), np.abs(mean), 0.0)
    place = int(surely.argmax())
    if not surely[place]:
        return None
    word = DIRECTIONS[place][0 if mean[place] > 0 else 1]
    return Symptom(
        "colour shift",
        f"paintings are {word} than the pictures they should be like, by {abs(mean[place]):.3f} in OKLab "
        f"(± {error[place]:.3f}): early in a training this is usual; later, paint with less guidance, or average more",
        {"shift": float(mean[place]), "error": float(error[place])},
    )


class _Trend:
    """One loss over time, smoothed; remembers its first, its best and how much it jumps."""

    def __init__(self) -> None:
        self.words, self.now, self.first, self.least, self.jumps = 0, 0.0, 0.0, math.inf, 0.0

    def follow(self, value: float) -> None:
        self.words += 1
        share = max(1 / self.words, SHARE)
        self.jumps += share * ((value - self.now) ** 2 - self.jumps) if self.words > 1 else 0.0
        self.now += share * (value - self.now)
        if self.words == HALF_LIFE:
            self.first = self.now
        if self.words >= HALF_LIFE:
            self.least = min(self.least, self.now)

    def lost(self) -> float:
        """Share of what was learnt that is lost again, where that is more than chance; else 0."""
        gained, back = self.first - self.least, self.now - self.least
        # The deviation of an exponential average is √(share / (2 − share)) of its values'; its range is several of those.
        chance = RANGE * math.sqrt(self.jumps * SHARE / (2 - SHARE))
        if self.words < YOUNG or back <= chance:
            return 0.0
        return back / gained if gained > 0 else math.inf


class Watch:
    """Sees a training go by, and tells a symptom when it appears, not again while it lasts.

    Args:
        game: several players: there losses rise and fall, and none is blamed for it.
    """

    def __init__(self, game: bool) -> None:
        self.game, self.trend = game, _Trend()
        self.told: dict[str, set[str]] = {}

    def word(self, means: Mapping[str, float], others: Iterable[Symptom] = ()) -> list[Symptom]:
        """What is new after a word of progress: `others` are what the learner says of itself."""
        return self._new("word", [*others, *self._diverging(means)])

    def sheet(self, painted: Many, real: Many) -> list[Symptom]:
        """What is new on a sample sheet, beside the pictures whose wishes it was painted after."""
        shift = colour_shift(painted, real)
        return self._new("sheet", [shift] if shift else [])

    def _diverging(self, means: Mapping[str, float]) -> Iterator[Symptom]:
        """A single player whose loss, the sum of its parts, has lost half of what was learnt."""
        parts = [value for name, value in means.items() if not name.endswith("/gradient")]
        if self.game or not parts:
            return
        self.trend.follow(sum(parts))
        if self.trend.lost() > 0.5:
            sentence = (
                f"the loss was {self.trend.least:.4g} and is {self.trend.now:.4g} again: the training diverges; stop it, "
                "and begin anew with a lower learning rate"
            )
            yield Symptom("divergence", sentence, {"least": self.trend.least, "now": self.trend.now})

    def _new(self, when: str, symptoms: list[Symptom]) -> list[Symptom]:
        before, self.told[when] = self.told.get(when, set()), {symptom.name for symptom in symptoms}
        return [symptom for symptom in symptoms if symptom.name not in before]
