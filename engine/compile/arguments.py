"""The arguments of a compiled function: taken apart into numbers, and put together again.

Floats, Values and arrays are inputs: they may be other numbers in every call. Integers are inputs
too, unless they are used as an index or a count: that is a guard. Lists, tuples, dicts and
dataclasses are taken apart. Texts, flags and objects such as a model belong to the recording, which
holds for equal texts and for that very object. What holds numbers but cannot be taken apart is
refused: it would be frozen.
"""

from __future__ import annotations

import copy
import datetime
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from numbers import Number
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from glassgrad.engine.arrays import ValueArray, array_of, has_parts
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.text import describe
from glassgrad.engine.value import Constant, Value, constant

_FIXED = (bool, np.bool_, str, bytes, type(None), type(...), range, Enum)
"""What belongs to a recording as it is, and is told apart by its type and what it says."""
_OBJECTS = (type, ModuleType, FunctionType, MethodType)
_LISTS, _DICTS = (list, tuple), (dict, OrderedDict)
_EXACT = 2**53
"""Up to here a float is exactly one whole number."""


class _Index:
    """A whole number among Values, which may be an index too."""

    __slots__ = ()
    whole: int

    def __index__(self) -> int:
        return self.whole

    def __int__(self) -> int:
        return self.__index__()

    def __hash__(self) -> int:
        return hash(self.__index__())


class Integer(_Index, Value):
    """The place of an integer argument: a Value that may also be an index.

    Beyond 2⁵³ the number itself belongs to the structure of the arguments, since floats do not
    tell such numbers apart.
    """

    __slots__ = ("whole",)

    def __init__(self, number: Any) -> None:
        super().__init__(number)
        self.whole = int(number)

    def __index__(self) -> int:
        assert self == self._number  # the comparison is a guard
        return self.whole

    def __eq__(self, other: object) -> Any:
        """By number, as integers are compared; two other Values are told apart by identity."""
        if isinstance(other, Value):
            return self <= other and self >= other
        if _is_beyond(self.whole) and isinstance(other, int):
            return self.whole == other
        return super().__eq__(other)

    def __ne__(self, other: object) -> Any:
        return not self == other

    __hash__ = _Index.__hash__


class WholeConstant(_Index, Constant):
    """The same where nothing is recorded, or by another function: a constant."""

    __slots__ = ("whole",)

    def __init__(self, number: Any) -> None:
        super().__init__(number)
        self.whole = int(number)


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
    def of(
        args: Iterable[Any], named: Mapping[str, Any], title: str = "a compiled function"
    ) -> Arguments:
        """The arguments of a call.

        Args:
            args: the arguments by position.
            named: those by name.
            title: the name of the function, for errors.

        Raises:
            TypeError: one holds what cannot be taken apart; the message says which, and a remedy.
        """
        found = Arguments()
        for place, thing in enumerate(args, 1):
            found._take(thing, f"Argument {place} of {title}(...)")
        found.key += [dict, *named]
        for name, thing in named.items():
            found._take(thing, f"{title}({name}=...)")
        return found

    @property
    def structure(self) -> tuple[Any, ...]:
        """The structure; a recording serves calls with an equal one."""
        return tuple(self.key)

    def _take(self, thing: Any, role: str) -> None:
        try:
            self._read(thing)
        except _RefusedError as found:
            raise TypeError(f"{role} {found}") from None

    def _read(self, thing: Any) -> None:
        kind = type(thing)
        if kind is float:
            self.key.append(float)
            self.numbers.append(thing)
        elif isinstance(thing, Value):
            self.key.append(Value)
            if not thing.is_constant:
                self.values[len(self.numbers)] = thing
            self.numbers.append(thing._number)
        elif isinstance(thing, _FIXED):
            self.key.append(exactly(thing))
        elif is_real(thing):
            self._read_number(thing)
        elif isinstance(thing, np.ndarray):
            self._read_array(thing)
        elif (apart := _taken_apart(thing)) is not None:
            key, parts = apart
            self.key += [kind, *key]
            for part in parts:
                self._read(part)
        elif isinstance(thing, MethodType):  # another object each time that it is asked for
            self.key += [MethodType, Same(thing.__func__), Same(thing.__self__)]
        else:
            self.key.append(Same(_checked(thing)))

    def _read_number(self, number: Any) -> None:
        is_whole = isinstance(number, (int, np.integer))
        self.key.append(int if is_whole else float)
        if is_whole and _is_beyond(number):
            self.key.append(int(number))
        self.numbers.append(real(number, "A compiled function"))

    def _read_array(self, array: Any) -> None:
        if type(array) not in (np.ndarray, ValueArray):
            raise _RefusedError(array)
        self.key += [np.ndarray, array.shape]
        if array.dtype == object:
            for part in array.flat:
                self._read(part)
        elif array.dtype.kind not in "fiub":
            raise TypeError(
                f"A compiled function takes arrays of real numbers, not of {array.dtype.name}."
            )
        else:
            is_whole = array.dtype.kind in "iu"
            self.key.append(int if is_whole else float)
            if is_whole and array.size and not is_exact(array):
                self.key.append(tuple(array.ravel().tolist()))
            self.numbers += array.astype(float).ravel().tolist()


def _taken_apart(thing: Any) -> tuple[list[Any], list[Any]] | None:
    """What tells a list, dict or dataclass from others of its kind, and its parts; else None."""
    kind = type(thing)
    if kind in _LISTS or (isinstance(thing, tuple) and hasattr(kind, "_fields")):
        return [len(thing)], list(thing)
    if kind in _DICTS:
        return [len(thing), *map(exactly, thing)], list(thing.values())
    if _is_record(thing):
        names = _names_in(thing)
        return list[Any](names), [getattr(thing, name) for name in names]
    return None


