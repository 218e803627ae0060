"""What every operation is at special numbers: `python tests/reference/special.py`.

Writes `special.txt`, which the tests read with numpy and pytest alone: the row, the operands, the
value, the gradient, and the reason where they are not PyTorch's. PyTorch in float64 is the rule.
Where it has no such function, numpy computes value and gradient from their definitions; where it
is plainly worse, one of the `EXCEPTIONS` gives the exact result, and its name is the reason.
`--check` compares instead of writing.
"""

import itertools
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
import torch
from peers import torch_rows

from glassgrad import TABLE, Operation, Reduction

Point = tuple[float, ...]
Result = tuple[float, list[float]]

FILE = Path(__file__).with_name("special.txt")
FEW = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan]
PAIRED = [*FEW, 2.0, -2.0, 5e-324, -5e-324, 1e308, -1e308]
ALL = [*PAIRED, 0.5, -0.5, 40.0, -40.0, 1000.0, -1000.0]


def points(row: Operation) -> Iterator[Point]:
    """All pairs of special numbers for two operands, more of them for one, fewer for three."""
    size = 2 if isinstance(row, Reduction) else len(row.domain)
    return itertools.product({1: ALL, 2: PAIRED, 3: FEW}[size], repeat=size)


# Rows that PyTorch has not: the value and the gradient by their definitions.


def _direction(a: float, b: float) -> Result:
    length = np.hypot(a, b)
    if length == 0.0:
        return a, [math.nan, math.nan]
    return a / length, [(b / length) ** 2 / length, -(a / length) * (b / length) / length]


def _leg(c: float, a: float) -> Result:
    y = np.sqrt(c - a) * np.sqrt(c + a)
    return y, [c / y, -a / y]


def _norm(a: float, b: float) -> Result:
    length = math.nan if np.isnan(a) or np.isnan(b) else np.hypot(a, b)
    return length, [_direction(a, b)[0], _direction(b, a)[0]]


def _share(a: float, b: float) -> Result:
    whole = a + b
    return a / whole, [b / whole / whole, -(a / whole) / whole]


def _var(a: float, b: float) -> Result:
    centre = a if a == b else a / 2.0 + b / 2.0
    above = [a - centre, b - centre] if np.isfinite(centre) else [math.nan, math.nan]
    return above[0] ** 2 / 2.0 + above[1] ** 2 / 2.0, above


def _std(a: float, b: float) -> Result:
    _, above = _var(a, b)
    found = np.hypot(*above) / math.sqrt(2.0)
    return found, [x / found / 2.0 if found else 0.0 for x in above]


def _compare(a: float, b: float) -> float:
    return math.nan if np.isnan(a) or np.isnan(b) else float(a > b) - float(a < b)


def _exceeds(a: float, b: float) -> float:
    return 0.5 + 0.5 * _compare(a, b)


def _clip(x: float, low: float, high: float) -> Result:
    y = x if np.isnan(x) else low if np.isnan(low) or low > x else x
    y = y if np.isnan(y) or not (np.isnan(high) or high < y) else high
    # A tie shares: half for each at either edge.
    by_low = _exceeds(low, x) * _exceeds(high, low)
    by_x = _exceeds(x, low) * _exceeds(high, x) * (low != high)
    kept = _exceeds(high, np.maximum(x, low))
    if x == low == high:  # the result is high, whatever x and low are
        by_low, kept = 0.0, 0.0
    return y, [by_x, by_low, 1.0 - kept]


def _leaky_relu(x: float, slope: float) -> Result:
    if np.isnan(x):
        return x, [x, x]
    return (x, [1.0, 0.0]) if x > 0.0 else (slope * x, [slope, x])


DEFINITIONS: dict[str, Callable[..., Result]] = {
    "cbrt": lambda x: (np.cbrt(x), [1.0 / (3.0 * np.cbrt(x) ** 2)]),
    "sech": lambda x: (1.0 / np.cosh(x), [-np.tanh(x) / np.cosh(x)]),
    "exp_product": lambda a, b: (np.exp(a * b), [b * np.exp(a * b), a * np.exp(a * b)]),
    "direction": _direction,
    "leg": _leg,
    "norm": _norm,
    "share": _share,
    "var": _var,
    "std": _std,
    "leaky_relu": _leaky_relu,
    "step": lambda x: (np.heaviside(x, 0.0), [0.0]),
    "compare": lambda a, b: (_compare(a, b), [0.0, 0.0]),
    "clip": _clip,
}


# Where PyTorch is plainly worse. Each gives the exact result, or None where it does not apply.


def a_nan_is_never_masked(name: str, point: Point, theirs: Result) -> Result | None:
    """PyTorch drops the nan of an operand in these derivatives, and in the sign."""
    if not any(map(math.isnan, point)):
        return None
    if name == "sign":
        return math.nan, [0.0]
    if name in ("abs", "relu", "maximum", "minimum", "max", "min"):
        return math.nan, [math.nan] * len(point)
    if name == "pow" and math.isnan(point[0]) and point[1] == 0.0:
        return theirs[0], [math.nan, math.nan]
    return None


def nan_outside_the_domain(name: str, point: Point, theirs: Result) -> Result | None:
    """Where the function itself is nan, so is its derivative."""
    outside = name in ("acosh", "atanh") and math.isnan(theirs[0])
    return (math.nan, [math.nan]) if outside else None


