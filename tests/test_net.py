"""Fetching an address: what the network may do to us, played by a server on this machine."""

import http.server
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from danqing import net
from danqing.errors import DataError
from danqing.net import fetch, is_public

CONTENT = bytes(range(256)) * 40


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/to/"):
            self._redirect(self.path.removeprefix("/to/"))
        elif path.startswith("/loop/"):
            self._redirect(f"/loop/{int(path.removeprefix('/loop/')) - 1}" if path != "/loop/0" else "/whole")
        elif path == "/slow":
            self._head({"Content-Length": "1000"})
            for _ in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)
        elif path == "/endless":
            self._head({})
            self._flood()
        elif path == "/trickle":
            self._head({})
            for _ in range(60):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)
        elif path == "/cut":
            self._head({"Content-Length": str(len(CONTENT) + 1)})
            self.wfile.write(CONTENT)
        elif path == "/packed":
            self._head({"Content-Encoding": "gzip", "Content-Length": "3"})
            self.wfile.write(b"abc")
        elif path in ("/whole", "/%E5%9B%BE%20x"):
            self._head({"Content-Length": str(len(CONTENT)), "Content-Type": "image/png; charset=x"})
            self.wfile.write(CONTENT)
        else:
            self.send_error(404)

    def _flood(self) -> None:
        try:
            for _ in range(10_000):
                self.wfile.write(CONTENT)
        except OSError:
            self.server.stopped_at_limit.set()  # type: ignore[attr-defined]

    def _redirect(self, place: str) -> None:
        self.send_response(302)
        self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _head(self, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True


@pytest.fixture(scope="module")
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.stopped_at_limit = threading.Event()  # type: ignore[attr-defined]
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


@pytest.fixture
def root(server: http.server.ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def get(address: str, max_bytes: int = 1 << 20, timeout: float = 5) -> net.Fetched:
    return fetch(address, max_bytes=max_bytes, timeout=timeout, allow_private=True)


def test_a_file_comes_whole(root: str) -> None:
    found = get(f"{root}/whole", max_bytes=len(CONTENT))
    assert (found.content, found.address, found.content_type) == (CONTENT, f"{root}/whole", "image/png")


def test_letters_outside_ascii_are_escaped(root: str) -> None:
    assert get(f"{root}/图 x").content == CONTENT
    assert get(f"{root}/%E5%9B%BE%20x").content == CONTENT


def test_redirects_are_followed_up_to_five(root: str) -> None:
    assert get(f"{root}/loop/4").address == f"{root}/whole"
    with pytest.raises(DataError, match="redirects more than 5 times"):
        get(f"{root}/loop/5")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/missing", "answered 404"),
        ("/cut", "cannot be fetched"),
        ("/packed", "packed as 'gzip'"),
        ("/to/file:///etc/passwd", "cannot be fetched"),
        ("/to/ftp://127.0.0.1/x", "cannot be fetched"),
        ("/to/http://user:secret@127.0.0.1/x", "user name or password"),
    ],
)
def test_bad_answers_have_a_reason(root: str, path: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        get(root + path)


def test_no_more_is_read_than_allowed(root: str, server: http.server.ThreadingHTTPServer) -> None:
    with pytest.raises(DataError, match=f"more than {len(CONTENT) - 1} bytes"):
        get(f"{root}/whole", max_bytes=len(CONTENT) - 1)
    with pytest.raises(DataError, match="more than 100000 bytes"):
        get(f"{root}/endless", max_bytes=100_000)
    assert server.stopped_at_limit.wait(5)  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/slow", "/trickle"])
def test_the_time_limit_holds_although_bytes_keep_coming(root: str, path: str) -> None:
    began = time.monotonic()
    with pytest.raises(DataError, match=r"within 0\.4 seconds"):
        get(root + path, timeout=0.4)
    assert time.monotonic() - began < 2


def test_a_private_address_is_refused_before_anything_is_sent(root: str) -> None:
    with pytest.raises(DataError, match="leads to a network that is not on the public internet"):
        fetch(f"{root}/whole", max_bytes=1000)
    with pytest.raises(DataError, match="not on the public internet"):
        fetch(root.replace("127.0.0.1", "localhost"), max_bytes=1000)
    for number in ("2130706433", "0x7f.1", "0"):  # other ways to write this machine's address
        with pytest.raises(DataError):
            fetch(root.replace("127.0.0.1", number), max_bytes=1000)


def test_a_redirect_to_a_private_address_is_refused(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first peer counts as public, the one redirected to does not."""
    monkeypatch.setattr(net, "is_public", lambda peer: peer == "127.0.0.1")
    with pytest.raises(DataError, match="leads to a network that is not on the public internet"):
        fetch(f"{root}/to/http://169.254.169.254/latest", max_bytes=1000)
    with pytest.raises(DataError, match="not on the public internet"):
        fetch(f"{root}/to/http://[::1]:9/", max_bytes=1000)


def test_what_counts_is_the_peer_of_the_socket(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that says a public address when asked, while the connection ends at this machine."""
    port = int(root.rpartition(":")[2])
    real = socket.socket.connect
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]
    )
    monkeypatch.setattr(socket.socket, "connect", lambda link, place: real(link, ("127.0.0.1", place[1])))
    with pytest.raises(DataError, match="leads to a network that is not on the public internet"):
        fetch(f"http://museum.example:{port}/whole", max_bytes=1000)


PRIVATE = (
    "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 0.0.0.0 100.64.0.1 224.0.0.1 240.0.0.1 255.255.255.255 "
    "192.0.2.1 198.18.0.1 :: ::1 fe80::1 fe80::1%eth0 fc00::1 ff02::1 2001:db8::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 "
    "64:ff9b::7f00:1 64:ff9b::a00:1 2002:7f00:1:: 2002:a00:1::1 nonsense"
)


@pytest.mark.parametrize("address", PRIVATE.split())
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address", ["", "museum.example/a.png", "file:///etc/passwd", "ftp://x/y", "http://", "http://[::1", "http://x:99999/"]
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(DataError, match="https://host/path"):
        get(address)
