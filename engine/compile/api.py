"""`compiled(f)`: what users call. It finds the recording that serves a call, or makes one.

Where a recording cannot serve, the call is the same, run as it is written: numbers arrive as
Values, and the result is a Value. Next: `cache.py`, which recordings there are; or `trace.py`, how
one is made.
"""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from types import MethodType
from typing import Any, overload

import numpy as np

from glassgrad.engine.arrays import array_of, has_parts
from glassgrad.engine.compile.arguments import (
    Arguments,
    Batch,
    called_as_written,
    one_value,
    outputs_of,
)
from glassgrad.engine.compile.cache import CAPTURED, INPUT, NOTHING, Cache
from glassgrad.engine.compile.program import Program
from glassgrad.engine.compile.recording import Recording
from glassgrad.engine.compile.result import array_of_results, result_of, total_of
from glassgrad.engine.compile.value_and_grad import (
    ArrayFunction,
    Evaluation,
    divisor_of,
    leaves_only,
)
from glassgrad.engine.context import current, is_traced, no_grad
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.misuse import know_habits, note, whole
from glassgrad.engine.reductions import sum as add_up
from glassgrad.engine.text import counted, describe
from glassgrad.engine.value import Value
from glassgrad.engine.vectors import METHODS

_MOST_SLOTTED = 16
"""Of so many objects without a `__dict__` methods are remembered."""


