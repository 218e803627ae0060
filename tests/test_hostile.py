"""Hostile command lines, options and names of files: an answer or a refusal, and nothing is run.

A refusal is a sentence, soon, and says nothing that a terminal would act on. The other doors are
in `test_hostile_labels.py` and `test_hostile_files.py`; `pytest tests/test_hostile*.py --inputs
100000` tries many more inputs than there are in the corpus.
"""

import builtins
import io
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import hostile
import pytest
from outputs import CAN_DRAW, acting, assert_is_sentence, refused

from glassgrad import Backprop, Drawing, RendererMissingError, Value, backprop, draw, draw_dot
from glassgrad.__main__ import main
from glassgrad.engine import methods

SECTION, CORPUS = "Hostile input", "inputs of the fixed corpus"
EXPRESSIONS = "expressions given to the command line"
LINES = hostile.corpus("command_lines")
NAMES = hostile.corpus("file_names")
LONG = {
    "a long operation": ["operation" * 10_000 + "(x)", "x=1"],
    "very many operands": [f"sum({'x, ' * 10_000})", "x=1"],
    "a softmax of too many": [f"softmax({'x, ' * 10_000})[0]", "x=1"],
    "softmaxes in softmaxes": ["softmax(" * 40 + "x, 1" + ", 1)[0]" * 40, "x=1"],
    "a long name": ["name" * 10_000, f"{'name' * 10_000}=2"],
    "many digits in hexadecimal": ["0x" + "f" * 10_000],
    "a folder beyond the longest name": ["x", "x=1", "--out", "folder" * 1000],
}
Figure = Callable[..., None]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Command lines.


def answer(*arguments: str) -> tuple[int, str, str]:
    """The exit status of the command, and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = main(arguments)
        except SystemExit as end:
            status = int(end.code or 0)
    return status, out.getvalue(), err.getvalue()


def check_command(*arguments: str) -> int:
    """The command answers or refuses, and prints nothing that a terminal would act on."""
    status, out, err = answer(*arguments)
    assert status in (0, 1, 2)
    assert bool(out) == (status == 0)
    assert bool(err) == (status != 0) or not CAN_DRAW
    assert not acting(out + err)
    if status != 0:
        check_refusal(err, status)
    return status


def check_refusal(err: str, status: int) -> None:
    """A sentence and the place marked below it; or how the command is used, and a sentence."""
    *lines, end = err.split("\n")
    assert end == ""
    if lines[0].startswith("usage: "):
        assert len(lines) < 10
        assert lines[-1].startswith("glassgrad: error: ")
        assert len(lines[-1]) < 400
        return
    assert lines[0].startswith("glassgrad: ")
    assert_is_sentence(lines[0])
    assert len(lines) == (3 if status == 2 else 1)
    if status == 2:
        assert len(lines[1]) <= 80
        assert set(lines[2]) == {" ", "^"}


@pytest.fixture(scope="module")
def events() -> Iterator[list[str]]:
    """What Python's audit reports while the list is in use: code run, files opened, ..."""
    for arguments in (["tahn(x)"], ["x", "x=1", "--out"], ["x", "x=1", "--no-files"]):
        answer(*arguments)  # whatever is imported for these is imported now
    recorded: list[str] = []
    watching = [True]
    harmful = ("exec", "import", "open", "os.", "subprocess.", "socket.", "shutil.", "ctypes.")
    engine = str(methods.__file__)

    def hook(event: str, about: tuple[Any, ...]) -> None:
        if not watching[0] or not event.startswith(harmful):
            return
        # A method is written from its row when it is first called, whatever is asked.
        if event == "exec" and str(about[0].co_filename).startswith(f"{engine} ("):
            return
        recorded.append(event)

    sys.addaudithook(hook)
    yield recorded
    watching[0] = False  # a hook cannot be removed


@pytest.mark.parametrize("arguments", LINES["refused"].values(), ids=LINES["refused"])
def test_a_command_of_the_corpus_is_refused(
    arguments: list[str], events: list[str], folder: Path, figure: Figure
) -> None:
    events.clear()
    with hostile.survives(arguments):
        assert check_command("--no-files", *arguments) == 2
    assert not events
    assert not list(folder.iterdir())
    figure(SECTION, CORPUS, 1)


@pytest.mark.parametrize("arguments", LINES["computed"].values(), ids=LINES["computed"])
def test_a_command_of_the_corpus_is_computed(
    arguments: list[str], events: list[str], figure: Figure
) -> None:
    events.clear()
    with hostile.survives(arguments):
        assert check_command("--no-files", *arguments) == 0
    assert not events
    figure(SECTION, CORPUS, 1)


@pytest.mark.parametrize("arguments", LONG.values(), ids=LONG)
def test_a_long_command_is_answered_soon_and_briefly(arguments: list[str], figure: Figure) -> None:
    with hostile.survives(arguments):
        check_command(*arguments)
    figure(SECTION, CORPUS, 1)


