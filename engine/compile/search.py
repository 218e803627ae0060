"""`Search`: all objects that a function can reach, who holds them, and the code that reads them.

From a model it goes to its layers, to the functions among its attributes, and to what the code of
its `forward` names: a rate among the global names decides what is computed as an attribute does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from glassgrad.engine.compile.kin import are_kin, are_related, is_from_a_library, is_of_python
from glassgrad.engine.compile.plain import holds_only_plain, is_plain
from glassgrad.engine.compile.surroundings import Reader, bound_in, function_inside
from glassgrad.engine.provenance import package_of
from glassgrad.engine.value import Value

_CLOSED = (type, ModuleType, FunctionType, Value)
_PASSED_THROUGH = (list, tuple, dict, set, frozenset, np.ndarray, MethodType, partial)
_CALLED = ("forward", "__call__")
_MOST_OBJECTS = 1_000_000
"""After so many objects the search ends; what lies behind them is not watched."""


class Search:
    """All objects that can be reached, by their addresses, and who holds them.

    Args:
        roots: where the search begins: objects, and functions whose code is read.

    Attributes:
        things: the objects.
        holders: by the address of a part, the addresses of those that hold it.
        readers: the code that was followed, with the names that it reads.
    """

    def __init__(self, roots: Iterable[Any]) -> None:
        self.things: dict[int, Any] = {}
        self.holders: dict[int, list[int]] = {}
        self.readers: list[Reader] = []
        self._inside: dict[int, list[Any]] = {}
        self._roots: list[Any] = []
        self._kinds: dict[type, None] = {}
        self._names = set(_CALLED)
        self._followed: dict[int, Any] = {}
        # Functions, and by which attribute they, or a list with them, were found.
        self._functions: list[tuple[str | None, Any]] = []
        self._attributes: dict[int, str | None] = {}
        new, seen = list(roots), dict[int, Any]()
        while new := [thing for thing in new if id(thing) not in seen]:
            seen.update((id(thing), thing) for thing in new)
            self._functions += [(None, thing) for thing in new if _is_function(thing)]
            new = [thing for thing in new if not _is_closed(thing) and not holds_only_plain(thing)]
            self._roots += new
            self._look_through(new)
            new = self._named_by_code()

    def _look_through(self, left: list[Any]) -> None:
        left = left.copy()
        while left and len(self.things) < _MOST_OBJECTS:
            thing = left.pop()
            if id(thing) in self.things:
                continue
            self.things[id(thing)] = thing
            inside = self._inside[id(thing)] = []
            attribute = self._attributes.get(id(thing))
            names, is_object = names_of(thing), is_object_with_names(thing)
            if is_object:
                self._kinds[type(thing)] = None
                is_foreign = is_from_a_library(type(thing))
            for name, part in names.items() if is_object and names else _parts(thing):
                if is_plain(part):
                    continue
                self.holders.setdefault(id(part), []).append(id(thing))
                if is_object:
                    attribute = None if is_foreign else name
                if _is_function(part):
                    self._functions.append((attribute, part))
                if not _is_closed(part) and not holds_only_plain(part):
                    self._attributes.setdefault(id(part), attribute)
                    inside.append(part)
            left += inside

    def _named_by_code(self) -> list[Any]:
        """What the code names that the function may run, as far as it was not followed before."""
        found: list[Any] = []
        before = -1
        while before < len(self._followed):
            before = len(self._followed)
            waiting, self._functions = self._functions, []
            for attribute, function in waiting:
                if attribute is None or attribute in self._names:
                    found += self._follow(function)
                else:
                    self._functions.append((attribute, function))
            for kind in self._kinds:
                for each in kind.__mro__:
                    if not is_from_a_library(each):
                        for name in sorted(self._names & vars(each).keys()):
                            found += self._follow(vars(each)[name])
        return found

    def _follow(self, thing: Any) -> list[Any]:
        """Read the code of a function, and that of functions of its package which it names."""
        found, left = list[Any](), [thing]
        while left:
            outer = left.pop()
            function = function_inside(outer)
            found += [thing for thing in bound_in(outer) if thing is not function]
            if not isinstance(function, FunctionType) and _says_it_is_closed(outer):
                found.append(function)  # a model that was compiled
            if not isinstance(function, FunctionType) or id(function) in self._followed:
                continue
            package = package_of(function)
            if is_from_a_library(function):
                continue
            self._followed[id(function)] = function
            reader = Reader.of(function)
            self.readers.append(reader)
            self._names |= reader.attributes
            for part in (*reader.bound().values(), *reader.defaults):
                if not _is_function(part):
                    found.append(part)
                elif package_of(function_inside(part)) == package:
                    left.append(part)
        return found

    def leading_to(self, leaves: Iterable[int]) -> set[int]:
        """The leaves, and all that holds them, directly or not."""
        found, left = set[int](), list(leaves)
        while left:
            thing = left.pop()
            if thing not in found:
                found.add(thing)
                left += self.holders.get(thing, [])
        return found

    def beside(self, leading: set[int]) -> set[int]:
        """Objects that belong to those that lead to Values, or with which the search began.

        Lists, tuples and dicts on the way to an object with the same base class lead to it too.
        """
        found = set[int]()
        left = [
            thing
            for key, thing in self.things.items()
            if key in leading and is_object_with_names(thing)
        ]
        for thing, _ in self._objects_in(self._roots):
            if not is_of_python(type(thing)):
                found.add(id(thing))
                left.append(thing)
        while left:
            holder = left.pop()
            for thing, way in self._objects_in(self._inside.get(id(holder), [])):
                if not are_kin(type(holder), type(thing)):
                    continue
                if are_related(type(holder), type(thing)):
                    found.update(map(id, way))
                if id(thing) not in found and id(thing) not in leading:
                    found.add(id(thing))
                    left.append(thing)
        return found

    def _objects_in(self, things: Iterable[Any]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
        """The objects among things and in lists, tuples and dicts there, with those on the way."""
        seen = set[int]()
        left: list[tuple[Any, tuple[Any, ...]]] = [(thing, ()) for thing in things]
        while left:
            thing, way = left.pop()
            if is_object_with_names(thing):
                yield thing, way
            elif id(thing) not in seen:
                seen.add(id(thing))
                left += [(part, (*way, thing)) for part in self._inside.get(id(thing), [])]


def names_of(thing: Any) -> Mapping[Any, Any] | None:
    """What a dict holds, or the attributes of an object.

    >>> names_of({"a": 1})
    {'a': 1}
    """
    return thing if isinstance(thing, dict) else getattr(thing, "__dict__", None)


def is_object_with_names(thing: Any) -> bool:
    """Whether a thing has attributes of its own; a method leads to its object instead.

    >>> is_object_with_names({"a": 1})
    False
    """
    return not isinstance(thing, _PASSED_THROUGH) and names_of(thing) is not None


def _is_function(thing: Any) -> bool:
    """Whether it is a function or holds one inside, as a compiled function does."""
    return isinstance(thing, FunctionType) or _says_it_is_closed(thing)


def _says_it_is_closed(thing: Any) -> bool:
    return getattr(type(thing), "is_closed", False) is True


def _is_closed(thing: Any) -> bool:
    """Whether nothing inside is looked at; so are compiled functions, which say so."""
    return is_plain(thing) or isinstance(thing, _CLOSED) or _says_it_is_closed(thing)


def _parts(thing: Any) -> Iterator[tuple[None, Any]]:
    """What a container holds, without names."""
    parts: Iterable[Any] = ()
    if isinstance(thing, (list, tuple, set, frozenset)):
        parts = thing
    elif isinstance(thing, dict):
        parts = thing.values()
    elif isinstance(thing, np.ndarray):
        parts = thing.flat if thing.dtype == object else ()
    elif isinstance(thing, MethodType):
        parts = thing.__self__, thing.__func__
    elif isinstance(thing, partial):
        parts = thing.func, *thing.args, *thing.keywords.values()
    return ((None, part) for part in parts)
