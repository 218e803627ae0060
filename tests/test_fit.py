"""`fit`: it learns, counts, stops, keeps and tells what it should, compiled and eagerly alike.

How a training is cut into pieces is in `test_checkpoints.py`; weights and several outputs are in
`test_fit_weights.py`.
"""

import copy
import functools
import json
import math
import pickle
import random
import re
import sys
import types
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from fitting import (
    TRAININGS,
    Made,
    X,
    Y,
    assert_alike,
    numbers,
    peeking,
    small,
    trained,
    with_dropout,
)
from needing import mostly_slow
from outputs import assert_is_sentence

from glassgrad import (
    MLP,
    NOT_COMPUTED,
    SGD,
    Adam,
    Embedding,
    History,
    Module,
    Sequential,
    Value,
    accuracy,
    binary_cross_entropy_with_logits,
    compiled,
    cosine,
    cross_entropy,
    engine,
    fit,
    hinge,
    l2,
    log,
    mse,
    nn,
    no_grad,
    predict,
    sine,
    split,
    to_torch,
    two_moons,
    warm_up,
    xor,
)
from glassgrad.engine import Compiled
from glassgrad.nn.batches import LARGEST_PIECE, generator_of_epoch
from glassgrad.nn.plotting import plot_curves

BOTH = pytest.mark.parametrize("is_compiled", [True, False])
SIGNS = 2 * Y - 1


def descent(model: Module, rate: float, **options: Any) -> dict[str, Any]:
    return {"model": model, "optimiser": SGD(model.parameters(), rate, **options)}


def linear(seed: int = 0, **options: Any) -> MLP:
    return MLP(2, [1], output_activation="linear", seed=seed, **options)


# What it learns

