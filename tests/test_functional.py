"""Derivatives of functions: by which arguments, in which structure, and with the right numbers.

JAX has the same functions, so second derivatives are compared with its numbers and structures.
"""

import itertools
import math
import random
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from needing import mostly_slow

from glassgrad import (
    TABLE,
    Operation,
    Reduction,
    Value,
    engine,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    value_and_grad,
)

# value_and_grad.


Parameters = namedtuple("Parameters", "weights bias")


@dataclass(frozen=True)
class Affine:
    weights: Any
    bias: Any


@pytest.mark.parametrize("kind", [Parameters, Affine])
def test_value_and_grad_takes_the_shape_of_the_arguments(kind: Callable) -> None:
    def model(p: Any, scale: dict) -> Value:
        return engine.dot(p.weights, [1.0, 2.0]) * scale["s"] + p.bias

    value, (by_parameters, by_scale) = value_and_grad(model)(kind([3.0, 4.0], 5.0), {"s": 2.0})
    assert value == 27.0
    assert by_parameters == kind([2.0, 4.0], 1.0)
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
        lambda x: hvp(lambda ys: x * ys[0] * ys[0] / 2)([1.0], [1.0])[0],
        lambda x: hvp(lambda ys: ys[0] * ys[0] / 2)([1.0], [x])[0],
        lambda x: value_and_grad(lambda y, z: y * z, argnums=0)(1.0, x)[1],
        lambda x: value_and_grad(lambda y, *, z: y * z)(1.0, z=x)[1],
    ],
    ids=[
        "value_and_grad",
        "jvp",
        "jacobian",
        "hessian",
        "the point of hvp",
        "the vector of hvp",
        "another argument",
        "a keyword argument",
    ],
)
def test_a_value_from_outside_is_not_cut_off(inner: Callable) -> None:
    """The inner derivative is x, although it is taken at a plain number: d/dx (x·x) is 2x."""
    assert derivative(lambda x: x * inner(x))(3.0) == 6.0


# Which arguments: argnums, as JAX has them, and what is not differentiated by.


@pytest.mark.parametrize(
    ("argnums", "gradient"),
    [
        (None, (6.0, 3.0)),
        (0, 6.0),
        (1, 3.0),
        (-1, 3.0),
        ((0,), (6.0,)),
        ((1, 0), (3.0, 6.0)),
        ([0, -1], (6.0, 3.0)),
        (range(2), (6.0, 3.0)),
        (np.int64(1), 3.0),
    ],
)
def test_argnums_say_by_which_arguments(argnums: object, gradient: object) -> None:
    assert value_and_grad(lambda x, y: 2 * x * y, argnums)(1.5, 3.0) == (9.0, gradient)


def test_other_arguments_are_handed_on_as_they_are() -> None:
    received = []

    def function(x: Value, *others: object, **named: object) -> Value:
        received.append((others, named))
        return x * x

    array, thing = np.arange(3), object()
    others, named = ("square", None, True, 3, array, thing), {"kind": "a", "scale": 2}
    assert value_and_grad(function, argnums=0)(3, *others, **named) == (9.0, 6.0)
    assert jacobian(function)(3.0, *others, **named).tolist() == [[6.0]]
    assert hessian(function)(3.0, *others, **named).tolist() == [[2.0]]
    assert hvp(function)(3.0, 5.0, *others, **named) == 10.0
    for got, named_got in received:
        assert all(a is b for a, b in zip(got, others, strict=True))
        assert named_got == named


