"""Tabulate every operation and its derivatives exactly: `python tests/reference/make.py`.

Writes `values.txt`, which the tests read with numpy and pytest alone. A line is the name of a
row, whether the point is in its domain or in a tail, the operands, and then the value and all
partial derivatives of orders 1, 2 and 3, each rounded once, to the nearest double. Orders that
leave the range of doubles are left out. With names of rows only their lines are made anew;
`--check` recomputes with other digits and steps, and compares.

Derivatives are difference quotients of the definitions, never rules of calculus: with 600 digits
and steps of 1e-400 (80 and 1e-60 in the domain) they are exact far beyond a double's digits.
"""

import argparse
import random
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial as given
from itertools import combinations_with_replacement, zip_longest
from math import sqrt
from pathlib import Path
from typing import Any

import mpmath
from definitions import definitions

from glassgrad import TABLE, Operation, Reduction
from glassgrad.engine.operation import Pairing

Point = tuple[float, ...]

FILE = Path(__file__).with_name("values.txt")
POINTS, TAIL_POINTS = 24, 16
SIZES, PAIRED_SIZES, SPREAD_SIZES = (1, 2, 3, 5), (2, 4, 6), (3, 4, 5)
TAILS = [
    *(10.0**k for k in (-200, -100, -50, -20, -12, -8, -5, -3, 3, 5, 8, 12, 20, 50, 100, 200)),
    *(6.0, 9.0, 13.0, 20.0, 26.0, 37.0, 45.0, 100.0, 300.0, 650.0, 700.0),
    *(1.0 - 1e-3, 1.0 + 1e-3, 1.0 - 1e-8, 1.0 + 1e-8, 1.0 - 2.0**-52, 1.0 + 2.0**-52),
]
"""Where formulas lose digits: near 0, far out, and close to 1; of both signs."""
LARGEST, SMALLEST = 1e290, 1e-290
"""Beyond these a double has no room for what is computed on the way."""


class Reference:
    """The definitions, in a number of digits, and their difference quotients."""

    def __init__(self, digits: int, step: int) -> None:
        self.mp = mpmath.mp.clone()
        self.mp.dps = digits
        self.step = self.mp.mpf(10) ** -step
        self.functions = definitions(self.mp, self.step)
        self.nothing = self.step ** self.mp.mpf("0.9")  # the zeros of difference quotients

    def derivatives(self, row: Operation, point: Point, order: int) -> list[float]:
        """All partial derivatives of an order; order 0 is the value alone.

        Raises:
            ArithmeticError, ValueError: one is undefined, complex, or beyond the range of doubles.
        """
        by = combinations_with_replacement(range(len(point)), order)
        return [self.rounded(self.partial(self.functions[row.name], point, b)) for b in by]

    def partial(self, function: Callable[..., Any], point: Point, by: tuple[int, ...]) -> Any:
        """A partial derivative, by the operands in `by`."""
        if not by:
            return function(*map(self.mp.mpf, point))
        moving = sorted(set(by))

        def section(*xs: Any) -> Any:
            whole = list(map(self.mp.mpf, point))
            for i, x in zip(moving, xs):
                whole[i] = x
            return function(*whole)

        at, orders = [point[i] for i in moving], [by.count(i) for i in moving]
        one = len(moving) == 1
        place, order = (at[0], orders[0]) if one else (tuple(at), tuple(orders))
        return self.mp.diff(section, place, order, h=self.step)

    def rounded(self, exact: Any) -> float:
        if isinstance(exact, self.mp.mpc) or self.mp.isnan(exact):
            raise ValueError("not a real number")
        if abs(exact) < self.nothing:
            return 0.0
        if not SMALLEST < abs(exact) < LARGEST:
            raise OverflowError("beyond the range of doubles")
        return float(exact)

    def orders(self, row: Operation, point: Point) -> list[list[float]]:
        """Value and derivatives, up to the first order that a double cannot hold."""
        found = []
        for order in range(4):
            try:
                found.append(self.derivatives(row, point, order))
            except (ArithmeticError, ValueError):
                break
        return found

    def is_fit(self, row: Operation, point: Point) -> bool:
        """Whether a point of a tail has something to compare, that roundings do not decide."""
        try:
            (value,), gradient = (self.derivatives(row, point, order) for order in (0, 1))
        except (ArithmeticError, ValueError):
            return False
        has_derivatives = any(rule is not None for rule in row.rules)
        if has_derivatives and not any(gradient):
            return False
        cancels = sum(abs(x * d) for x, d in zip(point, gradient)) > 10.0 * abs(value)
        return not (isinstance(row, Reduction) and value and cancels)


