"""Model files: numbers and models come back to the last bit, and any other file changes nothing.

Damaged and hostile files in numbers are in `test_hostile_files.py`, kills and full disks in
`test_saving_faults.py`.
"""

import hashlib
import math
import os
import pickle
import random
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loading import refusal
from outputs import assert_is_sentence, bits, strict_json

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
    compiled,
    engine,
    load,
    nn,
)
from glassgrad.engine.files import sealed
from glassgrad.nn.layers import Elementwise
from glassgrad.nn.saving import CLASSES, SCHEMA

NUMBERS = (0.1, -0.0, 5e-324, 1.7976931348623157e308, 2.0**53 + 2, math.inf, -math.inf, math.nan)
NAMES = ("b", "a b", "é", "\u202e", "\x1b[31m", 'quote"', "back\\slash", "line\nbreak", "", "[{")


class Box(Module):
    """A module with parameters of any names."""

    def __init__(self, numbers: dict[str, float]) -> None:
        self.parts = {name: Value(number) for name, number in numbers.items()}


class Own(MLP):
    """A class of the user's own."""


def own_function(v: Value) -> Value:
    return v * 2.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.json"


def changed(make: Callable[[], Any], change: Callable[[Any], object]) -> Callable[[], Module]:
    def built() -> Module:
        model = make()
        change(model)
        return model  # type: ignore[no-any-return]

    return built


def row() -> Sequential:
    return Sequential(Layer(2, 2), Dropout(0.5), Layer(2, 2))


def compile_and_note(model: Any) -> None:
    model.name, model.history = "the best", [1.0, 2.0]
    compiled(model)([1.0, 2.0])


# Numbers, into a model of the same shape.


@pytest.mark.parametrize("numbers", [dict(zip("abcdefgh", NUMBERS)), dict.fromkeys(NAMES, 0.5), {}])
def test_numbers_go_into_a_file_and_back_to_the_last_bit(
    numbers: dict[str, float], path: Path
) -> None:
    """An optimizer, or a graph, that holds the parameters goes on with them."""
    model, other = Box(numbers), Box(dict.fromkeys(numbers, 1.0))
    before = other.parameters()
    assert model.save(path) == path
    other.load(path)
    assert bits(other) == bits(model)
    assert all(new is old for new, old in zip(other.parameters(), before, strict=True))


def test_the_file_is_for_people_and_for_programs(path: Path) -> None:
    model = Neuron(1)
    model.load_state_dict({"w.0": 0.25, "b": math.nan})
    text = model.save(path).read_text("utf-8")
    lines = text.splitlines()
    assert lines[-6:-2] == [' "parameters": {', '  "w.0": 0.25,', '  "b": "nan"', " },"]
    before, digest = text[: -len(lines[-2]) - 3], lines[-2].removeprefix(' "digest": ').strip('"')
    assert digest == hashlib.sha256(f'{before} "digest": "'.encode()).hexdigest()
    assert strict_json(text) == {
        "schema": SCHEMA,
        "module": [repr(model)],
        "build": {"class": "Neuron", "arguments": {"nin": 1, "activation": "tanh"}},
        "parameters": {"w.0": 0.25, "b": "nan"},
        "digest": digest,
    }


# A model, built anew.

MODELS: dict[str, Callable[[], Module]] = {
    "Neuron": lambda: Neuron(3, activation="relu", seed=1),
    "Layer": lambda: Layer(2, nout=3, activation=None),
    "MLP": lambda: MLP(2, [4, 3, 1], activation="sin", output_activation="linear", init="torch"),
    "Perceptron": lambda: nn.Perceptron(2),
    "Projection": lambda: nn.Projection(2, 3),
    "AttentionHead": lambda: nn.AttentionHead(2, 3, causal=False),
    "Embedding": lambda: Embedding(5, size=2),
    "LayerNorm": lambda: LayerNorm(3, eps=1e-3),
    "Dropout": lambda: Dropout(0.25, seed=random.Random(1)),
    "Elementwise": lambda: Elementwise("tanh"),
    "Sequential": lambda: Sequential(
        Layer(2, 3), "relu", Dropout(0.5, seed=3), Sequential(LayerNorm(3), MLP(3, [2, 1]))
    ),
    "a generator": lambda: MLP(2, (n for n in [2, 1])),
    "numbers of numpy": lambda: MLP(np.int64(2), np.array([3, 1])),  # type: ignore[arg-type]
    "a function of the engine": lambda: MLP(2, [2, 1], activation=engine.tanh),
    "a method of Value": lambda: MLP(2, [2, 1], activation=Value.relu),
    "parts more": changed(row, lambda m: m.parts.extend([Layer(2, 2), Dropout(0.1)])),
    "parts in another order": changed(row, lambda m: m.parts.insert(0, m.parts.pop(1))),
    "another rate": changed(row, lambda m: setattr(m.parts[1], "rate", 0.25)),
    "a neuron more": changed(lambda: Layer(2, 2), lambda m: m.neurons.append(Neuron(2))),
    "caches and notes": changed(lambda: MLP(2, [3, 1]), compile_and_note),
    "a copy": lambda: pickle.loads(pickle.dumps(row())),
    "many parts": lambda: Sequential(*[Sequential(Layer(1, 1), "relu") for _ in range(150)]),
    "deep": lambda: nested(35),
}


