"""Style transfer: any style by example, at once or step by step, with small networks in place of the released ones."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bars import Bars
from PIL import Image
from torch import Tensor
from typer.testing import CliRunner

from danqing.cli import app
from danqing.conditions.style_pictures import Example, StylePictures
from danqing.config import merge
from danqing.data.picture_set import import_pictures
from danqing.data.shapes import ShapesSource
from danqing.errors import ConfigError, PainterError, TrainingError, WishError
from danqing.evaluate import evaluate_painter
from danqing.families import adain as adains
from danqing.families import style as styling
from danqing.families.adain import LAYERS, AdaIn, AdaInConfig, moments, normalised
from danqing.families.style import COVER, Gatys, GatysConfig, Stylisation, StylisationConfig
from danqing.maths.colour import bytes_to_oklab, recoloured
from danqing.paint import Session, load
from danqing.painters.canvas_file import read_canvas, write_canvas
from danqing.parts.contract import Asked, Batch, Canvas, Clock, Family, Key, Keys, Plan
from danqing.parts.loop import Loop
from danqing.parts.perceptual import grams, styles_apart
from danqing.parts.stylisation import Stylisation as Network
from danqing.parts.vgg import Vgg
from danqing.replay import replay
from danqing.train import Done, train
from danqing.words import Wish

CONDITIONS = {"style": StylePictures()}


def eyes_widths() -> tuple[int, ...]:
    return (6, 8, 10, 12, 12)


def network() -> Network:
    torch.manual_seed(0)
    return Network().requires_grad_(False).eval()


def eyes() -> Vgg:
    torch.manual_seed(0)
    return Vgg(averaged=True, widths=eyes_widths()).requires_grad_(False).eval()


def gatys(**changes: Any) -> Gatys:
    return Gatys(GatysConfig.read({"steps": 6, **changes}), CONDITIONS, 3, 0, eyes()).eval()


def at_once(**changes: Any) -> Stylisation:
    return Stylisation(StylisationConfig.read(changes), CONDITIONS, 3, 0, network()).eval()


def adain(**changes: Any) -> AdaIn:
    torch.manual_seed(0)
    small = {"widths": [16, 8, 8], "lr": 3e-3, "warmup": 0, "average": 100}
    return AdaIn(AdaInConfig.read(merge(small, changes)), CONDITIONS, 3, 0, eyes()).eval()


FAMILIES: dict[str, Callable[[], Family]] = {
    "adain": adain,
    "gatys": gatys,
    "at once": at_once,
}


def pixels(place: int, height: int = 64, width: int = 64) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Soft blobs of colour."""
    noise = Key("blobs", place).uniform(3, 8, 8)[None]
    grown = torch.nn.functional.interpolate(noise, (height, width), mode="bicubic").clamp(0, 1)
    return (grown[0].movedim(0, -1) * 255).round().to(torch.uint8).numpy()


def example(place: int, weight: float = 1.0) -> Example:
    return Example(f"{place}.png", weight, pixels(place, 48, 72))


def asked(count: int, strength: float = 1.0, size: tuple[int, int] = (64, 64), **changes: Any) -> Asked:
    starts = torch.stack([torch.from_numpy(pixels(100 + row, *size)).movedim(-1, 0) / 127.5 - 1 for row in range(count)])
    values = {"style": [(example(row),) for row in range(count)]}
    return dataclasses.replace(Asked(values, {}, torch.ones(count), starts), **changes)


def keys(count: int) -> Keys:
    return Keys(tuple(Key(row) for row in range(count)))


def painted(family: Family, wish: Asked, strength: float = 1.0, size: tuple[int, int] = (64, 64)) -> list[Canvas]:
    """Every canvas, under the mode in which painting happens."""
    with torch.inference_mode():
        canvases = [family.start(wish, Plan(size, strength=strength), keys(len(wish)))]
        while not canvases[-1].done:
            canvases.append(family.step(canvases[-1], wish))
    return canvases


# --- the laws of the contract -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_a_wish_gives_its_picture_whatever_the_batch(name: str) -> None:
    family, wish = FAMILIES[name](), asked(3)
    together = family.show(painted(family, wish)[-1])
    for row in range(3):
        assert wish.start is not None
        alone = Asked({"style": wish.conditions["style"][row : row + 1]}, {}, torch.ones(1), wish.start[row : row + 1])
        assert (family.show(painted(family, alone)[-1])[0] - together[row]).abs().max() <= 2 / 255


