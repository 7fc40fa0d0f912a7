"""Enlarged paintings in styles of flat colours have flat colours."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from painters import make_painter

from danqing.conditions.conditioner import Blend, enlarged
from danqing.conditions.style import StyleCondition
from danqing.errors import WishError
from danqing.maths.colour import bytes_to_oklab
from danqing.maths.flattening import MOST, count_of, flattened
from danqing.paint import Session, load
from danqing.painters.start_pictures import from_image
from danqing.replay import replay
from danqing.words import Picture, Wish

RAINBOW = np.array(
    [(220, 40, 40), (240, 150, 30), (250, 230, 60), (50, 180, 70), (40, 110, 220), (110, 60, 180), (240, 130, 200)], np.uint8
)


@pytest.fixture(scope="module")
def emoji() -> Session:
    return load("emoji")


def striped(colours: np.ndarray, side: int = 64, channels: int = 4) -> np.ndarray:
    """Stripes of these colours on nothing."""
    pixels = np.zeros((side, side, channels), np.uint8)
    inner = pixels[4:-4, 4:-4] if channels == 4 else pixels
    inner[..., :3] = colours[np.arange(len(inner)) * len(colours) // len(inner)][:, None]
    inner[..., 3:] = 255
    return pixels


def noisy(pixels: np.ndarray, amount: float = 12.0) -> np.ndarray:
    """With soft spots on all of it, alpha left alone."""
    spots = np.random.default_rng(0).normal(size=(16, 16, 3))
    soft = np.kron(spots, np.ones((pixels.shape[0] // 16, pixels.shape[1] // 16, 1)))
    out = pixels.copy()
    out[..., :3] = (pixels[..., :3] + amount * soft).clip(0, 255).round()
    return out


def gradient(side: int = 64) -> np.ndarray:
    light = np.linspace(0, 255, side)
    return np.stack(np.broadcast_arrays(light[:, None], light[None], 255 - light[:, None]), -1).astype(np.uint8)


def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far pixels that are seen are from each other in OKLab."""
    seen = one[..., 3] > 127 if one.shape[-1] == 4 else np.ones(one.shape[:2], bool)
    gaps: np.ndarray = np.linalg.norm(bytes_to_oklab(one[..., :3]) - bytes_to_oklab(other[..., :3]), axis=-1)[seen]
    return gaps


@pytest.mark.parametrize("channels", [3, 4])
def test_spots_go_and_shapes_stay(channels: int) -> None:
    clean = striped(RAINBOW[[0, 2, 4]], channels=channels)
    spotted = noisy(clean)
    after = flattened(spotted, 3)
    assert np.median(apart(after, clean)) < 0.5 * np.median(apart(spotted, clean))
    assert len(np.unique(after[8:-8:4, 20:40, :3].reshape(-1, 3), axis=0)) <= 8
    np.testing.assert_array_equal(after[..., 3:], spotted[..., 3:])
    np.testing.assert_array_equal(after, flattened(spotted, 3))


def test_what_is_flat_already_stays() -> None:
    clean = striped(RAINBOW[[0, 2, 4]])
    assert np.quantile(apart(flattened(clean, 3), clean), 0.9) < 0.01


def test_a_rainbow_keeps_its_colours() -> None:
    clean = striped(RAINBOW)
    assert count_of(clean) == len(RAINBOW)
    assert count_of(flattened(clean, 3)) >= len(RAINBOW) - 2


def test_colours_at_the_edge_are_not_mixed_with_what_cannot_be_seen() -> None:
    pixels = striped(RAINBOW[[2]])
    pixels[4, :, 3] = 100  # a soft edge, beside which black is hidden
    after = flattened(pixels, 3)
    assert (np.abs(after[4, 4:-4, :3].astype(int) - RAINBOW[2]) < 12).all()


def test_colours_are_counted() -> None:
    assert [count_of(striped(RAINBOW[:count])) for count in (1, 2, 4)] == [1, 2, 4]
    assert count_of(gradient()) >= 8
    assert count_of(np.zeros((8, 8, 4), np.uint8)) == 0
    assert count_of(np.zeros((8, 8, 1), np.uint8)) == MOST


