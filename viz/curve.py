"""The points of a curve, with a gap wherever it jumps or has a pole.

Whether it does is asked of the function itself: over ever shorter pieces, the change of a
continuous function becomes small, that of a jump stays, and that of a pole grows. Between two of
the 401 points one jump or pole is found: of functions that jump more often than that, such as
floor(500 * x) over an interval of length 4, some jumps are joined, and a jump and its opposite
between the same two points are not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import isfinite, nan

_POINTS = 401
_VISIBLE = 1e-3
"""A change of less than this share of the curve's height cannot be seen."""
_ROUNDING = 1e-9
"""A change of less than this share of the largest number may be of rounding alone."""
_SHRINKS = 0.3
"""To this share of itself a change falls over shorter pieces, if the curve is continuous. At a jump
with a point halfway up it falls to a half, once."""
_HALVINGS = 50
"""So often can the distance between two points be halved until there is no float between."""
_POLE = 1e6
"""By so much a curve is higher between two points than at them, if it has a pole there."""

Function = Callable[[float], float]


def curve_points(function: Function, low: float, high: float) -> tuple[list[float], list[float]]:
    """The curve as xs and ys; between two points that no line should join there is a nan."""
    xs = [low + (high - low) * i / (_POINTS - 1) for i in range(_POINTS)]
    ys = [y if isfinite(y := function(x)) else nan for x in xs]
    least = _least_change([y for y in ys if isfinite(y)])
    drawn = [(xs[0], ys[0])]
    for i, (a, b) in enumerate(pairwise(xs)):
        is_top = _is_top([abs(y) for y in ys[max(i - 1, 0) : i + 3]])
        if jumps(function, a, b, least) or (is_top and has_pole(function, a, b)):
            drawn.append(((a + b) / 2, nan))
        drawn.append((b, ys[i + 1]))
    return [x for x, _ in drawn], [y for _, y in drawn]


def _least_change(ys: list[float]) -> float:
    if not ys:
        return 0.0
    return max(_VISIBLE * (max(ys) - min(ys)), _ROUNDING * max(map(abs, ys)))


def _is_top(heights: list[float]) -> bool:
    """Whether of four heights side by side the two in the middle are the highest."""
    return len(heights) == 4 and heights[0] < heights[1] and heights[2] > heights[3]


def jumps(function: Function, a: float, b: float, least: float) -> bool:
    """Whether a curve jumps from `a` to `b`, or has a pole where its sign changes.

    A change of no more than `least` is none.
    """
    before, after = function(a), function(b)
    while a < (middle := (a + b) / 2) < b:
        y = function(middle)
        changes = abs(y - before), abs(after - y)
        if not all(map(isfinite, changes)):
            return True
        if max(changes) <= least:
            return False
        least = max(least, _SHRINKS * max(changes))
        if changes[0] >= changes[1]:
            b, after = middle, y
        else:
            a, before = middle, y
    return True


def has_pole(function: Function, a: float, b: float) -> bool:
    """Whether a curve has a pole between two points as that of 1 / x²: up and down again."""
    highest = _POLE * max(abs(function(a)), abs(function(b)))
    for _ in range(_HALVINGS):
        middle = (a + b) / 2
        left, right = (a + middle) / 2, (middle + b) / 2
        heights = [abs(function(x)) for x in (a, left, middle, right, b)]
        if not all(y < highest for y in heights):  # a nan is not either
            return True
        around = [(a, middle), (a, middle), (left, right), (middle, b), (middle, b)]
        a, b = around[heights.index(max(heights))]
    return False
