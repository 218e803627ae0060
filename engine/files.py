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
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from hashlib import sha256
from math import inf, isfinite, isinf, nan
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

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
    goes on leading to it. What is no plain file is never replaced.

    Raises:
        OSError: the folder does not exist or cannot be written to, no file has such a name, or
            what has it is no plain file.
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
        is_new = not target.exists()
        os.chmod(temporary, 0o666 & ~_umask() if is_new else target.stat().st_mode & 0o777)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if durable:
        _sync_names_in(target.parent)


def _sync_names_in(folder: Path) -> None:
    with suppress(OSError):  # not every system can open a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    mask = os.umask(0o022)  # it can be read only by setting it
    os.umask(mask)
    return mask


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def plain_file(path: str | Path) -> Path:
    """The path, if a plain file is there, also behind links, or nothing yet.

    To open a pipe would wait for its other end; to put a file in its place would end it.

    Raises:
        OSError: a folder, a pipe, a device or a socket is there, or no file can have this name.
    """
    path = possible(path)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return path
    if not stat.S_ISREG(mode):
        code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise OSError(code, f"this is {kind}, not a plain file; choose another name", str(path))
    return path


def possible(path: str | Path) -> Path:
    """The path; an OSError if it holds a character that is in no name of a file."""
    path = Path(path)
    with suppress(UnicodeEncodeError):
        if b"\0" not in os.fsencode(path):
            return path
    raise OSError(errno.EINVAL, "no file can have this name", str(path))


def json_text(data: Any, indent: int | None = None, *, escaped: bool = True) -> str:
    """Data as JSON. Numbers that JSON does not have become the texts "nan", "inf" and "-inf".

    Halves of surrogate pairs, which are no characters, become question marks. What is not ASCII is
    escaped, unless that is declined.

    >>> json_text({"x": [1.0, float("inf")]})
    '{"x": [1.0, "inf"]}'
    """
    return json.dumps(_acceptable(data), indent=indent, ensure_ascii=escaped, allow_nan=False)


def sealed(data: dict[str, Any], indent: int | None = None, *, escaped: bool = True) -> bytes:
    """Data as the JSON of a file, whose last field is the SHA-256 digest of all before it.

    >>> sealed({"x": 1.0})[:42]
    b'{"x": 1.0, "digest": "cfaa9199ae8abbbdb896'
    """
    text = json_text({**data, "digest": _NO_DIGEST}, indent, escaped=escaped) + "\n"
    content, end = text.encode(), text[text.rindex(_NO_DIGEST) + 64 :].encode()
    content = content[: -64 - len(end)]
    return content + sha256(content).hexdigest().encode() + end


def seal(content: bytes) -> bool | None:
    """Whether a file is what `sealed` made, to the last bit; None if it ends with no digest.

    Lines may end as on Windows, where other programs see to that.

    >>> content = sealed({"x": 1.0})
    >>> seal(content), seal(content.replace(b"1", b"3", 1)), seal(b'{"x": 1.0}')
    (True, False, None)
    """
    content = content.replace(b"\r\n", b"\n")
    found = _SEAL.search(content, max(0, len(content) - 100))
    return (
        None
        if found is None
        else sha256(content[: found.start(1)]).hexdigest().encode() == found[1]
    )


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

    Raises:
        ValueError: it is something else; the message says what "it" is, without a full stop.

    >>> parsed(b'{"x": [1, -0]}')
    {'x': [1, -0.0]}
    >>> parsed(b'{"x": 1, "x": 2}')
    Traceback (most recent call last):
    ValueError: it has "x" twice
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8") from None
    if _is_too_deep(text):
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


