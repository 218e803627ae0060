"""`draw`: what is on the picture, checked on the DOT and the SVG, never on pixels.

Graphviz's own parser reads the DOT back, so a test asks the graph and not the text. How a picture
comes about, and what happens where there is no Graphviz, is in `test_rendering.py`.
"""

import json
import random
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import graphviz
import pygraphviz
import pytest
from lecture import lecture_neuron

import engine
from engine import Value, grad, scope
from nn import MLP, Layer, Neuron
from viz import Drawing, draw, draw_dot

SVG = "{http://www.w3.org/2000/svg}"


def parsed(drawing: Drawing) -> pygraphviz.AGraph:
    return pygraphviz.AGraph(string=drawing.dot)


def lines(label: str) -> list[str]:
    """The lines of an HTML-like label without its markup."""
    return [re.sub("<[^>]*>", "", line) for line in label.split("<BR/>")]


def boxes(drawing: Drawing) -> dict[str, list[str]]:
    """The lines of every box that stands for a value, by the first of them."""
    graph = parsed(drawing)  # its nodes live as long as it does
    shown = [n for n in graph.nodes() if n.attr["id"] or n.attr["shape"] == "box3d"]
    found = [lines(n.attr["label"]) for n in shown]
    return {first: rest for first, *rest in found}


def arrows(drawing: Drawing) -> Counter:
    """How often each arrow occurs, with names instead of keys."""
    graph = parsed(drawing)
    names = {n: lines(n.attr["label"])[0] for n in graph.nodes() if not n.endswith("_op")}
    names |= {n: n.attr["label"] for n in graph.nodes() if n.endswith("_op")}
    return Counter((names[tail], names[head]) for tail, head in graph.edges())


def edge_labels(drawing: Drawing) -> list[str]:
    graph = parsed(drawing)
    return sorted(edge.attr["label"] for edge in graph.edges() if edge.attr["label"])


def clusters(graph: pygraphviz.AGraph) -> dict[str, dict]:
    """The frames of a graph by their titles, each with the frames inside it."""
    return {lines(s.graph_attr["label"])[0]: clusters(s) for s in graph.subgraphs()}


# Values, gradients, edges.


def test_a_value_is_a_box_with_name_number_and_gradient() -> None:
    found = boxes(draw(lecture_neuron()))
    assert found["x1"] == ["value 2", "grad –"]
    assert found["o"] == ["value 0.7071", "grad –"]
    assert list(found) == ["x1", "w1", "v1", "x2", "w2", "v2", "v3", "b", "v4", "o"]


def test_an_operation_is_a_small_node_before_its_value() -> None:
    found = arrows(draw(lecture_neuron()))
    assert found[("v1", "+")] == found[("v2", "+")] == 1
    assert found[("v4", "tanh")] == found[("tanh", "o")] == 1
    assert sum(found.values()) == 14


@pytest.mark.parametrize(
    ("build", "symbol"),
    [
        (lambda a: a + a, "+"),
        (lambda a: a * a, "×"),
        (lambda a: a - a, "−"),
        (lambda a: a / a, "÷"),
        (lambda a: a**a, "**"),
        (lambda a: engine.maximum(a, a), "maximum"),
        (lambda a: engine.dot([a], [a]), "dot"),
        (lambda a: engine.sum(a, a), "sum"),
    ],
)
def test_parallel_edges_are_kept(build: Callable[[Value], Value], symbol: str) -> None:
    drawing = draw(build(Value(2.0, label="a")))
    assert arrows(drawing)[("a", symbol)] == 2
    paths = [g for g in ET.fromstring(drawing.svg).iter(f"{SVG}g") if g.get("class") == "edge"]
    assert len(paths) == 3
    assert len({g.get("data-e") for g in paths} - {None}) == 2


def test_gradients_are_dashes_before_backward_and_numbers_after() -> None:
    y = lecture_neuron()
    assert {rest[1] for rest in boxes(draw(y)).values()} == {"grad –"}
    y.backward()
    found = {name: rest[1] for name, rest in boxes(draw(y)).items()}
    assert found["x1"] == "grad -1.5"
    assert found["w2"] == "grad 0"
    assert found["o"] == "grad 1"
    assert "grad –" not in found.values()


def test_a_gradient_of_zero_differs_from_none() -> None:
    x = Value(3.0, label="x")
    x.grad = 0.0
    assert boxes(draw(x * 1.0))["x"] == ["value 3", "grad 0"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(1e-7, "1e-07"), (-1.5, "-1.5"), (2 / 3, "0.6667"), (1e300, "1e+300"), (-0.0, "-0")],
)
def test_numbers_have_four_digits_and_are_never_rounded_to_zero(number: float, text: str) -> None:
    assert boxes(draw(Value(number, label="x") + 1.0))["x"][0] == f"value {text}"


