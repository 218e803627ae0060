"""Large graphs on the stage: what repeats is folded, and of very many operands a few are shown.

What Python finds is proved on programs whose repetitions are known; what a page shows, in a
browser. That every step has its sender and receiver in the window is in `test_stage_view.py`.
"""

import random
from collections.abc import Callable

import pytest
from browsing import Pages
from lecture import instructions
from stepping import as_formula, document, many_operands, recurrence

from glassgrad import MLP, Value, backprop, compiled, engine
from glassgrad.viz.diagram import Diagram
from glassgrad.viz.repeats import Repeats
from glassgrad.viz.told import MOST_OPERANDS, tell


def chain() -> Value:
    z = Value(1.0)
    for _ in range(100):
        z = z * 1.01 + 0.001
    return z


def recurrent(*, is_swapped: bool = False, has_end: bool = False) -> Value:
    w, u, h = Value(0.9), Value(0.5), Value(0.0)
    for t in range(50):
        old, new = w * h, u * Value(float(t))
        h = (new + old if is_swapped else old + new).tanh()
    return (w * h - 1.0) ** 2 if has_end else h


def with_errors() -> Value:
    w, u, h, total = Value(0.9), Value(0.5), Value(0.0), Value(0.0)
    for t in range(30):
        h = (w * h + u * float(t % 3)).tanh()
        total = total + (h - 0.5) ** 2
    return total


def momentum() -> Value:
    x, v = Value(3.0), Value(0.0)
    for _ in range(25):
        v = 0.9 * v + (2.0 * x * x * x - 3.0 * x)
        x = x - 0.1 * v
    return x


def downhill() -> Value:
    x = Value(3.0)
    for _ in range(25):
        x = x - 0.1 * (2.0 * x * x * x - 3.0 * x)
    return x


def errors(total: Callable[[list[Value]], Value] = sum) -> Value:
    w, b = Value(0.5), Value(-1.0)
    return total([(w * Value(i / 10) + b - Value(i / 7)) ** 2 for i in range(40)])


def samples() -> Value:
    net = MLP(2, [3, 1], seed=1)
    return sum((net([0.1 * i, 0.2]) - i / 20) ** 2 for i in range(12))


