"""A Value as a person meets it: made, named, printed, calculated with, followed back."""

import _thread
import copy
import importlib
import inspect
import math
import numbers
import operator
import pickle
import re
import statistics
import threading
import time
import unittest
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from outputs import assert_is_sentence

from glassgrad import (
    NOT_COMPUTED,
    Value,
    engine,
    grad,
    scope,
)
from glassgrad.engine.misuse import HABITS, is_real


def here() -> int:
    """The number of the calling line."""
    return inspect.currentframe().f_back.f_lineno


# Making, naming, printing.


def test_a_leaf() -> None:
    x = Value(3, label="x")
    assert (x.data, x.label, x.parents, x.partials) == (3.0, "x", (), ())
    assert (x.operation, x.scope, x.line, x.is_constant) == (None, None, None, False)


def test_a_result() -> None:
    x = Value(3.0)
    y = x * 2
    assert (y.data, y.label, y.partials) == (6.0, None, (2.0, None))
    assert y.operation is engine.mul
    assert [parent.is_constant for parent in y.parents] == [False, True]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Value(3), "Value(data=3.0, grad=–)"),
        (Value(0.1, label="w"), "Value(data=0.1, grad=–, label='w')"),
        (Value(-0.0), "Value(data=-0.0, grad=–)"),
        (Value(math.inf, label="it's"), 'Value(data=inf, grad=–, label="it\'s")'),
    ],
)
def test_repr(value: Value, expected: str) -> None:
    assert repr(value) == expected


@pytest.mark.parametrize("label", ["", "w₁", "<script>", "a\nb", '"{}\\'])
def test_any_text_is_a_label(label: str) -> None:
    y = Value(1.0) + 1
    y.label = label
    assert y.label == label
    assert Value(1.0, label=label).label == label


def test_a_label_belongs_to_one_node() -> None:
    xs = [Value(i) for i in range(3)]
    squares = [x * x for x in xs]  # all made by one line, and so of one origin
    squares[0].label = xs[0].label = "first"
    assert [node.label for node in squares + xs] == ["first", None, None, "first", None, None]
    squares[0].label = None
    assert squares[0].label is None
    assert squares[0].line.number == squares[1].line.number


def test_a_constant_can_be_labelled() -> None:
    constant = Value(2.0).detach()
    constant.label = "target"
    assert constant.label == "target"
    assert constant.is_constant


@pytest.mark.parametrize("label", [1, b"x", ["x"], Value(1.0)])
def test_a_label_that_is_no_text_is_refused(label: object) -> None:
    with pytest.raises(TypeError, match="A label is text"):
        Value(1.0, label=label)
    with pytest.raises(TypeError, match="A label is text"):
        Value(1.0).label = label


def test_no_other_attribute_can_be_set() -> None:
    with pytest.raises(AttributeError):
        Value(1.0).gradient = 0.0


def test_the_gradient_of_a_leaf_by_itself_is_1_and_can_be_taken_back() -> None:
    x = Value(2.0)
    x.backward()
    assert x.grad == 1.0
    x.grad = NOT_COMPUTED
    assert x.grad is NOT_COMPUTED
    assert pickle.loads(pickle.dumps(x.grad)) is NOT_COMPUTED


# Calculating.

BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@pytest.mark.parametrize("operate", BINARY)
@pytest.mark.parametrize(
    "number",
    [
        *(kind(3) for kind in (int, float, Fraction)),
        *(kind(3) for kind in (np.float64, np.float32, np.float16, np.uint8, np.array)),
    ],
    ids=repr,
)
def test_operators_take_numbers_on_both_sides(operate: Callable, number: object) -> None:
    x = Value(2.0)
    for y, expected in [
        (operate(x, Value(3.0)), operate(2.0, 3.0)),
        (operate(x, number), operate(2.0, 3.0)),
        (operate(number, x), operate(3.0, 2.0)),
    ]:
        assert type(y) is Value
        assert y.data == expected
        assert x in y.parents
        assert y.operation is engine.TABLE[y.operation.name]


class Foreign:
    """A type that knows how to calculate with Values, which know nothing of it."""

    def __radd__(self, other: Value) -> str:
        return "mine"


