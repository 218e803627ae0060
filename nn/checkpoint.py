"""Checkpoints: all that a training needs to go on where it was, bit for bit, in one JSON file.

    {
     "schema": "glassgrad-checkpoint/2",
     "run": {"batch_size": 32, "seed": 0, "samples": "5f0c…", …},
     "steps": 504, "why_eager": null, "parameters": […], "best": […] or null,
     "optimiser": {…}, "history": {…}, "digest": "90ab…"
    }

"run" describes the training; a file is taken only by a call of `fit` that describes itself alike.
"digest" is the SHA-256 of all bytes before it, so that a file with one bit changed is refused;
version 1, which is still read, had none. A checkpoint is written after an epoch, whole or not at
all; what is random in an epoch follows from the
seed and its number. Reading runs nothing of it.

What makes a training another than others: a checkpoint is taken only by one described alike.

A name, a number or a digest each, so that a refusal can say what differs. What cannot be described
is the code of a model, loss, penalty or metric of your own: of those the names count, and what
loss and penalty give for some made-up numbers.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glassgrad.engine import Value, no_grad
from glassgrad.engine.files import (
    NO_JSON_NUMBERS,
    json_text,
    plain_file,
    seal,
    sealed,
    write_file,
)
from glassgrad.engine.text import clipped, function_name, some_of, told
from glassgrad.engine.vectors import standing_at
from glassgrad.nn.history import History
from glassgrad.nn.objective import checked_penalty, nested_values
from glassgrad.nn.optimisers import Optimiser, options_of
from glassgrad.nn.samples import plain

if TYPE_CHECKING:
    from glassgrad.nn.loop import Training


SCHEMA = "glassgrad-checkpoint/2"
_WITHOUT_DIGEST = "glassgrad-checkpoint/1"
_CHANGED = "its digest is not that of what it says"
_FIELDS = ("steps", "why_eager", "parameters", "best", "optimiser", "history")


class State:
    """What changes in a training from epoch to epoch.

    Attributes:
        numbers: those of the parameters, an array.
        best: those after the best epoch, or None.
        optimiser: the optimiser, with its own state.
        steps: how many steps it has taken.
        why_eager: why it no longer runs compiled, or None.
        history: the epochs so far.
    """

    def __init__(self, numbers: Any, optimiser: Optimiser) -> None:
        self.numbers, self.optimiser = numbers, optimiser
        self.best: Any = None
        self.steps = 0
        self.why_eager: str | None = None
        self.history = History()

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return self.history.epochs


class Checkpoint:
    """A file that keeps the state of a training.

    Args:
        path: where it is, or will be.
        run: what the training is: a text or a number by name.

    Raises:
        OSError: there is no such folder, or what is there is no plain file.
    """

    def __init__(self, path: str | Path, run: Mapping[str, Any]) -> None:
        self.path, self.run = plain_file(path), dict(run)
        if not self.path.parent.is_dir():
            raise FileNotFoundError(
                errno.ENOENT, "there is no such folder for a checkpoint", str(self.path.parent)
            )

    def save(self, state: State) -> None:
        """Write the state, in place of what is there.

        Raises:
            OSError: the file cannot be written; the old one is as it was.
        """
        data = {
            "schema": SCHEMA,
            "run": self.run,
            "steps": state.steps,
            "why_eager": state.why_eager,
            "parameters": state.numbers.tolist(),
            "best": None if state.best is None else state.best.tolist(),
            "optimiser": state.optimiser.state_dict(),
            "history": state.history.to_dict(),
        }
        write_file(self.path, sealed(data), durable=True)

    def restore(self, state: State, most: int) -> bool:
        """Give a state what the file keeps, of at most so many epochs; False if there is no file.

        Raises:
            ValueError: the file is damaged, is no checkpoint, or is one of another training. The
                message begins with its name, and nothing is changed.
            OSError: the file cannot be read.
        """
        if not self.path.exists():
            return False
        name = clipped(self.path.name)
        try:
            data = _parsed(self.path.read_bytes())
        except (ValueError, RecursionError) as fault:
            raise ValueError(
                f"{name} is cut off, damaged or no checkpoint: {_told(fault)}. Nothing is changed; "
                "give checkpoint= another name to begin anew."
            ) from None
        self._compare(data, name)
        try:
            _take(data, state, most)
        except _TooFarError as fault:
            raise ValueError(f"{name} {fault}") from None
        except (ValueError, TypeError) as fault:
            raise ValueError(
                f"{name} is damaged: {_told(fault)}. Nothing is changed; give checkpoint= another "
                "name to begin anew."
            ) from None
        return True

    def _compare(self, data: Mapping[str, Any], name: str) -> None:
        """Refuse the checkpoint of another training."""
        if data["schema"] not in (SCHEMA, _WITHOUT_DIGEST):
            raise ValueError(
                f"{name} is no checkpoint that this version reads: its schema is "
                f"{told(data['schema'])}, and neither {SCHEMA!r} nor {_WITHOUT_DIGEST!r}."
            )
        theirs = data.get("run")
        theirs = theirs if isinstance(theirs, dict) else {}
        mine = json.loads(json_text(self.run))
        other = [
            f"{key.replace('_', ' ')} {_shown(theirs, key)} there and {_shown(mine, key)} here"
            for key in {**mine, **theirs}
            if theirs.get(key) != mine.get(key)
        ]
        if other:
            raise ValueError(
                f"{name} is the checkpoint of another training: {'; '.join(other)}. Nothing is "
                "changed; give checkpoint= another name to begin anew."
            )


def _parsed(content: bytes) -> dict[str, Any]:
    has_seal = seal(content)
    if has_seal is False:
        raise ValueError(_CHANGED)
    data = json.loads(content.decode(), parse_constant=_refuse)
    if not isinstance(data, dict) or "schema" not in data:
        raise ValueError("it names no schema")
    if not has_seal and (data["schema"] == SCHEMA or "digest" in data):
        raise ValueError(_CHANGED)
    return data


def _refuse(token: str) -> float:
    raise ValueError(f"it has {token}, which is not JSON")


class _TooFarError(Exception):
    """The training went further than it should now."""


def _take(data: Mapping[str, Any], state: State, most: int) -> None:
    """All of it, or nothing if a part of it is wrong."""
    missing = [name for name in _FIELDS if name not in data]
    if missing:
        raise ValueError(f"it lacks {some_of(missing)}")
    numbers = _array(data["parameters"], len(state.numbers))
    best = None if data["best"] is None else _array(data["best"], len(state.numbers))
    steps, why_eager = data["steps"], data["why_eager"]
    if why_eager is not None and not isinstance(why_eager, str):
        raise ValueError("its reason to run eagerly is no text")
    if not isinstance(steps, int) or steps < 0:
        raise ValueError("its number of steps is no whole number")
    history = History.from_dict(data["history"])
    if not history.epochs:
        raise ValueError("its history has no epochs")
    if (history.best_epoch is None) != (best is None):
        raise ValueError("its best epoch and the best parameters do not belong together")
    if history.epochs > most:
        raise _TooFarError(
            f"has {history.epochs} epochs already, more than epochs={most}. Nothing is changed; "
            "give checkpoint= another name to begin anew."
        )
    state.optimiser.load_state_dict(data["optimiser"])  # the last that may be refused
    state.numbers, state.best, state.steps, state.history = numbers, best, steps, history
    state.why_eager = why_eager


def _array(entries: Any, count: int) -> Any:
    if not isinstance(entries, list) or len(entries) != count:
        raise ValueError(f"it does not hold {count} parameters")
    numbers = [NO_JSON_NUMBERS.get(x, x) if isinstance(x, str) else x for x in entries]
    if not all(isinstance(x, float) for x in numbers):
        raise ValueError("a parameter is no number")
    return np.array(numbers)


def _shown(run: Mapping[str, Any], key: str) -> str:
    entry = run.get(key)
    return clipped(entry if isinstance(entry, str) else json.dumps(entry), 100)


def _told(fault: Exception) -> str:
    return clipped(str(fault).rstrip("."), 120)


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
        found["steps of the schedule"] = None if schedule.watches else schedule.total
        found["learning rates of the schedule"] = _digest(schedule.sketch())
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


def _digest(numbers: Any) -> str | None:
    array = np.array(numbers, float)
    return hashlib.sha256(array.tobytes()).hexdigest()[:12] if array.size else None
