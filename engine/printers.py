r"""How formulas are written: in text, in LaTeX, and as source in Python, numpy and JavaScript.

A `Printer` says how one operation is written around its operands, how a number and how a name. The
one function that prints, and the formulas that it prints, are in `formula.py`; MathML, which only
pages need, is one more printer in `viz/mathml.py`.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from glassgrad.engine.op import ATOM, Operation, Reduction

CHOICE, COMPARISON, SUM, PRODUCT, SIGN, POWER = 1, 3, 4, 5, 6, 7
"""Precedences, as those of Python's operators; `ATOM` never needs brackets."""


class Style(NamedTuple):
    """How one operation is written.

    Attributes:
        pattern: the text, with `%s` for each operand in its turn, or `%0`, `%1`, ... by position.
        binds: the precedence of its operator.
        needs: what each operand must bind at least to stand without brackets; () for nothing.
    """

    pattern: str
    binds: int = ATOM
    needs: tuple[int, ...] = ()


Numbers = Sequence[float | None]
"""For each operand its number if it is a literal, else None."""


@dataclass(frozen=True)
class Printer:
    """A language that formulas are written in.

    Attributes:
        style: how an operation is written.
        literal: how a number is written, and the precedence of what is written.
        name: how the name of a variable is written.
        brackets: what is put around an operand that binds too little.
    """

    style: Callable[[Operation, Numbers], Style]
    literal: Callable[[float], tuple[str, int]]
    name: Callable[[str], str] = str
    brackets: tuple[str, str] = ("(", ")")


