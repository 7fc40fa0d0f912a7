"""Concepts that look alike at a few dozen pixels: who paints one when asked for another has not misunderstood.

The list is frozen: it was written before any painter was scored by it, and changes only with the version of the scores.
"""

from __future__ import annotations

import re

from danqing.words import Picture

_HOURS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
LOOKALIKES: dict[str, tuple[str, ...]] = {
    "clock": tuple(f"{hour}{half}" for hour in _HOURS for half in (" o’clock", "-thirty")),
    "moon": ("waxing crescent moon", "waxing gibbous moon", "waning gibbous moon", "waning crescent moon", "full moon"),
    "half moon": ("first quarter moon", "last quarter moon", "crescent moon"),
    "moon face": ("first quarter moon face", "last quarter moon face"),
    "new moon": ("new moon", "new moon face"),
    "globe": ("globe showing Americas", "globe showing Asia-Australia", "globe showing Europe-Africa"),
    "cloud with rain": ("cloud with rain", "cloud with lightning", "cloud with lightning and rain", "cloud with snow"),
    "sun behind cloud": ("sun behind cloud", "sun behind large cloud", "sun behind small cloud", "sun behind rain cloud"),
    "speaker": ("speaker low volume", "speaker medium volume", "speaker high volume", "muted speaker"),
    "mailbox": (
        "closed mailbox with lowered flag",
        "closed mailbox with raised flag",
        "open mailbox with lowered flag",
        "open mailbox with raised flag",
    ),
    "banknote": ("dollar banknote", "euro banknote", "pound banknote", "yen banknote"),
    "medal": ("1st place medal", "2nd place medal", "3rd place medal"),
    "magnifying glass": ("magnifying glass tilted left", "magnifying glass tilted right"),
    "hourglass": ("hourglass done", "hourglass not done"),
    "snowman": ("snowman", "snowman without snow"),
    "city": ("cityscape", "cityscape at dusk", "night with stars", "sunset"),
    "train": ("train", "metro", "station", "light rail", "tram"),
    "bus": ("bus", "oncoming bus", "trolleybus"),
    "smiling face": ("smiling face", "smiling face with smiling eyes", "slightly smiling face"),
    "grinning face": ("grinning face", "grinning face with big eyes", "grinning face with smiling eyes"),
    "frowning face": ("frowning face", "slightly frowning face"),
    "outbox": ("inbox tray", "outbox tray"),
    "chart": ("chart increasing", "chart decreasing", "chart increasing with yen"),
    "leafy tree": ("deciduous tree", "tanabata tree"),
}
"""The name of a group, and the captions it gathers."""
_GROUP = {caption: name for name, captions in LOOKALIKES.items() for caption in captions}
_WHO = re.compile(r"^(?:man|woman|person|men|women|people)(?=[ :])", re.IGNORECASE)


def concept(picture: Picture) -> str | None:
    """What a picture is of: its first caption, English where it has any, look-alikes under one name; men, women and persons
    doing the same are one."""
    groups = [picture.captions.get("en"), *(group for _, group in sorted(picture.captions.items()))]
    first = next((group[0] for group in groups if group), None)
    return None if first is None else _GROUP.get(first, _WHO.sub("person", first))
