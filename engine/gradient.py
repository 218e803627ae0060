"""`grad`: gradients by any nodes, as numbers or as graphs that can be differentiated again.

The local derivatives stored in a graph are numbers. To differentiate a gradient, the rules of
the table are read again, on Values: the gradient is then an expression like any other, and can be
drawn, stepped through and differentiated in turn. None of this touches `.grad`.
Next: `functional.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from math import isfinite, isnan
from typing import Any

from glassgrad.engine.backward import check_gradient, contribution
from glassgrad.engine.errors import ChangedDataError
from glassgrad.engine.graph import topological_order
from glassgrad.engine.mode import GRADIENT, MODE, derive
from glassgrad.engine.text import describe
from glassgrad.engine.tree import leaves_of, like, settled
from glassgrad.engine.value import Value, as_value, constant, name, names, refuse_on_tape

Gradients = Any
"""A float or Value, or a list or object array of them: the shape of what was differentiated by."""


def grad(y: Value, xs: Any, *, differentiable: bool = False) -> Gradients:
    """The derivative of `y` by each of `xs`, without touching any `.grad`.

    Args:
        y: the result.
        xs: a Value, or a sequence or numpy object array of Values; inner nodes are allowed.
        differentiable: give Values, which are graphs themselves, instead of floats.

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
    leaves, rebuild = _flatten(xs)
    refuse_on_tape("calls grad of", y)
    if differentiable:
        trapping = MODE.get().trapping
        return rebuild(derive(_gradient_graphs, y, leaves, trapping, order=_order(y) + 1))
    return rebuild(_gradients(y, leaves))


def _flatten(xs: Any) -> tuple[list[Value], Callable[[list[Any]], Any]]:
    xs = settled(xs)
    leaves = leaves_of(xs)
    for leaf in leaves:
        _require_value(leaf, "grad by")
        if leaf.is_constant:
            raise ValueError(
                f"grad by the constant {name(leaf)}: it came from detach(), no_grad() or a plain "
                "number, so no gradient flows to it. Differentiate by a Value(...)."
            )
    return leaves, lambda flat: like(xs, iter(flat))


def _order(y: Value) -> int:
    """How often what `y` depends on was differentiated: 0 where there is no gradient in it."""
    scopes = {node.scope for node in topological_order(y)}
    names = (s.name for s in scopes if s is not None and s.kind == GRADIENT)
    return max((name.count(GRADIENT) for name in names), default=0)


def _require_value(thing: Any, place: str) -> None:
    if not isinstance(thing, Value):
        hint = " Use value_and_grad(f) for a function." if callable(thing) else ""
        raise TypeError(f"{place} takes a Value, not {describe(thing)}.{hint}")


def _reverse_edges(y: Value, xs: Sequence[Value]) -> Iterable[tuple[Value, list[int]]]:
    """The nodes from `y` back, each with the operands whose edges lead to one of `xs`."""
    order = topological_order(y)
    leading = set(xs)
    edges: list[tuple[Value, list[int]]] = []
    for node in order:
        carrying = carrying_edges(node, leading)
        if carrying:
            leading.add(node)
            edges.append((node, carrying))
    return reversed(edges)


def carrying_edges(node: Value, leading: Container[Value]) -> list[int]:
    """The operands of a node whose edges carry a derivative to one of the `leading` nodes."""
    edges = enumerate(zip(node.parents, node.partials))
    return [i for i, (parent, partial) in edges if partial is not None and parent in leading]


def _gradients(y: Value, xs: Sequence[Value]) -> list[float]:
    gradient_of: dict[Value, float] = {y: 1.0}
    watched = MODE.get().trapping
    for node, carrying in _reverse_edges(y, xs):
        upstream = gradient_of.get(node)
        if upstream is None:
            continue
        for i in carrying:
            parent, partial = node.parents[i], node.partials[i]
            assert partial is not None
            # -0.0 plus a number is that number, the sign of zero included.
            gradient_of[parent] = gradient_of.get(parent, -0.0) + contribution(
                node.operation, upstream, partial
            )
            if watched:
                check_gradient(node, upstream, partial, gradient_of[parent])
    return [gradient_of.get(x, 0.0) for x in xs]


def _gradient_graphs(y: Value, xs: Sequence[Value], watched: bool) -> list[Value]:
    gradient_of: dict[Value, Value] = {y: constant(1.0)}
    for node, carrying in _reverse_edges(y, xs):
        upstream = gradient_of.get(node)
        if upstream is None:
            continue
        for i, local in zip(carrying, local_derivatives(node, carrying)):
            parent, sent = node.parents[i], _product(node, upstream, local)
            known = gradient_of.get(parent)
            gradient = sent if known is None else known + sent
            gradient_of[parent] = gradient
            if watched:
                check_gradient(node, upstream.data, local.data, gradient.data)
    # A gradient may be a node of the graph itself, such as the y of x·y, or the same as another:
    # each gets a node of its own, so that labelling one labels nothing else.
    taken = set(topological_order(y))
    gradients = []
    for x in xs:
        gradient = gradient_of.get(x, constant(0.0))
        gradients.append(+gradient if gradient in taken else gradient)
        taken.add(gradient)
    return gradients


def _product(node: Value, upstream: Value, local: Value) -> Value:
    """Upstream × local, without a node where one of them is the number 1."""
    if (
        not isfinite(upstream.data)
        and contribution(node.operation, upstream.data, local.data) == 0.0
    ):
        return constant(0.0)
    if upstream.is_constant and upstream.data == 1.0:
        return local
    return upstream if local.is_constant and local.data == 1.0 else upstream * local


def local_derivatives(node: Value, indices: Sequence[int]) -> list[Value]:
    """The local derivatives by some operands as graphs, read from the table on Values."""
    operation = node.operation
    assert operation is not None
    wanted = tuple(i in indices for i in range(len(node.parents)))
    read = operation.derivatives(node.parents, node, wanted)
    partials = [as_value(read[i], operation.name) for i in indices]
    now = operation.forward(tuple(parent.data for parent in node.parents))
    numbers = getattr(operation, "operand_numbers", None)
    if numbers is not None:  # of a compiled call, whose sums had another order
        unchanged = all(_same(p.data, x) for p, x in zip(node.parents, numbers))
    else:
        unchanged = _same(now, node.data) and all(
            _same(partial.data, node.partials[i]) for i, partial in zip(indices, partials)
        )
    if not unchanged:
        raise ChangedDataError(
            f"The operands of {operation.name} ({names(node.parents)}) have other "
            f"numbers than when {name(node)} was computed from them at {node.line}. "
            "Compute the result again before differentiating its gradient."
        )
    return partials


def _same(a: float, b: float | None) -> bool:
    """Equal to the rounding of a rule read on Values; nan equals nan."""
    assert b is not None
    return a == b or abs(a - b) <= 1e-12 * abs(a) or (isnan(a) and isnan(b))
