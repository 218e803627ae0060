"""Initialisers: the spread of their papers, repeatable, and what zeros lead to."""

import math
import random

import numpy as np
import pytest

from glassgrad import MLP, SGD, Layer, Neuron, grad_vector
from glassgrad.nn.initialisers import INITIALISERS, Initialiser, he, normal, uniform, xavier

NIN, NOUT = 60, 240

# What draws the weights, their mean, their bound or None for a normal distribution, their standard
# deviation, and that of the bias.
SPREAD = {
    "uniform": (0.0, 1.0, 1 / math.sqrt(3), 1 / math.sqrt(3)),
    "normal": (0.0, None, 1.0, 0.0),
    "xavier": (0.0, math.sqrt(6 / 300), math.sqrt(2 / 300), 0.0),
    "he": (0.0, math.sqrt(6 / 60), math.sqrt(2 / 60), 0.0),
    "zeros": (0.0, 0.0, 0.0, 0.0),
    "torch": (0.0, 1 / math.sqrt(60), 1 / math.sqrt(180), 1 / math.sqrt(180)),
    uniform(2.0, 3.0): (2.5, 0.5, 1 / math.sqrt(12), 1 / math.sqrt(12)),
    uniform(0.5, 0.5): (0.5, 0.0, 0.0, 0.0),
    normal(5.0, 0.1): (5.0, None, 0.1, 0.0),
    xavier(5 / 3): (0.0, 5 / 3 * math.sqrt(6 / 300), 5 / 3 * math.sqrt(2 / 300), 0.0),
    he(1.0): (0.0, math.sqrt(3 / 60), math.sqrt(1 / 60), 0.0),
}


def weights_and_biases(layer):
    weights = np.array([[w.data for w in neuron.w] for neuron in layer.neurons])
    return weights, np.array([neuron.b.data for neuron in layer.neurons])


def test_there_is_a_row_for_every_name():
    assert list(SPREAD)[: len(INITIALISERS)] == list(INITIALISERS)


@pytest.mark.parametrize("init", SPREAD, ids=str)
def test_the_spread_of_a_large_layer(init):
    mean, bound, std, bias_std = SPREAD[init]
    weights, biases = weights_and_biases(Layer(NIN, NOUT, init=init, seed=1))
    count, centred = weights.size, weights - mean
    assert abs(centred.mean()) <= 4 * std / math.sqrt(count)
    assert weights.std() == pytest.approx(std, rel=4 / math.sqrt(count))
    assert biases.std() == pytest.approx(bias_std, rel=4 / math.sqrt(NOUT))
    if bound is not None:
        assert 0.999 * bound <= abs(centred).max() <= bound
        return
    # of a normal distribution 0.27 % lies beyond three deviations, of a uniform one nothing
    assert np.mean(abs(centred) > 3 * std) == pytest.approx(0.0027, abs=0.0015)


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
    assert INITIALISERS["xavier"].draw(2, seed=1)[0] == [w.data for w in alone.w]
    ratios = [a.data / b.data for a, b in zip(alone.w, among.w)]
    assert ratios == pytest.approx([math.sqrt((2 + 6) / (2 + 1))] * 2)


# Your own


def test_an_initialiser_of_your_own_is_told_the_sizes():
    seen = []

    def weight(generator, nin, nout):
        seen.append((nin, nout))
        return 0.5

    model = MLP(3, [2, 1], init=Initialiser("halves", weight, lambda g, nin, nout: 7.0))
    assert seen == [(3, 2)] * 6 + [(2, 1)] * 2
    assert {p.data for p in model.parameters()} == {0.5, 7.0}


REFUSED = [
    (lambda: Neuron(2, init="glorot"), ValueError, "'glorot'. Did you mean xavier?"),
    (lambda: Neuron(2, init="kaiming"), ValueError, "'kaiming'. Did you mean he?"),
    (lambda: Neuron(2, init="orthogonal"), ValueError,
     "There is no initialiser 'orthogonal'. Choose one of uniform, normal, xavier, he, "
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
    (lambda: Initialiser("x", 3.0), TypeError, "Initialiser(weight=...) is a function of a gen"),
    (lambda: Initialiser("x", abs, 2), TypeError, "Initialiser(bias=...) is a function of a gen"),
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
