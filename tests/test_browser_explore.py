"""The drawer of experiments: what belongs to the throws comes first, and no number is covered."""

import pytest
from browsing import Pages
from stepping import document, with_loss

from glassgrad import Backprop, Value, backprop, step_neuron

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
    assert one.root.evaluate(SECTIONS) == ["Nudge", "Throws", "Map"]
    one.press("n", "n", "n")
    assert one.root.evaluate(SECTIONS) == ["Throws", "Map", "Nudge"]
    assert one.root.locator(".gg-tick").count() == 4
    assert one.root.evaluate(COVERED) == 0


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
    low, high = (f"from {ends[i]} to {ends[j]}" for i, j in ((3, 5), (2, 0)))
    assert f"over {ends[4]} {low} and {ends[1]} {high}:" in said.text_content()
    assert one.root.locator(".gg-map").evaluate(EDGES) == 6
    one.press("n")
    one.root.locator(".gg-mapped p", has_text="○ start, ● now.").wait_for()


def one_weight() -> Backprop:
    x, t, w = (Value(number, label=name) for name, number in (("x", 2.0), ("t", 1.0), ("w", 0.5)))
    return backprop((x * w - t) ** 2, learning_rate=0.1, parameters=[w])


@pytest.mark.parametrize(
    ("steps", "axes"),
    [
        (step_neuron([1.0, -2.0], [1.0, 1.5], 0.5, "tanh", target=2.0, learning_rate=0.1), "w1 w2"),
        (one_weight(), "w x"),
        (backprop(Value(2.0, label="a") * Value(3.0, label="b"), learning_rate=0.1), "a b"),
    ],
)
def test_the_map_lies_over_what_the_throws_move(
    new_page: Pages, steps: Backprop, axes: str
) -> None:
    one = document(new_page, steps)
    one.press("e")
    chosen = "all => all.map(each => each.selectedOptions[0].textContent).join(' ')"
    assert one.root.locator(".gg-mapped select").evaluate_all(chosen) == axes
