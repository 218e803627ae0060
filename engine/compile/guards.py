"""`Guards`: what a function reads beside its arguments, looked at before a recording is replayed.

A recording holds for what was read when it was made. Three looks, of a few microseconds, find most
that changes: the names in the code of the function, and of the functions that it leads to, in all
things that these names lead to (`rate`, `model`, `config.rate`, `settings["rate"]`), that code
itself, and the defaults; the lists and dicts among them that hold Values, modules or functions; and
the revision that modules count up, in `STRUCTURE`, whereupon their attributes are compared. What
none of them sees, such as a number changed in place inside a list of numbers, the audit finds:
next, `cache.py`.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain
from operator import is_
from types import CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from glassgrad.engine.provenance import is_installed, is_ours, package_of
from glassgrad.engine.tree import is_module
from glassgrad.engine.value import Value
from glassgrad.engine.vectors import STRUCTURE, hold_same, is_only_itself

_MISSING = object()
"""What stands for a name that is not bound, and for an attribute that is not there."""
_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)
_CONTAINERS = (list, tuple, dict, np.ndarray)
_LEADING: dict[type, tuple[str, ...]] = {
    MethodType: ("__self__", "__func__"),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    property: ("fget",),
    partial: ("keywords", "func"),
}
"""By kind, the attributes of something that is around a function which lead to it."""
_PARTS_OF_FUNCTIONS = ("__code__", "__defaults__", "__kwdefaults__")
"""What is put in place of another where a module is loaded again."""
_UNWRITTEN = ("forward", "__call__", "__getattr__", "__getitem__")
"""Names that are read without standing in the code."""
_DEEPEST = 50
"""Containers deeper inside one another than this are left to the audit."""
_MOST_MODULES = 24
"""An installed package of more modules is a library, unless it uses this one."""


class Guards:
    """What is around a function now, to tell later whether it is the same."""

    def __init__(self, function: Callable[..., Any], objects: Iterable[Any]) -> None:
        self._revision = STRUCTURE.revision
        found = Search(function, objects)
        self._lists = [each for each in found.containers if _is_quick(each)]
        self._copies = [each.copy() for each in self._lists]
        others = [each for each in found.containers if not _is_quick(each)]
        self._reads = [*found.reads.values(), *[(_parts, each, _parts(each)) for each in others]]
        self._modules = [(_attributes, each, _attributes(each)) for each in found.modules]

    def hold(self) -> bool:
        if not _are_as_before(self._reads):
            return False
        if self._lists and not hold_same(self._lists, self._copies):
            return False
        if STRUCTURE.revision == self._revision:
            return True
        revision = STRUCTURE.revision
        if _are_as_before(self._modules):  # another module was changed, or it is so again
            self._revision = revision
            return True
        return False


_Read = tuple[Callable[[Any, Any], Any], Any, Any]
"""What gives the thing that a name is bound to, or the missing one; the name; and that thing."""


def _are_as_before(reads: Iterable[_Read]) -> bool:
    for get, name, before in reads:
        now = get(name, _MISSING)
        if now is not before and not _is_same(now, before):
            return False
    return True


class Search:
    """All that is named in the things that a function and objects lead to.

    Attributes:
        names: what is read by name in the code that was come by; each is looked up everywhere.
        reads: the names that are bound there, by the address of what holds them.
        containers: the lists, dicts and arrays that hold Values, modules or functions.
        modules: the modules that count changes.
        seen: all that was come by, by its `id`.
    """

    def __init__(self, function: Callable[..., Any], objects: Iterable[Any] = ()) -> None:
        self.names, count = set[Any](_UNWRITTEN), 0
        self._function, things = _inside(function), [function, *objects]
        while len(self.names) != count:
            count = len(self.names)
            self.reads: dict[tuple[int, Any], _Read] = {}
            self.containers: list[Any] = []
            self.modules: list[Any] = []
            self.seen: dict[int, Any] = {}  # alive, so that no address is used twice
            self._left = [*things]
            while self._left:
                thing = self._left.pop()
                if id(thing) not in self.seen:
                    self.seen[id(thing)] = thing
                    self._look_into(thing)

    def _look_into(self, thing: Any) -> None:
        if isinstance(thing, (*_PLAIN, Value)):
            return
        leading = _LEADING.get(type(thing))
        if isinstance(thing, _CONTAINERS):
            self._look_into_container(thing)
        elif leading is not None:
            self._left += [getattr(thing, name) for name in leading]
            if isinstance(thing, partial):  # as what is bound by default
                self._left += [*thing.args, *thing.keywords.values()]
        elif "__wrapped__" in own_attributes(thing):  # compiled, or remembered, or wrapped
            self._left += [thing.__wrapped__]
        elif is_module(thing) and any(is_ours(base) for base in type(thing).__mro__):
            self.modules.append(thing)
            self._left += [*_attributes(thing), type(thing)]
        else:
            self._look_into_object(thing)
        if isinstance(thing, FunctionType):
            self._read_code(thing)

    def _look_into_container(self, container: Any) -> None:
        parts = _parts(container)
        leads = _lead_on(parts)
        if leads:
            others = [x for x in parts if not isinstance(x, Value)]
            self._left += [x for x in others if isinstance(x, _CONTAINERS) or _leads(x)]
        keys: set[Any] = set()
        if isinstance(container, dict):
            keys = self.names & container.keys()
        elif not isinstance(container, np.ndarray):
            keys = {x for x in self.names if isinstance(x, int) and -len(parts) <= x < len(parts)}
        get = partial(dict.get if isinstance(container, dict) else _item, container)
        self._left += [get(key, None) for key in keys]
        if isinstance(container, tuple):
            return
        if leads or not (parts or isinstance(container, np.ndarray)):  # before its first layer
            self.containers.append(container)
            return
        for key in keys:
            self._read(container, get, key)

    def _look_into_object(self, thing: Any) -> None:
        """Look up all names in its attributes and those of its class, where one hides another."""
        of_itself = thing.__mro__ if isinstance(thing, type) else ()
        kinds = (*of_itself, *type(thing).__mro__)
        places = [kind for kind in kinds if not _is_foreign(kind)]
        for name in self.names & _properties_of_ours(kinds):
            self._read(thing, partial(_property, thing), name)
        if not isinstance(thing, type) and type(thing).__dictoffset__:
            places.insert(0, thing)
        for name in self.names:
            bound = [name in own_attributes(place) for place in places]
            if not any(bound):
                continue
            first = bound.index(True)
            for place in places if "super" in self.names else places[: first + 1]:
                self._read(place, own_attributes(place).get, name)
            if isinstance(own_attributes(places[first])[name], MemberDescriptorType):
                self._read(thing, partial(getattr, thing), name)

    def _read_code(self, function: FunctionType) -> None:
        """Look for what the code of a function names, if it is no library's."""
        if function is not self._function and _is_foreign(function):
            return
        names = _names_in(function.__code__)
        self.names |= names.others | (names.globals & {"super"})  # which reads what is hidden
        for part in _PARTS_OF_FUNCTIONS:
            self._read(function, partial(getattr, function), part)
        self._left += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        for name in names.modules:
            self._read(sys.modules, sys.modules.get, name)
        around = function.__globals__
        for name in names.globals:
            self._read(around, around.get, name)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
            if name in names.enclosing:
                self._read(cell, partial(_property, cell), "cell_contents")

    def _read(self, holder: Any, get: Callable[[Any, Any], Any], name: Any) -> None:
        found = get(name, _MISSING)
        self.reads.setdefault((id(holder), name), (get, name, found))
        self._left += [found]


