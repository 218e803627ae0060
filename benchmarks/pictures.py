"""Drawings: a neuron, its stepper, a network with its modules collapsed, 10,000 nodes in a tangle.

No other program draws all of these, so the figures stand beside what a person notices: 20 ms for
a neuron, 50 ms for its stepper, 100 ms for a network. Each is the first picture of a process.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

from benchmarks.alone import seconds_alone
from benchmarks.timing import OURS, Workload
from glassgrad import MLP, RenderingError, Value, backprop, draw, engine

LIMITS = {"neuron": 20.0, "stepper": 50.0, "network": 100.0, "tangle": 30_000.0}
"""What is aimed at, in milliseconds; the tangle may take its time limit and no more."""
TITLES = {
    "neuron": "draw a neuron as SVG",
    "stepper": "its stepper as HTML",
    "network": "draw a sample through MLP(2, [16, 16, 1]), 980 nodes, neurons collapsed, as SVG",
    "tangle": "draw 10,000 nodes, each of two random ones of the 50 before it",
}
AIM = "aimed at"
WITHOUT = {"pictures": "pygraphviz is not installed"}


def pictures(quick: bool, slow: bool) -> list[Workload]:
    """Milliseconds of each drawing, beside what is aimed at."""
    if find_spec("pygraphviz") is None:
        return [Workload("neuron", "pictures", "ms", {}, skipped=WITHOUT)]
    times = seconds_alone("pictures.program", TITLES, 1 if quick else 9, runs=1)
    return [
        Workload(name, f"pictures: {title}", "ms", {OURS: 1e3 * times[name], AIM: LIMITS[name]})
        for name, title in TITLES.items()
    ]


def program(name: str) -> Callable[[], object]:
    """What makes a picture, its graph built already."""
    make = {"neuron": neuron, "stepper": stepper, "network": network, "tangle": tangle}[name]
    return make()


def the_neuron() -> Value:
    """The tanh of x1·w1 + x2·w2 + b, with its gradients."""
    x1, x2, w1, w2 = (Value(x, label=n) for n, x in zip(("x1", "x2", "w1", "w2"), (2, 0, -3, 1)))
    y = (x1 * w1 + x2 * w2 + Value(6.8813735870195432, label="b")).tanh()
    y.backward()
    return y


def neuron() -> Callable[[], object]:
    """The neuron with local derivatives, as SVG."""
    y = the_neuron()
    return lambda: draw(y, derivatives=True).svg


def stepper() -> Callable[[], object]:
    """The page that steps through the neuron."""
    y = the_neuron()
    return lambda: backprop(y).html()


def network() -> Callable[[], object]:
    """One sample through the network of two moons."""
    y = MLP(2, [16, 16, 1], seed=0)([1.0, 2.0])
    y.backward()
    return lambda: draw(y).svg


def tangle() -> Callable[[], object]:
    """10,000 nodes without modules: those nearest to the result are drawn, or time runs out."""
    rng = random.Random(0)
    nodes = [Value(1.0) for _ in range(10)]
    while len(nodes) < 10_000:
        a, b = rng.choices(nodes[-50:], k=2)
        nodes.append(a + b)
    return partial(drawn, engine.sum(nodes[-50:]))


def drawn(y: Value) -> bool:
    """Whether a drawing comes about within its time limit."""
    try:
        return bool(draw(y, derivatives=True, seconds=LIMITS["tangle"] / 1e3).svg)
    except RenderingError:
        return False
