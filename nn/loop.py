"""The numbers that `fit` is given, checked.

The training itself: epoch by epoch, until it is over, stopped, or no longer finite.

What the steps of an epoch did, and the error that ends them where numbers are not finite.

Which samples a training uses, and when: those held out, and the order of every epoch.

All of it follows from the seed and the number of the epoch alone, so that a training that is
resumed at an epoch goes on exactly as it would have.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, NamedTuple

import numpy as np

from glassgrad.engine import Value, assign, assign_grad, clear_grad, data_vector, no_grad
from glassgrad.engine.context import layer_of
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.text import describe
from glassgrad.nn.checkpoint import Checkpoint, State
from glassgrad.nn.checks import positive, whole
from glassgrad.nn.clipping import clipped_by_norm, clipped_by_value
from glassgrad.nn.health import check_health
from glassgrad.nn.history import History
from glassgrad.nn.hooks import Progress, warn
from glassgrad.nn.metrics import Metric
from glassgrad.nn.module import Module, training
from glassgrad.nn.objective import Objective, check_targets
from glassgrad.nn.optimisers import Optimiser
from glassgrad.nn.predict import outputs_of
from glassgrad.nn.samples import Samples, in_pieces, samples_of
from glassgrad.nn.schedules import Schedule


@dataclass(kw_only=True)
class Options:
    """Numbers of a training; see `fit`.

    Raises:
        TypeError, ValueError: one of them makes no sense.
    """

    epochs: int
    batch_size: int
    seed: int
    accumulate: int
    patience: int | None
    clip_norm: float | None
    clip_value: float | None
    checkpoint_every: int

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "checkpoint_every"):
            setattr(self, name, whole(getattr(self, name), f"fit({name}=...)"))
        self.seed = whole(self.seed, "fit(seed=...)", least=0)
        if self.patience is not None:
            self.patience = whole(self.patience, "fit(patience=...)")
        for name in ("clip_norm", "clip_value"):
            limit = getattr(self, name)
            setattr(self, name, None if limit is None else positive(limit, f"fit({name}=...)"))

    def steps(self, count: int) -> int:
        """How many steps there are in all epochs over so many samples."""
        of_an_epoch = -(-count // self.batch_size)
        return self.epochs * -(-of_an_epoch // self.accumulate)


Callback = Callable[[History], Any]

_MOST_LOOKED_AT = 32
"""Samples for the health of gradients, which run eagerly."""


class Training:
    """A training that runs, epoch by epoch."""

    def __init__(
        self,
        options: Options,
        objective: Objective,
        optimiser: Optimiser,
        *,
        schedule: Schedule | None,
        samples: Samples,
        validation: Samples | None,
        metrics: dict[str, Metric],
        shuffle: bool,
    ) -> None:
        self.options, self.objective = options, objective
        self.optimiser, self.schedule = optimiser, schedule
        self.samples, self.validation = samples, validation
        self.metrics, self.shuffle = metrics, shuffle
        self.model, self.parameters = objective.model, optimiser.parameters
        self.layers = _layers_of(self.model, self.parameters)
        self.state = State(data_vector(self.parameters), optimiser)
        self.running = self.state.numbers
        self.output = self._outputs(samples.of(slice(1)))[0]
        for each in filter(None, (samples, validation)):
            check_targets(objective.loss, self.output, each.y)
        with np.errstate(all="ignore"):
            self._measured()  # what metrics refuse, they refuse now

    def resume(self, file: Checkpoint) -> None:
        """Go on from a file, if it is there.

        Raises:
            ValueError: it is damaged, of another training, or of one that went further.
        """
        if not file.restore(self.state, self.options.epochs):
            return
        assign(self.parameters, self.state.numbers)
        self.objective.why_eager = self.state.why_eager
        self.objective.is_compiled &= self.state.why_eager is None
        if self.schedule is not None:
            history = self.state.history
            self.schedule.resume(self.state.steps, history[history.monitored])
        if self.state.epoch == self.options.epochs:
            self._note(f"{file.path.name} was at its last epoch: nothing was left to train.")

    def run(
        self,
        callbacks: Sequence[Callback],
        file: Checkpoint | None,
        health: bool,
        progress: bool | None,
        keep_best: bool,
    ) -> History:
        """All epochs that are left."""
        state, history = self.state, self.state.history
        bar = Progress(self.options.epochs, state.epoch, progress)
        try:
            if health and not state.epoch:
                self._look_at_health()
            history.stopped = self._epochs(callbacks, file, bar)
        except KeyboardInterrupt:
            history.stopped = f"by Ctrl-C, after {state.epoch} whole epochs"
            keep_best, health = True, False
        except NotFiniteError as fault:
            history.stopped = str(fault)
            keep_best, self.running = True, state.numbers
            warn(f"The training stopped: {fault}")
        finally:
            bar.close()
            self._settle(keep_best)
        if history.best_epoch not in (None, state.epoch):
            which = "best" if keep_best else "last"
            self._note(f"The model has the parameters of the {which} epoch.")
        if self.objective.penalty is not None and self.validation is not None:
            self._note("The loss has the penalty in it, the validation loss has not.")
        if self.objective.why_eager:
            self._note(f"It ran without compiled: {self.objective.why_eager}")
        try:
            if health and state.epoch and state.epoch not in history.health:
                self._look_at_health()
        except KeyboardInterrupt:
            self._note("Ctrl-C ended the look at the gradients after the training.")
        finally:
            self._forget_gradients()
        return history

    def _epochs(self, callbacks: Sequence[Callback], file: Checkpoint | None, bar: Progress) -> str:
        """Epoch by epoch, until it is over; why it is."""
        state, history = self.state, self.state.history
        while (why := self._why_over()) is None:
            with np.errstate(all="ignore"):  # what is not finite is found below
                self._epoch()
            if self.schedule is not None and self.schedule.watches:
                self.schedule.step(history[history.monitored][-1])
            history.stopped = _after(state.epoch)
            bar.show({name: history[name][-1] for name in history.main()})
            answers = [callback(history) for callback in callbacks]
            state.numbers = data_vector(self.parameters)  # a callback may have moved them
            if history.best_epoch == state.epoch:
                state.best = state.numbers
            if file is not None and self._is_time_to_save():
                file.save(state)
            if any(map(_is_true, answers)):
                return f"by a callback, {_after(state.epoch)}"
        return why

    def _settle(self, keep_best: bool) -> None:
        """Give the model the numbers that it ends with, also if Ctrl-C comes now."""
        try:
            self._leave(keep_best)
        except KeyboardInterrupt:
            self.state.history.stopped = f"by Ctrl-C, after {self.state.epoch} whole epochs"
            self._leave(True)

    def _leave(self, keep_best: bool) -> None:
        assign(self.parameters, self._kept(keep_best))
        self.model.eval()
        self._forget_gradients()

    def _forget_gradients(self) -> None:
        clear_grad([*self.parameters, *self.model.parameters()])

    def _is_time_to_save(self) -> bool:
        is_last = self.state.epoch == self.options.epochs
        return is_last or self.state.epoch % self.options.checkpoint_every == 0

    def _note(self, text: str) -> None:
        notes = self.state.history.notes
        if text not in notes:
            notes.append(text)

    def _why_over(self) -> str | None:
        """Why there are no more epochs; None if there are."""
        epoch, history, patience = self.state.epoch, self.state.history, self.options.patience
        if patience is not None and epoch - (history.best_epoch or 0) >= patience:
            monitored = history.monitored.replace("_", " ")
            return f"early, {_after(epoch)}: no smaller {monitored} for {patience}"
        return _after(epoch) if epoch >= self.options.epochs else None

    def _epoch(self) -> None:
        """An epoch: a step for each batch, then what is measured after it."""
        began = time.perf_counter()
        if self.objective.has_comparisons:
            self.objective.renew()  # so that a resumed training sums in the same order
        self.objective.audit_next()
        with training(self.objective.modules, True):
            done = self._steps()
        self.objective.end_watch()
        state, steps = self.state, self.state.steps + done.step_count
        assign(self.parameters, done.numbers)
        assign_grad(self.parameters, done.gradient)
        measured = self._measured()
        judged = measured.get("validation_loss")
        if judged is None:
            judged = self.objective.mean_loss(self.samples)
            if not isfinite(judged):
                text = f"after the steps of the epoch the loss is {judged}"
                raise NotFiniteError(text, steps, state.epoch + 1)
        state.numbers, state.steps = done.numbers, steps
        state.why_eager = self.objective.why_eager
        columns = {
            "loss": done.loss,
            **measured,
            "learning_rate": done.learning_rate,
            "gradient_norm": done.gradient_norm,
            "seconds": time.perf_counter() - began,
        }
        if state.history.add(columns, self._sizes(done.mean_squares), judged):
            state.best = done.numbers

    def _steps(self) -> Steps:
        """All steps of an epoch, from the numbers of the state, which stay."""
        state, options = self.state, self.options
        random, count = generator_of_epoch(options.seed, state.epoch + 1), len(self.samples)
        order = random.permutation(count) if self.shuffle else np.arange(count)
        numbers, losses, norms = state.numbers, 0.0, list[float]()
        gradient, squares, rate = np.zeros(len(numbers)), np.zeros(len(numbers)), 0.0
        by_steps = None if self.schedule is None or self.schedule.watches else self.schedule
        for places in in_pieces(order, options.batch_size * options.accumulate):
            value, gradient = self._gradient(numbers, places, random)
            if not isfinite(value):
                self.objective.look_into(numbers, self.samples.of(places))
                raise NotFiniteError(f"the loss is {value}", *self._place(norms))
            losses += value * len(places)
            squares += gradient**2
            gradient, norm = self._clipped(gradient)
            if not np.isfinite(gradient).all():
                raise NotFiniteError("the gradient is not finite", *self._place(norms))
            norms.append(norm)
            numbers = self.optimiser.moved(numbers, gradient)
            if not np.isfinite(numbers).all():
                raise NotFiniteError("a parameter is not finite", *self._place(norms[:-1]))
            self.running = numbers
            rate = self.optimiser.groups[0].learning_rate
            if by_steps is not None and state.steps + len(norms) < (by_steps.total or 0):
                by_steps.step()
        return Steps(
            numbers=numbers,
            gradient=gradient,
            loss=losses / count,
            learning_rate=rate,
            gradient_norm=float(np.mean(norms)),
            step_count=len(norms),
            mean_squares=squares / len(norms),
        )

    def _place(self, norms: Sequence[float]) -> tuple[int, int]:
        """The numbers, from 1, of the step after those of this epoch, and of the epoch."""
        return self.state.steps + len(norms) + 1, self.state.epoch + 1

    def _gradient(self, numbers: Any, places: Any, random: Any) -> tuple[float, Any]:
        """The objective and its gradient over the samples of one step, batch by batch."""
        total, gradient = 0.0, np.zeros(len(numbers))
        for part in in_pieces(places, self.options.batch_size):
            noise = random.random((len(part), self.objective.noise_count))
            value, found = self.objective.value_and_gradient(numbers, self.samples.of(part), noise)
            share = len(part) / len(places)
            total, gradient = total + share * value, gradient + share * found
        return total, gradient

    def _clipped(self, gradient: Any) -> tuple[Any, float]:
        """The gradient as far as it is allowed, and its length before."""
        limit, most = self.options.clip_norm or inf, self.options.clip_value
        if most is None:
            return clipped_by_norm(gradient, limit)
        _, norm = clipped_by_norm(gradient, inf)
        return clipped_by_norm(clipped_by_value(gradient, most), limit)[0], norm

    def _measured(self) -> dict[str, float]:
        """Losses and metrics after an epoch."""
        found = {}
        if self.validation is not None:
            found["validation_loss"] = self.objective.mean_loss(self.validation)
        for prefix, samples in (("", self.samples), ("validation_", self.validation)):
            if self.metrics and samples is not None:
                outputs = self._outputs(samples)
                for name, metric in self.metrics.items():
                    found[prefix + name] = real(metric(outputs, samples.y), f"The metric {name}")
        return found

    def _outputs(self, samples: Samples) -> Any:
        with training(self.objective.modules, False), no_grad():
            return outputs_of(self.model, samples.X, self.objective.forward)

    def _sizes(self, squares: Any) -> dict[str, float]:
        """The root mean square of the gradient of each layer, from the mean squares."""
        return {
            layer: float(np.sqrt(np.mean(squares[places]))) for layer, places in self.layers.items()
        }

    def _kept(self, keep_best: bool) -> Any:
        """The numbers that the model ends with; those of the last whole step in the first epoch."""
        state = self.state
        if not state.epoch:
            return self.running if np.isfinite(self.running).all() else state.numbers
        return state.best if keep_best and state.best is not None else state.numbers

    def _look_at_health(self) -> None:
        model, loss, samples = self.model, self.objective.loss, self.samples
        found = check_health(model, loss, samples.X, samples.y, most=_MOST_LOOKED_AT)
        self.state.history.health[self.state.epoch] = found


def _layers_of(model: Module, parameters: Sequence[Value]) -> dict[str, list[int]]:
    """The places of the parameters of each layer, by its name."""
    names = {id(value): layer_of(name) for name, value in model.named_parameters()}
    found: dict[str, list[int]] = {}
    for place, value in enumerate(parameters):
        found.setdefault(names.get(id(value), "others"), []).append(place)
    return found


def _after(epochs: int) -> str:
    return f"after {epochs} epochs"


def _is_true(answer: Any) -> bool:
    return isinstance(answer, (bool, np.bool_)) and bool(answer)


class Steps(NamedTuple):
    """What the steps of an epoch did.

    Attributes:
        numbers: those of the parameters after them.
        gradient: that of the last step, as it was used.
        loss: the mean over all samples.
        learning_rate: of the last step.
        gradient_norm: the mean length of the gradient before it was clipped.
        step_count: how many steps there were.
        mean_squares: of the gradient before it was clipped, a number for each parameter.
    """

    numbers: Any
    gradient: Any
    loss: float
    learning_rate: float
    gradient_norm: float
    step_count: int
    mean_squares: Any


class NotFiniteError(ArithmeticError):
    """A number became nan or infinite, so that no further step makes sense."""

    def __init__(self, what: str, step: int, epoch: int) -> None:
        super().__init__(
            f"{what} at step {step}, in epoch {epoch}; the parameters are those "
            f"{'of the best epoch before' if epoch > 1 else 'from before the training'}. Lower the "
            "learning rate or give clip_norm=1.0; trap() and compiled=False find the source"
        )


def held_out(samples: Samples, validation: Any, seed: int) -> tuple[Samples, Samples | None]:
    """The samples to train on and those to validate with.

    Args:
        samples: all samples.
        validation: the share to hold out, a pair (X, y) of others, or None.
        seed: decides which ones.

    Raises:
        ValueError: the share is not between 0 and 1, or leaves nothing on one side.
        TypeError: it is neither a share nor a pair.

    >>> from glassgrad.nn.samples import samples_of
    >>> from glassgrad.nn.loop import held_out
    >>> list(map(len, held_out(samples_of([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1]), 0.25, seed=0)))
    [3, 1]
    """
    if validation is None:
        return samples, None
    if isinstance(validation, (tuple, list)) and len(validation) == 2:
        X, y = validation
        others = samples_of(X, y, "fit(validation=(X, y))")
        if others.X.shape[1:] != samples.X.shape[1:] or others.y.shape[1:] != samples.y.shape[1:]:
            raise ValueError(
                "fit(validation=(X, y)): its samples have other shapes, "
                f"{others.X.shape[1:]} and {others.y.shape[1:]}, than those to train on, "
                f"{samples.X.shape[1:]} and {samples.y.shape[1:]}."
            )
        return samples, others
    if not is_real(validation) or isinstance(validation, bool):
        raise TypeError(
            "fit(validation=...) is the share of samples to hold out, such as 0.2, or a pair "
            f"(X, y), not {describe(validation)}."
        )
    count = round(float(validation) * len(samples)) if 0.0 < validation < 1.0 else 0
    if not 0 < count < len(samples):
        raise ValueError(
            f"fit(validation={validation}) of {len(samples)} samples leaves none on one side. "
            "Give a share between 0 and 1, or a pair (X, y)."
        )
    order = generator_of_epoch(seed, 0).permutation(len(samples))
    return samples.of(np.sort(order[count:])), samples.of(np.sort(order[:count]))


def generator_of_epoch(seed: int, epoch: int) -> np.random.Generator:
    """The random numbers of an epoch, from 1; those of epoch 0 hold samples out.

    >>> from glassgrad.nn.loop import generator_of_epoch
    >>> generator_of_epoch(0, 1).random() == generator_of_epoch(0, 1).random()
    True
    """
    return np.random.default_rng([seed, epoch])
