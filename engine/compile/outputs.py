"""What a function gives: one Value for a call; for a sample in `map`, numbers nested in lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from glassgrad.engine.compile.arguments import Batch, as_values
from glassgrad.engine.context import is_traced
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.text import describe
from glassgrad.engine.value import Value, constant

_DEEPEST = 30
"""Arrays of numpy have hardly more axes."""


def outputs_of(
    title: str, result: Any, depth: int = _DEEPEST
) -> tuple[list[Value], tuple[int, ...]]:
    """The Values of a result, one after the other, and its shape.

    Args:
        title: the name of the function, for errors.
        result: a Value or a number: shape (); or lists, tuples and arrays of them, shape (k,) or
            one more number for each level.
        depth: how many lists inside one another there may be.

    Raises:
        CompilationError: there is something else in it, or lists at one level differ in length.
        OverflowError: a number is beyond the range of floats.

    >>> from glassgrad import Value
    >>> from glassgrad.engine.compile.outputs import outputs_of
    >>> outputs_of("f", [[Value(1.0), 2.0, 3.0], (Value(4.0), 5.0, 6.0)])[1]
    (2, 3)
    """
    if isinstance(result, np.ndarray) and result.ndim == 0:
        result = result.item()
    if isinstance(result, Value):
        return [result], ()
    if is_real(result):
        return [constant(real(result, f"{title}.map(...)"))], ()
    if not isinstance(result, (list, tuple, np.ndarray)):
        raise CompilationError(
            f"{title} returned {describe(result)}. For map a function returns a Value, a number, "
            "or a list of them."
        )
    if len(result) == 0:
        raise CompilationError(f"{title} returned an empty {type(result).__name__}, for map.")
    if not depth:
        raise CompilationError(f"{title} returned lists too deep inside one another for an array.")
    parts = [outputs_of(title, part, depth - 1) for part in result]
    shapes = [shape for _, shape in parts]
    if len(set(shapes)) > 1:
        raise CompilationError(
            f"{title} returned a list of parts of shapes {_listed(shapes)}. "
            "For map lists at one level are of equal length: return them by functions of their own."
        )
    return [value for values, _ in parts for value in values], (len(parts), *shapes[0])


def one_value(title: str, result: Any) -> Value:
    """The one Value that a call gives.

    Raises:
        CompilationError: it gives something else.
    """
    if isinstance(result, Value):
        return result
    raise CompilationError(
        f"{title} returned {describe(result)}. A compiled function returns one Value; "
        f"of a list, return the sum, or its elements by functions of their own. "
        f"{title}.map(...) gives the numbers of a list, over samples."
    )


def one_by_one(title: str, function: Callable[..., Any], samples: Batch) -> Any:
    """The results for all samples, without a recording; Values, if another function is recorded."""
    found: list[Value] = []
    shapes: list[tuple[int, ...]] = []
    for place in range(samples.size):
        args, _ = as_values(*samples.sample(place))
        values, shape = outputs_of(title, function(*args))
        found += values
        shapes.append(shape)
    whole = (samples.size, *one_shape(title, shapes))
    if not is_traced():
        return np.array([value.data for value in found]).reshape(whole)
    array = np.empty(len(found), object)
    array[:] = found
    return array.reshape(whole)


def one_shape(title: str, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape of the results for all samples.

    Raises:
        CompilationError: they differ in it.
    """
    if len(set(shapes)) > 1:
        raise CompilationError(
            f"{title} returned results of shapes {_listed(shapes)} for different samples, which "
            "map cannot put into one array. Return as many numbers for every sample."
        )
    return shapes[0]


def _listed(shapes: list[tuple[int, ...]]) -> str:
    """The first two shapes that differ."""
    return f"{shapes[0]} and {next(shape for shape in shapes if shape != shapes[0])}"
