"""Numbers and Values in sequences, dicts and arrays of whatever kind: taken, apart and together.

Everything in this library that takes a sequence takes it here: lists, tuples, generators, ranges,
numpy arrays, and what gives one, as tables of pandas and tensors do. So each place takes all of
them, and refuses the same others in the same words.

`taken_apart` is the table of what is nested: lists, tuples, dicts, arrays and dataclasses. Of
anything else, `settled` makes those; `leaves_of` gives the numbers in it, `aligned` in the order of
another, and `like` the same structure with other numbers. `scalar_of` opens an array of no axes,
`listed` one axis of a sequence. `numbers_of` gives an array of numbers with the samples along the
first axis.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from types import BuiltinFunctionType, MemberDescriptorType
from typing import Any, NamedTuple, TypeAlias, TypeGuard

import numpy as np

from glassgrad.engine.arrays import Numeric, array_of, check_unmasked, has_parts
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.text import counted, describe

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


class Apart(NamedTuple):
    """A container, taken apart."""

    key: Sequence[Any]  # what tells it from others of its kind: a shape, keys, or names of fields
    parts: Sequence[Any]
    make: Callable[[list[Any]], Any]  # puts other parts together to the same


def taken_apart(thing: Any) -> Apart | None:
    """A list, tuple, dict, array or dataclass, taken apart; None for everything else."""
    kind: Any = type(thing)
    if kind is list or kind is tuple:
        return Apart((len(thing),), thing, kind)
    if kind is dict or kind is OrderedDict:
        return Apart([*thing], [*thing.values()], lambda parts: kind(zip(thing, parts)))
    if isinstance(thing, np.ndarray):
        shape = thing.shape
        return Apart(shape, thing.ravel().tolist(), lambda parts: array_of(parts, shape))
    if isinstance(thing, tuple) and hasattr(kind, "_fields") and not _attributes(thing):
        return Apart(kind._fields, thing, kind._make)
    if not is_record(thing):
        return None
    names = [each.name for each in fields(thing)]

    def make(parts: list[Any]) -> Any:  # also where it is frozen
        found = copy.copy(thing)
        for name, part in zip(names, parts):
            object.__setattr__(found, name, part)
        return found

    return Apart(names, [getattr(thing, name) for name in names], make)


def is_record(thing: Any) -> bool:
    """Whether it is a dataclass with nothing in it but its fields, and no module."""
    if not is_dataclass(thing) or isinstance(thing, type) or is_module(thing):
        return False
    makers = [vars(kind).get("__new__") for kind in type(thing).__mro__ if kind is not object]
    if any(isinstance(maker, BuiltinFunctionType) for maker in makers):
        return False  # it is a list or a text too
    return _attributes(thing) <= {each.name for each in fields(thing)}


def _attributes(thing: Any) -> set[str]:
    """The names of all attributes that an object has itself, in slots too."""
    slots = (x for kind in type(thing).__mro__ for x in vars(kind).items())
    names = {name for name, each in slots if isinstance(each, MemberDescriptorType)}
    return names | set(getattr(thing, "__dict__", ()))


def is_module(thing: Any) -> bool:
    """Whether something holds parameters and says so: its class has a method `parameters`."""
    return callable(getattr(type(thing), "parameters", None)) and hasattr(thing, "__dict__")


def is_sequence(thing: object) -> TypeGuard[Iterable[Any]]:
    """Whether something has parts in an order that its maker meant: no text, dict or set."""
    if isinstance(thing, (str, bytes, bytearray, Mapping, Set)):
        return False
    try:
        iter(thing)  # type: ignore[call-overload]  # an array of no axes has the method, and refuses
    except TypeError:
        return False
    return True


def scalar_of(thing: Any) -> Any:
    """What an array or tensor of no axes holds; everything else as it is."""
    if not has_parts(type(thing)) or isinstance(thing, (list, tuple)):
        return thing
    array = _array_of(thing)
    return array.item() if isinstance(array, np.ndarray) and not array.ndim else thing


def listed(thing: Any, role: str, what: str = "a sequence,") -> list[Any]:
    """The entries of a sequence of whatever kind; those of a table are its rows.

    `role` and `what` say in an error who takes what.
    """
    if isinstance(thing, (list, tuple)):
        return list(thing)
    found = _array_of(thing)
    if not is_sequence(found):
        raise TypeError(f"{role} takes {what} not {describe(thing)}. {_remedy(thing)}".rstrip())
    return list(found)


def scalars_of(entries: list[Any]) -> list[Any] | None:
    """The entries, arrays of no axes opened; None if there are sequences among them."""
    if not any(map(has_parts, set(map(type, entries)))):  # quick, however many they are
        return entries
    entries = list(map(scalar_of, entries))
    return None if any(map(is_sequence, entries)) else entries


def settled(nested: Any) -> Any:
    """The same in lists, tuples, dicts and arrays; sets, masked and sparse arrays are refused."""
    try:
        return _settled(nested)
    except RecursionError:
        raise endless(nested) from None


def endless(nested: Any) -> TypeError:
    """The error for what is nested without end."""
    return TypeError(f"The {type(nested).__name__} is nested too deeply, or in itself.")


def _settled(nested: Any) -> Any:
    if type(nested) is np.ndarray or not has_parts(type(nested)):
        return nested
    check_unmasked(nested)
    if isinstance(nested, np.ndarray):
        return np.asarray(nested)  # the rows of a np.matrix are such matrices, without end
    if isinstance(nested, Mapping):
        return {key: _settled(part) for key, part in nested.items()}
    if isinstance(nested, Set):
        raise TypeError(f"Numbers come in an order, not in {describe(nested)}. {_remedy(nested)}")
    if not is_sequence(nested):
        return nested
    found = _array_of(nested)
    if isinstance(found, np.ndarray):
        return found
    return remade(found, [x if type(x) is float else _settled(x) for x in found])


def leaves_of(nested: Any) -> list[Any]:
    """The innermost parts, in order."""
    return _leaves(settled(nested))


def _leaves(nested: Any) -> list[Any]:
    apart = None if type(nested) is float else taken_apart(nested)
    return [nested] if apart is None else [leaf for part in apart.parts for leaf in _leaves(part)]


def aligned(nested: Any, shape: Any) -> list[Any]:
    """The innermost parts of what is nested as `shape` is, in its order: those of a dict by key.

    Lists, tuples and arrays may stand for each other. A ValueError says what is otherwise.
    """
    return _aligned(settled(nested), settled(shape))


def _aligned(nested: Any, shape: Any) -> list[Any]:
    nested, shape = scalar_of(nested), scalar_of(shape)
    found, wanted = _entries(nested), _entries(shape)
    if found is None and wanted is None:
        return [nested]
    if found is None or wanted is None or found.keys() != wanted.keys():
        raise ValueError(f"{_outline(shape, wanted)}, not {_outline(nested, found)}")
    return [leaf for key, part in wanted.items() for leaf in _aligned(found[key], part)]


def _entries(thing: Any) -> dict[Any, Any] | None:
    """What is in a container, by key, name of a field, or place; None for what is none."""
    apart = taken_apart([*thing] if isinstance(thing, np.ndarray) else thing)
    if apart is None:
        return None
    is_named = isinstance(thing, Mapping) or is_record(thing)
    return dict(zip(apart.key, apart.parts) if is_named else enumerate(apart.parts))


def _outline(thing: Any, entries: dict[Any, Any] | None) -> str:
    """What a container holds, for an error."""
    if entries is None:
        return describe(thing)
    are_places = entries.keys() == set(range(len(entries)))
    count = counted(len(entries), "part")
    return count if are_places else f"{count}, {', '.join(map(repr, entries))}"


def like(shape: Any, supply: Iterator[Any]) -> Any:
    """The next leaves of `supply`, nested as `shape` is, which is `settled`."""
    apart = None if type(shape) is float else taken_apart(shape)
    return next(supply) if apart is None else apart.make([like(x, supply) for x in apart.parts])


def remade(shape: Any, parts: list[Any]) -> Any:
    """Parts in a list or tuple of the same kind; in a list, if it is another sequence."""
    apart = taken_apart(shape)
    return parts if apart is None else apart.make(parts)


def rows_of(given: Any, role: str) -> Array:
    """What was given as an array with the samples along the first axis, of whatever type.

    `role`, such as "split(X=...)", begins the errors.
    """
    check_unmasked(given, role)
    try:
        rows = np.asarray(settled(given))
    except ValueError:
        raise ValueError(
            f"{role} has rows of different lengths. Fill the shorter ones up."
        ) from None
    except Exception as fault:  # foreign objects say in their own ways that they give no array
        raise TypeError(f"{role} is {describe(given)}, which gives no array: {fault}") from fault
    if rows.ndim == 0:
        raise ValueError(f"{role} is an array, a row a sample, not {describe(given)}.")
    if not len(rows):
        raise ValueError(f"{role} has no samples.")
    return rows


def numbers_of(given: Any, role: str, hint: str = "") -> Array:
    """The same, of real numbers; `hint` is a sentence on what to do about other things."""
    rows = rows_of(given, role)
    if rows.dtype.kind in "fiub":
        return rows
    if rows.dtype == object:
        return _plain_numbers(rows, role, hint)
    kind = "texts" if rows.dtype.kind in "US" else rows.dtype.name
    raise TypeError(f"{role} holds {kind}, and takes real numbers. {hint}".rstrip())


def _plain_numbers(rows: Array, role: str, hint: str) -> Array:
    """An array of objects, as a table of mixed columns gives it, as one of floats."""
    for place, thing in np.ndenumerate(rows):
        if isinstance(thing, Numeric):
            hint = "The numbers of Values are [v.data for v in values]."
        if not is_real(thing):
            where = f"{role}[{', '.join(map(str, place))}]"
            raise TypeError(f"{where} is {describe(thing)}, and no real number. {hint}".rstrip())
    numbers: Array = array_of([real(thing, role) for thing in rows.flat], rows.shape)
    return numbers


def _array_of(thing: Any) -> Any:
    """What gives an array, as tables and tensors of other libraries do, as that; else as it is."""
    check_unmasked(thing)
    if hasattr(thing, "toarray"):  # its rows are such matrices of one row, without end
        name = type(thing).__name__
        raise TypeError(f"The {name} is sparse. Give all its numbers: .toarray().")
    if isinstance(thing, (np.ndarray, np.generic)) or not hasattr(thing, "__array__"):
        return thing
    try:
        return np.asarray(thing)
    except Exception as fault:  # foreign objects say in their own ways that they give no array
        raise TypeError(f"{describe(thing)} gives no array of numbers: {fault}") from fault


def _remedy(thing: object) -> str:
    if isinstance(thing, Set):
        return "A set has no order: write sorted(...)."
    if isinstance(thing, Mapping):
        return "Give its numbers alone: list(d.values())."
    if isinstance(thing, (str, bytes, bytearray)):
        return "Convert it first: [float(word) for word in text.split()]."
    return ""
