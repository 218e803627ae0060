"""What a compiled function reads beside its arguments: a change is seen at once, or by an audit."""

import copy
import dataclasses
import enum
import functools
import importlib
import itertools
import math
import random
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
from replaying import counted_runs, near

from glassgrad import MLP, Layer, Module, Neuron, Sequential, Value, compiled, engine

# Things that are read, what is read and changed there, and ways to come by them: all triples.


def contents() -> dict[str, Any]:
    return {
        "rate": 1.0,
        "rates": [1.0, 2.0],
        "table": {"a": [0.5]},
        "array": np.array([1.0, 2.0]),
        "act": abs,
        "acts": [abs, math.cos],
        "named": {"act": abs},
    }


def filled(thing: Any) -> Any:
    for name, content in contents().items():
        if not hasattr(thing, name):  # what the class has stays there
            setattr(thing, name, content)
    return thing


class Plain:
    rate: Any = 1.0


class Part(Module):
    rate: Any = 1.0

    def forward(self, x: Any) -> Any:
        return x


@dataclasses.dataclass
class Record:
    rate: Any
    rates: Any
    table: Any
    array: Any
    act: Any
    acts: Any
    named: Any


Slots = dataclasses.dataclass(slots=True)(Record)


class Computed:
    @property
    def rate(self) -> Any:
        return self.kept[0]

    @rate.setter
    def rate(self, number: Any) -> None:
        self.kept = [number]


HOLDERS: dict[str, Callable[[], Any]] = {
    "an object": lambda: filled(Plain()),
    "a dataclass": lambda: Record(**contents()),
    "a dataclass with slots": lambda: Slots(**contents()),
    "a class": lambda: type("Config", (), contents()),
    "a module of Python": lambda: filled(types.ModuleType("config")),
    "a module of nn": lambda: filled(Part()),
    "a namespace": lambda: SimpleNamespace(**contents()),
    "a function": lambda: filled(lambda: None),
    "a property": lambda: filled(Computed()),
}


def put(name: str, content: Any) -> Callable[[Any], None]:
    return lambda thing: setattr(thing, name, content)


def put_in(name: str, key: Any, content: Any) -> Callable[[Any], None]:
    return lambda thing: getattr(thing, name).__setitem__(key, content)


def of_all(thing: Any, x: Any) -> Any:
    return functools.reduce(lambda y, rate: y * rate, thing.rates, x)


Change = tuple[Callable[[Any, Any], Any], Callable[[Any], None]]
OF_NAMES: dict[str, Change] = {
    "a number": (lambda t, x: x * t.rate, put("rate", 5.0)),
    "a number of numpy": (lambda t, x: x * t.rate, put("rate", np.float64(5.0))),
    "a Value in place of a number": (lambda t, x: x * t.rate, put("rate", Value(5.0))),
    "an item": (lambda t, x: x * t.rates[0] + len(t.rates), put_in("rates", 0, 7.0)),
    "another list": (lambda t, x: x * t.rates[0] + len(t.rates), put("rates", [4.0])),
    "another dict": (lambda t, x: x * t.table["a"][0], put("table", {"a": [0.75]})),
    "another array": (lambda t, x: x * t.array[0], put("array", np.array([3.0, 2.0]))),
    "another function": (lambda t, x: x * t.act(-2.0), put("act", math.cosh)),
    "a row of the table": (lambda t, x: t.act(x), put("act", engine.exp)),
    "a function with an operand": (
        lambda t, x: t.act(x),
        put("act", functools.partial(engine.maximum, 9.0)),
    ),
    "a function in a list": (lambda t, x: x * t.acts[0](-2.0), put_in("acts", 0, math.cosh)),
    "a function in a dict": (
        lambda t, x: x * t.named["act"](-2.0),
        put_in("named", "act", math.cosh),
    ),
}
IN_LOOPS: dict[str, Change] = {
    "an item in a loop": (of_all, put_in("rates", 1, 7.0)),
    "one more item": (of_all, lambda t: t.rates.append(3.0)),
}


CHANGES = {**OF_NAMES, **IN_LOOPS}


