"""Which line of your source made a node, and what belongs to this library and what to you.

A node keeps the code object and the instruction that made it: those of the innermost caller
outside this library and numpy. They become a `SourceLine` when somebody asks.
"""

from __future__ import annotations

import linecache
import os
import sys
from functools import cache
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from glassgrad.engine.context import Context, Made


class SourceLine(NamedTuple):
    """A line of a source file.

    >>> from glassgrad import SourceLine
    >>> print(SourceLine("neuron.py", 12))
    neuron.py, line 12
    """

    file: str
    number: int

    @property
    def text(self) -> str:
        """The line itself, without indentation; empty if the source cannot be read."""
        return linecache.getline(self.file, self.number).strip()

    def __str__(self) -> str:
        return f"{'a notebook cell' if self._is_of_cell else self.file}, line {self.number}"

    @property
    def _is_of_cell(self) -> bool:
        """Whether the file is one that a notebook's kernel made up, with another name each time."""
        return os.path.basename(os.path.dirname(self.file)).startswith("ipykernel_")


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
    if line is None:
        return "outside of all your files"
    return f"{'in' if line._is_of_cell else 'at'} {line}"


files_of_user: set[str] = set()
"""The files of the user's code that made nodes."""


def made_by(frame: FrameType | None, context: Context) -> Made:
    """What made a node: the innermost frame that is the user's, from `frame` outwards.

    Behind a library on the engine, it is the line that the context knows, if it knows one.
    """
    while frame is not None:
        code = frame.f_code
        owner = _owner_of(code.co_filename)
        if owner is USER:
            files_of_user.add(code.co_filename)
            return code, frame.f_lasti
        if owner is LIBRARY and context.caller:
            return context.caller
        frame = frame.f_back
    return None, -1


NAME = __name__.partition(".")[0]
"""The name of this library, under which its rooms are packages."""


def is_ours(thing: Any) -> bool:
    """Whether a class or a function is of this library, or a module by its name."""
    module = thing if isinstance(thing, str) else getattr(thing, "__module__", None)
    return str(module).partition(".")[0] == NAME


def package_of(thing: Any) -> str:
    """The package that a class or a function names as its home; empty if it names none."""
    return str(getattr(thing, "__module__", None) or "").partition(".")[0]


def is_installed(package: str) -> bool:
    """Whether a package is one that was installed, and no file of the user's."""
    module = sys.modules.get(package)
    if module is None or package == "__main__":
        return False
    file = getattr(module, "__file__", None)
    files = getattr(module, "__path__", ()) if file is None else [file]
    folders = [set(os.path.normpath(str(file)).split(os.sep)) for file in files]
    return bool(folders) and all(each & {"site-packages", "dist-packages"} for each in folders)


ENGINE, LIBRARY, FOREIGN, USER = "the engine", "a library on it", "numpy", "the user"
_owner_of_folder = {
    os.path.dirname(__file__) + os.sep: ENGINE,
    os.path.dirname(np.__file__) + os.sep: FOREIGN,
}


@cache
def _owner_of(file: str) -> str:
    """To whom a source file belongs."""
    owners = (owner for folder, owner in _owner_of_folder.items() if file.startswith(folder))
    return next(owners, USER)


def is_of_library(code: CodeType) -> bool:
    """Whether code belongs to a package that `hide_lines_of` named."""
    return _owner_of(code.co_filename) is LIBRARY


def is_of_user(code: CodeType) -> bool:
    """Whether code belongs to neither the engine, nor such a package, nor numpy."""
    return _owner_of(code.co_filename) is USER


def caller_of_user() -> tuple[FrameType, int]:
    """The innermost frame that is the user's, else the outermost; and how many calls out it is
    from where this is called, as `warnings.warn` counts them: a number in its place would be wrong
    as soon as a function in between comes or goes.
    """
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and not is_of_user(frame.f_code):
        frame, level = frame.f_back, level + 1
    return frame, level


def hide_lines_of(file: str) -> None:
    """Name callers of the package with this `__init__` file, not its own lines, as origins.

    A library built on the engine calls it once, in its `__init__.py`, with `__file__`.

    >>> from glassgrad import hide_lines_of
    >>> hide_lines_of("/somewhere/library/__init__.py")
    """
    _owner_of_folder.setdefault(os.path.dirname(file) + os.sep, LIBRARY)
    _owner_of.cache_clear()
    files_of_user.clear()
