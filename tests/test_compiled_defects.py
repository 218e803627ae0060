"""Programs at which compiled functions once went wrong: each stays right."""

import copy
import functools
import importlib
import itertools
import math
import random
import threading
import time
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from needing import mostly_slow
from replaying import all_near, are_near, near, value_and_slopes, walk

from glassgrad import (
    MLP,
    SGD,
    Dropout,
    Module,
    Neuron,
    Sequential,
    Value,
    compiled,
    descend,
    dot,
    engine,
    fit,
    grad,
    log,
    minimum,
    mse,
    relu,
    softmax,
    trap,
    where,
    zero_grad,
)
from glassgrad.engine.compile import Compiled
from glassgrad.engine.errors import CompilationError, NonFiniteError

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
        assert all_near(eager, found) or are_near(eager, found), (eager, found)
    total = value_and_slopes(engine.mean([function(*numbers)] * 3), [w, u])
    batch = f.over(*[np.full(3, x) for x in numbers])
    if not batch.is_constant:
        assert all_near(total, value_and_slopes(batch, [w, u]))


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
    assert all_near(expected, value_and_slopes(f.over([1.0, 2.0]), net.parameters()))


def test_an_integer_may_be_a_key() -> None:
    table = {1: w, 2: u}
    f = compiled(lambda t: table[t] * 1.0 if t in table else w * u)
    assert [f(t).data for t in (1, 2, 3, 1)] == [2.0, 3.0, 6.0, 2.0]


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


def test_objects_that_are_new_in_each_call_do_not_pile_up() -> None:
    f = compiled(lambda x, thing: w * x)
    for i in range(300):
        assert f(1.0, object()).data == 2.0, i
    assert len(f.recordings) <= 256
    assert "called with 256 structures of arguments: further calls" in f.report()


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
    assert all_near(value_and_slopes(f.function(x), [x]), value_and_slopes(f(x), [x]))


# What stands beside parameters without having any.


class Scale:
    """It has no Values, and no base class."""

    def __init__(self) -> None:
        self.factor, self.generator, self.calls = 0.5, random.Random(0), []

    def __call__(self, x: Any) -> Any:
        return x * self.factor


class ScaleModule(Module):
    """The same as a module."""

    def __init__(self) -> None:
        self.factor = 0.5

    def forward(self, x: Any) -> Any:
        return x * self.factor


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


class Halved(Module):
    """It computes something else while it is trained."""

    def forward(self, x: Any) -> Any:
        return x * 0.5 if self.training else x


@pytest.mark.parametrize(("part", "count"), [(Halved, 2), (ScaleModule, 1)])
def test_a_mode_that_is_set_forth_and_back_is_recorded_once_if_at_all(
    part: Any, count: int
) -> None:
    row = Row(Neuron(1, seed=0), part())
    f = compiled(row)
    for _ in range(5):
        for mode in (row.train, row.eval):
            mode()
            assert f([1.0]).data == row([1.0]).data
    assert len(f.recordings) == count


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


# What decides beside plain numbers: functions, rebound lists, defaults, names that `forward` reads.


def eager(f: Any, x: Any) -> float:
    found = f.function(x)
    return float(found.data if isinstance(found, Value) else found)


class Bent(Module):
    """It is bent by a function that it keeps, and has numbers of several kinds."""

    _private = 2.0

    def __init__(self) -> None:
        self.weight, self.act = Value(2.0), engine.exp
        self.number, self.rates = np.float64(2.0), [1.0, (2.0, 3)]
        self.table, self.array = {"a": [0.5]}, np.array([1.0, 2.0])
        self.acts, self.named = [math.sin, math.cos], {"act": math.tan}

    def forward(self, x: Any) -> Any:
        known = self.rates[0] * self.table["a"][0] * self.array[0] * self._private * self.number
        return self.act(self.weight * x * known) + self.bent(x) * self.last()

    def last(self) -> float:
        return self.acts[0](1.0) + self.named["act"](1.0)

    def bent(self, x: Any) -> Any:
        return x


def with_another(name: str, index: Any, thing: Any) -> Callable[[Any], None]:
    def change(part: Any) -> None:
        getattr(part, name)[index] = thing

    return change


