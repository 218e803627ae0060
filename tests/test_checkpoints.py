"""Trainings that end and go on: cut into pieces, killed, interrupted; and files of another kind."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from fitting import (
    PLATEAU,
    TRAININGS,
    Made,
    X,
    Y,
    checkpointed,
    cooled,
    halving_callback,
    numbers,
    options_of,
    peeking,
    small,
    trained,
    without_warnings,
)
from outputs import assert_is_sentence

from glassgrad import (
    MLP,
    Adam,
    Dropout,
    History,
    Layer,
    LayerNorm,
    Sequential,
    Value,
    cosine,
    cross_entropy,
    huber,
    l2,
    mse,
    nn,
    step_decay,
)
from glassgrad.engine.files import sealed

CLASSES = np.arange(40) % 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.json"


CUT = {**TRAININGS, "one that turned eager": options_of(peeking)}
NOT_CUT = {"a schedule", "a penalty that reads the learning rate"}
"""Their schedules know the number of steps: a training of fewer epochs is another one."""


@pytest.mark.parametrize("name", [name for name in CUT if name not in NOT_CUT])
def test_a_training_cut_into_pieces_is_the_whole_one(name: str, path: Path) -> None:
    whole, history = without_warnings(**CUT[name](), epochs=4)
    for epochs in (1, 2, 4):  # at 2 it goes on, at 4 it ends
        model, parts = without_warnings(**CUT[name](), epochs=epochs, checkpoint=path)
    assert np.array_equal(numbers(model), numbers(whole))
    assert set(parts) == set(history)
    for column in set(parts) - {"seconds"}:
        assert parts[column] == history[column]
    assert parts.notes == history.notes


@pytest.mark.parametrize("rule", [cosine(), step_decay(2), PLATEAU], ids=repr)
@pytest.mark.parametrize("batch_size", [40, 16])
def test_a_rate_that_a_callback_sets_is_the_same_after_a_stop(
    rule: Any, batch_size: int, path: Path
) -> None:
    """A closed form sets the rate of every step; so what a callback set is that of one."""
    given = {"schedule": rule, "batch_size": batch_size}
    whole, history = trained(**halving_callback(**given))
    if rule is not PLATEAU:
        steps = -(-40 // batch_size)
        halved = [0.5 if steps == 1 and epoch else 1.0 for epoch in range(4)]
        last = [0.1 * rule(steps * epoch + steps - 1, 4 * steps) for epoch in range(4)]
        expected = [rate * share for rate, share in zip(last, halved)]
        np.testing.assert_allclose(history["learning_rate"], expected, rtol=1e-15)
    for stop in (1, 2, 3, None):
        options = halving_callback(**given)
        calls = [options["callbacks"], lambda history, stop=stop: history.epochs == stop]
        model, parts = checkpointed(path, **{**options, "callbacks": calls})
    assert parts["learning_rate"] == history["learning_rate"]
    assert np.array_equal(numbers(model), numbers(whole))


def test_the_best_epoch_has_its_numbers_of_what_the_optimiser_does_not_move() -> None:
    model, history = trained(**cooled(), keep_best=True)
    assert history.best_epoch == 2
    assert model.state_dict() == trained(**cooled(), epochs=2)[0].state_dict()


def test_a_training_that_stopped_early_goes_on_with_more_patience(path: Path) -> None:
    options = {"loss": mse, "validation": (X, 1 - Y)}
    first, second = (
        checkpointed(path, epochs=9, patience=patience, **options)[1] for patience in (2, 4)
    )
    assert first.epochs < second.epochs < 9
    assert first["loss"] == second["loss"][: first.epochs]


def test_checkpoints_may_be_written_less_often_and_the_last_is_only_read(path: Path) -> None:
    def written() -> int:
        return len(json.loads(path.read_text())["history"]["columns"]["loss"])

    seen = list[int]()
    look = lambda history: seen.append(written() if path.exists() else 0)
    first, history = checkpointed(path, epochs=5, checkpoint_every=2, callbacks=[look])
    assert (seen, written()) == ([0, 0, 2, 2, 4], 5)
    before = path.read_bytes()
    other, again = checkpointed(path, epochs=5)
    assert again.notes == ["run.json was at its last epoch: nothing was left to train."]
    assert again["loss"] == history["loss"]
    assert np.array_equal(numbers(first), numbers(other))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "ends",
    [{"patience": 1, "validation": (X, 1 - Y)}, {"callbacks": lambda history: history.epochs == 3}],
)
def test_a_training_that_ends_early_is_written_though_it_is_not_its_turn(
    ends: dict[str, Any], path: Path
) -> None:
    first, history = checkpointed(path, **ends, checkpoint_every=50, epochs=99)
    assert 1 < history.epochs < 50
    before = path.read_bytes()
    again, resumed = checkpointed(path, **ends, checkpoint_every=50, epochs=history.epochs)
    assert resumed["loss"] == history["loss"]
    assert np.array_equal(numbers(first), numbers(again))
    assert path.read_bytes() == before


# Ctrl-C, and being killed


def test_ctrl_c_while_the_gradients_are_looked_at_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = iter([None, KeyboardInterrupt])
    monkeypatch.setattr(nn.loop, "check_health", Mock(side_effect=looks))
    _, history = trained(health=True)
    assert history.epochs == 4
    assert history.notes == ["Ctrl-C ended the look at the gradients after the training."]


def test_ctrl_c_keeps_the_best_parameters_and_returns() -> None:
    kept, model = list[np.ndarray](), small()

    def interrupt(history: History) -> None:
        kept.append(numbers(model))
        if history.epochs == 3:
            raise KeyboardInterrupt

    _, history = trained(model=model, callbacks=[interrupt], epochs=10, health=True)
    assert (history.epochs, history.stopped) == (3, "by Ctrl-C, after 3 whole epochs")
    assert list(history.health) == [0]  # there is no look at the end
    assert np.array_equal(numbers(model), kept[history.best_epoch - 1])
    assert not model.training


INTERRUPTED = """
    import os, signal, threading
    from fitting import *
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored
    def soon(history):
        if history.epochs == 2:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    model, history = trained(epochs=100000, batch_size=4, callbacks=[soon])
    assert np.isfinite(numbers(model)).all() and model(X[0]).data is not None
    print(history.stopped)
