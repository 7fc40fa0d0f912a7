"""The OpenAPI document of the API, as the types of the page are made from it: `python -m danqing.server.schema`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from danqing.server.app import build
from danqing.server.studio import Settings, Studio


def document() -> dict[str, Any]:
    """The OpenAPI document, of a studio that nobody works in."""
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio.open(Settings(workers=False), Path(folder))
        try:
            return build(studio).openapi()
        finally:
            studio.database.close()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document(), indent=1, sort_keys=True, ensure_ascii=False) + "\n")
