"""What a training makes smaller: the mean loss over a batch, with its gradient by the parameters.

`Objective` runs compiled, as array operations over all samples of a batch at once, or eagerly,
sample by sample; the numbers are the same up to the order in which sums are rounded.

Leaf Values that a loss depends on and no training moves are not left out in silence either. A
Module finds Values in its attributes, lists, tuples, dicts and modules; what a plain object, a
set, a deque or a closure holds it does not see, but the loss, which is a graph, depends on it.
`Watch` looks at the losses of a training for `fit`; `left_out` is for loops by hand. Next:
`loop.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain
from threading import RLock
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, TypeVar

import numpy as np

from glassgrad import engine
from glassgrad.engine import (
    Compiled,
    Value,
    assign,
    data_vector,
    grad_vector,
    no_grad,
    topological_order,
    zero_grad,
)
from glassgrad.engine.arrays import locked
from glassgrad.engine.backward import order_of
from glassgrad.engine.misuse import is_real, name
from glassgrad.engine.op import Operation
from glassgrad.engine.provenance import is_ours, place
from glassgrad.engine.text import counted, describe, function_name, some_of
from glassgrad.engine.value import is_parameter, number_of
from glassgrad.engine.vectors import frozen_among, values_of, write_data
from glassgrad.nn.history import Epoch, Hook, warn
from glassgrad.nn.layers import noise_from
from glassgrad.nn.module import Module, modules_of, training
from glassgrad.nn.samples import (
    Form,
    Samples,
    plain,
    relative,
    rows_in_arrays,
    rows_one_by_one,
    with_parts,
)

T = TypeVar("T")
Loss = Callable[[Any, Any], Value]
Penalty = Callable[[list[Value]], Value]

_MOST_TRIED = 16
"""Samples that are tried before a training; a parameter may take part in some only."""
_MOST_SHOWN = 4
"""Samples whose outputs show what the model ends in."""


class Objective(Hook):
    """The mean loss of a model over samples, each as many times as its weight says.

    Args:
        model, loss, penalty: as in `fit`.
        samples: of which some are tried.
        parameters: those that are trained.
        has_outputs: whether `measured` is to give the outputs too.
        is_compiled: whether to run as array operations.
        beside: functions and objects whose code runs in between. That of the user's may change
            what a recording does not look at, so there what is recorded is audited in each epoch;
            and where the model, the loss or the penalty has any.

    Attributes:
        all_parameters: those of the model, and those that are trained.
        form: what the model gives for a sample.
        noise_count: how many random numbers a sample takes.
        why_eager: what stood against running compiled, or None.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        samples: Samples,
        *,
        penalty: Penalty | None,
        parameters: Sequence[Value],
        has_outputs: bool,
        is_compiled: bool,
        beside: Iterable[Any],
    ) -> None:
        self._is_ours = _run_ours([*modules_of(model), loss, penalty])
        self._is_alone = self._is_ours and _run_ours(beside)
        self._has_outputs = has_outputs
        self.model, self.loss, self.penalty = model, loss, penalty
        self.parameters, self.modules = list(parameters), modules_of(model)
        self.is_compiled, self._is_weighed = is_compiled, samples.weights is not None
        self.why_eager: str | None = None
        self.form = Form()
        self.all_parameters = [*model.parameters(), *self.parameters]
        self._watch: Watch | None = Watch(self.all_parameters)
        self.noise_count = 0
        self._record()
        self._try(samples)

    def _try(self, samples: Samples) -> None:
        """Run some samples eagerly; one, where all do the same."""
        count = min(len(samples), _MOST_TRIED)
        tried = samples.of(np.linspace(0, len(samples) - 1, count).astype(int))
        first, others = tried.of(slice(1)), tried.of(slice(1, None))

        def recorded() -> None:
            with training(self.modules, True):
                numbers, noise = data_vector(self.parameters), np.zeros((1, self.noise_count))
                self._in_arrays(numbers, first, noise)

        is_trained = self._is_trained_by(first)
        if not (is_trained and self._is_typical(self._objective, recorded)):
            is_trained |= self._is_trained_by(others)
        if not is_trained:
            raise ValueError(
                f"The loss {function_name(self.loss)} depends on none of the parameters that are "
                "trained, so there is nothing to learn: does the model read them in forward, and "
                "does nothing cut it off, such as detach, step, freeze or a number of its own?"
            )

    def _is_trained_by(self, samples: Samples) -> bool:
        """Whether a loss of these depends on what is trained; their random numbers are counted."""
        mine, losses = {id(p) for p in self.parameters if not p.is_frozen}, list[Value]()
        with training(self.modules, True):
            for x, target in samples.pairs():
                with noise_from(None) as noise:
                    losses.append(self._loss_of(x, target))
                self.noise_count = max(self.noise_count, noise.taken)
        return any(id(node) in mine for loss in losses for node in topological_order(loss))

    def _is_typical(self, function: Compiled, recorded: Callable[[], Any]) -> bool:
        """Whether all samples do what one does, once that is recorded: it compares nothing, and no
        code of the user's keeps a state, or draws numbers of its own.
        """
        if not (self.is_compiled and self._is_ours):
            return False
        with suppress(Exception):  # what goes wrong here does so in the training, which tells it
            recorded()
        return [each.guards for each in function.recordings] == [[]]

    def _loss_of(self, x: Any, target: Any) -> Value:
        return self._checked(self.loss(self.model(x), target))

    def _checked(self, found: Any) -> Value:
        if isinstance(found, Value):
            return found
        raise TypeError(
            f"The loss {function_name(self.loss)} gave {describe(found)} for one sample. A loss "
            "takes an output of the model and a target and gives one Value."
        )

    def _record(self) -> None:
        model, loss, form, is_weighed = self.model, self.loss, self.form, self._is_weighed
        parameters, has_outputs = self.parameters, self._has_outputs
        added = None if self.penalty is None else partial(self.penalty, parameters)

        def objective(x: Any, target: Any, *more: Any) -> Value:
            weight, noise = (more[0], more[1:]) if is_weighed else (1.0, more)
            with noise_from(noise[0] if noise else ()):
                found = loss(model(x), target)
            found = found * weight if is_weighed else found
            return found if added is None else found + checked_penalty(added())

        def measured(x: Any, target: Any) -> list[Any]:
            output = model(x)
            return [loss(output, target), *(form.row(output) if has_outputs else ())]

        self._objective = engine.compiled(objective)
        self._value_and_grad = self._objective.value_and_grad(parameters)
        self._measured = engine.compiled(measured)
        self._looked_into: list[Any] = []

    def before(self) -> None:
        """Before the next step, see that what was recorded is what the code computes now.

        A model that compares Values has several recordings, and in which order they were made
        decides how sums are rounded: so that a resumed training has the same bits, it is recorded
        anew in every epoch.
        """
        recorded = self._objective, self._measured
        if any(each.guards for function in recorded for each in function.recordings):
            self._record()
        for function in () if self._is_alone else recorded:
            function.audit_next()

    def after(self, epoch: Epoch) -> None:
        """No longer look for Values that are left out: all samples were there."""
        self._watch = None

    def value_and_gradient(self, numbers: Any, batch: Samples, noise: Any) -> tuple[float, Any]:
        """The objective over a batch, and its gradient as an array, at these numbers of the
        parameters, with random ones in an array of shape (samples, `noise_count`).
        """

        def one_by_one() -> tuple[float, Any]:
            assign(self.parameters, numbers)
            zero_grad(self.parameters)
            total = self._mean(batch, noise.tolist())
            total.backward()
            if self._watch is not None:
                read.extend(left_out(total, self.parameters))
            return total.data, grad_vector(self.parameters)

        read: list[Value] = []
        found = self._compiled_or_eager(lambda: self._in_arrays(numbers, batch, noise), one_by_one)
        if self._watch is not None:
            self._look_for_left_out(self._watch, read, numbers, batch, noise)
        return found

    def _in_arrays(self, numbers: Any, batch: Samples, noise: Any) -> tuple[float, Any]:
        more = (_shares(batch),) if self._is_weighed else ()
        drawn = (noise,) if self.noise_count else ()
        value, gradient = self._value_and_grad(numbers, batch.X, batch.y, *more, *drawn)
        frozen = frozen_among(self.parameters)
        return value, gradient if frozen is None else np.where(frozen, 0.0, gradient)

    def _look_for_left_out(
        self, watch: Watch, read: list[Value], numbers: Any, batch: Samples, noise: Any
    ) -> None:
        """Tell of leaf Values that the loss reads and nobody trains, if anything else was read than
        parameters.
        """
        recordings = [r for r in self._objective.recordings if r not in self._looked_into]
        self._looked_into += recordings
        if not watch.is_new(chain(read, *[recording.captured for recording in recordings])):
            return
        with standing_at(self.parameters, numbers):
            watch.look(
                partial(self._mean, batch.of(slice(i, i + 1)), [drawn])
                for i, drawn in enumerate(noise.tolist())
            )

    def measured(self, samples: Samples) -> tuple[float, Any]:
        """The mean loss over samples, without the penalty and with nothing left to chance, and the
        outputs as `predict` gives them, but locked, in one run; None if they are not wanted.
        """

        def one(x: Any, target: Any) -> list[float]:
            output = self.model(x)
            loss = self._checked(self.loss(output, target)).data
            return [loss, *(self.form.numbers(output) if self._has_outputs else ())]

        with training(self.modules, False), no_grad():
            rows = self._compiled_or_eager(
                lambda: rows_in_arrays(self._measured, one, samples.X, samples.y),
                lambda: rows_one_by_one(one, samples.X, samples.y),
            )
        outputs = self.form.arrays(rows[:, 1:]) if self._has_outputs else None
        return samples.mean(rows[:, 0]), with_parts(outputs, locked)

    def outputs(self, samples: Samples) -> list[Any]:
        """The outputs of some samples, as Values, with nothing left to chance."""
        with training(self.modules, False):
            found = [self.model(plain(x)) for x in samples.X[:_MOST_SHOWN]]
        for output in found:
            self.form.row(output)
        return found

    def look_into(self, numbers: Any, batch: Samples) -> None:
        """Run samples eagerly, whose compiled loss is not finite: that may say what is wrong."""
        if self.is_compiled:
            with training(self.modules, False), no_grad(), standing_at(self.parameters, numbers):
                for x, target in batch.pairs():
                    self._loss_of(x, target)

    def _mean(self, batch: Samples, noise: Sequence[Sequence[float]]) -> Value:
        losses = []
        for (x, target), drawn in zip(batch.pairs(), noise):
            with noise_from(drawn):
                losses.append(self._loss_of(x, target))
        if self._is_weighed:
            losses = [loss * share for loss, share in zip(losses, _shares(batch).tolist())]
        mean: Value = engine.mean(losses)
        if self.penalty is not None:
            mean = mean + checked_penalty(self.penalty(self.parameters))
        return mean

    def _compiled_or_eager(self, in_arrays: Callable[[], T], one_by_one: Callable[[], T]) -> T:
        """Compiled while that goes well; eager code can do more, and says better what is wrong."""
        if not self.is_compiled:
            return one_by_one()
        try:
            return in_arrays()
        except Exception as error:
            found = one_by_one()
            self.is_compiled, self.why_eager = False, str(error)
        warn(f"The training goes on without compiled, with the same numbers. {self.why_eager}")
        return found


