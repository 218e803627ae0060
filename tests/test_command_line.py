"""The command `glassgrad`: what it prints, what it writes, and what it answers to mistakes.

Most tests call `main` as the installed script does; the last ones start the script itself.
Which expressions there are is tested in `test_expression.py`, hosts without Graphviz in
`test_rendering.py`.
"""

import json
import math
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from markup import Elements

from glassgrad import __version__
from glassgrad.__main__ import LECTURE, LOSSES_AND_PENALTIES, NUMBERS, main
from glassgrad.viz.expression import NAMES

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def cells(text: str) -> list[list[str]]:
    """The lines of a table as lists of cells."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


def output(capsys: Captured, *arguments: str) -> str:
    """What a successful run prints."""
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def nodes(capsys: Captured, *arguments: str) -> dict[str, dict]:
    """The nodes of the JSON that a run prints, by name."""
    data = json.loads(output(capsys, *arguments, "--json", "--no-files"))
    return {node["name"]: node for node in data["nodes"]}


# The example of the lecture.


def test_the_parts_come_in_order_and_graph_and_steps_are_written(
    folder: Path, capsys: Captured
) -> None:
    out = output(capsys, LECTURE, *NUMBERS, "--learning-rate", "0.1")
    starts = ["Forward:", "Backpropagation:", "Gradients:", "Update:", "Wrote"]
    assert [part.split()[0] for part in out.split("\n\n")] == starts
    assert out.splitlines()[-1] == "Wrote graph.svg and steps.html"
    assert files_in(folder) == ["graph.svg", "steps.html"]
    page = Path("steps.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert page.split("Classic mistakes")[0].count("<tr>") == 1 + 5 + 1 + 9 + 5
    picture = ET.parse("graph.svg").getroot()
    assert picture.tag.endswith("svg")
    texts = set(picture.itertext())
    assert {"grad -1.5", "grad 0.5", "grad 0", "value 0.7071", "-3"} <= texts
    assert "grad –" not in texts


# The options.


@pytest.mark.parametrize("kind", ["svg", "png", "pdf", "dot", "json", "txt"])
def test_format_is_that_of_the_graph(kind: str, folder: Path, capsys: Captured) -> None:
    out = output(capsys, "x*x", "x=3", "--format", kind)
    assert files_in(folder) == [f"graph.{kind}", "steps.html"]
    assert (folder / f"graph.{kind}").stat().st_size > 0
    assert f"graph.{kind}" in out.splitlines()[-1]


@pytest.mark.parametrize("name", ["out", "a/b/c", "with space", "é", "."])
def test_out_is_made_where_it_is_missing(name: str, folder: Path, capsys: Captured) -> None:
    out = output(capsys, "x*x", "x=3", "--out", name)
    assert sorted(path.name for path in (folder / name).iterdir()) == ["graph.svg", "steps.html"]
    assert out.splitlines()[-1] == f"Wrote {Path(name, 'graph.svg')} and {Path(name, 'steps.html')}"


def test_no_files_writes_nothing(folder: Path, capsys: Captured) -> None:
    assert "Wrote" not in output(capsys, "x*x", "x=3", "--no-files")
    assert files_in(folder) == []


@pytest.mark.parametrize(
    ("options", "files"),
    [
        ([], []),
        (["--out", "."], ["graph.svg", "steps.html"]),
        (["--out", ".", "--format", "txt"], ["graph.txt", "steps.html"]),
        (["--no-files"], []),
    ],
)
def test_json_is_all_that_is_printed_and_files_are_written_only_where_out_says(
    options: list[str], files: list[str], folder: Path, capsys: Captured
) -> None:
    data = json.loads(output(capsys, "x*x", "x=3", "--json", *options))
    assert data["schema"] == "glassgrad-steps/1"
    assert [step["phase"] for step in data["steps"]] == ["forward", "seed", "backward", "backward"]
    assert files_in(folder) == files


def test_the_step_moves_only_the_parameters_that_are_named(capsys: Captured) -> None:
    command = ["(w*x - y)**2", "w=1", "x=2", "y=5", "--learning-rate", "0.1", "--no-files"]
    assert main([*command, "--parameters", "w"]) == 0
    update = capsys.readouterr().out.split("Update:")[1]
    assert "w  = 1 − 0.1 × -12" in update
    assert "x " not in update
    for names, said in (
        ("w,q", "q is no variable"),
        ("", "--parameters lacks a name"),
        ("w b", "--parameters has a space: write the variables as w,b."),
    ):
        assert main([*command, "--parameters", names]) == 2
        assert said in capsys.readouterr().err


def test_ascent_moves_with_the_gradient(capsys: Captured) -> None:
    command = ["w*x", "w=3", "x=2", "--learning-rate", "0.5", "--ascent"]
    update = output(capsys, *command, "--no-files").split("Update: ")[1]
    assert update.startswith("each parameter moves with its gradient")
    assert ["w", "= 3 + 0.5 × 2", "= 4"] in cells(update)
    assert update.splitlines()[-1] == "  output: 6 before, 14 after"
    data = json.loads(output(capsys, *command, "--json"))
    assert [step["after"] for step in data["steps"] if step["phase"] == "update"] == [4.0, 3.5]


MAZUR = ["0.5*(0.01 - sigmoid(w5*h1 + 0.86))**2", "w5=0.4", "h1=0.593269992"]


@pytest.mark.parametrize(
    ("arguments", "row"),
    [
        (["(p - t)**2", "p=100.25", "t=0"], ["v1", "= p - t", "= 100.25 - 0", "= 100.25"]),
        (["x*y + 1", "x=12345", "y=2"], ["output", "= v1 + 1", "= 24690 + 1", "= 24691"]),
        (["x*3", "x=1e-5"], ["output", "= x * 3", "= 1e-05 * 3", "= 3e-05"]),
        (["x + 0.5", "x=1234.56"], ["output", "= x + 0.5", "= 1234.56 + 0.5", "= 1235.06"]),
        (["x + y", " x = 2 ", "y =3"], ["output", "= x + y", "= 2 + 3", "= 5"]),
        ([*MAZUR, "--digits", "9"], ["v1", "= w5 * h1", "= 0.4 * 0.593269992", "= 0.237307997"]),
        ([*MAZUR, "--digits", "2"], ["v1", "= w5 * h1", "= 0.4 * 0.59", "= 0.24"]),
        (MAZUR, ["v1", "= w5 * h1", "= 0.4 * 0.5933", "= 0.2373"]),
        (["where(x > 0, x, y)", "x=2", "y=5"], ["y", "5", "– (nothing sent)", "0"]),
        (
            ["(w*x - 5)**2", "w=3", "x=2", "--learning-rate", "0.05"],
            ["w", "= 3 − 0.05 × 4", "= 2.8"],
        ),
    ],
)
def test_numbers_are_shown_as_typed_or_in_the_digits_asked_for(
    arguments: list[str], row: list[str], capsys: Captured
) -> None:
    out = output(capsys, *arguments, "--no-files")
    assert row in cells(out)
    assert "0.400000" not in out
    assert "finite" not in out
    assert ("Update:" in out) == ("--learning-rate" in arguments)


def test_a_named_part_has_its_name_in_text_picture_and_page(folder: Path, capsys: Captured) -> None:
    out = output(capsys, "h = sigmoid(w*x); (h - t)**2", "w=2", "x=1", "t=0")
    assert ["h", "= sigmoid(v1)", "= sigmoid(2)", "= 0.8808"] in cells(out)
    assert any(text.split(" = ")[0] == "h" for text in ET.parse("graph.svg").getroot().itertext())
    edges = {row[2] for row in Elements((folder / "steps.html").read_text("utf-8")).rows if row[2:]}
    assert {"v2 → h", "h → v1"} <= edges


@pytest.mark.parametrize(
    ("expression", "loss"),
    [
        ("mse([x, 2], [1, 1])", 0.625),
        ("mae(x, 1)", 0.5),
        ("huber(x, 1)", 0.125),
        ("hinge(x, 1)", 0.5),
        ("binary_cross_entropy_with_logits(x, 1)", math.log1p(math.exp(-0.5))),
        ("cross_entropy([x, 0], 1)", math.log1p(math.exp(0.5))),
        ("l1([x, -x], 0.1)", 0.1),
        ("l2([x], 0.1)", 0.025),
    ],
)
def test_losses_are_called_by_name(expression: str, loss: float, capsys: Captured) -> None:
    assert expression.partition("(")[0] in LOSSES_AND_PENALTIES
    assert nodes(capsys, expression, "x=0.5")["output"]["data"] == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("mse(x)", "mse takes 2 operands: write mse(prediction, target)."),
        ("mss(x, 1)", "Did you mean mse?"),
        ("cross_entropy([x, 1], 2)", "takes a class from 0 to 1, not 2.0."),
    ],
)
def test_a_loss_says_what_it_takes(expression: str, said: str, capsys: Captured) -> None:
    assert main([expression, "x=1", "--no-files"]) == 2
    assert capsys.readouterr().err.splitlines()[0].endswith(said)


@pytest.mark.parametrize(
    ("expression", "numbers", "said"),
    [
        ("log(x) * x", "x=0", "v1 = log(x) = log(0) = -inf."),
        ("1 / x", "x=0", "output = 1 / x = 1 / 0 = inf."),
        ("atanh(x)", "x=1", "output = atanh(x) = atanh(1) = inf."),
        ("sqrt(x)", "x=-1", "output = sqrt(x) = sqrt(-1) = nan."),
        ("exp(x)", "x=1000", "output = exp(x) = exp(1000) = inf."),
        ("x * y", "x=nan y=1", "x is nan from the beginning."),
        ("cross_entropy([x, y], z)", "x=3 y=1 z=2", "nan is nan from the beginning."),
        ("1 / (1 / x)", "x=0", "the gradient from v1 to x: upstream ∂output/∂v1 = "),
        ("sqrt(x)", "x=0", "the gradient from output to x: upstream ∂output/∂output = 1 times "
         "local ∂output/∂x = 0.5 / sqrt(x) = inf gives inf."),
        ("(x * y) * 1e200", "x=1e-300 y=1e200", "the gradient from v1 to x: upstream ∂output/∂v1 = "
         "1e+200 times local ∂v1/∂x = y = 1e+200 gives inf."),
        ("h = x*1e308; h + h", "x=1e-10", "the gradient from h to x: upstream ∂output/∂h = 2 times "
         "local ∂h/∂x = 1e+308 gives inf."),
        ("x*1e308 + x*1e308", "x=1e-10", "the gradient from v1 to x: upstream ∂output/∂v1 = 1 "
         "times local ∂v1/∂x = 1e+308 gives 1e+308, with what came before inf."),
    ],
)  # fmt: skip
def test_the_first_number_that_is_not_finite_is_explained(
    expression: str, numbers: str, said: str, capsys: Captured
) -> None:
    assert main([expression, *numbers.split(), "--no-files"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"Not finite from here on: {said}")


@pytest.mark.parametrize(
    ("expression", "numbers"),
    [
        ("relu(x) * y", "x=0 y=1e300"),
        ("cross_entropy([x, y], z)", "x=3 y=1 z=1"),  # it has a nan that no class chooses
        ("where(x, log(x), y)", "x=0 y=2"),
        ("where(x, 1, 1 / y) * x", "x=2 y=0"),
        ("where(x, y, exp(log(z)))", "x=2 y=3 z=-1"),
    ],
)
def test_where_nothing_comes_of_what_is_not_finite_is_no_remark(
    expression: str, numbers: str, capsys: Captured
) -> None:
    assert main([expression, *numbers.split(), "--no-files"]) == 0
    assert "finite" not in capsys.readouterr().out


def test_a_constant_is_no_parameter_and_none_moves_twice(capsys: Captured) -> None:
    command = ["e * x * w", "x=1", "w=2", "--learning-rate", "0.1", "--no-files", "--parameters"]
    assert main([*command, "e"]) == 2
    assert "e is no variable of the expression." in capsys.readouterr().err
    assert main([*command, "w,w"]) == 0
    assert capsys.readouterr().out.partition("Update: ")[2].count("  w  = ") == 1


# The browser.


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was given, which opens all of them."""
    addresses: list[str] = []
    monkeypatch.setenv("BROWSER", "one")
    monkeypatch.setattr("webbrowser.open", lambda address: not addresses.append(address))
    return addresses


