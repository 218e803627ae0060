"""`grad`: gradients by any nodes, as numbers or as graphs that can be differentiated again.

The local derivatives stored in a graph are numbers. To differentiate a gradient, the rules of
the table are read again, on Values: the gradient is then an expression like any other, and can be
drawn, stepped through and differentiated in turn. None of this touches `.grad`.
Next: `functional.py`.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from math import isnan
from typing import Any

from glassgrad.engine import misuse
from glassgrad.engine.backward import order_of, require_value, sweep
from glassgrad.engine.context import current, derive
from glassgrad.engine.errors import ChangedDataError
from glassgrad.engine.misuse import name, names
from glassgrad.engine.tree import leaves_of, like, settled
from glassgrad.engine.value import NOT_COMPUTED, Value, as_value, constant, tell_used

Partials = Sequence[float | None]
"""A local derivative by each operand of a node; None on an edge that carries none."""


def grad(y: Value, xs: Any = None, *, differentiable: bool = False, **foreign: Any) -> Any:
    """The derivative of `y` by each of `xs`, without touching any `.grad`.

    Args:
        y: the result.
        xs: a Value, or a sequence or numpy object array of Values; inner nodes are allowed.
        differentiable: give Values, which are graphs themselves, instead of floats.
        foreign: arguments of other libraries, to be refused.

    Returns:
        A float (or Value) for a Value, a list for a sequence, an array for an array. A Value
        that `y` does not depend on has the derivative 0; a constant has none, a ValueError.

    Raises:
        ChangedDataError: `differentiable`, and a `.data` changed after the graph was recorded.

    >>> from glassgrad import Value, grad
    >>> x = Value(3.0)
    >>> dy = grad(x**3, x, differentiable=True)
    >>> dy.data, grad(dy, x)
    (27.0, 18.0)
    """
    require_value(y, "the first argument of grad")
    if foreign or xs is None:
        unknown = [f"grad has no argument {argument!r}. " for argument in foreign]
        raise TypeError("".join(unknown) + misuse.GRAD_TAKES)
    xs = settled(xs)
    leaves = leaves_of(xs)
    for leaf in leaves:
        require_value(leaf, "grad by")
        if leaf.is_constant:
            raise ValueError(misuse.grad_by_constant(name(leaf)))
    tell_used("calls grad of", y)
    order, observers = order_of(y), current().observers
    carrying = _carrying(order, leaves)
    if differentiable:
        # How often what y depends on was differentiated: 0 where there is no gradient in it.
        before = max(node.scope.order if node.scope else 0 for node in order)
        found = derive(_as_graphs, order, leaves, carrying, observers, order=before + 1)
    else:
        gradients = sweep(list(carrying), 1.0, carrying.__getitem__, observers)
        found = [_known(x, gradients) for x in leaves]
    return like(xs, iter(found))


def _known(x: Value, gradients: dict[Value, Any]) -> Any:
    """The gradient by a node, 0.0 if nothing was sent to it."""
    gradient = gradients.get(x, NOT_COMPUTED)
    return 0.0 if gradient is NOT_COMPUTED else gradient


def _carrying(order: Sequence[Value], xs: Sequence[Value]) -> dict[Value, Partials]:
    """Those of `xs` and the nodes with edges that lead to one, in order, and the partials of those
    edges; the root alone if none of its edges does.
    """
    leading = set(xs)
    found: dict[Value, Partials] = {}
    for node in order:
        partials = partials_to(leading, node)
        if partials or node in leading:
            leading.add(node)
            found[node] = partials
    return found if order[-1] in found else {order[-1]: ()}


def partials_to(leading: Container[Value], node: Value) -> Partials:
    """The partials of a node by those operands that are among the `leading` nodes, and None for
    the others; () if no edge carries a derivative to one.
    """
    partials: Partials = node.partials
    if not all(map(leading.__contains__, node._operands)):
        pairs = zip(node._operands, partials)
        partials = [partial if operand in leading else None for operand, partial in pairs]
    return partials if partials.count(None) < len(partials) else ()


def _as_graphs(
    order: Sequence[Value], xs: Sequence[Value], carrying: dict[Value, Partials], observers: Any
) -> list[Value]:
    derivatives = lambda node: carrying[node] and local_derivatives(node, carrying[node])
    found = sweep(list(carrying), constant(1.0), derivatives, observers)
    # A gradient may be a node of the graph itself, such as the y of x·y, or the same as another:
    # each gets a node of its own, so that labelling one labels nothing else.
    taken = set(order)
    gradients = []
    for x in xs:
        gradient = as_value(_known(x, found), "grad")
        gradients.append(+gradient if gradient in taken else gradient)
        taken.add(gradient)
    return gradients


def local_derivatives(node: Value, partials: Partials) -> list[Value | None]:
    """The local derivatives of a node as graphs, read from the table on Values: by those operands
    of which a partial is given.
    """
    operation = node.operation
    assert operation is not None
    wanted = tuple([partial is not None for partial in partials])
    read = operation.derivatives(node.parents, node, wanted)
    derivatives = [as_value(d, operation.name) if want else None for d, want in zip(read, wanted)]
    numbers = tuple([parent._number for parent in node.parents])
    pairs = [(d._number, partial) for d, partial in zip(derivatives, partials) if d is not None]
    if not operation.is_unchanged(numbers, node._number, pairs, _same):
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
