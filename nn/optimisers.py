"""The rules by which parameters move along their gradients: SGD, Adam, AdamW, Adagrad, RMSprop.

After `backward()`, `step()` moves all parameters, and `zero_grad()` clears their gradients for the
next sample. A class of optimisers is its `rule`, a formula on arrays with a number for each
parameter; everything else is the business of `Optimiser`, in `optimiser.py`. All give the numbers
of `torch.optim`, up to rounding.
Next: `clipping.py`, what limits gradients before a step, and `schedules.py`, how learning rates
change in time.

All optimisers take the same, and refuse what cannot be with a TypeError or a ValueError:

Args:
    parameters: leaf Values, for example `model.parameters()`; or groups of them with options of
        their own, dicts as `{"parameters": [...], "learning_rate": 0.01}`.
    learning_rate: the size of a step, 0 or more.
    weight_decay: pulls parameters to 0: this times the number is added to its gradient.
    momentum: how much of the velocity stays in each step, 0 or more; 0.9 is common.
    eps: keeps a quotient finite where gradients are 0.
    maximize: whether to climb: to move along the gradient instead of against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from glassgrad.engine import computed_gradients, descend
from glassgrad.engine.vectors import Vector
from glassgrad.nn.checks import (
    Flag,
    NotNegative,
    Share,
    finite,
    two_below_one,
)
from glassgrad.nn.optimiser import Group, Optimiser, Parameters, State


def with_decay(gradients: Vector, numbers: Vector, group: Group) -> Vector:
    """The gradients with weight_decay × numbers, the gradient of ½ weight_decay × numbers²."""
    decay: float = group.weight_decay
    if decay == 0.0:  # 0 × inf would be nan
        return gradients
    pulled = decay * numbers
    pulled += gradients
    return pulled


def running(share: float, mean: Vector, news: Vector) -> Vector:
    return share * mean + (1.0 - share) * news


class SGD(Optimiser):
    """Gradient descent: every parameter moves by -learning_rate × its gradient.

    With momentum a parameter is a heavy ball: its velocity is the gradients added up, the older
    ones fading, so that it rolls on along a valley and swings less across it.

    Args:
        dampening: the share of each gradient but the first that does not enter the velocity.
        nesterov: whether to look ahead, to the velocity to come; needs momentum, no dampening.

    Cauchy (1847); on samples Robbins and Monro (1951); momentum Polyak (1964); `nesterov` Nesterov
    (1983) as Sutskever et al. (2013) write it.

    >>> from glassgrad import SGD, Value
    >>> w = Value(3.0)
    >>> optimiser = SGD([w], learning_rate=0.1)
    >>> (w * w).backward()
    >>> optimiser.step()
    >>> w.data
    2.4
    """

    STATE = ("velocity", "steps")  # the steps with momentum: the first has no velocity yet

    def __init__(
        self,
        parameters: Parameters,
        learning_rate: NotNegative,
        *,
        momentum: NotNegative = 0.0,
        dampening: Annotated[float, finite] = 0.0,
        weight_decay: NotNegative = 0.0,
        nesterov: Flag = False,
        maximize: Flag = False,
    ) -> None:
        super().__init__(**self._arguments(locals()))

    @staticmethod
    def agree(options: Mapping[str, Any]) -> None:
        """Refuse a look ahead without a velocity that is whole."""
        if options["nesterov"] and (options["momentum"] == 0.0 or options["dampening"] != 0.0):
            raise ValueError("SGD(nesterov=True) needs a momentum above 0 and no dampening.")

    def step(self) -> None:
        """The step of all optimisers; where it is number - learning_rate × gradient, by that."""
        group = self.groups[0]
        is_plain = group.momentum == group.weight_decay == 0.0 and not group.maximize
        is_own_rule = getattr(self.rule, "__func__", None) is not SGD._careful_rule
        if len(self.groups) > 1 or not is_plain or is_own_rule:
            super().step()
        else:
            # The same bits without arrays, which would take 15 % of a compiled step on two moons.
            descend(self.parameters, group.learning_rate)
            if self._is_new:
                self._tell_if_idle(computed_gradients(self.parameters)[1])

    def rule(self, numbers: Vector, gradients: Vector, state: State, group: Group) -> Vector:
        """Number ← number - learning_rate × velocity.

        Velocity ← momentum × velocity + (1 - dampening) × gradient; at first, and without momentum,
        the gradient. With `nesterov` gradient + momentum × velocity takes its place in the step.
        """
        rate: float = group.learning_rate
        gradients = with_decay(gradients, numbers, group)
        if group.momentum == 0.0:
            return numbers - rate * gradients
        velocity: Vector = group.momentum * state["velocity"]
        steps = state["steps"]
        if group.dampening == 0.0:  # at first 0 + gradient
            velocity += gradients
        else:
            faded = velocity + (1.0 - group.dampening) * gradients
            velocity = np.where(steps > 0.0, faded, gradients)
        state["velocity"], state["steps"] = velocity, steps + 1.0
        ahead = gradients + group.momentum * velocity if group.nesterov else velocity
        moves: Vector = rate * ahead
        return np.subtract(numbers, moves, out=moves)


class Adam(Optimiser):
    """Steps of about the learning rate for every parameter, whatever the size of its gradients.

    The step is a running mean of the gradients by the root of one of their squares. Both begin at
    0, too small, which is corrected for. Kingma and Ba, "Adam" (2015), algorithm 1; `amsgrad` is of
    Reddi, Kale and Kumar, "On the Convergence of Adam and Beyond" (2018).

    Args:
        betas: how much of the mean of gradients and of that of squares stays in each step.
        weight_decay: its pull is divided by the size of the gradients too; `AdamW` avoids that.
        amsgrad: whether to divide by the largest mean of squares so far instead of the last.

    >>> from glassgrad import Adam, Value
    >>> w = Value(3.0)
    >>> optimiser = Adam([w], learning_rate=0.1)
    >>> (w * w).backward()
    >>> optimiser.step()
    >>> round(w.data, 6)
    2.9
    """

    STATE = ("mean", "square", "largest", "steps")

    def __init__(
        self,
        parameters: Parameters,
        learning_rate: NotNegative = 1e-3,
        *,
        betas: Annotated[tuple[float, float], two_below_one] = (0.9, 0.999),
        eps: NotNegative = 1e-8,
        weight_decay: NotNegative = 0.0,
        amsgrad: Flag = False,
        maximize: Flag = False,
    ) -> None:
        super().__init__(**self._arguments(locals()))

    def rule(self, numbers: Vector, gradients: Vector, state: State, group: Group) -> Vector:
        """Number ← number - learning_rate × mean / (√square + eps), both means corrected."""
        return self._step(numbers, with_decay(gradients, numbers, group), state, group)

    def _step(self, numbers: Vector, gradients: Vector, state: State, group: Group) -> Vector:
        for_mean, for_square = group.betas
        mean = state["mean"] = running(for_mean, state["mean"], gradients)
        square = state["square"] = running(for_square, state["square"], gradients * gradients)
        if group.amsgrad:
            square = state["largest"] = np.maximum(state["largest"], square)
        steps = state["steps"] = state["steps"] + 1.0
        if (steps == steps[0]).all():
            steps = steps[:1]  # one power for all: powers take time
        root = np.sqrt(square) / np.sqrt(1.0 - for_square**steps)
        moves: Vector = group.learning_rate / (1.0 - for_mean**steps) * mean / (root + group.eps)
        return numbers - moves


class AdamW(Adam):
    """Adam, with a weight decay of its own: numbers shrink by the same share at every step.

    Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2019).

    Args:
        weight_decay: before each step a number loses learning_rate × weight_decay of itself.
        betas, eps, amsgrad, maximize: as those of `Adam`.

    >>> from glassgrad import AdamW, Value
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
        learning_rate: NotNegative = 1e-3,
        *,
        betas: Annotated[tuple[float, float], two_below_one] = (0.9, 0.999),
        eps: NotNegative = 1e-8,
        weight_decay: NotNegative = 1e-2,
        amsgrad: Flag = False,
        maximize: Flag = False,
    ) -> None:
        super().__init__(**self._arguments(locals()))

    def rule(self, numbers: Vector, gradients: Vector, state: State, group: Group) -> Vector:
        """The numbers shrunk by learning_rate × weight_decay, and then the step of `Adam`."""
        shrunk: Vector = numbers * (1.0 - group.learning_rate * group.weight_decay)
        return self._step(shrunk, gradients, state, group)


