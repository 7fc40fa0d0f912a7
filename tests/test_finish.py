"""Finishing: every file is opened again by someone else's reader and is what it says."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from typer.testing import CliRunner

from danqing.cli import app
from danqing.data.checks import decode
from danqing.data.rendering import squared_icon
from danqing.errors import PictureError, WishError
from danqing.finish import FAVICONS, favicons, film, finish, icns, ico, opened, pixel_art, sheet, svg


def disc(colour: str = "#c0392b", size: tuple[int, int] = (64, 64)) -> Image.Image:
    image = Image.new("RGBA", size)
    draw = ImageDraw.Draw(image)
    draw.ellipse((8, 8, size[0] - 9, size[1] - 9), fill=colour)
    draw.rectangle((size[0] // 2 - 4, 20, size[0] // 2 + 4, 30), fill="#2c3e50")
    return image


def test_a_vector_drawn_again_is_the_picture() -> None:
    image = disc()
    again = decode(squared_icon(svg(image), 64, 1)).pixels.astype(float)
    apart = np.abs(again - np.asarray(image).astype(float))
    assert (apart[..., 3] > 64).mean() < 0.03, "outlines"
    there = (np.asarray(image)[..., 3] == 255) & (again[..., 3] == 255)
    assert np.median(apart[there][:, :3]) <= 8, "colours"
    assert b"<path" in svg(image)


def test_small_areas_of_a_vector_keep_their_colour() -> None:
    image = disc("#e03020", (128, 128))
    ImageDraw.Draw(image).ellipse((20, 90, 50, 120), fill="#f08020")
    again = decode(squared_icon(svg(image), 128, 1)).pixels.astype(int)
    assert np.abs(again[105, 35, :3] - (0xF0, 0x80, 0x20)).max() <= 12


def test_icons_hold_every_size() -> None:
    with Image.open(io.BytesIO(ico(disc()))) as image:
        assert image.info["sizes"] == {(side, side) for side in (16, 24, 32, 48, 64, 128, 256)}
    with Image.open(io.BytesIO(icns(disc(size=(64, 40))))) as image:
        assert {side[0] for side in image.info["sizes"]} >= {16, 32, 128, 256, 512}
        image.load()
        assert image.size[0] == image.size[1], "a picture that is not square lies in the middle of one that is"


def test_a_site_gets_all_it_asks_for(tmp_path: Path) -> None:
    written = favicons(disc(), tmp_path, "apple")
    assert all(path.is_file() for path in written)
    for file, side in FAVICONS.items():
        with Image.open(tmp_path / file) as image:
            assert image.size == (side, side)
    manifest = json.loads((tmp_path / "site.webmanifest").read_text(encoding="utf8"))
    assert all((tmp_path / icon["src"].strip("/")).is_file() for icon in manifest["icons"])
    named = [line.split('href="/')[1].split('"')[0] for line in (tmp_path / "head.html").read_text().splitlines()]
    assert all((tmp_path / name).is_file() for name in named)


@pytest.mark.parametrize("scale", [1, 3])
def test_pixel_art_has_few_pixels_of_few_colours(scale: int) -> None:
    art = pixel_art(disc(size=(64, 48)), side=16, colours=2, scale=scale)
    assert art.mode == "P"
    assert art.size == (16 * scale, 12 * scale)
    rgba = np.asarray(art.convert("RGBA"))
    assert set(np.unique(rgba[..., 3])) == {0, 255}
    colours = np.unique(rgba[rgba[..., 3] > 0][:, :3], axis=0).astype(int)
    assert len(colours) == 2
    for wanted in ((0xC0, 0x39, 0x2B), (0x2C, 0x3E, 0x50)):
        assert np.abs(colours - wanted).sum(1).min() < 24
    assert (rgba[::scale, ::scale].repeat(scale, 0).repeat(scale, 1) == rgba).all()


def test_what_is_clear_everywhere_stays_so() -> None:
    art = pixel_art(Image.new("RGBA", (32, 32)))
    assert np.asarray(art.convert("RGBA"))[..., 3].max() == 0


@pytest.mark.parametrize("wrong", [{"side": 0}, {"side": 1000}, {"colours": 0}, {"colours": 256}, {"scale": 0}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(WishError, match="give 1 to"):
        pixel_art(disc(), **wrong)


def test_a_sheet_says_where_each_picture_is(tmp_path: Path) -> None:
    pictures = [disc("#c0392b"), disc("#27ae60", (32, 64)), disc("#2980b9", (64, 32))]
    finish(pictures, tmp_path / "sheet.png", ["apple", "pear", "apple"])
    whole = opened(tmp_path / "sheet.png")
    frames = json.loads((tmp_path / "sheet.json").read_text(encoding="utf8"))["frames"]
    assert list(frames) == ["apple", "pear", "apple-3"]
    for entry, image in zip(frames.values(), pictures, strict=True):
        frame = entry["frame"]
        part = whole.crop((frame["x"], frame["y"], frame["x"] + frame["w"], frame["y"] + frame["h"]))
        assert part.tobytes() == image.tobytes()
    assert len(set(sheet(pictures)[1])) == 3


@pytest.mark.parametrize("name", ["film.webp", "film.gif", "film.mp4"])
def test_a_film_shows_pictures_of_one_size(tmp_path: Path, name: str) -> None:
    pictures = [disc(size=size) for size in ((64, 64), (32, 48), (64, 64))]
    with pytest.raises(WishError, match="64×64 and 32×48 were given"):
        finish(pictures, tmp_path / name)
    assert not list(tmp_path.iterdir())
    assert finish([pictures[0], pictures[2]], tmp_path / name).stat().st_size > 100


@pytest.mark.parametrize("kind", ["WEBP", "GIF"])
def test_a_film_shows_every_picture_and_rests_on_the_last(kind: str) -> None:
    pictures = [disc("#c0392b"), disc("#27ae60"), disc("#2980b9")]
    with Image.open(io.BytesIO(film(pictures, kind))) as animated:
        assert getattr(animated, "n_frames", 1) == 3
        if kind == "WEBP":
            for number, image in enumerate(pictures):
                animated.seek(number)
                there = np.asarray(image)[..., 3] > 0
                assert (np.asarray(animated.convert("RGBA"))[there] == np.asarray(image)[there]).all()


def test_from_the_command_line(tmp_path: Path) -> None:
    places = []
    for name, colour in (("apple", "#c0392b"), ("pear", "#27ae60")):
        disc(colour).save(tmp_path / f"{name}.png")
        places.append(str(tmp_path / f"{name}.png"))

    def run(*given: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["finish", *given])
        return done.exit_code, str(done.exception or "")

    for out in ("a.svg", "a.ico", "a.icns"):
        assert run(places[0], "--out", str(tmp_path / out))[0] == 0
        code, why = run(*places, "--out", str(tmp_path / out))
        assert code != 0
        assert "2 pictures cannot become one" in why
    for out in ("two.png", "two.webp", "two.gif"):
        assert run(*places, "--out", str(tmp_path / out))[0] == 0
        assert (tmp_path / out).is_file()
    assert run(places[0], "--out", str(tmp_path / "art.png"), "--pixels", "16", "--colours", "4", "--scale", "2")[0] == 0
    with Image.open(tmp_path / "art.png") as art:
        assert (art.mode, art.size) == ("P", (32, 32))
    assert run(places[0], "--out", str(tmp_path / "site"), "--favicons")[0] == 0
    assert (tmp_path / "site" / "favicon.ico").is_file()
    for wrong, words in (
        ([places[0], "--out", str(tmp_path / "a.bmp")], "cannot become"),
        ([places[0], "--out", str(tmp_path / "b.png"), "--colours", "4"], "--pixels"),
        ([*places, "--out", str(tmp_path / "site"), "--favicons"], "one icon"),
        ([str(tmp_path / "none.png"), "--out", str(tmp_path / "a.svg")], "cannot be read"),
    ):
        code, why = run(*wrong)
        assert code != 0
        assert words in why


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(PictureError, match="cannot be read"):
        opened(tmp_path / "a.png")
