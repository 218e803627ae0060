"""What the state of an optimiser holds, and the check of one that is to be loaded.

    {
     "rule": "SGD",
     "groups": [{"parameters": 2, "learning_rate": 0.1, "momentum": 0.9, ...}],
     "state": {"velocity": [0.25, -1.5], "steps": [7.0, 7.0]}
    }

JSON has no nan and no infinities: texts "nan", "inf" and "-inf" in their places are read as well.
Next: `optimiser.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.files import NO_JSON_NUMBERS
from engine.real import is_real, real
from engine.text import counted, describe, named, some_of, told
from engine.vector import Vector
from nn.optimisers.groups import Group, checked_options

if TYPE_CHECKING:
    from nn.optimisers.optimiser import Optimiser


def options_of(group: Group) -> dict[str, Any]:
    """The options of a group as JSON has them: pairs as lists."""
    return {
        name: list(option) if isinstance(option, tuple) else option
        for name, option in group.options.items()
    }


def checked_state(
    optimiser: Optimiser, state: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], dict[str, Vector]]:
    """The options of every group and the arrays, of a state that fits the optimiser.

    Raises:
        ValueError: it does not fit.
        TypeError: it is no dict.
    """
    rule = type(optimiser).__name__
    if not isinstance(state, Mapping):
        raise TypeError(f"A state of {rule} is a dict, not {describe(state)}.")
    try:
        _same_names("The state", state, ["rule", "groups", "state"])
        if state["rule"] != rule:
            raise ValueError(f"It is one of {named(state['rule'])}.")
        options = _checked_groups(optimiser, state["groups"])
        return options, _checked_arrays(optimiser, state["state"])
    except (ValueError, TypeError, OverflowError) as fault:
        raise ValueError(f"{rule} cannot take this state, and is unchanged. {fault}") from None


def _checked_groups(optimiser: Optimiser, groups: Any) -> list[dict[str, Any]]:
    sizes = [len(group.parameters) for group in optimiser.groups]
    if not isinstance(groups, (list, tuple)) or not all(isinstance(g, Mapping) for g in groups):
        raise ValueError(f'"groups" is a list of dicts, not {told(groups)}.')
    if [group.get("parameters") for group in groups] != sizes:
        theirs = [named(group.get("parameters")) for group in groups]
        raise ValueError(
            f"It has groups of {some_of(theirs)} parameters, the optimiser of "
            f"{some_of([str(size) for size in sizes])}."
        )
    rule = type(optimiser)
    for group in groups:
        _same_names("A group", group, ["parameters", *rule.OPTIONS])
    return [checked_options(rule, {name: group[name] for name in rule.OPTIONS}) for group in groups]


def _checked_arrays(optimiser: Optimiser, arrays: Any) -> dict[str, Vector]:
    if not isinstance(arrays, Mapping):
        raise ValueError(f'"state" is a dict of lists of numbers, not {told(arrays)}.')
    _same_names('"state"', arrays, optimiser.STATE)
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


def _same_names(what: str, found: Mapping[Any, Any], wanted: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ValueError(f"{what} lacks {some_of(missing)}.")
    unknown = [named(name) for name in found if name not in wanted]
    if unknown:
        raise ValueError(f"{what} has {some_of(unknown)}, which is unknown here.")
