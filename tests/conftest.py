"""What several test files share."""

import gc
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import browsing
import figures
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.register_assert_rewrite("stepping")
FIGURES = figures.Figures()


def pytest_addoption(parser: pytest.Parser) -> None:
    figures.add_options(parser)


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str, str, figures.Amount], None]:
    """Report a figure: `figure(section, text, amount)`; see `figures.py`."""
    return figures.reporter(request.node)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        for name, found in report.user_properties:
            if name == "figure":
                FIGURES.add(*found)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    lines = list(FIGURES.lines())
    if lines:
        terminalreporter.section("what was checked")
        terminalreporter.write_line("\n".join(lines))
    page = config.getoption("--figures")
    if page is None:
        return
    if missing := FIGURES.missing():
        terminalreporter.write_line(f"{page} is not written: nothing about {', '.join(missing)}.")
        return
    asked = (
        f"{o}={config.getoption(o)}" for o in ("--graphs", "--jax-graphs", "--inputs", "--programs")
    )
    command = f"pytest {' '.join(asked)}"
    page.write_text(FIGURES.page(f"{command} --figures={page}", installed()), encoding="utf-8")


def installed() -> Iterator[str]:
    """The versions that the figures depend on."""
    yield f"Python {platform.python_version()}"
    for package in ("numpy", "torch", "jax", "hypothesis"):
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            yield f"without {package}"


@pytest.fixture
def run_python() -> Callable[..., str]:
    """Run a program in an interpreter of its own and give what it printed.

    Use it where a failure would end the process, or where what was imported before matters.
    """

    def run(program: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr[-2000:]}"
        return done.stdout

    return run


@pytest.fixture
def without_collector() -> Callable[[], object]:
    """A `with` block in which only reference counting frees anything."""

    @contextmanager
    def block() -> Iterator[None]:
        gc.collect()
        gc.disable()
        try:
            yield
        finally:
            gc.enable()

    return block


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    if "chromium" in getattr(item, "fixturenames", ()):
        return (yield)
    with browsing.hidden_loop():
        return (yield)


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """A headless Chromium, shared by all tests of a run; see `browsing.py`."""
    with browsing.launched() as browser:
        yield browser


@pytest.fixture
def new_page(chromium: "Browser", tmp_path: Path) -> Iterator[browsing.Pages]:
    """Opens pages: `new_page(color_scheme="dark")`; in the end they must have been silent.

    Silent is a page without console messages, without errors and without requests that fail or
    leave this machine. What a test expects nevertheless, it names: `new_page.expect("favicon")`.
    """
    pages = browsing.Pages(chromium, tmp_path)
    try:
        yield pages
    finally:
        pages.close()
    assert pages.unexpected() == []
