"""Drawings, steps and derivations copied, pickled, and printed without asking for it."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
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

WEIGHTS = [Value(i / 10.0, label=f"w{i}") for i in range(20)]


def compiled_loss() -> Value:
    loss = compiled(lambda x: sum(w * x for w in WEIGHTS).tanh())
    y = loss(Value(0.5, label="x"))
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
    assert found["Diagram"] == "<diagram of 5001 nodes>"
    assert found["Mistake"] == "<= instead of +=: 129 of 979 gradients are wrong>"
    assert found["Portion"].startswith("<portion line ")
