"""Which way the picture runs, what of it the window shows, and how large: at every step.

A drawer turns nothing; what fits whole is whole; a picture that is larger than the window fills it;
a step whose boxes stand too far apart is shown alone, and says so.
"""

import random
from typing import Any

import pytest
from browsing import PAINTED, Pages
from stepping import BUILDS, Stepper, document, resting

from glassgrad import Backprop, Value, backprop

WINDOWS = [(1280, 720), (768, 1024), (360, 640)]


def scattered(operations: int = 110) -> Backprop:
    """Operations on what came at random among the last results: many operands stand far away."""
    draws = random.Random(1)
    pool = [Value(draws.uniform(-1, 1), name) for name in "abcdefgh"]
    for _ in range(operations):
        p, q = draws.choice(pool[-14:]), draws.choice(pool[-14:])
        pool.append(draws.choice([p * q, p + q, p - q, p.tanh()]))
    return backprop(sum(pool[-14:], Value(0.0)))


def sized(one: Stepper, width: int, height: int) -> None:
    one.root.page.set_viewport_size({"width": width, "height": height})
    one.root.page.evaluate(PAINTED)


PLACES = """root => Object.fromEntries([...root.querySelectorAll(".gg-picture [data-n]")]
  .map(box => [box.dataset.n, box.getAttribute("transform")]))"""


@pytest.mark.parametrize("build", ["lecture", "network", "with loss"])
@pytest.mark.parametrize("size", [*WINDOWS, (800, 600)])
def test_no_drawer_turns_the_picture(build: str, size: tuple[int, int], new_page: Pages) -> None:
    viewport = dict(zip(("width", "height"), size))
    one = document(new_page, BUILDS[build](), viewport=viewport, reduced_motion="reduce")
    before = one.root.evaluate(PLACES)
    for drawer in ("table", "words", "mistakes", "explore"):
        one.click(f"open-{drawer}")
        one.root.page.evaluate(PAINTED)
        assert one.root.evaluate(PLACES) == before, drawer
    one.click("close")
    one.root.page.evaluate(PAINTED)
    assert one.root.evaluate(PLACES) == before


WHOLE = """root => {
  const rect = part => part.getBoundingClientRect(), room = rect(root.querySelector(".gg-frame"));
  const all = [...root.querySelectorAll(".gg-picture [data-n] > rect:first-child")].map(rect);
  const inside = all.filter(box => box.left >= room.left && box.right <= room.right
    && box.top >= room.top && box.bottom <= room.bottom);
  const world = root.querySelector("svg.gg-picture");
  return [all.length - inside.length, new DOMMatrix(getComputedStyle(world).transform).a];
}"""


@pytest.mark.parametrize(
    ("build", "size", "least"),
    [("lecture", (1280, 720), 0.95), ("lecture", (768, 1024), 0.75), ("network", (768, 1024), 1)],
)
def test_what_fits_is_whole_and_large(
    build: str, size: tuple[int, int], least: float, new_page: Pages
) -> None:
    one = document(new_page, BUILDS[build](), reduced_motion="reduce")
    sized(one, *size)
    cut, scale = one.root.evaluate(WHOLE)
    assert cut == 0
    assert scale >= least


ALONE = """root => {
  const rect = part => part.getBoundingClientRect(), n = root.stage.count, found = [];
  const room = rect(root.querySelector(".gg-frame")), world = root.querySelector("svg.gg-picture");
  for (let i = 0; i < n; i += 1) {
    root.stage.go(i);
    const boxes = [...world.querySelectorAll(".gg-box")], note = root.querySelector(".gg-alone");
    const scale = new DOMMatrix(getComputedStyle(world).transform).a;
    found.push({ at: i, isAlone: !note.hidden, scale, boxes: boxes.length,
      lines: [...world.querySelectorAll(".gg-edge[data-e*=_]")].map(line => line.dataset.e),
      cut: boxes.map(box => [box.dataset.n, [...box.querySelectorAll(".gg-stub title")]
        .map(title => title.textContent)]) });
  }
  return found;
}"""


@pytest.mark.parametrize("size", WINDOWS)
def test_a_step_that_is_too_far_apart_is_shown_with_what_is_beside_it(
    size: tuple[int, int], new_page: Pages
) -> None:
    steps = scattered()
    one = document(new_page, steps, reduced_motion="reduce")
    sized(one, *size)
    nodes, seen = list(steps.diagram), one.root.evaluate(ALONE)
    assert min(each["scale"] for each in seen) >= 0.75  # names of at least 11 pixels
    alone = [each for each in seen if each["isAlone"]]
    assert alone
    assert all(each["boxes"] == len(nodes) for each in seen if not each["isAlone"])
    shares = len(alone) / len(seen)
    assert shares <= 1 / 8 or shares == 1  # not one picture after another of its own kind
    every = [
        (j, k, parent) for j, node in enumerate(nodes) for k, parent in enumerate(node.parents)
    ]
    for each in alone:
        node, drawn = steps[each["at"]].node, set(each["lines"])
        assert {f"{node}_{k}" for k in range(len(nodes[node].parents))} <= drawn
        for name, titles in each["cut"]:
            i = int(name)
            before = sum(j == i and f"{j}_{k}" not in drawn for j, k, _ in every)
            after = sum(parent == i and f"{j}_{k}" not in drawn for j, k, parent in every)
            told = [(before, "operand"), (after, "use")]
            assert titles == [f"{n} more {of}{'s' * (n > 1)}" for n, of in told if n]


