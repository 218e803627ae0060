"""The modules around the MLP: PyTorch's numbers and gradients, compiled, drawn, and refusals."""

import copy
import itertools
import logging
import math
import pickle
import random
import re
import sys
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from glassgrad import (
    INITIALISERS,
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
    Sequential,
    Value,
    assign,
    compiled,
    cross_entropy,
    data_vector,
    draw,
    fit,
    grad,
    grad_vector,
    linear,
    mse,
    predict,
    softmax,
    tanh,
)
from glassgrad.engine.compile.guards import Search
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.tree import leaves_of, like
from glassgrad.nn.layers import Elementwise, noise_from

INF, NAN = math.inf, math.nan


def close(found, expected, tolerance=1e-12):
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * 1e-2)


def numbers_of(nested):
    return [v.data for v in leaves_of(nested)]


def perturbed(module, seed=0):
    """The module with parameters that hide nothing, as a gain of 1 and a bias of 0 would."""
    parameters = module.parameters()
    assign(parameters, np.random.default_rng(seed).normal(size=len(parameters)))
    return module


def loss_of(result):
    """A number in which no two outputs count alike."""
    leaves = leaves_of(result)
    total = 0.3 * leaves[0]
    for i, v in enumerate(leaves[1:], start=1):
        total = total + math.cos(i) * v + 0.1 * v * v
    return total


# PyTorch: a module, its input, and the same of PyTorch as a function of it, of the parameters in
# a row, and of the input as a tensor.


def attention_of_torch(causal):
    def of(torch, p, x):
        queries, keys, values = (w.reshape(3, 2) for w in p.split(6))
        attention = torch.nn.functional.scaled_dot_product_attention
        return attention(x @ queries.T, x @ keys.T, x @ values.T, is_causal=causal)

    return of


class Softmax(Module):
    def forward(self, x):
        return softmax(x)


def sequential_of_torch(torch, p, x):
    w, b, v = p[:12].reshape(4, 3)[:, :2], p[:12].reshape(4, 3)[:, 2], p[12:].reshape(3, 5)
    hidden = torch.relu(w @ x + b)
    return torch.softmax(v[:, :4] @ hidden + v[:, 4], 0)


def embedding_of_torch(torch, p, _):
    return torch.nn.functional.embedding(torch.tensor([2, 0, 2]), p.reshape(4, 3))


X = [[0.5, -1.5], [2.0, 0.25], [-0.75, 1.0], [0.1, 0.2]]
TORCH = {
    "LayerNorm": (
        lambda: LayerNorm(4), [1.0, -2.0, 0.5, 3.0],
        lambda torch, p, x: torch.nn.functional.layer_norm(x, (4,), p[:4], p[4:]),
    ),
    "LayerNorm of equals": (
        lambda: LayerNorm(3), [5.0, 5.0, 5.0],
        lambda torch, p, x: torch.nn.functional.layer_norm(x, (3,), p[:3], p[3:]),
    ),
    "LayerNorm with eps": (
        lambda: LayerNorm(3, eps=0.5), [1e-3, 2.0, 1e3],
        lambda torch, p, x: torch.nn.functional.layer_norm(x, (3,), p[:3], p[3:], 0.5),
    ),
    "Embedding": (lambda: Embedding(4, 3), [2, 0, 2], embedding_of_torch),
    "AttentionHead, causal": (lambda: AttentionHead(2, 3), X, attention_of_torch(True)),
    "AttentionHead": (lambda: AttentionHead(2, 3, causal=False), X, attention_of_torch(False)),
    "Projection": (
        lambda: Projection(2, 3), X[0], lambda torch, p, x: p.reshape(3, 2) @ x,
    ),
    "Sequential": (
        lambda: Sequential(Layer(2, 4, activation=None), "relu", Layer(4, 3, activation=None),
                           Softmax()),
        X[0], sequential_of_torch,
    ),
}  # fmt: skip


def called(model, x):
    return model(x)


def arguments(title, x):
    """The input as Values that are leaves; the tokens of an embedding are plain."""
    return x if title == "Embedding" else like(x, map(Value, leaves_of(x)))


