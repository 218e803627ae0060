"""What can be plotted, and the sentence for everything else. `plots.py` asks."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from math import isfinite
from typing import Any

from glassgrad.engine import TABLE, Operation, Value
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.printing import short
from glassgrad.engine.text import describe, suggestion, told


def row_called(operation: Operation | str) -> Operation:
    """The row of the table that is meant, by itself or by its name.

    Raises:
        TypeError: it is neither.
        ValueError: there is no row of that name.

    >>> from glassgrad.viz.plottable import row_called
    >>> row_called("tanh")
    <operation tanh>
    """
    if isinstance(operation, Operation):
        return operation
    if not isinstance(operation, str):
        raise TypeError(f"plot_operation takes a row of the table, not {describe(operation)}.")
    if operation not in TABLE:
        meant = suggestion(operation, TABLE) or f" It has {', '.join(TABLE)}."
        raise ValueError(f"The table has no operation {told(operation)}.{meant}")
    return TABLE[operation]


def listed_losses(losses: Any) -> list[float]:
    """A loss curve as floats."""
    takes = "plot_losses takes the loss of each step, as a list or a dict of lists,"
    return _listed(losses, takes, "plot_losses takes numbers and Values as losses,")


def listed_sizes(sizes: Any) -> list[float]:
    """The sizes of the gradients of one layer as floats."""
    takes = "plot_gradients takes a list of sizes for each layer,"
    return _listed(sizes, takes, "plot_gradients takes numbers as sizes,")


def score(of_point: Any) -> float:
    """What a model gives a point, as a float."""
    return _number(of_point, "plot_boundary takes a model that gives each point one number,")


def label_text(label: Any) -> str:
    """A label of points as it stands in the legend."""
    if isinstance(label, str):
        return label
    return short(_number(label, "plot_boundary takes numbers or texts as labels,"))


def _listed(numbers: Any, takes: str, takes_each: str) -> list[float]:
    """Numbers as a list of floats; the texts begin the sentences for everything else."""
    if isinstance(numbers, (str, bytes)) or not isinstance(numbers, Iterable):
        raise TypeError(f"{takes} not {describe(numbers)}.")
    return [_number(each, takes_each) for each in numbers]


def _number(thing: Any, takes: str) -> float:
    """A Value, a number, or what libraries have for one, such as a tensor, as a float."""
    if isinstance(thing, Value):
        return thing.data
    if is_real(thing):
        return real(thing, "A plot")
    try:
        if isinstance(thing, (str, bytes)):
            raise TypeError
        return float(thing)
    except (TypeError, ValueError, RuntimeError):  # a tensor of several numbers gives the last
        raise TypeError(f"{takes} not {describe(thing)}.") from None


def checked_points(X: Any, y: Any) -> tuple[Any, Any]:
    """Points and labels as arrays.

    Raises:
        TypeError: a label is neither a number nor a text.
        ValueError: they do not belong together, or are no points of a plane.
    """
    import numpy as np

    takes = "plot_boundary takes points of two numbers each and one label for each point,"
    try:
        points, labels = np.asarray(X, dtype=float), np.asarray(y)
    except (TypeError, ValueError):  # rows of different lengths, or of what is no number
        raise ValueError(f"{takes} not {describe(X)} and {describe(y)}.") from None
    if points.ndim != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1]:
        raise ValueError(f"{takes} not arrays of shapes {points.shape} and {labels.shape}.")
    if not np.isfinite(points).all():
        raise ValueError(f"{takes} and the numbers are finite.")
    for label in labels:
        label_text(label)
    return points, labels


def checked_threshold(threshold: float) -> float:
    """The score of the boundary as a float, if there can be such a score."""
    number = real(threshold, "threshold")
    if not isfinite(number):
        raise ValueError(f"threshold is a finite score, not {told(threshold)}.")
    return number


def checked_cells(cells: int) -> int:
    """How many points are scored along a side, if a picture can be made of them."""
    try:
        number = operator.index(cells)
    except TypeError:
        raise TypeError(f"cells is a whole number, not {describe(cells)}.") from None
    if number < 2:
        raise ValueError(f"cells is at least 2, not {told(cells)}.")
    return number
