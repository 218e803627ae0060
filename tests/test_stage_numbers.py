"""The numbers that a page computes are those of Python, whatever people change.

Python's are of the same graph built anew with the numbers that the page has now.
"""

import json
import math
import random
import re
from pathlib import Path
from typing import Any

import pytest
from browsing import Pages
from needing import mostly_slow
from stepping import (
    READ,
    Stepper,
    as_formula,
    branches,
    chain,
    diamond,
    document,
    expected,
    hard,
    in_one,
    lecture,
    network,
    neuron,
    reductions,
    resting,
    shared,
    with_loss,
)

from glassgrad import (
    MLP,
    TABLE,
    Backprop,
    Reduction,
    Value,
    backprop,
    compiled,
    engine,
    operation,
    step,
    step_neuron,
    where,
)
from glassgrad.engine.text import short
from glassgrad.viz.expression import Expression
from glassgrad.viz.stage import data, javascript
from glassgrad.viz.told import not_finite


def table() -> Backprop:
    """Every operation of the table, each on leaves of its own inside its domain."""
    total = Value(0.0, label="start")
    for name, row in TABLE.items():
        domains = [(0.5, 2.0)] * 4 if isinstance(row, Reduction) else row.domain
        generator = random.Random(name)
        leaves = [
            Value(generator.uniform(*domain), label=f"{name}_{i}x")
            for i, domain in enumerate(domains)
        ]
        total = total + row.evaluate(leaves) * 0.5
    return backprop(total)


def domains_of(name: str) -> tuple[float, float]:
    """Where a leaf of `table` may go; those of other graphs are anywhere near zero."""
    kind, _, place = name.rpartition("_")
    row = TABLE.get(kind)
    if row is None:
        return (-2.0, 2.0)
    return (0.5, 2.0) if isinstance(row, Reduction) else row.domain[int(place[:-1])]


def rebuilt(
    steps: Backprop, changed: dict[str, float], is_named: bool = True, **options: Any
) -> Backprop:
    """The steps of the same graph with other numbers at some leaves, its names as labels."""
    values: list[Any] = []
    for node in steps.diagram:
        value: Any = node.data
        if node.operation is not None:
            value = node.operation.evaluate([values[parent] for parent in node.parents])
        elif not node.is_constant:
            value = Value(changed.get(node.name, node.data))
        if node.label is not None:
            value.label = node.label
        if is_named and isinstance(value, Value):
            value.label = node.name
        values.append(value)
    if moved := [values[step.node] for step in steps if step.phase == "update"]:
        options = {"learning_rate": steps.learning_rate, "parameters": moved} | options
    return backprop(values[steps.root], **options)


def leaves(steps: Backprop) -> dict[str, float]:
    return {n.name: n.data for n in steps.diagram if n.operation is None and not n.is_constant}


def numbers_of(steps: Backprop) -> dict[str, tuple[float, float | None]]:
    """Value and gradient of each node by its name after the last step, constants apart."""
    moved = {step.node: step.value for step in steps if step.phase == "update"}
    return {
        node.name: (moved.get(node.index, node.data), steps.gradients.get(node.index))
        for node in steps.diagram
        if not node.is_constant
    }


def is_near(found: float | None, right: float | None) -> bool:
    if found is None or right is None:
        return found is right
    if math.isnan(right):
        return math.isnan(found)
    return math.isclose(found, right, rel_tol=1e-12, abs_tol=1e-13)


def compare(one: Stepper, right: Backprop) -> int:
    """How many numbers were the same, after the last step."""
    one.stage("go", one.stage("count") - 1)
    found = one.root.evaluate("""root => Object.entries(root.stage.numbers()).map(
      ([name, { value, grad }]) => [name, String(value), String(grad)])""")
    numbers, compared = numbers_of(right), 0
    for name, *both in found:
        if name not in numbers:
            continue
        read = [None if x == "null" else float(x.replace("Infinity", "inf")) for x in both]
        assert all(map(is_near, read, numbers[name])), (name, read, numbers[name])
        compared += 2
    assert compared == 2 * len(numbers)
    return compared


# At load, before anything is changed.


