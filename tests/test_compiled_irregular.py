"""Irregular graphs: stretches of scalars that are walked through give what lines give."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from replaying import near, value_and_slopes

from glassgrad import Value, compiled, engine


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


@pytest.mark.slow
def test_lines_of_a_large_irregular_graph_do_not_copy_it_again_and_again() -> None:
    """Some levels of it read less widely than others: all are one walk nevertheless."""

    def function(*xs: Any) -> Any:
        generator, values, used = random.Random(0), list(xs), set[int]()
        for _ in range(150_000):
            i, j = generator.randrange(len(values)), generator.randrange(len(values))
            a, b = values[i], values[j]
            values.append(((a + b) * 0.5, (a * b).cos(), (a - b).tanh())[generator.randrange(3)])
            used |= {i, j}
        return engine.sum([value for i, value in enumerate(values) if i not in used])

    f = compiled(function)
    f(*[Value(0.01 * i - 0.5) for i in range(100)])
    (recording,) = f.recordings
    (program,) = recording.programs()
    source = program._source()
    source.with_memory()
    assert sum(math.prod(map(abs, shape)) for shape in source.shapes) < len(recording.graph)
