"""Derivatives as functions: of any order and nesting, in the shape of what they are taken by."""

import math
from collections import namedtuple
from collections.abc import Callable

import numpy as np
import pytest

from glassgrad import (
    ChangedDataError,
    Value,
    engine,
    grad,
    hessian,
    jacobian,
    jvp,
    value_and_grad,
)


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


def test_mixed_derivatives() -> None:
    x, y = Value(0.3), Value(0.8)
    z = engine.sin(x * y) * engine.exp(x)
    xy = grad(grad(z, x, differentiable=True), y, differentiable=True)
    yx = grad(grad(z, y, differentiable=True), x, differentiable=True)
    a, b = 0.3, 0.8
    expected = math.exp(a) * ((1 + a) * math.cos(a * b) - a * b * math.sin(a * b))
    assert xy.data == pytest.approx(expected, rel=1e-14)
    assert yx.data == pytest.approx(expected, rel=1e-14)


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
        (lambda x: value_and_grad(lambda v: "text")(1.0), "str 'text'"),
        (lambda x: value_and_grad(lambda v: [v])(1.0), "list"),
        (lambda x: value_and_grad(lambda v: v)("1.0"), "str '1.0'"),
        (lambda x: value_and_grad(lambda v: v)(1j), "complex"),
        (lambda x: jvp(lambda v: v, (1.0,), ("1.0",)), "str '1.0'"),
    ],
)
def test_misuse_is_refused(attempt: Callable, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        attempt(Value(1.0))


# value_and_grad.


def test_value_and_grad_of_numbers_gives_floats() -> None:
    value, gradient = value_and_grad(lambda x: x**3)(3)
    assert (value, gradient) == (27.0, 27.0)
    assert (type(value), type(gradient)) == (float, float)


Parameters = namedtuple("Parameters", "weights bias")


def test_value_and_grad_takes_the_shape_of_the_arguments() -> None:
    def model(p: Parameters, scale: dict) -> Value:
        return engine.dot(p.weights, [1.0, 2.0]) * scale["s"] + p.bias

    value, (by_parameters, by_scale) = value_and_grad(model)(
        Parameters([3.0, 4.0], 5.0), {"s": 2.0}
    )
    assert value == 27.0
    assert by_parameters == Parameters([2.0, 4.0], 1.0)
    assert by_scale == {"s": 11.0}


def test_value_and_grad_of_an_array() -> None:
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    value, gradient = value_and_grad(lambda m: (m * m).sum())(matrix)
    assert value == 30.0
    assert gradient.dtype == float
    assert gradient.tolist() == (2 * matrix).tolist()


def test_value_and_grad_does_not_touch_its_arguments() -> None:
    x = Value(3.0)
    value, gradient = value_and_grad(lambda v: v * v)(x)
    assert (value.data, gradient.data) == (9.0, 6.0)
    assert x.grad is engine.NOT_COMPUTED
    assert grad(gradient, x) == 2.0


def test_a_result_that_depends_on_nothing() -> None:
    assert value_and_grad(lambda x: 5.0)(1.0) == (5.0, 0.0)
    assert value_and_grad(lambda x: x)(1.0) == (1.0, 1.0)
    assert jvp(lambda x: 5.0, (1.0,), (1.0,)) == (5.0, 0.0)


def derivative(function: Callable) -> Callable:
    return lambda *arguments: value_and_grad(function)(*arguments)[1]


def test_nested_derivatives_are_not_confused() -> None:
    """The classic: d/dx (x · d/dy (x + y)) is 1, where a mix-up of x and y gives 2."""
    outer = derivative(lambda x: x * derivative(lambda y: x + y)(Value(1.0)))
    assert outer(1.0) == 1.0
    assert derivative(lambda x: x * derivative(lambda y: x + y)(x))(3.0) == 1.0
    assert derivative(lambda x: x * derivative(lambda y: x * y)(Value(1.0)))(3.0) == 6.0


@pytest.mark.parametrize(
    "inner",
    [
        lambda x: derivative(lambda y: x * y)(1.0),
        lambda x: jvp(lambda y: x * y, (1.0,), (1.0,))[1],
        lambda x: jacobian(lambda ys: [x * ys[0]])([1.0])[0, 0],
        lambda x: hessian(lambda ys: x * ys[0] * ys[0] / 2)([1.0])[0, 0],
    ],
    ids=["value_and_grad", "jvp", "jacobian", "hessian"],
)
def test_a_value_from_outside_is_not_cut_off(inner: Callable) -> None:
    """The inner derivative is x, although it is taken at a plain number: d/dx (x·x) is 2x."""
    assert derivative(lambda x: x * inner(x))(3.0) == 6.0


def test_derivatives_of_derivatives_as_functions() -> None:
    cube = lambda x: x**3
    assert derivative(derivative(cube))(2.0) == 12.0
    assert derivative(derivative(derivative(cube)))(2.0) == 6.0


# jvp.


def test_jvp_is_the_derivative_in_a_direction() -> None:
    def function(p: dict, x: float) -> Value:
        return engine.sin(p["a"] * x) + p["b"][0] * x

    value, slope = jvp(function, ({"a": 2.0, "b": [3.0]}, 0.5), ({"a": 1.0, "b": [10.0]}, 100.0))
    expected = math.cos(1.0) * (0.5 * 1.0 + 2.0 * 100.0) + 0.5 * 10.0 + 3.0 * 100.0
    assert value == pytest.approx(math.sin(1.0) + 1.5, rel=1e-15)
    assert slope == pytest.approx(expected, rel=1e-14)


def test_jvp_of_values_can_be_differentiated() -> None:
    x, t = Value(0.5), Value(2.0)
    _, slope = jvp(engine.sin, (x,), (t,))
    assert slope.data == pytest.approx(2.0 * math.cos(0.5))
    assert grad(slope, [x, t]) == pytest.approx([-2.0 * math.sin(0.5), math.cos(0.5)])


def test_jvp_over_grad_is_a_product_with_the_hessian() -> None:
    def function(v: list) -> Value:
        return v[0] ** 2 * v[1] + engine.exp(v[1])

    point, direction = [3.0, 0.5], [1.0, -2.0]
    products = [
        jvp(lambda v, i=i: derivative(function)(v)[i], (point,), (direction,))[1] for i in (0, 1)
    ]
    assert products == pytest.approx(list(hessian(function)(point) @ direction), rel=1e-14)


def test_jvp_wants_a_tangent_per_argument() -> None:
    with pytest.raises(ValueError, match="one tangent per argument: 2, not 1"):
        jvp(lambda x, y: x * y, (1.0, 2.0), (1.0,))


# jacobian and hessian.


def test_jacobian_of_several_outputs() -> None:
    found = jacobian(lambda v: [v[0] * v[1], v[0] + 1, engine.sin(v[1]), 7.0])([2.0, 5.0])
    assert found.dtype == float
    assert found.tolist() == [[5.0, 2.0], [1.0, 0.0], [0.0, math.cos(5.0)], [0.0, 0.0]]


def test_jacobian_of_an_array() -> None:
    matrix = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert jacobian(lambda v: matrix @ v)(np.array([1.0, -1.0])).tolist() == matrix.tolist()
    assert jacobian(lambda v: v * 2.0)(np.array([1.0, 2.0])).tolist() == [[2.0, 0.0], [0.0, 2.0]]


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_the_function_gets_the_kind_of_sequence_that_was_given(kind: Callable) -> None:
    kinds = []

    def function(v: object) -> Value:
        kinds.append(type(v))
        return v[0] * v[1]

    point = kind([3.0, 5.0])
    assert jacobian(function)(point).tolist() == [[5.0, 3.0]]
    assert hessian(function)(point).tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert all(issubclass(found, type(point)) for found in kinds)


def test_a_jacobian_of_values_can_be_differentiated() -> None:
    x = Value(2.0)
    found = jacobian(lambda v: [v[0] ** 3])([x])
    assert found.shape == (1, 1)
    assert grad(found[0, 0], x) == 12.0


def test_hessian() -> None:
    found = hessian(lambda v: v[0] ** 2 * v[1] + engine.exp(v[1] * v[2]))([3.0, 0.0, 2.0])
    assert found == pytest.approx(np.array([[0.0, 6.0, 0.0], [6.0, 4.0, 1.0], [0.0, 1.0, 0.0]]))


def test_hessian_of_a_linear_function_is_zero() -> None:
    assert hessian(lambda v: 2 * v[0] - v[1])([1.0, 2.0]).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert hessian(lambda v: 5.0)([1.0]).tolist() == [[0.0]]


# Data that changed.


@pytest.mark.parametrize("changed", [3.0 + 1e-9, -3.0, math.nan, 0.0])
def test_a_graph_of_a_gradient_of_changed_data_is_refused(changed: float) -> None:
    x = Value(3.0, label="x")
    y = engine.tanh(x) * x
    x.data = changed
    assert grad(y, x) == pytest.approx(math.tanh(3.0) + 3.0 / math.cosh(3.0) ** 2)
    with pytest.raises(ChangedDataError, match="Compute the result again"):
        grad(y, x, differentiable=True)


def test_data_changed_elsewhere_does_not_matter() -> None:
    x, other = Value(3.0), Value(4.0)
    y = x * x + other * 2
    other.data = 5.0
    assert grad(x * x, x, differentiable=True).data == 6.0
    x.data = 4.0
    x.data = 3.0
    assert grad(y, x, differentiable=True).data == 6.0


@pytest.mark.parametrize("name", engine.TABLE)
def test_unchanged_data_is_never_called_changed(name: str) -> None:
    """The rules read on Values must give the very numbers that were stored."""
    row = engine.TABLE[name]
    for low in (0.0, 0.3, 0.7, 1.0):
        point = [Value(a + low * (b - a)) for a, b in row.domain]
        operands = [point, point] if name == "dot" else point
        grad(row(*operands), point, differentiable=True)
