"""Programs at which compiled functions once went wrong: each stays right."""

import copy
import gc
import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from replaying import are_near, near, value_and_slopes

import engine
from engine import Value, compiled, descend, dot, grad, log, minimum, relu, softmax, where
from engine.errors import CompilationError
from nn import MLP

w, u = Value(2.0), Value(3.0)
PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[float, ...]]] = {
    "equal nodes": (lambda x, y: (w + w * x) * (dot([w], [x]) + y), (1.5, 2.0)),
    "equal sums": (lambda x, y: (y * engine.sum([x, w])) * ((x + w) * w), (1.5, 2.0)),
    "equal products": (lambda x: (dot([w], [x])).exp() * 3.0 + (w * x).sin(), (0.3,)),
    "equal operands": (lambda x, y: engine.max(y, dot([w], [x]), w * x), (0.3, 0.1)),
    "one operand alone": (lambda x: (x * w).sin() + (w * x).sin(), (0.3,)),
    "shares of equals": (lambda x, y: dot([1.0, 2.0, 3.0], softmax([x, y, x])) * w, (1.0, 2.0)),
    "a share of equals": (
        lambda x: softmax([0.0, x, 0.0])[0] + 2 * softmax([0.0, x, 0.0])[2],
        (1.0,),
    ),
    "a product not chosen": (lambda x, z: where(x > 0.0, w, u * x + z * x), (math.inf, 1.0)),
    "a minimum not chosen": (lambda y, z, x: where(y, minimum(y, z), x), (0.0, math.nan, 2.0)),
    "entropy": (
        lambda p, q: -engine.sum(
            [where(a, a * log(a) + (1.0 - a) * log(1.0 - a), 0.0) for a in (p, q)]
        ),
        (0.0, 0.5),
    ),
    "a sum of one": (lambda x: sum([x]) * engine.sum([x]) + engine.dot([x], [w]), (3.0,)),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_and_gradients_are_those_of_the_eager_engine(name: str) -> None:
    function, numbers = PROGRAMS[name]
    xs = [Value(x) for x in numbers]
    f = compiled(function)
    eager = value_and_slopes(function(*xs), [*xs, w, u])
    for _ in range(2):
        found = value_and_slopes(f(*xs), [*xs, w, u])
        assert all(map(near, eager, found)) or are_near(eager, found), (eager, found)
    total = value_and_slopes(engine.mean([function(*numbers)] * 3), [w, u])
    batch = f.over(*[np.full(3, x) for x in numbers])
    if not batch.is_constant:
        assert all(map(near, total, value_and_slopes(batch, [w, u])))


def test_samples_that_read_no_parameter_lose_no_gradient() -> None:
    f = compiled(lambda x: w * x if x > 0 else x * 2.0)
    assert value_and_slopes(f.over([-1.0, 1.0], reduction="sum") + u * 0.0, [w]) == [0.0, 1.0]
    again = compiled(lambda x: w * x if x > 0 else x * 2.0)
    assert value_and_slopes(again.over([1.0, -1.0], reduction="sum"), [w]) == [0.0, 1.0]
    assert again.over([-1.0]).is_constant


def test_a_layer_may_be_fed_the_same_number_twice() -> None:
    net = MLP(2, [2, 1], seed=1)
    f = compiled(lambda x: net([x, x]))
    eager = engine.mean([net([x, x]) for x in (1.0, 2.0)])
    expected = value_and_slopes(eager, net.parameters())
    assert all(map(near, expected, value_and_slopes(f.over([1.0, 2.0]), net.parameters())))


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        (lambda xs: engine.sum(copy.deepcopy(xs)) * w, [1.0, 1.0]),
        (lambda x: copy.copy(x) * w, 1.0),
        (lambda x: float(f"{x:.3g}") * w, 1.0),
    ],
)
def test_copies_and_texts_of_numbers_are_refused(function: Callable, argument: Any) -> None:
    with pytest.raises(CompilationError, match="reads"):
        compiled(function)(argument)


