"""What a call is given, or many calls are, and what they give, as numbers.

Floats, Values and arrays are inputs: they may be other numbers in every call. Integers are inputs
too, unless they are used as an index or a count: that is a guard. Lists, tuples, dicts and
dataclasses are taken apart, as `tree.py` does it. Texts, flags and objects such as a model belong
to the recording, which holds for equal texts and for that very object. What holds numbers but
cannot be taken apart is refused: it would be frozen.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from enum import Enum
from functools import lru_cache
from numbers import Number
from types import MethodType, ModuleType
from typing import Any, ClassVar

import numpy as np

from glassgrad.engine.arrays import ValueArray, check_unmasked, has_parts
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.text import describe
from glassgrad.engine.tree import endless, is_module, numbers_of, taken_apart
from glassgrad.engine.value import Constant, Value, constant

Sample = tuple[tuple[Any, ...], Mapping[str, Any]]
"""The arguments of one call: those by position, and those by name."""
Shape = tuple[int, ...]
_FIXED = (bool, np.bool_, str, bytes, type(None), type(...), range, Enum)
"""What belongs to a recording as it is, and is told apart by its type and what it says."""
_IN_ITS_OWN_WAY = (
    *(Number, datetime.date, datetime.time, datetime.timedelta),
    *(np.datetime64, np.timedelta64),
)
"""What holds a number in a way of its own."""
_EXACT = 2**53
"""Up to here a float is exactly one whole number."""
_DEEPEST = 30
"""Arrays of numpy have hardly more axes."""


# Whole numbers.


class _Whole:
    """A whole number among Values, which may be an index too, and is compared by number."""

    __slots__ = ()
    _number: float

    def __index__(self) -> int:
        return int(self._number)

    def __int__(self) -> int:
        return self.__index__()

    def __eq__(self, other: object) -> Any:
        """By number, as integers are compared; two other Values are told apart by identity."""
        if isinstance(other, Value):
            return self <= other and self >= other
        return super().__eq__(other)

    def __ne__(self, other: object) -> Any:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.__index__())


class Integer(_Whole, Value):
    """The place of an integer argument: a Value that may also be an index."""

    __slots__ = ()

    def __index__(self) -> int:
        self.__eq__(self._number)  # the comparison is a guard
        return super().__index__()


class WholeConstant(_Whole, Constant):
    """The same where nothing is recorded, or by another function: a constant."""

    __slots__ = ()


def is_whole(number: Any) -> bool:
    """Whether a number is one of those that may be an index."""
    return isinstance(number, (int, np.integer))


def _check_exact(least: Any, most: Any, role: str) -> None:
    """Refuse whole numbers that floats do not tell apart."""
    if not -_EXACT <= int(least) <= int(most) <= _EXACT:
        raise TypeError(
            f"{role} holds whole numbers beyond 2⁵³, which floats do not tell apart. Give "
            "np.asarray(..., float), if that is meant."
        )


# One call.


@dataclass
class Arguments:
    """What a function was called with.

    Attributes:
        given: the arguments.
        key: the structure; a recording serves calls with an equal one.
        numbers: all numbers, in order.
        values: the Values among them, by their places among the numbers.
    """

    size: ClassVar[int] = 1
    given: Sample
    key: list[Any] = field(default_factory=list)
    numbers: list[float] = field(default_factory=list)
    values: dict[int, Value] = field(default_factory=dict)

    @staticmethod
    def of(
        args: tuple[Any, ...], named: Mapping[str, Any], title: str = "a compiled function"
    ) -> Arguments:
        found = Arguments((args, named))
        thing = None
        try:
            for place, thing in enumerate(args, 1):
                found._read(thing, f"Argument {place} of {title}(...)")
            found.key += [dict, *named]
            for name, thing in named.items():
                found._read(thing, f"{title}({name}=...)")
        except RecursionError:
            raise endless(thing) from None
        return found

    @property
    def structure(self) -> tuple[Any, ...]:
        return tuple(self.key)

    @property
    def rows(self) -> Sequence[Any]:
        return [self.numbers]

    def sample(self, index: int) -> Sample:
        return self.given

    def _read(self, thing: Any, role: str) -> None:
        kind = type(thing)
        if kind is float:
            self.key.append(float)
            self.numbers.append(thing)
        elif isinstance(thing, Value):
            self.key.append(Value)
            if not thing.is_constant:
                self.values[len(self.numbers)] = thing
            self.numbers.append(thing._number)
        elif _is_fixed(thing):
            self.key.append(exactly(thing))
        elif is_real(thing):
            self.key.append(int if is_whole(thing) else float)
            self.numbers.append(real(thing, "A compiled function"))
            if is_whole(thing):
                _check_exact(thing, thing, role)
        elif kind in (np.ndarray, ValueArray) and thing.dtype != object:
            self._read_array(thing, role)
        elif (apart := taken_apart(thing)) and not (
            isinstance(thing, np.ndarray) and kind not in (np.ndarray, ValueArray)
        ):
            self.key += [kind, len(apart.key), *map(exactly, apart.key)]
            for part in apart.parts:
                self._read(part, role)
        elif kind is MethodType:  # another object each time that it is asked for
            self.key += [MethodType, Same(thing.__func__), Same(thing.__self__)]
        elif _holds_numbers(thing):
            raise TypeError(
                f"{role} holds {describe(thing)}, which cannot be taken apart into numbers; to "
                "record it would freeze what is in it. Give its numbers alone, in a list, a dict, "
                "an array or fields, as float(...), list(...), sorted(...), dict(...), "
                "np.asarray(...), .filled(0) or .toarray() do; and a text as str(...)."
            )
        else:
            self.key.append(Same(thing))

    def _read_array(self, array: Any, role: str) -> None:
        if array.dtype.kind not in "fiub":
            raise TypeError(
                f"A compiled function takes arrays of real numbers, not of {array.dtype.name}."
            )
        holds_whole = array.dtype.kind in "iu"
        self.key += [np.ndarray, array.shape, int if holds_whole else float]
        if holds_whole and array.size:
            _check_exact(array.min(), array.max(), role)
        self.numbers += array.astype(float).ravel().tolist()


class Same:
    """An object as a part of a key: equal to itself alone."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)


