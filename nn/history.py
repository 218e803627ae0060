"""`History`: what a training was, epoch by epoch; it prints as a table, and plots itself.

Each epoch adds an `Epoch`: the losses and metrics, what was measured beside them, and the gradient
of each layer. Next: `hooks.py`, what goes on beside the steps.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from glassgrad.engine.files import decode
from glassgrad.engine.misuse import know_habits
from glassgrad.engine.text import columns, counted, short
from glassgrad.nn.health import Health

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_LINES = 12
_FIRST_COLUMNS = ("loss", "end_loss", "validation_loss")
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


class History(Mapping[str, list[float]]):
    """What `fit` notes after every epoch: a mapping from names to a number for each epoch.

    "loss" is the mean of what was made smaller over the batches of the epoch, with the penalty,
    each before its step. The losses after the last step have no penalty: "validation_loss" on the
    samples held out, or, if there are none, "end_loss" on all. "accuracy" and other metrics are
    measured on the training samples, "validation_accuracy" on those held out. "learning_rate" is
    that of the last step, "gradient_norm" the mean length of the gradient before it was clipped.
    What is read is a list of your own.

    Attributes:
        health: by the number of epochs done, what `check_health` found.
        best_epoch: the epoch, from 1, whose validation loss, or else end loss, is the smallest.
        smallest: that loss.
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
        if (judged := columns[_judge(columns)][-1]) < smallest:
            best, smallest = epoch.number, judged
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
        return _judge(self._columns)

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
        if kept and history.monitored not in kept:
            raise ValueError("This is no history: it lacks the loss that tells the best epoch.")
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
            best = f"* the smallest {self.monitored.replace('_', ' ')}: {short(self.smallest)}. "
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


_HABIT = 'Write history["loss"]; list(history) names all that there is.'
know_habits(History, dict.fromkeys(("history", "loss", "losses", "accuracy", "val_loss"), _HABIT))


def _judge(columns: Container[str]) -> str:
    return "validation_loss" if "validation_loss" in columns else "end_loss"


def _spread(count: int, best: int | None) -> list[int]:
    if count <= _MOST_LINES:
        return list(range(count))
    last = _MOST_LINES - 1
    places = {round(i * (count - 1) / last) for i in range(_MOST_LINES)}
    return sorted(places | ({best - 1} if best else set()))


def after_epochs(epochs: int) -> str:
    return f"after {counted(epochs, 'epoch')}"