def test_local_derivatives_stand_on_the_edges_on_request() -> None:
    y = Value(3.0, label="x") * Value(-2.0, label="w") + 1.0
    assert edge_labels(draw(y)) == []
    assert edge_labels(draw(y, derivatives=True)) == ["-2", "1", "3"]


def test_an_edge_that_carries_no_derivative_is_dotted() -> None:
    x, y = Value(1.0, label="x"), Value(2.0, label="y")
    graph = parsed(draw(engine.where(x, x, y)))
    found = {(e[0], e.attr["id"]): e.attr["style"] for e in graph.edges() if e.attr["id"]}
    assert found == {("n0", "e2_0"): "dotted", ("n0", "e2_1"): "solid", ("n1", "e2_2"): "dotted"}


def test_a_constant_is_its_number_alone() -> None:
    assert boxes(draw(Value(1.0) * 2.5))["2.5"] == []


def test_a_leaf_alone_can_be_drawn() -> None:
    assert boxes(draw(Value(3.0, label="x"))) == {"x": ["value 3", "grad –"]}


def test_drawing_leaves_values_and_gradients_alone() -> None:
    y = lecture_neuron()
    nodes = engine.topological_order(y)
    y.backward()
    before = [(node.data, node.grad, node.label) for node in nodes]
    assert draw(y, derivatives=True).svg
    assert [(node.data, node.grad, node.label) for node in nodes] == before


@pytest.mark.parametrize("size", [2, 3])
def test_a_dot_is_drawn_as_its_products(size: int) -> None:
    ws, xs = [Value(1.0) for _ in range(size)], [Value(2.0) for _ in range(size)]
    found = arrows(draw(engine.dot(ws, xs)))
    assert sum(n for (tail, _), n in found.items() if tail == "×") == size
    assert sum(n for (tail, _), n in found.items() if tail == "+") == size - 1


def test_a_drawing_after_the_update_shows_the_results_that_were_computed() -> None:
    ws = [Value(2.0), Value(3.0)]
    y = engine.dot(ws, [1.0, 10.0])
    y.label = "y"
    ws[0].data = 50.0
    assert boxes(draw(y))["y"][0] == "value 32"


# Names.


def test_names_come_from_the_namespace_unless_there_is_a_label() -> None:
    a, b = Value(1.0, label="first"), Value(2.0)
    ws = [Value(3.0), Value(4.0)]
    result = a * b + ws[0] * ws[1]
    assert set(boxes(draw(result, names=locals()))) == {
        *("first", "b", "ws[0]", "ws[1]", "result", "v1", "v2")
    }


def test_unnamed_values_are_numbered_past_the_names_in_use() -> None:
    y = Value(1.0, label="v1") * Value(2.0, label="v3") + Value(3.0)
    assert list(boxes(draw(y))) == ["v1", "v3", "v2", "v4", "v5"]


def test_private_names_are_no_names() -> None:
    x = Value(1.0)
    assert list(boxes(draw(x + 1.0, names={"_": x}))) == ["v1", "1", "v2"]


# Marks: nothing is said by colour alone.


@pytest.mark.parametrize(
    ("build", "warnings"),
    [
        (lambda x: x.log(), ["! nan"]),
        (lambda x: 1.0 / (x - x), ["! inf"]),
        (lambda x: x * 1e308 * 10.0, ["! -inf"]),
        (lambda x: x.relu(), ["! dead"]),
        (lambda x: (x * 10.0).tanh(), ["! saturated"]),
        (lambda x: (x * 10.0).sigmoid(), ["! saturated"]),
        (lambda x: (-x).relu(), []),
        (lambda x: x.tanh(), []),
        (lambda x: x.sigmoid(), []),
    ],
)
def test_marks_are_words_and_a_double_frame(
    build: Callable[[Value], Value], warnings: list[str]
) -> None:
    y = build(Value(-1.0))
    y.label = "y"
    drawing = draw(y)
    assert boxes(drawing)["y"][2:] == warnings
    graph = parsed(drawing)
    (root,) = drawing.diagram.roots
    assert (graph.get_node(f"n{root}").attr["peripheries"] == "2") == bool(warnings)
    for warning in warnings:
        assert warning in "".join(ET.fromstring(drawing.svg).itertext())


