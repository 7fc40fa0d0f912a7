"""What happened, for those who watch: written in the transaction that made it happen, read in order."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from danqing.store.tables import Event

KEPT = 24 * 3600.0
"""Seconds an event is kept: longer than a browser is likely to be away and still know what it saw last."""
STEPS_KEPT = 600.0
"""Likewise where it only tells how far a painting was, of which there are many."""


def tell(session: Session, user: str, kind: str, **facts: Any) -> None:
    """Note that something happened to what belongs to a user."""
    session.add(Event(user_id=user, kind=kind, facts=facts, at=time.time()))


def newest(session: Session) -> int:
    """The number of the last event; 0 where there was none."""
    return session.scalar(select(func.max(Event.id))) or 0


def oldest(session: Session) -> int:
    """The number of the first event that is still kept; 0 where there is none."""
    return session.scalar(select(func.min(Event.id))) or 0


def since(session: Session, number: int, user: str | None = None, most: int = 1000) -> list[Event]:
    """Events after one, in order; of one user, or of all."""
    asked = select(Event).where(Event.id > number).order_by(Event.id).limit(most)
    return list(session.scalars(asked if user is None else asked.where(Event.user_id == user)))


def forget(session: Session) -> None:
    """Drop events that nobody will ask for any more."""
    session.execute(delete(Event).where(Event.at < time.time() - KEPT))
    session.execute(delete(Event).where(Event.kind == "step", Event.at < time.time() - STEPS_KEPT))
