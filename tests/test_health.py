"""Gradient health: what is measured at each layer, and which words it gets."""

import json
import math
import random
import warnings
from dataclasses import asdict

import numpy as np
import pytest
from fitting import Made
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
    binary_cross_entropy_with_logits,
    blobs,
    circles,
    compiled,
    cross_entropy,
    fit,
    linear_regression,
    mae,
    maximum,
    mse,
    nn,
    no_grad,
    scope,
    sine,
    trap,
    two_moons,
    xor,
)
from glassgrad.engine.errors import CompilationError
from glassgrad.engine.op import TABLE
from glassgrad.nn.health import Health, check_health
from glassgrad.nn.probe import ratio_of, root_mean_square, scaled


def hinge(score, y):
    return (1.0 - (2 * y - 1) * score).relu()


def network(sizes, activation="tanh", init="xavier", seed=0, **options):
    options.setdefault("output_activation", "linear")
    return MLP(sizes[0], sizes[1:], activation=activation, init=init, seed=seed, **options)


def changed(model, *places, to):
    """The model with these parameters, `layers.0.neurons.1.b` or all below `layers.1`, set."""
    for name, parameter in model.named_parameters():
        if any(name.startswith(place) for place in places):
            parameter.data = to if not callable(to) else to(parameter.data)
    return model


def kinds(health):
    return [verdict.split(":")[0] for verdict in health.verdicts]


def check(model, loss=mse, data=two_moons, **options):
    samples = data() if callable(data) else data
    return check_health(model, loss, *samples, **{"most": 24, **options})


# Measured numbers


def test_the_numbers_of_a_small_model_are_those_by_hand():
    model = Neuron(1, activation="relu", seed=0)
    model.w[0].data, model.b.data = 2.0, -1.0
    samples = [[1.0], [2.0], [0.0]], [1.0, 3.0, 5.0]
    health = check(model, lambda out, y: out * y, samples, learning_rate=0.5)
    (layer,) = health.layers
    outputs, by_w, by_b = np.array([1.0, 3.0, 0.0]), (1 * 1 + 3 * 2) / 3, (1 + 3) / 3
    size, weight = math.sqrt((by_w**2 + by_b**2) / 2), math.sqrt((4 + 1) / 2)
    expected = {
        **{"name": "Neuron", "kind": "Neuron", "parameters": 2, "units": 1, "dead": ()},
        **{"activation_mean": outputs.mean(), "activation_std": outputs.std()},
        **{"activation_largest": 3.0, "activation_zeros": 1 / 3, "still_share": 1 / 3},
        **{"weight_size": weight, "gradient_size": size, "update": 0.5 * size / weight},
        **{"unit_gradient_size": math.sqrt((1 + 9 + 25) / 3), "relative": 1.0},
        **{"broken_values": 0, "broken_gradients": 0, "without_gradient": 0},
    }
    assert health.loss == pytest.approx((1.0 + 9.0) / 3)
    for name, number in expected.items():
        found = getattr(layer, name)
        assert found == (pytest.approx(number) if isinstance(number, float) else number), name
    assert check(model, lambda out, y: out * y, samples).layers[0].update is None


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


def test_samples_are_chosen_evenly_and_the_model_is_in_use():
    seen = []

    def watching(model, x):
        seen.append((x, model.training, model.inner.training))
        return model.inner([x])

    model = Made(watching, inner=Neuron(1))
    model.inner.training = False
    check_health(model, mse, np.arange(101.0), np.arange(101.0), most=5)
    assert seen == [(x, False, False) for x in (0.0, 25.0, 50.0, 75.0, 100.0)]
    assert (model.training, model.inner.training) == (True, False)
    assert check_health(model, mse, [1.0], [1.0], most=5).samples == 1


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_sizes_of_huge_and_tiny_numbers_are_exact(scale):
    numbers = np.array([3.0, -4.0]) * scale
    assert scaled(root_mean_square, numbers) == pytest.approx(math.sqrt(12.5) * scale)
    assert scaled(np.mean, numbers) == pytest.approx(-0.5 * scale)
    assert scaled(np.std, numbers) == pytest.approx(3.5 * scale)
    assert scaled(np.mean, np.zeros(3)) == 0.0
    assert scaled(np.mean, np.array([])) is None
    assert math.isfinite(ratio_of(1e300, 1e-300))
    assert ratio_of(1.0, 0.0) is ratio_of(None, 1.0) is None


