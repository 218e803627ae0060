"""The page of the steps: as a file without scripts, and alive in a browser.

The first part reads the HTML as a sanitiser, a screen reader or a plain viewer would. The second
opens two copies on one page in headless Chromium, presses everything there is to press, and reads
what the page wrote down; it is skipped where there is no Chromium.
"""

import base64
import html
import json
import math
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from lecture import lecture_neuron

from engine import Value
from nn import Neuron
from viz import Backprop, backprop, step_neuron
from viz.text import short
from viz.words import line_of, sentence

SVG = "{http://www.w3.org/2000/svg}"


def module_neuron() -> Value:
    return Neuron(2, seed=0)([1.0, 2.0])


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the texts of table cells by row."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] in ("td", "th"):
            self.rows[-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def picture(page: str) -> str:
    """The SVG inside the image of a page."""
    (image,) = Elements(page).all("img")
    kind, data = image["src"].split(",")
    assert kind == "data:image/svg+xml;base64"
    return base64.b64decode(data, validate=True).decode()


def without_scripts(page: str) -> str:
    """What a sanitiser leaves: no scripts, no styles, no inline SVG."""
    return re.sub(r"<(script|style|svg)\b.*?</\1>", "", page, flags=re.DOTALL)


HEADINGS = ["step", "phase", "edge", "upstream", "local", "contribution", "result"]

NEURONS = pytest.mark.parametrize("build", [lecture_neuron, module_neuron])


# As a file.


@NEURONS
def test_the_page_of_a_neuron_is_small(build: Callable[[], Value]) -> None:
    steps = backprop(build(), learning_rate=0.1)
    assert len(steps.html().encode()) < 60_000
    assert len(steps.standalone_html().encode()) < 60_000


def test_the_page_of_a_neuron_with_a_loss_is_small() -> None:
    steps = step_neuron([2.0, -3.0], [1.0, 0.5], 0.7, "tanh", target=1.0, learning_rate=0.1)
    assert len(steps.html().encode()) < 60_000


@NEURONS
def test_nothing_is_loaded_from_anywhere(build: Callable[[], Value]) -> None:
    page = backprop(build()).standalone_html()
    svg = picture(page)
    for text in (page, re.sub(r'xmlns(:\w+)?="[^"]*"', "", svg)):
        assert "://" not in text
        assert "@import" not in text
        assert not re.search(r"url\((?!#)", text)
    for tag, attributes in Elements(page).elements:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        assert "href" not in attributes
        assert attributes.get("src", "data:").startswith("data:")


@NEURONS
def test_the_picture_is_the_graph_as_svg(build: Callable[[], Value]) -> None:
    steps = backprop(build())
    groups = list(ET.fromstring(picture(steps.html())).iter(f"{SVG}g"))
    assert {g.get("data-n") for g in groups} - {None} == {str(n.index) for n in steps.diagram}


def test_the_picture_has_the_gradients_and_local_derivatives() -> None:
    texts = set(ET.fromstring(picture(backprop(lecture_neuron()).html())).itertext())
    assert {"grad -1.5", "grad 0", "value 0.7071", "-3", "0.5"} <= texts
    assert "grad –" not in texts


@pytest.mark.parametrize(
    "label",
    [
        ' text-anchor="middle" x="1.2345" d="M1.25,2.75C1.25,2.75 3,4 3,4 "',
        '.glassgrad-graph <style>.glassgrad-graph </style> class="node"',
        ' font-family="Helvetica,Arial,sans-serif" 1.25,2 1.25,2 3,4 3,4 ',
    ],
)
def test_a_label_that_looks_like_a_picture_is_left_alone(label: str) -> None:
    svg = picture(backprop(Value(2.0, label=label) * 3.0).html())
    assert label in [(text or "").replace("\xa0", " ") for text in ET.fromstring(svg).itertext()]


def test_the_picture_has_a_text_in_its_place() -> None:
    (image,) = Elements(backprop(lecture_neuron()).html()).all("img")
    assert image["alt"] == "Graph of o in 10 nodes."


@pytest.mark.parametrize("strip", [str, without_scripts], ids=["whole", "sanitised"])
def test_the_table_has_every_step(strip: Callable[[str], str]) -> None:
    steps = backprop(lecture_neuron(), learning_rate=0.1)
    head, *rows = Elements(strip(steps.html())).rows[: len(steps) + 1]
    assert head == HEADINGS
    assert [row[:2] for row in rows] == [[str(s.index + 1), s.phase] for s in steps]
    for row in (
        ["1", "forward", "v1", "", "", "", "x1 * w1 = 2 * -3 = -6"],
        ["6", "seed", "o", "", "", "", "1"],
        ["7", "backward", "o → v4", "1", "sech(v4) ** 2 = 0.5", "0.5", "0 + 0.5 = 0.5 (1 of 1)"],
        ["14", "backward", "v1 → x1", "0.5", "w1 = -3", "-1.5", "0 + -1.5 = -1.5 (1 of 1)"],
        ["16", "update", "x1", "-1.5", "", "", "value becomes 2.15"],
    ):
        assert row in rows


def test_the_sanitised_page_has_picture_and_table() -> None:
    page = without_scripts(backprop(lecture_neuron()).html())
    assert ET.fromstring(picture(page)).tag == f"{SVG}svg"
    assert "<caption>All steps</caption>" in page
    assert "glassgrad" not in re.sub(r"<[^>]*>", "", page)


@NEURONS
def test_there_is_no_id_that_two_copies_could_share(build: Callable[[], Value]) -> None:
    page = backprop(build()).html()
    for attributes in (
        *(attributes for _, attributes in Elements(page).elements),
        *(element.attrib for element in ET.fromstring(picture(page)).iter()),
    ):
        assert "id" not in attributes


def test_the_script_survives_a_host_that_joins_lines() -> None:
    script = files("viz").joinpath("steps.js").read_text("utf-8")
    assert "//" not in script
    assert "$" not in script


def test_the_document_is_whole() -> None:
    page = backprop(lecture_neuron()).standalone_html()
    assert page.startswith('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">')
    assert "<title>Backpropagation through o</title>" in page
    tags = [tag for tag, _ in Elements(page).elements]
    assert [tags.count(tag) for tag in ("html", "head", "body", "main", "h1")] == [1] * 5


def test_the_page_is_made_for_screen_readers() -> None:
    page = Elements(backprop(lecture_neuron()).html())
    assert [p["aria-live"] for p in page.all("p")] == ["polite"]
    assert {th["scope"] for th in page.all("th")} == {"col"}
    boxes = [d for d in page.all("div") if "tabindex" in d]
    assert {(box["tabindex"], box["role"]) for box in boxes} == {("0", "region")}
    assert [box["aria-label"][:15] for box in boxes] == ["All steps", "Classic mistake"]


def test_the_page_is_the_same_every_time() -> None:
    first, second = (backprop(lecture_neuron()).standalone_html() for _ in range(2))
    assert first == second


def test_the_page_of_a_leaf_alone() -> None:
    rows = Elements(backprop(Value(3.0, label="x")).html()).rows
    assert rows == [
        HEADINGS,
        ["1", "seed", "x", "", "", "", "1"],
        ["node", "right", "= instead of +=", "no order", "no zero_grad"],
        ["x", "1", "1", "1", "1"],
    ]


def test_the_sanitised_page_of_a_neuron_has_its_three_factors() -> None:
    page = without_scripts(step_neuron([2.0, -3.0], [1.0, 0.5], 0.5, target=1.0).html())
    assert ["weight", "∂L/∂out", "× ∂out/∂z", "× ∂z/∂w", "= ∂L/∂w"] in Elements(page).rows
    assert "loss by output, output by weighted sum, weighted sum by weight" in page


def record_of(steps: Backprop, index: int) -> dict:
    """What the script is told of a step."""
    data = re.search(r'class="gg-data">(.*?)</script>', steps.html(), re.DOTALL)[1]
    return json.loads(data)[index]


def test_the_page_tells_the_line_of_the_user_without_its_folder() -> None:
    y = Value(2.0, label="x") * 3.0  # "<b>" this very line
    line = record_of(backprop(y), 0)["line"]
    assert re.fullmatch(
        r'test_browser.py, line \d+: y = Value\(2.0, label="x"\) \* 3.0  # "<b>" this .*', line
    )
    assert str(Path(__file__).parent) not in backprop(y).html()


def test_the_page_is_silent_about_lines_of_the_library() -> None:
    assert "line" not in record_of(step_neuron(2.0, 3.0, 1.0), 0)


def test_a_complete_gradient_is_checked_by_differences() -> None:
    x = Value(3.0, label="x")
    y = x * x
    y.label = "y"
    steps = backprop(y)
    assert "check" not in record_of(steps, 2)
    assert record_of(steps, 3)["check"] == "Check by differences: ∂y/∂x ≈ 6, the same."
    kink = record_of(backprop(Value(0.0, label="x").relu()), 2)["check"]
    assert "no single slope" in kink


def test_a_large_graph_is_not_checked() -> None:
    x = Value(1.0)
    for _ in range(300):
        x = x * 1.001
    assert "Check by differences" not in backprop(x).html()


def test_the_last_update_tells_the_new_loss() -> None:
    steps = backprop(lecture_neuron(), learning_rate=0.1)
    told = record_of(steps, -1)["tells"]
    assert told == f"6.831. By all updates o goes from 0.7071 to {short(steps.new_loss)}."
    assert "By all" not in record_of(steps, -2)["tells"]


@pytest.mark.parametrize("x", [math.inf, -math.inf, math.nan])
def test_the_data_are_json_whatever_the_numbers(x: float) -> None:
    record = record_of(backprop(Value(x, label="x") * 2.0), 0)
    assert record["answer"] == str(x)


# In a browser.

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--window-size=1200,1600", "--virtual-time-budget=400000"),
    "--dump-dom",
]
HEAD = """<!DOCTYPE html><meta charset="utf-8"><script>
var said = [];
window.onerror = function (message) { said.push(String(message)); };
["log", "info", "debug", "warn", "error"].forEach(function (level) {
  console[level] = function (message) { said.push(level + ": " + message); };
});
</script>"""
TOOLS = """<pre id="result"></pre><script>
var copies = document.querySelectorAll(".glassgrad-steps"), one = copies[0], two = copies[1];
var slider = one.querySelector("input[type=range]"), guess = one.querySelector(".gg-guess input");
var states = {}, keys = {}, escaped = [], notes = {};
document.addEventListener("keydown", function (event) { escaped.push(event.key); });

function all(root, selector, read) {
  return Array.prototype.map.call(root.querySelectorAll(selector), read);
}
function text(selector) { return one.querySelector(selector).textContent; }
function state(root) {
  function classed(name) {
    return all(root, ".gg-steps tbody tr", function (row, i) {
      return row.classList.contains(name) ? i : -1;
    }).filter(function (i) { return i >= 0; });
  }
  function dataset(key) { return function (part) { return part.dataset[key]; }; }
  function line(word) {
    return function (part) {
      var found = part.textContent.match(word + " (\\\\S+)");
      return [part.dataset.n, found ? found[1] : null];
    };
  }
  return {
    count: root.querySelector(".gg-count").textContent,
    says: root.querySelector(".gg-sentence").textContent,
    card: root.querySelector(".gg-card").textContent,
    uses: root.querySelector(".gg-uses").textContent,
    line: root.querySelector(".gg-line").textContent,
    check: root.querySelector(".gg-check").textContent,
    slider: Number(root.querySelector("input[type=range]").value),
    rows: classed("gg-now"), secret: classed("gg-secret"), future: classed("gg-future"),
    current: root.querySelectorAll("[aria-current=step]").length,
    now: all(root, "[data-n].gg-now", dataset("n")),
    goal: all(root, "[data-n].gg-goal", dataset("n")),
    edge: all(root, "[data-e].gg-now", dataset("e")),
    gradients: all(root, "[data-n]", line("grad")),
    values: all(root, "[data-n]", line("value")),
    statuses: all(root, "[data-status]", function (part) {
      return [part.dataset.n, part.dataset.status];
    }),
    legend: all(root, ".gg-legend b", function (part) { return Number(part.textContent); }),
    images: root.querySelectorAll("img").length,
    svgs: root.querySelectorAll(".gg-picture svg").length,
    player: root.querySelector(".gg-toolbar").children[2].getAttribute("aria-label"),
    predicting: root.querySelector(".gg-predict").getAttribute("aria-pressed"),
    mistakes: root.querySelector(".gg-mistakes").hidden,
    guessing: !root.querySelector(".gg-guess").hidden,
    verdict: root.querySelector(".gg-verdict").textContent
  };
}
function after(name, act) { if (act) { act(); } states[name] = state(one); }
function button(name) { return one.querySelector(".gg-toolbar .gg-" + name); }
function click(name) { return function () { button(name).click(); }; }
function slide(to) {
  return function () { slider.value = to; slider.dispatchEvent(new Event("input")); };
}
function press(key, where, more) {
  return function () {
    var options = Object.assign({ key: key, bubbles: true, cancelable: true }, more);
    var event = new KeyboardEvent("keydown", options);
    where.dispatchEvent(event);
    keys[key + (more ? " with control" : "")] = event.defaultPrevented;
  };
}
function answer(text) {
  return function () {
    guess.value = text;
    guess.form.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  };
}
function finish() {
  notes.said = said;
  notes.states = states;
  document.getElementById("result").textContent = JSON.stringify(notes);
}
"""
DRIVER = """
after("start");
after("forward", click("forward"));
after("forward again", click("forward"));
after("back", click("back"));
after("last", click("last"));
after("first", click("first"));
after("slider", slide(7));
after("right", press("ArrowRight", one.querySelector(".gg-picture") || one));
after("left", press("ArrowLeft", one.querySelector(".gg-scroll")));
after("end", press("End", one));
after("right at the end", press("ArrowRight", one));
after("home", press("Home", one));
after("left at the start", press("ArrowLeft", one));
after("other key", press("x", one));
after("with control", press("ArrowRight", one, { ctrlKey: true }));
after("outside", press("ArrowRight", document.body));
notes.keys = keys;
notes.escaped = escaped.slice();
notes.untouched = state(two);
two.querySelector(".gg-toolbar .gg-forward").click();
after("the other");
after("a row", function () { one.querySelectorAll(".gg-steps tbody td")[7 * 8].click(); });
var again = document.createElement("script");
again.textContent = one.querySelectorAll("script")[1].textContent;
document.body.appendChild(again);
notes.names = all(one, ".gg-toolbar button, input", function (part) {
  return part.getAttribute("aria-label") || (part.labels[0] || part).textContent.trim();
});
click("predict")();
notes.sizes = all(document, "button, input", function (part) {
  var box = part.getBoundingClientRect();
  return part.form && part.form.hidden ? 99 : Math.min(box.width, box.height);
});
click("predict")();
function focused() { return document.activeElement.className; }
function tab(key) { press(key, document.activeElement)(); return focused(); }
button("first").focus();
notes.roving = [focused(), tab("ArrowRight"), tab("ArrowRight"), tab("ArrowLeft"), tab("End"),
  tab("ArrowRight"), tab("ArrowLeft"), tab("Home")];
after("moving in the toolbar");
notes.stops = all(one, ".gg-toolbar button", function (part) { return part.tabIndex; });
slide(3)();
press("ArrowRight", slider)();
notes.sliderKey = keys.ArrowRight;
notes.toolbar = one.querySelector(".gg-toolbar").getAttribute("role");
click("last")();
button("last").focus();
click("last")();
requestAnimationFrame(function () {
  setTimeout(function () {
    Object.assign(notes, {
      other: state(two), focused: one.contains(document.activeElement),
      buttons: one.querySelectorAll(".gg-toolbar button").length,
      live: one.querySelector(".gg-sentence").getAttribute("aria-live"),
      ids: all(document, "[id]", function (part) { return part.id; }),
      paper: getComputedStyle(one).backgroundColor,
      picturePaper: getComputedStyle(one.querySelector(".gg-picture polygon") || one).fill,
      transition: getComputedStyle(one.querySelector(".gg-picture path") || one).transitionDuration
    });
    finish();
  }, 100);
});
</script>"""

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to test in")