AT_LOAD = """async ([functions, data]) => {
  const read = x => typeof x === "string" ? Number(x.replace("inf", "Infinity")) : x;
  const rows = (0, eval)(functions), values = [];
  return data.nodes.map((node, i) => {
    const [value, ...locals] = node.p.length ?
      rows[node.o](...node.p.map(parent => values[parent])) : [read(node.v)];
    values.push(value);
    return [value, locals].map(x => JSON.stringify(x, (_, y) =>
      typeof y === "number" && !Number.isFinite(y) ? String(y).replace("Infinity", "inf") : y));
  });
}"""
"""Computes every node with the page's functions, from the numbers of the leaves alone."""


@pytest.mark.parametrize(
    "build",
    [lecture, diamond, network, reductions, branches, hard, chain, table],
    ids=lambda build: build.__name__,
)
def test_the_page_computes_what_python_has_stored(build: Any, new_page: Pages) -> None:
    steps = build()
    functions, why_not = javascript(steps)
    assert why_not == ""
    found = new_page().evaluate(AT_LOAD, [functions, data(steps)])
    compared = 0
    for node, (value, locals_) in zip(steps.diagram, found, strict=True):
        assert is_near(float(json.loads(value)), node.data), node
        for local, right in zip(json.loads(locals_), node.partials):
            if right is not None:
                assert is_near(None if local is None else float(local), right), node
                compared += 1
    assert compared >= sum(step.phase == "backward" for step in steps)


# Two hundred changes.

SET_ALL = "(root, all) => all.forEach(one => root.stage.set(...one))"


@pytest.mark.parametrize(
    "build",
    [lecture, with_loss, diamond, network, reductions, branches, *mostly_slow([chain, table], 0)],
    ids=lambda build: build.__name__,
)
def test_numbers_are_those_of_python_after_200_changes(build: Any, new_page: Pages) -> None:
    steps = build()
    one = document(new_page, steps, reduced_motion="reduce")
    generator, loaded = random.Random(0), leaves(steps)
    compare(one, steps)
    before = one.numbers()
    given = {name: math.nextafter(x, math.inf) for name, x in loaded.items()}
    one.root.evaluate(SET_ALL, [*given.items()])
    compare(one, rebuilt(steps, given))  # as when it was loaded, and computed by the page
    one.root.evaluate(SET_ALL, [*loaded.items()])
    assert one.numbers() == before
    for _ in range(10):
        changes = [
            (name, generator.uniform(*domains_of(name)))
            for name in generator.choices([*given], k=20)
        ]
        one.root.evaluate(SET_ALL, changes)
        given |= dict(changes)
        compare(one, rebuilt(steps, given))
    one.press("r")
    compare(one, steps)


def test_every_step_says_the_changed_numbers(new_page: Pages) -> None:
    for build in (lecture, diamond, reductions):
        steps = build()
        one = document(new_page, steps, reduced_motion="reduce")
        given = {name: x + 0.3 for name, x in leaves(steps).items()}
        for name, x in given.items():
            one.stage("set", name, x)
        one.steps = rebuilt(steps, given, is_named=False)
        both = f"root => [({READ})(root), root.stage.step()]"
        for i, (shown, says) in enumerate(one.shown_after(*range(len(steps)), read=both)):
            assert shown == expected(one.steps, i + 1)
            if says["phase"] == "backward":
                assert is_near(says["contribution"], says["upstream"] * says["local"])


def test_what_was_and_what_is_are_shown_apart(new_page: Pages) -> None:
    """An update that moves little is no "6.881 − 0.1 × 0.0017 = 6.881"."""
    steps = lecture()
    one = document(new_page, steps, reduced_motion="reduce")
    one.stage("set", "x1", 1.0)
    right = one.steps = rebuilt(steps, {"x1": 1.0}, is_named=False)
    one.go(len(steps))
    assert one.shown() == expected(right, len(steps))
    said = one.shown()["says"]
    assert re.findall(r"to (\S+) − .* = (\S+)\. ", said) == [("6.8814", "6.8812")]
    ((before, after),) = re.findall(r"o goes from (\S+) to (\S+)\.", said)
    assert float(before) == pytest.approx(right.diagram[right.root].data, abs=1e-5)
    assert float(after) < float(before)
    one.press("n")
    one.root.locator(".gg-throws p").wait_for()
    said = one.root.locator(".gg-throws p").inner_text()
    assert said == f"o after 1 throw: {before} → {after}."
    assert one.root.locator(".gg-outcome").inner_text().split() == ["o", before, "→", after]
    assert one.root.locator(".gg-throws .gg-tick").all_text_contents() == [before, after]


