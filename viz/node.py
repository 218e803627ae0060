"""`Node`: the record of one node of a diagram, and what is worth a warning about it, in words.

A warning says that a number is nan or infinite, or, as its row of the table tells, that a unit is
dead or saturated. Next: `diagram.py`, which makes the nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

from glassgrad.engine import Operation, Scope
from glassgrad.engine.printers import number_text
from glassgrad.engine.printing import short
from glassgrad.engine.text import clipped
from glassgrad.viz.compiled import is_compiled, name_of


@dataclass(frozen=True)
class Node:
    """One node of a diagram.

    Attributes:
        index: its place in the order of evaluation.
        name: its unique name in formulas.
        label: what the user called it, or None.
        operation: the row of the table that made it, or None for a leaf.
        data: its number.
        gradient: its gradient at the time of drawing, or None if there was none.
        parents: the indices of its operands.
        partials: the local derivative by each operand; None on an edge that carries none.
        scope: the part of the computation it belongs to, or None.
        file, line, source: the line of the user's program that made it, where known.
        is_constant: whether it is a plain number.
    """

    index: int
    name: str
    label: str | None
    operation: Operation | None
    data: float
    gradient: float | None
    parents: tuple[int, ...]
    partials: tuple[float | None, ...]
    scope: Scope | None
    file: str | None
    line: int | None
    source: str | None
    is_constant: bool

    def __repr__(self) -> str:
        return f"<node {self.index}, {clipped(self.name)}: {short(self.data)}>"

    @property
    def is_compiled(self) -> bool:
        """Whether it is a call of a compiled function, closed."""
        return is_compiled(self.operation)

    @property
    def function(self) -> str:
        """The name of the compiled function that it is a call of; "" if it is none."""
        return name_of(self.operation) if is_compiled(self.operation) else ""

    @property
    def in_formulas(self) -> str:
        """The name; of a plain number all its digits, since a formula is to be exact."""
        return number_text(self.data) if self.is_constant and self.label is None else self.name

    def edges(self) -> Iterator[tuple[int, int, float | None]]:
        """Each operand as (position, index of the parent, local derivative)."""
        for position, (parent, partial) in enumerate(zip(self.parents, self.partials)):
            yield position, parent, partial

    def to_dict(self) -> dict[str, Any]:
        """The record as data for JSON."""
        return {
            "index": self.index,
            "name": self.name,
            "label": self.label,
            "operation": self.operation.name if self.operation else None,
            "data": self.data,
            "gradient": self.gradient,
            "parents": list(self.parents),
            "local_derivatives": list(self.partials),
            "scope": self.scope.path() if self.scope else None,
            "line": {"file": self.file, "number": self.line, "source": self.source}
            if self.file
            else None,
            "constant": self.is_constant,
        }


def marks(node: Node) -> list[str]:
    """The warnings at a node: "nan", "inf", "gradient nan", "dead", "saturated".

    >>> from glassgrad import Value
    >>> from glassgrad.viz.diagram import Diagram
    >>> from glassgrad.viz.node import marks
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
    >>> from glassgrad.viz.node import counted_marks
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
