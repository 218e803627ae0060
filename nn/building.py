"""How a module is built, as data: a class of this package by its name, and its arguments.

    {"class": "MLP", "arguments": {"nin": 2, "nouts": [3, 1], "activation": "relu"}}

A module remembers the arguments it was made with (`parts.py`). Only the classes in
`CLASSES` are ever made from data, and only once it is known that they have no more parameters than
there are numbers. Whether a module is still as it was built is in `building.py`. Next: `saving.py`.

Whether two modules are built alike: the same parts and settings, whatever the numbers.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from itertools import pairwise
from math import isfinite
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from glassgrad.engine.text import clipped, describe
from glassgrad.nn.parts import LEFT_OUT, PLAIN, Holder

if TYPE_CHECKING:
    from glassgrad.nn.module import Module


Build = dict[str, Any]
_DEEPEST = 40
"""Modules inside modules that a build may have."""
_LONGEST = 200
"""Of the complaint of a constructor about foreign arguments so many characters are shown."""
_METHODS = ("run",)
"""Those that a part of `Sequential` may be, as `cell.run`."""


class Whole(float):
    """A whole number of a file: one of the parameters is a float, a size is an int again."""

    __slots__ = ()


class Row(NamedTuple):
    """A class that a build may name.

    Attributes:
        file: the file of `nn` that it is in.
        count: how many parameters it makes of its arguments, those of nested modules left out.
    """

    file: str
    count: Callable[..., int]


def _method(module: Any, name: Any) -> int:
    if name not in _METHODS:
        raise ValueError(f"a method is one of {', '.join(_METHODS)}, not {describe(name)}")
    if not isinstance(module, Holder) or not callable(getattr(type(module), name, None)):
        raise ValueError(f"a {type(module).__name__} has no method {name}")
    return 0


CLASSES = {
    "Neuron": Row("dense", lambda nin, **_: _size(nin) + 1),
    "Layer": Row("dense", lambda nin, nout, **_: _dense([nin, nout])),
    "MLP": Row("dense", lambda nin, nouts, **_: _dense([nin, *nouts])),
    "Perceptron": Row("dense", lambda nin, **_: _size(nin) + 1),
    "RecurrentCell": Row(
        "layers", lambda nin, nhidden, **_: _dense([_size(nin) + _size(nhidden), nhidden])
    ),
    "Projection": Row("layers", lambda nin, nout, **_: _size(nin) * _size(nout)),
    "AttentionHead": Row("layers", lambda nin, size, **_: 3 * _size(nin) * _size(size)),
    "Embedding": Row("layers", lambda count, size, **_: _size(count) * _size(size)),
    "LayerNorm": Row("layers", lambda size, **_: 2 * _size(size)),
    "RMSNorm": Row("layers", lambda size, **_: _size(size)),
    "Dropout": Row("layers", lambda **_: 0),
    "Method": Row("layers", _method),
    "Elementwise": Row("layers", lambda **_: 0),
    "Sequential": Row("layers", lambda **_: 0),
}
"""Every class that is made from data, by its name."""


def _size(number: Any) -> int:
    if type(number) is not int or number < 1:
        raise ValueError(f"a size is a whole number from 1 on, not {describe(number)}")
    return number


def _dense(sizes: Sequence[Any]) -> int:
    return sum((_size(before) + 1) * _size(after) for before, after in pairwise(sizes))


def build_of(module: Module) -> Build | None:
    """How a module is built; None if data cannot say it, or if it is not as it was built.

    >>> from glassgrad import Layer
    >>> from glassgrad.nn.building import build_of
    >>> build_of(Layer(2, 3, activation="relu", seed=1))
    {'class': 'Layer', 'arguments': {'nin': 2, 'nout': 3, 'activation': 'relu'}}
    """
    names = [name for name, _ in module.named_parameters()]
    try:
        build = _described(module, _DEEPEST)
        fresh = made(build, len(names))
    except ValueError:
        return None
    is_same = [name for name, _ in fresh.named_parameters()] == names
    return build if is_same and are_alike(module, fresh) else None


def _described(module: Holder, depth: int) -> Build:
    """The build of a module as it was made.

    Raises:
        ValueError: its class, or an argument, is none that data can say.
    """
    kind = type(module)
    if depth == 0 or _class_of(kind.__name__) is not kind:
        raise ValueError
    arguments, options = getattr(module, "_built_with", ((), {}))
    try:
        bound = inspect.signature(kind.__init__).bind(module, *arguments, **options).arguments
    except TypeError:  # what is copied in a way of its own remembers nothing
        raise ValueError from None
    if bound.get("nouts") is ...:  # of an iterator that is used up
        bound["nouts"] = tuple(
            getattr(layer, "nout", ...) for layer in getattr(module, "layers", ())
        )
    said = {name: _said(thing, depth) for name, thing in list(bound.items())[1:]}
    return {"class": kind.__name__, "arguments": _without_left_out(said)}


def _without_left_out(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: thing for name, thing in arguments.items() if name not in LEFT_OUT}


def _said(thing: Any, depth: int) -> Any:
    if isinstance(thing, Holder):
        return _described(thing, depth - 1)
    if isinstance(thing, tuple):
        return [_said(part, depth) for part in thing]
    if thing is ... or (isinstance(thing, float) and not isfinite(thing)):
        raise ValueError
    return thing


def made(build: object, parameters: int) -> Module:
    """The module that a build describes, with other numbers.

    Args:
        build: a part of a JSON file, by any hand.
        parameters: how many it may have; one that has more is not begun.

    Raises:
        ValueError: it says something else; the message continues a sentence.

    >>> from glassgrad.nn.building import made
    >>> made({"class": "LayerNorm", "arguments": {"size": 2}}, 4)
    LayerNorm(2, 4 parameters)
    >>> made({"class": "LayerNorm", "arguments": {"size": 10**9}}, 4)
    Traceback (most recent call last):
    ValueError: it has 4 numbers, and LayerNorm would have 2,000,000,000 parameters or more
    """
    return _Builder(parameters).made(build)


class _Builder:
    def __init__(self, parameters: int) -> None:
        self._numbers, self._count = parameters, 0

    def made(self, build: object) -> Module:
        """A module, after those that are among its arguments."""
        if not isinstance(build, dict) or build.keys() != {"class", "arguments"}:
            raise ValueError("a module has a class and arguments, and nothing else")
        kind, arguments = _class_of(build["class"]), build["arguments"]
        if kind is None:
            raise ValueError(f"nn has no class {_shown(build['class'])} to build")
        if not isinstance(arguments, dict):
            raise ValueError(f"the arguments of {kind.__name__} have no names")
        known = inspect.signature(kind.__init__).parameters
        for name in arguments:
            if name not in known or name in ("self", *LEFT_OUT):
                raise ValueError(f"{kind.__name__} has no argument {_shown(name)}")
        given = {name: self._argument(thing) for name, thing in arguments.items()}
        for name, thing in given.items():
            _check_type(f"{name} of {kind.__name__}", known[name].annotation, thing)
        try:
            self._reserve(kind.__name__, given)
            model: Module = _called(kind, given)
        except (TypeError, ValueError, OverflowError) as fault:
            raise ValueError(clipped(str(fault), _LONGEST).rstrip(".")) from None
        return model

    def _argument(self, thing: object) -> Any:
        if isinstance(thing, dict):
            return self.made(thing)
        if isinstance(thing, list):
            return [self._argument(part) for part in thing]
        return int(thing) if isinstance(thing, Whole) else thing

    def _reserve(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Refuse what would have more parameters than there are numbers."""
        try:
            self._count += CLASSES[name].count(**arguments)
        except TypeError:
            raise ValueError(f"arguments of {name} are missing, or of a wrong type") from None
        if self._count > self._numbers:
            raise ValueError(
                f"it has {self._numbers:,} numbers, and {name} would have "
                f"{self._count:,} parameters or more"
            )


