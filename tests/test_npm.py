"""Icon packages: tarballs unpack safely, iconify icons turn and mirror as they say, and a missing npm says what to install."""

import contextlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from danqing.data import npm
from danqing.data.checks import Limits, decode
from danqing.data.npm import IconSource, icons, person, svg, unpack
from danqing.data.resample import Pixels
from danqing.data.source import Item
from danqing.errors import AssetError, DataError
from danqing.files import home

CORNER = '<path fill="#f00" d="M0 0h4v2h-4z"/>'
ICONS = {
    "prefix": "test",
    "width": 8,
    "height": 8,
    "icons": {"red-corner": {"body": CORNER}, "old": {"body": CORNER, "hidden": True}, "wide": {"body": CORNER, "width": 16}},
    "aliases": {
        "mirrored": {"parent": "red-corner", "hFlip": True},
        "hung": {"parent": "red-corner", "vFlip": True},
        "turned": {"parent": "red-corner", "rotate": 1},
        "orphan": {"parent": "nobody"},
    },
}


def tarball(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def package(name: str, **facts: object) -> bytes:
    return json.dumps(
        {"name": name, "version": "1.0.0", "license": "MIT", "author": "A. Nyone <a@example.org>", **facts}
    ).encode()


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which two packages have been fetched already."""
    monkeypatch.setenv("DANQING_HOME", str(tmp_path))
    iconify = {"package/package.json": package("@test/icons"), "package/icons.json": json.dumps(ICONS).encode()}
    plain = {
        "package/package.json": package("plain"),
        "package/svg/b_two.svg": svg({"body": CORNER, "width": 8, "height": 8}),
        "package/svg/a.svg": svg({"body": CORNER, "width": 8, "height": 8}),
        "package/readme.txt": b"no picture",
    }
    for folder, files in (("@test__icons@1.0.0", iconify), ("plain@latest", plain)):
        unpack(tarball(tmp_path / "archive.tgz", files), tmp_path / "unpacked")
        (home() / "assets" / "npm").mkdir(parents=True, exist_ok=True)
        shutil.move(tmp_path / "unpacked" / "package", home() / "assets" / "npm" / folder)
    return tmp_path


def drawn(document: bytes) -> Pixels:
    pixels = decode(document, Limits(svg_size=8)).pixels
    return np.asarray(pixels[:, :, 3] > 0)


def test_iconify_icons_turn_and_mirror(at_home: Path) -> None:
    found = {name: drawn(document) for name, document in icons(home() / "assets" / "npm" / "@test__icons@1.0.0").items()}
    assert set(found) == {"red-corner", "mirrored", "hung", "turned", "wide"}
    plain = found["red-corner"]
    assert plain[:2, :4].all()
    assert plain.sum() == 8
    np.testing.assert_array_equal(found["mirrored"], plain[:, ::-1])
    np.testing.assert_array_equal(found["hung"], plain[::-1])
    np.testing.assert_array_equal(found["turned"], np.rot90(plain, -1))
    assert found["wide"].shape == (4, 8)


def test_an_iconify_package_is_a_source(at_home: Path) -> None:
    source = IconSource("npm:@test/icons@1.0.0")
    items = [item for item in source.items() if isinstance(item, Item)]
    assert source.describe() == "npm:@test/icons@1.0.0"
    assert [item.captions["en"] for item in items] == [("hung",), ("mirrored",), ("red corner",), ("turned",), ("wide",)]
    assert {(item.licence, item.creator, item.source) for item in items} == {("MIT", "A. Nyone", "@test/icons@1.0.0")}
    assert decode(items[0].load()).pixels.shape[2] == 4


def test_a_package_of_files_is_a_source(at_home: Path) -> None:
    items = [item for item in IconSource("plain").items() if isinstance(item, Item)]
    assert [item.place for item in items] == ["plain@1.0.0/svg/a.svg", "plain@1.0.0/svg/b_two.svg"]
    assert items[1].captions == {"en": ("b two",)}
    assert items[0].load() == svg({"body": CORNER, "width": 8, "height": 8})


def test_a_package_without_icons_is_an_error(at_home: Path) -> None:
    for path in (home() / "assets" / "npm" / "plain@latest" / "svg").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="name an icon package"):
        list(IconSource("plain").items())


@pytest.mark.parametrize("name", ["../evil", "/etc/evil"])
def test_archives_do_not_leave_their_folder(tmp_path: Path, name: str) -> None:
    archive = tarball(tmp_path / "bad.tgz", {"package/fine.txt": b"", name: b"evil"})
    with contextlib.suppress(AssetError):  # either the archive is refused, or the entry is put inside
        unpack(archive, tmp_path / "in" / "side")
    outside = [path for path in tmp_path.rglob("evil") if (tmp_path / "in" / "side") not in path.parents]
    assert not outside


def test_links_out_of_the_folder_and_damaged_archives_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "link.tgz", "w:gz") as tar:
        entry = tarfile.TarInfo("package/link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "../../secret"
        tar.addfile(entry)
    (tmp_path / "cut.tgz").write_bytes((tmp_path / "link.tgz").read_bytes()[:40])
    for name in ("link.tgz", "cut.tgz"):
        with pytest.raises(AssetError, match=name):
            unpack(tmp_path / name, tmp_path / "inside")


@pytest.mark.parametrize("name", ["", "../x", "a b", "--registry", "@scope", "x@1;2"])
def test_names_that_are_no_packages_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANQING_HOME", str(tmp_path))
    with pytest.raises(AssetError, match="write NAME"):
        list(IconSource(name).items())


def test_without_npm_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANQING_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(npm, "_WHEEL", "a_wheel_that_is_not_installed")
    with pytest.raises(AssetError, match=r"install Node\.js"):
        npm.pack("some-icons", "1.0.0")
    assert not list((tmp_path / "assets" / "npm").iterdir())


@pytest.mark.parametrize(
    ("author", "name"),
    [("Ada <a@b.c> (https://x.y)", "Ada"), ({"name": "Google Inc", "url": "x"}, "Google Inc"), (None, ""), ({"url": "x"}, "")],
)
def test_authors_are_read_in_both_forms(author: object, name: str) -> None:
    assert person(author) == name
