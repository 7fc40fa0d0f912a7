"""The one guarded way to fetch an address that somebody wrote down.

A list of addresses may name this machine or its neighbours (server-side request forgery), a host whose name changes its
meaning between check and use, or a file without end. So what counts is the peer of the connected socket, checked again
after every redirect; and bytes, time and redirects are limited. Proxies are not used.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import http.client
import ipaddress
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterator

from danqing.errors import DataError

REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}
_MOVED = (301, 302, 303, 307, 308)
_SAFE = "!#$%&'()*+,/:;=?@[]~"
_HEADERS = {"User-Agent": "danqing", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PIECE = 1 << 16


@dataclasses.dataclass(frozen=True, slots=True)
class Fetched:
    """What an address held. `address` is the one that answered, after redirects; `content_type` is what the server claims."""

    content: bytes
    address: str
    content_type: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Target:
    secure: bool
    host: str
    port: int
    path: str
    address: str


def fetch(address: str, *, max_bytes: int, timeout: float = 30.0, allow_private: bool = False) -> Fetched:
    """Fetch an http or https address.

    Args:
        address: whole, with its scheme.
        max_bytes: more than these are refused.
        timeout: seconds for the whole, redirects included.
        allow_private: also connect to this machine and to private networks; for a server one runs oneself.

    Raises:
        DataError: it is no such address, leads to a private network, or cannot be had within the limits.
    """
    deadline = time.monotonic() + timeout
    place = address
    for _ in range(REDIRECTS + 1):
        target = _target(place)
        try:
            answer = _ask(target, max_bytes, deadline, allow_private)
            if time.monotonic() >= deadline:  # what came may have been cut short by `_cut_at`
                raise TimeoutError
        except (OSError, ValueError, http.client.HTTPException) as error:
            late = time.monotonic() >= deadline
            reason = f"no whole answer within {timeout:g} seconds" if late else str(error) or type(error).__name__
            raise DataError(f"'{place}' cannot be fetched ({reason}): check the address and try again") from error
        if isinstance(answer, Fetched):
            return answer
        place = urllib.parse.urljoin(target.address, answer)
        if target.secure and not place.startswith("https:"):
            raise DataError(f"'{address}' redirects to '{place}', which is not protected as https is: give another address")
    raise DataError(f"'{address}' redirects more than {REDIRECTS} times: give the address it ends at")


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet; an IPv4 address inside an IPv6 one counts as itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inside = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inside = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        found = inside or found
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_link_local or found.is_loopback)


def _target(address: str) -> _Target:
    """The parts of an address; letters outside ASCII are written as browsers write them.

    Raises:
        DataError: it is not a whole http or https address.
    """
    try:
        parts = urllib.parse.urlsplit(address.strip())
        port = parts.port or _PORTS.get(parts.scheme, 0)
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError as error:
        raise DataError(f"'{address}' is no address ({error}): write it as https://host/path") from error
    if parts.scheme not in _PORTS or not host:
        raise DataError(f"'{address}' cannot be fetched: write it as https://host/path or http://host/path")
    if parts.username is not None or parts.password is not None:
        raise DataError(f"the address of '{host}' holds a user name or password: give one that needs none")
    path = urllib.parse.quote(parts.path or "/", safe=_SAFE) + (
        f"?{urllib.parse.quote(parts.query, safe=_SAFE)}" if parts.query else ""
    )
    netloc = (f"[{host}]" if ":" in host else host) + (f":{port}" if port != _PORTS[parts.scheme] else "")
    return _Target(parts.scheme == "https", host, port, path, f"{parts.scheme}://{netloc}{path}")


def _ask(target: _Target, max_bytes: int, deadline: float, allow_private: bool) -> Fetched | str:
    """The answer, or the address it redirects to."""
    with _connected(target, deadline, allow_private) as plain, _cut_at(plain, deadline):
        link = _trust().wrap_socket(plain, server_hostname=target.host) if target.secure else plain
        with link:
            kind = http.client.HTTPSConnection if target.secure else http.client.HTTPConnection
            connection = kind(target.host, target.port)
            connection.sock = link
            connection.request("GET", target.path, headers=_HEADERS)
            with connection.getresponse() as answer:
                location = answer.getheader("Location")
                if answer.status in _MOVED and location:
                    return urllib.parse.quote(location.encode("latin-1"), safe=_SAFE)
                if answer.status != 200:
                    raise DataError(f"'{target.address}' answered {answer.status} {answer.reason}: check the address")
                return Fetched(_body(answer, max_bytes, target), target.address, answer.headers.get_content_type())


def _body(answer: http.client.HTTPResponse, max_bytes: int, target: _Target) -> bytes:
    coding = answer.getheader("Content-Encoding", "identity")
    if coding != "identity":
        raise DataError(f"'{target.address}' answered packed as '{coding}', which was not asked for: give another address")
    promised = answer.length
    content = bytearray()
    while promised is None or promised <= max_bytes:
        piece = answer.read(min(_PIECE, max_bytes + 1 - len(content)))
        content += piece
        if not piece or len(content) > max_bytes:
            break
    if (promised or 0) > max_bytes or len(content) > max_bytes:
        raise DataError(f"'{target.address}' holds more than {max_bytes} bytes: give a smaller file or a larger limit")
    if promised is not None and len(content) < promised:
        raise http.client.IncompleteRead(b"", promised - len(content))
    return bytes(content)


def _connected(target: _Target, deadline: float, allow_private: bool) -> socket.socket:
    """A socket whose peer is allowed; the name is resolved once, and what it then says is not asked again."""
    failure: OSError = OSError("the name has no address")
    for family, kind, protocol, _, place in socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM):
        _allow(str(place[0]), target, allow_private)
        link = socket.socket(family, kind, protocol)
        try:
            link.settimeout(max(deadline - time.monotonic(), 0.001))
            link.connect(place)
            _allow(str(link.getpeername()[0]), target, allow_private)
            return link
        except OSError as error:
            link.close()
            failure = error
        except DataError:
            link.close()
            raise
    raise failure


def _allow(peer: str, target: _Target, allow_private: bool) -> None:
    if not allow_private and not is_public(peer):
        # Which private address a name has is not told: whoever asks may be somebody elsewhere.
        raise DataError(f"'{target.address}' leads to a network that is not on the public internet: give a public address")


@contextlib.contextmanager
def _cut_at(link: socket.socket, deadline: float) -> Iterator[None]:
    """Shut the connection at the deadline, however slowly bytes trickle in: a socket's own timeout starts anew with each."""
    # TLS takes the descriptor over, so it is shut through a second one.
    twin = link.dup()

    def cut() -> None:
        with contextlib.suppress(OSError):
            twin.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(max(deadline - time.monotonic(), 0.001), cut)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
        twin.close()


@functools.cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
