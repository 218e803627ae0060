"""`compiled(f)`: what users call. It finds the recording that serves a call, or makes one."""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from types import MethodType
from typing import Any

import numpy as np

from glassgrad.engine.compile.arguments import Arguments
from glassgrad.engine.compile.batch import Batch
from glassgrad.engine.compile.elsewhere import ArrayFunction
from glassgrad.engine.compile.known import MOST_RECORDINGS, Known
from glassgrad.engine.compile.mapping import mapped, one_by_one
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.compile.result import result_of, total_of
from glassgrad.engine.compile.serving import CAPTURED, INPUT, NOTHING, served
from glassgrad.engine.compile.slopes import Evaluation, leaves_only
from glassgrad.engine.context import current
from glassgrad.engine.table import sum as add_up
from glassgrad.engine.text import counted, describe, told
from glassgrad.engine.value import Value

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
                recording = self.known.recorded(args, named)
                recordings.append(recording)
            else:
                recording = recordings[tried]
            tried += 1
            if not is_new and not self.known.is_current(recording):
                continue
            program = recording.program(NOTHING, wanted)
            inputs, share = numbers[program.orders["input"]], 1.0 if wanted else None
            result, holds, *slopes = program.run(inputs, recording.numbers(program), share)
            # A new recording serves its own call, even where a tie comes out otherwise in arrays.
            if holds or is_new:
                return result_of(recording, program, float(result), slopes, given)

    def over(self, *batch: Any, reduction: str = "mean") -> Any:
        """The function over a batch of samples.

        Args:
            batch: what one call takes, as arrays with one more axis in front: the samples.
            reduction: "mean" or "sum" of the results; "none" for an array of all of them.

        Raises:
            ValueError: there is no such reduction, or the numbers of samples differ.
            CompilationError: the samples take too many ways through comparisons.

        Example:
            >>> from glassgrad import Value, compiled
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
        wanted = CAPTURED if current().recording else NOTHING
        parts = list(served(self.known, samples, share=share, wanted=wanted))
        return total_of(self.title, len(samples), parts)

    def map(self, *batch: Any) -> Any:
        """The results for all samples as an array of numbers: no Values, and no gradients.

        The function may return several numbers here, as a network that classifies does. Inside
        another function that is being recorded the array holds Values.

        Args:
            batch: what one call takes, as arrays with one more axis in front: the samples.

        Returns:
            An array of floats, of shape (n,) for n samples if the function returns one Value or
            number, (n, k) if it returns a list of k, and (n, ...) for lists inside lists.

        Raises:
            ValueError: the numbers of samples differ, or there is none.
            CompilationError: what is returned is no such list, or differs in shape from sample to
                sample; or the samples take too many ways through comparisons.

        Example:
            >>> from glassgrad import Value, compiled
            >>> w = Value(2.0)
            >>> predict = compiled(lambda x: [w * x, w + x])
            >>> predict.map([1.0, 2.0, 3.0])
            array([[2., 3.],
                   [4., 4.],
                   [6., 5.]])
        """
        samples = Batch.of(batch, "map")
        if _is_watched():
            return one_by_one(self.title, self.function, samples)
        return mapped(self.title, self.known, samples)

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
            >>> from glassgrad import Value, compiled
            >>> w = Value(2.0)
            >>> loss = compiled(lambda x, y: (w * x - y) ** 2)
            >>> loss.value_and_grad([w])([2.0], [1.0, 2.0], [1.0, 3.0])
            (1.0, array([3.]))
        """
        if reduction not in ("mean", "sum"):
            raise ValueError(f'reduction is "mean" or "sum" here, not {told(reduction)}.')
        parameters = leaves_only(parameters)
        if (namespace, dtype) != (np, "float64"):
            return ArrayFunction(self, parameters, namespace, reduction, dtype)
        return Evaluation(self.title, self.known, parameters, reduction)

    def steady(self) -> AbstractContextManager[None]:
        """Inside the `with` block nothing that the function reads changes but numbers of Values.

        Every call looks whether the function would compute something else now: whether a list, an
        attribute or a global name that decides it has changed. In a loop over batches in which
        only `.data` of Values changes, such as an epoch, this can be left out: inside the block
        the first call looks, and the others take for granted that it is as it was; also those in
        other threads.

        Example:
            >>> from glassgrad import Value, compiled
            >>> w = Value(2.0)
            >>> loss = compiled(lambda x, y: (w * x - y) ** 2)
            >>> with loss.steady():
            ...     for _ in range(3):
            ...         l = loss.over([1.0, 2.0], [3.0, 6.0])
            ...         w.grad = 0.0
            ...         l.backward()
            ...         w.data -= 0.1 * w.grad
            >>> round(w.data, 6)
            2.875
        """
        return self.known.steady()

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
        >>> from glassgrad import Value, compiled
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
    return bool(current().observers)


def _wanted(given: Arguments) -> frozenset[str]:
    """The kinds of leaves whose gradients a call needs."""
    if not current().recording:
        return NOTHING
    return CAPTURED | INPUT if given.values else CAPTURED


def _share(reduction: str, size: int) -> float:
    if reduction not in REDUCTIONS:
        raise ValueError(f'reduction is "mean", "sum" or "none", not {told(reduction)}.')
    return 1.0 / size if reduction == "mean" else 1.0
