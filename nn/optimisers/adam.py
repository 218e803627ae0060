"""Adam and AdamW: every parameter goes at a pace of its own.

A gradient is divided by the size that gradients of that parameter have had lately, so that the
learning rate says how far a parameter goes, whatever the scale of the loss. With the same options
they give the numbers of `torch.optim`, up to rounding. Next: `rmsprop.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from glassgrad.engine.vectors import Vector
from glassgrad.nn.arguments import explained
from glassgrad.nn.checks import Check, not_negative, two_below_one
from glassgrad.nn.optimisers.groups import Group, Parameters
from glassgrad.nn.optimisers.optimiser import Optimiser, running, with_decay
from glassgrad.nn.optimisers.state import State


class Adam(Optimiser):
    """Steps of about the learning rate for every parameter, whatever the size of its gradients.

    A running mean of the gradients gives the direction, and a running mean of their squares the
    size that they have had lately; the step is the one by the root of the other. Both means begin
    at 0, too small, which is corrected for.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization" (2015), algorithm 1; `eps` is added
    to the root of the corrected mean, as there and in PyTorch.

    Args:
        parameters: leaf Values or groups of them; see `Optimiser`.
        learning_rate: the size of a step, 0 or more.
        betas: how much of the mean of gradients and of that of squares stays in each step.
        eps: keeps the quotient finite where gradients are 0.
        weight_decay: pulls parameters to 0: this times the number is added to its gradient. The
            pull is divided by the size of the gradients too; `AdamW` avoids that.

    Raises:
        TypeError: there is something else than leaf Values among the parameters.
        ValueError: there are no parameters, one is given twice, or an option cannot be.

    Example:
        >>> from glassgrad import Adam, Value
        >>> w = Value(3.0)
        >>> optimiser = Adam([w], learning_rate=0.1)
        >>> (w * w).backward()
        >>> optimiser.step()
        >>> round(w.data, 6)
        2.9
    """

    OPTIONS: ClassVar[Mapping[str, Check]] = {
        "learning_rate": not_negative,
        "betas": two_below_one,
        "eps": not_negative,
        "weight_decay": not_negative,
    }
    STATE = ("mean", "square", "steps")

    @explained()
    def __init__(
        self,
        parameters: Parameters,
        learning_rate: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            parameters,
            learning_rate=learning_rate,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
        )

    def rule(self, numbers: Vector, gradients: Vector, state: State, group: Group) -> Vector:
        """Number ← number - learning_rate × mean / (√square + eps), both means corrected."""
        return numbers - _adam_move(with_decay(gradients, numbers, group), state, group)


class AdamW(Adam):
    """Adam, with a weight decay of its own: numbers shrink by the same share at every step.

    Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019), scaled by the learning
    rate as in PyTorch.

    Args:
        parameters: leaf Values or groups of them; see `Optimiser`.
        learning_rate: the size of a step, 0 or more.
        betas: how much of the mean of gradients and of that of squares stays in each step.
        eps: keeps the quotient finite where gradients are 0.
        weight_decay: before each step a number loses learning_rate × weight_decay of itself.

    Raises:
        TypeError: there is something else than leaf Values among the parameters.
        ValueError: there are no parameters, one is given twice, or an option cannot be.

    Example:
        >>> from glassgrad import AdamW, Value
        >>> w = Value(3.0)
        >>> optimiser = AdamW([w], learning_rate=0.1, weight_decay=0.5)
        >>> w.grad = 0.0
        >>> optimiser.step()
        >>> round(w.data, 6)  # 3 less 5 %
        2.85
    """

    @explained()
    def __init__(
        self,
        parameters: Parameters,
        learning_rate: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, learning_rate, betas=betas, eps=eps, weight_decay=weight_decay)

    def rule(self, numbers: Vector, gradients: Vector, state: State, group: Group) -> Vector:
        """The numbers shrunk by learning_rate × weight_decay, and then the step of `Adam`."""
        shrunk: Vector = numbers * (1.0 - group.learning_rate * group.weight_decay)
        return shrunk - _adam_move(gradients, state, group)


def _adam_move(gradients: Vector, state: State, group: Group) -> Vector:
    for_mean, for_square = group.betas
    mean = state["mean"] = running(for_mean, state["mean"], gradients)
    square = state["square"] = running(for_square, state["square"], gradients * gradients)
    state["steps"] = state["steps"] + 1.0
    steps = _one_or_all(state["steps"])
    root = np.sqrt(square) / np.sqrt(1.0 - for_square**steps)
    moves: Vector = group.learning_rate / (1.0 - for_mean**steps) * mean / (root + group.eps)
    return moves


def _one_or_all(steps: Vector) -> Any:
    """The number of steps, one for all parameters where it is the same: powers take time."""
    return steps[0] if (steps == steps[0]).all() else steps
