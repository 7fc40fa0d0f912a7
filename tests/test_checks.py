"""Decoding: every mode gives the right pixels, and nothing a file can hold does more than give a reason."""

import base64
import contextlib
import functools
import gzip
import io
import random
import struct
import time
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from danqing.data import svg
from danqing.data.checks import Limits, Pixels, decode
from danqing.data.headers import sniff
from danqing.errors import ConfigError, PictureError

RNG = np.random.default_rng(5)
RGB = RNG.integers(0, 256, (9, 7, 3), np.uint8)
ALPHA = RNG.integers(0, 256, (9, 7, 1), np.uint8)
RGBA = np.concatenate([RGB, ALPHA], axis=2)
GRAY = RGB[..., :1]
SMOOTH = np.stack(np.broadcast_arrays(np.arange(64)[:, None] * 4, np.arange(48) * 5, np.array(90)), axis=2).astype(np.uint8)


def file(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes, packed: bytes | None = None) -> bytes:
    """A PNG written by hand, so that Pillow is not its own oracle."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(rows) if packed is None else packed)
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + data + chunk(b"IEND", b"")


def drawing(body: str, size: str = 'viewBox="0 0 20 10"') -> bytes:
    space = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"<svg {space} {size}>{body}</svg>".encode()


RED = '<rect width="20" height="10" fill="red"/>'


def refusal(content: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(PictureError) as caught:
        decode(content, limits)
    return str(caught.value)


@pytest.mark.parametrize(
    ("form", "pixels"),
    [
        (form, pixels)
        for form in ("PNG", "TIFF", "BMP", "WEBP")
        for pixels in (GRAY, RGB, RGBA)
        if (form, pixels.shape[2]) != ("BMP", 4)
    ],
)
def test_forms_without_loss_keep_every_pixel(form: str, pixels: Pixels) -> None:
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    found = decode(file(image(pixels), form, **options)).pixels
    # WebP has no gray.
    expected = np.repeat(pixels, 3, axis=2) if form == "WEBP" and pixels.shape[2] == 1 else pixels
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "AVIF"])
def test_forms_with_loss_come_close(form: str) -> None:
    found = decode(file(image(SMOOTH), form, quality=95)).pixels
    assert found.shape == SMOOTH.shape
    assert np.abs(found.astype(int) - SMOOTH).mean() < 3


def test_a_gray_jpeg_stays_gray() -> None:
    assert decode(file(image(SMOOTH[..., :1]), "JPEG")).pixels.shape == (64, 48, 1)


@pytest.mark.parametrize("form", ["PNG", "GIF", "TIFF", "BMP"])
def test_palettes(form: str) -> None:
    painted = Image.fromarray(RGB).quantize(16, dither=Image.Dither.NONE)
    expected = np.asarray(painted.getpalette(), np.uint8).reshape(-1, 3)[np.asarray(painted)]
    assert np.array_equal(decode(file(painted, form)).pixels, expected)


@pytest.mark.parametrize("form", ["PNG", "GIF", "TIFF", "BMP"])
def test_a_gray_palette_is_gray(form: str) -> None:
    painted = Image.fromarray(GRAY[..., 0] // 64).convert("P")
    painted.putpalette([level for level in (250, 130, 70, 5) for _ in range(3)])
    assert np.array_equal(decode(file(painted, form)).pixels[..., 0], np.array([250, 130, 70, 5], np.uint8)[GRAY[..., 0] // 64])
    if form in ("PNG", "GIF"):
        found = decode(file(painted, form, transparency=2)).pixels
        assert np.array_equal(found[..., 3] == 0, GRAY[..., 0] // 64 == 2)


def test_a_palette_with_transparency() -> None:
    rows = b"".join(b"\0" + bytes(row) for row in ([0, 1, 2], [2, 1, 0]))
    palette = chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0, 0, 0, 255])) + chunk(b"tRNS", bytes([0, 128]))
    found = decode(png(3, 2, 8, 3, rows, palette)).pixels
    assert found[0].tolist() == [[255, 0, 0, 0], [0, 255, 0, 128], [0, 0, 255, 255]]


def test_one_bit() -> None:
    assert decode(png(9, 1, 1, 0, b"\0\xaa\x80")).pixels[0, :, 0].tolist() == [255, 0, 255, 0, 255, 0, 255, 0, 255]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_shallow_gray_with_one_transparent_level(depth: int) -> None:
    row = {1: b"\x40", 2: b"\x30", 4: b"\x0f", 8: b"\x00\xff"}[depth]
    found = decode(png(2, 1, depth, 0, b"\0" + row, chunk(b"tRNS", b"\0\0"))).pixels
    assert found[0].tolist() == [[0, 0, 0, 0], [255, 255, 255, 255]]


@pytest.mark.parametrize("form", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_rounded(form: str, channels: int) -> None:
    values = RNG.integers(0, 65536, (9, 7, channels)).astype(np.uint16)
    values[0, 0] = 65535
    ok, content = cv2.imencode(form, values if channels > 1 else values[..., 0])
    assert ok
    expected = np.round(values / 257).astype(np.uint8)
    # OpenCV writes BGR.
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    assert np.array_equal(decode(content.tobytes()).pixels, expected[..., order])


def test_sixteen_bit_gray_with_alpha_and_with_one_transparent_level() -> None:
    rows = b"\0" + struct.pack(">HHHH", 0, 65535, 30000, 20000)
    assert decode(png(2, 1, 16, 4, rows)).pixels[0].tolist() == [[0, 0, 0, 255], [117, 117, 117, 78]]
    rows = b"\0" + struct.pack(">HH", 5, 30000)
    assert decode(png(2, 1, 16, 0, rows, chunk(b"tRNS", b"\0\5"))).pixels[0].tolist() == [[0, 0, 0, 0], [117, 117, 117, 255]]
    rows = b"\0" + struct.pack(">HHHHHH", 1, 2, 3, 30000, 20000, 40000)
    found = decode(png(2, 1, 16, 2, rows, chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3)))).pixels
    assert found[0].tolist() == [[0, 0, 0, 0], [117, 78, 156, 255]]


def test_white_is_zero_in_tiff() -> None:
    values = np.array([[0, 65535, 257]], np.uint16)
    content = bytearray(file(Image.fromarray(values), "TIFF"))
    at = content.index(struct.pack("<HHIH", 262, 3, 1, 1))
    content[at + 8] = 0
    assert decode(bytes(content)).pixels[0, :, 0].tolist() == [255, 0, 254]


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_an_opaque_alpha_is_dropped(form: str) -> None:
    opaque = np.concatenate([RGB, np.full_like(ALPHA, 255)], axis=2)
    found = decode(file(image(opaque), form, lossless=True))
    assert np.array_equal(found.pixels, RGB)
    assert found.notes == ()


def test_gray_with_alpha_has_four_channels_and_without_one() -> None:
    pair = np.concatenate([GRAY, ALPHA], axis=2)
    assert np.array_equal(decode(file(Image.fromarray(pair, "LA"), "PNG")).pixels, np.concatenate([GRAY] * 3 + [ALPHA], axis=2))
    pair[..., 1] = 255
    assert np.array_equal(decode(file(Image.fromarray(pair, "LA"), "PNG")).pixels, GRAY)


def test_cmyk() -> None:
    inks = np.array([[[0, 0, 0, 0], [0, 255, 255, 0], [0, 0, 0, 255]]], np.uint8)
    found = decode(file(Image.fromarray(inks, "CMYK"), "TIFF")).pixels
    assert found[0].tolist() == [[255, 255, 255], [255, 0, 0], [0, 0, 0]]
    photo = decode(file(Image.fromarray(SMOOTH).convert("CMYK"), "JPEG", quality=95)).pixels
    assert np.abs(photo.astype(int) - SMOOTH).mean() < 4


def test_lab_tiff_is_converted_to_srgb() -> None:
    lab = ImageCms.profileToProfile(
        Image.fromarray(SMOOTH), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    assert np.abs(decode(file(lab, "TIFF")).pixels.astype(int) - SMOOTH).mean() < 3


def test_numbers_of_unknown_range_are_refused() -> None:
    assert "32 bits" in refusal(file(Image.fromarray(np.zeros((2, 2), np.float32)), "TIFF"))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(form: str, orientation: int) -> None:
    """Pillow's own transposition is the oracle; the corner that is red must come out on top at the left."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = np.zeros((48, 64, 3), np.uint8)
    upright[:24, :32] = (250, 10, 10)
    upright[24:, 32:] = (10, 10, 250)
    inverse = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    stored = Image.fromarray(upright) if inverse is None else Image.fromarray(upright).transpose(Image.Transpose(inverse))
    content = file(stored, form, exif=exif, quality=95)
    if form != "TIFF":
        oracle = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB"))
        assert np.array_equal(decode(content).pixels, oracle)
    assert np.abs(decode(content).pixels.astype(int) - upright).mean() < 6


