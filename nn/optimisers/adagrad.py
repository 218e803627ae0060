"""Adagrad: gradients divided by the root of the sum of all their squares so far.

With the same options it gives the numbers of `torch.optim`, up to rounding. Next: `schedule.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from glassgrad.engine.vectors import Vector
from glassgrad.nn.arguments import explained
from glassgrad.nn.checks import Check, not_negative
from glassgrad.nn.optimisers.groups import Group, Parameters
from glassgrad.nn.optimisers.optimiser import Optimiser, with_decay
from glassgrad.nn.optimisers.state import State


class Adagrad(Optimiser):
    """Every gradient is divided by the root of the sum of all its squares so far.

    A parameter that has moved little moves readily, one that has moved much slows down; good
    where many gradients are mostly 0, as those of embeddings are.

    Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization" (2011), with the options of PyTorch.

    Args:
        parameters: leaf Values or groups of them; see `Optimiser`.
        learning_rate: the size of a step, 0 or more.
        learning_rate_decay: in step t the rate is learning_rate / (1 + (t - 1) × this).
        weight_decay: pulls parameters to 0: this times the number is added to its gradient.
        initial_accumulator_value: what the sums of squares begin with, of all groups.
        eps: keeps the quotient finite where gradients are 0.

    Raises:
        TypeError: there is something else than leaf Values among the parameters.
        ValueError: there are no parameters, one is given twice, or an option cannot be.

    Example:
        >>> from glassgrad import Adagrad, Value
        >>> w = Value(3.0)
        >>> optimiser = Adagrad([w], learning_rate=0.5)
        >>> for _ in range(4):
        ...     w.grad = 1.0
        ...     optimiser.step()
        >>> round(w.data, 6)  # 0.5 (1 + 1/√2 + 1/√3 + 1/√4) less
        1.607771
    """

    OPTIONS: ClassVar[Mapping[str, Check]] = {
        "learning_rate": not_negative,
        "learning_rate_decay": not_negative,
        "weight_decay": not_negative,
        "eps": not_negative,
    }
    STATE = ("squares", "steps")

    @explained()
    def __init__(
        self,
        parameters: Parameters,
        learning_rate: float = 1e-2,
        *,
        learning_rate_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(
            parameters,
            learning_rate=learning_rate,
            learning_rate_decay=learning_rate_decay,
            weight_decay=weight_decay,
            eps=eps,
        )
        role = "Adagrad(initial_accumulator_value=...)"
        self._state["squares"] += not_negative(initial_accumulator_value, role)

    def rule(self, numbers: Vector, gradients: Vector, state: State, group: Group) -> Vector:
        """Number ← number - learning_rate × gradient / (√squares + eps)."""
        gradients = with_decay(gradients, numbers, group)
        decay: float = group.learning_rate_decay
        rate = group.learning_rate / (1.0 + state["steps"] * decay)
        state["squares"] = state["squares"] + gradients * gradients
        state["steps"] = state["steps"] + 1.0
        moves: Vector = rate * gradients / (np.sqrt(state["squares"]) + group.eps)
        return numbers - moves
