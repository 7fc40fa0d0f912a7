"""Preparation: one size, one number of channels, premultiplied alpha; caching; augmentation by key."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from skimage import transform

from danqing.data.picture_set import PictureSet, import_pictures
from danqing.data.prepare import Preparation, augment, prepare, prepare_one
from danqing.data.rendering import png
from danqing.data.resample import Pixels, fitted
from danqing.data.source import Item, LeftOut, Source
from danqing.errors import ConfigError
from danqing.maths.seen import to_network
from danqing.parts.contract import Key, Keys

skimage: Any = transform


class Given(Source):
    def __init__(self, *pixels: Pixels) -> None:
        self.given = pixels

    def describe(self) -> str:
        return "given"

    def items(self) -> Iterator[Item | LeftOut]:
        for number, pixels in enumerate(self.given):
            yield Item(str(number), lambda pixels=pixels: png(pixels))  # type: ignore[misc]


def disc(height: int, width: int, channels: int) -> Pixels:
    y, x = np.mgrid[0:height, 0:width]
    inside = (2 * x - width) ** 2 + (2 * y - height) ** 2 < (0.8 * min(height, width)) ** 2
    front, back = {1: ([90], [200]), 3: ([200, 30, 60], [10, 80, 160]), 4: ([200, 30, 60, 255], [0, 255, 0, 0])}[channels]
    return np.where(inside[:, :, None], np.array(front, np.uint8), np.array(back, np.uint8))


@pytest.fixture
def pictures(tmp_path: Path) -> PictureSet:
    return import_pictures(Given(disc(40, 40, 4), disc(30, 60, 3), disc(50, 20, 1)), tmp_path / "set")


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([1, 3, 4]),
    st.sampled_from([1, 3, 4]),
    st.sampled_from(["pad", "crop"]),
)
def test_every_picture_comes_out_at_the_size(height: int, width: int, given: int, asked: int, fit: str) -> None:
    pixels = np.random.default_rng(height * 41 + width).integers(0, 256, (height, width, given), np.uint8)
    made = prepare_one(pixels, Preparation.read({"size": (24, 16), "channels": asked, "fit": fit}))
    assert made.shape == (asked, 24, 16)
    assert made.dtype == np.uint8
    if asked == 4:
        assert (made[:3] <= made[3:]).all()
    if fit == "crop" and asked == 4 and given != 4:
        assert (made[3] == 255).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_flat_colour_stays_itself(channels: int) -> None:
    colour = np.array([37, 180, 90, 128][:channels], np.uint8)
    pixels = np.broadcast_to(colour, (30, 50, channels)).copy()
    made = fitted(pixels, (16, 16), channels, fit="crop")
    assert (np.abs(made.astype(int) - colour) <= (2 if channels == 4 else 0)).all()


def test_shrinking_averages_what_it_covers() -> None:
    """A smooth picture shrunk 4 times is near to its block means, as an antialiased one must be."""
    smooth = np.outer(np.sin(np.linspace(0, 3, 64)), np.cos(np.linspace(0, 2, 64)))
    pixels = (127 + 120 * smooth).astype(np.uint8)[:, :, None]
    expected = skimage.downscale_local_mean(pixels[:, :, 0].astype(float), (4, 4))
    assert np.abs(fitted(pixels, (16, 16), 1)[:, :, 0] - expected).max() <= 4
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))[
        :, :, None
    ]  # the highest frequency there is: must turn gray, not alias
    assert np.abs(fitted(stripes, (16, 16), 1).astype(int)[:, 2:-2] - 127).max() <= 12


def test_transparency_is_laid_over_the_background() -> None:
    half = np.full((8, 8, 4), [255, 0, 0, 128], np.uint8)
    made = prepare_one(half, Preparation(size=(8, 8), channels=3, background="#0000ff"))
    assert made[:, 0, 0].tolist() == [128, 0, 127]


def test_padding_is_background_or_nothing(pictures: PictureSet) -> None:
    wide = pictures.raw(1)
    padded = prepare_one(wide, Preparation(size=(32, 32), channels=3, background="#102030"))
    assert (padded[:, 0].T == [0x10, 0x20, 0x30]).all()
    clear = prepare_one(wide, Preparation(size=(32, 32), channels=4))
    assert (clear[:, :8] == 0).all()
    assert (clear[3, 8:24] == 255).all()


def test_prepared_is_what_the_network_reads(pictures: PictureSet) -> None:
    """Stored premultiplied, a picture over 127.5 less 1 is what `to_network` makes of its straight form."""
    prepared = prepare(pictures, Preparation(size=(16, 16), channels=4))
    for index in range(len(pictures)):
        seen = torch.from_numpy(prepared.pixels[index].astype(np.float32)) / 127.5 - 1
        assert (seen - to_network(prepared.straight(index))).abs().max() <= 1.01 / 127.5


def test_the_cache_is_keyed_by_settings_and_content(pictures: PictureSet) -> None:
    settings = [Preparation(size=(16, 16)), Preparation(size=(16, 16), channels=3), Preparation(size=(8, 16), fit="crop")]
    first = [prepare(pictures, one) for one in settings]
    calls: list[int] = []
    again = [prepare(pictures, one, calls.append) for one in settings]
    assert calls == []
    for one, other, preparation in zip(first, again, settings, strict=True):
        assert one.pixels.shape == (3, preparation.channels, *preparation.size)
        np.testing.assert_array_equal(one.pixels, other.pixels)
        for index in range(3):
            np.testing.assert_array_equal(one.pixels[index], prepare_one(pictures.raw(index), preparation))
    pictures.exclude(picture=pictures.pictures[0].sha256)
    left = prepare(pictures, settings[0])
    np.testing.assert_array_equal(left.pixels, first[0].pixels[1:])


def test_denoising_brings_a_noisy_picture_nearer_to_the_clean_one() -> None:
    clean = disc(64, 64, 3)
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 12, clean.shape), 0, 255).astype(np.uint8)
    prepared = prepare_one(noisy, Preparation(size=(64, 64), channels=3, denoise=15)).transpose(1, 2, 0)
    assert np.abs(prepared - clean.astype(float)).mean() < 0.5 * np.abs(noisy - clean.astype(float)).mean()


def test_segmenting_by_alpha_cuts_to_the_box() -> None:
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[10:20, 5:15] = [10, 200, 30, 255]
    made = prepare_one(pixels, Preparation(size=(16, 16), segment="alpha"))
    assert (made[3] == 255).all()
    nothing = prepare_one(np.zeros((40, 40, 4), np.uint8), Preparation(size=(16, 16), segment="alpha"))
    assert (nothing == 0).all()


def test_grabcut_finds_a_disc_on_a_plain_ground() -> None:
    pixels = np.clip(disc(64, 64, 3) + np.random.default_rng(0).normal(0, 4, (64, 64, 3)), 0, 255).astype(np.uint8)
    made = prepare_one(pixels, Preparation(size=(64, 64), segment="grabcut"))
    truth = disc(64, 64, 4)[:, :, 3] > 0
    found = made[3] > 127
    assert (truth & found).sum() / (truth | found).sum() > 0.95


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ConfigError, match="channels"):
        Preparation.read({"channels": 2})
    with pytest.raises(ConfigError, match="did you mean 'segment'"):
        Preparation.read({"segmnt": "alpha"})
    with pytest.raises(ValidationError):
        Preparation(background="white")


def keys(count: int) -> Keys:
    return Keys(tuple(Key(5).at("augment", row) for row in range(count)))


def test_augmentation_depends_on_nothing_but_the_key() -> None:
    batch = torch.randn(12, 3, 8, 8)
    whole = augment(batch, keys(12), flip=0.5, shift=2)
    parts = [augment(batch[i : i + 1], Keys(keys(12).keys[i : i + 1]), flip=0.5, shift=2) for i in range(12)]
    assert torch.equal(whole, torch.cat(parts))
    assert torch.equal(augment(batch, keys(12)), batch)
    assert torch.equal(augment(batch, keys(12), flip=1.0), batch.flip(-1))
    whole_bytes = (batch * 20).to(torch.uint8)
    assert torch.equal(augment(whole_bytes, keys(12), flip=1.0), whole_bytes.flip(-1))


def test_augmentation_flips_as_often_as_asked_and_moves_as_far() -> None:
    count = 800
    batch = torch.zeros(count, 1, 9, 9)
    batch[:, 0, 4, 3] = 1.0
    moved = augment(batch, keys(count), flip=0.3, shift=2)
    spots = moved[:, 0].flatten(1).argmax(1)
    down, right = spots // 9 - 4, spots % 9
    assert set(down.tolist()) == {-2, -1, 0, 1, 2}
    flips = float((augment(batch, keys(count), flip=0.3)[:, 0, 4, 5] == 1).float().mean())
    assert abs(flips - 0.3) < 4 * (0.3 * 0.7 / count) ** 0.5
    assert set(right.tolist()) == set(range(1, 8))
    assert all(abs(float((down == d).float().mean()) - 0.2) < 4 * (0.2 * 0.8 / count) ** 0.5 for d in range(-2, 3))
    edge = augment(torch.arange(9.0).expand(4, 1, 9, 9).clone(), keys(4), shift=3)
    assert all(set(row.tolist()) <= set(range(9)) for row in itertools.chain(*edge[:, 0]))
