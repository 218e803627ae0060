"""Exercises that check themselves: what is right, where a wrong answer goes wrong, what is hidden.

Wrong numbers are computed here on paper or by other code, on the lecture's neuron, on a neuron with
a loss, on diamonds and on random graphs. No verdict on a graph may hold the right number.
"""

import math
import random
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
import pytest
from lecture import instructions, lecture_neuron
from programs import by_engine, random_program

import glassgrad
from glassgrad import (
    MLP,
    TABLE,
    ChangedDataError,
    Value,
    Verdict,
    backprop,
    check,
    compiled,
    dot,
    grad,
    puzzle,
    topological_order,
)

NUMBER = re.compile(r"(?<![\w.])[-−]?\d+(?:\.\d*)?(?:e[-+]?\d+)?(?!\w)")


def named(label: str, value: Value) -> Value:
    value.label = label
    return value


def squares() -> tuple[Value, Value, Value]:
    """With x = 3; a = x * x; y = a * x + a, to whose derivative 33 x sends 12, 12 and 9."""
    x = Value(3.0, label="x")
    a = named("a", x * x)
    return x, a, named("y", a * x + a)


def leaf(y: Value, label: str) -> Value:
    return next(node for node in topological_order(y) if node.label == label)


# What is right.


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (0.41997434161402614, True), (0.42, True), (0.41997, True), (0.419974342, True),
        (np.float32(0.42), True), (Fraction(42, 100), True), (np.array(0.42), True),
        (0.4, False), (0.41, False), (0.43, False), (0.421, False), (-0.42, False), (0, False),
        (math.nan, False), (math.inf, False),
    ],
)  # fmt: skip
def test_a_number_is_right_to_the_digits_that_were_typed(answer: float, right: bool) -> None:
    x = Value(math.atanh(math.sqrt(1 - 0.41997434161402614)), label="x")
    assert bool(check(answer, of=x.tanh(), by=x)) is right
    for number in (0.41997434161402614, np.float64(0.41997434161402614)):
        verdict = check(answer, of=number)
        assert (bool(verdict), verdict.parts) == (right, {})


@pytest.mark.parametrize(
    ("answer", "of", "right"),
    [
        (6, 6.04, True), (1200, 1234, False), (1234, 1234.4, True), (1.0, 0.96, False),
        (10, 9.96, True), (99, 100.4, False), (100, 101, False), (6.02e23, 6.02214e23, True),
        (6.03e23, 6.02214e23, False), (0, 0.0, True), (0, 0.003, False), (0.003, 0.0, False),
        (math.inf, math.inf, True), (-math.inf, math.inf, False), (math.nan, math.nan, True),
        (0.13, 0.125, True), (0.12, 0.125, True), (5e-324, 5e-324, True), (1e308, -1e308, False),
        (10**20, 10.0**20, True), (0.5, 0.4997, True),
    ],
)  # fmt: skip
def test_facts_are_compared_as_answers_are(answer: float, of: float, right: bool) -> None:
    assert bool(check(answer, of=of)) is right


@pytest.mark.parametrize(
    ("answer", "of", "digits", "said"),
    [
        (0.42, 0.41597, 3, "That is near: give more digits, and round only at the end."),
        (0.4199, 0.41997, 2, "That is near: give more digits, and round only at the end."),
        (1.58, 1.57289547, 3, "That is near: give more digits, and round only at the end."),
        (2, 2.2, 2, "It is too small."),
        (1, 3, 2, "It is too small."),
        (50, 37, 2, "It is too large."),
        (0.5, 0.0, 2, "It is too large."),
        (5, math.inf, 2, "It is too small."),
        (5, math.nan, 2, "It is not right."),
    ],
)
def test_what_is_near_is_told_from_what_is_not(
    answer: float, of: float, digits: int, said: str
) -> None:
    assert check(answer, of=of, digits=digits).text == f"Not yet. {said}"


def test_of_a_gradient_that_is_near_no_mistake_is_sought() -> None:
    w, u = Value(0.5, label="w"), Value(2.0, label="u")
    s = named("s", (w * u + Value(-0.5, label="c")).tanh())
    verdict = check(1.58, of=s, by=w, digits=3)  # by a tanh that was rounded to 0.46 on the way
    assert verdict.text.startswith("Not yet. That is near")
    assert verdict.hint


def test_rounding_errors_count_as_nothing() -> None:
    x = Value(1.0, label="x")
    y = glassgrad.sum([x * share for share in (0.1, 0.2, 0.3, -0.6)])
    assert check(0, of=y, by=x)
    assert check(0, of=y)
    assert not check(1e-9, of=y, by=x)


def test_sizes_beyond_the_floats_let_no_wrong_number_pass() -> None:
    w = Value(1e-200, label="w")
    y = w * 1e200 * 1e200 * 1e-300  # from w on the derivative is beyond the floats, from y on 1e100
    assert check(1e100, of=y, by=w)
    assert not check(5.0, of=y, by=w)
    assert not check(5.0, of=y)


def test_labels_that_do_not_tell_answers_apart_are_numbered() -> None:
    a, b = Value(2.0, label="w"), Value(3.0, label="w")
    for alone in ([Value(2.0)], {"": Value(2.0)}):
        (x,) = alone if isinstance(alone, list) else alone.values()
        assert list(check([3.0], of=x * 3.0, by=alone).parts) == ["answer 1"]
    verdict = check([3.0, 5.0], of=a * b, by=[a, b])
    assert verdict.parts["answer 1"]
    assert not verdict.parts["answer 2"]