CONVERGING: dict[str, tuple[Callable[[int], Any], Callable, list[int], dict[str, Any], float]] = {
    "xor": (
        lambda seed: xor(), binary_cross_entropy_with_logits, [8, 1],
        {"init": "xavier", "rate": 0.05, "epochs": 300, "metrics": ["accuracy"]}, 1.0,
    ),
    "a sine": (
        lambda seed: sine(120, noise=0.05, seed=seed), mse, [16, 16, 1],
        {"init": "xavier", "rate": 0.02, "epochs": 200, "schedule": cosine(), "metrics": "r2"}, 0.97
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "case", mostly_slow(f"{name} {seed}" for name in CONVERGING for seed in range(5))
)
def test_it_converges(case: str) -> None:
    name, seed = case[:-2], int(case[-1])
    data, loss, sizes, options, least = CONVERGING[name]
    init, rate, *_ = options.values()
    (inputs, targets), given = data(seed), dict(list(options.items())[2:])
    model = MLP(inputs.shape[1], sizes, output_activation="linear", init=init, seed=seed)
    optimiser = Adam(model.parameters(), rate)
    history = fit(model, loss, inputs, targets, optimiser=optimiser, seed=seed, health=False,
                  **given)  # fmt: skip
    assert history[history.main()[-1]][-1] >= least


# Compiled and eagerly


@pytest.mark.parametrize("name", TRAININGS)
def test_compiled_and_eager_trainings_are_alike(name: str) -> None:
    """Also the units that dropout leaves out, while it is trained and not afterwards."""
    one, eager = trained(**TRAININGS[name]()), trained(**TRAININGS[name](), compiled=False)
    assert_alike(one, eager, 1e-9)  # the notes tell that it did run compiled
    assert not one[0].training
    for again in (one[0], eager[0]):
        assert str(again(X[0])) == str(again(X[0]))


class Own(SGD):
    def rule(self, numbers: Any, gradients: Any, state: Any, group: Any) -> Any:
        return super().rule(numbers, gradients, state, group)


def with_a_rule_in_place_of_ours() -> dict[str, Any]:
    given = descent(small(), 0.1)
    given["optimiser"].rule = Own(given["model"].parameters(), 0.1).rule
    return given


def with_an_optimiser_of_ones_own() -> dict[str, Any]:
    model = small()
    return {"model": model, "optimiser": Own(model.parameters(), 0.1)}


def with_a_step_in_place_of_ours() -> dict[str, Any]:
    given = descent(small(), 0.1)
    ours = given["optimiser"].moved
    given["optimiser"].moved = lambda *arrays: 1.0 * ours(*arrays)
    return given


class Told(Module):
    def forward(self, history: Any) -> None:
        """As a callback, by a method of this library."""


own = functools.wraps(cosine())(lambda step, total: 1.0)
"""It bears the name of one of ours."""
AUDITED: dict[str, Callable[[], dict[str, Any]]] = {
    "a model": lambda: {"model": Made(lambda m, x: m.w * x[0], w=Value(1.0))},
    "a loss": lambda: {"loss": lambda output, target: (output - target) ** 2},
    "a penalty": lambda: {"penalty": lambda parameters: l2(parameters, 0.1)},
    "a callback": lambda: {"callbacks": print},
    "a method of a class": lambda: {"callbacks": Told().__call__},
    "a metric": lambda: {"metrics": error_of_all},
    "a schedule": lambda: {"schedule": own},
    "a schedule within ours": lambda: {"schedule": warm_up(1, then=own)},
    "a rule": with_a_rule_in_place_of_ours,
    "a step": with_a_step_in_place_of_ours,
    "an optimiser": with_an_optimiser_of_ones_own,
    "none": lambda: {},
    "none, but all of ours": lambda: {
        **descent(Sequential(small(), "tanh"), 0.1), "schedule": warm_up(1, then=cosine()),
        "loss": functools.partial(mse, reduction="sum"), "metrics": "r2",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", AUDITED)
def test_recordings_are_audited_in_each_epoch_if_code_of_the_users_runs(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = Mock()
    monkeypatch.setattr(Compiled, "audit_next", audit)
    trained(**{"loss": mse, **AUDITED[name]()}, epochs=3)
    assert audit.call_count == (0 if name.startswith("none") else 3 * 2)


RATE = 1.0


@pytest.mark.parametrize("role", ["loss", "penalty", "activation"])
def test_what_a_training_reads_may_change_between_epochs(
    role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"epochs": 3, "batch_size": 40, "loss": mse}
    if role == "penalty":
        options["penalty"] = lambda parameters: l2(parameters, RATE)
    elif role == "loss":
        options["loss"] = lambda output, target: RATE * mse(output, target)
    losses = []
    for is_compiled in (True, False):
        model = small()

        def change(history: History, model: Any = model) -> None:
            monkeypatch.setitem(globals(), "RATE", 10.0)
            if role == "activation":
                model.layers[1].activation = lambda v: 9.0 * v

        monkeypatch.setitem(globals(), "RATE", 1.0)
        given = {**options, "model": model, "callbacks": change, "compiled": is_compiled}
        losses.append(trained(**given)[1]["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-9)
    assert losses[0][1] > 2.0 * losses[0][0]


def test_whole_numbers_are_the_same_compiled_and_eager() -> None:
    losses = [
        trained(
            model=Made(lambda m, x: m.w * (x[0] ** 25) * 1e-25 + x[1] ** -1, w=Value(1.0)),
            **{"X": np.array([[10, 1], [9, 2], [8, 4]]), "y": [1.0, 2.0, 3.0], "loss": mse},
            compiled=is_compiled,
        )[1]["loss"]
        for is_compiled in (True, False)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


def test_a_model_that_cannot_be_compiled_is_trained_eagerly_and_says_so() -> None:
    with pytest.warns(UserWarning, match="goes on without compiled") as caught:
        history = fit(model := peeking(), mse, X, Y, epochs=2)
    assert [warning.filename for warning in caught] == [__file__]  # where fit was called
    other = fit(plain := small(), mse, X, Y, epochs=2, compiled=False)
    np.testing.assert_array_equal(numbers(model), numbers(plain))
    assert history["loss"] == other["loss"]
    assert history.notes[0].startswith("It ran without compiled: ")


# The loop


def test_full_batches_are_gradient_descent_by_hand() -> None:
    by_hand = small()
    options = {"loss": hinge, "y": SIGNS, "epochs": 3, "batch_size": len(X), "shuffle": False}
    model, _ = trained(**descent(small(), 0.1), **options)
    for _ in range(3):
        losses = [hinge(by_hand(x), sign) for x, sign in zip(X, SIGNS.tolist())]
        by_hand.zero_grad()
        (sum(losses) / len(losses)).backward()
        for p in by_hand.parameters():
            p.data -= 0.1 * p.grad
    np.testing.assert_allclose(numbers(model), numbers(by_hand), rtol=1e-12)
    assert all(p.grad is NOT_COMPUTED for p in model.parameters())  # those of a batch mislead


@pytest.mark.needs("torch")
def test_shuffled_batches_with_a_schedule_and_clipping_are_those_of_pytorch() -> None:
    import torch

    of_torch = torch.nn.functional.binary_cross_entropy_with_logits
    inputs, y = two_moons(64)
    model = MLP(2, [12, 8, 1], output_activation="linear", init="xavier", seed=3)
    there = to_torch(model)
    options = {"epochs": 25, "batch_size": 16, "schedule": cosine(), "clip_norm": 0.3, "seed": 5}
    sgd = SGD(model.parameters(), 0.5, momentum=0.9)
    _, history = trained(model=model, X=inputs, y=y, optimiser=sgd, **options)
    theirs = torch.optim.SGD(there.parameters(), 0.5, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, 100)
    expected = []
    for epoch in range(1, 26):
        order, losses = generator_of_epoch(5, epoch).permutation(64), []
        for places in order.reshape(4, 16):
            theirs.zero_grad()
            outputs = there(torch.tensor(inputs[places])).reshape(-1)
            found = of_torch(outputs, torch.tensor(y[places].astype(float)))
            found.backward()
            torch.nn.utils.clip_grad_norm_(there.parameters(), 0.3)
            theirs.step()
            schedule.step()
            losses.append(found.item())
        expected.append(np.mean(losses))
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-9)


def test_every_sample_is_used_once_in_an_epoch_and_in_another_order_each_time() -> None:
    seen, orders = list[float](), list[list[float]]()

    def spy(model: Any, x: Any) -> Value:
        if model.training:
            seen.append(float(x[0]))
        return model.w * x[0]

    inputs = np.arange(10.0).reshape(-1, 1)
    options = {"epochs": 2, "batch_size": 3, "compiled": False, "loss": mse}
    look = lambda history: orders.append(seen[-10:])
    trained(model=Made(spy, w=Value(1.0)), X=inputs, y=inputs[:, 0], callbacks=look, **options)
    first, second = orders
    assert sorted(first) == sorted(second) == inputs[:, 0].tolist()
    assert first != second


def test_the_seed_decides_everything() -> None:
    results = [numbers(trained(seed=seed)[0]) for seed in (3, 3, 4)]
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_clipping_limits_the_gradient() -> None:
    options = {"epochs": 1, "batch_size": 40, "clip_norm": 1e-3, "keep_best": False}
    model, history = trained(**descent(small(), 1.0), **options)
    assert np.linalg.norm(numbers(model) - numbers(small())) == pytest.approx(1e-3, rel=1e-3)
    assert history["gradient_norm"][0] > 1e-2  # as it was before


def test_a_schedule_is_asked_for_its_steps_only() -> None:
    rates = [1.0] * 12

    def rule(step: int, total: int | None) -> float:
        return rates[step] if step < 10**9 else later  # a name that is not there yet

    assert trained(schedule=rule)[1].epochs == 4
    later = 0.0


def test_a_validation_pair_is_measured_without_the_penalty() -> None:
    huge = {"penalty": lambda parameters: l2(parameters, 10.0)}
    _, history = trained(validation=(X, Y), **huge)
    assert history["validation_loss"][-1] < 1.0 < history["loss"][0]
    said = "The loss has the penalty in it, the validation loss has not."
    assert [said in notes for notes in (history.notes, trained(**huge)[1].notes)] == [True, False]


def test_early_stopping_keeps_the_best() -> None:
    flipped = 1 - Y  # learning makes the validation loss grow
    model, history = trained(validation=(X, flipped), patience=3, epochs=50)
    assert history.epochs == history.best_epoch + 3
    assert history.stopped.startswith(f"early, after {history.epochs} epochs")
    losses = [binary_cross_entropy_with_logits(model(x), t).data for x, t in zip(X, flipped)]
    assert np.mean(losses) == pytest.approx(min(history["validation_loss"]))


def test_patience_ends_where_nothing_is_ever_better() -> None:
    inputs = np.linspace(1.0, 2.0, 10)[:, None]
    options = {"validation": ([[-1.0]], [0.0]), "patience": 2, "epochs": 30, "loss": mse}
    model = Made(lambda m, x: m.w * log(x[0]), w=Value(1.0))
    assert trained(model=model, X=inputs, y=inputs[:, 0], **options)[1].epochs == 2


@pytest.mark.parametrize("keep", [None, True])
def test_the_last_parameters_are_kept_or_the_best(keep: bool | None) -> None:
    model, seen = small(), list[np.ndarray]()
    options = {"callbacks": lambda _: seen.append(numbers(model)), "keep_best": keep}
    _, history = trained(**descent(model, 30.0), loss=mse, epochs=5, **options)
    assert history.best_epoch < history.epochs
    kept = history.epochs if keep is None else history.best_epoch
    assert np.array_equal(numbers(model), seen[kept - 1])


@pytest.mark.parametrize("rate", [5.0, 1e6])
def test_the_best_parameters_are_those_with_the_best_loss(rate: float) -> None:
    inputs, y = xor()
    options = {"X": inputs, "y": y, "loss": mse, "epochs": 20, "patience": 5}
    model, history = trained(**descent(linear(), rate), **options)
    assert np.mean((predict(model, inputs) - y) ** 2) == pytest.approx(history.smallest, rel=1e-9)


# What is not finite


def test_a_loss_that_is_not_finite_stops_and_keeps_the_best() -> None:
    model = small()
    sgd = SGD(model.parameters(), 1e200)
    with pytest.warns(UserWarning, match="Lower the learning rate") as caught:
        history = fit(model, mse, X * 1e3, Y, optimiser=sgd, epochs=20, health=False)
    assert [warning.filename for warning in caught] == [__file__]  # where fit was called
    assert history.epochs < 20
    assert np.isfinite(numbers(model)).all()
    assert "the loss is" in history.stopped


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"loss": lambda output, target: abs(output * 0.0).sqrt()},
            "the gradient is not finite at step 1, in epoch 1",
        ),
        (
            {**descent(small(), 1e308), "loss": mse, "batch_size": 40},
            "the parameters are those from before",
        ),
    ],
    ids=["a gradient", "a step"],
)
def test_what_explodes_at_once_leaves_the_model_as_it_was(options: dict, said: str) -> None:
    with pytest.warns(UserWarning, match=said):
        model, history = trained(**options)
    assert np.array_equal(numbers(model), numbers(small()))
    assert history.epochs == 0


def test_the_mean_of_huge_losses_is_their_mean() -> None:
    huge = {"penalty": lambda parameters: 0.0 * parameters[0] + 1.5e308, "batch_size": 1}
    assert trained(**huge, epochs=1)[1]["loss"] == pytest.approx([1.5e308], rel=1e-12)


# Metrics


def error_of_all(outputs: Any, targets: Any) -> float:
    return float(np.mean(outputs - targets))


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        ("accuracy", ["accuracy"]),
        (error_of_all, ["error_of_all"]),
        (lambda outputs, targets: 0.5, ["lambda"]),
        (["accuracy", error_of_all], ["accuracy", "error_of_all"]),
        (None, []),
    ],
)
def test_metrics_are_columns_by_their_names(metrics: Any, names: list[str]) -> None:
    assert trained(metrics=metrics, epochs=1)[1].main() == ["loss", "end_loss", *names]