def test_a_gradient_that_is_not_finite_is_marked() -> None:
    x = Value(0.0, label="x")
    x.sqrt().backward()
    assert boxes(draw(x + 0.0))["x"] == ["value 0", "grad inf", "! gradient inf"]


# The same graph, the same bytes.


def test_the_same_graph_gives_the_same_bytes() -> None:
    assert draw(lecture_neuron()).dot == draw(lecture_neuron()).dot
    assert draw(lecture_neuron()).svg == draw(lecture_neuron()).svg
    assert draw(lecture_neuron()).to_json() == draw(lecture_neuron()).to_json()


def test_another_process_gives_the_same_bytes(run_python: Callable[..., str]) -> None:
    program = """
from engine import Value
from nn import MLP
from viz import draw
y = MLP(2, [3, 1], seed=0)([Value(1.0), 2.0])
drawing = draw(y, derivatives=True)
print(drawing.dot, drawing.svg, drawing.to_json())
"""
    assert run_python(program, PYTHONHASHSEED="1") == run_python(program, PYTHONHASHSEED="2")


def test_a_drawing_does_not_change_afterwards() -> None:
    y = lecture_neuron()
    drawing = draw(y)
    before = drawing.dot
    y.backward()
    assert drawing.dot == before != draw(y).dot


# Several roots, gradient graphs.


def test_several_roots_share_their_nodes() -> None:
    x = Value(2.0, label="x")
    a, b = x * x, x + 1.0
    drawing = draw(a, b, names={"a": a, "b": b})
    assert list(boxes(drawing)) == ["x", "a", "1", "b"]
    assert drawing.description() == "Graph of a, b in 4 nodes."
    assert json.loads(drawing.to_json())["roots"] == [1, 3]


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_gradient_graph_can_be_drawn(order: int) -> None:
    x = Value(0.5, label="x")
    y = x.tanh() * x
    for _ in range(order):
        (y,) = grad(y, [x], differentiable=True)
    drawing = draw(y)
    assert drawing.diagram[drawing.diagram.roots[0]].data == y.data
    ET.fromstring(drawing.svg)


# Modules: frames, and boxes where there is too much.


def test_a_neuron_is_a_frame() -> None:
    assert clusters(parsed(draw(Neuron(2, seed=0)([1.0, 2.0])))) == {"Neuron": {}}


def test_frames_nest_as_modules_do() -> None:
    y = MLP(2, [2, 1], seed=0)([Value(1.0), Value(2.0)])
    assert clusters(parsed(draw(y))) == {
        "MLP": {
            "layers.0 · Layer": {"neurons.0 · Neuron": {}, "neurons.1 · Neuron": {}},
            "layers.1 · Layer": {"neurons.0 · Neuron": {}},
        }
    }


def test_a_scope_of_the_user_is_a_frame() -> None:
    with scope("head"):
        y = Value(2.0) * 3.0
    assert clusters(parsed(draw(y + 1.0))) == {"head": {}}


def test_a_parameter_stands_in_the_frame_of_its_neuron() -> None:
    graph = parsed(draw(*Layer(2, 2, seed=0)([Value(1.0), Value(2.0)])))
    layer = graph.subgraphs()[0]
    for neuron in layer.subgraphs():
        names = {lines(n.attr["label"])[0] for n in neuron.nodes() if not n.endswith("_op")}
        assert {"b", "b_2"} & names
    assert sum(lines(n.attr["label"])[0] == "b" for n in graph.nodes()) == 1


@pytest.mark.parametrize("sizes", [[16, 1], [16, 16, 1], [200, 1]], ids=str)
def test_above_150_nodes_modules_are_boxes_and_a_note_says_so(sizes: list[int]) -> None:
    drawing = draw(MLP(2, sizes, seed=0)([1.0, 2.0]))
    graph = parsed(drawing)
    groups = [n for n in graph.nodes() if n.attr["shape"] == "box3d"]
    assert len(drawing.diagram) > 150
    assert 1 <= len(groups) <= sum(sizes)
    assert len(graph.nodes()) <= 150
    inside = sum(int(re.search(r"(\d+) nodes", n.attr["label"])[1]) for n in groups)
    words = "1 box" if len(groups) == 1 else f"{len(groups)} boxes"
    shows_all = f"draw(y, max_nodes={len(drawing.diagram)}) shows all."
    assert drawing.note == f"{inside} nodes are drawn as {words}; {shows_all}"
    assert str(drawing).endswith(drawing.note)


