"""What the numbers of a health check mean, in words, with the remedy.

The thresholds are wide: a fresh model with initial weights that suit its activations should pass
all of them, whatever its seed, so that a verdict is worth reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite

from glassgrad.engine.text import counted, some_of
from glassgrad.nn.probe import LayerHealth

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


def verdicts(
    layers: Sequence[LayerHealth], losses: Sequence[float], closed: Sequence[str] = ()
) -> tuple[str, ...]:
    """What is wrong, and what to do; ("healthy",) if nothing is.

    Args:
        layers: the layers, in the order in which they compute.
        losses: the loss of each sample.
        closed: the names of layers that use parameters inside compiled functions.
    """
    found = [
        *_closed(closed),
        *_broken(layers, losses),
        *_alike(layers),
        *_dead_or_saturated(layers, len(losses)),
    ]
    found += [*_flow(layers, losses, is_explained=bool(found)), *_steps(layers)]
    return tuple(found) or (HEALTHY,)


def _closed(names: Sequence[str]) -> Iterator[str]:
    if names:
        yield (
            f"closed: {some_of(names)} {'uses' if len(names) == 1 else 'use'} parameters inside a "
            "compiled function, where no units are looked at. Check the model without compiled."
        )


def _broken(layers: Sequence[LayerHealth], losses: Sequence[float]) -> Iterator[str]:
    """Numbers that are nan or infinite: of values the first layer, of gradients the last."""
    remedy = "Find where it arises with trap()."
    value = next((layer for layer in layers if layer.broken_values), None)
    gradient = next((layer for layer in reversed(layers) if layer.broken_gradients), None)
    odd = [loss for loss in losses if not isfinite(loss)]
    if value is not None:
        yield (
            f"nan: {counted(value.broken_values, 'number')} of {value.name} "
            f"{_are(value.broken_values)} nan or infinite. {remedy}"
        )
    elif odd:
        yield f"nan: the loss is {odd[0]} for {len(odd)} of {_samples(len(losses))}. {remedy}"
    elif gradient is not None:
        yield (
            f"nan: {counted(gradient.broken_gradients, 'gradient')} at {gradient.name} "
            f"{_are(gradient.broken_gradients)} nan or infinite. {remedy}"
        )


def _alike(layers: Sequence[LayerHealth]) -> Iterator[str]:
    names = [layer.name for layer in layers if layer.are_alike]
    if names:
        yield (
            f"identical: all units of {some_of(names)} compute the same and learn the same, as "
            "their weights are equal. Draw the initial weights from a seed."
        )


def _dead_or_saturated(layers: Sequence[LayerHealth], samples: int) -> Iterator[str]:
    for layer in layers:
        if layer.are_alike:
            continue
        if len(layer.dead) > MOST_DEAD * layer.units:
            yield (
                f"dead: {len(layer.dead)} of {counted(layer.units, 'unit')} of {layer.name} "
                f"{_are(len(layer.dead))} 0 for all of {_samples(samples)}. Lower the learning "
                "rate, use leaky_relu, or draw he initial weights."
            )
        if len(layer.saturated) > MOST_SATURATED * layer.units:
            yield (
                f"saturated: {len(layer.saturated)} of {counted(layer.units, 'unit')} of "
                f"{layer.name} {_are(len(layer.saturated))} on the flat part for all of "
                f"{_samples(samples)}. Scale the inputs to about 1, use xavier initial weights, or "
                "lower the learning rate."
            )


def _flow(
    layers: Sequence[LayerHealth], losses: Sequence[float], is_explained: bool
) -> Iterator[str]:
    """How gradients change on their way back from the last layer.

    That a gradient is exactly 0 may be explained by what else is wrong.
    """
    trained = [layer for layer in layers if layer.parameters]
    yield from _unused([layer for layer in trained if not _is_used(layer)])
    used = [layer for layer in trained if _is_used(layer)]
    if used and any(losses) and all(layer.gradient_size == 0.0 for layer in used):
        if not is_explained:
            yield _STUCK
        return
    compared = [layer for layer in used if layer.relative is not None]
    if compared:
        yield from _vanishing(compared, is_explained)
        yield from _exploding(compared, used)


_STUCK = (
    "stuck: every gradient is exactly 0 though the loss is not, so no parameter moves. Draw other "
    "initial weights, or use units and a loss that are nowhere flat."
)


def _unused(layers: Sequence[LayerHealth]) -> Iterator[str]:
    if layers:
        yield (
            f"unused: no gradient reaches any parameter of {some_of([x.name for x in layers])}. "
            "Use them in forward, without step or detach behind them, or leave them out."
        )


def _vanishing(compared: Sequence[LayerHealth], is_explained: bool) -> Iterator[str]:
    least, last = min(compared, key=_relative), compared[-1].name
    if least.relative == 0.0 and not is_explained:
        yield _blocked(compared)
    elif 0.0 < _relative(least) < VANISHING:
        yield (
            f"vanishing: the gradient at {least.name} is {_relative(least):.2g} of that at {last}. "
            "Use relu with he or tanh with xavier initial weights, or fewer layers."
        )


def _exploding(compared: Sequence[LayerHealth], used: Sequence[LayerHealth]) -> Iterator[str]:
    """Gradients that grow from layer to layer, or else those that are large beside the weights."""
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


def _steps(layers: Sequence[LayerHealth]) -> Iterator[str]:
    moving = [layer for layer in layers if layer.update is not None]
    fastest = max(moving, key=lambda layer: layer.update or 0.0, default=None)
    if fastest is not None and (fastest.update or 0.0) > LEAP:
        yield (
            f"leaping: one step moves {fastest.name} by {fastest.update:.2g} times its size. "
            "Lower the learning rate, or clip the gradient (clip_norm=1.0)."
        )


def _relative(layer: LayerHealth) -> float:
    return layer.relative or 0.0


def _is_used(layer: LayerHealth) -> bool:
    return layer.without_gradient < layer.parameters


def _steepness(layer: LayerHealth) -> float:
    return (layer.gradient_size or 0.0) / layer.weight_size if layer.weight_size else 0.0


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _samples(count: int) -> str:
    return counted(count, "sample")
