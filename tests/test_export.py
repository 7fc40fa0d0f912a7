"""Sets for other programs: what goes out comes back the same, read by our own sources and by others' readers."""

import dataclasses
import functools
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from danqing.data import export as exporting
from danqing.data.checks import Pixels, decode
from danqing.data.export import FORMS, captions_of, export
from danqing.data.folder import FolderSource
from danqing.data.metadata import describe
from danqing.data.picture_set import PictureSet, import_pictures
from danqing.data.prepare import Preparation, prepare
from danqing.data.rendering import png
from danqing.data.source import Item, LeftOut, Source
from danqing.data.sources import parse
from danqing.errors import DataError, OutputError

CAPTIONS: tuple[Mapping[str, tuple[str, ...]], ...] = (
    {"en": ("a red fox, asleep", "fox"), "zh": ("红狐",)},
    {"zh": ("OK",)},
    {"": ("りんご", "123"), "en": ("apple",)},
    {},
)


Found = dict[str, tuple[Pixels, tuple[object, ...]]]
"""Pixels and all that is known of a picture, by the number it carries among its facts."""


class Painted(Source):
    """Random pictures of 1, 3 and 4 channels with everything an item can say."""

    def __init__(self, count: int = 24) -> None:
        rng = np.random.default_rng(0)
        self.pixels = [rng.integers(1, 256, (4 + number, 9, (1, 3, 4)[number % 3]), np.uint8) for number in range(count)]

    def describe(self) -> str:
        return "painted"

    def items(self) -> Iterator[Item | LeftOut]:
        for number, pixels in enumerate(self.pixels):
            yield Item(
                f"{number:03}",
                functools.partial(png, pixels),
                CAPTIONS[number % len(CAPTIONS)],
                "noto" if number % 2 else "",
                "CC-BY-4.0",
                'Ann "A" O\'Neill',
                "site",
                f"concept {number // 2}",
                {"number": str(number), "红": "色"},
            )


@pytest.fixture
def pictures(tmp_path: Path) -> PictureSet:
    return import_pictures(Painted(), tmp_path / "painted")


def expected(pictures: PictureSet) -> Found:
    return {
        picture.facts["number"]: (
            pictures.raw(number),
            (
                dict(picture.captions),
                picture.style,
                picture.licence,
                picture.creator,
                picture.source,
                picture.concept,
                picture.facts,
            ),
        )
        for number, picture in enumerate(pictures.pictures)
    }


def compare(found: Found, pictures: PictureSet) -> None:
    wanted = expected(pictures)
    assert found.keys() == wanted.keys()
    for number, (pixels, known) in found.items():
        assert np.array_equal(pixels, wanted[number][0])
        assert known == wanted[number][1]


def known(columns: Mapping[str, object]) -> tuple[object, ...]:
    found = describe(columns, ("image", "file_name"))
    return (dict(found.captions), found.style, found.licence, found.creator, found.source, found.concept, dict(found.facts))


def test_parquet_read_by_pyarrow(pictures: PictureSet, tmp_path: Path) -> None:
    folder = export(pictures, tmp_path / "out", "parquet")
    tables = {path.name: pq.read_table(path) for path in sorted((folder / "data").iterdir())}
    assert list(tables) == ["test-00000-of-00001.parquet", "train-00000-of-00001.parquet"]
    assert tables["train-00000-of-00001.parquet"].num_rows == pictures.manifest.splits.train
    found = {}
    for table in tables.values():
        features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        assert features["image"] == {"_type": "Image"}
        assert features.keys() == set(table.column_names)
        for row in table.to_pylist():
            texts = [text for key in row if key.startswith("text_") for text in row[key] or ()]
            assert row["text"] in texts if texts else row["text"] == ""
            facts = json.loads(row["facts"])
            found[facts["number"]] = (decode(row["image"]["bytes"]).pixels, known(row))
    compare(found, pictures)


