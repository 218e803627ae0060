"""`Contents`: where a function found the Values that it captured, to see if they are replaced.

A recording of `loss`, which reads `model`, holds for the parameters that the model had. If one is
replaced, or a layer, the recording holds no longer, although `model` is the same object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from operator import is_, itemgetter
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from engine.value import Value

_PLAIN = (bool, int, float, str, type(None))
_CLOSED = (*_PLAIN, type, ModuleType, FunctionType, Value)
Getter = Callable[[Any], tuple[Any, ...]]
_MOST_OBJECTS = 100_000
"""After so many objects the search ends; what lies behind them is not watched."""


class Contents:
    """The lists, dicts and objects between some objects and the Values that were captured.

    Args:
        roots: where the search begins.
        captured: the Values.
    """

    def __init__(self, roots: Iterable[Any], captured: Iterable[Value]) -> None:
        found = _Search(roots)
        leading = found.leading_to(map(id, captured))
        self._lists: list[list[Any]] = []
        self._sized: list[Any] = []
        self._dicts: dict[tuple[Any, ...], list[Mapping[Any, Any]]] = {}
        for thing in found.things.values():
            names = _names_of(thing)
            if id(thing) not in leading:
                continue
            if isinstance(thing, (list, dict)):
                self._sized.append(thing)
            if isinstance(thing, list):
                self._lists.append(thing)
            elif names is not None:
                parts = names.items()
                keys = [k for k, part in parts if id(part) in leading or type(part) in _PLAIN]
                if keys:
                    self._dicts.setdefault(tuple(keys), []).append(names)
        self._getters = {keys: _getter(keys) for keys in self._dicts}
        self._before = list(self._now())
        self._lengths = list(map(len, self._sized))

    def are_the_same(self) -> bool:
        """Whether everything is where it was, and the plain numbers and texts beside it too."""
        if list(map(len, self._sized)) != self._lengths:
            return False
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
        left = [root for root in roots if not _is_closed(root)]
        while left and len(self.things) < _MOST_OBJECTS:
            thing = left.pop()
            if id(thing) in self.things:
                continue
            self.things[id(thing)] = thing
            for part in _parts(thing):
                self.holders.setdefault(id(part), []).append(id(thing))
                if not _is_closed(part):
                    left.append(part)

    def leading_to(self, leaves: Iterable[int]) -> set[int]:
        """The leaves, and all that holds them, directly or not."""
        found, left = set[int](), list(leaves)
        while left:
            thing = left.pop()
            if thing not in found:
                found.add(thing)
                left += self.holders.get(thing, [])
        return found


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
