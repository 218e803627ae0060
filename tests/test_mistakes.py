"""The classic wrong engines: each is run by hand, by micrograd's own code, or by a copy of it.

On small graphs the wrong numbers are those that a reader finds on paper; on random graphs they are
those of recursive engines written here in the shortest way.
"""

import math
import random
from collections.abc import Callable

import pytest
from lecture import lecture_neuron

from glassgrad import Backprop, Mistake, Value, backprop, engine, topological_order


def square_plus() -> Value:
    """The sum of a * a and a with a = x + 1 at 3: the right gradient of x is 2 * 3 + 1 = 7."""
    x = Value(2.0, label="x")
    a = x + 1.0
    a.label = "a"
    y = a + a * a
    y.label = "y"
    return y


def found(steps: Backprop) -> dict[str, Mistake]:
    return {mistake.name: mistake for mistake in steps.mistakes()}


def by_name(steps: Backprop, mistake: Mistake) -> dict[str, float]:
    return {steps.diagram[i].name: gradient for i, gradient in mistake.gradients.items()}


def named(steps: Backprop, name: str) -> int:
    return next(node.index for node in steps.diagram if node.name == name)


# On paper.


@pytest.mark.parametrize(
    ("name", "gradients", "first", "why"),
    [
        (
            "= instead of +=", {"y": 1.0, "v1": 1.0, "a": 3.0, "x": 3.0}, "a",
            "a is used 3 times, but every contribution replaced the one before it: "
            "3, the last one alone, instead of 7.",
        ),
        # y sends 1 to a and v1; a is visited first and sends its 1 on; then v1 sends 3 and 3 to a.
        (
            "no order", {"y": 1.0, "v1": 1.0, "a": 7.0, "x": 1.0}, "x",
            "a sent its gradient on when 1 of 3 contributions had arrived, so x got 1 instead of "
            "7.",
        ),
        # v1: 1 + 1; a: 7 + 1 + 2 * 3 + 2 * 3 = 20; x: 7 + 20.
        (
            "inner nodes never zeroed", {"y": 1.0, "v1": 2.0, "a": 20.0, "x": 27.0}, "v1",
            "A second backward() that zeroed nothing, no inner node either, added to what the "
            "first one had left at v1: 1 + 1 = 2.",
        ),
        (
            "leaves not zeroed", {"y": 1.0, "v1": 1.0, "a": 7.0, "x": 14.0}, "x",
            "A second backward() without a zero_grad() before it added to what the first one had "
            "left at x: 7 + 7 = 14.",
        ),
    ],
)  # fmt: skip
def test_a_wrong_engine_on_paper(
    name: str, gradients: dict[str, float], first: str, why: str
) -> None:
    steps = backprop(square_plus())
    mistake = found(steps)[name]
    assert by_name(steps, mistake) == gradients
    assert (mistake.parts_at, mistake.why) == (named(steps, first), why)


def test_no_difference_is_said_to_be_none() -> None:
    mistakes = found(backprop(lecture_neuron()))
    for name in ("= instead of +=", "no order"):
        assert mistakes[name].wrong == ()
        assert mistakes[name].parts_at is None
    assert mistakes["= instead of +="].why == "No difference here: no node is used twice."
    assert mistakes["no order"].why == (
        "No difference here: every node that sends on had all its contributions when its turn came."
    )


def test_losing_zeros_makes_no_difference() -> None:
    x = Value(0.0, label="x")
    mistake = found(backprop(x * x))["= instead of +="]
    assert mistake.why == "No difference here: what was lost adds up to nothing."


def test_a_gradient_that_is_nan_in_all_engines_is_no_difference() -> None:
    x = Value(0.0, label="x")
    steps = backprop((x * x).sqrt() * x + x)
    assert math.isnan(steps.gradients[steps.diagram.values[x]])
    mistakes = found(steps)
    for name in ("= instead of +=", "no order", "leaves not zeroed"):
        reason = "infinite gradients hide it, or there is none."
        assert mistakes[name].why == f"No difference here: {reason}"


def test_sending_too_early_may_make_no_difference() -> None:
    x = Value(1.0, label="x")
    a = x * 2.0
    y = a + (a * 1.0) * 0.0
    mistake = found(backprop(y))["no order"]
    assert mistake.why == "No difference here: what came too late adds up to nothing."


def test_a_leaf_alone_has_nothing_to_get_wrong() -> None:
    mistakes = backprop(Value(3.0, label="x")).mistakes()
    assert [mistake.wrong for mistake in mistakes] == [(), (), (), ()]
    assert mistakes[2].why == mistakes[3].why
    assert mistakes[2].why == "No difference here: no gradient but the seed is other than zero."


# Against other code.


def micrograd_twice(root: Value) -> dict[Value, float]:
    """What micrograd's `backward()` leaves in `.grad` when it is called twice."""
    grad: dict[Value, float] = {}
    for _ in range(2):
        grad[root] = 1.0
        for node in reversed(topological_order(root)):
            for parent, partial in zip(node.parents, node.partials):
                if partial is not None:
                    grad[parent] = grad.get(parent, 0.0) + grad[node] * partial
    return grad


