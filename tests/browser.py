"""A studio, and a browser to use it with, for the tests of the page."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from serving import serving

from danqing.server.page import built

WEB = Path(__file__).parents[1] / "web"
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 30_000
"""Milliseconds; pages answer at once, paintings take their time where others work too."""
QUICK = {"count": 1, "steps": 4, "size": [32, 32]}
"""What the form holds in most tests, so that a painting takes a moment."""


def lacking() -> str | None:
    """What the tests of the page need and do not find; `None` where they can run."""
    if CHROMIUM is None:
        return "no Chromium was found: install it (on Debian, 'apt-get install chromium') to test the page"
    if built() is None:
        return "the page is not built: 'make web' builds it, and then its tests run"
    return None


class Studio:
    """A studio that is being served.

    Args:
        address: its page's, without a slash at the end.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str) -> Any:
        """What the API answers."""
        with urllib.request.urlopen(self.address + path, timeout=10) as answer:
            return json.load(answer)

    def post(self, path: str, body: Any) -> Any:
        """Likewise."""
        request = urllib.request.Request(
            self.address + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    @property
    def total(self) -> int:
        """How many paintings there are."""
        return int(self.get("/api/paintings?most=1")["total"])

    def painted(self, count: int) -> None:
        """Order some small paintings and wait for them."""
        job = self.post("/api/jobs", {"words": "a green leaf", **QUICK, "count": count})["id"]
        waiting(lambda: self.get(f"/api/jobs/{job}")["state"] == "done")


def waiting(true: Any, seconds: float = 60.0) -> None:
    """Until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.05)


@contextlib.contextmanager
def served(home: Path) -> Iterator[Studio]:
    """A studio in a home of its own, whose worker is ready."""
    with serving(home) as address:
        studio = Studio(address)
        waiting(lambda: all(painter["heeds"] is not None for painter in studio.get("/api/painters")))
        yield studio


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of the system."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def visiting(
    browser: Browser, studio: Studio, form: dict[str, Any] | None = None, locale: str = "en-GB", **kept: str
) -> Iterator[Page]:
    """The page as somebody sees it whose browser kept `form` and whatever else. Nothing may be complained of meanwhile."""
    stored = {f"danqing.{name}": json.dumps(value) for name, value in kept.items()}
    if form is not None:
        stored["danqing.form"] = json.dumps(form)
    scheme = kept.get("scheme")
    if scheme:
        stored["mantine-color-scheme-value"] = scheme
    context = browser.new_context(
        locale=locale,
        viewport={"width": 1280, "height": 900},
        reduced_motion="reduce",
        storage_state={
            "cookies": [],
            "origins": [
                {
                    "origin": studio.address,
                    "localStorage": [{"name": name, "value": value} for name, value in stored.items()],
                }
            ],
        },
    )
    # What a policy forbids is told to the console by most browsers, and to the page by all.
    context.add_init_script(
        "addEventListener('securitypolicyviolation', (e) => console.error('policy', e.violatedDirective, e.blockedURI))"
    )
    troubles: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # A preview is gone as soon as its painting is there, so the last look may come too late.
        if message.type in ("error", "warning") and "/preview" not in message.location.get("url", ""):
            troubles.append(f"{message.type}: {message.text}")

    context.on("console", heard)
    context.on("weberror", lambda error: troubles.append(str(error.error)))
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    try:
        yield context.new_page()
        assert not troubles, troubles
    finally:
        context.close()


def violations(page: Page) -> list[str]:
    """What axe finds wrong with a page, by the rules of WCAG 2.2 A and AA."""
    page.evaluate(AXE.read_text(encoding="utf8"))
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations']})"
    )
    return [
        f"{violation['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
