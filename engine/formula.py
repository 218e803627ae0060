"""Formulas: give a row of the table symbols, and its rules write the derivative down themselves.

A `Formula` is a small tree of operations on symbols and literals, so that no formula is ever typed
twice. `printers.py` says how it is written. Next: `row_source.py`, which writes whole rows out as
source.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.op import ATOM, Operation, Reduction, evaluators
from glassgrad.engine.printers import LATEX, PRODUCT, SIGN, TEXT, Printer, Style, pieces
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
            left += reversed(_parts(part, printer, names or {}))
    return "".join(found)


def _parts(formula: Formula, printer: Printer, names: Mapping[int, str]) -> list[str | Formula]:
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
    formulas = tuple([as_formula(operand) for operand in operands])
    numbers: list[Any] = [formula.number for formula in formulas]
    known: list[Any] = [formula.value for formula in formulas]
    value = None if None in known else operation.forward(tuple(known))
    if value is not None and None not in numbers:
        return Formula.literal(value)
    if operation.trivial:
        # What is chosen is known of a symbol with a number too.
        place = operation.trivial(*(known if operation.selects else numbers))
        if place is not None:
            return formulas[place]
    if operation is mul and numbers[0] == -1.0:
        return written(neg, formulas[1:])
    return Formula(operation, formulas, value=value)


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


def as_formula(operand: Any) -> Formula:
    """A formula, or a number as a literal."""
    return operand if type(operand) is Formula else Formula.literal(real(operand, "A formula"))


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


evaluators[Formula] = written
