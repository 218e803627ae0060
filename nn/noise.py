"""Where the random numbers of modules come from: first weights, and what `Dropout` leaves out.

A seed makes them repeatable. Those that a module draws while it runs come from its own generator
outside of a training. A training gives them itself, with `noise_from`, for two reasons: each sample
then has its own numbers also in a compiled function, where they are one more argument, and a
resumed training draws the same ones again.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

from glassgrad.engine.context import is_traced
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.text import describe

Seed: TypeAlias = int | random.Random | None
"""A whole number, a generator to draw from, or None for Python's global `random`."""


def generator(seed: Seed) -> random.Random | None:
    """The generator that a seed stands for; None, the global one of `random`, stays None.

    Raises:
        TypeError: the seed is something else.
    """
    if seed is None or isinstance(seed, random.Random):
        return seed
    try:
        return random.Random(operator.index(seed))
    except TypeError:
        raise TypeError(
            f"A seed is a whole number, a random.Random or None, not {describe(seed)}."
        ) from None


Source = Callable[[int], Sequence[Any]]
_SOURCE: ContextVar[Source | None] = ContextVar("source of noise", default=None)


def draw(count: int, generator: random.Random | None) -> Sequence[Any]:
    """Numbers from 0 to 1: those of the training around, else from the module's own generator.

    Raises:
        CompilationError: a compiled function would repeat the same numbers in every call.
    """
    source, is_recorded = _SOURCE.get(), is_traced()
    numbers = None if source is None else source(count)
    if numbers is not None and not (is_recorded and any(type(u) is float for u in numbers)):
        return numbers
    if is_recorded:
        raise CompilationError(
            "A module draws random numbers inside a compiled function, which would repeat those "
            "of its first call for ever. Pass them as an argument: `with noise_from(numbers):` "
            "around the call of the model, as `glassgrad.fit` does; or call model.eval() first."
        )
    uniform = (generator or random).random
    return [uniform() for _ in range(count)]


@contextmanager
def noise_from(numbers: Sequence[Any]) -> Iterator[None]:
    """Inside the `with` block modules take their random numbers from here, in order.

    Args:
        numbers: from 0 to 1, numbers or Values, as many as `count_noise` says.

    Raises:
        ValueError: more are drawn than there are.

    >>> from glassgrad import Dropout, noise_from
    >>> with noise_from([0.25, 0.75]):
    ...     [v.data for v in Dropout(0.5)([1.0, 2.0])]
    [0.0, 4.0]
    """
    taken = 0

    def take(count: int) -> Sequence[Any]:
        nonlocal taken
        taken += count
        if taken > len(numbers):
            raise ValueError(
                f"noise_from(...) has {len(numbers)} random numbers, and the model draws more. "
                "count_noise(...) says how many it draws."
            )
        return numbers[taken - count : taken]

    with _source(take):
        yield


def count_noise(function: Callable[..., Any], *arguments: Any) -> int:
    """How many random numbers the modules draw while a function runs.

    >>> from glassgrad import Dropout, count_noise
    >>> count_noise(Dropout(0.5), [1.0, 2.0, 3.0])
    3
    """
    drawn = 0

    def take(count: int) -> Sequence[Any]:
        nonlocal drawn
        drawn += count
        return [0.5] * count

    with _source(take):
        function(*arguments)
    return drawn


@contextmanager
def _source(take: Source) -> Iterator[None]:
    token = _SOURCE.set(take)
    try:
        yield
    finally:
        _SOURCE.reset(token)
