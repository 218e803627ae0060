"""Samples of the user's: checked, weighed, held out, in batches; `predict`, the outputs for them.

All that is random here follows from the seed and the number of the epoch alone, so that a training
that is resumed at an epoch goes on exactly as it would have.

A model gives a Value for a sample, a list of them (a vector), or several such outputs in a tuple or
a dict. `Form` takes that apart into a row of numbers, so that compiled functions run over all
samples, and puts the columns together again. Next: `objective.py`, which does so too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from math import isfinite, prod
from typing import Any, NamedTuple

import numpy as np

from glassgrad import engine
from glassgrad.engine import Compiled, Value, no_grad
from glassgrad.engine.arrays import ValueArray
from glassgrad.engine.misuse import is_real
from glassgrad.engine.text import describe, some_of, told
from glassgrad.engine.tree import leaves_of, numbers_of, remade, settled
from glassgrad.nn.checks import not_negative
from glassgrad.nn.module import Module, modules_of, training

LARGEST_PIECE = 2048
"""So many samples are evaluated at once: more need more memory and are no faster."""


class Samples(NamedTuple):
    """Arrays of inputs and targets, with the samples along the first axis, and how many samples
    each counts as; None if all count alike.
    """

    X: Any
    y: Any
    weights: Any = None

    def __len__(self) -> int:
        return len(self.X)

    def of(self, places: Any) -> Samples:
        weights = None if self.weights is None else self.weights[places]
        return Samples(self.X[places], self.y[places], weights)

    def locked(self) -> Samples:
        """The same; their arrays cannot be written to any more."""
        for array in self._arrays():
            array.flags.writeable = False
        return self

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
        for array in self._arrays():
            digest.update(f"{array.shape} {array.dtype.str} ".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def _arrays(self) -> list[Any]:
        return [array for array in self if array is not None]


def samples_of(
    X: Any, y: Any, role: str = "fit(model, loss, X, y)", weights: Any = None
) -> Samples:
    """Inputs and targets as arrays that belong together; samples of weight 0 are left out."""
    found = Samples(checked_array(X, "X", role), checked_array(y, "y", role))
    if len(found.X) != len(found.y):
        raise ValueError(
            f"{role}: X has {len(found.X)} samples and y has {len(found.y)} targets. "
            "Give one target for each sample."
        )
    if weights is None:
        return found
    return _weighed(found, checked_array(weights, "sample_weight", role).astype(float), role)


def _weighed(samples: Samples, weights: Any, role: str) -> Samples:
    if weights.shape != (len(samples),):
        raise ValueError(
            f"{role}: sample_weight is of shape {weights.shape}. Give one number for each of the "
            f"{len(samples)} samples."
        )
    if (weights < 0.0).any():
        place = int((weights < 0.0).argmax())
        raise ValueError(
            f"{role}: sample_weight[{place}] is {weights[place]:g}. A sample counts as 0 or more."
        )
    if not weights.any():
        raise ValueError(f"{role}: every sample has the weight 0, so that none is left.")
    if not isfinite(sum(weights.tolist())):
        raise ValueError(f"{role}: the weights add up to more than any float. Give smaller ones.")
    counting = weights > 0.0
    found = Samples(samples.X, samples.y, weights)
    return (found if counting.all() else found.of(counting)).locked()


def class_weights(samples: Samples, given: Any) -> dict[float, float]:
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
            _class(name, role): not_negative(weight, f"{role}, of class {told(name)},")
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


def _class(name: Any, role: str) -> float:
    if not is_real(name):
        raise TypeError(f"{role} names classes as y does, by numbers, not by {describe(name)}.")
    return float(name)


def weighed_as(samples: Samples, by_class: Mapping[float, float], role: str) -> Samples:
    """Samples that count as their class says, beside what they count as already."""
    unknown = [each for each in np.unique(samples.y).tolist() if each not in by_class]
    if unknown:
        raise ValueError(f"{role}: no weight is known of class {unknown[0]:g}. Name it in a dict.")
    weights = np.array([by_class[each] for each in samples.y.tolist()])
    return _weighed(
        samples, weights if samples.weights is None else weights * samples.weights, role
    )


def held_out(samples: Samples, validation: Any, seed: int) -> tuple[Samples, Samples | None]:
    """The samples to train on and those to validate with: a share of them, which the seed decides;
    (X, y) or (X, y, sample_weight) of others; or None.
    """
    if validation is None:
        return samples, None
    if isinstance(validation, (tuple, list)) and len(validation) in (2, 3):
        X, y, *weights = validation
        others = samples_of(X, y, "fit(validation=(X, y))", *weights)
        if others.X.shape[1:] != samples.X.shape[1:] or others.y.shape[1:] != samples.y.shape[1:]:
            raise ValueError(
                "fit(validation=(X, y)): its samples have other shapes, "
                f"{others.X.shape[1:]} and {others.y.shape[1:]}, than those to train on, "
                f"{samples.X.shape[1:]} and {samples.y.shape[1:]}."
            )
        return samples, others
    if not is_real(validation) or isinstance(validation, bool):
        raise TypeError(
            "fit(validation=...) is the share of samples to hold out, such as 0.2, or a pair "
            f"(X, y), not {describe(validation)}."
        )
    count = round(float(validation) * len(samples)) if 0.0 < validation < 1.0 else 0
    if not 0 < count < len(samples):
        raise ValueError(
            f"fit(validation={validation}) of {len(samples)} samples leaves none on one side. "
            "Give a share between 0 and 1, or a pair (X, y)."
        )
    order = generator_of_epoch(seed, 0).permutation(len(samples))
    kept, held = np.sort(order[count:]), np.sort(order[:count])
    return samples.of(kept).locked(), samples.of(held).locked()


def generator_of_epoch(seed: int, epoch: int) -> np.random.Generator:
    """The random numbers of an epoch, from 1; those of epoch 0 hold samples out."""
    return np.random.default_rng([seed, epoch])


def checked_array(given: Any, name: str, role: str) -> Any:
    """What was given as an array of finite numbers with samples, of its own."""
    hint = "Number them: names, y = np.unique(y, return_inverse=True)." * (name == "y")
    array = numbers_of(given, f"{role}: {name}", hint)
    is_whole = array.dtype.kind in "iub" and np.max(array, initial=0) <= np.iinfo(int).max
    # A copy that cannot be written to: nothing changes under a training, not even by a metric.
    with np.errstate(over="ignore"):
        array = array.astype(int if is_whole else float)
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(
            f"{role}: {name}{where} is {array[tuple(where)]}. Leave out, or fill in, what is not "
            "finite before training."
        )
    array.flags.writeable = False
    return array


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


def predict(model: Module, X: Any, *, compiled: bool = True) -> Any:
    """The outputs of a model for all samples, as an array.

    These are what the model gives: of a classifier scores (logits), whose largest is at
    `predict(model, X).argmax(axis=1)`. The model runs compiled where it can, recorded anew in each
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

    def one(x: Any) -> list[float]:
        return form.numbers(model(x))

    with training(modules_of(model), False), no_grad():
        if compiled:
            forward = engine.compiled(lambda x: form.row(model(x)))
            with suppress(Exception):  # whatever it is, eager code does not have it or says it
                return form.arrays(rows_in_arrays(forward, one, samples))
        return form.arrays(rows_one_by_one(one, samples))


