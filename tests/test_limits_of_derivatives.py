"""Derivatives where a row is special: at 0, at ties, at edges. None is silently wrong.

What is right there is a limit. The definitions of `reference/definitions.py` are differentiated
beside the point, with many digits and from all sides. Where the limits agree, the engine has
that number or nan; where they are finite but differ, a number between them (a subgradient); where
they grow without bound, infinity or nan. The same holds for losses.
"""

import functools
import itertools
import math
import runpy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import pytest
from reference_values import FOLDER, call

from glassgrad import TABLE, Operation, Reduction, Value, clip, grad, hessian, hypot, nn
from glassgrad.engine.op import Pairing

pytestmark = pytest.mark.needs("mpmath")

Point = tuple[float, ...]
By = tuple[int, ...]

AS_PYTORCH = {
    ("atan2", (0.0, 0.0)): 1,  # the point (0, 0) has no angle; its gradient is called 0
    ("pow", (0.0, 0.0)): 2,  # 0^b is 1 at b = 0 and 0 beyond: by b there is no derivative, ...
    ("pow", (0.0, 1.0)): 2,  # ... nor one of b·a^(b - 1), the derivative by a, at b = 1
}
"""Where a number stands although there is none, up to an order: PyTorch's, by the first rule."""


@dataclass(frozen=True, eq=False)
class Digits:
    """Numbers of many digits, and the definitions of rows in them."""

    mp: Any
    functions: dict[str, Callable[..., Any]]
    step: Any
    distance: Any


@pytest.fixture(scope="module")
def digits() -> Digits:
    import mpmath

    mp = mpmath.mp.clone()
    mp.dps = 120
    step = mp.mpf(10) ** -32
    definitions = runpy.run_path(str(FOLDER / "definitions.py"))["definitions"]
    return Digits(mp, definitions(mp, step), step, mp.mpf(10) ** -14)


def special_points(row: Operation) -> Iterator[Point]:
    if isinstance(row, Pairing):
        yield from itertools.product((0.0, 1.0), repeat=2)
    elif isinstance(row, Reduction):
        yield from itertools.product((0.0, 1.0, -1.0), repeat=2)
        yield from [(0.0,), (1.0,), (0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, -1.0)]
    else:
        size = len(row.domain)
        few = {1: (0.0, 0.5, 1.0, -1.0, 2.0), 2: (0.0, 1.0, -1.0, 2.0), 3: (0.0, 1.0, -1.0)}
        yield from itertools.product(few[size], repeat=size)


def partial(digits: Digits, function: Callable[..., Any], point: list[Any], by: By) -> Any:
    """A derivative of the definition; None where that is no real number."""
    moving = sorted(set(by))

    def section(*xs: Any) -> Any:
        whole = list(point)
        for i, x in zip(moving, xs):
            whole[i] = x
        return function(*whole)

    at, orders = [point[i] for i in moving], [by.count(i) for i in moving]
    place, order = (at[0], orders[0]) if len(at) == 1 else (tuple(at), tuple(orders))
    try:
        found = digits.mp.diff(section, place, order, h=digits.step) if by else section()
    except (ArithmeticError, ValueError, TypeError):
        return None
    is_real = not isinstance(found, digits.mp.mpc) and not digits.mp.isnan(found)
    return found if is_real else None


@functools.cache  # those of lower orders are needed several times
def limits(
    digits: Digits,
    function: Callable[..., Any],
    point: Point,
    by: By,
    moved: tuple[int, ...],
    *,
    nearer: int = 1,
) -> tuple[Any, ...]:
    """The derivative a little beside the point, on all sides by the operands that are moved."""
    distance = digits.distance**nearer
    weights = [digits.mp.mpf(1), digits.mp.sqrt(3) - 1, digits.mp.sqrt(2) - 1]
    found = []
    for signs in itertools.product((1, -1), repeat=len(moved)):
        for turn in range(len(moved)):
            beside = list(map(digits.mp.mpf, point))
            for place, sign in enumerate(signs):
                beside[moved[place]] += sign * weights[(place + turn) % 3] * distance
            found.append(partial(digits, function, beside, by))
    return tuple(found)


def exact(digits: Digits, function: Callable[..., Any], point: Point, by: By) -> Any:
    """The derivative along the operands it is taken by, if there is one; else None.

    There is one where it and all of lower order have one limit from all sides.
    """
    found = partial(digits, function, list(map(digits.mp.mpf, point)), ())
    for order in range(len(by) + 1):
        lower, moved = tuple(sorted(by[:order])), tuple(sorted(set(by)))
        sides = limits(digits, function, point, lower, moved)
        if found is None or None in sides:
            return None
        if order == 0:
            sides = (*sides, found)  # no jump at the point itself
        if max(sides) - min(sides) > 1e-8 * max(1, *map(abs, sides)):
            return None
        found = sides[0]
    return found


def is_honest(
    digits: Digits, function: Callable[..., Any], point: Point, by: By, ours: float
) -> bool:
    if math.isnan(ours):
        return True
    right = exact(digits, function, point, by)
    if right is not None:
        return abs(ours - right) <= 1e-8 * max(1, abs(right))
    everything = tuple(range(len(point)))
    sides = limits(digits, function, point, by, everything)
    known = [side for side in sides if side is not None]
    if not known:  # outside the domain
        return True
    sides = limits(digits, function, point, by, everything, nearer=2)
    nearer = [side for side in sides if side is not None]
    if max(map(abs, nearer)) > 1.5 * max(map(abs, known)) + 1e-8:  # a logarithm doubles
        return math.isinf(ours)
    room = 1e-8 * max(1, *map(abs, known))
    return bool(min(known) - room <= ours <= max(known) + room)


