"""Losses of numbers: the squared error, the absolute one, and Huber's, which is between them.

All losses are called alike, `loss(prediction, target, reduction="mean")`, and formulas are in the
docstrings. Predictions are of one sample or of many, in lists; how they are paired with their
targets is in `pairs.py`. Next: `classification.py`.
"""

from __future__ import annotations

from typing import Any

from glassgrad.engine import Value, clip
from glassgrad.nn.checks import positive
from glassgrad.nn.losses.pairs import check_reduction, over_pairs


def mse(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """The squared error (prediction - target)², the loss of a regression.

    Args:
        prediction: a Value or number, or sequences of them, nested, of one sample or many: lists,
            arrays, ranges, generators, tables of pandas, tensors.
        target: as many numbers or Values in the same shape; only axes of length 1 at the end may
            be missing on one side, as when each of n predictions stands in a list of its own.
        reduction: "mean" over all numbers, "sum", or "none".

    Returns:
        A Value; with "none" lists of Values in the shape of the prediction.

    Raises:
        ValueError: the shapes differ, nothing is given, or there is no such reduction.
        TypeError: there is something else than Values and real numbers.

    As PyTorch's `mse_loss`, which however spreads (n,) and (n, 1) out to n × n pairs.

    >>> from glassgrad import Value, mse
    >>> mse([Value(3.0), Value(5.0)], [1.0, 4.0]).data
    2.5
    """
    return over_pairs("mse", lambda p, t: (p - t) ** 2, prediction, target, reduction)


def mae(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """The absolute error |prediction - target|, which outliers sway less than the squared one.

    Its derivative at 0 is 0. As PyTorch's `l1_loss`.

    Args:
        prediction: see `mse`.
        target: see `mse`.
        reduction: see `mse`.

    Returns:
        A Value; with "none" lists of Values in the shape of the prediction.

    Raises:
        ValueError, TypeError: see `mse`.

    >>> from glassgrad import Value, mae
    >>> mae([Value(3.0), Value(5.0)], [1.0, 4.0]).data
    1.5
    """
    return over_pairs("mae", lambda p, t: abs(p - t), prediction, target, reduction)


def huber(prediction: Any, target: Any, *, delta: Any = 1.0, reduction: str = "mean") -> Any:
    """Half the squared error up to `delta`, and from there on a line of that slope.

    With e = prediction - target and c = e clipped to ±delta it is c·(e - c/2), which is e²/2 for a
    small e, and delta·(|e| - delta/2) for a large one (Huber 1964). As PyTorch's `huber_loss`.

    Args:
        prediction: see `mse`.
        target: see `mse`.
        delta: the error where the line begins, a positive number, or a Value.
        reduction: see `mse`.

    Returns:
        A Value; with "none" lists of Values in the shape of the prediction.

    Raises:
        ValueError: see `mse`; or `delta` is not positive and finite.
        TypeError: see `mse`; or `delta` is no real number.

    >>> from glassgrad import Value, huber
    >>> huber([Value(0.5), Value(3.0)], [0.0, 0.0], reduction="none")[1].data
    2.5
    """
    check_reduction("huber", reduction)
    if not isinstance(delta, Value):
        delta = positive(delta, "huber(delta=...)")

    # Of one piece around 0: |e| would have no second derivative there.
    def formula(p: Any, t: Any) -> Any:
        e = p - t
        c = clip(e, -delta, delta)
        return c * (e - 0.5 * c)

    return over_pairs("huber", formula, prediction, target, reduction)
