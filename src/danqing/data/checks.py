"""Every file is checked before it is decoded: bytes of any kind become plain pixels or one `PictureError` with the reason.

Plain pixels are uint8 in sRGB, upright, with 1 (gray), 3 (RGB) or 4 (RGBA, straight alpha) channels; a fully opaque alpha
is dropped, and a gray picture stays gray.
"""

import dataclasses
import functools
import io
import struct
import warnings
import zlib
from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from pydantic import Field

from danqing.config import Config
from danqing.data.headers import KINDS, check_png, check_size, sniff, stranger, webp_size
from danqing.data.svg import render
from danqing.errors import PictureError

Pixels = UInt8[np.ndarray, "height width channels"]


class Limits(Config):
    """How much one file may ask for.

    Args:
        max_pixels: width × height.
        max_bytes: of the file.
        svg_size: the longer side, in pixels, a drawing is rendered at.
    """

    max_pixels: int = Field(default=64_000_000, ge=1)
    max_bytes: int = Field(default=256 << 20, ge=1)
    svg_size: int = Field(default=512, ge=1, le=4096)


@dataclasses.dataclass(frozen=True, slots=True)
class Decoded:
    """Plain pixels, and what was changed on the way that the file's owner may want to know."""

    pixels: Pixels
    notes: tuple[str, ...] = ()


_READERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    # The classes are called directly: `Image.open` trusts a global limit on pixels, and JPEG's factory unpacks MPO.
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
}
_FAILURES = (
    ArithmeticError,
    AttributeError,
    EOFError,
    Image.DecompressionBombError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    cv2.error,
    struct.error,
    zlib.error,
)
"""All that Pillow and OpenCV raise on damaged files."""
_ORIENTATION, _PHOTOMETRIC = 0x0112, 0x0106
_TURNS: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a[::-1].transpose(1, 0, 2),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}
"""What makes a picture of each Exif orientation upright (Exif 2.32, 4.6.4.A)."""


def decode(content: bytes, limits: Limits | None = None) -> Decoded:
    """A file's bytes as plain pixels: (height, width, channels), uint8 in [0, 255], 1, 3 or 4 channels, straight alpha.

    Raises:
        PictureError: the reason, a phrase to be read after the file's name, such as "is empty".
    """
    limits = limits or Limits()
    if not content:
        raise PictureError("is empty")
    if len(content) > limits.max_bytes:
        raise PictureError(f"has {len(content) / 2**20:.1f} MiB: at most {limits.max_bytes / 2**20:g} MiB are read")
    kind = sniff(content)
    if kind is None:
        raise PictureError(f"is {stranger(content)}: pictures are read from {', '.join(KINDS)}")
    if kind == "SVG":
        return _drawing(content, limits)
    return _raster(kind, content, limits)


def _drawing(content: bytes, limits: Limits) -> Decoded:
    rendered, notes = render(content, limits.svg_size, functools.partial(_embedded, limits=limits))
    decoded = _raster("PNG", rendered, limits)
    if decoded.pixels.shape[2] == 4 and not decoded.pixels[..., 3].any():
        raise PictureError("is a drawing that shows nothing")
    return Decoded(decoded.pixels, notes)


def _embedded(content: bytes, limits: Limits) -> None:
    kind = sniff(content)
    if kind is None or kind == "SVG":
        raise PictureError("is a drawing with something other than a picture inside")
    _raster(kind, content, limits)


def _raster(kind: str, content: bytes, limits: Limits) -> Decoded:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(kind, content, limits)
    except PictureError:
        raise
    except _FAILURES as error:
        said = str(error) or type(error).__name__
        raise PictureError(f"is a {kind} that cannot be decoded ({said[:120]})") from error


def _decode(kind: str, content: bytes, limits: Limits) -> Decoded:
    if kind == "PNG":
        check_png(content, limits.max_pixels)
    elif kind == "WebP":
        check_size(*webp_size(content), limits.max_pixels)
    notes: list[str] = []
    with _READERS[kind](io.BytesIO(content)) as image:
        check_size(*image.size, limits.max_pixels)
        profile = image.info.get("icc_profile")
        if _is_wide(image):
            plain = _wide(content)
        else:
            image.load()
            plain = _plain(image)
        # TIFF is turned upright by its readers already.
        orientation = 1 if kind == "TIFF" else _orientation(image, notes)
        check_size(*plain.size, limits.max_pixels)
        _note_frames(image, notes)
    pixels = _pixels(_srgb(plain, profile, notes))
    return Decoded(np.ascontiguousarray(_TURNS.get(orientation, _same)(pixels)), tuple(notes))


def _same(pixels: Pixels) -> Pixels:
    return pixels


