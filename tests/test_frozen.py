"""`module.freeze()`: what is frozen stays, whoever trains it, and all else moves as it did."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outputs import assert_is_sentence, bits

from glassgrad import (
    MLP,
    SGD,
    AdamW,
    History,
    Layer,
    LayerNorm,
    Module,
    Perceptron,
    Sequential,
    Value,
    assign_grad,
    backprop,
    check,
    check_health,
    compiled,
    data_vector,
    fit,
    from_torch,
    grad,
    grad_vector,
    l2,
    left_out,
    load,
    mse,
    to_torch,
    two_moons,
)
from glassgrad.engine.value import set_frozen

X, Y = two_moons(24, seed=3)


def model(seed: int = 0) -> Any:
    return MLP(2, [4, 3, 1], output_activation="linear", seed=seed)


def loss_of(net: Any, x: Any, y: Any) -> Value:
    return mse(net(x), y)


def gradients(module: Module) -> list[str]:
    return [str(p.grad) for p in module.parameters()]


# Gradients.


def test_no_gradient_reaches_what_is_frozen_and_all_others_are_as_before() -> None:
    net, free = model(), model()
    net.layers[1].freeze()
    for each in (net, free):
        loss_of(each, X[0], Y[0]).backward()
    assert set(gradients(net.layers[1])) == {"–"}
    for place in (0, 2):
        assert gradients(net.layers[place]) == gradients(free.layers[place])
    loss = loss_of(net, X[0], Y[0])
    assert (
        grad(loss, net.layers[1].parameters()) == grad_vector(free.layers[1].parameters()).tolist()
    )


@pytest.mark.parametrize(
    "give",
    [
        lambda net: net.zero_grad(),
        lambda net: SGD(net.parameters(), 0.1).zero_grad(),
        lambda net: assign_grad(net.parameters(), [1.0] * len(net.parameters())),
        lambda net: [setattr(p, "grad", 5.0) for p in net.parameters()],
        lambda net: loss_of(net, X[0], Y[0]).backward(),
        lambda net: compiled(lambda x, y: loss_of(net, x, y)).over(X, Y).backward(),
    ],
)
def test_nothing_sets_the_gradient_of_what_is_frozen(give: Callable[[Any], object]) -> None:
    net = model()
    give(net)
    assert "–" not in gradients(net)
    net.freeze()
    give(net)
    assert set(gradients(net)) == {"–"}
    net.unfreeze()  # what was there before is gone
    assert set(gradients(net)) == {"–"}
    give(net)
    assert "–" not in gradients(net)


# The same numbers as PyTorch's requires_grad_(False).


@pytest.mark.parametrize("is_compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.needs("torch")
def test_a_training_by_fit_is_that_of_pytorch(is_compiled: bool) -> None:
    import torch

    net = model()
    net.layers[1].freeze()
    there, before = to_torch(net), bits(net.layers[1])
    other = torch.optim.AdamW(there.parameters(), lr=0.05, weight_decay=0.1)
    optimiser = AdamW(net.parameters(), 0.05, weight_decay=0.1)
    given = {"epochs": 20, "batch_size": len(X), "shuffle": False, "compiled": is_compiled}
    history = fit(net, mse, X, Y, optimiser=optimiser, clip_norm=0.25, **given)
    norms = []
    for _ in range(20):
        other.zero_grad()
        ((there(torch.tensor(X))[:, 0] - torch.tensor(Y)) ** 2).mean().backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(there.parameters(), 0.25)))
        other.step()
    assert bits(net.layers[1]) == before
    np.testing.assert_allclose(history["gradient_norm"], norms, rtol=1e-12)
    expected = data_vector(from_torch(there).parameters())
    np.testing.assert_allclose(data_vector(net.parameters()), expected, rtol=1e-12)


@pytest.mark.needs("torch")
def test_it_crosses_the_bridge_both_ways() -> None:
    net: Any = Sequential(Layer(2, 3), Layer(3, 3), Layer(3, 1))
    net[0].freeze()
    net[1].freeze()
    there = to_torch(net)
    assert [p.requires_grad for p in there.parameters()] == [False] * 4 + [True] * 2
    again = from_torch(there)
    assert [p.is_frozen for p in again.parameters()] == [p.is_frozen for p in net.parameters()]
    net[2].neurons[0].freeze()
    half: Any = Sequential(Layer(2, 3), "relu")
    half[0].neurons[1].freeze()
    with pytest.raises(TypeError, match="some are frozen") as caught:
        to_torch(half)
    assert_is_sentence(str(caught.value))


# Whoever trains.


@pytest.mark.parametrize(
    "moved",
    [
        lambda p: p.data - 0.1 * p.grad,
        lambda p: p.data - p.grad * 0.1,
        lambda p: p.data - np.float64(0.1) * p.grad,
        lambda p: p.data + -0.1 * p.grad,
        lambda p: p.data - 0.1 * (p.grad / 4),
        lambda p: p.data + 0.1 * -p.grad,
        lambda p: 1 * p.data - 1 * p.grad,
    ],
)
def test_a_loop_by_hand_leaves_it_alone(moved: Callable[[Value], float]) -> None:
    """The sign of a zero included."""
    p = Module()
    p.w, p.free = Value(-0.0), Value(1.0)
    set_frozen([p.w], True)
    for _ in range(3):
        p.zero_grad()
        (p.w * 2.0 + p.free * 3.0).backward()
        p.w.data, p.free.data = moved(p.w), moved(p.free)
    assert str(p.w.data) == "-0.0"
    assert p.free.data != 1.0


def test_a_perceptron_learns_with_the_weights_that_may_move() -> None:
    gate = Perceptron(2, init="zeros").freeze()
    assert gate.learn([1.0, 1.0], 1) == 1.0
    assert set(gate.state_dict().values()) == {0.0}
    gate.unfreeze()
    gate.learn([1.0, 1.0], 1)
    assert set(gate.state_dict().values()) == {1.0}


def test_steps_of_a_training_do_not_move_it() -> None:
    w, x = Value(3.0, "w"), Value(2.0, "x")
    held = Module()
    held.w = w
    held.freeze()
    steps = backprop(w * x, learning_rate=0.5)
    assert steps.new_loss == 3.0 * (2.0 - 0.5 * 3.0)
    assert [step.node for step in steps if step.phase == "update"] == steps.moving
    assert len(steps.moving) == 1


def test_what_is_frozen_is_not_left_out() -> None:
    net = model()
    net.layers[0].freeze()
    others = [p for layer in net.layers[1:] for p in layer.parameters()]
    loss = loss_of(net, X[0], Y[0])
    assert left_out(loss, others) == []
    net.unfreeze()
    assert left_out(loss, others) == net.layers[0].parameters()


def test_a_model_that_is_frozen_as_a_whole_has_nothing_to_learn() -> None:
    with pytest.raises(ValueError, match="depends on none of the parameters") as caught:
        fit(model().freeze(), mse, X, Y, epochs=1)
    assert_is_sentence(str(caught.value))


def test_a_penalty_moves_nothing_that_is_frozen() -> None:
    net = model()
    net.layers[0].freeze()
    before = bits(net.layers[0])
    fit(net, mse, X, Y, epochs=2, penalty=lambda parameters: l2(parameters, 0.1))
    assert bits(net.layers[0]) == before


def test_health_looks_at_what_is_trained() -> None:
    net, free = model(), model()
    net.layers[0].freeze()
    found, expected = (check_health(each, mse, X, Y) for each in (net, free))
    assert found.verdicts == expected.verdicts == ("healthy",)
    assert found.layers[0].gradient_size is None
    assert found.layers[0].without_gradient == 0
    assert found.layers[1:] == expected.layers[1:]


def test_a_callback_that_freezes_everything_is_told_that_nothing_is_trained() -> None:
    net = model()

    def freezes(history: History) -> None:
        (net.unfreeze if history.epochs == 4 else net.freeze)()

    with pytest.warns(UserWarning, match="froze all parameters, after 1 epoch:") as told:
        history = fit(net, mse, X, Y, epochs=6, callbacks=freezes)
    assert len(told) == 1
    assert_is_sentence(str(told[0].message))
    assert any("froze all parameters" in note for note in history.notes)
    losses = history["loss"]
    assert losses[1:5] == pytest.approx([losses[1]] * 4, rel=1e-12)  # shuffled, and so rounded
    assert losses[5] < 0.99 * losses[4]


# What else there is to say of parameters.


def test_a_module_shows_how_many_are_frozen() -> None:
    net = model()
    assert repr(net.freeze()) == "MLP(2 → 4 → 3 → 1, tanh, linear output, 31 parameters, frozen)"
    net.layers[2].unfreeze()
    assert repr(net).endswith(", 31 parameters, 27 frozen)")
    assert repr(net.unfreeze()) == repr(model())


@pytest.mark.parametrize(
    "remake", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_a_copy_is_frozen_as_well(remake: Callable[[Any], Any]) -> None:
    net = model()
    net.layers[1].freeze()
    other = remake(net)
    assert [p.is_frozen for p in other.parameters()] == [p.is_frozen for p in net.parameters()]
    assert bits(other) == bits(net)


def test_a_file_says_the_numbers_alone(tmp_path: Path) -> None:
    net = model(seed=1)
    net.layers[1].freeze()
    found = load(net.save(tmp_path / "model.json"))
    assert bits(found) == bits(net)
    assert not any(p.is_frozen for p in found.parameters())
    for load_into in (
        lambda other: other.load(tmp_path / "model.json"),
        lambda other: other.load_state_dict(net.state_dict()),
    ):
        other = model(seed=2).freeze()
        load_into(other)
        assert bits(other) == bits(net)
        assert all(p.is_frozen for p in other.parameters())
    with pytest.raises(ValueError, match="with other settings"):
        LayerNorm(3, eps=0.5).freeze().load(LayerNorm(3).save(tmp_path / "norm.json"))


def product() -> tuple[Value, Value, Value]:
    """A frozen w that is used twice, another leaf, and w·w·x."""
    w, x = Value(3.0, "w"), Value(2.0, "x")
    held = Module()
    held.w = w
    held.freeze()
    y = w * w * x
    y.label = "y"
    return w, x, y


def test_no_step_sends_to_it_and_no_engine_either() -> None:
    w, x, y = product()
    steps = backprop(y)
    place, other = steps.diagram.values[w], steps.diagram.values[x]
    assert all(edge.parent != place for step in steps for edge in step.edges)
    assert place not in steps.gradients
    assert steps.gradients[other] == 9.0
    assert all(place not in mistake.gradients for mistake in steps.mistakes())
    (row,) = [line.split() for line in str(steps).splitlines() if "(frozen)" in line]
    assert row[:4] == ["w", "3", "–", "(frozen)"]
    y.backward()
    assert (str(w.grad), x.grad) == ("–", 9.0)


def test_a_derivative_by_it_is_asked_and_told_all_the_same() -> None:
    w, _, y = product()
    assert check(12.0, y, by=w)
    assert not check(0.0, y, by=w)
