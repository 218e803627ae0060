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
PATIENCE = 60_000
"""How long a page may take for anything, in milliseconds."""
LOCAL = ("file:", "data:", "blob:", "about:")
PAINTED = """async () => {
  for (let i = 0; i < 3; i += 1) { await new Promise(done => requestAnimationFrame(done)); }
}"""
"""When the page is laid out: in one frame sizes are told that have changed, the next follows."""
TELL = """addEventListener("error", event => {
  if (event.message && !event.error) { console.error(event.message); }
});"""
"""A script that says which errors no exception was thrown for: Firefox and Safari list them too."""


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


PLAIN = {"viewport": {"width": 1200, "height": 1600}}
USUAL = {
    **{"media": "screen", "color_scheme": "light"},
    **{"reduced_motion": "no-preference", "forced_colors": "none"},
}
"""What a page shows where a test asks for nothing else. A page that is open can be brought to show
something else, so that a test that asks for no more needs none of its own."""


@dataclass
class Pages:
    """Opens pages and notes what they say. One of the usual kind is used again by the next test.

    Attributes:
        browser: where the pages are opened.
        folder: where `show` writes its files.
        said: console messages, errors, and requests that failed or left this machine.
    """

    browser: "Browser"
    folder: Path
    said: list[str] = field(default_factory=list)
    _idle: list["Page"] = field(default_factory=list)
    _in_use: list["Page"] = field(default_factory=list)
    _contexts: list["BrowserContext"] = field(default_factory=list)
    _expected: list[str] = field(default_factory=list)

    def __call__(self, *, clock: bool = False, **options: Any) -> "Page":
        """A page as it is when it is new.

        Args:
            clock: whether time in it is Playwright's, from 0. It is so from the start: what a page
                asks of its own clock can no longer be taken back from another one.
            options: those of Playwright's `Browser.new_context`.
        """
        if clock or not options.keys() <= {"viewport", *USUAL}:
            page = self._opened(options)
            self._contexts.append(page.context)
            if clock:
                page.clock.install(time=0)
            return page
        page = self._idle.pop() if self._idle else self._opened({})
        self._in_use.append(page)
        if viewport := options.pop("viewport", None):
            page.set_viewport_size(viewport)
        if options:
            page.emulate_media(**options)
        return page

    def _opened(self, options: dict[str, Any]) -> "Page":
        context = self.browser.new_context(**PLAIN | options)
        context.set_default_timeout(PATIENCE)
        context.add_init_script(TELL)
        context.on("console", self._hear_console)
        context.on("weberror", lambda error: self.said.append(f"error: {error.error}"))
        context.on("request", self._see_request)
        context.on("requestfailed", lambda request: self.said.append(f"failed: {request.url}"))
        return context.new_page()

    def show(self, text: str, **options: Any) -> "Page":
        """A page that has opened this HTML from a file, and is laid out."""
        path = self.folder / f"page{len(self._contexts) + len(self._in_use)}.html"
        path.write_text(text, "utf-8")
        page = self(**options)
        page.goto(path.as_uri())
        if options.get("java_script_enabled", True):
            page.evaluate(PAINTED)
        return page

    def expect(self, pattern: str) -> None:
        """From now on what this regular expression finds in may be said."""
        self._expected.append(pattern)

    def unexpected(self) -> list[str]:
        """What was said without being expected."""
        return [s for s in self.said if not any(re.search(p, s) for p in self._expected)]

    def tidy(self) -> None:
        """After a test: its pages are as new, or gone."""
        for page in self._in_use:
            page.goto("about:blank")
            page.mouse.move(0, 0)
            if page.viewport_size != PLAIN["viewport"]:
                page.set_viewport_size(PLAIN["viewport"])
            page.emulate_media(**USUAL)
        self._idle += self._in_use
        for context in self._contexts:
            context.close()
        self._in_use, self._contexts = [], []
        self.said, self._expected = [], []

    def close(self) -> None:
        """End all pages."""
        for context in self._contexts + [page.context for page in self._idle + self._in_use]:
            context.close()

    def _hear_console(self, message: "ConsoleMessage") -> None:
        self.said.append(f"{message.type}: {message.text}")

    def _see_request(self, request: "Request") -> None:
        if not request.url.startswith(LOCAL):
            self.said.append(f"request: {request.url}")
