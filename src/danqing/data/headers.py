"""What a file is, told by its first bytes, and what must be true of it before anything decodes it."""

import re
import struct
import zlib
from collections.abc import Iterator

from danqing.errors import PictureError

KINDS = ("PNG", "JPEG", "WebP", "AVIF", "GIF", "TIFF", "BMP", "SVG")
"""The formats that are read."""

_CHUNKS = 200_000
_PNG = b"\x89PNG\r\n\x1a\n"
_MAGIC = (
    ("PNG", re.compile(re.escape(_PNG))),
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("WebP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("AVIF", re.compile(rb"....ftypavi[fs]", re.DOTALL)),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("TIFF", re.compile(rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]")),
    ("BMP", re.compile(rb"BM.{4}\0\0\0\0", re.DOTALL)),
    (
        "SVG",
        re.compile(
            rb"(?:\xef\xbb\xbf)?\s*<(?:svg[\s>]|(?:[\w.-]+:)svg[\s>]|(?:\?xml|!--|!DOCTYPE\s+svg).*?<(?:[\w.-]+:)?svg[\s>])",
            re.DOTALL,
        ),
    ),
    ("SVG", re.compile(rb"\x1f\x8b\x08")),
    ("SVG", re.compile(rb"\xff\xfe<\0|\xfe\xff\0<")),
)
_FOREIGN = (
    ("a PDF", re.compile(rb"%PDF")),
    ("a zip archive", re.compile(rb"PK\x03\x04|PK\x05\x06")),
    ("a HEIC photograph", re.compile(rb"....ftyp(?:hei|mif|msf)", re.DOTALL)),
    ("a video", re.compile(rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", re.DOTALL)),
    ("a Photoshop file", re.compile(rb"8BPS")),
    ("a JPEG XL picture", re.compile(rb"\xff\x0a|\0\0\0\x0cJXL ")),
    ("a JPEG 2000 picture", re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51")),
    ("an icon file", re.compile(rb"\0\0[\1\2]\0")),
    ("a Windows program", re.compile(rb"MZ")),
    ("a web page", re.compile(rb"\s*<(?:!doctype html|html|head|body)", re.IGNORECASE)),
    ("a pointer to a file in Git LFS, not the file", re.compile(rb"version https://git-lfs")),
    ("XML, but not a drawing", re.compile(rb"\s*<")),
)
# Pixels per channel of each Adam7 pass: (first column, column step, first row, row step), PNG specification 8.2.
_ADAM7 = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def sniff(content: bytes) -> str | None:
    """The format of a file by its content, one of `KINDS`, or `None`; its name plays no part."""
    return next((kind for kind, magic in _MAGIC if magic.match(content[:4096])), None)


def stranger(content: bytes) -> str:
    """In words, what a file is that `sniff` does not know."""
    if not content.strip(b"\0"):
        return "nothing but zero bytes"
    known = next((name for name, magic in _FOREIGN if magic.match(content[:4096])), None)
    if known:
        return known
    try:
        content[:1024].decode("utf8", errors="strict" if len(content) <= 1024 else "ignore")
    except UnicodeDecodeError:
        return f"of an unknown kind (it starts with {content[:8].hex(' ')})"
    control = sum(byte < 9 for byte in content[:1024])
    return f"of an unknown kind (it starts with {content[:8].hex(' ')})" if control else "text"


def check_png(content: bytes, max_pixels: int) -> None:
    """Walk the chunks of a PNG: every one is whole, and the compressed rows hold the whole picture.

    Decoders fill missing rows with black without a word; this is what notices.

    Raises:
        PictureError: it is cut short, or larger than `max_pixels`.
    """
    rows, header = zlib.decompressobj(), b""
    found = wanted = 0
    for kind, start, length in _chunks(content):
        if kind == b"IHDR" and length == 13 and not header:
            header = content[start : start + length]
            width, height = struct.unpack(">II", header[:8])
            check_size(width, height, max_pixels)
            wanted = _png_bytes(header)
        elif kind == b"IDAT" and found < wanted:
            found += _inflated(rows, content[start : start + length], wanted - found)
    if not header:
        raise PictureError("is a damaged PNG: it has no header")
    if found < wanted:
        raise PictureError(f"is cut short: {found} of {wanted} bytes of pixels are there")


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Refuse a picture by its size before its pixels are decoded.

    Raises:
        PictureError: it has no pixels, or more than `max_pixels`.
    """
    if width < 1 or height < 1:
        raise PictureError(f"has no pixels ({width}×{height})")
    if width * height > max_pixels:
        raise PictureError(
            f"is {width}×{height}, {width * height / 1e6:.0f} million pixels: at most {max_pixels / 1e6:g} million are read"
        )


def webp_size(content: bytes) -> tuple[int, int]:
    """(width, height) of a WebP, from the first chunk (RFC 9649, 2.5 to 2.7); (0, 0) where it is damaged."""
    kind, body = content[12:16], content[20:30]
    if len(body) < 10:
        return 0, 0
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(type, start of the data, length) of each chunk up to the end of the picture."""
    place = len(_PNG)
    for _ in range(_CHUNKS):
        if place + 8 > len(content):
            return
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        if place + 12 + length > len(content):
            raise PictureError(f"is cut short: {place + 12 + length - len(content)} bytes are missing")
        if kind == b"IEND":
            return
        yield kind, place + 8, length
        place += 12 + length
    raise PictureError(f"is a damaged PNG: it has more than {_CHUNKS} parts")


def _png_bytes(header: bytes) -> int:
    """How many bytes the rows inflate to: one filter byte per row, rows padded to whole bytes."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = _SAMPLES.get(colour, 0) * depth
    passes = _ADAM7 if interlaced else ((0, 1, 0, 1),)
    total = 0
    for column, across, row, down in passes:
        columns, rows = -(-(width - column) // across), -(-(height - row) // down)
        total += rows * (1 + (columns * bits + 7) // 8) if columns > 0 and rows > 0 else 0
    return total


def _inflated(stream: "zlib._Decompress", data: bytes, wanted: int) -> int:
    """How many of `wanted` bytes `data` adds; in pieces, so that a bomb takes no memory."""
    found = 0
    try:
        while data and found < wanted and not stream.eof:
            found += len(stream.decompress(data, min(1 << 20, wanted - found)))
            data = stream.unconsumed_tail
    except zlib.error as error:
        raise PictureError(f"is a damaged PNG ({error})") from error
    return found
