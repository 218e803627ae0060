"""The name of a file that a drawing, steps or a program is saved under."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from glassgrad.engine.text import describe, told


def checked_name(path: Any, formats: Sequence[str], what: str, example: str) -> tuple[Path, str]:
    """The name as a path, and the format that its ending asks for.

    Args:
        path: what was given to `save`.
        formats: the endings there are, the usual one first.
        what: what is saved, for the error: "A drawing is".
        example: a good stem of a name, such as "graph".

    Raises:
        TypeError: it is not the name of a file.
        ValueError: another ending.

    >>> checked_name("c.SVG", ("svg", "png"), "A drawing is", "graph")[1]
    'svg'
    """
    if not isinstance(path, (str, PathLike)):
        problem = f"save takes the name of a file, not {describe(path)}."
        raise TypeError(f"{problem} Write save('{example}.{formats[0]}').")
    path = Path(path)
    kind = path.suffix.lower().lstrip(".")
    if kind not in formats:
        endings = ", ".join(f".{known}" for known in formats)
        better = f"{path.stem.strip('.') or example}.{formats[0]}"
        raise ValueError(
            f"{what} saved under a name that ends in {endings}, not as "
            f"{told(path.name)}. Write {told(better)}."
        )
    return path, kind
