"""`Guards`: what a function reads beside its arguments, looked at before a recording is replayed.

A recording holds for what was read when it was made. Three looks, of a few microseconds, find most
that changes: the names, dotted ones too, that the code of the function and of the functions it
names reads (`rate`, `model`, `config.rate`, `self.layers`); the lists and dicts that lead from
there to Values and modules; and the revision that modules count up, `revision.py`, whereupon their
attributes are compared. What none of them sees, such as a number changed in place inside a list of
numbers, the audit finds: next, `audit.py`.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, repeat
from operator import attrgetter, is_, itemgetter
from types import (
    BuiltinFunctionType,
    BuiltinMethodType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, NamedTuple

import numpy as np

from glassgrad.engine.compile.arguments import is_kept, is_module
from glassgrad.engine.provenance import is_ours, package_of
from glassgrad.engine.revision import STRUCTURE
from glassgrad.engine.value import Value

_MISSING = object()
"""What stands for a name that is not bound, and for an attribute that is not there."""
_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)
_CONTAINERS = (list, tuple, dict, np.ndarray)
_METHODS = (MethodType, BuiltinMethodType)
_LIBRARIES = sys.stdlib_module_names | {"numpy", "torch", "jax", "glassgrad"}
_CALLED = ("forward", "__call__")
_DEEPEST = 50
"""Containers deeper inside one another than this are left to the audit."""
METHODS = "_compiled_methods"
"""Where an object keeps its compiled methods, which decide nothing."""


class Guards:
    """What is around a function now, to tell later whether it is the same.

    Args:
        function: the function.
        args, named: what it was called with; objects among it are looked into.
    """

    def __init__(
        self, function: Callable[..., Any], args: Iterable[Any], named: Mapping[str, Any]
    ) -> None:
        self._revision = STRUCTURE.revision
        found = _Search(function, tuple(args), named)
        self._names = list(found.names.values())
        self._globals: dict[int, tuple[dict[str, Any], list[str], list[Any]]] = {}
        self._dotted: list[_Name] = []
        for (_, path), name in found.names.items():
            if type(name.root) is dict and len(path) == 1 and isinstance(path[0], _Item):
                _, keys, things = self._globals.setdefault(id(name.root), (name.root, [], []))
                keys.append(path[0].key)
                things.append(name.before)
            else:
                self._dotted.append(name)
        self._lists = [each for each in found.containers if _compares_by_identity(each)]
        self._copies = [each.copy() for each in self._lists]
        others = (each for each in found.containers if not _compares_by_identity(each))
        self._others = [(each, _parts(each)) for each in others]
        self._counted = [each for each in found.modules if _counts_changes(type(each.module))]
        self._modules = [each for each in found.modules if each not in self._counted]

    def hold(self) -> bool:
        """Whether everything that is looked at is as it was."""
        for names, keys, before in self._globals.values():  # most names, without Python in between
            if not all(map(is_, map(names.get, keys, repeat(_MISSING)), before)) and not all(
                map(_is_same, map(names.get, keys, repeat(_MISSING)), before)
            ):
                return False
        for read, root, known, _ in self._dotted:
            now = read(root)
            if now is not known and not _is_same(now, known):
                return False
        try:
            # Lists of Values and modules, which are equal only if they are the same ones: all of
            # them are compared in one go, without Python in between.
            if self._lists != self._copies:
                return False
        except Exception:  # what stands there now refuses to be compared
            return False
        for each, before in self._others:
            if not _are_same(_parts(each), before):
                return False
        for module in self._modules:
            if not module.is_unchanged():
                return False
        return STRUCTURE.revision == self._revision or self._are_counted_unchanged()

    def changed(self) -> str | None:
        """What is no longer as it was, as the code names it; None if all is."""
        for read, root, before, title in self._names:
            if not _is_same(read(root), before):
                return title
        return None if self.hold() else "a module or a list"

    def _are_counted_unchanged(self) -> bool:
        """Whether what was changed somewhere is nothing here: another module, or back again."""
        revision = STRUCTURE.revision
        if not all(each.is_unchanged() for each in self._counted):
            return False
        self._revision = revision
        return True


class _Name(NamedTuple):
    """A dotted name, how it is read from where it begins, what it was bound to, and its text."""

    read: Callable[[Any], Any]
    root: Any
    before: Any
    title: str


class _Attributes(NamedTuple):
    """A module, and its attributes as they were."""

    module: Any
    names: list[str]
    things: list[Any]

    @staticmethod
    def of(module: Any) -> _Attributes:
        """Those that it has now, without what is remembered from call to call."""
        skipped = getattr(type(module), "_not_parts", ())
        kept = [(name, x) for name, x in vars(module).items() if name not in skipped]
        kept = [(name, x) for name, x in kept if name != METHODS]
        return _Attributes(module, [name for name, _ in kept], [x for _, x in kept])

    def is_unchanged(self) -> bool:
        """Whether it has the same attributes now."""
        now = _Attributes.of(self.module)
        return now.names == self.names and _are_same(now.things, self.things)


class _Search:
    """All that a function names, and what leads from there to Values and modules.

    Attributes:
        names: each dotted name, by the address of what it begins at and what follows.
        containers: the lists, dicts and arrays that hold Values, modules or functions.
        modules: the modules with their attributes.
    """

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]
    ) -> None:
        self.names: dict[Any, _Name] = {}
        self.containers: list[Any] = []
        self.modules: list[_Attributes] = []
        self._package = package_of(_inside(function))
        self._seen: dict[int, Any] = {}
        self._kept: list[Any] = []  # alive, as those seen are, so that no address is used twice
        self._followed: set[Any] = set()
        self._holds: dict[int, bool] = {}
        self._left: list[Any] = [*args, *named.values(), function]
        self._follow(function, args, named)
        while self._left:
            thing = self._left.pop()
            if id(thing) not in self._seen:
                self._seen[id(thing)] = thing
                self._look_into(thing)

    def _look_into(self, thing: Any) -> None:
        if isinstance(thing, (*_PLAIN, Value, type, ModuleType)):
            return
        if isinstance(thing, _CONTAINERS):
            self._leads_on(thing)
        elif isinstance(thing, partial):
            self._left += [thing.func, *thing.args, *thing.keywords.values()]
        elif isinstance(thing, MethodType):
            self._left.append(thing.__self__)
            self._follow_if_not_of_a_library(thing)
        elif isinstance(thing, FunctionType):
            self._follow_if_not_of_a_library(thing)
        elif "__wrapped__" in getattr(thing, "__dict__", ()):  # compiled, or remembered, or wrapped
            self._left.append(thing.__wrapped__)
        elif is_module(thing):
            attributes = _Attributes.of(thing)
            self.modules.append(attributes)
            self._left += attributes.things
            self._follow_class_of(thing)
        elif callable(thing):
            self._follow_class_of(thing)

    def _leads_on(self, container: Any, depth: int = 0) -> bool:
        """Whether there are Values, modules or functions in it, which are looked into next."""
        key = id(container)
        if key in self._holds or depth > _DEEPEST:
            return self._holds.get(key, False)
        self._holds[key] = False
        self._kept.append(container)
        parts = _parts(container)
        for part in [] if _are_plain(parts) else parts:
            leads = isinstance(part, Value)
            if isinstance(part, _CONTAINERS):
                leads = self._leads_on(part, depth + 1)
            elif not leads:
                self._left.append(part)
                leads = callable(part) or is_module(part)
            self._holds[key] |= leads
        if self._holds[key] and not isinstance(container, tuple):
            self.containers.append(container)
        return self._holds[key]

    def _follow_class_of(self, thing: Any) -> None:
        """Read what is called when an object is called, if the class is no library's."""
        for kind in type(thing).__mro__:
            for name in _CALLED:
                method = _inside(vars(kind).get(name))
                if isinstance(method, FunctionType) and not _is_of_a_library(kind):
                    self._name(type(thing), (name,), type(thing).__name__)
                    self._follow(MethodType(method, thing), (), {})

    def _follow_if_not_of_a_library(self, function: Any) -> None:
        if package_of(_inside(function)) == self._package or not _is_of_a_library(function):
            self._follow(function, (), {})

    def _follow(
        self, function: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]
    ) -> None:
        """Read the code of a function: what it names is looked at, and looked into."""
        if isinstance(function, MethodType):
            owner, inner = function.__self__, _inside(function.__func__)
            args = (owner, *args)
        else:
            owner, inner = None, _inside(function)
        if not isinstance(inner, FunctionType):
            self._follow_class_of(inner)
            return
        # Of many modules of one class the code is read once; their attributes are compared anyway.
        key = (id(inner), None if owner is None or is_module(owner) else id(owner))
        if key in self._followed:
            return
        self._followed.add(key)
        self._kept.append(inner)
        self._left += [*(inner.__defaults__ or ()), *(inner.__kwdefaults__ or {}).values()]
        code = inner.__code__
        cells = dict(zip(code.co_freevars, inner.__closure__ or ()))
        given = {**dict(zip(code.co_varnames[: code.co_argcount], args)), **named}
        given = {name: thing for name, thing in given.items() if is_kept(thing)}
        for kind, name, *attributes in _dotted_names(code, set(given)):
            if kind == "global":
                self._name(inner.__globals__, (_Item(name), *attributes))
            elif name in cells:
                self._name(cells[name], ("cell_contents", *attributes), name)
            elif name in given and attributes:
                self._name(given[name], tuple(attributes), name)

    def _name(self, root: Any, path: Path, title: str = "") -> None:
        """Look at a dotted name from now on, at all that it goes through, and look into it.

        Args:
            root: where it begins: global names, a cell, or an object.
            path: what follows.
            title: what the code calls the root.
        """
        self._kept.append(root)
        holder = root
        for end, step in enumerate(path, 1):
            computed = _computed_by(holder, step)
            if computed is not None:
                self._left.append(computed)
                if not isinstance(computed, MethodType):
                    return
            read = _reader(path[:end])
            found = read(root)
            self._left.append(found)
            is_compared = is_module(holder) and step in vars(holder)  # with its other attributes
            # What is made anew whenever it is asked for, such as `table.T`, is never the same.
            if not is_compared and _is_same(read(root), found):
                name = _Name(read, root, found, _written(title, path[:end]))
                self.names.setdefault((id(root), path[:end]), name)
            if computed is not None or found is _MISSING:
                return
            holder = found


