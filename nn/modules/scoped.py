"""A module opens a scope on the graph while it runs.

Every node remembers the scope it was made in, so that a drawing can group nodes by neuron and
layer without knowing what these are. Scopes and contexts are those of `engine/context.py`. They are
remembered from call to call, since a training step calls thousands of neurons.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any

from glassgrad.engine import Value
from glassgrad.engine.context import Context, Made, Scope, call_in, current, set_context
from glassgrad.engine.misuse import is_real
from glassgrad.engine.provenance import is_of_library, made_by
from glassgrad.engine.text import told
from glassgrad.nn.modules.parts import Holder, path_inside

_MOST_SCOPES = 100


class Scoped(Holder):
    """A callable that runs its `forward` inside a scope; the base of `Module`.

    The scope is named by the path of attributes from the module that calls it, or by the class
    for the outermost one; its kind is the class. A `__call__` of the user's own runs inside the
    scope too.
    """

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "__call__" in vars(cls):
            setattr(cls, "__call__", _in_scope(vars(cls)["__call__"]))  # noqa: B010

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Run `forward` inside the scope of this module."""
        # As `_in_scope` does, without the calls that it costs: a step calls thousands of neurons.
        around, caller = current(), sys._getframe(1)
        known, code, instruction, inside = self._memory.last_call
        same_line = code is caller.f_code and instruction == caller.f_lasti
        if known is not around or not same_line:
            inside = self._context_inside(around, caller)
        try:  # around the change too: Ctrl-C may come right after it
            set_context(inside)
            return self.forward(*arguments, **keywords)
        except TypeError as error:
            if error.__traceback__ and error.__traceback__.tb_next is None:  # of the call itself
                self._refuse_numbers_one_by_one(arguments)
            raise
        finally:
            set_context(around)

    def _refuse_numbers_one_by_one(self, arguments: tuple[Any, ...]) -> None:
        """Where `forward` takes one argument, `model(1, 2)` is meant as `model([1, 2])`."""
        numbers = [told(x) for x in arguments if isinstance(x, Value) or is_real(x)]
        if len(numbers) < 2 or len(numbers) < len(arguments) or not _takes_one(self.forward):
            return
        listed = ", ".join(numbers) if len(numbers) <= 4 else f"{numbers[0]}, {numbers[1]}, …"
        raise TypeError(
            f"{self!r} takes the inputs of one sample together, not one by one: give it a list, "
            f"[{listed}]."
        ) from None

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        """What the module computes; a class of your own defines it.

        Raises:
            NotImplementedError: the class does not.

        >>> from glassgrad import Module
        >>> Module().forward(1.0)
        Traceback (most recent call last):
        NotImplementedError: Module defines no forward(self, x): it computes nothing yet.
        """
        raise NotImplementedError(
            f"{type(self).__name__} defines no forward(self, x): it computes nothing yet."
        )

    def _context_inside(self, around: Context, caller: FrameType) -> Context:
        """The context of a call from one line in `around`, remembered for the next call."""
        inside = around
        # Its own scope is open already when a `__call__` calls that of the base class.
        if around.scope is None or around.scope.owner is not self:
            scope = self._scope_inside(around.scope)
            inside = around.within(scope, self._line_around(around, caller))
        self._memory.last_call = around, caller.f_code, caller.f_lasti, inside
        return inside

    def _line_around(self, around: Context, caller: FrameType) -> Made | None:
        """The line of the user's that all nodes of a `forward` of ours come from."""
        forward = inspect.unwrap(type(self).forward)  # it may be compiled
        if not is_of_library(forward.__code__):
            return None
        return made_by(caller, around)

    def _scope_inside(self, parent: Scope | None) -> Scope:
        """The scope of this module inside another: always the same one."""
        scopes = self._memory.scopes
        if parent not in scopes:
            if len(scopes) >= _MOST_SCOPES:
                scopes.clear()
            scopes[parent] = Scope(_name(self, parent), type(self).__name__, parent, self)
        return scopes[parent]


def _in_scope(call: Callable[..., Any]) -> Callable[..., Any]:
    """A `__call__` of the user's own, run inside the scope of its module."""

    @wraps(call)
    def scoped(self: Scoped, *arguments: Any, **keywords: Any) -> Any:
        inside = self._context_inside(current(), sys._getframe(1))
        return call_in(inside, call, self, *arguments, **keywords)

    return scoped


def _takes_one(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    return True


def _name(module: Holder, scope: Scope | None) -> str:
    """The path to a module from the innermost module around it that holds it; else its class."""
    while scope is not None:
        owner = scope.owner
        path = path_inside(owner, module) if isinstance(owner, Holder) else None
        if path is not None:
            return path
        scope = scope.parent
    return type(module).__name__
