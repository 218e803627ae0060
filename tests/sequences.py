"""Kinds of sequences that people give numbers and Values in."""

import array
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from glassgrad.engine.tree import scalar_of


class Column:
    """What gives an array, as a column of a table does."""

    def __init__(self, numbers: object) -> None:
        self.numbers = np.array(numbers)

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self.numbers

    def __iter__(self) -> Iterator:
        return iter(self.numbers)


class Table(Column):
    """What gives an array, but its columns' names where it is iterated over, as pandas' does."""

    def __iter__(self) -> Iterator:
        return iter("ab")


OF_VALUES: dict[str, Callable] = {
    "list": list,
    "tuple": tuple,
    "generator": iter,
    "map": lambda xs: map(scalar_of, xs),
    "dict values": lambda xs: dict(enumerate(xs)).values(),
    "deque": deque,
    "array": np.array,
    "array of objects": lambda xs: np.array(xs, object),
    "arrays of no axes": lambda xs: [np.array(x) for x in xs],
    "column": Column,
}
OF_NUMBERS: dict[str, Callable] = {
    **OF_VALUES,
    "float32": lambda xs: np.array(xs, np.float32),
    "array.array": lambda xs: array.array("d", xs),
    "memoryview": lambda xs: memoryview(array.array("d", xs)),
}
