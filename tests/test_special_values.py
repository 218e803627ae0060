"""Special numbers: ±0, ±1, ±∞, nan, the smallest and the largest, all pairs of them.

What is right is stored in `reference/special.txt`, where `reference/special.py` writes it from
PyTorch, with a reason at every line that differs from it.
"""

import math
import runpy
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from reference_values import FOLDER, call

from glassgrad import TABLE, Operation, Value, engine, grad

ROWS = pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)


class Case(NamedTuple):
    """A row at a point, with the value and the gradient that are right."""

    name: str
    point: tuple[float, ...]
    value: float
    gradient: tuple[float, ...]
    reason: str

    def numbers(self) -> tuple[float, ...]:
        return (*self.point, self.value, *self.gradient)


def parsed(line: str) -> Case:
    name, *parts = line.split(" | ")
    point, (value,), gradient = (tuple(map(float, part.split())) for part in parts[:3])
    return Case(name, point, value, gradient, "".join(parts[3:]))


def stored() -> Iterator[Case]:
    return map(parsed, (FOLDER / "special.txt").read_text(encoding="utf-8").splitlines())


@cache
def cases() -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {name: [] for name in TABLE}
    for case in stored():
        found[case.name].append(case)
    return found


def is_special(x: float, point: tuple[float, ...]) -> bool:
    """Whether a number must be met bit for bit: no rounding leads to it."""
    return not math.isfinite(x) or abs(x) in (0.0, 5e-324, *map(abs, point))


def same_bits(found: float, expected: float) -> bool:
    if math.isnan(expected):
        return math.isnan(found)
    return found == expected and math.copysign(1.0, found) == math.copysign(1.0, expected)


def agree(found: float, expected: float, point: tuple[float, ...]) -> bool:
    """Special results bit for bit; others to the digits that libraries agree on.

    Those are the business of the reference values, and those to the last digits.
    """
    if is_special(expected, point):
        return same_bits(found, expected)
    return math.isclose(found, expected, rel_tol=4e-15)


def gradients_agree(found: float, expected: float, point: tuple[float, ...]) -> bool:
    """As values; but a zero gradient has no sign: it is a sum, and 0.0 + -0.0 is 0.0."""
    return found == expected == 0.0 or agree(found, expected, point)


@ROWS
def test_a_row_at_special_numbers(row: Operation, figure: Callable) -> None:
    found = cases()[row.name]
    assert found, "run python tests/reference/special.py"
    for case in found:
        xs = tuple(map(Value, case.point))
        y = call(row, xs)
        assert agree(y.data, case.value, case.point), (case, y.data)
        gradient = grad(y, xs)
        for ours, right in zip(gradient, case.gradient, strict=True):
            assert gradients_agree(ours, right, case.point), (case, gradient)
    figure("Special values", "results compared, each a value and a gradient", len(found))
    differing = [case.reason for case in found if case.reason and case.reason != "by definition"]
    for reason in differing:
        figure("Special values", f"of these not as PyTorch has them: {reason}", 1)


@ROWS
def test_floats_and_arrays_at_special_numbers(row: Operation) -> None:
    """The row is read by floats and by an array just as by a Value."""
    found = cases()[row.name]
    columns = tuple(np.array([case.point for case in found]).T)
    array = np.broadcast_to(call(row, columns), len(found))
    for case, by_array in zip(found, array):
        assert agree(call(row, case.point), case.value, case.point), case
        assert agree(float(by_array), case.value, case.point), (case, by_array)


@ROWS
def test_second_derivatives_are_symmetric_at_ties_and_kinks(row: Operation) -> None:
    """Whatever is chosen where no derivative exists is the choice of one function."""
    for case in cases()[row.name]:
        # 0^b has no derivative by both, and neither has x·log(y) at (0, 0).
        is_free = (row.name, case.point[0]) in (("pow", 0.0), ("xlogy", 0.0))
        if len(case.point) > 1 and set(map(abs, case.point)) <= {0.0, 1.0} and not is_free:
            hessian = engine.hessian(lambda xs: call(row, tuple(xs)))(case.point)
            # Of a share, x/s/s·y and y/s/s·x are rounded; all else is symmetric to the bit.
            rounding = 4e-16 if row.name == "logsumexp" else 0.0
            np.testing.assert_allclose(hessian, hessian.T, rounding, err_msg=str(case.point))


def test_all_pairs_are_there() -> None:
    for name, row in TABLE.items():
        numbers = {case.point[0].hex() for case in cases()[name]}
        size = len(cases()[name][0].point)
        assert len(cases()[name]) == len(numbers) ** size >= 13
        assert len(numbers) >= {1: 19, 2: 13, 3: 7}[size]
        assert size == len(row.domain) or size == 2


@pytest.mark.needs("torch")
def test_the_stored_results_are_what_the_script_writes() -> None:
    written = runpy.run_path(str(FOLDER / "special.py"))["lines"]()
    for case, again in zip(stored(), map(parsed, written), strict=True):
        assert (case.name, case.reason) == (again.name, again.reason)
        for mine, other in zip(case.numbers(), again.numbers(), strict=True):
            assert agree(mine, other, case.point), (case, again)


@pytest.mark.parametrize(
    ("found", "expected", "right"),
    [
        (0.0, 0.0, True),
        (-0.0, 0.0, False),
        (math.nan, math.nan, True),
        (0.0, math.nan, False),
        (math.inf, -math.inf, False),
        (1.0, -1.0, False),
        (1.0000000000000002, 1.0, False),
        (0.3, 0.30000000000000004, True),
        (0.3, 0.3000000001, False),
        (0.0, 5e-324, False),
    ],
)
def test_the_comparison_itself(found: float, expected: float, right: bool) -> None:
    assert agree(found, expected, (1.0,)) == right