def test_whole_numbers_and_truths_that_are_differentiated_by_are_floats() -> None:
    seen = []
    found, slopes = value_and_grad(lambda x, y: [seen.append(type(x.data)), x * y][1])(3, True)
    assert (found, *slopes) == (3.0, 1.0, 3.0)
    assert {*seen, *map(type, (found, *slopes))} == {float}


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (
            lambda: value_and_grad(lambda x, kind: x * x)(3.0, "square"),
            "value_and_grad of lambda differentiates by argument 1, and str 'square' is no number. "
            r"Convert it .* write value_and_grad\(lambda x: f\(x, \.\.\.\)\)\.",
        ),
        (lambda: value_and_grad(pow)(3.0, None, [1.0]), r"1, and NoneType None .* Give a number"),
        (lambda: value_and_grad(lambda x: x)({"w": 1.0, "name": "a"}), "0, and str 'a' is"),
        (lambda: value_and_grad(lambda v: v)("1.0"), r"str '1.0' is no number. .*float\(text\)"),
        (lambda: value_and_grad(lambda v: v)(1j), "complex .* real and imaginary parts"),
        (lambda: value_and_grad(pow, argnums=(0, 1))(1.0, "a"), "argument 1, and str 'a' is no"),
        (lambda: jacobian(lambda v: v)(["a"]), "jacobian of lambda .* 0, and str 'a'"),
        (lambda: jvp(lambda v: v, ("a",), (1.0,)), "jvp of lambda .* 0, and str 'a'"),
        (lambda: jvp(lambda v: v, (1.0,), ("1.0",)), "str '1.0'"),
        (lambda: value_and_grad(pow, argnums=2)(1.0, 2.0), "by 2: pow was called with 2"),
        (lambda: value_and_grad(pow, argnums=-3)(1.0, 2.0), "by -3: pow was called with 2"),
        (lambda: value_and_grad(pow, argnums=(0, -2))(1.0, 2.0), "differentiated by once"),
        (lambda: value_and_grad(lambda x: x)(x=1.0), "with 0 .* by keyword are not diff"),
        (lambda: value_and_grad(lambda x: x, argnums=()), r"the position .* not tuple \(\)"),
        (lambda: value_and_grad(lambda x: x, argnums="x"), "the position .* not str 'x'"),
        (lambda: value_and_grad(lambda x: x, argnums=1.0), "the position .* not float 1.0"),
        (lambda: jacobian(lambda x: x, [1.0, 2.0]), r"come after it: jacobian\(f\)\(x\)"),
        (lambda: value_and_grad(3.0), "takes a function, not float 3.0"),
        (lambda: value_and_grad(Value(3.0)), r"takes a function, not Value.* write grad\(y, x\)"),
        (lambda: jvp(3.0, (1.0,), (1.0,)), "jvp takes a function"),
        (lambda: hvp([1.0]), "hvp takes a function"),
        (lambda: value_and_grad(lambda v: "text")(1.0), "str 'text'"),
        (lambda: value_and_grad(lambda v: [v])(1.0), "number, and lambda gives list .*jacobian"),
        (lambda: value_and_grad(lambda v: (v, 1))(1.0), "one number, .* jacobian"),
        (lambda: hessian(lambda v: [v[0]])([1.0]), "hessian differentiates one number"),
        (lambda: hvp(lambda v: [v[0]])([1.0], [1.0]), "hvp differentiates one number"),
        (lambda: jvp(lambda v: v, 1.0, 1.0), r"Write jvp\(f, \(x,\), \(dx,\)\)"),
    ],
)
def test_misuse_is_refused(attempt: Callable, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        attempt()


# JAX: the same numbers in the same structure.


def random_function(seed: int) -> Callable:
    """A smooth function of a dict, a list and a number, written with the functions of a module."""
    rng = random.Random(seed)
    lines = [(rng.randrange(5), rng.random(), rng.random()) for _ in range(12)]

    def written_with(m: Any) -> Callable:
        def function(p: dict, x: list, scale: Any, power: int = 2) -> Any:
            known = [*p["w"], p["b"], *x, scale]
            for kind, first, second in lines:
                a, b = (known[int(share * len(known))] for share in (first, second))
                known.append(
                    (
                        lambda a, b: m.tanh(a * b),
                        lambda a, b: m.sin(a) + 0.5 * b,
                        lambda a, b: m.exp(-a * a) * b,
                        lambda a, b: a / (1.5 + b * b),
                        lambda a, b: (a - b) ** power,
                    )[kind](a, b)
                )
            return known[-1] + m.tanh(known[-2] * known[-3]) + 0.1 * (x[0] * scale) ** power

        return function

    return written_with


def random_arguments(seed: int) -> tuple[dict, list, float]:
    rng = random.Random(seed)
    a, b, c, d, e, f = (rng.uniform(-1.5, 1.5) for _ in range(6))
    return {"w": [a, b], "b": c}, [d, e], f


@pytest.fixture
def jax() -> Iterator[Any]:
    import jax

    with jax.enable_x64(True), jax.disable_jit():
        yield jax


def assert_same(jax: Any, mine: Any, theirs: Any) -> None:
    """The same structure, and the same numbers."""
    assert jax.tree.structure(mine) == jax.tree.structure(theirs)
    pairs = zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True)
    for a, b in pairs:
        assert a == pytest.approx(np.asarray(b), rel=1e-11, abs=1e-13)