def with_orientation(tiff: bytes, orientation: int) -> bytes:
    """The same TIFF with a new table of tags at its end."""
    (at,) = struct.unpack("<I", tiff[4:8])
    (count,) = struct.unpack("<H", tiff[at : at + 2])
    tags = [tiff[at + 2 + 12 * number :][:12] for number in range(count)]
    tags = sorted([*tags, struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)], key=lambda tag: tag[1::-1])
    return tiff[:4] + struct.pack("<I", len(tiff)) + tiff[8:] + struct.pack("<H", len(tags)) + b"".join(tags) + bytes(4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_of_sixteen_bits(orientation: int) -> None:
    """Pictures of 16 bits take another way through the decoder than those of 8, which are the oracle."""
    values = RNG.integers(0, 65536, (5, 8, 3)).astype(np.uint16)
    exif = Image.Exif()
    exif[0x0112] = orientation
    oracle = decode(file(Image.fromarray(np.round(values[..., ::-1] / 257).astype(np.uint8)), "PNG", exif=exif)).pixels
    tiff = cv2.imencode(".tiff", values, [cv2.IMWRITE_TIFF_COMPRESSION, 1])[1].tobytes()
    assert np.array_equal(decode(with_orientation(tiff, orientation)).pixels, oracle)
    wide = cv2.imencode(".png", values)[1].tobytes()
    wide = wide[:33] + chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + wide[33:]
    assert np.array_equal(decode(wide).pixels, oracle)


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """sRGB with red and green exchanged: what is stored as red is shown as green."""
    content = bytearray(srgb_profile())
    count = struct.unpack(">I", content[128:132])[0]
    for entry in range(132, 132 + 12 * count, 12):
        name = bytes(content[entry : entry + 4])
        content[entry : entry + 4] = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}.get(name, name)
    return bytes(content).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_icc_profiles_are_applied(form: str) -> None:
    red = Image.new("RGB", (16, 16), (255, 0, 0))
    options = {"quality": 100} if form in ("JPEG", "WEBP") else {}
    found = decode(file(red, form, icc_profile=swapped_profile(), **options))
    assert np.abs(found.pixels.astype(int) - (0, 255, 0)).max() < 12
    assert found.notes == ()