class _Item(NamedTuple):
    """A step of a dotted name: not an attribute, but an item, as of a dict of settings."""

    key: Any


Path = tuple[str | _Item, ...]
"""The steps of a dotted name: attributes, and items."""


def _dotted_names(code: CodeType, arguments: set[str]) -> Iterator[tuple[Any, ...]]:
    """What code, and the functions inside it, reads from outside of them: whether the name is
    global, enclosing or an argument, the name, and the attributes and constant items that follow
    it at once, as in `settings.rates["first"]`.
    """
    stored = {i.argval for i in dis.get_instructions(code) if i.opname.startswith("STORE_")}
    arguments = arguments - stored
    path: tuple[Any, ...] = ()
    key: list[Any] = []
    for instruction in dis.get_instructions(code):
        operation, value = instruction.opname, instruction.argval
        if operation in ("EXTENDED_ARG", "CACHE"):
            continue
        if path and operation in ("LOAD_ATTR", "LOAD_METHOD"):
            path = (*path, value)
        elif path and not key and operation in ("LOAD_CONST", "LOAD_SMALL_INT"):
            key = [value]
            continue
        elif key and (operation == "BINARY_SUBSCR" or instruction.argrepr == "[]"):
            path = (*path, _Item(key[0]))
        else:
            if path:
                yield path
            path = _beginning(operation, value, arguments)
        key = []
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            for kind, *names in _dotted_names(constant, arguments & set(constant.co_freevars)):
                if kind != "argument":
                    yield (kind, *names)


