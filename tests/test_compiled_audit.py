"""What a compiled function reads beside its arguments may change: it is seen, or audited."""

import collections
import copy
import dataclasses
import enum
import functools
import importlib
import itertools
import math
import random
import sys
import threading
import time
import types
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
from replaying import all_near, near

from glassgrad import (
    MLP,
    SGD,
    Layer,
    Module,
    Neuron,
    Sequential,
    Value,
    compiled,
    cosine,
    data_vector,
    engine,
    fit,
    l2,
    mse,
    trap,
    warm_up,
)
from glassgrad.engine.compile import cache
from glassgrad.engine.errors import CompilationError

X = np.array([0.3, 0.7, -0.4])


# Ways to read something, and to change it: all pairs that there are.


@dataclasses.dataclass
class Record:
    rate: Any = 1.0
    rates: Any = None
    act: Any = None


@dataclasses.dataclass(slots=True)
class Slots:
    rate: Any = 1.0
    rates: Any = None
    act: Any = None


class Plain:
    rate: Any = 1.0

    def __init__(self) -> None:
        self.rates, self.act = [1.0, 2.0], abs


class Part(Module):
    rate: Any = 1.0

    def __init__(self) -> None:
        self.rates, self.act = [1.0, 2.0], abs

    def forward(self, x: Any) -> Any:
        return x


def python_module() -> Any:
    found = types.ModuleType("config")
    found.rate, found.rates, found.act = 1.0, [1.0, 2.0], abs
    return found


def class_of_its_own() -> Any:
    return type("Config", (), {"rate": 1.0, "rates": [1.0, 2.0], "act": staticmethod(abs)})


def function_with_attributes() -> Any:
    def found() -> None:
        return None

    found.rate, found.rates, found.act = 1.0, [1.0, 2.0], abs
    return found


def with_property() -> Any:
    class Computed(Plain):
        @property
        def rate(self) -> float:
            return self.kept[0]

        @rate.setter
        def rate(self, number: float) -> None:
            self.kept = [number]

    found = Computed()
    found.rate = 1.0
    return found


HOLDERS: dict[str, Callable[[], Any]] = {
    "an object": Plain,
    "a dataclass": lambda: Record(1.0, [1.0, 2.0], abs),
    "a dataclass with slots": lambda: Slots(1.0, [1.0, 2.0], abs),
    "a class": class_of_its_own,
    "a module of Python": python_module,
    "a module of nn": Part,
    "a namespace": lambda: types.SimpleNamespace(rate=1.0, rates=[1.0, 2.0], act=abs),
    "a function": function_with_attributes,
    "a property": with_property,
}


def read_rate(thing: Any, x: Any) -> Any:
    return x * thing.rate


def read_list(thing: Any, x: Any) -> Any:
    return x * thing.rates[0] + len(thing.rates)


def read_loop(thing: Any, x: Any) -> Any:
    for rate in thing.rates:
        x = x * rate
    return x


def read_function(thing: Any, x: Any) -> Any:
    return x * thing.act(-2.0)


CHANGES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any], Any]]] = {
    "a number": (read_rate, lambda t: setattr(t, "rate", 5.0)),
    "a Value in place of a number": (read_rate, lambda t: setattr(t, "rate", Value(5.0))),
    "an item": (read_list, lambda t: t.rates.__setitem__(0, 7.0)),
    "an item in a loop": (read_loop, lambda t: t.rates.__setitem__(1, 7.0)),
    "one more item": (read_loop, lambda t: t.rates.append(3.0)),
    "another list": (read_list, lambda t: setattr(t, "rates", [4.0])),
    "another function": (read_function, lambda t: setattr(t, "act", math.cosh)),
}


def in_a_list(read: Callable, thing: Any) -> Callable[[Any], Any]:
    things = [thing]
    return lambda x: read(things[0], x)


def in_a_dict(read: Callable, thing: Any) -> Callable[[Any], Any]:
    things = {"it": thing}
    return lambda x: read(things["it"], x)


def in_another_object(read: Callable, thing: Any) -> Callable[[Any], Any]:
    outer = types.SimpleNamespace(inner=types.SimpleNamespace(thing=thing))
    return lambda x: read(outer.inner.thing, x)


WAYS: dict[str, Callable[[Callable, Any], Callable[[Any], Any]]] = {
    "enclosing": lambda read, thing: lambda x: read(thing, x),
    "a default": lambda read, thing: lambda x, thing=thing: read(thing, x),
    "bound by partial": functools.partial,
    "in a list": in_a_list,
    "in a dict": in_a_dict,
    "in another object": in_another_object,
    "a method": types.MethodType,
}
ALL = list(itertools.product(HOLDERS, CHANGES, WAYS))


def after_a_change(function: Callable[[Any], Any], f: Any, calls: int = 8) -> tuple[int, int]:
    """How many results were stale, and how many warnings there were; the last result is right."""
    right, stale = function(Value(0.3)).data, 0
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(calls):
            last = f(0.3).data
            stale += not near(last, right)
    assert near(last, right), (last, right)
    assert all(each.category is RuntimeWarning for each in said)
    return stale, len(said)


@pytest.mark.parametrize("way", WAYS)
def test_no_change_is_missed_for_long_and_none_in_silence(way: str) -> None:
    tried = 0
    for holder, change, _ in (each for each in ALL if each[2] == way):
        thing = HOLDERS[holder]()
        read, alter = CHANGES[change]
        function = WAYS[way](read, thing)
        f = compiled(function)
        assert near(f(0.3).data, function(Value(0.3)).data)
        alter(thing)
        stale, said = after_a_change(function, f)
        assert bool(stale) <= bool(said), (holder, change)
        tried += 1
    assert tried == len(HOLDERS) * len(CHANGES)


