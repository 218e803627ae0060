"""In every step of every graph, at every size of window: what the step is about can be seen.

Sender, operation and receiver are whole inside the frame, large enough to be read, under no
button, minimap or drawer, and the page itself does not scroll. The test counts what is not so; it
must be 0.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from browsing import PAINTED, Pages
from needing import mostly_slow
from stepping import BUILDS, Stepper, as_formula, chain, document

from glassgrad import MLP, TABLE, AttentionHead, backprop
from glassgrad.engine.text import short
from glassgrad.viz.expression import Expression

SIZES = [(1280, 720), (800, 600), (400, 800), (360, 640)]
WITH_DRAWERS = (SIZES[0], SIZES[-1])
DRAWERS = ["table", "words", "mistakes", "explore"]
LEAST, READABLE = 0.33, 0.5
"""Scales: names have 15 pixels at 1. Smaller than the second are few steps, whose operands are many
or far apart."""
LONG = ("chain", "recurrence", "descent", "network: scalars", "network: layer 2, neuron 1")
"""Of these one drawer is opened, beside which there is a minimap, and all with the others."""
SAMPLED = ("recurrence", "descent")
"""Of these every seventh step is looked at: their repetitions have another number of steps."""
LOOK = """(root, [every, least, readable]) => {
  const stage = root.stage, found = [], page = document.documentElement, n = stage.count;
  const frame = root.querySelector(".gg-frame"), world = frame.querySelector(".gg-picture");
  const rect = part => part.getBoundingClientRect();
  const isShown = part => part.checkVisibility({ visibilityProperty: true });
  let looked = 0, small = 0;
  for (let i = 0; i < n; i += 1) {
    if (i % every && i !== n - 1) { continue; }
    stage.go(i);
    looked += 1;
    const room = rect(frame), say = what => found.push(`step ${i + 1}: ${what}`);
    const lit = [...root.querySelectorAll("[data-role]")];
    const over = [...root.querySelectorAll(".gg-tools button, .gg-minimap, .gg-drawer, .gg-typed")]
      .filter(isShown).map(part => [part.getAttribute("class"), rect(part)]);
    const scale = new DOMMatrix(getComputedStyle(world).transform).a;
    if (!lit.length) { say("nothing is lit"); }
    small += scale < readable;
    if (scale < least) { say(`scale ${scale.toFixed(2)}`); }
    if (page.scrollHeight > innerHeight || page.scrollWidth > innerWidth) { say("it scrolls"); }
    if (room.top < 0 || room.bottom > innerHeight + 1 || room.right > innerWidth + 1) {
      say("the frame is outside");
    }
    for (const part of lit) {
      const name = part.dataset.role + " " + (part.dataset.n || "o" + part.dataset.o);
      const box = rect(part.querySelector("rect"));
      if (!box.width) { say(`${name} is not drawn`); continue; }
      if (box.left < room.left || box.right > room.right || box.top < room.top
        || box.bottom > room.bottom) { say(`${name} is outside`); }
      for (const [kind, other] of over) {
        if (box.left < other.right && box.right > other.left && box.top < other.bottom
          && box.bottom > other.top) { say(`${name} is under ${kind}`); }
      }
    }
  }
  return [looked, small, found];
}"""


def looked(name: str, new_page: Pages) -> tuple[int, int, list[str]]:
    """How many steps were looked at, how many were small, and what was wrong in them."""
    graph, _, level = name.partition(": ")
    one = document(new_page, BUILDS[graph](), reduced_motion="reduce")
    if level:
        one.stage("open", level)
    counted, tiny, exceptions = 0, 0, []
    for width, height in SIZES:
        one.root.page.set_viewport_size({"width": width, "height": height})
        often = 1 if one.stage("count") < 120 else 7
        drawers = DRAWERS[:1] if name in LONG else DRAWERS
        for drawer in [None, *drawers] if (width, height) in WITH_DRAWERS else [None]:
            if drawer and one.button(f"open-{drawer}").count():
                one.click(f"open-{drawer}")
            is_whole = width == 1280 and not drawer and name not in SAMPLED
            every = 1 if is_whole else often * (4 if drawer else 1)
            one.root.page.evaluate(PAINTED)
            steps, small, found = one.root.evaluate(LOOK, [every, LEAST, READABLE])
            counted, tiny = counted + steps, tiny + small
            exceptions += [f"{width} × {height}, {drawer}: {each}" for each in found]
        if one.button("close").is_visible():
            one.click("close")
    return counted, tiny, exceptions


@pytest.mark.parametrize(
    "name", [name for name in BUILDS if name not in LONG] + mostly_slow(LONG, kept=0)
)
def test_what_a_step_is_about_is_seen(name: str, new_page: Pages) -> None:
    counted, small, exceptions = looked(name, new_page)
    assert counted >= 48
    assert exceptions == []
    assert small <= counted / 8


WATCH = """<script>
  window.seen = new Promise(done => {
    const found = new Set();
    (function look(frames) { // after each of them was painted
      requestAnimationFrame(() => setTimeout(() => {
        const boxes = [...document.querySelectorAll(".gg-box")].map(box => {
          const { x, y, width } = box.getBoundingClientRect();
          return [x, y, width];
        });
        found.add(JSON.stringify(boxes));
        if (frames) { look(frames - 1); } else { done([...found]); }
      }));
    })(30);
  });
