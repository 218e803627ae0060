"""Buffers of compiled programs: none is written over while it is read, and calls share none."""

import math
import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from replaying import near, value_and_slopes
from test_compiled_regular import Network

from glassgrad import Operation, Reduction, Value, compiled, engine, operation
from glassgrad.engine.compile import program
from glassgrad.engine.errors import CompilationError

SECTION = "Compiled programs"
WEIGHTS = [Value(0.3), Value(-0.7), Value(1.1)]
SAMPLES = np.random.default_rng(0).normal(size=(5, 3))


def define(name: str, *given: Any, **named: Any) -> Operation:
    return operation(name, "one of a user", *given, **named)


def check(function: Callable[..., Any]) -> None:
    """Single calls, a batch and a map agree with the function as it is written."""
    fast = compiled(function, audit=False)
    for sample in SAMPLES.tolist():
        agree(function(*sample), fast(*sample))
    eager = [function(*sample) for sample in SAMPLES.tolist()]
    found = fast.map(*SAMPLES.T)
    assert all(near(y.data, number, 1e-11) for y, number in zip(eager, found))
    agree(engine.sum(eager), fast.over(*SAMPLES.T, reduction="sum"))
    agree(engine.mean(eager), fast.over(*SAMPLES.T))
    value, slopes = fast.value_and_grad(WEIGHTS)([w.data for w in WEIGHTS], *SAMPLES.T)
    expected = value_and_slopes(engine.mean(eager), WEIGHTS)
    assert all(near(a, b, 1e-11) for a, b in zip(expected, [value, *slopes]))


def agree(expected: Value, found: Value) -> None:
    both = [value_and_slopes(y, WEIGHTS) for y in (expected, found)]
    assert all(near(a, b, 1e-11) for a, b in zip(*both)), both


def read_late(row: Callable[[Any], Any]) -> Callable[..., Any]:
    """A function that reads the results of a row after many others were computed."""

    def run(*xs: Any) -> Any:
        bent = [(w * x).tanh() for w, x in zip(WEIGHTS, xs)]
        mine = [row(x) for x in bent]
        others = [x * 2.0 + 0.5 for x in bent]
        for name in ("sin", "exp", "tanh"):
            others = [getattr(x, name)() for x in others]
        return sum(a * b for a, b in zip(mine, others))

    return run


SAME: dict[str, tuple[Any, Any]] = {
    "itself": (lambda x: x, lambda x: x),
    "itself, as written": (lambda x: x, None),
    "a view": (float, lambda x: x[:]),
}


@pytest.mark.parametrize("case", SAME)
def test_a_row_of_a_user_may_give_its_operand(case: str) -> None:
    row = define("passed_on", *SAME[case], lambda x, y: 1.0)
    check(read_late(row))
    check(lambda x, y, z: row(WEIGHTS[0] * x + WEIGHTS[1] * y + WEIGHTS[2] * z))


def test_a_row_may_give_one_of_two_operands() -> None:
    second = define(
        "second_one", lambda a, b: b, lambda a, b: b, lambda a, b, y: 0.25, lambda a, b, y: 1.0
    )
    check(read_late(lambda x: second(x * 1.5, x)))


def test_a_reduction_may_give_an_operand() -> None:
    first = define(
        "first_one", lambda *xs: xs[0], lambda *xs: xs[0],
        lambda xs, y: (1.0, *(0.0 for _ in xs[1:])), kind=Reduction,
    )  # fmt: skip
    check(read_late(lambda x: first(x, x * 0.5, x + 1.0)))

    def rows(*xs: Any) -> Any:
        table = [[(w * x * k).tanh() for w, x in zip(WEIGHTS, xs)] for k in (1.0, 2.0, 3.0)]
        others = [engine.max([(x * 2.0 + 0.5).sin() for x in row]) for row in table]
        return sum(first(row) * other for row, other in zip(table, others))

    check(rows)


def test_truth_values_of_a_row_are_numbers(written: str) -> None:
    above = above_zero()
    any_above = define(
        "any_above", lambda *xs: float(max(xs) > 0), lambda *xs: np.maximum.reduce(xs) > 0,
        lambda xs, y: [0.0 for _ in xs], kind=Reduction,
    )  # fmt: skip
    check(lambda x, y, z: (above(WEIGHTS[0] * x + 9) + above(WEIGHTS[1] * y + 9)) * WEIGHTS[2])
    check(lambda x, y, z: (
        any_above(WEIGHTS[0] * x, WEIGHTS[1] * y) + any_above(WEIGHTS[1] * z, 1.0)
    ) * WEIGHTS[2])  # fmt: skip


def above_zero() -> Operation:
    return define("above_zero", lambda x: float(x > 0), lambda x: x > 0, None)


@pytest.mark.needs("torch")
def test_a_row_of_a_user_is_refused_in_torch() -> None:
    import torch

    above = above_zero()
    w = WEIGHTS[0]
    f = compiled(lambda x: above(w * x + 9) * w)
    with pytest.raises(CompilationError, match="above_zero, an operation that was defined for"):
        f.value_and_grad([w], namespace=torch)(torch.tensor([0.3]), torch.tensor([1.0, 2.0]))


def test_a_row_may_give_one_number_for_all_places() -> None:
    one = define("always_one", lambda x: 1.0, lambda x: 1.0, lambda x, y: 0.5)
    check(read_late(one))
    check(lambda x, y, z: one(WEIGHTS[0] * x))


def test_a_reduction_may_have_operands_without_derivative() -> None:
    held = define(
        "held_product", lambda a, b: a * b, None, lambda xs, y: (xs[1], None), kind=Reduction
    )
    check(lambda x, y, z: held(WEIGHTS[0] * x, WEIGHTS[1] * y) + held(WEIGHTS[1], WEIGHTS[2] * z))