class Halved(Module):
    def forward(self, x: Any) -> Any:
        return x * 0.5 if self.training else x


class Scaled(Module):
    def __init__(self) -> None:
        self.rate = 2.0

    def forward(self, x: Any) -> Any:
        return x * self.rate


class Unit:
    def __init__(self) -> None:
        self.rate = 1.0

    def __call__(self, x: Any) -> Any:
        return x * self.rate


class Settings(dict):
    def __getattr__(self, name: str) -> Any:
        return self[name]


class Lacking:
    """An object that answers in its own way for what it lacks."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found = {"rate": 1.0}

    def __getattr__(self, name: str) -> Any:
        return self.found[name]


def class_of_a_class() -> Any:
    return type("Kind", (type,), {"rate": 1.0})("Config", (), {})


def line_of_a_notebook() -> Any:
    class Line:
        def slope(self, x: Any) -> Any:
            return x * 2.0

    return Line()


def table_of_values() -> Any:
    return np.array([[Value(1.0), Value(2.0)]] * 2, object).T


def row_of_rows() -> Any:
    class Part(Module):
        rate = 1.0
        is_on = True

        def forward(self, x: Any) -> Any:
            return x * self.rate if self.is_on else x * 3.0

    return Sequential(Sequential(Part()))


def set_rate(thing: Any) -> None:
    thing.rate = 5.0


Way = tuple[Callable[[], Any], Callable[[Any, Any], Any], Callable[[Any], Any]]
OF_A_THING: dict[str, Way] = {
    "an attribute": (Plain, read_rate, set_rate),
    "of a class": (class_of_its_own, read_rate, set_rate),
    "of a module in Python": (python_module, read_rate, set_rate),
    "that the class had": (Plain, read_rate, lambda t: setattr(t, "rate", True)),
    "in slots": (Slots, read_rate, set_rate),
    "a property": (with_property, read_rate, set_rate),
    "given for an item": (lambda: Settings(rate=1.0), read_rate, lambda t: t.update(rate=5.0)),
    "given for what is lacking": (Lacking, read_rate, lambda t: t.found.update(rate=5.0)),
    "of the class of a class": (
        class_of_a_class,
        read_rate,
        lambda t: setattr(type(t), "rate", 5.0),
    ),
    "an entry without a name": (
        lambda: {None: 1.0},
        lambda t, x: x * t[None],
        lambda t: t.update({None: 5.0}),
    ),
    "an item whose place is a number too": (
        lambda: [1.0, 2.0],
        lambda t, x: 1.0 * x * t[1],
        lambda t: t.__setitem__(1, 5.0),
    ),
    "an entry of a dict": (
        lambda: {"model": {"rate": 1.0}},
        lambda t, x: x * t["model"]["rate"],
        lambda t: t["model"].update(rate=5.0),
    ),
    "an entry of a shape": (
        lambda: types.SimpleNamespace(table=np.ones((2, 3))),
        lambda t, x: x * t.table.shape[0] + t.table.T[0, 0] + len(t.table.T),
        lambda t: setattr(t, "table", np.ones((4, 5))),
    ),
    "an item of a list": (
        lambda: [1.0, 2.0],
        lambda t, x: x * t[1],
        lambda t: t.__setitem__(1, 5.0),
    ),
    "a method of a class in a notebook": (
        line_of_a_notebook,
        lambda t, x: t.slope(x) * 1.0,
        lambda t: setattr(type(t), "slope", lambda self, x: x * 5.0),
    ),
    "a flag of a module": (lambda: Sequential(Halved()), lambda t, x: t(x), lambda t: t.eval()),
    "a rate of a module in a dict": (
        lambda: {"first": [Scaled()]},
        lambda t, x: sum(part(x) for part in t["first"]),
        lambda t: setattr(t["first"][0], "rate", 5.0),
    ),
    "a flag of a part of a part": (
        row_of_rows,
        lambda t, x: t(x),
        lambda t: setattr(t.parts[0].parts[0], "is_on", False),
    ),
    "a rate that the class of a part of a part had": (
        row_of_rows,
        lambda t, x: t(x),
        lambda t: set_rate(t.parts[0].parts[0]),
    ),
    "the rate of the class of a part of a part": (
        row_of_rows,
        lambda t, x: t(x),
        lambda t: set_rate(type(t.parts[0].parts[0])),
    ),
    "one of many objects": (
        lambda: [Unit(), Unit()],
        lambda t, x: functools.reduce(lambda y, unit: unit(y), t, x),
        lambda t: set_rate(t[1]),
    ),
    "a layer that is replaced": (
        lambda: MLP(1, [2, 1], seed=0),
        lambda t, x: t([x]),
        lambda t: t.layers.__setitem__(0, Layer(1, 2, seed=5)),
    ),
    "a weight in a list": (
        lambda: Neuron(1, seed=0),
        lambda t, x: t([x]),
        lambda t: t.w.__setitem__(0, Value(9.0)),
    ),
    "a weight in a row that replaced an equal one": (
        lambda: [[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]],
        lambda t, x: sum(weight * x for row in t for weight in row),
        lambda t: (t.__setitem__(0, list(t[0])), t[0].__setitem__(1, Value(9.0))),
    ),
    "a weight in a row of a pair of rows": (
        lambda: [(Value(1.0), [Value(2.0)])],
        lambda t, x: t[0][0] * t[0][1][0] * x,
        lambda t: t[0][1].__setitem__(0, Value(9.0)),
    ),
    "rows in another order in a dict": (
        lambda: {"a": [Value(1.0)], "b": [Value(2.0)]},
        lambda t, x: functools.reduce(lambda y, row: y * row[0] + x, t.values(), x),
        lambda t: t.update(a=t.pop("a")),
    ),
    "a Value in an array": (
        table_of_values,
        lambda t, x: t[0, 1] * x,
        lambda t: t.__setitem__((0, 1), Value(10.0)),
    ),
    "the activation of a neuron": (
        lambda: MLP(1, [3, 1], seed=1),
        lambda t, x: t([x]),
        lambda t: setattr(t.layers[0].neurons[0], "activation", abs),
    ),
}


def of_a_thing(way: Way) -> Callable[[], Any]:
    make, read, change = way
    thing = make()
    return lambda: (lambda x: read(thing, x), lambda: change(thing))


SEEN_AT_ONCE: dict[str, Callable[[], tuple[Callable[[Any], Any], Callable[[], Any]]]] = {
    name: of_a_thing(way) for name, way in OF_A_THING.items()
}


def seen(make: Callable[[], tuple[Callable[[Any], Any], Callable[[], Any]]]) -> Any:
    SEEN_AT_ONCE[make.__name__.replace("_", " ")] = make
    return make


@seen
def what_a_helper_reads() -> Any:
    rate = 1.0

    def helper(x: Any) -> Any:
        return x * rate

    def change() -> None:
        nonlocal rate
        rate = 5.0

    return lambda x: helper(x) * 1.0, change


@seen
def a_default_that_is_replaced() -> Any:
    def helper(x: Any, rate: float = 1.0, *, more: float = 1.0) -> Any:
        return x * rate * more

    def change() -> None:
        helper.__defaults__, helper.__kwdefaults__ = (2.0,), {"more": 3.0}

    return lambda x: helper(x) * 1.0, change


@seen
def a_function_that_is_loaded_again() -> Any:
    def function(x: Any) -> Any:
        return x * 1.0

    def change() -> None:
        function.__code__ = (lambda x: x * 5.0).__code__

    return function, change


@seen
def what_is_imported_inside() -> Any:
    settings = sys.modules["settings_of_this_test"] = python_module()

    def function(x: Any) -> Any:
        from settings_of_this_test import rate

        return x * rate

    return function, lambda: set_rate(settings)


@seen
def the_first_layer_of_an_empty_list() -> Any:
    class Grows(Module):
        def __init__(self) -> None:
            self.extra: list[Any] = []

        def forward(self, x: Any) -> Any:
            for layer in self.extra:
                x = layer([x])
            return x * 2.0

    model = Grows()
    model.extra.append(Neuron(1, seed=0))
    return model, lambda: model.extra.append(Neuron(1, seed=1))


@seen
def a_list_that_is_inside_another_one_too() -> Any:
    rows = [[Value(1.0), Value(2.0)], [Value(3.0)]]
    held = types.SimpleNamespace(first=rows[0], all=rows)

    def function(x: Any) -> Any:
        return held.first[0] * x + held.all[1][0]

    def change() -> None:
        held.all[:] = [list(row) for row in held.all]
        held.first[0] = Value(10.0)

    return function, change


@seen
def a_list_that_is_inside_one_with_numbers_too() -> Any:
    row = [Value(1.0)]
    mixed, rows = [row, 1.0], [row]

    def change() -> None:
        rows[0] = list(row)
        mixed[0][0] = Value(10.0)  # type: ignore[index]

    return lambda x: mixed[0][0] * rows[0][0] * x, change  # type: ignore[index]


@seen
def the_first_layer_of_all() -> Any:
    layers: list[Any] = []

    def model(x: Any) -> Any:
        for layer in layers:
            x = layer([x])
        return x * 2.0

    return model, lambda: layers.append(Neuron(1, seed=1))


@seen
def a_model_that_a_name_is_bound_to() -> Any:
    model = Neuron(1, seed=0)

    def change() -> None:
        nonlocal model
        model = Neuron(1, seed=1)

    return lambda x: model([x]), change


@seen
def a_function_that_a_name_is_bound_to() -> Any:
    helper = abs

    def change() -> None:
        nonlocal helper
        helper = math.cosh

    return lambda x: x * helper(-3.0), change


@seen
def an_attribute_of_an_argument_that_is_bound() -> Any:
    class Trainer:
        rate = 1.0

        def loss(self, x: Any) -> Any:
            return x * self.rate

    trainer = Trainer()
    return trainer.loss, lambda: setattr(trainer, "rate", 5.0)


@seen
def an_attribute_of_the_class_of_a_classmethod() -> Any:
    class Trainer:
        rate = 1.0

        @classmethod
        def loss(cls, x: Any) -> Any:
            return x * cls.rate

    return Trainer.loss, lambda: setattr(Trainer, "rate", 5.0)


@pytest.mark.parametrize("name", SEEN_AT_ONCE)
def test_what_is_ordinary_is_seen_at_once_and_without_a_warning(name: str) -> None:
    function, change = SEEN_AT_ONCE[name]()
    f = compiled(function)
    before = f(0.3).data
    change()
    assert after_a_change(function, f) == (0, 0)
    is_another_number = name != "that the class had"  # but True in place of 1.0
    assert (f(0.3).data != before) == is_another_number
    assert len(f.recordings) == 1 + is_another_number


def test_an_object_that_is_an_argument_is_looked_at_too() -> None:
    f = compiled(lambda settings, x: x * settings.rate)
    settings = Plain()
    assert f(settings, 2.0).data == 2.0
    settings.rate = 5.0
    assert f(settings, 2.0).data == 10.0
    assert f(x=2.0, settings=settings).data == 10.0
    settings.rate = 6.0
    assert f(x=2.0, settings=settings).data == 12.0


@dataclasses.dataclass
class Scale:
    number: Any
    rate: ClassVar[float] = 1.0

    def times(self, x: Any) -> Any:
        return x * self.number * self.rate


class Corner(NamedTuple):
    number: Any

    def times(self, x: Any) -> Any:
        return x * self.number * Scale.rate


class Chosen(enum.Enum):
    ONE = 2.0

    def times(self, x: Any) -> Any:
        return x * self.value * Scale.rate


@pytest.mark.parametrize("scale", [Scale(2.0), Corner(2.0), Chosen.ONE, [{"it": Scale(2.0)}]])
def test_the_classes_of_arguments_are_looked_at_too(
    scale: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    f = compiled(lambda scale, x: (scale[0]["it"] if type(scale) is list else scale).times(x))
    assert f(scale, 3.0).data == 6.0
    monkeypatch.setattr(Scale, "rate", 5.0)
    assert f(scale, 3.0).data == 30.0


@pytest.mark.parametrize("seed", range(8))
def test_random_changes_are_never_missed_in_silence(seed: int) -> None:
    """A model, its settings and lists, changed at random places and times."""
    generator = random.Random(seed)
    model = MLP(1, [2, 2, 1], seed=seed)
    settings, rates, table = Plain(), [1.0, 2.0], {"power": 2}
    first, second = model.layers[0].neurons[0], model.layers[1].neurons[0]

    def function(x: Any) -> Any:
        y = model([x * settings.rate]) * rates[0]
        for rate in rates:
            y = y + rate
        return y ** table["power"]

    def number() -> float:
        return generator.uniform(0.5, 2.0)

    bends = [engine.tanh, engine.sin, engine.softplus]
    changes: list[Callable[[], Any]] = [
        lambda: setattr(settings, "rate", number()),
        lambda: rates.__setitem__(generator.randrange(len(rates)), number()),
        lambda: rates.append(number()),
        lambda: table.update(power=generator.choice([1, 2, 3])),
        lambda: model.layers.__setitem__(2, Layer(2, 1, seed=generator.randrange(99))),
        lambda: setattr(second, "b", Value(number())),
        lambda: setattr(second, "activation", generator.choice(bends)),
        lambda: first.w.__setitem__(0, Value(number())),
        lambda: model.train(generator.random() < 0.5),
    ]
    f = compiled(function)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(120):
            if generator.random() < 0.15:
                generator.choice(changes)()
            x = generator.uniform(-1.0, 1.0)
            f(x) if generator.random() < 0.5 else f.over([x])
        right = function(Value(0.5)).data
        warned, is_stale = len(said), not near(f(0.5).data, right, 1e-9)
        for _ in range(130):  # until the next audit has come, if something is stale
            f(0.5), f.over([0.5])
    assert is_stale <= (len(said) > warned)
    assert near(f(0.5).data, right, 1e-9)
    assert near(f.over([0.5]).data, right, 1e-9)
    for each in said:
        assert "reads beside its arguments has changed" in str(each.message)


def test_a_list_that_an_argument_is_may_be_changed_in_place() -> None:
    f, runs = counted_runs(lambda xs: xs[0] * xs[1], audit=False)
    xs = [Value(1.0), Value(2.0)]
    for number in (3.0, 4.0, 5.0):
        xs[0] = Value(number)
        assert f(xs).data == 2.0 * number
    assert len(runs) == 1


def test_what_contains_itself_may_stand_around_a_function() -> None:
    rates: list[Any] = [2.0]
    rates.append(rates)
    assert compiled(lambda x: x * rates[0])(3.0).data == 6.0


# The audit itself.


def hidden(rates: list[float]) -> Callable[[Any], Any]:
    """What reads a list in a way that is not looked at."""

    def function(x: Any) -> Any:
        for rate in rates:
            x = x * rate
        return x

    return function


def test_a_warning_names_the_function_both_numbers_the_call_and_the_remedies() -> None:
    rates = [2.0]
    f = compiled(hidden(rates))
    assert [f(1.0).data for _ in range(5)] == [2.0] * 5
    rates[0] = 7.0
    assert [f(1.0).data for _ in range(2)] == [2.0] * 2
    said = r"function gave 2 compiled, and 7 as it is written.*since call 4.*argument.*reset\(\)"
    with pytest.warns(RuntimeWarning, match=said) as caught:
        assert f(1.0).data == 7.0
    assert caught[0].filename == __file__
    assert [f(1.0).data for _ in range(20)] == [7.0] * 20


def batch_mean(f: Any) -> float:
    return float(f.over(X).data)


def mapped(f: Any) -> float:
    return float(f.map(X).mean())


def by_array(f: Any) -> float:
    return float(f.value_and_grad([])([], X)[0])


def by_torch(f: Any) -> float:
    import torch

    empty = torch.zeros(0, dtype=torch.float64)
    return float(f.value_and_grad([], namespace=torch)(empty, torch.tensor(X))[0])


BATCHES = [
    *(batch_mean, mapped, by_array),
    pytest.param(by_torch, marks=pytest.mark.needs("torch")),
]


@pytest.mark.parametrize("way", BATCHES)
def test_batches_are_audited_on_a_sample(way: Callable[[Any], float]) -> None:
    rates = [2.0]
    f = compiled(hidden(rates))
    assert near(way(f), 0.4)
    rates[0] = 7.0
    with pytest.warns(RuntimeWarning, match="compiled, and"):
        assert near(way(f), 1.4)
    assert near(way(f), 1.4)


def test_the_gradient_of_an_audited_call_is_that_of_what_is_recorded_anew() -> None:
    rates, w = [2.0], Value(3.0)
    f = compiled(lambda x: functools.reduce(lambda y, rate: y * rate, rates, w * x))
    f(1.0)
    rates[0] = 7.0
    with pytest.warns(RuntimeWarning):
        y = f(2.0)
    y.backward()
    assert (y.data, w.grad) == (42.0, 14.0)


def counted_runs(function: Callable[..., Any], **options: Any) -> tuple[Any, list[int]]:
    runs: list[int] = []

    def counting(*arguments: Any) -> Any:
        runs.append(1)
        return function(*arguments)

    return compiled(counting, **options), runs


def test_audits_come_ever_more_rarely() -> None:
    f, runs = counted_runs(lambda x: x * 2.0)
    for _ in range(1024):
        f(1.0)
    assert len(runs) == 1 + 10  # recorded once, and audited at calls 2, 4, ... 1024
    g, runs = counted_runs(lambda x: x * 2.0)
    for _ in range(64):
        g.over(X)
    assert len(runs) == 1 + 6


def test_an_audit_that_takes_long_waits_until_it_is_a_small_share() -> None:

    def slow(x: Any) -> Any:
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
        return x * 2.0

    f, runs = counted_runs(slow)
    for _ in range(64):
        f(1.0)
    assert len(runs) == 1
    case = f._cache.cases()[0]
    case.seconds = 1.5  # as if the program had run for so long
    for _ in range(64):
        f(1.0)
    assert len(runs) == 2  # a second one would come to more than a twentieth of it


def test_without_audits_nothing_is_run_again() -> None:
    f, runs = counted_runs(lambda x: x * 2.0, audit=False)
    for _ in range(100):
        f(1.0)
    assert len(runs) == 1
    assert f.check(1.0)
    assert len(runs) == 2


def test_check_and_reset() -> None:
    rates = [2.0]
    f = compiled(hidden(rates), audit=False)
    assert f(1.0).data == 2.0
    assert f.check(1.0)
    rates[0] = 7.0
    assert f(1.0).data == 2.0  # nobody looked
    with pytest.warns(RuntimeWarning, match="gave 2 compiled, and 7"):
        assert not f.check(1.0)
    assert f(1.0).data == 7.0
    rates[0] = 9.0
    f.reset()
    assert f(1.0).data == 9.0
    assert "nothing is recorded yet" in compiled(hidden(rates)).report()


class _Growing(Module):
    """Reads numbers that no code names."""

    def __init__(self) -> None:
        self.w, self.rates, self.runs = Value(1.0), [1.0] * 40, list[int]()

    def forward(self, x: Any) -> Any:
        self.runs.append(1)
        for rate in self.rates:
            x = x * rate
        return self.w * x[0]


@pytest.mark.parametrize(
    ("who", "at_the_end_of_an_epoch"),
    [
        ("callback", 3),
        ("metric", 3),
        ("schedule", 5),
        ("rule in a schedule", 5),
        ("optimiser", 4),
        ("rule of an optimiser", 4),
    ],
)
def test_fit_audits_each_epoch_where_code_of_the_users_runs_in_between(
    who: str, at_the_end_of_an_epoch: int
) -> None:
    def run(is_compiled: bool) -> list[float]:
        model, calls = _Growing(), [0]

        def changing(*_: Any) -> float:
            calls[0] += 1
            if calls[0] == at_the_end_of_an_epoch:
                model.rates[37] = 0.5
            return 1.0

        class Changing(SGD):
            def rule(self, numbers: Any, *more: Any) -> Any:
                return numbers - 0.1 * more[0] * changing()

        by_rule = SGD(model.parameters(), 0.1)
        by_rule.rule = Changing.rule.__get__(by_rule)  # type: ignore[method-assign]
        given: dict[str, Any] = {
            "callback": {"callbacks": lambda history: changing() is None},
            "metric": {"metrics": [changing]},
            "schedule": {"schedule": changing},
            "rule in a schedule": {"schedule": warm_up(1, then=changing)},
            "rule of an optimiser": {"optimiser": by_rule},
            "optimiser": {"optimiser": Changing(model.parameters(), 0.1)},
        }[who]
        data = np.arange(8.0).reshape(-1, 1) / 8.0
        history = fit(
            model, mse, data, data[:, 0],
            batch_size=4, compiled=is_compiled, epochs=6, health=False, **given,
        )  # fmt: skip
        assert calls[0] >= 6
        return history["loss"]

    with pytest.warns(RuntimeWarning, match="reads beside its arguments has changed"):
        found = run(True)
    assert found == pytest.approx(run(False), rel=1e-9)


def _own_step(optimiser: SGD) -> SGD:
    moved = optimiser.moved

    def own(*given: Any) -> Any:
        return moved(*given)

    vars(optimiser)["moved"] = own
    return optimiser


class _Told(Module):
    def forward(self, history: Any) -> None:
        """As a callback, by a method of this library."""


_OF_THE_USERS: dict[str, Callable[[MLP], dict[str, Any]]] = {
    "callback": lambda model: {"callbacks": lambda history: None},
    "a method of a class": lambda model: {"callbacks": _Told().__call__},
    "metric": lambda model: {"metrics": [lambda outputs, targets: 0.0]},
    "schedule": lambda model: {"schedule": warm_up(1, then=lambda step, total: 1.0)},
    "a step": lambda model: {"optimiser": _own_step(SGD(model.parameters(), 0.1))},
    "loss": lambda model: {"loss": lambda output, target: (output - target) ** 2},
    "penalty": lambda model: {"penalty": lambda parameters: l2(parameters, 0.1)},
    "a function in the model": lambda model: {"model": Sequential(model, lambda x: x)},
    "a module": lambda model: {"model": _Growing()},
}
_OURS: dict[str, Callable[[MLP], dict[str, Any]]] = {
    "all": lambda model: {},
    "more": lambda model: {"metrics": ["r2"], "schedule": cosine(), "penalty": None},
    "a sequence": lambda model: {"model": Sequential(model, "tanh")},
}


@pytest.mark.parametrize("title", [*_OF_THE_USERS, *_OURS])
def test_fit_audits_each_epoch_unless_all_code_is_this_librarys(
    title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    audits: list[Any] = []
    compare = cache.difference
    monkeypatch.setattr(
        cache, "difference", lambda *a, **b: (audits.append(1), compare(*a, **b))[1]
    )
    data = np.arange(8.0).reshape(-1, 1) / 8.0

    def count(epochs: int) -> int:
        model = MLP(1, [2, 1], seed=0)
        given = {"model": model, "loss": mse, **(_OF_THE_USERS | _OURS)[title](model)}
        before = len(audits)
        fit(X=data, y=data[:, 0], batch_size=4, epochs=epochs, health=False, **given)
        return len(audits) - before

    more = count(48) - count(16)
    assert more >= 32 if title in _OF_THE_USERS else more <= 6


# What does not depend on its arguments alone.


def test_random_numbers_are_told_and_the_function_runs_as_it_is_written() -> None:
    generator = random.Random(0)
    f = compiled(lambda x: x * generator.random())
    f(1.0)
    with pytest.warns(RuntimeWarning, match="does not depend on its arguments alone"):
        f(1.0)
    expected = copy.copy(generator)
    expected.setstate(generator.getstate())
    assert [f(1.0).data for _ in range(3)] == [expected.random() for _ in range(3)]
    assert near(f.over([1.0, 1.0], reduction="sum").data, expected.random() + expected.random())
    assert f.map([1.0]).tolist() == [expected.random()]
    assert "runs as written" in f.report()
    with pytest.raises(CompilationError, match=r"runs as it is written only.*reset\(\)"):
        f.value_and_grad([])([], [1.0])
    f.reset()
    assert f(1.0).data == expected.random()


def test_which_of_two_values_it_is_given_decides() -> None:
    w = Value(2.0)
    f = compiled(lambda x: 2 * x if x is w else 3 * x)
    assert f(Value(2.0)).data == 6.0
    with pytest.warns(RuntimeWarning, match="alone"):
        y = f(w)
    y.backward()
    assert (y.data, w.grad) == (4.0, 2.0)


def test_what_rounding_makes_of_sums_is_no_change() -> None:
    """Terms that cancel leave what only the order of the sum decides."""
    generator = random.Random(0)
    numbers = [generator.uniform(-1e8, 1e8) for _ in range(60)]
    terms = [*numbers, *[-x for x in numbers], 1e-9]
    f = compiled(lambda x: sum(x * term for term in terms))
    for i in range(20):
        f(0.1 * i + 0.3)
    assert len(f.recordings) == 1


def test_hard_places_are_no_change() -> None:
    f = compiled(lambda x: engine.log(x) * 1.0)
    for x in (1.0, -1.0, 0.0, math.inf, math.nan, 2.0, -math.inf, -2.0):
        assert near(f(x).data, engine.log(Value(x)).data)


def test_what_an_audit_does_besides_leaves_no_trace() -> None:
    f, runs = counted_runs(lambda x, y: x * y)
    x = Value(3.0)
    for _ in range(4):
        y = f(x, 2.0)
    y.backward()
    assert (x.grad, len(runs)) == (2.0, 3)
    assert y.parents == (x,)


def test_compiled_functions_inside_are_audited_as_they_are_written() -> None:
    rates = [2.0]
    inner = compiled(hidden(rates))
    f = compiled(lambda x: inner(x) + 1.0)
    assert [f(1.0).data, inner(1.0).data] == [3.0, 2.0]
    rates[0] = 7.0
    with pytest.warns(RuntimeWarning, match="gave 3 compiled, and 8"):
        assert f(1.0).data == 8.0


def test_attributes_that_did_not_matter_lead_to_no_other_program() -> None:
    class Counting(Module):
        def __init__(self) -> None:
            self.w, self.calls, self.last = Value(2.0), 0, None

        def forward(self, x: Any) -> Any:
            self.calls += 1
            return self.w * x

    model = Counting()
    f = compiled(lambda x: model(x) * 1.0)
    for i in range(30):
        model.last = i
        assert f(3.0).data == 6.0
    assert len(f.recordings) == 1


def test_what_is_made_anew_whenever_it_is_read_leads_to_no_other_run() -> None:
    table = np.arange(6.0).reshape(2, 3)

    class Holding:
        @property
        def double(self) -> Any:
            return Value(2.0)

        @functools.cached_property
        def rate(self) -> float:
            return 3.0

    holding = Holding()
    runs: list[int] = []

    def function(x: Any) -> Any:
        runs.append(1)
        return x * table.T[1, 1] * table.shape[0] * holding.rate + table.flags.writeable

    f = compiled(function, audit=False)
    assert [f(1.0).data for _ in range(9)] == [25.0] * 9
    assert len(runs) == 1


# Others at the same time, and what cannot be repeated.


def test_two_threads_call_at_once() -> None:
    model = MLP(2, [4, 1], seed=0)
    f = compiled(lambda x: model(x) ** 2 if x[0] > 0 else model(x))
    rows = np.random.default_rng(0).normal(size=(40, 2)).tolist()
    expected = [f.function(list(map(Value, row))).data for row in rows]
    with ThreadPoolExecutor(2) as pool:
        for results in pool.map(lambda _: [f(row).data for row in rows * 5], range(2)):
            assert all_near(expected * 5, results)


def in_a_thread(function: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("what", ["a parameter", "an argument"])
def test_work_that_is_given_to_a_thread_is_refused(what: str) -> None:
    w = Value(2.0)
    function = {
        "a parameter": lambda x: x * in_a_thread(lambda: w * 3.0),
        "an argument": lambda x: w * in_a_thread(lambda: x * 3.0),
    }[what]
    f = compiled(function)
    for call in (f, f.over, f.map, f.value_and_grad([w])):
        with pytest.raises(CompilationError, match=r"reads 6.*in another thread"):
            call([2.0], [2.0]) if "Evaluation" in type(call).__name__ else call(
                2.0 if call is f else [2.0]
            )


def read_by_an_executor(function: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


@pytest.mark.parametrize("thread", [in_a_thread, read_by_an_executor])
@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x, run: x * run(lambda: x.data * 3.0), "reads .data of 2"),
        (lambda x, run: x * run(lambda: data_vector([x])).sum(), "reads .data of 2"),
        (lambda x, run: (y := x * x) * run(lambda: float(f"{y:g}")), "reads the text of 4"),
        (lambda x, run: x if run(lambda: x > 0.0) else x * 2.0, "compares 2"),
        (lambda x, run: x * 3.0 if run(lambda: 2.0 * x < 5.0) else x, "compares 4"),
        (lambda x, run: x * run(lambda: (x.sin() * 3.0).data), "reads .data of"),
    ],
)
def test_numbers_of_the_run_read_or_compared_in_a_thread_are_refused(
    function: Callable, said: str, thread: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda told: None)
    f = compiled(lambda x: function(x, thread))
    with pytest.raises(CompilationError, match=f"({said}).*in another thread"):
        f(2.0)


def test_threads_read_other_values_while_something_is_recorded() -> None:
    w, other = Value(2.0), Value(3.0)
    f = compiled(lambda x: x * w if in_a_thread(lambda: other.data > 0 and other > 1) else w)
    assert f(5.0).data == 10.0


def test_what_was_computed_before_is_captured() -> None:
    w = Value(2.0)
    before = w * 5.0
    f = compiled(lambda x: x * before)
    y = f(3.0)
    y.backward()
    assert (y.data, w.grad) == (30.0, 15.0)


def test_numbers_read_in_a_thread_are_found_by_the_audit() -> None:
    weights = [Value(2.0)]
    f = compiled(lambda x: x * in_a_thread(lambda: sum(w.data for w in weights)))
    assert f(1.0).data == 2.0
    weights[0].data = 5.0
    with pytest.warns(RuntimeWarning, match="gave 2 compiled, and 5"):
        assert f(1.0).data == 5.0


def test_trap_inside_is_open_in_every_call() -> None:
    w = Value(2.0)

    @compiled
    def f(x: Any) -> Any:
        with trap():
            return (w * x).log()

    y = f(1.0)
    y.backward()
    assert near(y.data, math.log(2.0))
    assert w.grad == 0.5
    for again in (True, False):
        for call in (lambda: f(-1.0), lambda: f.over([1.0, -1.0]), lambda: f.map([1.0, -1.0])):
            with pytest.raises(engine.NonFiniteError, match=r"log\(-2\) is nan"):
                call()
            if again:
                f.reset()
    with pytest.raises(CompilationError, match="trap"):
        f.value_and_grad([w])([2.0], [1.0])


def test_a_function_that_opens_a_trap_from_now_on_is_told_of_and_runs_as_written() -> None:
    opened: list[Any] = [None]

    def function(x: Any) -> Any:
        for block in filter(None, opened):
            with block():
                return x.log()
        return x * 2.0

    f = compiled(function)
    assert f(1.0).data == 2.0
    opened[:] = [trap]
    with pytest.warns(RuntimeWarning, match="gave 2 compiled, and 0"):
        assert f(1.0).data == 0.0
    with pytest.raises(engine.NonFiniteError):
        f(-1.0)


def test_value_and_grad_touches_no_value_even_where_it_compares() -> None:
    w, seen_by_others = Value(1.0), []

    def bend(x: Any) -> Any:
        y = w * x
        seen_by_others.append(in_a_thread(lambda: w.data))
        return y * 10.0 if y < 0 else y

    evaluate = compiled(bend).value_and_grad([w])
    for number in (-2.0, 3.0, -4.0, 5.0):
        assert evaluate([number], [1.0])[0] == (number * 10.0 if number < 0 else number)
    assert set(seen_by_others) == {1.0}


@pytest.mark.parametrize("way", ["detached", "replaced"])
def test_a_gradient_alone_that_differs_is_noticed(way: str) -> None:
    """The numbers are the same, so only the gradient tells."""
    w, other, x = Value(3.0, label="w"), Value(3.0), Value(2.0)
    detached, found = [False, False], collections.deque([w])

    def function(x: Any) -> Any:
        for is_detached in detached:
            y = found[0].detach() if is_detached else found[0]
        return x * y * y

    f = compiled(function)
    f(x).backward()
    assert (w.grad, x.grad) == (12.0, 9.0)
    if way == "detached":
        detached[-1] = True
    else:
        found[0] = other
    with pytest.warns(RuntimeWarning, match="12 as the gradient by w.* compiled, and 0 as it is"):
        y = f(x)
    w.grad, x.grad = 0.0, 0.0
    y.backward()
    assert (w.grad, x.grad) == (0.0, 9.0)
    assert other.grad == (12.0 if way == "replaced" else 0.0)


def test_an_error_of_the_function_is_not_followed_by_a_stale_result() -> None:
    rates: list[Any] = [1.0, 2.0]

    def function(x: Any) -> Any:
        return functools.reduce(lambda y, rate: y * rate, rates, x)

    f = compiled(function)
    assert f(1.0).data == 2.0
    rates.append("three")
    for _ in range(3):
        with pytest.raises(TypeError, match="text"):
            f(1.0)


def test_that_results_may_be_wrong_is_told_also_where_the_call_fails() -> None:
    rates, states = [1.0, 2.0], iter([None, None, KeyboardInterrupt()])

    def function(x: Any) -> Any:
        state = next(states, None)
        if state is not None:
            raise state
        return functools.reduce(lambda y, rate: y * rate, rates, x)

    f = compiled(function)
    assert f(1.0).data == 2.0
    rates[1] = 5.0
    told = "since call 1: results after that may be wrong. It is recorded anew. Pass"
    with pytest.raises(KeyboardInterrupt), pytest.warns(RuntimeWarning, match=told):
        f(1.0)
    assert f(1.0).data == 5.0


def test_a_number_in_the_place_of_a_value_that_has_it_is_noticed_at_once() -> None:
    weights = [Value(2.0), Value(1.0)]
    f = compiled(lambda x: weights[0] * x + weights[1], audit=False)
    assert f(3.0).parents == (weights[0], weights[1])
    weights[0] = 2.0  # type: ignore[call-overload]
    assert f(3.0).parents == (weights[1],)
    assert f.over([3.0, 4.0]).parents == (weights[1],)


_MANY = 40


@pytest.mark.parametrize("uses", ["", "from glassgrad import Value", "import glassgrad"])
def test_what_an_installed_package_names_is_looked_at_if_it_is_small_or_uses_this_library(
    uses: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "laboratory_of_tests"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("", encoding="utf-8")
    for i in range(_MANY if uses else 1):
        (package / f"part{i}.py").write_text(uses, encoding="utf-8")
    (package / "losses.py").write_text(
        "RATE = 2.0\ndef rate():\n    return RATE\ndef loss(x):\n    return x * rate()\n", "utf-8"
    )
    monkeypatch.syspath_prepend(package.parent)
    losses = importlib.import_module("laboratory_of_tests.losses")
    for i in range(_MANY if uses else 1):
        importlib.import_module(f"laboratory_of_tests.part{i}")
    try:
        for function in (losses.loss, lambda x: 1.0 * losses.loss(x)):
            losses.RATE = 2.0
            loss = compiled(function)
            found = [loss(3.0).data, loss(3.0).data]
            losses.RATE = 5.0
            assert [*found, loss(3.0).data] == [6.0, 6.0, 15.0]
    finally:
        for name in [name for name in sys.modules if name.startswith("laboratory_of_tests")]:
            del sys.modules[name]


def test_the_script_that_a_tool_runs_is_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Such a tool leaves its own file as that of `__main__`."""
    main = types.ModuleType("__main__")
    main.__file__ = str(tmp_path / "site-packages" / "runner.py")
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec("RATE = 2.0\ndef rate(): return RATE\ndef loss(x): return x * rate()", vars(main))
    loss_of = vars(main)["loss"]
    loss = compiled(lambda x: 1.0 * loss_of(x))
    found = [loss(3.0).data, loss(3.0).data]
    vars(main)["RATE"] = 5.0
    assert [*found, loss(3.0).data] == [6.0, 6.0, 15.0]


