"""Metrics: their numbers, what nan and ties count as, and shapes that do not fit."""

import math
import re

import numpy as np
import pytest

from glassgrad import Value
from glassgrad.nn.metrics import (
    METRICS,
    accuracy,
    confusion,
    mean_absolute_error,
    mean_squared_error,
    metric_called,
    r2,
)

REGRESSION = [mean_squared_error, mean_absolute_error, r2]
THEIR_NAMES = ["mean_squared_error", "mean_absolute_error", "r2_score"]
OF_CLASSES = [accuracy, confusion]
NAN = math.nan


@pytest.mark.parametrize(
    ("outputs", "targets", "expected"),
    [
        ([[0.0, 1.0], [1.0, 0.0]], [1, 0], 1.0),
        ([[0.0, 1.0], [1.0, 0.0]], [1.0, 1.0], 0.5),
        ([[2.0, 2.0], [3.0, 3.0]], [0, 1], 0.5),  # of equal scores the first counts
        ([[NAN, 1.0], [1.0, 0.0]], [1, 0], 0.5),
        ([[NAN, NAN], [1.0, NAN]], [0, 0], 0.0),
        ([2.0, -1.0, 0.5], [1, 0, 0], 2 / 3),
        ([2.0, -1.0, 0.5], [1, -1, -1], 2 / 3),
        ([2.0, -1.0], [True, False], 1.0),
        ([0.0, 0.0], [0, 1], 0.5),  # a score on the threshold is not above it
        ([NAN, NAN], [0, 1], 0.0),
        ([NAN, NAN], [-1, 1], 0.0),
        ([math.inf, -math.inf], [1, -1], 1.0),
        ([[2.0], [-1.0]], [[1], [0]], 1.0),
        ([2.5, 1.0], [1, 1], 1.0),
        # No doubt that these are no probabilities, or that both thresholds give the same.
        ([0.0, 0.7], [0, 1], 1.0),
        ([-0.1, 0.4], [0, 1], 1.0),
        ([0.4, 1.1], [0, 1], 0.5),
        ([NAN, 0.7], [0, 1], 0.5),
        # Integers are classes.
        ([2, 1, 0], [1, 1, 0], 2 / 3),  # a class 2 is not right for the target 1
        ([2, 1, 0], [2.0, 1.0, 5.0], 2 / 3),
        ([1, 0, 1], [1, 1, 1], 2 / 3),
        ([1, 0, 1], [1, -1, -1], 2 / 3),
        ([1, -1, 1], [1, 0, 0], 2 / 3),
        ([True, False], [1, 0], 1.0),
        ([True, False], [2, 0], 0.5),
        ([[2], [1]], [2, 1], 1.0),
        (range(3), [0, 1, 1], 2 / 3),
        (iter([2, 1, 0]), map(int, "210"), 1.0),
    ],
)
def test_accuracy_is_the_share_that_is_right(outputs, targets, expected):
    found = accuracy(outputs, targets)
    assert found == expected
    assert type(found) is float


@pytest.mark.parametrize(
    ("outputs", "targets", "threshold", "expected"),
    [
        ([0.9, 0.2], [1, 0], 0.0, 0.5),
        ([0.9, 0.2], [1, 0], 0.5, 1.0),
        ([2, -3, 5], [1, 0, 0], 0, 2 / 3),  # whole numbers are scores then
        ([2.0, 1.0, 0.0], [1, 1, 0], 0.0, 1.0),
    ],
)
def test_the_threshold_can_be_said(outputs, targets, threshold, expected):
    assert accuracy(outputs, targets, threshold) == expected
    table = confusion(outputs, targets, threshold=threshold)
    assert np.trace(table) / len(outputs) == expected


# The table of classes.


@pytest.mark.parametrize(
    ("outputs", "targets", "expected"),
    [
        (np.eye(3)[[0, 1, 1, 2, 0]], [0, 0, 1, 2, 2], [[1, 1, 0], [0, 1, 0], [1, 0, 1]]),
        ([1.0, -1.0, -1.0], [-1, -1, 1], [[1, 1], [1, 0]]),
        ([2, 1, 0], [1, 1, 0], [[1, 0, 0], [0, 1, 1], [0, 0, 0]]),
        ([0, 1], [0, 2], [[1, 0, 0], [0, 0, 0], [0, 1, 0]]),
        ([0, 0], [0, 0], [[2, 0], [0, 0]]),
    ],
)
def test_confusion_counts_rows_of_right_classes(outputs, targets, expected):
    found = confusion(outputs, np.array(targets))
    assert found.counts.tolist() == expected
    assert found.counts.dtype == np.int64
    assert np.asarray(found) is not found.counts
    assert found[0, 0] == expected[0][0]


