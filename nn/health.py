"""Is a model fit to learn? `check_health` looks at every layer, and says what is wrong in words.

It measures some samples forward and backward (`probe.py`): do values and gradients keep their size
from layer to layer, are units off or flat, do they all compute the same, is there a nan? The
analysis of deep networks that it follows is that of Glorot and Bengio (2010) and He et al. (2015).

The thresholds of the verdicts are wide: a fresh model with initial weights that suit its
activations should pass all of them, whatever its seed, so that a verdict is worth reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from glassgrad.engine.context import ORDINARY, call_in, is_traced
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.misuse import whole
from glassgrad.engine.printing import columns, short
from glassgrad.engine.text import counted, describe, some_of
from glassgrad.nn.checks import not_negative
from glassgrad.nn.module import Module, modules_of, training
from glassgrad.nn.probe import LayerHealth, Measured, measure, scaled
from glassgrad.nn.samples import Samples, samples_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEALTHY = "healthy"

VANISHING = 1e-3
"""With one learning rate for all, a layer a thousand times slower than the last hardly learns."""
EXPLODING = 1e3
"""A thousand times the gradient of the last layer: a rate that suits one layer ruins the other."""
STEEP = 1e4
"""A gradient so many times the weights: even a learning rate of 0.0001 moves them by their size."""
MOST_DEAD = 0.75
"""More than three quarters of a layer's relus off. In fresh deep and narrow networks the samples
grow alike from layer to layer, and half of a layer is often off for all of them, without harm."""
MOST_SATURATED = 0.5
"""More than half of a layer's tanhs or sigmoids flat, which none of a fresh network should be."""
LEAP = 1.0
"""A step as large as the weights forgets them; about a thousandth is usual."""


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

    >>> from glassgrad import MLP, check_health
    >>> loss = lambda output, target: (output - target) ** 2
    >>> health = check_health(MLP(1, [2, 1], seed=4), loss, [[0.5], [-0.5]], [0.0, 1.0])
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

    def __str__(self) -> str:
        rows = [tuple(tell(layer) for tell in _COLUMNS.values()) for layer in self.layers]
        table = columns([tuple(_COLUMNS), *rows], indent="")
        head = f"{counted(self.samples, 'sample')}, loss {short(self.loss)}"
        return "\n".join([head, table, *self.verdicts])

    def plot(self) -> Figure:
        """A picture by matplotlib: values, units that are off or flat, and gradients by layer."""
        from glassgrad.nn.plotting import plot_health

        if not self.layers:
            raise ValueError("There is nothing to draw: the model has no layers.")
        return plot_health(
            [layer.name for layer in self.layers],
            [layer.activation_std for layer in self.layers],
            [layer.always_still / layer.units if layer.units else None for layer in self.layers],
            [layer.relative for layer in self.layers],
            self.verdicts,
        )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


_COLUMNS: dict[str, Callable[[LayerHealth], str]] = {
    "layer": lambda layer: layer.name,
    "parameters": lambda layer: f"{layer.parameters:,}",
    "units": lambda layer: f"{layer.units:,}",
    "mean": lambda layer: short(layer.activation_mean),
    "std": lambda layer: short(layer.activation_std),
    "zero": lambda layer: _percent(layer.activation_zeros),
    "still": lambda layer: _percent(layer.still_share),
    "always": lambda layer: f"{layer.always_still:,}",
    "gradient": lambda layer: short(layer.gradient_size),
    "at units": lambda layer: short(layer.unit_gradient_size),
    "relative": lambda layer: short(layer.relative),
}


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

    >>> from glassgrad import MLP, check_health
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
    most = whole(most, "check_health(most=...)")
    samples = list(evenly_among(given, most).pairs())
    with training(modules_of(model), False):
        return health_of(call_in(ORDINARY, measure, model, loss, samples, learning_rate))


def health_of(measured: Measured) -> Health:
    layers, losses, closed = measured
    mean = scaled(np.mean, losses) if np.isfinite(losses).all() else None
    return Health(len(losses), mean, tuple(layers), _verdicts(layers, losses, closed))


def evenly_among(samples: Samples, most: int) -> Samples:
    """So many of them, spread evenly; all if there are no more."""
    count = min(most, len(samples))
    return samples.of(np.linspace(0, len(samples) - 1, count).round().astype(int))


def _verdicts(
    layers: Sequence[LayerHealth], losses: Sequence[float], closed: Sequence[str]
) -> tuple[str, ...]:
    """What is wrong, and what to do; ("healthy",) if nothing is."""
    found = [*_broken(layers, losses), *_still(layers, len(losses))]
    if closed:
        uses = "uses" if len(closed) == 1 else "use"
        said = (
            f"closed: {some_of(closed)} {uses} parameters inside a compiled function, where no "
            "units are looked at. Check the model without compiled."
        )
        found = [said, *found]
    found += [*_flow(layers, losses, is_explained=bool(found)), *_steps(layers)]
    return tuple(found) or (HEALTHY,)


