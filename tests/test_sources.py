"""What a user types: a source of pictures, lists of addresses, the Hub, and a report without importing anything."""

import hashlib
import http.server
import importlib.util
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from danqing.data.addresses import AddressSource
from danqing.data.archive import ZipSource
from danqing.data.checks import Limits, decode
from danqing.data.emoji import EmojiSource
from danqing.data.folder import FolderSource
from danqing.data.gcompris import GComprisSource
from danqing.data.glyphs import GlyphsSource
from danqing.data.hub import HubSource
from danqing.data.metadata import Described
from danqing.data.npm import IconSource
from danqing.data.openmoji import OpenMojiSource
from danqing.data.picture_set import import_pictures
from danqing.data.report import check_pictures
from danqing.data.shapes import ShapesSource
from danqing.data.source import Item, LeftOut, Source
from danqing.data.sources import parse
from danqing.errors import AssetError, DataError, PictureError
from danqing.files import home


def png(level: int, side: int = 4) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (side, side), level).save(buffer, "PNG")
    return buffer.getvalue()


class Museum(http.server.BaseHTTPRequestHandler):
    """Gives `/LEVEL.png`, and counts what it was asked for."""

    asked: list[str]

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        if not self.path.endswith(".png"):
            self.send_error(404)
            return
        content = png(int(self.path[1:-4]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


@pytest.fixture
def museum() -> Iterator[str]:
    Museum.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Museum) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def addresses(path: Path, given: Described | None = None) -> list[Item | LeftOut]:
    return list(AddressSource(path, given, allow_private=True).items())


def test_a_list_of_addresses(museum: str, tmp_path: Path) -> None:
    place = tmp_path / "gallery.csv"
    rows = [f'{museum}/1.png,CC0-1.0,Ann,"a boat, at sea",1890', f"{museum}/2.png,,Bob,a bridge,", f"{museum}/1.png,CC0-1.0,,,"]
    place.write_text("URL,License,Artist,caption_en,year\n" + "\n".join(rows))
    first, second, third = addresses(place)
    assert isinstance(first, Item)
    assert (first.place, first.licence, first.creator, first.source) == (f"{museum}/1.png", "CC0-1.0", "Ann", "gallery")
    assert (first.captions, first.facts) == ({"en": ("a boat, at sea",)}, {"year": "1890"})
    assert decode(first.load()).pixels[0, 0, 0] == 1
    assert isinstance(second, LeftOut)
    assert second.reason.startswith("has no licence (gallery.csv, line 3)")
    assert isinstance(third, LeftOut)
    assert (third.place, third.reason) == (f"{museum}/1.png (gallery.csv, line 4)", "is listed twice")


def test_a_licence_for_the_whole_list(museum: str, tmp_path: Path) -> None:
    place = tmp_path / "list.txt"
    place.write_text(f"# my own\n{museum}/1.png\n\n{museum}/2.png\n")
    assert all(isinstance(found, LeftOut) for found in addresses(place))
    found = addresses(place, Described(licence="CC-BY-4.0"))
    assert [item.licence for item in found if isinstance(item, Item)] == ["CC-BY-4.0", "CC-BY-4.0"]


def test_what_was_fetched_is_not_fetched_again(museum: str, tmp_path: Path) -> None:
    place = tmp_path / "list.jsonl"
    place.write_text("\n".join(json.dumps({"url": f"{museum}/{level}.png", "licence": "MIT"}) for level in (1, 2)))
    for _ in range(3):
        levels = [decode(item.load()).pixels[0, 0, 0] for item in addresses(place) if isinstance(item, Item)]
        assert levels == [1, 2]
    assert Museum.asked == ["/1.png", "/2.png"]
    assert (home() / "assets" / "addresses" / hashlib.sha256(f"{museum}/1.png".encode()).hexdigest()).read_bytes() == png(1)


def test_an_address_that_fails_is_one_picture_left_out(museum: str, tmp_path: Path) -> None:
    place = tmp_path / "list.json"
    place.write_text(json.dumps([{"url": f"{museum}/gone", "licence": "MIT"}, {"url": f"{museum}/3.png", "licence": "MIT"}]))
    bad, good = addresses(place)
    assert isinstance(bad, Item)
    assert isinstance(good, Item)
    with pytest.raises(PictureError, match="answered 404"):
        bad.load()
    assert decode(good.load()).pixels[0, 0, 0] == 3


def test_a_list_cannot_reach_this_machine_unless_allowed(museum: str, tmp_path: Path) -> None:
    place = tmp_path / "list.txt"
    place.write_text(f"{museum}/1.png")
    (item,) = AddressSource(place, Described(licence="MIT")).items()
    assert isinstance(item, Item)
    with pytest.raises(PictureError, match="not on the public internet"):
        item.load()
    assert Museum.asked == []


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"place,licence\nx,MIT\n", "a.csv, line 2, has no address"),
        ("a.jsonl", b"{]", "line 1, is not JSON"),
        ("a.json", b"{}", "holds one JSON value"),
        ("a.txt", b"\xff\xfe", "not UTF-8"),
        ("a.xlsx", b"", "is no list of addresses"),
    ],
)
def test_bad_lists_name_what_is_wrong(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=reason):
        addresses(tmp_path / name)


