"""What a module holds: the Values and modules among its attributes, each with its path.

The path of attributes is the name of a parameter, "layers.0.neurons.1.w.0", and of a scope. So
nothing has to be registered: `walk` finds whatever is assigned to an attribute. A training step
asks for the parameters several times, so what a walk came by is remembered, in `Found`. A list can
change without anybody being told; therefore all that was looked into is compared at each use.
Next: `module.py`.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from itertools import chain
from operator import is_
from types import CodeType, NoneType
from typing import Any, ClassVar

import numpy as np

from glassgrad.engine import Value
from glassgrad.engine.backward import Leaves
from glassgrad.engine.context import ORDINARY, Context, Scope
from glassgrad.engine.misuse import is_real
from glassgrad.engine.text import describe, told
from glassgrad.engine.value import is_parameter
from glassgrad.engine.vectors import METHODS, STRUCTURE, hold_same, is_only_itself
from glassgrad.nn.checks import Checked, true_or_false


class Memory:
    """What a holder remembers from one use to the next; no copy of it takes that along.

    Attributes:
        last_call: the context around its last call, the line of that, and the context inside it.
        scopes: its scope inside each of the scopes that it was called in.
        found: the parts below it, as they were when somebody asked last.
    """

    __slots__ = ("found", "last_call", "scopes")

    def __init__(self) -> None:
        self.last_call: tuple[Context | None, CodeType | None, int, Context]
        self.last_call = (None, None, -1, ORDINARY)
        self.scopes: dict[Scope | None, Scope] = {}
        self.found: Found | None = None

    def __reduce__(self) -> Any:
        """That of a copy is empty, also where a class of the user's own copies all attributes."""
        return Memory, ()


class Holder(Checked):
    """Whatever holds parts in its attributes: the base of `Module`, which is to be derived from."""

    _not_parts: tuple[str, ...] = ("_memory", METHODS)
    """Attributes that are no parts."""
    _weights: tuple[str, ...] = ()
    """Attributes that are a parameter, a list of such, or rows of such, and nothing else."""
    _arguments: tuple[str, ...] = ()
    """Attributes that, given to the class by their names, make one like it."""
    _checks: ClassVar = {"training": true_or_false}

    @cached_property
    def _memory(self) -> Memory:
        return Memory()

    def _config(self) -> dict[str, Any]:
        """The arguments that make one like it."""
        return {name: getattr(self, name) for name in self._arguments}

    def __setattr__(self, name: str, thing: Any) -> None:
        is_known = name in vars(self)
        is_new = not is_known or vars(self)[name] is not thing
        if is_new:
            self._check_settable(name, thing, is_known)
        super().__setattr__(name, thing)
        if is_new:
            STRUCTURE.count_up()

    def _check_settable(self, name: str, thing: Any, is_known: bool) -> None:
        """Refuse what nothing would read, and plain numbers in the place of parameters."""
        kind: Any = type(self)
        if not _is_ours(self):  # a class of the user's own may read whatever is set
            return
        if not is_known:
            if fault := _unread(kind, name):
                raise AttributeError(f"{kind.__name__}.{name} {fault}")
        elif name in self._weights and any(is_real(x) for _, x in _strangers(thing, "")):
            before = vars(self)[name]
            how = (
                f".{name}.data = {told(thing)} gives it another number"
                if isinstance(before, Value)
                else f"write Value({told(thing)})"
                if before is None
                else "assign(parameters, numbers) gives them other numbers"
            )
            raise TypeError(
                f"{kind.__name__}.{name} is for parameters, and {describe(thing)} there would not "
                f"be trained: {how}."
            )

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        STRUCTURE.count_up()


@cache
def _unread(kind: Any, name: str) -> str | None:
    """What to do instead of setting an attribute that a class of `nn` takes where one is made, and
    does not read afterwards; None for all others, which are notes of the user's own.
    """
    own = getattr(kind, name, None)
    is_kept = name in (*kind._arguments, *kind._checks)
    is_read = is_kept if own is None else getattr(own, "fset", own) is not None
    takes = [*inspect.signature(kind.__init__).parameters][1:]
    if is_read or (name not in takes and name != "activation"):
        return None
    ways = [f"give it there, {kind.__name__}(..., {name}=...)"] * (name in takes)
    ways += ["set that of a Layer or Neuron in it"] * ("activation" in name)
    return f"decides nothing once one is made: {', or '.join(ways)}."