@pytest.mark.parametrize(
    ("name", "x", "still"),
    [
        *(("relu", -1.0, True), ("relu", 1.0, False), ("tanh", 2.9, False), ("tanh", 3.1, True)),
        *(("sigmoid", 5.9, False), ("sigmoid", 6.1, True), ("leaky_relu", -9.0, False)),
    ],
)
def test_a_unit_is_still_far_out(name, x, still):
    row = TABLE[name]
    assert row.is_idle(getattr(Value(x), name)().partials[0]) is still
    assert row.is_activation
    assert not TABLE["exp"].is_activation
    assert not TABLE["relu"].is_idle(None)


# Layers and units


def dense(rows):
    """A layer whose weights are lists of its own, with no neurons."""
    compute = lambda m, x: [(a * x[0] + b * x[1] - 0.1).relu() for a, b in m.w]
    return Made(compute, w=[[Value(a), Value(b)] for a, b in rows])


def net(rows):
    last = Neuron(len(rows), activation="linear", init="zeros")
    return Made(lambda m, x: m.last(m.first(x)), first=dense(rows), last=last)


class Unit(Module):
    """A neuron as in the lecture, and not of nn."""

    def __init__(self, seed):
        self.w, self.b = [Value(0.1 * seed), Value(-0.2 * seed)], Value(0.0)

    def __call__(self, x):
        return sum((w * v for w, v in zip(self.w, x)), self.b).tanh()


def recurrent(model, xs):
    state = Value(0.0)
    for x in xs:
        state = model.cell([x, state])
    return model.out([state])


def rectified():
    parts = {"a": Layer(2, 4, activation="linear", init="he", seed=1)}
    parts["b"] = Layer(4, 1, activation="linear", init="he", seed=2)
    return changed(
        Made(lambda m, x: m.b([v.relu() for v in m.a(x)]), **parts), "a.neurons.2.b", to=-100.0
    )


WORDS = [0, 1, 0], [0.0, 1.0, 1.0]
SEQUENCES = np.random.default_rng(0).normal(size=(10, 4))
LAYERS = {
    "parts of any name": (
        lambda: Made(
            lambda m, x: m.scale * m.out(m.hidden(x)), hidden=Layer(2, 4, seed=1),
            out=Neuron(4, activation="linear", seed=2), scale=Value(2.0),
        ),
        two_moons, [("hidden", "Layer", 4, 12), ("out", "Neuron", 1, 5), ("Made", "Made", 1, 1)],
    ),
    "an activation around a layer": (
        rectified, two_moons, [("a", "Layer", 4, 12), ("b", "Layer", 1, 5)],
    ),
    "a layer without neurons": (
        lambda: net([(1.0, -1.0), (0.5, 0.25), (-1.0, -1.0)]),
        ([[1.0, 0.0], [0.5, 0.5]], [1.0, 0.0]),
        [("first", "Made", 3, 6), ("last", "Neuron", 1, 4)],
    ),
    "classes of the lecture: the neurons, and their sum": (
        lambda: Made(
            lambda m, x: sum(n(x) for n in m.neurons), neurons=[Unit(seed) for seed in (1, 2, 3)]
        ),
        two_moons, [("Made", "Made", 4, 9)],
    ),
    "neurons of what is no module": (
        lambda: Made(
            lambda m, x: m.block["neurons"][0](x) * m.block["neurons"][1](x),
            block={"neurons": [Neuron(2, seed=1), Neuron(2, seed=2)]},
        ),
        two_moons,
        [("block.neurons.0", "Neuron", 1, 3), ("block.neurons.1", "Neuron", 1, 3),
         ("Made", "Made", 1, 0)],
    ),
    "one that is used at every step": (
        lambda: Made(
            recurrent, cell=Neuron(2, init="xavier", seed=1), out=Neuron(1, seed=2)
        ),
        (SEQUENCES, SEQUENCES.sum(axis=1)),
        [("cell", "Neuron", 4, 3), ("out", "Neuron", 1, 2)],
    ),
    "what takes no part comes last": (
        lambda: Made(
            lambda m, x: m.used(x), spare=Layer(2, 2, seed=1), used=Neuron(2, seed=2)
        ),
        two_moons, [("used", "Neuron", 1, 3), ("spare", "Layer", 0, 6)],
    ),
    "what only holds parameters comes first": (
        lambda: Made(
            lambda m, word: m.out(m.rows(word)), out=Neuron(2, activation="linear", seed=1),
            spare=Neuron(1), rows=Made(lambda m, word: m.table[word],
                table=[[Value(0.5), Value(-0.5)], [Value(1.0), Value(0.25)]]),
        ),
        WORDS, [("rows", "Made", 0, 4), ("out", "Neuron", 1, 3), ("spare", "Neuron", 0, 2)],
    ),
}  # fmt: skip
"""Models, their samples, and of each layer the name, the kind, its units and its parameters."""


