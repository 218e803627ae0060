"""Model files: the numbers of a module as JSON, and how it is built again from them.

    {
     "schema": "glassgrad-model/3",
     "module": [
      "Neuron(1, tanh, 2 parameters)"
     ],
     "build": {
      "class": "Neuron",
      "arguments": {
       "nin": 1
      }
     },
     "parameters": {
      "w.0": 0.25,
      "b": "nan"
     },
     "digest": "5f0c…"
    }

"module" is how the module shows itself, for people; nothing reads it. "build" is a class of this
package by its name, and the arguments it was made with (`parts.py`); it is left out where data
cannot say it, and version 1 had none. "digest" is the SHA-256 of all bytes before it, so that a
file with one bit changed is refused; versions 1 and 2 had none.

Reading runs nothing, and takes a file that says exactly this or none of it. Only classes that are
`buildable` are ever made from data, and their constructors `reserve` parameters before they make
them: what would have more of them than the file has numbers is not begun.

Why JSON alone, and no format for arrays such as safetensors: every number of a scalar model has a
name of its own, and there are few of them, so a file that people can read and compare is worth more
than a small one. A number is written with as many digits as bring it back to the last bit. It takes
about 50 bytes with its name, where an array takes 8.

`Module.save`, `Module.load` and `glassgrad.load`, in `module.py`, are what users call. A refusal is
a ValueError whose message continues a sentence that the name of the file begins (`naming`).
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import isfinite
from os import PathLike
from pathlib import Path
from random import Random
from types import MethodType
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
from glassgrad.engine.text import clipped, describe, some_of, with_article
from glassgrad.engine.value import Frozen, Value
from glassgrad.nn.parts import LEFT_OUT, PLAIN, Found, Holder, kept, title

SCHEMA = "glassgrad-model/3"
_LATER_FIELDS = {"glassgrad-model/1": {"build", "digest"}, "glassgrad-model/2": {"digest"}}
"""The older schemas that are read too, with the fields that they did not have yet."""
_READ = [*_LATER_FIELDS, SCHEMA]
_SCHEMA = re.compile(r"glassgrad-model/[1-9][0-9]{0,8}")
_FROZEN = re.compile(r", (\d+ )?frozen(?=\)$)")
_DAMAGED = (
    "is cut off, damaged or was changed: its digest is not that of what it says. Take a copy of "
    "the file, or save the model again."
)
_HEAD = 4096
"""So many bytes tell whether a file may be JSON of an object."""
_DEEPEST = 40
"""Modules inside modules that a build may have."""
_LONGEST = 200
"""Of the complaint of a constructor about foreign arguments so many characters are shown."""
_STRICT = {"bool": ((bool,), "true or false"), "float": ((int, float), "a number")}
"""Annotations of arguments that are read as JSON has them, and how a refusal says so."""
_METHODS = ("run",)
"""Those that a part of `Sequential` may be, as `cell.run`."""

Build = dict[str, Any]
CLASSES: dict[str, type[Holder]] = {}
"""Every class that is made from data, by its name."""
K = TypeVar("K", bound=type[Holder])


def buildable(kind: K) -> K:
    """A class that a file may name: its constructor says to `reserve` how many Values it makes."""
    CLASSES[kind.__name__] = kind
    return kind


@dataclass
class _Limit:
    """How many numbers the file has that a model is built for, and how many are reserved."""

    numbers: int
    reserved: int = 0


_LIMIT: ContextVar[_Limit | None] = ContextVar("parameters that a build may have", default=None)


def reserve(count: int) -> None:
    """Say that so many parameters are about to be made; a ValueError if a file has fewer."""
    limit = _LIMIT.get()
    if limit is None:
        return
    limit.reserved += count
    if limit.reserved > limit.numbers:
        raise ValueError(
            f"it has {limit.numbers:,} numbers, and its model would have {limit.reserved:,} "
            "parameters or more"
        )


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


def read(path: Path, state: dict[str, float] | None = None) -> ModelFile:
    """What a model file says, if it has a known schema, and no fields but those of it.

    Of the model that it is for, if that is known, the numbers say how large a file may be: one that
    is far larger is not read to its end.
    """
    content = _content(path, None if state is None else 2**20 + 16 * len(json.dumps(state)))
    has_seal = seal(content)
    if has_seal is False:
        raise ValueError(_DAMAGED)
    try:
        data = parsed(content)
    except ValueError as fault:
        raise ValueError(f"is cut off, damaged or no model file: {fault}.") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema not in _READ:
        raise ValueError(_unknown(schema))
    if schema == SCHEMA and not has_seal:
        raise ValueError(_DAMAGED)
    for field in sorted(_LATER_FIELDS.get(schema, set()) & data.keys()):
        raise ValueError(f"is no model file: it has a field {quoted(field)}.")
    try:
        found: ModelFile = decode(ModelFile, data)
    except ValueError as fault:
        raise ValueError(f"is no model file: {fault}.") from None
    return found


def _content(path: Path, longest: int | None) -> bytes:
    """The bytes of a file, and no more of them than tell that there are too many, if any are."""
    with open(plain_file(path), "rb") as file:
        content = file.read(_HEAD)
        if len(content) == _HEAD and not content.lstrip().startswith(b"{"):
            return content  # no model, however long it is
        content += file.read(-1 if longest is None else max(longest + 1 - len(content), 0))
    if longest is not None and len(content) > longest:
        raise ValueError("is far larger than any file of this model.")
    return content


def _unknown(schema: object) -> str:
    if schema is None:
        return f"is no model file: it does not name the schema {SCHEMA}."
    if isinstance(schema, str) and _SCHEMA.fullmatch(schema):
        return (
            f"was written by a newer glassgrad: its schema is {quoted(schema)}, and this one reads "
            f"{some_of(_READ)}. Update glassgrad."
        )
    return f"is no model file: its schema is {quoted(schema)}."


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
            "does not say how its model is built, as of version 1 of the schema, or of a model "
            "with classes or functions of your own, with the same parameters in two places, "
            "changed after it was made, or with modules "
            f"inside more than {_DEEPEST} others. Build the model, and call its .load(path)."
        )
    try:
        model = made(found.build, len(found.parameters))
    except ValueError as fault:
        raise ValueError(f"cannot be built: {fault}.") from None
    try:
        model.load_state_dict(found.parameters)
    except ValueError as fault:
        raise ValueError(f"does not fit what it says of its model: {fault}") from None
    return model


# From a module to its build.


def build_of(module: Holder) -> Build | None:
    """How a module is built; None if data cannot say it, or if it is not as it was built."""
    names = _parameter_names(module)
    try:
        build = _described(module, _DEEPEST)
        fresh = made(build, len(names))
    except ValueError:
        return None
    return build if _parameter_names(fresh) == names and _are_alike(module, fresh) else None


def _parameter_names(module: Holder) -> list[str]:
    return [name for name, _ in Found.below(module).named(module)]


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


def _are_alike(module: Holder, fresh: Holder, leaving_out: Collection[str] = ()) -> bool:
    """Whether a module has the parts and settings of a fresh one; its numbers may differ.

    So may the attributes that are left out, and it may keep notes of the user's own.
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
    skipped = {*module._not_parts, "training"}
    return {
        name: thing
        for name, thing in vars(module).items()
        if name not in skipped and not name.startswith("_compiled_")
    }


# From a build to the module.


def made(build: object, parameters: int) -> Any:
    """The module that a build by any hand describes, with other numbers; it may have so many."""
    token = _LIMIT.set(_Limit(parameters))
    try:
        return _made(build)
    finally:
        _LIMIT.reset(token)


def _made(build: object) -> Any:
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
    for name, thing in given.items():  # Python takes 0 for a truth, and True for a number
        strict = _STRICT.get(known[name].annotation)
        if strict and type(thing) not in strict[0]:
            raise ValueError(f"{name} of {title} is {strict[1]}, not {describe(thing)}")
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


def _check_method(module: Any = None, name: Any = None) -> None:
    """A file says what is called when the model runs: nothing but what is meant for that."""
    if name not in _METHODS:
        raise ValueError(f"a method is one of {', '.join(_METHODS)}, not {describe(name)}")
    if not isinstance(module, Holder) or not callable(getattr(type(module), name, None)):
        raise ValueError(f"{with_article(type(module).__name__)} has no method {name}")


def _called(kind: Any, known: Mapping[str, inspect.Parameter], given: dict[str, Any]) -> Any:
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
