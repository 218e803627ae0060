"""`Optimiser`: what all ways to move parameters along their gradients have in common.

After `backward()`, `step()` moves all parameters, and `zero_grad()` clears their gradients for the
next sample. The formulas are in `sgd.py`, `adam.py`, `rmsprop.py` and `adagrad.py`, one short
method each; which parameters move with which options is in `groups.py`; how the learning rate
changes in time is in `schedule.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from glassgrad.engine import computed_gradients, data_vector, zero_grad
from glassgrad.engine.provenance import is_ours
from glassgrad.engine.text import counted, describe
from glassgrad.engine.vectors import Mask, Vector, write_data
from glassgrad.nn.checks import Check, not_negative
from glassgrad.nn.optimisers.groups import Group, Parameters, groups_of
from glassgrad.nn.optimisers.state import State, checked_state, options_of


class Optimiser:
    """Moves parameters. Derive from it and define `rule`.

    A parameter whose gradient has not been computed ("–") stays, and so does what the optimiser
    remembers of it; a gradient of 0 is a gradient. One that is nan or infinite is used as it is,
    as PyTorch does: `glassgrad.trap()` tells where it comes from.

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
