"""What a module remembers of how it was made: its arguments, as far as data can say them.

Seeds and initialisers are left out, since a file has the numbers themselves. What is made of it is
in `saving/building.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MethodType
from typing import Any, TypeAlias

import numpy as np

from glassgrad.nn.modules.activation import linear, row_of
from glassgrad.nn.modules.parts import Holder

Remembered: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]
"""Arguments by their places, and by their names."""

PLAIN = (bool, int, float, str, type(None))
"""Types of settings that data can say."""

LEFT_OUT = ("seed", "init")
"""Arguments that are not remembered."""


def remembered(arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Remembered:
    """The arguments of a module as they are now: a list may change, a generator is used up.

    >>> from glassgrad.nn.modules.remembered import remembered
    >>> remembered((2, [3, 1]), {"activation": lambda v: v})
    ((2, (3, 1)), {'activation': Ellipsis})
    """
    kept = {name: _kept(thing) for name, thing in options.items() if name not in LEFT_OUT}
    return tuple([_kept(thing) for thing in arguments]), kept


def _kept(thing: Any, depth: int = 3) -> Any:
    """What data can say, and modules; `...` for all else."""
    if type(thing) in PLAIN or isinstance(thing, Holder):
        return thing
    if isinstance(thing, (list, tuple, range)) and depth:
        return tuple([_kept(part, depth - 1) for part in thing])
    if isinstance(thing, MethodType) and isinstance(thing.__self__, Holder):
        return import_module("glassgrad.nn.modules.sequential").Method(
            thing.__self__, thing.__name__
        )
    if isinstance(thing, (np.integer, np.floating, np.bool_)):
        return thing.item()
    if isinstance(thing, np.ndarray) and thing.dtype.kind in "iu":
        return _kept(thing.tolist(), depth)
    return _name_of(thing) if callable(thing) else ...


def _name_of(function: Any) -> Any:
    """The name of an activation; `...` for a function of the user's own."""
    row = row_of(function)
    return "linear" if function is linear else ... if row is None else row.name