def test_icc_keeps_alpha_and_palettes() -> None:
    painted = decode(file(Image.new("RGBA", (4, 4), (255, 0, 0, 100)), "PNG", icc_profile=swapped_profile())).pixels
    assert np.abs(painted[0, 0].astype(int) - (0, 255, 0, 100)).max() <= 2
    palette = Image.new("RGB", (4, 4), (255, 0, 0)).quantize(4)
    assert np.abs(decode(file(palette, "PNG", icc_profile=swapped_profile())).pixels[0, 0].astype(int) - (0, 255, 0)).max() <= 2


def test_an_srgb_profile_changes_nothing() -> None:
    assert np.array_equal(decode(file(image(RGB), "PNG", icc_profile=srgb_profile())).pixels, RGB)


@pytest.mark.parametrize("broken", [b"no profile", b"\0" * 200, b"x" * 5000])
def test_a_broken_or_foreign_profile_is_noted(broken: bytes) -> None:
    found = decode(file(image(RGB), "PNG", icc_profile=broken))
    assert np.array_equal(found.pixels, RGB)
    assert found.notes == ("its colour profile cannot be used, so its colours are taken as sRGB",)
    gray = decode(file(image(GRAY), "PNG", icc_profile=srgb_profile().replace(b"sRGB", b"xRGB")))
    assert gray.pixels.shape[2] == 1


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_the_first_frame_of_several(form: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "lime")]
    found = decode(file(frames[0], form, save_all=True, append_images=frames[1:]))
    assert np.abs(found.pixels[..., :3].astype(int) - (255, 0, 0)).max() < 12
    assert found.notes == ("has several frames, of which the first is taken",)