@pytest.mark.parametrize("title", TORCH)
@pytest.mark.needs("torch")
def test_numbers_and_gradients_are_those_of_pytorch(title):
    import torch

    make, x, theirs = TORCH[title]
    model = perturbed(make())
    parameters, given = model.parameters(), arguments(title, x)
    result = called(model, given)
    loss_of(result).backward()
    p = torch.tensor(data_vector(parameters), requires_grad=True)
    tensor = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    expected = theirs(torch, p, tensor)
    loss_of(list(expected.ravel())).backward()
    close(numbers_of(result), expected.detach().numpy().ravel())
    close(grad_vector(parameters), p.grad.numpy())
    if title != "Embedding":
        close(grad_vector(leaves_of(given)), tensor.grad.numpy().ravel())


@pytest.mark.parametrize("title", TORCH)
def test_compiled_is_eager(title):
    make, x, _ = TORCH[title]
    model = perturbed(make())
    parameters = model.parameters()
    loss = compiled(lambda x: loss_of(called(model, x)))
    eager = loss_of(called(model, x))
    expected = grad(eager, parameters)
    for _ in range(2):
        found = loss(x)
        close(found.data, eager.data)
        close(grad(found, parameters), expected)
    samples = [x, like(x, iter([(v + 1) % 4 for v in leaves_of(x)]))]
    total = loss.over(samples, reduction="sum")
    eager = loss_of(called(model, samples[0])) + loss_of(called(model, samples[1]))
    close(total.data, eager.data)
    close(grad(total, parameters), grad(eager, parameters))


@pytest.mark.parametrize("kind", [Embedding, AttentionHead, Projection])
def test_a_seed_makes_the_numbers_repeatable(kind):
    first = kind(2, 3, seed=1).state_dict()
    assert len({*first.values()}) == len(first)
    assert kind(2, 3, seed=1).state_dict() == first != kind(2, 3, seed=2).state_dict()
    random.seed(1)
    assert kind(2, 3).state_dict() == first
    assert not any(kind(2, 3, init="zeros").state_dict().values())


# Sequential


def test_parts_in_a_row():
    layer = Layer(3, 3, seed=1)
    model = Sequential(MLP(2, [3], seed=0), "tanh", tanh, layer, linear, layer)
    x = [0.5, -1.0]
    hidden = [v.tanh().tanh() for v in model[0](x)]
    assert numbers_of(model[:3](x)) == [v.data for v in hidden]
    assert numbers_of(model(x)) == numbers_of(layer(layer(hidden)))
    assert [type(part) for part in model[1:]] == [Elementwise] * 2 + [Layer, Elementwise, Layer]
    assert (len(model), model[-1] is model.parts[3] is layer) == (6, True)
    assert len(model.parameters()) == 9 + 12, "a part used twice is one"
    assert repr(model[1:3]) == "Sequential(tanh → tanh, 0 parameters)"
    with pytest.raises(IndexError):
        model[6]


def test_an_activation_takes_numbers_and_nested_lists():
    bend = Elementwise("relu")
    assert bend(-1).data == 0.0
    assert [[v.data for v in row] for row in bend([[-1, 2], [3.0, -4.0]])] == [[0, 2], [3, 0]]
    assert [v.data for v in bend(np.array([-1.0, 2.0]))] == [0.0, 2.0]
    assert isinstance(bend(Value(1.0)), Value)


# Dropout


def test_dropout_leaves_numbers_out_and_keeps_the_mean():
    dropout = Dropout(0.3, seed=0)
    kept = np.array(numbers_of(dropout([2.0] * 20_000)))
    assert set(kept) == {0.0, 2.0 / 0.7}
    assert np.mean(kept == 0.0) == pytest.approx(0.3, abs=0.015)
    assert kept.mean() == pytest.approx(2.0, rel=0.02)


def test_dropout_of_the_same_seed_leaves_out_the_same():
    x = [1.0] * 20
    first, second = Dropout(0.5, seed=3), Dropout(0.5, seed=3)
    calls = [numbers_of(first(x)) for _ in range(3)]
    assert calls == [numbers_of(second(x)) for _ in range(3)]
    assert calls[0] != calls[1]
    random.seed(3)
    assert numbers_of(Dropout(0.5)(x)) == calls[0]


