"""Arithmetic typed as text, parsed against the table of operations and never run as code.

Allowed are numbers, names, + - * / **, comparisons, brackets, lists, and the operations of the
table as functions, `tanh(x)`, or as methods, `x.tanh()`. Everything else is refused, and the
error marks the place.
"""

from __future__ import annotations

import ast
import unicodedata
import warnings
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from glassgrad.engine import (
    TABLE,
    Operation,
    Reduction,
    Value,
    as_value,
    log_softmax,
    softmax,
    topological_order,
)
from glassgrad.engine.op import ATOM, Pairing
from glassgrad.engine.text import clipped
from glassgrad.viz.spelling import similar, suggestion
from glassgrad.viz.syntax import MOST_PARTS, TOO_LONG, early_slip, slip_in
from glassgrad.viz.typed import ExpressionError, called, construct, product_of, sign_of, span

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

_LIBRARIES = ("math", "np", "numpy", "torch", "glassgrad", "gg")
_OF_SEVERAL = {"softmax": softmax, "log_softmax": log_softmax}
"""Functions of one list that are no rows."""
_FUNCTIONS = ChainMap[str, Any](TABLE, _OF_SEVERAL)  # with the rows that are yet to come

_WITH_SIGNS = [row for row in TABLE.values() if row.notation.binds < ATOM]
_ARITHMETIC = dict.fromkeys(row.notation.text.replace("%s", "").strip() for row in _WITH_SIGNS)
SIGNS = (*_ARITHMETIC, "<", "<=", ">", ">=")
"""The signs of arithmetic that an expression may have."""
NAMES = tuple(name for name, row in TABLE.items() if row not in _WITH_SIGNS)
"""The operations that are written with a name."""


class _Part(NamedTuple):
    """A part of an expression: a number, a name, a list, an item of one, or an operation."""

    node: ast.expr
    function: Callable[..., Any] | None
    operands: Sequence[ast.expr]


