"""Arithmetic typed as text, read against the table of operations and never run as code.

Allowed are numbers, names, + - * / **, comparisons, brackets, lists, and the operations of the
table as functions, `tanh(x)`, or as methods, `x.tanh()`. Parts may be named, `h = w*x; h**2`, and
are one node then, however often they are used. Everything else is refused, and the error marks the
place; `syntax.py` reads the text.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
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
from glassgrad.viz.syntax import CONSTANTS, NO_INDEX, PICK, ExpressionError, Part, Reader

_OF_SEVERAL = {"softmax": softmax, "log_softmax": log_softmax}
"""Functions of one list that are no rows."""


class Expression:
    """A typed expression.

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
        if not self.text:
            raise ExpressionError("The expression is empty.", self.text)
        self._others = others
        # With the rows that are yet to come:
        self._functions = ChainMap[str, Any](TABLE, _OF_SEVERAL, dict(others))
        self._reader = Reader(self.text, self._functions)
        self._parts = self._reader.parts
        self.names = self._variables()

    def _variables(self) -> tuple[str, ...]:
        """The names that are not those of parts; a part is used after it is named, and only so."""
        variables: dict[str, None] = {}
        named: dict[str, Part] = {}
        unused: dict[str, Part] = {}
        for part in self._parts:
            if part.kind == "name":
                unused.pop(part.what, None)
                if part.what not in named:
                    variables[part.what] = None
            elif part.kind == "naming":
                name = clipped(part.what)
                if part.what in variables:
                    problem = f"{name} is used before it is named. Name it first."
                    raise self._error(problem, self._place(part.what))
                if part.what in named:
                    problem = f"{name} names two parts. Give this one another name."
                    raise self._error(problem, part)
                named[part.what] = unused[part.what] = part
        for part in unused.values():
            if part is not self._parts[-1]:
                problem = f"The part {clipped(part.what)} is not used after it. Leave it out."
                raise self._error(problem, part)
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
        found: list[tuple[Any, Part]] = []
        for part in self._parts:
            first = len(found) - part.takes
            operands, found[first:] = found[first:], []
            found.append((self._compute(part, operands, known), part))
        result, last = found[-1]
        if not isinstance(result, (Value, float, int)):
            problem = f"The expression gives several numbers. {PICK}"
            raise self._error(problem if result else "The expression gives no number.", last)
        # A root of its own, so that it can be named even where it is a variable or a number.
        root = as_value(result, "The expression")
        if not root.parents or (root.label and last.kind != "naming"):
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
        for part in self._parts:
            if part.kind == "naming" and part.what == name:
                remedy = "Leave out the number for it."
                return self._error(f"{clipped(name)} is computed in the expression. {remedy}", part)
        problem = f"{clipped(name)} does not occur in the expression."
        meant = similar(name, (known for known in self.names if known not in numbers))
        if meant is None:
            return ExpressionError(problem, self.text)
        return self._error(f"{problem} Did you mean {meant}?", self._place(meant))

    def _place(self, name: str) -> Part:
        """Where a variable occurs first."""
        return next(part for part in self._parts if (part.kind, part.what) == ("name", name))

    def _unknown(self, name: str) -> ExpressionError:
        place = self._place(name)
        shown = clipped(name)
        problem = f"{shown} has no number. Add {shown}=... to the command."
        if name in self._functions:
            problem = f"{name} is an operation: write {name}(...)."
        elif end := self._reader.calls.get(place.start):
            return self._reader.no_library(place.start, end)
        return self._error(problem, place)

    def _error(self, problem: str, part: Part) -> ExpressionError:
        return ExpressionError(problem, self.text, part.start, part.end)

    def _compute(self, part: Part, found: Sequence[tuple[Any, Part]], known: dict[str, Any]) -> Any:
        operands = [result for result, _ in found]
        if part.kind == "number":
            return part.what
        if part.kind == "name":
            return known[part.what]
        if part.kind == "list":
            return operands
        if part.kind == "item":
            return self._item(part, *operands)
        if part.kind == "naming":
            known[part.what] = _labelled(operands[0], part.what)
            return known[part.what]
        self._check_lists(part, found)
        try:
            result = part.what(*operands)
        except (TypeError, ValueError, OverflowError) as error:
            raise self._error(str(error), part) from None
        each = result if isinstance(result, (list, tuple)) else (result,)
        if not all(isinstance(x, (Value, float, bool)) for x in each):
            raise self._error("This gives no single number.", part)
        return result

    def _check_lists(self, part: Part, found: Sequence[tuple[Any, Part]]) -> None:
        """Refuse lists where an operation takes none, in the terms of an expression."""
        name, function = part.sign, part.what
        lists = [(operand, at) for operand, at in found if isinstance(operand, (list, tuple))]
        if isinstance(function, Pairing):
            if not len(lists) == len(found) == 2:
                problem = f"{name} takes two lists, as in {name}([a, b], [c, d])."
                raise self._error(problem, part)
        elif function in self._others.values():
            return  # they say themselves what they take
        elif not isinstance(function, Reduction) and function not in _OF_SEVERAL.values():
            for _, at in lists:
                raise self._error(f"{name} takes numbers, and this is a list. {PICK}", at)
        elif len(found) > 1 and lists:
            raise self._error(f"{name} takes one list, or numbers without a list.", part)
        for operand, at in lists:
            if any(isinstance(inner, (list, tuple)) for inner in operand):
                raise self._error(f"{name} takes a list of numbers, not one of lists.", at)

    def _item(self, part: Part, sequence: Any) -> Any:
        if not isinstance(sequence, (list, tuple)):
            raise self._error(NO_INDEX, part)
        if part.what >= len(sequence):
            raise self._error(f"There are {len(sequence)} numbers, counted from 0.", part)
        return sequence[part.what]


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
