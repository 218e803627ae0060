"""How formulas are written: in text, in LaTeX, and as source in Python, numpy and JavaScript.

A `Printer` says how one operation is written around its operands, how a number and how a name. The
one function that prints, and the formulas that it prints, are in `formula.py`; MathML, which only
pages need, is one more printer in `viz/formulas.py`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from glassgrad.engine.op import ATOM, Operation, Reduction

CHOICE, SUM, PRODUCT, SIGN, POWER = 1, 4, 5, 6, 7
"""Precedences, as those of Python's operators; `ATOM` never needs brackets."""

Numbers = Sequence[float | None]
"""For each operand its number if it is a literal, else None."""


class Style(NamedTuple):
    """How one operation is written."""

    pattern: str  # with `%s` for each operand in its turn, or `%0`, `%1`, ... by position
    binds: int = ATOM  # the precedence of its operator
    needs: tuple[int, ...] = ()  # what operands bind at least to need no brackets; () for nothing


@dataclass(frozen=True)
class Printer:
    """A language that formulas are written in: how operations, numbers and names are written, and
    what is put around an operand that binds too little.
    """

    style: Callable[[Operation, Numbers], Style]
    literal: Callable[[float], str]
    name: Callable[[str], str] = str
    brackets: tuple[str, str] = ("(", ")")


@cache
def pieces(pattern: str) -> tuple[str | int, ...]:
    """A pattern taken apart: "%1 if %0" is ("", 1, " if ", 0, ""), with positions of operands."""
    parts = enumerate(re.split(r"%(s|\d+)", pattern))
    return tuple(part if i % 2 == 0 else i // 2 if part == "s" else int(part) for i, part in parts)


def slots(operation: Operation, count: int, comma: str = ", ", around: str = "[%s]") -> str:
    """What stands in the brackets of a call: the operands; two lists of them for a pairing."""
    if not isinstance(operation, Reduction):
        return comma.join(["%s"] * count)
    lists = [comma.join(side) for side in operation.sides(tuple(f"%{i}" for i in range(count)))]
    return lists[0] if len(lists) == 1 else comma.join(around % side for side in lists)


def number_text(number: float) -> str:
    """A number in the fewest digits that read back exactly, without a trailing ".0"."""
    return repr(number).removesuffix(".0")


# Text: Python's notation, as the rows of the table give it.


def _text_style(operation: Operation, numbers: Numbers) -> Style:
    pattern, _, binds = operation.notation
    if isinstance(operation, Reduction):
        return Style(pattern % slots(operation, len(numbers)), binds)
    # An equal precedence needs brackets at the right of - and /, at the left of **, after a sign.
    strict = 0 if "**" in pattern or len(numbers) == 1 else 1
    needs = [binds + (i == strict) for i in range(len(numbers))]
    return Style(pattern, binds, () if binds == ATOM else tuple(needs))


TEXT = Printer(_text_style, number_text)


# LaTeX, for mathematics mode.


def _latex_style(operation: Operation, numbers: Numbers) -> Style:
    pattern, (_, binds, needs) = operation.notation.latex, _text_style(operation, numbers)
    if isinstance(operation, Reduction):
        return Style(pattern % slots(operation, len(numbers)), binds)
    needs = tuple(0 if _encloses(pattern, i) else need for i, need in enumerate(needs))
    return Style(pattern, binds, needs)


def _encloses(pattern: str, index: int) -> bool:
    """Whether LaTeX itself encloses the operand: in a fraction, a root, an exponent, bars."""
    before = pattern.split("%s")[index]
    return (before.endswith("{") and not pattern.startswith("{%s}^")) or before.endswith("^{")


def _latex_literal(number: float) -> str:
    digits, _, exponent = number_text(number).partition("e")
    if exponent:
        return rf"{digits} \cdot 10^{{{int(exponent)}}}"
    return digits.replace("inf", r"\infty").replace("nan", r"\mathrm{nan}")


_INDEXED = r"([A-Za-z\u0370-\u03ff]+)_?(\d+(?:_\d+)*)"


def letters_and_index(name: str) -> tuple[str, str]:
    """A name as mathematics writes it: letters, and digits that become an index below.

    An underscore may stand before the digits; further indices follow commas. Any other name is
    shown as it is, and has no index. The stage follows the same rule (`numbers.js`).

    >>> letters_and_index("w1"), letters_and_index("w0_3"), letters_and_index("w_coffee")
    (('w', '1'), ('w', '0,3'), ('w_coffee', ''))
    """
    found = re.fullmatch(_INDEXED, name, re.ASCII)
    return (found[1], found[2].replace("_", ",")) if found else (name, "")


def latex_name(name: str) -> str:
    """A name as LaTeX: letters with digits get an index, all else is shown literally."""
    stem, index = letters_and_index(name)
    if stem in _GREEK:
        letters = "\\" + stem
    elif len(stem) == 1 and stem.isascii() and stem.isalpha():
        letters = stem
    else:
        shown = (" " if unicodedata.category(c).startswith("C") else c for c in name)
        return rf"\text{{{''.join(shown).translate(_LATEX_SPECIAL)}}}"
    return f"{letters}_{{{index}}}" if index else letters


_GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi "
    "psi omega".split()
)
_LATEX_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        **{character: "\\" + character for character in "&%$#_{}"},
    }
)

