"""What goes into files and how: whole files or none, and JSON that every reader accepts."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from math import isfinite
from pathlib import Path
from typing import Any


def write_file(path: str | Path, content: bytes) -> Path:
    """Write a whole file, by way of a temporary file beside it.

    An interruption leaves the old file or the new one, never a half. A file that is replaced keeps
    its permissions, and a link goes on leading to it.

    Raises:
        OSError: the folder does not exist or cannot be written to, or no file has such a name.
    """
    path = possible(path)
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".glassgrad-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        is_new = not target.exists()
        os.chmod(temporary, 0o666 & ~_umask() if is_new else target.stat().st_mode & 0o777)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def possible(path: str | Path) -> Path:
    """The path, if a file can have it.

    Raises:
        OSError: it holds a character that is in no name of a file.
    """
    path = Path(path)
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        raise OSError(errno.EINVAL, "no file can have this name", str(path))
    return path


def _umask() -> int:
    """The process's mask for new files, which can be read only by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def json_text(data: Any, indent: int | None = None, *, escaped: bool = True) -> str:
    """Data as JSON. Numbers that JSON does not have become the texts "nan", "inf" and "-inf".

    Halves of surrogate pairs, which are no characters, become question marks. What is not ASCII is
    escaped, unless that is declined.

    >>> json_text({"x": [1.0, float("inf")]})
    '{"x": [1.0, "inf"]}'
    """
    return json.dumps(_acceptable(data), indent=indent, ensure_ascii=escaped, allow_nan=False)


def _acceptable(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _acceptable(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_acceptable(value) for value in data]
    if isinstance(data, str):
        return data.encode(errors="replace").decode()
    return str(data) if isinstance(data, float) and not isfinite(data) else data
