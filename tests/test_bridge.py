"""The bridge: the same network in PyTorch, to the last digits, and back."""

import random
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
    samples = np.random.default_rng(2).normal(size=(4, 3))
    for sample in samples:
        ours, theirs = model(sample), again(sample)
        assert [v.data for v in np.ravel(ours)] == [v.data for v in np.ravel(theirs)]


def test_an_mlp_comes_back_as_one() -> None:
    model = MLP(3, [5, 4, 2], activation="relu", output_activation="linear", seed=1)
    again = from_torch(to_torch(model))
    assert isinstance(again, MLP)
    assert again.state_dict() == model.state_dict()
    assert repr(again) == repr(model)


THERE = {
    "Linear": lambda nn: nn.Linear(2, 3),
    "MLP": lambda nn: nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Identity(), nn.Linear(3, 1)),
    "row": lambda nn: nn.Sequential(nn.ReLU(), nn.Linear(2, 3), nn.ReLU()),
}


@pytest.mark.parametrize("name", THERE)
def test_the_way_back_leaves_the_generator_of_the_user_alone(name: str) -> None:
    there = THERE[name](torch.nn)
    before = random.getstate()
    from_torch(there)
    assert random.getstate() == before


def test_numbers_of_float32_stay_what_they_are() -> None:
    there = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    model = from_torch(there)
    assert isinstance(model, MLP)
    assert model.layers[0].neurons[2].w[1].data == there[0].weight[2, 1].item()


def custom(v: Any) -> Any:
    return v.tanh() * 2.0


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


class OwnNeuron(Neuron):
    def forward(self, x: Any) -> Any:
        return super().forward(x) * 2.0


def with_own_neuron() -> Module:
    layer = Layer(2, 2, seed=1)
    layer.neurons[1] = OwnNeuron(2, seed=1)
    return layer


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (with_forward(MLP(2, [2]), lambda m: m), "MLP: it has a forward of its own"),
        (with_forward(MLP(2, [2]), lambda m: m.layers[0]), r"MLP\.layers\.0: it was changed"),
        (
            with_forward(MLP(2, [2]), lambda m: m.layers[0].neurons[1]),
            r"MLP\.layers\.0: it was changed",
        ),
        (with_own_neuron(), "Layer: it was changed"),
        (ragged(), "know Layer: it was changed"),
        (emptied(Sequential("relu")), "Sequential: it has a forward of its own, or no parts"),
        (sharing(share_bias), r"Sequential\.parts\.1: it uses a parameter that stands in two"),
        (sharing(detach_bias), r"Sequential\.parts\.1: it was changed"),
        (sharing(compute_bias), r"Sequential\.parts\.1: it was changed"),
        (tied_beside_a_spare(), "a parameter that stands in two places"),
        (AttentionHead(2, 2), "does not know AttentionHead.* It takes Neuron, Layer, MLP and"),
        (Sequential(Layer(2, 2), Own()), r"does not know Sequential\.parts\.1"),
        (MLP(2, [2], activation=custom), r"MLP\.layers\.0: it was changed, or has an act"),
        (MLP(2, [2], activation=tanh), r"MLP\.layers\.0: it was changed, or has an act"),
        (MLP(2, [2], activation="sin"), "its activation is sin"),
        (tied(), "a parameter that stands in two places"),
        (3, "takes a model of nn, not int 3"),
    ],
)
def test_what_cannot_cross_is_named(model: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
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


def complex_layer(nn: Any) -> Any:
    return nn.Linear(2, 2, dtype=torch.complex64)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (twice, "2: it uses a parameter that stands in two places"),
        (tied_there, "1: it uses a parameter that stands in two places"),
        (
            lambda nn: derived("Sequential", nn)(nn.Linear(2, 2)),
            "know Sequential: it is a Sequential of",
        ),
        (lambda nn: nn.Sequential(derived("Linear", nn)(2, 2)), "not know 0: it is a Linear of"),
        (
            lambda nn: nn.Sequential(nn.Linear(2, 2), derived("Tanh", nn)()),
            "know 1: it is a Tanh of",
        ),
        (lambda nn: derived("Identity", nn)(), "know Identity: it is an Identity of"),
        (
            lambda nn: nn.Softplus(threshold=5.0),
            r"it is a Softplus of .* threshold=5\.0.* settings of ours",
        ),
        (lambda nn: hooked(nn.Linear(2, 2), "register_forward_hook"), "Linear: it has hooks"),
        (lambda nn: hooked(nn.ReLU(), "register_forward_pre_hook"), "ReLU: it has hooks"),
        (
            lambda nn: hooked(nn.Sequential(nn.Linear(2, 2)), "register_forward_hook"),
            "Sequential: it has hooks",
        ),
        (parametrized, "it has hooks, parametrizations"),
        (
            lambda nn: nn.Sequential(with_own_forward(nn.Linear(2, 2))),
            "0: it has hooks, parametrizations or a forward",
        ),
        (complex_layer, "are no real numbers"),
        (lambda nn: nn.Linear(2, 2, device="meta"), "on the device meta"),
        (lambda nn: nn.Sequential(), "Sequential: it computes nothing"),
        (lambda nn: nn.Dropout(0.5), "know Dropout: it is a Dropout of"),
        (lambda nn: nn.Linear(2, 2, bias=False), "Linear with a bias"),
        (lambda nn: nn.Conv2d(1, 1, 1), "does not know Conv2d: it is a Conv2d of torch.nn"),
        (lambda nn: nn.Sequential(nn.Linear(2, 2), nn.LSTM(2, 2)), "does not know 1: it is a LSTM"),
        (
            lambda nn: nn.Sequential(nn.Linear(2, 2), nn.ELU(0.5)),
            r"know 1: it is an ELU of .*, ELU\(alpha=0\.5\)",
        ),
        (lambda nn: 3, "takes a torch.nn.Module, not int 3"),
    ],
)
def test_what_cannot_come_back_is_named(make: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        from_torch(make(torch.nn))


def test_an_activation_used_twice_stands_in_both_places() -> None:
    bend, layers = torch.nn.Tanh(), [torch.nn.Linear(2, 2).double() for _ in range(3)]
    there = torch.nn.Sequential(layers[0], bend, layers[1], bend, layers[2])
    model = from_torch(there)
    assert repr(model).startswith("MLP(2 → 2 → 2 → 2, tanh, linear output")
    expected = there(torch.tensor([[0.5, -1.0]], dtype=torch.float64))[0].tolist()
    np.testing.assert_allclose([v.data for v in model([0.5, -1.0])], expected, rtol=1e-12)


def test_softplus_as_pytorch_makes_it_comes_back() -> None:
    assert repr(from_torch(torch.nn.Softplus())) == "Sequential(softplus, 0 parameters)"