def page_at(address: str) -> str:
    return Path(url2pathname(urlsplit(address).path)).read_text("utf-8")


def test_without_arguments_a_demonstration_is_opened(
    folder: Path, opened: list[str], capsys: Captured
) -> None:
    out = output(capsys)
    assert "Forward" not in out
    assert f'  glassgrad "{LECTURE}" {" ".join(NUMBERS)}' in out.splitlines()
    assert files_in(folder) == []
    (address,) = opened
    assert page_at(address).startswith("<!DOCTYPE html>")
    assert "tanh" in page_at(address)


def test_without_a_browser_the_demonstration_is_printed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("glassgrad.__main__._has_browser", lambda: False)
    assert main([]) == 0
    out, err = capsys.readouterr()
    assert ["x1", "2", "-1.5", "-1.5"] in cells(out)
    assert "  glassgrad --help" in out.splitlines()
    page = re.fullmatch(r"\nNo browser could be opened here\. Open (.+) in one\.\n", err)
    assert page is not None
    assert Path(page[1]).read_text("utf-8").startswith("<!DOCTYPE html>")
    assert files_in(folder) == []


@pytest.mark.parametrize("word", [0, 1])
def test_what_the_demonstration_says_to_type_next_works(
    word: int, opened: list[str], capsys: Captured
) -> None:
    lines = re.findall(r"^  glassgrad (.+)$", output(capsys), re.MULTILINE)
    assert main(shlex.split(lines[word])) == 0


