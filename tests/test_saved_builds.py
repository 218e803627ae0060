"""`glassgrad.load`: a model file says how its model is built, or says nothing of it."""

import copy
import json
import pickle
import random
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outputs import assert_is_sentence, bits

from glassgrad import (
    MLP,
    Dropout,
    Embedding,
    Layer,
    LayerNorm,
    Module,
    Neuron,
    Sequential,
    Value,
    engine,
    load,
    nn,
)
from glassgrad.engine.files import sealed
from glassgrad.nn.layers import Elementwise, Projection
from glassgrad.nn.saving import CLASSES, SCHEMA


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.json"


def changed(make: Callable[[], Any], change: Callable[[Any], None]) -> Callable[[], Module]:
    def built() -> Module:
        model = make()
        change(model)
        return model  # type: ignore[no-any-return]

    return built


def row() -> Sequential:
    return Sequential(Layer(2, 2), Dropout(0.5), Layer(2, 2))


MODELS: dict[str, Callable[[], Module]] = {
    "Neuron": lambda: Neuron(3, activation="relu", seed=1),
    "Layer": lambda: Layer(2, nout=3, activation=None),
    "MLP": lambda: MLP(2, [4, 3, 1], activation="sin", output_activation="linear", init="torch"),
    "Perceptron": lambda: nn.Perceptron(2),
    "Projection": lambda: Projection(2, 3),
    "AttentionHead": lambda: nn.AttentionHead(2, 3, causal=False),
    "Embedding": lambda: Embedding(5, size=2),
    "LayerNorm": lambda: LayerNorm(3, eps=1e-3),
    "Dropout": lambda: Dropout(0.25, seed=random.Random(1)),
    "Elementwise": lambda: Elementwise("tanh"),
    "Sequential": lambda: Sequential(
        Layer(2, 3), "relu", Dropout(0.5, seed=3), Sequential(LayerNorm(3), MLP(3, [2, 1]))
    ),
    "iterators": lambda: MLP(2, range(3, 0, -1)),
    "a generator": lambda: MLP(2, (n for n in [2, 1])),
    "an array": lambda: MLP(2, np.array([3, 1])),  # type: ignore[arg-type]
    "keys": lambda: MLP(2, {3: "hidden", 1: "output"}, activation="relu"),
    "a tuple": lambda: MLP(2, (3, 1)),
    "numbers of numpy": lambda: MLP(np.int64(2), [np.int32(3), 1]),
    "a function of the engine": lambda: MLP(2, [2, 1], activation=engine.tanh),
    "a method of Value": lambda: MLP(2, [2, 1], activation=Value.relu),
    "linear": lambda: MLP(2, [2, 1], activation=nn.linear),
    "a part more": changed(row, lambda m: m.parts.append(Layer(2, 2))),
    "a part less": changed(row, lambda m: m.parts.pop()),
    "a part without parameters more": changed(row, lambda m: m.parts.append(Dropout(0.1))),
    "parts in another order": changed(row, lambda m: m.parts.insert(0, m.parts.pop(1))),
    "another rate": changed(row, lambda m: setattr(m.parts[1], "rate", 0.25)),
    "a neuron more": changed(lambda: Layer(2, 2), lambda m: m.neurons.append(Neuron(2))),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_built_again_from_its_file(name: str, path: Path) -> None:
    model = MODELS[name]().eval()
    before = random.getstate()
    model.save(path)
    found = load(path)
    assert random.getstate() == before, "the global generator is left alone"
    assert type(found) is type(model)
    assert repr(found) == repr(model)
    assert bits(found) == bits(model)
    assert found.training
    assert found.save(path) == path
    assert bits(load(path)) == bits(model)


def test_every_class_has_a_model_here() -> None:
    assert set(CLASSES) <= set(MODELS)
    modules = {
        name
        for name, thing in vars(nn).items()
        if isinstance(thing, type) and issubclass(thing, Module) and thing is not Module
    }
    assert modules <= set(CLASSES), "a new module of nn is buildable"


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_know_how_they_are_built(copied: Callable, path: Path) -> None:
    model = Sequential(Layer(2, 3, activation="relu"), Dropout(0.5), MLP(3, [1]))
    other = copied(model)
    assert bits(load(other.save(path))) == bits(model)
    assert repr(load(path)) == repr(model)


def test_caches_and_notes_are_no_parts(path: Path) -> None:
    model: Any = MLP(2, [3, 1])
    model.name, model.history = "the best", [1.0, 2.0]
    model([1.0, 2.0])
    engine.compiled(model)([1.0, 2.0])
    assert load(model.save(path)).state_dict() == model.state_dict()


# What a file does not say.


class Own(MLP):
    """A class of the user's own."""


def own_function(v: Value) -> Value:
    return v * 2.0


def shares(model: Any) -> None:
    model.parts[2].neurons[0].w = model.parts[0].neurons[0].w


UNSAYABLE: dict[str, Callable[[], Module]] = {
    "a class of one's own": lambda: Own(2, [1]),
    "a part of one's own": lambda: Sequential(Layer(2, 2), Own(2, [1])),
    "a function of one's own": lambda: MLP(2, [1], activation=own_function),
    "a function with a known name": lambda: MLP(2, [1], activation=named("relu")),
    "a part twice": lambda: Sequential(shared := Layer(2, 2), shared),
    "no class of nn": Module,
    "another activation": changed(
        lambda: Layer(2, 2), lambda m: setattr(m.neurons[0], "activation", nn.linear)
    ),
    "a constant": changed(row, lambda m: setattr(m.parts[0].neurons[0], "b", Value(1.0).detach())),
    "parameters shared": changed(row, shares),
    "another forward": changed(row, lambda m: setattr(m, "forward", own_function)),
}


def named(name: str) -> Callable[[Value], Value]:
    def function(v: Value) -> Value:
        return v * 2.0

    function.__name__ = name
    return function


@pytest.mark.parametrize("name", UNSAYABLE)
def test_a_build_is_left_out_where_it_would_be_wrong(name: str, path: Path) -> None:
    model = UNSAYABLE[name]()
    data = json.loads(model.save(path).read_text("utf-8"))
    assert "build" not in data
    with pytest.raises(ValueError, match="does not say how its model is built") as caught:
        load(path)
    assert_is_sentence(str(caught.value))
    assert str(caught.value).endswith("Build the model, and call its .load(path).")
    if name in ("a part twice", "parameters shared"):
        assert "with the same parameters in two places" in str(caught.value)
    before = bits(model)
    model.load(path)
    assert bits(model) == before


def test_a_list_that_changes_afterwards_changes_no_build(path: Path) -> None:
    sizes = [3, 1]
    model = MLP(2, sizes)
    sizes.append(5)
    assert repr(load(model.save(path))) == repr(model)


def test_a_very_deep_model_has_no_build(path: Path) -> None:
    model: Module = Layer(1, 1)
    for _ in range(60):
        model = Sequential(model)
    model.save(path)
    with pytest.raises(
        ValueError, match=r"does not say .* with modules inside more than 40 others"
    ):
        load(path)
    model.load(path)
    deep: Module = Layer(1, 1)
    for _ in range(35):
        deep = Sequential(deep)
    assert bits(load(deep.save(path))) == bits(deep)


def test_many_parts_are_no_depth(path: Path) -> None:
    model = Sequential(*[Sequential(Layer(1, 1), "relu") for _ in range(150)])
    assert bits(load(model.save(path))) == bits(model)


# Files by another hand.


def write(path: Path, build: Any, parameters: Any) -> None:
    path.write_bytes(sealed({"schema": SCHEMA, "build": build, "parameters": parameters}))


def one(kind: str, /, **arguments: Any) -> dict[str, Any]:
    return {"class": kind, "arguments": arguments}


NUMBERS = {"w.0": 1.0, "b": 2.0}
BAD: dict[str, tuple[Any, str]] = {
    "no build": (None, "a module has a class and arguments, and nothing else"),
    "a text": ("Neuron", "a module has a class and arguments"),
    "no arguments": ({"class": "Neuron"}, "a module has a class and arguments"),
    "a field more": ({**one("Neuron", nin=1), "run": "x"}, "and nothing else"),
    "another class": (one("os.system", command="ls"), 'nn has no class "os.system" to build'),
    "a class of Python": (one("object"), 'nn has no class "object"'),
    "a class that is none": (one("compiled", function="x"), 'nn has no class "compiled"'),
    "the base class": (one("Module"), 'nn has no class "Module"'),
    "a class as a list": ({"class": ["Neuron"], "arguments": {}}, 'nn has no class ["Neuron"]'),
    "arguments in a row": ({"class": "Neuron", "arguments": [1]}, "of Neuron have no names"),
    "an unknown argument": (one("Neuron", nin=1, more=2), "Neuron has no argument more."),
    "self": (one("Neuron", self=1), "Neuron has no argument self."),
    "nothing": (one("Neuron"), "Neuron() missing 1 required positional argument: 'nin'"),
    "a fraction": (one("Neuron", nin=1.5), "Neuron(nin=...) is a whole number, not float 1.5"),
    "a text as a size": (one("Layer", nin=1, nout="ab"), "not str 'ab'"),
    "a list as a size": (one("Layer", nin=[1], nout=1), "not list"),
    "true as a size": (one("Neuron", nin=True), "not bool True"),
    "nothing as a size": (one("Neuron", nin=0), "Neuron(nin=...) is at least 1, not 0"),
    "less than nothing": (one("Layer", nin=-3, nout=-3), "Layer(nin=...) is at least 1, not -3"),
    "sizes as a number": (
        one("MLP", nin=1, nouts=2),
        "MLP(nouts=...) lists the neurons of each layer",
    ),
    "no sizes": (one("MLP", nin=1, nouts=[]), "MLP(nouts=...) lists the neurons"),
    "no activation": (one("Neuron", nin=1, activation="os"), "There is no activation 'os'"),
    "activation of a wrong type": (one("Neuron", nin=1, activation=2), "An activation is a name"),
    "a rate": (one("Dropout", rate=2.0), "takes a number below 1"),
    "parts that are none": (one("Sequential", parts="relu"), "parts of Sequential is a list"),
    "a part that is none": (one("Sequential", parts=[1.0]), "A part of Sequential is"),
    "no parts": (one("Sequential"), "computes nothing"),
    "a truth as a text": (
        one("AttentionHead", nin=1, size=1, causal="false"),
        "AttentionHead(causal=...) is True or False, not 'false'",
    ),
    "a rate as a text": (one("Dropout", rate="0.5"), "Dropout(rate=...) takes a real number, not"),
    "a size beyond": (
        one("Neuron", nin=3),
        "it has fewer numbers than its model",
    ),
    "too few numbers": (one("Neuron", nin=2), "it has fewer numbers than its model"),
    "too many numbers": (one("LayerNorm", size=1), "does not fit: LayerNorm(1, 2 parameters) can"),
    "far too large": (one("Neuron", nin=10**12), "it has fewer numbers"),
    "far too large a product": (one("MLP", nin=10**9, nouts=[10**9] * 3), "it has fewer numbers"),
    "beyond all numbers": (one("Embedding", count=10**300, size=10**300), "it has fewer numbers"),
    "large in many parts": (
        one("Sequential", parts=[one("Neuron", nin=1)] * 100),
        "it has fewer numbers",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_with_a_build_is_said(name: str, path: Path) -> None:
    build, message = BAD[name]
    write(path, build, NUMBERS)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        load(path)
    assert type(caught.value) is ValueError
    assert_is_sentence(str(caught.value))
    assert str(caught.value).startswith("model.json ")
    assert len(str(caught.value)) < 400
    model = Neuron(1, seed=1)
    before = bits(model)
    with pytest.raises(ValueError, match=r"cannot be built|does not fit") as caught:
        model.load(path)
    assert_is_sentence(str(caught.value))
    assert bits(model) == before


@pytest.mark.parametrize(
    ("saved", "model", "message"),
    [
        (
            lambda: MLP(2, [3, 1], activation="relu"),
            lambda: MLP(2, [3, 1]),
            "it holds MLP(2 → 3 → 1, relu, 13 parameters), and the model is "
            "MLP(2 → 3 → 1, tanh, 13 parameters), with other settings. The model is unchanged.",
        ),
        (lambda: nn.Perceptron(2), lambda: Neuron(2), "it holds Perceptron(2, 3 parameters), and"),
        (lambda: LayerNorm(3), lambda: LayerNorm(3, eps=0.5), "with other settings."),
        (
            lambda: Sequential(Layer(2, 2), "relu"),
            lambda: Sequential(Layer(2, 2), "sin"),
            "→ relu, 6 parameters), and the model is",
        ),
    ],
)
def test_numbers_of_another_model_are_refused(
    saved: Callable[[], Module], model: Callable[[], Module], message: str, path: Path
) -> None:
    saved().save(path)
    other = model()
    before = bits(other)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        other.load(path)
    assert_is_sentence(str(caught.value))
    assert bits(other) == before


@pytest.mark.parametrize(
    ("saved", "model"),
    [
        (row, lambda: Sequential(Layer(2, 2), Dropout(0.1), Layer(2, 2))),
        (lambda: MLP(2, [3]), lambda: Own(2, [3])),
        (lambda: MLP(2, [3]), lambda: MLP(2, [3], activation=own_function)),
        (lambda: MLP(2, [3], activation=own_function), lambda: MLP(2, [3])),
        (lambda: MLP(2, [3]), lambda: MLP(2, (n for n in [3]), activation="tanh", seed=3)),
    ],
)
def test_numbers_of_the_same_model_or_of_an_unknown_one_are_taken(
    saved: Callable[[], Module], model: Callable[[], Module], path: Path
) -> None:
    one, other = saved(), model()
    other.load(one.save(path))
    assert bits(other) == bits(one)


def test_dropouts_of_a_loaded_model_draw_from_the_global_generator(path: Path) -> None:
    Sequential(Dropout(0.5, seed=1), Sequential(Dropout(0.5))).save(path)
    model: Any = load(path)
    first, second = model.parts[0], model.parts[1].parts[0]
    assert first.generator is None
    assert second.generator is None
    masks = [[v.data for v in part([1.0] * 40)] for part in (first, second)]
    assert masks[0] != masks[1]


@pytest.mark.parametrize("call", [load, Neuron(1).load, Neuron(1).save])
@pytest.mark.parametrize("place", [None, 5, ["model.json"]])
def test_a_place_that_is_no_path_is_refused(call: Callable[[Any], Any], place: Any) -> None:
    with pytest.raises(TypeError, match="PathLike"):
        call(place)


@pytest.mark.parametrize(
    "build",
    [
        one("MLP", nin=10**5, nouts=[10**5, 10**5]),
        one("LayerNorm", size=10**9),
        one("Sequential", parts=[one("AttentionHead", nin=10**4, size=10**4)] * 3),
        one("Embedding", count=50_000, size=50_000),
    ],
)
def test_a_small_file_makes_nothing_large(build: Any, path: Path) -> None:
    write(path, build, {f"w.{i}": 0.5 for i in range(100)})
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="it has fewer numbers than its model"):
            load(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5e6
