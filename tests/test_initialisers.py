"""Initialisers: the spread of their papers, repeatable, and what zeros lead to."""

import math
import random

import numpy as np
import pytest

from glassgrad import MLP, SGD, Layer, Neuron, grad_vector
from glassgrad.nn.initialisers import (
    INITIALISERS,
    Initialiser,
    he,
    normal,
    torch_linear,
    uniform,
    xavier,
    zeros,
)

NIN, NOUT = 60, 240

# What draws the weights, its bound or None for a normal distribution, its standard deviation,
# and that of the bias.
SPREAD = {
    "uniform": (1.0, 1 / math.sqrt(3), 1 / math.sqrt(3)),
    "normal": (None, 1.0, 0.0),
    "xavier": (math.sqrt(6 / 300), math.sqrt(2 / 300), 0.0),
    "he": (math.sqrt(6 / 60), math.sqrt(2 / 60), 0.0),
    "zeros": (0.0, 0.0, 0.0),
    "torch": (1 / math.sqrt(60), 1 / math.sqrt(180), 1 / math.sqrt(180)),
}


def weights_and_biases(layer):
    weights = np.array([[w.data for w in neuron.w] for neuron in layer.neurons])
    return weights, np.array([neuron.b.data for neuron in layer.neurons])


def test_there_is_a_row_for_every_name():
    assert list(SPREAD) == list(INITIALISERS)


@pytest.mark.parametrize("name", SPREAD)
def test_the_spread_of_a_large_layer(name):
    bound, std, bias_std = SPREAD[name]
    weights, biases = weights_and_biases(Layer(NIN, NOUT, init=name, seed=1))
    count = weights.size
    assert abs(weights.mean()) <= 4 * std / math.sqrt(count)
    assert weights.std() == pytest.approx(std, rel=4 / math.sqrt(count))
    assert biases.std() == pytest.approx(bias_std, rel=4 / math.sqrt(NOUT))
    if bound is not None:
        assert 0.999 * bound <= abs(weights).max() <= bound
        return
    # of a normal distribution 0.27 % lies beyond three deviations, of a uniform one nothing
    assert np.mean(abs(weights) > 3 * std) == pytest.approx(0.0027, abs=0.0015)


PYTORCH = {
    "xavier": ("xavier_uniform_", {}),
    "he": ("kaiming_uniform_", {"nonlinearity": "relu"}),
    "uniform": ("uniform_", {"a": -1.0, "b": 1.0}),
    "normal": ("normal_", {}),
    "torch": (None, {}),
}


@pytest.mark.parametrize("name", PYTORCH)
@pytest.mark.needs("torch")
def test_the_spread_is_that_of_pytorch(name):
    import torch

    function, options = PYTORCH[name]
    torch.manual_seed(0)
    linear = torch.nn.Linear(NIN, NOUT, dtype=torch.float64)
    if function is not None:
        getattr(torch.nn.init, function)(linear.weight, **options)
    theirs = np.sort(linear.weight.detach().numpy().ravel())
    ours = np.sort(weights_and_biases(Layer(NIN, NOUT, init=name, seed=2))[0].ravel())
    # two samples of one distribution: the two-sample Kolmogorov-Smirnov distance
    both = np.concatenate([ours, theirs])
    shares = [np.searchsorted(each, both, side="right") / len(each) for each in (ours, theirs)]
    assert abs(shares[0] - shares[1]).max() < 1.95 * math.sqrt(2 / len(ours))  # p = 0.001
    if name == "torch":
        bias = linear.bias.detach().numpy()
        ours = weights_and_biases(Layer(NIN, NOUT, init=name, seed=2))[1]
        assert ours.std() == pytest.approx(bias.std(), rel=0.15)


# The numbers of the lecture


@pytest.mark.parametrize("options", [{}, {"init": "uniform"}, {"init": uniform(-1, 1)}])
def test_the_default_draws_the_numbers_of_the_lecture(options):
    source = random.Random(5)
    expected = [source.uniform(-1, 1) for _ in range(41)]
    assert [p.data for p in MLP(3, [4, 4, 1], seed=5, **options).parameters()] == expected
    random.seed(5)
    assert [p.data for p in MLP(3, [4, 4, 1], **options).parameters()] == expected


@pytest.mark.parametrize("name", INITIALISERS)
def test_a_seed_makes_all_numbers_repeatable(name):
    first, second, other = (
        [p.data for p in MLP(3, [4, 2], seed=seed, init=name).parameters()] for seed in (1, 1, 2)
    )
    assert first == second
    assert (first == other) == (name == "zeros")
    random.seed(3)
    from_global = [p.data for p in MLP(3, [4, 2], init=name).parameters()]
    assert from_global == [p.data for p in MLP(3, [4, 2], seed=3, init=name).parameters()]


