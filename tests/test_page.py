"""The page of the steps as a file: what a sanitiser, a screen reader or a plain viewer reads.

What a sanitiser leaves of it is in `test_sanitised_page.py`; how it behaves in a browser, in
the files `test_browser*.py` and `test_accessibility.py`.
"""

import json
import math
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import combinations, groupby, product
from pathlib import Path
from typing import Any

import pytest
from lecture import lecture_neuron
from markup import Elements, picture

from glassgrad import MLP, Backprop, Neuron, Value, backprop, compiled, engine, step_neuron
from glassgrad.engine.text import short
from glassgrad.viz import stage
from glassgrad.viz.drawing import picture_of
from glassgrad.viz.markup import DARK, OPTIONAL, compact, stage_script
from glassgrad.viz.page import FORM, USUAL, Page, packed, with_texts
from glassgrad.viz.told import tell


def module_neuron() -> Value:
    return Neuron(2, seed=0)([1.0, 2.0])


SVG = "{http://www.w3.org/2000/svg}"

NEURONS = pytest.mark.parametrize("build", [lecture_neuron, module_neuron])


def size_of(page: str) -> int:
    """How many bytes a page has without what every page has."""
    kinds = [frozenset(c) for n in range(6) for c in combinations(sorted(OPTIONAL), n)]
    scripts = [script for kind in kinds if (script := stage_script(kind)) in page]
    assert len(scripts) == 1
    for always in (*scripts, compact("stage/stage.css")):
        page = page.replace(always, "")
    return len(page.encode())


@NEURONS
def test_the_page_of_a_neuron_is_small(build: Callable[[], Value]) -> None:
    steps = backprop(build(), learning_rate=0.1)
    assert size_of(steps.html()) < 20_000
    assert size_of(steps.standalone_html()) < 20_000
    assert len(steps.standalone_html().encode()) < 100_000


def test_the_page_of_a_neuron_with_a_loss_is_small() -> None:
    steps = step_neuron([2.0, -3.0], [1.0, 0.5], 0.7, "tanh", target=1.0, learning_rate=0.1)
    assert size_of(steps.html()) < 25_000


@NEURONS
def test_nothing_is_loaded_from_anywhere(build: Callable[[], Value]) -> None:
    page = backprop(build()).standalone_html()
    named = r"""xmlns(:\w+)?=["'][^"']*["']"""
    for text in (re.sub(named, "", whole) for whole in (page, picture(page))):
        assert "://" not in text
        assert "@import" not in text
        assert not re.search(r"url\((?!#)", text)
    for tag, attributes in Elements(page).elements:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        assert "href" not in attributes
        assert attributes.get("src", "data:").startswith("data:")


FAN, OPERATION = "#858585", "#e8e8e8"


def test_the_picture_of_a_page_has_the_boxes_and_looks_of_the_drawing() -> None:
    """Most of them stand once, in rules for shapes that do not say how they look."""
    steps = backprop(lecture_neuron())
    small = ET.fromstring(picture(steps.html()))
    light, dark = small.findtext(f"{SVG}style").split("@media (prefers-color-scheme:dark)")
    usual, darkened = (
        {
            shape: (lacks, dict(look.split(":") for look in looks.split(";")))
            for shape, lacks, looks in re.findall(r"(\w+):not\(\[(\w+)\]\)\{([^}]*)\}", style)
        }
        for style in (light, dark)
    )
    for shape, (lacks, looks) in usual.items():
        shown = {kind: DARK[colour] for kind, colour in looks.items() if colour in DARK}
        assert darkened[shape] == (lacks, shown)
    whole = ET.fromstring(picture_of(steps.diagram, steps.gradients).svg)
    shapes = [f"{SVG}{shape}" for shape in ("polygon", "path", "ellipse", "circle", "rect")]
    drawn, pictured = ([p for p in svg.iter() if p.tag in shapes] for svg in (whole, small))
    looks_of: list[Counter[tuple[str, ...]]] = [Counter(), Counter()]
    for found, parts in zip(looks_of, (drawn, pictured)):
        for part in parts:
            lacks, looks = usual[part.tag.removeprefix(SVG)] if parts is pictured else ("", {})
            look = {**looks, **part.attrib} if lacks not in part.attrib else part.attrib
            count = part.get("d", "M").count("M")  # those that look the same are one
            found[tuple(look.get(kind, "none") for kind in ("fill", "stroke"))] += count
    assert looks_of[0] == looks_of[1]
    assert len(pictured) < 0.7 * len(drawn)


def is_closed(path: ET.Element) -> bool:
    first, *_, last = re.findall(r"-?[\d.]+,-?[\d.]+|H.*", path.get("d", ""))
    return bool(first == last)


def boxes_of(paths: Iterable[ET.Element]) -> list[list[float]]:
    """Where paths around boxes are: x, y, width and height, in order."""
    found = []
    for path in paths:
        corners = re.findall(r"(-?[\d.]+),(-?[\d.]+)", path.get("d", ""))
        xs, ys = (sorted(map(float, places)) for places in zip(*corners))
        found.append([xs[0], ys[0], xs[-1] - xs[0], ys[-1] - ys[0]])
    return sorted(found)


