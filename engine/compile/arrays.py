"""The functions that a program calls, over numpy arrays: the rows of the table, and a few helpers.

Every array has its nodes along the last axis, and the samples of a batch along the first. The
helpers also run on arrays of PyTorch and JAX, lifted (`lifted.py`): they use few functions of numpy
and make arrays `like` others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from glassgrad.engine.op import TABLE, Operation, Reduction, newcomers


def join(*parts: Any) -> Any:
    """Arrays one after the other along the last axis; what has no samples serves all of them."""
    if len({part.ndim for part in parts}) > 1:
        batch = max(part.shape[0] for part in parts if part.ndim > 1)
        parts = tuple(np.broadcast_to(part, (batch, part.shape[-1])) for part in parts)
    return np.concatenate(parts, -1)


def stack(*tables: Any) -> Any:
    """Tables one above the other."""
    return np.concatenate(tables, 0)


def tile(array: Any, times: int) -> Any:
    """The array several times over, along the last axis."""
    return np.tile(array, (1,) * (array.ndim - 1) + (times,))


def placed(array: Any, places: Any, size: int) -> Any:
    """An array of zeros with the numbers at their places, no two at one."""
    found = np.zeros((*array.shape[:-1], size), like=array)
    found[..., places] = array
    return found


def scatter(array: Any, places: Any, size: int) -> Any:
    """An array of zeros with the numbers added at their places."""
    if isinstance(array, np.ndarray):
        count = array.size // max(array.shape[-1], 1)
        if count > 1:
            places = (np.arange(count)[:, None] * size + places).ravel()
        found = np.bincount(places, array.ravel(), count * size)
        return found.reshape(*array.shape[:-1], size)
    found = np.zeros((*array.shape[:-1], size), like=array)
    np.add.at(found, (..., places), array)  # type: ignore[arg-type]
    return found


def add_at(array: Any, places: Any, numbers: Any) -> Any:
    """The array with numbers added to a slice of it."""
    array[..., places] += numbers
    return array


def total(array: Any) -> Any:
    """The sum over the samples; of numpy arrays as a product of matrices, which is faster."""
    return np.matmul(_ones(len(array)), array) if isinstance(array, np.ndarray) else array.sum(0)


@lru_cache(maxsize=8)
def _ones(size: int) -> Any:
    return np.ones(size)


def masked(upstream: Any, local: Any) -> Any:
    """The product; a local derivative of zero stops even an infinite gradient."""
    product = upstream * local
    return product if _is_finite(product) else np.where(local == 0.0, 0.0, product)


def reached(upstream: Any, local: Any) -> Any:
    """The product; what a `where` did not choose, whose gradient is 0, sends no nan."""
    product = upstream * local
    return product if _is_finite(product) else np.where(upstream == 0.0, 0.0, product)


def masked_where_reached(upstream: Any, local: Any) -> Any:
    """The product; both what is switched off and what was not chosen send nothing."""
    product = upstream * local
    is_off = (upstream == 0.0) | (local == 0.0)
    return product if _is_finite(product) else np.where(is_off, 0.0, product)


def matmul_where_reached(upstream: Any, other: Any) -> Any:
    """The product of matrices; what was not chosen, whose gradient is 0, sends no nan."""
    product = np.matmul(upstream, other)
    if _is_finite(product):
        return product
    return reached(upstream[..., None], other[..., None, :, :]).sum(-2)


def _is_finite(array: Any) -> bool:
    """Whether all numbers surely are finite: the sum of their squares is.

    Of lifted arrays that is not known: JAX may be tracing, and a GPU would have to be waited for.
    """
    return isinstance(array, np.ndarray) and bool(np.vdot(array, array) < np.inf)


def step(x: Any) -> Any:
    """1 for x > 0, else 0; nan stays nan."""
    return np.sign(np.maximum(x, 0.0))


def relu(x: Any) -> Any:
    """The number where it is positive, else 0; nan stays nan."""
    return np.maximum(x, 0.0)


# Reductions: of each row of a table, along the last axis, the result or what its operands receive.


def mean(rows: Any) -> Any:
    """The mean of each row."""
    return rows.sum(-1) / rows.shape[-1]


def by_operands_of_mean(rows: Any, result: Any) -> Any:
    """One share for each operand."""
    return np.ones_like(rows) / rows.shape[-1]


def by_operands_of_prod(rows: Any, result: Any) -> Any:
    """For each operand the product of the others, exact at zeros since nothing is divided."""
    ones = np.ones_like(rows[..., :1])
    before = np.cumprod(rows, -1)[..., :-1]
    after = np.flip(np.cumprod(np.flip(rows, -1), -1), -1)[..., 1:]
    return np.concatenate((ones, before), -1) * np.concatenate((after, ones), -1)


def logsumexp(rows: Any) -> Any:
    """The largest counts as 1, and log1p adds it, so that the others are not lost."""
    places = np.arange(rows.shape[-1], like=rows)
    is_largest = places == np.argmax(rows, -1)[..., None]  # one of each row, also where some tie
    largest = rows.max(-1)
    shift = np.where(np.isinf(largest), 0.0, largest)
    first = np.exp(largest - shift)
    rest = np.where(is_largest, 0.0, np.exp(rows - shift[..., None])).sum(-1)
    return shift + np.where(first == 1.0, np.log1p(rest), np.log(rest + first))


def by_operands_of_logsumexp(rows: Any, result: Any) -> Any:
    """The shares of a softmax."""
    parts = np.exp(rows - rows.max(-1)[..., None])
    return parts / parts.sum(-1)[..., None]


def by_operands_of_max(rows: Any, result: Any) -> Any:
    """Those that tie share the derivative; of a minimum too."""
    ties = np.where(np.isnan(rows), np.nan, rows == result[..., None])
    return ties / ties.sum(-1)[..., None]


def _reduced(row: Reduction) -> Callable[[Any], Any]:
    return lambda rows: row.array(*_columns(rows))


def _partials(row: Reduction) -> Callable[[Any, Any], Any]:
    def by_operands(rows: Any, result: Any) -> Any:
        partials = row.derivatives(_columns(rows), result)
        return np.stack([np.broadcast_to(p, result.shape) for p in partials], -1)

    return by_operands


def _columns(rows: Any) -> tuple[Any, ...]:
    return tuple([rows[..., i] for i in range(rows.shape[-1])])


NAMESPACE: dict[str, Any] = {
    "detach": np.positive,
    "inf": np.inf,
    "nan": np.nan,
    "s_": np.s_,
    "zeros": lambda *shape: np.zeros(shape),
    "matmul": np.matmul,
    "power": np.float_power,
    "repeat": np.repeat,
    "times": np.multiply,
    **{
        f.__name__: f
        for f in (
            join,
            stack,
            tile,
            total,
            placed,
            scatter,
            add_at,
            masked,
            reached,
            masked_where_reached,
            matmul_where_reached,
        )
    },
}


def _enter(row: Operation) -> None:
    """Let programs call the function of a row."""
    if isinstance(row, Reduction):
        NAMESPACE[row.kernel] = _reduced(row)
        NAMESPACE[f"by_operands_of_{row.kernel}"] = _partials(row)
    else:
        NAMESPACE[row.kernel] = row.array


for _row in TABLE.values():
    _enter(_row)
newcomers.append(_enter)
for _kernel in (
    join, stack, tile, total, placed, scatter, add_at,
    masked, reached, masked_where_reached, matmul_where_reached,
    step, relu, mean, by_operands_of_mean, by_operands_of_prod,
    logsumexp, by_operands_of_logsumexp, by_operands_of_max,
):  # fmt: skip
    NAMESPACE[_kernel.__name__] = _kernel
NAMESPACE.update(
    max=lambda rows: rows.max(-1),
    min=lambda rows: rows.min(-1),
    by_operands_of_min=by_operands_of_max,
)
