"""Gradient health: what is measured at each layer, and which words it gets."""

import json
import math
import warnings
from dataclasses import asdict

import numpy as np
import pytest
from needing import mostly_slow

import glassgrad
from glassgrad import (
    MLP,
    NOT_COMPUTED,
    Dropout,
    Embedding,
    History,
    Layer,
    LayerNorm,
    Module,
    Neuron,
    Sequential,
    Value,
    blobs,
    circles,
    compiled,
    cross_entropy,
    fit,
    maximum,
    mse,
    no_grad,
    scope,
    sine,
    trap,
    two_moons,
    xor,
)
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.op import TABLE
from glassgrad.nn.health import check_health, measures


def hinge(score, y):
    return (1.0 - (2 * y - 1) * score).relu()


def network(sizes, activation="tanh", init="xavier", seed=0, **options):
    options.setdefault("output_activation", "linear")
    return MLP(sizes[0], sizes[1:], activation=activation, init=init, seed=seed, **options)


def kinds(health):
    return [verdict.split(":")[0] for verdict in health.verdicts]


def check(model, loss=mse, data=two_moons, **options):
    return check_health(model, loss, *data(), **{"most": 24, **options})


# Measured numbers


def test_gradients_whose_sum_overflows_are_measured():
    model = Neuron(1, activation="linear", seed=0)
    (layer,) = check_health(model, lambda z, y: z * 5e307, [[0.5]] * 4, [0.0] * 4).layers
    assert layer.broken_gradients == 0
    assert layer.unit_gradient_size == 5e307
    assert layer.gradient_size == pytest.approx(5e307 * math.sqrt((0.5**2 + 1.0) / 2.0))


def test_the_numbers_of_a_small_model_are_those_by_hand():
    model = Neuron(1, activation="relu", seed=0)
    model.w[0].data, model.b.data = 2.0, -1.0
    health = check_health(model, lambda out, y: out * y, [[1.0], [2.0], [0.0]], [1.0, 3.0, 5.0])
    (layer,) = health.layers
    assert (layer.name, layer.parameters, layer.units) == ("Neuron", 2, 1)
    outputs = np.array([1.0, 3.0, 0.0])
    assert health.loss == pytest.approx((1.0 + 9.0) / 3)
    assert layer.activation_mean == pytest.approx(outputs.mean())
    assert layer.activation_std == pytest.approx(outputs.std())
    assert layer.still_share == pytest.approx(1 / 3)
    assert layer.weight_size == pytest.approx(math.sqrt((4 + 1) / 2))
    by_w, by_b = (1 * 1 + 3 * 2) / 3, (1 + 3) / 3
    assert layer.gradient_size == pytest.approx(math.sqrt((by_w**2 + by_b**2) / 2))
    assert layer.unit_gradient_size == pytest.approx(math.sqrt((1 + 9 + 25) / 3))
    assert (layer.relative, layer.dead) == (1.0, ())
    assert (layer.broken_values, layer.broken_gradients, layer.without_gradient) == (0, 0, 0)


def test_gradients_are_those_of_the_mean_loss():
    model, (points, y) = network([2, 5, 3, 1], seed=3), two_moons(20)
    health = check_health(model, hinge, points, y)
    total = sum(hinge(model(x), int(k)) for x, k in zip(points, y)) / 20
    total.backward()
    for layer, found in zip(model.layers, health.layers):
        slopes = np.array([p.grad for p in layer.parameters()])
        assert found.gradient_size == pytest.approx(math.sqrt(np.mean(slopes**2)))
        assert found.parameters == len(slopes)
    assert health.loss == pytest.approx(total.data)


