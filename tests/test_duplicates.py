"""Near duplicates: copies are found, different pictures are kept apart, and the search agrees with comparing all pairs."""

import io
import time

import numpy as np
import pytest
from PIL import Image, ImageDraw

from danqing.data.checks import Pixels
from danqing.data.duplicates import groups, near, perceptual_hash


def drawn(seed: int, side: int = 96) -> Pixels:
    """A few random filled forms on white."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, width, height = rng.uniform(0, 0.7), rng.uniform(0, 0.7), *rng.uniform(0.1, 0.5, 2)
        box = [side * x, side * y, side * (x + width), side * (y + height)]
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)(box, fill=colour)
    return np.asarray(image)


def apart(first: Pixels, second: Pixels) -> int:
    return (perceptual_hash(first) ^ perceptual_hash(second)).bit_count()


def recompressed(pixels: Pixels) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=60)
    return np.asarray(Image.open(buffer))


def test_copies_are_close_and_others_are_not() -> None:
    pictures = [drawn(seed) for seed in range(60)]
    halves = [np.asarray(Image.fromarray(picture).resize((48, 48), Image.Resampling.BOX)) for picture in pictures]
    assert np.mean([apart(a, b) <= 2 for a, b in zip(pictures, halves, strict=True)]) >= 0.9
    assert np.mean([apart(a, recompressed(a)) <= 2 for a in pictures]) >= 0.9
    brighter = [np.clip(picture.astype(int) + 8, 0, 255).astype(np.uint8) for picture in pictures]
    assert np.mean([apart(a, b) <= 2 for a, b in zip(pictures, brighter, strict=True)]) >= 0.9
    assert min(apart(pictures[a], pictures[b]) for a in range(60) for b in range(a)) > 4


def test_the_same_form_in_other_colours_is_not_the_same() -> None:
    def ball(colour: str) -> Pixels:
        image = Image.new("RGB", (64, 64), "white")
        ImageDraw.Draw(image).ellipse([16, 16, 48, 48], fill=colour)
        return np.asarray(image)

    assert apart(ball("#d02020"), ball("#2020d0")) > 4
    assert apart(ball("#d02020"), ball("#c82424")) <= 2


def test_white_and_black_drawings_on_nothing_are_not_blank() -> None:
    alpha = np.zeros((32, 32, 1), np.uint8)
    alpha[8:24, 4:12] = 255
    other = np.rot90(alpha)
    for level in (0, 255):
        shown = [np.concatenate([np.full((32, 32, 3), level, np.uint8), mask], axis=2) for mask in (alpha, other)]
        assert apart(shown[0], shown[1]) > 8


def test_channels_do_not_matter() -> None:
    gray = drawn(3)[..., :1]
    colour = np.repeat(gray, 3, axis=2)
    opaque = np.concatenate([colour, np.full_like(gray, 255)], axis=2)
    assert perceptual_hash(gray) == perceptual_hash(colour) == perceptual_hash(opaque)
    assert 0 <= perceptual_hash(gray) < 1 << 64


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 500, 3), (3, 2, 4), (2000, 3, 3)])
def test_any_size_has_a_fingerprint(shape: tuple[int, int, int]) -> None:
    assert 0 <= perceptual_hash(np.random.default_rng(0).integers(0, 256, shape, np.uint8)) < 1 << 64


def slowly_near(hashes: list[int], distance: int) -> list[tuple[int, int]]:
    """All pairs, compared one by one."""
    leaders: list[int] = []
    pairs = []
    for place, value in enumerate(hashes):
        leader = next((other for other in leaders if (hashes[other] ^ value).bit_count() <= distance), None)
        if leader is None:
            leaders.append(place)
        else:
            pairs.append((leader, place))
    return pairs


@pytest.mark.parametrize("distance", [0, 1, 2, 3, 5, 8])
def test_the_search_misses_nothing(distance: int) -> None:
    rng = np.random.default_rng(distance)
    hashes = [int(value) for value in rng.integers(0, 1 << 63, 40, dtype=np.uint64)]
    for _ in range(400):
        copy = hashes[int(rng.integers(len(hashes)))]
        for bit in rng.integers(0, 64, int(rng.integers(0, 7))):
            copy ^= 1 << int(bit)
        hashes.append(copy)
    assert near(hashes, distance) == slowly_near(hashes, distance)


def test_a_chain_of_small_changes_does_not_join_what_is_far_apart() -> None:
    chain = [(1 << length) - 1 for length in range(0, 13, 2)]
    found = near(chain, 2)
    assert all((chain[first] ^ chain[later]).bit_count() <= 2 for first, later in found)
    assert groups(found) == [[0, 1], [2, 3], [4, 5]]


def test_a_hundred_thousand_fingerprints_take_seconds() -> None:
    rng = np.random.default_rng(1)
    fresh = [int(value) for value in rng.integers(0, 1 << 63, 60_000, dtype=np.uint64)]
    began = time.monotonic()
    assert len(near(fresh + [value ^ 1 for value in fresh[:20_000]] + [7] * 20_000)) == 39_999
    assert time.monotonic() - began < 20


def test_groups() -> None:
    assert groups([(0, 3), (1, 2), (0, 5)]) == [[0, 3, 5], [1, 2]]
    assert groups([]) == []
