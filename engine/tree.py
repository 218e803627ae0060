"""Numbers and Values in sequences, dicts and arrays of whatever kind: taken, apart and together.

Everything in this library that takes a sequence of numbers or Values takes it here: lists, tuples,
generators, ranges, numpy arrays, and what gives one, as tables of pandas and tensors do. So each
place takes all of them, and refuses the same others in the same words.

`scalar_of` opens an array of no axes, `listed` one axis of a sequence, and `row_of` a row of
numbers. Of anything nested, `settled` makes lists, tuples, dicts and arrays, `leaves_of` the
numbers in it, and `like` the same structure with other numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, TypeGuard

import numpy as np

from glassgrad.engine.arrays import array_of
from glassgrad.engine.text import describe


def is_sequence(thing: object) -> TypeGuard[Iterable[Any]]:
    """Whether something has parts in an order that its maker meant: no text, dict or set.

    >>> import numpy as np
    >>> is_sequence([1.0]), is_sequence(range(3)), is_sequence("ab"), is_sequence(np.array(1.0))
    (True, True, False, False)
    """
    if isinstance(thing, (str, bytes, bytearray, Mapping, Set)):
        return False
    try:
        iter(thing)  # type: ignore[call-overload]  # an array of no axes has the method, and refuses
    except TypeError:
        return False
    return True


def scalar_of(thing: Any) -> Any:
    """What an array or tensor of no axes holds; everything else as it is.

    >>> import numpy as np
    >>> scalar_of(np.array(3.0)), scalar_of(2), scalar_of([1.0])
    (3.0, 2, [1.0])
    """
    if not _has_parts(thing) or isinstance(thing, (list, tuple)):
        return thing
    array = _array_of(thing)
    return array.item() if isinstance(array, np.ndarray) and not array.ndim else thing


def listed(thing: Any, role: str, what: str = "a sequence,") -> list[Any]:
    """The entries of a sequence of whatever kind; those of a table are its rows.

    Args:
        thing: what was given.
        role: who takes it, to begin an error with.
        what: what it takes, to go on with.

    Raises:
        TypeError: it is no sequence, or one without an order.

    >>> listed(range(3), "mean"), listed(map(abs, [-1.0]), "mean")
    ([0, 1, 2], [1.0])
    >>> listed({1.0, 2.0}, "mean")
    Traceback (most recent call last):
    TypeError: mean takes a sequence, not set {1.0, 2.0}. A set has no order: write sorted(...).
    """
    if isinstance(thing, (list, tuple)):
        return list(thing)
    found = _array_of(thing) if _has_parts(thing) else thing
    if not is_sequence(found):
        raise TypeError(f"{role} takes {what} not {describe(thing)}. {_remedy(thing)}".rstrip())
    return list(found)


def row_of(thing: Any, role: str, what: str = "a sequence,") -> list[Any]:
    """The entries of one row of numbers and Values; what they are is not looked at.

    Raises:
        TypeError: it is no sequence, or there are sequences in it.

    >>> import numpy as np
    >>> row_of([1.0, np.array(2.0)], "mean")
    [1.0, 2.0]
    >>> row_of([[1.0, 2.0]], "mean")
    Traceback (most recent call last):
    TypeError: mean takes one row of numbers, not rows of them. Call it for each: [mean(row) for \
row in table]; of all it is mean(np.ravel(table)).
    """
    entries = scalars_of(listed(thing, role, what))
    if entries is None:
        call = role.removesuffix("(...)")
        raise TypeError(
            f"{role} takes one row of numbers, not rows of them. Call it for each: "
            f"[{call}(row) for row in table]; of all it is {call}(np.ravel(table))."
        )
    return entries


def scalars_of(entries: list[Any]) -> list[Any] | None:
    """The entries, arrays of no axes opened; None if there are sequences among them.

    >>> scalars_of([1.0, 2.0]), scalars_of([1.0, [2.0]])
    ([1.0, 2.0], None)
    """
    if not any(map(_is_container, set(map(type, entries)))):  # quick, however many they are
        return entries
    entries = list(map(scalar_of, entries))
    return None if any(map(is_sequence, entries)) else entries


def settled(nested: Any) -> Any:
    """The same in lists, tuples, dicts and arrays, which can be read more than once.

    Raises:
        TypeError: there is a set in it, which has no order.

    >>> settled({"a": range(2), "b": (map(abs, [-1.0]), 5.0)})
    {'a': [0, 1], 'b': ([1.0], 5.0)}
    """
    if not _has_parts(nested) or isinstance(nested, (str, bytes, bytearray)):
        return nested
    if isinstance(nested, Mapping):
        return {key: settled(part) for key, part in nested.items()}
    if isinstance(nested, Set):
        raise TypeError(f"Numbers come in an order, not in {describe(nested)}. {_remedy(nested)}")
    if not isinstance(nested, (list, tuple)):
        if isinstance(nested, np.ndarray) or not is_sequence(nested):
            return nested
        nested = _array_of(nested)
        if isinstance(nested, np.ndarray):
            return nested
    return _remade(nested, [x if type(x) is float else settled(x) for x in nested])


def leaves_of(nested: Any) -> list[Any]:
    """The innermost parts, in order.

    >>> from glassgrad.engine.tree import leaves_of
    >>> leaves_of([1.0, (2.0, {"a": 3.0})])
    [1.0, 2.0, 3.0]
    """
    return _leaves(settled(nested))


def like(shape: Any, supply: Iterator[Any]) -> Any:
    """The next leaves of `supply`, nested as `shape` is, which is `settled`.

    >>> from glassgrad.engine.tree import like
    >>> like([0, (0, 0)], iter("abc"))
    ['a', ('b', 'c')]
    """
    if isinstance(shape, np.ndarray):
        return array_of([next(supply) for _ in range(shape.size)], shape.shape)
    if isinstance(shape, dict):
        return {key: like(part, supply) for key, part in shape.items()}
    if isinstance(shape, (list, tuple)):
        return _remade(shape, [like(part, supply) for part in shape])
    return next(supply)


def _leaves(nested: Any) -> list[Any]:
    if isinstance(nested, np.ndarray):
        return list(nested.flat)
    if isinstance(nested, dict):
        nested = list(nested.values())
    if isinstance(nested, (list, tuple)):
        return [leaf for part in nested for leaf in _leaves(part)]
    return [nested]


def _remade(shape: Any, parts: list[Any]) -> Any:
    """Parts in a list, or in a tuple of the same kind."""
    if isinstance(shape, tuple):
        return type(shape)(*parts) if hasattr(shape, "_fields") else type(shape)(parts)
    return type(shape)(parts) if isinstance(shape, list) else parts


def _has_parts(thing: object) -> bool:
    return _is_container(type(thing))


def _is_container(kind: type) -> bool:
    return hasattr(kind, "__iter__") or (hasattr(kind, "__getitem__") and hasattr(kind, "__len__"))


def _array_of(thing: Any) -> Any:
    """What gives an array, as tables and tensors of other libraries do, as that; else as it is.

    Raises:
        TypeError: it is of another library and gives none, or entries are masked.
    """
    if hasattr(thing, "mask") and np.ma.is_masked(thing):
        raise TypeError("The array has masked entries. Leave them out, or fill them: .filled(0).")
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
