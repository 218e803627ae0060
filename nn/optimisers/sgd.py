"""Gradient descent, plain and with momentum.

Each rule of an optimiser is one short method, `rule`, that reads like its formula. It works on
arrays: a number for each parameter. With the same options it gives the numbers of `torch.optim`, up
to rounding. What all optimisers have in common is in `optimiser.py`. Next: `adam.py`, the first of
those that give every parameter a pace of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from glassgrad.engine import descend
from glassgrad.engine.vectors import Vector
from glassgrad.nn.arguments import explained
from glassgrad.nn.checks import Check, finite, not_negative, true_or_false
from glassgrad.nn.optimisers.groups import Group, Parameters
from glassgrad.nn.optimisers.optimiser import Optimiser, with_decay
from glassgrad.nn.optimisers.state import State


class SGD(Optimiser):
    """Gradient descent: every parameter moves by -learning_rate × its gradient.

    With momentum a parameter is a heavy ball: its velocity is the gradients added up, the older
    ones fading, so that it rolls on along a valley and swings less across it.

    The method of gradients is Cauchy's (1847), on samples Robbins and Monro's (1951); momentum is
    Polyak's heavy ball (1964); `nesterov` is Nesterov's look ahead (1983) as Sutskever et al.
    (2013) write it. The first velocity is the gradient, undamped, as in PyTorch.

    Args:
        parameters: leaf Values or groups of them; see `Optimiser`.
        learning_rate: the size of a step, 0 or more.
        momentum: how much of the velocity stays in each step, 0 or more; 0.9 is common.
        dampening: the share of each gradient that does not enter the velocity.
        weight_decay: pulls parameters to 0: this times the number is added to its gradient.
        nesterov: whether to look ahead: to move by the gradient and the velocity to come. It needs
            momentum and no dampening.
        maximize: whether to climb: to move by +learning_rate × gradient, as PyTorch does.

    Raises:
        TypeError: there is something else than leaf Values among the parameters.
        ValueError: there are no parameters, one is given twice, or an option cannot be.

    Example:
        >>> from glassgrad import SGD, Value
        >>> w = Value(3.0)
        >>> optimiser = SGD([w], learning_rate=0.1)
        >>> (w * w).backward()
        >>> optimiser.step()
        >>> w.data
        2.4
    """

    OPTIONS: ClassVar[Mapping[str, Check]] = {
        "learning_rate": not_negative,
        "momentum": not_negative,
        "dampening": finite,
        "weight_decay": not_negative,
        "nesterov": true_or_false,
        "maximize": true_or_false,
    }
    LATER: ClassVar[Mapping[str, Any]] = {"maximize": False}
    STATE = ("velocity", "steps")  # the steps with momentum: the first has no velocity yet

    @explained()
    def __init__(
        self,
        parameters: Parameters,
        learning_rate: float,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            learning_rate=learning_rate,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
        )

    @staticmethod
    def agree(options: Mapping[str, Any]) -> None:
        """Refuse a look ahead without a velocity that is whole.

        Raises:
            ValueError: `nesterov` without momentum or with dampening.
        """
        if options["nesterov"] and (options["momentum"] == 0.0 or options["dampening"] != 0.0):
            raise ValueError("SGD(nesterov=True) needs a momentum above 0 and no dampening.")

    def step(self) -> None:
        """Move all parameters whose gradient has been computed, or none if that fails."""
        group = self.groups[0]
        is_plain = group.momentum == group.weight_decay == 0.0 and not group.maximize
        if len(self.groups) == 1 and is_plain:
            descend(self.parameters, group.learning_rate)  # without arrays; as exact, and faster
        else:
            super().step()

    def rule(self, numbers: Vector, gradients: Vector, state: State, group: Group) -> Vector:
        """Velocity ← momentum × velocity + gradient; number ← number - learning_rate × velocity."""
        rate: float = group.learning_rate
        if group.maximize:
            gradients = -gradients
        gradients = with_decay(gradients, numbers, group)
        if group.momentum == 0.0:
            return numbers - rate * gradients
        faded = group.momentum * state["velocity"] + (1.0 - group.dampening) * gradients
        velocity = np.where(state["steps"] == 0.0, gradients, faded)
        state["velocity"], state["steps"] = velocity, state["steps"] + 1.0
        ahead = gradients + group.momentum * velocity if group.nesterov else velocity
        return numbers - rate * ahead