def sizes(row: Operation) -> tuple[int, ...]:
    if isinstance(row, Pairing):
        return PAIRED_SIZES
    if row.name in ("var", "std"):  # of one number 0, and a distance of two
        return SPREAD_SIZES
    return SIZES if isinstance(row, Reduction) else (len(row.domain),)


def shared_out(total: int, parts: int) -> Iterator[int]:
    """A number of points as whole numbers for each of the parts."""
    return (total // parts + (i < total % parts) for i in range(parts))


def domain_points(row: Operation) -> Iterator[Point]:
    """Points spread evenly and without chance over the domain: multiples of irrational steps."""
    shares = shared_out(POINTS, len(sizes(row)))
    for size, count in zip(sizes(row), shares):
        domain = row.domain * size if isinstance(row, Reduction) else row.domain
        for k in range(1, count + 1):
            strides = (sqrt(prime) * k % 1.0 for prime in (2, 3, 5, 7, 11, 13))
            point = tuple(low + (high - low) * s for (low, high), s in zip(domain, strides))
            yield (0.0, *point[1:]) if row.selects and k % 3 == 0 else point


def tail_points(row: Operation, reference: Reference) -> Iterator[Point]:
    """Points with at least one operand in a tail, the others there or in the domain."""
    tails = sorted(sign * x for x in TAILS for sign in (1.0, -1.0))
    if len(row.domain) == 1 and not isinstance(row, Reduction):
        found = [(x,) for x in tails if reference.is_fit(row, (x,))]
        yield from (found[i * len(found) // TAIL_POINTS] for i in range(TAIL_POINTS))
        return
    chance = random.Random(row.name)
    for size, count in zip(sizes(row), shared_out(TAIL_POINTS, len(sizes(row)))):
        domain = row.domain * size if isinstance(row, Reduction) else row.domain
        for _ in range(count):
            yield a_tail_point(row, domain, reference, tails, chance)


def a_tail_point(
    row: Operation, domain: tuple, reference: Reference, tails: list[float], chance: random.Random
) -> Point:
    for _ in range(1_000):
        first = chance.randrange(len(domain))
        point = tuple(
            chance.choice(tails) if i == first or chance.random() < 0.4 else chance.uniform(*each)
            for i, each in enumerate(domain)
        )
        if reference.is_fit(row, point):
            return point
    raise LookupError(f"{row.name} has no ordinary numbers in its tails")


def lines(name: str, finer: int) -> list[str]:
    """The lines of a row, computed with a number of digits more than usual."""
    row = TABLE[name]
    near, far = Reference(80 + finer, 60 + finer // 2), Reference(600 + finer, 400 + finer // 2)
    found = [("domain", near, point) for point in domain_points(row)]
    found += [("tail", far, point) for point in tail_points(row, far)]
    return [
        " | ".join([f"{name} {place}", *map(written, [point, *reference.orders(row, point)])])
        for place, reference, point in found
    ]


def written(numbers: Point | list[float]) -> str:
    return " ".join(repr(x).removesuffix(".0") for x in numbers)


def main() -> int:
    arguments = argparse.ArgumentParser(description="Tabulate operations and derivatives exactly.")
    arguments.add_argument("rows", nargs="*", metavar="ROW", help="some rows of the table (all)")
    arguments.add_argument("--check", action="store_true", help="compare instead of writing")
    options = arguments.parse_args()
    names = options.rows or list(TABLE)
    with ProcessPoolExecutor() as pool:
        found = dict(zip(names, pool.map(given(lines, finer=20 * options.check), names)))
    stored = FILE.read_text(encoding="utf-8").splitlines() if FILE.exists() else []
    kept = {name: [line for line in stored if line.split()[0] == name] for name in TABLE}
    if options.check:
        return report([(kept[name], found[name]) for name in names])
    text = [line for name in TABLE for line in found.get(name, kept[name])]
    FILE.write_text("\n".join(text) + "\n", encoding="utf-8")
    return 0


def report(tables: list[tuple[list[str], list[str]]]) -> int:
    """Print how many stored lines differ from those computed again, and the first of them."""
    pairs = [pair for table in tables for pair in zip_longest(*table, fillvalue="nothing")]
    different = [pair for pair in pairs if pair[0] != pair[1]]
    print(f"{len(pairs)} lines computed again, {len(different)} differ from what is stored")
    for pair in different[:5]:
        print("  stored   {}\n  computed {}".format(*pair))
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
