"""Plots: the data of the axes, never pixels."""

import math
from collections.abc import Callable
from typing import Any

import matplotlib
import pytest

from glassgrad import MLP, TABLE, Operation, Value, engine
from glassgrad.engine.op import ATOM, Notation
from glassgrad.viz import plot_boundary
from glassgrad.viz.plots import _curve, plot_losses, plot_operation

pytestmark = pytest.mark.needs("matplotlib")
matplotlib.use("Agg")

POINTS, LABELS = [[0.0, 0.0], [1.0, 0.5], [2.0, 0.0], [3.0, 1.0]], [-1, -1, 1, 1]


def labels(axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


# An operation with its derivative.


@pytest.mark.parametrize("name", TABLE)
def test_every_operation_can_be_plotted(name: str) -> None:
    figure = plot_operation(name)
    assert figure.get_suptitle() == TABLE[name].about
    assert figure.axes
    for axes in figure.axes:
        assert labels(axes)[1] == "derivative"
        assert "x" in labels(axes)[0]
    figure.canvas.draw()


def test_the_curves_are_those_of_the_row() -> None:
    (axes,) = plot_operation(engine.tanh).axes
    value, slope = axes.lines
    for x, y in zip(*value.get_data()):
        assert y == math.tanh(x)
    for x, y in zip(*slope.get_data()):
        assert y == pytest.approx(1.0 - math.tanh(x) ** 2)
    assert (min(value.get_xdata()), max(value.get_xdata())) == TABLE["tanh"].domain[0]


def test_an_operation_of_two_has_a_panel_for_each_operand() -> None:
    base, exponent = plot_operation("pow").axes
    assert labels(base) == ["x ** 2", "derivative"]
    assert labels(exponent) == ["4.175 ** x", "derivative"]
    x, y = (numbers[200] for numbers in base.lines[1].get_data())
    assert y == pytest.approx(2 * x)
    assert labels(plot_operation("dot").axes[0])[0] == "dot([x], [2])"
    by_condition = plot_operation("where").axes[0].lines[1].get_ydata()
    assert set(by_condition) == {0.0}


def gaps(line) -> list[float]:
    """Where a line is broken."""
    return [x for x, y in zip(*line.get_data()) if math.isnan(y)]


@pytest.mark.parametrize(
    ("name", "values", "slopes"),
    [
        *(("sign", True, False), ("step", True, False), ("compare", True, False)),
        *(("relu", False, True), ("abs", False, True), ("maximum", False, True)),
        *(("clip", False, True), ("tan", False, False), ("log", False, False)),
        *(("softplus", False, False), ("sqrt", False, False), ("cbrt", False, False)),
    ],
)
def test_a_line_is_broken_where_it_jumps(name: str, values: bool, slopes: bool) -> None:
    value, slope = plot_operation(name).axes[0].lines
    assert bool(gaps(value)) == values
    assert bool(gaps(slope)) == slopes


def test_a_pole_breaks_function_and_derivative() -> None:
    inverse = Operation(
        "inverse",
        "One by x.",
        scalar=lambda x: 1.0 / x,
        array=lambda x: 1.0 / x,
        rules=(lambda x, y: -y * y,),
        notation=Notation("1 / %s", "1 / %s", ATOM),
        domain=((-1.0, 3.0),),
    )
    figure = plot_operation(inverse)
    for line in figure.axes[0].lines:
        assert len(gaps(line)) in (1, 2, 3)
        assert max(map(abs, gaps(line))) < 0.011
    figure.canvas.draw()


@pytest.mark.parametrize(
    ("function", "places"),
    [
        (lambda x: 0.0, []),
        (lambda x: 0.1 + 1e-17 * math.sin(1e9 * x), []),
        (lambda x: math.tanh(1e5 * (x - 0.3)), []),
        (lambda x: abs(x - 0.3) ** 0.2, []),
        (lambda x: math.exp(-((1e3 * (x - 0.3)) ** 2)), []),
        (lambda x: math.floor(x - 0.001), [-1.999, -0.999, 0.001, 1.001]),
        (lambda x: x + (x > 0.301) * 0.1, [0.301]),
        (engine.sign, [-0.005, 0.005]),
        (lambda x: engine.sign(x - 0.305), [0.305]),
        (lambda x: engine.div(1.0, x - 0.301), [0.301]),
        (math.tan, [-math.pi / 2, math.pi / 2]),
        (lambda x: 1.0 / ((x - 0.3) ** 2 + 1e-4), []),
        (lambda x: math.nan, None),
        (lambda x: math.inf, None),
    ],
)
def test_gaps_are_where_a_function_jumps(function: Callable, places: list | None) -> None:
    xs, ys = _curve(function, -2.0, 2.0)
    assert not any(map(math.isinf, ys))
    if places is None:
        assert all(map(math.isnan, ys))
        return
    assert [x for x, y in zip(xs, ys) if math.isnan(y)] == pytest.approx(places, abs=0.01)
    assert all(y == function(x) for x, y in zip(xs, ys) if not math.isnan(y))


# A decision boundary.


@pytest.mark.parametrize(
    "model",
    [
        lambda point: point[0] - 1.5,
        lambda point: Value(point[0]) - 1.5,
    ],
    ids=["numbers", "Values"],
)
def test_a_boundary_stands_where_the_score_is_zero(model: Callable) -> None:
    (axes,) = plot_boundary(model, POINTS, LABELS, cells=11).axes
    assert labels(axes) == ["label -1", "label 1", "boundary: score = 0"]
    (boundary,) = [c for c in axes.collections if not len(c.get_facecolor())]
    assert boundary.get_paths()[0].vertices[:, 0] == pytest.approx(1.5)
    drawn = [line.get_xydata().tolist() for line in axes.lines[:2]]
    assert drawn == [POINTS[:2], POINTS[2:]]
    assert axes.lines[0].get_marker() != axes.lines[1].get_marker()


def nearest(point: tuple[float, float]) -> list[float]:
    """Three classes: at (0, 0), (2, 0) and (0, 2)."""
    x, y = point
    return [-(x**2) - y**2, -((x - 2) ** 2) - y**2, -(x**2) - (y - 2) ** 2]


@pytest.mark.parametrize("given", [[0, 1, 2], ["a", "b", "c"], [10, 20, 30]])
def test_of_several_classes_each_has_a_region_up_to_where_another_output_is_larger(
    given: list,
) -> None:
    points = [[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]
    figure = plot_boundary(nearest, points, given, cells=41)
    (axes,) = figure.axes
    known = [f"label {label}" for label in given]
    assert labels(axes) == [*known, "boundary: another is largest"]
    regions, lines = axes.collections[0::2], axes.collections[1::2]
    centres = {tuple(c.get_facecolor()[0][:3]) for c in regions}
    assert len(regions) == len(lines) == len(centres) == 3
    for region, line, (x, y) in zip(regions, lines, points):
        (path,) = region.get_paths()
        inside = [path.contains_point(point) for point in points]
        assert inside == [point == [x, y] for point in points]
        for u, v in line.get_paths()[0].vertices:
            first, second, *_ = sorted(nearest((u, v)), reverse=True)
            assert first - second == pytest.approx(0.0, abs=0.15)
    assert len({line.get_marker() for line in axes.lines[:3]}) == 3
    figure.canvas.draw()


def test_a_class_that_has_no_point_keeps_its_place() -> None:
    axes = plot_boundary(nearest, [[0.0, 0.0], [0.0, 2.0]], [0, 2], cells=9).axes[0]
    assert labels(axes)[:3] == ["label 0", "label 1", "label 2"]
    assert axes.lines[2].get_xydata().tolist() == [[0.0, 2.0]]


def test_many_classes_do_not_look_alike() -> None:
    points = [[float(i), 0.0] for i in range(12)]
    scores = [float(i) for i in range(12)]
    axes = plot_boundary(lambda p: scores, points, list(range(12)), cells=2).axes[0]
    assert len({(line.get_marker(), line.get_color()) for line in axes.lines[:12]}) == 12


@pytest.mark.parametrize(
    ("model", "colours"),
    [
        (lambda p: max(p[0] - 1.5, 0.0), 2),
        (lambda p: min(p[0] - 1.5, 0.0), 1),
        (lambda p: 0.0, 1),
        (lambda p: [0.0, max(p[0] - 1.5, 0.0), max(p[1] - 0.2, 0.0)], 3),
    ],
)
def test_of_equal_scores_the_first_counts(model: Callable, colours: int) -> None:
    """A score of 0 is below the boundary, as `accuracy` counts it."""
    given = LABELS if colours < 3 else [0, 1, 2, 2]
    axes = plot_boundary(model, POINTS, given, cells=30).axes[0]
    regions = [c for c in axes.collections if len(c.get_facecolor())]
    assert len(regions) == colours
    sizes = [sum(path.get_extents().width > 0 for path in c.get_paths()) for c in regions]
    assert all(sizes)
    boxes = [c.get_paths()[0].get_extents() for c in regions]
    if colours == 2:
        assert boxes[0].x1 <= 1.6
        assert boxes[1].x0 >= 1.4


@pytest.mark.parametrize("far", [0.0, 1e6, 1e17, -1e300])
def test_points_far_from_0_are_not_lost_in_rounding(far: float) -> None:
    axes = plot_boundary(lambda point: point[1], [[far, 1.0], [far, -1.0]], [0, 1], cells=5).axes[0]
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    assert left < far < right
    assert (low, high) == pytest.approx((-1.3, 1.3))


@pytest.mark.parametrize(("outputs", "given"), [(1, LABELS), (3, [0, 1, 2, 2])])
def test_a_model_of_nn_is_plotted_and_left_alone(outputs: int, given: list) -> None:
    model = MLP(2, [3, outputs], seed=0)
    model.zero_grad()
    plot_boundary(model, POINTS, given, cells=4).canvas.draw()
    assert {p.grad for p in model.parameters()} == {0.0}


def test_a_model_that_never_changes_sides_has_no_boundary() -> None:
    figure = plot_boundary(lambda point: 1.0, POINTS, ["a", "a", "b", "b"], cells=3)
    assert labels(figure.axes[0]) == ["label a", "label b"]
    figure.canvas.draw()


def test_infinite_scores_have_a_side_and_nan_is_named() -> None:
    sided = plot_boundary(lambda p: math.copysign(math.inf, p[0]), POINTS, LABELS, cells=6).axes[0]
    finite = plot_boundary(lambda p: math.copysign(1.0, p[0]), POINTS, LABELS, cells=6).axes[0]
    areas = [[len(c.get_paths()[0].vertices) for c in axes.collections] for axes in (sided, finite)]
    assert areas[0] == areas[1]
    scores = [math.nan, 1.0, 2.0, 3.0] * 9
    axes = plot_boundary(lambda p: scores.pop(), POINTS, LABELS, cells=6).axes[0]
    assert labels(axes)[-1] == "white: nan at 9 of 36 points"


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_a_place_without_a_score_leaves_the_other_regions_as_they_are(outputs: int) -> None:
    def drawn(hole: float) -> Any:
        def model(point: tuple[float, float]) -> list[float]:
            is_inside = math.dist(point, (3.0, 1.0)) < hole
            return [math.nan if is_inside else x for x in (point[0] - 1.5, 1.0, -9.0)[:outputs]]

        return plot_boundary(model, POINTS, [0, 0, 1, 1], cells=21).axes[0]

    whole, holed = drawn(0.0), drawn(0.4)
    assert len(holed.collections) == len(whole.collections)
    assert labels(holed)[:-1] == labels(whole)
    assert labels(holed)[-1].startswith("white: nan at ")
    right = next(c for c in holed.collections if c.get_paths()[0].contains_point((2.5, 0.0)))
    assert not right.get_paths()[0].contains_point((3.0, 1.0))


def boundary(**options: Any) -> object:
    return plot_boundary(**{"model": lambda point: 0.0, "X": POINTS, "y": LABELS, **options})


NO_PAIRS = "points of two numbers each and one label for each"
NO_SCORE = "gives each point one number, .* not "
NO_LOSS = r"needs at least one loss\..*losses\.append\(loss\)"
NO_LIST = "takes the loss of each step, as a list or a dict of"
NO_NUMBER = "plot_losses takes numbers and Values as losses, not "
REFUSED: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: plot_operation("tahn"), ValueError, r"no operation 'tahn'\. Did you mean tanh\?"),
    (lambda: plot_operation("zzzzz"), ValueError, r"no operation 'zzzzz'\. It has add, sub"),
    (lambda: plot_operation(math.tanh), TypeError, "takes a row of the table, not"),
    (lambda: plot_operation(None), TypeError, "takes a row of the table, not"),
    (lambda: boundary(X=[1.0, 2.0], y=[1, 2]), ValueError, NO_PAIRS),
    (lambda: boundary(X=[[1.0]], y=[1]), ValueError, NO_PAIRS),
    (lambda: boundary(y=LABELS[:2]), ValueError, NO_PAIRS),
    (lambda: boundary(X=[], y=[]), ValueError, NO_PAIRS),
    (lambda: boundary(X=[[1.0, 2.0], [3.0]], y=[1, 2]), ValueError, NO_PAIRS),
    (lambda: boundary(X=[["a", 2.0], [3.0, 1.0]], y=[1, 2]), ValueError, NO_PAIRS),
    (lambda: boundary(X=[[math.nan, 1.0]], y=[1]), ValueError, "the numbers are finite"),
    (lambda: boundary(cells=1), ValueError, "cells is at least 2, not 1"),
    (lambda: boundary(cells=2.5), TypeError, "cells is a whole number, not float 2.5"),
    (lambda: boundary(y=[math.nan, 1, 2, 3]), ValueError, "nan is no label, since it is not equal"),
    (lambda: boundary(y=[None, 1, 2, 3]), TypeError, "numbers or texts as labels, not NoneType"),
    (lambda: boundary(model=lambda point: []), TypeError, f"{NO_SCORE}list"),
    (lambda: boundary(model=lambda point: None), TypeError, f"{NO_SCORE}NoneType"),
    (lambda: boundary(model=lambda point: "1"), TypeError, f"{NO_SCORE}str '1'"),
    (lambda: boundary(model=lambda p: [1.0] * (2 + (p[0] > 1))), ValueError, "as many scores, not"),
    (
        lambda: boundary(model=lambda point: [0.0, 1.0, 2.0], y=["a", "a", "b", "b"]),
        ValueError,
        r"3 outputs, and the labels are 2 others: a, b\. Give .* from 0 to 2\.",
    ),
    *(
        (lambda losses=losses: plot_losses(losses), ValueError, NO_LOSS)
        for losses in ([], (), {}, {"a": [], "b": []})
    ),
    *(
        (lambda losses=losses: plot_losses(losses), TypeError, NO_LIST)
        for losses in (3.0, None, "abc", {"a": 3.0})
    ),
    *(
        (lambda loss=loss: plot_losses([1.0, loss]), TypeError, NO_NUMBER)
        for loss in ("a", "3", None, [1, 2], 1j)
    ),
]