REBOUND = {
    "a row of the table": changed("act", engine.tanh),
    "a function of Value": changed("act", Value.relu),
    "a lambda": changed("act", lambda v: v * 3.0),
    "a partial": changed("act", functools.partial(engine.maximum, 9.0)),
    "a method": changed("forward", lambda x: x * 5.0),
    "a method that is called": changed("bent", lambda x: x * 5.0),
    "a numpy scalar": changed("number", np.float64(9.0)),
    "a list": changed("rates", [4.0, (2.0, 3)]),
    "a dict": changed("table", {"a": [0.75]}),
    "an array": changed("array", np.array([3.0, 2.0])),
    "a private default": changed("_private", 5.0),
    "a list of functions": changed("acts", [math.cos, math.sin]),
    "a function in a dict": with_another("named", "act", math.exp),
    "a function in a list": with_another("acts", 0, math.cos),
}


@pytest.mark.parametrize("change", REBOUND)
@pytest.mark.parametrize("place", ["alone", "in a row", "named"])
def test_what_is_bound_anew_in_a_module_is_seen(change: str, place: str) -> None:
    bent = Bent()
    row = Row(bent)
    f = compiled({"alone": bent, "in a row": row, "named": lambda x: row(x) * 1.0}[place])
    before = f(0.3).data
    assert before == eager(f, 0.3)
    REBOUND[change](bent)
    assert near(f(0.3).data, eager(f, 0.3))
    assert f(0.3).data != before
    assert near(f.over([0.3]).data, eager(f, 0.3))
    assert len(f.recordings) == 2


def test_equal_numbers_that_are_bound_anew_are_no_change() -> None:
    bent = Bent()
    f = compiled(bent)
    for _ in range(3):
        f(0.3)
        bent.number, bent.rates = np.float64(2.0), [1.0, (2.0, 3)]
        bent.table, bent.array, bent._cache = {"a": [0.5]}, np.array([1.0, 2.0]), [_]
    assert len(f.recordings) == 1


def applied(model: Any, x: Any, *, scale: float = 1.0) -> Any:
    return model(x) * scale


BOUND: dict[str, Callable[[Any], Callable[[Any], Any]]] = {
    "a default": lambda m: lambda x, m=m: m(x),
    "a default that has a name": lambda m: lambda x, *, m=m: m(x),
    "a partial": lambda m: functools.partial(applied, m),
    "a partial of a partial": lambda m: functools.partial(functools.partial(applied, m), scale=2.0),
    "a default in a list": lambda m: lambda x, ms=[m]: ms[0](x),
    "a partial of a method": lambda m: functools.partial(m.forward),
}


@pytest.mark.parametrize("name", BOUND)
def test_what_is_bound_in_a_function_is_looked_at(name: str) -> None:
    part = ScaleModule()
    f = compiled(BOUND[name](Row(part, Row(part))))
    before = f(1.0).data
    part.factor = 3.0
    assert f(1.0).data == eager(f, 1.0) != before
    assert len(f.recordings) == 2


RATE = 2.0
SETTINGS = SimpleNamespace(rate=2.0)
COUNTER = 0


class Rated(Module):
    """Its `forward` reads global names, directly and in what it calls."""

    def __init__(self, enclosed: Callable[[], float] = float) -> None:
        self.weight, self.act, self.enclosed = Value(2.0), lambda v: v * RATE, enclosed

    def forward(self, x: Any) -> Any:
        return self.shifted(self.weight * x) + self.enclosed()

    def shifted(self, x: Any) -> Any:
        return x + rate_of_settings()

    def count(self) -> int:
        return COUNTER


class RatedPlain:
    """No module, without parameters."""

    @property
    def rate(self) -> float:
        return RATE

    def __call__(self, x: Any) -> Any:
        return x * self.rate


class RatedAct(Rated):
    """It applies a function that it keeps."""

    def forward(self, x: Any) -> Any:
        return self.act(self.weight * x) + rate_of_settings()


def rate_of_settings() -> float:
    return RATE * SETTINGS.rate  # type: ignore[no-any-return]


def calling(models: list[Any]) -> Callable[[Any], Any]:
    return lambda x: models[-1](x) * 1.0


RATED: dict[str, Callable[[], Callable[[Any], Any]]] = {
    "a model": Rated,
    "its forward": lambda: Rated().forward,
    "no module": RatedPlain,
    "a function in it": RatedAct,
    "a row": lambda: Row(Rated()),
    "sequential": lambda: Sequential(Rated(), Sequential(RatedPlain())),
    "a lambda in sequential": lambda: Sequential(lambda x: x * RATE),
    "an activation": lambda: Neuron(1, activation=lambda v: v * RATE, seed=0),
    "named": lambda: calling([Rated()]),
    "a default": lambda: lambda x, m=Row(Rated()): m(x),  # noqa: B008
    "in a list": lambda: calling([Neuron, RatedPlain()]),
}


