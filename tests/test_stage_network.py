"""The network on the stage tells only what is so: what moves, and every bias of a sum."""

import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from browsing import PAINTED, Pages
from stepping import Stepper, as_formula, batch, document, lecture, network, resting

from glassgrad import MLP, Backprop, Dropout, Layer, Module, Sequential, Value, backprop, exp
from glassgrad.engine.text import short
from glassgrad.viz.picture import Scopes
from glassgrad.viz.told import tell


def of_model(model: MLP, **options: Any) -> Backprop:
    loss = (model([1.0, -2.0]) - 1.0) ** 2
    loss.label = "L"
    return backprop(loss, learning_rate=0.1, **options)


def typeset(text: str) -> str:
    """What is read of a formula whose indices are set below the line."""
    return unicodedata.normalize("NFKC", as_formula(text))


def updates(new_page: Pages, steps: Backprop) -> list[tuple[str, str]]:
    """What each update step of the network says, and its equations."""
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    one.stage("open", "network")
    found = []
    for i in range(one.stage("count")):
        one.stage("go", i)
        if one.stage("step")["phase"] == "update":
            shown = one.shown()
            found.append((shown["says"], " ".join(shown["equations"])))
    return found


@pytest.mark.parametrize(
    ("kind", "moves", "stays"), [("w", "weights", "bias"), ("b", "biases", "weight")]
)
def test_an_update_tells_only_what_moves(
    new_page: Pages, kind: str, moves: str, stays: str
) -> None:
    model = MLP(2, [3, 2], seed=1)
    loss = sum((y - 1.0) ** 2 for y in model([1.0, -2.0]))
    assert isinstance(loss, Value)
    some = [p for p in model.parameters() if p.label and p.label.startswith(kind)]
    steps = backprop(loss, learning_rate=0.1, parameters=some)
    found = updates(new_page, steps)
    assert len(found) == 2
    for said, equations in found:
        assert moves in said
        assert moves in equations
        assert stays not in said + equations


def test_a_layer_of_which_nothing_moves_has_no_update_step(new_page: Pages) -> None:
    model = MLP(2, [3, 1], seed=1)
    last = model.layers[-1].parameters()
    (told,) = updates(new_page, of_model(model, parameters=last))
    assert "the 3 weights and the bias of layer 2 move against their gradients" in told[0]
    (one,) = updates(new_page, of_model(model, parameters=last[:1]))
    assert "1 of the 3 weights of layer 2 moves against its gradient" in one[0]


def test_leaves_outside_of_the_layers_are_told_too(new_page: Pages) -> None:
    model = MLP(2, [3, 1], seed=1)
    x = [Value(1.0, label="x"), Value(-2.0, label="y")]
    loss = (model(x) - 1.0) ** 2
    said, equations = updates(new_page, backprop(loss, learning_rate=0.5))[-1]
    assert "the 2 other leaves move" in said
    new = [each.data - 0.5 * g for each, g in zip(x, _gradients(loss, x))]
    assert f"({', '.join(map(short, new))})" in equations.replace("−", "-")


def _gradients(loss: Value, leaves: list[Value]) -> list[float]:
    loss.backward()
    found = [leaf.grad for leaf in leaves]
    assert None not in found
    return [float(each or 0.0) for each in found]


def test_discs_of_inputs_are_dragged_stepped_and_typed(new_page: Pages) -> None:
    model = MLP(2, [3, 1], seed=1)
    x, z = Value(1.0, label="x"), Value(0.25, label="z")
    loss = (model([x, z]) - 1.0) ** 2
    loss.label = "L"
    steps = backprop(loss, learning_rate=0.1, parameters=model.parameters())
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    assert one.stage("level") == "network"
    one.stage("go", one.stage("count") - 1)
    disc, step = one.box("x"), one.stage("index")
    handle = disc.locator(".gg-handle")
    opacity = "part => getComputedStyle(part).opacity"
    assert handle.evaluate(opacity) == "0"
    zone = resting(disc.locator(".gg-zone"))
    mouse, at = one.root.page.mouse, (zone["x"] + 20, zone["y"] + 20)
    mouse.move(*at)
    assert handle.evaluate(opacity) != "0"
    mouse.down()
    mouse.move(at[0] - 20, at[1])
    mouse.move(at[0] - 40, at[1] + 3)
    mouse.up()
    check_inputs(one, model, 0.0, 0.25)
    assert resting(disc.locator(".gg-zone")) == zone, "the picture stays where it is"
    one.press("ArrowUp", "PageUp")
    check_inputs(one, model, 1.1, 0.25)
    one.box("z").locator(".gg-zone").dblclick()
    one.root.page.keyboard.type("-2,5")
    one.press("Enter")
    check_inputs(one, model, 1.1, -2.5)
    one.press("Enter")  # the keys are the disc's again
    one.root.page.keyboard.type("3")
    one.press("Enter")
    check_inputs(one, model, 1.1, 3.0)
    assert (one.stage("level"), one.stage("index")) == ("network", step)
    one.click("restore")
    check_inputs(one, model, 1.0, 0.25)


def check_inputs(one: Stepper, model: MLP, *inputs: float) -> None:
    """The page has these inputs, what they lead to, and their gradients; the discs tell them."""
    given = [Value(number) for number in inputs]
    loss = (model(given) - 1.0) ** 2
    loss.backward()
    found = one.numbers()
    assert found["L"]["value"] == pytest.approx(loss.data, rel=1e-12)
    for name, leaf in zip("xz", given):
        assert found[name] == pytest.approx({"value": leaf.data, "grad": leaf.grad}, rel=1e-12)
        assert one.box(name).get_attribute("aria-valuetext") == short(leaf.data)
        assert one.box(name).locator(".gg-value").text_content() == short(leaf.data)
    assert one.box("L").locator(".gg-value").text_content() == short(float(f"{loss.data:.3g}"))