@pytest.mark.parametrize("name", FAMILIES)
def test_a_step_is_pure_and_a_canvas_on_disk_goes_on_bit_identical(name: str, tmp_path: Path) -> None:
    """Also in a family that has not seen the pictures before."""
    family, wish = FAMILIES[name](), asked(2)
    canvases = painted(family, wish, strength=0.7)
    for number, (canvas, following) in enumerate(itertools.pairwise(canvases)):
        path = write_canvas(tmp_path / f"{number}.safetensors", canvas, [{}], {})
        read = read_canvas(path)[0]
        fresh = FAMILIES[name]()  # a network that is built in inference mode has no slopes; families open theirs out of it
        with torch.inference_mode():
            for other, begun in ((family, canvas), (fresh, read)):
                after = other.step(begun, wish)
                assert all(torch.equal(after.tensors[key], value) for key, value in following.tensors.items())


@pytest.mark.parametrize("size", [(64, 64), (70, 93), (40, 17)])
@pytest.mark.parametrize("name", FAMILIES)
def test_any_size_is_shown_at_any_time(name: str, size: tuple[int, int]) -> None:
    family = FAMILIES[name]()
    for canvas in painted(family, asked(2, size=size), size=size):
        shown = family.show(canvas)
        assert shown.shape == (2, 3, *size)
        assert shown.isfinite().all()
        assert shown.abs().max() <= 1
    start = asked(2, size=size).start
    assert start is not None
    assert not torch.equal(shown, start)


def test_nothing_is_trained_or_saved_but_decoders() -> None:
    for name, make in FAMILIES.items():
        family = make()
        owned = [parameter for player in family.players().values() for parameter in player.parameters]
        assert set(owned) == set(family.parameters())
        assert (name == "adain") == bool(owned)
        assert {key.split(".")[0] for key in family.state_dict()} == ({"decoder"} if owned else set())


@pytest.mark.parametrize("name", FAMILIES)
def test_pictures_go_where_the_painter_is(name: str) -> None:
    """ "meta" stands for an accelerator."""
    family = FAMILIES[name]().to("meta")
    assert family.start(asked(1), Plan((64, 64)), keys(1)).tensors["start"].device == torch.device("meta")


# --- by updates --------------------------------------------------------------------------------------------------------


def test_correlations_in_closed_form() -> None:
    maps = torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]]])
    assert torch.equal(grams(maps)[0], torch.tensor([[2.5, 0.5], [0.5, 5.0]]))


def style_distance(family: Gatys, x: Tensor, wanted: Example) -> float:
    see = eyes()
    mine, theirs = (see.maps(seen) for seen in (x, wanted.seen()[None]))
    return sum(
        float((grams(mine[layer]) - grams(theirs[layer])).square().sum() / grams(theirs[layer]).square().sum())
        for layer in styling.STYLES
    )


def test_updates_bring_the_style_nearer_and_keep_what_is_shown() -> None:
    family, wish = gatys(steps=40), asked(1)
    assert wish.start is not None
    full, gentle = (painted(family, wish, strength)[-1].tensors["x"] for strength in (1.0, 0.1))
    before, after = (style_distance(family, x, wish.conditions["style"][0][0]) for x in (wish.start, full))
    assert after < 0.3 * before
    shown = [eyes().maps(x, (styling.CONTENT,))[styling.CONTENT] for x in (wish.start, full, gentle)]
    content = [float((seen - shown[0]).square().mean()) for seen in shown[1:]]
    assert content[1] < content[0], "a smaller strength keeps more of the picture"


def test_another_style_on_the_way_is_heeded_at_once() -> None:
    family, wish = gatys(), asked(1)
    halfway = painted(family, wish)[3]
    other = dataclasses.replace(wish, conditions={"style": [(example(9),)]})
    with torch.inference_mode():
        same, changed = (family.step(halfway, each).tensors["x"] for each in (wish, other))
    assert not torch.equal(same, changed)


def test_the_first_update_is_adams() -> None:
    """Its size is the learning rate wherever there is a slope, whatever the slope's size (Kingma & Ba 2015, section 2.1)."""
    family, wish = gatys(lr=0.05, steps=4), asked(1)
    first, second, *_ = painted(family, wish)
    moved = (second.tensors["x"] - first.tensors["x"]).abs()
    inside = (first.tensors["x"].abs() < 0.9) & (second.tensors["first"].abs() > 1e-5)
    assert inside.float().mean() > 0.5
    torch.testing.assert_close(moved[inside], torch.full_like(moved[inside], 0.05), rtol=1e-2, atol=1e-4)


