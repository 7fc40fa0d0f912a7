"""How often somebody may do something: a bucket of tokens for each, refilled at an even rate (RFC 2697's idea)."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from danqing.errors import BusyError

REMEMBERED = 10_000
"""Buckets kept; the one used longest ago is forgotten, which is full again by then."""


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
