"""Pictures of a training over its epochs, and of the health of the layers of a model.

matplotlib draws it; it is installed by `pip install "glassgrad[plot]"` and imported here alone.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nn.health import Health, LayerHealth
    from nn.training.history import History

# Dark enough on white, and told apart by people who see colours differently.
_COLOURS = ("#0072B2", "#B34700", "#009E73", "#AA4499", "#56B4E9", "#8a6d00")
_LINES = ("-", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_MOST_LAYERS = 12


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
    panels = [("loss", losses), ("metric", metrics), ("gradient of layer, rms", history.gradients)]
    panels = [(title, curves) for title, curves in panels if curves]
    figure = _figure(4.4 * len(panels), 3.6)
    for place, (title, curves) in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), place, xlabel="epoch", ylabel=title)
        _plot(axes, curves, is_log=title != "metric")
    _mark_best(figure.axes[0], history)
    return figure


def plot_health(health: Health) -> Figure:
    """The layers of a model side by side: their values, their units and their gradients.

    Args:
        health: what `check_health` found.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: the model has no layers.
    """
    if not health.layers:
        raise ValueError("There is nothing to draw: the model has no layers.")
    figure = _figure(11.0, 1.6 + 0.32 * len(health.layers))
    names = [layer.name for layer in health.layers]
    panels = [
        ("values: standard deviation", False, [x.activation_std for x in health.layers]),
        ("units off or flat, share", False, [_still(x) for x in health.layers]),
        ("gradient at the units, by that of the last layer", True,
         [x.relative for x in health.layers]),
    ]  # fmt: skip
    for place, (title, is_log, sizes) in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), place)
        known = [(i, x) for i, x in enumerate(sizes) if x is not None and (x > 0.0 or not is_log)]
        axes.barh(*zip(*known) if known else ([], []), color=_COLOURS[place - 1])
        axes.set_yticks(range(len(names)), names if place == 1 else [""] * len(names))
        axes.set_ylim(len(names) - 0.4, -0.6)  # the first layer on top
        if is_log and known:
            axes.set_xscale("log")
            axes.set_xlim(left=min(x for _, x in known) / 10)  # so that every bar has a length
        if "share" in title:
            axes.set_xlim(0.0, 1.0)
        axes.set_xlabel(title, fontsize=9)
        axes.grid(True, axis="x", linewidth=0.4, alpha=0.6)
    figure.suptitle("\n".join(health.verdicts), fontsize=9, wrap=True)
    return figure


def _still(layer: LayerHealth) -> float | None:
    return (len(layer.dead) + len(layer.saturated)) / layer.units if layer.units else None


def _figure(width: float, height: float) -> Figure:
    """An empty figure that belongs to no window, and that notebooks show."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'Curves are drawn by matplotlib, which is not installed: pip install "glassgrad[plot]".'
        ) from error
    figure = Figure(figsize=(width, height), layout="constrained")
    setattr(figure, "_repr_png_", lambda: _png(figure))  # noqa: B010
    return figure


def _plot(axes: Axes, curves: Mapping[str, Sequence[float]], is_log: bool) -> None:
    shown = dict(list(curves.items())[:_MOST_LAYERS])
    numbers = [x for curve in shown.values() for x in curve if isfinite(x)]
    is_log = is_log and any(x > 0.0 for x in numbers)
    for at, (name, curve) in enumerate(shown.items()):
        axes.plot(
            range(1, len(curve) + 1),
            [x if isfinite(x) and (x > 0.0 or not is_log) else nan for x in curve],
            color=_COLOURS[at % len(_COLOURS)],
            linestyle="--" if name.startswith("validation_") else _LINES[at // len(_COLOURS)],
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


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()
