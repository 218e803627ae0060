"""`Batch`: the samples that a compiled function is called with all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from glassgrad.engine.compile.arguments import Arguments, is_exact
from glassgrad.engine.compile.graph import Numbers
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.misuse import is_real
from glassgrad.engine.tree import numbers_of


class Part(NamedTuple):
    """The samples of a batch that one recording serves.

    Attributes:
        recording, program: what served them.
        places: which samples they are.
        result: the result of each; without an axis of samples if it is the same for all.
        share: what the results are multiplied by, for their sum or their mean.
        gradient: that of the sum of results × share; None if nobody asked for it.
    """

    recording: Recording
    program: Program
    places: Numbers
    result: Any
    share: float
    gradient: Any

    @property
    def total(self) -> float:
        """The sum of results × share."""
        result = self.result
        if result.shape == ():
            return float(result) * len(self.places) * self.share
        with np.errstate(invalid="ignore"):  # infinities of both signs give nan, as eagerly
            return float(np.dot(result, _ones(len(result)))) * self.share


_ones = lru_cache(maxsize=8)(np.ones)


@dataclass
class Batch:
    """The arguments of many calls, as arrays whose first axis is that of the samples.

    Attributes:
        arrays: an array for each argument.
        rows: all numbers of each sample in a row.
        structure: the structure of the arguments of one call.
    """

    arrays: Sequence[Any]
    rows: Any
    structure: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @staticmethod
    def of(batch: Sequence[Any], title: str = "over") -> Batch:
        """A batch from what a user gives to the method `title`.

        Raises:
            ValueError: the numbers of samples differ, or there is none.
            TypeError: it holds something else than numbers.
        """
        arrays = [
            each
            if type(each) is np.ndarray and each.dtype.char == "d" and each.ndim
            else _read(each, f"Argument {place} of {title}(...)")
            for place, each in enumerate(batch, 1)
        ]
        kinds = tuple([(array.shape, array.dtype.char) for array in arrays])
        known = _structures.get(kinds)
        # What is true in one sample and false in another is no part of the structure.
        if known is None or known.has_flags:
            _check(arrays, title)
            has_flags = any(array.dtype.char == "?" for array in arrays)
            arrays = [each.astype(int) if each.dtype.char == "?" else each for each in arrays]
            if len(_structures) > _MOST_KINDS:
                _structures.clear()
            known = _Known(Arguments.of(_sample(arrays, 0), {}).structure, has_flags)
            _structures[kinds] = known
        size = len(arrays[0])
        rows = [array.reshape(size, -1) for array in arrays]
        return Batch(arrays, np.concatenate(rows, axis=1, dtype=float), known.structure)

    def sample(self, index: int) -> tuple[Any, ...]:
        """The arguments of one call."""
        return _sample(self.arrays, index)


class _Known(NamedTuple):
    """What is known of batches by the shapes and types of their arrays.

    Attributes:
        structure: that of the arguments of one call.
        has_flags: whether there are truth values among the numbers.
    """

    structure: tuple[Any, ...]
    has_flags: bool


_structures: dict[Any, _Known] = {}
_MOST_KINDS = 100


def _read(argument: Any, title: str) -> Any:
    """An argument as an array of numbers, with the samples first."""
    if isinstance(argument, Mapping):
        raise TypeError(f"{title} is a dict; give arrays, with the samples along the first axis.")
    if is_real(argument) or (isinstance(argument, np.ndarray) and not argument.ndim):
        raise ValueError(
            f"{title} is one number, without an axis of samples. Repeat it, for example "
            "np.full(len(x), 3.0), or let the function read it from around it."
        )
    array = numbers_of(argument, title, "A batch holds numbers: let the function read all else.")
    if array.dtype.kind in "iu" and array.size and not is_exact(array):
        raise TypeError(
            f"{title} holds whole numbers beyond 2⁵³, which floats do not tell apart. Call the "
            "function on the samples one by one, or give np.asarray(..., float) if that is meant."
        )
    return array


def _check(arrays: Sequence[Any], title: str) -> None:
    """Refuse what has no samples, or different numbers of them."""
    if not arrays:
        raise ValueError(
            f"{title}(...) takes an array for each argument of the function, not nothing."
        )
    counts = [len(array) for array in arrays]
    if len(set(counts)) > 1:
        listed = ", ".join(map(str, counts))
        raise ValueError(f"The first axis is that of the samples; the arguments have {listed}.")
    if not counts[0]:
        raise ValueError("There are no samples: the first axis of the arguments has length 0.")


def _sample(arrays: Sequence[Any], index: int) -> tuple[Any, ...]:
    samples = (array[index] for array in arrays)
    return tuple(s if isinstance(s, np.ndarray) else s.item() for s in samples)
