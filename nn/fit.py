"""`fit`: the training loop, from data to a trained model.

Throw (forward), see the miss (loss), think back (backward), adjust (update), throw again. This
file takes the arguments apart, and sees whether they go together: what a model ends in is read off
an output, the operation that made it; a loss of logits behind a tanh trains, and never gets far,
and nothing else would say so. Next: `loop.py`, the loop itself.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import fields
from math import inf, isnan
from pathlib import Path
from typing import Any

import numpy as np

from glassgrad.engine import TABLE, Value
from glassgrad.engine.context import current
from glassgrad.engine.text import describe, told
from glassgrad.nn.batches import samples_for
from glassgrad.nn.checks import explained, warn
from glassgrad.nn.history import History
from glassgrad.nn.hooks import Callback
from glassgrad.nn.loop import Options, Training
from glassgrad.nn.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge,
    huber,
    mae,
    mse,
)
from glassgrad.nn.metrics import Metric, accuracy, confusion
from glassgrad.nn.module import Module
from glassgrad.nn.objective import Loss, Objective, Penalty
from glassgrad.nn.optimiser import Optimiser
from glassgrad.nn.optimisers import SGD, Adam
from glassgrad.nn.parts import plain_weight, title
from glassgrad.nn.schedules import Rule


@explained("Write fit(model, loss, X, y), and all else by name, such as epochs=100.")
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
    sample_weight: Any = None,
    class_weight: Mapping[Any, float] | str | None = None,
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
        loss: of an output of the model (which may be a list, a tuple or a dict) and a target, one
            Value, such as `mse`.
        X: the samples, an array of shape (samples, ...).
        y: their targets, of shape (samples,) or (samples, ...).
        optimiser: moves its parameters; `Adam(model.parameters(), 0.01)` if there is none.
        epochs: how often each sample is used.
        batch_size: how many samples a batch has; the last batch of an epoch may have fewer.
        seed: of all that is random here: samples held out, their order, units left out.
        shuffle: whether the samples come in another order in each epoch.
        validation: the share of the samples to hold out, such as 0.2, or (X, y), or (X, y,
            sample_weight), of others.
        sample_weight: how many samples each counts as, in losses and in metrics.
        class_weight: the same by classes, a dict; or "balanced", for classes that all count alike.
        metrics: functions of outputs and targets, or names: "accuracy", "r2", ...; or one. Where
            samples are weighed they are called with `sample_weight=` too.
        penalty: of the list of parameters, added to the mean loss, for example
            `lambda parameters: l2(parameters, 1e-4)`.
        schedule: what the learning rate is multiplied by, step by step, such as `cosine()`, or a
            function of the step and the number of all steps. `ReduceOnPlateau()` is told the loss
            after each epoch, on the validation samples if there are any.
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
            training goes on from it, with the same bits.
        checkpoint_every: after how many epochs it is written; and at the end, also an early one.
        health: whether to `check_health` over 8 samples before and after the training.
        compiled: whether to run as array operations; where that cannot be, it runs eagerly, with
            the same numbers up to rounding, and says so.
        progress: a progress bar: None for one in terminals and notebooks if tqdm is installed.

    What the model, loss and penalty do in Python (drawing random numbers of their own, changing
    lists of plain numbers) happens only when they are recorded, and when the recording is audited:
    more and more rarely, or in each epoch if any of them, a callback, metric, schedule or the
    optimiser is of your own. `compiled=False` runs it for each sample. Leaf Values that the loss
    depends on, and that neither the model nor the optimiser has, are told in a warning; so is a
    float that a class of your own has as its `w`, `b`, `weight` or `bias`. Gradients are forgotten
    at the end, so that a drawing does not show those of a batch.

    Returns:
        The history, which prints and plots itself.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: samples and targets do not belong together, the loss does not take the targets,
            an option makes no sense, or the checkpoint is damaged or that of another training.
        RuntimeError: it is called inside `no_grad()`.

    >>> from glassgrad import MLP, binary_cross_entropy_with_logits, fit, xor
    >>> X, y = xor()
    >>> model = MLP(2, [8, 1], output_activation="linear", seed=0)
    >>> history = fit(model, binary_cross_entropy_with_logits, X, y, epochs=200,
    ...               metrics=["accuracy"])
    >>> history["accuracy"][-1]
    1.0
    """
    given = locals()
    options = Options(**{each.name: given[each.name] for each in fields(Options)})
    if not isinstance(model, Module):
        raise TypeError(
            "fit takes a model of nn, such as MLP(2, [8, 1]) or a class of your own derived from "
            f"Module, not {describe(model)}."
        )
    if not current().recording:
        raise RuntimeError("fit needs gradients, and no_grad() around it leaves them out.")
    samples, others = samples_for(
        X,
        y,
        weights=sample_weight,
        class_weight=class_weight,
        validation=validation,
        seed=options.seed,
    )
    optimiser = _optimiser_of(model, optimiser)
    rates = [group.learning_rate for group in optimiser.groups]
    try:
        training = Training(model, options, optimiser, samples, others)
        if place := plain_weight(model):
            warn(
                f"fit: {place} of {title(model)} is a plain number, which no training moves. Put "
                "Values there, such as Value(0.1); what is to stay as it is can have another name."
            )
        _agree(training)
        if checkpoint is not None:
            training.keep_in(checkpoint)
        if training.metrics and not training.history.epochs:
            with np.errstate(all="ignore"):
                training.measured()  # what metrics refuse, they refuse now
        # Those that took the first outputs without asking will not ask later either.
        training.metrics = {name: _at(0.0, metric) for name, metric in training.metrics.items()}
        return training.run()
    finally:
        if schedule is not None:  # the optimiser has its own rates again
            for group, rate in zip(optimiser.groups, rates):
                group.learning_rate = rate


