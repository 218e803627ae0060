"""The derivation: every line it prints is computed again and must be the derivative."""

import ast
import math
import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from lecture import lecture_neuron
from outputs import assert_is_sentence
from reference_values import call, cases

from glassgrad import MLP, TABLE, Derivation, Formula, Operation, Value, derivation, engine, grad
from glassgrad.viz.diagram import Diagram
from glassgrad.viz.formulas import mathml

ROWS = pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)


def leaf_called(y: Value, label: str) -> Value:
    return next(node for node in engine.topological_order(y) if node.label == label)


def sides(found: Derivation) -> Iterator[tuple[str, str, float]]:
    """Each side of each equation: the derivative's name, the side as text, the right number."""
    for equation in found.equations:
        for side in equation.all_sides():
            yield equation.name.text, side.text, equation.result


def numbers_of(y: Value, found: Derivation) -> dict[str, float]:
    """Everything that a line may name: nodes, and derivatives of nodes by their operands."""
    diagram = Diagram([y])
    known = {node.name: node.data for node in diagram}
    known.update({name: result for name, _, result in sides(found)})
    for node in diagram:
        for _, parent, partial in node.edges():
            if partial is not None:
                known.setdefault(f"∂{node.name}/∂{diagram[parent].name}", partial)
    known[f"∂{diagram[-1].name}/∂{diagram[-1].name}"] = 1.0
    return known


def in_python(text: str, known: dict[str, float]) -> ast.expr:
    """A line as an expression; derivatives stand for their numbers."""
    numbers = re.sub(r"∂\w+/∂\w+", lambda match: f"({known[match[0]]!r})", text)
    return ast.parse(numbers, mode="eval").body


