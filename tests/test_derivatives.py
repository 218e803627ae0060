"""`grad`: of any order, by any node, in the shape of what it is taken by; and changed data."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from glassgrad import ChangedDataError, Value, engine, grad


def nth_derivative(function: Callable, x: float, order: int) -> float:
    v = Value(x)
    y = function(v)
    for _ in range(order):
        y = grad(y, v, differentiable=True)
    return y.data


def written(y: Value) -> str:
    """The operations behind a Value, in the order of evaluation."""
    order = engine.topological_order(y)
    return " ".join(node.operation.name for node in order if node.operation is not None)


@pytest.mark.parametrize(
    ("function", "first", "second"),
    [
        (lambda x: x**2, "mul", ""),
        (lambda x: x**3, "pow mul", "mul mul"),
        (lambda x: x * 2.0, "", ""),
        (lambda x: 1.0 / x, "div neg div", None),
        (lambda x: x.tanh(), "sech pow", "sech mul neg tanh mul mul"),
        (lambda x: engine.where(1.0, x * x, x), "add", ""),
    ],
)
def test_a_gradient_is_no_larger_a_graph_than_a_person_would_write(
    function: Callable, first: str, second: str | None
) -> None:
    x = Value(0.7)
    slope = grad(function(x), x, differentiable=True)
    assert written(slope) == first
    if second is not None:
        assert written(grad(slope, x, differentiable=True)) == second


# Orders.


@pytest.mark.parametrize("order", range(7))
@pytest.mark.parametrize("n", range(8))
@pytest.mark.parametrize("x", [-1.5, 2.0])
def test_a_power_to_order_six(n: int, order: int, x: float) -> None:
    expected = math.perm(n, order) * x ** (n - order) if order <= n else 0.0
    assert nth_derivative(lambda v: v**n, x, order) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("order", range(7))
@pytest.mark.parametrize("x", [-2.0, 0.0, 0.7])
def test_exponential_and_sine_to_order_six(order: int, x: float) -> None:
    assert nth_derivative(engine.exp, x, order) == pytest.approx(math.exp(x), rel=1e-14)
    expected = [math.sin(x), math.cos(x), -math.sin(x), -math.cos(x)][order % 4]
    assert nth_derivative(engine.sin, x, order) == pytest.approx(expected, rel=1e-14, abs=1e-15)


# Each derivative of tanh is a polynomial in t = tanh x: multiply its derivative by 1 - t².
TANH = [np.polynomial.Polynomial([0, 1])]
for _ in range(6):
    TANH.append(TANH[-1].deriv() * np.polynomial.Polynomial([1, 0, -1]))


@pytest.mark.parametrize("order", range(7))
@pytest.mark.parametrize("x", [-1.2, 0.0, 0.4, 2.0])
def test_tanh_to_order_six(order: int, x: float) -> None:
    expected = TANH[order](math.tanh(x))
    assert nth_derivative(engine.tanh, x, order) == pytest.approx(expected, rel=1e-11, abs=1e-12)


# grad.


def test_grad_takes_the_shape_of_what_it_is_taken_by() -> None:
    a, b = Value(2.0), Value(5.0)
    y = a * b
    assert grad(y, a) == 5.0
    assert grad(y, [a, b]) == [5.0, 2.0]
    assert grad(y, (a, [b, a])) == (5.0, [2.0, 5.0])
    assert grad(y, {"a": a, "b": b}) == {"a": 5.0, "b": 2.0}
    assert grad(y, (v for v in (a, b))) == [5.0, 2.0]
    assert grad(y, []) == []
    by_array = grad(y, np.array([[a, b]]))
    assert by_array.dtype == float
    assert by_array.tolist() == [[5.0, 2.0]]


def test_grad_leaves_no_trace() -> None:
    x = Value(3.0)
    y = x * x
    grad(y, x)
    grad(y, x, differentiable=True)
    assert x.grad is y.grad is engine.NOT_COMPUTED


def test_grad_by_inner_nodes_and_by_the_result_itself() -> None:
    x = Value(3.0)
    inner = x * x
    y = engine.sin(inner)
    by_y, by_inner, by_x = grad(y, [y, inner, x])
    assert (by_y, by_inner, by_x) == (1.0, math.cos(9.0), math.cos(9.0) * 6.0)
    graphs = grad(y, [y, inner, x], differentiable=True)
    assert [g.data for g in graphs] == [by_y, by_inner, by_x]


@pytest.mark.parametrize("differentiable", [False, True])
def test_the_gradient_by_a_stranger_is_zero(differentiable: bool) -> None:
    x, stranger = Value(3.0), Value(4.0)
    y = x * x
    found = grad(y, [x, stranger, x * 1], differentiable=differentiable)
    assert [float(getattr(g, "data", g)) for g in found] == [6.0, 0.0, 0.0]


def test_a_gradient_is_a_node_of_its_own() -> None:
    x, w = Value(3.0), Value(4.0)
    dy = grad(x * w, x, differentiable=True)
    assert dy is not w
    assert dy.data == 4.0
    dy.label = "dy"
    assert w.label is None
    assert grad(dy, w) == 1.0


@pytest.mark.parametrize("constant", [lambda x: x.detach(), lambda x: (x * 2).parents[1]])
def test_a_constant_is_refused(constant: Callable) -> None:
    x = Value(3.0)
    with pytest.raises(ValueError, match=r"constant .*no gradient flows"):
        grad(x * x, constant(x))


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda x: grad(lambda x: x, x), r"value_and_grad\(f\)"),
        (lambda x: grad(3.0, x), "float 3.0"),
        (lambda x: grad(x, 3.0), "float 3.0"),
        (lambda x: grad(x, [x, None]), "None"),
        (lambda x: grad(lambda x: x * x)(3.0), r"lambda x: value_and_grad\(f\)\(x\)\[1\]"),
        (lambda x: grad(lambda x: x, argnums=0), "value_and_grad"),
        (lambda x: grad(x * x), r"what to differentiate it by: write grad\(y, x\)"),
        (lambda x: grad(x * x, x, retain_graph=True), "no argument 'retain_graph'"),
    ],
)
def test_misuse_is_refused(attempt: Callable, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        attempt(Value(1.0))


# Data that changed.


@pytest.mark.parametrize("changed", [3.0 + 1e-9, -3.0, math.nan, 0.0])
def test_a_graph_of_a_gradient_of_changed_data_is_refused(changed: float) -> None:
    x = Value(3.0, label="x")
    y = engine.tanh(x) * x
    x.data = changed
    assert grad(y, x) == pytest.approx(math.tanh(3.0) + 3.0 / math.cosh(3.0) ** 2)
    with pytest.raises(ChangedDataError, match=r"mul \(0.995055, x = .*Compute the result again"):
        grad(y, x, differentiable=True)


def test_data_changed_elsewhere_does_not_matter() -> None:
    x, other = Value(3.0), Value(4.0)
    y = x * x + other * 2
    other.data = 5.0
    assert grad(x * x, x, differentiable=True).data == 6.0
    x.data = 4.0
    x.data = 3.0
    assert grad(y, x, differentiable=True).data == 6.0
