"""Check gradients against finite differences, for functions and rules of your own.

Differences are extrapolated (Ridders' method), which leaves an error near 1e-10 where plain
central differences leave 1e-6; so a derivative that is wrong in the fifth digit is caught.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

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
        tolerance: the largest relative error allowed (absolute below 1).

    Returns:
        The largest relative error found.

    Raises:
        GradientMismatchError: names the argument, the derivative and the difference quotient.

    Source: C. J. F. Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", 1982.

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
        approximate = extrapolated_difference(_section(function, point, index), point[index])
        error = abs(exact - approximate) / max(1.0, abs(approximate))
        if not error <= tolerance:
            raise GradientMismatchError(
                f"The derivative of {_title(function)} by argument {index} at {point} is "
                f"{exact!r}, but finite differences give {approximate:.10g} "
                f"(relative error {error:.1e}, allowed {tolerance:.1e})."
            )
        worst = max(worst, error)
        if order > 1:
            gradient = _partial_derivative(function, index)
            worst = max(
                worst, check_gradients(gradient, point, order=order - 1, tolerance=tolerance * 10)
            )
    return worst


def extrapolated_difference(
    function: Callable[[float], float], x: float, step: float | None = None
) -> float:
    """The derivative of a function of one float by Ridders' extrapolated central differences.

    >>> from engine import extrapolated_difference
    >>> round(extrapolated_difference(lambda x: x**3, 2.0), 9)
    12.0
    """
    step = step or 0.1 * max(abs(x), 0.1)
    rows: list[list[float]] = []
    best, smallest_error = float("nan"), float("inf")
    for _ in range(10):
        row = [(function(x + step) - function(x - step)) / (2.0 * step)]
        factor = 1.96
        for previous in rows[-1] if rows else []:
            row.append((row[-1] * factor - previous) / (factor - 1.0))
            factor *= 1.96
            error = max(abs(row[-1] - row[-2]), abs(row[-1] - previous))
            if error < smallest_error:
                best, smallest_error = row[-1], error
        rows.append(row)
        step /= 1.4
    return best


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