def _check_type(role: str, annotation: str, thing: object) -> None:
    """Refuse what Python would take for a truth, or for a number, though JSON has it otherwise."""
    if annotation == "bool" and type(thing) is not bool:
        raise ValueError(f"{role} is true or false, not {describe(thing)}")
    if annotation == "float" and type(thing) not in (int, float):
        raise ValueError(f"{role} is a number, not {describe(thing)}")


def _called(kind: type, arguments: Mapping[str, Any]) -> Any:
    """An object of a class by the names of its arguments, those after a * too."""
    known = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
    given = dict(arguments)
    row: list[Any] = []
    for name, parameter in known.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            parts = given.pop(name, [])
            if not isinstance(parts, list):
                raise ValueError(f"{name} of {kind.__name__} is a list")
            row = parts
    if "init" in known:  # it draws numbers, which the file has; the global generator is left alone
        given["seed"] = Random(0)
    return kind(*row, **given)


def _class_of(name: object) -> type[Module] | None:
    if not isinstance(name, str) or name not in CLASSES:
        return None
    found: type[Module] = getattr(import_module(f"glassgrad.nn.{CLASSES[name].file}"), name)
    return found


def _shown(thing: object) -> str:
    return clipped(repr(thing)) if isinstance(thing, str) else describe(thing)


def compute_alike(module: Holder, fresh: Holder) -> bool:
    """Whether two modules compute the same if they have the same numbers; rates of chance may vary.

    >>> from glassgrad import MLP
    >>> from glassgrad.nn.building import compute_alike
    >>> compute_alike(MLP(2, [1]), MLP(2, [1])), compute_alike(MLP(2, [1]), MLP(3, [1]))
    (True, False)
    """
    return are_alike(module, fresh, {"rate"})


def are_alike(module: Holder, fresh: Holder, leaving_out: Collection[str] = ()) -> bool:
    """Whether two modules have the same parts with the same settings; numbers may differ.

    Args:
        module: the one, which may keep notes of the user's own too.
        fresh: the other, as it was made.
        leaving_out: names of attributes that may differ.

    >>> from glassgrad import Dropout
    >>> from glassgrad.nn.building import are_alike
    >>> are_alike(Dropout(0.5), Dropout(0.25)), are_alike(Dropout(0.5), Dropout(0.25), {"rate"})
    (False, True)
    """
    left: list[tuple[Any, Any]] = [(module, fresh)]
    while left:
        one, other = left.pop()
        if isinstance(one, Random) or isinstance(other, Random):
            continue  # where chance comes from belongs to no build
        if type(one) is not type(other):
            return False
        if isinstance(one, Holder):
            mine, theirs = _settings(one), _settings(other)
            others = mine.keys() - theirs.keys()
            if theirs.keys() - mine.keys() or any(hasattr(type(one), name) for name in others):
                return False  # what covers a method or a property is no note of the user's own
            left += [(mine[name], theirs[name]) for name in theirs if name not in leaving_out]
        elif isinstance(one, (list, tuple)):
            if len(one) != len(other):
                return False
            left += zip(one, other)
        elif type(one) in PLAIN or callable(one):
            if one != other:
                return False
    return True


def _settings(module: Holder) -> dict[str, Any]:
    """The attributes that a module has, without what others keep there."""
    skipped = {*module._not_parts, "training"}
    return {
        name: thing
        for name, thing in vars(module).items()
        if name not in skipped and not name.startswith("_compiled_")
    }
