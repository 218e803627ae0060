"""What goes on beside the steps of a training: what is noted, what is kept, and what ends it.

A `Hook` is called before and after every epoch, may end the training, and may have a state: all
states together are the checkpoint. `Training` in `loop.py` calls them in this order: what is
compiled is audited, the numbers of the parameters are kept, the bar goes on, callbacks are called,
the numbers they left are kept, the checkpoint is written. It is one JSON file:

    {"schema": "glassgrad-checkpoint/2", "run": {"batch_size": 32, "samples": "5f0c…", …},
     "why_eager": null, "parameters": […], "best": […] or null, "frozen": [0, 1],
     "others": ["temperature"], "steps": 504, "history": {…}, "optimiser": {…}, "digest": "90ab…"}

"run" has a name, a number or a digest of each thing that makes this training another than others,
and a file is taken only by a call of `fit` that describes itself alike. Of code of your own, a
model, loss, penalty or metric, the names count, and what loss and penalty give for some made-up
numbers. "others" names the parameters of the model that the optimiser does not move, and whose
numbers come last in "parameters". With its "digest", as in `saving.py`, a file with one bit changed
is refused. Reading runs nothing of the file.
"""

from __future__ import annotations

import errno
import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict
from importlib.util import find_spec
from inspect import iscoroutine, isgenerator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glassgrad.engine import Value, assign, data_vector
from glassgrad.engine.files import decode, json_text, plain_file, sealed, write_file
from glassgrad.engine.printing import columns, short
from glassgrad.engine.provenance import is_of_user
from glassgrad.engine.text import clipped, counted, function_name, some_of
from glassgrad.engine.value import set_frozen
from glassgrad.engine.vectors import Vector, frozen_among
from glassgrad.nn.health import Health
from glassgrad.nn.module import Module
from glassgrad.nn.optimiser import Optimiser
from glassgrad.nn.saving import unsealed

if TYPE_CHECKING:
    from matplotlib.figure import Figure


SCHEMA = "glassgrad-checkpoint/2"
_MOST_LINES = 12
_FIRST_COLUMNS = ("loss", "validation_loss")
_LAST_COLUMNS = ("learning_rate", "gradient_norm", "seconds")
_SAVED = {
    "columns": dict[str, list[float]],
    "gradients": dict[str, list[float]],
    "health": dict[int, Health],
    "best_epoch": int | None,
    "smallest": float,
    "stopped": str,
    "notes": list[str],
}
"""What is saved of a history."""
COLUMNS = (*_FIRST_COLUMNS, *_LAST_COLUMNS)
"""What every history has; metrics have other names."""


class Epoch(NamedTuple):
    """What an epoch of a training did."""

    number: int  # from 1
    measured: Mapping[str, float]  # losses and metrics, by the names of their columns
    steps: Mapping[str, float]  # the learning rate, the gradient norm and the seconds
    gradients: Mapping[str, float]  # by the name of a layer, its root mean square
    judged: float  # the loss that decides which epoch is the best; see `History`


class Hook:
    """Something that is told of every epoch of a training."""

    def before(self) -> None:
        """An epoch begins."""

    def after(self, history: History) -> None:
        """An epoch is done, and noted."""

    def why_over(self, history: History) -> str | None:
        """Why there are to be no more epochs; None if nothing speaks against them."""
        return None

    def state(self) -> dict[str, Any]:
        """What a resumed training has to know of it, as JSON can hold it."""
        return {}

    def take(self, states: Mapping[str, Any]) -> None:
        """Go on from there, given what all of them said."""


