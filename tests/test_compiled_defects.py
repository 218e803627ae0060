"""Programs at which compiled functions once went wrong: each stays right."""

import itertools
import math
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from replaying import all_near, near, value_and_slopes, walk

from glassgrad import (
    MLP,
    Dropout,
    Module,
    Neuron,
    Sequential,
    Value,
    compiled,
    descend,
    engine,
    fit,
    grad,
    mse,
    relu,
    trap,
    where,
    zero_grad,
)
from glassgrad.engine.compile import Compiled
from glassgrad.engine.errors import CompilationError, NonFiniteError

w, u = Value(2.0), Value(3.0)


def test_samples_that_read_no_parameter_lose_no_gradient() -> None:
    f = compiled(lambda x: w * x if x > 0 else x * 2.0)
    assert value_and_slopes(f.over([-1.0, 1.0], reduction="sum") + u * 0.0, [w]) == [0.0, 1.0]
    again = compiled(lambda x: w * x if x > 0 else x * 2.0)
    assert value_and_slopes(again.over([1.0, -1.0], reduction="sum"), [w]) == [0.0, 1.0]
    assert again.over([-1.0]).is_constant


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


def test_dropped_results_are_freed_at_once(without_collector: Callable) -> None:
    net = MLP(3, [4, 1], seed=1)
    f = compiled(lambda x: net(x) ** 2)
    with without_collector():
        results = [f([0.1 * i, 1.0, 2.0]) for i in range(20)]
        watched = [weakref.ref(result.operation) for result in results]
        del results
        assert not any(each() for each in watched)


@pytest.mark.filterwarnings("ignore:<lambda> was called with 256 structures")
def test_objects_that_are_new_in_each_call_do_not_pile_up() -> None:
    f = compiled(lambda x, thing: w * x)
    for i in range(300):
        assert f(1.0, object()).data == 2.0, i
    assert len(f.recordings) <= 256
    assert "called with 256 structures of arguments: further calls" in f.report()


def test_long_sums_of_gradients_are_several_lines() -> None:
    def steps(x: Any) -> Any:
        states = [x]
        for _ in range(1_500):
            states.append((states[-1] * w).tanh() + x)
        return states[-1]

    x = Value(0.1)
    f = compiled(lambda x: engine.sum([steps(x) * relu(x + i) for i in range(3)]))
    assert all_near(value_and_slopes(f.function(x), [x]), value_and_slopes(f(x), [x]))


WHOLE: dict[str, tuple[Callable[..., Any], Any]] = {
    "a number": (lambda i: i.exp() * w, [0, 1]),
    "an index": (lambda i: [w, u][i] * i, [0, 1]),
    "a key": (lambda i: {0: w, 1: u}[i] * 1.0, [0, 1]),
    "an array": (lambda xs: xs[0].exp() + [w, u][xs[1]], [[0, 1], [1, 0]]),
}


@pytest.mark.parametrize("name", WHOLE)
def test_map_takes_integers_everywhere(name: str) -> None:
    function, batch = WHOLE[name]
    f = compiled(function)
    expected = compiled(function).map(batch).tolist()
    with trap():
        assert f.map(batch).tolist() == expected
    outer = compiled(lambda x: engine.sum(list(f.map(batch))) * x)
    assert near(outer(2.0).data, 2.0 * sum(expected))
    assert near(outer(3.0).data, 3.0 * sum(expected))
    assert len(outer.recordings) == 1


