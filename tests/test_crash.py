"""`kill -9` of the web process and of workers, at random, while orders come in: every painting is there, once, and whole."""

import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import danqing
from danqing.store.database import Database
from danqing.store.files import Files
from danqing.store.sweep import sweep

WORDS = ("a red apple", "rocket", "猫", "a blue fish", "umbrella")
PATIENCE = 240.0
"""Seconds after which a test gives up."""


class House:
    """A studio's processes: served again whenever they were killed."""

    def __init__(self, home: Path) -> None:
        self.home, self.address, self.served = home, "", 0
        self.stopping = threading.Event()
        self.process: subprocess.Popen[str] | None = None
        self.keeper = threading.Thread(target=self._keep, daemon=True)
        self.keeper.start()

    def _keep(self) -> None:
        port = "0"
        while not self.stopping.is_set():
            command = [sys.executable, "-m", "danqing.cli", "serve", "--port", port, "--threads", "1"]
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, text=True, env={**os.environ, "DANQING_HOME": str(self.home)}
            )
            assert self.process.stdout is not None
            said = self.process.stdout.readline().strip()
            if said:
                self.address, self.served = said, self.served + 1
                port = said.rstrip("/").rpartition(":")[2]
            self.process.wait()

    def kill(self, which: str) -> bool:
        """Kill the web process, or a worker; False where there is none right now."""
        web = self.process
        if web is None or web.poll() is not None:
            return False
        victims = [web.pid] if which == "web" else children(web.pid)
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        return bool(victims)

    def stop(self) -> None:
        self.stopping.set()
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    def ask(self, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> Any:
        """Ask until there is an answer, as a careful client does."""
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            try:
                request = urllib.request.Request(
                    self.address + path.lstrip("/"),
                    None if body is None else json.dumps(body).encode(),
                    {"Content-Type": "application/json", **(headers or {})},
                )
                with urllib.request.urlopen(request, timeout=20) as answer:
                    return json.loads(answer.read())
            except urllib.error.HTTPError as error:
                raise AssertionError(error.read().decode()) from error
            except (OSError, ValueError):
                time.sleep(0.1)
        raise AssertionError(f"no answer from {path}")


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    return [int(child) for of in Path(f"/proc/{pid}/task").glob("*/children") for child in of.read_text().split()]


def crash(home: Path, wishes: int, clients: int, kills: int, pause: tuple[float, float]) -> dict[str, Any]:
    """Order so many paintings from so many clients while processes are killed; gives what came of it."""
    house, seeded = House(home), random.Random(0)
    give_up = time.monotonic() + PATIENCE
    while not house.served and time.monotonic() < give_up:
        time.sleep(0.05)
    begun = time.monotonic()

    def client(number: int) -> None:
        for wish in range(number, wishes, clients):
            body = {"words": WORDS[wish % len(WORDS)], "seed": wish, "size": [32, 32], "steps": 4 + wish % 3}
            house.ask("api/jobs", body, {"Idempotency-Key": f"wish-{wish}"})
            time.sleep(0.05)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    killed: Counter[str] = Counter()
    while sum(killed.values()) < kills:
        time.sleep(seeded.uniform(*pause))
        which = seeded.choice(("web", "worker"))
        if house.kill(which):
            killed[which] += 1
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - begun
    while any(job["state"] in ("queued", "running") for job in house.ask("api/jobs?unfinished=true&most=200")["jobs"]):
        assert time.monotonic() < begun + seconds + PATIENCE, "it never ends"
        time.sleep(0.3)
    found: list[dict[str, Any]] = []
    before = ""
    while before is not None:
        page = house.ask(f"api/paintings?most=100{before and f'&before={before}'}")
        found += page["paintings"]
        before = page["before"]
    sizes = Counter()
    for painting in found:
        content = urllib.request.urlopen(f"{house.address}api/paintings/{painting['id']}/file", timeout=20).read()
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            sizes[image.size] += 1
    house.stop()
    database = Database(home / "studio")
    sweep(database, Files(database.folder), young=0.0)
    database.close()
    with sqlite3.connect(home / "studio" / "studio.db") as connection:
        [[sound]] = connection.execute("PRAGMA integrity_check").fetchall()
        states = Counter(state for (state,) in connection.execute("SELECT state FROM tasks"))
    return {
        "seeds": sorted(painting["seed"] for painting in found),
        "sizes": dict(sizes),
        "states": dict(states),
        "killed": dict(killed),
        "seconds": seconds,
        "database": sound,
        "files": len(list((home / "studio" / "files").rglob("*.*"))),
        "left": sorted(path.name for folder in ("canvases", "previews") for path in (home / "studio" / folder).glob("*")),
    }


def check(found: dict[str, Any], wishes: int, kills: int) -> None:
    assert found["seeds"] == list(range(wishes)), "a painting is lost, or is there twice"
    assert found["sizes"] == {(32, 32): wishes}, "a file is not whole"
    assert found["states"] == {"done": wishes}
    assert found["database"] == "ok"
    assert sum(found["killed"].values()) >= kills
    assert set(found["killed"]) == {"web", "worker"}
    assert found["left"] == []
    assert found["files"] <= wishes, "what nobody has was not swept away"


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds workers through /proc")


@needs_proc
def test_a_few_kills_lose_nothing_and_deliver_nothing_twice(tmp_path: Path) -> None:
    check(crash(tmp_path, 24, 4, 6, (0.5, 3.0)), 24, 6)


@needs_proc
@pytest.mark.long
def test_fifty_kills_lose_nothing_and_deliver_nothing_twice(tmp_path: Path) -> None:
    found = crash(tmp_path, 200, 8, 50, (0.3, 4.0))
    check(found, 200, 50)


@needs_proc
@pytest.mark.long
def test_a_long_painting_goes_on_from_its_canvas_after_a_kill(tmp_path: Path) -> None:
    """A thousand steps; the worker is killed once the canvas was saved, and the next one does not begin anew."""
    house = House(tmp_path)
    give_up = time.monotonic() + PATIENCE
    while not house.served and time.monotonic() < give_up:
        time.sleep(0.05)
    wish = {"words": "a red apple", "seed": 7, "size": [32, 32], "steps": 1000}
    job = house.ask("api/jobs", wish)["id"]
    while not list((tmp_path / "studio" / "canvases").glob("*.safetensors")) and time.monotonic() < give_up:
        time.sleep(0.1)
    saved = house.ask(f"api/jobs/{job}")["step"]
    assert house.kill("worker")
    while house.ask(f"api/jobs/{job}")["running"] and time.monotonic() < give_up:
        time.sleep(0.05)
    first = 0
    while not first and time.monotonic() < give_up:
        found = house.ask(f"api/jobs/{job}")
        first = found["step"] if found["running"] and found["step"] != saved else 0
    assert first >= 0.8 * saved, "it was begun anew"
    while house.ask(f"api/jobs/{job}")["state"] != "done" and time.monotonic() < give_up:
        time.sleep(0.2)
    [painting] = house.ask(f"api/jobs/{job}")["paintings"]
    content = urllib.request.urlopen(f"{house.address}api/paintings/{painting}/file", timeout=20).read()
    house.stop()
    whole = danqing.load("emoji", "cpu").paint("a red apple", seed=7, size=(32, 32), steps=1000).image
    with Image.open(io.BytesIO(content)) as image:
        assert image.tobytes() == whole.tobytes()
