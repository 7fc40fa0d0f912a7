"""Painting keeps its promises: same wish, same picture; any subset of conditions; masks; canvases; records; bad wishes."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from painters import make_painter
from PIL import Image

import danqing
from danqing.errors import OutputError, PainterError, PictureError, WishError
from danqing.maths.samplers import SAMPLERS
from danqing.paint import Session, load
from danqing.records.record import read
from danqing.replay import replay
from danqing.words import Painting, Wish

WISHES = [
    Wish("red apple", seed=1),
    Wish("蓝鱼", seed=2, conditions={"style": "ink:0.3,oil:0.7"}),
    Wish("(blue:1.5) fish", "red apple", {"palette": "#c0392b,#2c3e50:0.3"}, seed=3, guidance=2.0),
    Wish("", seed=4),
]


@pytest.fixture
def session() -> Session:
    make_painter()
    return load("tiny", "cpu")


def pixels(painting: Painting) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.asarray(painting.image, np.int16)


def test_the_same_wish_gives_the_same_picture_whatever_the_batch(session: Session) -> None:
    together = session.paint_all(WISHES)
    for wish, painting in zip(WISHES, together, strict=True):
        alone = session.paint_all([wish])[0]
        assert np.abs(pixels(alone) - pixels(painting)).max() <= 1
        assert (pixels(alone) == pixels(session.paint_all([wish])[0])).all()


def test_every_part_of_a_wish_matters(session: Session) -> None:
    base = Wish("red apple", seed=1)
    changes: list[dict[str, Any]] = [
        {"words": "blue fish"},
        {"seed": 2},
        {"negative": "fruit"},
        {"guidance": 1.0},
        {"steps": 6},
        {"sampler": "ddpm"},
        {"conditions": {"style": "ink"}},
        {"conditions": {"palette": "#00ff00"}},
        {"words": "(red:3) apple"},
    ]
    pictures = [
        pixels(painting).tobytes() for painting in session.paint_all([base, *(dataclasses.replace(base, **c) for c in changes)])
    ]
    assert len(set(pictures)) == len(changes) + 1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_paints(session: Session, sampler: str) -> None:
    painting = session.paint("red apple", sampler=sampler, steps=3)
    assert painting.image.size == (16, 16)
    assert len(np.unique(pixels(painting))) > 8


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize("size", [(16, 16), (24, 16), (17, 31)])
def test_any_channels_and_aspect(channels: int, mode: str, size: tuple[int, int]) -> None:
    make_painter("other", channels)
    painting = load("other", "cpu").paint("red apple", size=size)
    assert (painting.image.mode, painting.image.size) == (mode, size)


def test_what_is_not_done_as_asked_is_told(session: Session) -> None:
    width, height = session.resolve(Wish()).size or (0, 0)
    assert session.unheeded(Wish(size=(width, height))) == []
    (told,) = session.unheeded(Wish(size=(2 * width, height)))
    assert f"{width}×{height}" in told
    with pytest.raises(WishError):
        session.unheeded(Wish(seed=-1))


def test_previews_end_with_the_painting(session: Session) -> None:
    previews = list(session.previews("red apple", seed=3))
    assert len(previews) == 4
    assert previews[-1].tobytes() == session.paint("red apple", seed=3).image.tobytes()
    assert len({preview.tobytes() for preview in previews}) > 2


@pytest.mark.parametrize("sampler", ["ddim", "dpm++2m", "ancestral", "heun"])
def test_a_saved_canvas_goes_on_to_the_same_picture(session: Session, sampler: str, tmp_path: Path) -> None:
    wishes = [Wish("red apple", seed=seed, sampler=sampler) for seed in (1, 2)]
    whole = [painting.image.tobytes() for painting in session.begin(wishes).finish()]
    for steps in range(5):
        work = session.begin(wishes)
        for _ in range(steps):
            work = work.step()
        work.save(tmp_path / "canvas")
        resumed = load("tiny", "cpu").resume(tmp_path / "canvas")
        assert [painting.image.tobytes() for painting in resumed.finish()] == whole


def test_a_canvas_of_another_painter_is_refused(session: Session, tmp_path: Path) -> None:
    session.begin([Wish("red apple")]).save(tmp_path / "canvas")
    make_painter("other", seed=1)
    with pytest.raises(PictureError, match="another painter"):
        load("other", "cpu").resume(tmp_path / "canvas")
    (tmp_path / "none").write_bytes(b"no canvas")
    with pytest.raises(PictureError, match="no canvas"):
        session.resume(tmp_path / "none")


def test_words_can_be_changed_on_the_way_but_not_the_seed(session: Session) -> None:
    work = session.begin([Wish("red apple", seed=1)]).step()
    assert work.change(words="blue fish").finish()[0].image.tobytes() != work.finish()[0].image.tobytes()
    with pytest.raises(WishError, match="cannot be changed"):
        work.change(seed=2)


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """A start picture with half-transparent pixels, whose premultiplied form does not lead back to it."""
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (16, 16, 4), np.uint8)).save(tmp_path / "start.png")
    mask = np.zeros((16, 16), np.uint8)
    mask[:, 8:] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_masked_pixels_stay_bit_equal(session: Session, start: Path, sampler: str) -> None:
    wish = {"init": str(start / "start.png"), "mask": str(start / "mask.png"), "sampler": sampler}
    painted = pixels(session.paint("red apple", **wish))
    given = np.asarray(Image.open(start / "start.png"))
    assert (painted[:, :8] == given[:, :8]).all()
    assert not (painted[:, 8:] == given[:, 8:]).all()


def test_strength_says_how_far_to_go(session: Session, start: Path) -> None:
    """A weak strength keeps the first canvas near the start picture; full strength begins with nothing of it."""
    from_noise = session.begin([Wish("", seed=1, guidance=1.0)]).canvas.tensors["x"]
    begun = [
        session.begin([Wish("", seed=1, guidance=1.0, init=str(start / "start.png"), strength=strength)]).canvas.tensors["x"]
        for strength in (0.1, 0.5, 1.0)
    ]
    apart = [float((canvas - from_noise).abs().mean()) for canvas in begun]
    assert all(near > far for near, far in itertools.pairwise(apart))
    assert apart[-1] == 0


def test_a_file_carries_its_wish_and_is_replayed(session: Session, tmp_path: Path) -> None:
    painting = session.paint("红苹果, a fine one", seed=5, negative="fish", conditions={"style": "ink", "palette": "#ff0000"})
    path = painting.save(tmp_path / "painting.png")
    image, record = read(path)
    assert image.tobytes() == painting.image.tobytes()
    assert Wish.from_json(record.wish) == painting.wish
    assert set(painting.scores) == {"palette"}
    lines = Image.open(path).info["parameters"].splitlines()
    assert lines[:2] == ["红苹果, a fine one", "Negative prompt: fish"]
    assert lines[2].startswith("Steps: 4, Sampler: DPM++ 2M, CFG scale: 3, Seed: 5, Size: 16x16, Model hash: ")
    assert replay(path).same == "identical"


def test_replay_says_why_not(session: Session, tmp_path: Path) -> None:
    path = session.paint("red apple").save(tmp_path / "painting.png")
    changed = Image.open(path)
    changed.putpixel((3, 3), (1, 2, 3, 4))
    again = danqing.Painting(changed, Wish(), texts=dict(Image.open(path).text)).save(tmp_path / "changed.png")  # type: ignore[attr-defined]
    verdict = replay(again)
    assert (verdict.same, "changed after" in verdict.why) == ("different", True)
    Image.new("RGB", (4, 4)).save(tmp_path / "foreign.png")
    with pytest.raises(PictureError, match="no replay record"):
        replay(tmp_path / "foreign.png")
    make_painter("tiny", seed=1)
    with pytest.raises(PainterError, match="import the one it was painted with"):
        replay(path)


def test_a_painting_shows_itself_in_a_notebook(session: Session) -> None:
    assert session.paint("red apple")._repr_png_().startswith(b"\x89PNG")


def test_saving_is_whole_or_not_at_all(session: Session, tmp_path: Path) -> None:
    painting = session.paint("red apple")
    place = tmp_path / "place"
    place.mkdir()
    (place / "file").write_text("in the way")
    with pytest.raises(OutputError):
        painting.save(place / "file" / "painting.png")
    with pytest.raises(OutputError, match=r"\.png"):
        painting.save(place / "painting.jpg")
    assert [path.name for path in place.iterdir()] == ["file"]


def test_records_are_json(session: Session) -> None:
    painting = session.paint("red apple")
    assert json.loads(painting.texts["danqing"]) == painting.record


def test_a_small_preview_is_every_so_manieth_pixel(session: Session, start: Path) -> None:
    work = session.begin([Wish("red apple", init=str(start / "start.png"), mask=str(start / "mask.png"), strength=0.5)])
    [whole] = work.show()
    most = max(whole.size) // 2
    [small] = work.show(most)
    assert max(small.size) == most
    assert np.array_equal(np.asarray(small), np.asarray(whole)[::2, ::2])
