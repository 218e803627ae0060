"""Formulas: give a row of the table symbols, and its rules write the derivative down themselves.

A `Formula` is a small tree of operations on symbols and literals, so that no formula is ever typed
twice; `printers.py` says how it is written. Whole rows are written out as source: Python on floats,
which the methods of `Value` are made from, programs of numpy, and JavaScript for a live page. A row
whose value is a formula over other rows is then written as what that formula computes, and what it
needs several times is computed once. Next: `methods.py`.
"""

from __future__ import annotations

import operator
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from math import inf, nan
from typing import Any, NamedTuple

from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.op import ATOM, TABLE, Operation, Reduction, evaluators
from glassgrad.engine.printers import (
    JAVASCRIPT,
    LATEX,
    NUMPY,
    PRODUCT,
    PYTHON,
    SIGN,
    TEXT,
    Printer,
    Style,
    pieces,
)
from glassgrad.engine.table import abs, add, div, mul, neg, pos, pow, sub


def _operators(row: Operation) -> tuple[Callable[..., Formula], Callable[..., Formula]]:
    """The operator of a row, and the one for a number at its left."""
    return (
        lambda self, *others: written(row, (self, *others)),
        lambda self, other: written(row, (other, self)),
    )


@dataclass(eq=False, repr=False, slots=True)
class Formula:
    r"""A symbol, a literal, or an operation of the table on formulas.

    Arithmetic on literals is done, and what a person would not write, such as 1·x, is left out.
    A formula compares by its number where that is known, and refuses to where it is not. In source
    symbols stand as they are called, so there their names have to be identifiers.

    Attributes:
        operation: the row of the table; None for a symbol or a literal.
        operands: what the operation is applied to.
        name: the name of a symbol, shown literally; "" for all else.
        number: the number of a literal; None for all else.
        value: its number where that is known, of a symbol too; it decides what `where` chooses.

    >>> x = Formula.symbol("x")
    >>> (x + 1) * x
    Formula('(x + 1) * x')
    >>> ((x + 1) / x).latex
    '\\frac{x + 1}{x}'
    """

    operation: Operation | None = None
    operands: tuple[Formula, ...] = ()
    name: str = ""
    number: float | None = None
    value: float | None = None

    @staticmethod
    def symbol(name: str, value: float | None = None) -> Formula:
        """A variable, and its number where known."""
        return Formula(name=name, value=value)

    @staticmethod
    def literal(number: float) -> Formula:
        """A number, written in the fewest digits that read back exactly."""
        return Formula(number=number, value=number)

    @property
    def text(self) -> str:
        """In Python's notation, for people."""
        return printed(self, TEXT)

    @property
    def latex(self) -> str:
        """In LaTeX, for mathematics mode."""
        return printed(self, LATEX)

    def made(self, *fields: Any) -> Formula:
        """A literal or an operation with these fields, of the kind of this formula."""
        return Formula(*fields)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Formula({self.text!r})"

    def __bool__(self) -> bool:
        return bool(_known(self, "is true"))

    __add__, __radd__ = _operators(add)
    __sub__, __rsub__ = _operators(sub)
    __mul__, __rmul__ = _operators(mul)
    __truediv__, __rtruediv__ = _operators(div)
    __pow__, __rpow__ = _operators(pow)
    __neg__, __pos__, __abs__ = (_operators(row)[0] for row in (neg, pos, abs))


def printed(formula: Formula, printer: Printer, names: Mapping[int, str] | None = None) -> str:
    """A formula of any depth in a language; `names` has, by `id`, those of parts that have one."""
    found: list[str] = []
    left: list[str | Formula] = [formula]
    while left:
        part = left.pop()
        if isinstance(part, str):
            found.append(part)
        else:
            left += reversed(_side_by_side(part, printer, names or {}))
    return "".join(found)


def _side_by_side(
    formula: Formula, printer: Printer, names: Mapping[int, str]
) -> list[str | Formula]:
    """What stands side by side: texts, and operands, in brackets where they bind too little."""
    if id(formula) in names:
        return [names[id(formula)]]
    if formula.number is not None:
        return [printer.literal(formula.number)]
    if formula.operation is None:
        return [printer.name(formula.name)]
    pattern, _, needs = style_of(formula, printer)
    parts: list[str | Formula] = []
    for piece in pieces(pattern):
        if isinstance(piece, str):
            parts.append(piece)
            continue
        operand = formula.operands[piece]
        is_bare = not needs or id(operand) in names
        if is_bare or precedence(operand, printer) >= needs[piece]:
            parts.append(operand)
        else:
            parts += [printer.brackets[0], operand, printer.brackets[1]]
    return parts


def precedence(formula: Formula, printer: Printer) -> int:
    """How tightly the outermost operator of what is printed binds."""
    if formula.operation is not None:
        return style_of(formula, printer).binds
    number = str(formula.number)
    return SIGN if number.startswith("-") else PRODUCT if "e-" in number or "e+" in number else ATOM


def style_of(formula: Formula, printer: Printer) -> Style:
    """How the operation of a formula is written."""
    assert formula.operation is not None
    return printer.style(formula.operation, [operand.number for operand in formula.operands])


# Formulas of operations and of their derivatives.


