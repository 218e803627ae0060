"""Which networks are found in scalars, and what belongs to their neurons."""

from collections.abc import Callable
from typing import Any

import pytest
from lecture import instructions

from glassgrad import (
    MLP,
    AttentionHead,
    Dropout,
    Layer,
    LayerNorm,
    Module,
    Neuron,
    Projection,
    Sequential,
    Value,
    backprop,
    dot,
    l2,
    maximum,
    mean,
    std,
)
from glassgrad.viz.network import network_in

X = [[1.0, 2.0], [0.5, -1.0], [3.0, 1.0], [-1.0, 0.0]]
LEAVES = [[Value(number) for number in row] for row in X]


def model() -> MLP:
    return MLP(2, [3, 1], seed=1)


def total(outputs: list[Any]) -> Any:
    return sum((y - 1.0) ** 2 for y in outputs)


class Beside(Module):
    """A layer, and what its module makes of the outputs for several samples."""

    def __init__(self, made: Callable[[list[Any], Any], list[Any]]) -> None:
        self.layer, self.made, self.w = Layer(2, 3, seed=1), made, Value(0.5)

    def forward(self, rows: Any) -> Any:
        return self.made([y for row in rows for y in self.layer(row)], self)


def normalised(ys: list[Any], _: Any) -> list[Any]:
    return [(y - mean(ys)) / std(ys) for y in ys]


class OwnActivation(Module):
    """Layers with an activation of its own between them, and a loss."""

    def __init__(self) -> None:
        self.first = Layer(2, 3, activation="linear", seed=1)
        self.last = Layer(3, 1, activation="linear", seed=2)

    def forward(self, x: Any) -> Any:
        return (self.last([v * v.sigmoid() for v in self.first(x)]) - 1.0) ** 2


def in_parts() -> Sequential:
    first = Layer(2, 3, activation="linear", seed=1)
    return Sequential(first, "relu", Dropout(0.5, seed=1), Projection(3, 2, seed=2), "sigmoid")


def with_penalty(samples: int) -> Any:
    network = model()
    return total([network(x) for x in X[:samples]]) + l2(network.parameters(), 0.1)


def several(network: Any, rows: Any = X) -> Any:
    return total([network(x) for x in rows])


def of_two_outputs(network: Any, rows: Any = X) -> Any:
    return total([y for x in rows for y in network(x)])


class Rows(Module):
    """Rows of weights that are written behind what they are multiplied with."""

    def __init__(self, is_shared: bool = False) -> None:
        self.rows = [[Value(0.1 * (i + j)) for j in (1, 2)] for i in range(3)]
        if is_shared:
            self.rows[1][0] = self.rows[0][1]

    def forward(self, x: Any) -> Any:
        return [sum(a * b for a, b in zip(x, row)) for row in self.rows]


ROWS = Rows()


class Summed(Module):
    """Three sums of products and of what else is given."""

    def __init__(self, terms: Callable[[list[Value], Any], Any]) -> None:
        self.rows, self.terms = [[Value(0.1 * (i + j)) for j in (1, 2, 3)] for i in range(3)], terms

    def forward(self, x: Any) -> Any:
        return [self.terms(row, x) for row in self.rows]


def summed(terms: Callable[[list[Value], Any], Any], rows: Any = X) -> Any:
    MODULES.append(Summed(terms))  # one that is gone would not tell what its weights are
    return of_two_outputs(MODULES[-1], rows)


MODULES: list[Module] = []


def by_hand() -> Any:
    first, last = Layer(2, 3, activation="linear", seed=1), Layer(3, 1, seed=2)
    return total([last([v.tanh() for v in first(x)]) for x in X])


