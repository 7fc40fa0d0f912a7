"""Puts the page of the studio into the wheel, where `make web` has built it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface):
    """A wheel without the page is whole too: `danqing serve` then says how to get it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the page's folder to the wheel."""
        page = Path(self.root) / "web" / "dist"
        if version == "standard" and (page / "index.html").is_file():
            build_data["force_include"][str(page)] = "danqing/page"
