"""Losses of numbers: the squared error, the absolute one, and Huber's, which is between them.

All losses are called alike, `loss(prediction, target, reduction="mean")`, and formulas are in the
docstrings. Predictions are of one sample or of many, in lists; how they are paired with their
targets is in `losses.py`. Next: `losses.py`.

Losses of classes: is it so or not, and which of several is it?

They take scores and logits rather than probabilities, so that they keep their digits however sure
a prediction is. They are called as those in `data.py`. Next: `losses.py`, what may be
added to a loss.

Penalties: what large parameters cost, to be added to a loss.

`loss + l2(model.parameters(), 1e-4)` is one Value; its gradient pulls every parameter towards 0.

Prediction and target side by side: taken apart, checked against each other, put together again.

Every loss is a formula for one pair; what it does with many is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from glassgrad.engine import Value, as_value, clip, dot, logsumexp, mean, where
from glassgrad.engine import sum as total
from glassgrad.engine.misuse import real
from glassgrad.engine.text import describe, told
from glassgrad.engine.tree import listed, scalar_of, scalars_of
from glassgrad.nn.checks import Check, misses, not_negative, place, positive, unless_all_miss


def mse(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """The squared error (prediction - target)², the loss of a regression.

    Args:
        prediction: a Value or number, or sequences of them, nested, of one sample or many: lists,
            arrays, ranges, generators, tables of pandas, tensors.
        target: as many numbers or Values in the same shape; only axes of length 1 at the end may
            be missing on one side, as when each of n predictions stands in a list of its own.
        reduction: "mean" over all numbers, "sum", or "none".

    Returns:
        A Value; with "none" lists of Values in the shape of the prediction.

    Raises:
        ValueError: the shapes differ, nothing is given, or there is no such reduction.
        TypeError: there is something else than Values and real numbers.

    As PyTorch's `mse_loss`, which however spreads (n,) and (n, 1) out to n × n pairs.

    >>> from glassgrad import Value, mse
    >>> mse([Value(3.0), Value(5.0)], [1.0, 4.0]).data
    2.5
    """
    return over_pairs("mse", lambda p, t: (p - t) ** 2, prediction, target, reduction)


def mae(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """The absolute error |prediction - target|, which outliers sway less than the squared one.

    Its derivative at 0 is 0. As PyTorch's `l1_loss`.

    Args:
        prediction: see `mse`.
        target: see `mse`.
        reduction: see `mse`.

    Returns:
        A Value; with "none" lists of Values in the shape of the prediction.

    Raises:
        ValueError, TypeError: see `mse`.

    >>> from glassgrad import Value, mae
    >>> mae([Value(3.0), Value(5.0)], [1.0, 4.0]).data
    1.5
    """
    return over_pairs("mae", lambda p, t: abs(p - t), prediction, target, reduction)


def huber(prediction: Any, target: Any, *, delta: Any = 1.0, reduction: str = "mean") -> Any:
    """Half the squared error up to `delta`, and from there on a line of that slope.

    With e = prediction - target and c = e clipped to ±delta it is c·(e - c/2), which is e²/2 for a
    small e, and delta·(|e| - delta/2) for a large one (Huber 1964). As PyTorch's `huber_loss`.

    Args:
        prediction: see `mse`.
        target: see `mse`.
        delta: the error where the line begins, a positive number, or a Value.
        reduction: see `mse`.

    Returns:
        A Value; with "none" lists of Values in the shape of the prediction.

    Raises:
        ValueError: see `mse`; or `delta` is not positive and finite.
        TypeError: see `mse`; or `delta` is no real number.

    >>> from glassgrad import Value, huber
    >>> huber([Value(0.5), Value(3.0)], [0.0, 0.0], reduction="none")[1].data
    2.5
    """
    check_reduction("huber", reduction)
    if not isinstance(delta, Value):
        delta = positive(delta, "huber(delta=...)")

    # Of one piece around 0: |e| would have no second derivative there.
    def formula(p: Any, t: Any) -> Any:
        e = p - t
        c = clip(e, -delta, delta)
        return c * (e - 0.5 * c)

    return over_pairs("huber", formula, prediction, target, reduction)


_BINARY = "binary_cross_entropy_with_logits"


def hinge(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """max(0, 1 - target·prediction), the loss of a support vector machine (Cortes and Vapnik 1995).

    It is 0 from a margin of 1 on; the derivative at that margin is 0.

    Args:
        prediction: scores, positive for the class 1; otherwise see `mse`.
        target: the classes, -1 or 1; otherwise see `mse`. Values are not checked.
        reduction: see `mse`.

    Returns:
        A Value; with "none" lists of Values in the shape of the prediction.

    Raises:
        ValueError: see `mse`; or a target is a number other than -1 and 1.
        TypeError: see `mse`.

    >>> from glassgrad import Value, hinge
    >>> hinge([Value(0.5), Value(3.0)], [1, 1], reduction="sum").data
    0.5
    """
    return over_pairs(
        "hinge",
        lambda p, t: (1.0 - t * p).relu(),
        prediction,
        target,
        reduction,
        checked=_sign_class,
    )


def binary_cross_entropy_with_logits(
    prediction: Any, target: Any, *, reduction: str = "mean"
) -> Any:
    """-target·log(p) - (1 - target)·log(1 - p) with p = sigmoid(prediction): is it so or not?

    Written with softplus, t·softplus(-z) + (1 - t)·softplus(z), it keeps its digits, and those of
    its gradient, however sure the prediction z is. PyTorch's function of the same name is the
    same with fewer digits: at a logit of 40 for a target of 1 its gradient is 0, here -4.2e-18.

    Args:
        prediction: logits, positive for "yes"; otherwise see `mse`.
        target: the probabilities of "yes" from 0 to 1; otherwise see `mse`. Values are not
            checked.
        reduction: see `mse`.

    Returns:
        A Value; with "none" lists of Values in the shape of the prediction.

    Raises:
        ValueError: see `mse`; or a target is a number below 0 or above 1.
        TypeError: see `mse`.

    >>> from glassgrad import Value, binary_cross_entropy_with_logits
    >>> round(binary_cross_entropy_with_logits(Value(0.0), 1).data, 6)
    0.693147
    """
    return over_pairs(
        _BINARY,
        lambda z, t: t * (-z).softplus() + (1 - t) * z.softplus(),
        prediction,
        target,
        reduction,
        checked=_probability,
    )


def cross_entropy(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """-log of the share that softmax(prediction) gives to the right class, one of K.

    For a class t that is logsumexp(z) - z[t]; for shares t₀ … it is the sum of
    t[k]·(logsumexp(z) - z[k]). As PyTorch's `cross_entropy`, but the classes are always the
    last axis.

    Args:
        prediction: the logits of one sample, a list of K ≥ 2; or nested lists of such lists.
        target: for each sample its class, a whole number from 0 to K - 1; or the share of each
            class, K numbers that add up to 1. Values are not checked; a class that is a Value
            but none of 0 … K - 1 gives nan.
        reduction: "mean" over all samples, "sum", or "none".

    Returns:
        A Value; with "none" a Value for each sample, nested as the samples are.

    Raises:
        ValueError: the shapes do not belong together, there are fewer than two logits, a class is
            none of the K, or shares do not add up to 1; see also `mse`.
        TypeError: a class is a bool; see also `mse`.

    >>> from glassgrad import Value, cross_entropy
    >>> round(cross_entropy([Value(0.0), Value(0.0)], 1).data, 6)
    0.693147
    """
    check_reduction("cross_entropy", reduction)
    shape, logits = opened("cross_entropy", "prediction", prediction)
    other, targets = opened("cross_entropy", "target", target)
    if not shape or shape[-1] < 2:
        raise ValueError(
            "cross_entropy takes at least two logits a sample, one for each class. "
            f"For one logit use {_BINARY}."
        )
    count = shape[-1]
    if without_ones(other) == shape:
        given: list[Any] = [_shares(part) for part in _in_rows(targets, count)]
    elif without_ones(other) == without_ones(shape[:-1]):
        role = f"cross_entropy of {count} logits takes a class"
        given = [t if isinstance(t, Value) else place(t, count, role) for t in targets]
    else:
        raise ValueError(
            f"cross_entropy of logits of shape {shape} takes classes of shape {shape[:-1]} or "
            f"shares of shape {shape}, not a target of shape {other}."
        )
    rows = _in_rows([as_value(z, "cross_entropy(...)") for z in logits], count)
    return reduced([_of_sample(z, t) for z, t in zip(rows, given)], shape[:-1], reduction)


def _of_sample(logits: Sequence[Value], target: Any) -> Value:
    log_of_sum: Value = logsumexp(logits)
    if isinstance(target, int):
        return log_of_sum - logits[target]
    if isinstance(target, Value):
        return log_of_sum - _chosen(logits, target)
    # A share of 0 has no part in the sum, also where its logit is -inf.
    parts = [(t, log_of_sum - z) for t, z in zip(target, logits) if isinstance(t, Value) or t]
    gaps: Value = dot(*zip(*parts))
    return gaps


def _chosen(logits: Sequence[Value], which: Value) -> Value:
    """The logit of a class that is a Value."""
    missed = misses(which, len(logits))
    return unless_all_miss(total([where(m, 0.0, z) for m, z in zip(missed, logits)]), missed)


def _in_rows(numbers: Sequence[Any], count: int) -> list[Sequence[Any]]:
    return [numbers[i : i + count] for i in range(0, len(numbers), count)]


def _sign_class(target: Any, role: str) -> float:
    number = real(target, role)
    if number not in (-1.0, 1.0):
        hint = " For labels 0 and 1 write 2 * y - 1." if number == 0.0 else ""
        raise ValueError(f"hinge takes the targets -1 and 1, not {told(target)}.{hint}")
    return number


def _probability(target: Any, role: str) -> float:
    number = real(target, role)
    if not 0.0 <= number <= 1.0:
        hint = " For labels -1 and 1 write (y + 1) / 2." if number == -1.0 else ""
        raise ValueError(f"{_BINARY} takes targets from 0 to 1, not {told(target)}.{hint}")
    return number


def _shares(targets: Sequence[Any]) -> list[Any]:
    """The shares of one sample, plain ones checked."""
    shares = [t if isinstance(t, Value) else real(t, "cross_entropy(...)") for t in targets]
    plain = [share for share in shares if not isinstance(share, Value)]
    if any(not share >= 0.0 for share in plain):
        raise ValueError(f"cross_entropy takes shares from 0 to 1, not {told(targets)}.")
    if len(plain) == len(shares) and not abs(sum(plain) - 1.0) <= 1e-6:
        raise ValueError(
            f"cross_entropy takes shares that add up to 1, not to {sum(plain):.7g}. "
            f"If these are {len(plain)} samples of one logit each, use {_BINARY}."
        )
    return shares


def l1(parameters: Iterable[Value], strength: Any) -> Value:
    """A cost of strength · Σ|p|, which makes many parameters nearly 0 (Tibshirani 1996).

    Its derivative by a parameter that is 0 is 0.

    Args:
        parameters: Values, for example `model.parameters()`.
        strength: how much it counts, a number from 0 on, or a Value.

    Returns:
        A Value.

    Raises:
        TypeError: there is something else than Values, or `strength` is no number.
        ValueError: `strength` is negative or not finite, or there are no parameters.

    >>> from glassgrad import Value, l1
    >>> l1([Value(3.0), Value(-4.0)], 0.5).data
    3.5
    """
    strength = _strength("l1", strength)
    cost: Value = strength * total([abs(p) for p in _values("l1", parameters)])
    return cost


def l2(parameters: Iterable[Value], strength: Any) -> Value:
    """A cost of strength · Σp², which keeps all parameters small (Hoerl and Kennard 1970).

    Args:
        parameters: see `l1`.
        strength: see `l1`.

    Returns:
        A Value.

    Raises:
        TypeError, ValueError: see `l1`.

    >>> from glassgrad import Value, l2
    >>> l2([Value(3.0), Value(-4.0)], 0.5).data
    12.5
    """
    strength, values = _strength("l2", strength), _values("l2", parameters)
    cost: Value = strength * dot(values, values)  # one node, not one more for each parameter
    return cost


def _strength(penalty: str, strength: Any) -> Any:
    if isinstance(strength, Value):
        return strength
    return not_negative(strength, f"{penalty}(strength=...)")


def _values(penalty: str, parameters: Iterable[Value]) -> list[Value]:
    values = listed(parameters, penalty, "the parameters in a list, such as model.parameters(),")
    for value in values:
        if not isinstance(value, Value):
            raise TypeError(f"{penalty} takes parameters, which are Values, not {describe(value)}.")
    if not values:
        raise ValueError(f"{penalty} of no parameters costs nothing; give model.parameters().")
    return values


Shape = tuple[int, ...]
REDUCTIONS = ("mean", "sum", "none")


def over_pairs(
    loss: str,
    formula: Callable[[Any, Any], Value],
    prediction: Any,
    target: Any,
    reduction: str,
    *,
    checked: Check = real,
) -> Any:
    """A loss: its formula for every number of a prediction and its target, reduced.

    Args:
        loss: its name, for errors.
        formula: the loss of one number: a function of a Value and its target.
        prediction: numbers and Values, alone or in sequences, nested.
        target: the same; see `paired`.
        reduction: one of `REDUCTIONS`.
        checked: the check of a plain number of the target.

    Returns:
        A Value; with "none" lists of Values in the shape of the prediction.

    Raises:
        ValueError: there is no such reduction, the shapes differ, or nothing is given.
        TypeError: there is something else than Values and real numbers.

    >>> from glassgrad.nn.losses import over_pairs
    >>> over_pairs("gap", lambda p, t: p - t, [5.0, 7.0], [1.0, 2.0], "sum").data
    9.0
    """
    check_reduction(loss, reduction)
    shape, pairs = paired(loss, prediction, target, checked)
    return reduced([formula(p, t) for p, t in pairs], shape, reduction)


def paired(
    loss: str, prediction: Any, target: Any, checked: Check = real
) -> tuple[Shape, list[tuple[Value, Any]]]:
    """Every number of a prediction with its target, and the shape of the prediction.

    Args:
        loss: its name, for errors.
        prediction: numbers and Values, alone or in sequences, nested.
        target: the same, of a shape that differs at most by axes of length 1 at the end.
        checked: the check of a plain number of the target.

    Returns:
        The shape, and the pairs: Values, each with the number or Value that is its target.

    Raises:
        ValueError: the shapes differ, or nothing is given.
        TypeError: there is something else than Values and real numbers.

    >>> from glassgrad.nn.losses import paired
    >>> shape, pairs = paired("mse", [5.0, 7.0], [[1], [2]])
    >>> shape, [(p.data, t) for p, t in pairs]
    ((2,), [(5.0, 1.0), (7.0, 2.0)])
    """
    shape, predictions = opened(loss, "prediction", prediction)
    other, targets = opened(loss, "target", target)
    if without_ones(shape) != without_ones(other):
        raise ValueError(
            f"{loss} compares number by number: a prediction of shape {shape} has no target of "
            f"shape {other}."
        )
    role = f"{loss}(...)"
    return shape, [
        (as_value(p, role), t if isinstance(t, Value) else checked(t, role))
        for p, t in zip(predictions, targets)
    ]


def check_reduction(loss: str, reduction: str) -> None:
    """Refuse a reduction that does not exist.

    Args:
        loss: the name of the loss, for the error.
        reduction: what was given.

    Raises:
        ValueError: it is none of `REDUCTIONS`.

    >>> from glassgrad.nn.losses import check_reduction
    >>> check_reduction("mse", "average")
    Traceback (most recent call last):
    ValueError: mse(reduction=...) is "mean", "sum" or "none", not 'average'.
    """
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        raise ValueError(
            f'{loss}(reduction=...) is "mean", "sum" or "none", not {told(reduction)}.'
        )


def opened(loss: str, role: str, nested: Any) -> tuple[Shape, list[Any]]:
    """The shape of nested sequences or an array, and what is in them, in order.

    Args:
        loss: the name of the loss, for errors.
        role: "prediction" or "target", for errors.
        nested: a number or a Value, or sequences of them, nested, of whatever kind.

    Raises:
        ValueError: they have rows of different lengths, or hold nothing.
        TypeError: there is something else than Values and real numbers.

    >>> from glassgrad.nn.losses import opened
    >>> opened("mse", "target", [[1, 2, 3], [4, 5, 6]])
    ((2, 3), [1, 2, 3, 4, 5, 6])
    """
    nested = scalar_of(nested)
    if isinstance(nested, Value):
        return (), [nested]
    if not isinstance(nested, Iterable) or isinstance(nested, (str, bytes)):
        real(nested, f"{loss}(...)")
        return (), [nested]
    entries = listed(nested, f"The {role} of {loss}")
    row = scalars_of(entries)
    if row:  # nearly always, and quicker than one by one
        for number in row:
            if not isinstance(number, Value):
                real(number, f"{loss}(...)")
        return (len(row),), row
    parts = [opened(loss, role, part) for part in entries]
    shapes = {shape for shape, _ in parts}
    if not shapes:
        raise ValueError(f"The {role} of {loss} is empty: there is nothing to compare.")
    if len(shapes) > 1:
        raise ValueError(f"The {role} of {loss} has rows of different lengths. Give equal ones.")
    return (len(parts), *shapes.pop()), [leaf for _, leaves in parts for leaf in leaves]


def without_ones(shape: Shape) -> Shape:
    """A shape without the axes of length 1 at its end: one output a sample may stand in a list.

    >>> from glassgrad.nn.losses import without_ones
    >>> without_ones((4, 1)), without_ones((1, 4))
    ((4,), (1, 4))
    """
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def reduced(losses: Sequence[Value], shape: Shape, reduction: str) -> Any:
    """The mean or sum of losses, or all of them in lists of a shape.

    >>> from glassgrad import Value
    >>> from glassgrad.nn.losses import reduced
    >>> reduced([Value(2.0), Value(4.0)], (2,), "mean").data
    3.0
    """
    if reduction == "none":
        return _nested(iter(losses), shape)
    if len(losses) == 1:
        return losses[0]
    return mean(losses) if reduction == "mean" else total(losses)


def _nested(losses: Iterator[Value], shape: Shape) -> Any:
    return [_nested(losses, shape[1:]) for _ in range(shape[0])] if shape else next(losses)
