"""What goes on beside the steps of a training, epoch by epoch: what it keeps, and what ends it.

A `Hook` (`history.py`) is called before and after every epoch, and may end the training.
`Training` in `loop.py` has them in this order: what is compiled is audited, what the epoch was is
noted, the numbers of the parameters are kept, the bar goes on, callbacks are called, the numbers
they left are kept, a checkpoint is written. That is all a training needs to go on where it was, bit
for bit, in one JSON file:

    {
     "schema": "glassgrad-checkpoint/2",
     "run": {"batch_size": 32, "seed": 0, "samples": "5f0c…", …},
     "steps": 504, "why_eager": null, "optimiser": {…},
     "history": {…}, "parameters": […], "best": […] or null, "frozen": [0, 1],
     "others": ["temperature"], "digest": "90ab…"
     }

"run" describes the training: a name, a number or a digest of each thing that makes it another than
others. A file is taken only by a call of `fit` that describes itself alike, and a refusal says what
differs. Of code of your own, a model, loss, penalty or metric, the names count, and what loss and
penalty give for some made-up numbers. "others" names the parameters of the model that the optimiser
does not move, and whose numbers come last in "parameters".

What follows is the states of the loop, of `Notes` and of `Kept`: `taker_of` gives what takes one
over, if nothing in it is wrong or missing (a ValueError, TypeError or KeyError). With its "digest",
as in `saving.py`, a file with one bit changed is refused. Reading runs nothing of the file.
"""

from __future__ import annotations

import errno
import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from inspect import iscoroutine, isgenerator
from pathlib import Path
from typing import Any

import numpy as np

from glassgrad.engine import Value, assign, data_vector, no_grad
from glassgrad.engine.files import decode, json_text, plain_file, sealed, write_file
from glassgrad.engine.text import clipped, function_name, some_of
from glassgrad.engine.value import set_frozen
from glassgrad.engine.vectors import Vector, frozen_among
from glassgrad.nn.history import Epoch, History, Hook, after_epochs, warn
from glassgrad.nn.module import Module, lines_of
from glassgrad.nn.objective import Objective, checked_penalty, standing_at
from glassgrad.nn.optimiser import Optimiser, options_of
from glassgrad.nn.samples import Samples, plain
from glassgrad.nn.saving import unsealed
from glassgrad.nn.schedules import Schedule

Callback = Callable[[History], Any]
ADVICE = 'The progress bar is that of tqdm, which is not installed: pip install "glassgrad[train]".'
SCHEMA = "glassgrad-checkpoint/2"


class Notes(Hook):
    """Writes the history."""

    def __init__(self, history: History) -> None:
        self.history = history

    def after(self, epoch: Epoch) -> None:
        self.history.add(epoch)
        self.history.stopped = after_epochs(epoch.number)

    def state(self) -> dict[str, Any]:
        return {"history": self.history.to_dict()}

    def taker_of(self, state: Mapping[str, Any]) -> Callable[[], None]:
        found = History.from_dict(state["history"])
        if not found.epochs:
            raise ValueError("its history has no epochs")
        if (found.best_epoch is None) != (state["best"] is None):
            raise ValueError("its best epoch and the best parameters do not belong together")
        return lambda: vars(self.history).update(vars(found))


class Kept(Hook):
    """Keeps the numbers of the parameters after the last whole epoch and after the best one, if
    there is any, and which of them are frozen: first those that are trained, then the others of
    the model, which a callback may set.
    """

    def __init__(self, trained: Sequence[Value], model: Module, history: History) -> None:
        known = set(map(id, trained))
        others = {name: p for name, p in model.named_parameters() if id(p) not in known}
        self._parameters, self._others = [*trained, *others.values()], [*others]
        self._history = history
        self.last: Vector = data_vector(self._parameters)
        self.best: Vector | None = None

    def after(self, epoch: Epoch) -> None:
        self.last = data_vector(self._parameters)
        if self._history.best_epoch == epoch.number:
            self.best = self.last

    def put(self, numbers: Vector) -> None:
        """Give the parameters these numbers; those of the trained ones alone leave the others."""
        assign(self._parameters[: len(numbers)], numbers)

    def state(self) -> dict[str, Any]:
        frozen = frozen_among(self._parameters)
        return {
            "parameters": self.last.tolist(),
            "best": None if self.best is None else self.best.tolist(),
            "frozen": [] if frozen is None else np.flatnonzero(frozen).tolist(),
            "others": self._others,
        }

    def taker_of(self, state: Mapping[str, Any]) -> Callable[[], None]:
        names: list[str] = decode(list[str], state["others"], "its other parameters")
        if names != self._others:
            raise ValueError(
                f"beside what is trained it has {some_of(names) or 'nothing'}, and the model has "
                f"{some_of(self._others) or 'nothing'}"
            )
        count = len(self.last)
        last = _array(state["parameters"], count)
        best = None if state["best"] is None else _array(state["best"], count)
        frozen: list[int] = decode(list[int], state["frozen"], "its frozen parameters")
        if not set(frozen) <= set(range(count)):
            raise ValueError("its frozen parameters are no places of parameters")

        def take() -> None:
            self.last, self.best = last, best
            # A callback may have frozen some, or let them move.
            set_frozen(self._parameters, False)
            set_frozen([self._parameters[place] for place in frozen], True)

        return take