def nested(depth: int) -> Module:
    model: Module = Layer(1, 1)
    for _ in range(depth):
        model = Sequential(model)
    return model


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
    assert bits(load(found.save(path))) == bits(model)


def test_every_class_has_a_model_here() -> None:
    assert set(CLASSES) <= set(MODELS)
    modules = {
        name
        for name, thing in vars(nn).items()
        if isinstance(thing, type) and issubclass(thing, Module) and thing is not Module
    }
    assert modules <= set(CLASSES), "a new module of nn is buildable"


def test_dropouts_of_a_loaded_model_draw_from_the_global_generator(path: Path) -> None:
    Sequential(Dropout(0.5, seed=1), Sequential(Dropout(0.5))).save(path)
    model: Any = load(path)
    assert model.parts[0].generator is model.parts[1].parts[0].generator is None


# What a file does not say.


def twice() -> Module:
    shared = Layer(2, 2)
    return Sequential(shared, shared)


def share(model: Any) -> None:
    model.parts[2].neurons[0].w = model.parts[0].neurons[0].w


def named(name: str) -> Callable[[Value], Value]:
    def function(v: Value) -> Value:
        return v * 2.0

    function.__name__ = name
    return function


UNSAYABLE: dict[str, Callable[[], Module]] = {
    "a class of one's own": lambda: Own(2, [1]),
    "a part of one's own": lambda: Sequential(Layer(2, 2), Own(2, [1])),
    "a function of one's own": lambda: MLP(2, [1], activation=own_function),
    "a function with a known name": lambda: MLP(2, [1], activation=named("relu")),
    "no class of nn": Module,
    "another activation": changed(
        lambda: Layer(2, 2), lambda m: setattr(m.neurons[0], "activation", nn.linear)
    ),
    "a constant": changed(row, lambda m: setattr(m.parts[0].neurons[0], "b", Value(1.0).detach())),
    "a part twice": twice,
    "parameters shared": changed(row, share),
    "another forward": changed(row, lambda m: setattr(m, "forward", own_function)),
    "modules inside more than 40 others": lambda: nested(60),
}


@pytest.mark.parametrize("name", UNSAYABLE)
def test_a_build_is_left_out_where_it_would_be_wrong(name: str, path: Path) -> None:
    model = UNSAYABLE[name]()
    assert "build" not in strict_json(model.save(path).read_text("utf-8"))
    with pytest.raises(ValueError, match="does not say how its model is built") as caught:
        load(path)
    assert_is_sentence(str(caught.value))
    assert str(caught.value).endswith("Build the model, and call its .load(path).")
    before = bits(model)
    model.load(path)
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
        (
            lambda: nn.Perceptron(2),
            lambda: Neuron(2),
            "it holds Perceptron(2, 3 parameters), and the model is Neuron(2, tanh, 3 parameters). "
            "The model is unchanged.",
        ),
        (lambda: LayerNorm(3), lambda: LayerNorm(3, eps=0.5), "with other settings."),
        (
            lambda: Sequential(Layer(2, 2), "relu"),
            lambda: Sequential(Layer(2, 2), "sin"),
            "→ relu, 6 parameters), and the model is",
        ),
        (lambda: Neuron(3), lambda: Neuron(2), "does not fit: Neuron(2, tanh, 3 parameters) can"),
        (lambda: Layer(2, 2), lambda: Neuron(2), "missing: w.0, w.1, b; unknown: neurons.0.w.0"),
    ],
)
def test_numbers_of_another_model_are_refused(
    saved: Callable[[], Module], model: Callable[[], Module], message: str, path: Path
) -> None:
    saved().save(path)
    assert message in refusal(model(), path)


