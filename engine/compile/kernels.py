"""The functions that a program calls, over numpy arrays: the rows of the table, and a few helpers.

Every array has its scalars along the first axis, those of a table along the first two, and the
samples along the last. The helpers also run on arrays of PyTorch and JAX, lifted (`libraries.py`):
they use few functions of numpy and make arrays `like` others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import isfinite
from typing import Any

import numpy as np

from glassgrad.engine.define import newcomers
from glassgrad.engine.formula import numpy_source
from glassgrad.engine.op import TABLE, Operation, Reduction


def join(*parts: Any) -> Any:
    """Arrays one after the other along the first axis; those without samples serve all of them."""
    widths = [part.shape[-1] for part in parts]
    if len(set(widths)) > 1:
        widest = max(widths)
        parts = tuple([np.broadcast_to(x, (*x.shape[:-1], widest)) for x in parts])
    return np.concatenate(parts, 0)


def beside(*parts: Any) -> Any:
    return np.concatenate(parts, 1)


def total(array: Any, axis: int) -> Any:
    """The sum along an axis, which stays with length 1."""
    shape = array.shape
    return array.sum(axis).reshape(*shape[:axis], 1, *shape[axis + 1 :])


def scatter(array: Any, places: Any, size: int) -> Any:
    """An array of zeros with the rows added at their places."""
    if isinstance(array, np.ndarray):
        width = array.size // max(array.shape[0], 1)
        if width > 1:
            places = (places[:, None] * width + np.arange(width)).ravel()
        return np.bincount(places, array.ravel(), size * width).reshape(size, *array.shape[1:])
    found = np.zeros((size, *array.shape[1:]), like=array)
    np.add.at(found, (places,), array)
    return found


def masked(upstream: Any, local: Any) -> Any:
    """The product; a local derivative of zero stops even an infinite gradient."""
    return np.where(local == 0.0, 0.0, upstream * local)


def is_finite(array: Any) -> bool:
    """Whether all numbers surely are finite: the sum of their squares is.

    Of lifted arrays that is not known: JAX may be tracing, and a GPU would have to be waited for.
    """
    if not isinstance(array, np.ndarray):
        return False
    row = array.ravel()
    return isfinite(row.dot(row))


def step(x: Any) -> Any:
    """1 for x > 0, else 0; nan stays nan."""
    return np.sign(np.maximum(x, 0.0))


def relu(x: Any) -> Any:
    """The number where it is positive, else 0; nan stays nan."""
    return np.maximum(x, 0.0)


def compare(a: Any, b: Any) -> Any:
    """1 for a > b, 0 at a tie, -1 for a < b; nan beside nan. Equal infinities tie."""
    difference = a - b
    if is_finite(difference):
        return np.sign(difference)
    return np.where(np.isnan(a) | np.isnan(b), np.nan, 1.0 * (a > b) - 1.0 * (a < b))


# Reductions: of each row of a table, along its second axis, the result or what operands receive.


def mean(table: Any) -> Any:
    return table.sum(1) / table.shape[1]


def by_operands_of_mean(table: Any, result: Any) -> Any:
    """One share for each operand."""
    return np.ones_like(table) / table.shape[1]


def dot(table: Any) -> Any:
    """The sum of the products of the first half of each row and the second."""
    left, right = np.split(table, 2, 1)
    return (left * right).sum(1)


def by_operands_of_dot(table: Any, result: Any) -> Any:
    """For each operand what it is multiplied with."""
    return np.concatenate(np.split(table, 2, 1)[::-1], 1)


def by_operands_of_prod(table: Any, result: Any) -> Any:
    """For each operand the product of the others, exact at zeros since nothing is divided."""
    ones = np.ones_like(table[:, :1])
    before = np.cumprod(table, 1)[:, :-1]
    after = np.flip(np.cumprod(np.flip(table, 1), 1), 1)[:, 1:]
    return np.concatenate((ones, before), 1) * np.concatenate((after, ones), 1)


def logsumexp(table: Any) -> Any:
    """The largest counts as 1, and log1p adds it, so that the others are not lost."""
    largest = table.max(1)
    if is_finite(largest):  # nearly always
        others = np.exp(table - largest[:, None])
        are_largest = others == 1.0
        np.putmask(others, are_largest, 0.0)
        rest = np.add.reduce(others, 1)
        if np.count_nonzero(are_largest) > largest.size:  # some tie
            rest += np.add.reduce(are_largest, 1) - 1
        return largest + np.log1p(rest)
    places = np.arange(table.shape[1], like=table)[:, None]
    is_largest = places == np.argmax(table, 1)[:, None]  # one of each row, also where some tie
    shift = np.where(np.isinf(largest), 0.0, largest)
    first = np.exp(largest - shift)
    rest = np.where(is_largest, 0.0, np.exp(table - shift[:, None])).sum(1)
    return shift + np.where(first == 1.0, np.log1p(rest), np.log(rest + first))


def by_operands_of_logsumexp(table: Any, result: Any) -> Any:
    """The shares of a softmax; beside an infinite operand, finite ones have none."""
    if is_finite(result):  # nearly always
        parts = np.exp(table - result[:, None])
        parts /= np.add.reduce(parts, 1)[:, None]  # how the result was rounded is in all of them
        return parts
    largest = table.max(1)
    parts = np.exp(table - largest[:, None])
    return np.where(parts == 0.0, 0.0, parts / parts.sum(1)[:, None])


def by_operands_of_max(table: Any, result: Any) -> Any:
    """Those that tie share the derivative; of a minimum too."""
    ties = np.where(np.isnan(table), np.nan, table == result[:, None])
    return ties / ties.sum(1)[:, None]


def _reduced(row: Reduction) -> Callable[[Any], Any]:
    reduce = _own(row.on_arrays) if row.is_checked else row.array
    return lambda table: reduce(*_columns(table))


def _partials(row: Reduction) -> Callable[[Any, Any], Any]:
    def by_operands(table: Any, result: Any) -> Any:
        partials = row.derivatives_on_arrays(_columns(table), result)
        spread = [np.broadcast_to(0.0 if p is None else p, result.shape) for p in partials]
        return np.stack(spread, 1)

    return by_operands


def _columns(table: Any) -> tuple[Any, ...]:
    return tuple([table[:, i] for i in range(table.shape[1])])


def _own(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays, whose result is an array of its own: floats, one for each place.

    That of a user may give an operand itself, which lies where something else is written later, or
    truth values, whose sum is no number, or one number for all places.
    """

    def own(*operands: Any) -> Any:
        shape = np.broadcast_shapes(*map(np.shape, operands))
        return np.broadcast_to(function(*operands), shape).astype(float, casting="same_kind")

    return own


