"""The table, continued: rows of any number of operands, and those that are made for them.

They are accumulated from left to right, so that n-ary and binary arithmetic give the same bits.
(Python's own `sum` compensates since 3.12.)
"""

import math
import operator
import sys
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from glassgrad.engine.define import close_table, formula, operation
from glassgrad.engine.op import EVERYWHERE, POSITIVE, Operation, Pairing, Reduction, in_one_row
from glassgrad.engine.table import (
    abs,
    compare,
    direction,
    exp,
    hypot,
    log,
    log1p,
    maximum,
    minimum,
    pow,
    sigmoid,
    softplus,
    where,
)

# fmt: off


def _logaddexp(a: float, b: float) -> float:
    if a == b:
        return a + math.log(2.0)
    return (a if a > b else b) + math.log1p(math.exp(-math.fabs(a - b)))


logaddexp: Operation = operation(
    "logaddexp", "log(exp(a) + exp(b)): a sum of numbers that are given by their logarithms.",
    _logaddexp, np.logaddexp,
    lambda a, b, y: sigmoid(a - b),
    lambda a, b, y: sigmoid(b - a),
    textbook=(lambda a, b, y: exp(a - y), lambda a, b, y: exp(b - y)),
)
# At (0, 0) its slope by y is 0, but has no derivative, as `direction` there.
xlogy: Operation = operation(
    "xlogy", "x·log(y), and 0 where x is 0, also at y = 0, as entropy has it.",
    *formula(lambda x, y: where(x, x * log(y), minimum(abs(y), 0.0))),
    lambda x, y, result: log(y),
    lambda x, y, result: where(hypot(x, y), x / y, direction(x, y)),
    textbook=(lambda x, y, result: log(y), lambda x, y, result: x / y),
    domain=(EVERYWHERE, POSITIVE),
)

def _sum(*xs: Any) -> Any:
    return reduce(operator.add, xs) if xs else 0.0


def _product(*xs: Any) -> Any:
    return reduce(operator.mul, xs) if xs else 1.0


def _dot(*both: Any) -> Any:
    """A plain loop: on floats it takes two thirds of the time of a sum of products."""
    half = len(both) // 2
    total = both[0] * both[half] if both else 0.0
    for a, b in zip(both[1:half], both[half + 1 :]):
        total = total + a * b
    return total


def _equals(a: Any, b: Any) -> Any:
    return 1.0 - abs(compare(a, b))


def _shared_among_equals(xs: tuple[Any, ...], chosen: Any) -> tuple[Any, ...]:
    ties = [_equals(x, chosen) for x in xs]
    total = _sum(*ties)
    return tuple(tie / total for tie in ties)


def _logsumexp(*xs: Any) -> Any:
    """The largest operand counts as 1, and log1p adds it, so that the others are not lost."""
    largest = reduce(maximum, xs)
    shift = where(_equals(abs(largest), math.inf), 0.0, largest)
    counted, rest = 0.0, 0.0
    for x in xs:
        is_largest = _equals(x, shift) * (1.0 - counted)
        counted = counted + is_largest
        rest = rest + where(1.0 - is_largest, exp(x - shift), 0.0)
    return shift + where(counted, log1p(rest), log(rest))


def _largest(xs: tuple[Any, ...]) -> Any:
    """The largest operand, as a constant."""
    largest = max(xs)
    return largest.detach() if hasattr(largest, "detach") else largest


def _shares(xs: tuple[Any, ...], shift: Any) -> tuple[Any, ...]:
    """The share of each operand in the sum of exponentials, all shifted."""
    # What is masked by a plain -inf stays out of the sight of `trap()`.
    parts = [0.0 if type(x) is float and x == -math.inf else exp(x - shift) for x in xs]
    return tuple(map(share, parts, _of_others(parts, operator.add, 0.0)))


def _by_operands_of_logsumexp(xs: tuple[Any, ...], y: Any) -> tuple[Any, ...]:
    """A softmax, but beside an infinite operand finite ones have no share."""
    return _shares(xs, minimum(_largest(xs), sys.float_info.max))


def _of_others(
    xs: Sequence[Any], combine: Callable[[Any, Any], Any], nothing: float
) -> tuple[Any, ...]:
    """For each operand all others, combined in about 3n steps; nothing is taken away or divided.

    Pairs are combined, and pairs of pairs; on the way back, the others of an operand are its
    partner and the others of their pair.
    """
    if len(xs) < 3:
        return tuple(xs[::-1]) if len(xs) != 1 else (nothing,)
    half = len(xs) // 2
    left, right, unpaired = xs[: 2 * half : 2], xs[1::2], xs[2 * half :]
    others = _of_others([*map(combine, left, right), *unpaired], combine, nothing)
    found = [others[-1]] * len(xs)
    found[: 2 * half : 2] = map(combine, right, others)
    found[1::2] = map(combine, left, others)
    return tuple(found)


def _norm_of_arrays(*xs: Any) -> Any:
    largest = reduce(np.maximum, xs)
    return np.where(largest != largest, largest, reduce(np.hypot, xs, 0.0))


def _deviations(xs: tuple[Any, ...]) -> tuple[Any, ...]:
    """How far each operand is from the mean, whose rounding is made good; no sum overflows."""
    centre = dot([1.0 / len(xs)] * len(xs), xs)
    apart = tuple(x - centre for x in xs)
    lost = mean(apart)
    return tuple(x - lost for x in apart)


