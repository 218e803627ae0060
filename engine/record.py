"""How a node is recorded: its value and local derivatives, computed at once by a row of the table.

`record` serves every operation. The methods made for one and two operands do the same without its
loops, since nearly all nodes of a scalar program are such. At the end of this file `Value` gets
its methods and operators, from the table.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, cast

import numpy as np

from glassgrad.engine.errors import NonFiniteError
from glassgrad.engine.mode import GRADIENT, MODE, ORDINARY, Mode
from glassgrad.engine.operation import HARD_PLACE, Operation, Reduction, Rule, readers, shortcut
from glassgrad.engine.origin import origin_of, place
from glassgrad.engine.real import is_real, is_refused
from glassgrad.engine.table import TABLE
from glassgrad.engine.value import NOT_COMPUTED, Operand, Value, as_value, constant, names

_new = object.__new__


def _node(
    operation: Operation,
    data: float,
    parents: tuple[Value, ...],
    partials: tuple[float | None, ...],
    depth: int = 3,
) -> Value:
    mode = MODE.get()
    if mode is not ORDINARY:
        if mode.trapping:
            _check_finite(operation, data, parents, mode, depth + 1)
        if not mode.recording and mode.tape is None:
            return constant(data)
    node = _new(Value)
    node._data = data
    node._grad = NOT_COMPUTED
    node._origin = origin_of(operation, mode, depth)
    node.parents = parents
    node.partials = partials
    tape = mode.tape
    if tape is not None:
        tape.append(node)
        return node if mode.recording else tape.detached(node)
    return node


def record(operation: Operation, operands: tuple[Operand, ...]) -> Value:
    """The node of an operation on Values and numbers, with its value and local derivatives."""
    parents: tuple[Value, ...] = operands
    try:
        numbers = tuple([parent._data for parent in parents])
        wanted = tuple([not parent._origin.is_constant for parent in parents])
    except AttributeError:  # there are plain numbers among them, or arrays
        if np.ndarray in map(type, operands):
            return cast(Value, readers[np.ndarray](operation, operands))
        return record(operation, tuple([as_value(x, f"{operation.name}(...)") for x in operands]))
    if False in wanted and (mode := MODE.get()).scope is not None and mode.scope.kind == GRADIENT:
        trivial = _shortened(operation, parents, wanted)
        if trivial is not None:
            return trivial
    data = operation.forward(numbers)
    partials = operation.partials(numbers, data, wanted if False in wanted else None)
    return _node(operation, data, parents, partials)


def _shortened(
    operation: Operation, parents: tuple[Value, ...], wanted: tuple[bool, ...]
) -> Value | None:
    """The result where constants make it trivial, so that gradients are small graphs.

    The rules of the table are written for all cases: that of a power has a branch for the exponent
    0, which the derivative of x² need not carry along.
    """
    if True not in wanted:
        return constant(operation.forward(tuple([parent._data for parent in parents])))
    known = [None if want else parent._data for parent, want in zip(parents, wanted)]
    place = shortcut(operation, known)
    return None if place is None else parents[place]


def _unary_method(operation: Operation) -> Callable[[Value], Value]:
    forward, rule = operation.scalar, operation.rules[0]

    def method(self: Value) -> Value:
        if self._origin.is_constant:
            return record(operation, (self,))
        x = self._data
        try:
            y = forward(x)
            partial = rule(x, y) if callable(rule) else rule
        except HARD_PLACE:
            return record(operation, (self,))
        return _node(operation, y, (self,), (partial,))

    return method


def _binary_method(operation: Operation) -> Callable[[Value, Operand], Value]:
    forward = operation.scalar
    left, right = cast(tuple[Rule, Rule], operation.rules)
    fixed = None if callable(left) else (left, right)

    def on_number(self: Value, b: float) -> Value:
        a = self._data
        try:
            y = forward(a, b)
            partial = left(a, b, y) if callable(left) else left
        except HARD_PLACE:
            return record(operation, (self, constant(b)))
        return _node(operation, y, (self, constant(b)), (partial, None), 4)

    def method(self: Value, other: Operand) -> Value:
        if type(other) is not Value:
            if type(other) is float and not self._origin.is_constant:
                return on_number(self, other)
            return cast(Value, _with_number(operation, self, other))
        if other._origin.is_constant or self._origin.is_constant:
            return record(operation, (self, other))
        a, b = self._data, other._data
        try:
            y = forward(a, b)
            partials = fixed or (left(a, b, y), right(a, b, y))
        except HARD_PLACE:
            return record(operation, (self, other))
        return _node(operation, y, (self, other), partials)

    return method


def _with_number(operation: Operation, a: Operand, b: Operand) -> Any:
    """The operation where an operand is a number; foreign types get their turn as Python asks."""
    values = []
    for operand in (a, b):
        if type(operand) is Value:
            values.append(operand)
        elif type(operand) is float:
            values.append(constant(operand))
        elif isinstance(operand, np.ndarray):
            return operation(a, b)
        elif isinstance(operand, Value) or is_real(operand) or is_refused(operand):
            values.append(as_value(operand, f"{operation.name}(...)"))
        else:
            return NotImplemented
    return record(operation, tuple(values))


def _named_method(operation: Operation) -> Callable[..., Value]:
    def method(self: Value, *operands: Operand, **named: Operand) -> Any:
        return operation(self, *operands, **named)

    return method


def _reflected_method(operation: Operation) -> Callable[[Value, Operand], Value]:
    def reflected(self: Value, other: Operand) -> Any:
        return _with_number(operation, other, self)

    return reflected


def _install(operation: Operation) -> None:
    """Give Value the methods and the operator of a row."""
    arity = len(operation.domain)
    method: Callable[..., Any]
    if arity == 1:
        method = _unary_method(operation)
    elif operation.dunder:
        method = _binary_method(operation)
        reflected = _titled(_reflected_method(operation), operation)
        setattr(Value, operation.dunder.replace("__", "__r", 1), reflected)
    else:
        method = _named_method(operation)
    names = {operation.name, operation.dunder, getattr(operation.array, "__name__", None)}
    for title in names - {None, "<lambda>", "vectorize"}:
        setattr(Value, str(title), _titled(method, operation))


def _titled(method: Callable[..., Any], operation: Operation) -> Callable[..., Any]:
    method.__name__ = operation.name
    method.__qualname__ = f"Value.{operation.name}"
    method.__doc__ = operation.__doc__
    return method


def _check_finite(
    operation: Operation, data: float, parents: tuple[Value, ...], mode: Mode, depth: int
) -> None:
    if isfinite(data):
        return
    line = origin_of(operation, mode, depth).line
    raise NonFiniteError(
        f"{operation.name}({names(parents)}) is {data}. It was created {place(line)}."
    )


for _operation in TABLE.values():
    if not isinstance(_operation, Reduction):
        _install(_operation)
readers[Value] = record