def test_samples_are_chosen_evenly():
    seen = []

    class Watching(Module):
        def __init__(self):
            self.w = Value(1.0)

        def forward(self, x):
            seen.append(x)
            return self.w * x

    check_health(Watching(), mse, np.arange(101.0), np.arange(101.0), most=5)
    assert seen == [0.0, 25.0, 50.0, 75.0, 100.0]
    assert check_health(Watching(), mse, [1.0], [1.0], most=5).samples == 1


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_sizes_of_huge_and_tiny_numbers_are_exact(scale):
    found = measures(np.array([3.0, -4.0]) * scale)
    assert found == pytest.approx([-0.5 * scale, 3.5 * scale, math.sqrt(12.5) * scale], abs=0.0)
    assert (*measures(np.zeros(3)), *measures([])) == (0.0, 0.0, 0.0, None, None, None)


# Layers and units


def test_a_part_of_any_name_is_a_layer_and_its_neurons_are_its_units():
    class Net(Module):
        def __init__(self):
            self.hidden, self.out = Layer(2, 4, seed=1), Neuron(4, activation="linear", seed=2)
            self.scale = Value(2.0)

        def forward(self, x):
            return self.scale * self.out(self.hidden(x))

    layers = check(Net()).layers
    assert [(x.name, x.units, x.parameters) for x in layers] == [
        ("hidden", 4, 12),
        ("out", 1, 5),
        ("Net", 1, 1),
    ]


def test_an_activation_around_a_layer_is_the_layers_own():
    class Net(Module):
        def __init__(self):
            self.a = Layer(2, 4, activation="linear", init="he", seed=1)
            self.b = Layer(4, 1, activation="linear", init="he", seed=2)

        def forward(self, x):
            return self.b([v.relu() for v in self.a(x)])

    model = Net()
    model.a.neurons[2].b.data = -100.0
    first, second = check(model).layers
    assert (first.name, first.units, second.name, second.units) == ("a", 4, "b", 1)
    assert first.dead == ("a.neurons.2",)
    assert first.still_share >= 0.25
    assert second.still_share is None


def test_units_of_a_layer_without_neurons_are_counted():
    model = Net([(1.0, -1.0), (0.5, 0.25), (-1.0, -1.0)])
    health = check_health(model, mse, [[1.0, 0.0], [0.5, 0.5]], [1.0, 0.0])
    first = health.layers[0]
    assert (first.name, first.units, first.parameters) == ("first", 3, 6)
    assert first.dead == ("first[2]",)


def test_the_classes_of_the_lecture_have_their_layers():
    class Unit(Module):
        def __init__(self, seed):
            self.w, self.b = [Value(0.1 * seed), Value(-0.2 * seed)], Value(0.0)

        def __call__(self, x):
            return sum((w * v for w, v in zip(self.w, x)), self.b).tanh()

    class Units(Module):
        def __init__(self):
            self.neurons = [Unit(seed) for seed in (1, 2, 3)]

        def __call__(self, x):
            return sum(n(x) for n in self.neurons)

    (layer,) = check(Units()).layers
    assert (layer.name, layer.parameters) == ("Units", 9)
    assert layer.units == 4, "the neurons, and their sum"


def test_neurons_of_what_is_no_module_are_layers_themselves():
    class Block(Module):
        def __init__(self):
            self.block = {"neurons": [Neuron(2, seed=1), Neuron(2, seed=2)]}

        def forward(self, x):
            first, second = self.block["neurons"]
            return first(x) * second(x)

    layers = [layer for layer in check(Block()).layers if layer.parameters]
    assert [(layer.name, layer.units) for layer in layers] == [
        ("block.neurons.0", 1),
        ("block.neurons.1", 1),
    ]


def test_a_recurrent_part_is_measured_at_every_step():
    class Recurrent(Module):
        def __init__(self):
            self.cell, self.out = Neuron(2, init="xavier", seed=1), Neuron(1, seed=2)

        def forward(self, xs):
            state = Value(0.0)
            for x in xs:
                state = self.cell([x, state])
            return self.out([state])

    rows = np.random.default_rng(0).normal(size=(10, 4))
    cell, out = check_health(Recurrent(), mse, rows, rows.sum(axis=1)).layers
    assert (cell.name, out.name) == ("cell", "out")
    assert cell.still_share is not None