def test_an_integer_may_be_a_key() -> None:
    table = {1: w, 2: u}
    f = compiled(lambda t: table[t] * 1.0 if t in table else w * u)
    assert [f(t).data for t in (1, 2, 3, 1)] == [2.0, 3.0, 6.0, 2.0]


@pytest.mark.parametrize("array", [np.array(["3", "4"]), np.array([1 + 5j, 2.0])])
def test_arrays_of_anything_but_real_numbers_are_refused(array: Any) -> None:
    f = compiled(lambda xs: engine.sum(xs) * w)
    with pytest.raises(TypeError, match="real numbers"):
        f(array)
    with pytest.raises(TypeError, match="real numbers"):
        compiled(lambda x: w * x).value_and_grad([w])(np.array([1j]), [1.0])


def test_dicts_of_other_keys_are_another_structure() -> None:
    f = compiled(lambda a, b, c, d: w * len(a) + u * len(d if isinstance(d, dict) else []))
    assert f({}, "a", 1.0, {"b": 2.0}).data == 3.0
    assert f({"a": 1.0}, {}, "b", 2.0).data == 2.0


@pytest.mark.parametrize("wrong", [Value(0.1), np.array([0.1, 0.2]), 1j, "0.1"])
def test_a_rate_is_a_number(wrong: Any) -> None:
    x = Value(1.0)
    with pytest.raises(TypeError):
        descend([x], wrong)
    assert x.data == 1.0


def test_a_value_that_stands_twice_has_second_derivatives() -> None:
    x = Value(3.0)
    y = compiled(lambda a, b: a * b)(x, x)
    slope = grad(y, x, differentiable=True)
    assert (slope.data, grad(slope, x)) == (6.0, 2.0)
    y = compiled(lambda x: x * x.exp())(x)
    slope = grad(y, x, differentiable=True)
    assert near(grad(slope, x), 5.0 * math.exp(3.0))


def test_sums_in_another_order_are_no_changed_data() -> None:
    generator = np.random.default_rng(0)
    numbers, m = generator.normal(size=60).tolist(), Value(0.7)
    f = compiled(lambda m: engine.sum([(a - m) * m for a in numbers]))
    slope = grad(f(m), m, differentiable=True)
    assert near(grad(slope, m), -120.0)
    y = f(m)
    m.data = 5.0
    with pytest.raises(engine.ChangedDataError):
        grad(y, m, differentiable=True)


def test_dropped_results_are_freed_at_once() -> None:
    net = MLP(3, [4, 1], seed=1)
    f = compiled(lambda x: net(x) ** 2)
    gc.collect()
    gc.disable()
    try:
        results = [f([0.1 * i, 1.0, 2.0]) for i in range(20)]
        watched = [weakref.ref(result.operation) for result in results]
        del results
        assert not any(each() for each in watched)
    finally:
        gc.enable()


def test_objects_that_are_new_in_each_call_do_not_pile_up() -> None:
    f = compiled(lambda x, thing: w * x)
    for i in range(300):
        assert f(1.0, object()).data == 2.0, i
    assert len(f.recordings) <= 256
    assert "too many structures" in f.report()


def test_names_of_attributes_are_no_names_around() -> None:
    f = compiled(lambda xs: np.mean([x * w for x in xs]))
    globals()["mean"] = 0
    for i in range(3):
        globals()["mean"] = i
        f.over(np.ones((4, 3)))
    assert len(f.recordings) == 1


def test_long_sums_of_gradients_are_several_lines() -> None:
    def steps(x: Any) -> Any:
        states = [x]
        for _ in range(1_500):
            states.append((states[-1] * w).tanh() + x)
        return states[-1]

    x = Value(0.1)
    f = compiled(lambda x: engine.sum([steps(x) * relu(x + i) for i in range(3)]))
    assert all(map(near, value_and_slopes(f.function(x), [x]), value_and_slopes(f(x), [x])))
