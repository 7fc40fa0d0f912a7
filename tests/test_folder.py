"""Folders and zips: where captions come from, what is left out, and what neither may do."""

import io
import json
import os
import stat
import struct
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from danqing.data.archive import ZipSource
from danqing.data.checks import decode
from danqing.data.folder import FolderSource
from danqing.data.layout import TreeSource
from danqing.data.metadata import Described
from danqing.data.source import Item, LeftOut
from danqing.errors import DataError, PictureError

Files = Mapping[str, bytes | str]


def png(level: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (3, 2), level).save(buffer, "PNG")
    return buffer.getvalue()


def as_folder(root: Path, files: Files) -> TreeSource:
    for name, content in files.items():
        place = root / "set" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return FolderSource(root / "set")


def as_zip(root: Path, files: Files) -> TreeSource:
    with zipfile.ZipFile(root / "set.zip", "w") as archive:
        for name, content in reversed(list(files.items())):
            archive.writestr(name, content)
    return ZipSource(root / "set.zip")


both = pytest.mark.parametrize("made", [as_folder, as_zip], ids=["folder", "zip"])
Make = Callable[[Path, Files], TreeSource]


def items(source: TreeSource) -> dict[str, Item]:
    return {found.place: found for found in source.items() if isinstance(found, Item)}


def left_out(source: TreeSource) -> dict[str, str]:
    return {found.place: found.reason for found in source.items() if isinstance(found, LeftOut)}


@both
def test_names_alone(tmp_path: Path, made: Make) -> None:
    found = items(made(tmp_path, {"red_apple.png": png(1), "IMG_0001.png": png(2), "小狐狸.png": png(3)}))
    assert list(found) == sorted(found) == ["IMG_0001.png", "red_apple.png", "小狐狸.png"]
    assert [dict(item.captions) for item in found.values()] == [{}, {"en": ("red apple",)}, {"zh": ("小狐狸",)}]
    assert [decode(item.load()).pixels[0, 0, 0] for item in found.values()] == [2, 1, 3]
    assert {item.source for item in found.values()} == {"set"}


@both
def test_hugging_face_jsonl(tmp_path: Path, made: Make) -> None:
    rows = [
        {"file_name": "a.png", "text": "a cat", "text_zh": "一只猫", "license": "CC0-1.0", "artist": "Ann", "age": 3},
        {"file_name": "b/c.png", "caption": ["a dog", "一只狗"], "style": "noto", "concept": "dog", "source": "site"},
        {"file_name": "a.png", "caption": "the same cat"},
    ]
    table = "\ufeff" + "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n"
    found = items(made(tmp_path, {"metadata.jsonl": table, "a.png": png(), "b/c.png": png(), "red_fox.png": png()}))
    first, second, third = found["a.png"], found["b/c.png"], found["red_fox.png"]
    assert first.captions == {"en": ("a cat", "the same cat"), "zh": ("一只猫",)}
    assert (first.licence, first.creator, first.facts) == ("CC0-1.0", "Ann", {"age": "3"})
    assert second.captions == {"en": ("a dog",), "zh": ("一只狗",)}
    assert (second.style, second.concept, second.source) == ("noto", "dog", "site")
    assert third.captions == {"en": ("red fox",)}


@both
def test_hugging_face_csv_in_a_folder_of_its_own(tmp_path: Path, made: Make) -> None:
    table = 'file_name,text,License,creator\r\na.png,"a cat, asleep",MIT,\r\nsub\\b.png,"two\nlines",,Bob\r\n'
    found = items(made(tmp_path, {"train/metadata.csv": table, "train/a.png": png(), "train/sub/b.png": png()}))
    assert found["train/a.png"].captions == {"en": ("a cat, asleep",)}
    assert found["train/a.png"].licence == "MIT"
    assert found["train/sub/b.png"].captions == {"en": ("two lines",)}
    assert found["train/sub/b.png"].creator == "Bob"