def test_a_sum_that_hardly_grows_is_shown_to_grow(new_page: Pages) -> None:
    x = Value(2.0, "x")
    y = x * 1e-6 + x * 0.3814876
    y.label = "y"
    one = document(new_page, backprop(y), reduced_motion="reduce")
    says = [expected(one.steps, i + 1)["says"] for i in range(len(one.steps))]
    assert [shown["says"] for shown in one.shown_after(*range(len(says)))] == says
    (grown,) = [
        said.split("becomes ")[1]
        for said in says
        if " = 0.38" in said and "becomes 0 +" not in said
    ]
    before, added, total = map(float, re.findall(r"[\d.e-]+\d", grown)[:3])
    assert before != total
    assert before + added == pytest.approx(total, abs=1e-7)


def log_plus_2() -> Any:
    """An operation of one's own; it is gone after the test."""
    value = lambda x: engine.log(x) + 2.0
    return operation("log_plus_2", "log(x) + 2", value, None, lambda x, y: 1.0 / x)


def breakable(own: Any, **numbers: float) -> Backprop:
    """A graph each of whose leaves can go where something has no number."""
    a, b, c, d, e, f, g, h = (Value(numbers.get(name, 2.0), label=name) for name in "abcdefgh")
    parts = [a.log(), 1.0 / (b - 1.0), c.exp(), d.sqrt(), engine.prod([e, e, e]), own(f)]
    parts.append(where(g, 1.0 / g, h.log().exp()))  # of which one is not chosen
    y = engine.sum(parts) * 0.5
    y.label = "y"
    return backprop(y)


def test_the_first_number_that_is_not_finite_is_explained_as_python_does(new_page: Pages) -> None:
    own = log_plus_2()
    one = document(new_page, breakable(own), reduced_motion="reduce")
    broken = one.root.locator(".gg-broken")
    assert not broken.is_visible()
    said = set()
    for name, number in (
        *(("a", 0.0), ("a", -1.0), ("b", 1.0), ("c", 1000.0), ("d", 0.0), ("d", -4.0)),
        *(("e", 1e200), ("f", -1.0), ("f", 0.0), ("e", math.inf), ("c", 709.9)),
        *(("h", 0.0), ("h", -1.0), ("h", math.inf), ("g", math.inf), ("g", -math.inf)),
    ):
        one.press("r")
        one.root.evaluate("(root, [name, x]) => root.stage.set(name, x)", [name, number])
        right = as_formula(not_finite(breakable(own, **{name: number})))
        assert broken.text_content() == right
        assert broken.is_visible() == bool(right)
        said.add(right)
    assert len(said) == 12  # of what g and h are nothing comes, and nothing is said
    one.click("restore")  # which goes with what it takes back, and leaves the keys to the stage
    assert not broken.is_visible()
    one.press("ArrowRight", "p")
    one.stage("set", "a", 0.0)
    assert not broken.is_visible()  # it would tell what is asked for
    assert one.stage("index") == 1


def test_a_page_that_does_not_compute_explains_what_is_not_finite_too(new_page: Pages) -> None:
    x = Value(0.0, label="x")
    y = compiled(lambda a: a * 2.0)(x).log()
    one = document(new_page, backprop(y))
    right = "Not finite from here on: v₂ = log(v₁) = log(0) = -inf."
    assert one.root.locator(".gg-broken").text_content() == right


def test_a_compiled_node_says_why_nothing_can_be_changed(new_page: Pages) -> None:
    one = document(new_page, in_one())
    assert "cell is compiled" in one.root.locator(".gg-note").all_inner_texts()[-1]
    assert one.root.get_by_role("spinbutton").count() == 0
    with pytest.raises(Exception, match="no number that can be changed"):
        one.stage("set", "w", 1.0)
    compare(one, one.steps)