class Same:
    """An object as a part of a key: equal to itself alone."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)


def exactly(thing: Any) -> Any:
    """A key, a text or a flag so that 1 and True are two, as 0.0 and -0.0 are.

    >>> exactly(1) == exactly(True), exactly((1, "a")) == exactly((1, "a"))
    (False, True)
    """
    if isinstance(thing, float):
        return type(thing), repr(thing)
    return (tuple, *map(exactly, thing)) if type(thing) is tuple else (type(thing), thing)


def rebuilt(thing: Any, number: Callable[[Any], Any]) -> Any:
    """An argument with something else in place of every number and Value.

    Args:
        thing: the argument, which was taken apart before.
        number: gives what stands in place of a number of any kind, or of a Value.
    """
    kind = type(thing)
    if isinstance(thing, Value) or (is_real(thing) and not isinstance(thing, _FIXED)):
        return number(thing)
    if isinstance(thing, np.ndarray):
        flat = thing.ravel()
        parts = flat if thing.dtype == object else flat.tolist()
        if thing.dtype.kind == "b":
            parts = map(float, parts)
        return array_of([rebuilt(part, number) for part in parts], thing.shape)
    if kind in _LISTS:
        return kind([rebuilt(part, number) for part in thing])
    if isinstance(thing, tuple) and hasattr(kind, "_fields"):
        return kind._make([rebuilt(part, number) for part in thing])
    if kind in _DICTS:
        return kind((key, rebuilt(part, number)) for key, part in thing.items())
    if not isinstance(thing, _FIXED) and _is_record(thing):
        again = copy.copy(thing)
        for name in _names_in(thing):
            object.__setattr__(again, name, rebuilt(getattr(thing, name), number))
        return again
    return thing


def as_values(args: Iterable[Any], named: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments as the function itself gets them, where it runs as it is written: Values.

    They are those that were given, and a constant for each plain number.
    """
    return [rebuilt(x, _as_value) for x in args], {
        n: rebuilt(x, _as_value) for n, x in named.items()
    }


def _as_value(number: Any) -> Value:
    if isinstance(number, Value):
        return number
    return (
        WholeConstant(number) if is_whole(number) else constant(real(number, "a compiled function"))
    )


def is_whole(number: Any) -> bool:
    """Whether a number is one of those that may be an index."""
    return isinstance(number, (int, np.integer))


def is_module(thing: Any) -> bool:
    """Whether something holds parameters and says so: its class has a method `parameters`."""
    return callable(getattr(type(thing), "parameters", None)) and hasattr(thing, "__dict__")


def is_kept(thing: Any) -> bool:
    """Whether an argument belongs to a recording as the very object that it is, as a model does."""
    is_data = isinstance(thing, (Value, np.ndarray, *_LISTS, *_DICTS, *_FIXED)) or is_real(thing)
    return not is_data and not _is_record(thing)


def _is_record(thing: Any) -> bool:
    """Whether it is a dataclass with nothing in it but its fields."""
    return is_dataclass(thing) and not isinstance(thing, type) and not is_module(thing)


def _names_in(thing: Any) -> list[str]:
    names = [each.name for each in fields(thing)]
    if not set(getattr(thing, "__dict__", ())) <= set(names):
        raise _RefusedError(thing)
    return names


def is_exact(array: Any) -> bool:
    """Whether floats tell the whole numbers of an array apart."""
    return not (_is_beyond(array.max()) or _is_beyond(array.min()))


def _is_beyond(number: Any) -> bool:
    return not -_EXACT <= int(number) <= _EXACT


class _RefusedError(Exception):
    """What cannot be taken apart."""

    def __init__(self, thing: Any) -> None:
        super().__init__(
            f"holds {describe(thing)}, which cannot be taken apart into numbers; to record it "
            f"would freeze what is in it. {_remedy(thing)}"
        )


def _checked(thing: Any) -> Any:
    """An object that belongs to the recording, if it is none that holds numbers in its own way."""
    if isinstance(thing, _OBJECTS) or is_module(thing) or callable(thing):
        return thing
    holds_numbers = has_parts(type(thing)) or hasattr(type(thing), "__array__")
    if holds_numbers or isinstance(thing, (Number, *_TIMES)):
        raise _RefusedError(thing)
    return thing


_TIMES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


def _remedy(thing: Any) -> str:
    if isinstance(thing, Set):
        return "A set has no order: write sorted(...)."
    if isinstance(thing, np.ma.MaskedArray):
        return "Leave the masked entries out, or fill them: .filled(0)."
    if isinstance(thing, (Mapping, dict)):
        return "Write dict(...)."
    if hasattr(type(thing), "__array__") or isinstance(thing, memoryview):
        return "Write np.asarray(...)."
    if isinstance(thing, _TIMES):
        return "Give a number of it, such as its seconds or days."
    if isinstance(thing, complex):
        return "Give its real and its imaginary part."
    if isinstance(thing, Number):
        return "Write float(...)."
    if is_dataclass(thing):
        return "It has attributes besides its fields: make fields of them, or give them apart."
    if isinstance(thing, (Iterator, list, tuple)) or has_parts(type(thing)):
        return "Write list(...)."
    return "Give its numbers in a list, a dict or an array."
