"""Samples of the user's: checked, and cut into pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from glassgrad.engine.tree import numbers_of

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
        return map(Samples, *(in_pieces(array, LARGEST_PIECE) for array in self))

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

    >>> from glassgrad.nn.samples import samples_of
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


def in_pieces(things: Any, size: int) -> Iterator[Any]:
    """What can be sliced, some at a time; the last piece may be smaller.

    >>> from glassgrad.nn.samples import in_pieces
    >>> list(in_pieces("abcde", 2))
    ['ab', 'cd', 'e']
    """
    for first in range(0, len(things), size):
        yield things[first : first + size]


def plain(thing: Any) -> Any:
    """A sample as a call takes it: a number where there is only one; whole numbers are Python's.

    Those of numpy would wrap around where they get large.
    """
    if not isinstance(thing, np.ndarray) or not thing.ndim:
        return thing.item()
    return thing.astype(object) if thing.dtype.kind == "i" else thing
