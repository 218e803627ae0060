"""What a step says, and what the page is given: both say the same, whatever the numbers.

The page puts numbers into texts by references; here a small evaluator does, from the numbers in the
data alone, and must arrive at the texts that Python has. How a page computes is tried in a browser.
"""

import json
import math
import operator
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from stepping import branches, diamond, hard, lecture, network, reductions

from glassgrad import (
    MLP,
    TABLE,
    Backprop,
    Neuron,
    Value,
    backprop,
    compiled,
    engine,
    operation,
)
from glassgrad.engine.backward import contribution
from glassgrad.engine.text import digits_of_row, short
from glassgrad.viz.stage import MOST_LIVE, MOST_STEPS, data, formula, javascript
from glassgrad.viz.told import Number, Text, Told, tell

GRAPHS = [lecture, diamond, branches, reductions, hard, network]
EVERY = pytest.mark.parametrize("build", GRAPHS, ids=lambda build: build.__name__)
FINITE = pytest.mark.parametrize(
    "build", [each for each in GRAPHS if each is not hard], ids=lambda build: build.__name__
)


class Page:
    """The numbers that a page has, found from its data alone."""

    def __init__(self, given: dict) -> None:
        self.data = json.loads(json.dumps(given))
        self.nodes = self.data["nodes"]
        self.edges: dict[tuple[int, int], tuple[float, ...]] = {}
        self.uses: Counter[int] = Counter()
        self.gradients = {self.data["root"]: 1.0}
        for i in reversed(range(len(self.nodes))):
            self._send(i)

    def _send(self, i: int) -> None:
        node = self.nodes[i]
        row = TABLE.get(re.sub(r"_\d+$", "", node["o"] or ""))
        for k, (parent, local) in enumerate(zip(node["p"], node["l"])):
            if local is None or i not in self.gradients:
                continue
            sent = contribution(row, self.gradients[i], float(local))
            before = self.gradients.get(parent)
            self.gradients[parent] = sent if before is None else before + sent
            self.uses[parent] += 1
            after = (before or 0.0) + sent
            self.edges[i, k] = (before or 0.0, sent, after, float(self.uses[parent]))

    def steps(self) -> list[dict]:
        """Those that occur with the numbers as they are."""
        return [
            step
            for step in self.data["steps"]
            if all(tuple(edge) in self.edges for edge in step["edges"])
        ]

    def number(self, reference: list) -> float:
        kind, *place = reference
        if kind in "bcan":
            return self.edges[tuple(place)]["bcan".index(kind)]
        if kind == "s":  # what is added, which is the contribution
            return self.edges[tuple(place)][1]
        if kind == "L":
            return float(self.data["after"])
        if kind == "r":
            return abs(self.data["rate"])
        i = place[kind == "o"]
        if kind in "vxo":
            return float(self.nodes[i]["v"])
        if kind == "l":
            return float(self.nodes[i]["l"][place[1]])
        if kind == "w":
            return float(self.uses[i])
        if kind in "guz":
            return self.gradients.get(i, 0.0) if kind == "z" else self.gradients[i]
        assert kind == "m"
        return float(self.nodes[i]["v"]) - self.data["rate"] * self.gradients.get(i, 0.0)

    def digits(self, reference: list) -> int | None:
        """In how many digits a number is shown: an operand as its row takes to come out."""
        kind, i, *place = reference
        node = self.nodes[i] if isinstance(i, int) else None
        if kind == "o":
            numbers = [float(self.nodes[parent]["v"]) for parent in node["p"]]
            row = TABLE[re.sub(r"_\d+$", "", node["o"])]
            return digits_of_row(numbers, float(node["v"]), lambda *xs: row.forward(xs))
        if kind in "xzr":
            rate = self.data["rate"]
            numbers = [self.number([each, i]) for each in "xrz"]
            sign = 1.0 if rate > 0.0 else -1.0
            return digits_of_row(numbers, self.number(["m", i]), lambda x, r, g: x - sign * r * g)
        if kind in "ul":
            numbers = [self.number([each, i, *place]) for each in "ul"]
            return digits_of_row(numbers, self.number(["c", i, *place]), operator.mul)
        if kind in "bs":
            numbers = [self.number([each, i, *place]) for each in "bs"]
            return digits_of_row(numbers, self.number(["a", i, *place]), operator.add)
        return None

    def text(self, text: str | list) -> str:
        return text if isinstance(text, str) else "".join(map(self._part, text))

    def _part(self, part: str | list) -> str:
        if isinstance(part, str):
            return part
        digits = None if len(part) == 1 else self.digits(part)
        number = short(self.number(part), digits)
        return f"({number})" if part[-1] == "()" and number.startswith("-") else number


def texts(told: Told) -> Iterator[str]:
    """All that a step says, as Python text."""
    yield from map(str, (told.asks, told.tells, *told.cells))
    for equation in told.equations:
        for part in equation:
            yield part if isinstance(part, str) else f"{part.caption}: {part.text}"


