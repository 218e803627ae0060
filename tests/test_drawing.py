"""`draw`: what is on the picture, checked on the DOT and the SVG, never on pixels.

Graphviz's own parser reads the DOT back, so a test asks the graph and not the text. How a picture
comes about, and what happens where there is no Graphviz, is in `test_rendering.py`.
"""

import json
import math
import random
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import graphviz
import hostile
import pygraphviz
import pytest
from browsing import Pages
from lecture import lecture_neuron
from markup import Elements, picture, without_scripts
from needing import mostly_slow
from outputs import Html, harmless

from glassgrad import (
    MLP,
    Drawing,
    Layer,
    Neuron,
    Value,
    backprop,
    derivation,
    draw,
    draw_dot,
    engine,
    grad,
    scope,
)
from glassgrad.engine.printers import letters_and_index
from glassgrad.viz import dot
from glassgrad.viz.markup import DARK

SVG = "{http://www.w3.org/2000/svg}"


def parsed(drawing: Drawing) -> pygraphviz.AGraph:
    return pygraphviz.AGraph(string=drawing.dot)


LEVEL = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def lines(label: str) -> list[str]:
    """The lines of an HTML-like label without its markup; an index stands on the line."""
    found = (re.sub("<[^>]*>", "", line) for line in label.split("</TR>") if line != "</TABLE>")
    return [line.translate(LEVEL) for line in found]


def boxes(drawing: Drawing) -> dict[str, list[str]]:
    """The lines of every box that stands for a value, by the first of them."""
    graph = parsed(drawing)  # its nodes live as long as it does
    shown = [n for n in graph.nodes() if (n.attr["id"] or "").startswith("n")]
    found = [lines(n.attr["label"]) for n in shown]
    return {first: rest for first, *rest in found}


def modules(drawing: Drawing) -> dict[str, list[str]]:
    """The texts of every module drawn as one box or as a row of a table, by its name."""
    graph = parsed(drawing)
    labels = [n.attr["label"] for n in graph.nodes() if n.attr["shape"] in ("box3d", "plain")]
    found = [lines(label) for label in labels if "PORT" not in label]
    for label in labels:
        if "PORT" in label:
            rows = ET.fromstring(label).iter("TR")
            found += [["".join(cell.itertext()) for cell in row.iter("TD")] for row in rows]
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


def names_in(frame: pygraphviz.AGraph) -> set[str]:
    """What the boxes of a graph, or of a frame of it, are called."""
    return {lines(n.attr["label"])[0] for n in frame.nodes() if not n.endswith("_op")}


def clusters(graph: pygraphviz.AGraph) -> dict[str, dict]:
    """The frames of a graph by their titles, each with the frames inside it."""
    frames = (s for s in graph.subgraphs() if s.name.startswith("cluster"))
    return {lines(s.graph_attr["label"])[0]: clusters(s) for s in frames}


# Values, gradients, edges.


def test_a_value_is_a_box_with_name_number_and_gradient() -> None:
    y = lecture_neuron()
    found = boxes(draw(y))
    assert list(found) == ["x1", "w1", "v1", "x2", "w2", "v2", "v3", "b", "v4", "o"]
    assert [found["x1"], found["o"]] == [["value 2", "grad –"], ["value 0.7071", "grad –"]]
    assert {rest[1] for rest in found.values()} == {"grad –"}
    y.backward()
    gradients = {name: rest[1] for name, rest in boxes(draw(y)).items()}
    assert [gradients[name] for name in ("x1", "w2", "o")] == ["grad -1.5", "grad 0", "grad 1"]
    assert "grad –" not in gradients.values()


@pytest.mark.parametrize(
    ("build", "symbol"),
    [
        (lambda a: a + a, "+"),
        (lambda a: a * a, "×"),
        (lambda a: a - a, "−"),
        (lambda a: a / a, "÷"),
        (lambda a: a**a, "^"),
        (lambda a: engine.maximum(a, a), "maximum"),
        (lambda a: engine.dot([a], [a]), "dot"),
        (lambda a: engine.sum(a, a), "Σ"),
    ],
)
def test_parallel_edges_are_kept(build: Callable[[Value], Value], symbol: str) -> None:
    drawing = draw(build(Value(2.0, label="a")))
    assert arrows(drawing)[("a", symbol)] == 2
    paths = [g for g in ET.fromstring(drawing.svg).iter(f"{SVG}g") if g.get("class") == "edge"]
    assert len(paths) == 3
    assert len({g.get("data-e") for g in paths} - {None}) == 2


def of_infinite_slope() -> Value:
    x = Value(0.0, label="x")
    x.sqrt().backward()
    return x + 0.0


def updated() -> Value:
    w = Value(2.0, label="w")
    y = w * 3.0
    w.data = 50.0
    return y


@pytest.mark.parametrize(
    ("build", "names", "expected"),
    [
        (lambda: Value(3.0, label="x"), None, {"x": ["value 3", "grad –"]}),
        (lambda: Value(1.0) * 2.5, None, {"2.5": []}),
        (updated, None, {"w": ["value 50", "grad –"], "v1": ["value 6", "grad –"]}),
        (of_infinite_slope, None, {"x": ["value 0", "grad inf", "! gradient inf"]}),
        (lambda: Value(1.0, "v1") * Value(2.0, "v3") + Value(3.0), None, "v1 v3 v2 v4 v5"),
        (lambda: Value(1.0) + 1.0, lambda y: {"_": y.parents[0]}, "v1 1 v2"),
    ],
)
def test_what_is_in_the_boxes(build: Callable, names: Callable | None, expected: Any) -> None:
    y = build()
    found = boxes(draw(y, names=names and names(y)))
    if isinstance(expected, str):
        assert list(found) == expected.split()
    else:
        assert {name: found[name] for name in expected} == expected


def test_local_derivatives_stand_on_the_edges_on_request() -> None:
    y = Value(3.0, label="x") * Value(-2.0, label="w") + 1.0
    assert edge_labels(draw(y)) == []
    assert edge_labels(draw(y, derivatives=True)) == ["-2", "1", "3"]


def test_an_edge_that_carries_no_derivative_is_dashed() -> None:
    x, y = Value(1.0, label="x"), Value(2.0, label="y")
    graph = parsed(draw(engine.where(x, x, y), derivatives=True))
    found = {
        (e[0], e.attr["id"]): (e.attr["style"], e.attr["label"])
        for e in graph.edges()
        if (e.attr["id"] or "").startswith("e")
    }
    assert found == {
        ("n0", "e2_0"): ("dashed", "–"),
        ("n0", "e2_1"): ("", "1"),
        ("n1", "e2_2"): ("dashed", "–"),
    }


@pytest.mark.parametrize("size", [2, 3])
def test_a_dot_is_drawn_as_its_products(size: int) -> None:
    ws, xs = [Value(1.0) for _ in range(size)], [Value(2.0) for _ in range(size)]
    found = arrows(draw(engine.dot(ws, xs)))
    assert sum(n for (tail, _), n in found.items() if tail == "×") == size
    assert sum(n for (tail, _), n in found.items() if tail == "+") == size - 1
    xs[0] = Value(math.nan)
    assert len(arrows(draw(engine.dot(ws, xs)))) == len(found)


OUTDATED = "y was computed before its operands had these numbers: compute it again."


@pytest.mark.parametrize("number", [3.0, 0.0])  # y may stay the same, and its derivative not
def test_numbers_that_have_changed_since_are_said_to(number: float) -> None:
    x, w = Value(number, label="x"), Value(3.0, label="w")
    y = x * w
    y.label = "y"
    assert "computed before" not in str(draw(y)) + backprop(y).text()
    w.data = 5.0
    assert draw(y).note == OUTDATED
    assert str(draw(y)).endswith(OUTDATED)
    assert backprop(y).text().endswith(OUTDATED)
    assert derivation(y, x).heading().endswith("; what y was computed from has changed since")


# Names.


def test_names_come_from_the_namespace_unless_there_is_a_label() -> None:
    a, b = Value(1.0, label="first"), Value(2.0)
    ws = [Value(3.0), Value(4.0)]
    result = a * b + ws[0] * ws[1]
    assert set(boxes(draw(result, names=locals()))) == {
        *("first", "b", "ws[0]", "ws[1]", "result", "v1", "v2")
    }


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


# The same graph, the same bytes.


