"""What a function gives: one Value for a call; for a sample in `map`, numbers nested in lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from glassgrad.engine.arrays import check_unmasked
from glassgrad.engine.compile.arguments import Batch, as_values
from glassgrad.engine.context import is_traced
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.text import describe
from glassgrad.engine.value import Value, constant

Shape = tuple[int, ...]
_DEEPEST = 30
"""Arrays of numpy have hardly more axes."""


def outputs_of(title: str, result: Any, depth: int = _DEEPEST) -> tuple[list[Value], Shape]:
    """The Values of a result, one after the other, and its shape: () for a Value or a number, one
    length more for each level of lists, tuples and arrays around them.
    """
    check_unmasked(result, f"The result of {title}")
    if isinstance(result, np.ndarray) and result.ndim == 0:
        result = result.item()
    if isinstance(result, Value):
        return [result], ()
    if is_real(result):
        return [constant(real(result, f"{title}.map(...)"))], ()
    if not isinstance(result, (list, tuple, np.ndarray)) or len(result) == 0 or not depth:
        raise CompilationError(
            f"{title} returned {describe(result)}. For map a function returns a Value, a number, "
            "or lists of them, which are not empty."
        )
    parts = [outputs_of(title, part, depth - 1) for part in result]
    shape = one_shape(title, [shape for _, shape in parts])
    return [value for values, _ in parts for value in values], (len(parts), *shape)


def one_value(title: str, result: Any) -> Value:
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
    shapes: list[Shape] = []
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


def one_shape(title: str, shapes: list[Shape]) -> Shape:
    """The shape of the parts of a list, or of the results for all samples."""
    first = shapes[0]
    for shape in shapes:
        if shape != first:
            raise CompilationError(
                f"{title} returned results of shapes {first} and {shape}, which map cannot put "
                "into one array. Return as many numbers in every list, and for every sample."
            )
    return first
