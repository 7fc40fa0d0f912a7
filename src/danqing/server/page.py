"""The page: files that `make web` built, served with a policy that lets nothing else in."""

from __future__ import annotations

import secrets
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, Response

from danqing.errors import MissingError

PLACES = (Path(__file__).parents[1] / "page", Path(__file__).parents[3] / "web" / "dist")
"""Where it lies: in the package, and in a checkout."""
NONCE = "__NONCE__"
"""What stands in the page where the number of this answer goes, which its own styles carry."""
ABSENT = """The page of the studio is not built here; the API answers (/docs/openapi.json).
In a checkout, 'make web' builds it; released wheels carry it.
"""


def built() -> Path | None:
    """The folder of the page, where there is one."""
    return next((place for place in PLACES if (place / "index.html").is_file()), None)


def install(app: FastAPI) -> None:
    """Let an app serve it."""

    @app.get("/assets/{name}", include_in_schema=False, response_class=FileResponse)
    def asset(name: str) -> FileResponse:
        place = built()
        path = None if place is None else place / "assets" / name
        if path is None or "/" in name or "\\" in name or not path.is_file():
            raise MissingError("there is no such file: reload the page")
        return FileResponse(path, headers={"Cache-Control": "public, max-age=31536000, immutable"})

    @app.get("/", include_in_schema=False)
    @app.get("/{where:path}", include_in_schema=False)
    def page(where: str = "") -> Response:
        if where.startswith(("api/", "v1/", "sdapi/", "docs/", "assets/")):
            raise MissingError(f"there is nothing at '/{where}': /docs/openapi.json says what there is")
        place = built()
        if place is None:
            return PlainTextResponse(ABSENT, 404)
        nonce = secrets.token_urlsafe(16)
        text = (place / "index.html").read_text(encoding="utf8").replace(NONCE, nonce)
        return HTMLResponse(text, headers={"Content-Security-Policy": policy(nonce), "Cache-Control": "no-cache"})


def policy(nonce: str) -> str:
    """What the page may do: run its own scripts, show its own pictures, talk to its own studio."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self' blob: data:",
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )
