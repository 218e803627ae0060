"""`backprop`: the chain rule one edge at a time, with the same bits as `backward()`.

Random graphs from all rows of the table replay every step by hand; small ones are compared with
what the lecture writes on the board.
"""

import json
import math
import random
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from lecture import lecture_neuron
from needing import mostly_slow
from reference_values import call

from glassgrad import (
    MLP,
    NOT_COMPUTED,
    TABLE,
    Backprop,
    Neuron,
    Operation,
    Reduction,
    Value,
    backprop,
    engine,
    no_grad,
    topological_order,
)
from glassgrad.engine.op import Notation
from glassgrad.viz.told import tell

HARD = (0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e308, 5e-324, 710.0)
SEEDS = pytest.mark.parametrize("seed", mostly_slow(range(150), kept=40))
ROWS = pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)


def random_graph(seed: int, size: int = 25) -> Value:
    """A graph of all operations with shared nodes, constants and, every third time, hard numbers.

    The same seed gives the same graph on fresh leaves.
    """
    rng = random.Random(seed)
    hard = seed % 3 == 0
    nodes = [
        Value(rng.choice(HARD) if hard and rng.random() < 0.4 else rng.uniform(-2, 2))
        for _ in range(4)
    ]
    for _ in range(size):
        row = rng.choice(list(TABLE.values()))
        count = rng.choice((2, 4, 6)) if isinstance(row, Reduction) else len(row.domain)
        operands = rng.choices(nodes, k=count)
        if rng.random() < 0.3:
            operands[rng.randrange(count)] = rng.choice(HARD) if hard else rng.uniform(-2, 2)
        result = call(row, operands)
        nodes += [result] if isinstance(result, Value) else []
    return engine.sum(nodes[-4:])


def bits(numbers: list[float | None]) -> list[str]:
    """Numbers to the last bit; nan equals nan, and -0.0 differs from 0.0."""
    return ["–" if x is None or x is NOT_COMPUTED else x.hex() for x in numbers]


def gradients_by_name(steps: Backprop) -> dict[str, float]:
    return {steps.diagram[i].name: gradient for i, gradient in steps.gradients.items()}


def backward_steps(steps: Backprop) -> list:
    return [step for step in steps if step.phase == "backward"]


def edges_that_carry(steps: Backprop) -> list[tuple[int, int]]:
    """Every edge of a node with a gradient that has a local derivative, in the order followed."""
    return [
        (node.index, position)
        for node in reversed(steps.diagram)
        if node.index in steps.gradients
        for position, _, partial in node.edges()
        if partial is not None
    ]


# The same bits as backward().


def of(*data: float) -> tuple[Value, ...]:
    return tuple(Value(x) for x in data)


def square() -> Value:
    (x,) = of(3.0)
    return x * x


def dot_with_itself() -> Value:
    (x,) = of(3.0)
    return engine.dot([x, x], [x, 2.0])


BUILDS = {
    "leaf": lambda: Value(3.0),
    "square": square,
    "dot of nothing": lambda: engine.dot([], []) + Value(1.0),
    "dot of one": lambda: engine.dot(of(2.0), of(3.0)),
    "dot of two": lambda: engine.dot(of(2.0, 3.0), of(0.1, 0.2)),
    "dot with itself": dot_with_itself,
    "dot of constants": lambda: engine.dot([Value(2.0), 1.0], [3.0, 4.0]),
    "neuron": lambda: Neuron(3, seed=0)([1.0, -2.0, 0.5]),
    "network": lambda: (MLP(2, [4, 4, 1], seed=0)([Value(1.0), -2.0]) - 1.0) ** 2,
}


@pytest.mark.parametrize(
    "build",
    [
        *(
            pytest.param(
                lambda seed=seed: random_graph(seed), marks=[pytest.mark.slow] * (seed >= 40)
            )
            for seed in range(150)
        ),
        *(pytest.param(build, id=name) for name, build in BUILDS.items()),
    ],
)
def test_stepping_ends_with_the_bits_of_backward(build: Callable[[], Value]) -> None:
    stepped, other = build(), build()
    steps = backprop(stepped)
    other.backward()
    indices = (steps.diagram.values[node] for node in topological_order(stepped))
    assert bits([steps.gradients.get(index) for index in indices]) == bits(
        [node.grad for node in topological_order(other)]
    )