def objects_in(structure: Iterable[Any]) -> Iterator[Any]:
    """What a structure is made of that code may read: objects, flags, and the classes of all."""
    for part in structure:
        if isinstance(part, tuple):
            yield from objects_in(part)
        else:
            yield part.thing if isinstance(part, Same) else part


def exactly(thing: Any) -> Any:
    """A key, a text or a flag so that 1 and True are two, as 0.0 and -0.0 are."""
    if isinstance(thing, (float, range)):  # ranges are equal where they give the same numbers
        return type(thing), repr(thing)
    return (tuple, *map(exactly, thing)) if type(thing) is tuple else (type(thing), thing)


def _is_fixed(thing: Any) -> bool:
    """Whether it belongs to a recording as it is; not a text with attributes of its own."""
    if isinstance(thing, (str, bytes)) and not isinstance(thing, Enum):
        return not getattr(thing, "__dict__", None)
    return isinstance(thing, _FIXED)


def _holds_numbers(thing: Any) -> bool:
    """Whether it holds numbers in its own way, and so belongs to no recording as it is."""
    if isinstance(thing, ModuleType) or is_module(thing) or callable(thing):
        return False
    if isinstance(thing, _IN_ITS_OWN_WAY) or is_dataclass(thing):
        return True
    return has_parts(type(thing)) or hasattr(type(thing), "__array__")


def rebuilt(thing: Any, number: Callable[[Any], Any]) -> Any:
    """An argument with something else in place of every number and Value."""
    if isinstance(thing, _FIXED):
        return thing
    if isinstance(thing, Value) or is_real(thing):
        return number(thing)
    if isinstance(thing, np.ndarray) and thing.dtype.kind == "b":
        thing = thing.astype(float)
    apart = taken_apart(thing)
    return thing if apart is None else apart.make([rebuilt(x, number) for x in apart.parts])


def called_as_written(function: Callable[..., Any], sample: Sample) -> Any:
    """What the function itself gives for the Values that were given, and a constant for each plain
    number.
    """
    args, named = sample
    by_name = {name: rebuilt(thing, _as_value) for name, thing in named.items()}
    return function(*[rebuilt(thing, _as_value) for thing in args], **by_name)


def _as_value(number: Any) -> Value:
    if isinstance(number, Value):
        return number
    return WholeConstant(number) if is_whole(number) else constant(float(number))


# Many calls.


