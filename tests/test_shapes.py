"""Drawn shapes: what their facts say is measured again in their pixels, by geometry alone."""

import cv2
import numpy as np
import pytest

from danqing.data.checks import decode
from danqing.data.resample import Pixels
from danqing.data.shapes import COLOURS, FORMS, NUMBERS, PLACES, SIZES, ShapesSource
from danqing.data.source import Item

SIZE = 96


@pytest.fixture(scope="module")
def drawn() -> list[tuple[Item, Pixels]]:
    items = [item for item in ShapesSource(150, seed=3, size=SIZE).items() if isinstance(item, Item)]
    return [(item, decode(item.load()).pixels) for item in items]


def components(pixels: Pixels) -> tuple[int, np.ndarray, np.ndarray]:
    """How many pieces of ink there are, their label images and their boxes (left, top, width, height, area)."""
    ink = (np.abs(pixels.astype(int) - 255).max(2) > 60).astype(np.uint8)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    return count - 1, labels, boxes[1:]


def test_the_number_is_that_of_connected_pieces(drawn: list[tuple[Item, Pixels]]) -> None:
    for item, pixels in drawn:
        assert components(pixels)[0] == int(item.facts["number"]), item.facts


def test_the_colour_is_the_nearest_of_the_palette(drawn: list[tuple[Item, Pixels]]) -> None:
    palette = {name: np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) for name, (colour, _) in COLOURS.items()}
    for item, pixels in drawn:
        _, labels, _ = components(pixels)
        solid = cv2.erode((labels > 0).astype(np.uint8), np.ones((3, 3))) > 0
        mean = pixels[solid].mean(0)
        assert min(palette, key=lambda name: float(np.abs(palette[name] - mean).sum())) == item.facts["colour"]


def test_the_place_is_the_ninth_of_the_middle_of_the_box(drawn: list[tuple[Item, Pixels]]) -> None:
    for item, pixels in drawn:
        _, _, boxes = components(pixels)
        left, top = boxes[:, 0].min(), boxes[:, 1].min()
        right, bottom = (boxes[:, 0] + boxes[:, 2]).max(), (boxes[:, 1] + boxes[:, 3]).max()
        ninth = (int((top + bottom) / 2 / SIZE * 3), int((left + right) / 2 / SIZE * 3))
        assert ninth == PLACES[item.facts["place"]][:2], item.facts


def test_the_size_is_the_side_of_the_boxes(drawn: list[tuple[Item, Pixels]]) -> None:
    for item, pixels in drawn:
        _, _, boxes = components(pixels)
        low, high = SIZES[item.facts["size"]][0]
        assert (boxes[:, 2:4] >= low * SIZE - 3).all()
        assert (boxes[:, 2:4] <= high * SIZE + 3).all()


def test_forms_differ_in_how_much_of_their_box_they_fill(drawn: list[tuple[Item, Pixels]]) -> None:
    """Areas of the unit shapes by geometry: circle π/4, square 1, triangle 1/2, cross 1 - 0.67²."""
    areas = {"circle": np.pi / 4, "square": 1.0, "triangle": 0.5, "cross": 1 - 0.67**2}
    for item, pixels in drawn:
        expected = areas.get(item.facts["form"])
        if expected is None or item.facts["size"] == "small":
            continue
        coverage = np.abs(pixels.astype(float) - 255).max(2)
        _, _, boxes = components(pixels)
        solid = np.median(coverage[coverage > 60])
        share = coverage.sum() / solid / float(np.prod(boxes[:, 2:4].astype(float), axis=1).sum())
        assert abs(share - expected) < 0.09, item.facts


def test_captions_say_the_facts_in_both_languages(drawn: list[tuple[Item, Pixels]]) -> None:
    for item, _ in drawn:
        facts, number = item.facts, int(item.facts["number"])
        english, chinese = item.captions["en"], item.captions["zh"]
        noun = facts["form"] if number == 1 else FORMS[facts["form"]][0]
        for text in english:
            assert noun in text.split() and facts["colour"] in text.split()  # noqa: PT018
        assert facts["size"] in english[0] and PLACES[facts["place"]][2] in english[0]  # noqa: PT018
        for text in chinese:
            assert COLOURS[facts["colour"]][1] in text and FORMS[facts["form"]][1] in text  # noqa: PT018
            assert NUMBERS[number][1] in text
        assert PLACES[facts["place"]][3] in chinese[0]
        assert len(set(english)) == len(english) >= 3


def test_a_picture_depends_on_seed_and_number_only() -> None:
    few, many = [list(ShapesSource(count, seed=1, size=32).items()) for count in (3, 6)]
    other = list(ShapesSource(3, seed=2, size=32).items())
    for a, b, c in zip(few, many, other, strict=False):
        assert isinstance(a, Item) and isinstance(b, Item) and isinstance(c, Item)  # noqa: PT018
        assert a.place == b.place and a.facts == b.facts and a.load() == b.load()  # noqa: PT018
        assert a.load() != c.load()


def test_every_fact_occurs() -> None:
    facts = [item.facts for item in ShapesSource(600).items() if isinstance(item, Item)]
    for key, names in (("colour", COLOURS), ("form", FORMS), ("place", PLACES), ("size", SIZES)):
        assert {fact[key] for fact in facts} == set(names)
    assert {int(fact["number"]) for fact in facts} == set(NUMBERS)
