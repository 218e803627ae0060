"""Is a model fit to learn? `check_health` looks at every layer, and says what is wrong in words.

It measures some samples forward and backward: do values and gradients keep their size from layer
to layer, are units off or flat, do they all compute the same, is there a nan? What is measured at a
layer is in `layer.py`, how in `probe.py`, what it means in `verdicts.py`, how it is told in
`report.py`. The analysis of deep networks that it follows is that of Glorot and Bengio (2010) and
He et al. (2015).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from glassgrad.engine.context import ORDINARY, call_in, is_traced
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.text import describe
from glassgrad.nn.checks import not_negative, whole
from glassgrad.nn.data.samples import plain, samples_of
from glassgrad.nn.health.probe import measure
from glassgrad.nn.health.report import Health
from glassgrad.nn.health.verdicts import verdicts
from glassgrad.nn.modules.modes import modules_of, training
from glassgrad.nn.modules.module import Module


def check_health(
    model: Module,
    loss: Callable[[Any, Any], Any],
    X: Any,
    y: Any,
    most: int = 64,
    *,
    learning_rate: float | None = None,
) -> Health:
    """Look at the values and gradients of every layer of a model, over some samples.

    The model runs eagerly and as in use (`eval()`: nothing is dropped out), and is left as it was,
    every gradient included. It works inside `no_grad()` and `trap()` too, which do not reach it.

    Args:
        model: gives an output for a sample.
        loss: gives a Value for an output and a target, such as `mse`.
        X: the samples, of shape (n, ...).
        y: their targets, of shape (n, ...).
        most: how many samples to look at, chosen evenly; they run one by one.
        learning_rate: of gradient descent, if the size of its steps should be looked at too.

    Raises:
        TypeError: the model is no Module, or the loss gives no Value.
        ValueError: X and y are no samples with targets, or a number is out of its range.
        CompilationError: it is called inside a compiled function, where there are no numbers yet.

    >>> from glassgrad import MLP
    >>> from glassgrad.nn.health import check_health
    >>> deep = MLP(2, [8] * 12 + [1], activation="sigmoid", output_activation="linear", seed=1)
    >>> health = check_health(deep, lambda out, y: (out - y) ** 2, [[0, 1], [1, 0]], [0, 1])
    >>> health.is_healthy, health.verdicts[0][:37]
    (False, 'vanishing: the gradient at layers.0 i')
    """
    if not isinstance(model, Module):
        raise TypeError(f"check_health(model, ...) takes a Module, not {describe(model)}.")
    if not callable(loss):
        raise TypeError(
            "check_health(model, loss, ...): the loss is a function of an output and a target, "
            f"not {describe(loss)}."
        )
    if is_traced():
        raise CompilationError(
            "check_health(...) looks at numbers, and inside a compiled function there are none "
            "yet. Call it outside."
        )
    if learning_rate is not None:
        learning_rate = not_negative(learning_rate, "check_health(learning_rate=...)")
    given = samples_of(X, y, "check_health(model, loss, X, y)")
    most = min(whole(most, "check_health(most=...)"), len(given))
    chosen = np.linspace(0, len(given) - 1, most).round().astype(int)
    samples = [(plain(given.X[i]), plain(given.y[i])) for i in chosen]
    with training(modules_of(model), False):
        found = call_in(ORDINARY, measure, model, loss, samples, learning_rate)
    layers, losses, closed = found
    mean = float(np.mean(losses)) if np.isfinite(losses).all() else None
    return Health(len(samples), mean, tuple(layers), verdicts(layers, losses, closed))
