"""Irregular graphs: stretches of scalars that are walked through give what lines give."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from needing import mostly_slow
from programs import by_engine, random_program
from replaying import is_same_over_batch, near, value_and_slopes

from glassgrad import TABLE, Reduction, Value, compiled, engine, where
from glassgrad.engine.compile import layout

SECTION = "Compiled programs"
WAYS = ("one by one", "by groups")


@pytest.fixture(params=WAYS)
def walked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every program is one walk, however short."""
    monkeypatch.setattr(layout, "_LONGEST", 0)
    monkeypatch.setattr(layout, "_NARROW", 1e9)
    monkeypatch.setattr(layout, "_WIDE", -1 if request.param == "by groups" else 1e9)
    return request.param


@pytest.mark.parametrize("batch", mostly_slow(range(4)))
def test_random_programs_walked_through_agree_with_eager_ones(
    batch: int, walked: str, figure: Callable[..., None]
) -> None:
    tried = 0
    for seed in range(batch * 40, batch * 40 + 40):
        program = random_program(seed)
        xs = [Value(x) for x in program.point]
        eager = value_and_slopes(program.run(by_engine, xs)[-1], xs)
        if eager is None:
            continue
        function = compiled(lambda *xs, program=program: program.run(by_engine, xs)[-1])
        function(*[Value(0.5) for _ in xs])  # recorded at another point
        found = value_and_slopes(function(*xs), xs)
        assert all(map(near, eager, found)), (eager, found, program.python())
        tried += 1
    figure(SECTION, f"random programs walked through {walked}", tried)


@pytest.mark.slow
def test_random_programs_over_a_batch_walked_through_agree(walked: str) -> None:
    for seed in range(60):
        program = random_program(seed, 30)
        if seed % 4 != 3 and len(program.point) > 1:
            is_same_over_batch(program, seed)


@pytest.mark.parametrize("name", list(TABLE))
def test_every_operation_is_walked_through(name: str, walked: str) -> None:
    generator = random.Random(name)
    row = TABLE[name]
    domain = row.domain * 6 if isinstance(row, Reduction) else row.domain
    xs = [Value(generator.uniform(low, high)) for low, high in domain]
    function = compiled(lambda xs: by_engine(name, *xs) * 1.0 + xs[0])
    function([Value(0.4) for _ in xs])
    eager = value_and_slopes(function.function(xs), xs)
    found = value_and_slopes(function(xs), xs)
    assert all(map(near, eager, found))
    assert f"{WAYS[0]}" in function.program or "steps" in function.program


@pytest.mark.parametrize("x", [-1.0, 0.0, 2.0, np.inf, -np.inf, np.nan])
def test_what_is_switched_off_sends_nothing_at_hard_places(x: float, walked: str) -> None:
    def function(x: Any) -> Any:
        chosen = where(x.detach(), x.log(), x * 2.0)
        return chosen + engine.relu(x) * (1.0 / x) + engine.maximum(x, 0.5).sqrt()

    given = Value(x)
    f = compiled(function)
    f(Value(0.7))
    eager, found = value_and_slopes(function(given), [given]), value_and_slopes(f(given), [given])
    assert all(map(near, eager, found)), (eager, found)


def irregular(size: int, window: int) -> Callable[..., Any]:
    """A function of random operations, each on operands among the last few results."""

    def function(*xs: Any) -> Any:
        generator = random.Random(0)
        values = list(xs)
        for _ in range(size):
            first = max(0, len(values) - window)
            a, b = (values[generator.randrange(first, len(values))] for _ in range(2))
            kind = generator.randrange(4)
            values.append((a + b, (a * b).sin(), a.tanh(), a - 0.5 * b)[kind])
        return engine.sum(values).tanh()

    return function


def scattered(size: int) -> Callable[..., Any]:
    """Every other level reads from everywhere, and that between them from one group."""

    def function(*xs: Any) -> Any:
        generator = random.Random(0)
        values = [x * i for x in xs for i in range(1, 21)]
        for _ in range(size):
            a, b = generator.choice(values), generator.choice(values)
            values.append(((a * b).cos(), (a - b).tanh())[generator.randrange(2)])
        return engine.sum(values).tanh()

    return function


@pytest.mark.parametrize(
    ("function", "said", "most"),
    [(irregular(4_000, 8), "one by one", 30), (irregular(4_000, 10**9), "steps", 30),
     (scattered(10_000), "steps", 400)],
)  # fmt: skip
def test_a_large_irregular_graph_is_one_line(
    function: Callable[..., Any], said: str, most: int
) -> None:
    xs = [Value(0.1 * i) for i in range(5)]
    eager = value_and_slopes(function(*xs), xs)
    f = compiled(function)
    f(*xs)
    assert all(map(lambda a, b: near(a, b, 1e-9), eager, value_and_slopes(f(*xs), xs)))
    assert said in f.program
    assert len(f.program.splitlines()) < most
