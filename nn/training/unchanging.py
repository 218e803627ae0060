"""Whether anything but numbers of parameters can change in the course of an epoch."""

from __future__ import annotations

from types import FunctionType
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
    if "rule" in vars(optimiser) or not _is_ours(type(optimiser)):
        return False
    return schedule is None or _is_ours(schedule.rule)


def _is_ours(thing: Any) -> bool:
    """Whether a class or function is of this library, and so are the functions that it calls."""
    if isinstance(thing, type):
        return _is_of_nn(thing.__module__)
    # Not __module__, which `functools.wraps` copies.
    if not isinstance(thing, FunctionType) or not _is_of_nn(thing.__globals__["__name__"]):
        return False
    cells = [cell.cell_contents for cell in thing.__closure__ or ()]
    return all(_is_ours(inner) for inner in cells if callable(inner))


def _is_of_nn(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] == "nn"
