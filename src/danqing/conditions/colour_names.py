"""Colours by the names that makers give them, in English and Chinese. No torch here."""

from __future__ import annotations

from PIL import ImageColor

COMMON = {
    "red": "#d93636", "orange": "#f08a24", "yellow": "#f7ca3e", "green": "#3fa34d", "teal": "#2a9d9d", "cyan": "#35bcd4",
    "blue": "#2f6fd6", "purple": "#8a4fbf", "violet": "#8a4fbf", "pink": "#f291b5", "brown": "#8a5a36", "black": "#2b2b2b",
    "white": "#e8e8ea", "gray": "#8f8f8f", "grey": "#8f8f8f", "gold": "#e3b23c", "golden": "#e3b23c", "silver": "#c2c6cc",
}  # fmt: skip
"""As pictures have them: CSS means the corners of the screen's cube by some of these names."""
OTHERS = {
    "azure": "#3b8de0", "magenta": "#d13fa8", "fuchsia": "#d13fa8", "aqua": "#35bcd4", "scarlet": "#d3302f",
    "navy blue": "#22397a", "navy": "#22397a", "dark blue": "#27408b", "dark red": "#8f1d1d", "dark green": "#1f5c2e",
}  # fmt: skip
"""Where CSS means others than makers do, or nothing."""
PURE = frozenset(("crimson", "maroon", "turquoise", "indigo", "beige", "khaki", "lavender", "ivory"))
"""CSS's names that are seldom those of things; of its others those that name one of the common colours too ("sky blue")."""
CHINESE = {
    "红": "red", "橙": "orange", "橘": "orange", "黄": "yellow", "绿": "green", "青": "teal", "蓝": "blue", "紫": "purple",
    "粉": "pink", "粉红": "pink", "棕": "brown", "褐": "brown", "咖啡": "brown", "黑": "black", "白": "white", "灰": "gray",
    "金": "gold", "银": "silver", "天蓝": "skyblue", "浅蓝": "lightblue", "淡蓝": "lightblue", "深蓝": "dark blue",
    "海蓝": "steelblue", "浅绿": "lightgreen", "淡绿": "lightgreen", "深绿": "dark green", "翠绿": "mediumseagreen",
    "深红": "dark red", "玫红": "crimson", "紫红": "mediumvioletred", "橙红": "orangered", "深紫": "indigo",
    "浅灰": "lightgray", "深灰": "dimgray", "肉": "peachpuff",
    "银白": "silver", "雪白": "white", "墨绿": "dark green", "酒红": "maroon", "宝蓝": "royalblue",
    "米": "beige", "米白": "ivory",
}  # fmt: skip
HUE = "色"
ALONE = frozenset("红橙黄绿青蓝紫黑白灰金银") | {"粉红"}
"""What is a colour without 色 too: 粉 alone is flour."""


def colour_of(name: str) -> str | None:
    """A colour as `#rrggbb`, or `None` where the name is of none.

    Args:
        name: in small letters; English ones may be of two words, "sky blue".
    """
    chinese = name.endswith(HUE) or name in ALONE
    if chinese:
        name = CHINESE.get(name.removesuffix(HUE), "")
    found = COMMON.get(name) or OTHERS.get(name)
    joined = name.replace(" ", "")
    if found is None and (chinese or name in PURE or any(common in joined for common in COMMON)):
        css = ImageColor.colormap.get(joined)
        found = css if isinstance(css, str) else None
    return found and found.lower()
