"""The arguments of a compiled function: taken apart into numbers, and rebuilt for the recording.

Floats, Values and arrays are inputs: they may be other numbers in every call. Integers are inputs
too, unless they are used as an index or a count: that is a guard. Everything else, such as a model
or a text, belongs to the recording, which holds for that very object.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from glassgrad.engine.arrays import array_of
from glassgrad.engine.misuse import is_real
from glassgrad.engine.value import Value


class Integer(Value):
    """The place of an integer argument: a Value that may also be an index."""

    __slots__ = ()

    def __index__(self) -> int:
        assert self == self._number  # the comparison is a guard
        return int(self._number)

    def __eq__(self, other: object) -> Any:
        """By number, as integers are compared; two other Values are told apart by identity."""
        if isinstance(other, Value):
            return self <= other and self >= other
        return super().__eq__(other)

    def __ne__(self, other: object) -> Any:
        return not self == other

    def __int__(self) -> int:
        return self.__index__()

    def __hash__(self) -> int:
        return hash(self.__index__())


@dataclass
class Arguments:
    """What a function was called with.

    Attributes:
        key: the structure; a recording serves calls with an equal one.
        numbers: all numbers, in order.
        values: the Values among them, by their places among the numbers.
    """

    key: list[Any] = field(default_factory=list)
    numbers: list[float] = field(default_factory=list)
    values: dict[int, Value] = field(default_factory=dict)

    @staticmethod
    def of(args: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
        """The arguments of a call."""
        found = Arguments()
        found.read(args)
        found.read(named)
        return found

    @property
    def structure(self) -> tuple[Any, ...]:
        """The structure; a recording serves calls with an equal one."""
        return tuple(self.key)

    def objects(self) -> list[Any]:
        """What belongs to the structure as the very object that it is, such as a model."""
        return [part.thing for part in self.key if isinstance(part, Same)]

    def read(self, thing: Any) -> None:
        """Take an argument apart."""
        kind = type(thing)
        if kind is float or (kind is not bool and is_real(thing)):
            self.key.append(int if isinstance(thing, (int, np.integer)) else float)
            self.numbers.append(float(thing))
        elif isinstance(thing, Value):
            self.key.append(Value)
            if not thing.is_constant:
                self.values[len(self.numbers)] = thing
            self.numbers.append(thing._number)
        elif isinstance(thing, np.ndarray):
            self._read_array(thing)
        elif isinstance(thing, (list, tuple)):
            self.key += [kind, len(thing)]
            for part in thing:
                self.read(part)
        elif isinstance(thing, dict):
            self.key += [kind, len(thing), *thing]
            for part in thing.values():
                self.read(part)
        else:
            self.key.append(thing if isinstance(thing, (str, bool, type(None))) else Same(thing))

    def _read_array(self, array: Any) -> None:
        self.key += [np.ndarray, array.shape]
        if array.dtype == object:
            for part in array.flat:
                self.read(part)
        elif array.dtype.kind not in "fiub":
            raise TypeError(
                f"A compiled function takes arrays of real numbers, not of {array.dtype.name}."
            )
        else:
            self.key.append(int if array.dtype.kind in "iu" else float)
            self.numbers += array.astype(float).ravel().tolist()


class Same:
    """An object as a part of a key: equal to itself alone."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)


def rebuilt(thing: Any, inputs: list[Value]) -> Any:
    """An argument with a fresh Value at the place of every number; they are added to `inputs`."""
    kind = type(thing)
    if kind is float or (kind is not bool and is_real(thing)):
        is_integer = isinstance(thing, (int, np.integer))
        inputs.append((Integer if is_integer else Value)(float(thing)))
        return inputs[-1]
    if isinstance(thing, Value):
        inputs.append(Value(thing._number, thing.label))
        return inputs[-1]
    if isinstance(thing, np.ndarray):
        return array_of([rebuilt(part, inputs) for part in thing.flat], thing.shape)
    if isinstance(thing, (list, tuple)):
        parts = [rebuilt(part, inputs) for part in thing]
        return kind(*parts) if hasattr(thing, "_fields") else kind(parts)
    if isinstance(thing, dict):
        return {key: rebuilt(part, inputs) for key, part in thing.items()}
    return thing
