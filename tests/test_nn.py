"""Networks: what the lecture does works as it does there, and nothing changes by accident."""

import copy
import importlib.util
import random
import sys
import weakref
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from fitting import Made

from glassgrad import (
    ACTIVATIONS,
    MLP,
    AttentionHead,
    Dropout,
    Embedding,
    Layer,
    LayerNorm,
    Module,
    Neuron,
    Perceptron,
    Projection,
    Scope,
    Sequential,
    Value,
    no_grad,
    scope,
    topological_order,
    trap,
)
from glassgrad.nn.layers import Elementwise

ROOT = Path(__file__).parent.parent
XS = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
YS = [1.0, -1.0, -1.0, 1.0]


# The lecture


def test_the_training_loop_of_the_lecture_converges():
    random.seed(1337)
    model = MLP(3, [4, 4, 1])
    losses = []
    for _ in range(100):
        predictions = [model(x) for x in XS]
        loss = sum((prediction - y) ** 2 for y, prediction in zip(YS, predictions))
        for p in model.parameters():
            p.grad = 0.0
        loss.backward()
        for p in model.parameters():
            p.data += -0.05 * p.grad
        losses.append(loss.data)
    assert losses[-1] < 0.02 < losses[0]
    assert [model(x).data > 0 for x in XS] == [y > 0 for y in YS]


class LectureModule(Module):
    """The class `Module` of the lecture's repository, on ours."""

    def zero_grad(self):
        for p in self.parameters():
            p.grad = 0

    def parameters(self):
        return []


class LectureNeuron(LectureModule):
    def __init__(self, nin):
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)

    def __call__(self, x):
        return sum((wi * xi for wi, xi in zip(self.w, x)), self.b).tanh()

    def parameters(self):
        return [*self.w, self.b]


class LectureLayer(LectureModule):
    def __init__(self, nin, nout):
        self.neurons = [LectureNeuron(nin) for _ in range(nout)]

    def __call__(self, x):
        return [n(x) for n in self.neurons]

    def parameters(self):
        return [p for n in self.neurons for p in n.parameters()]


def test_the_classes_of_the_lecture_work_and_get_scopes():
    layer = LectureLayer(2, 3)
    out = layer([1.0, 2.0])
    sum(out).backward()
    assert [v.scope.path() for v in out] == [f"LectureLayer.neurons.{i}" for i in range(3)]
    assert len(layer.parameters()) == 9
    layer.zero_grad()
    assert all(p.grad == 0 for p in layer.parameters())
    assert len(layer.state_dict()) == 9
    assert repr(layer) == (
        "LectureLayer(9 parameters)\n└─ neurons.0 … neurons.2, each: LectureNeuron(3 parameters)"
    )
    layer.neurons = [Neuron(i + 1) for i in range(300)]
    assert len(repr(layer)) < 5000
    copy.deepcopy(layer).load_state_dict(layer.state_dict())


# Names


class Odd(Module):
    def __init__(self):
        self.table = {"a": Value(1.0), 2: (Value(2.0), [Value(3.0)])}
        self.array = np.array([[Value(4.0), Value(5.0)]], dtype=object)
        self.child = Neuron(1)
        self.again = [self.child, self.table]
        self.whole = self
        self.result = Value(1.0) * Value(2.0)
        self.constant = Value(1.0).detach()
        self.text, self.number, self.numbers = "text", 3.0, np.ones(3)


def test_two_parameters_of_one_name_are_refused():
    module = Module()
    module.table = {1: Value(1.0), "1": Value(2.0)}
    with pytest.raises(ValueError, match=r"named 'table\.1'"):
        module.state_dict()


@pytest.mark.parametrize("slots", ["w", ("w",), {"w": "a weight"}])
def test_a_class_that_would_hide_its_parameters_is_refused(slots):
    with pytest.raises(TypeError, match="Line keeps w in __slots__, where no parameter is found"):
        type("Line", (Module,), {"__slots__": slots})
    assert type("Line", (Module,), {"__slots__": ()})().parameters() == []


def test_modules_thousands_deep_are_walked():
    root = top = Module()
    for _ in range(5000):
        top.inner = Neuron(1)
        top = top.inner
    assert len(root.parameters()) == 10_000


# States


