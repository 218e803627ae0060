"""The stepper as a widget: its `index` in Python, and its module in a browser without Jupyter.

The notebook that holds one is in `test_jupyterlab.py`. Here a small stand-in for the model that
Jupyter gives the page notes every message between the two.
"""

import sys
from typing import TYPE_CHECKING

import browsing
import pytest

from glassgrad import Backprop, Value, backprop
from glassgrad.viz.backprop import ADVICE, _stepper_class, widget_module
from glassgrad.viz.page import Page
from glassgrad.viz.stage import MOST_STEPS

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

COUNT = 9

PAGE = '<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,"><body></body>'
STAND_IN = """([module, html, places]) => {
  /* Like the model of a notebook: `set` tells all listeners, `save_changes` sends what is new. */
  function modelOf(index) {
    const state = { html, index }, heard = [], saved = [];
    let isNew = false;
    function change(key, value) {
      if (state[key] === value) { return false; }
      state[key] = value;
      heard.slice().forEach((listener) => listener());
      return true;
    }
    return {
      saved, heard,
      receive(value) { change("index", value); },
      get: (key) => state[key],
      set(key, value) { isNew = change(key, value) || isNew; },
      save_changes() { if (isNew) { isNew = false; saved.push(state.index); } },
      on(event, listener) { if (event === "change:index") { heard.push(listener); } },
      off(event, listener) {
        const at = heard.indexOf(listener);
        if (event === "change:index" && at >= 0) { heard.splice(at, 1); }
      },
    };
  }
  const address = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
  return import(address).then(({ default: widget }) => {
    window.models = places.map(modelOf);
    window.ends = models.map((model) => {
      const el = document.body.appendChild(document.createElement("section"));
      return widget.render({ model, el });
    });
  });
}"""


def steps() -> Backprop:
    x, w = Value(2.0, label="x"), Value(-0.75, label="w")
    return backprop((x * w + x).tanh())


MODULE = widget_module(Page(steps()))


# In Python.


@pytest.mark.needs("anywidget")
def test_a_widget_begins_at_the_first_step() -> None:
    assert steps().widget().index == 0


@pytest.mark.parametrize(("asked", "index"), [(5, 5), (8, 8), (-1, 8), (-9, 0)])
@pytest.mark.needs("anywidget")
def test_the_index_may_count_from_the_end(asked: int, index: int) -> None:
    widget = steps().widget()
    widget.index = asked
    assert widget.index == index


@pytest.mark.parametrize("asked", [9, -10, 10**30])
@pytest.mark.needs("anywidget")
def test_an_impossible_index_is_refused_with_the_numbers_there_are(asked: int) -> None:
    from traitlets import TraitError

    widget = steps().widget()
    widget.index = 3
    with pytest.raises(TraitError) as caught:
        widget.index = asked
    assert str(caught.value) == (
        "The page shows the steps 0 to 8, or -1 from the last back to -9; "
        f"there is no step {asked}."
    )
    assert widget.index == 3


@pytest.mark.parametrize("asked", ["3", 2.5, None])
@pytest.mark.needs("anywidget")
def test_an_index_is_a_whole_number(asked: object) -> None:
    from traitlets import TraitError

    widget = steps().widget()
    with pytest.raises(TraitError):
        widget.index = asked
    assert widget.index == 0


@pytest.mark.needs("anywidget")
def test_python_hears_every_move() -> None:
    widget, heard = steps().widget(), []
    widget.observe(lambda change: heard.append((change["old"], change["new"])), "index")
    widget.index = 5
    widget.index = 5
    widget.index = -1
    assert heard == [(0, 5), (5, 8)]


@pytest.mark.needs("anywidget")
def test_two_widgets_of_the_same_steps_are_independent() -> None:
    shared = steps()
    one, two = shared.widget(), shared.widget()
    one.index = 4
    assert (one.index, two.index) == (4, 0)


@pytest.mark.needs("anywidget")
def test_a_widget_sends_the_page_without_the_script_of_pages() -> None:
    widget = steps().widget()
    state = widget.get_state(["html", "index", "_esm"])
    assert state["html"].startswith('<div class="glassgrad-stage"')
    assert 'class="gg-data"' in state["html"]
    assert "function" not in state["html"]
    assert state["_esm"] == MODULE


@pytest.mark.everywhere
def test_without_anywidget_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _stepper_class.cache_clear()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ImportError) as caught:
        steps().widget()
    assert str(caught.value) == ADVICE
    assert 'pip install "glassgrad[widget]"' in ADVICE


