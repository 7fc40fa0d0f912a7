"""What stands before every route: whom the request was meant for, where it came from, how large it is; and what the answer
forbids the browser.

A page of another site can make a browser send requests to this machine. Two checks keep them out: the `Host` must be a name
of this studio (DNS rebinding), and what changes anything must not come from another site (cross-site request forgery), as
`Origin` and `Sec-Fetch-Site` say (Fetch Metadata, W3C). Programs send neither, and have no cookies to misuse.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from danqing.server.problems import problem

SAFE = ("GET", "HEAD", "OPTIONS")
LARGE = ("/api/pictures", "/v1/images/edits", "/sdapi/v1/img2img", "/sdapi/v1/png-info")
"""Where pictures are sent to."""
LARGEST, USUAL = 48 << 20, 1 << 20
"""Bytes of a body there, of somebody who is let in, and elsewhere."""
SIGNS = 50_000
"""Brackets and commas of such a body that is JSON: pictures have none, and each costs a hundred times its byte to read."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
NOTHING = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""The policy of every answer that is not the page itself: it may do nothing."""


class Guard:
    """Middleware.

    Args:
        app: what it stands before.
        names: host names that the studio answers to.
        anywhere: answer to every IP address too, which no site can rebind; for a studio with users.
        known: whether headers are of somebody who is let in; only they may send large bodies, which are read before any
            route is asked.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str], anywhere: bool, known: Callable[[Headers], Awaitable[bool]]) -> None:
        self.app, self.names, self.anywhere = app, frozenset(name.lower() for name in names), anywhere
        self.known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await problem(*refusal)(scope, receive, self._marked(send))
            return
        limit = USUAL
        if scope["path"].startswith(LARGE) and scope["method"] not in SAFE and await self.known(headers):
            limit = LARGEST
        json = headers.get("content-type", "").partition(";")[0].strip().lower().endswith("json")
        await self.app(scope, _limited(receive, limit, SIGNS if json else limit), self._marked(send))

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str, str] | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._known(hosts[0]):
            return 421, "the studio does not go by the name in 'Host': give it to 'danqing serve' with --name", "Host"
        if scope["method"] not in SAFE:
            origin = headers.get("origin")
            site = headers.get("sec-fetch-site", "none")
            same = origin is None or origin.lower().partition("://")[2] == hosts[0].lower()
            if not same or site not in ("same-origin", "none"):
                return 403, "this came from another site, and only the studio's own page may change things", "Origin"
        limit = LARGEST if scope["path"].startswith(LARGE) else USUAL
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            return 413, f"the body is larger than {limit >> 20} MiB: send less", "Size"
        return None

    def _known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self.names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self.anywhere

    def _marked(self, send: Send) -> Send:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", NOTHING)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        return marked


def _limited(receive: Receive, limit: int, most: int) -> Receive:
    """Read no more than so many bytes, and so many signs of JSON, whatever the length that was stated."""
    seen = signs = 0

    async def limited() -> Message:
        nonlocal seen, signs
        message = await receive()
        body = message.get("body", b"")
        seen += len(body)
        signs += sum(body.count(sign) for sign in (b"[", b"{", b","))
        if seen > limit or signs > most:
            raise HTTPException(413, f"the body is larger than {limit >> 20} MiB, or has too many parts: send less")
        return message

    return limited
