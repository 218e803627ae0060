"""Laws of calculus, which hold for every graph: on random ones, made and shrunk by hypothesis.

An example is a program over all operations of the table, any line of which may use any earlier
result several times, and a few numbers. A law that fails is shown with the shortest program found.
"""

import itertools
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from reference_values import call

from glassgrad import (
    TABLE,
    Reduction,
    Value,
    engine,
    forget,
    grad,
    hessian,
    jacobian,
    jvp,
    no_grad,
    scope,
    topological_order,
    trap,
    value_and_grad,
)
from glassgrad.engine.op import Pairing

hypothesis = pytest.importorskip("hypothesis")  # this file may be asked for by its name
pytestmark = pytest.mark.needs("hypothesis")
st = hypothesis.strategies

EXAMPLES = 200
"""For each law."""
EPSILON = sys.float_info.epsilon


# Examples.


class Line(NamedTuple):
    """An operation, and how far back in the program its operands are: 0 is the line before."""

    name: str
    back: tuple[int, ...]


class Example(NamedTuple):
    """A program and what a law may need besides: factors, a constant, a place among the lines."""

    leaves: list[float]
    lines: list[Line]
    a: float
    b: float
    cut: int

    def run(self, *xs: Any) -> list[Any]:
        """All results, the leaves first."""
        known = list(xs)
        for line in self.lines:
            known.append(result(line, known))
        return known

    def last(self, *xs: Any) -> Any:
        return self.run(*xs)[-1]

    def graphs(self) -> tuple[list[Value], Value, Value]:
        """New leaves, and two results that share nodes."""
        xs = list(map(Value, self.leaves))
        known = self.run(*xs)
        return xs, known[-1], known[-2] if len(known) > 1 else known[-1]


def result(line: Line, known: list[Any]) -> Any:
    row = TABLE[line.name]
    count = len(row.domain)
    if isinstance(row, Reduction):
        count = 4 if isinstance(row, Pairing) else 3
    intervals = row.domain * count if isinstance(row, Reduction) else row.domain
    operands = [known[-1 - back % len(known)] for back in line.back[:count]]
    inside = tuple(within(x, *interval) for x, interval in zip(operands, intervals))
    return call(row, inside)


def within(x: Any, low: float, high: float) -> Any:
    """The operand, brought into the domain of the operation if it is not there."""
    number = x.data if isinstance(x, Value) else x
    if low <= number <= high:
        return x
    return (low + high) / 2 + engine.sin(x) * ((high - low) / 2)


eighths = st.integers(-16, 16).map(lambda i: i / 8)
lines = st.builds(Line, st.sampled_from(list(TABLE)), st.tuples(*[st.integers(0, 11)] * 4))
examples = st.builds(
    Example,
    st.lists(eighths, min_size=1, max_size=4),
    st.lists(lines, min_size=1, max_size=12),
    a=eighths,
    b=eighths,
    cut=st.integers(0, 11),
)


# What is equal, and what is equal up to rounding.


def bits(numbers: Sequence[float]) -> list[str]:
    """As text, in which 0.0 and -0.0 differ and nan equals itself."""
    return [number.hex() for number in numbers]


def terms(y: Value, xs: Sequence[Value]) -> list[float]:
    """The derivatives with all their terms made positive: what rounding errors scale with."""
    size = {y: 1.0}
    for node in reversed(topological_order(y)):
        for parent, partial in zip(node.parents, node.partials):
            if partial is not None:
                size[parent] = size.get(parent, 0.0) + size.get(node, 0.0) * abs(partial)
    return [size.get(x, 0.0) for x in xs]


def check_close(found: Sequence[float], expected: Sequence[float], sizes: Sequence[float]) -> None:
    """Equal up to some hundred roundings of the terms."""
    for x, y, size in zip(found, expected, sizes, strict=True):
        assert abs(x - y) <= 500 * EPSILON * size + sys.float_info.min, (x, y)


# The laws.


def the_gradient_is_linear(example: Example) -> None:
    xs, f, g = example.graphs()
    y = example.a * f + example.b * g
    expected = [example.a * df + example.b * dg for df, dg in zip(grad(f, xs), grad(g, xs))]
    check_close(grad(y, xs), expected, terms(y, xs))


