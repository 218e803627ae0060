"""What a training makes smaller: the mean loss over a batch, with its gradient by the parameters.

It runs compiled, as array operations over all samples of a batch at once, or eagerly, sample by
sample; the numbers are the same up to the order in which sums are rounded.

Whether the end of a model, its loss, its targets and its metrics go together.

What a model ends in is read off an output: the operation that made it. A loss of logits behind a
tanh trains, and never gets far; nothing else would say so.

Leaf Values that a loss depends on and no training moves: none of them is left out in silence.

A Module finds Values in its attributes, lists, tuples, dicts and modules. What a plain object, a
set, a deque or a closure holds it does not see; the loss does depend on it. A loss is a graph, so
it tells. `Watch` looks at the losses of a training for `fit`; `left_out` is for loops by hand.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from math import inf
from typing import Any, TypeVar

import numpy as np

from glassgrad import engine
from glassgrad.engine import (
    TABLE,
    Compiled,
    Value,
    assign,
    compiled,
    grad_vector,
    no_grad,
    topological_order,
    zero_grad,
)
from glassgrad.engine.backward import order_of
from glassgrad.engine.misuse import is_real, name
from glassgrad.engine.provenance import is_ours, place
from glassgrad.engine.text import counted, describe, function_name, some_of
from glassgrad.engine.tree import leaves_of
from glassgrad.engine.value import is_parameter
from glassgrad.engine.vectors import frozen_among, standing_at
from glassgrad.nn.hooks import warn
from glassgrad.nn.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge,
    huber,
    mae,
    mse,
)
from glassgrad.nn.metrics import Metric, accuracy, confusion
from glassgrad.nn.module import Module, modules_of, training
from glassgrad.nn.noise import count_noise, noise_from
from glassgrad.nn.samples import Samples, plain

T = TypeVar("T")
Loss = Callable[[Any, Any], Value]
Penalty = Callable[[list[Value]], Value]

_MOST_TRIED = 16
"""Samples that are tried before a training; a parameter may take part in some only."""


class Objective:
    """The mean loss of a model over samples.

    Args:
        model: gives an output for a sample.
        loss: gives a Value for an output and a target.
        samples: of which some are tried.
        penalty: of the parameters, added to the mean loss; or None.
        parameters: those that are trained.
        is_compiled: whether to run as array operations.

    Attributes:
        modules: the model and all modules in it.
        noise_count: how many random numbers a sample takes.
        is_compiled: whether it still does.
        why_eager: what stood against it, or None.

    Raises:
        TypeError: the loss does not give one Value.
        ValueError: no parameter takes part in it.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        samples: Samples,
        *,
        penalty: Penalty | None,
        parameters: Sequence[Value],
        is_compiled: bool,
    ) -> None:
        self.model, self.loss, self.penalty = model, loss, penalty
        self.parameters, self.modules = list(parameters), modules_of(model)
        self.is_compiled = is_compiled
        self.why_eager: str | None = None
        self._watch: Watch | None = Watch([*model.parameters(), *self.parameters])
        self._watched: list[Any] = []
        self.noise_count = self._try(samples)
        self.renew()

    def _try(self, samples: Samples) -> int:
        """Run some samples eagerly; how many random numbers one takes.

        Raises:
            TypeError: the loss does not give one Value.
            ValueError: no parameter takes part in it, so that there is nothing to learn.
        """
        mine, results = {id(p) for p in self.parameters if not p.is_frozen}, list[Value]()
        tried = np.linspace(0, len(samples) - 1, min(len(samples), _MOST_TRIED)).astype(int)
        with training(self.modules, True):
            drawn = [
                count_noise(lambda x, t: results.append(self._loss_of(x, t)), x, target)
                for x, target in zip(*samples.of(tried))
            ]
        if any(id(node) in mine for result in results for node in topological_order(result)):
            return max(drawn)
        raise ValueError(
            f"The loss {function_name(self.loss)} depends on none of the parameters that are "
            "trained, so there is nothing to learn: does the model read them in forward, and does "
            "nothing cut it off, such as detach, step, freeze or a number of its own?"
        )

    def _loss_of(self, x: Any, target: Any) -> Value:
        """The loss of a sample, eagerly."""
        found = self.loss(self.model(plain(x)), plain(target))
        if isinstance(found, Value):
            return found
        raise TypeError(
            f"The loss {function_name(self.loss)} gave {describe(found)} for one sample. A loss "
            "takes an output of the model and a target and gives one Value."
        )

    def renew(self) -> None:
        """Forget what was recorded.

        A model that compares Values has several recordings, and in which order they were made
        decides how sums are rounded: a training that can be resumed forgets it after every epoch.
        """
        model, loss, penalty = self.model, self.loss, self.penalty
        parameters = self.parameters

        def mean(x: Any, target: Any) -> Value:
            return loss(model(x), target)

        def objective(x: Any, target: Any, noise: Sequence[Any] = ()) -> Value:
            with noise_from(noise):
                found = mean(x, target)
            return found if penalty is None else found + checked_penalty(penalty(parameters))

        # What is compiled looks at names that functions of its package read: here, of the user's.
        home = _home_of(loss, penalty, type(model))
        objective.__module__ = mean.__module__ = home
        self._objective = compiled(objective)
        self._value_and_grad = self._objective.value_and_grad(parameters)
        self._loss = compiled(mean)
        self._forward = compiled(model)

    @property
    def forward(self) -> Compiled | None:
        """The model compiled; None if it does not run so."""
        return self._forward if self.is_compiled else None

    def audit_next(self) -> None:
        """Before the next step, see that what was recorded is what the code computes now."""
        for function in (self._objective, self._loss, self._forward):
            function.audit_next()

    @property
    def has_comparisons(self) -> bool:
        """Whether the model compares Values, so that there are several ways through it."""
        functions = (self._objective, self._loss, self._forward)
        return any(r.guards for function in functions for r in function.recordings)

    def value_and_gradient(self, numbers: Any, batch: Samples, noise: Any) -> tuple[float, Any]:
        """The objective over a batch, and its gradient by the parameters as an array.

        Args:
            numbers: those of the parameters.
            batch: the samples.
            noise: random numbers of shape (samples, `noise_count`).
        """

        def in_arrays() -> tuple[float, Any]:
            drawn = (noise,) if self.noise_count else ()
            total, gradient = self._value_and_grad(numbers, batch.X, batch.y, *drawn)
            frozen = frozen_among(self.parameters)
            return total, gradient if frozen is None else np.where(frozen, 0.0, gradient)

        def one_by_one() -> tuple[float, Any]:
            assign(self.parameters, numbers)
            zero_grad(self.parameters)
            total = self._mean(batch, noise.tolist())
            total.backward()
            if self._watch is not None:
                read.extend(left_out(total, self.parameters))
            return total.data, grad_vector(self.parameters)

        read: list[Value] = []
        found = self._run(in_arrays, one_by_one)
        if self._watch is not None:
            self._look_for_left_out(self._watch, read, numbers, batch, noise)
        return found

    def _look_for_left_out(
        self, watch: Watch, read: list[Value], numbers: Any, batch: Samples, noise: Any
    ) -> None:
        """Tell of leaf Values that the loss reads and nobody trains.

        Where nothing else was read than parameters, there is nothing to look for.
        """
        recordings = [r for r in self._objective.recordings if r not in self._watched]
        self._watched += recordings
        if not watch.is_new(chain(read, *[recording.captured for recording in recordings])):
            return
        with standing_at(self.parameters, numbers):
            watch.look(
                partial(self._mean, Samples(batch.X[i : i + 1], batch.y[i : i + 1]), [drawn])
                for i, drawn in enumerate(noise.tolist())
            )

    def end_watch(self) -> None:
        """No longer look for Values that are left out: all samples were there."""
        self._watch = None

    def mean_loss(self, samples: Samples) -> float:
        """The mean loss over samples, without the penalty and with nothing left to chance."""

        def in_arrays() -> float:
            found = [self._loss.over(*part).data * len(part) for part in samples.pieces()]
            return math.fsum(found) / len(samples)

        def one_by_one() -> float:
            losses = [self._loss_of(x, target).data for x, target in zip(*samples)]
            return math.fsum(losses) / len(losses)

        with training(self.modules, False), no_grad():
            return self._run(in_arrays, one_by_one)

    def look_into(self, numbers: Any, batch: Samples) -> None:
        """Run samples eagerly, whose compiled loss is not finite: that may say what is wrong."""
        if self.is_compiled:
            with training(self.modules, False), no_grad(), standing_at(self.parameters, numbers):
                for x, target in zip(*batch):
                    self._loss_of(x, target)

    def _mean(self, batch: Samples, noise: Sequence[Sequence[float]]) -> Value:
        losses = []
        for x, target, drawn in zip(batch.X, batch.y, noise):
            with noise_from(drawn):
                losses.append(self._loss_of(x, target))
        mean: Value = engine.mean(losses)
        return (
            mean if self.penalty is None else mean + checked_penalty(self.penalty(self.parameters))
        )

    def _run(self, in_arrays: Callable[[], T], one_by_one: Callable[[], T]) -> T:
        """Compiled while that goes well; eager code can do more, and says better what is wrong."""
        if not self.is_compiled:
            return one_by_one()
        try:
            return in_arrays()
        except Exception as error:
            found = one_by_one()
            self.is_compiled, self.why_eager = False, str(error)
        text = f"The training goes on without compiled, with the same numbers. {self.why_eager}"
        warn(text)
        return found