def test_what_is_no_leaf_of_a_live_page_is_no_disc_to_drag(new_page: Pages) -> None:
    model = MLP(2, [3, 1], seed=1)
    loss = (model([Value(1.0, label="x") * 2.0, 0.5]) - 1.0) ** 2
    one = document(new_page, backprop(loss), viewport={"width": 1280, "height": 720})
    one.stage("open", "network")
    assert one.root.locator(".gg-disc").count() == 2 + 3 + 1 + 1
    assert not one.root.get_by_role("spinbutton").count()
    fixed = one.root.locator(".gg-disc:has(title:text('is a plain number of the program'))")
    assert fixed.locator(".gg-value").all_text_contents() == ["0.5"]
    assert fixed.evaluate("disc => getComputedStyle(disc).cursor") == "not-allowed"


FORMULA = """root => {
  const seen = part => Boolean(part) && part.checkVisibility({ visibilityProperty: true });
  const own = root.querySelector(".gg-own");
  return [root.querySelector(".gg-formula").getBoundingClientRect().height,
    seen(root.querySelector(".gg-formula math")), seen(own) ? own.textContent : ""];
}"""
"""The height of the formula, whether the whole is seen, and the step's own where that is seen."""


def test_the_formula_follows_the_step_into_the_neurons(new_page: Pages) -> None:
    """What MLP(x) stands for has no part in the whole formula: there the step's own is shown."""
    steps = of_model(MLP(2, [3, 1], seed=1))
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    whole, own = one.root.locator(".gg-formula math").first, one.root.locator(".gg-own")
    assert one.stage("level") == "network"
    assert whole.is_visible()
    assert not own.is_visible()
    one.stage("open", "scalars")
    heights, inside = set(), 0
    for step, (height, is_whole, said) in zip(
        steps, one.shown_after(*range(len(steps)), read=FORMULA), strict=True
    ):
        node = steps.diagram[step.node]
        is_inside = bool(_layer_of(steps, step.node)) and bool(node.parents)
        assert (bool(said), is_whole) == (is_inside, not is_inside)
        if is_inside:
            assert said.startswith(f"{typeset(node.name)} = ")
            assert all(typeset(steps.diagram[parent].name) in said for parent in node.parents)
            inside += 1
        heights.add(height)
    assert inside > 20
    assert max(heights) - min(heights) < 1, "the picture below stands still"


def test_a_bias_that_neurons_share_is_in_their_sums(new_page: Pages) -> None:
    model = MLP(2, [2, 1], seed=1)
    one, other = model.layers[0].neurons
    other.b = one.b
    page = document(new_page, of_model(model), viewport={"width": 1280, "height": 720})
    page.stage("open", "network")
    page.stage("go", 0)
    (equation, _) = page.shown()["equations"]
    shared = short(one.b.data)
    assert f"biases({shared}, {shared})" in equation.replace("−", "-")
    assert "the bias of layer 1" in updates(new_page, of_model(model))[0][0]


def test_a_network_whose_steps_repeat_opens_as_a_network(new_page: Pages) -> None:
    model = MLP(8, [13, 13, 1], seed=1)
    loss = (model([0.1 * i for i in range(8)]) - 1.0) ** 2
    steps = backprop(loss, learning_rate=0.1)
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    assert one.stage("level") == "network"
    for level in ("scalars", "layer 2, neuron 3"):
        one.stage("open", level)
        one.stage("go", 5)
        assert one.root.locator("[data-role=receiver]").count()


def test_a_change_of_level_keeps_the_place(new_page: Pages) -> None:
    """The step stays one of the layer that was seen, or of the neuron."""
    model = MLP(2, [3, 2, 1], seed=1)
    steps = of_model(model)
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    one.stage("open", "network")
    for i in range(one.stage("count")):
        one.stage("open", "network")
        one.stage("go", i)
        seen = one.stage("step")
        one.stage("open", "scalars")
        step = steps[one.stage("index")]
        assert step.phase == seen["phase"]
        if seen["layer"] is not None:
            assert _layer_of(steps, step.node) == seen["layer"]
        one.stage("open", "network")
        if seen["layer"] is not None:
            assert one.stage("step") == seen
            if seen["phase"] in ("forward", "backward"):
                one.stage("open", f"{seen['layer']}, neuron 1")
                assert one.stage("step")["phase"] == seen["phase"]
                node = one.stage("step")["receiver" if seen["phase"] == "forward" else "sender"]
                one.stage("open", "scalars")
                assert steps.diagram[steps[one.stage("index")].node].name == node
                one.stage("open", "network")
                assert one.stage("step") == seen


def _layer_of(steps: Backprop, node: int) -> str:
    """The layer whose neurons have a node, by the path of the modules; "" for none."""
    scope = Scopes(steps.diagram).of[node]
    found = re.search(r"layers\.(\d+)", scope.path() if scope else "")
    return f"layer {int(found[1]) + 1}" if found else ""


LOOK = """(root) => {
  const room = root.querySelector(".gg-drawer-body").getBoundingClientRect();
  const heading = root.querySelector(".gg-drawer-table h2"), box = heading.getBoundingClientRect();
  return [heading.textContent, box.top >= room.top && box.left >= room.left + 10];
}"""


@pytest.mark.parametrize("size", [(1280, 720), (360, 640)])
def test_the_weights_that_an_equation_sends_to_are_seen(
    size: tuple[int, int], new_page: Pages
) -> None:
    viewport = dict(zip(("width", "height"), size))
    one = document(new_page, of_model(MLP(2, [4, 3, 1], seed=1)), viewport=viewport)
    one.stage("go", 6)
    one.press("t")
    one.root.page.evaluate(PAINTED)
    assert one.root.evaluate(LOOK) == ["Gradients ∂L/∂W of layer 2", True]


def test_names_of_phases_are_whole_when_the_count_becomes_longer(new_page: Pages) -> None:
    steps = backprop(MLP(2, [1], seed=1)([1.0, -2.0]) ** 2, learning_rate=0.1)
    one = document(new_page, steps, viewport={"width": 360, "height": 640})
    for _ in range(3):
        one.press("n")
        one.root.page.evaluate(PAINTED)
        cut = one.root.evaluate(
            """root => [...root.querySelectorAll(".gg-phase-name")].filter(name =>
              name.style.visibility !== "hidden" && name.scrollWidth > name.clientWidth).length"""
        )
        assert cut == 0


