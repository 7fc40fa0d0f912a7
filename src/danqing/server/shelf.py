"""Painters as the web process sees them: from their files, without opening one."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from danqing.errors import MissingError, PainterError, WishError, choices
from danqing.painters.shelf import BUNDLED, describe, lessons, names, usual
from danqing.server.studio import Studio
from danqing.server.wire import ConditionOut, PainterOut
from danqing.words import MAX_SIZE


def painters(studio: Studio) -> list[PainterOut]:
    """Every painter that can be read, by name."""
    found, abilities = [], _abilities(studio)
    for name in sorted(names()):
        try:
            found.append(_painter(name, abilities))
        except PainterError:
            continue
    return found


def painter(studio: Studio, name: str) -> PainterOut:
    """One of them. A name is a name here, never a folder's path.

    Raises:
        MissingError: there is none.
        PainterError: its files are damaged.
    """
    return _painter(name, _abilities(studio))


def _painter(name: str, abilities: dict[str, Any]) -> PainterOut:
    known = names()
    if name not in known:
        raise MissingError(f"there is no painter '{name}': {choices(name, known)}")
    facts = describe(name)
    try:
        height, width = facts["size"]
        shown = facts.get("shown") or facts["size"]
        model = usual(facts["model"])
        ability = abilities.get("families", {}).get(facts["family"], {})
        units = abilities.get("units", {})
        return PainterOut(
            name=name,
            family=facts["family"],
            bundled=BUNDLED in known[name].parents,
            width=width,
            height=height,
            shown=(shown[1], shown[0]),
            channels=facts["channels"],
            conditions=[_condition(kind, state, units) for kind, state in facts["conditions"].items()],
            steps=model.get("steps"),
            sampler=model.get("sampler"),
            samplers=abilities.get("samplers", []) if "sampler" in ability.get("heeds", []) else [],
            guidance=model.get("guidance"),
            heeds=ability.get("heeds"),
            starts=ability.get("starts", False),
            examples=ability.get("examples", False),
            largest=ability.get("largest", MAX_SIZE),
            sized=ability.get("sized", False),
            trained=_trained(facts["trained"]),
            scores=(known[name] / "scores.json").is_file(),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PainterError(f"the painter '{name}' is damaged ({type(error).__name__}): import or train it again") from error


def check(found: PainterOut, conditions: dict[str, str], pictures: dict[str, Any]) -> None:
    """Refuse conditions and names that a painter does not know, and text where pictures are wanted, which could name files.

    Raises:
        WishError: one of these.
    """
    known = {condition.name: condition for condition in found.conditions}
    for name in [*conditions, *pictures]:
        if name not in known or name == "text":
            allowed = [each for each in known if each != "text"]
            raise WishError(f"{found.name} cannot be asked for '{name}': {choices(name, allowed)}")
    for name, text in conditions.items():
        if known[name].pictures:
            raise WishError(f"{found.name} takes '{name}' from pictures: name uploaded ones in 'pictures'")
        allowed = known[name].names
        asked = [part.partition(":")[0].strip() for part in text.split(",")] if allowed else []
        stray = next((each for each in asked if each not in allowed), None)
        if stray is not None:
            raise WishError(f"there is no {name} '{stray}': {choices(stray, allowed)}")
    for name in pictures:
        if not known[name].pictures:
            raise WishError(f"{found.name} does not take '{name}' from pictures: give it in 'conditions'")


def _condition(name: str, state: dict[str, Any], units: dict[str, str]) -> ConditionOut:
    kind = str(state.get("kind", name))
    names = list(state.get("names", []))
    return ConditionOut(name=name, names=names, pictures=kind.endswith("-pictures"), unit=units.get(kind))


def _trained(facts: dict[str, Any]) -> dict[str, Any]:
    """What a painter learnt from, as far as people want to read it."""
    told = {name: facts[name] for name in ("set", "pictures", "seen") if name in facts}
    licences = sum((Counter(lesson.get("licences", {})) for lesson in lessons(facts)), Counter[str]())
    return told | {"licences": dict(licences.most_common())} | ({"start": facts["start"]["name"]} if "start" in facts else {})


def _abilities(studio: Studio) -> dict[str, Any]:
    file = studio.folder / "families.json"
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf8"))
    except (OSError, ValueError):
        return {}
    return found
