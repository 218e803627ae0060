"""The stepper in a browser, in pages of all kinds: alone, twice, set up by others, very long."""

import pytest
from browsing import Pages
from stepping import HEAD, Stepper, document, fragment, neuron, steppers

from glassgrad import Backprop, Value, backprop
from glassgrad.viz.markup import stage_script
from glassgrad.viz.page import Page
from glassgrad.viz.stage import MOST_STEPS


@pytest.fixture(scope="module")
def steps() -> Backprop:
    return neuron()


@pytest.fixture
def stepper(steps: Backprop, new_page: Pages) -> Stepper:
    return fragment(new_page, steps, reduced_motion="reduce")


def test_a_document_has_the_keys_at_once(steps: Backprop, new_page: Pages) -> None:
    small = {"width": 1200, "height": 500}
    page = new_page.show(steps.standalone_html(), viewport=small)
    (one,) = steppers(page, steps)
    one.press("ArrowRight", "ArrowRight")
    one.check(3)
    one.press("Tab")
    assert one.focused() == "gg-formula"


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
    one.box("w0").focus()
    one.press("ArrowUp")
    assert two.numbers()["w0"] != one.numbers()["w0"]
    one.click("restore")
    held = one.at()
    one.check(held)
    two.focus()
    two.press("End")
    two.check(len(steps))
    one.check(held)
    assert one.root.page.locator("[id]").count() == 0


def test_running_the_script_again_changes_nothing(stepper: Stepper) -> None:
    stepper.click("forward")
    before = stepper.root.evaluate("root => root.innerHTML")
    again = f"{stage_script()}(document, null, {Page(stepper.steps).functions}).length"
    assert stepper.root.page.evaluate(again) == 0
    assert stepper.root.evaluate("root => root.innerHTML") == before
    stepper.click("forward")
    stepper.check(3)


def test_the_script_is_one_function_that_sets_up_an_element(
    steps: Backprop, new_page: Pages
) -> None:
    page = new_page.show(
        f"{HEAD}<div>{Page(steps).element}</div><main>{Page(steps).element}</main>"
    )
    moves = f"""() => {{
      window.moves = [];
      window.go = {stage_script()}(document.querySelector("main"), index => moves.push(index),
        {Page(steps).functions});
      return go.length;
    }}"""
    assert page.evaluate(moves) == 1
    assert page.locator("div > .glassgrad-stage .gg-toolbar").count() == 0
    one = Stepper(page.locator("main > .glassgrad-stage"), steps)
    one.click("forward", "forward", "last")
    one.click("open-table")
    one.row(4).click()
    one.click("close")
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
    return chain(900)


@pytest.mark.slow
def test_of_very_many_steps_a_window_is_shown(many: Backprop, new_page: Pages) -> None:
    assert len(many) == 900 * 5 + 1
    (one,) = steppers(new_page.show(many.standalone_html()), many)
    seed = next(step.index for step in many if step.phase == "seed")
    first = seed - 500 + 1
    last = first + MOST_STEPS - 1
    one.press("t")
    for key, number in (("Home", first), ("ArrowRight", first + 1), ("End", last)):
        one.press(key)
        shown, step = one.shown(), many[number - 1]
        assert shown["count"] == f"step {number} of {len(many)}"
        assert shown["spoken"] == f"{shown['count']}, {step.phase}"
        assert shown["slider"] == [first, number, last]
        now = one.root.locator("[aria-current=step] td").first
        assert now.text_content() == str(number)
        assert shown["says"].startswith(step.phase.capitalize())
    assert shown["stuck"] == ["gg-forward", "gg-last"]
    one.row(501).click()
    assert one.shown()["says"].startswith("Seed")
    assert "computes up to" in one.root.locator(".gg-note:not(.gg-broken)").inner_text()
    caption = one.root.locator(".gg-steps caption").text_content()
    assert caption == f"Steps {first} to {last} of {len(many)}; text() and to_json() have all"


def test_a_window_is_reported_and_entered_by_true_numbers(many: Backprop, new_page: Pages) -> None:
    page = new_page.show(HEAD + Page(many).element)
    page.evaluate(
        f"window.moves = []; window.go = {stage_script()}(document, i => moves.push(i), {{}})"
    )
    (one,) = steppers(page, many)
    page.evaluate("go[0](1700)")
    assert one.at() == 1701
    one.click("forward")
    assert page.evaluate("moves.at(-1)") == 1701


def test_a_long_label_makes_the_page_no_wider(new_page: Pages) -> None:
    y = Value(2.0, label="x" * 500) * 3.0
    y.label = "y" * 500
    one = document(new_page, backprop(y), viewport={"width": 320, "height": 700})
    for key in ("End", "ArrowLeft", "Home"):
        one.press(key)
        assert one.root.page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize(
    "label", ['<img src="//x.example">', "</script><b>", "`${x}`", "&lt;", "𝕏 ∂"]
)
def test_a_label_is_shown_as_it_is(label: str, new_page: Pages) -> None:
    one = document(new_page, backprop(Value(2.0, label=label) * 3.0))
    one.press("w", "End")
    assert label in one.root.locator(".gg-words").text_content()
    assert one.root.locator(".gg-box, .gg-formula").locator("img, b").count() == 0
    one.stage("set", label, 4.0)
    assert one.numbers()[label]["value"] == 4.0
