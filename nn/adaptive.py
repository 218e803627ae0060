"""Optimisers that give every parameter a pace of its own: Adam, AdamW, RMSprop, Adagrad.

All divide a gradient by the size that gradients of that parameter have had, so that the learning
rate says how far a parameter goes, whatever the scale of the loss. Each rule is one short method,
`rule`, that reads like its formula. With the same options it gives the numbers of `torch.optim`,
up to rounding. What they have in common with `SGD` in `optimisers.py` is in `optimiser.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from engine.vector import Vector
from nn.groups import (
    Check,
    Group,
    Parameters,
    below_one,
    not_negative,
    true_or_false,
    two_below_one,
)
from nn.optimiser import Optimiser, State, with_decay


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
        >>> from engine import Value
        >>> from nn import Adam
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
        >>> from engine import Value
        >>> from nn import AdamW
        >>> w = Value(3.0)
        >>> optimiser = AdamW([w], learning_rate=0.1, weight_decay=0.5)
        >>> w.grad = 0.0
        >>> optimiser.step()
        >>> round(w.data, 6)  # 3 less 5 %
        2.85
    """

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
        >>> from engine import Value
        >>> from nn import RMSprop
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
        spread = state["square"] = _running(group.alpha, state["square"], gradients * gradients)
        if group.centered:
            mean = state["mean"] = _running(group.alpha, state["mean"], gradients)
            spread = np.maximum(spread - mean * mean, 0.0)
        move: Vector = gradients / (np.sqrt(spread) + group.eps)
        if group.momentum != 0.0:
            move = state["velocity"] = group.momentum * state["velocity"] + move
        return numbers - rate * move


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
        >>> from engine import Value
        >>> from nn import Adagrad
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


def _running(share: float, mean: Vector, news: Vector) -> Vector:
    """An exponential running mean, of which `share` stays."""
    return share * mean + (1.0 - share) * news


def _adam_move(gradients: Vector, state: State, group: Group) -> Vector:
    for_mean, for_square = group.betas
    mean = state["mean"] = _running(for_mean, state["mean"], gradients)
    square = state["square"] = _running(for_square, state["square"], gradients * gradients)
    state["steps"] = state["steps"] + 1.0
    steps = _one_or_all(state["steps"])
    root = np.sqrt(square) / np.sqrt(1.0 - for_square**steps)
    moves: Vector = group.learning_rate / (1.0 - for_mean**steps) * mean / (root + group.eps)
    return moves


def _one_or_all(steps: Vector) -> Any:
    """The number of steps, one for all parameters where it is the same: powers take time."""
    return steps[0] if (steps == steps[0]).all() else steps