def _array(entries: Any, count: int) -> Vector:
    numbers = decode(list[float], entries, "its list of parameters")
    if len(numbers) != count:
        raise ValueError(f"it does not hold {count} parameters")
    return np.array(numbers)


class Patience(Hook):
    """Ends a training whose loss has not become smaller for so many epochs."""

    def __init__(self, history: History, epochs: int) -> None:
        self._history, self._epochs = history, epochs

    def why_over(self) -> str | None:
        history = self._history
        if history.epochs - (history.best_epoch or 0) < self._epochs:
            return None
        monitored = history.monitored.replace("_", " ")
        return f"early, {after_epochs(history.epochs)}: no smaller {monitored} for {self._epochs}"


class Callbacks(Hook):
    """Calls functions of the user's with the history, and says so if they froze all there is, or
    refuses it if they gave the model parameters that nobody trains.
    """

    def __init__(
        self,
        functions: Sequence[Callback],
        history: History,
        model: Module,
        parameters: Sequence[Value],
    ) -> None:
        self.functions, self._history = functions, history
        self._model, self._parameters = model, parameters
        self._is_over = self._has_warned = False

    def after(self, epoch: Epoch) -> None:
        before = self._model.parameters() if self.functions else []
        answers = [_answer(function, self._history) for function in self.functions]
        self._is_over = any(isinstance(x, (bool, np.bool_)) and bool(x) for x in answers)
        if self.functions and not self._is_over:
            self._check_new(before)
        if not self._has_warned and all(p.is_frozen for p in self._parameters):
            self._has_warned = True
            fault = (
                f"A callback froze all parameters, {after_epochs(epoch.number)}: nothing is "
                "trained until one calls unfreeze()."
            )
            self._history.note(fault)
            warn(f"{fault} To end the training, let it return True.")

    def _check_new(self, before: Sequence[Value]) -> None:
        known = set(map(id, (*before, *self._parameters)))
        if not known.issuperset(map(id, self._model.parameters())):
            named = self._model.named_parameters()
            names = [name for name, value in named if id(value) not in known]
            raise ValueError(
                "fit(callbacks=...): a callback put new Values into the model, as "
                f"{some_of(names)}, and a training that is under way moves those that it began "
                "with. Set the .data of those that are there; or return True to stop it, and call "
                "fit again with an optimiser of all."
            )

    def why_over(self) -> str | None:
        return f"by a callback, {after_epochs(self._history.epochs)}" if self._is_over else None


def _answer(function: Callback, history: History) -> Any:
    answer = function(history)
    if isgenerator(answer) or iscoroutine(answer):
        answer.close()
        raise TypeError(
            f"fit(callbacks=...): {function_name(function)} is written with yield or async, so a "
            "call runs none of its lines. Write it as an ordinary function of the history."
        )
    return answer


class Progress(Hook):
    """A bar of tqdm over the epochs of a training: where it is wanted, or where that is None and a
    person can see it, in a terminal or a notebook.
    """

    def __init__(self, total: int, done: int, wanted: bool | None) -> None:
        is_seen = _is_notebook() or (sys.stderr is not None and sys.stderr.isatty())
        self._bar = _bar(total, done) if wanted or (wanted is None and is_seen) else None
        if wanted and self._bar is None:
            raise ImportError(ADVICE)

    def after(self, epoch: Epoch) -> None:
        if self._bar is not None:
            shown = {name.replace("_", " "): f"{x:.4g}" for name, x in epoch.measured.items()}
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _is_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def _bar(total: int, done: int) -> Any:
    try:
        if _is_notebook() and find_spec("ipywidgets"):
            from tqdm.notebook import tqdm
        else:
            from tqdm.std import tqdm
    except ImportError:
        return None
    return tqdm(total=total, initial=done, unit="epoch", leave=True)