@pytest.mark.parametrize("name", ["loss", "seconds", "validation_loss"])
def test_a_metric_cannot_take_the_place_of_a_column(name: str) -> None:
    metric = functools.wraps(error_of_all)(lambda outputs, targets: 7.0)
    metric.__name__ = name
    with pytest.raises(ValueError, match=f"has a column of its own called {name}"):
        trained(metrics=[metric])


def of_two(output: Any, target: Any, weight: float) -> Any:
    return mse(output, target) * weight


class Static:
    __call__ = staticmethod(mse)


@pytest.mark.parametrize(
    "loss", [functools.wraps(of_two)(lambda output, target: of_two(output, target, 2.0)), Static()]
)
def test_what_is_called_is_what_is_asked(loss: Any) -> None:
    assert trained(loss=loss, epochs=1)[1].epochs == 1


def of_logs(output: Any, target: Any) -> Any:
    return -(target * output.log() + (1 - target) * (1 - output).log())


REACHING: list[tuple[str, Callable, Any, float | None]] = [
    ("sigmoid", of_logs, Y, 0.5),
    ("sigmoid", mse, Y, 0.5),
    ("linear", mse, Y, 0.5),
    ("linear", mse, 100.0 * Y, None),
    ("tanh", mse, SIGNS, 0.0),
    ("tanh", hinge, SIGNS, 0.0),
    ("linear", binary_cross_entropy_with_logits, Y, 0.0),
    ("linear", hinge, SIGNS, 0.0),
]
"""Ends of models that can give the targets, and where their classes part."""