def texts_on(page: Page, step: dict) -> Iterator[str]:
    """The same, as the page makes it of its data."""
    yield from map(page.text, (step["asks"], step["tells"], *step["cells"]))
    for equation in step["equations"]:
        for part in equation:
            yield part if isinstance(part, str) else f"{part[0]}: {page.text(part[1])}"


@EVERY
def test_the_references_lead_to_the_numbers_of_the_texts(build: Callable[[], Backprop]) -> None:
    steps = build()
    page = Page(data(steps))
    assert page.data["live"] is True
    for step, given in zip(steps, page.steps(), strict=True):
        assert list(texts_on(page, given)) == list(texts(tell(steps, step)))


@EVERY
def test_gradients_and_answers_are_those_of_the_steps(build: Callable[[], Backprop]) -> None:
    steps = build()
    page = Page(data(steps))
    for i, node in enumerate(page.nodes):
        expected = steps.gradients.get(i)
        assert str(page.gradients.get(i)) == str(expected)
        assert node["k"] == (
            "node" if node["p"] else "constant" if steps.diagram[i].is_constant else "leaf"
        )
    moved = {step.node for step in steps if step.phase == "update"}
    assert {i for i, node in enumerate(page.nodes) if node.get("m")} == moved
    for step, given in zip(steps, page.steps(), strict=True):
        of_phase = {"forward": step.value, "backward": step.contribution}
        expected = of_phase.get(step.phase, step.after)
        assert short(page.number(given["answer"])) == short(expected)
        assert given["edges"] == [[edge.node, edge.operand] for edge in step.edges]
        if step.phase == "backward":
            edge = tuple(given["edges"][0])
            assert (page.edges[edge][3], page.uses[step.parent]) == (step.received, step.uses)


def test_a_text_is_words_and_numbers() -> None:
    x = Number(("v", 0), -2.0)
    text = Text("f(", Text(x, ") = "), "g", Number(("v", 0, "()"), -2.0))
    assert str(text) == "f(-2) = g(-2)"
    assert text.data() == ["f(", ("v", 0), ") = g", ("v", 0, "()")]
    assert Text("a", "", "b").data() == "ab"
    assert Text(x, "y = ", "z = ", x).data("z = ") == [("v", 0), "y = ", "z = ", ("v", 0)]


def test_the_numbers_of_an_update_without_a_gradient_are_zero() -> None:
    x, z = Value(1.0, label="x"), Value(2.0, label="z")
    steps = backprop(engine.where(1.0, x, z), learning_rate=0.5)
    said = [str(tell(steps, step).rows[0][1]) for step in steps[-2:]]
    assert said == ["= 1 − 0.5 × 1", "= 2 − 0.5 × 0"]


# Formulas that hold for these numbers only.


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x: x.tanh() * x**3, set()),
        (abs, set()),
        (engine.relu, set()),
        (lambda x: engine.maximum(x, 2.0 * x), {True}),  # where they tie, each has a half
        (lambda x: engine.elu(-x, 0.1), {True}),
    ],
)
def test_it_is_told_whether_a_formula_holds_everywhere(build: Callable, expected: set) -> None:
    steps = backprop(build(Value(0.5, label="x")))
    assert {step.get("branch") for step in data(steps)["steps"]} - {None} == expected


def test_a_formula_that_the_numbers_chose_is_marked_and_stands_alone() -> None:
    x = Value(1.0, label="x")
    bent = operation(
        "bent", "bent", lambda x: x * abs(x), None, lambda x, y: engine.where(x, 2 * x, -2 * x)
    )
    (step,) = [s for s in data(backprop(bent(x)))["steps"] if s["phase"] == "backward"]
    assert step["branch"]
    assert step["asks"][-3:] == ["2 * x = ", ("l", 1, 0), " gives "]
    assert step["asks"][-4].endswith("∂v1/∂x = ")


# Where the page cannot compute.


def why_not(steps: Backprop) -> str:
    found = data(steps)
    assert javascript(steps)[0] == "{}"
    for step in found["steps"]:
        assert all(isinstance(text, str) for text in (step["asks"], step["tells"], *step["cells"]))
    said = found["live"]
    assert said.startswith("Numbers cannot be changed on this page: ")
    return said.partition(": ")[2]


def test_compiled_nodes_are_computed_in_python_alone() -> None:
    w = Value(2.0, label="w")
    y = compiled(lambda x, z: w * x + z)(3.0, 4.0) * w
    steps = backprop(y)
    assert why_not(steps) == "<lambda> is compiled, and its array program runs in Python alone."
    assert [step["edges"] for step in data(steps)["steps"]][-1] == [[1, 0]]
    assert data(backprop(y, depth=1))["live"] is True