class Adagrad(Optimiser):
    """Every gradient is divided by the root of the sum of all its squares so far.

    A parameter that has moved much slows down: good where most gradients are mostly 0, as those of
    embeddings are. Duchi, Hazan and Singer, "Adaptive Subgradient Methods" (2011).

    Args:
        learning_rate_decay: how fast the learning rate itself goes down; see `rule`.

    >>> from glassgrad import Adagrad, Value
    >>> w = Value(3.0)
    >>> optimiser = Adagrad([w], learning_rate=0.5)
    >>> for _ in range(4):
    ...     w.grad = 1.0
    ...     optimiser.step()
    >>> round(w.data, 6)  # 3 - 0.5 (1 + 1/√2 + 1/√3 + 1/√4)
    1.607771
    """

    STATE = ("squares", "steps")

    def __init__(
        self,
        parameters: Parameters,
        learning_rate: NotNegative = 1e-2,
        *,
        learning_rate_decay: NotNegative = 0.0,
        weight_decay: NotNegative = 0.0,
        eps: NotNegative = 1e-10,
        maximize: Flag = False,
    ) -> None:
        super().__init__(**self._arguments(locals()))

    def rule(self, numbers: Vector, gradients: Vector, state: State, group: Group) -> Vector:
        """Number ← number - rate × gradient / (√squares + eps), squares ← squares + gradient².

        In step t the rate is learning_rate / (1 + (t - 1) × learning_rate_decay).
        """
        gradients = with_decay(gradients, numbers, group)
        decay: float = group.learning_rate_decay
        rate = group.learning_rate / (1.0 + state["steps"] * decay)
        state["squares"] = state["squares"] + gradients * gradients
        state["steps"] = state["steps"] + 1.0
        moves: Vector = rate * gradients / (np.sqrt(state["squares"]) + group.eps)
        return numbers - moves


