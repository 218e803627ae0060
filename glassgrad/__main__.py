"""The command `glassgrad`: an expression with numbers in, its backpropagation out.

    glassgrad "tanh(x1*w1 + x2*w2 + b)" x1=2 x2=0 w1=-3 w2=1 b=6.8813735870195432

It prints the forward values, every edge of backpropagation and the gradients, and writes
`graph.svg` and `steps.html`; without an expression it shows those of this neuron. With `--json` it
prints JSON alone, and writes files only if `--out` is given. Exit status: 0; 2 if what was typed is
at fault (nothing is written then); 1 if a file or the output cannot be written.
`python -m glassgrad` is the same command. What an expression is stands in `viz/expression.py`.
"""

from __future__ import annotations

import argparse
import errno
import keyword
import os
import re
import sys
import tempfile
import textwrap
import unicodedata
import webbrowser
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from inspect import signature
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

from glassgrad import __version__
from glassgrad.engine import Value, topological_order
from glassgrad.engine.files import plain_file, possible, write_file
from glassgrad.engine.text import LOSSES, clipped, printing, similar, spelled, visible
from glassgrad.viz.backprop import Backprop, backprop
from glassgrad.viz.drawing import FORMATS, picture_of
from glassgrad.viz.expression import NAMES, SIGNS, Expression, ExpressionError
from glassgrad.viz.render import RendererMissingError, RenderingError

RESULT = "output"
"""What the result is called, unless it was named or a variable has that name."""
LECTURE = "tanh(x1*w1 + x2*w2 + b)"
NUMBERS = ("x1=2", "x2=0", "w1=-3", "w2=1", "b=6.8813735870195432")
"""The neuron that is shown where nothing was typed."""
LOSSES_AND_PENALTIES = (*LOSSES, "l1", "l2")
"""What of `nn` an expression may have besides the operations."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    >>> main(["x * y", "x=2", "y=3", "--no-files"])  # doctest: +ELLIPSIS
    Forward: every operation computes its value
      output  = x * y  = 2 * 3  = 6
    ...
    0
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what a terminal cannot show must not end the command
            stream.reconfigure(errors="backslashreplace")
    typed = list(sys.argv[1:] if arguments is None else arguments)
    encoding = getattr(sys.stdout, "encoding", None)
    with printing(encoding=encoding):
        options = _options(typed or [LECTURE, *NUMBERS, "--open", "--no-files"])
    with printing(options.digits, encoding):
        return _run(options, is_demonstration=not typed)


def _run(options: argparse.Namespace, is_demonstration: bool) -> int:
    try:
        steps = _steps(options)
        kind = options.format or "svg"
        files, advice = _files(steps, kind) if _wants_files(options) else ({}, [])
    except ExpressionError as error:
        _complain(f"glassgrad: {error}")
        return 2
    try:
        written = _write(files, possible(options.out or "."))
        is_open = options.open and _open(steps, written, advice)
        if not (is_demonstration and is_open):
            print(steps.to_json(indent=1) if options.json else spelled(steps.text()))
        if written and not options.json:
            print(spelled(f"\nWrote {' and '.join(visible(str(path)) for path in written)}"))
        if is_demonstration:
            print(_WELCOME if is_open else f"\n{_WELCOME}")
        _flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = f" to {clipped(str(error.filename), 300)}" if error.filename else ""
        _complain(f"glassgrad: cannot write{place}: {error.strerror}.")
        return 1
    for sentence in advice:
        _complain(f"\n{sentence}")
    return 0


_WELCOME = f"""\
This is what glassgrad shows of a neuron. Any expression and any numbers will do:
  glassgrad "{LECTURE}" {" ".join(NUMBERS)}
  glassgrad "h = sigmoid(w*x); (h - t)**2" w=2 x=1 t=0 --open
  glassgrad --help"""


def _flush() -> None:
    """Pass on what was printed.

    Raises:
        OSError: nobody takes it.
    """
    if sys.stdout is None:  # so it is where the caller has closed it, and print says nothing
        raise OSError(errno.EBADF, "the output is closed")
    sys.stdout.flush()


def _complain(text: str) -> None:
    if sys.stderr is not None:  # to print to None is to print to the output
        print(spelled(text), file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors quote what was typed visibly and briefly, and say what was meant."""

    def error(self, message: str) -> NoReturn:
        unknown = re.search(r"^unrecognized arguments: .*?--([^ =]+)", message)
        end = ""
        if unknown:
            options = [option.lstrip("-") for option in self._option_string_actions]
            begun = [option for option in options if f"-{unknown[1]}" in f"-{option}"]
            if meant := similar(unknown[1], options) or next(iter(begun), None):
                end = f". Did you mean --{meant}?"
        super().error(spelled(f"{clipped(message, 200)}{end}"))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="glassgrad",
        description="Step through the backpropagation of an expression, one edge at a time.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "expression", nargs="?", help="arithmetic with the engine's operations, in quotes"
    )
    parser.add_argument(
        "assignments", nargs="*", metavar="name=number", help="the variables, if any"
    )
    parser.add_argument("--open", action="store_true", help="open the steps in the browser")
    parser.add_argument(
        "--digits", type=_digits, metavar="N", help="show numbers in N significant digits (4)"
    )
    parser.add_argument("--out", metavar="DIR", help="folder for the files (.)")
    parser.add_argument("--format", choices=FORMATS, help="of the graph's picture (svg)")
    parser.add_argument("--no-files", action="store_true", help="only print")
    parser.add_argument(
        "--json", action="store_true", help="print only JSON, and write no files without --out"
    )
    parser.add_argument(
        "--learning-rate", type=_rate, metavar="RATE", help="end with a step of gradient descent"
    )
    parser.add_argument(
        "--parameters", metavar="NAMES", help="the variables that the step moves, as w,b (all)"
    )
    parser.add_argument(
        "--ascent", action="store_true", help="move with the gradient instead of against it"
    )
    parser.add_argument("--version", action="version", version=f"glassgrad {__version__}")
    return parser


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_intermixed_args(_shielded(arguments))
    if options.expression is None:
        parser.error('an expression is missing, as in glassgrad "x*y" x=2 y=3.')
    has_files, rate = _wants_files(options), "add --learning-rate RATE"
    has_page = has_files or options.open
    files = "leave out --no-files" if options.no_files else "add --out DIR"
    for option, is_of_use, problem in (
        ("ascent", options.learning_rate, f"--ascent is the way of a step: {rate}."),
        ("parameters", options.learning_rate or has_page, f"--parameters are of a step: {rate}."),
        (
            "digits",
            has_page or not options.json,
            "--digits are of what is shown, JSON has all: leave them out.",
        ),
        ("out", has_files, f"--out is where files go: {files}."),
        ("format", has_files, f"--format is that of a file: {files}."),
    ):
        if getattr(options, option) not in (None, False) and not is_of_use:
            parser.error(problem)
    return options


