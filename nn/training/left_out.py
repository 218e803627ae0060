"""Leaf Values that a loss depends on and no training moves: none of them is left out in silence.

A Module finds Values in its attributes, lists, tuples, dicts and modules. What a plain object, a
set, a deque or a closure holds it does not see; the loss does depend on it. A loss is a graph, so
it tells. `Watch` looks at the losses of a training for `fit`; `left_out` is for loops by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from glassgrad.engine import Value
from glassgrad.engine.backward import order_of
from glassgrad.engine.misuse import name
from glassgrad.engine.provenance import place
from glassgrad.engine.text import counted, describe, some_of
from glassgrad.engine.value import is_parameter
from glassgrad.nn.training.warning import warn


def left_out(loss: Value, parameters: Iterable[Value]) -> list[Value]:
    """The leaf Values that a loss depends on, and that are not among the parameters.

    For a training loop by hand, once, at its first loss: `optimiser.step()` sees parameters and
    their gradients, not the loss, and so cannot tell what is missing; `fit` looks by itself.
    Constants, as of plain numbers, `detach()` and `no_grad()`, do not count.

    Args:
        loss: of a sample or of a batch, compiled or not.
        parameters: those that are trained, as `model.parameters()` or `optimiser.parameters`.

    Returns:
        The Values, in the order in which the loss came by them.

    Raises:
        TypeError: the loss is no Value, or there is something else among the parameters.

    Example:
        >>> from glassgrad import SGD, Value, left_out
        >>> w, b = Value(2.0, "w"), Value(0.5, "b")
        >>> optimiser = SGD([w], learning_rate=0.1)
        >>> loss = (w * 3.0 + b) ** 2
        >>> left_out(loss, optimiser.parameters)
        [Value(data=0.5, grad=–, label='b')]
    """
    if not isinstance(loss, Value):
        raise TypeError(f"left_out takes a loss, which is a Value, not {describe(loss)}.")
    known = list(parameters)
    for parameter in known:
        if not isinstance(parameter, Value):
            raise TypeError(
                "left_out takes the parameters that are trained, as model.parameters(), not "
                f"{describe(parameter)} among them."
            )
    return _others(order_of(loss), set(map(id, known)))


def _others(order: Sequence[Value], known: set[int]) -> list[Value]:
    return [node for node in order if id(node) not in known and is_parameter(node)]


class Watch:
    """Looks into losses of a training, and tells of leaf Values that it leaves out.

    A leaf that a run of the model makes, as `Value(0.0)` to begin a sum with, is no parameter:
    what is held by something comes up again when the same is run once more.

    Args:
        known: the parameters of the model, and those of the optimiser.
    """

    def __init__(self, known: Iterable[Value]) -> None:
        self._kept = list(known)  # so that no other Value gets their ids
        self._known = set(map(id, self._kept))

    def is_new(self, leaves: Iterable[Value]) -> bool:
        """Whether there are Values among these that nobody knows yet."""
        return not self._known.issuperset(map(id, leaves))

    def look(self, runs: Iterable[Callable[[], Value]]) -> None:
        """Run what gives the loss of a sample, each once; twice where unknown leaves come up.

        What is left out is told in one warning.
        """
        found: list[tuple[Value, Value | None]] = []
        for run in runs:
            order = order_of(run())
            others = _others(order, self._known)
            if others:
                again = set(map(id, order_of(run())))
                held = [leaf for leaf in others if id(leaf) in again]
                reader = {id(p): node for node in reversed(order) for p in node.parents}
                found += [(leaf, reader.get(id(leaf))) for leaf in held]
                self._kept += held
                self._known |= set(map(id, held))
        if found:
            warn(_warning([leaf for leaf, _ in found], found[0][1]))


def _warning(leaves: Sequence[Value], reader: Value | None) -> str:
    """What is left out, by labels and numbers, and the line that reads the first of it."""
    line = None if reader is None else reader.line
    are, them = ("is", "it") if len(leaves) == 1 else ("are", "them")
    shown = some_of([name(leaf) for leaf in leaves])
    return (
        f"fit: the loss depends on {counted(len(leaves), 'leaf Value')} that {are} left out of the "
        f"training: {shown}{'' if line is None else f'; read {place(line)}'}. Neither "
        f"model.parameters() nor the optimiser has {them}: modules do not look into plain objects, "
        "sets, deques or closures. Derive such a class from Module, or hold Values in a list; for "
        "one that is to stay write a plain number, or v.detach()."
    )