MODELS: dict[str, Callable[[], Module]] = {
    "a network": lambda: MLP(2, [4, 1], seed=0),
    "a row with dropout": lambda: Sequential(
        MLP(2, [4, 4], seed=0), Dropout(0.5, seed=0), Neuron(4, seed=1)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_each_function_of_fit_has_one_recording(name: str, monkeypatch: Any) -> None:
    made = list[Any]()
    kept = Compiled.__init__

    def init(self: Any, *arguments: Any) -> None:
        made.append(self)
        kept(self, *arguments)

    monkeypatch.setattr(Compiled, "__init__", init)
    X = np.random.default_rng(0).normal(size=(24, 2))
    y = np.tanh(X[:, 0] - X[:, 1])
    known = {"epochs": 4, "batch_size": 8, "validation": (X, y), "metrics": ["mean_absolute_error"]}
    fit(MODELS[name](), mse, X, y, **known)
    counts = [len(each.recordings) for each in made]
    assert max(counts) == 1, counts


def test_the_forward_of_a_module_may_be_compiled() -> None:
    class Square(Module):
        def __init__(self) -> None:
            self.w = Value(3.0)

        @compiled
        def forward(self, x: Any) -> Value:
            return self.w * x * x

    model = Square()
    assert [model(x).data for x in (1.0, 2.0)] == [3.0, 12.0]


BENDS: dict[str, Callable[[Any], Any]] = {
    "if": lambda v: v if v > 0 else 10 * v,
    "max": lambda v: max(v, 0.1 * v),
    "two ifs": lambda v: v if v > 1 else (2 * v + 3 if v > -1 else -v),
}


@pytest.mark.parametrize("bend", BENDS)
def test_comparisons_of_parameters_see_the_numbers_in_the_array(bend: str) -> None:
    """Not those of the Values, which the array stands for, and which stay as they are."""
    weight = Value(1.0)
    function = BENDS[bend]
    evaluate = compiled(lambda x: function(weight * x)).value_and_grad([weight])
    for number in (-1.0, 3.0, -0.25, -4.0, 0.5):
        value, gradient = evaluate([number], [1.5])
        weight.data = number
        slope = grad(function(weight * 1.5), weight)
        assert (value, gradient[0]) == pytest.approx((function(weight * 1.5).data, slope), rel=1e-6)
        weight.data = 1.0


def test_threads_that_record_leave_the_numbers_as_they_were() -> None:
    weight, begun = Value(1.0), threading.Event()

    def slow(x: Any) -> Any:
        begun.set()
        time.sleep(0.05)
        return weight * x if weight * x > 0 else weight * x * 0.1

    evaluate = compiled(slow).value_and_grad([weight])
    found: dict[float, float] = {}

    def run(number: float) -> None:
        found[number] = evaluate([number], [1.0])[0]

    threads = [threading.Thread(target=run, args=(number,)) for number in (5.0, -7.0)]
    threads[0].start()
    assert begun.wait(30)
    threads[1].start()
    for thread in threads:
        thread.join()
    assert weight.data == 1.0
    assert found == {5.0: 5.0, -7.0: pytest.approx(-0.7)}


def test_equality_of_arguments_is_refused_since_values_are_told_apart() -> None:
    f = compiled(lambda a, b: a * 2 if a == b else a * 3)
    with pytest.raises(CompilationError, match="a - b == 0"):
        f(1.0, 1.0)
    w, odd = Value(5.0), Value(5.0)
    g = compiled(lambda x: x * (2.0 if w == odd else 3.0))  # both from outside: always the same
    assert g(1.0).data == 3.0


@pytest.mark.parametrize("reset", [lambda w: setattr(w, "grad", 0.0), lambda w: zero_grad([w])])
def test_gradients_are_not_reset_inside(reset: Callable) -> None:
    w = Value(2.0)
    w.grad = 7.0

    @compiled
    def f(x: float) -> Value:
        reset(w)
        return w * x

    with pytest.raises(CompilationError, match=r"sets \.grad of"):
        f(1.0)
    assert w.grad == 7.0


def test_a_sum_over_samples_beyond_all_floats_is_infinite_and_says_nothing() -> None:
    w = Value(1.0)
    total = compiled(lambda x: w * x).over([1e308, 1e308], reduction="sum")  # warnings are errors
    assert total.data == math.inf


# What would freeze a number, or leave a part of a gradient out, is refused.

TEXTS: dict[str, Callable[[Any], Any]] = {
    "its text": lambda x: -w * x if str(x).startswith("Value(data=-") else w * x,
    "its label": lambda x: w * x if x.label is None else w * x * x,
    "its parents": lambda x: w * x * (1 + len((x * w).parents)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_reads_the_text_of_an_argument_runs_as_it_is_written(name: str) -> None:
    written = TEXTS[name]
    function = compiled(written)
    with pytest.warns(RuntimeWarning, match="runs as it is written, which is slow: it reads"):
        first = function(1.0)
    assert first.data == written(Value(1.0)).data
    for x in (Value(-2.0), Value(3.0, label="x")):
        assert function(x).data == written(x).data
    assert "it reads" in function.report()
    found = [each.data for each in function.over([-2.0, 3.0], reduction="none")]
    assert found == [written(Value(-2.0)).data, written(Value(3.0)).data]
    with pytest.raises(CompilationError, match="runs as it is written only: it reads"):
        function.value_and_grad([w])([2.0], [1.0])


def test_whole_numbers_are_found_in_sets_and_dicts() -> None:
    table = {1: w, 2: u}
    f = compiled(lambda k: (table[k] if k in table else w * u) * (1.0 + (k in {1, 3})))
    assert [f(k).data for k in (1, 2, 3, 1)] == [4.0, 3.0, 12.0, 4.0]


@pytest.mark.parametrize("number", [lambda x: x.data, lambda x: f"{x:.2f}"])
def test_a_refusal_that_the_function_catches_is_told_nevertheless(number: Callable) -> None:
    def function(x: Any) -> Any:
        try:
            s = float(number(x))
        except Exception:
            s = 1.0
        return x * s * w

    with pytest.raises(CompilationError):
        compiled(function).map([3.0, 4.0, 5.0])


def test_what_was_computed_from_a_parameter_before_is_refused_in_gradients_by_it() -> None:
    body, head = Value(2.0), Value(3.0)
    features, steps = body * 2.0, engine.step(body * 1.0)
    detached = features.detach()
    function = compiled(lambda x: head * body * features * x)
    assert grad(function(3.0), body) == 3.0 * 4.0 * 2.0 * 3.0
    for some in ([body], [body, head]):
        with pytest.raises(CompilationError, match="computed from parameters before"):
            function.value_and_grad(some)([2.0, 3.0][: len(some)], [1.0, 1.0])
    for written, leaf, expected in (
        (lambda x: head * features * x, head, (12.0, 4.0)),
        (lambda x: body * detached * x, body, (8.0, 4.0)),
        (lambda x: body * steps * x, body, (2.0, 1.0)),
    ):
        value, slopes = compiled(written).value_and_grad([leaf])([leaf.data], [1.0])
        assert (value, *slopes) == expected


def test_labels_of_parameters_are_read_and_lists_that_share_others_take_no_longer() -> None:
    named = [Value(2.0, label="w"), Value(3.0, label="b")]
    shared: Any = [named]
    for _ in range(40):
        shared = [shared, shared]

    def function(x: Any) -> Any:
        chosen = engine.sum([p * p for p in named if p.label == "w"])
        return chosen * x + len(shared)

    assert compiled(function)(1.0).data == 6.0


def test_arguments_are_values_and_nothing_else() -> None:
    assert compiled(lambda x: x * w if type(x) is Value else x)(3.0).data == 6.0


# What changes beside the arguments is read as it is.


def test_rules_of_a_user_read_what_is_around_them_at_each_call() -> None:
    slope = 2.0
    times = engine.operation(
        "times_slope", "x × slope.", lambda x: x * slope, None, lambda x, y: slope + 0 * x
    )
    function = compiled(lambda x: times(w * x))
    evaluate = function.value_and_grad([w])
    three = Value(3.0).detach()
    of_a_constant = compiled(lambda x: x * times(three))
    for slope in (2.0, 5.0, 7.0):
        assert of_a_constant(2.0).data == of_a_constant.over([1.0, 3.0]).data == 6.0 * slope
        value, gradient = evaluate([2.0], [1.0, 3.0])
        assert (value, *gradient) == (4.0 * slope, 2.0 * slope)
        assert grad(function(1.0), w) == slope
        total = function.over([1.0, 3.0])
        assert (total.data, grad(total, w)) == (4.0 * slope, 2.0 * slope)


@pytest.mark.parametrize(
    "rule", [lambda x, y: where(x > 0, 1.0, 0.1), lambda x, y: 1.0 if x > 0 else 0.1]
)
@pytest.mark.parametrize("is_walked", [False, True])
def test_rules_of_a_user_may_compare(
    rule: Callable, is_walked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_walked:
        walk(monkeypatch, "by groups")
    leaky = engine.operation("leaky_here", "Leaky.", lambda x: x if x > 0 else 0.1 * x, None, rule)
    value, gradient = compiled(lambda x: leaky(w * x)).value_and_grad([w])([2.0], [1.0, -2.0, 3.0])
    assert math.isclose(value, (2.0 - 0.4 + 6.0) / 3)
    assert math.isclose(gradient[0], (1.0 - 0.2 + 3.0) / 3)


def test_a_rule_that_compares_an_operand_with_the_result_is_given_both() -> None:
    least = engine.operation(
        "least_here", "The smaller.", min, None,
        lambda a, b, y: 1.0 if a == y else 0.0, lambda a, b, y: 0.0 if a == y else 1.0,
    )  # fmt: skip
    evaluate = compiled(lambda a, b: least(w * a, u * b)).value_and_grad([w, u])
    value, gradient = evaluate([2.0, 3.0], [1.0, 4.0, 0.5], [2.0, 1.0, 4.0])
    assert (value, *gradient) == pytest.approx((6.0 / 3, 1.5 / 3, 1.0 / 3))


def test_a_constant_from_outside_has_the_number_of_now() -> None:
    target = Value(3.0).detach()
    loss = compiled(lambda x: (w * x - target) ** 2, audit=False)
    evaluate = loss.value_and_grad([w])
    for i in range(100):  # more often than recordings are kept
        target.data = float(i)
        assert loss(1.0).data == (w.data - i) ** 2
        assert evaluate([2.0], [1.0])[0] == (2.0 - i) ** 2


def test_an_audit_keeps_what_it_saw_first() -> None:
    calls = itertools.count()
    function = compiled(lambda x: w * x * (1.0 + next(calls) % 2))
    evaluate = function.value_and_grad([w])
    evaluate([2.0], [1.0])
    with pytest.warns(RuntimeWarning, match="state that it keeps"), pytest.raises(CompilationError):
        evaluate([2.0], [1.0])


def test_a_gradient_that_is_infinite_is_trapped() -> None:
    zero = Value(0.0, label="w")
    evaluate = compiled(lambda x: (zero * x).log()).value_and_grad([zero])
    assert evaluate([0.0], [1.0])[0] == -math.inf
    with trap():
        assert evaluate([1.0], [1.0])[0] == 0.0
    with trap(), pytest.raises(NonFiniteError, match=r"value_and_grad of .* gives -inf"):
        evaluate([0.0], [1.0])
    root = compiled(lambda x: (zero * x) ** 0.5).value_and_grad([zero])
    with trap(), pytest.raises(NonFiniteError, match="a gradient of inf by w = 0"):
        root([0.0], [1.0])


def test_a_result_that_cancels_is_differentiated_twice() -> None:
    """Its sums have another order than those of the function: it is not computed again."""
    weights = [Value(math.sin(i)) for i in range(64)]
    point = [math.cos(3.0 * i) for i in range(64)]
    target = engine.dot(weights, point).data
    function = compiled(lambda x: (engine.dot(weights, x) - target) ** 2)
    (slope,) = grad(function(point), weights[:1], differentiable=True)
    assert grad(slope, weights[0]) == pytest.approx(2.0 * point[0] ** 2, rel=1e-12)
