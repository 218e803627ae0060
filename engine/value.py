"""`Value`: a number that remembers how it was computed.

Arithmetic on Values records a graph. A node holds its number, its operands, and the local
derivative by each of them, computed at once. There are no closures and no reference cycles, so a
graph is freed the moment it is dropped. A plain number among the operands is kept as a float, and
becomes a `Constant`, to which no gradient flows, when somebody asks for the parents.

Its operators and methods (`a * b`, `v.tanh()`) are written from the table: next, `methods.py`.
"""

from __future__ import annotations

import numbers
import operator
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

import glassgrad.engine.reductions  # noqa: F401  all rows are there
from glassgrad.engine import misuse
from glassgrad.engine.arrays import Numeric, check_unmasked, serve
from glassgrad.engine.context import ORDINARY, Scope, Tag, current, watching
from glassgrad.engine.define import newcomers
from glassgrad.engine.misuse import (
    Refusals,
    checked_label,
    is_decimal,
    is_real,
    is_refused,
    is_tensor,
    know_habits,
    name,
    real,
    remedy,
)
from glassgrad.engine.op import TABLE, Operation
from glassgrad.engine.provenance import SourceLine, is_of_user, is_ours, line_of
from glassgrad.engine.table import pos
from glassgrad.engine.text import describe
from glassgrad.engine.tree import scalar_of

Operand = Any
"""A Value or a real number."""


class NotComputed(float):
    """The gradient before it is computed: it shows as "–", yet counts as 0.0 in arithmetic.

    `p.data -= rate * p.grad` leaves every bit of `p.data`: a multiple of it is still not computed,
    and a number plus or less it is that number, also where that is -0.0.
    """

    __slots__ = ()
    __array_priority__ = -1.0  # above scalars of numpy, which leave the arithmetic to it

    def __mul__(self, factor: float) -> float:
        product = float.__mul__(self, factor)
        return self if product == 0.0 else product  # times inf it is nan

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> float:
        quotient = float.__truediv__(self, divisor)
        return self if quotient == 0.0 else quotient

    def __neg__(self) -> float:
        return self

    def __rsub__(self, number: float) -> float:
        return number - 0.0

    def __repr__(self) -> str:
        return "–"

    __str__ = __repr__

    def __format__(self, specification: str) -> str:
        return "–"

    def __reduce__(self) -> str:
        return "NOT_COMPUTED"


NOT_COMPUTED = NotComputed(-0.0)  # -0.0 plus a number is that number, the sign of zero included
_UNTAGGED = ORDINARY.tag


