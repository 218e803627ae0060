"""The stepper of a network whose modules are drawn as boxes, and of a graph drawn in part."""

from collections import Counter

import pytest
from browsing import Pages
from stepping import HEAD, STATUSES, Stepper, document, fragment, steppers

from glassgrad import MLP, Backprop, Value, backprop
from glassgrad.engine.printing import short
from glassgrad.viz.page import element, script

BOXES = """root => Array.from(root.querySelectorAll("[data-b]"), box => ({
  lit: box.classList.contains("gg-now"),
  goal: box.classList.contains("gg-goal"),
  rows: Array.from(box.querySelectorAll("text"), line => line.textContent)
    .filter(line => /^(value|grad) /.test(line)),
  bold: Array.from(box.querySelectorAll(".gg-row"), line => line.textContent)
}))"""


@pytest.fixture(scope="module")
def network() -> Backprop:
    return backprop(MLP(2, [8, 8, 1], seed=1)([1.0, -0.5]))


@pytest.fixture
def stepper(network: Backprop, new_page: Pages) -> Stepper:
    return document(new_page, network)


def boxes(stepper: Stepper) -> list[dict]:
    return stepper.root.evaluate(BOXES)


def go(stepper: Stepper, number: int) -> None:
    stepper.root.locator("input[type=range]").fill(str(number))
    assert stepper.at() == number


def outputs(steps: Backprop) -> list[tuple[int, str]]:
    """Each neuron's output, with the layer that it belongs to."""
    last = {node.scope: node.index for node in steps.diagram if node.operation is not None}
    chains = {scope: scope.chain() for scope in last if scope is not None}
    return [(last[s], c[-2].name) for s, c in chains.items() if c[-1].kind == "Neuron"]


def numbers(steps: Backprop, number: int) -> Counter[str]:
    """What the rows of all boxes should say at a step, in any order."""
    values, gradients = {}, {}
    for step in steps[:number]:
        goal = step.node if step.parent is None else step.parent
        if step.phase == "forward":
            values[goal] = short(step.value)
        else:
            gradients[goal] = short(step.after)
    neurons = [index for index, _ in outputs(steps)]
    found = Counter(f"value {values.get(i, '–')}" for i in neurons)
    found.update(f"grad {gradients.get(i, '–')}" for i in neurons)
    return found


def test_boxes_show_numbers_only_as_far_as_they_have_come(
    stepper: Stepper, network: Backprop
) -> None:
    for number in (1, 60, len(network) // 2, 420, len(network)):
        go(stepper, number)
        assert Counter(row for box in boxes(stepper) for row in box["rows"]) == numbers(
            network, number
        )


def test_the_legend_counts_every_node(stepper: Stepper, network: Backprop) -> None:
    for number in (1, 60, 300, 420, len(network)):
        go(stepper, number)
        statuses = network.statuses(number - 1)
        assert stepper.shown()["legend"] == [statuses.count(status) for status in STATUSES]


def test_the_box_that_holds_the_step_is_lit(stepper: Stepper, network: Backprop) -> None:
    layer_of = dict(outputs(network))
    for index in (step.index for step in network if step.node in layer_of):
        if index % 7:
            continue
        go(stepper, index + 1)
        step, shown = network[index], boxes(stepper)
        (lit,) = [box for box in shown if box["lit"]]
        assert len(lit["bold"]) == 2  # the value and the gradient of one neuron
        assert f"value {short(network.diagram[step.node].data)}" in lit["bold"]


def test_predicting_hides_the_number_in_a_box_too(stepper: Stepper, network: Backprop) -> None:
    neurons = {index for index, _ in outputs(network)}
    forward = next(s for s in network if s.phase == "forward" and s.node in neurons)
    backward = next(s for s in network if s.phase == "backward" and s.parent in neurons)
    stepper.click("predict")
    for step, hidden in ((forward, "value ?"), (backward, "grad ?")):
        go(stepper, step.index + 1)
        rows = [row for box in boxes(stepper) for row in box["rows"]]
        assert rows.count(hidden) == 1


def test_a_graph_drawn_in_part_counts_all_and_shows_its_result(new_page: Pages) -> None:
    x = Value(0.5, label="x")
    for _ in range(300):
        x = x.sin() + 0.01
    steps = backprop(x)
    one = document(new_page, steps)
    statuses = steps.statuses(0)
    assert one.shown()["legend"] == [statuses.count(status) for status in STATUSES]
    result = one.root.locator(f"[data-n='{steps.root}']").bounding_box()
    frame = one.root.locator(".gg-picture").bounding_box()
    assert frame["x"] <= result["x"] + result["width"] / 2 <= frame["x"] + frame["width"]
    assert frame["y"] <= result["y"] + result["height"] / 2 <= frame["y"] + frame["height"]


# What else a reader may do.


def test_the_mistakes_end_predicting_since_they_have_the_answers(new_page: Pages) -> None:
    x = Value(2.0, label="x")
    one = fragment(new_page, backprop(x * x))
    one.click("predict", "wrong")
    assert one.shown()["predicting"] == "false"
    assert one.shown()["mistakes"]
    one.click("predict")
    assert not one.shown()["mistakes"]


def test_with_shift_the_arrows_scroll_the_picture(network: Backprop, new_page: Pages) -> None:
    one = fragment(new_page, network, viewport={"width": 320, "height": 700})
    picture = one.root.locator(".gg-picture")
    picture.evaluate("picture => { picture.scrollLeft = 0; picture.focus(); }")
    one.press("Shift+ArrowRight")
    assert picture.evaluate("picture => picture.scrollLeft") > 0
    one.press("Shift+ArrowLeft")
    assert picture.evaluate("picture => picture.scrollLeft") == 0
    assert one.at() == 1


def test_a_long_label_makes_the_page_no_wider(new_page: Pages) -> None:
    y = Value(2.0, label="x" * 500) * 3.0
    y.label = "y" * 500
    one = document(new_page, backprop(y), viewport={"width": 320, "height": 700})
    for key in ("End", "ArrowLeft", "Home"):
        one.press(key)
        assert one.root.page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_stepper_that_is_gone_stops_playing(new_page: Pages) -> None:
    x = Value(2.0, label="x")
    steps = backprop(x * x + x)
    page = new_page.show(HEAD + element(steps), once=True)
    page.clock.install()
    page.evaluate(f"window.moves = []; {script()}(document, index => moves.push(index))")
    (one,) = steppers(page, steps)
    one.click("play")
    page.clock.run_for(2100)
    one.root.evaluate("root => root.remove()")
    before = page.evaluate("moves.length")
    page.clock.run_for(9000)
    assert page.evaluate("moves.length") == before == 1