def test_dropout_of_rate_zero_is_nothing_and_draws_nothing():
    assert numbers_of(Dropout(0.0)([1.0, 2.0])) == [1.0, 2.0]
    for dropout, count in ((Dropout(0.0), 0), (Dropout(0.5), 3), (Dropout(0.5).eval(), 0)):
        with noise_from(None) as noise:
            dropout([1.0, [2.0, 3.0]])
        assert noise.taken == count


def test_dropout_compiled_takes_its_chances_as_an_argument():
    model = Sequential(Layer(2, 4, seed=0), Dropout(0.5), Layer(4, 1, seed=1))
    x = [0.5, -1.0]

    @compiled
    def trained(x, chances):
        with noise_from(chances):
            return model(x)

    generator = np.random.default_rng(0)
    rows = generator.random((6, 4))
    for row in rows:
        with noise_from(row.tolist()):
            close(trained(x, row).data, model(x).data)
    mean = trained.over([x] * 6, rows)
    assert mean.data == pytest.approx(np.mean([trained(x, row).data for row in rows]))
    assert len({trained(x, row).data for row in rows}) > 1

    alone = compiled(model)
    with pytest.raises(CompilationError, match=r"Call model\.eval"):
        alone(x)
    model.eval()
    close(alone(x).data, model[2](model[0](x)).data)


def test_dropout_travels_with_its_generator():
    dropout = Dropout(0.5, seed=1)
    dropout([1.0] * 5)
    again = pickle.loads(pickle.dumps(dropout))
    assert numbers_of(again([1.0] * 20)) == numbers_of(dropout([1.0] * 20))
    assert dropout.state_dict() == {}


# Norms


def test_a_norm_without_eps_of_equals_is_not_a_number_as_in_pytorch():
    assert all(math.isnan(v.data) for v in LayerNorm(2, eps=0.0)([1.0, 1.0]))


@pytest.mark.parametrize("run", [lambda f: f, compiled])
def test_a_norm_of_numbers_whose_squares_overflow_is_nan_and_not_0(run):
    model = LayerNorm(3)
    function = run(lambda *numbers: model(list(numbers))[0])
    values = [Value(1e200), Value(2e200), Value(-1e200)]
    found = function(*values)
    assert all(map(math.isnan, [found.data, *grad(found, values)]))
    assert function(1e150, 2e150, -1e150).data == pytest.approx(function(1.0, 2.0, -1.0).data, 1e-4)


# Embedding


def test_sizes_are_those_of_the_weights_also_where_these_were_changed():
    table, norm, head = Embedding(2, 3), LayerNorm(3), AttentionHead(3, 2)
    table.rows.append([Value(1.0), Value(2.0), Value(3.0)])
    del norm.gain[2], norm.bias[2]
    for part in (head.queries, head.keys, head.values):
        part.w.append([Value(0.0)] * 3)
    assert (table.count, norm.size, head.size) == (3, 2, 3)
    assert repr(norm) == "LayerNorm(2, 4 parameters)"
    assert len(table(2)) == 3
    assert len(norm([1.0, 2.0])) == 2

    class Drawn(Projection):
        def __init__(self, w):
            self.w = w

    assert repr(Drawn([[Value(1.0), Value(2.0)]])) == "Drawn(2 → 1, 2 parameters)"


def test_a_token_takes_its_row():
    table = Embedding(4, 3, seed=0)
    assert all(v is w for v, w in zip(table(2), table.rows[2]))
    for token in (2.0, np.int64(2), np.array(2)):
        assert table(token) == table.rows[2]
    assert table([2, (0, 1)]) == [table.rows[2], [table.rows[0], table.rows[1]]]
    assert table(np.array([[2], [0]])) == [[table.rows[2]], [table.rows[0]]]
    table(1).clear()  # a copy
    assert len(table.rows[1]) == 3


def test_a_token_that_is_a_value_gives_the_same_numbers_and_gradients():
    table = Embedding(4, 3, seed=0)
    for token in range(4):
        plain, chosen = table(token), table(Value(token))
        assert numbers_of(plain) == numbers_of(chosen)
        gradients = []
        for row in (plain, chosen):
            table.zero_grad()
            loss_of(row).backward()
            gradients.append(grad_vector(table.parameters()).tolist())
        assert gradients[0] == gradients[1]
    for wrong in (4.0, -1.0, 0.5, NAN):
        assert all(math.isnan(v.data) for v in table(Value(wrong)))


