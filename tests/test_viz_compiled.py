"""Compiled nodes in drawings and steps, and array programs beside the scalars they were made of."""

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pygraphviz
import pytest
from browsing import Pages
from hostile import corpus
from test_accessibility import NARROW, assert_axe_finds_nothing, violations
from test_drawing import arrows, boxes, clusters, modules, parsed

from glassgrad import MLP, Value, backprop, compiled, derivation, draw, draw_program, engine
from glassgrad.engine.errors import CompilationError
from glassgrad.viz.told import tell


def neuron(name: str = "neuron") -> tuple[Value, list[Value]]:
    """A small compiled call with a loss after it, and its parameters."""
    w, b = Value(0.5, label="w"), Value(-1.0, label="b")

    def function(x: Value) -> Value:
        return (w * x + b).tanh()

    function.__name__ = name
    y = compiled(function)(2.5)
    y.label = "y"
    z = y * y
    z.backward()
    return z, [w, b]


def network(hidden: int = 16) -> tuple[Callable, list[Value]]:
    """A compiled loss of a network, not called yet, and the parameters."""
    net = MLP(2, [hidden, hidden, 1], activation="relu", output_activation="linear", seed=1)

    @compiled
    def loss(x: list[Value], y: Value) -> Value:
        return (1.0 - y * net(x)).relu()

    return loss, net.parameters()