@pytest.mark.parametrize(("end", "loss", "targets", "threshold"), REACHING)
@pytest.mark.parametrize("metric", ["accuracy", accuracy])
def test_accuracy_knows_where_the_classes_part(
    metric: Any, end: str, loss: Callable, targets: Any, threshold: float | None
) -> None:
    metrics = None if threshold is None else metric
    model, history = trained(model=small(end=end), loss=loss, y=targets, metrics=metrics)
    if threshold is not None:
        expected = accuracy(predict(model, X), targets, threshold=threshold)
        assert history["accuracy"][-1] == expected


def test_with_a_loss_of_ones_own_it_may_have_to_be_said() -> None:
    """A model of probabilities whose end does not show it."""
    made = lambda: Made(lambda m, x: m.scores(x).sigmoid().clip(1e-6, 1.0 - 1e-6), scores=small())
    with pytest.raises(ValueError, match=r"write threshold=0\.5"):
        trained(model=made(), loss=of_logs, metrics="accuracy")

    def share(outputs: Any, targets: Any) -> float:
        return accuracy(outputs, targets, threshold=0.5)

    model, history = trained(model=made(), loss=of_logs, metrics=share)
    assert history["share"][-1] == share(predict(model, X), Y)


# The end of a model


@pytest.mark.parametrize(
    ("end", "outputs", "loss", "targets", "said"),
    [
        ("tanh", 1, mse, 10.0 * Y, "targets reach from 0 to 10, but the model ends in tanh"),
        ("relu", 1, mse, Y - 2.0, "ends in relu, which gives numbers from 0 on"),
        ("sigmoid", 1, binary_cross_entropy_with_logits, Y, "takes logits, .* ends in sigmoid"),
        ("tanh", 2, cross_entropy, Y, "cross_entropy takes logits, .* which gives -1 to 1"),
        ("sigmoid", 1, hinge, SIGNS, "hinge takes scores below 0"),
    ],
)
def test_a_model_that_cannot_reach_its_targets_is_named(
    end: str, outputs: int, loss: Callable, targets: Any, said: str
) -> None:
    with pytest.warns(UserWarning, match=rf"fit: .*{said}.*output_activation=\"linear\""):
        trained(model=small(end=end, outputs=outputs), loss=loss, y=targets)


@compiled
def relu(x: Any) -> Any:
    """A name of the table, and another function."""
    return x * 1.0