def _epilog() -> str:
    """The operations there are, from the table, and examples."""
    named, losses = (
        textwrap.fill(" ".join(names), initial_indent="  ", subsequent_indent="  ")
        for names in (NAMES, LOSSES_AND_PENALTIES)
    )
    return (
        f"operations: {' '.join(SIGNS)} and, written tanh(x),\n{named}\n\n"
        f"losses, written mse(y, 1) or mse([a, b], [0, 1]):\n{losses}\n\n"
        "constants: e and pi, unless they are given a number\n"
        "parts: named before they are used, as in h = w*x; h**2\n\n"
        'Example: glassgrad "tanh(x*w + b)" x=2 w=-3 b=6.88'
    )


def _wants_files(options: argparse.Namespace) -> bool:
    """With --json, only if a folder is named: a program that reads JSON expects no files."""
    return not options.no_files and (not options.json or options.out is not None)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.0 < rate < float("inf"):
        shown = clipped(text)
        ascent = f" To move with the gradient, write {shown.lstrip(' -')} and --ascent."
        problem = f"{shown} is no number above 0.{ascent if rate < 0.0 else ''}"
        raise argparse.ArgumentTypeError(problem)
    return rate


def _digits(text: str) -> int:
    try:
        digits = int(text)
    except ValueError:
        digits = 0
    if not 1 <= digits <= _MOST_DIGITS:
        problem = f"{clipped(text)} is no whole number from 1 to {_MOST_DIGITS}."
        raise argparse.ArgumentTypeError(problem)
    return digits


_MOST_DIGITS = 17
"""More digits no float has."""
_TAKE_A_VALUE = ("--digits", "--out", "--format", "--learning-rate", "--parameters")


def _shielded(arguments: Sequence[str]) -> list[str]:
    """The arguments with a space before an expression such as "-x", which is no option.

    After "--" nothing is an option.
    """
    shielded: list[str] = []
    belongs_to_option = False
    for i, argument in enumerate(arguments):
        if belongs_to_option:
            shielded.append(argument)
        elif argument == "--":
            return shielded + [f" {a}" for a in arguments[i + 1 :]]
        else:
            shielded.append(f" {argument}" if _is_negative(argument) else argument)
        belongs_to_option = not belongs_to_option and argument in _TAKE_A_VALUE
    return shielded


def _is_negative(argument: str) -> bool:
    return argument[:1] == "-" and argument[:2] != "--" and argument not in ("-", "-h")


def _steps(options: argparse.Namespace) -> Backprop:
    _check_order([options.expression, *options.assignments])
    expression = Expression(options.expression, _LOSSES)
    numbers: dict[str, float] = {}
    for assignment in options.assignments:
        name, number = _assignment(assignment)
        if name in numbers:
            raise ExpressionError(f"{clipped(name)} is given twice.", assignment)
        numbers[name] = number
    if unused := expression.unused(numbers):
        raise unused
    root = expression.value(numbers)
    if root.label is None:
        root.label = RESULT if RESULT not in expression.names else f"{RESULT}_"
    parameters = None if options.parameters is None else _variables(root, options.parameters)
    rate = -options.learning_rate if options.ascent else options.learning_rate
    return backprop(root, learning_rate=rate, parameters=parameters)


