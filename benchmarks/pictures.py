"""Drawings: a neuron, its stepper, a network with its modules collapsed, 10,000 nodes in a tangle.

No other program draws all of these, so the figures stand beside what a person notices: 50 ms for
a neuron, 100 ms for its stepper and for a network. Each is drawn anew, pictures are not remembered.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

from benchmarks.timing import OURS, Workload, seconds
from glassgrad import MLP, RenderingError, Value, backprop, draw, engine
from glassgrad.viz.render import render

LIMITS = {"neuron": 50.0, "stepper": 100.0, "network": 100.0, "tangle": 30_000.0}
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
    programs = {"neuron": neuron(), "stepper": stepper(), "network": network(), "tangle": tangle()}
    few = {"tangle": 1 if quick else 3}
    found = []
    for name, program in programs.items():
        (time,) = seconds({OURS: program}, few.get(name, 3 if quick else 15)).values()
        figures = {OURS: 1e3 * time, AIM: LIMITS[name]}
        found.append(Workload(name, f"pictures: {TITLES[name]}", "ms", figures))
    return found


def the_neuron() -> Value:
    """The tanh of x1·w1 + x2·w2 + b, with its gradients."""
    x1, x2, w1, w2 = (Value(x, label=n) for n, x in zip(("x1", "x2", "w1", "w2"), (2, 0, -3, 1)))
    y = (x1 * w1 + x2 * w2 + Value(6.8813735870195432, label="b")).tanh()
    y.backward()
    return y


def fresh(program: Callable[[], object]) -> Callable[[], object]:
    """The program without pictures that were remembered from the run before."""

    def run() -> object:
        render.cache_clear()
        return program()

    return run


def neuron() -> Callable[[], object]:
    """The neuron with local derivatives, as SVG."""
    y = the_neuron()
    return fresh(lambda: draw(y, derivatives=True).svg)


def stepper() -> Callable[[], object]:
    """The page that steps through the neuron."""
    y = the_neuron()
    return fresh(lambda: backprop(y).html())


def network() -> Callable[[], object]:
    """One sample through the network of two moons."""
    y = MLP(2, [16, 16, 1], seed=0)([1.0, 2.0])
    y.backward()
    return fresh(lambda: draw(y).svg)


def tangle() -> Callable[[], object]:
    """10,000 nodes without modules: those nearest to the result are drawn, or time runs out."""
    rng = random.Random(0)
    nodes = [Value(1.0) for _ in range(10)]
    while len(nodes) < 10_000:
        a, b = rng.choices(nodes[-50:], k=2)
        nodes.append(a + b)
    return fresh(partial(drawn, engine.sum(nodes[-50:])))


def drawn(y: Value) -> bool:
    """Whether a drawing comes about within its time limit."""
    try:
        return bool(draw(y, derivatives=True, seconds=LIMITS["tangle"] / 1e3).svg)
    except RenderingError:
        return False
