"""Finish: from paintings to what apps, games and pages take: vectors, icons, sprite sheets, pixel art, films.

Everything here works on pictures of any program, and leaves the pictures it is given alone.
"""

from __future__ import annotations

import io
import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import vtracer
from PIL import Image

from danqing.data.checks import decode
from danqing.data.resample import fitted, with_channels
from danqing.errors import OutputError, PictureError, WishError, choices
from danqing.files import png, write_atomically
from danqing.maths.clusters import kmeans
from danqing.maths.colour import bytes_to_oklab, oklab_to_bytes

ICO = (16, 24, 32, 48, 64, 128, 256)
ICNS = (16, 32, 64, 128, 256, 512, 1024)
"""Sides of the pictures in an icon file of Windows and of macOS."""
FAVICONS = {"apple-touch-icon.png": 180, "icon-192.png": 192, "icon-512.png": 512}
"""What browsers and phones ask a site for beside `favicon.ico`."""
MOST_COLOURS, MOST_PIXELS = 255, 256
TRACED = 24
"""Colours of a vector."""
OPAQUE = 0.5
"""Alpha from which a pixel of pixel art is there."""
MILLISECONDS, REST = 80, 1200
"""How long a film shows each picture, and the last one."""


def opened(path: Path) -> Image.Image:
    """A picture of any program, RGBA, checked as the pictures of a set are.

    Raises:
        PictureError: it cannot be read.
    """
    try:
        pixels = decode(path.read_bytes()).pixels
    except (OSError, PictureError) as error:
        raise PictureError(f"'{path}' cannot be read as a picture ({error}): give a PNG, JPEG or WebP") from error
    return Image.fromarray(with_channels(pixels, 4, "#ffffff"))


def finish(pictures: Sequence[Image.Image], out: Path, names: Sequence[str] = ()) -> Path:
    """Write pictures as what the ending of `out` says.

    `.svg`, `.ico`, `.icns` and `.png` are of one picture; `.webp`, `.gif` and `.mp4` are a film, and `.png` of several
    is a sheet.

    Args:
        pictures: one for a vector or an icon; several make a sheet or a film.
        out: the file; beside a sheet lies a `.json` of the same name that says where each picture is.
        names: of the pictures, for a sheet.

    Raises:
        WishError: another ending, or several pictures where one is wanted.
        OutputError: it cannot be written.
    """
    kind = out.suffix.lower()
    if kind in ONE:
        if len(pictures) != 1:
            raise WishError(
                f"{len(pictures)} pictures cannot become one '{kind}': give one picture, or a .png to lay them side by side"
            )
        return write_atomically(out, ONE[kind](pictures[0]))
    if kind in (".webp", ".gif"):
        return write_atomically(out, film(pictures, kind.removeprefix(".").upper()))
    if kind == ".mp4":
        return write_atomically(out, movie(pictures))
    if kind == ".png" and len(pictures) == 1:
        return write_atomically(out, png(pictures[0]))
    if kind == ".png":
        laid, places = sheet(pictures)
        width, height = laid.size
        frames = {
            name: {"frame": {"x": left, "y": top, "w": image.width, "h": image.height}}
            for name, image, (left, top) in zip(_named(names, len(pictures)), pictures, places, strict=True)
        }
        facts = {
            "frames": frames,
            "meta": {"image": out.name, "format": "RGBA8888", "size": {"w": width, "h": height}, "scale": "1"},
        }
        write_atomically(out.with_suffix(".json"), json.dumps(facts, ensure_ascii=False, indent=1).encode())
        return write_atomically(out, png(laid))
    raise WishError(f"pictures cannot become a '{kind or out.name}': {choices(kind, (*ONE, '.webp', '.gif', '.mp4', '.png'))}")