def test_neurons_are_closed_before_layers() -> None:
    y = MLP(2, [16, 16, 1], seed=0)([1.0, 2.0])
    graph = parsed(draw(y))
    assert set(clusters(graph)["MLP"]) == {f"layers.{i} · Layer" for i in range(3)}
    assert sum(n.attr["shape"] == "box3d" for n in graph.nodes()) == 33
    assert {"layers.0", "layers.1", "layers.2"} <= set(boxes(draw(y, max_nodes=20)))


@pytest.mark.parametrize(
    ("depth", "drawn"),
    [(0, {"MLP"}), (1, {"layers.0", "layers.1"}), (2, {"neurons.0", "neurons.1"})],
)
def test_depth_says_how_many_levels_are_open(depth: int, drawn: set[str]) -> None:
    y = MLP(2, [2, 1], seed=0)([Value(1.0, label="x1"), Value(2.0, label="x2")])
    found = boxes(draw(y, depth=depth))
    assert set(found) - {"x1", "x2"} == drawn
    assert not draw(y, depth=3).note


def test_max_nodes_opens_everything() -> None:
    y = MLP(2, [7, 1], seed=0)([1.0, 2.0])
    drawing = draw(y, max_nodes=1000)
    assert not drawing.note
    assert sum(n.endswith("_op") for n in parsed(drawing).nodes()) == sum(
        node.operation is not None for node in drawing.diagram
    )


def test_without_modules_the_nodes_nearest_to_the_result_are_drawn() -> None:
    x = Value(1.0, label="x")
    for _ in range(300):
        x = x + 1.0
    drawing = draw(x)
    graph = parsed(drawing)
    assert drawing.note == "451 nodes are not drawn; draw(y, max_nodes=601) shows all."
    assert {n.attr["label"] for n in graph.nodes() if n.startswith("hidden")} == {"…"}
    assert f"n{drawing.diagram.roots[0]}" in graph.nodes()


@pytest.mark.parametrize("max_nodes", [1, 2, 10])
def test_a_limit_is_kept(max_nodes: int) -> None:
    graph = parsed(draw(lecture_neuron(), max_nodes=max_nodes))
    drawn = [n for n in graph.nodes() if not n.endswith("_op") and not n.startswith("hidden")]
    assert len(drawn) == max_nodes


# Large graphs.


def chain() -> Value:
    x = Value(1.0)
    for _ in range(5_000):
        x = x + 1.0
    return x


def wide() -> Value:
    return engine.sum([Value(float(i)) for i in range(10_000)])


def tangle() -> Value:
    rng = random.Random(0)
    nodes = [Value(1.0) for _ in range(10)]
    for _ in range(15_000):
        a, b = rng.choices(nodes[-50:], k=2)
        nodes.append(a + b)
    return engine.sum(nodes[-50:])


def batch() -> Value:
    model = MLP(2, [16, 16, 1], seed=0)
    return engine.mean([(model([i / 10, 1.0]) - 1.0) ** 2 for i in range(100)])


@pytest.mark.parametrize("derivatives", [False, True], ids=["plain", "derivatives"])
@pytest.mark.parametrize("build", [chain, wide, tangle, batch])
def test_ten_thousand_nodes_are_drawn_in_seconds(
    build: Callable[[], Value], derivatives: bool
) -> None:
    y = build()
    start = perf_counter()
    drawing = draw(y, derivatives=derivatives, seconds=5.0)
    ET.fromstring(drawing.svg)
    assert len(drawing.diagram) > 10_000
    assert "not drawn" in drawing.note or "boxes" in drawing.note
    assert perf_counter() - start < 30.0


# What a drawing can become.


def test_svg_stands_inside_a_page_without_ids_and_prologue() -> None:
    y = MLP(2, [2, 1], seed=0)([Value(1.0), Value(2.0)])
    svg = draw(y, derivatives=True).svg
    assert svg.startswith("<svg ")
    assert "<!" not in svg
    assert "<?" not in svg
    assert [e.attrib["id"] for e in ET.fromstring(svg).iter() if "id" in e.attrib] == []


def test_svg_has_a_role_a_title_and_a_description() -> None:
    root = ET.fromstring(draw(lecture_neuron()).svg)
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == "Graph"
    assert root.find(f"{SVG}desc").text == "Graph of o in 10 nodes."


def test_svg_says_which_part_is_which_node_and_edge() -> None:
    drawing = draw(lecture_neuron())
    groups = list(ET.fromstring(drawing.svg).iter(f"{SVG}g"))
    assert {g.get("data-n") for g in groups} - {None} == {str(i) for i in range(10)}
    assert {g.get("data-e") for g in groups} - {None} == {
        f"{node.index}_{position}" for node in drawing.diagram for position, *_ in node.edges()
    }


