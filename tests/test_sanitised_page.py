"""The page of the steps where scripts are not trusted: what a sanitiser leaves must be whole.

The outlines in `golden/` are that remainder, to be read by people: tags, texts, every row. After
a change that is meant, `GOLDEN=write pytest tests/test_sanitised_page.py` writes them anew; read
the difference before it is committed.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lecture import lecture_neuron
from markup import Elements, outline, without_scripts

from glassgrad import Backprop, backprop, step_neuron

GOLDEN = Path(__file__).with_name("golden")


def lecture() -> Backprop:
    return backprop(lecture_neuron(), learning_rate=0.1)


def neuron_with_loss() -> Backprop:
    return step_neuron([2.0, -3.0], [1.0, 0.5], 0.5, target=1.0)


@pytest.mark.parametrize("build", [lecture, neuron_with_loss])
def test_the_outline_is_the_one_that_was_agreed(build: Callable[[], Backprop]) -> None:
    path = GOLDEN / f"{build.__name__}.txt"
    lines = outline(without_scripts(build().html()))
    if os.environ.get("GOLDEN") == "write":
        path.write_text("\n".join(lines) + "\n", "utf-8")
    assert lines == path.read_text("utf-8").splitlines()


# By nbconvert, whose sanitiser knows few tags. It shows the others as text.


def sanitised(steps: Backprop) -> str:
    """The output of a cell after `jupyter nbconvert --to html --sanitize-html`."""
    import nbconvert
    from nbformat import v4

    output = v4.new_output("display_data", data=steps._repr_mimebundle_())
    notebook = v4.new_notebook(cells=[v4.new_code_cell("steps", outputs=[output])])
    page, _ = nbconvert.HTMLExporter(sanitize_html=True).from_notebook_node(notebook)
    return page[page.index('<div class="glassgrad-stage"') :]


@pytest.mark.needs("nbconvert")
def test_nbconvert_leaves_every_row_and_nothing_that_runs() -> None:
    steps = lecture()
    page = sanitised(steps)
    whole = [row for row in Elements(steps.html()).rows if row[0] not in ("step", "node")]
    assert [row for row in Elements(page).rows if row] == whole
    assert len(whole) == len(steps) + len(steps.gradients)  # all steps, and all mistakes
    assert not re.search(r"<(script|style|svg|img)\b", page)


def cleaned(page: str, **options: Any) -> str:
    """What nbconvert's preprocessor makes of a page if it is told to allow more."""
    from nbconvert.preprocessors import sanitize

    return sanitize.SanitizeHTML(strip=True, **options).sanitize_html_tags(page)


@pytest.mark.needs("nbconvert")
def test_a_sanitiser_that_allows_tables_leaves_them_whole() -> None:
    steps = lecture()
    tags = ["table", "caption", "thead", "tbody", "tr", "th", "td"]
    page = cleaned(without_scripts(steps.html()), tags=tags, attributes={"th": ["scope"]})
    assert Elements(page).rows == Elements(steps.html()).rows
    assert page.count('<th scope="col">') == len(Elements(steps.html()).all("th"))
    assert "<caption>All steps</caption>" in page


@pytest.mark.needs("nbconvert")
def test_nbconvert_never_leaves_the_bytes_of_an_image() -> None:
    # It lets through addresses that begin with http, https or mailto, whatever it is told, so the
    # text in place of the picture is what remains of it.
    page = cleaned(lecture().html(), tags=["img"], attributes={"img": ["src", "alt"]})
    assert Elements(page).all("img") == [{"alt": "Graph of o in 10 nodes."}]