def test_content_decides_not_the_name() -> None:
    for form in ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "TIFF", "BMP"):
        kind = sniff(file(image(RGB), form))
        assert kind is not None
        assert kind.upper() == form
    assert sniff(drawing(RED)) == sniff(b'<?xml version="1.0"?>\n<!-- a -->\n' + drawing(RED)) == "SVG"


def test_drawings_fill_the_longer_side() -> None:
    wide = decode(drawing(RED), Limits(svg_size=64)).pixels
    tall = decode(drawing('<rect width="5" height="20" fill="#00f"/>', 'width="10" height="20"'), Limits(svg_size=64)).pixels
    assert (wide.shape, tall.shape) == ((32, 64, 3), (64, 32, 4))
    assert wide[5, 5].tolist() == [255, 0, 0]
    assert tall[5, 5].tolist() == [0, 0, 255, 255]
    assert tall[5, 30].tolist() == [0, 0, 0, 0]


def test_drawings_of_every_packing() -> None:
    expected = decode(drawing(RED)).pixels
    text = drawing(RED).decode()
    declared = '<?xml version="1.0" encoding="UTF-16"?>' + text
    doctype = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">' + text
    for content in (gzip.compress(drawing(RED)), declared.encode("utf-16"), doctype.encode(), b"\xef\xbb\xbf\n" + drawing(RED)):
        assert np.array_equal(decode(content).pixels, expected)


def test_lettering_is_noted() -> None:
    assert decode(drawing(f"{RED}<text>A</text>")).notes == ("its lettering is not drawn",)


def test_a_picture_inside_a_drawing() -> None:
    inside = base64.b64encode(file(Image.new("RGB", (4, 4), (0, 128, 0)), "PNG")).decode()
    whole = '<image {} width="20" height="10" preserveAspectRatio="none"/>'
    found = decode(drawing(whole.format(f'xlink:href="data:image/png;base64,{inside}"')), Limits(svg_size=20)).pixels
    assert np.abs(found[..., :3].astype(int) - (0, 128, 0)).max() <= 1


def test_drawings_cannot_read_files(tmp_path: object) -> None:
    """The secret is there and can be read; only the check keeps it out of the picture."""
    secret = f"{tmp_path}/secret.png"
    Image.new("RGB", (4, 4), "red").save(secret)
    for address in (secret, f"file://{secret}", "secret.png", "http://127.0.0.1:9/x.png", "//host/x.png", f" {secret}"):
        for body in (
            f'<image href="{address}" width="20" height="10"/>',
            f'<image xlink:href="{address}" width="20" height="10"/>',
            f'<filter id="f"><feImage href="{address}"/></filter><rect width="20" height="10" filter="url(#f)"/>',
            f'<use href="{address}#a"/>',
            f'<rect width="20" height="10" style="fill:url({address})"/>',
            f'<style>rect {{ fill: url("{address}") }}</style><rect width="20" height="10"/>',
        ):
            assert "outside itself" in refusal(drawing(RED + body))