def test_another_process_gives_the_same_bytes(run_python: Callable[..., str]) -> None:
    program = """
from glassgrad import MLP, Value, draw
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


def forward_and_gradient(x: Value, w: Value) -> list[Value]:
    y = engine.tanh(x * w)
    y.label = "y"
    return [y, grad(y, x, differentiable=True)]


def gradient_of_gradient(x: Value, w: Value) -> list[Value]:
    return [grad(forward_and_gradient(x, w)[1], x, differentiable=True)]


def gradient_of_a_penalty(x: Value, w: Value) -> list[Value]:
    return [grad(forward_and_gradient(x, w)[1] ** 2 + 1.0, x, differentiable=True)]


SAVED_BEFORE = "· dotted: values saved before"


@pytest.mark.parametrize(
    ("build", "frames"),
    [
        (
            forward_and_gradient,
            {"forward": {"x", "w", "v1", "y"}, f"gradient {SAVED_BEFORE}": {"v2", "2", "v3", "v4"}},
        ),
        *(
            (
                build,
                {"forward": {"x", "w", "v1"}, f"gradient {SAVED_BEFORE}": set(),
                 f"gradient of gradient {SAVED_BEFORE}": set()},
            )
            for build in (gradient_of_gradient, gradient_of_a_penalty)
        ),
        (
            lambda x, w: [grad(engine.tanh(x), x, differentiable=True)],  # its variable too
            {"forward": {"x"}, f"gradient {SAVED_BEFORE}": set()},
        ),
        (lambda x, w: [grad(x * 3.0, x, differentiable=True) * 1.0], {}),
    ],
)  # fmt: skip
def test_each_order_of_gradients_has_a_frame_and_dotted_edges_from_those_before(
    build: Callable[[Value, Value], list[Value]], frames: dict[str, set[str]]
) -> None:
    graph = parsed(draw(*build(Value(0.5, label="x"), Value(2.0, label="w"))))
    found = {lines(f.graph_attr["label"])[0]: names_in(f) for f in graph.subgraphs()}
    assert not frames or found.keys() == frames.keys()
    assert all(found[title] >= names for title, names in frames.items()), found
    order = {n: f.graph_attr["label"].count("gradient") for f in graph.subgraphs() for n in f}
    for edge in graph.edges() if frames else ():
        tail, head = (order[end] for end in edge)
        assert tail <= head
        assert (edge.attr["style"] == "dotted") == (tail < head)
    assert frames or "dotted" not in str(found)


def test_a_gradient_of_a_network_keeps_its_modules_together() -> None:
    neuron = Neuron(1, seed=0)
    slope = grad(neuron([Value(1.0, label="x")]), neuron.w[0], differentiable=True)
    graph = parsed(draw(slope))
    assert clusters(graph)["forward"] == {"Neuron": {}}
    (frame,) = (f for f in graph.subgraphs() if f.name == "cluster_forward")
    assert {"w0", "b"} <= names_in(frame.subgraphs()[0])
    assert set(modules(draw(slope, depth=0))) == {"Neuron", "gradient"}


# The surroundings of a node.


def chain_of(n: int) -> list[Value]:
    nodes = [Value(1.0, label="x0")]
    for i in range(1, n):
        nodes.append(nodes[-1].tanh())
        nodes[-1].label = f"x{i}"
    return nodes


@pytest.mark.parametrize("radius", [0, 1, 3])
def test_around_a_node_its_neighbourhood_is_drawn(radius: int) -> None:
    nodes = chain_of(20)
    drawing = draw(nodes[-1], around=nodes[10], radius=radius)
    near = [f"x{i}" for i in range(10 - radius, 11 + radius)]
    assert list(boxes(drawing)) == near
    graph = parsed(drawing)
    assert sum(n.startswith("hidden") for n in graph.nodes()) == 2, "what comes before and after"
    assert graph.get_node("n10").attr["penwidth"] == "2.5"
    edges = "1 edge" if radius == 1 else f"{radius} edges"
    assert drawing.note == (
        f"{len(near)} of 20 nodes are drawn, those within {edges} of x10; "
        f"draw(y, around='x10', radius={radius + 1}) shows more, draw(y, max_nodes=20) shows all."
    )
    assert drawing.note in ET.fromstring(drawing.svg).findtext(f"{SVG}desc")
    assert [row[0] for row in drawing.rows()[1:]] == near


def test_around_takes_a_name_and_goes_both_ways_no_further_than_the_graph() -> None:
    a, b = Value(1.0, label="a"), Value(2.0, label="b")
    c = a * b
    d, e = c.exp(), c.sin()
    assert len(boxes(draw(d, e, around=c, radius=1))) == 5
    assert draw(d, e, around="v1", radius=1).dot == draw(d, e, around=c, radius=1).dot
    whole = draw(d, e, around=a, radius=10**5000)
    assert (len(boxes(whole)), whole.note) == (5, "")


def test_around_keeps_to_the_limit_of_nodes() -> None:
    x = Value(1.0, label="x")
    y = engine.sum([x * float(i) for i in range(300)])
    drawing = draw(y, around=x, radius=1, max_nodes=20)
    assert drawing.note.startswith("20 of 602 nodes are drawn, the nearest to x; draw(y, max_")
    ET.fromstring(drawing.svg)


# Modules: frames, and boxes where there is too much.


def in_scope(name: str) -> Value:
    with scope(name):
        return Value(2.0) * 3.0


@pytest.mark.parametrize(
    ("build", "frames"),
    [
        (lambda: Neuron(2, seed=0)([1.0, 2.0]), {"Neuron": {}}),
        (
            lambda: MLP(2, [2, 1], seed=0)([Value(1.0), Value(2.0)]),
            {
                "MLP": {
                    "layer 1": {"neuron 1": {}, "neuron 2": {}},
                    "layer 2": {"neuron 1": {}},
                }
            },
        ),
        (lambda: in_scope("head") + 1.0, {"head": {}}),
        (lambda: in_scope("gradient"), {"gradient": {}}),  # no gradient, and so no frame of one
    ],
)
def test_modules_and_scopes_are_frames_that_nest(build: Callable, frames: dict) -> None:
    assert clusters(parsed(draw(build()))) == frames


def test_a_parameter_stands_in_the_frame_of_its_neuron() -> None:
    graph = parsed(draw(*Layer(2, 2, seed=0)([Value(1.0), Value(2.0)])))
    neurons = {each.graph_attr["label"]: names_in(each) & {"b", "b2"}
               for each in graph.subgraphs()[0].subgraphs()}  # fmt: skip
    found = {re.sub("<[^>]*>", "", label): names for label, names in neurons.items()}
    assert found == {"neuron 1": {"b"}, "neuron 2": {"b2"}}


@pytest.mark.parametrize("sizes", [[16, 1], [16, 16, 1], [200, 1]], ids=str)
def test_above_150_nodes_modules_are_boxes_and_a_note_says_so(sizes: list[int]) -> None:
    drawing = draw(MLP(2, sizes, seed=0)([1.0, 2.0]))
    groups = modules(drawing)
    assert len(drawing.diagram) > 150
    assert len(parsed(drawing).nodes()) <= 150
    counts = [int(n) for n in re.findall(r"(\d+) nodes<", drawing.dot)]
    assert 1 <= len(counts) <= sum(sizes)
    assert len(groups) <= len(counts)
    words = "1 box" if len(counts) == 1 else f"{len(counts)} boxes"
    shows_all = f"draw(y, max_nodes={len(drawing.diagram)}) shows all."
    assert drawing.note == (
        f"{sum(counts)} of {len(drawing.diagram)} nodes are drawn as {words}; {shows_all}"
    )
    assert str(drawing).endswith(drawing.note)


def test_neurons_are_closed_before_layers() -> None:
    y = MLP(2, [16, 16, 1], seed=0)([1.0, 2.0])
    graph = parsed(draw(y))
    titles = set(clusters(graph)["MLP"])
    assert {title.split(",")[0] for title in titles} == {f"layer {i}" for i in (1, 2, 3)}
    assert len(re.findall(r"neuron \d+</B>", draw(y).dot)) == 33
    assert {"layer 1", "layer 2", "layer 3"} == set(modules(draw(y, max_nodes=20)))


@pytest.mark.parametrize(
    ("depth", "drawn"),
    [(0, {"MLP"}), (1, {"layer 1", "layer 2"}), (2, {"neuron 1", "neuron 2"})],
)
def test_depth_says_how_many_levels_are_open(depth: int, drawn: set[str]) -> None:
    y = MLP(2, [2, 1], seed=0)([Value(1.0, label="x1"), Value(2.0, label="x2")])
    assert set(modules(draw(y, depth=depth))) == drawn
    assert set(boxes(draw(y, depth=depth))) == {"x1", "x2"}
    assert not draw(y, depth=3).note


@pytest.mark.parametrize("direction", ["LR", "RL", "TB", "BT"])
def test_the_neurons_of_a_layer_stand_in_their_order(direction: str) -> None:
    outputs = Layer(2, 12, seed=0)([1.0, 2.0])
    drawing = draw(engine.sum(outputs), depth=1, direction=direction)
    texts = [t.text for t in ET.fromstring(drawing.svg).iter(f"{SVG}text")]
    assert [t for t in texts if t.startswith("neuron ")] == [f"neuron {i + 1}" for i in range(12)]
    graph = parsed(drawing)
    tails = {edge[0] for edge in graph.edges() if edge.attr["tailport"]}
    assert len(tails) == 1, "one table"
    assert graph.graph_attr["rankdir"] == direction


@pytest.mark.parametrize("direction", ["LR", "RL"])
def test_what_is_in_a_frame_stands_in_its_order(direction: str) -> None:
    """Of a neuron its operands, inputs and weights, and of a layer its neurons, from the top."""
    inputs = [Value(0.5 * i, label=f"x{i + 1}") for i in range(3)]
    alone = heights(draw(Neuron(3, seed=0)(inputs), direction=direction))
    for kind in ("x", "w"):
        found = [y for name, y in alone.items() if name.startswith(kind)]
        assert found == sorted(found)
        assert len(found) == 3
    layer = heights(draw(engine.sum(Layer(3, 2, seed=0)(inputs)), direction=direction))
    first, second = ([layer[f"w{i}{end}"] for i in range(3)] for end in ("", ",2"))
    assert first == sorted(first)
    assert max(first) < min(second)


def heights(drawing: Drawing) -> dict[str, float]:
    """How far from the top the name of each value stands, those of the diagram in their order."""
    texts = [t for t in ET.fromstring(drawing.svg).iter(f"{SVG}text") if t.text]
    at = {str(t.text).translate(LEVEL): float(t.attrib["y"]) for t in texts}
    names = ["".join(letters_and_index(node.name)) for node in drawing.diagram]
    return {name: at[name] for name in names if name in at}


def test_arrows_lead_to_and_from_the_rows_of_a_table() -> None:
    y = engine.sum(Layer(2, 3, seed=0)([Value(1.0, label="a"), Value(2.0, label="b")]))
    graph = parsed(draw(y, depth=1))
    found = Counter(
        (e[0][0], e.attr["headport"][-3:], e.attr["tailport"][-3:])
        for e in graph.edges()
        if e.attr["style"] != "invis"
    )
    assert {key[1:] for key in found} == {("i:w", ""), ("", "o:e"), ("", "")}
    assert sum(n for (_, head, _), n in found.items() if head) == 6
    assert sum(n for (_, _, tail), n in found.items() if tail) == 3


def test_a_module_that_is_called_twice_is_one_box() -> None:
    layer = Layer(2, 2, seed=0)
    drawing = draw(*layer(layer([Value(1.0), Value(2.0)])), depth=1)
    assert set(modules(drawing)) == {"neuron 1", "neuron 2"}
    ET.fromstring(drawing.svg)


def test_a_box_says_outputs_gradients_and_what_is_dead() -> None:
    layer = Layer(1, 3, activation="relu", seed=0)
    for neuron, weight in zip(layer.neurons, (2.0, -2.0, -3.0)):
        neuron.w[0].data, neuron.b.data = weight, 0.0
    y = engine.sum(layer([Value(1.0)]))
    y.backward()
    assert modules(draw(y, depth=1)) == {
        "neuron 1": ["5 nodes", "value 2", "grad 1", " "],
        "neuron 2": ["5 nodes", "value 0", "grad 1", "! dead"],
        "neuron 3": ["5 nodes", "value 0", "grad 1", "! dead"],
    }
    assert list(clusters(parsed(draw(y, depth=1)))) == ["Layer, 2 dead"]
    assert modules(draw(y, depth=0)) == {
        "Layer": ["Layer, 15 nodes", "value 2, 0, 0", "grad 1, 1, 1", "! 2 dead"]
    }


def test_what_is_frozen_says_so_in_its_own_box_and_in_that_of_its_module() -> None:
    model = MLP(2, [2, 1], seed=0)
    model.layers[0].freeze()
    y = model([1.0, -2.0])
    assert draw(y).dot.count(">frozen<") == 6
    closed = draw(y, depth=2).dot
    assert closed.count("nodes, frozen<") == 2
    assert "frozen" not in draw(MLP(2, [2, 1], seed=0)([1.0, -2.0]), depth=2).dot
    assert "nodes, partly frozen<" in draw(y, depth=0).dot


def test_a_box_counts_what_is_not_finite_and_is_bold() -> None:
    for number, warnings, style in ((0.0, ["! -inf", "! nan"], "bold,filled"), (1.0, [], "filled")):
        with scope("head"):
            y = Value(number).log() * Value(0.0)
        drawing = draw(y + 1.0, depth=0)
        (texts,) = modules(drawing).values()
        assert texts[3:] == warnings
        graph = parsed(drawing)
        assert graph.get_node("g0").attr["style"] == style


def test_a_box_shows_four_outputs() -> None:
    y = engine.sum(Layer(1, 5, seed=0)([Value(1.0)]))
    assert modules(draw(y, depth=0))["Layer"][1].endswith(", …")


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
    assert drawing.note == "451 of 601 nodes are not drawn; draw(y, max_nodes=601) shows all."
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


@pytest.mark.parametrize("build", mostly_slow([batch, chain, wide, tangle]))
def test_of_ten_thousand_nodes_some_are_drawn(build: Callable[[], Value]) -> None:
    y = build()
    for derivatives in (False, True):
        drawing = draw(y, derivatives=derivatives)
        ET.fromstring(drawing.svg)
        assert len(drawing.diagram) > 10_000
        assert "not drawn" in drawing.note or "boxes" in drawing.note


# What a drawing can become.


def luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("shade", [{}, DARK], ids=["light", "dark"])
def test_every_text_reads_well_in_light_and_in_dark(shade: dict[str, str]) -> None:
    for ground in (dot.PAPER, dot.FRAME):
        for ink in (dot.INK, dot.FAINT, dot.DATA, dot.GRADIENT):
            assert contrast(shade.get(ink, ink), shade.get(ground, ground)) >= 4.5
        assert contrast(shade.get(dot.FAN, dot.FAN), shade.get(ground, ground)) >= 3.0
    assert contrast(shade.get(dot.INK, dot.INK), shade.get(dot.OPERATION, dot.OPERATION)) >= 4.5


def test_every_colour_of_a_picture_has_one_for_the_dark() -> None:
    x = Value(-1.0, label="x")
    nodes = [x.relu(), engine.where(x, x, 1.0), grad(x**3, x, differentiable=True)]
    layers = engine.sum(Layer(2, 2, seed=0)([Value(1.0), Value(2.0)]))
    for drawing in (draw(*nodes, derivatives=True), draw(layers, depth=1)):
        svg = ET.fromstring(drawing.svg)
        used = {part.get(kind) for part in svg.iter() for kind in ("fill", "stroke")}
        assert used - {None, "none", "transparent"} <= {colour.lower() for colour in DARK}
        assert all(text.get("fill") for text in svg.iter(f"{SVG}text"))
        style = svg.findtext(f"{SVG}style")
        assert style.startswith("@media (prefers-color-scheme:dark){")
        for kind in ("fill", "stroke"):
            for colour in {part.get(kind) for part in svg.iter()} - {None, "none", "transparent"}:
                (dark,) = (DARK[light] for light in DARK if light.lower() == colour)
                assert f'[{kind}="{colour}"]{{{kind}:{dark}}}' in style


def test_an_index_is_below_the_line_as_on_the_page_of_the_steps() -> None:
    y = Value(1.0, label="x1") * Value(2.0, label="w0_2") * Value(3.0, label="w_coffee2")
    texts = {t.text for t in ET.fromstring(draw(y).svg).iter(f"{SVG}text")}
    assert {"x₁", "w₀,₂", "w_coffee2", "v₁"} <= texts


def test_lines_begin_at_the_left_of_their_box() -> None:
    svg = ET.fromstring(draw(lecture_neuron()).svg)
    for group in svg.iter(f"{SVG}g"):
        if group.get("data-n"):
            texts = group.findall(f"{SVG}text")
            assert {t.get("text-anchor") for t in texts} == {"start"}
            assert len({t.get("x") for t in texts}) == 1
            assert len({t.get("y") for t in texts}) == 3


GOLDEN = """\
svg class=glassgrad-graph role=img
  title Graph
  desc Graph of w in 2 nodes.
  style
  g class=graph
    polygon fill=#ffffff
    g class=node data-n=0
      path fill=#ffffff stroke=#858585
      text fill=#1a1a1a x
      text fill=#0069a8 value 3
      text fill=#b34e00 grad 6
      path stroke=#e8e8e8
    g class=node
      ellipse fill=#e8e8e8 stroke=#858585
      text fill=#1a1a1a ×
    g class=edge data-e=1_0
      path fill=none stroke=#858585
      polygon fill=#858585
      text fill=#6b6b6b 3
    g class=edge data-e=1_1
      path fill=none stroke=#858585
      polygon fill=#858585
      text fill=#6b6b6b 3
    g class=node data-n=1
      path fill=#ffffff stroke=#858585
      text fill=#1a1a1a w
      text fill=#0069a8 value 9
      text fill=#b34e00 grad 1
      path stroke=#e8e8e8
    g class=edge
      path fill=none stroke=#858585
      polygon fill=#858585
