"""Numbers in the picture fit what they stand in, cover nothing, and say in full what was cut."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from browsing import Pages
from stepping import batch, branches, document, lecture, repeated, shared, with_loss

from glassgrad import MLP, Backprop, Layer, LayerNorm, Sequential, Value, backprop
from glassgrad.engine.text import printing

PICTURE = """root => {
  const rect = part => part.getBoundingClientRect();
  const all = (q, of = root) => [...of.querySelectorAll(q)];
  const isIn = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1;
  const meet = (a, b) => a.left < b.right - 1 && a.right > b.left + 1
    && a.top < b.bottom - 1 && a.bottom > b.top + 1;
  const rim = tip => Array.from({ length: 12 }, (_, k) =>
    tip.getPointAtLength(k * tip.getTotalLength() / 12).matrixTransform(tip.getScreenCTM()));
  const isOn = ({ x, y }, box) => x > box.left && x < box.right && y > box.top && y < box.bottom;
  const found = [];
  for (let i = 0; i < root.stage.count; i += 1) {
    root.stage.go(i);
    const say = (what, part) => found.push(`step ${i + 1}: ${what} ${part.textContent}`);
    for (const box of all(".gg-box")) {
      const own = all(".gg-value, .gg-gradient", box), outline = rect(box.querySelector("rect"));
      own.filter(text => !isIn(rect(text), outline))
        .forEach(text => say("outside of its box:", text));
      const wrong = box.querySelector(".gg-wrong-gradient");
      if (wrong?.textContent && own.some(text => meet(rect(text), rect(wrong)))) {
        say("over another number:", wrong);
      }
    }
    const pills = all(".gg-token"), tips = all(".gg-tip").filter(tip => rect(tip).width);
    pills.filter(pill => !isIn(rect(pill.querySelector("text")), rect(pill.querySelector("rect"))))
      .forEach(pill => say("outside of its pill:", pill));
    const shape = part => rect(part.querySelector("rect"));
    for (const pill of pills.map(part => [part, shape(part)])) {
      const others = pills.filter(part => part !== pill[0]).map(shape);
      if (others.some(other => meet(pill[1], other))) { say("over another pill:", pill[0]); }
      if (all(".gg-box > rect:first-of-type, [data-role=operation] > rect").map(rect)
        .some(box => meet(pill[1], box))) { say("over a box or the sign:", pill[0]); }
      tips.filter(tip => rim(tip).some(point => isOn(point, pill[1])))
        .forEach(() => say("hides an arrow:", pill[0]));
    }
  }
  return found;
}"""


NEAREST = """root => {
  const rect = part => part.getBoundingClientRect();
  const all = q => [...root.querySelectorAll(q)].filter(part => rect(part).width);
  const far = (pill, box) => {
    const a = rect(pill), b = rect(box), x = (a.left + a.right) / 2, y = (a.top + a.bottom) / 2;
    return Math.hypot(Math.max(b.left - x, 0, x - b.right), Math.max(b.top - y, 0, y - b.bottom));
  };
  const found = [];
  let count = 0;
  for (let i = 0; i < root.stage.count; i += 1) {
    root.stage.go(i);
    const { phase } = root.stage.step(), isBack = phase === "backward";
    const boxes = all(`[data-role=${isBack ? "receiver" : "sender"}]`);
    const pills = all(".gg-token:not(.gg-local)").slice(...(isBack ? [1] : [0, -1]));
    if (pills.length !== boxes.length) { continue; }
    const numbers = boxes.map(box => Number((box.querySelector(".gg-value") ?? box).textContent));
    const taken = new Set();
    for (const pill of pills) {
      const number = Number(pill.textContent);
      const nearest = boxes.reduce((a, b) => far(pill, b) < far(pill, a) ? b : a);
      const isOwn = Math.abs(numbers[boxes.indexOf(nearest)] - number)
        <= 0.006 * Math.abs(number);
      count += boxes.length > 1;
      if (taken.has(nearest) || !isBack && !isOwn) {
        found.push(`step ${i + 1}: ${pill.textContent}`);
      }
      taken.add(nearest);
    }
  }
  return [count, found];
}"""
"""How many pills of operands stand beside others, and those whose nearest box is not their own."""


def large_numbers() -> Backprop:
    g, k, e = Value(1234567.5, "g"), Value(-2.00001e-150, "k"), Value(1e-9, "e")
    y = (g * k + g * g) * e * -1234567.891
    y.label = "y"
    return backprop(y.tanh() * -100000.0)


@pytest.mark.parametrize("build", [large_numbers, lecture, with_loss, shared, branches])
def test_numbers_fit_and_hide_no_arrow(build: Callable[[], Backprop], new_page: Pages) -> None:
    for size in ({"width": 1280, "height": 720}, {"width": 360, "height": 640}):
        one = document(new_page, build(), viewport=size, reduced_motion="reduce")
        assert one.root.evaluate(PICTURE) == []


def normalised() -> Backprop:
    model = Sequential(Layer(2, 3, seed=1), LayerNorm(3), Layer(3, 1, seed=2))
    return backprop((model([1.0, 2.0]) - 1.0) ** 2)


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080), (700, 600), (390, 844)])
def test_each_pill_is_nearest_to_its_own_operand(size: tuple[int, int], new_page: Pages) -> None:
    viewport = dict(zip(("width", "height"), size))
    for build in (lecture, batch, repeated, normalised):
        one = document(new_page, build(), viewport=viewport, reduced_motion="reduce")
        if build is batch:
            one.click("unit")
        count, found = one.root.evaluate(NEAREST)
        assert count > 4
        assert found == []


def test_a_number_that_is_cut_is_whole_in_the_title(new_page: Pages) -> None:
    x: Any = Value(-1.2345678901234e-150, "x")
    y = x * 2.0
    y.label = "y"
    with printing(14):
        one = document(new_page, backprop(y), reduced_motion="reduce")
    assert one.root.evaluate(PICTURE) == []
    box = one.box("x")
    box.hover()
    assert "x = -1.2345678901234e-150" in box.locator("title").text_content()
    shown = box.locator(".gg-value").text_content()
    assert float(shown) == float(f"{x.data:.{len(shown) - 7}g}")


def test_a_wrong_gradient_stands_beside_the_right_one(new_page: Pages) -> None:
    one = document(new_page, shared(), reduced_motion="reduce")
    one.stage("set", "x", 0.0123456)
    one.press("m")
    one.root.get_by_role("button", name="inner nodes never zeroed").click()
    assert one.root.evaluate(PICTURE) == []
    assert any(one.root.locator(".gg-wrong-gradient").all_text_contents())


def test_powers_of_ten_have_two_digits_in_narrow_places_too(new_page: Pages) -> None:
    one = document(new_page, repeated(), reduced_motion="reduce")
    one.press("m")
    one.root.get_by_role("button", name="inner nodes never zeroed").click()
    one.stage("open", "scalars")
    one.go(one.stage("count"))
    shown = one.root.locator(".gg-gradient, .gg-wrong-gradient").all_text_contents()
    powers = [power for text in shown for power in re.findall("e(.*)", text)]
    assert powers
    assert all(re.fullmatch(r"[-+]\d\d", power) for power in powers)


def test_only_what_is_one_is_shown_as_one(new_page: Pages) -> None:
    """A saturated tanh is not quite -1, as its slope tells, neither in a disc nor in a box."""
    net = MLP(3, [4, 4, 1], seed=1)
    one = document(new_page, backprop((net([2.0, 3.0, -1.0]) - 1.0) ** 2), reduced_motion="reduce")
    one.go(one.stage("count"))
    discs = one.root.locator(".gg-disc .gg-value").all_text_contents()
    assert "-0.9999" in discs
    assert discs.count("-1") == 1, "the input"
    x = Value(6.0, "x")
    one = document(new_page, backprop(x.tanh()), reduced_motion="reduce")
    assert one.root.locator(".gg-value").all_text_contents() == ["6", "0.99999"]
    assert one.root.locator(".gg-token").all_text_contents() == ["6", "0.99999"]


@pytest.mark.parametrize("build", [lecture, batch])
def test_the_field_of_a_nudge_shows_the_whole_number(
    build: Callable[[], Backprop], new_page: Pages
) -> None:
    for size in ((1280, 800), (768, 1024), (701, 900), (360, 640)):
        one = document(new_page, build(), viewport=dict(zip(("width", "height"), size)))
        one.press("e")
        field = one.root.get_by_label("Its number")
        for number in (field.input_value(), "-0.12345678901234566", "-1.2345678901234568e-150"):
            field.fill(number)
            field.press("Enter")
            assert field.input_value() == number
            assert field.evaluate("part => part.scrollWidth <= part.clientWidth")
            assert field.evaluate("part => part.clientWidth > 90"), "it can be hit"
        body = one.root.locator(".gg-drawer-body")
        assert body.evaluate("part => part.scrollWidth <= part.clientWidth")


IN_DISCS = """root => {
  const all = (q, of = root) => [...of.querySelectorAll(q)], found = [];
  const rect = part => part.getBoundingClientRect();
  root.stage.go(root.stage.count - 1);
  for (const disc of all(".gg-disc")) {
    const circle = disc.querySelector(".gg-outline"), outline = rect(circle);
    const radius = outline.width / 2, scale = outline.width / circle.getBBox().width;
    for (const text of all(".gg-value, .gg-gradient", disc)) {
      const box = rect(text);
      // Digits reach from the line they stand on to seven tenths of their size above it.
      const size = parseFloat(getComputedStyle(text).fontSize) * scale;
      const line = outline.top + parseFloat(text.getAttribute("y")) * scale;
      const middle = outline.top + radius;
      const off = Math.max(Math.abs(line - middle), Math.abs(line - 0.7 * size - middle));
      if (box.width / 2 > Math.sqrt(radius ** 2 - off ** 2)) { found.push(text.textContent); }
    }
  }
  return found;
}"""


def test_numbers_stay_within_the_circles_of_a_network(new_page: Pages) -> None:
    model = MLP(2, [4, 3, 1], seed=1)
    for place, parameter in enumerate(model.parameters()):
        parameter.data *= (1.0, -1e-2, 1e-4, 1e5)[place % 4]
    loss = (model([-0.0123, -1234567.0]) - 1.0) ** 2
    for size in ({"width": 1280, "height": 720}, {"width": 360, "height": 640}):
        one = document(new_page, backprop(loss), viewport=size, reduced_motion="reduce")
        shown = one.root.locator(".gg-disc text").all_text_contents()
        assert any(len(number) > 7 for number in shown)
        assert one.root.evaluate(IN_DISCS) == []


def test_in_a_tall_window_the_equations_of_layers_have_their_full_size(new_page: Pages) -> None:
    one = document(new_page, batch(), viewport={"width": 768, "height": 1024})
    small = "root => root.querySelectorAll('.gg-equation.gg-small').length"
    assert not any(one.shown_after(*range(one.stage("count")), read=small))
