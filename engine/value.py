"""`Value`: a number that remembers how it was computed.

Arithmetic on Values records a graph. A node holds its number, its parents (the operands),
and the local derivative by each parent, computed at once. There are no closures and no
reference cycles, so a graph is freed the moment it is dropped. The operators and methods
(`+`, `v.tanh()`, ...) are made from the rows of `table.py` by `record.py`. Next: `backward.py`.
"""

from __future__ import annotations

import numbers
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from glassgrad.engine.arrays import Numeric, serve
from glassgrad.engine.misuse import Refusals, checked_label
from glassgrad.engine.misuse import name as name  # noqa: PLC0414
from glassgrad.engine.misuse import names as names  # noqa: PLC0414
from glassgrad.engine.mode import MODE, ORDINARY, Scope
from glassgrad.engine.operation import Operation
from glassgrad.engine.origin import CONSTANT, LEAF, SourceLine
from glassgrad.engine.real import is_real, real, remedy
from glassgrad.engine.table import TABLE
from glassgrad.engine.text import clipped, describe
from glassgrad.engine.tree import scalar_of

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


NOT_COMPUTED = NotComputed(-0.0)  # -0.0 plus a number is that number, the sign of zero included


class Value(Refusals, Numeric):
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
        >>> from glassgrad import Value
        >>> x = Value(3.0, label="x")
        >>> y = x * x + 1
        >>> y.backward()
        >>> x.grad
        6.0
    """

    __slots__ = ("_data", "_grad", "_origin", "parents", "partials")

    parents: tuple[Value, ...]
    partials: tuple[float | None, ...]

    def __init__(self, data: Any, label: str | None = None, *others: object) -> None:
        if isinstance(data, np.ndarray):
            data = scalar_of(data)
        if isinstance(data, Value):
            raise TypeError(
                f"Value(...) takes a number, not a Value ({name(data)}). "
                "Use the Value itself, +v for a copy in the graph, or v.detach() for a constant."
            )
        self._data = real(data, "Value(...)")
        self._grad: float = NOT_COMPUTED
        self._origin = LEAF
        if label is not None or others:
            self._origin = LEAF.labelled(checked_label(label, *others))
        self.parents = ()
        self.partials = ()

    @property
    def data(self) -> float:
        """The number. Changing it does not touch what was computed from it before."""
        if MODE.get() is not ORDINARY:
            refuse_on_tape("reads .data of", self)
        return self._data

    @data.setter
    def data(self, number: Any) -> None:
        if MODE.get() is not ORDINARY:
            refuse_on_tape("sets .data of", self)
        self._data = number if type(number) is float else real(_number_of(number), "v.data")

    @property
    def grad(self) -> float:
        """The gradient; `NOT_COMPUTED` (shown as "–", equal to 0.0) before there is one."""
        if MODE.get() is not ORDINARY:
            refuse_on_tape("reads .grad of", self)
        return self._grad

    @grad.setter
    def grad(self, number: Any) -> None:
        if type(number) is not float and number is not NOT_COMPUTED:
            number = real(_number_of(number), "v.grad")
        self._grad = number

    @property
    def label(self) -> str | None:
        """The name in drawings and errors."""
        return self._origin.label

    @label.setter
    def label(self, label: str | None) -> None:
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
        return self._origin.is_constant

    def detach(self) -> Value:
        """The same number as a constant, cut off from the graph.

        >>> x = Value(3.0)
        >>> y = x * x.detach()
        >>> y.backward()
        >>> x.grad
        3.0
        """
        tape = MODE.get().tape
        return constant(self._data) if tape is None else tape.detached(self)

    def __repr__(self) -> str:
        label = "" if self.label is None else f", label={self.label!r}"
        return f"Value(data={self._data!r}, grad={self._grad!r}{label})"

    def __format__(self, specification: str) -> str:
        refuse_on_tape("reads the text of", self)
        return format(self._data, specification) if specification else repr(self)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        return self._compare(other, operator.eq)

    def __ne__(self, other: object) -> Any:
        return self._compare(other, operator.ne)

    def __lt__(self, other: Operand) -> Any:
        return self._compare(other, operator.lt)

    def __le__(self, other: Operand) -> Any:
        return self._compare(other, operator.le)

    def __gt__(self, other: Operand) -> Any:
        return self._compare(other, operator.gt)

    def __ge__(self, other: Operand) -> Any:
        return self._compare(other, operator.ge)

    def _compare(self, other: object, compare: Callable[[Any, Any], Any]) -> Any:
        if not isinstance(other, Value) and not is_real(other):
            return NotImplemented
        tape = MODE.get().tape
        if tape is not None:
            return tape.compared(self, other, compare)
        return compare(self._data, other._data if isinstance(other, Value) else other)

    def __bool__(self) -> bool:
        return bool(self != 0.0)

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, operands: Sequence[Any] = (), named: Any = None
    ) -> Any:
        """PyTorch asks here what its functions make of Values."""
        raise TypeError(_foreign_function("torch", getattr(function, "__name__", "...")))

    def __reduce__(self) -> Any:
        refuse_on_tape("reads a copy of", self)
        if self.parents:
            raise TypeError(
                f"Cannot copy or pickle {name(self)}: it is the result of {self.operation!r} "
                "and would take its whole graph along. Copy v.detach(), or the leaves."
            )
        if self.is_constant:
            return _constant, (self._data, self.label)
        return _leaf, (self._data, self.label, self._grad)

    if TYPE_CHECKING:  # given by `backward.py`, and made from the table by `record.py`

        def backward(self) -> None: ...
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


numbers.Real.register(Value)  # for checkers such as pytest.approx
serve(TABLE)


def constant(number: float) -> Value:
    """A plain number as a node that no gradient flows to."""
    node = object.__new__(Value)
    node._data = number
    node._grad = NOT_COMPUTED
    node._origin = CONSTANT
    node.parents = ()
    node.partials = ()
    return node


def is_parameter(thing: object) -> TypeGuard[Value]:
    """Whether something is a Value that training can move: a leaf, and no constant.

    >>> from glassgrad import Value
    >>> from glassgrad.engine.value import is_parameter
    >>> x = Value(3.0)
    >>> is_parameter(x), is_parameter(x * x), is_parameter(x.detach()), is_parameter(3.0)
    (True, False, False, False)
    """
    return isinstance(thing, Value) and not thing.parents and not thing._origin.is_constant


def as_value(operand: Operand, role: str) -> Value:
    """A Value as it is, a real number as a constant; `role` names the place in errors.

    Raises:
        TypeError: it is neither.

    >>> from glassgrad import as_value
    >>> as_value(2, "this example").is_constant
    True
    """
    if isinstance(operand, Value):
        return operand
    if isinstance(operand, np.ndarray) and not operand.ndim:
        return as_value(operand[()], role)
    if type(operand) is not float and not is_real(operand):
        raise TypeError(
            f"{role} takes Values and real numbers, not {describe(operand)}. {remedy(operand)}"
        )
    return constant(real(operand, role))


def _number_of(number: Any) -> Any:
    if isinstance(number, np.ndarray):
        number = scalar_of(number)
    if isinstance(number, Value):
        raise TypeError(
            f"v.data and v.grad hold numbers, not Values ({name(number)}). Assign its .data."
        )
    return number


def refuse_on_tape(what: str, node: Value) -> None:
    """A number that a compiled function reads or sets would be frozen in its recording."""
    tape = MODE.get().tape
    if tape is not None:
        tape.refuse(what, node)


def _foreign_function(library: str, function: str) -> str:
    row, is_method = TABLE.get(function), hasattr(Value, function) and function[0] != "_"
    if row is not None and not (is_method and len(row.domain) == 1):
        remedy = f"Write engine.{function}(...)."
    elif is_method:
        remedy = f"Write v.{function}()."
    else:
        remedy = "Use the methods of Value, such as v.tanh(), or the functions of glassgrad."
    return f"{library}.{clipped(function)} cannot follow the gradient of a Value. {remedy}"


def _constant(data: float, label: str | None) -> Value:
    node = constant(data)
    if label is not None:
        node.label = label
    return node


def _leaf(data: float, label: str | None, grad: float) -> Value:
    leaf = Value(data, label)
    leaf._grad = grad
    return leaf
