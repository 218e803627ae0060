"""Trainings that end and go on: cut into pieces, killed, interrupted; and files of another kind."""

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fitting import (
    TRAININGS,
    X,
    Y,
    checkpointed,
    cooled,
    numbers,
    options_of,
    peeking,
    small,
    trained,
    without_warnings,
)
from outputs import assert_is_sentence

from glassgrad import MLP, SGD, Adam, History, ReduceOnPlateau, Value, l2, mse, nn
from glassgrad.engine.files import json_text, sealed
from glassgrad.nn.hooks import Checkpoint


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


def test_a_finished_training_is_only_read(path: Path) -> None:
    first, history = checkpointed(path)
    before = path.read_bytes()
    other, again = checkpointed(path)
    assert again.notes == ["run.json was at its last epoch: nothing was left to train."]
    assert again["loss"] == history["loss"]
    assert np.array_equal(numbers(first), numbers(other))
    assert path.read_bytes() == before


def test_checkpoints_may_be_written_less_often(path: Path) -> None:
    def written() -> int:
        return len(json.loads(path.read_text())["history"]["columns"]["loss"])

    seen = list[int]()
    look = lambda history: seen.append(written() if path.exists() else 0)
    checkpointed(path, epochs=5, checkpoint_every=2, callbacks=[look])
    assert (seen, written()) == ([0, 0, 2, 2, 4], 5)


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
    kept, model = list[np.ndarray](), small()

    def interrupt(history: History) -> None:
        kept.append(numbers(model))
        if history.epochs == 3:
            raise KeyboardInterrupt

    _, history = trained(model=model, callbacks=[interrupt], epochs=10)
    assert (history.epochs, history.stopped) == (3, "by Ctrl-C, after 3 whole epochs")
    assert np.array_equal(numbers(model), kept[history.best_epoch - 1])
    assert not model.training


INTERRUPTED = """
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
KILLED = """
    import json, os, signal, sys
    from glassgrad.nn import *
    path, kill = sys.argv[1], int(sys.argv[2])
    X, y = two_moons(60)
    model = Sequential(Layer(2, 8, seed=1), Dropout(0.2), Layer(8, 1, activation=None, seed=2))
    def die(history):
        if history.epochs == kill:
            os.kill(os.getpid(), signal.SIGKILL)
    optimiser = Adam(model.parameters(), 0.05)
    history = fit(model, binary_cross_entropy_with_logits, X, y, optimiser=optimiser,
                  epochs=8, batch_size=16, schedule=cosine(), validation=0.2,
                  metrics=["accuracy"], checkpoint=path or None, callbacks=[die], health=False)
    numbers = {name: history[name] for name in history if name != "seconds"}
    print(json.dumps([model.state_dict(), optimiser.state_dict(), numbers, history.best_epoch]))
"""


def run_by_itself(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


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


PLATEAU = {"schedule": ReduceOnPlateau(factor=0.5, patience=1)}
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
        PLATEAU, {"schedule": ReduceOnPlateau(factor=0.5, patience=2)},
        "learning rates of the schedule",
    ),
    "fewer epochs": ({}, {"epochs": 2}, "has 4 epochs already, more than epochs=2"),
    "what is not moved": (last_layer_of(1), last_layer_of(2), "frozen parameters"),
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


# Files that are damaged, or of an earlier version


@pytest.mark.slow
def test_damaged_checkpoints_change_nothing(path: Path) -> None:
    checkpointed(path, epochs=2)
    content, random = path.read_bytes(), np.random.default_rng(0)
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
            checkpointed(path, model=model, epochs=2)
        assert np.array_equal(numbers(model), numbers(small()))
        assert path.read_bytes() == bytes(damaged)


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda data: data.pop("steps"), "it lacks 'steps'"),
        (lambda data: data["history"].update(notes=0), "its notes is 0, and not a list"),
        (lambda data: data["history"].update(History().to_dict()), "it lacks 'loss'"),
        (lambda data: data.update(best=[1.0]), "it does not hold 25 parameters"),
        (lambda data: data.update(optimiser=[]), "A state of Adam is a dict"),
    ],
)
def test_what_is_wrong_with_a_checkpoint_is_told(damage: Callable, word: str, path: Path) -> None:
    model = small()
    checkpointed(path, epochs=2)
    data = json.loads(path.read_text())
    del data["digest"]
    damage(data)
    path.write_bytes(sealed(data))
    with pytest.raises(ValueError, match=rf"^run\.json is damaged: .*{word}"):
        checkpointed(path, model=model, epochs=2)
    assert np.array_equal(numbers(model), numbers(small()))


class Part:
    """What keeps a state in a checkpoint, and takes one from it."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.now = state

    def state(self) -> dict[str, Any]:
        return self.now

    def take(self, states: dict[str, Any]) -> None:
        self.now = {name: states[name] for name in self.now}


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


def test_a_checkpoint_of_more_epochs_than_there_are_to_be_changes_nothing(path: Path) -> None:
    file, part, _ = kept(path)
    shorter = Checkpoint(file.path, {"seed": 0}, [part], 1, 0)
    with pytest.raises(ValueError, match="has 1 epochs already, more than epochs=0"):
        shorter.resume()
    assert not any(part.now.values())


@pytest.mark.slow
def test_one_bit_that_changed_anywhere_in_a_checkpoint_is_refused(path: Path) -> None:
    file, part, content = kept(path)
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        file.path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"^run\.json is .* give checkpoint= another name"):
            file.resume()
        assert not any(part.now.values())
    file.path.write_bytes(content)
    assert goes_on(file, part)


def test_a_checkpoint_without_a_digest_is_refused(path: Path) -> None:
    file, _, content = kept(path)
    data = json.loads(content)
    del data["digest"]
    file.path.write_text(json_text(data))
    with pytest.raises(ValueError, match=r"not that of what it says\. Nothing is changed; give"):
        file.resume()
