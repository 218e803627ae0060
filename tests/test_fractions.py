"""Programs of fractions, whose values and derivatives are known exactly.

A program is written line by line and calculated twice: by the engine, and in Python's fractions,
with every first and second derivative carried forward from line to line. The calculus of each
operation stands here once more, as one does it by hand; nothing of the engine is used for it.
Where the fractions fit into floats, the engine must give their very bits. Where they do not (1/3),
it must come as near as rounding allows, and how near that is follows from the program itself.
"""

import itertools
import math
import operator
import random
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from needing import mostly_slow

from glassgrad import Value, engine, grad, jvp

EPSILON = sys.float_info.epsilon

Numbers = Sequence[Fraction]


# The calculus of each operation, by hand.


class Local(NamedTuple):
    """A value, the derivative by each operand, and the second derivatives that are not zero."""

    value: Fraction
    slopes: Sequence[Fraction]
    bends: dict[tuple[int, int], Fraction]


Calculus = Callable[[Numbers], Local]


def linear(*factors: Fraction | int) -> Calculus:
    """The operands times numbers, added up."""
    return lambda xs: Local(Fraction(sum(map(operator.mul, factors, xs))), factors, {})


def product(xs: Numbers) -> Local:
    def without(*left_out: int) -> Fraction:
        return math.prod((x for i, x in enumerate(xs) if i not in left_out), start=Fraction(1))

    pairs = itertools.permutations(range(len(xs)), 2)
    return Local(without(), [*map(without, range(len(xs)))], {p: without(*p) for p in pairs})


def scalar_product(xs: Numbers) -> Local:
    half = len(xs) // 2
    pairs = [(i, (i + half) % len(xs)) for i in range(len(xs))]
    value = Fraction(sum(map(operator.mul, xs[:half], xs[half:])))
    return Local(value, [xs[partner] for _, partner in pairs], dict.fromkeys(pairs, Fraction(1)))


def quotient(xs: Numbers) -> Local:
    a, b = xs
    bends = {(0, 1): -1 / b**2, (1, 0): -1 / b**2, (1, 1): 2 * a / b**3}
    return Local(a / b, [1 / b, -a / b**2], bends)


def power(n: int) -> Calculus:
    def calculus(xs: Numbers) -> Local:
        (x,) = xs
        slope = n * x ** (n - 1) if n else Fraction(0)
        bend = n * (n - 1) * x ** (n - 2) if n not in (0, 1) else Fraction(0)
        return Local(x**n, [slope], {(0, 0): bend})

    return calculus


def choice(chosen: Callable[[Numbers], Fraction]) -> Calculus:
    """One of the operands; no other equals it, so that a little change does not choose another."""

    def calculus(xs: Numbers) -> Local:
        if len(set(xs)) < len(xs):
            raise ArithmeticError("a tie")
        return linear(*(x == chosen(xs) for x in xs))(xs)

    return calculus


def by_sign(positive: Calculus, negative: Calculus) -> Calculus:
    """One calculus or another, as the first operand is positive or negative."""

    def calculus(xs: Numbers) -> Local:
        if xs[0] == 0:
            raise ArithmeticError("neither positive nor negative")
        return (positive if xs[0] > 0 else negative)(xs)

    return calculus


# How many digits a program needs.


class Size(NamedTuple):
    """A bound: the number is a whole one of at most `most`, divided by 4 as often as `places` says.

    It bounds the polynomial with all its signs made plus, so no intermediate result is longer, and
    those on the way to a second derivative are longer by a few bits only.
    """

    most: int
    places: int


def added(*sizes: Size) -> Size:
    places = max(size.places for size in sizes)
    return Size(sum(size.most * 4 ** (places - size.places) for size in sizes), places)


def multiplied(*sizes: Size) -> Size:
    return Size(math.prod(size.most for size in sizes), sum(size.places for size in sizes))


LEAF = Size(16, 1)  # from -4 to 4 in quarters; so are the inverses of ±1/4, ±1/2, ±1, ±2, ±4
LONGEST = Size(2**36, 14)  # leaves room for two derivatives in the 53 bits of a float


# The operations that a program is written with.


class Kind(NamedTuple):
    """An operation: how many operands it has, how it is written, its calculus, how digits grow."""

    operands: int
    written: Callable[..., Any]
    calculus: Calculus
    size: Callable[..., Size] = added


