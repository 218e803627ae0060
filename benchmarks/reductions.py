"""Reductions of more and more Values, forward and backward: their time is linear in operands."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from benchmarks.growth import ALL, Place, Sweep, exponent
from benchmarks.timing import Workload, scaled, seconds
from glassgrad import Value, engine

NAMES = ("softmax", "logsumexp", "sum", "prod", "mean", "max", "min", "dot")
SIZES = (50, 200, 800)
TITLE = "growth with operands: reductions, forward and backward"


def reductions(quick: bool, slow: bool) -> list[Workload]:
    """Each reduction of growing numbers of Values."""
    sizes = SIZES[:2] if quick else SIZES
    programs: dict[Place, Callable[[], None]] = {
        (name, size): program(name, size) for name, size in product(NAMES, sizes)
    }
    times = scaled(seconds(programs, 1 if quick else 7), 1e3)
    series = {name: {size: times[name, size] for size in sizes} for name in NAMES}
    figures = {f"{ALL}, {name}": exponent(each) for name, each in series.items()}
    return [Sweep("reductions", TITLE, "", figures, None, label="operands", series=series)]


def program(name: str, size: int) -> Callable[[], None]:
    """A reduction of so many Values, and the gradient of its result."""
    values = [Value(i / size) for i in range(size)]
    weights = [1.0 + i / size for i in range(size)]
    reduce = getattr(engine, name)

    def run() -> None:
        found = reduce(values, weights) if name == "dot" else reduce(values)
        if name == "softmax":
            found = engine.dot(found, weights)
        found.backward()

    return run