@pytest.mark.parametrize("before", [NOT_COMPUTED, 0.0, 7.0])
def test_stepping_does_not_read_the_gradients(before: float) -> None:
    y = lecture_neuron()
    for node in topological_order(y):
        node.grad = before
    steps = backprop(y, learning_rate=0.1)
    assert steps.to_dict() == backprop(lecture_neuron(), learning_rate=0.1).to_dict()


@pytest.mark.parametrize("name", ["square", "dot of one", "dot of two", "neuron", "network"])
def test_changed_data_leave_what_was_computed(name: str) -> None:
    y = BUILDS[name]()
    order = topological_order(y)
    before = backprop(y)
    for node in order:
        if not node.parents and not node.is_constant:
            node.data = 100.0
    after = backprop(y)
    for node in order:
        earlier, now = before.diagram.values[node], after.diagram.values[node]
        assert after.gradients.get(now) == before.gradients.get(earlier)
        assert after.diagram[now].data == node.data


# One step per edge, and what a step says.


@SEEDS
def test_there_is_one_step_for_each_edge_which_can_be_checked_by_hand(seed: int) -> None:
    steps = backprop(random_graph(seed))
    assert [(step.node, step.operand) for step in backward_steps(steps)] == edges_that_carry(steps)
    gradients, received = {steps.root: 1.0}, defaultdict(int)
    uses = defaultdict(int)
    for step in backward_steps(steps):
        uses[step.parent] += 1
    for step in backward_steps(steps):
        assert received[step.node] == uses[step.node]  # the upstream gradient is complete
        assert steps.diagram[step.node].parents[step.operand] == step.parent
        received[step.parent] += 1
        assert (step.received, step.uses) == (received[step.parent], uses[step.parent])
        is_first = step.parent not in gradients  # then even the sign of a zero is kept
        before = 0.0 if is_first else gradients[step.parent]
        after = step.contribution if is_first else before + step.contribution
        gradients[step.parent] = after
        assert bits([step.upstream, step.before]) == bits([gradients[step.node], before])
        assert bits([step.local]) == bits([steps.diagram[step.node].partials[step.operand]])
        # A branch that is switched off sends nothing even of an infinite gradient.
        stopped = step.local == step.contribution == 0.0 and not math.isfinite(step.upstream)
        assert stopped or bits([step.contribution]) == bits([step.upstream * step.local])
        assert bits([step.after]) == bits([after])


def test_a_result_of_no_grad_has_a_seed_and_nothing_else() -> None:
    with no_grad():
        y = Value(2.0) * 3.0
    assert [step.phase for step in backprop(y)] == ["seed"]


def test_the_uses_of_a_square_plus_itself_come_one_by_one() -> None:
    x = Value(3.0, label="x")
    steps = backprop(x * x + x)
    found = [(steps.diagram[e.parent].name, e.received, e.uses) for e in backward_steps(steps)]
    assert found == [("v1", 1, 1), ("x", 1, 3), ("x", 2, 3), ("x", 3, 3)]


# The formulas.

# A derivative may take more than a line.
TOO_LONG = {"clip", "gelu_tanh", "max", "min", "std", "var"}


def row_steps(row: Operation) -> tuple[Backprop, dict[str, float]]:
    """The steps of one call of a row inside its domain, and the operands by name."""
    count = 2 if isinstance(row, Reduction) else len(row.domain)
    intervals = row.domain * count if isinstance(row, Reduction) else row.domain
    shares = (0.7, 0.35, 0.55)
    point = [low + (high - low) * share for (low, high), share in zip(intervals, shares)]
    leaves = [Value(x, label=name) for x, name in zip(point, "abc")]
    y = call(row, leaves)
    names = {node.label: node.data for node in leaves}
    return backprop(y), {**names, "v1": y.data}


def evaluated(formula: str, names: dict[str, float]) -> float:
    """A formula read as Python, on Values, so that 1 / 0 is what IEEE 754 says."""
    values = {name: Value(number) for name, number in names.items()}
    return (
        Value(0.0) + eval(formula, {**vars(engine), "inf": math.inf, "nan": math.nan, **values})
    ).data


@ROWS
def test_the_formula_of_a_local_derivative_evaluates_to_it(row: Operation) -> None:
    steps, names = row_steps(row)
    for step in backward_steps(steps):
        assert bool(step.formula) == bool(step.formula_latex)
        assert step.formula or row.name in TOO_LONG
        if step.formula:
            assert evaluated(step.formula, names) == pytest.approx(step.local, rel=1e-14)