@NEURONS
def test_boxes_in_the_picture_of_a_page_are_where_they_are_drawn(
    build: Callable[[], Value],
) -> None:
    """They are rectangles in place of paths, that of a module too."""
    steps = backprop(build())
    whole = ET.fromstring(picture_of(steps.diagram, steps.gradients).svg)
    around = (p for p in whole.iter(f"{SVG}path") if is_closed(p))
    small = ET.fromstring(picture(steps.html()))
    rects = small.findall(f".//{SVG}rect")
    found = sorted([float(r.get(n)) for n in ("x", "y", "width", "height")] for r in rects)
    assert len(found) >= 9
    for box, right in zip(found, boxes_of(around), strict=True):
        assert box == pytest.approx(right, abs=0.11)
    assert {float(rect.get("rx")) for rect in rects} == {12.0}


def test_the_picture_of_a_page_has_the_frames_of_modules() -> None:
    svg = ET.fromstring(picture(backprop(MLP(2, [2, 1], seed=1)([1.0, 2.0])).html()))
    frames = [p for p in svg.iter(f"{SVG}rect") if p.get("stroke-dasharray")]
    assert len(frames) == 6  # the network, its two layers, their neurons
    for frame in frames:
        assert min(float(frame.get(name)) for name in ("width", "height", "rx")) > 0


@NEURONS
def test_there_is_no_id_that_two_copies_could_share(build: Callable[[], Value]) -> None:
    page = backprop(build()).html()
    for attributes in (
        *(attributes for _, attributes in Elements(page).elements),
        *(element.attrib for element in ET.fromstring(picture(page)).iter()),
    ):
        assert "id" not in attributes


def test_the_script_survives_a_host_that_joins_lines() -> None:
    for script in (stage_script(), Page(backprop(lecture_neuron())).functions):
        assert "//" not in script
        assert "\n" not in script


def test_the_document_is_whole() -> None:
    page = backprop(lecture_neuron()).standalone_html()
    assert page.startswith('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">')
    assert "<title>Backpropagation through o</title>" in page
    tags = [tag for tag, _ in Elements(page).elements]
    assert [tags.count(tag) for tag in ("html", "head", "body", "main", "h1")] == [1] * 5


def test_texts_lie_over_arrows_and_these_over_boxes_in_the_picture_of_a_page() -> None:
    (group,) = ET.fromstring(picture(backprop(lecture_neuron()).html())).findall(f"{SVG}g")
    kinds = {f"{SVG}rect": "box", f"{SVG}circle": "box", f"{SVG}g": "text"}
    _paper, *parts = group
    found = [
        kinds.get(part.tag) or ("head" if part.get("stroke") == "none" else "line")
        for part in parts
    ]
    assert [kind for kind, _ in groupby(found)] == ["box", "line", "head", "text"]


def data_of(steps: Backprop) -> dict:
    """What the script is given."""
    return data_in(steps.html())


