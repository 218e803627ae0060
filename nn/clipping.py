"""Clipping: a limit on gradients before a step, which one sample at a steep place would make long.

After Pascanu, Mikolov and Bengio (2013). A training clips by itself: `fit(clip_norm=1.0)`. Next:
`schedules.py`, how learning rates change in time.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, sqrt

import numpy as np

from glassgrad.engine import Value, assign_grad, computed_gradients
from glassgrad.engine.vectors import Vector, values_of
from glassgrad.nn.checks import number_that, one_number

_limit = number_that("is 0 or more", lambda limit: limit >= 0.0, one_number)


def clip_grad_norm(parameters: Iterable[Value], max_norm: float) -> float:
    """Scale all gradients by one factor, so that their norm is `max_norm` at most; the norm before.

    The direction stays. The factor is max_norm / (norm + 1e-6), if that is below 1; the norm is the
    Euclidean one of all gradients as one vector, without overflow on the way. A norm that is
    infinite since a gradient is makes the others 0 and that one nan; one that is nan makes all nan,
    as in PyTorch. A limit of infinity measures the norm. It is called between `backward()` and
    `step()`; a gradient that has not been computed ("–") stays so.

    >>> from glassgrad import Value, clip_grad_norm
    >>> x, y = Value(0.0), Value(0.0)
    >>> (30.0 * x + 40.0 * y).backward()
    >>> clip_grad_norm([x, y], max_norm=1.0)
    50.0
    >>> round(x.grad, 6), round(y.grad, 6)
    (0.6, 0.8)
    """
    limit = _limit(max_norm, "clip_grad_norm(max_norm=...)")
    values, gradients = _with_gradients("clip_grad_norm", parameters)
    clipped, norm = clipped_by_norm(gradients, limit)
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
    most = _limit(limit, "clip_grad_value(limit=...)")
    values, gradients = _with_gradients("clip_grad_value", parameters)
    assign_grad(values, np.clip(gradients, -most, most))


def _with_gradients(name: str, parameters: Iterable[Value]) -> tuple[list[Value], Vector]:
    """The parameters whose gradients are computed, and these."""
    values = list(values_of(parameters, name))
    gradients, computed = computed_gradients(values)
    if computed is None:
        return values, gradients
    return [value for value, is_known in zip(values, computed) if is_known], gradients[computed]


def clipped_by_norm(gradients: Vector, limit: float) -> tuple[Vector, float]:
    """`clip_grad_norm` on an array, which stays as it is: the clipped gradients, which may be the
    same ones, and the norm before.
    """
    size, squares = 1.0, float(np.vdot(gradients, gradients))
    are_whole = 1e-200 < squares < inf  # else they overflow, or are lost
    if are_whole and limit == inf:
        return gradients, sqrt(squares)
    with np.errstate(all="ignore"):  # infinities and nans are the gradients' own
        if not are_whole:
            largest = float(np.abs(gradients).max(initial=0.0))
            size = largest if 0.0 < largest < inf else 1.0
            parts = gradients / size
            squares = float(np.vdot(parts, parts))
        length = sqrt(squares)
        norm = size * length
        if norm == inf == limit:
            return gradients, norm
        if norm == inf > length:  # finite gradients of a norm above 1.8e308
            return gradients / size * (limit / length), norm
        # PyTorch adds 1e-6, so that it never divides by 0. Of a norm that is nan the factor is nan.
        return gradients * min(limit / (norm + 1e-6), 1.0), norm
