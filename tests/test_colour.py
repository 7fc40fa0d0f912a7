"""Colour spaces and differences against scikit-image and published values; pictures as networks see them."""

from typing import Any

import numpy as np
import pytest
import torch
from skimage import color

from danqing.maths.colour import (
    bytes_to_oklab,
    ciede2000,
    linear_to_srgb,
    oklab_to_bytes,
    oklab_to_srgb,
    premultiply,
    srgb_to_cielab,
    srgb_to_linear,
    srgb_to_oklab,
    unpremultiply,
)
from danqing.maths.seen import from_network, to_network

skimage: Any = color
RNG = np.random.default_rng(0)
SHARMA = """
50 2.6772 -79.7751 50 0 -82.7485 2.0425
50 3.1571 -77.2803 50 0 -82.7485 2.8615
50 2.8361 -74.0200 50 0 -82.7485 3.4412
50 -1.3802 -84.2814 50 0 -82.7485 1.0000
50 -1.1848 -84.8006 50 0 -82.7485 1.0000
50 -0.9009 -85.5211 50 0 -82.7485 1.0000
50 0 0 50 -1 2 2.3669
50 -1 2 50 0 0 2.3669
50 2.4900 -0.0010 50 -2.4900 0.0009 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0010 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0011 7.2195
50 2.4900 -0.0010 50 -2.4900 0.0012 7.2195
50 -0.0010 2.4900 50 0.0009 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0010 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0011 -2.4900 4.7461
50 2.5 0 50 0 -2.5 4.3065
50 2.5 0 73 25 -18 27.1492
50 2.5 0 61 -5 29 22.8977
50 2.5 0 56 -27 -3 31.9030
50 2.5 0 58 24 15 19.4535
50 2.5 0 50 3.1736 0.5854 1.0000
50 2.5 0 50 3.2972 0 1.0000
50 2.5 0 50 1.8634 0.5757 1.0000
50 2.5 0 50 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""


def test_CIEDE2000_gives_all_34_published_values() -> None:
    table = np.array([line.split() for line in SHARMA.split("\n") if line], dtype=float)
    assert len(table) == 34
    np.testing.assert_allclose(ciede2000(table[:, :3], table[:, 3:6]), table[:, 6], atol=5.1e-5)
    np.testing.assert_allclose(ciede2000(table[:, 3:6], table[:, :3]), table[:, 6], atol=5.1e-5)


def test_CIELAB_and_CIEDE2000_match_scikit_image() -> None:
    srgb = RNG.uniform(size=(40, 3))
    lab = srgb_to_cielab(srgb)
    np.testing.assert_allclose(lab, skimage.rgb2lab(srgb), atol=2e-3)
    ours = ciede2000(lab[:, None], lab[None])
    np.testing.assert_allclose(ours, skimage.deltaE_ciede2000(lab[:, None], lab[None]), atol=1e-9)


def test_OKLab_has_its_landmarks() -> None:
    white_red_gray = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    expected = [[1.0, 0.0, 0.0], [0.6280, 0.2249, 0.1258], [0.5982, 0.0, 0.0]]
    np.testing.assert_allclose(srgb_to_oklab(white_red_gray), expected, atol=2e-4)


def test_spaces_return_to_where_they_came_from() -> None:
    srgb = RNG.uniform(size=(7, 5, 3))
    np.testing.assert_allclose(linear_to_srgb(srgb_to_linear(srgb)), srgb, atol=1e-7)
    np.testing.assert_allclose(oklab_to_srgb(srgb_to_oklab(srgb)), srgb, atol=1e-6)
    levels = RNG.integers(0, 256, (500, 3), dtype=np.uint8)
    assert np.array_equal(oklab_to_bytes(bytes_to_oklab(levels)), levels)
    np.testing.assert_allclose(bytes_to_oklab(levels), srgb_to_oklab(levels / 255.0))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_return_from_the_network_exactly(channels: int) -> None:
    pixels = RNG.integers(0, 256, (2, 64, 64, channels), dtype=np.uint8)
    seen = to_network(pixels)
    assert seen.shape == (2, channels, 64, 64)
    assert seen.min() >= -1
    assert seen.max() <= 1
    expected = pixels.copy()
    if channels == 4:
        expected[pixels[..., 3] == 0] = 0
    assert np.array_equal(from_network(seen), expected)


def test_transparent_pixels_are_all_minus_one_and_opaque_ones_plain() -> None:
    pixels = np.array([[[200, 100, 50, 0], [255, 0, 127, 255], [255, 255, 255, 51]]], dtype=np.uint8)
    seen = to_network(pixels)
    assert seen[:, 0, 0].tolist() == [-1.0] * 4
    torch.testing.assert_close(seen[:, 0, 1], torch.tensor([1.0, -1.0, 127 / 127.5 - 1, 1.0]))
    torch.testing.assert_close(seen[:, 0, 2], torch.full((4,), -0.6))


def test_a_network_may_overshoot() -> None:
    seen = torch.tensor([5.0, 0.5, -9.0, 0.0]).reshape(4, 1, 1)
    assert from_network(seen).tolist() == [[[255, 255, 0, 128]]]


def test_premultiplying_bytes() -> None:
    pixels = RNG.integers(0, 256, (50, 50, 4), dtype=np.uint8)
    expected = np.rint(pixels[..., :3] * (pixels[..., 3:] / 255.0))
    assert np.array_equal(premultiply(pixels)[..., :3], expected)
    back = unpremultiply(premultiply(pixels))
    close = np.abs(back[..., :3].astype(int) - pixels[..., :3]) * pixels[..., 3:].astype(int)
    assert np.array_equal(back[..., 3], pixels[..., 3])
    assert close.max() <= 255
    opaque = pixels.copy()
    opaque[..., 3] = 255
    assert np.array_equal(unpremultiply(premultiply(opaque)), opaque)
