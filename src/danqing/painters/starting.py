"""What a training takes over from a painter it starts from: its settings, its conditions, its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from danqing.conditions.condition import Condition
from danqing.conditions.style import StyleCondition
from danqing.config import merge, unlike
from danqing.data.picture_set import PictureSet
from danqing.errors import TrainingError
from danqing.painters.painter import Painter
from danqing.painters.registry import entry
from danqing.parts.blocks import ContextAttention, ResidualBlock
from danqing.parts.contract import Key
from danqing.words import Picture

GENTLE: Mapping[str, Mapping[str, Any]] = {
    "diffusion": {"lr": 5e-4, "warmup": 1_000, "cooldown": 0.5, "average": 2_000},
    "upscaler": {"lr": 3e-4, "warmup": 1_000, "cooldown": 0.5, "average": 2_000},
}
"""Settings of a family that are gentler where it has already learnt."""
REHEARSED = 300
"""Paintings of its own that a painter learns from beside new pictures."""
KEPT: Mapping[str, float] = {"diffusion": 0.2}
"""Share of its own weights that a painter of a family keeps, where it learns a style beside its own (decision 21)."""
PAINTED, REFINED = 400, 48_000
"""Paintings that a refiner learns from, and pictures that its training sees."""
LOOKS, LEAST, MOST = 120, 6_000, 60_000
"""How often each picture is seen in a fine-tuning, and bounds of the whole."""


def length(count: int) -> int:
    """Pictures to be seen of so many that are learnt from."""
    return min(MOST, max(LEAST, LOOKS * count))


def proposed(base: Painter, pictures: PictureSet, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a training that starts from a painter, where they are not given.

    Args:
        base: the painter.
        pictures: the set.
        given: what the user asked for.

    Raises:
        TrainingError: another family or number of channels was given.
    """
    facts = base.facts
    if base.family.refines:
        raise TrainingError(f"'{base.name}' is refined already: start from the painter that it was made from, or name another")
    refines = entry(str(given.get("family", facts.family))).family.refines
    for name, own in (("family", "refined" if refines else facts.family), ("channels", facts.channels)):
        if given.get(name, own) != own:
            raise TrainingError(f"the painter '{base.name}' has {name} {own}, and {given[name]} was given: leave it out")
    # Of what it learnt there nothing is forgotten, and its paintings would pass for real ones; what was held out stays so.
    anew = facts.trained["fingerprint"] != pictures.manifest.fingerprint
    chosen = {} if anew else {name: facts.trained[name] for name in ("held_out", "groups") if name in facts.trained}
    if refines:
        return chosen | _refined(base, pictures, given)
    model = merge(facts.model, GENTLE.get(facts.family, {}))
    model |= {"few": 0} if "few" in model else {}  # a base that learnt few steps itself teaches pictures, not steps
    few = given.get("model", {}).get("few")
    if few:
        model = merge(model, {"steps": few, "last": 0.0, "doubt": 0.0, "guidance": 1.0, "sampler": "ddim", "spins": 1})
    rehearses = anew and bool(base.conditions) and not few and not base.family.starts
    return chosen | {
        "name": f"{pictures.name}-from-{base.name}",
        "family": facts.family,
        "size": facts.size,
        "shown": facts.shown,
        "channels": facts.channels,
        "rehearse": REHEARSED if rehearses else 0,
        "kept": KEPT.get(facts.family, 0.0) if rehearses else 0.0,
        "pictures_seen": length(len(pictures)),
        "model": model,
    }