def rows_in_arrays(function: Compiled, one: Callable[..., list[float]], *batch: Any) -> Any:
    """What a compiled function gives for many samples, a row for each.

    A class or token that is none gives nan there; of such samples `one` has the last word.
    """
    pieces = zip(*(in_batches(array, LARGEST_PIECE) for array in batch))
    rows = np.concatenate([function.map(*piece) for piece in pieces])
    for place in np.unique(np.nonzero(np.isnan(rows))[0]):
        rows[place] = one(*(plain(array[place]) for array in batch))
    return rows


def rows_one_by_one(one: Callable[..., list[float]], *batch: Any) -> Any:
    return np.array([one(*map(plain, sample)) for sample in zip(*batch)])


class Form:
    """What a model gives for a sample: a Value, lists of them, or tuples and dicts of these.

    It is that of the first sample, and its `size` the number of Values.
    """

    def __init__(self) -> None:
        self._shape: Any = None
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
        shape = with_parts(output, _shape_of)
        if self._shape is None:
            self._shape, self.size = shape, len(leaves)
        if shape != self._shape:
            raise ValueError(
                "The model gave outputs of different forms for different samples, which are no "
                "arrays."
            )
        return leaves if isinstance(shape, list) else leaves_of(_in_order(output, self._shape))

    def numbers(self, output: Any) -> list[float]:
        return [leaf.data if isinstance(leaf, Value) else float(leaf) for leaf in self.row(output)]

    def arrays(self, rows: Any) -> Any:
        """Rows of numbers, one a sample, in arrays: a tuple or a dict of them where there are."""
        first = 0

        def part(shape: list[int]) -> Any:
            nonlocal first
            columns = slice(first, first := first + prod(shape))
            return np.array(rows[:, columns], order="C").reshape(len(rows), *shape)

        return with_parts(self._shape, part)

    def filled(self, leaves: Iterable[Any]) -> Any:
        """An output of this form, made of other leaves."""
        supply = iter(leaves)
        return with_parts(self._shape, lambda shape: nested(shape, supply))


def nested(shape: Sequence[int], supply: Iterator[Any]) -> Any:
    """The next of some things, in lists of a shape."""
    return [nested(shape[1:], supply) for _ in range(shape[0])] if shape else next(supply)


def with_parts(output: Any, made: Callable[[Any], Any]) -> Any:
    """A tuple or a dict of what is made of its parts, or what is made of the whole."""
    if isinstance(output, dict):
        return {key: with_parts(part, made) for key, part in output.items()}
    if isinstance(output, tuple):
        return remade(output, [with_parts(part, made) for part in output])
    return made(output)


def _in_order(output: Any, shape: Any) -> Any:
    if isinstance(shape, dict):
        return [_in_order(output[key], part) for key, part in shape.items()]
    return [*map(_in_order, output, shape)] if isinstance(shape, tuple) else output


def _shape_of(part: Any) -> list[int]:
    """The lengths of lists inside one another; [] for a Value."""
    if isinstance(part, dict):
        raise TypeError(
            "The model gave a list of dicts for a sample. Several outputs are a dict of lists."
        )
    if isinstance(part, np.ndarray):
        return list(part.shape)
    if not isinstance(part, (list, tuple)):
        return []
    first, *others = map(_shape_of, part) if len(part) else [[]]
    if any(other != first for other in others):
        raise ValueError(
            "The model gave lists of different lengths for a sample, which are no array. Several "
            "outputs are a tuple or a dict of them."
        )
    return [len(part), *first]
