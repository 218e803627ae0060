"""What a function reads beside its arguments: the names around it, which may be bound anew.

A recording holds for what these names were bound to when it was made: for equal numbers and texts,
and for the very same objects, such as a model. Next: `contents.py`, whether those have changed.
"""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import CodeType, FunctionType, MethodType
from typing import Any, NamedTuple

_PLAIN = (int, bool, str, type(None))


class _Reader(NamedTuple):
    """A function and the names that it may read: global ones, and those of functions around it."""

    globals: dict[str, Any]
    names: list[str]
    cells: dict[str, Any]

    def bound(self) -> dict[str, Any]:
        """What the names are bound to now."""
        around = self.globals
        found = {name: around[name] for name in self.names if name in around}
        for name, cell in self.cells.items():
            with suppress(ValueError):  # the name is not bound yet
                found[name] = cell.cell_contents
        return found


class Surroundings:
    """The global and enclosing names that a function reads, and functions of its package it calls.

    Args:
        function: a function of Python, or a method; of other callables nothing is known.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._kept: dict[int, Any] = {}
        self.refresh()

    def refresh(self) -> None:
        """Look again for what is called: a name may be bound to another function."""
        self._readers: list[_Reader] = []
        package, seen, left = None, set[int](), [self._function]
        while left:
            function = _plain(left.pop())
            code = getattr(function, "__code__", None)
            root = str(getattr(function, "__module__", "")).split(".")[0]
            package = package or root
            if code is None or id(code) in seen or root != package:
                continue
            seen.add(id(code))
            names = sorted(set(_names(code)))
            cells = dict(zip(code.co_freevars, function.__closure__ or ()))
            self._readers.append(_Reader(function.__globals__, names, cells))
            left += filter(callable, self._readers[-1].bound().values())

    def now(self) -> tuple[Any, ...]:
        """What the names are bound to now, as a key."""
        return tuple([self._key(t) for reader in self._readers for t in reader.bound().values()])

    def objects(self) -> list[Any]:
        """What the names are bound to, and the object that the function is, or belongs to."""
        bound = [thing for reader in self._readers for thing in reader.bound().values()]
        return [*bound, getattr(self._function, "__self__", self._function)]

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
        names = [name for reader in self._readers for name in reader.bound()]
        pairs = zip(names, before, self.now())
        return next((name for name, old, new in pairs if old != new), "a name")


def _plain(function: Any) -> Any:
    """The function of Python inside a method or a compiled function."""
    while not isinstance(function, FunctionType):
        inner = getattr(function, "__wrapped__", None)
        if isinstance(function, MethodType):
            inner = function.__func__
        if inner is None:
            return function
        function = inner
    return function


def _names(code: CodeType) -> Iterator[str]:
    """The names that code, and the functions inside it, look up among the global ones."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
