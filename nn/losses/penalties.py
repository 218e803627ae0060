"""Penalties: what large parameters cost, to be added to a loss.

`loss + l2(model.parameters(), 1e-4)` is one Value; its gradient pulls every parameter towards 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from glassgrad.engine import Value, dot
from glassgrad.engine import sum as total
from glassgrad.engine.text import describe
from glassgrad.engine.tree import listed
from glassgrad.nn.checks import not_negative


def l1(parameters: Iterable[Value], strength: Any) -> Value:
    """A cost of strength · Σ|p|, which makes many parameters nearly 0 (Tibshirani 1996).

    Its derivative by a parameter that is 0 is 0.

    Args:
        parameters: Values, for example `model.parameters()`.
        strength: how much it counts, a number from 0 on, or a Value.

    Returns:
        A Value.

    Raises:
        TypeError: there is something else than Values, or `strength` is no number.
        ValueError: `strength` is negative or not finite, or there are no parameters.

    >>> from glassgrad import Value, l1
    >>> l1([Value(3.0), Value(-4.0)], 0.5).data
    3.5
    """
    strength = _strength("l1", strength)
    cost: Value = strength * total([abs(p) for p in _values("l1", parameters)])
    return cost


def l2(parameters: Iterable[Value], strength: Any) -> Value:
    """A cost of strength · Σp², which keeps all parameters small (Hoerl and Kennard 1970).

    Args:
        parameters: see `l1`.
        strength: see `l1`.

    Returns:
        A Value.

    Raises:
        TypeError, ValueError: see `l1`.

    >>> from glassgrad import Value, l2
    >>> l2([Value(3.0), Value(-4.0)], 0.5).data
    12.5
    """
    strength, values = _strength("l2", strength), _values("l2", parameters)
    cost: Value = strength * dot(values, values)  # one node, not one more for each parameter
    return cost


def _strength(penalty: str, strength: Any) -> Any:
    if isinstance(strength, Value):
        return strength
    return not_negative(strength, f"{penalty}(strength=...)")


def _values(penalty: str, parameters: Iterable[Value]) -> list[Value]:
    values = listed(parameters, penalty, "the parameters in a list, such as model.parameters(),")
    for value in values:
        if not isinstance(value, Value):
            raise TypeError(f"{penalty} takes parameters, which are Values, not {describe(value)}.")
    if not values:
        raise ValueError(f"{penalty} of no parameters costs nothing; give model.parameters().")
    return values
