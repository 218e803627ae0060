"""`fit`: it learns, counts, stops, keeps and tells what it should, compiled and eagerly alike."""

import json
import math
import re
import signal
import subprocess
import sys
import textwrap
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needing import mostly_slow
from outputs import assert_is_sentence

from glassgrad import (
    MLP,
    NOT_COMPUTED,
    SGD,
    Adam,
    Dropout,
    Embedding,
    History,
    Layer,
    Module,
    Sequential,
    Value,
    binary_cross_entropy_with_logits,
    cosine,
    data_vector,
    fit,
    hinge,
    l2,
    log,
    mse,
    nn,
    no_grad,
    predict,
    sine,
    two_moons,
    xor,
)
from glassgrad.engine.files import json_text, sealed
from glassgrad.nn.hooks import Checkpoint
from glassgrad.nn.plotting import plot_curves
from glassgrad.nn.samples import LARGEST_PIECE

SEEDS = (0, 1, 2, 3, 4)


def moons(n: int = 40) -> tuple[Any, Any]:
    return two_moons(n)


def small(seed: int = 1, **options: Any) -> MLP:
    return MLP(2, [6, 1], activation="tanh", output_activation="linear", seed=seed, **options)


def trained(*, model: Module | None = None, **options: Any) -> tuple[Module, History]:
    model = small() if model is None else model
    X, y = moons()
    given = {"epochs": 4, "batch_size": 16, "health": False, "progress": False, **options}
    return model, fit(model, binary_cross_entropy_with_logits, X, y, **given)


def numbers(model: Module) -> np.ndarray:
    return data_vector(model.parameters())


# What it learns


def converging(
    data: tuple[Any, Any], loss: Callable, sizes: list[int], seed: int, **options: Any
) -> History:
    """A training of a network whose samples, weights and batches follow from a seed."""
    X, y = data
    init, rate = options.pop("init"), options.pop("rate")
    model = MLP(X.shape[1], sizes, output_activation="linear", init=init, seed=seed)
    optimiser = Adam(model.parameters(), rate)
    return fit(model, loss, X, y, optimiser=optimiser, seed=seed, health=False, **options)


@pytest.mark.parametrize("seed", mostly_slow(SEEDS))
def test_xor_converges(seed: int) -> None:
    options = {"init": "xavier", "rate": 0.05, "epochs": 300, "metrics": ["accuracy"]}
    history = converging(xor(), binary_cross_entropy_with_logits, [8, 1], seed, **options)
    assert history["accuracy"][-1] == 1.0
    assert history["loss"][-1] < 0.02


@pytest.mark.parametrize("seed", mostly_slow(SEEDS, kept=0))
def test_a_sine_is_fitted(seed: int) -> None:
    options = {"init": "xavier", "rate": 0.02, "epochs": 200, "schedule": cosine()}
    data = sine(120, noise=0.05, seed=seed)
    history = converging(data, mse, [16, 16, 1], seed, metrics="r2", **options)
    assert history["r2"][-1] > 0.97


# Compiled and eagerly


class Branching(Module):
    """A model with a comparison: each way through it is a recording."""

    def __init__(self) -> None:
        self.left, self.right = small(1), small(2)

    def forward(self, x: Any) -> Value:
        return self.left(x) if x[0] > 0.5 else self.right(x)


class Sometimes(Module):
    """A model that draws random numbers for some samples only."""

    def __init__(self) -> None:
        self.layer, self.dropout = Layer(2, 1, activation=None, seed=0), Dropout(0.5)

    def forward(self, x: Any) -> Any:
        return self.layer(self.dropout(x) if x[0] > 0 else x)


def with_dropout() -> Module:
    return Sequential(Layer(2, 8, seed=1), Dropout(0.5), Layer(8, 1, activation=None, seed=2))


WEIGHTS = {"sample_weight": np.arange(40) % 4 + 0.25, "validation": 0.25, "batch_size": 7}
ALIKE: dict[str, tuple[Callable[[], Module], dict[str, Any]]] = {
    "plain": (small, {}),
    "a penalty": (small, {"penalty": lambda parameters: l2(parameters, 1e-3)}),
    "clipping": (small, {"clip_norm": 0.1, "clip_value": 0.05}),
    "accumulating": (small, {"accumulate": 2}),
    "a schedule": (small, {"schedule": cosine(), "validation": 0.25, "metrics": ["accuracy"]}),
    "another seed": (small, {"shuffle": False, "seed": 7}),
    "dropout": (with_dropout, {}),
    "dropout and weights": (with_dropout, WEIGHTS),
    "noise of some samples": (Sometimes, {}),
    "comparisons": (Branching, {}),
}


@pytest.mark.parametrize(("make", "options"), ALIKE.values(), ids=ALIKE)
def test_compiled_and_eager_trainings_are_alike(
    make: Callable[[], Module], options: dict[str, Any]
) -> None:
    """Also the units that dropout leaves out, while it is trained and not afterwards."""
    one, compiled = trained(model=make(), **options)
    other, eager = trained(model=make(), **options, compiled=False)
    np.testing.assert_allclose(numbers(one), numbers(other), rtol=1e-9)
    assert set(compiled) == set(eager)
    for name in set(compiled) - {"seconds"}:
        np.testing.assert_allclose(compiled[name], eager[name], rtol=1e-9)
    assert compiled.notes == eager.notes  # it did run compiled
    assert not one.training
    assert one([0.3, 0.1]).data == one([0.3, 0.1]).data