class Reading(Module):
    """It reads a thing that it keeps."""

    def __init__(self, read: Callable, thing: Any) -> None:
        self.read, self.thing = read, thing

    def forward(self, x: Any) -> Any:
        return self.read_at(x) * 1.0

    def read_at(self, x: Any) -> Any:
        return self.read(self.thing, x)


class ReadingPlain:
    """The same without a base class."""

    def __init__(self, read: Callable, thing: Any) -> None:
        self.read, self.kept = read, thing

    @property
    def thing(self) -> Any:
        return self.kept

    def __call__(self, x: Any) -> Any:
        return self.read(self.thing, x)


GLOBAL: Any = None


def read_globally(read: Callable, x: Any) -> Any:
    return read(GLOBAL, x)


def by_a_global_name(read: Callable, thing: Any) -> Callable[[Any], Any]:
    globals()["GLOBAL"] = thing
    return lambda x: read_globally(read, x) * 1.0


def by_neuron(read: Callable, thing: Any) -> Callable[[Any], Any]:
    neuron = Neuron(1, activation=lambda v: read(thing, v), seed=0)
    return lambda x: neuron([x])


def named(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: f(x) * 1.0


def in_a_list(read: Callable, things: list[Any]) -> Callable[[Any], Any]:
    return lambda x: read(things[0], x)


def in_a_dict(read: Callable, things: dict[str, Any]) -> Callable[[Any], Any]:
    return lambda x: read(things["it"], x)


def in_another(read: Callable, outer: Any) -> Callable[[Any], Any]:
    return lambda x: read(outer.inner.thing, x)


def deep(thing: Any) -> Any:
    return SimpleNamespace(inner=SimpleNamespace(thing=thing))


def call_with(read: Callable, thing: Any, x: Any) -> Any:
    return read(thing, x)


partial = functools.partial
Way = Callable[[Callable[[Any, Any], Any], Any], Callable[[Any], Any]]
WAYS: dict[str, Way] = {
    "enclosing": lambda read, thing: lambda x: read(thing, x),
    "a default": lambda read, thing: lambda x, thing=thing: read(thing, x),
    "a default with a name": lambda read, thing: lambda x, *, thing=thing: read(thing, x),
    "a default in a list": lambda read, thing: lambda x, things=[thing]: read(things[0], x),
    "a global name of a helper": by_a_global_name,
    "a partial": partial,
    "a partial of a partial": lambda read, thing: partial(partial(call_with, read), thing),
    "a partial with a name": lambda read, thing: partial(lambda x, t: read(t, x), t=thing),
    "in a list": lambda read, thing: in_a_list(read, [thing]),
    "in a dict": lambda read, thing: in_a_dict(read, {"it": thing}),
    "in another object": lambda read, thing: in_another(read, deep(thing)),
    "a method": types.MethodType,
    "a module": Reading,
    "a method of a module": lambda read, thing: Reading(read, thing).forward,
    "a partial of a method": lambda read, thing: partial(Reading(read, thing).forward),
    "a callable object": ReadingPlain,
    "in a row of modules": lambda read, thing: Sequential(Sequential(Reading(read, thing))),
    "an activation": by_neuron,
    "a compiled function inside": lambda read, thing: named(compiled(lambda x: read(thing, x))),
    "a compiled module inside": lambda read, thing: named(compiled(Reading(read, thing))),
    "a compiled method inside": lambda read, thing: named(compiled(Reading(read, thing).__call__)),
}


def after_a_change(function: Callable[[Any], Any], f: Any, calls: int = 8) -> tuple[int, int]:
    """How many results were stale, and how many warnings there were; the last result is right."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is compiled inside
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
def test_what_is_named_is_seen_at_once_and_what_a_loop_reads_by_the_audit(way: str) -> None:
    """A third of all things and changes each: every pair of them comes with several ways."""
    for holder, change in [*itertools.product(HOLDERS, CHANGES)][[*WAYS].index(way) % 3 :: 3]:
        thing = HOLDERS[holder]()
        read, alter = CHANGES[change]
        function = WAYS[way](read, thing)
        f = compiled(function)
        before = f(0.3).data
        assert near(before, function(Value(0.3)).data)
        alter(thing)
        found = after_a_change(function, f, 3)
        assert not near(f(0.3).data, before)
        if change in IN_LOOPS:
            assert found in ((0, 0), (0, 1)), (holder, change)
        else:
            assert (*found, len(f.recordings)) == (0, 0, 2), (holder, change)


# What is particular.


class Scaled(Module):
    def __init__(self) -> None:
        self.rate, self.is_on = 2.0, True

    def forward(self, x: Any) -> Any:
        return x * self.rate if self.is_on and self.training else x * 3.0


class Kept(Module):
    """Its numbers are those of its class."""

    rate, is_on = 1.0, True

    def forward(self, x: Any) -> Any:
        return x * self.rate if self.is_on else x * 3.0


class Grows(Module):
    def __init__(self, *layers: Any) -> None:
        self.extra = [*layers]

    def forward(self, x: Any) -> Any:
        return functools.reduce(lambda y, layer: layer([y]), self.extra, x) * 2.0


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


class Parameters:
    """What holds parameters and is no module."""

    rate = 1.0

    def parameters(self) -> list[Value]:
        return []


def class_of_a_class() -> Any:
    return type("Kind", (type,), {"rate": 1.0})("Config", (), {})


def with_a_method() -> Any:
    return type("Line", (), {"slope": lambda self, x: x * 2.0})()


def row_of_rows() -> Any:
    return Sequential(Sequential(type("Part", (Kept,), {"rate": 1.0})()))


def read_rate(thing: Any, x: Any) -> Any:
    return x * thing.rate


def call(thing: Any, x: Any) -> Any:
    return thing(x)


def call_in_list(thing: Any, x: Any) -> Any:
    return thing([x])


def sum_of_rows(rows: Any, x: Any) -> Any:
    return sum(weight * x for row in rows for weight in row)


def replace_equal_row(rows: Any) -> None:
    rows[0] = [*rows[0]]
    rows[0][1] = Value(9.0)


SEEN_AT_ONCE: dict[str, tuple[Callable[[], Any], Callable[[Any, Any], Any], Callable[[Any], Any]]]
SEEN_AT_ONCE = {
    "given for an item": (lambda: Settings(rate=1.0), read_rate, lambda t: t.update(rate=5.0)),
    "given for what is lacking": (Lacking, read_rate, lambda t: t.found.update(rate=5.0)),
    "of the class of a class": (class_of_a_class, read_rate, lambda t: put("rate", 5.0)(type(t))),
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
    "an entry of a dict in a dict": (
        lambda: {"model": {"rate": 1.0}},
        lambda t, x: x * t["model"]["rate"],
        lambda t: t["model"].update(rate=5.0),
    ),
    "an entry of a shape": (
        lambda: SimpleNamespace(table=np.ones((2, 3))),
        lambda t, x: x * t.table.shape[0] + t.table.T[0, 0] + len(t.table.T),
        put("table", np.ones((4, 5))),
    ),
    "a method of a class in a notebook": (
        with_a_method,
        lambda t, x: t.slope(x) * 1.0,
        lambda t: put("slope", lambda self, x: x * 5.0)(type(t)),
    ),
    "a method of one module": (Scaled, call, put("forward", lambda x: x * 5.0)),
    "a flag of a module": (lambda: Sequential(Scaled()), call, lambda t: t.eval()),
    "a rate of a module in a list in a dict": (
        lambda: {"first": [Scaled()]},
        lambda t, x: sum(part(x) for part in t["first"]),
        lambda t: put("rate", 5.0)(t["first"][0]),
    ),
    "a flag that the class of a part of a part had": (
        row_of_rows,
        call,
        lambda t: put("is_on", False)(t.parts[0].parts[0]),
    ),
    "a rate that the class of a part of a part had": (
        row_of_rows,
        call,
        lambda t: put("rate", 5.0)(t.parts[0].parts[0]),
    ),
    "the rate of the class of a part of a part": (
        row_of_rows,
        call,
        lambda t: put("rate", 5.0)(type(t.parts[0].parts[0])),
    ),
    "one of many objects": (
        lambda: [ReadingPlain(read_rate, SimpleNamespace(rate=1.0)) for _ in range(2)],
        lambda t, x: functools.reduce(lambda y, unit: unit(y), t, x),
        lambda t: put("rate", 5.0)(t[1].kept),
    ),
    "one of many objects that hold parameters and are not called": (
        lambda: [Parameters(), Parameters()],
        lambda t, x: functools.reduce(lambda y, part: y * part.rate, t, x),
        lambda t: put("rate", 5.0)(t[1]),
    ),
    "a layer that is replaced": (
        lambda: MLP(1, [2, 1], seed=0),
        call_in_list,
        lambda t: t.layers.__setitem__(0, Layer(1, 2, seed=5)),
    ),
    "the activation of a neuron": (
        lambda: MLP(1, [3, 1], seed=1),
        call_in_list,
        lambda t: put("activation", abs)(t.layers[0].neurons[0]),
    ),
    "a layer after the first": (
        lambda: Grows(Neuron(1, seed=0)),
        call,
        lambda t: t.extra.append(Neuron(1, seed=1)),
    ),
    "the first layer of all": (
        list,
        lambda t, x: functools.reduce(lambda y, layer: layer([y]), t, x) * 2.0,
        lambda t: t.append(Neuron(1, seed=1)),
    ),
    "a weight in a list": (
        lambda: Neuron(1, seed=0),
        call_in_list,
        lambda t: t.w.__setitem__(0, Value(9.0)),
    ),
    "a weight in a row that replaced an equal one": (
        lambda: [[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]],
        sum_of_rows,
        replace_equal_row,
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
        lambda: np.array([[Value(1.0), Value(2.0)]] * 2, object).T,
        lambda t, x: t[0, 1] * x,
        lambda t: t.__setitem__((0, 1), Value(10.0)),
    ),
}


@pytest.mark.parametrize("name", SEEN_AT_ONCE)
def test_what_is_ordinary_is_seen_at_once_and_without_a_warning(name: str) -> None:
    make, read, change = SEEN_AT_ONCE[name]
    thing = make()
    is_seen_at_once(lambda x: read(thing, x), lambda: change(thing))


def is_seen_at_once(function: Callable[[Any], Any], change: Callable[[], Any]) -> None:
    f = compiled(function)
    before = f(0.3).data
    change()
    assert after_a_change(function, f) == (0, 0)
    assert f(0.3).data != before
    assert near(f.over([0.3]).data, f(0.3).data)
    assert len(f.recordings) == 2


def test_a_flag_in_place_of_the_number_that_it_equals_is_no_change() -> None:
    thing = Plain()
    f = compiled(lambda x: read_rate(thing, x))
    assert f(0.3).data == 0.3
    thing.rate = True
    assert after_a_change(f.function, f) == (0, 0)
    assert len(f.recordings) == 1


def test_names_that_are_bound_anew_are_seen() -> None:
    rate, model, helper = 1.0, Neuron(1, seed=0), abs

    def helped(x: Any) -> Any:
        return x * rate

    def change() -> None:
        nonlocal rate
        rate = 5.0

    def change_model() -> None:
        nonlocal model
        model = Neuron(1, seed=1)

    def change_helper() -> None:
        nonlocal helper
        helper = math.cosh

    is_seen_at_once(lambda x: helped(x) * 1.0, change)
    is_seen_at_once(lambda x: model([x]), change_model)
    is_seen_at_once(lambda x: x * helper(-3.0), change_helper)


def test_a_name_that_is_bound_later_is_seen_when_it_is() -> None:
    is_bound = False

    def function(x: Any) -> Any:
        return x * rate if is_bound else x * 1.0

    def bind() -> None:
        nonlocal is_bound, rate
        is_bound, rate = True, 5.0

    is_seen_at_once(function, bind)
    rate: float


def test_the_defaults_and_the_code_of_a_function_are_looked_at() -> None:
    def helper(x: Any, rate: float = 1.0, *, more: float = 1.0) -> Any:
        return x * rate * more

    def other(x: Any) -> Any:
        return x * 1.0

    is_seen_at_once(lambda x: helper(x) * 1.0, lambda: put("__defaults__", (2.0,))(helper))
    is_seen_at_once(lambda x: helper(x) * 1.0, lambda: put("__kwdefaults__", {"more": 3.0})(helper))
    is_seen_at_once(other, lambda: put("__code__", (lambda x: x * 5.0).__code__)(other))


def test_what_is_imported_inside_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = HOLDERS["a module of Python"]()
    monkeypatch.setitem(sys.modules, "settings_of_this_test", settings)

    def function(x: Any) -> Any:
        from settings_of_this_test import rate

        return x * rate

    is_seen_at_once(function, lambda: put("rate", 5.0)(settings))


def test_an_attribute_of_the_class_of_a_classmethod_is_looked_at() -> None:
    class Trainer:
        rate = 1.0

        @classmethod
        def loss(cls, x: Any) -> Any:
            return x * cls.rate

    is_seen_at_once(Trainer.loss, lambda: put("rate", 5.0)(Trainer))


def test_a_list_that_is_inside_another_one_too_is_looked_at() -> None:
    rows = [[Value(1.0), Value(2.0)], [Value(3.0)]]
    held = SimpleNamespace(first=rows[0], all=rows)

    def change() -> None:
        held.all[:] = [list(row) for row in held.all]
        held.first[0] = Value(10.0)

    is_seen_at_once(lambda x: held.first[0] * x + held.all[1][0], change)


def test_a_row_that_took_the_place_of_an_equal_one_is_looked_at_from_then_on() -> None:
    rows = [[Value(1.0), Value(2.0)], [Value(3.0)]]
    loss = compiled(lambda x: rows[0][0] * rows[0][1] * rows[1][0] * x, audit=False)
    assert loss(1.0).data == 6.0
    old, rows[0] = rows[0], list(rows[0])
    assert loss(1.0).data == 6.0
    assert len(loss.recordings) == 1
    rows[0][1] = Value(5.0)
    assert loss(1.0).data == 15.0
    rows[0] = old
    assert loss(1.0).data == 6.0


def test_a_list_that_is_inside_one_with_numbers_too_is_looked_at() -> None:
    row = [Value(1.0)]
    mixed: list[Any] = [row, 1.0]
    rows = [row]

    def change() -> None:
        rows[0] = list(row)
        mixed[0][0] = Value(10.0)

    is_seen_at_once(lambda x: mixed[0][0] * rows[0][0] * x, change)


@pytest.mark.slow
def test_long_lists_of_numbers_hide_nothing() -> None:
    holder = SimpleNamespace(part=Scaled(), model=Neuron(1, seed=0))
    holder.rows = [[float(i)] for i in range(120_000)]

    def change() -> None:
        holder.model.w[0], holder.part.rate = Value(10.0), 3.0

    is_seen_at_once(lambda x: holder.part(holder.model([x])), change)


def test_a_number_in_the_place_of_a_value_that_has_it_is_noticed_at_once() -> None:
    weights: list[Any] = [Value(2.0), Value(1.0)]
    f = compiled(lambda x: weights[0] * x + weights[1], audit=False)
    assert f(3.0).parents == (weights[0], weights[1])
    weights[0] = 2.0
    assert f(3.0).parents == (weights[1],)
    assert f.over([3.0, 4.0]).parents == (weights[1],)


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


# Arguments.


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
def test_the_classes_of_arguments_are_looked_at(
    scale: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    f = compiled(lambda scale, x: (scale[0]["it"] if type(scale) is list else scale).times(x))
    assert f(scale, 3.0).data == 6.0
    monkeypatch.setattr(Scale, "rate", 5.0)
    assert f(scale, 3.0).data == 30.0


def test_an_object_that_is_an_argument_is_looked_at() -> None:
    f = compiled(lambda settings, x: x * settings.rate)
    settings = Plain()
    assert f(settings, 2.0).data == 2.0
    settings.rate = 5.0
    assert f(settings, 2.0).data == 10.0
    settings.rate = 6.0
    assert f(x=2.0, settings=settings).data == 12.0


def test_a_list_that_an_argument_is_may_be_changed_in_place() -> None:
    f, runs = counted_runs(lambda xs: xs[0] * xs[1], audit=False)
    xs = [Value(1.0), Value(2.0)]
    for number in (3.0, 4.0, 5.0):
        xs[0] = Value(number)
        assert f(xs).data == 2.0 * number
    assert len(runs) == 1


# What decides nothing leads to no other recording.


COUNTER = 0


def counter() -> int:
    return COUNTER


class Noting(Module):
    """It notes what nobody reads."""

    def __init__(self) -> None:
        self.w, self.calls, self.noted, self.generator = Value(2.0), 0, [], random.Random(0)

    def forward(self, x: Any) -> Any:
        self.calls += 1
        self.noted.append(self.calls)
        return self.w * x


def test_what_changes_beside_a_model_but_decides_nothing_leads_to_no_recording(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Trainer:
        def __init__(self) -> None:
            self.model, self.rows, self.on_step = Sequential(Noting()), [], counter

        @compiled
        def loss(self, x: Any) -> Any:
            return self.model(x) ** 2

        def step(self) -> int:
            return COUNTER + self.on_step()

    trainer = Trainer()
    for i in range(100):
        monkeypatch.setitem(globals(), "COUNTER", i)
        trainer.model.parts[0].generator.gauss(0.0, 1.0)
        trainer.model.parts[0].last = i
        trainer.rows.append(trainer.loss.over([1.0]).data)
        trainer.model(1.0), copy.deepcopy(trainer.model)(1.0), trainer.step()
    assert len(trainer.loss.recordings) == 1


def test_the_caches_of_modules_lead_to_no_recording() -> None:
    """A scope, a line that calls, and compiled methods are attributes that come later."""

    class Line(Sequential):
        loss = compiled(lambda self, x: self(x) ** 2)
        other = compiled(lambda self, x: self(x) * 2.0)

    line = Line(Scaled(), Sequential(Scaled()))
    for _ in range(3):
        line.loss(1.0), line.other(1.0), line(1.0), Sequential(line)(1.0)
    assert len(line.loss.recordings) == len(line.other.recordings) == 1


def test_equal_numbers_that_are_bound_anew_are_no_change() -> None:
    def total(thing: Any, x: Any) -> Any:
        return x * thing.rate * thing.rates[0] * thing.table["a"][0] * thing.array[0]

    model = Reading(total, filled(Part()))
    f = compiled(model)
    for i in range(3):
        f(0.3)
        vars(model.thing).update(contents(), _cache=[i], rate=np.float64(1.0))
    assert len(f.recordings) == 1


@pytest.mark.parametrize(("part", "count"), [(Scaled, 2), (Kept, 1)])
def test_a_mode_that_is_set_forth_and_back_is_recorded_once_if_at_all(
    part: Any, count: int
) -> None:
    row = Sequential(Neuron(1, seed=0), part())
    f = compiled(row)
    for _ in range(5):
        for mode in (row.train, row.eval):
            mode()
            assert f([1.0]).data == row([1.0]).data
    assert len(f.recordings) == count


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


def test_names_of_attributes_are_no_names_around() -> None:
    f = compiled(lambda xs: np.mean([x * 2.0 for x in xs]))
    globals()["mean"] = 0
    for i in range(3):
        globals()["mean"] = i
        f.over(np.ones((4, 3)))
    assert len(f.recordings) == 1


def test_what_contains_itself_may_stand_around_a_function() -> None:
    rates: list[Any] = [2.0]
    rates.append(rates)
    assert compiled(lambda x: x * rates[0])(3.0).data == 6.0


# Whose code it is.


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


FOREIGN = """
RATE = 2.0
class Holder:
    def loss(self, x):
        return x * RATE
"""


@pytest.mark.parametrize(
    "get",
    [
        lambda holder: holder.loss,
        lambda holder: partial(type(holder).loss, holder),
        lambda holder: compiled(holder.loss),
    ],
)
def test_the_code_of_the_function_itself_is_looked_at_whose_ever_it_is(get: Callable) -> None:
    library: dict[str, Any] = {"__name__": "json.part"}  # as one of Python's own
    exec(FOREIGN, library)
    f = compiled(get(library["Holder"]()), audit=False)
    assert f(3.0).data == 6.0
    library["RATE"] = 5.0
    assert f(3.0).data == 15.0


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
