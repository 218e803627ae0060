"""Samples of the user's: checked, weighed, cut into batches, held out, shuffled in each epoch.

All that is random here follows from the seed and the number of the epoch alone, so that a training
that is resumed at an epoch goes on exactly as it would have. Next: `objective.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from glassgrad.engine.arrays import ValueArray
from glassgrad.engine.misuse import is_real
from glassgrad.engine.text import describe, some_of, told
from glassgrad.engine.tree import numbers_of
from glassgrad.nn.checks import not_negative

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