def test_every_real_number_may_be_in_a_state():
    n = Neuron(3)
    n.load_state_dict({"b": 1, "w.0": Fraction(1, 2), "w.1": np.float32(0.25), "w.2": np.int64(3)})
    assert n.state_dict() == {"w.0": 0.5, "w.1": 0.25, "w.2": 3.0, "b": 1.0}
    n.load_state_dict({name: np.array(number) for name, number in n.state_dict().items()})
    assert n.state_dict() == {"w.0": 0.5, "w.1": 0.25, "w.2": 3.0, "b": 1.0}
    assert {type(number) for number in n.state_dict().values()} == {float}


BAD_STATES = {
    "missing": ({"w.0": 1.0, "w.1": 2.0}, ValueError, r"missing: b\."),
    "unknown": ({"w.0": 1.0, "w.1": 2.0, "b": 3.0, "c": 4.0}, ValueError, r"unknown: c\."),
    "no number": (
        {"w.0": 1j, "w.1": None, "b": "3.0"},
        ValueError,
        r"w\.0 .*, w\.1 .*, b \(str '3.0'\)",
    ),
    "a Value": ({"w.0": Value(1.0), "w.1": [1.0], "b": 1.0}, ValueError, r"a number: w\.0.*w\.1"),
    "too large": ({"w.0": 1.0, "w.1": 1.0, "b": 10**5000}, ValueError, r"b \(too large"),
    "all at once": (
        {"w.0": "x", "b": 3.0, 5: 1.0},
        ValueError,
        r"missing: w\.1; unknown: 5; not a number: w\.0",
    ),
    "no mapping": ([1.0, 2.0, 3.0], TypeError, "a dict from names to numbers, not list"),
    "many": (dict.fromkeys(range(337)), ValueError, r"unknown: 0, .* and 33\d more"),
}


@pytest.mark.parametrize(("state", "error", "message"), BAD_STATES.values(), ids=BAD_STATES)
def test_a_bad_state_is_refused_and_changes_nothing(state, error, message):
    n = Neuron(2)
    before = n.state_dict()
    with pytest.raises(error, match=message) as caught:
        n.load_state_dict(state)
    assert n.state_dict() == before
    assert len(str(caught.value)) < 400


# Scopes


class Loud(Neuron):
    """Its call calls that of the base class."""

    def __call__(self, x):
        return super().__call__(x) * 2.0


def in_a_head(model, x):
    with scope("head"):
        return model.inner(x)