def test_the_value_and_every_derivative_of_the_lecture_are_right() -> None:
    o = lecture_neuron()
    assert check(0.7071, of=o)
    for label, gradient in {"x1": -1.5, "w1": 1.0, "x2": 0.5, "w2": 0.0, "b": 0.5}.items():
        assert check(gradient, of=o, by=leaf(o, label))
    assert check(1, of=o, by=o)
    assert all(node.grad is glassgrad.NOT_COMPUTED for node in topological_order(o))


# Where a wrong number comes from, in sentences.


def neuron_with_loss() -> Value:
    """L = (tanh(w * x + b) - t)²"""
    x, w, b, t = map(Value, (0.7, -1.2, 0.3, 1.5), "xwbt")
    z = named("z", w * x + b)
    out = named("out", z.tanh())
    return named("L", named("e", out - t) ** 2)


def numbers_of(y: Value) -> dict[str, float]:
    return {node.label: node.data for node in topological_order(y) if node.label}


def slip(**changes: float) -> float:
    """∂L/∂w of the neuron with a loss as its three factors, some of them wrong."""
    at = numbers_of(neuron_with_loss())
    factors = {"loss": 2 * at["e"], "tanh": 1 - at["out"] ** 2, "sum": at["x"], **changes}
    return math.prod(factors.values())


AT = numbers_of(neuron_with_loss())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (-slip(), "does L grow or fall when w grows?"),
        (AT["w"], "That is the value of w. Asked for is by how much L changes with it."),
        (AT["L"], "That is the value of L."),
        (slip(sum=1), "the gradient that arrives at v1 = w * x. It goes on: by how much does v1"),
        (2 * AT["e"], "That is the gradient that arrives at out. It goes on: by how much does out"),
        (AT["x"], "by how much v1 = w * x changes with w. By how much does L change with v1?"),
        (slip(loss=1), "by how much out changes with w. By how much does L change with out?"),
        (slip(tanh=1), "A factor is missing: by how much does out change with z?"),
        (slip(tanh=1 - AT["z"] ** 2), "stands the output out, not the input z."),
        (slip(tanh=AT["out"]), "the value of out for a factor: by how much does it change with z?"),
        (slip(loss=AT["e"]), "The exponent is missing: in the derivative of L it comes down"),
        (slip(sum=AT["w"]), "In a product, the derivative by one operand is the other"),
        (2 * slip(), "A second backward() without zero_grad() before it gives this."),
        (1 / slip(), "That is upside down."),
    ],
)  # fmt: skip
def test_the_verdict_says_which_slip_gives_the_number(answer: float, said: str) -> None:
    y = neuron_with_loss()
    verdict = check(answer, of=y, by=leaf(y, "w"))
    assert not verdict
    assert said in verdict.text


def test_one_of_several_paths_alone_or_missing() -> None:
    p = Value(2.0, label="p")
    q = named("q", p + 1.0)
    r = named("r", q * q)
    z = named("z", r * p + q)  # its derivative is 9 + 2 * 6 + 1, the second by way of r
    assert "The use of r in v1 = r * p is left out" in check(22 - 12, of=z, by=p).text
    a = Value(1.5, label="a")
    b = named("b", a + a)
    c = named("c", b + b)
    assert check(4, of=c, by=a)
    assert "That is the contribution of a in b alone" in check(2, of=c, by=a).text
    assert "An engine that writes = where += belongs" in check(1, of=c, by=a).text
    assert check(2, of=c, by=b)
    assert "That is the contribution of b in c alone" in check(1, of=c, by=b).text


def five_paths() -> tuple[Value, Value]:
    """Exercise 1 of page 2 of the course: 4 + 16 + 3 + 12 + 12 come to a."""
    a = Value(3.0, label="a")
    b = named("b", a + 1)
    c = named("c", b * b)
    return a, named("y", a * b + a * c)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (47 - 4, "The use of a in v1 = a * b is left out: every use sends a contribution."),
        (47 - 16, "The use of a in v2 = a * c is left out: every use sends a contribution."),
        (47 - 3, "The use of b in v1 = a * b is left out: every use sends a contribution."),
        (47 - 12, "The use of b in c is left out: every use sends a contribution."),
        (47 - 27, "The use of a in b is left out: every use sends a contribution."),
        (16, "That is the contribution of a in v2 = a * c alone: every use sends one."),
    ],
)
def test_what_is_left_out_of_five_paths_is_named(answer: float, said: str) -> None:
    a, y = five_paths()
    assert check(answer, of=y, by=a).text == f"Not yet. {said}"
    assert "What comes by way of a" not in check(0.0, of=y, by=a).text


def test_a_number_of_two_digits_is_no_mistake_that_it_rounds() -> None:
    a, y = five_paths()
    assert "upside down" not in check(26, of=y, by=a).text  # 25.67 would be
    x = Value(0.7, label="x")
    y = named("y", x.tanh() * 3.0)
    slope = 3 * (1 - 0.7**2)  # 1.53, with the input of tanh for its output
    assert "stands the output" in check(slope, of=y, by=x).text
    assert "stands the output" in check(1.53, of=y, by=x).text
    assert "stands the output" not in check(1.5, of=y, by=x).text
    assert check(round(grad(y, x), 2), of=y, by=x)
    turned = check(-round(grad(y, x), 1), of=y, by=x)  # as near as a right answer
    assert "The size is right, the sign is not" in turned.text


