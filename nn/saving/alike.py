"""Whether two modules are built alike: the same parts and settings, whatever the numbers."""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import Any

from glassgrad.nn.modules.parts import Holder
from glassgrad.nn.modules.remembered import PLAIN


def compute_alike(module: Holder, fresh: Holder) -> bool:
    """Whether two modules compute the same if they have the same numbers; rates of chance may vary.

    >>> from glassgrad import MLP
    >>> from glassgrad.nn.saving.alike import compute_alike
    >>> compute_alike(MLP(2, [1]), MLP(2, [1])), compute_alike(MLP(2, [1]), MLP(3, [1]))
    (True, False)
    """
    return are_alike(module, fresh, {"rate"})


def are_alike(module: Holder, fresh: Holder, leaving_out: Collection[str] = ()) -> bool:
    """Whether two modules have the same parts with the same settings; numbers may differ.

    Args:
        module: the one, which may keep notes of the user's own too.
        fresh: the other, as it was made.
        leaving_out: names of attributes that may differ.

    >>> from glassgrad import Dropout
    >>> from glassgrad.nn.saving.alike import are_alike
    >>> are_alike(Dropout(0.5), Dropout(0.25)), are_alike(Dropout(0.5), Dropout(0.25), {"rate"})
    (False, True)
    """
    left: list[tuple[Any, Any]] = [(module, fresh)]
    while left:
        one, other = left.pop()
        if isinstance(one, Random) or isinstance(other, Random):
            continue  # where chance comes from belongs to no build
        if type(one) is not type(other):
            return False
        if isinstance(one, Holder):
            mine, theirs = _settings(one), _settings(other)
            others = mine.keys() - theirs.keys()
            if theirs.keys() - mine.keys() or any(hasattr(type(one), name) for name in others):
                return False  # what covers a method or a property is no note of the user's own
            left += [(mine[name], theirs[name]) for name in theirs if name not in leaving_out]
        elif isinstance(one, (list, tuple)):
            if len(one) != len(other):
                return False
            left += zip(one, other)
        elif type(one) in PLAIN or callable(one):
            if one != other:
                return False
    return True


def _settings(module: Holder) -> dict[str, Any]:
    """The attributes that a module has, without what others keep there."""
    skipped = {*module._not_parts, "training"}
    return {
        name: thing
        for name, thing in vars(module).items()
        if name not in skipped and not name.startswith("_compiled_")
    }