def _beginning(operation: str, name: Any, arguments: set[str]) -> tuple[Any, ...]:
    """The beginning of a dotted name, if an instruction loads one."""
    if operation in ("LOAD_GLOBAL", "LOAD_NAME"):
        return ("global", name)
    if operation in ("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"):
        return ("enclosing", name)
    if operation.startswith("LOAD_FAST"):
        name = name[-1] if isinstance(name, tuple) else name  # two, in some versions of Python
        return ("argument", name) if name in arguments else ()
    return ()


def _reader(path: Path) -> Callable[[Any], Any]:
    """What reads a dotted name from where it begins."""
    steps = [itemgetter(x.key) if isinstance(x, _Item) else attrgetter(x) for x in path]

    def read(found: Any) -> Any:
        try:
            for step in steps:
                found = step(found)
        except Exception:  # what is no longer there, or not bound; or a property that fails
            return _MISSING
        return found

    return read


def _written(title: str, path: Path) -> str:
    """A dotted name as the code has it."""
    first, *rest = path
    start = [str(first.key)] if isinstance(first, _Item) and not title else [title]
    steps = rest if not title or first == "cell_contents" else path
    texts = [f"[{x.key!r}]" if isinstance(x, _Item) else f".{x}" for x in steps]
    return "".join(start + texts).removeprefix(".")


