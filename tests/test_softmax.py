"""softmax and log_softmax: functions of several results, composed of rows in linear time.

Their numbers are compared with mpmath, PyTorch, and the compiled function. Here are also the
statistics: what is said of them that holds for no other row.
"""

import math
import random
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest

from glassgrad import (
    TABLE,
    Value,
    compiled,
    engine,
    grad,
    hessian,
    jacobian,
    log_softmax,
    norm,
    softmax,
    std,
    topological_order,
    trap,
    var,
    xlogy,
)

INF, NAN = math.inf, math.nan
SCORES = {
    "even": [0.3, -0.7, 1.1, 0.2],
    "two": [2.0, -1.5],
    "one far ahead": [0.0, -30.0, -36.5, -41.25, -33.0],
    "one far behind": [1.0, 0.5, -300.25, 1.5],
    "large": [1000.5, 999.25, 990.0],
    "ties": [2.0, 2.0, 2.0],
    "nearly ties": [0.25, math.nextafter(0.25, 0.0), -1.0, 0.25],
}
BOTH = pytest.mark.parametrize("scores", SCORES.values(), ids=SCORES)


def numbers(values: Sequence) -> list[float]:
    return [getattr(value, "data", value) for value in values]


def exact_shares(scores: Sequence[float]) -> list:
    import mpmath

    mpmath.mp.dps = 400
    parts = [mpmath.exp(mpmath.mpf(x)) for x in scores]
    return [part / mpmath.fsum(parts) for part in parts]


@BOTH
@pytest.mark.needs("mpmath")
def test_shares_and_their_gradients_keep_their_digits(scores: list[float]) -> None:
    right = exact_shares(scores)
    assert softmax(scores) == pytest.approx(list(map(float, right)), rel=1e-12, abs=0.0)
    found = jacobian(softmax)(scores)
    for i, j in np.ndindex(found.shape):
        slope = right[i] * ((1 if i == j else 0) - right[j])
        assert found[i, j] == pytest.approx(float(slope), rel=1e-12, abs=0.0)


@BOTH
@pytest.mark.needs("mpmath")
def test_second_derivatives_of_shares_keep_their_digits(scores: list[float]) -> None:
    right = exact_shares(scores)
    found = hessian(lambda xs: softmax(xs)[0])(scores)
    for j, k in np.ndindex(found.shape):
        by_j, by_k = (j == 0) - right[j], (k == 0) - right[k]
        curvature = right[0] * (by_j * by_k - right[j] * ((j == k) - right[k]))
        # Two paths meet in a mixed derivative; their sum has the digits of the larger.
        larger = right[0] * max(abs(by_j * by_k), right[j] * abs((j == k) - right[k]))
        assert found[j, k] == pytest.approx(float(curvature), abs=1e-12 * float(larger))


@BOTH
@pytest.mark.needs("mpmath")
def test_log_softmax_keeps_its_digits_in_both_tails(scores: list[float]) -> None:
    import mpmath

    right = [float(mpmath.log(share)) for share in exact_shares(scores)]
    assert log_softmax(scores) == pytest.approx(right, rel=1e-12, abs=0.0)
    found = jacobian(log_softmax)(scores)
    shares = exact_shares(scores)
    for i, j in np.ndindex(found.shape):
        slope = (1 if i == j else 0) - shares[j]
        assert found[i, j] == pytest.approx(float(slope), rel=1e-12, abs=0.0)


SPECIAL = [
    [5.0], [INF], [-INF], [NAN], [INF, 1.0], [INF, INF], [-INF, 1.0], [-INF, -INF], [NAN, 1.0],
    [-INF, 0.0, 2.0], [NAN, INF, -INF], [0.0, INF, 1.0], [-INF, -INF, 3.0], [1e308, -1e308],
]  # fmt: skip


@pytest.mark.parametrize("scores", SPECIAL, ids=str)
@pytest.mark.needs("torch")
def test_special_operands_are_those_of_pytorch(scores: list[float]) -> None:
    import torch

    theirs = torch.softmax(torch.tensor(scores, dtype=torch.float64), 0).tolist()
    np.testing.assert_array_equal(softmax(scores), theirs)
    np.testing.assert_array_equal(numbers(softmax(map(Value, scores))), theirs)
    mixed = [scores[0], *map(Value, scores[1:])]
    np.testing.assert_array_equal(numbers(softmax(mixed)), theirs)
    if INF not in scores:  # there ours is 0 and -inf, the limits, where PyTorch's is nan
        logs = torch.log_softmax(torch.tensor(scores, dtype=torch.float64), 0).tolist()
        np.testing.assert_allclose(log_softmax(scores), logs, rtol=4e-15)


