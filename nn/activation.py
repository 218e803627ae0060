"""The choice of an activation: the name of a row of the engine's table, or a function.

The formulas and their derivatives are rows of `engine/table.py`; nothing is defined twice here.
A neuron in `dense.py` applies its activation to the weighted sum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from glassgrad.engine import TABLE, Operation, Value
from glassgrad.engine.misuse import not_defined
from glassgrad.engine.provenance import is_ours
from glassgrad.engine.text import similar

Function = Callable[[Value], Value]

Activation: TypeAlias = str | Function | None
"""A name from `ACTIVATIONS`, a function from a Value to a Value, or None for "linear"."""


def linear(v: Value) -> Value:
    """The activation that does nothing: the weighted sum itself, as in a regression's output.

    >>> from glassgrad import Value, linear
    >>> linear(Value(3.0)).data
    3.0
    """
    return v


ACTIVATIONS = ("linear", *(name for name, row in TABLE.items() if row.takes_one))
"""The activations of glassgrad that can be chosen by name: the rows of the table with one operand.
Operations of your own can be chosen too."""
_NAMES = f"Choose one of {', '.join(ACTIVATIONS)}, or give a function of a Value."


def activation_function(choice: Activation) -> Function:
    if choice is None:
        return linear
    if isinstance(choice, Operation):
        choice = choice.name
    if not isinstance(choice, str):
        if callable(choice):
            return row_of(choice) or choice
        raise TypeError(
            f"An activation is a name, a function of a Value, or None, not {choice!r}. {_NAMES}"
        )
    if choice == "linear":
        return linear
    row = TABLE.get(choice)
    if row is None:
        raise ValueError(f"There is no activation {choice!r}. {_meant(choice)}")
    if not row.takes_one:
        raise ValueError(f"There is no activation {choice!r}: {choice} takes {row.takes()}.")
    return row


def row_of(function: object) -> Operation | None:
    """The row of the table that a function is, or that it is the method of Value of; else None."""
    row = TABLE.get(getattr(function, "__name__", ""))
    if row is None or not row.takes_one:
        return None
    is_method = getattr(function, "__qualname__", "") == f"{Value.__name__}.{row.name}"
    return row if function is row or (is_method and is_ours(function)) else None


def _meant(name: str) -> str:
    if name == "softmax":
        return 'For several classes end with "linear", and train with cross_entropy.'
    meant = similar(name, ACTIVATIONS)
    remedy = f"Did you mean {meant!r}? {not_defined(name)}"
    return remedy if meant else f"{not_defined(name)} {_NAMES}"
