"""Users, who is logged in, and keys for programs. Passwords are kept as argon2id hashes, cookies and keys as SHA-256."""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
import threading
import time
from collections.abc import Sequence

import argon2
from sqlalchemy import delete, func, select, update

from danqing.errors import ConflictError, LoginError, MissingError, WishError, choices
from danqing.store.database import Database
from danqing.store.tables import LOCAL, ROLES, ApiKey, Board, Event, Job, Kept, Login, Role, Upload, User, new_id

SHORTEST = 10
"""Letters of a password, at least (NIST SP 800-63B-4 asks for 8, or 15 where nothing else is asked)."""
STAYS = 30 * 24 * 3600.0
"""Seconds a browser stays logged in."""
PREFIX = "dq-"
"""What every key begins with, so that a scanner for leaked secrets can tell."""

_HASHER = argon2.PasswordHasher()
_TURNS = threading.BoundedSemaphore(2)
"""Each hash takes 64 MiB and a processor, and whoever guesses passwords asks for many at once."""


@dataclasses.dataclass(frozen=True, slots=True)
class Who:
    """Somebody who asks for something."""

    id: str
    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether their role is at least this one."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Users:
    """The users of a database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        # Checked for names that do not exist, so that time tells nobody which do.
        self._local = False
        self._nobody = _HASHER.hash(secrets.token_hex(16))

    def local(self) -> Who:
        """The one user of a studio that only its own machine reaches."""
        if not self._local:
            with self.database.write() as session:
                if session.get(User, LOCAL) is None:
                    session.add(User(id=LOCAL, name=LOCAL, password="", role="admin", active=False, created=time.time()))
            self._local = True
        return Who(LOCAL, LOCAL, "admin")

    def any(self) -> bool:
        """Whether somebody can log in."""
        with self.database.read() as session:
            return bool(session.scalar(select(func.count()).select_from(User).where(User.active)))

    def all(self) -> list[User]:
        """Everybody, by name."""
        with self.database.read() as session:
            return list(session.scalars(select(User).where(User.id != LOCAL).order_by(User.name)))

    def add(self, name: str, password: str, role: str) -> User:
        """A new user. The first takes over what was made before there were any.

        Raises:
            WishError: the name or password will not do, or there is no such role.
            ConflictError: the name is taken.
        """
        name = name.strip()
        if not name or len(name) > 64 or not name.isprintable():
            raise WishError("a user's name has 1 to 64 letters: give another one")
        if role not in ROLES:
            raise WishError(f"there is no role '{role}': {choices(role, ROLES)}")
        hashed = _hash(password)
        with self.database.write() as session:
            first = session.scalar(select(User.id).where(User.id != LOCAL).limit(1)) is None
            if first and role != "admin":
                raise WishError("the first user manages the studio: give the role 'admin'")
            if session.scalar(select(User.id).where(User.name == name)) is not None:
                raise ConflictError(f"there is a user '{name}' already: choose another name")
            user = User(id=new_id("w"), name=name, password=hashed, role=role, active=True, created=time.time())
            session.add(user)
            session.flush()
            if first:
                session.execute(delete(ApiKey).where(ApiKey.user_id == LOCAL))
                for table in (Upload, Job, Kept, Board, Event):
                    session.execute(update(table).where(table.user_id == LOCAL).values(user_id=user.id))
            return user

    def named(self, name: str) -> User:
        """The user of a name.

        Raises:
            MissingError: there is none.
        """
        found = {user.name: user for user in self.all()}
        if name not in found:
            raise MissingError(f"there is no user '{name}': {choices(name, found)}")
        return found[name]

    def change(self, user_id: str, role: str | None = None, active: bool | None = None, password: str | None = None) -> User:
        """Another role or password for a user, or no entry any more. A new password logs them out everywhere and ends their
        keys.

        Raises:
            MissingError: there is none.
            ConflictError: nobody would be left to manage the studio.
            WishError: the password will not do.
        """
        if role is not None and role not in ROLES:
            raise WishError(f"there is no role '{role}': {choices(role, ROLES)}")
        hashed = None if password is None else _hash(password)
        with self.database.write() as session:
            user = session.get(User, user_id)
            if user is None or user.id == LOCAL:
                raise MissingError(f"there is no user '{user_id}': look at the list of users")
            user.role = role or user.role
            user.active = user.active if active is None else active
            session.flush()
            if not session.scalar(select(func.count()).select_from(User).where(User.active, User.role == "admin")):
                raise ConflictError("this is the last admin: make somebody else one first")
            if hashed is not None:
                user.password = hashed
            if hashed is not None or not user.active:
                for table in (Login, ApiKey):
                    session.execute(delete(table).where(table.user_id == user.id))
            return user

    def log_in(self, name: str, password: str) -> tuple[Who, str]:
        """Check a name and password; gives who it is, and what the browser's cookie is to hold.

        Raises:
            LoginError: they do not fit.
        """
        with self.database.read() as session:
            user = session.scalar(select(User).where(User.name == name.strip(), User.active))
        fits = _fits(self._nobody if user is None else user.password, password)
        if user is None or not fits:
            raise LoginError("name and password do not fit: try again")
        token = secrets.token_urlsafe(32)
        with self.database.write() as session:
            session.execute(delete(Login).where(Login.expires < time.time()))
            session.add(Login(token=_digest(token), user_id=user.id, expires=time.time() + STAYS))
        return _who(user), token

    def fits(self, user_id: str, password: str) -> bool:
        """Whether this is the password of a user."""
        with self.database.read() as session:
            user = session.get(User, user_id)
        return user is not None and _fits(user.password, password)

    def log_out(self, token: str) -> None:
        """Forget a browser."""
        with self.database.write() as session:
            session.execute(delete(Login).where(Login.token == _digest(token)))

    def by_cookie(self, token: str) -> Who | None:
        """Whose browser it is, if anybody's."""
        with self.database.read() as session:
            login = session.get(Login, _digest(token))
            user = None if login is None or login.expires < time.time() else session.get(User, login.user_id)
            return _who(user) if user is not None and user.active else None

    def by_key(self, key: str) -> Who | None:
        """Whose key it is, if anybody's."""
        with self.database.read() as session:
            found = session.scalar(select(ApiKey).where(ApiKey.hash == _digest(key)))
            user = None if found is None else session.get(User, found.user_id)
        if found is None or user is None or not (user.active or user.id == LOCAL):
            return None
        if time.time() - (found.used or 0.0) > 60.0:
            with self.database.write() as session:
                again = session.get(ApiKey, found.id)
                if again is not None:
                    again.used = time.time()
        return _who(user)

    def keys(self, user: str) -> Sequence[ApiKey]:
        """A user's keys."""
        with self.database.read() as session:
            return session.scalars(select(ApiKey).where(ApiKey.user_id == user).order_by(ApiKey.id)).all()

    def add_key(self, user: str, name: str) -> tuple[ApiKey, str]:
        """A new key; it is told this once and never again."""
        key = PREFIX + secrets.token_urlsafe(32)
        with self.database.write() as session:
            found = ApiKey(
                id=new_id("k"), user_id=user, name=name, hint=key[:8], hash=_digest(key), created=time.time(), used=None
            )
            session.add(found)
        return found, key

    def remove_key(self, user: str, key_id: str) -> None:
        """Make a key worthless.

        Raises:
            MissingError: there is none, or it is another user's.
        """
        with self.database.write() as session:
            found = session.get(ApiKey, key_id)
            if found is None or found.user_id != user:
                raise MissingError(f"there is no key '{key_id}': look at the list of keys")
            session.delete(found)


def _hash(password: str) -> str:
    if not SHORTEST <= len(password) <= 200:
        raise WishError(f"the password has {len(password)} letters: give {SHORTEST} to 200")
    with _TURNS:
        return _HASHER.hash(password)


def _fits(hashed: str, password: str) -> bool:
    try:
        with _TURNS:
            return _HASHER.verify(hashed, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _who(user: User) -> Who:
    role: Role = next(role for role in ROLES if role == user.role)
    return Who(user.id, user.name, role)