def test_a_foreign_type_gets_its_turn() -> None:
    assert Value(1.0) + Foreign() == "mine"
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


@pytest.mark.parametrize(
    ("convert", "kind"),
    [
        (float, "float"),
        (int, "int"),
        (complex, "complex"),
        (math.exp, "float"),
        (np.float64, "float"),
        (lambda v: math.pow(v, 2), "float"),
    ],
)
def test_a_conversion_is_refused_with_advice_that_fits_every_function(
    convert: Callable, kind: str
) -> None:
    with pytest.raises(TypeError) as caught:
        convert(Value(2.0, label="x"))
    assert str(caught.value) == (
        f"{kind}(v) and the functions of math would cut x = 2 off from its gradient. Use the "
        "methods of Value, such as v.tanh(), or the functions of glassgrad; "
        f"{kind}(v.data) for the number."
        + " An array that holds Values is made with dtype=object."
        * (kind == "float")
    )


@pytest.mark.needs("torch")
def test_pytorch_takes_no_values_and_its_tensors_are_no_operands() -> None:
    import torch

    t, v = torch.tensor(1.0), Value(2.0)
    with pytest.raises(TypeError, match="must be Tensor, not Value"):
        torch.tanh(v)
    remedy = r"not Tensor tensor\(1\.\)\. Convert it first: tensor\.item"
    for compute in (lambda: t * v, lambda: v * t, lambda: t**v, lambda: v.maximum(t)):
        with pytest.raises(TypeError, match=remedy):
            compute()


COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize("data", [2.0, [2.0, 3.0]])
@pytest.mark.parametrize(
    "library",
    [
        pytest.param("torch", marks=pytest.mark.needs("torch")),
        pytest.param("jax.numpy", marks=pytest.mark.needs("jax")),
    ],
)
def test_arrays_of_other_libraries_are_not_compared(
    library: str, data: object, compare: Callable
) -> None:
    array, v = importlib.import_module(library).asarray(data), Value(2.0, "v")
    for compute in (lambda: compare(v, array), lambda: compare(array, v)):
        with pytest.raises(TypeError, match=r"^v = 2 .*: it is compared with .*\.item") as caught:
            compute()
        assert_is_sentence(str(caught.value))
    assert compare(v, np.asarray(array)).tolist() == compare(2.0, np.asarray(array)).tolist()


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


def test_two_values_are_equal_if_they_are_one() -> None:
    v, w = Value(0.0), Value(0.0)
    assert (v == v, v == w, v != w, v != v) == (True, False, True, False)
    values = [v, w]
    values.remove(w)
    assert values[0] is v
    assert w not in values
    assert [v, w].index(w) == 1
    assert len({v, w}) == 2


def test_a_value_is_true_unless_it_is_zero() -> None:
    assert (bool(Value(0)), bool(Value(-0.5))) == (False, True)


# Known examples.


def test_the_neuron_of_the_lecture() -> None:
    x1, x2 = Value(2.0), Value(0.0)
    w1, w2 = Value(-3.0), Value(1.0)
    b = Value(6.8813735870195432)
    o = (x1 * w1 + x2 * w2 + b).tanh()
    o.backward()
    assert o.data == pytest.approx(math.sqrt(0.5), rel=1e-15)
    assert [x.grad for x in (x1, x2, w1, w2, b)] == pytest.approx(
        [-1.5, 0.5, 1.0, 0.0, 0.5], rel=1e-14
    )


# Where a node comes from.


def test_the_line_is_the_one_that_made_the_node() -> None:
    x = Value(1.0)
    y = x + 1
    line = here() - 1
    assert (y.line.file, y.line.number, y.line.text) == (__file__, line, "y = x + 1")
    assert str(y.line) == f"{__file__}, line {line}"


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
    left, right = y.parents
    assert (left.line.number, right.line.number) == (start + 2, start + 3)


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
    x = Value(1.0)
    with scope("network", "MLP"):
        with scope("layers.0", "Layer") as layer:
            inner = x + 1
        outer = x + 1
    free = x + 1
    assert inner.scope is layer
    assert (inner.scope.path(), inner.scope.kind) == ("network.layers.0", "Layer")
    assert [s.name for s in inner.scope.chain()] == ["network", "layers.0"]
    assert (outer.scope.path(), free.scope) == ("network", None)