def with_leaves_kept(root: Value) -> dict[Value, float]:
    """What this library's own `backward()` leaves in `.grad` when it is called twice."""
    root.backward()
    root.backward()
    return {node: node.grad for node in topological_order(root)}


def recursive(root: Value) -> dict[Value, float]:
    """The engine without an order, as beginners write it."""
    grad, visited = {root: 1.0}, set()

    def visit(node: Value) -> None:
        if node in visited:
            return
        visited.add(node)
        for parent, partial in zip(node.parents, node.partials):
            if partial is not None:
                grad[parent] = grad.get(parent, 0.0) + grad[node] * partial
        for parent, partial in zip(node.parents, node.partials):
            if partial is not None:
                visit(parent)

    visit(root)
    return grad


def assigning(root: Value) -> dict[Value, float]:
    grad = {root: 1.0}
    for node in reversed(topological_order(root)):
        for parent, partial in zip(node.parents, node.partials):
            if partial is not None:
                grad[parent] = grad[node] * partial
    return grad


def tangled(seed: int) -> Value:
    """A random graph in which most nodes are used several times."""
    rng = random.Random(seed)
    nodes = [Value(rng.uniform(0.5, 1.5)) for _ in range(3)]
    for _ in range(15):
        a, b = rng.choices(nodes[-6:], k=2)
        nodes.append(rng.choice((a * b, a + b, a - b, a.tanh(), a.sin() * b)))
    return nodes[-1] + nodes[-2] * nodes[-3]


WRONG = {
    "= instead of +=": assigning,
    "no order": recursive,
    "inner nodes never zeroed": micrograd_twice,
    "leaves not zeroed": with_leaves_kept,
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("seed", range(40))
def test_each_wrong_engine_is_the_one_it_is_called(seed: int, name: str) -> None:
    y = tangled(seed)
    steps = backprop(y)
    expected: dict[Value, float] = WRONG[name](y)
    mistake = found(steps)[name]
    for value, gradient in expected.items():
        assert mistake.gradients[steps.diagram.values[value]] == pytest.approx(gradient, rel=1e-12)
    assert set(mistake.gradients) == set(steps.gradients)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_wrong_is_what_differs_in_backward_order(seed: int) -> None:
    steps = backprop(tangled(seed))
    for mistake in steps.mistakes():
        assert list(mistake.wrong) == sorted(mistake.wrong, reverse=True)
        assert mistake.parts_at == (mistake.wrong[0] if mistake.wrong else None)
        assert mistake.why.startswith("No difference here") == (not mistake.wrong)
        for index, right in steps.gradients.items():
            if index not in mistake.wrong:
                assert math.isclose(mistake.gradients[index], right, rel_tol=1e-6, abs_tol=1e-9)
            else:
                assert mistake.gradients[index] != right


def test_rounding_is_no_mistake() -> None:
    x = Value(1.0, label="x")
    steps = backprop(engine.sum([x * share for share in (0.1, 0.2, 0.3, -0.6)]))
    mistake, index = found(steps)["no order"], named(steps, "x")
    assert mistake.gradients[index] != steps.gradients[index]  # added up in another order
    assert mistake.wrong == ()


# What it is given as.


def test_the_mistakes_print_as_a_table() -> None:
    mistakes = backprop(square_plus()).mistakes()
    assert str(mistakes).splitlines()[:5] == [
        "node  right  = instead of +=  no order    inner nodes never zeroed  leaves not zeroed",
        "y     1      1                1           1                         1",
        "v1    1      1                1           ≠ 2, first                1",
        "a     7      ≠ 3, first       7           ≠ 20                      7",
        "x     7      ≠ 3              ≠ 1, first  ≠ 27                      ≠ 14, first",
    ]
    assert repr(mistakes) == "<4 wrong engines on 5 nodes>"
    assert len(mistakes[:2]) == 2


@pytest.mark.parametrize("x", [math.inf, -math.inf, math.nan, 0.0])
@pytest.mark.parametrize("build", [lambda x: x * x + x, lambda x: (x * x).relu() * x])
def test_hard_numbers_are_compared_too(x: float, build: Callable[[Value], Value]) -> None:
    assert "right" in str(backprop(build(Value(x, label="x"))).mistakes())


def test_a_diamond_of_forty_takes_no_time() -> None:
    x = Value(1.5)
    for _ in range(40):
        x = x + x
    assert len(backprop(x).mistakes()) == 4


def test_a_deep_graph_is_no_recursion() -> None:
    x = Value(1.0)
    for _ in range(5000):
        x = x * 1.0001
    assert backprop(x).mistakes()[1].wrong == ()


def test_a_page_of_a_large_graph_leaves_them_out() -> None:
    x = Value(1.0)
    for _ in range(250):
        x = x * 1.0001
    assert "Classic mistakes" not in backprop(x).html()