@pytest.mark.needs("jax")
@pytest.mark.parametrize("seed", mostly_slow(range(3)))
def test_products_with_the_hessian_of_jax(jax: Any, seed: int) -> None:
    make, (p, x, scale) = random_function(seed), random_arguments(seed)
    vector = random_arguments(seed + 100)[0]
    gradient = lambda q: jax.grad(make(jax.numpy))(q, x, scale)
    mine = hvp(make(engine))(p, vector, x, scale)
    assert_same(jax, mine, jax.jvp(gradient, (p,), (vector,))[1])


@pytest.mark.needs("jax")
@pytest.mark.parametrize("argnums", mostly_slow([1, 0]))
def test_matrices_of_jax(jax: Any, argnums: Any) -> None:
    make = random_function(0)

    def of_vectors(m: Any) -> Callable:
        return lambda u, v, scale: make(m)({"w": u[:2], "b": u[2]}, v, scale)

    rng = np.random.default_rng(0)
    arguments = rng.uniform(-1, 1, 3), rng.uniform(-1, 1, 2), 0.7
    mine, theirs = of_vectors(engine), of_vectors(jax.numpy)
    with jax.disable_jit(False):  # vmap, op by op, takes long
        expected = jax.jit(jax.hessian(theirs, argnums))(*arguments)
    assert_same(jax, hessian(mine, argnums)(*arguments), expected)
    several = lambda m, f: lambda *a: m.stack([f(*a), a[0][0] * a[1][1], a[2] * a[0][1]])
    with jax.disable_jit(False):
        expected = jax.jit(jax.jacobian(several(jax.numpy, theirs), argnums))(*arguments)
    assert_same(jax, jacobian(several(np, mine), argnums)(*arguments), expected)


# jvp.


def test_jvp_of_values_can_be_differentiated() -> None:
    x, t = Value(0.5), Value(2.0)
    _, slope = jvp(engine.sin, (x,), (t,))
    assert slope.data == pytest.approx(2.0 * math.cos(0.5))
    assert grad(slope, [x, t]) == pytest.approx([-2.0 * math.sin(0.5), math.cos(0.5)])


def test_jvp_of_several_outputs_has_their_structure() -> None:
    Pair = namedtuple("Pair", "first second")

    def function(x: Value) -> Pair:
        return Pair({"square": x * x, "number": 7}, (np.array([[x, 3.0]], dtype=object), [x]))

    value, slope = jvp(function, (3.0,), (2.0,))
    assert value[0] == {"square": 9.0, "number": 7.0}
    assert slope[0] == {"square": 12.0, "number": 0.0}
    assert (value[1][1], slope[1][1]) == ([3.0], [2.0])
    for found, expected in ((value, [[3.0, 3.0]]), (slope, [[2.0, 0.0]])):
        assert type(found) is Pair
        assert found.second[0].dtype == float
        assert found.second[0].tolist() == expected


def test_jvp_wants_a_tangent_per_number() -> None:
    with pytest.raises(ValueError, match=r"one tangent per argument: 2, not 1"):
        jvp(lambda x, y: x * y, (1.0, 2.0), (1.0,))
    with pytest.raises(ValueError, match=r"has the structure .*: 2 parts, not float 1"):
        jvp(lambda x, y: x[0] * y, ([1.0, 2.0], 3.0), (1.0, [2.0, 3.0]))


# Where slopes are infinite, or not asked for.


