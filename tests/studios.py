"""Studios for tests: opened in a folder, with clients that speak to them without a socket."""

import io
from collections.abc import Callable
from pathlib import Path

import argon2
import numpy as np
from fastapi.testclient import TestClient
from PIL import Image

from danqing.server.app import build
from danqing.server.studio import Settings, Studio
from danqing.store import users
from danqing.store.queue import Finished, Queue
from danqing.store.tables import Role

users._HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)  # hundreds of logins, in seconds

PASSWORD = "correct horse"
LOCAL = "http://127.0.0.1:7860"
"""Where a client of a local studio says it is."""
REMOTE = "http://studio.example"


def studio(folder: Path, **settings: object) -> Studio:
    """A studio without workers."""
    return Studio.open(Settings.read({"workers": False, **settings}), folder)


def local(found: Studio) -> TestClient:
    """Its owner, on the same machine. Errors that nobody foresaw are answers too, as users see them."""
    return TestClient(build(found), base_url=LOCAL, raise_server_exceptions=False)


def remote(found: Studio) -> TestClient:
    """Somebody elsewhere, for a studio that is reached from elsewhere."""
    return TestClient(build(found), base_url=REMOTE, raise_server_exceptions=False)


def shared(folder: Path, **settings: object) -> Studio:
    """A studio with three users, each named after their role."""
    found = studio(folder, host="0.0.0.0", names=("studio.example",), **settings)
    roles: tuple[Role, ...] = ("admin", "maker", "viewer")
    for role in roles:
        found.users.add(role, PASSWORD, role)
    return found


def logged_in(found: Studio, name: str) -> TestClient:
    """A user's browser."""
    client = remote(found)
    answer = client.post("/api/login", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return client


def picture(side: int = 16, seed: int = 0, form: str = "PNG", channels: int = 3) -> bytes:
    """A picture file of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, channels), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def deliver(queue: Queue, worker: str, task: str, found: Finished, ensure: Callable[[], object] = lambda: None) -> str | None:
    """Deliver one painting; gives its identifier, where it was taken."""
    return queue.deliver(worker, {task: (found, ensure)}).get(task)


def painted(found: Studio, client: TestClient, words: str = "a red apple", count: int = 1, **wish: object) -> list[str]:
    """Order paintings and deliver noise in their place, as a worker would; gives their identifiers."""
    answer = client.post("/api/jobs", json={"words": words, "count": count, **wish})
    assert answer.status_code == 202, answer.text
    job = answer.json()["id"]
    kept = []
    while claimed := found.queue.claim("test", 16):
        for task in claimed:
            sha256 = found.files.put(picture(32, task.seed % 1000))
            shade = (0.63, 0.22, 0.13, 1.0)  # about red
            done = Finished(words, task.seed, 32, 32, dict(task.wish), {}, sha256, [shade])
            delivered = deliver(found.queue, "test", task.id, done)
            if delivered and task.job_id == job:
                kept.append(delivered)
    assert len(kept) == count
    return kept


def uploaded(client: TestClient, content: bytes | None = None, name: str = "picture.png") -> str:
    """Upload a picture; gives its identifier."""
    answer = client.post("/api/pictures", files={"picture": (name, picture() if content is None else content)})
    assert answer.status_code == 201, answer.text
    identifier: str = answer.json()["id"]
    return identifier
