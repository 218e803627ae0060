"""What is compared by what it says, such as a number, or by what it is, such as a function.

An attribute that is bound anew to an equal number, or to a list of equal numbers, has not changed.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum
from types import ModuleType
from typing import Any

import numpy as np

_KINDS = frozenset((bool, int, float, complex, str, bytes, type(None), *np.sctypeDict.values()))
_MOST_NUMBERS = 10_000
"""Larger lists and arrays of numbers are equal to themselves alone."""


def is_plain(thing: Any) -> bool:
    """Whether it is a number of Python or numpy, a text, a flag or None.

    >>> is_plain(2.0), is_plain([2.0])
    (True, False)
    """
    return type(thing) in _KINDS


def is_fixed(thing: Any) -> bool:
    """Whether another one in its place computes otherwise, such as a function does.

    >>> is_fixed(len), is_fixed(2.0)
    (True, False)
    """
    return callable(thing) or isinstance(thing, (Enum, ModuleType))


def is_private(name: Any) -> bool:
    """Whether a name begins with an underscore; a key that is no text does not.

    >>> is_private("_cache"), is_private(0)
    (True, False)
    """
    return isinstance(name, str) and name.startswith("_")


def holds_only_plain(thing: Any) -> bool:
    """Whether it is a list, tuple, set, dict or array of numbers and texts alone, or empty.

    >>> holds_only_plain([1, 2.0]), holds_only_plain([[1]])
    (True, False)
    """
    if isinstance(thing, np.ndarray):
        return bool(thing.dtype != object)
    if isinstance(thing, dict):
        return _KINDS.issuperset(map(type, thing.values()))
    return isinstance(thing, (list, tuple, set, frozenset)) and _KINDS.issuperset(map(type, thing))


def contents_of(thing: Any) -> Hashable | None:
    """What lists, tuples, dicts, sets and arrays of plain numbers say, also inside each other.

    Returns:
        Something that is equal for equal contents; None if other objects are inside.

    >>> contents_of([1.0, (2, 3)]) == contents_of([1.0, (2, 3)])
    True
    >>> contents_of([1.0]) == contents_of([1])
    False
    """
    said, left, count = list[Any](), [thing], 0
    while left:
        part = left.pop()
        count += 1
        if isinstance(part, np.ndarray) and part.dtype != object:
            count += part.size
            if count <= _MOST_NUMBERS:
                said += [part.dtype.str, part.shape, part.tobytes()]
        elif isinstance(part, (list, tuple, set, frozenset, dict)):
            count += len(part)
            said += [type(part), len(part)]
            if count <= _MOST_NUMBERS:
                left += [*part, *part.values()] if isinstance(part, dict) else _ordered(part)
        elif is_plain(part):
            said += [type(part), repr(part)]
        elif is_fixed(part):
            said.append(id(part))
        else:
            return None
        if count > 2 * _MOST_NUMBERS:
            break
    return tuple(said) if count <= _MOST_NUMBERS else object()


def _ordered(parts: Any) -> Any:
    return sorted(parts, key=repr) if isinstance(parts, (set, frozenset)) else parts
