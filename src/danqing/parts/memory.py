"""Memory of tensors that come and go with every step."""

from __future__ import annotations

import ctypes
import functools

LIMITS = {-1: 2**31 - 1, -2: 2**26, -3: 2**30}
"""M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD of glibc's `mallopt`, in bytes."""


@functools.cache
def keep_freed() -> bool:
    """From now on this process keeps what tensors on the processor free, for those of the next step.

    As it comes, glibc gives large blocks back to the system at once, which hands them out again page by page, each filled with
    zeros first: 3 to 10 % of a training's time (decision 12). What a process takes at most stays the same.

    Returns:
        Whether the C library can be told.
    """
    try:
        tell = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # no glibc
        return False
    return all(bool(tell(name, size)) for name, size in LIMITS.items())
