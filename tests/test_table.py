"""Every row of the table, checked alike: its value, derivatives, readings and notation.

The cases are generated from `engine.TABLE`, so a new row is tested the moment it is added. There
are two oracles: finite differences, which need nothing, and 40 digits of mpmath where it is
installed. The last part checks the checks: each rule is broken on purpose and must be found out.
"""

import itertools
import math
import re
import string
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import engine
from engine import TABLE, Ink, Operation, Reduction, Value, grad, jvp
from engine.operation import Pairing

Point = tuple[float, ...]

POINTS = 10
SIZES = (1, 2, 3, 5)
PAIRED_SIZES = (2, 4, 6)  # of both sides together


def call(row: Operation, operands: tuple) -> object:
    """A row on its flat operands; a pairing wants them as two sequences."""
    return row(*row.sides(operands)) if isinstance(row, Reduction) else row(*operands)


def sizes(row: Operation) -> tuple[int, ...]:
    if isinstance(row, Pairing):
        return PAIRED_SIZES
    return SIZES if isinstance(row, Reduction) else (len(row.domain),)


def points(row: Operation) -> Iterator[Point]:
    """Points spread evenly and without chance over the domain: multiples of irrational steps."""
    for size in sizes(row):
        intervals = row.domain * size if isinstance(row, Reduction) else row.domain
        for k in range(1, POINTS + 1 if size <= 3 else 5):
            strides = (math.sqrt(prime) * k % 1.0 for prime in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29))
            point = tuple(low + (high - low) * s for (low, high), s in zip(intervals, strides))
            chooses_last = row.selects and k % 2 == 0
            yield (0.0, *point[1:]) if chooses_last else point


def index_pairs(size: int) -> Iterator[tuple[int, int]]:
    return itertools.product(range(size), repeat=2)


ROWS = pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
CASES = pytest.mark.parametrize(
    ("row", "point"),
    [
        pytest.param(row, point, id=f"{name}-{len(point)}-{i}")
        for name, row in TABLE.items()
        for i, point in enumerate(points(row))
    ],
)


# Derivatives. The oracle of the value is the row itself, so a wrong rule shows.


def replaced(point: Point, index: int, x: float) -> Point:
    return (*point[:index], x, *point[index + 1 :])


def difference(function: Callable[[Point], float], point: Point, index: int) -> float:
    """The derivative of a function of a point by one coordinate, by finite differences."""
    x = point[index]
    return engine.extrapolated_difference(
        lambda moved: function(replaced(point, index, moved)), x, 0.05 * max(abs(x), 0.1)
    )


def gradient_at(row: Operation, point: Point) -> list[float]:
    xs = [Value(x) for x in point]
    return grad(call(row, tuple(xs)), xs)


def check_first_derivatives(row: Operation, point: Point) -> None:
    expected = [difference(lambda p: call(row, p), point, i) for i in range(len(point))]
    assert gradient_at(row, point) == pytest.approx(expected, rel=1e-8, abs=1e-9)


def check_second_derivatives(row: Operation, point: Point) -> None:
    hessian = engine.hessian(lambda xs: call(row, tuple(xs)))(point)
    for i, j in index_pairs(len(point)):
        expected = difference(lambda p, i=i: gradient_at(row, p)[i], point, j)
        assert hessian[i, j] == pytest.approx(expected, rel=1e-8, abs=1e-9), (i, j)


@CASES
def test_first_derivatives(row: Operation, point: Point) -> None:
    check_first_derivatives(row, point)


@CASES
def test_second_derivatives(row: Operation, point: Point) -> None:
    check_second_derivatives(row, point)


@CASES
def test_all_ways_to_differentiate_agree(row: Operation, point: Point) -> None:
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
    ("function", "derivative"),
    [
        (math.sin, math.cos),
        (math.exp, math.exp),
        (lambda x: x**5, lambda x: 5 * x**4),
        (math.atan, lambda x: 1 / (1 + x * x)),
        (math.tanh, lambda x: 1 / math.cosh(x) ** 2),
    ],
)
@pytest.mark.parametrize("x", [-2.5, -0.3, 0.01, 0.7, 3.0])
def test_the_oracle_itself(
    function: Callable[[float], float], derivative: Callable[[float], float], x: float
) -> None:
    found = engine.extrapolated_difference(function, x)
    assert found == pytest.approx(derivative(x), rel=3e-10, abs=1e-11)


