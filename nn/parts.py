"""What a module holds: the Values and modules among its attributes, each with its path.

The path of attributes is the name of a parameter, "layers.0.neurons.1.w.0", and of a scope. So
nothing has to be registered: `walk` finds whatever is assigned to an attribute. A training step
asks for the parameters several times, so what a walk came by is remembered, in `Found`. A list can
change without anybody being told; therefore all that was looked into is compared at each use.
Next: `module.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from operator import is_
from types import CodeType
from typing import Any

import numpy as np

from glassgrad.engine import Value
from glassgrad.engine.backward import Leaves
from glassgrad.engine.context import ORDINARY, Context, Scope
from glassgrad.engine.revision import METHODS, STRUCTURE, hold_same, is_only_itself
from glassgrad.engine.value import is_parameter

PLAIN = (bool, int, float, str, type(None))
"""Types of attributes that hold no parts."""


class Memory:
    """What a holder remembers from one use to the next; no copy of it takes that along.

    Attributes:
        last_call: the context around its last call, the line of that, and the context inside it.
        scopes: its scope inside each of the scopes that it was called in.
        found: the parts below it, as they were when somebody asked last, in training or not: what
            the modes change are attributes too.
    """

    __slots__ = ("found", "last_call", "scopes")

    def __init__(self) -> None:
        self.last_call: tuple[Context | None, CodeType | None, int, Context]
        self.last_call = (None, None, -1, ORDINARY)
        self.scopes: dict[Scope | None, Scope] = {}
        self.found: dict[bool, Found] = {}

    def __reduce__(self) -> Any:
        """That of a copy is empty, also where a class of the user's own copies all attributes."""
        return Memory, ()


class Holder:
    """Whatever holds parts in its attributes: the base of `Module`, which is to be derived from."""

    _not_parts: tuple[str, ...] = ("_memory", METHODS)
    """Attributes that are no parts."""

    @cached_property
    def _memory(self) -> Memory:
        return Memory()

    def _config(self) -> dict[str, Any]:
        """The arguments that make one like it, for a class that a file may name."""
        raise NotImplementedError

    def __setattr__(self, name: str, thing: Any) -> None:
        is_new = name not in vars(self) or vars(self)[name] is not thing
        super().__setattr__(name, thing)
        if is_new:
            STRUCTURE.count_up()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        STRUCTURE.count_up()


def walk(
    root: Holder, deep: bool = True, seen: dict[int, Any] | None = None
) -> Iterator[tuple[str, Value | Holder]]:
    """The Values and holders below `root` with their paths, each once, in order of assignment.

    Looks into attributes, lists, tuples, dicts and arrays, with an explicit stack, so that neither
    depth nor a part that refers back to the whole does harm. The root is not listed.

    Args:
        root: where to begin.
        deep: whether to look into the holders that are found.
        seen: where to put all that was come by, by its `id`.
    """
    seen = {} if seen is None else seen  # keeps them alive, so that no id is used twice
    stack = _parts(root, "")[::-1]
    while stack:
        path, part = stack.pop()
        if id(part) in seen or part is root:
            continue
        seen[id(part)] = part
        if isinstance(part, Value):
            yield path, part
            continue
        if isinstance(part, Holder):
            yield path, part
            if not deep:
                continue
        stack.extend(_parts(part, f"{path}.")[::-1])


def _parts(thing: Any, prefix: str) -> list[tuple[str, Any]]:
    if isinstance(thing, np.ndarray) and thing.dtype == object:
        thing = thing.tolist()
    if isinstance(thing, (list, tuple)):
        return [(f"{prefix}{i}", x) for i, x in enumerate(thing)]
    if isinstance(thing, dict):
        return [(f"{prefix}{key}", x) for key, x in thing.items()]
    if isinstance(thing, Holder):
        return [(prefix + name, x) for name, x in _attributes(thing).items()]
    return []


def _attributes(holder: Holder) -> dict[str, Any]:
    attributes = vars(holder).copy()
    for name in holder._not_parts:
        attributes.pop(name, None)
    return attributes