NAMESPACE: dict[str, Any] = {"detach": np.positive, "inf": np.inf, "nan": np.nan}


def _enter(row: Operation) -> None:
    """Give programs what they call for a row.

    The functions of a user may read what changes: they are called as they are in each run, the
    rules of derivatives too.
    """
    if isinstance(row, Reduction):
        NAMESPACE[row.kernel] = _reduced(row)
        NAMESPACE[f"by_operands_of_{row.kernel}"] = _partials(row)
    elif row.is_checked:
        is_numpy = isinstance(row.array, np.ufunc)
        NAMESPACE[row.kernel] = row.array if is_numpy else _own(row.on_arrays)
        for place in range(row.arity):
            NAMESPACE[by_operand(row, place)] = _own(partial(_partial_of, row, place))
    elif row.scalar is row.array:
        # A formula over others, as source: each step calls a function of numpy at once, and not an
        # operation that looks at its operands.
        exec(numpy_source(row), NAMESPACE)
    else:
        # np.vectorize takes arrays of numpy alone: the row itself looks at what it is given.
        NAMESPACE[row.kernel] = row if isinstance(row.array, np.vectorize) else row.array


def by_operand(row: Operation, place: int) -> str:
    """What programs call for the local derivative of a row of a user by one of its operands."""
    return f"by_operand_{place}_of_{row.kernel}"


def _partial_of(row: Operation, place: int, *given: Any) -> Any:
    """The local derivative at arrays: of the operands, and of the result."""
    wanted = tuple([each == place for each in range(row.arity)])
    try:
        found = row.derivatives_on_arrays(given[:-1], given[-1], wanted)[place]
    except (TypeError, ValueError):  # it compares numbers, or calls functions of math
        return np.vectorize(partial(_partial_at, row, place, wanted), otypes=[float])(*given)
    return 0.0 if found is None else found


def _partial_at(row: Operation, place: int, wanted: tuple[bool, ...], *given: Any) -> Any:
    """The same at numbers."""
    found = row.partials(tuple(map(float, given[:-1])), float(given[-1]), wanted)[place]
    return 0.0 if found is None else found


for _row in TABLE.values():
    _enter(_row)
newcomers.append(_enter)
for _kernel in (
    join, beside, total, scatter,
    masked,
    step, relu, compare, mean, by_operands_of_mean, dot, by_operands_of_dot, by_operands_of_prod,
    logsumexp, by_operands_of_logsumexp, by_operands_of_max,
):  # fmt: skip
    NAMESPACE[_kernel.__name__] = _kernel
NAMESPACE.update(
    matmul=np.matmul,
    matmuls=np.matmul,
    square=np.square,
    power=np.power,
    larger=np.maximum,
    smaller=np.minimum,
    broadcast_to=np.broadcast_to,
    take=np.take,
    copyto=np.copyto,
    empty=np.empty,
    array=np.array,
    full=np.full,
    ones=lambda *shape: np.ones(shape),
    sum=lambda table: table.sum(1),
    prod=lambda table: table.prod(1),
    max=lambda table: table.max(1),
    min=lambda table: table.min(1),
    by_operands_of_sum=lambda table, result: np.ones_like(table),
    by_operands_of_min=by_operands_of_max,
)

ON_NUMPY: dict[str, Any] = {"matmul": np.ndarray.dot, "take": np.ndarray.take}
"""What programs on numpy call instead: methods do the same, and do not look for other libraries."""
