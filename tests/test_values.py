"""A Value as a person meets it: made, named, printed, calculated with, followed back."""

import _thread
import copy
import functools
import importlib
import inspect
import math
import numbers
import operator
import pickle
import statistics
import threading
import time
import unittest
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from outputs import assert_is_sentence

from glassgrad import (
    NOT_COMPUTED,
    Value,
    backprop,
    compiled,
    draw,
    engine,
    grad,
    scope,
)
from glassgrad.engine.arrays import array_of
from glassgrad.engine.misuse import HABITS, is_real


def here() -> int:
    """The number of the calling line."""
    return inspect.currentframe().f_back.f_lineno


# Making, naming, printing.


def test_a_leaf_and_a_result() -> None:
    x = Value(3, label="it's")
    y = x * 2
    assert (x.data, x.label, x.parents, x.partials) == (3.0, "it's", (), ())
    assert (x.operation, x.scope, x.line, x.is_constant) == (None, None, None, False)
    assert (y.data, y.label, y.partials) == (6.0, None, (2.0, None))
    assert y.operation is engine.mul
    assert [parent.is_constant for parent in y.parents] == [False, True]
    assert [*map(repr, (x, y))] == [
        'Value(data=3.0, grad=–, label="it\'s")', "Value(data=6.0, grad=–)"
    ]  # fmt: skip
    x.backward()
    assert x.grad == 1.0
    with pytest.raises(AttributeError):
        x.gradient = 0.0


@pytest.mark.parametrize("label", ["", "w₁", "<script>", "a\nb", '"{}\\'])
def test_any_text_is_a_label_of_one_node(label: str) -> None:
    xs = [Value(1.0, label=label), Value(1.0), Value(2.0).detach()]
    squares = [x * x for x in xs]  # all made by one line, and so of one origin
    squares[0].label = xs[2].label = label
    found = [node.label for node in squares + xs]
    assert found == [label, None, None, label, None, label]
    assert xs[2].is_constant
    squares[0].label = None
    assert squares[0].label is None
    assert squares[0].line.number == squares[1].line.number


@pytest.mark.parametrize("label", [1, b"x", ["x"], Value(1.0)])
def test_a_label_that_is_no_text_is_refused(label: object) -> None:
    for attempt in (lambda: Value(1.0, label=label), lambda: setattr(Value(1.0), "label", label)):
        with pytest.raises(TypeError, match="A label is text"):
            attempt()


# Calculating.


class Foreign:
    """A type that knows how to calculate with Values, which know nothing of it."""

    def __radd__(self, other: Value) -> str:
        return "mine"

    __rmatmul__ = __radd__


def test_a_foreign_type_gets_its_turn() -> None:
    assert Value(1.0) + Foreign() == Value(1.0) @ Foreign() == "mine"
    with pytest.raises(TypeError):
        Value(1.0) - Foreign()


def test_an_error_inside_a_generator_is_shown_as_it_is() -> None:
    xs = [Value(1.0), Value(2.0)]
    with pytest.raises(TypeError, match="str 'a'"):
        engine.dot((x * "a" for x in xs), xs)
    with pytest.raises(ValueError, match="math domain error"):
        engine.dot((math.sqrt(-1) * x for x in xs), xs)
    with pytest.raises(TypeError, match="str 'a'"):
        engine.sum(x * "a" for x in xs)


COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
ARITHMETIC = [operator.mul, operator.pow, engine.maximum]


@pytest.mark.parametrize("operate", [*COMPARISONS, *ARITHMETIC])
@pytest.mark.parametrize("data", [2.0, [2.0, 3.0]])
@pytest.mark.parametrize(
    "library", [pytest.param(x, marks=pytest.mark.needs(x)) for x in ("torch", "jax")]
)
def test_arrays_of_other_libraries_are_no_operands(
    library: str, data: object, operate: Callable
) -> None:
    module = importlib.import_module({"jax": "jax.numpy"}.get(library, library))
    array, v = module.asarray(data), Value(2.0, "v")
    said = "^v = 2 .*: it is compared" if operate in COMPARISONS else "takes Values and"
    for compute in (lambda: operate(v, array), lambda: operate(array, v)):
        with pytest.raises(TypeError, match=rf"{said}.*\.item") as caught:
            compute()
        assert_is_sentence(str(caught.value))
    numbers = np.asarray(array)
    if operate in COMPARISONS:
        assert operate(v, numbers).tolist() == operate(2.0, numbers).tolist()
    if library == "torch":
        with pytest.raises(TypeError, match="must be Tensor, not Value"):
            module.tanh(v)


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize(
    "right",
    [
        *(1.5, 2, True, Fraction(3, 2), Fraction(1, 3), Fraction(1, 10), Decimal("0.1"), 2**53 + 1),
        *(np.float64(1.5), np.float32(1.5), np.float32(0.1), np.int64(2), np.longdouble(1) / 3),
        *(np.longdouble(0.1), np.array(0.1), 0.1 + 0j, np.complex128(0.1)),
    ],
    ids=repr,
)
def test_comparisons_are_those_of_the_data(compare: Callable, right: object) -> None:
    """A number of any type is compared as the float nearest to it."""
    is_order = compare not in (operator.eq, operator.ne)
    if isinstance(right, complex) and is_order:
        return
    nearest = float(right.real if isinstance(right, complex) else right)
    for left in (0.1, 1 / 3, 1.0, 1.5, 2.0, 2.0**53, nearest, math.inf, math.nan):
        expected = compare(left, nearest)
        if is_order:  # of two Values equality is identity, see below
            assert compare(Value(left), Value(nearest)) == expected
        assert compare(Value(left), right) == expected
        assert compare(right, Value(left)) == compare(nearest, left)


