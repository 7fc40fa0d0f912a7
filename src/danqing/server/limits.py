"""How often somebody may do something, and how much at once.

How often is counted in buckets of tokens that are refilled at an even rate (RFC 2697's idea).
"""

from __future__ import annotations

import contextlib
import ipaddress
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator

from danqing.errors import BusyError

REMEMBERED = 10_000
"""Buckets kept; the one used longest ago is forgotten, which is full again by then."""
HOUSEHOLD = 64
"""Bits of an IPv6 address that tell one client's network from another's; the rest is the client's to choose (RFC 6177)."""


def network(address: str) -> str:
    """What counts as one client: an IPv4 address, which may come within an IPv6 one, or a network of IPv6 addresses."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, HOUSEHOLD), strict=False))


class Limiter:
    """Buckets by name."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, a_minute: int, what: str, count: int = 1) -> None:
        """Take tokens out of a bucket that holds those of a minute.

        Args:
            name: of the bucket.
            a_minute: how many flow into it; 0 is no limit.
            what: is counted, for the sentence.
            count: how many are taken; more than a minute's take the whole bucket.

        Raises:
            BusyError: it holds fewer.
        """
        if not a_minute:
            return
        with self._lock:
            now = time.monotonic()
            left, then = self._buckets.pop(name, (float(a_minute), now))
            left = min(float(a_minute), left + (now - then) * a_minute / 60.0)
            wanted = min(count, a_minute)
            enough = left >= wanted
            self._buckets[name] = (left - wanted if enough else left, now)
            while len(self._buckets) > REMEMBERED:
                self._buckets.popitem(last=False)
        if not enough:
            wait = (wanted - left) * 60.0 / a_minute
            raise BusyError(f"more than {a_minute} {what} in a minute: try again in {wait:.0f} seconds")


class Heavy:
    """Work on pictures that takes seconds, or hundreds of megabytes: little of it at once, and little of one user that waits.

    Args:
        at_once: of everybody.
        waiting: of one user, those at work included; each holds a thread, of which there are forty.
    """

    def __init__(self, at_once: int = 2, waiting: int = 8) -> None:
        self.waiting = waiting
        self._turns = threading.BoundedSemaphore(at_once)
        self._users: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def turn(self, user: str) -> Iterator[None]:
        """Do such work when it is its turn.

        Raises:
            BusyError: too much of this user waits already.
        """
        with self._lock:
            if self._users[user] >= self.waiting:
                raise BusyError(f"{self.waiting} pictures of yours are being worked on already: try again when they are done")
            self._users[user] += 1
        try:
            with self._turns:
                yield
        finally:
            with self._lock:
                self._users[user] -= 1
                if not self._users[user]:
                    del self._users[user]
