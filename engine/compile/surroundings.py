"""What a function reads beside its arguments: the names around it, which may be bound anew.

A recording holds for what these names were bound to when it was made: for equal numbers and texts,
and for the very same objects, such as a model. Next: `contents.py`, whether those have changed.
"""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from glassgrad.engine.provenance import package_of

_PLAIN = (int, bool, str, type(None))


class Reader(NamedTuple):
    """A function and the names that it may read.

    Attributes:
        globals: the global names around it, and what they are bound to.
        names: those that it reads.
        cells: the names of functions around it.
        attributes: the names of attributes in its code, and other names there.
        defaults: what its arguments are if they are not given.
        counted: the names that it binds anew itself, as a counter of calls.
    """

    globals: dict[str, Any]
    names: list[str]
    cells: dict[str, Any]
    attributes: frozenset[str]
    defaults: tuple[Any, ...]
    counted: frozenset[str]

    @staticmethod
    def of(function: FunctionType) -> Reader:
        """What a function of Python reads."""
        code = function.__code__
        return Reader(
            function.__globals__,
            sorted(set(_names(code))),
            dict(zip(code.co_freevars, function.__closure__ or ())),
            frozenset(_attributes(code)),
            (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()),
            frozenset(_stored(code)),
        )

    def bound(self) -> dict[str, Any]:
        """What the names are bound to now."""
        around = self.globals
        found = {name: around[name] for name in self.names if name in around}
        for name, cell in self.cells.items():
            with suppress(ValueError):  # the name is not bound yet
                found[name] = cell.cell_contents
        return found

    def read(self) -> list[str]:
        """The global names that are bound now, without modules, and without what it counts."""
        found = [(name, self.globals.get(name, dis)) for name in self.names]
        return [
            name
            for name, thing in found
            if not isinstance(thing, ModuleType) and name not in self.counted
        ]

    def read_cells(self) -> list[Any]:
        """The cells that are bound now, without what it counts."""
        bound = self.bound()
        return [c for name, c in self.cells.items() if name in bound and name not in self.counted]


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
        self._readers: list[Reader] = []
        self._functions: list[FunctionType] = []
        package, seen, left = None, set[int](), [self._function]
        while left:
            function = function_inside(left.pop())
            package = package_of(function) if package is None else package
            if not isinstance(function, FunctionType) or id(function.__code__) in seen:
                continue
            if package_of(function) != package:
                continue
            seen.add(id(function.__code__))
            self._functions.append(function)
            self._readers.append(Reader.of(function))
            left += filter(callable, self._readers[-1].bound().values())

    def now(self) -> tuple[Any, ...]:
        """What the names are bound to now, as a key."""
        return tuple([self._key(t) for reader in self._readers for t in reader.bound().values()])

    def objects(self) -> list[Any]:
        """What the names are bound to, the object that the function is, or belongs to.

        And what is bound in the function: by default arguments, and by `functools.partial`.
        """
        bound = [thing for reader in self._readers for thing in reader.bound().values()]
        bound += [thing for reader in self._readers for thing in reader.defaults]
        return [*bound, getattr(self._function, "__self__", self._function)]

    def functions(self) -> list[FunctionType]:
        """The function, as far as it is one of Python, and those of its package that it calls."""
        return self._functions.copy()

    def _key(self, thing: Any) -> Any:
        kind = type(thing)
        if kind is float:
            return repr(thing)  # 0.0 is not -0.0
        if kind in _PLAIN:
            return kind, thing
        if isinstance(thing, np.generic):
            return kind, repr(thing)
        self._kept[id(thing)] = thing  # so that no other object gets its address
        return id(thing)

    def changed(self, before: tuple[Any, ...]) -> str:
        """The first name that is bound to something else than in a key from before."""
        names = [name for reader in self._readers for name in reader.bound()]
        pairs = zip(names, before, self.now())
        return next((name for name, old, new in pairs if old != new), "a name")


def function_inside(function: Any) -> Any:
    """The function of Python inside a method, a partial, a property or a compiled function.

    >>> from functools import partial
    >>> function_inside(partial(function_inside, 1)) is function_inside
    True
    """
    while not isinstance(function, FunctionType):
        if isinstance(function, MethodType):
            inner: Any = function.__func__
        elif isinstance(function, partial):
            inner = function.func
        elif isinstance(function, property):
            inner = function.fget
        else:
            inner = getattr(function, "__wrapped__", None)
        if inner is None:
            return function
        function = inner
    return function


def bound_in(function: Any) -> list[Any]:
    """The object of a method, and what a partial was given; also inside a compiled function.

    >>> bound_in([].append)
    []
    >>> from functools import partial
    >>> bound_in(partial(print, 1, end=""))
    [1, '']
    """
    found: list[Any] = []
    while not isinstance(function, FunctionType) and function is not None:
        if isinstance(function, MethodType):
            found.append(function.__self__)
            function = function.__func__
        elif isinstance(function, partial):
            found += [*function.args, *function.keywords.values()]
            function = function.func
        else:
            function = getattr(function, "__wrapped__", None)
    return found


def _names(code: CodeType) -> Iterator[str]:
    """The names that code, and the functions inside it, look up among the global ones."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _attributes(code: CodeType) -> Iterator[str]:
    """All names in code, and in the functions inside it, that are no local ones."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _attributes(constant)


def _stored(code: CodeType) -> Iterator[str]:
    """The names outside of it that code binds anew, as after `global` or `nonlocal`."""
    free = set(code.co_freevars)
    for instruction in dis.get_instructions(code):
        name = str(instruction.argval)
        if instruction.opname == "STORE_GLOBAL":
            yield name
        if instruction.opname == "STORE_DEREF" and name in free:
            yield name
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _stored(constant)
