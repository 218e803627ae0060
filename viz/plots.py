"""Plots: an operation with its derivative, losses, a decision boundary.

They take numbers and callables, so whatever model can be plotted, and give back matplotlib's
figure: a notebook shows it, `figure.savefig("plot.png")` saves it. matplotlib is imported when the
first plot is made; where it is not installed, an `ImportError` says how to install it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import cycle, pairwise
from math import inf, isfinite, isnan, nan
from typing import TYPE_CHECKING, Any

from glassgrad.engine import TABLE, Operation, Reduction, Value, no_grad
from glassgrad.engine.misuse import is_real, real, whole
from glassgrad.engine.text import clipped, describe, short, suggestion, told
from glassgrad.engine.tree import is_sequence
from glassgrad.viz.dot import DATA, GRADIENT, INK
from glassgrad.viz.formulas import written

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ADVICE = 'Plots are drawn by matplotlib, which is not installed: pip install "glassgrad[plot]".'
_Function = Callable[[float], float]
_POINTS = 401
_VISIBLE = 1e-3  # a change of less than this share of the curve's height cannot be seen
_ROUNDING = 1e-9  # a change of less than this share of the largest number may be of rounding alone
_STAY = 5 / 6
"""Where in its domain an operand stays while another runs: at 2 of -3 to 3, which shows x ** 2."""
_COLOURS = (DATA, GRADIENT, "#009E73", "#AA4499", "#56B4E9", "#8a6d00")
_FAR = 1e300
_LINES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # as many as colours and one: so 42 classes differ


def plot_operation(operation: Operation | str) -> Figure:
    """An operation and its local derivative over its domain; a panel for each operand.

    It is a row of the table, such as `glassgrad.tanh`, or its name. The other operands stay where
    they are, as the legend says. At jumps and poles the line is broken.

    >>> from glassgrad.viz.plots import plot_operation
    >>> [line.get_label() for line in plot_operation("tanh").axes[0].lines]
    ['tanh(x)', 'derivative']
    """
    row = _row_called(operation)
    # A reduction, which takes any number of operands, is shown with two.
    domain = row.domain * 2 if isinstance(row, Reduction) else row.domain
    others = [low + _STAY * (high - low) for low, high in domain]
    slopes = row.partials(tuple(others), row.forward(tuple(others)))
    shown = [i for i, slope in enumerate(slopes) if slope is not None or row.selects] or [0]
    figure = _new_figure(4.6 * len(shown), 3.4)
    for place, i in enumerate(shown, 1):
        axes = figure.add_subplot(1, len(shown), place)
        _plot_operand(axes, row, i, domain[i], others)
    figure.suptitle(row.about, fontsize=10)
    return figure


def plot_losses(losses: Sequence[float] | Mapping[str, Sequence[float]]) -> Figure:
    """Loss curves: one, or several by name.

    They are the loss of each step, or a dict of such sequences. A loss that is nan or infinite is a
    triangle at the top.

    >>> from glassgrad.viz.plots import plot_losses
    >>> figure = plot_losses({"slow": [3.0, 2.0, 1.5], "fast": [3.0, 1.0, 0.5]})
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['slow', 'fast']
    """
    given = losses if isinstance(losses, Mapping) else {"loss": losses}
    for numbers in given.values():
        if not is_sequence(numbers):
            takes = "plot_losses takes the loss of each step, as a list or a dict of lists,"
            raise TypeError(f"{takes} not {describe(numbers)}.")
    takes = "plot_losses takes numbers and Values as losses,"
    curves = {name: [_number_of(each, takes) for each in row] for name, row in given.items()}
    if not any(curves.values()):
        raise ValueError(
            "plot_losses needs at least one loss. Collect them: losses = [], and "
            "losses.append(loss) after each step."
        )
    figure = _new_figure(6.4, 3.6)
    axes = figure.add_subplot(xlabel="step", ylabel="loss")
    for name, numbers in curves.items():
        _plot_curve(axes, name, numbers)
    axes.grid(True, linewidth=0.4, alpha=0.6)
    if len(axes.lines) > 1:
        axes.legend(fontsize=8)
    return figure


def plot_boundary(
    model: Callable[[Sequence[float]], Any],
    X: Any,
    y: Any,
    *,
    cells: int = 60,
) -> Figure:
    """The decision boundary of a model with two inputs, and the points it should tell apart.

    A model with one output decides by its sign, one with several for the largest: each class has a
    region of its colour, and the boundaries are where it changes. Where a score is nan the plane
    stays white.

    Args:
        model: gives a point, a sequence of two numbers, its score: a Value or a number; or for
            several classes a list of scores, one for each.
        X: the points, as rows of two numbers.
        y: their labels, any two or more numbers or texts; for several classes the place of the
            class among the outputs, from 0, or as many different labels as outputs, in order.
        cells: how many points of the plane are scored along each side, at least two.

    >>> from glassgrad.viz import plot_boundary
    >>> figure = plot_boundary(lambda p: p[0] - p[1], [[0, 1], [1, 0]], [-1, 1], cells=5)
    >>> [str(text.get_text()) for text in figure.axes[0].get_legend().get_texts()]
    ['label -1', 'label 1', 'boundary: score = 0']
    """
    figure = _new_figure(6.4, 4.3)
    import numpy as np

    points, labels = _checked_points(X, y)
    whole(cells, "cells", least=2)
    xs, ys = np.linspace(*_around(points), cells).T
    with no_grad():
        scores = [[_scores(model((float(a), float(b)))) for a in xs] for b in ys]
    outputs = {len(found) for row in scores for found in row}
    if len(outputs) > 1:
        raise ValueError(f"A model gives each point as many scores, not {sorted(outputs)} of them.")
    axes = figure.add_subplot(aspect="equal", xlabel="first input", ylabel="second input")
    # An infinite score has a side too; matplotlib would leave its place out.
    by_output = np.clip(np.moveaxis(np.array(scores), -1, 0), -_FAR, _FAR)
    is_lone = len(by_output) == 1
    classes: Any = np.unique(labels) if is_lone else _classes(labels, len(by_output))
    if is_lone:  # then one region is below 0, the other above it
        by_output = np.concatenate([-by_output, by_output])
    has_boundary = _draw_regions(axes, xs, ys, by_output)
    for label, colour, marker in zip(classes, cycle(_COLOURS), cycle(_MARKERS)):
        here = points[labels == label]
        text = f"label {_label_text(label)}"
        axes.plot(*here.T, marker, color=colour, markeredgecolor="white", label=text)
    if has_boundary:
        where = "score = 0" if is_lone else "another is largest"
        axes.plot([], [], color=INK, label=f"boundary: {where}")
    if unclear := int(np.isnan(by_output).any(axis=0).sum()):
        axes.plot([], [], " ", label=f"white: nan at {unclear:,} of {cells * cells:,} points")
    axes.legend(loc="upper right" if is_lone else "best", fontsize=8)
    return figure


def _plot_operand(
    axes: Axes, row: Operation, i: int, domain: tuple[float, float], others: Sequence[float]
) -> None:
    """Forward value and derivative by operand `i`, as it runs through its domain."""
    operands: Callable[[float], tuple[float, ...]] = lambda x: (*others[:i], x, *others[i + 1 :])
    value: _Function = lambda x: row.forward(operands(x))
    slope: _Function = lambda x: row.partials(operands(x), value(x))[i] or 0.0
    names = ["x" if j == i else short(other) for j, other in enumerate(others)]
    axes.plot(*_curve(value, *domain), color=DATA, label=written(row, names))
    axes.plot(*_curve(slope, *domain), "--", color=GRADIENT, label="derivative")
    axes.grid(True, linewidth=0.4, alpha=0.6)
    axes.set_xlabel("x")
    axes.legend(fontsize=8)


def _curve(function: _Function, low: float, high: float) -> tuple[list[float], list[float]]:
    """The curve as xs and ys; between two points where the function jumps there is a nan."""
    xs = [low + (high - low) * i / (_POINTS - 1) for i in range(_POINTS)]
    ys = [y if isfinite(y := function(x)) else nan for x in xs]
    finite = [y for y in ys if isfinite(y)] or [0.0]
    visible = _VISIBLE * (max(finite) - min(finite))
    rounding = _ROUNDING * max(map(abs, finite))
    drawn = [(xs[0], ys[0])]
    for (a, b), y in zip(pairwise(xs), ys[1:]):
        if _jumps(function, a, b, max(visible, rounding)):
            drawn.append(((a + b) / 2, nan))
        drawn.append((b, y))
    return [x for x, _ in drawn], [y for _, y in drawn]


def _jumps(function: _Function, a: float, b: float, least: float) -> bool:
    """Whether a change of more than `least` stays, however short the piece; so at a pole too."""
    before, after = function(a), function(b)
    while a < (middle := (a + b) / 2) < b:
        y = function(middle)
        changes = abs(y - before), abs(after - y)
        if not all(map(isfinite, changes)):
            return True
        if max(changes) <= least:
            return False
        if changes[0] >= changes[1]:
            b, after = middle, y
        else:
            a, before = middle, y
    return True


def _plot_curve(axes: Axes, name: str, numbers: Sequence[float]) -> None:
    """A curve with a colour, line and marker of its own; what is not finite is a gap and a mark."""
    at, shown = len(axes.lines), [x if isfinite(x) else nan for x in numbers]
    around = zip([nan, *shown], [*shown[1:], nan])
    # Between two gaps there is no line, so that nothing but the marker would be seen.
    alone = [i for i, (before, after) in enumerate(around) if isnan(before) and isnan(after)]
    marked = sorted({*range(0, len(shown), max(1, len(shown) // 8)), *alone})
    axes.plot(range(len(shown)), shown, _LINES[at % len(_LINES)],
              color=_COLOURS[at % len(_COLOURS)], marker=_MARKERS[at % len(_MARKERS)],
              markevery=marked, markersize=4, label=name)  # fmt: skip
    if broken := [i for i, y in enumerate(shown) if isnan(y)]:
        across, label = axes.get_xaxis_transform(), f"{name}: nan or infinite"
        heights = [0.98] * len(broken)
        axes.plot(broken, heights, "^", color=INK, transform=across, label=label)


def _new_figure(width: float, height: float) -> Figure:
    """An empty figure that belongs to no window, and that notebooks show."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(ADVICE) from error
    figure = Figure(figsize=(width, height), layout="constrained")

    def png() -> bytes:
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=110)
        return file.getvalue()

    setattr(figure, "_repr_png_", png)  # noqa: B010
    return figure