@pytest.mark.parametrize("name", LAYERS)
def test_what_the_layers_of_a_model_are(name):
    make, data, expected = LAYERS[name]
    layers = check(make(), data=data).layers
    assert [(x.name, x.kind, x.units, x.parameters) for x in layers] == expected


def test_what_is_still_and_what_has_no_gradient():
    first, second = check(rectified()).layers
    assert first.dead == ("a.neurons.2",)
    assert first.still_share == first.activation_zeros >= 0.25
    assert second.still_share is None
    make, data, _ = LAYERS["a layer without neurons"]
    assert check(make(), data=data).layers[0].dead == ("first[2]",)
    make, data, _ = LAYERS["one that is used at every step"]
    assert check(make(), data=data).layers[0].still_share is not None
    assert check(LAYERS["what takes no part comes last"][0]()).layers[1].without_gradient == 6
    holding = check(LAYERS["what only holds parameters comes first"][0](), data=WORDS).layers[0]
    assert (holding.relative, holding.gradient_size > 0.0) == (None, True)


# Verdicts


@pytest.mark.parametrize("data", [two_moons, circles, blobs, sine, linear_regression, xor])
@pytest.mark.parametrize(("activation", "init"), [("relu", "he"), ("tanh", "xavier")])
@pytest.mark.parametrize("depth", mostly_slow([4, 2, 6]))
def test_a_fresh_sensible_network_is_healthy(data, activation, init, depth):
    samples, y = data()
    outputs = 3 if data is blobs else 1
    loss = {blobs: cross_entropy, sine: mse, linear_regression: mse}.get(data, hinge)
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


def closed(is_open=False, bend=None):
    """A model that calls a compiled function of its layers."""
    parts = {"hidden": Layer(2, 3, seed=1), "last": Neuron(3, activation="linear", seed=2)}
    model = Made(lambda m, x: m.bend(m.run(x)), **parts)
    inside = lambda x: model.last(model.hidden(x))
    model.bend = bend or (lambda v: v)
    model.run = inside if is_open else compiled(inside)
    return model