</script>"""


@pytest.mark.parametrize("size", [(1280, 720), (900, 700), (360, 640)])
@pytest.mark.parametrize(
    ("build", "drawer"), [("lecture", None), ("network", "table"), ("chain", None)]
)
def test_the_picture_of_a_page_that_opens_is_in_its_place_at_once(
    build: str, drawer: str | None, size: tuple[int, int], new_page: Pages
) -> None:
    steps = BUILDS[build]()
    steps.state = {"step": 4, "drawer": drawer}
    html = steps.standalone_html().replace("</body>", f"{WATCH}</body>")
    page = new_page.show(html, viewport=dict(zip(("width", "height"), size)))
    seen = page.evaluate("window.seen")
    assert len(seen) == 1
    assert seen != ["[]"]


LINES = """root => {
  const rect = part => part.getBoundingClientRect(), box = root.querySelector(".gg-equation");
  return Array.from({ length: root.stage.count }, (_, i) => {
    root.stage.go(i);
    const rows = [...box.children].map(rect);
    const parts = [...box.querySelectorAll(".gg-sign-between, .gg-term")];
    const turned = (box.scrollWidth - box.clientWidth) / box.clientWidth; // by line, on a phone
    const isTurned = box.matches(".gg-layer.gg-away");
    const isEnd = innerWidth <= 700 && box.matches(".gg-layer");
    return { height: rect(box).height, phase: root.stage.step().phase,
      kinds: [...box.querySelectorAll(".gg-term")].map(term => term.className),
      end: Math.max(...rows.map(row => row.bottom)) - rect(box).top,
      wide: turned - isTurned,
      cut: [...box.children].filter(line => line.scrollWidth > line.clientWidth).length,
      apart: parts.filter((part, i) => {
        const [a, b] = [part, parts[i + 1] || part].map(rect);
        if (isEnd && part.textContent === "=") { return false; } // it ends a line
        return part.matches(".gg-sign-between") && (a.bottom < b.top || a.top > b.bottom);
      }).length,
      broken: parts.filter((part, i) => { // a line that begins with "="
        const [a, b] = [parts[i - 1] || part, part].map(rect);
        return part.textContent === "=" && b.height && (b.top >= a.bottom || b.left < a.right);
      }).length,
      labels: [...box.querySelectorAll("small")].filter(part => !rect(part).height).length };
  });
}"""


@pytest.mark.parametrize("build", ["lecture", "with loss", "network", "batch"])
def test_the_equations_lie_close_and_keep_their_signs(build: str, new_page: Pages) -> None:
    sizes = [(1280, 720), (800, 600), (736, 900), (360, 640)]
    one = document(new_page, BUILDS[build](), reduced_motion="reduce")
    for size, lines in zip(sizes, seen_at(one, sizes, LINES)):
        assert len({line["height"] for line in lines}) == 1, size  # the picture stands still
        assert 0 <= lines[0]["height"] - max(line["end"] for line in lines) < 16, size
        found = {
            tuple(line[key] for key in ("wide", "cut", "apart", "broken", "labels"))
            for line in lines
        }
        assert found == {(0, 0, 0, 0, 0)}, size
        backward = [line["kinds"] for line in lines if line["phase"] == "backward"]
        assert all("gg-grad" in kinds[-1] for kinds in backward), "a step ends with a gradient"
        seeds = [line["kinds"] for line in lines if line["phase"] == "seed"]
        assert [len(kinds) for kinds in seeds] == [2]
        assert all("gg-grad" in kind for kind in seeds[0]), "a seed has the colour of a gradient"


BOTH = """root => {
  const box = root.querySelector(".gg-equation"), { right, bottom } = box.getBoundingClientRect();
  return [...box.querySelectorAll(".gg-term")].every(term => {
    const part = term.getBoundingClientRect();
    return part.right <= right && part.bottom <= bottom + 1;
  }) !== box.matches(".gg-away");
}"""


def test_on_a_phone_both_lines_of_a_layer_are_seen_or_the_page_says_where(new_page: Pages) -> None:
    size = {"width": 390, "height": 844}
    one = document(new_page, BUILDS["batch"](), viewport=size, reduced_motion="reduce")
    steps = range(one.stage("count"))
    assert all(one.shown_after(*steps, read=BOTH))
    away = "root => root.querySelectorAll('.gg-away').length"
    assert sum(one.shown_after(*steps, read=away)) <= 1


LACKING = """root => {
  const box = root.querySelector(".gg-equation"), { height } = box.getBoundingClientRect();
  const page = root.querySelector(".gg-stage").clientHeight;
  return Array.from({ length: root.stage.count }, (_, i) => {
    root.stage.go(i);
    const lines = [...box.children].reduce((sum, line) => sum + line.offsetHeight, 0);
    const around = box.offsetHeight - box.clientHeight + 4; // its edge and its padding
    return [box.matches(".gg-away"), lines + around - Math.max(118, 0.165 * page)];
  });
}"""
"""Of each step whether its lines stand beside each other, and how much they lack of their share."""


@pytest.mark.parametrize("size", [(390, 844), (430, 932), (360, 640)], ids=str)
def test_on_a_phone_a_little_more_room_is_given_to_two_lines(
    size: tuple[int, int], new_page: Pages
) -> None:
    lacking = []
    for inputs, *widths in [(2, 2, 1), (2, 2, 1, 1), (3, 4, 4, 1)]:
        model = MLP(inputs, widths, seed=1)
        loss = (model([1.0, -0.5, 0.3][:inputs]) - 1.0) ** 2
        steps = backprop(loss, learning_rate=0.1, parameters=model.parameters())
        steps.state = {"level": "network"}
        viewport = dict(zip(("width", "height"), size))
        one = document(new_page, steps, viewport=viewport, reduced_motion="reduce")
        one.root.page.evaluate(PAINTED)
        lacking += one.root.evaluate(LACKING)
    assert any(lacks > 0 for _, lacks in lacking)
    assert [lacks for is_away, lacks in lacking if is_away and lacks < 13.5] == []


@pytest.mark.parametrize("text", ["logaddexp(a*b, b/c) + atan2(a, c)*erf(b) - log1p(c**2)"])
def test_no_line_begins_with_a_sign_of_equality(text: str, new_page: Pages) -> None:
    numbers = {"a": 1.1, "b": -0.4, "c": 0.6}
    one = document(new_page, backprop(Expression(text).value(numbers)), reduced_motion="reduce")
    for lines in seen_at(one, [(360, 640), (736, 900)], LINES):
        assert {(line["wide"], line["apart"], line["broken"]) for line in lines} == {(0, 0, 0)}


def test_a_small_window_has_a_minimap_of_what_is_larger(new_page: Pages) -> None:
    one = document(new_page, BUILDS["lecture"](), viewport={"width": 360, "height": 640})
    shown = """root => {
      const { display, visibility } = getComputedStyle(root.querySelector(".gg-minimap"));
      return display !== "none" && visibility === "visible";
    }"""
    found = one.shown_after(*range(one.stage("count")), read=shown)
    assert sum(found) > len(found) / 2


PRODUCT = """root => {
  const rect = part => part.getBoundingClientRect(), box = rect(root.querySelector(".gg-equation"));
  const terms = [...root.querySelectorAll(".gg-first .gg-term")].map(rect);
  return { height: box.height, isSeen: terms.length > 0 && terms.every(({ top, bottom }) =>
    bottom - top > 20 && top >= box.top && bottom <= box.bottom) };
}"""


def test_a_drawer_leaves_the_product_of_the_step_and_the_height_of_the_equation(
    new_page: Pages,
) -> None:
    one = document(new_page, BUILDS["lecture"](), reduced_motion="reduce")
    one.stage("go", 11)
    for size, button in (((360, 640), "open-table"), ((400, 800), "close")):
        one.root.page.set_viewport_size(dict(zip(("width", "height"), size)))
        one.root.page.evaluate(PAINTED)
        before = one.root.evaluate(PRODUCT)
        one.click(button)
        one.root.page.evaluate(PAINTED)
        after = one.root.evaluate(PRODUCT)
        assert before["isSeen"]
        assert after["isSeen"]
        assert (after["height"] < before["height"]) == (button == "open-table")
    fresh = document(new_page, BUILDS["lecture"](), viewport={"width": 400, "height": 800})
    fresh.root.page.evaluate(PAINTED)
    fresh.stage("go", 11)
    assert fresh.root.evaluate(PRODUCT) == after


def seen_at(one: Stepper, sizes: list[tuple[int, int]], read: str) -> Iterator[Any]:
    """What a function of the root reads in windows of these sizes, once the page fits each."""
    for width, height in sizes:
        one.root.page.set_viewport_size({"width": width, "height": height})
        one.root.page.evaluate(PAINTED)
        yield one.root.evaluate(read)


DRAWER = """root => {
  const rect = part => part.getBoundingClientRect();
  const body = root.querySelector(".gg-drawer-body"), room = rect(body);
  return { phase: root.stage.step().phase,
    wide: body.scrollWidth - body.clientWidth, high: room.height,
    unseen: [...body.querySelectorAll("tr.gg-now")].map(rect)
      .filter(row => row.height && (row.top < room.top || row.bottom > room.bottom + 1)).length,
    marked: body.querySelectorAll("tr.gg-now").length };
}"""


SCROLLED = """async (root, drawer) => {
  const rows = new Map(), widths = new Set(), body = root.querySelector(".gg-drawer-body");
  const table = root.querySelector(`.gg-drawer-${drawer} table`);
  const read = () => [...table.querySelectorAll("tr[aria-rowindex]")].map(row =>
    [row.getAttribute("aria-rowindex") - 2, [...row.cells].map(cell => cell.textContent)]);
  const now = read();
  let most = 0;
  for (let at = 0; at < body.scrollHeight; at += 0.9 * body.clientHeight) {
    body.scrollTop = at;
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    const made = read();
    most = Math.max(most, made.length);
    widths.add(body.getBoundingClientRect().width);
    made.forEach(([at, cells]) => rows.set(at, cells));
  }
  return { now, rows: [...rows].sort(([a], [b]) => a - b).map(([, cells]) => cells), most,
    widths: widths.size, said: Number(table.getAttribute("aria-rowcount")) };
}"""


def test_of_long_tables_the_rows_that_are_seen_are_made(new_page: Pages) -> None:
    one = document(new_page, chain(200), reduced_motion="reduce")
    one.click("open-mistakes")
    mistakes = [[as_formula(cell.removesuffix(", first")) for cell in row]
                for _, row in one.steps.mistakes().rows()]  # fmt: skip
    assert one.root.evaluate(SCROLLED, "mistakes")["rows"] == mistakes
    one.click("open-table")
    told = one.root.evaluate("""root => [...root.querySelectorAll(".gg-steps tbody tr")]
      .map(row => [...row.cells].map(cell => cell.textContent).filter((_, k) => k !== 1))""")
    told = [[as_formula(cell) for cell in row] for row in told]
    found = one.root.evaluate(SCROLLED, "table")
    assert found["rows"] == told
    assert len(told) == len(one.steps) == found["said"] - 1
    assert found["most"] < 120
    assert found["widths"] == 1
    one.stage("set", "x", 0.25)
    found = one.root.evaluate(SCROLLED, "table")
    changed = found["rows"]
    assert found["now"]
    assert all(changed[at] == cells != told[at] for at, cells in found["now"])
    assert [row[:2] for row in changed] == [row[:2] for row in told]
    values = {as_formula(n): short(found["value"]) for n, found in one.stage("numbers").items()}
    computed = {row[1]: row[-1] for row in changed[:200]}
    assert {name: text.rpartition(" = ")[2] for name, text in computed.items()} == {
        name: values[name] for name in computed
    }
    assert len(computed) == 200


@pytest.mark.parametrize("size", [(1280, 720), (768, 1024), (360, 640)], ids=str)
def test_a_long_table_opens_on_the_row_of_the_step_and_scrolls_as_far_as_it_is_asked_to(
    size: tuple[int, int], new_page: Pages
) -> None:
    width, height = size
    one = document(new_page, chain(), viewport={"width": width, "height": height})
    one.stage("go", 130)
    one.press("t")
    one.root.page.evaluate(PAINTED)
    found = one.root.evaluate(DRAWER)
    assert found["marked"] == 1
    assert found["unseen"] == 0
    body = one.root.locator(".gg-drawer-body")
    begin = body.evaluate("body => body.scrollTop = 0")
    body.hover()
    for _ in range(5):
        one.root.page.mouse.wheel(0, 100)
        one.root.page.wait_for_timeout(60)
    assert 0 < body.evaluate("body => body.scrollTop") - begin <= 500


def test_tables_have_the_room_they_need_and_show_the_row_of_the_step(new_page: Pages) -> None:
    one = document(new_page, BUILDS["lecture"](), reduced_motion="reduce")
    for drawer in ("table", "mistakes"):
        one.click(f"open-{drawer}")
        for width, height in [(1280, 720), (800, 600), (360, 640)]:
            one.root.page.set_viewport_size({"width": width, "height": height})
            one.root.page.evaluate(PAINTED)
            for found in one.shown_after(*range(5, one.stage("count")), read=DRAWER):
                if found["phase"] != "update":
                    assert found["high"] > 60
                    assert found["unseen"] == 0
                    assert found["marked"]
                    assert found["wide"] == 0 or width < 1000


def test_of_modules_that_are_no_layers_the_page_tells_which_one_made_a_node(
    new_page: Pages,
) -> None:
    words = [[1.0, 0.5], [-1.0, 2.0]]
    loss = sum(y * y for ys in AttentionHead(2, 2, seed=1)(words) for y in ys)
    one = document(new_page, backprop(loss), viewport={"width": 1280, "height": 800})
    note = one.root.locator(".gg-alone")
    assert note.text_content() == "v₁ and its neighbours alone, in AttentionHead.queries; F: all"
    box = one.box("v1")
    box.hover()
    assert box.locator("title").text_content().endswith(", in AttentionHead.queries")
    made = next(node.index for node in one.steps.diagram if node.operation is TABLE["exp"])
    places = [step.index for step in one.steps if step.phase == "forward" and step.node == made]
    one.stage("go", places[0])
    assert note.text_content().endswith(" alone, in AttentionHead; F: all")
