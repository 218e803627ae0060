"""`predict`: the outputs of a model for many samples at once, as numbers.

A model gives a Value, a list of them (a vector), or several such outputs in a tuple or a dict.
`Form` takes what it gives for a sample apart into a row of numbers, so that compiled functions run
over all samples, and puts the columns together again. Next: `objective.py`, which does so too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np

from glassgrad import engine
from glassgrad.engine import Compiled, Value, no_grad
from glassgrad.engine.misuse import is_real
from glassgrad.engine.text import describe
from glassgrad.engine.tree import leaves_of, remade, settled
from glassgrad.nn.module import Module, modules_of, training
from glassgrad.nn.samples import LARGEST_PIECE, checked_array, in_batches, plain


def predict(model: Module, X: Any, *, compiled: bool = True) -> Any:
    """The outputs of a model for all samples, as an array.

    These are what the model gives: of a classifier scores (logits), whose largest is at
    `predict(model, X).argmax(axis=1)`. The model runs compiled where it can, recorded anew in each
    call, and with nothing left to chance, as after `eval()`.

    Args:
        model: takes one sample of X.
        X: the samples, an array of shape (samples, ...).
        compiled: whether to run as array operations; where that cannot be, it runs eagerly.

    Returns:
        An array of shape (samples,) for a model that gives a Value, (samples, outputs) for a list;
        for a tuple or a dict, which are several outputs, a tuple or a dict of these.

    Raises:
        ValueError: X is no array of finite numbers, or the model does not take its samples.
        TypeError: X holds no numbers, or the model is no Module.

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

        def nested(shape: list[int]) -> Any:
            return [nested(shape[1:]) for _ in range(shape[0])] if shape else next(supply)

        return with_parts(self._shape, nested)


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
