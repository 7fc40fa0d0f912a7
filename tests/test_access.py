"""Who may do what: every route is tried as nobody, as somebody of a lower role, and as somebody else."""

import contextlib
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import argon2
import httpx2
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from serving import answering
from studios import LOCAL, PASSWORD, REMOTE, local, logged_in, painted, picture, remote, shared, studio, uploaded
from typer.testing import CliRunner

from danqing.cli import app
from danqing.errors import ConfigError, LoginError
from danqing.server.app import ROUTERS, build, serve
from danqing.server.limits import network
from danqing.server.studio import Studio
from danqing.store import users
from danqing.store.tables import ROLES

OPEN = {("GET", "/api/health"), ("POST", "/api/login"), ("POST", "/api/logout")}
"""All that somebody who is not logged in may ask for, beside the page."""
NOBODY = "j00000000000000000000"


def roles(dependant: Dependant) -> set[str]:
    """The roles that a route's dependencies ask for."""
    found = {role for role in [getattr(dependant.call, "role", None)] if role}
    return found.union(*(roles(inner) for inner in dependant.dependencies)) if dependant.dependencies else found


def routes() -> list[tuple[str, str, str | None]]:
    """Method, path and role of every route of the API."""
    found = []
    for route in (route for router in ROUTERS for route in router.routes):
        if isinstance(route, APIRoute):
            asked = roles(route.dependant)
            assert len(asked) <= 1, f"{route.path} asks for several roles"
            found += [(method, route.path, next(iter(asked), None)) for method in sorted(route.methods or ())]
    assert len(found) > 30
    return found


ROUTES = routes()