def test_parts_that_take_no_part_come_last_and_are_told():
    class Net(Module):
        def __init__(self):
            self.spare, self.used = Layer(2, 2, seed=1), Neuron(2, seed=2)

        def forward(self, x):
            return self.used(x)

    health = check(Net())
    assert [layer.name for layer in health.layers] == ["used", "spare"]
    assert health.layers[1].without_gradient == 6
    assert health.verdicts == (
        "unused: no gradient reaches any parameter of spare. Use them in forward, without step or "
        "detach behind them, or leave them out.",
    )


def test_what_only_holds_parameters_comes_first():
    class Words(Module):
        def __init__(self):
            self.out, self.spare = Neuron(2, activation="linear", seed=1), Neuron(1)
            self.rows = Rows()

        def forward(self, word):
            return self.out(self.rows(word))

    class Rows(Module):
        def __init__(self):
            self.table = [[Value(0.5), Value(-0.5)], [Value(1.0), Value(0.25)]]

        def forward(self, word):
            return self.table[word]

    layers = check_health(Words(), mse, [0, 1, 0], [0.0, 1.0, 1.0]).layers
    assert [layer.name for layer in layers] == ["rows", "out", "spare"]
    assert (layers[0].units, layers[0].relative) == (0, None)
    assert layers[0].gradient_size > 0.0


# Verdicts


@pytest.mark.parametrize("data", [two_moons, circles, blobs, sine, xor])
@pytest.mark.parametrize(("activation", "init"), [("relu", "he"), ("tanh", "xavier")])
@pytest.mark.parametrize("depth", mostly_slow([4, 2, 6]))
def test_a_fresh_sensible_network_is_healthy(data, activation, init, depth):
    samples, y = data()
    outputs = 3 if data is blobs else 1
    loss = {blobs: cross_entropy, sine: mse}.get(data, hinge)
    for seed in range(2):
        sizes = [samples.shape[1], *[12] * (depth - 1), outputs]
        health = check_health(network(sizes, activation, init, seed), loss, samples, y, most=16)
        assert health.is_healthy, str(health)
        assert health.verdicts == ("healthy",)


@pytest.mark.parametrize(
    ("activation", "init", "loss"), [("relu", "he", hinge), ("tanh", "xavier", mse)]
)
@pytest.mark.slow
def test_a_trained_network_is_healthy(activation, init, loss):
    model, (samples, y) = network([2, 8, 8, 1], activation, init, seed=1), two_moons(20)
    before = check_health(model, loss, samples, y).loss
    for _ in range(60):
        total = sum(loss(model(x), int(k)) for x, k in zip(samples, y)) / 20
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= 0.3 * p.grad
    health = check_health(model, loss, samples, y)
    assert health.loss < 0.5 * before
    assert health.is_healthy, str(health)


@pytest.mark.parametrize("seed", mostly_slow(range(3)))
def test_a_deep_stack_of_sigmoids_vanishes(seed):
    health = check(network([2, *[6] * 11, 1], "sigmoid", seed=seed))
    assert kinds(health) == ["vanishing"]
    assert "the gradient at layers.0 is" in health.verdicts[0]
    assert "of that at layers.11. Use relu with he or tanh with xavier" in health.verdicts[0]
    assert not health.is_healthy


@pytest.mark.parametrize("seed", mostly_slow(range(3)))
@pytest.mark.parametrize(("activation", "init"), [("linear", "xavier"), ("relu", "he")])
def test_weights_five_times_too_large_explode(activation, init, seed):
    model = network([2, *[8] * 7, 1], activation, init, seed)
    assert "exploding" not in kinds(check(model))
    for p in model.parameters():
        p.data *= 5.0
    health = check(model)
    assert kinds(health)[-1] == "exploding"
    assert "clip_norm=1.0" in health.verdicts[-1]


def test_inputs_that_are_not_scaled_explode_at_the_weights():
    health = check_health(Neuron(1, activation="linear", seed=1), mse, [[1e4], [2e4]], [0.0, 1.0])
    assert kinds(health) == ["exploding"]
    assert "times its weights. Scale inputs and targets to about 1" in health.verdicts[0]


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_zeros_are_identical(activation):
    health = check(network([2, 6, 6, 1], activation, "zeros"))
    assert kinds(health) == ["identical"]
    assert "all units of layers.0, layers.1 compute the same" in health.verdicts[0]
    assert [layer.are_alike for layer in health.layers] == [True, True, False]


