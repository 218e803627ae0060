"""`Compiled.value_and_grad`: the value and the gradient over a batch, by an array of parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from glassgrad.engine.compile.audit import trusted
from glassgrad.engine.compile.batch import Batch
from glassgrad.engine.compile.cache import Cache
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.compile.serving import CAPTURED, served
from glassgrad.engine.text import describe
from glassgrad.engine.value import Value, is_parameter


class Evaluation:
    """The value and the gradient over a batch as a function of arrays of numpy.

    Args:
        cache: its recordings.
        parameters: the Values whose numbers stand in the first array.
        reduction: "mean" or "sum".
    """

    def __init__(self, cache: Cache, parameters: tuple[Value, ...], reduction: str) -> None:
        self._cache = cache
        self._parameters, self._reduction = parameters, reduction

    def __call__(self, array: Any, *batch: Any) -> tuple[float, Any]:
        """The value and the gradient by the parameters.

        Args:
            array: the numbers of the parameters.
            batch: what one call of the function takes, with an axis of samples in front.

        Raises:
            ValueError: the shapes do not belong together, or none of the parameters is read.
            TypeError: there is something else than numbers.
            CompilationError: the samples take too many ways through comparisons, or the function
                does not depend on its arguments and the parameters alone.
        """
        cache, parameters = self._cache, self._parameters
        given = _numbers(array)
        if given.shape != (len(parameters),):
            shape = f"an array of {len(parameters)} numbers, not of shape {given.shape}"
            raise ValueError(f"value_and_grad of {cache.title} takes {shape}.")
        samples = Batch.of(batch)
        if cache.why_eager is not None:
            raise cache.cannot_repeat()
        return trusted(cache, lambda: self._evaluated(given, samples), cache.refuse)

    def _evaluated(self, given: Any, samples: Batch) -> tuple[float, Any]:
        parameters = self._parameters

        def numbers(recording: Recording, program: Program) -> Any:
            places = recording.places(program, parameters)
            return places.read(given, lambda: recording.numbers(program))

        total, gradient, is_read = 0.0, None, not parameters
        parts = served(
            self._cache,
            samples,
            share=1.0 / len(samples) if self._reduction == "mean" else 1.0,
            wanted=CAPTURED,
            numbers_of=numbers,
            at=Numbers(parameters, lambda: given),
        )
        for part in parts:
            places = part.recording.places(part.program, parameters)
            gradient = places.add(gradient, part.gradient)
            total += part.total
            is_read = is_read or len(places.mine) > 0
        if not is_read:
            raise ValueError(
                f"{self._cache.title} reads none of the parameters that value_and_grad was given. "
                "Give those of the model that it reads now."
            )
        return total, np.zeros(len(parameters)) if gradient is None else gradient


class Numbers(Mapping[int, float]):
    """The numbers of an array by the addresses of Values; made into a dict when it is read.

    Args:
        values: the Values.
        array: gives their numbers.
    """

    def __init__(self, values: Iterable[Value], array: Callable[[], Any]) -> None:
        self._values, self._array = values, array

    @cached_property
    def _known(self) -> dict[int, float]:
        return dict(zip(map(id, self._values), self._array().tolist()))

    def __getitem__(self, address: int) -> float:
        return self._known[address]

    def __iter__(self) -> Iterator[int]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


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
