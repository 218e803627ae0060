"""What is worth a warning, in words: numbers that are nan or infinite, units that learn nothing.

When an activation is dead or saturated, its row says. The drawing shows these words in the box of a
node and, counted, in the box of a whole module.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from glassgrad.engine.printing import short
from glassgrad.viz.node import Node


def marks(node: Node) -> list[str]:
    """The warnings at a node: "nan", "inf", "gradient nan", "dead", "saturated".

    >>> from glassgrad import Value
    >>> from glassgrad.viz.diagram import Diagram
    >>> from glassgrad.viz.marks import marks
    >>> marks(Diagram([Value(-1.0).relu()])[-1])
    ['dead']
    """
    found = [] if isfinite(node.data) else [short(node.data)]
    if node.gradient is not None and not isfinite(node.gradient):
        found.append(f"gradient {short(node.gradient)}")
    row = node.operation
    return [*found, row.idle] if row is not None and row.is_idle(_slope(node)) else found


def counted_marks(nodes: Iterable[Node]) -> list[str]:
    """The warnings in a module, counted: "3 of 16 dead", "nan in 2 nodes".

    A module of a single unit is just "dead".

    >>> from glassgrad import Value
    >>> from glassgrad.viz.diagram import Diagram
    >>> from glassgrad.viz.marks import counted_marks
    >>> counted_marks(Diagram([Value(-1.0).relu() + Value(1.0).relu()]))
    ['1 of 2 dead']
    """
    units: dict[str, list[bool]] = {}
    numbers: dict[str, int] = {}
    for node in nodes:
        kind = node.operation.idle if node.operation else ""
        if node.operation and kind and _slope(node) is not None:
            units.setdefault(kind, []).append(node.operation.is_idle(_slope(node)))
        for mark in marks(node):
            if mark != kind:
                numbers[mark] = numbers.get(mark, 0) + 1
    found = [f"{mark} in {n} node{'s'[: n != 1]}" for mark, n in numbers.items()]
    for name, still in units.items():
        if any(still):
            found.append(name if len(still) == 1 else f"{sum(still)} of {len(still)} {name}")
    return found


def _slope(node: Node) -> float | None:
    return node.partials[0] if len(node.partials) == 1 else None