class Peeking(Module):
    """A model that reads .data, which no recording can repeat."""

    def __init__(self) -> None:
        self.inner = small()

    def forward(self, x: Any) -> Value:
        found = self.inner(x)
        return found * (1.0 if found.data > -1e9 else 2.0)


def test_a_model_that_cannot_be_compiled_is_trained_eagerly_and_says_so() -> None:
    with pytest.warns(UserWarning, match="goes on without compiled") as caught:
        one, history = trained(model=Peeking())
    assert [warning.filename for warning in caught] == [__file__]  # where fit was called
    other, _ = trained(compiled=False)
    np.testing.assert_array_equal(numbers(one), numbers(other))
    assert history.notes[0].startswith("It ran without compiled: ")


# The loop


def test_full_batches_are_gradient_descent_by_hand() -> None:
    X, y = moons()
    by_hand, model = small(), small()
    fit(
        model,
        hinge,
        X,
        2 * y - 1,
        optimiser=SGD(model.parameters(), 0.1),
        epochs=3,
        batch_size=len(X),
        shuffle=False,
    )
    for _ in range(3):
        losses = [hinge(by_hand(x), 2 * t - 1) for x, t in zip(X, y.tolist())]
        loss = sum(losses) / len(losses)
        by_hand.zero_grad()
        loss.backward()
        for p in by_hand.parameters():
            p.data -= 0.1 * p.grad
    np.testing.assert_allclose(numbers(model), numbers(by_hand), rtol=1e-12)
    assert all(p.grad is NOT_COMPUTED for p in model.parameters())  # those of a batch mislead


def test_every_sample_is_used_once_in_an_epoch_and_in_another_order_each_time() -> None:
    seen, orders = list[float](), list[list[float]]()

    class Spy(Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

        def forward(self, x: Any) -> Value:
            if self.training:
                seen.append(float(x[0]))
            return self.w * x[0]

    X = np.arange(10.0).reshape(-1, 1)
    options = {"epochs": 2, "batch_size": 3, "compiled": False, "health": False}
    model = Spy()
    fit(model, mse, X, X[:, 0], callbacks=lambda _: orders.append(seen[-10:]), **options)
    first, second = orders
    assert sorted(first) == sorted(second) == X[:, 0].tolist()
    assert first != second


def test_the_seed_decides_everything() -> None:
    results = [numbers(trained(seed=seed)[0]) for seed in (3, 3, 4)]
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_clipping_limits_the_gradient() -> None:
    model = small()
    before = numbers(model)
    sgd = SGD(model.parameters(), 1.0)
    _, history = trained(
        model=model, optimiser=sgd, epochs=1, batch_size=40, clip_norm=1e-3, keep_best=False
    )
    assert np.linalg.norm(numbers(model) - before) == pytest.approx(1e-3, rel=1e-3)
    assert history["gradient_norm"][0] > 1e-2  # as it was before


def test_a_schedule_changes_the_rate_by_steps_and_the_optimiser_keeps_its_own() -> None:
    model = small()
    sgd = SGD(model.parameters(), 0.5)
    _, history = trained(model=model, optimiser=sgd, schedule=cosine())
    assert sgd.learning_rate == 0.5
    rates = history["learning_rate"]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] < 0.5
    assert 0.0 < rates[-1] < 0.01


def test_a_validation_pair_is_measured_without_the_penalty() -> None:
    X, y = moons()
    huge = {"penalty": lambda parameters: l2(parameters, 10.0)}
    _, history = trained(validation=(X, y), **huge)
    assert history["validation_loss"][-1] < 1.0 < history["loss"][0]


def test_early_stopping_keeps_the_best() -> None:
    X, y = moons(20)
    model = small()
    flipped = 1 - y  # learning makes the validation loss grow
    history = fit(
        model,
        binary_cross_entropy_with_logits,
        X,
        y,
        validation=(X, flipped),
        patience=3,
        epochs=50,
    )
    assert history.epochs == history.best_epoch + 3
    assert history.stopped.startswith(f"early, after {history.epochs} epochs")
    losses = [binary_cross_entropy_with_logits(model(x), t).data for x, t in zip(X, flipped)]
    assert np.mean(losses) == pytest.approx(min(history["validation_loss"]))


def test_without_validation_the_last_parameters_are_kept_and_keep_best_changes_that() -> None:
    X, y = moons()

    def run(keep: bool | None) -> tuple[float, History]:
        model, seen = small(), list[np.ndarray]()
        wild = SGD(model.parameters(), 30.0)
        options = {"callbacks": lambda _: seen.append(numbers(model)), "health": False}
        history = fit(model, mse, X, y, optimiser=wild, epochs=5, keep_best=keep, **options)
        kept = history.epochs if keep is None else history.best_epoch
        assert np.array_equal(numbers(model), seen[kept - 1])
        return float(np.mean((predict(model, X) - y) ** 2)), history

    last, _ = run(None)
    best, history = run(True)
    assert best < last
    assert history.best_epoch < history.epochs


