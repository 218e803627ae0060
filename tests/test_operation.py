"""Operations of one's own, defined as in a notebook: they work wherever those of the table do."""

import copy
import functools
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outputs import assert_is_sentence

import glassgrad.viz.expression  # noqa: F401  its list of names is that of glassgrad alone
from glassgrad import (
    MLP,
    TABLE,
    Formula,
    Neuron,
    Operation,
    Reduction,
    Value,
    backprop,
    check_gradients,
    compiled,
    derivative_formula,
    draw,
    engine,
    grad,
    load,
    operation,
    sum,
    trap,
    value_and_grad,
    where,
)


def cube(factor: float = 1.0) -> Operation:
    return operation(
        "cube",
        "A multiple of x³.",
        lambda x: factor * x * x * x,
        None,
        lambda x, y: 3.0 * factor * x * x,
        latex="{%s}^3",
    )


def test_it_is_a_function_of_everything_and_a_method() -> None:
    row, x = cube(), Value(2.0)
    assert row(2.0) == row(2) == 8.0
    assert row(np.array([1.0, 2.0])).tolist() == [1.0, 8.0]
    y = row(x) + x.cube()
    y.backward()
    assert (y.data, x.grad) == (16.0, 24.0)
    assert (row(x).operation, TABLE["cube"]) == (row, row)


def test_it_is_drawn_and_stepped_through() -> None:
    x = Value(2.0, label="x")
    row = cube()
    assert "cube" in str(draw(row(x)))
    assert ("3 * x * x", 12.0) in [(step.formula, step.local) for step in backprop(row(x))]
    assert row(Formula.symbol("x")).latex == "{x}^3"
    assert str(derivative_formula(row, [Formula.symbol("x")], 0)) == "3 * x * x"


def test_it_is_compiled() -> None:
    row, w = cube(), Value(0.5)
    for function in (lambda x: row(w * x), lambda x: (w * x).cube()):
        f = compiled(function)
        y = f.over([1.0, 2.0], reduction="sum")
        w.grad = 0.0
        y.backward()
        assert (y.data, w.grad) == (0.125 + 1.0, 3 * 0.25 + 3 * 0.25 * 8)
        assert f.map([2.0]).tolist() == [1.0]