# --- at once ----------------------------------------------------------------------------------------------------------


def test_tiles_fit_without_a_seam() -> None:
    """Where norms are shared, a tile is to the bit what the whole would be there."""
    family, wish = at_once(tile=256), asked(1, size=(300, 520))
    tiled = painted(family, wish, size=(300, 520))[-1].tensors["x"]
    see, (own,) = network(), wish.conditions["style"]
    assert wish.start is not None
    style = see.style(own[0].seen()[None])
    norms = see.norms(torch.nn.functional.interpolate(wish.start, scale_factor=256 / 520, mode="area"), style)
    torch.testing.assert_close(tiled, see.paint(wish.start, style, norms), rtol=0, atol=1e-4)


def test_strength_is_how_much_the_painting_covers_the_picture() -> None:
    family, wish, see = at_once(), asked(1), network()
    assert wish.start is not None
    whole = see.paint(wish.start, see.style(wish.conditions["style"][0][0].seen()[None]))
    tiny, half, full = (painted(family, wish, strength)[-1].tensors["x"] for strength in (1e-6, 0.5, 1.0))
    torch.testing.assert_close(full, whole)
    torch.testing.assert_close(half, wish.start + 0.5**COVER * (whole - wish.start))
    assert (tiny - wish.start).abs().max() < 1e-3


def test_styles_are_mixed_by_their_weights() -> None:
    family, see = at_once(), network()
    wish = asked(1, conditions={"style": [(example(1, 0.25), example(2, 0.75))]})
    mixed = 0.25 * see.style(example(1).seen()[None]) + 0.75 * see.style(example(2).seen()[None])
    assert wish.start is not None
    torch.testing.assert_close(painted(family, wish)[-1].tensors["x"], see.paint(wish.start, mixed), rtol=0, atol=1e-5)


# --- taught here ------------------------------------------------------------------------------------------------------


def test_means_and_deviations_become_the_styles() -> None:
    """Equation 8, in closed form."""
    maps = torch.tensor([[[[1.0, 3.0]], [[0.0, 4.0]]]])
    mean, deviation = torch.tensor([10.0, -1.0])[None, :, None, None], torch.tensor([2.0, 0.5])[None, :, None, None]
    expected = torch.tensor([[[[8.0, 12.0]], [[-1.5, -0.5]]]])
    torch.testing.assert_close(normalised(maps, mean, deviation), expected, rtol=1e-4, atol=1e-4)
    found = moments(normalised(maps, mean, deviation))
    torch.testing.assert_close(found[0], mean, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[1], deviation, rtol=1e-3, atol=1e-3)


def of_blobs(first: int, count: int = 8, side: int = 32) -> Batch:
    shown, styles = (
        torch.stack([torch.from_numpy(pixels(place + row, side, side)).movedim(-1, 0) / 127.5 - 1 for row in range(count)])
        for place in (first, first + 1000)
    )
    return Batch(styles, {"style": [None] * count}, tuple(range(first, first + count)), shown)


def test_a_decoder_learns_and_cutting_its_batches_changes_nothing() -> None:
    whole, cut = (Loop(adain().train(), seed=1, micro_batch=size) for size in (None, 4))
    told = [whole.step(of_blobs(8 * (step % 8))) for step in range(80)]
    assert sum(told[-1][f"painter/{part}"] for part in ("content", "style")) < 0.5 * sum(
        told[0][f"painter/{part}"] for part in ("content", "style")
    )
    first = cut.step(of_blobs(0))
    assert first == pytest.approx(told[0], rel=1e-4)
    alone = adain().loss(next(of_blobs(0).split(1)), "painter", Key(0), Clock(0, 0)).parts
    together = adain().loss(of_blobs(0), "painter", Key(0), Clock(0, 0)).parts
    assert all(alone[part][0].item() == pytest.approx(together[part][0].item(), rel=1e-4) for part in alone)


def test_strength_blends_what_is_seen() -> None:
    """Equation 14: without strength the decoder is shown the picture's own maps."""
    family, wish = adain(), asked(1)
    assert wish.start is not None
    (own,) = family.decoder(eyes().maps(wish.start, LAYERS[-1:])[LAYERS[-1]])
    torch.testing.assert_close(painted(family, wish, 1e-6)[-1].tensors["x"][0], own, rtol=1e-3, atol=1e-3)


