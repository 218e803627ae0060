r"""Ink: the reader of the table that writes formulas instead of computing numbers.

Give a row symbols instead of numbers and its rules write down the derivative themselves, as text
(which is also Python) and as LaTeX. So no formula is ever typed twice.

>>> from glassgrad import Ink, tanh
>>> x = Ink.symbol("x")
>>> str(tanh(x) * 2.0), (tanh(x) * 2.0).latex
('tanh(x) * 2', '\\tanh(x) \\cdot 2')
"""

from __future__ import annotations

import builtins
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from glassgrad.engine.op import ATOM, TABLE, Notation, Operation, Reduction, evaluators
from glassgrad.engine.misuse import real
from glassgrad.engine import table as _table  # noqa: F401  fills the table

_SIGN = TABLE["neg"].notation.binds
_PRODUCT = TABLE["mul"].notation.binds  # 1e-05 is a product in LaTeX


class Ink:
    """A formula: its text, its LaTeX and how tightly it binds; a literal also knows its number.

    Attributes:
        text: the formula in Python's notation.
        latex: the formula in LaTeX, for mathematics mode.
        binds: the precedence of its outermost operator.
        number: its number if it is a literal, else None.
        value: its number where that is known, of a variable too; it decides what `where` chooses.

    >>> x = Ink.symbol("x")
    >>> (x + 1) * x
    Ink('(x + 1) * x')
    """

    __slots__ = ("binds", "latex", "number", "text", "value")

    def __init__(
        self,
        text: str,
        latex: str,
        binds: int = ATOM,
        *,
        number: float | None = None,
        value: float | None = None,
    ) -> None:
        self.text = text
        self.latex = latex
        self.binds = binds
        self.number = number
        self.value = number if value is None else value

    @staticmethod
    def symbol(name: str, value: float | None = None) -> Ink:
        """A variable, and its number where known. Its name is shown literally."""
        return Ink(name, latex_name(name), value=value)

    @staticmethod
    def literal(number: float) -> Ink:
        """A number, in the fewest digits that read back exactly."""
        text = number_text(number)
        binds = _SIGN if text.startswith("-") else _PRODUCT if "e" in text else ATOM
        return Ink(text, _latex_number(text), binds, number=number)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Ink({self.text!r})"

    if TYPE_CHECKING:  # made from the table at the end of this file

        def __add__(self, other: Any) -> Ink: ...
        def __sub__(self, other: Any) -> Ink: ...
        def __mul__(self, other: Any) -> Ink: ...
        def __rmul__(self, other: Any) -> Ink: ...
        def __truediv__(self, other: Any) -> Ink: ...
        def __rtruediv__(self, other: Any) -> Ink: ...
        def __neg__(self) -> Ink: ...
        def __abs__(self) -> Ink: ...


def derivative_formula(operation: Operation, operands: Sequence[Ink], index: int) -> Ink | None:
    """The local derivative of an operation by one operand, as a formula of its operands.

    Returns:
        The formula; None where no derivative flows.

    >>> from glassgrad import Ink, derivative_formula, TABLE
    >>> x, w = Ink.symbol("x"), Ink.symbol("w")
    >>> str(derivative_formula(TABLE["mul"], [x, w], 0))
    'w'
    """
    result = write(operation, tuple(operands))
    wanted = tuple(i == index for i in range(len(operands)))
    found = operation.derivatives(tuple(operands), result, wanted)[index]
    return None if found is None else _as_ink(found)


def write(operation: Operation, operands: tuple[Any, ...]) -> Ink:
    """The formula of an operation on formulas and numbers; arithmetic on literals is done.

    >>> from glassgrad import TABLE, Ink, write
    >>> str(write(TABLE["pow"], (Ink.symbol("x"), 2.0)))
    'x ** 2'
    """
    inks = tuple(map(_as_ink, operands))
    numbers = [ink.number for ink in inks]
    if builtins.all(number is not None for number in numbers):
        return Ink.literal(operation.forward(tuple(n for n in numbers if n is not None)))
    return _shortened(operation, inks) or _written(operation, inks)


def number_text(number: float) -> str:
    """A number in the fewest digits that read back exactly, without a trailing ".0".

    >>> number_text(2.0), number_text(0.1)
    ('2', '0.1')
    """
    text = repr(number)
    return text[:-2] if text.endswith(".0") else text


