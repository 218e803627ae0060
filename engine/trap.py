"""`trap()`: the first nan or infinity raises, and says where it arose."""

from __future__ import annotations

from math import isfinite
from types import FrameType
from typing import Any

from glassgrad.engine.context import Block, Observer, current, observing
from glassgrad.engine.errors import NonFiniteError
from glassgrad.engine.misuse import name, names
from glassgrad.engine.op import Operation
from glassgrad.engine.provenance import line_of, made_by, place
from glassgrad.engine.value import Value, number_of


class Trap(Observer):
    """It looks at numbers as they are computed, and at gradients as they flow back."""

    sees_rules = False

    def computed(self, operation: Operation, operands: Any, data: float, frame: FrameType) -> None:
        if not isfinite(data):
            line = line_of(*made_by(frame, current()))
            raise NonFiniteError(
                f"{operation.name}({names(operands)}) is {data}. It was created {place(line)}."
            )

    def sent(self, node: Value, upstream: Any, local: Any, total: Any) -> None:
        upstream, local, total = map(number_of, (upstream, local, total))
        if not isfinite(total):
            assert node.operation is not None
            raise NonFiniteError(
                f"Backpropagation through {node.operation.name}({names(node.parents)}) gives a "
                f"gradient of {total}: upstream {upstream:.6g} times local derivative {local:.6g} "
                f"was added to it. The node was created {place(node.line)}."
            )

    def moved(self, node: Value, tangent: float) -> None:
        if node.operation is not None and not isfinite(tangent):
            raise NonFiniteError(
                f"{node.operation.name}({names(node.parents)}) has a derivative of {tangent} in "
                f"the direction of jvp. The node was created {place(node.line)}."
            )

    def accumulated(self, leaf: Value, before: float, new: float, total: float) -> None:
        if not isfinite(total):
            raise NonFiniteError(
                f"The gradient of the leaf {name(leaf)} becomes {total}: "
                f"{new:.6g} is added to {before:.6g}, which it has from before."
            )


def is_trapping() -> bool:
    """Whether `trap()` is open here."""
    return Trap in map(type, current().observers)


def trap() -> Block:
    """During a `with` block, the first nan or infinity raises an error that says where it arose.

    It watches values as they are computed and gradients as they flow back. It costs time, so
    it is meant for the search, not for the run.

    Raises:
        NonFiniteError: names the operation, its operands and the line that created the node.

    >>> from glassgrad import Value, log, trap
    >>> with trap():
    ...     log(Value(0.0, label="x"))
    Traceback (most recent call last):
    glassgrad.engine.errors.NonFiniteError: log(x = 0) is -inf. It was created at ..., line 2.
    """
    return observing("trap()", Trap())
