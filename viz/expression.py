"""Arithmetic typed as text, read against the table of operations and never run as code.

Allowed are numbers, names, + - * / **, comparisons, brackets, lists, and the operations of the
table as functions, `tanh(x)`, or as methods, `x.tanh()`. Parts may be named, `h = w*x; h**2`, and
are one node then, however often they are used. Everything else is refused, and the error marks the
place; `syntax.py` says what is no arithmetic, and this file what each node of the syntax tree is.
"""

from __future__ import annotations

import ast
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any

from glassgrad.engine import (
    TABLE,
    Constant,
    Reduction,
    Value,
    as_value,
    log_softmax,
    softmax,
    topological_order,
)
from glassgrad.engine.op import Pairing
from glassgrad.engine.text import clipped, similar
from glassgrad.viz.syntax import ALLOWED, CONSTANTS, NO_INDEX, ExpressionError, parse

_OF_SEVERAL = {"softmax": softmax, "log_softmax": log_softmax}
"""Functions of one list that are no rows."""
_PICK = "Pick one, as in [a, b][0]."


def _unless(refuted: Any) -> Any:
    """1 where a comparison is not refuted, which is 0 then; nan refutes each, also later."""
    return TABLE["where"](refuted, 0.0, 1.0)


_SIGNS: dict[type[ast.AST], tuple[str, Callable[..., Any]]] = {
    ast.Add: ("+", TABLE["add"]),
    ast.Sub: ("-", TABLE["sub"]),
    ast.Mult: ("*", TABLE["mul"]),
    ast.Div: ("/", TABLE["div"]),
    ast.Pow: ("**", TABLE["pow"]),
    ast.UAdd: ("+", TABLE["pos"]),
    ast.USub: ("-", TABLE["neg"]),
    ast.Lt: ("<", lambda a, b: _unless(TABLE["compare"](a, b) + 1.0)),
    ast.LtE: ("<=", lambda a, b: _unless(TABLE["step"](TABLE["compare"](a, b)))),
    ast.Gt: (">", lambda a, b: _unless(TABLE["compare"](b, a) + 1.0)),
    ast.GtE: (">=", lambda a, b: _unless(TABLE["step"](TABLE["compare"](b, a)))),
}
"""The operations that are written as signs.

Comparisons are 1 or 0, as nodes of the graph, so that the steps show what was compared.
"""


