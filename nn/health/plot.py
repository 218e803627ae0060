"""A picture of the health of the layers of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from glassgrad.nn.figure import COLOURS, new_figure
from glassgrad.nn.health.layer import LayerHealth

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class _HealthPanel(NamedTuple):
    """A bar for each layer; None where there is none."""

    title: str
    sizes: Sequence[float | None]
    is_log: bool = False
    is_share: bool = False


def plot_health(layers: Sequence[LayerHealth], verdicts: Sequence[str]) -> Figure:
    """The layers of a model side by side: their values, their units and their gradients.

    Args:
        layers: what `check_health` found of each.
        verdicts: what they mean, to stand above.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the model has no layers.
    """
    if not layers:
        raise ValueError("There is nothing to draw: the model has no layers.")
    figure = new_figure(11.0, 1.6 + 0.32 * len(layers))
    names = [layer.name for layer in layers]
    panels = [
        _HealthPanel("values: standard deviation", [x.activation_std for x in layers]),
        _HealthPanel(
            "units off or flat, share",
            [x.always_still / x.units if x.units else None for x in layers],
            is_share=True,
        ),
        _HealthPanel(
            "gradient at the units, by that of the last layer",
            [x.relative for x in layers],
            is_log=True,
        ),
    ]
    for place, (title, sizes, is_log, is_share) in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), place)
        known = [(i, x) for i, x in enumerate(sizes) if x is not None and (x > 0.0 or not is_log)]
        axes.barh(*zip(*known) if known else ([], []), color=COLOURS[place - 1])
        axes.set_yticks(range(len(names)), names if place == 1 else [""] * len(names))
        axes.set_ylim(len(names) - 0.4, -0.6)  # the first layer on top
        if is_log and known:
            axes.set_xscale("log")
            axes.set_xlim(left=min(x for _, x in known) / 10)  # so that every bar has a length
        if is_share:
            axes.set_xlim(0.0, 1.0)
        axes.set_xlabel(title, fontsize=9)
        axes.grid(True, axis="x", linewidth=0.4, alpha=0.6)
    figure.suptitle("\n".join(verdicts), fontsize=9, wrap=True)
    return figure