@pytest.fixture(scope="module")
def among(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    found = shared(tmp_path_factory.mktemp("studio"))
    yield found
    found.database.close()


@pytest.fixture(scope="module")
def browsers(among: Studio) -> dict[str, TestClient]:
    return {role: logged_in(among, role) for role in ROLES}


def ask(client: TestClient, method: str, path: str, **others: object) -> int:
    filled = re.sub(r"\{[^}]*\}", NOBODY, path)
    return client.request(method, filled, headers={"Origin": str(client.base_url)}, **others).status_code  # type: ignore[arg-type]


def test_only_what_is_meant_to_be_open_names_no_role() -> None:
    assert {(method, path) for method, path, role in ROUTES if role is None} == OPEN


@pytest.mark.parametrize(("method", "path", "role"), [route for route in ROUTES if route[2]])
def test_every_route_refuses_nobody_and_lower_roles(
    method: str, path: str, role: str, among: Studio, browsers: dict[str, TestClient]
) -> None:
    assert ask(remote(among), method, path) == 401
    guessing = remote(among)
    guessing.cookies["danqing"] = "guess"
    assert ask(guessing, method, path) == 401
    for lower in ROLES[: ROLES.index(role)]:
        assert ask(browsers[lower], method, path) == 403, f"a {lower} may"
    if path == "/api/events":
        return  # has no end
    for enough in ROLES[ROLES.index(role) :]:
        status = ask(browsers[enough], method, path)
        assert status < 500
        assert status not in (401, 403), f"a {enough} may not"


OWNED = ("job_id", "painting_id", "board_id", "picture_id", "key_id", "task_id")


@pytest.mark.parametrize(
    ("method", "path"), [(method, path) for method, path, _ in ROUTES if any("{" + name + "}" in path for name in OWNED)]
)
def test_what_is_somebody_elses_is_not_there(method: str, path: str, tmp_path: Path) -> None:
    found = shared(tmp_path)
    found.users.add("other", PASSWORD, "maker")
    mine, theirs = logged_in(found, "maker"), logged_in(found, "other")
    [painting] = painted(found, mine)
    job = mine.post("/api/jobs", json={"words": "waits"}).json()["id"]
    [task] = found.queue.claim("w")
    (found.folder / "previews").mkdir()
    (found.folder / "previews" / f"{task.id}.webp").write_bytes(b"RIFF")
    names = {
        "painting_id": painting,
        "job_id": job,
        "task_id": task.id,
        "board_id": mine.post("/api/boards", json={"name": "b"}).json()["id"],
        "key_id": mine.post("/api/keys", json={"name": "k"}).json()["id"],
        "picture_id": uploaded(mine),
    }
    filled = path.format(**names)
    bodies: dict[str, dict[str, object]] = {
        "PATCH": {"name": "x"} if "boards" in path else {"stars": 1},
        "POST": {"paintings": []} if "boards" in path else {"priority": 1} if "priority" in path else {},
    }
    query = {"format": "svg"} if path.endswith("/finish") else {}
    sent = {"json": bodies[method]} if method in bodies else {}
    answer = theirs.request(method, filled, params=query, **sent)  # type: ignore[arg-type]
    assert answer.status_code == 404, answer.text
    again = mine.request(method, filled, params=query, **sent)  # type: ignore[arg-type]
    assert again.status_code in (200, 204, 409), again.text
    found.database.close()


def test_a_key_opens_what_its_users_role_allows(among: Studio, browsers: dict[str, TestClient]) -> None:
    made = browsers["viewer"].post("/api/keys", json={"name": "script"}).json()
    program = remote(among)
    with_key = {"Authorization": f"Bearer {made['key']}"}
    assert program.get("/api/me", headers=with_key).json()["name"] == "viewer"
    assert program.post("/api/jobs", json={"words": "x"}, headers=with_key).status_code == 403
    assert made["key"] not in str(browsers["viewer"].get("/api/keys").json())
    assert browsers["viewer"].delete(f"/api/keys/{made['id']}").status_code == 204
    assert program.get("/api/me", headers=with_key).status_code == 401


def test_logging_out_and_a_new_password_end_what_a_cookie_opens(tmp_path: Path) -> None:
    found = shared(tmp_path)
    first, second = logged_in(found, "maker"), logged_in(found, "maker")
    cookie = dict(first.cookies)
    assert first.post("/api/logout").status_code == 204
    first.cookies.update(cookie)
    assert first.get("/api/me").status_code == 401
    assert second.get("/api/me").status_code == 200
    found.users.change(found.users.named("maker").id, password="another password")
    assert second.get("/api/me").status_code == 401
    assert remote(found).post("/api/login", json={"name": "maker", "password": PASSWORD}).status_code == 401


def test_somebody_changes_their_own_password_by_the_one_before(tmp_path: Path) -> None:
    found = shared(tmp_path)
    browser = logged_in(found, "viewer")
    wrong = browser.post("/api/password", json={"old": "a guess", "new": "a longer secret"})
    assert wrong.status_code == 403, "401 is for who is not logged in"
    assert wrong.json()["error"]["param"] == "old"
    assert "type it again" in wrong.json()["error"]["message"]
    assert browser.get("/api/me").status_code == 200
    assert browser.post("/api/password", json={"old": PASSWORD, "new": "short"}).status_code == 400
    assert browser.post("/api/password", json={"old": PASSWORD, "new": "a longer secret"}).status_code == 204
    assert browser.get("/api/me").status_code == 401
    assert remote(found).post("/api/login", json={"name": "viewer", "password": "a longer secret"}).status_code == 200


def test_who_is_locked_out_is_out_and_the_last_admin_stays(tmp_path: Path) -> None:
    found = shared(tmp_path)
    admin, maker = logged_in(found, "admin"), logged_in(found, "maker")
    key = maker.post("/api/keys", json={"name": "k"}).json()["key"]
    user = found.users.named("maker").id
    assert admin.patch(f"/api/users/{user}", json={"active": False}).status_code == 200
    assert maker.get("/api/me").status_code == 401
    assert remote(found).get("/api/me", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    answer = admin.patch(f"/api/users/{found.users.named('admin').id}", json={"role": "maker"})
    assert answer.status_code == 409
    assert "last admin" in answer.json()["error"]["message"]


def test_guessing_passwords_is_slow(tmp_path: Path) -> None:
    found = shared(tmp_path)
    client = remote(found)
    statuses = [client.post("/api/login", json={"name": "admin", "password": f"guess {i}"}).status_code for i in range(12)]
    assert statuses == [401] * 10 + [429] * 2


def test_guessing_the_password_one_has_is_slow_whatever_is_logged_in_meanwhile(tmp_path: Path) -> None:
    browser = logged_in(shared(tmp_path), "viewer")
    asked = {"old": "a guess", "new": "a longer secret"}
    statuses = [browser.post("/api/password", json=asked).status_code for _ in range(11)]
    assert statuses == [403] * 10 + [429]
    assert browser.post("/api/login", json={"name": "viewer", "password": PASSWORD}).status_code == 200
    assert browser.post("/api/password", json=asked).status_code == 429


def test_few_passwords_are_hashed_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shared(tmp_path)
    running, most, lock = 0, 0, threading.Lock()

    def slow(*_: str) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        raise argon2.exceptions.VerifyMismatchError

    monkeypatch.setattr(users, "_HASHER", SimpleNamespace(verify=slow, hash=slow))

    def guess(number: int) -> None:
        with contextlib.suppress(LoginError, argon2.exceptions.VerifyMismatchError):
            found.users.log_in("admin", "a guess") if number % 2 else found.users.add(f"u{number}", PASSWORD, "maker")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(guess, range(16)))
    assert most == 2


def test_one_network_is_one_guesser(tmp_path: Path) -> None:
    app_ = build(shared(tmp_path))

    def guess(address: str) -> int:
        client = TestClient(app_, base_url=REMOTE, client=(address, 1))
        return client.post("/api/login", json={"name": "admin", "password": "a guess"}).status_code

    assert [guess(f"2001:db8:0:1::{number:x}") for number in range(12)] == [401] * 10 + [429] * 2
    assert guess("2001:db8:0:2::1") == 401
    assert network("::ffff:192.0.2.1") == network("192.0.2.1") == "192.0.2.1"
    assert network("fe80::1%eth0") == network("fe80::2") == "fe80::/64"
    assert network("testclient") == "testclient"


@pytest.mark.parametrize("kind", ["key", "cookie"])
def test_a_stream_ends_with_the_key_or_cookie_that_opened_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("danqing.server.watch.PULSE", 0.1)
    found = studio(tmp_path)
    user = found.users.add("admin", PASSWORD, "admin").id
    if kind == "key":
        headers = {"Authorization": f"Bearer {found.users.add_key(user, 'k')[1]}"}
    else:
        headers = {"Cookie": f"danqing={found.users.log_in('admin', PASSWORD)[1]}"}
    lines = []
    with answering(found) as address, httpx2.stream("GET", f"{address}/api/events", headers=headers, trust_env=False) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            lines.append(line)
            if lines.count(": still here") == 2:  # it goes on as long as it may
                found.users.change(user, password="another password")
            if len(lines) > 60:
                break
    assert 2 <= lines.count(": still here") < 5


def test_admins_see_what_became_of_everybodys_jobs(tmp_path: Path) -> None:
    found = shared(tmp_path)
    [painting] = painted(found, logged_in(found, "maker"))
    admin, viewer = logged_in(found, "admin"), logged_in(found, "viewer")
    small = admin.get(f"/api/paintings/{painting}/small")
    assert (small.status_code, small.headers["content-type"]) == (200, "image/webp")
    assert viewer.get(f"/api/paintings/{painting}/small").status_code == 404
    assert admin.get(f"/api/paintings/{painting}/file").status_code == 404


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(tmp_path: Path) -> None:
    found = shared(tmp_path, https=True)
    answer = remote(found).post("/api/login", json={"name": "admin", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "secure"))


def test_nobody_locks_anybody_else_out(tmp_path: Path) -> None:
    found = shared(tmp_path)
    app_ = build(found)
    elsewhere = TestClient(app_, base_url=REMOTE, client=("192.0.2.1", 1))
    for _ in range(12):
        elsewhere.post("/api/login", json={"name": "admin", "password": "a wrong guess"})
    here = TestClient(app_, base_url=REMOTE, client=("192.0.2.2", 1))
    assert here.post("/api/login", json={"name": "admin", "password": PASSWORD}).status_code == 200


def test_a_proxy_before_it_makes_nobody_an_admin(tmp_path: Path) -> None:
    """A studio that has a name listens on this machine, for a proxy that everybody reaches."""
    found = studio(tmp_path, names=("studio.example",))
    assert remote(found).get("/api/me").status_code == 401
    with pytest.raises(ConfigError, match="first add a user"):
        serve(found.settings, lambda _: None, tmp_path / "other")


def test_only_who_is_let_in_may_send_much(tmp_path: Path) -> None:
    found = shared(tmp_path)
    content = picture(1000)
    assert len(content) > 2 << 20
    assert remote(found).post("/api/pictures", files={"picture": content}).status_code == 413
    assert logged_in(found, "maker").post("/api/pictures", files={"picture": content}).status_code == 201


def test_a_body_of_endless_parts_is_not_taken_apart(tmp_path: Path) -> None:
    body = '{"init_images": [' + "[]," * 60_000 + "[]]}"
    answer = local(studio(tmp_path)).post("/sdapi/v1/img2img", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_a_new_password_ends_keys_and_so_does_the_first_user(tmp_path: Path) -> None:
    found = studio(tmp_path)
    anonymous = local(found).post("/api/keys", json={"name": "k"}).json()["key"]
    found.users.add("admin", PASSWORD, "admin")
    user = found.users.named("admin").id
    _, key = found.users.add_key(user, "mine")
    assert found.users.by_key(anonymous) is None
    assert found.users.by_key(key) is not None
    found.users.change(user, password="another password")
    assert found.users.by_key(key) is None


def test_nothing_but_the_page_and_the_description_lies_outside_the_routes(tmp_path: Path) -> None:
    paths = Counter(getattr(route, "path", "") for route in build(studio(tmp_path)).routes)
    assert paths.pop("", 0) in (0, len(ROUTERS)), "a router that no test knows"
    known = {path for _, path, _ in ROUTES}
    assert set(paths) - known == {"/docs/openapi.json", "/assets/{name}", "/", "/{where:path}"}


def test_the_folder_is_its_owners_alone(tmp_path: Path) -> None:
    assert studio(tmp_path / "s").folder.stat().st_mode & 0o077 == 0


def test_secrets_are_kept_as_hashes(tmp_path: Path) -> None:
    found = shared(tmp_path)
    browser = logged_in(found, "maker")
    key = browser.post("/api/keys", json={"name": "k"}).json()["key"]
    token = browser.cookies["danqing"]
    found.database.close()
    content = b"".join(path.read_bytes() for path in tmp_path.glob("studio.db*"))
    for secret in (PASSWORD, key, token):
        assert secret.encode() not in content


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:7860", "", "[", "10.0.0.1"])
def test_another_name_for_this_machine_is_refused(tmp_path: Path, host: str) -> None:
    """DNS rebinding: a page of evil.example whose name was made to lead here."""
    client = local(studio(tmp_path))
    answer = client.get("/api/health", headers={"Host": host})
    assert answer.status_code == 421
    for good in ("127.0.0.1:7860", "localhost", "LOCALHOST:1", "[::1]:7860"):
        assert client.get("/api/health", headers={"Host": good}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://[bad"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": LOCAL},
    ],
)
def test_another_site_changes_nothing(tmp_path: Path, headers: dict[str, str]) -> None:
    found = studio(tmp_path)
    client = local(found)
    answer = client.post("/api/jobs", json={"words": "x"}, headers=headers)
    assert answer.status_code == 403
    assert client.get("/api/jobs").json()["jobs"] == []
    assert client.post("/api/jobs", json={"words": "x"}, headers={"Origin": LOCAL}).status_code == 202


def test_a_form_of_another_site_is_no_order(tmp_path: Path) -> None:
    """What a form can send without asking: no `Origin` in old browsers, and a body that is not called JSON."""
    client = local(studio(tmp_path))
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = client.post("/api/jobs", content='{"words": "x"}', headers={"Content-Type": kind})
        assert answer.status_code == 422
    assert client.get("/api/jobs").json()["jobs"] == []


def test_a_studio_reached_from_elsewhere_needs_users(tmp_path: Path) -> None:
    found = studio(tmp_path, host="0.0.0.0", names=("studio.example",))
    assert remote(found).get("/api/jobs").status_code == 401


def test_the_first_user_takes_over_what_was_painted_before(tmp_path: Path) -> None:
    found = studio(tmp_path)
    painted(found, local(found))
    found.users.add("admin", PASSWORD, "admin")
    assert local(found).get("/api/paintings").status_code == 401
    client = TestClient(build(found), base_url=LOCAL)
    client.post("/api/login", json={"name": "admin", "password": PASSWORD})
    assert client.get("/api/paintings").json()["total"] == 1
    assert client.get("/api/jobs").json()["jobs"]


def test_answers_forbid_the_browser_what_they_do_not_need(tmp_path: Path) -> None:
    found = studio(tmp_path)
    client = local(found)
    [painting] = painted(found, client)
    for path in (
        "/api/health",
        f"/api/paintings/{painting}/file",
        "/api/nothing",
        f"/api/paintings/{painting}/finish?format=svg",
    ):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


def test_too_large_a_body_is_refused_before_it_is_read(tmp_path: Path) -> None:
    client = local(studio(tmp_path))
    assert client.post("/api/jobs", content=b"x" * (2 << 20)).status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 65536

    answer = client.post("/api/jobs", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_orders_of_one_user_are_counted(tmp_path: Path) -> None:
    found = shared(tmp_path, wishes_a_minute=5)
    client = logged_in(found, "maker")
    assert client.post("/api/jobs", json={"words": "x", "count": 4}).status_code == 202
    answer = client.post("/api/jobs", json={"words": "x", "count": 4})
    assert answer.status_code == 429
    assert answer.json()["error"]["type"] == "rate_limit_error"


def test_users_are_added_and_changed_at_the_command_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*command: str, said: str = "") -> tuple[int, str]:
        found = CliRunner().invoke(app, ["users", *command], input=said)
        return found.exit_code, found.output

    assert run("add", "ann", "--role", "admin", said=f"{PASSWORD}\n") == (0, "ann\n")
    assert run("add", "bo", said=f"{PASSWORD}\n")[0] == 0
    assert run("change", "bo", "--role", "viewer", "--inactive") == (0, "bo changed\n")
    assert run("list") == (0, "ann\tadmin\nbo\tviewer (may not log in)\n")
    assert run("change", "ann", "--role", "maker")[0] == 1
    assert run("add", "cy", said="short\n")[0] == 1
