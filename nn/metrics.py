"""How good answers are, as one number: functions of outputs and targets, numpy arrays.

A loss is what training makes small; a metric is what people ask for. All are called alike:

Args:
    outputs: an array of shape (n,) or (n, k), a row a sample, or what gives one.
    targets: of regressions an array of the same shape, of classes of shape (n,). Nothing is
        broadcast; but shape (n, 1) is taken as (n,).
    sample_weight: a number of 0 or more for each sample, which counts as so many.

What is no number is a TypeError, shapes that do not fit and targets that are no such classes are
ValueErrors. `fit` takes metrics by their names in `METRICS`, or functions of your own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from glassgrad.engine.misuse import real
from glassgrad.engine.text import counted, some_of, told
from glassgrad.engine.tree import Array, numbers_of
from glassgrad.nn.batches import relative, size_of
from glassgrad.nn.checks import function_taking
from glassgrad.nn.plotting import plot_confusion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Metric: TypeAlias = Callable[..., float]
"""A function of outputs and targets; where samples are weighed also of `sample_weight=`."""


def accuracy(
    outputs: Any, targets: Any, threshold: float | None = None, *, sample_weight: Any = None
) -> float:
    """The share of samples whose class is right.

    Several scores a sample choose the class of the largest, of equal ones the first. One score a
    sample chooses the second class (1) if it is above the threshold, else the first (0 or -1).
    A sample with a nan among its scores is never right. Integers, one a sample, are the chosen
    classes themselves, as `scores.argmax(axis=1)` gives them, unless there is a threshold.

    Args:
        outputs: scores of shape (n, k), one a class; or of shape (n,), one a sample; or classes.
        targets: classes 0 to k-1 of shape (n,); for one score a sample 0 and 1, or -1 and 1.
        threshold: where one score a sample changes the class: 0 for logits and for the scores of
            `hinge`, 0.5 for probabilities. None means 0, unless that may be wrong: where all are
            from 0 to 1, as probabilities are, and the two differ, it has to be said.
        sample_weight: as for all.

    >>> from glassgrad import accuracy
    >>> accuracy([[0.1, 2.0, 0.3], [1.0, 0.0, 0.0]], [1, 2]), accuracy([1.5, -0.2], [1, -1])
    (0.5, 1.0)
    """
    given = _rows(outputs, "accuracy", "outputs")
    chosen, right = _chosen_and_right(given, targets, "accuracy", threshold)
    return _mean((chosen == right) & ~_have_nan(given), sample_weight, "accuracy")


_MOST_CLASSES = 10_000
"""Of so many a table already takes a gigabyte."""


def confusion(outputs: Any, targets: Any, threshold: float | None = None) -> Confusion:
    r"""How often each class was taken for each: a table that prints, shows and plots itself.

    Its arguments are those of `accuracy`; no score is nan, which is of no class. There are k × k
    counts, 2 × 2 for one score a sample; of classes k is one more than the largest.

    >>> from glassgrad import confusion
    >>> confusion([1.5, -0.2, 0.3], [1, 0, 0])
    right \ taken for  0  1
    0                  1  1
    1                  0  1
    """
    given = _rows(outputs, "confusion", "outputs")
    chosen, right = _chosen_and_right(given, targets, "confusion", threshold)
    unknown = int(_have_nan(given).sum())
    if unknown:
        raise ValueError(
            f"confusion(...): the scores of {counted(unknown, 'sample')} are nan, which is of no "
            "class. Leave them out, or find where they arise with trap()."
        )
    k = max(2, 1 + int(max(chosen.max(), right.max()))) if given.ndim == 1 else given.shape[1]
    if k > _MOST_CLASSES:
        raise ValueError(
            f"confusion(...) of {k:,} classes is a table of as many rows and columns. Number those "
            "that there are from 0 on, without gaps: np.unique(classes, return_inverse=True)."
        )
    return Confusion(np.bincount(k * right + chosen, minlength=k * k).reshape(k, k))


class Confusion:
    """How often each class (row) was taken for each class (column); the diagonal is right.

    To numpy it is the array of its counts.

    Attributes:
        counts: an array of shape (k, k).
    """

    def __init__(self, counts: npt.NDArray[np.int64]) -> None:
        self.counts = counts
        # Of the samples of each class, the share that was taken for each.
        self._shares: Array = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def plot(self) -> Figure:
        """The table as a figure of matplotlib; the shade is the share of the right class."""
        return plot_confusion(self.counts, self._shares)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.counts, dtype=dtype)

    def __getitem__(self, place: Any) -> Any:
        return self.counts[place]

    def __repr__(self) -> str:
        width = len(str(max(len(self.counts) - 1, self.counts.max())))
        rows = [[_CORNER, *range(len(self.counts))]]
        rows += [[str(name), *counts] for name, counts in enumerate(self.counts.tolist())]
        return "\n".join(
            f"{row[0]:17}" + "".join(f"  {x:{width}}" for x in row[1:]) for row in rows
        )

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{name}</th>' for name in range(len(self.counts)))
        rows = "".join(
            f'<tr><th scope="row">{name}</th>{"".join(map(_cell, counts, shares))}</tr>'
            for name, (counts, shares) in enumerate(zip(self.counts, self._shares))
        )
        return (
            f'<table class="glassgrad-confusion" lang="en"><thead><tr><th>{_CORNER}</th>{head}</tr>'
            f"</thead><tbody>{rows}</tbody></table>"
        )


_CORNER = "right \\ taken for"


def _cell(count: int, share: float) -> str:
    shade = ",".join(str(round(255 + (part - 255) * share)) for part in (0, 114, 178))
    ink = "#fff" if share > 0.6 else "#000"
    look = f"background:rgb({shade});color:{ink};text-align:right"
    return f'<td style="{look}">{count}</td>'


def mean_squared_error(outputs: Any, targets: Any, *, sample_weight: Any = None) -> float:
    """The mean of (output - target)² over all samples, and over all outputs of each.

    >>> from glassgrad import mean_squared_error
    >>> mean_squared_error([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    return _mean_error(np.square, outputs, targets, sample_weight, "mean_squared_error")


def mean_absolute_error(outputs: Any, targets: Any, *, sample_weight: Any = None) -> float:
    """The mean of |output - target| over all samples, and over all outputs of each.

    >>> from glassgrad import mean_absolute_error
    >>> mean_absolute_error([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    return _mean_error(np.abs, outputs, targets, sample_weight, "mean_absolute_error")


def r2(outputs: Any, targets: Any, *, sample_weight: Any = None) -> float:
    """R², the coefficient of determination: 1 - Σ(target - output)² / Σ(target - mean target)².

    It is 1 for perfect outputs, 0 for those no better than the mean of the targets, and negative
    for worse ones. Of several outputs a sample it is the mean over the outputs, each with its own
    R². Targets that are all the same have nothing to determine: it is then 1 for perfect outputs
    and 0 for all others, as in scikit-learn.

    >>> from glassgrad import r2
    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 6.0])
    0.3571428571428571
    """
    given, wanted = _pair(outputs, targets, "r2")
    weights = _weights(sample_weight, len(given), "r2")
    if weights is not None:
        given, wanted, weights = (each[weights > 0.0] for each in (given, wanted, weights))
    shares = 1.0 if weights is None else weights.reshape(-1, *[1] * (given.ndim - 1))
    with np.errstate(over="ignore", invalid="ignore"):
        size, larger = size_of(wanted), size_of(wanted, given)
        parts = wanted / size
        missed = np.sum(shares * (wanted / larger - given / larger) ** 2, axis=0)
        total = np.sum(shares * (parts - np.average(parts, axis=0, weights=weights)) ** 2, axis=0)
        without = np.where(missed == 0.0, 1.0, np.where(np.isnan(missed), np.nan, 0.0))
        is_same = np.ptp(wanted, axis=0) == 0.0  # the mean of equal numbers may be rounded
        ratio = missed / np.where(total == 0.0, 1.0, total) * (larger / size) ** 2
        scores = np.where(is_same, without, 1.0 - ratio)
    return float(np.mean(scores))


METRICS: dict[str, Metric] = {
    metric.__name__: metric for metric in (accuracy, mean_squared_error, mean_absolute_error, r2)
}
"""The metrics that can be chosen by name."""


_function = function_taking(2, "a name or a function of outputs and targets")


def metric_called(choice: str | Metric, role: str) -> Metric:
    """The metric of `METRICS` that a name stands for; a function is taken as it is."""
    if isinstance(choice, str):
        if choice not in METRICS:
            raise ValueError(f"No metric is called {told(choice)}. There are {', '.join(METRICS)}.")
        return METRICS[choice]
    metric: Metric = _function(choice, role)
    return metric


def _rows(data: Any, metric: str, role: str) -> Array:
    """An array of numbers with at least one row; of shape (n,) where it was (n, 1)."""
    array = numbers_of(data, f"{metric}({role}=...)")
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(
            f"{metric}(...) takes {role} of shape (n,) or (n, k), of one sample or more, "
            f"not of shape {array.shape}."
        )
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _weights(given: Any, count: int, metric: str) -> Array | None:
    """A number of 0 or more for each sample; None if all count alike."""
    if given is None:
        return None
    weights = numbers_of(given, f"{metric}(sample_weight=...)").astype(float)
    are_counts = np.isfinite(weights) & (weights >= 0.0)
    if weights.shape != (count,) or not are_counts.all() or not weights.any():
        raise ValueError(
            f"{metric}(sample_weight=...) takes a number of 0 or more for each of "
            f"{counted(count, 'sample')}, not all 0, in one row."
        )
    shares: Array = relative(weights)
    return shares


def _mean(numbers: Array, sample_weight: Any, metric: str) -> float:
    weights = _weights(sample_weight, len(numbers), metric)
    if weights is None:
        return float(np.mean(numbers))
    rows = numbers.reshape(len(numbers), -1)[weights > 0.0]  # 0 times nan would be nan
    return float(np.average(rows.mean(axis=1), weights=weights[weights > 0.0]))


def _mean_error(of: Any, outputs: Any, targets: Any, sample_weight: Any, metric: str) -> float:
    given, wanted = _pair(outputs, targets, metric)
    with np.errstate(over="ignore", invalid="ignore"):  # inf and nan say so themselves
        return _mean(of(given - wanted), sample_weight, metric)


def _pair(outputs: Any, targets: Any, metric: str) -> tuple[Array, Array]:
    given, wanted = (
        _rows(data, metric, role).astype(float)
        for data, role in ((outputs, "outputs"), (targets, "targets"))
    )
    if given.shape != wanted.shape:
        raise ValueError(
            f"{metric}(...) of outputs of shape {given.shape} and targets of shape {wanted.shape}: "
            "there is a target for each output."
        )
    return given, wanted


def _have_nan(given: Array) -> Array:
    return np.asarray(np.isnan(given).reshape(len(given), -1).any(axis=1))


def _chosen_and_right(
    given: Array, targets: Any, metric: str, threshold: float | None
) -> tuple[Array, Array]:
    """The classes that outputs choose, and those that are right, from 0 on."""
    wanted = _rows(targets, metric, "targets").astype(float)
    if wanted.shape != (len(given),):
        raise ValueError(
            f"{metric}(...) of outputs of shape {given.shape} and targets of shape {wanted.shape}: "
            f"there is one class a sample, of shape ({len(given)},). "
            "Of targets with a 1 for the class it is targets.argmax(axis=1)."
        )
    if given.ndim == 2:
        k = given.shape[1]
        role = f"{metric}(...) of {k} scores a sample takes targets from 0 to {k - 1}"
        return given.argmax(axis=1), _classes(wanted, k, role)
    are_classes = given.dtype.kind in "iub" and threshold is None
    if are_classes and not (_are_two(given) and _are_two(wanted)):
        role = f"{metric}(...) of integers (scores are floats) takes classes from 0 on"
        return _classes(given, 2.0**63, role), _classes(wanted, 2.0**63, role)
    if not _are_two(wanted):
        raise ValueError(
            f"{metric}(...) of one score a sample takes targets 0 and 1, or -1 and 1, not "
            f"{_some(np.unique(wanted))}. Of more classes, there is a score for each; classes "
            "themselves are integers: outputs.astype(int)."
        )
    limit = 0.0 if are_classes else _limit(given, metric, threshold)
    return (given > limit).astype(int), (wanted > 0.0).astype(int)


def _are_two(classes: Array) -> bool:
    found = set(np.unique(classes).tolist())
    return found <= {0, 1} or found <= {-1, 1}


def _classes(numbers: Array, count: float, role: str) -> Array:
    wrong = numbers[(numbers < 0) | (numbers != np.floor(numbers)) | (numbers >= count)]
    if wrong.size:
        raise ValueError(f"{role}, not {_some(np.unique(wrong))}.")
    return numbers.astype(int)


def _limit(scores: Array, metric: str, threshold: float | None) -> float:
    """The score above which it is the second class; refused where it is in doubt."""
    if threshold is not None:
        return real(threshold, f"{metric}(threshold=...)")
    known = scores[~np.isnan(scores)]
    if known.min(initial=0.0) < 0.0:
        return 0.0
    if known.max(initial=0.0) <= 1.0 and ((known > 0.0) & (known <= 0.5)).any():
        raise ValueError(
            f"{metric}(...) of scores from 0 to 1: for probabilities, as sigmoid gives them, write "
            "threshold=0.5, and for others threshold=0.0."
        )
    if known.max(initial=0.0) > 1.0 and (known == np.floor(known)).all():
        raise ValueError(
            f"{metric}(...) of whole numbers such as {_some(known[known > 1.0])}: if they are "
            "classes, write outputs.astype(int), and for scores threshold=0.0."
        )
    return 0.0


def _some(numbers: Array) -> str:
    return some_of([f"{number:g}" for number in numbers])
