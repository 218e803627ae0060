"""Four readings of every row agree: by floats, by Values, by the printed formula and by arrays.

The first three follow the same rule with the same arithmetic, so they give the same bits. Arrays
have functions of their own from numpy, whose last digit may differ from that of Python's `math`.
The points are those of the reference values, in the domain and in the tails.
"""

import math
import string
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from reference_values import Point, call, cases

from glassgrad import TABLE, Formula, Operation, Value, derivative_formula, engine

ROWS = pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)


def points_by_size(row: Operation) -> dict[int, list[Point]]:
    found: dict[int, list[Point]] = {}
    for case in cases()[row.name]:
        found.setdefault(len(case.point), []).append(case.point)
    return found


def local_derivatives(row: Operation, operands: tuple, result: object) -> tuple:
    return row.derivatives(operands, result, (True,) * len(operands))


def units(a: float, b: float) -> float:
    """How far two numbers are apart, in units of the last place."""
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.inf
    return abs(a - b) / math.ulp(max(abs(a), abs(b)))


def readings_by_array(row: Operation, points: list[Point]) -> Iterator[tuple[Point, float, list]]:
    """Value and local derivatives of all points at once, as arrays."""
    columns = tuple(np.array(points).T)
    with np.errstate(all="ignore"):
        results = call(row, columns)
        partials = local_derivatives(row, columns, results)
    for i, point in enumerate(points):
        at_i = [None if p is None else float(np.broadcast_to(p, len(points))[i]) for p in partials]
        yield point, float(np.broadcast_to(results, len(points))[i]), at_i


@ROWS
def test_values_are_floats_bit_for_bit(row: Operation, figure: Callable) -> None:
    for case in cases()[row.name]:
        y = call(row, tuple(map(Value, case.point)))
        number = call(row, case.point)
        assert type(y.data) is type(number) is float
        assert y.data == number
        assert {type(partial) for partial in y.partials} <= {float, type(None)}
        assert y.partials == row.partials(case.point, number, (True,) * len(case.point))
    count = len(cases()[row.name])
    figure("Four readings", "points at which Values give the bits of floats", count)


def evaluated(text: str, names: str, point: Point) -> float:
    """A formula in Python's notation, computed with the functions of `glassgrad` on floats."""
    known = {**vars(engine), "inf": math.inf, "nan": math.nan}
    return eval(text, known, dict(zip(names, point)))


@ROWS
def test_printed_formulas_are_floats_bit_for_bit(row: Operation, figure: Callable) -> None:
    for size, points in points_by_size(row).items():
        names = string.ascii_lowercase[:size]
        formulas = tuple(map(Formula.symbol, names))
        text = call(row, formulas).text
        derivatives = [derivative_formula(row, formulas, i, exact=True) for i in range(size)]
        for point in points:
            number = call(row, point)
            assert evaluated(text, names, point) == number, text
            partials = row.partials(point, number, (True,) * size)
            for partial, formula in zip(partials, derivatives):
                if formula is None:
                    assert partial is None
                else:
                    assert evaluated(formula.text, names, point) == (partial or 0.0), formula.text
            figure("Four readings", "points at which printed formulas give the bits of floats", 1)


@ROWS
def test_arrays_are_floats_to_the_last_place(row: Operation, figure: Callable) -> None:
    """One unit where numpy has the function; two for a formula of several, four for its rule."""
    allowed = 2.0 if row.array is row.scalar else 1.0
    worst, worst_derivative = 0.0, 0.0
    for points in points_by_size(row).values():
        for point, value, partials in readings_by_array(row, points):
            number = call(row, point)
            worst = max(worst, units(value, number))
            for by_array, by_float in zip(partials, local_derivatives(row, point, number)):
                assert (by_array is None) == (by_float is None)
                worst_derivative = max(worst_derivative, units(by_array or 0.0, by_float or 0.0))
    assert worst <= allowed
    assert worst_derivative <= 4.0
    figure(
        "Four readings", "largest distance of arrays from floats, in units of the last place", worst
    )
    figure("Four readings", "the same of local derivatives", worst_derivative)


def test_units_of_the_last_place() -> None:
    assert units(1.0, 1.0) == units(math.nan, math.nan) == units(0.0, -0.0) == 0.0
    assert units(1.0, 1.0 + 2.0**-52) == 1.0
    assert units(1e300, -1e300) > 1e15
    assert units(1.0, math.nan) == units(math.inf, 1.0) == units(-math.inf, math.inf) == math.inf
