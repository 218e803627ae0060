"""Programs at which compiled functions once went wrong: each stays right."""

import copy
import gc
import math
import random
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from replaying import are_near, near, value_and_slopes

import engine
from engine import Value, compiled, descend, dot, grad, log, minimum, relu, softmax, where
from engine.errors import CompilationError
from nn import MLP, Module, Neuron

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


# What stands beside parameters without having any.


class Scale:
    """It has no Values, and no base class."""

    offset = 0.0

    def __init__(self, factor: float = 0.5) -> None:
        self.factor, self.is_on = factor, True
        self.generator, self.calls = random.Random(0), []

    def __call__(self, x: Any) -> Any:
        return x * self.factor + self.offset if self.is_on else x


class ScaleModule(Module):
    """The same as a module."""

    offset = 0.0

    def __init__(self, factor: float = 0.5) -> None:
        self.factor, self.is_on = factor, True

    def forward(self, x: Any) -> Any:
        return x * self.factor + self.offset if self.is_on else x


class Row(Module):
    """Parts one after the other."""

    def __init__(self, *parts: Any) -> None:
        self.parts = [*parts]

    def forward(self, x: Any) -> Any:
        for part in self.parts:
            x = part(x)
        return x


def changed(name: str, number: Any) -> Callable[[Any], None]:
    return lambda part: setattr(part, name, number)


def raised(name: str, number: Any) -> Callable[[Any], None]:
    return lambda part: setattr(type(part), name, number)


CHANGES = {
    "a number": changed("factor", 3.0),
    "a flag": changed("is_on", False),
    "an attribute that the class had": changed("offset", 2.0),
    "an attribute of the class": raised("offset", 4.0),
}


@pytest.mark.parametrize("kind", [Scale, ScaleModule])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("place", ["in a list", "in a list of another", "directly", "an attribute"])
def test_a_part_without_parameters_is_looked_at(
    kind: type, change: str, place: str, request: pytest.FixtureRequest
) -> None:
    part: Any = kind()
    request.addfinalizer(lambda: setattr(kind, "offset", 0.0))
    neuron = Neuron(1, seed=0)
    row = Row(neuron, part)
    if place == "in a list of another":
        row = Row(neuron, Row(part))
    holder = SimpleNamespace(model=neuron, part=part)
    functions = {
        "directly": lambda x: part(neuron(x)),
        "an attribute": lambda x: holder.part(holder.model(x)),
    }
    f = compiled(functions.get(place, row))
    one, two = np.array([1.0]), np.array([2.0])
    before = f(one).data
    assert before == f.function(one).data
    f(two), f.over([one]), f(one)
    assert len(f.recordings) == 1
    CHANGES[change](part)
    assert f(one).data == f.function(one).data != before
    assert f.over([one]).data == f.function(one).data
    f(two)
    assert len(f.recordings) == 2


def test_a_part_is_looked_at_in_a_model_without_any_parameters() -> None:
    row = Row(ScaleModule(2.0), ScaleModule(3.0))
    f = compiled(row)
    assert f(1.0).data == 6.0
    row.parts[1].factor = 4.0
    assert f(1.0).data == 8.0
    row.parts.append(ScaleModule(0.5))
    assert f(1.0).data == 4.0
    row.parts[0] = ScaleModule(1.0)
    assert f(1.0).data == 2.0
    assert len(f.recordings) == 4


def test_a_plain_object_that_is_named_is_looked_at() -> None:
    settings = SimpleNamespace(rate=0.5, inner=SimpleNamespace(power=2))
    f = compiled(lambda x: settings.rate * (w * x) ** settings.inner.power)
    assert f(1.0).data == 2.0
    settings.rate = 1.0
    assert f(1.0).data == 4.0
    settings.inner.power = 3
    assert f(1.0).data == 8.0
    settings.rate = 0.5
    assert f(1.0).data == 4.0
    settings.rate, settings.inner.power = 0.5, 2
    assert f(1.0).data == 2.0
    assert len(f.recordings) == 4


def test_a_mode_that_is_set_forth_and_back_is_recorded_twice() -> None:
    row = Row(Neuron(1, seed=0), ScaleModule())
    f = compiled(row)
    for _ in range(5):
        row.train()
        f([1.0])
        row.eval()
        f([1.0])
    assert len(f.recordings) == 2


def test_what_changes_beside_a_model_but_decides_nothing_is_not_looked_at() -> None:
    class Trainer:
        def __init__(self) -> None:
            self.model, self.generator = Row(Neuron(1, seed=0), Scale()), random.Random(0)
            self.rows: list[float] = []

        @compiled
        def loss(self, x: Any) -> Any:
            return self.model(x) ** 2

    trainer = Trainer()
    for i in range(100):
        trainer.generator.gauss(0.0, 1.0)
        trainer.model.parts[1].generator.gauss(0.0, 1.0)
        trainer.model.parts[1].calls.append(i)
        trainer.rows.append(trainer.loss.over([[1.0]]).data)
        trainer.model([1.0])
        copy.deepcopy(trainer.model)([1.0])
    assert len(trainer.loss.recordings) == 1


def test_the_caches_of_modules_lead_to_no_recording() -> None:
    """A scope, a line that calls, and compiled methods are attributes that come later."""

    class Line(Row):
        @compiled
        def loss(self, x: Any) -> Any:
            return self(x) ** 2

        @compiled
        def other(self, x: Any) -> Any:
            return self(x) * 2.0

    line = Line(Neuron(1, seed=0), ScaleModule(), Row(ScaleModule()))
    for _ in range(3):
        line.loss([1.0]), line.other([1.0]), line([1.0]), Row(line)([1.0])
    assert len(line.loss.recordings) == len(line.other.recordings) == 1