def test_it_is_trained_from_a_set_and_asked_by_example(monkeypatch: pytest.MonkeyPatch, files: Path, tmp_path: Path) -> None:
    monkeypatch.setattr(adains, "vgg", eyes)
    monkeypatch.setattr(adains, "WIDTHS", eyes_widths())
    bars = str(import_pictures(Bars(20), tmp_path / "bars").folder)
    given = {"family": "adain", "name": "mine", "size": 16, "pictures_seen": 32, "threads": 1, "sheets": 1}
    *_, done = train(bars, {**given, "to_styles": ["plain", "red"], "from_style": "plain"})
    assert isinstance(done, Done)
    with pytest.raises(ConfigError, match="paints in 3 channels, and channels=4 was given"):
        next(train(bars, {**given, "name": "clear", "channels": 4, "to_styles": "red", "from_style": "plain"}))
    with pytest.raises(TrainingError, match="heeds styles by example alone: leave out conditions and text"):
        next(train(bars, {**given, "name": "told", "to_styles": "red", "from_style": "plain", "conditions": ["palette"]}))
    with pytest.raises(TrainingError, match="rehearse was given, and the family paints nothing from memory"):
        next(train(bars, {"start_from": "mine", "name": "again", "to_styles": "red", "from_style": "plain", "rehearse": 3}))
    painting = load("mine").paint(init=str(files / "photo.png"), conditions={"style": str(files / "a.png")})
    assert painting.image.size == (80, 60)
    with pytest.raises(WishError, match="cannot paint without a style"):
        load("mine").paint(init=str(files / "photo.png"))


# --- styles by example -------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for place, name in enumerate(("photo.png", "a.png", "b, c.png")):
        Image.fromarray(pixels(place, 60, 80)).save(tmp_path / name)
    return tmp_path


def test_examples_are_parsed_with_weights(files: Path) -> None:
    condition = StylePictures()
    a, odd = str(files / "a.png"), str(files / "b, c.png")
    assert [(e.path, e.weight) for e in condition.parse(a)] == [(a, 1.0)]
    mixed = condition.parse(f"{a}:3,{files / 'photo.png'}")
    assert [e.weight for e in mixed] == [0.75, 0.25]
    assert [e.path for e in condition.parse(odd)] == [odd], "a comma in a name alone"
    assert condition.files(mixed) == (a, str(files / "photo.png"))
    with pytest.raises(WishError, match=r"no picture 'none.png' to take a style from"):
        condition.parse("none.png:0.5")
    with pytest.raises(WishError, match="has no weight above 0"):
        condition.parse(f"{a}:-1")
    filled = condition.filled(condition.parse(a), {a: pixels(1)})
    assert condition.show(filled).size == (256, 128)
    assert condition.miss(filled, pixels(1)) == pytest.approx(0, abs=1e-4)
    assert (condition.miss(filled, pixels(7)) or 0) > 0.05


def test_the_distance_of_styles_ignores_where_things_are() -> None:
    x = torch.from_numpy(pixels(1, 128, 128)).movedim(-1, 0)[None] / 127.5 - 1
    other = torch.from_numpy(pixels(2, 128, 128)).movedim(-1, 0)[None] / 127.5 - 1
    assert float(styles_apart(x.roll(64, 3), x)[0]) < 0.8 * float(styles_apart(other, x)[0])


# --- painting ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(styling, "stylisation", network)
    monkeypatch.setattr(styling, "vgg", lambda averaged: eyes())
    return load("any-style", "cpu")


def test_a_picture_is_painted_in_its_own_size_and_can_be_replayed(session: Session, files: Path) -> None:
    painting = session.paint(init=str(files / "photo.png"), conditions={"style": str(files / "a.png")})
    assert painting.image.size == (80, 60)
    assert painting.scores["style"] > 0
    assert str(files / "a.png") in painting.record["inputs"]
    path = painting.save(files / "out.png")
    assert replay(path).same == "identical"
    for name in ("a.png", "photo.png"):
        Image.fromarray(pixels(5, 60, 80)).save(files / name)
    assert f"the {files / 'a.png'} picture has changed" in replay(path).why