@dataclass(slots=True)
class Batch:
    """The arguments of many calls, as arrays whose first axis is that of the samples.

    Attributes:
        size: how many calls.
        arrays: an array for each argument.
        rows: the same with all numbers of a sample in a row.
        structure: the structure of the arguments of one call.
    """

    size: int
    arrays: Sequence[Any]
    rows: Sequence[Any]
    structure: tuple[Any, ...]

    @staticmethod
    def of(batch: Sequence[Any], title: str = "over") -> Batch:
        arrays, kinds = [], []
        for place, given in enumerate(batch, 1):
            array = given
            if type(given) is not np.ndarray or given.dtype.kind != "f" or not given.ndim:
                array = _read_argument(given, f"Argument {place} of {title}(...)")
            arrays.append(array)
            kinds.append((array.shape, array.dtype.char))
        structure = structure_of(title, *kinds)
        size = len(arrays[0])
        rows = [each if each.ndim == 2 else each.reshape(size, -1) for each in arrays]
        return Batch(size, arrays, rows, structure)

    def sample(self, index: int) -> Sample:
        return sample_of(self.arrays, index)


_NO_SAMPLES = (
    "{} is one number, without an axis of samples. Repeat it, for example np.full(len(x), 3.0), or "
    "let the function read it from around it."
)


def _read_argument(argument: Any, role: str) -> Any:
    array = argument  # at once, as the classes of all samples are such an array
    if not (type(argument) is np.ndarray and argument.size and argument.dtype.kind in "iu"):
        if is_real(argument) or getattr(argument, "ndim", None) == 0:
            raise ValueError(_NO_SAMPLES.format(role))
        hint = "A batch holds numbers: let the function read all else."
        array = numbers_of(argument, role, hint)
    if array.dtype.kind in "iu" and array.size:
        floats = array.astype(float).ravel()  # the sum of their squares is quicker than both ends
        if not floats.dot(floats) < float(_EXACT) ** 2:
            _check_exact(array.min(), array.max(), role)
    # What is true in one sample and false in another is no part of the structure.
    return array.astype(int) if array.dtype.kind == "b" else array


@lru_cache(maxsize=100)
def structure_of(title: str, *kinds: tuple[Shape, str]) -> tuple[Any, ...]:
    """The structure of the arguments of one call, by the shapes and types of the arrays of a batch.

    What has no samples, or different numbers of them, is refused.
    """
    if not kinds:
        raise ValueError(
            f"{title}(...) takes an array for each argument of the function, not nothing."
        )
    if not all(shape for shape, _ in kinds):
        raise ValueError(_NO_SAMPLES.format(f"An argument of {title}(...)"))
    counts = [shape[0] for shape, _ in kinds]
    if len(set(counts)) > 1:
        listed = ", ".join(map(str, counts))
        raise ValueError(f"The first axis is that of the samples; the arguments have {listed}.")
    if not counts[0]:
        raise ValueError("There are no samples: the first axis of the arguments has length 0.")
    sample = sample_of([np.zeros((1, *shape[1:]), kind) for shape, kind in kinds], 0)
    return Arguments.of(*sample).structure


def sample_of(arrays: Sequence[Any], index: int) -> Sample:
    samples = (array[index] for array in arrays)
    return tuple([s if isinstance(s, np.ndarray) else s.item() for s in samples]), {}


# What a function gives: one Value for a call; for a sample in `map`, numbers nested in lists.


def outputs_of(title: str, result: Any, depth: int = _DEEPEST) -> tuple[list[Value], Shape]:
    """The Values of a result, one after the other, and its shape: () for a Value or a number, one
    length more for each level of lists, tuples and arrays around them.
    """
    check_unmasked(result, f"The result of {title}")
    if isinstance(result, np.ndarray) and result.ndim == 0:
        result = result.item()
    if isinstance(result, Value):
        return [result], ()
    if is_real(result):
        return [constant(real(result, f"{title}.map(...)"))], ()
    if not isinstance(result, (list, tuple, np.ndarray)) or len(result) == 0 or not depth:
        raise CompilationError(
            f"{title} returned {describe(result)}. For map a function returns a Value, a number, "
            "or lists of them, which are not empty."
        )
    parts = [outputs_of(title, part, depth - 1) for part in result]
    shape = one_shape(title, [shape for _, shape in parts])
    return [value for values, _ in parts for value in values], (len(parts), *shape)


def one_value(title: str, result: Any) -> Value:
    if isinstance(result, Value):
        return result
    raise CompilationError(
        f"{title} returned {describe(result)}. A compiled function returns one Value; "
        f"of a list, return the sum, or its elements by functions of their own. "
        f"{title}.map(...) gives the numbers of a list, over samples."
    )


def one_shape(title: str, shapes: list[Shape]) -> Shape:
    """The shape of the parts of a list, or of the results for all samples."""
    first = shapes[0]
    for shape in shapes:
        if shape != first:
            raise CompilationError(
                f"{title} returned results of shapes {first} and {shape}, which map cannot put "
                "into one array. Return as many numbers in every list, and for every sample."
            )
    return first