# What the author of an exercise adds.


def test_an_author_gives_a_hint() -> None:
    wrong = check(7, of=0.65, hint="η is 0.1.")
    assert (wrong.text, wrong.hint) == ("Not yet. It is too large.", "η is 0.1.")
    assert check(0.65, of=0.65, hint="η is 0.1.").hint == ""
    x, _, y = squares()
    assert check(1.23, of=y, by=x, hint="Count.").text == "Not yet. Count."
    assert check(lambda x: 5, of=lambda x: x, hint="Draw it.").hint == "Draw it."
    open_still = check(lambda x: ..., of=lambda x: x, hint="Draw it.")
    assert "✗" not in open_still._repr_html_()
    numbers = puzzle(y, seed=3)
    assert check("right", numbers, hint="Look at v1.").hint == "Look at v1."


def test_an_author_names_mistakes() -> None:
    said = {8.0: "That is the slope; the update is η times it.", 2.71828: "That is e."}
    assert repr(check(8, of=0.65, mistakes=said)) == f"Not yet. {said[8.0]}"
    assert "That is e." in check(2.72, of=0.65, mistakes=said).text
    assert "too large" in check(2.7, of=0.65, mistakes=said).text
    assert check(0.65, of=0.65, mistakes=said)
    x, _, y = squares()
    verdict = check(12, of=y, by=x, mistakes={12: "Three paths!"}, hint="Count.")
    assert (verdict.text, verdict.hint) == ("Not yet. Three paths!", "Count.")
    said_of_names = {(1, 2): "The wrong way."}
    assert "The wrong way." in check([1, 2], of={"w": 4, "b": 5}, mistakes=said_of_names).text


def test_an_author_names_mistakes_in_several_numbers() -> None:
    turned = {(3, 1): "The other way round."}
    assert "The other way round." in check([3, 1], of=[1, 3], mistakes=turned).text
    assert "too large" in check([3, 3], of=[1, 3], mistakes=turned).text
    o = lecture_neuron()
    by = [leaf(o, "x1"), leaf(o, "w1")]
    verdict = check([1.0, -1.5], of=o, by=by, mistakes={(1.0, -1.5): "Those have changed places."})
    assert verdict.text == "Not yet. Those have changed places."
    assert set(verdict.parts) == {"x1", "w1"}
    assert check([-1.5, 1.0], of=o, by=by, mistakes={(1.0, -1.5): "Those have changed places."})


def test_an_author_asks_for_more_digits() -> None:
    assert check(1.6, of=1.573)
    assert check(1.6, of=1.573, digits=3).text.startswith("Not yet. That is near")
    assert check(1.57, of=1.573, digits=3)
    assert check(1.6, of=1.604, digits=3)  # the zero of 1.60 leaves no trace
    assert not check(1.5, of=1.573, digits=3)
    x = Value(1.573, label="x")
    y = named("y", x * x)
    assert check(3.15, of=y, by=x, digits=4).text.startswith("Not yet. That is near")
    assert check(3.146, of=y, by=x, digits=4)
    assert not check([3.1], of=y, by=[x], digits=4)
    assert check([1, 1.6], [1, 1.573], digits=3).text.startswith(
        "Right: [0]. [1]: Not yet. That is"
    )


def test_a_wrong_count_of_answers_is_said_plainly() -> None:
    o = lecture_neuron()
    by = [leaf(o, label) for label in ("w1", "x1", "b")]
    with pytest.raises(ValueError, match="has 2 numbers, and 3 are asked for: w1, x1, b"):
        check([1, 2], of=o, by=by)


def test_unnamed_nodes_are_introduced_once_and_by_short_formulas() -> None:
    w, u, c = (Value(x, label=name) for x, name in ((0.5, "w"), (2.0, "u"), (-0.5, "c")))
    s = named("s", (w * u + c).tanh())
    assert check(2, of=s, by=w).text == (
        "Not yet. That is by how much v1 = w * u changes with w. By how much does s change with v1?"
    )
    long = Value(0.5, label="a weight with a long name")
    s = named("s", (long * u).tanh())
    assert "by how much v1 changes with a weight" in check(2, of=s, by=long).text


def test_the_wrong_engines_are_named() -> None:
    x = Value(2.0, label="x")
    a = named("a", x + 1.0)
    b = named("b", a * a)
    y = named("y", b + b * a + a * b)
    found = {m.name: m for m in backprop(y).mistakes()}
    at = backprop(y).diagram.values[x]
    for name, said in {
        "no order": "without an order",
        "inner nodes never zeroed": "inner nodes neither",
        "leaves not zeroed": "without zero_grad()",
    }.items():
        assert said in check(found[name].gradients[at], of=y, by=x).text


def test_the_gradient_of_another_leaf() -> None:
    o = lecture_neuron()
    verdict = check(-1.5, of=o, by=leaf(o, "b"))
    assert repr(verdict) == "Not yet. That is the gradient of x1, not of b."