@pytest.mark.slow
def test_random_commands_are_answered_and_nothing_is_run(
    request: pytest.FixtureRequest, events: list[str], figure: Figure
) -> None:
    seeds, before = hostile.seeds("command line", request.config), dict(vars(builtins))
    peak, statuses = hostile.peak(), []
    for seed in seeds:
        arguments = hostile.command_line(hostile.generator("command line", seed))
        events.clear()
        with hostile.survives(arguments, f"command line, seed {seed}"):
            statuses.append(check_command("--no-files", *arguments))
            assert not events
    assert vars(builtins) == before
    assert hostile.are_mixed(statuses.count(0), len(seeds))
    assert hostile.peak() - peak < hostile.MEBIBYTES
    figure(SECTION, EXPRESSIONS, len(seeds))


@pytest.mark.slow
def test_random_good_expressions_are_computed(
    request: pytest.FixtureRequest, figure: Figure
) -> None:
    seeds = hostile.seeds("good expression", request.config)
    for seed in seeds:
        text = hostile.expression(hostile.generator("good expression", seed))
        with hostile.survives(text, f"good expression, seed {seed}"):
            assert check_command("--no-files", f"{text} + 0*x*y", "x=0.5", "y=2") == 0
    figure(SECTION, EXPRESSIONS, len(seeds))


# Options of the functions, and names of files.


def square() -> Value:
    x = Value(3.0, label="x")
    return x * x


def call(rng: random.Random) -> Callable[[], object]:
    """One of the functions with one odd argument."""
    y, odd = square(), hostile.odd(rng, hostile.label)
    options: dict[Callable[..., object], tuple[str, ...]] = {
        draw: ("names", "max_nodes", "depth", "direction", "seconds"),
        backprop: ("names", "learning_rate", "parameters"),
        draw_dot: ("names", "format", "rankdir"),
    }
    function = rng.choice(list(options))
    given = {rng.choice(options[function]): odd}
    return rng.choice(
        (
            lambda: str(function(y, **given)),
            lambda: str(function(odd)),
            lambda: draw(y).content(odd),
            lambda: draw(y, **dict.fromkeys(("max_nodes", "depth"), odd)).dot,
        )
    )


def test_random_options_are_taken_or_refused(
    request: pytest.FixtureRequest, figure: Figure
) -> None:
    seeds = hostile.seeds("option", request.config)
    taken = 0
    for seed in seeds:
        with hostile.survives("the call", f"option, seed {seed}"):
            attempt = call(hostile.generator("option", seed))
            taken += not refused(attempt, TypeError, ValueError, OverflowError)
    assert hostile.are_mixed(taken, len(seeds))
    figure(SECTION, "options and names of files", len(seeds))


def check_name(folder: Path, name: str, thing: Drawing | Backprop) -> None:
    """A file of this name is written, or there is an error and no file."""
    before = set(folder.iterdir())
    if refused(lambda: thing.save(name), ValueError, RendererMissingError):
        assert set(folder.iterdir()) == before
    else:
        assert set(folder.iterdir()) == {*before, folder / name}


def check_folder(folder: Path, name: str) -> None:
    """The command makes a folder of this name, or says that it cannot."""
    before = set(folder.iterdir())
    if check_command("x", "x=1", "--format", "txt", f"--out={name}") == 0:
        assert (folder / name / "graph.txt").exists()
        assert set(folder.iterdir()) == {*before, folder / name}
    else:
        assert set(folder.iterdir()) == before


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_of_the_corpus_is_taken_or_refused(name: str, folder: Path, figure: Figure) -> None:
    with hostile.survives(name):
        check_folder(folder, name)
        check_name(folder, f"{name}.txt", draw(square()))
        check_name(folder, f"{name}.json", backprop(square()))
        check_name(folder, f"{name}.gif", draw(square()))
    figure(SECTION, CORPUS, 1)


@pytest.mark.parametrize("name", [None, 3, b"graph.svg", ["graph.svg"]])
def test_what_is_no_name_is_refused(name: object, folder: Path) -> None:
    with pytest.raises(
        TypeError, match=r"takes the name of a file, not .*\. Write save\('graph.svg'"
    ):
        draw(square()).save(name)
    assert not list(folder.iterdir())


@pytest.mark.slow
def test_random_names_of_files_are_taken_or_refused(
    request: pytest.FixtureRequest, folder: Path, figure: Figure
) -> None:
    seeds = hostile.seeds("file name", request.config)
    for seed in seeds:
        rng = hostile.generator("file name", seed)
        name = hostile.file_name(rng)
        with hostile.survives(name, f"file name, seed {seed}"):
            check_name(folder, name, rng.choice((draw, backprop))(square()))
            check_folder(folder, name + "d")
    figure(SECTION, "options and names of files", len(seeds))
