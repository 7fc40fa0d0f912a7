"""Which differences between two evaluations are more than chance."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
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


def side_by_side(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """A Markdown table, a row for each evaluation, with 95 % intervals; bold is what no other is better than beyond chance.

    Args:
        rows: names, and evaluations as `scores.json` holds them, all measured alike.

    Raises:
        ConfigError: they were not.
    """
    each = {name: {other: differences(mine, theirs) for other, theirs in rows} for name, mine in rows}
    numbers = [dict(_numbers(scores)) for _, scores in rows]
    names = list(dict.fromkeys(name for found in numbers for name in found))
    likely = any(scores.get("likelihood") for _, scores in rows)
    heads = [*(name.replace("_", " ") for name in names), *(["bits per value"] if likely else []), "CPU s a painting"]
    lines = [f"| painter | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for (name, scores), found in zip(rows, numbers, strict=True):
        beaten = {d.name for others in each[name].values() for d in others if d.verdict == "worse"}
        cells = [_cell(found.get(number), number not in beaten) for number in names]
        cells += [_cell(scores.get("likelihood", {}).get("held-out pictures"), False)] if likely else []
        cells.append(f"{scores['seconds_a_painting']:.3f}" if scores.get("seconds_a_painting") else "")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(number: Mapping[str, Any] | None, best: bool) -> str:
    if number is None or "value" not in number:
        return "–"
    told = f"{number['value']:.3g} ({number['low']:.3g} to {number['high']:.3g})"
    return f"**{told}**" if best else told


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
