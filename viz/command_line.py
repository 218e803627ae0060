"""The command `glassgrad`: an expression with numbers in, its backpropagation out.

    glassgrad "tanh(x1*w1 + x2*w2 + b)" x1=2 x2=0 w1=-3 w2=1 b=6.8813735870195432

It prints the forward values, every edge of backpropagation and the gradients, and writes
`graph.svg` and `steps.html`. With `--json` it prints JSON alone, and writes files only if `--out`
is given. Exit status: 0; 2 if what was typed is at fault (nothing is written then); 1 if a file
or the output cannot be written. `python -m glassgrad` is the same command.
"""

from __future__ import annotations

import argparse
import errno
import keyword
import os
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import NoReturn

from glassgrad.engine import Value, topological_order
from glassgrad.engine.files import plain_file, possible, write_file
from glassgrad.engine.text import clipped, visible
from glassgrad.viz.backprop import Backprop, backprop
from glassgrad.viz.drawing import FORMATS, MAX_NODES, picture_of
from glassgrad.viz.expression import NAMES, SIGNS, Expression
from glassgrad.viz.render import RendererMissingError, RenderingError
from glassgrad.viz.typed import ExpressionError

RESULT = "output"
"""What the result is called, unless a variable has that name."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    >>> main(["x * y", "x=2", "y=3", "--no-files"])  # doctest: +ELLIPSIS
    Forward: every operation computes its value
      output  = x * y  = 2 * 3  = 6
    ...
    0
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without Unicode still shows the rest
            stream.reconfigure(errors="replace")
    options = _parser().parse_intermixed_args(
        _shielded(sys.argv[1:] if arguments is None else arguments)
    )
    try:
        steps = _steps(options)
        files, advice = _files(steps, options.format) if _wants_files(options) else ({}, "")
    except ExpressionError as error:
        _complain(f"glassgrad: {error}")
        return 2
    try:
        written = _write(files, options.out or ".")
        print(steps.to_json(indent=1) if options.json else steps.text())
        if written and not options.json:
            print(f"\nWrote {written}")
        _flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = f" to {clipped(str(error.filename), 300)}" if error.filename else ""
        _complain(f"glassgrad: cannot write{place}: {error.strerror}.")
        return 1
    if advice:
        _complain(f"\n{advice}")
    return 0


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
        print(text, file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors quote what was typed visibly and briefly."""

    def error(self, message: str) -> NoReturn:
        super().error(clipped(message, 200))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="glassgrad",
        description="Step through the backpropagation of an expression, one edge at a time.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("expression", help="arithmetic with the engine's operations, in quotes")
    parser.add_argument(
        "assignments", nargs="*", metavar="name=number", help="the variables, if any"
    )
    parser.add_argument("--out", metavar="DIR", help="folder for the files (.)")
    parser.add_argument(
        "--format", default="svg", choices=FORMATS, help="of the graph's picture (svg)"
    )
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
    return parser


def _epilog() -> str:
    """The operations there are, from the table, and an example."""
    named = textwrap.fill(" ".join(NAMES), initial_indent="  ", subsequent_indent="  ")
    example = 'Example: glassgrad "tanh(x*w + b)" x=2 w=-3 b=6.88'
    return f"operations: {' '.join(SIGNS)} and, written tanh(x),\n{named}\n\n{example}"


def _wants_files(options: argparse.Namespace) -> bool:
    """With --json, only if a folder is named: a program that reads JSON expects no files."""
    return not options.no_files and (not options.json or options.out is not None)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(f"{clipped(text)} is no number above 0.")
    return rate


_TAKE_A_VALUE = ("--out", "--format", "--learning-rate", "--parameters")


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
    expression = Expression(options.expression)
    numbers: dict[str, float] = {}
    for assignment in options.assignments:
        name, number = _assignment(assignment)
        if name in numbers:
            raise ExpressionError(f"{clipped(name)} is given twice.", assignment)
        numbers[name] = number
    if unused := expression.unused(numbers):
        raise unused
    root = expression.value(numbers)
    root.label = RESULT if RESULT not in expression.names else f"{RESULT}_"
    parameters = None if options.parameters is None else _variables(root, options.parameters)
    return backprop(root, learning_rate=options.learning_rate, parameters=parameters)


def _variables(root: Value, names: str) -> list[Value]:
    """The variables of a list such as "w,b"."""
    known = {node.label: node for node in topological_order(root) if not node.parents}
    listed = [unicodedata.normalize("NFKC", name.strip()) for name in names.split(",")]
    for name in listed:
        if name not in known:
            problem = f"{clipped(name) or 'Nothing'} is no variable of the expression."
            raise ExpressionError(problem, names, max(names.find(name), 0))
    return [known[name] for name in listed]


def _assignment(text: str) -> tuple[str, float]:
    """A variable and its number, from "name=number"."""
    text = text.strip()
    name, equals, number = (part.strip() for part in text.partition("="))
    name = unicodedata.normalize("NFKC", name)
    if not equals or not name:
        raise ExpressionError("A variable is given as name=number.", text)
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ExpressionError(f"{clipped(name)} cannot be the name of a variable.", text)
    try:
        return name, float(number)
    except ValueError:
        start = text.index("=") + 1
        raise ExpressionError(
            f"{clipped(name)} needs a number, not {clipped(number) or 'nothing'}.", text, start
        ) from None


def _files(steps: Backprop, kind: str) -> tuple[dict[str, bytes], str]:
    """The contents of the files by name, and advice where a picture could not be drawn."""
    drawing = picture_of(steps.diagram, steps.gradients, MAX_NODES)
    advice = ""
    try:
        graph = {f"graph.{kind}": drawing.content(kind)}
    except (RendererMissingError, RenderingError) as error:
        graph = {"graph.dot": drawing.content("dot")}
        advice = f"{error} The graph is written as graph.dot."
    return {**graph, "steps.html": steps.standalone_html().encode()}, advice


def _write(files: dict[str, bytes], out: str) -> str:
    """Write the files and say which."""
    if not files:
        return ""
    folder = possible(out)
    folder.mkdir(parents=True, exist_ok=True)
    for name in files:
        plain_file(folder / name)  # before any is written
    for name, content in files.items():
        write_file(folder / name, content)
    return " and ".join(visible(str(folder / name)) for name in files)


if __name__ == "__main__":
    sys.exit(main())