def test_equal_weights_other_than_zero_are_identical_too():
    model = network([2, 4, 1])
    for p in model.parameters():
        p.data = 0.5
    assert kinds(check(model)) == ["identical"]


class Dense(Module):
    """A layer whose weights are lists of its own, with no neurons."""

    def __init__(self, rows):
        self.w = [[Value(a), Value(b)] for a, b in rows]

    def forward(self, x):
        return [(a * x[0] + b * x[1] - 0.1).relu() for a, b in self.w]


class Net(Module):
    def __init__(self, rows):
        self.first, self.last = Dense(rows), Neuron(len(rows), activation="linear", init="zeros")

    def forward(self, x):
        return self.last(self.first(x))


@pytest.mark.parametrize(
    ("rows", "alike"),
    [
        ([(0.0, 0.0)] * 3, True),
        ([(1.0, 2.0)] * 3, True),
        ([(-1.0, -2.0), (-3.0, -4.0)], False),  # both off, though different
        ([(1.0, 2.0), (1.0, 2.5)], False),
    ],
)
def test_units_of_a_layer_without_neurons_are_compared(rows, alike):
    health = check_health(Net(rows), mse, [[1.0, 2.0], [2.0, 1.0]], [1.0, 0.0])
    assert health.layers[0].are_alike is alike
    assert ("identical" in kinds(health)) is alike


def test_a_layer_norm_that_gives_zeros_is_not_identical():
    model = Sequential(LayerNorm(2), "relu", Layer(2, 3, seed=1), Layer(3, 1, seed=2))
    health = check_health(model, mse, [[1, 1], [2, 2], [3, 3]], [0, 1, 0])
    assert "identical" not in kinds(health)


def test_a_last_layer_of_zeros_learns():
    """The gradients of its units differ by class, and part them: softmax regression from zeros."""
    model = network([2, 3], init="zeros")
    assert check(model, cross_entropy, blobs).is_healthy


def test_one_unit_is_never_identical():
    assert check(network([2, 1], init="zeros")).is_healthy


@pytest.mark.parametrize("seed", mostly_slow(range(3)))
def test_relus_with_a_large_negative_bias_are_dead(seed):
    model = network([2, 8, 6, 1], "relu", "he", seed)
    for neuron in model.layers[1].neurons[:5]:
        neuron.b.data = -50.0
    health = check(model)
    assert kinds(health) == ["dead"]
    assert health.verdicts[0].startswith(
        f"dead: {len(health.layers[1].dead)} of 6 units of layers.1 gave 0 for all of 24 samples."
    )
    assert set(health.layers[1].dead) >= {f"layers.1.neurons.{i}" for i in range(5)}
    titles, _, row, _ = (line.split() for line in str(health).splitlines()[1:5])
    assert titles[5:7] == ["still", "always"]
    assert row[5:7] == [f"{health.layers[1].still_share:.0%}", str(len(health.layers[1].dead))]


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_far_out_units_are_saturated(activation):
    model = network([2, 8, 1], activation)
    for neuron in model.layers[0].neurons:
        neuron.b.data = 30.0
    health = check(model)
    assert kinds(health)[0] == "saturated"
    assert health.layers[0].saturated == tuple(f"layers.0.neurons.{i}" for i in range(8))
    assert health.layers[0].still_share == 1.0
    assert "8 of 8 units of layers.0 stayed on the flat part" in health.verdicts[0]


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_nan_is_found_where_it_begins(broken):
    model = network([2, 4, 4, 1])
    model.layers[1].neurons[0].b.data = broken
    health = check(model)
    assert "layers.1" in health.verdicts[0]
    assert kinds(health)[0] == "nan"
    assert "trap()" in health.verdicts[0]
    assert health.layers[0].broken_values == 0
    assert health.layers[1].broken_values > 0
    json.dumps(asdict(health), allow_nan=False)