UNSUSPECTED: dict[str, Callable[[], dict[str, Any]]] = {
    "a function of the name of relu": lambda: {
        "model": Made(lambda m, x: relu(m.scores(x)), scores=small()), "y": Y - 2.0,
    },
    "one way of several": lambda: {
        "model": Made(
            lambda m, x: (m.scores(x).relu() if x[0] < X[0, 0] + 1e-9 else m.scores(x)),
            scores=small(),
        ),
        "y": Y - 2.0,
    },
    "softplus before classes": lambda: {
        "model": small(end="softplus", outputs=2), "loss": cross_entropy,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", UNSUSPECTED)
def test_an_end_is_one_of_the_table_on_all_ways(name: str) -> None:
    trained(**{"loss": mse, **UNSUSPECTED[name]()})  # a warning would be an error


def test_to_look_at_the_end_draws_no_random_numbers() -> None:
    model, state = with_dropout(), random.getstate()
    trained(model=model)
    assert random.getstate() == state


# Callbacks


def test_callbacks_see_the_history_and_may_stop() -> None:
    seen: list[int] = []

    def watch(history: History) -> Any:
        seen.append(history.epochs)
        return np.mean(seen) > 1.0  # an answer of numpy

    _, history = trained(callbacks=[watch, lambda history: None])
    assert seen == [1, 2]
    assert history.stopped == "by a callback, after 2 epochs"


@BOTH
@pytest.mark.parametrize("keep_best", [True, False])
def test_a_callback_may_move_parameters(is_compiled: bool, keep_best: bool) -> None:
    model = small()

    def clip(history: Any) -> None:
        for p in model.parameters():
            p.data = min(max(p.data, -0.01), 0.01)

    trained(model=model, callbacks=clip, compiled=is_compiled, keep_best=keep_best)
    assert np.abs(numbers(model)).max() == 0.01


@BOTH
def test_a_callback_sees_the_gradients_of_the_last_step(is_compiled: bool) -> None:
    model, seen = linear(), list[Any]()
    watch = lambda history: seen.append([p.grad for p in model.parameters()])
    fit(loss=mse, X=X, y=Y, batch_size=len(X), epochs=2, compiled=is_compiled, callbacks=watch,
        **descent(model, 0.0))  # fmt: skip
    engine.mean([mse(model(x), y) for x, y in zip(X, Y)]).backward()
    assert seen == [pytest.approx([p.grad for p in model.parameters()], rel=1e-12)] * 2


@BOTH
def test_an_error_of_a_callback_leaves_no_gradients(is_compiled: bool) -> None:
    def fails(history: Any) -> None:
        raise LookupError

    model = small()
    with pytest.raises(LookupError):
        trained(model=model, callbacks=fails, compiled=is_compiled)
    assert all(p.grad is NOT_COMPUTED for p in model.parameters())
    assert not model.training


def test_gradients_of_parameters_that_are_not_trained_are_forgotten_too() -> None:
    model = small()
    trained(model=model, optimiser=SGD(model.layers[1].parameters(), 0.1), compiled=False)
    assert all(p.grad is NOT_COMPUTED for p in model.parameters())


def test_a_callback_cannot_add_parameters_to_the_optimiser() -> None:
    model = small()
    first, *others = model.parameters()
    optimiser = Adam([first], 0.1)
    add = lambda history: optimiser.add_param_group({"parameters": others})
    with pytest.raises(ValueError, match="a callback gave the optimiser more, and a training"):
        trained(model=model, optimiser=optimiser, callbacks=add)


@BOTH
def test_a_callback_cannot_put_values_into_the_model_that_nobody_trains(is_compiled: bool) -> None:
    model = small()
    neuron = model.layers[0].neurons[0]

    def replace(history: History) -> None:
        neuron.b = Value(1.0)

    with pytest.raises(
        ValueError, match=r"as layers\.0\.neurons\.0\.b, and a training that"
    ) as told:
        trained(model=model, callbacks=replace, compiled=is_compiled)
    assert_is_sentence(str(told.value))
    stop = lambda history: replace(history) or True
    _, history = trained(model=model, callbacks=stop, compiled=is_compiled)
    assert history.stopped == "by a callback, after 1 epoch"


def test_who_changes_what_a_history_gave_changes_no_history() -> None:
    def meddling(history: History) -> None:
        for given in (*history.values(), *history.gradients.values()):
            given[:] = [-1.0]
        history.gradients.clear()
        told = history.to_dict()
        told["columns"]["loss"].clear()
        told["gradients"]["layers.0"].clear()
        told["notes"].append("none")

    (_, expected), (_, found) = trained(), trained(callbacks=meddling)
    assert found["loss"] == expected["loss"]
    assert found.gradients == expected.gradients
    assert found.notes == expected.notes


# What is refused: the model stays as it was


class Stepping(SGD):
    def step(self) -> None:
        super().step()


def stepping() -> dict[str, Any]:
    model = small()
    return {"model": model, "optimiser": Stepping(model.parameters(), 0.1)}


async def later(history: History) -> bool:
    return True


def lazily(history: History) -> Any:
    yield history["loss"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"epochs": 0}, r"fit\(epochs=\.\.\.\) is at least 1, not 0"),
    ({"epochs": 2.5}, r"fit\(epochs=\.\.\.\) is a whole number, not float 2\.5"),
    ({"batch_size": -1}, r"fit\(batch_size=\.\.\.\) is at least 1"),
    ({"seed": -1}, r"fit\(seed=\.\.\.\) is at least 0"),
    ({"clip_norm": 0.0}, r"fit\(clip_norm=\.\.\.\) takes a positive number, not 0\.0"),
    *(
        ({name: wrong}, rf"fit\({name}=\.\.\.\) is True or False, not {wrong!r}")
        for name, wrong in (("shuffle", "false"), ("health", 2), ("compiled", None),
                            ("keep_best", 0))
    ),
    ({"validation": 0.001}, r"fit\(validation=0\.001\) of 40 samples leaves none on one side"),
    ({"validation": 1.5}, r"hold out or .* takes a number above 0 and below 1, not 1\.5"),
    ({"validation": True}, "above 0 and below 1, not 1"),
    ({"validation": "half"}, r"samples to hold out or \(X, y\), takes a real number, not str"),
    ({"validation": ([[1.0, 2.0, 3.0]], [1])}, r"have other shapes"),
    ({"metrics": ["precission"]}, r"precission"),
    ({"metrics": [lambda o, t: 0.0, lambda o, t: 1.0]}, r"has two called lambda\. Give one an"),
    ({"metrics": 3}, "a list of them, not int 3"),
    ({"metrics": [type("ours", (), {"__call__": lambda self, output, y: "?"})()]}, "metric ours"),
    ({"optimiser": "adam"}, r"fit\(optimiser=\.\.\.\) is one of nn"),
    ({"optimiser": SGD([Value(1.0)], 0.1)}, "is the optimiser made from those of this model"),
    (descent(small(), 0.1, maximize=True), r"SGD\(maximize=True\) climbs"),
    (stepping(), "Stepping defines a step of its own"),
    ({"optimizer": None}, "Did you mean optimiser?"),
    ({"epoch": 1}, "Did you mean epochs?"),
    ({"schedule": cosine}, r"call it, cosine\("),
    ({"schedule": 0.5}, r"^fit\(schedule=\.\.\.\) takes a rule such as cosine\(\), or a function "
     r"of the step and the number of all steps, not float 0\.5\.$"),
    ({"schedule": lambda step: 1.0}, r"number of all steps, not lambda\(step\)\.$"),
    ({"schedule": lambda step, total: None}, r"at step 0 takes a real number, not NoneType None"),
    ({"callbacks": lambda: True}, r"takes functions of the history, not lambda\(\)\.$"),
    ({"metrics": lambda output: 1.0}, r"a function of outputs and targets, not lambda\(output\)"),
    ({"penalty": lambda: 1.0}, r"lambda parameters: l2\(parameters, 1e-4\), not lambda\(\)\.$"),
    ({"loss": lambda output: output}, r"of an output and a target, not lambda\(output\)\.$"),
    ({"loss": l2}, r"l2 is a penalty: write fit\(penalty=\.\.\.\)\.$"),
    ({"callbacks": [3]}, r"fit\(callbacks=\.\.\.\) takes .*function"),
    ({"callbacks": 3}, r"a list of them, not int 3"),
    ({"callbacks": lazily}, "lazily is written with yield or async"),
    ({"callbacks": later}, "later is written with yield or async"),
    ({"penalty": 1e-4}, r"fit\(penalty=\.\.\.\) takes .*lambda parameters: l2\("),
    ({"penalty": l2}, r"fit\(penalty=\.\.\.\) takes a function of the list .*lambda parameters: l"),
    ({"penalty": lambda parameters: None}, r"fit\(penalty=\.\.\.\): it gave NoneType None"),
    ({"loss": [3]}, r"fit\(loss=\.\.\.\) takes a loss such as glassgrad\.mse"),
    ({"loss": "mse"}, "a loss such as glassgrad.mse, not str 'mse'"),
    ({"loss": "MSE"}, r"Give the function itself: glassgrad\.mse\."),
    ({"loss": "bce"}, r"glassgrad\.binary_cross_entropy_with_log"),
    ({"loss": "crossentropy"}, r"itself: glassgrad\.cross_entropy"),
    ({"loss": "nll"}, r"itself: glassgrad\.cross_entropy\.$"),
    ({"loss": "loss"}, r"not str 'loss'\.$"),
    ({"loss": lambda output, target: Value(1.0)}, "there is nothing to learn"),
    ({"loss": lambda output, target: (output.detach() - target) ** 2}, "nothing to learn"),
    ({"loss": lambda output, target: [output]}, "gives one Value"),
    ({"X": X[:1], "y": [1, 0]}, r"X has 1 samples and y has 2 targets"),
    ({"X": [], "y": []}, r"X has no samples"),
    ({"X": [[1.0, math.nan]], "y": [1]}, r"X\[0, 1\] is nan"),
    ({"X": [[1.0], [1.0, 2.0]], "y": [1, 0]}, r"rows of different lengths"),
    ({"X": [["a", "b"]], "y": [1]}, r"X holds texts, and takes real numbers"),
    ({"X": [[1.0, 2.0, 3.0]], "y": [1]}, r"takes 2 inputs, not 3"),
    ({"y": [1, 7] * 20}, r"binary_cross_entropy_with_logits"),
    ({"y": [-1, 1] * 20}, r"\(y \+ 1\) / 2"),
    ({"X": np.ones((7000, 2)), "y": np.linspace(0.0, 1.5, 7000)}, r"from 0 to 1 .*, not 1\.0"),
    ({"model": Sequential("relu")}, "has no parameters, so there is nothing to train"),
    ({"model": lambda x: x[0]}, "fit takes a model of nn"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_a_training_that_makes_no_sense_is_refused(options: dict, message: str) -> None:
    model = options.get("model", small())
    before = numbers(model) if isinstance(model, Module) else None
    with pytest.raises((TypeError, ValueError), match=message):
        trained(**{"model": model, **options})
    if before is not None and "callbacks" not in options:
        assert np.array_equal(numbers(model), before)


SLIPS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: fit(small(), mse, X), TypeError, r"missing 1 .* Write fit\(model, loss, X, y\)"),
    (no_grad()(trained), RuntimeError, "fit needs gradients"),
    (lambda: predict(lambda x: x[0], X), TypeError, "predict takes a model"),
    (lambda: split(X, Y, test_size=0.2), TypeError, "Did you mean share?"),
    (lambda: Adam(small().parameters(), lr=0.1), TypeError, "Did you mean learning_rate?"),
    (lambda: Adam(small().parameters(), zeal=1), TypeError, "has no argument zeal. It takes"),
    (lambda: MLP(2, 3, 1), TypeError, r"Write MLP\(2, \[3, 1\]\)"),
    (lambda: MLP([2, 3, 1]), TypeError, r"Write MLP\(2, \[3, 1\]\)"),
    (lambda: small(end="softmax"), ValueError, "train with cross_entropy"),
    (lambda: small(end="identity"), ValueError, "Did you mean 'linear'?"),
    (lambda: small(end="sofplus"), ValueError, "Did you mean 'softplus'?"),
    (lambda: small(end="qqqq"), ValueError, "Choose one of linear"),
    (lambda: setattr(SGD(small().parameters(), 0.1), "momentum", 0.9), AttributeError,
     r"groups\[0\]\.momentum"),
]  # fmt: skip


