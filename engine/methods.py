"""The operators and methods of `Value`, written from the rows of the table: how `a * b` runs.

Each row becomes the source text of a function, as dataclasses make `__init__`, when it is first
called. `print(source_of(TABLE["mul"]))` shows that of `a * b`, which is, but for the lines that
serve rare cases:

    def method(self, other: Operand) -> Value:
        a = self._number
        if other.__class__ is Value: b = other._number
        elif other.__class__ is float: b = other
        elif other.__class__ is int: b = other = float(other)
        y = a * b                                      # the row's value
        partials = (b, a) if other.__class__ is Value else (b, None)   # and its rules
        node = new(Value)                              # `_NODE` below: the node
        node._number = y
        node._grad = NOT_COMPUTED
        node._operands = (self, other)
        node.partials = partials
        node.operation = operation
        context = current()                            # the circumstances: usually nothing special
        node._tag = context.tag                        # the module it belongs to, if any
        caller = getframe(1)                           # which line made it
        code = caller.f_code
        if code.co_filename in files_of_user:
            node._code, node._instruction = code, caller.f_lasti
        else:
            node._code, node._instruction = made_by(caller, context)
        return node

The rare cases: what Python's floats raise (`HARD_PLACE`) and operands of other kinds go through
`record`, and circumstances that are special, as inside `no_grad()`, through `finished`.
Next: `backward.py`.
"""

from __future__ import annotations

import linecache
import re
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import numpy as np

from glassgrad.engine.context import Context, current
from glassgrad.engine.define import newcomers, reserved
from glassgrad.engine.formula import PYTHON_NAMES, RowSource, python_source
from glassgrad.engine.misuse import HABITS, is_real, is_refused
from glassgrad.engine.op import HARD_PLACE, TABLE, Operation, evaluators
from glassgrad.engine.provenance import files_of_user, made_by
from glassgrad.engine.text import describe
from glassgrad.engine.value import (
    NOT_COMPUTED,
    Constant,
    Operand,
    Value,
    as_node,
    checked_operand,
    constant,
)

# The lines that make a node stand once, as text: `node_of` is made of them, and so is every method,
# since a call would cost as much as all the rest.

_NODE = """\
    node = new()
    node._number = y
    node._grad = NOT_COMPUTED
    node._operands = operands
    node.partials = partials
    node.operation = operation
    node._tag = context.tag
    code = caller.f_code
    if code.co_filename in files_of_user:
        node._code = code
        node._instruction = caller.f_lasti
    else:
        node._code, node._instruction = made_by(caller, context)
    return node
"""
_METHOD = """\
def method({signature}) -> Value:
    try:
        {computed}
        caller = getframe({depth})
    except HARD_PLACE:
        return record(operation, ({operands}))
    operands = ({operands})
    context = current()
    if context.is_special:
        return finished(operation, operands, y, partials, context, caller)
"""
_READ = """\
if {0}.__class__ is Value: {1} = {0}._number
        elif {0}.__class__ is float: {1} = {0}
        elif {0}.__class__ is int: {1} = {0} = float({0})
        else: return with_others(operation, ({operands}))"""
_LOCALS = frozenset("abcy") | {"node", "partials", "operands", "operation", "context", "caller"}
"""The names that a method uses itself, so that its operand cannot have one of them."""


def source_of(row: Operation) -> str | None:
    r"""The source text of the method of Value that a row becomes; None if it has none.

    Rows of glassgrad of one or two operands have one; the others are computed by calling their
    value and rules, which takes longer.

    >>> from glassgrad import TABLE
    >>> from glassgrad.engine.methods import source_of
    >>> print(*source_of(TABLE["neg"]).splitlines()[:5], sep="\n")
    def method(self) -> Value:
        try:
            a = self._number
            y = -a
            partials = (-1.0, )
    """
    if not isinstance(row, Operation):
        raise TypeError(
            f"source_of takes a row of the table, as TABLE['tanh'], not {describe(row)}."
        )
    written = _written_down(row)
    return None if written is None else _text(row, written)


def _written_down(row: Operation) -> RowSource | None:
    return None if row.arity not in (1, 2) or row.is_checked else python_source(row)


