"""Stored reference values, and how the table of operations is held against them.

The numbers are in `reference/values.txt`, where `reference/make.py` writes them, computed with up
to 600 digits; here they are read, and a row is checked at all of them. Next: `test_reference.py`.
"""

import math
from collections.abc import Iterator
from functools import cache
from itertools import combinations_with_replacement
from pathlib import Path
from typing import NamedTuple

from glassgrad import TABLE, Operation, Reduction, Value, grad

Point = tuple[float, ...]

FOLDER = Path(__file__).with_name("reference")

DOMAIN_GATE = (1e-12, 1e-12, 1e-12, 1e-10)
"""The relative errors allowed in the values and in the derivatives of orders 1, 2 and 3."""
TAIL_GATE = (1e-15, 1e-15, 1e-12, 1e-10)
"""The same in the tails: there, value and gradient are right to the last digits or wrong."""
ROUNDED_EXPONENTS = {
    "pow": "a^(b - 1) rounds b - 1, which shows times ln a",
    "logaddexp": "its derivatives take exp of a rounded difference, which shows times its size",
    "logsumexp": "the same: exp(x - largest)",
    "gelu_tanh": "the cubic inside is rounded, which shows times its size",
}
"""Rows whose gate in the tails is 1e-13: what is rounded, as in every other library, and why."""


class Case(NamedTuple):
    """A point, and the exact value and partial derivatives of each order there."""

    row: Operation
    in_tail: bool
    point: Point
    orders: tuple[tuple[float, ...], ...]

    def allowance(self, order: int, expected: float) -> float:
        """The absolute error allowed in one number.

        From order 2 on derivatives have zeros inside, near which no relative digits are kept:
        there the size that the change of the lower order suggests counts too.
        """
        gate = (TAIL_GATE if self.in_tail else DOMAIN_GATE)[order]
        if self.in_tail and self.row.name in ROUNDED_EXPONENTS:
            gate = max(gate, 1e-13)
        if order < 2:
            return gate * abs(expected)
        scale = max(map(abs, self.orders[order - 1])) / max(1.0, *map(abs, self.point))
        return gate * max(abs(expected), scale)


class Comparison(NamedTuple):
    """One number beside its reference."""

    case: Case
    by: tuple[int, ...]
    found: float
    expected: float

    @property
    def order(self) -> int:
        return len(self.by)

    @property
    def error(self) -> float:
        """The relative error; infinite where a 0 or a finite number is missed altogether."""
        if self.found == self.expected:
            return 0.0
        error = abs(self.found - self.expected) / abs(self.expected) if self.expected else math.inf
        return math.inf if math.isnan(error) else error

    @property
    def used(self) -> float:
        """The share of the allowed error that is used up; more than 1 is wrong."""
        if self.found == self.expected:
            return 0.0
        allowed = self.case.allowance(self.order, self.expected)
        used = abs(self.found - self.expected) / allowed if allowed else math.inf
        return math.inf if math.isnan(used) else used

    @property
    def is_wrong(self) -> bool:
        return self.used > 1.0

    def __str__(self) -> str:
        operands = ", ".join(map(repr, self.case.point))
        of = f"{self.case.row.name}({operands})"
        what = f"the derivative of {of} by operands {self.by}" if self.by else of
        return f"{what} is {self.found!r}, exact {self.expected!r} (error {self.error:.1e})"


@cache
def cases() -> dict[str, list[Case]]:
    """All stored cases by the name of the row."""
    found: dict[str, list[Case]] = {name: [] for name in TABLE}
    for line in (FOLDER / "values.txt").read_text(encoding="utf-8").splitlines():
        head, *groups = line.split(" | ")
        name, place = head.split()
        point, *orders = (tuple(map(float, group.split())) for group in groups)
        found[name].append(Case(TABLE[name], place == "tail", point, tuple(orders)))
    return found


def call(row: Operation, operands: tuple) -> object:
    """A row on its flat operands; a pairing wants them as two sequences."""
    return row(*row.sides(operands)) if isinstance(row, Reduction) else row(*operands)


def comparisons(case: Case, highest: int = 3) -> Iterator[Comparison]:
    """Value and derivatives of a row beside the reference, up to an order."""
    xs = tuple(Value(x) for x in case.point)
    known = {(): call(case.row, xs)}
    for order, expected in enumerate(case.orders[: highest + 1]):
        if order:
            known = _differentiated(known, xs)
        by = combinations_with_replacement(range(len(xs)), order)
        for indices, number in zip(by, expected, strict=True):
            yield Comparison(case, indices, known[indices].data, number)


def _differentiated(
    known: dict[tuple[int, ...], Value], xs: tuple[Value, ...]
) -> dict[tuple[int, ...], Value]:
    """The partial derivatives of the next order, each by operands in ascending order."""
    found = {}
    for by, value in known.items():
        first = by[-1] if by else 0
        gradient = grad(value, xs[first:], differentiable=True)
        found.update({(*by, first + i): g for i, g in enumerate(gradient)})
    return found
