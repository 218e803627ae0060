"""The stepper in a browser, in pages of all kinds: alone, twice, set up by others, very long."""

import pytest
from browsing import Pages
from stepping import HEAD, Stepper, fragment, neuron, steppers

from glassgrad import Backprop, Value, backprop
from glassgrad.viz.page import MOST_STEPS, element, script


@pytest.fixture(scope="module")
def steps() -> Backprop:
    return neuron()


@pytest.fixture
def stepper(steps: Backprop, new_page: Pages) -> Stepper:
    return fragment(new_page, steps)


def test_a_document_has_the_keys_at_once(steps: Backprop, new_page: Pages) -> None:
    small = {"width": 1200, "height": 500}
    page = new_page.show(steps.standalone_html(), viewport=small)
    (one,) = steppers(page, steps)
    assert page.evaluate("scrollY") == 0  # the title is still seen
    one.press("ArrowRight", "ArrowRight")
    one.check(3)
    one.press("Tab", "Tab")
    assert one.focused() == "gg-first"


def test_a_fragment_leaves_the_focus_where_it_is(steps: Backprop, new_page: Pages) -> None:
    page = new_page.show(f"{HEAD}<input autofocus>{steps.html()}")
    (one,) = steppers(page, steps)
    page.keyboard.press("ArrowRight")
    page.keyboard.type("p")
    assert page.locator("input").first.input_value() == "p"
    one.check(1)


def test_two_copies_do_not_disturb_each_other(steps: Backprop, new_page: Pages) -> None:
    one, two = steppers(new_page.show(HEAD + steps.html() * 2), steps)
    one.focus()
    one.press("ArrowRight", "ArrowRight", "ArrowRight")
    one.check(4)
    two.check(1)
    two.click("forward")
    one.check(4)
    two.check(2)
    two.press("p")
    two.focus()
    two.press("p")
    assert two.shown()["predicting"] == "false"
    one.node(0).click()
    held = one.at()
    one.check(held)
    two.row(7).click()
    two.press("End")
    two.check(len(steps))
    one.check(held)
    assert one.root.page.locator("[id]").count() == 0


def test_running_the_script_again_changes_nothing(stepper: Stepper) -> None:
    stepper.click("forward")
    before = stepper.root.evaluate("root => root.innerHTML")
    assert stepper.root.page.evaluate(f"({script()})(document).length") == 0
    assert stepper.root.evaluate("root => root.innerHTML") == before
    stepper.click("forward")
    stepper.check(3)


def test_the_script_is_one_function_that_sets_up_an_element(
    steps: Backprop, new_page: Pages
) -> None:
    page = new_page.show(f"{HEAD}<div>{element(steps)}</div><main>{element(steps)}</main>")
    moves = f"""() => {{
      window.moves = [];
      window.go = {script()}(document.querySelector("main"), index => moves.push(index));
      return go.length;
    }}"""
    assert page.evaluate(moves) == 1
    assert page.locator("div > .glassgrad-steps .gg-toolbar").count() == 0
    one = Stepper(page.locator("main > .glassgrad-steps"), steps)
    one.click("forward", "forward", "last")
    one.row(4).click()
    assert page.evaluate("moves") == [1, 2, len(steps) - 1, 3]
    page.evaluate("go[0](6)")
    one.check(7)


# Very many steps.


def chain(length: int) -> Backprop:
    """Each link has two forward and three backward steps; one more for the seed."""
    x = Value(1.0, label="x")
    for _ in range(length):
        x = x * 1.001 + x
    return backprop(x)


@pytest.fixture(scope="module")
def many() -> Backprop:
    return chain(600)


def test_of_very_many_steps_a_window_is_shown(many: Backprop, new_page: Pages) -> None:
    assert len(many) == 600 * 5 + 1
    (one,) = steppers(new_page.show(many.standalone_html()), many)
    seed = next(step.index for step in many if step.phase == "seed")
    first = seed - 500 + 1
    last = first + MOST_STEPS - 1
    for key, number in (("Home", first), ("ArrowRight", first + 1), ("End", last)):
        one.press(key)
        shown, step = one.shown(), many[number - 1]
        assert shown["count"] == f"step {number} of {len(many)}"
        assert shown["spoken"] == f"{shown['count']}, {step.phase}"
        assert shown["slider"] == [first, number, last]
        assert shown["rows"] == shown["current"] == [number - first]
        assert one.row(number - first + 1).locator("td").first.text_content() == str(number)
        assert shown["says"].startswith(step.phase.capitalize())
    assert shown["stuck"] == ["gg-forward", "gg-last"]
    one.row(501).click()
    assert one.shown()["phase"].startswith("seed")
    caption = one.root.locator(".gg-steps caption").text_content()
    assert caption == f"Steps {first} to {last} of {len(many)}; text() and to_json() have all"


def test_a_window_is_reported_and_entered_by_true_numbers(many: Backprop, new_page: Pages) -> None:
    page = new_page.show(HEAD + element(many))
    page.evaluate(f"window.moves = []; window.go = {script()}(document, i => moves.push(i))")
    (one,) = steppers(page, many)
    page.evaluate("go[0](1700)")
    assert one.at() == 1701
    one.click("forward")
    assert page.evaluate("moves.at(-1)") == 1701


def test_up_to_the_limit_everything_is_shown(new_page: Pages) -> None:
    x = Value(2.0, label="x")
    for _ in range((MOST_STEPS - 1) // 2):
        x = x.sin()
    steps = backprop(x)
    assert len(steps) == MOST_STEPS - 1
    (one,) = steppers(new_page.show(steps.standalone_html()), steps)
    assert one.shown()["slider"] == [1, 1, len(steps)]