def _is_foreign(thing: Any) -> bool:
    """Whether a class or function is of this library, or of another one that is not looked through.

    Their code names much, and what it names leads on, to all that is imported in the end.
    """
    return is_ours(thing) or _is_library(package_of(thing), len(sys.modules))


@lru_cache(maxsize=1_000)
def _is_library(package: str, imported: int) -> bool:
    """Whether a package, with so many modules imported, is Python's, or a large one of others.

    What is the user's, even if it is installed, is small or uses this library.
    """
    if package in sys.stdlib_module_names:
        return True
    modules = [m for name, m in list(sys.modules.items()) if name.partition(".")[0] == package]
    if len(modules) <= _MOST_MODULES or not is_installed(package):
        return False
    held = chain.from_iterable(list(own_attributes(module).values()) for module in modules)
    return not any(map(_is_of_this_library, held))


def _is_of_this_library(thing: Any) -> bool:
    """Whether it is a module, class or function of this library.

    Nothing else is asked for its module or class: some things load what they are for when asked.
    """
    if issubclass(type(thing), ModuleType):
        return is_ours(str(own_attributes(thing).get("__name__")))
    return issubclass(type(thing), (FunctionType, type)) and is_ours(thing)


class _Names(NamedTuple):
    """What code, and that of the functions inside it, reads: names, attributes and constant keys.

    Attributes:
        globals, enclosing: the names, by where they are looked up.
        others: attributes, and constants, which may be keys.
        modules: what it imports.
    """

    globals: set[Any]
    enclosing: set[Any]
    others: set[Any]
    modules: set[Any]