class History(Mapping[str, list[float]]):
    """What `fit` notes after every epoch: a mapping from names to a number for each epoch.

    "loss" is the mean of what was made smaller over the batches of the epoch, with the penalty;
    "validation_loss" the loss on the samples held out; "accuracy" and other metrics are measured
    on the training samples, "validation_accuracy" on those held out. "learning_rate" is that of
    the last step, "gradient_norm" the mean length of the gradient before it was clipped. What is
    read is a list of your own.

    Attributes:
        health: by the number of epochs done, what `check_health` found.
        best_epoch: the epoch, from 1, after which the loss was smallest: on what was held out, else
            on the samples of the training.
        smallest: that loss. It belongs to the parameters after the epoch, while "loss" is the mean
            over its steps.
        stopped: why the training ended, in words.
        notes: what else is worth knowing.

    >>> from glassgrad import MLP, fit, mse
    >>> history = fit(MLP(1, [1], seed=0), mse, [[0.0], [1.0]], [0.0, 1.0], epochs=3)
    >>> len(history["loss"]), history.stopped
    (3, 'after 3 epochs')
    """

    def __init__(self) -> None:
        self._columns: dict[str, list[float]] = {}
        self._gradients: dict[str, list[float]] = {}
        self.health: dict[int, Health] = {}
        self.best_epoch: int | None = None
        self.smallest = math.inf
        self.stopped = "not started"
        self.notes: list[str] = []

    def add(self, epoch: Epoch) -> None:
        """Note an epoch; all of it, or nothing where Ctrl-C comes in between."""
        numbers = {**epoch.measured, **epoch.steps}
        columns = {n: [*self._columns.get(n, ()), float(x)] for n, x in numbers.items()}
        sizes = {n: [*self._gradients.get(n, ()), float(x)] for n, x in epoch.gradients.items()}
        best, smallest = self.best_epoch, self.smallest
        if epoch.judged < smallest:
            best, smallest = epoch.number, epoch.judged
        self._columns, self._gradients = columns, sizes
        self.best_epoch, self.smallest = best, smallest
        self.stopped = after_epochs(epoch.number)

    def note(self, text: str) -> None:
        """Add to the notes what does not stand there yet."""
        if text not in self.notes:
            self.notes.append(text)

    @property
    def gradients(self) -> dict[str, list[float]]:
        """By the name of a layer, the root mean square of its gradient over each epoch."""
        return {name: sizes.copy() for name, sizes in self._gradients.items()}

    @property
    def epochs(self) -> int:
        """How many epochs are done."""
        return len(self._columns.get("loss", ()))

    @property
    def monitored(self) -> str:
        """The loss that decides which epoch is the best."""
        return "validation_loss" if "validation_loss" in self._columns else "loss"

    def plot(self) -> Figure:
        """The curves as a figure of matplotlib: losses, metrics, gradients of the layers."""
        from glassgrad.nn.plotting import plot_curves

        if not self.epochs:
            raise ValueError("There are no curves yet: no epoch of the training is done.")
        curves = {name: self[name] for name in self.main()}
        return plot_curves(curves, self.gradients, self.best_epoch)

    def to_dict(self) -> dict[str, Any]:
        """All of it as what JSON can hold."""
        found = {name.strip("_"): deepcopy(thing) for name, thing in vars(self).items()}
        health = {str(epoch): asdict(health) for epoch, health in self.health.items()}
        return {**found, "health": health}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> History:
        """A history from what `to_dict` gave; ValueError for anything else."""
        try:
            found = decode(_SAVED, data)
        except ValueError as fault:
            raise ValueError(f"This is no history of a training: {fault}.") from None
        history = History()
        kept, sizes = found.pop("columns"), found.pop("gradients")
        vars(history).update(found, _columns=kept, _gradients=sizes)
        lengths = {len(x) for x in (*kept.values(), *sizes.values())}
        if not lengths <= {history.epochs}:
            raise ValueError("This is no history: its columns have different lengths.")
        if history.best_epoch is not None and not 1 <= history.best_epoch <= history.epochs:
            raise ValueError("This is no history: its best epoch is none of its epochs.")
        return history

    def __getitem__(self, name: str) -> list[float]:
        if name not in self._columns:
            known = ", ".join(self._columns) or "nothing yet"
            raise KeyError(f"The history has no {name!r}; it has {known}.")
        return self._columns[name].copy()

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        if not self.epochs:
            return f"<history of no epochs, {self.stopped}>"
        shown = [f"{name} {short(self[name][0])} → {short(self[name][-1])}" for name in self.main()]
        best = f", best epoch {self.best_epoch}" if self.best_epoch else ""
        epochs = counted(self.epochs, "epoch")
        return f"<history of {epochs}: {', '.join(shown)}{best}; {self.stopped}>"

    def __str__(self) -> str:
        """A table of a dozen epochs, and below it what was wrong with gradients, if anything."""
        if not self.epochs:
            return repr(self)
        names = [*self.main(), *(n for n in _LAST_COLUMNS if n in self._columns)]
        rows = [("epoch", *(name.replace("_", " ") for name in names))]
        for at in _spread(self.epochs, self.best_epoch):
            mark = "*" if at + 1 == self.best_epoch else ""
            rows.append((f"{at + 1}{mark}", *(short(self._columns[name][at]) for name in names)))
        left_out = f"Shown are {len(rows) - 1} of {self.epochs:,} epochs. "
        best = ""
        if self.best_epoch is not None:
            where = {"loss": "loss after an epoch"}.get(self.monitored, "validation loss")
            best = f"* the smallest {where}: {short(self.smallest)}. "
        shown = (left_out if len(rows) <= self.epochs else "") + best
        lines = [columns(rows, indent=""), f"{shown}{self.stopped[:1].upper()}{self.stopped[1:]}."]
        last = max(self.health, default=0)
        for epoch, health in self.health.items():
            if epoch == last or not health.is_healthy:
                when = f"after epoch {epoch}" if epoch else "before the training"
                lines += [f"gradients {when}: {verdict}" for verdict in health.verdicts]
        return "\n".join([*lines, *self.notes])

    def main(self) -> list[str]:
        """The names of losses and metrics."""
        first = [name for name in _FIRST_COLUMNS if name in self._columns]
        others = [n for n in self._columns if n not in (*_FIRST_COLUMNS, *_LAST_COLUMNS)]
        return first + others