def test_operations_that_are_no_formula_are_named() -> None:
    mine = operation("mine", "a sine", math.sin, None, lambda x, y: engine.cos(x))
    steps = backprop(mine(Value(1.0)))
    assert why_not(steps) == "mine is no formula that the page could compute."


def test_a_large_graph_is_not_live_and_shown_in_part() -> None:
    x = Value(1.0)
    for _ in range(MOST_STEPS):
        x = x * 1.001
    steps = backprop(x)
    assert f"up to {MOST_LIVE:,}" in why_not(steps)
    found = data(steps)
    assert len(found["steps"]) == MOST_STEPS
    assert found["all"] == len(steps)
    assert len(found["nodes"]) < 2 * MOST_STEPS + 2
    shown = (
        rf"which has {found['first']} to {found['first'] + MOST_STEPS - 1} of {len(steps)} steps"
    )
    with pytest.raises(ValueError, match=f"Step 1 is not on the page, {shown}"):
        steps.state = {"step": 1}
    page = Page(found)
    for step, given in zip(steps[found["first"] :], found["steps"]):
        node = page.nodes[given["node"]]
        assert node["n"] == steps.diagram[step.node].name
        if step.phase == "backward":
            ((sender, k),) = given["edges"]
            assert page.nodes[node["p"][k]]["n"] == steps.diagram[step.parent].name
            assert page.number(given["answer"]) == step.contribution
            assert given["uses"] == [step.received, step.uses]
            assert (sender, page.gradients[sender]) == (given["node"], step.upstream)


def test_numbers_that_have_changed_since_are_not_computed_with() -> None:
    x = Value(1.0, label="x")
    y = x * 2.0
    x.data = 5.0
    assert "no longer follow from each other" in why_not(backprop(y))


# The whole expression.


def text_of(markup: str) -> str:
    """Markup as text, rows apart."""
    return " ; ".join("".join(row.itertext()) for row in ET.fromstring(f"<rows>{markup}</rows>"))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x, z: (x + z) * x, "(x+z)·x"),
        (lambda x, z: x - (z - x), "x−(z−x)"),
        (lambda x, z: x - z - x, "x−z−x"),
        (lambda x, z: -(x + z), "−(x+z)"),
        (lambda x, z: (x * z) ** 2, "(x·z)2"),
        (lambda x, z: (x + z).tanh() / 2.0, "tanh(x+z)2"),
        (lambda x, z: abs(x - z) * -1.5, "|x−z|·(−1.5)"),
        (lambda x, z: engine.sum([x, z]) + engine.dot([x, x], [z, x]), "sum(x,z)+dot([x,x],[z,x])"),
    ],
)
def test_the_expression_is_written_with_the_brackets_it_needs(
    build: Callable, expected: str
) -> None:
    y = build(Value(2.0, label="x"), Value(3.0, label="z"))
    steps = backprop(y)
    assert text_of(formula(steps.diagram, steps.root)) == expected


def test_what_is_used_twice_is_defined_first_and_the_rest_is_inlined() -> None:
    x = Value(3.0, label="x1")
    a = 2.0 * x
    b = a + 1.0
    b.label = "b"
    y = b * a
    y.label = "y"
    steps = backprop(y, names={"a": a})
    assert text_of(formula(steps.diagram, steps.root)) == "a=2·x1 ; y=(a+1)·a"
    assert "<msub><mi>x</mi><mn>1</mn></msub>" in formula(steps.diagram, steps.root)


@FINITE
def test_every_part_of_an_expression_knows_its_node(build: Callable[[], Backprop]) -> None:
    steps = build()
    markup = formula(steps.diagram, steps.root)
    rows = ET.fromstring(f"<rows>{markup}</rows>").iter("mrow")
    named = {int(row.get("data-n", -1)) for row in rows} - {-1}
    if steps.network is not None:  # what its modules computed is written as a call
        assert steps.root in named < set(range(len(steps.diagram)))
        return
    assert named == set(range(len(steps.diagram)))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda: MLP(2, [3, 1], seed=0)([1.0, 2.0]), "MLP(x)"),
        (lambda: (MLP(2, [3, 1], seed=0)([1.0, 2.0]) - 1.0) ** 2, "(MLP(x)−1)2"),
        (lambda: Neuron(2, seed=0)([1.0, 2.0]), "tanh(w0·1+w1·2+b)"),
    ],
)
def test_an_expression_longer_than_a_line_has_the_calls_of_its_modules(
    build: Callable[[], Value], expected: str
) -> None:
    steps = backprop(build())
    assert text_of(formula(steps.diagram, steps.root)) == expected


def test_a_long_expression_is_left_out() -> None:
    x = Value(1.0, label="x")
    assert formula(backprop(engine.sum([x] * 41)).diagram, 1) == ""
    y = x
    for _ in range(60):
        y = y + y  # as text 2 ** 60 leaves, as definitions 60 lines
    assert formula(backprop(y).diagram, 60) == ""
    assert formula(backprop(x).diagram, 0) == ""
