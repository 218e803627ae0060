"""The checker, checked: right derivatives pass, wrong ones are found, and what has none is refused.

Wrong ones are those that people write: a sign, a factor, a term left out, operands swapped, a part
cut off from the graph, old data; at one argument only, or in the second derivative only.
"""

import inspect
import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from needing import mostly_slow

from glassgrad import (
    TABLE,
    ChangedDataError,
    GradientMismatchError,
    Operation,
    Reduction,
    Value,
    check_gradients,
    engine,
    no_grad,
)
from glassgrad.engine.check import finding
from glassgrad.engine.op import ATOM, Notation, Pairing


def operation_with(*rules: object, function: Callable = math.sin) -> Operation:
    """A sine of one's own, or another function, with derivative rules of one's own."""
    return Operation(
        "mine",
        "A function of one's own.",
        scalar=function,
        array=np.vectorize(function, otypes=[float]),
        rules=rules,
        notation=Notation("mine(%s)", "mine(%s)", ATOM),
        domain=((-3.0, 3.0),) * len(rules),
    )


SHARES = ((0.8, 0.6, 0.4, 0.3), (0.07, 0.29, 0.71, 0.9), (0.43, 0.86, 0.17, 0.55))
"""Where in its interval an operand is tested: nowhere in the middle, where many have a kink."""


def check_row(row: Operation, tolerance: float = 1e-7) -> float:
    """The first and second derivatives of a row, in its domain."""
    intervals = row.domain
    if isinstance(row, Reduction):
        intervals = row.domain * (4 if isinstance(row, Pairing) else 3)
    call = lambda *xs: row(*row.sides(xs))
    call.__name__ = row.name
    points = [[a + (b - a) * at for (a, b), at in zip(intervals, shares)] for shares in SHARES]
    of_row = call if isinstance(row, Reduction) else row
    return max(check_gradients(of_row, xs, order=2, tolerance=tolerance) for xs in points)


# What is right.


def test_a_check_records_inside_no_grad() -> None:
    with no_grad():
        assert check_gradients(lambda x: x**3, [3.0]) < 1e-9
        assert check_row(operation_with(lambda x, y: engine.cos(x))) < 1e-7


FIVE = [i / 3 - 0.9 for i in range(5)]
AT_POINTS: dict[str, list[tuple[Callable, list]]] = {
    "simple ones": [
        (lambda x: x**3, [2.0]), (lambda x, y: engine.sin(x * y) / y, [0.5, 2.0]),
        (engine.logsumexp, [0.1, 0.2, -3.0]), (engine.gelu, [-2.0]), (lambda x: 5.0, [1.0]),
        (lambda *xs: engine.prod(xs) + engine.logsumexp(xs), FIVE),
        (lambda x, y: x * y, np.array([1.0, 2.0])), (max, [1.0, 2.0]),
    ],
    "near a pole, a kink or the edge of a domain": [
        (engine.log, [0.004]), (engine.log, [1e-8]), (engine.sqrt, [1e-8]),
        (engine.asin, [0.9999999]), (engine.acosh, [1.0001]), (engine.tan, [1.57]),
        (lambda x: 1 / x, [1e-8]), (lambda x: 1 / (x - 1.0001), [1.0]), (engine.relu, [1e-6]),
    ],
    "large and small arguments, slow and fast functions of them": [
        (engine.log, [1e8]), (engine.sin, [1e8]), (engine.sin, [1e-8]), (lambda x: x**2, [1e8]),
        (lambda x: engine.sin(1000 * x), [0.7]), (engine.exp, [700.0]),
    ],
    "large and small results, and slopes that the digits of the result hardly show": [
        (lambda x: 1e-12 * engine.sin(x), [0.7]), (lambda x: 1e12 + engine.sin(x), [0.7]),
        (engine.sigmoid, [30.0]), (lambda x: engine.exp(-x * x), [5.0]), (lambda x: x**4, [0.0]),
        (engine.cos, [0.0]),
    ],
    "nudges that are not lost": [
        (lambda x: engine.relu(x) + 5.0, [-3.0]), (lambda x: 5.0 + x * 0.0, [1.0]),
        (engine.sigmoid, [1000.0]), (lambda x: (x + 1e8) - 1e8, [1.0]), (engine.cos, [math.pi]),
        (lambda x: (x - 0.1) ** 2 + 1.0, [0.1 + 1e-12]),
    ],
    "what fails beyond the point": [(lambda x, i: x * ([5.0] * 8)[int(i.data)], [2.0, 3.5])],
}  # fmt: skip
SMALL_AND_LARGE = [
    (engine.log, 1e-300), (engine.sqrt, 1e-300), (lambda x: 1 / x, 1e-20), (engine.relu, 1e-20),
    (lambda x: x * 3.0, 5e-324), (lambda x: x * 0.5, 1.7e308),
    (lambda x: engine.sin(x) * 1.7e308, 1.0),
]  # fmt: skip


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("points", AT_POINTS)
def test_what_is_right_passes(points: str, order: int) -> None:
    for function, xs in AT_POINTS[points]:
        if order == 1 or points not in ("nudges that are not lost", "what fails beyond the point"):
            assert check_gradients(function, xs, order=order) < 1e-6
        with no_grad():  # it records all the same
            assert check_gradients(function, xs) < 1e-7