@both
def test_text_files_beside_pictures(tmp_path: Path, made: Make) -> None:
    files: Files = {
        "a.png": png(),
        "a.txt": "1girl, solo, blue_eyes\n一个女孩\n",
        "b.jpg.png": png(),
        "b.jpg.caption": "a hat",
        "c.txt": "lost",
    }
    source = made(tmp_path, files)
    found = items(source)
    assert found["a.png"].captions == {"en": ("1girl, solo, blue_eyes",), "zh": ("一个女孩",)}
    assert found["b.jpg.png"].captions == {"en": ("a hat",)}
    assert items(made(tmp_path, {**files, "cat.png": png(), "cat.txt": ""}))["cat.png"].captions == {}
    assert left_out(source) == {"c.txt": "is text, and no picture of that name lies beside it"}


@both
def test_a_folder_per_class(tmp_path: Path, made: Make) -> None:
    found = items(made(tmp_path, {"red_fox/IMG_1.png": png(), "red_fox/asleep.png": png(), "cat/1.png": png()}))
    assert [dict(item.captions) for item in found.values()] == [
        {"en": ("cat",)},
        {"en": ("red fox",)},
        {"en": ("asleep", "red fox")},
    ]
    assert [item.facts for item in found.values()] == [{"class": "cat"}, {"class": "red fox"}, {"class": "red fox"}]
    assert {item.concept for item in found.values()} == {""}, "to hold out one of two classes would be no test"


@both
def test_many_small_classes_are_concepts(tmp_path: Path, made: Make) -> None:
    found = items(made(tmp_path, {f"kind {number:02}x/{copy}.png": png() for number in range(50) for copy in range(2)}))
    assert len({item.concept for item in found.values()}) == 50
    assert found["kind 07x/1.png"].concept == "kind 07x"


@both
@pytest.mark.parametrize("folder", ["train", "images", "only one"])
def test_a_folder_that_says_nothing_is_no_class(tmp_path: Path, made: Make, folder: str) -> None:
    found = items(made(tmp_path, {f"{folder}/fox.png": png(), f"{folder}/IMG_2.png": png()}))
    assert [dict(item.captions) for item in found.values()] == [{}, {"en": ("fox",)}]


@both
def test_kohyas_folders_are_classes_even_alone(tmp_path: Path, made: Make) -> None:
    found = items(made(tmp_path, {"10_red fox/1.png": png()}))
    assert found["10_red fox/1.png"].captions == {"en": ("red fox",)}


@both
def test_what_the_user_gives_fills_what_is_open(tmp_path: Path, made: Make) -> None:
    source = made(tmp_path, {"metadata.jsonl": '{"file_name": "a.png", "licence": "MIT"}', "a.png": png(), "b.png": png()})
    source.given = Described(licence="CC-BY-4.0", creator="Me")
    assert [(item.licence, item.creator) for item in items(source).values()] == [("MIT", "Me"), ("CC-BY-4.0", "Me")]
    assert "CC-BY-4.0" in source.describe()


@both
def test_everything_else_is_listed_with_a_reason(tmp_path: Path, made: Make) -> None:
    rows = ['{"file_name": "gone.png"}', '{"file_name": "../secret.png"}', '{"file_name": "/etc/x.png"}']
    files: Files = {
        "metadata.jsonl": "\n".join(rows),
        "really a picture.dat": png(),
        "README.md": "words",
        "empty.bin": b"",
        "film.mp4": b"\0\0\0\x18ftypisom" + bytes(20),
        ".hidden.png": png(),
        "Thumbs.db": b"x",
    }
    source = made(tmp_path, files)
    assert list(items(source)) == ["really a picture.dat"]
    assert left_out(source) == {
        "../secret.png": "is named in metadata.jsonl, line 2, but leads out of its folder",
        "/etc/x.png": "is named in metadata.jsonl, line 3, but leads out of its folder",
        ".hidden.png": "is hidden",
        "README.md": "is text",
        "Thumbs.db": "is hidden",
        "empty.bin": "is empty",
        "film.mp4": "is a video",
        "gone.png": "is named in metadata.jsonl, line 1, but is not there",
    }


