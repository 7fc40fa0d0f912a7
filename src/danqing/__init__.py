"""Danqing 丹青 trains, paints with and measures every kind of AI painter, on your own pictures."""

from typing import TYPE_CHECKING, Any

from danqing.errors import DanqingError
from danqing.words import Painting, Picture, Wish

if TYPE_CHECKING:
    from danqing.paint import load as load

__version__ = "0.1.0"
__all__ = ["DanqingError", "Painting", "Picture", "Wish", "load"]


def __getattr__(name: str) -> Any:
    """`danqing.load` needs torch, so it is imported when first used."""
    if name == "load":
        from danqing.paint import load

        return load
    raise AttributeError(f"module 'danqing' has no attribute '{name}'")