class Expression:
    """A parsed expression.

    Attributes:
        text: what was typed.
        names: the names of its variables, in the order they occur.

    Raises:
        ExpressionError: it is not arithmetic with the table's operations.

    >>> from glassgrad.viz.expression import Expression
    >>> Expression("tanh(x * w)").names
    ('x', 'w')
    >>> Expression("x * w").value({"x": 2.0, "w": 3.0}).data
    6.0
    """

    def __init__(self, text: str) -> None:
        # A line break inside an expression is a space like any other.
        self.text = "".join(" " if c.isspace() else c for c in text).strip()
        self._tree = _parse(self.text)
        if sum(isinstance(node, ast.expr) for node in ast.walk(self._tree)) > MOST_PARTS:
            raise ExpressionError(TOO_LONG, self.text)
        self._parts = tuple(self._in_order())
        variables = (part.node for part in self._parts if isinstance(part.node, ast.Name))
        self.names = tuple(dict.fromkeys(_normal(node.id) for node in variables))

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
        found: dict[ast.expr, Any] = {}
        for part in self._parts:
            found[part.node] = self._compute(part, [found[x] for x in part.operands], leaves)
        result = found[self._tree]
        if not isinstance(result, (Value, float, int)):
            problem = f"The expression gives several numbers. {_PICK}"
            raise self._error(problem if result else "The expression gives no number.", self._tree)
        # A root of its own, so that it can be named even where it is a variable or a number.
        root = as_value(result, "The expression")
        root = root if root.parents else +root
        for node in topological_order(root):
            if node.operation is not None:  # it comes from the text, not from a line of ours
                node._code = None
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
            for node, _, _ in self._parts
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
        return ExpressionError(problem, self.text, *span(self.text, node))

    def _in_order(self) -> Iterator[_Part]:
        """All parts, each after its operands; without recursion, since a sum may be long."""
        pending: list[ast.expr | _Part] = [self._tree]
        while pending:
            top = pending.pop()
            if isinstance(top, _Part):
                yield top
                continue
            part = self._part(top)
            pending += [part, *reversed(part.operands)]

    def _part(self, node: ast.expr) -> _Part:
        if isinstance(node, (ast.Name, ast.Constant)):
            return _Part(node, None, ())
        if isinstance(node, (ast.List, ast.Tuple)):
            return _Part(node, None, node.elts)
        if isinstance(node, ast.Subscript):
            return _Part(node, None, [node.value])
        return _Part(node, *self._call(node))

    def _compute(self, part: _Part, operands: list[Any], leaves: Mapping[str, Value]) -> Any:
        if part.function is not None:
            self._check_lists(part, operands)
            return self._apply(part.node, part.function, operands)
        if isinstance(part.node, ast.Name):
            return leaves[_normal(part.node.id)]
        if isinstance(part.node, ast.Constant):
            return self._number(part.node)
        return (
            self._item(part.node, *operands) if isinstance(part.node, ast.Subscript) else operands
        )

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
                product = product_of(self.text, node)
                return self._function(node.func, node.func.id, product), node.args
            if isinstance(node.func, ast.Attribute):
                return self._method(node.func), [node.func.value, *node.args]
            if product := product_of(self.text, node):
                raise self._error(f"An operation is missing here. {product}", node)
        raise self._error(f"{self._refused(node)}: {_ALLOWED}", node)

    def _refused(self, node: ast.expr) -> str:
        """What an expression does not have, as the beginning of a sentence."""
        sign = sign_of(self.text, node)
        if not sign:
            return f"{construct(node)} not allowed"
        return f"There is no operation {sign}{_INSTEAD.get(sign, '')}"

    def _function(self, node: ast.expr, name: str, product: str = "") -> Callable[..., Any]:
        if name not in _FUNCTIONS:
            meant = suggestion(name, _FUNCTIONS) or f" {product}".rstrip()
            problem = f"There is no operation called {clipped(name)}.{meant}"
            raise self._error(problem, node)
        found: Callable[..., Any] = _FUNCTIONS[name]
        return found

    def _method(self, node: ast.Attribute) -> Callable[..., Any]:
        function = self._function(node, node.attr)
        if not isinstance(function, Operation) or isinstance(function, Reduction):
            raise self._error(f"{node.attr} is not a method: write {node.attr}(...).", node)
        return function

    def _check_lists(self, part: _Part, operands: list[Any]) -> None:
        """Refuse lists where an operation takes none, in the terms of an expression."""
        name, function = called(self.text, part.node), part.function
        are_lists = [isinstance(operand, (list, tuple)) for operand in operands]
        if isinstance(function, Pairing):
            if are_lists != [True, True]:
                problem = f"{name} takes two lists, as in {name}([a, b], [c, d])."
                raise self._error(problem, part.node)
        elif not isinstance(function, Reduction) and function not in _OF_SEVERAL.values():
            for node, is_list in zip(part.operands, are_lists):
                if is_list:
                    raise self._error(f"{name} takes numbers, and this is a list. {_PICK}", node)
        elif len(operands) > 1 and any(are_lists):
            raise self._error(f"{name} takes one list, or numbers without a list.", part.node)
        for node, operand, is_list in zip(part.operands, operands, are_lists):
            if is_list and any(isinstance(inner, (list, tuple)) for inner in operand):
                raise self._error(f"{name} takes a list of numbers, not one of lists.", node)

    def _apply(self, node: ast.expr, function: Callable[..., Any], operands: list[Any]) -> Any:
        try:
            result = function(*operands)
        except (TypeError, ValueError, OverflowError) as error:
            raise self._error(str(error), node) from None
        if not all(isinstance(x, (Value, float, bool)) for x in _flat(result)):
            raise self._error("This gives no single number.", node)
        return result

    def _item(self, node: ast.Subscript, sequence: Any) -> Any:
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
_PICK = "Pick one, as in [a, b][0]."
_INSTEAD = {"^": " (a power is written **)", "//": " (a quotient is written /)"}


def _holds(truth: Any) -> Any:
    """The outcome of a comparison; one with nan does not hold."""
    number = truth.data if isinstance(truth, Value) else truth
    return 0.0 if number != number else truth


def _parse(text: str) -> ast.expr:
    if not text:
        raise ExpressionError("The expression is empty.", text)
    slip = early_slip(text)
    if slip is not None:
        raise ExpressionError(slip.problem, text, slip.start, slip.end)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's remarks on style are not for here
            return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError) as error:
        slip = slip_in(text, error, _FUNCTIONS)
        raise ExpressionError(slip.problem, text, slip.start, slip.end) from None
    except (RecursionError, MemoryError):
        problem = "The expression is nested too deeply to be read. Compute a part of it first."
        raise ExpressionError(problem, text) from None


def _normal(name: str) -> str:
    """A name as Python compares it."""
    return unicodedata.normalize("NFKC", name)


def _flat(result: Any) -> Iterable[Any]:
    return result if isinstance(result, (list, tuple)) else (result,)