def test_it_is_an_activation_and_is_saved_by_name(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    for activation in (cube(), "cube"):
        model = MLP(1, [2, 1], activation=activation, seed=1)
        hidden = model.layers[0].neurons[0]
        inside = hidden.w[0].data * 2.0 + hidden.b.data
        assert hidden([2.0]).data == pytest.approx(inside**3)
        model.save(path)
        assert load(path)([2.0]).data == model([2.0]).data
        assert pickle.loads(pickle.dumps(model))([2.0]).data == model([2.0]).data
    code = f"import glassgrad; glassgrad.load({str(path)!r})"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "There is no activation 'cube'. An operation of your own has to be defined" in (
        found.stderr
    )


@pytest.mark.parametrize("name", ["square", "ln", "clamp", "inputs"])
def test_a_name_that_value_only_answers_for_is_free(name: str) -> None:
    row = operation(name, "x²", lambda x: x * x, None, lambda x, y: 2.0 * x)
    x = Value(3.0)
    (row(x) + getattr(x, name)()).backward()
    assert x.grad == 12.0


def test_one_that_is_not_defined_is_not_unpickled() -> None:
    kept = pickle.dumps(cube())
    del TABLE["cube"]
    with pytest.raises(LookupError, match="no operation called cube"):
        pickle.loads(kept)


def test_a_cell_that_is_run_again_defines_it_anew() -> None:
    first, x = cube(), Value(2.0)
    f = compiled(lambda x: x.cube())
    assert (f(2.0).data, x.cube().data) == (8.0, 8.0)
    old = x.cube()
    second = cube(2.0)
    assert (x.cube().data, second(x).data, second(2.0)) == (16.0, 16.0, 16.0)
    assert f(2.0).data == 16.0
    assert (first(x).data, old.operation) == (8.0, first)
    assert grad(old, x) == 12.0


@pytest.mark.parametrize(
    "rules", [(1.0, lambda a, b, y: -3.0 + 0.0 * a), (lambda a, b, y: 1.0 + 0.0 * b, -3.0)]
)
def test_rules_may_be_numbers_and_functions(rules: tuple) -> None:
    row = operation("mixture", "A mixture.", lambda a, b: a - 3.0 * b, None, *rules)
    x, w = Value(7.0), Value(2.0)
    y = row(x, w) + row(x, 2) + row(1.0, w)
    y.backward()
    assert (x.grad, w.grad) == (2.0, -6.0)
    assert grad(row(x, w), [x, w]) == [1.0, -3.0]


def test_a_reduction_of_ones_own() -> None:
    row = operation(
        "total_square",
        "The square of the sum.",
        lambda *xs: math.fsum(xs) ** 2,
        None,
        lambda xs, y: (2.0 * sum(xs),) * len(xs),
        kind=Reduction,
        domain=((-3.0, 3.0),),
    )
    x, w = Value(1.0), Value(2.0)
    assert value_and_grad(lambda *xs: row(xs))(1.0, 2.0) == (9.0, (6.0, 6.0))
    first = grad(row(x, w), x, differentiable=True)
    assert grad(first, w) == 2.0
    assert check_gradients(lambda *xs: row(xs), [1.0, 2.0, -0.5], order=2) < 1e-7


@pytest.mark.parametrize(
    ("arguments", "properties", "kind", "message"),
    [
        (("relu", "", abs, None, 1.0), {}, ValueError, "taken by glassgrad"),
        (("grad", "", abs, None, 1.0), {}, ValueError, "taken by Value"),
        (("data", "", abs, None, 1.0), {}, ValueError, "taken by Value"),
        (("conjugate", "", abs, None, 1.0), {}, ValueError, "taken by Value"),
        (("my cube", "", abs, None, 1.0), {}, ValueError, "no name of a function"),
        (("lambda", "", abs, None, 1.0), {}, ValueError, "no name"),
        (("mine", "", abs, None, 1.0), {"dunder": "__add__"}, ValueError, "operator"),
        (("mine", "", 3.0, None, 1.0), {}, TypeError, "a function of floats"),
        (("mine", "", lambda a, b: a, None, 1.0), {}, TypeError, "value of mine takes one float"),
        (("mine", "", abs, None), {}, TypeError, "a derivative rule for each"),
        (("mine", "", abs, None, "x"), {}, TypeError, "A rule of mine"),
        (("mine", "", abs, None, lambda x: x), {}, TypeError, "rule of mine takes the operands"),
        (("mine", "", abs, None, 1.0), {"kind": Reduction}, TypeError, "one rule"),
        (("mine", "", abs, None, 1.0), {"domain": ((0, 1), (0, 1))}, ValueError, "domain of mine"),
    ],
)
def test_what_is_no_operation_is_refused(
    arguments: tuple, properties: dict, kind: type[Exception], message: str
) -> None:
    before = set(TABLE)
    with pytest.raises(kind, match=message):
        operation(*arguments, **properties)
    assert set(TABLE) == before


def too_few(*operands: Value) -> Value:
    many = lambda *xs: 1.0
    kinds = {"kind": Reduction, "domain": ((-1.0, 1.0),)}
    return operation("few", "", many, None, lambda xs, y: (1.0,), **kinds)(operands)


@pytest.mark.parametrize(
    ("value", "rule", "error", "message"),
    [
        (lambda x: x**0.5, lambda x, y: 0.5 / y, TypeError, "value of mine is complex .* pow"),
        (Value, lambda x, y: 1.0 + 0.0 * x, TypeError, "value of mine is Value"),
        (lambda x: None, lambda x, y: 1.0 + 0.0 * x, TypeError, "value of mine is NoneType"),
        (lambda x: x, lambda x, y: (x - 2.0) ** 0.5, TypeError, "derivative of mine is a complex"),
        (lambda x: x, lambda x, y: [x], TypeError, "derivative of mine is list"),
        (lambda x: math.exp(-1e3 * x), lambda x, y: -y, ArithmeticError, "mine has no value at -1"),
    ],
)
def test_what_is_no_float_is_never_a_node(
    value: Callable, rule: Callable, error: type[Exception], message: str
) -> None:
    row = operation("mine", "", value, None, rule)
    with pytest.raises(error, match=message):
        row(Value(-1.0))
    with pytest.raises(TypeError, match="few gives 1 derivatives for 3 operands"):
        too_few(Value(1.0), Value(2.0), Value(3.0))


def test_a_rule_that_takes_floats_alone_is_refused_where_it_is_read_on_values() -> None:
    mine = operation("mine", "", math.tanh, None, lambda x, y: 1.0 / math.cosh(x) ** 2)
    x = Value(0.5)
    assert grad(mine(x), x) == 1.0 / math.cosh(0.5) ** 2
    with pytest.raises(TypeError, match=r"Use the methods of Value, such as v\.tanh\(\)"):
        grad(mine(x), x, differentiable=True)


@pytest.mark.parametrize(
    "rounded",
    [
        lambda a, b: a // b,
        lambda a, b: (a - a % b) / b,
        lambda a, b: math.floor(a / b),
        lambda a, b: round(a / b - 0.5),
        lambda a, b: divmod(a, b)[0],
    ],
)
def test_a_rule_may_round_and_is_refused_where_a_gradient_would_have_to_flow_through_it(
    rounded: Callable[[Any, Any], Any],
) -> None:
    left = operation("left", "", math.fmod, None, 1.0, lambda a, b, y: -rounded(a, b))
    x, w = Value(7.0), Value(2.0)
    left(x, w).backward()
    assert (x.grad, w.grad) == (1.0, -3.0)
    assert grad(left(x, w), [x, w]) == [1.0, -3.0]
    with pytest.raises(TypeError, match=r"no gradient would flow|no operation that a gradient"):
        grad(left(x, w), [x, w], differentiable=True)


def test_it_may_be_defined_inside_a_compiled_function() -> None:
    def own(x: Value) -> Value:
        return operation("own", "", abs, None, lambda x, y: engine.div(x, x - 2.0))(x)

    f = compiled(own)
    with trap():  # at 2, where the rule is tried, it is infinite
        assert f(-2.0).data == 2.0
    assert "/" not in f.program


@pytest.mark.parametrize(
    ("value", "rule", "x", "found"),
    [
        (lambda x: int(x > 0), lambda x, y: 0, 2.0, (1.0, 0.0)),  # they become floats
        (lambda x: 1.0 / x, lambda x, y: -y * y, 0.0, (math.inf, -math.inf)),  # as IEEE 754 says
        (lambda x: x if x > 0 else 2 * x, lambda x, y: where(x > 0, 1.0, 2.0), -1.0, (-2.0, 2.0)),
    ],
)
def test_numbers_of_rules_at_hard_places(
    value: Callable, rule: Callable, x: float, found: tuple[float, float]
) -> None:
    row = operation("bend", "", value, value, rule)
    y = row(Value(x))
    assert (y.data, *y.partials) == found
    assert (type(y.data), type(y.partials[0])) == (float, float)
    assert Neuron(1, activation=row, seed=0)([1.0]).operation is row


def test_a_name_of_a_function_used_inside_is_left_alone() -> None:
    x = Value(0.5)
    operation("squash", "", math.tanh, None, lambda x, y: 1.0)
    operation("growth", "", math.exp, np.exp, lambda x, y: 7.0)
    assert (x.tanh().operation, x.exp().operation) == (TABLE["tanh"], TABLE["exp"])
    assert not hasattr(Value, "forward")


def test_what_is_held_of_a_former_definition_does_not_come_back() -> None:
    x = Value(1.0)
    cube(1.0)
    held = Value.cube
    cube(2.0)
    assert (x.cube().data, held(x).data, x.cube().data) == (2.0, 1.0, 2.0)
    operation("cube", "", lambda *xs: 0.0, None, lambda xs, y: (0.0,) * len(xs), kind=Reduction,
              domain=((-1.0, 1.0),))  # fmt: skip
    assert not hasattr(x, "cube")


@pytest.mark.parametrize("name", ["q", "v0", "batch", "result", "program", "total", "input"])
def test_its_name_may_be_one_that_programs_use(name: str) -> None:
    row, w = operation(name, "", lambda x: 3.0 * x, None, lambda x, y: 3.0), Value(2.0)
    f = compiled(lambda x: row(w * x))
    assert (f.over([1.0, 2.0]).data, f.map([1.0, 2.0]).tolist()) == (9.0, [6.0, 12.0])


def test_two_of_one_name_stay_apart() -> None:
    old, w = cube(1.0), Value(2.0)
    f = compiled(lambda x: old(w * x))
    assert f(1.0).data == 8.0
    new = cube(2.0)
    y = f(1.0)
    y.backward()
    assert (y.data, w.grad) == (8.0, 12.0)
    both = compiled(lambda x: old(x) + new(x))
    assert (both(2.0).data, both.map([2.0]).tolist()) == (24.0, [24.0])
    model = Neuron(1, activation=old, seed=1)
    assert copy.deepcopy(model)([1.0]).data == model([1.0]).data


def doubled_in_place(x: Any) -> Any:
    return np.multiply(x, 2.0, out=x) if isinstance(x, np.ndarray) else 2.0 * x


def rule_in_place(xs: tuple, y: Any) -> tuple:
    y *= 0.0
    return tuple(y + 2.0 for _ in xs)


def in_place() -> dict[str, Operation]:
    row = operation("twice", "", lambda x: 2.0 * x, doubled_in_place, 2.0)
    many = operation(
        *("twice_all", "", lambda *xs: 2.0 * math.fsum(xs)),
        lambda *xs: np.multiply(functools.reduce(np.add, xs, xs[0]) - xs[0], 2.0, out=xs[0]),
        lambda xs, y: (2.0,) * len(xs),
        kind=Reduction,
    )
    slope = operation(
        *("twice_sum", "", lambda *xs: 2.0 * math.fsum(xs)),
        lambda *xs: 2.0 * functools.reduce(np.add, xs),
        rule_in_place,
        kind=Reduction,
    )
    return {"twice": row, "twice_all": many, "twice_sum": slope}


def test_an_array_function_that_writes_to_its_operands_is_named() -> None:
    rows = in_place()
    for name in ("twice", "twice_all"):
        array = np.array([0.1, 0.2])
        row = rows[name]
        with pytest.raises(ValueError, match=f"array function of {name} writes") as caught:
            _ = row(array) if row.arity == 1 else row([array, 1.0 * array])
        assert_is_sentence(str(caught.value))
        assert array.tolist() == [0.1, 0.2]


@pytest.mark.parametrize("name", ["twice", "twice_all", "twice_sum"])
@pytest.mark.parametrize("samples", [1, 5])
def test_one_that_writes_to_its_operands_gives_no_wrong_number_when_compiled(
    name: str, samples: int
) -> None:
    row, w, X = in_place()[name], Value(3.0), np.linspace(0.1, 0.9, 2 * samples).reshape(samples, 2)

    def f(pair: Any) -> Value:
        a, b = pair[0] * w, pair[1] * w
        c = row(a) + row(b) if row.arity == 1 else row([a, b])
        return c * a * b

    fast = compiled(f)
    with pytest.raises(ValueError, match=rf"(array function|rule) of {name} writes"):
        (fast.over(X) if samples > 1 else fast(X[0])).backward()


def test_a_result_is_never_an_operand() -> None:
    same = operation("same", "", lambda x: x, lambda x: x, 1.0)
    array = np.array([1.0, 2.0])
    found = same(array)
    found[0] = 5.0
    assert array.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: Neuron(1, activation="hypot"), "'hypot'. It takes 2 operands"),
        (lambda: Value(2.0).backward(retain_graph=True), "no argument 'retain_graph'"),
    ],
)
def test_habits_are_answered(attempt: Callable, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        attempt()


def test_operands_are_given_by_name_too() -> None:
    x = Value(3.0)
    for found in (engine.clip(x, low=0.0, high=1.0), x.clip(0.0, high=1.0), x.clip(high=1, low=0)):
        assert found.data == 1.0
    assert engine.leaky_relu(-x, slope=0.5).data == (-x).leaky_relu(slope=0.5).data == -1.5
    with pytest.raises(TypeError, match="clip has no operand 'most' left; it has x, low, high"):
        engine.clip(x, most=1.0)
    with pytest.raises(TypeError, match="clip takes 3 operands, not 2"):
        engine.clip(x, low=1.0)
