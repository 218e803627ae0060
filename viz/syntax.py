"""What is wrong with a typed text that cannot be read as arithmetic, and what to write instead.

Python itself says "invalid syntax" to most of it, and speaks of programs. Here the text is cut into
numbers, names and signs, and the first that cannot stand where it does is named. `expression.py`
asks.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from glassgrad.engine.text import clipped
from glassgrad.viz.spelling import similar

MOST_PARTS = 2_000
"""How many numbers, names and operations an expression may have."""
_DEEPEST = 100
"""How many brackets may be open at a place."""
_MOST_DIGITS = 4_000
"""Python reads no whole number of many more, unless it is told to."""
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
_CLOSING = {"(": ")", "[": "]"}
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


def early_slip(text: str) -> Slip | None:
    """What Python would read otherwise than it was meant, or not at all since it is too much.

    >>> early_slip("w·x")
    Slip(problem='No expression has the sign ·. Write * instead.', start=1, end=2)
    """
    if "#" in text:  # to Python the rest is a remark
        problem = "No expression has the sign #. Leave out what begins with it."
        return Slip(problem, text.index("#"), len(text))
    if dot := re.search("[·\u0387]", text):  # to Python it is a letter, and both are the same
        return _foreign_sign("·", dot.start())
    parts, depth = 0, 0
    for part in _parts(text):
        parts += part.text not in _OTHERS
        depth += (part.text in _CLOSING) - (part.text in _CLOSING.values())
        if depth > _DEEPEST:
            problem = f"More than {_DEEPEST} brackets are open here."
            return Slip(problem, part.start, part.end)
    return Slip(TOO_LONG, 0, len(text)) if parts > MOST_PARTS else None


TOO_LONG = f"The expression is too long: it has more than {MOST_PARTS:,} parts."


def slip_in(text: str, error: Exception, operations: Collection[str]) -> Slip:
    """What keeps a text from being arithmetic: the first slip in it, or the place Python found.

    >>> slip_in("2 * tanh x", SyntaxError("invalid syntax"), ["tanh"])
    Slip(problem='tanh is an operation: write tanh(x).', start=4, end=10)
    """
    return first_slip(text, operations) or _where_python_stops(text, error)


def first_slip(text: str, operations: Collection[str]) -> Slip | None:
    """The first part of a text that cannot stand where it does; None if all can.

    >>> first_slip("x + ", []), first_slip("x + 1", [])
    (Slip(problem='After + an operand is missing.', start=2, end=3), None)
    """
    return next(_slips(text, list(_parts(text)), operations), None)


def _parts(text: str) -> Iterator[_Part]:
    return (_Part(str(found.lastgroup), found[0], *found.span()) for found in _PART.finditer(text))


def _where_python_stops(text: str, error: Exception) -> Slip:
    offset, end_offset = getattr(error, "offset", None), getattr(error, "end_offset", None)
    start = min(len(text), max(0, (offset or 1) - 1))
    end = max(start + 1, (end_offset or 0) - 1)
    return Slip("This is not an expression: it cannot be read beyond this place.", start, end)


def _slips(text: str, parts: list[_Part], operations: Collection[str]) -> Iterator[Slip]:
    opened: list[tuple[_Part, bool]] = []  # the brackets, and whether they are those of a call
    for i, part in enumerate(parts):
        before = parts[i - 1] if i else None
        after = parts[i + 1] if i + 1 < len(parts) else None
        yield from _foreign(part, operations)
        yield from _bad_number(part)
        yield from _lone_dot(before, part, after)
        is_in_call = bool(opened) and opened[-1][1]
        if part.text == ":=" or (part.text == "=" and not is_in_call):
            yield Slip(_assignment(text, parts[:i], part.end), part.start, part.end)
        if before and _ends_operand(before) and part.kind != "sign":
            is_called = after is not None and after.text == "("
            problem = _two_operands(before, part.text, is_called, operations, bool(opened))
            yield Slip(problem, before.start, part.end)
        yield from _missing_operand(before, part, after)
        if part.text in _CLOSING:
            opened.append((part, before is not None and _ends_operand(before)))
        elif part.text in _CLOSING.values():
            yield from _wrongly_closed(opened.pop()[0] if opened else None, part)
    for part, _ in reversed(opened):
        yield Slip(f"This {part.text} is never closed.", part.start, part.end)
    if named := next((part for part in parts if part.text == "="), None):
        problem = "An expression has no =. Write the operands alone, in their order."
        yield Slip(problem, named.start, named.end)


def _wrongly_closed(opening: _Part | None, part: _Part) -> Iterator[Slip]:
    if opening is None:
        problem = f"This {part.text} closes no bracket."
        yield Slip(problem, part.start, part.end)
    elif (right := _CLOSING[opening.text]) != part.text:
        problem = f"{opening.text} is closed by {part.text}. Write {right} instead."
        yield Slip(problem, part.start, part.end)


def _bad_number(part: _Part) -> Iterator[Slip]:
    if part.kind != "number":
        return
    if len(part.text) > _MOST_DIGITS:
        problem = f"This number has more than {_MOST_DIGITS:,} digits. Write it as in 1.5e300."
        yield Slip(problem, part.start, part.end)
    elif not _is_number(part.text):
        better = part.text.replace("_", "").lstrip("0")
        advice = f" Write {clipped(better)}." if _is_number(better) else ""
        yield Slip(f"{clipped(part.text)} is no number.{advice}", part.start, part.end)


def _is_number(text: str) -> bool:
    try:
        return isinstance(ast.parse(text, mode="eval").body, ast.Constant)
    except SyntaxError:
        return False


def _lone_dot(before: _Part | None, part: _Part, after: _Part | None) -> Iterator[Slip]:
    """A dot that does not stand between an operand and an operation."""
    if part.text != ".":
        return
    if before is None or not _ends_operand(before):
        yield Slip("Before . an operand is missing, as in x.tanh().", part.start, part.end)
    elif after is None or after.kind != "name":
        yield Slip("After . an operation is missing, as in x.tanh().", part.start, part.end)


def _foreign(part: _Part, operations: Collection[str]) -> Iterator[Slip]:
    """A word or a sign that no expression has."""
    if part.kind == "name" and keyword.iskeyword(part.text):
        if part.text not in {"True", "False", "None"}:  # these are refused as numbers
            problem = f"{part.text} is a word of Python: no expression has it, not even as a name."
            yield Slip(problem, part.start, part.end)
        return
    for i, sign in enumerate(part.text if part.kind == "name" else ""):
        if not f"x{sign}".isidentifier():
            operation = part.text[:i] if part.text[:i] in operations else ""
            yield _foreign_sign(sign, part.start + i, operation)
    if part.kind == "sign" and part.text not in _BETWEEN | _BEFORE | _OTHERS | {":="}:
        yield _foreign_sign(part.text, part.start)


def _foreign_sign(sign: str, place: int, operation: str = "") -> Slip:
    """A sign that no expression has; it may stand after an operation, as in sin²(x)."""
    operand = f"{operation}(x)" if operation else ""
    advice = f" Write {operand}{_INSTEAD[sign]} instead." if sign in _INSTEAD else ""
    return Slip(f"No expression has the sign {clipped(sign)}.{advice}", place, place + len(sign))


def _assignment(text: str, before: list[_Part], end: int) -> str:
    before = [part for part in before if part.text != "("]
    name = before[0].text if len(before) == 1 and before[0].kind == "name" else ""
    number = text[end:].strip(" )")
    if name and _NUMBER.fullmatch(number):
        remedy = f"Add {clipped(name)}={clipped(number)} to the command instead."
    elif name and number:
        remedy = "Write only what stands after it."
    else:
        remedy = "Numbers are added to the command, as in x=3."
    return f"An expression has no =. {remedy}"


def _two_operands(
    left: _Part, right: str, is_called: bool, operations: Collection[str], in_brackets: bool
) -> str:
    operand = "..." if is_called else right
    if left.kind == "number" and left.text.endswith(".") and is_called and right in operations:
        number = clipped(left.text[:-1])
        return f"Write {right}({number}) instead of {number}.{right}()."
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