def over_samples() -> Value:
    loss, _ = network(2)
    mean = loss.over([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [1.0, -1.0, 1.0])
    mean.backward()
    return mean


# Closed: one box.


def test_a_compiled_node_is_one_box_without_an_ellipse() -> None:
    drawing = draw(neuron()[0])
    shown = boxes(drawing)
    assert shown["neuron"] == ["compiled, 2 Values", "y", "value 0.2449", "grad 0.4898"]
    assert arrows(drawing) == {("w", "neuron"): 1, ("b", "neuron"): 1, ("neuron", "×"): 2,
                               ("×", "v1"): 1}  # fmt: skip
    assert (
        drawing.note == "neuron is compiled and closed; depth=1 opens it, in draw and in backprop."
    )


def test_hundreds_of_parameters_are_one_box_with_one_arrow() -> None:
    loss, parameters = network()
    x = Value(1.0, label="x")
    drawing = draw(loss([x.tanh(), Value(2.0, label="x2")], 1.0))
    assert len(parameters) == 337
    folded = modules(drawing)
    assert folded["337 Values"][0] == "captured by loss"
    assert "compiled, 339 Values" in boxes(drawing)["loss"]
    assert arrows(drawing) == {("337 Values", "loss"): 1, ("x", "tanh"): 1, ("tanh", "v1"): 1,
                               ("v1", "loss"): 1, ("x2", "loss"): 1}  # fmt: skip
    assert "337 Values are drawn as 1 box" in drawing.note


def test_two_calls_read_one_box_of_parameters() -> None:
    loss, _ = network()
    drawing = draw(loss([1.0, 2.0], 1.0) + loss([2.0, 1.0], -1.0))
    assert arrows(drawing)["337 Values", "loss"] == 2
    assert [node.is_compiled for node in drawing.diagram].count(True) == 2


def test_many_arguments_are_a_box_of_their_own() -> None:
    total = compiled(sum)
    drawing = draw(total([Value(float(i)) for i in range(12)]))
    assert modules(drawing)["12 Values"][0] == "arguments of sum"


def test_what_others_read_too_is_drawn_by_itself() -> None:
    loss, parameters = network(2)
    drawing = draw(loss([1.0, 2.0], 1.0) + parameters[0] ** 2)
    assert "w0" in boxes(drawing)
    assert f"{len(parameters) - 1} Values" in modules(drawing)
    drawing = draw(loss([1.0, 2.0], 1.0) + engine.sum(parameters))
    assert sum(name.startswith(("w", "b")) for name in boxes(drawing)) >= len(parameters)


def test_over_samples_says_how_many_and_cannot_be_opened() -> None:
    mean = over_samples()
    for depth in (None, 1):
        drawing = draw(mean, depth=depth)
        assert boxes(drawing)["loss.over"][0] == "compiled, 15 Values, 3 samples"
    assert drawing.note.startswith(
        "loss.over cannot be opened, since no single graph stands for 3 samples; draw loss(...)"
    )


def test_a_function_named_like_an_operation_is_none() -> None:
    w = Value(0.0, label="w")

    def relu(x: Value) -> Value:
        return w * x - w * x

    drawing = draw(compiled(relu)(2.0))
    assert drawing.diagram[-1].is_compiled
    assert "dead" not in str(drawing)


# Opened: its scalars in a frame.


def test_opened_it_is_a_frame_with_its_scalars() -> None:
    drawing = draw(neuron()[0], depth=1)
    assert clusters(parsed(drawing)) == {"neuron · compiled": {}}
    assert set(boxes(drawing)) == {"w", "2.5", "v1", "b", "v2", "y", "v3"}
    assert drawing.note == ""


def test_opened_values_and_gradients_are_those_of_the_eager_engine() -> None:
    net = MLP(2, [8, 8, 1], seed=3)

    def loss(x: list[Value], y: float) -> Value:
        return (net(x) - y).abs() + net.parameters()[0] ** 2

    x = [Value(0.3, label="x0"), Value(-0.7, label="x1")]
    found = []
    for function in (loss, compiled(loss)):
        net.zero_grad()
        result = function(x, 0.5) * 3.0
        result.backward()
        nodes = draw(result, depth=9).diagram
        found.append(sorted((n.data, n.gradient) for n in nodes if n.operation is not None))
    for (data, gradient), (opened_data, opened_gradient) in zip(*found, strict=True):
        assert opened_data == pytest.approx(data, rel=1e-12)
        assert opened_gradient == pytest.approx(gradient, rel=1e-9)


def test_opened_nodes_keep_the_modules_labels_and_lines_they_were_recorded_with() -> None:
    net = MLP(2, [3, 1], seed=1)

    @compiled
    def loss(x: list[float]) -> Value:
        error = net(x) - 1.0
        error.label = "error"
        return error**2

    y = loss([1.0, 2.0])
    drawing = draw(y, depth=3)
    layers = {"layer 1": {}, "layer 2": {}}
    assert clusters(parsed(drawing)) == {"loss · compiled": {"MLP": layers}}
    assert "error" in boxes(drawing)
    assert drawing.diagram[-1].source == "return error**2"

    @compiled
    def named(x: float) -> Value:
        result = (net([x, x]) * 2.0).tanh()
        result.label = "bent"
        return result

    y = named(1.0)
    assert draw(y, depth=1).diagram[-1].label == "bent"
    y.label = "y"
    assert draw(y, depth=1).diagram[-1].label == "y"


def test_numbers_over_samples_that_have_changed_since_are_said_to() -> None:
    w = Value(2.0, label="w")
    loss = compiled(lambda x: (w * x) ** 2).over([1.0, 2.0])
    kept = pickle.loads(pickle.dumps(draw(loss).diagram))
    assert not kept.outdated
    assert "computed before" not in draw(loss).note + backprop(loss).text()
    w.data = 5.0
    assert draw(loss).note == backprop(loss).diagram.outdated_note()
    assert draw(loss).note == (
        "v1 was computed before its operands had these numbers: compute it again."
    )


def test_it_stays_closed_where_the_change_is_lost_in_rounding() -> None:
    w, big = Value(1.0, label="w"), Value(1e20, label="big")
    y = compiled(lambda x: w * x * big - w * x * big + w)(2.0)
    assert len(draw(y, depth=1).diagram) > 5
    w.data = 3.0
    drawing = draw(y, depth=1)
    assert len(drawing.diagram) == 3
    assert "stays closed: numbers that it was computed from have changed since" in drawing.note


def test_what_computes_nothing_cannot_be_opened() -> None:
    drawing = draw(compiled(lambda x: x)(Value(2.0, label="x")), depth=1)
    assert drawing.note == "<lambda> cannot be opened: nothing is computed in it."


def test_without_backward_opened_nodes_have_no_gradients() -> None:
    w = Value(2.0, label="w")
    y = compiled(lambda x: w * x + 1.0)(3.0)
    assert [node.gradient for node in draw(y, depth=1).diagram] == [None] * 5


def test_a_compiled_method_inside_a_scope_opens_at_its_level() -> None:
    from glassgrad import scope

    class Model:
        def __init__(self) -> None:
            self.w = Value(2.0, label="w")

        @compiled
        def run(self, x: float) -> Value:
            return (self.w * x).exp()

    model = Model()
    with scope("model", "Model"):
        y = model.run(0.5)
    assert "run" in boxes(draw(y, depth=1))
    assert clusters(parsed(draw(y, depth=2))) == {"model · Model": {"run · compiled": {}}}
    assert "depth=2 opens it" in draw(y).note


# Steps.


def test_a_compiled_node_is_one_step() -> None:
    steps = backprop(neuron()[0])
    assert [step.phase for step in steps] == ["forward"] * 2 + ["seed"] + ["backward"] * 3
    last = steps[-1]
    assert [(e.local, e.contribution, e.received, e.uses) for e in last.edges] == [
        (pytest.approx(2.35, rel=1e-3), pytest.approx(1.151, rel=1e-3), 1, 1),
        (pytest.approx(0.94, rel=1e-3), pytest.approx(0.4605, rel=1e-3), 1, 1),
    ]
    assert tell(steps, last).sentence == (
        "Backward, from y to 2 Values at once: the gradient program of neuron has computed all "
        "local derivatives together. Upstream ∂v1/∂y = 0.4898 times local ∂y/∂w = 2.35 gives "
        "1.151. The gradient of w becomes 0 + 1.151 = 1.151. In the same step b gets 0.4605."
    )
    ends = {edge.receiver: edge.received == edge.uses for step in steps for edge in step.edges}
    assert ends == dict.fromkeys(steps.gradients.keys() - {steps.root}, True)


def test_steps_end_with_the_gradients_of_backward() -> None:
    loss, parameters = network()
    result = loss([1.0, 2.0], 1.0) + parameters[0] ** 2
    result.backward()
    for depth in (0, 1):
        steps = backprop(result, depth=depth)
        for parameter in parameters:
            found = steps.gradients[steps.diagram.values[parameter]]
            assert found == pytest.approx(parameter.grad, rel=1e-12)


def test_the_text_tells_some_edges_and_counts_the_others() -> None:
    loss, _ = network()
    text = backprop(loss([1.0, 2.0], 1.0)).text()
    assert re.search(r"v1 → 337 Values +1 +× gradient program of loss += all at once", text)
    assert "… 334 more" in text
    assert "loss(w0, w1, b, … 334 more)" in text


def test_steps_as_json_hold_the_edges() -> None:
    steps = json.loads(backprop(neuron()[0]).to_json())["steps"]
    assert [len(step.get("parts", ())) for step in steps] == [0, 0, 0, 0, 0, 2]


def test_opened_it_steps_through_its_scalars() -> None:
    steps = backprop(neuron()[0], depth=1)
    assert not any(step.parts for step in steps)
    assert len(steps) == 4 + 1 + 6
    with pytest.raises(ValueError, match="depth is at least 0"):
        backprop(neuron()[0], depth=-1)


def test_over_samples_steps_without_a_check_and_without_a_new_loss() -> None:
    steps = backprop(over_samples(), learning_rate=0.1)
    assert steps.new_loss is None
    assert steps.check(0) is None
    assert "by differences" not in steps.text()
    said = tell(steps, steps[-1]).sentence
    assert "The new v1 is not computed here: call loss.over once more." in said


def test_the_derivation_says_where_the_numbers_come_from() -> None:
    z, (w, _) = neuron()
    text = derivation(z, w).text()
    assert text.startswith(
        "2 paths from v1 back to w; local derivatives of y come from the gradient program of neuron"
    )
    assert "= y * 2.35 + y * 2.35" in text


def test_mistakes_are_shown_for_compiled_nodes_too() -> None:
    z, _ = neuron()
    overwriting = backprop(z).mistakes()[0]
    assert overwriting.parts_at == draw(z).diagram.values[z.parents[0]]


# Names that are no harmless texts.


NAMES = {"a lambda": "<lambda>", "signs of %": "100%s %d", **corpus("labels")}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.slow
def test_any_name_of_a_function_is_shown_and_never_read(name: str) -> None:
    z, _ = neuron(name)
    for depth in (0, 1):
        drawing = draw(z, depth=depth)
        assert pygraphviz.AGraph(string=drawing.dot)
        assert "<script>" not in drawing.svg
        page = backprop(z, depth=depth).html()
        assert "<script>x" not in page
    assert str(drawing)
    assert backprop(z).text()


# Programs.


def program(hidden: int = 2) -> tuple:
    loss, _ = network(hidden)
    loss([1.0, 2.0], 1.0)
    return draw_program(loss), loss


def test_each_scalar_belongs_to_one_portion_and_each_portion_to_its_lines() -> None:
    drawing, loss = program()
    portions = drawing.portions
    assert "\n".join(portions.lines) + "\n" == loss.program
    numbers = [number for portion in portions for number in portion.scalars]
    assert sorted(numbers) == list(range(len(loss.recordings[0].graph)))
    for portion in portions:
        for line in (*portion.forward, *portion.backward):
            assert portions.group_of_line[line - 1] == portion.group
    dots = next(portion for portion in portions if portion.title.startswith("2 dots"))
    # A bias is one more weight.
    said = f"{dots.title}, from 4 scalars (2 dot, 2 add). Values: lines "
    assert dots.sentence().startswith(said)
    assert "gradients: line" in dots.sentence()


def test_a_small_program_shows_every_scalar_in_the_frame_of_its_line() -> None:
    drawing, _ = program()
    graph = parsed_dot(drawing)
    frames = [title for title in clusters(graph) if "dots of 3" in title]
    portion = next(p for p in drawing.portions if p.title.startswith("2 dots of 3"))
    assert f"line {portion.main} · {portion.title}" in frames
    shown = {node.attr["id"] for node in graph.nodes()}
    assert {f"n{number}" for number in portion.scalars} <= shown
    captured = next(p for p in drawing.portions if "captured" in p.title)
    assert f"b{captured.group}" in shown  # nine numbers that are only read are one box


def test_a_large_program_shows_a_box_for_each_line_and_says_so() -> None:
    drawing, loss = program(16)
    graph = parsed_dot(drawing)
    ids = {node.attr["id"] for node in graph.nodes() if node.attr["id"]}
    assert ids == {f"b{portion.group}" for portion in drawing.portions}
    count = len(loss.recordings[0].graph)
    assert f"draw_program(loss, max_scalars={count}) draws them" in drawing.note
    assert f"n{count - 1}" in draw_program(loss, max_scalars=count).dot


def parsed_dot(drawing: object) -> pygraphviz.AGraph:
    return pygraphviz.AGraph(string=drawing.dot)


def test_a_program_is_chosen_by_its_number() -> None:
    drawing, loss = program()
    loss.over([[1.0, 2.0]], [1.0])
    last = draw_program(loss)
    assert "input = empty((3, samples))" in last.text()
    assert "input = empty((3, 1))" in draw_program(loss, number=0).text()
    assert "There are 2 programs; this is number 1, counted from 0." in last.note
    with pytest.raises(ValueError, match=r"loss has 2 programs.*none of number 2"):
        draw_program(loss, number=2)
    assert drawing.note == ""


def test_scalars_on_which_nothing_depends_are_left_out_with_a_note() -> None:
    def loss(x: Value) -> Value:
        return [x * 2.0, x.exp()][0]

    compiled_loss = compiled(loss)
    compiled_loss(3.0)
    drawing = draw_program(compiled_loss)
    assert drawing.note == "1 scalar is left out, since nothing depends on them."
    assert "exp" not in drawing.dot
    assert re.findall(r"-> (.*)", drawing.dot) == ["s2", "s2"]  # the product has two operands


def test_what_is_no_program_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"takes a compiled function, not .* Write loss = compiled"):
        draw_program(print)
    with pytest.raises(ValueError, match="max_scalars is at least 1, not 0"):
        draw_program(program()[1], max_scalars=0)
    with pytest.raises(CompilationError, match=r"loss has no program yet.*call loss\(...\) once"):
        draw_program(network()[0])
    with pytest.raises(TypeError, match="name of a file"):
        program()[0].save(3)


