"""`fit`: the training loop, from data to a trained model.

Throw (forward), see the miss (loss), think back (backward), adjust (update), throw again. This
file takes the arguments apart, and sees whether they go together: what a model ends in is read off
an output, the operation that made it; a loss of logits behind a tanh trains, and never gets far,
and nothing else would say so. Next: `loop.py`, the loop itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Mapping
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from glassgrad.engine import TABLE, Value, no_grad
from glassgrad.engine.context import current
from glassgrad.engine.text import LOSSES, describe, function_name, similar
from glassgrad.engine.tree import leaves_of
from glassgrad.nn.checks import explained
from glassgrad.nn.history import COLUMNS, History, warn
from glassgrad.nn.hooks import Callback
from glassgrad.nn.loop import Loop, Options, Training
from glassgrad.nn.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge,
    huber,
    l1,
    l2,
    mae,
    mse,
)
from glassgrad.nn.metrics import Metric, accuracy, confusion, metric_called
from glassgrad.nn.module import Module
from glassgrad.nn.objective import Loss, Objective, Penalty
from glassgrad.nn.optimiser import Optimiser
from glassgrad.nn.optimisers import SGD, Adam
from glassgrad.nn.samples import Samples, class_weights, held_out, plain, samples_of, weighed_as
from glassgrad.nn.schedules import ReduceOnPlateau, Rule, Schedule


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
        checkpoint_every: after how many epochs it is written.
        health: whether to `check_health` over 8 samples before and after the training.
        compiled: whether to run as array operations; where that cannot be, it runs eagerly, with
            the same numbers up to rounding, and says so.
        progress: a progress bar: None for one in terminals and notebooks if tqdm is installed.

    What the model, loss and penalty do in Python (drawing random numbers of their own, changing
    lists of plain numbers) happens only when they are recorded, and when the recording is audited:
    more and more rarely, or in each epoch if any of them, a callback, metric, schedule or the
    optimiser is of your own. `compiled=False` runs it for each sample. Leaf Values that the loss
    depends on, and that neither the model nor the optimiser has, are told in a warning. Gradients
    are forgotten at the end, so that a drawing does not show those of a batch.

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
    options = Options.among(locals())
    if not isinstance(model, Module):
        raise TypeError(
            "fit takes a model of nn, such as MLP(2, [8, 1]) or a class of your own derived from "
            f"Module, not {describe(model)}."
        )
    if not current().recording:
        raise RuntimeError("fit needs gradients, and no_grad() around it leaves them out.")
    callbacks = _listed("callbacks", callbacks)
    name = similar(loss, LOSSES) if isinstance(loss, str) else None
    meant = f" Give the function itself: glassgrad.{name}." if name else ""
    _check_callable("loss", [loss], "a loss such as glassgrad.mse", meant)
    example = "lambda parameters: l2(parameters, 1e-4)"
    wanted = f"a function of the list of parameters, such as {example}"
    _check_callable("penalty", [] if penalty is None else [penalty], wanted)
    _check_callable("callbacks", callbacks, "functions of the history")
    samples = samples_of(X, y, weights=sample_weight)
    by_class = None if class_weight is None else class_weights(samples, class_weight)
    if by_class is not None:
        samples = weighed_as(samples, by_class, "fit(class_weight=...)")
    samples, others = held_out(samples, validation, options.seed)
    if by_class is not None and others is not None and isinstance(validation, (tuple, list)):
        others = weighed_as(others, by_class, "fit(validation=(X, y))")
    optimiser, measures = _optimiser_of(model, optimiser), _by_name(metrics)
    objective = Objective(
        model,
        loss,
        samples,
        penalty=penalty,
        parameters=optimiser.parameters,
        has_outputs=bool(measures),
        is_compiled=options.compiled,
        beside=[*callbacks, *measures.values(), schedule, optimiser, optimiser.rule],
    )
    measured = _agreeing(
        measures, objective, [each for each in (samples, others) if each is not None]
    )
    rates = [group.learning_rate for group in optimiser.groups]
    try:
        steps = None if isinstance(schedule, ReduceOnPlateau) else options.steps(len(samples))
        loop = Loop(
            options,
            objective,
            optimiser,
            schedule=None if schedule is None else Schedule(optimiser, schedule, steps),
            samples=samples,
            validation=others,
            metrics=measured,
        )
        trained = Training(loop, callbacks)
        if checkpoint is not None:
            trained.keep_in(checkpoint)
        if measured and not loop.epochs:
            with np.errstate(all="ignore"):
                loop.measured()  # what metrics refuse, they refuse now
        # Those that took the first outputs without asking will not ask later either.
        loop.metrics = {name: _at(0.0, metric) for name, metric in measured.items()}
        return trained.run(progress)
    finally:
        if schedule is not None:  # the optimiser has its own rates again
            for group, rate in zip(optimiser.groups, rates):
                group.learning_rate = rate


def _agreeing(
    metrics: Mapping[str, Metric], objective: Objective, given: list[Samples]
) -> dict[str, Metric]:
    """The metrics as they go with what the model ends in; a warning if that cannot be right.

    What the loss and the metrics do not take, they refuse here.
    """
    loss, targets = objective.loss, given[0].y
    outputs = objective.outputs(given[0])
    end = _end_of(outputs)
    for each in given:
        _check_targets(objective, outputs[0], each.y)
        if each.weights is not None:
            _check_weighable(metrics)
    while isinstance(loss, functools.partial):
        loss = loss.func
    if doubt := _disagreement(loss, end, targets):
        warn(f"fit: {doubt}")
    threshold = _threshold(loss, end, targets)
    return {name: _at(threshold, metric) for name, metric in metrics.items()}


_MOST_TARGETS = 5000
"""So many different targets are tried; of more, the smallest, the largest, and some between."""


def _check_targets(objective: Objective, output: Any, targets: Any) -> None:
    """Let the loss refuse targets that it does not take, before any training.

    Inside a compiled function the loss sees Values, which it does not check.
    """
    different = np.unique(targets, axis=0)
    if len(different) > _MOST_TARGETS:
        columns = different.reshape(len(different), -1)
        between = np.linspace(0, len(different) - 1, _MOST_TARGETS).astype(int)
        tried = np.concatenate([between, columns.argmin(axis=0), columns.argmax(axis=0)])
        different = different[np.unique(tried)]
    values = objective.form.filled(map(Value, objective.form.numbers(output)))
    with no_grad():
        for target in different:
            objective.loss(values, plain(target))


def _check_weighable(metrics: Mapping[str, Metric]) -> None:
    for name, metric in metrics.items():
        try:
            taken = inspect.signature(metric).parameters.values()
        except (TypeError, ValueError):  # a function in C says nothing of itself
            continue
        if not any(each.name == "sample_weight" or each.kind is each.VAR_KEYWORD for each in taken):
            raise TypeError(
                f"fit(metrics=...): {name} takes no sample_weight, and would count all samples "
                "alike. Give it an argument of that name, or leave the metric out."
            )


def _check_callable(role: str, functions: Iterable[Any], wanted: str, hint: str = "") -> None:
    for function in functions:
        if not callable(function) or function in (l1, l2):  # they want a strength too
            raise TypeError(f"fit({role}=...) takes {wanted}, not {describe(function)}.{hint}")


def _listed(role: str, given: Any) -> list[Any]:
    if isinstance(given, str) or callable(given):
        return [given]
    try:
        return list(given or ())
    except TypeError:
        raise TypeError(f"fit({role}=...) takes a list of them, not {describe(given)}.") from None


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
    if any(group.maximize for group in optimiser.groups):
        raise ValueError(
            "fit goes by the smallest loss, in patience, keep_best and the best epoch, and "
            f"{type(optimiser).__name__}(maximize=True) climbs. Leave maximize out, and give a "
            "loss that falls as what you measure grows: -score."
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
_OF_LOGITS = (binary_cross_entropy_with_logits, cross_entropy)
_OF_NUMBERS = (mse, mae, huber)
_REMEDY = 'Let it end without one: output_activation="linear".'


def _end_of(outputs: Any) -> str | None:
    operations = {leaf.operation for leaf in leaves_of(outputs) if isinstance(leaf, Value)}
    operation = operations.pop() if len(operations) == 1 else None
    return next((n for n in _RANGES if TABLE[_LAST_ROW.get(n, n)] is operation), None)


def _disagreement(loss: Any, end: str | None, targets: Any) -> str | None:
    """What does not go together, in a sentence; None if nothing is known to be wrong."""
    if end is None:
        return None
    low, high = _RANGES[end]
    numbers = f"numbers from {low:g} on" if high == inf else f"{low:g} to {high:g}"
    gives = f"the model ends in {end}, which gives {numbers}. {_REMEDY}"
    if loss in _OF_LOGITS and not (loss is cross_entropy and high == inf):
        return f"{loss.__name__} takes logits, which are any numbers, but {gives}"
    if loss is hinge and low == 0.0:
        return f"hinge takes scores below 0 for the class -1, but {gives}"
    least, most = float(np.min(targets)), float(np.max(targets))
    if loss in _OF_NUMBERS and (least < low or most > high):
        return f"The targets reach from {least:g} to {most:g}, but {gives}"
    return None


def _threshold(loss: Any, end: str | None, targets: Any) -> float | None:
    """From which output on a sample is of class 1; None where that is not known.

    It is 0.5 behind a sigmoid, and where outputs are to be the classes 0 and 1 themselves, and 0
    for logits. With a loss of a user's own it is left to the metric, which may ask.
    """
    are_classes = loss in _OF_NUMBERS and set(np.unique(targets)) <= {0.0, 1.0}
    if end == "sigmoid" or are_classes:
        return 0.5
    return 0.0 if loss in (*_OF_LOGITS, *_OF_NUMBERS, hinge) or end == "tanh" else None


def _at(threshold: float | None, metric: Metric) -> Metric:
    """A metric of classes that knows where they part; any other as it is."""
    if threshold is None or metric not in (accuracy, confusion):
        return metric
    return functools.partial(metric, threshold=threshold)
