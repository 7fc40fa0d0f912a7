"""Prepared sets: an import that survives being killed, exclusion, splits, and errors that say what to do."""

import dataclasses
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from danqing.data.checks import Limits
from danqing.data.index import held_out, read_index
from danqing.data.picture_set import PictureSet, content_hash, import_pictures, names, remove
from danqing.data.resample import Pixels, clear_hidden, premultiply, shrink, straighten
from danqing.data.shards import CHUNK
from danqing.data.source import Item, LeftOut, Source
from danqing.errors import DataError, PictureError
from danqing.files import home


def noise(number: int) -> Pixels:
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (int(rng.integers(5, 20)), int(rng.integers(5, 20)), int(rng.choice([1, 3, 4]))), np.uint8)


def as_png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, "PNG")
    return buffer.getvalue()


class Noise(Source):
    """`count` pictures of noise; every fifth belongs to one concept; counts what it loads."""

    def __init__(self, count: int, first: int = 0) -> None:
        self.count, self.first, self.loads = count, first, 0

    def describe(self) -> str:
        return f"noise {self.first} to {self.first + self.count}"

    def items(self) -> Iterator[Item | LeftOut]:
        for number in range(self.first, self.first + self.count):
            yield Item(
                f"noise/{number}",
                lambda number=number: self.load(number),  # type: ignore[misc]
                {"en": (f"noise {number}", "grain"), "zh": ("噪声",)},
                licence="CC0-1.0" if number % 2 else "MIT",
                source="even" if number % 2 == 0 else "odd",
                concept=str(number // 5),
                facts={"number": str(number)},
            )

    def load(self, number: int) -> bytes:
        self.loads += 1
        return as_png(noise(number))


class Listed(Source):
    def __init__(self, *items: Item | LeftOut) -> None:
        self.listed = items

    def describe(self) -> str:
        return "listed"

    def items(self) -> Iterator[Item | LeftOut]:
        yield from self.listed


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    pictures = import_pictures(Noise(40), tmp_path / "set")
    assert len(pictures) == len(pictures.pictures) == pictures.manifest.pictures == 40
    for number in range(40):
        expected = noise(number)
        # A wholly opaque alpha is dropped, and colours that nobody sees are cleared.
        np.testing.assert_array_equal(pictures.raw(number), clear_hidden(expected))
        assert pictures.pictures[number].sha256 == content_hash(pictures.raw(number))
        assert tuple(pictures.shapes()[number]) == expected.shape
    picture = pictures.pictures[7]
    assert picture.captions == {"en": ("noise 7", "grain"), "zh": ("噪声",)}
    assert (picture.licence, picture.source, picture.concept, picture.facts) == ("CC0-1.0", "odd", "1", {"number": "7"})
    assert pictures.places()[7] == "noise/7"
    assert pictures.manifest.licences == {"CC0-1.0": 20, "MIT": 20}
    assert not list(tmp_path.glob(".*")), "the partial folder is gone"


def kill_while_importing(folder: Path, count: int, after: int) -> None:
    """Start the import in another process and kill it, without warning, once `after` items are done."""
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\n"
        "from test_picture_set import Noise, import_pictures\n"
        f"import_pictures(Noise({count}), Path({str(folder)!r}), progress=lambda done: print(done, flush=True))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= after:
                process.kill()
                break
        process.stdout.read()


def test_a_killed_import_goes_on_where_it_stopped(tmp_path: Path) -> None:
    count = 4 * CHUNK
    whole = import_pictures(Noise(count), tmp_path / "whole")
    kill_while_importing(tmp_path / "killed", count, 2 * CHUNK + 50)
    assert not (tmp_path / "killed").exists()
    with (tmp_path / ".killed.partial" / "journal.jsonl").open("a", encoding="utf8") as journal:
        journal.write('{"row": {"sha256": "cut sho')  # as a crash in the middle of a line would leave it
    source = Noise(count)
    resumed = import_pictures(source, tmp_path / "killed")
    assert source.loads <= count - 2 * CHUNK
    assert resumed.manifest == whole.manifest
    assert resumed.pictures == whole.pictures
    assert all((resumed.raw(i) == whole.raw(i)).all() for i in range(count))


def test_another_source_starts_anew(tmp_path: Path) -> None:
    kill_while_importing(tmp_path / "set", 2 * CHUNK, CHUNK + 5)
    pictures = import_pictures(Noise(10, first=9000), tmp_path / "set")
    assert [picture.facts["number"] for picture in pictures.pictures] == [str(number) for number in range(9000, 9010)]


def test_everything_left_out_has_its_reason(tmp_path: Path) -> None:
    def broken() -> bytes:
        raise PictureError("is locked")

    good = as_png(noise(1))
    source = Listed(
        Item("a.png", lambda: good),
        Item("twin.png", lambda: good),
        Item("empty.png", lambda: b""),
        Item("locked.png", broken),
        Item("gone.png", (tmp_path / "gone.png").read_bytes),
        LeftOut("notes.txt", "is no picture"),
    )
    pictures = import_pictures(source, tmp_path / "set")
    reasons = {left["place"]: left["reason"] for left in pictures.manifest.left_out}
    assert len(pictures) == 1
    assert set(reasons) == {"twin.png", "empty.png", "locked.png", "gone.png", "notes.txt"}
    assert "a.png" in reasons["twin.png"]
    assert reasons["locked.png"] == "is locked"


def test_a_source_of_nothing_is_an_error_and_leaves_no_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is empty"):
        import_pictures(Listed(Item("a.png", lambda: b"")), tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_near_duplicates_are_listed_or_left_out(tmp_path: Path) -> None:
    y, x = np.mgrid[0:64, 0:64]
    disc = np.where(
        ((x - 25) ** 2 + (y - 35) ** 2 < 300)[:, :, None],
        np.array([200, 40, 30], np.uint8),
        np.array([240, 240, 255], np.uint8),
    )
    items = [Item("disc.png", lambda: as_png(disc)), Item("half.png", lambda: as_png(shrink(disc, 48)))]
    kept = import_pictures(Listed(*items), tmp_path / "kept")
    assert kept.manifest.near_duplicates == ((kept.pictures[0].sha256, kept.pictures[1].sha256),)
    dropped = import_pictures(Listed(*items), tmp_path / "dropped", drop_near=True)
    assert dropped.places() == ["disc.png"]
    assert dropped.manifest.left_out[0]["place"] == "half.png"


def test_excluded_pictures_vanish_and_stay_away(tmp_path: Path) -> None:
    pictures = import_pictures(Noise(60), tmp_path / "set")
    fingerprint, victim = pictures.manifest.fingerprint, pictures.pictures[3].sha256
    assert pictures.exclude(picture=victim) == 1
    assert pictures.exclude(licence="CC0-1.0") == 29
    again = PictureSet.open(tmp_path / "set")
    for opened in (pictures, again):
        assert len(opened) == opened.manifest.pictures == 30
        assert opened.manifest.excluded == 30
        assert {picture.licence for picture in opened.pictures} == {"MIT"}
        np.testing.assert_array_equal(opened.raw(1), clear_hidden(noise(2)))
        both = np.concatenate([opened.split("train"), opened.split("held_out")])
        assert sorted(both) == list(range(30))
    assert again.manifest.fingerprint != fingerprint
    with pytest.raises(DataError, match="even"):
        again.exclude(source="evn")
    with pytest.raises(DataError, match="2 things"):
        again.exclude(source="even", licence="MIT")
    added = import_pictures(Noise(70), tmp_path / "set", add=True)
    assert victim not in {picture.sha256 for picture in added.pictures}
    assert len(added) == 40


def test_adding_keeps_every_picture_where_it_was(tmp_path: Path) -> None:
    first = import_pictures(Noise(100), tmp_path / "set")
    held = {first.pictures[i].sha256 for i in first.split("held_out")}
    old = {picture.sha256 for picture in first.pictures}
    both = import_pictures(Noise(100, first=100), tmp_path / "set", add=True)
    assert both.pictures[:100] == first.pictures
    assert {both.pictures[i].sha256 for i in both.split("held_out")} & old == held
    assert both.manifest.fingerprint == import_pictures(Noise(200), tmp_path / "at once").manifest.fingerprint
    assert all((both.raw(i) == clear_hidden(noise(i))).all() for i in range(200))


def test_splits_keep_concepts_together(tmp_path: Path) -> None:
    pictures = import_pictures(Noise(500), tmp_path / "set")
    assert pictures.manifest.splits.by == "concept"
    train = {pictures.pictures[i].concept for i in pictures.split("train")}
    held = {pictures.pictures[i].concept for i in pictures.split("held_out")}
    assert not train & held
    assert len(train) + len(held) == 100
    assert 1 <= len(held) <= 22  # 10 ± 4 standard deviations of 100 draws


def test_the_split_by_hash_holds_out_a_tenth(tmp_path: Path) -> None:
    pictures = import_pictures(Listed(Item("a.png", lambda: as_png(noise(1)))), tmp_path / "set")
    assert pictures.manifest.splits.by == "content"
    row = read_index(pictures.folder)[1][0]
    share = np.mean([held_out(dataclasses.replace(row, sha256=str(number)), "content") for number in range(10_000)])
    assert abs(share - 0.1) < 4 * np.sqrt(0.1 * 0.9 / 10_000)


def test_names_and_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANQING_HOME", str(tmp_path))
    import_pictures(Noise(3), "grain")
    assert names() == ["grain"]
    assert PictureSet.open("grain").folder == home() / "sets" / "grain"
    with pytest.raises(DataError, match="did you mean 'grain'"):
        PictureSet.open("grian")
    with pytest.raises(DataError, match="already"):
        import_pictures(Noise(3), "grain")
    with pytest.raises(DataError, match="letters"):
        import_pictures(Noise(3), "..")
    (home() / "sets" / "grain" / "index.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match="damaged"):
        PictureSet.open("grain")
    remove("grain")
    assert names() == []
    with pytest.raises(DataError, match="to remove"):
        remove("grain")


def test_large_pictures_are_scaled_down_and_small_ones_kept(tmp_path: Path) -> None:
    wide, small = np.full((30, 100, 3), 77, np.uint8), np.full((9, 12, 3), 88, np.uint8)
    source = Listed(Item("wide.png", lambda: as_png(wide)), Item("small.png", lambda: as_png(small)))
    pictures = import_pictures(source, tmp_path / "set", store=50, limits=Limits(max_pixels=10_000))
    assert pictures.shapes().tolist() == [[15, 50, 3], [9, 12, 3]]
    assert (pictures.raw(0) == 77).all()


def test_scaling_leaves_no_fringe_of_hidden_colours() -> None:
    y, x = np.mgrid[0:64, 0:64]
    inside = (x - 32) ** 2 + (y - 32) ** 2 < 500
    pixels = np.where(inside[:, :, None], np.array([250, 10, 10, 255], np.uint8), np.array([0, 255, 0, 0], np.uint8))
    small = shrink(pixels, 17)
    alpha = small[:, :, 3:].astype(float)
    error = np.abs(small[:, :, :3].astype(int) - [250, 10, 10])
    # Colour and alpha are each resized in two passes, each rounded by at most a half.
    assert (error <= np.ceil(2 * 255 / np.maximum(alpha, 1)) + 1)[alpha[:, :, 0] > 0].all()
    assert 0 < (small[:, :, 3] > 0).mean() < 1


def test_premultiplied_and_back() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 4), np.uint8)
    back = straighten(premultiply(pixels))
    assert (back[:, :, 3] == pixels[:, :, 3]).all()
    error = np.abs(back.astype(int) - pixels)[:, :, :3]
    # Rounding to 1/255 of premultiplied colour is an error of at most 127.5 / alpha before the second rounding.
    assert (error <= np.ceil(127.5 / np.maximum(pixels[:, :, 3:], 1)) + 1)[pixels[:, :, 3] > 0].all()
    assert (premultiply(pixels)[:, :, :3] <= pixels[:, :, 3:]).all()
