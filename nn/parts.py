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
from types import CodeType, NoneType
from typing import Any

import numpy as np

from glassgrad.engine import Value
from glassgrad.engine.backward import Leaves
from glassgrad.engine.context import ORDINARY, Context, Scope
from glassgrad.engine.value import is_parameter
from glassgrad.engine.vectors import METHODS, STRUCTURE, hold_same, is_only_itself


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
    root: Holder, deep: bool = True, snapshots: list[tuple[Any, Any]] | None = None
) -> Iterator[tuple[str, Value | Holder]]:
    """The Values and holders below `root` with their paths, each once, in order of assignment.

    Looks into attributes, lists, tuples, dicts and arrays, with an explicit stack, so that neither
    depth nor a part that refers back to the whole does harm. The root is not listed.

    Args:
        root: where to begin.
        deep: whether to look into the holders that are found.
        snapshots: where to put what was looked into, each with the copy that was gone through.
    """
    snapshots = [] if snapshots is None else snapshots
    seen: dict[int, Any] = {}  # keeps them alive, so that no id is used twice
    stack = _parts(root, "", snapshots)[::-1]
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
        stack.extend(_parts(part, f"{path}.", snapshots)[::-1])


def _parts(thing: Any, prefix: str, snapshots: list[tuple[Any, Any]]) -> list[tuple[str, Any]]:
    if isinstance(thing, (Holder, dict)):
        held, skipped = (thing, ()) if isinstance(thing, dict) else (vars(thing), thing._not_parts)
        copy = held.copy()
        snapshots.append((thing, copy))
        return [(f"{prefix}{name}", x) for name, x in copy.items() if name not in skipped]
    if isinstance(thing, (list, tuple)):
        entries = [*thing]
        snapshots.append((thing, entries))
    elif isinstance(thing, np.ndarray) and thing.dtype == object:
        array = thing.copy()
        snapshots.append((thing, array))
        entries = array.tolist() if array.ndim else []
    else:
        return []
    return [(f"{prefix}{i}", x) for i, x in enumerate(entries)]