@pytest.mark.parametrize("name", RATED)
def test_names_that_a_model_reads_are_looked_at(name: str, monkeypatch: Any) -> None:
    f = compiled(RATED[name]())
    x = [1.5] if name == "an activation" else 1.5
    before = f(x).data
    monkeypatch.setitem(globals(), "COUNTER", 1)
    assert f(x).data == before
    assert len(f.recordings) == 1
    monkeypatch.setitem(globals(), "RATE", 3.0)
    assert near(f(x).data, eager(f, x))
    assert f(x).data != before
    assert len(f.recordings) == 2
    monkeypatch.setattr(SETTINGS, "rate", 7.0)
    assert near(f(x).data, eager(f, x))


def test_names_around_a_function_that_a_model_keeps_are_looked_at() -> None:
    rate = 2.0
    f = compiled(Row(Rated(lambda: rate)))
    before = f(1.0).data
    rate = 5.0
    assert f(1.0).data == before + 3.0
    assert len(f.recordings) == 2


def test_what_else_a_trainer_does_leads_to_no_recording(monkeypatch: Any) -> None:
    steps = 0

    class Trainer:
        def __init__(self) -> None:
            self.model, self.on_step = Row(Neuron(1, seed=0)), lambda: steps

        @compiled
        def loss(self, x: Any) -> Any:
            return self.model(x) ** 2

        def step(self) -> int:
            return COUNTER + steps + self.on_step()

    trainer = Trainer()
    for _ in range(5):
        trainer.loss.over([[1.0]])
        steps += 1
        monkeypatch.setitem(globals(), "COUNTER", steps)
        trainer.step()
    assert len(trainer.loss.recordings) == 1


@pytest.mark.slow
def test_long_lists_of_numbers_hide_nothing() -> None:
    holder = SimpleNamespace(part=ScaleModule(), model=Neuron(1, seed=0))
    holder.rows = [[float(i)] for i in range(120_000)]
    f = compiled(lambda x: holder.part(holder.model(x)))
    before = f([1.0]).data
    holder.model.w[0], holder.part.factor = Value(10.0), 2.0
    assert near(f([1.0]).data, eager(f, [1.0]))
    assert not near(f([1.0]).data, before)


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


@pytest.mark.parametrize("inner", [lambda m: m, lambda m: m.forward, lambda m: m.__call__])
@pytest.mark.parametrize("change", ["factor", "RATE"])
def test_a_compiled_model_inside_another_is_looked_at(
    inner: Callable, change: str, monkeypatch: Any
) -> None:
    model = Row(ScaleModule(), RatedPlain(), Rated())
    part = compiled(inner(model))
    f = compiled(lambda x: part(x) * 1.0)
    before = f(1.0).data
    if change == "factor":
        model.parts[0].factor = 3.0
    else:
        monkeypatch.setitem(globals(), "RATE", 3.0)
    assert f(1.0).data == eager(f, 1.0) != before
    model.parts[-1].weight = Value(7.0)
    assert f(1.0).data == eager(f, 1.0)


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
LIBRARIES = [
    "numpy",
    pytest.param("torch", marks=pytest.mark.needs("torch")),
    pytest.param("jax.numpy", marks=pytest.mark.needs("jax")),
]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("bend", BENDS)
def test_comparisons_of_parameters_see_the_numbers_in_the_array(bend: str, library: str) -> None:
    """Not those of the Values, which the array stands for, and which stay as they are."""
    namespace = importlib.import_module(library)
    weight = Value(1.0)
    function = BENDS[bend]
    evaluate = compiled(lambda x: function(weight * x)).value_and_grad(
        [weight], namespace=namespace, **({} if library == "numpy" else {"dtype": "float32"})
    )
    dtype = {} if library == "numpy" else {"dtype": namespace.float32}
    for number in (-1.0, 3.0, -0.25, -4.0, 0.5):
        array, batch = (namespace.asarray([x], **dtype) for x in (number, 1.5))
        value, gradient = evaluate(array, batch)
        weight.data = number
        slope = grad(function(weight * 1.5), weight)
        assert (float(value), float(gradient[0])) == pytest.approx(
            (function(weight * 1.5).data, slope), rel=1e-6
        )
        weight.data = 1.0


