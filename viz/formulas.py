"""How an operation, and its local derivative, are written with the names of the operands."""

from __future__ import annotations

from collections.abc import Sequence

from glassgrad.engine import Formula, Operation, Reduction, derivative_formula
from glassgrad.viz.compiled import call, is_compiled, title_of
from glassgrad.viz.node import Node

_LONGEST = 80
_MOST_OPERANDS = 8


def written(operation: Operation | None, operands: Sequence[str]) -> str:
    """An operation on operands as a formula; "" for None, the operation of a leaf.

    >>> from glassgrad import TABLE
    >>> from glassgrad.viz.formulas import written
    >>> written(TABLE["mul"], ["w", "x"]), written(TABLE["dot"], ["a", "b", "x", "y"])
    ('w * x', 'dot([a, b], [x, y])')
    """
    if operation is None:
        return ""
    if is_compiled(operation):
        return call(title_of(operation), operands)
    pattern = operation.notation.text
    sides = [", ".join(side) for side in operation.sides(tuple(operands))]
    if isinstance(operation, Reduction):
        return pattern % (sides[0] if len(sides) == 1 else ", ".join(f"[{s}]" for s in sides))
    if sides[0].startswith("-") and brackets_first(operation):
        sides[0] = f"({sides[0]})"
    return pattern % tuple(sides)


def brackets_first(operation: Operation | None) -> bool:
    """Whether a negative number as the first operand stands in brackets, as in (-3) ** 2."""
    if operation is None or is_compiled(operation) or isinstance(operation, Reduction):
        return False
    return operation.notation.text.startswith(("-", "+")) or "**" in operation.notation.text


def symbol(node: Node) -> Formula:
    """A node as an operand: its name, or its number if it is a plain number without a label."""
    if node.is_constant and node.label is None:
        return Formula.literal(node.data)
    return Formula.symbol(node.name, node.data)


def local_derivative(node: Node, operands: Sequence[Node], position: int) -> Formula | None:
    """The derivative of a node by one of its operands, as a textbook writes it.

    Returns:
        The formula; None where it takes more than a line, or where there is none, since a compiled
        function has numbers only, and so has an operation whose rule is no formula.
    """
    operation = node.operation
    if operation is None or is_compiled(operation):
        return None
    if isinstance(operation, Reduction) and len(operands) > _MOST_OPERANDS:
        return None
    try:
        found = derivative_formula(operation, [symbol(operand) for operand in operands], position)
    except TypeError:
        return None
    return found if found is not None and len(found.text) <= _LONGEST else None