TABLE = confusion(np.eye(3)[[0, 1, 1, 2, 0]], [0, 0, 1, 2, 2])


def test_a_confusion_prints_with_the_numbers_of_its_classes() -> None:
    assert repr(confusion([1.0] * 10 + [-1.0], [1] * 11)).splitlines() == [
        r"right \ taken for   0   1",
        "0                   0   0",
        "1                   1  10",
    ]


def test_a_confusion_is_a_table_in_a_notebook() -> None:
    shown = TABLE._repr_html_()
    assert '<th scope="col">2</th>' in shown
    cells = re.findall(r"background:rgb\((.*?)\);color:(.*?);.*?>(\d+)</td>", shown)
    assert [int(number) for *_, number in cells] == [1, 1, 0, 0, 1, 0, 1, 0, 1]
    assert cells[2][:2] == ("255,255,255", "#000")  # none of the cats
    assert cells[4][:2] == ("0,114,178", "#fff")  # all of the dogs


@pytest.mark.needs("matplotlib")
def test_a_confusion_is_plotted() -> None:
    figure = TABLE.plot()
    (axes,) = figure.axes
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("right", "taken for")
    assert [text.get_text() for text in axes.texts] == list("110010101")
    assert [text.get_color() for text in axes.texts][3:5] == ["black", "white"]
    assert axes.get_xticks().tolist() == [0, 1, 2]
    np.testing.assert_array_equal(
        axes.images[0].get_array(), [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]]
    )
    assert confusion([0], [0]).plot().axes  # also with a class that there is no sample of


# Regressions, and weights.


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.needs("sklearn")
def test_the_metrics_are_those_of_scikit_learn(seed):
    from sklearn import metrics as theirs

    random = np.random.default_rng(seed)
    scores, classes = random.normal(size=(40, 5)), random.integers(5, size=40)
    chosen = scores.argmax(axis=1)
    expected = theirs.confusion_matrix(classes, chosen, labels=range(5))
    np.testing.assert_array_equal(confusion(scores, classes), expected)
    np.testing.assert_array_equal(confusion(chosen.astype(np.uint8), classes), expected)
    for weights in ({}, {"sample_weight": random.integers(3, size=40)}):
        expected = theirs.accuracy_score(classes, chosen, **weights)
        assert accuracy(scores, classes, **weights) == pytest.approx(expected)
        for shape in [(40,), (40, 3)]:
            outputs, targets = random.normal(size=shape), random.normal(size=shape)
            for ours, name in zip(REGRESSION, THEIR_NAMES):
                expected = getattr(theirs, name)(targets, outputs, **weights)
                assert ours(outputs, targets, **weights) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [*REGRESSION, accuracy])
@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e308])
def test_weights_count_by_their_ratio_however_small_or_large(metric, size):
    outputs, targets = [0.3, NAN, 2.0], [1.0, 0.0, 0.0]  # of the weight 0, it counts as none
    found = metric(outputs, targets, sample_weight=[size, 0.0, size])
    assert found == pytest.approx(metric(outputs, targets, sample_weight=[1, 0, 1]), rel=1e-12)


@pytest.mark.parametrize("metric", [*REGRESSION, accuracy])
@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [1.0, NAN], [1.0, math.inf], [0, 0]])
def test_weights_that_are_none_are_refused(metric, weights):
    with pytest.raises(ValueError, match="a number of 0 or more for each of 2 samples"):
        metric([0.5, -2.5], [1.0, 0.0], sample_weight=weights)


@pytest.mark.parametrize(
    ("outputs", "targets", "expected"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 1.0),
        ([2.0, 2.0, 2.0], [1.0, 2.0, 3.0], 0.0),
        ([3.0, 2.0, 1.0], [1.0, 2.0, 3.0], -3.0),
        ([0.1, 0.1, 0.1], [0.1, 0.1, 0.1], 1.0),
        ([0.1, 0.1, 0.2], [0.1, 0.1, 0.1], 0.0),
        ([5.0], [5.0], 1.0),
        ([[1.0, 0.0], [2.0, 0.0]], [[1.0, 5.0], [2.0, 5.0]], 0.5),
        ([1e200, 0.0], [0.0, 1.0], -math.inf),
    ],
)
def test_r2_of_perfect_average_and_constant_targets(outputs, targets, expected):
    assert r2(outputs, targets) == expected


