"""`Schedule`: changes the learning rates of an optimiser step by step, by a rule.

Next: `schedules.py`, the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from glassgrad.engine.misuse import real
from glassgrad.engine.text import counted, describe, told
from glassgrad.nn.checks import not_negative, whole
from glassgrad.nn.optimisers.optimiser import Optimiser
from glassgrad.nn.optimisers.state import check_names

Rule = Callable[[int, "int | None"], float]
"""Takes the step, from 0, and the number of steps in all, or None; gives a factor of 0 or more."""


class Schedule:
    """Sets the learning rates of an optimiser step by step.

    The rates that the optimiser's groups have when the schedule is made are the base; at once, and
    after each `step()`, every group gets its base times the factor of the rule. Rates set by hand
    in between are overwritten.

    Args:
        optimiser: the optimiser.
        rule: `cosine()`, `warm_up(100)`, ...; or a function (step, total) → factor.
        total: the number of calls of `step()` in the whole training, if the rule needs it. Call
            `step()` once after each step of the optimiser, or once an epoch, and count accordingly.

    Attributes:
        optimiser, rule, total: as given.
        base_rates: the learning rates that factors are of, one for each group.
        step_count: how often `step()` was called.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: the rule needs a total, or gives no factor of 0 or more.

    Example:
        >>> from glassgrad import SGD, Schedule, Value, step_decay
        >>> optimiser = SGD([Value(1.0)], learning_rate=0.5)
        >>> schedule = Schedule(optimiser, step_decay(every=2, factor=0.1))
        >>> for _ in range(4):
        ...     print(round(optimiser.learning_rate, 6))
        ...     schedule.step()
        0.5
        0.5
        0.05
        0.05
    """

    def __init__(self, optimiser: Optimiser, rule: Rule, total: int | None = None) -> None:
        if not isinstance(optimiser, Optimiser):
            raise TypeError(f"Schedule takes an optimiser such as SGD, not {describe(optimiser)}.")
        if not callable(rule):
            raise TypeError(f"Schedule takes a rule such as cosine(), not {describe(rule)}.")
        home = getattr(rule, "__module__", "")
        if home == "glassgrad.nn.optimisers.schedules" and _is_maker(rule):
            name = rule.__name__
            raise TypeError(f"Schedule takes a rule, which {name} makes: call it, {name}(...).")
        self.optimiser, self.rule = optimiser, rule
        self.total = None if total is None else whole(total, "Schedule(total=...)")
        self.base_rates = tuple(group.learning_rate for group in optimiser.groups)
        self.step_count = 0
        self._go_to(0, self.base_rates)

    @property
    def learning_rates(self) -> list[float]:
        """The learning rates now, one for each group.

        >>> from glassgrad import SGD, Schedule, Value, warm_up
        >>> optimiser = SGD([Value(1.0)], learning_rate=0.5)
        >>> Schedule(optimiser, warm_up(10, start=0.1)).learning_rates
        [0.05]
        """
        return [group.learning_rate for group in self.optimiser.groups]

    def step(self) -> None:
        """Go one step on, and set the learning rates for it."""
        self._go_to(self.step_count + 1, self.base_rates)

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is, for `json.dump`. The rule itself is not in it.

        >>> from glassgrad import SGD, Schedule, Value, cosine
        >>> Schedule(SGD([Value(1.0)], 0.5), cosine(), total=100).state_dict()
        {'step_count': 0, 'total': 100, 'base_rates': [0.5]}
        """
        return {
            "step_count": self.step_count,
            "total": self.total,
            "base_rates": list(self.base_rates),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state_dict()` was taken, and set the learning rates of that step.

        Args:
            state: what `state_dict()` gave, of a schedule with the same rule, total and groups.

        Raises:
            ValueError: it has another total or other groups, or an entry is missing, unknown or
                cannot be. The schedule stays as it was.
            TypeError: `state` is no dict.

        >>> from glassgrad import SGD, Schedule, Value, step_decay
        >>> schedule = Schedule(SGD([Value(1.0)], 0.5), step_decay(10))
        >>> schedule.load_state_dict({"step_count": 10, "total": None, "base_rates": [0.5]})
        >>> schedule.learning_rates
        [0.05]
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"A state of a schedule is a dict, not {describe(state)}.")
        try:
            step, base_rates = self._checked(state)
        except (TypeError, ValueError, OverflowError) as fault:
            raise ValueError(
                f"The schedule cannot take this state, and is unchanged. {fault}"
            ) from None
        self._go_to(step, base_rates)

    def _go_to(self, step: int, base_rates: tuple[float, ...]) -> None:
        """Set all rates, or none if the rule has none for this step."""
        factor = real(self.rule(step, self.total), "A factor of the learning rate")
        if not (isfinite(factor) and factor >= 0.0):
            raise ValueError(
                f"The rule gave {factor} for step {step}; a factor of the learning rate is 0 or "
                "more, and finite."
            )
        role = f"The learning rate of step {step}"
        rates = [not_negative(base * factor, role) for base in base_rates]
        for group, rate in zip(self.optimiser.groups, rates):
            group.learning_rate = rate
        self.step_count, self.base_rates = step, base_rates

    def _checked(self, state: Mapping[str, Any]) -> tuple[int, tuple[float, ...]]:
        """The step and the base rates of a state that fits."""
        check_names("The state", state, list(self.state_dict()))
        step, rates = state["step_count"], state["base_rates"]
        if state["total"] != self.total:
            raise ValueError(
                f"It has a total of {told(state['total'])}, the schedule of {self.total}."
            )
        if type(step) is not int or step < 0:
            raise ValueError(f'"step_count" is a whole number of 0 or more, not {told(step)}.')
        if not isinstance(rates, (list, tuple)) or len(rates) != len(self.base_rates):
            raise ValueError(f'"base_rates" is a list of {counted(len(self.base_rates), "rate")}.')
        return step, tuple(not_negative(rate, '"base_rates"') for rate in rates)


def _is_maker(function: Rule) -> bool:
    """Whether it is a function such as `cosine` itself, and not a rule that it gives."""
    return "<locals>" not in function.__qualname__