_ONE_AT_A_TIME = RLock()
"""Else one thread would take the passing numbers of another for those to bring back."""


@contextmanager
def standing_at(values: Sequence[Value], numbers: Any) -> Iterator[None]:
    """Inside the `with` block Values have other numbers, for all threads; one block at a time."""
    with _ONE_AT_A_TIME:
        before = [number_of(value) for value in values]
        try:
            write_data(values, [float(number) for number in numbers])
            yield
        finally:
            write_data(values, before)


def _shares(batch: Samples) -> Any:
    """The factors of losses that make their plain mean over the batch the weighted one."""
    parts = relative(batch.weights)
    return parts * (len(batch) / parts.sum())


def checked_penalty(penalty: Any) -> Any:
    """What a penalty gave, if it is a Value or a number."""
    if isinstance(penalty, Value) or is_real(penalty):
        return penalty
    raise TypeError(
        f"fit(penalty=...): it gave {describe(penalty)}. A penalty gives one Value; does it return "
        "what it computes?"
    )


def left_out(loss: Value, parameters: Iterable[Value]) -> list[Value]:
    """The leaf Values that a loss depends on, and that are not among the parameters.

    For a training loop by hand, once, at its first loss: `optimiser.step()` sees parameters and
    their gradients, not the loss, and so cannot tell what is missing; `fit` looks by itself.
    Constants, as of plain numbers, `detach()` and `no_grad()`, and frozen ones do not count.

    The loss is that of a sample or of a batch, compiled or not; the parameters are those that are
    trained. The Values come in the order in which the loss came by them.

    >>> from glassgrad import SGD, Value, left_out
    >>> w, b = Value(2.0, "w"), Value(0.5, "b")
    >>> optimiser = SGD([w], learning_rate=0.1)
    >>> loss = (w * 3.0 + b) ** 2
    >>> left_out(loss, optimiser.parameters)
    [Value(data=0.5, grad=–, label='b')]
    """
    if not isinstance(loss, Value):
        raise TypeError(f"left_out takes a loss, which is a Value, not {describe(loss)}.")
    known = values_of(parameters, "left_out")
    for parameter in known:
        if not isinstance(parameter, Value):
            raise TypeError(
                "left_out takes the parameters that are trained, as model.parameters(), not "
                f"{describe(parameter)} among them."
            )
    return _others(order_of(loss), set(map(id, known)))


