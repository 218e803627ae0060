"""Derivatives by finite differences, which know no rules: what `check_gradients` compares with.

Central differences are taken at many steps, from a part of the number down to its last digits, and
extrapolated. Whatever the scale of the function is, some of them are good; how good follows from
how well neighbours agree and from the digits that the function has. Where none are good, as at a
kink or at the edge of a domain, that is said.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import isfinite
from typing import NamedTuple

RealFunction = Callable[[float], float]

_RATIO = 4.0
"""Each step is so many times shorter than the one before."""
_FEWEST, _MOST = 8, 26
"""Steps."""
_EXTRAPOLATIONS = 5


def extrapolated_difference(function: RealFunction, x: float, step: float | None = None) -> float:
    """The derivative of a function of one float, by extrapolated central differences.

    Args:
        function: takes and gives a float.
        x: where.
        step: the longest step; if left out, about a quarter of x.

    Returns:
        The best estimate; nan if the function is never finite on both sides of x.

    >>> from glassgrad import extrapolated_difference
    >>> round(extrapolated_difference(lambda x: x**3, 2.0), 9)
    12.0
    """
    return best_estimate(differences(function, x, step)).value


EDGE, KINK, UNSETTLED = "edge", "kink", "unsettled"
"""Why differences may tell no derivative: the function is not finite on both sides however near, as
outside its domain; its slopes to the left and to the right differ; or they grow, as at a jump."""


class Finding(NamedTuple):
    """What differences tell of a derivative.

    Attributes:
        estimate: of the derivative, good or not.
        doubt: "" if it is good; else why it is not: `EDGE`, `KINK` or `UNSETTLED`.
    """

    estimate: Estimate
    doubt: str

    def error_of(self, exact: float) -> float:
        """The relative error of a derivative, beyond what the differences may be wrong by."""
        value, error, *_ = self.estimate
        largest = max(abs(exact), abs(value)) or 1.0
        return max(abs(exact - value) - 4.0 * error, 0.0) / largest


def finding(function: RealFunction, x: float) -> Finding:
    """The derivative of a function of one float by differences, and whether to trust it.

    >>> from glassgrad.engine.differences import finding
    >>> finding(abs, 0.0).doubt, round(finding(abs, -2.0).estimate.value, 9)
    ('kink', -1.0)
    """
    found = differences(function, x)
    estimate = best_estimate(found)
    if not isfinite(estimate.value):
        return Finding(estimate, EDGE)
    if is_kink(found):
        return Finding(estimate, KINK)
    return Finding(estimate, "" if estimate.is_settled else UNSETTLED)


def differences(
    function: RealFunction, x: float, step: float | None = None
) -> list[Difference | None]:
    """The differences at shorter and shorter steps, until they leave no doubt; longest first.

    None stands where the function is not finite.
    """
    found: list[Difference | None] = []
    for difference in _all_differences(function, x, step):
        found.append(difference)
        if len(found) >= _FEWEST and not is_kink(found) and best_estimate(found).is_final:
            break
    return found


class Estimate(NamedTuple):
    """A derivative.

    Attributes:
        value: of the derivative.
        error: how far from the true one it may be.
        noise: the part of the error that comes from rounding.
        steepest: the largest slope met on the way.
    """

    value: float
    error: float
    noise: float
    steepest: float

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


class Difference(NamedTuple):
    """What the values at x - step, x and x + step tell.

    Attributes:
        slope: the central difference.
        noise: how far rounding of the values may change it.
        bend: the slope to the right less the slope to the left.
        bend_noise: how far rounding may change that.
    """

    slope: float
    noise: float
    bend: float
    bend_noise: float


def _all_differences(
    function: RealFunction, x: float, step: float | None
) -> Iterator[Difference | None]:
    # A step of few binary digits, so that x + step and x - step are exact.
    step = step or math.ldexp(0.6875, math.frexp(max(abs(x), 0.1))[1] - 2)
    middle = function(x)
    for _ in range(_MOST):
        right, left = x + step, x - step
        if not left < x < right:
            return
        above, below = function(right), function(left)
        outer = max(abs(above), abs(below))
        size = max(outer, abs(middle))
        rounding = 2.0 * sys.float_info.epsilon / step
        bend = ((above - middle) - (middle - below)) / step
        slope = (above - below) / (right - left)
        found = Difference(slope, rounding * outer, bend, rounding * size)
        yield found if isfinite(size) else None
        step /= _RATIO


def best_estimate(found: Sequence[Difference | None]) -> Estimate:
    """The estimate of the least error among the sharp ones; of the least error, if none is sharp.

    Source: L. F. Richardson, "The deferred approach to the limit", 1927; the error of an estimate
    is taken from its neighbours as in C. J. F. Ridders, 1982.
    """
    best = Estimate(math.nan, math.inf, 0.0, 0.0)
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
            estimate = Estimate(row[-1], error, difference.noise, steepest)
            if (not estimate.is_sharp, error) < (not best.is_sharp, best.error):
                best = estimate
    return best


def is_kink(found: Sequence[Difference | None]) -> bool:
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