def _computed_by(holder: Any, step: str | _Item) -> Any:
    """What computes an attribute or an item; None if it is stored, or a method.

    The getter of a property is read as a method, and the property too, if it gives a plain number.
    """
    kind = type(holder)
    if isinstance(step, _Item):
        return None if getattr(kind, "__getitem__", None) in _GETTERS else kind
    found = next((vars(each)[step] for each in kind.__mro__ if step in vars(each)), None)
    if isinstance(found, property) and found.fget is not None:
        return MethodType(found.fget, holder)
    is_own = not hasattr(found, "__set__") and step in getattr(holder, "__dict__", ())
    is_stored = isinstance(found, _STORED) or hasattr(found, "__wrapped__") or is_own
    return found if hasattr(type(found), "__get__") and not is_stored else None


_GETTERS = (list.__getitem__, tuple.__getitem__, dict.__getitem__)
_STORED = (
    *(FunctionType, classmethod, staticmethod, MemberDescriptorType, GetSetDescriptorType),
    *(MethodDescriptorType, WrapperDescriptorType, BuiltinFunctionType, ClassMethodDescriptorType),
)
"""What stands in a class for a method, or for an attribute in slots."""


def objects_named_by(function: Callable[..., Any]) -> list[Any]:
    """What the code of a function, and of those that it calls by name, names.

    >>> from glassgrad.engine.compile.guards import objects_named_by
    >>> rate = 0.5
    >>> objects_named_by(lambda x: x * rate)
    [0.5]
    """
    found = _Search(function, (), {})
    return [name.before for name in found.names.values() if name.before is not _MISSING]


def _inside(function: Any) -> Any:
    """The function of Python inside a method, a partial or a compiled function."""
    while not isinstance(function, FunctionType):
        if isinstance(function, (MethodType, staticmethod, classmethod)):
            function = function.__func__
        elif isinstance(function, partial):
            function = function.func
        elif "__wrapped__" in getattr(function, "__dict__", ()):
            function = function.__wrapped__
        else:
            return function
    return function


def _is_of_a_library(thing: Any) -> bool:
    return is_ours(thing) or package_of(thing) in _LIBRARIES


def _counts_changes(kind: type) -> bool:
    """Whether the revision counts up for attributes of such a module: those of `nn` do."""
    return any(is_ours(base) for base in kind.__mro__)


def _parts(container: Any) -> list[Any]:
    """What a container holds, in order; of a dict also the keys."""
    if isinstance(container, dict):
        return [*container, *container.values()]
    if isinstance(container, np.ndarray):
        return container.ravel().tolist() if container.dtype == object else []
    return list(container)


def _are_plain(parts: Sequence[Any]) -> bool:
    """Whether there are only numbers and texts, also in lists of lists of them."""
    kinds = set(map(type, parts))
    while kinds and kinds <= {list, tuple}:
        parts = list(chain.from_iterable(parts))
        kinds = set(map(type, parts))
    return kinds <= set(_PLAIN)


def _compares_by_identity(container: Any) -> bool:
    """Whether it is a list whose parts are equal only if they are the same."""
    kinds = set(map(type, container)) if type(container) is list else {float}
    return all(kind is Value or vars(object)["__eq__"] is kind.__eq__ for kind in kinds)


def _are_same(now: list[Any], before: list[Any]) -> bool:
    return len(now) == len(before) and (
        all(map(is_, now, before)) or all(map(_is_same, now, before))
    )


def _is_same(now: Any, before: Any) -> bool:
    """Whether two things compute the same: a number by what it is, a method of the same object."""
    if now is before:
        return True
    if type(now) is not type(before):
        return False
    if isinstance(now, _PLAIN):
        return repr(now) == repr(before)  # 0.0 is not -0.0
    if isinstance(now, tuple):
        return _are_same(list(now), list(before))
    return isinstance(now, _METHODS) and bool(now == before)