@pytest.mark.parametrize(("function", "x"), SMALL_AND_LARGE)
def test_very_small_and_large_numbers(function: Callable, x: float) -> None:
    assert check_gradients(function, [x]) < 1e-7
    with pytest.raises(GradientMismatchError):
        check_gradients(lambda x: function(x) * (x / x.detach()), [x])


# What is wrong.


@pytest.mark.parametrize("point", [0.7, -1.5, 20.0])
@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(lambda x, y: -engine.cos(x), id="sign"),
        pytest.param(lambda x, y: engine.cos(x) * (1 + 1e-6), id="factor"),
        pytest.param(lambda x, y: engine.cos(x) + 1e-6, id="offset"),
        pytest.param(lambda x, y: engine.sin(x), id="function"),
        pytest.param(lambda x, y: engine.cos(x + 1e-6), id="shifted"),
        pytest.param(lambda x, y: 1 - x * x / 2, id="series cut short"),
        pytest.param(0.0, id="zero"),
        pytest.param(None, id="none"),
        pytest.param(math.nan, id="nan"),
        pytest.param(math.inf, id="infinite"),
    ],
)
def test_a_rule_that_is_wrong(rule: object, point: float) -> None:
    with pytest.raises(GradientMismatchError, match=rf"mine by argument 0 at \[{point}\]"):
        check_gradients(operation_with(rule), [point])


scaled_sine = operation_with(lambda x, y: engine.cos(x) * (1 + 1e-6))
swapped_angle = operation_with(
    lambda y, x, angle: -y / (x * x + y * y),
    lambda y, x, angle: x / (x * x + y * y),
    function=math.atan2,
)
forgotten_square = operation_with(
    lambda a, b, y: 1 / b, lambda a, b, y: -a / b, function=lambda a, b: a / b
)
wrong_cosine = operation_with(lambda x, y: -engine.sin(x) * 1.001, function=math.cos)
off_the_graph = operation_with(lambda x, y: math.cos(getattr(x, "data", x)))
wrong_later = operation_with(
    lambda x, y: operation_with(
        lambda x, y: -operation_with(lambda x, y: wrong_cosine(x))(x), function=math.cos
    )(x)
)


def remembering() -> Callable[[Value], Value]:
    """A part computed in the first call, and used in all: it does not move with its argument."""
    known: list[Value] = []

    def function(x: Value) -> Value:
        known.append(engine.sin(x))
        return known[0] * x

    return function


def meddling(x: Value) -> Value:
    y = engine.sin(x)
    x.data += 1.0
    return y * x


