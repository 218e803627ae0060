"""What chooses or is there twice, at zeros, ties and infinities: as eagerly, nan included.

A gradient of 0 that arrives is a gradient: 0 × infinity is nan. Where none arrives, as behind what
a `where` did not choose, nothing is sent. `pytest tests/test_compiled_choices.py --programs 20000`
tries thousands of programs.
"""

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from needing import mostly_slow
from programs import HARD, by_engine, choosing_program
from replaying import is_same_elsewhere, near, value_and_slopes

from glassgrad import (
    MLP,
    Value,
    compiled,
    dot,
    engine,
    log,
    maximum,
    minimum,
    no_grad,
    relu,
    softmax,
    sqrt,
    where,
)

SECTION = "Compiled programs"


def agree(eager: Sequence[float], found: Sequence[float]) -> bool:
    """The same numbers, nan at the same places; sums in another order may leave a rest of 0."""
    scale = max((abs(x) for x in eager if math.isfinite(x)), default=0.0)
    pairs = list(zip(eager, found, strict=True))
    return all(near(a, b) or abs(a - b) <= 1e-13 * max(scale, 1.0) for a, b in pairs)


w, u = Value(2.0), Value(3.0)
NET = MLP(2, [2, 1], seed=1)


def without_gradient(x: Any) -> Any:
    with no_grad():
        return x * 2.0


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[float, ...]]] = {
    "a dead relu below a choice": (lambda x: where(1.0, relu(-sqrt(x)), x), (0.0,)),
    "a maximum below a choice": (lambda x: where(1.0, maximum(log(x), 1.0), x), (0.0,)),
    "a product with 0": (lambda x, y: where(y, 0.0 * sqrt(x), x), (0.0, 1.0)),
    "a dead row of a product": (
        lambda x, y: where(y, dot([x, relu(-y)], [y, sqrt(x)]), x) * y,
        (0.0, 1.0),
    ),
    "chosen, not chosen": (lambda x, y: where(y, x, log(x)) + where(y, 0.0, sqrt(x)), (0.0, 1.0)),
    "only compared": (lambda x: x * 2.0 if sqrt(x) < 1.0 else x, (0.0,)),
    "only detached": (lambda x: sqrt(x).detach() + x * 2.0, (0.0,)),
    "a choice by a choice": (
        lambda x, y: where(where(y, sqrt(x), x), log(y) * sqrt(x), x),
        (0.0, 1.0),
    ),
    "minus zero": (lambda x: where(x, x / (-0.0), x * -0.0 + 1.0), (2.0,)),
    "equal nodes": (lambda x, y: (w + w * x) * (dot([w], [x]) + y), (1.5, 2.0)),
    "equal sums": (lambda x, y: (y * engine.sum([x, w])) * ((x + w) * w), (1.5, 2.0)),
    "equal products": (lambda x: (dot([w], [x])).exp() * 3.0 + (w * x).sin(), (0.3,)),
    "equal operands": (lambda x, y: engine.max(y, dot([w], [x]), w * x), (0.3, 0.1)),
    "one operand alone": (lambda x: (x * w).sin() + (w * x).sin(), (0.3,)),
    "shares of equals": (lambda x, y: dot([1.0, 2.0, 3.0], softmax([x, y, x])) * w, (1.0, 2.0)),
    "a share of equals": (
        lambda x: softmax([0.0, x, 0.0])[0] + 2 * softmax([0.0, x, 0.0])[2],
        (1.0,),
    ),
    "a product not chosen": (lambda x, z: where(x > 0.0, w, u * x + z * x), (math.inf, 1.0)),
    "a product that nobody reads": (
        lambda x, y: dot([x, w], [y, u]) + dot([u, y], [y, u]) + dot([u, y], [w, u]),
        (math.inf, 2.0),
    ),
    "a row that is detached": (
        lambda x, y: engine.max([dot([w, u], [x, y]), dot([u, w], [x, y]).detach()] * 7),
        (-math.inf, 2.0),
    ),
    "growing products": (
        lambda x, y: sum(dot([w, u, x, y][:i], [y, w, x, u][:i]).tanh() for i in range(1, 5)),
        (-math.inf, 0.5),
    ),
    "growing products of rows that begin alike": (
        lambda x, y: sum(
            dot([w, u, x, y][: len(row)], row).tanh() for row in ([y, w], [x, u, y], [u, y, x, w])
        ),
        (-0.7, 0.5),
    ),
    "growing products of rows that share nothing": (
        lambda x, y: sum(
            dot(*sides).tanh()
            for sides in (([w, x], [y, w]), ([u, y, x], [x, u, y]), ([x, w, u, y], [u, y, x, w]))
        ),
        (-0.7, 0.5),
    ),
    "blocks of rows of samples": (
        lambda x, y: sum(
            dot(row, column).tanh() * k
            for a, columns in ((w, ([u, 1.0, w], [w, 2.0, u])), (u, ([w, 3.0, 1.0], [u, w, w])))
            for row in ([x + a, y, 1.5], [y + a, x * x, x])
            for k, column in enumerate(columns, 1)
        ),
        (0.5, -2.0),
    ),
    "growing maxima": (
        lambda x, y: sum(engine.max([y, y, x, w][:i]) * i for i in range(1, 5)),
        (2.0, -math.inf),
    ),
    "a minimum not chosen": (lambda y, z, x: where(y, minimum(y, z), x), (0.0, math.nan, 2.0)),
    "entropy": (
        lambda p, q: -engine.sum(
            [where(a, a * log(a) + (1.0 - a) * log(1.0 - a), 0.0) for a in (p, q)]
        ),
        (0.0, 0.5),
    ),
    "a sum of one": (lambda x: sum([x]) * engine.sum([x]) + engine.dot([x], [w]), (3.0,)),
    "a layer that is fed the same number twice": (lambda x: NET([x, x]), (0.3,)),
    "a Value that is around it too": (lambda x: (w * x * x.detach() + w) * without_gradient(x),
                                      (3.0,)),
    "parameters as keys": (lambda x: x * w * {w: 2.0, u: 3.0}[w] + (u in {w, u}), (3.0,)),
    "nothing times infinity": (lambda x: engine.clip(w * x + u * math.inf, -1.0, 1.0), (0.5,)),
    "a square that is almost beyond floats": (
        lambda x: dot([w * 0.05, u * 0.07], [w * 0.05, u * 0.07]) * 1.5e308 + x, (0.0,),
    ),
    "a way for each sign": (lambda x: w * x if x > 1.0 else x * 2.0, (2.0,)),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_numbers_and_where_a_gradient_arrives_are_as_eagerly(name: str, written: str) -> None:
    function, numbers = PROGRAMS[name]
    xs = [Value(x) for x in numbers]
    f = compiled(function)
    f(*[Value(0.5) for _ in xs])  # recorded at another point
    leaves = [*xs, w, u]
    eager = value_and_slopes(function(*xs), leaves)
    for _ in range(2):
        found = value_and_slopes(f(*xs), leaves)
        assert agree(eager, found), (eager, found)
    scales = [Value(1.0) for _ in xs]
    over = compiled(lambda *xs: function(*[a * b for a, b in zip(scales, xs)]))
    many = [np.array([0.5, x, x, 2.0]) for x in numbers]
    leaves = [*scales, w, u]
    eager = value_and_slopes(engine.sum([over.function(*each) for each in zip(*many)]), leaves)
    assert agree(eager, value_and_slopes(over.over(*many, reduction="sum"), leaves))


@pytest.mark.parametrize("rest", [[], [1.0]])
def test_zero_times_infinity_is_nan_in_a_batch_of_one_sample_too(rest: list[float]) -> None:
    """The quick product of two matrices makes 0 of it where one is a single number."""
    weights = [Value(1.0), Value(2.0), Value(3.0)]
    function = compiled(lambda x: dot(weights, [x, 1.0, 2.0]) * 0.0)
    evaluate = function.value_and_grad(weights, reduction="sum")
    _, gradient = evaluate([1.0, 2.0, 3.0], [math.inf, *rest])
    np.testing.assert_array_equal(gradient, [math.nan, 0.0, 0.0])


@pytest.mark.parametrize("batch", mostly_slow(range(8)))
def test_random_programs_that_choose_agree(
    batch: int, written: str, figure: Callable[..., None], request: pytest.FixtureRequest
) -> None:
    count = math.ceil(request.config.getoption("--programs") / 16)
    for seed in range(batch * count, (batch + 1) * count):
        assert is_same_elsewhere(choosing_program(seed), agree)
    figure(SECTION, f"random programs of choices at infinities, {written}", count)


@pytest.mark.parametrize("batch", mostly_slow(range(8)))
def test_random_programs_that_choose_agree_over_a_batch(
    batch: int, request: pytest.FixtureRequest
) -> None:
    count = math.ceil(request.config.getoption("--programs") / 16)
    for seed in range(batch * count, (batch + 1) * count):
        program, generator = choosing_program(seed), random.Random(seed)
        columns = [[generator.choice((*HARD, x)) for _ in range(6)] for x in program.point]
        w = [Value(1.0) for _ in columns]
        function = compiled(
            lambda *xs, program=program, w=w: program.run(
                by_engine, [a * b for a, b in zip(w, xs)]
            )[-1]
        )
        results = [function.function(*sample) for sample in zip(*columns)]
        eager = value_and_slopes(engine.sum(results), w)
        found = value_and_slopes(function.over(*map(np.array, columns), reduction="sum"), w)
        assert agree(eager, found), (eager, found, program.python())
