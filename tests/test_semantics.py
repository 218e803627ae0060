"""Numbers, misuse and graphs at their hard places: the semantics of the engine, a test a row.

The rule is double precision and IEEE 754, with PyTorch's float64 result unless that is plainly
worse; then the exact one. Where a row says otherwise than PyTorch, the reason stands beside it.
"""

import asyncio
import concurrent.futures
import contextvars
import copy
import gc
import math
import operator
import pickle
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from outputs import assert_is_sentence

from glassgrad import (
    NOT_COMPUTED,
    Value,
    compiled,
    engine,
    forget,
    grad,
    no_grad,
)
from glassgrad.engine.context import Observer, observing

inf, nan = math.inf, math.nan


# Values at hard places: the value and its derivatives, f, f′, f″ and so on. The first derivatives
# at ±0, ±1, ±∞ and nan are in `reference/special.txt`.


def derivatives(function: Callable, x: float, orders: int) -> list[float]:
    v = Value(x)
    y = function(v)
    found = [y.data]
    for _ in range(orders):
        y = grad(y, v, differentiable=True)
        found.append(y.data)
    return found


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        # σ(x)·σ(-x); y·(1 - y) loses everything past 37
        (engine.sigmoid, 40.0, [1.0, 4.248354255291589e-18, -4.248354255291589e-18]),
        (engine.sigmoid, -40.0, [4.248354255291589e-18] * 3),
        (engine.sigmoid, 800.0, [1.0, 0.0, 0.0]),
        (engine.sigmoid, -800.0, [0.0, 0.0, 0.0]),
        # through sech²; 1 - y² is 0 here
        (engine.tanh, 20.0, [1.0, 1.6993417021166355e-17, -3.398683404233271e-17]),
        (engine.tanh, 800.0, [1.0, 0.0, 0.0]),
        (engine.tanh, -800.0, [-1.0, 0.0, 0.0]),
        # max(x, 0) + log1p(e^-|x|)
        (engine.softplus, 21.0, [21.000000000758256, 0.9999999992417439, 7.582560416412863e-10]),
        (engine.softplus, 1000.0, [1000.0, 1.0, 0.0]),
        (engine.softplus, -1000.0, [0.0, 0.0, 0.0]),
        (engine.exp, 800.0, [inf, inf, inf]),
        (lambda x: x**2, 1e200, [inf, 2e200, 2.0]),
        (lambda x: 2**x, 1e4, [inf, inf]),
        (lambda x: 1 / x, 0.0, [inf, -inf]),
        (lambda x: 1 / x, -0.0, [-inf, -inf]),
        (engine.log, 0.0, [-inf, inf]),
        (engine.sqrt, 0.0, [0.0, inf, -inf]),
        # the subgradient of least size, wherever a tie occurs
        (abs, 0.0, [0.0, 0.0, 0.0]),
        (engine.relu, 0.0, [0.0, 0.0, 0.0]),
        (lambda x: x**0, 0.0, [1.0, 0.0, 0.0]),
        (lambda x: x**1, 0.0, [0.0, 1.0, 0.0]),
        (lambda x: x**2, 0.0, [0.0, 0.0, 2.0, 0.0]),
        (lambda x: x**2, -2.0, [4.0, -4.0, 2.0, 0.0]),
        (lambda x: x**-1, 2.0, [0.5, -0.25, 0.25]),
    ],
)
def test_a_hard_place(function: Callable, x: float, expected: list[float]) -> None:
    found = derivatives(function, x, len(expected) - 1)
    assert found == pytest.approx(expected, rel=1e-15, abs=0.0, nan_ok=True)


