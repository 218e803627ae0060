"""The live page: what a frame takes when a number changes, and when a step is shown, in Chromium.

A frame is the change, its drawing in scripts, and the style, layout and paint that follow, as the
main thread of the browser does them. At 60 frames a second there are 16 ms. It needs Playwright
and a Chromium; without them the group says that it is skipped.
"""

from __future__ import annotations

import shutil
from statistics import median
from typing import Any

from benchmarks.pictures import AIM
from benchmarks.timing import OURS, Workload, peer
from glassgrad import MLP, Value, backprop
from glassgrad.viz.steps import Steps

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
LIMIT = 16.0
"""What is aimed at, in milliseconds."""
NOTHING, CHANGE, STEP = "nothing happens", "a number is changed", "a step is shown"
"""A frame in which nothing happens tells how busy the machine is with other work."""
MEASURE = """async ([name, level, drawer, count]) => {
  const { stage } = document.querySelector(".glassgrad-stage");
  if (level) { stage.open(level); }
  if (drawer) { document.querySelector(`.gg-open-${drawer}`).click(); }
  stage.go(stage.count - 1);
  const start = stage.numbers()[name].value, acts = [
    () => undefined,
    i => stage.set(name, start + 0.01 * (i + 1)),
    i => stage.go(i * 37 % stage.count)];
  const painted = act => new Promise((done, fail) => requestAnimationFrame(() => {
    const began = performance.now(), { port1, port2 } = new MessageChannel();
    port1.onmessage = () => done(performance.now() - began);
    try { act(); } catch (error) { fail(error); return; }
    port2.postMessage(null);
  }));
  const times = [];
  for (const act of acts) {
    const these = [];
    for (let i = 0; i < count; i += 1) { these.push(await painted(() => act(i))); }
    times.push(these);
  }
  return times;
}"""
"""The times of many frames of each kind. A message is heard after its frame is painted."""


def frames(quick: bool, slow: bool) -> list[Workload]:
    """Milliseconds of a frame in graphs of several kinds, up to the largest that is live."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    playwright = peer("playwright.sync_api")
    if browser is None or playwright is None:
        missing = "Chromium" if playwright else "Playwright"
        skipped = {"frames": f"{missing} is not installed"}
        return [Workload("frames", "frames of the live page", "ms", {}, skipped=skipped)]
    found = []
    with playwright.sync_playwright() as driver:
        program = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        try:
            for title, (steps, leaf, *view) in pages().items():
                page = _opened(program, steps)
                times = page.evaluate(MEASURE, [leaf, *view, 8 if quick else 60])
                page.close()
                found += [
                    _workload(title, act, each) for act, each in zip((NOTHING, CHANGE, STEP), times)
                ]
        finally:
            program.close()
    return found


def pages() -> dict[str, tuple[Steps, str, str, str]]:
    """Graphs with a leaf to change, the level to look at, and the drawer that is open.

    "" is the level that a page begins with, and no drawer.
    """
    network, batch, long = backprop(_network()), backprop(_batch()), backprop(chain(1_000))
    count, more = (f"{len(steps.diagram)} nodes" for steps in (network, batch))
    return {
        "a chain of 100 nodes": (backprop(chain(100)), "x", "", ""),
        "a chain of 1,000 nodes": (long, "x", "", ""),
        "a chain of 1,000 nodes, with the table of its steps": (long, "x", "", "table"),
        "a chain of 1,000 nodes, with wrong engines": (long, "x", "", "mistakes"),
        f"MLP(2, [16, 16, 1]), {count}, by layers": (network, "x1", "network", ""),
        f"MLP(2, [16, 16, 1]), {count}, all scalars": (network, "x1", "scalars", ""),
        f"MLP(2, [8, 8, 1]) on 4 samples, {more}, by layers": (batch, "x1", "network", ""),
    }


def chain(length: int) -> Value:
    """So many nodes in a row."""
    y = Value(0.5, label="x")
    for i in range(length - 1):
        y = y.tanh() if i % 2 else y.sin()
    return y


def _network() -> Value:
    prediction = MLP(2, [16, 16, 1], seed=0)([Value(1.0, label="x1"), Value(-2.0, label="x2")])
    return (prediction - 1.0) ** 2


def _batch() -> Value:
    network, x = MLP(2, [8, 8, 1], seed=0), Value(1.0, label="x1")
    return sum((network([x + k, 0.5 * k]) - 1.0) ** 2 for k in range(4))


def _opened(browser: Any, steps: Steps) -> Any:
    """The page of some steps in a window of a small laptop."""
    page = browser.new_page(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    page.set_content(steps.standalone_html())
    return page


def _workload(title: str, act: str, times: list[float]) -> Workload:
    name = f"{title}, {act}"
    return Workload(f"frame: {name}", f"frames: {name}", "ms", {OURS: median(times), AIM: LIMIT})