@pytest.mark.parametrize(("slip", "error", "message"), SLIPS)
def test_a_slip_is_answered_with_what_to_write(
    slip: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        slip()


def test_a_type_error_from_inside_is_passed_on_as_it_is() -> None:
    def broken(output: Any, target: Any) -> Any:
        raise TypeError("from inside")

    with pytest.raises(TypeError, match=r"^from inside$"):
        trained(loss=broken)


def test_the_signature_is_still_there() -> None:
    assert "optimiser" in str(nn.fit.__wrapped__.__kwdefaults__)
    assert nn.fit.__name__ == "fit"


# The bar, and the history


def test_the_bar_is_quiet_where_nobody_watches(capfd: pytest.CaptureFixture[str]) -> None:
    trained(progress=None)
    printed = capfd.readouterr()
    assert printed.out == printed.err == ""


@pytest.mark.needs("tqdm")
def test_the_bar_shows_epochs_and_losses(capfd: pytest.CaptureFixture[str]) -> None:
    trained(progress=True, validation=0.25)
    printed = capfd.readouterr().err
    assert "4/4" in printed
    assert "validation loss=" in printed


@pytest.mark.needs("tqdm")
def test_the_bar_shows_itself_in_a_notebook(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shell = types.SimpleNamespace(kernel=None)
    notebook = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setattr(nn.hooks, "find_spec", lambda name: None)  # no ipywidgets
    trained(progress=None)
    assert "4/4" in capfd.readouterr().err


@pytest.mark.everywhere
def test_without_tqdm_a_wanted_bar_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tqdm", "tqdm.std"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install \"glassgrad\[train\]\""):
        trained(progress=True)
    trained(progress=None)


def test_a_history_prints_a_table() -> None:
    _, history = trained(epochs=30, validation=0.25, metrics=["accuracy"], health=True)
    lines = str(history).splitlines()
    assert lines[0].split()[:4] == ["epoch", "loss", "validation", "loss"]
    assert len([line for line in lines if line[0].isdigit()]) <= 13
    assert sum("*" in line for line in lines) == 2  # the best epoch, and what the star means
    assert any(line.startswith("gradients after epoch 30: ") for line in lines)
    assert repr(history).startswith("<history of 30 epochs: loss ")


@pytest.mark.parametrize("validation", [None, 0.25])
@pytest.mark.parametrize(("rate", "diverges"), [(0.1, False), (1e4, True)])
def test_the_best_epoch_its_number_and_its_row_are_one(
    rate: float, diverges: bool, validation: Any
) -> None:
    made = descent(linear(), rate, momentum=0.0)
    _, history = trained(**made, epochs=4, validation=validation, metrics=["accuracy"])
    column = history[history.monitored]
    assert diverges == (max(column) > 100.0)
    best = history.best_epoch
    assert history.smallest == min(column) == column[best - 1]
    head, *lines = str(history).splitlines()
    (starred,) = [line for line in lines if line.startswith(f"{best}*")]
    title = history.monitored.replace("_", " ")
    (said,) = re.findall(rf"\* the smallest {title}: (\S+)\. ", str(history))
    assert head.index(title) == starred.index(said, head.index(title))


def test_the_end_loss_is_that_of_the_model_without_the_penalty() -> None:
    model, history = trained(epochs=2, penalty=lambda p: l2(p, 0.1))
    losses = [binary_cross_entropy_with_logits(model(x), y).data for x, y in zip(X, Y)]
    assert history["end_loss"][-1] == pytest.approx(np.mean(losses), rel=1e-12)


def test_a_history_goes_through_json() -> None:
    _, history = trained(validation=0.25, metrics=["accuracy"], health=True)
    assert sorted(history.health) == [0, 4]  # before the first epoch and after the last
    assert list(history.gradients) == ["layers.0", "layers.1"]
    assert all(len(sizes) == 4 and min(sizes) > 0.0 for sizes in history.gradients.values())
    for each in (history, History()):
        again = History.from_dict(json.loads(json.dumps(each.to_dict())))
        assert (str(again), again.to_dict()) == (str(each), each.to_dict())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        # How each type is checked is in test_decoding.py.
        (lambda data: [], "it is [], and not an object"),
        (lambda data: {**data, "more": 1}, 'it has a field "more", which is unknown here'),
        (lambda data: {**data, "columns": {"loss": [1.0]}}, "its columns have different lengths"),
        (lambda data: {**data, "gradients": {"a": [1.0]}}, "its columns have different lengths"),
        (lambda data: {**data, "health": {"first": {}}}, 'its health has "first" in the place of'),
        (lambda data: {**data, "health": {"0": {}}}, 'its health["0"] lacks "samples"'),
        (lambda data: {**data, "columns": {"loss": [1.0] * 4}}, "it lacks the loss that tells the"),
        (lambda data: {**data, "best_epoch": 5}, "its best epoch is none of its epochs"),
        (lambda data: {**data, "best_epoch": 0}, "its best epoch is none of its epochs"),
    ],
)
def test_what_is_no_history_is_refused(damage: Callable, message: str) -> None:
    data = trained()[1].to_dict()
    with pytest.raises(ValueError, match=re.escape(message)):
        History.from_dict(damage(data))