class Checkpoint(Hook):
    """A file that keeps the states of some parts after every so many epochs, and after the last.

    Args:
        path: where it is, or will be.
        run: what the training is: a text or a number by name.
        parts: have a `state` to be kept, and a `taker_of` one.
        every: after how many epochs it is written.
        last: the number of epochs that there are to be.
    """

    def __init__(
        self, path: str | Path, run: Mapping[str, Any], parts: Sequence[Any], every: int, last: int
    ) -> None:
        self.path, self._run, self._parts = plain_file(path), dict(run), parts
        self._every, self._last = every, last
        if not self.path.parent.is_dir():
            raise FileNotFoundError(
                errno.ENOENT, "there is no such folder for a checkpoint", str(self.path.parent)
            )

    def after(self, epoch: Epoch) -> None:
        if epoch.number == self._last or epoch.number % self._every == 0:
            self.save()

    def save(self) -> None:
        states = {name: x for part in self._parts for name, x in part.state().items()}
        data = {"schema": SCHEMA, "run": self._run, **states}
        write_file(self.path, sealed(data), durable=True)

    def resume(self) -> int:
        """Let the parts go on from what the file keeps, all or none; how many epochs are done.

        Without a file that is 0. One that is damaged, no checkpoint, or of another training is a
        ValueError that begins with its name.
        """
        if not self.path.exists():
            return 0
        try:
            data = unsealed(self.path, SCHEMA, "checkpoint")
        except ValueError as fault:
            raise self._refusal(str(fault).rstrip(".")) from None
        self._compare(data)
        try:
            takes = [part.taker_of(data) for part in self._parts]
            epochs = len(data["history"]["columns"]["loss"])
            if epochs <= self._last:
                for take in takes:
                    take()
        except (ValueError, TypeError, KeyError) as fault:
            lacks = f"it lacks {fault.args[0]}" if isinstance(fault, KeyError) else _told(fault)
            raise self._refusal(f"is damaged: {lacks}") from None
        if epochs > self._last:
            raise self._refusal(f"has {epochs} epochs already, more than epochs={self._last}")
        return epochs

    def _refusal(self, why: str) -> ValueError:
        remedy = "Nothing is changed; give checkpoint= another name to begin anew."
        return ValueError(f"{clipped(self.path.name)} {why}. {remedy}")

    def _compare(self, data: Mapping[str, Any]) -> None:
        theirs, mine = data.get("run"), json.loads(json_text(self._run))
        theirs = theirs if isinstance(theirs, dict) else {}
        other = [
            f"{key.replace('_', ' ')} {_shown(theirs, key)} there and {_shown(mine, key)} here"
            for key in {**mine, **theirs}
            if theirs.get(key) != mine.get(key)
        ]
        if other:
            raise self._refusal(f"is the checkpoint of another training: {'; '.join(other)}")


def _shown(run: Mapping[str, Any], key: str) -> str:
    entry = run.get(key)
    return clipped(entry if isinstance(entry, str) else json.dumps(entry), 100)


def _told(fault: Exception) -> str:
    return clipped(str(fault).rstrip("."), 120)


def description_of(
    objective: Objective, optimiser: Optimiser, schedule: Schedule | None, samples: Samples
) -> dict[str, Any]:
    """What is trained, and how, in numbers and short texts by name."""
    trained = set(map(id, objective.parameters))
    others = [p for p in objective.model.parameters() if id(p) not in trained or p.is_frozen]
    found: dict[str, Any] = {
        "model": "\n".join(lines_of(objective.model)),
        "frozen parameters": _digest([parameter.data for parameter in others]),
        "loss": function_name(objective.loss),
        "loss of a made-up output": _loss_of_made_up(objective, samples),
        "penalty of made-up parameters": _penalty_of_made_up(objective),
        "optimiser": type(optimiser).__name__,
        "compiled": objective.is_compiled,
    }
    for number, group in enumerate(optimiser.groups):
        where = f" of group {number}" * (len(optimiser.groups) > 1)
        found[f"parameters{where}"] = len(group.parameters)
        found |= {f"{name}{where}": option for name, option in options_of(group).items()}
    if schedule is not None:
        found["steps of the schedule"] = schedule.total
        found["learning rates of the schedule"] = _digest(schedule.sketch())
    return found


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
