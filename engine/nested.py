"""Numbers and Values nested in lists, tuples, dicts and arrays: taken apart and put together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from glassgrad.engine.value import Value

NESTED = (list, tuple, dict, np.ndarray)


def leaves_of(nested: Any) -> list[Any]:
    """The innermost parts, in order.

    >>> from glassgrad.engine.nested import leaves_of
    >>> leaves_of([1.0, (2.0, {"a": 3.0})])
    [1.0, 2.0, 3.0]
    """
    if isinstance(nested, np.ndarray):
        return list(nested.flat)
    if isinstance(nested, dict):
        nested = list(nested.values())
    if isinstance(nested, (list, tuple)):
        return [leaf for part in nested for leaf in leaves_of(part)]
    return [nested]


def like(shape: Any, supply: Iterator[Any]) -> Any:
    """The next leaves of `supply`, nested as `shape` is.

    >>> from glassgrad.engine.nested import like
    >>> like([0, (0, 0)], iter("abc"))
    ['a', ('b', 'c')]
    """
    if isinstance(shape, np.ndarray):
        flat = [next(supply) for _ in range(shape.size)]
        kind = object if any(isinstance(x, Value) for x in flat) else float
        return _array(flat, kind).reshape(shape.shape)
    if isinstance(shape, dict):
        return {key: like(part, supply) for key, part in shape.items()}
    if isinstance(shape, (list, tuple)):
        parts = [like(part, supply) for part in shape]
        return type(shape)(*parts) if hasattr(shape, "_fields") else type(shape)(parts)
    return next(supply)


def _array(flat: list[Any], kind: type) -> Any:
    array: Any = np.empty(len(flat), dtype=kind)
    array[:] = flat
    return array
