"""`Value`: a number that remembers how it was computed.

Arithmetic on Values records a graph. A node holds its number, its operands, and the local
derivative by each of them, computed at once. There are no closures and no reference cycles, so a
graph is freed the moment it is dropped.

The methods and operators (`a * b`, `v.tanh()`) are written from the rows of `table.py`, as
dataclasses write `__init__`: `print(source_of(TABLE["mul"]))` shows one. Next: `backward.py`.
"""

from __future__ import annotations

import linecache
import numbers
import operator
import sys
from collections.abc import Callable, Sequence
from math import isfinite
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from glassgrad.engine import misuse
from glassgrad.engine.arrays import Numeric, serve
from glassgrad.engine.context import ORDINARY, Context, Scope, Tag, current, watching
from glassgrad.engine.misuse import Refusals, is_real, is_refused, real
from glassgrad.engine.misuse import name as name  # noqa: PLC0414
from glassgrad.engine.op import HARD_PLACE, TABLE, Operation, evaluators, newcomers
from glassgrad.engine.provenance import SourceLine, latest, line_of, made_by
from glassgrad.engine.row_source import PythonSource, python_source
from glassgrad.engine.table import pos
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
_UNTAGGED = ORDINARY.tag


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

    __slots__ = (
        "_code",
        "_data",
        "_grad",
        "_instruction",
        "_operands",
        "_tag",
        "operation",
        "partials",
    )

    _operands: tuple[Any, ...]
    partials: tuple[float | None, ...]
    operation: Operation | None
    is_constant = False

    def __init__(self, data: Any, label: str | None = None, *others: object) -> None:
        if isinstance(data, np.ndarray):
            data = scalar_of(data)
        if isinstance(data, Value):
            raise TypeError(misuse.value_of_a_value(name(data)))
        self._data = real(data, "Value(...)")
        self._grad: float = NOT_COMPUTED
        self._operands = self.partials = ()
        self.operation = None
        self._tag = _UNTAGGED
        if label is not None or others:
            self._tag = Tag(None, _checked_label(label, *others))
        self._code, self._instruction = None, -1

    @property
    def data(self) -> float:
        """The number. Changing it does not touch what was computed from it before."""
        if watching:
            tell_read("reads .data of", self)
        return self._data

    @data.setter
    def data(self, number: Any) -> None:
        if watching:
            tell_read("sets .data of", self)
        self._data = number if type(number) is float else _number(number, "v.data")

    @property
    def grad(self) -> float:
        """The gradient; `NOT_COMPUTED` (shown as "–", equal to 0.0) before there is one."""
        if watching:
            tell_read("reads .grad of", self)
        return self._grad

    @grad.setter
    def grad(self, number: Any) -> None:
        is_gradient = type(number) is float or number is NOT_COMPUTED
        self._grad = number if is_gradient else _number(number, "v.grad")

    @property
    def parents(self) -> tuple[Value, ...]:
        """The operands as Values; a plain number among them becomes a constant when it is asked."""
        if float in map(type, self._operands):
            self._operands = tuple([_as_node(operand) for operand in self._operands])
        return self._operands

    @property
    def label(self) -> str | None:
        """The name in drawings and errors."""
        return self._tag.label

    @label.setter
    def label(self, label: str | None) -> None:
        self._tag = Tag(self._tag.scope, _checked_label(label))

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
        found = constant(self._data)
        for observer in current().observers:
            observer.recorded(pos, (self,), found)
        return found

    def __repr__(self) -> str:
        label = "" if self.label is None else f", label={self.label!r}"
        return f"Value(data={self._data!r}, grad={self._grad!r}{label})"

    def __format__(self, specification: str) -> str:
        tell_read("reads the text of", self)
        return format(self._data, specification) if specification else repr(self)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        return self is other if isinstance(other, Value) else _compared(self, other, "==")

    def __ne__(self, other: object) -> Any:
        return self is not other if isinstance(other, Value) else _compared(self, other, "!=")

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

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, operands: Sequence[Any] = (), named: Any = None
    ) -> Any:
        """PyTorch asks here what its functions make of Values."""
        title = getattr(function, "__name__", "...")
        raise TypeError(misuse.foreign_function(f"torch.{title}", _written_here(title)))

    def __reduce__(self) -> Any:
        tell_read("reads a copy of", self)
        if self._operands:
            raise TypeError(misuse.copied(name(self), self.operation))
        return _leaf, (self.is_constant, self._data, self.label, self._grad)

    if TYPE_CHECKING:  # given by `backward.py`, and written from the table below

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


