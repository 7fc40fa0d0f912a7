"""Which differences between two evaluations are more than chance."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from danqing.errors import ConfigError

HIGHER: Mapping[str, bool] = {
    "frechet_distance": False,
    "kernel_distance": False,
    "precision": True,
    "recall": True,
    "density": True,
    "coverage": True,
    "diversity": True,
    "words": True,
    "recognised": True,
}
"""What is measured, and whether more of it is better."""
SAME = ("extractor", "count", "against")
"""What two evaluations must share to be compared at all."""


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """One number of two evaluations.

    Args:
        name: of the number.
        mine, other: its values.
        verdict: of mine; "same" where the difference may be chance (two-sided, at 5 %).
    """

    name: str
    mine: float
    other: float
    verdict: Literal["better", "worse", "same"]

    def sentence(self) -> str:
        """In words."""
        return f"{self.name.replace('_', ' ')}: {self.mine:.4g} against {self.other:.4g}, {self.verdict}"


def differences(mine: Mapping[str, Any], other: Mapping[str, Any]) -> list[Difference]:
    """Every number that both have, as `scores.json` holds them.

    Raises:
        ConfigError: they were not measured alike.
    """
    for name in SAME:
        if mine.get(name) != other.get(name):
            raise ConfigError(
                f"the two evaluations differ in '{name}' ({mine.get(name)!r} and {other.get(name)!r}), so their numbers cannot "
                "be compared: measure both alike"
            )
    known = dict(_numbers(other))
    return [_difference(name, number, known[name]) for name, number in _numbers(mine) if name in known]


def _numbers(scores: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, float]]]:
    found = {
        **scores.get("quality", {}),
        "words": scores.get("agreement", {}).get("paintings", {}),
        "recognised": scores.get("recognition", {}).get("paintings, top 1", {}),
    }
    yield from ((name, number) for name, number in found.items() if "value" in number and name in HIGHER)
    for name, ways in scores.get("control", {}).items():
        if "value" in ways.get("gained", {}):
            yield f"control of {name}", ways["gained"]


def _difference(name: str, mine: Mapping[str, float], other: Mapping[str, float]) -> Difference:
    """Normal intervals of independent evaluations: their variances add."""
    reach = (((mine["high"] - mine["low"]) / 2) ** 2 + ((other["high"] - other["low"]) / 2) ** 2) ** 0.5
    gain = (mine["value"] - other["value"]) * (1 if HIGHER.get(name, True) else -1)
    verdict: Literal["better", "worse", "same"] = "same" if abs(gain) <= reach else "better" if gain > 0 else "worse"
    return Difference(name, mine["value"], other["value"], verdict)
