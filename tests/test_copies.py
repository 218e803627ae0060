"""Drawings, steps and derivations copied, pickled, and printed without asking for it."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lecture import lecture_neuron

import glassgrad
from glassgrad import (
    MLP,
    TABLE,
    Value,
    backprop,
    check,
    compiled,
    derivation,
    draw,
    draw_dot,
    draw_program,
    grad,
    step_neuron,
)
from glassgrad.viz.diagram import Diagram
from glassgrad.viz.picture import Picture

DRAWS = pytest.mark.system("Graphviz")
WEIGHTS = [Value(i / 10.0, label=f"w{i}") for i in range(20)]


def compiled_loss() -> Value:
    loss = compiled(lambda x, scale: (sum(w * x for w in WEIGHTS) * scale).tanh())
    y = loss(Value(0.5, label="x"), 0.25)
    y.backward()
    return y


def over_samples() -> Value:
    return compiled(lambda x: (WEIGHTS[1] * x).tanh()).over([1.0, 2.0])


def network() -> Value:
    y = MLP(2, [16, 16, 1], seed=0)([Value(1.0, label="x"), 2.0])
    y.label = "y"
    return y


def slope() -> Value:
    x = Value(3.0, label="x")
    return grad(x**3, x, differentiable=True)


SHOWN: dict[str, Callable[[], Any]] = {
    "drawing": lambda: draw(lecture_neuron(), derivatives=True),
    "drawing of a network": lambda: draw(network()),
    "drawing around a node": lambda: draw(network(), around="y", radius=1),
    "drawing of a gradient": lambda: draw(slope()),
    "drawing of a compiled loss": lambda: draw(compiled_loss()),
    "drawing of an opened loss": lambda: draw(compiled_loss(), depth=1),
    "steps": lambda: backprop(lecture_neuron(), learning_rate=0.1),
    "steps of a compiled loss": lambda: backprop(compiled_loss()),
    "steps over samples": lambda: backprop(over_samples()),
    "neuron": lambda: step_neuron([2.0, -3.0], [1.0, 0.5], 0.5, target=1.0, learning_rate=0.1),
    "mistakes": lambda: backprop(lecture_neuron()).mistakes(),
    "derivation": lambda: derivation(y := lecture_neuron(), Diagram([y]) and next(leaf_of(y))),
}


def leaf_of(y: Value) -> Any:
    return (node for node in glassgrad.topological_order(y) if node.label == "w1")


def everything(thing: Any) -> list[str]:
    """All that it shows, as texts."""
    ways = ("dot", "text", "html", "to_html", "to_json", "latex", "mathml", "description")
    found = [getattr(thing, way) for way in ways if hasattr(thing, way)]
    return [repr(thing), str(thing), *(each() if callable(each) else each for each in found)]


@DRAWS
@pytest.mark.parametrize("copied", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy])
@pytest.mark.parametrize("build", SHOWN.values(), ids=SHOWN)
def test_a_copy_shows_the_same(build: Callable[[], Any], copied: Callable[[Any], Any]) -> None:
    thing = build()
    other = copied(thing)
    assert other is not thing
    assert everything(other) == everything(thing)


def test_what_is_pickled_is_shown_by_another_process(tmp_path: Path) -> None:
    things = [build() for build in SHOWN.values()]
    (tmp_path / "things").write_bytes(pickle.dumps(things))
    program = "import pickle, sys\nfor x in pickle.load(open(sys.argv[1], 'rb')): print(x)"
    command = [sys.executable, "-c", program, str(tmp_path / "things")]
    folder = Path(glassgrad.__file__).parent.parent
    found = subprocess.run(command, capture_output=True, check=True, cwd=folder)
    assert found.stdout.decode("utf-8").splitlines() == "\n".join(map(str, things)).splitlines()


def test_a_pickle_holds_no_graph_and_no_model() -> None:
    y = network()
    assert not pickle.loads(pickle.dumps(draw(y))).diagram.values
    assert len(pickle.dumps(draw(lecture_neuron()))) < 20_000


@DRAWS
@pytest.mark.parametrize("build", [lecture_neuron, network, compiled_loss])
def test_showing_changes_no_value_and_no_gradient(build: Callable[[], Value]) -> None:
    y = build()
    y.backward()
    nodes = glassgrad.topological_order(y)
    before = [(node.data, node.grad, node.label) for node in nodes]
    leaf = next(node for node in nodes if not node.is_constant)
    things = [derivation(y, leaf)]
    for depth in (0, 1):
        steps = backprop(y, learning_rate=0.1, depth=depth)
        things += [draw(y, derivatives=True, depth=depth), steps, steps.mistakes()]
    assert all(map(everything, things))
    assert not check(1e300, of=y, by=leaf)
    assert [(node.data, node.grad, node.label) for node in nodes] == before


@DRAWS
def test_a_notebook_gets_what_a_thing_shows() -> None:
    drawing, steps = SHOWN["drawing"](), SHOWN["steps"]()
    bundles = [x._repr_mimebundle_(include=None, exclude=None) for x in (drawing, steps)]
    shown = {"text/html": drawing.html(), "text/plain": str(drawing)}
    assert bundles[0] == {**shown, "image/svg+xml": drawing.svg}
    assert bundles[1] == {"text/html": steps.html(), "text/plain": steps.text()}
    derived = SHOWN["derivation"]()
    bundle = derived._repr_mimebundle_()
    assert bundle["text/latex"].startswith("$$\\begin{aligned}")
    assert bundle["text/plain"] == str(derived)


def test_a_cell_without_pictures_prints_no_more_than_can_be_read() -> None:
    net, many = MLP(2, [16, 16, 1], seed=0), [1.0] * 30
    y = net([1.0, 2.0])
    leaves = glassgrad.engine.sum([Value(1.0, label=f"{'long' * 20}{i}") for i in range(100)])
    things = [draw(y), draw(leaves), backprop(y), derivation(y, net.parameters()[0])]
    for thing in (*things, step_neuron(many, many, 0.0)):
        assert len(str(thing)) > 5_000
        text = thing._repr_mimebundle_()["text/plain"]
        assert text.startswith(repr(thing))
        assert len(text) < 500


# Saved.


def program() -> Any:
    function = compiled(lambda x: (WEIGHTS[1] * x).tanh())
    function(2.0)
    return draw_program(function)


BEGINNINGS = {
    **{"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph", "json": b"{"},
    **{"html": b"<!DOCTYPE html>", "txt": b""},
}
SAVED: dict[str, tuple[Callable[[], Any], str]] = {
    "drawing": (SHOWN["drawing"], "svg png pdf dot json html txt SVG"),
    "steps": (SHOWN["steps"], "html svg png pdf json txt HTML"),
    "program": (program, "html svg png pdf dot txt"),
}


def saved() -> Iterator[Any]:
    """Each thing with each ending; pictures where there is Graphviz."""
    for name, (_, endings) in SAVED.items():
        for ending in endings.split():
            marks = [DRAWS] if ending.lower() in ("svg", "png", "pdf") else []
            yield pytest.param(name, ending, marks=marks)


@pytest.mark.parametrize(("name", "ending"), [*saved()])
def test_save_writes_what_the_ending_says(name: str, ending: str, tmp_path: Path) -> None:
    thing = SAVED[name][0]()
    path = thing.save(str(tmp_path / f"it.{ending}"))
    assert [file.name for file in tmp_path.iterdir()] == [path.name] == [f"it.{ending}"]
    content = path.read_bytes()
    assert content.startswith(BEGINNINGS[ending.lower()])
    texts = {"txt": thing.text, "json": getattr(thing, "to_json", str), "dot": lambda: thing.dot}
    if ending in texts:
        assert content.decode("utf-8") == texts[ending]()


@pytest.mark.parametrize("thing", SAVED)
@pytest.mark.parametrize(
    ("name", "better"),
    [
        *(("it.gif", "it"), ("it", "it"), ("it.", "it"), ("svg", "svg"), (".svg", "svg")),
        *(("it.svg.gz", "it.svg"), ("", "")),
    ],
)
def test_save_refuses_other_endings_and_writes_nothing(
    thing: str, name: str, better: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    build, endings = SAVED[thing]
    kinds = [each for each in endings.split() if each.islower()]
    with pytest.raises(ValueError, match="ends in") as caught:
        build().save(name)
    usual = better or {"drawing": "graph", "steps": "steps", "program": "program"}[thing]
    said = f"ends in .{', .'.join(kinds)}, not as {name!r}. Write '{usual}.{kinds[0]}'."
    assert str(caught.value).endswith(said)
    assert not list(tmp_path.iterdir())


LONG = "x" * 10_000


def large() -> list[Any]:
    """Things that hold much, or have a long name."""
    y, loss, named = network(), compiled_loss(), Value(1.0, label=LONG)
    many = compiled(lambda x: sum(w * x for w in WEIGHTS * 50))
    steps, many_steps, opened = backprop(y), backprop(many(2.0)), draw(y)
    many.__name__ = LONG
    neuron = step_neuron([1.0] * 50, [2.0] * 50, 0.0, target=1.0)
    chain = derivation(y, next(n for n in glassgrad.topological_order(y) if n.label == "x"))
    wide = Diagram([glassgrad.sum([Value(1.0) for _ in range(5_000)])])
    return [
        *(y, loss, opened, opened.diagram, opened.picture, opened.digraph, draw_dot(loss)),
        *(opened.diagram[0], wide, wide[-1], Picture(wide, 10), draw(named.tanh()).diagram[0]),
        *(steps, steps[-1], many_steps, many_steps[-1], steps.mistakes(), steps.mistakes()[0]),
        *(neuron, neuron.factors[0], chain, chain.equations[-1], chain.equations[-1].sides[-1]),
        *(derivation(named.tanh(), named), draw_program(many), draw_program(many).portions),
        *(draw_program(many).portions[-1], TABLE["tanh"], many),
    ]


def test_what_prints_itself_is_short() -> None:
    found = {type(thing).__name__: repr(thing) for thing in large()}
    assert {name: len(text) for name, text in found.items() if len(text) > 500} == {}
    assert found["Diagram"] == "<diagram of 5,001 nodes>"
    assert found["Mistake"] == "<= instead of +=: 129 of 979 gradients are wrong>"
    assert found["Portion"].startswith("<portion line ")
