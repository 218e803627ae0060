"""Where a node comes from: its operation, scope, line of source and label.

Most nodes of a program come from few places, so nodes share their `Origin`: a node pays one
pointer for all of this. The line kept is the innermost one outside this library.
"""

from __future__ import annotations

import linecache
import os
import sys
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from glassgrad.engine.mode import Mode, Scope

if TYPE_CHECKING:
    from glassgrad.engine.operation import Operation


class Origin:
    """What made a node. `operation` is None for a leaf; a constant is a leaf without gradients."""

    __slots__ = ("_code", "_instruction", "_line", "is_constant", "label", "operation", "scope")

    def __init__(
        self,
        operation: Operation | None,
        label: str | None = None,
        scope: Scope | None = None,
        code: CodeType | None = None,
        instruction: int = -1,
        *,
        is_constant: bool = False,
    ) -> None:
        self.operation = operation
        self.label = label
        self.scope = scope
        self._code = code
        self._instruction = instruction
        self.is_constant = is_constant
        self._line: SourceLine | None = None

    def labelled(self, label: str | None) -> Origin:
        """The same origin with another label."""
        return Origin(
            self.operation,
            label,
            self.scope,
            self._code,
            self._instruction,
            is_constant=self.is_constant,
        )

    def of_operation(self, operation: Operation) -> Origin:
        """The same origin of another operation, without a label."""
        return Origin(operation, None, self.scope, self._code, self._instruction)

    def without_line(self) -> Origin:
        """The same origin without a line, for nodes that no line of a program made."""
        return Origin(self.operation, self.label, self.scope, is_constant=self.is_constant)

    @property
    def line(self) -> SourceLine | None:
        """The line of the user's source that created the node, where it is known."""
        if self._line is None and self._code is not None:
            self._line = SourceLine(self._code.co_filename, self._line_number(self._code))
        return self._line

    def _line_number(self, code: CodeType) -> int:
        for start, end, line in code.co_lines():
            if start <= self._instruction < end and line is not None:
                return line
        return code.co_firstlineno


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


def place(line: SourceLine | None) -> str:
    """A line for an error message."""
    return "outside of all your files" if line is None else f"at {line}"


LEAF = Origin(None)
CONSTANT = Origin(None, is_constant=True)
"""The origin of plain numbers, detached values and results inside `no_grad`: no gradients."""
FORGOTTEN = Origin(None)
"""The origin of inner nodes whose graph `forget` released: nothing may be computed from them."""


LIBRARY = __name__.partition(".")[0]
"""The name of this library, under which its rooms are packages."""


def is_ours(thing: Any) -> bool:
    """Whether a class or a function is of this library, or a module by its name.

    >>> from glassgrad.engine.origin import is_ours
    >>> is_ours(is_ours), is_ours(len), is_ours("glassgrad.nn")
    (True, False, True)
    """
    module = thing if isinstance(thing, str) else getattr(thing, "__module__", None)
    return str(module).partition(".")[0] == LIBRARY


def package_of(thing: Any) -> str:
    """The package that a class or a function names as its home; of this library, the room.

    >>> from glassgrad.engine.origin import package_of
    >>> package_of(package_of), package_of(len)
    ('glassgrad.engine', 'builtins')
    """
    parts = str(getattr(thing, "__module__", None) or "").split(".")
    return ".".join(parts[: 2 if is_ours(thing) else 1])


_ENGINE, _LIBRARY, _FOREIGN, _USER = range(4)
_engine_folder = os.path.dirname(__file__) + os.sep
_library_folders: list[str] = []
_numpy_folder = os.path.dirname(np.__file__) + os.sep


class _Rooms(dict[str, int]):
    """To whom a source file belongs, remembered by its name."""

    def __missing__(self, file: str) -> int:
        if file.startswith(_engine_folder):
            room = _ENGINE
        elif file.startswith(_numpy_folder):
            room = _FOREIGN
        else:
            room = _LIBRARY if file.startswith(tuple(_library_folders)) else _USER
        self[file] = room
        return room


_room_of = _Rooms()


def is_of_library(code: CodeType) -> bool:
    """Whether code belongs to a package that `hide_lines_of` named."""
    return _room_of[code.co_filename] == _LIBRARY


def is_of_user(code: CodeType) -> bool:
    """Whether code belongs to neither the engine, nor such a package, nor numpy."""
    return _room_of[code.co_filename] == _USER


def hide_lines_of(file: str) -> None:
    """Name callers of the package with this `__init__` file, not its own lines, as origins.

    A library built on the engine calls it once, in its `__init__.py`, with `__file__`.

    >>> from glassgrad import hide_lines_of
    >>> hide_lines_of("/somewhere/library/__init__.py")
    """
    _library_folders.append(os.path.dirname(file) + os.sep)
    _room_of.clear()


_origins: dict[tuple[object, ...], Origin] = {}
_MOST_ORIGINS = 10_000


def origin_of(operation: Operation, mode: Mode, depth: int) -> Origin:
    """The shared origin of nodes made by `operation` at the calling line of the user's source.

    Args:
        operation: the row of the table.
        mode: the circumstances.
        depth: how many callers up the search for the user's line begins.
    """
    try:
        frame = sys._getframe(depth)
    except ValueError:  # a thread began right here
        return Origin(operation, None, mode.scope)
    code, instruction = frame.f_code, frame.f_lasti
    # Nearly every node is made where the last one of its kind with this instruction number was.
    recent: Origin | None = operation.recent_origins.get(instruction)
    if recent is not None and recent._code is code and recent.scope is mode.scope:
        return recent
    caller: FrameType | None = frame
    room = _room_of[code.co_filename]
    while room == _ENGINE and (caller := caller.f_back if caller else None):
        room = _room_of[caller.f_code.co_filename]
    if room != _LIBRARY or mode.origins is None:
        return _find_origin(operation, mode.scope, caller)
    # Inside one call of a module, its own operations all come from the line of that call.
    origin: Origin | None = mode.origins.get(operation)
    if origin is None:
        origin = mode.origins[operation] = _find_origin(operation, mode.scope, caller)
    return origin


def _find_origin(operation: Operation, scope: Scope | None, frame: FrameType | None) -> Origin:
    while frame is not None and _room_of[frame.f_code.co_filename] != _USER:
        frame = frame.f_back
    if frame is None:
        return Origin(operation, None, scope)
    code, instruction = frame.f_code, frame.f_lasti
    # The key may hold the code by identity because the origin under it keeps the code alive.
    key = (operation, id(code), instruction, scope)
    origin = _origins.get(key)
    if origin is None:
        if len(_origins) >= _MOST_ORIGINS:
            _origins.clear()
        origin = _origins[key] = Origin(operation, None, scope, code, instruction)
    operation.recent_origins[instruction] = origin
    return origin
