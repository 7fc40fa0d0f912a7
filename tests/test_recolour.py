"""Recolouring: shapes stay, colours become another picture's, and what is told of a picture is what it then shows."""

import numpy as np
import pytest
import torch

from danqing.conditions.condition import Vital
from danqing.conditions.conditioner import drop
from danqing.conditions.palette import Palette, PaletteCondition, difference, palette_of
from danqing.conditions.recolour import Recolour, recoloured
from danqing.data.picture_set import import_pictures
from danqing.data.shapes import ShapesSource
from danqing.errors import TrainingError
from danqing.maths.colour import from_network, to_network
from danqing.painters.painter import open_painter
from danqing.parts.contract import Key, Keys
from danqing.train import Done, train

STRANGE = Palette(((30, 136, 229), (13, 71, 161)), (0.7, 0.3))


def flag(channels: int = 4) -> np.ndarray:
    """Red above yellow, a clear edge all around."""
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[2:9, 2:14], pixels[9:14, 2:14] = (200, 30, 30, 255), (250, 210, 60, 255)
    return pixels[..., :channels]


@pytest.mark.parametrize("channels", [3, 4])
def test_the_colours_become_the_strange_ones_and_the_forms_stay(channels: int) -> None:
    before = flag(channels) if channels == 4 else flag(channels)[2:14, 2:14]
    after = recoloured(before, STRANGE, Key(0))
    found = palette_of(after)
    assert found is not None
    either = [difference(Palette(colours, found.shares), found) for colours in (STRANGE.colours, STRANGE.colours[::-1])]
    assert min(either) < 6
    there = before[..., 0] == 200
    assert len(np.unique(after[there][:, :3], axis=0)) == 1, "what had one colour has one colour"
    if channels == 4:
        assert (after[..., 3] == before[..., 3]).all()


def test_gray_pictures_and_clear_ones_stay() -> None:
    gray, clear = np.full((8, 8, 1), 100, np.uint8), np.zeros((8, 8, 4), np.uint8)
    assert (recoloured(gray, STRANGE, Key(0)) == gray).all()
    assert (recoloured(clear, STRANGE, Key(0)) == clear).all()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_is_shown_in_strange_colours_with_the_palette_it_then_has(share: float) -> None:
    condition = PaletteCondition()
    pictures = torch.stack([to_network(flag())] * 40)
    own = palette_of(flag())
    alter = Recolour(share, [STRANGE, None], condition)
    keys = Keys(tuple(Key("row", row) for row in range(40)))
    after, told = alter(pictures, {"palette": [own] * 40, "text": ["flag"] * 40}, keys)
    changed = [not torch.equal(one, other) for one, other in zip(after, pictures, strict=True)]
    assert abs(sum(changed) / 40 - share / 2) < 0.25, "one of the two palettes is none"
    assert told["text"] == ["flag"] * 40
    for row, strange in enumerate(changed):
        value = told["palette"][row]
        assert isinstance(value, Vital) == strange
        if strange:
            shown = palette_of(from_network(after[row : row + 1])[0])
            assert shown is not None
            assert value.value.colours == shown.colours[: len(value.value.colours)]
    alone, _ = alter(pictures[3:4], {"palette": [own], "text": ["flag"]}, Keys(keys.keys[3:4]))
    assert torch.equal(alone[0], after[3]), "neighbours do not matter"


def test_what_is_vital_is_never_left_out() -> None:
    keys = Keys(tuple(Key(row) for row in range(200)))
    left = drop({"palette": [Vital(STRANGE)] * 200, "text": ["word"] * 200}, keys)
    assert left["palette"] == [STRANGE] * 200
    assert None in left["text"]


def test_a_training_may_begin_to_recolour_on_its_way() -> None:
    import_pictures(ShapesSource(40, size=16), "shapes")
    given = {"model": {"preset": "small"}, "size": 16, "batch": 16, "sheets": 0, "pictures_seen": 32}
    list(train("shapes", given))
    assert isinstance(list(train("shapes", {**given, "pictures_seen": 64, "recolour": 0.5, "shown": 64}))[-1], Done)
    assert open_painter("shapes-diffusion").facts.shown == (64, 64), "which may change too"
    with pytest.raises(TrainingError, match="no other colours"):
        list(train("shapes", {**given, "name": "gray", "channels": 1, "recolour": 0.5}))
    with pytest.raises(TrainingError, match="no palette is learnt"):
        list(train("shapes", {**given, "name": "words", "conditions": ["text"], "recolour": 0.5}))
