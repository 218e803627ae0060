"""The page of the steps: as a file without scripts, and alive in a browser.

The first part reads the HTML as a sanitiser, a screen reader or a plain viewer would. The second
opens two copies on one page in headless Chromium, presses everything there is to press, and reads
what the page wrote down; it is skipped where there is no Chromium.
"""

import base64
import html
import json
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
from viz import Backprop, backprop
from viz.text import short

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


NEURONS = pytest.mark.parametrize("build", [lecture_neuron, module_neuron])


# As a file.


@NEURONS
def test_the_page_of_a_neuron_is_small(build: Callable[[], Value]) -> None:
    steps = backprop(build(), learning_rate=0.1)
    assert len(steps.html().encode()) < 60_000
    assert len(steps.standalone_html().encode()) < 60_000


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


def test_the_picture_has_a_text_in_its_place() -> None:
    (image,) = Elements(backprop(lecture_neuron()).html()).all("img")
    assert image["alt"] == "Graph of o in 10 nodes."


@pytest.mark.parametrize("strip", [str, without_scripts], ids=["whole", "sanitised"])
def test_the_table_has_every_step(strip: Callable[[str], str]) -> None:
    steps = backprop(lecture_neuron(), learning_rate=0.1)
    head, *rows = Elements(strip(steps.html())).rows
    assert head == ["step", "phase", "edge", "upstream", "local", "contribution", "result"]
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
    (box,) = (d for d in page.all("div") if "tabindex" in d)
    assert (box["tabindex"], box["role"], box["aria-label"]) == ("0", "region", "All steps")


def test_the_page_is_the_same_every_time() -> None:
    first, second = (backprop(lecture_neuron()).standalone_html() for _ in range(2))
    assert first == second


def test_the_page_of_a_leaf_alone() -> None:
    assert len(Elements(backprop(Value(3.0, label="x")).html()).rows) == 2


# In a browser.

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--virtual-time-budget=3000", "--dump-dom"),
]
HEAD = """<!DOCTYPE html><meta charset="utf-8"><script>
var errors = [];
window.onerror = function (message) { errors.push(String(message)); };
console.error = console.warn = function (message) { errors.push(String(message)); };
</script>"""
DRIVER = """<pre id="result"></pre><script>
var copies = document.querySelectorAll(".glassgrad-steps"), one = copies[0], two = copies[1];
var buttons = one.querySelectorAll("button"), slider = one.querySelector("input");
var states = {}, keys = {}, escaped = [];
document.addEventListener("keydown", function (event) { escaped.push(event.key); });

function all(root, selector, read) {
  return Array.prototype.map.call(root.querySelectorAll(selector), read);
}
function state(root) {
  var rows = all(root, "tbody tr", function (row) { return row.classList.contains("gg-now"); });
  function dataset(key) { return function (part) { return part.dataset[key]; }; }
  return {
    count: root.querySelector(".gg-count").textContent,
    says: root.querySelector(".gg-sentence").textContent,
    slider: Number(root.querySelector("input").value),
    rows: rows.map(function (lit, i) { return lit ? i : -1; }).filter(function (i) {
      return i >= 0;
    }),
    current: root.querySelectorAll("[aria-current=step]").length,
    now: all(root, "[data-n].gg-now", dataset("n")),
    goal: all(root, "[data-n].gg-goal", dataset("n")),
    edge: all(root, "[data-e].gg-now", dataset("e")),
    gradients: all(root, "[data-n]", function (part) {
      return [part.dataset.n, (part.textContent.match(/grad (\\S+)/) || [])[1] || null];
    }),
    images: root.querySelectorAll("img").length,
    svgs: root.querySelectorAll("svg").length
  };
}
function after(name, act) { act(); states[name] = state(one); }
function click(i) { return function () { buttons[i].click(); }; }
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

after("start", function () {});
after("forward", click(2));
after("forward again", click(2));
after("back", click(1));
after("last", click(3));
after("first", click(0));
after("slider", slide(7));
after("right", press("ArrowRight", buttons[2]));
after("left", press("ArrowLeft", one.querySelector(".gg-scroll")));
after("end", press("End", one));
after("right at the end", press("ArrowRight", one));
after("home", press("Home", one));
after("left at the start", press("ArrowLeft", one));
after("other key", press("x", one));
after("with control", press("ArrowRight", one, { ctrlKey: true }));
after("outside", press("ArrowRight", document.body));
var untouched = state(two);
two.querySelectorAll("button")[2].click();
after("the other", function () {});
var again = document.createElement("script");
again.textContent = one.querySelectorAll("script")[1].textContent;
document.body.appendChild(again);
var names = all(document, "button, input", function (part) {
  return part.getAttribute("aria-label");
});
var sizes = all(document, "button, input", function (part) {
  var box = part.getBoundingClientRect();
  return Math.min(box.width, box.height);
});
click(0)();
buttons[3].focus();
buttons[3].click();
requestAnimationFrame(function () {
  setTimeout(function () {
    document.getElementById("result").textContent = JSON.stringify({
      states: states, keys: keys, escaped: escaped, untouched: untouched, other: state(two),
      names: names, sizes: sizes, errors: errors,
      focused: one.contains(document.activeElement), buttons: buttons.length,
      live: one.querySelector(".gg-sentence").getAttribute("aria-live"),
      ids: all(document, "[id]", function (part) { return part.id; }),
      paper: getComputedStyle(one).backgroundColor
    });
  }, 100);
});
</script>"""

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to test in")


