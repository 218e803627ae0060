"""What goes into files and how: whole or not at all, as JSON that every reader accepts, sealed.

What comes out of them may be by any hand: `parsed` reads the JSON of a file, strictly, and `decode`
makes of it what a type says. Both refuse with a sentence, and run nothing.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from hashlib import sha256
from itertools import accumulate
from math import inf, isfinite, isinf, nan
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NoReturn, Union, cast, get_args, get_origin, get_type_hints

from glassgrad.engine.text import clipped, describe, some_of

NO_JSON_NUMBERS = {"nan": nan, "inf": inf, "-inf": -inf}
"""What `json_text` writes for numbers that JSON does not have, and what it is read as."""

_DEEPEST = 200
"""Brackets inside brackets. Far more could be nested deeper than the stack of the interpreter."""
_BRACKET = re.compile(r"[\[\]{}]")
_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_NO_DIGEST = "0" * 64
_SEAL = re.compile(rb'"digest": "([0-9a-f]{64})"\n?}\n\Z')
"""The end of a file that has a digest: that, and nothing which could be another way."""


def write_file(path: str | Path, content: bytes, *, durable: bool = False) -> Path:
    """Write a whole file, by way of a temporary file beside it.

    An interruption leaves the old file or the new one, never a half; where `durable`, which takes
    longer, a failure of power does too. A file that is replaced keeps its permissions, and a link
    goes on leading to it. It raises an OSError for what `plain_file` refuses, and for a folder
    that is not there or cannot be written to.
    """
    path = plain_file(path)
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        folder = target.parent if path.is_symlink() else path.parent
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(folder))
    try:
        _replace(target, content, durable)
    except OSError as fault:
        if fault.errno is None:
            raise
        # It names the file that was asked for, not the temporary one.
        raise OSError(fault.errno, fault.strerror, str(path)) from fault
    return path


def _replace(target: Path, content: bytes, durable: bool) -> None:
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".glassgrad-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        mask = os.umask(0o022)  # it can be read only by setting it
        os.umask(mask)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~mask
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def plain_file(path: str | Path) -> Path:
    """The path, if a plain file is there, also behind links, or nothing yet.

    Else it raises an OSError: to open a pipe would wait for its other end, and to put a file in
    its place would end it.
    """
    path = possible(path)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return path
    if stat.S_ISREG(mode):
        return path
    what = "a folder" if stat.S_ISDIR(mode) else "a pipe, a device or a socket"
    code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
    raise OSError(code, f"this is {what}, not a plain file; choose another name", str(path))


def possible(path: str | Path) -> Path:
    """The path; a TypeError if it is none, an OSError if no file can have this name."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"A file has a path, a str or a Path, not {describe(path)}.")
    path = Path(path)
    try:
        if b"\0" not in os.fsencode(path):
            return path
    except UnicodeEncodeError:
        pass
    raise OSError(errno.EINVAL, "no file can have this name", str(path))


def json_text(data: Any, indent: int | None = None, *, escaped: bool = True) -> str:
    """Data as JSON. Numbers that JSON does not have become the texts "nan", "inf" and "-inf", and
    halves of surrogate pairs, which are no characters, question marks.
    """
    return json.dumps(_acceptable(data), indent=indent, ensure_ascii=escaped, allow_nan=False)


def sealed(data: dict[str, Any], indent: int | None = None, *, escaped: bool = True) -> bytes:
    """Data as the JSON of a file, whose last field is the SHA-256 digest of all before it."""
    text = json_text({**data, "digest": _NO_DIGEST}, indent, escaped=escaped) + "\n"
    content, end = text.encode(), text[text.rindex(_NO_DIGEST) + 64 :].encode()
    content = content[: -64 - len(end)]
    return content + sha256(content).hexdigest().encode() + end


def seal(content: bytes) -> bool | None:
    """Whether a file is what `sealed` made, to the last bit; None if it ends with no digest."""
    content = content.replace(b"\r\n", b"\n")  # as other programs end lines on Windows
    found = _SEAL.search(content, max(0, len(content) - 100))
    if found is None:
        return None
    return sha256(content[: found.start(1)]).hexdigest().encode() == found[1]


def _acceptable(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _acceptable(value) for key, value in data.items()}
    if isinstance(data, list):
        if set(map(type, data)) == {float} and isfinite(sum(data)):  # a long row, nothing to change
            return data
        return [_acceptable(value) for value in data]
    if isinstance(data, str):
        return data.encode(errors="replace").decode()
    return str(data) if isinstance(data, float) and not isfinite(data) else data


