"""Many Values as one numpy array: their numbers, their gradients, and new numbers for all of them.

Optimisers, also those of other libraries, work on one array of parameters. Raises, all of them:

    TypeError: there is something else among the Values, or no iterable of them is given.

And what tells in a microsecond that nothing has changed: whoever holds Values, as `nn.Module` does,
counts `STRUCTURE.revision` up when an attribute is set or deleted. As long as it is the same, no
layer, flag or rate was put in place of another. Lists change without anybody being told, so
`hold_same` compares them.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import count, repeat
from operator import eq
from sys import getrefcount
from typing import Any

import numpy as np

from glassgrad.engine.backward import Leaves
from glassgrad.engine.context import Context, Observer, call_watched, watching
from glassgrad.engine.misuse import real
from glassgrad.engine.text import describe
from glassgrad.engine.tree import settled
from glassgrad.engine.value import NOT_COMPUTED, Frozen, Value, tell_used, write_gradients

Vector = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


def data_vector(values: Iterable[Value]) -> Vector:
    """The numbers of Values as an array.

    >>> from glassgrad import Value, data_vector
    >>> data_vector([Value(2.0), Value(-1.0)])
    array([ 2., -1.])
    """
    return _array(_read("data", values_of(values, "data_vector")))


def grad_vector(values: Iterable[Value]) -> Vector:
    """The gradients of Values as an array; 0 for those that have none yet.

    >>> from glassgrad import Value, grad_vector
    >>> x, w = Value(2.0), Value(-1.0)
    >>> (x * x).backward()
    >>> grad_vector([x, w])
    array([4., 0.])
    """
    numbers = _array(_read("grad", values_of(values, "grad_vector")))
    numbers += 0.0  # one that has not been computed is -0.0
    return numbers


def computed_gradients(values: Iterable[Value]) -> tuple[Vector, Mask | None]:
    """The gradients of Values as `grad_vector` gives them, and a boolean array that is False where
    one is `NOT_COMPUTED`; None in its place says that all have been computed.

    >>> from glassgrad import Value, computed_gradients
    >>> x, w = Value(2.0), Value(-1.0)
    >>> (x * x).backward()
    >>> computed_gradients([x, w])
    (array([4., 0.]), array([ True, False]))
    """
    gradients = _read("grad", values_of(values, "computed_gradients"))
    numbers = _array(gradients)
    if numbers.all():
        return numbers, None
    perhaps_none = (numbers == 0.0) & np.signbit(numbers)  # NOT_COMPUTED is -0.0
    numbers += 0.0
    if not perhaps_none.any():
        return numbers, None
    computed = np.array([gradient is not NOT_COMPUTED for gradient in gradients])
    return numbers, None if computed.all() else computed


def frozen_among(values: Sequence[Value]) -> Mask | None:
    """Which Values are frozen; None says that none is, which is quick to know."""
    if not Frozen.were_made or [*map(type, values)].count(Value) == len(values):
        return None
    frozen = np.array([value.is_frozen for value in values])
    return frozen if frozen.any() else None


def assign(values: Iterable[Value], numbers: Any) -> None:
    """Give each Value a new number, all or none.

    The numbers are as many real ones, in an array or a list; else that is a TypeError or a
    ValueError.

    >>> from glassgrad import Value, assign, data_vector
    >>> values = [Value(2.0), Value(-1.0)]
    >>> assign(values, data_vector(values) * 10)
    >>> data_vector(values)
    array([ 20., -10.])
    """
    values = _settable(values, "assign", "data")
    write_data(values, _as_many("assign(...)", values, numbers))


def assign_grad(values: Iterable[Value], numbers: Any) -> None:
    """Give each Value a new gradient, all or none, as optimisers of other libraries do.

    It takes and raises what `assign` does; nan and inf are taken as they are.

    >>> from glassgrad import Value, assign_grad
    >>> x, w = Value(2.0), Value(-1.0)
    >>> assign_grad([x, w], [0.5, 0.0])
    >>> x.grad, w.grad
    (0.5, 0.0)
    """
    values = _settable(values, "assign_grad", "grad")
    write_gradients(values, _as_many("assign_grad(...)", values, numbers))


def descend(values: Iterable[Value], rate: float) -> None:
    """Gradient descent: each Value moves by -rate × its gradient, all or none.

    >>> from glassgrad import Value, descend
    >>> x = Value(3.0)
    >>> (x * x).backward()
    >>> descend([x], 0.1)
    >>> x.data
    2.4
    """
    values, rate = values_of(values, "descend"), real(rate, "descend(rate=...)")
    try:
        # What has no gradient stays, though ∞ · "–" is nan.
        moved = [
            v._number if v._grad is NOT_COMPUTED else v._number - rate * v._grad for v in values
        ]
    except AttributeError:
        raise _foreign(values) from None
    _tell_used("sets .data of", values)
    write_data(values, moved)


def zero_grad(values: Iterable[Value]) -> None:
    """Set the gradients of Values to 0, since `backward()` adds to those of leaves.

    >>> from glassgrad import Value, zero_grad
    >>> x = Value(2.0)
    >>> (x * x).backward()
    >>> zero_grad([x])
    >>> x.grad
    0.0
    """
    write_gradients(_settable(values, "zero_grad", "grad"), repeat(0.0))


def clear_grad(values: Iterable[Value]) -> None:
    """Forget the gradients of Values: they show as "–" again, as before any `backward()`.

    >>> from glassgrad import Value, clear_grad
    >>> x = Value(2.0)
    >>> (x * x).backward()
    >>> clear_grad([x])
    >>> x
    Value(data=2.0, grad=–)
    """
    write_gradients(_settable(values, "clear_grad", "grad"), repeat(NOT_COMPUTED))


def write_data(values: Sequence[Value], numbers: list[float]) -> None:
    """Give each Value a new number, where both are known to be right: all or none, also when
    Ctrl-C comes in between.
    """
    try:
        for value, number in zip(values, numbers):  # twice as fast as `deque(map(...))`
            value._number = number
    except BaseException:
        deque(map(_set_number, values, numbers), maxlen=0)  # nothing comes in between here
        raise


_set_number = vars(Value)["_number"].__set__


def values_of(values: Iterable[Value], call: str) -> Sequence[Value]:
    """Values of any iterable, which is gone through once."""
    if isinstance(values, (list, tuple)):
        return values
    try:
        values = iter(values)
    except TypeError:
        raise TypeError(
            f"{call} takes a list of Values, for example model.parameters(), not "
            f"{describe(values)}."
        ) from None
    return list(values)


def _read(attribute: str, values: Sequence[Value]) -> list[float]:
    try:
        # Both written out: an attribute by its name takes twice as long.
        found = [v._number for v in values] if attribute == "data" else [v._grad for v in values]
    except AttributeError:
        raise _foreign(values) from None
    _tell_used(f"reads .{attribute} of", values)
    return found


def _array(numbers: list[float]) -> Vector:
    # Packing a list of floats takes a third of the time that np.array(list) needs to look at it.
    return np.frombuffer(bytearray(struct.pack(f"{len(numbers)}d", *numbers)), float)


def _settable(values: Iterable[Value], call: str, attribute: str) -> Sequence[Value]:
    """Values of any iterable, of which an attribute is set."""
    values = values_of(values, call)
    are_values = type(values) is Leaves or [*map(type, values)].count(Value) == len(values)
    if not are_values and not all(isinstance(v, Value) for v in values):
        raise _foreign(values)
    _tell_used(f"sets .{attribute} of", values)
    return values


def _as_many(call: str, values: Sequence[Value], numbers: Any) -> list[float]:
    """`numbers` as a list of floats, one for each of the Values."""
    array = np.asarray(settled(numbers))
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{call} takes real numbers, not {describe(numbers)}.")
    if array.shape != (len(values),):
        raise ValueError(
            f"{call} of {len(values)} Values takes as many numbers in one row, "
            f"not an array of shape {array.shape}."
        )
    floats: list[float] = array.astype(float, copy=False).tolist()
    return floats


def _tell_used(what: str, values: Sequence[Value]) -> None:
    if watching and values:
        tell_used(what, values[0])


def _foreign(values: Sequence[Any]) -> TypeError:
    other = next(value for value in values if not isinstance(value, Value))
    return TypeError(f"Among the Values is {describe(other)}. Give Values alone.")


def held(values: list[Value], lists: int = 1) -> list[Value]:
    """Of Values in so many lists, with this one, and in no graph, those that are held elsewhere.

    A new Value, which nothing else holds, tells how often one is counted without these lists.
    """
    counts = [*map(getrefcount, [*values, Value(0.0)])]
    return [value for value, count in zip(values, counts) if count > counts[-1] + lists]


# Whether anything has changed.


METHODS = "_compiled_methods"
"""Where an object keeps its compiled methods, which decide nothing and are no parts of it."""


class Structure:
    """The count, `revision`: how many changes there have been."""

    def __init__(self) -> None:
        self._counter = count(1)
        self.revision = 0

    def count_up(self) -> None:
        """Say that something has changed; of two threads at once, each sets another count."""
        self.revision = next(self._counter)


STRUCTURE = Structure()
_IDENTITY: tuple[Any, ...] = (Value.__eq__, object.__eq__)


def is_only_itself(thing: Any) -> bool:
    """Whether nothing equals it but itself, as Values and modules."""
    return type(thing).__eq__ in _IDENTITY


class _NoNumbers(Observer):
    """With it, no Value equals a plain number, which may stand in its place now."""

    def compared(self, left: Any, right: Any, relation: str, outcome: bool) -> bool:
        return False


_NO_NUMBERS = _NoNumbers()
_WITHOUT_NUMBERS = Context(False, (_NO_NUMBERS,))


def hold_same(now: list[list[Any]], before: list[list[Any]]) -> bool:
    """Whether lists hold the very same Values, and other things that are equal only to themselves.

    All are compared in one go, without Python in between.
    """
    try:
        return call_watched(_WITHOUT_NUMBERS, eq, now, before) is True
    except Exception:  # what stands there now refuses to be compared
        return False
