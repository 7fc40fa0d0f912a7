"""Logging in and out, users, and keys for programs."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from danqing import __version__
from danqing.server.access import COOKIE, Admin, Viewer
from danqing.server.limits import network
from danqing.server.problems import RefusalError
from danqing.server.studio import Open
from danqing.server.wire import Health, Identifier, KeyIn, KeyOut, LoginIn, Me, PasswordIn, UserChange, UserIn, UserOut
from danqing.store.tables import LOCAL
from danqing.store.users import STAYS

router = APIRouter(prefix="/api", tags=["accounts"])

TRIES = 10
"""Times in a minute that somebody may try to log in, or to name the password they have."""


@router.get("/health")
def health(studio: Open) -> Health:
    """Whether the studio lives."""
    return Health(version=__version__, workers=studio.workshop.alive)


@router.get("/me")
def me(who: Viewer) -> Me:
    """Who asks."""
    return Me(id=who.id, name=who.name, role=who.role, local=who.id == LOCAL)


@router.post("/login")
def log_in(asked: LoginIn, request: Request, response: Response, studio: Open) -> Me:
    """Log a browser in."""
    address = network(request.client.host) if request.client else ""
    name = asked.name.strip().lower()
    # Of one name from one address; by name alone a hundred times more, or anybody could lock anybody out.
    studio.limits.take(f"login of {name} from {address}", TRIES, "tries")
    studio.limits.take(f"login from {address}", 3 * TRIES, "tries")
    studio.limits.take(f"login of {name}", 100 * TRIES, "tries")
    who, token = studio.users.log_in(asked.name, asked.password)
    response.set_cookie(COOKIE, token, max_age=int(STAYS), httponly=True, samesite="strict", secure=studio.settings.https)
    return Me(id=who.id, name=who.name, role=who.role, local=False)


@router.post("/password", status_code=204)
def change_password(asked: PasswordIn, studio: Open, who: Viewer) -> None:
    """Give yourself another password. Every browser has to log in again, and keys end."""
    # A bucket of its own: that of logins holds more, and a login would fill it anew.
    studio.limits.take(f"password of {who.id}", TRIES, "tries")
    if not studio.users.fits(who.id, asked.old):
        # No 401, which says that nobody is logged in.
        message = "the password that you gave as the one you have is wrong: type it again, or ask an admin for another one"
        raise RefusalError(403, message, "wrong_password", "old")
    studio.users.change(who.id, password=asked.new)


@router.post("/logout", status_code=204)
def log_out(request: Request, response: Response, studio: Open) -> None:
    """Log a browser out."""
    token = request.cookies.get(COOKIE)
    if token:
        studio.users.log_out(token)
    response.delete_cookie(COOKIE)


@router.get("/users")
def users(studio: Open, who: Admin) -> list[UserOut]:
    """Everybody."""
    return [UserOut.of(user) for user in studio.users.all()]


@router.post("/users", status_code=201)
def add_user(asked: UserIn, studio: Open, who: Admin) -> UserOut:
    """A new user. The first is an admin, and takes over what was painted before there were users."""
    return UserOut.of(studio.users.add(asked.name, asked.password, asked.role))


@router.patch("/users/{user_id}")
def change_user(user_id: Identifier, asked: UserChange, studio: Open, who: Admin) -> UserOut:
    """Another role or password, or no entry any more."""
    return UserOut.of(studio.users.change(user_id, asked.role, asked.active, asked.password))


@router.get("/keys")
def keys(studio: Open, who: Viewer) -> list[KeyOut]:
    """Your keys."""
    return [KeyOut.of(key) for key in studio.users.keys(who.id)]


@router.post("/keys", status_code=201)
def add_key(asked: KeyIn, studio: Open, who: Viewer) -> KeyOut:
    """A new key, for programs that send it as `Authorization: Bearer KEY`. It is told this once."""
    return KeyOut.of(*studio.users.add_key(who.id, asked.name))


@router.delete("/keys/{key_id}", status_code=204)
def remove_key(key_id: Identifier, studio: Open, who: Viewer) -> None:
    """Make a key worthless."""
    studio.users.remove_key(who.id, key_id)