DEAD = [f"layers.1.neurons.{i}.b" for i in range(5)]
GATE = "vanishing: the gradient at layers.0 is exactly 0, as layers.1 sends none back: its weights "
POINT = [[1.0, 2.0], [2.0, 1.0]], [1.0, 0.0]
ONE = [[1.0]], [0.0]
VERDICTS = {
    "a deep stack of sigmoids": (
        lambda: network([2, *[6] * 11, 1], "sigmoid"), {}, ["vanishing"],
        ["the gradient at layers.0 is", "of that at layers.11. Use relu with he or tanh with xav"],
    ),
    "inputs that are not scaled": (
        lambda: Neuron(1, activation="linear", seed=1), {"data": ([[1e4], [2e4]], [0.0, 1.0])},
        ["exploding"], ["times its weights. Scale inputs and targets to about 1"],
    ),
    **{
        f"zeros before {name}": (
            lambda name=name: network([2, 6, 6, 1], name, "zeros"), {}, ["identical"],
            ["all units of layers.0, layers.1 compute the same"],
        )
        for name in ("tanh", "relu", "sigmoid")
    },
    "equal weights other than zero": (
        lambda: changed(network([2, 4, 1]), "", to=0.5), {}, ["identical"], [],
    ),
    **{
        f"units without neurons, {rows}": (
            lambda rows=rows: net(rows), {"data": POINT}, found, [],
        )
        for rows, found in (
            (((0.0, 0.0),) * 3, ["identical"]), (((1.0, 2.0),) * 3, ["identical"]),
            (((-1.0, -2.0), (-3.0, -4.0)), ["dead"]),  # both off, though different
            (((1.0, 2.0), (1.0, 2.5)), ["vanishing"]),
        )
    },
    "a last layer of zeros, whose gradients differ by class": (
        lambda: network([2, 3], init="zeros"), {"loss": cross_entropy, "data": blobs},
        ["healthy"], [],
    ),
    "one unit of zeros": (lambda: network([2, 1], init="zeros"), {}, ["healthy"], []),
    "relus with a large negative bias": (
        lambda: changed(network([2, 8, 6, 1], "relu", "he"), *DEAD, to=-50.0), {}, ["dead"],
        ["of 6 units of layers.1 are 0 for all of 24 samples."],
    ),
    **{
        f"{name} far out": (
            lambda name=name: changed(
                network([2, 8, 1], name), *(f"layers.0.neurons.{i}.b" for i in range(8)), to=30.0
            ),
            {}, ["saturated", ...], ["8 of 8 units of layers.0 are on the flat part"],
        )
        for name in ("tanh", "sigmoid")
    },
    **{
        f"a bias of {broken}": (
            lambda broken=broken: changed(
                network([2, 4, 4, 1]), "layers.1.neurons.0.b", to=broken
            ),
            {}, ["nan", ...], ["of layers.1 ", "trap()"],
        )
        for broken in (math.nan, math.inf)
    },
    "an infinite loss": (
        lambda: network([1, 1]), {"loss": lambda out, y: (0.0 * out).log(), "data": ONE},
        ["nan", ...], ["the loss is -inf for 1 of 1 sample."],
    ),
    "a gradient that breaks behind sound values": (
        lambda: network([1, 1]), {"loss": lambda out, y: (out - out).sqrt(), "data": ONE},
        ["nan", ...], ["at layers.0"],
    ),
    "a loss of zero": (
        lambda: network([2, 1], init="zeros"), {"loss": lambda out, y: out.relu()},
        ["healthy"], [],
    ),
    "being stuck": (
        lambda: network([2, 1], init="zeros"), {"loss": lambda out, y: out.relu() + 1.0},
        ["stuck"], [],
    ),
    "a loss of no parameter": (
        lambda: network([2, 3, 1]), {"loss": lambda out, y: Value(1.0)}, ["unused"], [],
    ),
    "a loss of detached outputs": (
        lambda: network([2, 3, 1]), {"loss": lambda out, y: out.detach()}, ["unused"],
        ["layers.0, layers.1"],
    ),
    "parts that take no part": (
        LAYERS["what takes no part comes last"][0], {}, ["unused"],
        ["unused: no gradient reaches any parameter of spare. Use them in forward, without step "
         "or detach behind them, or leave them out."],
    ),
    "a last layer of zeros behind others": (
        lambda: changed(network([2, 4, 1]), "layers.1", to=0.0), {}, ["vanishing"],
        [f"{GATE}are all 0. If that is meant, look again after a step, which moves them; else "
         "draw its initial weights."],
    ),
    "one behind two": (
        lambda: changed(network([2, 4, 4, 1]), "layers.2", to=0.0), {}, ["vanishing"],
        ["the gradient at layers.1 is exactly 0, as layers.2 sends none back"],
    ),
    "last weights of zeros": (
        lambda: changed(
            changed(network([2, 4, 1]), "layers.1", to=0.01), "layers.1.neurons.0.w", to=0.0
        ),
        {}, ["vanishing"],
        [f"{GATE}are 0, or its units are off or flat. Draw"],
    ),
    "last weights that are small": (
        lambda: changed(network([2, 4, 1]), "layers.1", to=0.01), {}, ["healthy"], [],
    ),
    "layers inside a compiled function": (
        closed, {}, ["closed"],
        ["closed: Made uses parameters inside a compiled function, where no units are looked at. "
         "Check the model without compiled."],
    ),
    "a compiled function without parameters": (
        lambda: closed(is_open=True, bend=compiled(lambda v: v * 2.0)), {}, ["healthy"], [],
    ),
    "a compiled loss": (
        lambda: network([2, 3, 1]), {"loss": compiled(lambda out, y: (out - y) ** 2)},
        ["healthy"], [],
    ),
    "small steps": (lambda: network([2, 8, 1]), {"learning_rate": 0.01}, ["healthy"], []),
    "steps that are too large": (
        lambda: network([2, 8, 1]), {"learning_rate": 50.0}, ["leaping"],
        ["Lower the learning rate"],
    ),
}  # fmt: skip
"""Models, what `check` is given beside them, the kinds of verdicts, and what the first says."""