def test_every_word_has_its_source(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    (tmp_path / "list.csv").write_text("url\n")
    (tmp_path / "set.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    (tmp_path / "packed").write_bytes(b"PK\x05\x06" + bytes(18))
    kinds: dict[str, type[Source]] = {
        str(tmp_path / "set"): FolderSource,
        str(tmp_path / "set.zip"): ZipSource,
        str(tmp_path / "packed"): ZipSource,
        str(tmp_path / "list.csv"): AddressSource,
        "emoji": EmojiSource,
        "emoji:noto,twemoji": EmojiSource,
        "shapes": ShapesSource,
        "shapes:12": ShapesSource,
        "npm:@tabler/icons": IconSource,
        "openmoji": OpenMojiSource,
        "openmoji:all": OpenMojiSource,
        "glyphs": GlyphsSource,
        "glyphs:500": GlyphsSource,
        f"gcompris:{tmp_path}": GComprisSource,
    }
    assert {text: type(parse(text)) for text in kinds} == kinds
    assert "12" in parse("shapes:12").describe()
    assert len(list(parse("shapes:12").items())) == 12
    emoji = parse("emoji:noto,twemoji")
    assert isinstance(emoji, EmojiSource)
    assert emoji.styles == ("noto", "twemoji")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("emojis", "did you mean 'emoji'"),
        ("nowhere/at/all", "there is no source"),
        ("", "there is no source"),
        ("npm", "there is no source"),
        ("shapes:many", "gives no number"),
        ("shapes:0", "gives no number"),
        ("shapes:-5", "gives no number"),
        ("shapes:", "gives no number"),
        ("glyphs:few", "gives no number of characters"),
        ("openmoji:black", "write openmoji"),
        ("gcompris", "there is no source"),
        ("gcompris:", "give the folder"),
        ("emoji:nota", "did you mean 'noto'"),
        ("hf:", "names no set on the Hub"),
        ("hf:a/b/c", "names no set on the Hub"),
        ("https://museum.example/a.png", "write it, with its licence, into a .csv"),
    ],
)
def test_what_is_no_source(text: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        parse(text)


def test_a_single_picture_is_no_source(tmp_path: Path) -> None:
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="give the folder it is in"):
        parse(str(tmp_path / "a.png"))


def test_options_are_honoured_or_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(1))
    (item,) = parse(str(tmp_path), licence="MIT", creator="Me", style="mine").items()
    assert isinstance(item, Item)
    assert (item.licence, item.creator, item.style) == ("MIT", "Me", "mine")
    for word in ("emoji", "shapes:3", "npm:x", "openmoji", "glyphs:5"):
        with pytest.raises(DataError, match="states its own licence"):
            parse(word, licence="MIT")