def _is_too_deep(text: str) -> bool:
    depth = 0
    for bracket in _BRACKET.finditer(_TEXT.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > _DEEPEST:
            return True
    return False


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

    Args:
        kind: a dataclass, a dict of types by their names, float, int, str, bool, `Any`,
            `... | None`, or a list, a tuple or a dict of such. A field with a default may be left
            out.
        data: what a file holds, or what a reader of other files made.
        what: the name of the data, to say which part of it is wrong.

    Raises:
        ValueError: something else is there; the message has no full stop.

    >>> decode(dict[str, list[float]], {"loss": [1, "inf"]}, "columns")
    {'loss': [1.0, inf]}
    >>> decode(dict[str, list[float]], {"loss": [1, "x"]}, "columns")
    Traceback (most recent call last):
    ValueError: columns["loss"][1] is "x", and not a number
    """
    return _decoded(kind, data, (what,))


_Path = tuple[str | int | tuple[object], ...]
"""To a part of data: the name of the whole, then fields, places in lists, and keys in brackets."""


def _decoded(kind: Any, data: Any, path: _Path) -> Any:
    if type(data) is kind and kind in _IN_WORDS:
        return data
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return data
    if origin in (Union, UnionType):
        (other,) = (each for each in inner if each is not NoneType)
        return None if data is None else _decoded(other, data, path)
    if is_dataclass(kind) or isinstance(kind, dict):
        return _record(kind, data, path)
    if kind is float:
        return _number(data, path)
    if origin is dict and isinstance(data, Mapping):
        of_key, of_entry = inner
        return {
            _key(of_key, key, path): _decoded(of_entry, entry, (*path, (key,)))
            for key, entry in data.items()
        }
    if origin in (list, tuple) and isinstance(data, (list, tuple)):
        if inner[0] is float and {*map(type, data)} == {float}:  # a long row, nothing to change
            return origin(data)
        return origin(_decoded(inner[0], entry, (*path, i)) for i, entry in enumerate(data))
    raise _wrong(path, data, _IN_WORDS[origin or kind])


_IN_WORDS: dict[Any, str] = {
    **{bool: "true or false", int: "a whole number", float: "a number", str: "a text"},
    **{list: "a list", tuple: "a list", dict: "an object"},
}


def _record(kind: Any, data: Any, path: _Path) -> Any:
    if not isinstance(data, Mapping):
        raise _wrong(path, data, "an object")
    if isinstance(kind, dict):
        return _fields(kind, list(kind), data, path)
    needed = [
        field.name
        for field in fields(kind)
        if field.default is MISSING and field.default_factory is MISSING
    ]
    types = get_type_hints(kind)
    known = {field.name: types[field.name] for field in fields(kind)}
    return kind(**_fields(known, needed, data, path))


def _fields(
    known: Mapping[str, Any], needed: list[str], data: Mapping[str, Any], path: _Path
) -> dict[str, Any]:
    if unknown := [quoted(name) for name in data if name not in known]:
        raise ValueError(f"{_where(path)} has a field {some_of(unknown)}, which is unknown here")
    if missing := [quoted(name) for name in needed if name not in data]:
        raise ValueError(f"{_where(path)} lacks {some_of(missing)}")
    return {name: _decoded(known[name], data[name], (*path, name)) for name in data}


def _number(data: Any, path: _Path) -> float:
    if isinstance(data, float) or (type(data) is int and abs(data) <= sys.float_info.max):
        return float(data)
    if isinstance(data, str) and data in NO_JSON_NUMBERS:
        return NO_JSON_NUMBERS[data]
    raise _wrong(path, data, "a number")


def _key(kind: type, key: object, path: _Path) -> Any:
    if isinstance(key, str) and (kind is str or (kind is int and key.isdecimal())):
        return kind(key)
    raise ValueError(f"{_where(path)} has {quoted(key)} in the place of {_IN_WORDS[kind]}")


def _wrong(path: _Path, data: object, wanted: str) -> ValueError:
    return ValueError(f"{_where(path)} is {quoted(data)}, and not {wanted}")


def _where(path: _Path) -> str:
    """A path in words: `its columns["loss"][3]`."""
    text, *others = path
    for part in others:
        if isinstance(part, str):
            text = f"its {part}" if text == "it" else f"{text}.{part}"
        else:
            text = f"{text}[{part if isinstance(part, int) else quoted(*part)}]"
    return str(text)