class Expression:
    """A typed expression; it may have other functions, by name, besides the table's operations.

    Attributes:
        names: the names of its variables and constants, in the order they occur.
    """

    def __init__(self, text: str, others: Mapping[str, Callable[..., Any]] = {}) -> None:
        # A line break inside an expression is a space like any other.
        self.text = "".join(" " if c.isspace() else c for c in text).strip()
        if not self.text:
            raise ExpressionError("The expression is empty.", self.text)
        self._others = others
        # With the rows that are yet to come:
        self._functions = ChainMap[str, Any](TABLE, _OF_SEVERAL, dict(others))
        self._parts = [(name, _in_order(part)) for name, part in parse(self.text, self._functions)]
        self._places = self._variables()
        self.names = tuple(self._places)

    def _variables(self) -> dict[str, ast.Name]:
        """The names that are no parts', by where they stand first.

        A part is used after it is named, and only so.
        """
        variables: dict[str, ast.Name] = {}
        parts: dict[str, ast.expr] = {}
        used: set[str] = set()
        for name, nodes in self._parts:
            for node in nodes:
                if isinstance(node, ast.Name):
                    used.add(node.id)
                    if node.id not in parts:
                        variables.setdefault(node.id, node)
            if name in variables:
                problem = f"{clipped(name)} is used before it is named. Name it first."
                raise self._error(problem, variables[name])
            if name in parts:
                problem = f"{clipped(name)} names two parts. Give this one another name."
                raise self._error(problem, nodes[-1])
            parts[name] = nodes[-1]
        for name, part in [*parts.items()][:-1]:
            if name not in used:
                problem = f"The part {clipped(name)} is not used after it. Leave it out."
                raise self._error(problem, part)
        return variables

    def value(self, numbers: Mapping[str, float]) -> Value:
        """The expression as a graph, with each variable a labelled leaf, and parts labelled."""
        known: dict[str, Any] = {}
        for name in self.names:
            if name in numbers:
                known[name] = Value(numbers[name], label=name)
            elif name in CONSTANTS:
                known[name] = as_value(CONSTANTS[name], name)
                known[name].label = name
            else:
                problem = f"{clipped(name)} has no number. Add {clipped(name)}=... to the command."
                if name in self._functions:
                    problem = f"{name} is an operation: write {name}(...)."
                raise self._error(problem, self._places[name])
        results: dict[ast.expr, Any] = {}
        for name, nodes in self._parts:
            for node in nodes:
                operands = [results[each] for each in _operands(node)]
                results[node] = self._compute(node, operands, known)
            result = results[node]
            if name:
                result = known[name] = _labelled(result, name)
        if not isinstance(result, (Value, float)):
            problem = f"The expression gives several numbers. {_PICK}"
            raise self._error(problem if result else "The expression gives no number.", node)
        # A root of its own, so that it can be named even where it is a variable or a number.
        root = as_value(result, "The expression")
        if not root.parents or (root.label and not name):
            root = +root
        for made in topological_order(root):
            if made.operation is not None:  # it comes from the text, not from a line of ours
                made._code = None
        return root

    def unused(self, numbers: Mapping[str, float]) -> ExpressionError | None:
        """The error for a number whose variable does not occur; None if all do."""
        name = next((name for name in numbers if name not in self.names), None)
        if name is None:
            return None
        for part, nodes in self._parts:
            if part == name:
                remedy = "Leave out the number for it."
                problem = f"{clipped(name)} is computed in the expression. {remedy}"
                return self._error(problem, nodes[-1])
        problem = f"{clipped(name)} does not occur in the expression."
        meant = similar(name, (known for known in self.names if known not in numbers))
        if meant is None:
            return ExpressionError(problem, self.text)
        return self._error(f"{problem} Did you mean {meant}?", self._places[meant])

    # What a node gives.

    def _compute(self, node: ast.expr, operands: list[Any], known: dict[str, Any]) -> Any:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                return known[name]
            case ast.List() | ast.Tuple():
                return operands
            case ast.Subscript(slice=ast.Constant(value=int(index))):
                (sequence,) = operands
                if not _is_list(sequence):
                    raise self._error(NO_INDEX, node)
                if index >= len(sequence):
                    problem = f"There are {len(sequence)} numbers, counted from 0."
                    raise self._error(problem, node)
                return sequence[index]
            case ast.Call(func=ast.Name(id=sign) | ast.Attribute(attr=sign)):
                operation = self._functions[sign]
            case ast.BinOp(op=op) | ast.UnaryOp(op=op) | ast.Compare(ops=[op]):
                sign, operation = _SIGNS[type(op)]
            case _:  # an operand of several comparisons
                raise self._error(f"This comparison is not allowed: {ALLOWED}", node)
        self._check_lists(node, sign, operation, operands)
        try:
            result = operation(*operands)
        except (TypeError, ValueError, OverflowError) as error:
            raise self._error(str(error), node) from None
        each = result if _is_list(result) else (result,)
        if not all(isinstance(x, (Value, float, bool)) for x in each):
            raise self._error("This gives no single number.", node)
        return result

    def _check_lists(self, node: ast.expr, name: str, function: Any, results: list[Any]) -> None:
        if function in self._others.values():
            return  # they say themselves what they take
        lists = {at: result for at, result in zip(_operands(node), results) if _is_list(result)}
        if isinstance(function, Pairing):
            if not len(lists) == len(results) == 2:
                raise self._error(f"{name} takes two lists, as in {name}([a, b], [c, d]).", node)
        elif isinstance(function, Reduction) or function in _OF_SEVERAL.values():
            if lists and len(results) > 1:
                raise self._error(f"{name} takes one list, or numbers without a list.", node)
        else:
            for at in lists:
                raise self._error(f"{name} takes numbers, and this is a list. {_PICK}", at)
        for at, result in lists.items():
            if any(map(_is_list, result)):
                raise self._error(f"{name} takes a list of numbers, not one of lists.", at)

    def _error(self, problem: str, node: ast.expr) -> ExpressionError:
        line = self.text.encode()  # Python counts bytes
        start, end = (line[:at].decode() for at in (node.col_offset, node.end_col_offset))
        return ExpressionError(problem, self.text, len(start), len(end))


def _in_order(part: ast.expr) -> list[ast.expr]:
    """The nodes in the order they are computed, each after its operands; however deep they are."""
    found, waiting = [], [part]
    while waiting:
        found.append(node := waiting.pop())
        waiting.extend(_operands(node))
    return found[::-1]


def _operands(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.Call(func=ast.Name()):
            return node.args
        case ast.Call(func=ast.Attribute(value=operand)):
            return [operand, *node.args]
        case ast.Subscript():
            return [node.value]
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]


def _is_list(result: Any) -> bool:
    return isinstance(result, (list, tuple))


def _labelled(result: Any, name: str) -> Any:
    """A part as a node of its own with its name; a plain number as a variable; each of several."""
    if _is_list(result):
        return [_labelled(each, f"{name}[{i}]") for i, each in enumerate(result)]
    if not isinstance(result, Value) or isinstance(result, Constant):
        number = result.data if isinstance(result, Value) else float(result)
        return Value(number, label=name)
    if result.label or not result.parents:
        result = +result
    result.label = name
    return result
