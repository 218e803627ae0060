"""Losses of classes: is it so or not, and which of several is it?

They take scores and logits rather than probabilities, so that they keep their digits however sure
a prediction is. They are called as those in `regression.py`. Next: `penalties.py`, what may be
added to a loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glassgrad.engine import Value, as_value, dot, logsumexp, where
from glassgrad.engine import sum as total
from glassgrad.engine.misuse import real
from glassgrad.engine.text import told
from glassgrad.nn.choice import misses, place, unless_all_miss
from glassgrad.nn.losses.pairs import check_reduction, opened, over_pairs, reduced, without_ones

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
