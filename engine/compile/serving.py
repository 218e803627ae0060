"""Which recordings serve the samples of a batch: one after the other, on what is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from glassgrad.engine.compile.audit import audit, is_due
from glassgrad.engine.compile.batch import Batch, Part
from glassgrad.engine.compile.cache import Cache
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.recording import Recording

NOTHING: frozenset[str] = frozenset()
INPUT, CAPTURED = frozenset({"input"}), frozenset({"captured"})


def served(
    cache: Cache,
    samples: Batch,
    *,
    share: float = 1.0,
    wanted: frozenset[str] = NOTHING,
    numbers_of: Callable[[Recording, Program], Any] = Recording.numbers,
    has_several: bool = False,
    at: Mapping[int, float] | None = None,
) -> list[Part]:
    """The parts of a batch that a recording serves; what none serves is recorded.

    Args:
        cache: the recordings of the function.
        samples: the batch.
        share: what the results are multiplied by, for their sum or their mean.
        wanted: the kinds of leaves whose gradients are computed.
        numbers_of: the numbers of the captured Values that a program reads.
        has_several: whether the function may return several numbers.
        at: the numbers of Values by their addresses, where others count than their own.

    Raises:
        CompilationError: the samples take too many ways.
        StaleError: an audit found that a recording is no longer right; see `audit.trusted`.
    """
    left, parts = np.arange(len(samples)), list[Part]()
    candidates = cache.candidates(
        samples.structure,
        lambda: (samples.sample(int(left[0])), {}),
        has_several=has_several,
        at=at,
    )
    for case, is_new in candidates:
        recording, began = case.recording, perf_counter()
        program = recording.program(INPUT, wanted)
        numbers = numbers_of(recording, program)
        inputs = _inputs(samples, program, left)
        result, holds, _, gradient = program.run(inputs, numbers, share if wanted else None)
        serves, places = None, left
        if recording.guards:
            serves = np.array(np.broadcast_to(holds, len(left)))
            serves[0] |= is_new  # it serves its own sample, even where a tie comes out otherwise
            if not serves.any():
                continue
            if serves.all():
                serves = None
        if serves is not None:
            places = left[serves]
            if wanted:
                result, _, _, gradient = program.run(inputs[serves], numbers, share)
            elif np.ndim(result) > has_several:
                result = result[serves]
        if is_due(cache, case, began):
            place = case.uses % len(places)  # another one each time
            ours = result[place] if np.ndim(result) > has_several else result
            sample = samples.sample(int(places[place]))
            audit(cache, case, (sample, {}), np.ravel(ours).tolist(), at=at)
        parts.append(Part(recording, program, places, result, share, gradient))
        if serves is None:
            return parts
        left = left[~serves]
    raise cache.too_many(samples.structure, has_several)


def _inputs(samples: Batch, program: Program, left: Any) -> Any:
    """The numbers of the samples that are left, in the order of a program."""
    inputs, order = samples.rows, program.orders["input"]
    if not program.is_in_order or len(order) < inputs.shape[1]:
        inputs = inputs[:, order]
    return inputs if len(left) == len(samples) else inputs[left]