"""
KILLED = """
    import json, os, signal, sys
    from fitting import *
    path, kill = sys.argv[1], int(sys.argv[2])
    model = with_dropout()
    optimiser = Adam(model.parameters(), 0.05)
    def die(history):
        if history.epochs == kill:
            os.kill(os.getpid(), signal.SIGKILL)
    _, history = trained(model=model, optimiser=optimiser, epochs=8, schedule=cosine(),
                         validation=0.2, checkpoint=path or None, callbacks=[die])
    columns = {name: history[name] for name in history if name != "seconds"}
    print(json.dumps([model.state_dict(), optimiser.state_dict(), columns, history.best_epoch]))
"""


def run_by_itself(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))}
    return subprocess.run(
        command, env=here, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.system("POSIX")
def test_a_real_ctrl_c_in_the_middle_returns() -> None:
    assert run_by_itself(INTERRUPTED).stdout.startswith("by Ctrl-C, after ")


@pytest.mark.system("POSIX")
@pytest.mark.slow
def test_a_killed_training_goes_on_bit_for_bit(path: Path) -> None:
    whole = run_by_itself(KILLED, "", "0")
    for kill in ("3", "6"):
        assert run_by_itself(KILLED, str(path), kill).returncode == -signal.SIGKILL
    resumed = run_by_itself(KILLED, str(path), "0")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout) == json.loads(whole.stdout)


# Checkpoints of another training


def last_layer_of(seed: int) -> dict[str, Any]:
    model = small(seed)
    return {"model": model, "optimiser": Adam(model.layers[1].parameters(), 0.1)}


def frozen_layer(place: int) -> dict[str, Any]:
    model = MLP(2, [2, 2, 2, 1], seed=0)
    model.layers[place].freeze()
    return {"model": model, "loss": mse}


def optimised(**options: Any) -> dict[str, Any]:
    model = small()
    return {"model": model, "optimiser": Adam(model.parameters(), **options)}


def in_order(step: int) -> dict[str, Any]:
    model = small()
    return {"model": model, "optimiser": Adam(model.parameters()[::step], 0.1)}


def in_groups(order: str) -> dict[str, Any]:
    model = MLP(2, [2, 2, 2], seed=0, output_activation="linear")
    groups = [{"parameters": model.layers["ab".index(name)].parameters()} for name in order]
    return {"model": model, "loss": cross_entropy, "optimiser": Adam(groups, 0.1)}


def beside(order: str) -> dict[str, Any]:
    """A loss that reads Values which are no part of the model."""
    model, values = small(), {name: Value(1.0, name) for name in "ab"}
    loss = lambda output, target: (values["a"] * output - values["b"] * target) ** 2
    parameters = [*model.parameters(), *(values[name] for name in order)]
    return {"model": model, "loss": loss, "optimiser": Adam(parameters, 0.1)}


def with_parts(*parts: Any) -> dict[str, Any]:
    return {"model": Sequential(Layer(2, 3, seed=1), *parts, Layer(3, 1, activation=None, seed=2))}


def bent(activation: str) -> dict[str, Any]:
    """One neuron in the midst of others."""
    model = small()
    model.layers[0].neurons[3].activation = activation
    return {"model": model}


def of_classes(weight: list[float], y: Any = CLASSES) -> dict[str, Any]:
    loss = partial(cross_entropy, weight=weight, reduction="sum")
    return {"model": small(outputs=3), "loss": loss, "y": y}


CHANGED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "batches": ({}, {"batch_size": 8}, "batch size 16 there and 8 here"),
    "the seed": ({}, {"seed": 1}, "seed 0 there and 1 here"),
    "clipping": ({}, {"clip_norm": 1.0}, "clip norm null there and 1.0 here"),
    "compiled": ({}, {"compiled": False}, "compiled true there and false here"),
    "the rate": ({}, optimised(learning_rate=0.02), "learning rate"),
    "an option": (
        optimised(learning_rate=0.1), optimised(learning_rate=0.1, amsgrad=True),
        "amsgrad false there and true here",
    ),
    "a penalty": ({}, {"penalty": lambda ps: l2(ps, 10.0)}, "penalty of made-up parameters"),
    "weights": ({"sample_weight": Y + 1.0}, {}, "is the checkpoint of another training: samples"),
    "a schedule": (
        {"schedule": PLATEAU}, {"schedule": replace(PLATEAU, patience=2)},
        "learning rates of the schedule",
    ),
    "fewer epochs": ({}, {"epochs": 2}, "has 4 epochs already, more than epochs=2"),
    "what is not moved": (last_layer_of(1), last_layer_of(2), "frozen parameters"),
    "another order": (
        in_order(1), in_order(-1),
        "training: trained parameters layers.0.neurons.0.w.0 there and layers.1.neurons.0.b here.",
    ),
    "another order of groups": (
        in_groups("ab"), in_groups("ba"),
        "trained parameters layers.0.neurons.0.w.0 of group 0 there and "
        "layers.1.neurons.0.w.0 of group 0 here",
    ),
    "another order beside the model": (
        beside("ab"), beside("ba"), "trained parameters a there and b here",
    ),
    "the eps of a LayerNorm": (
        with_parts(LayerNorm(3)), with_parts(LayerNorm(3, eps=1.0)),
        "training: settings of the model parts.1.eps 1e-05 there and parts.1.eps 1.0 here.",
    ),
    "digits that are not shown": (
        with_parts(Dropout(0.1234567)), with_parts(Dropout(0.1234568)),
        "parts.1.rate 0.1234567 there and parts.1.rate 0.1234568 here",
    ),
    "one neuron": (
        bent("tanh"), bent("relu"),
        "layers.0.neurons.3.activation tanh there and layers.0.neurons.3.activation relu here",
    ),
    "weights of classes": (
        of_classes([1.0, 2.0, 3.0]), of_classes([1.0, 5.0, 3.0]), "losses of made-up outputs",
    ),
    "weights of classes that are only held out": (
        {**of_classes([1.0, 2.0, 3.0], CLASSES % 2), "validation": (X, CLASSES)},
        {**of_classes([1.0, 2.0, 5.0], CLASSES % 2), "validation": (X, CLASSES)},
        "losses of made-up outputs",
    ),
    "a huber loss": (
        {"loss": partial(huber, delta=5.0)}, {"loss": partial(huber, delta=9.0)},
        "losses of made-up outputs",
    ),
    "what is frozen": (frozen_layer(1), frozen_layer(2), "frozen parameters"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_the_checkpoint_of_another_training_is_refused(name: str, path: Path) -> None:
    first, second, said = CHANGED[name]
    checkpointed(path, **first)
    content, model = path.read_bytes(), second.get("model", small())
    before = numbers(model)
    with pytest.raises(ValueError, match=r"^run\.json ") as caught:
        checkpointed(path, **{"model": model, **second})
    assert said in str(caught.value)
    assert_is_sentence(str(caught.value))
    assert np.array_equal(numbers(model), before)
    assert path.read_bytes() == content


def test_one_of_an_earlier_version_is_refused(path: Path) -> None:
    checkpointed(path)
    data = json.loads(path.read_text())
    del data["digest"]
    path.write_bytes(sealed({**data, "schema": "glassgrad-checkpoint/2"}))
    with pytest.raises(ValueError, match=r"^run\.json .*glassgrad-checkpoint/2"):
        checkpointed(path)


def test_a_loss_that_takes_no_large_outputs_is_told_from_others_too(path: Path) -> None:
    def loss(output: Any, target: Any) -> Any:
        if abs(output.data) > 50.0:
            raise ValueError("far away")
        return (output.exp() - target) ** 2

    first, _ = checkpointed(path, loss=loss, compiled=False, epochs=2)
    again, history = checkpointed(path, loss=loss, compiled=False, epochs=2)
    assert history.epochs == 2
    assert np.array_equal(numbers(first), numbers(again))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ((None, None), "called None,"),
        (("a", "a"), "called a,"),
        (("a", "b"), None),
        (("layers.0.neurons.0.b", None), r"called layers\.0\.neurons\.0\.b,"),
        ((None,), None),
    ],
)
def test_what_a_checkpoint_cannot_tell_apart_is_said(labels: Any, said: Any, path: Path) -> None:
    model, values = small(), [Value(1.0, label) for label in labels]
    loss = lambda output, target: (sum(values) * output - target) ** 2
    optimiser = Adam([*model.parameters(), *values], 0.1)
    with pytest.warns(UserWarning, match=said) if said else nullcontext():
        checkpointed(path, model=model, loss=loss, optimiser=optimiser, epochs=1)


def test_what_the_optimiser_does_not_move_is_told_by_its_names(path: Path) -> None:
    """A dict in another order would take the numbers of one for those of the other."""

    def run(names: str) -> None:
        found = Made(lambda m, x: m.inner(x) + m.others["a"] - m.others["b"], inner=small(),
                     others={name: Value(1.0) for name in names})  # fmt: skip
        checkpointed(path, model=found, optimiser=Adam(found.inner.parameters(), 0.1))

    run("ab")
    with pytest.raises(ValueError, match=r"has others\.a, others\.b, and the model"):
        run("ba")
    run("ab")


def test_what_a_callback_froze_is_no_choice(path: Path) -> None:
    def run(epochs: int, net: Any, path: Path) -> np.ndarray:
        freeze = lambda history: history.epochs == 2 and net.layers[0].freeze() and None
        optimiser = Adam(net.parameters(), 0.05)
        checkpointed(path, model=net, optimiser=optimiser, callbacks=freeze, epochs=epochs)
        return numbers(net)

    net = small()
    run(3, net, path)
    with pytest.raises(ValueError, match="frozen parameters null there") as caught:
        run(6, net, path)
    assert_is_sentence(str(caught.value))
    whole = run(6, small(), path.with_name("whole.json"))
    assert np.array_equal(run(6, net.unfreeze(), path), whole)


def test_the_folder_of_a_checkpoint_is_looked_for_at_once(path: Path) -> None:
    model = small()
    with pytest.raises(FileNotFoundError, match="no such folder for a checkpoint"):
        checkpointed(path / "run.json", model=model)
    assert np.array_equal(numbers(model), numbers(small()))


# Files that are damaged


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda data: data.pop("steps"), "it lacks 'steps'"),
        (lambda data: data["history"].update(notes=0), "its notes is 0, and not a list"),
        (lambda data: data.update(best=[1.0]), "it does not hold 25 parameters"),
        (lambda data: data.update(optimiser=[]), "A state of Adam is a dict"),
        (lambda data: data.pop("run"), "it lacks 'run'"),
        (lambda data: data.update(run=3), "its run is 3, and not an object"),
        *(
            (lambda data, place=place: data.update(frozen=[place]), "no places of parameters")
            for place in (99, -1)
        ),
        *(
            (lambda data, steps=steps: data.update(steps=steps), said)
            for steps, said in (("x", 'steps is "x", and not a whole'), (-3, "its -3 steps are"))
        ),
        (lambda data: data.update(why_eager=3), "to run eagerly is 3, and not a text"),
        (lambda data: data["history"].update(columns={}), "it lacks 'loss'"),
        (lambda data: data["history"].update(columns=3), "columns is 3, and not an object"),
        (lambda data: data.update(best=None), "do not belong together"),
        (lambda data: data.pop("others"), "it lacks 'others'"),
        (lambda data: data.update(others=["w"]), "it has w, and the model has nothing"),
    ],
)
def test_what_is_wrong_with_a_checkpoint_is_told(damage: Callable, word: str, path: Path) -> None:
    """Made by hand: its digest is right."""
    model, optimiser = (given := optimised()).values()
    checkpointed(path, **optimised(), epochs=2)
    data = json.loads(path.read_text())
    del data["digest"]
    damage(data)
    path.write_bytes(sealed(data))
    before = optimiser.state_dict()
    with pytest.raises(ValueError, match=rf"^run\.json is damaged: .*{word}") as caught:
        checkpointed(path, **given, epochs=2)
    assert_is_sentence(str(caught.value))
    assert np.array_equal(numbers(model), numbers(small()))
    assert optimiser.state_dict() == before


def test_a_checkpoint_that_was_changed_or_cut_off_is_refused(path: Path) -> None:
    """By its digest: that no bit escapes that is tried on model files, in `test_saving_faults`."""
    checkpointed(path)
    content = path.read_bytes()
    for damaged in (content[:-9], content.replace(b"0", b"1", 1)):
        path.write_bytes(damaged)
        model = small()
        with pytest.raises(ValueError, match=r"^run\.json is .* give checkpoint= another name"):
            checkpointed(path, model=model)
        assert np.array_equal(numbers(model), numbers(small()))
