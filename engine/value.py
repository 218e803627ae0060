"""`Value`: a number that remembers how it was computed.

Arithmetic on Values records a graph. A node holds its number, its parents (the operands),
and the local derivative by each parent, computed at once. There are no closures and no
reference cycles, so a graph is freed the moment it is dropped. The operators and methods
(`+`, `v.tanh()`, ...) are made from the rows of `table.py`. Next: `backward.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from engine.errors import NonFiniteError
from engine.mode import MODE, ORDINARY, Mode, Scope
from engine.operation import HARD_PLACE, Operation, Reduction, Rule, readers
from engine.origin import CONSTANT, LEAF, SourceLine, origin_of
from engine.real import describe, is_real, is_refused, real, remedy
from engine.table import TABLE

Operand = Any
"""A Value or a real number."""


class NotComputed(float):
    """The gradient before it is computed: it shows as "–", yet counts as 0.0 in arithmetic."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "–"

    __str__ = __repr__

    def __format__(self, specification: str) -> str:
        return "–"

    def __reduce__(self) -> str:
        return "NOT_COMPUTED"


NOT_COMPUTED = NotComputed(0.0)


class Value:
    """A real number in a graph of computations.

    Args:
        data: an int, float, bool, Fraction or numpy real scalar; stored as a float.
        label: a name for drawings and errors.

    Attributes:
        data: the number.
        grad: the derivative of the last `backward()` root by this node; leaves accumulate it over
            several calls. It shows as "–" before it is computed.
        label: the name, or None.
        parents: the operands that this node was computed from; () for a leaf.
        partials: the local derivative by each parent; None on an edge that carries none.
        operation: the row of the table that made it; None for a leaf.
        scope: the neuron, layer or other part it belongs to, or None.
        line: the line of your source that created it, or None.

    Raises:
        TypeError: `data` is no real number. The message says what to do instead.
        OverflowError: `data` is an integer beyond the range of floats.

    Example:
        >>> from engine import Value
        >>> x = Value(3.0, label="x")
        >>> y = x * x + 1
        >>> y.backward()
        >>> x.grad
        6.0
    """

    __slots__ = ("_data", "_grad", "_origin", "parents", "partials")

    parents: tuple[Value, ...]
    partials: tuple[float | None, ...]

    def __init__(self, data: Any, label: str | None = None) -> None:
        if isinstance(data, Value):
            raise TypeError(
                f"Value(...) takes a number, not a Value ({name(data)}). "
                "Use the Value itself, +v for a copy in the graph, or v.detach() for a constant."
            )
        self._data = real(data, "Value(...)")
        self._grad: float = NOT_COMPUTED
        self._origin = LEAF if label is None else LEAF.labelled(checked_label(label))
        self.parents = ()
        self.partials = ()

    @property
    def data(self) -> float:
        """The number. Changing it does not touch what was computed from it before."""
        return self._data

    @data.setter
    def data(self, number: Any) -> None:
        self._data = real(_number_of(number), "v.data")

    @property
    def grad(self) -> float:
        """The gradient; `NOT_COMPUTED` (shown as "–", equal to 0.0) before there is one."""
        return self._grad

    @grad.setter
    def grad(self, number: Any) -> None:
        number = _number_of(number)
        self._grad = number if number is NOT_COMPUTED else real(number, "v.grad")

    @property
    def label(self) -> str | None:
        """The name in drawings and errors."""
        return self._origin.label

    @label.setter
    def label(self, label: str | None) -> None:
        if self._origin is not CONSTANT:
            self._origin = self._origin.labelled(checked_label(label))

    @property
    def operation(self) -> Operation | None:
        """The row of the table that made this node; None for a leaf."""
        return self._origin.operation

    @property
    def scope(self) -> Scope | None:
        """The part of the computation the node belongs to, as opened by a module."""
        return self._origin.scope

    @property
    def line(self) -> SourceLine | None:
        """The line of your source that created the node; None for a leaf."""
        return self._origin.line

    @property
    def is_constant(self) -> bool:
        """Whether this is a plain number in a graph, which no gradient flows to."""
        return self._origin is CONSTANT

    def detach(self) -> Value:
        """The same number as a constant, cut off from the graph.

        >>> x = Value(3.0)
        >>> y = x * x.detach()
        >>> y.backward()
        >>> x.grad
        3.0
        """
        return constant(self._data)

    def backward(self) -> None:
        """Compute the gradient of this node by every node it depends on, into their `.grad`.

        Leaves accumulate over calls (set them to zero between steps); inner nodes start anew.
        """
        from engine.backward import backward

        backward(self)

    def __repr__(self) -> str:
        label = "" if self.label is None else f", label={self.label!r}"
        return f"Value(data={self._data!r}, grad={self._grad!r}{label})"

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        return self._compare(other, float.__eq__)

    def __ne__(self, other: object) -> Any:
        return self._compare(other, float.__ne__)

    def __lt__(self, other: Operand) -> Any:
        return self._compare(other, float.__lt__)

    def __le__(self, other: Operand) -> Any:
        return self._compare(other, float.__le__)

    def __gt__(self, other: Operand) -> Any:
        return self._compare(other, float.__gt__)

    def __ge__(self, other: Operand) -> Any:
        return self._compare(other, float.__ge__)

    def _compare(self, other: object, compare: Callable[[float, Any], Any]) -> Any:
        if isinstance(other, Value):
            return compare(self._data, other._data)
        return compare(self._data, other) if is_real(other) else NotImplemented

    def __bool__(self) -> bool:
        return self._data != 0.0

    def __float__(self) -> float:
        raise TypeError(_conversion(self, "float"))

    def __int__(self) -> int:
        raise TypeError(_conversion(self, "int"))

    def __complex__(self) -> complex:
        raise TypeError(_conversion(self, "complex"))

    def __reduce__(self) -> Any:
        if self.parents:
            raise TypeError(
                f"Cannot copy or pickle {name(self)}: it is the result of {self.operation!r} "
                "and would take its whole graph along. Copy v.detach(), or the leaves."
            )
        if self.is_constant:
            return constant, (self._data,)
        return _leaf, (self._data, self.label, self._grad)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Let numpy's functions and arrays work on Values, element by element."""
        row = _row_of_ufunc.get(ufunc)
        if row is not None and method == "__call__" and not kwargs:
            return row(
                *(x if isinstance(x, Value) or is_real(x) else np.asarray(x) for x in inputs)
            )
        boxed = [np.array(x, dtype=object) if isinstance(x, Value) else x for x in inputs]
        return getattr(ufunc, method)(*boxed, **kwargs)

    if TYPE_CHECKING:  # made from the table at the end of this file

        def __getattr__(self, operation: str) -> Callable[..., Value]: ...
        def __add__(self, other: Operand) -> Value: ...
        def __radd__(self, other: Operand) -> Value: ...
        def __sub__(self, other: Operand) -> Value: ...
        def __rsub__(self, other: Operand) -> Value: ...
        def __mul__(self, other: Operand) -> Value: ...
        def __rmul__(self, other: Operand) -> Value: ...
        def __truediv__(self, other: Operand) -> Value: ...
        def __rtruediv__(self, other: Operand) -> Value: ...
        def __pow__(self, other: Operand) -> Value: ...
        def __rpow__(self, other: Operand) -> Value: ...
        def __neg__(self) -> Value: ...
        def __pos__(self) -> Value: ...
        def __abs__(self) -> Value: ...


