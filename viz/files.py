"""Writing files so that an interruption leaves the old file or the new one, never a half."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_file(path: str | Path, content: bytes) -> Path:
    """Write a whole file, by way of a temporary file beside it.

    Raises:
        OSError: the folder does not exist or cannot be written to.
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
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
