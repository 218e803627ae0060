"""The modes of the stepper in a browser: predicting, and the mistakes of wrong engines."""

import pytest
from browsing import Pages
from stepping import Stepper, document, fragment, shared

from glassgrad import Value, backprop, step_neuron
from glassgrad.viz.words import question

AGAIN = "Not yet. Try again, or press Show."


@pytest.fixture
def stepper(new_page: Pages) -> Stepper:
    return document(new_page, shared())


@pytest.mark.parametrize("how", ["button", "key"])
def test_predicting_hides_the_answer_everywhere(how: str, stepper: Stepper) -> None:
    plain = stepper.shown()
    stepper.switch(how, "p", "predict")
    end = len(stepper.steps)
    stepper.check(
        1,
        predicting="true",
        guessing=True,
        says="Forward: a = x + 1 = 2 + 1 = what?",
        equations=["formulax + 1=with numbers2 + 1=value of a?"],
        secret=[0],
        future=list(range(1, end)),
        values=plain["values"] | {"2": "?"},
        later=["2_0", "2_1", *plain["later"]],
    )
    stepper.switch(how, "p", "predict")
    stepper.check(1)


def test_nothing_tells_an_answer_before_it_is_asked_for(new_page: Pages) -> None:
    steps = backprop(Value(3.0, label="x") * 1234.5, learning_rate=0.1)
    one = document(new_page, steps)
    one.press("p")
    shown = "root => root.innerText + [...root.querySelectorAll('text')].map(t => t.textContent)"
    hidden = "part => getComputedStyle(part).visibility"
    for number, answer in enumerate(("3703.5", None, "1234.5", "-120.45"), 1):
        assert one.at() == number
        assert (
            one.root.locator(".gg-sentence").inner_text()
            == f"{question(steps, steps[number - 1])}what?"
        )
        cells = one.row(number).locator("td")
        assert cells.nth(6).evaluate(hidden) == "hidden"
        assert cells.nth(0).evaluate(hidden) == "visible"
        if answer not in (None, "1234.5"):  # this is a number of the question, too
            assert answer not in one.root.evaluate(shown)
        one.press("Enter")
        assert cells.nth(6).evaluate(hidden) == "visible"
        assert answer is None or answer in one.root.evaluate(shown)
        one.press("ArrowRight")


def test_every_backward_answer_is_a_question_mark_in_the_box(stepper: Stepper) -> None:
    stepper.press("p")
    for number, step in enumerate(stepper.steps, 1):
        shown = stepper.shown()
        goal = str(step.node if step.parent is None else step.parent)
        kind, other = ("gradients", "values")
        if step.phase in ("forward", "update"):
            kind, other = other, kind
        assert shown[kind][goal] == "?"
        assert "?" not in shown[other].values()
        assert shown["check"] == ""
        assert shown["secret"] == [number - 1]
        assert shown["equations"][-1].endswith("?")
        stepper.press("ArrowRight")


def test_a_wrong_guess_tells_nothing(stepper: Stepper) -> None:
    stepper.press("p")
    asked = stepper.shown()
    for text, verdict in (
        ("4", AGAIN),
        ("-3", AGAIN),
        ("three", "That is no number."),
        ("3.0.0", "That is no number."),
        ("3.05", AGAIN),
    ):
        stepper.guess(text)
        assert stepper.shown() == asked | {"verdict": verdict}
        assert stepper.field.input_value() == text


def test_a_right_guess_shows_the_answer(stepper: Stepper) -> None:
    stepper.press("p")
    future = list(range(1, len(stepper.steps)))
    # As it is written anywhere, and within one per cent.
    for text in ("3", "3.0", "3,0", " 3 ", "2.98", "3.02", "0.3e1"):
        stepper.guess(text)
        stepper.check(1, predicting="true", guessing=True, verdict="Right.", future=future)
        assert stepper.field.input_value() == text
        stepper.click("first")
        shown = stepper.shown()
        assert (shown["verdict"], shown["secret"]) == ("", [0])
        assert stepper.field.input_value() == ""


def test_a_minus_of_any_kind_is_one(new_page: Pages) -> None:
    one = document(new_page, backprop(Value(-1.0, label="x") * 1.5))
    one.press("p")
    for text in ("-1.5", "−1.5", "-1,5"):
        one.guess(text)
        assert one.shown()["verdict"] == "Right."
        one.click("first")


def test_an_infinity_is_guessed_by_its_name(new_page: Pages) -> None:
    one = document(new_page, backprop(Value(1e200, label="x") * 1e200))
    one.press("p")
    for text, verdict in (("nan", AGAIN), ("1e300", AGAIN), ("INF", "Right.")):
        one.guess(text)
        assert one.shown()["verdict"] == verdict


def test_a_guess_is_checked_by_its_button(stepper: Stepper) -> None:
    stepper.click("predict")
    stepper.field.fill("3")
    stepper.root.get_by_role("button", name="Check").click()
    assert stepper.shown()["verdict"] == "Right."


@pytest.mark.parametrize("how", ["Show", "Enter", "an empty guess", "Enter on Show"])
def test_the_answer_is_shown_when_asked_for(how: str, stepper: Stepper) -> None:
    stepper.press("p", *["ArrowRight"] * 6)
    show = stepper.root.get_by_role("button", name="Show", exact=True)
    if how == "Show":
        show.click()
    elif how == "Enter":
        stepper.press("Enter")
    elif how == "an empty guess":
        stepper.guess("")
    else:
        show.press("Enter")
    future = list(range(7, len(stepper.steps)))
    stepper.check(7, predicting="true", guessing=True, future=future)
    assert show.get_attribute("aria-disabled") == "true"


def test_letters_switch_the_modes_except_while_typing(stepper: Stepper) -> None:
    stepper.press("p")
    stepper.field.click()
    stepper.root.page.keyboard.type("pm p")
    stepper.press("ArrowLeft", "Home", "End")
    assert stepper.field.input_value() == "pm p"
    assert (stepper.at(), stepper.shown()["predicting"]) == (1, "true")
    stepper.focus()
    stepper.press("P")
    assert stepper.shown()["predicting"] == "false"


def test_predicting_hides_the_three_factors_too(new_page: Pages) -> None:
    one = document(new_page, step_neuron(2.0, 3.0, 1.0))
    assert one.root.locator(".gg-chain").is_visible()
    one.click("predict")
    assert one.root.locator(".gg-chain").is_hidden()
    one.click("predict")
    assert one.root.locator(".gg-chain").is_visible()


# The mistakes.


@pytest.mark.parametrize("how", ["button", "key"])
def test_the_mistakes_come_and_go(how: str, stepper: Stepper) -> None:
    button, table = stepper.button("wrong"), stepper.root.locator(".gg-mistakes")
    for is_open in (False, True, False):
        assert table.is_visible() == is_open
        assert button.get_attribute("aria-expanded") == str(is_open).lower()
        stepper.check(1, mistakes=is_open)
        stepper.switch(how, "m", "wrong")
    assert "≠ 3, first" in table.inner_text()
    assert stepper.root.locator(".gg-wrong .gg-off").count() > 0


def test_a_digit_begins_a_guess_and_enter_goes_on(new_page: Pages) -> None:
    one = fragment(new_page, shared())
    one.focus()
    one.press("p", "3", "Enter")
    assert one.shown()["verdict"] == "Right."
    one.press("Enter")
    assert one.at() == 2
    one.press("Escape", "ArrowRight")
    assert one.at() == 3