def test_the_page_sends_nothing_to_what_is_frozen(new_page: Pages) -> None:
    model = MLP(2, [2, 1], seed=1)
    model.layers[0].freeze()
    steps = of_model(model)
    one = document(new_page, steps)
    for name in ("w0", "b"):
        one.stage("set", name, 0.25)  # from here on the page computes by itself
    one.stage("go", one.stage("count") - 1)
    found = one.numbers()
    frozen = [steps.diagram[steps.diagram.values[p]].name for p in model.layers[0].parameters()]
    assert all(found[name]["grad"] is None for name in frozen)
    one.stage("open", "network")
    said = []
    for i in range(one.stage("count")):
        one.stage("go", i)
        said.append(one.shown()["says"])
    assert sum("The weights are frozen: no gradient reaches them." in text for text in said) == 1
    assert sum("is δ times each input" in text for text in said) == 1


CAPTIONS = """root => {
  const rect = part => part.getBoundingClientRect(), frame = rect(root.querySelector(".gg-frame"));
  const isInside = (box, x, y) => x > box.left && x < box.right && y > box.top && y < box.bottom;
  const found = { unseen: [], crossed: [], seen: new Set() };
  const isWhole = ({ left, right, top, bottom }) => left >= frame.left && right <= frame.right
    && top >= frame.top && bottom <= frame.bottom;
  for (let i = 0; i < root.stage.count; i += 1) {
    root.stage.go(i);
    const { phase, layer } = root.stage.step();
    const titles = [...root.querySelectorAll(".gg-title")];
    titles.filter(title => isWhole(rect(title)))
      .forEach(title => found.seen.add(title.textContent));
    const own = titles.find(title => layer && title.textContent.startsWith(layer));
    if (layer && !isWhole(rect(own))) { found.unseen.push(`${phase} ${layer}`); }
    for (const path of root.querySelectorAll(".gg-edge path:first-child")) {
      const length = path.getTotalLength(), matrix = path.getScreenCTM();
      for (let k = 0; k <= 40; k += 1) {
        const { x, y } = path.getPointAtLength(k / 40 * length).matrixTransform(matrix);
        titles.filter(title => isInside(rect(title), x, y))
          .forEach(title => found.crossed.push(title.textContent));
      }
    }
  }
  return { ...found, seen: [...found.seen] };
}"""


def frozen_network() -> Backprop:
    model = MLP(2, [5, 9, 1], seed=1)
    model.layers[0].freeze()
    return of_model(model)


@pytest.mark.parametrize("size", [(1280, 720), (900, 700), (360, 640)])
def test_the_names_of_layers_are_whole_and_no_line_crosses_them(
    size: tuple[int, int], new_page: Pages
) -> None:
    viewport = dict(zip(("width", "height"), size))
    one = document(new_page, frozen_network(), viewport=viewport, reduced_motion="reduce")
    found = one.root.evaluate(CAPTIONS)
    assert found["unseen"] == []
    assert found["crossed"] == []
    assert {"inputs", "layer 1 · frozen", "layer 2", "layer 3", "L"} <= set(found["seen"])


def test_a_frozen_layer_says_so_wherever_it_is_seen(new_page: Pages) -> None:
    steps = frozen_network()
    one = document(new_page, steps)
    discs = one.root.get_by_role("button", name="Open layer")
    labels = discs.evaluate_all("all => all.map(disc => disc.getAttribute('aria-label'))")
    assert {label for label in labels if "layer 1" in label} == {
        f"Open layer 1, neuron {k}, frozen" for k in range(1, 6)
    }
    assert not any("frozen" in label for label in labels if "layer 1" not in label)
    title = discs.first.locator("title").text_content()
    assert title == "layer 1, neuron 1, frozen: click to open it"
    one.stage("go", one.stage("count") - 1)
    assert one.shown()["says"].endswith("The weights of layer 1 are frozen and stay.")
    sentence = tell(steps, steps[-1]).sentence
    assert sentence.endswith("Frozen, and so not moved: w0, w1, b, 12 more.")


def test_the_box_of_a_frozen_leaf_says_so(new_page: Pages) -> None:
    held = MLP(1, [1], seed=1)
    w = held.parameters()[0]
    held.freeze()
    x = Value(2.0, "x")
    one = document(new_page, backprop(w * w * x))
    one.stage("go", one.stage("count") - 1)
    assert "frozen" in one.box("w0").text_content()
    assert one.numbers()["w0"]["grad"] is None
    assert one.numbers()["x"]["grad"] == w.data * w.data


MATRICES = """root => {
  const box = root.querySelector(".gg-equation"), found = {};
  for (let i = 0; i < root.stage.count; i += 1) {
    root.stage.go(i);
    const { phase, layer } = root.stage.step();
    if (phase !== "backward") { continue; }
    const begin = box.scrollLeft, texts = [];
    for (let page = 0; page < 2; page += 1) {
      const window = box.getBoundingClientRect();
      texts.push(...[...box.querySelectorAll(".gg-term")].filter(term => {
        const { left, right, top, bottom } = term.getBoundingClientRect();
        return left >= window.left && right <= window.right && top >= window.top
          && bottom <= window.bottom;
      }).map(term => [...term.children].map(part => part.textContent)));
      box.scrollLeft = box.scrollWidth;
    }
    found[layer] = { begin, texts: Object.fromEntries(texts) };
  }
  return found;
}"""


@pytest.mark.parametrize("size", [(1280, 720), (768, 1024), (360, 640)])
def test_the_gradients_of_weights_stand_whole_in_the_equation(
    size: tuple[int, int], new_page: Pages
) -> None:
    model = MLP(2, [4, 4, 2, 2], seed=1)
    outs = model([1.0, -2.0])
    assert isinstance(outs, list)
    loss = sum((y - 1.0) ** 2 for y in outs)
    assert isinstance(loss, Value)
    loss.label = "L"
    steps = backprop(loss, learning_rate=0.1, parameters=model.parameters())
    viewport = dict(zip(("width", "height"), size))
    one = document(new_page, steps, viewport=viewport, reduced_motion="reduce")
    one.stage("open", "network")
    found = one.root.evaluate(MATRICES)
    of = {p: steps.gradients[steps.diagram.values[p]] for p in model.parameters()}
    for at, layer in enumerate(model.layers, 1):
        seen = found[f"layer {at}"]
        rows = [[short(of[w]) for w in neuron.w] for neuron in layer.neurons]
        shown = seen["texts"][f"∂L/∂W of layer {at}"]
        assert [row.split("\t") for row in shown.split("\n")] == rows
        assert seen["begin"] == 0, "a step begins with its first line"
    weights = [[w.data for w in neuron.w] for neuron in model.layers[3].neurons]
    turned = "; ".join(", ".join(map(short, column)) for column in zip(*weights))
    assert found["layer 3"]["texts"]["local: weights of layer 4, transposed"] == f"({turned})"


