"""The same network trained here and in PyTorch: the same loss curves, to 1e-9 over 100 steps."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from needing import mostly_slow

from glassgrad import (
    MLP,
    SGD,
    Adam,
    AdamW,
    RMSprop,
    binary_cross_entropy_with_logits,
    blobs,
    clip_grad_norm,
    cosine,
    cross_entropy,
    fit,
    huber,
    mse,
    sine,
    two_moons,
)
from glassgrad.nn.batches import generator_of_epoch
from glassgrad.nn.torch import to_torch

torch = pytest.importorskip("torch")  # this file may be asked for by its name
pytestmark = pytest.mark.needs("torch")

STEPS = 100
EAGER_STEPS = 40
"""They take forty times as long."""
Losses = torch.nn.functional


def as_tensor(array: Any) -> Any:
    return torch.from_numpy(np.ascontiguousarray(array))


def network(inputs: int, outputs: int, activation: str) -> MLP:
    sizes = [12, 8, outputs]
    return MLP(
        inputs, sizes, activation=activation, output_activation="linear", init="xavier", seed=3
    )


CASES: dict[str, tuple[Any, ...]] = {
    "classes, SGD": (
        lambda: blobs(60, classes=3), (2, 3, "tanh"), cross_entropy, Losses.cross_entropy,
        SGD, 0.2, {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-3},
    ),
    "moons, Adam": (
        two_moons, (2, 1, "relu"), binary_cross_entropy_with_logits,
        Losses.binary_cross_entropy_with_logits, Adam, 0.02, {},
    ),
    "sine, AdamW": (sine, (1, 1, "sigmoid"), mse, Losses.mse_loss, AdamW, 0.02, {}),
    "sine, RMSprop": (
        sine, (1, 1, "silu"), huber, Losses.huber_loss, RMSprop, 0.005, {"momentum": 0.5},
    ),
}  # fmt: skip
"""Data, a network, both losses; an optimiser, its learning rate, and options of equal names."""


def trained_there(
    there: Any, loss: Callable, optimiser: Any, samples: tuple[Any, Any], batches: list[Any]
) -> list[float]:
    """The loss of each step in PyTorch."""
    (X, y), losses = samples, []
    for places in batches:
        optimiser.zero_grad()
        outputs = there(as_tensor(X[places]))
        outputs = outputs.reshape(len(places)) if outputs.numel() == len(places) else outputs
        found = loss(outputs, as_tensor(y[places]))
        found.backward()
        optimiser.step()
        losses.append(found.item())
    return losses


@pytest.mark.parametrize("case", mostly_slow(reversed(CASES)))
def test_full_batches(case: str) -> None:
    check_full_batches(case, STEPS, compiled=True)


def test_full_batches_eagerly() -> None:
    """One case: that both ways of training are alike for all is in `test_fit.py`."""
    check_full_batches("sine, RMSprop", EAGER_STEPS, compiled=False)


def check_full_batches(case: str, steps: int, *, compiled: bool) -> None:
    data, sizes, ours, theirs, kind, rate, options = CASES[case]
    X, y = data()
    every = len(X) // 30
    X, y = X[::every], y[::every]  # some of all classes, which come one after the other
    y = y if ours is cross_entropy else y.astype(float)
    model = network(*sizes)
    there = to_torch(model)
    optimiser = kind(model.parameters(), rate, **options)
    given = {"optimiser": optimiser, "epochs": steps, "compiled": compiled, "health": False}
    history = fit(model, ours, X, y, batch_size=len(X), shuffle=False, **given)
    other = getattr(torch.optim, kind.__name__)(there.parameters(), rate, **options)
    expected = trained_there(there, theirs, other, (X, y), [np.arange(len(X))] * steps)
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-9)
    assert history["loss"][-1] < 0.7 * history["loss"][0]


def test_shuffled_batches_with_a_schedule_and_clipping() -> None:
    X, y = two_moons(64)
    model = network(2, 1, "tanh")
    there = to_torch(model)
    history = fit(
        model,
        binary_cross_entropy_with_logits,
        X,
        y,
        optimiser=SGD(model.parameters(), 0.5, momentum=0.9),
        epochs=25,
        batch_size=16,
        schedule=cosine(),
        clip_norm=0.3,
        seed=5,
        health=False,
    )
    theirs = torch.optim.SGD(there.parameters(), 0.5, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, STEPS)
    expected = []
    for epoch in range(1, 26):
        order, losses = generator_of_epoch(5, epoch).permutation(64), []
        for places in order.reshape(4, 16):
            theirs.zero_grad()
            outputs = there(as_tensor(X[places])).reshape(-1)
            found = Losses.binary_cross_entropy_with_logits(
                outputs, as_tensor(y[places].astype(float))
            )
            found.backward()
            torch.nn.utils.clip_grad_norm_(there.parameters(), 0.3)
            theirs.step()
            schedule.step()
            losses.append(found.item())
        expected.append(np.mean(losses))
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-9)
    assert clip_grad_norm(model.parameters(), 1.0) == 0.0  # they are forgotten