def test_open_shows_the_page_that_was_written(
    folder: Path, opened: list[str], capsys: Captured
) -> None:
    output(capsys, "x*x", "x=3", "--open", "--out", "with space")
    assert opened == [(folder / "with space" / "steps.html").as_uri()]


@pytest.mark.parametrize("option", ["--no-files", "--json"])
def test_open_without_files_shows_one_of_its_own(
    option: str, folder: Path, opened: list[str], capsys: Captured
) -> None:
    output(capsys, "x*x", "x=3", "--open", option)
    assert files_in(folder) == []
    assert "x * x" in page_at(opened[0])


def test_where_no_browser_opens_the_page_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("BROWSER", "one")
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    assert main(["x*x", "x=3", "--open"]) == 0
    said = "\nNo browser could be opened here. Open steps.html in one.\n"
    assert capsys.readouterr().err == said


@pytest.mark.system("Linux")
def test_a_browser_inside_the_terminal_is_not_opened(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("webbrowser.open", lambda address: pytest.fail("a browser was opened"))
    assert main(["x*x", "x=3", "--open"]) == 0
    assert "Open steps.html" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["x*y", "x=2", "y=3", "--no-files", "--json"],
        ["--no-files", "--json", "x*y", "x=2", "y=3"],
        ["--json", "x*y", "--no-files", "x=2", "y=3"],
        ["x*y", "x=2", "--no-files", "y=3", "--json"],
        ["--no-files", "--json", "--", "x*y", "x=2", "y=3"],
        ["--no-files", "--json", "--", "--x*3", "x=2"],
    ],
)
def test_options_stand_anywhere(arguments: list[str], capsys: Captured) -> None:
    assert json.loads(output(capsys, *arguments))["nodes"][0]["gradient"] == 3.0


