"""`Compiled.value_and_grad`: the value and the gradient over a batch, by an array of parameters.

On arrays of PyTorch and JAX (`libraries.py`) it is a pure function, so JAX can compile it and
spread it over devices, and PyTorch runs it wherever its tensors lie: `docs/distributed.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from glassgrad.engine.compile.arguments import Batch, Sample, sample_of, structure_of
from glassgrad.engine.compile.cache import CAPTURED, INPUT, Cache
from glassgrad.engine.compile.libraries import Library, check_module, library
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.recording import Point, Recording
from glassgrad.engine.errors import CompilationError, NonFiniteError
from glassgrad.engine.misuse import name
from glassgrad.engine.text import describe, told
from glassgrad.engine.trap import is_trapping
from glassgrad.engine.value import Value, is_parameter


class Evaluation:
    """The value and the gradient over a batch as a function of arrays of numpy."""

    def __init__(self, cache: Cache, parameters: tuple[Value, ...], reduction: str) -> None:
        self._cache = cache
        self._parameters, self._reduction = parameters, reduction

    def __call__(self, array: Any, *batch: Any) -> tuple[float, Any]:
        parameters, point = self._parameters, Point(self._parameters, _numbers(array))
        self._check_shape(point.array.shape)
        samples = Batch.of(batch)
        divisor = divisor_of(self._reduction, samples.size)
        parts = self._cache.served(samples, divisor=divisor, wanted=CAPTURED, at=point)
        if parts is None:
            self._cache.refuse()
        total, gradient, is_read = 0.0, None, not parameters
        for part in parts:
            places = part.recording.places(part.program, parameters)
            slopes = places.back(part.gradient)
            gradient = slopes if gradient is None else gradient + slopes
            total += part.total
            is_read = is_read or places.is_read
        if not is_read:
            raise ValueError(
                f"{self._cache.title} reads none of the parameters that value_and_grad was given. "
                "Give those of the model that it reads now."
            )
        if is_trapping():
            self._check_finite(total, gradient)
        return total, gradient

    def _check_shape(self, shape: Any) -> None:
        if tuple(shape) != (len(self._parameters),):
            raise ValueError(
                f"value_and_grad of {self._cache.title} takes an array of {len(self._parameters)} "
                f"numbers, not of shape {tuple(shape)}."
            )

    def _check_finite(self, total: float, gradient: Any) -> None:
        """What `trap()` does, where no single node is looked at."""
        found = np.flatnonzero(~np.isfinite(gradient))
        if isfinite(total) and not found.size:
            return
        what = f"{total}"
        if isfinite(total):
            what = f"a gradient of {gradient[found[0]]} by {name(self._parameters[found[0]])}"
        raise NonFiniteError(
            f"value_and_grad of {self._cache.title} gives {what}. To see in which operation it "
            f"arose, call {self._cache.title} on the samples one by one inside trap()."
        )


def divisor_of(reduction: str, size: int, kinds: Sequence[str] = ("mean", "sum")) -> int:
    """What the sum of results is divided by in a mean or a sum of so many."""
    if reduction not in kinds:
        raise ValueError(f"reduction is one of {', '.join(kinds)}, not {told(reduction)}.")
    return size if reduction == "mean" else 1


def leaves_only(parameters: Any) -> tuple[Value, ...]:
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
    if type(array) is np.ndarray and array.dtype.char == "d":
        return array
    found = np.asarray(array)
    if found.dtype.kind not in "fiub":
        raise TypeError(f"Parameters are an array of real numbers, not of {found.dtype.name}.")
    return found.astype(float, copy=False)


class ArrayFunction(Evaluation):
    """The same as a pure function of arrays of a library."""

    def __init__(
        self, cache: Cache, parameters: tuple[Value, ...], reduction: str, namespace: Any
    ) -> None:
        super().__init__(cache, parameters, reduction)
        check_module(namespace)
        self._namespace = namespace
        self._runs: WeakKeyDictionary[Program, dict[Library, Any]] = WeakKeyDictionary()

    def __call__(self, array: Any, *batch: Any) -> tuple[Any, Any]:
        host = library(self._namespace, array)
        given = host.numbers(array)
        self._check_shape(given.shape)
        arrays = [host.array(each) for each in batch]
        for place, each in enumerate(arrays, 1):
            if not host.is_real(each):
                raise TypeError(
                    f"Argument {place} of value_and_grad of {self._cache.title} takes real numbers "
                    f"in an array, not {each.dtype}. Give its numbers as floats."
                )
        with np.errstate(all="ignore"), host.silence():
            found = self._cache.trusted(self._evaluated, host, given, arrays)
        return found or self._cache.refuse()

    def _evaluated(self, host: Library, given: Any, arrays: Sequence[Any]) -> tuple[Any, Any]:
        cache = self._cache
        kinds = [(tuple(each.shape), "d" if host.is_float(each) else "l") for each in arrays]
        structure, size = structure_of("value_and_grad", *kinds), arrays[0].shape[0]
        is_traced = any(map(host.is_traced, (given, *arrays)))
        at = None if is_traced else Point(self._parameters, host.in_numpy(given))
        sample: Callable[[], Sample] = lambda: sample_of([host.first(each) for each in arrays], 0)
        case = cache.first(structure, sample, at)
        if case.recording.guards:
            raise CompilationError(
                f"{cache.title} compares, or uses an integer as an index. On arrays of another "
                "library than numpy all samples take one way: choose with maximum, where or clip "
                "instead of an if."
            )
        began = perf_counter()
        program = case.recording.program(INPUT, CAPTURED)
        runs = self._runs.setdefault(program, {})
        if host not in runs:
            runs[host] = self._wired(host, case.recording, program)
        rows = tuple([host.numbers(each).reshape(size, -1) for each in arrays])
        inputs, divisor = host.function("concatenate")(rows, 1), divisor_of(self._reduction, size)
        shares = host.function("zeros")((size, 1)) + 1.0 / divisor
        result, gradient = runs[host](given, inputs, shares)
        results = host.function("broadcast_to")(result, (size,))
        value = results.sum() / divisor
        if not is_traced and cache.is_due(case, began):
            cache.audit(case, sample(), [float(host.in_numpy(results[0]))], at)
        if is_trapping() and not is_traced:
            self._check_finite(float(host.in_numpy(value)), host.in_numpy(gradient))
        return value, gradient

    def _wired(self, host: Library, recording: Recording, program: Program) -> Callable[..., Any]:
        """The program as a function of parameters, inputs and the share of each sample."""
        places, values = recording.places(program, self._parameters), program.values
        run, join = host.executed(program, self._cache.title), host.function("concatenate")
        order, captured, parameters = map(
            host.array, (program.orders["input"], places.captured, places.parameters)
        )

        def wired(given: Any, inputs: Any, shares: Any) -> Any:
            if not places.is_covered:
                given = join((given, host.numbers([value.data for value in values])), 0)
            result, _, gradient = run(inputs[:, order], given[captured], shares)
            zero = host.function("zeros")((1,))  # JAX makes another one for what it traces
            slopes = (zero,) if gradient is None else (gradient, zero)
            return result, join(slopes, 0)[parameters]

        return wired