KINDS = [
    Kind(2, operator.add, linear(1, 1)),
    Kind(2, operator.sub, linear(1, -1)),
    Kind(1, operator.neg, linear(-1)),
    Kind(1, operator.pos, linear(1)),
    Kind(1, lambda x: -1.5 * x, linear(Fraction(-3, 2)), lambda x: multiplied(x, LEAF)),
    Kind(2, operator.mul, product, multiplied),
    Kind(1, lambda x: x**0, power(0)),
    Kind(1, lambda x: x**1, power(1)),
    Kind(1, lambda x: x**2, power(2), lambda x: multiplied(x, x)),
    Kind(1, lambda x: x**3, power(3), lambda x: multiplied(x, x, x)),
    Kind(3, engine.sum, linear(1, 1, 1)),
    Kind(4, engine.mean, linear(*[Fraction(1, 4)] * 4), lambda *xs: multiplied(added(*xs), LEAF)),
    Kind(3, engine.prod, product, multiplied),
    Kind(
        4,
        lambda a, b, c, d: engine.dot([a, b], [c, d]),
        scalar_product,
        lambda a, b, c, d: added(multiplied(a, c), multiplied(b, d)),
    ),
    Kind(2, engine.maximum, choice(max)),
    Kind(2, engine.minimum, choice(min)),
    Kind(3, engine.max, choice(max)),
    Kind(3, engine.min, choice(min)),
    Kind(3, engine.clip, choice(lambda xs: min(max(xs[:2]), xs[2]))),
    Kind(1, abs, by_sign(linear(1), linear(-1))),
    Kind(1, engine.relu, by_sign(linear(1), linear(0))),
    Kind(2, engine.leaky_relu, by_sign(linear(1, 0), product), multiplied),
    Kind(
        3,
        lambda c, a, b: engine.where(engine.step(c), a, b),
        by_sign(linear(0, 1, 0), linear(0, 0, 1)),
    ),
]
INVERSES = [
    Kind(2, operator.truediv, quotient, lambda a, b: multiplied(a, LEAF)),
    Kind(1, lambda x: x**-1, power(-1), lambda x: LEAF),
    Kind(1, lambda x: x**-2, power(-2), lambda x: multiplied(LEAF, LEAF)),
]


# A number with its derivatives, carried forward.


class Jet(NamedTuple):
    """A number, its first and second derivatives by all leaves, and how well floats can know it.

    `most` is the derivatives with all their terms made positive: what rounding errors scale with.
    `error` bounds the rounding error of the value, in epsilons.
    """

    value: Fraction
    first: np.ndarray
    second: np.ndarray
    most: tuple[np.ndarray, np.ndarray]
    error: float
    size: Size


def leaves(point: Numbers) -> list[Jet]:
    one = np.eye(len(point), dtype=int) * Fraction(1)
    zero = 0 * np.multiply.outer(one[0], one[0])
    return [Jet(x, first, zero, (first, zero), 0.0, LEAF) for x, first in zip(point, one)]


def result_of(kind: Kind, operands: Sequence[Jet]) -> Jet:
    """An operation on jets."""
    xs = [x.value for x in operands]
    local = kind.calculus(xs)
    sizes = [abs(slope) for slope in local.slopes]
    positive = Local(abs(local.value), sizes, {at: abs(x) for at, x in local.bends.items()})
    known = [float(abs(x)) * len(xs) + jet.error for x, jet in zip(xs, operands)]
    return Jet(
        local.value,
        *chain_rule(local, [(x.first, x.second) for x in operands]),
        chain_rule(positive, [x.most for x in operands]),
        float(positive.value) + sum(map(operator.mul, map(float, sizes), known)),
        kind.size(*(x.size for x in operands)),
    )