@pytest.mark.needs("matplotlib")
def test_a_history_plots_itself() -> None:
    _, history = trained(validation=0.25, metrics=["accuracy"])
    figure = history.plot()
    labels = [[line.get_label() for line in axes.lines] for axes in figure.axes]
    assert labels[0][:2] == ["loss", "validation loss"]
    assert labels[1] == ["accuracy", "validation accuracy"]
    assert labels[2] == ["layers.0", "layers.1"]
    assert list(figure.axes[0].lines[0].get_ydata()) == history["loss"]
    assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.needs("matplotlib")
def test_a_plot_marks_the_epochs_whose_numbers_have_no_place() -> None:
    columns = {"loss": [1.0, 0.0, 0.5], "validation_loss": [math.nan, 2.0, math.inf]}
    axes = plot_curves({**columns, "r2": [math.nan, -1.0, 0.0]}, {}, None).axes
    lines = {line.get_label(): line.get_xdata().tolist() for each in axes for line in each.lines}
    assert {label: epochs for label, epochs in lines.items() if ":" in label} == {
        "loss: 0 or below": [2],
        "validation loss: nan or infinite": [1, 3],
        "r2: nan or infinite": [1],
    }


def test_an_unknown_column_names_those_there_are() -> None:
    with pytest.raises(AttributeError, match=r'^History has no losses\. Write history\["loss"\]; '):
        History().losses  # noqa: B018
    with pytest.raises(KeyError, match="no 'losses'; it has loss, "):
        trained()[1]["losses"]
    with pytest.raises(ValueError, match="no curves yet"):
        History().plot()


