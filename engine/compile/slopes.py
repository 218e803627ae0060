"""`Compiled.value_and_grad`: the value and the gradient over a batch, by an array of parameters."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from glassgrad.engine.compile.batch import Batch
from glassgrad.engine.compile.known import Known
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.compile.serving import CAPTURED, served
from glassgrad.engine.text import describe
from glassgrad.engine.value import Value, is_parameter
from glassgrad.engine.vectors import standing_at


class Evaluation:
    """The value and the gradient over a batch as a function of arrays of numpy.

    Args:
        title: the name of the function, for errors.
        known: its recordings.
        parameters: the Values whose numbers stand in the first array.
        reduction: "mean" or "sum".
    """

    def __init__(
        self, title: str, known: Known, parameters: tuple[Value, ...], reduction: str
    ) -> None:
        self._title, self._known = title, known
        self._parameters, self._reduction = parameters, reduction
        self._nothing = np.zeros(len(parameters))

    def __call__(self, array: Any, *batch: Any) -> tuple[float, Any]:
        """The value and the gradient by the parameters.

        Args:
            array: the numbers of the parameters.
            batch: what one call of the function takes, with an axis of samples in front.

        Raises:
            ValueError: the shapes do not belong together, or none of the parameters is read.
            TypeError: there is something else than numbers.
            CompilationError: the samples take too many ways through comparisons.
        """
        parameters = self._parameters
        given = _numbers(array)
        if given.shape != (len(parameters),):
            shape = f"an array of {len(parameters)} numbers, not of shape {given.shape}"
            raise ValueError(f"value_and_grad of {self._title} takes {shape}.")
        samples = Batch.of(batch)

        def numbers(recording: Recording, program: Program) -> Any:
            places = recording.places(program, parameters)
            return places.read(given, lambda: recording.numbers(program))

        total, gradient, is_read = 0.0, self._nothing, not parameters
        share = 1.0 / len(samples) if self._reduction == "mean" else 1.0
        parts = served(
            self._known,
            samples,
            share=share,
            wanted=CAPTURED,
            numbers_of=numbers,
            recorded_at=partial(standing_at, parameters, given),
        )
        for part in parts:
            places = part.recording.places(part.program, parameters)
            gradient = places.add(gradient, part.gradient)
            total += part.total
            is_read = is_read or len(places.mine) > 0
        if not is_read:
            raise ValueError(
                f"{self._title} reads none of the parameters that value_and_grad was given. "
                "Give those of the model that it reads now."
            )
        return total, gradient


def leaves_only(parameters: Any) -> tuple[Value, ...]:
    """The parameters, if they are leaf Values, each once."""
    wanted = "value_and_grad takes leaf Values, for example model.parameters()"
    if not isinstance(parameters, Iterable):
        raise TypeError(f"{wanted}, not {describe(parameters)}.")
    found = tuple(parameters)
    for parameter in found:
        if not is_parameter(parameter):
            raise TypeError(f"{wanted}, not {describe(parameter)}.")
    if len(set(found)) < len(found):
        raise ValueError(f"{wanted}, each of them once.")
    return found


def _numbers(array: Any) -> Any:
    found = np.asarray(array)
    if found.dtype.kind not in "fiub":
        raise TypeError(f"Parameters are an array of real numbers, not of {found.dtype.name}.")
    return found.astype(float, copy=False)
