"""Schedules: how learning rates change in the course of a training.

`Schedule` sets the rates of an optimiser by a rule. A rule is a function of the step, from 0, and
of the number of steps in all (`total`, or None), and gives a factor of the learning rate that the
optimiser was made with: a closed form, which needs none of the steps before, and stays where it
ends. Those made here are objects that are called; their fields are what they are made with. Only
`ReduceOnPlateau` is told how the training goes. The rates are those of the class of
`torch.optim.lr_scheduler` that is named.

An option of a wrong type is a TypeError; a factor that is negative or not finite, a number of steps
below 1, and a rule that is used without the total it needs, are ValueErrors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import cos, inf, isfinite, pi
from typing import Annotated, Any, ClassVar, NamedTuple, TypeAlias

import numpy as np

from glassgrad.engine.files import decode
from glassgrad.engine.misuse import real, whole
from glassgrad.engine.text import counted, describe
from glassgrad.nn.checks import (
    Checked,
    Count,
    CountFrom0,
    NotNegative,
    Part,
    Share,
    checked_fields,
    explained,
    function_taking,
    not_negative,
    or_none,
    taking,
)
from glassgrad.nn.optimiser import Optimiser

ClosedForm: TypeAlias = Callable[[int, int | None], float]


_function = function_taking(
    2, "a rule such as cosine(), or a function of the step and the number of all steps"
)


def _rule(given: Any, role: str) -> Any:
    if isinstance(given, type):  # a class makes rules, and is none itself
        name = given.__name__
        raise TypeError(f"{role} takes a rule such as cosine(), not {name}: call it, {name}(...).")
    return _function(given, role)


def any_rule(given: Any, role: str) -> Any:
    """A check of what may be a schedule."""
    return given if isinstance(given, ReduceOnPlateau) else _rule(given, role)


def _optimiser(given: Any, role: str) -> Any:
    if isinstance(given, Optimiser):
        return given
    raise TypeError(f"{role} takes an optimiser such as SGD, not {describe(given)}.")


class _CheckedFields:
    def __post_init__(self) -> None:
        vars(self).update(checked_fields(self, type(self).__name__))


@dataclass(frozen=True)
class step_decay(_CheckedFields):
    """The learning rate times `factor` after each `every` steps, as `StepLR`.

    >>> from glassgrad import step_decay
    >>> [step_decay(2, factor=0.5)(step, None) for step in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    every: Count
    factor: Part = 0.1

    def __call__(self, step: int, total: int | None) -> float:
        return float(self.factor ** (step // self.every))


@dataclass(frozen=True)
class cosine(_CheckedFields):
    """From 1 to `floor` along half a cosine, in `total` steps, as `CosineAnnealingLR`.

    Loshchilov and Hutter, "SGDR" (2017), equation 5; PyTorch's goes up again after its end.

    >>> from glassgrad import cosine
    >>> [round(cosine()(step, 4), 3) for step in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    floor: Part = 0.0

    def __call__(self, step: int, total: int | None) -> float:
        share = min(step / _needed(total, "cosine"), 1.0)
        return self.floor + (1.0 - self.floor) * (1.0 + cos(pi * share)) / 2.0


@dataclass(frozen=True)
class ramp(_CheckedFields):
    """From `start` to `end` in a straight line, in `steps` steps or all there are, as `LinearLR`.

    >>> from glassgrad import ramp
    >>> [ramp(start=0.5, steps=2)(step, None) for step in range(4)]
    [0.5, 0.75, 1.0, 1.0]
    """

    start: NotNegative = 1 / 3
    end: NotNegative = 1.0
    steps: Annotated[int | None, or_none(whole)] = None

    def __call__(self, step: int, total: int | None) -> float:
        share = min(step / (self.steps or _needed(total, "ramp")), 1.0)
        return self.start * (1.0 - share) + self.end * share


@dataclass(frozen=True)
class warm_up(_CheckedFields):
    """From `start` to 1 in a straight line in the first steps, and then another rule.

    Large rates at the beginning throw parameters far away: Goyal et al., "Accurate, Large Minibatch
    SGD" (2017). As `SequentialLR` of `LinearLR` and another one.

    Args:
        steps: how many steps it takes.
        then: the rule afterwards, which counts from 0 and has the rest of the steps; None for 1.
        start: the factor of the first step. With 0 the first step moves nothing.

    >>> from glassgrad import cosine, warm_up
    >>> rule = warm_up(2, then=cosine())
    >>> [round(rule(step, 6), 3) for step in range(7)]
    [0.0, 0.5, 1.0, 0.854, 0.5, 0.146, 0.0]
    """

    steps: Count
    then: Annotated[ClosedForm | None, or_none(_rule)] = None
    start: NotNegative = 0.0

    def __call__(self, step: int, total: int | None) -> float:
        if self.then is not None and total is not None and total <= self.steps:
            raise ValueError(
                f"warm_up of {counted(self.steps, 'step')} leaves none of {counted(total, 'step')} "
                "for the rule that follows; give a larger total."
            )
        rest = None if total is None else total - self.steps
        # What the rule afterwards refuses, it refuses before the first step.
        after = 1.0 if self.then is None else self.then(max(step - self.steps, 0), rest)
        return ramp(self.start, steps=self.steps)(step, total) if step < self.steps else after


def _needed(total: int | None, rule: str) -> int:
    if total is None:
        raise ValueError(f"{rule} needs the number of steps: Schedule(..., total=1000).")
    return total


@dataclass(frozen=True)
class ReduceOnPlateau(_CheckedFields):
    """The learning rates times `factor` whenever a loss no longer improves (`ReduceLROnPlateau`).

    By hand the loss is given to `step`, once an epoch; `fit` gives its own. It improves if it is
    below best × (1 - threshold). Rates set by hand in between are what goes down next.

    Args:
        factor: from 0 on and below 1.
        patience: after how many steps without improvement in a row the next one reduces.
        cooldown: for how many steps after a reduction none counts as bad.
        min_learning_rate: no rate goes below.

    >>> from glassgrad import SGD, ReduceOnPlateau, Schedule, Value
    >>> schedule = Schedule(SGD([Value(1.0)], 0.5), ReduceOnPlateau(factor=0.5, patience=1))
    >>> for loss in [3.0, 2.0, 2.0, 2.0]:
    ...     schedule.step(loss)
    >>> schedule.learning_rates
    [0.25]
    """

    factor: Share = 0.1
    patience: CountFrom0 = 10
    # Not by KW_ONLY, which Python 3.10 takes for a field whose type it cannot tell.
    threshold: NotNegative = field(default=1e-4, kw_only=True)
    cooldown: CountFrom0 = field(default=0, kw_only=True)
    min_learning_rate: NotNegative = field(default=0.0, kw_only=True)

    def after(self, seen: Seen, loss: float) -> tuple[Seen, bool]:
        """What it has seen after one loss more, and whether rates go down now."""
        best, bad_steps, cooldown_left = seen
        if loss < best * (1.0 - self.threshold):
            best, bad_steps = loss, 0
        else:
            bad_steps += 1
        if cooldown_left:
            bad_steps, cooldown_left = 0, cooldown_left - 1
        if bad_steps <= self.patience:
            return Seen(best, bad_steps, cooldown_left), False
        return Seen(best, 0, self.cooldown), True

    def lowered(self, rate: float) -> float:
        """A learning rate one step further down; a smaller difference than PyTorch's is none."""
        lower = max(rate * self.factor, self.min_learning_rate)
        return lower if rate - lower > 1e-8 else rate


class Seen(NamedTuple):
    """What a rule that watches has seen: the best loss, and what is counted since."""

    best: float = inf
    bad_steps: int = 0
    cooldown_left: int = 0


Rule = ClosedForm | ReduceOnPlateau
_HINTS: dict[type, str] = {
    cosine: "How many steps there are in all is said to Schedule, its total; fit knows it."
}
for _kind in (step_decay, cosine, ramp, warm_up, ReduceOnPlateau):
    _init = explained(_HINTS.get(_kind, ""))(_kind.__init__)
    setattr(_kind, "__init__", _init)  # noqa: B010
_SAVED: dict[str, Any] = {"step_count": int, "total": int | None, "base_rates": list[float]}
_WATCHED = {"rates": list[float], "best": float, "bad_steps": int, "cooldown_left": int}
"""What a state says where the rule watches a loss: the rates now, and what it has `Seen`."""


class Schedule(Checked):
    """Sets the learning rates of an optimiser step by step.

    The rates that the optimiser's groups have when the schedule is made are the base; at once, and
    after each `step()`, every group gets its base times the factor of the rule. Rates set by hand
    in between are overwritten. A group that is added later joins with the rate that it has.

    Args:
        optimiser: the optimiser.
        rule: `cosine()`, `warm_up(100)`, ...; or a function (step, total) → factor.
        total: the number of calls of `step()` in the whole training, if the rule needs it.

    >>> from glassgrad import SGD, Schedule, Value, step_decay
    >>> optimiser = SGD([Value(1.0)], learning_rate=0.5)
    >>> schedule = Schedule(optimiser, step_decay(every=2, factor=0.5))
    >>> for _ in range(2):
    ...     schedule.step()
    >>> optimiser.learning_rate
    0.25
    """

    step_count: int
    _base_rates: tuple[float, ...]
    _seen: Seen
    _checks: ClassVar = {
        "optimiser": _optimiser,
        "rule": any_rule,
        "total": or_none(whole),
        "step_count": partial(whole, least=0),
    }

    @explained()
    def __init__(self, optimiser: Optimiser, rule: Rule, total: int | None = None) -> None:
        self.optimiser, self.rule, self.total = optimiser, rule, total
        bases = tuple(self.learning_rates)
        self._go_to(0, bases, Seen(), bases if self.watches else self._rates_at(0, bases))

    @property
    def base_rates(self) -> tuple[float, ...]:
        """The learning rates that factors are of, one for each group."""
        return (*self._base_rates, *self.learning_rates[len(self._base_rates) :])

    @property
    def learning_rates(self) -> list[float]:
        """The learning rates now, one for each group."""
        return [group.learning_rate for group in self.optimiser.groups]

    @property
    def watches(self) -> bool:
        """Whether `step` is to be told a loss, for `ReduceOnPlateau`."""
        return isinstance(self.rule, ReduceOnPlateau)

    def step(self, loss: float | None = None) -> None:
        """Go one step on, and set the learning rates for it.

        `ReduceOnPlateau` alone takes a loss, how the training goes; without one, or where another
        rule is given one, that is a TypeError. Where the rule has no factor for the step, a
        ValueError, nothing changes.
        """
        if (loss is None) is self.watches:
            raise TypeError(
                "Schedule.step: ReduceOnPlateau takes a number such as the loss on samples that "
                "are held out, schedule.step(loss.data), and other rules take none, "
                "schedule.step()."
            )
        step, bases, seen = self.step_count + 1, self.base_rates, self._seen
        if isinstance(self.rule, ReduceOnPlateau):
            seen, goes_down = self.rule.after(seen, real(loss, "Schedule.step(...)"))
            rates = [self.rule.lowered(r) if goes_down else r for r in self.learning_rates]
        else:
            rates = self._rates_at(step, bases)
        self._go_to(step, bases, seen, rates)

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule is, for `json.dump`. The rule itself is not in it."""
        state: dict[str, Any] = {"step_count": self.step_count, "total": self.total}
        state["base_rates"] = list(self.base_rates)
        if self.watches:
            state |= {"rates": self.learning_rates, **self._seen._asdict()}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state_dict()` was taken, of a schedule with the same rule, total and
        groups; a state that is none of such a one is a ValueError, and nothing is changed.
        """
        with taking(state, type(self).__name__):
            found = decode(_SAVED | _WATCHED if self.watches else _SAVED, state)
            total, step = found.pop("total"), whole(found.pop("step_count"), "its step_count", 0)
            if total != self.total:
                raise ValueError(f"it has a total of {total}, the schedule of {self.total}")
            bases = self._checked("base_rates", found.pop("base_rates"))
            if self.watches:
                rates = self._checked("rates", found.pop("rates"))
                for name in ("bad_steps", "cooldown_left"):
                    whole(found[name], f"its {name}", least=0)
            else:
                rates = self._rates_at(step, bases)
        self._go_to(step, bases, Seen(**found), rates)

    def sketch(self) -> list[float]:
        """Numbers that tell this schedule from others: its base rates, and what its rule does."""
        if isinstance(self.rule, ReduceOnPlateau):
            return [*self.base_rates, *map(float, vars(self.rule).values())]
        last = (self.total or 1) - 1
        steps = np.unique(np.linspace(0, last, 200).astype(int)).tolist()
        return [*self.base_rates, *(self._factor(step, last + 1) for step in steps)]

    def _factor(self, step: int, total: int | None) -> float:
        rule: Any = self.rule
        return real(rule(step, total), f"The factor of the learning rate at step {step}")

    def _rates_at(self, step: int, base_rates: Sequence[float]) -> list[float]:
        factor = self._factor(step, self.total)
        if not (isfinite(factor) and factor >= 0.0):
            raise ValueError(
                f"The rule gave {factor} for step {step}; a factor of the learning rate is 0 or "
                "more, and finite."
            )
        rates = [base * factor for base in base_rates]
        if inf in rates:
            role = f"The learning rate of step {step}"
            return [not_negative(rate, role) for rate in rates]
        return rates

    def _checked(self, name: str, rates: Sequence[float]) -> Sequence[float]:
        groups = counted(len(self.optimiser.groups), "group")
        if len(rates) != len(self.optimiser.groups):
            raise ValueError(f"its {name} has {counted(len(rates), 'rate')} for {groups}")
        return [not_negative(rate, f"its {name}") for rate in rates]

    def _go_to(
        self, step: int, base_rates: Sequence[float], seen: Seen, rates: Sequence[float]
    ) -> None:
        vars(self).update(step_count=step, _base_rates=tuple(base_rates), _seen=seen)
        for group, rate in zip(self.optimiser.groups, rates):
            group.learning_rate = rate
