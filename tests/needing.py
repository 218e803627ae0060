"""Which tests can run here: what they need beside numpy and pytest, and which are slow.

    @pytest.mark.needs("torch")     packages, and programs such as Chromium
    @pytest.mark.system("POSIX")    systems of a kind
    @pytest.mark.slow               not needed by somebody who has just cloned; CI runs it
    @pytest.mark.everywhere         about what is not installed, or not touched: CI runs it twice

What cannot run is left out when tests are collected, and one line at the end says how many and why.
A file that needs a package already when it is imported says `pytestmark = pytest.mark.needs(...)`.
"""

import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import browsing
import firefox
import pytest

EXTRAS = {
    "anywidget": "widget",
    "autograd": "benchmark",
    "axe_playwright_python": "browser",
    "casadi": "benchmark",
    "Chromium": "browser",
    "hatchling": "development",
    "hypothesis": "proof",
    "jax": "proof",
    "jsonschema": "browser",
    "jupyterlab": "browser",
    "matplotlib": "plot",
    "micrograd": "benchmark",
    "mpmath": "proof",
    "nbconvert": "browser",
    "scipy": "sklearn",
    "sklearn": "sklearn",
    "torch": "benchmark",
    "tqdm": "train",
}
"""What tests may need, and the extra of `pyproject.toml` that brings it."""

SYSTEMS: dict[str, Callable[[], bool]] = {
    "a GPU": lambda: is_here("torch") and import_module("torch").cuda.is_available(),
    "a Python before 3.13": lambda: sys.version_info < (3, 13),
    "a user without all rights": lambda: os.name == "posix" and os.geteuid() != 0,
    "Graphviz": lambda: find_spec("pygraphviz") is not None or shutil.which("dot") is not None,
    "Linux": lambda: sys.platform == "linux",
    "POSIX": lambda: os.name == "posix",
}
"""What a system may have, or be."""

MARKS = (
    "needs(package, ...): left out where one of these packages or programs is not installed",
    "system(kind): left out on other systems",
    "slow: left out where neither -m nor the test itself is asked for; CI runs it",
    "everywhere: for CI to run with numpy alone, and with all packages",
)
FIXTURES = {"chromium": "Chromium", "window": "Firefox"}
"""What a test needs that asks for one of these: it is marked so."""
WHOLE_FILE = re.compile(r"^pytestmark = .*mark\.needs\(\"(\w+)\"\)", re.MULTILINE)
TEST = re.compile(r"^def test_", re.MULTILINE)
SLOW = "slow"
LONGEST = (
    *("test_jupyterlab", "test_compiled_arrays", "test_stage_numbers", "test_stage_view"),
    *("test_accessibility", "test_stress", "test_random_graphs", "test_browser_predict"),
    *("test_row_source", "test_browser_pages", "test_browser", "test_properties"),
    *("test_browser_play", "test_fit", "test_checkpoints", "test_folds", "test_estimators"),
    *("test_compiled", "test_nn", "test_programs", "test_plots", "test_benchmarks"),
    *("test_interrupts", "test_limits_of_derivatives"),
)
"""The files that take longest, in this order. They come first, so that no process ends long after
the others."""


def mostly_slow(values: Iterable[Any], kept: int = 1) -> list[Any]:
    """Parameters with which a test repeats itself, such as seeds: all but the first are slow."""
    return [
        pytest.param(value, marks=pytest.mark.slow if i >= kept else ())
        for i, value in enumerate(values)
    ]


def turn(file: str) -> int:
    """When the tests of a file begin, where several processes take files one by one."""
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


@cache
def is_here(name: str) -> bool:
    """Whether a package or program that a test needs is installed."""
    if name == "Chromium":
        return find_spec("playwright") is not None and browsing.program() is not None
    if name == "Firefox":
        return firefox.program() is not None
    assert name in EXTRAS, f"add {name!r} to EXTRAS in tests/needing.py"
    return find_spec(name) is not None


def missing_for(item: pytest.Item) -> str | None:
    """What a test lacks here, if anything."""
    needed = [name for mark in item.iter_markers("needs") for name in mark.args]
    systems = [name for mark in item.iter_markers("system") for name in mark.args]
    lacking = [name for name in systems if not SYSTEMS[name]()]
    lacking += [name for name in needed if not is_here(name)]
    return lacking[0] if lacking else None


def sort_out(items: list[pytest.Item], slow_too: bool) -> tuple[list[pytest.Item], Counter[str]]:
    """The tests that are left out here, taken from the list, and how many for which reason."""
    reasons: Counter[str] = Counter()
    kept, out = [], []
    for item in items:
        for fixture, what in FIXTURES.items():
            if fixture in item.fixturenames:
                item.add_marker(pytest.mark.needs(what))
        reason = missing_for(item)
        if reason is None and not slow_too and item.get_closest_marker("slow"):
            reason = SLOW
        (kept if reason is None else out).append(item)
        if reason is not None:
            reasons[reason] += 1
    items[:] = kept
    return out, reasons


def missing_for_file(path: Path) -> tuple[str, int] | None:
    """What a whole file of tests lacks here, if anything, and how many functions that leaves out.

    It cannot be imported then, so its text is asked.
    """
    if not path.match("test_*.py"):
        return None
    text = path.read_text("utf-8")
    lacking = [name for name in WHOLE_FILE.findall(text) if not is_here(name)]
    return (lacking[0], len(TEST.findall(text))) if lacking else None


def sentence(reasons: Counter[str]) -> str:
    """One line about what was left out; nothing if nothing was."""
    if not reasons:
        return ""
    listed = ", ".join(f"{count:,} {_why(what, count)}" for what, count in reasons.most_common())
    extras = sorted({EXTRAS[what] for what in reasons if what in EXTRAS})
    count = reasons.total()
    line = f"{count:,} {'test is' if count == 1 else 'tests are'} left out: {listed}."
    if extras:
        line += f" Packages come with pip install '.[{','.join(extras)}]'."
    return line + " Slow ones run with pytest -m slow." * (SLOW in reasons)


def _why(what: str, count: int) -> str:
    if what == SLOW:
        return "slow"
    return f"needs {what}" if count == 1 else f"need {what}"
