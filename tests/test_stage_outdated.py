"""Numbers that were changed after the graph was computed: the page and the widget say so."""

from collections.abc import Callable

import pytest
from browsing import Pages
from stepping import document

from glassgrad import Value, backprop


def changed_value() -> Value:
    x = Value(2.0, label="x")
    y = x * 3
    y.label = "y"
    x.data = 5.0
    return y


def changed_slope() -> Value:
    """The product is the same, its local derivatives are not."""
    x, w = Value(2.0, label="x"), Value(3.0, label="w")
    y = x * w
    y.label = "y"
    x.data, w.data = 3.0, 2.0
    return y


@pytest.mark.parametrize("build", [changed_value, changed_slope], ids=lambda b: b.__name__)
def test_the_page_tells_of_outdated_numbers(new_page: Pages, build: Callable[[], Value]) -> None:
    steps = backprop(build())
    one = document(new_page, steps, viewport={"width": 360, "height": 640})
    alarm = one.root.locator(".gg-alarm:not(.gg-broken)")
    assert alarm.inner_text() == steps.diagram.outdated_note()
    assert "y was computed before its operands had these numbers" in alarm.inner_text()
    assert alarm.is_visible()
    notes = one.root.locator(".gg-note").all_inner_texts()
    assert any("no longer follow from each other" in note for note in notes)
    assert not one.root.locator(".gg-handle").count()  # nothing is computed from stale numbers


@pytest.mark.needs("anywidget")
def test_the_widget_tells_of_it_too() -> None:
    steps = backprop(changed_slope())
    assert steps.diagram.outdated_note() in steps.widget().html


def test_a_graph_that_is_up_to_date_says_nothing(new_page: Pages) -> None:
    one = document(new_page, backprop(Value(2.0, label="x") * 3.0))
    assert not one.root.locator(".gg-alarm:not(.gg-broken)").count()