def _broken(layers: Sequence[LayerHealth], losses: Sequence[float]) -> Iterator[str]:
    """Numbers that are nan or infinite: of values the first layer, of gradients the last."""
    remedy = "Find where it arises with trap()."
    value = next((layer for layer in layers if layer.broken_values), None)
    gradient = next((layer for layer in reversed(layers) if layer.broken_gradients), None)
    odd = [loss for loss in losses if not isfinite(loss)]
    if value is not None:
        count, what = value.broken_values, f"of {value.name}"
        yield f"nan: {counted(count, 'number')} {what} {_are(count)} nan or infinite. {remedy}"
    elif odd:
        samples = counted(len(losses), "sample")
        yield f"nan: the loss is {odd[0]} for {len(odd)} of {samples}. {remedy}"
    elif gradient is not None:
        count, what = gradient.broken_gradients, f"at {gradient.name}"
        yield f"nan: {counted(count, 'gradient')} {what} {_are(count)} nan or infinite. {remedy}"


def _still(layers: Sequence[LayerHealth], count: int) -> Iterator[str]:
    names = [layer.name for layer in layers if layer.are_alike]
    if names:
        yield (
            f"identical: all units of {some_of(names)} compute the same and learn the same, as "
            "their weights are equal. Draw the initial weights from a seed."
        )
    samples = counted(count, "sample")
    for layer in layers:
        units = f"{counted(layer.units, 'unit')} of {layer.name}"
        dead, flat = len(layer.dead), len(layer.saturated)
        if not layer.are_alike and dead > MOST_DEAD * layer.units:
            yield (
                f"dead: {dead} of {units} {_are(dead)} 0 for all of {samples}. Lower the learning "
                "rate, use leaky_relu, or draw he initial weights."
            )
        if not layer.are_alike and flat > MOST_SATURATED * layer.units:
            yield (
                f"saturated: {flat} of {units} {_are(flat)} on the flat part for all of {samples}. "
                "Scale the inputs to about 1, use xavier initial weights, or lower the learning "
                "rate."
            )


def _flow(
    layers: Sequence[LayerHealth], losses: Sequence[float], is_explained: bool
) -> Iterator[str]:
    """How gradients change on their way back from the last layer.

    That a gradient is exactly 0 may be explained by what else is wrong.
    """
    trained = [layer for layer in layers if layer.parameters]
    used = [layer for layer in trained if layer.without_gradient < layer.parameters]
    unused = [layer.name for layer in trained if layer not in used]
    if unused:
        yield (
            f"unused: no gradient reaches any parameter of {some_of(unused)}. Use them in forward, "
            "without step or detach behind them, or leave them out."
        )
    if used and any(losses) and all(layer.gradient_size == 0.0 for layer in used):
        if not is_explained:
            yield (
                "stuck: every gradient is exactly 0 though the loss is not, so no parameter moves. "
                "Draw other initial weights, or use units and a loss that are nowhere flat."
            )
        return
    compared = [layer for layer in used if layer.relative is not None]
    if not compared:
        return
    least, last = min(compared, key=_relative), compared[-1].name
    if least.relative == 0.0 and not is_explained:
        yield _blocked(compared)
    elif 0.0 < _relative(least) < VANISHING:
        yield (
            f"vanishing: the gradient at {least.name} is {_relative(least):.2g} of that at {last}. "
            "Use relu with he or tanh with xavier initial weights, or fewer layers."
        )
    yield from _exploding(compared, used)


def _blocked(compared: Sequence[LayerHealth]) -> str:
    """Which layer sends no gradient at all to those before it."""
    place = max(i for i, layer in enumerate(compared) if layer.relative == 0.0)
    still, gate = compared[place], compared[place + 1]
    fact = f"vanishing: the gradient at {still.name} is exactly 0, as {gate.name} sends none back: "
    if gate.weight_size == 0.0:
        return (
            f"{fact}its weights are all 0. If that is meant, look again after a step, which moves "
            "them; else draw its initial weights."
        )
    return (
        f"{fact}its weights are 0, or its units are off or flat. Draw other initial weights, or "
        "use units that are nowhere flat."
    )


def _exploding(compared: Sequence[LayerHealth], used: Sequence[LayerHealth]) -> Iterator[str]:
    most, steep = max(compared, key=_relative), max(used, key=_steepness)
    if _relative(most) > EXPLODING:
        yield (
            f"exploding: the gradient at {most.name} is {_relative(most):.2g} times that at "
            f"{compared[-1].name}. Use he or xavier initial weights, clip it (clip_norm=1.0), or "
            "lower the learning rate."
        )
    elif _steepness(steep) > STEEP:
        yield (
            f"exploding: the gradient of {steep.name} is {_steepness(steep):.2g} times its "
            "weights. Scale inputs and targets to about 1, clip it (clip_norm=1.0), or lower the "
            "learning rate."
        )


def _steps(layers: Sequence[LayerHealth]) -> Iterator[str]:
    fastest = max(layers, key=lambda layer: layer.update or 0.0, default=None)
    if fastest is not None and (leap := fastest.update or 0.0) > LEAP:
        yield (
            f"leaping: one step moves {fastest.name} by {leap:.2g} times its size. Lower the "
            "learning rate, or clip the gradient (clip_norm=1.0)."
        )


def _relative(layer: LayerHealth) -> float:
    return layer.relative or 0.0


def _steepness(layer: LayerHealth) -> float:
    return (layer.gradient_size or 0.0) / layer.weight_size if layer.weight_size else 0.0


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
