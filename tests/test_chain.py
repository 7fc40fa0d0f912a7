"""Upscaler and chain: pictures are enlarged as they were learnt to be, and painting larger is painting with some steps more."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from painters import make_painter, make_upscaler
from PIL import Image
from torch.nn import functional as F

from danqing.data.picture_set import import_pictures
from danqing.data.shapes import ShapesSource
from danqing.errors import PainterError, TrainingError, WishError
from danqing.evaluate import evaluate_painter
from danqing.families.upscaler import Upscaler, UpscalerConfig
from danqing.paint import UPSCALER, Session, Work, load
from danqing.painters.painter import open_painter
from danqing.parts.contract import Asked, Batch, Key, Keys, Plan
from danqing.parts.loop import Loop
from danqing.replay import replay
from danqing.train import Done, Sheet, train
from danqing.words import Wish


def network(channels: int = 4, **settings: object) -> Upscaler:
    torch.manual_seed(0)
    return Upscaler(UpscalerConfig.read({"width": 8, "blocks": 1, **settings}), {}, channels, 0).eval()


@pytest.fixture
def session() -> Session:
    make_painter()
    make_upscaler(UPSCALER)
    return load("tiny", "cpu")


def pixels(image: object) -> np.ndarray:
    return np.asarray(image).astype(np.int16)


# --- upscaler ------------------------------------------------------------------------------------------------------------


def test_untaught_it_interpolates_linearly() -> None:
    x = Key(1).normal(2, 4, 5, 7)
    with torch.no_grad():
        found = network().enlarge(x)
    torch.testing.assert_close(found, F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_it_starts_from_the_average_of_its_start_picture(channels: int) -> None:
    family, start = network(channels), Key(1).uniform(2, channels, 16, 24)
    asked = Asked({}, {}, torch.ones(2), start=start)
    canvas = family.start(asked, Plan((16, 24)), Keys((Key(0), Key(1))))
    torch.testing.assert_close(canvas.tensors["small"], F.avg_pool2d(start, 4))
    assert family.show(canvas).shape == start.shape
    with torch.no_grad():
        after = family.step(canvas, asked)
    assert after.done
    torch.testing.assert_close(family.show(after), family.enlarge(F.avg_pool2d(start, 4)).clamp(-1, 1))


@pytest.mark.parametrize(
    ("plan", "started", "words"),
    [
        (Plan((16, 16)), False, "starts from a picture"),
        (Plan((16, 16), strength=0.5), True, "forgets nothing"),
        (Plan((16, 16), steps=8), True, "one step"),
        (Plan((16, 18)), True, "multiples of 4"),
    ],
)
def test_what_an_upscaler_cannot_heed_is_refused(plan: Plan, started: bool, words: str) -> None:
    asked = Asked({}, {}, torch.ones(1), start=torch.zeros(1, 4, *plan.size) if started else None)
    with pytest.raises(WishError, match=words):
        network().start(asked, plan, Keys((Key(0),)))


def edges(count: int, key: Key) -> torch.Tensor:
    """Half-planes, 16 × 16, at any angle and place, drawn with smooth edges."""
    angle, place = key.uniform(2, count, 1, 1)
    rows, columns = torch.meshgrid(torch.arange(16) - 7.5, torch.arange(16) - 7.5, indexing="ij")
    turn = angle * 2 * torch.pi
    across = turn.cos() * rows + turn.sin() * columns + 8 * place - 4
    drawn: torch.Tensor = across.clamp(-0.5, 0.5)[:, None] * 2
    return drawn


def test_edges_are_learnt_better_than_any_interpolation_has_them() -> None:
    torch.manual_seed(0)
    config = UpscalerConfig(factor=2, width=16, blocks=2, warmup=0, average=100, spoilt=0.0, lr=1e-2)
    loop = Loop(Upscaler(config, {}, 1, 6400), seed=0)
    for seen in range(0, 6400, 16):
        loop.step(Batch(edges(16, Key("edges", seen)), {}, tuple(range(seen, seen + 16))))
    family = loop.learner.eval()
    family.load_state_dict(loop.averaged())
    assert isinstance(family, Upscaler)
    real = edges(64, Key("others"))
    small = F.avg_pool2d(real, 2)
    with torch.no_grad():
        mine = (family.enlarge(small).clamp(-1, 1) - real).square().mean()
    for mode in ("bilinear", "bicubic"):
        assert mine < 0.8 * (F.interpolate(small, scale_factor=2, mode=mode).clamp(-1, 1) - real).square().mean()


def test_it_is_trained_like_any_painter() -> None:
    import_pictures(ShapesSource(60, size=32), "shapes")
    model = {"preset": "small", "warmup": 0, "average": 200}
    given = {"family": "upscaler", "size": 32, "batch": 16, "sheets": 1, "pictures_seen": 64, "model": model}
    events = list(train("shapes", {**given, "name": UPSCALER}))
    assert isinstance(events[-1], Done)
    assert sum(isinstance(event, Sheet) for event in events) == 1, "its sheet starts from the set's own pictures"
    assert not open_painter(UPSCALER).conditions
    with pytest.raises(TrainingError, match="heeds no conditions"):
        list(train("shapes", {**given, "name": "other", "conditions": ["text"]}))
    with pytest.raises(PainterError, match="starts from"):
        list(evaluate_painter(UPSCALER))


# --- chain ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize("size", [(64, 64), (40, 40), (200, 100), (8, 8), (17, 31)])
def test_every_size_is_painted_at_the_size_learnt_and_brought_to_it(channels: int, mode: str, size: tuple[int, int]) -> None:
    make_upscaler(UPSCALER)
    make_painter("other", channels)
    painting = load("other", "cpu").paint("red apple", size=size)
    assert (painting.image.mode, painting.image.size) == (mode, size)


def test_a_larger_painting_is_the_small_one_enlarged(session: Session) -> None:
    small = session.paint("red apple", seed=3)
    assert small.image.size == (16, 16)
    assert session.upscaler is not None
    family = session.upscaler.family
    assert isinstance(family, Upscaler)
    large = session.paint("red apple", seed=3, size=(64, 64))
    with torch.inference_mode():
        work = session.begin([Wish("red apple", seed=3)])
        while not work.done:
            work = work.step()
        expected = family.enlarge(session.painter.family.show(work.canvas)).clamp(-1, 1)
    alpha = ((expected[0, 3] + 1) * 127.5).round().numpy()
    assert np.abs(pixels(large.image)[..., 3] - alpha).max() <= 1
    down = session.paint("red apple", seed=3, size=(8, 8))
    assert np.abs(pixels(down.image)[..., 3] - pixels(small.image)[..., 3].reshape(8, 2, 8, 2).mean((1, 3))).max() <= 1


def test_previews_have_the_size_asked_for_and_end_with_the_painting(session: Session) -> None:
    previews = list(session.previews("red apple", seed=3, size=(100, 100)))
    assert [preview.size for preview in previews] == [(100, 100)] * (4 + 2), "four steps, and two enlargements"
    assert previews[-1].tobytes() == session.paint("red apple", seed=3, size=(100, 100)).image.tobytes()


def test_a_saved_canvas_goes_on_to_the_same_picture_at_every_stage(session: Session, tmp_path: Path) -> None:
    wishes = [Wish("red apple", seed=seed, size=(100, 100)) for seed in (1, 2)]
    whole = [painting.image.tobytes() for painting in session.begin(wishes).finish()]
    for steps in range(7):
        work = session.begin(wishes)
        for _ in range(steps):
            work = work.step()
        work.save(tmp_path / "canvas")
        assert [painting.image.tobytes() for painting in load("tiny").resume(tmp_path / "canvas").finish()] == whole


def test_a_canvas_that_is_to_be_enlarged_needs_an_upscaler(session: Session, tmp_path: Path) -> None:
    session.begin([Wish("red apple", size=(64, 64))]).step().save(tmp_path / "canvas")
    with pytest.raises(PainterError, match="no upscaler is here"):
        dataclasses.replace(session, upscaler=None).resume(tmp_path / "canvas").finish()


def test_a_picture_does_not_depend_on_its_batch(session: Session) -> None:
    wishes = [Wish("red apple", seed=seed, size=(64, 64)) for seed in range(3)]
    together = session.paint_all(wishes)
    for wish, painting in zip(wishes, together, strict=True):
        assert np.abs(pixels(session.paint_all([wish])[0].image) - pixels(painting.image)).max() <= 2


def test_large_paintings_are_made_few_at_a_time(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    assert session.chain.largest((64, 64)) == 64 * 64
    assert session.chain.largest((100, 100)) == 256 * 256, "16, 64, 256, and down again"
    assert session.chain.largest((8, 8)) == 16 * 16
    monkeypatch.setattr("danqing.paint.ENLARGED_AT_ONCE", 2 * 64 * 64)
    sizes, begin = list[int](), Session.begin

    def counted(self: Session, wishes: Sequence[Wish]) -> Work:
        sizes.append(len(wishes))
        return begin(self, wishes)

    monkeypatch.setattr(Session, "begin", counted)
    session.paint_all([Wish("red apple", seed=seed, size=(64, 64)) for seed in range(5)])
    assert sizes == [2, 2, 1]


def test_a_mask_keeps_pixels_at_the_size_asked_for(session: Session, tmp_path: Path) -> None:
    start = session.paint("blue fish", seed=1, size=(64, 64))
    start.image.save(tmp_path / "start.png")
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 40:] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    inputs = {"init": str(tmp_path / "start.png"), "mask": str(tmp_path / "mask.png")}
    painting = session.paint("red apple", size=(64, 64), **inputs)
    assert (pixels(painting.image)[:, :40] == pixels(start.image)[:, :40]).all()
    assert (pixels(painting.image)[:, 40:] != pixels(start.image)[:, 40:]).any()


def test_an_enlarged_painting_is_replayed_by_the_same_upscaler_only(session: Session, tmp_path: Path) -> None:
    path = session.paint("red apple", seed=3, size=(64, 64)).save(tmp_path / "large.png")
    small = session.paint("red apple", seed=3).save(tmp_path / "small.png")
    assert replay(path).same == "identical"
    make_upscaler(UPSCALER, seed=1)
    assert replay(small).same == "identical", "which nobody enlarged"
    with pytest.raises(PainterError, match="enlarged by the upscaler"):
        replay(path)


def test_what_a_painter_shows_by_default_is_its_own_affair(session: Session) -> None:
    facts = session.painter.facts.model_copy(update={"shown": (64, 48)})
    shown = dataclasses.replace(session, painter=dataclasses.replace(session.painter, facts=facts))
    assert shown.paint("red apple").image.size == (48, 64)
    assert shown.paint("red apple", size=(16, 16)).image.size == (16, 16)
    assert shown.unheeded(Wish("red apple", size=(64, 64))) == []
    (told,) = shown.unheeded(Wish("red apple", size=(64, 32)))
    assert "shapes" in told
