"""What makes a training another than others: a checkpoint is taken only by one described alike.

A name, a number or a digest each, so that a refusal can say what differs. What cannot be described
is the code of a model, loss, penalty or metric of your own: of those the names count, and what
loss and penalty give for some made-up numbers.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from engine import Value, no_grad
from nn.data.samples import plain
from nn.optimisers.schedule import Schedule
from nn.training.options import name_of

if TYPE_CHECKING:
    from nn.training.loop import Training


def description_of(training: Training) -> dict[str, Any]:
    """Numbers and short texts by name."""
    objective, options, optimiser = training.objective, training.options, training.optimiser
    validation, schedule = training.validation, training.schedule
    found: dict[str, Any] = {
        "model": repr(training.model),
        "frozen parameters": _digest(_frozen(training)),
        "loss": name_of(objective.loss),
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
        options_of_group = optimiser.state_dict()["groups"][number]
        found |= {f"{n}{where}": x for n, x in options_of_group.items() if n != "parameters"}
    for name in ("batch_size", "seed", "accumulate", "patience", "clip_norm", "clip_value"):
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
    shape = np.shape(training.output)
    made_up = np.linspace(-0.7, 1.3, int(np.prod(shape)) or 1).tolist()
    output = [Value(x) for x in made_up] if shape else Value(made_up[0])
    with no_grad():
        return training.objective.loss(output, plain(training.samples.y[0])).data


def _penalty_of_made_up(training: Training) -> float | None:
    if training.objective.penalty is None:
        return None
    made_up = [Value(x) for x in np.linspace(-0.7, 1.3, len(training.parameters)).tolist()]
    with no_grad():
        return training.objective.penalty(made_up).data


def _factors(schedule: Schedule) -> Any:
    total = schedule.total or 1
    steps = np.unique(np.linspace(0, total - 1, 200).astype(int)).tolist()
    return [*schedule.base_rates, *(float(schedule.rule(step, total)) for step in steps)]


def _digest(numbers: Any) -> str | None:
    array = np.array(numbers, float)
    return hashlib.sha256(array.tobytes()).hexdigest()[:12] if array.size else None
