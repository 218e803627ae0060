"""The order of a graph, what every traversal of it agrees on, and its release."""

import sys

import pytest
from programs import by_engine, random_program

from glassgrad import Value, engine, forget, grad, topological_order


def numbers(*roots: Value) -> list[float]:
    return [node.data for node in topological_order(*roots)]


# Order.


def test_the_order_is_that_of_evaluation() -> None:
    x = Value(2.0)
    assert numbers(x * x + 1) == [2.0, 4.0, 1.0, 5.0]
    assert numbers((x + 1) * (x - 5)) == [2.0, 1.0, 3.0, 5.0, -3.0, -9.0]
    assert numbers(engine.dot([x, 3.0], [4.0, 5.0])) == [2.0, 3.0, 4.0, 5.0, 23.0]


def test_a_leaf_is_its_own_order() -> None:
    x = Value(2.0)
    assert topological_order(x) == [x]
    assert topological_order() == []


def test_several_roots_share_their_nodes() -> None:
    x = Value(2.0)
    first, second = x + 1, x + 2
    order = topological_order(first, second, first)
    assert order == [x, first.parents[1], first, second.parents[1], second]


@pytest.mark.parametrize("seed", range(10))
def test_every_node_comes_once_and_after_its_parents(seed: int) -> None:
    program = random_program(seed)
    root = program.run(by_engine, [Value(x) for x in program.point])[-1]
    order = topological_order(root)
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is root
    assert all(place[parent] < place[node] for node in order for parent in node.parents)
    assert order == topological_order(root)


# Release.


def test_forget_makes_the_root_a_leaf() -> None:
    x = Value(2.0, label="x")
    inner = x * x
    y = inner * 3
    holders = sys.getrefcount(x)
    forget(y)
    assert (y.data, y.parents, inner.parents) == (12.0, (), ())
    assert sys.getrefcount(x) == holders - 2
    z = y * 2
    assert grad(z, y) == 2.0


def test_forget_takes_several_roots_and_shared_nodes() -> None:
    x = Value(2.0)
    shared = x * x
    roots = shared + 1, shared * shared
    forget(*roots)
    assert [node.parents for node in (shared, *roots)] == [(), (), ()]
    forget(*roots)
    assert x.data == 2.0
