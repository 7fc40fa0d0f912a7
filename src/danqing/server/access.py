"""Who asks, and what they may do. Every route of the API names the role it needs; a test goes through them all."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers

from danqing.errors import LoginError, RightsError
from danqing.server.studio import Open, Studio
from danqing.store.tables import Role
from danqing.store.users import Who

COOKIE = "danqing"


def _who(request: Request, studio: Open) -> Who:
    """Whoever asks.

    Raises:
        LoginError: nobody.
    """
    return somebody(studio, request.headers, request.cookies.get(COOKIE))


async def known(studio: Studio, headers: Headers) -> bool:
    """Whether these headers are of somebody who is let in."""
    cookie = SimpleCookie()
    with contextlib.suppress(CookieError):
        cookie.load(headers.get("cookie", ""))
    token = cookie[COOKIE].value if COOKIE in cookie else None
    try:
        await run_in_threadpool(somebody, studio, headers, token)
    except LoginError:
        return False
    return True


def somebody(studio: Studio, headers: Headers, token: str | None) -> Who:
    """Whoever asks: by key, by cookie, or, where only this machine reaches the studio and it has no users, its owner.

    Raises:
        LoginError: nobody.
    """
    key = _key(headers.get("authorization", ""))
    open_to_all = studio.settings.local and not studio.users.any()
    # Clients of other services must send some key, so where everybody may come in, none is looked at.
    if open_to_all:
        return studio.users.local()
    if key:
        found = studio.users.by_key(key)
        if found is None:
            raise LoginError("the key is wrong or was removed: make one in the studio's settings")
        return found
    found = studio.users.by_cookie(token) if token else None
    if found is None:
        raise LoginError("nobody is logged in: log in, or send a key as 'Authorization: Bearer KEY'")
    return found


def still(studio: Studio, request: Request, who: Who) -> bool:
    """Whether what a request was let in by still lets in who it was: its key may be removed since, its browser logged out."""
    try:
        return somebody(studio, request.headers, request.cookies.get(COOKIE)).id == who.id
    except LoginError:
        return False


def _key(header: str) -> str:
    """The key in an `Authorization` header; clients that know only a name and a password send it as the password."""
    scheme, _, given = header.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() == "basic":
        with contextlib.suppress(ValueError):
            return base64.b64decode(given).decode().partition(":")[2]
    return ""


def needs(role: Role) -> Callable[..., Who]:
    """A dependency: somebody whose role is at least this one."""

    def check(who: Annotated[Who, Depends(_who)]) -> Who:
        if not who.may(role):
            raise RightsError(f"this needs the role '{role}', and {who.name} is a {who.role}: ask an admin")
        return who

    check.role = role  # type: ignore[attr-defined]  # what the test of every route reads
    return check


Viewer = Annotated[Who, Depends(needs("viewer"))]
Maker = Annotated[Who, Depends(needs("maker"))]
Admin = Annotated[Who, Depends(needs("admin"))]
