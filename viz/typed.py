"""Typed text in errors: the place that is meant, and what stands there in the reader's own terms.

`expression.py` raises these errors; the parts of an expression are those of Python's parser.
"""

from __future__ import annotations

import ast

from glassgrad.engine.printing import width_of
from glassgrad.engine.text import clipped, visible

_WINDOW = 72
"""How much of a long expression an error shows around the place."""
_FACTORS = (ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Call, ast.Subscript)


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
        before = visible(self.text[first : self.start])
        marked = visible(self.text[self.start : min(self.end, last)])
        after = visible(self.text[min(self.end, last) : last])
        head, tail = "…" * (first > 0), "…" * (last < len(self.text))
        place = " " * width_of(head + before) + "^" * max(1, width_of(marked))
        return f"{self.problem}\n  {head}{before}{marked}{after}{tail}\n  {place}"


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
    """How a product is written that was typed as a call, such as 2(x+1); "" if it can be none."""
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
