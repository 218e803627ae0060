"""Arithmetic typed as text, read against the table of operations and never run as code.

Allowed are numbers, names, + - * / **, comparisons, brackets, lists, and the operations of the
table as functions, `tanh(x)`, or as methods, `x.tanh()`. Parts may be named, `h = w*x; h**2`, and
are one node then, however often they are used. Python parses the text; everything else in its
syntax tree is refused, and the error marks the place.
"""

from __future__ import annotations

import ast
import keyword
import math
import re
import sys
import warnings
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

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
from glassgrad.engine.text import clipped, similar, spelled, suggestion, visible, width_of

CONSTANTS = {"e": math.e, "pi": math.pi, "π": math.pi}
"""What these names mean, unless they are given a number."""
SIGNS = ("+", "-", "*", "/", "**", "<", "<=", ">", ">=")
"""The signs of arithmetic that an expression may have."""
NAMES = tuple(name for name, row in TABLE.items() if row.notation.binds >= ATOM)
"""The operations that are written with a name."""
_ALLOWED = (
    f"an expression has numbers, names, {' '.join(SIGNS)}, brackets, operations such as tanh(x) "
    "or where(x > 0, a, b), and parts with names before it, as in h = 2*x; h**2."
)
_UNREAD = (
    "It cannot be read from here on: a product is written 2*x, an operation tanh(x), and a part "
    "is named before it is used, as in h = 2*x; h**2."
)
_COMMA = "A part ends with ; and not with a comma, as in h = 2*x; h**2."
_INSTEAD = {
    **dict.fromkeys("×·\u0387⋅∙", "*"),
    **dict.fromkeys("−–—", "-"),
    **{"÷": "/", "²": "**2", "³": "**3", "^": "**", "≤": "<=", "≥": ">=", "√": "sqrt(x)"},
    **{"|": "abs(x)", **dict.fromkeys("#!?$", "")},
}
"""What to type for signs that people know from paper, of which Python makes something else."""
_LIBRARIES = ("math", "np", "numpy", "jnp", "torch", "F", "glassgrad", "gg")
_MOST_PARTS = 2_000  # how many numbers, names and operations an expression may have
_WINDOW = 72  # how much of a long expression an error shows around the place
_OF_SEVERAL = {"softmax": softmax, "log_softmax": log_softmax}
"""Functions of one list that are no rows."""
_NO_INDEX = "Only a list can have an index, and only a whole number."
_PICK = "Pick one, as in [a, b][0]."


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
        self._parts = [(name, _in_order(part)) for name, part in self._read()]
        for node in (node for _, nodes in self._parts for node in nodes):
            if problem := self._refused(node):
                raise self._error(problem, node.func if isinstance(node, ast.Call) else node)
        self._places = self._variables()
        self.names = tuple(self._places)

    def _read(self) -> Iterator[tuple[str, ast.expr]]:
        """The parts with their names, the result last; "" where it has none."""
        for at, sign in enumerate(self.text):
            if sign in _INSTEAD and self.text[at : at + 2] != "!=":
                advice = f" Write {_INSTEAD[sign]} instead." if _INSTEAD[sign] else " Leave it out."
                problem = f"No expression has the sign {sign}.{advice}"
                raise ExpressionError(problem, self.text, at, at + 1)
        if len(re.findall(r"\w+|\*\*|[^\w\s()\[\],.;=]", self.text)) > _MOST_PARTS:
            problem = f"The expression is too long: it has more than {_MOST_PARTS:,} parts."
            raise ExpressionError(problem, self.text)
        try:
            # Of "exec" an error would look for a file of that name.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as of 1if
                parts = ast.parse(self.text, mode="single").body
        except (RecursionError, MemoryError):
            problem = "The expression is nested too deeply to be read. Compute a part of it first."
            raise ExpressionError(problem, self.text) from None
        except (SyntaxError, ValueError) as error:  # or what is no text
            raise self._unread(error) from None
        if self.text[-1] == ";":
            problem = "After ; the result is missing, as in h = 2*x; h**2."
            raise ExpressionError(problem, self.text, len(self.text))
        for part in parts:
            is_result = part is parts[-1]
            typed = clipped(str(ast.get_source_segment(self.text, part)))
            match part:
                case ast.Expr(value=value) if is_result:
                    yield "", value
                case ast.Expr():
                    remedy = f"Write h = {typed} and use h in what follows it."
                    raise self._error(f"This part has no name. {remedy}", part)
                case ast.Assign(value=ast.Constant() | ast.UnaryOp(operand=ast.Constant())) if (
                    is_result
                ):
                    given = typed.replace(" ", "")
                    order = f'glassgrad "2*{given.partition("=")[0]}" {given}'
                    problem = f"{given} computes nothing. It goes after the expression: {order}."
                    raise self._error(problem, part)
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    yield name, value
                case _:
                    problem = f"This is not allowed: {_ALLOWED}"
                    raise self._comma() or self._error(problem, part)

    def _comma(self) -> ExpressionError | None:
        """The error for a comma before the name of a part, where a semicolon belongs."""
        comma = re.search(r",(?=\s*[^\W\d]\w*\s*=[^=])", self.text)
        return comma and ExpressionError(_COMMA, self.text, *comma.span())

    def _unread(self, error: Exception) -> ExpressionError:
        """What Python cannot read; of brackets it says what is wrong with them."""
        text, said = self.text, str(getattr(error, "msg", ""))
        is_bracket = any(word in said for word in ("never closed", "unmatched", "does not match"))
        offset = getattr(error, "offset", None) or 0
        for word in () if is_bracket else re.finditer(r"[^\W\d]\w*", text):
            if keyword.iskeyword(word[0]):
                problem = f"{word[0]} is a reserved word of Python: no expression has it."
                return ExpressionError(problem, text, *word.span())
        if not is_bracket and (comma := self._comma()):
            return comma
        if said == "invalid syntax" and not 0 < offset <= len(text):
            return ExpressionError("Something is missing at the end.", text, len(text))
        problem = f"Brackets: {said}." if is_bracket else _UNREAD
        start = min(max(0, offset - 1), len(text) - 1)
        end = max(start + 1, (getattr(error, "end_offset", None) or 0) - 1)
        return ExpressionError(problem, text, start, min(end, len(text)))

    def _refused(self, node: ast.expr) -> str:
        """What to say of a node that is no arithmetic, or calls no operation; "" of all others."""
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                is_beyond = isinstance(number, int) and number > sys.float_info.max
                return "This number is beyond the range of floats." if is_beyond else ""
            case ast.Name() | ast.List() | ast.Tuple():
                return ""
            case ast.Subscript(value=ast.Name(id=name)) if name in self._functions:
                return f"{name} is an operation: write {name}(...)."
            case ast.Subscript(slice=ast.Constant(value=index)):
                return "" if type(index) is int else _NO_INDEX
            case ast.Subscript():
                return _NO_INDEX
            case ast.BinOp(op=op) | ast.UnaryOp(op=op) | ast.Compare(ops=[op]) if (
                type(op) in _SIGNS
            ):
                return ""
            case ast.Call(keywords=[_, *_]):
                return "An operation takes no names. Write the operands alone, in their order."
            case ast.Call(func=ast.Name(id=name)):
                return "" if name in self._functions else self._unknown(name)
            case ast.Call(func=ast.Attribute() as method):
                return self._refused_method(node, method)
            case ast.Call():
                return "Only an operation can be called. A product is written 2*(x + 1)."
        return f"This is not allowed: {_ALLOWED}"

    def _refused_method(self, call: ast.Call, method: ast.Attribute) -> str:
        name, row = method.attr, self._functions.get(method.attr)
        if isinstance(method.value, ast.Name) and method.value.id in _LIBRARIES and call.args:
            return f"{method.value.id} is not needed here: write {name}(...)."
        if row is None:
            return self._unknown(name)
        is_method = isinstance(row, Operation) and not isinstance(row, Reduction)
        return "" if is_method else f"{name} is not a method: write {name}(...)."

    def _unknown(self, name: str) -> str:
        is_factor = len(name) < 3  # a longer name was meant for an operation
        others = "To multiply, write 2*(x + 1)." if is_factor else "glassgrad --help lists all."
        advice = suggestion(name, self._functions) or f" {others}"
        return f"There is no operation called {clipped(name)}.{advice}"

    def _variables(self) -> dict[str, ast.Name]:
        """The names that are no parts', by where they stand first."""
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
                is_row = isinstance(nodes[-1], ast.Tuple) and variables[name] in nodes
                remedy = _COMMA if is_row else "Name it first."
                problem = f"{clipped(name)} is used before it is named. {remedy}"
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
                raise self._error(self._no_variable(name, numbers) or problem, self._places[name])
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

    def _no_variable(self, name: str, numbers: Mapping[str, float]) -> str:
        """What to say of a name that was meant otherwise: as an operation, or as a product."""
        if name in numbers or name in CONSTANTS:
            return ""
        if name in self._functions:
            return f"{name} is an operation: write {name}(...)."
        factors = re.findall("|".join(map(re.escape, sorted(numbers, key=len)[::-1])) or "$", name)
        if len(factors) > 1 and "".join(factors) == name:
            return f"{name} is one name. A product is written {'*'.join(factors)}."
        return ""

    def unused(self, numbers: Mapping[str, float]) -> ExpressionError | None:
        """The error for a number whose variable does not occur; None if all do."""
        name = next((name for name in numbers if name not in self.names), None)
        if name is None:
            return None
        for each in self.names:
            if problem := self._no_variable(each, numbers):
                return self._error(problem, self._places[each])
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

    def _compute(self, node: ast.expr, operands: list[Any], known: dict[str, Any]) -> Any:
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                return known[name]
            case ast.Subscript(slice=ast.Constant(value=int(index))):
                (sequence,) = operands
                if not _is_list(sequence):
                    raise self._error(_NO_INDEX, node)
                if index >= len(sequence):
                    problem = f"There are {len(sequence)} numbers, counted from 0."
                    raise self._error(problem, node)
                return sequence[index]
            case ast.Call(func=ast.Name(id=sign) | ast.Attribute(attr=sign)):
                operation = self._functions[sign]
            case ast.BinOp(op=op) | ast.UnaryOp(op=op) | ast.Compare(ops=[op]):
                sign, operation = _SIGNS[type(op)]
            case _:
                return operands
        self._check_lists(node, sign, operation, operands)
        try:
            result = operation(*operands)
        except (TypeError, ValueError, OverflowError) as error:
            raise self._error(str(error), node) from None
        each = result if _is_list(result) else (result,)
        if not all(isinstance(x, (Value, float, bool)) for x in each):
            raise self._error("This gives no single number.", node)
        return result

    def _check_lists(self, node: ast.expr, sign: str, operation: Any, operands: list[Any]) -> None:
        if operation in self._others.values():
            return  # they say themselves what they take
        is_pair = isinstance(operation, Pairing)
        takes_row = isinstance(operation, Reduction) or operation in _OF_SEVERAL.values()
        for at, entries in zip(_operands(node), operands):
            if _is_list(entries) and not takes_row:
                raise self._error(f"{sign} takes numbers, and this is a list. {_PICK}", at)
            is_lone = is_pair or len(operands) == 1
            if _is_list(entries) and (not is_lone or any(map(_is_list, entries))):
                wanted = "two lists of numbers" if is_pair else "one list, or numbers alone"
                raise self._error(f"{sign} takes {wanted}.", node)

    def _error(self, problem: str, node: ast.expr | ast.stmt) -> ExpressionError:
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