def derivatives(function: Callable[..., Value], point: Point) -> Iterator[tuple[By, float]]:
    """All derivatives of the orders 1 and 2."""
    xs = tuple(map(Value, point))
    y = function(*xs)
    for i, slope in enumerate(grad(y, xs, differentiable=True)):
        yield (i,), slope.data
        curvature = [0.0] * len(xs) if slope.is_constant else grad(slope, xs)
        yield from (((i, k), number) for k, number in enumerate(curvature))


@pytest.mark.parametrize("row", TABLE.values(), ids=attrgetter("name"))
def test_no_derivative_of_a_row_is_silently_wrong(row: Operation, digits: Digits) -> None:
    definition = digits.functions[row.name]
    for point in special_points(row):
        chosen = definition
        if row.selects:  # a condition stays what it is where it is moved

            def chosen(_: Any, *others: Any, first: float = point[0]) -> Any:
                return definition(digits.mp.mpf(first), *others)

        for by, ours in derivatives(lambda *xs: call(row, xs), point):
            if len(by) <= AS_PYTORCH.get((row.name, point), 0):
                continue
            assert is_honest(digits, chosen, point, by, ours), (point, by, ours)


def huber(mp: Any, e: Any, delta: Any) -> Any:
    return e * e / 2 if abs(e) <= delta else delta * (abs(e) - delta / 2)


LOSSES: dict[str, tuple[Callable, Callable, list[Point]]] = {
    "mse": (nn.mse, lambda mp, p, t: (p - t) ** 2, [(0.0, 0.0), (1.0, 0.0)]),
    "mae": (nn.mae, lambda mp, p, t: abs(p - t), [(0.0, 0.0), (1.0, 1.0), (2.0, 1.0)]),
    "huber": (
        lambda p, t, delta: nn.huber(p, t, delta=delta),
        lambda mp, p, t, delta: huber(mp, p - t, delta),
        [(0.0, 0.0, 1.0), (0.5, 0.0, 1.0), (1.0, 0.0, 1.0), (0.0, 1.0, 1.0), (5.0, 2.0, 2.0)],
    ),
    "hinge": (
        lambda p: nn.hinge(p, 1.0),
        lambda mp, p: max(1 - p, mp.mpf(0)),
        [(0.0,), (1.0,), (2.0,)],
    ),
    "binary_cross_entropy_with_logits": (
        nn.binary_cross_entropy_with_logits,
        lambda mp, z, t: t * mp.log(1 + mp.exp(-z)) + (1 - t) * mp.log(1 + mp.exp(z)),
        [(0.0, 0.0), (0.0, 1.0), (0.0, 0.5), (1.0, 1.0)],
    ),
    "cross_entropy": (
        lambda a, b: nn.cross_entropy([a, b], 0),
        lambda mp, a, b: mp.log(mp.exp(a) + mp.exp(b)) - a,
        [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)],
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_no_derivative_of_a_loss_is_silently_wrong(name: str, digits: Digits) -> None:
    loss, definition, points = LOSSES[name]
    exactly = functools.partial(definition, digits.mp)
    for point in points:
        for by, ours in derivatives(loss, point):
            assert is_honest(digits, exactly, point, by, ours), (point, by, ours)


@pytest.mark.parametrize(("residual", "second"), [(0.0, 1.0), (0.7, 1.0), (-0.7, 1.0), (3.0, 0.0)])
def test_huber_is_half_a_square_inside(residual: float, second: float) -> None:
    found = hessian(lambda p: nn.huber(p[0], 2.0))([2.0 + residual])
    assert found.tolist() == [[second]]


@pytest.mark.parametrize(
    "function",
    [
        lambda v: hypot(v[0], v[1]) ** 2,
        lambda v: (-(hypot(v[0], v[1]) ** 2)).exp(),
        lambda v: hypot(v[0], v[1]),
    ],
)
def test_no_second_derivative_through_a_length_of_0(function: Callable) -> None:
    assert math.isnan(hessian(function)([0.0, 0.0])[0, 0])


@pytest.mark.parametrize("x", [0.5, 1.0, 1.5])
def test_what_is_clipped_to_one_number_has_no_influence(x: float) -> None:
    xs = [Value(x), Value(1.0), Value(1.0)]
    by_x, by_low, by_high = grad(clip(*xs), xs)
    assert by_x == 0.0
    assert by_low + by_high == 1.0  # as moving all three at once moves the result


# The test itself: it finds the faults that it is for.


@pytest.mark.parametrize(
    ("function", "definition", "point"),
    [
        (lambda a: abs(a) ** 2, lambda a: a * a, (0.0,)),
        (lambda a: abs(a) * 2.0, lambda a: a, (1.0,)),
        (lambda a, b: (a - b) * 0.0, lambda a, b: (a * a + b * b) ** 0.25, (0.0, 0.0)),
    ],
    ids=["a glued square", "a wrong slope", "finite where there is none"],
)
def test_what_is_wrong_is_found(
    function: Callable, definition: Callable, point: Point, digits: Digits
) -> None:
    found = derivatives(function, point)
    assert not all(is_honest(digits, definition, point, by, ours) for by, ours in found)
