"""The formula on the stage: the part of the step is seen at every size; what is hidden fades."""

import re

import pytest
from browsing import Pages
from stepping import document, lecture, network, resting

from glassgrad import Backprop, Value, backprop

SIZES = [(1280, 720), (800, 600), (360, 640)]

SEEN = """root => {
  const find = name => root.querySelector(`.gg-formula .${name}`);
  const goal = find("gg-goal") || find("gg-now");
  const tail = goal.closest(".gg-tail") || goal.closest(".gg-equality");
  const box = root.querySelector(".gg-formula").getBoundingClientRect();
  const part = goal.getBoundingClientRect(), place = tail.getBoundingClientRect();
  const start = part.left >= place.left - 1 && part.left < place.right - 10;
  const end = part.right <= place.right + 1 || part.width > place.width - 40;
  const whole = place.left >= 0 && place.right <= innerWidth && box.right <= innerWidth;
  return { start, end, whole, row: part.top >= box.top - 2 && part.bottom <= box.bottom + 4 };
}"""

WRITTEN = """root => {
  const parts = ".gg-equation, .gg-sentence, .gg-note, .gg-drawer-body > div:not([hidden]) > *";
  return [...root.querySelectorAll(`:is(${parts}):not(.gg-line-of-code), title`)]
    .map(part => part.textContent).join("\\n");
}"""

BEGINNINGS = """root => [...root.querySelectorAll(".gg-equality > math")].map(head => {
  const { left, right } = head.getBoundingClientRect();
  return [head.textContent, left >= 0 && right < innerWidth];
})"""


def coffee() -> Backprop:
    """Two rows, of which the first is longer than most windows are wide."""
    total = Value(0.0, label="start")
    for i, name in enumerate(("coffee", "sleep", "noise", "temperature", "daylight")):
        total = total + Value(i + 1.5, label=name) * Value(1.0 - 0.5 * i, label=f"w_{name}")
    total.label = "alertness"
    loss = (total - 2.5) ** 2 + (total.tanh() - total.sigmoid() * 3) ** 2
    loss.label = "loss"
    return backprop(loss, learning_rate=0.01)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_part_of_every_step_is_seen(new_page: Pages, size: tuple[int, int]) -> None:
    width, height = size
    one = document(new_page, coffee(), viewport={"width": width, "height": height})
    both = f"root => [({SEEN})(root), ({BEGINNINGS})(root)]"
    for i, (seen, beginnings) in enumerate(one.shown_after(*range(one.stage("count")), read=both)):
        assert all(seen.values()), (i, seen)
        assert beginnings == [["alertness=", True], ["loss=", True]], i


def test_both_sides_of_an_equality_stand_on_one_line(new_page: Pages) -> None:
    u, v = Value(1.0, label="u"), Value(2.0, label="v")
    o = u + 1 / (1 + 1 / (1 + 1 / v))
    o.label = "o"
    one = document(new_page, backprop(o), viewport={"width": 1280, "height": 720})
    letters = one.root.locator(".gg-equality mi").evaluate_all("""all => all
      .filter(part => ["o", "u"].includes(part.textContent))
      .map(part => part.getBoundingClientRect().bottom)""")
    assert len(letters) == 2
    assert max(letters) - min(letters) < 0.5


def test_what_is_hidden_fades_and_can_be_slid_into_view(new_page: Pages) -> None:
    one = document(new_page, coffee(), viewport={"width": 360, "height": 640})
    tail = one.root.locator(".gg-tail").first
    left, right = "part => part.matches('.gg-more-left')", "part => part.matches('.gg-more-right')"
    tail.evaluate("part => { part.scrollLeft = 0; }")
    one.root.page.wait_for_function(
        "part => !part.classList.contains('gg-more-left')", arg=tail.element_handle()
    )
    assert tail.evaluate(right)
    assert not tail.evaluate(left)
    box = resting(tail)
    x, y = box["x"] + box["width"] - 5, box["y"] + box["height"] / 2
    index = one.stage("index")
    mouse = one.root.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x - 120, y, steps=4)
    mouse.up()
    assert tail.evaluate("part => part.scrollLeft") == pytest.approx(120, abs=3)
    assert one.stage("index") == index  # it was no click on a part
    one.root.page.wait_for_function(
        "part => part.classList.contains('gg-more-left')", arg=tail.element_handle()
    )