def test_text_is_a_table() -> None:
    assert [line.split() for line in str(draw(lecture_neuron())).split("\n")][-2:] == [
        ["v4", "v3", "+", "b", "0.8814", "–"],
        ["o", "tanh(v4)", "0.7071", "–"],
    ]


def test_json_reads_back_strictly() -> None:
    x = Value(0.0, label="x")
    y = 1.0 / x + x.log()
    y.backward()
    data = json.loads(draw(y).to_json(), parse_constant=pytest.fail)
    assert data["schema"] == "glassgrad-graph/1"
    assert [node["index"] for node in data["nodes"]] == list(range(len(data["nodes"])))
    assert {node["data"] for node in data["nodes"]} >= {"inf", "-inf", "nan", 0.0}
    assert data["nodes"][-1]["parents"] == [2, 3] or data["nodes"][-1]["operation"] == "add"


MAGIC = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph", "json": b"{\n"}


@pytest.mark.parametrize("ending", [*MAGIC, "txt", "SVG"])
def test_save_writes_what_the_ending_says(ending: str, tmp_path: Path) -> None:
    drawing = draw(lecture_neuron())
    path = drawing.save(str(tmp_path / f"graph.{ending}"))
    content = path.read_bytes()
    assert content.startswith(MAGIC.get(ending.lower(), b"node"))
    if ending != "pdf":  # which holds the time of its making
        assert content == drawing.content(ending.lower())
    assert [file.name for file in tmp_path.iterdir()] == [f"graph.{ending}"]


@pytest.mark.parametrize("name", ["graph.jpg", "graph", "svg", ".svg", "graph.svg.gz"])
def test_save_refuses_other_endings_and_writes_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="A drawing is saved as svg, png, pdf, dot, json, txt"):
        draw(lecture_neuron()).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_notebook_gets_svg_and_text() -> None:
    drawing = draw(lecture_neuron())
    bundle = drawing._repr_mimebundle_(include=None, exclude=None)
    assert bundle == {"image/svg+xml": drawing.svg, "text/plain": str(drawing)}


def test_repr_is_short() -> None:
    assert repr(draw(lecture_neuron())) == "<drawing of 10 nodes>"


@pytest.mark.parametrize("direction", ["LR", "RL", "TB", "BT"])
def test_direction_is_that_of_the_layout(direction: str) -> None:
    graph = parsed(draw(lecture_neuron(), direction=direction))
    assert graph.graph_attr["rankdir"] == direction


# The habit of the lecture.


@pytest.mark.parametrize("format", ["svg", "png"])
def test_draw_dot_gives_a_digraph(format: str) -> None:
    dot = draw_dot(lecture_neuron(), format=format, rankdir="TB")
    assert isinstance(dot, graphviz.Digraph)
    assert dot.format == format
    assert dot.source == draw(lecture_neuron(), direction="TB").dot


def test_draw_dot_in_one_line_as_in_the_lecture() -> None:
    a, b = Value(2.0), Value(-3.0)
    o = a * b
    o.backward()
    dot = draw_dot(o, names={"a": a, "b": b, "o": o})
    assert dot.format == "svg"
    for text in ("value -6", "grad -3", "<B>a</B>", "<B>o</B>"):
        assert text in dot.source


# Wrong input.


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((), {}, ValueError, "at least one Value"),
        ((3.0,), {}, TypeError, "draw takes Values, not .*float"),
        (([Value(1.0)],), {}, TypeError, "draw takes Values, not .*list"),
        ((None,), {}, TypeError, "draw takes Values"),
        ((Value(1.0), "x"), {}, TypeError, "draw takes Values, not .*str"),
        ((Value(1.0),), {"direction": "left"}, ValueError, "direction is LR, RL, TB or BT"),
        ((Value(1.0),), {"max_nodes": 0}, ValueError, "max_nodes is at least 1, not 0"),
        ((lecture_neuron(),), {"depth": -1}, ValueError, "depth"),
        ((MLP(2, [2, 1])([1.0, 2.0]),), {"depth": -1}, ValueError, "depth"),
    ],
)
def test_wrong_input_is_refused(
    arguments: tuple, options: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        draw(*arguments, **options)


@pytest.mark.parametrize("options", [{"format": "gif?"}, {"rankdir": "left"}])
def test_draw_dot_refuses_wrong_options(options: dict) -> None:
    with pytest.raises(ValueError, match=r"gif|left"):
        draw_dot(Value(1.0), **options)


def test_draw_dot_refuses_what_is_no_value() -> None:
    with pytest.raises(TypeError, match="draw takes Values"):
        draw_dot(3.0)