def checked_penalty(penalty: Any) -> Any:
    """What a penalty gave, if it is a Value or a number.

    Raises:
        TypeError: it is something else.

    >>> from glassgrad.nn.objective import checked_penalty
    >>> checked_penalty(0.5)
    0.5
    """
    if isinstance(penalty, Value) or is_real(penalty):
        return penalty
    raise TypeError(
        f"fit(penalty=...): it gave {describe(penalty)}. A penalty gives one Value; does it return "
        "what it computes?"
    )


def check_targets(loss: Loss, output: Any, targets: Any, most: int = 5000) -> None:
    """Let the loss refuse targets that it does not take, before any training.

    Inside a compiled function the loss sees Values, which it does not check.

    Args:
        loss: the loss.
        output: that of the model for a sample, as numbers.
        targets: all targets.
        most: how many different ones are tried; of more, those with the smallest and the largest
            numbers, and some in between.
    """
    values = nested_values(output)
    different = np.unique(targets, axis=0)
    if len(different) > most:
        columns = different.reshape(len(different), -1)
        between = np.linspace(0, len(different) - 1, most).astype(int)
        tried = np.concatenate([between, columns.argmin(axis=0), columns.argmax(axis=0)])
        different = different[np.unique(tried)]
    with no_grad():
        for target in different:
            loss(values, plain(target))