def test_the_page_says_what_can_be_done_on_the_level_that_is_open(new_page: Pages) -> None:
    one = document(new_page, of_model(MLP(2, [4, 4, 1], seed=1)))
    hint, levels = one.root.locator(".gg-hint"), one.root.locator(".gg-levels button")
    assert one.stage("level") == "network"
    assert not one.root.locator(".gg-handle").count()
    assert hint.inner_text() == "click a neuron to open it"
    assert levels.all_inner_texts() == ["network", "neuron", "scalars"]
    one.stage("go", 2)
    one.click("unit")
    assert one.stage("level") == "layer 3, neuron 1", "the first one of the step"
    assert one.root.locator(".gg-handle").count()
    assert "drag a number" in hint.inner_text()
    one.click("scalars")
    assert "drag a number" in hint.inner_text()
    one.click("unit")
    assert one.stage("level") == "layer 3, neuron 1"


def test_leaves_and_nodes_of_a_network_are_named_by_their_neurons(new_page: Pages) -> None:
    model = MLP(2, [3, 1], seed=1)
    steps = of_model(model, parameters=model.parameters())
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    one.stage("open", "network")
    one.press("e")
    select = one.root.get_by_label("leaf")
    groups = select.evaluate("""all => [...all.querySelectorAll("optgroup")]
      .map(group => [group.label, [...group.children].map(each => [each.text, each.value])])""")
    right = []
    for at, layer in enumerate(model.layers, 1):
        for k, neuron in enumerate(layer.neurons, 1):
            parts = [(f"w{i}", w) for i, w in enumerate(neuron.w)] + [("b", neuron.b)]
            parts = [(as_formula(name), part) for name, part in parts]
            group = f"layer {at}, neuron {k}"
            listed = [[f"{group}, {name}", str(steps.diagram.values[p])] for name, p in parts]
            right.append([group, listed])
    assert groups == right
    select.select_option(right[1][1][0][1])
    assert "layer 1, neuron 2, w₀ + " in one.root.locator(".gg-nudge").inner_text()
    one.press("m")
    rows = one.root.locator(".gg-drawer-mistakes tbody tr").evaluate_all(
        "rows => rows.map(row => row.cells[0]?.textContent)"
    )
    places = [re.match(r"layer (\d+), neuron (\d+)", row) for row in rows]
    order = [(-int(place[1]), int(place[2])) for place in places if place]
    assert order == sorted(order)
    assert set(order) == {(-2, 1), (-1, 1), (-1, 2), (-1, 3)}
    for name in ("layer 2, neuron 1", "layer 2, neuron 1, δ", "layer 1, neuron 3, w₁"):
        assert name in rows
    inputs = {steps.diagram[i].name for i in steps.network.inputs[0]}  # and no other scalars
    others = {row for row, place in zip(rows, places, strict=True) if not place}
    assert others - inputs == {as_formula(steps.diagram[steps.root].name)}
    one.stage("open", "layer 1, neuron 2")
    rows = one.root.locator(".gg-drawer-mistakes tbody tr td:first-child").all_text_contents()
    assert rows
    assert all(row.startswith("layer 1, neuron 2") for row in rows)


def test_the_formula_of_an_open_neuron_is_its_own_in_every_step(new_page: Pages) -> None:
    model = MLP(2, [4, 4, 1], seed=1)
    steps = of_model(model, parameters=model.parameters())
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    one.stage("open", "layer 1, neuron 2")
    own, names = one.root.locator(".gg-own"), steps.diagram.values
    neuron = model.layers[0].neurons[1]
    w0, w1, b = (steps.diagram[names[p]].name for p in (*neuron.w, neuron.b))
    (activated,) = (n for n in steps.diagram if n.parents == (names[neuron.b] + 1,))
    assert (w0, w1, b) != ("w0", "w1", "b"), "in the whole graph other neurons have those"
    right = typeset(f"{activated.name} = tanh(w0 * 1 + w1 * (-2) + b)")
    marked, phases = set(), set()
    for i in range(one.stage("count")):
        one.stage("go", i)
        phases.add(one.stage("step")["phase"])
        assert own.is_visible()
        assert own.inner_text() == right
        marked |= set(own.locator(".gg-now").all_inner_texts())
    assert phases == {"forward", "backward", "update"}
    assert marked == {typeset("w0 * 1"), typeset("w1 * (-2)")}


def test_one_weight_has_one_name_in_the_picture_the_steps_the_tables_and_hovers(
    new_page: Pages,
) -> None:
    """In full with its neuron; where that neuron is open, or is a row, without it."""
    model = MLP(2, [2, 3, 1], seed=1)
    steps = of_model(model, parameters=model.parameters())
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    weight = steps.diagram[steps.diagram.values[model.layers[1].neurons[2].w[1]]]
    assert weight.name != "w1"
    one.stage("open", "network")
    titles = one.root.locator(".gg-weight title").all_text_contents()
    assert f"layer 2, neuron 3, w₁ = {short(weight.data)}" in titles
    one.press("t")
    one.stage("go", 1)
    head = one.root.locator(".gg-drawer-table > div thead tr").first.inner_text().split("\t")
    assert head == ["neuron", "w₀ · neuron 1", "w₁ · neuron 2", "b"]
    one.stage("open", "layer 2, neuron 3")
    box = one.box(weight.name)
    assert box.locator(".gg-name").text_content() == "w1"
    box.hover()
    assert box.locator("title").text_content().startswith("layer 2, neuron 3, w₁ = ")
    assert box.get_attribute("aria-label") == "layer 2, neuron 3, w1"
    rows = one.root.locator(".gg-drawer-table tbody tr td:nth-child(2)").all_inner_texts()
    assert any(row.endswith("→ w₁") for row in rows)
    assert as_formula(weight.name) not in one.root.locator(".gg-stage").inner_text()
    assert weight.name in one.numbers(), "as its program calls it"
    broken = one.root.locator(".gg-broken")
    one.root.evaluate("(root, name) => root.stage.set(name, Infinity)", weight.name)
    assert " = w₁ = inf gives nan" in broken.text_content()
    one.stage("open", "scalars")
    assert f" = {as_formula(weight.name)} = inf gives nan" in broken.text_content()
    assert as_formula(weight.name) in one.root.locator(".gg-drawer-table").inner_text()


