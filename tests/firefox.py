"""Firefox for tests, headless, by the protocol that it has itself: Marionette, JSON over a socket.

It is WebDriver's protocol without its server, so a test needs no package: only Firefox. Playwright
drives a Firefox of its own, which no package registry has.
"""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

PATIENCE = 60
"""How long Firefox may take for anything, in seconds."""
PREFERENCES = {"ui.prefersReducedMotion": 1, "marionette.port": 0}
HOST = "<!DOCTYPE html><style>body { margin: 0 } iframe { border: 0 }</style><iframe></iframe>"
"""A window of any size: those of Firefox itself have a least width."""
OPEN = """const [url, width, height, done] = arguments, frame = document.querySelector("iframe");
Object.assign(frame, { width, height, onload: () => done(), src: url });"""
RUN = """const [script, given, done] = arguments;
Promise.resolve(eval(`(${script})`)(document.querySelector(".glassgrad-stage"), given)).then(done);
"""


def program() -> str | None:
    """The Firefox that is installed. One of a snap does not see the folders of a test."""
    is_snap = Path("/snap/bin/firefox").exists()
    return shutil.which("firefox-esr") or (None if is_snap else shutil.which("firefox"))


@dataclass
class Firefox:
    """A window with one page, of which `evaluate` asks and in which `act` moves and presses."""

    folder: Path
    _stream: BinaryIO

    def do(self, command: str, **parameters: Any) -> Any:
        """What Firefox answers to a command of the protocol."""
        message = json.dumps([0, 1, f"WebDriver:{command}", parameters]).encode()
        self._stream.write(b"%d:%s" % (len(message), message))
        self._stream.flush()
        _, _, error, result = self.read()
        assert error is None, f"{command}: {error['message']}"
        return result

    def read(self) -> Any:
        """The next message: its length, a colon, JSON."""
        length = b""
        while (digit := self._stream.read(1)) != b":":
            assert digit, "Firefox has ended."
            length += digit
        return json.loads(self._stream.read(int(length)))

    def show(self, html: str, width: int, height: int) -> None:
        """Open a page, from a file, in a window of this size."""
        page, host = self.folder / "page.html", self.folder / "host.html"
        page.write_text(html, "utf-8")
        host.write_text(HOST, "utf-8")
        self.do("SwitchToFrame", id=None)
        self.do("Navigate", url=host.as_uri())
        self.do("ExecuteAsyncScript", script=OPEN, args=[page.as_uri(), width, height])
        (frame,) = self.do("FindElements", using="css selector", value="iframe")
        self.do("SwitchToFrame", element=next(iter(frame.values())))

    def evaluate(self, script: str, given: Any = None) -> Any:
        """What a function gives for the stage and what is given, or what it promises."""
        return self.do("ExecuteAsyncScript", script=RUN, args=[script, given])["value"]

    def act(self, device: str, *actions: dict[str, Any]) -> None:
        """Do what hands do, one after the other, with a device: key, pointer or wheel."""
        does = {"type": device, "id": device, "actions": list(actions)}
        self.do("PerformActions", actions=[does])


@contextmanager
def launched(folder: Path) -> Iterator[Firefox]:
    """A running Firefox, whose profile is new."""
    profile = folder / "profile"
    profile.mkdir()
    lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items())
    (profile / "user.js").write_text("\n".join(lines))
    command = [program(), "--headless", "--no-remote", "--marionette", "--profile", profile]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        try:
            address = "127.0.0.1", _port(profile)
            with (
                socket.create_connection(address, PATIENCE) as line,
                line.makefile("rwb") as stream,
            ):
                window = Firefox(folder, stream)
                window.read()  # who is there
                window.do("NewSession")
                window.do("SetWindowRect", width=1400, height=1000)
                yield window
        finally:
            process.terminate()


def _port(profile: Path) -> int:
    """Where Firefox listens, once it does."""
    told, end = profile / "MarionetteActivePort", time.monotonic() + PATIENCE
    while not (told.exists() and (text := told.read_text())):
        assert time.monotonic() < end, "Firefox does not answer."
        time.sleep(0.02)
    return int(text)
