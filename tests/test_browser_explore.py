"""The drawer of experiments: what belongs to the throws comes first, and no number is covered."""

import statistics
from collections.abc import Callable
from typing import Any

import pytest
from browsing import Pages
from lecture import lecture_neuron
from stepping import Stepper, batch, document, lecture, with_loss

from glassgrad import MLP, Backprop, Value, backprop, exp, step_neuron

SECTIONS = """root => [...root.querySelectorAll(".gg-drawer-explore > section")]
  .map(part => [part.getBoundingClientRect().top, part.querySelector("h2").textContent])
  .sort(([a], [b]) => a - b).map(([, name]) => name)"""

COVERED = """root => [...root.querySelectorAll(".gg-plot")].flatMap(plot =>
  [...plot.querySelectorAll(".gg-tick")].map(tick => tick.getBoundingClientRect())
    .filter(tick => [...plot.querySelectorAll("circle, .gg-curve")].some(part => {
      const box = part.getBoundingClientRect();
      return box.left < tick.right && box.right > tick.left && box.top < tick.bottom
        && box.bottom > tick.top; }))).length"""


def test_the_map_follows_the_throws_and_no_label_is_covered(new_page: Pages) -> None:
    one = document(new_page, with_loss(), viewport={"width": 1280, "height": 720})
    one.press("e")
    assert one.root.evaluate(SECTIONS) == ["Nudge", "Map", "Throws"]
    one.press("n", "n", "n")
    assert one.root.evaluate(SECTIONS) == ["Throws", "Map", "Nudge"]
    assert one.root.locator(".gg-tick").count() == 4
    assert one.root.evaluate(COVERED) == 0


HIDDEN = """root => {
  const body = root.querySelector(".gg-drawer-body").getBoundingClientRect();
  return [".gg-nudge", ".gg-nudge + .gg-plot", ".gg-map", ".gg-sideways"].filter(name => {
    const { top, bottom, height } = root.querySelector(name).getBoundingClientRect();
    return !height || top < body.top || bottom > body.bottom;
  });
}"""


@pytest.mark.parametrize(("build", "height"), [(lecture, 720), (batch, 800)])
def test_the_nudge_and_the_map_are_seen_at_once(
    build: Callable[[], Backprop], height: int, new_page: Pages
) -> None:
    one = document(new_page, build(), viewport={"width": 1280, "height": height})
    one.press("e")
    one.root.locator(".gg-mapped p", has_text="● now.").wait_for()
    assert one.root.evaluate(HIDDEN) == []


CENTRES = """canvas => {
  const { width, height } = canvas, paint = canvas.getContext("2d");
  const pixels = paint.getImageData(0, 0, width, height).data;
  const dark = (u, v) => { // how much less blue than white paper: lines of ink are darkest
    const at = 4 * (v * width + u);
    return pixels[at + 3] / 255 * (255 - pixels[at + 2]);
  };
  return Array.from({ length: height }, (_, v) => { // of the first line right of the middle
    let u = Math.round(width * 0.55);
    while (u < width && dark(u, v) - (dark(u - 6, v) + dark(u + 6, v)) / 2 < 25) { u += 1; }
    const around = Array.from({ length: 13 }, (_, k) => u - 6 + k);
    const edges = (dark(u - 6, v) + dark(u + 6, v)) / 2;
    const weights = around.map(at => Math.max(0, dark(at, v) - edges));
    const sum = weights.reduce((a, b) => a + b);
    return around.reduce((total, at, k) => total + at * weights[k], 0) / sum;
  });
}"""


def test_the_lines_of_the_map_are_smooth(new_page: Pages) -> None:
    """A straight line keeps its course: from row to row it goes by parts of a pixel."""
    a, b = Value(1.0, label="a"), Value(1.0, label="b")
    one = document(new_page, backprop(a + b * 0.1), viewport={"width": 1280, "height": 720})
    one.press("e")
    one.root.locator(".gg-mapped p", has_text="● now.").wait_for()
    at = one.root.locator(".gg-map").evaluate(CENTRES)
    assert abs(at[-1] - at[0]) > 20
    bends = [abs(x - 2 * y + z) for x, y, z in zip(at, at[7:], at[14:])]
    assert statistics.median(bends) < 0.1


EDGES = """canvas => {
  const { width, height } = canvas, paint = canvas.getContext("2d");
  const pixels = paint.getImageData(0, 0, width, height).data, found = new Set();
  for (let v = 0; v < height; v += 1) {
    for (let u = 1; u < width; u += 1) {
      const at = 4 * (v * width + u);
      if (pixels[at + 3] !== pixels[at - 1]) { found.add(u % 6); }
    }
  }
  return found.size;
}"""


