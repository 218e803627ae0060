"""Which networks are found in scalars, and what belongs to their neurons."""

from collections.abc import Callable
from typing import Any

import pytest

from glassgrad import (
    MLP,
    Dropout,
    Layer,
    LayerNorm,
    Module,
    Neuron,
    Projection,
    Sequential,
    Value,
    backprop,
    l2,
)

X = [[1.0, 2.0], [0.5, -1.0], [3.0, 1.0], [-1.0, 0.0]]
LEAVES = [[Value(number) for number in row] for row in X]


def model() -> MLP:
    return MLP(2, [3, 1], seed=1)


def total(outputs: list[Any]) -> Any:
    return sum((y - 1.0) ** 2 for y in outputs)


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
    "a plain gradient": (lambda: model()(X[0]), 1, [3, 1]),
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
        own = [diagram[i] for i in sorted(unit.members) if diagram[i].parents]
        assert own[-1].index == unit.out
        assert seen.isdisjoint(node.index for node in own)
        seen |= {node.index for node in own}
        for node in own:
            leaves = {parent for parent in node.parents if not diagram[parent].parents}
            assert unit.members | unit.weights.keys() >= {*node.parents}
            assert unit.members >= leaves - unit.weights.keys()
        bias = 0.0 if unit.bias is None else diagram[unit.bias].data
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


NOT_FOUND: dict[str, Callable[[], Any]] = {
    "a weight that neurons share": shared_weight,
    "two networks": lambda: model()(X[0]) + MLP(2, [3, 1], seed=2)(X[0]),
    "a network on another": lambda: model()([model()(x) for x in X[:2]]),
    "networks of different depth": lambda: model()(X[0]) + MLP(2, [1, 3, 1], seed=3)(X[1]),
    "layers that are normalised": lambda: Sequential(Layer(2, 3), LayerNorm(3), Layer(3, 1))(X[0]),
    "an output that is read twice": lambda: Skipping()(X[0]),
    "a neuron on its own output": lambda: (n := Neuron(2, seed=1))([n(X[0]), n(X[1])]),
    "one neuron": lambda: Neuron(2, seed=1)(X[0]),
    "no modules": (LEAVES[0][0] * 2.0 + LEAVES[0][1]).tanh,
}


@pytest.mark.parametrize("name", NOT_FOUND)
def test_where_it_would_tell_less_than_is_so_scalars_are_seen(name: str) -> None:
    assert backprop(NOT_FOUND[name]()).network is None


def test_neurons_are_named_with_their_sample_where_there_are_several() -> None:
    one = backprop(FOUND["one sample"][0]()).network
    assert one is not None
    assert repr(one) == "<network 2 → 3 → 1 on 1 sample>"
    assert one.levels() == ["network", *(f"layer 1, neuron {k}" for k in (1, 2, 3)),
                            "layer 2, neuron 1"]  # fmt: skip
    steps = backprop(FOUND["samples"][0]())
    assert steps.network is not None
    levels = steps.network.levels()
    assert levels[:4] == ["network", *(f"network, sample {k}" for k in (2, 3, 4))]
    assert levels[4:6] == ["layer 1, neuron 1, sample 1", "layer 1, neuron 2, sample 1"]
    assert len(levels) == 4 + 4 * 4
    for level in levels:
        steps.state = {"level": level}
    with pytest.raises(ValueError, match="no level 'network, sample 5'. It has 'scalars'"):
        steps.state = {"level": "network, sample 5"}