def nested_values(numbers: Any) -> Any:
    """A Value, or lists of Values in the shape of an array, as a model gives them.

    >>> from glassgrad.nn.objective import nested_values
    >>> [[value.data for value in row] for row in nested_values([[1.0, 2.0], [3.0, 4.0]])]
    [[1.0, 2.0], [3.0, 4.0]]
    """
    array = np.asarray(numbers, float)
    return [nested_values(part) for part in array] if array.ndim else Value(array.item())


def _home_of(*things: Any) -> str:
    """The module of the first of these that is not of this library."""
    homes = [str(getattr(thing, "__module__", None) or "") for thing in things]
    return next((home for home in homes if home and not is_ours(home)), __name__)


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
_WITH_THRESHOLD = (accuracy, confusion)
_REMEDY = 'Let it end without one: output_activation="linear".'


def end_of(outputs: Any) -> str | None:
    """The activation that a model ends in, if it is one that gives only some numbers.

    Args:
        outputs: a list of outputs, of several samples: a model may take several ways.

    >>> from glassgrad import Value
    >>> from glassgrad.nn.objective import end_of
    >>> end_of([Value(0.5).tanh(), Value(2.0).tanh()]), end_of([Value(1.0) * 2.0])
    ('tanh', None)
    """
    operations = {leaf.operation for leaf in leaves_of(outputs) if isinstance(leaf, Value)}
    operation = operations.pop() if len(operations) == 1 else None
    return next((n for n in _RANGES if TABLE[_LAST_ROW.get(n, n)] is operation), None)


