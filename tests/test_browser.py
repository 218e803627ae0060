"""The stage in a browser: what it shows at every step, and every control by mouse and by touch.

Each test opens a page in headless Chromium and does what a reader does; see `browsing.py` and
`stepping.py`. That all of it is in view is in `test_stage_view.py`, that the numbers are right in
`test_stage_numbers.py`.
"""

import sys
from typing import Any

import pytest
from browsing import Pages
from lecture import lecture_neuron
from stepping import (
    HEAD,
    Stepper,
    branches,
    check_of,
    choice,
    document,
    expected,
    fragment,
    in_one,
    lecture,
    network,
    neuron,
    reductions,
    resting,
    shared,
    statuses,
    steppers,
)

from glassgrad import Backprop, Value, backprop, engine


def leaf() -> Backprop:
    return backprop(Value(3.0, label="x"))


@pytest.fixture
def stepper(new_page: Pages) -> Stepper:
    return fragment(new_page, neuron())


# What is shown.


@pytest.mark.parametrize(
    "build",
    [neuron, lecture, shared, choice, leaf, reductions, branches],
    ids=lambda build: build.__name__,
)
def test_every_step_is_shown_going_forth_and_back(build: Any, new_page: Pages) -> None:
    steps = build()
    one = fragment(new_page, steps, reduced_motion="reduce")
    right = [expected(steps, number) for number in range(1, len(steps) + 1)]
    assert one.shown() == right[0]
    one.focus()
    for key, way in (("ArrowRight", right[1:]), ("ArrowLeft", right[-2::-1])):
        for found, each in zip(one.shown_after(*[key] * len(way)), way, strict=True):
            assert found == each


def test_a_compiled_node_sends_to_all_at_once(new_page: Pages) -> None:
    one = document(new_page, in_one())
    one.press("End")
    shown, names = one.shown(), {n.name: str(n.index) for n in one.steps.diagram}
    assert shown["receiver"] == [names["w"], names["b"], names["x"]]
    assert shown["sender"] == [names["y"]]
    lit = one.root.locator(".gg-edge.gg-backward")
    assert lit.count() == 4  # from the operation to all three, and to it
    sent = [edge.contribution for edge in one.steps[-1].edges]
    assert one.stage("step")["contribution"] == pytest.approx(sent, rel=1e-12)
    one.press("p")
    assert "?" in one.shown()["gradients"].values()


def test_the_words_have_the_check_the_line_and_the_statuses(new_page: Pages) -> None:
    one = document(new_page, shared())
    one.press("w")
    read = """root => {
      const all = name => Array.from(root.querySelectorAll(`.gg-drawer-words ${name}`),
        part => part.textContent);
      return [all(".gg-words"), root.querySelector(".gg-sentence").textContent,
        all(".gg-check"), all(".gg-legend b").map(Number)];
    }"""
    for i, (words, says, check, counts) in enumerate(
        one.shown_after(*range(len(one.steps)), read=read)
    ):
        assert words == [says]
        assert check == [check_of(one.steps, i + 1)]
        found = statuses(one.steps, i)
        names = ("waiting", "partial", "in progress", "done")
        assert counts == [found.count(name) for name in names]
    one.go(1)
    line = one.root.locator(".gg-drawer-words .gg-line-of-code")
    assert "stepping.py, line" in line.text_content()


def test_a_node_used_again_tells_how_much_has_come(new_page: Pages) -> None:
    one = fragment(new_page, shared())
    one.go(6)
    one.box("a").hover()
    title = one.box("a").locator("title").text_content()
    assert title == "a = 3; gradient 1, partial, 1 of 3 uses received"


def test_a_node_that_takes_no_part_says_so(new_page: Pages) -> None:
    x, y = Value(4.0, label="x"), Value(2.0, label="y")
    steps = backprop(engine.where(1.0, x, y))
    one = fragment(new_page, steps)
    for at, said in ((0, "y = 2"), (len(steps), "y = 2; nothing is sent to it")):
        one.go(at)
        for name in ("x", "y"):
            one.box(name).hover()
        assert one.box("y").locator("title").text_content() == said
    said = "x = 4; gradient 1, done, 1 of 1 use received"
    assert one.box("x").locator("title").text_content() == said


