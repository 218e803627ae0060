"""Many Values as one numpy array: their numbers, their gradients, and new numbers for all of them.

Optimisers, also those of other libraries, work on one array of parameters.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.mode import MODE, ORDINARY
from engine.real import real
from engine.text import describe
from engine.value import Value, refuse_on_tape

Vector = npt.NDArray[np.float64]


def data_vector(values: Sequence[Value]) -> Vector:
    """The numbers of Values as an array.

    Raises:
        TypeError: there is something else among them.

    >>> from engine import Value, data_vector
    >>> data_vector([Value(2.0), Value(-1.0)])
    array([ 2., -1.])
    """
    try:
        numbers = np.array([value._data for value in values], float)
    except AttributeError:
        raise _foreign(values) from None
    _refuse_on_tape("reads .data of", values)
    return numbers


def grad_vector(values: Sequence[Value]) -> Vector:
    """The gradients of Values as an array; 0 for those that have none yet.

    Raises:
        TypeError: there is something else among them.

    >>> from engine import Value, grad_vector
    >>> x, w = Value(2.0), Value(-1.0)
    >>> (x * x).backward()
    >>> grad_vector([x, w])
    array([4., 0.])
    """
    try:
        numbers = np.array([value._grad for value in values], float) + 0.0  # none yet is -0.0
    except AttributeError:
        raise _foreign(values) from None
    _refuse_on_tape("reads .grad of", values)
    return numbers


def assign(values: Sequence[Value], numbers: Any) -> None:
    """Give each Value a new number, all or none.

    Args:
        values: the Values.
        numbers: as many real numbers, in an array or a list.

    Raises:
        TypeError: there is something else among the Values or the numbers.
        ValueError: there are more of the ones than of the others.

    >>> from engine import Value, assign, data_vector
    >>> values = [Value(2.0), Value(-1.0)]
    >>> assign(values, data_vector(values) * 10)
    >>> data_vector(values)
    array([ 20., -10.])
    """
    if not set(map(type, values)) <= {Value} and not all(isinstance(v, Value) for v in values):
        raise _foreign(values)
    _refuse_on_tape("sets .data of", values)
    array = np.asarray(numbers)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"assign(...) takes real numbers, not {describe(numbers)}.")
    if array.shape != (len(values),):
        raise ValueError(
            f"assign(...) of {len(values)} Values takes as many numbers in one row, "
            f"not an array of shape {array.shape}."
        )
    numbers = array.tolist() if array.dtype == float else array.astype(float).tolist()
    deque(map(_set_data, values, numbers), maxlen=0)  # in one go


def descend(values: Sequence[Value], rate: float) -> None:
    """Gradient descent: each Value moves by -rate × its gradient, all or none.

    Raises:
        TypeError: there is something else among them.

    >>> from engine import Value, descend
    >>> x = Value(3.0)
    >>> (x * x).backward()
    >>> descend([x], 0.1)
    >>> x.data
    2.4
    """
    rate = real(rate, "descend(rate=...)")
    try:
        moved = [value._data - rate * value._grad for value in values]
    except AttributeError:
        raise _foreign(values) from None
    _refuse_on_tape("sets .data of", values)
    deque(map(_set_data, values, moved), maxlen=0)


def zero_grad(values: Sequence[Value]) -> None:
    """Set the gradients of Values to 0, since `backward()` adds to those of leaves.

    Raises:
        TypeError: there is something else among them.

    >>> from engine import Value, zero_grad
    >>> x = Value(2.0)
    >>> (x * x).backward()
    >>> zero_grad([x])
    >>> x.grad
    0.0
    """
    try:
        deque(map(_set_gradient, values, repeat(0.0)), maxlen=0)
    except TypeError:
        raise _foreign(values) from None


_set_data, _set_gradient = vars(Value)["_data"].__set__, vars(Value)["_grad"].__set__


def _refuse_on_tape(what: str, values: Sequence[Value]) -> None:
    if MODE.get() is not ORDINARY and values:
        refuse_on_tape(what, values[0])


def _foreign(values: Sequence[Any]) -> TypeError:
    other = next(value for value in values if not isinstance(value, Value))
    return TypeError(f"Among the Values is {describe(other)}. Give Values alone.")