WRONG: dict[str, tuple[Callable, list, int, str]] = {
    **{
        f"a result of the scale {scale}": (
            lambda x, scale=scale: scaled_sine(x) * scale, [0.7], 1, r"relative error 1\.0e-06",
        )
        for scale in (1e-8, 1e-3, 1e3, 1e8)
    },
    **{
        f"an argument of the scale {scale}": (
            lambda x, scale=scale: scaled_sine(x / scale), [0.7 * scale], 1, r"error 1\.0e-06",
        )
        for scale in (1e-8, 1e-3, 1e3, 1e8)
    },
    "operands swapped": (swapped_angle, [0.3, 0.8], 1, "by argument 0 at "),
    "a square forgotten": (forgotten_square, [0.3, 0.8], 1, "by argument 1 at "),
    "a part detached": (lambda x, y: x * y.detach() + y, [0.3, 0.8], 1, "by argument 1 at "),
    "a part of floats": (lambda x: x * Value(math.sin(x.data)), [0.7], 1, "by argument 0 at "),
    "all of floats": (lambda x: math.sin(x.data), [0.7], 1, "by argument 0 at "),
    "the last of several arguments": (
        lambda *xs: engine.sum(x * x for x in xs[:3]) + xs[3].data * xs[2],
        [0.1, 0.2, 0.3, 0.4], 1, "by argument 3 at ",
    ),
    "one branch": (
        lambda x: engine.where(x.data > 0.5, operation_with(0.5)(x), engine.sin(x)), [0.7], 1,
        "by argument 0 at ",
    ),
    "old data": (remembering(), [0.7], 1, "function by argument 0"),
    "data changed on the way": (lambda x: meddling(x) + x.data, [0.7], 1, "by argument 0 at "),
    "a rule that leaves the graph": (
        off_the_graph, [0.7], 2,
        "The derivative of the derivative of mine by argument 0 by argument 0",
    ),
    "a second derivative": (
        operation_with(lambda x, y: wrong_cosine(x)), [0.7], 2, "derivative of mine",
    ),
    "a fourth derivative": (wrong_later, [0.7], 4, "derivative of mine"),
    "a kink in the gradient": (lambda x: x * abs(x), [0.0], 2, "derivative of the derivative"),
}  # fmt: skip
"""Functions, a point, the order that is wrong, though none before it is, and what is said."""


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found_in_its_order(name: str) -> None:
    function, xs, order, message = WRONG[name]
    if order > 1:
        check_gradients(function, xs, order=order - 1)
    with pytest.raises(GradientMismatchError, match=message):
        check_gradients(function, xs, order=order)


def test_data_changed_on_the_way_has_no_higher_order() -> None:
    with pytest.raises(ChangedDataError):
        check_gradients(meddling, [0.7], order=2)


# Operations.


def changed(row: Operation, change: Callable, which: Callable = lambda i: True) -> Operation:
    """The row with another rule for each operand of which a function of its position is true."""
    if isinstance(row, Reduction):
        rules = (
            lambda xs, y: tuple(
                change(p) if which(i) else p for i, p in enumerate(row.rules[0](xs, y))
            ),
        )
    else:
        rules = tuple(
            changed_rule(rule, change) if which(i) else rule for i, rule in enumerate(row.rules)
        )
    return with_rules(row, *rules)


def changed_rule(rule: object, change: Callable) -> object:
    """Another rule of operands of the same names, by which they are called in messages."""
    if not callable(rule):
        return None if rule is None else change(rule)
    names = ", ".join(inspect.signature(rule).parameters)
    return eval(f"lambda {names}: change(rule({names}))", {"change": change, "rule": rule})


def with_rules(row: Operation, *rules: object) -> Operation:
    return type(row)(
        row.name, row.about, scalar=row.scalar, array=row.array, rules=rules,
        notation=row.notation, domain=row.domain, defaults=row.defaults,
        selects=row.selects, masks=row.masks,
    )  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_every_row_is_right(name: str) -> None:
    assert check_row(TABLE[name]) < 1e-7


WITH_RULES = [pytest.param(row, id=name) for name, row in TABLE.items() if any(row.rules)]
"""Through the others no derivative flows."""


CHANGES = [lambda p: p * (1 + 1e-6), lambda p: p + 1e-3, lambda p: -p, lambda p: p * 0.0]


@pytest.mark.parametrize("change", mostly_slow(CHANGES))
@pytest.mark.parametrize("row", WITH_RULES)
def test_every_row_made_wrong(row: Operation, change: Callable, figure: Callable) -> None:
    with pytest.raises(GradientMismatchError, match=f"The derivative of {row.name} by arg"):
        check_row(changed(row, change))
    figure("Mutants", "wrong rules that check_gradients finds", 1)