def _is_ours(holder: Holder) -> bool:
    """Whether it is of a class of `nn` itself."""
    return "_arguments" in vars(type(holder))


def _strangers(thing: Any, path: str, depth: int = 2) -> Iterator[tuple[str, Any]]:
    """What is no Value in the place of a parameter, in a list or in rows of such, and its path."""
    if isinstance(thing, np.ndarray):
        thing = thing.tolist()
    if type(thing) in (list, tuple) and depth:
        if {*map(type, thing)} != {Value}:  # quick, as a rule
            for i, part in enumerate(thing):
                yield from _strangers(part, f"{path}.{i}", depth - 1)
    elif not isinstance(thing, Value):
        yield path, thing


def _strangers_of(holder: Holder, path: str, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    for name in names:
        yield from _strangers(vars(holder).get(name), f"{path}.{name}".removeprefix("."))


_NAMES = ("w", "b", "weight", "bias")
"""What parameters are called here and in PyTorch: a float of such a name was meant as one. Under
other names it may be a setting, such as eps; an int may be a width, or True for a bias."""


def plain_weight(root: Holder) -> str | None:
    """The path of a float that was meant as a parameter, in a class of the user's own."""
    found = Found.below(root)
    floats = (
        place
        for path, holder in zip(("", *found.paths), (root, *found.holders))
        for place, thing in _strangers_of(holder, path, _NAMES)
        if isinstance(thing, (float, np.floating))
    )
    return next(floats, None)


Snapshots = list[tuple[Any, Any]]
"""What a walk looked into: holders, lists, dicts and arrays, each with the copy gone through."""


def walk(
    root: Holder, deep: bool = True, snapshots: Snapshots | None = None
) -> Iterator[tuple[str, Value | Holder]]:
    """The Values and holders below `root` with their paths, each once, in order of assignment.

    Looks into attributes, lists, tuples, dicts and arrays, with an explicit stack, so that neither
    depth nor a part that refers back to the whole does harm. The root is not listed. Where it is
    not `deep`, holders are listed and not looked into.
    """
    snapshots = [] if snapshots is None else snapshots
    seen: dict[int, Any] = {id(root): root}  # keeps them alive, so that no id is used twice
    stack = _parts(root, "", snapshots)[::-1]
    while stack:
        path, part = stack.pop()
        if id(part) in seen:
            continue
        seen[id(part)] = part
        if isinstance(part, (Value, Holder)):
            yield path, part
            if isinstance(part, Value) or not deep:
                continue
        stack.extend(_parts(part, f"{path}.", snapshots)[::-1])


def _parts(thing: Any, prefix: str, snapshots: Snapshots) -> list[tuple[str, Any]]:
    copy: Any
    skipped: tuple[str, ...] = ()
    if isinstance(thing, Holder):
        thing._memory  # noqa: B018  it is there before the copy, which a first call keeps current
        copy, skipped = vars(thing).copy(), thing._not_parts
    elif isinstance(thing, dict):
        copy = dict(thing)
    elif isinstance(thing, (list, tuple)):
        copy = [*thing]
    elif isinstance(thing, np.ndarray) and thing.dtype == object and thing.ndim:
        copy = thing.copy()
    else:
        return []
    if not isinstance(thing, tuple):  # which does not change
        snapshots.append((thing, copy))
    entries = copy.items() if isinstance(copy, dict) else enumerate(copy)
    return [(f"{prefix}{name}", part) for name, part in entries if name not in skipped]


class Found:
    """The parts below a holder as one walk came by them, to be used as long as they are the same.

    Attributes:
        paths, holders: the holders below it, and where each is.
        named: the parameters below it with their names.
        parameters: the parameters alone.
        twice: a name that two of the parameters have; None if each has its own.
        strangers: what stands in the place of a parameter instead of one, with its path: plain
            numbers, and in classes of `nn`, which do not do without, anything else.
    """

    def __init__(self, root: Holder) -> None:
        self._root, self._revision = id(root), STRUCTURE.revision
        snapshots: Snapshots = []
        parts = [*walk(root, snapshots=snapshots)]
        held = [(path, part) for path, part in parts if isinstance(part, Holder)]
        self.paths, self.holders = [path for path, _ in held], [part for _, part in held]
        self.named = [(path, part) for path, part in parts if is_parameter(part)]
        self.parameters = Leaves.if_so(tuple([parameter for _, parameter in self.named]))
        names = Counter([name for name, _ in self.named])
        self.twice = next((name for name, count in names.items() if count > 1), None)
        self.strangers = [
            (place, thing)
            for path, holder in [("", root), *held]
            for place, thing in _strangers_of(holder, path, holder._weights)
            if is_real(thing) or _is_ours(holder)
        ]
        # One becomes a parameter when its graph is released.
        self._results = [x for _, x in parts if isinstance(x, Value) and not is_parameter(x)]

        (_, attributes), *below = snapshots
        rows = [(x, copy) for x, copy in below if type(x) is list and _are_plain(copy)]
        are_rows = {id(x) for x, _ in rows}
        others = [
            (x, copy) for x, copy in below if id(x) not in are_rows and not isinstance(x, Holder)
        ]
        inner = [copy for x, copy in below if isinstance(x, Holder)]
        self._attributes = [_own(root, attributes), *inner]
        self._rows, self._rows_before = [x for x, _ in rows], [copy for _, copy in rows]
        self._others, self._others_before = [x for x, _ in others], [copy for _, copy in others]
        values = chain.from_iterable(map(dict.values, self._attributes))
        self._are_told = all(map(_tells, [root, *self.holders])) and _are_plain(values, list, tuple)

    @staticmethod
    def below(root: Holder) -> Found:
        """The parts below a holder: what is remembered of them, if that is still so."""
        found = root._memory.found
        if found is None or not found._is_current(root):
            found = root._memory.found = Found(root)
        return found

    def _is_current(self, root: Holder) -> bool:
        """Whether another walk would come by the same.

        Identity tells. Equality, which is quick, does where it comes to the same: of rows of
        Values, and of attributes as long as none was set, so that they have their order.
        """
        revision = STRUCTURE.revision
        attributes: list[Any] = [_own(root, vars(root).copy()), *map(vars, self.holders)]
        quick, quick_before = [*self._rows], [*self._rows_before]
        exact, exact_before = [*self._others], [*self._others_before]
        are_quick = self._are_told and revision == self._revision
        if are_quick:
            quick, quick_before = quick + attributes, quick_before + self._attributes
        else:
            exact += map(_without_mode, attributes)
            exact_before += map(_without_mode, self._attributes)
        is_same = (
            self._root == id(root)  # a copy may have taken this along
            and hold_same(quick, quick_before)
            and all(map(_is_same, exact, exact_before))
            and not any(map(is_parameter, self._results))
        )
        if is_same and not are_quick:
            self._revision, self._attributes = revision, [*map(dict, attributes)]
        return is_same


def _own(root: Holder, attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes without what is remembered of a holder, which would keep itself alive."""
    for name in root._not_parts:
        attributes.pop(name, None)
    return attributes


def _without_mode(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes without whether it is being trained, which decides nothing about parts."""
    return {name: thing for name, thing in attributes.items() if name != "training"}


def _is_same(container: Any, before: Any) -> bool:
    """Whether a container holds the very same things, under the same names."""
    if isinstance(container, np.ndarray):
        if container.shape != before.shape:
            return False
        container, before = container.ravel().tolist(), before.ravel().tolist()
    elif isinstance(container, dict):
        container, before = [*container, *container.values()], [*before, *before.values()]
    return len(container) == len(before) and all(map(is_, container, before))


def _are_plain(things: Any, *also: type) -> bool:
    """Whether what equals each of these things has the same parts."""
    plain = (bool, int, float, str, NoneType, *also)
    return all(type(thing) in plain or is_only_itself(thing) for thing in things)


def _tells(holder: Holder) -> bool:
    """Whether its class has no ways of its own to set attributes."""
    kind: Any = type(holder)
    ways = kind.__setattr__, kind.__delattr__
    return ways == (Holder.__setattr__, Holder.__delattr__)


def title(module: object) -> str:
    """A module in one line: the first of those in which it shows itself."""
    return repr(module).split("\n", maxsplit=1)[0]
