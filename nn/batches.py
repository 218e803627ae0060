"""Samples of the user's: checked, weighed, held out, in batches; `predict`, the outputs for them.

A model gives a Value for a sample, a list of them (a vector), or several such outputs in a tuple or
a dict. `Form` takes that apart into a row of numbers, so that compiled functions run over all
samples, and puts the columns together again. Next: `objective.py`, which does so too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import repeat
from math import inf
from typing import Any, NamedTuple

import numpy as np

from glassgrad import engine
from glassgrad.engine import Compiled, Value, no_grad
from glassgrad.engine.arrays import ValueArray, locked
from glassgrad.engine.misuse import is_real, real
from glassgrad.engine.text import describe, function_name, some_of, told
from glassgrad.engine.tree import aligned, leaves_of, like, numbers_of, settled, taken_apart
from glassgrad.nn.checks import function_taking, not_negative, proper_share
from glassgrad.nn.module import Module, modules_of, training

LARGEST_PIECE = 2048
"""So many samples are evaluated at once: more need more memory and are no faster."""


class Samples(NamedTuple):
    """Arrays of inputs and targets, with the samples along the first axis, and how many samples
    each counts as; None if all count alike. Nobody can write to them, not even a metric.
    """

    X: Any
    y: Any
    weights: Any = None

    def __len__(self) -> int:
        return len(self.X)

    def of(self, places: Any) -> Samples:
        """Some of them, by a slice, truth values or an array of indices."""
        is_index = isinstance(places, np.ndarray) and places.dtype.kind == "i"  # `take` is quicker
        chosen = [x if x is None else x.take(places, 0) if is_index else x[places] for x in self]
        found = Samples(*chosen)
        for each in found:
            if each is not None:  # what an index gives is a new array, or a view of a locked one
                each.setflags(write=False)
        return found

    def pairs(self) -> Iterator[tuple[Any, Any]]:
        return zip(map(plain, self.X), map(plain, self.y))

    @property
    def total(self) -> float:
        """How many samples they count as."""
        return float(len(self) if self.weights is None else self.weights.sum())

    def mean(self, numbers: Any) -> float:
        """The mean of a number of each sample."""
        weights = None if self.weights is None else relative(self.weights)
        return float(np.average(numbers, weights=weights))

    def fingerprint(self) -> str:
        """A text that tells these samples from others."""
        digest = hashlib.sha256()
        for array in self:
            if array is not None:
                digest.update(f"{array.shape} {array.dtype.str} ".encode())
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def weighed(self, weights: Any, role: str) -> Samples:
        """Each counting as so many as it did already; those of weight 0 are left out."""
        if (weights < 0.0).any() and weights.ndim == 1:
            place = int((weights < 0.0).argmax())
            raise ValueError(
                f"{role}: sample_weight[{place}] is {weights[place]:g}. A sample counts as 0 or "
                "more: give 0 to leave it out."
            )
        is_one_each = weights.shape == (len(self),)
        if is_one_each and self.weights is not None:
            weights = weights * self.weights
        if not (is_one_each and 0.0 < sum(weights.tolist()) < inf):
            raise ValueError(
                f"{role}: weights are a number of 0 or more for each of the {len(self)} samples, "
                f"with a sum above 0 that is finite. These are of shape {weights.shape}, from "
                f"{weights.min():g} to {weights.max():g}."
            )
        return Samples(self.X, self.y, weights).of(weights > 0.0)


def samples_of(
    X: Any, y: Any, role: str = "fit(model, loss, X, y)", weights: Any = None
) -> Samples:
    """Inputs and targets as arrays that belong together, and what each sample counts as."""
    if y is None:
        raise TypeError(
            f"{role} takes y, the targets, not None; of pairs write X, y = zip(*pairs)."
        )
    found = Samples(checked_array(X, "X", role), checked_array(y, "y", role))
    if len(found.X) != len(found.y):
        raise ValueError(
            f"{role}: X has {len(found.X)} samples and y has {len(found.y)} targets. "
            "Give one target for each sample."
        )
    if weights is None:
        return found
    return found.weighed(checked_array(weights, "sample_weight", role).astype(float), role)


def samples_for(
    X: Any, y: Any, *, weights: Any, class_weight: Any, validation: Any, seed: int
) -> tuple[Samples, Samples | None]:
    """The samples to train on, and those to validate with: a share of them, which the seed decides;
    (X, y) or (X, y, sample_weight) of others; or None.
    """
    samples, others = samples_of(X, y, weights=weights), None
    is_pair = isinstance(validation, (tuple, list)) and len(validation) in (2, 3)
    if is_pair:
        X, y, *theirs = validation
        others = samples_of(X, y, "fit(validation=(X, y))", *theirs)
        if others.X.shape[1:] != samples.X.shape[1:] or others.y.shape[1:] != samples.y.shape[1:]:
            raise ValueError(
                "fit(validation=(X, y)): its samples have other shapes, "
                f"{others.X.shape[1:]} and {others.y.shape[1:]}, than those to train on, "
                f"{samples.X.shape[1:]} and {samples.y.shape[1:]}."
            )
    if class_weight is not None:
        by_class = _class_weights(samples, class_weight)
        samples = _weighed_by_class(samples, by_class, "fit(class_weight=...)")
        if others is not None:
            others = _weighed_by_class(others, by_class, "fit(validation=(X, y))")
    if is_pair or validation is None:
        return samples, others
    share = proper_share(validation, "fit(validation=...), samples to hold out or (X, y),")
    count = round(share * len(samples))
    if not 0 < count < len(samples):
        raise ValueError(
            f"fit(validation={share}) of {len(samples)} samples leaves none on one side."
        )
    order = generator_of_epoch(seed, 0).permutation(len(samples))
    return samples.of(np.sort(order[count:])), samples.of(np.sort(order[:count]))


def _class_weights(samples: Samples, given: Any) -> dict[float, float]:
    """The weight of each class among the targets: as a dict names it, else 1; or "balanced", for
    n / (classes · those of the class), so that every class counts alike.
    """
    role = "fit(class_weight=...)"
    if samples.y.ndim != 1 or (samples.y != np.round(samples.y)).any():
        raise ValueError(
            f"{role} takes targets that are classes, one whole number a sample; y is of shape "
            f"{samples.y.shape} and type {samples.y.dtype}. Use sample_weight."
        )
    known = {float(each): 1.0 for each in np.unique(samples.y)}
    if isinstance(given, Mapping):
        named = {
            real(name, f"{role} names classes as y does, and"): not_negative(
                weight, f"{role}, of class {told(name)},"
            )
            for name, weight in given.items()
        }
        unnamed, unknown = known.keys() - named.keys(), named.keys() - known.keys()
        if unnamed and unknown:
            raise ValueError(
                f"{role} names {some_of([f'{each:g}' for each in sorted(unknown)])}, which is no "
                f"class of y, and not {some_of([f'{each:g}' for each in sorted(unnamed)])}."
            )
        return known | named
    if isinstance(given, str) and given == "balanced":
        weights = np.ones(len(samples)) if samples.weights is None else samples.weights
        counts = {each: float(weights[samples.y == each].sum()) for each in known}
        return {each: float(weights.sum()) / (len(known) * n) for each, n in counts.items()}
    raise TypeError(
        f'{role} is "balanced" or a dict of a weight for each class, not {describe(given)}.'
    )


def _weighed_by_class(samples: Samples, by_class: Mapping[float, float], role: str) -> Samples:
    unknown = [each for each in np.unique(samples.y).tolist() if each not in by_class]
    if unknown:
        raise ValueError(f"{role}: no weight is known of class {unknown[0]:g}. Name it in a dict.")
    return samples.weighed(np.array([by_class[each] for each in samples.y.tolist()]), role)


def generator_of_epoch(seed: int, epoch: int) -> np.random.Generator:
    """The random numbers of an epoch, from 1; those of epoch 0 hold samples out.

    They follow from these two alone, so that a training that is resumed at an epoch goes on exactly
    as it would have.
    """
    return np.random.default_rng([seed, epoch])


def checked_array(given: Any, name: str, role: str) -> Any:
    """What was given as an array of finite numbers with samples, of its own, which is locked."""
    hint = "Number them: names, y = np.unique(y, return_inverse=True)." * (name == "y")
    array = numbers_of(given, f"{role}: {name}", hint)
    is_whole = array.dtype.kind in "iub" and np.max(array, initial=0) <= np.iinfo(int).max
    with np.errstate(over="ignore"):
        array = array.astype(int if is_whole else float)
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(
            f"{role}: {name}{where} is {array[tuple(where)]}. Leave out, or fill in, what is not "
            "finite before training."
        )
    return locked(array)


def relative(weights: Any) -> Any:
    """Weights as shares of the largest: their products and sums keep in the range of floats."""
    return weights / weights.max()


def size_of(*columns: Any) -> Any:
    """The power of two just below the largest number of each column, to divide by: sums and squares
    of what is left keep in the range of floats, and nothing is rounded.
    """
    largest = np.max([np.abs(each).max(axis=0) for each in columns], axis=0)
    _, exponent = np.frexp(np.where(np.isfinite(largest), largest, 1.0))
    return np.ldexp(1.0, exponent - 1)


def in_batches(things: Any, size: int) -> Iterator[Any]:
    """What can be sliced, some at a time; the last batch may be smaller."""
    for first in range(0, len(things), size):
        yield things[first : first + size]


def plain(thing: Any) -> Any:
    """A sample as a call takes it: a number where there is only one; whole numbers are Python's.

    Those of numpy would wrap around where they get large. Functions of numpy take them as floats.
    """
    if not isinstance(thing, np.ndarray) or not thing.ndim:
        return thing.item()
    return thing.astype(object).view(ValueArray) if thing.dtype.kind == "i" else thing


loss_function = function_taking(
    2, "a loss such as glassgrad.mse, a function of an output and a target"
)


def checked_loss(loss: Callable[[Any, Any], Value], found: Any) -> Value:
    """What a loss gave for one sample."""
    if isinstance(found, Value):
        return found
    raise TypeError(
        f"The loss {function_name(loss)} gave {describe(found)} for one sample. A loss takes an "
        "output of the model and a target and gives one Value. A model with several outputs takes "
        'one with reduction="mean" or "sum".'
    )


def predict(model: Module, X: Any, *, compiled: bool = True) -> Any:
    """The outputs of a model for all samples, as an array.

    These are what the model gives: of a classifier scores (logits), whose largest is at
    `predict(model, X).argmax(axis=1)`; of one output a sample the class 1 is where it is above 0,
    or above 0.5 behind a sigmoid. The model runs compiled where it can, recorded anew in each
    call, and with nothing left to chance, as after `eval()`.

    Args:
        model: takes one sample of X.
        X: the samples, an array of finite numbers of shape (samples, ...).
        compiled: whether to run as array operations; where that cannot be, it runs eagerly.

    Returns:
        An array of shape (samples,) for a model that gives a Value, (samples, outputs) for a list;
        for a tuple or a dict, which are several outputs, a tuple or a dict of these.

    >>> from glassgrad import MLP, predict
    >>> predict(MLP(2, [4, 3], seed=0), [[0.0, 1.0], [1.0, 0.0]]).shape
    (2, 3)
    """
    if not isinstance(model, Module):
        raise TypeError(f"predict takes a model of nn, not {describe(model)}.")
    samples = checked_array(X, "X", "predict(model, X) of a list of samples")
    form = Form()
    forward = engine.compiled(lambda x: form.row(model(x)))
    with training(modules_of(model), False), no_grad():
        if compiled:
            with suppress(Exception):  # whatever it is, eager code does not have it or says it
                return form.arrays(rows_in_arrays(forward, samples))
        return form.arrays(rows_one_by_one(forward, samples))


def rows_in_arrays(function: Compiled, *batch: Any) -> Any:
    """What a compiled function gives for many samples, a row for each.

    A class or token that is none gives nan there; eager code has the last word on such samples.
    """
    pieces = zip(*(in_batches(array, LARGEST_PIECE) for array in batch))
    rows = np.concatenate([function.map(*piece) for piece in pieces])
    are_nan = np.isnan(rows)
    for place in np.unique(np.nonzero(are_nan)[0]) if are_nan.any() else ():
        rows[place] = rows_one_by_one(function, *(array[[place]] for array in batch))
    return rows


def rows_one_by_one(function: Compiled, *batch: Any) -> Any:
    """The same, as it is written."""
    return np.array([_numbers(function.function(*map(plain, each))) for each in zip(*batch)])


def _numbers(row: Iterable[Any]) -> list[float]:
    return [x.data if isinstance(x, Value) else float(x) for x in row]


class Form:
    """What a model gives for a sample: a Value, lists of them, or tuples and dicts of these.

    It is that of the first sample, and its `size` the number of Values.
    """

    def __init__(self) -> None:
        self._zeros: Any = None  # an array for each part
        self.size = 0

    def row(self, output: Any) -> list[Any]:
        """The Values and numbers of an output, one after the other."""
        output = settled(output)
        leaves = leaves_of(output)
        if not leaves or not all(isinstance(leaf, Value) or is_real(leaf) for leaf in leaves):
            raise TypeError(
                f"The model gave {describe(output)} for a sample. A model gives a Value, or lists "
                "of Values, or a tuple or dict of these: does its forward return what it computes?"
            )
        if self._zeros is None:
            self._zeros, self.size = with_parts(like(output, repeat(0.0)), _array), len(leaves)
        try:
            return aligned(output, self._zeros)
        except ValueError as fault:
            forms = "The model gave outputs of different forms for different samples"
            raise ValueError(f"{forms}, which are no arrays: {fault}.") from None

    def arrays(self, rows: Any) -> Any:
        """Rows of numbers, one a sample, in arrays: a tuple or a dict of them where there are."""
        columns = iter(rows.T)

        def part(zeros: Any) -> Any:
            mine = np.array([next(columns) for _ in range(zeros.size)]).T
            return np.array(mine, order="C").reshape(len(rows), *zeros.shape)

        return with_parts(self._zeros, part)

    def filled(self, leaves: Iterable[Any]) -> Any:
        """An output of this form, made of other leaves."""
        supply = iter(leaves)
        return with_parts(self._zeros, lambda zeros: nested(zeros.shape, supply))


def with_parts(output: Any, made: Callable[[Any], Any]) -> Any:
    """A tuple or a dict of what is made of its parts, or what is made of the whole."""
    apart = None if isinstance(output, (list, np.ndarray)) else taken_apart(output)
    if apart is None:
        return made(output)
    return apart.make([with_parts(part, made) for part in apart.parts])


def _array(part: Any) -> Any:
    try:
        array = np.array(part)
    except ValueError:
        array = np.array(None)
    if array.dtype == float:
        return array
    raise ValueError(
        "The model gave lists of different lengths, or of dicts, for a sample, which are no array. "
        "Several outputs are a tuple or a dict of lists."
    )


def nested(shape: Sequence[int], supply: Iterator[Any]) -> Any:
    """The next of some things, in lists of a shape."""
    return [nested(shape[1:], supply) for _ in range(shape[0])] if shape else next(supply)
