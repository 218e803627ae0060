"""Handwritten digits: the training that the README shows, from data to accuracy.

1,797 images, a quarter held out, an MLP 64-32-10, batches of 32, momentum, a cosine schedule.
PyTorch runs the same loop: the same initial weights, the same batches; its loss after the last
epoch is compared. scikit-learn's `MLPClassifier` trains a network of the same size its own way.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from benchmarks.timing import OURS, Workload, absent, peer
from glassgrad import nn
from glassgrad.nn.batches import generator_of_epoch

EPOCHS, BATCH, RATE, DECAY = 40, 32, 0.2, 0.001
EAGER, TORCH, SKLEARN = "glassgrad, eager", "PyTorch, the same loop", "scikit-learn MLPClassifier"
NEEDS = {OURS: "sklearn", EAGER: "sklearn", TORCH: "torch", SKLEARN: "sklearn"}
_SOME = 160
TITLE = "digits: MLP 64-32-10 on 1,347 images, {} epochs"


class Trained(NamedTuple):
    """The seconds of a training, its last loss, and the accuracy on what was held out."""

    seconds: float
    loss: float
    accuracy: float


def digits(quick: bool, slow: bool) -> list[Workload]:
    """The training of everyone; the eager one is an epoch of some images, scaled."""
    skipped = absent(NEEDS)
    epochs = 3 if quick else EPOCHS
    title = TITLE.format(epochs)
    if OURS in skipped:
        return [Workload("digits", title, "s", {}, skipped=skipped)]
    data = split_digits()
    programs: Mapping[str, Callable[[], Trained]] = {
        OURS: partial(ours, data, epochs, True),
        TORCH: partial(in_torch, data, epochs),
        SKLEARN: partial(in_sklearn, data, epochs),
    }
    found = {name: program() for name, program in programs.items() if name not in skipped}
    check(found)
    if not quick:
        for name, program in programs.items():  # the second time, nothing is loaded any more
            if name in found:
                found[name] = min(found[name], program())
    X_train, X_test, y_train, y_test = data
    some = X_train[:_SOME], X_test, y_train[:_SOME], y_test
    eager = ours(some, 1, False).seconds * len(X_train) / _SOME
    figures = {name: trained.seconds for name, trained in found.items()}
    figures[EAGER] = eager * epochs
    notes = [f"{name}: accuracy {trained.accuracy:.4f}" for name, trained in found.items()]
    return [Workload("digits", title, "s", figures, skipped=skipped, notes=notes)]


def split_digits() -> tuple[Any, Any, Any, Any]:
    """The images and their classes, to learn from and to test with."""
    return nn.split(*nn.digits(), share=0.25, seed=0)


def network() -> nn.MLP:
    """The network before training."""
    sizes = [32, 10]
    return nn.MLP(64, sizes, activation="tanh", output_activation="linear", init="xavier", seed=0)


def ours(data: tuple[Any, Any, Any, Any], epochs: int, is_compiled: bool) -> Trained:
    """`fit`, as the README has it."""
    X_train, X_test, y_train, y_test = data
    model = network()
    began = perf_counter()
    history = nn.fit(
        model,
        nn.cross_entropy,
        X_train,
        y_train,
        optimiser=nn.SGD(model.parameters(), RATE, momentum=0.9, weight_decay=DECAY),
        schedule=nn.cosine(),
        epochs=epochs,
        batch_size=BATCH,
        metrics=["accuracy"] if is_compiled else [],
        compiled=is_compiled,
    )
    taken = perf_counter() - began
    right = nn.accuracy(nn.predict(model, X_test), y_test)
    return Trained(taken, history["loss"][-1], right)


def in_torch(data: tuple[Any, Any, Any, Any], epochs: int) -> Trained:
    """The loop of every tutorial, with the weights and the batches of `fit`."""
    torch = peer("torch")
    torch.set_num_threads(1)
    X_train, X_test, y_train, y_test = map(torch.from_numpy, data)
    model = nn.to_torch(network())
    began = perf_counter()
    optimiser = torch.optim.SGD(model.parameters(), RATE, momentum=0.9, weight_decay=DECAY)
    steps = epochs * -(-len(y_train) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for epoch in range(1, epochs + 1):
        order, total = torch.from_numpy(generator_of_epoch(0, epoch).permutation(len(y_train))), 0.0
        for places in order.split(BATCH):
            optimiser.zero_grad()
            outputs = model(X_train[places])
            loss = torch.nn.functional.cross_entropy(outputs, y_train[places])
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(places)
    taken = perf_counter() - began
    with torch.no_grad():
        right = (model(X_test).argmax(1) == y_test).double().mean().item()
    return Trained(taken, total / len(y_train), right)


def in_sklearn(data: tuple[Any, Any, Any, Any], epochs: int) -> Trained:
    """A network of the same size, trained scikit-learn's way."""
    X_train, X_test, y_train, y_test = data
    model = peer("sklearn.neural_network").MLPClassifier(
        (32,), activation="tanh", solver="sgd", alpha=DECAY, batch_size=BATCH,
        learning_rate_init=RATE, max_iter=epochs, n_iter_no_change=epochs, random_state=0,
    )  # fmt: skip
    began = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        model.fit(X_train, y_train)
    taken = perf_counter() - began
    return Trained(taken, model.loss_, model.score(X_test, y_test))


def check(found: Mapping[str, Trained]) -> None:
    """The last epoch's losses here and in PyTorch are the same."""
    if TORCH in found:
        np.testing.assert_allclose(found[OURS].loss, found[TORCH].loss, rtol=1e-6)
