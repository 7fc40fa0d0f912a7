"""The shelf: where painters lie, by name. No torch here, so listing them is quick."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from danqing.errors import OutputError, PainterError, choices
from danqing.files import home

BUNDLED = Path(__file__).parent / "bundled"
"""Painters that come along in the box."""


def names() -> dict[str, Path]:
    """Every painter there is, by name: the bundled ones, and those at home, which win where names are the same."""
    found: dict[str, Path] = {}
    for root in (BUNDLED, home() / "painters"):
        if root.is_dir():
            found |= {path.parent.name: path.parent for path in sorted(root.glob("*/config.json"))}
    return found


def find(name: str) -> Path:
    """The folder of a painter, from its name or the path of its folder.

    Raises:
        PainterError: there is none.
    """
    known = names()
    if name in known:
        return known[name]
    if (Path(name) / "config.json").is_file():
        return Path(name)
    raise PainterError(f"there is no painter '{name}': {choices(name, known)}; or give the path of a painter's folder")


def describe(name: str) -> dict[str, Any]:
    """What a painter's `config.json` says.

    Raises:
        PainterError: there is none, or the file is damaged.
    """
    folder = find(name)
    try:
        facts: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf8"))
    except (OSError, ValueError) as error:
        raise PainterError(f"the painter in '{folder}' is damaged ({error}): import or train it again") from error
    return facts


def usual(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a painter's settings, those of who paints: of one whose paintings are refined, its own painter's."""
    own: Mapping[str, Any] = model.get("base", {}).get("model", model)
    return own


def lessons(trained: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a painter learnt from, and before it what those learnt from that it started from; each set once.

    Args:
        trained: of its `config.json`.
    """
    found = [trained]
    while start := trained.get("start"):
        trained = start["trained"]
        # A set that was added again has another fingerprint.
        if not any(one.get("set") == trained.get("set") and one.get("licences") == trained.get("licences") for one in found):
            found.append(trained)
    return found


def bring(folder: Path) -> Path:
    """Copy a painter's folder home; returns the copy.

    Raises:
        PainterError: the folder holds no painter, or there is one of its name at home already.
    """
    if not (folder / "config.json").is_file() or not (folder / "weights.safetensors").is_file():
        raise PainterError(f"'{folder}' holds no painter: give a folder with config.json and weights.safetensors")
    name = str(describe(str(folder)).get("name", folder.name))
    return _copy(folder, home() / "painters" / name)


def own(name: str) -> Path:
    """The folder of a painter that may be changed: a painter of the box is copied home first.

    Raises:
        PainterError: there is none.
    """
    folder = find(name)
    return bring(folder) if BUNDLED in folder.parents else folder


def take(name: str, path: Path) -> Path:
    """Copy a painter to a new folder; returns it.

    Raises:
        PainterError: there is no such painter, or the folder exists.
    """
    return _copy(find(name), path)


def remove(name: str) -> None:
    """Delete a painter of one's own.

    Raises:
        PainterError: there is none of this name at home; a bundled painter cannot be removed.
    """
    folder = home() / "painters" / name
    own = {path.parent.name for path in (home() / "painters").glob("*/config.json")}
    if name not in own:
        raise PainterError(f"there is no painter '{name}' of your own to remove: {choices(name, own)}")
    shutil.rmtree(folder)


def _copy(source: Path, target: Path) -> Path:
    """Copy whole or not at all."""
    if target.exists():
        raise PainterError(f"'{target}' exists already: remove it first, or choose another name")
    partial = target.with_name(f".{target.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(source, partial)
        partial.rename(target)
    except OSError as error:
        raise OutputError(f"'{target}' cannot be written ({error.strerror or error}): give a folder that is yours") from error
    return target
