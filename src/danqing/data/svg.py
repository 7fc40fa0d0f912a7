"""Drawings (SVG) become pixels without reading another file, reaching the network or running away.

The renderer is a native library that a hostile drawing can crash (a stack overflow) or keep busy for hours (a filter), and
it would open files that a drawing names. So a drawing is read first, and what it may refer to is checked; then a child
process renders it under a time limit, and is replaced if it dies.
"""

from __future__ import annotations

import atexit
import binascii
import functools
import re
import struct
import subprocess
import sys
import threading
import urllib.parse
import zlib
from collections.abc import Callable
from typing import IO
from xml.parsers import expat

from danqing.errors import PictureError

MAX_TEXT = 32 << 20
"""Bytes of markup, after decompression."""
MAX_ELEMENTS = 50_000
MAX_DEPTH = 100
SECONDS = 20.0
"""How long one drawing may take."""

_LOCAL = re.compile(r"\s*(?:#|data:image/(?:png|jpe?g|gif|webp)[;,])", re.IGNORECASE)
_URL = re.compile(r"url\(\s*['\"]?\s*([^'\"#)\s][^)]*)", re.IGNORECASE)
_LINKS = ("a", "script")
_CHILD = """
import struct, sys
import resvg_py
source, target = sys.stdin.buffer, sys.stdout.buffer
while len(head := source.read(12)) == 12:
    length, width, height = struct.unpack("<III", head)
    text = source.read(length).decode("utf8")
    try:
        sides = {name: side for name, side in (("width", width), ("height", height)) if side}
        answer = b"+" + bytes(resvg_py.svg_to_bytes(svg_string=text, skip_system_fonts=True, **sides))
    except BaseException as error:
        answer = b"-" + str(error).encode("utf8", "replace")[:300]
    target.write(struct.pack("<I", len(answer)) + answer)
    target.flush()
"""


def render(content: bytes, size: int, check: Callable[[bytes], None]) -> tuple[bytes, tuple[str, ...]]:
    """A drawing as PNG bytes, its longer side `size` pixels, transparent where nothing is drawn; and what was left out.

    Text is not set: fonts differ between machines, and with them the picture.

    Args:
        content: the file.
        size: of the longer side, in pixels.
        check: refuses a picture embedded in the drawing by raising PictureError.

    Raises:
        PictureError: it is not well formed, refers to something outside itself, or is too much work.
    """
    text = _text(content)
    scan = _Scan(check)
    scan.read(text)
    width, height = (size, 0) if scan.wide else (0, size)
    return _child().render(text, width, height), ("its lettering is not drawn",) if scan.letters else ()


def _text(content: bytes) -> str:
    """The markup as text; gzip (`.svgz`) is unpacked within `MAX_TEXT`."""
    if content[:2] == b"\x1f\x8b":
        stream = zlib.decompressobj(wbits=31)
        try:
            content = stream.decompress(content, MAX_TEXT + 1)
        except zlib.error as error:
            raise PictureError(f"is a damaged compressed drawing ({error})") from error
        if len(content) <= MAX_TEXT and not stream.eof:
            raise PictureError("is cut short: its compressed drawing has no end")
    if len(content) > MAX_TEXT:
        raise PictureError(f"is a drawing of more than {MAX_TEXT >> 20} MiB of markup")
    utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise PictureError(f"is a drawing whose text is not UTF-8 ({error.reason})") from error
    # The text is handed on as UTF-8, so a declaration of another encoding would be wrong by then.
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", text, count=1)