@pytest.mark.parametrize("seed", range(1, 60, 6))
def test_formulas_in_random_graphs_evaluate_to_the_local_derivatives(seed: int) -> None:
    """Of rows beside each other, whose operands are nodes with names of their own."""
    steps = backprop(random_graph(seed))
    names = {node.name: node.data for node in steps.diagram if not node.is_constant}
    checked = 0
    for step in backward_steps(steps):
        if step.formula and math.isfinite(step.local):  # a textbook says nothing of nan
            number = evaluated(step.formula, names)
            assert number == pytest.approx(step.local, rel=1e-12, abs=1e-15)
            checked += 1
    assert checked > 0


def test_a_rule_that_is_no_formula_has_a_number() -> None:
    row = Operation(
        "floor",
        "One of a user.",
        scalar=math.floor,
        array=np.floor,
        rules=(lambda x, y: 0.0 if math.floor(x) < x else math.nan,),
        notation=Notation("floor(%s)", r"\lfloor %s \rfloor", 9),
        domain=((-3.0, 3.0),),
    )
    (step,) = backward_steps(backprop(row(Value(2.5))))
    assert (step.formula, step.formula_latex, step.local) == ("", "", 0.0)


def test_many_operands_have_no_formula_but_a_number() -> None:
    steps = backprop(engine.prod([Value(1.0 + i) for i in range(20)]))
    assert {step.formula for step in backward_steps(steps)} == {""}
    assert all(step.local for step in backward_steps(steps))


# Data: JSON, files, the sequence.


def refuse(token: str) -> None:
    raise AssertionError(f"{token} is not JSON")


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_json_is_strict_and_reads_back(seed: int) -> None:
    steps = backprop(random_graph(seed), learning_rate=0.1)
    data = json.loads(steps.to_json(), parse_constant=refuse)
    assert data["schema"] == "glassgrad-steps/1"
    assert data["root"] == steps.root
    assert len(data["nodes"]) == len(steps.diagram)
    found = [float(node["gradient"]) for node in data["nodes"] if node["gradient"] is not None]
    assert bits(found) == bits([g for _, g in sorted(steps.gradients.items())])
    for step, record in zip(steps, data["steps"], strict=True):
        for field, value in record.items():
            original = getattr(step, field)
            number = isinstance(original, float)
            assert bits([float(value)]) == bits([original]) if number else value == original


def test_json_has_the_fields_of_the_schema() -> None:
    data = json.loads(backprop(lecture_neuron(), learning_rate=0.1).to_json(indent=1))
    assert set(data) == {"schema", "root", "nodes", "steps", "new_loss", "state"}
    assert set(data["nodes"][0]) == {
        *("index", "name", "label", "operation", "data", "gradient", "parents"),
        *("local_derivatives", "scope", "line", "constant"),
    }
    by_phase = {step["phase"]: set(step) for step in data["steps"]}
    assert by_phase["backward"] == {
        *("index", "phase", "node", "name", "formula", "formula_latex", "operand", "parent"),
        *("upstream", "local", "contribution", "before", "after", "received", "uses"),
    }


def test_a_step_has_the_names_of_the_tables() -> None:
    w, x = Value(2.0, label="w"), Value(3.0, label="x")
    steps = backprop((w * x).tanh(), learning_rate=0.1)
    names = ["v1", "v2", "v2", "v2 → v1", "v1 → w", "v1 → x", "w", "x"]
    assert [step.name for step in steps] == names
    assert "phase='backward', node=2, name='v1 → x'" in str(steps[5])
    opened = [line.split("  ")[1] for line in steps.text().splitlines() if "→" in line]
    assert opened == names[3:6]


def test_steps_are_a_sequence() -> None:
    steps = backprop(lecture_neuron())
    assert len(steps) == len(list(steps)) == 15
    assert steps[-1] is steps[14]
    assert steps[5:7] == [steps[5], steps[6]]
    assert repr(steps) == "<backpropagation in 15 steps through 10 nodes>"
    assert str(steps) == steps.text()
    with pytest.raises(IndexError):
        steps[15]


# Text.


