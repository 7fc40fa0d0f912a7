"""What critics see of pictures: maps that are the same everywhere, picture by picture, and alpha on white or black."""

from __future__ import annotations

import pytest
import torch

from danqing.parts.contract import Key, Keys
from danqing.parts.projection import WIDTHS, Projection

KEYS = Keys(tuple(Key("row", row) for row in range(3)))


@pytest.fixture(scope="module")
def see() -> Projection:
    return Projection()


@pytest.mark.parametrize(
    ("size", "sides"),
    [((8, 8), (64, 64)), ((28, 28), (64, 64)), ((20, 40), (64, 128)), ((64, 64), (64, 64)), ((72, 100), (72, 100))],
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_maps_are_of_four_scales(see: Projection, channels: int, size: tuple[int, int], sides: tuple[int, int]) -> None:
    maps = see(Key(0).uniform(3, channels, *size) * 2 - 1, KEYS)
    places = [(-(-sides[0] // part), -(-sides[1] // part)) for part in (2, 4, 8, 16)]
    assert [tuple(x.shape) for x in maps] == [(3, width, *place) for width, place in zip(WIDTHS, places, strict=True)]


def test_maps_have_the_channels_asked_for_and_none_is_louder() -> None:
    """However many channels one map has, the others' are as loud as before."""
    pictures, widths = Key(3).normal(3, 3, 8, 8).clamp(-1, 1), (4, 64, 8, 192)
    maps = Projection(widths=widths)(pictures, KEYS)
    assert tuple(x.shape[1] for x in maps) == widths
    assert all(0.2 < float(x.std()) < 5 for x in maps)


def test_it_is_drawn_once_and_for_all(see: Projection) -> None:
    """A training that goes on tomorrow has a critic that sees as today; and what is seen is neither silent nor loud."""
    pictures, drawn = Key(1).normal(3, 3, 8, 8).clamp(-1, 1), torch.get_rng_state()
    for mine, other in zip(see(pictures, KEYS), Projection()(pictures, KEYS), strict=True):
        assert torch.equal(mine, other)
        assert 0.2 < float(mine.std()) < 5
    assert torch.equal(drawn, torch.get_rng_state()), "what else is drawn does not depend on how many such critics there are"


def test_every_picture_is_seen_alone_and_by_its_own_key(see: Projection) -> None:
    pictures = Key(2).uniform(3, 4, 16, 16) * 2 - 1
    whole = see(pictures, KEYS)
    for row in range(3):
        alone = see(pictures[row : row + 1], Keys((KEYS.keys[row],)))
        for mine, other in zip(whole, alone, strict=True):
            torch.testing.assert_close(mine[row : row + 1], other, rtol=1e-4, atol=1e-4)


def test_what_is_transparent_differs_from_what_looks_like_it_on_white(see: Projection) -> None:
    """Nothing at all, and white paint: black grounds, which half of the pictures get, tell them apart. Slopes reach alpha."""
    keys = Keys(tuple(Key("row", row) for row in range(8)))
    nothing = torch.full((8, 4, 16, 16), -1.0)
    white = torch.ones(8, 4, 16, 16).requires_grad_()
    seen = see(nothing, keys), see(white, keys)
    apart = [(a - b).abs().mean((1, 2, 3)) for a, b in zip(*seen, strict=True)]
    black = apart[0] > 0.1
    assert 1 <= int(black.sum()) <= 7
    assert all(bool((one[black] > 0.1).all() and (one[~black] < 1e-4).all()) for one in apart)
    torch.stack([x.square().mean() for x in seen[1]]).sum().backward()  # type: ignore[no-untyped-call]
    assert white.grad is not None
    assert bool(white.grad[:, 3].any())