def test_a_neuron_alone_has_a_fan_out_of_one():
    alone, among = (Neuron(2, init="xavier", seed=1, fan_out=n) for n in (1, 6))
    assert Neuron(2, init="xavier", seed=1).state_dict() == alone.state_dict()
    ratios = [a.data / b.data for a, b in zip(alone.w, among.w)]
    assert ratios == pytest.approx([math.sqrt((2 + 6) / (2 + 1))] * 2)


# Your own


@pytest.mark.parametrize(
    ("init", "mean", "std"),
    [
        (uniform(2.0, 3.0), 2.5, 1 / math.sqrt(12)), (normal(5.0, 0.1), 5.0, 0.1),
        (normal(1.0, 0.0), 1.0, 0.0), (xavier(5 / 3), 0.0, 5 / 3 * math.sqrt(2 / 300)),
        (he(1.0), 0.0, math.sqrt(1 / 60)),
        (zeros(), 0.0, 0.0),
        (torch_linear(), 0.0, 1 / math.sqrt(180)), (uniform(0.5, 0.5), 0.5, 0.0),
    ],
)  # fmt: skip
def test_functions_with_numbers_of_your_own(init, mean, std):
    weights, biases = weights_and_biases(Layer(NIN, NOUT, init=init, seed=4))
    assert weights.std() == pytest.approx(std, rel=0.05, abs=1e-12)
    assert weights.mean() == pytest.approx(mean, abs=4 * std / math.sqrt(weights.size))
    if init.name == "uniform":
        assert abs(biases - mean).max() <= abs(weights - mean).max() + 1e-3 <= 0.501


def test_an_initialiser_of_your_own_is_told_the_sizes():
    seen = []

    def weight(generator, nin, nout):
        seen.append((nin, nout))
        return 0.5

    model = MLP(3, [2, 1], init=Initialiser("halves", weight, lambda g, nin, nout: 7.0))
    assert seen == [(3, 2)] * 6 + [(2, 1)] * 2
    assert {p.data for p in model.parameters()} == {0.5, 7.0}


REFUSED = [
    (lambda: Neuron(2, init="glorot"), ValueError,
     "There is no initialiser 'glorot'. Choose one of uniform, normal, xavier, he, "
     "zeros, torch, or give an initialiser such as "
     "glassgrad.nn.initialisers.normal(0, 1)."),
    (lambda: Layer(2, 2, init=None), TypeError, "init is a name or an initialiser, not NoneType"),
    (lambda: MLP(2, [2], init=normal), TypeError,
     "init is a name or an initialiser, not function"),
    (lambda: Neuron(2, fan_out=0), ValueError, "Neuron(fan_out=...) is at least 1, not 0."),
    (lambda: uniform(1.0, -1.0), ValueError, "goes upwards: 1.0 is above -1.0."),
    (lambda: normal(0.0, -1.0), ValueError, "normal(std=...) takes 0 or a positive number"),
    (lambda: normal("0"), TypeError, "normal(mean=...) takes a real number, not str '0'."),
    (lambda: xavier(math.inf), ValueError, "xavier(gain=...) takes a finite number, not inf."),
    (lambda: he(-1.0), ValueError, "he(gain=...) takes 0 or a positive number, not -1.0."),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_a_refusal_says_what_to_write(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


# What zeros lead to


XS = [[2.0, 3.0], [3.0, -1.0], [0.5, 1.0], [1.0, -1.0]]
YS = [1.0, -1.0, -1.0, 1.0]


def trained(model, steps=50):
    """The parameters after each step of a training."""
    optimiser = SGD(model.parameters(), learning_rate=0.05)
    for _ in range(steps):
        loss = sum((model(x) - y) ** 2 for x, y in zip(XS, YS))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        yield model


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_hidden_units_that_begin_as_zeros_stay_equal_for_ever(activation):
    model = MLP(2, [4, 3, 1], activation=activation, init="zeros")
    for after in trained(model):
        for layer in after.layers[:-1]:
            first, *others = [[p.data for p in neuron.parameters()] for neuron in layer.neurons]
            assert others == [first] * len(others)
    hidden = model.layers[0].neurons[0]
    assert any(p.data for p in hidden.parameters()) == (activation == "sigmoid")


def test_hidden_units_that_begin_differently_do_not_become_equal():
    *_, model = trained(MLP(2, [4, 1], init="xavier", seed=0))
    assert len({neuron.b.data for neuron in model.layers[0].neurons}) == 4


def test_a_relu_network_of_zeros_moves_nothing_but_the_last_bias():
    ys = [1.0, -1.0, -1.0, 1.5]
    model = MLP(2, [4, 1], activation="relu", output_activation="linear", init="zeros")
    loss = sum((model(x) - y) ** 2 for x, y in zip(XS, ys))
    loss.backward()
    last = model.layers[-1].neurons[0].b
    assert last.grad == -1.0
    assert grad_vector([p for p in model.parameters() if p is not last]).tolist() == [0.0] * 16
    for after in trained(MLP(2, [4, 4, 1], activation="relu", init="zeros")):
        assert not any(p.data for p in after.parameters())
