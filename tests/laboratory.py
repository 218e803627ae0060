"""JupyterLab for tests: a server of its own, and a notebook in it that is run and read.

The server reads and writes nothing of the user's: its settings, its kernels' files and its home
are in a folder of the test. Nothing here needs Jupyter to be imported.
"""

import base64
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import glassgrad

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PATIENCE = 180
"""How long anything may take, in seconds: the machines of CI are slow."""
PYTHON = [sys.executable, "-m", "jupyter"]
OPTIONS = (
    *("--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--LabApp.news_url=None"),
    *("--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",),
    *("--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True"),
)
FOLDERS = {
    **{"HOME": "home", "IPYTHONDIR": "ipython", "JUPYTER_CONFIG_DIR": "config"},
    **{"JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"},
    **{"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"},
}
PIXEL = """async (png) => {
  const image = new Image(), canvas = document.createElement("canvas").getContext("2d");
  image.src = png;
  await image.decode();
  canvas.drawImage(image, 0, 0);
  return Array.from(canvas.getImageData(0, 0, 1, 1).data.slice(0, 3));
}"""
READ = """(root) => {
  const light = (color) => {
    const parts = color.match(/[\\d.]+/g).slice(0, 3).map((part) => {
      const one = part / 255;
      return one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const paper = (node) => {
    for (; node; node = node.parentElement) {
      const box = node.querySelector(":scope > rect"); /* what a text of a picture stands on */
      const color = box ? getComputedStyle(box).fill : getComputedStyle(node).backgroundColor;
      if (!/, 0\\)$|transparent/.test(color)) { return color; }
    }
    return "rgb(255, 255, 255)";
  };
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), found = [];
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim(), node = texts.currentNode.parentElement;
    if (!text || node.closest("style, script, title, desc, mjx-assistive-mml")) { continue; }
    if (!node.checkVisibility({ visibilityProperty: true }) || node.closest("[aria-disabled=true]"))
      { continue; }
    const style = getComputedStyle(node);
    const ink = light(node instanceof SVGElement ? style.fill : style.color);
    const back = light(paper(node));
    found.push([text, (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05)]);
  }
  return found;
}"""


def notebook(cells: Sequence[str]) -> str:
    """A notebook that nobody has run yet, as it is saved."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    listed = [
        {"cell_type": "code", "id": f"cell-{i}", "metadata": {}, "source": source}
        | {"execution_count": None, "outputs": []}
        for i, source in enumerate(cells)
    ]
    form = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}}
    return json.dumps({**form, "cells": listed})


def environment(folder: Path) -> dict[str, str]:
    """Where Jupyter finds this package, and finds and leaves everything of its own."""
    others = {key: text for key, text in os.environ.items() if not key.startswith("JUPYTER")}
    places = {key: str(folder / name) for key, name in FOLDERS.items()}
    for place in places.values():
        Path(place).mkdir(parents=True, exist_ok=True)
    package = str(Path(glassgrad.__file__).parent.parent)
    flags = {"JUPYTER_PLATFORM_DIRS": "1", "PYTHONPATH": package}
    return {**others, **places, **flags}


def executed(path: Path, folder: Path) -> "subprocess.Popen[bytes]":
    """Begin to run a notebook without a browser; its outputs are saved where it lies."""
    with open(folder / "execute.log", "wb") as log:
        return subprocess.Popen(
            [*PYTHON, "execute", "--inplace", str(path)],
            env=environment(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip


def trust(folder: Path, paths: Sequence[Path]) -> None:
    """Say that notebooks are the user's own: JupyterLab runs the scripts of their outputs then."""
    import nbformat
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary(data_dir=environment(folder)["JUPYTER_DATA_DIR"])
    for path in paths:
        notary.sign(nbformat.read(path, as_version=4))
    notary.store.close()


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that runs.

    Attributes:
        folder: where its notebooks are, in `notebooks`, and all that it writes.
        url: its address, which ends with a slash.
        token: what opens it.
    """

    folder: Path
    url: str
    token: str

    def path(self, name: str) -> Path:
        """Where a notebook lies."""
        return self.folder / "notebooks" / name

    def address(self, name: str) -> str:
        """Where a notebook, or none, is opened in a workspace of its own."""
        place = f"{Path(name).stem}/tree/{name}" if name else "empty"
        return f"{self.url}lab/workspaces/{place}?token={self.token}"


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """A JupyterLab in a folder; in the end it and its kernels are gone."""
    variables = environment(folder)
    configure(folder)
    token = secrets.token_hex(16)
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen(
            [*PYTHON, "lab", *OPTIONS, f"--ServerApp.port={free_port()}",
             f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder / 'notebooks'}"],
            env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield Lab(folder, address_of(server, folder), token)
    finally:
        stop(server, folder)


def configure(folder: Path) -> None:
    """Switch off what asks the network, and what asks the user."""
    settings = {
        "docmanager-extension/plugin": {"autosave": False},
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    }
    for name, content in settings.items():
        path = folder / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")


def free_port() -> int:
    """A port that nobody listens on; if another takes it meanwhile, Jupyter takes the next."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def address_of(server: "subprocess.Popen[bytes]", folder: Path) -> str:
    """Where the server listens, which it writes into a file when it does."""
    path = folder / "runtime" / f"jpserver-{server.pid}.json"
    end = monotonic() + PATIENCE
    while server.poll() is None and monotonic() < end:
        try:
            return json.loads(path.read_text(encoding="utf-8"))["url"]
        except (OSError, ValueError):  # not yet there, or half written
            sleep(0.05)
    log = (folder / "server.log").read_text(encoding="utf-8", errors="replace")
    raise RuntimeError(f"JupyterLab does not start.\n{log[-2000:]}")


