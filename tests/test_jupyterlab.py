"""A notebook in JupyterLab: run, looked at, clicked and typed into, saved, and read untrusted.

One server and one page serve all tests of a process. A test that changes a stepper runs its cell
again first, so it finds a fresh one. The notebooks of the course are opened with the outputs that
they have saved, as by a reader who trusts them. See `laboratory.py` for the server and
`browsing.py` for the browser; `needing.py` leaves the tests out where something of this is not
installed.
"""

import html
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import browsing
import laboratory
import pytest
from markup import picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

BUILD, DRAW, STEPS, AGAIN, DERIVATION, NEURON, WIDGET, SET, TELL = range(9)
CELLS = [
    "from glassgrad import Value, backprop, derivation, draw, step_neuron\n\n"
    'x, w = Value(2.0, label="x"), Value(-0.75, label="w")\n'
    "y = (x * w + x).tanh()\n"
    'y.label = "y"',
    "draw(y)",
    "s = backprop(y)\ns",
    "s",
    "derivation(y, x)",
    "step_neuron([2.0, -3.0], [1.0, 0.5], 0.7, target=1.0)",
    "widget = s.widget()\nwidget",
    "widget.index = 5",
    'print("step", widget.index)',
]
COUNT = 9  # steps: three forward, the seed, five edges back
SAYS = (
    r"debug: Starting application in workspace: ",
    r"debug: Starting WebSocket: ws://127\.0\.0\.1:",
    r"warning: Plugin \S+ (\(with \d+ dependants\) took|is taking too long) .*activate\.$",
    r"request: http://127\.0\.0\.1:",
    # When the next notebook is opened while the kernel of this one is still being connected:
    r"warning: WebSocket connection to 'ws://127\.0\.0\.1:.* closed before the connection is",
    r"error: Could not restore the debugger state: Canceled future",
    r"warning: History was unable to be retrieved$",
)
"""What JupyterLab itself says, on the console and to its server. Nothing else may be said."""
DARK, LIGHT = "rgb(20, 24, 31)", "rgb(255, 255, 255)"
COURSE = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(
    path.relative_to(COURSE).as_posix()
    for path in COURSE.rglob("*.ipynb")
    if ".ipynb_checkpoints" not in path.parts
)


pytestmark = pytest.mark.needs("jupyterlab", "anywidget")