def test_the_formula_and_the_picture_point_at_each_other(new_page: Pages) -> None:
    one = document(new_page, lecture(), viewport={"width": 1280, "height": 720})
    formula = one.root.locator(".gg-formula")
    part = formula.locator("[data-n]").filter(has_text="w1").last
    part.hover()
    assert "gg-hover" in one.box("w1").get_attribute("class")
    one.box("b").hover()
    assert formula.locator(".gg-hover").all_text_contents() == ["b"]
    assert pointed(one) == (["b"], ["v4 <- b"], [])
    one.press("t")
    one.box("v1").hover()
    assert pointed(one) == (["v1"], ["v1", "v3 <- v1"], ["v₁", "v₃ → v₁"])
    one.row(1).hover()
    assert pointed(one) == (["v1"], ["v1", "v3 <- v1"], ["v₁", "v₃ → v₁"])
    one.root.locator(".gg-count").hover()
    assert pointed(one) == ([], [], [])
    one.press("t")
    one.go(7)
    for kind, edge in (("gg-now", one.steps[6].node), ("gg-goal", one.steps[6].parent)):
        marked = formula.locator(f".{kind}").evaluate_all("all => all.map(p => p.dataset.n)")
        assert set(marked) == {str(edge)}
    formula.focus()
    one.press("ArrowRight", "ArrowRight", "Enter")
    assert one.at() != 7


def pointed(one: Stepper) -> tuple[list[str], list[str], list[str]]:
    """The boxes, lines and rows that are marked: "v3 <- v1" is the line from v1 to v3."""
    names = [node.name for node in one.steps.diagram]
    parents = [node.parents for node in one.steps.diagram]
    boxes, lines, rows = one.root.evaluate(
        """root => [".gg-box", ".gg-edge", "tr"].map(kind =>
          [...root.querySelectorAll(kind + ".gg-hover")].map(part =>
            part.dataset.e || (part.cells ? part.cells[1].textContent : part.dataset.n)))"""
    )
    ends = [list(map(int, line.split("_"))) for line in lines]
    said = [names[i] + "".join(f" <- {names[parents[i][k]]}" for k in rest) for i, *rest in ends]
    return [names[int(box)] for box in boxes], sorted(said), rows


def test_without_scripts_the_image_and_all_rows_are_there(new_page: Pages) -> None:
    one = fragment(new_page, neuron(), java_script_enabled=False)
    assert one.root.get_by_role("img").is_visible()
    assert one.root.locator(".gg-steps tbody tr").count() == len(one.steps)
    assert one.root.locator("button").count() == 0


