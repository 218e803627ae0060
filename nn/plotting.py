"""Figures of matplotlib: curves of a training, classes taken for each other.

They belong to no window, and are handed what they draw: `History.plot` and others call them.
matplotlib is installed by `pip install "glassgrad[plot]"`, and imported here alone.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import product
from math import isfinite, nan
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Dark enough on white, and told apart by people who see colours differently.
COLOURS = ("#0072B2", "#B34700", "#009E73", "#AA4499", "#56B4E9", "#8a6d00")


def new_figure(width: float, height: float) -> Figure:
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


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()


_LINES = ("-", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_MOST_LAYERS = 12


def plot_curves(
    columns: Mapping[str, Sequence[float]],
    gradients: Mapping[str, Sequence[float]],
    best_epoch: int | None,
) -> Figure:
    """The curves of a training, a panel for losses, for metrics, and for gradients by layer.

    A number that is nan or infinite is a triangle at the top, and on a logarithmic scale one of 0
    or below a triangle at the bottom. The best epoch is marked, if there is one.
    """
    losses = {name: column for name, column in columns.items() if name.endswith("loss")}
    metrics = {name: column for name, column in columns.items() if name not in losses}
    named = {"loss": losses, "metric": metrics, "gradient of layer, rms": gradients}
    panels = {title: curves for title, curves in named.items() if curves}
    figure = new_figure(4.4 * len(panels), 3.6)
    for place, (title, curves) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(1, len(panels), place, xlabel="epoch", ylabel=title)
        _plot(axes, curves, is_log=curves is not metrics)
    if best_epoch is not None:
        axes = figure.axes[0]
        axes.axvline(best_epoch, color="#555555", linewidth=0.8, linestyle=":")
        axes.set_title(f"best epoch: {best_epoch}", fontsize=9)
    return figure


def _plot(axes: Axes, curves: Mapping[str, Sequence[float]], is_log: bool) -> None:
    shown = dict(list(curves.items())[:_MOST_LAYERS])
    numbers = [x for curve in shown.values() for x in curve if isfinite(x)]
    is_log = is_log and any(x > 0.0 for x in numbers)
    for at, (name, curve) in enumerate(shown.items()):
        title = name.replace("_", " ")
        is_shown = [isfinite(x) and (x > 0.0 or not is_log) for x in curve]
        axes.plot(
            range(1, len(curve) + 1),
            [x if has_place else nan for x, has_place in zip(curve, is_shown)],
            color=COLOURS[at % len(COLOURS)],
            linestyle="--" if name.startswith("validation_") else _LINES[at // len(COLOURS)],
            marker=_MARKERS[at % len(_MARKERS)],
            markevery=max(1, len(curve) // 8),
            markersize=4,
            label=title,
        )
        left = [(i, x) for i, (x, has_place) in enumerate(zip(curve, is_shown), 1) if not has_place]
        low, odd = [i for i, x in left if isfinite(x)], [i for i, x in left if not isfinite(x)]
        _plot_edge(axes, f"{title}: 0 or below", low, 0.02, "v")
        _plot_edge(axes, f"{title}: nan or infinite", odd, 0.98, "^")
    if is_log:
        axes.set_yscale("log")
    axes.grid(True, linewidth=0.4, alpha=0.6)
    axes.legend(fontsize=8)


def _plot_edge(axes: Axes, title: str, epochs: Sequence[int], height: float, marker: str) -> None:
    if epochs:
        heights, across = [height] * len(epochs), axes.get_xaxis_transform()
        axes.plot(epochs, heights, marker, color="#1f2328", transform=across, label=title)


_MOST_NUMBERS = 30
"""Of more classes the numbers do not fit into the squares."""


def plot_confusion(counts: Any, shares: Any) -> Figure:
    """How often each class (row) was taken for each: a square for each pair, its share of the row
    as its shade.
    """
    size = 2.0 + 0.45 * min(len(counts), _MOST_NUMBERS)
    figure = new_figure(size, size)
    axes = figure.add_subplot(xlabel="taken for", ylabel="right")
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    places = range(len(counts))
    axes.set_xticks(places)
    axes.set_yticks(places)
    if len(counts) <= _MOST_NUMBERS:
        for row, column in product(places, places):
            ink = "white" if shares[row, column] > 0.6 else "black"
            number = str(counts[row, column])
            axes.text(column, row, number, ha="center", va="center", color=ink, fontsize=8)
    return figure