@cache
def pieces(pattern: str) -> tuple[str | int, ...]:
    """A pattern taken apart: texts, and positions of operands.

    >>> pieces("%1 if %0 else %2")
    (1, ' if ', 0, ' else ', 2)
    """
    found: list[str | int] = []
    texts = re.split(r"%(s|\d+)", pattern)
    for i, text in enumerate(texts):
        if i % 2 == 0:
            found.append(text)
        else:
            found.append(i // 2 if text == "s" else int(text))
    return tuple(piece for piece in found if piece != "")


def slots(operation: Operation, count: int, comma: str = ", ", around: str = "[%s]") -> str:
    """What stands in the brackets of a call: the operands; two lists of them for a pairing.

    >>> from glassgrad import TABLE
    >>> slots(TABLE["hypot"], 2), slots(TABLE["sum"], 3), slots(TABLE["dot"], 4)
    ('%s, %s', '%0, %1, %2', '[%0, %1], [%2, %3]')
    """
    if not isinstance(operation, Reduction):
        return comma.join(["%s"] * count)
    lists = [comma.join(side) for side in operation.sides(tuple(f"%{i}" for i in range(count)))]
    return lists[0] if len(lists) == 1 else comma.join(around % side for side in lists)


def _noted(pattern: str, operation: Operation, count: int) -> str:
    """A pattern of the table; a reduction has one place in it for all its operands."""
    return pattern % slots(operation, count) if isinstance(operation, Reduction) else pattern


def number_text(number: float) -> str:
    """A number in the fewest digits that read back exactly, without a trailing ".0".

    >>> number_text(2.0), number_text(0.1)
    ('2', '0.1')
    """
    text = repr(number)
    return text[:-2] if text.endswith(".0") else text


# Text: Python's notation, as the rows of the table give it.


def _text_style(operation: Operation, numbers: Numbers) -> Style:
    pattern, _, binds = operation.notation
    # An equal precedence needs brackets at the right of - and /, and at the left of **.
    strict = 0 if "**" in pattern else 1
    needs = () if binds == ATOM else tuple(binds + (i == strict) for i in range(len(numbers)))
    return Style(_noted(pattern, operation, len(numbers)), binds, needs)


def _text_literal(number: float) -> tuple[str, int]:
    text = number_text(number)
    return text, SIGN if text.startswith("-") else PRODUCT if "e" in text else ATOM


TEXT = Printer(_text_style, _text_literal)


# LaTeX, for mathematics mode.


def _latex_style(operation: Operation, numbers: Numbers) -> Style:
    pattern, style = operation.notation.latex, _text_style(operation, numbers)
    needs = tuple(0 if _encloses(pattern, i) else need for i, need in enumerate(style.needs))
    return Style(_noted(pattern, operation, len(numbers)), style.binds, needs)


def _encloses(pattern: str, index: int) -> bool:
    """Whether LaTeX itself encloses the operand: in a fraction, a root, an exponent, bars."""
    before = pattern.split("%s")[index]
    return (before.endswith("{") and not pattern.startswith("{%s}^")) or before.endswith("^{")


def _latex_literal(number: float) -> tuple[str, int]:
    text, binds = _text_literal(number)
    if "e" in text:
        digits, exponent = text.split("e")
        return rf"{digits} \cdot 10^{{{int(exponent)}}}", binds
    return {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\mathrm{nan}"}.get(text, text), binds


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
        return rf"\text{{{_shown_in_latex(name)}}}"
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


def _shown_in_latex(text: str) -> str:
    printable = (" " if unicodedata.category(c).startswith("C") else c for c in text)
    return "".join(_LATEX_SPECIAL.get(c, c) for c in printable)


LATEX = Printer(_latex_style, _latex_literal, latex_name, (r"\left(", r"\right)"))


# Source. Where nothing else is said, an operation is a call of the function of its name.

_INFIX = {
    "add": Style("%s + %s", SUM, (SUM, SUM + 1)),
    "sub": Style("%s - %s", SUM, (SUM, SUM + 1)),
    "mul": Style("%s * %s", PRODUCT, (PRODUCT, PRODUCT + 1)),
    "div": Style("%s / %s", PRODUCT, (PRODUCT, PRODUCT + 1)),
    "neg": Style("-%s", SIGN, (SIGN + 1,)),
    "pos": Style("+%s", SIGN, (SIGN + 1,)),
}


@cache
def function_name(name: str) -> str:
    """What an operation is called in source: its name, kept apart from those of variables.

    Operands are letters there, and what is computed on the way is t0, t1, ...

    >>> function_name("tanh"), function_name("t1")
    ('tanh', 't1_')
    """
    is_taken = len(name) == 1 or re.fullmatch(r"t\d+", name) or keyword.iskeyword(name)
    return f"{name}_" if is_taken else name


def _source_style(special: dict[str, Style]) -> Callable[[Operation, Numbers], Style]:
    styles = _INFIX | special

    def style(operation: Operation, numbers: Numbers) -> Style:
        if operation.name in styles:
            return styles[operation.name]
        return Style(f"{function_name(operation.kernel)}({slots(operation, len(numbers))})")

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


def _python_literal(number: float) -> tuple[str, int]:
    text = repr(number)
    return text, SIGN if text.startswith("-") else ATOM


PYTHON = Printer(_source_style(_PYTHON), _python_literal)


# numpy, on arrays: the functions are those of `compiling/arrays.py`.

_POWER = Style("%s ** %s", POWER, (POWER + 1, POWER))


def _numpy_style(operation: Operation, numbers: Numbers) -> Style:
    if operation.name != "pow":
        return _numpy_call(operation, numbers)
    exponent = numbers[1]
    # `**` takes a square root for the exponent 0.5, which is nan at -inf.
    is_exact = exponent is not None and exponent >= 0.0 and exponent != 0.5
    return _POWER if is_exact else _numpy_call(operation, numbers)


_numpy_call = _source_style({"pow": Style("power(%s, %s)")})
NUMPY = Printer(_numpy_style, _text_literal)


# JavaScript: what `Math` lacks, or has with other answers, is in `functions.js`.

_IN_MATH = (
    "abs exp expm1 log log1p log2 log10 sqrt cbrt sin cos tan asin acos atan atan2 sinh cosh tanh "
    "asinh acosh atanh hypot"
).split()
_JAVASCRIPT = {
    **{name: Style(f"Math.{name}({'%s, %s' if name in ('atan2', 'hypot') else '%s'})")
       for name in _IN_MATH},
    "where": Style("%0 != 0 ? %1 : %2", CHOICE, (SUM, CHOICE + 1, CHOICE)),  # nan is true
}  # fmt: skip


def _javascript_literal(number: float) -> tuple[str, int]:
    text, binds = number_text(number), SIGN if number < 0.0 or str(number) == "-0.0" else ATOM
    return text.replace("inf", "Infinity").replace("nan", "NaN"), binds


JAVASCRIPT = Printer(_source_style(_JAVASCRIPT), _javascript_literal)