@pytest.mark.parametrize(
    ("saved", "model"),
    [
        (row, lambda: Sequential(Layer(2, 2), Dropout(0.1), Layer(2, 2))),
        (lambda: MLP(2, [3]), lambda: Own(2, [3])),
        (lambda: MLP(2, [3]), lambda: MLP(2, [3], activation=own_function)),
        (lambda: MLP(2, [3], activation=own_function), lambda: MLP(2, [3])),
    ],
)
def test_numbers_of_the_same_model_or_of_an_unknown_one_are_taken(
    saved: Callable[[], Module], model: Callable[[], Module], path: Path
) -> None:
    one, other = saved(), model()
    other.load(one.save(path))
    assert bits(other) == bits(one)


# Writing.


def test_an_interruption_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Neuron(2, seed=1).save(path).read_bytes()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Neuron(2, seed=2).save(path)
    assert path.read_bytes() == old
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({1: 1.0, "1": 2.0}, "Two parameters of Box are named 'parts.1'"),
        ({"\ud800": 1.0}, r'half of a surrogate pair is in its name: "\ud800".'),
    ],
)
def test_what_cannot_be_saved_leaves_the_old_file(names: Any, message: str, path: Path) -> None:
    old = Neuron(2).save(path).read_bytes()
    with pytest.raises(ValueError, match=re.escape(message)):
        Box(names).save(path)
    assert path.read_bytes() == old


# Files by another hand.


def one(kind: str, /, **arguments: Any) -> dict[str, Any]:
    return {"class": kind, "arguments": arguments}


def built(build: Any, parameters: Any) -> bytes:
    return sealed({"schema": SCHEMA, "build": build, "parameters": parameters})


def whole(build: Any) -> bytes:
    return built(build, {"w.0": 1.0, "b": 2.0})


def numbers(**parameters: Any) -> bytes:
    return sealed({"schema": SCHEMA, "parameters": parameters})