def test_two_folders_laid_out_alike_are_pairs(tmp_path: Path) -> None:
    for number, name in enumerate(("photos/a/fox.png", "photos/boat.png", "drawings/a/fox.webp", "drawings/tree.png")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 50 * number).save(tmp_path / name)
    for side in ("photos", "drawings"):
        pictures = import_pictures(parse(str(tmp_path / side), style=side, pairs=True), "pairs", add=True)
    assert [(picture.concept, picture.style) for picture in pictures.pictures] == [
        ("a/fox", "photos"), ("boat", "photos"), ("a/fox", "drawings"), ("tree", "drawings"),
    ]  # fmt: skip
    assert pictures.manifest.splits.by == "concept"
    assert "paired by name" in pictures.manifest.source
    (plain,) = {item.concept for item in parse(str(tmp_path / "photos")).items() if isinstance(item, Item)}
    assert plain == "", "unless asked for, a name is no concept"


def test_a_zip_pairs_without_the_folder_it_wraps_all_in_and_a_table_says_more(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as packed:
        packed.writestr("photos/a/fox.png", png(1))
        packed.writestr("photos/a/owl.png", png(2))
        packed.writestr("photos/a/metadata.csv", "file_name,concept\nowl.png,bird\n")
    found = [item for item in parse(str(tmp_path / "photos.zip"), pairs=True).items() if isinstance(item, Item)]
    assert [item.concept for item in found] == ["a/fox", "bird"]


@pytest.mark.parametrize("word", ["emoji", "glyphs:5", "hf:org/name", "list.csv"])
def test_what_has_no_names_cannot_be_paired_by_them(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.csv").write_text("url\n")
    with pytest.raises(DataError, match="--pairs"):
        parse(word, pairs=True)


def test_the_hub_without_its_library_says_what_to_install() -> None:
    assert importlib.util.find_spec("datasets") is None, "this test is for an installation without the extra"
    with pytest.raises(AssetError, match=r"pip install 'danqing\[hub\]'"):
        HubSource("hf:org/name")


def test_a_report_counts_all_and_writes_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder = tmp_path / "pictures"
    folder.mkdir()
    large = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize((64, 64), Image.Resampling.BICUBIC)
    large.save(folder / "fox.png")
    large.save(folder / "same fox.bmp")
    large.resize((48, 48), Image.Resampling.BICUBIC).save(folder / "smaller fox.webp", lossless=True)
    Image.fromarray(rng.integers(0, 256, (8, 8, 4), np.uint8)).save(folder / "狐狸.png")
    frames = [Image.new("L", (5, 5), level) for level in (0, 255)]
    frames[0].save(folder / "IMG_1.gif", save_all=True, append_images=frames[1:])
    (folder / "broken.png").write_bytes(png(3)[:40])
    (folder / "words.png").write_text("no picture")
    (folder / "README").write_text("words")
    before = sorted(path.name for path in folder.iterdir())
    counts: list[int] = []
    facts = check_pictures(FolderSource(folder), progress=counts.append).to_json()
    assert sorted(path.name for path in folder.iterdir()) == before
    assert counts == list(range(1, 9))
    assert json.loads(json.dumps(facts)) == facts
    assert facts["pictures"] == 5
    assert facts["kinds"] == {"PNG": 2, "BMP": 1, "GIF": 1, "WebP": 1}
    assert facts["channels"] == {"3": 3, "1": 1, "4": 1}
    assert facts["sizes"] == {"smallest": [5, 5], "median": [48, 48], "largest": [64, 64]}
    assert facts["captions"] == {"en": 3, "zh": 1}
    assert facts["without_caption"] == 1
    assert facts["licences"] == {"unknown": 5}
    assert facts["exact_duplicates"] == [["fox.png", "same fox.bmp"]]
    assert facts["near_duplicates"] == [["fox.png", "smaller fox.webp"]]
    assert facts["notes"] == [{"place": "IMG_1.gif", "note": "has several frames, of which the first is taken"}]
    assert [left["place"] for left in facts["left_out"]] == ["README", "broken.png", "words.png"]
    assert facts["left_out"][2]["reason"].startswith("is text: pictures are read from PNG")


def test_a_report_of_nothing(tmp_path: Path) -> None:
    facts = check_pictures(FolderSource(tmp_path), Limits(max_pixels=1)).to_json()
    assert (facts["pictures"], facts["sizes"]) == (0, {})