def digits_are_kept_in_tails(name: str, point: Point, theirs: Result) -> Result | None:
    """Derivatives that PyTorch computes as 1 - y² and the like are 0 there, too early."""
    exact = {
        ("tanh", 40.0): 4.0 * math.exp(-80.0),
        ("sigmoid", 40.0): math.exp(-40.0),
        ("expm1", -40.0): math.exp(-40.0),
    }
    x = abs(point[0]) if name == "tanh" else point[0]
    return (theirs[0], [exact[name, x]]) if (name, x) in exact else None


def small_numbers_are_kept(name: str, point: Point, theirs: Result) -> Result | None:
    """log1p(5e-324) is 5e-324; PyTorch flushes it to 0."""
    return (point[0], [1.0]) if name == "log1p" and abs(point[0]) == 5e-324 else None


def no_square_overflows(name: str, point: Point, theirs: Result) -> Result | None:
    """PyTorch squares an operand, which leaves the range of doubles; the derivative does not."""
    if name == "gelu_tanh" and abs(point[0]) >= 1e308:
        return theirs[0], [float(point[0] > 0.0)]
    if not all(map(math.isfinite, point)):
        return None
    if name == "asinh" or (name == "acosh" and point[0] >= 1.0):
        return (theirs[0], [1.0 / abs(point[0])]) if abs(point[0]) == 1e308 else None
    if name == "atan2" and any(point):
        y, x = map(np.longdouble, point)
        length = np.hypot(y, x)
        return theirs[0], [float(x / length / length), float(-y / length / length)]
    return None


def the_subgradient_of_least_size(name: str, point: Point, theirs: Result) -> Result | None:
    """The length of a vector has a kink at 0, as |x| has: 0 there, not 0/0."""
    return (0.0, [0.0, 0.0]) if name == "hypot" and not any(point) else None


def nothing_is_divided(name: str, point: Point, theirs: Result) -> Result | None:
    """PyTorch divides the product by the operand; the others' product is exact."""
    return (theirs[0], list(point[::-1])) if name == "prod" else None


def sums_begin_with_their_first_operand(name: str, point: Point, theirs: Result) -> Result | None:
    """The sum of nothing but -0.0 is -0.0; PyTorch adds to 0.0."""
    if name not in ("sum", "mean", "dot") or theirs[0] != 0.0:
        return None
    a, b = point
    return {"sum": a + b, "mean": (a + b) / 2.0, "dot": a * b}[name], theirs[1]


def the_gradient_of_logsumexp_is_softmax(name: str, point: Point, theirs: Result) -> Result | None:
    """PyTorch takes exp(x - y), where a large y has lost what it adds to the largest x."""
    if name != "logsumexp" or math.inf in point:
        return None
    with np.errstate(all="ignore"):
        parts = np.exp(np.array(point) - np.max(point))
        return theirs[0], (parts / parts.sum()).tolist()


def xlogy_has_slopes_at_0(name: str, point: Point, theirs: Result) -> Result | None:
    """By x it is log(y), also at x = 0, where PyTorch has 0 for y ≤ 0; by y it is 0 there."""
    if name != "xlogy" or point[0] != 0.0 or math.isnan(point[1]):
        return None
    by_x = math.nan if point[1] < 0.0 else -math.inf if point[1] == 0.0 else theirs[1][0]
    return theirs[0], [by_x, 0.0]


EXCEPTIONS = [
    xlogy_has_slopes_at_0,
    a_nan_is_never_masked,
    nan_outside_the_domain,
    digits_are_kept_in_tails,
    small_numbers_are_kept,
    no_square_overflows,
    the_subgradient_of_least_size,
    nothing_is_divided,
    sums_begin_with_their_first_operand,
    the_gradient_of_logsumexp_is_softmax,
]


def expected(row: Operation, point: Point) -> tuple[Result, str]:
    """The result at a point, and where it comes from if not from PyTorch."""
    if row.name in DEFINITIONS:
        with np.errstate(all="ignore"):
            value, gradient = DEFINITIONS[row.name](*map(np.float64, point))
        return (float(value), [float(g) for g in gradient]), "by definition"
    theirs = by_torch(row, point)
    for exception in EXCEPTIONS:
        better = exception(row.name, point, theirs)
        if better is not None and not same(better, theirs):
            return better, exception.__name__.replace("_", " ")
    return theirs, ""


def by_torch(row: Operation, point: Point) -> Result:
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in point]
    result = torch_rows()[row.name](*tensors)
    if result.requires_grad:
        result.backward()
    return result.item(), [0.0 if t.grad is None else t.grad.item() for t in tensors]


def same(ours: Result, theirs: Result) -> bool:
    """The same numbers, but for roundings; a value with the sign of zero."""
    pairs = [(ours[0], theirs[0]), *zip(ours[1], theirs[1])]
    close = (
        math.isclose(a, b, rel_tol=1e-15) or (math.isnan(a) and math.isnan(b)) for a, b in pairs
    )
    return all(close) and (ours[0] != 0.0 or _is_negative(ours[0]) == _is_negative(theirs[0]))


def _is_negative(x: float) -> bool:
    return math.copysign(1.0, x) < 0.0


def lines() -> Iterator[str]:
    for row in TABLE.values():
        for point in points(row):
            (value, gradient), reason = expected(row, point)
            yield " | ".join(
                [row.name, written(point), written([value]), written(gradient), reason]
            )


def written(numbers: list[float] | Point) -> str:
    return " ".join(repr(x).removesuffix(".0") for x in numbers)


def main() -> int:
    text = "\n".join(lines()) + "\n"
    if "--check" in sys.argv:
        return int(FILE.read_text(encoding="utf-8") != text)
    FILE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