@know_habits
class Compiled:
    """A function of numbers and Values that runs as an array program; made by `compiled`."""

    def __init__(
        self, function: Callable[..., Any], audit: bool = True, of: Compiled | None = None
    ) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function, self._is_audited = function, audit
        self._of = of  # what stands in the class, if this is the method of one object
        self._cache = Cache(self.title, function, audit)
        self._slotted: dict[int, Compiled] = {}

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        """The method of an object, as functions give it; one of a class, if it is a classmethod."""
        bind = getattr(type(self.function), "__get__", None)
        method = self.function if bind is None else bind(self.function, owner, kind)
        if not isinstance(method, MethodType) or method is self.function:
            return self
        holder = method.__self__
        if not hasattr(holder, "__dict__"):
            return self._of_slots(holder, method)
        kept = vars(holder).get(METHODS)
        if kept is None or kept.holder is not holder:
            kept = _Methods(holder)
            if isinstance(holder, type):
                setattr(holder, METHODS, kept)
            else:
                vars(holder)[METHODS] = kept
        if self not in kept:
            kept[self] = Compiled(method, self._is_audited, self)
        return kept[self]

    def _of_slots(self, holder: Any, method: MethodType) -> Compiled:
        """The method of an object that keeps nothing itself; those of the last ones are kept here,
        and they with them.
        """
        kept = self._slotted.get(id(holder))
        if kept is None:
            if len(self._slotted) >= _MOST_SLOTTED:
                self._slotted = {}  # another thread may look into the one that was
            kept = self._slotted[id(holder)] = Compiled(method, self._is_audited, self)
        return kept

    def __deepcopy__(self, memo: Any) -> Compiled:
        """A copy without recordings, if what it runs is copied, as the object of a method is."""
        inside = deepcopy(self.function, memo)
        return self if inside is self.function else Compiled(inside, self._is_audited, self._of)

    def __copy__(self) -> Compiled:
        return self

    def __reduce__(self) -> Any:
        """It is pickled by its name if it has one, and without its recordings."""
        module = sys.modules.get(getattr(self, "__module__", None) or "")
        path = getattr(self, "__qualname__", "")
        with suppress(AttributeError):
            if module is not None and operator.attrgetter(path)(module) is self:
                return path
        if self._of is not None:
            owner: Any = getattr(self.function, "__self__", None)
            for kind in owner.__mro__ if isinstance(owner, type) else type(owner).__mro__:
                for name, thing in vars(kind).items():
                    if getattr(thing, "__func__", thing) is self._of:  # it may be a classmethod
                        return _method_of, (owner, kind, name)
        return Compiled, (self.function, self._is_audited)

    def __repr__(self) -> str:
        return f"<compiled {self.title}, {counted(len(self.recordings), 'recording')}>"

    @property
    def title(self) -> str:
        """The name of the function."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def __call__(self, /, *args: Any, **named: Any) -> Value:
        """The result as a Value whose parents are the Values that it depends on."""
        given = Arguments.of(args, named, self.title)
        wanted = CAPTURED | INPUT if given.values else CAPTURED
        try:
            parts = self._cache.served(given, wanted=wanted if current().recording else NOTHING)
            if parts is None:
                return one_value(self.title, called_as_written(self.function, given.given))
        except (TypeError, ValueError, AttributeError) as error:
            if args and not given.values and all(has_parts(type(each)) for each in args):
                many = f"of many {self.title}.over(X, y) is the mean, {self.title}.map(X) gives all"
                note(error, f"{self.title}(...) is a call on one sample; {many}.")
            raise
        return result_of(parts[0], given)

    def over(self, *batch: Any, reduction: str = "mean") -> Any:
        """The function over a batch of samples.

        Args:
            batch: what one call takes, as arrays with one more axis in front: the samples.
            reduction: "mean" or "sum" of the results; "none" for an array of all of them.

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
        divisor = divisor_of(reduction, samples.size, ("mean", "sum", "none"))
        if reduction != "none":
            wanted = CAPTURED if current().recording else NOTHING
            parts = self._cache.served(samples, divisor=divisor, wanted=wanted)
            if parts is not None:
                return total_of(self.title, samples.size, parts)
        results = np.empty(samples.size, object)
        results[:] = [self(*samples.sample(i)[0]) for i in range(samples.size)]
        return results if reduction == "none" else add_up(results.tolist()) / divisor

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
            CompilationError: what is returned is no such list, or differs in shape from sample to
                sample.

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
        parts = self._cache.served(samples, has_several=True)
        if parts is not None:
            return array_of_results(self.title, samples.size, parts)
        written = [called_as_written(self.function, samples.sample(i)) for i in range(samples.size)]
        values, shape = outputs_of(self.title, written)
        if is_traced():
            return array_of(values, shape)
        return np.array([value.data for value in values]).reshape(shape)

    def value_and_grad(
        self,
        parameters: Sequence[Value],
        *,
        reduction: str = "mean",
        namespace: Any = np,
    ) -> Callable[..., tuple[Any, Any]]:
        """The function over a batch as a function of an array of parameters; no Value is touched.

        Args:
            parameters: the Values whose numbers stand in the array, in this order.
            reduction: "mean" or "sum" of the results.
            namespace: numpy, torch or jax.numpy, the module: the arrays are of that library, in
                double precision.

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
        divisor_of(reduction, 1)
        parameters = leaves_only(parameters)
        if namespace is not np:
            return ArrayFunction(self._cache, parameters, reduction, namespace)
        return Evaluation(self._cache, parameters, reduction)

    def check(self, /, *args: Any, **named: Any) -> bool:
        """Whether a call gives what the function as written gives, as audits do by themselves.

        If not, a warning says so, and it is recorded anew.

        Example:
            >>> from glassgrad import Value, compiled
            >>> w = Value(2.0)
            >>> square = compiled(lambda x: (w * x) ** 2)
            >>> square.check(3.0)
            True
        """
        cache, before = self._cache, self._cache.faults
        cache.must_audit = True
        try:
            with no_grad():
                self(*args, **named)
        finally:
            cache.must_audit = False
        return cache.faults == before

    def reset(self) -> None:
        """Forget all recordings: call it after a change that the function cannot see by itself.

        Example:
            >>> from glassgrad import compiled
            >>> rates = [2.0]
            >>> scaled = compiled(lambda x: x * rates[0])
            >>> scaled(3.0).data
            6.0
            >>> rates[0] = 5.0
            >>> scaled.reset()
            >>> scaled(3.0).data
            15.0
        """
        self._cache.reset()

    def audit_next(self) -> None:
        """Audit the next use of every recording, as `fit` does in each epoch if code of yours runs.

        An audit that takes more than a few milliseconds still waits until it is a small share of
        the time that the program has run.

        Example:
            >>> from glassgrad import Value, compiled
            >>> w = Value(2.0)
            >>> square = compiled(lambda x: (w * x) ** 2)
            >>> square.audit_next()
        """
        for case in self._cache.cases():
            case.due = min(case.due, case.uses + 1)

    @property
    def program(self) -> str:
        """The array programs made so far, as source text over numpy."""
        texts = [program.text for _, program in self.programs()]
        return "\n\n".join(texts) or f"# {self.title} has no program yet: call it once.\n"

    def report(self) -> str:
        """What was recorded, pass by pass, and what became of it; and where no more is recorded."""
        lines = [recording.report() for recording in self.recordings] + self._cache.limits()
        return "\n".join(lines) or f"{self.title}: nothing is recorded yet; call it once"

    def stages(self, most_lines: int | None = 100, *, number: int | None = None) -> str:
        r"""How a recording became a program, stage by stage; see `docs/compiling.md`.

        Args:
            most_lines: of a stage; what is left out is counted. None for all.
            number: which program, as `program` prints them, from 0; by default the last.

        Example:
            >>> from glassgrad import Value, compiled
            >>> w = Value(2.0)
            >>> square = compiled(lambda x: (w * x) ** 2)
            >>> y = square(3.0)
            >>> print("\n".join(square.stages().splitlines()[:4]))
            Recorded: the scalars, as they were computed
                s3 = mul(captured[0], input[0])
                s4 = pow(s3, 2)
                result: s4
        """
        if most_lines is not None:
            whole(most_lines, "most_lines")
        recording, program = self.programs()[self.chosen(number)]
        return recording.stages(program, most_lines)

    def programs(self) -> list[tuple[Recording, Program]]:
        """Each program made so far, with the recording that it was made of."""
        return [(each, program) for each in self.recordings for program in each.programs()]

    def chosen(self, number: int | None) -> int:
        """The number of a program, the last one if none is given."""
        count = len(self.programs())
        if not count:
            raise CompilationError(
                f"{self.title} has no program yet, since it was not called: call {self.title}(...) "
                "once."
            )
        if number is None:
            return count - 1
        whole(number, "number", least=0)
        if number >= count:
            raise ValueError(
                f"{self.title} has {counted(count, 'program')}, counted from 0, and none of number "
                f"{number}."
            )
        return number

    @property
    def recordings(self) -> list[Recording]:
        """What was recorded, one for each structure of arguments and way through comparisons."""
        return [case.recording for case in self._cache.cases()]


@overload
def compiled(function: Callable[..., Any], *, audit: bool = True) -> Compiled: ...
@overload
def compiled(*, audit: bool = True) -> Callable[[Callable[..., Any]], Compiled]: ...
def compiled(function: Any = ..., *, audit: bool = True) -> Any:
    """The same function, recorded at its first call and run as an array program from then on.

    Floats, Values, arrays, and lists, dicts and dataclasses of them may be other numbers in each
    call. Comparisons are looked at again in each call; if one comes out otherwise, the function is
    recorded once more. So it is if a name that it reads, or a model, has changed. Everything else
    that it does, such as drawing random numbers or printing, happens only when it is recorded, and
    when it is audited: at the 2nd, 4th, 8th ... use of a recording the function runs as it is
    written too, to see that it gives the same. Use it as `@compiled` or `@compiled(audit=False)`.

    Args:
        function: the function; also a method, or an object that can be called.
        audit: whether recordings are audited.

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
    if function is ...:
        return functools.partial(compiled, audit=audit)
    if not callable(function) and not isinstance(function, (staticmethod, classmethod)):
        raise TypeError(f"compiled takes a function, not {describe(function)}.")
    return Compiled(function, audit)


class _Methods(dict[Compiled, Compiled]):
    """The compiled methods of an object, by what stands in its class. A copy that takes them along
    has others.
    """

    def __init__(self, holder: Any) -> None:
        self.holder = holder

    def __reduce__(self) -> Any:
        return _Methods, (None,)


def _method_of(owner: Any, kind: type, name: str) -> Any:
    """A compiled method from a pickle."""
    place = (None, owner) if isinstance(owner, type) else (owner, type(owner))
    return vars(kind)[name].__get__(*place)
