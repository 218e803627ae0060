"""The bridge: the same network in PyTorch, to the last digits, and back; SciPy by one array."""

from typing import Any

import numpy as np
import pytest

from engine import assign, compiled, data_vector, grad_vector
from nn import (
    MLP,
    AttentionHead,
    Dropout,
    Embedding,
    Layer,
    LayerNorm,
    Module,
    Neuron,
    RMSNorm,
    Sequential,
    from_torch,
    mse,
    sine,
    to_torch,
)
from nn.bridge import _MODULES
from nn.training.samples import plain


def torch_here() -> Any:
    return pytest.importorskip("torch")


def chain(*parts: Any) -> Sequential:
    return Sequential(Layer(3, 5, activation="tanh", seed=1), *parts, Layer(5, 2, seed=2))


MODELS = {
    "neuron": lambda: Neuron(3, seed=1),
    "layer": lambda: Layer(3, 4, seed=1),
    "MLP": lambda: MLP(3, [5, 4, 2], activation="relu", output_activation="linear", seed=1),
    "MLP of one activation": lambda: MLP(3, [5, 1], activation="sigmoid", seed=1),
    "chain": chain,
    "layer norm": lambda: chain(LayerNorm(5)),
    "RMS norm": lambda: chain(RMSNorm(5)),
    "nested": lambda: chain(Sequential("gelu", LayerNorm(5, eps=1e-3)), "silu"),
    "dropout in use": lambda: chain(Dropout(0.5)).eval(),
    **{
        name: (lambda name=name: MLP(3, [4, 4, 2], activation=name, init="xavier", seed=3))
        for name in _MODULES
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
    torch = torch_here()
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
    torch_here()
    model = shaken(MODELS[name]())
    again = from_torch(to_torch(model))
    assert list(again.state_dict().values()) == list(model.state_dict().values())
    assert again.training == model.training
    samples = np.random.default_rng(2).normal(size=(4, 3))
    for sample in samples:
        ours, theirs = model(sample), again(sample)
        assert [v.data for v in np.ravel(ours)] == [v.data for v in np.ravel(theirs)]


def test_an_mlp_comes_back_as_one() -> None:
    torch_here()
    model = MLP(3, [5, 4, 2], activation="relu", output_activation="linear", seed=1)
    again = from_torch(to_torch(model))
    assert isinstance(again, MLP)
    assert again.state_dict() == model.state_dict()
    assert repr(again) == repr(model)


def test_an_embedding_takes_tokens() -> None:
    torch = torch_here()
    model = Sequential(Embedding(7, 4, seed=1), Layer(4, 2, seed=2))
    there = to_torch(model)
    for token in range(7):
        expected = there(torch.tensor([token]))[0].tolist()
        np.testing.assert_allclose([v.data for v in model(token)], expected, rtol=1e-13)
    assert from_torch(there).state_dict() == model.state_dict()


def test_numbers_of_float32_stay_what_they_are() -> None:
    torch = torch_here()
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


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (AttentionHead(2, 2), "does not know AttentionHead"),
        (Sequential(Layer(2, 2), Own()), r"does not know Sequential\.parts\.1"),
        (MLP(2, [2], activation=custom), r"the activation custom of MLP\.layers\.0"),
        (MLP(2, [2], activation=tanh), r"the activation tanh of MLP\.layers\.0"),
        (MLP(2, [2], activation="sin"), "the activation sin"),
        (tied(), "uses a parameter in two places"),
        (3, "takes a model of nn, not int 3"),
    ],
)
def test_what_cannot_cross_is_named(model: Any, message: str) -> None:
    torch_here()
    with pytest.raises(TypeError, match=message):
        to_torch(model)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda nn: nn.Conv2d(1, 1, 1), "does not know Conv2d, a Conv2d"),
        (lambda nn: nn.Sequential(nn.Linear(2, 2), nn.LSTM(2, 2)), "does not know 1, a LSTM"),
        (lambda nn: nn.Sequential(nn.Linear(2, 2), nn.ELU(0.5)), r"does not know 1 with these"),
        (lambda nn: nn.LayerNorm(3, elementwise_affine=False), "with gains and biases"),
        (lambda nn: nn.LayerNorm((3, 2)), "over one axis"),
        (lambda nn: nn.Embedding(3, 2, padding_idx=0), "without padding_idx"),
        (lambda nn: 3, "takes a torch.nn.Module, not int 3"),
    ],
)
def test_what_cannot_come_back_is_named(make: Any, message: str) -> None:
    torch = torch_here()
    with pytest.raises(TypeError, match=message):
        from_torch(make(torch.nn))


def test_scipy_drives_a_model() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    X, y = sine(60)
    model = MLP(1, [8, 1], output_activation="linear", init="xavier", seed=0)
    parameters = model.parameters()
    loss = compiled(lambda x, target: mse(model(x), target)).value_and_grad(parameters)
    before = loss(data_vector(parameters), X, y)[0]
    found = optimize.minimize(
        loss, data_vector(parameters), args=(X, y), jac=True, method="L-BFGS-B"
    )
    assign(parameters, found.x)
    after = np.mean([mse(model(x), plain(t)).data for x, t in zip(X, y)])
    assert after == pytest.approx(found.fun, rel=1e-9)
    assert after < 0.1 * before
