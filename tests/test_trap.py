"""The trap: the first nan or infinity is named, with its operands and the line that made the node.

Every operation of the table is tried at special numbers, forward and back; what is not finite must
be trapped, and nothing else.
"""

import _thread
import contextvars
import functools
import inspect
import itertools
import math
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from glassgrad import (
    NOT_COMPUTED,
    TABLE,
    NonFiniteError,
    Operation,
    Reduction,
    Value,
    engine,
    grad,
    nn,
    trap,
)
from glassgrad.engine.op import Pairing

inf, nan = math.inf, math.nan

Point = tuple[float, ...]

LARGE = [0.0, -0.0, 1.0, -1.0, 0.5, 800.0, -800.0, 1e308, -1e308, 5e-324]
SPECIAL = [*LARGE, inf, -inf, nan]


def here() -> int:
    """The number of the calling line."""
    return inspect.currentframe().f_back.f_lineno


def trapped(function: Callable[[], object]) -> str | None:
    """What the trap says while a function runs; None if it says nothing."""
    try:
        with trap():
            function()
    except NonFiniteError as error:
        return str(error)
    return None


def check_message(message: str | None, row: Operation, point: Point, line: int) -> None:
    """It names the operation, its operands with labels and numbers, and a line of this file."""
    assert message is not None
    assert f"{row.name}(" in message
    for label, number in zip("abc", point):
        assert f"{label} = {number:.6g}" in message
    assert f"created at {__file__}, line {line}." in message


# Forward.


def apply(row: Operation, xs: list[Value]) -> Value:
    return row(*row.sides(tuple(xs))) if isinstance(row, Reduction) else row(*xs)


LINE_OF_APPLY = inspect.getsourcelines(apply)[1] + 1


def points(row: Operation, numbers: list[float]) -> Iterator[Point]:
    size = len(row.domain)
    if isinstance(row, Reduction):
        size = 2 if isinstance(row, Pairing) else 3
    # Three operands of all numbers would be a thousand points: the middle one of a few will do.
    few = [0.0, 1.0, 1e308, nan] if nan in numbers else [0.0, 1.0, 1e308]
    choices = [numbers, few, numbers] if size == 3 else [numbers] * size
    return itertools.product(*choices)


def labelled(point: Point) -> list[Value]:
    return [Value(x, label=label) for x, label in zip(point, "abc")]


ROWS = pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)


@ROWS
def test_every_value_that_is_not_finite_is_trapped(row: Operation, figure: Callable) -> None:
    count = 0
    for point in points(row, SPECIAL):
        xs = labelled(point)
        y = apply(row, xs)
        message = trapped(lambda xs=xs: apply(row, xs))
        if math.isfinite(y.data):
            assert message is None
        else:
            check_message(message, row, point, LINE_OF_APPLY)
            assert f" is {y.data}. " in message
            count += 1
    figure("Special values", "values that are not finite, named by trap()", count)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda x, big: big + big, "add(big = 1e+308, big = 1e+308) is inf"),
        (lambda x, big: -big - 1e308, "sub(-1e+308, 1e+308) is -inf"),
        (lambda x, big: big**2, "pow(big = 1e+308, 2) is inf"),
        (lambda x, big: 10**big, "pow(10, big = 1e+308) is inf"),
        (lambda x, big: x.log(), "log(x = 0) is -inf"),
        (lambda x, big: np.log(x), "log(x = 0) is -inf"),
        (lambda x, big: math.prod([x + 2, big]), "mul(2, big = 1e+308) is inf"),
        (lambda x, big: engine.sum([x, big, big]), "sum(x = 0, big = 1e+308, big = 1e+308) is inf"),
        (lambda x, big: engine.softmax(x, nan)[0], "max(x = 0, nan) is nan"),
        (lambda x, big: np.log(np.array([big, x])), "log(x = 0) is -inf"),
        (lambda x, big: np.array([x, big]) @ np.array([x, big]), "mul(big = 1e+308, big = 1e+308)"),
    ],
)  # fmt: skip
def test_however_the_node_is_made(make: Callable, name: str) -> None:
    x, big = Value(0.0, label="x"), Value(1e308, label="big")
    message = trapped(lambda: make(x, big))
    assert message.startswith(name)
    assert message.endswith(f"created at {__file__}, line {make.__code__.co_firstlineno}.")


