"""Arithmetic typed as text, parsed against the table of operations and never run as code.

Allowed are numbers, names, + - * / **, comparisons, brackets, lists, and the operations of the
table as functions, `tanh(x)`, or as methods, `x.tanh()`. Everything else is refused, and the
error marks the place.
"""

from __future__ import annotations

import ast
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from engine import TABLE, Operation, Reduction, Value, as_value, softmax, topological_order
from engine.operation import ATOM
from engine.text import clipped, visible
from viz.spelling import similar, suggestion
from viz.syntax import slip_in
from viz.text import width_of

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: TABLE["add"],
    ast.Sub: TABLE["sub"],
    ast.Mult: TABLE["mul"],
    ast.Div: TABLE["div"],
    ast.Pow: TABLE["pow"],
    ast.USub: TABLE["neg"],
    ast.UAdd: TABLE["pos"],
    ast.Lt: lambda a, b: _holds(TABLE["step"](TABLE["compare"](b, a))),
    ast.LtE: lambda a, b: _holds(1.0 - TABLE["step"](TABLE["compare"](a, b))),
    ast.Gt: lambda a, b: _holds(TABLE["step"](TABLE["compare"](a, b))),
    ast.GtE: lambda a, b: _holds(1.0 - TABLE["step"](TABLE["compare"](b, a))),
}
"""Comparisons are 1 or 0, as nodes of the graph, so that the steps show what was compared."""

_LIBRARIES = ("math", "np", "numpy", "torch", "engine")
_FUNCTIONS: dict[str, Callable[..., Any]] = {**TABLE, "softmax": softmax}

_WITH_SIGNS = [row for row in TABLE.values() if row.notation.binds < ATOM]
_ARITHMETIC = dict.fromkeys(row.notation.text.replace("%s", "").strip() for row in _WITH_SIGNS)
SIGNS = (*_ARITHMETIC, "<", "<=", ">", ">=")
"""The signs of arithmetic that an expression may have."""
NAMES = tuple(name for name, row in TABLE.items() if row not in _WITH_SIGNS)
"""The operations that are written with a name."""

_MOST_PARTS = 2_000
"""How many numbers, names and operations an expression may have; a softmax costs their square."""
_WINDOW = 72
"""How much of a long expression an error shows around the place."""


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