"""


def structure(part: ET.Element, indent: str = "") -> str:
    """The elements of an SVG, what they are and say, without where they stand."""
    said = [f"{k}={part.get(k)}" for k in ("class", "role", "data-n", "data-e", "fill", "stroke")
            if part.get(k) and (k != "stroke" or part.get(k) != "none")]  # fmt: skip
    text = (part.text or "").strip().replace("\xa0", " ") if part.tag != f"{SVG}style" else ""
    line = " ".join([part.tag.removeprefix(SVG), *said, *([text] if text else [])])
    return f"{indent}{line}\n" + "".join(structure(inner, indent + "  ") for inner in part)


def test_the_structure_of_the_picture() -> None:
    x = Value(3.0, label="x")
    y = x * x
    y.label = "w"
    y.backward()
    assert structure(ET.fromstring(draw(y, derivatives=True).svg)) == GOLDEN


def test_text_is_a_table_that_says_what_is_wrong() -> None:
    y = Value(-1.0, label="x").relu()
    assert str(draw(y, names={"y": y})).split("\n") == [
        "node  computed as  value  gradient  warning",
        "x                  -1     –",
        "y     relu(x)      0      –         dead",
    ]


def test_the_page_holds_picture_note_and_table() -> None:
    y = MLP(2, [16, 16, 1], seed=0)([Value(1.0, label="<a>"), 2.0])
    drawing = draw(y)
    page = drawing.to_html()
    assert page.startswith("<!DOCTYPE html>")
    assert drawing.svg in page
    assert f"<p>{drawing.note}</p>" in page
    assert "<a>" not in page
    assert page.count('<th scope="row">') == len(drawing.rows()) - 1
    assert '<th scope="row">&lt;a&gt;<td>' in page
    assert "<script" not in page


@pytest.mark.parametrize("label", hostile.corpus("labels").values(), ids=hostile.corpus("labels"))
def test_a_hostile_label_stays_a_text_on_the_page(label: str) -> None:
    def parts(label: str) -> list:
        with scope(label):
            y = Value(1.0, label=label) * 2.0
        page = Html(draw(y, around=draw(y).diagram[0].name, radius=0).to_html())
        return page.parts

    (plain,) = harmless([label])
    assert parts(label) == parts(plain)


SCHEMA = json.loads(files("glassgrad.viz").joinpath("graph.schema.json").read_text("utf-8"))
FIELDS = {
    "index": int,
    "name": str,
    "label": str | None,
    "operation": str | None,
    "data": float | str,
    "gradient": float | str | None,
    "parents": list,
    "local_derivatives": list,
    "scope": str | None,
    "line": dict | None,
    "constant": bool,
    "marks": list,
}
"""The fields of version 1. Whoever changes one of them makes another version."""


def infinite() -> Value:
    x = Value(0.0, label="x")
    with scope("head"):
        y = 1.0 / x + x.log() * engine.where(1.0, Value(2.0), 3.0)
    y.backward()
    return y


def test_json_is_of_version_1_and_strict() -> None:
    assert SCHEMA["properties"]["schema"] == {"const": "glassgrad-graph/1"}
    node = SCHEMA["properties"]["nodes"]["items"]
    assert list(node["properties"]) == node["required"] == list(FIELDS)
    data = json.loads(draw(infinite()).to_json(), parse_constant=pytest.fail)
    assert list(data) == SCHEMA["required"] == ["schema", "roots", "nodes"]
    assert data["schema"] == "glassgrad-graph/1"
    nodes = data["nodes"]
    for found in nodes:
        assert list(found) == list(FIELDS)
        for field, kind in FIELDS.items():
            assert isinstance(found[field], kind), field
    assert [found["index"] for found in nodes] == list(range(len(nodes)))
    assert {found["data"] for found in nodes} >= {"inf", "-inf", 0.0}
    assert {found["scope"] for found in nodes} == {None, "head"}
    assert any(found["marks"] for found in nodes)
    assert any(found["line"] for found in nodes)
    assert nodes[-1]["operation"] == "add"
    assert [nodes[i]["operation"] for i in nodes[-1]["parents"]] == ["div", "mul"]


@pytest.mark.needs("jsonschema")
def test_json_follows_its_schema() -> None:
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for y in (infinite(), MLP(2, [2, 1], seed=0)([Value(1.0), 2.0])):
        jsonschema.validate(json.loads(draw(y).to_json()), SCHEMA)


def test_the_html_of_a_cell_is_the_picture_and_its_table_without_script_and_style() -> None:
    y = Value(1.0, label='<a "b">').tanh()
    drawing = draw(y, names={"y": y})
    assert picture(drawing.html()) == drawing.svg.replace("\n", " ")
    page = Elements(drawing.html())
    assert page.all("img")[0]["alt"] == "Graph of y in 2 nodes."
    assert page.rows == [list(row) for row in drawing.rows()]
    assert without_scripts(drawing.html()) == drawing.html()
    assert not {tag for tag, _ in page.elements} & {"script", "style", "svg", "link"}


def test_the_cell_of_a_large_graph_is_small_and_names_what_has_all() -> None:
    y = MLP(2, [16, 16, 1], seed=0)([Value(1.0), 2.0])
    bundle = draw(y)._repr_mimebundle_()
    assert len(Elements(bundle["text/html"]).rows) == 151
    hidden = len(draw(y).rows()) - 151
    assert f"<caption>Nodes, {hidden:,} more in print(draw(y))</caption>" in bundle["text/html"]
    assert bundle["text/plain"] == f"<drawing of 980 nodes>\n{draw(y).note}"


@pytest.mark.parametrize("width", [400, 1000])
def test_a_wide_drawing_scrolls_inside_its_cell(width: int, new_page: Pages) -> None:
    x = Value(1.0, label="x")
    for _ in range(30):
        x = x.tanh()
    page = new_page(viewport={"width": width, "height": 600})
    page.set_content(draw(x).html())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    figure = page.locator("figure")
    assert figure.evaluate("(box) => box.scrollWidth") > figure.bounding_box()["width"]
    natural = page.locator("img").evaluate("(image) => image.naturalWidth")
    assert page.locator("img").bounding_box()["width"] >= 0.69 * natural
    page.set_content(draw(Value(1.0).tanh()).html())
    assert figure.evaluate("(box) => box.scrollWidth") <= figure.bounding_box()["width"]


def test_an_empty_label_counts_as_none() -> None:
    x, y = Value(2.0, label=""), Value(3.0)
    product = x * y * Value(4.0, label="").detach()
    product.label = ""
    diagram = draw(product, names={"": y}).diagram
    assert [(node.name, node.label) for node in diagram] == [
        *(("v1", None), ("v2", None), ("v3", None), ("4", None), ("v4", None))
    ]


# The habit of the lecture.


@pytest.mark.parametrize("options", [{}, {"format": "png"}])
def test_draw_dot_gives_a_digraph(options: dict[str, str]) -> None:
    a, b = Value(2.0), Value(-3.0)
    o = a * b
    names = {"a": a, "b": b, "o": o}
    dot = draw_dot(o, rankdir="TB", names=names, **options)
    assert isinstance(dot, graphviz.Digraph)
    assert dot.format == options.get("format", "svg")
    assert dot.source == draw(o, direction="TB", names=names).dot


# Wrong input.


WRONG_CALLS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (draw, ValueError, r"at least one Value. Write draw\(y\)"),
    (lambda: draw(3.0), TypeError, r"draw takes Values, not .*float.*Value\(3.0\)"),
    (lambda: draw([Value(1.0)]), TypeError, r"draw takes Values, not .*list.*draw\(\*values\)"),
    (lambda: draw([]), TypeError, r"draw takes Values, not list \[\]\..*draw\(\*values\)"),
    (lambda: draw(None), TypeError, "draw takes Values"),
    (lambda: draw(Value(1.0), "x"), TypeError, "draw takes Values, not .*str"),
    (lambda: draw(MLP(2, [3, 1])), TypeError, r"draw\(model\(x\)\)"),
    (lambda: draw_dot(3.0), TypeError, "draw takes Values"),
    (lambda: draw_dot(Value(1.0), format="gif?"), ValueError, "gif"),
    (lambda: draw_dot(Value(1.0), rankdir="left"), ValueError, "left"),
]
WRONG_OPTIONS = [
    ({"direction": "left"}, ValueError, "direction is LR, RL, TB or BT"),
    ({"max_nodes": 0}, ValueError, "max_nodes is at least 1, not 0"),
    ({"depth": -1}, ValueError, "depth"),
    ({"depth": True}, TypeError, "depth is a whole number, not bool True"),
    ({"around": Value(3.0)}, ValueError, "around is 3, which is no node of this graph"),
    ({"around": "nobody"}, ValueError, "around is 'nobody', and no node .* has that name"),
    ({"around": 3}, TypeError, "around is a Value or the name of a node, not .*3"),
    ({"around": "o", "radius": -1}, ValueError, "radius is at least 0, not -1"),
    ({"around": "o", "radius": 1.5}, TypeError, "radius is a whole number"),
    ({"seconds": 0}, ValueError, r"seconds is a time to wait, not 0\.0"),
    ({"seconds": math.nan}, ValueError, "seconds is a time to wait, not nan"),
    ({"names": [Value(1.0)]}, TypeError, r"names is a dict such as locals\(\), not list"),
    ({"names": {Value(1.0): "x"}}, TypeError, "names gives each Value a text, not Value"),
]


@pytest.mark.parametrize(
    ("attempt", "error", "message"),
    WRONG_CALLS + [(lambda o=o: draw(lecture_neuron(), **o), *said) for o, *said in WRONG_OPTIONS],
)
def test_wrong_input_is_refused(
    attempt: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        attempt()
