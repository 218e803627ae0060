"""The state of a page goes from the browser to Python and back."""

import json
from typing import Any

import numpy as np
import pytest
from browsing import Pages
from lecture import lecture_neuron
from stepping import Stepper, document, fragment, lecture, network, recurrence, shared

from glassgrad import MLP, Backprop, Value, backprop, compiled, engine


@pytest.mark.parametrize("build", [lecture, network])
def test_a_page_opens_where_another_was(build: Any, new_page: Pages) -> None:
    one = document(new_page, build(), viewport={"width": 1280, "height": 720})
    leaf = next(n.name for n in one.steps.diagram if n.operation is None and not n.is_constant)
    one.stage("set", leaf, 0.75)
    one.press("n", "w", "End", "ArrowLeft", "-")
    found, numbers = one.stage("state"), one.numbers()
    steps = build()
    steps.state = json.loads(json.dumps(found))
    assert steps.state == found | {
        "numbers": {n: repr(float(x)) for n, x in found["numbers"].items()}
    }
    again = document(new_page, steps, viewport={"width": 1280, "height": 720})
    assert again.stage("state") == found
    assert again.numbers() == numbers


def test_a_page_inside_another_opens_there_too_and_leaves_the_focus(new_page: Pages) -> None:
    steps = network()
    steps.state = {"step": 7}
    one = fragment(new_page, steps, viewport={"width": 1280, "height": 720})
    assert (one.stage("level"), one.stage("index")) == ("scalars", 7)
    assert one.focused() == "BODY"


def test_python_gives_all_of_the_state() -> None:
    steps = lecture()
    start = {"level": None, "step": 0, "numbers": {}, "rate": 0.1, "drawer": None, "view": None}
    assert steps.state == steps.to_dict()["state"] == start
    steps.state = {"step": -1, "numbers": {"x1": float("inf"), "b": "-0.0"}, "rate": None}
    given = {"level": "scalars", "step": len(steps) - 1, "rate": None}
    assert steps.state == start | given | {"numbers": {"x1": "inf", "b": "-0.0"}}
    assert json.loads(steps.to_json())["state"] == steps.state
    steps.state = {"view": {"x": np.float32(1), "y": 0, "scale": 2}}
    assert json.loads(steps.to_json())["state"]["view"] == {"x": 1.0, "y": 0.0, "scale": 2.0}
    steps.state["step"] = 3  # a copy
    assert steps.state["step"] == 0


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"stpe": 1}, "no stpe. Did you mean step?"),
        ({"step": 99}, "There is no step 99. Choose one from 0 to 19"),
        ({"step": 1.5}, "step is a whole number, not float 1.5"),
        ({"numbers": {"x": 1.0}}, "x is no leaf"),
        ({"numbers": {"v1": 1.0}}, "v1 is no leaf"),
        ({"numbers": {"x1": "one"}}, "x1 gets a number, not 'one'"),
        ({"numbers": [1.0]}, "numbers gives leaves new ones by name"),
        ({"rate": float("inf")}, "as it was, not inf"),
        ({"rate": -0.5}, "for an update of the same way as it was, not -0.5"),
        ({"drawer": "left"}, "drawer is one of table, words"),
        ({"level": 2}, "no level 2. It has 'scalars'"),
        ({"level": "netwrk"}, "no level 'netwrk'. It has 'scalars'"),
        ({"view": 1}, "view is a dict with x, y and scale, not int 1"),
        ({"view": {"x": float("nan"), "y": 0, "scale": 1}}, "view has finite numbers and a scale"),
        ({"view": {"x": 0, "y": 0, "scale": 0}}, "a scale above 0, not {'x': 0.0"),
        ({"view": {"x": Value(1.0), "y": 0, "scale": 1}}, "x of the view takes a real number"),
        ({"stp": 1}, "and no stp. Did you mean step?"),
        ({"numbers": {"x1": 2.0, "v1": 2.0}}, "v1 is no leaf whose number can be changed"),
        ({"numbers": {"x1": 10**400}}, "x1 got a number with no float near it"),
        ({"rate": 10**400}, "rate got a number with no float near it"),
        ({"rate": float("nan")}, "rate is a finite number, for an update of the same way"),
        ({"rate": "a"}, "rate takes a real number, not str 'a'"),
        ({"view": {"x": 10**400, "y": 0, "scale": 1}}, "x of the view got a number with no float"),
        ({"view": {"x": 0, "y": 0}}, "view is a dict with x, y and scale, not dict {'x': 0"),
        ([1], "state is a dict such as {'step': 2}"),
    ],
)
def test_what_is_no_state_is_refused_in_a_sentence(state: Any, says: str) -> None:
    steps = lecture()
    before = steps.state
    with pytest.raises((TypeError, ValueError, OverflowError)) as caught:
        steps.state = state
    assert says in str(caught.value)
    assert steps.state == before


