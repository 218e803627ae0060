"""How an operation is written with the names, or the numbers, of its operands."""

from __future__ import annotations

from collections.abc import Sequence

from glassgrad.engine import Operation, Reduction
from glassgrad.viz.compiled import call, is_compiled, title_of


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
    if sides[0].startswith("-") and (pattern.startswith(("-", "+")) or "**" in pattern):
        sides[0] = f"({sides[0]})"
    return pattern % tuple(sides)