def chain_rule(
    local: Local, operands: Sequence[tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """The first and second derivatives of a result, from those of its operands."""
    first = sum(slope * x for slope, (x, _) in zip(local.slopes, operands))
    second = sum(slope * x for slope, (_, x) in zip(local.slopes, operands))
    for (i, j), bend in local.bends.items():
        second = second + bend * np.multiply.outer(operands[i][0], operands[j][0])
    return first, second


# Programs.


class Program(NamedTuple):
    """Leaves, then lines: each an operation and the places of its operands among what is known."""

    point: list[Fraction]
    lines: list[tuple[Kind, list[int]]]
    jets: list[Jet]

    def result(self) -> int:
        """The place of the result that has the most derivatives."""
        rich = [(np.count_nonzero(x.second), np.count_nonzero(x.first)) for x in self.jets]
        return max(range(len(rich)), key=rich.__getitem__)

    def run(self, *xs: Value) -> Value:
        known = list(xs)
        for kind, operands in self.lines:
            known.append(kind.written(*(known[i] for i in operands)))
        return known[self.result()]


def exact_program(seed: int) -> Program:
    """Quarters and powers of two, divided by a power of two only."""
    generator = random.Random(seed)
    divisor = generator.choice([-1, 1]) * Fraction(2) ** generator.randint(-2, 2)
    point = [divisor, *(Fraction(generator.randint(-8, 8), 4) for _ in range(3))]

    def fits(jet: Jet) -> bool:
        return jet.size.most <= LONGEST.most and jet.size.places <= LONGEST.places

    return program(generator, point, fits, divisors=1)


def rounded_program(seed: int) -> Program:
    """Any floats, divided by any results that are neither tiny nor huge nor nearly cancelled."""
    generator = random.Random(seed)
    point = [Fraction(generator.choice([-1, 1]) * generator.uniform(0.3, 2.0)) for _ in range(4)]

    def is_tame(jet: Jet) -> bool:
        return 0.01 <= abs(jet.value) <= 100 and jet.error <= 1000 * abs(jet.value)

    return program(generator, point, is_tame, divisors=None)


def program(
    generator: random.Random,
    point: list[Fraction],
    is_suitable: Callable[[Jet], bool],
    divisors: int | None,
) -> Program:
    """A random program; its divisors are among so many first leaves, or anything."""
    lines, jets = [], leaves(point)
    length = generator.randint(4, 14)
    while len(lines) < length:
        kind = generator.choice(KINDS + INVERSES)
        recent = range(len(jets))[-8:]
        operands = [generator.choice(recent) for _ in range(kind.operands)]
        if kind in INVERSES:
            operands[-1] = generator.choice(range(len(jets))[:divisors])
        try:
            jet = result_of(kind, [jets[i] for i in operands])
        except ArithmeticError:
            continue
        if is_suitable(jet):
            lines.append((kind, operands))
            jets.append(jet)
    return Program(point, lines, jets)


# The tests.

BATCHES = pytest.mark.parametrize("batch", mostly_slow(range(8), kept=2))
BATCH = 25
DIRECTION = [1.0, -2.0, 0.5, 4.0]


def fractions(numbers: Sequence[float]) -> list[Fraction]:
    return list(map(Fraction, numbers))


@BATCHES
def test_programs_that_fit_into_floats_are_exact_to_the_second_derivative(
    batch: int, figure: Callable
) -> None:
    for seed in range(BATCH * batch, BATCH * (batch + 1)):
        known = exact_program(seed)
        expected = known.jets[known.result()]
        xs = list(map(Value, known.point))
        y = known.run(*xs)
        y.backward()
        gradient = grad(y, xs, differentiable=True)
        slope = jvp(known.run, known.point, DIRECTION)[1]
        assert Fraction(y.data) == expected.value, seed
        for found in ([x.grad for x in xs], grad(y, xs), [g.data for g in gradient]):
            assert fractions(found) == list(expected.first), seed
        assert [fractions(grad(g, xs)) for g in gradient] == expected.second.tolist(), seed
        assert Fraction(slope) == expected.first @ fractions(DIRECTION), seed
    figure("Laws", "programs of fractions, exact to the second derivative", BATCH)


@BATCHES
def test_programs_that_divide_are_as_near_as_rounding_allows(batch: int, figure: Callable) -> None:
    worst = 0.0
    for seed in range(BATCH * batch, BATCH * (batch + 1)):
        known = rounded_program(seed)
        expected = known.jets[known.result()]
        xs = list(map(Value, known.point))
        y = known.run(*xs)
        gradient = grad(y, xs, differentiable=True)
        # A derivative is a sum of products; each factor errs as its operands do, and by rounding.
        factor = len(known.lines) + max(x.error / float(abs(x.value)) for x in known.jets)
        first, second = (factor * most for most in expected.most)
        assert share(y.data, expected.value, expected.error) <= 1.0, seed
        found = [g.data for g in gradient], [grad(g, xs) for g in gradient]
        shares = [
            *map(share, found[0], expected.first, first),
            *map(share, np.ravel(found[1]), expected.second.flat, second.flat),
        ]
        worst = max(worst, *shares)
        assert worst <= 1.0, seed
    figure("Laws", "programs of fractions that divide, to the second derivative", BATCH)
    figure("Laws", "the worst error of these, as a share of what rounding allows", worst)


def share(found: float, exact: Fraction, allowed: float) -> float:
    """An error as a share of so many epsilons."""
    error = abs(Fraction(found) - exact)
    return float(error) / (EPSILON * float(allowed)) if error else 0.0
