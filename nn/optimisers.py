"""`Optimiser`: what all ways to move parameters along their gradients have in common.

After `backward()`, `step()` moves all parameters, and `zero_grad()` clears their gradients for the
next sample. The formulas are in `optimisers.py`, `optimisers.py`, `optimisers.py` and `optimisers.py`, one short
method each; which parameters move with which options is in `optimisers.py`; how the learning rate
changes in time is in `schedules.py`.

Gradient descent, plain and with momentum.

Each rule of an optimiser is one short method, `rule`, that reads like its formula. It works on
arrays: a number for each parameter. With the same options it gives the numbers of `torch.optim`, up
to rounding. What all optimisers have in common is in `optimisers.py`. Next: `optimisers.py`, the first of
those that give every parameter a pace of its own.

Adam and AdamW: every parameter goes at a pace of its own.

A gradient is divided by the size that gradients of that parameter have had lately, so that the
learning rate says how far a parameter goes, whatever the scale of the loss. With the same options
they give the numbers of `torch.optim`, up to rounding. Next: `optimisers.py`.

Adagrad: gradients divided by the root of the sum of all their squares so far.

With the same options it gives the numbers of `torch.optim`, up to rounding. Next: `schedules.py`.

RMSprop: gradients divided by the root of a running mean of their squares.

With the same options it gives the numbers of `torch.optim`, up to rounding. Next: `optimisers.py`.

Groups of parameters: which of them an optimiser moves with which options, and what it may be.

An option is checked by a function of its own (`not_negative`, `below_one`, ...), when the optimiser
is made as well as when the option is set later.

What the state of an optimiser holds, and the check of one that is to be loaded.

    {
     "rule": "SGD",
     "groups": [{"parameters": 2, "learning_rate": 0.1, "momentum": 0.9, ...}],
     "state": {"velocity": [0.25, -1.5], "steps": [7.0, 7.0]}
    }

JSON has no nan and no infinities: texts "nan", "inf" and "-inf" in their places are read as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from glassgrad.engine import Value, computed_gradients, data_vector, descend, zero_grad
from glassgrad.engine.files import NO_JSON_NUMBERS
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.misuse import name as value_name
from glassgrad.engine.provenance import is_ours
from glassgrad.engine.text import counted, describe, named, some_of, told
from glassgrad.engine.value import is_parameter
from glassgrad.engine.vectors import Mask, Vector, frozen_among, write_data
from glassgrad.nn.checks import (
    Check,
    below_one,
    explained,
    finite,
    not_negative,
    true_or_false,
    two_below_one,
)


class Optimiser:
    """Moves parameters. Derive from it and define `rule`.

    A parameter that is frozen, or whose gradient has not been computed ("–"), stays, and so does
    what the optimiser remembers of it; a gradient of 0 is a gradient. One that is nan or infinite
    is used as it is, as PyTorch does: `glassgrad.trap()` tells where it comes from.

    Args:
        parameters: leaf Values, for example `model.parameters()`; or groups of them with options
            of their own: dicts as `{"parameters": [...], "learning_rate": 0.01}`.
        options: the options of every group that does not give its own.

    Attributes:
        parameters: all parameters in order, a tuple.
        groups: the groups, each with its `parameters` and its options to be read and set.
        OPTIONS: of a class, the check of every option by its name.
        LATER: of a class, what options are where a state says nothing of them, as it was written
            before there were any.
        STATE: of a class, the names of what it remembers for each parameter, 0 at first.

    Raises:
        TypeError: there is something else than leaf Values among the parameters.
        ValueError: there are no parameters, one is given twice, or an option cannot be.

    Example:
        >>> import numpy as np
        >>> from glassgrad import Optimiser, Value
        >>> class SignDescent(Optimiser):
        ...     def rule(self, numbers, gradients, state, group):
        ...         return numbers - group.learning_rate * np.sign(gradients)
        >>> w = Value(3.0)
        >>> optimiser = SignDescent([w], learning_rate=0.5)
        >>> (w * w).backward()
        >>> optimiser.step()
        >>> w.data
        2.5
    """

    OPTIONS: ClassVar[Mapping[str, Check]] = {"learning_rate": not_negative}
    LATER: ClassVar[Mapping[str, Any]] = {}
    STATE: ClassVar[tuple[str, ...]] = ()

    def __init__(self, parameters: Parameters, **options: Any) -> None:
        self.groups = tuple(groups_of(type(self), parameters, options))
        self.parameters = tuple(chain.from_iterable(group.parameters for group in self.groups))
        self._state: State = {name: np.zeros(len(self.parameters)) for name in self.STATE}

    @staticmethod
    def agree(options: Mapping[str, Any]) -> None:
        """Refuse options that do not go together; here all do.

        Raises:
            ValueError: they do not.
        """

    @property
    def learning_rate(self) -> float:
        """The learning rate of all groups. Setting it sets that of every group.

        Raises:
            ValueError: groups have different rates; or the new one is negative or not finite.

        >>> from glassgrad import SGD, Value
        >>> optimiser = SGD([Value(1.0)], learning_rate=0.1)
        >>> optimiser.learning_rate = 0.05
        >>> optimiser.groups[0].learning_rate
        0.05
        """
        rates = [group.learning_rate for group in self.groups]
        if len(set(rates)) > 1:
            raise ValueError(
                f"The groups of {type(self).__name__} have different learning rates: "
                f"{', '.join(map(str, rates))}. Read groups[0].learning_rate and so on."
            )
        rate: float = rates[0]
        return rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        for group in self.groups:
            group.learning_rate = rate  # if the first takes it, all do

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, thing: Any) -> None:
            """Refuse to set an option here, where nothing would read it."""
            is_option = name in type(self).OPTIONS and name != "learning_rate"
            if is_option and is_ours(type(self)):
                raise AttributeError(
                    f"{name} is an option of the groups of {type(self).__name__}: write "
                    f"optimiser.groups[0].{name} = ..."
                )
            super().__setattr__(name, thing)

    def step(self) -> None:
        """Move all parameters whose gradient has been computed, or none if that fails."""
        numbers = data_vector(self.parameters)
        gradients, computed = computed_gradients(self.parameters)
        moved, self._state = self._moved(numbers, gradients, computed)
        write_data(self.parameters, moved.tolist())

    def moved(self, numbers: Any, gradients: Any, computed: Any = None) -> Vector:
        """The same step on arrays, for loops that keep all parameters in one array.

        It advances what the optimiser remembers, and touches no Value.

        Args:
            numbers: the numbers of `parameters`, in order.
            gradients: as many gradients.
            computed: booleans, False for each parameter that has no gradient and stays; None if
                all have one.

        Returns:
            The new numbers, a new array.

        Raises:
            TypeError: there is something else than real numbers, or than booleans in `computed`.
            ValueError: there are more or less of them than parameters.

        >>> from glassgrad import SGD, Value
        >>> SGD([Value(0.0), Value(0.0)], learning_rate=0.5).moved([3.0, 1.0], [2.0, -2.0])
        array([2., 2.])
        """
        numbers = self._row("numbers", numbers, "fiub").astype(float)
        gradients = self._row("gradients", gradients, "fiub").astype(float)
        if computed is not None:
            computed = self._row("computed", computed, "b")
        moved, self._state = self._moved(numbers, gradients, computed)
        return moved

    def rule(self, numbers: Vector, gradients: Vector, state: State, group: Group) -> Vector:
        """The formula: the new numbers of parameters with the same options.

        Args:
            numbers: the numbers of some parameters of the group.
            gradients: their gradients.
            state: for each name of `STATE` an array for these parameters. New arrays put in their
                places are remembered.
            group: the options, as attributes.

        Returns:
            The new numbers, a new array.

        Raises:
            NotImplementedError: the class defines no formula of its own.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no `rule`.")

    def zero_grad(self) -> None:
        """Set all gradients to 0, since `backward()` adds to them."""
        zero_grad(self.parameters)

    def state_dict(self) -> dict[str, Any]:
        """All that goes on from step to step, for `json.dump`: options and what is remembered.

        The numbers are exact: an optimiser that loads them continues with the same bits.

        >>> from glassgrad import Adagrad, Value
        >>> Adagrad([Value(1.0)], learning_rate=0.1).state_dict()["state"]
        {'squares': [0.0], 'steps': [0.0]}
        """
        return {
            "rule": type(self).__name__,
            "groups": [
                {"parameters": len(group.parameters), **options_of(group)} for group in self.groups
            ],
            "state": {name: numbers.tolist() for name, numbers in self._state.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state_dict()` was taken, options included.

        Args:
            state: what `state_dict()` gave, of an optimiser made in the same way.

        Raises:
            ValueError: it is of another rule or of other groups, something is missing or unknown,
                or an entry cannot be. The optimiser stays as it was.
            TypeError: `state` is no dict.

        >>> from glassgrad import SGD, Value
        >>> first, second = SGD([Value(1.0)], 0.1), SGD([Value(1.0)], 0.5)
        >>> second.load_state_dict(first.state_dict())
        >>> second.learning_rate
        0.1
        """
        options, remembered = checked_state(self, state)
        for group, its_options in zip(self.groups, options):
            vars(group).update(its_options)
        self._state = remembered

    def __repr__(self) -> str:
        counts = counted(len(self.parameters), "parameter")
        if len(self.groups) > 1:
            return f"{type(self).__name__}({counts} in {counted(len(self.groups), 'group')})"
        options = [f"{name}={option!r}" for name, option in self.groups[0].options.items()]
        return f"{type(self).__name__}({', '.join([counts, *options])})"

    def _moved(
        self, numbers: Vector, gradients: Vector, computed: Mask | None
    ) -> tuple[Vector, State]:
        """The new numbers and the new state; the optimiser keeps its own until both are there."""
        frozen = frozen_among(self.parameters)
        if frozen is not None:
            computed = ~frozen if computed is None else computed & ~frozen
        moved = numbers.copy()
        state = {name: remembered.copy() for name, remembered in self._state.items()}
        ends = accumulate(len(group.parameters) for group in self.groups)
        for group, end in zip(self.groups, ends):
            here: Any = slice(end - len(group.parameters), end)
            if computed is not None:
                here = here.start + np.flatnonzero(computed[here])
            if not numbers[here].size:
                continue
            part = {name: remembered[here] for name, remembered in state.items()}
            with np.errstate(all="ignore"):  # infinities and nans are the gradients' own
                moved[here] = self.rule(numbers[here], gradients[here], part, group)
            for name, remembered in state.items():
                remembered[here] = part[name]
        return moved, state

    def _row(self, role: str, numbers: Any, kinds: str) -> Any:
        array = np.asarray(numbers)
        if array.dtype.kind not in kinds:
            wanted = "booleans" if kinds == "b" else "real numbers"
            raise TypeError(f"moved({role}=...) takes {wanted}, not {describe(numbers)}.")
        if array.shape != (len(self.parameters),):
            raise ValueError(
                f"moved({role}=...) takes one entry for each of "
                f"{counted(len(self.parameters), 'parameter')}, not an array of shape "
                f"{array.shape}."
            )
        return array


def with_decay(gradients: Vector, numbers: Vector, group: Group) -> Vector:
    """The gradients with weight_decay × numbers, the gradient of ½ weight_decay × numbers²."""
    decay: float = group.weight_decay
    return gradients if decay == 0.0 else gradients + decay * numbers  # 0 × inf would be nan


def running(share: float, mean: Vector, news: Vector) -> Vector:
    """An exponential running mean, of which `share` stays."""
    return share * mean + (1.0 - share) * news


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


Parameters = Iterable[Value] | Iterable[Mapping[str, Any]]
"""Parameters, or groups of them: dicts of "parameters" and options."""


class Group:
    """Parameters that move with the same options, which are attributes to be read and set.

    An optimiser makes its groups; they are in `optimiser.groups`.

    Attributes:
        parameters: the Values, in order.

    Raises:
        ValueError: an option is set to what it cannot be. It stays as it was.
        AttributeError: there is no such option.

    Example:
        >>> from glassgrad import SGD, Value
        >>> weights, bias = [Value(1.0), Value(2.0)], Value(0.0)
        >>> sgd = SGD([{"parameters": weights, "momentum": 0.9}, {"parameters": [bias]}], 0.1)
        >>> sgd.groups[1].learning_rate = 0.01
        >>> sgd.groups[1]
        Group(1 parameter, learning_rate=0.01, momentum=0.0, dampening=0.0, weight_decay=0.0, \
nesterov=False, maximize=False)
    """

    parameters: tuple[Value, ...]

    def __init__(
        self, kind: type[Optimiser], parameters: tuple[Value, ...], options: Mapping[str, Any]
    ) -> None:
        checked = checked_options(kind, options)
        vars(self).update(_kind=kind, parameters=parameters, **checked)

    @property
    def options(self) -> dict[str, Any]:
        """The options by name.

        >>> from glassgrad import Adagrad, Value
        >>> Adagrad([Value(1.0)], 0.1).groups[0].options["eps"]
        1e-10
        """
        return {name: vars(self)[name] for name in vars(self)["_kind"].OPTIONS}

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __setattr__(self, name: str, option: Any) -> None:
        kind = vars(self)["_kind"]
        if name not in kind.OPTIONS:
            raise AttributeError(_unknown(kind, name))
        vars(self).update(checked_options(kind, {**self.options, name: option}))

    def __repr__(self) -> str:
        options = [f"{name}={option!r}" for name, option in self.options.items()]
        return f"Group({', '.join([counted(len(self.parameters), 'parameter'), *options])})"


def groups_of(
    kind: type[Optimiser], parameters: Parameters, defaults: Mapping[str, Any]
) -> list[Group]:
    """The groups that were given, or the one that plain parameters are.

    Args:
        kind: the class of the optimiser, which has the checks of its options.
        parameters: leaf Values, or groups of them.
        defaults: the options of every group that does not give its own.

    Raises:
        TypeError: there is something else than leaf Values among the parameters.
        ValueError: a group is empty, a parameter is given twice, or an option cannot be.
    """
    groups = [_group(kind, entry, defaults) for entry in _entries(kind.__name__, parameters)]
    seen: set[int] = set()
    for group in groups:
        for parameter in group.parameters:
            if id(parameter) in seen:
                raise ValueError(
                    f"{kind.__name__} got the parameter {value_name(parameter)} twice; "
                    "one that is used in several places is listed once."
                )
            seen.add(id(parameter))
    return groups


def checked_options(kind: type[Optimiser], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they are kept.

    Args:
        kind: the class of the optimiser.
        options: every option of it by name.

    Raises:
        ValueError: one is unknown or cannot be, or they do not go together.
        TypeError: one is of a wrong type.
    """
    for name in options:
        if name not in kind.OPTIONS:
            raise ValueError(_unknown(kind, name))
    for name in kind.OPTIONS:
        if name not in options:
            raise ValueError(f"{kind.__name__} needs {name}.")
    checked = {
        name: check(options[name], f"{kind.__name__}({name}=...)")
        for name, check in kind.OPTIONS.items()
    }
    kind.agree(checked)
    return checked


def _entries(name: str, parameters: Parameters) -> list[Mapping[str, Any]]:
    if not isinstance(parameters, Iterable) or isinstance(parameters, Mapping):
        raise TypeError(
            f"{name} takes a list of parameters, for example model.parameters(), "
            f"not {describe(parameters)}."
        )
    entries: list[Any] = list(parameters)
    if not entries:
        raise ValueError(f"{name} of no parameters moves nothing; give model.parameters().")
    if not isinstance(entries[0], Mapping):
        return [{"parameters": entries}]
    for entry in entries:
        if not isinstance(entry, Mapping) or "parameters" not in entry:
            raise TypeError(
                f'Each group of {name} is a dict such as {{"parameters": [...], '
                f'"learning_rate": 0.01}}, not {describe(entry)}.'
            )
    return entries


def _group(kind: type[Optimiser], entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> Group:
    options = {name: option for name, option in entry.items() if name != "parameters"}
    parameters = entry["parameters"]
    if not isinstance(parameters, Iterable) or isinstance(parameters, str):
        raise TypeError(
            f'"parameters" of a group of {kind.__name__} is a list of Values, '
            f"not {describe(parameters)}."
        )
    parameters = tuple(parameters)
    if not parameters:
        raise ValueError(f"A group of {kind.__name__} has no parameters; leave it out.")
    for parameter in parameters:
        if not is_parameter(parameter):
            raise TypeError(f"{kind.__name__} moves leaf Values, not {describe(parameter)}.")
    return Group(kind, parameters, {**defaults, **options})


def _unknown(kind: type[Optimiser], name: object) -> str:
    return f"{kind.__name__} has no option {named(name)}; it has {', '.join(kind.OPTIONS)}."


State: TypeAlias = dict[str, Vector]
"""What an optimiser remembers from step to step: by name, a number for each parameter."""


def options_of(group: Group) -> dict[str, Any]:
    """The options of a group as JSON has them: pairs as lists."""
    return {
        name: list(option) if isinstance(option, tuple) else option
        for name, option in group.options.items()
    }


def checked_state(
    optimiser: Optimiser, state: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], State]:
    """The options of every group and the arrays, of a state that fits the optimiser.

    Args:
        optimiser: what is to go on from there.
        state: what `state_dict()` gave.

    Raises:
        ValueError: it does not fit.
        TypeError: it is no dict.
    """
    name = type(optimiser).__name__
    if not isinstance(state, Mapping):
        raise TypeError(f"A state of {name} is a dict, not {describe(state)}.")
    try:
        check_names("The state", state, ["rule", "groups", "state"])
        if state["rule"] != name:
            raise ValueError(f"It is one of {named(state['rule'])}.")
        options = _checked_groups(optimiser, state["groups"])
        return options, _checked_arrays(optimiser, state["state"])
    except (ValueError, TypeError, OverflowError) as fault:
        raise ValueError(f"{name} cannot take this state, and is unchanged. {fault}") from None


def check_names(what: str, found: Mapping[Any, Any], wanted: Sequence[str]) -> None:
    """Refuse a dict with other names than it should have.

    Args:
        what: what it is, to begin an error with.
        found: the dict.
        wanted: the names that it should have, no more and no less.

    Raises:
        ValueError: a name is missing, or unknown.

    >>> from glassgrad.nn.optimisers import check_names
    >>> check_names("The state", {"rule": "SGD", "more": 1}, ["rule"])
    Traceback (most recent call last):
    ValueError: The state has more, which is unknown here.
    """
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ValueError(f"{what} lacks {some_of(missing)}.")
    unknown = [named(name) for name in found if name not in wanted]
    if unknown:
        raise ValueError(f"{what} has {some_of(unknown)}, which is unknown here.")


def _checked_groups(optimiser: Optimiser, groups: Any) -> list[dict[str, Any]]:
    sizes = [len(group.parameters) for group in optimiser.groups]
    if not isinstance(groups, (list, tuple)) or not all(isinstance(g, Mapping) for g in groups):
        raise ValueError(f'"groups" is a list of dicts, not {told(groups)}.')
    if [group.get("parameters") for group in groups] != sizes:
        theirs = [named(group.get("parameters")) for group in groups]
        found = f"groups of {some_of(theirs)} parameters" if theirs else "no groups"
        raise ValueError(
            f"It has {found}, and the optimiser has groups of {some_of(list(map(str, sizes)))}."
        )
    kind = type(optimiser)
    groups = [{**kind.LATER, **group} for group in groups]
    for group in groups:
        check_names("A group", group, ["parameters", *kind.OPTIONS])
    return [checked_options(kind, {name: group[name] for name in kind.OPTIONS}) for group in groups]


def _checked_arrays(optimiser: Optimiser, arrays: Any) -> State:
    if not isinstance(arrays, Mapping):
        raise ValueError(f'"state" is a dict of lists of numbers, not {told(arrays)}.')
    check_names('"state"', arrays, optimiser.STATE)
    return {name: _array(optimiser, name, arrays[name]) for name in optimiser.STATE}


def _array(optimiser: Optimiser, name: str, numbers: Any) -> Vector:
    count = len(optimiser.parameters)
    if not isinstance(numbers, (list, tuple)) or len(numbers) != count:
        raise ValueError(f'"{name}" is a list of {counted(count, "number")}, not {told(numbers)}.')
    floats = np.array([_number(name, number) for number in numbers])
    counts = np.isfinite(floats) & (floats >= 0.0) & (floats == np.floor(floats))
    if name == "steps" and not counts.all():
        raise ValueError('"steps" counts steps: whole numbers of 0 or more.')
    return floats


def _number(name: str, number: Any) -> float:
    if isinstance(number, str) and number in NO_JSON_NUMBERS:
        return NO_JSON_NUMBERS[number]
    if not is_real(number):
        raise ValueError(f'In "{name}" is {describe(number)} in the place of a number.')
    return real(number, f'"{name}"')