def _spread(count: int, best: int | None) -> list[int]:
    if count <= _MOST_LINES:
        return list(range(count))
    last = _MOST_LINES - 1
    places = {round(i * (count - 1) / last) for i in range(_MOST_LINES)}
    return sorted(places | ({best - 1} if best else set()))


def after_epochs(epochs: int) -> str:
    return f"after {counted(epochs, 'epoch')}"


def warn(text: str) -> None:
    """Warn of something at the line of the user's that called into the library."""
    # A number in the place of this search is wrong as soon as a function in between comes or goes.
    level, frame = 2, sys._getframe().f_back
    while frame is not None and not is_of_user(frame.f_code):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)


Callback = Callable[[History], Any]


class Kept(Hook):
    """Keeps the numbers of the parameters after the last whole epoch and after the best one, if
    there is any: first those that are trained, then the others of the model, which a callback may
    set. And which of them are frozen, for a callback may do that too.
    """

    def __init__(self, trained: Sequence[Value], model: Module) -> None:
        known = set(map(id, trained))
        others = {name: p for name, p in model.named_parameters() if id(p) not in known}
        self._parameters, self._others = [*trained, *others.values()], [*others]
        self.last: Vector = data_vector(self._parameters)
        self.best: Vector | None = None
        self._frozen: list[int] = []

    def after(self, history: History) -> None:
        self.last = data_vector(self._parameters)
        if history.best_epoch == history.epochs:
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

    def take(self, states: Mapping[str, Any]) -> None:
        known = {
            **{"parameters": list[float], "best": list[float] | None},
            **{"frozen": list[int], "others": list[str]},
        }
        found = decode(known, {name: states[name] for name in known})
        last, best, frozen, others = found.values()
        if others != self._others:
            raise ValueError(
                f"beside what is trained it has {some_of(others) or 'nothing'}, and the model has "
                f"{some_of(self._others) or 'nothing'}"
            )
        if any(len(each) != len(self.last) for each in (last, last if best is None else best)):
            raise ValueError(f"it does not hold {len(self.last)} parameters")
        if not set(frozen) <= set(range(len(last))):
            raise ValueError("its frozen parameters are no places of parameters")
        self.last, self.best = np.array(last), None if best is None else np.array(best)
        self._frozen = frozen

    def restore(self) -> None:
        """Give the parameters what was taken over."""
        self.put(self.last)
        set_frozen(self._parameters, False)
        set_frozen([self._parameters[place] for place in self._frozen], True)


