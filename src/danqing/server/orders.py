"""From what was asked to what the queue accepts: names are looked up, identifiers become files, seeds are drawn."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from danqing.conditions.colours import palette_from
from danqing.errors import WishError
from danqing.server.shelf import check, painter
from danqing.server.studio import Studio
from danqing.server.wire import WishIn
from danqing.store.queue import Order
from danqing.store.tables import Job
from danqing.store.users import Who

SEEDS = 2**31
"""Seeds are drawn below this."""
SHARED = ("size", "steps", "sampler", "strength", "init", "mask", "keep_colours")
"""What wishes of one batch have in common."""


def accept(studio: Studio, who: Who, asked: WishIn, key: str | None = None) -> Job:
    """Take an order and wake the workers. Sent again with the same key, it is the same job.

    Raises:
        WishError, MissingError: it cannot be painted, or names what is not there.
        ConflictError, BusyError: see `Queue.accept`; too many orders in a minute.
    """
    order = order_of(studio, who, asked, key)
    if not studio.settings.local and not (key is not None and studio.queue.known(who.id, key)):
        studio.limits.take(f"wishes {who.id}", studio.settings.wishes_a_minute, "paintings", order.count)
    job, fresh = studio.queue.accept(who.id, order)
    if fresh:
        studio.workshop.wake()
    return job


def order_of(studio: Studio, who: Who, asked: WishIn, key: str | None) -> Order:
    """The order that a wish becomes.

    Raises:
        WishError, MissingError: likewise.
    """
    found = painter(studio, asked.painter)
    check(found, asked.conditions, asked.pictures)
    if "palette" in asked.conditions:
        palette_from(asked.conditions["palette"])
    if asked.init is None and (asked.mask is not None or asked.strength is not None or asked.keep_colours):
        raise WishError("a mask, a strength or colours to keep were given without a picture to start from: give 'init'")
    if found.starts and asked.init is None:
        raise WishError(f"{found.name} paints from a picture only: give 'init'")
    if found.examples and not asked.pictures:
        raise WishError(f"{found.name} paints in the style of pictures: give them in 'pictures'")
    named = [given.picture for several in asked.pictures.values() for given in several]
    named += [given for given in (asked.init, asked.mask) if given is not None]
    files = {name: studio.uploads.sha256(who.id, name) for name in dict.fromkeys(named)}
    wish = asked.model_dump(exclude={"painter", "count", "seed", "priority"}, exclude_defaults=True, mode="json")
    if files:
        wish["files"] = files
    # Whoever sends an order again for want of an answer sends no seed again: with a key, it is drawn from that.
    seed = asked.seed if asked.seed is not None else _drawn(who.id, key)
    return Order(asked.painter, wish, seed, asked.count, _shared(asked.painter, wish, files), asked.priority, key)


def _drawn(user: str, key: str | None) -> int:
    if key is None:
        return secrets.randbelow(SEEDS)
    return int.from_bytes(hashlib.sha256(f"{user} {key}".encode()).digest()[:8]) % SEEDS


def _shared(painter: str, wish: dict[str, Any], files: dict[str, str]) -> str:
    """Equal for wishes that can be painted in one batch."""
    told = {name: files.get(str(wish.get(name)), wish.get(name)) for name in SHARED}
    return hashlib.sha256(json.dumps([painter, told], sort_keys=True).encode()).hexdigest()[:32]
