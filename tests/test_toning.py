"""Palettes kept by steering: shares by transport, light stays light, and only what was asked for is changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from painters import make_painter

from danqing.conditions.colours import Palette, difference, palette_of
from danqing.conditions.conditioner import steer
from danqing.conditions.palette import PaletteCondition
from danqing.families.diffusion import Diffusion
from danqing.maths.colour import bytes_to_oklab
from danqing.maths.seen import to_network
from danqing.maths.toning import assigned, toned
from danqing.painters.painter import open_painter
from danqing.painters.sheet import paint_values
from danqing.parts.contract import Key

PALETTE = Palette(((20, 30, 90), (240, 230, 210), (200, 40, 40)), (0.5, 0.3, 0.2))


def ball(channels: int = 4) -> np.ndarray:
    """A shaded green ball with a dark rim on clear ground."""
    y, x = np.mgrid[-1:1:32j, -1:1:32j]
    inside, light = np.hypot(x, y) < 0.9, np.clip(1.1 - np.hypot(x + 0.3, y + 0.3), 0.1, 1)
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[..., 1], pixels[..., 0], pixels[..., 3] = 220 * light, 90 * light, 255 * inside
    return pixels[..., :channels]


def coloured(pixels: np.ndarray, palette: Palette) -> np.ndarray:
    """In whole levels."""
    found = toned(pixels / 255, np.array(palette.colours) / 255, np.array(palette.shares))
    levels: np.ndarray = np.rint(found * 255).astype(np.uint8)
    return levels


@pytest.mark.parametrize("seed", range(4))
def test_rows_are_shared_out_wholly_and_columns_get_what_they_ask_for(seed: int) -> None:
    luck = np.random.default_rng(seed)
    cost, supply, demand = luck.random((300, 5)) * 0.1, luck.dirichlet(np.ones(300)), luck.dirichlet(np.ones(5) * 3)
    found = assigned(cost, supply, demand)
    np.testing.assert_allclose(found.sum(1), 1)
    np.testing.assert_allclose(supply @ found, demand, atol=0.02)
    assert (supply[:, None] * found * cost).sum() < (supply[:, None] * demand * cost).sum(), "cheaper than at random"


@pytest.mark.parametrize("channels", [3, 4])
def test_the_picture_has_the_palette_and_keeps_its_form(channels: int) -> None:
    before = ball(channels)
    after = coloured(before, PALETTE)
    assert PaletteCondition().miss(PALETTE, before) > 25
    assert PaletteCondition().miss(PALETTE, after) < 8
    if channels == 4:
        assert (after[..., 3] == before[..., 3]).all()
        seen = before[..., 3] > 0
        assert (after[~seen] == before[~seen]).all(), "what is clear stays"
        light, then = (bytes_to_oklab(p[..., :3])[..., 0][seen] for p in (before, after))
        assert np.corrcoef(light, then)[0, 1] > 0.6, "what was light is light"


def test_one_colour_keeps_the_shading() -> None:
    after = coloured(ball(), Palette(((200, 40, 40),), (1.0,)))
    assert len(np.unique(after[8:24, 8:24, 0])) > 8


def test_only_the_pictures_asked_for_change_and_gray_never_does() -> None:
    pictures = torch.stack([to_network(ball())] * 3)
    conditions = {"palette": PaletteCondition()}
    after = steer(conditions, pictures, {"palette": [None, PALETTE, None]})
    assert torch.equal(after[[0, 2]], pictures[[0, 2]])
    assert not torch.equal(after[1], pictures[1])
    assert torch.equal(after[1, 3], pictures[1, 3])
    gray = torch.rand(1, 1, 8, 8) * 2 - 1
    assert torch.equal(steer(conditions, gray, {"palette": [PALETTE]}), gray)
    assert steer(conditions, pictures, {"palette": [None] * 3}) is pictures


def test_even_an_untrained_painter_keeps_a_palette() -> None:
    make_painter("tiny", size=(32, 32))
    family = open_painter("tiny").family
    assert isinstance(family, Diffusion)
    values: dict[str, list[Any]] = {"text": [None] * 4, "style": [None] * 4, "palette": [PALETTE] * 4}
    missed = {}
    for way, steered in (("steered", (0.0, 1.0)), ("told only", (1.0, 0.0))):
        family.config = family.config.model_copy(update={"steered": steered})
        many = paint_values(family, values, 4, (32, 32), Key(0))
        missed[way] = np.mean([difference(PALETTE, found) for found in map(palette_of, many) if found is not None])
    assert missed["steered"] < missed["told only"] - 8, "noise keeps its noise; what is far is near"
