"""Mixtures: of wishes, of pictures, of layers, and towards words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from painters import make_painter, write_painter
from PIL import Image
from test_interpolate import SMALL, apart
from typer.testing import CliRunner

from danqing.cli import app
from danqing.data.picture_set import import_pictures
from danqing.data.shapes import ShapesSource
from danqing.errors import PictureError, WishError
from danqing.maths.latents import between, slerp
from danqing.mix import Mixture, Part, Towards, mix
from danqing.paint import Session, load
from danqing.parts.contract import Key
from danqing.replay import replay
from danqing.train import train
from danqing.words import Painting, Wish


def mixed(session: Session, *parts: Part, **others: Any) -> Painting:
    *_, painting = mix(session, Mixture(parts, **others))
    assert isinstance(painting, Painting)
    return painting


def test_the_mean_of_several_latents() -> None:
    a, b, c = (Key(number).normal(2, 6) for number in range(3))
    assert torch.equal(between([a, b], [1, 0], "spherical"), a)
    torch.testing.assert_close(between([a, b], [1, 3], "spherical"), slerp(a, b, 0.75))
    torch.testing.assert_close(between([a, b, c], [1, 2, 1], "linear"), (a + 2 * b + c) / 4)
    axes = torch.eye(3)[:, None]
    even = between(list(axes), [1, 1, 1], "spherical")
    assert even.norm().item() == pytest.approx(1.0)


@pytest.mark.parametrize("family", ["diffusion", *SMALL])
def test_a_mixture_of_wishes(home: Path, tmp_path: Path, family: str) -> None:
    if family == "diffusion":
        make_painter("p")
    else:
        write_painter("p", family, SMALL[family], {}, 4, (8, 8), 0)
    session = load("p")
    size = session.painter.facts.size[::-1]
    first, last = Wish(seed=1), Wish(seed=2)
    alone = mixed(session, Part(first))
    if family != "gan":  # which has noise of its own
        assert apart(alone.image, session.paint(seed=1, size=size).image) <= 1
    both = mixed(session, Part(first), Part(last, 0.5))
    if family != "autoregressive":  # whose few codes may be the same
        assert apart(both.image, alone.image) > 0
    assert apart(both.image, mixed(session, Part(last)).image) > 0
    verdict = replay(both.save(tmp_path / "both.png"))
    assert verdict.same == "identical"


@pytest.mark.parametrize("family", SMALL)
def test_a_mixture_of_pictures_and_what_became_of_them(home: Path, tmp_path: Path, family: str) -> None:
    write_painter("p", family, SMALL[family], {}, 4, (8, 8), 0)
    session = load("p")
    files = [str(session.paint(seed=seed).save(tmp_path / f"{seed}.png")) for seed in range(2)]
    painting = mixed(session, Part(files[0]), Part(files[1]), Part(Wish(seed=5), 0.1))
    assert painting.image.size == (8, 8)
    saved = painting.save(tmp_path / "mixed.png")
    assert replay(saved).same == "identical"
    Image.new("RGB", (8, 8), "red").save(files[1])
    with pytest.raises(PictureError, match="has changed"):
        replay(saved)


def test_layers_of_two_styles(home: Path) -> None:
    write_painter("p", "gan", {**SMALL["gan"], "mixing": 0.0}, {}, 4, (8, 8), 0)
    session = load("p")
    parts = Part(Wish(seed=1)), Part(Wish(seed=2))
    coarse, fine = (mixed(session, *parts, layers=number) for number in (1, 3))
    ends = [mixed(session, part) for part in parts]
    assert len({painting.image.tobytes() for painting in (coarse, fine, *ends)}) == 4
    assert apart(fine.image, ends[0].image) < apart(coarse.image, ends[0].image)
    with pytest.raises(WishError, match="'p' has 4"):
        mixed(session, *parts, layers=4)


def test_a_mixture_in_a_style(home: Path, tmp_path: Path) -> None:
    """All parts are asked for it, but for those whose own wish says another; the command asks for it too."""
    make_painter("p")
    session, out = load("p"), tmp_path / "mixed.png"
    words = (("red", 1.0), ("fish", 0.5))
    plain, styled = (
        [Part(Wish(said, conditions=conditions, seed=1), weight) for said, weight in words]
        for conditions in ({}, {"style": "ink"})
    )
    inked = mixed(session, *plain, conditions={"style": "ink"})
    assert apart(inked.image, mixed(session, *plain).image) > 0
    assert inked.image.tobytes() == mixed(session, *styled, conditions={"style": "oil"}).image.tobytes()
    assert replay(inked.save(out)).same == "identical"
    for told in (["--style", "ink"], ["--style", "ink", "--palette", "red"]):
        ran = CliRunner().invoke(app, ["mix", "red", "fish:0.5", "--painter", "p", "--seed", "1", "--out", str(out), *told])
        assert ran.exit_code == 0, ran.output
        assert (Image.open(out).tobytes() == inked.image.tobytes()) == ("--palette" not in told)


def test_what_cannot_be_mixed_is_told(home: Path, tmp_path: Path) -> None:
    make_painter("d")
    session = load("d")
    file = str(session.paint("red").save(tmp_path / "a.png"))
    with pytest.raises(WishError, match="have no latents: mix words"):
        mixed(session, Part(file))
    with pytest.raises(WishError, match="a direction was asked for"):
        mixed(session, Part(Wish("red")), towards=(Towards("red"),))
    with pytest.raises(WishError, match="weights above 0"):
        mixed(session, Part(Wish("red"), 0))
    with pytest.raises(WishError, match="weights above 0"):
        mixed(session)


def test_a_direction_goes_towards_its_word(home: Path, tmp_path: Path) -> None:
    """Of drawn shapes: the direction of "black", by a flow that has hardly learnt, makes a picture darker."""
    data = str(import_pictures(ShapesSource(600, size=16), home / "sets" / "shapes").folder)
    told: dict[str, Any] = {"name": "f", "family": "flow", "size": 8, "channels": 3, "pictures_seen": 16, "batch": 16}
    list(train(data, told | {"threads": 1, "sheets": 0, "conditions": [], "model": SMALL["flow"]}))
    session = load("f")
    plain, darker = (mixed(session, Part(Wish(seed=3)), towards=towards) for towards in ((), (Towards("black", 1.5),)))
    assert np.asarray(darker.image).mean() < np.asarray(plain.image).mean() - 1
    assert replay(darker.save(tmp_path / "darker.png")).same == "identical"
    with pytest.raises(WishError, match=r"0 of \d+ captions"):
        mixed(session, Part(Wish(seed=3)), towards=(Towards("nothing"),))
