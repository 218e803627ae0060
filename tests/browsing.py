"""A real browser for tests: headless Chromium, driven by mouse and keyboard through Playwright.

Nothing here needs Playwright to be imported; without it, or without a Chromium, `needing.py` leaves
out the tests that ask for the fixtures of `conftest.py`.
"""

import asyncio
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    "--disable-sync",
]
PATIENCE = 90_000
"""How long a page may take for anything, in milliseconds."""
LOCAL = ("file:", "data:", "blob:", "about:")


def program() -> str | None:
    """The Chromium that is installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def launched() -> Iterator["Browser"]:
    """A running Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program(), args=OPTIONS)
        yield browser
        browser.close()


@contextmanager
def hidden_loop() -> Iterator[None]:
    """Between its calls Playwright leaves its event loop running; others must not meet it."""
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)


@dataclass
class Pages:
    """Opens fresh pages, each in a context of its own, and notes what they say.

    Attributes:
        browser: where the pages are opened.
        folder: where `show` writes its files.
        said: console messages, errors, and requests that failed or left this machine.
    """

    browser: "Browser"
    folder: Path
    said: list[str] = field(default_factory=list)
    _contexts: list["BrowserContext"] = field(default_factory=list)
    _expected: list[str] = field(default_factory=list)

    def __call__(self, **options: Any) -> "Page":
        """A page; the options are those of Playwright's `Browser.new_context`."""
        context = self.browser.new_context(
            **{"viewport": {"width": 1200, "height": 1600}} | options
        )
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        context.on("console", self._hear_console)
        context.on("weberror", lambda error: self.said.append(f"error: {error.error}"))
        context.on("request", self._see_request)
        context.on("requestfailed", lambda request: self.said.append(f"failed: {request.url}"))
        return context.new_page()

    def show(self, text: str, **options: Any) -> "Page":
        """A page that has opened this HTML from a file."""
        path = self.folder / f"page{len(self._contexts)}.html"
        path.write_text(text, "utf-8")
        page = self(**options)
        page.goto(path.as_uri())
        return page

    def expect(self, pattern: str) -> None:
        """From now on what this regular expression finds in may be said."""
        self._expected.append(pattern)

    def unexpected(self) -> list[str]:
        """What was said without being expected."""
        return [s for s in self.said if not any(re.search(p, s) for p in self._expected)]

    def close(self) -> None:
        """End all pages."""
        for context in self._contexts:
            context.close()

    def _hear_console(self, message: "ConsoleMessage") -> None:
        self.said.append(f"{message.type}: {message.text}")

    def _see_request(self, request: "Request") -> None:
        if not request.url.startswith(LOCAL):
            self.said.append(f"request: {request.url}")