def test_two_weights_of_a_neuron_that_are_labelled_alike_keep_two_names(new_page: Pages) -> None:
    class Two(Module):
        def __init__(self) -> None:
            self.w = [Value(0.5, label="w0"), Value(-0.25, label="w0")]

        def __call__(self, x: list[Value]) -> Value:
            return (self.w[0] * x[0] + self.w[1] * x[1]).tanh()

    inside = MLP(2, [2], seed=1)
    y = Two()(inside([1.0, 2.0]))
    one = document(new_page, backprop(y), viewport={"width": 1280, "height": 720})
    one.stage("open", "layer 2, neuron 1")
    names = one.root.locator(".gg-leaf .gg-name").all_text_contents()
    assert len(names) == len(set(names)) == 2
    one.press("e")
    offered = one.root.get_by_label("leaf").locator("option").all_text_contents()
    assert len(offered) == len(set(offered))


def test_a_node_is_called_by_its_formula_where_all_of_it_has_a_name(new_page: Pages) -> None:
    one = document(new_page, lecture(), viewport={"width": 1280, "height": 720})
    found = one.root.evaluate("""root => [...root.querySelectorAll(".gg-box")].map(box =>
      [".gg-name", ".gg-of"].map(part => box.querySelector(part)?.textContent ?? ""))""")
    assert ["x₁·w₁", "v₁"] in found
    assert ["v3", "v₁+v₂"] in found
    one.press("t")
    edges = one.root.locator(".gg-drawer-table tbody tr td:nth-child(2)").all_inner_texts()
    assert "v₁ → x₁" in edges


# A network on several samples.

WRONG = """root => Object.fromEntries(Array.from(root.querySelectorAll(".gg-disc"),
  disc => [disc.dataset.n, disc.querySelector(".gg-wrong-gradient").textContent]))"""

DISCS = """root => Object.fromEntries([...root.querySelectorAll(".gg-disc")].map(disc =>
  [disc.dataset.n, [".gg-value", ".gg-gradient"].map(part => disc.querySelector(part).textContent)]
))"""
TABLES = """root => Object.fromEntries([...root.querySelectorAll(".gg-drawer-table h2")].map(
  title => [title.textContent, [...title.nextElementSibling.querySelectorAll("tbody tr")].map(row =>
    [...row.querySelectorAll("td")].map(cell => cell.textContent))]))"""


def on_disc(number: float) -> str:
    return short(float(f"{number:.3g}"))


def test_each_sample_has_its_numbers_in_the_circles(new_page: Pages) -> None:
    steps = batch()
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    assert one.stage("level") == "network"
    chooser = one.root.locator(".gg-levels select")
    first, *_ = steps.network.samples[0][0][0].weights.values()
    for place, layers in enumerate(steps.network.samples):
        chooser.select_option(str(place))
        number = place + 1
        assert one.stage("level") == f"network, sample {number}".removesuffix(", sample 1")
        one.stage("go", one.stage("count") - 4)  # the last step back
        discs = one.root.evaluate(DISCS)
        for unit in (unit for units in layers for unit in units):
            value, gradient = steps.diagram[unit.out].data, steps.gradients[unit.total]
            assert discs[str(unit.out)] == [on_disc(value), on_disc(gradient)]
        assert {str(i) for i in steps.network.inputs[place]} < discs.keys()
        lines = one.root.locator(".gg-weight title").all_text_contents()
        assert f"layer 1, neuron 1, w₀ = {short(steps.diagram[first].data)}" in lines
        assert f"(sample {number} of 4)" in one.shown()["says"]
        title = one.root.locator(".gg-title").first
        assert title.text_content() == f"sample {number}"


def test_the_gradient_of_weights_is_of_all_samples_and_of_the_penalty(new_page: Pages) -> None:
    """δ times the inputs of the sample seen, and what comes from elsewhere, is all of it."""
    steps = batch()
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    one.press("t")
    for place, layers in enumerate(steps.network.samples):
        one.stage("open", f"network, sample {place + 1}".removesuffix(", sample 1"))
        for at, units in enumerate(layers, 1):
            one.stage("go", 5 + 3 - at)
            assert one.stage("step") == {"phase": "backward", "layer": f"layer {at}"}
            assert "from 3 other samples and outside of the network" in one.shown()["says"]
            tables = one.root.evaluate(TABLES)
            for k, unit in enumerate(units):
                leaves = [*unit.weights.values(), unit.bias]
                totals = [steps.gradients[leaf] for leaf in leaves]
                assert tables[f"Gradients ∂L/∂W of layer {at}"][k] == list(map(short, totals))
                delta = steps.gradients[unit.total]
                own = [delta * steps.diagram[i].data for i in unit.weights] + [delta]
                others = tables["Of these from 3 other samples and outside of the network"][k]
                for whole, part, rest in zip(totals, own, map(float, others), strict=True):
                    assert part + rest == pytest.approx(whole, abs=1e-3 * (abs(rest) + 1e-9))


