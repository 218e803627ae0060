"""Model files: the numbers of a module as JSON, written whole or not at all.

    {
     "schema": "glassgrad-model/1",
     "module": [
      "Neuron(1, tanh, 2 parameters)"
     ],
     "parameters": {
      "w.0": 0.25,
      "b": "nan"
     }
    }

"module" is how the module shows itself, for people; nothing reads it. Reading runs nothing, and
takes a file that says exactly this or none of it. Next: `module.py`.
"""

from __future__ import annotations

import errno
import json
import re
from math import inf, isinf, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from engine.files import json_text, possible, write_file
from engine.text import clipped

if TYPE_CHECKING:
    from nn.module import Module

SCHEMA = "glassgrad-model/1"

_NO_JSON_NUMBERS = {"nan": nan, "inf": inf, "-inf": -inf}
_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_MOST_BRACKETS = 100
"""A model file has three. Far more could be nested deeper than the stack of the interpreter."""


def save(module: Module, path: str | Path) -> Path:
    """Write the numbers of a module to a file; see `Module.save`."""
    return write_file(path, _content(module))


def load(module: Module, path: str | Path) -> None:
    """Give a module the numbers from a file; see `Module.load`."""
    path = possible(path)
    longest = 2**20 + 16 * len(json.dumps(module.state_dict()))
    try:
        state = _state(_read(path, longest))
    except ValueError as fault:
        raise ValueError(f"{clipped(path.name)} {fault} The model is unchanged.") from None
    try:
        module.load_state_dict(state)
    except ValueError as fault:
        raise ValueError(f"{clipped(path.name)} does not fit: {fault}") from None


def _content(module: Module) -> bytes:
    data = {
        "schema": SCHEMA,
        "module": repr(module).split("\n"),
        "parameters": module.state_dict(),
    }
    try:
        return json_text(data, indent=1, escaped=False).encode() + b"\n"
    except UnicodeEncodeError as fault:
        raise ValueError(
            f"A parameter cannot be saved while half of a surrogate pair is in its name: "
            f"{_quoted(fault.object[fault.start : fault.end])}."
        ) from None


def _read(path: Path, longest: int) -> bytes:
    """The bytes of a file, and no more of them than tell that there are too many."""
    if path.exists() and not path.is_file():  # to open a pipe would wait for its other end
        code = errno.EISDIR if path.is_dir() else errno.EINVAL
        raise OSError(code, "a model is read from a file, and this is none", str(path))
    with open(path, "rb") as file:
        content = file.read(longest + 1)
    if len(content) > longest:
        raise ValueError("is far larger than any file of this model.")
    return content


def _state(content: bytes) -> dict[str, float]:
    """The numbers by name.

    Raises:
        ValueError: it is no model file; the message continues a sentence that the name begins.
    """
    data = _parsed(content)
    if not isinstance(data, dict) or "schema" not in data:
        raise ValueError(f"is no model file: it does not name the schema {SCHEMA}.")
    if data["schema"] != SCHEMA:
        raise ValueError(f"is no model file: its schema is {_quoted(data['schema'])}.")
    for field in data:
        if field not in ("schema", "module", "parameters"):
            raise ValueError(f"is no model file: it has a field {_quoted(field)}.")
    parameters = data.get("parameters")
    if not isinstance(parameters, dict):
        raise ValueError("is no model file: it has no field of parameters with names.")
    return {name: _number(name, entry) for name, entry in parameters.items()}


def _parsed(content: bytes) -> Any:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError("is no model file: it is no text in UTF-8.") from None
    if len(re.findall(r"[\[{]", _TEXT.sub("", text))) > _MOST_BRACKETS:
        raise ValueError("is no model file: it has lists or objects inside one another.")
    try:
        return json.loads(
            text,
            parse_int=_float,
            parse_float=_float,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as fault:
        place = f"line {fault.lineno}, column {fault.colno}"
        raise ValueError(f"is cut off, damaged or no model file: no JSON at {place}.") from None


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
        return entry
    if isinstance(entry, str) and entry in _NO_JSON_NUMBERS:
        return _NO_JSON_NUMBERS[entry]
    raise ValueError(f"has {_quoted(entry)} for {_quoted(name)}, which is no number.")


def _quoted(thing: object) -> str:
    """A part of a file as JSON has it, in ASCII."""
    return clipped(json.dumps(thing))