@pytest.mark.parametrize("shape", [(8, 8, 4), (8, 31, 4), (40, 9, 3)])
def test_any_shape_is_flattened(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    assert flattened(pixels, 4).shape == shape
    nothing = np.zeros(shape, np.uint8)
    np.testing.assert_array_equal(flattened(nothing, 4), nothing)


# --- which styles are flat -----------------------------------------------------------------------------------------------


def test_a_style_learns_from_its_pictures_whether_it_is_flat() -> None:
    pictures = [Picture(f"{number}", style=style) for style in ("flat", "soft") for number in range(5)]
    shown = [striped(RAINBOW[:3])] * 5 + [gradient()] * 5
    style = StyleCondition.fit(pictures)
    assert style is not None
    assert style.flat == {}
    learnt = style.learnt_from(pictures, shown.__getitem__)
    assert learnt.flat == {"flat": 3}
    assert StyleCondition.revive(learnt.state()).flat == learnt.flat
    assert StyleCondition.revive(style.state()).state() == {"names": ["flat", "soft"]}
    wider = learnt.widened([Picture("x", style="mine")], "set")
    assert wider.flat == {"flat": 3}
    assert wider.learnt_from([Picture("x", style="mine")], lambda place: striped(RAINBOW[:2])).flat == {"flat": 3, "mine": 2}
    assert wider.learnt_from(pictures[:1], lambda place: gradient()).flat == {}


def test_mixed_styles_are_flat_by_their_shares() -> None:
    style = StyleCondition(("a", "b", "c"), flat={"a": 3, "b": 3})
    spotted = noisy(striped(RAINBOW[:3]))
    flat = style.enlarged((("a", 1.0),), spotted)
    assert style.enlarged((("c", 1.0),), spotted) is spotted
    half = style.enlarged((("a", 0.5), ("c", 0.5)), spotted)
    assert np.abs(half.astype(float) - (flat.astype(float) + spotted) / 2).max() <= 1
    np.testing.assert_array_equal(style.enlarged(None, spotted), flat)
    assert StyleCondition(("a", "b"), flat={"a": 3}).enlarged(None, spotted) is spotted, "half of the styles are soft"
    blend = Blend((((("a", 1.0),), 0.5), ((("c", 1.0),), 0.5)))
    np.testing.assert_array_equal(enlarged({"style": style}, spotted, {"style": blend}), half)


# --- painting ------------------------------------------------------------------------------------------------------------


def test_what_is_enlarged_is_flat_unless_it_is_asked_to_be_soft(emoji: Session, tmp_path: Path) -> None:
    wish = Wish("a house", conditions={"style": "twemoji"}, steps=2, size=(96, 96))
    flat, soft = (emoji.paint_all([one])[0] for one in (wish, dataclasses.replace(wish, flat=False)))
    assert (flat.wish.flat, soft.wish.flat) == (True, False)
    assert count_of(from_image(flat.image)) < count_of(from_image(soft.image))
    np.testing.assert_array_equal(from_image(flat.image)[..., 3], from_image(soft.image)[..., 3])
    for number, painting in enumerate((flat, soft)):
        assert replay(painting.save(tmp_path / f"{number}.png")).same == "identical"
    before = {name: value for name, value in soft.record["wish"].items() if name != "flat"}  # as records were
    assert Wish.recorded(before).flat is False
    assert Wish.recorded(flat.record["wish"]).flat is True


def test_only_the_end_is_flat(emoji: Session, tmp_path: Path) -> None:
    work = emoji.begin([Wish("a house", conditions={"style": "twemoji"}, steps=2, size=(96, 96))]).step()
    (resumed,) = emoji.resume(work.save(tmp_path / "half")).finish()
    (painting,) = work.finish()
    assert painting.image.tobytes() == resumed.image.tobytes()
    assert painting.wish == resumed.wish


def test_styles_of_soft_shades_and_what_is_not_enlarged_stay(emoji: Session) -> None:
    for changes in ({"conditions": {"style": "fluent-3d"}}, {"size": (32, 32)}):
        wish = dataclasses.replace(Wish("a house", conditions={"style": "noto"}, steps=2, size=(96, 96)), **changes)
        one, other = emoji.paint_all([wish, dataclasses.replace(wish, flat=False)])
        assert one.image.tobytes() == other.image.tobytes()
    assert emoji.resolve(Wish("a house", size=(32, 32))).flat is None


def test_pictures_to_start_from_keep_their_shades(emoji: Session, tmp_path: Path) -> None:
    start = str(emoji.paint("a house", size=(64, 64), steps=1).save(tmp_path / "house.png"))
    assert emoji.resolve(Wish("a house", size=(64, 64), init=start)).flat is False
    assert emoji.resolve(Wish("a house", size=(64, 64), init=start, flat=True)).flat is True


def test_flat_colours_that_nobody_makes_are_refused(emoji: Session, tmp_path: Path) -> None:
    with pytest.raises(WishError, match="without enlarging"):
        emoji.resolve(Wish("a house", size=(32, 32), flat=True))
    tiny = load(str(make_painter("tiny")))
    with pytest.raises(WishError, match="no style of flat colours"):
        tiny.resolve(Wish("apple", size=(32, 32), flat=True))
    assert tiny.resolve(Wish("apple", size=(32, 32))).flat is None