def test_a_page_without_a_picture_works_too(
    new_page: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hidden:
        hidden.setitem(sys.modules, "pygraphviz", None)
        hidden.setenv("PATH", "")
        steps = backprop(lecture_neuron() + 1.0)  # a graph that no other test has drawn
        page = HEAD + steps.html()
    assert "<img" not in page
    (one,) = steppers(new_page.show(page), steps)
    one.click("last")
    one.check(17)


# The mouse.


def test_every_button_goes_to_its_step(stepper: Stepper) -> None:
    end = len(stepper.steps)
    for button, number in (
        *(("back", 1), ("first", 1), ("forward", 2), ("forward", 3), ("back", 2)),
        *(("last", end), ("forward", end), ("last", end), ("back", end - 1), ("first", 1)),
    ):
        stepper.click(button)
        stepper.check(number)


def test_a_click_on_a_row_goes_to_its_step(stepper: Stepper) -> None:
    stepper.click("open-table")
    for number in (9, 1, len(stepper.steps)):
        stepper.row(number).locator("td").nth(2).click()
        stepper.check(number, drawer="table")
        assert stepper.root.locator("[aria-current=step] td").first.text_content() == str(number)


def test_a_click_on_a_node_goes_to_its_next_step(new_page: Pages) -> None:
    one = fragment(new_page, shared())
    index = next(n.index for n in one.steps.diagram if n.name == "a")
    # Step 1 computes a itself; the next that touches it is the product of it with itself.
    touching = [s.index + 1 for s in one.steps if index in (s.node, s.parent)]
    for number in (*touching[1:], touching[0]):
        one.box("a").click(position={"x": 20, "y": 15})
        one.check(number)


def test_the_slider_is_dragged(stepper: Stepper) -> None:
    box, mouse = resting(stepper.slider), stepper.root.page.mouse
    height = box["y"] + box["height"] / 2
    mouse.move(box["x"] + 8, height)
    mouse.down()
    mouse.move(box["x"] + box["width"] / 2, height, steps=4)
    half = stepper.at()
    assert abs(half - len(stepper.steps) / 2) <= 1
    stepper.check(half)
    mouse.move(box["x"] + box["width"] + 50, height, steps=4)
    mouse.up()
    stepper.check(len(stepper.steps))


# The camera.


def scale_of(one: Stepper) -> float:
    return one.root.locator(".gg-frame > .gg-picture").evaluate(
        "w => new DOMMatrix(w.style.transform).a"
    )


LARGER = """before =>
  new DOMMatrix(document.querySelector(".gg-frame > .gg-picture").style.transform).a > before"""


def test_the_picture_is_zoomed_and_moved(new_page: Pages) -> None:
    one = document(new_page, lecture(), viewport={"width": 1280, "height": 720})
    frame, mouse = resting(one.root.locator(".gg-frame")), one.root.page.mouse
    whole = scale_of(one)
    for zoom in (
        lambda: one.press("+"),
        lambda: one.click("closer"),
        lambda: (mouse.move(frame["x"] + 9, frame["y"] + 9), mouse.wheel(0, -200)),
    ):
        before = scale_of(one)
        zoom()
        one.root.page.wait_for_function(LARGER, arg=before)
    one.click("farther")
    before = one.stage("state")["view"]
    mouse.move(frame["x"] + 9, frame["y"] + 9)
    mouse.down()
    mouse.move(frame["x"] + 49, frame["y"] + 29)
    mouse.up()
    after = one.stage("state")["view"]
    assert (after["x"] - before["x"], after["y"] - before["y"]) == (40, 20)
    one.focus()
    one.press("Shift+ArrowLeft")
    assert one.stage("state")["view"]["x"] == after["x"] + 60
    one.check(1)
    one.press("f")  # all of the graph
    assert one.stage("state")["view"]["scale"] <= 1.15
    one.press("f")  # and the step again
    assert one.stage("state")["view"] is None
    assert scale_of(one) == whole


def test_fingers_tap_drag_and_pinch(new_page: Pages) -> None:
    phone = {
        "viewport": {"width": 400, "height": 800},
        "has_touch": True,
        "reduced_motion": "reduce",
    }
    one = document(new_page, lecture(), **phone)
    one.button("forward").tap()
    one.check(2)
    zone = resting(one.box("w2").locator(".gg-zone"))  # of the step that is in view
    x, y = zone["x"] + zone["width"] / 2, zone["y"] + zone["height"] / 2
    one.box("w2").locator(".gg-zone").tap()
    field = one.root.get_by_label("New number of w2")
    field.fill("1")
    field.press("Enter")
    touch(one, [[(x, y)], [(x + 20, y)], [(x + 40, y)]])
    assert one.numbers()["w2"]["value"] == 2.0
    assert one.root.locator(".gg-typed").count() == 0
    before = scale_of(one)
    touch(one, [[(150, 300), (250, 300)], [(120, 300), (280, 300)], [(80, 300), (320, 300)]])
    assert scale_of(one) > 1.5 * before


def touch(one: Stepper, moves: list[list[tuple[float, float]]]) -> None:
    """Fingers that go from place to place."""
    session = one.root.page.context.new_cdp_session(one.root.page)
    for i, fingers in enumerate([*moves, []]):
        kind = "touchStart" if i == 0 else "touchMove" if fingers else "touchEnd"
        points = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(fingers)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


# Networks.


def test_a_network_opens_down_to_the_scalars_of_a_neuron(new_page: Pages) -> None:
    one = document(new_page, network(), viewport={"width": 1280, "height": 720})
    assert one.stage("level") == "network"
    assert one.stage("count") == 4 + 1 + 3 + 3
    discs = "root => root.querySelectorAll('.gg-disc[data-role]').length"
    assert min(one.shown_after(*range(one.stage("count")), read=discs)) >= 1
    one.go(1)
    one.root.get_by_role("button", name="Open layer 2, neuron 1").click()
    assert one.stage("level") == "layer 2, neuron 1"
    assert one.root.locator("button.gg-unit").inner_text() == "layer 2, neuron 1"
    told = """root => [root.stage.step().phase,
      root.querySelectorAll("[data-role=receiver]").length]"""
    found = one.shown_after(*range(one.stage("count")), read=told)
    assert {phase for phase, _ in found} == {"forward", "backward", "update"}
    assert {receivers for _, receivers in found} == {1}
    one.press("Escape")
    assert one.stage("level") == "network"
    assert "neuron 1" in one.focused() or "gg-disc" in one.focused()
    one.press("Enter")
    assert one.stage("level") == "layer 2, neuron 1"
    one.click("scalars")
    assert one.stage("count") == len(one.steps)
    one.check(one.at())
    one.click("network")
    assert one.stage("level") == "network"