@pytest.mark.parametrize(
    ("name", "operand"),
    [*(("clip", i) for i in range(3)), ("atan2", 0), ("atan2", 1), ("where", 1), ("add", 1),
     *(("dot", i) for i in range(4)), *(("logsumexp", i) for i in range(3))],
)  # fmt: skip
def test_the_wrong_operand_is_named(name: str, operand: int) -> None:
    wrong = changed(TABLE[name], lambda p: p * (1 + 1e-6), lambda i: i == operand)
    with pytest.raises(GradientMismatchError, match=rf"of {name} by argument {operand} at \["):
        check_row(wrong)


@pytest.mark.parametrize("name", ["sub", "mul", "div", "pow", "atan2", "hypot", "leg", "maximum"])
def test_rules_of_operands_swapped(name: str) -> None:
    row = TABLE[name]
    with pytest.raises(GradientMismatchError, match=f"derivative of {name} by arg"):
        check_row(with_rules(row, *row.rules[::-1]))


def test_a_tolerance_of_ones_own() -> None:
    with pytest.raises(GradientMismatchError, match=r"allowed 1\.0e-09"):
        check_row(operation_with(lambda x, y: engine.cos(x) + 1e-8), tolerance=1e-9)
    cosine = operation_with(lambda x, y: -engine.sin(x) * (1 + 5e-7), function=math.cos)
    sine = operation_with(lambda x, y: cosine(x))  # the second order is allowed ten times as much
    assert check_gradients(sine, [0.7], order=2, tolerance=1e-7) == pytest.approx(5e-7, rel=1e-4)
    with pytest.raises(GradientMismatchError, match=r"allowed 1\.0e-07"):
        check_gradients(sine, [0.7], order=2, tolerance=1e-8)


# What cannot be compared: refused, and not passed by chance.


KINK, LOST = "Move the point away from the kink", "nudges are lost in the rounding"
OUTSIDE = "the point is outside the domain or at its edge"
JUMP = r"they do not settle .* Look whether the function is continuous\.$"
REFUSED: dict[str, tuple[Callable, list, str]] = {
    "the kink of abs": (abs, [0.0], KINK),
    "the kink of relu": (engine.relu, [0.0], KINK),
    "a choice": (lambda x: engine.where(x > 0, x, -x), [0.0], KINK),
    "a tie": (engine.maximum, [1.0, 1.0], KINK),
    "a tie of several": (engine.max, [0.5, 1.0, 1.0], KINK),
    "a bound": (lambda x: engine.clip(x, -1.0, 1.0), [1.0], KINK),
    "a small kink": (lambda x: abs(x) * 1e-9, [0.0], KINK),
    "a step": (engine.step, [0.0], JUMP),
    "a sign": (engine.sign, [0.0], JUMP),
    "a step beside a slope": (lambda x: engine.step(x - 1) + x, [1.0], JUMP),
    "sqrt at its edge": (engine.sqrt, [0.0], OUTSIDE),
    "cbrt at 0": (engine.cbrt, [0.0], OUTSIDE),
    "log at its edge": (engine.log, [0.0], OUTSIDE),
    "log outside": (engine.log, [-1.0], OUTSIDE),
    "asin at its edge": (engine.asin, [1.0], OUTSIDE),
    "asin outside": (engine.asin, [2.0], OUTSIDE),
    "a power at its edge": (lambda x: x**1.5, [0.0], OUTSIDE),
    "beyond floats": (engine.exp, [800.0], OUTSIDE),
    "nan": (engine.sin, [math.nan], OUTSIDE),
    "infinity": (engine.tanh, [math.inf], OUTSIDE),
    "beside a large number": (lambda x: x + 1e20, [1.0], LOST),
    "wrong, beside a large number": (lambda x: x.detach() + 1e20, [1.0], LOST),
    "a small slope": (lambda x: x * 1e-20 + 1.0, [1.0], LOST),
    "a slope of a few last digits": (lambda x: x * 1e-15 + 1.0, [1.0], LOST),
    "cancelled": (lambda x: (x + 1e16) - 1e16, [1.3], LOST),
    "cancelled, at a jump of the digits": (lambda x: (x + 1e16) - 1e16, [1.0], LOST),
    "the smallest number": (lambda x: x * 5e-324, [1.0], LOST),
    "constant to rounding": (engine.sigmoid, [100.0], LOST),
}


