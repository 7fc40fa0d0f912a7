"""Palettes: read from pictures, written by users, measured in paintings, seen by networks."""

import time
from typing import Any

import numpy as np
import pytest
import torch
from skimage import color

from danqing.conditions.colours import ALIKE, Palette, palette_of
from danqing.conditions.palette import PaletteCondition
from danqing.errors import WishError
from danqing.maths.clusters import kmeans
from danqing.maths.colour import bytes_to_oklab
from danqing.parts.contract import Key
from danqing.words import Picture

skimage: Any = color
CONDITION = PaletteCondition()
PICTURE = Picture("0" * 64)
RNG = np.random.default_rng(0)
COLOURS = [
    (192, 57, 43),
    (44, 62, 80),
    (241, 196, 15),
    (39, 174, 96),
    (142, 68, 173),
    (255, 255, 255),
    (0, 0, 0),
    (52, 152, 219),
]


def stripes(colours: list[tuple[int, int, int]], widths: list[int], channels: int = 3) -> np.ndarray:
    row = np.repeat(np.array(colours, dtype=np.uint8), widths, axis=0)
    pixels = np.broadcast_to(row, (32, *row.shape)).copy()
    if channels == 4:
        return np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 255, np.uint8)], axis=-1)
    return pixels


def test_flat_colours_are_read_exactly_with_their_shares() -> None:
    widths = [9, 7, 5, 4, 3, 2, 1, 1]
    palette = CONDITION.read(PICTURE, stripes(COLOURS, widths))
    assert palette is not None
    assert palette.colours == tuple(COLOURS)
    assert palette.shares == pytest.approx([width / 32 for width in widths])


def test_what_is_transparent_does_not_count() -> None:
    pixels = stripes(COLOURS[:3], [10, 11, 11], channels=4)
    pixels[:, 10:21, 3] = 0
    pixels[:, 21:, 3] = 51
    palette = CONDITION.read(PICTURE, pixels)
    assert palette is not None
    assert palette.colours == (COLOURS[0], COLOURS[2])
    assert palette.shares == pytest.approx([10 / 12.2, 2.2 / 12.2])
    pixels[..., 3] = 0
    assert CONDITION.read(PICTURE, pixels) is None


def test_gray_pictures_have_gray_palettes() -> None:
    pixels = np.repeat(np.array([0, 128, 255], np.uint8), 11)[None, :, None].repeat(8, axis=0)
    palette = CONDITION.read(PICTURE, pixels)
    assert palette is not None
    assert sorted(palette.colours) == [(0, 0, 0), (128, 128, 128), (255, 255, 255)]


def test_any_picture_gives_a_sound_palette_always_the_same() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        pixels = rng.integers(0, 256, (32, 32, int(rng.choice([1, 3, 4]))), dtype=np.uint8)
        palette = palette_of(pixels)
        assert palette is not None
        assert palette == palette_of(pixels.copy())
        assert 1 <= len(palette.colours) <= 8
        assert sum(palette.shares) == pytest.approx(1)
        assert list(palette.shares) == sorted(palette.shares, reverse=True)
        assert min(palette.shares) >= 0.02
        places = bytes_to_oklab(np.array(palette.colours, dtype=np.uint8))
        gaps = np.linalg.norm(places[:, None] - places[None], axis=-1) + np.eye(len(places))
        assert gaps.min() > ALIKE * 0.9


def test_shades_of_one_colour_are_one_and_specks_are_left_out() -> None:
    pixels = np.full((32, 32, 3), (192, 57, 43), np.uint8) + RNG.integers(-6, 7, (32, 32, 3)).astype(np.uint8)
    pixels[0, :15] = (39, 174, 96)
    palette = palette_of(pixels)
    assert palette is not None
    assert len(palette.colours) == 1
    assert np.abs(np.array(palette.colours[0]) - (192, 57, 43)).max() <= 3


def test_clusters_lower_the_error_at_least_as_far_as_a_random_start() -> None:
    points = np.concatenate([RNG.normal(place, 0.1, (100, 3)) for place in RNG.normal(size=(8, 3)) * 2])
    weights = RNG.uniform(0.1, 1.0, len(points))

    def error(centres: np.ndarray) -> float:
        return float((weights * np.square(points[:, None] - centres[None]).sum(-1).min(1)).sum())

    centres, masses = kmeans(points, weights, 8)
    assert masses.sum() == pytest.approx(weights.sum())
    random = [error(points[np.random.default_rng(seed).choice(len(points), 8, replace=False)]) for seed in range(20)]
    assert error(centres) < min(random)
    assert error(centres) < 0.1**2 * 3 * weights.sum() * 1.1


def test_a_wish_is_read_in_hexadecimal_or_by_name() -> None:
    assert CONDITION.parse("#c0392b,#2c3e50:0.3") == Palette(((192, 57, 43), (44, 62, 80)), (0.7, 0.3))
    assert CONDITION.parse(" Crimson ") == Palette(((220, 20, 60),), (1.0,))
    assert CONDITION.parse("#fff, black").colours == ((255, 255, 255), (0, 0, 0))
    assert CONDITION.parse("red:0.2,lime:0.2").shares == (0.5, 0.5)
    read = CONDITION.parse("navy:0.5,gold:0.3,teal")
    assert read.colours == ((0, 0, 128), (255, 215, 0), (0, 128, 128))
    assert read.shares == pytest.approx([0.5, 0.3, 0.2])
    assert CONDITION.parse(str(read)).colours == read.colours


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (",".join(["#123456"] * 99), "99 colours.*1 to 8"),
        ("", "no colour.*1 to 8"),
        (" , ", "no colour.*1 to 8"),
        ("crimsom", "'crimsom' is no colour.*crimson"),
        ("#12345", "is no colour.*#c0392b"),
        ("hsl(0", "is no colour"),
        ("red:2", "'2' is no share"),
        ("red:much", "'much' is no share"),
        ("red:nan", "'nan' is no share"),
        ("red:1,blue", "leaves nothing"),
    ],
)
def test_a_wish_that_cannot_be_read_says_what_is_allowed(text: str, words: str) -> None:
    with pytest.raises(WishError, match=words):
        CONDITION.parse(text)