def test_inputs_that_are_added_to_the_outputs_are_told_where_that_is(new_page: Pages) -> None:
    def forward_of_the_loss(count: int, is_added: bool) -> tuple[str, list[str]]:
        layer, rows = Layer(3, 3, seed=1), [[Value(i + k / 4) for k in range(3)] for i in (1, 2)]
        pairs = [pair for x in rows[:count] for pair in zip(layer(x), x)]
        loss = sum((h + v if is_added else h) ** 2 for h, v in pairs)
        loss.label = "L"
        one = document(new_page, backprop(loss))
        one.stage("open", "network")
        one.stage("go", 1)
        assert one.stage("step") == {"phase": "forward", "layer": None}
        shown = one.shown()
        return shown["says"], shown["equations"]

    says, equations = forward_of_the_loss(1, True)
    assert " and the inputs (1, 1.25, 1.5) comes L = " in says
    terms = "0 + 1.996 + 3.86 + 0.4801"
    assert f")andinputs(1, 1.25, 1.5)→L in numbers{terms}=value of L6.336" in equations[0]
    says, _ = forward_of_the_loss(2, True)
    assert " and the inputs (1, 1.25, …) comes L = " in says
    assert "inputs" not in str(forward_of_the_loss(2, False))


def test_of_a_batch_gradients_come_layer_by_layer(new_page: Pages) -> None:
    steps = batch()
    one = document(new_page, steps)
    leaves = {n.index for n in steps.diagram if n.operation is None and not n.is_constant}
    layers = steps.network.samples[0]
    of = {leaf: at for at, units in enumerate(layers) for unit in units
          for leaf in (*unit.weights.values(), unit.bias)}  # fmt: skip
    for i in range(one.stage("count")):
        one.stage("go", i)
        step, found = one.stage("step"), one.numbers()
        come = {n for n in leaves if found[steps.diagram[n].name]["grad"] is not None}
        if step["phase"] == "backward":
            done = int(step["layer"][-1]) - 1
            assert come == {n for n in leaves if of.get(n, 0) >= done and (n in of or not done)}
            for n in come:
                right = pytest.approx(steps.gradients[n], rel=1e-12)
                assert found[steps.diagram[n].name]["grad"] == right
        else:
            assert come == (leaves if step["phase"] == "update" else set())
        if step["phase"] in ("forward", "seed"):
            all_come = [each["grad"] for each in found.values() if each["grad"] is not None]
            assert all_come == [1.0] * (step["phase"] == "seed")


def test_a_neuron_opens_on_its_sample_and_the_state_has_it(new_page: Pages) -> None:
    steps = batch()
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    one.stage("open", "network, sample 3")
    one.stage("go", 6)
    one.click("unit")
    assert one.stage("level") == "layer 2, neuron 1, sample 3"
    unit = steps.network.samples[2][1][0]
    assert one.stage("step")["sender"] == steps.diagram[unit.out].name
    at = one.stage("index")
    one.root.locator(".gg-levels select").select_option("1")
    assert (one.stage("level"), one.stage("index")) == ("layer 2, neuron 1, sample 2", at)
    saved = one.stage("state")
    one.press("Escape")
    assert one.stage("level") == "network, sample 2"
    assert one.stage("step") == {"phase": "backward", "layer": "layer 2"}
    one.click("scalars")
    outs = [steps.diagram[u.out].name for u in steps.network.samples[1][1]]
    assert one.stage("step")["sender"] in outs, "the first scalars of the layer on this sample"
    assert not one.root.locator(".gg-levels select").is_visible()
    one.stage("open", "network, sample 1")
    assert one.stage("level") == "network"
    steps.state = saved
    again = document(new_page, steps)
    assert (again.stage("level"), again.stage("index")) == ("layer 2, neuron 1, sample 2", at)
    assert again.stage("state") == saved


def test_an_input_of_one_sample_changes_what_comes_of_it(new_page: Pages) -> None:
    steps = batch()
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    one.stage("open", "network, sample 3")
    before = one.root.evaluate(DISCS)
    one.stage("set", "x", 0.75)
    (x,) = (n.index for n in steps.diagram if n.name == "x")
    right = steps.diagram.evaluate({n.index: n.data for n in steps.diagram if not n.parents}
                                   | {x: 0.75})  # fmt: skip
    one.stage("go", 3)
    discs = one.root.evaluate(DISCS)
    for unit in (unit for units in steps.network.samples[2] for unit in units):
        assert discs[str(unit.out)][0] == on_disc(right[unit.out]) != before[str(unit.out)][0]
    one.stage("open", "network, sample 2")
    for units in steps.network.samples[1]:
        for unit in units:
            value = one.root.evaluate(DISCS)[str(unit.out)][0]
            assert value == on_disc(steps.diagram[unit.out].data)


def test_what_bends_the_sums_is_told_with_its_numbers(new_page: Pages) -> None:
    first = Layer(2, 3, activation="linear", seed=1)
    dropout = Dropout(0.5, seed=1)
    last = Layer(3, 1, activation="linear", seed=2)
    loss = (Sequential(first, "relu", dropout, last)([1.0, 2.0]) - 1.0) ** 2
    steps = backprop(loss)
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    one.stage("go", 0)
    assert "each onerelu(sums) × (0, 2, 2)" in one.shown()["equations"][1]
    units = steps.network.samples[0][0]
    slopes = [steps.gradients[u.total] / steps.gradients[u.out] for u in units]
    assert slopes == [0.0, 0.0, 2.0]
    one.stage("go", one.stage("count") - 1)
    assert "times the slopes (0, 0, 2) gives" in one.shown()["says"]
    one.stage("open", "layer 1, neuron 3")
    assert one.root.locator(".gg-own").inner_text().endswith(") × 2")


def test_a_wrong_engine_stands_beside_the_right_one_in_the_discs(new_page: Pages) -> None:
    """Where it differs, once its layer has come; the table shows the rows of that layer."""
    steps = batch()
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    one.stage("open", "network")
    one.press("m")
    layers, found = steps.network.samples[0][::-1], 0
    for mistake in steps.mistakes():
        one.root.get_by_role("button", name=mistake.name, exact=True).click()
        for at, layer in enumerate(layers):
            one.stage("go", 5 + at)
            shown = one.root.evaluate(WRONG)
            for unit, has_come in ((unit, k <= at) for k in range(3) for unit in layers[k]):
                is_off = has_come and unit.total in mistake.wrong
                wrong = on_disc(mistake.gradients[unit.total])
                assert shown[str(unit.out)] == (f"≠{wrong}" if is_off else "")
                found += is_off
            row = one.root.locator(".gg-drawer-mistakes tbody tr.gg-now td:first-child")
            assert row.inner_text() == layer[0].name
    assert found


