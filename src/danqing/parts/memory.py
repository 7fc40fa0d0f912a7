"""Memory of tensors that come and go with every step."""

from __future__ import annotations

import ctypes
import functools

TRIM, TOP_PAD, MMAP = -1, -2, -3
"""M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD of glibc's `mallopt`."""


@functools.cache
def keep_freed() -> bool:
    """From now on this process keeps what tensors on the processor free, for those of the next step.

    As it comes, glibc gives large blocks back to the system at once, which hands them out again page by page, each filled with
    zeros first: 4 to 11 % of a training's time (decision 12). What a process takes at most stays the same.

    Returns:
        Whether the C library can be told.
    """
    try:
        tell = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # no glibc
        return False
    # Older ones can be told to keep blocks of up to 32 MiB only.
    return bool(tell(MMAP, 2**30) or tell(MMAP, 2**25)) and bool(tell(TRIM, 2**31 - 1)) and bool(tell(TOP_PAD, 2**26))