def test_wrong_values() -> None:
    o = lecture_neuron()
    assert "That is the value of v4 = v3 + b, not yet of o." in check(0.8814, of=o).text
    assert repr(check(-0.7071, of=o)) == "Not yet. The size is right, the sign is not."
    assert "That is in degrees" in check(math.degrees(0.7071067811865476), of=o).text


def test_the_hints_go_on_and_start_anew_when_it_was_right() -> None:
    y = neuron_with_loss()
    assert check(slip(), of=y, by=leaf(y, "w"))
    wrong = [check(0.123, of=y, by=leaf(y, "w")) for _ in range(5)]
    assert wrong[0].text == "Not yet. ∂L/∂w = ∂L/∂e * ∂e/∂out * ∂out/∂z * ∂z/∂v1 * ∂v1/∂w"
    assert wrong[1].text == "Not yet. ∂L/∂w = 2 * e * 1 * (1 - tanh(z) ** 2) * 1 * x"
    assert wrong[2].text.startswith("Not yet. backprop shows every step")
    assert wrong[4] == wrong[3]
    again = neuron_with_loss()  # the cell is run once more: the question is the same
    assert check(0.123, of=again, by=leaf(again, "w")) == wrong[4]
    assert check(slip(), of=again, by=leaf(again, "w"))
    assert check(0.123, of=y, by=leaf(y, "w")) == wrong[0]


# What no verdict may do.


def holds(text: str, right: float) -> bool:
    """Whether a text has the right number in it, to three digits, whatever its sign."""
    found = [float(number.replace("−", "-")) for number in NUMBER.findall(text)]
    return any(math.isclose(abs(x), abs(right), rel_tol=1e-3) for x in found)


def test_a_number_in_a_text_is_found() -> None:
    assert holds("it is 0.42.", 0.41997)
    assert holds("−3e-05, says who", 3e-5)
    assert not holds("w1 of 3.5", 1.0)


def random_questions(seed: int) -> Iterator[tuple[Value, Value | None, float]]:
    """A random graph, some of whose labels are numbers, and questions about it with the answers."""
    chance, program = random.Random(seed), random_program(seed, longest=12)
    leaves = [Value(x, label=f"x{i}") for i, x in enumerate(program.point)]
    y = program.run(by_engine, leaves)[-1]
    if not isinstance(y, Value) or y.is_constant:
        return
    nodes = [node for node in topological_order(y) if not node.is_constant]
    yield y, None, y.data
    for node in chance.sample(nodes, min(1, len(nodes))):
        node.label = chance.choice([node.label, repr(grad(y, node)), "h"])
        yield y, node, grad(y, node)


def wrong_answers(y: Value, by: Value | None, chance: random.Random) -> list[float]:
    """Numbers from the graph, those of wrong engines, and others."""
    nodes = topological_order(y)
    found = [node.data for node in nodes] + [p for n in nodes for p in n.partials if p is not None]
    found += [g for mistake in backprop(y).mistakes() for g in mistake.gradients.values()]
    products = [math.prod(chance.choices(found, k=2)) for _ in range(2)]
    others = [round(chance.uniform(-3.0, 3.0), 1), chance.randint(-3, 3), math.nan, math.inf]
    return [*chance.choices(found, k=4), *products, *others]


@pytest.mark.parametrize(
    "seed",
    [0, 10, 20, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(30, 100, 10))],
)
def test_no_verdict_shows_the_right_number_and_the_right_one_is_right(seed: int) -> None:
    for each in range(seed, seed + 10):
        chance = random.Random(each)
        for y, by, right in random_questions(each):
            assert check(right, of=y, by=by), (each, right)
            for answer in wrong_answers(y, by, chance):
                verdict = check(answer, of=y, by=by)
                near = math.isclose(answer, right, rel_tol=0.06, abs_tol=1e-6)
                assert not verdict or near or answer == right or right != right, (each, answer)
                if not verdict:
                    assert not holds(f"{verdict.text} {verdict.hint}", right), (each, verdict)
                    assert verdict.text.startswith("Not yet. ")


def test_a_right_answer_that_a_mistake_gives_too_is_right() -> None:
    x = Value(1.0, label="x")
    assert check(1, of=named("y", x * 1.0), by=x)  # the upstream, the value, a missing factor
    zero = Value(0.0, label="zero")
    assert check(0, of=zero * zero, by=zero)
    assert check(0, of=Value(-1.0, label="x").relu())


@pytest.mark.parametrize("count", [400, pytest.param(3000, marks=pytest.mark.slow)])
def test_long_graphs_are_checked_too(count: int) -> None:
    x = Value(1.0, label="x")
    y = x
    for _ in range(count):
        y = y * 1.001
    assert check(1.001**count, of=y, by=x)
    assert len(check(0.123, of=y, by=x).text) < 260


