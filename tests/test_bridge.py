"""The bridge: the same network in PyTorch, to the last digits, and back."""

import random
import re
from typing import Any

import numpy as np
import pytest

from glassgrad import (
    MLP,
    AttentionHead,
    Layer,
    Module,
    Neuron,
    Sequential,
    assign,
    data_vector,
    from_torch,
    grad_vector,
    to_torch,
)
from glassgrad.nn.torch import ACTIVATIONS_THERE

torch = pytest.importorskip("torch")  # this file may be asked for by its name
pytestmark = pytest.mark.needs("torch")


def chain(*parts: Any) -> Sequential:
    return Sequential(Layer(3, 5, activation="tanh", seed=1), *parts, Layer(5, 2, seed=2))


MODELS = {
    "neuron": lambda: Neuron(3, seed=1),
    "layer": lambda: Layer(3, 4, seed=1),
    "MLP": lambda: MLP(3, [5, 4, 2], activation="relu", output_activation="linear", seed=1),
    "MLP of one activation": lambda: MLP(3, [5, 1], activation="sigmoid", seed=1),
    "MLP of one layer": lambda: MLP(3, [4], output_activation="linear", seed=1),
    "row of one layer": lambda: Sequential(Layer(3, 4, activation="linear", seed=1)),
    "chain": chain,
    "nested": lambda: chain(Sequential("gelu", Layer(5, 5, seed=3)), "silu"),
    **{
        name: (lambda name=name: MLP(3, [4, 4, 2], activation=name, init="xavier", seed=3))
        for name in ACTIVATIONS_THERE
    },
}


def shaken(model: Module) -> Module:
    """Parameters of a norm other than 1 and 0, too."""
    random = np.random.default_rng(0)
    parameters = model.parameters()
    assign(parameters, data_vector(parameters) + 0.1 * random.normal(size=len(parameters)))
    return model


@pytest.mark.parametrize("name", MODELS)
def test_outputs_and_gradients_are_the_same(name: str) -> None:
    model = shaken(MODELS[name]())
    there = to_torch(model)
    samples = np.random.default_rng(1).normal(size=(6, 3)) * [1.0, 10.0, 0.01]
    batch = torch.tensor(samples, requires_grad=True)
    outputs = there(batch)
    outputs.pow(2).sum().backward()
    model.zero_grad()
    for i, sample in enumerate(samples):
        found = model(sample)
        found = found if isinstance(found, list) else [found]
        np.testing.assert_allclose([v.data for v in found], outputs[i].tolist(), rtol=1e-12)
        sum(v * v for v in found).backward()
    mine = dict(zip(map(id, model.parameters()), grad_vector(model.parameters())))
    theirs = [p.grad.ravel().tolist() for p in there.parameters()]
    ours = [mine[id(v)] for part in leaves(model) for v in part]
    flat = [x for each in theirs for x in each]
    np.testing.assert_allclose(ours, flat, rtol=1e-12, atol=1e-12 * np.abs(flat).max())


def leaves(model: Module) -> list[list[Any]]:
    """The parameters in PyTorch's order: all weights of a layer, then its biases."""
    if isinstance(model, Neuron):
        return [model.w, [model.b]]
    if isinstance(model, Layer):
        return [[w for n in model.neurons for w in n.w], [n.b for n in model.neurons]]
    if isinstance(model, (MLP, Sequential)):
        parts = model.layers if isinstance(model, MLP) else model.parts
        return [each for part in parts for each in leaves(part)]
    return [[v for _, v in model.named_parameters()]]


@pytest.mark.parametrize("name", MODELS)
def test_there_and_back_keeps_every_bit(name: str) -> None:
    model = shaken(MODELS[name]())
    again = from_torch(to_torch(model))
    assert list(again.state_dict().values()) == list(model.state_dict().values())
    assert again.training == model.training
    if isinstance(model, MLP):
        assert (again.state_dict(), repr(again)) == (model.state_dict(), repr(model))
    samples = np.random.default_rng(2).normal(size=(4, 3))
    for sample in samples:
        ours, theirs = model(sample), again(sample)
        assert [v.data for v in np.ravel(ours)] == [v.data for v in np.ravel(theirs)]


@pytest.mark.parametrize("row", [
    lambda nn: nn.Linear(2, 3),
    lambda nn: nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Identity(), nn.Linear(3, 1)),
    lambda nn: nn.Sequential(nn.ReLU(), nn.Linear(2, 3), nn.Softplus()),
    lambda nn: nn.Sequential(nn.Linear(2, 2), bend := nn.ELU(), nn.Linear(2, 2), bend),
])  # fmt: skip
def test_float32_stays_what_it_is_and_the_generator_of_the_user_alone(row: Any) -> None:
    there, before = row(torch.nn), random.getstate()
    model = from_torch(there)
    assert random.getstate() == before
    expected = there.double()(torch.tensor([[0.5, -1.0]], dtype=torch.float64))[0].tolist()
    np.testing.assert_allclose([v.data for v in np.ravel(model([0.5, -1.0]))], expected, rtol=1e-12)
    numbers = [x for p in there.parameters() for x in p.ravel().tolist()]
    assert sorted(model.state_dict().values()) == sorted(numbers)


def tanh(v: Any) -> Any:
    return v * 2.0


class Own(Module):
    def forward(self, x: Any) -> Any:
        return x


def tied() -> Module:
    layer = Layer(2, 2, seed=1)
    return Sequential(layer, layer)


def with_forward(model: Any, part: Any) -> Module:
    part(model).forward = lambda x: x
    return model  # type: ignore[no-any-return]


