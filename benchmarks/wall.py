"""A wall of paintings, unpicked: a row per style, a column per prompt, one seed: `python benchmarks/wall.py`."""

import argparse
from pathlib import Path

from PIL import Image

from danqing.paint import load
from danqing.words import Wish

PROMPTS = (
    "a red apple", "a cute puppy", "space rocket", "a big green heart", "a little house", "a fast red car", "a golden crown",
    "very angry face", "可爱的小猫咪", "一朵红玫瑰", "海里的鱼", "飞翔的小鸟", "下雨天的雨伞", "木吉他", "香喷喷的披萨",
    "开心大笑的脸",
)  # fmt: skip
"""Sixteen that no caption of the set says as they are written here, chosen before any of them was painted."""
SEED, SIDE = 0, 96


def wall(painter: str) -> Image.Image:
    """Every prompt in every style, on white, 96 × 96."""
    session = load(painter)
    known = session.painter.facts.conditions.get("style")
    styles: list[dict[str, str]] = [{"style": name} for name in known["names"]] if known else [{}]
    wishes = [Wish(words, conditions=style, seed=SEED, size=(SIDE, SIDE)) for style in styles for words in PROMPTS]
    out = Image.new("RGB", (len(PROMPTS) * SIDE, len(styles) * SIDE), "white")
    for place, painting in enumerate(session.paint_all(wishes)):
        picture = painting.image.convert("RGBA")
        out.paste(picture, (place % len(PROMPTS) * SIDE, place // len(PROMPTS) * SIDE), picture)
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A wall of paintings, unpicked")
    parser.add_argument("painter", nargs="?", default="emoji")
    parser.add_argument("file", nargs="?", type=Path, default=Path("wall.png"))
    given = parser.parse_args()
    wall(given.painter).save(given.file)
