"""`fit`: the training loop, from data to a trained model.

Throw (forward), see the miss (loss), think back (backward), adjust (update), throw again. This
file takes the arguments apart; the loop itself is in `loop.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from glassgrad.engine.context import current
from glassgrad.engine.text import describe, function_name, similar
from glassgrad.nn.checkpoint import Checkpoint, description_of
from glassgrad.nn.checks import explained, true_or_false
from glassgrad.nn.history import COLUMNS, History
from glassgrad.nn.hooks import warn
from glassgrad.nn.loop import Callback, Options, Training, held_out
from glassgrad.nn.losses import l1, l2
from glassgrad.nn.metrics import Metric, metric_called
from glassgrad.nn.module import Module, training
from glassgrad.nn.objective import (
    Loss,
    Objective,
    Penalty,
    disagreement,
    end_of,
    settled,
    with_threshold,
)
from glassgrad.nn.optimisers import SGD, Adam, Optimiser
from glassgrad.nn.samples import Samples, plain, samples_of
from glassgrad.nn.schedules import Plateau, Rule, Schedule

_MOST_TRIED = 8
"""Samples whose outputs show what the model ends in."""


@explained()
def fit(
    model: Module,
    loss: Loss,
    X: Any,
    y: Any,
    *,
    optimiser: Optimiser | None = None,
    epochs: int = 100,
    batch_size: int = 32,
    seed: int = 0,
    shuffle: bool = True,
    validation: Any = None,
    metrics: str | Metric | Iterable[str | Metric] = (),
    penalty: Penalty | None = None,
    schedule: Rule | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    accumulate: int = 1,
    patience: int | None = None,
    keep_best: bool | None = None,
    callbacks: Callback | Iterable[Callback] = (),
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 1,
    health: bool = True,
    compiled: bool = True,
    progress: bool | None = None,
) -> History:
    """Train a model on samples, in mini-batches.

    Afterwards the model has the parameters of the last epoch, or of the best one (see
    `keep_best`), and is in use, as after `model.eval()`. Ctrl-C ends the training, keeps the best
    parameters so far and returns as usual; so does a loss that is no longer finite.

    Args:
        model: takes a sample of X; its parameters change.
        loss: of an output of the model and a target, one Value, such as `mse`.
        X: the samples, an array of shape (samples, ...).
        y: their targets, of shape (samples,) or (samples, ...).
        optimiser: moves its parameters; `Adam(model.parameters(), 0.01)` if there is none.
        epochs: how often each sample is used.
        batch_size: how many samples a batch has; the last batch of an epoch may have fewer.
        seed: of all that is random here: samples held out, their order, units left out.
        shuffle: whether the samples come in another order in each epoch.
        validation: the share of the samples to hold out, such as 0.2, or a pair (X, y) of others.
        metrics: functions of outputs and targets, or names: "accuracy", "r2", ...; or one.
        penalty: of the list of parameters, added to the mean loss, for example
            `lambda parameters: l2(parameters, 1e-4)`.
        schedule: what the learning rate is multiplied by, step by step, such as `cosine()`; a
            function of your own takes the step and the number of all steps, and gives a factor.
            `reduce_on_plateau()` is told the loss after each epoch: on the validation samples, or
            the mean over the steps if there are none.
        clip_norm: the greatest length that the gradient may have.
        clip_value: the greatest size that a number of the gradient may have, before `clip_norm`.
        accumulate: how many batches make one step, for batches that would need too much memory.
        patience: stop after so many epochs without a smaller loss (on the validation samples, if
            there are any).
        keep_best: whether to end with the parameters of the best epoch instead of the last. None
            means: if there are validation samples, or patience.
        callbacks: functions, or one, that are called with the history after every epoch; True as
            an answer stops.
        checkpoint: a file that keeps the training after every epoch. If it is there already, the
            training goes on from it, with the same bits as if it had never been stopped.
        checkpoint_every: after how many epochs it is written, for models that train faster than a
            disk writes.
        health: whether to look at the gradients of the layers before and after the training.
        compiled: whether to run as array operations; where that cannot be, it runs eagerly, with
            the same numbers up to rounding, and says so.
        progress: a progress bar: None for one in terminals and notebooks if tqdm is installed.

    What the model, loss and penalty do in Python (drawing random numbers of their own, changing
    lists of plain numbers) happens only when they are recorded, and when the recording is audited
    before the first step of an epoch; `compiled=False` runs it for each sample. Leaf Values that
    the loss depends on, and that neither the model nor the optimiser has, are told in a warning.
    Gradients are forgotten at the end, so that a drawing does not show those of a batch.

    Returns:
        The history, which prints and plots itself.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: samples and targets do not belong together, the loss does not take the targets,
            an option makes no sense, or the checkpoint is damaged or that of another training.
        RuntimeError: it is called inside `no_grad()`.
        ImportError: `progress=True`, and tqdm is not installed.
        OSError: the checkpoint cannot be written or read.

    Example:
        >>> from glassgrad import MLP, binary_cross_entropy_with_logits, fit, xor
        >>> X, y = xor()
        >>> model = MLP(2, [8, 1], output_activation="linear", seed=0)
        >>> history = fit(model, binary_cross_entropy_with_logits, X, y, epochs=200,
        ...               metrics=["accuracy"])
        >>> history["accuracy"][-1]
        1.0
    """
    if not isinstance(model, Module):
        raise TypeError(
            "fit takes a model of nn, such as MLP(2, [8, 1]) or a class of your own derived from "
            f"Module, not {describe(model)}."
        )
    if not current().recording:
        raise RuntimeError("fit needs gradients, and no_grad() around it leaves them out.")
    callbacks = _listed("callbacks", callbacks)
    _check_callable("loss", [loss], "a loss such as glassgrad.mse", _loss_meant(loss))
    _check_penalty(penalty)
    if isinstance(schedule, Plateau) and schedule.is_max:
        raise ValueError('fit(schedule=...) watches a loss: write reduce_on_plateau(mode="min").')
    _check_callable("callbacks", callbacks, "functions of the history")
    options = Options(
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        accumulate=accumulate,
        patience=patience,
        clip_norm=clip_norm,
        clip_value=clip_value,
        checkpoint_every=checkpoint_every,
    )
    shuffle = true_or_false(shuffle, "fit(shuffle=...)")
    health = true_or_false(health, "fit(health=...)")
    compiled = true_or_false(compiled, "fit(compiled=...)")
    if keep_best is not None:
        keep_best = true_or_false(keep_best, "fit(keep_best=...)")
    samples, validation_samples = held_out(samples_of(X, y), validation, options.seed)
    optimiser = _optimiser_of(model, optimiser)
    objective = Objective(
        model,
        loss,
        samples,
        penalty=penalty,
        parameters=optimiser.parameters,
        is_compiled=compiled,
    )
    if keep_best is None:
        keep_best = patience is not None or validation_samples is not None
    measured = _agreeing(_by_name(metrics), objective, samples)
    with nullcontext() if schedule is None else _own_rates(optimiser):
        steps = options.steps(len(samples))
        run = Training(
            options,
            objective,
            optimiser,
            schedule=None if schedule is None else Schedule(optimiser, schedule, steps),
            samples=samples,
            validation=validation_samples,
            metrics=measured,
            shuffle=shuffle,
        )
        run.metrics = {name: settled(metric) for name, metric in measured.items()}
        file = None
        if checkpoint is not None:
            file = Checkpoint(checkpoint, description_of(run))
            run.resume(file)
        return run.run(callbacks, file, health, progress, keep_best)


def _agreeing(
    metrics: Mapping[str, Metric], objective: Objective, samples: Samples
) -> dict[str, Metric]:
    """The metrics as they go with what the model ends in; a warning if that cannot be right."""
    with training(objective.modules, False):
        end = end_of([objective.model(plain(x)) for x in samples.X[:_MOST_TRIED]])
    loss, targets = objective.loss, samples.y
    if doubt := disagreement(loss, end, targets):
        warn(f"fit: {doubt}")
    return {name: with_threshold(x, loss, end, targets) for name, x in metrics.items()}


def _check_callable(role: str, functions: Iterable[Any], wanted: str, hint: str = "") -> None:
    for function in functions:
        if not callable(function):
            raise TypeError(f"fit({role}=...) takes {wanted}, not {describe(function)}.{hint}")


_LOSSES = ("mse", "mae", "huber", "hinge", "cross_entropy", "binary_cross_entropy_with_logits")


def _loss_meant(loss: Any) -> str:
    """Where a loss is given by its name: the function that is meant."""
    name = similar(loss, _LOSSES) if isinstance(loss, str) else None
    return f" Give the function itself: glassgrad.{name}." if name else ""


def _check_penalty(penalty: Any) -> None:
    if penalty is not None and (not callable(penalty) or penalty in (l1, l2)):
        raise TypeError(
            "fit(penalty=...) takes a function of the list of parameters, such as "
            f"lambda parameters: l2(parameters, 1e-4), not {describe(penalty)}."
        )


def _listed(role: str, given: Any) -> list[Any]:
    """What may be given alone, in a list."""
    if isinstance(given, str) or callable(given):
        return [given]
    try:
        return list(given or ())
    except TypeError:
        raise TypeError(f"fit({role}=...) takes a list of them, not {describe(given)}.") from None


@contextmanager
def _own_rates(optimiser: Optimiser) -> Iterator[None]:
    """After the `with` block the optimiser has its own learning rates, not those of a schedule."""
    rates = [group.learning_rate for group in optimiser.groups]
    try:
        yield
    finally:
        for group, rate in zip(optimiser.groups, rates):
            group.learning_rate = rate


def _optimiser_of(model: Module, optimiser: Optimiser | None) -> Optimiser:
    if not model.parameters():
        raise ValueError(
            f"{repr(model).splitlines()[0]} has no parameters, so there is nothing to train: its "
            "attributes hold no Values, such as self.w = Value(1.0)."
        )
    if optimiser is None:
        return Adam(model.parameters(), learning_rate=0.01)
    if not isinstance(optimiser, Optimiser):
        raise TypeError(
            f"fit(optimiser=...) is one of nn, such as Adam(model.parameters(), 0.01), not "
            f"{describe(optimiser)}."
        )
    if type(optimiser).step not in (Optimiser.step, SGD.step):
        raise TypeError(
            f"fit moves parameters by the rule of an optimiser, and {type(optimiser).__name__} "
            "defines a step of its own, which would not run. Define rule instead."
        )
    mine = set(map(id, model.parameters()))
    if not any(id(parameter) in mine for parameter in optimiser.parameters):
        raise ValueError(
            "The optimiser moves none of the model's parameters. Make it from those of this "
            "model: Adam(model.parameters(), 0.01)."
        )
    return optimiser


def _by_name(metrics: str | Metric | Iterable[str | Metric]) -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    for metric in _listed("metrics", metrics):
        name = metric if isinstance(metric, str) else function_name(metric)
        if name in COLUMNS or name.startswith("validation_"):
            raise ValueError(f"fit(metrics=...): {name} is a column of its own. Rename the metric.")
        if name in found:
            raise ValueError(f"fit(metrics=...) has two called {name}. Give one another name.")
        found[name] = metric_called(metric)
    return found