class _Scan:
    """One pass over the markup: its shape, what it refers to, and how large it is."""

    def __init__(self, check: Callable[[bytes], None]) -> None:
        self.check = check
        self.wide = True
        self.depth = self.elements = 0
        self.styles = self.letters = False

    def read(self, text: str) -> None:
        """Raises PictureError for the first thing that may not be."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._words
        parser.EntityDeclHandler = self._entity
        parser.ProcessingInstructionHandler = self._instruction
        try:
            parser.Parse(text.encode(), True)
        except expat.ExpatError as error:
            raise PictureError(f"is a drawing that is not well formed ({error})") from error

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        self.depth += 1
        name = tag.rpartition(" ")[2]
        if self.elements == 1:
            self._root(tag, attributes)
        if self.elements > MAX_ELEMENTS or self.depth > MAX_DEPTH:
            raise PictureError(f"is a drawing too involved to render: at most {MAX_ELEMENTS} parts, nested {MAX_DEPTH} deep")
        self.styles = name == "style"
        self.letters |= name == "text"
        for key, value in attributes.items():
            if key.rpartition(" ")[2] == "href" and name not in _LINKS:
                self._reference(value)
            self._urls(value)

    def _reference(self, address: str) -> None:
        if not _LOCAL.match(address):
            raise PictureError(
                f"is a drawing that refers to '{address.strip()[:80]}' outside itself: embed it, or leave it out"
            )
        head, comma, data = address.partition(",")
        if comma:
            try:
                raw = urllib.parse.unquote_to_bytes(data)
                self.check(binascii.a2b_base64(raw) if head.rstrip().endswith(";base64") else raw)
            except binascii.Error as error:
                raise PictureError(f"is a drawing with a damaged picture inside ({error})") from error

    def _root(self, tag: str, attributes: dict[str, str]) -> None:
        if tag != "http://www.w3.org/2000/svg svg":
            raise PictureError(f"is XML, but not a drawing: its root is '{tag.rpartition(' ')[2]}' outside SVG's namespace")
        sides = [_number(attributes.get(side, "")) for side in ("width", "height")]
        if not all(sides):
            box = re.split(r"[\s,]+", attributes.get("viewBox", "").strip())
            sides = [_number(part) for part in box[2:4]] if len(box) == 4 else [1.0, 1.0]
        self.wide = sides[0] >= sides[1]

    def _end(self, _tag: str) -> None:
        self.depth -= 1
        self.styles = False

    def _words(self, text: str) -> None:
        if self.styles:
            self._urls(text)

    def _urls(self, text: str) -> None:
        for address in _URL.findall(text):
            self._reference(address)

    def _entity(self, name: str, *_: object) -> None:
        raise PictureError(f"is a drawing that declares the entity '{name}': entities can grow without end and are not read")

    def _instruction(self, target: str, data: str) -> None:
        if target == "xml-stylesheet":
            raise PictureError(f"is a drawing that refers to a style sheet outside itself ({data[:80]})")


def _number(text: str) -> float:
    """The number at the start of a length; 0 where there is none, or where it is a share of the page."""
    found = re.match(r"\s*\+?(\d*\.?\d+(?:[eE][+-]?\d+)?)(?!\S*%)", text)
    return float(found[1]) if found else 0.0


class _Child:
    """The process that renders, started at the first drawing and again whenever it died."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def render(self, text: str, width: int, height: int) -> bytes:
        data = text.encode()
        with self.lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            late = threading.Event()

            def stop() -> None:
                late.set()
                process.kill()

            watch = threading.Timer(SECONDS, stop)
            watch.start()
            try:
                process.stdin.write(struct.pack("<III", len(data), width, height) + data)
                process.stdin.flush()
                answer = _answer(process.stdout)
            except OSError:
                answer = None
            finally:
                watch.cancel()
            if answer is None:
                self.close()
                fate = f"takes more than {SECONDS:g} seconds" if late.is_set() else "crashes the renderer"
                raise PictureError(f"is a drawing that {fate}")
        if answer[:1] == b"-":
            raise PictureError(f"is a drawing that cannot be rendered ({answer[1:].decode('utf8', 'replace')})")
        return answer[1:]

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.process.poll() is not None:
            # -P keeps a file called resvg_py.py in the user's folder from being run.
            command = [sys.executable, "-P", "-c", _CHILD]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            atexit.register(self.close)
        return self.process

    def close(self) -> None:
        """End the process."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.communicate()
            atexit.unregister(self.close)


def _answer(stream: IO[bytes]) -> bytes | None:
    """The next answer, or `None` where the process died."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    (length,) = struct.unpack("<I", head)
    body = stream.read(length)
    return body if len(body) == length else None


@functools.cache
def _child() -> _Child:
    return _Child()
