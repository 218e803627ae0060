"""`Contents`: where a function found the Values that it captured, to see if they are replaced.

A recording of `loss`, which reads `model`, holds for the parameters that the model had. If one is
replaced, or a layer, the recording holds no longer, although `model` is the same object. Nor does
it if a plain number or flag was changed that stands beside them, such as a rate of `Dropout`, which
has no parameters itself. What stands beside what is in `kin.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from operator import is_, itemgetter
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from engine.compiling.kin import are_kin, are_related, defaults_of, is_of_python
from engine.value import Value

_PLAIN = (bool, int, float, str, type(None))
_CLOSED = (*_PLAIN, type, ModuleType, FunctionType, Value)
Getter = Callable[[Any], tuple[Any, ...]]
_MOST_OBJECTS = 100_000
"""After so many objects the search ends; what lies behind them is not watched."""


class Contents:
    """The lists, dicts and objects between some objects and the Values that were captured.

    Objects beside these are looked at too, and those that the search begins with.

    Args:
        roots: where the search begins.
        captured: the Values.
    """

    def __init__(self, roots: Iterable[Any], captured: Iterable[Value]) -> None:
        found = _Search(roots)
        watched = found.leading_to(map(id, captured))
        watched |= found.beside(watched)
        self._lists: list[list[Any]] = []
        self._sized: list[Any] = []
        self._dicts: dict[tuple[Any, ...], list[Mapping[Any, Any]]] = {}
        self._absent: list[tuple[frozenset[str], Mapping[Any, Any]]] = []
        defaults: dict[type, frozenset[str]] = {}
        for thing in found.things.values():
            if id(thing) not in watched:
                continue
            if isinstance(thing, (list, dict)):
                self._sized.append(thing)
            if isinstance(thing, list):
                self._lists.append(thing)
            elif (names := _names_of(thing)) is not None:
                parts = names.items()
                self._watch(names, [k for k, p in parts if id(p) in watched or _is_plain(p)])
                if not isinstance(thing, dict):
                    kind = type(thing)
                    if kind not in defaults:
                        defaults[kind] = defaults_of(kind)
                    absent = defaults[kind] - names.keys()
                    self._absent += [(absent, names)] if absent else []
        for each in {base for kind in defaults for base in kind.__mro__}:
            self._watch(vars(each), sorted(defaults_of(each) & vars(each).keys()))
        self._getters = {keys: _getter(keys) for keys in self._dicts}
        self._before = list(self._now())
        self._lengths = list(map(len, self._sized))

    def _watch(self, names: Mapping[Any, Any], keys: list[Any]) -> None:
        """Look at some of the names in a dict, or among attributes, from now on."""
        if keys:
            self._dicts.setdefault(tuple(keys), []).append(names)

    def are_the_same(self) -> bool:
        """Whether everything is where it was, and the plain numbers and texts beside it too."""
        if list(map(len, self._sized)) != self._lengths:
            return False
        if any(not absent.isdisjoint(names) for absent, names in self._absent):
            return False  # an attribute that the class has was given to the object
        try:
            # Nearly always all is the same, which these loops without Python in them find out.
            return all(map(is_, self._now(), self._before)) or all(
                map(_is_same, self._now(), self._before)
            )
        except KeyError:  # an attribute was deleted
            return False

    def _now(self) -> Iterator[Any]:
        """All that is watched, one after the other."""
        dicts = (map(self._getters[keys], each) for keys, each in self._dicts.items())
        return chain(chain.from_iterable(self._lists), *map(chain.from_iterable, dicts))


class _Search:
    """All objects that can be reached, by their addresses, and who holds them."""

    def __init__(self, roots: Iterable[Any]) -> None:
        self.things: dict[int, Any] = {}
        self.holders: dict[int, list[int]] = {}
        self._inside: dict[int, list[Any]] = {}
        left = [root for root in roots if not _is_closed(root)]
        self._roots = left.copy()
        while left and len(self.things) < _MOST_OBJECTS:
            thing = left.pop()
            if id(thing) in self.things:
                continue
            self.things[id(thing)] = thing
            inside = self._inside[id(thing)] = []
            for part in _parts(thing):
                self.holders.setdefault(id(part), []).append(id(thing))
                if not _is_closed(part):
                    inside.append(part)
            left += inside

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
        left = [thing for key, thing in self.things.items() if key in leading and _is_object(thing)]
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
            if _is_object(thing):
                yield thing, way
            elif id(thing) not in seen:
                seen.add(id(thing))
                left += [(part, (*way, thing)) for part in self._inside.get(id(thing), [])]


def _is_object(thing: Any) -> bool:
    """Whether a thing has attributes of its own; a method leads to its object instead."""
    is_other = isinstance(thing, (list, tuple, dict, set, frozenset, np.ndarray, MethodType))
    return not is_other and _names_of(thing) is not None


def _is_plain(thing: Any) -> bool:
    return type(thing) in _PLAIN


def _is_closed(thing: Any) -> bool:
    """Whether nothing inside is looked at; so are compiled functions, which say so."""
    return isinstance(thing, _CLOSED) or getattr(type(thing), "is_closed", False)


def _parts(thing: Any) -> Iterator[Any]:
    if isinstance(thing, (list, tuple, set, frozenset)):
        yield from thing
    elif isinstance(thing, np.ndarray):
        yield from thing.flat if thing.dtype == object else ()
    elif isinstance(thing, MethodType):
        yield thing.__self__
    elif (names := _names_of(thing)) is not None:
        yield from names.values()


def _names_of(thing: Any) -> Mapping[Any, Any] | None:
    """What a dict holds, or the attributes of an object."""
    return thing if isinstance(thing, dict) else getattr(thing, "__dict__", None)


def _getter(keys: tuple[Any, ...]) -> Getter:
    """A function that reads several keys of a dict at once."""
    if len(keys) == 1:
        return lambda names: (names[keys[0]],)
    return itemgetter(*keys)


def _is_same(now: Any, before: Any) -> bool:
    return now is before or (
        type(now) is type(before) and type(now) in _PLAIN and repr(now) == repr(before)
    )
