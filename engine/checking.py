"""Check gradients against finite differences, for functions and rules of your own.

The differences are in `differences.py`. They are nearly always good to ten digits, and say where
they are not; so a derivative that is wrong in the seventh digit is caught.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from math import isfinite
from typing import Any, NamedTuple

from glassgrad.engine.differences import EDGE, KINK, UNSETTLED, finding
from glassgrad.engine.errors import GradientMismatchError
from glassgrad.engine.functional import value_and_grad
from glassgrad.engine.gradient import grad
from glassgrad.engine.misuse import real
from glassgrad.engine.text import describe, told
from glassgrad.engine.value import Value, as_value

_MOST_ORDERS = 100


def check_gradients(
    function: Callable[..., Any],
    xs: Sequence[Any],
    *,
    order: int = 1,
    tolerance: float = 1e-7,
) -> float:
    """Compare the derivatives of a function with finite differences.

    Args:
        function: takes as many Values as there are `xs` and gives one Value.
        xs: the point, as a list of real numbers, one for each argument of the function. For a
            function of one list give `lambda *xs: function(xs)`.
        order: 1 checks the gradient, 2 also the gradient of the gradient, and so on.
        tolerance: the largest relative error allowed, beyond that of the differences.

    Returns:
        The largest relative error found.

    Raises:
        GradientMismatchError: names the argument, the derivative and the difference quotient; or
            says why there is nothing to compare with, as at a kink or at the edge of the domain.
        TypeError: the first argument is no function, the second no list of real numbers, the
            tolerance no real number, or the function takes more or fewer arguments than there are
            numbers.
        ValueError: there is no number, no such order, or the tolerance is nan or negative.

    >>> from glassgrad import check_gradients, tanh
    >>> check_gradients(lambda x, y: tanh(x * y), [0.5, 2.0], order=2) < 1e-7
    True
    """
    point = _checked_point(function, xs)
    if order not in range(1, _MOST_ORDERS):
        raise ValueError(f"order is 1 for the gradient, 2 for its gradient too, not {told(order)}.")
    tolerance = _checked_tolerance(tolerance)
    worst = 0.0
    for index in range(len(point)):
        derivative = _along(function, point, index)
        exact = grad(derivative.result, derivative.argument, differentiable=order > 1)
        exact = exact.data if isinstance(exact, Value) else exact
        place = f"The derivative of {_title(function)} by argument {index} at {point}"
        worst = max(
            worst, _compare(exact, _section(function, point, index), point[index], tolerance, place)
        )
        if order > 1:
            gradient = _partial_derivative(function, index)
            worst = max(
                worst, check_gradients(gradient, point, order=order - 1, tolerance=tolerance * 10)
            )
    return worst


def _checked_point(function: Callable[..., Any], xs: Sequence[Any]) -> list[float]:
    """The point as floats, if the function can be called with it.

    Raises:
        TypeError: it cannot; the message says how to write the call.
        ValueError: the point is empty.
    """
    if not callable(function):
        problem = f"check_gradients takes a function first, not {describe(function)}."
        raise TypeError(f"{problem} Write check_gradients(f, [1.0, 2.0]).")
    if isinstance(xs, _NO_LISTS) or not isinstance(xs, Iterable):
        problem = f"check_gradients takes a list of numbers as the point, not {told(xs)}."
        raise TypeError(f"{problem} Write check_gradients(f, [1.0]) for a function of one number.")
    listed = list(xs)
    if not listed:
        raise ValueError("check_gradients takes at least one number: there is nothing to compare.")
    if any(isinstance(x, Iterable) and not isinstance(x, str) for x in listed):
        raise TypeError(f"check_gradients takes one number per argument, no lists. {_ONE_LIST}")
    point = [as_value(x, "check_gradients").data for x in listed]
    _check_takes(function, len(point))
    return point


_NO_LISTS = (Value, str, bytes, bytearray, Mapping, Set)
"""They can be iterated over, but are no point; the numbers of a set have no order."""
_ONE_LIST = "For a function of one list write check_gradients(lambda *xs: f(xs), [1.0, 2.0])."


def _checked_tolerance(tolerance: float) -> float:
    """The tolerance as a float, if an error can be compared with it."""
    number = real(tolerance, "tolerance")
    if not number >= 0.0:  # a comparison with nan would let every error pass
        raise ValueError(f"tolerance is a relative error of at least 0, not {told(tolerance)}.")
    return number


def _check_takes(function: Callable[..., Any], count: int) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:  # a builtin function may not say what it takes
        return
    try:
        signature.bind(*[None] * count)
    except TypeError:
        raise TypeError(
            f"check_gradients calls the function with one argument per number, {count} in all, "
            f"but {_title(function)} takes {signature}. {_ONE_LIST}"
        ) from None


def _compare(
    exact: float, section: Callable[[float], float], x: float, tolerance: float, place: str
) -> float:
    """The relative error of a derivative, beyond that of the differences.

    Raises:
        GradientMismatchError: it is too large, or the differences have no end to compare with.
    """
    found = finding(section, x)
    estimate, error = found.estimate, found.error_of(exact)
    problem = ""
    if not isfinite(exact) or found.doubt == EDGE:
        problem = "the point is outside the domain or at its edge. Move it inside"
    elif found.doubt == KINK:
        problem = "the slopes to its left and right differ. Move the point away from the kink"
    elif found.doubt == UNSETTLED:
        problem = f"they do not settle (±{estimate.error:.1e}). Is the function continuous?"
    elif error > tolerance:
        problem = f"relative error {error:.1e}, allowed {tolerance:.1e}"
    if problem:
        raise GradientMismatchError(
            f"{place} is {exact!r}, but finite differences give {estimate.value:.10g}: {problem}."
        )
    return error


class _Section(NamedTuple):
    """The function along one argument, the others fixed."""

    result: Value
    argument: Value


def _along(
    function: Callable[..., Any], point: Sequence[float], index: int, x: float | None = None
) -> _Section:
    arguments = [Value(number) for number in point]
    if x is not None:
        arguments[index] = Value(x)
    result = as_value(function(*arguments), f"The result of {_title(function)}")
    return _Section(result, arguments[index])


def _section(
    function: Callable[..., Any], point: Sequence[float], index: int
) -> Callable[[float], float]:
    return lambda x: _along(function, point, index, x).result.data


def _partial_derivative(function: Callable[..., Any], index: int) -> Callable[..., Value]:
    def derivative(*arguments: Value) -> Any:
        gradients = value_and_grad(function)(*arguments)[1]
        return gradients[index] if len(arguments) > 1 else gradients

    derivative.__name__ = f"the derivative of {_title(function)} by argument {index}"
    return derivative


def _title(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
