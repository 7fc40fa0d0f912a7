"""A refiner goes over the paintings of one style of a painter, and leaves all else alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from learners import build, stream
from painters import make_painter
from PIL import Image

from danqing.config import read_toml
from danqing.data.picture_set import PictureSet, import_pictures
from danqing.data.shapes import ShapesSource
from danqing.data.source import Item, LeftOut
from danqing.data.stream import Starts, Stream
from danqing.errors import TrainingError
from danqing.families.refined import CLEAN, LUMA, Refined, lit
from danqing.interpolate import walk
from danqing.paint import load
from danqing.painters.painter import altered, open_painter, tuned
from danqing.painters.rehearsal import rehearsed
from danqing.painters.run import make_ready
from danqing.painters.settings import resolve
from danqing.parts.contract import Asked, Key, Keys, Plan
from danqing.parts.loop import Loop, Progress
from danqing.train import Done, train
from danqing.words import Wish

BACKBONE = {"kind": "unet", "widths": [16], "depths": [1], "attention": [False], "embedding": 16}
MODEL: dict[str, Any] = {"backbone": BACKBONE, "view": 16, "width": 8, "patches": 4, "average": 16, "lr": 5e-3}
SHORT: dict[str, Any] = {
    "start_from": "tiny", "family": "refined", "name": "fine", "threads": 1, "sheets": 0, "batch": 16, "held_out": False,
    "rehearse": 8, "flip": 0.0, "shift": 0, "pictures_seen": 96, "model": MODEL,
}  # fmt: skip


class Inks(ShapesSource):
    """Shapes, all in one style that the tiny painter knows."""

    def items(self) -> Iterator[Item | LeftOut]:
        """As they are, in ink."""
        for item in super().items():
            assert isinstance(item, Item)
            yield dataclasses.replace(item, style="ink")


@pytest.fixture
def inks(home: Path) -> str:
    make_painter("tiny", channels=3)
    import_pictures(Inks(24, size=16), "inks")
    return "inks"


def trained(data: str, **given: Any) -> Path:
    (done,) = [event for event in train(data, {**SHORT, "data": data, **given}) if isinstance(event, Done)]
    return done.painter


def painted(name: str, style: str | None, **wish: Any) -> np.ndarray:
    asked = {"conditions": {} if style is None else {"style": style}, "seed": 3, "size": (16, 16), **wish}
    return np.asarray(load(name).paint("red apple", **asked).image).astype(int)


def test_paintings_in_its_style_alone_are_gone_over(inks: str) -> None:
    """And those of mixtures by their share."""
    name = trained(inks).name
    for style in ("oil", None):
        assert (painted(name, style) == painted("tiny", style)).all()
    assert np.abs(painted(name, "ink") - painted("tiny", "ink")).mean() > 2
    family = open_painter(name).family
    values: dict[str, list[Any]] = {"style": [(("ink", 0.25), ("oil", 0.75)), (("oil", 1.0),)], "text": [None] * 2}
    assert isinstance(family, Refined)
    keys, asked = Keys((Key(0), Key(1))), Asked(values, {}, torch.ones(2))
    with torch.no_grad():
        canvas = family.start(asked, Plan((16, 16)), keys)
        while not canvas.done:
            before, canvas = canvas, family.step(canvas, asked)
        x = family.show(before)
        whole = x
        for _ in range(4):
            whole = family.painter(whole, {}).clamp(-1, 1)
        whole = lit(x, whole)
        torch.testing.assert_close(family.show(canvas), torch.stack([x[0].lerp(whole[0], 0.25), x[1]]))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_light_is_taken_over_and_colours_are_kept(channels: int) -> None:
    """Unless they cannot be made so light: then they turn gray."""
    colours, light = torch.rand(2, 8, channels, 6, 6) * 2 - 1
    if channels == 4:  # premultiplied
        colours[:, :3], light[:, :3] = ((torch.minimum(x[:, :3], x[:, 3:])) for x in (colours, light))
    found = lit(colours, light)
    if channels == 1:
        assert torch.equal(found, light)
        return
    most = light[:, 3:] if channels == 4 else torch.ones(8, 1, 6, 6)
    assert torch.equal(found[:, 3:], light[:, 3:])
    assert (found <= most + 1e-6).all()
    assert found.min() >= -1 - 1e-6
    weights, known, seen = torch.tensor(LUMA)[:, None, None], colours[:, :3] + 1, found[:, :3] + 1
    before, wanted, made = ((x * weights).sum(1, keepdim=True) for x in (known, light[:, :3] + 1, seen))
    whole = known * wanted / before
    fits = ((whole <= most + 1).all(1, keepdim=True) & (wanted <= 4 * before)).expand_as(seen)
    assert 0.1 < fits.float().mean() < 0.9
    torch.testing.assert_close(seen[fits], whole[fits])
    assert (made <= wanted + 1e-5).all()
    torch.testing.assert_close(lit(colours, colours), colours)


def test_what_it_was_told_to_colour_it_colours(inks: str) -> None:
    made = [
        painted(trained(inks, name=f"by-{who}", model={**MODEL, "colours": who}).name, "ink") for who in ("painter", "refiner")
    ]
    plain = painted("tiny", "ink")

    def hue(image: np.ndarray) -> np.ndarray:
        return np.asarray(image / image.sum(2, keepdims=True).clip(1))

    apart = [np.abs(hue(image) - hue(plain)).mean() for image in made]
    assert apart[0] < 0.5 * apart[1]


def test_between_two_wishes_styles_count_by_their_weights(inks: str) -> None:
    name = trained(inks).name
    ends = [Wish("red apple", conditions={} if style is None else {"style": style}, seed=3) for style in ("ink", "oil", None)]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        frames = [[np.asarray(image) for image in walk(load(one), ends[first], ends[second], 3)] for one in ("tiny", name)]
        apart = [np.abs(before.astype(int) - after).mean() for before, after in zip(*frames, strict=True)]
        assert (apart[0] > 2) == (first == 0)
        assert (apart[1] > 1) == (first == 0)
        assert apart[2] == 0


def test_a_palette_is_kept(inks: str) -> None:
    """What the painter did for it, the refiner does not undo."""
    name = trained(inks).name
    family = open_painter(name).family
    condition = open_painter(name).conditions["palette"]
    value = condition.parse("#0d47a1:0.6,#ffffff:0.4")
    asked = {"conditions": {"style": "ink", "palette": "#0d47a1:0.6,#ffffff:0.4"}, "size": (16, 16)}
    assert isinstance(family, Refined)

    def miss() -> float:
        images = [np.asarray(load(name).paint("red apple", seed=seed, **asked).image.convert("RGB")) for seed in range(4)]
        return float(np.mean([condition.miss(value, image) for image in images]))

    kept, toned = miss(), type(family.base).toned
    with pytest.MonkeyPatch.context() as patch:
        only = lambda self, x, asked, point, *rest: x if point is CLEAN else toned(self, x, asked, point, *rest)  # noqa: E731
        patch.setattr(type(family.base), "toned", only)
        assert miss() > kept + 1


def test_it_learns_from_paintings_in_each_style_of_a_set_in_all(home: Path) -> None:
    """Although sets tell one style after the other."""
    make_painter("tiny", channels=3)
    half = import_pictures(Inks(12, size=16), "both")
    pictures = PictureSet.open(half.name)
    settings, _ = resolve(pictures, {**SHORT, "data": "both"})
    base = open_painter("tiny")
    styles = [(("ink", 1.0),)] * 20 + [(("oil", 1.0),)] * 20
    found = rehearsed(base, base.conditions, 12, Key(0), home, styles).values["style"]
    assert {value[0][0] for value in found} == {"ink", "oil"}
    assert settings.rehearse == 8


def test_paintings_that_were_kept_are_of_the_same_wishes(home: Path) -> None:
    make_painter("tiny", channels=3)
    base = open_painter("tiny")
    ink, oil = [(("ink", 1.0),)], [(("oil", 1.0),)]
    first = rehearsed(base, base.conditions, 4, Key(0), home, ink)
    assert (rehearsed(base, base.conditions, 4, Key(0), home, ink).pixels == first.pixels).all()
    assert len(rehearsed(base, base.conditions, 6, Key(0), home, ink).pixels) == 6
    assert not (rehearsed(base, base.conditions, 4, Key(0), home, oil).pixels == first.pixels).all()


def test_what_a_mask_keeps_is_kept(inks: str, tmp_path: Path) -> None:
    name = trained(inks).name
    Image.new("RGB", (16, 16), (200, 30, 90)).save(tmp_path / "start.png")
    mask = np.zeros((16, 16), np.uint8)
    mask[:, 8:] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    found = painted(name, "ink", init=str(tmp_path / "start.png"), mask=str(tmp_path / "mask.png"))
    assert (found[:, :8] == (200, 30, 90)).all()
    assert np.abs(found[:, 8:] - (200, 30, 90)).mean() > 10


def test_it_learns_from_paintings_in_the_sets_style_and_the_painter_stays_as_it_was(inks: str) -> None:
    pictures = PictureSet.open(inks)
    settings, _ = resolve(pictures, {**SHORT, "data": inks})
    run = make_ready(pictures, settings)
    batch = run.stream(torch.device("cpu")).batch(range(16))
    assert batch.starts is not None
    assert run.rehearsal is not None
    assert {value[0][0] for value in run.rehearsal.values["style"]} == {"ink"}
    painted = {row.tobytes() for row in run.rehearsal.pixels}
    assert len(painted) == 8
    assert {row.tobytes() for row in ((batch.starts + 1) * 127.5).round().to(torch.uint8).numpy()} <= painted
    before = open_painter("tiny").family.state_dict()
    after = open_painter(trained(inks).name).family.state_dict()
    assert all(torch.equal(after[f"base.{key}"], tensor) for key, tensor in before.items())


def test_a_training_goes_on_where_it_stopped(inks: str) -> None:
    whole = (trained(inks, name="whole") / "weights.safetensors").read_bytes()
    for event in train(inks, {**SHORT, "data": inks, "name": "parted", "save_minutes": 0}):
        if isinstance(event, Progress) and event.seen >= 48:
            break
    assert (trained(inks, name="parted", save_minutes=0) / "weights.safetensors").read_bytes() == whole


def test_what_it_goes_over_comes_nearer_to_real_pictures() -> None:
    """Of white on black it makes red on blue, as real pictures are, and leaves shapes where they are."""
    loop = Loop(build("refined"), seed=5)
    family, plain = loop.learner, stream().starts
    assert isinstance(family, Refined)
    assert plain is not None
    inside = plain.pixels[:, :1] > 127
    tinted = np.where(inside, np.array([220, 40, 30]).reshape(3, 1, 1), np.array([20, 60, 200]).reshape(3, 1, 1)).astype(
        np.uint8
    )
    pictures = Stream(tinted, {"palette": [None] * len(tinted)}, lambda name, value, key: value, 0, starts=Starts(plain.pixels))
    for _, batch in pictures.batches(0, 120 * 32, 32, slice(None)):
        loop.step(batch)
    starts, real = (torch.from_numpy(x[:128].astype(np.float32)) / 127.5 - 1 for x in (plain.pixels, tinted))
    with torch.no_grad():
        assert (family.painter(starts, {}) - real).abs().mean() < 0.3 * (starts - real).abs().mean()


def test_how_often_it_goes_over_a_painting_can_be_changed_after_training(inks: str) -> None:
    """And once is nearer to what was painted than four times."""
    painter = open_painter(trained(inks).name)
    assert tuned(painter) == {"passes": 4, "colours": "painter"}
    values: dict[str, list[Any]] = {"style": [(("ink", 1.0),)] * 4}
    found = []
    for passes in (1, 4):
        family = altered(painter, {"passes": passes}).family
        with torch.no_grad():
            canvas = family.start(Asked(values, {}, torch.ones(4)), Plan((16, 16)), Keys(tuple(Key(row) for row in range(4))))
            while not canvas.done:
                before, canvas = canvas, family.step(canvas, Asked(values, {}, torch.ones(4)))
        found.append((family.show(canvas) - family.show(before)).abs().mean())
    assert found[0] < 0.7 * found[1]


def test_its_recipe_trains_it_again(inks: str) -> None:
    recipe = read_toml(trained(inks) / "recipe.toml")
    again, _ = resolve(PictureSet.open(inks), recipe)
    assert again.plain() == recipe


def test_its_wishes_are_the_painters(inks: str) -> None:
    """Steps, sampler and guidance where nobody says are those of who paints; a step more is made."""
    name = trained(inks).name
    before, after = (load(one).resolve(Wish("red apple")) for one in ("tiny", name))
    assert before == after
    assert after.steps == 4
    record = load(name).paint("red apple", conditions={"style": "ink"}, seed=1).record
    assert record["wish"]["sampler"] == before.sampler


def test_what_is_proposed(inks: str) -> None:
    settings, _ = resolve(PictureSet.open(inks), {"start_from": "tiny", "family": "refined"})
    assert settings.name == "tiny-refined"
    assert settings.model["style"] == "ink"
    assert settings.model["base"]["family"] == "diffusion"
    assert settings.size == (16, 16)
    assert settings.rehearse > 0
    import_pictures(ShapesSource(8, size=16), "shapes")
    with pytest.raises(TrainingError, match=r"knows no style 'shapes': let it learn the set first"):
        resolve(PictureSet.open("shapes"), {"start_from": "tiny", "family": "refined"})


def test_what_cannot_be_refined_is_said(inks: str) -> None:
    for given, said in (
        ({"start_from": None}, "say whose, with --from"),
        ({"rehearse": 0}, "rehearse some"),
        ({"low_rank": 2}, "leave out low_rank"),
        ({"channels": 4}, "has channels 3"),
        ({"start_from": "x4"}, "painters of the family 'diffusion' alone"),
        ({"name": "tiny"}, "would write over it"),
        ({"conditions": ("style",)}, "setting conditions was given otherwise"),
        ({"size": 32}, "setting size was given otherwise"),
        ({"model": {**MODEL, "style": "oil"}}, r"setting model\.style was given otherwise"),
        ({"model": {**MODEL, "base": {"model": {"lr": 1.0}}}}, r"setting model\.base was given otherwise"),
    ):
        with pytest.raises(TrainingError, match=said):
            trained(inks, **given)
    trained(inks)
    with pytest.raises(TrainingError, match="is refined already"):
        trained(inks, start_from="fine", name="finer")


def test_its_critic_sees_pictures_moved_and_coloured() -> None:
    """By draws of each picture's own; without augmentation those that there are."""
    pictures = torch.rand(4, 3, 16, 16) * 2 - 1
    keys = Keys(tuple(Key(row) for row in range(4)))
    changed, plain = build("refined", augment=0.9), build("refined", augment=0.0)
    assert isinstance(changed, Refined)
    assert isinstance(plain, Refined)
    real, painted = changed._shown(pictures, pictures, keys)
    assert not torch.equal(real, painted)
    assert ((real - pictures).abs().amax((1, 2, 3)) > 0.05).all()
    assert torch.equal(plain._shown(pictures, pictures, keys)[1], pictures)
    alone, _ = changed._shown(pictures[2:3], pictures[2:3], Keys(keys.keys[2:3]))
    torch.testing.assert_close(alone[0], real[2])
