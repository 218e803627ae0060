"""What a function reads beside its arguments: the names around it, which may be bound anew.

A recording holds for what these names were bound to when it was made: for equal numbers and texts,
and for the very same objects, such as a model.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import CodeType
from typing import Any

_PLAIN = (int, bool, str, type(None))


class Surroundings:
    """The global and enclosing names that a function reads.

    Args:
        function: a function of Python, or a method; of other callables nothing is known.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        function = getattr(function, "__func__", function)
        code = getattr(function, "__code__", None)
        self._globals: dict[str, Any] = getattr(function, "__globals__", {})
        self._cells = dict(zip(code.co_freevars, function.__closure__ or ())) if code else {}
        names = sorted(set(_names(code))) if code else []
        # Names that are not bound yet are looked for again in each call.
        self._names = [name for name in names if not hasattr(builtins, name)]
        self._kept: dict[int, Any] = {}

    def now(self) -> tuple[Any, ...]:
        """What the names are bound to now, as a key."""
        return tuple([self._key(thing) for thing in self._bound().values()])

    def _bound(self) -> dict[str, Any]:
        around = self._globals
        found = {name: around[name] for name in self._names if name in around}
        for name, cell in self._cells.items():
            with suppress(ValueError):  # the name is not bound yet
                found[name] = cell.cell_contents
        return found

    def _key(self, thing: Any) -> Any:
        kind = type(thing)
        if kind is float:
            return repr(thing)  # 0.0 is not -0.0
        if kind in _PLAIN:
            return kind, thing
        self._kept[id(thing)] = thing  # so that no other object gets its address
        return id(thing)

    def changed(self, before: tuple[Any, ...]) -> str:
        """The first name that is bound to something else than in a key from before."""
        pairs = zip(self._bound(), before, self.now())
        return next((name for name, old, new in pairs if old != new), "a name")


def _names(code: CodeType) -> Iterator[str]:
    """The names that code, and the functions inside it, may look up among the global ones."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