BROKEN = {
    "not json": ("metadata.jsonl", b'{"file_name": "a.png"}\n{"file_name": \n', "'metadata.jsonl', line 2, is not JSON"),
    "no object": ("metadata.jsonl", b"[1]\n", "metadata.jsonl, line 1, is"),
    "no name": ("metadata.jsonl", b'{"text": "x"}\n', "metadata.jsonl, line 1, has no file_name"),
    "name is a number": ("metadata.jsonl", b'{"file_name": 7}\n', "metadata.jsonl, line 1, has no file_name"),
    "deep": ("metadata.jsonl", b"[" * 100_000, "'metadata.jsonl', line 1, is not JSON"),
    "gbk": ("metadata.jsonl", '{"file_name": "a.png"}\n{"text": "红"}'.encode("gbk"), "'metadata.jsonl', line 2, is not UTF-8"),
    "short row": ("metadata.csv", b"file_name,text\na.png\n", "'metadata.csv', line 2, has 1 cells, its header 2"),
    "open quote": ("metadata.csv", b'file_name,text\n"a.png,x\n', "'metadata.csv', line 2, is not CSV"),
    "no column": ("metadata.csv", b"name,text\na.png,x\n", "metadata.csv, line 2, has no file_name"),
    "side file": ("a.txt", "红".encode("gbk"), "'a.txt' are not UTF-8"),
    "large side file": ("a.txt", b"x" * (1 << 20 | 1), "'a.txt' cannot be read"),
}


@both
@pytest.mark.parametrize("case", BROKEN)
def test_bad_tables_name_file_and_line(tmp_path: Path, made: Make, case: str) -> None:
    name, content, reason = BROKEN[case]
    source = made(tmp_path, {"a.png": png(), name: content})
    with pytest.raises(DataError) as caught:
        list(source.items())
    assert reason in str(caught.value)
    assert not isinstance(caught.value, PictureError)


@both
def test_two_tables_in_one_folder_are_refused(tmp_path: Path, made: Make) -> None:
    with pytest.raises(DataError, match="keep one of them"):
        list(made(tmp_path, {"metadata.jsonl": "", "metadata.csv": ""}).items())


def test_the_order_is_the_same_in_both_and_nothing_is_written(tmp_path: Path) -> None:
    files = {f"{name}.png": png() for name in ("b", "a", "B", "a/z", "a-b", "图", "10", "9")}
    places = [[found.place for found in made(tmp_path, files).items()] for made in (as_folder, as_zip)]
    assert places[0] == places[1] == sorted(places[0])
    assert sorted(path.relative_to(tmp_path / "set").as_posix() for path in (tmp_path / "set").rglob("*.*")) == sorted(files)


def link(place: Path, target: Path) -> None:
    try:
        place.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.fail("this test needs the right to make links: on Windows, switch developer mode on")


def test_links_out_of_the_folder_are_left_out(tmp_path: Path) -> None:
    source = as_folder(tmp_path, {"a.png": png(1), "sub/b.png": png(2)})
    root, outside = tmp_path / "set", tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(png(9))
    link(root / "secret.png", outside / "secret.png")
    link(root / "everything", outside)
    link(root / "inside.png", root / "a.png")
    link(root / "loop", root)
    link(root / "broken.png", root / "gone.png")
    link(root / "itself.png", root / "itself.png")
    assert list(items(source)) == ["a.png", "inside.png", "sub/b.png"]
    reasons = left_out(source)
    assert reasons["secret.png"] == reasons["everything"] == "is a link that leads out of the folder"
    assert reasons["loop"] == "is a link to another folder, whose pictures are taken there"
    assert reasons["broken.png"].startswith("cannot be reached")
    assert reasons["itself.png"].startswith("cannot be reached")


if sys.platform != "win32":  # which has no such pipes

    def test_a_pipe_does_not_hang_the_import(tmp_path: Path) -> None:
        source = as_folder(tmp_path, {"a.png": png()})
        os.mkfifo(tmp_path / "set" / "pipe.png")
        assert left_out(source) == {"pipe.png": "is neither a file nor a folder"}


def test_a_file_that_goes_away_gives_a_reason(tmp_path: Path) -> None:
    source = as_folder(tmp_path, {"a.png": png()})
    item = items(source)["a.png"]
    (tmp_path / "set" / "a.png").unlink()
    with pytest.raises(PictureError, match="cannot be read"):
        item.load()


