"""GCompris: Qt's bundles are read whole or refused, READMEs say whose a picture is, and what nobody may use stays out."""

import functools
import io
import struct
import sys
import tarfile
import types
import zlib
from pathlib import Path

import pytest
from PIL import Image

from danqing.data import gcompris
from danqing.data.checks import decode
from danqing.data.gcompris import Bundle, GComprisSource, rights
from danqing.data.source import Item, LeftOut
from danqing.errors import AssetError, DataError, PictureError

README = """Copyright: 2000, 2008 Bruno Coudoin and others
License: CC-BY-SA 4.0
Files:
Chenonceau_0.webp
Chenonceau_background.webp
Comment: based on an original image by Ra-smit, license CC-BY-SA 3.0, source at https://museum.example/a.jpg

Copyright: 2000, 2008 Bruno Coudoin and others
License: Public domain
Gogh4_background.webp
Comment: based on an original painting by Van Gogh, Public domain image.

Copyright: Timothée Giet, 2022
Licence: GPLv3
Source: https://museum.example/b.jpg
Files: NDP_background.webp
"""
ROOT = "gcompris/src/activities/details/resource/image"


def webp(level: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (6, 4), (level, level, level)).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


FILES = {
    f"{ROOT}/README": README.encode(),
    f"{ROOT}/Chenonceau_0.webp": webp(1),
    f"{ROOT}/Chenonceau_background.webp": webp(2),
    f"{ROOT}/Gogh4_background.webp": webp(3),
    f"{ROOT}/NDP_background.webp": webp(4),
    f"{ROOT}/Nagoya_background.webp": webp(5),
}


def packed(files: dict[str, bytes], version: int = 3, flags: int = 0) -> bytes:
    """A bundle as Qt's rcc writes one: children of a folder side by side, those of folders on the way after them."""
    folders: dict[str, list[str]] = {}
    for path in files:
        parts = path.split("/")
        for depth in range(len(parts)):
            inside = folders.setdefault("/".join(parts[:depth]), [])
            name = "/".join(parts[: depth + 1])
            if name not in inside:
                inside.append(name)
    order = [""]
    for path in order:
        order += folders.get(path, [])
    names, data, tree = b"", b"", b""
    for path in order:
        name = path.rpartition("/")[2]
        at, names = len(names), names + struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
        if path in folders:
            children = folders[path]
            tree += struct.pack(">IHII", at, 2, len(children), order.index(children[0]))
        else:
            content = files[path]
            if flags == 1:
                content = struct.pack(">I", len(content)) + zlib.compress(content)
            tree += struct.pack(">IHHHI", at, flags, 0, 0, len(data))
            data += struct.pack(">I", len(content)) + content
        tree += bytes(8) if version > 1 else b""
    head = 24 if version == 3 else 20
    header = struct.pack(">4s4I", b"qres", version, head, head + len(tree), head + len(tree) + len(data))
    return header + (bytes(4) if version == 3 else b"") + tree + data + names


def deb(entry: str, content: bytes) -> bytes:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:xz") as archive:
        info = tarfile.TarInfo(entry)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    parts = [(b"debian-binary", b"2.0\n"), (b"control.tar.xz", b"odd"), (b"data.tar.xz", tar.getvalue())]
    head = b"%-16s%-12d%-6d%-6d%-8s%-10d`\n"
    return b"!<arch>\n" + b"".join(
        head % (name, 0, 0, 0, b"100644", len(text)) + text + b"\n" * (len(text) % 2) for name, text in parts
    )


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("flags", [0, 1])
def test_a_bundle_gives_what_was_packed(version: int, flags: int) -> None:
    bundle = Bundle("a.rcc", packed(FILES, version, flags))
    assert bundle.names() == sorted(FILES)
    assert {name: bundle.read(name) for name in bundle.names()} == FILES