def disagreement(loss: Callable[..., Any], end: str | None, targets: Any) -> str | None:
    """What does not go together, in a sentence; None if nothing is known to be wrong.

    Args:
        loss: the loss; of those of a user's own nothing is known.
        end: what the model ends in.
        targets: all targets, an array.

    >>> from glassgrad import mse
    >>> from glassgrad.nn.objective import disagreement
    >>> print(disagreement(mse, "tanh", [2.0, 15.0]))
    The targets reach from 2 to 15, but the model ends in tanh, which gives -1 to 1. Let it end \
without one: output_activation="linear".
    """
    if end is None:
        return None
    function = _function(loss)
    low, high = _RANGES[end]
    numbers = f"numbers from {low:g} on" if high == inf else f"{low:g} to {high:g}"
    gives = f"the model ends in {end}, which gives {numbers}."
    if function in _OF_LOGITS and not (function is cross_entropy and high == inf):
        name = function.__name__
        return f"{name} takes logits, which are any numbers, but {gives} {_REMEDY}"
    least, most = float(np.min(targets)), float(np.max(targets))
    if function is hinge and low == 0.0:
        return f"hinge takes scores below 0 for the class -1, but {gives} {_REMEDY}"
    if function in _OF_NUMBERS and (least < low or most > high):
        return f"The targets reach from {least:g} to {most:g}, but {gives} {_REMEDY}"
    return None


def with_threshold(
    metric: Metric, loss: Callable[..., Any], end: str | None, targets: Any
) -> Metric:
    """A metric that knows from which output on a sample is of class 1.

    That is 0.5 behind a sigmoid, and where outputs are to be the classes 0 and 1 themselves, and 0
    for logits. With a loss of a user's own it is left to the metric, which may ask.

    >>> from glassgrad import accuracy, mse
    >>> from glassgrad.nn.objective import with_threshold
    >>> with_threshold(accuracy, mse, "sigmoid", [0, 1])([0.4, 0.6], [0, 1])
    1.0
    """
    if metric not in _WITH_THRESHOLD:
        return metric
    function = _function(loss)
    are_classes = function in _OF_NUMBERS and set(np.unique(targets)) <= {0.0, 1.0}
    if end == "sigmoid" or are_classes:
        return _at(metric, 0.5)
    is_known = function in (*_OF_LOGITS, *_OF_NUMBERS, hinge) or end == "tanh"
    return _at(metric, 0.0) if is_known else metric


def settled(metric: Metric) -> Metric:
    """A metric that took the first outputs without asking, and will not ask later either.

    >>> from glassgrad import accuracy
    >>> from glassgrad.nn.objective import settled
    >>> settled(accuracy)([0.4, 0.6], [0, 1])
    0.5
    """
    return _at(metric, 0.0) if metric in _WITH_THRESHOLD else metric


def _at(metric: Metric, threshold: float) -> Metric:
    options: Any = {"threshold": threshold}
    return functools.partial(metric, **options)


def _function(loss: Callable[..., Any]) -> Any:
    return _function(loss.func) if isinstance(loss, functools.partial) else loss