def data_in(page: str) -> dict:
    return json.loads(re.search(r'class="gg-data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_tells_the_line_of_the_user_without_its_folder() -> None:
    y = Value(2.0, label="x") * 3.0  # "<b>" this very line
    (line,) = data_of(backprop(y))["lines"]
    assert re.fullmatch(
        r'test_page.py, line \d+: y = Value\(2.0, label="x"\) \* 3.0  # "<b>" this .*', line
    )
    assert str(Path(__file__).parent) not in backprop(y).html()


def test_the_page_is_silent_about_lines_of_the_library() -> None:
    data = data_of(step_neuron(2.0, 3.0, 1.0))
    assert data["lines"] == []
    assert {node["w"] for node in unpacked(data)["nodes"]} == {-1}


def test_a_complete_gradient_is_checked_by_differences() -> None:
    x = Value(3.0, label="x")
    y = x * x
    y.label = "y"
    steps = backprop(y)
    checks = [each.check for each in stage.all_told(steps)]
    assert checks == ["", "", "", "Check by differences: ∂y/∂x ≈ 6, the same."]
    assert "no single slope" in stage.all_told(backprop(Value(0.0, label="x").relu()))[2].check
    assert data_of(steps)["checked"]  # the page computes them


def test_a_large_graph_is_not_checked() -> None:
    x = Value(1.0)
    for _ in range(300):
        x = x * 1.001
    assert "checked" not in data_of(backprop(x))


def test_the_last_update_tells_the_new_loss() -> None:
    steps = backprop(lecture_neuron(), learning_rate=0.1)
    *_, before, last = (tell(steps, step).sentence for step in steps)
    assert before == "Update: w2 goes from 1 against its gradient, to 1 − 0.1 × 0 = 1."
    assert last == (
        "Update: b goes from 6.881 against its gradient, to 6.881 − 0.1 × 0.5 = 6.831. "
        f"By all updates o goes from 0.7071 to {short(steps.new_loss)}."
    )


def unpacked(data: dict) -> dict:
    """The nodes and the steps of a page as `stage/numbers.js` reads them."""
    nodes = []
    for node in data["nodes"]:
        usual = {"s": data["signs"].get(node.get("o"), ""), "k": "node" if "p" in node else "leaf"}
        path = data["paths"][node["path"]] if "path" in node else ""
        nodes.append(USUAL | usual | node | {"path": path})

    def step_of(form: int, i: int, sent: Any = None, check: Any = "", uses: Any = None) -> dict:
        phase, *told, branch = [*data["forms"][form], False][:7]
        edges = [[i, k] for k in sent or []]

        def node_at(place: Any) -> Any:
            is_relative = isinstance(place, int) and place < 0
            return [i, *nodes[i]["p"]][-1 - place] if is_relative else place

        def name(sign: str) -> str:
            node = {"0": i, "1": data["root"]}.get(sign)
            return nodes[nodes[i]["p"][ord(sign) - ord("a")] if node is None else node]["n"]

        def words(text: str) -> str:
            first, *others = text.split(data["mark"])
            return first + "".join(name(other[0]) + other[1:] for other in others)

        def reference(kind: str, *places: Any) -> list:
            own = edges[0] if edges and not places else map(node_at, places)
            return [kind, *own]

        def text(text: Any) -> Any:
            text = data["texts"][text] if isinstance(text, int) else text or ""
            if isinstance(text, str):
                return words(text)
            return [words(part) if isinstance(part, str) else reference(*part) for part in text]

        form = with_texts(dict(zip(FORM[1:], told)), text)
        form["answer"] = reference(*form["answer"])
        found = {"phase": phase, "node": i, "edges": edges, "check": text(check), **form}
        return found | ({"branch": True} if branch else {}) | ({"uses": uses} if uses else {})

    return {"nodes": nodes, "steps": [step_of(*step) for step in data["steps"]]}


def live() -> Value:
    x = Value(2.0, label="x")
    return (x * x + x.tanh() - 3.0 * x).relu() ** 2


def named_as_words() -> Value:
    """Names that are words of the sentences, and marks that the data could use."""
    local, the, mark = Value(-0.0, "local"), Value(3.0, "the"), Value(math.inf, "a§b¤c")
    of = engine.sum([local * the, the + 1.0, mark, local])
    of.label = "of"
    return of * local


def in_python() -> Value:
    w = Value(2.0, label="w")
    return compiled(lambda x, z: w * x + z)(3.0, 4.0) * w


def checked_alike() -> Value:
    """One check stands in most of the steps, more often than any other text."""
    w, b = Value(0.5, label="w"), Value(0.0, label="b")
    return sum([(w * x + b).relu() for x in range(16)], Value(0.0))


def long() -> Value:
    x = Value(1.0)
    for _ in range(stage.MOST_STEPS):
        x = x * 1.001
    return x


PACKED = [
    *product([live, named_as_words, module_neuron, in_python, checked_alike], [None, 0.1]),
    (long, 0.1),
]


@pytest.mark.parametrize(("build", "learning_rate"), PACKED)
def test_packing_the_data_of_a_page_loses_nothing(
    build: Callable[[], Value], learning_rate: float | None
) -> None:
    steps = backprop(build(), learning_rate=learning_rate)
    data, page = stage.data(steps), steps.html()
    whole, short = (json.loads(json.dumps(each)) for each in (data, packed(data)))
    formula = short.pop("formula")
    assert data_in(page) == short
    assert f'class="gg-math">{formula}</script>' in page
    first, last = data["first"] + 1, data["first"] + len(data["steps"])
    caption = f"Steps {first} to {last} of {len(steps)};" if build is long else "All steps<"
    assert f"<caption>{caption}" in page
    assert len(json.dumps(short)) < 0.9 * len(json.dumps(whole))
    found = unpacked(short)
    assert found["steps"] == whole["steps"]
    assert found["nodes"] == [USUAL | node for node in whole["nodes"]]
    assert [str(float(n["v"])) for n in found["nodes"]] == [
        str(float(n["v"])) for n in whole["nodes"]
    ]


def test_the_steps_of_an_update_do_not_make_a_graph_too_large() -> None:
    """More than the limit with them, and live nevertheless."""
    leaves = [Value(1.0 + i / 1000) for i in range(550)]
    total = leaves[0] * leaves[0]
    for leaf in leaves:
        total = engine.sum([total, leaf, leaf])
    total = total * total
    steps = backprop(total, learning_rate=0.1)
    counted = [step for step in steps if step.phase != "update"]
    assert len(counted) <= stage.MOST_STEPS < len(steps)
    found = data_of(steps)
    assert found["live"] is True
    assert len(found["steps"]) == len(steps)


def test_without_a_rate_the_page_moves_the_parameters_alone() -> None:
    w, x = Value(2.0, label="w"), Value(3.0, label="x")
    nodes = data_of(backprop(w * x, parameters=[w]))["nodes"]
    assert {node["n"]: node.get("m", False) for node in nodes} == {
        "w": True,
        "x": False,
        "v1": False,
    }
    with pytest.raises(ValueError, match="No parameter took part"):
        backprop(w * x, parameters=[Value(1.0)])