@pytest.mark.parametrize("broken", [NAN, INF])
def test_a_broken_number_of_the_table_breaks_its_place_for_a_value(broken):
    table = Embedding(4, 3, seed=0)
    table.rows[1][2].data = broken
    assert numbers_of(table(0)) == [v.data for v in table.rows[0]]
    for chosen in (table(Value(0)), compiled(lambda token: table(token)[2])(0)):
        assert math.isnan(numbers_of(chosen)[-1])
    assert numbers_of(table(Value(0)))[:2] == numbers_of(table(0))[:2]


def test_one_recording_serves_all_tokens_and_classes():
    table, head = Embedding(5, 2, seed=0), Layer(2, 5, activation=None, seed=1)
    recorded = []

    def loss(token, following):
        recorded.append("once more")
        return cross_entropy(head(table(token)), following)

    loss = compiled(loss, audit=False)
    tokens = [0, 3, 2, 4, 1, 3]
    pairs = list(itertools.pairwise(tokens))
    eager = [cross_entropy(head(table(a)), b) for a, b in pairs]
    close([loss(a, b).data for a, b in pairs], [v.data for v in eager])
    parameters = [*table.parameters(), *head.parameters()]
    total = loss.over(tokens[:-1], tokens[1:], reduction="sum")
    close(grad(total, parameters), grad(sum(eager), parameters))
    assert len(recorded) <= 2
    assert "products of matrices" in loss.report()  # the rows are chosen by one, too
    assert all(math.isnan(loss(*pair).data) for pair in ((5, 0), (-1, 0), (0, 5)))


# Attention


def test_a_causal_head_does_not_look_ahead():
    head = AttentionHead(2, 3, seed=0)
    before = head(X)
    changed = [*X[:2], [9.0, 9.0], [-9.0, 9.0]]
    after = head(changed)
    assert numbers_of(after[:2]) == numbers_of(before[:2])
    assert numbers_of(after[2]) != numbers_of(before[2])
    free = AttentionHead(2, 3, causal=False, seed=0)
    assert numbers_of(free(changed)[0]) != numbers_of(free(X)[0])
    assert numbers_of(free(X)[-1]) == numbers_of(before[-1])


# Perceptron

CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize("answers", [[0, 0, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 1, 0]])
@pytest.mark.parametrize("init", ["uniform", "zeros"])
def test_a_perceptron_learns_what_a_line_separates(answers, init):
    gate = Perceptron(2, seed=0, init=init)
    mistakes = gate.learn_all(CORNERS, answers)
    assert 0 not in mistakes[:-1]
    if answers == [0, 1, 1, 0]:  # XOR
        assert len(mistakes) == 100
        assert mistakes[-1] >= 1
    else:
        assert mistakes[-1] == 0
        assert [gate(x).data for x in CORNERS] == answers


def test_a_mistake_moves_the_weights_by_the_input():
    machine = Perceptron(2, init="zeros")
    assert machine.learn([2.0, -1.0], 1, rate=0.5) == 1.0
    assert machine.state_dict() == {"w.0": 1.0, "w.1": -0.5, "b": 0.5}
    assert machine.learn([2.0, -1.0], True) == 0.0
    assert machine.learn([2.0, -1.0], 0) == -1.0
    assert machine.state_dict() == {"w.0": -1.0, "w.1": 0.5, "b": -0.5}


def test_a_step_has_no_gradient():
    machine = Perceptron(2, seed=0)
    ((machine([1.0, 2.0]) - 5.0) ** 2).backward()
    assert not any(p.grad for p in machine.parameters())
    assert isinstance(machine, Neuron)
    assert "Perceptron" in draw(machine([1.0, 2.0])).dot


def test_what_is_refused_moves_nothing():
    machine = Perceptron(2, init="zeros")
    with pytest.raises(ValueError, match="answers 0 and 1, not -1"):
        machine.learn_all(CORNERS, [1, 1, 1, -1])
    assert not any(machine.state_dict().values())


@pytest.mark.parametrize("learn", [
    lambda machine: machine.learn([1, 0], 1),
    lambda machine: machine.learn_all(CORNERS, [0, 1, 1, 1]),
])  # fmt: skip
@pytest.mark.parametrize("broken", [NAN, INF])
def test_nothing_is_learned_of_nan(learn, broken):
    machine = Perceptron(2, init="zeros")
    machine.w[0].data = broken
    with pytest.raises(ValueError, match="has weights that are nan or infinite, of which nothing"):
        learn(machine)
    assert [v.data for v in machine.parameters()[1:]] == [0.0, 0.0]


