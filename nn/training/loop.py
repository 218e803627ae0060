"""The training itself: epoch by epoch, until it is over, stopped, or no longer finite."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from math import inf, isfinite
from typing import Any

import numpy as np

from engine import Value, assign, assign_grad, data_vector, no_grad
from engine.names import layer_of
from engine.real import real
from nn.clipping import clipped_by_norm, clipped_by_value
from nn.health import check_health
from nn.metrics import Metric
from nn.module import Module
from nn.optimiser import Optimiser
from nn.schedules import Schedule
from nn.training.checkpoint import Checkpoint, State
from nn.training.history import History
from nn.training.modes import training
from nn.training.objective import Objective, check_targets
from nn.training.options import Options, name_of
from nn.training.predict import outputs_of
from nn.training.progress import Progress
from nn.training.samples import Samples, batches, generator

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
        output = self._outputs(samples.of(slice(1)))[0]
        for each in filter(None, (samples, validation)):
            check_targets(objective.loss, output, each.y)

    def description(self) -> dict[str, Any]:
        """What makes this training another than others."""
        options = self.options
        return {
            "model": repr(self.model),
            "loss": name_of(self.objective.loss),
            "optimiser": {x: self.optimiser.state_dict()[x] for x in ("rule", "groups")},
            "samples": self.samples.fingerprint(),
            "validation": None if self.validation is None else self.validation.fingerprint(),
            "metrics": list(self.metrics),
            "penalty": self.objective.penalty is not None,
            "schedule": None if self.schedule is None else _rates_of(self.schedule),
            "batch_size": options.batch_size,
            "seed": options.seed,
            "shuffle": self.shuffle,
            "accumulate": options.accumulate,
            "patience": options.patience,
            "clip_norm": options.clip_norm,
            "clip_value": options.clip_value,
            "compiled": self.objective.is_compiled,
        }

    def resume(self, file: Checkpoint) -> None:
        """Go on from a file, if it is there."""
        if file.restore(self.state):
            assign(self.parameters, self.state.numbers)
            if self.schedule is not None:
                at = {**self.schedule.state_dict(), "step_count": self.state.steps}
                self.schedule.load_state_dict(at)

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
            while not self._is_over():
                with np.errstate(all="ignore"):  # what is not finite is found below
                    self._epoch()
                if file is not None:
                    file.save(state)
                bar.show({name: history[name][-1] for name in history.main()})
                answers = [callback(history) for callback in callbacks]
                if any(answer is True for answer in answers):
                    history.stopped = f"by a callback, after {state.epoch} epochs"
                    break
        except KeyboardInterrupt:
            history.stopped = f"by Ctrl-C, after {state.epoch} whole epochs"
            keep_best = True
        except NotFiniteError as fault:
            history.stopped = str(fault)
            keep_best = True
            warnings.warn(f"The training stopped: {fault}", stacklevel=3)
        finally:
            bar.close()
            assign(self.parameters, self._kept(keep_best))
            self.model.eval()
        note = f"It ran without compiled: {self.objective.why_eager}"
        if self.objective.why_eager and note not in history.notes:
            history.notes.append(note)
        if health and state.epoch and state.epoch not in history.health:
            self._look_at_health()
        return history

    def _is_over(self) -> bool:
        state, history, patience = self.state, self.state.history, self.options.patience
        if patience is not None and history.best_epoch is not None:
            if state.epoch - history.best_epoch >= patience:
                history.stopped = (
                    f"early, after {state.epoch} epochs: no smaller "
                    f"{history.monitored.replace('_', ' ')} for {patience}"
                )
                return True
        history.stopped = f"after {state.epoch} epochs"
        return state.epoch >= self.options.epochs

    def _epoch(self) -> None:
        """An epoch: a step for each batch, then what is measured after it."""
        began = time.perf_counter()
        if self.objective.has_comparisons:
            self.objective.renew()  # so that a resumed training sums in the same order
        with training(self.objective.modules, True):
            numbers, gradient, found, squares = self._steps()
        state = self.state
        state.numbers, state.steps = numbers, state.steps + found.pop("steps")
        assign(self.parameters, numbers)
        assign_grad(self.parameters, gradient)
        found = {"loss": found.pop("loss"), **self._measured(), **found}
        found["seconds"] = time.perf_counter() - began
        state.history.add(found, self._sizes(squares))
        if state.history.is_best():
            state.best = numbers

    def _steps(self) -> tuple[Any, Any, dict[str, Any], Any]:
        """The numbers after all steps, the last gradient, figures, and mean squared gradients."""
        state, options = self.state, self.options
        random, count = generator(options.seed, state.epoch + 1), len(self.samples)
        order = random.permutation(count) if self.shuffle else np.arange(count)
        numbers, losses, norms = state.numbers, 0.0, list[float]()
        gradient, squares, rate = np.zeros(len(numbers)), np.zeros(len(numbers)), 0.0
        for places in batches(count, options.batch_size * options.accumulate, order):
            value, gradient = self._gradient(numbers, places, random)
            if not isfinite(value):
                raise NotFiniteError(f"the loss is {value}", *self._place(norms))
            losses += value * len(places)
            squares += gradient**2
            gradient, norm = self._clipped(gradient)
            if not np.isfinite(gradient).all():
                raise NotFiniteError("the gradient is not finite", *self._place(norms))
            norms.append(norm)
            numbers = self.running = self.optimiser.moved(numbers, gradient)
            rate = self.optimiser.groups[0].learning_rate
            if self.schedule is not None:
                self.schedule.step()
        found = {
            "loss": losses / count,
            "learning_rate": rate,
            "gradient_norm": float(np.mean(norms)),
            "steps": len(norms),
        }
        return numbers, gradient, found, squares / len(norms)

    def _place(self, norms: Sequence[float]) -> tuple[int, int]:
        """The numbers, from 1, of the step after those of this epoch, and of the epoch."""
        return self.state.steps + len(norms) + 1, self.state.epoch + 1

    def _gradient(self, numbers: Any, places: Any, random: Any) -> tuple[float, Any]:
        """The objective and its gradient over the samples of one step, batch by batch."""
        total, gradient = 0.0, np.zeros(len(numbers))
        for part in batches(len(places), self.options.batch_size, places):
            noise = random.random((len(part), self.objective.noise))
            value, found = self.objective.value_and_gradient(numbers, self.samples.of(part), noise)
            share = len(part) / len(places)
            total, gradient = total + share * value, gradient + share * found
        return total, gradient

    def _clipped(self, gradient: Any) -> tuple[Any, float]:
        """The gradient as far as it is allowed, and its length before."""
        limit = self.options.clip_norm
        _, norm = clipped_by_norm(gradient, inf)
        if self.options.clip_value is not None:
            gradient = clipped_by_value(gradient, self.options.clip_value)
        if limit is not None:
            gradient, _ = clipped_by_norm(gradient, limit)
        return gradient, norm

    def _measured(self) -> dict[str, float]:
        """Losses and metrics after an epoch."""
        found = {}
        if self.validation is not None:
            found["validation_loss"] = self.objective.value(self.validation)
        for prefix, samples in (("", self.samples), ("validation_", self.validation)):
            if self.metrics and samples is not None:
                outputs = self._outputs(samples)
                for name, metric in self.metrics.items():
                    found[prefix + name] = real(metric(outputs, samples.y), f"The metric {name}")
        return found

    def _outputs(self, samples: Samples) -> Any:
        with training(self.objective.modules, False), no_grad():
            return outputs_of(self.model, samples.X, self.objective.is_compiled)

    def _sizes(self, squares: Any) -> dict[str, float]:
        """The root mean square of the gradient of each layer, from the mean squares."""
        return {
            layer: float(np.sqrt(np.mean(squares[places]))) for layer, places in self.layers.items()
        }

    def _kept(self, keep_best: bool) -> Any:
        """The numbers that the model ends with."""
        state = self.state
        if not state.epoch:
            return self.running
        return state.best if keep_best and state.best is not None else state.numbers

    def _look_at_health(self) -> None:
        model, loss, samples = self.model, self.objective.loss, self.samples
        found = check_health(model, loss, samples.X, samples.y, most=_MOST_LOOKED_AT)
        self.state.history.health[self.state.epoch] = found


class NotFiniteError(ArithmeticError):
    """A number became nan or infinite, so that no further step makes sense."""

    def __init__(self, what: str, step: int, epoch: int) -> None:
        super().__init__(
            f"{what} at step {step}, in epoch {epoch}; the parameters are those of "
            "the best epoch before. Lower the learning rate, give clip_norm=1.0, and look for its "
            "source with trap()"
        )


def _layers_of(model: Module, parameters: Sequence[Value]) -> dict[str, list[int]]:
    """The places of the parameters of each layer, by its name."""
    names = {id(value): layer_of(name) for name, value in model.named_parameters()}
    found: dict[str, list[int]] = {}
    for place, value in enumerate(parameters):
        found.setdefault(names.get(id(value), "others"), []).append(place)
    return found


def _rates_of(schedule: Schedule) -> list[Any]:
    """The learning rates that a schedule leads through, at a few steps that tell it from others."""
    total = schedule.total or 1
    factors = [schedule.rule(step, total) for step in (0, total // 3, total // 2, total - 1)]
    return [total, *schedule.base_rates, *factors]
