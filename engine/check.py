"""Check gradients against finite differences, for functions and operations of your own.

Differences know no rules. They are taken at many steps, from a part of the number down to its last
digits, and extrapolated: nearly always to ten digits, so that a derivative wrong in the seventh is
caught. How good they are follows from how well neighbours agree and from the digits that the
function has. Where they are not, as at a kink, at the edge of a domain or where nudges are lost in
rounding, that is said.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from glassgrad.engine.backward import topological_order
from glassgrad.engine.context import recording
from glassgrad.engine.errors import GradientMismatchError
from glassgrad.engine.gradient import grad, value_and_grad
from glassgrad.engine.misuse import other_signature, real
from glassgrad.engine.op import Operation
from glassgrad.engine.text import counted, describe, function_name, told
from glassgrad.engine.tree import is_sequence
from glassgrad.engine.value import Value, as_value

RealFunction = Callable[[float], float]

_EPSILON, _SMALLEST = sys.float_info.epsilon, 5e-324


def check_gradients(
    function: Callable[..., Any], xs: Sequence[Any], *, order: int = 1, tolerance: float = 1e-7
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
            says why there is nothing to compare with: a kink, the edge of the domain, or a function
            that nudges of its argument do not move in the digits it has.

    >>> from glassgrad import check_gradients, tanh
    >>> check_gradients(lambda x, y: tanh(x * y), [0.5, 2.0], order=2) < 1e-7
    True
    """
    if not callable(function) or not is_sequence(xs):
        given = f"{describe(function)} and {told(xs)}"
        problem = f"check_gradients takes a function and a list of numbers, not {given}."
        raise TypeError(f"{problem} Write check_gradients(f, [1.0, 2.0]).")
    xs = list(xs)
    if not xs:
        raise ValueError("check_gradients takes at least one number: there is nothing to compare.")
    if other_signature(function, len(xs)) or any(map(is_sequence, xs)):
        raise TypeError(
            f"check_gradients calls {function_name(function)} with {counted(len(xs), 'argument')}, "
            "each a number, which it does not take. For a function of one list write "
            "check_gradients(lambda *xs: f(xs), [1.0, 2.0])."
        )
    point = [as_value(x, "check_gradients").data for x in xs]
    if order not in range(1, 100):
        raise ValueError(f"order is 1 for the gradient, 2 for its gradient too, not {told(order)}.")
    tolerance = real(tolerance, "tolerance")
    if not tolerance >= 0.0:  # a comparison with nan would let every error pass
        raise ValueError(f"tolerance is a relative error of at least 0, not {told(tolerance)}.")
    # It may take no plain numbers, but those that it is called with.
    of_leaves = lambda *xs: function(*[x if isinstance(x, Value) else Value(x) for x in xs])
    with recording():
        worst = _worst_error(of_leaves, function_name(function), point, tolerance, order)
    if isinstance(function, Operation) and function.is_checked:
        _check_arrays(function, point)
    return worst


def _check_arrays(operation: Operation, point: list[float]) -> None:
    """Compare the function for arrays with that for floats, on arrays of two equal numbers each."""
    value = operation.forward(tuple(point))
    found = np.asarray(operation.on_arrays(*[np.full(2, x) for x in point]))
    if found.shape != (2,) or not np.allclose(found, value, rtol=1e-9, atol=0.0, equal_nan=True):
        raise GradientMismatchError(
            f"{operation.name} is {value!r} at {point}, but its function for arrays gives "
            f"{told(found.tolist())} for arrays of these numbers, two in each. It takes an array "
            "for each operand and computes element by element; None in its place calls the other."
        )


def _worst_error(
    function: Callable[..., Any], title: str, point: list[float], tolerance: float, order: int
) -> float:
    """The largest relative error of the derivatives by all arguments, up to an order."""
    leaves = [Value(x) for x in point]
    y = as_value(function(*leaves), title)
    worst, rounding = 0.0, _rounding(y)
    gradient = value_and_grad(function, argnums=range(len(point)))
    for i, exact in enumerate(grad(y, leaves)):

        def along(x: float, i: int = i) -> float:
            return as_value(function(*point[:i], x, *point[i + 1 :]), title).data

        found = finding(along, point[i], exact, rounding)
        problem = _problem(exact, found, tolerance)
        if problem:
            raise GradientMismatchError(
                f"The derivative of {title} by argument {i} at {point} is {exact!r}, "
                f"but finite differences give {found.value:.10g}: {problem}."
            )
        worst = max(worst, found.error_of(exact))
        if order > 1:
            derivative = lambda *xs, i=i: gradient(*xs)[1][i]
            its_title = f"the derivative of {title} by argument {i}"
            error = _worst_error(derivative, its_title, point, tolerance * 10, order - 1)
            worst = max(worst, error)
    return worst


