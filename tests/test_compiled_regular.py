"""Random networks, as people write them with loops: layers, windows, states, growing attention.

And irregular graphs: stretches of scalars that are walked through give what lines give.
"""

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from needing import mostly_slow
from replaying import all_near, are_near, near, value_and_slopes

from glassgrad import MLP, Value, compiled, engine, grad

SECTION = "Compiled programs"
Vector = list[Any]


class Network:
    """A random chain of parts on a sequence of vectors, with parameters of its own.

    Args:
        seed: decides everything.
    """

    def __init__(self, seed: int) -> None:
        self.generator = random.Random(seed)
        self.parameters: list[Value] = []
        self.width = self.generator.randint(1, 4)
        self.length = self.generator.randint(1, 5)
        kinds = [self.layer, self.recurrent, self.attention, self.window, self.normed, self.running]
        self.parts = [self.generator.choice(kinds)() for _ in range(self.generator.randint(1, 4))]

    def new(self, *sizes: int) -> Any:
        """A table of fresh parameters."""
        if not sizes:
            self.parameters.append(Value(self.generator.uniform(-0.8, 0.8)))
            return self.parameters[-1]
        return [self.new(*sizes[1:]) for _ in range(sizes[0])]

    def layer(self) -> Callable[[list[Vector]], list[Vector]]:
        width, size = self.width, self.generator.randint(1, 4)
        self.width = size
        w, b = self.new(size, width), self.new(size)
        bend = self.generator.choice([engine.tanh, engine.relu, engine.gelu, lambda x: x])
        has_bias = self.generator.random() < 0.7
        dot = self.generator.choice([engine.dot, lambda a, b: sum(x * y for x, y in zip(a, b))])

        def run(rows: list[Vector]) -> list[Vector]:
            sums = [[dot(w[i], row) + (b[i] if has_bias else 0.0) for i in range(size)]
                    for row in rows]  # fmt: skip
            return [[bend(x) for x in row] for row in sums]

        return run

    def recurrent(self) -> Callable[[list[Vector]], list[Vector]]:
        width = self.width
        w, u = self.new(width, width), self.new(width, width)

        def run(rows: list[Vector]) -> list[Vector]:
            state: Vector = [0.0] * width
            found = []
            for row in rows:
                state = [
                    (engine.dot(w[i], state) + engine.dot(u[i], row)).tanh() for i in range(width)
                ]
                found.append(state)
            return found

        return run

    def attention(self) -> Callable[[list[Vector]], list[Vector]]:
        width = self.width
        tables = [self.new(width, width) for _ in range(3)]
        by_hand = self.generator.random() < 0.5

        def run(rows: list[Vector]) -> list[Vector]:
            q, k, v = ([[engine.dot(w, row) for w in table] for row in rows] for table in tables)
            found = []
            for t in range(len(rows)):
                scores = [engine.dot(q[t], k[s]) for s in range(t + 1)]
                if by_hand:
                    parts = [score.exp() for score in scores]
                    shares = [part / sum(parts) for part in parts]
                else:
                    shares = list(engine.softmax(scores))
                found.append([sum(shares[s] * v[s][i] for s in range(t + 1)) for i in range(width)])
            return found

        return run

    def window(self) -> Callable[[list[Vector]], list[Vector]]:
        size = min(2, self.length)
        w = self.new(size)

        def run(rows: list[Vector]) -> list[Vector]:
            return [
                [sum(w[j] * rows[(t + j) % len(rows)][i] for j in range(size))
                 for i in range(len(rows[0]))] for t in range(len(rows))
            ]  # fmt: skip

        return run

    def normed(self) -> Callable[[list[Vector]], list[Vector]]:
        def run(rows: list[Vector]) -> list[Vector]:
            scales = [(engine.mean(x * x for x in row) + 0.1) ** -0.5 for row in rows]
            return [[x * scale for x in row] for row, scale in zip(rows, scales)]

        return run

    def running(self) -> Callable[[list[Vector]], list[Vector]]:
        reduce = self.generator.choice([engine.sum, engine.max, engine.logsumexp, sum])

        def run(rows: list[Vector]) -> list[Vector]:
            return [
                [reduce([row[i] for row in rows[: t + 1]]) * 0.5 for i in range(len(rows[0]))]
                for t in range(len(rows))
            ]

        return run

    def __call__(self, xs: Sequence[Any], y: Any) -> Any:
        """The squared distance of the mean of all results from y."""
        width = len(xs) // self.length
        rows: list[Vector] = [list(xs[i * width : (i + 1) * width]) for i in range(self.length)]
        for part in self.parts:
            rows = part(rows)
        return (engine.mean(x for row in rows for x in row) - y) ** 2


def networks(first: int, count: int) -> list[tuple[Network, int]]:
    """Some with parameters, and the number of inputs of each."""
    found = []
    for seed in range(first, first + count):
        width = random.Random(seed).randint(1, 4)  # the first that the network draws
        found.append((Network(seed), width))
    return [(network, width * network.length) for network, width in found if network.parameters]


@pytest.mark.parametrize("batch", mostly_slow(range(8)))
def test_random_networks_agree_with_eager_ones(batch: int, figure: Callable[..., None]) -> None:
    tried = 0
    for network, count in networks(batch * 20, 20):
        generator = np.random.default_rng(batch)
        xs, y = [Value(x) for x in generator.normal(size=count)], Value(0.3)
        leaves = [*network.parameters, *xs, y]
        eager = value_and_slopes(network(xs, y), leaves)
        loss = compiled(network)
        loss([Value(0.1) for _ in xs], Value(0.0))  # recorded at another point
        assert are_near(eager, value_and_slopes(loss(xs, y), leaves))
        assert near(eager[0], loss(xs, y).data)
        points, targets = generator.normal(size=(5, count)), generator.normal(size=5)
        total = engine.mean(
            [network(list(map(float, x)), float(t)) for x, t in zip(points, targets)]
        )
        eager = value_and_slopes(total, network.parameters)
        assert are_near(eager, value_and_slopes(loss.over(points, targets), network.parameters))
        numbers = np.array([p.data for p in network.parameters])
        value, gradient = loss.value_and_grad(network.parameters)(numbers, points, targets)
        assert are_near(eager, [value, *gradient])
        tried += 1
    figure(SECTION, "random networks, one by one and over a batch", tried)