@pytest.mark.parametrize("name", VERDICTS)
def test_what_is_said_of_a_model(name):
    make, options, expected, said = VERDICTS[name]
    health = check(make(), **options)
    found = kinds(health)
    assert found == expected or [found[0], ...] == expected
    assert health.is_healthy == (expected == ["healthy"])
    for words in said:
        assert words in health.verdicts[0]


@pytest.mark.parametrize("seed", mostly_slow(range(3)))
@pytest.mark.parametrize(("activation", "init"), [("linear", "xavier"), ("relu", "he")])
def test_weights_five_times_too_large_explode(activation, init, seed):
    model = network([2, *[8] * 7, 1], activation, init, seed)
    assert "exploding" not in kinds(check(model))
    health = check(changed(model, "", to=lambda x: 5.0 * x))
    assert kinds(health)[-1] == "exploding"
    assert "clip_norm=1.0" in health.verdicts[-1]


def test_units_that_are_dead_flat_or_broken_are_named():
    dead = check(VERDICTS["relus with a large negative bias"][0]())
    assert set(dead.layers[1].dead) >= {f"layers.1.neurons.{i}" for i in range(5)}
    titles, _, row, _ = (line.split() for line in str(dead).splitlines()[1:5])
    assert titles[6:8] == ["still", "always"]
    assert row[6:8] == [f"{dead.layers[1].still_share:.0%}", str(len(dead.layers[1].dead))]
    flat = check(VERDICTS["tanh far out"][0]()).layers[0]
    assert flat.saturated == tuple(f"layers.0.neurons.{i}" for i in range(8))
    assert flat.still_share == 1.0
    broken = check(VERDICTS["a bias of nan"][0]())
    assert broken.layers[0].broken_values == 0 < broken.layers[1].broken_values
    json.dumps(asdict(broken), allow_nan=False)
    assert check(network([1, 1]), lambda out, y: (0.0 * out).log(), ONE).loss is None
    alike = check(VERDICTS["zeros before tanh"][0]())
    assert [layer.are_alike for layer in alike.layers] == [True, True, False]


def test_the_mean_of_huge_losses_is_their_mean():
    huge = lambda out, y: 0.0 * out + 1.5e308
    assert check(network([1, 1]), huge, ([[1.0], [2.0]], [0.0, 0.0])).loss == 1.5e308


# The record


def test_health_is_part_of_a_history_in_json():
    history = History()
    history.health[0] = check(network([2, 4, 1], "relu", "he"), learning_rate=0.1)
    json.dumps(history.to_dict()["health"], allow_nan=False)
    data = json.loads(json.dumps(history.to_dict()))
    assert History.from_dict(data).health == history.health
    assert isinstance(hash(history.health[0]), int)
    with pytest.raises(AttributeError):
        history.health[0].loss = 0.0


@pytest.mark.parametrize(
    "damage",
    [  # How each type is checked is in test_decoding.py.
        lambda health: [],
        lambda health: {},
        lambda health: {**health, "more": 1},
        lambda health: {**health, "layers": [{}]},
        lambda health: {**health, "layers": ["layer"]},
        lambda health: {**health, "layers": 3},
        lambda health: {**health, "verdicts": "healthy"},
        lambda health: {**health, "layers": [{**health["layers"][0], "dead": "all"}]},
    ],
)
def test_what_is_no_health_is_refused(damage):
    history = History()
    history.health[0] = check(network([2, 1]))
    data = history.to_dict()
    with pytest.raises(ValueError, match=r'This is no history of a training: its health\["0"\]'):
        History.from_dict({**data, "health": {"0": damage(data["health"]["0"])}})