def _optimiser_of(model: Module, optimiser: Optimiser | None) -> Optimiser:
    if optimiser is None and not model.parameters():
        raise ValueError(
            f"{title(model)} has no parameters, so there is nothing to train: its attributes hold "
            "no Values, such as self.w = Value(1.0)."
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
    if any(group.maximize for group in optimiser.groups):
        raise ValueError(
            "fit goes by the smallest loss, in patience, keep_best and the best epoch, and "
            f"{type(optimiser).__name__}(maximize=True) climbs. Leave maximize out, and give a "
            "loss that falls as what you measure grows: -score."
        )
    return optimiser


def _agree(training: Training) -> None:
    """See whether targets, loss, metrics and what the model ends in go together."""
    objective, metrics = training.objective, training.metrics
    outputs = objective.outputs(training.samples)
    for samples in (training.samples, training.validation):
        if samples is not None:
            _check_targets(objective, outputs[0], samples.y)
    threshold = _threshold(objective.loss, outputs, training.samples.y)
    training.metrics = {name: _at(threshold, metric) for name, metric in metrics.items()}


_MOST_TARGETS = 5000
"""So many different targets are tried; of more, the smallest, the largest, and some between."""


def _check_targets(objective: Objective, output: list[Any], targets: Any) -> None:
    """Let the loss refuse targets that it does not take, before any training.

    Inside a compiled function the loss sees Values, which it does not check.
    """
    different = np.unique(targets, axis=0)
    columns, count = different.reshape(len(different), -1), len(different)
    tried = np.linspace(0, count - 1, min(count, _MOST_TARGETS)).astype(int)
    for place in np.unique([*tried, *columns.argmin(axis=0), *columns.argmax(axis=0)]):
        target = different[place]
        is_nan = isnan(objective.of_output(output, target))
        if is_nan and all(map(isnan, objective.losses_of_made_up([target]))):
            raise ValueError(
                f"fit: the loss of one sample is nan for the target {told(target.tolist())}, "
                "whatever the model gives, and so the mean over its batch would be. Leave such "
                "samples out; a loss that is not to count them, as "
                'cross_entropy(ignore_index=...), takes reduction="sum".'
            )


# What a model ends in

_RANGES = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, inf),
    "softplus": (0.0, inf),
}
"""Activations that give only some numbers, and which."""
_LAST_ROW = {"softmax": "share"}
"""The row of the table that an activation ends with which is none itself."""
_LOGITS = "takes logits, which are any numbers"
_WANTED: list[tuple[Any, float, float, str]] = [
    (binary_cross_entropy_with_logits, -inf, inf, _LOGITS),
    (cross_entropy, 0.0, inf, _LOGITS),
    (hinge, -1.0, 1.0, "takes scores below 0 for the class -1"),
]
"""From where to where outputs have to reach for a loss, and why."""


def _threshold(loss: Any, outputs: list[list[Any]], targets: Any) -> float | None:
    """From which output on a sample is of class 1; None where that is not known. A warning, where
    the model ends in what cannot reach what the loss wants.

    It is 0.5 behind a sigmoid, and where outputs are to be the classes 0 and 1 themselves, and 0
    for logits. With a loss of a user's own it is left to the metric, which may ask.
    """
    while isinstance(loss, functools.partial):
        loss = loss.func
    wanted = [
        (low, high, f"{loss.__name__} {why}") for each, low, high, why in _WANTED if each is loss
    ]
    is_of_numbers = loss in (mse, mae, huber)
    if is_of_numbers:
        least, most = float(np.min(targets)), float(np.max(targets))
        wanted = [(least, most, f"The targets reach from {least:g} to {most:g}")]
    operations = {x.operation for row in outputs for x in row if isinstance(x, Value)}
    last = operations.pop() if len(operations) == 1 else None
    end = next((name for name in _RANGES if TABLE[_LAST_ROW.get(name, name)] is last), None)
    if end is not None:
        low, high = _RANGES[end]
        numbers = f"numbers from {low:g} on" if high == inf else f"{low:g} to {high:g}"
        for least, most, why in wanted:
            if least < low or most > high:
                warn(
                    f"fit: {why}, but the model ends in {end}, which gives {numbers}. Let it end "
                    'without one: output_activation="linear".'
                )
    if end == "sigmoid" or (is_of_numbers and set(np.unique(targets)) <= {0.0, 1.0}):
        return 0.5
    return 0.0 if wanted or end == "tanh" else None


def _at(threshold: float | None, metric: Metric) -> Metric:
    """A metric of classes that knows where they part; any other as it is."""
    if threshold is None or metric not in (accuracy, confusion):
        return metric
    return functools.partial(metric, threshold=threshold)
