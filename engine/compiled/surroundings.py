"""What a function reads beside its arguments: the names around it, which may be bound anew.

A recording holds for what these names were bound to when it was made: for equal numbers and texts,
and for the very same objects, such as a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from engine.compiled.arguments import Same

_PLAIN = (int, float, bool, str, type(None))


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
        self._names = sorted(set(_names(code))) if code else []

    def now(self) -> tuple[Any, ...]:
        """What the names are bound to now, as a key."""
        found = [_key(self._globals[name]) for name in self._names if name in self._globals]
        return (
            *found,
            *[_key(cell.cell_contents) for cell in self._cells.values() if _is_bound(cell)],
        )

    def changed(self, before: tuple[Any, ...]) -> str:
        """The first name that is bound to something else than in a key from before."""
        names = [name for name in self._names if name in self._globals]
        names += [name for name, cell in self._cells.items() if _is_bound(cell)]
        pairs = zip(names, before, self.now())
        return next((name for name, old, new in pairs if old != new), "a name")


def _names(code: CodeType) -> Iterator[str]:
    """The names that code, and the functions inside it, may look up among the global ones."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_bound(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  raises if the name is not bound yet
    except ValueError:
        return False
    return True


def _key(thing: Any) -> Any:
    return (type(thing), repr(thing)) if type(thing) in _PLAIN else Same(thing)