STRONGEST = """canvas => {
  const { width, height } = canvas, paint = canvas.getContext("2d"), counts = new Map();
  const pixels = paint.getImageData(0, 0, width, height).data;
  for (let at = 0; at < pixels.length; at += 4) {
    if (pixels[at + 3] > 100) { // where the result is large, and no faint band
      const rounded = pixels.slice(at, at + 3).map(each => 8 * Math.round(each / 8));
      const colour = `rgb(${rounded.join()})`;
      counts.set(colour, (counts.get(colour) || 0) + 1);
    }
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0][0];
}"""


def test_the_map_has_the_colour_of_data_in_light_and_in_dark(new_page: Pages) -> None:
    found = []
    for scheme in ("light", "dark"):
        one = document(new_page, with_loss(), color_scheme=scheme)
        one.press("e")
        for axis, leaf in enumerate(("w₁", "w₂")):
            one.root.locator(".gg-mapped select").nth(axis).select_option(label=leaf)
        one.root.locator(".gg-mapped p", has_text="● now.").wait_for()
        found.append(one.root.locator(".gg-map").evaluate(STRONGEST))
    assert found == ["rgb(0,104,168)", "rgb(96,184,240)"]  # #0069a8 and #63b9f2


def test_the_bands_of_the_map_end_between_its_cells_and_the_way_has_its_ends(
    new_page: Pages,
) -> None:
    one = document(new_page, with_loss(), viewport={"width": 1280, "height": 720})
    one.press("e")
    said = one.root.locator(".gg-mapped p", has_text="● now.")
    said.wait_for()
    assert "○" not in said.text_content()
    ends = one.root.locator(".gg-axis span").all_text_contents()
    assert len(ends) == 6
    assert f"over {ends[4]} and {ends[1]}:" in said.text_content()
    assert [float(ends[i]) for i in (3, 5, 2, 0)] == [0.8, 3.2, 0.0, 1.0]
    assert one.root.locator(".gg-map").evaluate(EDGES) == 6
    one.press("n")
    one.root.locator(".gg-mapped p", has_text="○ start, ● now.").wait_for()


DRAWN = """() => {
  const paint = CanvasRenderingContext2D.prototype, { moveTo, lineTo, fillText } = paint;
  window.drawn = { lines: [], numbers: [] };
  let from = null;
  paint.moveTo = function (...to) { from = to; moveTo.apply(this, to); };
  paint.lineTo = function (...to) {
    if (from) { drawn.lines.push([from, to]); }
    from = null;
    lineTo.apply(this, to);
  };
  paint.fillText = function (text, x, y) {
    const half = this.measureText(text).width / 2;
    drawn.numbers.push([text, x - half, x + half]);
    fillText.call(this, text, x, y);
  };
}"""
"""Keeps the pieces of the lines of a map, and of each number where it begins and ends."""


def _lengths(pieces: list[list[list[float]]]) -> list[float]:
    """How far across the map each line goes that the pieces make."""
    near: dict[tuple[float, ...], list[tuple[float, ...]]] = {}
    for ends in pieces:
        start, end = (tuple(round(each, 3) for each in spot) for spot in ends)
        near.setdefault(start, []).append(end)
        near.setdefault(end, []).append(start)
    found, seen = [], set[tuple[float, ...]]()
    for spot in near:
        line, pending = [], [spot]
        while pending:
            if (at := pending.pop()) not in seen:
                seen.add(at)
                line.append(at)
                pending += near[at]
        if line:
            found.append(max(x for x, _ in line) - min(x for x, _ in line))
    return found


@pytest.mark.parametrize(("slope", "steepness"), [(1.0, 12.0), (0.9, 12.0), (1.0, 60.0)])
def test_along_a_valley_the_map_has_lines_and_no_beads(
    new_page: Pages, slope: float, steepness: float
) -> None:
    a, b = Value(0.5, label="a"), Value(0.5, label="b")
    loss = 1.0 - exp(-steepness * (a - slope * b) ** 2) + 0.02 * b**2
    one = document(new_page, backprop(loss, learning_rate=0.01))
    one.root.evaluate(DRAWN)
    one.press("e")
    one.root.locator(".gg-mapped p", has_text="● now.").wait_for()
    drawn = one.root.evaluate("() => drawn")
    lengths = _lengths(drawn["lines"])
    assert len(lengths) > 8
    assert min(lengths) > 480 / 10, "two cells of a map are 20 pixels"


def test_the_numbers_of_a_map_are_whole(new_page: Pages) -> None:
    """On this one a line with a number of its own leaves by a corner."""
    net = MLP(3, [4, 4, 1], seed=1)
    rows = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
    loss = sum((net(row) - t) ** 2 for row, t in zip(rows, (1.0, -1.0, -1.0, 1.0)))
    steps = backprop(loss, learning_rate=0.05, parameters=net.parameters())
    one = document(new_page, steps, viewport={"width": 1280, "height": 800})
    one.root.evaluate(DRAWN)
    one.press("e")
    one.root.locator(".gg-mapped p", has_text="● now.").wait_for()
    numbers = one.root.evaluate("() => drawn.numbers")
    assert len(numbers) > 3
    for text, left, right in numbers:
        assert 0 <= left < right <= 480, text


