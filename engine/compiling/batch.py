"""`Batch`: the samples that a compiled function is called with all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from engine.compiling.arguments import Arguments
from engine.compiling.program import Program
from engine.compiling.recording import Recording


class Part(NamedTuple):
    """The samples of a batch that one recording serves: the sum of their results, its gradient."""

    recording: Recording
    program: Program
    total: float
    gradient: Any


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
    def of(batch: Sequence[Any]) -> Batch:
        """A batch from what a user gives.

        Raises:
            ValueError: the numbers of samples differ, or there is none.
            TypeError: it holds something else than numbers.
        """
        arrays = [np.asarray(array) for array in batch]
        kinds = tuple([(array.shape, array.dtype.char) for array in arrays])
        structure = _structures.get(kinds)
        if structure is None:
            _check(arrays)
        # What is true in one sample and false in another is no part of the structure.
        arrays = [array.astype(int) if array.dtype.char == "?" else array for array in arrays]
        if structure is None:
            structure = Arguments.of(_sample(arrays, 0), {}).structure
            if len(_structures) > _MOST_KINDS:
                _structures.clear()
            _structures[kinds] = structure
        size = len(arrays[0])
        rows = [array.reshape(size, -1) for array in arrays]
        return Batch(arrays, np.concatenate(rows, axis=1, dtype=float), structure)

    def sample(self, index: int) -> tuple[Any, ...]:
        """The arguments of one call."""
        return _sample(self.arrays, index)


_structures: dict[Any, tuple[Any, ...]] = {}
"""The structure of one call for batches of known shapes and types."""
_MOST_KINDS = 100


def _check(arrays: Sequence[Any]) -> None:
    counts = {array.shape[:1] for array in arrays}
    if len(counts) != 1 or counts <= {(), (0,)}:
        shapes = ", ".join(str(array.shape) for array in arrays) or "nothing"
        raise ValueError(
            f"A batch is arrays whose first axis is that of the samples, not {shapes}."
        )
    if any(array.dtype.kind not in "fiub" for array in arrays):
        raise TypeError("A batch holds numbers. Values belong into the function, as parameters.")


def _sample(arrays: Sequence[Any], index: int) -> tuple[Any, ...]:
    samples = (array[index] for array in arrays)
    return tuple(s if isinstance(s, np.ndarray) else s.item() for s in samples)
