"""What goes on beside the steps of a training: what is kept, and what ends it.

A `Hook` is called before and after every epoch, may end the training, and may have a state: all
states together are the checkpoint. `Training` in `loop.py` calls them in this order: what is
compiled is audited, the numbers of the parameters are kept, the bar goes on, callbacks are called,
the numbers they left are kept, the checkpoint is written. Next: `checkpoint.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from inspect import iscoroutine, isgenerator
from typing import Any

import numpy as np

from glassgrad.engine import Value, assign, data_vector
from glassgrad.engine.backward import Leaves
from glassgrad.engine.files import decode
from glassgrad.engine.text import function_name, some_of
from glassgrad.engine.value import set_frozen
from glassgrad.engine.vectors import Vector, frozen_among
from glassgrad.nn.checks import warn
from glassgrad.nn.history import History, after_epochs
from glassgrad.nn.module import Module
from glassgrad.nn.optimiser import Optimiser


class Hook:
    """Something that is told of every epoch of a training."""

    def before(self) -> None:
        """An epoch begins."""

    def after(self, history: History) -> None:
        """An epoch is done, and noted."""

    def why_over(self, history: History) -> str | None:
        """Why there are to be no more epochs; None if nothing speaks against them."""
        return None

    def at_end(self, history: History) -> None:
        """The training is over, after a whole epoch."""

    def state(self) -> dict[str, Any]:
        """What a resumed training has to know of it, as JSON can hold it."""
        return {}

    def take(self, states: Mapping[str, Any]) -> None:
        """Go on from there, given what all of them said."""


Callback = Callable[[History], Any]


class Kept(Hook):
    """Keeps the numbers of the parameters after the last whole epoch and after the best one, if
    there is any: first those that are trained, then the others of the model, which a callback may
    set. And which of them are frozen, for a callback may do that too.
    """

    def __init__(self, trained: Sequence[Value], model: Module) -> None:
        known = set(map(id, trained))
        others = {name: p for name, p in model.named_parameters() if id(p) not in known}
        self._parameters = Leaves.if_so((*trained, *others.values()))
        self._others = [*others]
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