def the_gradient_of_a_sum_is_the_sum_of_gradients(example: Example) -> None:
    xs, f, g = example.graphs()
    y = engine.sum([f, g, f])
    expected = [df + dg + df for df, dg in zip(grad(f, xs), grad(g, xs))]
    check_close(grad(y, xs), expected, terms(y, xs))


def powers_of_two_scale_exactly(example: Example) -> None:
    xs, f, _ = example.graphs()
    before = grad(f, xs)
    for factor, y in [(4.0, 4 * f), (-0.5, f / -2), (2.0, f + f), (-1.0, -f), (-1.0, 3 - f)]:
        assert grad(y, xs) == [factor * g for g in before]


def a_constant_changes_nothing(example: Example) -> None:
    xs, f, _ = example.graphs()
    before = bits(grad(f, xs))
    for y in (f + example.a, example.a + f, f - example.a, engine.sum([f, example.a]), f * 1.0):
        assert bits(grad(y, xs)) == before


def the_product_rule(example: Example) -> None:
    xs, f, g = example.graphs()
    y = f * g
    expected = [f.data * dg + g.data * df for df, dg in zip(grad(f, xs), grad(g, xs))]
    check_close(grad(y, xs), expected, terms(y, xs))


def the_quotient_rule(example: Example) -> None:
    xs, f, g = example.graphs()
    divisor = 2 + engine.sin(g)
    y = f / divisor
    pairs = zip(grad(f, xs), grad(divisor, xs))
    expected = [(df - y.data * dg) / divisor.data for df, dg in pairs]
    check_close(grad(y, xs), expected, terms(y, xs))


def the_chain_rule(example: Example) -> None:
    """Cut anywhere: the derivative is the direct one, and the one by way of the cut."""
    xs = list(map(Value, example.leaves))
    cut = example.cut % len(example.lines)
    before = example._replace(lines=example.lines[: cut + 1]).run(*xs)
    middle = Value(before[-1].data)
    known = [*before[:-1], middle]
    for line in example.lines[cut + 1 :]:
        known.append(result(line, known))
    whole = example.last(*xs)
    *direct, by_middle = grad(known[-1], [*xs, middle])
    expected = [d + by_middle * inner for d, inner in zip(direct, grad(before[-1], xs))]
    assert known[-1].data.hex() == whole.data.hex()
    check_close(grad(whole, xs), expected, terms(whole, xs))


def all_ways_give_the_same_bits(example: Example) -> None:
    xs, f, _ = example.graphs()
    gradient = grad(f, xs)
    value, by_function = value_and_grad(lambda v: example.last(*v))(example.leaves)
    f.backward()
    assert [x.grad for x in xs] == gradient
    assert [g.data for g in grad(f, xs, differentiable=True)] == gradient
    assert (value, by_function) == (f.data, gradient)
    f.backward()
    assert [x.grad for x in xs] == [2 * g for g in gradient]


def the_order_of_leaves_does_not_matter(example: Example) -> None:
    xs, f, _ = example.graphs()
    gradient = dict(zip(xs, grad(f, xs)))
    turned = xs[example.cut % len(xs) :] + xs[: example.cut % len(xs)]
    assert grad(f, turned) == [gradient[x] for x in turned]
    assert grad(f, tuple(reversed(xs))) == tuple(gradient[x] for x in reversed(xs))
    assert [grad(f, x) for x in xs] == list(gradient.values())


def a_direction_is_a_product_with_the_gradient(example: Example) -> None:
    xs, f, _ = example.graphs()
    direction = [example.a, example.b, 1.0, -0.5][: len(xs)]
    value, slope = jvp(example.last, example.leaves, direction)
    sizes = [size * abs(d) for size, d in zip(terms(f, xs), direction)]
    assert value.hex() == f.data.hex()
    expected = math.fsum(g * d for g, d in zip(grad(f, xs), direction))
    check_close([slope], [expected], [math.fsum(sizes)])