def test_an_infinite_loss_is_told():
    health = check_health(network([1, 1]), lambda out, y: (0.0 * out).log(), [[1.0]], [0.0])
    assert health.verdicts[0].startswith("nan: the loss is -inf for 1 of 1 sample.")
    assert health.loss is None


def test_the_mean_of_huge_losses_is_their_mean():
    huge = lambda out, y: 0.0 * out + 1.5e308
    assert check_health(network([1, 1]), huge, [[1.0], [2.0]], [0.0, 0.0]).loss == 1.5e308


def test_a_gradient_that_breaks_behind_sound_values_is_told():
    model = network([1, 1])
    health = check_health(model, lambda out, y: (out - out).sqrt(), [[1.0]], [0.0])
    assert kinds(health)[0] == "nan"
    assert "at layers.0" in health.verdicts[0]


def test_a_loss_of_zero_is_no_fault_but_being_stuck_is():
    model, (samples, y) = network([2, 1], init="zeros"), two_moons(10)
    assert check_health(model, lambda out, y: out.relu(), samples, y).is_healthy
    assert kinds(check_health(model, lambda out, y: out.relu() + 1.0, samples, y)) == ["stuck"]


def test_a_loss_of_no_parameter_is_told():
    health = check(network([2, 3, 1]), lambda out, y: Value(1.0))
    assert kinds(health) == ["unused"]
    health = check(network([2, 3, 1]), lambda out, y: out.detach())
    assert "layers.0, layers.1" in health.verdicts[0]


@pytest.mark.parametrize(("sizes", "activation"), [([2, 2, 1], "tanh"), ([2, 4, 4, 1], "tanh")])
def test_a_last_layer_of_zeros_behind_others_sends_nothing_back(sizes, activation):
    model = network(sizes, activation)
    for parameter in model.layers[-1].parameters():
        parameter.data = 0.0
    (verdict,) = check(model).verdicts
    assert verdict == (
        "vanishing: the gradient at layers.0 is exactly 0: weights behind it are all 0, "
        "or units are off or flat. Draw other initial weights, or look again after a step, if "
        "they are to begin with 0."
    )
    for parameter in model.layers[-1].parameters():
        parameter.data = 0.01
    assert "exactly 0" not in str(check(model))


class Closed(Module):
    """A model that calls a compiled function of its layers."""

    def __init__(self, is_open=False):
        self.hidden, self.last = Layer(2, 3, seed=1), Neuron(3, activation="linear", seed=2)
        self.run = self.inside if is_open else compiled(self.inside)

    def inside(self, x):
        return self.last(self.hidden(x))

    def forward(self, x):
        return self.run(x)


def test_compiled_functions_are_looked_through():
    assert check(Closed()) == check(Closed(is_open=True))
    model, loss = network([2, 3, 1]), compiled(mse)
    assert check(model, loss) == check(model, mse)
    history = fit(Closed(), mse, *two_moons(20), epochs=1, progress=False)
    assert [layer.units for layer in history.health[1].layers] == [3, 1]


# The record


def test_health_is_part_of_a_history_in_json():
    history = History()
    history.health[0] = check(network([2, 4, 1], "relu", "he"))
    json.dumps(history.to_dict()["health"], allow_nan=False)
    data = json.loads(json.dumps(history.to_dict()))
    assert History.from_dict(data).health == history.health
    assert isinstance(hash(history.health[0]), int)
    with pytest.raises(AttributeError):
        history.health[0].loss = 0.0


def test_the_text_is_an_aligned_table_with_the_verdicts_below():
    lines = str(check(network([2, *[6] * 11, 1], "sigmoid"))).split("\n")
    assert lines[0].startswith("24 samples, loss ")
    titles, *rows = lines[1:14]
    assert len(rows) == 12
    for title in ("parameters", "mean", "still", "always", "gradient", "relative"):
        column = titles.index(title)
        assert all(row[column - 1] == " " != row[column] for row in rows)
    assert lines[14].startswith("vanishing: ")
    assert lines == [line.rstrip() for line in lines]


