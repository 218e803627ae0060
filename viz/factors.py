"""Wrong local derivatives: what usual mistakes take for the factor of an edge, and what to say.

Next: `suspects.py`, which knows what each of them makes of the whole gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from glassgrad.engine import TABLE
from glassgrad.viz.diagram import Node


class Edge(NamedTuple):
    """An edge on the way from the result back to the node that is differentiated by.

    Attributes:
        node, position, operand: the node, which of its operands, and that operand.
        operands: all operands of the node.
        local: the local derivative.
        upstream: the gradient of the node.
        reach: the derivative of the operand by the node that is differentiated by.
    """

    node: Node
    position: int
    operand: Node
    operands: Sequence[Node]
    local: float
    upstream: float
    reach: float

    @property
    def through(self) -> float:
        """What comes to the gradient along this edge."""
        return self.upstream * self.local * self.reach

    def of(self, *names: str, position: int | None = None) -> bool:
        """Whether its operation is one of these rows of the table, at this operand."""
        is_row = any(self.node.operation is TABLE[name] for name in names)
        return is_row and position in (None, self.position)


def _at(edge: Edge, x: float) -> float | None:
    """The derivative of a function of one operand at another operand."""
    operation = edge.node.operation
    if operation is None or edge.node.is_compiled or operation.arity != 1:
        return None
    return operation.partials((x,), operation.forward((x,)))[0]


def _with_input(edge: Edge) -> float | None:
    """The derivative as a textbook writes it, with the operand where the result belongs."""
    operation, x = edge.node.operation, edge.operand.data
    if operation is None or edge.node.is_compiled or operation.arity != 1:
        return None
    rule = operation.textbook[0]
    return rule(x, x) if callable(rule) else None


FACTORS: tuple[tuple[Callable[[Edge], float | None], str], ...] = (
    (
        lambda e: e.local / e.operands[1].data if e.of("pow", position=0) else None,
        "The exponent is missing: in the derivative of {node} it comes down as a factor.",
    ),
    (
        lambda e: e.operands[1].data * e.node.data if e.of("pow", position=0) else None,
        "In the derivative of {node} the exponent comes down as a factor, and is one less.",
    ),
    (
        lambda e: 1.0,
        "The factor of {function} is missing: by how much does {node} change with {operand}?",
    ),
    (
        _with_input,
        "In the derivative of {function} stands its output {node}, not its input {operand}.",
    ),
    (
        lambda e: _at(e, e.node.data),
        "The derivative of {function} is taken at its input {operand}, not at its output {node}.",
    ),
    (
        lambda e: e.node.data,
        "That takes the value of {node} for a factor: what is the derivative of {function}?",
    ),
    (
        lambda e: e.operand.data if e.of("mul") else None,
        "In a product, the derivative by one operand is the other: which one belongs to {operand}?",
    ),
    (
        lambda e: e.operands[1 - e.position].data if e.of("add", "sub") else None,
        "{node} is no product: by how much does it change with {operand}?",
    ),
    (
        lambda e: e.local * e.operand.data if e.of("div", position=1) else None,
        "The denominator {operand} is squared in the derivative of {node} by it.",
    ),
    (
        lambda e: _at(e, math.radians(e.operand.data)) if e.of("sin", "cos", "tan") else None,
        "That takes degrees: {function} takes radians.",
    ),
    (lambda e: -e.local, "The sign of one factor: does {node} grow or fall when {operand} grows?"),
    (lambda e: 1.0 / e.local, "The factor of {function} is upside down."),
)
"""The wrong local derivative, None where the mistake cannot be made; and the sentence."""
