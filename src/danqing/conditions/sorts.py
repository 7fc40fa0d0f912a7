"""What a thing is, as far as that says where it is put: a dog stands beside a man, a hat sits on his head."""

from __future__ import annotations

import enum
import re

from danqing.conditions.kinds import all_above, singulars


class Sort(enum.Enum):
    """What a thing is, as far as that says where it is put."""

    LIVING = enum.auto()
    STANDING = enum.auto()
    SEAT = enum.auto()
    HEADGEAR = enum.auto()
    EYEWEAR = enum.auto()
    PART = enum.auto()
    OTHER = enum.auto()


_LIVING = frozenset(("animal", "person", "imaginary being", "spiritual being", "apparition"))
_REAL = _LIVING | {"living thing", "artifact", "food", "natural object", "geological formation"}
_OTHERWISE = frozenset(("artifact", "food", "animal", "plant"))
_NO_THING = frozenset(("body part", "body covering", "natural phenomenon"))
_STANDING = frozenset(("structure", "tree"))
_SEATS = frozenset(("vehicle", "furniture", "container", "vessel"))
PICTURED = frozenset((
    "heart", "bone", "skull", "feather", "rainbow", "star", "moon", "sun", "cloud", "volcano", "ring", "coin", "trophy",
    "ribbon", "snowflake", "droplet", "fireworks", "calendar", "scroll", "memo", "ticket", "receipt", "label", "dvd", "soap",
    "sponge", "cigarette", "superhero", "supervillain", "mage", "phoenix", "family", "爱心", "红心", "心形",
))  # fmt: skip
"""What pictures show as a thing of its own, and dictionaries call a feeling, an award, a part of a body."""
_PARTS = frozenset((
    "door", "window", "roof", "chimney", "wheel", "tire", "tyre", "engine", "handle", "lid", "leaf", "leave", "branch", "stem",
    "petal", "stripe", "spot", "dot", "sleeve", "pocket", "shell", "sail", "mast", "decoration", "pattern", "topping",
))  # fmt: skip
"""What is beside something, but with something a part of it."""
_FACE, _WHOLE = " face", " (?:with|without|in) "


def sort_of(noun: str) -> Sort | None:
    """What an English noun is; `None` of what cannot stand in a picture by itself: eyes, love, snow.

    Args:
        noun: in small letters, or a caption that begins with one; of several words the last is looked at where they are no noun
            together.
    """
    noun, _, kind = re.split(_WHOLE, noun.removesuffix(_FACE))[0].partition(" of ")
    if kind:  # "ear of corn", "bowl of noodles"
        return sort_of(noun) or sort_of(kind)
    first, often, every = (all_above(noun, senses) for senses in (1, 3, 4))
    if "headdress" in every and not first & _LIVING:  # a beaver is a hat too
        return Sort.HEADGEAR
    if "spectacles" in every:
        return Sort.EYEWEAR
    if PICTURED.intersection(singulars(noun)):
        return Sort.OTHER
    if _PARTS.intersection(singulars(noun)):
        return Sort.PART
    if " " in noun and not first & _REAL:
        return sort_of(noun.rpartition(" ")[2])
    if first & _NO_THING or not (first & _REAL or often & _OTHERWISE):
        return None
    if "food" in often:
        return Sort.OTHER
    sorts = ((Sort.LIVING, _LIVING), (Sort.STANDING, _STANDING), (Sort.SEAT, _SEATS))
    return next((sort for sort, nouns in sorts if first & nouns), Sort.OTHER)
