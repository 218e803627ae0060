"""Every row of the table, checked alike: its ways to differentiate, its methods, its notation.

The cases are generated from `glassgrad.TABLE`, so a new row is tested the moment it is added. Its
numbers are the business of `test_reference.py`, its readings that of `test_readings.py`.
"""

import random
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


# What people are shown.


def textbook_derivatives(row: Operation, point: Point) -> tuple:
    y = row.forward(point)
    if isinstance(row, Reduction):
        return tuple(row.textbook[0](point, y))
    return tuple(rule(*point, y) if callable(rule) else rule for rule in row.textbook)


def in_its_domain(row: Operation) -> list[Point]:
    """The points of the reference, and as many at random."""
    chance, found = random.Random(row.name), []
    for point in points(row):
        domain = row.domain * len(point) if isinstance(row, Reduction) else row.domain
        found += [point, tuple(chance.uniform(*interval) for interval in domain)]
    return found


@ROWS
def test_the_textbook_has_the_derivatives_of_the_rules(row: Operation) -> None:
    assert len(row.textbook) == len(row.rules)
    for point in in_its_domain(row):
        exact = row.derivatives(point, row.forward(point))
        for shown, right in zip(textbook_derivatives(row, point), exact, strict=True):
            assert (shown is None) == (right is None)
            assert right is None or shown == pytest.approx(right, rel=1e-9, abs=0.0), point


SHOWN = {
    "div": ("1 / b", "-a / b ** 2"),
    "pow": ("b * a ** (b - 1)", "a ** b * log(a)"),
    "asin": ("1 / sqrt(1 - a ** 2)",),
    "acos": ("-1 / sqrt(1 - a ** 2)",),
    "atan": ("1 / (1 + a ** 2)",),
    "atan2": ("b / (b ** 2 + a ** 2)", "-a / (b ** 2 + a ** 2)"),
    "tanh": ("1 - y ** 2",),
    "asinh": ("1 / sqrt(a ** 2 + 1)",),
    "acosh": ("1 / sqrt(a ** 2 - 1)",),
    "atanh": ("1 / (1 - a ** 2)",),
    "hypot": ("a / y", "b / y"),
    "sigmoid": ("y * (1 - y)",),
    "softplus": ("sigmoid(a)",),
    "silu": ("sigmoid(a) + y * (1 - sigmoid(a))",),
    "leaky_relu": ("where(step(a), 1, b)", "where(step(a), 0, a)"),
    "elu": ("where(step(a), 1, b * exp(a))", "where(step(a), 0, exp(a) - 1)"),
    "maximum": ("where(a - b, step(a - b), 0.5)", "where(a - b, step(b - a), 0.5)"),
    "share": ("b / (a + b) ** 2", "-a / (a + b) ** 2"),
    "logaddexp": ("exp(a - y)", "exp(b - y)"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_is_what_a_textbook_writes(name: str) -> None:
    row = TABLE[name]
    operands, y = symbols(len(row.rules)), Formula.symbol("y")
    assert tuple(str(rule(*operands, y)) for rule in row.textbook) == SHOWN[name]


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
    assert isinstance(row, Reduction) or getattr(Value, row.name).__doc__ == row.__doc__
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
