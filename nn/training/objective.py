"""What a training makes smaller: the mean loss over a batch, with its gradient by the parameters.

It runs compiled, as array operations over all samples of a batch at once, or eagerly, sample by
sample; the numbers are the same up to the order in which sums are rounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from glassgrad import engine
from glassgrad.engine import (
    Compiled,
    Value,
    assign,
    compiled,
    grad_vector,
    no_grad,
    topological_order,
    zero_grad,
)
from glassgrad.engine.misuse import is_real
from glassgrad.engine.provenance import is_ours
from glassgrad.engine.text import describe, function_name
from glassgrad.engine.vectors import standing_at
from glassgrad.nn.data.samples import Samples, plain
from glassgrad.nn.modules.modes import modules_of, training
from glassgrad.nn.modules.module import Module
from glassgrad.nn.modules.noise import count_noise, noise_from
from glassgrad.nn.training.left_out import Watch, left_out
from glassgrad.nn.training.warning import warn

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
        mine, results = set(map(id, self.parameters)), list[Value]()
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
            "nothing cut it off, such as detach, step or a number of its own?"
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
            return self._value_and_grad(numbers, batch.X, batch.y, *drawn)

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

    >>> from glassgrad.nn.training.objective import checked_penalty
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

    >>> from glassgrad.nn.training.objective import nested_values
    >>> [[value.data for value in row] for row in nested_values([[1.0, 2.0], [3.0, 4.0]])]
    [[1.0, 2.0], [3.0, 4.0]]
    """
    array = np.asarray(numbers, float)
    return [nested_values(part) for part in array] if array.ndim else Value(array.item())


def _home_of(*things: Any) -> str:
    """The module of the first of these that is not of this library."""
    homes = [str(getattr(thing, "__module__", None) or "") for thing in things]
    return next((home for home in homes if home and not is_ours(home)), __name__)