def gradients_every_way(function: Callable, xs: list[float]) -> list[list[float]]:
    """The gradient by backward(), as a graph, and compiled, of one sample and of several."""
    found = []
    for way in (function, compiled(function)):
        leaves = list(map(Value, xs))
        way(leaves).backward()
        found.append([leaf.grad for leaf in leaves])
    leaves = list(map(Value, xs))
    found.append(numbers(grad(function(leaves), leaves, differentiable=True)))
    for i in range(len(xs)):  # a batch has one gradient by what it reads from outside
        leaf = Value(xs[i])
        put = lambda row, i=i, leaf=leaf: function([*row[:i], leaf, *row[i + 1 :]])
        compiled(put).over([xs, xs]).backward()
        found.append([*found[0][:i], leaf.grad, *found[0][i + 1 :]])
    return found


@BOTH
@pytest.mark.needs("mpmath")
def test_a_compiled_logsumexp_keeps_the_digits_of_all_but_the_largest(scores: list[float]) -> None:
    import mpmath

    mpmath.mp.dps = 400
    exact = mpmath.log(mpmath.fsum(mpmath.exp(mpmath.mpf(x)) for x in scores))
    found = compiled(engine.logsumexp).map([scores, scores])
    np.testing.assert_allclose(found, float(exact), rtol=4e-16)


@pytest.mark.parametrize("scores", [*SPECIAL, [1e308, INF], [INF, INF, 1.0]], ids=str)
@pytest.mark.needs("torch")
def test_beside_an_infinite_operand_a_finite_one_sends_nothing(scores: list[float]) -> None:
    import torch

    tensor = torch.tensor(scores, dtype=torch.float64, requires_grad=True)
    torch.logsumexp(tensor, 0).backward()
    for found in gradients_every_way(engine.logsumexp, scores):
        np.testing.assert_allclose(found, tensor.grad, rtol=4e-16)


@pytest.mark.parametrize("x", [NAN, INF, -INF, 0.0, -2.0])
def test_the_deviation_of_one_number_has_a_gradient_where_it_is_a_number(x: float) -> None:
    slope = 0.0 if math.isfinite(x) else NAN
    for found in gradients_every_way(std, [x]):
        np.testing.assert_array_equal(found, [slope])


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 9, 31])
def test_a_share_has_the_sum_of_all_others_beside_it(n: int) -> None:
    xs = [Value(math.log(2.0**k)) for k in range(n)]
    whole = 2.0**n - 1.0
    for k, value in enumerate(softmax(xs)):
        part, others = (parent.data for parent in value.parents)
        assert others / part * 2.0**k == pytest.approx(whole - 2.0**k, rel=1e-13)
        assert value.data == pytest.approx(2.0**k / whole, rel=1e-13)


@pytest.mark.parametrize("function", [softmax, log_softmax])
@pytest.mark.parametrize("n", [50, 100, 200, 400, 800])
def test_the_graph_is_linear_and_shallow(function: Callable, n: int) -> None:
    generator = random.Random(n)
    xs = [Value(generator.uniform(-1.0, 1.0)) for _ in range(n)]
    order = topological_order(engine.sum(function(xs)))
    edges = math.fsum(len(node.parents) for node in order)
    assert edges <= 13 * n
    depth: dict[Value, int] = {}
    for node in order:
        depth[node] = 1 + max((depth[parent] for parent in node.parents), default=0)
    assert max(depth.values()) <= 2 * math.log2(n) + 8


@pytest.mark.parametrize("n", [2, 3, 50])
def test_a_norm_is_one_node_with_a_gradient_of_linear_size(n: int) -> None:
    xs = [Value(float(k)) for k in range(1, n + 1)]
    y = norm(xs)
    assert y.parents == tuple(xs)
    slopes = grad(y, xs, differentiable=True)
    assert len(topological_order(engine.sum(slopes))) <= 6 * n


@pytest.mark.parametrize("function", [softmax, log_softmax, norm, std, var])
def test_compiled_is_as_eager_also_where_another_operand_is_the_largest(function: Callable) -> None:
    def weighed(xs: Sequence) -> Value:
        found = function(xs)
        return engine.dot(found, range(len(found))) if isinstance(found, tuple) else found

    fast = compiled(lambda a, b, c, d, e: weighed([a, b, c, d, e]))
    points = [0.1, 0.7, -0.3, 2.0, 1.0], [5.0, -1.0, 0.0, 4.0, 1.0], [1.0, 1.0, 3.0, 0.0, 3.0]
    for point in points:
        xs, ys = list(map(Value, point)), list(map(Value, point))
        mine, other = weighed(xs), fast(*ys)
        assert other.data == pytest.approx(mine.data, rel=1e-13)
        assert grad(other, ys) == pytest.approx(grad(mine, xs), rel=1e-12, abs=1e-15)
    assert len(fast.recordings) == 1


def test_a_mask_is_no_accident_for_the_trap() -> None:
    x, y = Value(0.5), Value(0.5)
    with trap():
        shares = softmax([x, -INF, y])
        shares[0].backward()
    assert numbers(shares) == [0.5, 0.0, 0.5]
    assert (x.grad, y.grad) == (0.25, -0.25)


def test_of_numbers_they_are_numbers() -> None:
    for found in (softmax(1, 2.0), softmax(range(3)), softmax(np.arange(3)), log_softmax([1, 2])):
        assert {type(x) for x in found} <= {float, np.float64}


