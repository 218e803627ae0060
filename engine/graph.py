"""The graph behind a Value: its order, its release, its evaluation anew.

Everything here is iterative, so that depth is limited by memory and not by recursion.
"""

from __future__ import annotations

from itertools import filterfalse

from glassgrad.engine.origin import FORGOTTEN, LEAF
from glassgrad.engine.value import Value, name

_FEW = 2
"""Up to so many parents it is faster to push them all than to leave out the seen ones."""


def topological_order(*roots: Value) -> list[Value]:
    """Every node the roots depend on, each after its parents and once, the roots last.

    It is the order in which Python evaluated a single expression, left operand first, and the
    same graph always gives the same order. (Depth-first post-order, with an explicit stack.)

    >>> from glassgrad import Value, topological_order
    >>> x = Value(2.0)
    >>> [node.data for node in topological_order(x * x + 1)]
    [2.0, 4.0, 1.0, 5.0]
    """
    order: list[Value] = []
    seen: set[Value] = set()
    path: list[Value] = []  # the nodes whose parents are being visited
    stack: list[Value | None] = list(reversed(roots))
    while stack:
        node = stack.pop()
        if node is None:  # all parents of the last node of the path are done
            order.append(path.pop())
        elif node not in seen:
            seen.add(node)
            parents = node.parents
            if not parents:
                if node._origin is FORGOTTEN:
                    raise ValueError(
                        f"The graph behind {name(node)} was released by forget(), which released "
                        "everything it shared with other results too. Compute it again."
                    )
                order.append(node)
                continue
            path.append(node)
            stack.append(None)
            if len(parents) <= _FEW:
                stack += parents[::-1]
            else:
                stack.extend(filterfalse(seen.__contains__, parents[::-1]))
    return order


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
    kept = set(roots)
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.parents:
            stack.extend(node.parents)
            # All three at once: no call in between, during which Ctrl-C might come.
            origin = LEAF.labelled(node.label) if node in kept else FORGOTTEN
            node.parents, node.partials, node._origin = (), (), origin
    for root in roots:
        if root._origin is FORGOTTEN:
            root._origin = LEAF