def test_the_choice_in_the_gallery_changes_where_its_number_does(new_page: Pages) -> None:
    gallery = (Path(__file__).parent.parent / "docs" / "gallery.md").read_text("utf-8")
    choice = gallery.split("## A choice")[1]
    *lines, last = choice.split("```")[1].strip().splitlines()[1:]
    names = {"Value": Value, "where": where, "step": step, "backprop": backprop}
    exec("\n".join(lines), names)
    one = document(new_page, eval(last, names))
    for x, y, slope in ((2.0, 4.0, 4.0), (-2.3, 2.3, -1.0), (0.5, 0.25, 1.0)):
        one.stage("set", "x", x)
        one.go(len(one.steps))
        numbers = one.stage("numbers")
        assert is_near(numbers["x"]["grad"], slope)
        assert is_near(numbers["v4"]["value"], y)


@pytest.mark.parametrize("start", [math.nan, 2.0])
@pytest.mark.parametrize("sign", ["<", "<=", ">", ">="])
def test_a_typed_comparison_chooses_anew_for_every_number(
    sign: str, start: float, new_page: Pages
) -> None:
    text = f"where(log(x) {sign} 0, 10, 20) * x"
    one = document(new_page, backprop(Expression(text).value({"x": start})))
    for x in (0.5, -1.0, 1.0, 2.0):  # the logarithm of -1 is nan, which no comparison holds with
        one.stage("set", "x", x)
        compare(one, backprop(Expression(text).value({"x": x})))


# By hand.


def test_numbers_are_dragged_stepped_and_typed(new_page: Pages) -> None:
    one = document(new_page, lecture(), viewport={"width": 1280, "height": 720})
    mouse, given = one.root.page.mouse, leaves(one.steps)
    for name, far, x in (("x1", 40, 3.0), ("w1", -24, -3.6), ("x2", 12, 0.3), ("b", 8, 7.08138)):
        zone = resting(one.box(name).locator(".gg-zone"))
        at = zone["x"] + zone["width"] / 2, zone["y"] + zone["height"] / 2
        mouse.move(*at)
        mouse.down()
        mouse.move(at[0] + far / 2, at[1])
        mouse.move(at[0] + far, at[1] + 5)
        mouse.up()
        given[name] = float(one.box(name).get_attribute("aria-valuenow"))
        assert math.isclose(given[name], x, abs_tol=1e-4)
        compare(one, rebuilt(one.steps, given))
    one.box("w2").focus()
    for key, x in (("ArrowUp", 1.1), ("ArrowDown", 1.0), ("PageDown", 0.0), ("ArrowUp", 0.1)):
        one.press(key)
        given["w2"] = x
        compare(one, rebuilt(one.steps, given))
    for text, x in (("-2.5", -2.5), ("1,25", 1.25), ("3e-1", 0.3)):
        one.box("x2").focus()
        one.press(text[0])  # the first key opens the field
        one.root.page.keyboard.type(text[1:])
        one.press("Enter")
        given["x2"] = x
        compare(one, rebuilt(one.steps, given))
    one.box("x1").locator(".gg-zone").dblclick()
    one.root.page.keyboard.type("0")
    one.press("Enter")
    given["x1"] = 0.0  # what was there is replaced
    compare(one, rebuilt(one.steps, given))
    one.box("x1").locator(".gg-zone").dblclick()
    one.root.page.keyboard.type("seven")
    one.press("Enter")
    assert one.root.get_by_label("New number of x1").get_attribute("aria-invalid") == "true"
    one.press("Escape")
    compare(one, rebuilt(one.steps, given))
    one.click("restore")
    compare(one, one.steps)


def test_numbers_are_those_of_the_boxes_in_every_step(new_page: Pages) -> None:
    one = document(new_page, lecture())
    moved = [each for each in one.steps if each.phase == "update"]
    assert len(moved) == 5
    for each in one.steps:
        one.go(each.index + 1)
        if each.phase in ("forward", "update"):
            name = one.steps.diagram[each.node].name
            assert is_near(one.numbers()[name]["value"], each.value), name
            assert one.box(name).locator(".gg-value").text_content() == short(each.value)


