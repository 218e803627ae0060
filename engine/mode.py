"""The circumstances in which nodes are made: recording or not, trapping or not, in which scope.

They live in one context variable, so threads and asynchronous tasks do not disturb each other.
`no_grad` and `trap` change it for a `with` block; modules of `nn` open a `Scope`, so that a
drawing can group nodes by neuron and layer. Next: `origin.py`, where a node remembers them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ref

from glassgrad.engine.text import describe

if TYPE_CHECKING:
    from contextlib import _GeneratorContextManager

    from glassgrad.engine.compiling.tape import Tape


class Scope:
    """A named part of a computation, such as one neuron; scopes nest.

    Attributes:
        name: its name inside the parent, for example "neurons.0".
        kind: what it is, for example "Neuron".
        parent: the scope around it, or None.

    >>> from glassgrad import Scope
    >>> Scope("neurons.0", "Neuron", Scope("layer", "Layer", None)).path()
    'layer.neurons.0'
    """

    __slots__ = ("_owner", "kind", "name", "parent")

    def __init__(self, name: str, kind: str, parent: Scope | None, owner: Any = None) -> None:
        self.name = name
        self.kind = kind
        self.parent = parent
        # Nodes keep their scope alive; they should not keep a whole model alive with it.
        self._owner = None if owner is None else ref(owner)

    @property
    def owner(self) -> Any:
        """The object that opened the scope, if it still exists; else None."""
        return None if self._owner is None else self._owner()

    def __repr__(self) -> str:
        return f"<scope {self.path()}>"

    def path(self) -> str:
        """The names from the outermost scope to this one, joined by dots."""
        return ".".join(scope.name for scope in self.chain())

    def chain(self) -> tuple[Scope, ...]:
        """The scopes from the outermost one to this one."""
        chain: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            chain.append(scope)
            scope = scope.parent
        return tuple(reversed(chain))


class Mode:
    """One combination of circumstances; compared by identity, never changed.

    Attributes:
        recording: whether results remember how they were computed.
        trapping: whether the first nan or infinity raises.
        scope: the part of the computation that is open, or None.
        tape: what a compiled function is recorded on, or None.
        origins: the origins of nodes that a library makes in this mode, if it is entered from
            one line only; else None. It is `origin.py` that fills it.
    """

    __slots__ = ("__weakref__", "origins", "recording", "scope", "tape", "trapping")

    def __init__(
        self,
        recording: bool = True,
        trapping: bool = False,
        scope: Scope | None = None,
        tape: Tape | None = None,
    ) -> None:
        self.recording = recording
        self.trapping = trapping
        self.scope = scope
        self.tape = tape
        self.origins: dict[Any, Any] | None = None

    def within(self, scope: Scope, *, from_one_line: bool = False) -> Mode:
        """The same circumstances inside `scope`, which may be entered from one line only."""
        mode = Mode(self.recording, self.trapping, scope, self.tape)
        mode.origins = {} if from_one_line else None
        return mode


ORDINARY = Mode()
MODE: ContextVar[Mode] = ContextVar("glassgrad_mode", default=ORDINARY)


def call_in(mode: Mode, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call a function in a mode. However it ends, by Ctrl-C too, the mode is taken back."""
    around = MODE.get()
    try:
        MODE.set(mode)
        return function(*arguments, **named)
    finally:
        MODE.set(around)


Changed: TypeAlias = "_GeneratorContextManager[Any]"
"""What a `with` statement takes, and what can be put before a function as a decorator."""


@contextmanager
def changed(change: Callable[[Mode], Mode]) -> Iterator[Any]:
    """During a `with` block, nodes are made in another mode, made from the one around it."""
    around = MODE.get()
    mode = change(around)
    closed_late = False
    try:
        MODE.set(mode)
        yield mode.scope
    except GeneratorExit:
        # Ctrl-C came at the very end of the block, and Python closes this generator some time
        # later, when the blocks around it may have ended as well.
        closed_late = MODE.get() is not mode
        raise
    finally:
        if not closed_late:
            MODE.set(around)


def no_grad() -> Changed:
    """During a `with` block, results are constants: nothing is recorded, nothing differentiated.

    >>> from glassgrad import Value, no_grad
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.parents
    ()
    """
    return changed(lambda mode: Mode(False, mode.trapping, mode.scope, mode.tape))


def recording() -> Changed:
    """During a `with` block, results are recorded even inside `no_grad`."""
    return changed(
        lambda mode: mode if mode.recording else Mode(True, mode.trapping, mode.scope, mode.tape)
    )


GRADIENT = "gradient"
"""The kind of the scopes in which gradients are made."""


def derive(function: Callable[..., Any], *arguments: Any, order: int = 1) -> Any:
    """Call a function whose results are recorded, in a scope of their own, and not trapped.

    The scope of what differentiates a gradient, whose `order` is 2, says so in its name. The rules
    of the table pass through infinity on the way to finite derivatives, as in a branch that is not
    chosen.
    """
    mode = Mode(True, False, MODE.get().scope, MODE.get().tape)
    name = " of ".join(["gradient"] * order)
    return call_in(mode.within(_scope_named(name, GRADIENT, mode.scope)), function, *arguments)


def trap() -> Changed:
    """During a `with` block, the first nan or infinity raises an error that says where it arose.

    It watches values as they are computed and gradients as they flow back. It costs time, so
    it is meant for the search, not for the run.

    Raises:
        NonFiniteError: names the operation, its operands and the line that created the node.

    >>> from glassgrad import Value, log, trap
    >>> with trap():
    ...     log(Value(0.0, label="x"))
    Traceback (most recent call last):
    glassgrad.engine.errors.NonFiniteError: log(x = 0) is -inf. It was created at ..., line 2.
    """
    return changed(lambda mode: Mode(mode.recording, True, mode.scope, mode.tape))


def scope(name: str, kind: str = "Scope") -> Changed:
    """During a `with` block, nodes belong to a named part, which drawings show as a group.

    Raises:
        TypeError: the name or the kind is not text.

    >>> from glassgrad import Value, scope
    >>> with scope("head"):
    ...     y = Value(2.0) * 3.0
    >>> y.scope.path()
    'head'
    """
    for text in (name, kind):
        if not isinstance(text, str):
            raise TypeError(f"A scope is named by text, not {describe(text)}.")
    return changed(lambda mode: mode.within(_scope_named(name, kind, mode.scope)))


_scopes: dict[tuple[str, str, Scope | None], Scope] = {}
_MOST_SCOPES = 1_000


def _scope_named(name: str, kind: str, parent: Scope | None) -> Scope:
    """The same scope for the same name in the same place, so that nodes can share origins."""
    key = (name, kind, parent)
    if key not in _scopes:
        if len(_scopes) >= _MOST_SCOPES:
            del _scopes[next(iter(_scopes))]  # the oldest
        _scopes[key] = Scope(name, kind, parent)
    return _scopes[key]