class Expression:
    """A parsed expression.

    Attributes:
        text: what was typed.
        names: the names of its variables, in the order they occur.

    Raises:
        ExpressionError: it is not arithmetic with the table's operations.

    >>> from viz.expression import Expression
    >>> Expression("tanh(x * w)").names
    ('x', 'w')
    >>> Expression("x * w").value({"x": 2.0, "w": 3.0}).data
    6.0
    """

    def __init__(self, text: str) -> None:
        # A line break inside an expression is a space like any other.
        self.text = "".join(" " if c in "\t\n\v\f\r" else c for c in text).strip()
        self._tree = _parse(self.text)
        if sum(isinstance(node, ast.expr) for node in ast.walk(self._tree)) > _MOST_PARTS:
            problem = f"The expression is too long: it has more than {_MOST_PARTS:,} parts."
            raise ExpressionError(problem, self.text)
        self.names = tuple(dict.fromkeys(_names(self._tree)))

    def value(self, numbers: Mapping[str, float]) -> Value:
        """The expression as a graph, with each variable a labelled leaf.

        Raises:
            ExpressionError: a variable has no number, or an operation refuses its operands.
        """
        leaves: dict[str, Value] = {}
        for name in self.names:
            if name not in numbers:
                raise self._unknown(name)
            leaves[name] = Value(numbers[name], label=name)
        try:
            result = self._read(self._tree, leaves)
        except RecursionError:
            problem = "The expression is too long or nested too deeply."
            raise ExpressionError(problem, self.text) from None
        if not isinstance(result, (Value, float, int)):
            raise self._error("The expression gives several numbers; pick one.", self._tree)
        # A root of its own, so that it can be named even where it is a variable or a number.
        root = as_value(result, "The expression")
        root = root if root.parents else +root
        for node in topological_order(root):
            if node.operation is not None:  # it comes from the text, not from a line of ours
                node._origin = node._origin.without_line()
        return root

    def unused(self, numbers: Mapping[str, float]) -> ExpressionError | None:
        """The error for a number whose variable does not occur; None if all do."""
        name = next((name for name in numbers if name not in self.names), None)
        if name is None:
            return None
        problem = f"{clipped(name)} does not occur in the expression."
        meant = similar(name, (known for known in self.names if known not in numbers))
        if meant is None:
            return ExpressionError(problem, self.text)
        return self._error(f"{problem} Did you mean {meant}?", self._place(meant))

    def _place(self, name: str) -> ast.expr:
        """Where a variable occurs first."""
        return next(
            node
            for node in ast.walk(self._tree)
            if isinstance(node, ast.Name) and _normal(node.id) == name
        )

    def _unknown(self, name: str) -> ExpressionError:
        if name in _FUNCTIONS:
            problem = f"{name} is an operation: write {name}(...)."
        elif name in _LIBRARIES:
            problem = f"{name} is not needed here: write exp(x) instead of {name}.exp(x)."
        else:
            shown = clipped(name)
            problem = f"{shown} has no number. Add {shown}=... to the command."
        return self._error(problem, self._place(name))

    def _error(self, problem: str, node: ast.expr) -> ExpressionError:
        return ExpressionError(problem, self.text, *_span(self.text, node))

    def _read(self, node: ast.expr, leaves: Mapping[str, Value]) -> Any:
        if isinstance(node, ast.Name):
            return leaves[_normal(node.id)]
        if isinstance(node, ast.Constant):
            return self._number(node)
        if isinstance(node, (ast.List, ast.Tuple)):
            return [self._read(part, leaves) for part in node.elts]
        if isinstance(node, ast.Subscript):
            return self._read_item(node, leaves)
        function, operands = self._call(node)
        return self._apply(node, function, [self._read(operand, leaves) for operand in operands])

    def _number(self, node: ast.Constant) -> float:
        number = node.value
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            try:
                return float(number)
            except OverflowError:
                raise self._error("This number is beyond the range of floats.", node) from None
        raise self._error(f"{clipped(ast.unparse(node))} is not a real number.", node)

    def _call(self, node: ast.expr) -> tuple[Callable[..., Any], list[ast.expr]]:
        """The operation of a node and its operands."""
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)], [node.left, node.right]
        if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)], [node.operand]
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _OPERATORS:
            return _OPERATORS[type(node.ops[0])], [node.left, node.comparators[0]]
        if isinstance(node, ast.Call) and not node.keywords:
            if isinstance(node.func, ast.Name):
                return self._function(node.func, node.func.id), node.args
            if isinstance(node.func, ast.Attribute):
                return self._method(node.func), [node.func.value, *node.args]
        raise self._error(f"{self._refused(node)}: {_ALLOWED}", node)

    def _refused(self, node: ast.expr) -> str:
        """What an expression does not have, as the beginning of a sentence."""
        sign = ""
        if isinstance(node, ast.BinOp):
            sign = self._between(node.left, node.right)
        elif isinstance(node, ast.Compare) and len(node.ops) == 1:
            sign = self._between(node.left, node.comparators[0])
        elif isinstance(node, ast.UnaryOp):
            sign = self.text[_span(self.text, node)[0] : _span(self.text, node.operand)[0]]
        if not sign:
            return f"{_construct(node)} not allowed"
        sign = clipped(sign.strip(" ()"))
        return f"There is no operation {sign}{_INSTEAD.get(sign, '')}"

    def _between(self, left: ast.expr, right: ast.expr) -> str:
        return self.text[_span(self.text, left)[1] : _span(self.text, right)[0]]

    def _function(self, node: ast.expr, name: str) -> Callable[..., Any]:
        if name not in _FUNCTIONS:
            meant = suggestion(name, _FUNCTIONS)
            problem = f"There is no operation called {clipped(name)}.{meant}"
            raise self._error(problem, node)
        return _FUNCTIONS[name]

    def _method(self, node: ast.Attribute) -> Callable[..., Any]:
        function = self._function(node, node.attr)
        if not isinstance(function, Operation) or isinstance(function, Reduction):
            raise self._error(f"{node.attr} is not a method: write {node.attr}(...).", node)
        return function

    def _apply(self, node: ast.expr, function: Callable[..., Any], operands: list[Any]) -> Any:
        try:
            result = function(*operands)
        except (TypeError, ValueError, OverflowError) as error:
            raise self._error(str(error), node) from None
        if not all(isinstance(x, (Value, float, bool)) for x in _flat(result)):
            raise self._error("This gives no single number.", node)
        return result

    def _read_item(self, node: ast.Subscript, leaves: Mapping[str, Value]) -> Any:
        sequence = self._read(node.value, leaves)
        index = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if not isinstance(sequence, (list, tuple)) or type(index) is not int:
            raise self._error("Only a list can have an index, and only a whole number.", node)
        if index >= len(sequence):
            raise self._error(f"There are {len(sequence)} numbers, counted from 0.", node)
        return sequence[index]


_ALLOWED = (
    f"an expression has numbers, names, {' '.join(SIGNS)}, brackets, "
    "and operations such as tanh(x)."
)
_INSTEAD = {"^": " (a power is written **)", "//": " (a quotient is written /)"}


def _holds(truth: Any) -> Any:
    """The outcome of a comparison; one with nan does not hold."""
    number = truth.data if isinstance(truth, Value) else truth
    return 0.0 if number != number else truth


def _parse(text: str) -> ast.expr:
    if not text:
        raise ExpressionError("The expression is empty.", text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's remarks on style are not for here
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        slip = slip_in(text, error, _FUNCTIONS)
        raise ExpressionError(slip.problem, text, slip.start, slip.end) from None
    except (ValueError, RecursionError, MemoryError, UnicodeError):
        problem = "This is not an expression: it is too long, nested too deeply, or no valid text."
        raise ExpressionError(problem, text) from None


def _names(tree: ast.expr) -> Iterable[str]:
    """The variables in the order they are written; names that are called are operations."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = [
        node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called
    ]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    return (_normal(node.id) for node in found)


def _normal(name: str) -> str:
    """A name as Python compares it."""
    return unicodedata.normalize("NFKC", name)


def _span(text: str, node: ast.expr) -> tuple[int, int]:
    """The place of a node as character positions; the parser counts bytes of UTF-8."""
    return _position(text, node.col_offset), _position(text, node.end_col_offset or 0)


def _position(text: str, byte: int) -> int:
    return len(text.encode()[:byte].decode("utf-8", "ignore"))


def _construct(node: ast.expr) -> str:
    """A forbidden construct in words, as the subject of a sentence."""
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


def _flat(result: Any) -> Iterable[Any]:
    return result if isinstance(result, (list, tuple)) else (result,)