def ragged() -> Module:
    layer = Layer(2, 2, seed=1)
    layer.neurons[1] = Neuron(3, seed=1)
    return layer


def emptied(model: Sequential) -> Module:
    model.parts.clear()
    return model


def sharing(share: Any) -> Module:
    """Two layers that share some parameters, and a detached one elsewhere."""
    model: Any = Sequential(Layer(2, 2, seed=1), Layer(2, 2, seed=2))
    share(*(part.neurons[0] for part in model.parts))
    return model  # type: ignore[no-any-return]


def share_bias(one: Any, other: Any) -> None:
    other.b = one.b


def detach_bias(one: Any, other: Any) -> None:
    other.b = one.b.detach()


def compute_bias(one: Any, other: Any) -> None:
    other.b = one.b * 2.0


def tied_beside_a_spare() -> Module:
    """As many parameters as places, though one of them is used twice."""
    model: Any = sharing(share_bias)
    model.spare = [model.parts[0].neurons[0].b * 0.0, *Neuron(1).parameters()]
    return model  # type: ignore[no-any-return]


WITHIN = {
    "MLP: it has a forward of its own": with_forward(MLP(2, [2]), lambda m: m),
    "MLP.layers.0: it was changed": with_forward(MLP(2, [2]), lambda m: m.layers[0]),
    "MLP.layers.0: it was changed, or": with_forward(MLP(2, [2]), lambda m: m.layers[0].neurons[1]),
    "Layer: it was changed": ragged(),
    "Sequential: it has a forward of its own, or no parts": emptied(Sequential("relu")),
    "Sequential.parts.1: it uses a parameter that stands in two": sharing(share_bias),
    "Sequential.parts.1: it was changed": sharing(detach_bias),
    "Sequential.parts.1: it was changed, or": sharing(compute_bias),
    "Sequential.parts.1: it uses a parameter that": tied_beside_a_spare(),
    "does not know AttentionHead: it is": AttentionHead(2, 2),
    "does not know Sequential.parts.1: it is Own": Sequential(Layer(2, 2), Own()),
    "MLP.layers.0: it was changed, or has an act": MLP(2, [2], activation=tanh),
    "MLP.layers.0: its activation is sin": MLP(2, [2], activation="sin"),
    "a parameter that stands in two places": tied(),
    "takes a model of nn, not int 3": 3,
}


@pytest.mark.parametrize(("message", "model"), WITHIN.items(), ids=WITHIN)
def test_what_cannot_cross_is_named(message: str, model: Any) -> None:
    with pytest.raises(TypeError, match=re.escape(message)):
        to_torch(model)


def derived(name: str, nn: Any) -> Any:
    """A class of the user's own with a known name."""
    kind = getattr(nn, name)
    return type(name, (kind,), {"forward": lambda self, x: x * 2.0})


def tied_there(nn: Any) -> Any:
    one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    other.weight = one.weight
    return nn.Sequential(one, other)


def twice(nn: Any) -> Any:
    layer = nn.Linear(2, 2)
    return nn.Sequential(layer, nn.ReLU(), layer)


def hooked(module: Any, kind: str) -> Any:
    getattr(module, kind)(lambda *_: None)
    return module


def parametrized(nn: Any) -> Any:
    from torch.nn.utils.parametrize import register_parametrization

    layer = nn.Linear(2, 2)
    register_parametrization(layer, "weight", nn.Softplus())
    return layer


def with_own_forward(module: Any) -> Any:
    module.forward = lambda x: x
    return module


BACK = {
    "2: it uses a parameter that stands in two places": twice,
    "1: it uses a parameter that stands in two places": tied_there,
    "Sequential: it is a Sequential of": lambda nn: derived("Sequential", nn)(nn.Linear(2, 2)),
    "know 0: it is a Linear of": lambda nn: nn.Sequential(derived("Linear", nn)(2, 2)),
    "know 0: it is a Tanh of": lambda nn: nn.Sequential(derived("Tanh", nn)()),
    "know Identity: it is an Identity of": lambda nn: derived("Identity", nn)(),
    "a Softplus of torch.nn.modules.activation, Softplus(": lambda nn: nn.Softplus(threshold=5.0),
    "it is an ELU of torch.nn.modules.activation, ELU(alpha=0.5)": lambda nn: nn.ELU(0.5),
    "Linear: it has hooks": lambda nn: hooked(nn.Linear(2, 2), "register_forward_hook"),
    "ReLU: it has hooks": lambda nn: hooked(nn.ReLU(), "register_forward_pre_hook"),
    "Sequential: it has hooks": lambda nn: hooked(
        nn.Sequential(nn.Linear(2, 2)), "register_forward_hook"
    ),
    "it has hooks, parametrizations": parametrized,
    "0: it has hooks, parametrizations or a forward": lambda nn: nn.Sequential(
        with_own_forward(nn.Linear(2, 2))
    ),
    "are no real numbers": lambda nn: nn.Linear(2, 2, dtype=torch.complex64),
    "on the device meta": lambda nn: nn.Linear(2, 2, device="meta"),
    "Sequential: it computes nothing": lambda nn: nn.Sequential(),
    "Linear with a bias": lambda nn: nn.Linear(2, 2, bias=False),
    "1: it is a LSTM of": lambda nn: nn.Sequential(nn.Linear(2, 2), nn.LSTM(2, 2)),
    "takes a torch.nn.Module, not int 3": lambda nn: 3,
}


@pytest.mark.parametrize(("message", "make"), BACK.items(), ids=BACK)
def test_what_cannot_come_back_is_named(message: str, make: Any) -> None:
    with pytest.raises(TypeError, match=re.escape(message)):
        from_torch(make(torch.nn))
