"""One training step on two moons: MLP 2-16-16-1, hinge loss + L2, 100 samples, 337 gradients.

micrograd's demonstration, with the same weights for every program. Before the clock starts, the
losses and all gradients are compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks import moons_arrays, moons_casadi, steps
from benchmarks.alone import seconds_alone
from benchmarks.classes import MICROGRAD
from benchmarks.moons_arrays import PENALTY
from benchmarks.moons_casadi import IN_C, MACHINE
from benchmarks.steps import COMPILED, EAGER, Step, check_same
from benchmarks.timing import Workload, absent, peer, scaled, seconds
from glassgrad import nn

SIZES = (2, 16, 16, 1)
SCALARS = (EAGER, MICROGRAD)
NEEDS = {**steps.NEEDS, MICROGRAD: "micrograd.nn", MACHINE: "casadi", IN_C: "casadi"}
"""The programs and the module each needs."""
SLOW = (MACHINE, IN_C)
TITLE = "moons: loss and all 337 gradients of an MLP 2-16-16-1 on 100 samples"


def moons(quick: bool, slow: bool) -> list[Workload]:
    """The step of everyone, and that of scalar programs with the garbage collector off."""
    skipped = absent(NEEDS) | left_out(quick, slow)
    names = [name for name in NEEDS if name not in skipped]
    programs = {name: program(name) for name in names}
    check_same("moons", programs)
    scalars = [name for name in SCALARS if programs.pop(name, None)]
    counts = (1, 1) if quick else (7, 5)
    times = seconds(programs, 5 if quick else 41)
    times |= seconds_alone("moons.program", scalars, *counts)
    without = seconds_alone("moons.program", scalars, *counts, collector=False)
    return [
        Workload("moons", TITLE, "ms", scaled(times, 1e3), COMPILED, skipped),
        Workload("collector", f"{TITLE}, collector off", "ms", scaled(without, 1e3), EAGER),
    ]


def left_out(quick: bool, slow: bool) -> dict[str, str]:
    """What is not measured although it is installed."""
    if quick:
        return dict.fromkeys(SLOW, "left out of a quick run")
    return {} if slow else {IN_C: "gcc takes a minute; --slow measures it"}


def program(name: str) -> Step:
    """The step of one program, ready to run."""
    rows, labels = samples()
    model = network()
    flat, x, y = np.array([p.data for p in model.parameters()]), np.array(rows), np.array(labels)
    if name == EAGER:
        return steps.eager_step(partial(loss, model, rows, labels), model.parameters())
    if name == MICROGRAD:
        return micrograd_step(flat.tolist(), rows, labels)
    if name == COMPILED:
        return steps.compiled_step(partial(sample_loss, model), model.parameters(), x, y)
    if name in (MACHINE, IN_C):
        return moons_casadi.casadi_step(flat, SIZES, x, y, name == IN_C)
    return moons_arrays.program(name, flat, SIZES, x, y)


def network(sizes: Sequence[int] = SIZES) -> nn.MLP:
    """The network, with the same weights for everyone."""
    return nn.MLP(sizes[0], sizes[1:], activation="relu", output_activation="linear", seed=1)


def samples(count: int = 100) -> tuple[list[list[float]], list[float]]:
    """Points of two moons and their labels, -1 or 1."""
    noise, half = np.random.default_rng(1), count // 2
    angle = np.linspace(0.0, math.pi, half)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = np.concatenate([upper, [1.0, 0.5] - upper]) + 0.1 * noise.normal(size=(2 * half, 2))
    return points.tolist(), [-1.0] * half + [1.0] * half


def loss(model: Any, rows: Sequence[Any], labels: Sequence[float]) -> Any:
    """The loss in plain scalar code; the same lines run on micrograd."""
    scores = [model(row) for row in rows]
    losses = [(1.0 - label * score).relu() for label, score in zip(labels, scores)]
    return sum(losses) * (1.0 / len(losses)) + penalty(model)


def penalty(model: Any) -> Any:
    """What keeps the weights small."""
    return PENALTY * sum(p * p for p in model.parameters())


def sample_loss(model: Any, x: Any, y: Any) -> Any:
    """The loss of one sample, to be compiled; the mean over a batch is the loss above."""
    return (1.0 - y * model(x)).relu() + penalty(model)


def micrograd_step(weights: list[float], rows: Sequence[Any], labels: list[float]) -> Step:
    """The step of micrograd, its inputs made Values once a step as in its demonstration."""
    value = peer("micrograd.engine").Value
    model = peer("micrograd.nn").MLP(SIZES[0], list(SIZES[1:]))
    for parameter, weight in zip(model.parameters(), weights):
        parameter.data = weight
    return steps.eager_step(
        lambda: loss(model, [list(map(value, row)) for row in rows], labels), model.parameters()
    )
