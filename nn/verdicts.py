"""What the measured numbers of a model's layers mean, in words: is it fit to learn, and what to do.

`health.py` measures the layers. The thresholds are wide: a fresh model with initial weights that
suit its activations should pass all of them, whatever its seed, so that a verdict is worth reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from glassgrad.engine.text import counted, some_of

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


@dataclass(frozen=True)
class LayerHealth:
    """One layer of a model, measured over some samples.

    A layer is a part that holds parameters or computes values; the neurons of a `Layer` belong to
    it. "Size" is the root mean square. Numbers that are nan or infinite are counted and left out
    of all else; a number that nothing is left for is None.

    Attributes:
        name: its path in the model, as "layers.0"; of the model itself its class.
        parameters, units: how many parameters, and how many outputs, it has.
        activation_mean, activation_std: of the outputs of its units, over all samples.
        still_share: the share of outputs of relu, tanh and sigmoid that let (nearly) no gradient
            through, for the sample at hand; None if there are no such units.
        dead, saturated: the names of the relus that are off for every sample, as
            "layers.0.neurons.3", and of the tanhs and sigmoids that are flat for every sample.
        are_alike: whether it has several units that compute the same and learn the same.
        weight_size: of its parameters.
        gradient_size: of the gradient of the mean loss by its parameters that are not frozen.
        without_gradient: how many of these the loss does not depend on.
        unit_gradient_size: of the gradient of a sample's loss by the outputs of its units.
        relative: `unit_gradient_size` as a share of that of the last layer with parameters.
        broken_values, broken_gradients: how many outputs, and how many gradients of outputs and
            parameters, are nan or infinite.

    >>> from glassgrad import MLP, check_health
    >>> loss = lambda output, target: (output - target) ** 2
    >>> layer = check_health(MLP(1, [4, 1], seed=1), loss, [[0.5], [1.0]], [0.0, 1.0]).layers[0]
    >>> layer.name, layer.parameters, layer.units, layer.dead
    ('layers.0', 8, 4, ())
    """

    name: str
    parameters: int
    units: int
    activation_mean: float | None
    activation_std: float | None
    still_share: float | None
    dead: tuple[str, ...]
    saturated: tuple[str, ...]
    are_alike: bool
    weight_size: float | None
    gradient_size: float | None
    without_gradient: int
    unit_gradient_size: float | None
    relative: float | None
    broken_values: int
    broken_gradients: int

    @property
    def always_still(self) -> int:
        """How many of its units let (nearly) no gradient through, whatever the sample."""
        return len(self.dead) + len(self.saturated)


def verdicts_of(layers: Sequence[LayerHealth], losses: Sequence[float]) -> tuple[str, ...]:
    """All that is wrong, each with its remedy; or that nothing is."""
    found = [*_broken(layers, losses), *_still(layers, len(losses))]
    found += [*_flow(layers, losses, is_explained=bool(found))]
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
    least, most = min(compared, key=_relative), max(compared, key=_relative)
    last, steep = compared[-1].name, max(used, key=_steepness)
    if least.relative == 0.0 and not is_explained:
        yield (
            f"vanishing: the gradient at {least.name} is exactly 0: weights behind it are all 0, "
            "or units are off or flat. Draw other initial weights, or look again after a step, if "
            "they are to begin with 0."
        )
    elif 0.0 < _relative(least) < VANISHING:
        yield (
            f"vanishing: the gradient at {least.name} is {_relative(least):.2g} of that at {last}. "
            "Use relu with he or tanh with xavier initial weights, or fewer layers."
        )
    if _relative(most) > EXPLODING:
        yield (
            f"exploding: the gradient at {most.name} is {_relative(most):.2g} times that at "
            f"{last}. Use he or xavier initial weights, clip it (clip_norm=1.0), or lower the "
            "learning rate."
        )
    elif _steepness(steep) > STEEP:
        yield (
            f"exploding: the gradient of {steep.name} is {_steepness(steep):.2g} times its "
            "weights. Scale inputs and targets to about 1, clip it (clip_norm=1.0), or lower the "
            "learning rate."
        )


def _relative(layer: LayerHealth) -> float:
    return layer.relative or 0.0


def _steepness(layer: LayerHealth) -> float:
    return (layer.gradient_size or 0.0) / layer.weight_size if layer.weight_size else 0.0


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