def bent() -> Any:
    """An operation of one's own with two branches; it is gone after the test."""
    value = lambda x: where(step(x), x * x, 3.0 * x)
    rule = lambda x, y: where(step(x), 2.0 * x, 3.0 * x / x)
    return operation("bent", "bent(x)", value, None, rule)


@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        *(("tanh", "mse"), ("sigmoid", "binary_cross_entropy"), ("relu", "half_mse")),
        *(("leaky_relu", "mse"), ("linear", "mse"), (lambda z: z / (1 + abs(z)), "mse")),
        (bent, "mse"),
    ],
)
def test_the_three_factors_follow_the_numbers(activation: Any, loss: str, new_page: Pages) -> None:
    given = {"w1": 2.0, "w2": -3.0, "x1": 1.0, "x2": 0.5, "b": 0.5}
    is_branch = activation is bent  # its formula is told of the numbers of the program only
    chosen = bent() if is_branch else activation

    def rows(*, is_changed: bool = True) -> list[list[str]]:
        w, x = [given["w1"], given["w2"]], [given["x1"], given["x2"]]
        steps = step_neuron(w, x, given["b"], chosen, 1.0, loss=loss, learning_rate=0.1)
        _, *found = map(list, steps._rows())
        if is_branch and is_changed:
            for row in found:
                row[2] = f"× {row[2].rpartition(' ')[2]}"
        return [[as_formula(cell) for cell in row] for row in found]

    w, x = [given["w1"], given["w2"]], [given["x1"], given["x2"]]
    steps = step_neuron(w, x, given["b"], chosen, 1.0, loss=loss, learning_rate=0.1)
    one = document(new_page, steps)
    one.click("open-more")
    at_first = rows(is_changed=False)
    assert factors(one) == at_first
    if loss == "mse":  # the derivative of the cross-entropy is longer than the drawer
        drawer = one.root.locator(".gg-drawer-body")
        assert drawer.evaluate("box => box.scrollWidth <= box.clientWidth"), "nothing is cut"
    for name, number in (("w1", 0.25), ("x2", -1.75), ("w2", 1.5), ("b", 5.0)):
        given[name] = number
        one.stage("set", name, number)
        assert factors(one) == rows(), name
    one.press("n")
    assert factors(one) not in (rows(), at_first)
    one.press("r")
    assert factors(one) == at_first


def factors(one: Stepper) -> list[list[str]]:
    """The chain rule of each weight in three factors, as the page shows it."""
    rows = one.root.locator(".gg-drawer-more tbody tr")
    return rows.evaluate_all("all => all.map(row => [...row.cells].map(c => c.textContent))")


# Throws.


def thrown(steps: Backprop, times: int) -> tuple[Backprop, list[float]]:
    """Training in Python: the graph after some updates, and all results."""
    given, results = leaves(steps), [steps.diagram[steps.root].data]
    for _ in range(times):
        names = {step.node: steps.diagram[step.node].name for step in steps}
        given |= {names[step.node]: step.value for step in steps if step.phase == "update"}
        steps = rebuilt(steps, given)
        results.append(steps.diagram[steps.root].data)
    return steps, results


@pytest.mark.parametrize("build", [lecture, with_loss, diamond, network], ids=lambda b: b.__name__)
def test_a_throw_is_an_update_and_a_forward_pass(build: Any, new_page: Pages) -> None:
    one = document(new_page, build(), reduced_motion="reduce")
    for _ in range(5):
        one.press("n")
    right, results = thrown(one.steps, 5)
    compare(one, right)
    said = one.root.locator(".gg-drawer-explore").inner_text()
    assert f"after 5 throws: {short(results[0])} → {short(results[-1])}." in said


def test_a_rate_may_be_too_large(new_page: Pages) -> None:
    one = document(new_page, diamond(), reduced_motion="reduce")
    rate = one.root.get_by_label("Learning rate")
    rate.fill("much")
    rate.press("Enter")
    assert rate.get_attribute("aria-invalid") is not None
    rate.fill("1")
    rate.press("Enter")
    one.focus()
    steps = rebuilt(one.steps, {}, learning_rate=1.0)
    for throws in range(1, 4):
        one.press("n")
        compare(one, thrown(steps, throws)[0])
    rate.fill("1e160")
    rate.press("Enter")
    one.focus()
    one.press("n", "n", "n")
    assert "It has exploded" in one.root.locator(".gg-drawer-explore").inner_text()
    one.press("r")
    compare(one, rebuilt(one.steps, {}, learning_rate=1e160))