def _row_called(operation: Operation | str) -> Operation:
    if isinstance(operation, Operation):
        return operation
    if not isinstance(operation, str):
        raise TypeError(f"plot_operation takes a row of the table, not {describe(operation)}.")
    if operation not in TABLE:
        meant = suggestion(operation, TABLE) or f" It has {', '.join(TABLE)}."
        raise ValueError(f"The table has no operation {told(operation)}.{meant}")
    return TABLE[operation]


def _number_of(thing: Any, takes: str) -> float:
    if isinstance(thing, Value):
        return thing.data
    if is_real(thing):
        return real(thing, "A plot")
    if not isinstance(thing, (str, bytes)):
        with suppress(TypeError, ValueError, RuntimeError):  # the last by a tensor of several
            return float(thing)
    raise TypeError(f"{takes} not {describe(thing)}.")


# The boundary.


def _checked_points(X: Any, y: Any) -> tuple[Any, Any]:
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
    if any(_label_text(label) and label != label for label in labels):
        raise ValueError(f"{takes} and nan is no label, since it is not equal to itself.")
    return points, labels


def _scores(of_point: Any) -> list[float]:
    takes = "plot_boundary takes a model that gives each point one number, or one for each class,"
    several = [*of_point] if is_sequence(of_point) else []
    return [_number_of(score, takes) for score in several or [of_point]]


def _label_text(label: Any) -> str:
    if isinstance(label, str):
        return label
    return short(_number_of(label, "plot_boundary takes numbers or texts as labels,"))


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


def _draw_regions(axes: Axes, xs: Any, ys: Any, scores: Any) -> bool:
    """The region in which each output is the largest, with a line around; tells if there is one.

    How much an output is above all others is 0 on the line. Where a score is nan nothing is drawn.
    """
    import numpy as np

    has_line, tiny = False, 1e-300
    for i, colour in zip(range(len(scores)), cycle(_COLOURS)):
        ahead = scores[i] - np.delete(scores, i, axis=0).max(axis=0)
        if i:  # of equal outputs the first counts, as for `accuracy`
            ahead[scores[i] == scores[:i].max(axis=0)] -= 2 * tiny
        known = ahead[~np.isnan(ahead)]
        if known.max(initial=-1.0) > -tiny:
            axes.contourf(xs, ys, ahead, [-tiny, inf], colors=[colour], alpha=0.15)
        if known.min(initial=0.0) < 0.0 < known.max(initial=0.0):
            has_line = True
            if i or len(scores) > 2:  # between two regions there is one line
                axes.contour(xs, ys, ahead, [0.0], colors=INK, linewidths=1.4)
    return has_line
