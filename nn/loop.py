"""The training itself: epoch by epoch, until it is over, stopped, or no longer finite.

`Training` does the steps of an epoch: the gradient over each batch (`objective.py`), clipped, and
the move of the optimiser, at the rate of the schedule. It measures what they came to, tells its
hooks (`hooks.py`) of each epoch, and sees to it that the model ends with the numbers that it
should, whatever happens.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf, isfinite
from typing import Annotated, Any

import numpy as np

from glassgrad.engine import Value, assign_grad, clear_grad, data_vector
from glassgrad.engine.arrays import call_locked
from glassgrad.engine.context import layer_of
from glassgrad.engine.files import decode
from glassgrad.engine.misuse import real, whole
from glassgrad.engine.text import LOSSES, counted, describe, function_name, similar, some_of
from glassgrad.engine.vectors import write_data
from glassgrad.nn import hooks
from glassgrad.nn.batches import Samples, generator_of_epoch, in_batches, loss_function
from glassgrad.nn.checkpoint import Checkpoint
from glassgrad.nn.checks import (
    Count,
    CountFrom0,
    Flag,
    checked_fields,
    function_taking,
    or_none,
    positive,
    true_or_false,
    warn,
)
from glassgrad.nn.clipping import clipped_by_norm
from glassgrad.nn.health import check_health
from glassgrad.nn.history import COLUMNS, Epoch, History, after_epochs
from glassgrad.nn.hooks import Hook
from glassgrad.nn.losses import l1, l2
from glassgrad.nn.metrics import Metric, metric_called
from glassgrad.nn.module import Module, training
from glassgrad.nn.objective import Loss, Objective, Penalty, digest_of
from glassgrad.nn.optimiser import Optimiser, options_of
from glassgrad.nn.schedules import ReduceOnPlateau, Rule, Schedule, any_rule

_MOST_LOOKED_AT = 8
"""Samples for the health of gradients. Of 432 networks, on moons, blobs and a sine, all got the
same verdicts from 8 samples as from 16."""
_TELLING = ("shuffle", "batch_size", "seed", "accumulate", "clip_norm", "clip_value")
"""Options that make a training another than others."""


_penalty = function_taking(
    1, "a function of the list of parameters, such as lambda parameters: l2(parameters, 1e-4)"
)
_callback = function_taking(1, "functions of the history")


def _loss(given: Any, role: str) -> Any:
    wanted = f"{role} takes a loss such as glassgrad.mse"
    if isinstance(given, str) and (name := similar(given, LOSSES)):
        raise TypeError(f"{wanted}, not str {given!r}. Give the function itself: glassgrad.{name}.")
    if given is l1 or given is l2:  # of outputs and targets they would make a number too
        raise TypeError(f"{wanted}, and {given.__name__} is a penalty: write fit(penalty=...).")
    return loss_function(given, role)


def _callbacks(given: Any, role: str) -> list[hooks.Callback]:
    return [_callback(each, role) for each in _listed(given, role)]


def _metrics(given: Any, role: str) -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    for metric in _listed(given, role):
        name = metric if isinstance(metric, str) else function_name(metric)
        if name in found or name in COLUMNS or name.startswith("validation_"):
            whose = "two" if name in found else "a column of its own"
            raise ValueError(f"{role} has {whose} called {name}. Give one another name.")
        found[name] = metric_called(metric, role)
    return found


def _listed(given: Any, role: str) -> list[Any]:
    if isinstance(given, str) or callable(given):
        return [given]
    try:
        return list(given or ())
    except TypeError:
        raise TypeError(f"{role} takes a list of them, not {describe(given)}.") from None


@dataclass(kw_only=True)
class Options:
    """What `fit` is told of a training, each with its check."""

    loss: Annotated[Loss, _loss]
    metrics: Annotated[dict[str, Metric], _metrics]
    callbacks: Annotated[list[hooks.Callback], _callbacks]
    epochs: Count
    batch_size: Count
    accumulate: Count
    checkpoint_every: Count
    seed: CountFrom0
    shuffle: Flag
    health: Flag
    compiled: Flag
    schedule: Annotated[Rule | None, or_none(any_rule)]
    penalty: Annotated[Penalty | None, or_none(_penalty)] = None
    patience: Annotated[int | None, or_none(whole)] = None
    clip_norm: Annotated[float | None, or_none(positive)] = None
    clip_value: Annotated[float | None, or_none(positive)] = None
    keep_best: Annotated[bool | None, or_none(true_or_false)] = None
    progress: Annotated[bool | None, or_none(true_or_false)] = None

    def __post_init__(self) -> None:
        vars(self).update(checked_fields(self, "fit"))


class NotFiniteError(ArithmeticError):
    """A number became nan or infinite, so that no further step makes sense."""


class Training(Hook):
    """A training from its first epoch, or the next one, to its end.

    Attributes:
        latest: the numbers of the parameters after the last step.
    """

    def __init__(
        self,
        model: Module,
        options: Options,
        optimiser: Optimiser,
        samples: Samples,
        validation: Samples | None,
    ) -> None:
        self.options, self.optimiser, self.metrics = options, optimiser, options.metrics
        self.samples, self.validation = samples, validation
        self.parameters, rule, metrics = optimiser.parameters, options.schedule, options.metrics
        self.objective = Objective(
            model,
            options.loss,
            options.penalty,
            samples,
            parameters=self.parameters,
            has_outputs=bool(metrics),
            is_compiled=options.compiled,
            beside=[*options.callbacks, *metrics.values(), rule, optimiser, optimiser.rule],
        )
        total = None
        if not isinstance(rule, ReduceOnPlateau):
            batches = -(-len(samples) // options.batch_size)
            total = options.epochs * -(-batches // options.accumulate)
        self.schedule = None if rule is None else Schedule(optimiser, rule, total)
        self.history, self.steps, self.latest = History(), 0, data_vector(self.parameters)
        self._layers = _layers_of(model, self.parameters)
        self._kept = hooks.Kept(self.parameters, model)
        self._files: list[Hook] = []

    def keep_in(self, path: Any) -> None:
        """Keep the training in a file, and go on from it, if it is there already."""
        options, parts = self.options, (self.objective, self._kept, self)
        every, last = options.checkpoint_every, options.epochs
        file = Checkpoint(path, self.describe(), parts, every, last)
        self._files = [file]
        if (epochs := file.resume()) == last:
            self.history.note(f"{file.path.name} was at its last epoch: nothing was left to train.")
        if epochs:
            self._kept.restore()

    def state(self) -> dict[str, Any]:
        watches = self.schedule is not None and self.schedule.watches
        return {
            "steps": self.steps,
            "history": self.history.to_dict(),
            **({"schedule": self.schedule.state_dict()} if self.schedule and watches else {}),
            "optimiser": self.optimiser.state_dict(),
        }

    def take(self, states: Mapping[str, Any]) -> None:
        history = History.from_dict(states["history"])
        self.steps = decode(int, states["steps"], "its number of steps")
        if not 0 < history.epochs <= self.steps:
            raise ValueError(f"its {self.steps} steps are not those of {history.epochs} epochs")
        if (history.best_epoch is None) != (states["best"] is None):
            raise ValueError("its best epoch and the best parameters do not belong together")
        if self.schedule is not None and self.schedule.watches:
            self.schedule.load_state_dict(states["schedule"])
        elif self.schedule is not None:
            self.schedule.step_count = self.steps
        # It is the user's: where anything before is refused, it has not changed but for its rates,
        # which `fit` gives back. Those that it had count: a callback may have set others than the
        # schedule did.
        self.optimiser.load_state_dict(states["optimiser"])
        vars(self.history).update(vars(history))

    def describe(self) -> dict[str, Any]:
        """What makes this training another than others; see `checkpoint.py`."""
        found = self.objective.describe(self.samples, self.validation)
        found["optimiser"] = type(self.optimiser).__name__
        names = {id(value): name for name, value in self.objective.model.named_parameters()}
        trained = list[str]()
        for number, group in enumerate(self.optimiser.groups):
            where = f" of group {number}" * (len(self.optimiser.groups) > 1)
            found[f"parameters{where}"] = len(group.parameters)
            # What is not in the model has its label at most.
            trained += [f"{names.get(id(p)) or p.label}{where}" for p in group.parameters]
            found |= {f"{name}{where}": option for name, option in options_of(group).items()}
        same = [name for name, count in Counter(trained).items() if count > 1]
        if same:
            warn(
                "fit(checkpoint=...): the optimiser moves several parameters called "
                f"{some_of(same)}, which a checkpoint knows by their order alone: resumed with "
                "another order, it would take one for the other. Give each Value that the model "
                'does not hold a label of its own, Value(1.0, label="temperature").'
            )
        if self.schedule is not None:
            found["steps of the schedule"] = self.schedule.total
            found["learning rates of the schedule"] = digest_of(self.schedule.sketch())
        return {
            **found,
            "trained parameters": "\n".join(trained),
            "samples": self.samples.fingerprint(),
            "validation samples": self.validation and self.validation.fingerprint(),
            "metrics": ", ".join(self.metrics),
            **{name: getattr(self.options, name) for name in _TELLING},
        }

    # The steps of an epoch

    def epoch(self) -> Epoch:
        """The next epoch: a step for each batch, then what is measured after it.

        A loss, a gradient or a parameter that is not finite is a NotFiniteError.
        """
        began, number = time.perf_counter(), self.history.epochs + 1
        self.latest = data_vector(self.parameters)
        loss, norms, squares = 0.0, list[float](), np.zeros_like(self.latest)
        every = self.samples.total
        random, count = generator_of_epoch(self.options.seed, number), len(self.samples)
        order = random.permutation(count) if self.options.shuffle else np.arange(count)
        with training(self.objective.with_modes, True):
            for places in in_batches(order, self.options.batch_size * self.options.accumulate):
                chosen = self.samples.of(places)
                self.steps += 1
                value, found = self._gradient(chosen, random)
                squares += found * found
                gradient, norm = self._clipped(found)
                self._move(gradient, norm)
                loss += value * (chosen.total / every)
                norms.append(norm)
                rate = self.optimiser.groups[0].learning_rate
                if self.schedule is not None and self.steps < (self.schedule.total or 0):
                    self.schedule.step()
        write_data(self.parameters, self.latest.tolist())
        if not self.objective.is_alone:  # else no code of the training looks at them
            assign_grad(self.parameters, gradient)
        measured = self.measured()
        if not isfinite(end := measured.get("end_loss", 0.0)):
            raise self._not_finite(f"after the steps of the epoch the loss is {end}")
        if self.schedule is not None and self.schedule.watches:
            self.schedule.step(measured.get("validation_loss", loss))
        of_steps = {
            "learning_rate": rate,
            "gradient_norm": float(np.mean(norms)),
            "seconds": time.perf_counter() - began,
        }
        squares /= len(norms)
        gradients = {
            layer: float(np.sqrt(np.mean(squares[places])))
            for layer, places in self._layers.items()
        }
        return Epoch(number, {"loss": loss, **measured}, of_steps, gradients)

    def _gradient(self, chosen: Samples, random: np.random.Generator) -> tuple[float, Any]:
        """The objective and its gradient over the samples of one step, batch by batch."""
        draw = random.random if self.objective.noise_count else np.empty
        noise = draw((len(chosen), self.objective.noise_count))
        size, latest = self.options.batch_size, self.latest
        if len(chosen) <= size:
            total, gradient = self.objective.value_and_gradient(latest, chosen, noise)
        else:
            total, gradient = 0.0, np.zeros_like(latest)
            for places in in_batches(np.arange(len(chosen)), size):
                part = chosen.of(places)
                found = self.objective.value_and_gradient(latest, part, noise[places])
                share = part.total / chosen.total
                total, gradient = total + share * found[0], gradient + share * found[1]
        if not isfinite(total):
            raise self._not_finite(f"the loss is {total}")
        return total, gradient

    def _clipped(self, gradient: Any) -> tuple[Any, float]:
        """The gradient as far as it is allowed, and its length before."""
        limit, most = self.options.clip_norm or inf, self.options.clip_value
        if most is None:
            return clipped_by_norm(gradient, limit)
        _, norm = clipped_by_norm(gradient, inf)
        return clipped_by_norm(np.clip(gradient, -most, most), limit)[0], norm

    def _move(self, gradient: Any, norm: float) -> None:
        if not (isfinite(norm) or np.isfinite(gradient).all()):  # the length alone may overflow
            raise self._not_finite("the gradient is not finite")
        numbers = self.optimiser.moved(self.latest, gradient)
        is_sure = isfinite(numbers.dot(numbers))  # the sum of squares may overflow, and is quick
        if not (is_sure or np.isfinite(numbers).all()):
            raise self._not_finite("a parameter is not finite")
        self.latest = numbers

    def _not_finite(self, what: str) -> NotFiniteError:
        epoch = self.history.epochs + 1
        return NotFiniteError(
            f"{what} at step {self.steps}, in epoch {epoch}; the parameters are those "
            f"{'of the best epoch before' if epoch > 1 else 'from before the training'}. Lower "
            "the learning rate or give clip_norm=1.0; trap() and compiled=False find the source"
        )

    def measured(self) -> dict[str, float]:
        """The loss that decides which epoch is the best, and metrics, by the names of columns."""
        losses, scores = dict[str, float](), dict[str, float]()
        both = {"": self.samples, "validation_": self.validation}
        if self.validation is not None and not self.metrics:
            del both[""]  # nobody asks for it
        for prefix, samples in both.items():
            if samples is None:
                continue
            loss, outputs = self.objective.measured(samples)
            if prefix or self.validation is None:
                losses[f"{prefix or 'end_'}loss"] = loss
            weights = {} if samples.weights is None else {"sample_weight": samples.weights}
            for name, metric in self.metrics.items():
                title = f"The metric {name}"
                score = call_locked(title, partial(metric, **weights), outputs, samples.y)
                scores[prefix + name] = real(score, title)
        return losses | scores

    # From epoch to epoch

    def run(self) -> History:
        """Train to the end, or as far as it goes; what the model ends with is sure in any case."""
        options, history, keep_best = self.options, self.history, self.options.keep_best
        if keep_best is None:
            keep_best = options.patience is not None or self.validation is not None
        bar = hooks.Progress(options.epochs, history.epochs, options.progress)
        looks = options.health
        try:
            if looks and not history.epochs:
                self._look_at_health()
            history.stopped = self._epochs(self._hooks(bar))
        except KeyboardInterrupt:
            history.stopped = self._by_ctrl_c()
            keep_best, looks = True, False
        except NotFiniteError as fault:
            history.stopped = str(fault)
            keep_best, self.latest = True, self._kept.last
            warn(f"The training stopped: {fault}")
        finally:
            bar.close()
            try:
                self._leave(keep_best)
            except KeyboardInterrupt:
                history.stopped = self._by_ctrl_c()
                self._leave(True)
        if history.best_epoch not in (None, history.epochs):
            which = "best" if keep_best else "last"
            history.note(f"The model has the parameters of the {which} epoch.")
        if self.objective.penalty is not None and self.validation is not None:
            history.note("The loss has the penalty in it, the validation loss has not.")
        if self.objective.why_eager:
            history.note(f"It ran without compiled: {self.objective.why_eager}")
        try:
            if looks and history.epochs and history.epochs not in history.health:
                self._look_at_health()
        except KeyboardInterrupt:
            history.note("Ctrl-C ended the look at the gradients after the training.")
        finally:
            clear_grad(self.objective.all_parameters)
        return history

    def _hooks(self, bar: Hook) -> list[Hook]:
        options, found = self.options, [self.objective, self._kept, bar]
        if options.callbacks:  # kept twice: if Ctrl-C comes in one, and after they moved parameters
            model = self.objective.model
            found += [hooks.Callbacks(options.callbacks, model, self.optimiser), self._kept]
        found += self._files
        return found if options.patience is None else [*found, hooks.Patience(options.patience)]

    def _epochs(self, all_hooks: Sequence[Hook]) -> str:
        """Train on until it is over, and say why it is."""
        history = self.history
        while True:
            reasons = [why for hook in all_hooks if (why := hook.why_over(history)) is not None]
            if history.epochs >= self.options.epochs:
                reasons.append(after_epochs(history.epochs))
            if reasons:
                for hook in all_hooks:
                    hook.at_end(history)
                return reasons[0]
            for hook in all_hooks:
                hook.before()
            with np.errstate(all="ignore"):  # what is not finite is found
                history.add(self.epoch())
            for hook in all_hooks:
                hook.after(history)

    def _by_ctrl_c(self) -> str:
        return f"by Ctrl-C, after {counted(self.history.epochs, 'whole epoch')}"

    def _leave(self, keep_best: bool) -> None:
        """Give the model the numbers it ends with: in the first epoch those of the last step."""
        kept = self._kept
        final = kept.best if keep_best and kept.best is not None else kept.last
        if not self.history.epochs and np.isfinite(self.latest).all():
            final = self.latest
        kept.put(final)
        self.objective.model.eval()
        clear_grad(self.objective.all_parameters)

    def _look_at_health(self) -> None:
        objective, samples = self.objective, self.samples
        self.history.health[self.history.epochs] = check_health(
            objective.model, objective.loss, samples.X, samples.y, _MOST_LOOKED_AT
        )


def _layers_of(model: Module, parameters: Sequence[Value]) -> dict[str, Any]:
    names = {id(value): layer_of(name) for name, value in model.named_parameters()}
    found: dict[str, list[int]] = {}
    for place, value in enumerate(parameters):
        found.setdefault(names.get(id(value), "others"), []).append(place)
    return {layer: np.array(places) for layer, places in found.items()}