def test_two_values_are_equal_if_they_are_one_and_true_unless_they_are_zero() -> None:
    v, w = Value(0.0), Value(0.0)
    assert (v == v, v == w, v != w, v != v) == (True, False, True, False)
    values = [v, w]
    values.remove(w)
    assert values[0] is v
    assert w not in values
    assert [v, w].index(w) == 1
    assert len({v, w}) == 2
    assert (bool(Value(0)), bool(Value(-0.5))) == (False, True)


# Where a node comes from.


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x + x,
        lambda x: x * 2,
        lambda x: 2 * x,
        lambda x: -x,
        lambda x: x.tanh(),
        lambda x: engine.tanh(x),  # noqa: PLW0108  the call must be on a line of this file
        lambda x: engine.maximum(x, 0.0),
        lambda x: engine.log(x - x),
        lambda x: (x - x).log(),
        lambda x: engine.sum([x, x]),
        lambda x: engine.dot([x, x], [1.0, 2.0]),
        lambda x: engine.softmax(x, x)[0],
        lambda x: sum([x, x]),
        lambda x: 1 / x,
        lambda x: np.exp(x),  # noqa: PLW0108
        lambda x: np.float64(2.0) * x,
        lambda x: np.ones(2)[0] - x,
        lambda x: (np.ones(2) * x)[0],
        lambda x: np.array([x, x]).sum(),
        lambda x: np.array([x, x]).mean(),
        lambda x: np.exp(np.array([x, x]))[0],
        lambda x: np.array([x, x]) @ np.array([x, x]),
    ],
)
def test_the_line_is_yours_however_the_node_is_made(make: Callable) -> None:
    for _ in range(2):  # from the second call on, functions have a method to call
        node = make(Value(0.5))
        assert (node.line.file, node.line.number) == (__file__, make.__code__.co_firstlineno)


def test_each_line_of_an_expression_has_its_nodes() -> None:
    x = Value(1.0)
    start = here()
    y = (
        x.exp()
        + x.sin()
    )  # fmt: skip
    lines = [parent.line for parent in y.parents]
    assert [(line.file, line.number) for line in lines] == [(__file__, start + i) for i in (2, 3)]
    assert (lines[1].text, str(lines[1])) == ("+ x.sin()", f"{__file__}, line {start + 3}")


@pytest.mark.parametrize(
    "function",
    [Value.relu, Value.log, engine.relu, engine.log, engine.maximum, engine.mean, engine.where],
)
def test_a_node_that_no_code_in_python_asks_for_has_no_line(function: Callable) -> None:
    count = 3 if function is engine.where else 2 if function is engine.maximum else 1
    function(*[Value(1.0)] * count)  # from the second call on, functions have a method to call
    found: list[Value] = []
    calls = map(function, *[[Value(0.0)]] * count)
    _thread.start_new_thread(found.extend, (calls,))
    deadline = time.monotonic() + 10.0
    while not found and time.monotonic() < deadline:
        time.sleep(0.001)
    assert [(node.operation.name, node.line) for node in found] == [(function.__name__, None)]


def test_a_line_that_cannot_be_read_is_empty() -> None:
    names = {"x": Value(1.0)}
    exec(compile("\n\ny = x + x", "<nowhere>", "exec"), names)
    assert (names["y"].line.number, names["y"].line.text) == (3, "")


def test_scopes_nest_and_end() -> None:
    with scope("network", "MLP"):
        with scope("layers.0", "Layer") as layer:
            inner = Value(1.0) + 1
        outer = Value(1.0) + 1
    assert (inner.scope, (outer + 1).scope, outer.scope.path()) == (layer, None, "network")
    assert (layer.path(), layer.kind) == ("network.layers.0", "Layer")
    assert [s.name for s in layer.chain()] == ["network", "layers.0"]


# Threads.


def computed(x: Value) -> list[float]:
    y = engine.sum(engine.sin(x * i) for i in range(200))
    return [y.data, grad(y, x), grad(grad(y, x, differentiable=True), x)]


