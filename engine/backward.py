"""Backpropagation: the chain rule, applied node by node from the result back to the leaves.

A node is taken up when every node that uses it is done: that is what the topological order is
for. Its gradient is then complete, and each edge sends upstream × local to the parent.
Gradients of gradients are in `gradient.py`.
"""

from __future__ import annotations

from collections import deque
from math import isfinite
from typing import cast

from glassgrad.engine.errors import NonFiniteError
from glassgrad.engine.graph import topological_order
from glassgrad.engine.mode import MODE
from glassgrad.engine.operation import Operation
from glassgrad.engine.origin import FORGOTTEN, place
from glassgrad.engine.value import NOT_COMPUTED, Value, name, names, refuse_on_tape


def backward(root: Value) -> None:
    """Compute the gradient of `root` by every node it depends on, into their `.grad`.

    Leaves accumulate over calls; the gradients of inner nodes are computed anew. If it is
    interrupted or `trap()` stops it, the leaves keep the gradients they had before.

    Raises:
        ValueError: `root` is a constant.
        NonFiniteError: inside `trap()`, a gradient becomes nan or infinite.

    >>> from glassgrad import Value, backward
    >>> x = Value(3.0)
    >>> y = x**3
    >>> backward(y); backward(y)
    >>> x.grad
    54.0
    """
    if root.is_constant:
        raise ValueError(
            f"backward() of the constant {name(root)}: it came from detach(), no_grad() or a plain "
            "number, so it depends on nothing. Compute it from Values, outside no_grad()."
        )
    refuse_on_tape("calls backward() of", root)
    if _is_done_in_one_step(root):
        return
    order = topological_order(root)
    leaves = [node for node in order if not node.parents]
    before = [leaf._grad for leaf in leaves]
    give_back = map(_set_gradient, leaves, before)
    try:
        _propagate(root, order)
        _add_to(before, leaves)
    except BaseException:
        deque(give_back, maxlen=0)  # in one go: a second Ctrl-C cannot stop it half-way
        raise


_set_gradient = vars(Value)["_grad"].__set__


def _is_done_in_one_step(root: Value) -> bool:
    """Send local derivatives to leaves in one go, if a node of many operands has nothing else.

    The result of a compiled function is such a node.
    """
    parents = root.parents
    if len(parents) < _MANY or MODE.get().trapping or len(set(parents)) < len(parents):
        return False
    known = [p._grad for p in parents if not p.parents and p._origin is not FORGOTTEN]
    if len(known) < len(parents):
        return False
    try:
        pairs = zip(known, cast(tuple[float, ...], root.partials))
        new = [before + local for before, local in pairs]
    except TypeError:  # an edge carries no derivative, but None
        return False
    root._grad = 1.0
    deque(map(_set_gradient, parents, new), maxlen=0)
    return True


_MANY = 32


def _propagate(root: Value, order: list[Value]) -> None:
    for node in order:
        node._grad = NOT_COMPUTED
    root._grad = 1.0
    watched = MODE.get().trapping
    for node in reversed(order):
        upstream = node._grad
        if upstream is NOT_COMPUTED or not node.parents:
            continue
        if watched or not isfinite(upstream):
            _propagate_carefully(node, upstream, watched)
            continue
        for parent, partial in zip(node.parents, node.partials):
            if partial is not None:
                parent._grad += upstream * partial


def _propagate_carefully(node: Value, upstream: float, watched: bool) -> None:
    for parent, partial in zip(node.parents, node.partials):
        if partial is not None:
            parent._grad += contribution(node.operation, upstream, partial)
            if watched:
                check_gradient(node, upstream, partial, parent._grad)


def _add_to(before: list[float], leaves: list[Value]) -> None:
    """Accumulate: each leaf adds its whole gradient at once to the one it had, as in PyTorch."""
    watched = MODE.get().trapping
    for leaf, old in zip(leaves, before):
        new = leaf._grad
        if old is NOT_COMPUTED:
            continue
        leaf._grad = old if new is NOT_COMPUTED else old + new
        if watched and not isfinite(leaf._grad):
            raise NonFiniteError(
                f"The gradient of the leaf {name(leaf)} becomes {leaf._grad}: "
                f"{new:.6g} is added to {old:.6g}, which it has from before."
            )


def contribution(operation: Operation | None, upstream: float, local: float) -> float:
    """What an edge sends to its operand: upstream × local, the chain rule.

    Where the row says so (relu, maximum, ...), a local derivative of zero sends exactly zero, also
    of an infinite gradient: a branch that is switched off stays off, as in PyTorch.

    >>> from glassgrad import TABLE, contribution
    >>> contribution(TABLE["relu"], float("inf"), 0.0)
    0.0
    """
    is_infinite = not isfinite(upstream)
    if is_infinite and local == 0.0 and operation is not None and operation.masks:
        return 0.0
    return upstream * local


def check_gradient(node: Value, upstream: float, local: float, gradient: float) -> None:
    """Inside `trap()`, stop where a gradient first becomes nan or infinite.

    Raises:
        NonFiniteError: names the operation, its operands and the line that created the node.
    """
    if isfinite(gradient):
        return
    assert node.operation is not None
    raise NonFiniteError(
        f"Backpropagation through {node.operation.name}({names(node.parents)}) gives a gradient of "
        f"{gradient}: upstream {upstream:.6g} times local derivative {local:.6g} was added to it. "
        f"The node was created {place(node.line)}."
    )


setattr(Value, "backward", backward)  # noqa: B010  the method `y.backward()`
