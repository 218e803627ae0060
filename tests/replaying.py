"""What the tests of compiled functions share: results and gradients, compared with eager ones."""

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from programs import Program, by_engine

from glassgrad import Value, compiled, engine
from glassgrad.engine.compile import walk as walks


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


def all_near(expected: Sequence[float], found: Sequence[float]) -> bool:
    return all(map(near, expected, found))


def is_same_elsewhere(
    program: Program, agree: Callable[[Sequence[float], Sequence[float]], bool] = all_near
) -> bool:
    """A program that was recorded at another point gives what it gives eagerly.

    Returns:
        Whether there was anything to compare: not where the result is a constant.
    """
    xs = [Value(x) for x in program.point]
    eager = value_and_slopes(program.run(by_engine, xs)[-1], xs)
    if eager is None:
        return False
    function = compiled(lambda *xs: program.run(by_engine, xs)[-1])
    function(*[Value(0.5) for _ in xs])
    found = value_and_slopes(function(*xs), xs)
    assert agree(eager, found), (eager, found, program.python())
    return True


def counted_runs(function: Callable[..., Any], **options: Any) -> tuple[Any, list[int]]:
    """It compiled, and a list that grows whenever the function itself runs."""
    runs: list[int] = []

    def counting(*arguments: Any) -> Any:
        runs.append(1)
        return function(*arguments)

    return compiled(counting, **options), runs


WALKS = ("one by one", "by groups")
"""How a stretch of scalars can be walked through."""


def walk(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Every program is one walk from now on, however short."""
    monkeypatch.setattr(walks, "_LONGEST", 0)
    monkeypatch.setattr(walks, "_NARROW", 1e9)
    monkeypatch.setattr(walks, "_WIDE", -1 if how == "by groups" else 1e9)