@pytest.mark.parametrize(("target", "is_offered"), [(1.0, True), (None, False)])
def test_throws_of_a_neuron_are_offered_where_it_has_a_loss(
    target: float | None, is_offered: bool, new_page: Pages
) -> None:
    steps = step_neuron([1.0, -2.0], [1.0, 1.5], 0.5, "tanh", target=target)
    one = document(new_page, steps)
    assert one.root.locator(".gg-throw").count() == is_offered


def one_weight() -> Backprop:
    x, t, w = (Value(number, label=name) for name, number in (("x", 2.0), ("t", 1.0), ("w", 0.5)))
    return backprop((x * w - t) ** 2, learning_rate=0.1, parameters=[w])


@pytest.mark.parametrize(
    ("steps", "axes"),
    [
        (step_neuron([1.0, -2.0], [1.0, 1.5], 0.5, "tanh", target=2.0, learning_rate=0.1), "w₁ w₂"),
        (one_weight(), "w x"),
        (lecture(), "x₁ w₁"),  # x2 = 0, so w2 gets no gradient
        (backprop(lecture_neuron()), "x₁ w₁"),  # and where nothing is thrown
        (backprop(Value(2.0, label="a") * Value(3.0, label="b"), learning_rate=0.1), "a b"),
    ],
)
def test_the_map_lies_over_what_the_throws_move(
    new_page: Pages, steps: Backprop, axes: str
) -> None:
    one = document(new_page, steps)
    one.press("e")
    assert axes_of(one) == axes


def axes_of(one: Stepper) -> str:
    chosen = "all => all.map(each => each.selectedOptions[0].textContent).join(' ')"
    return str(one.root.locator(".gg-mapped select").evaluate_all(chosen))


def test_the_first_throw_chooses_the_axes_until_a_person_does(new_page: Pages) -> None:
    one = document(new_page, lecture())
    one.stage("set", "x2", 5.0)  # now w2 moves most, and next to it x1, whose weight is -3
    one.press("n")
    assert axes_of(one) == "x₁ w₂"
    one.press("n", "n")
    assert axes_of(one) == "x₁ w₂"
    one.root.locator(".gg-mapped select").first.select_option(label="b")
    one.click("restore")
    one.press("n")
    assert axes_of(one) == "b w₂"


@pytest.mark.parametrize("given", [{}, {"learning_rate": 0.1}, {"parameters": ["w1", "w2", "b"]}])
def test_throws_are_offered_where_a_rate_or_parameters_are_given(
    given: dict[str, Any], new_page: Pages
) -> None:
    o = lecture_neuron()
    leaves = {value.label: value for value in backprop(o).diagram.values}
    if "parameters" in given:
        given = {"parameters": [leaves[name] for name in given["parameters"]]}
    one = document(new_page, backprop(o, **given))
    before = one.numbers()
    one.press("n", "e", "w")
    is_thrown = one.numbers() != before
    sees = [
        one.root.locator(".gg-throw").count() == 1,
        one.root.get_by_label("Learning rate").count() == 1,
        one.root.locator(".gg-throws").count() == 1,
        "throw again" in one.root.locator(".gg-small", has_text="Keys:").text_content(),
    ]
    assert [is_thrown, *sees] == [bool(given)] * 5
    one.click("open-explore")
    assert one.root.locator(".gg-nudge").is_visible()
    one.press("r")
    one.stage("set", "x1", 1.5)
    assert one.button("restore").is_visible()
    one.click("restore")
    assert one.numbers() == before


AXES = """root => [...root.querySelectorAll(".gg-axis")].map(axis => {
  const parts = [...axis.children].map(part => part.getBoundingClientRect());
  return [axis.children[1].textContent, parts.slice(1).some((part, k) => part.top < parts[k].bottom
    && part.left < parts[k].right + 4 && part.right > parts[k].left - 4)];
})"""


@pytest.mark.parametrize("size", [(1280, 720), (768, 1024), (360, 640)], ids=str)
def test_in_a_network_the_axes_and_the_number_have_room(
    size: tuple[int, int], new_page: Pages
) -> None:
    one = document(new_page, batch(), viewport=dict(zip(("width", "height"), size)))
    one.press("e", "n")
    one.root.locator(".gg-mapped p", has_text="● now.").wait_for()
    across, up = (name.split(", ")[-1] for name in axes_of(one).split(" layer"))
    assert one.root.evaluate(AXES) == [[up, False], [across, False]]
    number, size_of_nudge = one.root.locator(".gg-fields label:has(input)").all()[:2]
    boxes = [part.bounding_box() for part in (number, size_of_nudge)]
    if size[0] == 768:  # beside a narrow drawer it has a line of its own, and all of it is seen
        assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]
    else:
        middles = [box["y"] + box["height"] / 2 for box in boxes]
        assert abs(middles[0] - middles[1]) < 3