# Nothing changes


def test_parameters_and_gradients_are_left_as_they_were():
    model = network([2, 4, 3, 1])
    hinge(model([1.0, 2.0]), 1).backward()
    first, second, third, *_ = model.parameters()
    first.grad, second.grad, third.grad = NOT_COMPUTED, -0.0, math.nan
    numbers, gradients = model.state_dict(), [p.grad for p in model.parameters()]
    check(model)
    assert model.state_dict() == numbers
    assert all(p.grad is g for p, g in zip(model.parameters(), gradients))
    assert first.grad is NOT_COMPUTED
    assert math.copysign(1.0, second.grad) == -1.0


def test_other_values_in_the_graph_are_left_as_they_were():
    model = network([2, 1])
    root = Value(3.0)
    scale = root * 2.0
    scale.backward()
    check(model, lambda out, y: scale * mse(out, y))
    assert (root.grad, scale.grad) == (2.0, 1.0)


def test_a_loss_that_goes_backward_is_refused_and_leaves_the_gradients():
    model, scale = network([2, 3, 1]), Value(2.0)
    (scale * hinge(model([1.0, 2.0]), 1)).backward()
    gradients = [p.grad for p in [*model.parameters(), scale]]
    with pytest.raises(TypeError, match=r"do not call backward\(\)"):
        check(model, lambda out, y: (scale * mse(out, y)).backward())
    assert [p.grad for p in [*model.parameters(), scale]] == gradients


def test_gradients_from_before_do_not_count():
    model = network([2, 4, 1])
    expected = check(model)
    for p in model.parameters():
        p.grad = 1e6
    assert check(model) == expected


def test_the_circumstances_around_do_not_reach_it():
    model = network([2, 4, 1])
    expected = check(model)
    with no_grad(), scope("head"):
        assert check(model) == expected
    model.layers[0].neurons[0].b.data = math.nan
    with trap():
        assert kinds(check(model))[0] == "nan"


def test_the_model_is_in_use_while_it_is_looked_at_and_in_training_again_after():
    seen = []

    class Watching(Module):
        def __init__(self):
            self.inner = Neuron(2, seed=1)

        def forward(self, x):
            seen.append((self.training, self.inner.training))
            return self.inner(x)

    model = Watching()
    model.inner.training = False
    check(model)
    assert set(seen) == {(False, False)}
    assert (model.training, model.inner.training) == (True, False)


# Arguments


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda m: check_health(len, mse, [[1]], [1]), TypeError, "takes a Module, not builtin"),
        (lambda m: check_health(m, 3, [[1, 1]], [1]), TypeError, "a function of an output"),
        (lambda m: check(m, lambda out: out), TypeError, r"a target, not lambda\(out\)\.$"),
        (lambda m: check(m, lambda out, y: 1.0), TypeError, "The loss lambda gave float 1.0"),
        (lambda m: check(m, lambda out, y: [out]), TypeError, "gives one Value. A model with seve"),
        (lambda m: check(m, most=0), ValueError, r"check_health\(most=...\) is at least 1, not 0"),
        (lambda m: check(m, most=1.5), TypeError, "whole number"),
        (lambda m: check_health(m, mse, [[1, 1]], [1, 2]), ValueError, "1 samples and y has 2"),
        (lambda m: check_health(m, mse, [], []), ValueError, "has no samples"),
        (lambda m: check_health(m, mse, [[1, math.nan]], [1]), ValueError, "is nan"),
    ],
)
def test_wrong_arguments_get_a_sentence(call, kind, message):
    with pytest.raises(kind, match=message):
        call(network([2, 1]))


def test_inside_a_compiled_function_it_says_so():
    model = network([2, 1])

    @compiled
    def looking(x):
        check(model)
        return x

    with pytest.raises(CompilationError, match="Call it outside"):
        looking(1.0)


# Units


def test_units_are_rows_of_the_table():
    assert TABLE["relu"].is_activation
    assert not TABLE["exp"].is_activation
    assert TABLE["leaky_relu"].idle == ""
    assert not TABLE["relu"].is_idle(None)