def test_the_table_lists_some_scalars_and_counts_the_others() -> None:
    page = program(16)[0].html()
    assert "<li>… 297 more</li>" in page
    assert page.count("<tr") == len(program(16)[0].portions) + 1


def test_without_scripts_the_picture_and_the_table_remain() -> None:
    page = re.sub(r"<script.*?</script>", "", program()[0].html(), flags=re.DOTALL)
    assert 'src="data:image/svg+xml,' in page
    assert "<caption>Which scalars became which line</caption>" in page
    assert re.search(r"<li data-g=\"0\"><code> +input = empty\(.*<small>  # 3 input numbers<", page)


# Programs in a browser.

CHOSEN = """() => ({
  lines: Array.from(document.querySelectorAll(".gp-lines .gp-now"), line =>
    1 + Array.from(line.parentNode.children).indexOf(line)),
  scalars: Array.from(document.querySelectorAll("[data-n].gp-now"), part => Number(part.dataset.n)),
  rows: document.querySelectorAll("tr.gp-now").length,
  says: document.querySelector(".gp-sentence").textContent
})"""


def shown(portion: object, says: str = "") -> dict:
    numbers = sorted([*portion.forward, *portion.backward])
    scalars = sorted(portion.scalars)
    return {"lines": numbers, "scalars": scalars, "rows": 1, "says": says + portion.sentence()}