def stop(server: "subprocess.Popen[bytes]", folder: Path) -> None:
    """End the server, which ends its kernels; whatever is left is killed."""
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    for process in kernels(folder):
        os.kill(process, signal.SIGKILL)


def kernels(folder: Path) -> list[int]:
    """The kernels of a server that still run, where the system tells."""
    wanted = os.fsencode(folder / "runtime")
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if wanted in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:  # it has just ended
            continue
    return found


BEGUN = """async (prompt) => {
  const end = performance.now() + 1000;
  while (prompt.textContent === "[ ]:" && performance.now() < end) {
    await new Promise(requestAnimationFrame);
  }
}"""
"""Waits until a cell is to be run, and no longer than a second."""
OPEN = """async (path) => {
  while (!window.jupyterapp) { await new Promise(requestAnimationFrame); }
  await jupyterapp.restored;
  window.opened?.dispose();
  window.kernel ??= await jupyterapp.serviceManager.kernels.startNew({ name: "python3" });
  const kernel = { id: window.kernel.id };
  window.opened = await jupyterapp.commands.execute("docmanager:open", { path, kernel });
  await opened.sessionContext.ready;
}"""


def opened(page: "Page", path: str, cells: int) -> "Locator":
    """The cells of a notebook that is opened in the place of the one before, on its kernel."""
    page.evaluate(OPEN, path)
    found = page.locator(".jp-Notebook .jp-Cell")
    found.nth(cells - 1).wait_for(state="attached")
    return found


class Notebook:
    """A notebook that is open in JupyterLab."""

    def __init__(self, page: "Page", address: str, cells: int) -> None:
        self.page = page
        page.set_default_timeout(1000 * PATIENCE)
        page.goto(address)
        self.cells = page.locator(".jp-Notebook .jp-Cell")
        self.cells.nth(cells - 1).wait_for(state="attached")
        self.wait_for_kernel()

    def wait_for_kernel(self) -> None:
        """Wait until the kernel is there and has nothing to do."""
        self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()

    def output(self, cell: int) -> "Locator":
        """What a cell shows, brought into view: JupyterLab draws only what is seen."""
        self.cells.nth(cell).scroll_into_view_if_needed()
        return self.cells.nth(cell).locator(".jp-OutputArea-output")

    def menu(self, name: str, *entries: str) -> None:
        """Choose an entry of the menu bar."""
        self.page.get_by_role("menuitem", name=name, exact=True).click()
        *inner, last = (self.entry(text) for text in entries)
        for entry in inner:
            entry.hover()
        last.click()

    def entry(self, text: str) -> "Locator":
        """An entry of an open menu, by its text, which may end with an ellipsis."""
        pattern = re.compile(rf"^{re.escape(text)}…?$")
        label = self.page.locator(".lm-Menu-itemLabel").filter(has_text=pattern)
        return self.page.locator(".lm-Menu-item").filter(has=label)

    def run_all(self) -> None:
        """Run all cells and wait until the last is done.

        On a busy machine the entry may be chosen before JupyterLab has what it needs to act on it.
        """
        prompt = self.cells.last.locator(".jp-InputPrompt")
        end = monotonic() + PATIENCE
        while prompt.text_content() == "[ ]:" and monotonic() < end:
            self.menu("Run", "Run All Cells")
            prompt.evaluate(BEGUN)
        self.wait_for_prompt(self.cells.count() - 1, "[ ]:")

    def run(self, cell: int) -> None:
        """Run one cell by the keyboard and wait until it is done."""
        self.cells.nth(cell).scroll_into_view_if_needed()
        before = self.cells.nth(cell).locator(".jp-InputPrompt").inner_text()
        self.cells.nth(cell).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        self.wait_for_prompt(cell, before)

    def wait_for_prompt(self, cell: int, before: str) -> None:
        """Wait until a cell has a number that it did not have before."""
        self.page.wait_for_function(
            """([cell, before]) => {
              const prompts = document.querySelectorAll(".jp-Notebook .jp-InputPrompt");
              const now = prompts[cell].textContent;
              return now !== before && /^\\[\\d+\\]:$/.test(now);
            }""",
            arg=[cell, before],
        )
        self.wait_for_kernel()

    def theme(self, name: str) -> None:
        """Change the colours of JupyterLab by its menu."""
        self.menu("Settings", "Theme", f"JupyterLab {name}")
        light = str(name == "Light").lower()
        self.page.locator(f"body[data-jp-theme-light={light}]").wait_for(state="attached")

    def save(self) -> None:
        """Save and wait until it is done."""
        self.menu("File", "Save Notebook")
        self.page.locator(".jp-mod-dirty").wait_for(state="detached")

    def selection(self) -> list[list[Any]]:
        """Of every cell: its kind, and whether it is the active one."""
        return self.cells.evaluate_all(
            """(cells) => cells.map((cell) => [
              cell.classList.contains("jp-CodeCell") ? "code" : "other",
              cell.classList.contains("jp-mod-active"),
            ])"""
        )


def pixel(page: "Page", x: float, y: float) -> list[int]:
    """The red, green and blue of one point that is on the screen."""
    png = page.screenshot(clip={"x": x, "y": y, "width": 1, "height": 1})
    return page.evaluate(PIXEL, "data:image/png;base64," + base64.b64encode(png).decode())


def contrasts(element: "Locator") -> dict[str, float]:
    """How much every visible text stands out from its background, as WCAG counts it."""
    found: dict[str, float] = {}
    for text, contrast in element.evaluate(READ):
        found[text] = min(contrast, found.get(text, contrast))
    return found