# Experiments.


def test_a_nudge_is_the_gradient_times_h(new_page: Pages) -> None:
    one = document(new_page, lecture(), reduced_motion="reduce")
    one.press("e")
    assert one.root.locator(".gg-nudge").inner_text().endswith("once the gradient of x₁ has come.")
    assert one.root.locator(".gg-tangent").count() == 0
    one.press("End")
    before, result = numbers_of(one.steps), "o"
    for name, power in (("x1", -4), ("b", -2), ("w1", 1)):
        one.root.locator(".gg-fields select").first.select_option(label=as_formula(name))
        size = one.root.get_by_label("Size of the nudge")
        size.fill(str(power))
        x, (_, gradient) = leaves(one.steps)[name], before[name]
        moved = numbers_of(rebuilt(one.steps, {name: x + 10.0**power}))[result][0]
        said = one.root.locator(".gg-nudge").inner_text()
        h = short(10.0**power)
        by = moved - before[result][0]
        assert said == (
            f"{as_formula(name)} + {h}: {result} moves by {short(by)}; gradient × h = "
            f"{short(gradient)} × {h} = {short(gradient * 10.0**power)}."
        )


@pytest.mark.parametrize(
    "build", [lecture, shared, diamond, neuron, with_loss, reductions], ids=lambda b: b.__name__
)
def test_wrong_engines_are_those_of_python(build: Any, new_page: Pages) -> None:
    one = document(new_page, build())
    one.press("m", "End")
    assert wrong_in(one) == shown_rows(one.steps)


def wrong_in(one: Stepper) -> list[list[str]]:
    """The table of the mistakes on the page."""
    return one.root.locator(".gg-drawer-mistakes tbody tr").evaluate_all(
        "rows => rows.map(row => Array.from(row.cells, cell => cell.textContent))"
    )


def shown_rows(steps: Backprop) -> list[list[str]]:
    """The same of Python."""
    rows = (cells for _, cells in steps.mistakes().rows())
    return [[as_formula(cell.removesuffix(", first")) for cell in cells] for cells in rows]


def test_wrong_engines_follow_changes_and_stand_in_the_picture(new_page: Pages) -> None:
    one = document(new_page, shared())
    one.stage("set", "x", 0.5)
    one.press("m", "End")
    right = rebuilt(one.steps, {"x": 0.5})
    rows = shown_rows(right)
    assert wrong_in(one) == rows
    one.root.get_by_role("button", name="= instead of +=").click()
    off = {row[0]: row[2] for row in rows if row[2].startswith("≠")}
    assert off
    for name in ("x", "a", "y"):
        shown = one.box(name).locator(".gg-wrong-gradient").all_text_contents()
        assert "".join(shown) == off.get(name, "")
    one.press("Home")
    assert not any(one.root.locator(".gg-wrong-gradient").all_text_contents())


# The address.

IN_THE_ADDRESS = """() => decodeURIComponent(location.hash.slice(1)) ===
  JSON.stringify(document.querySelector(".glassgrad-stage[data-ready]").stage.state())"""


@pytest.mark.parametrize("build", [shared, network], ids=lambda build: build.__name__)
def test_the_address_brings_everything_back(build: Any, new_page: Pages) -> None:
    one = document(new_page, build(), viewport={"width": 1280, "height": 720})
    page, (first, *_) = one.root.page, leaves(one.steps)
    one.stage("set", first, 0.75)
    one.press("n", "w", "End", "ArrowLeft", "-")
    page.wait_for_function(IN_THE_ADDRESS)  # it is written a little later
    one.press("+")  # which changes the view alone
    before, numbers = one.stage("state"), one.numbers()
    assert before["view"]
    page.wait_for_function(IN_THE_ADDRESS)
    page.reload()
    page.wait_for_function(IN_THE_ADDRESS)
    assert one.stage("state") == before
    assert one.numbers() == numbers
    address = page.url.partition("#")[0]
    page.goto("about:blank")
    page.goto(f"{address}#{{nothing")
    one.press("ArrowRight")
    assert one.stage("index") == 1
    one.stage("restore", before)
    assert one.stage("state") == before


