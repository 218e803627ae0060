"""`Batch`: the samples that a compiled function is called with all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from engine.compiled.arguments import Arguments
from engine.compiled.program import Program
from engine.compiled.recording import Recording


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
        counts = {array.shape[:1] for array in arrays}
        if len(counts) != 1 or counts <= {(), (0,)}:
            shapes = ", ".join(str(array.shape) for array in arrays) or "nothing"
            raise ValueError(
                f"A batch is arrays whose first axis is that of the samples, not {shapes}."
            )
        if any(array.dtype.kind not in "fiub" for array in arrays):
            raise TypeError(
                "A batch holds numbers. Values belong into the function, as parameters."
            )
        # What is true in one sample and false in another is no part of the structure.
        arrays = [array.astype(int) if array.dtype.kind == "b" else array for array in arrays]
        size = len(arrays[0])
        rows = [np.reshape(array, (size, -1)) for array in arrays]
        kinds = tuple([(array.shape[1:], array.dtype.kind) for array in arrays])
        if kinds not in _structures:
            _structures.clear()
            _structures[kinds] = Arguments.of(_sample(arrays, 0), {}).structure
        return Batch(arrays, np.concatenate(rows, axis=1, dtype=float), _structures[kinds])

    def sample(self, index: int) -> tuple[Any, ...]:
        """The arguments of one call."""
        return _sample(self.arrays, index)


_structures: dict[Any, tuple[Any, ...]] = {}
"""The structure that was found last; most batches of a program are of one kind."""


def _sample(arrays: Sequence[Any], index: int) -> tuple[Any, ...]:
    samples = (array[index] for array in arrays)
    return tuple(s if isinstance(s, np.ndarray) else s.item() for s in samples)
