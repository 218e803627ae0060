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
"""

from __future__ import annotations

import json
import re
from math import isinf
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from glassgrad.engine.files import (
    NO_JSON_NUMBERS,
    plain_file,
    possible,
    seal,
    sealed,
    write_file,
)
from glassgrad.engine.text import clipped, describe, some_of
from glassgrad.nn.building import Whole, build_of, compute_alike, made
from glassgrad.nn.module import title

if TYPE_CHECKING:
    from glassgrad.nn.module import Module


SCHEMA = "glassgrad-model/3"
_SCHEMAS = {
    "glassgrad-model/1": ("schema", "module", "parameters"),
    "glassgrad-model/2": ("schema", "module", "build", "parameters"),
    SCHEMA: ("schema", "module", "build", "parameters", "digest"),
}
"""Those that are read, with their fields."""

_LATER = re.compile(r"glassgrad-model/[1-9][0-9]{0,8}")
_BRACKET = re.compile(r"[\[\]{}]")
_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_DAMAGED = (
    "is cut off, damaged or was changed: its digest is not that of what it says. Take a copy of "
    "the file, or save the model again."
)
_HEAD = 4096
"""So many bytes tell whether a file may be JSON of an object."""
_DEEPEST = 200
"""Brackets inside brackets. Far more could be nested deeper than the stack of the interpreter."""


def save(module: Module, path: str | Path) -> Path:
    """Write the numbers of a module to a file; see `Module.save`."""
    return write_file(_place(path), _content(module), durable=True)


def fill(module: Module, path: str | Path) -> None:
    """Give a module the numbers from a file; see `Module.load`."""
    path = _place(path)
    longest = 2**20 + 16 * len(json.dumps(module.state_dict()))
    try:
        data = _checked(_read(path, longest))
        state = _state(data)
        if "build" in data:
            _check_build(module, data["build"], state)
    except ValueError as fault:
        raise ValueError(f"{clipped(path.name)} {fault} The model is unchanged.") from None
    try:
        module.load_state_dict(state)
    except ValueError as fault:
        raise ValueError(f"{clipped(path.name)} does not fit: {fault}") from None


def load(path: str | Path) -> Module:
    """The model that a file holds, built anew from classes of `nn`. Runs nothing of the file.

    Nothing that is larger than the file says, in numbers, is ever begun.

    Args:
        path: a file that `model.save` wrote.

    Returns:
        The model, which is being trained as any new one; `eval()` says that it is in use.

    Raises:
        ValueError: the file is damaged or no model file, or it does not say how the model is
            built: a class or function of your own is in it, it was changed after it was made, or a
            module is inside more than 40 others. Then build the model, and call its `load`. The
            message begins with the file's name.
        TypeError: the path is no path.
        OSError: the file cannot be read.

    >>> import tempfile
    >>> from glassgrad import MLP
    >>> from glassgrad.nn.saving import load
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load(MLP(2, [3, 1], activation="relu").save(f"{folder}/model.json"))
    MLP(2 → 3 → 1, relu, 13 parameters)
    """
    path = _place(path)
    try:
        data = _checked(_read(path, None))
        state = _state(data)
        if "build" not in data:
            raise ValueError(
                "does not say how its model is built, as of version 1 of the schema, or of a "
                "model with classes or functions of your own, changed after it was made, or with "
                "modules inside more than 40 others. "
                "Build the model, and call its .load(path)."
            )
        model = _made(data["build"], state)
    except ValueError as fault:
        raise ValueError(f"{clipped(path.name)} {fault}") from None
    return model


def _place(path: object) -> Path:
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"A model file has a path, a str or a Path, not {describe(path)}.")
    return possible(Path(path))


def _check_build(module: Module, build: object, state: dict[str, float]) -> None:
    """Refuse the numbers of a model that computes something else with them, if that is known."""
    names = module.state_dict().keys()
    try:
        fresh = made(build, max(len(state), len(names)))
    except ValueError as fault:
        raise ValueError(f"says of its model what cannot be built: {fault}.") from None
    if names != state.keys() or build_of(module) is None:
        return  # the names tell it better, or there is nothing to compare
    if compute_alike(module, fresh):
        return
    held, mine = (clipped(title(each), 200) for each in (fresh, module))
    if held == mine:
        raise ValueError(f"does not fit: it holds {held} with other settings than the model has.")
    raise ValueError(f"does not fit: it holds {held}, and the model is {mine}.")


def _made(build: object, state: dict[str, float]) -> Module:
    try:
        model = made(build, len(state))
    except ValueError as fault:
        raise ValueError(f"cannot be built: {fault}.") from None
    try:
        model.load_state_dict(state)
    except ValueError as fault:
        raise ValueError(f"does not fit what it says of its model: {fault}") from None
    return model


def _content(module: Module) -> bytes:
    build = build_of(module)
    data = {
        "schema": SCHEMA,
        "module": repr(module).split("\n"),
        **({} if build is None else {"build": build}),
        "parameters": module.state_dict(),
    }
    try:
        return sealed(data, indent=1, escaped=False)
    except UnicodeEncodeError as fault:
        raise ValueError(
            f"A parameter cannot be saved while half of a surrogate pair is in its name: "
            f"{_quoted(fault.object[fault.start : fault.end])}."
        ) from None


def _read(path: Path, longest: int | None) -> bytes:
    """The bytes of a file, and no more of them than tell that there are too many, if any are."""
    with open(plain_file(path), "rb") as file:
        content = file.read(_HEAD)
        if len(content) == _HEAD and not content.lstrip().startswith(b"{"):
            return content  # no model, however long it is
        content += file.read(-1 if longest is None else max(longest + 1 - len(content), 0))
    if longest is not None and len(content) > longest:
        raise ValueError("is far larger than any file of this model.")
    return content


def _checked(content: bytes) -> dict[str, Any]:
    """What a file says, if it has a known schema, and no fields but those of it.

    Raises:
        ValueError: it is no model file; the message continues a sentence that the name begins.
    """
    has_seal = seal(content)
    if has_seal is False:
        raise ValueError(_DAMAGED)
    data = _parsed(content)
    if not isinstance(data, dict) or "schema" not in data:
        raise ValueError(f"is no model file: it does not name the schema {SCHEMA}.")
    schema = data["schema"]
    if isinstance(schema, str) and _LATER.fullmatch(schema) and schema not in _SCHEMAS:
        raise ValueError(
            f"was written by a newer glassgrad: its schema is {_quoted(schema)}, and this one "
            f"reads {some_of(list(_SCHEMAS))}. Update glassgrad."
        )
    if not isinstance(schema, str) or schema not in _SCHEMAS:
        raise ValueError(f"is no model file: its schema is {_quoted(schema)}.")
    for field in data:
        if field not in _SCHEMAS[schema]:
            raise ValueError(f"is no model file: it has a field {_quoted(field)}.")
    if schema == SCHEMA and not has_seal:
        raise ValueError(_DAMAGED)
    return data


def _state(data: dict[str, Any]) -> dict[str, float]:
    """The numbers by name."""
    parameters = data.get("parameters")
    if not isinstance(parameters, dict):
        raise ValueError("is no model file: it has no field of parameters with names.")
    return {name: _number(name, entry) for name, entry in parameters.items()}


def _parsed(content: bytes) -> Any:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError("is no model file: it is no text in UTF-8.") from None
    if _depth(_TEXT.sub("", text)) > _DEEPEST:
        raise ValueError(
            f"is no model file: it has more than {_DEEPEST} lists or objects inside one another."
        )
    try:
        return json.loads(
            text,
            parse_int=lambda digits: Whole(_float(digits)),
            parse_float=_float,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as fault:
        place = f"line {fault.lineno}, column {fault.colno}"
        raise ValueError(f"is cut off, damaged or no model file: no JSON at {place}.") from None


def _depth(text: str) -> int:
    """How many brackets are open at once, at most so many as are told from more."""
    deepest = depth = 0
    for bracket in _BRACKET.finditer(text):
        depth += 1 if bracket[0] in "[{" else -1
        deepest = max(deepest, depth)
        if deepest > _DEEPEST:
            break
    return deepest


def _float(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError(f"has a number with no float near it: {clipped(text)}.")
    return number


def _refuse_constant(token: str) -> NoReturn:
    raise ValueError(f"has {token}, which is not JSON; a model file has it as a text.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, entry in pairs:
        if name in found:
            raise ValueError(f"has {_quoted(name)} twice.")
        found[name] = entry
    return found


def _number(name: str, entry: object) -> float:
    if isinstance(entry, float):
        return float(entry)
    if isinstance(entry, str) and entry in NO_JSON_NUMBERS:
        return NO_JSON_NUMBERS[entry]
    raise ValueError(f"has {_quoted(entry)} for {_quoted(name)}, which is no number.")


def _quoted(thing: object) -> str:
    """A part of a file as JSON has it, in ASCII."""
    return clipped(json.dumps(thing))