@know_habits
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
        is_constant: whether it is a plain number in a graph, which no gradient flows to.
        is_frozen: whether it is a parameter that no training moves; see `Frozen`.

    `v < w`, `v <= 2` and `v == 2.0` compare numbers: a plain one, of whatever type, as the float
    nearest to it. Two Values are equal only if they are the same one, as in a set or as keys, so
    that parameters with equal numbers stay apart; `v.data == w.data` compares those.

    Raises:
        TypeError: `data` is no real number, or a class is derived from it. The message says what
            to do instead.

    >>> from glassgrad import Value
    >>> x = Value(3.0, label="x")
    >>> y = x * x + 1
    >>> y.backward()
    >>> x.grad
    6.0
    """

    # `a * b`, `v.tanh()` and the like come from methods.py, `backward` from backward.py.
    __slots__ = "_code _grad _instruction _number _operands _tag operation partials".split()

    _operands: tuple[Any, ...]
    partials: tuple[float | None, ...]
    operation: Operation | None
    _code: CodeType | None
    is_constant = False
    is_frozen = False

    def __init_subclass__(cls) -> None:
        if not is_ours(cls):
            raise TypeError(misuse.derived(cls.__name__))

    def __init__(self, data: Any, label: str | None = None, *others: Any, **foreign: Any) -> None:
        if type(data) is not float:
            data = _stored(data, "Value(...)", misuse.value_of_a_value)
        self._number: float = data
        self._grad: float = NOT_COMPUTED
        self._operands = self.partials = ()
        self.operation = None
        self._tag = _UNTAGGED
        if label is not None or others or foreign:
            self._tag = Tag(None, checked_label(label, *others, **foreign))
        self._code, self._instruction = None, -1
        if watching:
            for observer in current().observers:
                observer.begun(self)

    @property
    def data(self) -> float:
        """The number. Changing it does not touch what was computed from it before."""
        if watching:
            tell_used("reads .data of", self)
        return self._number

    @data.setter
    def data(self, number: Any) -> None:
        if watching:
            tell_used("sets .data of", self)
        self._number = number if number.__class__ is float else _stored(number, "v.data")

    @property
    def grad(self) -> float:
        """The gradient; `NOT_COMPUTED` (shown as "–", equal to 0.0) before there is one."""
        if watching:
            tell_used("reads .grad of", self)
        return self._grad

    @grad.setter
    def grad(self, number: Any) -> None:
        if watching:
            tell_used("sets .grad of", self)
        if number is None:
            raise TypeError(misuse.GRADIENT_OF_NONE)
        is_gradient = number.__class__ is float or number is NOT_COMPUTED
        self._grad = number if is_gradient else _stored(number, "v.grad")

    @property
    def parents(self) -> tuple[Value, ...]:
        """The operands as Values; a plain number among them becomes a constant when it is asked."""
        if watching and is_of_user(sys._getframe(1).f_code):
            tell_used("reads .parents of", self)
        if float in map(type, self._operands):
            self._operands = tuple([as_node(operand) for operand in self._operands])
        return self._operands

    @property
    def label(self) -> str | None:
        """The name in drawings and errors."""
        if watching and is_of_user(sys._getframe(1).f_code):
            tell_used("reads .label of", self)
        return self._tag.label

    @label.setter
    def label(self, label: str | None) -> None:
        self._tag = Tag(self._tag.scope, checked_label(label))

    @property
    def scope(self) -> Scope | None:
        """The part of the computation the node belongs to, as opened by a module."""
        return self._tag.scope

    @property
    def line(self) -> SourceLine | None:
        """The line of your source that created the node; None for a leaf."""
        return line_of(self._code, self._instruction)

    def detach(self) -> Constant:
        """The same number as a constant, cut off from the graph.

        >>> x = Value(3.0)
        >>> y = x * x.detach()
        >>> y.backward()
        >>> x.grad
        3.0
        """
        found = constant(self._number)
        for observer in current().observers:
            observer.recorded(pos, (self,), found)
        return found

    def __repr__(self) -> str:
        if watching and is_of_user(sys._getframe(1).f_code):
            tell_used("reads the repr of", self)
        label = "" if self.label is None else f", label={self.label!r}"
        return f"Value(data={self._number!r}, grad={self._grad!r}{label})"

    def __format__(self, specification: str) -> str:
        tell_used("reads the text of", self)
        return format(self._number, specification) if specification else repr(self)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        return _same(self, other) if isinstance(other, Value) else _compared(self, other, "==")

    def __ne__(self, other: object) -> Any:
        return not _same(self, other) if isinstance(other, Value) else _compared(self, other, "!=")

    def __lt__(self, other: Operand) -> Any:
        return _compared(self, other, "<")

    def __le__(self, other: Operand) -> Any:
        return _compared(self, other, "<=")

    def __gt__(self, other: Operand) -> Any:
        return _compared(self, other, ">")

    def __ge__(self, other: Operand) -> Any:
        return _compared(self, other, ">=")

    def __bool__(self) -> bool:
        return bool(self != 0.0)

    def __reduce_ex__(self, protocol: Any) -> Any:
        tell_used("reads a copy of", self)
        if self.operation is not None:
            raise TypeError(misuse.copied(name(self), self.operation))
        return _leaf, (self.is_constant, self._number, self.label, self._grad, self.is_frozen)

    if TYPE_CHECKING:  # given by `backward.py`, and written from the table by `methods.py`

        def backward(self, gradient: float = 1.0) -> None: ...
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


class Constant(Value):
    """A plain number in a graph, which no gradient flows to.

    >>> from glassgrad import Constant, Value
    >>> x = Value(3.0)
    >>> isinstance(x.detach(), Constant), (x * 2).parents[1].is_constant
    (True, True)
    """

    __slots__ = ()
    is_constant = True


class Frozen(Value):
    """A parameter that no training moves, until it is a `Value` again: `module.freeze()` makes it.

    Whatever gradient is sent to it, its own stays "–"; so optimisers pass it by, also those by hand
    that subtract `rate * p.grad`. `grad(y, [p])`, which names it, gives its derivative.
    """

    __slots__ = ()
    is_frozen = True
    were_made = False
    """Whether there ever was one: where not, nobody need look for them."""
    # In the place of the slot, which everything writes to that sets gradients.
    _grad = property(lambda self: NOT_COMPUTED, lambda self, gradient: None)

    def __new__(cls, *data: Any, **named: Any) -> Frozen:
        Frozen.were_made = True
        return object.__new__(cls)


def set_frozen(parameters: Sequence[Value], frozen: bool) -> None:
    """Make Values frozen, or frozen ones Values again; either have no gradient then."""
    old, new = (Value, Frozen) if frozen else (Frozen, Value)
    Frozen.were_made |= frozen
    for parameter in parameters:
        if type(parameter) is old:
            _set_gradient(parameter, NOT_COMPUTED)
            parameter.__class__ = new


numbers.Real.register(Value)  # for checkers such as pytest.approx
for _row in TABLE.values():
    serve(_row)
newcomers.append(serve)


def constant(number: float) -> Constant:
    """A float as a node that no gradient flows to."""
    node: Constant = object.__new__(Constant)
    node._number, node._grad = number, NOT_COMPUTED
    node._operands = node.partials = ()
    node.operation, node._tag = None, _UNTAGGED
    node._code, node._instruction = None, -1
    return node


def as_node(operand: Value | float) -> Value:
    """An operand as a Value: a float is a constant."""
    return constant(operand) if type(operand) is float else operand  # type: ignore[return-value]


def number_of(operand: Value | float) -> float:
    """The number of a Value, or the plain number itself; no observer is told."""
    return operand._number if isinstance(operand, Value) else operand


def write_gradients(nodes: Collection[Value], gradients: Iterable[float]) -> None:
    """Set `.grad` of many nodes, all or none, also when Ctrl-C comes in between."""
    try:
        for node, gradient in zip(nodes, gradients):  # twice as fast as `deque(map(...))`
            node._grad = gradient
    except BaseException:
        deque(map(_set_gradient, nodes, gradients), maxlen=0)  # nothing comes in between here
        raise


_set_gradient = vars(Value)["_grad"].__set__


def is_parameter(thing: object) -> TypeGuard[Value]:
    """Whether something is a Value that training can move: a leaf, and no constant."""
    return isinstance(thing, Value) and thing.operation is None and not thing.is_constant


def as_value(operand: Operand, role: str) -> Value:
    """A Value as it is, a real number as a constant; `role` names the place in errors.

    >>> from glassgrad import as_value
    >>> as_value(2, "this example").is_constant
    True
    """
    return operand if isinstance(operand, Value) else as_node(checked_operand(operand, role))


def checked_operand(operand: Operand, role: str) -> Value | float:
    """A Value as it is, a real number as a float."""
    if type(operand) is float or isinstance(operand, Value):
        return operand
    if isinstance(operand, np.ndarray) and not operand.ndim:
        check_unmasked(operand)
        return checked_operand(operand[()], role)
    if not is_real(operand):
        raise TypeError(misuse.no_operand(operand, role))
    return real(operand, role)


def tell_used(what: str, node: Value) -> None:
    """Tell the observers that a node is used otherwise than in an operation."""
    for observer in current().observers:
        observer.used(what, node)
    if watching:
        _tell_others(what, node)


def _tell_others(what: str, *nodes: Any) -> None:
    """Tell the observers of other threads, whose nodes these may be."""
    observers = current().observers
    for other in watching:
        if other not in observers:
            for node in nodes:
                other.used_elsewhere(what, node)


RELATIONS: dict[str, Callable[[float, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _same(left: Value, right: Value) -> bool:
    """Equality of two Values is identity, as their hash is."""
    if watching:
        for observer in current().observers:
            observer.compared(left, right, "is", left is right)
    return left is right


def _compared(left: Value, right: object, relation: str) -> Any:
    """A Value compared with another one, or with the float nearest to a plain number."""
    if isinstance(right, (complex, np.complexfloating)) and relation in ("==", "!="):
        if right.imag != 0.0:
            return relation == "!="
        right = right.real
    if isinstance(right, Value):
        outcome = RELATIONS[relation](left._number, right._number)
    elif is_real(right) or is_decimal(right):
        outcome = RELATIONS[relation](left._number, _nearest(right))
    elif is_tensor(right) or (relation not in ("==", "!=") and is_refused(right)):
        if isinstance(right, np.ndarray):  # which compares itself element by element
            return NotImplemented
        what = f"{name(left)} {relation} {describe(right)}"
        raise TypeError(f"{what}: it is compared with Values and real numbers. {remedy(right)}")
    else:
        return NotImplemented
    if watching:
        for observer in current().observers:
            answer = observer.compared(left, right, relation, outcome)
            outcome = outcome if answer is None else answer
        _tell_others("compares", left, right)
    return outcome


def _nearest(number: Any) -> Any:
    try:
        return float(number)
    except (OverflowError, ValueError):  # beyond all floats, or a signalling nan: as it is
        return number


def _stored(
    number: Any, role: str, refusal: Callable[[str], str] = misuse.assigned_a_value
) -> float:
    number = scalar_of(number)
    if isinstance(number, Value):
        raise TypeError(refusal(name(number)))
    return real(number, role)


def _leaf(
    is_constant: bool, data: float, label: str | None, grad: float, is_frozen: bool = False
) -> Value:
    leaf = constant(data) if is_constant else Frozen(data) if is_frozen else Value(data)
    leaf.label, leaf._grad = label, grad
    return leaf
