"""Is a model fit to learn? `check_health` looks at every layer, and says what is wrong in words.

It measures some samples forward and backward: do values and gradients keep their size from layer
to layer, are units off or flat, do they all compute the same, is there a nan? How that is measured
is in `probe.py`, what it means in `verdicts.py`; here it is told, as a record, as text and as a
picture. The analysis of deep networks that it follows is that of Glorot and Bengio (2010) and He et
al. (2015).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glassgrad.engine.context import ORDINARY, call_in, is_traced
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.printing import columns, short
from glassgrad.engine.text import counted, describe
from glassgrad.nn.checks import not_negative, whole
from glassgrad.nn.module import Module, modules_of, training
from glassgrad.nn.probe import LayerHealth, entries_of, measure
from glassgrad.nn.samples import plain, samples_of
from glassgrad.nn.verdicts import HEALTHY, verdicts

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Health:
    """What `check_health` found; its text is a table of the layers with the verdicts below it.

    In the table, "zero" is the share of outputs that are 0, "still" the share of outputs of units
    that let (nearly) no gradient through, "always" how many units do so for all samples,
    "gradient" the size of the gradient by the parameters, "at units" that by the outputs, and
    "relative" that as a share of the last layer's. All of it is in the records: see `LayerHealth`.

    Attributes:
        samples: how many samples were looked at.
        loss: their mean loss; None if it is nan or infinite.
        layers: what was measured at each layer, in the order in which they compute.
        verdicts: what is wrong, each with its remedy; ("healthy",) if nothing is.

    Example:
        >>> from glassgrad import MLP
        >>> from glassgrad.nn.health import check_health
        >>> loss = lambda output, target: (output - target) ** 2
        >>> model = MLP(1, [2, 1], seed=4)
        >>> health = check_health(model, loss, [[0.5], [-0.5]], [0.0, 1.0])
        >>> [layer.units for layer in health.layers], health.verdicts
        ([2, 1], ('healthy',))
    """

    samples: int
    loss: float | None
    layers: tuple[LayerHealth, ...]
    verdicts: tuple[str, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong."""
        return self.verdicts == (HEALTHY,)

    def to_dict(self) -> dict[str, Any]:
        """All of it as what JSON can hold."""
        return {
            **vars(self),
            "layers": [layer.to_dict() for layer in self.layers],
            "verdicts": list(self.verdicts),
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Health:
        """What `to_dict` gave, as it was."""
        entries = entries_of(Health, data, "health of a model")
        entries["layers"] = tuple(map(LayerHealth.from_dict, entries["layers"]))
        return Health(**entries)

    def __str__(self) -> str:
        table = columns([_TITLES, *map(_row, self.layers)], indent="")
        head = f"{counted(self.samples, 'sample')}, loss {short(self.loss)}"
        return "\n".join([head, table, *self.verdicts])

    def plot(self) -> Figure:
        """A picture by matplotlib: values, units that are off or flat, and gradients by layer.

        Raises:
            ImportError: matplotlib is not installed; the message says how to install it.
            ValueError: the model has no layers.
        """
        from glassgrad.nn.plotting import Bars, plot_health

        if not self.layers:
            raise ValueError("There is nothing to draw: the model has no layers.")
        bars = [
            Bars(
                x.name, x.activation_std, x.always_still / x.units if x.units else None, x.relative
            )
            for x in self.layers
        ]
        return plot_health(bars, self.verdicts)


_TITLES = (
    "layer",
    "parameters",
    "units",
    "mean",
    "std",
    "zero",
    "still",
    "always",
    "gradient",
    "at units",
    "relative",
)


def _row(layer: LayerHealth) -> tuple[str, ...]:
    return (
        layer.name,
        f"{layer.parameters:,}",
        f"{layer.units:,}",
        short(layer.activation_mean),
        short(layer.activation_std),
        _percent(layer.activation_zeros),
        _percent(layer.still_share),
        f"{layer.always_still:,}",
        short(layer.gradient_size),
        short(layer.unit_gradient_size),
        short(layer.relative),
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


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
