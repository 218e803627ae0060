"""One training step on two moons: MLP 2-16-16-1, hinge loss + L2, 100 samples, 337 gradients.

micrograd's demonstration, with the same weights for every program. Before the clock starts, the
losses and all gradients are compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

import nn
from benchmarks.alone import seconds_alone
from benchmarks.timing import OURS, Workload, peer, seconds

Row = Sequence[Any]
Step = Callable[[], tuple[float, list[float]]]

SIZES = (2, 16, 16, 1)
PENALTY = 1e-4
MATRICES = "PyTorch, matrices"
PEERS = {OURS: None, "micrograd": "micrograd.nn", MATRICES: "torch"}
"""The programs and the module each needs."""
TITLE = "moons: loss and all 337 gradients of an MLP 2-16-16-1 on 100 samples"


def moons(quick: bool) -> list[Workload]:
    """The step as installed, and with the garbage collector off."""
    names = [name for name, package in PEERS.items() if package is None or peer(package)]
    skipped = [name for name in PEERS if name not in names]
    expected = program(OURS)()
    for name in names:
        check_same(name, program(name)(), expected)
    alone = seconds_alone("moons", names, 3 if quick else 9)
    scalars = {name: program(name) for name in names if name != MATRICES}
    without = seconds(scalars, 3 if quick else 15, collector=False)
    return [
        Workload(f"{TITLE}, as installed", "ms", milliseconds(alone), skipped=skipped),
        Workload(f"{TITLE}, collector off", "ms", milliseconds(without)),
    ]


def program(name: str) -> Step:
    """The step of one program, ready to run."""
    rows, labels = samples()
    ours = nn.MLP(SIZES[0], SIZES[1:], activation="relu", output_activation="linear", seed=1)
    if name == OURS:
        return lambda: step(ours, rows, labels)
    make = torch_step if name == MATRICES else micrograd_step
    return make([p.data for p in ours.parameters()], rows, labels)


def milliseconds(times: dict[str, float]) -> dict[str, float]:
    """Seconds as milliseconds."""
    return {name: 1e3 * time for name, time in times.items()}


def samples() -> tuple[list[list[float]], list[float]]:
    """100 points of two moons and their labels, -1 or 1."""
    noise = np.random.default_rng(1)
    angle = np.linspace(0.0, math.pi, 50)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = np.concatenate([upper, [1.0, 0.5] - upper]) + 0.1 * noise.normal(size=(100, 2))
    return points.tolist(), [-1.0] * 50 + [1.0] * 50


def step(model: Any, rows: Sequence[Row], labels: list[float]) -> tuple[float, list[float]]:
    """Forward and backward in plain scalar code; the same lines run on micrograd."""
    scores = [model(row) for row in rows]
    losses = [(1.0 - label * score).relu() for label, score in zip(labels, scores)]
    penalty = PENALTY * sum(p * p for p in model.parameters())
    loss = sum(losses) * (1.0 / len(losses)) + penalty
    model.zero_grad()
    loss.backward()
    return loss.data, [p.grad for p in model.parameters()]


def micrograd_step(weights: list[float], rows: list[list[float]], labels: list[float]) -> Step:
    """The step of micrograd, its inputs made Values once a step as in its demonstration."""
    value = peer("micrograd.engine").Value
    model = peer("micrograd.nn").MLP(SIZES[0], list(SIZES[1:]))
    for parameter, weight in zip(model.parameters(), weights):
        parameter.data = weight
    return lambda: step(model, [list(map(value, row)) for row in rows], labels)


def torch_step(weights: list[float], rows: list[list[float]], labels: list[float]) -> Step:
    """The step of PyTorch on matrices: eager, double precision, one thread."""
    torch = peer("torch")
    torch.set_num_threads(1)
    x, y = torch.tensor(rows, dtype=torch.float64), torch.tensor(labels, dtype=torch.float64)
    layers: list[tuple[Any, Any]] = []
    rest = torch.tensor(weights, dtype=torch.float64)
    for nin, nout in pairwise(SIZES):
        # A neuron's weights, then its bias: the order of the scalar models.
        block, rest = rest[: nout * (nin + 1)].reshape(nout, nin + 1), rest[nout * (nin + 1) :]
        layers.append((block[:, :-1].clone().requires_grad_(), block[:, -1].clone()))
        layers[-1][1].requires_grad_()

    def run() -> Any:
        h = x
        for i, (w, b) in enumerate(layers):
            h = h @ w.T + b
            h = h.relu() if i < len(layers) - 1 else h
        penalty = PENALTY * sum((p * p).sum() for pair in layers for p in pair)
        loss = (1.0 - y * h[:, 0]).relu().mean() + penalty
        for pair in layers:
            for p in pair:
                p.grad = None
        loss.backward()
        return loss

    def as_lists() -> tuple[float, list[float]]:
        loss = run().item()
        grads = [torch.cat([w.grad, b.grad[:, None]], dim=1).flatten() for w, b in layers]
        return loss, torch.cat(grads).tolist()

    return as_lists


def check_same(
    name: str, got: tuple[float, list[float]], expected: tuple[float, list[float]]
) -> None:
    """Stop if a program computes something else than ours.

    Raises:
        AssertionError: a loss or a gradient differs by more than 1e-9.
    """
    pairs = [(got[0], expected[0]), *zip(got[1], expected[1])]
    worst = max(abs(a - b) for a, b in pairs)
    if len(got[1]) != len(expected[1]) or not worst <= 1e-9:
        raise AssertionError(f"moons: {name} and {OURS} differ by {worst:.3g}")
