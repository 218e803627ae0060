"""Check gradients against finite differences, for functions and rules of your own.

The differences are in `differences.py`. They are nearly always good to ten digits, and say where
they are not; so a derivative that is wrong in the seventh digit is caught.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, NamedTuple

from engine.differences import best_estimate, differences, is_kink
from engine.errors import GradientMismatchError
from engine.functional import value_and_grad
from engine.gradient import grad
from engine.value import Value, as_value


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
        xs: the point, as real numbers.
        order: 1 checks the gradient, 2 also the gradient of the gradient, and so on.
        tolerance: the largest relative error allowed, beyond that of the differences.

    Returns:
        The largest relative error found.

    Raises:
        GradientMismatchError: names the argument, the derivative and the difference quotient; or
            says why there is nothing to compare with, as at a kink or at the edge of the domain.

    >>> from engine import check_gradients, tanh
    >>> check_gradients(lambda x, y: tanh(x * y), [0.5, 2.0], order=2) < 1e-7
    True
    """
    point = [as_value(x, "check_gradients").data for x in xs]
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


def _compare(
    exact: float, section: Callable[[float], float], x: float, tolerance: float, place: str
) -> float:
    """The relative error of a derivative, beyond that of the differences.

    Raises:
        GradientMismatchError: it is too large, or the differences have no end to compare with.
    """
    found = differences(section, x)
    estimate = best_estimate(found)
    problem = ""
    largest = max(abs(exact), abs(estimate.value))
    error = max(abs(exact - estimate.value) - 4.0 * estimate.error, 0.0) / (largest or 1.0)
    if not (isfinite(exact) and isfinite(estimate.value)):
        problem = "the point is outside the domain or at its edge. Move it inside"
    elif is_kink(found):
        problem = "the slopes to its left and right differ. Move the point away from the kink"
    elif not estimate.is_settled:
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