def test_an_address_with_what_is_no_number_leaves_it_out(new_page: Pages) -> None:
    one = document(new_page, lecture())
    before = one.numbers()
    wrong = ["abc", "", None, "1 2", True, [], {}, "0x", "--1"]
    for each in wrong:
        one.stage("restore", {"numbers": {"x1": each}})
        assert one.numbers() == before, each
    one.stage("restore", {"numbers": {"x1": "abc", "x2": "−2,5e−1", "nobody": 3}})
    assert one.stage("state")["numbers"] == {"x2": "-0.25"}
    for text in ("inf", "-inf", "nan", "-0"):
        one.stage("restore", {"numbers": {"x1": text}})
        assert one.stage("state")["numbers"] == {"x1": text}


# Graphs larger than the window.


WALK = """async root => {
  const seen = {}, next = () => new Promise(done => requestAnimationFrame(done));
  let most = 0;
  for (let i = 0; i < 90; i += 1) {
    const boxes = [...root.querySelectorAll(".gg-box:not(.gg-constant)")];
    most = Math.max(most, boxes.length);
    for (const box of boxes) {
      const text = name => box.querySelector(name).textContent;
      (seen[box.dataset.n] ||= []).push([text(".gg-value"), text(".gg-gradient")].join(" "));
    }
    for (let k = 0; k < 10; k += 1) {
      root.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", shiftKey: true }));
    }
    await next();
  }
  return [most, seen];
}"""


def test_what_comes_into_view_shows_the_numbers_of_now(new_page: Pages) -> None:
    y = Value(0.5, label="x")
    for i in range(199):
        y = y.tanh() if i % 2 else y.sin()
    window = {"width": 1280, "height": 720}  # where the graph runs to the right
    one = document(new_page, backprop(y), reduced_motion="reduce", viewport=window)
    one.click("scalars")  # what repeats is not folded
    one.stage("go", one.stage("count") - 1)
    for number in (0.5, 0.75, -2.0):
        one.stage("set", "x", number)
        one.press("f", "f")  # from the step, which is at the start, to the other end
        most, seen = one.root.evaluate(WALK)
        assert most < 30, "what the window does not show is no part of the page"
        right = [f"{short(n['value'])} {short(n['grad'])}" for n in one.numbers().values()]
        assert len(seen) == 200
        for i, texts in seen.items():
            assert set(texts) == {right[int(i)]}, (number, i)


def test_a_large_graph_is_an_outline_from_afar(new_page: Pages) -> None:
    y = Value(0.5, label="x")
    for _ in range(199):
        y = y.sin()
    one = document(new_page, backprop(y), reduced_motion="reduce")
    one.click("scalars")
    one.press("f", *["-"] * 12)
    outline, boxes = one.root.locator(".gg-far path").last, one.root.locator(".gg-box")
    assert outline.is_visible()
    assert boxes.count() <= 2  # those of the step
    one.press(*["+"] * 12)
    assert not outline.is_visible()
    assert boxes.count() > 2


# Networks.


TABLES = """all => all.map(table => [table.caption ? table.caption.textContent : "",
  Array.from(table.tHead.rows[0].cells, cell => cell.textContent),
  Array.from(table.tBodies[0].rows, row => Array.from(row.cells, cell => cell.textContent))])"""


