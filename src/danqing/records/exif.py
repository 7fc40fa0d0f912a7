"""Text in a picture's Exif data, where A1111's tools look for it in WebP and JPEG files: the UserComment (Exif 2.32, 4.6.5)."""

from PIL import Image

_EXIF, _COMMENT = 0x8769, 0x9286
"""The tags of Exif's own directory and, in it, of the UserComment."""
_CODE = b"UNICODE\0"
"""Eight bytes that name the character code."""


def commented(text: str) -> Image.Exif:
    """Exif data that hold this text; none where it is empty."""
    exif = Image.Exif()
    if text:
        exif.get_ifd(_EXIF)[_COMMENT] = _CODE + text.encode("utf-16-be")
    return exif


def comment(image: Image.Image) -> str | None:
    """The text of a picture's Exif data; `None` where there is none that can be read."""
    found = image.getexif().get_ifd(_EXIF).get(_COMMENT)
    if not isinstance(found, bytes) or not found.startswith(_CODE):
        return None
    return found.removeprefix(_CODE).decode("utf-16-be", "replace")
