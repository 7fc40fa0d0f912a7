"""What A1111's clients set once and rely on afterwards: the painter, for each user. It outlives the process."""

from __future__ import annotations

import json
import threading
from typing import Any

from danqing.files import write_atomically
from danqing.painters.shelf import names
from danqing.server.problems import RefusalError
from danqing.server.shelf import painter
from danqing.server.studio import Studio
from danqing.server.wire import WishIn
from danqing.store.users import Who

_CHANGING = threading.Lock()
_DEFAULT: str = WishIn.model_fields["painter"].default


def options(studio: Studio, who: Who) -> dict[str, Any]:
    """All there are, with their values."""
    return {"sd_model_checkpoint": chosen(studio, who), "samples_format": "png", "samples_save": True, "grid_save": False}


def change(studio: Studio, who: Who, wanted: dict[str, Any]) -> None:
    """Set some; what is as wanted already may be among them, since clients send back what they were given.

    Raises:
        RefusalError, MissingError: one cannot be set so; then none is.
    """
    known = options(studio, who)
    for name, value in wanted.items():
        if name not in known:
            raise _wrong(name, f"there is no option '{name[:40]}': there are {', '.join(known)}")
        if name == "sd_model_checkpoint" and isinstance(value, str):
            painter(studio, value)
        elif value != known[name]:
            raise _wrong(name, f"'{name}' is always {known[name]!r} here: leave it out")
    if "sd_model_checkpoint" in wanted:
        with _CHANGING:
            facts = {**_kept(studio), who.id: wanted["sd_model_checkpoint"]}
            write_atomically(studio.folder / "a1111.json", json.dumps(facts, indent=1).encode())


def chosen(studio: Studio, who: Who) -> str:
    """The painter that a user chose, where it is still there."""
    name = _kept(studio).get(who.id, _DEFAULT)
    return name if name in names() else _DEFAULT


def _kept(studio: Studio) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads((studio.folder / "a1111.json").read_text(encoding="utf8"))
    except (OSError, ValueError):
        return {}
    return found


def _wrong(name: str, message: str) -> RefusalError:
    return RefusalError(400, message, "invalid_value", name)