def left_out(loss: Value, parameters: Iterable[Value]) -> list[Value]:
    """The leaf Values that a loss depends on, and that are not among the parameters.

    For a training loop by hand, once, at its first loss: `optimiser.step()` sees parameters and
    their gradients, not the loss, and so cannot tell what is missing; `fit` looks by itself.
    Constants, as of plain numbers, `detach()` and `no_grad()`, and frozen ones do not count.

    Args:
        loss: of a sample or of a batch, compiled or not.
        parameters: those that are trained, as `model.parameters()` or `optimiser.parameters`.

    Returns:
        The Values, in the order in which the loss came by them.

    Raises:
        TypeError: the loss is no Value, or there is something else among the parameters.

    Example:
        >>> from glassgrad import SGD, Value, left_out
        >>> w, b = Value(2.0, "w"), Value(0.5, "b")
        >>> optimiser = SGD([w], learning_rate=0.1)
        >>> loss = (w * 3.0 + b) ** 2
        >>> left_out(loss, optimiser.parameters)
        [Value(data=0.5, grad=–, label='b')]
    """
    if not isinstance(loss, Value):
        raise TypeError(f"left_out takes a loss, which is a Value, not {describe(loss)}.")
    known = list(parameters)
    for parameter in known:
        if not isinstance(parameter, Value):
            raise TypeError(
                "left_out takes the parameters that are trained, as model.parameters(), not "
                f"{describe(parameter)} among them."
            )
    return _others(order_of(loss), set(map(id, known)))


def _others(order: Sequence[Value], known: set[int]) -> list[Value]:
    unknown = [node for node in order if id(node) not in known and is_parameter(node)]
    return [node for node in unknown if not node.is_frozen]


class Watch:
    """Looks into losses of a training, and tells of leaf Values that it leaves out.

    A leaf that a run of the model makes, as `Value(0.0)` to begin a sum with, is no parameter:
    what is held by something comes up again when the same is run once more.

    Args:
        known: the parameters of the model, and those of the optimiser.
    """

    def __init__(self, known: Iterable[Value]) -> None:
        self._kept = list(known)  # so that no other Value gets their ids
        self._known = set(map(id, self._kept))

    def is_new(self, leaves: Iterable[Value]) -> bool:
        """Whether there are Values among these that nobody knows yet."""
        return not self._known.issuperset(map(id, leaves))

    def look(self, runs: Iterable[Callable[[], Value]]) -> None:
        """Run what gives the loss of a sample, each once; twice where unknown leaves come up.

        What is left out is told in one warning.
        """
        found: list[tuple[Value, Value | None]] = []
        for run in runs:
            order = order_of(run())
            others = _others(order, self._known)
            if others:
                again = set(map(id, order_of(run())))
                held = [leaf for leaf in others if id(leaf) in again]
                reader = {id(p): node for node in reversed(order) for p in node.parents}
                found += [(leaf, reader.get(id(leaf))) for leaf in held]
                self._kept += held
                self._known |= set(map(id, held))
        if found:
            warn(_warning([leaf for leaf, _ in found], found[0][1]))


def _warning(leaves: Sequence[Value], reader: Value | None) -> str:
    """What is left out, by labels and numbers, and the line that reads the first of it."""
    line = None if reader is None else reader.line
    are, them = ("is", "it") if len(leaves) == 1 else ("are", "them")
    shown = some_of([name(leaf) for leaf in leaves])
    return (
        f"fit: the loss depends on {counted(len(leaves), 'leaf Value')} that {are} left out of the "
        f"training: {shown}{'' if line is None else f'; read {place(line)}'}. Neither "
        f"model.parameters() nor the optimiser has {them}: modules do not look into plain objects, "
        "sets, deques or closures. Derive such a class from Module, or hold Values in a list; for "
        "one that is to stay write a plain number, or v.detach()."
    )