def _text(row: Operation, written: RowSource, reflected: bool = False, depth: int = 1) -> str:
    mine = 1 if reflected else 0
    names, signature = ["self"], ["self"]
    lines = [f"{written.operands[mine]} = self._number"]
    if row.arity == 2:
        other, number = _name_of_other(row), written.operands[1 - mine]
        names.insert(1 - mine, other)
        default = f" = {row.defaults[0]!r}" if row.defaults else ""
        signature.append(f"{other}: Operand{default}")
        lines.append(_READ.format(other, number, operands=", ".join(names)))
    lines += [f"{name} = {text}" for name, text in written.lines]
    partials = _in_tuple(written.partials)
    if row.arity == 2:
        if_number = [p if i == mine else "None" for i, p in enumerate(written.partials)]
        partials += f" if {other}.__class__ is Value else ({', '.join(if_number)})"
    lines.append(f"partials = {partials}")
    start = _METHOD.format(
        signature=", ".join(signature),
        operands="".join(f"{name}, " for name in names),
        computed="\n        ".join(lines),
        depth=depth,
    )
    return start + _NODE


def _in_tuple(partials: list[str]) -> str:
    """A tuple of expressions; a choice among numbers, as of relu, is one among constant tuples:
    to make one would take a seventh of the time of the node.
    """
    first = [branch.partition(" if ") for branch in partials[0].split(" else ")]
    if len(partials) == 1 and all(_NUMBER.fullmatch(number) for number, *_ in first):
        return " else ".join([f"({number}, ){chosen}{when}" for number, chosen, when in first])
    return f"({', '.join(partials)}, )"


_NUMBER = re.compile(r"-?\d+\.\d+|nan")


def _name_of_other(row: Operation) -> str:
    _, *others = row.operand_names() or ("",)
    return others[0] if others and others[0] not in _LOCALS else "other"


_SHARED = {
    **PYTHON_NAMES,
    "Value": Value,
    "Operand": Operand,
    "NOT_COMPUTED": NOT_COMPUTED,
    "HARD_PLACE": HARD_PLACE,
    "new": partial(object.__new__, Value),
    "getframe": sys._getframe,
    "current": current,
    "files_of_user": files_of_user,
    "made_by": made_by,
}
"""The names that the text of a method uses, beside those of its row."""