def call_of(row: Operation) -> Callable:
    return lambda *xs: row(*row.sides(xs)) if isinstance(row, Reduction) else row(*xs)


def points_of(row: Operation) -> list[tuple]:
    count = 4 if isinstance(row, Reduction) else len(row.domain)
    return list(itertools.product((0.0, -1.0, math.inf), repeat=count))


HARD: dict[str, tuple[Callable, list[tuple]]] = {
    "log 0": (lambda x, y: engine.log(x) + y, [(0.0, 0.0)]),
    "sqrt 0": (lambda x, y: engine.sqrt(x) * y, [(0.0, 2.0)]),
    "1 / 0": (lambda x, y: engine.sin(1 / x) * 0.0 + y, [(0.0, 2.0)]),
    "a choice": (lambda x, y: engine.where(x > 0, x.log(), y.sqrt()), [(0.0, 0.0)]),
    "log of a relu": (lambda x, y: engine.log(engine.relu(x)) + y, [(-1.0, 0.0)]),
    "log of a max": (lambda x, y: engine.log(engine.max([x, y])), [(-1.0, 0.0)]),
    "a bound": (lambda x, y: engine.clip(x, 0.0, 1.0).sqrt() + y, [(-1.0, 0.0)]),
    "the root of a cube": (lambda x, y: engine.cbrt(x**3) + y, [(0.0, 0.0)]),
    "a length": (lambda x, y: engine.hypot(x, y) ** 2, [(0.0, 0.0)]),
    "0 to the power 0": (lambda x, y: x**y, [(0.0, 0.0)]),
    "through products": (lambda x, y: (x * 1.0).log() * (y * 1.0), [(0.0, 0.0)]),
    **{name: (call_of(row), points_of(row)) for name, row in TABLE.items()},
}


@pytest.mark.parametrize("kind", [float, Value], ids=["floats", "Values"])
@pytest.mark.parametrize("name", HARD)
def test_a_direction_along_one_argument_is_the_gradient_by_it(name: str, kind: Callable) -> None:
    function, points = HARD[name]
    for point in points:
        places = range(len(point))
        gradient = value_and_grad(function, argnums=places)(*point)[1]
        for i in places:
            direction = tuple(kind(float(i == j)) for j in places)
            slope = jvp(function, tuple(map(kind, point)), direction)[1]
            expected = pytest.approx(gradient[i], nan_ok=True)
            assert getattr(slope, "data", slope) == expected, (point, i)


def test_an_operand_that_is_masked_sends_nothing() -> None:
    assert jvp(lambda x: engine.maximum(engine.log(x), 5.0), (0.0,), (1.0,)) == (5.0, 0.0)
    assert jvp(lambda x: engine.log(engine.relu(x)), (-1.0,), (1.0,)) == (-math.inf, 0.0)


def test_a_tangent_that_comes_out_as_zero_is_not_one_that_is_given_as_zero() -> None:
    """The cube root of x³ is x: its slope at 0 is 1, which 0 × inf does not tell."""
    assert math.isnan(jvp(lambda x: engine.cbrt(x**3), (0.0,), (1.0,))[1])


def test_a_direction_of_values_at_zero_can_be_differentiated_by_them() -> None:
    tangents = Value(0.0), Value(0.0)
    _, slope = jvp(lambda x, y: engine.sin(x) * 3.0 + y * y, (0.5, 2.0), tangents)
    assert slope.data == 0.0
    assert grad(slope, tangents) == pytest.approx((3.0 * math.cos(0.5), 4.0))


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


def test_hessian_of_a_linear_function_is_zero() -> None:
    assert hessian(lambda v: 2 * v[0] - v[1])([1.0, 2.0]).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert hessian(lambda v: 5.0)([1.0]).tolist() == [[0.0]]


# hvp.