@pytest.fixture(scope="module")
def lab(chromium: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[laboratory.Lab]:
    """A server with the course, a notebook that has never run, and one that ran elsewhere."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(COURSE, folder / "notebooks/course")
    laboratory.trust(folder, [folder / "notebooks/course" / name for name in NOTEBOOKS])
    for name in ("live.ipynb", "read.ipynb"):
        (folder / "notebooks" / name).write_text(laboratory.notebook(CELLS), encoding="utf-8")
    running = laboratory.executed(folder / "notebooks" / "read.ipynb", folder)
    with laboratory.lab(folder) as server:
        assert running.wait(laboratory.PATIENCE) == 0, (folder / "execute.log").read_text()
        yield server


@pytest.fixture(scope="module")
def pages(chromium: "Browser", lab: laboratory.Lab) -> Iterator[browsing.Pages]:
    pages = browsing.Pages(chromium, lab.folder)
    for pattern in SAYS:
        pages.expect(pattern)
    yield pages
    pages.close()


@pytest.fixture(autouse=True)
def silent(pages: browsing.Pages) -> Iterator[None]:
    """No test makes the page complain, load from elsewhere, or fail to load."""
    yield
    said = pages.unexpected()
    pages.said.clear()
    assert said == []


@pytest.fixture(scope="module")
def live(pages: browsing.Pages, lab: laboratory.Lab) -> laboratory.Notebook:
    """The notebook whose cells have all been run in JupyterLab."""
    page = pages(viewport={"width": 1400, "height": 1000})
    notebook = laboratory.Notebook(page, lab.address("live.ipynb"), len(CELLS))
    notebook.run_all()
    return notebook


@pytest.fixture(scope="module")
def read(pages: browsing.Pages, lab: laboratory.Lab) -> laboratory.Notebook:
    """The notebook that comes from elsewhere with its outputs: JupyterLab does not trust it."""
    page = pages(viewport={"width": 1400, "height": 1000})
    return laboratory.Notebook(page, lab.address("read.ipynb"), len(CELLS))


@pytest.fixture(scope="module")
def course(pages: browsing.Pages, lab: laboratory.Lab) -> "Page":
    """JupyterLab with no notebook open; without motion, whose frames cost more than all else."""
    page = pages(viewport={"width": 1400, "height": 1000}, reduced_motion="reduce")
    page.goto(lab.address(""))
    page.wait_for_function(
        "async () => { await window.jupyterapp?.restored; return Boolean(window.jupyterapp); }"
    )
    return page


@pytest.fixture
def stepper(live: laboratory.Notebook) -> "Locator":
    return fresh(live, STEPS)


def fresh(notebook: laboratory.Notebook, cell: int) -> "Locator":
    """The stepper of a cell that is run again."""
    notebook.run(cell)
    found = notebook.output(cell).locator(".glassgrad-stage[data-ready]")
    found.wait_for()
    return found


def wait_for_step(stepper: "Locator", number: int) -> None:
    stepper.get_by_text(f"step {number} of {COUNT}", exact=True).wait_for()


def click(stepper: "Locator", name: str) -> None:
    stepper.get_by_role("button", name=name, exact=True).click()


def take_keys(stepper: "Locator") -> None:
    """As a reader does, by a click where nothing else is."""
    stepper.locator(".gg-equation").click(position={"x": 3, "y": 3})


# What the cells show.


def test_a_drawing_is_one_picture_with_the_values_and_its_table(live: laboratory.Notebook) -> None:
    image = drawing(live)
    svg = html.unescape(picture(live.output(DRAW).inner_html())).replace("\xa0", " ")
    texts = re.findall(r"<text[^>]*>([^<]*)", svg)
    assert {"x", "w", "y", "tanh", "value 2", "value -0.75", "value 0.4621"} <= set(texts)
    assert image.bounding_box()["width"] > 300
    assert live.output(DRAW).locator("img, svg.glassgrad-graph").count() == 1
    assert live.output(DRAW).locator("table tbody tr").count() == 5


def test_a_derivation_is_set_as_mathematics(live: laboratory.Notebook) -> None:
    formula = live.output(DERIVATION).locator("mjx-container")
    formula.wait_for()
    assert formula.locator("mjx-merror").count() == 0
    assert formula.bounding_box()["height"] > 60


def test_a_neuron_has_its_three_factors_and_steps(live: laboratory.Notebook) -> None:
    stepper = live.output(NEURON).locator(".glassgrad-stage[data-ready]")
    stepper.wait_for()
    assert stepper.locator(".gg-chain tbody tr").count() == 3
    click(stepper, "Last step")
    stepper.get_by_text("step 19 of 19", exact=True).wait_for()
    click(stepper, "First step")


@pytest.mark.parametrize("cell", [STEPS, NEURON])
def test_no_cell_of_a_table_is_cut_off(cell: int, live: laboratory.Notebook) -> None:
    stepper = fresh(live, cell)
    for drawer in ("Mistakes", "Steps"):
        click(stepper, drawer)
        assert stepper.locator("td:visible").count() > 20
        cut = stepper.locator("td:visible, th:visible").evaluate_all(
            "(all) => all.filter((c) => c.scrollWidth > c.clientWidth).map((c) => c.textContent)"
        )
        assert cut == []


def test_columns_begin_at_the_left_as_outside_of_notebooks(live: laboratory.Notebook) -> None:
    stepper = live.output(STEPS).locator(".glassgrad-stage[data-ready]")
    aligned = stepper.locator("td, th").evaluate_all(
        "(cells) => cells.map((c) => getComputedStyle(c).textAlign)"
    )
    assert set(aligned) == {"left"}


def drawing(notebook: laboratory.Notebook) -> "Locator":
    """The picture that `draw` shows."""
    image = notebook.output(DRAW).locator("img")
    image.wait_for()
    return image


# The stepper, by mouse and keyboard.


def test_controls_answer_the_mouse(live: laboratory.Notebook, stepper: "Locator") -> None:
    wait_for_step(stepper, 1)
    for name, step in (("Step forward", 2), ("Last step", COUNT), ("Step back", COUNT - 1)):
        click(stepper, name)
        wait_for_step(stepper, step)
    stepper.locator(".gg-box").filter(has_text=re.compile(r"^y")).click()
    wait_for_step(stepper, 3)
    slider = stepper.get_by_role("slider")
    box = slider.bounding_box()
    slider.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    wait_for_step(stepper, 5)
    click(stepper, "Play")
    wait_for_step(stepper, 6)
    click(stepper, "Pause")
    click(stepper, "Mistakes")
    assert "leaves not zeroed" in stepper.locator(".gg-drawer-mistakes").inner_text()


def test_two_copies_of_the_same_steps_are_independent(
    live: laboratory.Notebook, stepper: "Locator"
) -> None:
    other = fresh(live, AGAIN)
    click(stepper, "Step forward")
    wait_for_step(stepper, 2)
    wait_for_step(other, 1)
    click(other, "Last step")
    wait_for_step(other, COUNT)
    wait_for_step(stepper, 2)


@pytest.mark.parametrize("cell", [STEPS, WIDGET])
def test_keys_step_and_do_not_reach_the_notebook(cell: int, live: laboratory.Notebook) -> None:
    """Arrows, j and k select cells of JupyterLab; other letters insert, cut, delete, retype."""
    stepper = fresh(live, cell)
    take_keys(stepper)
    before = live.selection()
    assert before[cell] == ["code", True]
    for key, step in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2), ("End", COUNT)):
        live.page.keyboard.press(key)
        wait_for_step(stepper, step)
    for key in ("ArrowDown", "ArrowUp", *"jjkmmabxddryz1"):
        live.page.keyboard.press(key)
        assert live.selection() == before, key
    live.page.keyboard.press("p")
    stepper.locator(".gg-guess").wait_for()
    assert live.selection() == before


def test_keys_on_a_part_do_not_reach_the_notebook(
    live: laboratory.Notebook, stepper: "Locator"
) -> None:
    take_keys(stepper)
    before = live.selection()
    click(stepper, "Words")
    parts = "button.gg-forward", ".gg-track input", ".gg-drawer-body", ".gg-leaf >> nth=0"
    for part in (*parts, ".gg-formula"):
        for key in ("ArrowDown", "j", "ArrowUp", "k", "b"):
            stepper.locator(part).focus()
            live.page.keyboard.press(key)
            assert live.selection() == before, (part, key)


def test_a_guess_is_typed_and_judged(live: laboratory.Notebook, stepper: "Locator") -> None:
    before = live.selection()
    click(stepper, "Predict")
    stepper.get_by_label("Your guess").click()
    for guess, verdict in (("7", "Not yet: try again"), ("-1.5", "Right. Enter goes on.")):
        stepper.get_by_label("Your guess").fill("")
        live.page.keyboard.type(guess)
        live.page.keyboard.press("Enter")
        stepper.get_by_text(verdict).wait_for()
    assert [kind for kind, _ in live.selection()] == [kind for kind, _ in before]


# The widget: Python and the page agree on the step.


def test_python_and_the_page_of_a_widget_tell_each_other(live: laboratory.Notebook) -> None:
    widget = fresh(live, WIDGET)
    for step in (2, 3):
        click(widget, "Step forward")
        wait_for_step(widget, step)
    live.run(TELL)
    assert live.output(TELL).inner_text().strip() == "step 2"
    live.run(SET)
    live.output(WIDGET)
    wait_for_step(widget, 6)


# The colours of JupyterLab.


@pytest.mark.parametrize(("theme", "paper"), [("Light", LIGHT), ("Dark", DARK)])
def test_a_notebook_is_readable_in_its_own_colours(
    theme: str, paper: str, live: laboratory.Notebook
) -> None:
    live.theme(theme)
    for cell in (STEPS, NEURON, WIDGET):
        stepper = fresh(live, cell)
        assert stepper.evaluate("(root) => getComputedStyle(root).backgroundColor") == paper
        check_contrasts(stepper)
    live.theme("Light")


def check_contrasts(stepper: "Locator") -> None:
    found = laboratory.contrasts(stepper)
    assert len(found) > 30
    assert {text: contrast for text, contrast in found.items() if contrast < 4.5} == {}


def test_a_drawing_has_the_colours_of_the_notebook(live: laboratory.Notebook) -> None:
    for theme, paper in (("Dark", [28, 28, 30]), ("Light", [255, 255, 255])):
        live.theme(theme)
        assert paper_of(drawing(live), paper) == paper


def paper_of(image: "Locator", expected: list[int]) -> list[int]:
    """The colour of a picture near its corner, which JupyterLab fades to another one."""
    end = time.monotonic() + 10.0
    while True:
        box = image.bounding_box()
        found = laboratory.pixel(image.page, box["x"] + 3, box["y"] + 3)
        if found == expected or time.monotonic() > end:
            return found


# The course.


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_steppers_of_a_notebook_answer(name: str, course: "Page") -> None:
    """Nothing is run, since everything that it shows is saved in it."""
    saved = json.loads((COURSE / name).read_text("utf-8"))["cells"]
    places = [i for i, cell in enumerate(saved) if 'class=\\"glassgrad-stage' in json.dumps(cell)]
    cells = laboratory.opened(course, f"course/{name}", len(saved))
    assert places
    for place in places:
        cells.nth(place).scroll_into_view_if_needed()
        stepper = cells.nth(place).locator(".glassgrad-stage[data-ready]")
        before = stepper.locator(".gg-sentence").text_content()
        click(stepper, "Step forward")
        stepper.locator(".gg-sentence").filter(has_not_text=before).wait_for()
    assert cells.locator("mjx-merror, .jp-RenderedHTMLCommon [data-mjx-error]").count() == 0


# Saved, and read elsewhere.


def test_the_saved_notebook_has_html_and_text(
    live: laboratory.Notebook, lab: laboratory.Lab
) -> None:
    live.run(STEPS)
    live.save()
    (output,) = json.loads(lab.path("live.ipynb").read_text("utf-8"))["cells"][STEPS]["outputs"]
    assert set(output["data"]) == {"text/html", "text/plain"}
    assert "".join(output["data"]["text/html"]).startswith('<div class="glassgrad-stage"')
    assert "Backpropagation: ∂y/∂y = 1" in "".join(output["data"]["text/plain"])


def test_untrusted_outputs_have_no_script_and_no_style(read: laboratory.Notebook) -> None:
    stepper = read.output(STEPS).locator(".glassgrad-stage")
    stepper.wait_for()
    assert read.page.locator(".jp-OutputArea :is(script, style)").count() == 0
    assert stepper.locator("button, input").count() == 0


@pytest.mark.parametrize(
    ("cell", "rows", "said"), [(STEPS, COUNT, "0.7864 + -0.5898 = 0.1966"), (DRAW, 5, "tanh(v2)")]
)
def test_untrusted_outputs_are_a_picture_and_a_table(
    cell: int, rows: int, said: str, read: laboratory.Notebook
) -> None:
    output = read.output(cell)
    (image,) = output.locator("img").all()
    image.wait_for()
    assert image.evaluate("(image) => image.naturalWidth") > 300
    assert image.bounding_box()["width"] > 300
    table = output.locator("table").first
    assert table.locator("tbody tr").count() == rows
    assert said in (table.text_content() or "")


def test_untrusted_outputs_are_readable_in_both_themes(read: laboratory.Notebook) -> None:
    for theme in ("Dark", "Light"):
        read.theme(theme)
        check_contrasts(read.output(STEPS).locator(".glassgrad-stage"))


def test_an_untrusted_derivation_is_set_as_mathematics(read: laboratory.Notebook) -> None:
    read.output(DERIVATION).locator("mjx-container").wait_for()