class Found:
    """The parts below a holder as one walk came by them, to be used as long as they are the same.

    Args:
        root: the holder.

    Attributes:
        holders: the holders below it.
        parameters: the parameters below it.
        twice: a name that two of the parameters have; None if each has its own.
    """

    def __init__(self, root: Holder) -> None:
        self._revision = STRUCTURE.revision
        seen: dict[int, Any] = {}
        named, self.holders = list[tuple[str, Value]](), list[Holder]()
        self._others: list[Value] = []  # one becomes a parameter when its graph is released
        for path, part in walk(root, seen=seen):
            if isinstance(part, Holder):
                self.holders.append(part)
            elif is_parameter(part):
                named.append((path, part))
            else:
                self._others.append(part)
        self.parameters = Leaves.if_so(tuple([parameter for _, parameter in named]))
        self.twice = _first_twice([name for name, _ in named])
        self._named: list[tuple[str, Value]] | None = None  # names take more room than parameters
        containers = [x for x in seen.values() if isinstance(x, (list, dict, tuple, np.ndarray))]
        lists = [x for x in containers if type(x) is list]
        rows = [x for x in lists if all(map(is_only_itself, x))]
        are_rows = set(map(id, rows))
        self._containers = (
            [x for x in containers if type(x) is dict],
            [x for x in lists if id(x) not in are_rows],
            [x for x in containers if isinstance(x, np.ndarray) and x.dtype == object],
        )
        self._rows, self._rows_before = rows, [x.copy() for x in rows]
        self._contents = _Contents(*self._containers)
        attributes, holders = self._attributes(root), [root, *self.holders]
        self._attributes_before = [x.copy() for x in attributes]
        self._things = _Contents(attributes)
        held: list[Any] = [_attributes(x).values() for x in holders]
        held += [self._contents.things, *[x for x in containers if isinstance(x, tuple)]]
        self._is_plain = all(map(_counts_changes, map(type, holders)))
        self._is_plain &= all(map(_is_plain, chain.from_iterable(held)))
        self._is_comparable, self._is_sure = all(map(_is_comparable, containers)), False
        self._root = id(root)

    @staticmethod
    def below(root: Holder) -> Found:
        """The parts below a holder: what is remembered of them, if that is still so.

        It is remembered when two walks came by the same, so that nothing changed during the last.
        """
        mode = vars(root).get("training") is not False
        known = root._memory.found.get(mode)
        if known is not None and known._is_sure and known._is_current(root):
            return known
        found = root._memory.found[mode] = Found(root)
        is_sure = known is not None and known._is_like(found) and found.twice is None
        found._is_sure = is_sure and found._is_comparable
        return found

    def _is_current(self, root: Holder) -> bool:
        """Whether another walk would come by the same.

        As long as no attribute of any module was set, it does to compare attributes as dicts are.
        """
        revision, attributes = STRUCTURE.revision, self._attributes(root)
        now: list[Any] = self._rows
        before: list[Any] = self._rows_before
        is_quick = self._is_plain and revision == self._revision
        if is_quick:
            now, before = [*attributes, *now], [*self._attributes_before, *before]
        is_same = (
            self._root == id(root)
            and hold_same(now, before)
            and (is_quick or self._things.are_those_of(_Contents(attributes)))
            and (
                not any(self._containers)
                or self._contents.are_those_of(_Contents(*self._containers))
            )
            and not any(map(is_parameter, self._others))
        )
        if is_same:
            self._revision = revision
        return is_same

    def _is_like(self, other: Found) -> bool:
        return (
            self._root == other._root
            and self._things.are_those_of(other._things)
            and self._contents.are_those_of(other._contents)
            and hold_same(self._rows_before, other._rows_before)
        )

    def _attributes(self, root: Holder) -> list[dict[str, Any]]:
        return [_attributes(root), *map(vars, self.holders)]

    def named(self, root: Holder) -> list[tuple[str, Value]]:
        """The parameters below the holder with their names."""
        if self._named is not None:
            return self._named
        named = [(name, part) for name, part in walk(root) if is_parameter(part)]
        if self._is_sure and self._is_current(root):
            self._named = named
        return named


class _Contents:
    """What dicts, lists and arrays hold, to tell later whether it is the very same."""

    def __init__(
        self,
        dicts: Sequence[dict[Any, Any]],
        lists: Sequence[list[Any]] = (),
        arrays: Sequence[Any] = (),
    ) -> None:
        self.sizes = [*map(len, dicts), *map(len, lists), *[x.shape for x in arrays]]
        self.names = [*chain.from_iterable(dicts)]
        held = [*map(dict.values, dicts), *lists, *[x.flat for x in arrays]]
        self.things = [*chain.from_iterable(held)]

    def are_those_of(self, other: _Contents) -> bool:
        """Whether others hold the very same things under the very same names, in this order."""
        return (
            self.sizes == other.sizes
            and all(map(is_, self.names, other.names))
            and all(map(is_, self.things, other.things))
        )


def _counts_changes(kind: type) -> bool:
    """Whether no class of the user's own has other ways of setting attributes."""
    ways: tuple[Any, ...] = kind.__setattr__, kind.__delattr__
    return ways == (Holder.__setattr__, Holder.__delattr__)


def _is_plain(thing: Any) -> bool:
    """Whether what equals it has the same parts."""
    return type(thing) in (*PLAIN, list, tuple) or is_only_itself(thing)


def _is_comparable(container: Any) -> bool:
    """Whether it is looked through in the way of its type, and not in one of its own."""
    if isinstance(container, tuple):
        return type(container).__iter__ is tuple.__iter__
    if isinstance(container, np.ndarray):
        return type(container) is np.ndarray or container.dtype != object
    return type(container) in (list, dict)


def _first_twice(names: list[str]) -> str | None:
    if len(set(names)) == len(names):
        return None
    return next(name for name, count in Counter(names).items() if count > 1)


def title(module: object) -> str:
    """A module in one line: the first of those in which it shows itself."""
    return repr(module).split("\n", maxsplit=1)[0]


def path_inside(root: Holder, part: Holder) -> str | None:
    """The path from `root` to a part of it, None if it is no part."""
    # What it holds directly comes first: a deep walk for each of many neurons would be slow.
    for deep in (False, True):
        for path, found in walk(root, deep):
            if found is part:
                return path
    return None
