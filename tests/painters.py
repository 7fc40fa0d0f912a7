"""A painter small enough to paint in milliseconds, with weights that nobody trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from danqing.conditions.condition import Condition
from danqing.conditions.conditioner import fit
from danqing.files import home
from danqing.painters.painter import PainterFacts, write
from danqing.painters.registry import build, settings
from danqing.parts.contract import Key
from danqing.words import Picture

PICTURES = [
    Picture("a", {"en": ("red apple", "fruit"), "zh": ("红苹果",)}, style="ink"),
    Picture("b", {"en": ("blue fish", "animal"), "zh": ("蓝鱼",)}, style="oil"),
]
MODEL = {"preset": "small", "backbone": {"kind": "unet", "widths": [16, 32], "depths": [1, 1], "attention": [False, True]}}


def make_painter(name: str = "tiny", channels: int = 4, size: tuple[int, int] = (16, 16), seed: int = 0) -> Path:
    """Write a painter to `$DANQING_HOME/painters`; its weights are noise, so that every input matters."""
    return write_painter(name, "diffusion", {**MODEL, "steps": 4}, fit(PICTURES), channels, size, seed)


def make_upscaler(name: str, seed: int = 0) -> Path:
    """Likewise one that enlarges four times."""
    return write_painter(name, "upscaler", {"width": 8, "blocks": 1}, {}, 4, (64, 64), seed)


def write_painter(
    name: str,
    kind: str,
    given: Mapping[str, Any],
    conditions: Mapping[str, Condition[Any]],
    channels: int,
    size: tuple[int, int],
    seed: int,
) -> Path:
    """A painter of any family."""
    model = settings(kind, given)
    torch.manual_seed(seed)  # torch's own layers draw their first weights from its global state
    family = build(kind, model, conditions, channels, 1, size)
    with torch.no_grad():
        for place, parameter in enumerate(family.parameters()):
            parameter.add_(Key(seed).at(place).normal(*parameter.shape), alpha=0.1)
    facts = PainterFacts(
        name=name,
        family=kind,
        model=model.plain(),
        channels=channels,
        size=size,
        conditions={key: condition.state() for key, condition in conditions.items()},
        trained={"set": "none", "fingerprint": "none", "pictures": 2, "seen": 0, "length": 1, "licences": {}},
    )
    folder = home() / "painters" / name
    write(folder, facts, family.state_dict(), {})
    return folder
