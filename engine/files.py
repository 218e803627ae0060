"""What goes into files and how: whole or not at all, as JSON that every reader accepts, sealed."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import tempfile
from contextlib import suppress
from hashlib import sha256
from math import inf, isfinite, nan
from pathlib import Path
from typing import Any

NO_JSON_NUMBERS = {"nan": nan, "inf": inf, "-inf": -inf}
"""What `json_text` writes for numbers that JSON does not have, and what it is read as."""

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