@pytest.mark.parametrize("expression", ["-x", "-x*2", "-(x + 1)", " - x", "- x"])
def test_an_expression_may_begin_with_a_minus(expression: str, capsys: Captured) -> None:
    assert nodes(capsys, expression, "x=2")["x"]["gradient"] < 0


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_explains_itself_and_there_is_a_version(option: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as caught:
        main([option])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    if option == "--version":
        assert out == f"glassgrad {__version__}\n"
        return
    for word in (
        *("--out DIR", "--format", "--no-files", "--json", "name=number", "Example:", "--ascent"),
    ):
        assert word in out
    words = out.partition("operations:")[2].partition("Example:")[0].split()
    assert {"+", "**", *NAMES, *LOSSES_AND_PENALTIES} <= set(words)
    assert max(map(len, out.splitlines())) < 80


# Numbers and names.


@pytest.mark.parametrize(
    ("number", "value"),
    [
        *(("2", 2.0), ("-3", -3.0), ("+1.5", 1.5), (".5", 0.5), ("1e-7", 1e-7), (" 2 ", 2.0)),
        *(("inf", "inf"), ("-inf", "-inf"), ("nan", "nan"), ("1e999", "inf"), ("5e-324", 5e-324)),
        *(("pi", math.pi), ("e", math.e), ("-pi", -math.pi), ("2*pi", 2 * math.pi), ("1/2", 0.5)),
        *(("1+1", 2.0), ("sqrt(2)", math.sqrt(2)), (" -1e-3 ", -1e-3)),
    ],
)
def test_a_number_is_computed_or_whatever_python_reads_as_a_float(
    number: str, value: float | str, capsys: Captured
) -> None:
    assert nodes(capsys, "x * 1", f"x={number}")["x"]["data"] == value


@pytest.mark.parametrize(
    ("expression", "numbers", "name"),
    [
        ("output * 2", ["output=3"], "output_"),
        ("output * output_", ["output=3", "output_=4"], "output__2"),
        ("x", ["x=3"], "output"),
        ("3", [], "output"),
        ("v1 * 2", ["v1=3"], "output"),
    ],
)
def test_the_result_has_a_name_of_its_own(
    expression: str, numbers: list[str], name: str, capsys: Captured
) -> None:
    assert list(nodes(capsys, expression, *numbers))[-1] == name


# Mistakes: a sentence, the place marked, status 2, nothing written.


@pytest.mark.parametrize(
    ("arguments", "sentence", "marked"),
    [
        (["x +", "x=2"], "Something is missing at the end.", None),
        (["x*weight", "wieght=1", "x=2"], "Did you mean weight?", "weight"),
        (["x * y", "x=2"], "y has no number. Add y=... to the command.", "y"),
        (["x", "x=two"], "x needs a number, not two.", "two"),
        (["x", "x="], "x needs a number, not nothing.", None),
        (["x", "x=1+y"], "x needs a number, not 1+y.", "1+y"),
        (["x", "x=[1, 2]"], "x needs a number, not [1, 2].", "[1, 2]"),
        (["x=3", "x*x"], 'It goes after the expression: glassgrad "x*x" x=3.', "x=3"),
        (["x=3", "x*y", "y=1/2"], 'the expression: glassgrad "x*y" x=3 y=1/2.', "x=3"),
        (["x=3", "y=2"], 'It goes after the expression: glassgrad "2*x" x=3.', "x=3"),
        (["a = x; b = a*2; c = 3", "x=2"], "c=3 computes nothing.", "c = 3"),
        (["x", "x=2j"], "x needs a number, not 2j.", "2j"),
        (["x", "x==2"], "x needs a number, not =2.", "=2"),
        (["x", "x"], "A variable is given as name=number, without spaces.", "x"),
        (["x", "=2"], "A variable is given as name=number, without spaces.", "=2"),
        (["x", "1x=2"], "1x cannot be the name of a variable.", "1x=2"),
        (["x", "lambda=2"], "lambda cannot be the name of a variable.", "lambda=2"),
        (["x", "x=1", "x=2"], "x is given twice.", "x=2"),
        (["x", "x=1", "y=2"], "y does not occur in the expression.", "x"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence_and_a_mark(
    arguments: list[str], sentence: str, marked: str | None, folder: Path, capsys: Captured
) -> None:
    assert main([*arguments, "--out", "out"]) == 2
    out, err = capsys.readouterr()
    said, shown, mark, end = err.split("\n")
    assert out == end == ""
    assert said.startswith("glassgrad: ")
    assert sentence in said
    assert set(mark) <= {" ", "^"}
    if marked is not None:
        assert shown[mark.index("^") : mark.rindex("^") + 1] == marked
    assert files_in(folder) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--digits 9", "an expression is missing"),
        ("x x=1 --digits 0", "0 is no whole number from 1 to 17."),
        ("x x=1 --digits 18", "18 is no whole number from 1 to 17."),
        ("x x=1 --digits many", "many is no whole number from 1 to 17."),
        ("x x=1 --learning-rate -1", "-1 is no number above 0. To move with the gradient, write 1"),
        ("x x=1 --format gif", "invalid choice: 'gif'"),
        ("x x=1 --learning-rate fast", "fast is no number above 0."),
        ("x x=1 --out", "expected one argument"),
        # What is nearly an option.
        ("x x=1 --unknown", "unrecognized arguments: --unknown\n"),
        ("x x=1 --no-file", "--no-file. Did you mean --no-files?"),
        ("x x=1 --lr 0.1", "--lr 0.1. Did you mean --learning-rate?"),
        ("x x=1 --learningrate=0.1", "--learningrate=0.1. Did you mean --learning-rate?"),
        ("x x=1 --learning 0.1", "--learning 0.1. Did you mean --learning-rate?"),
        ("x x=1 --rate=0.1", "--rate=0.1. Did you mean --learning-rate?"),
        ("x x=1 --para x", "--para x. Did you mean --parameters?"),
        ("x x=1 --digit 3", "--digit 3. Did you mean --digits?"),
        # What would be of no use.
        ("x x=1 --ascent", "--ascent is the way of a step: add --learning-rate RATE."),
        ("x x=1 --parameters x --no-files", "are of a step: add --learning-rate RATE."),
        ("x x=1 --parameters x --json", "are of a step: add --learning-rate RATE."),
        ("x x=1 --no-files --out o", "--out is where files go: leave out --no-files."),
        ("x x=1 --no-files --format png", "--format is that of a file: leave out --no-files."),
        ("x x=1 --json --format png", "--format is that of a file: add --out DIR."),
        ("x x=1 --json --out o --no-files", "--out is where files go: leave out --no-files."),
        ("x x=1 --json --digits 3", "--digits are of what is shown, JSON has all: leave them out."),
    ],
)
def test_a_wrong_option_is_answered_with_the_usage(
    arguments: str, said: str, folder: Path, capsys: Captured
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments.split())
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: glassgrad")
    assert said in err
    assert files_in(folder) == []


@pytest.mark.parametrize(
    ("out", "name", "problem"),
    [
        ("file", "file", "this is a file, not a folder"),
        ("file/below", "file", "this is a file, not a folder"),
        (".", "steps.html", "this is a folder, not a plain file"),
    ],
)
def test_where_nothing_can_be_written_is_status_1(
    out: str, name: str, problem: str, folder: Path, capsys: Captured
) -> None:
    (folder / "file").write_text("here first")
    (folder / "steps.html").mkdir()
    assert main(["x*x", "x=3", "--out", out]) == 1
    said = f"glassgrad: cannot write to {name}: {problem}; choose another name.\n"
    assert capsys.readouterr().err == said
    assert (folder / "file").read_text() == "here first"
    assert files_in(folder) == ["file", "steps.html"]


# The installed script itself.

SCRIPT = Path(sys.executable).with_name("glassgrad" + (sysconfig.get_config_var("EXE") or ""))
COMMAND = [str(SCRIPT)] if SCRIPT.exists() else [sys.executable, "-m", "glassgrad"]


def run(
    *arguments: str, command: list[str] = COMMAND, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*command, *arguments],
        capture_output=True,
        env={**os.environ, **environment},
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("command", [COMMAND, [sys.executable, "-m", "glassgrad"]])
def test_the_script_does_what_the_issue_says(command: list[str], folder: Path) -> None:
    done = run(LECTURE, *NUMBERS, command=command, PYTHONIOENCODING="utf-8")
    assert (done.returncode, done.stderr) == (0, b"")
    found = cells(done.stdout.decode())
    for row in (["x1", "2", "-1.5", "-1.5"], ["w2", "1", "0", "0"], ["output", "0.7071", "1", "1"]):
        assert row in found
    assert files_in(folder) == ["graph.svg", "steps.html"]


@pytest.mark.parametrize(
    "arguments",
    [["tanhh(x)", "x=2"], pytest.param(["open('a', 'w')"], marks=pytest.mark.slow)],
)
def test_the_script_answers_mistakes(arguments: list[str], folder: Path) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    said, _, mark = done.stderr.decode().splitlines()
    assert said.startswith("glassgrad: ")
    assert mark.strip("^ ") == ""
    assert files_in(folder) == []


@pytest.mark.parametrize(
    ("encoding", "rows"),
    [
        ("ascii", [["output -> theta", "1", "x \\xe9 = 3"], ["\\xe9", "3", "2", "2"]]),
        ("latin-1", [["output -> theta", "1", "x é = 3"], ["é", "3", "2", "2"]]),
        ("cp1252", [["output -> theta", "1", "x é = 3"], ["theta", "2", "3", "3"]]),
    ],
)
def test_a_terminal_without_unicode_shows_all(
    encoding: str, rows: list[list[str]], folder: Path
) -> None:
    environment = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = run("θ * é", "θ=2", "é=3", "--digits", "6", **environment)
    assert (done.returncode, done.stderr) == (0, b"")
    out = done.stdout.decode(encoding)
    assert "?" not in out
    assert "Backpropagation: doutput/doutput = 1" in out
    for row in rows:
        assert row in [found[: len(row)] for found in cells(out)]
    wrong = run("θ * foo(θ)", "θ=2", **environment)
    _, text, mark = wrong.stderr.decode(encoding).splitlines()
    assert text[mark.index("^") : mark.rindex("^") + 1] == "foo"
    assert "theta * foo(theta)" in text


@pytest.mark.system("POSIX")
@pytest.mark.parametrize(
    ("arguments", "closed", "status", "said"),
    [
        (["x*2", "x=1"], ">&-", 1, b"glassgrad: cannot write: the output is closed.\n"),
        (["x*2", "x=1"], "2>&-", 0, b""),
        (["x*2", "x=1"], ">&- 2>&-", 1, b""),
        (["x*(", "x=1"], "2>&-", 2, b""),
    ],
)
def test_a_closed_stream_gives_no_traceback(
    arguments: list[str], closed: str, status: int, said: bytes, folder: Path
) -> None:
    line = f"{shlex.join([*COMMAND, *arguments, '--no-files'])} {closed}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (status, said)
    assert bool(done.stdout) == (status == 0)


@pytest.mark.system("Linux")
def test_bytes_that_are_no_text_are_a_mistake_like_any_other(folder: Path) -> None:
    done = subprocess.run(
        [*map(os.fsencode, COMMAND), b"x + \xff", b"x=1"],
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"glassgrad: ")
    assert files_in(folder) == []
