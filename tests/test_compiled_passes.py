"""The passes over a recorded graph: each by itself, and that none changes a number."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from programs import by_engine, random_program
from replaying import near

from glassgrad import TABLE, Value, engine
from glassgrad.engine.compile.graph import CAPTURED, CONSTANT, INPUT, Graph, levels
from glassgrad.engine.compile.ir import Builder
from glassgrad.engine.compile.layout import laid_out
from glassgrad.engine.compile.passes import (
    PASSES,
    biased,
    flattened,
    merged,
    pruned,
    simplified,
)
from glassgrad.engine.compile.trace import Tracer


def recorded(function: Callable[..., Any], *numbers: float) -> tuple[Graph, list[Value]]:
    """The graph of a function of inputs, and the Values that it captured."""
    trace = Tracer("f").run(function, numbers, {}).trace()
    return trace.graph, [*trace.captured]


def value(graph: Graph, inputs: Sequence[float], captured: Sequence[Value]) -> float:
    """The result of a graph, node by node."""
    leaves: dict[int, Any] = {INPUT: inputs, CAPTURED: [v.data for v in captured]}
    found = graph.numbers.tolist()
    for code, numbers in leaves.items():
        for node in np.flatnonzero(graph.codes == code).tolist():
            found[node] = numbers[int(found[node])]
    for node, operands in enumerate(graph.all_operands()):
        row = graph.row(node)
        if row is not None:
            assert all(graph.codes[o] < 0 or o < node for o in operands), "operands come first"
            found[node] = row.forward(tuple(found[o] for o in operands))
    return float(found[graph.roots[0]])


def operations(graph: Graph) -> list[str]:
    return [row.name for row in map(graph.row, range(len(graph))) if row is not None]


@pytest.mark.parametrize("seed", range(60))
def test_no_pass_changes_the_result_and_every_node_is_above_its_operands(seed: int) -> None:
    program = random_program(seed)
    graph, captured = recorded(lambda *xs: program.run(by_engine, xs)[-1] * 1.0, *program.point)
    expected = value(graph, program.point, captured)
    for step in PASSES:
        graph = step(graph)
        assert near(expected, value(graph, program.point, captured)), step.__name__
        assert graph.places.max() < len(graph)
    level = levels(graph)
    for node, operands in enumerate(graph.all_operands()):
        assert all(level[node] > level[o] for o in operands)


def test_pruned_leaves_out_what_nobody_reads() -> None:
    def function(x: Any) -> Any:
        (x * 2.0).sin().cos()
        return x + 1.0

    graph, _ = recorded(function, 3.0)
    assert operations(graph) == ["mul", "sin", "cos", "add"]
    assert operations(pruned(graph)) == ["add"]
    assert (pruned(graph).places >= 0).sum() == 3


def test_merged_does_what_constants_decide() -> None:
    one = Value(1.0).detach()

    def function(x: Any) -> Any:
        two = one + one
        return +(0.0 + x * two) + engine.sum([x, 0.0]) + engine.sum([])

    graph = pruned(merged(recorded(function, 3.0)[0]))
    assert operations(graph) == ["mul", "add", "sum", "add", "add"]  # the next pass drops 0.0
    assert operations(laid_out(simplified(graph)[0], frozenset()).graph) == ["mul", "add"]
    assert 2.0 in graph.numbers[graph.codes == CONSTANT]


def test_merged_makes_equal_nodes_one_and_keeps_the_sign_of_zero() -> None:
    graph, _ = recorded(lambda x: (x * 2.0).sin() + (x * 2.0).sin() + x * 0.0 * (x * -0.0), 3.0)
    found = merged(graph)
    assert operations(found) == ["mul", "sin", "add", "mul", "mul", "mul", "add"]
    assert len(set(np.signbit(found.numbers[found.numbers == 0.0]))) == 2


def test_merged_leaves_no_two_nodes_that_are_equal() -> None:
    """Also where nodes are equal only by operands that are, in whatever order they were made."""
    for seed in range(200):
        generator = random.Random(seed)

        def function(x: Any, y: Any, generator: random.Random = generator) -> Any:
            nodes = [x, y]
            for _ in range(40):
                a, b = generator.choice(nodes), generator.choice(nodes[-6:])
                of_three = engine.mean(a, b, x), engine.max(a, b, x)
                of_two = a * b, a + b, a.sin(), a * float("2")  # a new number each time
                nodes.append((*of_two, *of_three)[generator.randrange(6)])
            return engine.sum(nodes)

        graph, captured = recorded(function, 0.3, 0.7)
        known: dict[Any, int] = {}
        became: list[int] = []
        for node, operands in enumerate(graph.all_operands()):
            what = graph.row(node) or (int(graph.codes[node]), float(graph.numbers[node]))
            became.append(known.setdefault((what, *[became[o] for o in operands]), node))
        found = merged(graph)
        assert len(found) == len(known), seed
        assert near(value(graph, [0.3, 0.7], captured), value(found, [0.3, 0.7], captured))


def test_flattened_makes_sums_of_products_one_dot() -> None:
    w = [Value(0.1 * i) for i in range(4)]
    graph, _ = recorded(lambda *xs: sum(a * b for a, b in zip(w, xs)) + w[0], 1.0, 2.0, 3.0, 4.0)
    found = flattened(merged(graph))
    assert operations(found) == ["dot", "sum"]
    left, right = found.of(int(found.roots[0]) - 1)[:4], found.of(int(found.roots[0]) - 1)[4:]
    assert set(found.codes[left]) == {CAPTURED}
    assert set(found.codes[right]) == {INPUT}


def test_flattened_takes_nothing_that_two_nodes_read() -> None:
    def function(a: Any, b: Any, c: Any) -> Any:
        shared = a * b + b * c
        return (shared + a) * (shared + c)

    graph, _ = recorded(function, 1.0, 2.0, 3.0)
    assert operations(flattened(graph)) == ["dot", "sum", "sum", "mul"]


def test_flattened_takes_a_chain_of_any_length() -> None:
    graph, _ = recorded(lambda x: sum([x * float(i) for i in range(1, 5_001)], start=x), 1.0)
    assert operations(flattened(graph)) == ["dot", "sum"]


def test_short_sums_are_what_they_are() -> None:
    def function(x: Any, y: Any) -> Any:
        return sum([x * y]) * engine.sum([y, 0.0]) * engine.sum([x, y]) + sum([y]).sin() + y.sin()

    graph = recorded(function, 2.0, 3.0)[0]
    found = laid_out(flattened(graph), frozenset()).graph
    assert sorted(operations(found)) == ["add", "mul", "mul", "mul", "sin", "sin", "sum"]
    assert near(value(found, [2.0, 3.0], []), value(graph, [2.0, 3.0], []))


@pytest.mark.parametrize("turned", [False, True])
def test_a_bias_is_one_more_weight_where_one_sum_reads_it(turned: bool) -> None:
    w, b = [Value(0.1 * i) for i in range(3)], Value(0.7)

    def function(*xs: Any) -> Any:
        dot = engine.dot(xs, w) if turned else engine.dot(w, xs)
        return (b + dot if turned else dot + b).tanh() + engine.dot(w, xs)

    graph, captured = recorded(function, 1.0, 2.0, 3.0)
    found = biased(flattened(graph))
    longer = max((found.of(n) for n in range(len(found))), key=len)
    sides = [{int(code) for code in found.codes[side]} for side in (longer[:4], longer[4:])]
    assert sides[turned] == {CAPTURED}
    assert sides[not turned] == {INPUT, CONSTANT}
    xs = [1.0, 2.0, 3.0]
    assert near(value(found, xs, captured), value(graph, xs, captured))


def test_a_slice_of_joined_arrays_is_a_part_only_if_it_is_all_of_it() -> None:
    builder = Builder()
    first, second = builder.input("first", 3, 1), builder.input("second", 2, 1)
    joined = builder.join([first, second])
    for places, shape in ((slice(0, 3, 2), (2, 1)), (slice(0, 4), (4, 1)), (slice(1, 3), (2, 1))):
        taken = builder.take(joined, places)
        assert (taken.kind, taken.shape) == ("take", shape)
    assert [builder.take(joined, places) for places in (slice(0, 3), slice(3, 5))] == [
        first,
        second,
    ]
    assert builder.take(joined, slice(0, 5)) is joined


def test_rows_of_different_lengths_are_one_group() -> None:
    def function(*xs: Any) -> Any:
        return engine.sum(engine.logsumexp(xs[: i + 1]).sin() for i in range(1, 4))

    graph, _ = recorded(function, 0.1, 0.2, 0.3, 0.4)
    for is_exact, counts in ((False, [3]), (True, [1, 1, 1])):
        layout = laid_out(graph, frozenset(), is_exact=is_exact)
        rows = [group for group in layout.groups if group.row is TABLE["logsumexp"]]
        assert [len(group) for group in rows] == counts


def test_levels_are_late_where_that_is_fewer_groups() -> None:
    """States are computed one after the other, and read all at once."""

    def function(x: Any) -> Any:
        states = [x]
        for _ in range(10):
            states.append((states[-1] * 0.5).tanh())
        return engine.sum(state.exp() for state in states)

    graph, _ = recorded(function, 0.3)
    level = levels(graph)
    assert len({level[n] for n in range(len(graph)) if graph.row(n) is TABLE["exp"]}) == 1
    assert len({level[n] for n in range(len(graph)) if graph.row(n) is TABLE["tanh"]}) == 10