def _others(order: Sequence[Value], known: Container[int]) -> list[Value]:
    unknown = [node for node in order if id(node) not in known and is_parameter(node)]
    return [node for node in unknown if not node.is_frozen]


class Watch:
    """Looks into losses of a training, and tells of leaf Values that it leaves out.

    A leaf that a run of the model makes, as `Value(0.0)` to begin a sum with, is no parameter:
    what is held by something comes up again when the same is run once more. Known are the
    parameters of the model, and those of the optimiser.
    """

    def __init__(self, known: Iterable[Value]) -> None:
        # By their ids, and the Values too, so that no other one gets these.
        self._known = {id(value): value for value in known}

    def is_new(self, leaves: Iterable[Value]) -> bool:
        """Whether there are Values among these that nobody knows yet."""
        return any(id(leaf) not in self._known for leaf in leaves)

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
                self._known |= {id(leaf): leaf for leaf in held}
        if found:
            warn(_warning([leaf for leaf, _ in found], found[0][1]))


def _warning(leaves: Sequence[Value], reader: Value | None) -> str:
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


def _run_ours(things: Iterable[Any]) -> bool:
    """Whether all the code that some things run is this library's, as far as can be told.

    That of an object is the code of its class, and of what it holds that can be called, as a
    `Sequential` holds functions; that of a function is its own, and of what is in the names around
    it, or fixed among its arguments, as `warm_up` does with a rule.
    """
    seen: dict[int, Any] = {}
    left = list(things)
    while left:
        thing = left.pop()
        if id(thing) in seen or thing is None:
            continue
        seen[id(thing)] = thing
        if isinstance(thing, MethodType):
            left += [thing.__func__, thing.__self__]
        elif isinstance(thing, (FunctionType, BuiltinFunctionType, type)):
            if not is_ours(thing):
                return False
            left.append([cell.cell_contents for cell in getattr(thing, "__closure__", None) or ()])
        elif isinstance(thing, partial):
            left += [thing.func, thing.args, thing.keywords]
        elif isinstance(thing, (list, tuple, dict)):
            held = thing.values() if isinstance(thing, dict) else thing
            left += [x for x in held if callable(x) or isinstance(x, (list, tuple, dict))]
        elif not is_ours(type(thing)) or (isinstance(thing, Operation) and thing.is_checked):
            return False
        elif not isinstance(thing, Operation):
            left.append(dict(getattr(thing, "__dict__", {})))
    return True