# In a browser, without Jupyter.


@pytest.fixture
def page(new_page: browsing.Pages) -> "Page":
    return shown(new_page, steps(), 0)


def shown(new_page: browsing.Pages, what: Backprop, *places: int) -> "Page":
    """A page with a widget for each place where one begins; its clock stands still."""
    page = new_page(clock=True)
    page.goto("data:text/html," + PAGE)
    page.clock.pause_at(3_600_000)
    page.evaluate(STAND_IN, [MODULE, Page(what, what.more()).element, places])
    return page


def saved(page: "Page", widget: int = 0) -> list[int]:
    """The places that the page has told its model to save."""
    return page.evaluate("(i) => models[i].saved", widget)


def receive(page: "Page", index: int, widget: int = 0) -> None:
    page.evaluate("([i, index]) => models[i].receive(index)", [widget, index])


def count(page: "Page", widget: int = 0) -> str:
    return part(page, widget).locator(".gg-count").inner_text()


def part(page: "Page", widget: int = 0) -> "Locator":
    return page.locator("body > section").nth(widget)


def click(page: "Page", name: str, widget: int = 0) -> None:
    part(page, widget).get_by_role("button", name=name).click()


def test_a_move_in_the_page_is_saved(page: "Page") -> None:
    assert saved(page) == []
    click(page, "Step forward")
    click(page, "Step forward")
    click(page, "Last step")
    part(page).locator(".gg-equation").click(position={"x": 3, "y": 3})
    page.keyboard.press("ArrowLeft")
    assert saved(page) == [1, 2, 8, 7]
    assert page.evaluate("models[0].get('index')") == 7


def test_the_model_moves_the_page(page: "Page") -> None:
    receive(page, 5)
    assert count(page) == "step 6 of 9"
    receive(page, 0)
    assert count(page) == "step 1 of 9"


def test_a_widget_opens_where_its_model_is(new_page: browsing.Pages) -> None:
    page = shown(new_page, steps(), 6)
    assert count(page) == "step 7 of 9"


def test_playing_goes_on_though_the_model_answers(page: "Page") -> None:
    click(page, "Play")
    page.clock.run_for(6_500)
    assert saved(page) == [1, 2, 3]
    assert part(page).get_by_role("button", name="Pause").is_visible()
    page.clock.run_for(20_000)
    assert saved(page) == list(range(1, COUNT))
    assert part(page).get_by_role("button", name="Play").is_visible()


def test_python_stops_what_plays_when_it_moves(page: "Page") -> None:
    click(page, "Play")
    receive(page, 6)
    assert count(page) == "step 7 of 9"
    assert part(page).get_by_role("button", name="Play").is_visible()


def test_a_widget_that_is_taken_away_hears_nothing_more(page: "Page") -> None:
    assert page.evaluate("models[0].heard.length") == 1
    page.evaluate("ends[0]()")
    assert page.evaluate("models[0].heard.length") == 0
    receive(page, 5)
    assert count(page) == "step 1 of 9"


def test_a_widget_that_is_taken_away_while_it_plays_stops(page: "Page") -> None:
    click(page, "Play")
    page.evaluate("ends[0](); document.querySelector('section').remove()")
    page.clock.run_for(20_000)
    assert saved(page) in ([], [1])  # at most the tick that finds out


def test_two_widgets_in_one_page_are_independent(new_page: browsing.Pages) -> None:
    page = shown(new_page, steps(), 0, 3)
    click(page, "Step forward", widget=0)
    assert (count(page, 0), count(page, 1)) == ("step 2 of 9", "step 4 of 9")
    receive(page, 8, widget=1)
    assert (count(page, 0), count(page, 1)) == ("step 2 of 9", "step 9 of 9")
    assert (saved(page, 0)[-1:], saved(page, 1)) == ([1], [])


@pytest.mark.slow
def test_a_widget_of_very_many_steps_counts_as_python_does(new_page: browsing.Pages) -> None:
    y = Value(1.0, label="x")
    for _ in range(MOST_STEPS):
        y = y * 1.0
    many = backprop(y)
    last = len(many) - 1
    first = next(s.index for s in many if s.phase == "seed") - 500
    page = shown(new_page, many, first + 10)
    assert count(page) == f"step {first + 11} of {len(many)}"
    click(page, "Step forward")
    assert saved(page)[-1] == first + 11
    receive(page, last)
    assert count(page).endswith(f"of {len(many)}")
