"""How a module is built, as data: a class of this package by its name, and its arguments.

    {"class": "MLP", "arguments": {"nin": 2, "nouts": [3, 1], "activation": "relu"}}

A module remembers the arguments it was made with (`parts.py`). Only classes that register
themselves here are ever made from data, and their constructors `reserve` parameters before they
make them: what would have more of them than a file has numbers is not begun. Next: `saving.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from math import isfinite
from random import Random
from types import MethodType
from typing import Any, TypeVar

from glassgrad.engine.text import clipped, describe
from glassgrad.engine.value import Frozen, Value
from glassgrad.nn.parts import LEFT_OUT, PLAIN, Found, Holder, kept

Build = dict[str, Any]
CLASSES: dict[str, type[Holder]] = {}
"""Every class that is made from data, by its name."""
_DEEPEST = 40
"""Modules inside modules that a build may have."""
_LONGEST = 200
"""Of the complaint of a constructor about foreign arguments so many characters are shown."""
_METHODS = ("run",)
"""Those that a part of `Sequential` may be, as `cell.run`."""

K = TypeVar("K", bound=type[Holder])


def buildable(kind: K) -> K:
    """A class that a file may name: its constructor says to `reserve` how many Values it makes."""
    CLASSES[kind.__name__] = kind
    return kind


class _Limit:
    def __init__(self, numbers: int) -> None:
        self.numbers, self.reserved = numbers, 0


_LIMIT: ContextVar[_Limit | None] = ContextVar("parameters that a build may have", default=None)


def reserve(count: int) -> None:
    """Say that so many parameters are about to be made.

    Raises:
        ValueError: they are made for a file, which has fewer numbers.
    """
    limit = _LIMIT.get()
    if limit is None:
        return
    limit.reserved += count
    if limit.reserved > limit.numbers:
        raise ValueError(
            f"it has {limit.numbers:,} numbers, and its model would have {limit.reserved:,} "
            "parameters or more"
        )


@contextmanager
def _at_most(numbers: int) -> Iterator[None]:
    token = _LIMIT.set(_Limit(numbers))
    try:
        yield
    finally:
        _LIMIT.reset(token)


def build_of(module: Holder) -> Build | None:
    """How a module is built; None if data cannot say it, or if it is not as it was built.

    >>> from glassgrad import Layer
    >>> from glassgrad.nn.building import build_of
    >>> build_of(Layer(2, 3, activation="relu", seed=1))
    {'class': 'Layer', 'arguments': {'nin': 2, 'nout': 3, 'activation': 'relu'}}
    """
    names = _parameter_names(module)
    try:
        build = _described(module, _DEEPEST)
        fresh = made(build, len(names))
    except ValueError:
        return None
    return build if _parameter_names(fresh) == names and are_alike(module, fresh) else None


def _parameter_names(module: Holder) -> list[str]:
    return [name for name, _ in Found.below(module, named=True).named(module)]


def _described(module: Holder, depth: int) -> Build:
    """The build of a module as it was made; a ValueError if data cannot say it."""
    kind = type(module)
    if depth == 0 or CLASSES.get(kind.__name__) is not kind:
        raise ValueError
    arguments, options = getattr(module, "_built_with", ((), {}))
    try:
        bound = inspect.signature(kind.__init__).bind(module, *arguments, **options).arguments
    except TypeError:  # what is copied in a way of its own remembers nothing
        raise ValueError from None
    del bound["self"]
    said = {
        # Of an iterator that is used up the module itself may know what it gave.
        name: _said(kept(getattr(module, name, ...)) if thing is ... else thing, depth)
        for name, thing in bound.items()
        if name not in LEFT_OUT
    }
    return {"class": kind.__name__, "arguments": said}


def _said(thing: Any, depth: int) -> Any:
    if isinstance(thing, Holder):
        return _described(thing, depth - 1)
    if isinstance(thing, MethodType):
        arguments = {"module": _said(thing.__self__, depth), "name": thing.__name__}
        return {"class": "Method", "arguments": arguments}
    if isinstance(thing, tuple):
        return [_said(part, depth) for part in thing]
    if thing is ... or (isinstance(thing, float) and not isfinite(thing)):
        raise ValueError
    return thing


def made(build: object, parameters: int) -> Any:
    """The module that a build describes, with other numbers.

    Args:
        build: a part of a JSON file, by any hand.
        parameters: how many it may have.

    Raises:
        ValueError: it says something else; the message continues a sentence.

    >>> from glassgrad.nn.building import made
    >>> made({"class": "LayerNorm", "arguments": {"size": 2}}, 4)
    LayerNorm(2, 4 parameters)
    >>> made({"class": "LayerNorm", "arguments": {"size": 10**9}}, 4)
    Traceback (most recent call last):
    ValueError: it has 4 numbers, and its model would have 2,000,000,000 parameters or more
    """
    with _at_most(parameters):
        return _made(build)


def _made(build: object) -> Any:
    """A module, after those that are among its arguments."""
    if not isinstance(build, dict) or build.keys() != {"class", "arguments"}:
        raise ValueError("a module has a class and arguments, and nothing else")
    title, arguments = build["class"], build["arguments"]
    if not isinstance(title, str) or title not in CLASSES:
        raise ValueError(f"nn has no class {_shown(title)} to build")
    if not isinstance(arguments, dict):
        raise ValueError(f"the arguments of {title} have no names")
    known = inspect.signature(CLASSES[title].__init__).parameters
    for name in arguments:
        if name not in known or name in ("self", *LEFT_OUT):
            raise ValueError(f"{title} has no argument {_shown(name)}")
    given = {name: _argument(thing) for name, thing in arguments.items()}
    for name, thing in given.items():
        _check_type(f"{name} of {title}", known[name].annotation, thing)
    if title == "Method":
        _check_method(**given)
    try:
        return _called(CLASSES[title], known, given)
    except (TypeError, ValueError, OverflowError) as fault:
        raise ValueError(clipped(str(fault), _LONGEST).rstrip(".")) from None


def _argument(thing: object) -> Any:
    if isinstance(thing, dict):
        return _made(thing)
    return [_argument(part) for part in thing] if isinstance(thing, list) else thing


def _check_type(role: str, annotation: str, thing: object) -> None:
    """Refuse what Python would take for a truth, or for a number, though JSON has it otherwise."""
    if annotation == "bool" and type(thing) is not bool:
        raise ValueError(f"{role} is true or false, not {describe(thing)}")
    if annotation == "float" and type(thing) not in (int, float):
        raise ValueError(f"{role} is a number, not {describe(thing)}")


def _check_method(module: Any = None, name: Any = None) -> None:
    """A file says what is called when the model runs: nothing but what is meant for that."""
    if name not in _METHODS:
        raise ValueError(f"a method is one of {', '.join(_METHODS)}, not {describe(name)}")
    if not isinstance(module, Holder) or not callable(getattr(type(module), name, None)):
        raise ValueError(f"a {type(module).__name__} has no method {name}")


def _called(kind: Any, known: Mapping[str, inspect.Parameter], given: dict[str, Any]) -> Any:
    """An object of a class by the names of its arguments, those after a * too."""
    row: list[Any] = []
    for name, parameter in known.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            row = given.pop(name, [])
            if not isinstance(row, list):
                raise ValueError(f"{name} of {kind.__name__} is a list")
    if "init" in known:  # it draws numbers, which the file has; the global generator is left alone
        given["seed"] = Random(0)
    return kind(*row, **given)


def _shown(thing: object) -> str:
    return clipped(repr(thing)) if isinstance(thing, str) else describe(thing)


def are_alike(module: Holder, fresh: Holder, leaving_out: Collection[str] = ()) -> bool:
    """Whether two modules have the same parts with the same settings; numbers may differ.

    Args:
        module: the one, which may keep notes of the user's own too.
        fresh: the other, as it was made.
        leaving_out: names of attributes that may differ.
    """
    left: list[tuple[Any, Any]] = [(module, fresh)]
    while left:
        one, other = left.pop()
        if isinstance(one, Random) or isinstance(other, Random):
            continue  # where chance comes from belongs to no build
        if _kind(one) is not _kind(other):
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
        elif (type(one) in PLAIN or callable(one)) and one != other:
            return False
    return True


def _kind(thing: Any) -> type:
    """The type; that of a parameter whether it is frozen or not."""
    return Value if isinstance(thing, Frozen) else type(thing)


def _settings(module: Holder) -> dict[str, Any]:
    """The attributes that a module has, without what others keep there."""
    skipped = {*module._not_parts, "training"}
    return {
        name: thing
        for name, thing in vars(module).items()
        if name not in skipped and not name.startswith("_compiled_")
    }
