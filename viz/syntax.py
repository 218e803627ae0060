"""What is wrong with a typed text that cannot be read as arithmetic, and what to write instead.

Python itself says "invalid syntax" to most of it. Here the text is cut into numbers, names and
signs, and the first two that cannot stand beside each other are named. `expression.py` asks.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from engine.text import clipped
from viz.spelling import similar

_LONGEST = 10_000
"""A longer text is not looked through."""
_PART = re.compile(
    r"(?P<number>0[xob][\da-f_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:e[+-]?\d[\d_]*)?j?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign>\*\*|//|:=|[<>=!]=|<<|>>|\S)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[+-]?\s*[\d.][\w.]*(?:e-\d+)?", re.IGNORECASE)
_BETWEEN = {"*", "/", "**", "//", "%", "@", "<", ">", "<=", ">=", "==", "!=", "<<", ">>", "&", "^"}
"""Signs that need an operand on both sides."""
_BEFORE = {"+", "-", "~"}
"""Signs that may stand before an operand alone."""
_OTHERS = {"(", ")", "[", "]", ",", ".", "="}
_INSTEAD = {
    **dict.fromkeys("×·⋅∙", "*"),
    **dict.fromkeys("−–—", "-"),
    **{"÷": "/", "²": "**2", "³": "**3", "≤": "<=", "≥": ">=", "√": "sqrt(x)", "|": "abs(x)"},
}
"""What to type for signs that people know from paper."""


class Slip(NamedTuple):
    """A mistake in a text: the sentence about it, and its place."""

    problem: str
    start: int
    end: int


class _Part(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def slip_in(text: str, error: SyntaxError, operations: Collection[str]) -> Slip:
    """What keeps a text from being arithmetic: the first slip in it, or else what Python says.

    >>> slip_in("2 * tanh x", SyntaxError("invalid syntax"), ["tanh"])
    Slip(problem='tanh is an operation: write tanh(x).', start=4, end=10)
    """
    return first_slip(text, operations) or _as_python_says(text, error)


def first_slip(text: str, operations: Collection[str]) -> Slip | None:
    """The first two parts of a text that cannot stand beside each other; None if all can.

    >>> first_slip("x + ", []), first_slip("(x", [])
    (Slip(problem='After + an operand is missing.', start=2, end=3), None)
    """
    if len(text) > _LONGEST or "'" in text or '"' in text:
        return None
    parts = [
        _Part(str(found.lastgroup), found[0], *found.span())
        for found in _PART.finditer(text.partition("#")[0])
    ]
    return next(_slips(text, parts, operations), None)


def _as_python_says(text: str, error: SyntaxError) -> Slip:
    start = min(len(text), max(0, (error.offset or 1) - 1))
    end = max(start + 1, (error.end_offset or 0) - 1)
    problem = f"This is not an expression: {clipped(error.msg.rstrip('.'), 200)}"
    return Slip(problem if problem.endswith("?") else f"{problem}.", start, end)


def _slips(text: str, parts: list[_Part], operations: Collection[str]) -> Iterator[Slip]:
    depth = 0
    for i, part in enumerate(parts):
        before = parts[i - 1] if i else None
        after = parts[i + 1] if i + 1 < len(parts) else None
        depth += (part.text in "([") - (part.text in ")]")
        yield from _foreign(part)
        if part.text == ":=" or (part.text == "=" and depth == 0):
            yield Slip(_assignment(text, parts[:i], part.end), part.start, part.end)
        if before and _ends_operand(before) and part.kind != "sign":
            is_called = after is not None and after.text == "("
            operand = "..." if is_called else part.text
            problem = _two_operands(before, part.text, operand, operations, depth > 0)
            yield Slip(problem, before.start, part.end)
        yield from _missing_operand(before, part, after)


def _foreign(part: _Part) -> Iterator[Slip]:
    """A word or a sign that no expression has."""
    if part.kind == "name" and keyword.iskeyword(part.text):
        if part.text not in {"True", "False", "None"}:  # these are refused as numbers
            problem = f"{part.text} is a word of Python: no expression has it, not even as a name."
            yield Slip(problem, part.start, part.end)
        return
    for place, sign in enumerate(part.text if part.kind == "name" else "", part.start):
        if not f"x{sign}".isidentifier():
            yield _foreign_sign(sign, place)
    if part.kind == "sign" and part.text not in _BETWEEN | _BEFORE | _OTHERS | {":="}:
        yield _foreign_sign(part.text, part.start)


def _foreign_sign(sign: str, place: int) -> Slip:
    advice = f" Write {_INSTEAD[sign]} instead." if sign in _INSTEAD else ""
    return Slip(f"No expression has the sign {clipped(sign)}.{advice}", place, place + len(sign))


def _assignment(text: str, before: list[_Part], end: int) -> str:
    name = before[0].text if len(before) == 1 and before[0].kind == "name" else ""
    number = text[end:].strip()
    if name and _NUMBER.fullmatch(number):
        remedy = f"Add {clipped(name)}={clipped(number)} to the command instead."
    elif name and number:
        remedy = "Write only what stands after it."
    else:
        remedy = "Numbers are added to the command, as in x=3."
    return f"An expression has no =. {remedy}"


def _two_operands(
    left: _Part, right: str, operand: str, operations: Collection[str], in_brackets: bool
) -> str:
    if left.text in operations:
        return f"{left.text} is an operation: write {left.text}({clipped(operand)})."
    missing = "an operation or a comma is" if in_brackets else "an operation is"
    factors = clipped(left.text), clipped(right)
    product = "2*x" if left.kind == "sign" else "*".join(factors)
    problem = f"Between {factors[0]} and {factors[1]} {missing} missing. "
    problem += f"A product is written {product}."
    meant = similar(left.text, operations) if left.kind == "name" else None
    return problem if meant is None else f"{problem} Did you mean {meant}({clipped(operand)})?"


def _ends_operand(part: _Part) -> bool:
    return part.kind != "sign" or part.text in ")]"


def _missing_operand(before: _Part | None, part: _Part, after: _Part | None) -> Iterator[Slip]:
    is_first = before is None or before.text in {"(", "[", ","}
    if is_first and part.text in _BETWEEN | {","}:
        yield Slip(f"Before {part.text} an operand is missing.", part.start, part.end)
    if part.text not in _BETWEEN | _BEFORE:
        return
    if after is None or after.text in {")", "]", ","}:
        yield Slip(f"After {part.text} an operand is missing.", part.start, part.end)
    elif after.text in _BETWEEN:
        problem = f"Between {part.text} and {after.text} an operand is missing."
        yield Slip(problem, part.start, after.end)
