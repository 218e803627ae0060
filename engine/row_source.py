"""A row of the table written out as source: Python on floats, or JavaScript for a live page.

A row whose value is a formula over other rows is written as what that formula computes, and what it
needs several times is computed once. The methods of `Value` are made from the Python, which gives
the same bits as the functions of the row. The JavaScript stands on `functions.js`.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from functools import cache
from itertools import count
from math import inf, nan
from typing import Any, NamedTuple

from glassgrad.engine.formula import Formula, as_formula, printed, style_of, written
from glassgrad.engine.op import TABLE, Operation, Reduction
from glassgrad.engine.printers import JAVASCRIPT, NUMPY, PYTHON, Printer, pieces
from glassgrad.engine.table import abs, neg

RESULT = "y"
OPERANDS = "abcdefghijklmnopqrstuvwxz"
PYTHON_NAMES: dict[str, Any] = {
    "nan": nan,
    "inf": inf,
    **{row.kernel: row.scalar for row in TABLE.values()},
}
"""What the Python may call."""


class RowSource(NamedTuple):
    """A row of fixed arity as source, to be put into a function."""

    operands: tuple[str, ...]  # their names: a, b, c, ...
    lines: list[tuple[str, str]]  # assignments of names; one is that of the value, `y`
    partials: list[str]  # the local derivatives; "None" or "null" where none flows


def python_source(operation: Operation) -> RowSource:
    """A row of glassgrad as Python on floats: the bits of `forward` and `partials`, or it raises.

    It raises at hard places, where those ask numpy. It calls the functions of other rows by name.

    >>> from glassgrad import TABLE
    >>> python_source(TABLE["tanh"])[1:]
    ([('y', 'tanh(a)')], ['pow(1.0 / cosh(a), 2.0)'])
    """
    return _source(operation, operation.arity, PYTHON)


def numpy_source(operation: Operation) -> str:
    r"""The value of a row as a function of arrays, which calls the functions of other rows.

    It computes what `operation.array` does, without asking for every step what the operands are;
    a TypeError where the value is no formula over rows of the table.

    >>> from glassgrad import TABLE
    >>> print(numpy_source(TABLE["sech"]))
    def sech(a):
        y = 1 / cosh(a)
        return y
    """
    operands = tuple(map(Formula.symbol, OPERANDS[: operation.arity]))
    value = _reducer()(written(operation, operands))
    if value.operation is operation:
        raise TypeError(f"The value of {operation.name} is no formula over rows of the table.")
    lines, _ = _named([value], value, NUMPY)
    body = [f"    {name} = {text}" for name, text in lines]
    head = f"def {operation.kernel}({', '.join(symbol.name for symbol in operands)}):"
    return "\n".join([head, *body, f"    return {RESULT}"])


def javascript_functions(operations: Iterable[tuple[Operation, int]]) -> str:
    r"""Rows as a JavaScript expression: an object with a function for each `javascript_key`.

    It takes the operands and gives the value, followed by the local derivatives, with null where
    none flows. A function has `masks` where a derivative of zero sends nothing of an infinite
    gradient. What is no formula over rows of the table is a TypeError.

    >>> from glassgrad import TABLE
    >>> rows = javascript_functions([(TABLE["exp"], 1), (TABLE["sum"], 3)])
    >>> print(*rows.splitlines()[-3:], sep="\n")
    "exp": (a) => {const y = Math.exp(a); return [y, y];},
    "sum_3": (a, b, c) => {const y = a + b + c; return [y, 1, 1, 1];},
    };})()
    """
    rows = "".join(_javascript_function(operation, count) for operation, count in operations)
    return f"(() => {{{_called_in(rows)}\nreturn {{\n{rows}}};}})()"


@cache
def _paragraphs() -> list[tuple[str, set[str]]]:
    """The paragraphs of `functions.js`, and what each defines."""
    with open(os.path.join(os.path.dirname(__file__), "functions.js"), encoding="utf-8") as file:
        texts = file.read().split("\n\n")
    defined = r"^(?:function|const) (\w+)"
    return [(text, set(re.findall(defined, text, re.MULTILINE))) for text in texts]


def _called_in(code: str) -> str:
    """The paragraphs of `functions.js` that code needs, and those that they need."""
    names: set[str] = set()
    found: list[str] = []
    while not names >= (called := set(re.findall(r"\w+", code + "".join(found)))):
        names = called
        found = [text for text, defined in _paragraphs() if names & defined]
    return "\n".join(found)


def javascript_key(operation: Operation, count: int) -> str:
    """The name of a row, of so many operands, among `javascript_functions`."""
    is_of_any_number = isinstance(operation, Reduction)
    return f"{operation.kernel}_{count}" if is_of_any_number else operation.kernel


def _javascript_function(operation: Operation, count: int) -> str:
    refusal = f"{operation.name} cannot be written in JavaScript"
    try:
        operands, lines, partials = _source(operation, count, JAVASCRIPT)
    except TypeError as error:
        raise TypeError(f"{refusal}. {error}") from None
    except RecursionError:
        raise TypeError(f"{refusal}: of {count} operands it is too long.") from None
    assigned = " ".join(f"const {name} = {text};" for name, text in lines)
    body = f"{{{assigned} return [{', '.join([RESULT, *partials])}];}}"
    defined = set().union(*(names for _, names in _paragraphs()))
    for name in set(re.findall(r"(?<![\w.])\w+(?=\()", body)) - defined:
        raise TypeError(f"{refusal}: the value of {name} is no formula over rows of the table.")
    function = f"({', '.join(operands)}) => {body}"
    if operation.masks:
        function = f"Object.assign({function}, {{masks: true}})"
    return f'"{javascript_key(operation, count)}": {function},\n'


def _source(operation: Operation, arity: int, printer: Printer) -> RowSource:
    """A row of so many operands in a language."""
    is_python = printer is PYTHON
    letters = OPERANDS if arity <= len(OPERANDS) else [f"x{i}" for i in range(arity)]
    operands = tuple(map(Formula.symbol, letters[:arity]))
    reduced = _reducer()
    value = reduced(written(operation, operands))
    partials = [
        None if partial is None else reduced(as_formula(partial))
        for partial in operation.derivatives(operands, Formula.symbol(RESULT))
    ]
    roots = [value, *(partial for partial in partials if partial is not None)]
    lines, names = _named(roots, value, printer)
    nothing, chosen = ("None", "(%s) or None") if is_python else ("null", "chosen(%s)")
    edge = chosen if operation.selects else "%s"
    texts = [nothing if p is None else edge % printed(p, printer, names) for p in partials]
    return RowSource(tuple(symbol.name for symbol in operands), lines, texts)


def _named(
    roots: Sequence[Formula], value: Formula, printer: Printer
) -> tuple[list[tuple[str, str]], dict[int, str]]:
    """Assignments for the value and for what is needed several times, and the names of these."""
    uses = _uses(roots, printer)
    # Python would raise in a branch that is not chosen; JavaScript never does.
    certain = set(map(id, _parts(roots, only_certain=printer is PYTHON)))
    lines: list[tuple[str, str]] = []
    names: dict[int, str] = {}
    temporary = count()
    for part in _parts(roots):
        if part is value:
            name = RESULT
        elif part.operation is not None and uses[id(part)] > 1 and id(part) in certain:
            name = f"t{next(temporary)}"
        else:
            continue
        lines.append((name, printed(part, printer, names)))
        names[id(part)] = name
    return lines, names


def _reducer() -> Callable[[Formula], Formula]:
    """A function that opens rows, and makes equal parts one object, also in several formulas."""
    same: dict[object, Formula] = {}
    known: dict[Formula, Formula] = {}

    def reduced(formula: Formula) -> Formula:
        for part in _parts([formula], known=known):  # after its operands: none is too deep
            known[part] = one(part)
        return known[formula]

    def one(formula: Formula) -> Formula:
        operation = formula.operation
        operands = tuple([known[operand] for operand in formula.operands])
        if operation in (abs, neg) and operands[0].operation is neg:
            operands = operands[0].operands
            if operation is neg:
                return operands[0]
        opened = None if operation is None else _opened(operation, operands)
        if opened is not None:
            return reduced(opened)
        key = (operation, formula.name, repr(formula.number), *map(id, operands))
        found = Formula(operation, operands, name=formula.name, number=formula.number)
        return same.setdefault(key, found)

    return reduced


def _opened(operation: Operation, operands: tuple[Formula, ...]) -> Formula | None:
    """The value of a row as a formula over other rows; None if it is none."""
    if operation.scalar is not operation.array and not operation.is_checked:
        return None
    try:
        return as_formula(operation.scalar(*operands))
    except RecursionError:
        raise
    except Exception:  # a function of a user's may do anything with what is no number
        if not operation.is_checked:
            raise
        return None


def _parts(
    roots: Iterable[Formula], *, only_certain: bool = False, known: Container[Formula] = ()
) -> list[Formula]:
    """The parts of formulas, each once and after its operands, without those that are known.

    Certain is what is computed whatever is chosen; all else only where it is chosen.
    """
    found: dict[int, Formula] = {}
    left = [(root, False) for root in reversed(list(roots))]
    while left:
        part, is_entered = left.pop()
        if is_entered:
            found.setdefault(id(part), part)
        elif id(part) not in found and part not in known:
            is_choice = part.operation is not None and part.operation.selects
            certain = part.operands[:1] if only_certain and is_choice else part.operands
            left.append((part, True))
            left += [(operand, False) for operand in reversed(certain)]
    return list(found.values())


def _uses(roots: Sequence[Formula], printer: Printer) -> Counter[int]:
    """How often each part is written: as a root, and by the parts that it is an operand of."""
    uses = Counter(map(id, roots))
    for part in _parts(roots):
        if part.operation is not None:
            places = pieces(style_of(part, printer).pattern)
            uses.update(id(part.operands[place]) for place in places if isinstance(place, int))
    return uses
