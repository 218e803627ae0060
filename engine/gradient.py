"""`grad`: gradients by any nodes, as numbers or as graphs that can be differentiated again.

The local derivatives stored in a graph are numbers. To differentiate a gradient, the rules of
the table are read again, on Values: the gradient is then an expression like any other, and can be
drawn, stepped through and differentiated in turn. None of this touches `.grad`.
Next: `functional.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from math import isnan
from typing import Any

from glassgrad.engine import misuse
from glassgrad.engine.backward import order_of, sweep
from glassgrad.engine.context import Observer, current, derive
from glassgrad.engine.errors import ChangedDataError
from glassgrad.engine.misuse import name, names
from glassgrad.engine.text import describe
from glassgrad.engine.tree import leaves_of, like, settled
from glassgrad.engine.value import Value, as_value, constant, tell_used

_LEFT_OUT: Any = object()
Gradients = Any
"""A float or Value, or a list or object array of them: the shape of what was differentiated by."""


def grad(
    y: Value, xs: Any = _LEFT_OUT, *, differentiable: bool = False, **foreign: Any
) -> Gradients:
    """The derivative of `y` by each of `xs`, without touching any `.grad`.

    Args:
        y: the result.
        xs: a Value, or a sequence or numpy object array of Values; inner nodes are allowed.
        differentiable: give Values, which are graphs themselves, instead of floats.
        foreign: arguments of other libraries, to be refused.

    Returns:
        A float (or Value) for a Value, a list for a sequence, an array for an array. A Value
        that `y` does not depend on has the derivative 0.

    Raises:
        TypeError: `y` or one of `xs` is not a Value.
        ValueError: one of `xs` is a constant.
        ChangedDataError: `differentiable`, and a `.data` changed after the graph was recorded.

    >>> from glassgrad import Value, grad
    >>> x = Value(3.0)
    >>> dy = grad(x**3, x, differentiable=True)
    >>> dy.data, grad(dy, x)
    (27.0, 18.0)
    """
    _require_value(y, "the first argument of grad")
    if foreign or xs is _LEFT_OUT:
        raise TypeError(misuse.grad_without_by(next(iter(foreign), None)))
    leaves, rebuild = _flatten(xs)
    tell_used("calls grad of", y)
    edges = _leading(y, leaves)
    observers = current().observers
    if differentiable:
        return rebuild(derive(_as_graphs, y, leaves, edges, observers, order=_order_of(y) + 1))
    gradients = _swept(edges, y, 1.0, _stored, observers)
    return rebuild([gradients.get(x, 0.0) for x in leaves])


def _flatten(xs: Any) -> tuple[list[Value], Callable[[list[Any]], Any]]:
    xs = settled(xs)
    leaves = leaves_of(xs)
    for leaf in leaves:
        _require_value(leaf, "grad by")
        if leaf.is_constant:
            raise ValueError(misuse.grad_by_constant(name(leaf)))
    return leaves, lambda flat: like(xs, iter(flat))


def _order_of(y: Value) -> int:
    """How often what `y` depends on was differentiated: 0 where there is no gradient in it."""
    return max(node.scope.order if node.scope else 0 for node in order_of(y))


def _require_value(thing: Any, place: str) -> None:
    if not isinstance(thing, Value):
        hint = misuse.GRAD_OF_FUNCTION if callable(thing) else ""
        raise TypeError(f"{place} takes a Value, not {describe(thing)}.{hint}")


def _leading(y: Value, xs: Sequence[Value]) -> dict[Value, list[int]]:
    """The nodes up to `y` with edges that lead to one of `xs`, and the operands of these."""
    leading: set[Value] = set(xs)
    found: dict[Value, list[int]] = {}
    for node in order_of(y):
        carrying = carrying_edges(node, leading)
        if carrying:
            leading.add(node)
            found[node] = carrying
    return found


def carrying_edges(node: Value, leading: Container[Value]) -> list[int]:
    """The operands of a node whose edges carry a derivative to one of the `leading` nodes."""
    edges = enumerate(zip(node._operands, node.partials))
    return [i for i, (operand, partial) in edges if partial is not None and operand in leading]


Derivatives = Callable[[Value, Sequence[int]], Iterable[Any]]


def _swept(
    edges: dict[Value, list[int]],
    y: Value,
    start: Any,
    read: Derivatives,
    observers: Sequence[Observer],
) -> dict[Value, Any]:
    """The gradients of `y` by all nodes that the edges lead to."""

    def along_edges(node: Value) -> list[Any]:
        derivatives: list[Any] = [None] * len(node._operands)
        for i, derivative in zip(edges[node], read(node, edges[node])):
            derivatives[i] = derivative
        return derivatives

    gradients = {y: start}
    sweep(list(edges), gradients, along_edges, observers)
    return gradients


def _stored(node: Value, indices: Sequence[int]) -> list[Any]:
    return [node.partials[i] for i in indices]


def _as_graphs(
    y: Value,
    xs: Sequence[Value],
    edges: dict[Value, list[int]],
    observers: Sequence[Observer],
) -> list[Value]:
    found = _swept(edges, y, constant(1.0), local_derivatives, observers)
    # A gradient may be a node of the graph itself, such as the y of x·y, or the same as another:
    # each gets a node of its own, so that labelling one labels nothing else.
    taken = set(order_of(y))
    gradients = []
    for x in xs:
        gradient = as_value(found.get(x, 0.0), "grad")
        gradients.append(+gradient if gradient in taken else gradient)
        taken.add(gradient)
    return gradients


def local_derivatives(node: Value, indices: Sequence[int]) -> list[Value]:
    """The local derivatives by some operands as graphs, read from the table on Values."""
    operation = node.operation
    assert operation is not None
    chosen = set(indices)
    wanted = tuple([i in chosen for i in range(len(node._operands))])
    read = operation.derivatives(node.parents, node, wanted)
    derivatives = [as_value(read[i], operation.name) for i in indices]
    numbers = tuple(parent._data for parent in node.parents)
    pairs = [(d._data, node.partials[i]) for d, i in zip(derivatives, indices)]
    if not operation.is_unchanged(numbers, node._data, pairs, _same):
        raise ChangedDataError(
            f"The operands of {operation.name} ({names(node.parents)}) have other "
            f"numbers than when {name(node)} was computed from them at {node.line}. "
            "Compute the result again before differentiating its gradient."
        )
    return derivatives


def _same(a: float, b: float | None) -> bool:
    """Equal to the rounding of a rule read on Values; nan equals nan."""
    assert b is not None
    return a == b or abs(a - b) <= 1e-12 * abs(a) or (isnan(a) and isnan(b))
