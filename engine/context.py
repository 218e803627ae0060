"""The circumstances in which nodes are made: recorded or not, in which scope, and who watches.

They live in one context variable, so threads and asynchronous tasks do not disturb each other.
`no_grad` changes them for a `with` block; modules of `nn` open a `Scope`, so that a drawing can
group nodes by neuron and layer. An `Observer` is told what happens: `trap()` is one, the tracer of
`compiled` another, and the core knows neither. Next: `value.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial, wraps
from inspect import isasyncgen, iscoroutine, isgenerator
from types import CodeType
from typing import Any, NamedTuple, TypeVar, cast
from weakref import ref

from glassgrad.engine.text import describe, function_name, with_article

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Scope:
    """A named part of a computation, such as one neuron; scopes nest.

    Attributes:
        name: its name inside the parent, for example "neurons.0".
        kind: what it is, for example "Neuron".
        parent: the scope around it, or None.
        order: how often what is computed in it was differentiated: 0 for a value, 1 for its
            gradient, 2 for the gradient of a gradient.

    >>> from glassgrad import Scope
    >>> Scope("neurons.0", "Neuron", Scope("layer", "Layer", None)).path()
    'layer.neurons.0'
    """

    __slots__ = ("_owner", "kind", "name", "order", "parent")

    def __init__(
        self,
        name: str,
        kind: str,
        parent: Scope | None,
        owner: Any = None,
        order: int | None = None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.parent = parent
        outer = 0 if parent is None else parent.order
        self.order: int = outer if order is None else order
        # Nodes keep their scope alive; they should not keep a whole model alive with it.
        self._owner = None if owner is None else ref(owner)

    @property
    def owner(self) -> Any:
        """The object that opened the scope, if it still exists; else None."""
        return None if self._owner is None else self._owner()

    def __repr__(self) -> str:
        return f"<scope {self.path()}>"

    def __reduce__(self) -> Any:
        """A copy stands for the part of a computation, and knows no object that opened it."""
        return Scope, (self.name, self.kind, self.parent, None, self.order)

    def path(self) -> str:
        """The names from the outermost scope to this one, joined by dots."""
        return ".".join(scope.name for scope in self.chain())

    def chain(self) -> tuple[Scope, ...]:
        """The scopes from the outermost one to this one."""
        chain = [self]
        while (outer := chain[-1].parent) is not None:
            chain.append(outer)
        return tuple(reversed(chain))


class Observer:
    """Someone who is told what happens while a context is current; by default nothing is done."""

    sees_rules = True
    """Whether rules of the table, computed on Values for a gradient that is a graph, are of
    interest. They pass through infinity on the way to finite derivatives."""
    repeats = False
    """Whether what happens will be repeated without running the code, so that a number read out of
    a Value would be frozen."""

    def computed(self, operation: Any, operands: Any, data: float, frame: Any) -> None:
        """An operation gave a number, of which no node is made yet; operands may be floats."""

    def recorded(self, operation: Any, operands: Any, node: Any) -> None:
        """A node was made of Values and floats; a constant, if no gradient flows through it."""

    def compared(self, left: Any, right: Any, relation: str, outcome: bool) -> bool | None:
        """The number of a Value was compared, and the program may go another way for another.

        The relation "is" stands for == of two Values, which asks whether they are the same one.
        A bool that is returned takes the place of the outcome.
        """
        return None

    def begun(self, leaf: Any) -> None:
        """A leaf was made."""

    def used(self, what: str, node: Any) -> None:
        """A Value was used otherwise than in an operation; `what` may be "reads .data of"."""

    def used_elsewhere(self, what: str, node: Any) -> None:
        """A Value, or a number, was so used or compared in a thread or context of somebody else."""

    def sent(self, node: Any, upstream: float, local: float, total: float) -> None:
        """Backpropagation sent upstream × local from a node to an operand, whose gradient is now
        the total.
        """

    def moved(self, node: Any, tangent: float) -> None:
        """The derivative of a node in the direction of `jvp` was computed."""

    def accumulated(self, leaf: Any, before: float, new: float, total: float) -> None:
        """A leaf adds the gradient of one `backward()` to the one that it had before."""


class Tag(NamedTuple):
    """What people are told of a node: the part it belongs to, and its label."""

    scope: Scope | None
    label: str | None


Made = tuple[CodeType | None, int]
"""A code object and the index of an instruction in it; None where no line is known."""


class Context:
    """One combination of circumstances; compared by identity, never changed.

    Args:
        recording: whether results remember how they were computed.
        observers: who is told what happens.
        scope: the part of the computation that is open, or None.
        caller: the line of the user's that called the part of a library which is running; None if
            that is to be looked for.
    """

    __slots__ = "around caller is_left is_special observers order recording scope tag".split()

    def __init__(
        self,
        recording: bool = True,
        observers: tuple[Observer, ...] = (),
        scope: Scope | None = None,
        caller: Made | None = None,
    ) -> None:
        self.recording = recording
        self.observers = observers
        self.scope = scope
        self.caller = caller
        self.order = 0 if scope is None else scope.order
        self.tag = Tag(scope, None)  # what nodes made here get
        self.is_special = bool(observers) or not recording or self.order > 0
        self.around: Context | None = None  # around the block that made this one
        self.is_left = False  # whether that block was left

    def within(self, scope: Scope, caller: Made | None = None) -> Context:
        """The same circumstances inside a scope."""
        return Context(self.recording, self.observers, scope, caller)


ORDINARY = Context()
_CONTEXT: ContextVar[Context] = ContextVar("glassgrad_context", default=ORDINARY)
current = _CONTEXT.get
"""The circumstances now."""
set_context = _CONTEXT.set

watching: list[Observer] = []
"""The observers of all threads: while there are none, a number is read without asking further."""


def call_in(
    context: Context, function: Callable[..., Any], /, *arguments: Any, **named: Any
) -> Any:
    """Call a function in a context. However it ends, by Ctrl-C too, the context is taken back."""
    around = current()
    try:
        set_context(context)
        return function(*arguments, **named)
    finally:
        set_context(around)


def call_watched(
    context: Context, function: Callable[..., Any], /, *arguments: Any, **named: Any
) -> Any:
    """The same, where the one observer of the context is told of every use of a Value, and of each
    leaf that is made.
    """
    (observer,) = context.observers
    try:
        watching.append(observer)  # in here, as Ctrl-C may come right after it
        return call_in(context, function, *arguments, **named)
    finally:
        if observer in watching:
            watching.remove(observer)


class Block(AbstractContextManager[Any]):
    """During a `with` block, nodes are made in another context, made from the one around it, and an
    observer is told what happens. It serves once, or is put before a function.
    """

    def __init__(
        self, title: str, change: Callable[[Context], Context], observer: Observer | None = None
    ) -> None:
        self._title = title
        self._opened = partial(_opened, title, change, observer)
        self._open: AbstractContextManager[Any] | None = None

    def __enter__(self) -> Any:
        if self._open is not None:
            raise RuntimeError(
                f"This block of {self._title} was opened before. Write {self._title} anew for each."
            )
        self._open = self._opened()
        return self._open.__enter__()

    def __exit__(self, *fault: Any) -> bool | None:
        assert self._open is not None
        return self._open.__exit__(*fault)

    def __call__(self, function: _Function) -> _Function:
        """The function, which runs in a block of its own in each call."""

        @wraps(function)
        def inside(*arguments: Any, **named: Any) -> Any:
            with self._opened():
                found = function(*arguments, **named)
            if isgenerator(found) or iscoroutine(found) or isasyncgen(found):
                if iscoroutine(found):
                    found.close()  # else Python warns that it was never awaited
                raise TypeError(
                    f"{self._title} before {function_name(function)}, which gives "
                    f"{with_article(type(found).__name__)}: its code runs after the block. Write "
                    f"`with {self._title}:` inside it."
                )
            return found

        return cast(_Function, inside)


@contextmanager
def _opened(
    title: str, change: Callable[[Context], Context], observer: Observer | None
) -> Iterator[Any]:
    around = current()
    context = change(around)
    context.around = around
    fault: type[BaseException] | None = None
    try:
        if observer is not None:
            watching.append(observer)  # in here, as Ctrl-C may come right after it
        set_context(context)
        yield context.scope
    except BaseException as caught:
        fault = type(caught)
        raise
    finally:
        # Ctrl-C may have kept a block inside from being left. But Python closes a generator some
        # time later, when the blocks around it may have ended as well: this one, if Ctrl-C came at
        # the very end of the block, or one with the block in it.
        is_failing = fault not in (None, GeneratorExit)
        try:
            is_taken_back = _take_back(context, is_failing)
        except BaseException:  # Ctrl-C at this very moment; nobody else would do it
            _take_back(context, True)
            raise
        finally:
            if observer in watching:  # or none was given, or Ctrl-C came before
                watching.remove(observer)
        if not is_taken_back and fault is None:
            raise RuntimeError(
                f"A block of {title} was left out of order: one opened inside it is still open, or "
                "it was opened in another thread. Leave blocks in the reverse order, each where it "
                "was opened; a generator leaves its own before it yields."
            )


def _take_back(context: Context, is_failing: bool) -> bool:
    """Go on in the context around, if the one that is left is current, or one inside it."""
    context.is_left = True
    inner: Context | None = current()
    while is_failing and inner is not None and inner is not context:
        inner = inner.around
    if inner is not context:
        return False
    while context.is_left and context.around is not None:  # blocks may have been left before it
        context = context.around
    set_context(context)
    return True


def no_grad() -> Block:
    """During a `with` block, results are constants: nothing is recorded, nothing differentiated.

    It can be put before a function as a decorator too, as `scope` and `trap`. In a generator, a
    block around a `yield` holds for whoever asks for the next item, too, until it goes on.

    >>> from glassgrad import Value, no_grad
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.parents
    ()
    """
    return Block("no_grad()", lambda now: Context(False, now.observers, now.scope, now.caller))


def recording() -> Block:
    """During a `with` block, results are recorded even inside `no_grad`."""
    return Block("recording()", lambda now: Context(True, now.observers, now.scope, now.caller))


def scope(name: str, kind: str = "Scope") -> Block:
    """During a `with` block, nodes belong to a named part, which drawings show as a group.

    >>> from glassgrad import Value, scope
    >>> with scope("head"):
    ...     y = Value(2.0) * 3.0
    >>> y.scope.path()
    'head'
    """
    for text in (name, kind):
        if not isinstance(text, str):
            raise TypeError(f"A scope is named by text, not {describe(text)}.")
    return Block(f"scope({name!r})", lambda now: now.within(_scope_named(name, kind, now.scope)))


def observing(title: str, observer: Observer) -> Block:
    """During a `with` block, an observer is told what happens."""
    seen = lambda now: Context(now.recording, (*now.observers, observer), now.scope, now.caller)
    return Block(title, seen, observer)


def is_traced() -> bool:
    """Whether what happens now will be repeated without running the code again."""
    return any(observer.repeats for observer in current().observers)


GRADIENT = "gradient"


def derive(function: Callable[..., Any], *arguments: Any, order: int = 1) -> Any:
    """Call a function whose results are recorded as a gradient, in a scope of that order."""
    now = current()
    observers = tuple(observer for observer in now.observers if observer.sees_rules)
    name = " of ".join([GRADIENT] * order)
    scope = _scope_named(name, GRADIENT, now.scope, order)
    return call_in(Context(True, observers, scope), function, *arguments)


_scopes: dict[tuple[str, str, Scope | None, int | None], Scope] = {}
_MOST_SCOPES = 1_000


def _scope_named(name: str, kind: str, parent: Scope | None, order: int | None = None) -> Scope:
    """The same scope for the same name in the same place, in all threads."""
    key = (name, kind, parent, order)
    if key not in _scopes and len(_scopes) >= _MOST_SCOPES:
        _scopes.clear()
    return _scopes.get(key) or _scopes.setdefault(key, Scope(name, kind, parent, order=order))


def layer_of(name: str) -> str:
    """The layer of a parameter by its path: layers.0 of layers.0.neurons.3.w.1, and w of w.0."""
    row, _, last = name.rpartition(".")
    return _layer_of_row(row if row and last.isdigit() else name)


@lru_cache(maxsize=1000)
def _layer_of_row(name: str) -> str:
    """The same of a whole row of parameters, such as layers.0.neurons.3.w."""
    parts = name.split(".")
    for i, part in enumerate(parts):
        if part.isdigit() and not all(rest.isdigit() for rest in parts[i + 1 :]):
            return without_neuron(".".join(parts[: i + 1])) or name
    return parts[0]


def without_neuron(path: str) -> str:
    """The path of the layer of a neuron, which is one of its units; other paths as they are."""
    return re.sub(r"(?:^|\.)neurons\.\d+$", "", path)
