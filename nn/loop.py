"""The training itself: epoch by epoch, until it is over, stopped, or no longer finite.

`Loop` does the steps of an epoch and measures what they came to; it is a state, and a method
`epoch` that gives one `Epoch`. `Training` goes on from epoch to epoch, tells its hooks (`hooks.py`)
of each, and sees to it that the model ends with the numbers that it should, whatever happens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from math import inf, isfinite
from typing import Annotated, Any

import numpy as np

from glassgrad.engine import Value, assign, assign_grad, clear_grad, data_vector
from glassgrad.engine.arrays import call_locked
from glassgrad.engine.context import layer_of
from glassgrad.engine.files import decode
from glassgrad.engine.misuse import real, whole
from glassgrad.engine.text import counted
from glassgrad.nn import hooks
from glassgrad.nn.checks import Count, CountFrom0, Flag, checked_fields, positive, true_or_false
from glassgrad.nn.health import check_health
from glassgrad.nn.history import Epoch, History, Hook, after_epochs, warn
from glassgrad.nn.metrics import Metric
from glassgrad.nn.module import Module, training
from glassgrad.nn.objective import Objective
from glassgrad.nn.optimiser import Optimiser
from glassgrad.nn.optimisers import clipped_by_norm
from glassgrad.nn.samples import Samples, generator_of_epoch, in_batches
from glassgrad.nn.schedules import Schedule

_MOST_LOOKED_AT = 8
"""Samples for the health of gradients. Of 432 networks, on moons, blobs and a sine, all got the
same verdicts from 8 samples as from 16."""

_TELLING = ("shuffle", "batch_size", "seed", "accumulate", "clip_norm", "clip_value")
"""Options that make a training another than others."""


@dataclass(kw_only=True)
class Options:
    """Numbers and choices of a training; see `fit`."""

    epochs: Count
    batch_size: Count
    accumulate: Count
    checkpoint_every: Count
    seed: CountFrom0
    shuffle: Flag
    health: Flag
    compiled: Flag
    patience: Annotated[int | None, whole] = None
    clip_norm: Annotated[float | None, positive] = None
    clip_value: Annotated[float | None, positive] = None
    keep_best: Annotated[bool | None, true_or_false] = None

    def __post_init__(self) -> None:
        vars(self).update(checked_fields(self, "fit"))

    @staticmethod
    def among(arguments: Mapping[str, Any]) -> Options:
        return Options(**{each.name: arguments[each.name] for each in fields(Options)})

    def steps(self, count: int) -> int:
        of_an_epoch = -(-count // self.batch_size)
        return self.epochs * -(-of_an_epoch // self.accumulate)


class NotFiniteError(ArithmeticError):
    """A number became nan or infinite, so that no further step makes sense."""

    def __init__(self, what: str, step: int, epoch: int) -> None:
        super().__init__(
            f"{what} at step {step}, in epoch {epoch}; the parameters are those "
            f"{'of the best epoch before' if epoch > 1 else 'from before the training'}. Lower the "
            "learning rate or give clip_norm=1.0; trap() and compiled=False find the source"
        )


class _SoFar:
    def __init__(self, numbers: Any, steps: int) -> None:
        self.numbers = numbers  # those of the parameters
        self.steps = steps  # since the training began
        self.loss = 0.0  # the mean over all samples, of those that were used
        self.gradient = np.zeros_like(numbers)  # of the last step, as it was used
        self.learning_rate = 0.0  # of the last step
        self.norms = list[float]()  # of the gradient of each step, before it was clipped
        self.squares = np.zeros_like(numbers)  # of these gradients the sums of squares


class Loop:
    """The steps of a training, and what is measured after each epoch of them."""

    def __init__(
        self,
        options: Options,
        objective: Objective,
        optimiser: Optimiser,
        *,
        schedule: Schedule | None,
        samples: Samples,
        validation: Samples | None,
        metrics: Mapping[str, Metric],
    ) -> None:
        self.options, self.objective = options, objective
        self.optimiser, self.schedule = optimiser, schedule
        self._on_plateau = schedule if schedule is not None and schedule.watches else None
        self.samples, self.validation, self.metrics = samples, validation, metrics
        self.parameters = optimiser.parameters
        self._layers = _layers_of(objective.model, self.parameters)
        self.epochs = self.steps = 0  # that are done
        self.latest = data_vector(self.parameters)  # after the last step

    def state(self) -> dict[str, Any]:
        """What a resumed training has to know, as JSON can hold it."""
        return {
            "steps": self.steps,
            "why_eager": self.objective.why_eager,
            "optimiser": self.optimiser.state_dict(),
            **({"schedule": self._on_plateau.state_dict()} if self._on_plateau else {}),
        }

    def taker_of(self, state: Mapping[str, Any]) -> Callable[[], None]:
        """See `hooks.py`; it takes all, or none if the state of the optimiser is wrong."""
        why_eager = decode(str | None, state["why_eager"], "its reason to run eagerly")
        steps = whole(decode(int, state["steps"], "its number of steps"), "its steps", least=0)
        optimiser = state["optimiser"]
        take_rates = None
        if self._on_plateau is not None:
            take_rates = self._on_plateau.taker_of(state["schedule"])
        elif self.schedule is not None:
            take_rates = self.schedule.taker_of({**self.schedule.state_dict(), "step_count": steps})

        def take() -> None:
            self.optimiser.load_state_dict(optimiser)
            self.steps, self.objective.why_eager = steps, why_eager
            self.objective.is_compiled &= why_eager is None
            if take_rates is not None:
                take_rates()

        return take

    def describe(self) -> dict[str, Any]:
        """What makes this training another than others; see `hooks.py`."""
        options, validation = self.options, self.validation
        return {
            **hooks.description_of(self.objective, self.optimiser, self.schedule, self.samples),
            "samples": self.samples.fingerprint(),
            "validation samples": None if validation is None else validation.fingerprint(),
            "metrics": ", ".join(self.metrics),
            **{name: getattr(options, name) for name in _TELLING},
        }

    def epoch(self) -> Epoch:
        """The next epoch: a step for each batch, then what is measured after it.

        A loss, a gradient or a parameter that is not finite is a NotFiniteError.
        """
        began, number = time.perf_counter(), self.epochs + 1
        if self.optimiser.parameters is not self.parameters:
            raise ValueError(
                "fit(callbacks=...): a callback added parameters to the optimiser, and a training "
                "that is under way takes none. Return True to stop it, add them, and call fit "
                "again."
            )
        so_far = _SoFar(data_vector(self.parameters), self.steps)
        with training(self.objective.modules, True):
            self._do(so_far)
        assign(self.parameters, so_far.numbers)
        assign_grad(self.parameters, so_far.gradient)
        judged, measured = self.measured()
        if self.validation is None and not isfinite(judged):
            raise NotFiniteError(
                f"after the steps of the epoch the loss is {judged}", so_far.steps, number
            )
        self.epochs, self.steps = number, so_far.steps
        if self._on_plateau is not None:
            self._on_plateau.step(measured.get("validation_loss", so_far.loss))
        of_steps = {
            "learning_rate": so_far.learning_rate,
            "gradient_norm": float(np.mean(so_far.norms)),
            "seconds": time.perf_counter() - began,
        }
        mean_squares = so_far.squares / len(so_far.norms)
        gradients = {
            layer: float(np.sqrt(np.mean(mean_squares[places])))
            for layer, places in self._layers.items()
        }
        return Epoch(number, {"loss": so_far.loss, **measured}, of_steps, gradients, judged)

    def measured(self) -> tuple[float, dict[str, float]]:
        """The loss that decides which epoch is the best, and the other losses and metrics."""
        judged, columns, scores = 0.0, dict[str, float](), dict[str, float]()
        both = {"": self.samples, "validation_": self.validation}
        if self.validation is not None and not self.metrics:
            del both[""]  # nobody asks for it
        for prefix, samples in both.items():
            if samples is None:
                continue
            judged, outputs = self.objective.measured(samples)
            if prefix:
                columns["validation_loss"] = judged
            weights = {} if samples.weights is None else {"sample_weight": samples.weights}
            for name, metric in self.metrics.items():
                title = f"The metric {name}"
                score = call_locked(title, partial(metric, **weights), outputs, samples.y)
                scores[prefix + name] = real(score, title)
        return judged, columns | scores

    def _do(self, so_far: _SoFar) -> None:
        options, samples = self.options, self.samples
        random, count = generator_of_epoch(options.seed, self.epochs + 1), len(samples)
        order = random.permutation(count) if options.shuffle else np.arange(count)
        for places in in_batches(order, options.batch_size * options.accumulate):
            self._step(so_far, samples.of(places), random)
            so_far.learning_rate = self.optimiser.groups[0].learning_rate
            if self.schedule is not None and so_far.steps < (self.schedule.total or 0):
                self.schedule.step()

    def _step(self, so_far: _SoFar, chosen: Samples, random: np.random.Generator) -> None:
        place = so_far.steps + 1, self.epochs + 1
        value, gradient = self._gradient(so_far.numbers, chosen, random)
        if not isfinite(value):
            self.objective.look_into(so_far.numbers, chosen)
            raise NotFiniteError(f"the loss is {value}", *place)
        so_far.loss += value * (chosen.total / self.samples.total)
        so_far.squares += gradient * gradient
        so_far.gradient, norm = self._clipped(gradient)
        if not (isfinite(norm) or np.isfinite(so_far.gradient).all()):
            raise NotFiniteError("the gradient is not finite", *place)
        numbers = self.optimiser.moved(so_far.numbers, so_far.gradient)
        if not np.isfinite(numbers).all():
            raise NotFiniteError("a parameter is not finite", *place)
        so_far.steps += 1
        so_far.norms.append(norm)
        self.latest = so_far.numbers = numbers

    def _gradient(
        self, numbers: Any, chosen: Samples, random: np.random.Generator
    ) -> tuple[float, Any]:
        """The objective and its gradient over the samples of one step, batch by batch."""
        noise = random.random((len(chosen), self.objective.noise_count))
        size = self.options.batch_size
        if len(chosen) <= size:
            return self.objective.value_and_gradient(numbers, chosen, noise)
        total, gradient = 0.0, np.zeros(len(numbers))
        for places in in_batches(np.arange(len(chosen)), size):
            part = chosen.of(places)
            value, found = self.objective.value_and_gradient(numbers, part, noise[places])
            share = part.total / chosen.total
            total, gradient = total + share * value, gradient + share * found
        return total, gradient

    def _clipped(self, gradient: Any) -> tuple[Any, float]:
        """The gradient as far as it is allowed, and its length before."""
        limit, most = self.options.clip_norm or inf, self.options.clip_value
        if most is None:
            return clipped_by_norm(gradient, limit)
        _, norm = clipped_by_norm(gradient, inf)
        return clipped_by_norm(np.clip(gradient, -most, most), limit)[0], norm


class Training:
    """A loop that runs with its hooks, from where it is to its end."""

    def __init__(self, loop: Loop, callbacks: Sequence[hooks.Callback]) -> None:
        self.loop, self.history = loop, History()
        self._notes = hooks.Notes(self.history)
        self._kept = hooks.Kept(loop.parameters, loop.objective.model, self.history)
        self._callbacks = hooks.Callbacks(
            callbacks, self.history, loop.objective.model, loop.parameters
        )
        self._files: list[hooks.Checkpoint] = []

    def _hooks(self, bar: hooks.Progress) -> list[Hook]:
        # Kept twice: if Ctrl-C comes in a callback, and after callbacks that moved parameters.
        found = [self.loop.objective, self._notes, self._kept, bar]
        found += [self._callbacks, self._kept] if self._callbacks.functions else []
        patience = self.loop.options.patience
        ends = [] if patience is None else [hooks.Patience(self.history, patience)]
        return [*found, *self._files, *ends]

    def keep_in(self, path: Any) -> None:
        """Keep the training in a file, and go on from it, if it is there already."""
        loop, options = self.loop, self.loop.options
        # The first to take over is the loop, which may still refuse.
        parts = (loop, self._notes, self._kept)
        file = hooks.Checkpoint(
            path, loop.describe(), parts, options.checkpoint_every, options.epochs
        )
        self._files = [file]
        if not (epochs := file.resume()):
            return
        loop.epochs = epochs
        self._kept.put(self._kept.last)
        if epochs == options.epochs:
            self.history.note(f"{file.path.name} was at its last epoch: nothing was left to train.")

    def run(self, progress: bool | None) -> History:
        loop, history, options = self.loop, self.history, self.loop.options
        bar = hooks.Progress(options.epochs, loop.epochs, progress)
        has_health, keep_best = options.health, options.keep_best
        if keep_best is None:
            keep_best = options.patience is not None or loop.validation is not None
        try:
            if has_health and not loop.epochs:
                self._look_at_health()
            history.stopped = self._epochs(self._hooks(bar))
        except KeyboardInterrupt:
            history.stopped = f"by Ctrl-C, {_after_whole(history.epochs)}"
            keep_best, has_health = True, False
        except NotFiniteError as fault:
            history.stopped = str(fault)
            keep_best, loop.latest = True, self._kept.last
            warn(f"The training stopped: {fault}")
        finally:
            bar.close()
            self._settle(keep_best)
        if history.best_epoch not in (None, history.epochs):
            which = "best" if keep_best else "last"
            history.note(f"The model has the parameters of the {which} epoch.")
        if loop.objective.penalty is not None and loop.validation is not None:
            history.note("The loss has the penalty in it, the validation loss has not.")
        if loop.objective.why_eager:
            history.note(f"It ran without compiled: {loop.objective.why_eager}")
        try:
            if has_health and history.epochs and history.epochs not in history.health:
                self._look_at_health()
        except KeyboardInterrupt:
            history.note("Ctrl-C ended the look at the gradients after the training.")
        finally:
            self._forget_gradients()
        return history

    def _epochs(self, all_hooks: Sequence[Hook]) -> str:
        while True:
            reasons = [why for hook in all_hooks if (why := hook.why_over()) is not None]
            if reasons:
                return reasons[0]
            if self.loop.epochs >= self.loop.options.epochs:
                return after_epochs(self.loop.epochs)
            for hook in all_hooks:
                hook.before()
            with np.errstate(all="ignore"):  # what is not finite is found
                epoch = self.loop.epoch()
            for hook in all_hooks:
                hook.after(epoch)

    def _settle(self, keep_best: bool) -> None:
        """Give the model the numbers that it ends with, also if Ctrl-C comes now."""
        try:
            self._leave(keep_best)
        except KeyboardInterrupt:
            self.history.stopped = f"by Ctrl-C, {_after_whole(self.history.epochs)}"
            self._leave(True)

    def _leave(self, keep_best: bool) -> None:
        self._kept.put(self._final(keep_best))
        self.loop.objective.model.eval()
        self._forget_gradients()

    def _final(self, keep_best: bool) -> Any:
        """The numbers that the model ends with; those of the last whole step in the first epoch."""
        kept, latest = self._kept, self.loop.latest
        if not self.history.epochs:
            return latest if np.isfinite(latest).all() else kept.last
        return kept.best if keep_best and kept.best is not None else kept.last

    def _forget_gradients(self) -> None:
        clear_grad(self.loop.objective.all_parameters)

    def _look_at_health(self) -> None:
        objective, samples = self.loop.objective, self.loop.samples
        self.history.health[self.history.epochs] = check_health(
            objective.model, objective.loss, samples.X, samples.y, _MOST_LOOKED_AT
        )


def _layers_of(model: Module, parameters: Sequence[Value]) -> dict[str, Any]:
    names = {id(value): layer_of(name) for name, value in model.named_parameters()}
    found: dict[str, list[int]] = {}
    for place, value in enumerate(parameters):
        found.setdefault(names.get(id(value), "others"), []).append(place)
    return {layer: np.array(places) for layer, places in found.items()}


def _after_whole(epochs: int) -> str:
    return f"after {counted(epochs, 'whole epoch')}"
