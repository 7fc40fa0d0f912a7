"""A painter on disk and in memory: weights, settings, conditions, tokenizer, card. Never pickle, never code."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from danqing.conditions.condition import Condition
from danqing.conditions.conditioner import revive
from danqing.config import Config
from danqing.errors import PainterError, WishError, choices
from danqing.files import write_atomically
from danqing.painters.registry import build, settings
from danqing.painters.shelf import describe, find, own
from danqing.parts.contract import Family
from danqing.parts.packing import Stored, pack, unpack

FORMAT = 3
"""1 knew no `balanced`: its painters are opened without. 2 knew no `maps` of a GAN's critic: all had 48 channels."""

ATTRIBUTIONS = "ATTRIBUTIONS.md"
"""Whose pictures a painter learnt from."""


class PainterFacts(Config):
    """What `config.json` says.

    Args:
        size: (height, width) it was trained at.
        model: its family's settings, whole.
        conditions: the state of each condition; the tokenizer lies beside, in `tokenizer.json`.
        shown: (height, width) of its paintings where a wish does not say; `size` by default. What is larger is enlarged.
        trained: on what and for how long: set, fingerprint, pictures, licences, seen, versions; "start", where it started from
            another painter: that one's "name", "weights" (sha256) and "trained".
    """

    format: int = FORMAT
    name: str
    family: str
    model: dict[str, Any]
    channels: int
    size: tuple[int, int]
    conditions: dict[str, dict[str, Any]]
    trained: dict[str, Any]
    shown: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Painter:
    """A painter in memory.

    Args:
        facts: what its `config.json` says.
        family: the network, in evaluation mode.
        conditions: what it can be asked for, by name.
        weights_sha256: of its weights file; names exactly this painter in a replay record.
        folder: where it lies.
    """

    facts: PainterFacts
    family: Family
    conditions: Mapping[str, Condition[Any]]
    weights_sha256: str
    folder: Path

    @property
    def name(self) -> str:
        """Its name."""
        return self.facts.name

    @property
    def attributions(self) -> str:
        """Whose pictures it learnt from, in markdown; empty where its folder does not say."""
        file = self.folder / ATTRIBUTIONS
        return file.read_text(encoding="utf8") if file.is_file() else ""


def write(
    folder: Path, facts: PainterFacts, weights: Mapping[str, Tensor], files: Mapping[str, bytes], stored: Stored = "float32"
) -> None:
    """Write a painter's folder, file by file, each whole or not at all; `config.json` comes last and makes it one.

    Args:
        folder: where; made if missing.
        facts: its settings; a condition's "tokenizer" is put into `tokenizer.json`.
        weights: by name.
        files: other files by name (the card, attributions, scores).
        stored: how; see `danqing.parts.packing`.
    """
    plain = facts.plain()
    tokenizer = plain["conditions"].get("text", {}).pop("tokenizer", None)
    write_atomically(folder / "weights.safetensors", save_tensors(pack(weights, stored)))
    if tokenizer is not None:
        write_atomically(folder / "tokenizer.json", tokenizer.encode())
    for name, content in files.items():
        write_atomically(folder / name, content)
    write_atomically(folder / "config.json", json.dumps(plain, indent=1, ensure_ascii=False).encode())