# Forty digits.


def mpmath_functions(mp: object) -> dict[str, Callable]:
    """Each row written once more, by its textbook definition, in numbers of 40 digits."""
    tangent = mp.tanh

    def total(xs: tuple) -> object:
        return mp.fsum(xs)

    def positive(x: object) -> object:
        return x if x > 0 else mp.mpf(0)

    def gelu_tanh(x: object) -> object:
        return x * (1 + tangent(mp.sqrt(2 / mp.pi) * (x + mp.mpf(0.044715) * x**3))) / 2

    return {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b,
        "neg": lambda x: -x,
        "pos": lambda x: x,
        "pow": lambda a, b: a**b,
        "abs": abs,
        "exp": mp.exp,
        "expm1": mp.expm1,
        "log": mp.log,
        "log1p": mp.log1p,
        "log2": lambda x: mp.log(x, 2),
        "log10": lambda x: mp.log(x, 10),
        "sqrt": mp.sqrt,
        "cbrt": mp.cbrt,
        "sin": mp.sin,
        "cos": mp.cos,
        "tan": mp.tan,
        "asin": mp.asin,
        "acos": mp.acos,
        "atan": mp.atan,
        "atan2": mp.atan2,
        "sinh": mp.sinh,
        "cosh": mp.cosh,
        "tanh": mp.tanh,
        "sech": mp.sech,
        "asinh": mp.asinh,
        "acosh": mp.acosh,
        "atanh": mp.atanh,
        "hypot": lambda a, b: mp.sqrt(a * a + b * b),
        "erf": mp.erf,
        "erfc": mp.erfc,
        "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
        "softplus": lambda x: mp.log(1 + mp.exp(x)),
        "relu": positive,
        "leaky_relu": lambda x, slope: positive(x) - slope * positive(-x),
        "elu": lambda x, alpha: positive(x) + alpha * mp.expm1(-positive(-x)),
        "silu": lambda x: x / (1 + mp.exp(-x)),
        "gelu": lambda x: x * mp.ncdf(x),
        "gelu_tanh": gelu_tanh,
        "sign": mp.sign,
        "step": lambda x: mp.mpf(x > 0),
        "compare": lambda a, b: mp.sign(a - b),
        "maximum": max,
        "minimum": min,
        "clip": lambda x, low, high: min(max(x, low), high),
        "where": lambda condition, a, b: a if abs(condition) > 1e-6 else b,
        "sum": lambda *xs: total(xs),
        "prod": lambda *xs: mp.fprod(xs),
        "dot": lambda *both: total(
            [a * b for a, b in zip(both[: len(both) // 2], both[len(both) // 2 :])]
        ),
        "mean": lambda *xs: total(xs) / len(xs),
        "max": lambda *xs: max(xs),
        "min": lambda *xs: min(xs),
        "logsumexp": lambda *xs: mp.log(total([mp.exp(x) for x in xs])),
        "softmax": lambda *xs: mp.exp(xs[0]) / total([mp.exp(x) for x in xs]),
    }


def mpmath_derivative(mp: object, function: Callable, point: Point, orders: tuple) -> float:
    """A partial derivative by the coordinates with a non-zero order."""
    moving = [i for i, order in enumerate(orders) if order]

    def section(*xs: object) -> object:
        whole = list(map(mp.mpf, point))
        for i, x in zip(moving, xs):
            whole[i] = x
        return function(*whole)

    return float(
        mp.diff(section, tuple(point[i] for i in moving), tuple(orders[i] for i in moving))
    )


@ROWS
def test_forty_digits(row: Operation) -> None:
    mp = pytest.importorskip("mpmath").mp.clone()
    mp.dps = 40
    function = mpmath_functions(mp)[row.name]
    for point in itertools.islice(points(row), 0, None, 3):
        value = float(function(*map(mp.mpf, point)))
        assert call(row, point) == pytest.approx(value, rel=1e-12, abs=1e-15), point
        gradient = gradient_at(row, point)
        hessian = engine.hessian(lambda xs: call(row, tuple(xs)))(point)
        for i, j in index_pairs(len(point)):
            orders = tuple((k == i) + (k == j) for k in range(len(point)))
            second = mpmath_derivative(mp, function, point, orders)
            assert hessian[i, j] == pytest.approx(second, rel=1e-11, abs=1e-14), (point, i, j)
            once = tuple(int(k == i) for k in range(len(point)))
            first = mpmath_derivative(mp, function, point, once) if i == j else gradient[i]
            assert gradient[i] == pytest.approx(first, rel=1e-11, abs=1e-15), (point, i)


# Readings: floats, arrays and Values follow the same rule.

A_FEW_ULPS = dict(rel=4 * 4e-16, abs=4e-16)


def local_derivatives(row: Operation, operands: tuple, result: object) -> tuple:
    return row.derivatives(operands, result, (True,) * len(operands))


@CASES
def test_values_and_floats_agree(row: Operation, point: Point) -> None:
    y = call(row, tuple(map(Value, point)))
    number = call(row, point)
    assert y.data == number
    assert y.partials == row.partials(point, number, (True,) * len(point))


@CASES
def test_numbers_stored_are_floats(row: Operation, point: Point) -> None:
    y = call(row, tuple(map(Value, point)))
    assert type(y.data) is float
    assert {type(partial) for partial in y.partials} <= {float, type(None)}


@ROWS
def test_arrays_and_floats_agree(row: Operation) -> None:
    for size in sizes(row):
        chosen = [point for point in points(row) if len(point) == size]
        columns = tuple(np.array(chosen).T)
        results = call(row, columns)
        partials = local_derivatives(row, columns, results)
        for i, point in enumerate(chosen):
            number = call(row, point)
            assert results[i] == pytest.approx(number, **A_FEW_ULPS)
            for by_array, by_float in zip(partials, local_derivatives(row, point, number)):
                if by_float is None:
                    assert by_array is None
                else:
                    at_i = np.broadcast_to(by_array, len(chosen))[i]
                    assert at_i == pytest.approx(by_float, **A_FEW_ULPS)


@ROWS
def test_methods_and_operators_do_what_the_function_does(row: Operation) -> None:
    if isinstance(row, Reduction):
        pytest.skip("a reduction is a function only")
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
            operands = replaced(point, i, Value(point[i]))
            everywhere = call(row, tuple(map(Value, point)))
            y = call(row, operands)
            assert y.data == everywhere.data
            expected = tuple(p if k == i else None for k, p in enumerate(everywhere.partials))
            assert y.partials == expected


# Names and notation.


def operand_names(size: int) -> str:
    return string.ascii_lowercase[:size]


def symbols(size: int) -> tuple[Ink, ...]:
    return tuple(map(Ink.symbol, operand_names(size)))


def evaluated(text: str, point: Point) -> float:
    """A formula in Python's notation, computed with the functions of `engine` on floats."""
    names = {**vars(engine), "inf": math.inf, "nan": math.nan}
    return eval(text, names, dict(zip(operand_names(len(point)), point)))


@ROWS
def test_every_row_is_a_function_of_the_package(row: Operation) -> None:
    assert any(thing is row for thing in vars(engine).values())


@ROWS
def test_every_row_is_described(row: Operation) -> None:
    assert row.about.endswith(".")
    assert row.about in row.__doc__
    assert row.name in repr(row)
    assert row.notation.text.count("%s") == row.notation.latex.count("%s") > 0


@ROWS
def test_text_is_python_that_computes_the_row(row: Operation) -> None:
    for point in points(row):
        text = call(row, symbols(len(point))).text
        assert evaluated(text, point) == pytest.approx(call(row, point), rel=1e-15), text


@ROWS
def test_the_written_derivative_computes_the_derivative(row: Operation) -> None:
    for point in points(row):
        numbers = local_derivatives(row, point, call(row, point))
        for i, number in enumerate(numbers):
            formula = engine.derivative_formula(row, symbols(len(point)), i)
            if number is None:
                assert formula is None
            else:
                assert evaluated(formula.text, point) == pytest.approx(number, rel=1e-12, abs=1e-15)


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
        inks = symbols(size)
        derivatives = (engine.derivative_formula(row, inks, i) for i in range(size))
        for ink in filter(None, (call(row, inks), *derivatives)):
            assert braces_balance(ink.latex), ink.latex
            assert "%s" not in ink.latex


# The checks are checked: a rule that is wrong in any of these ways must not get through.


def changed_rule(change: Callable) -> Callable[[Operation, int], tuple]:
    """A mutation of one rule: `change` is applied to every derivative that it gives."""

    def mutate(row: Operation, index: int) -> tuple:
        rule = row.rules[index]

        def wrong(*arguments: object) -> object:
            found = rule(*arguments) if callable(rule) else rule
            return tuple(map(change, found)) if isinstance(row, Reduction) else change(found)

        return replaced(row.rules, index, wrong)

    return mutate


def swapped_rules(row: Operation, index: int) -> tuple:
    """The derivative by the first operand goes to the last and so on."""
    if not isinstance(row, Reduction):
        return row.rules[::-1]
    (rule,) = row.rules
    return (lambda xs, y: tuple(rule(xs, y))[::-1],)


MUTATIONS = {
    "sign": changed_rule(lambda p: -1.0 if p is None else -p),
    "scale": changed_rule(lambda p: 1.0 if p is None else p * (1.0 + 1e-6)),
    "offset": changed_rule(lambda p: 1e-6 if p is None else p + 1e-6),
    "zero": changed_rule(lambda p: 1e-6 if p is None else 0.0),
    "swap": swapped_rules,
}


def is_caught(row: Operation, check: Callable[[Operation, Point], None]) -> bool:
    for point in points(row):
        try:
            check(row, point)
        except AssertionError:
            return True
    return False


def makes_a_difference(row: Operation, rules: tuple) -> bool:
    """Whether a mutation changes any number: the two rules of a sum, swapped, are the same."""

    def derivatives(of: tuple) -> list:
        row.rules = of
        found = [local_derivatives(row, point, call(row, point)) for point in points(row)]
        return [tuple(p or 0.0 for p in partials) for partials in found]

    original = row.rules
    try:
        return derivatives(rules) != derivatives(original)
    finally:
        row.rules = original


@pytest.mark.parametrize(
    ("row", "index", "mutation"),
    [
        pytest.param(row, index, mutation, id=f"{name}-{index}-{mutation}")
        for name, row in TABLE.items()
        for index in range(len(row.rules))
        for mutation in MUTATIONS
        if mutation != "swap" or (index == 0 and (len(row.rules) > 1 or isinstance(row, Reduction)))
    ],
)
def test_a_wrong_rule_is_caught(
    row: Operation, index: int, mutation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = MUTATIONS[mutation](row, index)
    if not makes_a_difference(row, rules):
        assert mutation == "swap"
        pytest.skip("the derivatives by all operands are alike")
    monkeypatch.setattr(row, "rules", rules)
    assert is_caught(row, check_first_derivatives)


@ROWS
def test_a_rule_that_cannot_be_differentiated_is_caught(
    row: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule that gives the right numbers but leaves the graph: its own derivative is lost."""

    def cut(p: object) -> object:
        return p.data if isinstance(p, Value) else p

    def has_curvature(point: Point) -> bool:
        return engine.hessian(lambda xs: call(row, tuple(xs)))(point).any()

    if not any(map(has_curvature, points(row))):
        pytest.skip("its second derivatives are all 0")
    rules = row.rules
    for index in range(len(rules)):
        if callable(rules[index]):
            rules = changed_rule(cut)(row, index)
            monkeypatch.setattr(row, "rules", rules)
    assert is_caught(row, check_second_derivatives)
