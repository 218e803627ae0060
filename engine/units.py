"""Units: the operations that bend a weighted sum, and when one of them learns nothing.

A relu whose input is negative is dead: its local derivative is 0, so nothing before it learns from
this sample. A sigmoid or tanh far out on its flat part is saturated: next to nothing gets through.
Drawings (`viz/marks.py`) and the gradient health of a model (`nn/health/found.py`) both read this.
"""

from __future__ import annotations

from glassgrad.engine.operation import Operation
from glassgrad.engine.row import TABLE

UNITS = frozenset(
    ("relu", "tanh", "sigmoid", "leaky_relu", "elu", "silu", "gelu", "gelu_tanh", "softplus")
)
"""The names of operations that serve as activations."""

SATURATED = 0.01
"""A sigmoid or tanh whose local derivative is below this share of its largest is saturated."""
_LARGEST = {"tanh": 1.0, "sigmoid": 0.25}
_STILL = {"relu": "dead", **dict.fromkeys(_LARGEST, "saturated")}


def is_unit(operation: Operation | None) -> bool:
    """Whether an operation is an activation of the table; a compiled `relu` of a user's is none.

    >>> from glassgrad import TABLE
    >>> from glassgrad.engine.units import is_unit
    >>> is_unit(TABLE["gelu"]), is_unit(TABLE["add"]), is_unit(None)
    (True, False, False)
    """
    return operation is not None and operation.name in UNITS and TABLE[operation.name] is operation


def still_name(operation: Operation | None) -> str:
    """What a unit is called when it learns nothing: "dead", "saturated", or "" for what never is.

    >>> from glassgrad import TABLE
    >>> from glassgrad.engine.units import still_name
    >>> still_name(TABLE["relu"]), still_name(TABLE["sigmoid"]), still_name(TABLE["exp"])
    ('dead', 'saturated', '')
    """
    return _STILL.get(operation.name, "") if is_unit(operation) and operation else ""


def is_still(operation: Operation | None, slope: float | None) -> bool:
    """Whether a unit lets no gradient through, or next to none.

    Args:
        operation: the row of the table that made it, or None for a leaf.
        slope: its local derivative, or None where there is none.

    >>> from glassgrad import TABLE
    >>> from glassgrad.engine.units import is_still
    >>> is_still(TABLE["tanh"], 0.005), is_still(TABLE["tanh"], 0.5), is_still(TABLE["relu"], 0.0)
    (True, False, True)
    """
    if operation is None or slope is None or not still_name(operation):
        return False
    return slope == 0.0 or abs(slope) < SATURATED * _LARGEST.get(operation.name, 0.0)