# Refusals


class Optional(Module):
    def forward(self, x, *, scale=1.0):
        return x[0] * scale


REFUSED = [
    (Sequential, ValueError, "Sequential(...) of nothing computes nothing"),
    (lambda: Sequential(Layer), TypeError, "is no class. Write Layer(...)."),
    (lambda: Sequential([Layer(1, 1)]), TypeError, "Write parts one by one, Sequential(*parts)"),
    (lambda: Sequential(sum), TypeError, "and for a function a class derived from Module."),
    (lambda: Sequential(None), TypeError, "or the name of an activation, not NoneType None."),
    (lambda: Layer(1, 1, activation=np.array([1, 2])), TypeError,
     "Neuron(activation=...) is a name, a function of a Value, or None, not array([1, 2])."),
    (lambda: Optional()(1, 2.5), TypeError, "not one by one: give it a list, [1, 2.5]."),
    (lambda: Sequential("relu")("ab"), TypeError, "Elementwise takes Values and real numbers, not"),
    (lambda: Dropout(1.0), ValueError,
     "Dropout(rate=...) takes a number below 1, not 1.0."),
    (lambda: Dropout(-0.1), ValueError, "takes 0 or a positive number, not -0.1."),
    (lambda: Dropout(0.5)([None]), TypeError, "Dropout takes Values and real numbers, not None"),
    (lambda: LayerNorm(2, eps=-1), ValueError, "LayerNorm(eps=...) takes 0 or a positive number,"),
    (lambda: Embedding(4, 3)(4), IndexError, "Embedding(4 × 3) takes a token from 0 to 3, not 4."),
    *((lambda x=x: Embedding(4, 3)(x), IndexError, f"takes a token from 0 to 3, not {x}.")
      for x in (-1, 0.5, NAN)),
    (lambda: Embedding(4, 3)(True), TypeError, "not True. Write int(y) for a bool y."),
    (lambda: Embedding(4, 3)("a"), TypeError, "takes a token from 0 to 3, not 'a'. Give a whole"),
    (lambda: AttentionHead(2, 3, causal="false"), TypeError,
     "AttentionHead(causal=...) is True or False, not 'false'."),
    *((lambda x=x: AttentionHead(2, 3)(x), TypeError, "takes a sequence of vectors, not ")
      for x in ({(1.0, 2.0)}, np.array(1.0), "ab", 5.0)),
    *((lambda x=x: AttentionHead(2, 3)(x), ValueError, "at least one: a list of lists")
      for x in ([], [1.0, 2.0])),
    (lambda: Perceptron(2).learn([1, 2], -1), ValueError,
     "A perceptron learns the answers 0 and 1, not -1. For labels -1 and 1 write (y + 1) / 2."),
    (lambda: Perceptron(2).learn([1, 2], 0.5), ValueError, "the answers 0 and 1, not 0.5."),
    (lambda: Perceptron(2).learn([1, NAN], 1), ValueError, "from finite inputs, not from nan"),
    (lambda: Perceptron(2).learn([1, 2], 1, rate=0), ValueError,
     "Perceptron.learn(rate=...) takes a positive number, not 0.0."),
    (lambda: Perceptron(2).learn_all(5, [1]), TypeError, "learn_all(X=...) takes a seq"),
    (lambda: Perceptron(2).learn_all(CORNERS, 1), TypeError, "learn_all(y=...) takes a seq"),
    (lambda: INITIALISERS["he"].draw(-1), ValueError, "draw(nin=...) is at least 1, not -1."),
    (lambda: INITIALISERS["he"].draw(1, 0), ValueError, "draw(nout=...) is at least 1, not 0."),
    (lambda: Perceptron(2).learn_all([], []), ValueError, "one answer for each sample, at least"),
    (lambda: Perceptron(2).learn_all(CORNERS, [1] * 4, epochs=0), ValueError, "is at least 1"),
]  # fmt: skip


def having(**attributes):
    """A neuron with other attributes, one of them perhaps of its weights."""
    neuron = Neuron(1)
    for name, thing in attributes.items():
        setattr(neuron, name, thing)
    return neuron


