"""`plot_boundary`: where a model with two inputs changes its mind, and the points to tell apart.

It takes any callable, and gives back a figure of matplotlib, as the plots in `plots.py` do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import cycle
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

from glassgrad.engine import Value, no_grad
from glassgrad.engine.misuse import real
from glassgrad.engine.printing import short
from glassgrad.engine.text import clipped, describe, told
from glassgrad.viz.dot import DATA, GRADIENT, INK
from glassgrad.viz.drawing import check_whole
from glassgrad.viz.plots import COLOURS, MARKERS, new_figure, number_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FAR = 1e300


def plot_boundary(
    model: Callable[[Sequence[float]], Any],
    X: Any,
    y: Any,
    *,
    threshold: float = 0.0,
    cells: int = 60,
) -> Figure:
    """The decision boundary of a model with two inputs, and the points it should tell apart.

    A model with several outputs decides for the largest: each class has a region of its colour,
    and the boundaries are where it changes. Where a score is nan the plane stays white.

    Args:
        model: gives a point, a sequence of two numbers, its score: a Value or a number; or for
            several classes a list of scores, one for each.
        X: the points, as rows of two numbers.
        y: their labels, any two or more numbers or texts; for several classes the place of the
            class among the outputs, from 0, or as many different labels as outputs, in order.
        threshold: the score of the boundary, of a model with one output.
        cells: how many points of the plane are scored along each side, at least two.

    Raises:
        TypeError: a score or a label is no number, or `cells` no whole one.
        ValueError: the points are no pairs of finite numbers, or there are not as many labels; the
            labels do not fit the outputs; or the threshold is not finite, or there are too few
            cells.
        ImportError: matplotlib is not installed; the message says how to install it.

    >>> from glassgrad.viz import plot_boundary
    >>> figure = plot_boundary(lambda p: p[0] - p[1], [[0, 1], [1, 0]], [-1, 1], cells=5)
    >>> [str(text.get_text()) for text in figure.axes[0].get_legend().get_texts()]
    ['label -1', 'label 1', 'boundary: score = 0']
    """
    figure = new_figure(6.4, 4.3)
    import numpy as np

    points, labels = _checked_points(X, y)
    score = real(threshold, "threshold")
    if not isfinite(score):
        raise ValueError(f"threshold is a finite score, not {told(threshold)}.")
    check_whole("cells", cells, least=2)
    low, high = _around(points)
    xs, ys = np.linspace(low[0], high[0], cells), np.linspace(low[1], high[1], cells)
    with no_grad():
        scores = [[_scores(model((float(a), float(b)))) for a in xs] for b in ys]
    outputs = {len(found) for row in scores for found in row}
    if len(outputs) > 1:
        raise ValueError(f"A model gives each point as many scores, not {sorted(outputs)} of them.")
    axes = figure.add_subplot(aspect="equal", xlabel="first input", ylabel="second input")
    # An infinite score has a side too; matplotlib would leave its place out.
    by_output = np.clip(np.moveaxis(np.array(scores), -1, 0), -_FAR, _FAR)
    if len(by_output) == 1:
        classes: Any = np.unique(labels)
        boundary = _draw_sides(axes, xs, ys, by_output[0], score)
    else:
        classes = _classes(labels, len(by_output))
        boundary = _draw_regions(axes, xs, ys, by_output)
    for label, colour, marker in zip(classes, cycle(COLOURS), cycle(MARKERS)):
        here = points[labels == label]
        text = f"label {_label_text(label)}"
        axes.plot(*here.T, marker, color=colour, markeredgecolor="white", label=text)
    if boundary:
        axes.plot([], [], color=INK, label=boundary)
    if unclear := int(np.isnan(by_output).any(axis=0).sum()):
        axes.plot([], [], " ", label=f"white: nan at {unclear:,} of {cells * cells:,} points")
    axes.legend(loc="upper right" if len(by_output) == 1 else "best", fontsize=8)
    return figure


def _checked_points(X: Any, y: Any) -> tuple[Any, Any]:
    """Points and labels as arrays."""
    import numpy as np

    takes = "plot_boundary takes points of two numbers each and one label for each point,"
    try:
        points, labels = np.asarray(X, dtype=float), np.asarray(y)
    except (TypeError, ValueError):  # rows of different lengths, or of what is no number
        raise ValueError(f"{takes} not {describe(X)} and {describe(y)}.") from None
    if points.ndim != 2 or points.shape[1] != 2 or labels.shape != points.shape[:1]:
        raise ValueError(f"{takes} not arrays of shapes {points.shape} and {labels.shape}.")
    if not np.isfinite(points).all():
        raise ValueError(f"{takes} and the numbers are finite.")
    for label in labels:
        _label_text(label)
    return points, labels


def _scores(of_point: Any) -> list[float]:
    """What a model gives a point, as floats."""
    takes = "plot_boundary takes a model that gives each point one number, or one for each class,"
    is_several = isinstance(of_point, Iterable) and not isinstance(of_point, (str, bytes, Value))
    if is_several and getattr(of_point, "shape", None) != ():
        return [number_of(each, takes) for each in of_point] or [number_of(of_point, takes)]
    return [number_of(of_point, takes)]


def _label_text(label: Any) -> str:
    """A label of points as it stands in the legend."""
    if isinstance(label, str):
        return label
    return short(number_of(label, "plot_boundary takes numbers or texts as labels,"))


def _classes(labels: Any, outputs: int) -> Any:
    """The label of each output: its place, if the labels are places, or else as they are sorted."""
    import numpy as np

    given = np.unique(labels)
    if given.dtype.kind in "biuf" and np.isin(given, np.arange(outputs)).all():
        return np.arange(outputs)
    if len(given) != outputs:
        raise ValueError(
            f"The model has {outputs} outputs, and the labels are {len(given)} others: "
            f"{', '.join(clipped(_label_text(label), 20) for label in given[:6])}. Give for each "
            f"point the place of its class, from 0 to {outputs - 1}."
        )
    return given


def _around(points: Any) -> tuple[Any, Any]:
    """The corners of a plane around points, so wide that rounding does not make them one."""
    import numpy as np

    low, high = points.min(axis=0), points.max(axis=0)
    least = np.maximum(1e-3, 1e-6 * np.maximum(np.abs(low), np.abs(high)))
    margin = 0.15 * np.maximum(high - low, least)
    return low - margin, high + margin


def _draw_sides(axes: Axes, xs: Any, ys: Any, scores: Any, threshold: float) -> str:
    """The two sides of a threshold; gives what the legend says of the line between, or ""."""
    colours = [DATA, GRADIENT]
    axes.contourf(xs, ys, scores, [-inf, threshold, inf], colors=colours, alpha=0.15)
    if not scores.min() < threshold < scores.max():
        return ""
    axes.contour(xs, ys, scores, [threshold], colors=INK, linewidths=1.4)
    return f"boundary: score = {short(threshold)}"


def _draw_regions(axes: Axes, xs: Any, ys: Any, scores: Any) -> str:
    """The region in which each output is the largest; gives what the legend says of the lines.

    How much an output is above all others is 0 on the line around its region.
    """
    import numpy as np

    found = ""
    for i, colour in zip(range(len(scores)), cycle(COLOURS)):
        ahead = scores[i] - np.delete(scores, i, axis=0).max(axis=0)
        if ahead.max() > 0.0:
            axes.contourf(xs, ys, ahead, [0.0, inf], colors=[colour], alpha=0.15)
        if ahead.min() < 0.0 < ahead.max():
            axes.contour(xs, ys, ahead, [0.0], colors=INK, linewidths=1.4)
            found = "boundary: another is largest"
    return found
