"""`predict`: the outputs of a model for many samples at once, as numbers."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from glassgrad.engine import Compiled, Value, no_grad
from glassgrad.engine import compiled as engine_compiled
from glassgrad.engine.misuse import is_real
from glassgrad.engine.text import describe
from glassgrad.engine.tree import leaves_of, like, settled
from glassgrad.nn.module import Module, modules_of, training
from glassgrad.nn.samples import LARGEST_PIECE, checked_array, in_pieces, plain


def predict(
    model: Module,
    X: Any,
    *,
    compiled: bool = True,
) -> Any:
    """The outputs of a model for all samples, as an array.

    These are what the model gives: of a classifier scores (logits), whose largest is at
    `predict(model, X).argmax(axis=1)`. The model runs compiled where it can, recorded anew in each
    call, and with nothing left to chance, as after `eval()`.

    Args:
        model: takes one sample of X and gives a Value or a list of Values.
        X: the samples, an array of shape (samples, ...).
        compiled: whether to run as array operations; where that cannot be, it runs eagerly.

    Returns:
        An array of shape (samples,) for a model with one output, else (samples, outputs).

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
    with training(modules_of(model), False), no_grad():
        return outputs_of(model, samples, engine_compiled(model) if compiled else None)


def outputs_of(model: Module, samples: Any, forward: Compiled | None) -> Any:
    """The outputs of a model as it stands, for an array of samples.

    Args:
        model: the model.
        samples: the samples.
        forward: the model compiled; None to run eagerly.
    """
    if forward is not None:
        pieces = in_pieces(samples, LARGEST_PIECE)
        with suppress(Exception):  # whatever it is, eager code does not have it or says it
            found = np.concatenate([forward.map(piece) for piece in pieces])
            if not np.isnan(found).any():  # a token that is none gives nan there, and an error here
                return found
    return np.stack([_numbers(model(plain(x))) for x in samples])


def _numbers(output: Any) -> Any:
    if isinstance(output, dict):
        raise TypeError(
            "The model gave a dict for a sample. Its forward returns a Value or a list of Values, "
            "such as list(outputs.values()), which the loss then gets."
        )
    output = settled(output)
    numbers = [v.data if isinstance(v, Value) else v for v in leaves_of(output)]
    if not all(map(is_real, numbers)):
        raise TypeError(
            f"The model gave {describe(output)} for a sample. A model gives a Value, or lists of "
            "Values: does its forward return what it computes?"
        )
    try:
        return np.array(like(output, iter(numbers)), float)
    except ValueError:
        raise ValueError(
            "The model gave lists of different lengths for a sample, which are no array."
        ) from None
