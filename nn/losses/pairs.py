"""Prediction and target side by side: taken apart, checked against each other, put together again.

Every loss is a formula for one pair; what it does with many is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from glassgrad.engine import Value, as_value, mean
from glassgrad.engine import sum as total
from glassgrad.engine.misuse import real
from glassgrad.engine.text import told
from glassgrad.engine.tree import listed, scalar_of, scalars_of
from glassgrad.nn.checks import Check

Shape = tuple[int, ...]
REDUCTIONS = ("mean", "sum", "none")


def over_pairs(
    loss: str,
    formula: Callable[[Any, Any], Value],
    prediction: Any,
    target: Any,
    reduction: str,
    *,
    checked: Check = real,
) -> Any:
    """A loss: its formula for every number of a prediction and its target, reduced.

    Args:
        loss: its name, for errors.
        formula: the loss of one number: a function of a Value and its target.
        prediction: numbers and Values, alone or in sequences, nested.
        target: the same; see `paired`.
        reduction: one of `REDUCTIONS`.
        checked: the check of a plain number of the target.

    Returns:
        A Value; with "none" lists of Values in the shape of the prediction.

    Raises:
        ValueError: there is no such reduction, the shapes differ, or nothing is given.
        TypeError: there is something else than Values and real numbers.

    >>> from glassgrad.nn.losses.pairs import over_pairs
    >>> over_pairs("gap", lambda p, t: p - t, [5.0, 7.0], [1.0, 2.0], "sum").data
    9.0
    """
    check_reduction(loss, reduction)
    shape, pairs = paired(loss, prediction, target, checked)
    return reduced([formula(p, t) for p, t in pairs], shape, reduction)


def paired(
    loss: str, prediction: Any, target: Any, checked: Check = real
) -> tuple[Shape, list[tuple[Value, Any]]]:
    """Every number of a prediction with its target, and the shape of the prediction.

    Args:
        loss: its name, for errors.
        prediction: numbers and Values, alone or in sequences, nested.
        target: the same, of a shape that differs at most by axes of length 1 at the end.
        checked: the check of a plain number of the target.

    Returns:
        The shape, and the pairs: Values, each with the number or Value that is its target.

    Raises:
        ValueError: the shapes differ, or nothing is given.
        TypeError: there is something else than Values and real numbers.

    >>> from glassgrad.nn.losses.pairs import paired
    >>> shape, pairs = paired("mse", [5.0, 7.0], [[1], [2]])
    >>> shape, [(p.data, t) for p, t in pairs]
    ((2,), [(5.0, 1.0), (7.0, 2.0)])
    """
    shape, predictions = opened(loss, "prediction", prediction)
    other, targets = opened(loss, "target", target)
    if without_ones(shape) != without_ones(other):
        raise ValueError(
            f"{loss} compares number by number: a prediction of shape {shape} has no target of "
            f"shape {other}."
        )
    role = f"{loss}(...)"
    return shape, [
        (as_value(p, role), t if isinstance(t, Value) else checked(t, role))
        for p, t in zip(predictions, targets)
    ]


def check_reduction(loss: str, reduction: str) -> None:
    """Refuse a reduction that does not exist.

    Args:
        loss: the name of the loss, for the error.
        reduction: what was given.

    Raises:
        ValueError: it is none of `REDUCTIONS`.

    >>> from glassgrad.nn.losses.pairs import check_reduction
    >>> check_reduction("mse", "average")
    Traceback (most recent call last):
    ValueError: mse(reduction=...) is "mean", "sum" or "none", not 'average'.
    """
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        raise ValueError(
            f'{loss}(reduction=...) is "mean", "sum" or "none", not {told(reduction)}.'
        )


def opened(loss: str, role: str, nested: Any) -> tuple[Shape, list[Any]]:
    """The shape of nested sequences or an array, and what is in them, in order.

    Args:
        loss: the name of the loss, for errors.
        role: "prediction" or "target", for errors.
        nested: a number or a Value, or sequences of them, nested, of whatever kind.

    Raises:
        ValueError: they have rows of different lengths, or hold nothing.
        TypeError: there is something else than Values and real numbers.

    >>> from glassgrad.nn.losses.pairs import opened
    >>> opened("mse", "target", [[1, 2, 3], [4, 5, 6]])
    ((2, 3), [1, 2, 3, 4, 5, 6])
    """
    nested = scalar_of(nested)
    if isinstance(nested, Value):
        return (), [nested]
    if not isinstance(nested, Iterable) or isinstance(nested, (str, bytes)):
        real(nested, f"{loss}(...)")
        return (), [nested]
    entries = listed(nested, f"The {role} of {loss}")
    row = scalars_of(entries)
    if row:  # nearly always, and quicker than one by one
        for number in row:
            if not isinstance(number, Value):
                real(number, f"{loss}(...)")
        return (len(row),), row
    parts = [opened(loss, role, part) for part in entries]
    shapes = {shape for shape, _ in parts}
    if not shapes:
        raise ValueError(f"The {role} of {loss} is empty: there is nothing to compare.")
    if len(shapes) > 1:
        raise ValueError(f"The {role} of {loss} has rows of different lengths. Give equal ones.")
    return (len(parts), *shapes.pop()), [leaf for _, leaves in parts for leaf in leaves]


def without_ones(shape: Shape) -> Shape:
    """A shape without the axes of length 1 at its end: one output a sample may stand in a list.

    >>> from glassgrad.nn.losses.pairs import without_ones
    >>> without_ones((4, 1)), without_ones((1, 4))
    ((4,), (1, 4))
    """
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def reduced(losses: Sequence[Value], shape: Shape, reduction: str) -> Any:
    """The mean or sum of losses, or all of them in lists of a shape.

    >>> from glassgrad import Value
    >>> from glassgrad.nn.losses.pairs import reduced
    >>> reduced([Value(2.0), Value(4.0)], (2,), "mean").data
    3.0
    """
    if reduction == "none":
        return _nested(iter(losses), shape)
    if len(losses) == 1:
        return losses[0]
    return mean(losses) if reduction == "mean" else total(losses)


def _nested(losses: Iterator[Value], shape: Shape) -> Any:
    return [_nested(losses, shape[1:]) for _ in range(shape[0])] if shape else next(losses)