def test_webdataset_read_by_tarfile(pictures: PictureSet, tmp_path: Path) -> None:
    folder = export(pictures, tmp_path / "out", "webdataset")
    found = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            contents = {member.name: stream.read() for member in tar if (stream := tar.extractfile(member))}
        suffixes = [name.partition(".")[2] for name in contents]
        assert suffixes == ["png", "json", "txt"] * (len(suffixes) // 3), "what belongs together lies together"
        for key in {name.partition(".")[0] for name in contents}:
            row = json.loads(contents[f"{key}.json"])
            assert contents[f"{key}.txt"].decode() == row["text"]
            facts = json.loads(row["facts"])
            found[facts["number"]] = (np.asarray(decode(contents[f"{key}.png"]).pixels), known(row))
    compare(found, pictures)


def test_shards_stay_small(pictures: PictureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "SHARD_BYTES", 2000)
    sizes = {}
    for path in export(pictures, tmp_path / "out", "webdataset").glob("*.tar"):
        with tarfile.open(path) as tar:
            images = [
                Image.open(io.BytesIO(stream.read())) for m in tar if m.name.endswith("png") and (stream := tar.extractfile(m))
            ]
        sizes[path.name] = sum(image.width * image.height * len(image.getbands()) for image in images)
    assert len(sizes) > 3
    assert max(sizes.values()) <= 2000
    assert len(list((export(pictures, tmp_path / "parquet", "parquet") / "data").iterdir())) == len(sizes)


@pytest.mark.parametrize(("form", "below"), [("kohya", "1_painted/"), ("onetrainer", "")])
def test_folders_come_back_through_our_own_source(pictures: PictureSet, tmp_path: Path, form: str, below: str) -> None:
    folder = export(pictures, tmp_path / "out", form)
    items = [item for item in FolderSource(folder).items() if isinstance(item, Item)]
    assert all(item.place.startswith(below) for item in items)
    found: Found = {}
    for item in items:
        facts = {name: value for name, value in item.facts.items() if name != "class"}
        rights = (item.style, item.licence, item.creator, item.source, item.concept)
        found[facts["number"]] = (decode(item.load()).pixels, (dict(item.captions), *rights, facts))
    compare(found, pictures)


@pytest.mark.parametrize("form", ["kohya", "onetrainer"])
def test_text_files_hold_a_caption_per_line(pictures: PictureSet, tmp_path: Path, form: str) -> None:
    folder = export(pictures, tmp_path / "out", form)
    texts = sorted(folder.rglob("*.txt"))
    images = sorted(folder.rglob("*.png"))
    assert len(images) == len(pictures)
    assert texts[0].read_text(encoding="utf8") == "a red fox, asleep\nfox\n红狐\n"
    assert [path.read_text(encoding="utf8").splitlines() for path in texts] == [captions_of(p) for p in pictures.pictures]


@pytest.mark.parametrize("form", FORMS)
def test_an_export_can_be_imported_again(pictures: PictureSet, tmp_path: Path, form: str) -> None:
    folder = export(pictures, tmp_path / "out", form)
    assert "Ann" in (folder / "ATTRIBUTION.md").read_text(encoding="utf8")
    if form in ("kohya", "onetrainer"):
        again = import_pictures(FolderSource(folder), tmp_path / "again")
        assert {picture.sha256 for picture in again.pictures} == {picture.sha256 for picture in pictures.pictures}


def test_a_set_travels_in_one_small_file(pictures: PictureSet, tmp_path: Path) -> None:
    """At the size of a training nothing is lost: what is trained on there is to the bit what is trained on here."""
    file = export(pictures, tmp_path / "out.zip", "onetrainer", longest=8)
    assert zipfile.is_zipfile(file)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    there = import_pictures(parse(str(file)), tmp_path / "there")
    preparation = Preparation(size=(8, 8), channels=4)
    before, after = prepare(pictures, preparation).pixels, prepare(there, preparation).pixels
    order = {picture.facts["number"]: number for number, picture in enumerate(there.pictures)}
    places = [order[picture.facts["number"]] for picture in pictures.pictures]
    assert np.array_equal(before, after[places])
    known = [dataclasses.replace(there.pictures[place], sha256="") for place in places]
    assert known == [dataclasses.replace(picture, sha256="") for picture in pictures.pictures]
    assert [there.pictures[n].facts["number"] for n in there.split("held_out", "pair")] == [
        pictures.pictures[n].facts["number"] for n in pictures.split("held_out", "pair")
    ]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_set_gives_the_same_bytes(pictures: PictureSet, tmp_path: Path, form: str) -> None:
    first, second = (export(pictures, tmp_path / name, form) for name in ("one", "two"))
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert files
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in files)


def test_what_is_excluded_stays_out(pictures: PictureSet, tmp_path: Path) -> None:
    gone = pictures.pictures[5].sha256
    pictures.exclude(picture=gone)
    folder = export(pictures, tmp_path / "out", "onetrainer")
    assert len(list(folder.glob("*.png"))) == len(pictures) == 23
    assert gone not in {picture.sha256 for picture in import_pictures(FolderSource(folder), tmp_path / "again").pictures}


def test_progress_counts_every_picture(pictures: PictureSet, tmp_path: Path) -> None:
    for form in FORMS:
        counts: list[int] = []
        export(pictures, tmp_path / form, form, counts.append)
        assert counts == sorted(counts)
        assert counts[-1] == len(pictures)


def test_nothing_is_overwritten(pictures: PictureSet, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "file").write_text("mine")
    for name in ("mine", "file", "painted"):
        with pytest.raises(DataError, match="exists already"):
            export(pictures, tmp_path / name, "kohya")
    assert (tmp_path / "file").read_text() == "mine"


def test_an_unknown_form_names_the_others(pictures: PictureSet, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'kohya'"):
        export(pictures, tmp_path / "out", "koya")


def test_a_failure_leaves_nothing_behind(pictures: PictureSet, tmp_path: Path) -> None:
    def fails(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(pictures, tmp_path / "new" / "out", "webdataset", fails)
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        export(pictures, tmp_path / "file" / "out", "kohya")
