"""Where Danqing keeps things, and the one way it writes a file: whole or not at all."""

import contextlib
import io
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

import filelock
import platformdirs
from PIL import Image, PngImagePlugin

from danqing.errors import DanqingError, OutputError


def home() -> Path:
    """`$DANQING_HOME`, or the platform's user-data folder; it need not exist yet."""
    given = os.environ.get("DANQING_HOME")
    return Path(given) if given else Path(platformdirs.user_data_dir("danqing", appauthor=False))


def unplaced(sentence: str) -> str:
    """A sentence for somebody elsewhere: no folder of this machine is named in it."""
    for place, name in ((home(), "the studio's home"), (Path(__file__).parent, "danqing")):
        sentence = sentence.replace(str(place), name).replace(str(place.resolve()), name)
    return sentence


def write_atomically(path: Path, content: bytes) -> Path:
    """Write `content` beside `path`, flush it to disk, then rename: a reader sees the old file or the new, never half.

    Raises:
        OutputError: the folder is missing and cannot be made, or cannot be written to.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True) if path.parent.is_dir() else None
        raise OutputError(
            f"'{path}' cannot be written ({error.strerror or error}): give a file in a folder that is yours"
        ) from error
    return path


def png(image: Image.Image, texts: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a PNG, with texts inside by name."""
    info = PngImagePlugin.PngInfo()
    for name, text in (texts or {}).items():
        info.add_itxt(name, text)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


@contextlib.contextmanager
def alone(lock: Path, taken: DanqingError) -> Iterator[None]:
    """Hold a file that one process at a time can hold; the system gives it back however its holder ends.

    Raises:
        DanqingError: `taken`, where another holds it.
        OutputError: it cannot be written.
    """
    held = filelock.FileLock(lock, thread_local=False)  # whoever ends it may be another thread
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        held.acquire(timeout=0)
    except filelock.Timeout:
        raise taken from None
    except OSError as error:
        folder = lock.parent
        raise OutputError(f"'{folder}' cannot be written ({error.strerror or error}): give a folder that is yours") from error
    try:
        yield
    finally:
        held.release()