def read_facts(folder: Path) -> PainterFacts:
    """The settings of the painter in a folder.

    Raises:
        PainterError: they cannot be read, or come from a newer Danqing.
    """
    try:
        plain = json.loads((folder / "config.json").read_text(encoding="utf8"))
        if (folder / "tokenizer.json").is_file():
            plain["conditions"]["text"]["tokenizer"] = (folder / "tokenizer.json").read_text(encoding="utf8")
        if plain.get("format") == 1:
            _unbalanced(plain)
        if plain.get("format") in (1, 2) and plain["family"] == "gan":
            plain["model"].setdefault("maps", [48] * 4)
        facts = PainterFacts.read(plain, f"{folder}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PainterError(f"the painter in '{folder}' is damaged ({error}): import or train it again") from error
    if facts.format > FORMAT:
        raise PainterError(f"the painter in '{folder}' has format {facts.format}: this Danqing reads up to {FORMAT}; update it")
    return facts


def _unbalanced(plain: dict[str, Any]) -> None:
    """Say of a painter of format 1 what it was built like."""
    backbone, text = plain["model"].get("backbone", {}), plain["conditions"].get("text", {})
    if backbone.get("kind") == "unet":
        backbone["balanced"] = False
    if "encoder" in text:
        text["encoder"]["balanced"] = False


def open_painter(name: str, device: torch.device | None = None) -> Painter:
    """A painter ready to paint, by name or folder.

    Raises:
        PainterError: there is none, or its files are damaged.
    """
    folder = find(name)
    facts = read_facts(folder)
    try:
        content = (folder / "weights.safetensors").read_bytes()
        conditions = revive(facts.conditions)
        config = settings(facts.family, facts.model)
        family = build(facts.family, config, conditions, facts.channels, int(facts.trained.get("length", 0)), facts.size)
        family.load_state_dict(unpack(load_tensors(content)))
    except (OSError, RuntimeError, KeyError, safetensors.SafetensorError) as error:
        raise PainterError(f"the painter in '{folder}' is damaged ({error}): import or train it again") from error
    family = family.eval().requires_grad_(False).to(device or torch.device("cpu"))
    return Painter(facts, family, conditions, hashlib.sha256(content).hexdigest(), folder)


TUNING = "tuning.json"
"""What a search wrote beside a painter: how it found the settings, and which were there before."""
UNTUNED = "untuned"
"""What there says which settings were there before the first search, where it was not the only one."""


def tuned(painter: Painter) -> dict[str, Any]:
    """Its family's settings that only painting heeds, and that a search may have changed."""
    plain = settings(painter.facts.family, painter.facts.model).plain()
    return {name: plain[name] for name in painter.family.tunable}


def untuned(painter: Painter) -> dict[str, Any]:
    """The same as they were before the first search that changed them."""
    file = painter.folder / TUNING
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf8")) if file.is_file() else {}
    before = told.get(UNTUNED, told.get("before", {}))
    return tuned(painter) | {name: value for name, value in before.items() if name in painter.family.tunable}


def as_then(painter: Painter, recorded: Mapping[str, Any]) -> Painter:
    """The painter with the settings that a record holds. One that holds none is of before any search; what one that holds some
    does not know was not there yet, which is the same as a family's own default."""
    if not recorded:
        return altered(painter, untuned(painter))
    usual = settings(painter.facts.family, {}).plain()
    return altered(painter, {**{name: usual[name] for name in painter.family.tunable}, **recorded})


def altered(painter: Painter, changes: Mapping[str, Any], weights: Mapping[str, Tensor] | None = None) -> Painter:
    """The same painter in memory with other settings of its family, of those that only painting heeds.

    Args:
        painter: stays as it is.
        changes: settings, by name.
        weights: another average's, by name.

    Raises:
        WishError: another setting was named.
    """
    wrong = next((name for name in changes if name not in painter.family.tunable), None)
    if wrong is not None:
        raise WishError(f"the setting '{wrong}' cannot be changed after training: {choices(wrong, painter.family.tunable)}")
    now = tuned(painter)
    if weights is None and dict(changes) == {name: now[name] for name in changes}:
        return painter
    facts = painter.facts.model_copy(update={"model": {**painter.facts.model, **changes}})
    config = settings(facts.family, facts.model)
    family = build(facts.family, config, painter.conditions, facts.channels, int(facts.trained.get("length", 0)), facts.size)
    family.load_state_dict(painter.family.state_dict() if weights is None else weights)
    family = family.eval().requires_grad_(False).to(next(painter.family.parameters()).device)
    return dataclasses.replace(painter, facts=facts, family=family)


def writable(name: str) -> Path:
    """The folder of a painter that may be changed; one of the box is copied home first.

    Raises:
        PainterError, OutputError: there is none, or its folder cannot be written to.
    """
    folder = own(name)
    write_atomically(folder / ".writable", b"").unlink()
    return folder


def amend(
    folder: Path,
    weights: str,
    changes: Mapping[str, Any],
    files: Mapping[str, bytes],
    average: Mapping[str, Tensor] | None = None,
) -> None:
    """Change settings of a painter's family on disk.

    Args:
        folder: from `writable`.
        weights: sha256 of those the settings are for.
        changes: settings, by name.
        files: to be written beside them, by name.
        average: other weights, packed; paintings of the old ones can then no longer be replayed.

    Raises:
        PainterError, OutputError: the weights are others by now, or the folder cannot be written to.
    """
    if hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest() != weights:
        raise PainterError(f"'{folder}' has other weights by now, so settings found for the old ones mean nothing: try again")
    plain = describe(str(folder))
    plain["model"] |= changes
    if average is not None:
        files = {"weights.safetensors": save_tensors(dict(average)), **files}
    for file, content in files.items():
        write_atomically(folder / file, content)
    write_atomically(folder / "config.json", json.dumps(plain, indent=1, ensure_ascii=False).encode())


def adjust(name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change how a painter paints where a wish does not say; pictures of before are still replayed as they were painted.

    A training of it that goes on leaves it with the settings of its run again.

    Args:
        name: of the painter; one of the box is copied home first.
        changes: settings of its family that only painting heeds, by name.

    Returns:
        All of these settings, as they are now.

    Raises:
        WishError, ConfigError: there is no such setting, or not with this value.
        PainterError, OutputError: there is no such painter, or its folder cannot be written to.
    """
    painter = open_painter(name)
    before, after = tuned(painter), tuned(altered(painter, changes))
    if after == before:
        return after
    folder = writable(name)
    old = json.loads((folder / TUNING).read_text(encoding="utf8")) if (folder / TUNING).is_file() else {}
    found = old.get("found", old)  # by a search; it stays, however often its painter is adjusted
    told = {"before": before, "after": after, UNTUNED: untuned(painter), "adjusted": sorted(changes), "found": found}
    read = {setting: after[setting] for setting in changes}
    amend(folder, painter.weights_sha256, read, {TUNING: json.dumps(told, indent=1).encode()})
    return after