def test_a_page_that_does_not_compute_takes_no_new_numbers() -> None:
    x = Value(1.0, label="x")
    steps = backprop(compiled(lambda x: x * 2.0)(x))
    with pytest.raises(ValueError, match="is compiled, and its array program runs in Python"):
        steps.state = {"numbers": {"x": 2.0}}


def test_a_rate_moves_the_same_way_as_the_update() -> None:
    up = backprop(lecture_neuron(), learning_rate=-0.5)
    up.state = {"rate": -2.0}
    assert up.state["rate"] == -2.0
    with pytest.raises(ValueError, match=r"update of the same way as it was, not 2\.0"):
        up.state = {"rate": 2.0}
    some = backprop(y := lecture_neuron(), parameters=[y.parents[0].parents[1]])
    some.state = {"rate": 0.5}
    assert some.state["rate"] == 0.5


def test_a_rate_that_moves_nothing_is_refused(new_page: Pages) -> None:
    steps = backprop(lecture_neuron())
    with pytest.raises(ValueError, match=r"A rate of 0\.5 moves nothing in steps without"):
        steps.state = {"rate": 0.5}
    one = document(new_page, steps)
    one.stage("restore", {"rate": 0.5})  # as an address may have it
    assert one.stage("state")["rate"] is None


def many() -> Backprop:
    return backprop(engine.sum([Value(float(i), label=f"x{i}") for i in range(20)]))


@pytest.mark.parametrize(
    ("build", "level"), [(lecture, "repeats"), (many, "repeats"), (network, "repeats")]
)
def test_a_level_that_the_page_has_not_is_refused(build: Any, level: str) -> None:
    """Also where something is folded, but nothing repeats; or where a network is seen instead."""
    steps = build()
    with pytest.raises(ValueError, match=f"The page has no level '{level}'. It has 'scalars'"):
        steps.state = {"level": level}


def test_a_level_that_is_none_is_answered_with_what_repeats_too() -> None:
    with pytest.raises(ValueError, match=r"no level 'repeat'\. It has 'scalars', 'repeats'"):
        recurrence().state = {"level": "repeat"}


def test_the_level_of_what_repeats_opens(new_page: Pages) -> None:
    steps = recurrence()
    steps.state = {"level": "repeats", "step": 3}
    one = document(new_page, steps)
    assert (one.stage("level"), one.stage("index")) == ("repeats", 3)


def test_save_opens_a_page_at_a_step(tmp_path: Any, new_page: Pages) -> None:
    steps = shared()
    steps.state = {"numbers": {"x": 0.5}}
    text = steps.save(tmp_path / "s.html", step=4).read_text("utf-8")
    one = Stepper(new_page.show(text).locator(".glassgrad-stage"), steps)
    assert one.stage("index") == 4
    assert one.numbers()["x"]["value"] == 0.5
    assert steps.state["step"] == 0


@pytest.mark.needs("anywidget")
def test_a_widget_begins_at_the_step_of_the_state() -> None:
    steps = backprop(Value(3.0, label="x") * 2.0)
    steps.state = {"step": 2}
    widget = steps.widget()
    assert widget.index == 2
    assert '"state":' in widget.html


def alone() -> Backprop:
    """A network without a loss, or an update."""
    return backprop(MLP(2, [3, 1], seed=0)([1.0, -2.0]))


def some_move() -> Backprop:
    """Of two layers the first has no parameter that moves, and an input moves too."""
    net, x = MLP(2, [3, 1], seed=0), Value(1.0, label="x")
    loss = net([x, -2.0]) ** 2
    return backprop(loss, learning_rate=0.1, parameters=[x, *net.layers[1].parameters()])


def two_networks() -> Backprop:
    return backprop(MLP(2, [3, 1], seed=0)([1.0, -2.0]) + MLP(2, [3, 1], seed=1)([2.0, 1.0]))


@pytest.mark.parametrize("build", [network, alone, some_move])
@pytest.mark.parametrize("level", ["network", "layer 1, neuron 2"])
def test_a_page_opens_on_a_level_and_stops_at_its_last_step(
    build: Any, level: str, new_page: Pages
) -> None:
    steps = build()
    steps.state = {"level": level, "step": 999}
    one = document(new_page, steps)
    assert one.stage("level") == level
    assert one.stage("index") == one.stage("count") - 1
    with pytest.raises(ValueError, match="step is at least 0"):
        steps.state = {"level": level, "step": -1}


@pytest.mark.parametrize("build", [lecture, two_networks])
def test_without_a_network_there_is_no_level_of_it(build: Any, new_page: Pages) -> None:
    steps = build()
    for level in ("network", "layer 1, neuron 1"):
        with pytest.raises(ValueError, match=f"no level '{level}'. It has 'scalars'"):
            steps.state = {"level": level}
    assert not document(new_page, steps).root.locator(".gg-network").count()


def test_a_neuron_that_a_network_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="'scalars', 'network', 'layer 1, neuron 1', "):
        network().state = {"level": "layer 1, neuron 5"}