def _rounding(y: Value) -> float:
    nodes = [node for node in topological_order(y) if node.parents]
    operands = [[parent.data for parent in node.parents] for node in nodes]
    return rounding_error(zip(grad(y, nodes), [node.data for node in nodes], operands))


def _problem(exact: float, found: Finding, tolerance: float) -> str:
    """Why a derivative is not confirmed; "" if it is."""
    if not isfinite(exact) or found.doubt == EDGE:
        return "the point is outside the domain or at its edge. Move it inside"
    if found.doubt == KINK:
        return "the slopes to its left and right differ. Move the point away from the kink"
    if found.doubt == UNSETTLED:
        return f"they do not settle (±{found.error:.1e}). Look whether the function is continuous"
    if found.doubt == LOST and found.error > _TELLING * found.around:
        lost = f"nudges are lost in the rounding of the result (±{found.error:.1e})"
        return f"{lost}. Check at a point where it moves more"
    error = found.error_of(exact)
    return f"relative error {error:.1e}, allowed {tolerance:.1e}" if error > tolerance else ""


# Finite differences.


def rounding_error(nodes: Iterable[tuple[float, float, Sequence[float]]]) -> float:
    """About how far the roundings of all nodes may move a result: of each the slope of the result
    by it, its number, and those of its operands. It is much where large numbers cancel.
    """
    rounded = [
        abs(slope * number) * _EPSILON
        for slope, number, operands in nodes
        if len(operands) != 1 or abs(operands[0]) != abs(number)  # to hand on rounds nothing
    ]
    return sum(filter(isfinite, rounded))


EDGE, KINK, UNSETTLED, LOST = "edge", "kink", "unsettled", "lost"
"""Why differences may tell no derivative: the function is not finite on both sides however near, as
outside its domain; its slopes to the left and to the right differ; or they grow, as at a jump; or
what nudges change is lost in the rounding of its values."""

_RATIO = 4.0  # each step is so many times shorter than the one before
_FEWEST, _MOST = 8, 26  # steps
_EXTRAPOLATIONS = 5
_TELLING = 0.05  # the relative error up to which differences tell something of a derivative
_NEAR_ZERO = 0.1  # numbers smaller than this are first moved by as much as this one


class Finding(NamedTuple):
    """What differences tell of a derivative."""

    value: float  # the estimate of the derivative, good or not
    error: float  # how far from the true one it may be
    around: float  # how steep the function is at the longest step, to the left or to the right
    doubt: str  # "" if it is good; else why it is not: EDGE, KINK, UNSETTLED or LOST

    def error_of(self, exact: float) -> float:
        """The relative error of a derivative, beyond what the differences may be wrong by."""
        largest = max(abs(exact), abs(self.value)) or 1.0
        return max(abs(exact - self.value) - 4.0 * self.error, 0.0) / largest


def finding(
    function: RealFunction, x: float, expected: float | None = None, rounding: float = 0.0
) -> Finding:
    """The derivative of a function of one float by differences, and whether to trust it.

    An estimate that agrees with what is `expected`, if that is known, but with 0 as well, tells
    nothing. The result is known up to `rounding`, which is at least its last digit.
    """
    found = _finding(function, x, expected, rounding, _quarter(max(abs(x), _NEAR_ZERO)))
    if found.doubt and 0.0 < abs(x) < _NEAR_ZERO:
        nearer = _finding(function, x, expected, rounding, _quarter(abs(x)))
        return found if nearer.doubt else nearer
    return found


def _quarter(size: float) -> float:
    """A step of few binary digits, so that x + step and x - step are exact.

    Its multiples by powers of 2 keep away from those of π, with which sine and cosine repeat.
    """
    return math.ldexp(0.71875, math.frexp(size)[1] - 2)


def _finding(
    function: RealFunction, x: float, expected: float | None, rounding: float, step: float
) -> Finding:
    differences = _differences(function, x, rounding, step)
    best = _best_estimate(differences)
    slopes = [abs(d.slope) + abs(d.bend) for d in differences if d]
    doubt = ""
    if not isfinite(best.value):
        doubt = EDGE
    elif _is_kink(differences):
        doubt = KINK
    elif not best.is_settled:
        doubt = UNSETTLED
    elif expected and not best.is_sharp:
        agrees = abs(expected - best.value) <= 4.0 * best.error
        doubt = LOST if agrees and best.error > _TELLING * abs(expected) else ""
    elif not any(slopes):
        doubt = LOST if 0.0 < _slope_afar(function, x, step) < best.error else ""
    return Finding(best.value, best.error, slopes[0] if slopes else 0.0, doubt)