DEFINED_FIRST = """
from glassgrad import Value, operation
leaky = operation("leaky_first", "Leaky.", lambda x: max(x, 0.1 * x), None,
                  lambda x, y: 1.0 if x > 0 else 0.1)
from glassgrad import compiled
w = Value(2.0)
print(compiled(lambda x: leaky(w * x)).value_and_grad([w])([2.0], [1.0, -2.0]))
"""


def test_a_row_may_be_defined_before_anything_is_compiled() -> None:
    """Importing the engine does not import `compiled`, which then finds rows that are there."""
    command = [sys.executable, "-c", DEFINED_FIRST]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout == "(0.8, array([0.4]))\n", done.stderr[-2000:]


CONSTANTS: dict[str, Callable[..., Any]] = {
    "a parameter": lambda x, y, z: WEIGHTS[0],
    "a penalty": lambda x, y, z: engine.sum(w * w for w in WEIGHTS),
    "a number beside it": lambda x, y, z: WEIGHTS[0] * 0.0 + 3.0,
    "only compared": lambda x, y, z: (
        WEIGHTS[0] * WEIGHTS[1] if WEIGHTS[0] * x < WEIGHTS[1] * y else WEIGHTS[2] * 2
    ),
}


@pytest.mark.parametrize("case", CONSTANTS)
def test_what_all_samples_share_counts_for_each_of_them(case: str, written: str) -> None:
    check(CONSTANTS[case])


def test_buffers_that_are_kept_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    f = compiled(lambda x: engine.sum((WEIGHTS[0] * x * k).tanh() for k in range(20)), audit=False)
    f.over(SAMPLES[:, 0])
    ((made,),) = [r.programs() for r in f.recordings]
    monkeypatch.setattr(program, "_MOST_BYTES", int(100 * made._bytes))
    for size in (10, 60, 95, 90, 80, 101, 70, 60, 10, 99):
        eager = engine.mean([f.function(x) for x in np.linspace(0.0, 1.0, size).tolist()])
        agree(eager, f.over(np.linspace(0.0, 1.0, size)))
        kept = [size for (size, _), frames in made.free.items() for _ in frames]
        assert sum(kept) <= 200
        assert (size in kept) == (size <= 100)


def test_calls_in_threads_share_no_buffers() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for seed in (1, 5, 9):
            _run_in_threads(seed)
    finally:
        sys.setswitchinterval(interval)


def _run_in_threads(seed: int) -> None:
    network = Network(seed)
    width = random.Random(seed).randint(1, 4) * network.length
    loss = compiled(network)
    evaluate = loss.value_and_grad(network.parameters)
    point = [p.data for p in network.parameters]
    generator = np.random.default_rng(seed)
    batches = {n: (generator.normal(size=(n, width)), generator.normal(size=n)) for n in (1, 2, 40)}
    expected = {n: (*evaluate(point, *batch), loss.map(*batch)) for n, batch in batches.items()}

    def work(number: int) -> None:
        chosen = random.Random(number)
        for _ in range(40):
            size = chosen.choice(list(batches))
            value, slopes = evaluate(point, *batches[size])
            found = value, slopes, loss.map(*batches[size])
            assert all(map(np.allclose, found, expected[size])), (size, found, expected[size])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


def test_arrays_of_parameters_in_the_order_of_a_program_stay_the_callers() -> None:
    weights = [Value(1.0), Value(2.0)]
    step = compiled(lambda x: weights[0] * x[0] + weights[1] ** 2 * x[1]).value_and_grad(weights)
    given, batch = np.array([1.0, 2.0]), np.array([[1.0, 2.0], [3.0, 4.0]])
    _, first = step(given, batch)
    step(given, -batch)
    assert first.tolist() == [2.0, 12.0]
    first[:] = 7.0
    _, again = step(given, batch)
    assert again.tolist() == [2.0, 12.0]
    assert given.tolist() == [1.0, 2.0]


def test_results_that_are_infinite_with_both_signs_add_up_to_nan_without_a_warning() -> None:
    w = Value(1.0)
    value, _ = compiled(lambda x: w * x).value_and_grad([w])([1.0], [math.inf, -math.inf])
    assert math.isnan(value)


def test_what_is_not_finite_takes_no_more_memory_for_more_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is walked through in parts, with the same numbers."""
    w = [Value(0.5), Value(math.inf)]
    loss = compiled(lambda x, y: engine.where(x > 0.0, w[0] * x, w[1] * y).tanh() + w[0] * y)
    batch = np.linspace(-1.0, 1.0, 50), np.linspace(1.0, 2.0, 50)
    whole = loss.value_and_grad(w)(np.array([0.5, math.inf]), *batch)
    results = loss.map(*batch)
    monkeypatch.setattr(program, "_MOST_NUMBERS", 60)
    parts = loss.value_and_grad(w)(np.array([0.5, math.inf]), *batch)
    np.testing.assert_allclose([parts[0], *parts[1]], [whole[0], *whole[1]], rtol=1e-12)
    np.testing.assert_array_equal(loss.map(*batch), results)


def test_arguments_that_nobody_reads_do_no_harm_where_a_gradient_is_infinite() -> None:
    a = Value(1e200)
    penalty = compiled(lambda epoch, rate: a * a * a)
    penalty(1, 0.1).backward()
    assert a.grad == math.inf
    value, gradient = penalty.value_and_grad([a])([1e200], [1.0, 2.0], [3.0, 4.0])
    assert (value, *gradient) == (math.inf, math.inf)