class Found:
    """The parts below a holder as one walk came by them, to be used as long as they are the same.

    What each list, dict and array holds, of attributes too, is compared with the copy that the walk
    went through. Where parts are in containers of other kinds, every use walks again.

    Args:
        root: the holder.

    Attributes:
        holders: the holders below it.
        parameters: the parameters below it.
        twice: a name that two of the parameters have; None if each has its own.
    """

    def __init__(self, root: Holder) -> None:
        snapshots, revision = list[tuple[Any, Any]](), STRUCTURE.revision
        named, self.holders = list[tuple[str, Value]](), list[Holder]()
        self._others: list[Value] = []  # one becomes a parameter when its graph is released
        for path, part in walk(root, snapshots=snapshots):
            if isinstance(part, Holder):
                self.holders.append(part)
            elif is_parameter(part):
                named.append((path, part))
            else:
                self._others.append(part)
        self.parameters = Leaves.if_so(tuple([parameter for _, parameter in named]))
        self.twice = _first_twice([name for name, _ in named])
        self._named: list[tuple[str, Value]] | None = None  # names take more room than parameters
        self._root = id(root)
        containers = [(x, copy) for x, copy in snapshots if not isinstance(x, Holder)]
        is_known = all(map(_is_comparable, (x for x, _ in containers)))
        self._is_sure = is_known and self.twice is None
        self._dicts = [x for x, _ in containers if isinstance(x, dict)]
        lists = [(x, copy) for x, copy in containers if isinstance(x, list)]
        rows = [(x, copy) for x, copy in lists if all(map(is_only_itself, copy))]
        are_rows = {id(x) for x, _ in rows}
        self._rows, self._rows_before = [x for x, _ in rows], [copy for _, copy in rows]
        self._lists = [x for x, _ in lists if id(x) not in are_rows]
        others = [copy for x, copy in lists if id(x) not in are_rows]
        dicts = [copy for x, copy in containers if isinstance(x, dict)]
        arrays = [(x, copy) for x, copy in containers if isinstance(x, np.ndarray)]
        self._arrays = [x for x, _ in arrays]
        self._contents = _contents(dicts, others, [copy for _, copy in arrays])
        holders = [(x, copy) for x, copy in snapshots if isinstance(x, Holder)]
        self._attributes = [_own(root, holders[0][1]), *[copy for _, copy in holders[1:]]]
        self._revision = revision
        values = chain.from_iterable(map(dict.values, self._attributes))
        self._is_plain = all(map(_counts_changes, holders)) and all(map(_is_plain, values))

    @staticmethod
    def below(root: Holder) -> Found:
        """The parts below a holder: what is remembered of them, if that is still so."""
        mode = vars(root).get("training") is not False
        known = root._memory.found.get(mode)
        if known is not None and known._is_sure and known._is_current(root):
            return known
        found = root._memory.found[mode] = Found(root)
        return found

    def _is_current(self, root: Holder) -> bool:
        """Whether another walk would come by the same.

        As long as no attribute of any module was set, it does to compare attributes as dicts are.
        """
        revision, attributes = (
            STRUCTURE.revision,
            [_own(root, vars(root)), *map(vars, self.holders)],
        )
        now: list[Any] = self._rows
        before: list[Any] = self._rows_before
        is_quick = self._is_plain and revision == self._revision
        if is_quick:
            now, before = [*attributes, *now], [*self._attributes, *before]
        is_same = (
            self._root == id(root)
            and hold_same(now, before)
            and (is_quick or _are_same(_contents(attributes), _contents(self._attributes)))
            and (
                not self._contents[0]
                or _are_same(_contents(self._dicts, self._lists, self._arrays), self._contents)
            )
            and not any(map(is_parameter, self._others))
        )
        if is_same:
            self._revision = revision
        return is_same

    def named(self, root: Holder) -> list[tuple[str, Value]]:
        """The parameters below the holder with their names."""
        if self._named is None:
            named = [(name, part) for name, part in walk(root) if is_parameter(part)]
            if not (self._is_sure and self._is_current(root)):
                return named
            self._named = named
        return self._named


def _own(root: Holder, attributes: dict[str, Any]) -> dict[str, Any]:
    """Those that do not lead back to what is remembered of it, so that nothing keeps it alive."""
    own = attributes.copy()
    for name in root._not_parts:
        own.pop(name, None)
    return own


def _contents(
    dicts: list[dict[Any, Any]], lists: Sequence[list[Any]] = (), arrays: Sequence[Any] = ()
) -> tuple[list[Any], list[Any]]:
    """How much dicts, lists and arrays hold, and what, under which names."""
    held = [*dicts, *map(dict.values, dicts), *lists]
    sizes = [*map(len, held), *[x.shape for x in arrays]]
    return sizes, [*chain.from_iterable([*held, *[x.ravel().tolist() for x in arrays]])]


def _are_same(now: tuple[list[Any], list[Any]], before: tuple[list[Any], list[Any]]) -> bool:
    return now[0] == before[0] and all(map(is_, now[1], before[1]))


def _counts_changes(snapshot: tuple[Any, Any]) -> bool:
    """Whether no class of the user's own has other ways of setting attributes."""
    kind: Any = type(snapshot[0])
    ways = kind.__setattr__, kind.__delattr__
    return ways == (Holder.__setattr__, Holder.__delattr__)


def _is_plain(thing: Any) -> bool:
    """Whether what equals it has the same parts."""
    return type(thing) in (bool, int, float, str, NoneType, list, tuple) or is_only_itself(thing)


def _is_comparable(container: Any) -> bool:
    """Whether it is looked through in the way of its type, and not in one of its own."""
    if isinstance(container, tuple):
        return type(container).__iter__ is tuple.__iter__
    return type(container) in (list, dict, np.ndarray)


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