def _orientation(image: ImageFile.ImageFile, notes: list[str]) -> int:
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except _FAILURES:
        found = None
    if isinstance(found, int) and 1 <= found <= 8:
        return found
    notes.append("its Exif data cannot be read, so it is taken as it lies")
    return 1


def _note_frames(image: ImageFile.ImageFile, notes: list[str]) -> None:
    try:
        several = bool(getattr(image, "is_animated", False))
    except _FAILURES:
        several = True
    if several:
        notes.append("has several frames, of which the first is taken")


def _is_wide(image: ImageFile.ImageFile) -> bool:
    """Whether it holds 16 bits per colour, of which Pillow would keep 8."""
    return image.mode in ("RGB", "RGBA", "LA") and any("16" in str(tile.args) for tile in image.tile)


def _wide(content: bytes) -> Image.Image:
    """A picture of 16 bits per colour, rounded to 8."""
    found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.dtype != np.uint16:
        raise PictureError("is damaged: its 16-bit colours cannot be read")
    narrow = _narrow(found)
    if narrow.ndim == 2 or narrow.shape[2] == 1:
        return Image.fromarray(narrow.reshape(narrow.shape[:2]))
    return Image.fromarray(cv2.cvtColor(narrow, cv2.COLOR_BGR2RGB if narrow.shape[2] == 3 else cv2.COLOR_BGRA2RGBA))


def _narrow(values: UInt16[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    """16 bits to 8, rounded: 65535 is 255."""
    return np.asarray(cv2.convertScaleAbs(values, alpha=1 / 257))


def _plain(image: ImageFile.ImageFile) -> Image.Image:
    """A loaded picture in one of the modes L, LA, RGB, RGBA, CMYK, 8 bits each."""
    transparent = "transparency" in image.info
    if image.mode.startswith("I;16"):
        return _gray16(image)
    if image.mode in ("I", "F"):
        raise PictureError("holds numbers of 32 bits, whose range nobody said: save it with 8 or 16 bits")
    if image.mode in ("1", "L"):
        return image.convert("LA" if transparent else "L")
    if image.mode == "P" and _is_gray(image):
        return image.convert("LA" if transparent else "L")
    if image.mode in ("P", "RGB"):
        return image.convert("RGBA" if transparent else "RGB")
    if image.mode in ("LA", "RGBA", "CMYK"):
        return image
    if image.mode == "LAB":
        found = ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"), _standard(), outputMode="RGB")
        return found or image
    return image.convert("LA" if image.mode == "La" else "RGBA" if image.mode in ("PA", "RGBa") else "RGB")


def _is_gray(image: ImageFile.ImageFile) -> bool:
    """Whether a palette holds nothing but gray."""
    palette = image.getpalette("RGB") or [0, 0, 0]
    return palette[::3] == palette[1::3] == palette[2::3]


def _gray16(image: ImageFile.ImageFile) -> Image.Image:
    values = np.asarray(image).astype(np.uint16)
    key = image.info.get("transparency")
    tags = getattr(image, "tag_v2", {})
    # Pillow turns over 8-bit pictures where 0 is white, but not these.
    gray = Image.fromarray(_narrow(65535 - values if tags.get(_PHOTOMETRIC) == 0 else values))
    if not isinstance(key, int):
        return gray
    return Image.merge("LA", (gray, Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8))))


@functools.cache
def _standard() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _srgb(image: Image.Image, profile: object, notes: list[str]) -> Image.Image:
    """The colours in sRGB: through the profile the file brings, if it is a sound one."""
    if isinstance(profile, bytes) and profile:
        try:
            return _converted(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            notes.append("its colour profile cannot be used, so its colours are taken as sRGB")
    return image.convert("RGB") if image.mode == "CMYK" else image


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    if ImageCms.getProfileDescription(profile).startswith("sRGB"):
        return image.convert("RGB") if image.mode == "CMYK" else image
    colours = image.convert(image.mode.removesuffix("A")) if image.mode in ("LA", "RGBA") else image
    found = ImageCms.profileToProfile(colours, profile, _standard(), outputMode="RGB")
    if found is None:
        return image
    found = found.getchannel("G") if colours.mode == "L" else found
    if image.mode in ("LA", "RGBA"):
        found.putalpha(image.getchannel("A"))
    return found


def _pixels(image: Image.Image) -> Pixels:
    """(height, width, channels) with as few channels as the picture needs."""
    if image.mode in ("LA", "RGBA") and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert(image.mode.removesuffix("A"))
    image = image.convert("RGBA") if image.mode == "LA" else image
    values = np.array(image)
    return values[..., None] if values.ndim == 2 else values