def with_number(layer):
    """A layer with a plain number among the weights of its first neuron."""
    layer.neurons[0].w[0] = 0.5
    return layer


class Forgetful(Module):
    def forward(self, x):
        Layer(2, 1)(x)


UNREAD = [
    (lambda: mse(Forgetful()([1, 2]), 1), TypeError, "mse(...) got None: does the forward before"),
    (lambda: Sequential(Forgetful(), Layer(1, 1))([1, 2]), TypeError, "Layer got None: does the"),
    *((lambda call=call: call(MLP(2, [1])), ValueError, "takes 2 inputs, not 1. A sample is a list "
       "of them, and one among samples, as predict takes, [sample].")
      for call in (lambda m: predict(m, [1.0, 2.0]), lambda m: fit(m, mse, [1.0, 2.0], [0, 1]))),
    (lambda: fit(MLP(2, [1]), mse, zip([[1, 2]], [1]), None), TypeError,
     "takes y, the targets, not None; of pairs write X, y = zip(*pairs)."),
    *((lambda name=name: fit(MLP(2, [1]), mse, CORNERS, [1] * 4, **{name: 0.1}), TypeError,
       f"fit has no argument {name}. Did you mean optimiser={meant}")
      for name, meant in (("lr", "Adam("), ("learning_rate", "Adam(model.parameters(), 0.1)?"),
                          ("momentum", "SGD("), ("weight_decay", "AdamW("))),
    *((make, TypeError, f"has no argument {name}. Did you mean {meant}?") for make, name, meant in (
        (lambda: Layer(in_features=2, out_features=3), "in_features", "nin"),
        (lambda: Layer(2, out_features=3), "out_features", "nout"),
        (lambda: Neuron(2, nonlin=False), "nonlin", "activation='relu' or 'linear'"),
        (lambda: Embedding(num_embeddings=3, embedding_dim=2), "num_embeddings", "count"),
        (lambda: Embedding(3, embedding_dim=2), "embedding_dim", "size"),
        (lambda: LayerNorm(normalized_shape=3), "normalized_shape", "size"),
        (lambda: Dropout(p=0.5), "p", "rate"),
    )),
    *((lambda name=name: setattr(MLP(2, [1]), name, "relu"), AttributeError,
       f"MLP.{name} decides nothing once one is made: give it there, MLP(..., {name}=...), or set")
      for name in ("activation", "output_activation")),
    (lambda: setattr(MLP(2, [1]), "nin", 3), AttributeError, "MLP(..., nin=...)."),
    (lambda: setattr(Layer(2, 1), "init", "he"), AttributeError, "Layer.init decides nothing once"),
    (lambda: setattr(Sequential("relu"), "activation", "tanh"), AttributeError,
     "Sequential.activation decides nothing once one is made: set that of a Layer or Neuron in"),
    (lambda: having(b=3), TypeError, "Neuron.b is for parameters, and int 3 there would not be "
     "trained: .b.data = 3 gives it another number."),
    *((lambda w=w: having(w=w), TypeError, "assign(parameters, numbers) gives them other numbers.")
      for w in ([0.5], (0.5,), np.array([0.5]), [Value(1.0), 0.5])),
    (lambda: setattr(Embedding(2, 1), "rows", [[1.0], [2.0]]), TypeError, "Embedding.rows is"),
    (lambda: setattr(Dropout(0.5), "rate", 2.0), ValueError, "Dropout.rate takes a number below 1"),
    (lambda: setattr(Dropout(0.5), "rate", "0.5"), TypeError, "Dropout.rate takes a real number"),
    (lambda: setattr(LayerNorm(2), "eps", -1.0), ValueError, "LayerNorm.eps takes 0 or a positive"),
    (lambda: setattr(AttentionHead(2, 3), "causal", "no"), TypeError, "AttentionHead.causal is T"),
    (lambda: setattr(Sequential("relu")[0], "activation", 3), TypeError, "Elementwise.activation"),
    *((lambda kind=kind: setattr(kind(), "training", "no"), TypeError,
       f"{kind.__name__}.training is True or False, not 'no'.") for kind in (Forgetful, Optional)),
    (lambda: with_number(Layer(1, 2)).parameters(), ValueError,
     "neurons.0.w.0 of Layer is the plain number 0.5, where a parameter belongs: put Value(0.5)"),
    (lambda: with_number(Layer(2, 1)).zero_grad(), ValueError, "neurons.0.w.0 of Layer is the pla"),
    (lambda: fit(with_number(Layer(2, 1)), mse, CORNERS, [1] * 4), ValueError, "the plain number"),
    *((lambda name=name: getattr(MLP(2, [1]), name), AttributeError, f"MLP has no {name}. {said}")
      for name, said in (
        ("fit", "Write fit(model, loss, X, y)"), ("predict", "Write predict(model, X)"),
        ("to", "Its numbers are Python floats"), ("cuda", "Its numbers are Python floats"),
        ("requires_grad_", "Write model.freeze()"), ("children", "Its parts are its attributes"),
        ("weight", "Write model.parameters()"), ("compile", "fit compiles by itself"),
        ("register_parameter", "Assign it to an attribute"), ("backward", "Write loss.backward()"),
        ("step", "Write optimiser.step()"), ("count_params", "Write len(model.parameters())"),
        ("summary", "Write print(model)."),
    )),
]  # fmt: skip


