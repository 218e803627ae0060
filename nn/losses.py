"""Losses: what a training makes smaller; and penalties, to be added to one.

`mse`, `mae` and `huber` are losses of numbers; `hinge` and `binary_cross_entropy_with_logits` ask
whether it is so, `cross_entropy` which of several classes it is. Those of classes take scores and
logits rather than probabilities, so that they keep their digits however sure a prediction is. `l1`
and `l2` are what large parameters cost. How good answers are is in `metrics.py`.

All losses are called alike, `loss(prediction, target, reduction="mean")`:

Args:
    prediction: a Value or number, or sequences of them, nested, of one sample or many: lists,
        arrays, ranges, generators, tables of pandas, tensors.
    target: as many numbers or Values in the same shape; only axes of length 1 at the end may be
        missing on one side. Nothing is broadcast, as PyTorch does with (n,) and (n, 1). Values are
        not checked: inside a compiled function all are.
    reduction: "mean" over all numbers, "sum", or "none": lists of Values in that shape.

What does not fit, or is no target that the loss takes, is a ValueError, what is no Value or real
number a TypeError. `fit` and `over` give a loss one sample at a time. A mean of `cross_entropy`
that is divided by the weight of one sample forgets it; it is refused, and `reduction="sum"` is what
to write. How much samples count is said by `fit(sample_weight=)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import nan
from typing import Any

from glassgrad.engine import Value, as_value, clip, compare, dot, logsumexp, mean, where
from glassgrad.engine import sum as total
from glassgrad.engine.misuse import real, whole
from glassgrad.engine.text import told
from glassgrad.engine.tree import endless, listed, scalar_of, scalars_of
from glassgrad.nn.batches import in_batches, nested
from glassgrad.nn.checks import (
    Check,
    at_most_one,
    misses,
    not_negative,
    not_none,
    number_that,
    place,
    positive,
    unless_all_miss,
)

Shape = tuple[int, ...]
_BINARY = "binary_cross_entropy_with_logits"
_sign_class = number_that(
    "takes the targets -1 and 1 (for labels 0 and 1 write 2 * y - 1)", lambda t: abs(t) == 1.0, real
)
_probability = number_that(
    "takes targets from 0 to 1 (for labels -1 and 1 write (y + 1) / 2)", lambda t: 0 <= t <= 1, real
)


def mse(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """The squared error (prediction - target)², the loss of a regression; PyTorch's `mse_loss`.

    >>> from glassgrad import Value, mse
    >>> mse([Value(3.0), Value(5.0)], [1.0, 4.0]).data
    2.5
    """
    return _of_numbers("mse", lambda p, t: (p - t) ** 2, prediction, target, reduction)


def mae(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """The absolute error |prediction - target|, which outliers sway less than the squared one.

    Its derivative at 0 is 0. PyTorch's `l1_loss`.

    >>> from glassgrad import Value, mae
    >>> mae([Value(3.0), Value(5.0)], [1.0, 4.0]).data
    1.5
    """
    return _of_numbers("mae", lambda p, t: abs(p - t), prediction, target, reduction)


def huber(prediction: Any, target: Any, *, delta: Any = 1.0, reduction: str = "mean") -> Any:
    """Half the squared error up to `delta`, and from there on a line of that slope.

    With e = prediction - target and c = e clipped to ±delta it is c·(e - c/2), which is e²/2 for a
    small e, and delta·(|e| - delta/2) for a large one (Huber 1964). `delta` is a positive number,
    or a Value. As PyTorch's `huber_loss`.

    >>> from glassgrad import Value, huber
    >>> huber([Value(0.5), Value(3.0)], [0.0, 0.0], reduction="none")[1].data
    2.5
    """
    if not isinstance(delta, Value):
        delta = positive(delta, "huber(delta=...)")

    # Of one piece around 0: |e| would have no second derivative there.
    def formula(p: Any, t: Any) -> Any:
        e = p - t
        c = clip(e, -delta, delta)
        return c * (e - 0.5 * c)

    return _of_numbers("huber", formula, prediction, target, reduction)


def hinge(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """max(0, 1 - target·prediction), the loss of a support vector machine (Cortes and Vapnik 1995).

    Predictions are scores, positive for the class 1; targets the classes, -1 or 1. It is 0 from a
    margin of 1 on; the derivative at that margin is 0.

    >>> from glassgrad import Value, hinge
    >>> hinge([Value(0.5), Value(3.0)], [1, 1], reduction="sum").data
    0.5
    """
    formula = lambda p, t: (1.0 - t * p).relu()
    return _of_numbers("hinge", formula, prediction, target, reduction, checked=_sign_class)


def binary_cross_entropy_with_logits(
    prediction: Any, target: Any, *, reduction: str = "mean"
) -> Any:
    """-target·log(p) - (1 - target)·log(1 - p) with p = sigmoid(prediction): is it so or not?

    Predictions are logits, positive for "yes"; targets the probabilities of "yes", from 0 to 1.
    Written with softplus, t·softplus(-z) + (1 - t)·softplus(z), it keeps its digits, and those of
    its gradient, however sure the prediction z is. PyTorch's function of the same name is the
    same with fewer digits: at a logit of 40 for a target of 1 its gradient is 0, here -4.2e-18.

    >>> from glassgrad import Value, binary_cross_entropy_with_logits
    >>> round(binary_cross_entropy_with_logits(Value(0.0), 1).data, 6)
    0.693147
    """
    formula = lambda z, t: t * (-z).softplus() + (1 - t) * z.softplus()
    return _of_numbers(_BINARY, formula, prediction, target, reduction, checked=_probability)


def cross_entropy(
    prediction: Any,
    target: Any,
    *,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Any:
    """-log of the share that softmax(prediction) gives to the right class, one of K.

    For a class t that is logsumexp(z) - z[t]; for shares t₀ … it is the sum of
    t[k]·(logsumexp(z) - z[k]). As PyTorch's `cross_entropy`, but the classes are always the
    last axis.

    Args:
        prediction: the logits of one sample, a list of K ≥ 2; or nested lists of such lists.
        target: for each sample its class, a whole number from 0 to K - 1; or the share of each
            class, K numbers that add up to 1. A class that is a Value but none of 0 … K - 1 gives
            nan.
        weight: how much each class counts, K numbers or Values. Of classes the mean is divided by
            the weights of the samples, of shares by their number, as in PyTorch.
        ignore_index: a class whose samples do not count, such as -100 for padding; with none left
            the mean is nan, as in PyTorch. `fit` gives one sample at a time: leave those out that
            do not count, or write reduction="sum".
        label_smoothing: the part of each target that is spread evenly over all classes, from 0 to
            1 (Szegedy et al. 2016).
        reduction: as for all; "none" gives a Value for each sample.

    >>> from glassgrad import Value, cross_entropy
    >>> round(cross_entropy([Value(0.0), Value(0.0)], 1).data, 6)
    0.693147
    """
    shape, logits = _opened("cross_entropy", "prediction", prediction)
    other, targets = _opened("cross_entropy", "target", target)
    if not shape or shape[-1] < 2:
        raise ValueError(
            "cross_entropy takes at least two logits a sample, one for each class. "
            f"For one logit use {_BINARY}."
        )
    count, outer = shape[-1], shape[:-1]
    ignored, weights = ignore_index, weight
    if ignored is not None:
        ignored = whole(ignored, "cross_entropy(ignore_index=...)", least=-(2**63))
    if weights is not None:
        weights = _weights(weights, count)
    smoothing = at_most_one(label_smoothing, "cross_entropy(label_smoothing=...)")
    rows = in_batches([as_value(z, "cross_entropy(...)") for z in logits], count)
    if _without_ones(other) == shape:
        if ignored is not None:
            raise ValueError("cross_entropy(ignore_index=...) is for classes; these are shares.")
        shares = map(_shares, in_batches(targets, count))
        of_shares = [_of_shares(z, t, weights, smoothing) for z, t in zip(rows, shares)]
        return _reduced("cross_entropy", of_shares, outer, reduction)
    if _without_ones(other) != _without_ones(outer):
        raise ValueError(
            f"cross_entropy of logits of shape {shape} takes classes of shape {outer} or "
            f"shares of shape {shape}, not a target of shape {other}."
        )
    found = [_of_class(z, t, weights, smoothing, ignored) for z, t in zip(rows, targets)]
    losses, counts = zip(*found)
    if weights is not None and not outer and reduction == "mean":
        raise ValueError(
            "cross_entropy(...) of one sample: its mean is divided by its own weight, which "
            'cancels. Write reduction="sum".'
        )
    are_alike = weights is None and ignored is None
    return _reduced("cross_entropy", losses, outer, reduction, None if are_alike else counts)


def _of_class(
    logits: Sequence[Value],
    which: Any,
    weights: list[Any] | None,
    smoothing: float,
    ignored: int | None,
) -> tuple[Value, Any]:
    """The loss of a sample, weighted already, and how much the sample counts."""
    count, is_known, is_kept = len(logits), not isinstance(which, Value), 1.0
    if ignored is not None:
        is_kept = float(which != ignored) if is_known else compare(which, ignored)
    if is_known:
        role = f"cross_entropy of {count} logits takes a class"
        which = place(which, count, role) if is_kept else 0  # any, where it is ignored
    counts = 1.0 if weights is None else _chosen(weights, which)
    if is_known and (weights is not None or smoothing):  # what is 0 has no part, also beside inf
        shares = [float(k == which) for k in range(count)]
        loss = _of_shares(logits, shares, weights, smoothing)
    else:
        loss = logsumexp(logits) - _chosen(logits, which)
        if weights is not None:
            loss = counts * loss
        if smoothing:
            evenly = _of_shares(logits, [1.0 / count] * count, weights, 0.0)
            loss = (1.0 - smoothing) * loss + smoothing * evenly
    if ignored is not None:  # 0 with gradients of 0, and not a constant
        loss, counts = where(is_kept, loss, 0.0), where(is_kept, counts, 0.0)
    return loss, counts


def _of_shares(
    logits: Sequence[Value], shares: Sequence[Any], weights: list[Any] | None, smoothing: float
) -> Value:
    if smoothing:
        shares = [(1.0 - smoothing) * share + smoothing / len(shares) for share in shares]
    if weights is not None:  # what is 0 stays a plain number
        shares = [w * t if isinstance(t, Value) or t else t for w, t in zip(weights, shares)]
    log_of_sum: Value = logsumexp(logits)
    # A share of 0 has no part in the sum, also where its logit is -inf.
    parts = [(t, log_of_sum - z) for t, z in zip(shares, logits) if isinstance(t, Value) or t]
    gaps: Value = dot(*zip(*parts)) if parts else 0.0 * log_of_sum
    return gaps


def _chosen(entries: Sequence[Any], which: Any) -> Any:
    if not isinstance(which, Value):
        return entries[which]
    missed = misses(which, len(entries))
    return unless_all_miss(total([where(m, 0.0, x) for m, x in zip(missed, entries)]), missed)


def _shares(targets: Sequence[Any]) -> list[Any]:
    shares = [_not_negative(t, "cross_entropy(...) of shares") for t in targets]
    plain = [share for share in shares if not isinstance(share, Value)]
    if len(plain) == len(shares) and not abs(sum(plain) - 1.0) <= 1e-6:
        raise ValueError(
            f"cross_entropy takes shares that add up to 1, not to {sum(plain):.7g}. "
            f"If these are {len(plain)} samples of one logit each, use {_BINARY}."
        )
    return shares


def _not_negative(number: Any, role: str) -> Any:
    return number if isinstance(number, Value) else not_negative(number, role)


def _weights(weight: Any, count: int) -> list[Any]:
    role = "cross_entropy(weight=...)"
    shape, weights = _opened("cross_entropy", "weight", weight)
    if _without_ones(shape) != (count,):
        raise ValueError(f"{role} is of shape {(count,)} here, not of shape {shape}.")
    return [_not_negative(w, role) for w in weights]


# What all losses do with predictions and targets.


def _of_numbers(
    loss: str,
    formula: Callable[[Any, Any], Value],
    prediction: Any,
    target: Any,
    reduction: str,
    *,
    checked: Check = real,
) -> Any:
    """A loss that is a formula for one number and its target; `checked` takes a plain target."""
    shape, predictions = _opened(loss, "prediction", prediction)
    other, targets = _opened(loss, "target", target)
    if _without_ones(shape) != _without_ones(other):
        raise ValueError(
            f"{loss} compares number by number: a prediction of shape {shape} has no target of "
            f"shape {other}."
        )
    role = f"{loss}(...)"
    losses = [
        formula(as_value(p, role), t if isinstance(t, Value) else checked(t, role))
        for p, t in zip(predictions, targets)
    ]
    return _reduced(loss, losses, shape, reduction)


def _opened(loss: str, role: str, nested: Any) -> tuple[Shape, list[Any]]:
    """The shape of nested sequences of whatever kind, and what is in them."""
    nested = scalar_of(not_none(nested, f"{loss}(...)") if role == "prediction" else nested)
    if isinstance(nested, Value):
        return (), [nested]
    if not isinstance(nested, Iterable) or isinstance(nested, (str, bytes)):
        real(nested, f"{loss}(...)")  # rather said than that its shape does not fit
        return (), [nested]
    entries = listed(nested, f"The {role} of {loss}")
    row = scalars_of(entries)
    if row:  # nearly always, and quicker than one by one
        return (len(row),), row
    try:
        parts = [_opened(loss, role, part) for part in entries]
    except RecursionError:
        raise endless(nested) from None
    shapes = {shape for shape, _ in parts}
    if len(shapes) != 1:
        fault = "has rows of different lengths. Give equal ones" if shapes else "is empty"
        raise ValueError(f"The {role} of {loss} {fault}.")
    return (len(parts), *shapes.pop()), [leaf for _, leaves in parts for leaf in leaves]


def _without_ones(shape: Shape) -> Shape:
    """A shape without the axes of length 1 at its end: one output a sample may stand in a list."""
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _reduced(
    loss: str, losses: Sequence[Value], shape: Shape, reduction: str, counts: Any = None
) -> Any:
    """Losses as what was asked for; a mean is divided by how much they count."""
    if reduction == "none":
        return nested(shape, iter(losses))
    if reduction not in ("mean", "sum"):
        raise ValueError(
            f'{loss}(reduction=...) is "mean", "sum" or "none", not {told(reduction)}.'
        )
    if reduction == "mean" and counts is not None:
        count = total(counts)  # of nothing there is no mean, also where smoothing leaves a loss
        return total(losses) / where(count, count, nan)
    if len(losses) == 1:
        return losses[0]
    return mean(losses) if reduction == "mean" else total(losses)


# Penalties.


def l1(parameters: Iterable[Value], strength: Any) -> Value:
    """A cost of strength · Σ|p|, which makes many parameters nearly 0 (Tibshirani 1996).

    Its derivative by a parameter that is 0 is 0. `parameters` are Values, for example
    `model.parameters()`, and `strength` is a number from 0 on, or a Value.

    >>> from glassgrad import Value, l1
    >>> l1([Value(3.0), Value(-4.0)], 0.5).data
    3.5
    """
    strength, values = _penalty("l1", parameters, strength)
    cost: Value = strength * total(list(map(abs, values)))
    return cost


def l2(parameters: Iterable[Value], strength: Any) -> Value:
    """A cost of strength · Σp², which keeps all parameters small (Hoerl and Kennard 1970).

    >>> from glassgrad import Value, l2
    >>> l2([Value(3.0), Value(-4.0)], 0.5).data
    12.5
    """
    strength, values = _penalty("l2", parameters, strength)
    cost: Value = strength * dot(values, values)  # one node, not one more for each parameter
    return cost


def _penalty(name: str, parameters: Iterable[Value], strength: Any) -> tuple[Any, list[Value]]:
    values = listed(parameters, name, "the parameters in a list, such as model.parameters(),")
    if not values or not all(isinstance(value, Value) for value in values):
        raise TypeError(f"{name} takes Values, such as model.parameters(), not {told(values)}.")
    return _not_negative(strength, f"{name}(strength=...)"), values