def svg(image: Image.Image) -> bytes:
    """A vector of splines, traced area by area (vtracer) after the picture was brought to `TRACED` colours of its own.

    A tracer that merges colours itself takes those of the larger neighbour: a small orange flame turns red.
    """
    side = min(MOST_PIXELS, max(image.size))
    flat = np.asarray(pixel_art(image, side, TRACED).convert("RGBA"))
    text: str = vtracer.convert_pixels_to_svg(
        [tuple(pixel) for pixel in flat.reshape(-1, 4).tolist()],
        (flat.shape[1], flat.shape[0]),
        filter_speckle=max(1, side // 32),
        color_precision=8,
        layer_difference=1,
    )
    return text.encode()


def icon(image: Image.Image, kind: str, sides: Sequence[int]) -> bytes:
    """An icon file, "ICO" or "ICNS", with the picture at every side, enlarged where it is smaller."""
    buffer = io.BytesIO()
    squared(image, max(sides)).save(buffer, kind, sizes=[(side, side) for side in sides])
    return buffer.getvalue()


def ico(image: Image.Image) -> bytes:
    """For Windows and browsers."""
    return icon(image, "ICO", ICO)


def icns(image: Image.Image) -> bytes:
    """For macOS."""
    return icon(image, "ICNS", ICNS)


ONE: Mapping[str, Callable[[Image.Image], bytes]] = {".svg": svg, ".ico": ico, ".icns": icns}
"""What one picture can become, by the ending of its name."""


def favicons(image: Image.Image, folder: Path, name: str) -> list[Path]:
    """All a site needs: `favicon.ico`, PNGs for phones, a manifest, and the lines for the page's head.

    Raises:
        OutputError: the folder cannot be written to.
    """
    written = [write_atomically(folder / "favicon.ico", icon(image, "ICO", ICO[:4]))]
    for file, side in FAVICONS.items():
        written.append(write_atomically(folder / file, png(squared(image, side))))
    icons = [{"src": f"/icon-{side}.png", "type": "image/png", "sizes": f"{side}x{side}"} for side in (192, 512)]
    manifest = json.dumps({"name": name, "icons": icons}, ensure_ascii=False, indent=1)
    written.append(write_atomically(folder / "site.webmanifest", manifest.encode()))
    head = (
        '<link rel="icon" href="/favicon.ico" sizes="32x32">\n'
        '<link rel="apple-touch-icon" href="/apple-touch-icon.png">\n'
        '<link rel="manifest" href="/site.webmanifest">\n'
    )
    written.append(write_atomically(folder / "head.html", head.encode()))
    return written


def squared(image: Image.Image, side: int) -> Image.Image:
    """The picture in the middle of a clear square of this side."""
    return Image.fromarray(fitted(np.asarray(image.convert("RGBA")), (side, side), 4))


def pixel_art(image: Image.Image, side: int = 32, colours: int = 16, scale: int = 1) -> Image.Image:
    """Few pixels of few colours, each there or not: a picture with an indexed palette, index 0 clear.

    Args:
        image: any.
        side: pixels of the longer side.
        colours: at most, found by weighted k-means in OKLab.
        scale: times that every pixel is shown larger.

    Raises:
        WishError: a number is out of range.
    """
    for name, value, most in (("pixels", side, MOST_PIXELS), ("colours", colours, MOST_COLOURS), ("scale", scale, 64)):
        if not 1 <= value <= most:
            raise WishError(f"{value} was given for {name}: give 1 to {most}")
    share = side / max(image.size)
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    # Colours are weighed by alpha when they are averaged, so that clear pixels lend none of theirs.
    small = np.asarray(image.convert("RGBA").convert("RGBa").resize(size, Image.Resampling.BOX).convert("RGBA"))
    there = small[..., 3] >= OPAQUE * 255
    indices = np.zeros(there.shape, np.uint8)
    palette = np.zeros((1, 3), np.uint8)
    if there.any():
        points = bytes_to_oklab(small[there][:, :3])
        different, weights = np.unique(points.round(4), axis=0, return_counts=True)
        centres, _ = kmeans(different, weights.astype(np.float64), colours)
        indices[there] = 1 + np.square(points[:, None] - centres).sum(-1).argmin(1).astype(np.uint8)
        palette = np.concatenate([palette, oklab_to_bytes(centres)])
    art = Image.fromarray(indices, "P")
    art.putpalette(palette.tobytes())
    art.info["transparency"] = 0
    return art.resize((size[0] * scale, size[1] * scale), Image.Resampling.NEAREST)


def sheet(pictures: Sequence[Image.Image]) -> tuple[Image.Image, list[tuple[int, int]]]:
    """Pictures side by side in cells of the largest, about as wide as high; and where each lies, (left, top)."""
    if not pictures:
        raise WishError("a sheet of no pictures was asked for: give one or more")
    width, height = (max(image.size[axis] for image in pictures) for axis in (0, 1))
    columns = math.ceil(math.sqrt(len(pictures)))
    whole = Image.new("RGBA", (columns * width, math.ceil(len(pictures) / columns) * height))
    places = [(number % columns * width, number // columns * height) for number in range(len(pictures))]
    for image, place in zip(pictures, places, strict=True):
        whole.paste(image.convert("RGBA"), place)
    return whole, places


def film(pictures: Sequence[Image.Image], kind: str = "WEBP", milliseconds: int = MILLISECONDS) -> bytes:
    """An animation, "WEBP" or "GIF", that rests on its last picture and begins anew."""
    first, *rest = _frames(pictures)
    durations = [milliseconds] * len(rest) + [REST]
    buffer = io.BytesIO()
    lossless = {"lossless": True} if kind == "WEBP" else {"disposal": 2}
    first.save(buffer, kind, save_all=True, append_images=rest, duration=durations, loop=0, **lossless)
    return buffer.getvalue()


def movie(pictures: Sequence[Image.Image], milliseconds: int = MILLISECONDS) -> bytes:
    """An MPEG-4 film on white, which knows no transparency; odd sides lose a pixel."""
    frames = _frames(pictures)
    width, height = (side // 2 * 2 for side in frames[0].size)
    with tempfile.TemporaryDirectory() as folder:
        place = str(Path(folder) / "film.mp4")
        writer = cv2.VideoWriter(place, cv2.VideoWriter.fourcc(*"mp4v"), 1000 / milliseconds, (width, height))
        if not writer.isOpened():
            raise OutputError("this machine's OpenCV writes no MPEG-4: give a .webp or a .gif")
        for image in frames:
            sheet = Image.new("RGBA", image.size, "white")
            sheet.alpha_composite(image)
            writer.write(np.asarray(sheet.convert("RGB"))[:height, :width, ::-1].copy())
        writer.release()
        return Path(place).read_bytes()


def _frames(pictures: Sequence[Image.Image]) -> list[Image.Image]:
    """With transparency, and all of one size."""
    if not pictures:
        raise WishError("a film of no pictures was asked for: give one or more")
    sizes = list(dict.fromkeys(f"{image.width}×{image.height}" for image in pictures))
    if len(sizes) > 1:
        raise WishError(f"a film shows pictures of one size, and {' and '.join(sizes[:2])} were given: give some of one size")
    return [image.convert("RGBA") for image in pictures]


def _named(names: Sequence[str], count: int) -> list[str]:
    """A name for each; where one is missing or doubled, with a number."""
    found: list[str] = []
    for number in range(count):
        name = names[number] if number < len(names) else f"{number + 1}"
        found.append(name if name not in found else f"{name}-{number + 1}")
    return found