def test_local_derivatives_of_all_steps_are_computed_at_once() -> None:
    """And what many steps send to one parameter is summed at once."""
    w, b = [[Value(0.1 * (i - j)) for j in range(3)] for i in range(3)], [Value(0.2)] * 3

    def loss(*xs: Any) -> Any:
        state: Vector = [0.0] * 3
        for x in xs:
            state = [(engine.dot(w[i], state) + b[i] + x).tanh() for i in range(3)]
            state = [h * (engine.dot(state, state) + 0.1) ** -0.5 for h in state]
        return engine.sum(state)

    leaves = [b[0], *[each for row in w for each in row]]
    xs = np.random.default_rng(0).normal(size=7).tolist()
    fast = compiled(loss)
    assert are_near(value_and_slopes(loss(*xs), leaves), value_and_slopes(fast(*xs), leaves))
    assert fast.program.count("sech(") == fast.program.count("-1.5") == 1


def test_a_deep_network_is_lines_however_deep() -> None:
    """Its activations are narrow, the products between them are not."""
    model = MLP(2, [8] * 60 + [1], activation="tanh", seed=0)
    loss = compiled(lambda x: model(x) ** 2)
    mean = loss.over([[0.5, -1.0], [1.0, 2.0]])
    eager = (model([0.5, -1.0]) ** 2 + model([1.0, 2.0]) ** 2) * 0.5
    parameters = model.parameters()
    np.testing.assert_allclose(grad(mean, parameters), grad(eager, parameters), rtol=1e-9)
    ((_, program),) = loss.programs()
    assert program.walked == 0
    assert program.operations > 100


def test_biases_of_all_steps_of_a_recurrent_network_are_added_at_once() -> None:
    generator = random.Random(0)
    weights, letters = (
        [[Value(generator.uniform(-0.5, 0.5)) for _ in range(4)] for _ in range(rows)]
        for rows in (4, 8)
    )
    bias = [Value(generator.uniform(-0.5, 0.5)) for _ in range(4)]

    def loss(x: Any) -> Any:
        state: Vector = [x] * 4
        for letter in letters:
            sent = [engine.dot(row, state) for row in weights]
            state = [sum(each).tanh() for each in zip(sent, letter, bias)]
        return engine.sum(state)

    fast, parameters = compiled(loss), [v for row in [*weights, *letters, bias] for v in row]
    assert are_near(
        value_and_slopes(loss(0.3), parameters), value_and_slopes(fast(0.3), parameters)
    )
    assert fast.program.count("# 32 adds") == 1
    assert fast.program.count("# 4 adds") == len(letters)


@pytest.mark.parametrize("has_others", [False, True])
def test_an_array_of_parameters_may_have_any_order_and_more_than_are_read(has_others: bool) -> None:
    values = [Value(0.01 * i - 1.0) for i in range(400)]
    others = [Value(2.0)] * has_others
    read = [*values[300:390], *values[5:30:3], *others, *values[100:180], *values[:4]]
    fast = compiled(lambda x: x * engine.sum((i + 1.0) * v**2 for i, v in enumerate(read)))
    numbers = np.linspace(0.0, 1.0, 400)
    value, gradient = fast.value_and_grad(values)(numbers, [2.0, 4.0])
    expected = np.zeros(400)
    known = dict(zip(values, numbers.tolist())) | dict.fromkeys(others, 2.0)
    for i, v in enumerate(read):
        if v not in others:
            expected[values.index(v)] = 3.0 * (i + 1.0) * 2.0 * known[v]
    assert near(value, 3.0 * sum((i + 1.0) * known[v] ** 2 for i, v in enumerate(read)), 1e-12)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)


@pytest.mark.parametrize("largest", [1.0, 1e200])
def test_what_words_send_to_their_vectors_is_added_in_blocks(largest: float) -> None:
    """A number that overflows in one of them leaves the gradients of the others as they are."""
    generator = random.Random(0)
    table = [[Value(generator.uniform(-1.0, 1.0)) for _ in range(6)] for _ in range(5)]
    table[3][2].data = largest

    def loss(x: Any) -> Any:
        vectors = [table[word] for word in (1, 3, 1, 0, 4, 3, 1)]
        return engine.sum(
            engine.sum((each * x + 0.1 * (i + j)) ** 3 for i, each in enumerate(vector, 1))
            for j, vector in enumerate(vectors)
        )

    fast, parameters = compiled(loss), [value for row in table for value in row]
    eager = value_and_slopes(loss(0.5), parameters)
    assert all_near(eager, value_and_slopes(fast(0.5), parameters))
    assert all(map(math.isfinite, eager)) == (largest == 1.0)
    assert "scatter" not in fast.program


# Irregular graphs.


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
    ((recording, program),) = f.programs()
    assert f"and {program.walked:,} scalars in between" in f.report()
    assert f": a walk of {program.walked:,} scalars" in f.stages(None)
    kept = [part.size_in_bytes() for part in (recording.graph, recording.simplified, program)]
    assert f"keeping {sum(kept) / 1e3:,.0f} kB" in f.report()
    assert kept[2] > 6 * 8 * program.walked  # a place and a code of each, and two operands twice


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
