"""The worker: what is ordered is painted as anywhere else, and nothing that goes wrong takes others along."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy.exc import OperationalError
from studios import local, picture, studio, uploaded

import danqing
from danqing import worker as worker_module
from danqing.errors import OutputError
from danqing.paint import Session, Work
from danqing.painters.painter import adjust
from danqing.records.record import read
from danqing.server.studio import Studio
from danqing.store.files import Files
from danqing.store.queue import Order
from danqing.store.tables import LOCAL
from danqing.worker import Worker, abilities

QUICK = {"size": [32, 32], "steps": 4}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """A studio with its worker's working directory."""
    found = studio(tmp_path / "studio")
    found.users.local()
    monkeypatch.chdir(found.folder)
    return found


@pytest.fixture(scope="module")
def opened() -> dict[tuple[Path, tuple[int, ...]], Session]:
    """Painters that were opened, so that each is opened once."""
    return {}


@pytest.fixture
def worker(place: Studio, opened: dict[tuple[Path, tuple[int, ...]], Session], monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setattr(worker_module, "SHOWN_EVERY", 0.0)
    found = Worker("w", place.database, "cpu", threading.Event(), threading.Event())
    found._open.update(opened)
    opened_here = found._session

    def remembered(painter: str) -> Session:
        session = opened_here(painter)
        opened.update(found._open)
        return session

    monkeypatch.setattr(found, "_session", remembered)
    return found


@pytest.fixture
def client(place: Studio) -> TestClient:
    return local(place)


def ordered(client: TestClient, **wish: Any) -> str:
    answer = client.post("/api/jobs", json={"words": "a red apple", "seed": 7, **QUICK, **wish})
    assert answer.status_code == 202, answer.text
    identifier: str = answer.json()["id"]
    return identifier


def images(client: TestClient, job: str) -> list[np.ndarray]:
    found = client.get(f"/api/jobs/{job}").json()
    assert found["state"] == "done", found
    return [
        np.asarray(Image.open(io.BytesIO(client.get(f"/api/paintings/{name}/file").content))).astype(int)
        for name in found["paintings"]
    ]


def between(monkeypatch: pytest.MonkeyPatch, at: int, act: Callable[[], object]) -> None:
    """Do something once, after a step."""
    step = Work.step
    done: list[int] = []

    def stepped(self: Work) -> Work:
        after = step(self)
        if after.canvas.step == at and not done:
            done.append(at)
            act()
        return after

    monkeypatch.setattr(Work, "step", stepped)


def test_a_painting_is_what_the_library_paints(place: Studio, worker: Worker, client: TestClient) -> None:
    job = ordered(client, count=2, conditions={"style": "noto"})
    assert worker.turn()
    expected = danqing.load("emoji", "cpu").paint("a red apple", seed=8, size=(32, 32), steps=4, conditions={"style": "noto"})
    assert np.abs(images(client, job)[1] - np.asarray(expected.image).astype(int)).max() <= 1
    assert not worker.turn()


def test_what_was_asked_comes_back_with_every_default_filled_in(worker: Worker, client: TestClient) -> None:
    job = ordered(client, conditions={"palette": "#c0392b"})
    worker.turn()
    [name] = client.get(f"/api/jobs/{job}").json()["paintings"]
    found = client.get(f"/api/paintings/{name}").json()
    assert found["wish"]["sampler"] == "ddpm"
    assert found["wish"]["guidance"] == 4.0
    assert found["wish"]["seed"] == found["seed"] == 7
    assert 0 < found["scores"]["palette"] < 100
    again = client.post("/api/jobs", json=found["wish"])
    assert again.status_code == 202, "a painting's wish can be ordered again"
    assert client.get("/api/paintings", params={"colour": "c0392b"}).json()["total"] == 1


def test_a_full_disk_fails_nothing(worker: Worker, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs, put, tries = [ordered(client, count=2), ordered(client, words="a pear")], Files.put, list[int]()

    def full(self: Files, content: bytes) -> str:
        tries.append(len(content))
        if len(tries) < 4:
            raise OutputError("no space left on device")
        return put(self, content)

    monkeypatch.setattr(worker_module, "PAUSE", 0.0)
    monkeypatch.setattr(Files, "put", full)
    monkeypatch.setattr(worker, "_show", lambda *_: (_ for _ in ()).throw(OSError("no space left on device")))
    running = threading.Thread(target=worker.run)
    running.start()
    try:
        until = time.monotonic() + 60
        while any(client.get(f"/api/jobs/{job}").json()["state"] != "done" for job in jobs) and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        worker.stop.set()
        worker.wake.set()
        running.join()
    assert [client.get(f"/api/jobs/{job}").json()["done"] for job in jobs] == [2, 1]
    assert len(tries) > 4


def test_a_painter_that_was_adjusted_paints_as_it_now_should(worker: Worker, client: TestClient, home: Path) -> None:
    guidances = []
    for settings in ({}, {"guidance": 2.0}, {"guidance": 3.0}):
        if settings:
            adjust("emoji", settings)
        job = ordered(client)
        worker.turn()
        [name] = client.get(f"/api/jobs/{job}").json()["paintings"]
        guidances.append(client.get(f"/api/paintings/{name}").json()["wish"]["guidance"])
    assert guidances == [4.0, 2.0, 3.0]


def test_orders_that_are_alike_are_painted_together(
    worker: Worker, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    begin = Session.begin

    def counted(self: Session, wishes: Any) -> Work:
        batches.append(len(wishes))
        return begin(self, wishes)

    monkeypatch.setattr(Session, "begin", counted)
    for words in ("apple", "fish", "star"):
        ordered(client, words=words)
    ordered(client, steps=3)
    while worker.turn():
        pass
    assert batches == [3, 1]


def test_a_paused_painting_goes_on_from_where_it_was_and_ends_the_same(
    place: Studio, worker: Worker, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ordered(client)
    worker.turn()
    halved = ordered(client)
    between(monkeypatch, 2, lambda: place.queue.pause(halved))
    worker.turn()
    assert client.get(f"/api/jobs/{halved}").json()["state"] == "paused"
    assert len(list(place.folder.glob("canvases/*"))) == 1
    client.post(f"/api/jobs/{halved}/resume")
    resumed: list[int] = []
    resume = Session.resume

    def counted(self: Session, path: Path) -> Work:
        resumed.append(1)
        return resume(self, path)

    monkeypatch.setattr(Session, "resume", counted)
    worker.turn()
    assert resumed == [1]
    assert np.array_equal(images(client, whole)[0], images(client, halved)[0])
    assert not list(place.folder.glob("canvases/*"))
    assert not list(place.folder.glob("previews/*"))


def test_who_is_told_to_stop_saves_and_another_goes_on(
    place: Studio, worker: Worker, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ordered(client, count=2)
    between(monkeypatch, 2, worker.stop.set)
    worker.run()
    assert client.get(f"/api/jobs/{job}").json()["waiting"] == 2
    worker.stop.clear()
    steps: list[int] = []
    between(monkeypatch, 3, lambda: steps.append(3))
    worker.turn()
    assert steps == [3], "steps 1 and 2 are not made again"
    assert len(images(client, job)) == 2


def test_what_is_cancelled_under_way_is_dropped_and_the_others_are_painted(
    place: Studio, worker: Worker, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, dropped = ordered(client), ordered(client, words="a fish")
    between(monkeypatch, 2, lambda: place.queue.cancel(dropped))
    worker.turn()
    assert len(images(client, kept)) == 1
    assert client.get(f"/api/jobs/{dropped}").json()["paintings"] == []


def test_previews_are_there_while_it_is_painted(
    place: Studio, worker: Worker, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, seen = ordered(client), []

    def look() -> None:
        [task] = client.get(f"/api/jobs/{job}").json()["tasks"]
        seen.append(client.get(f"/api/tasks/{task}/preview"))

    between(monkeypatch, 3, look)
    worker.turn()
    with Image.open(io.BytesIO(seen[0].content)) as found:
        assert found.format == "WEBP"


def test_a_wish_that_cannot_be_painted_fails_alone(place: Studio, worker: Worker, client: TestClient) -> None:
    good = {"words": "a red apple", "size": [32, 32], "steps": 4}
    jobs = [
        place.queue.accept(LOCAL, Order("emoji", wish, 7, 1, "alike"))[0].id
        for wish in (good, {**good, "sampler": "odd"}, good)
    ]
    while worker.turn():
        pass
    states = [client.get(f"/api/jobs/{job}").json() for job in jobs]
    assert [found["state"] for found in states] == ["done", "failed", "done"]
    assert states[1]["error"] == "WishError"
    assert "no sampler 'odd'" in states[1]["reason"]


def test_what_nobody_foresaw_fails_alone_and_tells_no_secrets(
    worker: Worker, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Session.begin

    def fragile(self: Session, wishes: Any) -> Work:
        if any(wish.words == "boom" for wish in wishes):
            raise RuntimeError("/secret/path")
        return begin(self, wishes)

    monkeypatch.setattr(Session, "begin", fragile)
    jobs = [ordered(client, words=words) for words in ("apple", "boom", "star")]
    while worker.turn():
        pass
    states = [client.get(f"/api/jobs/{job}").json() for job in jobs]
    assert [found["state"] for found in states] == ["done", "failed", "done"]
    assert states[1]["reason"] == "painting failed (RuntimeError): the studio's log says more"


def test_a_painter_that_is_gone_is_said(place: Studio, worker: Worker, client: TestClient) -> None:
    job, _ = place.queue.accept(LOCAL, Order("gone", {"words": "x"}, 7, 1, "s"))
    worker.turn()
    found = client.get(f"/api/jobs/{job.id}").json()
    assert (found["state"], found["error"]) == ("failed", "PainterError")


def test_records_name_files_of_the_studio_and_no_place_of_this_machine(
    place: Studio, worker: Worker, client: TestClient, tmp_path: Path
) -> None:
    start, mask = uploaded(client, picture(32)), uploaded(client, picture(32, seed=1, channels=3))
    job = ordered(client, init=start, mask=mask, strength=0.5)
    worker.turn()
    assert len(images(client, job)) == 1
    [name] = client.get(f"/api/jobs/{job}").json()["paintings"]
    found = client.get(f"/api/paintings/{name}").json()
    assert (found["wish"]["init"], found["wish"]["mask"]) == (start, mask)
    _, record = read(place.files.path(found["sha256"]))
    assert record.wish["init"].startswith("files/")
    assert str(tmp_path) not in json.dumps(record.plain())


def test_a_style_is_taken_from_given_pictures_and_from_no_other_file(place: Studio, worker: Worker, client: TestClient) -> None:
    start, style = uploaded(client, picture(32)), uploaded(client, picture(32, seed=1))
    wish = {"painter": "any-style", "init": start, "pictures": {"style": [{"picture": style, "weight": 2.0}]}}
    answer = client.post("/api/jobs", json={**wish, "size": [64, 64]})
    assert answer.status_code == 202, answer.text
    stray = {"init": start, "files": {start: place.uploads.sha256(LOCAL, start)}, "conditions": {"style": "studio.db"}}
    sneaked, _ = place.queue.accept(LOCAL, Order("any-style", stray, 7, 1, "s"))
    while worker.turn():
        pass
    assert len(images(client, answer.json()["id"])) == 1
    found = client.get(f"/api/jobs/{sneaked.id}").json()
    assert found["state"] == "failed"
    assert "give pictures that were uploaded" in found["reason"]


def test_it_is_known_what_every_family_can_do() -> None:
    found = json.loads(json.dumps(abilities()))
    assert found["families"]["pix2pix"]["starts"]
    assert found["families"]["gatys"]["examples"]
    assert "guidance" in found["families"]["diffusion"]["heeds"]
    assert found["units"]["palette"] == "ΔE00"
    assert "heun" in found["samplers"]


def test_a_worker_ends_when_whoever_started_it_is_gone(place: Studio) -> None:
    command = [sys.executable, "-m", "danqing.worker", "--folder", str(place.folder), "--name", "w"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env=dict(os.environ))
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(60) == 0


def test_reasons_name_no_place_of_this_machine(place: Studio, worker: Worker, client: TestClient, home: Path) -> None:
    broken = home / "painters" / "broken"
    broken.mkdir(parents=True)
    for name in ("config.json", "weights.safetensors"):
        (broken / name).write_bytes(b"{")
    answer = client.get("/api/painters/broken")
    assert answer.status_code == 404
    job, _ = place.queue.accept(LOCAL, Order("broken", {"words": "x"}, 7, 1, "s"))
    worker.turn()
    reason = client.get(f"/api/jobs/{job.id}").json()["reason"]
    for said in (answer.text, reason):
        assert "damaged" in said
        assert str(home) not in said


def test_what_a_painter_does_not_heed_is_said(worker: Worker, client: TestClient) -> None:
    job = ordered(client, words="zxqv", size=[48, 32])
    worker.turn()
    notes = client.get(f"/api/jobs/{job}").json()["notes"]
    assert notes == ["this painter learnt 32×32 pixels; at other shapes it repeats or blurs what it knows"]


def test_a_painter_without_weights_takes_no_worker_along(place: Studio, worker: Worker, client: TestClient, home: Path) -> None:
    broken = home / "painters" / "broken"
    broken.mkdir(parents=True)
    (broken / "config.json").write_bytes(b"{}")
    job, _ = place.queue.accept(LOCAL, Order("broken", {"words": "x"}, 7, 1, "s"))
    good = ordered(client)
    while worker.turn():
        pass
    assert client.get(f"/api/jobs/{job.id}").json()["state"] == "failed"
    assert len(images(client, good)) == 1


def test_a_database_that_is_busy_is_nobodys_fault(
    place: Studio, worker: Worker, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "PAUSE", 0.0)
    held, failures = place.queue.held.__func__, [1]  # type: ignore[attr-defined]

    def busy(self: Any, *given: Any) -> Any:
        if failures:
            failures.pop()
            raise OperationalError("", {}, Exception("database is locked"))
        worker.stop.set()
        return held(self, *given)

    monkeypatch.setattr(type(place.queue), "held", busy)
    job = ordered(client)
    worker.run()
    worker.stop.clear()
    monkeypatch.setattr(type(place.queue), "held", held)
    while worker.turn():
        pass
    assert len(images(client, job)) == 1


def test_from_a_canvas_only_the_culprit_fails(
    place: Studio, worker: Worker, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [ordered(client, words=words) for words in ("apple", "boom")]
    between(monkeypatch, 2, worker.stop.set)
    worker.run()
    worker.stop.clear()
    painting = Session.painting

    def fragile(self: Session, image: Image.Image, wish: Any, batch: int) -> Any:
        if wish.words == "boom":
            raise RuntimeError
        return painting(self, image, wish, batch)

    monkeypatch.setattr(Session, "painting", fragile)
    while worker.turn():
        pass
    assert [client.get(f"/api/jobs/{job}").json()["state"] for job in jobs] == ["done", "failed"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_end_gives_back_what_it_was_at(place: Studio, client: TestClient, how: signal.Signals) -> None:
    job = ordered(client, steps=1000)
    command = [sys.executable, "-m", "danqing.worker", "--folder", str(place.folder), "--name", "w"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env=dict(os.environ))
    give_up = time.monotonic() + 60
    while not client.get(f"/api/jobs/{job}").json()["step"] and time.monotonic() < give_up:
        time.sleep(0.1)
    process.send_signal(how)
    if how == signal.SIGINT:
        time.sleep(0.5)
        assert process.poll() is None, "Ctrl-C is for whoever started it"
        assert process.stdin is not None
        process.stdin.close()
    assert process.wait(60) == 0
    found = client.get(f"/api/jobs/{job}").json()
    assert (found["waiting"], found["running"]) == (1, 0)
    assert len(list(place.folder.glob("canvases/*.safetensors"))) == 1
