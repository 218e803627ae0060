"""The stepper in a browser while it plays.

Time is Playwright's fake clock, so that no test waits for a step to be played.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from browsing import Pages
from stepping import Stepper, document, shared

if TYPE_CHECKING:
    from playwright.sync_api import Clock

PACE, CALM_PACE = 2_000, 4_000
"""How long a step stays while playing, in milliseconds; longer where less motion is wished."""


@pytest.fixture
def stepper(new_page: Pages) -> Stepper:
    return document(new_page, shared(), clock=True)


def stopped_clock(stepper: Stepper) -> "Clock":
    """The clock of the page, which goes only as far as it is told to."""
    clock = stepper.root.page.clock
    clock.pause_at(60_000)
    return clock


def played(stepper: Stepper) -> str:
    return stepper.shown()["player"]


def test_playing_goes_one_step_at_a_time_and_stops_at_the_end(stepper: Stepper) -> None:
    clock, end = stopped_clock(stepper), len(stepper.steps)
    stepper.click("play")
    for number in range(1, end):
        stepper.check(number, player="Pause")
        clock.run_for(PACE - 1)
        stepper.check(number, player="Pause")
        clock.run_for(1)
    stepper.check(end)
    clock.run_for(10 * PACE)
    stepper.check(end)
    stepper.click("play")  # from the start again
    stepper.check(1, player="Pause")


def test_less_motion_plays_at_half_the_pace(new_page: Pages) -> None:
    calm = document(new_page, shared(), clock=True, reduced_motion="reduce")
    clock = stopped_clock(calm)
    calm.click("play")
    clock.run_for(CALM_PACE - 1)
    calm.check(1, player="Pause")
    clock.run_for(1)
    calm.check(2, player="Pause")


@pytest.mark.parametrize("how", ["button", "key", "key on the button"])
def test_playing_pauses_where_it_is(how: str, stepper: Stepper) -> None:
    clock = stopped_clock(stepper)
    if how == "key on the button":
        stepper.button("play").focus()

    def switch_player() -> None:
        stepper.switch("key" if how.startswith("key") else how, " ", "play")

    switch_player()
    clock.run_for(2 * PACE)
    stepper.check(3, player="Pause")
    switch_player()
    clock.run_for(5 * PACE)
    stepper.check(3)
    switch_player()
    clock.run_for(PACE)
    stepper.check(4, player="Pause")


def test_space_on_a_button_presses_it_and_plays_nothing(stepper: Stepper) -> None:
    stepper.go(5)
    stepper.button("back").focus()
    stepper.press(" ")
    stepper.check(4)


def test_space_on_the_slider_plays(stepper: Stepper) -> None:
    stepper.slider.focus()
    stepper.press(" ")
    assert played(stepper) == "Pause"


def moves() -> dict[str, tuple[Callable[[Stepper], object], int]]:
    """What a reader may do while step 4 plays, and the step after it."""
    return {
        "ArrowLeft": (lambda one: (one.focus(), one.press("ArrowLeft")), 3),
        "End": (lambda one: (one.focus(), one.press("End")), 10),
        "forward": (lambda one: one.click("forward"), 5),
        "a row": (lambda one: one.row(8).click(), 8),
        "a node": (lambda one: one.box("x").click(position={"x": 20, "y": 15}), 9),
        "the slider": (lambda one: one.slider.press("ArrowRight"), 5),
    }


@pytest.mark.parametrize("name", moves())
def test_playing_stops_by_any_move(name: str, stepper: Stepper) -> None:
    act, number = moves()[name]
    clock = stopped_clock(stepper)
    drawer = "table" if name == "a row" else None
    if drawer:
        stepper.press("t")
    stepper.go(4)
    stepper.click("play")
    assert played(stepper) == "Pause"
    act(stepper)
    stepper.check(number, drawer=drawer)
    clock.run_for(5 * PACE)
    stepper.check(number, drawer=drawer)


def test_playing_while_predicting_asks_first_and_tells_then(stepper: Stepper) -> None:
    clock = stopped_clock(stepper)
    stepper.press("p", " ")
    for number in range(1, len(stepper.steps) + 1):
        for is_asked in (True, False):
            shown = stepper.shown()
            assert (stepper.at(), "what?" in shown["says"]) == (number, is_asked)
            is_over = number == len(stepper.steps) and not is_asked
            assert shown["player"] == ("Play" if is_over else "Pause")
            clock.run_for(PACE)


def test_a_stepper_that_left_the_page_stops_playing(stepper: Stepper) -> None:
    page, clock = stepper.root.page, stopped_clock(stepper)
    stepper.click("play")
    page.evaluate("""() => {
      window.gone = document.querySelector(".glassgrad-stage");
      gone.remove();
    }""")
    clock.run_for(3 * PACE)
    count = "gone.querySelector('.gg-count').textContent"
    label = "gone.querySelector('.gg-play').getAttribute('aria-label')"
    assert page.evaluate(f"[{count}, {label}]") == ["step 1 of 10", "Play"]


OPACITY = """([root, name]) => getComputedStyle(
  root.querySelector(`[data-role=receiver] .${name}`)).opacity"""


@pytest.mark.parametrize(("phase", "number"), [("forward", "value"), ("backward", "gradient")])
def test_a_number_arrives_with_what_carries_it(phase: str, number: str, stepper: Stepper) -> None:
    clock = stopped_clock(stepper)
    at = next(step.index for step in stepper.steps if step.phase == phase)

    def opacity() -> str:
        root = stepper.root.element_handle()
        return stepper.root.page.evaluate(OPACITY, [root, f"gg-{number}"])

    stepper.stage("go", at)
    for _ in range(5):
        clock.run_for(100)
        assert opacity() == "0"
    clock.run_for(PACE)
    assert opacity() == "1"
