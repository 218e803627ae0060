"""One of several by its number: a class among logits, a token among the rows of an embedding.

A plain number is an index. A Value cannot be one: inside a compiled function it stands for the
numbers of all calls. It is compared with every place instead, so that one recording serves all.
"""

from __future__ import annotations

from math import isfinite, nan
from typing import Any

import numpy as np

from glassgrad.engine import Value, compare, prod, where
from glassgrad.engine.misuse import is_real
from glassgrad.engine.text import told


def place(number: Any, count: int, role: str, error: type[Exception] = ValueError) -> int:
    """A plain number as an index.

    Args:
        number: what was given.
        count: how many there are to choose from.
        role: who asks, and for what, to begin the error with.
        error: what is raised for a place that is none of them.

    Raises:
        TypeError: it is no number, or a bool.
        ValueError: it is not one of 0 … count - 1; or the other error that was given.

    >>> from glassgrad.nn.choice import place
    >>> place(2.0, 3, "cross_entropy takes a class")
    2
    >>> place(3, 3, "cross_entropy takes a class")
    Traceback (most recent call last):
    ValueError: cross_entropy takes a class from 0 to 2, not 3.
    """
    wrong = f"{role} from 0 to {count - 1}, not {told(number)}."
    if isinstance(number, (bool, np.bool_)):
        raise TypeError(f"{wrong} Write int(y) for a bool y.")
    if not is_real(number):
        raise TypeError(f"{wrong} Give a whole number.")
    if not isfinite(number) or number != int(number) or not 0 <= number < count:
        raise error(wrong)
    return int(number)


def misses(which: Value, count: int) -> list[Value]:
    """For each place 0 if the Value is it, else 1 or -1.

    >>> from glassgrad import Value
    >>> from glassgrad.nn.choice import misses
    >>> [miss.data for miss in misses(Value(1.0), 3)]
    [1.0, 0.0, -1.0]
    """
    return [compare(which, place) for place in range(count)]


def unless_all_miss(result: Any, missed: list[Value]) -> Value:
    """A result, or nan if the Value that chose was none of the places.

    >>> from glassgrad import Value
    >>> from glassgrad.nn.choice import misses, unless_all_miss
    >>> unless_all_miss(5.0, misses(Value(0.5), 3)).data
    nan
    """
    found: Value = where(prod(missed), nan, result)
    return found