def test_the_text_has_a_line_for_every_step() -> None:
    lines = [
        line.split("  ")
        for line in backprop(lecture_neuron(), learning_rate=0.1).text().split("\n")
    ]
    cells = [[cell.strip() for cell in line if cell] for line in lines]
    for expected in (
        ["v1", "= x1 * w1", "= 2 * -3", "= -6"],
        ["o", "= tanh(v4)", "= tanh(0.8814)", "= 0.7071"],
        ["o → v4", "1", "× (1 - tanh(v4) ** 2) = 0.5", "= 0.5", "0 + 0.5 = 0.5", "1 of 1"],
        ["v1 → x1", "0.5", "× w1 = -3", "= -1.5", "0 + -1.5 = -1.5", "1 of 1"],
        ["name", "value", "gradient", "by differences"],
        ["x1", "2", "-1.5", "-1.5"],
        ["w2", "1", "0", "0"],
        ["o", "0.7071", "1", "1"],
        ["b", "= 6.881 − 0.1 × 0.5", "= 6.831"],
    ):
        assert expected in cells


def test_the_text_of_a_leaf_alone() -> None:
    text = backprop(Value(3.0, label="x")).text()
    assert "∂x/∂x = 1" in text
    assert text.splitlines()[-1].split() == ["x", "3", "1", "1"]


def test_the_text_has_no_difference_where_nudges_are_lost_in_rounding() -> None:
    lines = backprop(Value(1.0, label="x") + Value(1e20, label="y")).text().splitlines()
    assert ["x", "1", "1", "–"] in [line.split() for line in lines]
    assert ["y", "1e+20", "1", "1"] in [line.split() for line in lines]


# The check by differences, and the update.


@pytest.mark.parametrize("seed", range(40))
def test_differences_agree_with_the_gradients_of_smooth_graphs(seed: int) -> None:
    rng = random.Random(seed)
    nodes = [Value(rng.uniform(0.5, 2)) for _ in range(4)]
    for _ in range(12):
        a, b = rng.choices(nodes, k=2)
        nodes.append(rng.choice((a.tanh(), a * b, a + b, a.sin(), a / (b * b + 1.0), a.sigmoid())))
    steps = backprop(engine.dot(nodes[-5:], nodes[-5:][::-1]))
    for index, gradient in steps.gradients.items():
        assert steps.check(index) == pytest.approx(gradient, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    ("compute", "x", "doubt"),
    [
        (engine.relu, 0.0, "kink"),
        (engine.sqrt, 0.0, "edge"),
        (lambda x: x + engine.step(x - 1.0), 1.0, "unsettled"),
        (lambda x: x * 1e-20 + 1.0, 1.0, "lost"),
    ],
)
def test_where_differences_tell_no_slope_they_say_why(
    compute: Callable[[Value], Value], x: float, doubt: str
) -> None:
    """Where that is so is the business of `test_check.py`."""
    steps = backprop(compute(leaf := Value(x)))
    place = steps.diagram.values[leaf]
    assert (steps.check(place), steps.finding(place).doubt) == (None, doubt)


def test_the_update_moves_every_leaf_against_its_gradient() -> None:
    steps = backprop(lecture_neuron(), learning_rate=0.1)
    updates = [step for step in steps if step.phase == "update"]
    found = gradients_by_name(steps)
    for step in updates:
        node = steps.diagram[step.node]
        assert (step.before, step.upstream) == (node.data, found[node.name])
        assert step.after == step.value == node.data - 0.1 * found[node.name]
    moved = {step.node: step.after for step in updates}
    assert steps.new_loss == steps.diagram.evaluate(moved)[steps.root]
    assert steps.new_loss < steps.diagram[steps.root].data


def test_a_sum_of_zeros_has_no_sign_and_the_first_contribution_keeps_it() -> None:
    x = Value(2.0, label="x")
    steps = backprop((x * -1.0).relu())
    assert math.copysign(1.0, steps[-1].after) == -1.0  # the bits of backward()
    assert "0 + -0 = 0 " in steps.text()
    assert "0 + -0 = 0, with 1 of 1" in tell(steps, steps[-1]).sentence


def test_a_parameter_that_took_no_part_stays() -> None:
    x, idle = Value(2.0, label="x"), Value(3.0, label="idle")
    steps = backprop(x * x, learning_rate=0.5, parameters=[x, idle])
    assert [step.after for step in steps if step.phase == "update"] == [0.0]


