"""Arithmetic typed as text, parsed against the table of operations and never run as code.

Allowed are numbers, names, + - * / **, comparisons, brackets, lists, and the operations of the
table as functions, `tanh(x)`, or as methods, `x.tanh()`. Parts may be named, `h = w*x; h**2`, and
are one node then, however often they are used. Everything else is refused, and the error marks the
place; `syntax.py` finds the words for it.
"""

from __future__ import annotations

import ast
import math
import unicodedata
import warnings
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from glassgrad.engine import (
    TABLE,
    Constant,
    Operation,
    Reduction,
    Value,
    as_value,
    log_softmax,
    softmax,
    topological_order,
)
from glassgrad.engine.op import ATOM, Pairing
from glassgrad.engine.text import clipped, similar, suggestion
from glassgrad.viz.syntax import (
    ExpressionError,
    called,
    construct,
    early_slip,
    product_of,
    sign_of,
    slip_in,
    span,
    statements,
)

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

CONSTANTS = {"e": math.e, "pi": math.pi, "π": math.pi}
"""What these names mean, unless they are given a number."""
_LIBRARIES = ("math", "np", "numpy", "jnp", "torch", "F", "glassgrad", "gg")
_POWERS = {"square": "2", "sqr": "2", "sq": "2", "cube": "3", "power": "", "exponent": ""}
"""What is written as a power; with the exponent, if the name says it."""
_OF_SEVERAL = {"softmax": softmax, "log_softmax": log_softmax}
"""Functions of one list that are no rows."""

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

    Args:
        text: what was typed.
        others: functions that it may have besides the table's operations, by name.

    Attributes:
        text: what was typed.
        names: the names of its variables and constants, in the order they occur.

    Raises:
        ExpressionError: it is not arithmetic with the table's operations.
    """

    def __init__(self, text: str, others: Mapping[str, Callable[..., Any]] = {}) -> None:
        # A line break inside an expression is a space like any other.
        self.text = "".join(" " if c.isspace() else c for c in text).strip()
        self._others = others
        # With the rows that are yet to come:
        self._functions = ChainMap[str, Any](TABLE, _OF_SEVERAL, dict(others))
        self._named: dict[ast.expr, str] = {}
        self._parts: tuple[_Part, ...] = ()
        self._read()
        self.names = self._variables()

    def _read(self) -> None:
        if not self.text:
            raise ExpressionError("The expression is empty.", self.text)
        if slip := early_slip(self.text):
            raise ExpressionError(slip.problem, self.text, slip.start, slip.end)
        trees = []
        for name, text, start in statements(self.text):
            trees.append(self._parsed(text, start))
            if name:
                self._named[trees[-1]] = _normal(name)
        if nameless := next((tree for tree in trees[:-1] if tree not in self._named), None):
            example = f"h = {clipped(self._typed(nameless))}"
            problem = f"This part has no name. Write {example} and use h in what follows it."
            raise self._error(problem, nameless)
        self._tree = trees[-1]
        self._parts = tuple(part for tree in trees for part in self._in_order(tree))

    def _parsed(self, text: str, start: int) -> ast.expr:
        """A statement's tree, with the places that its parts have in the whole."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python's remarks on style are not for here
                tree = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError) as error:
            slip = slip_in(text, error, self._functions)
            places = start + slip.start, start + slip.end
            raise ExpressionError(slip.problem, self.text, *places) from None
        except (RecursionError, MemoryError):
            problem = "The expression is nested too deeply to be read. Compute a part of it first."
            raise ExpressionError(problem, self.text) from None
        before = len(self.text[:start].encode(errors="surrogatepass"))
        for node in ast.walk(tree):
            if isinstance(node, ast.expr):
                node.col_offset += before
                node.end_col_offset = (node.end_col_offset or 0) + before
        return tree

    def _variables(self) -> tuple[str, ...]:
        """The names that are not those of parts; a part is used after it is named, and only so."""
        variables: dict[str, None] = {}
        unused: dict[str, ast.expr] = {}
        named: set[str] = set()
        for node, _, _ in self._parts:
            if isinstance(node, ast.Name):
                name = _normal(node.id)
                unused.pop(name, None)
                if name not in named:
                    variables[name] = None
            if name := self._named.get(node, ""):
                if name in variables:
                    problem = f"{clipped(name)} is used before it is named. Name it first."
                    raise self._error(problem, self._place(name))
                if name in named:
                    problem = f"{clipped(name)} names two parts. Give this one another name."
                    raise self._error(problem, node)
                named.add(name)
                unused[name] = node
        for name, node in unused.items():
            if node is not self._tree:
                problem = f"The part {clipped(name)} is not used after it. Leave it out."
                raise self._error(problem, node)
        return tuple(variables)

    def value(self, numbers: Mapping[str, float]) -> Value:
        """The expression as a graph, with each variable a labelled leaf, and parts labelled.

        Raises:
            ExpressionError: a variable has no number, or an operation refuses its operands.
        """
        known: dict[str, Any] = {}
        for name in self.names:
            if name in numbers:
                known[name] = Value(numbers[name], label=name)
            elif name in CONSTANTS:
                known[name] = as_value(CONSTANTS[name], name)
                known[name].label = name
            else:
                raise self._unknown(name)
        found: dict[ast.expr, Any] = {}
        for part in self._parts:
            result = self._compute(part, [found[x] for x in part.operands], known)
            if name := self._named.get(part.node, ""):
                result = known[name] = _labelled(result, name)
            found[part.node] = result
        result = found[self._tree]
        if not isinstance(result, (Value, float, int)):
            problem = f"The expression gives several numbers. {_PICK}"
            raise self._error(problem if result else "The expression gives no number.", self._tree)
        # A root of its own, so that it can be named even where it is a variable or a number.
        root = as_value(result, "The expression")
        if not root.parents or (root.label and self._tree not in self._named):
            root = +root
        for node in topological_order(root):
            if node.operation is not None:  # it comes from the text, not from a line of ours
                node._code = None
        return root

    def unused(self, numbers: Mapping[str, float]) -> ExpressionError | None:
        """The error for a number whose variable does not occur; None if all do."""
        name = next((name for name in numbers if name not in self.names), None)
        if name is None:
            return None
        if name in self._named.values():
            problem = f"{clipped(name)} is computed in the expression. Leave out the number for it."
            return self._error(problem, next(x for x, n in self._named.items() if n == name))
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
        place = self._place(name)
        if name in self._functions:
            problem = f"{name} is an operation: write {name}(...)."
        elif (call := self._call_of_library(place)) is not None:
            return self._no_library(call)
        else:
            shown = clipped(name)
            problem = f"{shown} has no number. Add {shown}=... to the command."
        return self._error(problem, place)

    def _call_of_library(self, library: ast.expr) -> ast.expr | None:
        """The call that begins with the name of a library, as np.tanh(x)."""
        calls = (node for node, _, _ in self._parts if isinstance(node, ast.Call))
        return next((x for x in calls if _library(x.func) and x.func.value is library), None)

    def _no_library(self, node: ast.expr) -> ExpressionError:
        """The error for what begins with the name of a library."""
        text = self._typed(node)
        library, _, rest = text.partition(".")
        problem = f"{library.strip()} is not needed here: write {clipped(rest)}."
        return self._error(problem, node)

    def _typed(self, *nodes: ast.expr) -> str:
        return ", ".join(self.text[slice(*span(self.text, node))] for node in nodes)

    def _error(self, problem: str, node: ast.expr) -> ExpressionError:
        return ExpressionError(problem, self.text, *span(self.text, node))

    def _in_order(self, tree: ast.expr) -> Iterator[_Part]:
        """All parts, each after its operands; without recursion, since a sum may be long."""
        pending: list[ast.expr | _Part] = [tree]
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

    def _compute(self, part: _Part, operands: list[Any], known: Mapping[str, Any]) -> Any:
        if part.function is not None:
            self._check_lists(part, operands)
            return self._apply(part.node, part.function, operands)
        if isinstance(part.node, ast.Name):
            return known[_normal(part.node.id)]
        if isinstance(part.node, ast.Constant):
            return self._number(part.node)
        if isinstance(part.node, ast.Subscript):
            return self._item(part.node, *operands)
        return operands

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
                return self._function(node.func, node.func.id, node), node.args
            if isinstance(node.func, ast.Attribute):
                return self._method(node.func, node), [node.func.value, *node.args]
            if product := product_of(self.text, node):
                raise self._error(f"An operation is missing here. {product}", node)
        if _library(node) and node.attr in (*CONSTANTS, *self._functions):
            raise self._no_library(node)
        raise self._error(f"{self._refused(node)}: {_ALLOWED}", node)

    def _refused(self, node: ast.expr) -> str:
        """What an expression does not have, as the beginning of a sentence."""
        sign = sign_of(self.text, node)
        if not sign:
            return f"{construct(node)} not allowed"
        return f"There is no operation {sign}{_INSTEAD.get(sign, '')}"

    def _function(self, node: ast.expr, name: str, call: ast.Call) -> Callable[..., Any]:
        if name not in self._functions:
            problem = f"There is no operation called {clipped(name)}."
            raise self._error(problem + self._instead(name, call), node)
        function: Callable[..., Any] = self._functions[name]
        return function

    def _instead(self, name: str, call: ast.Call) -> str:
        """What to write instead of an operation that there is not, as a sentence."""
        if name in _POWERS and call.args:
            operand = self._typed(call.args[0])
            if not isinstance(call.args[0], (ast.Name, ast.Call)):
                operand = f"({operand})"
            exponent = _POWERS[name] or (self._typed(*call.args[1:2]) or "2")
            return f" A power is written {clipped(f'{operand}**{exponent}')}."
        product = product_of(self.text, call)
        return suggestion(name, self._functions) or (f" {product}" if product else "")

    def _method(self, node: ast.Attribute, call: ast.Call) -> Callable[..., Any]:
        function = self._function(node, node.attr, call)
        if not isinstance(function, Operation) or isinstance(function, Reduction):
            operands = self._typed(*([] if _library(node) else [node.value]), *call.args)
            better = clipped(f"{node.attr}({operands})")
            raise self._error(f"{node.attr} is not a method: write {better}.", node)
        return function

    def _check_lists(self, part: _Part, operands: list[Any]) -> None:
        """Refuse lists where an operation takes none, in the terms of an expression."""
        name, function = called(self.text, part.node), part.function
        are_lists = [isinstance(operand, (list, tuple)) for operand in operands]
        if isinstance(function, Pairing):
            if are_lists != [True, True]:
                problem = f"{name} takes two lists, as in {name}([a, b], [c, d])."
                raise self._error(problem, part.node)
        elif function in self._others.values():
            return  # they say themselves what they take
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


def _library(node: ast.expr) -> TypeGuard[ast.Attribute]:
    """Whether something is taken from a library, as np.tanh."""
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in _LIBRARIES
    )


def _labelled(result: Any, name: str) -> Any:
    """A part as a node of its own with its name; a plain number as a variable; each of several."""
    if isinstance(result, (list, tuple)):
        return [_labelled(each, f"{name}[{i}]") for i, each in enumerate(result)]
    if not isinstance(result, Value) or isinstance(result, Constant):
        number = result.data if isinstance(result, Value) else float(result)
        return Value(number, label=name)
    if result.label or not result.parents:
        result = +result
    result.label = name
    return result


def _normal(name: str) -> str:
    """A name as Python compares it."""
    return unicodedata.normalize("NFKC", name)


def _flat(result: Any) -> Iterable[Any]:
    return result if isinstance(result, (list, tuple)) else (result,)
