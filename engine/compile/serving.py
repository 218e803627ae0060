"""Which recordings serve the samples of a batch: one after the other, on what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from glassgrad.engine.compile.batch import Batch, Part
from glassgrad.engine.compile.known import Known
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.recording import Recording

NOTHING: frozenset[str] = frozenset()
INPUT, CAPTURED = frozenset({"input"}), frozenset({"captured"})


def served(
    known: Known,
    samples: Batch,
    *,
    share: float = 1.0,
    wanted: frozenset[str] = NOTHING,
    numbers_of: Callable[[Recording, Program], Any] = Recording.numbers,
    has_several: bool = False,
    recorded_at: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Iterator[Part]:
    """The parts of a batch that a recording serves; what none serves is recorded.

    Args:
        known: the recordings of the function.
        samples: the batch.
        share: what the results are multiplied by, for their sum or their mean.
        wanted: the kinds of leaves whose gradients are computed.
        numbers_of: the numbers of the captured Values that a program reads.
        has_several: whether the function may return several numbers.
        recorded_at: what is around a recording, which takes its way by the numbers of Values then.
    """
    recordings = known.of_batch(samples.structure, has_several)
    left, tried = np.arange(len(samples)), 0
    while len(left):
        is_new = tried == len(recordings)
        if is_new:
            with recorded_at():
                recording = known.record(recordings, samples.sample(int(left[0])), has_several)
        else:
            recording = recordings[tried]
        tried += 1
        if not is_new and not known.is_current(recording):
            continue
        program = recording.program(INPUT, wanted)
        numbers = numbers_of(recording, program)
        inputs = _inputs(samples, program, left)
        result, holds, gradient = _run(program, inputs, numbers, share, wanted)
        serves = np.array(np.broadcast_to(holds, len(left))) if recording.guards else None
        if serves is not None and is_new:
            serves[0] = True  # it serves its own sample, even where a tie comes out otherwise
        if serves is None or serves.all():
            yield Part(recording, program, left, result, share, gradient)
            return
        if serves.any():
            if wanted:
                result, _, gradient = _run(program, inputs[serves], numbers, share, wanted)
            elif np.ndim(result) > recording.has_several:
                result = result[serves]
            yield Part(recording, program, left[serves], result, share, gradient)
        left = left[~serves]


def _inputs(samples: Batch, program: Program, left: Any) -> Any:
    """The numbers of the samples that are left, in the order of a program."""
    inputs, order = samples.rows, program.orders["input"]
    if not program.is_in_order or len(order) < inputs.shape[1]:
        inputs = inputs[:, order]
    return inputs if len(left) == len(samples) else inputs[left]


def _run(
    program: Program, inputs: Any, numbers: Any, share: float, wanted: frozenset[str]
) -> tuple[Any, Any, Any]:
    """The results of all samples, which guards hold, and the gradient of their sum × share."""
    result, holds, _, gradient = program.run(inputs, numbers, share if wanted else None)
    return result, holds, gradient