def test_all_of_the_graph_is_shown_on_demand(new_page: Pages) -> None:
    one = document(new_page, scattered(), reduced_motion="reduce")
    sized(one, 768, 1024)
    one.stage("go", 100)
    note, boxes = one.root.locator(".gg-alone"), one.root.locator(".gg-picture .gg-box")
    assert "alone" in note.text_content()
    few = boxes.count()
    assert 3 < few < 20
    one.press("f")
    assert note.is_hidden()
    assert one.root.evaluate(WHOLE)[0] == 0
    assert boxes.count() == len(one.steps.diagram)
    assert one.root.locator("[data-role=receiver] .gg-value").text_content() != "–"
    one.press("f")
    assert note.is_visible()
    assert boxes.count() == few
    one.press("f", "ArrowRight")  # the next step leaves what nobody can read
    assert note.is_visible()
    assert boxes.count() < 20


SPANS = """root => {
  const rect = part => part.getBoundingClientRect(), n = root.stage.count;
  const room = rect(root.querySelector(".gg-frame"));
  return Array.from({ length: n }, (_, i) => {
    root.stage.go(i);
    const seen = [...root.querySelectorAll(".gg-box")].map(rect)
      .filter(box => box.bottom > room.top && box.top < room.bottom);
    const top = Math.min(...seen.map(box => box.top));
    const bottom = Math.max(...seen.map(box => box.bottom));
    return (Math.min(bottom, room.bottom) - Math.max(top, room.top)) / room.height;
  });
}"""