def latex_name(name: str) -> str:
    r"""A name as LaTeX: letters with digits get an index, all else is shown literally.

    >>> latex_name("w1"), latex_name("50%"), latex_name("alpha")
    ('w_{1}', '\\text{50\\%}', '\\alpha')
    """
    stem = name.rstrip("0123456789")
    index = name[len(stem) :]
    if stem in _GREEK:
        letters = "\\" + stem
    elif len(stem) == 1 and stem.isascii() and stem.isalpha():
        letters = stem
    else:
        return rf"\text{{{_latex_literal(name)}}}"
    return f"{letters}_{{{index}}}" if index else letters


_GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi "
    "psi omega".split()
)
_LATEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{character: "\\" + character for character in "&%$#_{}"},
}


def _latex_literal(text: str) -> str:
    printable = (" " if unicodedata.category(c).startswith("C") else c for c in text)
    return "".join(_LATEX_SPECIAL.get(c, c) for c in printable)


def _latex_number(text: str) -> str:
    if "e" in text:
        digits, exponent = text.split("e")
        return rf"{digits} \cdot 10^{{{int(exponent)}}}"
    return {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\mathrm{nan}"}.get(text, text)


def _as_ink(operand: Any) -> Ink:
    return operand if isinstance(operand, Ink) else Ink.literal(real(operand, "A formula"))


def _shortened(operation: Operation, inks: tuple[Ink, ...]) -> Ink | None:
    """The formula where a literal makes the operation trivial, as a person would write it."""
    known = [ink.value if operation.name == "where" else ink.number for ink in inks]
    place = operation.trivial(*known) if operation.trivial else None
    if place is not None:
        return inks[place]
    if operation.name == "mul" and known[0] == -1.0:
        return write(TABLE["neg"], (inks[1],))
    return None


def _written(operation: Operation, inks: tuple[Ink, ...]) -> Ink:
    notation = operation.notation
    value = _known_value(operation, inks)
    if isinstance(operation, Reduction):
        inks = (_listed(operation, inks),)
    texts = tuple(_bracketed(ink, notation, i, False) for i, ink in enumerate(inks))
    latexes = tuple(_bracketed(ink, notation, i, True) for i, ink in enumerate(inks))
    return Ink(notation.text % texts, notation.latex % latexes, notation.binds, value=value)


def _known_value(operation: Operation, inks: tuple[Ink, ...]) -> float | None:
    known = tuple(ink.value for ink in inks if ink.value is not None)
    return operation.forward(known) if len(known) == len(inks) else None


def _listed(operation: Operation, inks: tuple[Ink, ...]) -> Ink:
    """The operands of a reduction as one formula: a list, or two lists for a pairing."""
    sides = operation.sides(inks)
    left, right = ("[", "]") if len(sides) > 1 else ("", "")
    texts = (left + ", ".join(ink.text for ink in side) + right for side in sides)
    latexes = (left + ", ".join(ink.latex for ink in side) + right for side in sides)
    return Ink(", ".join(texts), ", ".join(latexes))


def _bracketed(ink: Ink, notation: Notation, index: int, in_latex: bool) -> str:
    """An operand in brackets where its operator binds less than the one around it."""
    written = ink.latex if in_latex else ink.text
    pattern = notation.latex if in_latex else notation.text
    if notation.binds == ATOM or (in_latex and _encloses(pattern, index)):
        return written
    needed = notation.binds + (1 if _is_strict_side(notation.text, index) else 0)
    if ink.binds >= needed:
        return written
    return rf"\left({written}\right)" if in_latex else f"({written})"


def _is_strict_side(pattern: str, index: int) -> bool:
    """Whether an equal precedence needs brackets: right of - and /, left of **."""
    return index == (0 if "**" in pattern else 1)


def _encloses(pattern: str, index: int) -> bool:
    """Whether LaTeX itself encloses the operand: in a fraction, a root, an exponent, bars."""
    before = pattern.split("%s")[index]
    return (before.endswith("{") and not pattern.startswith("{%s}^")) or before.endswith("^{")


for _row in TABLE.values():
    if _row.dunder is None:
        continue

    def _operator(self: Ink, *others: Any, row: Operation = _row) -> Ink:
        return write(row, (self, *others))

    def _reflected(self: Ink, other: Any, row: Operation = _row) -> Ink:
        return write(row, (other, self))

    setattr(Ink, _row.dunder, _operator)
    if _row.arity == 2:
        setattr(Ink, _row.dunder.replace("__", "__r", 1), _reflected)
evaluators[Ink] = write
