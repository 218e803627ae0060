"""Which line of your source made a node, and what belongs to this library and what to you.

A node keeps the code object and the instruction that made it: those of the innermost caller
outside this library and numpy. `SourceLine` reads them when somebody asks.
"""

from __future__ import annotations

import linecache
import os
from types import CodeType, FrameType
from typing import Any

import numpy as np

from glassgrad.engine.context import Context

Made = tuple[CodeType | None, int]
"""A code object and the index of an instruction in it; None where no line is known."""


class SourceLine:
    """A line of a source file.

    >>> from glassgrad import SourceLine
    >>> print(SourceLine("neuron.py", 12))
    neuron.py, line 12
    """

    __slots__ = ("file", "number")

    def __init__(self, file: str, number: int) -> None:
        self.file = file
        self.number = number

    @property
    def text(self) -> str:
        """The line itself, without indentation; empty if the source cannot be read."""
        return linecache.getline(self.file, self.number).strip()

    def __str__(self) -> str:
        return f"{self.file}, line {self.number}"


def line_of(code: CodeType | None, instruction: int) -> SourceLine | None:
    """The line that an instruction stands in."""
    if code is None:
        return None
    for start, end, number in code.co_lines():
        if start <= instruction < end and number is not None:
            return SourceLine(code.co_filename, number)
    return SourceLine(code.co_filename, code.co_firstlineno)


def place(line: SourceLine | None) -> str:
    """A line for an error message."""
    return "outside of all your files" if line is None else f"at {line}"


class _Latest:
    """The code of the user's that made the last node: nearly always that of the next one too."""

    code: CodeType | None = None


latest = _Latest()


def made_by(frame: FrameType | None, context: Context) -> Made:
    """What made a node: the innermost frame that is the user's, from `frame` outwards."""
    while frame is not None:
        code = frame.f_code
        owner = _owners[code.co_filename]
        if owner is USER:
            latest.code = code
            return code, frame.f_lasti
        if owner is not ENGINE:
            caller = context.caller if owner is LIBRARY else None
            return caller or _first_of_user(frame)
        frame = frame.f_back
    return None, -1


def _first_of_user(frame: FrameType | None) -> Made:
    while frame is not None:
        if _owners[frame.f_code.co_filename] is USER:
            return frame.f_code, frame.f_lasti
        frame = frame.f_back
    return None, -1


NAME = __name__.partition(".")[0]
"""The name of this library, under which its rooms are packages."""


def is_ours(thing: Any) -> bool:
    """Whether a class or a function is of this library, or a module by its name.

    >>> from glassgrad.engine.provenance import is_ours
    >>> is_ours(is_ours), is_ours(len), is_ours("glassgrad.nn")
    (True, False, True)
    """
    module = thing if isinstance(thing, str) else getattr(thing, "__module__", None)
    return str(module).partition(".")[0] == NAME


def package_of(thing: Any) -> str:
    """The package that a class or a function names as its home; of this library, the room.

    >>> from glassgrad.engine.provenance import package_of
    >>> package_of(package_of), package_of(len)
    ('glassgrad.engine', 'builtins')
    """
    parts = str(getattr(thing, "__module__", None) or "").split(".")
    return ".".join(parts[: 2 if is_ours(thing) else 1])


ENGINE, LIBRARY, FOREIGN, USER = "the engine", "a library on it", "numpy", "the user"
_engine_folder = os.path.dirname(__file__) + os.sep
_library_folders: list[str] = []
_numpy_folder = os.path.dirname(np.__file__) + os.sep


class _Owners(dict[str, str]):
    """To whom a source file belongs, remembered by its name."""

    def __missing__(self, file: str) -> str:
        if file.startswith(_engine_folder):
            owner = ENGINE
        elif file.startswith(_numpy_folder):
            owner = FOREIGN
        else:
            owner = LIBRARY if file.startswith(tuple(_library_folders)) else USER
        self[file] = owner
        return owner


_owners = _Owners()


def is_of_library(code: CodeType) -> bool:
    """Whether code belongs to a package that `hide_lines_of` named."""
    return _owners[code.co_filename] is LIBRARY


def is_of_user(code: CodeType) -> bool:
    """Whether code belongs to neither the engine, nor such a package, nor numpy."""
    return _owners[code.co_filename] is USER


def hide_lines_of(file: str) -> None:
    """Name callers of the package with this `__init__` file, not its own lines, as origins.

    A library built on the engine calls it once, in its `__init__.py`, with `__file__`.

    >>> from glassgrad import hide_lines_of
    >>> hide_lines_of("/somewhere/library/__init__.py")
    """
    _library_folders.append(os.path.dirname(file) + os.sep)
    _owners.clear()