def test_the_line_is_that_of_the_call_of_a_module() -> None:
    model = nn.MLP(2, [2, 1], seed=1)
    for parameter in model.parameters():
        parameter.data = 1e308
    message = trapped(lambda: model([10.0, 10.0]))
    assert message.endswith(f"created at {__file__}, line {here() - 1}.")


def test_a_line_of_a_notebook_does_not_name_the_file_that_the_kernel_made_up() -> None:
    source = compile("w.log()", "/tmp/ipykernel_2054/2360590711.py", "eval")
    message = trapped(lambda: eval(source, {"w": Value(0.0, label="w")}))
    assert message == "log(w = 0) is -inf. It was created in a notebook cell, line 1."


# What is not finite from the beginning: the sentence names the first operation that meets it.


def test_a_leaf_that_is_not_finite() -> None:
    x, w = Value(nan, label="x"), Value(2.0, label="w")
    assert trapped(lambda: w * x).startswith("mul(w = 2, x = nan) is nan.")
    assert trapped(lambda: w + inf).startswith("add(w = 2, inf) is inf.")
    w.data = -inf
    assert trapped(lambda: engine.exp(2 * w)).startswith("mul(2, w = -inf) is -inf.")
    assert trapped(lambda: engine.sum([w, 1.0])).startswith("sum(w = -inf, 1) is -inf.")


def test_what_is_made_finite_again_is_not_trapped() -> None:
    bad = Value(inf)
    assert trapped(lambda: engine.tanh(bad)) is None
    assert trapped(lambda: engine.minimum(bad, 1.0)) is None
    assert trapped(lambda: engine.where(1.0, 2.0, Value(nan))) is None


def test_a_result_computed_before_the_trap() -> None:
    x = Value(0.0, label="x")
    y = 1 / x
    assert trapped(lambda: y + 1).startswith("add(inf, 1) is inf.")


# The way back.


def by_backward(y: Value, xs: list[Value]) -> None:
    y.backward()


def by_grad(y: Value, xs: list[Value]) -> None:
    grad(y, xs)


def by_graph(y: Value, xs: list[Value]) -> None:
    grad(y, xs, differentiable=True)


WAYS = pytest.mark.parametrize("way", [by_backward, by_grad, by_graph])


@ROWS
def test_every_gradient_that_is_not_finite_is_trapped(row: Operation, figure: Callable) -> None:
    count = 0
    for point in points(row, LARGE):
        xs = labelled(point)
        y = apply(row, xs)
        bad = [g for g in grad(y, xs) if not math.isfinite(g)]
        if not math.isfinite(y.data):
            continue
        for way in (by_backward, by_grad, by_graph):
            message = trapped(lambda way=way, y=y, xs=xs: way(y, xs))
            if not bad:
                assert message is None
                continue
            check_message(message, row, point, LINE_OF_APPLY)
            assert f" gives a gradient of {bad[0]}: upstream 1 times local derivative " in message
            assert all(x.grad is NOT_COMPUTED for x in xs)
        count += bool(bad)
    figure("Special values", "gradients that are not finite, named by trap()", count)


@WAYS
def test_the_operation_at_fault_is_named_and_not_those_after_it(way: Callable) -> None:
    x = Value(0.0, label="x")
    root = engine.sqrt(x)
    line = here() - 1
    y = engine.exp(3 * root) + 5
    assert trapped(lambda: way(y, [x])) == (
        "Backpropagation through sqrt(x = 0) gives a gradient of inf: upstream 3 times local "
        f"derivative inf was added to it. The node was created at {__file__}, line {line}."
    )