_KINDS_OF_NAMES = {
    **dict.fromkeys(("LOAD_GLOBAL", "LOAD_NAME"), 0),
    **dict.fromkeys(("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"), 1),
    **dict.fromkeys(("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM"), 2),
    **dict.fromkeys(("LOAD_CONST", "LOAD_SMALL_INT"), 2),
    "IMPORT_NAME": 3,
}
"""By instruction, which of these sets its name goes into."""


@lru_cache(maxsize=1_000)
def _names_in(code: CodeType) -> _Names:
    found = _Names(set(), set(), set(), set())
    for instruction in dis.get_instructions(code):
        name, kind = instruction.argval, _KINDS_OF_NAMES.get(instruction.opname)
        if isinstance(name, CodeType):
            inner = _names_in(name)
            found = _Names(*[mine | others for mine, others in zip(found, inner)])
        elif kind is not None:
            # 1.0 and 1 are one in a set, and 1 may be an index.
            is_whole = isinstance(name, float) and name.is_integer()
            found[kind].add(int(name) if is_whole else name)
    return found


def _inside(function: Any) -> Any:
    """The function of Python inside a method, a partial or a compiled function."""
    while not isinstance(function, FunctionType):
        leading = _LEADING.get(type(function))
        if leading is not None:
            function = getattr(function, leading[-1])
        elif "__wrapped__" in own_attributes(function):
            function = function.__wrapped__
        else:
            break
    return function


@lru_cache(maxsize=1_000)
def _properties_of_ours(kinds: tuple[type, ...]) -> frozenset[str]:
    """The properties that this library's classes give, as the learning rate of an optimiser."""
    places = [vars(kind) for kind in kinds if is_ours(kind)]
    return frozenset(
        name for place in places for name, made in place.items() if isinstance(made, property)
    )


def own_attributes(thing: Any) -> Mapping[str, Any]:
    """The attributes that something has itself; a class may answer otherwise for what it lacks."""
    try:
        found: Mapping[str, Any] = vars(thing)
    except Exception:
        return {}
    return found


def _property(thing: Any, name: str, missing: Any) -> Any:
    """What is there; where that is refused, as a name that is not bound yet, what is missing."""
    try:
        return getattr(thing, name)
    except Exception:
        return missing


def _item(container: Any, place: int, missing: Any) -> Any:
    try:
        return container[place]
    except Exception:
        return missing


def _attributes(module: Any, missing: Any = None) -> tuple[Any, ...]:
    """The names and things of a module, without what is remembered from call to call."""
    skipped = getattr(type(module), "_not_parts", ())
    kept = [item for item in vars(module).items() if item[0] not in skipped]
    return tuple(chain.from_iterable(kept))


def _parts(container: Any, missing: Any = None) -> tuple[Any, ...]:
    """What a container holds, in order; of a dict also the keys."""
    if isinstance(container, dict):
        return (*container, *container.values())
    if isinstance(container, np.ndarray):
        return tuple(container.ravel().tolist()) if container.dtype == object else ()
    return tuple(container)


def _leads(thing: Any) -> bool:
    return isinstance(thing, Value) or callable(thing) or is_module(thing)


def _lead_on(parts: Sequence[Any]) -> bool:
    """Whether there are Values, modules or functions among parts, or in containers among them."""
    for _ in range(_DEEPEST):
        kinds = dict(zip(map(type, parts), parts))
        if any(map(_leads, kinds.values())):
            return True
        if not any(isinstance(part, _CONTAINERS) for part in kinds.values()):
            return False
        each: Iterable[Any] = dict(zip(map(id, parts), parts)).values()  # some hold others twice
        if not kinds.keys() <= {list, tuple}:
            each = [_parts(part) for part in each if isinstance(part, _CONTAINERS)]
        parts = list(chain.from_iterable(each))
    return False


def _is_quick(container: Any) -> bool:
    """Whether it is a list that `hold_same` tells from others, or an empty dict.

    So is a list of such lists, as a matrix is: with another row of the same Values it is the same,
    until that row changes.
    """
    if type(container) is dict:
        return not container
    return type(container) is list and all(map(_is_itself_or_a_row, container))


def _is_itself_or_a_row(thing: Any) -> bool:
    return is_only_itself(thing) or (type(thing) is list and all(map(is_only_itself, thing)))


def _is_same(now: Any, before: Any) -> bool:
    """Whether two things compute the same: a number by what it is, a method of the same object."""
    if now is before:
        return True
    if type(now) is not type(before):
        return False
    if isinstance(now, tuple):
        return len(now) == len(before) and (
            all(map(is_, now, before)) or all(map(_is_same, now, before))
        )
    if isinstance(now, _PLAIN):
        return repr(now) == repr(before)  # 0.0 is not -0.0
    return isinstance(now, MethodType) and bool(now == before)