LARGE: dict[str, Callable[[Value, int], Value]] = {
    "deep": lambda x, n: reduce(lambda y, _: y * 1.001, range(n), x),
    "wide": lambda x, n: glassgrad.sum([x * (1.0 + i / n) for i in range(n)]).tanh(),
    "same": lambda x, n: glassgrad.sum([x] * n) * 2.0,
    "dot": lambda x, n: dot([x] * n, [Value(1.0 + i / n) for i in range(n)]),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_wrong_answer_costs_time_in_proportion_to_the_graph(kind: str) -> None:
    x = Value(1.0, label="x")
    graphs = [LARGE[kind](x, n) for n in (40, 200)]
    few, many = [instructions(lambda y=y: check(0.1234567, of=y, by=x)) for y in graphs]
    assert many < 5 * few


def test_compiled_functions_and_modules_are_checked_too() -> None:
    w, x = Value(0.5, label="w"), Value(2.0, label="x")
    y = compiled(lambda w, x: (w * x).tanh())(w, x) * 3.0
    right = 3 * (1 - math.tanh(1.0) ** 2) * 2.0
    assert check(right, of=y, by=w)
    assert not check(right / 3, of=y, by=w)
    model = MLP(2, [3, 1], seed=0)
    loss = (model([0.5, -1.0]) - 1.0) ** 2
    for p in model.parameters():
        assert check(grad(loss, p), of=loss, by=p)
        assert not check(grad(loss, p) + 1.0, of=loss, by=p)


# Several answers.


def test_several_answers_are_told_apart() -> None:
    o = lecture_neuron()
    x1, w1 = leaf(o, "x1"), leaf(o, "w1")
    assert check([-1.5, 1.0], of=o, by=[x1, w1])
    assert check({"a": 1.0, "b": -1.5}, of=o, by={"b": x1, "a": w1})
    assert check(np.array([-1.5, 1.0]), of=o, by=(x1, w1))
    verdict = check([-1.5, -1.0], of=o, by=[x1, w1])
    assert verdict.parts["x1"]
    assert not verdict.parts["w1"]
    assert verdict.text.startswith("Right: x1. w1: Not yet. The size is right, the sign is not")
    both = check({"p": 1.5, "q": 3.3}, of=o, by={"p": x1, "q": w1})
    assert both.text.startswith("p: Not yet. The size is right")
    assert both.text.endswith(" Not right yet either: q.")
    wrong = check([7.7, 7.8, 7.9], of=o, by=[x1, w1, leaf(o, "b")])
    assert wrong.text.endswith("Not right yet either: w1, b.")
    assert check([-1.5, 1.0], of=o, by=[x1, w1])  # from here on the hints start anew
    tried = [check({"p": 0.3, "q": 3.3}, of=o, by={"p": x1, "q": w1}).text for _ in range(4)]
    formulas = [text for text in tried if "∂o/∂x1 = " in text]
    assert formulas
    assert all(re.search(r"\w; Not right yet either: q\.$", text) for text in formulas)


def test_numbers_with_names_are_told_apart_by_them() -> None:
    corners = {"corner 0 0": 0, "corner 0 1": 0, "corner 1 0": 1}
    assert check([0.0, 0.0, 1.0], of=corners)
    assert check({"corner 1 0": 1, "corner 0 1": 0, "corner 0 0": 0}, of=corners)
    verdict = check([0, 1, 1], of=corners)
    assert verdict.text == "Right: corner 0 0, corner 1 0. corner 0 1: Not yet. It is too large."
    assert not verdict.parts["corner 0 1"]
    assert not check([0, ..., 1], of=corners).parts
    nested = {"p": {"b": 1.0, "c": [2.0]}, "pb": 3.0}
    assert [*check(nested, of=nested).parts] == ["p.b", "p.c[0]", "pb"]
    assert len(check([1, 2], of={1: 1.0, "1": 2.0}).parts) == 2


# Facts and functions.


def test_arrays_and_lists_are_compared_entry_by_entry() -> None:
    assert check([[1, 2], [3, 4]], of=np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert check((0.33, 0.67), of=[1 / 3, 2 / 3])
    assert check([[1], [2, 3]], of=[[1.0], [2.0, 3.0]])
    matrix = np.array([[1, 2]]).view(np.matrix)  # each of its rows is such a matrix
    assert check(matrix, of=matrix)
    assert check([[1, 2]], of=matrix)
    assert check({"m": matrix}, of={"m": [[1, 2]]})
    wrong = check([[1, 2], [7, 4]], of=[[1, 2], [3, 4]])
    assert wrong.text.endswith("[1][1]. [1][0]: Not yet. It is too large.")
    assert "[0]: Not yet. The size is right, the sign is not" in check([-1, 2], of=[1, -2]).text
    wrong = check([1] * 9 + [0.5] * 99, of=[1] * 108)
    assert "Right: [0], [1], [2], [3], [4] and 4 more. [9]: Not yet. " in wrong.text
    assert wrong.text.endswith(" either: [10], [11], [12], [13], [14] and 93 more.")
    assert len(check({"p" * 5000: 1, "q": 2}, of={"p" * 5000: 2, "q": 2}).text) < 200
    assert "upside down" in check(4, of=0.25).text
    assert "in degrees" in check(180, of=math.pi).text
    assert "in per cent" in check(50, of=0.5).text


@pytest.mark.parametrize(
    ("answer", "of", "by", "said"),
    [
        (math.tanh, TABLE["tanh"], 0, "That is tanh itself, not its derivative."),
        (math.sin, TABLE["cos"], 0, "The size is right, the sign is not."),
        (lambda x: x**2, lambda x: x**2 + 3, None, "it is too small"),
        (lambda x: x * x if x > 1 else -5, lambda x: x * x, None, "it is too small"),
        (lambda x: None, TABLE["exp"], None, "None, which is no number"),
        (lambda x: True, TABLE["exp"], None, "which is no number"),
        (lambda x: 1 / (x - x), TABLE["exp"], None, "it raises ZeroDivisionError: float division"),
        (lambda: 1.0, TABLE["exp"], None, "it raises TypeError"),
        (lambda x: math.nan, TABLE["exp"], None, "it is not right"),
    ],
)
def test_functions_are_compared_at_many_points(
    answer: Callable[..., Any], of: Callable[..., Any], by: int | None, said: str
) -> None:
    assert said in check(answer, of=of, by=by).text


def test_right_functions_are_right() -> None:
    assert check(math.tanh, of=TABLE["tanh"])
    assert check(lambda x: 1 - math.tanh(x) ** 2, of=TABLE["tanh"], by=0)
    assert check(lambda a, b: -a / b**2, of=TABLE["div"], by=1)
    assert check(lambda x: 2 * x, of=lambda x: x * x, by=0)
    assert check(lambda x: x * x, of=lambda x: Value(x) ** 2)
    assert check(lambda x: x * x, of=lambda x, power=2, *, scale=1.0: scale * x**power)
    assert check(lambda x: 1 / x, of=TABLE["log"], by=0)


def test_a_derivative_is_asked_for_only_where_the_function_has_a_value() -> None:
    log: Callable[[Any], Any] = lambda x: x.log()  # its rule 1 / x has numbers below zero too
    assert check(lambda x: 1 / x, of=log, by=0)
    assert check(lambda x: 1 / x if x > 0 else math.nan, of=log, by=0)
    assert "itself, not its derivative" in check(math.log, of=log, by=0).text


# Puzzles.


def test_a_puzzle_shows_the_numbers_of_one_engine_and_knows_it_by_name() -> None:
    _, _, y = squares()
    found = {"right": backprop(y).gradients}
    found.update((m.name, m.gradients) for m in backprop(y).mistakes())
    seen = set()
    for seed in range(40):
        numbers = puzzle(y, seed)
        assert repr(numbers) == repr(puzzle(y, seed))
        (name,) = [name for name in numbers.names if check(name, numbers)]
        seen.add(name)
        rows = [line.split() for line in repr(numbers).splitlines()[1:]]
        shown = {row[0]: float(row[-1]) for row in rows}
        diagram = backprop(y).diagram
        assert shown == {diagram[i].name: g for i, g in found[name].items()}
        for other in set(numbers.names) - {name}:
            verdict = check(other, numbers)
            node = re.search(r"another gradient at (\w+) than", verdict.text)[1]
            index = next(n.index for n in diagram if n.name == node)
            assert found[other][index] != found[name][index]
            assert name not in verdict.text or name == "right"
    assert seen == set(puzzle(y, 0).names)


def test_engines_that_give_the_same_numbers_are_no_puzzle() -> None:
    assert puzzle(lecture_neuron()).names == (
        "right", "inner nodes never zeroed", "leaves not zeroed",
    )  # fmt: skip
    with pytest.raises(ValueError, match="No wrong engine can be told from the right one"):
        puzzle(Value(1.0, label="x"))
    with pytest.raises(ValueError, match="'no order' is none of the engines: right, inner"):
        check("no order", puzzle(lecture_neuron()))
    with pytest.raises(TypeError, match="by the name of an engine, not int 3"):
        check(3, puzzle(lecture_neuron()))
    with pytest.raises(TypeError, match="backprop takes the Value"):
        puzzle(3.0)


# What it refuses, and how it shows.

MASKED = np.ma.array([1.0, 2.0], mask=[False, True])


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"answer": "0.42"}, TypeError, r"^check\(answer\) takes a real number, not str '0\.42'"),
        ({"answer": True}, TypeError, "is a number, not bool True"),
        ({"answer": np.bool_(True)}, TypeError, "is a number, not"),
        ({"answer": None}, TypeError, "not NoneType"),
        ({"answer": MASKED}, TypeError, "has masked entries"),
        ({"answer": MASKED, "of": [1.0, 2.0]}, TypeError, "has masked entries"),
        ({"answer": [1.0, MASKED[1]], "of": [1.0, 2.0]}, TypeError, "has masked"),
        ({"answer": [1.0, 2.0], "of": MASKED}, TypeError, "has masked entries"),
        (
            {"answer": {"p": MASKED[1]}, "of": {"p": 1.0}},
            TypeError,
            "has masked entries",
        ),
        ({"answer": [1.0, None], "of": [1.0, 2.0]}, TypeError, "not NoneType None"),
        ({"answer": 1j}, TypeError, "not complex"),
        ({"answer": [4]}, TypeError, r"takes a real number, not list \[4\]. Write 4\."),
        ({"answer": np.array([4])}, TypeError, "takes a real number, not ndarray"),
        ({"answer": (4, 5)}, TypeError, r"takes a real number, not tuple \(4, 5\)\. Write one"),
        ({"answer": [None]}, TypeError, "takes a real number, not list"),
        ({"answer": ["a"]}, TypeError, "takes a real number, not list"),
        ({"answer": np.array([[4]])}, TypeError, "takes a real number, not ndarray"),
        (
            {"answer": [4], "of": 4.0},
            TypeError,
            r"has the shape|takes a real number, not list \[4\]",
        ),
        ({"answer": Value(1.0)}, TypeError, "Give its number: v.data."),
        ({"answer": Value(1.0).grad}, ValueError, "not computed yet. Call backward"),
        ({"answer": 10**400}, OverflowError, "no float near it"),
        ({"by": 3}, TypeError, "takes a Value of the graph or several, not int 3. Write by=x"),
        ({"by": ["x1"], "answer": [1.0]}, TypeError, "of the graph or several, not str 'x1'"),
        ({"by": MLP(2, [1])}, TypeError, "graph or several, not MLP .* Write by=x for"),
        ({"by": {Value(1.0)}}, TypeError, "Numbers come in an order, not in set"),
        ({"by": Value(2.0, label="z")}, ValueError, "z = 2 is not in the graph of o = 0.707107"),
        ({"by": [Value(1.0)], "answer": [1.0]}, ValueError, "1 is not in the graph of o"),
        ({"answer": [1.0, 2.0], "of": {"b": 1.0}}, ValueError, "has 2 numbers, and 1 is asked"),
        ({"of": {"b": 1.0}}, TypeError, r"takes 1 number \(b\), not float 1.0"),
        ({"answer": {"a": 1.0}, "of": {"b": 1.0}}, ValueError, "the names a, and asked for are b"),
        ({"answer": {"p": {"b": 1}}, "of": {"p": {"c": 1}}}, ValueError, r"names p\.b, .* p\.c\. "),
        (
            {"answer": {"a": 1.0}, "of": [1.0]},
            TypeError,
            r"\(\[0\]\), not dict .* Give its numbers",
        ),
        ({"answer": "ab", "of": [1.0, 2.0]}, TypeError, "takes 2 numbers .*, not str 'ab'"),
        ({"answer": [1.0], "of": {"p": 1.0, "q": 2.0}}, ValueError, "1 number, and 2 are asked"),
        ({"of": [1.0, 2.0]}, ValueError, r"the shape \(\), and \(2,\) is asked"),
        ({"of": [1.0, 2.0], "answer": [1.0]}, ValueError, r"the shape \(1,\), and \(2,\) is asked"),
        ({"of": [1.0], "answer": [1.0, [9.0]]}, ValueError, r"and 1 is asked for, nested alike"),
        ({"of": [1.0, 2.0], "answer": [1.0, [9.0]]}, ValueError, r"alike: \[0\], \[1\]\."),
        ({"of": [1.0, [2.0]], "answer": [1.0, 9.0]}, ValueError, r"alike: \[0\], \[1\]\[0\]\."),
        ({"of": {"p": "x"}, "answer": [1.0]}, TypeError, "check of p takes a real number"),
        ({"of": {"p": 1.0}, "by": Value(1.0)}, TypeError, "differentiates a Value or a function"),
        ({"mistakes": [8.0]}, TypeError, "mistakes is a dict from wrong answers"),
        ({"mistakes": {8.0: 3}}, TypeError, "what is said of them, .* not {8.0: 3}"),
        ({"mistakes": {"8": "No."}}, TypeError, "A key of mistakes takes a real number"),
        ({"mistakes": {(1, 2): "No."}}, ValueError, "has 2 numbers for 'No.', and 1 are asked"),
        ({"mistakes": {0.71: "No."}}, ValueError, "mistakes has the right answer for 'No.'"),
        ({"of": math.tanh, "digits": 3}, TypeError, "mistakes and digits are for numbers"),
        ({"of": puzzle(squares()[2], 1), "mistakes": {1: "No."}}, TypeError, "Give a hint."),
        ({"of": {}, "answer": {}}, ValueError, "asks for nothing"),
        ({"of": [], "answer": []}, ValueError, "asks for nothing"),
        ({"by": [], "answer": []}, ValueError, "asks for nothing"),
        ({"of": "o"}, TypeError, "check of takes a real number, not str 'o'"),
        ({"of": 3.0, "by": Value(1.0)}, TypeError, "differentiates a Value or a function, not"),
        ({"of": [Value(1.0)], "answer": [1.0]}, TypeError, "Give its number: v.data."),
        ({"of": TABLE["tanh"]}, TypeError, "takes a function here, since it compares with tanh"),
        ({"of": TABLE["sum"], "answer": math.tanh}, ValueError, "how many numbers it takes"),
        ({"of": max, "answer": max}, ValueError, "max does not say how many numbers it takes"),
        ({"of": lambda x: math.nan, "answer": abs}, ValueError, r"no number anywhere in \[\(-3"),
        ({"of": lambda x: 1.0, "by": 0, "answer": abs}, TypeError, "lambda gives no Value, so"),
        ({"of": TABLE["tanh"], "answer": math.tanh, "by": 1}, ValueError, "0 to 0, not 1"),
        # By the author of an exercise:
        ({"hint": 3}, TypeError, "hint is a text, not int 3"),
        ({"digits": 1}, ValueError, "digits is at least 2, not 1"),
        ({"digits": 10}, ValueError, "digits is at most 9, not 10"),
        ({"digits": True}, TypeError, "digits is a whole number, not bool True"),
        ({"digits": 3.0}, TypeError, "digits is a whole number, not float 3.0"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    arguments: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        check(**{"answer": 1.0, "of": lecture_neuron(), **arguments})


def test_a_constant_has_no_derivative_to_ask_for() -> None:
    x = Value(1.0, label="x")
    y = x * 3.0
    with pytest.raises(ValueError, match="3 is a constant: no gradient flows to it"):
        check(1.0, of=y, by=y.parents[1])


def test_numbers_that_were_changed_are_no_question() -> None:
    x, w = Value(0.0, label="x"), Value(2.0, label="w")
    y = named("y", x * w)
    w.data = 3.0  # y is 0 all the same, its derivative by x is another
    with pytest.raises(ChangedDataError, match="no one right answer: y was computed before"):
        check(2.0, of=y, by=x)


def test_dots_are_an_answer_that_is_still_to_come() -> None:
    x = Value(3.0, label="x")
    asked = (x * x, 6.0, [1.0, 2.0], lambda number: number, puzzle(squares()[2], 1))
    verdicts = [
        *(check(..., of=of) for of in asked),
        check(..., x * x, by=[x]),
        check([1.0, ...], x * x, by=[x, x]),
        check({"a": ..., "b": 2.0}, x * x, by={"a": x, "b": x}),
        check(lambda x: ..., of=lambda x: x * x),
        asked[-1].check(...),
    ]
    assert {str(verdict) for verdict in verdicts} == {
        "Not answered yet: put your answer where the dots stand."
    }
    assert not any(verdicts)
    assert "✗" not in verdicts[0]._repr_html_()


def test_a_verdict_shows_itself() -> None:
    x = Value(3.0, label="<b>")
    wrong = check(9.0, of=x * x, by=x)
    assert repr(wrong) == (
        "Not yet. That is the value of v1 = <b> * <b>. Asked for is by how much v1 changes with "
        "<b>."
    )
    assert "&lt;b&gt;" in wrong._repr_html_()
    assert "<b>" not in wrong._repr_html_()
    assert "<summary>Hint</summary>" in wrong._repr_html_()
    assert isinstance(wrong, Verdict)
    assert "✓" in check(6, of=x * x, by=x)._repr_html_()
    assert "<img" in puzzle(squares()[2], 1)._repr_mimebundle_()["text/html"]


def test_functions_may_be_written_with_methods() -> None:
    asked = {"of": lambda x: x.tanh(), "by": 0}
    assert check(lambda x: 1.0 - x.tanh() ** 2, **asked)
    assert not check(lambda x: 1.0 - x * x, **asked)
    assert check(lambda x: x.tanh(), of=lambda x: x.tanh())
    assert "AttributeError" in check(lambda x: x.tnah(), of=lambda x: x.tanh()).text


@pytest.mark.parametrize(
    ("answer", "of"),
    [
        ([1e13, 0.0], [1e13, 5.0]),
        ([1e15, 0.0], [1e15, 0.9]),
        ([3e8, 0.0], [3e8, 1e-9]),
        ([[1e15, 2e-10]], [[1e15, 1e-10]]),
        ({"c": 3e8, "t": 2e-10}, {"c": 3e8, "t": 1e-10}),
        ({"t": 0.0}, {"t": 1e-10}),
        (lambda x: 0.0, lambda x: 1e-10 * x),
        (lambda x: -1e-10 * x, lambda x: 1e-10 * x),
        (lambda x: 1.7e-19 * x, lambda x: 1.6e-19 * x),
        (lambda x: x**20 + 1.0, lambda x: x**20),
        (lambda x: x**20 + 1e-6, lambda x: x**20),
        (lambda x: x**20 if abs(x) > 1.0 else 0.0, lambda x: x**20),
        (lambda x: math.exp(20 * x) + 1e-3, lambda x: math.exp(20 * x)),
    ],
)
def test_a_small_right_answer_is_told_from_none_beside_large_ones(answer: Any, of: Any) -> None:
    assert not check(answer, of=of)
    assert not check(of, of=answer)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda x: (x - 1) * (x + 2) * (x - 2.5), lambda x: x**3 - 1.5 * x * x - 4.5 * x + 5),
        (lambda x: 1e6 * (x - 1.3) ** 2, lambda x: 1e6 * x * x - 2.6e6 * x + 1.69e6),
        (lambda x, y: (x - y) * (x + y), lambda x, y: x * x - y * y),
        (lambda x: 1 - math.tanh(5 * x) ** 2, lambda x: 1 / math.cosh(5 * x) ** 2),
        (lambda x: (x - 1) ** 9, lambda x: sum(math.comb(9, k) * x**k * (-1) ** (9 - k)
                                               for k in range(10))),
        ([0.0, 1.0], [math.sin(math.pi), 1.0]),
        ([0.0, 0.3], [0.1 + 0.2 - 0.3, 0.1 + 0.2]),
        ({"a": 0.0, "b": 0.3}, {"a": 0.1 + 0.2 - 0.3, "b": 0.1 + 0.2}),
    ],
)  # fmt: skip
def test_rounding_makes_no_right_answer_wrong(one: Any, other: Any) -> None:
    assert check(one, of=other)
    assert check(other, of=one)


def test_short_floats_count_to_the_digits_that_they_have() -> None:
    assert check(np.float32(1.0) / np.float32(3.0), 1 / 3)
    assert not check(np.float32(0.34), 1 / 3)