NETWORK = MLP(2, [2, 1])
SCOPES = {
    "MLP.layers.1.neurons.0": (lambda: NETWORK([1.0, 2.0]), ["MLP", "Layer", "Neuron"]),
    "Neuron": (lambda: Neuron(1)(2.0), ["Neuron"]),
    "Loud": (lambda: Loud(1)(1.0), ["Loud"]),
    "Made.head.inner": (
        lambda: Made(in_a_head, inner=Neuron(1))(1.0), ["Made", "Scope", "Neuron"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("path", SCOPES)
def test_nodes_carry_the_path_of_the_module_that_made_them(path):
    make, kinds = SCOPES[path]
    found = make().scope
    assert found.path() == path
    assert [s.kind for s in found.chain()] == kinds
    with scope("experiment"), trap():
        assert make().scope.path() == f"experiment.{path}"
    with pytest.raises(ValueError, match="takes 1 input"), scope("failing"):
        Neuron(1)([1.0, 2.0])
    assert (Value(1.0) * Value(2.0)).scope is None


def test_a_call_that_calls_that_of_its_base_class_opens_one_scope():
    made = [node for node in topological_order(Loud(1)(1.0)) if node.parents]
    assert {node.scope.path() for node in made} == {"Loud"}


def test_a_scope_is_the_same_from_call_to_call():
    out = NETWORK([1.0, 2.0])
    with no_grad():
        NETWORK([1.0, 2.0])
    assert NETWORK([1.0, 2.0]).scope is out.scope
    made = [node for node in topological_order(out) if node.parents]
    paths = {node.scope.path() for node in made}
    assert paths == {"MLP.layers.0.neurons.0", "MLP.layers.0.neurons.1", "MLP.layers.1.neurons.0"}
    assert [node.operation.name for node in made][-3:] == ["dot", "add", "tanh"]


def test_many_scopes_around_one_module_are_not_all_kept():
    n = Neuron(1)
    for i in range(1000):
        with scope(f"step {i}"):
            assert n(1.0).scope.path() == f"step {i}.Neuron"
    assert len(n._memory.scopes) <= 100


def test_a_graph_does_not_keep_its_model_alive(without_collector):
    model = Layer(1, 2)
    watcher = weakref.ref(model)
    out = model([1.0])
    with without_collector():
        del model
        assert watcher() is None
        assert isinstance(out[0].scope, Scope)


def test_the_line_of_a_node_is_the_users():
    out = Neuron(1)(1.0)  # here
    for node in topological_order(out):
        if node.parents:
            assert node.line.text == "out = Neuron(1)(1.0)  # here"


# Showing


TREE = """Made(10 parameters)
├─ left: MLP(1 → 1, tanh, 2 parameters)
└─ both.0: Odd(7 parameters)
   └─ child: Neuron(1, tanh, 2 parameters)"""
REPRS = [
    (lambda: MLP(3, [4, 4, 1]), "MLP(3 → 4 → 4 → 1, tanh, 41 parameters)"),
    (lambda: MLP(2, [16, 16, 1], activation="relu", output_activation=None),
     "MLP(2 → 16 → 16 → 1, relu, linear output, 337 parameters)"),
    (lambda: Layer(2, 3), "Layer(2 → 3, tanh, 9 parameters)"),
    (lambda: Neuron(2, activation=lambda v: v), "Neuron(2, lambda, 3 parameters)"),
    (lambda: Neuron(1152), "Neuron(1152, tanh, 1,153 parameters)"),
    (lambda: LayerNorm(4), "LayerNorm(4, 8 parameters)"),
    (lambda: Dropout(0.25), "Dropout(0.25, 0 parameters)"),
    (lambda: Embedding(4, 3), "Embedding(4 × 3, 12 parameters)"),
    (lambda: AttentionHead(2, 3), "AttentionHead(2 → 3, causal, 18 parameters)"),
    (lambda: Projection(2, 3), "Projection(2 → 3, 6 parameters)"),
    (lambda: Perceptron(2), "Perceptron(2, 3 parameters)"),
    (lambda: Elementwise("relu"), "Elementwise(relu, 0 parameters)"),
    (lambda: Sequential(Layer(1, 2), "relu", Odd(), Dropout(0.5)),
     "Sequential(Layer(1 → 2, tanh) → relu → Odd → Dropout(0.5), 11 parameters)"),
    (Module, "Module(0 parameters)"),
    (lambda: Made(None, left=(left := MLP(1, [1])), both=[Odd(), left], scale=Value(1.0)), TREE),
]  # fmt: skip


@pytest.mark.parametrize(("make", "expected"), REPRS)
def test_a_module_shows_its_sizes_and_its_parts(make, expected):
    assert repr(make()) == expected


# Wrong use


class Two(Module):
    def forward(self, a, b):
        return a + b + None


REFUSED = [
    (lambda: MLP(3, [4, 1])([1.0, 2.0]), ValueError, r"MLP\(3 → 4 → 1, .*\) takes 3 inputs, not 2"),
    (lambda: Neuron(1)([]), ValueError, r"Neuron\(1, .*\) takes 1 input, not 0\."),
    *((lambda x=x: MLP(2, [1])(x), ValueError, r"takes one sample at a time: write \[model")
      for x in (np.ones((2, 2)), [[1.0, 2.0], [3.0, 4.0]])),
    *((lambda m=m: m(1, 2.5), TypeError, r"not one by one: give it a list, \[1, 2\.5\]\.$")
      for m in (MLP(2, [1]), Neuron(2), Layer(2, 3))),
    (MLP(2, [1]), TypeError, "missing 1 required positional argument"),
    (lambda: Two()(1), TypeError, "missing 1 required positional argument: 'b'"),
    (lambda: Two()(1, 2, 3), TypeError, "3 positional arguments but 4 were given"),
    (lambda: Two()(1, 2), TypeError, "NoneType"),  # of its own code
    *((lambda x=x: MLP(2, [1])(x), TypeError, message)
      for x, message in (
          (["a", "b"], "MLP takes Values and real numbers, not str 'a'. Convert it first"),
          ([None, 1.0], "not NoneType None"), ([1j, 1.0], "not complex 1j"),
          (None, "MLP got None: does the forward before it return"),
      )),
    (lambda: MLP(2, []), ValueError, "at least one layer"),
    (lambda: MLP(2, 4), TypeError, r"for example \[4, 4, 1\], not 4"),
    (lambda: MLP(2, "41"), TypeError, r"MLP\(nouts=\.\.\.\) lists the neurons .*, not '41'"),
    (lambda: MLP(2, [1]).train("False"), TypeError, "MLP.training is True or False, not 'False'"),
    (lambda: MLP(2, [4, "1"]), TypeError, r"MLP\(nouts=\.\.\.\) is a whole number, not str"),
    (lambda: Neuron(1, activation="thanh"), ValueError, "'thanh'. Did you mean 'tanh'"),
    (lambda: Neuron(1, activation="dot"), ValueError, "no activation 'dot'"),
    (lambda: Neuron(1, activation=3), TypeError, "not 3. Choose one of"),
    (lambda: Neuron(1, seed=1.5), TypeError, "A seed is a whole number"),
    (lambda: Module()(1.0), NotImplementedError, "Module defines no forward"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_what_is_wrong_is_refused_with_what_to_write(call, error, message):
    with pytest.raises(error, match=message):
        call()


# Outputs


def test_numbers_become_constants_once_for_a_whole_layer():
    out = MLP(2, [3, 1])([1.0, 2.0])
    assert sum(node.is_constant for node in topological_order(out)) == 2


def test_a_layer_of_one_gives_a_value_and_may_stand_inside():
    assert isinstance(Layer(2, 1)([1.0, 2.0]), Value)
    assert [type(v) for v in Layer(2, 2)([1.0, 2.0])] == [Value, Value]
    assert len(MLP(2, [1, 3])([1.0, 2.0])) == 3


# Activations


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_of_the_table_can_be_chosen(name):
    n = Neuron(1, activation=name)
    n.load_state_dict({"w.0": 0.5, "b": 0.25})
    x = Value(0.5)
    expected = x if name == "linear" else getattr(x, name)()
    np.testing.assert_equal(n(0.5).data, expected.data)


def test_an_activation_may_be_a_function_and_that_of_the_output_another():
    model = MLP(1, [1, 2], activation=lambda v: 3.0 * v, output_activation=Value.tanh, seed=0)
    hidden, (first, second) = model.layers[0].neurons[0], model.layers[1].neurons
    inner = 3.0 * (hidden.w[0] * 2.0 + hidden.b)
    expected = [(n.w[0] * inner + n.b).tanh().data for n in (first, second)]
    assert [v.data for v in model(2.0)] == pytest.approx(expected)


# Training on real data


@pytest.fixture(scope="module")
def script():
    path = ROOT / "notebooks" / "two_moons.py"
    specification = importlib.util.spec_from_file_location("two_moons", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_two_moons_are_learned_to_the_last_point(script):
    points, labels = script.labelled_moons(100, seed=1)
    said = []
    losses, accuracy = script.train(script.network(1), points, labels, 41, report=said.append)
    assert accuracy == 1.0
    assert losses[-1] < 0.05 < losses[0]
    assert said[-1].endswith("accuracy 100%")


@pytest.mark.needs("matplotlib")
def test_the_two_moons_script_saves_a_picture(script, tmp_path, capsys):
    picture = tmp_path / "moons.png"
    script.draw(script.network(), *script.labelled_moons(10), picture, cells=3)
    assert picture.read_bytes().startswith(b"\x89PNG")
    script.main(["--steps", "1"])
    assert capsys.readouterr().out.startswith("MLP(2 → 16 → 16 → 1, relu, linear output, 337")


@pytest.mark.everywhere
def test_without_matplotlib_no_picture_is_promised(script, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SystemExit) as ended:
        script.main(["--steps", "1", "--out", str(tmp_path / "moons.png")])
    assert ended.value.code == 2
    out, error = capsys.readouterr()
    assert "accuracy" not in out  # said before half a minute of training, not after it
    assert 'pip install "glassgrad[plot]"' in error
    script.main(["--steps", "1"])
    assert "accuracy" in capsys.readouterr().out


def test_an_activation_that_is_set_counts():
    for model, neurons in ((Neuron(2, seed=1), 1), (Layer(2, 3, seed=1), 3)):
        model.activation = "relu"
        outputs = model([1.0, -2.0])
        made = {y.operation.name for y in (outputs if neurons > 1 else [outputs])}
        with pytest.raises(ValueError, match="Did you mean 'sigmoid'"):
            model.activation = "sigmod"
        assert (made, "relu" in repr(model)) == ({"relu"}, True)
