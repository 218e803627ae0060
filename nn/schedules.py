"""Rules of schedules: how the learning rate changes in the course of the training.

A rule is a function of the step and of the number of steps in all, and gives a factor of the
learning rate that the optimiser was made with. Each is a closed form: the factor of step 700 does
not depend on the steps before. At the same settings they give the rates of
`torch.optim.lr_scheduler`. `Schedule` in `schedules.py` applies them. Next: `clipping.py`.

`Schedule`: changes the learning rates of an optimiser step by step, by a rule.

Next: `schedules.py`, the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, isfinite, pi
from typing import Any

from glassgrad.engine.misuse import real
from glassgrad.engine.text import counted, describe, told
from glassgrad.nn.checks import not_negative, whole
from glassgrad.nn.optimisers import Optimiser, check_names


def constant() -> Rule:
    """The base learning rate at every step.

    >>> from glassgrad import constant
    >>> constant()(7, None)
    1.0
    """
    return lambda step, total: 1.0


def step_decay(every: int, factor: float = 0.1) -> Rule:
    """The learning rate times `factor` after each `every` steps, as `StepLR`.

    Args:
        every: a number of steps, at least 1.
        factor: 0 or more.

    Raises:
        ValueError: `every` is below 1, or `factor` negative or not finite.
        TypeError: one of them is no number.

    >>> from glassgrad import step_decay
    >>> [step_decay(2, factor=0.5)(step, None) for step in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    every = whole(every, "step_decay(every=...)")
    factor = not_negative(factor, "step_decay(factor=...)")
    return lambda step, total: factor ** (step // every)


def cosine(floor: float = 0.0) -> Rule:
    """From 1 to `floor` along half a cosine, in `total` steps; it stays there afterwards.

    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017), equation
    5, without restarts, as `CosineAnnealingLR`, which goes up again after its end.

    Args:
        floor: the factor at the end, 0 or more.

    Raises:
        ValueError: `floor` is negative or not finite.
        TypeError: it is no number.

    >>> from glassgrad import cosine
    >>> [round(cosine()(step, 4), 3) for step in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    floor = not_negative(floor, "cosine(floor=...)")
    return lambda step, total: _along_cosine(1.0, floor, step / _total(total, "cosine"))


def ramp(start: float = 1 / 3, end: float = 1.0, steps: int | None = None) -> Rule:
    """From `start` to `end` in a straight line, in `steps` steps; it stays there, as `LinearLR`.

    Args:
        start: the factor of the first step, 0 or more.
        end: the factor at the end, 0 or more.
        steps: how many steps it takes; None for all of the schedule.

    Raises:
        ValueError: a factor is negative or not finite, or `steps` below 1.
        TypeError: one of them is no number.

    >>> from glassgrad import ramp
    >>> [ramp(start=0.5, steps=2)(step, None) for step in range(4)]
    [0.5, 0.75, 1.0, 1.0]
    """
    start, end = not_negative(start, "ramp(start=...)"), not_negative(end, "ramp(end=...)")
    length = None if steps is None else whole(steps, "ramp(steps=...)")

    def rule(step: int, total: int | None) -> float:
        share = min(step / (length or _total(total, "ramp")), 1.0)
        return start * (1.0 - share) + end * share

    return rule


def warm_up(steps: int, then: Rule | None = None, start: float = 0.0) -> Rule:
    """From `start` to 1 in a straight line in the first steps, and then another rule.

    As `SequentialLR` of `LinearLR` and another one. Goyal et al., "Accurate, Large Minibatch SGD"
    (2017): large rates at the beginning throw parameters far away.

    Args:
        steps: how many steps it takes, at least 1.
        then: the rule afterwards, which counts from 0 and has the rest of the steps; None for 1.
        start: the factor of the first step, 0 or more. With 0 the first step moves nothing.

    Raises:
        ValueError: `steps` is below 1, or `start` negative or not finite; when used: no step is
            left for the rule afterwards.
        TypeError: one of them is of a wrong type.

    >>> from glassgrad import cosine, warm_up
    >>> rule = warm_up(2, then=cosine())
    >>> [round(rule(step, 6), 3) for step in range(7)]
    [0.0, 0.5, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    steps, rise = whole(steps, "warm_up(steps=...)"), ramp(start, 1.0, steps)
    if then is not None and not callable(then):
        raise TypeError(f"warm_up(then=...) takes a rule such as cosine(), not {describe(then)}.")
    afterwards = constant() if then is None else then

    def rule(step: int, total: int | None) -> float:
        if then is not None and total is not None and total <= steps:
            raise ValueError(
                f"warm_up of {counted(steps, 'step')} leaves none of {counted(total, 'step')} for "
                "the rule that follows; give a larger total."
            )
        if step < steps:
            return rise(step, total)
        return afterwards(step - steps, None if total is None else total - steps)

    return rule


def one_cycle(rise: float = 0.3, start: float = 1 / 25, end: float = 1 / 25e4) -> Rule:
    """Up from `start` to 1 and down to `end`, both along half a cosine; it stays there afterwards.

    Smith and Topin, "Super-Convergence" (2019), as `OneCycleLR` with its cosines and without its
    cycle of momentum. The learning rate of the optimiser is the peak (`max_lr`); `start` is
    1 / div_factor, and `end` is 1 / (div_factor × final_div_factor).

    Args:
        rise: the share of the steps that go up, above 0 and at most 1 (`pct_start`).
        start: the factor of the first step, 0 or more.
        end: the factor of the last step, 0 or more.

    Raises:
        ValueError: `rise` is not above 0 and at most 1, or a factor is negative or not finite.
        TypeError: one of them is no number.

    >>> from glassgrad import one_cycle
    >>> [round(one_cycle(rise=0.5)(step, 6), 3) for step in range(6)]
    [0.04, 0.52, 1.0, 0.75, 0.25, 0.0]
    """
    rise = not_negative(rise, "one_cycle(rise=...)")
    if not 0.0 < rise <= 1.0:
        raise ValueError(f"one_cycle(rise=...) is above 0 and at most 1, not {rise}.")
    start = not_negative(start, "one_cycle(start=...)")
    end = not_negative(end, "one_cycle(end=...)")

    def rule(step: int, total: int | None) -> float:
        last = _total(total, "one_cycle") - 1  # steps count from 0
        step, peak = min(step, last), rise * (last + 1) - 1.0
        if step <= peak:
            return _along_cosine(start, 1.0, step / peak if peak > 0.0 else 1.0)
        return _along_cosine(1.0, end, (step - peak) / (last - peak) if last > peak else 1.0)

    return rule


def _along_cosine(start: float, end: float, share: float) -> float:
    """From `start` at 0 to `end` at 1, level at both."""
    if share >= 1.0:
        return end
    return end + (start - end) * (1.0 + cos(pi * share)) / 2.0


def _total(total: int | None, rule: str) -> int:
    if total is None:
        raise ValueError(f"{rule} needs the number of steps: Schedule(..., total=1000).")
    return total


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
        if home == "glassgrad.nn.schedules" and _is_maker(rule):
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
