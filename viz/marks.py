"""What is worth a warning, in words: numbers that are nan or infinite, units that learn nothing.

A relu whose input is negative is dead: its local derivative is 0, so nothing before it learns from
this sample. A sigmoid or tanh far out on its flat part is saturated: next to nothing gets through.
The drawing shows these words in the box of a node and, counted, in the box of a whole module.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from viz.node import Node
from viz.text import short

SATURATED = 0.01
"""A sigmoid or tanh whose local derivative is below this share of its largest is saturated."""
_LARGEST = {"tanh": 1.0, "sigmoid": 0.25}
_UNITS = {"relu": "dead", **dict.fromkeys(_LARGEST, "saturated")}


def marks(node: Node) -> list[str]:
    """The warnings at a node: "nan", "inf", "gradient nan", "dead", "saturated".

    >>> from engine import Value
    >>> from viz.diagram import Diagram
    >>> from viz.marks import marks
    >>> marks(Diagram([Value(-1.0).relu()])[-1])
    ['dead']
    """
    found = [] if isfinite(node.data) else [short(node.data)]
    if node.gradient is not None and not isfinite(node.gradient):
        found.append(f"gradient {short(node.gradient)}")
    return [*found, _name(node)] if _is_still(node) else found


def counted_marks(nodes: Iterable[Node]) -> list[str]:
    """The warnings in a module, counted: "3 of 16 dead", "nan in 2 nodes".

    A module of a single unit is just "dead".

    >>> from engine import Value
    >>> from viz.diagram import Diagram
    >>> from viz.marks import counted_marks
    >>> counted_marks(Diagram([Value(-1.0).relu() + Value(1.0).relu()]))
    ['1 of 2 dead']
    """
    units: dict[str, list[bool]] = {}
    numbers: dict[str, int] = {}
    for node in nodes:
        if (kind := _name(node)) and _slope(node) is not None:
            units.setdefault(kind, []).append(_is_still(node))
        for mark in marks(node):
            if mark not in _UNITS.values():
                numbers[mark] = numbers.get(mark, 0) + 1
    found = [f"{mark} in {n} node{'s'[: n != 1]}" for mark, n in numbers.items()]
    for name, still in units.items():
        if any(still):
            found.append(name if len(still) == 1 else f"{sum(still)} of {len(still)} {name}")
    return found


def _slope(node: Node) -> float | None:
    return node.partials[0] if len(node.partials) == 1 else None


def _name(node: Node) -> str:
    """What a unit that learns nothing is called; "" for what is no unit."""
    if node.operation is None or node.is_compiled:  # whose name is that of a user's function
        return ""
    return _UNITS.get(node.operation.name, "")


def _is_still(node: Node) -> bool:
    """Whether a unit lets no gradient through, or next to none."""
    slope = _slope(node)
    if slope is None or node.operation is None or not _name(node):
        return False
    return abs(slope) < SATURATED * _LARGEST.get(node.operation.name, 0.0) or slope == 0.0