def constant(number: float) -> Value:
    """A plain number as a node that no gradient flows to."""
    node = object.__new__(Value)
    node._data = number
    node._grad = NOT_COMPUTED
    node._origin = CONSTANT
    node.parents = ()
    node.partials = ()
    return node


def as_value(operand: Operand, role: str) -> Value:
    """A Value as it is, a real number as a constant; `role` names the place in errors."""
    if isinstance(operand, Value):
        return operand
    if type(operand) is not float and not is_real(operand):
        raise TypeError(
            f"{role} takes Values and real numbers, not {describe(operand)}. {remedy(operand)}"
        )
    return constant(real(operand, role))


def name(node: Value) -> str:
    """A node for an error message: its label and its number."""
    return f"{node.label} = {node._data:.6g}" if node.label is not None else f"{node._data:.6g}"


def checked_label(label: str | None) -> str | None:
    """The label, if it is one.

    Raises:
        TypeError: it is neither text nor None.
    """
    if label is None or isinstance(label, str):
        return label
    raise TypeError(f"A label is text, not {describe(label)}. Write label=str(...).")


def _number_of(number: Any) -> Any:
    if isinstance(number, Value):
        raise TypeError(
            f"v.data and v.grad hold numbers, not Values ({name(number)}). Assign its .data."
        )
    return number


def _conversion(node: Value, kind: str) -> str:
    return (
        f"{kind}(v) and the functions of math would cut {name(node)} off from its gradient. "
        f"Write v.exp() or engine.exp(v) and so on for a function; {kind}(v.data) for the number."
    )


def _leaf(data: float, label: str | None, grad: float) -> Value:
    leaf = Value(data, label)
    leaf._grad = grad
    return leaf


# Recording. `record` serves every operation; the two functions after it are the same for one
# and two operands without its loops, since nearly all nodes of a scalar program are such.

_new = object.__new__


def _node(
    operation: Operation,
    data: float,
    parents: tuple[Value, ...],
    partials: tuple[float | None, ...],
) -> Value:
    mode = MODE.get()
    if mode is not ORDINARY:
        if mode.trapping:
            _check_finite(operation, data, parents, mode)
        if not mode.recording:
            return constant(data)
    node = _new(Value)
    node._data = data
    node._grad = NOT_COMPUTED
    node._origin = origin_of(operation, mode, 3)
    node.parents = parents
    node.partials = partials
    return node


def record(operation: Operation, operands: tuple[Operand, ...]) -> Value:
    """The node of an operation on Values and numbers, with its value and local derivatives."""
    parents: tuple[Value, ...] = operands
    try:
        numbers = tuple([parent._data for parent in parents])
        wanted = tuple([parent._origin is not CONSTANT for parent in parents])
    except AttributeError:  # there are plain numbers among them
        return record(operation, tuple([as_value(x, f"{operation.name}(...)") for x in operands]))
    data = operation.forward(numbers)
    partials = operation.partials(numbers, data, wanted if False in wanted else None)
    return _node(operation, data, parents, partials)


def _unary_method(operation: Operation) -> Callable[[Value], Value]:
    forward, rule = operation.scalar, operation.rules[0]

    def method(self: Value) -> Value:
        if self._origin is CONSTANT:
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

    def method(self: Value, other: Operand) -> Value:
        if type(other) is not Value:
            return cast(Value, _with_number(operation, self, other))
        if other._origin is CONSTANT or self._origin is CONSTANT:
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
    def method(self: Value, *operands: Operand) -> Any:
        return operation(self, *operands)

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
    operation: Operation, data: float, parents: tuple[Value, ...], mode: Mode
) -> None:
    if isfinite(data):
        return
    operands = ", ".join(map(name, parents))
    line = origin_of(operation, mode, 4).line
    raise NonFiniteError(f"{operation.name}({operands}) is {data}. It was created at {line}.")


for _operation in TABLE.values():
    if not isinstance(_operation, Reduction):
        _install(_operation)
_row_of_ufunc = {row.array: row for row in TABLE.values() if isinstance(row.array, np.ufunc)}
readers[Value] = record
