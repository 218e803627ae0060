"""What several test files share."""

import gc
import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import browsing
import figures
import needing
import pytest
import replaying

from glassgrad import TABLE, Constant, Value

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.register_assert_rewrite("stepping")
FIGURES = figures.Figures()
LEFT_OUT: Counter[str] = Counter()
"""What is left out of this run, by reason; see `needing.py`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    figures.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    for line in needing.MARKS:
        config.addinivalue_line("markers", line)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    lacking = needing.missing_for_file(collection_path)
    if lacking is None:
        return None
    asked = [Path(config.invocation_params.dir, arg.split("::")[0]) for arg in config.args]
    if any(map(collection_path.is_relative_to, asked)):
        LEFT_OUT[lacking[0]] += lacking[1]
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    is_named = any("::" in arg for arg in config.args)
    slow_too = is_named or bool(config.option.markexpr) or figures.are_asked_for(config)
    out, reasons = needing.sort_out(items, slow_too)
    LEFT_OUT.update(reasons)
    config.hook.pytest_deselected(items=out)
    items.sort(key=lambda item: needing.turn(item.path.stem))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What collecting has made lives to the end: no test needs to have it searched for garbage."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of several tells the one that began them what it has left out, as all have."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["left out"] = dict(LEFT_OUT)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    LEFT_OUT.update(getattr(node, "workeroutput", {}).get("left out", {}) if not LEFT_OUT else {})


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
    terminalreporter: "pytest.TerminalReporter", config: pytest.Config
) -> None:
    if LEFT_OUT:
        terminalreporter.write_line(f"\n{needing.sentence(LEFT_OUT)}")
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
    asked = (f"{option}={config.getoption(option)}" for option in figures.AMOUNTS)
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

    Use it where a failure would end the process, or where what was imported before matters. The
    program can import the files of this folder.
    """
    folders = filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH")))
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}

    def run(program: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            capture_output=True,
            text=True,
            env={**found, **environment},
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


@pytest.fixture(params=["lines", *replaying.WALKS])
def written(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How compiled programs are computed."""
    if request.param in replaying.WALKS:
        replaying.walk(monkeypatch, request.param)
        return f"walked {request.param}"
    return request.param


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


@pytest.fixture(scope="module")
def pages_of_file(
    chromium: "Browser", tmp_path_factory: pytest.TempPathFactory
) -> Iterator[browsing.Pages]:
    """The pages that the tests of a file use, one after the other."""
    pages = browsing.Pages(chromium, tmp_path_factory.mktemp("pages"))
    yield pages
    pages.close()


@pytest.fixture
def new_page(pages_of_file: browsing.Pages) -> Iterator[browsing.Pages]:
    """Opens pages: `new_page(color_scheme="dark")`; in the end they must have been silent.

    Silent is a page without console messages, without errors and without requests that fail or
    leave this machine. What a test expects nevertheless, it names: `new_page.expect("favicon")`.
    """
    yield pages_of_file
    unexpected = pages_of_file.unexpected()
    pages_of_file.tidy()
    assert unexpected == []


@pytest.fixture(autouse=True)
def _table_as_before() -> Iterator[None]:
    """Operations that a test, or an example in a docstring, defines are gone after it."""
    before, attributes = dict(TABLE), {kind: dict(vars(kind)) for kind in (Value, Constant)}
    yield
    for name in TABLE.keys() - before.keys():
        del TABLE[name]
        for kind, own in attributes.items():
            if name in own:
                setattr(kind, name, own[name])
            elif name in vars(kind):
                delattr(kind, name)