def test_the_text_is_an_aligned_table_with_the_verdicts_below():
    lines = str(check(network([2, *[6] * 11, 1], "sigmoid"))).split("\n")
    assert lines[0].startswith("24 samples, loss ")
    titles, *rows = lines[1:14]
    assert len(rows) == 12
    for title in ("parameters", "mean", "zero", "still", "always", "gradient", "relative"):
        column = titles.index(title)
        assert all(row[column - 1] == " " != row[column] for row in rows)
    assert lines[14].startswith("vanishing: ")
    assert lines == [line.rstrip() for line in lines]


@pytest.mark.needs("matplotlib")
def test_health_draws_a_bar_for_every_layer() -> None:
    model = MLP(2, [8] * 10 + [1], activation="sigmoid", output_activation="linear", seed=1)
    health = check_health(model, binary_cross_entropy_with_logits, *two_moons(40))
    figure = health.plot()
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == [
        layer.name for layer in health.layers
    ]
    gradients = [bar.get_width() for bar in figure.axes[2].patches]
    assert gradients == [layer.relative for layer in health.layers]
    assert "vanishing" in figure.get_suptitle()
    assert figure._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="no layers"):
        Health(1, 0.5, (), ("healthy",)).plot()


# Nothing changes


@pytest.mark.parametrize("how", ["looked at", "a loss that goes backward", "interrupted"])
def test_numbers_and_gradients_are_left_as_they_were(how):
    model, root = network([2, 4, 3, 1]), Value(3.0)
    scale = root * 2.0 if how == "looked at" else Value(6.0)
    (scale * hinge(model([1.0, 2.0]), 1)).backward()
    first, second, third, *_ = model.parameters()
    first.grad, second.grad, third.grad = NOT_COMPUTED, -0.0, math.nan
    kept = [*model.parameters(), root, scale]
    numbers, gradients = model.state_dict(), [p.grad for p in kept]

    def loss(out, y):
        found = scale * mse(out, y)
        if how != "looked at":
            found.backward()
        if how == "interrupted":
            raise KeyboardInterrupt
        return found

    if how == "interrupted":
        with pytest.raises(KeyboardInterrupt):
            check(model, loss)
    else:
        expected = check(model, lambda out, y: Value(6.0) * mse(out, y))
        for p in model.parameters():  # gradients from before do not count
            p.grad = 1e6
        assert check(model, loss) == expected
        for p, gradient in zip(kept, gradients):
            p.grad = gradient
        check(model, loss)
    assert model.state_dict() == numbers
    assert all(p.grad is g for p, g in zip(kept, gradients))
    assert math.copysign(1.0, second.grad) == -1.0


def test_the_circumstances_around_do_not_reach_it():
    model = network([2, 4, 1])
    expected = check(model)
    with no_grad(), scope("head"):
        assert check(model) == expected
    changed(model, "layers.0.neurons.0.b", to=math.nan)
    with trap():
        assert kinds(check(model))[0] == "nan"


# Arguments


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda m: check_health(len, mse, [[1]], [1]), TypeError, "takes a Module, not"),
        (lambda m: check_health(m, 3, [[1, 1]], [1]), TypeError, "the loss is a function"),
        (lambda m: check(m, lambda out, y: 1.0), TypeError, "the loss gives float 1.0"),
        (lambda m: check(m, lambda out, y: [out]), TypeError, "should give one Value"),
        (lambda m: check(m, most=0), ValueError, r"check_health\(most=...\) is at least 1, not 0"),
        (lambda m: check(m, learning_rate=-1), ValueError, "takes 0 or a positive number, not -1"),
        (lambda m: check_health(m, mse, [[1, 1]], [1, 2]), ValueError, "1 samples and y has 2"),
        (lambda m: check_health(m, mse, [], []), ValueError, "has no samples"),
        (lambda m: check_health(m, mse, [[1, math.nan]], [1]), ValueError, "is nan"),
        (lambda m: compiled(lambda x: check(m) and x)(1.0), CompilationError, "Call it outside"),
    ],
)
def test_wrong_arguments_get_a_sentence(call, kind, message):
    with pytest.raises(kind, match=message):
        call(network([2, 1]))


# The looks of `fit`, over what it has recorded


