"""What tells in a microsecond that nothing has changed: a count of changes, and lists of Values.

Whoever holds Values, as `nn.Module` does, and wants compiled functions to notice at once that
another layer, flag or rate is in place counts `STRUCTURE.revision` up when an attribute is set or
deleted. As long as the count is the same, nothing of that kind has changed. Lists change without
anybody being told, so `hold_same` compares them.
"""

from __future__ import annotations

from itertools import count
from operator import eq
from typing import Any

from glassgrad.engine.context import Context, Observer, call_in, watching
from glassgrad.engine.value import Value

METHODS = "_compiled_methods"
"""Where an object keeps its compiled methods, which decide nothing and are no parts of it."""


class Structure:
    """The count, `revision`: how many changes there have been."""

    def __init__(self) -> None:
        self._counter = count(1)
        self.revision = 0

    def count_up(self) -> None:
        """Say that something has changed; of two threads at once, each sets another count."""
        self.revision = next(self._counter)


STRUCTURE = Structure()


_IDENTITY: tuple[Any, ...] = (Value.__eq__, object.__eq__)


def is_only_itself(thing: Any) -> bool:
    """Whether nothing equals it but itself, as Values and modules."""
    return type(thing).__eq__ in _IDENTITY


class _NoNumbers(Observer):
    """With it, no Value equals a plain number, which may stand in its place now."""

    def compared(self, left: Any, right: Any, relation: str, outcome: bool) -> bool:
        return False


_NO_NUMBERS = _NoNumbers()
_WITHOUT_NUMBERS = Context(False, (_NO_NUMBERS,))


def hold_same(now: list[list[Any]], before: list[list[Any]]) -> bool:
    """Whether lists hold the very same Values, and other things that are equal only to themselves.

    All are compared in one go, without Python in between.
    """
    try:
        watching.append(_NO_NUMBERS)
        return call_in(_WITHOUT_NUMBERS, eq, now, before) is True
    except Exception:  # what stands there now refuses to be compared
        return False
    finally:
        watching.remove(_NO_NUMBERS)