def _refined(base: Painter, pictures: PictureSet, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a refiner of a painter, for the style that a set is in.

    Raises:
        TrainingError: the painter is no diffusion; or the set is in a style it does not know, or in several but not all; or
            what the painter and the set settle was given otherwise.
    """
    facts, style = base.facts, base.conditions.get("style")
    if facts.family != "diffusion":
        raise TrainingError(
            f"'{base.name}' is of the family '{facts.family}', and painters of the family 'diffusion' alone are refined: "
            "name one of those"
        )
    found, names = set[str](), tuple[str, ...]()
    if isinstance(style, StyleCondition):
        names = style.names
        own = style.own if style.own == pictures.name else pictures.name
        found = {picture.style or own for picture in pictures.pictures}
        if wrong := sorted(found - set(names)):
            raise TrainingError(
                f"the painter '{base.name}' knows no style '{wrong[0]}': let it learn the set first "
                f"(danqing train --data {pictures.name} --from {base.name}), and refine the painter that comes of it"
            )
        if 1 < len(found) < len(names):
            raise TrainingError(
                f"the set '{pictures.name}' is in {len(found)} of the styles that '{base.name}' knows: give a set that is in "
                "one of them, or in all"
            )
    model = {
        "base": {"family": facts.family, "model": facts.model},
        "style": next(iter(found)) if len(found) == 1 < len(names) else "",
    }
    side = given.get("size", facts.size)
    told = {"size": (side, side) if isinstance(side, int) else side, "conditions": given.get("conditions")}
    told |= {f"model.{name}": value for name, value in given.get("model", {}).items() if name in model}
    settled = {"size": facts.size, "conditions": None, **{f"model.{name}": value for name, value in model.items()}}
    if wrong := list(unlike(json.loads(json.dumps(told)), json.loads(json.dumps(settled)))):
        raise TrainingError(f"the setting {wrong[0]} was given otherwise than '{base.name}' and the set have it: leave it out")
    return {
        "name": f"{base.name}-refined",
        "family": "refined",
        "size": facts.size,
        "shown": facts.shown,
        "channels": facts.channels,
        "rehearse": PAINTED,
        "pictures_seen": REFINED,
        "flip": 0.5,
        "shift": 2,
        "model": {
            **entry("refined").presets["small"],
            "view": 2 * max(facts.size),
            **model,
        },
    }


def way(base: Painter, pictures: PictureSet, given: Mapping[str, Any]) -> dict[str, Any]:
    """From which style to which a base that translates goes, where the set has such pictures and nothing else is asked for."""
    known = {picture.style for picture in pictures.pictures}
    start = base.facts.trained.get("from_style")
    ends = tuple(style for style in base.facts.trained.get("to_styles") or () if style in known)
    asked = given.get("to_styles") or ()
    asked = (asked,) if isinstance(asked, str) else asked
    if start not in known or given.get("from_style") or start in asked:
        return {}
    return {"from_style": start} | ({"to_styles": ends} if ends and not asked else {})


def widened(conditions: Mapping[str, Condition[Any]], pictures: Sequence[Picture], data: str) -> dict[str, Condition[Any]]:
    """The base's conditions, with room for what it did not know."""
    return {name: condition.widened(pictures, data) for name, condition in conditions.items()}


def grown(family: nn.Module, base: nn.Module, name: str) -> dict[str, Tensor]:
    """The base's weights in the shapes of a learner that may have more of something.

    New rows of what conditions know begin among the old. Blocks and attention that the base has not stay fresh: they begin as
    the identity, so that a deeper painter begins where the base ended (Chen, Goodfellow & Shlens 2016, "Net2Net", section 2.3).

    Raises:
        TrainingError: it is built otherwise.
    """
    own, old = family.state_dict(), base.state_dict()
    free = tuple(f"{at}." for at, module in family.named_modules() if isinstance(module, ResidualBlock | ContextAttention))
    found = {key: tensor for key, tensor in own.items() if key not in old and key.startswith(free)}
    if own.keys() != old.keys() | found.keys():
        raise _otherwise(name)
    for key, tensor in old.items():
        missing = own[key].shape[0] - tensor.shape[0] if tensor.ndim else 0
        if own[key].shape[1:] != tensor.shape[1:] or missing < 0 or (missing and "encoders." not in key):
            raise _otherwise(name)
        found[key] = torch.cat([tensor, _strangers(tensor, missing, key)]) if missing else tensor
    return found


def drawn_back(learnt: Mapping[str, Tensor], base: nn.Module, share: float) -> dict[str, Tensor]:
    """Weights on the line from what was learnt back to the base's (Wortsman et al. 2022, "Robust fine-tuning of zero-shot
    models", equation 1).

    Args:
        learnt: of a learner that began as `grown`; what the base has not stays.
        base: where it began.
        share: of the way, in [0, 1).
    """
    found = dict(learnt)
    for name, old in base.named_parameters() if share else ():
        found[name] = found[name].clone()
        rows = found[name][: len(old)] if old.ndim else found[name]
        rows.lerp_(old.to(rows), share)
    return found


def _otherwise(name: str) -> TrainingError:
    return TrainingError(
        f"the painter '{name}' is built otherwise than was asked: more blocks (depths) and attention may be asked for; leave "
        "out the size and other settings of the network"
    )


def _strangers(rows: Tensor, count: int, name: str) -> Tensor:
    """New rows as far from the old ones' mean as those are, in directions of their own.

    At the mean itself a new style would be a mixture of the old ones, and a gentle training hardly takes it away from there.
    """
    mean, spread = rows.mean(0, keepdim=True), rows.std(0, correction=0).square().mean().sqrt()
    return mean + spread * Key("stranger").at(name).normal(count, *rows.shape[1:]).to(rows)