def written(operation: Operation, operands: Sequence[Any]) -> Formula:
    """The formula of an operation on formulas and numbers."""
    kind = next((operand for operand in operands if isinstance(operand, Formula)), Formula())
    formulas = tuple([as_formula(operand, kind) for operand in operands])
    numbers: list[Any] = [formula.number for formula in formulas]
    known: list[Any] = [formula.value for formula in formulas]
    value = None if None in known else operation.forward(tuple(known))
    if value is not None and None not in numbers:
        return as_formula(value, kind)
    if operation.trivial:
        # What is chosen is known of a symbol with a number too.
        place = operation.trivial(*(known if operation.selects else numbers))
        if place is not None:
            return formulas[place]
    if operation is mul and numbers[0] == -1.0:
        return written(neg, formulas[1:])
    return kind.made(operation, formulas, "", None, value)


def derivative_formula(
    operation: Operation, operands: Sequence[Formula], index: int, *, exact: bool = False
) -> Formula | None:
    """The local derivative of an operation by one operand, as a formula of its operands.

    It is None where no derivative flows, and a TypeError where the rule is no formula, since it
    calls `math` or asks for an unknown number.

    Args:
        operation: a row of the table.
        operands: the operands.
        index: which of them to differentiate by.
        exact: whether as the engine computes it, losing no digits, instead of as a textbook does.

    >>> from glassgrad import Formula, derivative_formula, TABLE
    >>> x, w = Formula.symbol("x"), Formula.symbol("w")
    >>> str(derivative_formula(TABLE["mul"], [x, w], 0))
    'w'
    """
    rules: tuple[Any, ...] = operation.rules if exact else operation.textbook
    result = written(operation, operands)
    if isinstance(operation, Reduction):
        found = tuple(rules[0](tuple(operands), result))[index]
    else:
        found = rules[index](*operands, result) if callable(rules[index]) else rules[index]
    return None if found is None else as_formula(found)


def as_formula(operand: Any, kind: Formula | None = None) -> Formula:
    """A formula, or a number as a literal, of the kind of another formula."""
    if isinstance(operand, Formula):
        return operand
    number = real(operand, "A formula")
    return (Formula() if kind is None else kind).made(None, (), "", number, number)


# Comparisons, as those of Values: by number, where it is known.


def _known(formula: Formula, what: str) -> float:
    if formula.value is None:
        raise TypeError(
            f"Whether {formula} {what} is not known while a formula is written. "
            "Choose with where(condition, a, b), maximum or minimum."
        )
    return formula.value


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[[Formula, Any], Any]:
    def compared(self: Formula, other: Any) -> Any:
        if not (isinstance(other, Formula) or is_real(other)):
            return NotImplemented
        a, b = (_known(as_formula(each), "is smaller, equal or larger") for each in (self, other))
        return compare(a, b)

    return compared


for _name in ("lt", "le", "eq", "ne", "gt", "ge"):
    setattr(Formula, f"__{_name}__", _comparison(getattr(operator, _name)))


# Rows as source.

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
    operands = _symbols(OPERANDS[: operation.arity])
    value = written(operation, operands)
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
    *operands, result = _symbols([*letters[:arity], RESULT])
    value = written(operation, operands)
    read = operation.derivatives(tuple(operands), result)
    partials = [None if partial is None else as_formula(partial) for partial in read]
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


class _Part(Formula):
    """A formula in which rows are opened: what their values are formulas of stands in their place.
    Equal parts are one object, also in several formulas of the same symbols.
    """

    __slots__ = ("same",)
    same: dict[object, _Part]

    def made(self, *fields: Any) -> Formula:
        operation, operands, name, number, _ = fields
        if operation in (abs, neg) and operands[0].operation is neg:
            (positive,) = operands[0].operands
            return positive if operation is neg else written(abs, [positive])
        if operation is not None and (opened := _opened(operation, operands)) is not None:
            return opened
        key = (operation, name, repr(number), *map(id, operands))
        if key not in self.same:
            self.same[key] = part = _Part(*fields)
            part.same = self.same
        return self.same[key]


def _symbols(names: Iterable[str]) -> list[Formula]:
    """Symbols whose formulas are opened."""
    first = _Part()
    first.same = {}
    return [first.made(None, (), name, None, None) for name in names]


def _opened(operation: Operation, operands: tuple[Formula, ...]) -> Formula | None:
    """The value of a row as a formula over other rows; None if it is none."""
    if operation.scalar is not operation.array and not operation.is_checked:
        return None
    try:
        return as_formula(operation.scalar(*operands), operands[0])
    except RecursionError:
        raise
    except Exception:  # a function of a user's may do anything with what is no number
        if not operation.is_checked:
            raise
        return None


def _parts(roots: Iterable[Formula], *, only_certain: bool = False) -> list[Formula]:
    """The parts of formulas, each once and after its operands.

    Certain is what is computed whatever is chosen; all else only where it is chosen.
    """
    found: dict[int, Formula] = {}
    left = [(root, False) for root in reversed(list(roots))]
    while left:
        part, is_entered = left.pop()
        if is_entered:
            found.setdefault(id(part), part)
        elif id(part) not in found:
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


evaluators[Formula] = evaluators[_Part] = written
