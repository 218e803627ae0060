"""RMSprop: gradients divided by the root of a running mean of their squares.

With the same options it gives the numbers of `torch.optim`, up to rounding. Next: `adagrad.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from glassgrad.engine.vectors import Vector
from glassgrad.nn.arguments import explained
from glassgrad.nn.checks import Check, below_one, not_negative, true_or_false
from glassgrad.nn.optimisers.groups import Group, Parameters
from glassgrad.nn.optimisers.optimiser import Optimiser, running, with_decay
from glassgrad.nn.optimisers.state import State


class RMSprop(Optimiser):
    """Every gradient is divided by the root of the running mean of its squares.

    So steep and flat directions move at about the same pace. `centered` divides by the standard
    deviation instead: large steps where gradients agree, small ones where they do not.

    Tieleman and Hinton, "Neural Networks for Machine Learning", lecture 6.5 (2012); centred and
    with momentum as Graves, "Generating Sequences With Recurrent Neural Networks" (2013). As in
    PyTorch `eps` is added after the root; a variance that rounding made negative counts as 0.

    Args:
        parameters: leaf Values or groups of them; see `Optimiser`.
        learning_rate: the size of a step, 0 or more.
        alpha: how much of the mean of squares stays in each step.
        eps: keeps the quotient finite where gradients are 0.
        weight_decay: pulls parameters to 0: this times the number is added to its gradient.
        momentum: how much of the velocity stays in each step, 0 or more.
        centered: whether to divide by the standard deviation.

    Raises:
        TypeError: there is something else than leaf Values among the parameters.
        ValueError: there are no parameters, one is given twice, or an option cannot be.

    Example:
        >>> from glassgrad import RMSprop, Value
        >>> w = Value(3.0)
        >>> optimiser = RMSprop([w], learning_rate=0.1, alpha=0.75)
        >>> (w * w).backward()
        >>> optimiser.step()
        >>> round(w.data, 6)
        2.8
    """

    OPTIONS: ClassVar[Mapping[str, Check]] = {
        "learning_rate": not_negative,
        "alpha": below_one,
        "eps": not_negative,
        "weight_decay": not_negative,
        "momentum": not_negative,
        "centered": true_or_false,
    }
    STATE = ("square", "mean", "velocity")

    @explained()
    def __init__(
        self,
        parameters: Parameters,
        learning_rate: float = 1e-2,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            learning_rate=learning_rate,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
        )

    def rule(self, numbers: Vector, gradients: Vector, state: State, group: Group) -> Vector:
        """Number ← number - learning_rate × gradient / (√square + eps)."""
        rate: float = group.learning_rate
        gradients = with_decay(gradients, numbers, group)
        spread = state["square"] = running(group.alpha, state["square"], gradients * gradients)
        if group.centered:
            mean = state["mean"] = running(group.alpha, state["mean"], gradients)
            spread = np.maximum(spread - mean * mean, 0.0)
        move: Vector = gradients / (np.sqrt(spread) + group.eps)
        if group.momentum != 0.0:
            move = state["velocity"] = group.momentum * state["velocity"] + move
        return numbers - rate * move