def test_callbacks_see_the_history_and_may_stop() -> None:
    seen: list[int] = []

    def watch(history: History) -> Any:
        seen.append(history.epochs)
        return np.mean(seen) > 1.0  # an answer of numpy

    _, history = trained(callbacks=[watch, lambda history: None])
    assert seen == [1, 2]
    assert history.stopped == "by a callback, after 2 epochs"


def test_a_loss_that_is_not_finite_stops_and_keeps_the_best() -> None:
    X, y = moons()
    model = small()
    X = X * 1e3
    with pytest.warns(UserWarning, match="Lower the learning rate") as caught:
        history = fit(
            model, mse, X, y, optimiser=SGD(model.parameters(), 1e200), epochs=20, health=False
        )
    assert [warning.filename for warning in caught] == [__file__]  # where fit was called
    assert history.epochs < 20
    assert np.isfinite(numbers(model)).all()
    assert "the loss is" in history.stopped


def test_the_mean_of_huge_losses_is_their_mean() -> None:
    huge = {"penalty": lambda parameters: 0.0 * parameters[0] + 1.5e308, "batch_size": 1}
    _, history = trained(**huge, epochs=1)
    assert history["loss"] == pytest.approx([1.5e308], rel=1e-12)


def test_a_gradient_that_is_not_finite_stops_before_it_does_harm() -> None:
    model = small()
    with pytest.warns(UserWarning, match="the gradient is not finite at step 1, in epoch 1"):
        fit(model, lambda output, target: abs(output * 0.0).sqrt(), *moons(), health=False)
    assert np.array_equal(numbers(model), numbers(small()))


RATE = 1.0


def scaled_mse(output: Value, target: Any) -> Value:
    return RATE * mse(output, target)


