"""`Contents`: where a function found the Values that it captured, to see if they are replaced.

A recording of `loss`, which reads `model`, holds for the parameters that the model had. If one is
replaced, or a layer, the recording holds no longer, although `model` is the same object. Nor does
it if a plain number or flag was changed that stands beside them, such as a rate of `Dropout`, which
has no parameters itself. What stands beside what is in `kin.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, compress
from operator import attrgetter, is_, is_not, itemgetter
from typing import Any

import numpy as np

from glassgrad.engine.compile.kin import decides, defaults_of, is_remembered, shadowed_by
from glassgrad.engine.compile.plain import contents_of, is_fixed, is_plain, is_private
from glassgrad.engine.compile.search import Search, names_of
from glassgrad.engine.value import Value

Getter = Callable[[Any], tuple[Any, ...]]
_content = attrgetter("cell_contents")


class Contents:
    """The lists, dicts and objects between some objects and the Values that were captured.

    Objects beside these are looked at too, those that the search begins with, and the names that
    the code of their `forward` reads.

    Args:
        roots: where the search begins.
        captured: the Values.
    """

    def __init__(self, roots: Iterable[Any], captured: Iterable[Value]) -> None:
        found = Search(roots)
        watched = found.leading_to(map(id, captured))
        watched |= found.beside(watched)
        self._lists: list[list[Any]] = []
        self._arrays: list[Any] = []
        self._cells: list[Any] = []
        self._sized: list[Any] = []
        self._dicts: dict[tuple[Any, ...], list[Mapping[Any, Any]]] = {}
        self._objects: list[tuple[frozenset[str], Mapping[Any, Any]]] = []
        self._said: dict[int, Any] = {}
        shadowed: dict[type, frozenset[str]] = {}
        for thing in found.things.values():
            if id(thing) not in watched:
                continue
            if isinstance(thing, np.ndarray):
                self._arrays.append(thing)
            elif isinstance(thing, list):
                self._watch_list(thing)
            elif (names := names_of(thing)) is not None:
                self._watch(names, self._telling(thing, names, watched))
                if isinstance(thing, dict):
                    self._sized.append(thing)
                    continue
                kind = type(thing)
                if kind not in shadowed:
                    shadowed[kind] = shadowed_by(kind)
                self._objects.append((shadowed[kind] - names.keys(), names))
        for each in {base for kind in shadowed for base in kind.__mro__}:
            self._watch(vars(each), defaults_of(each))
        for reader in found.readers:
            self._watch(reader.globals, reader.read())
            self._cells += reader.read_cells()
        self._getters = {keys: _getter(keys) for keys in self._dicts}
        self._before = list(self._now())
        self._lengths = list(map(len, self._sized))
        self._names = [names for _, names in self._objects]
        self._counts = list(map(len, self._names))

    def _telling(self, holder: Any, names: Mapping[Any, Any], watched: set[int]) -> list[Any]:
        """The names in a dict, or of attributes, that are looked at."""
        kind, telling = type(holder), []
        for name, part in names.items():
            if id(part) in watched or (decides(name, part) and not is_remembered(kind, name)):
                telling.append(name)
                if id(part) not in watched and _holds_functions(part):
                    self._watch_functions(part)
        return telling

    def _watch_functions(self, thing: Any) -> None:
        """Look at a list or dict with functions, such as activations, by name or in a row."""
        if isinstance(thing, list):
            self._watch_list(thing)
            return
        self._sized.append(thing)
        self._watch(thing, [key for key, x in thing.items() if is_plain(x) or is_fixed(x)])

    def _watch_list(self, thing: list[Any]) -> None:
        self._lists.append(thing)
        self._sized.append(thing)

    def _watch(self, names: Mapping[Any, Any], keys: list[Any]) -> None:
        """Look at some of the names in a dict, or among attributes, from now on."""
        if not keys:
            return
        self._dicts.setdefault(tuple(keys), []).append(names)
        for key in keys:
            thing = names[key]
            if not is_plain(thing) and not is_fixed(thing) and not is_private(key):
                self._said[id(thing)] = contents_of(thing)

    def are_the_same(self) -> bool:
        """Whether everything is where it was, and the plain numbers and texts beside it too."""
        if list(map(len, self._sized)) != self._lengths:
            return False
        # Attributes rarely come later: only then is it looked at which ones they are.
        counts = list(map(len, self._names))
        if counts != self._counts:
            if not all(names.keys().isdisjoint(absent) for absent, names in self._objects):
                return False  # an attribute that the class has was given to the object
            self._counts = counts
        try:
            # Nearly always all is the same, which this loop without Python in it finds out.
            return all(map(is_, self._now(), self._before)) or self._say_the_same()
        except (KeyError, ValueError):  # an attribute, or a name, was deleted
            return False

    def _say_the_same(self) -> bool:
        """Whether what is bound anew is a number, or a list of numbers, as it was before."""
        now = list(self._now())
        if len(now) != len(self._before):
            return False
        other = compress(zip(now, self._before), map(is_not, now, self._before))
        return all(self._is_same(*pair) for pair in other)

    def _is_same(self, now: Any, before: Any) -> bool:
        if type(now) is not type(before):
            return False
        if is_plain(now):
            return repr(now) == repr(before)
        said = self._said.get(id(before))
        return said is not None and bool(contents_of(now) == said)

    def _now(self) -> Iterator[Any]:
        """All that is watched, one after the other."""
        dicts = (map(self._getters[keys], each) for keys, each in self._dicts.items())
        arrays = (array.ravel().tolist() for array in self._arrays)
        lists = chain.from_iterable(self._lists)
        return chain(
            lists,
            chain.from_iterable(arrays),
            map(_content, self._cells),
            *map(chain.from_iterable, dicts),
        )


def _holds_functions(thing: Any) -> bool:
    parts = thing.values() if isinstance(thing, dict) else thing
    return isinstance(thing, (list, dict)) and any(map(callable, parts))


def _getter(keys: tuple[Any, ...]) -> Getter:
    """A function that reads several keys of a dict at once."""
    if len(keys) == 1:
        return lambda names: (names[keys[0]],)
    return itemgetter(*keys)
