"""The pages for every reader: axe-core's rules, dark, high contrast, less motion, narrow screens.

axe-core is the engine of accessibility checkers that browsers build in; here it runs on the page
in the states that a reader can bring it into, and must find nothing.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from browsing import Pages
from lecture import lecture_neuron
from stepping import HEAD, Stepper, batch, document, fragment, shared, steppers, with_loss

from glassgrad import MLP, Backprop, Value, backprop, draw

if TYPE_CHECKING:
    from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAPER, DARK_PAPER = "rgb(255, 255, 255)", "rgb(20, 24, 31)"


@cache
def page_of(build: Callable[[], Backprop]) -> str:
    return build().standalone_html()


STILL = """async () => {
  for (let i = 0; i < 2; i += 1) { await new Promise(requestAnimationFrame); }
  const ends = document.getAnimations().filter(each => each.effect.getComputedTiming().endTime < 1e6);
  await Promise.allSettled(ends.map(each => each.finished));
}"""  # noqa: E501
"""Waits until the page is drawn as it was asked to be, and its colours have changed."""


def violations(page: "Page") -> list[str]:
    """What axe-core finds: the rule, and the first of the places with the reason."""
    from axe_playwright_python.sync_playwright import Axe

    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    page.evaluate(STILL)
    options = {"runOnly": TAGS, "resultTypes": ["violations"]}
    found = page.evaluate("async options => (await axe.run(options)).violations", options)
    return [
        f"{rule['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


# Every state that a reader can bring the page into: what is done, by keys and by a function.

STATES: dict[str, str] = {
    **{"as it opens": "", "at the end": "End", "playing": " ", "mistakes": "m, End"},
    **{"predicting": "go 2, p, 1, 0, Enter", "told": "go 9, p, Enter", "explore": "e, n, n"},
    **{"table, and a number typed": "t, End, Enter on a leaf", "factors": "go 8, open-more"},
    **{"words of a changed number": "go 9, w, ArrowUp on a leaf"},
}


def bring(one: Stepper, state: str) -> None:
    for part in filter(None, STATES[state].split(", ")):
        kind, _, rest = part.partition(" ")
        if kind == "go" and rest:
            one.go(int(rest))
        elif part.startswith("open-"):
            one.click(part)
        elif part.endswith("on a leaf"):
            one.root.get_by_role("spinbutton").first.focus()
            one.press(kind)
        else:
            one.press(part)


WIDE, NARROW = {"width": 1200, "height": 1600}, {"width": 320, "height": 800}


def assert_axe_finds_nothing(page: "Page") -> None:
    """Contrast hangs on the colours, the layout on the width: all of them are seen."""
    for viewport, colours in ((WIDE, "light"), (NARROW, "dark")):
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=colours)
        assert violations(page) == [], (viewport, colours)


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(state: str, new_page: Pages) -> None:
    page = new_page.show(page_of(with_loss), reduced_motion="reduce", viewport=WIDE)
    (one,) = steppers(page, with_loss())
    bring(one, state)
    assert_axe_finds_nothing(page)


def network_of_leaves() -> Backprop:
    """One whose inputs are discs that can be dragged."""
    y = MLP(2, [2, 1], seed=1)([Value(1.0, label="x1"), Value(-0.5, label="x2")])
    return backprop(y * y, learning_rate=0.1)


@pytest.mark.parametrize(
    ("build", "level"),
    [
        (network_of_leaves, "network"),
        (network_of_leaves, "layer 2, neuron 1"),
        (batch, "network, sample 3"),
    ],
)
def test_axe_finds_nothing_on_a_network(build: Any, level: str, new_page: Pages) -> None:
    page = new_page.show(page_of(build), reduced_motion="reduce", viewport=WIDE)
    (one,) = steppers(page, build())
    one.stage("open", level)
    one.press("t", "End")
    one.root.get_by_role("spinbutton").first.focus()
    assert_axe_finds_nothing(page)


def test_axe_finds_nothing_with_high_contrast(new_page: Pages) -> None:
    page = new_page.show(page_of(with_loss), forced_colors="active", reduced_motion="reduce")
    (one,) = steppers(page, with_loss())
    bring(one, "words of a changed number")
    assert violations(page) == []


def test_axe_finds_nothing_where_scripts_do_not_run(new_page: Pages) -> None:
    page = new_page.show(re.sub(r"<script>.*?</script>", "", page_of(with_loss), flags=re.DOTALL))
    assert page.locator("button").count() == 0
    assert_axe_finds_nothing(page)


def test_axe_finds_nothing_on_two_fragments(new_page: Pages) -> None:
    heading = "<main><h1>Two of them</h1>"
    page = new_page.show(f"{HEAD}{heading}{with_loss().html()}{shared().html()}</main>")
    for stepper in page.locator(".gg-predict").all():
        stepper.click()
    assert violations(page) == []


def test_axe_finds_nothing_on_the_page_of_a_drawing(new_page: Pages) -> None:
    page = new_page()
    page.goto(draw(lecture_neuron(), derivatives=True).save(new_page.folder / "x.html").as_uri())
    assert_axe_finds_nothing(page)


def test_axe_would_find_something(new_page: Pages) -> None:
    page = new_page.show(page_of(with_loss))
    page.evaluate("""() => {
      const button = document.querySelector("button.gg-first");
      for (const name of ["aria-label", "title"]) button.removeAttribute(name);
    }""")
    assert {found.split(":")[0] for found in violations(page)} == {"button-name"}


# What axe does not look at.


def test_every_control_has_a_name_and_a_size(new_page: Pages) -> None:
    one = document(new_page, with_loss(), viewport=WIDE)
    one.click("predict")
    for drawer in (None, "table", "words"):
        if drawer:
            one.click(f"open-{drawer}")
        for size in (WIDE, NARROW):
            one.root.page.set_viewport_size(size)
            controls = one.root.locator("button:visible, input:visible, select:visible")
            # On a phone the drawers that would end the guessing are left out meanwhile.
            assert controls.count() >= (15 if size == WIDE else 13)
            small = controls.evaluate_all("""all => all.filter(part => {
              const { width, height } = part.getBoundingClientRect();
              return Math.min(width, height) < 24;
            }).map(part => part.outerHTML)""")
            assert small == [], size
    names = ["First step", "Step back", "Play", "Step forward", "Last step", "Predict", "Mistakes"]
    one.root.page.set_viewport_size(WIDE)
    for name in names:
        assert one.root.get_by_role("button", name=name, exact=True).is_visible()


def test_every_step_is_spoken(new_page: Pages) -> None:
    one = fragment(new_page, shared())
    sentence = one.root.locator(".gg-sentence")
    assert sentence.get_attribute("aria-live") == "polite"
    assert one.root.locator(".gg-verdict").get_attribute("role") == "status"
    assert one.root.locator(".gg-equation").get_attribute("aria-hidden") == "true"
    leaf = one.root.get_by_role("spinbutton", name="x")
    leaf.focus()
    one.press("ArrowUp")
    assert leaf.get_attribute("aria-valuetext") == "2.1"
    assert "2.1" in sentence.text_content()


def papers(one: Stepper) -> set[str]:
    """The colours behind the stage and behind its boxes."""
    return {
        one.root.evaluate("root => getComputedStyle(root).backgroundColor"),
        one.box("y").locator("rect").first.evaluate("p => getComputedStyle(p).fill"),
    }


@pytest.mark.parametrize(
    ("colours", "marker", "paper"),
    [
        ("light", "", PAPER),
        ("dark", "", DARK_PAPER),
        ("light", 'data-jp-theme-light="false"', DARK_PAPER),
        ("light", 'class="vscode-dark"', DARK_PAPER),
        ("dark", 'data-jp-theme-light="true"', PAPER),
        ("dark", 'class="vscode-light"', PAPER),
    ],
)
def test_the_page_is_dark_where_its_surroundings_are(
    colours: str, marker: str, paper: str, new_page: Pages
) -> None:
    one = fragment(new_page, shared(), f"<body {marker}>", color_scheme=colours)
    assert papers(one) == {paper}
    if not marker:
        other = {"light": "dark", "dark": "light"}[colours]
        one.root.page.emulate_media(color_scheme=other)
        assert papers(one) == {PAPER, DARK_PAPER} - {paper}


def test_high_contrast_keeps_everything_readable(new_page: Pages) -> None:
    one = fragment(new_page, shared(), forced_colors="active")
    one.go(6)
    one.click("predict")
    found = one.root.evaluate("""root => {
      const of = selector => getComputedStyle(root.querySelector(selector));
      return {
        button: [of(".gg-predict").color, of(".gg-predict").backgroundColor],
        operation: [of(".gg-sign text").fill, of(".gg-sign rect").fill],
        node: [of(".gg-name").fill, of(".gg-outline").fill],
        value: [of(".gg-value").fill, of(".gg-outline").fill],
        gradient: [of(".gg-gradient").fill, of(".gg-outline").fill],
        lit: [of("[data-role] > rect").stroke, of(".gg-outline").stroke],
        edge: [of(".gg-backward path").stroke, of(".gg-frame").backgroundColor],
        token: [of(".gg-token text").fill, of(".gg-token rect").fill]
      };
    }""")
    for part, (ink, paper) in found.items():
        assert ink != paper, part


@pytest.mark.parametrize(("motion", "is_calm"), [("no-preference", False), ("reduce", True)])
def test_less_motion_where_it_is_wished(motion: str, is_calm: bool, new_page: Pages) -> None:
    one = fragment(new_page, shared(), reduced_motion=motion)
    moves = one.root.evaluate("""async root => {
      root.stage.go(4);
      const tokens = () => Array.from(root.querySelectorAll(".gg-token"), token =>
        token.getAttribute("transform") + token.style.opacity).join();
      const before = tokens();
      for (let i = 0; i < 20 && tokens() === before; i += 1) {
        await new Promise(requestAnimationFrame);
      }
      const { transitionDuration } = getComputedStyle(root.querySelector("svg.gg-picture"));
      return [before !== tokens(), transitionDuration !== "0s"];
    }""")
    assert moves == [not is_calm] * 2
