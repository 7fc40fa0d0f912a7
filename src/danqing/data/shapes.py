"""Shapes drawn by ourselves, whose every fact is known: colour, form, number, place and size, told in English and Chinese.

A place is the ninth of the canvas in which the middle of the group's bounding box lies, at least `MARGIN` from its borders.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Iterator

from danqing.data.rendering import squared_icon
from danqing.data.source import Item, LeftOut, Source

COLOURS = {
    "red": ("#dc2020", "红色"),
    "orange": ("#f58a1f", "橙色"),
    "yellow": ("#f5d90a", "黄色"),
    "green": ("#22a046", "绿色"),
    "blue": ("#2456d6", "蓝色"),
    "purple": ("#8030c0", "紫色"),
    "pink": ("#f59ac0", "粉色"),
    "brown": ("#7a4a21", "棕色"),
    "gray": ("#8c8c8c", "灰色"),
    "black": ("#141414", "黑色"),
}
"""English name → (`#rrggbb`, Chinese name)."""
FORMS = {
    "circle": ("circles", "圆形"),
    "square": ("squares", "正方形"),
    "triangle": ("triangles", "三角形"),
    "star": ("stars", "星形"),
    "heart": ("hearts", "心形"),
    "cross": ("crosses", "十字形"),
}
"""English name → (its plural, Chinese name)."""
NUMBERS = {1: ("one", "一个"), 2: ("two", "两个"), 3: ("three", "三个"), 4: ("four", "四个")}
SIZES = {"small": ((0.16, 0.20), "小"), "large": ((0.32, 0.40), "大")}
"""English name → (range of the side, as a share of the canvas; Chinese name)."""
PLACES = {
    "top left": (0, 0, "at the top left", "左上角"),
    "top": (0, 1, "at the top", "上方"),
    "top right": (0, 2, "at the top right", "右上角"),
    "left": (1, 0, "on the left", "左边"),
    "middle": (1, 1, "in the middle", "中间"),
    "right": (1, 2, "on the right", "右边"),
    "bottom left": (2, 0, "at the bottom left", "左下角"),
    "bottom": (2, 1, "at the bottom", "下方"),
    "bottom right": (2, 2, "at the bottom right", "右下角"),
}
"""English name → (row and column of the ninth, the same in a sentence, Chinese name)."""
MARGIN = 0.02
_GAP = 0.05
_GRIDS = {1: (1, 1), 2: (1, 2), 3: (2, 2), 4: (2, 2)}


class ShapesSource(Source):
    """`count` pictures on white. The picture of a number and seed is always the same, whatever `count` is.

    Args:
        count: how many.
        seed: of every choice.
        size: side in pixels.
    """

    def __init__(self, count: int = 5000, seed: int = 0, size: int = 64) -> None:
        self.count, self.seed, self.size = count, seed, size

    def describe(self) -> str:
        """The three settings."""
        return f"shapes: {self.count} at {self.size} px, seed {self.seed}"

    def items(self) -> Iterator[Item | LeftOut]:
        """The pictures by number."""
        for number in range(self.count):
            facts, document = draw(random.Random(f"shapes {self.seed} {number}"))
            yield Item(
                f"shapes/{self.seed}/{number:06}",
                functools.partial(squared_icon, document.encode(), self.size),
                captions(facts),
                licence="CC0-1.0",
                creator="Danqing",
                source="shapes",
                concept=" ".join(facts[key] for key in ("number", "size", "colour", "form", "place")),
                facts=facts,
            )


def draw(chance: random.Random) -> tuple[dict[str, str], str]:
    """Facts drawn at random such that everything fits, and the SVG that shows them on a canvas of side 1."""
    colour, form, size = chance.choice(list(COLOURS)), chance.choice(list(FORMS)), chance.choice(list(SIZES))
    while True:
        number, place = chance.choice(list(NUMBERS)), chance.choice(list(PLACES))
        side = chance.uniform(*SIZES[size][0])
        rows, columns = chance.choice([_GRIDS[number], _GRIDS[number][::-1]])
        middle = _middle(place, rows, columns, side, chance)
        if middle is not None:
            break
    cells = [(float(row), float(column)) for row in range(rows) for column in range(columns)][:number]
    if number == 3:
        cells[2] = (1.0, 0.5)  # two above, one below them
    fill = COLOURS[colour][0]
    shapes = "".join(_path(form, fill, side, *_centre(cell, rows, columns, side, middle)) for cell in cells)
    space = 'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"'
    facts = {"colour": colour, "form": form, "number": str(number), "place": place, "size": size}
    return facts, f'<svg {space}><path fill="#ffffff" d="M0 0h1v1h-1z"/>{shapes}</svg>'


def captions(facts: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """A few true phrasings of the facts in each language, the fullest first."""
    colour, size, number = facts["colour"], facts["size"], int(facts["number"])
    plural, form = FORMS[facts["form"]]
    count, some = NUMBERS[number]
    _, _, where, there = PLACES[facts["place"]]
    hue, large = COLOURS[colour][1], SIZES[size][1]
    noun = facts["form"] if number == 1 else plural
    article = f"a{'n' if colour == 'orange' else ''} {colour}" if number == 1 else f"{count} {colour}"
    english = (
        f"{count} {size} {colour} {noun} {where}",
        f"{where}, {'a' if number == 1 else count} {size} {colour} {noun}",
        f"{number} {size} {noun} in {colour} {where}",
        f"{article} {noun} {where}",
        f"{article} {noun}",
    )
    chinese = (
        f"{there}{some}{large}的{hue}{form}",
        f"{there}有{some}{hue}的{large}{form}",
        f"{some}{large}的{hue}{form}在{there}",
        f"{there}{some}{hue}{form}",
        f"{some}{hue}{form}",
    )
    return {"en": english, "zh": chinese}


def _middle(place: str, rows: int, columns: int, side: float, chance: random.Random) -> tuple[float, float] | None:
    """A point (down, right) in the ninth, about which the group fits on the canvas; `None` where there is none."""
    point = []
    for third, count in zip(PLACES[place][:2], (rows, columns), strict=True):
        half = (count * side + (count - 1) * _GAP) / 2 + MARGIN
        low, high = max(third / 3 + MARGIN, half), min((third + 1) / 3 - MARGIN, 1 - half)
        if low > high:
            return None
        point.append(chance.uniform(low, high))
    return point[0], point[1]


def _centre(
    cell: tuple[float, float], rows: int, columns: int, side: float, middle: tuple[float, float]
) -> tuple[float, float]:
    """Where (down, right) the shape of a cell has its centre."""
    pitch = side + _GAP
    return middle[0] + (cell[0] - (rows - 1) / 2) * pitch, middle[1] + (cell[1] - (columns - 1) / 2) * pitch


def _path(form: str, fill: str, side: float, down: float, right: float) -> str:
    """One shape that fills its box of the given side about the centre."""
    place = f'fill="{fill}" transform="translate({right:.5f} {down:.5f}) scale({side / 2:.5f})"'
    return f'<path {place} d="{_outline(form)}"/>'


def outline(form: str) -> str:
    """An SVG of one form alone, black on nothing."""
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1">{_path(form, "#000000", 0.9, 0.5, 0.5)}</svg>'


@functools.cache
def _outline(form: str) -> str:
    """SVG path data in the box from -1 to 1, whose four sides it touches."""
    if form == "star":
        turns = [math.radians(36 * corner - 90) for corner in range(10)]
        spokes = [(math.cos(turn), math.sin(turn)) for turn in turns]
        corners = [(x * (1, 0.4)[i % 2], y * (1, 0.4)[i % 2]) for i, (x, y) in enumerate(spokes)]
        wide, low, high = max(x for x, _ in corners), min(y for _, y in corners), max(y for _, y in corners)
        boxed = [(x / wide, 2 * (y - low) / (high - low) - 1) for x, y in corners]
        return "M" + "L".join(f"{x:.5f} {y:.5f}" for x, y in boxed) + "Z"
    return {
        "circle": "M-1 0A1 1 0 1 1 1 0A1 1 0 1 1 -1 0Z",
        "square": "M-1 -1H1V1H-1Z",
        "triangle": "M0 -1L1 1H-1Z",
        "heart": "M0 1L-.85 .1A.54 .54 0 0 1 0 -.7A.54 .54 0 0 1 .85 .1Z",
        "cross": "M-.33 -1H.33V-.33H1V.33H.33V1H-.33V.33H-1V-.33H-.33Z",
    }[form]