def test_what_cannot_be_stylised_is_told(session: Session, files: Path) -> None:
    photo, style = str(files / "photo.png"), {"style": str(files / "a.png")}
    with pytest.raises(WishError, match="cannot paint without a style: add --style FILE"):
        session.paint(init=photo)
    with pytest.raises(WishError, match="starts from a picture and none was given"):
        session.paint(conditions=style)
    with pytest.raises(WishError, match="colours to keep were given without a picture"):
        session.paint(conditions=style, keep_colours=True)
    with pytest.raises(WishError, match="steps was given as 5, and painters of the family 'stylisation' do not heed it"):
        session.paint(init=photo, conditions=style, steps=5)
    with pytest.raises(WishError, match="sides lie between 8 and 4096"):
        session.paint(init=photo, conditions=style, size=(5000, 5000))
    with pytest.raises(PainterError, match="starts from pictures: evaluate what it made"):
        next(evaluate_painter("any-style"))


def test_nothing_can_be_trained(session: Session, tmp_path: Path) -> None:
    shapes = str(import_pictures(ShapesSource(8, size=16), tmp_path / "shapes").folder)
    with pytest.raises(ConfigError, match="paints without training: use 'danqing stylize'"):
        next(train(shapes, {"family": "gatys"}))


def test_colours_are_kept_and_masks_too(session: Session, files: Path) -> None:
    mask = np.zeros((60, 80), np.uint8)
    mask[:, 40:] = 255
    Image.fromarray(mask).save(files / "mask.png")
    photo = np.asarray(Image.open(files / "photo.png"))
    wish = Wish(init=str(files / "photo.png"), conditions={"style": str(files / "a.png")})
    plain, kept, half = (
        np.asarray(session.paint_all([dataclasses.replace(wish, **changes)])[0].image)
        for changes in ({}, {"keep_colours": True}, {"mask": str(files / "mask.png")})
    )
    hue = [np.abs(bytes_to_oklab(x)[..., 1:] - bytes_to_oklab(photo)[..., 1:]).mean() for x in (plain, kept)]
    assert hue[1] < 0.5 * hue[0]
    assert np.array_equal(half[:, :40], photo[:, :40])
    assert np.array_equal(half[:, 40:], plain[:, 40:])


def test_recolouring_in_closed_form() -> None:
    red, gray = np.full((2, 2, 3), (200, 40, 40), np.uint8), np.full((2, 2, 3), 128, np.uint8)
    found = recoloured(gray, red)
    assert bytes_to_oklab(found)[..., 0] == pytest.approx(bytes_to_oklab(gray)[..., 0], abs=0.03)
    assert (found[..., 0] > found[..., 1]).all()
    assert np.array_equal(recoloured(red[..., :1], gray[..., :1]), red[..., :1])
    clear = np.concatenate([gray, np.full((2, 2, 1), 7, np.uint8)], -1)
    assert (recoloured(clear, np.concatenate([red, red[..., :1]], -1))[..., 3] == 7).all()


def test_gatys_is_stepped_saved_and_resumed(session: Session, files: Path) -> None:
    slow = load("gatys", "cpu")
    wish = Wish(init=str(files / "photo.png"), conditions={"style": str(files / "a.png")}, steps=4)
    work = slow.begin([wish]).step().step()
    saved = work.save(files / "half.safetensors")
    first, again = work.finish()[0], load("gatys", "cpu").resume(saved).finish()[0]
    assert np.array_equal(np.asarray(first.image), np.asarray(again.image))
    assert len(list(slow.frames(wish))) == 4


def test_stylize_on_the_command_line(session: Session, files: Path) -> None:
    arguments = ["stylize", str(files / "photo.png"), "--style", str(files / "a.png")]
    done = CliRunner().invoke(app, [*arguments, "--strength", "0.7", "--keep-colours", "--json"])
    assert done.exit_code == 0, done.output
    (entry,) = json.loads(done.stdout)["painted"]
    assert entry["wish"]["keep_colours"] is True
    assert entry["wish"]["strength"] == 0.7
    assert Image.open(files / "photo-stylized.png").size == (80, 60)
    again = CliRunner().invoke(app, [*arguments, "--strength", "0.7", "--keep-colours", "--json"])
    assert json.loads(again.stdout)["kept"] == [str(files / "photo-stylized.png")]
    Image.fromarray(pixels(7, 60, 80)).save(files / "a.png")
    other = CliRunner().invoke(app, [*arguments, "--strength", "0.7", "--keep-colours", "--json"])
    assert json.loads(other.stdout)["kept"] == [], "the style is another picture now"
    slow = CliRunner().invoke(app, [*arguments, "--painter", "gatys", "--steps", "2", "--out", str(files / "slow.png")])
    assert slow.exit_code == 0, slow.output
    assert "style missed by" in slow.stdout
