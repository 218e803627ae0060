"""What the state of an optimiser holds, and the check of one that is to be loaded.

    {
     "rule": "SGD",
     "groups": [{"parameters": 2, "learning_rate": 0.1, "momentum": 0.9, ...}],
     "state": {"velocity": [0.25, -1.5], "steps": [7.0, 7.0]}
    }

JSON has no nan and no infinities: texts "nan", "inf" and "-inf" in their places are read as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from glassgrad.engine.files import NO_JSON_NUMBERS
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.text import counted, describe, named, some_of, told
from glassgrad.engine.vectors import Vector
from glassgrad.nn.optimisers.groups import Group, checked_options

if TYPE_CHECKING:
    from glassgrad.nn.optimisers.optimiser import Optimiser

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

    >>> from glassgrad.nn.optimisers.state import check_names
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
