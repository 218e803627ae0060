"""The stepper in a browser: what it shows at every step, and every control by mouse.

Each test opens a page in headless Chromium and does what a reader does; see `browsing.py` and
`stepping.py`. The other files of this kind are `test_browser_keys.py`, `test_browser_pages.py`,
`test_browser_predict.py`, `test_browser_play.py` and `test_accessibility.py`.
"""

import sys

import pytest
from browsing import Pages
from lecture import lecture_neuron
from stepping import HEAD, Stepper, choice, fragment, lecture, neuron, shared, steppers

from glassgrad import Backprop, Value, backprop


def leaf() -> Backprop:
    return backprop(Value(3.0, label="x"))


@pytest.fixture
def stepper(new_page: Pages) -> Stepper:
    return fragment(new_page, neuron())


# What is shown.


@pytest.mark.parametrize("build", [neuron, lecture, shared, choice, leaf])
def test_every_step_is_shown_going_forth_and_back(build: Backprop, new_page: Pages) -> None:
    steps = build()
    one = fragment(new_page, steps)
    one.check(1)
    one.focus()
    for number in range(2, len(steps) + 1):
        one.press("ArrowRight")
        one.check(number)
    for number in reversed(range(1, len(steps))):
        one.press("ArrowLeft")
        one.check(number)


def test_a_step_is_lit_from_the_operation_to_its_value(new_page: Pages) -> None:
    one = fragment(new_page, shared())
    lit = {}
    for number, step in enumerate(one.steps, 1):
        one.row(number).click()
        shown = one.shown()
        lit[step.phase] = tuple(len(shown[key]) for key in ("edges", "ellipses", "stretches"))
    assert lit == {
        "forward": (0, 1, 1),
        "seed": (0, 0, 0),
        "backward": (1, 1, 1),
        "update": (0, 0, 0),
    }


def test_what_is_lit_is_drawn_thicker(new_page: Pages) -> None:
    one = fragment(new_page, shared(), reduced_motion="reduce")
    one.row(6).click()  # a backward step
    widths = one.root.evaluate("""root => Object.fromEntries(["e", "o", "r"].map(key => {
      const drawn = name => Array.from(
        root.querySelectorAll(`[data-${key}]${name} :is(path, ellipse)`),
        part => getComputedStyle(part).strokeWidth);
      return [key, [drawn(".gg-now"), drawn(":not(.gg-now)")].map(all => [...new Set(all)])];
    }))""")
    for lit, rest in widths.values():
        assert lit == ["3px"]
        assert rest == ["1px"]


def test_a_node_used_again_is_partial_until_it_is_done(new_page: Pages) -> None:
    one = fragment(new_page, shared())
    one.row(6).click()
    shown = one.shown()
    assert shown["titles"]["2"] == "partial, 1 of 3 uses received"
    assert shown["statuses"]["2"] == "partial"
    assert shown["uses"] == "1 of 3 uses received: the gradient is not complete yet"
    assert "1 of 3 uses received" in shown["says"]


def test_nodes_that_never_get_a_gradient_have_no_status(new_page: Pages) -> None:
    one = fragment(new_page, choice())
    without = {n.name: str(n.index) for n in one.steps.diagram if n.name in ("c", "s")}
    for number in range(1, len(one.steps) + 1):
        one.row(number).click()
        shown = one.shown()
        assert not shown["statuses"].keys() & without.values()
        assert [shown["titles"][index] for index in without.values()] == ["", ""]
        assert sum(shown["legend"]) == len(one.steps.diagram) - 2


def test_the_image_becomes_a_picture_whose_parts_can_be_lit(stepper: Stepper) -> None:
    assert stepper.root.locator("img").count() == 0
    assert stepper.root.locator(".gg-picture > svg").count() == 1


def test_without_scripts_the_image_and_all_rows_are_there(new_page: Pages) -> None:
    one = fragment(new_page, neuron(), java_script_enabled=False)
    assert one.root.get_by_role("img").is_visible()
    assert one.root.locator(".gg-steps tbody tr").count() == len(one.steps)
    assert one.root.locator(".gg-controls").is_hidden()


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
    nothing = {key: [] for key in ("now", "goal", "edges", "ellipses", "stretches", "later")}
    nothing |= {key: {} for key in ("values", "gradients", "statuses", "titles")}
    one.click("last")
    one.check(17, **nothing, pictures=0, legend=[0, 0, 0, 0])


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
    for number in (9, 1, len(stepper.steps)):
        stepper.row(number).locator("td").nth(2).click()
        stepper.check(number)


def test_a_click_on_a_node_goes_to_its_next_step(new_page: Pages) -> None:
    one = fragment(new_page, shared())
    # Step 1 computes a itself; the next that touches it is the product of it with itself.
    touching = [s.index + 1 for s in one.steps if 2 in (s.node, s.parent)]
    for number in (*touching[1:], touching[0]):
        one.node(2).click()
        one.check(number)


def test_a_click_between_the_lines_of_a_node_counts_too(new_page: Pages) -> None:
    one = fragment(new_page, shared())
    box = one.node(4).bounding_box()
    one.root.page.mouse.click(box["x"] + box["width"] - 6, box["y"] + box["height"] - 3)
    one.check(3)


def test_the_slider_is_dragged(stepper: Stepper) -> None:
    box, mouse = stepper.slider.bounding_box(), stepper.root.page.mouse
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
