"""Predicting: every answer is hidden, everywhere, until the reader asks for it or is right."""

from typing import Any

import pytest
from browsing import Pages
from needing import mostly_slow
from stepping import (
    Stepper,
    document,
    fragment,
    lecture,
    network,
    neuron,
    reductions,
    shared,
    with_loss,
)

from glassgrad import Value, backprop
from glassgrad.viz.told import tell

RIGHT, AGAIN = "Right. Enter goes on.", "Not yet: try again."
SEEN = """root => {
  const stage = root.querySelector(".gg-stage"), all = (selector, read) =>
    Array.from(stage.querySelectorAll(selector), read).filter(Boolean);
  const isSeen = part => part.checkVisibility({ visibilityProperty: true });
  return [stage.innerText, ...all("svg text", part => isSeen(part) && part.textContent),
    ...all("title", part => part.textContent), ...all("[title]", part => part.title),
    ...all("[aria-label]", part => part.getAttribute("aria-label")),
    ...all("[aria-valuetext]", part => part.getAttribute("aria-valuetext"))].join(" | ");
}"""
"""All that can be read on the page, also by pointing at it or by a reader of the screen."""


@pytest.fixture
def stepper(new_page: Pages) -> Stepper:
    return document(new_page, shared())


@pytest.mark.parametrize("how", ["button", "key"])
def test_predicting_hides_and_shows(how: str, stepper: Stepper) -> None:
    plain = stepper.shown()
    stepper.switch(how, "p", "predict")
    shown = stepper.shown()
    index = str(stepper.steps[0].node)
    assert shown["predicting"] == "true"
    assert shown["guessing"]
    assert shown["says"] == "Forward: a = x + 1 = 2 + 1 = what?"
    assert shown["equations"] == ["formulax + 1=with numbers2 + 1=value of a?"]
    assert shown["values"] == plain["values"] | {index: "?"}
    stepper.switch(how, "p", "predict")
    stepper.check(1)


@pytest.mark.parametrize(
    "build",
    mostly_slow([neuron, lecture, reductions, with_loss]),
    ids=lambda build: build.__name__,
)
def test_nothing_tells_an_answer_before_it_is_asked_for(build: Any, new_page: Pages) -> None:
    one = document(new_page, build(), reduced_motion="reduce")
    one.press("p")
    told = [tell(one.steps, step) for step in one.steps]
    answers, questions = [str(t.answer) for t in told], [str(t.asks) for t in told]
    given = [f"{node.data:.4g}" for node in one.steps.diagram if not node.parents]
    hidden = 0
    read = f"""root => [({SEEN})(root), root.querySelector(".gg-sentence").textContent]"""
    for drawer in ("table", "words"):
        one.click(f"open-{drawer}")
        seen = one.shown_after(*(do for i in range(len(answers)) for do in (i, "Enter")), read=read)
        for place, (answer, (before, asks), (after, _)) in enumerate(
            zip(answers, seen[::2], seen[1::2], strict=True)
        ):
            assert "what?" in asks
            assert answer in after
            digits = answer.strip("-")
            known = (questions[place], *answers[:place], *given)
            if len(digits) < 5 or any(digits in text for text in known):
                continue  # it is a number of the question, or of a step before
            assert digits not in before, (drawer, place + 1, answer)
            hidden += 1
    assert hidden >= 6


def test_layers_are_asked_for_by_their_first_neuron(new_page: Pages) -> None:
    one = document(new_page, network(), reduced_motion="reduce")
    one.press("p")
    read = """root => [root.stage.step().phase, root.querySelector(".gg-sentence").textContent,
      Array.from(root.querySelectorAll(".gg-answer b"), part => part.textContent).join("")]"""
    does = (do for i in range(one.stage("count")) for do in (i, "Enter"))
    found = one.shown_after(*does, read=read)
    asked = 0
    for (phase, asks, answer), (_, says, _) in zip(found[::2], found[1::2], strict=True):
        if phase != "update":
            assert asks.endswith("what?")
            assert "?" in answer
            assert "what?" not in says
            asked += 1
    assert asked == one.stage("count") - 3  # those of the three layers are no questions


def test_drawers_with_the_answers_and_predicting_exclude_each_other(new_page: Pages) -> None:
    one = document(new_page, with_loss())
    for drawer in ("mistakes", "explore", "more"):
        one.click(f"open-{drawer}")
        for predicting, is_open in (("true", False), ("false", True)):
            one.click("predict" if not is_open else f"open-{drawer}")
            shown = one.shown()
            assert (shown["predicting"], shown["drawer"]) == (predicting, drawer * is_open or None)
        one.click("close")
    one.press("p", "n")
    assert (one.shown()["predicting"], one.shown()["drawer"]) == ("true", None)