def seen(folder: Path, body: str, *options: str, driver: str = DRIVER) -> dict:
    """What the driver wrote down after everything was pressed."""
    page = folder / "page.html"
    page.write_text(HEAD + body + TOOLS + driver, "utf-8")
    finished = subprocess.run(
        [CHROMIUM, *OPTIONS, *options, f"--user-data-dir={folder / 'profile'}", page.as_uri()],
        capture_output=True,
        timeout=60,
        check=True,
    )
    found = re.search(r'<pre id="result">(.*?)</pre>', finished.stdout.decode(), re.DOTALL)[1]
    return json.loads(html.unescape(found))


@pytest.fixture(scope="module")
def steps() -> Backprop:
    return backprop(module_neuron(), learning_rate=0.1)


@pytest.fixture(scope="module")
def browser(steps: Backprop, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Two copies on one page, of which the first is driven."""
    return seen(tmp_path_factory.mktemp("browser"), steps.html() * 2)


@needs_chromium
@pytest.mark.parametrize(
    ("action", "step"),
    [
        ("start", 1),
        ("forward", 2),
        ("forward again", 3),
        ("back", 2),
        ("last", -1),
        ("first", 1),
        ("slider", 7),
        ("right", 8),
        ("left", 7),
        ("end", -1),
        ("right at the end", -1),
        ("home", 1),
        ("left at the start", 1),
        ("other key", 1),
        ("with control", 1),
        ("outside", 1),
        ("the other", 1),
        ("a row", 9),
        ("moving in the toolbar", 9),
    ],
)
def test_every_control_goes_to_its_step(
    action: str, step: int, browser: dict, steps: Backprop
) -> None:
    state, number = browser["states"][action], step % (len(steps) + 1)
    assert state["count"] == f"step {number} of {len(steps)}"
    assert state["slider"] == number
    assert state["rows"] == [number - 1]
    assert state["current"] == 1
    assert state["player"] == "Play"  # nothing plays by itself


@needs_chromium
def test_a_step_is_spoken_and_lit(browser: dict, steps: Backprop) -> None:
    for state in browser["states"].values():
        step = steps[state["slider"] - 1]
        assert state["says"] == sentence(steps, step)
        assert state["now"] == [str(step.node)]
        assert state["goal"] == ([] if step.parent is None else [str(step.parent)])
        assert state["edge"] == ([] if step.parent is None else [f"{step.node}_{step.operand}"])
        assert state["line"] == line_of(steps.diagram[step.node])
    assert browser["live"] == "polite"


@needs_chromium
def test_the_picture_shows_each_number_as_far_as_it_has_come(
    browser: dict, steps: Backprop
) -> None:
    for state in browser["states"].values():
        gradients = {str(n.index): None if n.is_constant else "–" for n in steps.diagram}
        values = {
            str(n.index): None if n.is_constant else "–" if n.operation else short(n.data)
            for n in steps.diagram
        }
        for step in steps[: state["slider"]]:
            goal = str(step.node if step.parent is None else step.parent)
            if step.phase in ("seed", "backward"):
                gradients[goal] = short(step.after)
            else:
                values[goal] = short(step.value)
        assert dict(state["gradients"]) == gradients
        assert dict(state["values"]) == values


@needs_chromium
def test_the_picture_shows_the_status_of_every_node(browser: dict, steps: Backprop) -> None:
    for state in browser["states"].values():
        expected = {str(i): s for i, s in enumerate(steps.statuses(state["slider"] - 1)) if s}
        assert dict(state["statuses"]) == expected
        counts = [
            list(expected.values()).count(status)
            for status in ("waiting", "partial", "in progress", "done")
        ]
        assert state["legend"] == counts


@needs_chromium
def test_the_image_becomes_a_picture_whose_parts_can_be_lit(browser: dict) -> None:
    for state in (*browser["states"].values(), browser["other"]):
        assert (state["images"], state["svgs"]) == (0, 1)


@needs_chromium
def test_two_copies_do_not_disturb_each_other(browser: dict) -> None:
    assert browser["untouched"]["slider"] == 1
    assert browser["other"]["slider"] == 2
    assert browser["ids"] == ["result"]


@needs_chromium
def test_running_the_script_again_changes_nothing(browser: dict) -> None:
    assert browser["buttons"] == 7
    assert len(browser["names"]) == 9


@needs_chromium
def test_keys_are_taken_only_where_they_mean_something(browser: dict) -> None:
    assert (
        browser["keys"].items()
        >= {
            **dict.fromkeys(("ArrowLeft", "Home", "End"), True),
            "ArrowRight with control": False,
            "x": False,
        }.items()
    )
    assert browser["escaped"] == ["x", "ArrowRight", "ArrowRight"]
    assert not browser["sliderKey"]  # a slider moves by itself


@needs_chromium
def test_the_toolbar_is_one_tab_stop_with_arrows_inside(browser: dict) -> None:
    names = ["first", "back", "play", "back", "wrong", "first", "wrong", "first"]
    assert browser["roving"] == [f"gg-{name}" for name in names]
    assert browser["stops"] == [0, -1, -1, -1, -1, -1, -1]
    assert browser["toolbar"] == "toolbar"


@needs_chromium
def test_every_control_has_a_name_and_a_size(browser: dict) -> None:
    assert browser["names"] == [
        *("First step", "Step back", "Play", "Step forward", "Last step"),
        *("Predict", "Mistakes", "Step", "Your guess"),
    ]
    assert min(browser["sizes"]) >= 24


@needs_chromium
def test_a_button_that_cannot_go_further_keeps_the_focus(browser: dict) -> None:
    assert browser["focused"]  # else the arrow keys stop working after the click


@needs_chromium
def test_the_console_stays_empty(browser: dict) -> None:
    assert browser["said"] == []


@needs_chromium
def test_dark_surroundings_get_a_dark_page(
    browser: dict, steps: Backprop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("dark")
    dark = seen(folder, steps.html() * 2, "--blink-settings=preferredColorScheme=0")
    assert browser["paper"] == browser["picturePaper"] == "rgb(255, 255, 255)"
    assert dark["paper"] == dark["picturePaper"] == "rgb(28, 28, 30)"
    assert dark["said"] == []


@needs_chromium
def test_a_dark_notebook_in_a_light_system_gets_a_dark_page(
    steps: Backprop, tmp_path: Path
) -> None:
    body = '<script>document.body.setAttribute("data-jp-theme-light", "false")</script>'
    dark = seen(tmp_path, "<body>" + body + steps.html() * 2)
    assert dark["paper"] == dark["picturePaper"] == "rgb(28, 28, 30)"


@needs_chromium
def test_a_page_without_a_picture_works_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hidden:
        hidden.setitem(sys.modules, "pygraphviz", None)
        hidden.setenv("PATH", "")
        page = backprop(lecture_neuron() + 1.0).html()  # a graph that no other test has drawn
    assert "<img" not in page
    found = seen(tmp_path, page * 2)
    assert found["states"]["last"]["count"] == "step 17 of 17"
    assert found["said"] == []


# Playing, predicting, the mistakes, and the nodes of the picture.


def shared() -> Backprop:
    """The graph of a * a + a, with a = x + 1, whose node a is used three times."""
    x = Value(2.0, label="x")
    a = x + 1.0
    a.label = "a"
    y = a * a + a
    y.label = "y"
    return backprop(y, learning_rate=0.1)


MODES = """
after("node", function () {
  one.querySelector("[data-n='2']").dispatchEvent(new MouseEvent("click", { bubbles: true }));
});
after("node again", function () {
  one.querySelector("[data-n='2']").dispatchEvent(new MouseEvent("click", { bubbles: true }));
});
after("partial", slide(6));
click("first")();
after("predicting", click("predict"));
after("wrong guess", answer("4"));
after("no number", answer("three"));
after("right guess", answer("3,0"));
after("next", click("forward"));
after("shown", function () { one.querySelector(".gg-guess [type=button]").click(); });
after("nearly", function () { slide(6)(); answer("1.005")(); });
slide(7)();
after("Enter", press("Enter", one));
slide(8)();
press("p", guess)();
notes.typed = keys.p;
after("P", press("P", one));
after("mistakes", click("wrong"));
after("M", press("m", one));
after("Space on a button", press(" ", button("back")));
slide(9)();
after("Space", press(" ", one));
after("Space again", press(" ", one));
click("play")();
after("playing");
press("ArrowLeft", one)();
after("stopped by a key");
slide(9)();
var began = Date.now();
click("play")();
(function wait() {
  if (one.querySelector(".gg-count").textContent.indexOf("step 10 ") === 0 && !notes.pace) {
    notes.pace = Date.now() - began;
  }
  if (button("play").getAttribute("aria-label") === "Pause") { setTimeout(wait, 50); return; }
  after("played");
  click("play")();
  after("played again");
  click("play")();
  notes.transition = getComputedStyle(one.querySelector(".gg-picture path")).transitionDuration;
  finish();
})();
</script>"""


@pytest.fixture(scope="module")
def modes(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return seen(tmp_path_factory.mktemp("modes"), shared().html(), driver=MODES)


@needs_chromium
def test_a_click_on_a_node_goes_to_its_next_step(modes: dict) -> None:
    # Step 1 computes a itself; the next that touches it is the product of it with itself.
    steps = shared()
    touching = [s.index + 1 for s in steps if 2 in (s.node, s.parent)]
    assert [modes["states"][name]["slider"] for name in ("node", "node again")] == touching[1:3]


@needs_chromium
def test_a_node_used_again_is_partial_until_it_is_done(modes: dict) -> None:
    state = modes["states"]["partial"]
    assert state["uses"] == "1 of 3 uses received: the gradient is not complete yet"
    assert dict(state["statuses"])["2"] == "partial"
    assert "1 of 3 uses received" in state["says"]


@needs_chromium
def test_predicting_hides_the_answer_everywhere(modes: dict) -> None:
    state = modes["states"]["predicting"]
    assert state["predicting"] == "true"
    assert state["guessing"]
    assert state["says"] == "Forward: a = x + 1 = 2 + 1 = what?"
    assert "?" in state["card"]
    assert state["secret"] == [0]
    assert state["future"] == list(range(1, len(shared())))
    assert dict(state["values"])["2"] == "?"
    assert state["check"] == ""


@needs_chromium
def test_predicting_hides_the_three_factors_too(tmp_path: Path) -> None:
    driver = """
    function hidden() { return getComputedStyle(one.querySelector(".gg-chain")).display; }
    notes.before = hidden();
    button("predict").click();
    notes.after = hidden();
    finish();
    </script>"""
    found = seen(tmp_path, step_neuron(2.0, 3.0, 1.0).html(), driver=driver)
    assert (found["before"], found["after"]) == ("block", "none")


@needs_chromium
def test_high_contrast_keeps_everything_readable(tmp_path: Path) -> None:
    driver = """
    function of(selector) { return getComputedStyle(one.querySelector(selector)); }
    button("predict").click();
    notes.button = [of(".gg-predict").color, of(".gg-predict").backgroundColor];
    notes.operation = [of("ellipse + text").fill, of("ellipse").fill];
    notes.node = [of("[data-n] text").fill, of(".gg-picture polygon").fill];
    finish();
    </script>"""
    found = seen(tmp_path, shared().html(), "--force-high-contrast", driver=driver)
    for part in ("button", "operation", "node"):
        ink, paper = found[part]
        assert ink != paper, part


@needs_chromium
def test_a_guess_is_judged(modes: dict) -> None:
    states = modes["states"]
    assert states["wrong guess"]["verdict"] == "Not yet. Try again, or press Show."
    assert states["wrong guess"]["secret"] == [0]
    assert states["no number"]["verdict"] == "That is no number."
    assert states["right guess"]["verdict"] == "Right."
    assert states["right guess"]["says"].endswith("= 3.")
    assert states["nearly"]["verdict"] == "Right."  # within one per cent
    assert states["next"]["verdict"] == ""
    assert states["next"]["secret"] == [1]


@needs_chromium
@pytest.mark.parametrize("name", ["right guess", "shown", "Enter"])
def test_the_answer_is_shown_when_asked_for(name: str, modes: dict) -> None:
    state, steps = modes["states"][name], shared()
    assert state["secret"] == []
    assert state["says"] == sentence(steps, steps[state["slider"] - 1])


@needs_chromium
def test_letters_switch_the_modes_except_while_typing(modes: dict) -> None:
    assert not modes["typed"]
    assert modes["states"]["P"]["predicting"] == "false"
    assert [modes["states"][name]["mistakes"] for name in ("node", "mistakes", "M")] == [
        *(True, False, True)
    ]


@needs_chromium
def test_playing_stops_at_the_end_and_by_any_move(modes: dict) -> None:
    states, last = modes["states"], len(shared())
    assert [states[n]["player"] for n in ("Space on a button", "Space", "Space again")] == [
        *("Play", "Pause", "Play")
    ]
    assert states["playing"]["player"] == "Pause"
    assert (states["stopped by a key"]["player"], states["stopped by a key"]["slider"]) == (
        "Play",
        8,
    )
    assert (states["played"]["player"], states["played"]["slider"]) == ("Play", last)
    assert (states["played again"]["player"], states["played again"]["slider"]) == ("Pause", 1)
    assert modes["said"] == []


@needs_chromium
def test_less_motion_where_it_is_wished(modes: dict, tmp_path: Path) -> None:
    calm = seen(tmp_path, shared().html(), "--force-prefers-reduced-motion", driver=MODES)
    assert modes["transition"] != "0s"
    assert calm["transition"] == "0s"
    assert calm["pace"] > 1.5 * modes["pace"]
    assert calm["said"] == []
