"""The studio's API, without a worker: orders, the gallery, pictures, events, and what people send to break it."""

import asyncio
import base64
import contextlib
import io
import itertools
import json
import threading
import zipfile
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from fastapi.testclient import TestClient
from PIL import Image
from studios import deliver, local, logged_in, painted, picture, shared, studio, uploaded

from danqing.errors import BusyError
from danqing.files import png
from danqing.net import Fetched
from danqing.server import waiting
from danqing.server.app import build
from danqing.server.studio import Studio
from danqing.server.watch import Watch
from danqing.store import queue, uploads
from danqing.store.database import Database
from danqing.store.queue import Finished
from danqing.store.sweep import sweep
from danqing.store.tables import LOCAL, Base, Event, Job


@pytest.fixture
def open_studio(tmp_path: Path) -> Studio:
    return studio(tmp_path / "studio")


@pytest.fixture
def client(open_studio: Studio) -> TestClient:
    return local(open_studio)


def refused(answer: httpx2.Response, status: int, words: str) -> None:
    """An error of the one shape, with a sentence."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert words in error["message"], error["message"]


def test_the_migrations_make_the_tables(tmp_path: Path) -> None:
    with Database(tmp_path).engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_pictures_of_before_stay(tmp_path: Path) -> None:
    """Nobody knows any more whether they came with an order."""
    old = studio(tmp_path)
    name = uploaded(local(old))
    with old.database.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE uploads DROP COLUMN ordered")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    old.database.close()
    new = studio(tmp_path)
    assert sweep(new.database, new.files, young=-1.0) == 0
    assert [each["id"] for each in local(new).get("/api/pictures").json()] == [name]


def test_a_studio_of_a_newer_danqing_is_left_alone(tmp_path: Path) -> None:
    database = Database(tmp_path)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(Exception, match="newer Danqing"):
        Database(tmp_path)


def test_an_order_with_its_key_is_one_job_whatever_the_seed_drawn(client: TestClient) -> None:
    key = {"Idempotency-Key": "k1"}
    first = client.post("/api/jobs", json={"words": "x"}, headers=key).json()
    again = client.post("/api/jobs", json={"words": "x"}, headers=key).json()
    assert first["id"] == again["id"]
    refused(client.post("/api/jobs", json={"words": "y"}, headers=key), 409, "another order")


@pytest.mark.parametrize(
    ("wish", "status", "words"),
    [
        ({"painter": "nobody"}, 404, "no painter 'nobody'"),
        ({"painter": "../../etc"}, 404, "no painter"),
        ({"conditions": {"style": "vivid"}}, 400, "no style 'vivid'"),
        ({"conditions": {"palette": "#12"}}, 400, "no colour"),
        ({"conditions": {"lines": "x"}}, 400, "cannot be asked for 'lines'"),
        ({"conditions": {"text": "x"}}, 400, "cannot be asked for 'text'"),
        ({"painter": "any-style", "conditions": {"style": "/etc/passwd"}, "init": "u0123456789abcdef"}, 400, "from pictures"),
        ({"pictures": {"style": [{"picture": "u0123456789abcdef"}]}}, 400, "does not take 'style' from pictures"),
        ({"painter": "any-style"}, 404, "no picture"),
        ({"init": "u0123456789abcdef"}, 404, "no picture"),
        ({"init": "/etc/passwd"}, 422, "init"),
        ({"mask": "u0123456789abcdef"}, 400, "without a picture to start from"),
        ({"strength": 0.5}, 400, "without a picture to start from"),
        ({"size": [0, 5]}, 422, "size"),
        ({"size": [64, 100_000]}, 422, "size"),
        ({"pictures": {"style": [{"picture": "u0123456789abcdef"}] * 9}}, 422, "pictures"),
        ({"seed": -1}, 422, "seed"),
        ({"seed": 2**70}, 422, "seed"),
        ({"count": 0}, 422, "count"),
        ({"count": 1000}, 422, "count"),
        ({"guidance": "nan"}, 422, "guidance"),
        ({"wrods": "x"}, 422, "wrods"),
    ],
)
def test_what_cannot_be_painted_is_refused_and_nothing_is_kept(
    client: TestClient, wish: dict[str, Any], status: int, words: str
) -> None:
    if wish.get("painter") == "any-style" and "init" not in wish:
        wish = {**wish, "init": uploaded(client), "pictures": {"style": [{"picture": "p0123456789abcdef"}]}}
    refused(client.post("/api/jobs", json={"words": "x", **wish}), status, words)
    assert client.get("/api/jobs").json()["jobs"] == []


def test_what_a_worker_finds_wrong_is_told_with_its_sentence(open_studio: Studio, client: TestClient) -> None:
    job = client.post("/api/jobs", json={"words": "x"}).json()["id"]
    [task] = open_studio.queue.claim("w")
    open_studio.queue.fail("w", [task.id], "WishError", "the reason")
    found = client.get(f"/api/jobs/{job}").json()
    assert (found["state"], found["error"], found["reason"]) == ("failed", "WishError", "the reason")


def test_the_list_begins_with_what_is_under_way_in_its_order(open_studio: Studio, client: TestClient) -> None:
    painted(open_studio, client)
    first, second, third = (client.post("/api/jobs", json={"words": w}).json()["id"] for w in "abc")
    client.post(f"/api/jobs/{third}/move", json={"before": first})
    client.post(f"/api/jobs/{second}/priority", json={"priority": 1})
    found = client.get("/api/jobs").json()["jobs"]
    assert [job["id"] for job in found[:3]] == [second, third, first]
    assert found[3]["state"] == "done"
    assert len(found[3]["paintings"]) == 1


def test_paintings_are_found_by_words_tags_stars_painter_colour_and_board(open_studio: Studio, client: TestClient) -> None:
    [apple] = painted(open_studio, client, "a red apple")
    [fish] = painted(open_studio, client, "一条蓝色的鱼")
    client.patch(f"/api/paintings/{fish}", json={"tags": ["sea", "蓝"], "stars": 4})
    board = client.post("/api/boards", json={"name": "water"}).json()["id"]
    client.post(f"/api/boards/{board}/add", json={"paintings": [fish]})

    def found(**query: Any) -> list[str]:
        return [each["id"] for each in client.get("/api/paintings", params=query).json()["paintings"]]

    assert found() == [fish, apple]
    assert found(words="APPLE red") == [apple]
    assert found(words="蓝色") == found(words="sea") == found(tag="sea") == found(stars=3) == found(board=board) == [fish]
    assert found(tag=["sea", "蓝"]) == [fish]
    assert found(words="100%") == found(painter="x4") == found(tag=["sea", "sky"]) == []
    assert found(colour="d02020") == [fish, apple]
    assert found(colour="#20d020") == []
    assert client.get("/api/tags").json() == {"sea": 1, "蓝": 1}
    assert client.get("/api/boards").json()[0]["count"] == 1


def test_pages_follow_on_without_gaps(open_studio: Studio, client: TestClient) -> None:
    everything = painted(open_studio, client, count=23)
    seen: list[str] = []
    before = None
    while True:
        page = client.get("/api/paintings", params={"most": 5, **({"before": before} if before else {})}).json()
        assert page["total"] == 23
        seen += [each["id"] for each in page["paintings"]]
        before = page["before"]
        if before is None:
            break
    assert sorted(seen) == sorted(everything)
    assert len(seen) == 23


def test_trash_gives_back_and_when_emptied_deletes_files_that_nobody_has(open_studio: Studio, client: TestClient) -> None:
    first, second = painted(open_studio, client, seed=3) + painted(open_studio, client, seed=3)
    sha256 = client.get(f"/api/paintings/{first}").json()["sha256"]
    assert client.post("/api/paintings/trash", json={"paintings": [first, second]}).json()["count"] == 2
    assert client.get("/api/paintings").json()["total"] == 0
    assert client.get("/api/paintings?trashed=true").json()["total"] == 2
    assert client.post("/api/paintings/restore", json={"paintings": [second]}).json()["count"] == 1
    assert client.post("/api/paintings/purge").json()["count"] == 1
    assert open_studio.files.path(sha256).is_file(), "the other painting has the same file"
    client.post("/api/paintings/trash", json={"paintings": [second]})
    client.post("/api/paintings/purge", json={"paintings": [second]})
    assert not (open_studio.folder / open_studio.files.relative(sha256)).exists()
    refused(client.get(f"/api/paintings/{second}/file"), 404, "no painting")


def test_boards_are_named_once_and_paintings_outlive_them(open_studio: Studio, client: TestClient) -> None:
    [painting] = painted(open_studio, client)
    board = client.post("/api/boards", json={"name": "one"}).json()["id"]
    refused(client.post("/api/boards", json={"name": "one"}), 409, "choose another name")
    client.post(f"/api/boards/{board}/add", json={"paintings": [painting]})
    assert client.patch(f"/api/boards/{board}", json={"name": "two"}).json() == {"id": board, "name": "two", "count": 1}
    client.post(f"/api/boards/{board}/remove", json={"paintings": [painting]})
    assert client.get("/api/boards").json()[0]["count"] == 0
    assert client.delete(f"/api/boards/{board}").status_code == 204
    assert client.get("/api/paintings").json()["total"] == 1


def test_a_painting_is_taken_home_with_all_it_carries_some_of_it_or_nothing(open_studio: Studio, client: TestClient) -> None:
    [painting] = painted(open_studio, client)
    texts = {"parameters": "a red apple\nSteps: 4", "danqing": "{}", "Software": "Danqing"}
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 4), np.uint8))
    sha256 = open_studio.files.put(png(image, texts))
    with open_studio.database.write() as session:
        session.connection().exec_driver_sql("UPDATE paintings SET sha256 = ?", (sha256,))

    def texts_in(content: bytes) -> dict[str, str]:
        with Image.open(io.BytesIO(content)) as found:
            found.load()
            return dict(getattr(found, "text", {}))

    path = f"/api/paintings/{painting}/file"
    assert client.get(f"/api/paintings/{painting}/record").json() == texts
    assert texts_in(client.get(path).content) == texts
    assert texts_in(client.get(path, params={"keep": "Software"}).content) == {"Software": "Danqing"}
    assert texts_in(client.get(path, params={"bare": True}).content) == {}
    refused(client.get(path, params={"keep": "GPS"}), 400, "carries no GPS")
    refused(client.get(path, params={"keep": "Software", "bare": True}), 400, "give one of them")
    for form, mode in (("webp", "RGBA"), ("jpeg", "RGB")):
        carried = client.get(path, params={"format": form})
        bare = client.get(path, params={"format": form, "bare": True})
        with Image.open(io.BytesIO(carried.content)) as found:
            assert (found.format or "").lower() == form
            assert found.mode == mode
            assert "a red apple" in found.getexif().get_ifd(0x8769)[0x9286][8:].decode("utf-16-be")
        with Image.open(io.BytesIO(bare.content)) as found:
            assert not found.getexif().get_ifd(0x8769)
    assert "attachment" in client.get(path, params={"download": True}).headers["content-disposition"]


def test_a_painting_is_finished_as_every_kind(open_studio: Studio, client: TestClient) -> None:
    [painting] = painted(open_studio, client)
    starts = {"svg": b"<?xml", "ico": b"\0\0\1\0", "icns": b"icns", "favicons": b"PK", "pixels": b"\x89PNG"}
    for form, start in starts.items():
        answer = client.get(f"/api/paintings/{painting}/finish", params={"format": form, "pixels": 8})
        assert answer.content.startswith(start), form
        if form == "favicons":
            assert "favicon.ico" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    small = client.get(f"/api/paintings/{painting}/small?side=64")
    assert small.headers["content-type"] == "image/webp"


def test_a_palette_is_read_from_a_picture(client: TestClient) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.repeat(np.array([[[200, 30, 30], [30, 30, 200]]], np.uint8), 8, axis=0)).save(buffer, "PNG")
    found = client.get(f"/api/pictures/{uploaded(client, buffer.getvalue())}/palette").json()
    assert set(found["colours"]) == {"#c81e1e", "#1e1ec8"}
    assert client.post("/api/jobs", json={"words": "x", "conditions": {"palette": found["text"]}}).status_code == 202


def chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def bomb(side: int) -> bytes:
    """A PNG of few bytes that claims so many pixels a side."""
    head = side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


HOSTILE = {
    "empty": b"",
    "noise": bytes(np.random.default_rng(0).integers(0, 256, 4096, np.uint8)),
    "bomb": bomb(30_000),
    "cut short": picture(64)[:200],
    "too many bytes": b"\x89PNG\r\n\x1a\n" + bytes(33 << 20),
    "page": b"<html><script>alert(1)</script></html>",
    "svg entity": b'<!DOCTYPE s [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg"><text>&a;</text></svg>',
    "svg laughs": b'<!DOCTYPE s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg"><text>&b;</text></svg>',
    "zip": b"PK\x03\x04" + bytes(100),
    "pickle": b"\x80\x04\x95cposix\nsystem\n",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_picture_is_refused_with_a_reason(client: TestClient, open_studio: Studio, kind: str) -> None:
    answer = client.post("/api/pictures", files={"picture": ("x.png", HOSTILE[kind])})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["message"].startswith("'x.png' ")
    assert "/etc" not in answer.text
    assert not list(open_studio.folder.glob("files/*/*"))


def test_ten_thousand_pixels_a_side_are_refused_before_they_are_unpacked(client: TestClient) -> None:
    content = bomb(10_000)
    answer = client.post("/api/pictures", files={"picture": ("large.png", content)})
    refused(answer, 400, "10000")


def test_only_pixels_of_a_picture_remain(client: TestClient, open_studio: Studio) -> None:
    """A file that is a picture and an archive and a page at once, and carries what its owner may not want told."""
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture())).save(buffer, "JPEG", exif=exif)
    content = buffer.getvalue() + b"PK\x03\x04secret<script>alert(1)</script>"
    name = uploaded(client, content)
    answer = client.get(f"/api/pictures/{name}")
    assert answer.headers["content-type"] == "image/png"
    for left in (b"secret", b"script", b"home"):
        assert left not in answer.content


def test_a_drawing_with_scripts_becomes_plain_pixels_and_one_with_references_nothing(client: TestClient) -> None:
    drawing = (
        b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="32" height="32" '
        b'onload="alert(1)"><script>alert(2)</script><rect width="32" height="32" fill="#f00"/>%b</svg>'
    )
    reference = b'<image xlink:href="http://127.0.0.1:1/x.png" width="9" height="9"/>'
    refused = client.post("/api/pictures", files={"picture": ("x.svg", drawing % reference)})
    assert refused.status_code == 400
    assert "outside itself" in refused.json()["error"]["message"]
    answer = client.post("/api/pictures", files={"picture": ("x.svg", drawing % b"")})
    assert answer.status_code == 201, answer.text
    content = client.get(f"/api/pictures/{answer.json()['id']}").content
    assert content.startswith(b"\x89PNG")
    assert b"alert" not in content


@pytest.mark.parametrize(
    "name", ["../../../evil.png", "..\\..\\evil.png", "/etc/passwd", "a\r\nb.png", "x" * 5000 + ".png", "\0"]
)
def test_names_of_files_lead_nowhere(client: TestClient, open_studio: Studio, name: str) -> None:
    before = {path for path in open_studio.folder.parent.rglob("*") if "studio.db" not in path.name}
    answer = client.post("/api/pictures", files={"picture": (name, picture())})
    assert answer.status_code in (201, 400, 422), answer.text
    if answer.status_code == 201:
        assert not set("/\\\r\n\0") & set(answer.json()["name"])
    after = {path for path in open_studio.folder.parent.rglob("*") if "studio.db" not in path.name}
    assert all("files" in path.parts for path in after - before)


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:1/x.png", "http://localhost/x", "http://[::1]/x", "http://169.254.169.254/latest", "file:///etc/passwd"],
)
def test_addresses_of_this_machine_are_not_fetched(client: TestClient, address: str) -> None:
    answer = client.post("/api/pictures/fetch", json={"address": address})
    assert answer.status_code == 404
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    "path", ["/api/painters/..%2f..%2fetc", "/api/paintings/../x/file", "/assets/..%2fpage.py", "/api/pictures/u%00"]
)
def test_paths_are_no_names(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (404, 422)


def told(piece: bytes) -> list[tuple[int, str, dict[str, Any]]]:
    """The events in a piece of a stream."""
    found = []
    for frame in piece.decode().strip().split("\n\n"):
        number, kind, facts = (line.split(": ", 1)[1] for line in frame.split("\n"))
        found.append((int(number), kind, json.loads(facts)))
    return found


def frames(watch: Watch, count: int, user: str = "local", after: int | None = None) -> list[tuple[int, str, dict[str, Any]]]:
    """So many events of a stream."""

    async def read() -> list[tuple[int, str, dict[str, Any]]]:
        found: list[tuple[int, str, dict[str, Any]]] = []
        with watch.listen(user) as listener:
            async for piece in watch.stream(listener, after):
                found += told(piece)
                if len(found) >= count:
                    break
        return found

    return asyncio.run(asyncio.wait_for(read(), 5))


def test_who_comes_back_is_told_what_happened_meanwhile_and_nothing_twice(open_studio: Studio, client: TestClient) -> None:
    seen = client.get("/api/jobs").json()["event"]
    painted(open_studio, client)
    found = frames(open_studio.watch, 5, after=seen)
    assert [kind for _, kind, _ in found] == ["hello", "job", "job", "painting", "job"]
    numbers = [number for number, _, _ in found]
    assert numbers == sorted(set(numbers))
    assert [kind for _, kind, _ in frames(open_studio.watch, 3, after=numbers[2])] == ["hello", "painting", "job"]


def test_who_missed_too_much_is_told_to_look_anew(open_studio: Studio, client: TestClient) -> None:
    painted(open_studio, client)
    with open_studio.database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM events WHERE id < (SELECT max(id) FROM events)")
    assert frames(open_studio.watch, 1, after=1)[0][1] == "reset"
    assert frames(open_studio.watch, 1, after=10**9)[0][1] == "reset", "numbers of another studio"


def test_what_another_process_does_is_told_to_whom_it_concerns(tmp_path: Path) -> None:
    found = shared(tmp_path)
    client, other = logged_in(found, "maker"), logged_in(found, "admin")
    me = client.get("/api/me").json()["id"]

    async def watch() -> list[str]:
        looking = asyncio.create_task(found.watch.run())
        with found.watch.listen(me) as listener:
            await asyncio.sleep(0.2)
            await asyncio.to_thread(painted, Studio.open(found.settings, tmp_path), client)
            await asyncio.to_thread(other.post, "/api/jobs", json={"words": "another's"})
            kinds = []
            for _ in range(4):
                news = await asyncio.wait_for(listener.news.get(), 5)
                assert news is not None
                kinds.append(news.event.kind)
            await asyncio.sleep(0.2)
            assert listener.news.empty(), "another user's events"
        looking.cancel()
        return kinds

    assert asyncio.run(watch()) == ["job", "job", "painting", "job"]


def test_a_listener_that_falls_behind_is_told_so(open_studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("danqing.server.watch.BEHIND", 4)
    with open_studio.watch.listen("local") as listener:
        tell(open_studio.watch, "local", "job", range(6))
        assert listener.news.get_nowait() is None


def tell(watch: Watch, user: str, kind: str, numbers: Iterable[int], **facts: Any) -> None:
    """Let events of these numbers happen to a user."""
    for number in numbers:
        watch._tell(Event(id=number, user_id=user, kind=kind, facts=facts, at=0.0))


def test_a_slow_listener_hears_its_own_however_much_happens_to_others(open_studio: Studio) -> None:
    watch = open_studio.watch

    async def read() -> list[str]:
        with watch.listen("a") as listener:
            stream = watch.stream(listener, None)
            pieces = [await anext(stream)]
            tell(watch, "a", "gallery", [1])
            with watch.listen("b"):
                tell(watch, "b", "step", range(2, 4502))
            tell(watch, "a", "painting", [4502])
            pieces.append(await anext(stream))
        return [kind for piece in pieces for _, kind, _ in told(piece)]

    assert asyncio.run(asyncio.wait_for(read(), 10)) == ["hello", "gallery", "painting"]


def test_a_stream_of_one_job_says_that_it_lives_while_another_goes_on(
    open_studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("danqing.server.watch.PULSE", 0.1)

    async def read() -> bytes:
        with open_studio.watch.listen("local") as listener:
            stream = open_studio.watch.stream(listener, None, "j1")
            await anext(stream)
            chatting = asyncio.create_task(chat(open_studio.watch))
            piece = await asyncio.wait_for(anext(stream), 3)
            chatting.cancel()
            return piece

    assert asyncio.run(read()) == b": still here\n\n"


async def chat(watch: Watch) -> None:
    """Something happens to another job, ever and again."""
    for number in itertools.count(1):
        tell(watch, "local", "step", [number], job="j2")
        await asyncio.sleep(0.02)


def test_a_request_that_waits_looks_up_while_another_job_goes_on(
    open_studio: Studio, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PULSE", 0.1)
    with open_studio.database.read() as session:
        job = session.get_one(Job, client.post("/api/jobs", json={"words": "x"}).json()["id"])

    async def first() -> Event | None:
        with open_studio.watch.listen("local") as listener:
            chatting = asyncio.create_task(chat(open_studio.watch))
            async with contextlib.aclosing(waiting.until_end(open_studio, job, listener)) as events:
                found = await asyncio.wait_for(anext(events), 3)
            chatting.cancel()
            return found

    assert asyncio.run(first()) is None


def test_one_stream_too_many_is_refused_as_everything_is(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("danqing.server.watch.LISTENERS", 0)
    refused(client.get("/api/events"), 429, "close some")


@pytest.mark.parametrize(
    ("path", "more"), [("/v1/images/generations", {}), ("/v1/images/generations", {"stream": True}), ("/sdapi/v1/txt2img", {})]
)
def test_an_order_that_nobody_may_wait_for_is_not_accepted(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, path: str, more: dict[str, Any]
) -> None:
    """Its client asks again, and it would be painted twice."""
    monkeypatch.setattr("danqing.server.watch.LISTENERS", 0)
    refused(client.post(path, json={"prompt": "x", **more}), 429, "close some")
    assert client.get("/api/jobs").json()["jobs"] == []


def test_who_listens_is_forgotten_when_an_order_is_refused(open_studio: Studio, client: TestClient) -> None:
    refused(client.post("/v1/images/generations", json={"prompt": "x", "style": "vivid"}), 400, "no style")
    refused(client.post("/sdapi/v1/txt2img", json={"prompt": "x", "cfg_scale": 1000}), 400, "cfg_scale")
    assert not open_studio.watch._listeners


def test_a_studio_that_closes_ends_streams_however_far_behind_and_those_that_come_late(
    open_studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("danqing.server.watch.BEHIND", 4)
    watch = open_studio.watch

    async def read() -> list[list[bytes]]:
        with watch.listen("a") as behind:
            tell(watch, "a", "job", range(1, 5))
            watch.close()
            with watch.listen("a") as late:
                return [[piece async for piece in watch.stream(each, None)] for each in (behind, late)]

    found = asyncio.run(asyncio.wait_for(read(), 5))
    assert [len(pieces) for pieces in found] == [1, 1], "nothing but a greeting"


def test_every_error_has_the_one_shape(client: TestClient) -> None:
    for answer in (
        client.get("/api/nothing"),
        client.put("/api/jobs"),
        client.post("/api/jobs", content="{", headers={"Content-Type": "application/json"}),
        client.get("/api/jobs/j0"),
        client.get("/api/jobs/j0123456789abcdef"),
    ):
        assert 400 <= answer.status_code < 500
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_what_nobody_foresaw_is_told_without_details(open_studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr("danqing.server.routes.shelf.painters", broken)
    answer = TestClient(build(open_studio), base_url="http://localhost", raise_server_exceptions=False).get("/api/painters")
    refused(answer, 500, "log says more")
    assert "secret" not in answer.text


def test_painters_and_sets_are_listed(client: TestClient) -> None:
    found = {painter["name"]: painter for painter in client.get("/api/painters").json()}
    assert {"emoji", "any-style", "gatys", "x4"} <= set(found)
    assert found["emoji"]["bundled"]
    assert found["emoji"]["shown"] == [256, 256]
    styles = next(condition for condition in found["emoji"]["conditions"] if condition["name"] == "style")
    assert "noto" in styles["names"]
    assert found["any-style"]["conditions"] == [{"name": "style", "names": [], "pictures": True, "unit": None}]
    assert "emoji" in client.get("/api/painters/emoji/card").text
    assert client.get("/api/painters/emoji/scores").json()
    refused(client.get("/api/painters/x4/scores"), 404, "evaluate it first")
    assert client.get("/api/sets").json() == []


def test_what_nobody_has_is_swept_away_and_nothing_else(open_studio: Studio, client: TestClient) -> None:
    [kept] = painted(open_studio, client)
    given = uploaded(client)
    dropped = uploaded(client, picture(seed=1))
    assert client.post("/api/jobs", json={"words": "x", "init": dropped}).status_code == 202
    with open_studio.database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM uploads WHERE id = ?", (dropped,))
    open_studio.files.put(b"an orphan")
    for folder, name in (("canvases", "c.safetensors"), ("previews", "t0.webp"), ("previews", ".t1.webp.0.partial")):
        (open_studio.folder / folder).mkdir(exist_ok=True)
        (open_studio.folder / folder / name).write_bytes(b"")
    assert sweep(open_studio.database, open_studio.files) == 0, "it may just be written"
    assert sweep(open_studio.database, open_studio.files, young=-1.0) == 4
    assert client.get(f"/api/paintings/{kept}/file").status_code == 200
    assert client.get(f"/api/pictures/{given}").status_code == 200
    assert open_studio.files.path(next(iter(open_studio.queue.claim("w")[0].wish["files"].values())))


@pytest.fixture
def start(open_studio: Studio, client: TestClient) -> str:
    """A picture that came with an order."""
    open_studio.users.local()
    return open_studio.uploads.add(LOCAL, Image.open(io.BytesIO(picture())), "picture", ordered=True).id


def swept(found: Studio, client: TestClient, name: str) -> bool:
    """Whether a picture goes with what nobody has."""
    sweep(found.database, found.files, young=-1.0)
    status = client.get(f"/api/pictures/{name}").status_code
    assert status in (200, 404)
    return status == 404


def test_a_picture_that_came_with_an_order_goes_where_nothing_needs_it(
    open_studio: Studio, client: TestClient, start: str
) -> None:
    assert sweep(open_studio.database, open_studio.files) == 0, "its order may just come"
    assert not client.get("/api/pictures").json(), "it is not offered to start from"
    assert swept(open_studio, client, start)
    assert not list(open_studio.folder.glob("files/*/*"))


def test_an_order_needs_its_pictures_until_it_cannot_be_tried_again(
    open_studio: Studio, client: TestClient, start: str
) -> None:
    job = client.post("/api/jobs", json={"words": "x", "init": start}).json()["id"]
    assert not swept(open_studio, client, start), "it waits"
    [task] = open_studio.queue.claim("w")
    assert not swept(open_studio, client, start), "it runs"
    open_studio.queue.fail("w", [task.id], "WishError", "the reason")
    assert not swept(open_studio, client, start), "it can be tried again"
    assert client.post(f"/api/jobs/{job}/cancel").status_code == 409
    client.post(f"/api/jobs/{job}/retry")
    client.post(f"/api/jobs/{job}/cancel")
    assert not swept(open_studio, client, start), "likewise"
    client.post(f"/api/jobs/{job}/retry")
    [task] = open_studio.queue.claim("w")
    deliver(open_studio.queue, "w", task.id, Finished("x", 3, 32, 32, {}, {}, open_studio.files.put(picture(32)), []))
    assert swept(open_studio, client, start), "the painting names no picture"


def test_a_painting_needs_the_pictures_that_its_wish_names(open_studio: Studio, client: TestClient, start: str) -> None:
    [painting] = painted(open_studio, client, init=start)
    client.post("/api/paintings/trash", json={"paintings": [painting]})
    assert not swept(open_studio, client, start), "it may be taken out of the trash"
    client.post("/api/paintings/restore", json={"paintings": [painting]})
    painted(open_studio, client, init=start)
    for each in client.get("/api/paintings").json()["paintings"]:
        assert not swept(open_studio, client, start)
        client.post("/api/paintings/trash", json={"paintings": [each["id"]]})
        client.post("/api/paintings/purge")
    assert swept(open_studio, client, start)


def test_a_picture_that_came_with_an_order_and_is_given_stays_and_counts(
    open_studio: Studio, client: TestClient, start: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST", 1)
    other = uploaded(client, picture(seed=1))
    refused(client.post("/api/pictures", files={"picture": ("x.png", picture())}), 429, "delete some")
    client.delete(f"/api/pictures/{other}")
    assert uploaded(client) == start
    assert [each["id"] for each in client.get("/api/pictures").json()] == [start]
    again = open_studio.uploads.add(LOCAL, Image.open(io.BytesIO(picture())), "picture", ordered=True)
    assert (again.id, again.ordered) == (start, False)
    assert not swept(open_studio, client, start)
    with pytest.raises(BusyError):
        open_studio.uploads.add(LOCAL, Image.new("L", (8, 8)), "another")


def test_a_picture_that_comes_again_is_young_again(open_studio: Studio, client: TestClient, start: str) -> None:
    with open_studio.database.write() as session:
        session.connection().exec_driver_sql("UPDATE uploads SET created = 0")
    assert open_studio.uploads.add(LOCAL, Image.open(io.BytesIO(picture())), "picture", ordered=True).id == start
    sweep(open_studio.database, open_studio.files)
    assert client.get(f"/api/pictures/{start}").status_code == 200


def test_pictures_of_other_dialects_are_never_too_many(
    open_studio: Studio, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST", 0)
    monkeypatch.setattr(queue, "WAITING", -1)  # refused as late as can be, or this would wait for paintings
    mask = picture(channels=4)
    with Image.open(io.BytesIO(mask)) as image:
        image.putalpha(0)
        mask = png(image)
    sent = {"image": ("a.png", picture()), "mask": ("m.png", mask)}
    refused(client.post("/v1/images/edits", data={"prompt": "x"}, files=sent), 429, "wait already")
    several = [("image[]", (f"{seed}.png", picture(seed=seed))) for seed in (1, 2)]
    refused(client.post("/v1/images/edits", data={"prompt": "", "model": "any-style"}, files=several), 429, "wait already")
    begun, where = (base64.b64encode(content).decode() for content in (picture(seed=3), picture(seed=4)))
    asked = {"init_images": [begun], "mask": where, "width": 16, "height": 16}
    refused(client.post("/sdapi/v1/img2img", json=asked), 429, "wait already")
    assert len(list(open_studio.folder.glob("files/*/*"))) == 6
    assert sweep(open_studio.database, open_studio.files, young=-1.0) == 6


def test_pictures_of_the_web_keep_nobody_else_waiting(
    open_studio: Studio, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    come, going = threading.Event(), threading.Semaphore(0)

    def slow(address: str, **_: Any) -> Fetched:
        going.release()
        assert come.wait(10)
        return Fetched(picture(), address, "image/png")

    monkeypatch.setattr("danqing.server.routes.pictures.fetch", slow)
    with ThreadPoolExecutor(3) as threads:
        asked = {"address": "http://web.example/x.png"}
        waiting = [threads.submit(client.post, "/api/pictures/fetch", json=asked) for _ in range(2)]
        try:
            assert all(going.acquire(timeout=10) for _ in waiting)
            assert threads.submit(uploaded, client, picture(seed=1)).result(timeout=5)
            refused(client.post("/api/pictures/fetch", json=asked), 429, "being worked on")
        finally:
            come.set()
        assert [each.result().status_code for each in waiting] == [201, 201]


def test_a_picture_that_is_deleted_is_gone(open_studio: Studio, client: TestClient) -> None:
    name = uploaded(client)
    assert client.delete(f"/api/pictures/{name}").status_code == 204
    refused(client.get(f"/api/pictures/{name}"), 404, "upload it")
    assert not list(open_studio.folder.glob("files/*/*"))


def test_a_painting_keeps_its_file_though_its_twin_is_deleted_meanwhile(open_studio: Studio, client: TestClient) -> None:
    [twin] = painted(open_studio, client, seed=3)
    client.post("/api/jobs", json={"words": "x", "seed": 3})
    [task] = open_studio.queue.claim("w")
    content = picture(32, 3)
    sha256 = open_studio.files.put(content)
    client.post("/api/paintings/trash", json={"paintings": [twin]})
    client.post("/api/paintings/purge")
    done = Finished("x", 3, 32, 32, {}, {}, sha256, [])
    kept = deliver(open_studio.queue, "w", task.id, done, lambda: open_studio.files.put(content))
    assert client.get(f"/api/paintings/{kept}/file").content == content


def test_colours_of_a_large_picture_are_read_and_pictures_are_listed(client: TestClient) -> None:
    name = uploaded(client, picture(1200))
    assert client.get(f"/api/pictures/{name}/palette").status_code == 200
    assert [each["id"] for each in client.get("/api/pictures").json()] == [name]


def test_much_work_of_one_user_waits_for_nobody_else(open_studio: Studio, client: TestClient) -> None:
    content = picture()
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(open_studio.heavy.turn("local"))
        open_studio.heavy._users["local"] = open_studio.heavy.waiting
        refused(client.post("/api/pictures", files={"picture": content}), 429, "being worked on")
        open_studio.heavy._users["local"] = 2
    assert client.post("/api/pictures", files={"picture": content}).status_code == 201


def test_numbers_of_events_that_cannot_be_are_refused(client: TestClient) -> None:
    refused(client.get(f"/api/events?after={2**63}"), 422, "after")


def test_a_search_of_endless_words_is_refused(client: TestClient) -> None:
    refused(client.get("/api/paintings", params={"words": "a " * 100}), 400, "at most 16")


def test_a_stream_ends_with_the_right_to_it(open_studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("danqing.server.watch.PULSE", 0.05)
    answers = [True, False]

    async def read() -> int:
        with open_studio.watch.listen("local") as listener:
            return len([piece async for piece in open_studio.watch.stream(listener, None, None, lambda: answers.pop(0))])

    assert asyncio.run(asyncio.wait_for(read(), 5)) >= 2
    assert answers == []
