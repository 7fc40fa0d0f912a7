"""What A1111's clients set once and rely on afterwards: the painter, for each user. It outlives the process."""

from __future__ import annotations

import json
import threading

from danqing.files import write_atomically
from danqing.painters.shelf import names
from danqing.server.shelf import painter
from danqing.server.studio import Studio
from danqing.server.wire import WishIn
from danqing.store.users import Who

_CHANGING = threading.Lock()
_DEFAULT: str = WishIn.model_fields["painter"].default


def choose(studio: Studio, who: Who, name: str) -> None:
    """Let a painter be a user's.

    Raises:
        MissingError: there is no such painter.
    """
    painter(studio, name)
    with _CHANGING:
        write_atomically(studio.folder / "a1111.json", json.dumps({**_kept(studio), who.id: name}, indent=1).encode())


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
