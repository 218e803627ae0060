"""`Compiled.map`: the results of all samples as an array of numbers, without gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glassgrad.engine.compile.arguments import as_values
from glassgrad.engine.compile.batch import Batch
from glassgrad.engine.compile.cache import Cache
from glassgrad.engine.compile.outputs import outputs_of
from glassgrad.engine.compile.serving import served
from glassgrad.engine.context import is_traced
from glassgrad.engine.errors import CompilationError


def mapped(cache: Cache, samples: Batch) -> Any:
    """The result for every sample as an array; see `Compiled.map`.

    Args:
        cache: the recordings of the function.
        samples: the batch.
    """
    parts = served(cache, samples, has_several=True)
    shape = parts[0].recording.shape
    found, count = np.empty((len(samples), *shape)), int(np.prod(shape, dtype=int))
    for part in parts:
        _check(cache.title, shape, part.recording.shape)
        rows = np.broadcast_to(part.result, (len(part.places), count))
        found[part.places] = rows.reshape(-1, *shape)
    return found


def one_by_one(title: str, function: Callable[..., Any], samples: Batch) -> Any:
    """The same, without a recording: as Values, if another function is being recorded."""
    rows: list[Sequence[Any]] = []
    shape = None
    for place in range(len(samples)):
        sample, _ = as_values(samples.sample(place), {})
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


def _check(title: str, shape: tuple[int, ...], other: tuple[int, ...]) -> None:
    if shape != other:
        raise CompilationError(
            f"{title} returned results of shapes {shape} and {other} for different samples, which "
            "map cannot put into one array. Return as many numbers for every sample."
        )