BAD: dict[str, tuple[str | bytes, str]] = {
    "no schema": ('{"w.0": 1.0, "b": 2.0}', "its schema is None, and not glassgrad-model/3"),
    "another schema": ('{"schema": "glassgrad-graph/1"}', "is 'glassgrad-graph/1', and not"),
    "no text as a schema": ('{"schema": [2]}', "its schema is [2]"),
    "a later version": (
        '{"schema": "glassgrad-model/9", "more": 1}',
        "no model file that this version reads: its schema is 'glassgrad-model/9', and not "
        "glassgrad-model/3. Update glassgrad.",
    ),
    "no digest": (
        '{"schema": "glassgrad-model/3", "parameters": {"w.0": 1, "b": 2}}',
        "its digest is not that of what it says. Take a copy of the model file,",
    ),
    "a broken digest of an older one": (
        '{"schema": "glassgrad-model/2", "digest": "0", "parameters": {"w.0": 1, "b": 2}}',
        "its digest is not that of what it says.",
    ),
    "a build of version 1": (
        '{"schema": "glassgrad-model/1", "build": {}, "parameters": {"w.0": 1, "b": 2}}',
        'version 1 has no field "build".',
    ),
    "a field": (sealed({"schema": SCHEMA, "more": 1}), 'has a field "more"'),
    "no parameters": (sealed({"schema": SCHEMA}), 'it lacks "parameters"'),
    "twice": ('{"w.0": 1, "w.0": 2}', 'has "w.0" twice'),
    "NaN": ('{"w.0": NaN}', "has NaN, which is not JSON"),
    "too large": ('{"w.0": -1e400}', "no float near it: -1e400"),
    "huge": ('{"w.0": %s}' % ("9" * 100_000), "no float near it: 9999"),
    "deep and closed": ("[" * 100_000 + "]" * 100_000, "inside one another"),
    "no JSON": ('{"w.0": 1,\n}', "no JSON at line "),
    "a mark": ("\ufeff{}", "no JSON at line 1, column 1"),
    "null": (numbers(a=None), 'its parameters["a"] is null, and not a number'),
    "true": (numbers(a=True), 'its parameters["a"] is true, and not a number'),
    "a long name": (numbers(**{"\x7f" * 5000: []}), r'its parameters["\u007f'),
    # Builds.
    "no build": (whole(None), "a module has a class and arguments, and nothing else"),
    "a field more": (whole({**one("Neuron", nin=1), "run": "x"}), "and nothing else"),
    "a list as a part": (whole(one("Sequential", parts=[[1]])), "A part of Sequential is a module"),
    "another class": (whole(one("os.system", command="ls")), 'no class "os.system" to build'),
    "the base class": (whole(one("Module")), 'nn has no class "Module"'),
    "a class as a list": (whole({"class": ["Neuron"], "arguments": {}}), 'no class ["Neuron"]'),
    "arguments in a row": (whole({"class": "Neuron", "arguments": [1]}), "have no names"),
    "an unknown argument": (whole(one("Neuron", nin=1, more=2)), "has no argument more."),
    "self": (whole(one("Neuron", self=1)), "Neuron has no argument self."),
    "a seed": (whole(one("Neuron", nin=1, seed=0)), "Neuron has no argument seed."),
    "an initialiser": (whole(one("Neuron", nin=1, init="he")), "Neuron has no argument init."),
    "a fraction": (whole(one("Neuron", nin=1.5)), "is a whole number, not float 1.5"),
    "no activation": (whole(one("Neuron", nin=1, activation="os")), "no activation 'os'"),
    "parts that are none": (whole(one("Sequential", parts="relu")), "of Sequential is a list"),
    "too few numbers": (whole(one("Neuron", nin=2)), "it has fewer numbers than its model"),
    "too many numbers": (whole(one("LayerNorm", size=1)), "LayerNorm(1, 2 parameters)"),
    "beyond all numbers": (whole(one("Embedding", count=10**300, size=10**300)), "fewer numbers"),
    "many parts": (whole(one("Sequential", parts=[one("Neuron", nin=1)] * 100)), "fewer numbers"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_what_is_wrong_with_a_file_is_said(content: str | bytes, message: str, path: Path) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert message in refusal(Neuron(1), path)
    with pytest.raises(ValueError, match=r"^model\.json ") as caught:
        load(path)
    assert message in str(caught.value)


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
    path.write_bytes(built(build, {f"w.{i}": 0.5 for i in range(100)}))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="it has fewer numbers than its model"):
            load(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5e6


def test_a_truncated_file_wherever_it_ends(path: Path) -> None:
    content = Box({"é": 0.5, "b": math.inf}).save(path).read_bytes().rstrip()
    model = Box({"é": 1.0, "b": 2.0})
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert re.search("cut off, damaged or no model file|no text in UTF-8", refusal(model, path))


def test_a_deep_file_is_harmless_whatever_the_recursion_limit(run_python: Callable) -> None:
    """Without a bound of its own the reader of JSON would leave the stack and end the process."""
    program = """
import sys, tempfile, pathlib
from glassgrad import Neuron
sys.setrecursionlimit(10**8)
path = pathlib.Path(tempfile.mkdtemp()) / "deep.json"
path.write_bytes(b"[" * 10**6)
try:
    Neuron(1).load(path)
except ValueError as error:
    print(error)
path.unlink(), path.parent.rmdir()
"""
    assert "inside one another" in run_python(program)


class Trap:
    """Unpickling it leaves a trace."""

    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        return os.mkdir, (str(self.folder),)

    def __init__(self, folder: Path) -> None:
        self.folder = folder


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_not_run(protocol: int, path: Path) -> None:
    trace = path.parent / "trace"
    path.write_bytes(pickle.dumps(Trap(trace), protocol))
    assert "no model file" in refusal(Neuron(1), path)
    assert not trace.exists()


@pytest.mark.system("POSIX")
def test_a_hostile_name_of_a_file_is_shown_harmlessly(tmp_path: Path) -> None:
    path = tmp_path / ("\x1b[31m\u202e" + "n" * 100)
    path.write_text("{}")
    with pytest.raises(ValueError, match="is no model file") as caught:
        Neuron(1).load(path)
    assert_is_sentence(str(caught.value))


@pytest.mark.parametrize("call", [load, Neuron(1).load, Neuron(1).save])
def test_what_is_no_file_is_an_error_of_the_system(call: Callable, path: Path) -> None:
    for place, error in (
        (path.parent / "nowhere" / "model.json", FileNotFoundError),
        (path.parent, IsADirectoryError),
        ("model\0.json", OSError),
        (None, TypeError),
        (5, TypeError),
    ):
        with pytest.raises(error, match=r"[Nn]o such f|not a plain file|no file can|a Path, not"):
            call(place)


@pytest.mark.system("POSIX")
def test_a_pipe_is_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a plain file"):
        Neuron(1).load(path)


@pytest.mark.parametrize("thing", ["a", None, {"b": 1}])
@pytest.mark.parametrize("name", ["b", "w.1"])
def test_a_model_that_lacks_a_parameter_is_not_saved(
    name: str, thing: object, tmp_path: Path
) -> None:
    model = MLP(2, [3, 1], seed=1)
    neuron = model.layers[0].neurons[1]
    if name == "b":
        neuron.b = thing
    else:
        neuron.w[1] = thing
    with pytest.raises(ValueError, match=f"stands in layers.0.neurons.1.{name}, which is for"):
        model.save(tmp_path / "model.json")
    assert not [*tmp_path.iterdir()]