def test_a_drawing_that_takes_too_long_is_stopped_and_the_next_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "SECONDS", 0.5)
    endless = '<filter id="f"><feTurbulence baseFrequency="0.05" numOctaves="100000"/></filter>'
    slow = endless + '<rect width="20" height="10" filter="url(#f)"/>'
    began = time.monotonic()
    assert "takes more than 0.5 seconds" in refusal(drawing(slow))
    assert time.monotonic() - began < 5
    assert decode(drawing(RED)).pixels.shape == (256, 512, 3)


def test_a_drawing_that_crashes_the_renderer_and_the_next_is_drawn() -> None:
    chain = "".join(f'<g id="u{n + 1}" opacity=".9"><use href="#u{n}"/></g>' for n in range(300))
    assert "crashes the renderer" in refusal(
        drawing(f'<defs><rect id="u0" width="1" height="1"/>{chain}</defs><use href="#u300"/>')
    )
    assert decode(drawing(RED)).pixels.shape == (256, 512, 3)


def test_limits() -> None:
    content = file(image(RGB), "PNG")
    decode(content, Limits(max_pixels=63, max_bytes=len(content)))
    assert "9" in refusal(content, Limits(max_pixels=62))
    assert "MiB" in refusal(content, Limits(max_bytes=len(content) - 1))
    with pytest.raises(ConfigError):
        Limits.read({"svg_size": 0})


HUGE = 30_000
"""900 million pixels when squared."""


@functools.cache
def bombs() -> dict[str, bytes]:
    """Small files that ask for gigabytes."""
    black = zlib.compress(bytes(40_000_000), 9)
    # A WebP's canvas and a GIF's screen are claims of the header; so are the sizes in the others.
    webp = bytearray(file(image(RGBA), "WEBP", lossless=True, icc_profile=srgb_profile()))
    webp[24:30] = (HUGE - 1).to_bytes(3, "little") * 2
    gif = bytearray(file(Image.new("P", (9, 7)), "GIF"))
    gif[6:10] = struct.pack("<HH", HUGE, HUGE)
    jpeg = bytearray(file(image(RGB), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", HUGE, HUGE)
    bmp = bytearray(file(image(RGB), "BMP"))
    bmp[18:26] = struct.pack("<II", HUGE, HUGE)
    tiff = file(Image.new("1", (HUGE, HUGE)), "TIFF", compression="group4")
    inside = base64.b64encode(png(HUGE, HUGE, 1, 0, b"", packed=black)).decode()
    text = zlib.compress(bytes(100_000_000), 9)
    rows = b"".join(b"\0" + bytes(row) for row in RGB.reshape(9, -1))
    sound = functools.partial(png, 7, 9, 8, 2, rows)
    return {
        "png pixels": png(HUGE, HUGE, 1, 0, b"", packed=black),
        "png zTXt": sound(chunk(b"zTXt", b"Comment\0\0" + text)),
        "png iTXt": sound(chunk(b"iTXt", b"Comment\0\1\0en\0\0" + text)),
        "png iCCP": sound(chunk(b"iCCP", b"x\0\0" + text)),
        "webp": bytes(webp),
        "gif": bytes(gif),
        "jpeg": bytes(jpeg),
        "bmp": bytes(bmp),
        "tiff": tiff,
        "svg inside": drawing(f'<image href="data:image/png;base64,{inside}" width="5" height="5"/>'),
        "svgz": gzip.compress(drawing(" " * 50_000_000)),
        "svg entities": b'<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>' + drawing("&b;"),
        "svg elements": drawing("<g/>" * 50_001),
        "svg depth": drawing("<g>" * 5000 + "</g>" * 5000),
        "svg use": drawing(
            '<defs><rect id="u0" width="1" height="1"/>'
            + "".join(f'<g id="u{n + 1}">{f"""<use href="#u{n}"/>""" * 10}</g>' for n in range(12))
            + '</defs><use href="#u12"/>'
        ),
    }


@pytest.mark.parametrize("name", bombs())
def test_bombs_are_refused_quickly(name: str) -> None:
    content = bombs()[name]
    began = time.monotonic()
    assert refusal(content)
    assert time.monotonic() - began < 10


def test_missing_rows_are_noticed() -> None:
    """Pillow fills them with black and says nothing."""
    short = png(100, 100, 8, 0, (b"\0" + bytes([255] * 100)) * 10)
    assert np.asarray(Image.open(io.BytesIO(short))).shape == (100, 100)
    assert refusal(short) == "is cut short: 1010 of 10100 bytes of pixels are there"
    interlaced = cv2.imencode(".png", RGB)[1].tobytes()
    assert decode(interlaced).pixels.shape == RGB.shape


def test_interlaced_png() -> None:
    """Seven passes of a gradient, written by hand."""
    side, rows = 5, b""
    values = np.arange(side * side, dtype=np.uint8).reshape(side, side)
    for column, across, row, down in (
        (0, 8, 0, 8),
        (4, 8, 0, 8),
        (0, 4, 4, 8),
        (2, 4, 0, 4),
        (0, 2, 2, 4),
        (1, 2, 0, 2),
        (0, 1, 1, 2),
    ):
        rows += b"".join(b"\0" + bytes(line) for line in values[row::down, column::across] if len(line))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 1))
    whole = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert np.array_equal(decode(whole).pixels[..., 0], values)
    cut = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows[:-3])) + chunk(b"IEND", b"")
    assert "cut short" in refusal(cut)


