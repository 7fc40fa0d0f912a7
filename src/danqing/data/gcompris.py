"""Photographs and paintings of the game GCompris, out of the bundles in which Debian's package gcompris-qt-data holds them.

Of the paintings there are the eight by van Gogh, which its README puts in the public domain. The jigsaws of other old
paintings are not read: theirs puts those pictures under the GPL. A picture whose README names no free licence that a
painter can honour, or none at all, is left out and says so.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import io
import lzma
import re
import struct
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from danqing.data.source import Item, LeftOut, Source
from danqing.errors import AssetError, DataError, PictureError

BUNDLES = {
    "categorization": r"images/(?:fishes|monuments|others|renewable|tools)/\w+\.webp",
    "clickgame": r"sea\d+\.webp",
    "details": r"image/[\w-]+_background\.webp",
    "erase": r"\w+\.webp",
    "explore_farm_animals": r"animals/\w+\.webp",
    "explore_monuments": r"\w+/\w+\.webp",
    "explore_world_animals": r"animals/\w+\.webp",
    "explore_world_music": r"music/\w+\.webp",
}
"""Bundle → which of its resources are whole pictures."""

TITLES = {
    "africa": "drums on the grass",
    "america": "a drum kit and an electric guitar",
    "australia": "a man who plays the didgeridoo",
    "buffetset": "a cup and saucer",
    "burj": "the Burj Khalifa",
    "cabrillo": "the Cabrillo monument",
    "dragon": "a Komodo dragon",
    "geothermal": "a hot spring",
    "ireland": "a folk band on a stage",
    "italy": "singers on an opera stage",
    "japan": "drummers at a festival",
    "leMusee": "the Louvre and its pyramid",
    "mexico": "a mariachi band",
    "middleeast": "a lute with a long neck",
    "navajo": "dwellings under a cliff",
    "solar": "solar energy",
    "usCapitol": "the Capitol in Washington",
    "zimniPalace": "the Winter Palace",
    "Chenonceau": "the château de Chenonceau",
    "EgeskovSlotSpejling": "Egeskov castle",
    "Eglise_dAuvers-sur-Oise": "the church at Auvers-sur-Oise",
    "EilanDonanCastle": "Eilean Donan castle",
    "FanoeWindmill": "a windmill on Fanø",
    "GizahPyramids": "the pyramids of Giza",
    "Gogh4": "a café terrace at night",
    "Louvre_2007_02_24_c": "the Louvre at night",
    "NDP": "Notre-Dame de Paris at night",
    "Nagoya": "Nagoya castle",
    "Neuschwanstein": "Neuschwanstein castle",
    "OperaSidney": "the Sydney opera house at night",
    "PortraitOfPereTanguy": "a portrait of Père Tanguy",
    "TajMahal": "the Taj Mahal",
    "TourEiffel": "the Eiffel tower",
    "TowerBridgeLondon": "Tower Bridge in London at night",
    "Van_Gogh_The_Night_Cafe": "a café with a billiard table",
    "VincentVanGogh0012": "an entrance hall with an open door",
    "VincentVanGogh0013": "a painter walking on a road",
    "VincentVanGogh0019": "harvest fields on a plain",
    "VincentVanGoghBridge": "a drawbridge over a canal",
}
"""What a picture shows, where its name does not say it in words."""

_MOST = 64 << 20
"""Bytes of one resource, and of one bundle, that are ever read."""
_ZLIB, _FOLDER, _ZSTD = 1, 2, 4
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_FIELD = re.compile(r"(Copyright|Licen[cs]e|Source|Comments?|Files):\s*(.*)", re.IGNORECASE)
_FILE = re.compile(r"[\w.-]+\.(?:webp|png|jpe?g|svg|ogg|wav)", re.IGNORECASE)
_FREE = re.compile(r"CC0|CC-BY(?:-SA)?-\d\.\d")
PUBLIC_DOMAIN = "public domain"


@dataclasses.dataclass(frozen=True, slots=True)
class Right:
    """What a README says of a file: its licence as SPDX writes it, whom to name, where it came from, and a remark."""

    licence: str = ""
    creator: str = ""
    address: str = ""
    comment: str = ""


class GComprisSource(Source):
    """The pictures in the order of their bundles and names; styles "painting" and "photograph".

    Args:
        path: a folder with the bundles, such as `/usr/share/gcompris-qt/rcc` or one above it; or the .deb itself.

    Raises:
        DataError: there is no such folder or file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        if not str(path).strip() or not self.path.exists():
            raise DataError(f"there is no '{path}': give the folder of the files of gcompris-qt-data, or its .deb")

    def describe(self) -> str:
        """Where the bundles are."""
        return f"gcompris {self.path.resolve().as_posix()}"

    def items(self) -> Iterator[Item | LeftOut]:
        """The pictures of each bundle that is there.

        Raises:
            DataError: a bundle cannot be read, or none is there.
            AssetError: the bundles are packed by zstd, and nothing here unpacks it.
        """
        found = False
        for name, content in sorted(_bundles(self.path)):
            found = True
            yield from _pictures(name, Bundle(f"{name}.rcc", content))
        if not found:
            raise DataError(
                f"'{self.path}' holds no {next(iter(BUNDLES))}.rcc and the like: give gcompris-qt-data's files or .deb"
            )