@pytest.mark.parametrize(("function", "xs", "message"), REFUSED.values(), ids=REFUSED)
def test_where_there_is_no_derivative_or_no_difference(
    function: Callable, xs: list, message: str
) -> None:
    with pytest.raises(GradientMismatchError, match=message):
        check_gradients(function, xs)


def test_a_difference_that_is_lost_is_none() -> None:
    assert finding(lambda x: x + 1e20, 1.0).doubt == "lost"
    assert finding(lambda x: x * 1e-20 + 1.0, 1.0).doubt == "lost"
    for flat in (lambda x: 5.0, lambda x: max(x, 0.0) + 5.0):
        found = finding(flat, -3.0)
        assert (found.value, found.doubt) == (0.0, "")
    found = finding(lambda x: x**3, 2.0)
    assert found.doubt == ""
    assert found.value == pytest.approx(12.0, rel=1e-12)


def test_steps_do_not_fall_in_with_the_period_of_a_sine() -> None:
    """Steps of 11 · 2ⁿ are nearly multiples of 2π, and agreed on a slope of -0.0002."""
    assert not abs(finding(math.sin, 1e15).value + 0.00020647708) < 1e-9


# What cannot be called so: refused, and the right call is shown.

ONE_LIST = r"For a function of one list write check_gradients\(lambda \*xs: f\(xs\), \[1.0, 2.0\]\)"


@pytest.mark.parametrize(
    ("function", "xs", "error", "message"),
    [
        (lambda xs: xs[0], [1.0, 2.0], TypeError, rf"lambda with 2 arguments, .*{ONE_LIST}"),
        (lambda x, y: x * y, [1.0], TypeError, rf"lambda with 1 argument, .*{ONE_LIST}"),
        (lambda x, y: x * y, [[1.0, 2.0]], TypeError, f"each a number, .*{ONE_LIST}"),
        (engine.tanh, [1.0, 2.0], TypeError, "tanh takes 1 operand, not 2"),
        (engine.tanh, 3.0, TypeError, r"a list of numbers, not .* and 3.0.*\(f, \[1.0, 2.0\]\)"),
        (engine.tanh, Value(3.0), TypeError, r"a list of numbers, not .* and Value\("),
        (engine.tanh, "12", TypeError, "a list of numbers, not .* and '12'"),
        (engine.tanh, ["1"], TypeError, "takes Values and real numbers, not str '1'"),
        (engine.tanh, b"12", TypeError, "a list of numbers, not .* and b'12'"),
        (engine.tanh, bytearray(b"1"), TypeError, "a list of numbers, not .* and "),
        (engine.tanh, {1.0: 2.0}, TypeError, "a list of numbers, not .* and {1.0: 2.0}"),
        (engine.tanh, {1.0}, TypeError, "a list of numbers, not .* and {1.0}"),
        ([1.0], engine.tanh, TypeError, r"takes a function and .*, not list \[1.0\]"),
        (engine.tanh, [], ValueError, "at least one number"),
        *(
            (partial(check_gradients, engine.tanh, [1.0], order=order), None, ValueError,
             "order is 1 for the gradient")
            for order in (0, -1, 1.5, "2")
        ),
        *(
            (partial(check_gradients, engine.tanh, [3.0], tolerance=tolerance), None, error, said)
            for tolerance, error, said in (
                (math.nan, ValueError, "tolerance is a relative error of at least 0, not nan"),
                (-1, ValueError, "tolerance is a relative error of at least 0, not -1"),
                (None, TypeError, "tolerance takes a real number, not NoneType None"),
            )
        ),
    ],
)  # fmt: skip
def test_a_wrong_call_is_refused_with_the_right_one(
    function: object, xs: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        function() if isinstance(function, partial) else check_gradients(function, xs)


def test_a_function_for_arrays_that_gives_something_else_is_found() -> None:
    wrong = operation_with(lambda x, y: 2.0 * x, function=lambda x: x * x)
    wrong.array = lambda x: x**3
    with pytest.raises(GradientMismatchError, match="its function for arrays gives"):
        check_gradients(wrong, [0.5])
