"""Compiled functions on arrays of PyTorch and JAX: the same programs, run by these libraries.

What comes out is a pure function of arrays, so JAX can compile it and spread it over devices, and
PyTorch runs it wherever its tensors lie. `docs/distributed.md` shows both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from glassgrad.engine.compile.arguments import Arguments
from glassgrad.engine.compile.audit import TOLERANCE, audit, is_due, trusted
from glassgrad.engine.compile.cache import Cache, Sample
from glassgrad.engine.compile.libraries import Library, accepted, library
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.compile.value_and_grad import Numbers
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.text import told
from glassgrad.engine.value import Value

_BATCHED, _WANTED = frozenset({"input"}), frozenset({"captured"})
_APART = (
    "The samples of {} take different ways through its comparisons. On arrays of another library "
    "than numpy all take one: choose with maximum, where or clip instead of an if."
)
_TRACED = (
    "{} compares, or uses an integer as an index, and while JAX traces it there are no numbers to "
    "compare. Choose with maximum, where or clip instead, or call it without jit."
)


class Wiring(NamedTuple):
    """How the arrays of a program and that of the parameters belong together.

    Attributes:
        run: the program, on arrays of the library.
        inputs: the place of each number that the program reads, among those of a sample.
        captured: the place of each captured number among the parameters, behind which those of
            all captured Values follow.
        has_others: whether Values are captured that are no parameters.
        parameters: the place of each parameter in the gradient, behind which a zero follows.
    """

    run: Callable[..., Any]
    inputs: Any
    captured: Any
    has_others: bool
    parameters: Any


class ArrayFunction:
    """The value and the gradient over a batch as a pure function of arrays of a library.

    Args:
        cache: the recordings of the function.
        parameters: the Values whose numbers stand in the first array.
        namespace: the module of the library, torch or jax.numpy.
        reduction: "mean" or "sum".
        dtype: the precision, "float64" or "float32".

    Raises:
        TypeError: the namespace is no such module.
        ValueError: there is no such reduction or precision.
    """

    def __init__(
        self,
        cache: Cache,
        parameters: Sequence[Value],
        namespace: Any,
        reduction: str = "mean",
        dtype: str = "float64",
    ) -> None:
        if reduction not in ("mean", "sum"):
            raise ValueError(f'reduction is "mean" or "sum" here, not {told(reduction)}.')
        accepted(namespace, dtype)
        self._cache = cache
        self._parameters = tuple(parameters)
        self._namespace = namespace
        self._reduction = reduction
        self._dtype = dtype
        self._wirings: dict[tuple[Program, Library], Wiring] = {}

    def __call__(self, array: Any, *batch: Any) -> tuple[Any, Any]:
        """The value and the gradient by the parameters.

        Args:
            array: the numbers of the parameters.
            batch: what one call of the function takes, with an axis of samples in front.

        Raises:
            ValueError: the shapes do not belong together.
            RuntimeError: JAX is set up for single precision, and double was asked for.
            CompilationError: the samples take different ways through comparisons, or JAX traces
                the function and there are comparisons, or a part of it is no array operation.
        """
        host = library(self._namespace, self._dtype, array)
        given = host.numbers(array)
        count, shape = len(self._parameters), tuple(given.shape)
        if shape != (count,):
            takes = f"takes an array of {count} numbers, not of shape {shape}."
            raise ValueError(f"value_and_grad of {self._cache.title} {takes}")
        arrays = [host.array(each) for each in batch]
        _check_batch(arrays)
        if self._cache.why_eager is not None:
            raise self._cache.cannot_repeat()
        with np.errstate(all="ignore"), host.silence():
            return trusted(
                self._cache, lambda: self._evaluated(host, given, arrays), self._cache.refuse
            )

    def _evaluated(self, host: Library, given: Any, arrays: Sequence[Any]) -> tuple[Any, Any]:
        size = arrays[0].shape[0]
        rows = tuple([host.numbers(each).reshape(size, -1) for each in arrays])
        inputs = host.function("concatenate")(rows, 1)
        is_traced = any(map(host.is_traced, (given, *arrays)))
        at = None if is_traced else Numbers(self._parameters, lambda: host.in_numpy(given))
        structure = Arguments.of([_plain(host.stand_in(each)) for each in arrays], {}).structure

        def first() -> Sample:
            sample = map(host.stand_in if is_traced else host.first, arrays)
            return tuple(map(_plain, sample)), {}

        is_first_served = False
        for case, is_new in self._cache.candidates(structure, first, at=at):
            if is_new and is_first_served:
                break
            recording, began = case.recording, perf_counter()
            if recording.guards and is_traced:
                raise CompilationError(_TRACED.format(self._cache.title))
            results, value, gradient, holds = self._run(host, recording, given, inputs)
            compared: Any = host.in_numpy(holds) if recording.guards else True
            found = np.broadcast_to(compared, size)
            if not found.all():
                is_first_served |= bool(found[0])
                continue
            if not is_traced and is_due(self._cache, case, began):
                ours = [float(host.in_numpy(results[0]))]
                tolerance = max(TOLERANCE, 1e3 * float(np.finfo(self._dtype).eps))
                audit(self._cache, case, first(), ours, at=at, tolerance=tolerance)
            return value, gradient
        raise CompilationError(_APART.format(self._cache.title))

    def _run(
        self, host: Library, recording: Recording, given: Any, inputs: Any
    ) -> tuple[Any, Any, Any, Any]:
        """The results, their sum or mean, the gradient, and whether comparisons come out as they
        were recorded.
        """
        size = inputs.shape[0]
        share = 1.0 / size if self._reduction == "mean" else 1.0
        zeros, join = host.function("zeros"), host.function("concatenate")
        wiring = self._wiring(host, recording)
        captured = given
        if wiring.has_others:
            program = recording.program(_BATCHED, _WANTED)
            others = [value.data for value in _captured_by(recording, program)]
            captured = join((given, host.numbers(others)), 0)
        result, holds, _, gradient = wiring.run(
            inputs[:, wiring.inputs], captured[wiring.captured], zeros((size, 1)) + share
        )
        results = host.function("broadcast_to")(result, (size,))
        parts = (zeros((1,)),) if gradient is None else (gradient, zeros((1,)))
        return results, results.sum() * share, join(parts, 0)[wiring.parameters], holds

    def _wiring(self, host: Library, recording: Recording) -> Wiring:
        program = recording.program(_BATCHED, _WANTED)
        key = (program, host)
        if key not in self._wirings:
            self._wirings[key] = self._wired(host, recording, program)
        return self._wirings[key]

    def _wired(self, host: Library, recording: Recording, program: Program) -> Wiring:
        count, values = len(self._parameters), _captured_by(recording, program)
        place = {id(value): i for i, value in enumerate(self._parameters)}
        captured = [place.get(id(value), count + i) for i, value in enumerate(values)]
        place = {id(value): i for i, value in enumerate(values)}
        parameters = [place.get(id(value), len(values)) for value in self._parameters]
        return Wiring(
            host.executed(program, self._cache.title),
            host.array(np.array(program.orders["input"], dtype=int)),
            host.array(np.array(captured, dtype=int)),
            any(i >= count for i in captured),
            host.array(np.array(parameters, dtype=int)),
        )


def _captured_by(recording: Recording, program: Program) -> list[Value]:
    """The captured Values in the order of a program."""
    return [recording.captured[i] for i in program.orders["captured"]]


def _check_batch(arrays: Sequence[Any]) -> None:
    counts = {tuple(array.shape[:1]) for array in arrays}
    if len(counts) != 1 or counts <= {(), (0,)}:
        shapes = ", ".join(str(tuple(array.shape)) for array in arrays) or "nothing"
        raise ValueError(
            f"A batch is arrays whose first axis is that of the samples, not {shapes}."
        )


def _plain(sample: Any) -> Any:
    """A sample as a call takes it: a number where there is only one."""
    array = sample.astype(int) if sample.dtype.kind == "b" else sample
    return array if array.ndim else array.item()
