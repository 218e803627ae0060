"""What makes a training another than others: a checkpoint is taken only by one described alike.

A name, a number or a digest each, so that a refusal can say what differs. What cannot be described
is the code of a model, loss, penalty or metric of your own: of those the names count, and what
loss and penalty give for some made-up numbers.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from glassgrad.engine import Value, no_grad
from glassgrad.engine.text import function_name
from glassgrad.engine.vectors import standing_at
from glassgrad.nn.data.samples import plain
from glassgrad.nn.optimisers.schedule import Schedule
from glassgrad.nn.optimisers.state import options_of
from glassgrad.nn.training.objective import checked_penalty, nested_values

if TYPE_CHECKING:
    from glassgrad.nn.training.loop import Training


def description_of(training: Training) -> dict[str, Any]:
    """Numbers and short texts by name."""
    objective, options, optimiser = training.objective, training.options, training.optimiser
    validation, schedule = training.validation, training.schedule
    found: dict[str, Any] = {
        "model": repr(training.model),
        "frozen parameters": _digest(_frozen(training)),
        "loss": function_name(objective.loss),
        "loss of a made-up output": _loss_of_made_up(training),
        "penalty of made-up parameters": _penalty_of_made_up(training),
        "optimiser": type(optimiser).__name__,
        "samples": training.samples.fingerprint(),
        "validation samples": None if validation is None else validation.fingerprint(),
        "metrics": ", ".join(training.metrics),
        "shuffle": training.shuffle,
        "compiled": objective.is_compiled,
    }
    for number, group in enumerate(optimiser.groups):
        where = f" of group {number}" * (len(optimiser.groups) > 1)
        found[f"parameters{where}"] = len(group.parameters)
        found |= {
            f"{name}{where}": option
            for name, option in options_of(group).items()
            if name not in optimiser.LATER or option != optimiser.LATER[name]
        }
    for name in ("batch_size", "seed", "accumulate", "clip_norm", "clip_value"):
        found[name] = getattr(options, name)
    if schedule is not None:
        found["steps of the schedule"] = schedule.total
        found["learning rates of the schedule"] = _digest(_factors(schedule))
    return found


def _frozen(training: Training) -> Any:
    """The numbers that the model has beside those that are trained."""
    trained = set(map(id, training.parameters))
    return [p.data for p in training.model.parameters() if id(p) not in trained]


def _loss_of_made_up(training: Training) -> float:
    made_up = np.linspace(-0.7, 1.3, np.size(training.output))
    output = nested_values(made_up.reshape(np.shape(training.output)))
    with no_grad():
        return training.objective.loss(output, plain(training.samples.y[0])).data


def _penalty_of_made_up(training: Training) -> float | None:
    if training.objective.penalty is None:
        return None
    made_up = np.linspace(-0.7, 1.3, len(training.parameters))
    with no_grad(), standing_at(training.parameters, made_up):
        found = checked_penalty(training.objective.penalty(list(training.parameters)))
    return found.data if isinstance(found, Value) else float(found)


def _factors(schedule: Schedule) -> Any:
    total = schedule.total or 1
    steps = np.unique(np.linspace(0, total - 1, 200).astype(int)).tolist()
    return [*schedule.base_rates, *(float(schedule.rule(step, total)) for step in steps)]


def _digest(numbers: Any) -> str | None:
    array = np.array(numbers, float)
    return hashlib.sha256(array.tobytes()).hexdigest()[:12] if array.size else None
