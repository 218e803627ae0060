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
package by its name, and the arguments that make one like it, which its `_config` gives; it is left
out where data cannot say it. "digest" is the SHA-256 of all bytes before it, so that a file with
one bit changed is refused; versions 1 and 2 had none.

Reading runs nothing, and takes a file that says exactly this or none of it. Only classes that are
`buildable` are ever made from data, and their constructors `reserve` parameters before they make
them: what would have more of them than the file has numbers is not begun. It is JSON, and no format
for arrays such as safetensors, since every number of a scalar model has a name of its own, and
people can read and compare it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import isfinite
from os import PathLike
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from glassgrad.engine.files import (
    decode,
    parsed,
    plain_file,
    possible,
    quoted,
    seal,
    sealed,
    write_file,
)
from glassgrad.engine.text import clipped, describe, told
from glassgrad.engine.value import Value, is_parameter
from glassgrad.nn.activation import linear, row_of
from glassgrad.nn.parts import Found, Holder, title, walk

SCHEMA = "glassgrad-model/3"
OLDER = {"glassgrad-model/1": {"build", "digest"}, "glassgrad-model/2": {"digest"}}
"""The older schemas that are read too, with the fields that they did not have yet."""
_FROZEN = re.compile(r", (\d+ )?frozen(?=\)$)")
_DEEPEST = 40
"""Modules inside modules that a build may have."""
_LONGEST = 200
"""Of the complaint of a constructor about foreign arguments so many characters are shown."""

Build = dict[str, Any]
CLASSES: dict[str, type[Holder]] = {}
"""Every class that is made from data, by its name."""
K = TypeVar("K", bound=type[Holder])


def buildable(kind: K) -> K:
    """A class that a file may name: its `_config` gives the arguments that make one like it, and
    its constructor says to `reserve` how many Values it makes.
    """
    CLASSES[kind.__name__] = kind
    return kind


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


def place(path: object) -> Path:
    """A path as a user gives it; a TypeError if it is none, an OSError if no file can have it."""
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"A model file has a path, a str or a Path, not {describe(path)}.")
    return possible(Path(path))


@contextmanager
def naming(path: Path, end: str = "") -> Iterator[None]:
    """A refusal in the `with` block becomes a sentence that the name of the file begins."""
    try:
        yield
    except ValueError as fault:
        raise ValueError(f"{clipped(path.name)} {fault}{end}") from None


def write(path: Path, module: Holder, state: dict[str, float]) -> Path:
    """Write the numbers of a module to a file; see `Module.save`."""
    build = build_of(module)
    data = {
        "schema": SCHEMA,
        "module": repr(module).split("\n"),
        **({} if build is None else {"build": build}),
        "parameters": state,
    }
    try:
        content = sealed(data, indent=1, escaped=False)
    except UnicodeEncodeError as fault:
        raise ValueError(
            f"A parameter cannot be saved while half of a surrogate pair is in its name: "
            f"{quoted(fault.object[fault.start : fault.end])}."
        ) from None
    return write_file(path, content, durable=True)