@pytest.mark.parametrize("role", ["loss", "penalty"])
def test_a_number_that_loss_or_penalty_read_may_change_between_epochs(
    role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strengthen(history: History) -> None:
        monkeypatch.setitem(globals(), "RATE", 10.0)

    options: dict[str, Any] = {"callbacks": [strengthen], "epochs": 3, "health": False}
    if role == "penalty":
        options["penalty"] = lambda parameters: l2(parameters, RATE)
    losses = []
    for compiled in (True, False):
        monkeypatch.setitem(globals(), "RATE", 1.0)
        loss = scaled_mse if role == "loss" else mse
        losses.append(fit(small(), loss, *moons(), compiled=compiled, **options)["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-9)
    assert losses[0][1] > 2.0 * losses[0][0]


@pytest.mark.parametrize("rate", [5.0, 1e6])
def test_the_best_parameters_are_those_with_the_best_loss(rate: float) -> None:
    X, y = xor()
    model = MLP(2, [1], output_activation="linear", seed=0)
    descent = SGD(model.parameters(), rate)
    history = fit(model, mse, X, y, epochs=20, optimiser=descent, patience=5, health=False)
    assert np.mean((predict(model, X) - y) ** 2) == pytest.approx(history.smallest, rel=1e-9)


def test_a_training_that_explodes_at_once_leaves_the_model_as_it_was() -> None:
    model = MLP(2, [1], output_activation="linear", seed=0)
    before, descent = numbers(model), SGD(model.parameters(), 1e308)
    with pytest.warns(UserWarning, match="the parameters are those from before"):
        history = fit(model, mse, *xor(), epochs=1, optimiser=descent, health=False)
    assert np.array_equal(numbers(model), before)
    assert history.epochs == 0


def test_patience_ends_where_nothing_is_ever_better() -> None:
    class Logarithm(Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

        def forward(self, x: Any) -> Value:
            return self.w * log(x[0])

    X = np.linspace(1.0, 2.0, 10)[:, None]
    options = {"validation": ([[-1.0]], [0.0]), "patience": 2, "epochs": 30, "health": False}
    history = fit(Logarithm(), mse, X, X[:, 0], **options)
    assert history.epochs == 2


@pytest.mark.parametrize("name", ["loss", "seconds", "validation_loss"])
def test_a_metric_cannot_take_the_place_of_a_column(name: str) -> None:
    def metric(outputs: Any, targets: Any) -> float:
        return 7.0

    metric.__name__ = name
    with pytest.raises(ValueError, match=f"{name} is a column of its own"):
        trained(metrics=[metric])


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
    _, history = trained(metrics=metrics, epochs=1)
    assert history.main() == ["loss", *names]


def test_a_schedule_is_asked_for_its_steps_only() -> None:
    rates = [1.0] * 12
    _, history = trained(schedule=lambda step, total: rates[step])
    assert history.epochs == 4


def test_targets_are_looked_at_however_many_there_are() -> None:
    X, y = np.linspace(-1, 1, 7000)[:, None], np.linspace(0.0, 1.5, 7000)
    model = MLP(1, [1], output_activation="linear", seed=0)
    with pytest.raises(ValueError, match=r"takes targets from 0 to 1, not 1\.0"):
        fit(model, binary_cross_entropy_with_logits, X, y)


def test_a_prediction_is_that_of_the_model_as_it_is_now() -> None:
    class Scaled(Module):
        def __init__(self) -> None:
            self.layer, self.scale = Layer(2, 1, seed=0), np.array([1.0, 1.0])

        def forward(self, x: Any) -> Any:
            return self._forward([a * b for a, b in zip(x, self.scale)])

        def _forward(self, x: Any) -> Any:
            return self.layer(x)

    model = Scaled()
    before = predict(model, [[0.5, 0.2]])
    model.scale[:] = 10.0
    after = predict(model, [[0.5, 0.2]])
    assert after[0] == pytest.approx(model([0.5, 0.2]).data)
    assert after[0] != before[0]


# Ctrl-C, and being killed


def test_ctrl_c_while_the_gradients_are_looked_at_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []

    def interrupted(self: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(nn.loop.Training, "_look_at_health", interrupted)
    _, history = trained(health=True)
    assert history.epochs == 4
    assert history.notes == ["Ctrl-C ended the look at the gradients after the training."]


def test_ctrl_c_keeps_the_best_parameters_and_returns() -> None:
    kept: list[np.ndarray] = []
    model = small()

    def interrupt(history: History) -> None:
        kept.append(numbers(model))
        if history.epochs == 3:
            raise KeyboardInterrupt

    _, history = trained(model=model, callbacks=[interrupt], epochs=10)
    assert history.epochs == 3
    assert history.stopped == "by Ctrl-C, after 3 whole epochs"
    assert np.array_equal(numbers(model), kept[history.best_epoch - 1])
    assert not model.training


@pytest.mark.system("POSIX")
def test_a_real_ctrl_c_in_the_middle_returns(tmp_path: Path) -> None:
    script = """
    import os, signal, threading
    import numpy as np
    from glassgrad import MLP, fit, mse, sine
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored
    X, y = sine(200)
    model = MLP(1, [32, 32, 1], output_activation="linear", seed=0)
    def soon(history):
        if history.epochs == 2:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    history = fit(model, mse, X, y, epochs=100000, batch_size=4, health=False, callbacks=[soon])
    assert all(np.isfinite(p.data) for p in model.parameters())
    assert model(X[0]).data is not None
    print(history.stopped)
    """
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert finished.stdout.startswith("by Ctrl-C, after ")


RUN = """
    import json, sys
    import numpy as np
    from glassgrad.nn import *
    path, epochs, kill = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    X, y = two_moons(60)
    model = Sequential(Layer(2, 8, seed=1), Dropout(0.2), Layer(8, 1, activation=None, seed=2))
    def die(history):
        import os, signal
        if history.epochs == kill:
            os.kill(os.getpid(), signal.SIGKILL)
    optimiser = Adam(model.parameters(), 0.05)
    history = fit(model, binary_cross_entropy_with_logits, X, y, optimiser=optimiser,
                  epochs=epochs, batch_size=16, schedule=cosine(), validation=0.2,
                  metrics=["accuracy"], checkpoint=path or None, callbacks=[die], health=False)
    numbers = {name: history[name] for name in history if name != "seconds"}
    print(json.dumps([model.state_dict(), optimiser.state_dict(), numbers, history.best_epoch]))
"""


@pytest.mark.system("POSIX")
@pytest.mark.slow
def test_a_killed_training_goes_on_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "run.json"

    def run(name: str, kill: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", textwrap.dedent(RUN), name, "8", str(kill)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    whole = run("", 0)
    assert run(str(path), 3).returncode == -signal.SIGKILL
    assert run(str(path), 6).returncode == -signal.SIGKILL
    resumed = run(str(path), 0)
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout) == json.loads(whole.stdout)


def checkpointed(path: Path, model: Module, **options: Any) -> History:
    return trained(model=model, checkpoint=path, **options)[1]


@pytest.mark.parametrize("make", [small, Branching])
def test_a_training_cut_into_pieces_is_the_same(make: Callable, tmp_path: Path) -> None:
    whole = make()
    history = checkpointed(tmp_path / "whole.json", whole, epochs=4, validation=0.25)
    pieces = [make() for _ in range(3)]
    for model, epochs in zip(pieces, (1, 2, 4)):
        parts = checkpointed(tmp_path / "parts.json", model, epochs=epochs, validation=0.25)
    assert np.array_equal(numbers(pieces[-1]), numbers(whole))
    for name in ("loss", "validation_loss", "gradient_norm"):
        assert parts[name] == history[name]


class Tempered(Module):
    """A network, and a temperature that no optimiser moves, but a callback."""

    def __init__(self) -> None:
        self.net, self.temperature = small(), Value(1.0)

    def forward(self, x: Any) -> Any:
        return self.net(x) * self.temperature


def cooled(path: Path | None, **options: Any) -> tuple[Module, History]:
    model, temperatures = Tempered(), [1.0, 3.0, -9.0, 0.5]

    def cool(history: History) -> None:
        model.temperature.data = temperatures[history.epochs - 1]

    optimiser = SGD(model.net.parameters(), 0.1, momentum=0.9)
    return trained(model=model, optimiser=optimiser, checkpoint=path, callbacks=cool, **options)


def test_what_the_optimiser_does_not_move_is_kept_and_resumed_too(tmp_path: Path) -> None:
    whole, history = cooled(None, epochs=4)
    path = tmp_path / "run.json"
    cooled(path, epochs=2)
    resumed, again = cooled(path, epochs=4)
    assert again["loss"] == history["loss"]
    assert resumed.state_dict() == whole.state_dict()


def test_the_best_epoch_has_its_numbers_of_what_the_optimiser_does_not_move() -> None:
    model, history = cooled(None, epochs=4, keep_best=True)
    assert history.best_epoch == 2
    assert model.state_dict() == cooled(None, epochs=2)[0].state_dict()


def test_frozen_parameters_belong_to_the_training(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    for seed in (1, 1, 2):
        model = small(seed)
        options = {"optimiser": Adam(model.layers[1].parameters(), 0.1)}
        if seed == 1:
            checkpointed(path, model, **options)
            continue
        with pytest.raises(ValueError, match="frozen parameters"):
            checkpointed(path, model, **options)


def test_a_training_that_turned_eager_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    whole = Peeking()
    with pytest.warns(UserWarning, match="goes on without compiled"):
        checkpointed(tmp_path / "whole.json", whole, epochs=4)
    with pytest.warns(UserWarning, match="goes on without compiled"):
        checkpointed(path, Peeking(), epochs=2)
    parts = Peeking()
    history = checkpointed(path, parts, epochs=4)
    assert np.array_equal(numbers(parts), numbers(whole))
    assert history.notes[0].startswith("It ran without compiled: ")


def test_checkpoints_may_be_written_less_often(tmp_path: Path) -> None:
    path, seen = tmp_path / "run.json", list[int]()

    def look(history: History) -> None:
        seen.append(
            len(json.loads(path.read_text())["history"]["columns"]["loss"]) if path.exists() else 0
        )

    checkpointed(path, small(), epochs=5, checkpoint_every=2, callbacks=[look])
    assert seen == [0, 0, 2, 2, 4]
    assert len(json.loads(path.read_text())["history"]["columns"]["loss"]) == 5


def test_the_folder_of_a_checkpoint_is_looked_for_at_once(tmp_path: Path) -> None:
    model = small()
    before = numbers(model)
    with pytest.raises(FileNotFoundError, match="no such folder for a checkpoint"):
        checkpointed(tmp_path / "none" / "run.json", model)
    assert np.array_equal(numbers(model), before)


def test_a_finished_training_is_only_read(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    first, other = small(), small()
    history = checkpointed(path, first)
    before = path.read_bytes()
    again = checkpointed(path, other)
    assert again.notes == ["run.json was at its last epoch: nothing was left to train."]
    assert again["loss"] == history["loss"]
    assert np.array_equal(numbers(first), numbers(other))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"batch_size": 8}, "batch size 16 there and 8 here"),
        ({"seed": 1}, "seed 0 there and 1 here"),
        ({"clip_norm": 1.0}, "clip norm null there and 1.0 here"),
        ({"compiled": False}, "compiled true there and false here"),
        ({"optimiser": None}, "learning rate"),
        ({"penalty": lambda parameters: l2(parameters, 10.0)}, "penalty of made-up parameters"),
        ({"epochs": 2}, "has 4 epochs already, more than epochs=2"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused(
    options: dict[str, Any], word: str, tmp_path: Path
) -> None:
    path = tmp_path / "run.json"
    checkpointed(path, small())
    content, model = path.read_bytes(), small()
    before = numbers(model)
    if "optimiser" in options:
        options = {"optimiser": Adam(model.parameters(), 0.02)}
    with pytest.raises(ValueError, match=r"^run\.json ") as caught:
        checkpointed(path, model, **options)
    assert word in str(caught.value)
    assert np.array_equal(numbers(model), before)
    assert path.read_bytes() == content


def test_an_optimiser_that_climbs_is_refused() -> None:
    """The best epoch would be that of the smallest loss."""
    model, X, y = small(), [[1.0, 2.0]], [1.0]
    optimiser = SGD([{"parameters": model.parameters(), "maximize": True}], 0.1)
    with pytest.raises(ValueError, match=r"SGD\(maximize=True\) climbs"):
        fit(model, mse, X, y, optimiser=optimiser)


@pytest.mark.slow
def test_damaged_checkpoints_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    checkpointed(path, small(), epochs=2)
    content = path.read_bytes()
    random = np.random.default_rng(0)
    fresh = numbers(small())
    for case in range(60):
        damaged = bytearray(content)
        places = random.integers(len(content), size=3)
        if case % 3 == 0:
            del damaged[places.min() :]
        elif case % 3 == 1:
            for place in places:
                damaged[place] ^= 1 << int(random.integers(8))
        else:
            del damaged[places.min() : places.min() + int(random.integers(1, 40))]
        path.write_bytes(damaged)
        model = small()
        with pytest.raises(ValueError, match=r"^run\.json is"):
            checkpointed(path, model, epochs=2)
        assert np.array_equal(numbers(model), fresh)
        assert path.read_bytes() == bytes(damaged)


class Part:
    """What keeps a state in a checkpoint, and takes one from it."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.now = state

    def state(self) -> dict[str, Any]:
        return self.now

    def taker_of(self, state: dict[str, Any]) -> Callable[[], None]:
        found = {name: state[name] for name in self.now}
        return lambda: vars(self).update(now=found)


def kept(path: Path) -> tuple[Checkpoint, Part, bytes]:
    """A checkpoint, whose state it is, and what is in the file; that of nobody is left."""
    sgd = SGD([Value(1.0), Value(-0.25)], 0.1, momentum=0.5)
    sgd.moved([0.5, 0.1], [1.0, 1 / 3])
    history = {"columns": {"loss": [0.5]}}
    state = {"parameters": [0.3, 1e-9], "optimiser": sgd.state_dict(), "history": history}
    part = Part(state)
    file = Checkpoint(path, {"seed": 0}, [part], 1, 5)
    file.save()
    part.now = dict.fromkeys(state)
    return file, part, path.read_bytes()


def goes_on(file: Checkpoint, part: Part) -> bool:
    return file.resume() == 1 and part.now["parameters"] == [0.3, 1e-9]


def test_a_checkpoint_of_more_epochs_than_there_are_to_be_changes_nothing(tmp_path: Path) -> None:
    file, part, _ = kept(tmp_path / "run.json")
    shorter = Checkpoint(file.path, {"seed": 0}, [part], 1, 0)
    with pytest.raises(ValueError, match="has 1 epochs already, more than epochs=0"):
        shorter.resume()
    assert not any(part.now.values())


@pytest.mark.slow
def test_one_bit_that_changed_anywhere_in_a_checkpoint_is_refused(tmp_path: Path) -> None:
    file, part, content = kept(tmp_path / "run.json")
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        file.path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"^run\.json is .* give checkpoint= another name"):
            file.resume()
        assert not any(part.now.values())
    file.path.write_bytes(content)
    assert goes_on(file, part)


def test_a_checkpoint_without_a_digest_is_refused(tmp_path: Path) -> None:
    file, _, content = kept(tmp_path / "run.json")
    data = json.loads(content)
    del data["digest"]
    file.path.write_text(json_text(data))
    with pytest.raises(ValueError, match="its digest is not that of what it says"):
        file.resume()


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda data: data.pop("steps"), "it lacks steps"),
        (lambda data: data.update(history={}), 'This is no history of a training: it lacks "col'),
        (lambda data: data["history"].update(History().to_dict()), "its history has no epochs"),
        (lambda data: data.update(best=[1.0]), "it does not hold 25 parameters"),
        (lambda data: data.update(best=None), "do not belong together"),
        (lambda data: data.update(optimiser=[]), "A state of Adam is a dict"),
        (lambda data: data.update(others=["scale"]), "it has scale, and the model has nothing"),
    ],
)
def test_what_is_wrong_with_a_checkpoint_is_told(
    damage: Callable, word: str, tmp_path: Path
) -> None:
    path, model = tmp_path / "run.json", small()
    checkpointed(path, small(), epochs=2)
    data = json.loads(path.read_text())
    del data["digest"]
    damage(data)
    path.write_bytes(sealed(data))
    with pytest.raises(ValueError, match=rf"^run\.json is damaged: .*{word}"):
        checkpointed(path, model, epochs=2)
    assert np.array_equal(numbers(model), numbers(small()))


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, r"fit\(epochs=\.\.\.\) is at least 1, not 0"),
        ({"epochs": 2.5}, r"fit\(epochs=\.\.\.\) is a whole number, not float 2\.5"),
        ({"batch_size": -1}, r"fit\(batch_size=\.\.\.\) is at least 1"),
        ({"seed": -1}, r"fit\(seed=\.\.\.\) is at least 0"),
        ({"clip_norm": 0.0}, r"fit\(clip_norm=\.\.\.\) takes a positive number, not 0\.0"),
        ({"validation": 1.5}, r"fit\(validation=1\.5\) of 40 samples leaves none on one side"),
        ({"validation": "half"}, r"share of samples to hold out"),
        ({"validation": ([[1.0, 2.0, 3.0]], [1])}, r"have other shapes"),
        ({"metrics": ["precission"]}, r"precission"),
        ({"metrics": [lambda o, t: 0.0, lambda o, t: 1.0]}, r"has two called lambda\. Give one an"),
        ({"shuffle": "false"}, r"fit\(shuffle=\.\.\.\) is True or False, not 'false'"),
        ({"health": 2}, r"fit\(health=\.\.\.\) is True or False, not 2"),
        ({"compiled": None}, r"fit\(compiled=\.\.\.\) is True or False, not None"),
        ({"keep_best": 0}, r"fit\(keep_best=\.\.\.\) is True or False, not 0"),
        ({"optimiser": "adam"}, r"fit\(optimiser=\.\.\.\) is one of nn"),
        ({"optimiser": SGD([Value(1.0)], 0.1)}, r"moves none of the model's parameters"),
        (
            {"penalty": l2},
            r"fit\(penalty=\.\.\.\) takes a function of the list of parameters, such as",
        ),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options: dict, message: str) -> None:
    model = small()
    before = numbers(model)
    with pytest.raises((TypeError, ValueError), match=message):
        trained(model=model, **options)
    assert np.array_equal(numbers(model), before)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[1.0, 2.0]], [1, 0], r"X has 1 samples and y has 2 targets"),
        ([], [], r"X has no samples"),
        ([[1.0, math.nan]], [1], r"X\[0, 1\] is nan"),
        ([[1.0], [1.0, 2.0]], [1, 0], r"rows of different lengths"),
        ([["a", "b"]], [1], r"X holds texts, and takes real numbers"),
        ([[1.0, 2.0], [0.0, 1.0]], [1, 7], r"binary_cross_entropy_with_logits"),
        ([[1.0, 2.0], [0.0, 1.0]], [-1, 1], r"\(y \+ 1\) / 2"),
        ([[1.0, 2.0, 3.0]], [1], r"takes 2 inputs, not 3"),
    ],
)
def test_samples_that_make_no_sense_are_refused(X: Any, y: Any, message: str) -> None:
    model = small()
    before = numbers(model)
    with pytest.raises((TypeError, ValueError), match=message):
        fit(model, binary_cross_entropy_with_logits, X, y)
    assert np.array_equal(numbers(model), before)


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        (lambda output, target: Value(1.0), ValueError, "there is nothing to learn"),
        (lambda output, target: (output.detach() - target) ** 2, ValueError, "nothing to learn"),
        (lambda output, target: [output], TypeError, "gives one Value"),
    ],
    ids=["constant", "detached", "list"],
)
def test_a_loss_of_which_nothing_can_be_learnt_is_refused(
    loss: Callable, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        fit(small(), loss, *moons())


def test_what_is_no_model_and_no_function_is_refused() -> None:
    X, y = moons()
    with no_grad(), pytest.raises(RuntimeError, match="fit needs gradients"):
        trained()
    with pytest.raises(ValueError, match=r"Sequential.* has no parameters"):
        fit(Sequential("relu"), mse, X, y)
    with pytest.raises(TypeError, match="fit takes a model of nn"):
        fit(lambda x: x[0], mse, X, y)  # type: ignore[arg-type]
    for role in ("loss", "penalty", "callbacks"):
        wanted = "a loss such as glassgrad.mse" if role == "loss" else "function"
        with pytest.raises(TypeError, match=rf"fit\({role}=\.\.\.\) takes .*{wanted}"):
            fit(**{"model": small(), "loss": mse, "X": X, "y": y, role: [3]})
    with pytest.raises(TypeError, match="predict takes a model"):
        predict(lambda x: x[0], X)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="The metric ours"):
        trained(metrics=[type("ours", (), {"__call__": lambda self, output, y: "?"})()])


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


def test_a_history_goes_through_json() -> None:
    _, history = trained(validation=0.25, metrics=["accuracy"], health=True)
    assert sorted(history.health) == [0, 4]  # before the first epoch and after the last
    again = History.from_dict(json.loads(json.dumps(history.to_dict())))
    assert str(again) == str(history)
    assert again.to_dict() == history.to_dict()
    assert History.from_dict(History().to_dict()).to_dict() == History().to_dict()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        # How each type is checked is in test_decoding.py.
        (lambda data: [], "it is [], and not an object"),
        (lambda data: {**data, "more": 1}, 'it has a field "more", which is unknown here'),
        (lambda data: {**data, "columns": {"loss": ["1"]}}, 'its columns["loss"][0] is "1", and'),
        (lambda data: {**data, "columns": {"loss": [1.0]}}, "its columns have different lengths"),
        (lambda data: {**data, "columns": {"r2": [1.0]}}, "its columns have different lengths"),
        (lambda data: {**data, "gradients": {"a": [1.0]}}, "its columns have different lengths"),
        (lambda data: {**data, "health": {"first": {}}}, 'its health has "first" in the place of'),
        (lambda data: {**data, "health": {"0": {}}}, 'its health["0"] lacks "samples"'),
        (lambda data: {**data, "best_epoch": 5}, "its best epoch is none of its epochs"),
        (lambda data: {**data, "best_epoch": 0}, "its best epoch is none of its epochs"),
        (lambda data: {**data, "best_epoch": "1"}, 'its best_epoch is "1", and not a whole number'),
        (lambda data: {**data, "notes": "one"}, 'its notes is "one", and not a list'),
    ],
)
def test_what_is_no_history_is_refused(damage: Callable, message: str) -> None:
    data = trained(epochs=4)[1].to_dict()
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


def test_an_unknown_column_names_those_there_are() -> None:
    _, history = trained()
    with pytest.raises(KeyError, match="no 'losses'; it has loss, "):
        history["losses"]
    with pytest.raises(ValueError, match="no curves yet"):
        History().plot()


def test_gradients_are_noted_by_layer() -> None:
    _, history = trained()
    assert list(history.gradients) == ["layers.0", "layers.1"]
    assert all(len(sizes) == 4 and min(sizes) > 0.0 for sizes in history.gradients.values())


def test_who_changes_what_a_history_gave_changes_no_history() -> None:
    def meddling(history: History) -> None:
        for given in (*history.values(), *history.gradients.values()):
            given[:] = [-1.0]
        history.gradients.clear()
        told = history.to_dict()
        told["columns"]["loss"].clear()
        told["gradients"]["layers.0"].clear()
        told["notes"].append("none")

    _, expected = trained()
    _, found = trained(callbacks=meddling)
    assert found["loss"] == expected["loss"]
    assert found.gradients == expected.gradients
    assert found.notes == expected.notes


# Predicting


def test_predictions_are_those_of_the_model() -> None:
    X, _ = moons(LARGEST_PIECE + 60)  # more than one piece
    model = MLP(2, [5, 3], seed=0)
    expected = [[v.data for v in model(x)] for x in X]
    # Of so many samples some are nearly 0, where what cancels leaves a rounding of 1.
    np.testing.assert_allclose(predict(model, X), expected, rtol=1e-12, atol=1e-15)
    for p in model.parameters():
        p.data *= 2.0
    np.testing.assert_allclose(predict(model, X)[0], [v.data for v in model(X[0])], rtol=1e-12)


def test_predictions_leave_no_unit_out() -> None:
    model = Sequential(Layer(2, 8, seed=1), Dropout(0.5), Layer(8, 1, seed=2))
    X, _ = moons()
    assert np.array_equal(predict(model, X), predict(model, X))
    assert model.training


def test_a_copy_predicts_with_its_own_parameters() -> None:
    import copy
    import pickle

    model = small()
    X, _ = moons()
    before = predict(model, X)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        for p in other.parameters():
            p.data = 0.0
        assert (predict(other, X) == 0.0).all()
    assert np.array_equal(predict(model, X), before)


def test_a_callback_cannot_add_parameters_to_the_optimiser() -> None:
    model = small()
    first, *others = model.parameters()
    optimiser = Adam([first], 0.1)

    def add(history: History) -> None:
        optimiser.add_param_group({"parameters": others})

    with pytest.raises(ValueError, match="a callback added parameters to the optimiser"):
        trained(model=model, optimiser=optimiser, callbacks=add, epochs=3)


@pytest.mark.parametrize("is_compiled", [False, True])
def test_a_callback_cannot_put_values_into_the_model_that_nobody_trains(is_compiled: bool) -> None:
    model = small()
    neuron = model.layers[0].neurons[0]

    def replace(history: History) -> None:
        neuron.b = Value(1.0)

    with pytest.raises(
        ValueError, match=r"as layers\.0\.neurons\.0\.b, and a training that"
    ) as told:
        trained(model=model, callbacks=replace, epochs=3, compiled=is_compiled)
    assert_is_sentence(str(told.value))

    def replace_and_stop(history: History) -> bool:
        replace(history)
        return True

    _, history = trained(model=model, callbacks=replace_and_stop, compiled=is_compiled)
    assert history.stopped == "by a callback, after 1 epoch"

    def set_data(history: History) -> None:
        neuron.b.data = 1.0

    assert trained(model=model, callbacks=set_data, epochs=3)[1].epochs == 3


@pytest.mark.parametrize("metrics", [(), "mean_squared_error"])
@pytest.mark.parametrize("is_compiled", [False, True])
def test_a_token_that_is_none_is_told_of_samples_held_out(metrics: Any, is_compiled: bool) -> None:
    """In arrays its row is nan, without a word; eager code has the last one."""
    model = Sequential(Embedding(3, 2, seed=0), MLP(2, [1], output_activation="linear", seed=0))
    X, y = np.array([0, 1, 2, 0]), np.array([0.0, 1.0, 2.0, 0.0])
    options = {"health": False, "epochs": 2, "metrics": metrics, "compiled": is_compiled}
    with pytest.raises(IndexError, match="a token from 0 to 2, not 7"):
        fit(model, mse, X, y, validation=([1, 7], [1.0, 2.0]), **options)
    with pytest.raises(IndexError, match="a token from 0 to 2, not 7"):
        predict(model, [1, 7], compiled=is_compiled)


@pytest.mark.parametrize("is_compiled", [False, True])
def test_a_held_out_row_that_is_nan_spoils_no_other_row(is_compiled: bool) -> None:
    class Odd(Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

        def forward(self, x: Any) -> Value:
            return self.w * x * x - self.w * x * x  # of 1e200 it is infinity less infinity

    seen = []

    def metric(outputs: Any, targets: Any) -> float:
        seen.append(outputs.tolist())
        return 0.0

    held = ([1.0, 1e200, 2.0], [0.0, 0.0, 0.0])
    options = {"validation": held, "metrics": metric, "compiled": is_compiled, "health": False}
    history = fit(Odd(), mse, [1.0, 2.0], [0.0, 0.0], epochs=1, **options)
    assert math.isnan(history["validation_loss"][0])
    assert repr(seen[-1]) == "[0.0, nan, 0.0]"


@pytest.mark.needs("matplotlib")
def test_a_plot_marks_the_epochs_whose_numbers_have_no_place() -> None:
    columns = {"loss": [1.0, 0.0, 0.5], "validation_loss": [math.nan, 2.0, math.inf]}
    axes = plot_curves({**columns, "r2": [math.nan, -1.0, 0.0]}, {}, None).axes
    marks = {
        line.get_label(): line.get_xdata().tolist()
        for each in axes
        for line in each.lines
        if ":" in line.get_label()
    }
    assert marks == {
        "loss: 0 or below": [2],
        "validation loss: nan or infinite": [1, 3],
        "r2: nan or infinite": [1],
    }


def test_a_callback_whose_lines_would_not_run_is_refused() -> None:
    def lazily(history: History) -> Any:
        yield history["loss"]

    async def later(history: History) -> bool:
        return True

    for callback in (lazily, later):
        with pytest.raises(TypeError, match=f"{callback.__name__} is written with yield or async"):
            trained(callbacks=callback, epochs=2)