def _check_order(typed: Sequence[str]) -> None:
    """Refuse numbers before the expression, with both the way round that it is."""
    numbers, others = list[str](), list[str]()
    for text in typed:
        try:
            _assignment(text)
            numbers.append(text)
        except ExpressionError:
            others.append(text)
    if len(others) == 1 and others[0] is not typed[0]:
        order = f'glassgrad "{clipped(others[0])}" {clipped(" ".join(numbers), 100)}'
        problem = f"{clipped(typed[0])} computes nothing. It goes after the expression: {order}."
        raise ExpressionError(problem, typed[0])


def _loss(name: str, *operands: Any) -> Value:
    from glassgrad import nn  # which most expressions do without

    function = getattr(nn, name)
    taken = [p.name for p in signature(function).parameters.values() if p.kind != p.KEYWORD_ONLY]
    if len(operands) != len(taken):
        raise TypeError(f"{name} takes {len(taken)} operands: write {name}({', '.join(taken)}).")
    loss: Value = function(*operands)
    return loss


_LOSSES = {name: partial(_loss, name) for name in LOSSES_AND_PENALTIES}


def _variables(root: Value, names: str) -> list[Value]:
    """The variables of a list such as "w,b"."""
    leaves = (node for node in topological_order(root) if not node.parents)
    known = {leaf.label: leaf for leaf in leaves if not leaf.is_constant}
    listed = [unicodedata.normalize("NFKC", name.strip()) for name in names.split(",")]
    for name in listed:
        if name not in known:
            problem = f"{clipped(name)} is no variable of the expression."
            if len(name.split()) != 1:
                lack = "lacks a name" if not name else "has a space"
                problem = f"--parameters {lack}: write the variables as w,b."
            raise ExpressionError(problem, names, max(names.find(name), 0))
    return [known[name] for name in listed]


def _assignment(text: str) -> tuple[str, float]:
    """A variable and its number, from "name=number"."""
    text = text.strip()
    name, equals, number = (part.strip() for part in text.partition("="))
    name = unicodedata.normalize("NFKC", name)
    if not equals or not name:
        raise ExpressionError("A variable is given as name=number, without spaces.", text)
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ExpressionError(f"{clipped(name)} cannot be the name of a variable.", text)
    try:
        return name, _number(number)
    except ValueError:  # as an error of an expression is
        start = text.index("=") + 1
        raise ExpressionError(
            f"{clipped(name)} needs a number, not {clipped(number) or 'nothing'}.", text, start
        ) from None


def _number(text: str) -> float:
    """A number, which may be computed of numbers and constants: 1/2, -pi."""
    with suppress(ValueError):
        return float(text)
    if "[" in text:
        raise ValueError(text)
    found = Expression(text).value({}).data
    if not isfinite(found):  # that of 1/0 was hardly meant
        raise ValueError(text)
    return found


def _files(steps: Backprop, kind: str) -> tuple[dict[str, bytes], list[str]]:
    """The contents of the files by name, and advice where a picture could not be drawn."""
    drawing = picture_of(steps.diagram, steps.gradients)
    advice = []
    try:
        graph = {f"graph.{kind}": drawing.content(kind)}
    except (RendererMissingError, RenderingError) as error:
        graph = {"graph.dot": drawing.content("dot")}
        advice = [f"{error} The graph is written as graph.dot."]
    return {**graph, _PAGE: steps.standalone_html().encode()}, advice


_PAGE = "steps.html"


def _write(files: Mapping[str, bytes], folder: Path) -> list[Path]:
    """Write the files, all or none, and give their paths.

    Raises:
        OSError: one cannot be written.
    """
    if not files:
        return []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        problem = "this is a file, not a folder; choose another name"
        raise OSError(errno.ENOTDIR, problem, str(there)) from None
    paths = [plain_file(folder / name) for name in files]  # before any is written
    return [write_file(path, content) for path, content in zip(paths, files.values())]


def _open(steps: Backprop, written: Sequence[Path], advice: list[str]) -> bool:
    """Open the page in the browser, and tell whether that could be done; if not, how else."""
    page = next((path for path in written if path.name == _PAGE), None)
    if page is None:
        folder = Path(tempfile.mkdtemp(prefix="glassgrad-"))
        page = write_file(folder / _PAGE, steps.standalone_html().encode())
    if _has_browser() and webbrowser.open(page.absolute().as_uri()):
        return True
    advice.append(f"No browser could be opened here. Open {visible(str(page))} in one.")
    return False


def _has_browser() -> bool:
    """Whether there is one outside the terminal, which those inside it would take over."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


if __name__ == "__main__":
    sys.exit(main())
