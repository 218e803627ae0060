"""Whether the end of a model, its loss, its targets and its metrics go together.

What a model ends in is read off an output: the operation that made it. A loss of logits behind a
tanh trains, and never gets far; nothing else would say so.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from glassgrad.engine import TABLE, Value
from glassgrad.engine.nested import leaves_of
from glassgrad.nn.losses.classification import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge,
)
from glassgrad.nn.losses.regression import huber, mae, mse
from glassgrad.nn.metrics import Metric, accuracy, confusion

_RANGES = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, inf),
    "softplus": (0.0, inf),
}
"""Activations that give only some numbers, and which."""
_LAST_ROW = {"softmax": "share"}
"""The row of the table that an activation ends with which is none itself."""
_OF_LOGITS = (binary_cross_entropy_with_logits, cross_entropy)
_OF_NUMBERS = (mse, mae, huber)
_WITH_THRESHOLD = (accuracy, confusion)
_REMEDY = 'Let it end without one: output_activation="linear".'


def end_of(outputs: Any) -> str | None:
    """The activation that a model ends in, if it is one that gives only some numbers.

    Args:
        outputs: a list of outputs, of several samples: a model may take several ways.

    >>> from glassgrad import Value
    >>> from glassgrad.nn.training.agreement import end_of
    >>> end_of([Value(0.5).tanh(), Value(2.0).tanh()]), end_of([Value(1.0) * 2.0])
    ('tanh', None)
    """
    operations = {leaf.operation for leaf in leaves_of(outputs) if isinstance(leaf, Value)}
    operation = operations.pop() if len(operations) == 1 else None
    return next((n for n in _RANGES if TABLE[_LAST_ROW.get(n, n)] is operation), None)


def disagreement(loss: Callable[..., Any], end: str | None, targets: Any) -> str | None:
    """What does not go together, in a sentence; None if nothing is known to be wrong.

    Args:
        loss: the loss; of those of a user's own nothing is known.
        end: what the model ends in.
        targets: all targets, an array.

    >>> from glassgrad import mse
    >>> from glassgrad.nn.training.agreement import disagreement
    >>> print(disagreement(mse, "tanh", [2.0, 15.0]))
    The targets reach from 2 to 15, but the model ends in tanh, which gives -1 to 1. Let it end \
without one: output_activation="linear".
    """
    if end is None:
        return None
    function = _function(loss)
    low, high = _RANGES[end]
    numbers = f"numbers from {low:g} on" if high == inf else f"{low:g} to {high:g}"
    gives = f"the model ends in {end}, which gives {numbers}."
    if function in _OF_LOGITS and not (function is cross_entropy and high == inf):
        name = function.__name__
        return f"{name} takes logits, which are any numbers, but {gives} {_REMEDY}"
    least, most = float(np.min(targets)), float(np.max(targets))
    if function is hinge and low == 0.0:
        return f"hinge takes scores below 0 for the class -1, but {gives} {_REMEDY}"
    if function in _OF_NUMBERS and (least < low or most > high):
        return f"The targets reach from {least:g} to {most:g}, but {gives} {_REMEDY}"
    return None


def with_threshold(
    metric: Metric, loss: Callable[..., Any], end: str | None, targets: Any
) -> Metric:
    """A metric that knows from which output on a sample is of class 1.

    That is 0.5 behind a sigmoid, and where outputs are to be the classes 0 and 1 themselves, and 0
    for logits. With a loss of a user's own it is left to the metric, which may ask.

    >>> from glassgrad import accuracy, mse
    >>> from glassgrad.nn.training.agreement import with_threshold
    >>> with_threshold(accuracy, mse, "sigmoid", [0, 1])([0.4, 0.6], [0, 1])
    1.0
    """
    if metric not in _WITH_THRESHOLD:
        return metric
    function = _function(loss)
    are_classes = function in _OF_NUMBERS and set(np.unique(targets)) <= {0.0, 1.0}
    if end == "sigmoid" or are_classes:
        return _at(metric, 0.5)
    is_known = function in (*_OF_LOGITS, *_OF_NUMBERS, hinge) or end == "tanh"
    return _at(metric, 0.0) if is_known else metric


def settled(metric: Metric) -> Metric:
    """A metric that took the first outputs without asking, and will not ask later either.

    >>> from glassgrad import accuracy
    >>> from glassgrad.nn.training.agreement import settled
    >>> settled(accuracy)([0.4, 0.6], [0, 1])
    0.5
    """
    return _at(metric, 0.0) if metric in _WITH_THRESHOLD else metric


def _at(metric: Metric, threshold: float) -> Metric:
    options: Any = {"threshold": threshold}
    return functools.partial(metric, **options)


def _function(loss: Callable[..., Any]) -> Any:
    return _function(loss.func) if isinstance(loss, functools.partial) else loss