@pytest.mark.parametrize(
    ("name", "x", "still"),
    [
        ("relu", -1.0, True),
        ("relu", 1.0, False),
        ("tanh", 2.9, False),
        ("tanh", 3.1, True),
        ("sigmoid", 5.9, False),
        ("sigmoid", 6.1, True),
        ("leaky_relu", -9.0, False),
    ],
)
def test_a_unit_is_still_far_out(name, x, still):
    row = TABLE[name]
    assert row.is_idle(getattr(Value(x), name)().partials[0]) is still


# The looks of `fit`


def looks_of_fit(model, loss, X, y, **options):
    """What `fit` found before and after, each beside what `check_health` says then."""
    eager = []

    def look(history):
        eager.append(check_health(model.eval(), loss, X, y, most=8))

    look(None)
    history = fit(model, loss, X, y, epochs=2, callbacks=look, **options)
    return list(zip(history.health.values(), (eager[0], eager[-1])))


def assert_same(found, wanted):
    for layer, other in zip(found.layers, wanted.layers, strict=True):
        assert vars(layer) == {name: near(number) for name, number in vars(other).items()}
    assert found.loss == near(wanted.loss)
    assert (found.verdicts, found.samples) == (wanted.verdicts, wanted.samples)


def near(number):
    return pytest.approx(number, rel=1e-12, abs=0.0) if isinstance(number, float) else number


def mixed():
    return Sequential(
        Layer(2, 8, activation="relu", seed=0), Dropout(0.5), LayerNorm(8),
        Layer(8, 4, activation="sigmoid", init="zeros"), Neuron(4, activation="linear", seed=1),
    )  # fmt: skip


class Wired(Module):
    """Scalars of its own, an activation beside a layer, a branch without gradient."""

    def __init__(self):
        self.scale, self.off, self.unused = Value(0.5), Value(-1.0), Value(3.0)
        self.hidden, self.last = Layer(2, 3, activation="linear", seed=0), Neuron(3, seed=1)

    def forward(self, x):
        outputs = [v.relu() for v in self.hidden([self.scale * each for each in x])]
        return self.last(outputs) + maximum(self.off.detach(), self.off * 2.0 - 5.0)


class Branching(Module):
    """It takes another way for some samples."""

    def __init__(self):
        self.layers = [Neuron(2, seed=0), Neuron(2, seed=1)]

    def forward(self, x):
        return self.layers[1 if x[0] > 0.5 else 0](x)


def broken():
    model = network([2, 3, 1])
    model.layers[1].neurons[0].b.data = 1e308
    return model


def partly_frozen():
    model = network([2, 3, 1])
    model.layers[0].freeze()
    return model


class Text(Module):
    def __init__(self):
        self.table, self.head = Embedding(6, 2, seed=1), MLP(4, [3, 1], seed=2)

    def forward(self, x):
        return self.head([*self.table(x[0]), *self.table(x[1])])


LETTERS = np.array([[i % 6, (i * 5 + 1) % 6] for i in range(12)])


@pytest.mark.parametrize(
    ("make", "loss", "data"),
    [
        *((make, mse, two_moons(40)) for make in (mixed, Wired, Branching, broken, partly_frozen)),
        (lambda: network([2, 5, 3], "relu"), cross_entropy, blobs(40, seed=1)),
        (Text, mse, (LETTERS, np.arange(12.0) / 12)),
    ],
)
def test_fit_looks_at_a_model_as_check_health_does(make, loss, data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for found, wanted in looks_of_fit(make(), loss, *data):
            assert_same(found, wanted)


def test_a_callback_that_changes_the_model_is_seen_by_the_last_look():
    model, (X, y) = network([2, 4, 1]), two_moons(40)

    def bend(history):
        model.layers[0].neurons[0].activation = glassgrad.relu

    history = fit(model, mse, X, y, epochs=1, callbacks=bend)
    assert_same(history.health[1], check_health(model, mse, X, y, most=8))
