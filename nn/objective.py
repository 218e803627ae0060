"""What a training makes smaller: the mean loss over a batch, with its gradient by the parameters.

`Objective` runs compiled, as array operations over all samples of a batch at once, or eagerly,
sample by sample; the numbers are the same up to the order in which sums are rounded.

Leaf Values that a loss depends on and no training moves are not left out in silence either. A
Module finds Values in its attributes, lists, tuples, dicts and modules; what a plain object, a
set, a deque or a closure holds it does not see, but the loss, which is a graph, depends on it.
`fit` looks for them by itself; `left_out` is for loops by hand. Next: `loop.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import product
from math import isfinite
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, TypeVar

import numpy as np

from glassgrad import engine
from glassgrad.engine import (
    Value,
    assign,
    data_vector,
    grad_vector,
    no_grad,
    zero_grad,
)
from glassgrad.engine.arrays import locked
from glassgrad.engine.backward import order_of
from glassgrad.engine.files import decode
from glassgrad.engine.misuse import is_real, name
from glassgrad.engine.op import Operation
from glassgrad.engine.provenance import is_ours, place
from glassgrad.engine.text import counted, describe, function_name, some_of
from glassgrad.engine.value import is_parameter
from glassgrad.engine.vectors import frozen_among, held, values_of
from glassgrad.nn.batches import (
    Form,
    Samples,
    checked_loss,
    plain,
    relative,
    rows_in_arrays,
    rows_one_by_one,
    with_parts,
)
from glassgrad.nn.checks import warn
from glassgrad.nn.history import History
from glassgrad.nn.hooks import Hook
from glassgrad.nn.layers import noise_from
from glassgrad.nn.module import Module, lines_of, modules_of, training
from glassgrad.nn.saving import settings_of

T = TypeVar("T")
Loss = Callable[[Any, Any], Value]
Penalty = Callable[[list[Value]], Value]

_MOST_TRIED = 16
"""Samples that are tried before a training; a parameter may take part in some only."""
_MOST_TARGETS, _SCALES = 16, (1.0, -1.0, 10.0, -100.0)
"""So many different targets, each with made-up outputs of these sizes, tell a loss from others."""
_MOST_SHOWN = 4
"""Samples whose outputs show what the model ends in."""


class Objective(Hook):
    """The mean loss of a model over samples, each as many times as its weight says, and a penalty.

    `beside` is whose code runs in between. That of the user's may change what a recording does not
    look at, so there what is recorded is audited in each epoch; and where the model, the loss or
    the penalty has any.

    Attributes:
        all_parameters: those of the model, those that are trained, and leaves that are left out.
        form: what the model gives for a sample.
        noise_count: how many random numbers a sample takes.
        is_alone: whether all the code that runs in a training is this library's.
        with_modes: the modules whose mode may be read; see `training`.
        why_eager: what stood against running compiled, or None.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        penalty: Penalty | None,
        samples: Samples,
        *,
        parameters: Sequence[Value],
        has_outputs: bool,
        is_compiled: bool,
        beside: Iterable[Any],
    ) -> None:
        self.model, self.loss, self.penalty = model, loss, penalty
        self.parameters, self.modules = list(parameters), modules_of(model)
        self.all_parameters = [*model.parameters(), *self.parameters]
        self.form, self.noise_count = Form(), 0
        self.is_compiled = is_compiled
        self.why_eager: str | None = None
        self._has_outputs, self._is_weighed = has_outputs, samples.weights is not None
        self._is_ours = _run_ours([*self.modules, loss, penalty])
        self.is_alone = self._is_ours and _run_ours(beside)
        # By their ids, and the Values too, so that no other one gets these.
        self._known = {id(value): value for value in self.all_parameters}
        self._is_looking, self._are_alike = True, False
        self._record()
        self._try(samples)
        # Dropout reads the mode, and draws; beside it only code of the user's may.
        self.with_modes = self.modules if self.noise_count or not self.is_alone else []

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
            found = checked_loss(loss, loss(output, target))
            return [found, *(form.row(output) if has_outputs else ())]

        self._objective = engine.compiled(objective)
        self._value_and_grad = self._objective.value_and_grad(parameters)
        self._measured = engine.compiled(measured)
        self._looked_into: list[Any] = []

    def _try(self, samples: Samples) -> None:
        """Run some samples eagerly, whose random numbers are counted; one, where all do the same.

        All do the same if it compares nothing, and no code of the user's keeps a state, or draws
        numbers of its own.
        """
        places = np.linspace(0, len(samples) - 1, min(len(samples), _MOST_TRIED)).astype(int)
        first, others = samples.of(places[:1]), samples.of(places[1:])
        is_trained = self._is_trained_by(first)
        if is_trained and self.is_compiled and self._is_ours:
            noise = np.zeros((1, self.noise_count))
            # What goes wrong here does so in the training, which tells it.
            with suppress(Exception), training(self.modules, True):
                self._in_arrays(data_vector(self.parameters), first, noise)
            if [recording.guards for recording in self._objective.recordings] == [[]]:
                self._are_alike = True
                return
        if not self._is_trained_by(others) and not is_trained:
            raise ValueError(
                f"The loss {function_name(self.loss)} depends on none of the parameters that are "
                "trained, so there is nothing to learn: is the optimiser made from those of this "
                "model, does the model read them in forward, and does nothing cut it off, such as "
                "detach, step, freeze or a number of its own?"
            )

    def _is_trained_by(self, samples: Samples) -> bool:
        mine, losses = {id(p) for p in self.parameters if not p.is_frozen}, list[Value]()
        with training(self.modules, True):
            for x, target in samples.pairs():
                with noise_from(None) as noise:
                    losses.append(self._loss_of(x, target))
                self.noise_count = max(self.noise_count, noise.taken)
        return any(id(node) in mine for node in order_of(*losses))

    def _loss_of(self, x: Any, target: Any) -> Value:
        return checked_loss(self.loss, self.loss(self.model(x), target))

    def before(self) -> None:
        """Before the next step, see that what was recorded is what the code computes now.

        A model that compares Values has several recordings, and in which order they were made
        decides how sums are rounded: so that a resumed training has the same bits, it is recorded
        anew in every epoch.
        """
        recorded = self._objective, self._measured
        if any(each.guards for function in recorded for each in function.recordings):
            self._record()
        for function in () if self.is_alone else recorded:
            function.audit_next()

    def after(self, history: History) -> None:
        """All samples were there; only code of the user's may read other Values from now on."""
        self._is_looking = not self.is_alone

    def state(self) -> dict[str, Any]:
        return {"why_eager": self.why_eager}

    def take(self, states: Mapping[str, Any]) -> None:
        self.why_eager = decode(str | None, states["why_eager"], "its reason to run eagerly")
        self.is_compiled &= self.why_eager is None

    def value_and_gradient(self, numbers: Any, batch: Samples, noise: Any) -> tuple[float, Any]:
        """The objective over a batch, and its gradient as an array, at these numbers of the
        parameters, with random ones in an array of shape (samples, `noise_count`).
        """
        read = list[Value]()

        def one_by_one() -> tuple[float, Any]:
            assign(self.parameters, numbers)
            zero_grad(self.parameters)
            total = self._mean(batch, noise)
            total.backward()
            if self._is_looking:
                read.extend(_others(order_of(total), self._known))
            return total.data, grad_vector(self.parameters)

        found = self._compiled_or_eager(lambda: self._in_arrays(numbers, batch, noise), one_by_one)
        if self.is_compiled and not isfinite(found[0]):
            one_by_one()  # eager code may say what is wrong
        if self._is_looking:
            read = held(read)
            new = [each for each in self._objective.recordings if each not in self._looked_into]
            self._looked_into = [*self._objective.recordings]
            read += [leaf for recording in new for leaf in recording.captured]
            if any(id(leaf) not in self._known for leaf in read):
                assign(self.parameters, numbers)
                self._tell_left_out(batch, noise)
        return found

    def _in_arrays(self, numbers: Any, batch: Samples, noise: Any) -> tuple[float, Any]:
        more = (_shares(batch),) if self._is_weighed else ()
        drawn = (noise,) if self.noise_count else ()
        value, gradient = self._value_and_grad(numbers, batch.X, batch.y, *more, *drawn)
        frozen = frozen_among(self.parameters)
        return value, gradient if frozen is None else np.where(frozen, 0.0, gradient)

    def _mean(self, batch: Samples, noise: Any) -> Value:
        losses = []
        for (x, target), drawn in zip(batch.pairs(), noise.tolist()):
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

    def _tell_left_out(self, batch: Samples, noise: Any) -> None:
        """Tell, in one warning, of leaf Values that the losses read, and that nobody trains.

        A leaf that a run of the model makes, as `Value(0.0)` to begin a sum with, is no parameter:
        what is held by something comes up again when the same is run once more.
        """
        known, found, line = self._known, list[Value](), None
        for i in range(len(batch)):
            sample, drawn = batch.of(slice(i, i + 1)), noise[i : i + 1]
            order = order_of(self._mean(sample, drawn))
            if others := _others(order, known):
                again = set(map(id, order_of(self._mean(sample, drawn))))
                held = [leaf for leaf in others if id(leaf) in again]
                if held and not found:
                    line = next((x.line for x in order if held[0] in x.parents), None)
                found += held
                known |= {id(leaf): leaf for leaf in held}
        self.all_parameters += found
        if found:
            are, them = ("is", "it") if len(found) == 1 else ("are", "them")
            read = "" if line is None else f"; read {place(line)}"
            warn(
                f"fit: the loss depends on {counted(len(found), 'leaf Value')} that {are} left out "
                f"of the training: {some_of([name(leaf) for leaf in found])}{read}. Neither "
                f"model.parameters() nor the optimiser has {them}: modules do not look into plain "
                "objects, sets, deques or closures. Derive such a class from Module, or hold "
                "Values in a list; for one that is to stay write a plain number, or v.detach()."
            )

    def measured(self, samples: Samples) -> tuple[float, Any]:
        """The mean loss over samples, without the penalty and with nothing left to chance, and the
        outputs as `predict` gives them, but locked, in one run; None if they are not wanted.
        """
        with training(self.with_modes, False), no_grad():
            rows = self._compiled_or_eager(
                lambda: rows_in_arrays(self._measured, samples.X, samples.y),
                lambda: rows_one_by_one(self._measured, samples.X, samples.y),
            )
        outputs = self.form.arrays(rows[:, 1:]) if self._has_outputs else None
        return samples.mean(rows[:, 0]), with_parts(outputs, locked)

    def outputs(self, samples: Samples) -> list[list[Any]]:
        """The outputs of some samples, each a row of Values, with nothing left to chance; of one,
        where all do the same.
        """
        shown = samples.X[: 1 if self._are_alike else _MOST_SHOWN]
        with training(self.modules, False):
            return [self.form.row(self.model(plain(x))) for x in shown]

    def of_output(self, row: Iterable[Value], target: Any) -> float:
        """The loss of an output that is made of these Values."""
        with no_grad():
            return self.loss(self.form.filled(row), plain(target)).data

    def describe(self, *samples: Samples | None) -> dict[str, Any]:
        """What is trained, in numbers and short texts by name; of code, what it gives."""
        trained = set(map(id, self.parameters))
        others = [p for p in self.model.parameters() if id(p) not in trained or p.is_frozen]
        given = [each for each in samples if each is not None]
        losses = [loss for each in given for loss in self.losses_of_made_up(each.y)]
        return {
            "model": "\n".join(lines_of(self.model)),
            "settings of the model": "\n".join(settings_of(self.model)),
            "frozen parameters": digest_of([parameter.data for parameter in others]),
            "loss": function_name(self.loss),
            "loss of a made-up output": self.losses_of_made_up(given[0].y[:1])[0],
            "losses of made-up outputs": digest_of(losses),
            "penalty of made-up parameters": self._penalty_of_made_up(),
            "compiled": self.is_compiled,
        }

    def losses_of_made_up(self, targets: Any) -> list[float]:
        """Small and large outputs, with the targets: nan where the loss refuses one."""
        made_up, found = np.linspace(-0.7, 1.3, self.form.size), list[float]()
        different = np.unique(targets, axis=0)
        tried = np.linspace(0, len(different) - 1, min(len(different), _MOST_TARGETS)).astype(int)
        for target, scale in product(different[tried], _SCALES):
            loss = np.nan
            with suppress(Exception), np.errstate(all="ignore"):
                loss = self.of_output(map(Value, (scale * made_up).tolist()), target)
            found.append(np.nan if np.isnan(loss) else loss)  # of one sign
        return found

    def _penalty_of_made_up(self) -> float | None:
        if self.penalty is None:
            return None
        numbers = data_vector(self.parameters)
        try:
            assign(self.parameters, np.linspace(-0.7, 1.3, len(numbers)))
            with no_grad():
                found = checked_penalty(self.penalty(list(self.parameters)))
        finally:
            assign(self.parameters, numbers)
        return found.data if isinstance(found, Value) else float(found)


def digest_of(numbers: Any) -> str | None:
    array = np.array(numbers, float)
    return hashlib.sha256(array.tobytes()).hexdigest()[:12] if array.size else None


def _shares(batch: Samples) -> Any:
    """The factors of losses that make their plain mean over the batch the weighted one."""
    parts = relative(batch.weights)
    return parts * (len(batch) / parts.sum())


def checked_penalty(found: Any) -> Any:
    if isinstance(found, Value) or is_real(found):
        return found
    raise TypeError(
        f"fit(penalty=...): it gave {describe(found)}. A penalty gives one Value; does it return "
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
    return _others(order_of(loss), set(map(id, known)))


def _others(order: Sequence[Value], known: Container[int]) -> list[Value]:
    unknown = [node for node in order if id(node) not in known and is_parameter(node)]
    return [node for node in unknown if not node.is_frozen]


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
            home = getattr(thing, "__globals__", {}).get("__name__", thing)
            if not is_ours(home):  # `wraps` lends a function the module of another one
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
