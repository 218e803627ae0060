"""What a module holds: the Values and modules among its attributes, each with its path.

The path of attributes is the name of a parameter, "layers.0.neurons.1.w.0", and of a scope. So
nothing has to be registered: whatever is assigned to an attribute is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from glassgrad.engine import Value


class Holder:
    """Whatever holds parts in its attributes. `Module` is the one to derive from."""

    _not_parts: tuple[str, ...] = ()
    """Attributes that are no parts."""


def walk(root: Holder, deep: bool = True) -> Iterator[tuple[str, Value | Holder]]:
    """The Values and holders below `root` with their paths, each once, in order of assignment.

    Looks into attributes, lists, tuples, dicts and arrays, with an explicit stack, so that neither
    depth nor a part that refers back to the whole does harm.

    Args:
        root: where to begin; it is not listed itself.
        deep: whether to look into the holders that are found.

    >>> from glassgrad import Layer
    >>> from glassgrad.nn.modules.parts import walk
    >>> [path for path, part in walk(Layer(1, 2), deep=False)]
    ['neurons.0', 'neurons.1']
    """
    seen: dict[int, Any] = {id(root): root}  # keeps them alive, so that no id is used twice
    stack = _parts(root, "")[::-1]
    while stack:
        path, part = stack.pop()
        if id(part) in seen:
            continue
        seen[id(part)] = part
        if isinstance(part, Value):
            yield path, part
            continue
        if isinstance(part, Holder):
            yield path, part
            if not deep:
                continue
        stack.extend(_parts(part, f"{path}.")[::-1])


def _parts(thing: Any, prefix: str) -> list[tuple[str, Any]]:
    if isinstance(thing, np.ndarray) and thing.dtype == object:
        thing = thing.tolist()
    if isinstance(thing, (list, tuple)):
        return [(f"{prefix}{i}", x) for i, x in enumerate(thing)]
    if isinstance(thing, dict):
        return [(f"{prefix}{key}", x) for key, x in thing.items()]
    if isinstance(thing, Holder):
        skipped = thing._not_parts
        return [(prefix + name, x) for name, x in vars(thing).items() if name not in skipped]
    return []


def path_inside(root: Holder, part: Holder) -> str | None:
    """The path from `root` to a part of it, None if it is no part.

    >>> from glassgrad import MLP
    >>> from glassgrad.nn.modules.parts import path_inside
    >>> model = MLP(2, [3, 1])
    >>> path_inside(model, model.layers[1].neurons[0])
    'layers.1.neurons.0'
    """
    # What it holds directly comes first: a deep walk for each of many neurons would be slow.
    for deep in (False, True):
        for path, found in walk(root, deep):
            if found is part:
                return path
    return None