@functools.cache
def good() -> dict[str, bytes]:
    """One sound file of every kind."""
    forms = {form: file(image(SMOOTH), form) for form in ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "TIFF", "BMP")}
    forms |= {
        f"TIFF {packing}": file(image(SMOOTH), "TIFF", compression=packing) for packing in ("tiff_lzw", "tiff_deflate", "jpeg")
    }
    frames = [Image.new("P", (16, 16), colour) for colour in range(3)]
    forms |= {
        f"{form} frames": file(frames[0], form, save_all=True, append_images=frames[1:]) for form in ("GIF", "PNG", "WEBP")
    }
    forms |= {"PNG 16": cv2.imencode(".png", SMOOTH.astype(np.uint16) * 257)[1].tobytes(), "PNG P": file(frames[1], "PNG")}
    return forms | {"SVG": drawing(RED), "SVGZ": gzip.compress(drawing(RED))}


def cut(content: bytes, share: float) -> bytes:
    return content[: int(len(content) * share)]


def overwritten(content: bytes, share: float) -> bytes:
    at = int(len(content) * share)
    return content[:at] + bytes(len(content) - at)


@functools.cache
def bad() -> dict[str, bytes]:
    """Damaged files of every kind, and files that are no pictures."""
    cases: dict[str, bytes] = {}
    ways: dict[str, Callable[[bytes, float], bytes]] = {"cut": cut, "zeros": overwritten}
    for name, content in good().items():
        for way, spoil in ways.items():
            for share in (0.02, 0.1, 0.3, 0.5):
                cases[f"{name} {way} at {share}"] = spoil(content, share)
        cases[f"{name} headless"] = content[4:]
        cases[f"{name} after a byte"] = b"\x07" + content
    texts = {
        "nothing": b"",
        "zeros": bytes(1000),
        "text": b"This is a text with the name of a picture.\n",
        "chinese": "这是一段文字".encode(),
        "gbk": "这是一段文字".encode("gbk"),
        "html": b"<!DOCTYPE html><html><svg></svg></html>",
        "json": b'{"a": 1}',
        "pdf": b"%PDF-1.7\n",
        "zip": b"PK\x03\x04" + bytes(30),
        "exe": b"MZ" + bytes(60),
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "heic": b"\0\0\0\x18ftypheic" + bytes(20),
        "video": b"\0\0\0\x18ftypisom" + bytes(20),
        "psd": b"8BPS\0\1" + bytes(30),
        "jxl": b"\xff\x0a" + bytes(20),
        "jp2": b"\0\0\0\x0cjP  \r\n\x87\n",
        "ico": b"\0\0\1\0\1\0" + bytes(30),
        "xml": b"<?xml version='1.0'?><note/>",
        "svg without namespace": b'<svg width="5" height="5"><rect width="5" height="5"/></svg>',
        "svg of nothing": drawing(""),
        "svg of another root": b'<?xml version="1.0"?><a xmlns:s="http://www.w3.org/2000/svg"><s:svg/></a>',
        "svg latin-1": b'<svg xmlns="http://www.w3.org/2000/svg"><!-- \xe9 --></svg>',
        "svg sheet": b'<?xml version="1.0"?><?xml-stylesheet href="a.css"?>' + drawing(RED),
        "svg zero": drawing(RED, 'width="0" height="0"'),
        "svg bad base64": drawing('<image href="data:image/png;base64,abcde" width="5" height="5"/>'),
        "svg text inside": drawing('<image href="data:image/png,hello" width="5" height="5"/>'),
        "svg svg inside": drawing(f'<image href="data:image/png;base64,{base64.b64encode(drawing(RED)).decode()}"/>'),
        "svg outside entity": b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + drawing("&x;"),
        "png no header": b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
        "png no width": png(0, 5, 8, 0, b""),
        "png odd depth": png(2, 2, 7, 0, bytes(100)),
        "png no palette": png(2, 2, 8, 3, b"\0\5\5" * 2)[:40],
        "png bad stream": png(2, 2, 8, 0, b"", packed=b"no zlib"),
        "png length beyond": b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**31 - 1) + b"IHDR" + bytes(20),
        "bmp negative": b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, -5, 5, 1, 24, 0, 0, 0, 0, 0, 0),
        "gif header only": b"GIF89a",
        "tiff loop": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
        "webp header only": b"RIFF\x1a\0\0\0WEBPVP8X",
        "avif header only": b"\0\0\0\x1cftypavif" + bytes(16),
        "jpeg header only": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    }
    return cases | texts