numbers.Real.register(Value)  # for checkers such as pytest.approx


class Constant(Value):
    """A plain number in a graph, which no gradient flows to.

    >>> from glassgrad import Constant, Value
    >>> x = Value(3.0)
    >>> isinstance(x.detach(), Constant), (x * 2).parents[1].is_constant
    (True, True)
    """

    __slots__ = ()
    is_constant = True


def constant(number: float) -> Constant:
    """A float as a node that no gradient flows to."""
    node: Constant = object.__new__(Constant)
    node._data, node._grad = number, NOT_COMPUTED
    node._operands = node.partials = ()
    node.operation, node._tag = None, _UNTAGGED
    node._code, node._instruction = None, -1
    return node


def _as_node(operand: Value | float) -> Value:
    return constant(operand) if type(operand) is float else operand  # type: ignore[return-value]


def is_parameter(thing: object) -> TypeGuard[Value]:
    """Whether something is a Value that training can move: a leaf, and no constant.

    >>> from glassgrad import Value
    >>> from glassgrad.engine.value import is_parameter
    >>> x = Value(3.0)
    >>> is_parameter(x), is_parameter(x * x), is_parameter(x.detach()), is_parameter(3.0)
    (True, False, False, False)
    """
    return isinstance(thing, Value) and thing.operation is None and not thing.is_constant


def as_value(operand: Operand, role: str) -> Value:
    """A Value as it is, a real number as a constant; `role` names the place in errors.

    Raises:
        TypeError: it is neither.

    >>> from glassgrad import as_value
    >>> as_value(2, "this example").is_constant
    True
    """
    return operand if isinstance(operand, Value) else _as_node(_operand(operand, role))


def names(operands: Sequence[Value | float]) -> str:
    """Operands for an error message: of many, only a few, first of all those not finite."""
    nodes = [_as_node(operand) for operand in operands]
    if len(nodes) <= _MOST_NAMES:
        return ", ".join(map(name, nodes))
    shown = ([node for node in nodes if not isfinite(node._data)] or nodes)[:_FEW_NAMES]
    return f"{', '.join(map(name, shown))} and {len(nodes) - len(shown):,} more"


_MOST_NAMES, _FEW_NAMES = 8, 4


def tell_read(what: str, node: Value) -> None:
    """Tell the observers that a number of a node is read or set outside of an operation."""
    for observer in current().observers:
        observer.read(what, node)