def rosenbrock(x: Any, a: float = 1.0, b: float = 100.0) -> Any:
    return sum(b * (x[i + 1] - x[i] ** 2) ** 2 + (a - x[i]) ** 2 for i in range(len(x) - 1))


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_hvp_has_the_structure_of_the_point(kind: Callable) -> None:
    found = hvp(lambda v: v[0] ** 2 * v[1])(kind([3.0, 5.0]), kind([1.0, 2.0]))
    assert type(found) is type(kind([1.0]))
    assert list(found) == [22.0, 6.0]
    assert hvp(lambda p: p["a"] ** 3)({"a": 2.0}, {"a": 10.0}) == {"a": 120.0}
    assert hvp(lambda x: x**3)(2.0, 10.0) == 120.0


def test_hvp_where_there_is_nothing() -> None:
    assert hvp(lambda v: 2 * v[0] - v[1])([1.0, 2.0], [3.0, 4.0]) == [0.0, 0.0]
    assert hvp(lambda v: 5.0)([1.0], [1.0]) == [0.0]
    assert hvp(rosenbrock)([1.0, 2.0], [0, 0]) == [0.0, 0.0]
    assert hvp(lambda v: engine.log(v[0]) + v[1] ** 2)([0.0, 3.0], [0.0, 1.0]) == [0.0, 2.0]
    assert hvp(lambda v: v[0] ** 1.5 + v[1] ** 2)([0.0, 3.0], [0.0, 1.0]) == [0.0, 2.0]
    with no_grad():
        assert hvp(lambda x: x**3)(2.0, 10.0) == 120.0


def test_hvp_of_values_can_be_differentiated() -> None:
    x, v = Value(2.0), Value(10.0)
    product = hvp(lambda x: x**4)(x, v)
    assert (product.data, *grad(product, [x, v])) == (480.0, 480.0, 48.0)


@pytest.mark.parametrize(
    ("point", "vector", "says"),
    [
        ([1.0, 2.0], [1.0, 2.0, 3.0], "2 parts, not 3 parts"),
        ({"a": 1.0, "b": 2.0}, {"a": 1.0, "c": 2.0}, "2 parts, 'a', 'b', not 2 .*'a', 'c'"),
        ({"a": 1.0, "b": 2.0}, [1.0, 2.0], "2 parts, 'a', 'b', not 2 parts"),
        (np.ones((2, 3)), np.ones((3, 2)), "2 parts, not 3 parts"),
        (np.ones((2, 3)), np.ones(6), "2 parts, not 6 parts"),
        ([1.0], None, "1 part, not NoneType None"),
        (1.0, [1.0], "float 1.0, not 1 part"),
    ],
)
def test_the_vector_of_hvp_has_the_structure_of_the_point(
    point: Any, vector: Any, says: str
) -> None:
    with pytest.raises(ValueError, match=rf"has the structure .*: {says}\."):
        hvp(lambda x: 0.0)(point, vector)


def test_a_direction_goes_by_the_keys_of_a_dict_whatever_their_order() -> None:
    def function(p: dict) -> Value:
        return p["a"] ** 2 * p["b"][0]

    point, direction = {"a": 3.0, "b": [2.0]}, {"b": np.array([0.0]), "a": 1.0}
    assert hvp(function)(point, direction) == {"a": 4.0, "b": [6.0]}
    assert jvp(function, (point,), (direction,)) == (18.0, 12.0)


def test_hvp_calls_the_function_once_and_not_once_per_input() -> None:
    calls = []

    def function(x: list) -> Value:
        calls.append(1)
        return rosenbrock(x)

    hvp(function)([0.5] * 40, [1.0] * 40)
    assert len(calls) == 1


@pytest.mark.needs("scipy")
@pytest.mark.parametrize("method", ["Newton-CG", "trust-ncg", "trust-krylov"])
def test_scipy_minimises_with_our_derivatives(method: str) -> None:
    from scipy.optimize import minimize

    first, start = value_and_grad(rosenbrock, argnums=0), np.array([-1.2, 1.0, 0.3, 2.0])
    given = {"args": (1.5, 20.0), "jac": True, "method": method, "options": {"maxiter": 500}}
    for second in ({"hessp": hvp(rosenbrock)}, {"hess": hessian(rosenbrock)}):
        found = minimize(first, start, **second, **given)
        assert found.success
        assert first(found.x, 1.5, 20.0)[1] == pytest.approx(np.zeros(4), abs=1e-4)