def test_a_painting_misses_its_palette_by_how_far_the_colours_must_move() -> None:
    asked = CONDITION.parse("#c0392b:0.75,#2c3e50:0.25")
    exact = stripes(COLOURS[:2], [24, 8])
    assert CONDITION.miss(asked, exact) == pytest.approx(0, abs=1e-9)
    apart = float(skimage.deltaE_ciede2000(*(skimage.rgb2lab(np.array(c) / 255.0) for c in COLOURS[:2])))
    assert CONDITION.miss(asked, stripes(COLOURS[:2], [16, 16])) == pytest.approx(0.25 * apart, rel=1e-3)
    assert CONDITION.miss(asked, stripes(COLOURS[:2], [8, 24])) == pytest.approx(0.5 * apart, rel=1e-3)
    black, white = CONDITION.parse("black"), np.full((8, 8, 3), 255, np.uint8)
    assert CONDITION.miss(black, white) == pytest.approx(100, abs=0.01)
    assert CONDITION.miss(black, np.zeros((8, 8, 4), np.uint8)) == 100.0


def test_a_picture_misses_its_own_palette_by_little_and_anothers_by_more() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        chosen = rng.permutation(len(COLOURS))
        own, other = (stripes([COLOURS[i] for i in part], [8, 8, 8, 8]) for part in (chosen[:4], chosen[4:]))
        noisy = (own.astype(int) + rng.integers(-8, 9, own.shape)).clip(0, 255).astype(np.uint8)
        palette = palette_of(noisy)
        assert palette is not None
        assert CONDITION.miss(palette, noisy) < 4 < CONDITION.miss(palette, other)


def test_training_draws_the_largest_colours_of_every_number() -> None:
    value = Palette(tuple(COLOURS), tuple(np.array([9, 7, 5, 4, 3, 2, 1, 1]) / 32))
    drawn = [CONDITION.draw(value, Key(7).at("palette", row)) for row in range(200)]
    assert {len(palette.colours) for palette in drawn} == set(range(1, 9))
    for palette in drawn:
        assert palette.colours == value.colours[: len(palette.colours)]
        assert sum(palette.shares) == pytest.approx(1)
    assert CONDITION.draw(value, Key(7, 3)) == CONDITION.draw(value, Key(7, 3))


def test_the_network_sees_colours_that_are_there_and_a_learnt_nothing_otherwise() -> None:
    torch.manual_seed(0)
    encoder = CONDITION.encoder(24)
    with torch.no_grad():
        encoder.absent.fill_(3.0)
    values = [CONDITION.parse("red:0.6,blue"), None, CONDITION.parse("red:0.6,lime")]
    seen = encoder(*encoder.collate(values))
    assert seen.tokens.shape == (3, 8, 24)
    assert seen.mask.sum(1).tolist() == [2, 0, 2]
    assert torch.equal(seen.vector[1], torch.full((24,), 3.0))
    assert not seen.tokens[~seen.mask].any()
    assert torch.equal(seen.tokens[0, 0], seen.tokens[2, 0])
    assert not torch.allclose(seen.vector[0], seen.vector[2])
    alone = encoder(*encoder.collate(values[:1]))
    torch.testing.assert_close(alone.vector[0], seen.vector[0])
    seen.vector.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in encoder.parameters())


def test_it_is_shown_as_swatches_as_wide_as_their_shares() -> None:
    strip = np.asarray(CONDITION.show(CONDITION.parse("#c0392b:0.75,#2c3e50:0.25")))
    assert strip.shape == (32, 256, 3)
    assert (strip[:, :192] == COLOURS[0]).all()
    assert (strip[:, 192:] == COLOURS[1]).all()


def test_every_set_has_palettes() -> None:
    fitted = PaletteCondition.fit([PICTURE])
    assert fitted is not None
    assert PaletteCondition.revive(fitted.state()).parse("red") == CONDITION.parse("red")
    assert PaletteCondition.fit([]) is None


def test_three_hundred_pictures_a_second() -> None:
    pictures = [stripes(COLOURS, [4] * 8, 4) for _ in range(10)]
    pictures += [RNG.integers(0, 256, (32, 32, 4), dtype=np.uint8) for _ in range(10)]
    began = time.process_time()
    for pixels in pictures:
        palette_of(pixels)
    assert len(pictures) / (time.process_time() - began) > 300


def test_more_of_a_colour_is_measured_as_more() -> None:
    condition = PaletteCondition()
    grades = condition.grades(condition.parse("#c0392b:0.5,#2c3e50:0.3,#ffffff"))
    assert [grade.shares[0] for grade in grades] == sorted(grade.shares[0] for grade in grades)
    assert {grade.colours for grade in grades} == {((0xC0, 0x39, 0x2B), (0x2C, 0x3E, 0x50))}
    pictures = [np.asarray(condition.show(grade)) for grade in grades]
    assert [condition.amount(grades[0], picture) for picture in pictures] == pytest.approx(
        [g.shares[0] for g in grades], abs=0.01
    )
    assert condition.grades(condition.parse("#c0392b")) == []
    assert condition.amount(grades[0], np.zeros((4, 4, 4), np.uint8)) == 0.0, "nothing is to be seen"