def chosen(page: object) -> dict:
    found = page.evaluate(CHOSEN)
    return found | {"scalars": sorted(found["scalars"])}


def opened(new_page: Pages, drawing: object, **options: object) -> object:
    page = new_page()
    page.goto(drawing.save(new_page.folder / "program.html").as_uri())
    for name, value in options.items():
        page.emulate_media(**{name: value})
    return page


def test_a_line_lights_its_scalars_and_a_scalar_its_lines(new_page: Pages) -> None:
    drawing, _ = program()
    page = opened(new_page, drawing)
    dots = next(p for p in drawing.portions if p.title.startswith("2 dots"))
    page.locator(".gp-lines li").nth(dots.main - 1).click()
    assert chosen(page) == shown(dots)
    bends = next(p for p in drawing.portions if p.title.startswith("2 relus"))
    page.locator(f"[data-n='{bends.scalars[0]}']").click()
    formula = drawing.portions.formula(bends.scalars[0])
    assert chosen(page) == shown(bends, f"{formula}. ")
    page.locator("tr[data-g] td").first.click()
    assert chosen(page)["rows"] == 1


def test_keys_move_inside_each_side(new_page: Pages) -> None:
    drawing, _ = program()
    page = opened(new_page, drawing)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.gp-picture') !== null")
    page.keyboard.press("Tab")
    for key in ("Home", "ArrowDown"):
        page.keyboard.press(key)
    assert chosen(page) == shown(drawing.portions[0])
    page.keyboard.press("End")
    assert chosen(page)["says"].startswith("This line belongs to the program as a whole")
    page.keyboard.press("Shift+Tab")
    for key in ("End", "ArrowLeft", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    assert len(chosen(page)["scalars"]) >= 1


def test_axe_finds_nothing_on_a_program(new_page: Pages) -> None:
    for hidden in (2, 16):
        page = opened(new_page, program(hidden)[0])
        page.locator(".gp-lines li").nth(3).click()
        assert_axe_finds_nothing(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        page.emulate_media(forced_colors="active")
        assert violations(page) == []


def test_two_programs_on_a_page_do_not_disturb_each_other(new_page: Pages) -> None:
    one, _ = program()
    page = new_page.show(f"<!DOCTYPE html><title>T</title>{one.html()}{one.html()}")
    page.locator(".gp-lines").nth(1).locator("li").nth(1).click()
    assert page.locator(".glassgrad-program").nth(0).locator(".gp-now").count() == 0
    assert page.locator(".glassgrad-program").nth(1).locator("li.gp-now").count() == 1
