"""Checkpoints: all that a training needs to go on where it was, bit for bit, in one JSON file.

    {
     "schema": "glassgrad-checkpoint/2",
     "run": {"batch_size": 32, "seed": 0, "samples": "5f0c…", …},
     "history": {…}, "parameters": […], "best": […] or null, "frozen": [0, 1],
     "steps": 504, "why_eager": null, "optimiser": {…}, "digest": "90ab…"
     }

"run" describes the training: a name, a number or a digest of each thing that makes it another than
others. A file is taken only by a call of `fit` that describes itself alike, and a refusal says what
differs. What cannot be described is the code of a model, loss, penalty or metric of your own: of
those the names count, and what loss and penalty give for some made-up numbers.

What follows is the states of the hooks (`hooks.py`) and of the loop (`loop.py`). "digest" is the
SHA-256 of all bytes before it, so that a file with one bit changed is refused; version 1, which is
still read, had none. A checkpoint is written after an epoch, whole or not at all; what is random in
an epoch follows from the seed and its number. Reading runs nothing of it.
"""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from glassgrad.engine import Value, no_grad
from glassgrad.engine.files import json_text, parsed, plain_file, seal, sealed, write_file
from glassgrad.engine.text import clipped, function_name, told
from glassgrad.nn.objective import Objective, checked_penalty, standing_at
from glassgrad.nn.optimiser import Optimiser, options_of
from glassgrad.nn.samples import Samples, plain
from glassgrad.nn.schedules import Schedule

SCHEMA = "glassgrad-checkpoint/2"
_WITHOUT_DIGEST = "glassgrad-checkpoint/1"
_CHANGED = "its digest is not that of what it says"
_BEGIN_ANEW = "Nothing is changed; give checkpoint= another name to begin anew."
_FROZEN = "frozen parameters"
_AS_IT_BEGAN = (
    "Freeze what was frozen when that training began, and no more: the file knows what its "
    "callbacks froze later. Begin with model.unfreeze()."
)


class Checkpoint:
    """A file that keeps the state of a training.

    Args:
        path: where it is, or will be.
        run: what the training is: a text or a number by name.
    """

    def __init__(self, path: str | Path, run: Mapping[str, Any]) -> None:
        self.path, self.run = plain_file(path), dict(run)
        if not self.path.parent.is_dir():
            raise FileNotFoundError(
                errno.ENOENT, "there is no such folder for a checkpoint", str(self.path.parent)
            )

    def save(self, state: Mapping[str, Any]) -> None:
        """Write a state in place of what is there, or leave that with an OSError."""
        write_file(self.path, sealed({"schema": SCHEMA, "run": self.run, **state}), durable=True)

    def read(self) -> dict[str, Any] | None:
        """The state that the file keeps; None if there is no file.

        Raises:
            ValueError: the file is damaged, is no checkpoint, or is one of another training. The
                message begins with its name.
            OSError: the file cannot be read.
        """
        if not self.path.exists():
            return None
        try:
            data = _parsed(self.path.read_bytes())
        except ValueError as fault:
            raise self.refusal(f"is cut off, damaged or no checkpoint: {_told(fault)}") from None
        self._compare(data)
        return data

    def damaged(self, fault: Exception) -> ValueError:
        """The error of a file whose state is none."""
        lacks = f"it lacks {fault.args[0]}" if isinstance(fault, KeyError) else _told(fault)
        return self.refusal(f"is damaged: {lacks}")

    def refusal(self, why: str) -> ValueError:
        """The error of a file that is not taken."""
        return ValueError(f"{clipped(self.path.name)} {why}. {_BEGIN_ANEW}")

    def _compare(self, data: Mapping[str, Any]) -> None:
        """Refuse the checkpoint of another training."""
        if data["schema"] not in (SCHEMA, _WITHOUT_DIGEST):
            raise ValueError(
                f"{clipped(self.path.name)} is no checkpoint that this version reads: its schema "
                f"is {told(data['schema'])}, and neither {SCHEMA!r} nor {_WITHOUT_DIGEST!r}."
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
            remedy = f". {_AS_IT_BEGAN}" * (theirs.get(_FROZEN) != mine.get(_FROZEN))
            why = f"is the checkpoint of another training: {'; '.join(other)}{remedy}"
            raise self.refusal(why.rstrip("."))


def _parsed(content: bytes) -> dict[str, Any]:
    has_seal = seal(content)
    if has_seal is False:
        raise ValueError(_CHANGED)
    data = parsed(content)
    if not isinstance(data, dict) or "schema" not in data:
        raise ValueError("it names no schema")
    if not has_seal and (data["schema"] == SCHEMA or "digest" in data):
        raise ValueError(_CHANGED)
    return data


def _shown(run: Mapping[str, Any], key: str) -> str:
    entry = run.get(key)
    return clipped(entry if isinstance(entry, str) else json.dumps(entry), 100)


def _told(fault: Exception) -> str:
    return clipped(str(fault).rstrip("."), 120)


def description_of(
    objective: Objective, optimiser: Optimiser, schedule: Schedule | None, samples: Samples
) -> dict[str, Any]:
    """What is trained, and how, in numbers and short texts by name."""
    found: dict[str, Any] = {
        "model": repr(objective.model),
        _FROZEN: _digest(_frozen(objective)),
        "loss": function_name(objective.loss),
        "loss of a made-up output": _loss_of_made_up(objective, samples),
        "penalty of made-up parameters": _penalty_of_made_up(objective),
        "optimiser": type(optimiser).__name__,
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
    if schedule is not None:
        found["steps of the schedule"] = schedule.total
        found["learning rates of the schedule"] = _digest(schedule.sketch())
    return found


def _frozen(objective: Objective) -> Any:
    """The numbers that the model has beside those that are trained."""
    trained = set(map(id, objective.parameters))
    return [p.data for p in objective.model.parameters() if id(p) not in trained or p.is_frozen]


def _loss_of_made_up(objective: Objective, samples: Samples) -> float:
    made_up = np.linspace(-0.7, 1.3, objective.form.size).tolist()
    with no_grad():
        return objective.loss(objective.form.filled(map(Value, made_up)), plain(samples.y[0])).data


def _penalty_of_made_up(objective: Objective) -> float | None:
    if objective.penalty is None:
        return None
    made_up = np.linspace(-0.7, 1.3, len(objective.parameters))
    with no_grad(), standing_at(objective.parameters, made_up):
        found = checked_penalty(objective.penalty(list(objective.parameters)))
    return found.data if isinstance(found, Value) else float(found)


def _digest(numbers: Any) -> str | None:
    array = np.array(numbers, float)
    return hashlib.sha256(array.tobytes()).hexdigest()[:12] if array.size else None