def test_the_share_of_softmax_has_no_name_of_its_own() -> None:
    assert not hasattr(engine, "softmax_share")
    assert "softmax" not in TABLE


TABLES = [[[1.0, 2.0], [3.0, 4.0]], np.ones((2, 3)), [(1.0, 2.0)], np.full((2, 2), Value(1.0))]
ROWS = ["softmax", "log_softmax", "sum", "prod", "mean", "max", "min", "logsumexp", "norm", "var"]


@pytest.mark.parametrize("table", TABLES, ids=["lists", "array", "tuples", "Values"])
@pytest.mark.parametrize("name", [*ROWS, "std"])
def test_a_table_is_refused_in_a_sentence(name: str, table: object) -> None:
    with pytest.raises(TypeError, match=rf"\[{name}\(row\) for row in table\]"):
        getattr(engine, name)(table)


@pytest.mark.parametrize("axis", ["axis", "dim", "keepdims"])
@pytest.mark.parametrize("name", [name for name in ROWS if name in TABLE])
def test_there_is_no_axis(name: str, axis: str) -> None:
    with pytest.raises(TypeError, match=rf"has no {axis}: .*\[{name}\(row\) for row in table\]"):
        getattr(engine, name)(np.ones((2, 3)), **{axis: 0})


def test_a_product_of_tables_is_refused() -> None:
    with pytest.raises(TypeError, match="A @ B"):
        engine.dot([[1.0, 2.0]], [[3.0, 4.0]])


@pytest.mark.parametrize("row", [[1.0, 2.0], (1.0, 2.0), np.array([1.0, 2.0]), range(1, 3)])
def test_one_row_of_any_kind_is_taken(row: Sequence) -> None:
    assert engine.sum(row) == 3.0
    assert softmax(row) == softmax(1.0, 2.0)


# Statistics.


def exact_variance(xs: list[float]) -> Fraction:
    mean = Fraction(sum(map(Fraction, xs)), len(xs))
    return sum(((x - mean) ** 2 for x in map(Fraction, xs)), Fraction(0)) / len(xs)


@pytest.mark.parametrize("offset", [0.0, 1e6, 1e9, 1e12, 1e15, -1e15])
def test_the_variance_of_numbers_far_from_0_keeps_its_digits(offset: float) -> None:
    xs = [offset + x for x in (4.0, 7.0, 13.0, 16.0, 2.0, 1.0, 9.0)]
    right = exact_variance(xs)
    assert var(xs) == pytest.approx(float(right), rel=1e-14)
    assert std(xs) == pytest.approx(math.sqrt(right), rel=1e-14)
    values = list(map(Value, xs))
    mean = Fraction(sum(map(Fraction, xs)), len(xs))
    slopes = [float(2 * (Fraction(x) - mean) / len(xs)) for x in xs]
    assert grad(var(values), values) == pytest.approx(slopes, rel=1e-13)


def test_of_equal_numbers_the_standard_deviation_is_at_its_kink() -> None:
    xs = [Value(0.1), Value(0.1), Value(0.1)]
    assert std(xs).data == var(xs).data == 0.0
    assert grad(std(xs), xs) == [0.0, 0.0, 0.0]
    assert np.isnan(hessian(std)([0.1, 0.1, 0.1])).all()


def test_the_variance_of_a_sample_is_said_how_to_write() -> None:
    with pytest.raises(TypeError, match=r"var has no ddof: .*\* \(n / \(n - 1\)\)"):
        var([1.0, 2.0], ddof=1)


def test_lengths_neither_overflow_nor_vanish() -> None:
    assert norm([3e200, 4e200, 0.0]) == pytest.approx(5e200, rel=1e-15)
    assert norm([3e-200, 4e-200]) == pytest.approx(5e-200, rel=1e-15)
    assert norm() == norm([]) == norm([0.0, 0.0]) == 0.0
    assert norm([-3.0]) == 3.0
    assert math.isnan(norm([INF, NAN]))
    xs = [Value(0.0), Value(0.0), Value(0.0)]
    assert grad(norm(xs), xs) == [0.0, 0.0, 0.0]
    assert math.isnan(hessian(lambda v: norm(v) ** 2)([0.0, 0.0, 0.0])[0, 0])


# Logarithms.


def test_what_has_no_share_in_an_entropy_has_no_part_in_its_gradient() -> None:
    q = [Value(0.0), Value(0.25), Value(0.75)]
    cross_entropy = -engine.sum([xlogy(p, x) for p, x in zip((0.0, 0.5, 0.5), q)])
    assert cross_entropy.data == pytest.approx(-0.5 * math.log(0.25 * 0.75))
    assert grad(cross_entropy, q) == [0.0, -2.0, -0.5 / 0.75]
    x, y = Value(0.0), Value(2.0)
    assert grad(xlogy(x, y), [x, y]) == [math.log(2.0), 0.0]
    assert hessian(lambda v: xlogy(v[0], v[1]))([0.0, 2.0]).tolist() == [[0.0, 0.5], [0.5, 0.0]]