@pytest.mark.parametrize("build", [scattered, BUILDS["descent"]])
def test_in_a_tall_window_a_step_does_not_lie_in_an_empty_room(build: Any, new_page: Pages) -> None:
    """What is shown of a graph that no window shows whole runs down, where there is more room."""
    size = {"width": 768, "height": 1024}
    one = document(new_page, build(), viewport=size, reduced_motion="reduce")
    spans = one.root.evaluate(SPANS)
    assert sorted(spans)[len(spans) // 4] > 0.6


VOID = """root => {
  const rect = part => part.getBoundingClientRect(), n = root.stage.count, found = [];
  const room = rect(root.querySelector(".gg-frame"));
  for (let i = 0; i < n; i += 1) {
    root.stage.go(i);
    const all = rect(root.querySelector("svg.gg-picture"));
    for (const [from, to, size] of [["left", "right", "width"], ["top", "bottom", "height"]]) {
      const before = all[from] - room[from], after = room[to] - all[to];
      if (all[size] > room[size] && Math.max(before, after) > 13) { found.push([i, from]); }
      if (all[size] < room[size] - 26 && Math.abs(before - after) > 2) { found.push([i, size]); }
    }
  }
  return found;
}"""


@pytest.mark.parametrize("build", ["chain", "branches", "network: scalars"])
def test_a_picture_that_is_larger_than_the_window_fills_it(build: str, new_page: Pages) -> None:
    graph, _, level = build.partition(": ")
    one = document(new_page, BUILDS[graph](), reduced_motion="reduce")
    if level:
        one.stage("open", level)
    for size in ((800, 600), (360, 640)):
        sized(one, *size)
        assert one.root.evaluate(VOID) == []


COVERED = """root => {
  const rect = part => part.getBoundingClientRect(), map = root.querySelector(".gg-minimap");
  const isShown = map.checkVisibility({ visibilityProperty: true }), at = rect(map);
  return { isShown, corner: map.dataset.corner, covers: !isShown ? 0 :
    [...root.querySelectorAll("[data-role] > rect:first-child")].map(rect).filter(box =>
      box.left < at.right && box.right > at.left && box.top < at.bottom
      && box.bottom > at.top).length };
}"""


def test_the_minimap_makes_way_also_where_people_zoom_and_pan(new_page: Pages) -> None:
    one = document(new_page, BUILDS["lecture"](), reduced_motion="reduce")
    sized(one, 1280, 720)
    one.stage("go", 8)
    one.press("f")
    seen = []
    for key in ["+"] * 4 + ["Shift+ArrowLeft"] * 6 + ["Shift+ArrowDown"] * 4:
        one.press(key)
        seen.append(one.root.evaluate(COVERED))
    assert {each["covers"] for each in seen} == {0}
    shown = [each["corner"] for each in seen if each["isShown"]]
    assert None not in shown
    assert len(set(shown)) > 1


OVER = """root => Array.from({ length: root.stage.count }, (_, i) => {
  const rect = part => part.getBoundingClientRect(), map = root.querySelector(".gg-minimap");
  root.stage.go(i);
  const { opacity, visibility, display } = getComputedStyle(map), at = rect(map);
  const isOpaque = opacity > 0.4 && visibility === "visible" && display !== "none";
  return { isOpaque, covered: [...root.querySelectorAll(".gg-disc text")].map(rect).filter(text =>
    isOpaque && text.left < at.right && text.right > at.left && text.top < at.bottom
      && text.bottom > at.top).length };
})"""


def test_the_minimap_covers_no_number_of_a_circle(new_page: Pages) -> None:
    one = document(new_page, BUILDS["batch"](), reduced_motion="reduce")
    sized(one, 360, 640)
    found = one.root.evaluate(OVER)
    assert any(each["isOpaque"] for each in found)
    assert {each["covered"] for each in found} == {0}


UNDER = """root => Array.from({ length: root.stage.count }, (_, i) => {
  const rect = part => part.getBoundingClientRect();
  root.stage.go(i);
  const over = [...root.querySelectorAll(".gg-stub rect, .gg-alone")].filter(part =>
    part.checkVisibility({ visibilityProperty: true })).map(rect);
  const texts = [...root.querySelectorAll(":is(.gg-name, .gg-value, .gg-gradient)")];
  return over.map(part => texts.map(rect).filter(text => text.width && text.left < part.right
    && text.right > part.left && text.top < part.bottom && text.bottom > part.top).length);
}).flat()"""


@pytest.mark.parametrize(
    ("build", "size"),
    [*((scattered, size) for size in WINDOWS), (BUILDS["recurrence"], WINDOWS[-1])],
)
def test_what_is_told_of_a_step_alone_covers_no_text(
    build: Any, size: tuple[int, int], new_page: Pages
) -> None:
    one = document(new_page, build(), reduced_motion="reduce")
    sized(one, *size)
    assert set(one.root.evaluate(UNDER)) == {0}


BARS = """root => {
  const rect = part => part.getBoundingClientRect();
  const marks = [...root.querySelectorAll(".gg-bar")].filter(bar =>
    getComputedStyle(bar, "::after").content !== "none");
  const seed = root.querySelector(".gg-phase-seed .gg-phase-name"), room = rect(seed.parentNode);
  const slider = root.querySelector(".gg-track input"), track = rect(slider);
  const share = (slider.value - slider.min) / (slider.max - slider.min);
  return { marks: marks.length, seed: getComputedStyle(seed).visibility, width: rect(seed).width,
    text: seed.scrollWidth,
    off: Math.abs(rect(marks[0]).right - track.left - share * track.width) };
}"""


def test_long_tracks_mark_the_step_and_name_the_seed(new_page: Pages) -> None:
    one = document(new_page, scattered(), reduced_motion="reduce")
    sized(one, 1280, 720)
    count: Any = one.stage("count")
    assert count > 160
    for found in one.shown_after(0, 40, 103, 104, 200, count - 1, read=BARS):
        assert found["marks"] == 1
        assert found["seed"] == "visible"
        assert found["width"] >= found["text"] > 20
        assert found["off"] < 20


SWITCHED = """(root, key) => {
  const node = root.querySelector("[data-role=operation]").dataset.o;
  const place = () => {
    const box = root.querySelector(`.gg-box[data-n="${node}"] > rect`).getBoundingClientRect();
    return [box.left, box.top, box.width].map(Math.round);
  };
  const before = place(), picture = root.querySelector(".gg-picture > g");
  root.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  return [before, place(), picture !== root.querySelector(".gg-picture > g")];
}"""


@pytest.mark.parametrize("size", [(1024, 768), (768, 1024), (390, 844)], ids=str)
def test_from_neighbours_alone_to_all_and_back_the_node_of_the_step_glides_from_its_place(
    size: tuple[int, int], new_page: Pages
) -> None:
    one = document(new_page, scattered(), viewport=dict(zip(("width", "height"), size)))
    world = one.root.locator("svg.gg-picture")
    one.go(151)
    for _ in range(2):
        world.element_handle().wait_for_element_state("stable")
        before, after, is_other = one.root.evaluate(SWITCHED, "f")
        assert is_other
        assert after == before
    world.element_handle().wait_for_element_state("stable")
    frame = resting(one.root.locator(".gg-frame"))
    for part in one.root.locator("[data-role] > rect:first-child").all():
        box = resting(part)
        for at, size_of in (("x", "width"), ("y", "height")):
            assert frame[at] <= box[at]
            assert box[at] + box[size_of] <= frame[at] + frame[size_of]
