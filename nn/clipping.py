"""Clipping: gradients that are too large are made smaller before a step.

One sample at a steep place can throw parameters far away; a limit on the gradients keeps the step
short (Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks",
2013). Call it between `backward()` and `step()`, as the functions of `torch.nn.utils`; a gradient
that has not been computed ("–") stays so. The others do the same on arrays, for `fit`. Both raise:

    TypeError: there is something else than Values, or a limit is no real number.
    ValueError: a limit is negative or nan.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, isfinite, nan, sqrt

import numpy as np

from glassgrad.engine import Value, assign_grad, computed_gradients
from glassgrad.engine.misuse import real
from glassgrad.engine.text import describe
from glassgrad.engine.vectors import Vector
from glassgrad.nn.checks import number_that

_MARGIN = 1e-6
"""What `torch.nn.utils.clip_grad_norm_` adds to the norm, so that it never divides by 0."""


def clip_grad_norm(parameters: Iterable[Value], max_norm: float) -> float:
    """Scale all gradients by one factor, so that their norm is `max_norm` at most; the norm before.

    The direction stays. The factor is max_norm / (norm + 1e-6), if that is below 1; the norm is the
    Euclidean one of all gradients as one vector, without overflow on the way. A norm that is
    infinite since a gradient is makes the others 0 and that one nan; one that is nan makes all nan,
    as in PyTorch. A limit of infinity measures the norm: unless it is nan, nothing changes.

    >>> from glassgrad import Value, clip_grad_norm
    >>> x, y = Value(0.0), Value(0.0)
    >>> (30.0 * x + 40.0 * y).backward()
    >>> clip_grad_norm([x, y], max_norm=1.0)
    50.0
    >>> round(x.grad, 6), round(y.grad, 6)
    (0.6, 0.8)
    """
    values, gradients = _with_gradients("clip_grad_norm", parameters)
    clipped, norm = clipped_by_norm(gradients, _limit(max_norm, "clip_grad_norm(max_norm=...)"))
    assign_grad(values, clipped)
    return norm


def clip_grad_value(parameters: Iterable[Value], limit: float) -> None:
    """Cut every gradient off at -limit and limit: the direction changes. One of nan stays.

    >>> from glassgrad import Value, clip_grad_value
    >>> x = Value(3.0)
    >>> (x * x).backward()
    >>> clip_grad_value([x], limit=5.0)
    >>> x.grad
    5.0
    """
    values, gradients = _with_gradients("clip_grad_value", parameters)
    most = _limit(limit, "clip_grad_value(limit=...)")
    assign_grad(values, np.clip(gradients, -most, most))


def clipped_by_norm(gradients: Vector, limit: float) -> tuple[Vector, float]:
    """`clip_grad_norm` on an array: the clipped gradients, a new array, and the norm before."""
    largest, relative = _norm_in_parts(gradients)
    norm = largest * relative
    if norm + _MARGIN <= limit and isfinite(norm):
        return gradients.copy(), norm
    with np.errstate(all="ignore"):  # infinities and nans are the gradients' own
        if isfinite(norm) or not isfinite(largest):
            return gradients * _factor(limit, norm), norm
        # Finite gradients of a norm above 1.8e308.
        return (gradients / largest) * (limit / relative), norm


def _norm_in_parts(gradients: Vector) -> tuple[float, float]:
    """A size as large as those in an array, and the norm as a multiple of it.

    Squares alone overflow, and are lost where they are too small.
    """
    squares = float(np.vdot(gradients, gradients))
    if 1e-200 < squares < inf:
        return sqrt(squares), 1.0
    largest = float(np.abs(gradients).max(initial=0.0))
    if largest == 0.0 or not isfinite(largest):
        return largest, 1.0
    scaled = gradients / largest
    return largest, sqrt(float(np.vdot(scaled, scaled)))


def _factor(limit: float, norm: float) -> float:
    if norm != norm:
        return nan
    factor = limit / (norm + _MARGIN)
    return 1.0 if factor != factor else min(factor, 1.0)  # nothing is above a limit of infinity


def _with_gradients(call: str, parameters: Iterable[Value]) -> tuple[list[Value], Vector]:
    if not isinstance(parameters, Iterable):
        raise TypeError(
            f"{call} takes a list of Values, for example model.parameters(), "
            f"not {describe(parameters)}."
        )
    values = list(parameters)
    gradients, computed = computed_gradients(values)
    if computed is None:
        return values, gradients
    return [value for value, known in zip(values, computed) if known], gradients[computed]


_limit = number_that("is 0 or more", lambda limit: limit >= 0.0, real)