FOUND: dict[str, tuple[Callable[[], Any], int, list[int]]] = {
    "one sample": (lambda: several(model(), X[:1]), 1, [3, 1]),
    "samples": (lambda: several(model()), 4, [3, 1]),
    "samples of leaves": (lambda: several(model(), LEAVES), 4, [3, 1]),
    "a sample twice": (lambda: several(model(), [LEAVES[0]] * 2), 2, [3, 1]),
    "a penalty": (lambda: with_penalty(1), 1, [3, 1]),
    "samples and a penalty": (lambda: with_penalty(4), 4, [3, 1]),
    "a neuron on samples": (lambda: several(Neuron(2, seed=1)), 4, [1]),
    "parts": (lambda: of_two_outputs(in_parts()), 4, [3, 2]),
    "an activation between": (lambda: OwnActivation()(X[0]), 1, [3, 1]),
    "an activation of several": (
        lambda: several(MLP(2, [3, 1], activation=lambda v: v * v.sigmoid(), seed=1)),
        4,
        [3, 1],
    ),
    "an activation by hand": (by_hand, 4, [3, 1]),
    "weights behind their inputs": (lambda: of_two_outputs(ROWS, LEAVES), 4, [3]),
    "a bias": (lambda: summed(lambda w, x: w[0] * x[0] + w[1] * x[1] + w[2]), 4, [3]),
    "a plain bias": (lambda: summed(lambda w, x: w[0] * x[0] + w[1] * x[1] + 0.5), 4, [3]),
    "a plain output": (lambda: model()(X[0]), 1, [3, 1]),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_network_is_found_with_all_its_samples(name: str) -> None:
    build, samples, sizes = FOUND[name]
    steps = backprop(build())
    network = steps.network
    assert network is not None
    assert [[len(units) for units in layers] for layers in network.samples] == [sizes] * samples
    for layers, inputs in zip(network.samples, network.inputs):
        assert [steps.diagram[i].data for i in inputs] in X
        outs = [[unit.out for unit in units] for units in layers]
        for units, before in zip(layers, [inputs, *outs]):
            assert all(list(unit.weights) == list(before) for unit in units)
    weights = [[[*u.weights.values()] for units in s for u in units] for s in network.samples]
    assert all(each == weights[0] for each in weights), "of the same neurons, in the same order"


@pytest.mark.parametrize("name", FOUND)
def test_a_unit_has_all_that_is_computed_from_its_sources(name: str) -> None:
    """Its sum and slope are the program's, and no operation of a module is of two units."""
    steps = backprop(FOUND[name][0]())
    network, diagram, seen = steps.network, steps.diagram, set[int]()
    assert network is not None
    for unit in (unit for layers in network.samples for units in layers for unit in units):
        own, pending = set[int](), [unit.out]
        while pending:
            own.add(index := pending.pop())
            pending += {*diagram[index].parents} - unit.weights.keys() - own
        computed = {index for index in own if diagram[index].parents}
        leaves = {index for index in own - computed if not diagram[index].is_constant}
        assert leaves <= {*unit.weights.values(), unit.bias}
        assert seen.isdisjoint(computed)
        seen |= computed
        bias = 0.0 if unit.bias is None else diagram[unit.bias].data
        assert unit.bias is None or bias, "a sum may begin with a plain 0"
        products = [diagram[a].data * diagram[b].data for a, b in unit.weights.items()]
        assert diagram[unit.total].data == pytest.approx(sum(products) + bias, rel=1e-12)
    modules = {n.index for n in diagram if n.scope and n.parents and "OwnA" not in n.scope.kind}
    assert seen >= modules


def shared_weight() -> Any:
    network = model()
    one, other = network.layers[0].neurons[:2]
    other.w[0] = one.w[0]
    return several(network)


class Skipping(OwnActivation):
    """Its last layer reads its input too."""

    def forward(self, x: Any) -> Any:
        hidden = self.first(x)
        return self.last(hidden) + hidden[0]


def twice() -> Any:
    network = MLP(2, [3, 2], seed=1)
    return total(network(network(X[0])))


def weight_behind_an_input() -> Any:
    network = model()
    return network([network.layers[1].neurons[0].w[0] * 2.0, 1.0])


def mixed() -> Any:
    network = model()
    return network(X[0]) + network.layers[1]([network.layers[0](X[1])[0], 1.0, 2.0])


Y = [Value(2.0), Value(3.0) * 2.0]
NOT_FOUND: dict[str, Callable[[], Any]] = {
    "a layer on outputs and others": mixed,
    "two biases": lambda: summed(lambda w, x: w[0] * x[0] + w[1] + w[2]),
    "a source twice": lambda: summed(lambda w, x: w[0] * x[0] + w[1] * x[1] + w[2] * x[0], LEAVES),
    "a product of products": lambda: summed(lambda w, x: w[0] * (w[1] * x[0]) + w[2] * x[1]),
    "a number from elsewhere": lambda: summed(lambda w, x: w[0] * x[0] + w[1] * x[1] + Y[1]),
    "a product of inputs": lambda: summed(lambda w, x: w[0] * x[0] + Y[0] * Y[1]),
    "a slope that is learned": lambda: summed(
        lambda w, x: (v := w[0] * x[0] + w[1] * x[1]).relu() + w[2] * (-v).relu()
    ),
    "a weight in two places": lambda: of_two_outputs(Rows(is_shared=True), LEAVES),
    "weights of a module that is gone": lambda: total(Rows()(LEAVES[0])),
    "a network on its own outputs": twice,
    "a weight behind an input": weight_behind_an_input,
    "outputs that are normalised": lambda: total(Sequential(Layer(2, 3), LayerNorm(3))(X[0])),
    "a weight that neurons share": shared_weight,
    "two networks": lambda: model()(X[0]) + MLP(2, [3, 1], seed=2)(X[0]),
    "a network on another": lambda: model()([model()(x) for x in X[:2]]),
    "networks of different depth": lambda: model()(X[0]) + MLP(2, [1, 3, 1], seed=3)(X[1]),
    "layers that are normalised": lambda: Sequential(Layer(2, 3), LayerNorm(3), Layer(3, 1))(X[0]),
    "an output that is read twice": lambda: Skipping()(X[0]),
    "a neuron on its own output": lambda: (n := Neuron(2, seed=1))([n(X[0]), n(X[1])]),
    "words that attend to each other": lambda: total(
        [y for ys in AttentionHead(2, 2, seed=1)(X[:2]) for y in ys]
    ),
    "a word that attends to itself": lambda: total(AttentionHead(2, 2, seed=1)(X[:1])[0]),
    "a gate": lambda: total(Beside(lambda ys, _: [ys[0] * ys[1].sigmoid(), ys[2]])([X[0]])),
    "a batch that is normalised": lambda: total(Beside(normalised)(X)),
    "the largest of samples": lambda: total(Beside(lambda ys, _: [maximum(*ys[::3])])(X[:2])),
    "an output beside the neurons": lambda: total(
        Beside(lambda ys, own: [*ys, (own.w * ys[0].parents[0]).tanh()])([X[0]])
    ),
    "one neuron": lambda: Neuron(2, seed=1)(X[0]),
    "no modules": (LEAVES[0][0] * 2.0 + LEAVES[0][1]).tanh,
}


@pytest.mark.parametrize("name", NOT_FOUND)
def test_where_it_would_tell_less_than_is_so_scalars_are_seen(name: str) -> None:
    assert backprop(NOT_FOUND[name]()).network is None


@pytest.mark.parametrize(
    "made", [lambda ys, _: [total(ys)], lambda ys, _: [dot(ys, ys)], lambda ys, _: [mean(ys)]]
)
def test_a_module_may_add_what_its_samples_give(made: Any) -> None:
    found = backprop(Beside(made)(X)[0]).network
    assert repr(found) == "<network 2 → 3 on 4 samples>"


def test_neurons_are_named_with_their_sample_where_there_are_several() -> None:
    one = backprop(FOUND["one sample"][0]()).network
    assert one is not None
    assert repr(one) == "<network 2 → 3 → 1 on 1 sample>"
    assert one.levels() == ["network", *(f"layer 1, neuron {k}" for k in (1, 2, 3)),
                            "layer 2, neuron 1"]  # fmt: skip
    two = backprop(several(model(), X[:2])).network
    assert two is not None
    assert two.levels()[3:5] == ["layer 1, neuron 1, sample 1", "layer 1, neuron 2, sample 1"]
    steps = backprop(FOUND["samples"][0]())
    assert steps.network is not None
    levels = steps.network.levels()
    assert levels[:5] == ["network", *(f"network, sample {k}" for k in (1, 2, 3, 4))]
    assert levels[5:7] == ["layer 1, neuron 1, sample 1", "layer 1, neuron 2, sample 1"]
    assert len(levels) == 5 + 4 * 4
    for level in levels:
        steps.state = {"level": level}
    with pytest.raises(ValueError, match=r"no level 'network, sample 5'\. It has 'scalars'"):
        steps.state = {"level": "network, sample 5"}


def test_neurons_stand_in_the_order_of_their_layer() -> None:
    network = MLP(2, [3, 12], seed=1)
    steps = backprop(total(network(X[0])[::-1]))
    assert steps.network is not None
    for layer, units in zip(network.layers, steps.network.samples[0], strict=True):
        for neuron, unit in zip(layer.neurons, units, strict=True):
            assert [steps.diagram.values[w] for w in neuron.w] == [*unit.weights.values()]


class Path(Module):
    """A long computation without weights, of which all numbers are read, beside a layer."""

    def __init__(self, bend: Callable[[Any], Any], length: int) -> None:
        self.layer, self.bend, self.length = Layer(1, 3, seed=1), bend, length

    def forward(self, v: Any) -> Any:
        numbers = [v := self.bend(v) for _ in range(self.length)]
        return sum(numbers) + sum(self.layer([v]))


@pytest.mark.parametrize("bend", [lambda v: v * 0.99, lambda v: v + 0.5, lambda v: v * v * 0.5])
def test_the_search_takes_time_in_proportion_to_the_graph(bend: Callable[[Any], Any]) -> None:
    counts = []
    for length in (100, 800):
        steps = backprop(Path(bend, length)(Value(0.5)))
        assert repr(steps.network) == "<network 1 → 3 on 1 sample>"
        counts.append(instructions(lambda steps=steps: network_in(steps.diagram, steps.root)))
    assert counts[1] <= 10 * counts[0]