def by_hand(model: MLP) -> list[dict[str, Any]]:
    """For each layer W, b, their gradients, outputs and δ, by its own few lines of algebra."""
    x = [1.0, -0.5]
    layers: list[dict[str, Any]] = []
    for layer in model.layers:
        w = [[v.data for v in neuron.w] for neuron in layer.neurons]
        b = [neuron.b.data for neuron in layer.neurons]
        z = [sum(a * c for a, c in zip(row, x)) + bias for row, bias in zip(w, b)]
        out = [math.tanh(each) for each in z]
        slopes = [1.0 - each**2 for each in out]
        layers.append({"W": w, "b": b, "in": x, "out": out, "slopes": slopes})
        x = out
    upstream = [2.0 * (x[0] - 1.0)]
    for layer in reversed(layers):
        layer["δ"] = [u * slope for u, slope in zip(upstream, layer["slopes"])]
        layer["∂W"] = [[d * a for a in layer["in"]] for d in layer["δ"]]
        upstream = [
            sum(d * row[i] for d, row in zip(layer["δ"], layer["W"]))
            for i in range(len(layer["in"]))
        ]
    return layers


def vector(numbers: list[float], most: int) -> str:
    """A few numbers of a vector, as an equation shows them."""
    few = numbers if len(numbers) <= most else numbers[:2]
    listed = ", ".join(map(short, few)) + ", …" * (len(numbers) > most)
    return listed if len(numbers) == 1 else f"({listed})"


def test_a_network_shows_each_number_where_it_belongs(new_page: Pages) -> None:
    """Every δ, weight and gradient, at its neuron and its source, not only somewhere."""
    steps, model = network(), MLP(2, [4, 3, 1], seed=1)
    right = by_hand(model)
    one = document(new_page, steps, viewport={"width": 1280, "height": 720})
    assert one.stage("level") == "network"
    one.press("t")
    phases: dict[str, list[Any]] = {"forward": [], "backward": [], "update": [], "seed": []}
    compared = 0
    for i in range(one.stage("count")):
        one.stage("go", i)
        says = one.stage("step")
        phases[says["phase"]].append(says["layer"])
        if says["layer"] is None:
            continue
        at = int(says["layer"].removeprefix("layer ")) - 1
        layer, sources = right[at], len(right[at]["in"])
        tables = one.root.locator(".gg-drawer-table > div table").evaluate_all(TABLES)
        is_back = says["phase"] == "backward"
        weights, gradients, *others = [tables[1], tables[0], *tables[2:]] if is_back else tables
        new = others if says["phase"] == "update" else []
        names = [f"neuron {k + 1}" for k in range(sources)] if at else ["x₁", "x₂"]
        heads = [f"{as_formula(f'w{k}')} · {name}" for k, name in enumerate(names)]
        assert weights[1] == gradients[1] == ["neuron", *heads, "b"]
        for (_, _, rows), w, b in ((weights, "W", "b"), (gradients, "∂W", "δ")):
            assert [row[0] for row in rows] == [f"neuron {k + 1}" for k in range(len(layer["W"]))]
            for cells, in_w, in_b in zip(rows, layer[w], layer[b], strict=True):
                assert cells[1:] == [short(x) for x in (*in_w, in_b)]
                compared += len(cells) - 1
        assert len(others) == (says["phase"] == "update" or (is_back and at + 1 < len(right)))
        for _, _, rows in others if is_back else []:  # the weights by which δ came
            next_rows = zip(rows, right[at + 1]["W"], right[at + 1]["b"], strict=True)
            assert all(row[1:] == [short(x) for x in (*w, b)] for row, w, b in next_rows)
        for _, _, rows in new:
            for k, row in enumerate(rows):
                before = (*layer["W"][k], layer["b"][k])
                slopes = (*layer["∂W"][k], layer["δ"][k])
                assert row[1:] == [short(x - 0.1 * g) for x, g in zip(before, slopes)]
        if says["phase"] == "backward":
            equation = one.shown()["equations"]
            assert equation[0].endswith(f"=δ of layer {at + 1}{vector(layer['δ'], 4)}")
            start = f"δ of layer {at + 1}{vector(layer['δ'], 4)}⊗"
            assert equation[1].startswith(start)
            outer = "\n".join("\t".join(map(short, row)) for row in layer["∂W"])
            assert equation[1].endswith(f"∂L/∂W of layer {at + 1}{outer}")
    assert compared == 3 * 2 * len(model.parameters())
    assert phases["forward"] == ["layer 1", "layer 2", "layer 3", None]
    assert phases["backward"] == ["layer 3", "layer 2", "layer 1"]
    assert phases["update"] == ["layer 1", "layer 2", "layer 3"]