class Patience(Hook):
    """Ends a training whose loss has not become smaller for so many epochs."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def why_over(self, history: History) -> str | None:
        if history.epochs - (history.best_epoch or 0) < self._epochs:
            return None
        monitored = history.monitored.replace("_", " ")
        return f"early, {after_epochs(history.epochs)}: no smaller {monitored} for {self._epochs}"


class Callbacks(Hook):
    """Calls functions of the user's, and refuses Values that these put where no training is."""

    def __init__(self, functions: Sequence[Callback], model: Module, optimiser: Optimiser) -> None:
        self._functions, self._model, self._optimiser = functions, model, optimiser
        self._is_over = self._has_warned = False

    def after(self, history: History) -> None:
        trained = self._optimiser.parameters
        before = [*self._model.parameters(), *trained]
        answers = [_answer(function, history) for function in self._functions]
        self._is_over = any(isinstance(x, (bool, np.bool_)) and bool(x) for x in answers)
        if self._is_over:
            return
        known = set(map(id, before))
        new = [name for name, value in self._model.named_parameters() if id(value) not in known]
        if new or self._optimiser.parameters is not trained:
            whose = f"put new Values into the model, as {some_of(new)}"
            raise ValueError(
                f"fit(callbacks=...): a callback {whose if new else 'gave the optimiser more'}, "
                "and a training that is under way moves those that it began with. Set the .data of "
                "those that are there; or return True to stop it, and call fit again with an "
                "optimiser of all."
            )
        if not self._has_warned and all(p.is_frozen for p in trained):
            self._has_warned = True
            fault = (
                f"A callback froze all parameters, {after_epochs(history.epochs)}: nothing is "
                "trained until one calls unfreeze()."
            )
            history.note(fault)
            warn(f"{fault} To end the training, let it return True.")

    def why_over(self, history: History) -> str | None:
        return f"by a callback, {after_epochs(history.epochs)}" if self._is_over else None


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
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        is_notebook = hasattr(shell, "kernel")
        is_seen = is_notebook or (sys.stderr is not None and sys.stderr.isatty())
        self._bar: Any = None
        if not (is_seen if wanted is None else wanted):
            return
        try:
            if is_notebook and find_spec("ipywidgets"):
                from tqdm.notebook import tqdm
            else:
                from tqdm.std import tqdm
        except ImportError:
            if wanted:
                raise ImportError(
                    "The progress bar is that of tqdm, which is not installed: "
                    'pip install "glassgrad[train]".'
                ) from None
            return
        self._bar = tqdm(total=total, initial=done, unit="epoch", leave=True)

    def after(self, history: History) -> None:
        if self._bar is not None:
            shown = {n.replace("_", " "): f"{history[n][-1]:.4g}" for n in history.main()}
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class Checkpoint(Hook):
    """A file that keeps the states of some parts after every so many epochs, and after the last.

    "run" is what the training is, a text or a number by name.
    """

    def __init__(
        self, path: str | Path, run: Mapping[str, Any], parts: Sequence[Hook], every: int, last: int
    ) -> None:
        self.path, self._run, self._parts = plain_file(path), dict(run), parts
        self._every, self._last = every, last
        if not self.path.parent.is_dir():
            raise FileNotFoundError(
                errno.ENOENT, "there is no such folder for a checkpoint", str(self.path.parent)
            )

    def after(self, history: History) -> None:
        if history.epochs == self._last or history.epochs % self._every == 0:
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
        try:
            other = self._differing(decode(dict[str, Any], data["run"], "its run"))
            columns = decode(dict[str, list[Any]], data["history"]["columns"], "its columns")
            epochs = len(columns["loss"])
            if not other and epochs <= self._last:
                for part in self._parts:
                    part.take(data)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as fault:
            why = f"it lacks {fault}" if isinstance(fault, KeyError) else str(fault).rstrip(".")
            raise self._refusal(f"is damaged: {clipped(why, 120)}") from None
        if other:
            raise self._refusal(f"is the checkpoint of another training: {'; '.join(other)}")
        if epochs > self._last:
            raise self._refusal(f"has {epochs} epochs already, more than epochs={self._last}")
        return epochs

    def _differing(self, theirs: Mapping[str, Any]) -> list[str]:
        mine = json.loads(json_text(self._run))
        return [
            f"{key.replace('_', ' ')} {_shown(theirs, key)} there and {_shown(mine, key)} here"
            for key in {**mine, **theirs}
            if theirs.get(key) != mine.get(key)
        ]

    def _refusal(self, why: str) -> ValueError:
        remedy = "Nothing is changed; give checkpoint= another name to begin anew."
        return ValueError(f"{clipped(self.path.name)} {why}. {remedy}")


def _shown(run: Mapping[str, Any], key: str) -> str:
    entry = run.get(key)
    return clipped(entry if isinstance(entry, str) else json.dumps(entry), 100)
