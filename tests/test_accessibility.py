"""The pages for every reader: axe-core's rules, dark, high contrast, less motion, narrow screens.

axe-core is the engine of accessibility checkers that browsers build in; here it runs on the page
in the states that a reader can bring it into, and must find nothing.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import pytest
from browsing import Pages
from lecture import lecture_neuron
from stepping import HEAD, Stepper, fragment, shared, steppers

from glassgrad import NeuronSteps, draw, step_neuron

if TYPE_CHECKING:
    from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAPER, DARK_PAPER = "rgb(255, 255, 255)", "rgb(28, 28, 30)"


@cache
def page_of_neuron() -> str:
    return with_loss().standalone_html()


def with_loss() -> NeuronSteps:
    weights, inputs = [2.0, -3.0], [1.0, 0.5]
    return step_neuron(weights, inputs, 0.5, "tanh", target=1.0, learning_rate=0.1)


def violations(page: "Page") -> list[str]:
    """What axe-core finds: the rule, and the first of the places with the reason."""
    from axe_playwright_python.sync_playwright import Axe

    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    options = {"runOnly": TAGS, "resultTypes": ["violations"]}
    found = page.evaluate("options => axe.run(options)", options)["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


# Every state that a reader can bring the page into.


def as_it_opens(one: Stepper) -> None:
    one.check(1)


def in_the_middle(one: Stepper) -> None:
    one.row(len(one.steps) // 2).click()


def at_the_end(one: Stepper) -> None:
    one.click("last")


def predicting(one: Stepper) -> None:
    one.click("forward", "predict")
    one.guess("1000")


def told(one: Stepper) -> None:
    one.click("predict")
    one.guess("")


def with_mistakes(one: Stepper) -> None:
    one.click("wrong")


def playing(one: Stepper) -> None:
    one.click("play")


STATES = [as_it_opens, in_the_middle, at_the_end, predicting, told, with_mistakes, playing]
WIDE, NARROW = {"width": 1200, "height": 1600}, {"width": 320, "height": 800}


@pytest.mark.parametrize("bring", STATES)
def test_axe_finds_nothing(bring: Callable[[Stepper], None], new_page: Pages) -> None:
    page = new_page.show(page_of_neuron(), reduced_motion="reduce")
    bring(steppers(page, with_loss())[0])
    # Contrast hangs on the colours, the layout on the width; each state is seen with all of them.
    for viewport, colours in ((WIDE, "light"), (NARROW, "dark")):
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=colours)
        assert violations(page) == [], (viewport, colours)


def test_axe_finds_nothing_with_high_contrast(new_page: Pages) -> None:
    page = new_page.show(page_of_neuron(), forced_colors="active", reduced_motion="reduce")
    in_the_middle(steppers(page, with_loss())[0])
    assert violations(page) == []


def test_axe_finds_nothing_where_scripts_do_not_run(new_page: Pages) -> None:
    page = new_page.show(page_of_neuron().replace("})(document)", "})"))
    assert page.locator(".gg-toolbar").count() == 0
    for colours in ("light", "dark"):
        page.emulate_media(color_scheme=colours)
        assert violations(page) == [], colours


def test_axe_finds_nothing_on_two_fragments(new_page: Pages) -> None:
    heading = "<main><h1>Two of them</h1>"
    page = new_page.show(f"{HEAD}{heading}{with_loss().html()}{shared().html()}</main>")
    for stepper in page.locator(".gg-predict").all():
        stepper.click()
    page.wait_for_timeout(300)  # until colours have changed
    assert violations(page) == []


def test_axe_finds_nothing_on_the_page_of_a_drawing(new_page: Pages) -> None:
    page = new_page()
    page.goto(draw(lecture_neuron(), derivatives=True).save(new_page.folder / "x.html").as_uri())
    for viewport in (WIDE, NARROW):
        page.set_viewport_size(viewport)
        for colours in ("light", "dark"):
            page.emulate_media(color_scheme=colours)
            assert violations(page) == [], (viewport, colours)


def test_axe_would_find_something(new_page: Pages) -> None:
    page = new_page.show(page_of_neuron())
    page.evaluate("""() => {
      const button = document.querySelector(".gg-first");
      for (const name of ["aria-label", "title"]) button.removeAttribute(name);
      document.querySelector(".gg-notes").style.color = "#999";
    }""")
    assert {found.split(":")[0] for found in violations(page)} == {"button-name"}


# What axe does not look at.


def test_every_control_has_a_name_and_a_size(new_page: Pages) -> None:
    one = fragment(new_page, shared())
    one.click("predict")
    names = [
        *("First step", "Step back", "Play", "Step forward", "Last step", "Predict", "Mistakes"),
        *("Check", "Show"),
    ]
    for name in names:
        box = one.root.get_by_role("button", name=name, exact=True).bounding_box()
        assert min(box["width"], box["height"]) >= 24, name
    for part in (one.slider, one.field):
        box = part.bounding_box()
        assert min(box["width"], box["height"]) >= 24
    assert one.root.locator("button, input").count() == len(names) + 2


def test_every_step_is_spoken(new_page: Pages) -> None:
    one = fragment(new_page, shared())
    sentence = one.root.locator(".gg-sentence")
    assert sentence.get_attribute("aria-live") == "polite"
    assert one.root.locator(".gg-verdict").get_attribute("role") == "status"
    assert one.root.locator(".gg-card").get_attribute("aria-hidden") == "true"
    assert one.root.get_by_role("img").count() == 1  # the picture, with its description
    assert one.root.locator(".gg-picture desc").first.text_content() == "Graph of y in 5 nodes."


def papers(one: Stepper) -> set[str]:
    """The colours behind the stepper and behind its picture."""
    return {
        one.root.evaluate("root => getComputedStyle(root).backgroundColor"),
        one.root.locator(".gg-picture polygon").first.evaluate("p => getComputedStyle(p).fill"),
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


def test_the_page_turns_dark_while_it_is_open(new_page: Pages) -> None:
    one = fragment(new_page, shared())
    for colours, paper in (("dark", DARK_PAPER), ("light", PAPER)):
        one.root.page.emulate_media(color_scheme=colours)
        assert papers(one) == {paper}


def test_high_contrast_keeps_everything_readable(new_page: Pages) -> None:
    one = fragment(new_page, shared(), forced_colors="active")
    one.row(6).click()
    one.click("predict")
    found = one.root.evaluate("""root => {
      const of = selector => getComputedStyle(root.querySelector(selector));
      return {
        button: [of(".gg-predict").color, of(".gg-predict").backgroundColor],
        operation: [of("ellipse + text").fill, of("ellipse").fill],
        node: [of("[data-n] text").fill, of(".gg-picture polygon").fill],
        lit: [of("[data-e].gg-now path").stroke, of(".gg-picture polygon").fill],
        mark: [of("[data-n] .gg-full").fill, of("[data-n] .gg-mark circle:not(.gg-full)").fill]
      };
    }""")
    for part, (ink, paper) in found.items():
        assert ink != paper, part


@pytest.mark.parametrize(("motion", "is_calm"), [("no-preference", False), ("reduce", True)])
def test_less_motion_where_it_is_wished(motion: str, is_calm: bool, new_page: Pages) -> None:
    one = fragment(new_page, shared(), reduced_motion=motion)
    durations = one.root.locator(".gg-picture path").evaluate_all(
        "all => [...new Set(all.map(part => getComputedStyle(part).transitionDuration))]"
    )
    assert ("0s" in durations) == is_calm
    assert len(durations) == 1


def test_a_narrow_page_does_not_scroll_sideways(new_page: Pages) -> None:
    page = new_page.show(page_of_neuron(), viewport=NARROW)
    (one,) = steppers(page, with_loss())
    for bring in (in_the_middle, predicting, with_mistakes):
        bring(one)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= NARROW["width"]


def test_the_node_in_focus_is_scrolled_into_view(new_page: Pages) -> None:
    page = new_page.show(page_of_neuron(), viewport=NARROW, reduced_motion="reduce")
    (one,) = steppers(page, with_loss())
    read = """root => [".gg-picture", "[data-n].gg-now"].map(part => {
      const box = root.querySelector(part).getBoundingClientRect();
      return [box.left, box.right];
    })"""
    for number in range(1, len(one.steps) + 1):
        (left, right), (start, end) = one.root.evaluate(read)
        assert left - 2 <= start < end <= right + 2, number
        one.press("ArrowRight")
