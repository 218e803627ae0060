"""What stands around the picture: it fits small windows, and leaves the picture where it is."""

import re
from typing import Any

import pytest
from browsing import PAINTED, Pages
from stepping import Stepper, batch, document, network, repeated, with_loss

from glassgrad import Backprop, Value, backprop, operation

DESK, PHONE = {"width": 1280, "height": 720}, {"width": 360, "height": 640}
SIZES = [DESK, {"width": 768, "height": 1024}, PHONE]


def neuron() -> Backprop:
    x1, x2, w1, w2 = (Value(n, s) for n, s in ((2.0, "x1"), (0.5, "x2"), (-3.0, "w1"), (1.0, "w2")))
    b = Value(6.88, "b")
    o = (x1 * w1 + x2 * w2 + b).tanh()
    o.label = "o"
    return backprop(o, learning_rate=0.1, parameters=[w1, w2, b])


def opened(new_page: Pages, steps: Backprop, size: dict[str, int], **look: Any) -> Stepper:
    return document(new_page, steps, viewport=size, reduced_motion="reduce", **look)


FRAME = """root => { const {top, height} = root.querySelector(".gg-frame").getBoundingClientRect();
  return [top, height]; }"""


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("build", [neuron, repeated])
def test_a_guess_leaves_the_picture_where_it_is(
    build: Any, size: dict[str, int], new_page: Pages
) -> None:
    one = opened(new_page, build(), size)
    one.go(one.root.evaluate("root => root.stage.count") * 2 // 3)
    before = one.root.evaluate(FRAME)
    one.press("p")
    one.root.page.evaluate(PAINTED)
    assert one.root.evaluate(FRAME) == before
    one.root.locator(".gg-guess input").fill("123")
    one.root.locator(".gg-guess input").press("Enter")
    one.root.page.evaluate(PAINTED)
    assert one.shown()["verdict"]
    assert one.root.evaluate(FRAME) == before


def test_with_forced_colours_the_timeline_tells_done_now_and_to_come(new_page: Pages) -> None:
    one = opened(new_page, neuron(), DESK, forced_colors="active")
    one.go(7)
    done, now, future = one.root.evaluate("""root => [5, 6, 7].map(i =>
      getComputedStyle(root.querySelectorAll(".gg-ticks i")[i]).backgroundColor)""")
    paper = one.root.evaluate("root => getComputedStyle(root).backgroundColor")
    assert len({done, now, future}) == 3
    assert future == paper


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_what_a_throw_has_changed_stands_beside_the_counter(
    size: dict[str, int], new_page: Pages
) -> None:
    one = opened(new_page, neuron(), size)
    assert one.root.locator(".gg-outcome").inner_text() == ""
    before = f"{one.root.evaluate('root => root.stage.go(4) || root.stage.numbers().o.value'):.4g}"
    one.go(1)
    height = one.root.locator(".gg-timeline").evaluate("part => part.clientHeight")
    one.press("n")
    one.press("n")
    o = one.root.evaluate("root => root.stage.numbers().o.value")
    told = one.root.locator(".gg-outcome").inner_text().split()
    assert told == ["o", before, "→", f"{o:.4g}"]
    assert one.shown()["count"] == "throw 2 · step 1 of 18"
    assert one.root.locator(".gg-timeline").evaluate("part => part.clientHeight") == height
    one.press("p")
    assert one.root.locator(".gg-outcome").inner_text() == "", "it would tell the answer"


PHASES = """root => Array.from({ length: root.stage.count }, (_, i) => {
  root.stage.go(i);
  const track = root.querySelector(".gg-track").getBoundingClientRect();
  return [root.stage.step().phase, [...root.querySelectorAll(".gg-phase-name")]
    .filter(name => getComputedStyle(name).visibility === "visible").filter(name => {
      const {left, right} = name.getBoundingClientRect();
      return left >= track.left - 1 && right <= track.right + 1;
    }).map(name => name.textContent)];
})"""


def test_on_a_phone_the_phase_of_the_step_is_named(new_page: Pages) -> None:
    one = opened(new_page, neuron(), PHONE)
    one.root.page.evaluate(PAINTED)
    for phase, names in one.root.evaluate(PHASES):
        assert phase in names


TRACK = """root => {
  const rect = part => part.getBoundingClientRect();
  const { left, right } = rect(root.querySelector(".gg-track"));
  const marks = [...root.querySelectorAll(".gg-ticks i:not(.gg-bar)")].map(rect);
  const ends = [...root.querySelectorAll(".gg-ticks .gg-line")].map(rect);
  return { width: right - left, ticks: marks.length, least: Math.min(...marks.map(x => x.width)),
    over: Math.max(...marks.concat(ends).map(x => x.right)) - right };
}"""


def test_ticks_that_would_be_too_narrow_are_bars_on_the_track(new_page: Pages) -> None:
    one = opened(new_page, repeated(), DESK)
    one.click("scalars")
    count: Any = one.stage("count")
    for size, has_ticks in [(DESK, count < 180), (PHONE, False), ({"width": 1900}, True)]:
        one.root.page.set_viewport_size(DESK | size)
        one.root.page.evaluate(PAINTED)
        track = one.root.evaluate(TRACK)
        assert (track["ticks"] == count) == has_ticks
        assert not has_ticks or track["least"] >= 3
        assert track["over"] <= 1


@pytest.mark.parametrize("size", [DESK, PHONE], ids=str)
def test_the_track_is_as_long_at_each_step(size: dict[str, int], new_page: Pages) -> None:
    one = opened(new_page, neuron(), size)
    widths = {track["width"] for track in one.shown_after(*range(18), read=TRACK)}
    assert len(widths) == 1
    if size == DESK:
        one.press("n")
        one.root.page.evaluate(PAINTED)
        assert one.root.evaluate(TRACK)["width"] in widths


def test_to_predict_moves_no_button(new_page: Pages) -> None:
    one = opened(new_page, neuron(), DESK)
    at = "all => all.map(part => part.getBoundingClientRect().left)"
    before = one.root.locator(".gg-toolbar button").evaluate_all(at)
    one.press("p")
    assert one.root.locator(".gg-toolbar button").evaluate_all(at) == before


CUT = """root => Array.from({ length: root.stage.count }, (_, i) => {
  root.stage.go(i);
  return [...root.querySelectorAll(".gg-term small")]
    .filter(part => part.scrollWidth > part.clientWidth).map(part => part.textContent);
}).flat()"""


@pytest.mark.parametrize("build", [neuron, with_loss, repeated])
def test_on_a_phone_captions_are_whole(build: Any, new_page: Pages) -> None:
    one = opened(new_page, build(), PHONE)
    assert one.root.evaluate(CUT) == []


def test_of_the_levels_one_is_pressed(new_page: Pages) -> None:
    one = opened(new_page, repeated(), DESK)
    one.go(100)
    pressed = one.root.locator(".gg-levels [aria-pressed=true]:visible").all_inner_texts()
    assert len(pressed) == 1
    assert pressed[0].startswith("repeat ")


def test_the_field_for_a_number_leaves_the_name_to_be_read(new_page: Pages) -> None:
    for size in SIZES:
        one = opened(new_page, neuron(), size)
        one.box("x1").focus()
        one.root.page.keyboard.press("Enter")
        name, field = (
            one.root.locator(part).bounding_box()
            for part in (".gg-box[data-n='0'] .gg-name", ".gg-typed")
        )
        assert name["y"] + 0.8 * name["height"] <= field["y"]


def test_an_update_has_its_own_colour_and_the_gradient_keeps_its_own(new_page: Pages) -> None:
    one = opened(new_page, neuron(), DESK)
    colours = """root => {
      const style = (part, name) => getComputedStyle(root.querySelector(part))[name];
      return [style("[data-role=receiver] > rect", "stroke"),
        style("[data-role=receiver] .gg-gradient", "fill"),
        style(".gg-term.gg-grad b", "color"), style(".gg-ticks i.gg-now", "backgroundColor")];
    }"""
    one.go(12)
    backward = one.root.evaluate(colours)
    assert len(set(backward)) == 1
    one.go(16)
    stroke, gradient, factor, tick = one.root.evaluate(colours)
    assert gradient == factor == backward[0]
    assert stroke == tick != gradient


def test_after_a_throw_the_map_is_seen_without_scrolling(new_page: Pages) -> None:
    one = opened(new_page, neuron(), DESK)
    one.press("n")
    one.root.page.wait_for_timeout(200)
    axes = one.root.locator(".gg-axes").bounding_box()
    body = one.root.locator(".gg-drawer-body").bounding_box()
    assert axes["y"] + axes["height"] <= body["y"] + body["height"]


def test_a_wrong_engine_that_is_right_here_says_why(new_page: Pages) -> None:
    one = opened(new_page, neuron(), DESK)
    one.go(12)
    one.press("m")
    one.root.get_by_role("button", name="= instead of +=").click()
    assert "no node is used twice" in one.root.locator(".gg-why").inner_text()
    said = one.root.locator(".gg-beside").inner_text()
    assert said == "= instead of +=:\nthe same as right: x₂ is used once"
    assert one.root.locator(".gg-uses:not(.gg-beside)").count() == 0
    assert not one.root.locator(".gg-equation.gg-small").count()


TOPS = """root => { const {top} = root.querySelector(".gg-drawer-body").getBoundingClientRect();
  return [".gg-words", ".gg-nudge"].map(name => root.querySelector(name).getBoundingClientRect())
    .filter(part => part.height).map(part => part.top - top); }"""


def test_each_drawer_opens_at_its_beginning(new_page: Pages) -> None:
    one = opened(new_page, neuron(), PHONE)
    one.go(14)
    for key in "tw", "te":
        one.press(*key)
        (top,) = one.root.evaluate(TOPS)
        assert 0 <= top < 130


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_wrong_engines_can_be_chosen_beside_whatever_row(
    size: dict[str, int], new_page: Pages
) -> None:
    one = opened(new_page, repeated(), size)
    for drawer in "t", "m":
        one.press(drawer)
        assert one.root.locator(".gg-choices").is_visible() == (drawer == "m")
    one.root.evaluate("root => root.stage.go(root.stage.count - 10)")
    body = one.root.locator(".gg-drawer-body").evaluate("""body => { body.scrollTop = 9999;
      return [body.scrollTop, body.getBoundingClientRect().top]; }""")
    buttons = one.root.locator(".gg-choices").bounding_box()
    assert body[0] > 100
    assert buttons["y"] + buttons["height"] <= body[1]
    cut = "all => all.filter(part => part.scrollWidth > part.clientWidth).length"
    assert one.root.locator(".gg-choices button").evaluate_all(cut) == 0
    one.root.get_by_role("button", name="leaves not zeroed").click()
    assert one.root.locator("th.gg-chosen").inner_text() == "leaves not zeroed"


RESULTS = """root => [...root.querySelectorAll(".gg-drawer-table tr[data-phase]")].map(row => {
  const body = root.querySelector(".gg-drawer-body").getBoundingClientRect();
  const range = document.createRange(), texts = [...row.cells].map(cell => cell.textContent);
  range.selectNodeContents(row.lastChild);
  return [row.dataset.phase, texts, range.getBoundingClientRect().right <= body.right];
})"""


def test_in_every_window_the_results_of_forward_and_update_are_seen(new_page: Pages) -> None:
    one = opened(new_page, neuron(), DESK)
    one.press("t")
    told = [texts for _, texts, _ in one.root.evaluate(RESULTS)]
    assert len(told) == len(one.steps)
    for size in reversed(SIZES):
        one.root.page.set_viewport_size(size)
        one.root.page.evaluate(PAINTED)
        found = one.root.evaluate(RESULTS)
        assert [texts for _, texts, _ in found] == told, "in their order, whatever is spanned"
        assert all(seen for phase, _, seen in found if phase != "backward" or size is DESK)


ASKED = """root => {
  const range = document.createRange(), form = root.querySelector(".gg-guess");
  const [question, field, verdict] = [".gg-yours + span", "input", ".gg-verdict"]
    .map(name => form.querySelector(name)), at = field.getBoundingClientRect();
  range.selectNodeContents(question);
  const text = range.getBoundingClientRect(), row = form.getBoundingClientRect();
  return { text: question.textContent, said: verdict.textContent,
    high: row.height, told: verdict.getBoundingClientRect().height,
    isWhole: text.left >= row.left && text.right <= at.left && text.top >= row.top - 1
      && text.bottom <= row.bottom + 1 && question.scrollWidth <= question.clientWidth };
}"""


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_question_is_whole_before_a_guess_and_after_each(
    size: dict[str, int], new_page: Pages
) -> None:
    one = opened(new_page, batch(), size)
    one.press("p")
    seen = set()
    for step in range(one.stage("count")):
        one.stage("go", step)
        for guess in [None, "1e9", "no", "1"]:  # the last is right of the seed
            if one.root.locator(".gg-guess").is_visible():
                if guess:
                    one.guess(guess)
                found = one.root.evaluate(ASKED)
                seen |= {found["text"], found["said"]}
                assert found["isWhole"], found
                assert max(found["high"], found["told"]) <= 34, found
    assert {"δ of layer 1, neuron 1", "output of layer 1, neuron 1"} <= seen
    assert {"", "Not yet: try again.", "That is no number.", "Right. Enter goes on."} <= seen


SAID = """root => {
  const page = root.querySelector(".gg-stage");
  const leaves = [...page.querySelectorAll(".gg-equation b, .gg-token text, .gg-sentence, .gg-own, "
    + "td, .gg-words, .gg-check, .gg-nudge, .gg-formula math")].map(part => part.textContent);
  return leaves.filter(text => /-\\d/.test(text));
}"""
BARE = re.compile(r"[-+−·×/] ?-[\d.]")


def test_a_minus_of_a_power_is_not_put_into_brackets_with_its_base(new_page: Pages) -> None:
    odd = operation(
        "odd", "x·-y²", lambda x, y: x * -(y * y), None,
        lambda x, y, z: -(y * y), lambda x, y, z: -2.0 * x * y, text="%s * -%s ** 2", binds=2,
    )  # fmt: skip
    one = opened(new_page, backprop(odd(Value(5.0, "x"), Value(3.0, "inflow"))), DESK)
    said = one.root.evaluate("root => root.textContent")
    assert "5 · -3² = -45" in said
    assert "x · -inflow²" in said


LEADING = re.compile(r"(?:^|= |gives |is )\(-[\d.e-]+\)(?![²³⁴⁻]| \*\*)")


@pytest.mark.parametrize("build", [neuron, with_loss, network, batch])
def test_negative_numbers_are_in_brackets_behind_signs_and_nowhere_else(
    build: Any, new_page: Pages
) -> None:
    one = opened(new_page, build(), DESK)
    said = set[str]()
    for drawer in ("table", "words", "explore", "more"):
        one.root.evaluate("(root, drawer) => root.stage.restore({ drawer, step: 0 })", drawer)
        for texts in one.shown_after(*range(one.stage("count")), read=SAID):
            said.update(texts)
    assert any("(-" in text for text in said)
    assert [text for text in said if BARE.search(text) or LEADING.search(text)] == []