@pytest.mark.parametrize("moved", ["all", "weights of layer 1", "an input too"])
def test_the_last_update_tells_what_becomes_of_the_result(new_page: Pages, moved: str) -> None:
    model, x = MLP(2, [3, 1], seed=1), Value(1.0, label="x")
    weights = [w for neuron in model.layers[0].neurons for w in neuron.w]
    choices = {"all": model.parameters(), "an input too": [*model.parameters(), x]}
    loss = (model([x, -2.0]) - 1.0) ** 2
    loss.label = "L"
    steps = backprop(loss, learning_rate=0.1, parameters=choices.get(moved, weights))
    *others, (says, equations) = updates(new_page, steps)
    before, after = short(loss.data), short(steps.new_loss)
    assert before != after
    assert equations.endswith(f"soL before{before}→L after all updates{after}")
    assert f"By all updates L goes from {before} to {after}." in says
    assert not any("L goes" in said or "L after" in shown for said, shown in others)


def _by_hand(text: str) -> str:
    """What comes of a row's numbers as they are shown, in four digits."""
    for sign, typed in {"·": "*", "−": "-", "²": "**2"}.items():
        text = text.replace(sign, typed)
    return short(float(f"{eval(text, {'exp': math.exp}):.4g}"))


@pytest.mark.parametrize(
    ("loss", "in_numbers"),
    [
        (lambda y: (y - 1.0) ** 2, r"\(\S+ − 1\)²"),
        (lambda y: (y - 1.0) ** 2 / 4.0, r"\(\S+ − 1\)² / 4"),
        (lambda y: 0.5 * exp(3.0 - y) + 2.0, r"0\.5 · exp\(3 − \S+\) \+ 2"),
    ],
)
def test_the_gradient_of_the_output_is_the_product_of_what_leads_to_it(
    new_page: Pages, loss: Callable[[Value], Value], in_numbers: str
) -> None:
    """So is the result what the outputs make of it: as shown, and with new weights too."""
    model = MLP(2, [3, 1], seed=1)

    def steps() -> Backprop:
        result = loss(model([1.0, -2.0]))
        result.label = "L"
        return backprop(result, learning_rate=0.05, parameters=model.parameters())

    first = steps()
    one = document(new_page, first, viewport={"width": 1280, "height": 720})
    one.stage("open", "network")
    for weight in (None, 0.25, -1.5):
        if weight is not None:
            leaf = model.layers[1].neurons[0].w[0]
            one.stage("set", first.diagram[first.diagram.values[leaf]].name, weight)
            leaf.data = weight
        now = steps()
        upstream = now.gradients[now.network.samples[0][1][0].out]
        one.stage("go", 2)
        shown = re.search(r"L in numbers(.*?)=value of L(.*)", one.shown()["equations"][0])
        assert re.fullmatch(in_numbers, shown[1])
        assert _by_hand(shown[1]) == shown[2] == short(now.diagram[now.root].data)
        one.stage("go", 4)
        local = re.search(r"L1×local ∂L/∂output(.*) = (.*?)×local", one.shown()["equations"][0])
        assert _by_hand(local[1]) == local[2] == short(upstream)
        assert f"the gradient of its outputs, 1 × {local[1]} = {local[2]}, " in one.shown()["says"]


def test_where_several_paths_lead_to_the_outputs_it_is_said(new_page: Pages) -> None:
    model = MLP(2, [3, 2], seed=1)
    for loss, is_said in (
        (lambda a, b: a * b + a, True),
        (lambda a, b: a**2 + b**2, False),
    ):
        steps = backprop(loss(*model([1.0, -2.0])))
        one = document(new_page, steps, viewport={"width": 1280, "height": 720})
        one.stage("open", "network")
        one.stage("go", 4)
        assert ("over several paths" in one.shown()["equations"][0]) == is_said


def test_the_chooser_of_samples_keeps_the_keys(new_page: Pages) -> None:
    one = document(new_page, batch(), viewport={"width": 1280, "height": 720})
    one.root.locator(".gg-levels select").focus()
    for sample in (2, 3, 4):
        one.press("ArrowDown")
        assert one.stage("level") == f"network, sample {sample}"
    one.stage("open", "layer 1, neuron 2, sample 4")
    one.root.locator(".gg-levels select").focus()
    one.press("ArrowUp", "ArrowUp")
    assert one.stage("level") == "layer 1, neuron 2, sample 2"


def test_a_bias_that_neurons_share_gets_its_gradient_from_both(new_page: Pages) -> None:
    model = MLP(2, [2, 1], seed=1)
    one, other = model.layers[0].neurons
    other.b = one.b
    steps = of_model(model)
    page = document(new_page, steps, viewport={"width": 1280, "height": 720})
    page.press("t")
    page.stage("open", "network")
    page.stage("go", 5)
    assert "what comes from other neurons" in page.shown()["says"]
    deltas = [steps.gradients[unit.total] for unit in steps.network.samples[0][0]]
    elsewhere = page.root.evaluate(TABLES)["Of these from other neurons"]
    assert [row[-1] for row in elsewhere] == [short(delta) for delta in deltas[::-1]]
    assert [row[:-1] for row in elsewhere] == [["0", "0"]] * 2


def test_an_output_that_is_seeded_has_the_seed_until_its_layer_goes_back(new_page: Pages) -> None:
    steps = backprop(MLP(2, [3, 1], seed=1)([1.0, -2.0]))
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    one.stage("open", "network")
    out, total = steps.root, steps.network.samples[0][1][0].total
    for step, gradient in ((1, "–"), (2, "1"), (3, on_disc(steps.gradients[total]))):
        one.stage("go", step)
        assert one.root.evaluate(DISCS)[str(out)][1] == gradient


def test_the_tables_of_a_layer_give_nothing_away_to_who_predicts(new_page: Pages) -> None:
    one = document(new_page, batch(), viewport={"width": 1280, "height": 720})
    one.press("t", "p")
    assert one.stage("state")["drawer"] == "table"
    assert not one.root.get_by_role("heading", name="Gradients").is_visible()
    one.press("p")
    assert one.root.get_by_role("heading", name="Gradients").is_visible()