class Bundle:
    """A Qt binary resource file: a tree of names, each with its bytes, plain, by zlib or by zstd.

    Args:
        name: for messages.
        content: of the file.

    Raises:
        DataError: it is none, or damaged.
    """

    def __init__(self, name: str, content: bytes) -> None:
        self.name, self._content = name, content
        self._places: dict[str, tuple[int, int]] = {}
        try:
            magic, version, tree, self._data, self._names = struct.unpack_from(">4s4I", content)
            if magic != b"qres" or not 1 <= version <= 3:
                raise ValueError(f"version {version}" if magic == b"qres" else "no 'qres' at its start")
            self._walk(tree, 14 if version == 1 else 22)
        except (struct.error, ValueError, UnicodeDecodeError, IndexError) as error:
            raise DataError(f"'{name}' is no resource bundle of Qt, or damaged ({error}): install the package again") from error

    def names(self) -> list[str]:
        """Every resource, parts joined by "/", in alphabetical order."""
        return sorted(self._places)

    def read(self, name: str) -> bytes:
        """The bytes of a resource.

        Raises:
            PictureError: they are damaged or too many.
            AssetError: they are packed by zstd, and nothing here unpacks it.
        """
        flags, offset = self._places[name]
        try:
            (length,) = struct.unpack_from(">I", self._content, self._data + offset)
            start = self._data + offset + 4
            packed = self._content[start : start + length]
            if len(packed) < length:
                raise ValueError("cut short")
            content = _inflated(packed[4:]) if flags & _ZLIB else unzstd(packed) if flags & _ZSTD else packed
        except (struct.error, ValueError, zlib.error) as error:
            raise PictureError(f"is damaged inside {self.name} ({error})") from error
        if len(content) > _MOST:
            raise PictureError(f"has more than {_MOST >> 20} MiB")
        return content

    def _walk(self, tree: int, size: int) -> None:
        """Breadth first and each node once, so that a bundle that lists itself inside ends."""
        waiting, seen = [(0, "")], {0}
        while waiting:
            number, above = waiting.pop()
            at = tree + number * size
            named, flags = struct.unpack_from(">IH", self._content, at)
            path = above if number == 0 else f"{above}/{self._name(named)}" if above else self._name(named)
            if flags & _FOLDER:
                count, first = struct.unpack_from(">II", self._content, at + 6)
                inside = range(first, min(first + count, len(self._content) // size))
                waiting += [(child, path) for child in inside if child not in seen]
                seen.update(inside)
            else:
                (offset,) = struct.unpack_from(">I", self._content, at + 10)
                self._places[path] = flags, offset

    def _name(self, offset: int) -> str:
        (length,) = struct.unpack_from(">H", self._content, self._names + offset)
        start = self._names + offset + 6  # the length, then a hash by which Qt finds it
        return self._content[start : start + 2 * length].decode("utf-16-be")


def rights(readme: str) -> dict[str, Right]:
    """File name → what a README of GCompris says of it: blocks of `Field: text`, whose `Files` go on line by line.

    Some blocks leave the word `Files:` out, so that a line which is nothing but a file's name always names one.
    """
    found: dict[str, Right] = {}
    for block in re.split(r"\n\s*\n", readme.replace("\r\n", "\n")):
        told: dict[str, list[str]] = {}
        field = ""
        for line in block.splitlines():
            match = _FIELD.match(line)
            if match:
                field = match[1].lower().rstrip("s").replace("licence", "license")
            text = (match[2] if match else line).strip()
            if _FILE.fullmatch(text):
                told.setdefault("file", []).append(text)
            elif text and field:
                told.setdefault(field, []).append(text)
        comment = " ".join(told.get("comment", ()))
        right = Right(_licence(told), _creator(told, comment), " ".join(told.get("source", ())), comment)
        found |= {PurePosixPath(name).name: right for name in told.get("file", ())}
    return found


def unzstd(packed: bytes) -> bytes:
    """What zstd packed, `_MOST` bytes and one more at most.

    Raises:
        AssetError: neither this Python nor a library unpacks it.
        ValueError: it is damaged.
    """
    try:
        library: Any = importlib.import_module("compression.zstd")  # from Python 3.14 on
        stream, failure = library.ZstdFile(io.BytesIO(packed)), library.ZstdError
    except ImportError:
        try:
            library = importlib.import_module("zstandard")
        except ImportError as error:
            raise AssetError("these files are packed by zstd: unpack them with 'pip install zstandard'") from error
        stream, failure = library.ZstdDecompressor().stream_reader(io.BytesIO(packed)), library.ZstdError
    try:
        return bytes(stream.read(_MOST + 1))
    except (failure, EOFError) as error:
        raise ValueError(str(error)) from error


def _inflated(packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    content = inflater.decompress(packed, _MOST + 1)
    if len(content) <= _MOST and not inflater.eof:
        raise ValueError("cut short")
    return content


def _pictures(name: str, bundle: Bundle) -> Iterator[Item | LeftOut]:
    every = bundle.names()
    told: dict[str, Right] = {}
    for readme in (path for path in every if PurePosixPath(path).name == "README"):
        told |= {
            f"{PurePosixPath(readme).parent}/{file}": right
            for file, right in rights(bundle.read(readme).decode("utf8", "replace")).items()
        }
    root = f"gcompris/src/activities/{name}/resource/"
    for path in every:
        if not re.fullmatch(BUNDLES[name], path.removeprefix(root)):
            continue
        place = f"gcompris/{name}/{path.removeprefix(root)}"
        # One README above the folders of a bundle, or one in each.
        near = [f"{above}/{PurePosixPath(path).name}" for above in PurePosixPath(path).parents]
        right = next((told[at] for at in near if at in told), Right())
        if right.licence != PUBLIC_DOMAIN and not _FREE.fullmatch(right.licence.removesuffix("-1.0")):
            said = f"is under {right.licence}" if right.licence else "has no licence in its README"
            yield LeftOut(place, f"{said}: only the public domain, CC0, CC-BY and CC-BY-SA are taken")
            continue
        title = _title(path)
        painted = "painting" in right.comment
        facts: Mapping[str, str] = {"address": right.address} if right.address else {}
        yield Item(
            place,
            functools.partial(bundle.read, path),
            {"en": (title,)} if title else {},
            "painting" if painted else "photograph",
            right.licence,
            right.creator,
            f"gcompris-qt-data/{name}",
            re.sub(r"^(?:an?|the) ", "", title.lower()),
            facts,
        )


def _title(path: str) -> str:
    """What the file's name says: "usa/mountRushmore.webp" → "Mount Rushmore"; a number behind a name is not part of it."""
    stem = PurePosixPath(path).stem.removesuffix("_background")
    bare = stem.rstrip("0123456789")
    if told := TITLES.get(stem) or TITLES.get(bare):
        return told
    if bare == "sea":
        return "under the sea"
    proper = "monuments" in path
    glued = re.sub(r"(?<=[a-z])(of|des|de|du)(?=[A-Z])", r" \1", bare) if proper else bare
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", glued).strip()
    return (
        re.sub(r"\b(Of|The|De)\b", lambda word: word[0].lower(), spaced[:1].upper() + spaced[1:]) if proper else spaced.lower()
    )


def _licence(told: Mapping[str, list[str]]) -> str:
    """As SPDX writes it: "CC-BY-SA 4.0" → "CC-BY-SA-4.0"; what is none of Creative Commons' stays as it is told."""
    text = " ".join(told.get("license", ())).strip()
    if re.fullmatch(r"public domain", text, re.IGNORECASE):
        return PUBLIC_DOMAIN
    return re.sub(r"\s+", "-", text) if text.startswith("CC") else text


def _creator(told: Mapping[str, list[str]], comment: str) -> str:
    """Whom to name: who holds the rights, and before them whose picture theirs is based on."""
    holders = "; ".join(
        re.sub(r"^(?:copyright|©)?\s*(?:©\s*)?(?:\d{4}[\s,-]*)*", "", line, flags=re.I) for line in told.get("copyright", ())
    )
    holders = re.sub(r",\s*\d{4}(?:-\d{4})?$", "", holders.strip())
    first = re.search(r"based on an?(?: original)? \w+ by ([^,]+)", comment)
    return f"{first[1].strip()}, adapted by {holders}" if first and holders else first[1].strip() if first else holders


def _bundles(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every bundle in `BUNDLES` that is in a folder or a .deb."""
    if path.is_file():
        yield from _packaged(path)
        return
    for name in BUNDLES:
        file = next((file for file in sorted(path.rglob(f"{name}.rcc")) if file.is_file()), None)
        if file is not None:
            try:
                if file.stat().st_size > _MOST:
                    raise DataError(f"'{file}' has more than {_MOST >> 20} MiB: it is no bundle of GCompris")
                yield name, file.read_bytes()
            except OSError as error:
                raise DataError(f"'{file}' cannot be read ({error.strerror}): give files you may read") from error


def _packaged(path: Path) -> Iterator[tuple[str, bytes]]:
    """The bundles inside a .deb: an `ar` archive whose entry `data.tar.*` holds the files."""
    try:
        with path.open("rb") as file:
            if file.read(8) != b"!<arch>\n":
                raise DataError(f"'{path}' is no Debian package: give gcompris-qt-data's .deb, or the folder of its files")
            while len(header := file.read(60)) == 60:
                length = int(header[48:58])
                if header[:9] == b"data.tar.":
                    data = file.read(length)
                    break
                file.seek(length + length % 2, io.SEEK_CUR)
            else:
                raise DataError(f"'{path}' holds no data.tar: fetch the package again")
        if data.startswith(_ZSTD_MAGIC):
            raise DataError(f"'{path}' is packed by zstd: unpack it with 'dpkg-deb -x' and give that folder")
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for entry in tar:
                name = PurePosixPath(entry.name)
                if entry.isfile() and name.suffix == ".rcc" and name.stem in BUNDLES and entry.size <= _MOST:
                    content = tar.extractfile(entry)
                    if content is not None:
                        yield name.stem, content.read()
    except (OSError, EOFError, ValueError, tarfile.TarError, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"'{path}' cannot be read as a Debian package ({error}): fetch it again") from error