# Predicting


def test_predictions_are_those_of_the_model_as_it_is_now() -> None:
    inputs = nn.two_moons(LARGEST_PIECE + 60)[0]  # more than one piece
    model = MLP(2, [5, 3], seed=0)
    expected = [[v.data for v in model(x)] for x in inputs]
    # Of so many samples some are nearly 0, where what cancels leaves a rounding of 1.
    np.testing.assert_allclose(predict(model, inputs), expected, rtol=1e-12, atol=1e-15)
    for p in model.parameters():
        p.data *= 2.0
    np.testing.assert_allclose(predict(model, X)[0], [v.data for v in model(X[0])], rtol=1e-12)
    scaled = Made(lambda m, x: m.net([a * b for a, b in zip(x, m.by)]), net=small(), by=np.ones(2))
    before = predict(scaled, X)
    scaled.by[:] = 10.0
    assert predict(scaled, X)[0] == pytest.approx(scaled(X[0]).data)
    assert predict(scaled, X)[0] != before[0]


def test_predictions_leave_no_unit_out() -> None:
    model = with_dropout()
    assert np.array_equal(predict(model, X), predict(model, X))
    assert model.training


def test_a_copy_predicts_with_its_own_parameters() -> None:
    model = small()
    before = predict(model, X)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        for p in other.parameters():
            p.data = 0.0
        assert (predict(other, X) == 0.0).all()
    assert np.array_equal(predict(model, X), before)


@BOTH
@pytest.mark.parametrize("metrics", [(), "mean_squared_error"])
def test_a_token_that_is_none_is_named(metrics: Any, is_compiled: bool) -> None:
    """In arrays its row is nan, without a word; eager code has the last one."""
    model = Sequential(Embedding(5, 2, seed=0), linear())
    before, good = numbers(model), np.arange(40) % 5
    options = {"compiled": is_compiled, "metrics": metrics, "loss": mse}
    said = pytest.raises(IndexError, match="takes a token from 0 to 4, not 7")
    with said:
        trained(model=model, X=np.where(good == 1, 7, good), **options)
    assert np.array_equal(numbers(model), before)
    with said:
        trained(model=model, X=good, validation=([1, 7], [1.0, 2.0]), **options)
    with said:
        predict(model, [1, 7], compiled=is_compiled)


@BOTH
def test_a_held_out_row_that_is_nan_spoils_no_other_row(is_compiled: bool) -> None:
    seen = []

    def metric(outputs: Any, targets: Any) -> float:
        seen.append(outputs.tolist())
        return 0.0

    # Of 1e200 it is infinity less infinity.
    odd = Made(lambda m, x: m.w * x * x - m.w * x * x, w=Value(1.0))
    held = ([1.0, 1e200, 2.0], [0.0, 0.0, 0.0])
    options = {"validation": held, "metrics": metric, "compiled": is_compiled, "loss": mse}
    _, history = trained(model=odd, X=[1.0, 2.0], y=[0.0, 0.0], epochs=1, **options)
    assert math.isnan(history["validation_loss"][0])
    assert repr(seen[-1]) == "[0.0, nan, 0.0]"


@pytest.mark.parametrize(
    ("output", "error", "message"),
    [
        (None, TypeError, "The model gave NoneType None for a sample"),
        ("text", TypeError, "The model gave str 'text'"),
        ([1.0, [2.0, 3.0]], ValueError, "lists of different lengths"),
    ],
)
def test_what_is_no_output_is_refused(output: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        predict(Made(lambda m, x: output), X)