def looks_of_fit(model, loss, X, y, **options):
    """What `fit` found before and after, each beside what `check_health` says then."""
    eager = [check_health(model.eval(), loss, X, y, most=16)]
    look = lambda history: eager.append(check_health(model.eval(), loss, X, y, most=16))
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


def wired():
    """Scalars of its own, an activation beside a layer, a branch without gradient."""

    def compute(model, x):
        outputs = [v.relu() for v in model.hidden([model.scale * each for each in x])]
        return model.last(outputs) + maximum(model.off.detach(), model.off * 2.0 - 5.0)

    scalars = {"scale": Value(0.5), "off": Value(-1.0), "unused": Value(3.0)}
    hidden = Layer(2, 3, activation="linear", seed=0)
    return Made(compute, **scalars, hidden=hidden, last=Neuron(3, seed=1))


RECORDED = {
    "tanh": lambda: network([2, 6, 6, 1]),
    "relu": lambda: network([2, 6, 1], "relu", "he"),
    "deep sigmoids of zeros": lambda: network([2, *[4] * 9, 1], "sigmoid", "zeros"),
    "zeros": lambda: network([2, 4, 1], init="zeros"),
    "mixed": mixed,
    "wired": wired,
}


@pytest.mark.parametrize("loss", [mse, mae, hinge, cross_entropy])
@pytest.mark.parametrize("name", RECORDED)
def test_fit_looks_at_what_it_recorded_and_finds_the_same(name, loss, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("it ran sample by sample")

    monkeypatch.setattr(nn.loop, "check_health", refuse)
    model, data = RECORDED[name](), two_moons(40)
    if loss is cross_entropy:
        model, data = network([2, 5, 3], "relu"), blobs(40, seed=1)
    for found, wanted in looks_of_fit(model, loss, *data):
        assert_same(found, wanted)


def partly_frozen():
    model = network([2, 3, 1])
    model.layers[0].freeze()
    return model


NOT_RECORDED = {
    "another way for some samples": lambda: Made(
        lambda m, x: m.layers[1 if x[0] > 0.5 else 0](x),
        layers=[Neuron(2, seed=0), Neuron(2, seed=1)],
    ),
    "infinite numbers": lambda: changed(network([2, 3, 1]), "layers.1.neurons.0.b", to=1e308),
    "partly frozen": partly_frozen,
}


@pytest.fixture
def sample_by_sample(monkeypatch):
    """The calls of `check_health` by `fit`."""
    calls = []
    monkeypatch.setattr(nn.loop, "check_health", lambda *a: calls.append(1) or check_health(*a))
    return calls


@pytest.mark.parametrize("name", NOT_RECORDED)
def test_fit_looks_sample_by_sample_where_a_recording_does_not_serve(name, sample_by_sample):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for found, wanted in looks_of_fit(NOT_RECORDED[name](), mse, *two_moons(40)):
            assert_same(found, wanted)
    assert sample_by_sample


def test_fit_looks_sample_by_sample_where_each_run_draws_a_number(sample_by_sample):
    draw = random.Random(0).random
    compute = lambda m, x: m.inner(x) * (1.0 if m.training else draw())
    with pytest.warns(RuntimeWarning, match="does not depend on its arguments alone"):
        history = fit(
            Made(compute, inner=Neuron(2, seed=0)), mse, *two_moons(40), epochs=9, metrics=["r2"]
        )
    assert len(history["r2"]) == 9
    assert sample_by_sample


def test_a_callback_that_changes_the_model_is_seen_by_the_last_look():
    model, (X, y) = network([2, 4, 1]), two_moons(40)

    def bend(history):
        model.layers[0].neurons[0].activation = glassgrad.relu

    history = fit(model, mse, X, y, epochs=1, callbacks=bend)
    assert_same(history.health[1], check_health(model, mse, X, y, most=16))


def test_the_health_of_a_table_in_fit_is_that_of_check_health():
    X, y = np.array([[i % 6, (i * 5 + 1) % 6] for i in range(12)]), np.arange(12.0) / 12
    parts = {"table": Embedding(6, 2, seed=1), "head": MLP(4, [3, 1], seed=2)}
    model = Made(lambda m, x: m.head([*m.table(x[0]), *m.table(x[1])]), **parts)
    expected = check_health(model, mse, X, y, most=16)
    assert fit(model, mse, X, y, epochs=1, progress=False).health[0] == expected