@pytest.mark.parametrize("name", ["nowhere", "file.txt"])
def test_what_is_no_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(DataError, match="is no folder"):
        FolderSource(tmp_path / name)
    with pytest.raises(DataError, match="cannot be opened as a zip"):
        ZipSource(tmp_path / name)


def test_entries_that_leave_the_zip(tmp_path: Path) -> None:
    names = ["../a.png", "/etc/b.png", "C:/c.png", "x/../../d.png", "good/e.png"]
    source = as_zip(tmp_path, dict.fromkeys(names, png()))
    assert list(items(source)) == ["good/e.png"]
    assert set(left_out(source).values()) == {"leads out of the archive"}


def test_links_encryption_and_twins_in_a_zip(tmp_path: Path) -> None:
    place = tmp_path / "set.zip"
    with zipfile.ZipFile(place, "w") as archive:
        entry = zipfile.ZipInfo("link.png")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
        archive.writestr("locked.png", png())
        archive.writestr("twin.png", png(1))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("twin.png", png(2))
    content = bytearray(place.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := content.find(signature, at + 1)) >= 0:
            if b"locked.png" in content[at : at + 60]:
                content[at + offset] |= 1
    place.write_bytes(content)
    source = ZipSource(place)
    found = items(source)
    assert list(found) == ["twin.png"]
    assert decode(found["twin.png"].load()).pixels[0, 0, 0] == 2
    assert left_out(source) == {
        "link.png": "is a link, which a zip is not followed through",
        "locked.png": "is encrypted: unpack it yourself and give the folder",
        "twin.png (entry 3)": "is replaced by a later entry of that name",
    }


def test_bombs_in_a_zip(tmp_path: Path) -> None:
    place = tmp_path / "set.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("bomb.png", bytes(64 << 20))
        archive.writestr("flat.png", png())
    source = ZipSource(place)
    assert list(items(source)) == ["flat.png"]
    assert "decompression bomb" in left_out(source)["bomb.png"]


def test_damage_in_a_zip_hurts_one_picture(tmp_path: Path) -> None:
    as_zip(tmp_path, {"a.png": png(1), "b.png": png(2)})
    content = bytearray((tmp_path / "set.zip").read_bytes())
    content[content.index(png(1)) + 20] ^= 255
    (tmp_path / "set.zip").write_bytes(content)
    found = items(ZipSource(tmp_path / "set.zip"))
    assert decode(found["b.png"].load()).pixels[0, 0, 0] == 2
    with pytest.raises(PictureError, match="damaged inside the zip"):
        found["a.png"].load()


def test_a_cut_zip_is_refused(tmp_path: Path) -> None:
    as_zip(tmp_path, {"a.png": png()})
    content = (tmp_path / "set.zip").read_bytes()
    (tmp_path / "set.zip").write_bytes(content[:-30])
    with pytest.raises(DataError, match="cannot be opened as a zip"):
        ZipSource(tmp_path / "set.zip")


def test_names_in_gbk(tmp_path: Path) -> None:
    """As old Chinese systems pack: GBK bytes, and no flag that says so."""
    as_zip(tmp_path, {"aa_bb.png": png()})
    content = (tmp_path / "set.zip").read_bytes()
    name = "红_狐".encode("gbk")
    assert len(name) == len(b"aa_bb")
    (tmp_path / "set.zip").write_bytes(content.replace(b"aa_bb", name))
    assert items(ZipSource(tmp_path / "set.zip"))["红_狐.png"].captions == {"zh": ("红 狐",)}


def test_a_lying_size_in_a_zip_is_no_harm(tmp_path: Path) -> None:
    """The directory claims three bytes; what is unpacked is never more than claimed."""
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(10_000_000))
    content = (tmp_path / "set.zip").read_bytes().replace(struct.pack("<I", 10_000_000), struct.pack("<I", 3))
    (tmp_path / "set.zip").write_bytes(content)
    with pytest.raises(PictureError):
        items(ZipSource(tmp_path / "set.zip"))["a.png"].load()


def test_pixels_come_through(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (5, 4, 4), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    for made in (as_folder, as_zip):
        assert np.array_equal(decode(items(made(tmp_path, {"a.png": buffer.getvalue()}))["a.png"].load()).pixels, values)