def computed() -> Value:
    y = Value(2.0) * 3.0
    y.label = "y"
    return y


NO_VALUE = r"backprop takes the Value .*, not .+\.$"
NO_PART = "No parameter took part in the result: not idle = 3"
COMPUTED = r"y = 6 is the result of mul, which no update moves\. List"


@pytest.mark.parametrize(
    ("attempt", "error", "said"),
    [
        *(
            (lambda thing=thing: backprop(thing), TypeError, NO_VALUE)
            for thing in (3.0, "x", None, [Value(1.0)], (Value(1.0), Value(2.0)))
        ),
        *(
            (lambda rate=rate: backprop(computed(), learning_rate=rate), ValueError, f"not {rate}")
            for rate in (math.nan, math.inf, -math.inf)
        ),
        (lambda: backprop(computed(), parameters=[Value(3.0, "idle")]), ValueError, NO_PART),
        (lambda: backprop(y := computed(), parameters=[y]), ValueError, COMPUTED),
        (lambda: backprop(computed()).save("step-{:02}.svg"), ValueError, r"'step-3.svg', step=3"),
    ],
)
def test_what_cannot_be_stepped_is_refused(
    attempt: Callable[[], object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        attempt()


def test_the_update_of_a_network_is_the_one_of_the_training_loop() -> None:
    model = MLP(2, [3, 1], seed=0)
    loss = (model([1.0, -1.0]) - 1.0) ** 2
    steps = backprop(loss, learning_rate=0.1, parameters=model.parameters())
    loss.backward()
    for p in model.parameters():
        p.data += -0.1 * p.grad
    assert steps.new_loss == pytest.approx(((model([1.0, -1.0]) - 1.0) ** 2).data, rel=1e-14)


def test_among_numbers_a_measured_input_is_rounded_and_a_plain_number_is_not() -> None:
    w = Value(0.5, label="w")
    text = " ".join(backprop(w * 0.9006811702978099 + 1_000_000).text().split())
    assert "w * 0.9006811702978099 = 0.5 * 0.9007 " in text
    assert "+ 1000000 = " in text


# Size.


@pytest.mark.slow
def test_ten_thousand_nodes_are_stepped_through() -> None:
    x = Value(1.0)
    for _ in range(10_000):
        x = x * 1.0001
    steps = backprop(x)
    assert len(steps) == 20_001
    assert steps.text().count("\n") > 10_000


# Pictures.


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_steps_are_saved_as_a_picture(kind: str, start: bytes, tmp_path: Path) -> None:
    steps = backprop(Value(3.0, label="x") * 2.0)
    assert steps.save(tmp_path / f"o.{kind}").read_bytes().startswith(start)


def test_a_picture_has_the_gradients_that_have_come_by_the_step(tmp_path: Path) -> None:
    x = Value(3.0, label="x")
    steps = backprop(x * x)
    for step, come in ((0, "– –"), (1, "1 –"), (2, "1 3"), (3, "1 6"), (-1, "1 6")):
        picture = steps.save(tmp_path / "o.svg", step).read_text("utf-8")
        assert sorted(re.findall(r">grad ([^<]+)<", picture)) == sorted(come.split())
    assert steps.save(tmp_path / "o.svg").read_text("utf-8") == picture
    with pytest.raises(ValueError, match=r"no step 9\. Choose one from 0 to 3"):
        steps.save(tmp_path / "o.svg", 9)


def test_a_picture_has_no_new_numbers_and_says_so(tmp_path: Path) -> None:
    steps = backprop(Value(3.0, label="x") * 2.0)
    steps.state = {"numbers": {"x": 4.0}}
    with pytest.raises(ValueError, match="new numbers for x, and a picture shows those of"):
        steps.save(tmp_path / "one.svg")
    assert steps.save(tmp_path / "one.html").is_file()


def test_what_a_step_of_this_phase_has_not_is_refused_with_its_name() -> None:
    y = Value(2.0, "a") * Value(3.0, "b")
    for step in backprop(y, learning_rate=0.1):
        for name, phase in (
            ("receiver", "backward"),
            ("product", "backward"),
            ("update", "update"),
        ):
            if step.phase in (phase, "backward"):
                getattr(step, name)
            else:
                with pytest.raises(ValueError, match=f"phase {step.phase} has no {name}"):
                    getattr(step, name)