def test_a_damaged_bundle_is_refused_or_its_pictures_are() -> None:
    whole = packed(FILES, flags=1)
    for content in (b"", b"PK" + whole, whole[:30], whole[:4] + b"\0\0\0\x09" + whole[8:]):
        with pytest.raises(DataError, match=r"a\.rcc"):
            Bundle("a.rcc", content)
    squeezed = zlib.compress(FILES[f"{ROOT}/Gogh4_background.webp"])
    spoilt = whole.replace(squeezed, bytes(len(squeezed)))
    with pytest.raises(PictureError, match="is damaged"):
        Bundle("a.rcc", spoilt).read(f"{ROOT}/Gogh4_background.webp")


def test_a_bundle_that_holds_itself_ends() -> None:
    around = struct.pack(">IHII", 0, 2, 1, 0)
    header = struct.pack(">4s4I", b"qres", 1, 20, 20 + len(around), 20 + len(around))
    assert Bundle("a.rcc", header + around + bytes(8)).names() == []


def test_bombs_are_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcompris, "_MOST", 1000)
    with pytest.raises(PictureError, match="has more than"):
        Bundle("a.rcc", packed({"a/b": bytes(5000)}, flags=1)).read("a/b")


def test_zstd_needs_a_library_and_is_read_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = Bundle("a.rcc", packed({"a/b": b"squeezed"}, flags=4))
    missing = dict.fromkeys(("compression.zstd", "zstandard"))
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(AssetError, match="pip install zstandard"):
        bundle.read("a/b")
    reader = functools.partial(io.BytesIO, b"plain")
    library = types.SimpleNamespace(
        ZstdDecompressor=lambda: types.SimpleNamespace(stream_reader=lambda _: reader()), ZstdError=ArithmeticError
    )
    monkeypatch.setitem(sys.modules, "zstandard", library)
    assert bundle.read("a/b") == b"plain"


def test_readmes_name_licence_and_creator_of_every_file() -> None:
    told = rights(README)
    assert told["Chenonceau_background.webp"].licence == "CC-BY-SA-4.0"
    assert told["Chenonceau_background.webp"].creator == "Ra-smit, adapted by Bruno Coudoin and others"
    assert told["Gogh4_background.webp"].licence == gcompris.PUBLIC_DOMAIN
    assert (told["NDP_background.webp"].licence, told["NDP_background.webp"].creator) == ("GPLv3", "Timothée Giet")
    assert told["NDP_background.webp"].address == "https://museum.example/b.jpg"


@pytest.mark.parametrize("form", ["folder", "deb"])
def test_only_pictures_that_may_be_used_are_offered(tmp_path: Path, form: str) -> None:
    content = packed(FILES, flags=1)
    if form == "folder":
        (tmp_path / "rcc").mkdir()
        (tmp_path / "rcc" / "details.rcc").write_bytes(content)
    else:
        (tmp_path / "data.deb").write_bytes(deb("./usr/share/gcompris-qt/rcc/details.rcc", content))
    found = list(GComprisSource(tmp_path if form == "folder" else tmp_path / "data.deb").items())
    photograph, painting = (item for item in found if isinstance(item, Item))
    assert (photograph.style, photograph.concept) == ("photograph", "château de chenonceau")
    assert (painting.style, painting.captions["en"]) == ("painting", ("a café terrace at night",))
    assert decode(painting.load()).pixels[0, 0].tolist() == [3, 3, 3]
    assert {left.place: left.reason.partition(":")[0] for left in found if isinstance(left, LeftOut)} == {
        "gcompris/details/image/NDP_background.webp": "is under GPLv3",
        "gcompris/details/image/Nagoya_background.webp": "has no licence in its README",
    }


def test_what_is_no_package_is_an_error(tmp_path: Path) -> None:
    for path in ("", str(tmp_path / "nowhere")):
        with pytest.raises(DataError, match="give the folder"):
            GComprisSource(path)
    with pytest.raises(DataError, match=r"and the like"):
        list(GComprisSource(tmp_path).items())
    whole = deb("./x", b"y")
    for content in (b"", b"PK", whole[:90], whole[:-40]):
        (tmp_path / "a.deb").write_bytes(content)
        with pytest.raises(DataError, match=r"a\.deb"):
            list(GComprisSource(tmp_path / "a.deb").items())