def second_derivatives_agree(example: Example) -> None:
    """By gradients of gradients, by `hessian`, and by the rows of a Jacobian of the gradient."""
    xs, f, _ = example.graphs()
    rows = [grad(g, xs) for g in grad(f, xs, differentiable=True)]
    np.testing.assert_array_equal(hessian(lambda v: example.last(*v))(example.leaves), rows)
    gradient = lambda v: value_and_grad(lambda v: example.last(*v))(v)[1]
    np.testing.assert_array_equal(jacobian(gradient)(example.leaves), rows)


def second_derivatives_are_symmetric(example: Example) -> None:
    xs, f, _ = example.graphs()
    hypothesis.assume(not is_at_a_kink(f))
    gradient = grad(f, xs, differentiable=True)
    rows, sizes = [grad(g, xs) for g in gradient], [terms(g, xs) for g in gradient]
    largest = max(map(max, sizes))
    for i in range(len(xs)):
        for j in range(i):
            assert abs(rows[i][j] - rows[j][i]) <= 1e-10 * largest


BENT_AT_ZERO = {"abs", "relu", "leaky_relu", "elu", "sign", "step", "where"}
BENT_AT_TIES = {"compare", "maximum", "minimum", "clip", "max", "min"}


def is_at_a_kink(y: Value) -> bool:
    """Whether some operation has its first operand at zero, or two equal ones, where it is bent."""
    for node in topological_order(y):
        name = node.operation and node.operation.name
        numbers = [parent.data for parent in node.parents]
        if name in BENT_AT_ZERO:
            numbers = [0.0, numbers[0]]
        if name in BENT_AT_ZERO | BENT_AT_TIES:
            if any(abs(a - b) < 1e-9 for a, b in itertools.combinations(numbers, 2)):
                return True
    return False


def how_it_is_recorded_changes_no_bit(example: Example) -> None:
    xs, f, _ = example.graphs()
    gradient = bits(grad(f, xs))
    with trap(), scope("elsewhere"):
        ys, g, _ = example.graphs()
        assert bits([g.data, *grad(g, ys)]) == [f.data.hex(), *gradient]
    with no_grad():
        _, h, _ = example.graphs()
    assert (h.data.hex(), h.parents) == (f.data.hex(), ())
    assert example.last(*example.leaves).hex() == f.data.hex()


def what_is_detached_is_a_number(example: Example) -> None:
    xs, f, g = example.graphs()
    y = f.detach() * g
    assert grad(y, xs) == grad(f.data * g, xs)
    assert grad(f.detach() + xs[0] * 0, xs) == [0.0] * len(xs)


def what_is_forgotten_keeps_its_numbers(example: Example) -> None:
    xs, f, g = example.graphs()
    f.backward()
    kept = [f.data, g.data, *(x.grad for x in xs)]
    forget(f, g)
    assert [f.data, g.data, *(x.grad for x in xs)] == kept
    assert (f.parents, g.parents) == ((), ())
    assert grad(f * 3, f) == 3.0
    assert example.graphs()[1].data == kept[0]


LAWS = [
    the_gradient_is_linear,
    the_gradient_of_a_sum_is_the_sum_of_gradients,
    powers_of_two_scale_exactly,
    a_constant_changes_nothing,
    the_product_rule,
    the_quotient_rule,
    the_chain_rule,
    all_ways_give_the_same_bits,
    the_order_of_leaves_does_not_matter,
    a_direction_is_a_product_with_the_gradient,
    second_derivatives_agree,
    second_derivatives_are_symmetric,
    how_it_is_recorded_changes_no_bit,
    what_is_detached_is_a_number,
    what_is_forgotten_keeps_its_numbers,
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_law(law: Callable[[Example], None], figure: Callable) -> None:
    count = 0

    @hypothesis.settings(max_examples=EXAMPLES, deadline=None, database=None)
    @hypothesis.seed(LAWS.index(law))
    @hypothesis.given(examples)
    def holds(example: Example) -> None:
        nonlocal count
        law(example)
        count += 1

    holds()
    figure("Laws", "examples by hypothesis", count)