def test_gradients_by_many_groups_of_parameters_make_few_programs() -> None:
    model = MLP(2, [3, 1], seed=0)
    loss = compiled(lambda x, t: (model(x) - t) ** 2)
    parameters, data = model.parameters(), (np.ones((4, 2)), np.zeros(4))
    _, every = loss.value_and_grad(parameters)(data_vector(parameters), *data)
    for i, parameter in enumerate(parameters):
        _, slope = loss.value_and_grad([parameter])([parameter.data], *data)
        np.testing.assert_allclose(slope, every[i : i + 1], rtol=1e-12)
    assert len(loss.programs()) < len(parameters)


def test_what_a_callback_changes_in_a_model_is_seen_before_the_next_step() -> None:
    """What `fit` records is this library's function; the model is in the names around it."""
    data = np.random.default_rng(0).normal(size=(8, 2))

    def losses(*, is_compiled: bool) -> list[float]:
        model = MLP(2, [4, 1], activation="tanh", output_activation="linear", seed=0)

        def change(history: Any) -> None:
            if len(history["loss"]) == 3:
                for neuron in model.layers[0].neurons:
                    neuron.activation = engine.relu

        history = fit(
            model, mse, data, data[:, 0], optimiser=SGD(model.parameters(), 0.1),
            epochs=6, batch_size=4, health=False, compiled=is_compiled, callbacks=change,
        )  # fmt: skip
        return history["loss"]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = losses(is_compiled=True)
    assert found == pytest.approx(losses(is_compiled=False), rel=1e-9)