@WAYS
def test_a_product_of_finite_factors_and_a_sum_of_finite_gradients(way: Callable) -> None:
    x, z = Value(1.0), Value(0.0)
    y = (x * 1e-200) * 1e200 * 1e200 * 1e-200 * 1e200
    assert "inf" in trapped(lambda: way(y, [x]))
    assert "inf" in trapped(lambda: way(z * 1e308 + z * 1e308, [z]))


@WAYS
def test_a_gradient_that_nobody_asks_for_is_not_watched(way: Callable) -> None:
    x, exponent = Value(-2.0), Value(2.0)
    y = x**exponent
    message = trapped(lambda: way(y, [x]))
    assert (message is None) == (way is not by_backward)


def test_the_second_backward_is_watched_too() -> None:
    x = Value(1.0, label="x")
    y = x * 1e308
    assert trapped(y.backward) is None
    assert trapped(y.backward) == (
        "The gradient of the leaf x = 1 becomes inf: 1e+308 is added to 1e+308, "
        "which it has from before."
    )
    assert x.grad == 1e308


def test_leaves_keep_their_gradients() -> None:
    x, other = Value(0.0), Value(1.0)
    x.grad, other.grad = 10.0, 20.0
    y = other * 2 + engine.sqrt(x) + 2 * x
    assert trapped(y.backward)
    assert (x.grad, other.grad) == (10.0, 20.0)


def unwatched(x: Value) -> Value:
    """Its rules pass through infinity on the way to finite derivatives."""
    return x**0 + engine.elu(x + 1000) + engine.atan(x + 1e308) + engine.gelu(x + 1e200)


@WAYS
def test_the_inside_of_a_rule_is_not_watched(way: Callable) -> None:
    x = Value(0.0)
    y = unwatched(x)
    assert trapped(lambda: way(y, [x])) is None
    assert trapped(lambda: engine.jvp(unwatched, (0.0,), (1.0,))) is None
    assert trapped(lambda: engine.hessian(lambda v: v[0] ** 2 + v[0] ** 1)([0.0])) is None


# The sentence.


def test_of_many_operands_a_few_are_named() -> None:
    xs = [Value(float(i), label=f"x{i}") for i in range(1_000)]
    xs[500].data = inf
    message = trapped(lambda: engine.sum(xs))
    assert message.startswith("sum(x500 = inf and 999 more) is inf.")
    message = trapped(lambda: engine.prod(xs[1:500]))
    assert message.startswith("prod(x1 = 1, x2 = 2, x3 = 3, x4 = 4 and 495 more) is inf.")


def test_without_a_line_of_yours() -> None:
    with trap():
        context = contextvars.copy_context()
    said = []
    hook, sys.unraisablehook = sys.unraisablehook, lambda args: said.append(str(args.exc_value))
    try:
        work = functools.partial(context.run, engine.log, Value(0.0))
        _thread.start_new_thread(work, ())
        while not said:
            time.sleep(0.001)
    finally:
        sys.unraisablehook = hook
    assert said == ["log(0) is -inf. It was created outside of all your files."]


@pytest.mark.parametrize(
    "differentiate",
    [
        lambda: engine.value_and_grad(engine.sqrt)(0.0),
        lambda: engine.value_and_grad(engine.sqrt)(Value(0.0)),
        lambda: engine.hessian(lambda v: v[0] ** 1.5)([0.0]),
        lambda: engine.jacobian(lambda v: [v[0], engine.sqrt(v[0])])([0.0]),
        lambda: engine.jvp(engine.sqrt, (0.0,), (1.0,)),
        lambda: engine.jvp(engine.exp, (0.0,), (inf,)),
    ],
)
def test_derivatives_of_functions_are_watched(differentiate: Callable) -> None:
    line = differentiate.__code__.co_firstlineno
    assert f"{__file__}, line {line}." in trapped(differentiate)