def alone(start: float) -> list[float]:
    x = Value(start)
    found = computed(x)
    engine.sum(engine.sin(x * i) for i in range(200)).backward()
    return [*found, x.grad]


SHARED = Value(0.5)


@pytest.mark.parametrize("work", [lambda i: alone(i / 8), lambda i: computed(SHARED)])
def test_graphs_in_threads_and_grad_with_shared_leaves(work: Callable[[int], list]) -> None:
    barrier, expected = threading.Barrier(8), list(map(work, range(8)))

    def together(i: int) -> list:
        barrier.wait()
        return work(i)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(together, range(8))) == expected


# A number for the checkers of tests.


def test_what_is_not_finite_is_near_to_itself_alone() -> None:
    for number in (math.nan, math.inf, -math.inf):
        assert (Value(number) == pytest.approx(number)) is (number == number)
        assert Value(number) == pytest.approx(number, nan_ok=True)
        assert Value(1.0) != pytest.approx(number)
        assert Value(number) != pytest.approx(1.0)


def equal(left: object, right: object) -> None:
    found = left == right
    assert type(found) is bool
    assert found


ALMOST = unittest.TestCase().assertAlmostEqual
NEAR = functools.partial(pytest.approx, abs=1e-4)
CHECKS: dict[str, Callable[[Value, float], object]] = {
    "approx": lambda v, x: equal(v, NEAR(x)),
    "approx turned": lambda v, x: equal(x, NEAR(v)),
    "approx relative": lambda v, x: equal(v, pytest.approx(x, rel=1e-4)),
    "approx relative, turned": lambda v, x: equal(x, pytest.approx(v, rel=1e-4)),
    "approx of lists": lambda v, x: equal([v], NEAR([x])),
    "approx of lists, turned": lambda v, x: equal([x], NEAR([v])),
    "approx of dicts": lambda v, x: equal({"a": v}, NEAR({"a": x})),
    "assertAlmostEqual": lambda v, x: ALMOST(v, x, places=4),
    "assertAlmostEqual turned": lambda v, x: ALMOST(x, v, 4),
    "assertAlmostEqual delta": lambda v, x: ALMOST(v, x, delta=1e-4),
    "assert_allclose": lambda v, x: np.testing.assert_allclose(v, x, atol=1e-4),
    "assert_allclose of lists": lambda v, x: np.testing.assert_allclose([v], [x], atol=1e-4),
    "assert_allclose of tables": lambda v, x: np.testing.assert_allclose([[v]], [[x]], atol=1e-4),
    "assert_almost_equal": lambda v, x: np.testing.assert_almost_equal(v, x, decimal=4),
    "assert_array_almost_equal": lambda v, x: np.testing.assert_array_almost_equal([v], [x], 4),
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_checkers_pass_what_is_near_and_fail_what_is_not(check: Callable) -> None:
    check(Value(0.70710678), 0.70711)
    for number in (0.708, -0.7071, 7, math.nan):
        with pytest.raises(AssertionError):
            check(Value(0.70710678), number)


def test_nobody_but_a_checker_gets_a_number() -> None:
    v = Value(1.0)
    assert isinstance(v, numbers.Real)
    assert not is_real(v)
    assert (v.real is v, v.imag) == (True, 0.0)
    assert not hasattr(v, "__array__")
    assert np.array([v])[0] is v
    assert np.asarray(v).dtype == object


# Habits of other libraries.


ADVICE = (
    "{0}(v) and the functions of math would cut x = 2 off from its gradient. Use the methods of "
    "Value, such as v.tanh(), or the functions of glassgrad; {0}(v.data) for the number."
)
OF_FLOATS = f"{ADVICE.format('float')} An array that holds Values is made with dtype=object."


@pytest.mark.parametrize(
    ("attempt", "remedy"),
    [
        *((f, OF_FLOATS) for f in (float, math.exp, np.float64, lambda v: math.pow(v, 2))),
        *((kind, ADVICE.format(kind.__name__)) for kind in (int, complex)),
        *(
            (lambda v, f=f: f([v, v]), ".data")
            for f in (math.fsum, statistics.mean, statistics.fmean, statistics.variance)
        ),
        (lambda v: math.isclose(v, 1.0), "v.data"),
        (round, "round(v.data)"),
        (lambda v: round(v, 2), "round(v.data, 2)"),
        (math.floor, "math.floor(v.data)"),
        (math.ceil, "math.ceil(v.data)"),
        (math.trunc, "math.trunc(v.data)"),
        (lambda v: v // 2, "v.data // x"),
        (lambda v: 2 // v, "x // v.data"),
        (lambda v: v % 2, "math.floor(v.data / x)"),
        (lambda v: 2 % v, "math.floor(x / v.data)"),
        (lambda v: divmod(v, 2), "divmod(v.data, x)"),
        (lambda v: divmod(2, v), "divmod(x, v.data)"),
        (lambda v: v @ [1.0], "x = 2 is one number. Write v * x, or dot(xs, ws) of two lists."),
        (lambda v: [1.0] @ v, "x = 2 is one number. Write x * v, or dot(xs, ws) of two lists."),
        (lambda v: Value(9.0, (v, v), "*"), "or operation(...) for one of your own"),
        (lambda v: Value(9.0, (v, v)), "Write v * v"),
        (Fraction, ""),
    ],
)
def test_what_would_cut_a_gradient_says_what_to_write(attempt: Callable, remedy: str) -> None:
    with pytest.raises(TypeError) as caught:
        attempt(Value(2.0, label="x"))
    assert remedy in str(caught.value)


THINGS: dict[str, Callable[[], object]] = {
    "Value": lambda: Value(2.0),
    "Compiled": lambda: compiled(engine.tanh),
    "Backprop": lambda: backprop(Value(2.0) * 3.0),
    "Rendered": lambda: draw(Value(2.0)),
}


@pytest.mark.parametrize(
    ("kind", "habit"), [(kind, habit) for kind in THINGS for habit in HABITS[kind]]
)
def test_a_habit_of_another_library_is_no_attribute_and_is_answered_by_name(
    kind: str, habit: str
) -> None:
    thing, remedy = THINGS[kind](), HABITS[kind][habit]
    assert not any((hasattr(thing, habit), hasattr(type(thing), habit)))
    assert habit not in dir(thing)
    attempts = [lambda: getattr(thing, habit), lambda: setattr(thing, habit, False)]
    for attempt in attempts if kind == "Value" else attempts[:1]:
        with pytest.raises(AttributeError) as caught:
            attempt()
        assert str(caught.value) == f"{type(thing).__name__} has no {habit}. {remedy}"
        assert_is_sentence(str(caught.value))
    if kind != "Value":  # it may be an attribute of one's own
        setattr(thing, habit, 1)
        assert getattr(thing, habit) == 1


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (lambda: Value(2.0, requires_grad=True), HABITS["Value"]["requires_grad"]),
        (lambda: Value(2.0, "x", device="cpu"), HABITS["Value"]["device"]),
        (lambda: engine.source_of("tanh"), "takes a row of the table, as TABLE['tanh'], not str"),
        (lambda: Value(2.0, _children=()), "no argument '_children'. It takes a number and a"),
        (lambda: setattr(Value(2.0), "grad", None), "Give a number, or write clear_grad([v])"),
        (lambda: grad(grad(Value(2.0) ** 2, Value(2.0)), Value(2.0)), "differentiable=True)."),
        (lambda: Value(2.0).softmax(), "several it is softmax(values), a function of glassgrad."),
        (lambda: statistics.mean([Value(2.0)]), "mean(xs) or var(xs), functions of glassgrad;"),
        (lambda: array_of([Value(1.0)] * 2, (2,)).tanh, "holds several Values: write [v.tanh("),
        (lambda: array_of([Value(1.0)] * 2, (1, 2))[0].relu, "several Values: write [v.relu("),
        (
            lambda: compiled(lambda x: x.tanh()).over(np.ones((2, 3))),
            "write [v.tanh(...) for v in A].",
        ),
    ],
)
def test_what_people_write_first_is_answered_with_what_to_write(
    attempt: Callable, said: str
) -> None:
    with pytest.raises((TypeError, AttributeError)) as caught:
        attempt()
    assert said in str(caught.value)
    assert_is_sentence(str(caught.value))


def test_no_class_derives_from_value():
    with pytest.raises(TypeError, match="Own derives from Value") as caught:
        type("Own", (Value,), {})
    assert_is_sentence(str(caught.value))


@pytest.mark.parametrize(
    "remake",
    [
        copy.copy,
        copy.deepcopy,
        *(lambda v, p=p: pickle.loads(pickle.dumps(v, p)) for p in range(6)),
    ],
)
@pytest.mark.parametrize("gradient", [NOT_COMPUTED, 0.0, 2.5])
def test_a_copy_is_a_leaf_of_the_same_class(gradient, remake):
    w = Value(3.0, "w")
    w.grad = gradient
    found = remake(w)
    assert found is not w
    assert (type(found), found.data, found.label, found.parents) == (type(w), 3.0, "w", ())
    assert repr(found.grad) == repr(gradient)
    assert (found.grad is NOT_COMPUTED) == (gradient is NOT_COMPUTED)
    y = found * 2.0
    y.backward()
    assert (y.data, found.grad) == ((w * 2.0).data, gradient + 2.0)
    y.label = "y"
    with pytest.raises(TypeError, match=r"Cannot copy or pickle .*y = .*detach"):
        remake(y)
