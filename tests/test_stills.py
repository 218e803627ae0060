"""Stills: the picture of one step says what the stage shows at that step."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from markup import SVG
from stepping import (
    _numbers,
    branches,
    chain,
    diamond,
    in_one,
    lecture,
    network,
    reductions,
    shared,
    with_loss,
)

from glassgrad import Backprop
from glassgrad.engine.text import visible
from glassgrad.viz.dot import DATA, GRADIENT, LOCAL
from glassgrad.viz.steps import Step
from glassgrad.viz.told import tell


def still(steps: Backprop, step: int, tmp_path: Path) -> ET.Element:
    """The picture that `save` writes."""
    return ET.fromstring(steps.save(tmp_path / "one.svg", step).read_text("utf-8"))


def texts(part: ET.Element) -> list[str]:
    """The lines of text, the runs of one line together."""
    return ["".join(text.itertext()) for text in part.iter(f"{SVG}text")]


def parts(picture: ET.Element, kind: str) -> dict[str, ET.Element]:
    """The parts of a kind by what they are: nodes "n", operations "o", edges "e", results "r"."""
    key = f"data-{kind}"
    return {g.attrib[key]: g for g in picture.iter(f"{SVG}g") if key in g.attrib}


def is_marked(part: ET.Element, color: str) -> bool:
    """Whether its outline is thick and of this colour."""
    return any(
        shape.get("stroke", "").lower() == color.lower()
        and float(shape.get("stroke-width", 1)) >= 2
        for shape in part.iter()
    )


def test_a_still_has_no_new_numbers_and_says_so(tmp_path: Path) -> None:
    steps = lecture()
    steps.state = {"numbers": {"x1": 4.0}}
    with pytest.raises(
        ValueError, match="new numbers for x1, and a still shows those of the graph"
    ):
        steps.save(tmp_path / "one.svg")
    assert steps.save(tmp_path / "one.html").is_file()


GRAPHS = [
    *(lecture, with_loss, diamond, shared, branches, reductions),
    pytest.param(network, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("build", GRAPHS, ids=lambda build: build.__name__)
def test_a_still_has_the_numbers_that_have_come_and_marks_what_the_step_is_about(
    build: Callable[[], Backprop], tmp_path: Path
) -> None:
    steps = build()
    for step in steps[:: max(1, len(steps) // 30)]:
        picture = still(steps, step.index, tmp_path)
        boxes = parts(picture, "n")
        right = _numbers(steps, step.index + 1)
        for node in right["values"]:
            assert f"value {right['values'][node]}" in texts(boxes[node])
            assert f"grad {right['gradients'][node]}" in texts(boxes[node])
        assert len(boxes) == len(steps.diagram)
        assert marked_in(picture, step) == about(steps, step), step


def marked_in(picture: ET.Element, step: Step) -> list[set[str]]:
    """The nodes, operations and edges that are marked in the colour of the step."""
    color = GRADIENT if step.phase in ("seed", "backward") else DATA
    return [
        {key for key, g in parts(picture, kind).items() if is_marked(g, color)} for kind in "noe"
    ]


def about(steps: Backprop, step: Step) -> list[set[str]]:
    """The nodes, operations and edges that a step is about."""
    parents = steps.diagram[step.node].parents
    edges = {f"{step.node}_{k}" for k in range(len(parents))}
    nodes, operations, edges = {
        "forward": ({*parents, step.node}, {step.node}, edges),
        "seed": ({step.node}, set(), set()),
        "backward": ({step.node, step.parent}, {step.node}, {f"{step.node}_{step.operand}"}),
        "update": ({step.node}, set(), set()),
    }[step.phase]
    return [set(map(str, nodes)), set(map(str, operations)), edges]


def test_a_still_says_the_equations_in_the_colours_of_the_stage(tmp_path: Path) -> None:
    steps = lecture()
    for step in steps:
        picture, said = still(steps, step.index, tmp_path), tell(steps, step)
        shown = "".join(texts(picture))
        assert f"step {step.index + 1} of {len(steps)}, {step.phase}: {said.edge}" in shown
        for equation in said.equations():
            for term in equation:
                assert (term if isinstance(term, str) else str(term.text)) in shown
        local = [t for t in picture.iter(f"{SVG}text") if t.get("fill", "").lower() == LOCAL]
        assert bool(local) == (step.phase == "backward")
        assert picture.findtext(f"{SVG}desc") == said.sentence


def test_boxes_stay_where_they_are_from_still_to_still(tmp_path: Path) -> None:
    steps, places = lecture(), set()
    for step in steps:
        boxes = parts(still(steps, step.index, tmp_path), "n")
        places.add(tuple(box.find(f".//{SVG}path").get("d") for box in boxes.values()))
    assert len(places) == 1


@pytest.mark.parametrize("build", [in_one, lambda: chain(200), lambda: network((16, 16, 1))])
def test_every_step_of_a_large_or_compiled_graph_is_seen(
    build: Callable[[], Backprop], tmp_path: Path
) -> None:
    steps = build()
    for step in steps[:: max(1, len(steps) // 12)]:
        boxes = parts(still(steps, step.index, tmp_path), "n")
        receivers = [edge.parent for edge in step.edges] or [step.node]
        assert {str(i) for i in (step.node, *receivers)} <= set(boxes)


def test_a_name_for_each_step_gives_slides(tmp_path: Path) -> None:
    steps = shared()
    assert steps.save(tmp_path / "step-{:02}.svg") == tmp_path
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [f"step-{i:02}.svg" for i in range(1, len(steps) + 1)]
    for step, file in zip(steps, files):
        assert tell(steps, step).sentence in ET.fromstring(file.read_text("utf-8")).itertext()


@pytest.mark.parametrize("name", ["step-{}-{}.svg", "{0.x}.svg", "{a}.png", "{.svg", "{:.0}{{.pdf"])
def test_a_name_that_is_none_for_each_step_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="gives no name for each step"):
        shared().save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_each_step_and_one_step_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="asks for one"):
        shared().save(tmp_path / "{}.svg", step=1)


@pytest.mark.parametrize(
    ("kind", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<svg")]
)
def test_a_still_is_of_the_last_step_or_of_the_state(
    kind: str, start: bytes, tmp_path: Path
) -> None:
    steps = shared()
    content = steps.save(tmp_path / f"o.{kind}").read_bytes()
    assert content.startswith(start)
    if kind == "svg":
        assert f"step {len(steps)} of" in content.decode()
        steps.state = {"step": 3}
        assert "step 4 of" in steps.save(tmp_path / "o.svg").read_text("utf-8")


@pytest.mark.parametrize("level", ["network", "layer 2, neuron 1"])
def test_a_still_is_of_scalars_alone(level: str, tmp_path: Path) -> None:
    steps = network()
    steps.state = {"level": level, "step": 1}
    with pytest.raises(ValueError, match=f"of the level '{level}', and a still shows a step of"):
        steps.save(tmp_path / "o.svg")
    assert "step 2 of" in steps.save(tmp_path / "o.svg", step=1).read_text("utf-8")


@pytest.mark.parametrize("step", [99, -99])
def test_there_is_no_still_of_a_step_that_is_none(step: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"no step {step}. Choose one from 0 to"):
        shared().save(tmp_path / "o.svg", step)
    with pytest.raises(TypeError, match="whole number"):
        shared().save(tmp_path / "o.svg", "1")  # type: ignore[arg-type]


def test_labels_are_text(tmp_path: Path) -> None:
    from glassgrad import Value, backprop

    label = '<b>&"\\n\x07'
    steps = backprop(Value(2.0, label=label) * 3.0)
    shown = "".join(still(steps, 2, tmp_path).itertext())
    assert re.sub(r"\s", "", visible(label)) in re.sub(r"\s", "", shown)