def seen(folder: Path, body: str, *options: str) -> dict:
    """What the driver wrote down after everything was pressed."""
    page = folder / "page.html"
    page.write_text(HEAD + body + DRIVER, "utf-8")
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


@needs_chromium
def test_a_step_is_spoken_and_lit(browser: dict, steps: Backprop) -> None:
    for state in browser["states"].values():
        step = steps[state["slider"] - 1]
        name = steps.diagram[step.node].name
        assert re.match(f"(Forward:|Seed: ∂|Backward, from|Update:) ?{name}\\b", state["says"])
        assert state["now"] == [str(step.node)]
        assert state["goal"] == ([] if step.parent is None else [str(step.parent)])
        assert state["edge"] == ([] if step.parent is None else [f"{step.node}_{step.operand}"])
    assert browser["live"] == "polite"


@needs_chromium
def test_the_picture_shows_each_gradient_as_far_as_it_has_come(
    browser: dict, steps: Backprop
) -> None:
    for state in browser["states"].values():
        expected = {str(n.index): None if n.is_constant else "–" for n in steps.diagram}
        for step in steps[: state["slider"]]:
            if step.phase in ("seed", "backward"):
                node = step.node if step.parent is None else step.parent
                expected[str(node)] = short(step.after)
        assert dict(state["gradients"]) == expected


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
    assert browser["buttons"] == 4
    assert len(browser["names"]) == 10


@needs_chromium
def test_keys_are_taken_only_where_they_mean_something(browser: dict) -> None:
    assert browser["keys"] == {
        **dict.fromkeys(("ArrowLeft", "Home", "End"), True),
        "ArrowRight": False,  # the last time it was pressed outside
        "ArrowRight with control": False,
        "x": False,
    }
    assert browser["escaped"] == ["x", "ArrowRight", "ArrowRight"]


@needs_chromium
def test_every_control_has_a_name_and_a_size(browser: dict) -> None:
    names = ["First step", "Step back", "Step", "Step forward", "Last step"]
    assert browser["names"] == names * 2
    assert min(browser["sizes"]) >= 24


@needs_chromium
def test_a_button_that_cannot_go_further_keeps_the_focus(browser: dict) -> None:
    assert browser["focused"]  # else the arrow keys stop working after the click


@needs_chromium
def test_there_are_no_errors(browser: dict) -> None:
    assert browser["errors"] == []


@needs_chromium
def test_dark_surroundings_get_a_dark_page(
    browser: dict, steps: Backprop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("dark")
    dark = seen(folder, steps.html() * 2, "--blink-settings=preferredColorScheme=0")
    assert browser["paper"] == "rgb(255, 255, 255)"
    assert dark["paper"] == "rgb(28, 28, 30)"
    assert dark["errors"] == []


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
    assert found["errors"] == []