def test_a_wrong_guess_tells_nothing(stepper: Stepper) -> None:
    stepper.press("p")
    asked = stepper.shown()
    for text, verdict in (
        *(("4", AGAIN), ("-3", AGAIN), ("3.05", AGAIN)),
        *(("three", "That is no number."), ("3.0.0", "That is no number.")),
    ):
        stepper.guess(text)
        assert stepper.shown() == asked | {"verdict": verdict}
        assert stepper.field.input_value() == text


@pytest.mark.parametrize(
    ("y", "texts"),
    [
        (lambda: Value(1.5, label="x") * 2.0, ("3", "3.0", "3,0", " 3 ", "2.98", "3.02", "0.3e1")),
        (lambda: Value(-1.0, label="x") * 1.5, ("-1.5", "−1.5", "-1,5")),
        (lambda: Value(1e200, label="x") * 1e200, ("INF", "inf")),
    ],
)
def test_a_right_guess_shows_the_answer(y: Any, texts: tuple, new_page: Pages) -> None:
    one = document(new_page, backprop(y()))
    one.press("p")
    for text in texts:  # as it is written anywhere, and within one per cent
        one.guess(text)
        shown = one.shown()
        assert (shown["verdict"], "what?" in shown["says"]) == (RIGHT, False)
        one.click("first")
        assert one.shown()["verdict"] == ""
        assert "what?" in one.shown()["says"]
        assert one.field.input_value() == ""
    one.guess("nan")
    assert one.shown()["verdict"] in (AGAIN, "That is no number.")


@pytest.mark.parametrize("how", ["Show", "Check", "Enter", "an empty guess", "Enter on Show"])
def test_the_answer_is_shown_when_asked_for(how: str, stepper: Stepper) -> None:
    stepper.press("p", *["ArrowRight"] * 6)
    button = stepper.root.get_by_role("button", name=how.rsplit(maxsplit=1)[-1], exact=True)
    if how in ("Show", "Check"):
        button.click()
    elif how == "Enter":
        stepper.press("Enter")
    elif how == "an empty guess":
        stepper.guess("")
    else:
        button.press("Enter")
    stepper.check(7, predicting="true", guessing=True)
    show = stepper.root.get_by_role("button", name="Show", exact=True)
    assert show.get_attribute("aria-disabled") == "true"


def test_letters_switch_the_modes_except_while_typing(stepper: Stepper) -> None:
    stepper.press("p")
    stepper.field.click()
    stepper.root.page.keyboard.type("pm p")
    stepper.press("ArrowLeft", "Home", "End")
    assert stepper.field.input_value() == "pm p"
    assert (stepper.at(), stepper.shown()["predicting"]) == (1, "true")
    stepper.press("Escape", "P")
    assert stepper.shown()["predicting"] == "false"


def test_a_digit_begins_a_guess_and_enter_goes_on(new_page: Pages) -> None:
    one = fragment(new_page, shared())
    one.focus()
    one.press("p", "3", "Enter")
    assert one.shown()["verdict"] == RIGHT
    one.press("Enter")
    assert one.at() == 2
    one.press("Escape", "ArrowRight")
    assert one.at() == 3


def test_an_arrow_goes_on_from_what_is_answered_and_moves_in_what_is_not(
    stepper: Stepper,
) -> None:
    stepper.press("p", "4", "ArrowLeft", "ArrowRight")
    assert stepper.at() == 1
    stepper.guess("3")
    stepper.press("Control+ArrowRight")
    assert stepper.at() == 1
    for number, how in ((2, "the field"), (3, "Show")):
        stepper.press("ArrowRight")
        assert (stepper.at(), stepper.shown()["verdict"], stepper.field.input_value()) == (
            *(number, ""),
            "",
        ), how
        stepper.root.get_by_role("button", name="Show", exact=True).click()
    stepper.go(len(stepper.steps))
    stepper.guess(str(tell(stepper.steps, stepper.steps[-1]).answer))
    assert stepper.shown()["verdict"] == "Right."  # nothing comes after it


def test_the_stage_has_the_keys_where_nothing_is_asked(new_page: Pages) -> None:
    one = document(new_page, network())
    last = next(i for i in range(one.stage("count")) if is_update(one, i)) - 1
    one.stage("go", last)
    one.press("p", "1")
    one.root.get_by_role("button", name="Show", exact=True).click()
    one.press("ArrowRight")
    assert one.stage("step")["phase"] == "update"
    assert not one.field.is_visible()
    one.press("ArrowRight", "ArrowLeft", "ArrowLeft")
    assert one.stage("index") == last


def is_update(one: Stepper, index: int) -> bool:
    one.stage("go", index)
    return one.stage("step")["phase"] == "update"