def test_rows_that_were_made_unequal_by_hand_are_not_cut_to_the_shortest():
    norm, letters = LayerNorm(2), Embedding(2, 2, seed=0)
    norm.bias, letters.rows[1] = [Value(0.0)], [Value(1.0)]
    for call in (lambda: norm([1.0, 2.0]), lambda: letters(Value(1.0))):
        with pytest.raises(ValueError, match="shorter than"):
            call()


class Free(Layer):
    """A class of the user's own, which reads what is set."""

    def children(self):
        return self.neurons


def test_a_class_of_ones_own_may_set_and_have_what_it_likes():
    free, note = Free(2, 1), MLP(2, [1])
    for name in ("seed", "init", "activaton", "fit", "predict", "weight"):
        setattr(free, name, 3)
        assert getattr(free, name) == 3
    assert len(free.children()) == 1
    note.remark = note.fit = "the first"  # nothing of its own is meant
    assert (note.remark, note.fit) == ("the first", "the first")
    assert "children" in dir(free)
    assert not {"children", "predict", "cuda"} & set(dir(note))


SIZES = {
    Neuron: ["nin", "fan_out"], Layer: ["nin", "nout"], Perceptron: ["nin"], LayerNorm: ["size"],
    Projection: ["nin", "nout"], Embedding: ["count", "size"],
    AttentionHead: ["nin", "size"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name"), [(k, name) for k, names in SIZES.items() for name in names]
)
def test_a_size_is_a_whole_number_of_1_or_more(kind, name):
    sizes = dict.fromkeys(SIZES[kind], 2)
    role = re.escape(f"{kind.__name__}({name}=...)")
    for size, error in ((0, ValueError), (2.0, TypeError), (True, TypeError)):
        with pytest.raises(error, match=role):
            kind(**{**sizes, name: size})


@pytest.mark.parametrize(("call", "error", "message"), REFUSED + UNREAD)
def test_a_refusal_says_what_to_write(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


def test_noise_that_a_recording_would_repeat_is_refused() -> None:
    dropout = Dropout(0.5)
    leaves_out = compiled(dropout)
    with noise_from([0.1]), pytest.raises(CompilationError, match="would repeat those"):
        leaves_out(1.0)
    with pytest.raises(CompilationError, match="would repeat those"), noise_from(None):
        leaves_out(1.0)


def test_what_libraries_name_is_not_looked_through() -> None:
    """It leads to all that is imported in the end: the search took minutes beside PyTorch."""

    def loss(x: Any) -> Any:
        logging.getLogger("data").info(sys.modules["values"].config.shape)
        with pytest.raises(AssertionError):
            np.testing.assert_allclose(np.linalg.norm(x), copy.deepcopy(x))
        return softmax(x)

    holder = SimpleNamespace(loss=loss, pytest=pytest, modules=sys.modules)
    of_libraries = (softmax, cross_entropy, np.mean, partial(np.mean, axis=0), copy.deepcopy)
    for function in (*of_libraries, loss, lambda x: 1.0 * holder.loss(x)):
        assert len(Search(function).seen) < 60
