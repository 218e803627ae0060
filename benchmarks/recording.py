"""What the first call of a compiled function costs, by scalar operation, and what it finds.

A scalar operation is one addition, product or function of numbers: a `dot` of n pairs counts
2n - 1. The cost is a first call less a later one: recording, grouping, and writing the program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks import gpt, moons, rnn
from benchmarks.sequences import flat_list
from benchmarks.timing import Workload, frozen
from glassgrad import Compiled, compiled, topological_order

Task = tuple[Callable[[], Any], Sequence[Any]]


def recording(quick: bool, slow: bool) -> list[Workload]:
    """Microseconds by scalar operation, and the number of array operations, for three tasks."""
    costs, counts, sizes = {}, {}, dict[str, float]()
    for name, task in {"moons": moons_task, "transformer": gpt_task, "RNN": rnn_task}.items():
        loss, parameters = task()
        sizes[name] = scalar_operations(loss())
        calls = [first_call(loss, parameters) for _ in range(1 if quick else 3)]
        costs[name] = 1e6 / sizes[name] * median(time for time, _ in calls)
        counts[name] = calls[0][1]
    return [
        Workload("recording", "recording and grouping, by scalar operation", "µs", costs, None),
        Workload("found", "array operations found (forward)", "", counts, None),
        Workload("scalars", "scalar operations recorded", "", sizes, None),
    ]


def moons_task() -> Task:
    """All 100 samples of two moons recorded as one loss."""
    model = moons.network()
    return partial(moons.loss, model, *moons.samples()), model.parameters()


def gpt_task() -> Task:
    """One document through the transformer."""
    weights = gpt.parameters(gpt.shapes())
    return partial(gpt.gpt_loss, weights, gpt.tokens_of(gpt.DOCUMENT)), flat_list(weights)


def rnn_task() -> Task:
    """One document through the RNN."""
    weights = gpt.parameters(rnn.shapes())
    return partial(rnn.rnn_loss, weights, gpt.tokens_of(rnn.DOCUMENT)), flat_list(weights)


def scalar_operations(root: Any) -> int:
    """How many operations of two numbers, or functions of one, an eager graph is."""
    return sum(scalars_of(node) for node in topological_order(root) if node.parents)


def scalars_of(node: Any) -> int:
    """How many scalar operations a node stands for."""
    return max(1, len(node.parents) - 1)


def first_call(loss: Callable[[], Any], parameters: Sequence[Any]) -> tuple[float, float]:
    """Seconds of a first call less those of a second, and how many array operations it found."""
    function = compiled(lambda _: loss())
    step, numbers = function.value_and_grad(parameters), np.array([p.data for p in parameters])
    times = []
    with frozen():
        for _ in range(2):
            start = perf_counter()
            step(numbers, np.zeros(1))
            times.append(perf_counter() - start)
    return times[0] - times[1], array_operations(function)


def array_operations(function: Compiled) -> float:
    """How many array operations a function became, from its report."""
    found = re.search(r"([\d,]+) array operations", function.report())
    return float(found[1].replace(",", "")) if found else float("nan")
