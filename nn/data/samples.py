"""The samples of a training: checked, split, shuffled and cut into batches, all from one seed.

Everything random of an epoch follows from the seed and the number of the epoch alone, so that a
training that is resumed at an epoch goes on exactly as it would have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from engine.real import is_real
from engine.text import describe
from nn.data.arrays import numbers_of

LARGEST_PIECE = 512
"""So many samples are evaluated at once: more need more memory and are no faster."""


class Samples(NamedTuple):
    """Inputs and targets, with the samples along the first axis."""

    X: Any
    y: Any

    def __len__(self) -> int:
        return len(self.X)

    def of(self, places: Any) -> Samples:
        """Some of them."""
        return Samples(self.X[places], self.y[places])

    def pieces(self) -> Iterator[Samples]:
        """All of them, some at a time."""
        for first in range(0, len(self), LARGEST_PIECE):
            yield self.of(slice(first, first + LARGEST_PIECE))

    def fingerprint(self) -> str:
        """A text that tells these samples from others."""
        digest = hashlib.sha256()
        for array in self:
            digest.update(f"{array.shape} {array.dtype.str} ".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def samples_of(X: Any, y: Any, role: str = "fit(model, loss, X, y)") -> Samples:
    """Inputs and targets as arrays that belong together.

    Args:
        X: the inputs, of shape (samples, ...).
        y: the targets, of shape (samples,) or (samples, ...).
        role: who takes them, for errors.

    Raises:
        ValueError: they are no arrays of finite numbers with one target for each sample.
        TypeError: they are no numbers.

    >>> from nn.data.samples import samples_of
    >>> len(samples_of([[0.0, 1.0], [1.0, 0.0]], [0, 1]))
    2
    """
    found = Samples(checked_array(X, "X", role), checked_array(y, "y", role))
    if len(found.X) != len(found.y):
        raise ValueError(
            f"{role}: X has {len(found.X)} samples and y has {len(found.y)} targets. "
            "Give one target for each sample."
        )
    return found


def checked_array(given: Any, name: str, role: str) -> Any:
    """What was given as an array of finite numbers with samples, of its own.

    Raises:
        ValueError, TypeError: it is no such array; see `samples_of`.
    """
    hint = "Number them: names, y = np.unique(y, return_inverse=True)." * (name == "y")
    array = numbers_of(given, f"{role}: {name}", hint)
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(
            f"{role}: {name}{where} is {array[tuple(where)]}. Leave out, or fill in, what is not "
            "finite before training."
        )
    # A copy that cannot be written to: nothing changes under a training, not even by a metric.
    array = array.astype(int if array.dtype.kind in "iub" else float)
    array.flags.writeable = False
    return array


def held_out(samples: Samples, validation: Any, seed: int) -> tuple[Samples, Samples | None]:
    """The samples to train on and those to validate with.

    Args:
        samples: all samples.
        validation: the share to hold out, a pair (X, y) of others, or None.
        seed: decides which ones.

    Raises:
        ValueError: the share is not between 0 and 1, or leaves nothing on one side.
        TypeError: it is neither a share nor a pair.
    """
    if validation is None:
        return samples, None
    if isinstance(validation, (tuple, list)) and len(validation) == 2:
        X, y = validation
        others = samples_of(X, y, "fit(validation=(X, y))")
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
    order = generator(seed, 0).permutation(len(samples))
    return samples.of(np.sort(order[count:])), samples.of(np.sort(order[:count]))


def generator(seed: int, epoch: int) -> np.random.Generator:
    """The random numbers of an epoch; those of epoch 0 hold samples out."""
    return np.random.default_rng([seed, epoch])


def batches(count: int, size: int, order: Any) -> Iterator[Any]:
    """The places of the samples of each batch; the last one may be smaller."""
    for first in range(0, count, size):
        yield order[first : first + size]


def plain(thing: Any) -> Any:
    """A sample as a call takes it: a number where there is only one."""
    return thing if isinstance(thing, np.ndarray) and thing.ndim else thing.item()