def test_values_have_their_numbers_again_after_a_recording_that_fails() -> None:
    weight = Value(1.0)

    def fails(x: Any) -> Any:
        if weight * x < 0:
            raise LookupError("negative")
        return weight * x

    evaluate = compiled(fails).value_and_grad([weight])
    with pytest.raises(LookupError):
        evaluate([-2.0], [1.0])
    assert weight.data == 1.0


@pytest.mark.parametrize("bend", mostly_slow(BENDS))
def test_a_training_takes_the_branches_of_its_own_numbers(bend: str) -> None:
    X = np.linspace(-1.0, 1.0, 12).reshape(-1, 1)
    runs = []
    for is_compiled in (True, False):
        model = MLP(1, [4, 1], activation=BENDS[bend], output_activation="linear", seed=3)
        history = fit(
            model,
            mse,
            X,
            X[:, 0] ** 2,
            epochs=6,
            batch_size=4,
            optimiser=SGD(model.parameters(), 0.01),
            compiled=is_compiled,
            health=False,
        )
        runs.append([*history["loss"], *engine.data_vector(model.parameters())])
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-9)


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
    assert compiled(lambda k: w * {1: 3.0, 2: 5.0}[k] * (k in {1, 3}))(1).data == 6.0


def test_parameters_are_found_in_sets_and_dicts() -> None:
    rates = {w: 2.0, u: 3.0}
    assert compiled(lambda x: x * rates[w] + (u in rates))(1.0).data == 3.0


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
    x = Value(2.0)
    twice = x * 2
    function = compiled(lambda s: x * twice * s)
    assert grad(function(3.0), x) == 24.0
    with pytest.raises(CompilationError, match="computed from parameters before"):
        function.value_and_grad([x])([2.0], [3.0, 3.0])
    detached = twice.detach()
    value, slopes = compiled(lambda s: x * detached * s).value_and_grad([x])([2.0], [3.0])
    assert (value, *slopes) == (24.0, 12.0)


def test_what_a_gradient_does_not_flow_to_is_read_as_it_was() -> None:
    body, head = Value(2.0), Value(3.0)
    features, steps = body * 2.0, engine.step(body * 1.0)
    function = compiled(lambda x: head * features * x)
    module = Module()
    module.body = body
    module.freeze()
    value, slopes = function.value_and_grad([body, head], skip_frozen=True)([2.0, 3.0], [1.0])
    assert (value, *slopes) == (12.0, 0.0, 4.0)
    module.unfreeze()
    value, slopes = compiled(lambda x: body * steps * x).value_and_grad([body])([2.0], [1.0])
    assert (value, *slopes) == (2.0, 1.0)
    with pytest.raises(CompilationError, match="computed from parameters before"):
        function.value_and_grad([body, head])([2.0, 3.0], [1.0])


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

    class Parameter(Value):
        pass

    assert compiled(lambda x: x * w)(Parameter(3.0)).data == 6.0


def test_arguments_of_a_class_of_ones_own_are_refused() -> None:
    class Degrees(Value):
        def sin(self) -> Any:
            return (self * (math.pi / 180)).sin()

    x = Degrees(30.0)
    with pytest.raises(TypeError, match="Degrees, a class derived from Value"):
        compiled(lambda x: x.sin())(x)
    assert math.isclose(compiled(lambda y: x.sin() * y)(2.0).data, 1.0)


# What changes beside the arguments is read as it is.


def test_rules_of_a_user_read_what_is_around_them_at_each_call() -> None:
    slope = 2.0
    times = engine.operation(
        "times_slope", "x × slope.", lambda x: x * slope, None, lambda x, y: slope + 0 * x
    )
    function = compiled(lambda x: times(w * x))
    evaluate = function.value_and_grad([w])
    for slope in (2.0, 5.0, 7.0):
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
    with trap(), pytest.raises(NonFiniteError, match=r"value_and_grad of .* gives -inf"):
        evaluate([0.0], [1.0])
    root = compiled(lambda x: (zero * x) ** 0.5).value_and_grad([zero])
    with trap(), pytest.raises(NonFiniteError, match="a gradient of inf by w = 0"):
        root([0.0], [1.0])