def test_keys_bring_the_part_that_they_reach_into_view(new_page: Pages) -> None:
    one = document(new_page, coffee(), viewport={"width": 360, "height": 640})
    one.root.locator(".gg-formula").focus()
    tail = one.root.locator(".gg-tail").first
    for _ in range(24):
        one.press("ArrowRight")
    assert tail.evaluate("part => part.scrollLeft") > 100


NAMES = """root => Object.fromEntries([...root.querySelectorAll(".gg-leaf")].map(box => {
  const name = box.querySelector(".gg-name"), arrows = box.querySelector(".gg-handle");
  const spans = [...name.childNodes].map(part => part.textContent);
  const gap = arrows.getBoundingClientRect().left - name.getBoundingClientRect().right;
  return [box.getAttribute("aria-label"), [spans, gap > 0]];
}))"""


def test_names_have_one_rule_for_their_index_and_leave_room_for_the_arrows(new_page: Pages) -> None:
    names = [
        "w1",
        "b_2",
        "w0_3",
        "w1_0_3",
        "w_coffee",
        "a_name_that_is_longer_than_any_box",
        "WWWWWWWWWWWW_12",
    ]
    total = Value(0.0, label="λ1")
    for name in names:
        total = total + Value(1.0, label=name)
    one = document(new_page, backprop(total), viewport={"width": 1280, "height": 720})
    found = one.root.evaluate(NAMES)
    assert all(is_free for _, is_free in found.values()), found
    spans = {name: texts for name, (texts, _) in found.items()}
    assert spans["w1"] == ["w", "1"]
    assert spans["b_2"] == ["b", "2"]
    assert spans["w0_3"] == ["w", "0,3"]
    assert spans["w1_0_3"] == ["w", "1,0,3"]
    assert spans["λ1"] == ["λ", "1"]
    assert spans["w_coffee"] == ["w_coffee"]
    assert spans["a_name_that_is_longer_than_any_box"][0].endswith("…")
    assert spans["WWWWWWWWWWWW_12"][1] == "12"
    indices = one.root.evaluate(
        "root => [...root.querySelectorAll('.gg-formula msub')].map(part => part.textContent)"
    )
    assert {"w1", "b2", "w0,3", "w1,0,3", "λ1"} <= set(indices)


@pytest.mark.parametrize("drawer", ["t", "w", "m", "e"])
def test_all_that_is_said_is_written_as_the_formula_is(drawer: str, new_page: Pages) -> None:
    """No x1 * w1 beside x₁·w₁; the line of the program alone stays as it is typed."""
    one = document(new_page, lecture(), viewport={"width": 1280, "height": 720})
    one.press(drawer)
    found = "\n".join(one.shown_after(*range(one.stage("count")), read=WRITTEN))
    assert "v₁" in found
    assert not re.findall(r".*(?:[xwv]\d| \*).*", found)


def test_the_formula_of_a_neuron_is_whole_before_the_line_of_the_program_is(
    new_page: Pages,
) -> None:
    one = document(new_page, network((5, 2, 1)), viewport={"width": 1280, "height": 720})
    one.stage("open", "layer 2, neuron 1")
    own = "root => { const { scrollWidth, clientWidth } = root.querySelector('.gg-own > *');"
    hidden = one.shown_after(
        *range(one.stage("count")), read=own + "return scrollWidth - clientWidth; }"
    )
    assert max(hidden) <= 1
    assert one.root.locator(".gg-source").bounding_box()["width"] > 50
    assert "b" in one.root.locator(".gg-own").inner_text()
