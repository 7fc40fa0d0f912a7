"""The truth about shapes: read off right where it is known, and each fact by itself."""

import numpy as np
import pytest

from danqing.data.checks import decode
from danqing.data.geometry import FACTS, measure
from danqing.data.shapes import ShapesSource
from danqing.data.source import Item


@pytest.mark.parametrize(("size", "share"), [(64, 0.99), (32, 0.85)])
def test_every_fact_is_read_off_as_it_was_drawn(size: int, share: float) -> None:
    right = dict.fromkeys(FACTS, 0)
    items = [item for item in ShapesSource(300, 3, size).items() if isinstance(item, Item)]
    for item in items:
        found = measure(decode(item.load()).pixels) or {}
        for fact in FACTS:
            right[fact] += found.get(fact) == item.facts[fact]
    assert all(count >= share * len(items) for count in right.values()), right


def test_noise_does_not_hide_the_truth_and_an_empty_picture_has_none() -> None:
    item = next(iter(ShapesSource(1, 5, 64).items()))
    assert isinstance(item, Item)
    pixels = decode(item.load()).pixels
    noise = np.random.default_rng(0).normal(0, 6, pixels.shape)
    noisy = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    assert measure(noisy) == dict(item.facts)
    assert measure(np.full((32, 32, 3), 255, np.uint8)) is None
    assert measure(np.zeros((32, 32, 4), np.uint8)) is None
