"""Pictures of a training over its epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import TYPE_CHECKING, NamedTuple

from glassgrad.nn.figure import COLOURS, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from glassgrad.nn.training.history import History

_LINES = ("-", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_MOST_LAYERS = 12


class _Panel(NamedTuple):
    title: str
    curves: Mapping[str, Sequence[float]]
    is_log: bool


def plot_history(history: History) -> Figure:
    """The curves of a training, a panel for losses, for metrics, and for gradients.

    Args:
        history: of at least one epoch.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: no epoch is done yet.
    """
    if not history.epochs:
        raise ValueError("There are no curves yet: no epoch of the training is done.")
    losses = {name: history[name] for name in history.main() if name.endswith("loss")}
    metrics = {name: history[name] for name in history.main() if name not in losses}
    panels = [
        _Panel("loss", losses, is_log=True),
        _Panel("metric", metrics, is_log=False),
        _Panel("gradient of layer, rms", history.gradients, is_log=True),
    ]
    panels = [panel for panel in panels if panel.curves]
    figure = new_figure(4.4 * len(panels), 3.6)
    for place, panel in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), place, xlabel="epoch", ylabel=panel.title)
        _plot(axes, panel.curves, panel.is_log)
    _mark_best(figure.axes[0], history)
    return figure


def _plot(axes: Axes, curves: Mapping[str, Sequence[float]], is_log: bool) -> None:
    shown = dict(list(curves.items())[:_MOST_LAYERS])
    numbers = [x for curve in shown.values() for x in curve if isfinite(x)]
    is_log = is_log and any(x > 0.0 for x in numbers)
    for at, (name, curve) in enumerate(shown.items()):
        axes.plot(
            range(1, len(curve) + 1),
            [x if isfinite(x) and (x > 0.0 or not is_log) else nan for x in curve],
            color=COLOURS[at % len(COLOURS)],
            linestyle="--" if name.startswith("validation_") else _LINES[at // len(COLOURS)],
            marker=_MARKERS[at % len(_MARKERS)],
            markevery=max(1, len(curve) // 8),
            markersize=4,
            label=name.replace("_", " "),
        )
    if is_log:
        axes.set_yscale("log")
    axes.grid(True, linewidth=0.4, alpha=0.6)
    axes.legend(fontsize=8)


def _mark_best(axes: Axes, history: History) -> None:
    if history.best_epoch is None:
        return
    axes.axvline(history.best_epoch, color="#555555", linewidth=0.8, linestyle=":")
    axes.set_title(f"best epoch: {history.best_epoch}", fontsize=9)
