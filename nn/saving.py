"""Model files: the numbers of a module as JSON, written whole or not at all.

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

"module" is how the module shows itself, for people; nothing reads it. "build" says how to make it
again (`building.py`), and is left out where that cannot be said; version 1 had none. "digest" is
the SHA-256 of all bytes before it, so that a file with one bit changed is refused; versions 1 and 2
had none. Reading runs nothing, and takes a file that says exactly this or none of it.

Why JSON alone, and no format for arrays such as safetensors: every number of a scalar model has a
name of its own, and there are few of them, so a file that people can read and compare is worth more
than a small one. A number is written with as many digits as bring it back to the last bit. It takes
about 50 bytes with its name, where an array takes 8.

`Module.save`, `Module.load` and `glassgrad.load`, in `module.py`, are what users call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

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
from glassgrad.engine.text import clipped, describe, some_of
from glassgrad.nn.building import are_alike, build_of, made
from glassgrad.nn.parts import Holder, title

SCHEMA = "glassgrad-model/3"
_LATER_FIELDS = {
    "glassgrad-model/1": ("build", "digest"),
    "glassgrad-model/2": ("digest",),
    SCHEMA: (),
}
"""The schemas that are read, with the fields that they did not have yet."""
_SCHEMA = re.compile(r"glassgrad-model/[1-9][0-9]{0,8}")
_FROZEN = re.compile(r", (\d+ )?frozen(?=\)$)")
_DAMAGED = (
    "is cut off, damaged or was changed: its digest is not that of what it says. Take a copy of "
    "the file, or save the model again."
)
_HEAD = 4096
"""So many bytes tell whether a file may be JSON of an object."""


@dataclass(frozen=True)
class ModelFile:
    """What a model file says; a build of `...` is none."""

    schema: str
    parameters: dict[str, float]
    module: Any = None
    build: Any = ...
    digest: str = ""


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


def place(path: object) -> Path:
    """A path as a user gives it.

    Raises:
        TypeError: it is no path.
        OSError: no file can have this name.
    """
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


def read(path: Path, state: dict[str, float] | None = None) -> ModelFile:
    """What a model file says, if it has a known schema, and no fields but those of it.

    Args:
        path: the file.
        state: the numbers of the model that it is for, if that is known: a file that is far larger
            than one of these is not read to its end.

    Raises:
        ValueError: it is no model file; the message continues a sentence that the name begins.
        OSError: it cannot be read.
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
    if schema not in list(_LATER_FIELDS):
        raise ValueError(_unknown(schema))
    if schema == SCHEMA and not has_seal:
        raise ValueError(_DAMAGED)
    for field in _LATER_FIELDS[schema]:
        if field in data:
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
            f"{some_of(list(_LATER_FIELDS))}. Update glassgrad."
        )
    return f"is no model file: its schema is {quoted(schema)}."


def check_build(module: Holder, state: dict[str, float], found: ModelFile) -> None:
    """Refuse the file of a model that computes something else with its numbers, if that is known.

    Raises:
        ValueError: it is; the message continues a sentence that the name of the file begins.
    """
    if found.build is ...:
        return
    try:
        fresh = made(found.build, max(len(found.parameters), len(state)))
    except ValueError as fault:
        raise ValueError(f"says of its model what cannot be built: {fault}.") from None
    if state.keys() != found.parameters.keys() or build_of(module) is None:
        return  # the names tell it better, or there is nothing to compare
    if are_alike(module, fresh, {"rate"}):  # a rate of chance may be another one
        return
    held, mine = (clipped(_FROZEN.sub("", title(each)), 200) for each in (fresh, module))
    if held == mine:
        raise ValueError(f"does not fit: it holds {held} with other settings than the model has.")
    raise ValueError(f"does not fit: it holds {held}, and the model is {mine}.")


def build(found: ModelFile) -> Any:
    """The module that a file holds, with its numbers.

    Raises:
        ValueError: the file does not say how it is built, or not so that its numbers fit; the
            message continues a sentence that its name begins.
    """
    if found.build is ...:
        raise ValueError(
            "does not say how its model is built, as of version 1 of the schema, or of a model "
            "with classes or functions of your own, changed after it was made, or with modules "
            "inside more than 40 others. Build the model, and call its .load(path)."
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