# What may go in.


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (3, 3.0),
        (3.5, 3.5),
        (True, 1.0),
        (Fraction(1, 4), 0.25),
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.float16(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.int64(7), 7.0),
        (np.uint8(7), 7.0),
        (np.bool_(True), 1.0),
    ],
    ids=lambda x: type(x).__name__,
)
def test_a_real_number_is_accepted(number: object, expected: float) -> None:
    held, x = Value(0.0), Value(2.0)
    held.data = held.grad = number
    assert type(held.grad) is type(held.data) is float
    assert held.grad == held.data == Value(number).data == (engine.pos(number) + held * 0).data
    for row in (engine.add, engine.sub, engine.mul, engine.div, engine.pow):
        operate = row.scalar if row is not engine.pow else operator.pow
        for y in (operate(x, number), operate(x, Value(expected))):
            assert (y.operation, y.data) == (row, operate(2.0, expected))
            assert (type(y), type(y.data), x in y.parents) == (Value, float, True)
        assert operate(number, x).data == operate(expected, 2.0)


@pytest.mark.parametrize("huge", [10**400, -(10**400), Fraction(10**400)], ids=str)
def test_an_integer_beyond_floats_is_refused_at_construction(huge: object) -> None:
    with pytest.raises(OverflowError, match="scale it down"):
        Value(huge)
    with pytest.raises(OverflowError, match="scale it down"):
        Value(1.0) * huge


REFUSED = [
    pytest.param(1j, "real and imaginary parts", id="complex"),
    pytest.param(np.complex128(1j), "real and imaginary parts", id="numpy complex"),
    pytest.param("1.0", r"float\(text\)", id="str"),
    pytest.param(None, "Give a number", id="None"),
    pytest.param(Decimal(1), r"float\(x\)", id="Decimal"),
    pytest.param([1.0], "elements one by one", id="list"),
    pytest.param((1.0,), "elements one by one", id="tuple"),
]


@pytest.mark.parametrize(("thing", "remedy"), REFUSED)
def test_what_is_no_real_number_is_refused_with_the_remedy(thing: object, remedy: str) -> None:
    x = Value(1.0)
    for attempt in (
        lambda: Value(thing),
        lambda: x + thing,
        lambda: thing * x,
        lambda: x**thing,
        lambda: engine.maximum(x, thing),
        lambda: engine.sum([x, thing]),
        lambda: setattr(x, "data", thing),
        lambda: setattr(x, "grad", thing),
    ):
        with pytest.raises(TypeError, match=remedy):
            attempt()


@pytest.mark.parametrize("array", [np.ones(2), np.array([1.0]), np.array([1j])], ids=repr)
def test_an_array_is_no_number(array: np.ndarray) -> None:
    with pytest.raises(TypeError, match="one Value per element"):
        Value(array)


def test_a_value_inside_a_value_is_refused() -> None:
    x = Value(1.0, label="x")
    with pytest.raises(TypeError, match=r"x = 1.*detach\(\)"):
        Value(x)
    with pytest.raises(TypeError, match=r"\.data"):
        x.data = Value(2.0)
    with pytest.raises(TypeError, match=r"\.data"):
        x.grad = Value(2.0)


# Graphs.


@pytest.mark.parametrize(("square", "expected"), [(lambda a: a + a, 2.0), (lambda a: a * a, 6.0)])
def test_a_node_used_twice_has_two_edges(square: Callable, expected: float) -> None:
    a = Value(3.0)
    y = square(a)
    assert y.parents == (a, a)
    assert y.parents[0] is y.parents[1] is a
    y.backward()
    assert a.grad == expected


def test_backward_twice_accumulates_in_leaves_and_starts_anew_inside() -> None:
    x = Value(3.0)
    square = x * x
    y = square * x
    y.backward()
    assert (x.grad, square.grad) == (27.0, 3.0)
    y.backward()
    assert (x.grad, square.grad) == (54.0, 3.0)


WIDE = {
    "leaves": lambda v: engine.dot(v[:12], v[12:]),
    "zeros": engine.prod,
    "shares": engine.logsumexp,
    "one of many": engine.max,
    "a leaf twice": lambda v: engine.dot(v[:12], [v[0], *v[12:23]]),
    "a node": lambda v: engine.sum([*v, v[0] * v[1]]),
    "numbers": lambda v: engine.dot(v, [0.0, -0.0, 2.0] * 8),
    "a constant": lambda v: engine.sum([*v, v[3].detach()]),
    "few": lambda v: engine.sum(v[:3]),
}
"""Of these, compiled, the result over samples has leaves for operands: that takes a short way."""