_RELATIONS: dict[str, Callable[[float, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _compared(left: Value, right: object, relation: str) -> Any:
    if isinstance(right, Value):
        outcome = _RELATIONS[relation](left._data, right._data)
    elif is_real(right):
        outcome = bool(_RELATIONS[relation](left._data, right))
    else:
        return NotImplemented
    if watching:
        for observer in current().observers:
            observer.compared(left, right, relation, outcome)
    return outcome


def _number(number: Any, role: str) -> float:
    if isinstance(number, np.ndarray):
        number = scalar_of(number)
    if isinstance(number, Value):
        raise TypeError(misuse.assigned_a_value(name(number)))
    return real(number, role)


def _checked_label(label: str | None, *others: object) -> str | None:
    if (label is None or isinstance(label, str)) and not others:
        return label
    raise TypeError(misuse.no_label(label, others))


def _written_here(function: str) -> str | None:
    row, is_method = TABLE.get(function), hasattr(Value, function) and function[0] != "_"
    if row is not None and not (is_method and row.arity == 1):
        return f"engine.{function}(...)"
    return f"v.{function}()" if is_method else None


def _leaf(is_constant: bool, data: float, label: str | None, grad: float) -> Value:
    leaf = constant(data) if is_constant else Value(data)
    leaf.label, leaf._grad = label, grad
    return leaf


# How a node is made. The lines that fill it stand once, as text: `node_of` is made of them, and
# every method, since a call would cost as much as the rest.

_NODE = """\
    node = new(Value)
    node._data = y
    node._grad = NOT_COMPUTED
    node._operands = operands
    node.partials = partials
    node.operation = operation
    node._tag = context.tag
    code = caller.f_code
    if code is latest.code:
        node._code = code
        node._instruction = caller.f_lasti
    else:
        node._code, node._instruction = made_by(caller, context)
    return node
"""
_METHOD = """\
def method({signature}):
    try:
        {computed}
        caller = getframe(1)
    except HARD_PLACE:
        return record(operation, ({operands}))
    operands = ({operands})
    context = current()
    if context.is_special:
        return finished(operation, operands, y, partials, context, caller)
"""
_READ = """\
if {0}.__class__ is Value: {1} = {0}._data
        elif {0}.__class__ is float: {1} = {0}
        elif {0}.__class__ is int: {1} = {0} = float({0})
        else: return {otherwise}(operation, ({operands}))"""
_LOCALS = frozenset("abcy") | {"node", "partials", "operands", "operation", "context", "caller"}


def source_of(row: Operation, *, reflected: bool = False) -> str | None:
    """The source text of the method of Value that a row becomes; None if it has none.

    Rows of one or two operands whose value and rules can be written down have one; the others are
    computed by calling these, which takes longer.

    Args:
        row: a row of the table.
        reflected: the method for a number on the left, as `__rmul__`.

    >>> from glassgrad import TABLE
    >>> from glassgrad.engine.value import source_of
    >>> print(*source_of(TABLE["neg"]).splitlines()[:5], sep="\\n")
    def method(self):
        try:
            a = self._data
            y = -a
            partials = (-1.0, )
    """
    written = _written_down(row)
    if written is None:
        return None
    mine = 1 if reflected else 0
    names, signature = ["self"], ["self"]
    lines = [f"{written.operands[mine]} = self._data"]
    if row.arity == 2:
        other, number = _name_of_other(row), written.operands[1 - mine]
        names.insert(1 - mine, other)
        signature.append(f"{other}={row.defaults[0]!r}" if row.defaults else other)
        otherwise = "with_others" if row.dunder else "record"
        listed = ", ".join(names)
        lines.append(_READ.format(other, number, operands=listed, otherwise=otherwise))
    lines += [f"{name} = {text}" for name, text in written.before_value]
    lines.append(f"y = {written.value}")
    lines += [f"{name} = {text}" for name, text in written.before_partials]
    partials = f"({', '.join(written.partials)}, )"
    if row.arity == 2:
        if_number = [p if i == mine else "None" for i, p in enumerate(written.partials)]
        partials += f" if {other}.__class__ is Value else ({', '.join(if_number)})"
    lines.append(f"partials = {partials}")
    start = _METHOD.format(
        signature=", ".join(signature),
        operands="".join(f"{name}, " for name in names),
        computed="\n        ".join(lines),
    )
    return start + _NODE


def _name_of_other(row: Operation) -> str:
    name = row.operand_names()[1]
    return "other" if name in _LOCALS else name


def _written_down(row: Operation) -> PythonSource | None:
    return None if row.arity not in (1, 2) or row.is_checked else python_source(row)


_SHARED = {
    "Value": Value,
    "NOT_COMPUTED": NOT_COMPUTED,
    "HARD_PLACE": HARD_PLACE,
    "new": object.__new__,
    "getframe": sys._getframe,
    "current": current,
    "latest": latest,
    "made_by": made_by,
}
"""The names that the text of a method uses, beside those of its row."""


def _compiled(title: str, text: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function `method` of a source text, which tracebacks and debuggers can show."""
    file = f"{__file__} ({title})"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    space = {**_SHARED, **names}
    exec(compile(text, file, "exec"), space)
    function: Callable[..., Any] = space["method"]
    function.__name__ = title
    return function


node_of: Callable[..., Value] = _compiled(
    "node_of",
    "def method(operation, operands, y, partials, context, caller):\n" + _NODE,
    {},
)
"""The node of an operation; every node is made here, or by the same lines in a method."""


def finished(
    operation: Operation,
    operands: tuple[Any, ...],
    data: float,
    partials: tuple[float | None, ...],
    context: Context,
    caller: FrameType | None,
) -> Value:
    """The node of an operation where the circumstances ask for more, or for less."""
    for observer in context.observers:
        observer.computed(operation, operands, data, caller)
    if context.order:
        short = _shortened(operation, operands, data)
        if short is not None:
            return short
    if context.recording:
        node = node_of(operation, operands, data, partials, context, caller)
    else:
        node = constant(data)
    for observer in context.observers:
        observer.recorded(operation, operands, node)
    return node


def _shortened(operation: Operation, operands: tuple[Any, ...], data: float) -> Value | None:
    """The result where constants make it trivial, so that gradients are small graphs.

    The rules of the table are written for all cases: that of a power has a branch for the exponent
    0, which the derivative of x² need not carry along.
    """
    known = [_known(operand) for operand in operands]
    if None not in known:
        return constant(data)
    position = operation.trivial(*known) if operation.trivial else None
    return None if position is None else _as_node(operands[position])


def _known(operand: Any) -> float | None:
    if type(operand) is float:
        return operand
    return operand._data if operand.is_constant else None


def record(operation: Operation, operands: tuple[Any, ...]) -> Value:
    """The node of an operation on Values and numbers of any kind.

    It serves the rows without a method, those of many operands, and the hard places.
    """
    wanted = None
    try:
        numbers = tuple([operand._data for operand in operands])
    except AttributeError:  # there are plain numbers among them
        if np.ndarray in map(type, operands):
            return evaluators[np.ndarray](operation, operands)  # type: ignore[no-any-return]
        operands = tuple([_operand(x, f"{operation.name}(...)") for x in operands])
        numbers = tuple([x if type(x) is float else x._data for x in operands])
        wanted = tuple([type(x) is not float and not x.is_constant for x in operands])
    else:
        if Constant in map(type, operands):
            wanted = tuple([not operand.is_constant for operand in operands])
    data = operation.forward(numbers)
    partials = operation.partials(numbers, data, wanted)
    context, caller = current(), sys._getframe(1)
    make = finished if context.is_special else node_of
    return make(operation, operands, data, partials, context, caller)


def _operand(operand: Operand, role: str) -> Value | float:
    if isinstance(operand, np.ndarray):
        operand = scalar_of(operand)
    if type(operand) is float or isinstance(operand, Value):
        return operand
    if not is_real(operand):
        raise TypeError(misuse.no_operand(operand, role))
    return real(operand, role)


def _with_others(operation: Operation, operands: tuple[Any, ...]) -> Any:
    """An operator with an operand that is no Value, float or int; foreign types get their turn."""
    for operand in operands:
        if isinstance(operand, np.ndarray):
            return operation(*operands)
        if not (isinstance(operand, Value) or is_real(operand) or is_refused(operand)):
            return NotImplemented
    return record(operation, operands)


def _method(row: Operation, reflected: bool = False) -> Callable[..., Any]:
    """The method of a row, from its source text if it has one."""
    text = source_of(row, reflected=reflected)
    if text is None:
        return _by_call(row, reflected)
    written = _written_down(row)
    assert written is not None
    mine = {"operation": row, "record": record, "finished": finished, "with_others": _with_others}
    method = _compiled(row.name, text, {**written.names, **mine})
    method.__qualname__, method.__doc__ = f"Value.{row.name}", row.__doc__
    return method


def _by_call(row: Operation, reflected: bool = False) -> Callable[..., Any]:
    """A method that takes operands of every kind."""

    def method(self: Value, *others: Any, **named: Any) -> Any:
        operands = (*others, self) if reflected else row.arrange((self, *others), named)
        return (_with_others if row.dunder else record)(row, operands)

    method.__name__ = row.name
    return method


def _enter(row: Operation) -> None:
    """Give Value the methods and the operator of a row, and Constant those for all operands."""
    if row.arity < 1:
        return
    aliases = {row.name, row.dunder, getattr(row.array, "__name__", None)}
    for title in filter(None, aliases - {"<lambda>", "vectorize"}):
        if title in _RESERVED:
            raise ValueError(misuse.refuse_name(title, "is taken by Value"))
        _set(title, row, False)
    if row.dunder and row.arity == 2:
        _set(row.dunder.replace("__", "__r", 1), row, True)


def _set(title: str, row: Operation, reflected: bool) -> None:
    def unwritten(self: Value, *others: Any, **named: Any) -> Any:
        method = _method(row, reflected)
        setattr(Value, title, method)
        return method(self, *others, **named)

    unwritten.__name__, unwritten.__qualname__ = row.name, f"Value.{row.name}"
    unwritten.__doc__ = row.__doc__
    setattr(Value, title, unwritten)
    setattr(Constant, title, _by_call(row, reflected))


def _evaluate(operation: Operation, operands: tuple[Any, ...]) -> Value:
    """An operation that is called as a function; from the second time on by its method at once."""
    if operation.arity > 0 and not operation.dunder and Value not in operation.methods:
        operation.methods[Value] = _method(operation)
    return record(operation, operands)


_RESERVED = {name for name in dir(Value) if name[0] != "_"} - misuse.HABITS.keys() | {"backward"}
for _row in TABLE.values():
    _enter(_row)
    serve(_row)
newcomers += [_enter, serve]
evaluators[Value] = _evaluate
