"""What goes on beside the steps of a training, epoch by epoch, and the warnings of the library.

A `Hook` is called before and after every epoch, and may end the training. `Training` in `loop.py`
has them in this order: what is compiled is audited, what the epoch was is noted, the numbers of the
parameters are kept, the bar goes on, callbacks are called, the numbers they left are kept, a
checkpoint is written. In that are the states of `Notes`, of `Kept` and of the loop, as JSON can
hold them: `taker_of` gives what takes one over, if nothing in it is wrong or missing (a ValueError,
TypeError or KeyError), since that of another may be.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from inspect import iscoroutine, isgenerator
from typing import Any

import numpy as np

from glassgrad.engine import Value, data_vector
from glassgrad.engine.files import decode
from glassgrad.engine.provenance import is_of_user
from glassgrad.engine.text import counted, function_name, some_of
from glassgrad.engine.value import set_frozen
from glassgrad.engine.vectors import Vector, frozen_among
from glassgrad.nn.history import Epoch, History
from glassgrad.nn.module import Module

Callback = Callable[[History], Any]


class Hook:
    """Something that is told of every epoch of a training."""

    def before(self) -> None:
        """An epoch begins."""

    def after(self, epoch: Epoch) -> None:
        """An epoch is done."""

    def why_over(self) -> str | None:
        """Why there are to be no more epochs; None if nothing speaks against them."""
        return None


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
    there is any, and which of them are frozen.
    """

    def __init__(self, parameters: Sequence[Value], history: History) -> None:
        self._parameters, self._history = parameters, history
        self.last: Vector = data_vector(parameters)
        self.best: Vector | None = None

    def after(self, epoch: Epoch) -> None:
        self.last = data_vector(self._parameters)
        if self._history.best_epoch == epoch.number:
            self.best = self.last

    def state(self) -> dict[str, Any]:
        best = None if self.best is None else self.best.tolist()
        frozen = frozen_among(self._parameters)
        places = {} if frozen is None else {"frozen": np.flatnonzero(frozen).tolist()}
        return {"parameters": self.last.tolist(), "best": best, **places}

    def taker_of(self, state: Mapping[str, Any]) -> Callable[[], None]:
        last = _array(state["parameters"], len(self.last))
        best = None if state["best"] is None else _array(state["best"], len(self.last))
        frozen: list[int] = decode(list[int], state.get("frozen", []), "its frozen parameters")
        if not set(frozen) <= set(range(len(last))):
            raise ValueError("its frozen parameters are no places of parameters")

        def take() -> None:
            self.last, self.best = last, best
            set_frozen(self._parameters, False)  # a callback may have frozen some, or let them move
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


class Saves(Hook):
    """Writes a checkpoint after every so many epochs, and after the last."""

    def __init__(self, save: Callable[[], None], every: int, last: int) -> None:
        self._save, self._every, self._last = save, every, last

    def after(self, epoch: Epoch) -> None:
        if epoch.number == self._last or epoch.number % self._every == 0:
            self._save()


ADVICE = 'The progress bar is that of tqdm, which is not installed: pip install "glassgrad[train]".'


class Progress(Hook):
    """A bar of tqdm over the epochs of a training: where it is wanted, or where that is None and a
    person can see it, in a terminal or a notebook.
    """

    def __init__(self, total: int, done: int, wanted: bool | None) -> None:
        self._bar = _bar(total, done) if wanted or (wanted is None and _is_watched()) else None
        if wanted and self._bar is None:
            raise ImportError(ADVICE)

    def after(self, epoch: Epoch) -> None:
        if self._bar is not None:
            shown = {name.replace("_", " "): f"{x:.4g}" for name, x in epoch.measured.items()}
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update()

    def close(self) -> None:
        """The training is over."""
        if self._bar is not None:
            self._bar.close()


def _is_watched() -> bool:
    return _is_notebook() or (sys.stderr is not None and sys.stderr.isatty())


def _is_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def _bar(total: int, done: int) -> Any:
    """A bar of tqdm, None if it is not installed."""
    try:
        if _is_notebook() and find_spec("ipywidgets"):
            from tqdm.notebook import tqdm
        else:
            from tqdm.std import tqdm
    except ImportError:
        return None
    return tqdm(total=total, initial=done, unit="epoch", leave=True)


def after_epochs(epochs: int) -> str:
    """In words."""
    return f"after {counted(epochs, 'epoch')}"


def warn(text: str) -> None:
    """Warn of something at the line of the user's that called into the library."""
    # A number in the place of this search is wrong as soon as a function in between comes or goes.
    level, frame = 2, sys._getframe().f_back
    while frame is not None and not is_of_user(frame.f_code):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)
