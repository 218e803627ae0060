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

    An interruption leaves the old file or the new one, never a half.

    Raises:
        OSError: the folder does not exist or cannot be written to.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".glassgrad-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path


def _umask() -> int:
    """The process's mask for new files, which can be read only by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def json_text(data: Any, indent: int | None = None) -> str:
    """Data as JSON. Numbers that JSON does not have become the texts "nan", "inf" and "-inf".

    >>> json_text({"x": [1.0, float("inf")]})
    '{"x": [1.0, "inf"]}'
    """
    return json.dumps(_without_special_numbers(data), indent=indent, allow_nan=False)


def _without_special_numbers(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without_special_numbers(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_without_special_numbers(value) for value in data]
    return str(data) if isinstance(data, float) and not isfinite(data) else data