def _slope_afar(function: RealFunction, x: float, step: float) -> float:
    """How steep a function is that does not move nearby, where it first moves; 0 if nowhere."""
    middle = function(x)
    while isfinite(step := step * 2.0**32):
        for moved in (x - step, x + step):
            try:
                change = abs(function(moved) - middle)
            except Exception:  # it need not take such numbers at all
                return 0.0
            if isfinite(change) and change:
                return change / step
    return 0.0


class _Difference(NamedTuple):
    """What the values at x - step, x and x + step tell."""

    slope: float  # the central difference
    noise: float  # how far rounding of the values may change it
    bend: float  # the slope to the right less the slope to the left
    bend_noise: float  # how far rounding may change that


def _differences(
    function: RealFunction, x: float, rounding: float, step: float
) -> list[_Difference | None]:
    """The differences at shorter and shorter steps, until they leave no doubt; longest first.

    None stands where the function is not finite.
    """
    found: list[_Difference | None] = []
    middle = function(x)
    while len(found) < _MOST and x - step < x < x + step:
        right, left = x + step, x - step
        above, below = function(right), function(left)
        outer, inner = max(abs(above), abs(below)), abs(middle)
        share = outer / inner if outer < inner else 1.0  # smaller values are rounded by less
        noise = 2.0 * max(rounding * share, _EPSILON * outer, _SMALLEST) / step
        bend_noise = 2.0 * max(rounding, _EPSILON * max(outer, inner), _SMALLEST) / step
        bend = ((above - middle) - (middle - below)) / step
        difference = _Difference((above - below) / (right - left), noise, bend, bend_noise)
        found.append(difference if all(map(isfinite, difference)) else None)
        if len(found) >= _FEWEST and not _is_kink(found) and _best_estimate(found).is_final:
            break
        step /= _RATIO
    return found


class _Estimate(NamedTuple):
    """An estimate of a derivative."""

    value: float
    error: float  # how far from the true one it may be
    noise: float  # how much of that is rounding
    steepest: float  # the largest slope met up to it

    @property
    def is_sharp(self) -> bool:
        """Whether its first digits are certain."""
        return self.error <= 1e-6 * abs(self.value)

    @property
    def is_settled(self) -> bool:
        """Whether it is sharp, or zero as far as the digits of the function tell."""
        return self.is_sharp or self.error <= max(100.0 * self.noise, 1e-6 * self.steepest)

    @property
    def is_final(self) -> bool:
        """Whether shorter steps cannot make it better."""
        return self.error <= max(1e-12 * abs(self.value), 2.0 * self.noise)


def _best_estimate(found: Sequence[_Difference | None]) -> _Estimate:
    """The estimate of the least error among the sharp ones; of the least error, if none is sharp.

    Source: L. F. Richardson, "The deferred approach to the limit", 1927; the error of an estimate
    is taken from its neighbours as in C. J. F. Ridders, 1982.
    """
    best = _Estimate(math.nan, math.inf, 0.0, 0.0)
    row: list[float] = []
    steepest = 0.0
    for difference in found:
        if difference is None:
            row = []
            continue
        steepest = max(steepest, abs(difference.slope))
        previous, row, weight = row, [difference.slope], 1.0
        for coarser in previous[:_EXTRAPOLATIONS]:
            weight *= _RATIO**2
            finer = row[-1]
            row.append(finer + (finer - coarser) / (weight - 1.0))
            error = max(abs(row[-1] - finer), abs(row[-1] - coarser)) + difference.noise
            estimate = _Estimate(row[-1], error, difference.noise, steepest)
            if (not estimate.is_sharp, error) < (not best.is_sharp, best.error):
                best = estimate
    return best


def _is_kink(found: Sequence[_Difference | None]) -> bool:
    """Whether the slopes to the left and to the right stay different, however short the step.

    Where the function is smooth, their difference shrinks with the step, until it is lost in noise.
    """
    ratios = [0.0]
    for longer, shorter in pairwise(found):
        if longer and shorter and shorter.bend_noise < 0.01 * abs(longer.bend):
            ratios.append(abs(shorter.bend / longer.bend))
        elif len(ratios) > 1:
            break
    return all(0.6 < ratio < 1.6 for ratio in ratios[-3:])
