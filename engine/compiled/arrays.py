"""The functions that a program calls, over numpy arrays: the rows of the table, and a few helpers.

Every array has its nodes along the last axis, and the samples of a batch along the first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.operation import Reduction
from engine.table import TABLE


def join(*parts: Any) -> Any:
    """Arrays one after the other along the last axis; what has no samples serves all of them."""
    if len({part.ndim for part in parts}) > 1:
        batch = max(part.shape[0] for part in parts if part.ndim > 1)
        parts = tuple(np.broadcast_to(part, (batch, part.shape[-1])) for part in parts)
    return np.concatenate(parts, -1)


def tile(array: Any, times: int) -> Any:
    """The array several times over, along the last axis."""
    return np.tile(array, (1,) * (array.ndim - 1) + (times,))


def scatter(array: Any, places: Any, size: int) -> Any:
    """An array of zeros with the numbers added at their places."""
    found = np.zeros((*array.shape[:-1], size))
    np.add.at(found, (..., places), array)  # type: ignore[arg-type]
    return found


def add_at(array: Any, places: Any, numbers: Any) -> Any:
    """The array with numbers added to a slice of it."""
    array[..., places] += numbers
    return array


def masked(upstream: Any, local: Any) -> Any:
    """The product; a local derivative of zero stops even an infinite gradient."""
    product = upstream * local
    return product if _is_finite(product) else np.where(local == 0.0, 0.0, product)


def reached(upstream: Any, local: Any) -> Any:
    """The product; what a `where` did not choose, whose gradient is 0, sends no nan."""
    product = upstream * local
    return product if _is_finite(product) else np.where(upstream == 0.0, 0.0, product)


def _is_finite(array: Any) -> bool:
    """Whether all numbers surely are finite: the sum of their squares is."""
    return bool(np.vdot(array, array) < np.inf)


def step(x: Any) -> Any:
    """1 for x > 0, else 0; nan stays nan."""
    return np.sign(np.maximum(x, 0.0))


def softmax(rows: Any) -> Any:
    """All shares of each row."""
    parts = np.exp(rows - rows.max(-1, keepdims=True))
    return parts / parts.sum(-1, keepdims=True)


def gradient_of_softmax(upstream: Any, shares: Any) -> Any:
    """What the operands receive; with 1 - y as the sum of the other shares, as in the table."""
    others = 1.0 - np.eye(shares.shape[-1])
    return shares * (upstream * (shares @ others) - (upstream * shares) @ others)


def logsumexp(rows: Any) -> Any:
    """The largest counts as 1, and log1p adds it, so that the others are not lost."""
    largest = np.argmax(rows, -1)[..., None]
    shift = np.take_along_axis(rows, largest, -1)
    shift = np.where(np.isinf(shift), 0.0, shift)
    parts = np.exp(rows - shift)
    first = np.take_along_axis(parts, largest, -1)[..., 0]
    np.put_along_axis(parts, largest, 0.0, -1)
    rest = parts.sum(-1)
    return shift[..., 0] + np.where(first == 1.0, np.log1p(rest), np.log(rest + first))


def _ties(rows: Any, result: Any) -> Any:
    """The derivative of a maximum or minimum: those that tie share it."""
    ties = np.where(np.isnan(rows), np.nan, rows == result[..., None])
    return ties / ties.sum(-1, keepdims=True)


def _reduced(row: Reduction) -> Callable[[Any], Any]:
    return lambda rows: row.array(*np.moveaxis(rows, -1, 0))


def _partials(row: Reduction) -> Callable[[Any, Any], Any]:
    def by_operands(rows: Any, result: Any) -> Any:
        columns = tuple(np.moveaxis(rows, -1, 0))
        partials = row.derivatives(columns, result)
        return np.stack([np.broadcast_to(p, result.shape) for p in partials], -1)

    return by_operands


NAMESPACE: dict[str, Any] = {
    "detach": np.positive,
    "inf": np.inf,
    "nan": np.nan,
    "s_": np.s_,
    "zeros": lambda *shape: np.zeros(shape),
    "matmul": np.matmul,
    "repeat": np.repeat,
    "times": np.multiply,
    **{f.__name__: f for f in (join, tile, scatter, add_at, masked, reached)},
}
for _name, _row in TABLE.items():
    if isinstance(_row, Reduction):
        NAMESPACE[_name] = _reduced(_row)
        NAMESPACE[f"by_operands_of_{_name}"] = _partials(_row)
    else:
        NAMESPACE[_name] = _row.array
NAMESPACE.update(
    step=step,
    relu=lambda x: np.maximum(x, 0.0),
    max=lambda rows: rows.max(-1),
    min=lambda rows: rows.min(-1),
    logsumexp=logsumexp,
    softmax=softmax,
    gradient_of_softmax=gradient_of_softmax,
    by_operands_of_max=_ties,
    by_operands_of_min=_ties,
    by_operands_of_logsumexp=lambda rows, result: softmax(rows),
)