@pytest.mark.parametrize(("attempt", "error", "message"), REFUSED)
def test_what_cannot_be_plotted_is_refused(
    attempt: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        attempt()


# Losses.


def test_losses_are_a_curve() -> None:
    (axes,) = plot_losses([3.0, Value(2.0), 1.0]).axes
    assert axes.lines[0].get_xydata().tolist() == [[0, 3], [1, 2], [2, 1]]
    assert axes.get_legend() is None
    assert axes.get_yscale() == "linear"


def test_several_losses_differ_by_more_than_colour() -> None:
    runs = {**{f"run {i}": [1.0, 0.1] for i in range(8)}, "not begun": []}
    (axes,) = plot_losses(runs).axes
    assert labels(axes) == [*runs]
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in axes.lines}
    assert len(looks) == len(runs)


def test_what_a_library_has_for_a_number_is_a_loss() -> None:
    class Tensor:
        def __float__(self) -> float:
            return 2.0

    (axes,) = plot_losses([Tensor(), 1]).axes
    assert list(axes.lines[0].get_ydata()) == [2.0, 1.0]


def test_a_loss_that_the_scale_cannot_show_is_marked() -> None:
    figure = plot_losses([1.0, 0.0, 0.5, math.nan, math.inf, -1.0])
    (axes,) = figure.axes
    marked = {line.get_label(): list(line.get_xdata()) for line in axes.lines[1:]}
    assert marked == {"loss: nan or infinite": [3, 4]}
    assert labels(axes) == ["loss", *marked]
    figure.canvas.draw()


def test_a_number_between_two_gaps_is_seen() -> None:
    gaps = [1.0 if i in {0, 7, 8, 30, 99} else math.nan for i in range(100)]
    figure = plot_losses(gaps)
    line = figure.axes[0].lines[0]
    assert {0, 30, 99} <= set(line.get_markevery())
    assert not {7, 8} & set(line.get_markevery())
    figure.canvas.draw()


# The figure, and its absence.


def test_a_notebook_shows_the_figure_without_pyplot(run_python: Callable[..., str]) -> None:
    program = """
import sys
from glassgrad.viz.plots import plot_losses
print(plot_losses([1.0, 0.5])._repr_png_()[1:4], "matplotlib.pyplot" in sys.modules)
"""
    assert run_python(program) == "b'PNG' False\n"
