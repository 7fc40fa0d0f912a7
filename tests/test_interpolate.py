"""What lies between two wishes, and between two pictures."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from learners import PALETTE, stream
from painters import make_painter, write_painter
from PIL import Image

from danqing.conditions.conditioner import Blend, Conditioner
from danqing.errors import WishError
from danqing.finish import finish
from danqing.interpolate import between_pictures, walk
from danqing.maths.latents import slerp
from danqing.paint import load
from danqing.parts.contract import Key
from danqing.words import Wish

CODER = {"kind": "convolutional", "patch": 2, "widths": [16], "depths": [1], "attention": [False], "embedding": 16}
SMALL: dict[str, Any] = {
    "vae": {"coder": CODER, "latent": 4},
    "flow": {"blocks": 2, "network": {"width": 32, "depth": 1, "head": 16}},
    "gan": {"widths": [16, 16], "latent": 8, "style": 16},
    "latent": {
        "codec": {"map": True, "latent": 4, "coder": CODER},
        "painter": {"backbone": {"kind": "unet", "patch": 1, "widths": [16], "depths": [1], "attention": [False]}},
        "steps": 2,
    },
    "autoregressive": {"codec": {"coder": CODER, "codes": 16}, "network": {"width": 32, "depth": 1, "head": 16}},
}


def apart(first: Image.Image, last: Image.Image) -> float:
    return float(np.abs(np.asarray(first).astype(float) - np.asarray(last).astype(float)).mean())


def test_a_great_circle_keeps_the_length() -> None:
    a, b = (Key(number).normal(3, 4, 5) for number in range(2))
    a, b = (x / x.flatten(1).norm(dim=1)[:, None, None] for x in (a, b))
    torch.testing.assert_close(slerp(a, b, 0.0), a)
    torch.testing.assert_close(slerp(a, b, 1.0), b)
    middle = slerp(a, b, 0.3)
    assert middle.flatten(1).norm(dim=1).tolist() == pytest.approx([1.0] * 3)
    whole = (a * b).flatten(1).sum(1).acos()
    part = (a * middle).flatten(1).sum(1).acos()
    torch.testing.assert_close(part, 0.3 * whole, rtol=1e-4, atol=1e-5)
    assert torch.equal(slerp(a, a, 0.5), a)
    assert math.isfinite(float(slerp(a, -a, 0.5).sum()))


def test_a_blend_is_seen_as_the_sum_of_its_parts() -> None:
    torch.manual_seed(0)
    conditioner = Conditioner({"palette": PALETTE}, 16)
    first, last = stream().batch(range(2)).conditions["palette"]
    whole = conditioner.encode({"palette": [first, Blend(((first, 0.25), (last, 0.75))), last]}, 3)
    torch.testing.assert_close(whole.vector[1], 0.25 * whole.vector[0] + 0.75 * whole.vector[2])
    torch.testing.assert_close(whole.tokens[1], 0.25 * whole.tokens[0] + 0.75 * whole.tokens[2])
    plain = conditioner.encode({"palette": [first, last]}, 2)
    torch.testing.assert_close(whole.vector[[0, 2]], plain.vector)


@pytest.mark.parametrize(("way", "sampler"), [("spherical", None), ("linear", None), ("spherical", "ddpm"), ("linear", "ddpm")])
def test_a_walk_begins_and_ends_with_its_wishes(home: Path, way: Any, sampler: str | None) -> None:
    make_painter("d")
    session = load("d")
    first = Wish("red", seed=1, sampler=sampler)
    last = Wish("blue", conditions={"palette": "#ff0000"}, seed=2, sampler=sampler)
    pictures = list(walk(session, first, last, 5, way))
    assert len(pictures) == 5
    ends = session.paint_all([first, last])
    assert apart(pictures[0], ends[0].image) <= 1
    assert apart(pictures[-1], ends[1].image) <= 1
    steps = [apart(a, b) for a, b in itertools.pairwise(pictures)]
    assert min(steps) > 0


@pytest.mark.parametrize("family", SMALL)
def test_between_pictures(home: Path, tmp_path: Path, family: str) -> None:
    write_painter("p", family, SMALL[family], {}, 4, (8, 8), 0)
    session = load("p")
    files = [tmp_path / f"{number}.png" for number in range(2)]
    for number, file in enumerate(files):
        session.paint(seed=number).save(file)
    pictures = list(between_pictures(session, files[0], files[1], 3))
    assert [picture.size for picture in pictures] == [(8, 8)] * 3
    assert apart(pictures[0], pictures[2]) > 0
    if family == "flow":  # whose latents tell everything
        assert apart(pictures[0], Image.open(files[0])) <= 2


def test_what_cannot_be_walked_is_told(home: Path, tmp_path: Path) -> None:
    make_painter("d")
    session = load("d")
    with pytest.raises(WishError, match="2 or more"):
        list(walk(session, Wish("red"), Wish("blue"), 1))
    with pytest.raises(WishError, match="differ in size"):
        list(walk(session, Wish("red", size=(16, 16)), Wish("blue", size=(32, 32)), 3))
    session.paint("red").save(tmp_path / "a.png")
    with pytest.raises(WishError, match="no latents"):
        list(between_pictures(session, tmp_path / "a.png", tmp_path / "a.png", 3))


def test_a_film_in_mpeg(tmp_path: Path) -> None:
    pictures = [Image.new("RGBA", (17, 16), colour) for colour in ("red", "green", "blue")]
    path = finish(pictures, tmp_path / "film.mp4")
    reader = cv2.VideoCapture(str(path))
    frames = []
    while (read := reader.read())[0]:
        frames.append(read[1])
    assert len(frames) == 3
    assert frames[0].shape == (16, 16, 3)
    assert frames[0][8, 8].argmax() == 2
    assert frames[2][8, 8].argmax() == 0