def _compiled(title: str, text: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function `method` of a source text, which tracebacks and debuggers can show."""
    file = f"{__file__} ({title})"  # in this folder, so that its lines are the engine's
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    space = {"__name__": __name__, **_SHARED, **names}
    exec(compile(text, file, "exec"), space)
    return space["method"]  # type: ignore[no-any-return]


node_of: Callable[..., Value] = _compiled(
    "node_of",
    "def method(operation, operands, y, partials, context, caller):\n" + _NODE,
    {},
)
"""The node of an operation: all of these are made here, or by the same lines in a method."""


def finished(  # noqa: PLR0917  as `node_of`, which is called as often
    operation: Operation,
    operands: tuple[Any, ...],
    data: float,
    partials: tuple[float | None, ...] | None,
    context: Context,
    caller: FrameType | None,
) -> Value:
    """The node of an operation where the circumstances ask for more, or for less; without partials
    it is a constant, as all operands are.
    """
    for observer in context.observers:
        observer.computed(operation, operands, data, caller)
    if context.order:
        short = _shortened(operation, operands)
        if short is not None:
            return short
    if context.recording and partials is not None:
        node = node_of(operation, operands, data, partials, context, caller)
    else:
        node = constant(data)
    for observer in context.observers:
        observer.recorded(operation, operands, node)
    return node


def _shortened(operation: Operation, operands: tuple[Any, ...]) -> Value | None:
    """The result where constants make it trivial, so that gradients are small graphs.

    The rules of the table are written for all cases: that of a power has a branch for the exponent
    0, which the derivative of x² need not carry along.
    """
    if operation.trivial is None:
        return None
    position = operation.trivial(*[_known(operand) for operand in operands])
    return None if position is None else as_node(operands[position])


def _known(operand: Any) -> float | None:
    if type(operand) is float:
        return operand
    return operand._number if operand.is_constant else None


def record(
    operation: Operation, operands: tuple[Any, ...], caller: FrameType | None = None
) -> Value:
    """The node of an operation on Values and numbers of any kind, for the rows without a method,
    those of many operands, and the hard places.
    """
    types, wanted = [*map(type, operands)], None
    kinds = set(types)
    if not kinds <= _USUAL:
        if any(isinstance(x, np.ndarray) for x in operands):
            return evaluators[np.ndarray](operation, operands)  # type: ignore[no-any-return]
        operands = tuple([checked_operand(x, f"{operation.name}(...)") for x in operands])
        kinds = set(map(type, operands))
        wanted = tuple([not (type(x) is float or x.is_constant) for x in operands])
    elif kinds != _VALUES:
        wanted = tuple([kind is Value for kind in types])
    if float in kinds:
        numbers = tuple([x if type(x) is float else x._number for x in operands])
    else:
        numbers = tuple([x._number for x in operands])
    data = operation.forward(numbers)
    context, caller = current(), caller or sys._getframe(1)
    if wanted and True not in wanted:
        return finished(operation, operands, data, None, context, caller)
    partials = operation.partials(numbers, data, wanted)
    make = finished if context.is_special else node_of
    return make(operation, operands, data, partials, context, caller)


_VALUES, _USUAL = frozenset({Value}), frozenset({Value, Constant, float})
"""The types of operands that are taken as they are."""


def with_others(operation: Operation, operands: tuple[Any, ...]) -> Any:
    """An operator with an operand that is no Value, float or int; foreign types get their turn."""
    for operand in operands:
        if isinstance(operand, np.ndarray):
            return operation(*operands)
        if not (isinstance(operand, Value) or is_real(operand) or is_refused(operand)):
            return NotImplemented
    return record(operation, operands)


def _method(
    row: Operation, title: str, reflected: bool = False, depth: int = 1
) -> Callable[..., Any]:
    """The method of a row, from its source text if it has one; so far out is the caller's frame."""
    written, is_operator = _written_down(row), title.startswith("__")
    if written is None:
        return _by_call(row, title, reflected)
    mine = {
        "operation": row,
        "record": record,
        "finished": finished,
        "with_others": with_others if is_operator else record,
    }
    text = _text(row, written, reflected, depth)
    return _titled(_compiled(title, text, mine), row)


def _by_call(row: Operation, title: str, reflected: bool = False) -> Callable[..., Any]:
    """A method that takes operands of every kind."""
    make = with_others if title.startswith("__") else record

    def method(self: Value, *others: Any, **named: Any) -> Any:
        return make(row, (*others, self) if reflected else row.arrange((self, *others), named))

    return _titled(method, row)


def _titled(method: Callable[..., Any], row: Operation) -> Callable[..., Any]:
    method.__name__, method.__qualname__ = row.name, f"Value.{row.name}"
    method.__doc__ = row.__doc__
    return method


def _enter(row: Operation) -> None:
    """Give Value the methods and the operator of a row, and Constant those for all operands."""
    for kind in (Value, Constant):
        if row.is_checked and row.name in vars(kind):  # it was defined otherwise before
            delattr(kind, row.name)
    if row.arity < 1:
        return
    _set(row.name, row)
    if not row.is_checked and isinstance(row.array, np.ufunc):
        _set(row.array.__name__, row)  # numpy asks the elements of an array for it
    if row.dunder:
        _set(row.dunder, row)
        if row.arity == 2:
            _set(row.dunder.replace("__", "__r", 1), row, reflected=True)


def _set(title: str, row: Operation, reflected: bool = False) -> None:
    def unwritten(self: Value, *others: Any, **named: Any) -> Any:
        method = _method(row, title, reflected)
        if vars(Value).get(title) is unwritten:  # else the name is defined anew
            setattr(Value, title, method)
        return method(self, *others, **named)

    setattr(Value, title, _titled(unwritten, row))
    setattr(Constant, title, _by_call(row, title, reflected))


def _evaluate(operation: Operation, operands: tuple[Any, ...]) -> Value:
    """An operation that is called as a function; from the second time on by its method at once."""
    if operation.arity > 0 and not operation.dunder and Value not in operation.methods:
        # It is called by the operation, which is called by whom the node belongs to.
        operation.methods[Value] = _method(operation, f"{operation.name}()", depth=2)
    return record(operation, operands, sys._getframe(2))  # the two before it are of the engine


for _row in TABLE.values():
    _enter(_row)
newcomers.append(_enter)
# A name that Value only answers for is free, unless numpy or code for arrays asks numbers for it.
reserved.update({"backward", *dir(Value)} - (HABITS["Value"].keys() - dir(np.ndarray)))
evaluators[Value] = evaluators[Constant] = _evaluate