def test_the_table_of_the_steps_tells_what_each_layer_makes_and_what_moves(new_page: Pages) -> None:
    one = document(new_page, batch(), viewport={"width": 1280, "height": 800})
    one.stage("open", "network")
    one.press("t")
    rows = one.root.locator(".gg-drawer-table table").last.locator("tbody tr").all()
    found = [row.locator("td").all_text_contents() for row in rows]
    assert [row[1] for row in found[:3]] == ["layer 1", "layer 2", "layer 3"]
    assert all("tanh(W · x + b) = " in row[-1] for row in found[:3])
    assert found[-1][-1] == "the 3 weights and the bias"
    drawer = one.root.locator(".gg-drawer-body")
    assert drawer.evaluate("box => box.scrollWidth <= box.clientWidth"), "nothing is cut"


def test_a_neuron_opens_by_its_name_alone_on_several_samples(new_page: Pages) -> None:
    one = document(new_page, batch(), viewport={"width": 1280, "height": 800})
    one.stage("open", "layer 2, neuron 1")
    assert one.stage("level") == "layer 2, neuron 1, sample 1"


def test_of_a_table_of_weights_the_head_alone_stays_while_it_scrolls(new_page: Pages) -> None:
    one = document(new_page, batch(), viewport={"width": 1280, "height": 600})
    one.stage("open", "network")
    one.press("t")
    kept = one.root.locator(".gg-drawer-table > div table").first.evaluate(
        "table => [...table.querySelectorAll('th')]"
        ".map(th => [th.scope, getComputedStyle(th).position])"
    )
    assert {tuple(each) for each in kept} == {("col", "sticky"), ("row", "static")}


def test_a_layer_tells_as_many_numbers_as_its_stage_has_room_for(new_page: Pages) -> None:
    """Also when the window becomes another one, and in a cell that is narrower than the window."""
    one = document(new_page, batch(), viewport={"width": 1280, "height": 800})
    one.stage("open", "network")
    cut = "root => root.querySelector('.gg-equation').textContent.includes('…')"
    frames = one.root.page
    assert not one.root.evaluate(cut)
    frames.set_viewport_size({"width": 900, "height": 800})
    frames.evaluate(PAINTED)
    assert one.root.evaluate(cut)
    frames.set_viewport_size({"width": 1280, "height": 800})
    frames.evaluate(PAINTED)
    assert not one.root.evaluate(cut)
    one.root.evaluate("root => { root.style.width = '900px'; }")
    frames.evaluate(PAINTED)
    assert one.root.evaluate(cut)


def test_where_there_is_room_a_matrix_has_all_of_its_rows(new_page: Pages) -> None:
    one = document(new_page, batch(), reduced_motion="reduce")
    one.stage("open", "network")
    few = "root => root.querySelector('.gg-equation').textContent.includes(' rows')"
    for size, is_cut in [((1920, 1080), False), ((1280, 800), False), ((800, 600), True)]:
        one.root.page.set_viewport_size(dict(zip(("width", "height"), size)))
        one.root.page.evaluate(PAINTED)
        found = one.shown_after(*range(one.stage("count")), read=few)
        assert any(found) == is_cut


READS = """root => Array.from({ length: root.stage.count }, (_, i) => {
  root.stage.go(i);
  return [...root.querySelectorAll(".gg-sentence, .gg-equation, .gg-own, .gg-name, .gg-of")]
    .map(part => part.textContent).join(" ");
}).join(" ")"""


@pytest.mark.parametrize("level", ["layer 2, neuron 1", "layer 3, neuron 1"])
def test_what_an_open_neuron_reads_is_called_as_what_it_is(level: str, new_page: Pages) -> None:
    steps = network()
    one = document(new_page, steps, reduced_motion="reduce")
    one.stage("open", level)
    read = [unit for layer in steps.network.samples[0] for unit in layer if unit.name == level]
    sources = list(read[0].weights)
    names = [one.root.locator(f".gg-box[data-n='{i}'] .gg-name").text_content() for i in sources]
    assert names == [f"h{k}" for k in range(1, len(sources) + 1)]
    said = one.root.evaluate(READS)
    assert "h₁" in said
    assert not set(re.findall(r"v[₀-₉]+", said)) & {
        as_formula(steps.diagram[i].name) for i in sources
    }
    one.stage("open", "scalars")
    assert "h₁" not in one.root.evaluate(READS)


def test_names_that_somebody_has_given_stay_in_an_open_neuron(new_page: Pages) -> None:
    x, square = Value(0.5, "x"), Value(2.0, "h2") ** 2
    model = MLP(3, [2, 1], seed=1)
    one = document(new_page, backprop(model([x, square, square * x]) ** 2))
    one.stage("open", "layer 1, neuron 1")
    assert {"x", "x2", "x3"} <= set(one.root.locator(".gg-name").all_text_contents())
    one.stage("open", "layer 2, neuron 1")
    names = one.root.locator(".gg-name").all_text_contents()
    assert "h1" in names
    assert "h2" not in names, "it is the name of another one"


def test_no_two_names_in_an_open_neuron_look_alike(new_page: Pages) -> None:
    x = Value(0.5, "x_2")
    one = document(new_page, backprop((MLP(2, [2, 1], seed=1)([x, x * 3.0]) - 1.0) ** 2))
    one.stage("open", "layer 1, neuron 1")
    names = one.root.locator(".gg-name").all_text_contents()
    assert "x2" in names
    assert len(set(names)) == len(names)


def test_what_a_pointer_is_told_of_an_open_neuron_has_the_names_of_its_boxes(
    new_page: Pages,
) -> None:
    inputs = [Value(0.1) * 2.0, Value(0.3) * 2.0]
    one = document(new_page, backprop((MLP(2, [2, 1], seed=1)(inputs) - 1.0) ** 2))
    one.stage("open", "layer 1, neuron 1")
    told = one.root.evaluate(
        """root => [...root.querySelectorAll(".gg-box")].map(box => {
          box.dispatchEvent(new PointerEvent("pointerenter"));
          return [as(box.querySelector(".gg-name")), as(box.querySelector("title"))];
          function as(part) { return part.textContent.split(" = ")[0]; }
        })"""
    )
    assert ["x1", "x₁"] in told
    assert ["x2", "x₂"] in told
