"""`compiled(f)`: what users call. It finds the recording that serves a call, or makes one."""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from types import MethodType
from typing import Any

import numpy as np

from engine.compiling.arguments import Arguments
from engine.compiling.batch import Batch, Part
from engine.compiling.elsewhere import ArrayFunction
from engine.compiling.known import MOST_RECORDINGS, Known
from engine.compiling.program import Program
from engine.compiling.recording import Recording
from engine.compiling.result import node_of, total_of
from engine.mode import MODE
from engine.table import sum as add_up
from engine.text import counted, describe, told
from engine.value import Value

NOTHING: frozenset[str] = frozenset()
INPUT, CAPTURED = frozenset({"input"}), frozenset({"captured"})
REDUCTIONS = ("mean", "sum", "none")


class Compiled:
    """A function of numbers and Values that runs as an array program; made by `compiled`."""

    is_closed = True

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.known = Known(self.title, function)
        self._name = f"_compiled_{self.title}"
        functools.update_wrapper(self, function)

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        if owner is None:
            return self
        kept = getattr(owner, "__dict__", {})  # an object with __slots__ cannot keep it
        bound = kept.get(self._name)
        if bound is None or bound.function.__self__ is not owner:  # it is that of another copy
            bound = kept[self._name] = Compiled(MethodType(self.function, owner))
        return bound

    def __reduce__(self) -> Any:
        """A compiled function is copied and pickled by its name, without its recordings."""
        if isinstance(self.function, MethodType):
            return getattr, (self.function.__self__, self.title)
        module = sys.modules.get(getattr(self, "__module__", None) or "")
        path = getattr(self, "__qualname__", "")
        with suppress(AttributeError):
            if module is not None and operator.attrgetter(path)(module) is self:
                return path
        return compiled, (self.function,)

    def __repr__(self) -> str:
        return f"<compiled {self.title}, {counted(len(self.recordings), 'recording')}>"

    @property
    def title(self) -> str:
        """The name of the function."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    def __call__(self, *args: Any, **named: Any) -> Value:
        """The result as a Value whose parents are the Values that it depends on.

        Raises:
            CompilationError: the function does what a recording cannot repeat.
        """
        if _is_watched():
            return self.function(*args, **named)  # type: ignore[no-any-return]
        given = Arguments.of(args, named)
        recordings = self.known.of(given.structure)
        if recordings is None:
            return self.function(*args, **named)  # type: ignore[no-any-return]
        numbers = np.array(given.numbers)
        wanted = _wanted(given)
        tried = 0
        while True:
            is_new = tried == len(recordings)
            if is_new:
                if len(recordings) >= MOST_RECORDINGS:
                    return self.function(*args, **named)  # type: ignore[no-any-return]
                recordings.append(self.known.recorded(args, named))
            recording = recordings[tried]
            tried += 1
            if not is_new and not recording.contents.are_the_same():
                continue
            program = recording.program(NOTHING, wanted)
            inputs, seed = numbers[program.orders["input"]], np.ones(1) if wanted else None
            result, holds, *slopes = program.run(inputs, recording.numbers(program), seed)
            # A new recording serves its own call, even where a tie comes out otherwise in arrays.
            if holds or is_new:
                return node_of(recording, program, float(result), slopes, given)

    def over(self, *batch: Any, reduction: str = "mean") -> Any:
        """The function over a batch of samples.

        Args:
            batch: what one call takes, as arrays with one more axis in front: the samples.
            reduction: "mean" or "sum" of the results; "none" for an array of all of them.

        Raises:
            ValueError: there is no such reduction, or the numbers of samples differ.
            CompilationError: the samples take too many ways through comparisons.

        Example:
            >>> from engine import Value
            >>> from engine import compiled
            >>> w = Value(2.0)
            >>> loss = compiled(lambda x, y: (w * x - y) ** 2)
            >>> l = loss.over([1.0, 2.0], [1.0, 3.0])
            >>> l.backward()
            >>> l.data, w.grad
            (1.0, 3.0)
        """
        samples = Batch.of(batch)
        share = _share(reduction, len(samples))
        if reduction == "none" or _is_watched():
            results = [self(*samples.sample(i)) for i in range(len(samples))]
            if reduction != "none":
                return add_up(results) * share
            found: Any = np.empty(len(samples), object)
            found[:] = results
            return found
        wanted = CAPTURED if MODE.get().recording else NOTHING
        parts = list(self._parts(samples, share, wanted, Recording.numbers))
        return total_of(self.title, len(samples), parts)

    def value_and_grad(
        self,
        parameters: Sequence[Value],
        *,
        reduction: str = "mean",
        namespace: Any = np,
        dtype: str = "float64",
    ) -> Callable[..., tuple[Any, Any]]:
        """The function over a batch as a function of an array of parameters; no Value is touched.

        Args:
            parameters: the Values whose numbers stand in the array, in this order.
            reduction: "mean" or "sum" of the results.
            namespace: numpy, torch or jax.numpy, the module: the arrays are of that library.
            dtype: "float64"; for torch and jax.numpy also "float32".

        Returns:
            A function of the array and the batch that gives the value and the gradient, an array.
            That of another library than numpy is pure: `docs/distributed.md` shows its use.

        Example:
            >>> from engine import Value
            >>> from engine import compiled
            >>> w = Value(2.0)
            >>> loss = compiled(lambda x, y: (w * x - y) ** 2)
            >>> loss.value_and_grad([w])([2.0], [1.0, 2.0], [1.0, 3.0])
            (1.0, array([3.]))
        """
        if reduction not in ("mean", "sum"):
            raise ValueError(f'reduction is "mean" or "sum" here, not {told(reduction)}.')
        parameters = _leaves(parameters)
        if (namespace, dtype) != (np, "float64"):
            return ArrayFunction(self, parameters, namespace, reduction, dtype)

        nothing = np.zeros(len(parameters))

        def evaluate(array: Any, *batch: Any) -> tuple[float, Any]:
            given = _numbers(array)
            if given.shape != (len(parameters),):
                shape = f"an array of {len(parameters)} numbers, not of shape {given.shape}"
                raise ValueError(f"value_and_grad of {self.title} takes {shape}.")
            samples = Batch.of(batch)

            def numbers(recording: Recording, program: Program) -> Any:
                places = recording.places(program, parameters)
                return places.read(given, lambda: recording.numbers(program))

            total, gradient, is_read = 0.0, nothing, not parameters
            share = _share(reduction, len(samples))
            for part in self._parts(samples, share, CAPTURED, numbers):
                places = part.recording.places(part.program, parameters)
                gradient = places.add(gradient, part.gradient)
                total += part.total
                is_read = is_read or len(places.mine) > 0
            if not is_read:
                raise ValueError(
                    f"{self.title} reads none of the parameters that value_and_grad was given. "
                    "Give those of the model that it reads now."
                )
            return total, gradient

        return evaluate

    def _parts(
        self,
        samples: Batch,
        share: float,
        wanted: frozenset[str],
        numbers_of: Callable[[Recording, Program], Any],
    ) -> Iterator[Part]:
        """The batch by the recordings that serve its samples; what none serves is recorded."""
        recordings = self.known.of_batch(samples.structure)
        left, tried = np.arange(len(samples)), 0
        while len(left):
            is_new = tried == len(recordings)
            if is_new:
                self.known.record(recordings, samples.sample(int(left[0])))
            recording = recordings[tried]
            tried += 1
            if not is_new and not recording.contents.are_the_same():
                continue
            program = recording.program(INPUT, wanted)
            numbers = numbers_of(recording, program)
            inputs = samples.rows
            order = program.orders["input"]
            if not program.is_in_order or len(order) < inputs.shape[1]:
                inputs = inputs[:, order]
            inputs = inputs if len(left) == len(samples) else inputs[left]
            result, holds, gradient = _run(program, inputs, numbers, share, wanted)
            served = np.array(np.broadcast_to(holds, len(left))) if recording.guards else None
            if served is not None and is_new:
                served[0] = True  # it serves its own sample, even where a tie comes out otherwise
            if served is None or served.all():
                yield Part(recording, program, _sum(result, len(left)) * share, gradient)
                return
            if served.any():
                result, _, gradient = _run(program, inputs[served], numbers, share, wanted)
                yield Part(recording, program, _sum(result, served.sum()) * share, gradient)
            left = left[~served]

    @property
    def program(self) -> str:
        """The array programs made so far, as source text over numpy."""
        texts = [p.text for r in self.recordings for p in r.programs()]
        return "\n\n".join(texts) or f"# {self.title} has no program yet: call it once.\n"

    def report(self) -> str:
        """What was recorded, pass by pass, and what became of it; and where no more is recorded."""
        lines = [recording.report() for recording in self.recordings] + self.known.limits()
        return "\n".join(lines) or f"{self.title}: nothing is recorded yet; call it once"

    @property
    def recordings(self) -> list[Recording]:
        """What was recorded, one for each structure of arguments and way through comparisons."""
        return self.known.recordings()


def compiled(function: Callable[..., Any]) -> Compiled:
    """The same function, recorded at its first call and run as an array program from then on.

    Floats, Values, arrays and lists of them may be other numbers in each call. Comparisons are
    looked at again in each call; if one comes out otherwise, the function is recorded once more.
    Everything else that it does, such as drawing random numbers or printing, happens only while it
    is recorded. Use it as a decorator or as a function.

    Raises:
        TypeError: `function` cannot be called.

    Example:
        >>> from engine import Value
        >>> from engine import compiled
        >>> w = Value(2.0)
        >>> square = compiled(lambda x: (w * x) ** 2)
        >>> y = square(3.0)
        >>> y.backward()
        >>> y.data, w.grad
        (36.0, 36.0)
    """
    if not callable(function):
        raise TypeError(f"compiled takes a function, not {describe(function)}.")
    return Compiled(function)


def _is_watched() -> bool:
    """Whether single nodes count: for the recording of another function, or inside `trap()`."""
    mode = MODE.get()
    return mode.tape is not None or mode.trapping


def _wanted(given: Arguments) -> frozenset[str]:
    """The kinds of leaves whose gradients a call needs."""
    if not MODE.get().recording:
        return NOTHING
    return CAPTURED | INPUT if given.values else CAPTURED


def _share(reduction: str, size: int) -> float:
    if reduction not in REDUCTIONS:
        raise ValueError(f'reduction is "mean", "sum" or "none", not {told(reduction)}.')
    return 1.0 / size if reduction == "mean" else 1.0


def _run(
    program: Program, inputs: Any, numbers: Any, share: float, wanted: frozenset[str]
) -> tuple[Any, Any, Any]:
    """The results of all samples, which guards hold, and the gradient of their sum × share."""
    seed = _seed(len(inputs), share) if wanted else None
    result, holds, _, gradient = program.run(inputs, numbers, seed)
    return result, holds, gradient


def _numbers(array: Any) -> Any:
    found = np.asarray(array)
    if found.dtype.kind not in "fiub":
        raise TypeError(f"Parameters are an array of real numbers, not of {found.dtype.name}.")
    return found.astype(float, copy=False)


def _leaves(parameters: Any) -> tuple[Value, ...]:
    """The parameters, if they are leaf Values, each once."""
    wanted = "value_and_grad takes leaf Values, for example model.parameters()"
    if isinstance(parameters, Value) or not isinstance(parameters, Iterable):
        raise TypeError(f"{wanted}, not {describe(parameters)}.")
    found = tuple(parameters)
    for parameter in found:
        if not isinstance(parameter, Value) or parameter.parents or parameter.is_constant:
            raise TypeError(f"{wanted}, not {describe(parameter)}.")
    if len(set(found)) < len(found):
        raise ValueError(f"{wanted}, each of them once.")
    return found


@functools.lru_cache(maxsize=8)
def _seed(size: int, share: float) -> Any:
    seed = np.full((size, 1), share)
    seed.flags.writeable = False
    return seed


def _sum(result: Any, size: int) -> float:
    """The sum of the results of all samples; one result may serve all of them."""
    return float(result.sum() if np.ndim(result) else result * size)
