"""The state of a page of steps: where it is opened, with which numbers.

It is what `stage.state()` gives in a browser and what stands in the address of a page, so that what
somebody found there can be opened again, also from Python: `steps.state = {...}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from glassgrad.engine.misuse import real
from glassgrad.engine.text import describe, named, suggestion, told
from glassgrad.viz.network import LayerStep
from glassgrad.viz.repeats import Repeats
from glassgrad.viz.stage import javascript, network_of, shown_steps
from glassgrad.viz.steps import Step, Steps

DRAWERS = ("table", "words", "mistakes", "explore", "more")
_START: dict[str, Any] = {
    **{"level": None, "step": 0, "numbers": {}, "rate": None, "drawer": None, "view": None}
}


def checked_state(steps: Steps, state: Mapping[str, Any]) -> dict[str, Any]:
    """A state with all that it may have, what is left out as a page begins.

    Its keys are `level`, which is "scalars", "network", "repeats", the name of a neuron such as
    "layer 1, neuron 2", or None for the one that a page begins with; `step`, counted from 0 on that
    level or from its end as -1, where without a level it is that of scalars; `numbers`, new ones
    for leaves by name; `rate`, the learning rate; `drawer`, the one that is open; and `view`, the
    x, y and scale of the picture.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"state is a dict such as {{'step': 2}}, not {describe(state)}.")
    for key in state:
        if key not in _START:
            meant = suggestion(key, _START) if isinstance(key, str) else ""
            raise ValueError(f"A state has {', '.join(_START)}, and no {named(key)}.{meant}")
    found = {**_START, "rate": steps.learning_rate, **state}
    level, drawer = found["level"], found["drawer"]
    if level is None and found["step"]:
        found["level"] = level = "scalars"
    _check_level(steps, level)
    if drawer is not None and drawer not in DRAWERS:
        raise ValueError(f"drawer is one of {', '.join(DRAWERS)}, not {told(drawer)}.")
    if found["rate"] is not None:
        found["rate"] = _finite(found["rate"], "rate")
        if not steps.moving and steps.learning_rate is None:
            raise ValueError(
                f"A rate of {found['rate']} moves nothing in steps without an update. Give "
                "backprop a learning_rate, or the parameters that it may move."
            )
    if level in (None, "scalars", "repeats"):
        found["step"] = step = checked_step(steps, found["step"])
        shown = shown_steps(steps)
        first, last = shown[0].index, shown[-1].index
        if step and not first <= step <= last:  # 0 is the beginning of the page
            problem = f"Step {step} is not on the page, which has {first} to {last}"
            raise ValueError(f"{problem} of {len(steps)} steps.")
    else:
        own = steps_on(steps, level, found["rate"])
        found["step"] = checked_step(own, found["step"], f" on the level {told(level)}")
    found["numbers"] = _numbers(steps, found["numbers"])
    found["view"] = _view(found["view"])
    return found


def _check_level(steps: Steps, level: Any) -> None:
    if not (level is None or isinstance(level, str)):
        raise TypeError(f"level is the name of one, such as 'scalars', not {describe(level)}.")
    if level in (None, "scalars"):
        return
    levels = ["scalars"]
    if (network := network_of(steps)) is not None:  # which is seen in place of what repeats
        first, *_, last = (unit.name for units in network.layers for unit in units)
        levels += ["network", f'the neurons from "{first}" to "{last}"']
        if level == "network" or network.unit(level):
            return
    elif Repeats(steps.diagram).series:
        levels.append("repeats")
    if level not in levels:
        raise ValueError(f"The page has no level {told(level)}. It has {', '.join(levels)}.")


def steps_on(steps: Steps, level: str | None, rate: float | None) -> Sequence[Step | LayerStep]:
    """The steps on a level: of the layers, those of one neuron, or all of scalars."""
    network = network_of(steps)
    if network is None or level in (None, "scalars"):
        return steps
    if level == "network":
        return network.steps(() if rate is None else steps.moving)
    unit = network.unit(str(level))
    assert unit is not None
    return [step for step in steps if step.node in unit.members and step.phase != "seed"]


def checked_step(steps: Sequence[object], step: Any, where: str = "") -> int:
    """The index of a step, which may be counted from the end as -1."""
    if not isinstance(step, int) or isinstance(step, bool):
        raise TypeError(f"step is a whole number, not {describe(step)}.")
    if not -len(steps) <= step < len(steps):
        last = len(steps) - 1
        problem = f"There is no step {told(step)}{where}."
        raise ValueError(f"{problem} Choose one from 0 to {last}, or -1 for the last.")
    return step % len(steps)


def _numbers(steps: Steps, numbers: Any) -> dict[str, str]:
    """New numbers by the names of leaves, as texts, since JSON has no infinity."""
    if not isinstance(numbers, Mapping):
        raise TypeError(f"numbers gives leaves new ones by name, not {describe(numbers)}.")
    leaves = [n.name for n in steps.diagram if n.operation is None and not n.is_constant]
    for name in numbers:
        if name not in leaves:
            meant = suggestion(name, leaves) if isinstance(name, str) else ""
            raise ValueError(f"{named(name)} is no leaf whose number can be changed.{meant}")
    if numbers and (why_not := javascript(steps)[1]):
        raise ValueError(why_not)
    found = {}
    for name, number in numbers.items():
        try:
            found[name] = repr(float(number) if isinstance(number, str) else real(number, name))
        except ValueError:
            raise ValueError(f"{name} gets a number, not {told(number)}.") from None
    return found


def _finite(number: Any, name: str) -> float:
    found = real(number, name)
    if not isfinite(found):
        raise ValueError(f"{name} is a finite number, not {found}.")
    return found


def _view(view: Any) -> dict[str, float] | None:
    if view is None:
        return None
    if not isinstance(view, Mapping) or set(view) != {"x", "y", "scale"}:
        raise TypeError(f"view is a dict with x, y and scale, not {describe(view)}.")
    found = {key: _finite(number, f"{key} of the view") for key, number in view.items()}
    if found["scale"] <= 0.0:
        raise ValueError(f"scale of the view is above 0, not {told(view['scale'])}.")
    return found