def terms_of(node: ast.expr, known: dict[str, float]) -> list[float]:
    """The terms of a sum, each computed with the functions of `glassgrad`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return terms_of(node.left, known) + terms_of(node.right, known)
    names = {**vars(engine), "inf": math.inf, "nan": math.nan}
    return [eval(ast.unparse(node), names, known)]


def check(y: Value, x: Value) -> Derivation:
    found = derivation(y, x)
    exact = grad(y, x)
    assert found.result == pytest.approx(exact, rel=1e-12)
    known = numbers_of(y, found)
    for name, text, result in sides(found):
        # Numbers are printed in four digits, of which a sum of opposite ones loses some.
        terms = terms_of(in_python(text, known), known)
        allowed = 1e-3 * sum(map(abs, terms))
        assert sum(terms) == pytest.approx(result, rel=1e-12, abs=allowed), (name, text)
    return found


NEURON = """\
1 path from o back to w1
∂o/∂w1  = ∂o/∂v4 * ∂v4/∂v3 * ∂v3/∂v1 * ∂v1/∂w1
        = (1 - tanh(v4) ** 2) * 1 * 1 * x1
        = 0.5 * 1 * 1 * 2
        = 1"""


def test_the_neuron_of_the_lecture() -> None:
    y = lecture_neuron()
    found = check(y, leaf_called(y, "w1"))
    assert str(found) == found.text() == NEURON
    assert found.paths == 1
    assert found.latex().count("&=") == 4
    assert r"\frac{\partial o}{\partial w_{1}}" in found.latex()


@ROWS
def test_every_row(row: Operation) -> None:
    for case in cases()[row.name][:3]:
        xs = [Value(x, label=f"x{i}") for i, x in enumerate(case.point)]
        y = call(row, tuple(xs))
        for x, partial in zip(xs, y.partials):
            if partial is not None:
                check(y, x)


def polynomial(x: Value) -> Value:
    square = x * x
    return engine.sin(square) / x + square * x - 3.0 * x


@pytest.mark.parametrize("number", [-1.5, 0.3, 2.0])
def test_several_paths(number: float) -> None:
    x = Value(number, label="x")
    found = check(polynomial(x), x)
    assert found.paths == 7
    assert not found.shown_paths
    inner = derivation(polynomial(x).parents[0], x)
    assert inner.shown_paths


@pytest.mark.parametrize("seed", range(5))
def test_a_sample_through_a_network(seed: int) -> None:
    y = MLP(2, [3, 1], seed=seed)([Value(1.0), Value(-0.5)])
    for leaf in engine.topological_order(y):
        if not leaf.parents and grad(y, leaf):
            check(y, leaf)


def test_more_paths_than_can_be_written() -> None:
    x = y = Value(1.0, label="x")
    for _ in range(60):
        y = y + y
    found = derivation(y, x)
    assert (found.paths, found.result) == (2**60, 2.0**60)
    assert found.text().startswith("1,152,921,504,606,846,976 paths from v60 back to x; ")
    assert len(found.equations) == 60


def test_of_many_paths_only_the_nodes_between_are_computed() -> None:
    a, b = Value(1.1, label="a"), Value(0.5, label="b")
    y = a
    for _ in range(4):
        y = y * a.sin() + y
    found = derivation(y * (b * b).tanh(), a)
    assert found.paths == 31
    names = [equation.name.text for equation in found.equations]
    assert len(names) == 4 * 3 + 1
    assert not any(name.endswith("/∂b") for name in names)


def test_a_long_chain_is_cut_and_says_so() -> None:
    x = y = Value(0.1, label="x")
    for _ in range(5_000):
        y = -y
    found = derivation(y, x)
    assert found.result == 1.0
    assert len(found.equations) == 60
    assert "4,940 equations" in found.heading()


@pytest.mark.parametrize(
    ("count", "rest"), [(20, None), (21, "… (1 more term)"), (1_500, "… (1,480 more terms)")]
)
def test_a_sum_of_very_many_terms_is_cut_and_counted(count: int, rest: str | None) -> None:
    x = Value(2.0, label="x")
    found = derivation(engine.sum([x] * count), x)
    assert (found.paths, found.result) == (count, count)
    first = found.text().splitlines()[1]
    assert first.count("∂v1/∂x") == 21  # the derivative itself, and what it is made of
    assert first.rpartition(" + ")[2] == (rest or "∂v1/∂v1 * ∂v1/∂x")
    for written in (found.text(), found.latex()):
        assert len(written) < 20_000
        assert written.count("more term") == (3 if rest else 0)


def test_an_inner_node_and_the_result_itself() -> None:
    x = Value(2.0, label="x")
    inner = x * x
    inner.label = "inner"
    y = inner * 3
    assert check(y, inner).result == 3.0
    assert derivation(y, y).text().splitlines()[1] == "∂v1/∂v1  = 1"


@pytest.mark.parametrize("factor", [-0.0, 0.0])
def test_the_sign_of_a_zero_is_that_of_the_gradient(factor: float) -> None:
    x = Value(1.0, label="x")
    for y in (x * factor, x * factor + x * factor):
        found = derivation(y, x)
        assert math.copysign(1.0, found.result) == math.copysign(1.0, grad(y, x))
        assert found.text().endswith(f"= {factor:.0f}")


def test_what_is_refused() -> None:
    x, other = Value(1.0, label="x"), Value(2.0)
    with pytest.raises(TypeError, match="takes two Values, not float"):
        derivation(x * 2, 1.0)
    constant, w = x.detach(), Value(3.0)
    for y, by, told in (
        (x * 2, other, "result (x * 2 = 2) does not depend on the Value (2),"),
        (x * other.detach(), other, "(x * 2 = 2) does not depend on the Value (2),"),
        (engine.where(1.0, x, other), other, "(where(1, x, v1) = 1) does not depend on"),
        (engine.sign(other) * x, other, "(v2 * x = 1) does not depend on the Value (2),"),
        (engine.compare(other, x) * x, other, "(v2 * x = 1) does not depend on the Value (2),"),
        (constant * x, constant, "(1 * x = 1) does not depend on the Value (1),"),
        (+x, w, "(+x = 1) does not depend on the Value (3),"),
        (x * w, w * x, "(x * v1 = 3) does not depend on the Value (v1 * x = 3),"),
    ):
        with pytest.raises(ValueError, match="does not depend on") as caught:
            derivation(y, by)
        assert told in str(caught.value)
        assert_is_sentence(str(caught.value))


def test_a_branch_switched_off_stays_off() -> None:
    x = Value(-1.0, label="x")
    y = engine.sqrt(engine.relu(x))
    assert derivation(y, x).result == grad(y, x) == 0.0
    assert derivation(engine.sqrt(engine.max(x, 0.0)), x).result == 0.0


# MathML.

a, b, c, d = map(Formula.symbol, "abcd")


def flat(markup: str) -> str:
    return "".join(ElementTree.fromstring(f"<m>{markup}</m>").itertext())


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (a + b * c, "a+b·c"),
        ((a + b) * c, "(a+b)·c"),
        (a * (b * c), "a·(b·c)"),
        (a - (b - c), "a−(b−c)"),
        (a - b - c, "a−b−c"),
        (-(a + b), "−(a+b)"),
        ((-a) ** 2, "(−a)2"),
        ((a / b) ** 2, "(ab)2"),
        (a * (b / c), "a·bc"),
        (a ** (b + c), "ab+c"),
        (engine.sqrt(a + 1.5), "a+1.5"),
        (abs(a), "|a|"),
        (engine.maximum(a, -math.inf), "maximum(a,−∞)"),
        (engine.dot([a, b], [c, d]), "dot([a,b],[c,d])"),
        (engine.mean([a, b]), "mean(a,b)"),
    ],
    ids=str,
)
def test_mathml_keeps_the_order_of_operations(formula: Formula, text: str) -> None:
    assert flat(mathml(formula)) == text
