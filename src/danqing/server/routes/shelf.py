"""Painters, their scores, and sets of pictures."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from danqing.data.picture_set import names, place_of
from danqing.errors import DataError, MissingError
from danqing.painters.shelf import find
from danqing.server.access import Viewer
from danqing.server.shelf import painter, painters
from danqing.server.studio import Open
from danqing.server.wire import PainterOut, SetOut

router = APIRouter(prefix="/api", tags=["painters"])


@router.get("/painters")
def all_painters(studio: Open, who: Viewer) -> list[PainterOut]:
    """Every painter, by name."""
    return painters(studio)


@router.get("/painters/{name}")
def one_painter(name: str, studio: Open, who: Viewer) -> PainterOut:
    """One painter."""
    return painter(studio, name)


@router.get("/painters/{name}/card", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def card(name: str, studio: Open, who: Viewer) -> Response:
    """A painter's card, Markdown: what it is, what it learnt from, what it can and cannot do."""
    return PlainTextResponse(_read(painter(studio, name).name, "README.md"))


@router.get("/painters/{name}/scores")
def scores(name: str, studio: Open, who: Viewer) -> dict[str, Any]:
    """How a painter was scored, as `danqing evaluate` wrote it."""
    found: dict[str, Any] = json.loads(_read(painter(studio, name).name, "scores.json"))
    return found


@router.get("/sets", tags=["sets"])
def sets(who: Viewer) -> list[SetOut]:
    """Sets of pictures, by name."""
    found = []
    for name in names():
        try:
            facts = json.loads((place_of(name) / "manifest.json").read_text(encoding="utf8"))
            found.append(
                SetOut(name=name, pictures=facts["pictures"], source=facts["source"], licences=facts.get("licences", {}))
            )
        except (OSError, ValueError, KeyError, DataError):
            continue
    return found


def _read(name: str, file: str) -> str:
    path = find(name) / file
    if not path.is_file():
        raise MissingError(f"the painter '{name}' has no {file}: train or evaluate it first")
    return path.read_text(encoding="utf8")
