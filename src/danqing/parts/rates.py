"""Learning rates as functions of pictures seen."""

from collections.abc import Callable


def trapezoid(peak: float, warmup: int, length: int, cooldown: float) -> Callable[[int], float]:
    """Up linearly over `warmup` pictures, level, then linearly to 0 over the last share `cooldown` of `length` pictures."""

    def rate(seen: int) -> float:
        rise = min(1.0, (seen + 1) / warmup) if warmup else 1.0
        left = (length - seen) / (length * cooldown) if cooldown and length else 1.0
        return peak * rise * min(1.0, max(0.0, left))

    return rate
