"""Hostile labels, in whatever a label gets into: no markup, no command, no code gets through.

Each label of the corpus goes alone, those made at random many to a picture. What an output may
hold is what it holds for harmless labels, with other texts; those texts are the labels, literally.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from itertools import chain
from typing import Any

import hostile
import pytest
from markup import svg_in
from outputs import (
    CAN_DRAW,
    ESCAPE,
    GREEK,
    ZERO_WIDTH_JOINER,
    Dot,
    Html,
    acting,
    harmless,
    name_in_latex,
    spaced,
    strict_json,
    svg_description,
    svg_frames,
    svg_parts,
    svg_text,
    svg_texts,
)

from glassgrad import Backprop, Value, backprop, derivation, draw, engine, scope
from glassgrad.engine.printers import letters_and_index
from glassgrad.engine.text import short, visible
from glassgrad.viz.diagram import Diagram, Node
from glassgrad.viz.dot import indexed
from glassgrad.viz.formulas import identifier
from glassgrad.viz.markup import stage_script
from glassgrad.viz.page import OWN
from glassgrad.viz.stage import scripts_of

LABELS = hostile.corpus("labels")
BATCH = 40
SIGNS = r"[Σ×\d]*"
"""Beside boxes and frames: the operations, and the slopes on the edges."""
SECTION = "Hostile input"
TEXT = re.compile(rf"\\text\{{(?:[^{{}}\\]|{ESCAPE.pattern})*\}}")
COMMANDS = {"begin", "end", "frac", "partial", "cdot", "operatorname", "text", *GREEK.split("|")}
MATHML = {"math", "mtable", "mtr", "mtd", "mrow", "msub", "mi", "mo", "mn", "mtext"}


def graph(labels: list[str]) -> Value:
    """A graph in which the labels name scopes, leaves and results, in turn; and the whole."""
    results, scopes = [], set()
    for around, left, right, product in zip(*[iter(labels)] * 4):
        # One scope of a name: whether two of them are the same depends on what was drawn before.
        with nullcontext() if around in scopes else scope(around):
            results.append(Value(2.0, label=left) * Value(3.0, label=right))
        results[-1].label = product
        scopes.add(around)
    total = engine.sum(results)
    total.label = labels[-1]
    return total


def check(labels: list[str]) -> None:
    """Every output of a graph with these labels."""
    y, plain = graph(labels), graph(harmless(labels))
    steps, usual = backprop(y, learning_rate=0.1), backprop(plain, learning_rate=0.1)
    check_names(steps.diagram, labels)
    check_text(steps.text(), usual.text())
    check_text(str(draw(y)), str(draw(plain)))
    pages = check_page(steps, usual)
    check_json(steps)
    check_latex(steps)
    if CAN_DRAW:
        check_picture(draw(y).svg, draw(plain).svg, steps.diagram, labels)
        check_image(*pages, steps, labels)
    if find_spec("pygraphviz"):
        check_dot(draw(y).dot, draw(plain).dot, steps.diagram)


def check_names(diagram: Diagram, labels: list[str]) -> None:
    names = [node.name for node in diagram]
    assert len(set(names)) == len(names)
    named = [label for i, label in enumerate(labels) if i % 4] + [labels[-1]]
    expected = [visible(label) for label in named if label]  # an empty one counts as none
    assert sorted(node.label for node in diagram if node.label is not None) == sorted(expected)
    for node in diagram:
        assert node.name.startswith(node.label or "")
        assert not acting(node.name)


def shown(diagram: Diagram) -> dict[str, str]:
    """What the box of each node says."""
    return {str(node.index): "".join(lines_of(node)) for node in diagram}


def lines_of(node: Node) -> list[str]:
    name = spaced(indexed(node.name)) or " "
    return [name, f"value {short(node.data)}", f"grad {short(node.gradient)}"]


def check_picture(svg: str, plain: str, diagram: Diagram, labels: list[str]) -> None:
    assert svg_parts(svg) == svg_parts(plain)
    assert svg_texts(svg) == shown(diagram.with_gradients({}))
    root = diagram[diagram.roots[0]]
    assert svg_description(svg) == f"Graph of {root.name} in {len(diagram)} nodes."
    assert sorted(svg_frames(svg)) == sorted(frames(labels))


def check_text(text: str, plain: str) -> None:
    assert not acting(text)
    assert text.count("\n") == plain.count("\n")


def check_page(steps: Backprop, usual: Backprop) -> tuple[Html, Html]:
    """The page: its elements, its three scripts, and the names in its texts."""
    html = steps.standalone_html()
    page, plain = Html(html), Html(usual.standalone_html())
    assert not acting(html)
    assert page.parts == plain.parts
    markup, data, code = page.texts["script"]
    assert code.startswith(f"{stage_script(scripts_of(steps))}({OWN},null,")
    assert code == plain.texts["script"][2]
    assert not set(data) & set("<>&")
    check_data(strict_json(data), steps)
    check_formula(markup, steps)
    assert page.texts["style"] == plain.texts["style"]
    assert page.texts["title"] == [f"Backpropagation through {steps.diagram[steps.root].name}"]
    for step in steps:
        if step.parent is not None:
            names = (steps.diagram[i].name for i in (step.node, step.parent))
            assert " → ".join(names) in page.texts["td"]
    return page, plain


def check_image(page: Html, plain: Html, steps: Backprop, labels: list[str]) -> None:
    """The picture in a page, where its parts have no ids."""
    root = steps.diagram[steps.root]
    assert page.values["alt"] == f"Graph of {root.name} in {len(steps.diagram)} nodes."
    image, usual = (svg_in(each.values["src"] or "") for each in (page, plain))
    assert svg_parts(image) == svg_parts(usual)
    nodes = steps.diagram.with_gradients(steps.gradients)
    left = svg_text(image)
    for said in sorted(chain(frames(labels), *map(lines_of, nodes)), key=len, reverse=True):
        assert said in left  # the longest first: one may end another
        left = left.replace(said, "", 1)
    assert re.fullmatch(SIGNS, left)


def frames(labels: list[str]) -> list[str]:
    """What the frames around the parts of a graph say."""
    return [spaced(visible(label)) or " " for label in dict.fromkeys(labels[::4])]


def check_data(data: dict[str, Any], steps: Backprop) -> None:
    """What the script is given: the steps and the names."""
    assert len(data["steps"]) == len(steps)
    assert [node["n"] for node in data["nodes"]] == [node.name for node in steps.diagram]


def check_formula(markup: str, steps: Backprop) -> None:
    """The typeset expression, in which an index is written without its underscore."""
    if not markup:
        return
    formula = ET.fromstring(f"<math>{markup}</math>")
    assert {element.tag for element in formula.iter()} <= MATHML
    text = "".join(formula.itertext())
    for node in steps.diagram:
        if node.operation is None and not is_inside(node.index, steps.diagram):
            name = ET.fromstring(f"<mrow>{identifier(node.name)}</mrow>")
            assert "".join(name.itertext()) in text


def is_inside(leaf: int, diagram: Diagram) -> bool:
    """Whether a leaf is read within a scope, which a long expression writes as a call."""
    return len(diagram) > 12 and any(node.scope for node in diagram if leaf in node.parents)


def check_json(steps: Backprop) -> None:
    data = strict_json(steps.to_json())
    assert [node["name"] for node in data["nodes"]] == [node.name for node in steps.diagram]
    assert [node["label"] for node in data["nodes"]] == [node.label for node in steps.diagram]


def check_latex(steps: Backprop) -> None:
    """By one factor, the derivative of a product is the other factor: its name alone."""
    for step in steps:
        if step.formula_latex and steps.diagram[step.node].operation is engine.TABLE["mul"]:
            name = step.formula.replace(ZERO_WIDTH_JOINER, " ")
            is_literal = step.formula_latex.startswith(r"\text")
            shown = name if is_literal else "".join(letters_and_index(name))
            assert name_in_latex(step.formula_latex) == shown


def check_dot(source: str, plain: str, diagram: Diagram) -> None:
    found, usual = Dot(source), Dot(plain)
    assert found.nodes == usual.nodes
    assert found.edges == usual.edges
    assert found.frames == usual.frames
    boxes = {f"n{index}": text for index, text in shown(diagram.with_gradients({})).items()}
    assert {node: spaced(text) for node, text in found.texts.items()} == boxes


def check_derivation(label: str) -> None:
    """Its text and its LaTeX hold the label, literally."""
    x, w = Value(2.0, label=f"{label}!"), Value(3.0, label=label)
    y = engine.sech(x * w)
    y.label = label
    found = derivation(y, x)
    assert not acting(found.text() + found.latex())
    assert found.text().count("\n") == 4
    check_latex_of_derivation(found.latex(), visible(f"{label}!"))


def check_latex_of_derivation(latex: str, name: str) -> None:
    """One name stands in it as a text, and outside of texts nothing is a command but ours."""
    texts = TEXT.findall(latex)
    assert name.replace(ZERO_WIDTH_JOINER, " ") in map(name_in_latex, texts)
    rest = TEXT.sub("", latex)
    assert set(re.findall(r"\\([A-Za-z]+)", rest)) <= COMMANDS | {"sech", "left", "right", "tanh"}
    assert rest.count("{") == rest.count("}")
    assert rest.count("&") == rest.count("&=") == 4
    assert not set(rest) & set("$%#~")


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
def test_a_label_of_the_corpus(label: str, figure: Callable[..., None]) -> None:
    with hostile.survives(label):
        check([label] * 4)
        check_derivation(label)
    figure(SECTION, "inputs of the fixed corpus", 1)


def batches(config: pytest.Config) -> Iterator[dict[int, str]]:
    """Labels by their seeds, as many as fit into a picture at a time."""
    seeds = hostile.seeds("label", config)
    for start in range(0, len(seeds), BATCH):
        yield {
            seed: hostile.label(hostile.generator("label", seed))
            for seed in range(start, start + BATCH)
        }


@pytest.mark.slow
def test_random_labels(request: pytest.FixtureRequest, figure: Callable[..., None]) -> None:
    count = 0
    for labels in batches(request.config):
        try:
            with hostile.limited(hostile.SECONDS):
                check(list(labels.values()))
        except (Exception, hostile.TooLongError):
            for seed, label in labels.items():  # which one was it?
                with hostile.survives(label, f"label, seed {seed}"):
                    check([label] * 4)
            raise
        for seed, label in labels.items():
            with hostile.survives(label, f"label, seed {seed}"):
                check_derivation(label)
        count += len(labels)
    figure(SECTION, "labels drawn, stepped and written as DOT, SVG, HTML and LaTeX", count)
    figure(SECTION, "labels in derivations, as text and LaTeX", count)