@pytest.mark.parametrize("upstream", [1.0, -2.5, 0.0, -0.0, 5e-324, inf, -inf, nan])
@pytest.mark.parametrize("graph", WIDE)
def test_one_node_with_many_leaves_gets_the_bits_of_any_graph(graph: str, upstream: float) -> None:
    found = []
    for observers in ((), (Observer(),)):
        values = [Value(0.1 * i - 1.0) for i in range(24)]
        values[1].grad, values[2].grad, values[3].grad = 0.0, -0.0, 3.0
        root = compiled(lambda x, values=values: x * WIDE[graph](values)).over([1.0])
        with observing("backward", observers[0]) if observers else nullcontext():
            root.backward(upstream)
            root.backward(upstream)
        found.append([struct.pack("d", v.grad) + str(v.grad).encode() for v in (root, *values)])
    assert found[0] == found[1]


def test_a_leaf_among_many_whose_graph_was_released_is_refused() -> None:
    released = Value(1.0) * Value(2.0)
    leaves = [Value(1.0) for _ in range(20)]
    root = engine.sum([*leaves, released])
    forget(root.parents[-1] + 0.0)
    with pytest.raises(ValueError, match="released"):
        root.backward()
    assert all(leaf.grad is NOT_COMPUTED for leaf in leaves)


def test_a_gradient_not_computed_is_told_apart_from_zero() -> None:
    used, unused = Value(2.0), Value(5.0)
    (used * 0.0).backward()
    assert (str(used.grad), str(unused.grad)) == ("0.0", "–")
    assert f"{unused.grad:.3f}" == repr(unused.grad) == "–"
    assert unused.grad is NOT_COMPUTED
    assert unused.grad == 0.0
    unused.data += -0.05 * unused.grad
    assert unused.data == 5.0


def test_no_grad_records_nothing() -> None:
    x = Value(3.0)
    with no_grad():
        y = x * x
    assert (y.data, y.parents, y.operation) == (9.0, (), None)
    assert grad(x * y, x) == 9.0
    assert (x * x).parents


def test_differentiation_as_a_function_works_inside_no_grad() -> None:
    """As in PyTorch, where `torch.func.grad` differentiates in spite of a `no_grad` around it."""
    with no_grad():
        assert engine.value_and_grad(lambda x: x * x)(3.0) == (9.0, 6.0)
        assert engine.jvp(lambda x: x * x, (3.0,), (1.0,)) == (9.0, 6.0)


def test_detach_is_a_constant() -> None:
    x = Value(3.0)
    y = x * x.detach()
    assert grad(y, x) == 3.0
    with pytest.raises(ValueError, match="constant"):
        grad(y, x.detach())


PROGRAM = """
from glassgrad import Value, engine, grad
xs = [Value(i / 7 - 1, label=str(i)) for i in range(8)]
layer = [engine.tanh(engine.dot(xs, xs[i:] + xs[:i])) for i in range(8)]
y = engine.logsumexp(layer) * engine.max(layer) + engine.prod(layer)
first = grad(y, xs, differentiable=True)
engine.sum(g * g for g in first).backward()
print(y.data.hex(), *(g.data.hex() for g in first), *(x.grad.hex() for x in xs))
"""


@pytest.mark.slow
def test_eight_processes_give_the_same_bits(run_python: Callable) -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        outputs = pool.map(lambda seed: run_python(PROGRAM, PYTHONHASHSEED=str(seed)), range(8))
    assert len(set(outputs)) == 1


