"""What is wrong with a typed text, and where: the error that marks the place, and what it says.

To a text that is no arithmetic Python says "invalid syntax", and speaks of programs. Here it is cut
into numbers, names and signs, and the first that cannot stand where it does is named; `called`,
`sign_of` and the like say in the reader's own terms what stands at a place. `expression.py` asks.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from glassgrad.engine.printing import spelled, width_of
from glassgrad.engine.text import clipped, similar, visible

_MOST_PARTS = 2_000
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
_OTHERS = {"(", ")", "[", "]", ",", ".", "=", ";"}
_CLOSING = {"(": ")", "[": "]"}
_INSTEAD = {
    **dict.fromkeys("×·⋅∙", "*"),
    **dict.fromkeys("−–—", "-"),
    **{"÷": "/", "²": "**2", "³": "**3", "≤": "<=", "≥": ">=", "√": "sqrt(x)", "|": "abs(x)"},
}
"""What to type for signs that people know from paper."""
_NAMED = re.compile(r"\s*([^\W\d]\w*)\s*=(?!=)")
_WINDOW = 72
"""How much of a long expression an error shows around the place."""
_LONGEST_FACTOR = 2
_FACTORS = (ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Call, ast.Subscript)


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

    def slip(self, problem: str) -> Slip:
        return Slip(problem, self.start, self.end)


class Statement(NamedTuple):
    """A part of what was typed, between semicolons.

    Attributes:
        name: what stands before its =; "" if it has none.
        text: what is to be computed.
        start: where that begins.
    """

    name: str
    text: str
    start: int


def statements(text: str) -> Iterator[Statement]:
    """The parts of a text: named ones, and last the result, which may have a name too."""
    pieces, start = text.split(";"), 0
    for i, piece in enumerate(pieces):
        named, is_last = _NAMED.match(piece), i == len(pieces) - 1
        if named and (keyword.iskeyword(named[1]) or not _is_part(piece[named.end() :], is_last)):
            named = None
        content = piece[named.end() :] if named else piece
        first = start + len(piece) - len(content.lstrip())
        end = start + len(piece)
        if not content.strip() and len(pieces) > 1:
            after = "After ; the result is" if is_last else "Before ; a part is"
            place = start - 1 if is_last else end
            problem = f"{after} missing, as in {_EXAMPLE}."
            raise ExpressionError(problem, text, place, place + 1)
        yield Statement(named[1] if named else "", content.strip(), first)
        start = end + 1


_EXAMPLE = "h = w*x; h**2"


def _is_part(content: str, is_last: bool) -> bool:
    """A number as the result is none: it was meant for a variable."""
    return bool(content.strip()) and not (is_last and _NUMBER.fullmatch(content.strip()))


def early_slip(text: str) -> Slip | None:
    """What Python would read otherwise than it was meant, or not at all since it is too much."""
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
            return part.slip(f"More than {_DEEPEST} brackets are open here.")
    if parts > _MOST_PARTS:
        problem = f"The expression is too long: it has more than {_MOST_PARTS:,} parts."
        return Slip(problem, 0, len(text))
    return None


def slip_in(text: str, error: Exception, operations: Collection[str]) -> Slip:
    """The first part of a text that cannot stand where it does; if all can, what Python found."""
    first = next(_slips(text, list(_parts(text)), operations), None)
    return first or _where_python_stops(text, error)


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
            yield part.slip(_assignment(text, parts[:i], part.end))
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
        yield part.slip(f"This {part.text} is never closed.")
    for part in parts:
        if part.text == "=":
            yield part.slip("An expression has no =. Write the operands alone, in their order.")


def _wrongly_closed(opening: _Part | None, part: _Part) -> Iterator[Slip]:
    if opening is None:
        yield part.slip(f"This {part.text} closes no bracket.")
    elif (right := _CLOSING[opening.text]) != part.text:
        yield part.slip(f"{opening.text} is closed by {part.text}. Write {right} instead.")


def _bad_number(part: _Part) -> Iterator[Slip]:
    if part.kind != "number":
        return
    if len(part.text) > _MOST_DIGITS:
        problem = f"This number has more than {_MOST_DIGITS:,} digits. Write it as in 1.5e300."
        yield part.slip(problem)
    elif not _is_number(part.text):
        better = part.text.replace("_", "").lstrip("0")
        advice = f" Write {clipped(better)}." if _is_number(better) else ""
        yield part.slip(f"{clipped(part.text)} is no number.{advice}")


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
        yield part.slip("Before . an operand is missing, as in x.tanh().")
    elif after is None or after.kind != "name":
        yield part.slip("After . an operation is missing, as in x.tanh().")


def _foreign(part: _Part, operations: Collection[str]) -> Iterator[Slip]:
    """A word or a sign that no expression has."""
    if part.kind == "name" and keyword.iskeyword(part.text):
        if part.text not in {"True", "False", "None"}:  # these are refused as numbers
            problem = f"{part.text} is a word of Python: no expression has it, not even as a name."
            yield part.slip(problem)
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
        remedy = f"A part is named at the beginning, as in {_EXAMPLE}."
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
        yield part.slip(f"Before {part.text} an operand is missing.")
    if part.text not in _BETWEEN | _BEFORE:
        return
    if after is None or after.text in {")", "]", ","}:
        yield part.slip(f"After {part.text} an operand is missing.")
    elif after.text in _BETWEEN:
        problem = f"Between {part.text} and {after.text} an operand is missing."
        yield Slip(problem, part.start, after.end)


class ExpressionError(ValueError):
    """What was typed is no expression of the table's operations.

    `str()` gives the sentence, then the expression with the place marked below it.
    """

    def __init__(self, problem: str, text: str, start: int = 0, end: int | None = None) -> None:
        self.problem = problem
        self.text = text
        self.start = start
        self.end = end if end is not None else len(text)
        super().__init__(problem)

    def __str__(self) -> str:
        first = max(0, self.start - _WINDOW // 2)
        last = min(len(self.text), first + _WINDOW)
        before = spelled("…" * (first > 0) + visible(self.text[first : self.start]))
        marked = spelled(visible(self.text[self.start : min(self.end, last)]))
        after = visible(self.text[min(self.end, last) : last]) + "…" * (last < len(self.text))
        place = " " * width_of(before) + "^" * max(1, width_of(marked))
        return spelled(f"{self.problem}\n  {before}{marked}{after}\n  {place}")


def span(text: str, node: ast.expr) -> tuple[int, int]:
    """The place of a node as character positions; the parser counts bytes of UTF-8."""
    return _position(text, node.col_offset), _position(text, node.end_col_offset or 0)


def _position(text: str, byte: int) -> int:
    return len(text.encode()[:byte].decode("utf-8", "ignore"))


def called(text: str, node: ast.expr) -> str:
    """What an operation is called where it was typed: a sign, or a name."""
    if isinstance(node, ast.Call):
        function = node.func
        return function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
    return sign_of(text, node)


def sign_of(text: str, node: ast.expr) -> str:
    """The sign of an operation as it was typed; "" if it is not one with a sign."""
    if isinstance(node, ast.BinOp):
        sign = _between(text, node.left, node.right)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        sign = _between(text, node.left, node.comparators[0])
    elif isinstance(node, ast.UnaryOp):
        sign = text[span(text, node)[0] : span(text, node.operand)[0]]
    else:
        return ""
    return clipped(sign.strip(" ()"))


def _between(text: str, left: ast.expr, right: ast.expr) -> str:
    return text[span(text, left)[1] : span(text, right)[0]]


def product_of(text: str, call: ast.Call) -> str:
    """How a product is written that was typed as a call, such as 2(x+1); "" if it can be none.

    A longer name was rather meant for an operation.
    """
    if isinstance(call.func, ast.Name) and len(call.func.id) > _LONGEST_FACTOR:
        return ""
    if len(call.args) != 1 or not all(isinstance(x, _FACTORS) for x in (call.func, *call.args)):
        return ""
    start, end = span(text, call)
    opening = text.index("(", span(text, call.func)[1])
    left, right = text[start:opening].strip(), text[opening:end]
    return f"A product is written {clipped(left)}*{clipped(right)}."


def construct(node: ast.expr) -> str:
    """A construct that no expression has in words, as the subject of a sentence."""
    if isinstance(node, ast.Call) and node.keywords:
        return "Naming an operand is"
    names = {
        ast.Attribute: "An attribute is",
        ast.Lambda: "A lambda is",
        ast.IfExp: "if ... else is",
        ast.BoolOp: "and / or is",
        ast.Compare: "This comparison is",
        ast.Call: "Calling this is",
        ast.JoinedStr: "A text is",
        ast.NamedExpr: "An assignment is",
    }
    return names.get(type(node), "This is")
