"""Whether anything but numbers of parameters can change in the course of an epoch."""

from __future__ import annotations

from typing import Any

from nn.optimisers.optimiser import Optimiser
from nn.optimisers.schedule import Schedule


def runs_only_ours(optimiser: Optimiser, schedule: Schedule | None) -> bool:
    """Whether no code of the user's runs between the steps, which might change the model.

    >>> from engine import Value
    >>> from nn import SGD, Schedule, cosine
    >>> from nn.training.unchanging import runs_only_ours
    >>> sgd = SGD([Value(1.0)], 0.1)
    >>> runs_only_ours(sgd, Schedule(sgd, cosine(), 10))
    True
    >>> runs_only_ours(sgd, Schedule(sgd, min, 10))  # any function of two numbers is a rule
    False
    """
    rules = [] if schedule is None else [schedule.rule]
    return all(map(_is_ours, [type(optimiser), *rules]))


def _is_ours(thing: Any) -> bool:
    """Whether a class or function is of this library, and so are the functions that it calls."""
    cells = [cell.cell_contents for cell in getattr(thing, "__closure__", None) or ()]
    is_ours = getattr(thing, "__module__", "").split(".")[0] == "nn"
    return is_ours and all(_is_ours(inner) for inner in cells if callable(inner))