def parsed(content: bytes) -> Any:
    """The data of a JSON file by any hand: no name twice, no number that is no float, not too deep.

    A ValueError says what "it" is else, without a full stop.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8") from None
    steps = (1 if bracket in "[{" else -1 for bracket in _BRACKET.findall(_TEXT.sub("", text)))
    if any(depth > _DEEPEST for depth in accumulate(steps)):
        raise ValueError(f"it has more than {_DEEPEST} lists or objects inside one another")
    try:
        return json.loads(
            text,
            parse_int=_parsed_int,
            parse_float=_parsed_float,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as fault:
        place = f"line {fault.lineno}, column {fault.colno}"
        raise ValueError(f"it has no JSON at {place}") from None


def _parsed_float(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError(f"it has a number with no float near it: {clipped(text)}")
    return number


def _parsed_int(digits: str) -> float:
    nearest = _parsed_float(digits)
    return nearest if digits == "-0" else int(digits)


def _refuse_constant(token: str) -> NoReturn:
    raise ValueError(f"it has {token}, which is not JSON, instead of a text of it")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, entry in pairs:
        if name in found:
            raise ValueError(f"it has {quoted(name)} twice")
        found[name] = entry
    return found


def quoted(thing: object) -> str:
    """A part of a file as JSON has it, in ASCII; of what JSON cannot say, what it is."""
    try:
        return clipped(json.dumps(thing))
    except (TypeError, ValueError, RecursionError):
        return describe(thing)


def decode(kind: Any, data: Any, what: str = "it") -> Any:
    """What a type says, made of data that JSON can hold; the counterpart of `json_text`.

    The type is a dataclass, a dict of types by their names, float, int, str, bool, `Any`,
    `... | None`, or a list, a tuple or a dict of such. A field with a default may be left out.
    `what` is the name of the data, for the ValueError that says which part of it is wrong.

    >>> decode(dict[str, list[float]], {"loss": [1, "x"]}, "columns")
    Traceback (most recent call last):
    ValueError: columns["loss"][1] is "x", and not a number
    """
    if type(data) is kind and kind in _IN_WORDS:
        return data
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return data
    if origin in (Union, UnionType):
        (other,) = (each for each in inner if each is not NoneType)
        return None if data is None else decode(other, data, what)
    if is_dataclass(kind):
        defaults = {each.name: (each.default, each.default_factory) for each in fields(kind)}
        needed = {name for name, given in defaults.items() if given == (MISSING, MISSING)}
        found = _fields(get_type_hints(kind), needed, data, what)
        return cast(Any, kind)(**found)
    if isinstance(kind, dict):
        return _fields(kind, set(kind), data, what)
    if kind is float:
        if isinstance(data, float) or (type(data) is int and abs(data) <= sys.float_info.max):
            return float(data)
        if isinstance(data, str) and data in NO_JSON_NUMBERS:
            return NO_JSON_NUMBERS[data]
    if origin is dict and isinstance(data, Mapping):
        return {
            _key(inner[0], key, what): decode(inner[1], entry, f"{what}[{quoted(key)}]")
            for key, entry in data.items()
        }
    if origin in (list, tuple) and isinstance(data, (list, tuple)):
        if inner[0] is float and {*map(type, data)} == {float}:  # a long row, nothing to change
            return origin(data)
        return origin(decode(inner[0], x, f"{what}[{i}]") for i, x in enumerate(data))
    raise _wrong(what, data, _IN_WORDS[origin or kind])


_IN_WORDS: dict[Any, str] = {
    **{bool: "true or false", int: "a whole number", float: "a number", str: "a text"},
    **{list: "a list", tuple: "a list", dict: "an object"},
}


def _fields(known: Mapping[str, Any], needed: set[str], data: Any, what: str) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise _wrong(what, data, "an object")
    if unknown := [quoted(name) for name in data if name not in known]:
        raise ValueError(f"{what} has a field {some_of(unknown)}, which is unknown here")
    if missing := [quoted(name) for name in known if name in needed and name not in data]:
        raise ValueError(f"{what} lacks {some_of(missing)}")
    inside = "its " if what == "it" else f"{what}."
    return {name: decode(known[name], data[name], inside + name) for name in data}


def _key(kind: type, key: object, what: str) -> Any:
    if isinstance(key, str) and (kind is str or (kind is int and key.isdecimal())):
        return kind(key)
    raise ValueError(f"{what} has {quoted(key)} in the place of {_IN_WORDS[kind]}")


def _wrong(what: str, data: object, wanted: str) -> ValueError:
    return ValueError(f"{what} is {quoted(data)}, and not {wanted}")
