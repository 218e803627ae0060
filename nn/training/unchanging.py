"""Whether anything but numbers of parameters can change in the course of an epoch."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from glassgrad.engine.provenance import is_ours
from glassgrad.nn.optimisers.optimiser import Optimiser
from glassgrad.nn.optimisers.schedule import Schedule


def runs_only_ours(optimiser: Optimiser, schedule: Schedule | None) -> bool:
    """Whether no code of the user's runs between the steps, which might change the model.

    >>> from glassgrad import SGD, Schedule, Value, cosine
    >>> from glassgrad.nn.training.unchanging import runs_only_ours
    >>> sgd = SGD([Value(1.0)], 0.1)
    >>> runs_only_ours(sgd, Schedule(sgd, cosine(), 10))
    True
    >>> runs_only_ours(sgd, Schedule(sgd, min, 10))  # any function of two numbers is a rule
    False
    """
    if "rule" in vars(optimiser) or not _is_only_ours(type(optimiser)):
        return False
    return schedule is None or _is_only_ours(schedule.rule)


def _is_only_ours(thing: Any) -> bool:
    """Whether a class or function is of this library, and so are the functions that it calls."""
    if isinstance(thing, type):
        return is_ours(thing)
    # Not __module__, which `functools.wraps` copies.
    if not isinstance(thing, FunctionType) or not is_ours(thing.__globals__["__name__"]):
        return False
    cells = [cell.cell_contents for cell in thing.__closure__ or ()]
    return all(_is_only_ours(inner) for inner in cells if callable(inner))
