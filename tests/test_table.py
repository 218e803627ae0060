"""Every row of the table, checked alike: its ways to differentiate, its methods, its notation.

The cases are generated from `glassgrad.TABLE`, so a new row is tested the moment it is added. Its
numbers are the business of `test_reference.py`, its readings that of `test_readings.py`.
"""

import re
import string
from operator import attrgetter

import numpy as np
import pytest
from reference_values import Point, call, cases

from glassgrad import TABLE, Formula, Operation, Reduction, Value, engine, grad, jvp

ROWS = pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)


def points(row: Operation) -> list[Point]:
    return [case.point for case in cases()[row.name] if not case.in_tail]


def sizes(row: Operation) -> set[int]:
    return set(map(len, points(row)))


@ROWS
def test_all_ways_to_differentiate_agree(row: Operation) -> None:
    for point in points(row):
        xs = [Value(x) for x in point]
        y = call(row, tuple(xs))
        y.backward()
        by_backward = [x.grad for x in xs]
        directions = np.eye(len(point))
        by_jvp = [jvp(lambda *xs: call(row, xs), point, list(d))[1] for d in directions]
        by_graph = [g.data for g in grad(y, xs, differentiable=True)]
        assert by_backward == grad(y, xs) == by_graph
        assert by_jvp == pytest.approx(by_backward, rel=1e-15)


@pytest.mark.parametrize(
    "row", [row for row in TABLE.values() if not isinstance(row, Reduction)], ids=attrgetter("name")
)
def test_methods_and_operators_do_what_the_function_does(row: Operation) -> None:
    for point in points(row):
        by_function = call(row, tuple(map(Value, point)))
        for name in filter(None, (row.name, row.dunder)):
            by_method = getattr(Value(point[0]), name)(*map(Value, point[1:]))
            assert (by_method.data, by_method.partials) == (by_function.data, by_function.partials)
            assert by_method.operation is row


@ROWS
def test_constants_get_no_derivative(row: Operation) -> None:
    for point in points(row):
        for i in range(len(point)):
            operands = (*point[:i], Value(point[i]), *point[i + 1 :])
            everywhere = call(row, tuple(map(Value, point)))
            y = call(row, operands)
            assert y.data == everywhere.data
            expected = tuple(p if k == i else None for k, p in enumerate(everywhere.partials))
            assert y.partials == expected


# Names and notation.


def operand_names(size: int) -> str:
    return string.ascii_lowercase[:size]


def symbols(size: int) -> tuple[Formula, ...]:
    return tuple(map(Formula.symbol, operand_names(size)))


@ROWS
def test_every_row_is_a_function_of_the_package(row: Operation) -> None:
    assert any(thing is row for thing in vars(engine).values())


@ROWS
def test_every_row_is_described(row: Operation) -> None:
    assert row.about.endswith(".")
    assert row.about in row.__doc__
    assert row.name in repr(row)
    assert row.notation.text.count("%s") == row.notation.latex.count("%s") > 0


def braces_balance(latex: str) -> bool:
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", latex):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0 and latex.count(r"\left") == latex.count(r"\right")


@ROWS
def test_latex_balances(row: Operation) -> None:
    for size in sizes(row):
        formulas = symbols(size)
        derivatives = [
            engine.derivative_formula(row, formulas, i, exact=exact)
            for i in range(size)
            for exact in (True, False)
        ]
        for formula in (call(row, formulas), *derivatives):
            if formula is None:
                continue
            assert braces_balance(formula.latex), formula.latex
            assert "%s" not in formula.latex