def test_the_table_of_bad_files_is_long() -> None:
    assert len(bad()) >= 200


@pytest.mark.parametrize("name", bad())
def test_a_bad_file_gives_a_reason_or_a_picture(name: str) -> None:
    """What is cut or zeroed late may still be a whole picture; everything else must be refused."""
    content = bad()[name]
    may_be_whole = "zeros at" in name or " frames cut" in name
    if may_be_whole:
        with contextlib.suppress(PictureError):
            decode(content)
    else:
        assert 5 < len(refusal(content)) < 400


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(good())), st.integers(0, 2**32), st.integers(1, 12))
def test_no_damage_escapes(name: str, seed: int, changes: int) -> None:
    """Whatever bytes are changed, the answer is a picture or a PictureError."""
    rng = random.Random(seed)
    content = bytearray(good()[name])
    for _ in range(changes):
        content[rng.randrange(min(len(content), rng.choice((64, 400, len(content)))))] = rng.choice(
            (0, 255, 127, rng.randrange(256))
        )
    try:
        pixels = decode(bytes(content)).pixels
    except PictureError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] in (1, 3, 4)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_no_picture(content: bytes) -> None:
    assert refusal(content)


def test_a_comment_is_no_danger() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", "x" * 100_000, zip=True)
    assert np.array_equal(decode(file(image(RGB), "PNG", pnginfo=info)).pixels, RGB)
