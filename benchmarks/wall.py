"""A wall of paintings, unpicked: a row per style, a column per prompt, one seed: `python benchmarks/wall.py`."""

import argparse
from collections.abc import Sequence
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
SEVERAL = (
    "a sad robot with a red hat", "a dog with a crown", "a panda playing a guitar", "a cat and a dog",
    "three red apples and a banana", "a monkey on a boat", "a cow with sunglasses", "a bear with a big heart",
    "戴王冠的企鹅", "拿着花的熊猫", "两只兔子", "骑马的青蛙", "树下的狐狸", "戴礼帽的猪", "红色的车和蓝色的车", "月亮和星星",
)  # fmt: skip
"""Sixteen of several things, likewise."""
SEED, SIDE = 0, 96


def wall(painter: str, prompts: Sequence[str] = PROMPTS) -> Image.Image:
    """Every prompt in every style, on white, 96 × 96."""
    session = load(painter)
    known = session.painter.facts.conditions.get("style")
    styles: list[dict[str, str]] = [{"style": name} for name in known["names"]] if known else [{}]
    wishes = [Wish(words, conditions=style, seed=SEED, size=(SIDE, SIDE)) for style in styles for words in prompts]
    out = Image.new("RGB", (len(prompts) * SIDE, len(styles) * SIDE), "white")
    for place, painting in enumerate(session.paint_all(wishes)):
        picture = painting.image.convert("RGBA")
        out.paste(picture, (place % len(prompts) * SIDE, place // len(prompts) * SIDE), picture)
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A wall of paintings, unpicked")
    parser.add_argument("painter", nargs="?", default="emoji")
    parser.add_argument("file", nargs="?", type=Path, default=Path("wall.png"))
    parser.add_argument("--several", action="store_true", help="prompts of several things")
    given = parser.parse_args()
    wall(given.painter, SEVERAL if given.several else PROMPTS).save(given.file)
