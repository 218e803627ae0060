"""What the tests of compiled functions share: results and gradients, compared with eager ones."""

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from programs import Program, by_engine

from glassgrad import Value, compiled, engine


def near(a: float, b: float, tolerance: float = 1e-12) -> bool:
    is_same = a == b or (math.isnan(a) and math.isnan(b))
    return is_same or abs(a - b) <= tolerance * max(abs(a), abs(b))


def are_near(expected: Sequence[float], found: Sequence[float]) -> bool:
    """Up to the rounding of sums in another order, for gradients that are sums over samples."""
    scale = max(map(abs, expected))
    return all(abs(a - b) <= 1e-13 * scale for a, b in zip(expected, found))


def value_and_slopes(y: Any, leaves: Sequence[Value]) -> list[float] | None:
    """The result and the gradients of the leaves; None if it is a constant."""
    if not isinstance(y, Value) or y.is_constant:
        return None
    for leaf in leaves:
        leaf.grad = 0.0
    y.backward()
    return [y.data, *(leaf.grad for leaf in leaves)]


def is_same_over_batch(program: Program, seed: int) -> bool:
    generator = random.Random(seed)
    w = Value(program.point[0])
    function = compiled(lambda *xs: program.run(by_engine, [+w, *xs])[-1])
    columns = [
        np.array([x + generator.uniform(-0.05, 0.05) for _ in range(5)]) for x in program.point[1:]
    ]
    eager = [function.function(*(float(column[i]) for column in columns)) for i in range(5)]
    if not all(isinstance(y, Value) and not y.is_constant for y in eager):
        return False
    total = value_and_slopes(engine.sum(eager), [w])
    found = value_and_slopes(function.over(*columns, reduction="sum"), [w])
    assert all(near(a, b, 1e-11) for a, b in zip(total, found)), (total, found, program.python())
    return True
