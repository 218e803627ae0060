"""How the time of a step grows over two decades of batch, width, depth and parameters.

The network is that of two moons, with one of its sizes changed at a time.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks import moons_arrays, steps
from benchmarks.growth import Sweep, swept
from benchmarks.moons import loss, network, sample_loss, samples
from benchmarks.steps import COMPILED, EAGER, HAND, Step

MOST_EAGER = 300_000
"""So many products of a weight and a number may an eager step have; more would take long."""


class Case(NamedTuple):
    """A network and how many samples it learns from."""

    sizes: tuple[int, ...]
    batch: int = 100


def sweep(quick: bool, slow: bool) -> list[Sweep]:
    """The four sweeps."""
    sizes: dict[str, tuple[int, ...]] = {
        "batch": (10, 30, 100, 300, 1000),
        "width": (4, 12, 40, 126, 400),
        "depth": (1, 3, 10, 30, 100),
        "inputs": (4, 18, 60, 200, 620),
    }
    if quick:
        sizes = {label: (few[0], few[2]) for label, few in sizes.items()}
    cases = {
        "batch": {n: Case((2, 16, 16, 1), n) for n in sizes["batch"]},
        "width": {n: Case((2, n, n, 1)) for n in sizes["width"]},
        "depth": {n: Case((2, *[8] * n, 1)) for n in sizes["depth"]},
        "parameters": {16 * n + 33: Case((n, 16, 1)) for n in sizes["inputs"]},
    }
    power = dict.fromkeys(cases, 1) | {"width": 2}  # whose square is the number of parameters
    return [
        swept(f"growth with {label}", label, each, programs_of, quick=quick, power=power[label])
        for label, each in cases.items()
    ]


def programs_of(case: Case) -> dict[str, Step]:
    """The compiled step, numpy by hand, and the eager step where it is not too long."""
    model, (x, y) = network(case.sizes), data(case)
    parameters = model.parameters()
    flat = np.array([p.data for p in parameters])
    programs = {
        COMPILED: steps.compiled_step(partial(sample_loss, model), parameters, x, y),
        HAND: Step(moons_arrays.by_hand(flat, case.sizes, x, y)),
    }
    if len(flat) * case.batch <= MOST_EAGER:
        rows = x.tolist(), y.tolist()
        programs[EAGER] = steps.eager_step(partial(loss, model, *rows), parameters)
    return programs


def data(case: Case) -> tuple[Any, Any]:
    """Two moons, or random numbers where more inputs than two are asked for."""
    if case.sizes[0] == 2:
        rows, labels = samples(case.batch)
        return np.array(rows), np.array(labels)
    x = np.random.default_rng(0).normal(size=(case.batch, case.sizes[0]))
    return x, np.sign(x[:, 0])