@pytest.mark.parametrize("size", [5e-324, 2.0**-700, 1.0, 2.0**700, 2.0**1021])
@pytest.mark.parametrize("weight", [None, [1.0, 3.0, 0.5]])
def test_r2_of_numbers_of_any_size(size, weight):
    outputs, targets = np.array([1.0, 2.0, -4.0]), np.array([1.0, -3.0, 2.0])
    expected = r2(outputs, targets, sample_weight=weight)
    assert expected < 0.0
    assert r2(outputs * size, targets * size, sample_weight=weight) == expected


@pytest.mark.parametrize("metric", REGRESSION)
def test_nan_is_never_good_and_a_column_is_a_row_of_numbers(metric):
    """Broadcasting would make them a matrix, and the mean of that is a wrong number."""
    assert math.isnan(metric([NAN, 1.0], [0.0, 1.0]))
    assert math.isnan(metric([NAN, 1.0], [1.0, 1.0]))
    assert mean_squared_error([1e200], [-1e200]) == math.inf
    outputs, targets = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    expected = metric(outputs, targets)
    assert metric(outputs[:, None], targets) == metric(outputs, targets[:, None]) == expected


# What is refused.

REFUSED = [
    *((metric, ValueError, *row) for metric in [*REGRESSION, *OF_CLASSES] for row in (
        ([1.0, 2.0], [1.0], r"\(2,\).*\(1,\)"),
        ([[1.0, 2.0]], [[1.0, 0.0, 0.0]], r"\(1, 2\).*\(1, 3\)"),
        ([], [], "has no samples"),
        ([[[1.0]]], [1.0], r"of shape \(n,\) or \(n, k\).*\(1, 1, 1\)"),
        (1.0, 1.0, "is an array, a row a sample, not float 1.0"),
    )),
    *((metric, TypeError, *row) for metric in [*REGRESSION, *OF_CLASSES] for row in (
        ([1.0], ["cat"], r"targets=...\) holds texts"),
        ([Value(1.0)], [1], "v.data for v in values"),
        ({2, 1}, [1, 0], "A set has no order"),
    )),
    *((metric, ValueError, *row) for metric in OF_CLASSES for row in (
        # Where two thresholds would give different answers, and no score says which is meant.
        ([0.4, 0.9], [0, 1], r"write threshold=0\.5, and for others threshold=0\.0"),
        ([1.0, 2.0, 3.0], [0, 1, 2], "targets 0 and 1, or -1 and 1, not 0, 1, 2"),
        ([1.0, 2.0], [-1, 0], "not -1, 0"),
        ([1.0, 2.0], [0.5, 1.0], "not 0.5, 1"),
        ([[1.0, 2.0]], [2], "2 scores a sample takes targets from 0 to 1, not 2"),
        ([[1.0, 2.0]], [-1], "not -1"),
        ([[1.0, 2.0]], [NAN], "not nan"),
        ([[1.0, 2.0]], [[0, 1]], r"argmax\(axis=1\)"),
        ([1.0] * 9, list(range(9)), "not 0, 1, 2, 3, 4 and 4 more"),
        ([2, -1], [1, 0], r"of integers \(scores are floats\) takes classes from 0 on, not -1\."),
        ([2, 1], [1, -1], "classes from 0 on, not -1"),
        ([2, 1], [1.5, 0], "classes from 0 on, not 1.5"),
        ([-1, 0, 1], [1, 0, 0], "classes from 0 on, not -1"),
        ([0, 1], [0, 1e300], r"classes from 0 on, not 1e\+300"),
        ([2.0, 1.0, 0.0], [1, 1, 0], "whole numbers such as 2: if they are classes"),
        ([2.0, 1.0, 0.0], [2, 1, 0], r"integers: outputs.astype\(int\)"),
    )),
    (confusion, ValueError, [NAN, 1.0], [0, 1], "scores of 1 sample are nan"),  # it has no place
    *((confusion, ValueError, [0, 1], [0, most], rf"of {most + 1:,} classes .* without gaps")
      for most in (10_000, 10**9, 2**53)),
]  # fmt: skip


@pytest.mark.parametrize(("metric", "kind", "outputs", "targets", "message"), REFUSED)
def test_what_does_not_fit_gets_a_sentence(metric, kind, outputs, targets, message):
    with pytest.raises(kind, match=message):
        metric(outputs, targets)


def test_a_metric_is_called_by_name_or_given_as_it_is():
    for name, metric in METRICS.items():
        assert metric_called(name, "") is metric
    own = lambda outputs, targets: 0.5
    assert metric_called(own, "") is own
    with pytest.raises(ValueError, match=r"is called 'acc'\. There are accuracy, mean_"):
        metric_called("acc", "")
    with pytest.raises(TypeError, match="a name or a function of outputs and targets, not int 3"):
        metric_called(3, "")
