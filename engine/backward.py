"""Backpropagation: the chain rule, applied node by node from the result back to the leaves.

A node is taken up when every node that uses it is done: that is what the topological order is
for. Its gradient is then complete, and each edge sends upstream × local to the operand. Everything
here is iterative, so that depth is limited by memory and not by recursion. Gradients of gradients
are in `gradient.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import Any

from glassgrad.engine import misuse
from glassgrad.engine.context import Observer, current
from glassgrad.engine.misuse import is_real, name, real
from glassgrad.engine.op import Operation
from glassgrad.engine.text import describe
from glassgrad.engine.tree import scalar_of
from glassgrad.engine.value import NOT_COMPUTED, Value, number_of, tell_used, write_gradients


def topological_order(*roots: Value) -> list[Value]:
    """Every node the roots depend on, each after its parents and once, the roots last: in the order
    in which Python evaluates a single expression, left operand first.

    >>> from glassgrad import Value, topological_order
    >>> x = Value(2.0)
    >>> [node.data for node in topological_order(x * x + 1)]
    [2.0, 4.0, 1.0, 5.0]
    """
    for root in roots:
        require_value(root, "topological_order")
    for node in order_of(*roots):
        node.parents  # noqa: B018  plain numbers become constants, which are nodes
    return order_of(*roots)


def order_of(*roots: Value) -> list[Value]:
    """`topological_order` without the plain numbers among operands, which nothing is sent to.

    Depth-first and post-order: an operand is entered when it is met, and `path` keeps where to go
    on afterwards, as the frames of a recursion would.
    """
    order: list[Value] = []
    seen: set[Value] = set()
    path: list[tuple[Any, Iterator[Any]]] = []
    node: Any = None
    left: Iterator[Any] = iter(roots)
    while True:
        for operand in left:
            if operand.__class__ is not float and operand not in seen:
                seen.add(operand)
                if operand._operands:
                    path.append((node, left))
                    node, left = operand, iter(operand._operands)
                    break
                if operand.partials is None:
                    raise ValueError(misuse.released(name(operand)))
                order.append(operand)
        else:
            if node is None:
                return order
            order.append(node)
            node, left = path.pop()


def sweep(
    order: Sequence[Value],
    upstream: Any,
    derivatives: Callable[[Value], Sequence[Any]] | None = None,
    observers: Sequence[Observer] = (),
) -> dict[Value, Any]:
    """Send gradients back along an order, from its end, whose gradient is `upstream`: the chain
    rule. It gives the gradient of each node, `NOT_COMPUTED` where nothing was sent to it.

    The local derivatives by the operands of a node are numbers, or Values for a gradient that is a
    graph; None for an edge that carries nothing, () if none does. `backward()` takes those that
    the nodes keep.
    """
    # A Value is a key by identity. What was not computed plus a number is that number.
    gradients: dict[Value, Any] = dict.fromkeys(order, NOT_COMPUTED)
    gradients[order[-1]] = upstream
    needs_care = bool(observers) or upstream.__class__ is not float
    for node in reversed(order):
        if (upstream := gradients[node]) is NOT_COMPUTED:
            continue
        if not (partials := node.partials if derivatives is None else derivatives(node)):
            continue
        operands = node._operands
        if needs_care or not isfinite(upstream):
            _send_with_care(node, upstream, partials, gradients, observers)
        elif len(operands) == 2:  # most have two, and without a loop they take half the time
            a, b = operands
            by_a, by_b = partials
            if by_a is not None:
                gradients[a] += upstream * by_a
            if by_b is not None:
                gradients[b] += upstream * by_b
        else:
            for operand, partial in zip(operands, partials):
                if partial is not None:
                    gradients[operand] += upstream * partial
    return gradients


def _send_with_care(
    node: Value,
    upstream: Any,
    partials: Sequence[Any],
    gradients: dict[Value, Any],
    observers: Sequence[Observer],
) -> None:
    """The same for gradients that are graphs, infinite, or observed."""
    for operand, partial in zip(node._operands, partials):
        if partial is None:
            continue
        sent, known = contribution(node.operation, upstream, partial), gradients[operand]
        gradients[operand] = total = sent if known is NOT_COMPUTED else known + sent
        for observer in observers:
            observer.sent(node, upstream, partial, total)


def contribution(operation: Operation | None, upstream: Any, local: Any) -> Any:
    """What an edge sends to its operand: upstream × local, the chain rule.

    Where the row says so (relu, maximum, ...), a local derivative of zero sends exactly zero, also
    of an infinite gradient: a branch that is switched off stays off, as in PyTorch.

    >>> from glassgrad import TABLE, contribution
    >>> contribution(TABLE["relu"], float("inf"), 0.0)
    0.0
    """
    if operation is not None and operation.masks and number_of(local) == 0.0:
        return upstream * local if isfinite(number_of(upstream)) else 0.0
    return upstream * local


def require_value(thing: Any, call: str, hint: str = "") -> None:
    """Refuse what is no Value, above all a function, whose gradient has a call of its own."""
    if not isinstance(thing, Value):
        hint = misuse.GRAD_OF_FUNCTION if callable(thing) else hint * is_real(thing)
        raise TypeError(f"{call} takes a Value, not {describe(thing)}.{hint}")


def backward(root: Value, gradient: float = 1.0, **foreign: Any) -> None:
    """Compute the gradient of `root` by every node it depends on, into their `.grad`.

    Leaves accumulate over calls; the gradients of inner nodes are computed anew. They are written
    at once at the end: if it is interrupted or `trap()` stops it, all is as it was before.

    Args:
        root: the result; a ValueError if it is a constant, or its graph was released by `forget`.
        gradient: of something else by the root, if the root is a part of that: upstream of it.
        foreign: arguments of other libraries, to be refused.

    >>> from glassgrad import Value, backward
    >>> x = Value(3.0)
    >>> y = x**3
    >>> backward(y); backward(y)
    >>> x.grad
    54.0
    """
    require_value(root, "backward")
    if foreign:
        raise TypeError(misuse.backward_with(next(iter(foreign))))
    if root.is_constant:
        raise ValueError(misuse.backward_of_constant(name(root)))
    tell_used("calls backward() of", root)
    upstream = real(scalar_of(gradient), "backward(gradient=...)")
    observers = current().observers
    if type(root._operands) is Leaves and not observers and isfinite(upstream):
        _send_to_leaves(root, upstream)
        return
    gradients = sweep(order_of(root), upstream, observers=observers)
    # A node without a gradient is behind edges that carry none, as a branch not chosen.
    found = [
        new if node._operands else _accumulated(node, new, observers)
        for node, new in gradients.items()
    ]
    write_gradients(gradients, found)


class Leaves(tuple[Value, ...]):
    """Operands that are leaves, each of them once, as those of the result of a compiled function:
    a leaf stays one, so nobody looks again.
    """

    __slots__ = ()

    @staticmethod
    def if_so(operands: tuple[Value, ...]) -> tuple[Value, ...]:
        """The operands as leaves if they all are; else as they are."""
        are_leaves = [operand.partials for operand in operands].count(()) == len(operands)
        return Leaves(operands) if are_leaves and len(set(operands)) == len(operands) else operands


def _send_to_leaves(root: Value, upstream: float) -> None:
    """What `sweep` comes to where each leaf gets a single contribution: there is no order."""
    sent: Any = root.partials
    if upstream != 1.0:
        sent = [upstream * partial for partial in sent]
    found = [leaf._grad + new for leaf, new in zip(root._operands, sent)]
    write_gradients([root, *root._operands], [upstream, *found])


def _accumulated(leaf: Value, new: float, observers: Sequence[Observer]) -> float:
    """A leaf adds its whole gradient at once to the one it had, as in PyTorch."""
    before = leaf._grad
    if new is NOT_COMPUTED or before is NOT_COMPUTED:
        return before if new is NOT_COMPUTED else new
    for observer in observers:
        observer.accumulated(leaf, before, new, before + new)
    return before + new


def forget(*roots: Value) -> None:
    """Release the graph behind the roots, node by node; the roots become leaves.

    Python frees a dropped graph by itself. This does the same without nested calls, for graphs
    millions of nodes deep in threads with a small stack. Nodes that other results share are
    released too: differentiating those results then raises.

    >>> from glassgrad import Value, forget
    >>> y = Value(2.0) * 3.0
    >>> forget(y)
    >>> y.data, y.parents
    (6.0, ())
    """
    for root in roots:
        require_value(root, "forget")
        tell_used("calls forget() of", root)
    kept = set(roots)
    stack: list[Any] = list(roots)
    while stack:
        node = stack.pop()
        if node.__class__ is not float and node._operands:
            stack.extend(node._operands)
            # All at once: no call in between, during which Ctrl-C might come.
            row, partials = (None, ()) if node in kept else (node.operation, None)
            node._operands, node.partials, node.operation = (), partials, row
    for root in roots:
        if root.partials is None:
            root.operation, root.partials = None, ()


setattr(Value, "backward", backward)  # noqa: B010  the method `y.backward()`