def unsealed(
    path: Path, schema: str, kind: str, older: Sequence[str] = (), remedy: str = ""
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
    if not is_sealed and found == schema:
        raise changed
    return dict(data)


def _is_newer(found: object, schema: str) -> bool:
    stem, number = schema.split("/")
    theirs = re.fullmatch(f"{stem}/([1-9][0-9]{{0,8}})", found) if isinstance(found, str) else None
    return theirs is not None and int(theirs[1]) > int(number)


def read(path: Path) -> ModelFile:
    """What a model file says, if it has no fields but those of its schema."""
    remedy = " Take a copy of the model file, or write it again."
    data = unsealed(path, SCHEMA, "model file", [*OLDER], remedy)
    for field in sorted(OLDER.get(data["schema"], set()) & data.keys()):
        raise ValueError(f"is no model file: it has a field {quoted(field)}.")
    try:
        found: ModelFile = decode(ModelFile, data)
    except ValueError as fault:
        raise ValueError(f"is no model file: {fault}.") from None
    return found


def check_build(module: Holder, state: dict[str, float], found: ModelFile) -> None:
    """Refuse the file of a model that computes something else with its numbers, if it says so."""
    if found.build is ...:
        return
    try:
        fresh = made(found.build, max(len(found.parameters), len(state)))
    except ValueError as fault:
        raise ValueError(f"says of its model what cannot be built: {fault}.") from None
    if state.keys() != found.parameters.keys() or build_of(module) is None:
        return  # the names tell it better, or there is nothing to compare
    if _are_alike(module, fresh, {"rate"}):  # a rate of chance may be another one
        return
    held, mine = (clipped(_FROZEN.sub("", title(each)), 200) for each in (fresh, module))
    if held == mine:
        raise ValueError(f"does not fit: it holds {held} with other settings than the model has.")
    raise ValueError(f"does not fit: it holds {held}, and the model is {mine}.")


def build(found: ModelFile) -> Any:
    """The module that a file holds, with its numbers, if it says how that is built."""
    if found.build is ...:
        raise ValueError(
            "does not say how its model is built, as of a model with classes or functions of your "
            "own, with the same parameters in two places, with settings changed by hand, or with "
            f"modules inside more than {_DEEPEST} others. Build the model, and call its "
            ".load(path)."
        )
    try:
        model = made(found.build, len(found.parameters))
    except ValueError as fault:
        raise ValueError(f"cannot be built: {fault}.") from None
    try:
        model.load_state_dict(found.parameters)
    except ValueError:
        shown = clipped(title(model), _LONGEST)
        raise ValueError(f"does not fit what it says of its model, {shown}.") from None
    return model


# From a module to its build.


def build_of(module: Holder) -> Build | None:
    """How a module is built; None if data cannot say it."""
    try:
        build = _described(module, _DEEPEST)
        fresh = made(build, len(Found.below(module).parameters))
    except (ValueError, TypeError, LookupError, AttributeError):
        return None
    return build if _are_alike(module, fresh) else None


def _described(module: Holder, depth: int) -> Build:
    kind = type(module)
    if depth == 0 or CLASSES.get(kind.__name__) is not kind:
        raise ValueError
    arguments = {name: _said(thing, depth) for name, thing in module._config().items()}
    return {"class": kind.__name__, "arguments": arguments}


def _said(thing: Any, depth: int) -> Any:
    if isinstance(thing, Holder):
        return _described(thing, depth - 1)
    if isinstance(thing, (list, tuple)):
        return [_said(part, depth) for part in thing]
    if callable(thing):  # an activation has a name, a function of the user's own none
        row = row_of(thing)
        if row is None and thing is not linear:
            raise ValueError
        return "linear" if row is None else row.name
    if isinstance(thing, float) and not isfinite(thing):
        raise ValueError
    return thing


def _are_alike(module: Holder, fresh: Holder, leaving_out: Collection[str] = ()) -> bool:
    """Whether a module has the parts and settings of a fresh one; its numbers may differ.

    So may the attributes that are left out, and it may keep notes of the user's own.
    """
    parts, others = ([("", each), *walk(each)] for each in (module, fresh))
    if [path for path, _ in parts] != [path for path, _ in others]:
        return False
    for (_, one), (_, other) in zip(parts, others):
        if isinstance(one, Value) or isinstance(other, Value):
            if not (is_parameter(one) and is_parameter(other)):
                return False
            continue
        if type(one) is not type(other):
            return False
        mine, theirs = (_settings(each, leaving_out) for each in (one, other))
        # What covers a method or a property is no note of the user's own.
        meant = {n: x for n, x in mine.items() if n in theirs or hasattr(type(one), n)}
        if meant != theirs:
            return False
    return True


def _settings(module: Holder, leaving_out: Collection[str]) -> dict[str, Any]:
    skipped = {*module._not_parts, *leaving_out, "training"}
    return {
        name: thing
        for name, thing in vars(module).items()
        if name not in skipped
        and not name.startswith("_compiled_")
        and (isinstance(thing, (bool, int, float, str)) or callable(thing))
        and not isinstance(thing, Holder)
    }


# From a build to the module.


def made(build: object, parameters: int) -> Any:
    """The module that a build by any hand describes, with other numbers; it may have so many."""
    token = _ROOM.set([parameters])
    try:
        return _made(build)
    finally:
        _ROOM.reset(token)


def _made(build: object) -> Any:
    if not isinstance(build, dict) or build.keys() != {"class", "arguments"}:
        raise ValueError("a module has a class and arguments, and nothing else")
    title, arguments = build["class"], build["arguments"]
    if not isinstance(title, str) or title not in CLASSES:
        raise ValueError(f"nn has no class {_shown(title)} to build")
    if not isinstance(arguments, dict):
        raise ValueError(f"the arguments of {title} have no names")
    kind: Any = CLASSES[title]
    known = inspect.signature(kind.__init__).parameters
    for name in arguments:
        if name not in known or name in ("self", "seed", "init"):
            raise ValueError(f"{title} has no argument {_shown(name)}")
    given = {name: _argument(thing) for name, thing in arguments.items()}
    if "init" in known:  # it draws numbers, which the file has; the global generator is left alone
        given["seed"] = Random(0)
    row = given.pop("parts", ())
    if not isinstance(row, (list, tuple)):
        raise ValueError(f"parts of {title} is a list")
    try:
        return kind(*row, **given)
    except (TypeError, ValueError, OverflowError) as fault:
        raise ValueError(clipped(str(fault), _LONGEST).rstrip(".")) from None


def _argument(thing: object) -> Any:
    if isinstance(thing, dict):
        return _made(thing)
    return [_argument(part) for part in thing] if isinstance(thing, list) else thing


def _shown(thing: object) -> str:
    return clipped(repr(thing)) if isinstance(thing, str) else describe(thing)