PROGRAMS: dict[str, tuple[Callable[[], Value], int, int]] = {
    "chain": (chain, 100, 2),
    "recurrence": (recurrent, 50, 4),
    "its terms in the other order": (lambda: recurrent(is_swapped=True), 50, 4),
    "a loss after it": (lambda: recurrent(is_swapped=True, has_end=True), 50, 4),
    "an error in each step": (with_errors, 30, 7),
    "descent": (downhill, 25, 7),
    "with momentum": (momentum, 25, 9),
    "errors, added one by one": (errors, 40, 5),
    "errors in one sum": (lambda: errors(engine.sum), 40, 4),
    "a network on samples": (samples, 12, 25),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_repetitions_are_found(name: str) -> None:
    build, count, length = PROGRAMS[name]
    diagram = Diagram([build()])
    repeats = Repeats(diagram)
    assert repeats.series[0].count == count
    assert repeats.series[0].around is None
    places: dict[int, list[str]] = {}
    for node, place in zip(diagram, repeats.of):
        if node.operation is not None and place is not None and place[0] == 0:
            places.setdefault(place[1], []).append(node.operation.name)
    assert sorted(places) == list(range(count))
    assert {len(names) for names in places.values()} == {length}
    assert len({tuple(sorted(names)) for names in places.values()}) == 1


def test_repetitions_inside_of_repetitions_are_found() -> None:
    net = MLP(8, [16, 1], seed=1)
    repeats = Repeats(Diagram([engine.sum([net([0.1 * i] * 8) for i in range(6)])]))
    outer = [series for series in repeats.series if series.around is None]
    assert [series.count for series in outer] == [6]
    inner = [series for series in repeats.series if series.around == (0, 5)]
    assert max(series.count for series in inner) >= 15


def test_a_leaf_of_one_repetition_belongs_to_it_and_a_shared_one_to_none() -> None:
    w, x = Value(0.9, label="w"), [Value(float(i), label=f"x{i}") for i in range(20)]
    y = Value(0.0)
    for each in x:
        y = (w * y + each).sin()
    diagram = Diagram([y])
    repeats = Repeats(diagram)
    assert repeats.of[diagram.values[w]] is None
    assert [repeats.of[diagram.values[each]] for each in x] == [(0, i) for i in range(20)]


@pytest.mark.parametrize("seed", range(3))
def test_a_graph_without_repetitions_has_none(seed: int) -> None:
    draw = random.Random(seed)
    nodes = [Value(draw.uniform(-1.0, 1.0)) for _ in range(9)]
    for _ in range(600):
        a, b = draw.choice(nodes[-8:]), draw.choice(nodes[-8:])
        nodes.append(draw.choice([a * b, a + b, a - b, a.tanh(), a.sin()]))
    assert Repeats(Diagram([nodes[-1]])).series == []


def test_the_same_operations_on_other_operands_are_no_repetition() -> None:
    draw = random.Random(1)
    nodes = [Value(draw.uniform(-1.0, 1.0)) for _ in range(9)]
    for _ in range(200):
        nodes.append(nodes[-1] * draw.choice(nodes[-9:-1]))
        nodes.append(nodes[-1] + draw.choice(nodes[-9:-1]))
    assert Repeats(Diagram([nodes[-1]])).series == []


def test_a_small_graph_is_shown_whole() -> None:
    h = Value(0.5)
    for _ in range(20):
        h = h * h
    assert Repeats(Diagram([h])).series == []


def test_the_search_takes_time_in_proportion_to_the_graph() -> None:
    counts = []
    for length in (100, 800):
        h = Value(0.5)
        for _ in range(length):
            h = (h * 0.9 + 0.1).tanh() * h
        diagram = Diagram([h])
        counts.append(instructions(lambda diagram=diagram: Repeats(diagram)))
    assert counts[1] <= 10 * counts[0]


# On the page.

SEEN = """root => ({
  folds: Array.from(root.querySelectorAll(".gg-fold"), fold => fold.querySelector(".gg-name").textContent),
  boxes: root.querySelectorAll(".gg-box").length,
  elements: root.querySelectorAll("*").length,
  here: root.querySelector(".gg-levels [aria-pressed=true]")?.textContent,
})"""  # noqa: E501


def test_of_what_repeats_the_repetition_of_the_step_is_open(new_page: Pages) -> None:
    one = document(new_page, recurrence(), reduced_motion="reduce")
    assert one.stage("level") == "repeats"
    index = next(i for i, step in enumerate(one.steps) if step.node == one.steps.root)
    for at, here, folds in (
        (0, "repeat 1 of 50", {"repeats 2–50"}),
        (4 * 16, "repeat 17 of 50", {"repeats 1–16", "repeats 18–50"}),
        (4 * 30, "repeat 31 of 50", {"repeats 1–30", "repeats 32–50"}),
        (index, "repeat 50 of 50", {"repeats 1–49"}),
    ):
        one.stage("go", at)
        seen = one.root.evaluate(SEEN)
        assert (seen["here"], set(seen["folds"])) == (here, folds)
        assert 8 <= seen["boxes"] < 14


def test_a_click_opens_a_fold_and_the_level_of_scalars_shows_all(new_page: Pages) -> None:
    one = document(new_page, recurrence(), reduced_motion="reduce")
    one.stage("go", 4 * 16)
    one.root.get_by_role("button", name="repeats 18–50 of 50").press("Enter")
    assert one.root.evaluate(SEEN)["here"] == "repeat 18 of 50"
    at = one.stage("index")
    one.click("scalars")
    seen = one.root.evaluate(SEEN)
    assert seen["folds"] == []
    drawn = one.root.locator(".gg-minimap path").first.get_attribute("d") or ""
    assert drawn.count("M") == len(one.steps.diagram)  # the picture itself has what it shows
    assert one.stage("index") == at
    one.stage("restore", {"level": "repeats", "step": at})
    assert one.stage("level") == "repeats"
    assert one.root.evaluate(SEEN)["here"] == "repeat 18 of 50"


def test_numbers_change_in_folds_too(new_page: Pages) -> None:
    one = document(new_page, recurrence(), reduced_motion="reduce")
    one.stage("go", one.stage("count") - 1)
    one.stage("set", "w", 1.1)
    expected = recurrence(1.1)
    assert one.numbers() == {
        node.name: {
            "value": pytest.approx(node.data, rel=1e-12),
            "grad": None
            if node.index not in expected.gradients
            else pytest.approx(expected.gradients[node.index], rel=1e-12),
        }
        for node in expected.diagram
    }


def test_of_a_sum_of_very_many_the_largest_and_the_current_operand_are_shown(
    new_page: Pages,
) -> None:
    steps = many_operands()
    one = document(new_page, steps, reduced_motion="reduce")
    total = next(node for node in steps.diagram if len(node.parents) > 100)
    at = next(i for i, step in enumerate(steps) if step.node == total.index)
    one.stage("go", at)
    sizes = sorted((steps.diagram[i] for i in total.parents), key=lambda node: -abs(node.data))
    for node in sizes[:9]:
        assert one.box(node.name).is_visible()
    assert one.root.evaluate(SEEN)["folds"] == ["1,991 more"]
    smallest = next(step for step in steps if step.parent == sizes[-1].index)
    one.stage("go", smallest.index)
    assert one.box(sizes[-1].name).get_attribute("data-role") == "receiver"
    seen = one.root.evaluate(SEEN)
    assert seen["folds"] == ["1,991 more"]
    assert seen["boxes"] < 20
    assert one.root.locator(".gg-equation").bounding_box()["height"] < 200
    assert "… 1,997 more)" in tell(steps, steps[at]).sentence


def test_a_compiled_node_of_thousands_of_parameters_is_seen_and_stepped(new_page: Pages) -> None:
    ps = [Value(((37 * i) % 3001 - 1500) / 1500, label=f"p{i}") for i in range(3000)]
    y = compiled(lambda *p: engine.sum([q * q * 0.5 for q in p]))(*ps)
    y.label = "L"
    one = document(new_page, steps := backprop(y), reduced_motion="reduce")
    one.stage("go", 2)
    largest = sorted(ps, key=lambda p: -abs(p.data))[:9]
    for p in largest:
        assert one.box(p.label).get_attribute("data-role") == "receiver"
    fold = one.root.locator(".gg-fold")
    assert fold.get_attribute("aria-label").startswith("2,991 more operands of L")
    assert "gg-lit" in fold.get_attribute("class")
    assert one.root.locator(".gg-picture *").count() < 300
    shown = one.shown()
    assert len(shown["receiver"]) == 9
    assert as_formula(f"contribution to {largest[0].label}") in shown["equations"][0]
    left = [one.box(p.label).bounding_box()["x"] for p in ps if p in largest]
    assert left == sorted(left), "operands stand in the order of the call"
    assert "… 2,997 more" in shown["equations"][-1]
    gradients = {each: number["grad"] for each, number in one.numbers().items()}
    assert gradients == {node.name: steps.gradients[node.index] for node in steps.diagram}


SHOWN = """root => Object.fromEntries(Array.from(root.querySelectorAll(".gg-box"), box =>
  [box.dataset.n, box.getAttribute("transform")]))"""


def test_the_operands_that_are_shown_stay_where_they_are(new_page: Pages) -> None:
    """One place alone is of the operand that a step is about."""
    steps = many_operands()
    one = document(new_page, steps, reduced_motion="reduce")
    total = next(node for node in steps.diagram if len(node.parents) > 100)
    seen = []
    for parent in (total.parents[0], total.parents[700], total.parents[-1]):
        one.stage("go", next(step.index for step in steps if step.parent == parent))
        places = one.root.evaluate(SHOWN)
        assert str(parent) in places
        seen.append(places)
    fixed = set(seen[0]) & set(seen[1]) & set(seen[2])
    assert len(fixed) >= len(seen[0]) - 1
    for node in fixed:
        assert len({places[node] for places in seen}) == 1


def test_while_a_person_predicts_the_first_operands_are_shown(new_page: Pages) -> None:
    """Those that contribute most would give the answer away."""
    steps = many_operands()
    one = document(new_page, steps, reduced_motion="reduce")
    total = next(node for node in steps.diagram if len(node.parents) > 100)
    one.stage("go", next(step.index for step in steps if step.parent == total.parents[700]))
    one.press("p")
    shown = {int(node) for node in one.root.evaluate(SHOWN)} & set(total.parents)
    assert shown == {*total.parents[:8], total.parents[700]}
    one.press("p")
    assert {int(node) for node in one.root.evaluate(SHOWN)} & set(total.parents) != shown


def test_from_how_many_operands_some_are_folded_is_said_by_python(new_page: Pages) -> None:
    for count in (MOST_OPERANDS, MOST_OPERANDS + 1):
        one = document(new_page, many_operands(count), reduced_motion="reduce")
        one.stage("go", 0)
        assert len(one.root.evaluate(SEEN)["folds"]) == (count > MOST_OPERANDS)