LATEX = Printer(_latex_style, _latex_literal, latex_name, (r"\left(", r"\right)"))


# Source: signs and + - * / as in text; else a call of the function of its name, unless special.


def _source_style(special: dict[str, Style]) -> Callable[[Operation, Numbers], Style]:
    def style(operation: Operation, numbers: Numbers) -> Style:
        if operation.name in special:
            return special[operation.name]
        if operation.dunder and operation.notation.binds < POWER:
            return _text_style(operation, numbers)
        return Style(f"{operation.kernel}({slots(operation, len(numbers))})")

    return style


# Python, on floats. What is chosen is written so that only that is computed; the comparisons are
# those of the rows' own functions, with their answers for ties and nan.

_PYTHON = {
    "where": Style("%1 if %0 else %2", CHOICE, (CHOICE + 1, CHOICE + 1, CHOICE)),
    "relu": Style("0.0 if %0 < 0.0 else %0", CHOICE, (SUM,)),
    "step": Style("1.0 if %0 > 0.0 else 0.0 if %0 <= 0.0 else nan", CHOICE, (SUM,)),
    "sign": Style(
        "1.0 if %0 > 0.0 else -1.0 if %0 < 0.0 else 0.0 if %0 == 0.0 else nan", CHOICE, (SUM,)
    ),
    "compare": Style(
        "1.0 if %0 > %1 else -1.0 if %0 < %1 else 0.0 if %0 == %1 else nan", CHOICE, (SUM, SUM)
    ),
    "maximum": Style("%0 if %0 >= %1 or %0 != %0 else %1", CHOICE, (SUM, SUM)),
    "minimum": Style("%0 if %0 <= %1 or %0 != %0 else %1", CHOICE, (SUM, SUM)),
}
PYTHON = Printer(_source_style(_PYTHON), repr)


# numpy, on arrays: the functions are those of `compile/kernels.py`.

_numpy_call = _source_style({})


def _numpy_style(operation: Operation, numbers: Numbers) -> Style:
    exponent = numbers[1] if operation.name == "pow" else None
    # `**` takes a square root for the exponent 0.5, which is nan at -inf.
    is_exact = exponent is not None and exponent >= 0.0 and exponent != 0.5
    return _text_style(operation, numbers) if is_exact else _numpy_call(operation, numbers)


NUMPY = Printer(_numpy_style, number_text)


# JavaScript: what `Math` lacks, or has with other answers, is in `functions.js`.

_IN_MATH = (
    "abs exp expm1 log log1p log2 log10 sqrt cbrt sin cos tan asin acos atan sinh cosh tanh asinh "
    "acosh atanh"
).split()
_JAVASCRIPT = {
    **{name: Style(f"Math.{name}(%s)") for name in _IN_MATH},
    **{name: Style(f"Math.{name}(%s, %s)") for name in ("atan2", "hypot")},
    "where": Style("%0 != 0 ? %1 : %2", CHOICE, (SUM, CHOICE + 1, CHOICE)),  # nan is true
}


def _javascript_literal(number: float) -> str:
    return number_text(number).replace("inf", "Infinity").replace("nan", "NaN")


JAVASCRIPT = Printer(_source_style(_JAVASCRIPT), _javascript_literal)
