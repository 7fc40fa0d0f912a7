"""Han characters in a print face and in five hands of the brush and the pen; a pair is one character in two of them.

All six faces are under the SIL Open Font License, which asks nothing of pictures of the letters. FreeType reads their
.woff2 files as they are.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import re
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from danqing.data import npm
from danqing.data.rendering import png
from danqing.data.source import Item, LeftOut, Source
from danqing.errors import AssetError, DataError

LICENCE = "OFL-1.1"
HAN = range(0x4E00, 0xA000)
"""CJK Unified Ideographs, the block in which every character of these faces lies."""
FILL = 0.76
"""What share of the picture's side a face's characters fill on average, the longer way. Brushes reach further with some:
in the thousand commonest characters one glyph of a face touches the border at this share, and up to three at 0.80."""
_OVERSAMPLE = 4
_MEASURED = 400
"""Characters, about, by which faces are put to one size and one middle: a spread over all that they share."""
_NOWHERE = "\uffff"
"""Never a character, so that what a face draws for it is what it draws for all that it lacks."""


@dataclasses.dataclass(frozen=True, slots=True)
class Hand:
    """One face: its package, and whom its licence names."""

    package: str
    version: str
    creator: str


HANDS = {
    "serif": Hand("@fontsource/noto-serif-sc", "5.3.0", "Google Inc."),
    "ma-shan-zheng": Hand("@fontsource/ma-shan-zheng", "5.3.1", "The MaShanZheng Project Authors"),
    "zhi-mang-xing": Hand("@fontsource/zhi-mang-xing", "5.3.0", "The ZhiMangXing Project Authors"),
    "long-cang": Hand("@fontsource/long-cang", "5.3.0", "The LongCang Project Authors"),
    "liu-jian-mao-cao": Hand("@fontsource/liu-jian-mao-cao", "5.3.0", "The Liu Jian Mao Cao Project Authors"),
    "zcool-xiaowei": Hand("@fontsource/zcool-xiaowei", "5.3.0", "The ZCOOL XiaoWei Project Authors"),
}
"""Style → its face. The first is the print face, whose package also says which characters are common."""


class Face:
    """A font put to the common size and middle: all faces' characters are as large on average, about the same point.

    Args:
        content: of the font file.
        size: side of the pictures in pixels.
        measured: the characters it is measured by; the same for all faces.

    Raises:
        DataError: the file is no font that FreeType reads.
    """

    def __init__(self, content: bytes, size: int, measured: Sequence[str]) -> None:
        self.size, self._side = size, size * _OVERSAMPLE
        plain = read_font(content, self._side)
        boxes = [box for character in measured if (box := _ink(plain, character)) is not None]
        if not boxes:
            raise DataError("a face shows none of the characters it lists: fetch its package again")
        extent = statistics.fmean(max(box[2] - box[0], box[3] - box[1]) for box in boxes)
        scale = FILL * self._side / extent
        self._face = read_font(content, self._side * scale)
        across = statistics.fmean((box[0] + box[2]) / 2 for box in boxes) * scale
        down = statistics.fmean((box[1] + box[3]) / 2 for box in boxes) * scale
        self._origin = self._side / 2 - across, self._side / 2 - down

    def draw(self, character: str) -> bytes:
        """PNG bytes of one character: gray, black ink (0) on white (255)."""
        canvas = Image.new("L", (self._side, self._side), 255)
        ImageDraw.Draw(canvas).text(self._origin, character, fill=0, font=self._face, anchor="ls")
        return png(np.asarray(canvas.reduce(_OVERSAMPLE))[:, :, None])


class GlyphsSource(Source):
    """Every character that all the faces have, in each of them; the print face's own order, the commonest first.

    Args:
        count: how many characters; all by default. Each gives one picture per hand.
        size: side of the pictures in pixels.
        hands: which of `HANDS`.
    """

    def __init__(self, count: int | None = None, size: int = 64, hands: tuple[str, ...] = tuple(HANDS)) -> None:
        self.count, self.size, self.hands = count, size, hands

    def describe(self) -> str:
        """The packages with their versions, how many characters, and the size."""
        packages = ", ".join(f"{HANDS[hand].package}@{HANDS[hand].version}" for hand in self.hands)
        return f"glyphs: {'all' if self.count is None else self.count} characters at {self.size} px: {packages}"

    def items(self) -> Iterator[Item | LeftOut]:
        """Character by character, each in every hand.

        Raises:
            AssetError: a package cannot be had.
            DataError: a face cannot be read.
        """
        fonts = {hand: _whole(HANDS[hand]) for hand in self.hands}
        shared = [character for character in common(_print()) if all(has(font, character) for font in fonts.values())]
        faces = {
            hand: Face(font, self.size, sorted(shared)[:: max(1, len(shared) // _MEASURED)]) for hand, font in fonts.items()
        }
        for character in shared[: self.count]:
            for name, face in faces.items():
                hand = HANDS[name]
                yield Item(
                    f"{hand.package}@{hand.version}/{ord(character):04x}",
                    functools.partial(face.draw, character),
                    {"zh": (character,)},
                    name,
                    LICENCE,
                    hand.creator,
                    f"{hand.package}@{hand.version}",
                    character,
                )


def common(folder: Path) -> list[str]:
    """The Han characters of a package, the commonest first, as far as it tells.

    Its files are slices of the face, numbered so that the characters of the pages most read lie in the last ones. Within a
    slice the order is that of a hash, so that any number of characters is a spread of those that are equally common.

    Raises:
        DataError: the package does not list its slices.
    """
    slices = {name: spans for name, spans in npm.read_json(folder / "unicode.json").items() if re.fullmatch(r"\[\d+\]", name)}
    number = {
        code: int(name[1:-1])
        for name, spans in slices.items()
        for low, high in re.findall(r"U\+([0-9a-f]+)(?:-([0-9a-f]+))?", str(spans).lower().replace("u+", "U+"))
        for code in range(int(low, 16), int(high or low, 16) + 1)
        if code in HAN
    }
    if not number:
        raise DataError(f"'{folder.name}/unicode.json' lists no Han characters: fetch the package again")
    return [chr(code) for code in sorted(number, key=lambda code: (-number[code], hashlib.sha256(str(code).encode()).digest()))]


def has(font: bytes, character: str) -> bool:
    """Whether a face shows something for a character, other than what it shows for those it lacks."""
    drawn = _shape(font, character)
    return drawn != _lacking(font) and any(drawn[1])


def read_font(content: bytes, size: float) -> ImageFont.FreeTypeFont:
    """A font from its file's bytes, kerned and shaped by nobody, so that it is the same on every machine.

    Raises:
        AssetError: this Pillow reads no fonts.
        DataError: the file is no font.
    """
    try:
        return ImageFont.truetype(io.BytesIO(content), size, layout_engine=ImageFont.Layout.BASIC)
    except ImportError as error:
        raise AssetError("this Pillow was built without FreeType: install it with 'pip install pillow'") from error
    except OSError as error:
        raise DataError(f"a face cannot be read ({error}): fetch its package again, or a Pillow that reads woff2") from error


def _ink(font: ImageFont.FreeTypeFont, character: str) -> tuple[float, float, float, float] | None:
    """Left, top, right and bottom of a character's ink from its origin; Pillow's own box takes in the empty space beside it."""
    mask, (left, top) = font.getmask2(character, "L", anchor="ls")
    box = mask.getbbox()
    return None if box is None else (left + box[0], top + box[1], left + box[2], top + box[3])


@functools.lru_cache(maxsize=2 * len(HANDS))
def _small(font: bytes) -> ImageFont.FreeTypeFont:
    return read_font(font, 16)


@functools.lru_cache(maxsize=2 * len(HANDS))
def _lacking(font: bytes) -> tuple[tuple[int, int], bytes]:
    return _shape(font, _NOWHERE)


def _shape(font: bytes, character: str) -> tuple[tuple[int, int], bytes]:
    mask = _small(font).getmask(character, "L")
    return mask.size, bytes(mask)


def _print() -> Path:
    hand = next(iter(HANDS.values()))
    return npm.pack(hand.package, hand.version)


def _whole(hand: Hand) -> bytes:
    """The file that holds the simplified characters of a face together."""
    folder = npm.pack(hand.package, hand.version)
    path = folder / "files" / f"{hand.package.rpartition('/')[2]}-chinese-simplified-400-normal.woff2"
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"'{folder.name}/files/{path.name}' cannot be read ({error.strerror}): fetch the package again"
        ) from error
