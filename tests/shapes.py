"""What checks the types and shapes of every call into danqing under pytest; `conftest.py` puts it in place."""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep673Exception

_CHECK = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int may stand for a float, as it may for mypy


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its signature checked; one that speaks of `Self` is left to mypy, as beartype must see its class."""
    try:
        return _CHECK(function)
    except BeartypeDecorHintPep673Exception:
        return function