class RMSprop(Optimiser):
    """Every gradient is divided by the root of the running mean of its squares.

    So steep and flat directions move at about the same pace. Tieleman and Hinton, "Neural Networks
    for Machine Learning", lecture 6.5 (2012); centred and with momentum as Graves (2013).

    Args:
        alpha: how much of the mean of squares stays in each step.
        centered: whether to divide by the standard deviation, so that steps are large where
            gradients agree; a variance that rounding made negative counts as 0.

    >>> from glassgrad import RMSprop, Value
    >>> w = Value(3.0)
    >>> optimiser = RMSprop([w], learning_rate=0.1, alpha=0.75)
    >>> (w * w).backward()
    >>> optimiser.step()
    >>> round(w.data, 6)
    2.8
    """

    STATE = ("square", "mean", "velocity")

    def __init__(
        self,
        parameters: Parameters,
        learning_rate: NotNegative = 1e-2,
        *,
        alpha: Share = 0.99,
        eps: NotNegative = 1e-8,
        weight_decay: NotNegative = 0.0,
        momentum: NotNegative = 0.0,
        centered: Flag = False,
        maximize: Flag = False,
    ) -> None:
        super().__init__(**self._arguments(locals()))

    def rule(self, numbers: Vector, gradients: Vector, state: State, group: Group) -> Vector:
        """Number ← number - learning_rate × velocity.

        Velocity ← momentum × velocity + gradient / (√spread + eps). The spread is the running mean
        of gradient²; with `centered`, less the square of the running mean of the gradients.
        """
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