# Threads.


def polynomial(start: float) -> list[float]:
    x = Value(start)
    y = engine.sum(engine.sin(x * i) for i in range(200))
    y.backward()
    return [y.data, x.grad, grad(grad(y, x, differentiable=True), x)]


def in_threads(work: Callable[[int], object], count: int) -> list:
    """Start `count` threads at once and give what each returned."""
    barrier, results = threading.Barrier(count), [None] * count

    def body(i: int) -> None:
        barrier.wait()
        results[i] = work(i)

    threads = [threading.Thread(target=body, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_independent_graphs_in_threads() -> None:
    alone = [polynomial(i / 8) for i in range(8)]
    assert in_threads(lambda i: polynomial(i / 8), 8) == alone


def test_grad_is_safe_with_shared_leaves() -> None:
    x = Value(0.5)
    alone = grad(engine.tanh(x * 3), x)
    assert in_threads(lambda i: grad(engine.tanh(x * 3), x), 8) == [alone] * 8


# A number for the checkers of tests.


def test_a_value_is_a_real_number_for_checkers_and_no_operand_of_ours() -> None:
    assert isinstance(Value(1.0), numbers.Real)
    assert not is_real(Value(1.0))
    assert (Value(2.0).real.data, Value(2.0).imag) == (2.0, 0.0)


@pytest.mark.parametrize(("number", "is_near"), [(0.7071, True), (0.7081, False), (7, False)])
def test_pytest_approx_both_ways(number: float, is_near: bool) -> None:
    v = Value(0.70710678)
    assert (v == pytest.approx(number, abs=1e-4)) is is_near
    assert (number == pytest.approx(v, abs=1e-4)) is is_near
    assert (v == pytest.approx(number, rel=1e-4)) is is_near
    assert (number == pytest.approx(v, rel=1e-4)) is is_near
    assert ([v] == pytest.approx([number], abs=1e-4)) is is_near
    assert ([number] == pytest.approx([v], abs=1e-4)) is is_near
    assert ({"a": v} == pytest.approx({"a": number}, abs=1e-4)) is is_near


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_pytest_approx_of_what_is_not_finite(number: float) -> None:
    assert (Value(number) == pytest.approx(number)) is (number == number)
    assert Value(number) == pytest.approx(number, nan_ok=True)
    assert Value(1.0) != pytest.approx(number)
    assert Value(number) != pytest.approx(1.0)


ALMOST = unittest.TestCase().assertAlmostEqual
CHECKS: dict[str, Callable[[Value, float], object]] = {
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
    for number in (0.708, -0.7071, math.nan):
        with pytest.raises(AssertionError):
            check(Value(0.70710678), number)


def test_nobody_but_a_checker_gets_a_number_for_an_array() -> None:
    v = Value(1.0)
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
        (lambda v: Value(9.0, (v, v), "*"), "or operation(...) for one of your own"),
        (lambda v: Value(9.0, (v, v)), "Write v * v"),
        (Fraction, ""),
    ],
)
def test_what_would_cut_a_gradient_says_what_to_write(attempt: Callable, remedy: str) -> None:
    with pytest.raises(TypeError) as caught:
        attempt(Value(2.0, label="x"))
    assert remedy in str(caught.value)


@pytest.mark.parametrize("habit", HABITS)
def test_a_habit_of_another_library_is_no_attribute_and_is_answered_by_name(habit: str) -> None:
    v = Value(2.0)
    assert not hasattr(v, habit)
    assert not hasattr(Value, habit)
    assert habit not in dir(v)
    assert re.fullmatch(r"[A-Z+v].*\.", HABITS[habit])
    with pytest.raises(AttributeError) as caught:
        getattr(v, habit)
    assert str(caught.value).startswith(f"Value has no {habit}. {HABITS[habit]}")


@pytest.mark.parametrize(
    ("habit", "remedy"),
    [("item", "v.data"), ("_prev", "v.parents"), ("_op", "v.operation"), ("shape", "no axes")],
)
def test_a_habit_is_answered_with_what_to_write(habit: str, remedy: str) -> None:
    assert remedy in HABITS[habit]


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
