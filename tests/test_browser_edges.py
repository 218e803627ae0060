"""The stage at the edges: zero, infinity, empty fields, keys of what is not there."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from browsing import PAINTED, Pages
from stepping import Stepper, as_formula, check_of, document, resting, shared, with_loss

from glassgrad import Value, backprop, engine, log
from glassgrad.viz.expression import Expression


def of(x: float) -> Value:
    return Value(x, label="x")


def number(one: Stepper, name: str = "x") -> str:
    """The value of a node with all its digits, the sign of zero too."""
    return one.root.evaluate(
        """(root, name) => { const { value } = root.stage.numbers()[name];
          return Object.is(value, -0) ? "-0" : String(value); }""",
        name,
    )


def test_the_key_of_a_drawer_that_a_page_lacks_opens_nothing(new_page: Pages) -> None:
    x = of(1.0)
    for _ in range(900):
        x = x * 1.001 + x
    one = document(new_page, backprop(x))
    assert one.button("open-mistakes").count() == 0  # of a part they would tell nothing
    one.press("m")
    assert one.stage("state")["drawer"] is None
    assert one.root.locator(".gg-drawer").is_hidden()


def cancelling(x: Value) -> Value:
    """Its gradient is 0, of terms whose sizes add up to more than the largest float."""
    return 1.5e308 * x - 1.5e308 * x


@pytest.mark.parametrize(
    ("build", "x", "right", "overwritten"),
    [(lambda x: 2 * x + log(x), 0.0, "inf", "≠ 2"), (cancelling, 1.0, "0", "≠ 1.5e+308")],
    ids=["an infinite gradient", "terms beyond floats"],
)
def test_a_wrong_gradient_is_marked_beside_what_is_infinite(
    build: Any, x: float, right: str, overwritten: str, new_page: Pages
) -> None:
    one = document(new_page, backprop(build(of(x))))
    one.press("m", "End")
    rows = one.root.locator(".gg-drawer-mistakes tbody tr").evaluate_all(
        "rows => rows.map(row => Array.from(row.cells, cell => cell.textContent))"
    )
    (found,) = (row for row in rows if row[0] == "x")
    assert found[1:3] == [right, overwritten]
    (told,) = (cells for _, cells in one.steps.mistakes().rows() if cells[0] == "x")
    assert [cell.removesuffix(", first") for cell in told] == found


@pytest.mark.parametrize("x", ["-0", "Infinity", "NaN", "0.1234567890123456"])
def test_a_field_that_is_left_unedited_changes_nothing(x: str, new_page: Pages) -> None:
    one = document(new_page, backprop(1 / of(float(x))))
    one.box("x").focus()
    one.press("Enter", "Enter")
    assert number(one) == x
    assert one.root.locator(".gg-typed").count() == 0
    assert one.stage("state")["numbers"] == {}


def test_a_field_that_is_left_unedited_keeps_the_throws(new_page: Pages) -> None:
    one = document(new_page, with_loss())
    one.press("n", "n")
    one.box("w1").focus()
    one.press("Enter", "Enter")
    assert one.shown()["count"].startswith("throw 2")
    one.stage("set", "w1", 5.0)
    assert one.shown()["count"].startswith("step")


def test_a_number_dragged_back_is_the_same(new_page: Pages) -> None:
    one = document(new_page, backprop(of(2 / 3) * 2))
    zone, mouse = resting(one.box("x").locator(".gg-zone")), one.root.page.mouse
    at = zone["x"] + zone["width"] / 2, zone["y"] + zone["height"] / 2
    mouse.move(*at)
    mouse.down()
    mouse.move(at[0] + 9, at[1])
    assert number(one) != str(2 / 3)
    mouse.move(*at)
    mouse.up()
    assert number(one) == str(2 / 3)
    assert one.stage("state")["numbers"] == {}


def test_a_rate_that_is_cleared_is_the_one_in_use(new_page: Pages) -> None:
    one = document(new_page, with_loss())
    field = one.root.get_by_label("Learning rate")
    for rate in ("0.5", ""):
        field.fill(rate)
        field.press("Enter")
    assert (field.input_value(), one.stage("state")["rate"]) == ("0.5", 0.5)
    assert field.get_attribute("aria-invalid") == "false"


def test_a_rate_below_0_is_none(new_page: Pages) -> None:
    """The rows say − and "against": uphill they would be wrong."""
    one = document(new_page, with_loss())
    before = one.stage("state")["rate"]
    field = one.root.get_by_label("Learning rate")
    field.fill("-0.5")
    field.press("Enter")
    assert field.get_attribute("aria-invalid") == "true"
    one.stage("restore", {"rate": -0.5})
    assert one.stage("state")["rate"] == before > 0.0


def test_a_state_without_drawer_and_view_closes_and_releases(new_page: Pages) -> None:
    one = document(new_page, with_loss())
    before, picture = one.stage("state"), one.root.locator("svg.gg-picture")
    view = picture.get_attribute("style")
    one.press("t", "+")
    changed = one.stage("state")
    assert changed["drawer"] == "table"
    assert changed["view"]
    one.stage("restore", before)
    assert one.stage("state") == before
    one.root.page.evaluate(PAINTED)
    assert picture.get_attribute("style") == view
    one.stage("restore", changed)
    one.stage("restore", {"step": 1})  # of what it does not say nothing changes
    assert one.stage("state")["drawer"] == "table"


@pytest.mark.parametrize(
    ("y", "right", "wrong"),
    [
        (lambda: of(1e-12) ** 2, "1e-24", "0"),
        (lambda: of(-1e200) * 1e200, "-Infinity", "infinity"),
        (lambda: of(1e200) * 1e200, "infinity", "5"),
        (lambda: of(0.0) * 3, "0", "1e-13"),
        (lambda: of(float("inf")) * 0, "NaN", "inf"),
    ],
    ids=["tiny", "minus infinity", "infinity", "zero", "nan"],
)
def test_a_guess_of_what_is_tiny_or_infinite_is_judged(
    y: Any, right: str, wrong: str, new_page: Pages
) -> None:
    one = document(new_page, backprop(y()))
    one.press("p")
    one.guess(wrong)
    assert one.shown()["verdict"] == "Not yet: try again."
    one.guess(right)
    assert one.shown()["verdict"].startswith("Right.")


def test_the_step_of_the_arrow_keys_is_that_of_the_number(new_page: Pages) -> None:
    one = document(new_page, backprop(of(2.0) * 3))
    one.box("x").focus()
    one.press("Enter", *"1e6", "Enter", "ArrowUp")
    assert number(one) == "1100000"
    one.press("r", "ArrowUp")
    assert number(one) == "2.1"
    one.stage("set", "x", 1.0)
    one.press("ArrowDown", "ArrowDown")  # across a power of ten the step stays
    assert number(one) == "0.8"


@pytest.mark.parametrize(
    ("x", "moves"),
    [
        (1.7e308, {"ArrowUp": "1.7976931348623157e+308", "ArrowDown": "1.69769313486e+308"}),
        (-1.7e308, {"PageDown": "-1.7976931348623157e+308", "PageUp": "-7.97693134862e+307"}),
        (float("inf"), {"ArrowDown": "1.7976931348623157e+308"}),
        (5e-324, {"ArrowUp": "1e-323", "ArrowDown": "5e-324"}),
    ],
)
def test_arrow_keys_move_every_number_to_a_finite_one(
    x: float, moves: dict[str, str], new_page: Pages
) -> None:
    one = document(new_page, backprop(of(x) * 0.5))
    one.box("x").focus()
    for key, after in moves.items():
        one.press(key)
        assert number(one) == after


CHECKED: dict[str, tuple[Callable[[Value], Value], tuple[float, ...]]] = {
    "log": (engine.log, (1e-4, 0.0, 2.5, 1e300)),
    "sqrt": (engine.sqrt, (0.0, 1e-9, 4.0)),
    "1/x²": (lambda x: 1 / x**2, (1e-4, 1e-30, -3.0, 0.0)),
    "sin": (engine.sin, (1e6, 0.0, 1e-3, 1e15)),
    "x³": (lambda x: x**3, (1e-8, -2.0, 0.0)),
    "abs": (abs, (0.0, 1e-12, -4.0)),
    "maximum": (lambda x: engine.maximum(x, 2.0), (2.0, 1.0, 2.5)),
    "clip": (lambda x: engine.clip(x, -1.0, 1.0), (-1.0, 1.0, 0.5, 7.0)),
    "tanh": (engine.tanh, (math.inf, 0.0, 20.0, 500.0)),
    "exp": (engine.exp, (-700.0, 700.0, 0.1)),
    "relu": (lambda x: x.relu() * 3, (0.0, -1.0, 1e-7)),
    "1e20 cancels": (lambda x: (x + 1e20) - 1e20, (1.0, 1e19)),
    "a product": (lambda x: x * engine.exp(x) + 1e9, (0.5, -3.0)),
    "sign": (lambda x: x.sign() * x, (0.0, 2.0)),
}


@pytest.mark.parametrize("name", CHECKED)
def test_checks_of_changed_numbers_are_those_of_python(name: str, new_page: Pages) -> None:
    function, points = CHECKED[name]
    one = document(new_page, backprop(function(of(0.625))))
    one.press("w", "End")
    for x in points:
        one.root.evaluate("(root, x) => root.stage.set('x', Number(x))", spelled(x))
        right = backprop(function(of(x)))
        told = next(right.checks()[n.index] for n in right.diagram if n.name == "x")
        assert one.root.locator(".gg-drawer-words .gg-check").text_content() == as_formula(told), x


def spelled(x: float) -> str:
    return repr(x).replace("inf", "Infinity")


def test_checks_of_inner_nodes_follow_a_changed_number(new_page: Pages) -> None:
    one = document(new_page, shared())
    one.stage("set", "x", 0.5)
    one.press("w")
    x = of(0.5)
    a = x + 1.0
    a.label = "a"
    y = a * a + a
    y.label = "y"
    right = backprop(y, learning_rate=0.1)
    read = "root => root.querySelector('.gg-drawer-words .gg-check').textContent"
    shown = one.shown_after(*range(len(right)), read=read)
    assert shown == [check_of(right, number) for number in range(1, len(right) + 1)]
    assert any("∂y/∂a" in check for check in shown)


def test_a_check_stands_where_the_gradient_is_complete_now(new_page: Pages) -> None:
    """With other numbers a condition lets gradient come from elsewhere, and in another order."""
    text, given = "o = where(a > 0, a*b, b) + 3*a", {"a": -1.0, "b": 2.0}
    one = document(new_page, backprop(Expression(text).value(given)))
    one.press("w")
    said = "root => root.querySelector('.gg-drawer-words .gg-check').textContent"
    uses = "root => root.querySelector('.gg-uses')?.textContent || ''"
    both = f"root => [({said})(root), ({uses})(root)]"
    for a in (1.0, -2.0, 3.0):
        one.stage("set", "a", a)
        right = backprop(Expression(text).value({**given, "a": a}))
        checks = right.checks()
        found = one.shown_after(*range(one.stage("count")), read=both)
        complete = [check for check, told in found if told.endswith(": complete")]
        order = [s for s in right if s.phase == "backward" and s.received == s.uses]
        assert complete == [as_formula(checks[step.parent]) for step in order], a
        assert [check for check, _ in found if check] == complete


@pytest.mark.parametrize(
    "numbers", [{"w": 2.0, "x": 30.0, "y": 1e9}, {"w": 1e-300, "x": 1.0, "y": 1.3e154}]
)
def test_a_flat_plot_of_what_is_large_is_drawn(numbers: dict[str, float], new_page: Pages) -> None:
    one = document(new_page, backprop(Expression("o = (tanh(w*x) - y)**2").value(numbers)))
    one.press("e")
    curves = one.root.locator(".gg-plot:visible .gg-curve").evaluate_all(
        "all => all.map(curve => curve.getAttribute('d'))"
    )
    assert curves
    assert not any("NaN" in curve or "Infinity" in curve for curve in curves)


def test_a_plot_reaches_from_the_least_to_the_largest_float(new_page: Pages) -> None:
    one = document(new_page, backprop(Expression("o = 1.7e308 * tanh(x)").value({"x": 0.0})))
    one.press("e")
    size = one.root.get_by_label("Size of the nudge")
    size.fill("1")
    plot = one.root.locator(".gg-plot").first
    height = float(plot.get_attribute("viewBox").split()[-1])
    curve = plot.locator(".gg-curve").get_attribute("d")
    heights = [float(spot.split()[1]) for spot in curve.replace("M", "L").split("L")[1:]]
    assert (max(heights), min(heights)) == (height - 10, 10)
    assert heights == sorted(heights, reverse=True)


@pytest.mark.parametrize("large", ["Infinity", "-Infinity", "1.7e308"])
def test_there_is_no_map_beyond_the_largest_float(large: str, new_page: Pages) -> None:
    x, z = of(2.0), Value(1.0, label="z")
    one = document(new_page, backprop(x * z + x))
    one.press("e")
    said, canvas = one.root.locator(".gg-mapped p"), one.root.locator(".gg-map")
    canvas.wait_for()
    one.root.evaluate("(root, x) => root.stage.set('z', Number(x))", large)
    canvas.wait_for(state="hidden")
    assert said.text_content() == "No map: a number is too large or not finite."
    one.stage("set", "z", 3.0)
    canvas.wait_for()
    assert "x and z: from 1.76 (faint) to 18.56 (strong)." in said.text_content()
    upward = one.root.locator(".gg-upward span")
    assert upward.all_text_contents() == ["4.8", "z", "1.2"]


def test_a_map_without_a_finite_result_says_so(new_page: Pages) -> None:
    x, z = of(2.0), Value(1.0, label="z")
    one = document(new_page, backprop(engine.log(-(x * x) - z * z - 1.0 + 50.0)))
    one.press("e")
    one.stage("set", "x", 100.0)
    one.root.locator(".gg-mapped p", has_text="nowhere finite").wait_for()
