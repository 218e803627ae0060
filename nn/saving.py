"""Model files: the numbers of a module as JSON, and how it is built again from them.

    {
     "schema": "glassgrad-model/3",
     "module": [
      "Neuron(1, tanh, 2 parameters)"
     ],
     "build": {
      "class": "Neuron",
      "arguments": {
       "nin": 1,
       "activation": "tanh"
      }
     },
     "parameters": {
      "w.0": 0.25,
      "b": "nan"
     },
     "digest": "5f0c…"
    }

"module" is how the module shows itself, for people; nothing reads it. "build" is a class of this
package by its name, and the arguments that make one like it; it is left out where data cannot say
it. "digest" is the SHA-256 of all bytes before it, so that a file with
one bit changed is refused; version 1 had neither, version 2 no digest.

Reading runs nothing, and takes a file that says exactly this or none of it. Only classes that are
`buildable` are ever made from data, and their constructors `reserve` parameters before they make
them: what would have more of them than the file has numbers is not begun. It is JSON, and no format
for arrays such as safetensors, since every number of a scalar model has a name of its own, and
people can read and compare it. Next: `module.py`, whose `save` and `load` these are.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from glassgrad.engine.files import decode, parsed, plain_file, quoted, seal, sealed, write_file
from glassgrad.engine.text import clipped, describe, function_name, told
from glassgrad.engine.value import Value, is_parameter
from glassgrad.nn.checks import Check
from glassgrad.nn.parts import Found, Holder, title, walk

SCHEMA = "glassgrad-model/3"
OLDER = ("glassgrad-model/1", "glassgrad-model/2")
_DEEPEST = 40
"""Modules inside modules that a build may have."""
_LONGEST = 200
"""Of the complaint of a constructor about foreign arguments so many characters are shown."""

Build = dict[str, Any]
CLASSES: dict[str, type[Holder]] = {}
"""Every class that is made from data, by its name."""
K = TypeVar("K", bound=type[Holder])


def buildable(*arguments: str, **checked: Check) -> Callable[[K], K]:
    """For a class that a file may name: the attributes that are arguments of its constructor, which
    says to `reserve` how many Values it makes; those that can be set last, each with its check.
    """

    def registered(kind: K) -> K:
        kind._arguments = (*arguments, *checked)
        kind._checks = {**kind._checks, **checked}
        CLASSES[kind.__name__] = kind
        return kind

    return registered


_ROOM: ContextVar[list[int] | None] = ContextVar("parameters that a build may make", default=None)


def reserve(count: int) -> None:
    """Say that so many parameters are about to be made; a ValueError if a file has fewer."""
    room = _ROOM.get()
    if room is not None:
        room[0] -= count
        if room[0] < 0:
            raise ValueError("it has fewer numbers than its model would have parameters")


# Files.


@dataclass(frozen=True)
class ModelFile:
    """What a model file says; a build of `...` is none."""

    schema: str
    parameters: dict[str, float]
    module: Any = None
    build: Any = ...
    digest: str = ""


def save(path: str | Path, module: Any) -> Path:
    """Write the numbers of a module to a file; see `Module.save`."""
    build = build_of(module)
    if strangers := Found.below(module).strangers:  # the file would lack a parameter
        place, thing = strangers[0]
        raise ValueError(
            f"{title(module)} cannot be saved: {describe(thing)} stands in {place}, which is for "
            "parameters. Put a Value there, such as Value(0.0)."
        )
    data = {
        "schema": SCHEMA,
        "module": repr(module).split("\n"),
        **({} if build is None else {"build": build}),
        "parameters": module.state_dict(),
    }
    try:
        content = sealed(data, indent=1, escaped=False)
    except UnicodeEncodeError as fault:
        raise ValueError(
            f"A parameter cannot be saved while half of a surrogate pair is in its name: "
            f"{quoted(fault.object[fault.start : fault.end])}."
        ) from None
    return write_file(path, content, durable=True)


def fill(path: str | Path, module: Any) -> None:
    """Give a module the numbers of a file; see `Module.load`."""
    with _naming(path, " The model is unchanged."):
        found, state = _read(path), module.state_dict()
        if found.build is not ...:
            fresh = _made(found.build, max(len(found.parameters), len(state)))
            is_known = state.keys() == found.parameters.keys() and build_of(module) is not None
            if is_known and not _are_alike(module, fresh, {"rate"}):  # that of chance may differ
                held, mine = (clipped(title(each), _LONGEST) for each in (fresh, module))
                end = ", with other settings" * (type(fresh) is type(module))
                raise ValueError(f"does not fit: it holds {held}, and the model is {mine}{end}.")
    with _naming(path):
        _take(module, found)


def load(path: str | Path) -> Any:
    """The module that a file holds, with its numbers, if it says how that is built."""
    with _naming(path):
        found = _read(path)
        if found.build is ...:
            raise ValueError(
                "does not say how its model is built, as of a model with classes or functions of "
                "your own, with the same parameters in two places, with settings changed by hand, "
                f"or with modules inside more than {_DEEPEST} others. Build the model, and call "
                "its .load(path)."
            )
        model = _made(found.build, len(found.parameters))
        _take(model, found)
    return model


def _take(module: Any, found: ModelFile) -> None:
    try:
        module.load_state_dict(found.parameters)
    except ValueError as fault:
        raise ValueError(f"does not fit: {fault}") from None


@contextmanager
def _naming(path: str | Path, end: str = "") -> Iterator[None]:
    """A refusal in the `with` block becomes a sentence that the name of the file begins."""
    try:
        yield
    except ValueError as fault:
        raise ValueError(f"{clipped(Path(path).name)} {fault}{end}") from None


def _read(path: str | Path) -> ModelFile:
    remedy = " Take a copy of the model file, or write it again."
    data = unsealed(path, SCHEMA, "model file", OLDER, remedy)
    if data["schema"] == OLDER[0] and "build" in data:
        raise ValueError('is no model file: version 1 has no field "build".')
    try:
        found: ModelFile = decode(ModelFile, data)
    except ValueError as fault:
        raise ValueError(f"is no model file: {fault}.") from None
    return found


def unsealed(
    path: str | Path, schema: str, kind: str, older: Sequence[str] = (), remedy: str = ""
) -> dict[str, Any]:
    """What a file says, if it is of this schema, and is what was written to the last bit; or of an
    older one, which had no digest.

    A remedy ends the refusal of a file that was changed; who gives none has one of its own.
    """
    content = plain_file(path).read_bytes()
    changed = ValueError(
        f"is cut off, damaged or was changed: its digest is not that of what it says.{remedy}"
    )
    is_sealed = seal(content)
    if is_sealed is False:
        raise changed
    try:
        data = parsed(content)
    except ValueError as fault:
        raise ValueError(f"is cut off, damaged or no {kind}: {fault}.") from None
    found = data.get("schema") if isinstance(data, dict) else None
    if found != schema and found not in older:
        update = " Update glassgrad." * _is_newer(found, schema)
        raise ValueError(
            f"is no {kind} that this version reads: its schema is {told(found)}, and not "
            f"{schema}.{update}"
        )
    if not is_sealed and (found == schema or "digest" in data):
        raise changed
    return dict(data)


def _is_newer(found: object, schema: str) -> bool:
    stem, number = schema.split("/")
    theirs = re.fullmatch(f"{stem}/([1-9][0-9]{{0,8}})", found) if isinstance(found, str) else None
    return theirs is not None and int(theirs[1]) > int(number)


# From a module to its build, and back.


def build_of(module: Holder) -> Build | None:
    """How a module is built; None if data cannot say it."""
    try:
        build = _described(module, _DEEPEST)
        fresh = _made(build, len(Found.below(module).parameters))
    except (ValueError, TypeError, LookupError, AttributeError):
        return None
    return build if _are_alike(module, fresh) else None


def settings_of(module: Holder) -> list[str]:
    """What a module and its parts are made with, a line each, such as "parts.1.eps 1e-05"."""
    return [
        f"{path}{'.' * bool(path)}{name} {function_name(x) if callable(x) else repr(x)}"
        for path, part in [("", module), *walk(module)]
        if isinstance(part, Holder)
        for name, x in part._config().items()
        if _is_setting(x)
    ]


def _is_setting(thing: Any) -> bool:
    is_plain = isinstance(thing, (bool, int, float, str))
    return (is_plain or callable(thing)) and not isinstance(thing, Holder)


def _described(thing: Any, depth: int) -> Any:
    """A module, or an argument of one, as data; a ValueError if data cannot say it."""
    if isinstance(thing, Holder):
        kind = type(thing)
        if depth == 0 or CLASSES.get(kind.__name__) is not kind:
            raise ValueError
        arguments = {name: _described(x, depth - 1) for name, x in thing._config().items()}
        return {"class": kind.__name__, "arguments": arguments}
    if isinstance(thing, (list, tuple)):
        return [_described(part, depth) for part in thing]
    if callable(thing):  # an activation; what its name does not choose will not be alike
        return function_name(thing)
    if isinstance(thing, float) and not isfinite(thing):
        raise ValueError
    return thing


def _are_alike(module: Holder, fresh: Holder, leaving_out: Collection[str] = ()) -> bool:
    """Whether a module has the parts and settings of a fresh one; its numbers may differ.

    So may the attributes that are left out, and it may keep notes of the user's own.
    """
    mine, theirs = _shape(module, leaving_out), _shape(fresh, leaving_out)
    for path, name in mine.keys() - theirs.keys():
        # What covers a method or a property is no note of the user's own.
        if not name or hasattr(theirs.get((path, "")), name):
            return False
    return all(mine.get(place) == known for place, known in theirs.items())


def _shape(module: Holder, leaving_out: Collection[str]) -> dict[tuple[str, str], Any]:
    """What each part is, and what it is set to, by its path and the name of the attribute."""
    shape: dict[tuple[str, str], Any] = {}
    for path, part in [("", module), *walk(module)]:
        if isinstance(part, Value):
            shape[path, ""] = is_parameter(part)
            continue
        shape[path, ""] = type(part)
        skipped = {*part._not_parts, *leaving_out, "training"}
        for name, thing in vars(part).items():
            if _is_setting(thing) and name not in skipped:
                shape[path, name] = thing
    return shape


def _made(build: object, parameters: int) -> Any:
    """The module that a build by any hand describes, with other numbers; it may have so many."""
    token = _ROOM.set([parameters])
    try:
        return _module(build)
    except ValueError as fault:
        raise ValueError(f"holds a model that cannot be built: {fault}.") from None
    finally:
        _ROOM.reset(token)


def _module(build: Any) -> Any:
    if not isinstance(build, dict) or build.keys() != {"class", "arguments"}:
        raise ValueError("a module has a class and arguments, and nothing else")
    name, arguments = build["class"], build["arguments"]
    if not isinstance(name, str) or name not in CLASSES:
        raise ValueError(f"nn has no class {quoted(name)} to build")
    if not isinstance(arguments, dict):
        raise ValueError(f"the arguments of {name} have no names")
    if drawn := {"seed", "init"} & arguments.keys():  # the file has the numbers themselves
        raise ValueError(f"{name} has no argument {min(drawn)}")
    kind: Any = CLASSES[name]
    given = {name: _argument(x) for name, x in arguments.items()}
    if "init" in inspect.signature(kind).parameters:
        given["seed"] = Random(0)  # the global generator is left alone
    row = given.pop("parts", ())
    if not isinstance(row, (list, tuple)):
        raise ValueError(f"parts of {name} is a list")
    try:
        return kind(*row, **given)
    except (TypeError, ValueError, OverflowError) as fault:
        raise ValueError(clipped(str(fault), _LONGEST).rstrip(".")) from None


def _argument(thing: Any) -> Any:
    if isinstance(thing, dict):
        return _module(thing)
    return [_argument(part) for part in thing] if isinstance(thing, list) else thing
