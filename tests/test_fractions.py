"""Programs of fractions, whose values and derivatives are known exactly.

A program is written line by line and calculated twice: by the engine, and in Python's fractions,
with every first and second derivative carried forward from line to line by the rules for sums,
products and inverses; nothing of the engine is used for it.
Where the fractions fit into floats, the engine must give their very bits. Where they do not (1/3),
it must come as near as rounding allows, and how near that is follows from the program itself.
"""

from __future__ import annotations

import math
import operator
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import pytest
from needing import mostly_slow

from glassgrad import Value, engine, grad, jvp

EPSILON = sys.float_info.epsilon


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


# A number with its derivatives, carried forward.

Derivatives = tuple[Any, Any]
"""The first and the second ones by all leaves, as arrays of fractions."""


@dataclass(frozen=True)
class Jet:
    """A number, its derivatives, and how well floats can know it.

    `most` is the derivatives with all their terms made positive: what rounding errors scale with.
    `error` bounds the rounding error of the value, in epsilons. A choice between equal numbers is
    refused, so that a little change does not choose another.
    """

    value: Fraction
    derivatives: Derivatives
    most: Derivatives
    error: float
    size: Size

    def __add__(self, other: Any) -> Jet:
        other, value = lifted(other), self.value + lifted(other).value
        return Jet(
            value,
            both(operator.add, self.derivatives, other.derivatives),
            both(operator.add, self.most, other.most),
            float(abs(value)) + self.error + other.error,
            added(self.size, other.size),
        )

    def __mul__(self, other: Any) -> Jet:
        other, a, b = lifted(other), self.value, lifted(other).value
        return Jet(
            a * b,
            leibniz(a, self.derivatives, b, other.derivatives),
            leibniz(abs(a), self.most, abs(b), other.most),
            float(abs(a * b)) + float(abs(b)) * self.error + float(abs(a)) * other.error,
            multiplied(self.size, other.size),
        )

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Jet:
        return self * -1

    def __pos__(self) -> Jet:
        return self

    def __sub__(self, other: Jet) -> Jet:
        return self + -other

    def inverse(self) -> Jet:
        x, (first, second), (most, most_second) = abs(self.value), self.derivatives, self.most
        twice, most_twice = (2 * np.multiply.outer(f, f) / x**3 for f in (first, most))
        return Jet(
            1 / self.value,
            (-first / x**2, -second / x**2 + twice * (1 if self.value > 0 else -1)),
            (most / x**2, most_second / x**2 + most_twice),
            float(1 / x) + self.error / float(x**2),
            LEAF,
        )

    def __truediv__(self, other: Jet) -> Jet:
        return self * other.inverse()

    def __pow__(self, n: int) -> Jet:
        factors = [self if n > 0 else self.inverse()] * abs(n)
        return reduce(operator.mul, factors) if factors else self * 0 + 1

    def __gt__(self, other: Any) -> bool:
        if self.value == lifted(other).value:
            raise ArithmeticError("a tie")
        return self.value > lifted(other).value

    def __lt__(self, other: Any) -> bool:
        return not self > other

    def __abs__(self) -> Jet:
        return self if self > 0 else -self


def lifted(x: Any) -> Jet:
    """A plain number as one without derivatives."""
    return x if isinstance(x, Jet) else Jet(Fraction(x), (0, 0), (0, 0), 0.0, LEAF)


def both(operate: Callable, a: Derivatives, b: Derivatives) -> Derivatives:
    return operate(a[0], b[0]), operate(a[1], b[1])


def leibniz(a: Fraction, by_a: Derivatives, b: Fraction, by_b: Derivatives) -> Derivatives:
    """The derivatives of a product."""
    (f, f_second), (g, g_second) = by_a, by_b
    mixed = np.multiply.outer(f, g) + np.multiply.outer(g, f)
    return a * g + b * f, a * g_second + b * f_second + mixed


def leaves(point: Sequence[Fraction]) -> list[Jet]:
    one = np.eye(len(point), dtype=int) * Fraction(1)
    zero = 0 * np.multiply.outer(one[0], one[0])
    return [Jet(x, (first, zero), (first, zero), 0.0, LEAF) for x, first in zip(point, one)]


# The operations that a program is written with: as the engine has them, and once more by hand.


class Kind(NamedTuple):
    """An operation: how many operands it has, and how it is written; by hand, if otherwise."""

    operands: int
    written: Callable[..., Any]
    by_hand: Callable[..., Any] | None = None

    def __call__(self, *operands: Jet) -> Jet:
        return (self.by_hand or self.written)(*operands)


KINDS = [
    *(Kind(2, each) for each in (operator.add, operator.sub, operator.mul)),
    *(Kind(1, each) for each in (operator.neg, operator.pos, abs)),
    *(Kind(1, lambda x, n=n: x**n) for n in range(4)),
    Kind(1, lambda x: -1.5 * x),
    Kind(3, engine.sum, lambda a, b, c: a + b + c),
    Kind(4, engine.mean, lambda a, b, c, d: (a + b + c + d) * Fraction(1, 4)),
    Kind(3, engine.prod, lambda a, b, c: a * b * c),
    Kind(4, lambda *xs: engine.dot(xs[:2], xs[2:]), lambda a, b, c, d: a * c + b * d),
    Kind(2, engine.maximum, max),
    Kind(2, engine.minimum, min),
    Kind(3, engine.max, max),
    Kind(3, engine.min, min),
    Kind(3, engine.clip, lambda x, low, high: min(max(x, low), high)),
    Kind(1, engine.relu, lambda x: x if x > 0 else 0 * x),
    Kind(2, engine.leaky_relu, lambda x, slope: x if x > 0 else slope * x),
    Kind(3, lambda c, a, b: engine.where(engine.step(c), a, b), lambda c, a, b: a if c > 0 else b),
]
INVERSES = [
    Kind(2, operator.truediv),
    *(Kind(1, lambda x, n=n: x**n) for n in (-1, -2)),
]


# Programs.


class Program(NamedTuple):
    """Leaves, then lines: each an operation and the places of its operands among what is known."""

    point: list[Fraction]
    lines: list[tuple[Kind, list[int]]]
    jets: list[Jet]

    def result(self) -> int:
        """The place of the result that has the most derivatives."""
        rich = [(*map(np.count_nonzero, x.derivatives[::-1]),) for x in self.jets]
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
            jet = kind(*(jets[i] for i in operands))
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
        first, second = expected.derivatives
        xs = list(map(Value, known.point))
        y = known.run(*xs)
        y.backward()
        gradient = grad(y, xs, differentiable=True)
        slope = jvp(known.run, known.point, DIRECTION)[1]
        assert Fraction(y.data) == expected.value, seed
        for found in ([x.grad for x in xs], grad(y, xs), [g.data for g in gradient]):
            assert fractions(found) == list(first), seed
        assert [fractions(grad(g, xs)) for g in gradient] == second.tolist(), seed
        assert Fraction(slope) == first @ fractions(DIRECTION), seed
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
            *map(share, found[0], expected.derivatives[0], first),
            *map(share, np.ravel(found[1]), expected.derivatives[1].flat, second.flat),
        ]
        worst = max(worst, *shares)
        assert worst <= 1.0, seed
    figure("Laws", "programs of fractions that divide, to the second derivative", BATCH)
    figure("Laws", "the worst error of these, as a share of what rounding allows", worst)


def share(found: float, exact: Fraction, allowed: float) -> float:
    """An error as a share of so many epsilons."""
    error = abs(Fraction(found) - exact)
    return float(error) / (EPSILON * float(allowed)) if error else 0.0
