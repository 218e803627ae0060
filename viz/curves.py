"""The points of a curve, with a gap where it jumps or has a pole.

Whether it does is asked of the function itself: over ever shorter pieces the change of a continuous
function becomes small, that of a jump stays, and that of a pole grows. Between two of the 401
points one jump or pole is found: of functions that jump more often, such as floor(500 * x) over an
interval of length 4, some jumps are joined, and a jump and its opposite between the same two points
are not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import isfinite, nan

Function = Callable[[float], float]
_POINTS = 401
_VISIBLE = 1e-3  # a change of less than this share of the curve's height cannot be seen
_ROUNDING = 1e-9  # a change of less than this share of the largest number may be of rounding alone
_SHRINKS = 0.3
"""To this share of itself a change falls over shorter pieces, if the curve is continuous. At a jump
with a point halfway up it falls to a half, once."""
_HALVINGS = 50
"""So often can the distance between two points be halved until there is no float between."""
_POLE = 1e6  # by so much a curve is higher between two points than at them, if it has a pole there


def curve_points(function: Function, low: float, high: float) -> tuple[list[float], list[float]]:
    """The curve as xs and ys; between two points that no line should join there is a nan."""
    xs = [low + (high - low) * i / (_POINTS - 1) for i in range(_POINTS)]
    ys = [y if isfinite(y := function(x)) else nan for x in xs]
    finite = [y for y in ys if isfinite(y)] or [0.0]
    height, largest = max(finite) - min(finite), max(map(abs, finite))
    least = max(_VISIBLE * height, _ROUNDING * largest)
    drawn = [(xs[0], ys[0])]
    for i, (a, b) in enumerate(pairwise(xs)):
        before, *_, after = ys[i - 1 : i + 3] if 0 < i < _POINTS - 2 else (nan, nan)
        is_top = abs(before) < abs(ys[i]) and abs(ys[i + 1]) > abs(after)
        if _jumps(function, a, b, least) or (is_top and _has_pole(function, a, b)):
            drawn.append(((a + b) / 2, nan))
        drawn.append((b, ys[i + 1]))
    return [x for x, _ in drawn], [y for _, y in drawn]


def _jumps(function: Function, a: float, b: float, least: float) -> bool:
    """Whether a curve jumps by more than `least`, or has a pole where its sign changes."""
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


def _has_pole(function: Function, a: float, b: float) -> bool:
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