def _by_operands_of_std(xs: tuple[Any, ...], y: Any) -> tuple[Any, ...]:
    apart = _deviations(xs)
    if len(xs) == 1:
        return apart  # 0, or nan
    return tuple(where(y, x / y / len(xs), direction(x, y)) for x in apart)


sum: Operation = operation(
    "sum", "The sum of any number of operands.", *formula(_sum), lambda xs, y: (1.0,) * len(xs),
    kind=Reduction, latex=r"\sum(%s)",
)
prod: Operation = operation(
    "prod", "The product of any number of operands.", *formula(_product),
    lambda xs, y: _of_others(xs, operator.mul, 1.0),
    textbook=(lambda xs, y: tuple(y / x for x in xs),), kind=Reduction, latex=r"\prod(%s)",
)
dot: Operation = operation(
    "dot", "The sum of the products of two sequences, as in a neuron.", *formula(_dot),
    lambda both, y: both[len(both) // 2 :] + both[: len(both) // 2],
    kind=Pairing,
)
mean: Operation = operation(
    "mean", "The sum of the operands, divided by how many there are.",
    *formula(lambda *xs: _sum(*xs) / len(xs)), lambda xs, y: (1.0 / len(xs),) * len(xs),
    kind=Reduction, least=1,
)
max: Operation = operation(
    "max", "The largest operand; where several tie, each has its share of the derivative.",
    *formula(lambda *xs: reduce(maximum, xs)), _shared_among_equals,
    kind=Reduction, least=1, latex=r"\max(%s)", masks=True,
)
min: Operation = operation(
    "min", "The smallest operand; where several tie, each has its share of the derivative.",
    *formula(lambda *xs: reduce(minimum, xs)), _shared_among_equals,
    kind=Reduction, least=1, latex=r"\min(%s)", masks=True,
)
logsumexp: Operation = operation(
    "logsumexp", "log of the sum of exponentials, shifted so that none overflows.",
    *formula(_logsumexp), _by_operands_of_logsumexp,
    textbook=(lambda xs, y: tuple(exp(x - y) for x in xs),),
    kind=Reduction, least=1,
)
norm: Operation = operation(
    "norm", "The length of a vector, the root of the sum of its squares, without overflow.",
    lambda *xs: math.nan if any(map(math.isnan, xs)) else math.hypot(*xs), _norm_of_arrays,
    lambda xs, y: tuple(map(direction, xs, _of_others(xs, hypot, 0.0))),
    textbook=(lambda xs, y: tuple(x / y for x in xs),), kind=Reduction, latex=r"\left\|%s\right\|",
)
var: Operation = operation(
    "var", "The mean of the squared distances from the mean, of a whole population.",
    *formula(lambda *xs: _dot(*_deviations(xs), *_deviations(xs)) / len(xs)),
    lambda xs, y: tuple(2.0 / len(xs) * x for x in _deviations(xs)),
    textbook=(lambda xs, y: tuple(2.0 / len(xs) * (x - mean(xs)) for x in xs),),
    kind=Reduction, least=1, latex=r"\operatorname{Var}(%s)",
)
std: Operation = operation(
    "std", "The standard deviation of a population, the root of `var`, without overflow.",
    *formula(lambda *xs: norm(_deviations(xs)) / math.sqrt(len(xs))), _by_operands_of_std,
    textbook=(lambda xs, y: tuple((x - mean(xs)) / (len(xs) * y) for x in xs),),
    kind=Reduction, least=1, latex=r"\operatorname{std}(%s)",
)
# Neither its derivatives nor theirs subtract: 1 - y would lose its digits where y is near 1.
share: Operation = operation(
    "share", "a / (a + b): the share of a in a whole of a and b.",
    *formula(lambda a, b: a / (a + b)),
    lambda a, b, y: share(b, a) / (a + b),
    lambda a, b, y: -y / (a + b),
    textbook=(lambda a, b, y: b / pow(a + b, 2.0), lambda a, b, y: -a / pow(a + b, 2.0)),
    domain=(POSITIVE, POSITIVE),
)

# Functions of several results, made of rows.


def softmax(*operands: Any, **named: Any) -> tuple[Any, ...]:
    """The share of each operand in the sum of exponentials: numbers from 0 to 1 that add up to 1.

    exp(x) / (exp(x) + the exponentials of the others), each shifted by the largest operand, which
    is a constant here. The operands come in one iterable or one by one.

    >>> softmax([0.0, 0.0])
    (0.5, 0.5)
    """
    xs = in_one_row("softmax", operands, 1, named)
    return _shares(xs, _largest(xs))


def log_softmax(*operands: Any, **named: Any) -> tuple[Any, ...]:
    """The logarithms of the shares that `softmax` gives, with all digits near 0 and far below.

    The logarithm of exp(x) / (exp(x) + r) is -softplus(log(r) - x), where r are the others.

    >>> log_softmax([0.0, 1000.0])
    (-1000.0, -0.0)
    """
    xs = in_one_row("log_softmax", operands, 1, named)
    return tuple(-softplus(r - x) for x, r in zip(xs, _of_others(xs, logaddexp, -math.inf)))


close_table()

globals()["__all__"] = [name for name, row in vars().items() if isinstance(row, Operation)]
globals()["__all__"] += ["log_softmax", "softmax"]