@pytest.mark.parametrize("take", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_a_leaf_used_twice_stays_one_leaf_in_the_copy(take: Callable) -> None:
    leaf = Value(2.0)
    first, second = take([leaf, leaf])
    assert first is second


def test_a_constant_stays_one_when_copied() -> None:
    assert copy.copy(Value(2.0).detach()).is_constant
    assert pickle.loads(pickle.dumps(Value(2.0).detach())).is_constant


def test_an_operation_is_copied_and_pickled_as_itself() -> None:
    """A module that holds its activation can be pickled only if the activation can."""
    for row in engine.TABLE.values():
        assert copy.deepcopy(row) is row
        assert pickle.loads(pickle.dumps(row)) is row


# Comparison with what is no Value.


def test_comparison_with_numbers_beyond_floats() -> None:
    assert Value(math.inf) > 10**400 > Value(1e308)
    assert Value(-math.inf) < -(10**400)
    assert Value(math.inf) != 10**400


@pytest.mark.parametrize("thing", [0.1 + 1j, "0.1", None, [0.1], (0.1,), b"0.1"], ids=repr)
def test_what_is_no_real_number_is_never_equal_and_has_no_order(thing: object) -> None:
    x = Value(0.1, label="x")
    assert x != thing
    assert thing != x
    for compare in (operator.lt, operator.le, operator.gt, operator.ge):
        with pytest.raises(TypeError, match=r"x = 0\.1 [<>]=? .* compared with Values and real"):
            compare(x, thing)
        with pytest.raises(TypeError, match=r"x = 0\.1 [<>]=? .* compared with Values and real"):
            compare(thing, x)


# What is computed from constants.


@pytest.mark.parametrize(
    "compute",
    [
        lambda c: c * 2,
        lambda c: 2.0 - c,
        lambda c: c + c,
        lambda c: -c,
        lambda c: c.tanh(),
        engine.log,
        lambda c: engine.maximum(c, 1.0),
        lambda c: engine.sum([c, 1.0, c]),
        lambda c: engine.where(True, c, 0.0),
        np.exp,
        lambda c: (np.array([c]) * np.array([2.0]))[0],
    ],
)
def test_what_is_computed_from_constants_is_a_constant(compute: Callable) -> None:
    x = Value(3.0)
    with no_grad():
        untracked = x * 1.0
    for constant in (x.detach(), untracked):
        found = compute(constant)
        assert found.is_constant
        assert found.parents == ()
        assert found.data == compute(x).data
        assert grad(found * x, x) == found.data
        with pytest.raises(ValueError, match=r"backward.* of the constant"):
            found.backward()


def test_the_trap_sees_what_is_computed_from_constants() -> None:
    with engine.trap(), pytest.raises(engine.NonFiniteError, match=r"log\(x = 0\)"):
        engine.log(engine.Constant(0.0, label="x"))


# Blocks that are left out of order.

BLOCKS = [no_grad, engine.trap, lambda: engine.scope("head")]


def circumstances() -> tuple:
    """What a person sees of the context: recorded or not, trapped or not, in which scope."""
    x = Value(0.0)
    try:
        engine.log(x)
    except engine.NonFiniteError:
        return ("trapped",)
    y = x * 1.0
    return y.is_constant, y.scope


@pytest.mark.parametrize("first", BLOCKS)
@pytest.mark.parametrize("second", BLOCKS)
def test_blocks_left_crosswise_are_refused_and_leave_nothing(
    first: Callable, second: Callable
) -> None:
    before = circumstances()
    one, other = first(), second()
    one.__enter__()
    other.__enter__()
    with pytest.raises(RuntimeError, match=r"(no_grad|trap|scope)\(.*\) was left out of order"):
        one.__exit__(None, None, None)
    other.__exit__(None, None, None)
    assert circumstances() == before


def _in_block(block: Callable) -> Iterator[None]:
    with block():
        yield


@pytest.mark.parametrize("block", BLOCKS)
def test_generators_that_end_crosswise_are_refused_and_leave_nothing(block: Callable) -> None:
    before = circumstances()
    one, other = _in_block(block), _in_block(block)
    next(one)
    next(other)
    with pytest.raises(RuntimeError, match="a generator leaves its own before it yields"):
        next(one)
    assert next(other, "ended") == "ended"
    assert circumstances() == before


@pytest.mark.parametrize("block", BLOCKS)
def test_a_generator_dropped_inside_a_block_leaves_nothing_after_it(block: Callable) -> None:
    before = circumstances()
    dropped = _in_block(block)
    next(dropped)
    with engine.scope("after"):
        dropped.close()
    assert circumstances() == before


@pytest.mark.parametrize("make", BLOCKS)
def test_a_block_serves_once(make: Callable) -> None:
    before, block = circumstances(), make()
    with block:
        inside = circumstances()
        with pytest.raises(RuntimeError, match=r"\) anew for each") as caught, block:
            pass
        assert_is_sentence(str(caught.value))
        assert circumstances() == inside
    assert circumstances() == before
    with pytest.raises(RuntimeError, match=r"\) anew for each"), block:
        pass
    assert circumstances() == before


def _yields() -> Iterator[tuple]:
    yield circumstances()


async def _waits() -> tuple:
    return circumstances()


async def _yields_and_waits() -> AsyncIterator[tuple]:
    yield circumstances()


LATER = [_yields, _waits, _yields_and_waits, lambda: (circumstances() for _ in range(1))]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("later", LATER)
@pytest.mark.parametrize("make", BLOCKS)
def test_a_block_before_what_runs_after_it_is_refused(make: Callable, later: Callable) -> None:
    before = circumstances()
    decorated = make()(later)
    with pytest.raises(TypeError, match=r"its code runs after the block\. Write `with ") as caught:
        decorated()
    assert_is_sentence(str(caught.value))
    assert later.__name__.strip("<>") in str(caught.value)
    gc.collect()  # what was never awaited would warn here
    assert circumstances() == before


@pytest.mark.parametrize("make", BLOCKS)
def test_a_block_before_a_function_that_calls_itself(make: Callable) -> None:
    with make():
        inside = circumstances()
    function = make()(lambda depth: function(depth - 1) if depth else circumstances())
    assert function(0) == function(0) == inside != circumstances()
    if make is not BLOCKS[-1]:  # scopes nest
        assert function(3) == inside


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_ends_and_an_error_stays_what_it_is(block: Callable) -> None:
    before = circumstances()
    with pytest.raises(ZeroDivisionError), block():
        _ = 1 / 0
    assert circumstances() == before


def test_the_trap_stays_on_through_other_blocks_and_what_it_raised() -> None:
    with engine.trap():
        with engine.trap(), engine.scope("inner"):
            assert circumstances() == ("trapped",)
        with no_grad():
            assert circumstances() == ("trapped",)
        assert circumstances() == circumstances() == ("trapped",)
    assert circumstances() != ("trapped",)


@pytest.mark.parametrize("block", BLOCKS)
def test_tasks_do_not_see_each_others_blocks(block: Callable) -> None:
    async def seen(around: Callable) -> list[tuple]:
        with around():
            found = [circumstances()]
            await asyncio.sleep(0)
            return [*found, circumstances()]

    async def both() -> list[list[tuple]]:
        return await asyncio.gather(*map(seen, (block, nullcontext) * 2))

    before = circumstances()
    inside, outside, *again = asyncio.run(both())
    assert again == [inside, outside]
    assert inside[0] == inside[1] != before
    assert outside == [before] * 2
    assert circumstances() == before


def test_a_block_left_in_another_thread_is_refused() -> None:
    block = no_grad()
    contextvars.copy_context().run(block.__enter__)  # so that this thread stays as it is
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        refused = pool.submit(block.__exit__, None, None, None).exception()
        assert isinstance(refused, RuntimeError)
        assert "another thread" in str(refused)


@pytest.mark.parametrize("block", BLOCKS)
def test_threads_do_not_see_each_others_blocks(block: Callable) -> None:
    before = circumstances()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with block():
            assert pool.submit(circumstances).result() == before
        opened = block()
        pool.submit(opened.__enter__).result()
        assert circumstances() == before
        pool.submit(opened.__exit__, None, None, None).result()
