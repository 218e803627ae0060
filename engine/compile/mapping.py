"""`Compiled.map`: the results of all samples as an array of numbers, without gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glassgrad.engine.compile.batch import Batch
from glassgrad.engine.compile.known import Known
from glassgrad.engine.compile.outputs import outputs_of
from glassgrad.engine.compile.serving import served
from glassgrad.engine.context import is_traced
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.value import Constant, Value, constant


def mapped(title: str, known: Known, samples: Batch) -> Any:
    """The result for every sample as an array; see `Compiled.map`.

    Args:
        title: the name of the function, for errors.
        known: its recordings.
        samples: the batch.
    """
    found, shape = np.empty(0), None
    for part in served(known, samples, has_several=True):
        if shape is None:
            shape = part.recording.shape
            found = np.empty((len(samples), *shape))
        _check(title, shape, part.recording.shape)
        count = int(np.prod(shape, dtype=int))
        rows = np.broadcast_to(part.result, (len(part.places), count))
        found[part.places] = rows.reshape(-1, *shape)
    return found


def one_by_one(title: str, function: Callable[..., Any], samples: Batch) -> Any:
    """The same, without a recording: as Values, if another function is being recorded."""
    rows: list[Sequence[Any]] = []
    shape = None
    for place in range(len(samples)):
        sample = map(_as_values, samples.sample(place))
        values, mine = outputs_of(title, function(*sample))
        shape = mine if shape is None else shape
        _check(title, shape, mine)
        rows.append(values)
    flat = [value for row in rows for value in row]
    if not is_traced():
        return np.array([value.data for value in flat]).reshape(len(samples), *(shape or ()))
    found = np.empty(len(flat), object)
    found[:] = flat
    return found.reshape(len(samples), *(shape or ()))


class _Whole(Constant):
    """A constant that may also be an index, as an integer argument may."""

    __slots__ = ()

    def __index__(self) -> int:
        return int(self._number)

    def __int__(self) -> int:
        return int(self._number)

    def __hash__(self) -> int:
        return hash(int(self._number))


def _as_values(argument: Any) -> Any:
    """An argument with a constant for every number, as a Value is what the function expects."""
    if isinstance(argument, (int, float)):
        return _constant(argument)
    if not isinstance(argument, np.ndarray):
        return argument
    flat = argument.ravel().tolist()
    found = np.empty(argument.shape, object)
    found.ravel()[:] = [_constant(x) for x in flat]
    return found


def _constant(number: float) -> Value:
    return _Whole(number) if isinstance(number, int) else constant(float(number))


def _check(title: str, shape: tuple[int, ...], other: tuple[int, ...]) -> None:
    if shape != other:
        raise CompilationError(
            f"{title} returned results of shapes {shape} and {other} for different samples, which "
            "map cannot put into one array. Return as many numbers for every sample."
        )
