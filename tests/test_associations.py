"""Spreading activation: what flows in each step by hand, and how it shows."""

from typing import Any

import pytest

from glassgrad import Associations

COFFEE = {
    "coffee": {"friends": 0.8, "morning": 0.6},
    "friends": {"party": 0.5},
    "morning": {"sun": 0.9, "party": 0.1},
    "party": {"coffee": 0.7},
}


def test_activation_spreads_as_on_paper() -> None:
    spread = Associations(COFFEE, decay=0.5, threshold=0.05).spread("coffee", steps=2)
    assert spread[0] == {"coffee": 1.0, "friends": 0.0, "morning": 0.0, "party": 0.0, "sun": 0.0}
    assert spread[1]["friends"] == pytest.approx(1.0 * 0.8 * 0.5)
    assert spread[1]["morning"] == pytest.approx(1.0 * 0.6 * 0.5)
    assert spread[2]["party"] == pytest.approx(0.4 * 0.5 * 0.5 + 0.3 * 0.1 * 0.5)
    assert spread[2]["sun"] == pytest.approx(0.3 * 0.9 * 0.5)
    assert spread.flows[1] == {
        ("coffee", "friends"): pytest.approx(0.4),
        ("coffee", "morning"): pytest.approx(0.3),
    }
    assert spread.flows[0] == {}


def test_each_idea_fires_once_so_that_circles_come_to_rest() -> None:
    spread = Associations(COFFEE, decay=1.0, threshold=0.0).spread("coffee", steps=9)
    senders = [sender for flow in spread.flows for sender, _ in flow]
    assert sorted(senders) == sorted(sender for sender, ends in COFFEE.items() for _ in ends)
    assert spread.flows[-1] == {}
    assert spread[-1] == spread[5]
    assert all(0.0 <= activation <= 1.0 for row in spread for activation in row.values())


def test_below_the_threshold_nothing_is_sent_on_until_enough_has_come() -> None:
    links = {"a": {"c": 0.4}, "b": {"d": 1.0}, "d": {"c": 0.5}, "c": {"e": 1.0}}
    spread = Associations(links, decay=1.0, threshold=0.6).spread({"a": 1.0, "b": 1.0}, steps=4)
    assert spread[1] == {"a": 1.0, "c": 0.4, "b": 1.0, "d": 1.0, "e": 0.0}
    assert spread[2]["c"] == pytest.approx(0.9)
    assert ("c", "e") not in spread.flows[2]
    assert spread.flows[3] == {("c", "e"): pytest.approx(0.9)}
    assert Associations(links, threshold=0.6).spread({"a": 0.5})[-1]["c"] == 0.0


def test_nothing_is_corrected() -> None:
    mind = Associations(COFFEE)
    before = mind.links
    mind.spread("coffee", steps=5)
    mind.links["coffee", "friends"] = 0.0
    assert mind.links == before
    assert "Nothing is corrected: links have no gradient" in repr(mind)
    assert "Nothing is corrected" in mind.spread("coffee")._repr_html_()


def test_a_spread_shows_every_step() -> None:
    spread = Associations(COFFEE).spread("coffee", steps=2)
    assert repr(spread).splitlines() == [
        "idea     start  step 1  step 2",
        "coffee   1      1       1",
        "friends  0      0.4     0.4",
        "morning  0      0.3     0.3",
        "party    0      0       0.115",
        "sun      0      0       0.135",
    ]
    page = spread._repr_html_()
    assert page.count("<img") == 3
    assert page.count("<tr>") == 6
    assert "<p>start: coffee is active</p>" in page
    assert "<p>step 2: friends sends to party 0.1" in page
    assert "<p>step 1: nothing flows</p>" in (
        Associations({"a": {"b": 0.0}}).spread("b", steps=1)._repr_html_()
    )


def test_the_drawing_fills_by_activation_widens_by_weight_and_marks_what_flows() -> None:
    spread = Associations(COFFEE).spread("coffee", steps=2)
    lines = spread._dot(1).splitlines()
    (coffee,) = [line for line in lines if ">coffee<" in line]
    (sun,) = [line for line in lines if ">sun<" in line]
    assert 'fillcolor="#0069A86e"' in coffee
    assert 'fillcolor="#0069A800"' in sun
    strong, weak = (
        next(x for x in lines if f"{a} -> {b}" in x) for a, b in (("i0", "i1"), ("i2", "i3"))
    )
    assert "penwidth=3.70" in strong
    assert "penwidth=0.90" in weak
    assert ">+0.4<" in strong
    assert ">0.1<" in weak
    assert 'color="#0069A8" penwidth' in spread._dot(1)
    assert 'color="#0069A8" penwidth' not in spread._dot(0)


def test_names_are_data() -> None:
    mind = Associations({'<script>"': {"\\N": 0.5, "]]>": 1.0}, "a\nb": {"\\N": 1.0}})
    page = mind.spread('<script>"')._repr_html_()
    assert "<script" not in page
    assert "a␊b" in repr(mind.spread("a\nb"))


@pytest.mark.parametrize(
    ("links", "options", "error", "said"),
    [
        ("coffee", {}, TypeError, "links is a dict with a dict for each idea, not str 'coffee'"),
        ({"a": ["b"]}, {}, TypeError, "the links of a is a dict with a weight for each, not list"),
        ({"a": {"b": "1"}}, {}, TypeError, "the weight of a → b takes a real number, not str"),
        ({"a": {"b": True}}, {}, TypeError, "from 0 to 1, not True"),
        ({"a": {"b": 1.5}}, {}, ValueError, "the weight of a → b is a number from 0 to 1, not 1.5"),
        ({"a": {"b": float("nan")}}, {}, ValueError, "from 0 to 1, not nan"),
        ({1: {"b": 1.0}}, {}, TypeError, "^links names each idea by a text, not int 1"),
        ({"a": {"": 1.0}}, {}, TypeError, "names each idea by a text"),
        ({"a": {}}, {}, ValueError, "at least one link"),
        ({"a": {"b": 1.0}}, {"decay": 2}, ValueError, "decay is a number from 0 to 1, not 2"),
        ({"a": {"b": 1.0}}, {"threshold": None}, TypeError, "threshold takes a real number"),
    ],
)
def test_wrong_links_are_refused(
    links: Any, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        Associations(links, **options)


@pytest.mark.parametrize(
    ("start", "steps", "error", "said"),
    [
        ("cofee", 3, ValueError, "There is no idea 'cofee' in these associations. Did you mean co"),
        (["coffee"], 3, TypeError, "start is a dict with an activation for each idea, not list"),
        ({"coffee": -1.0}, 3, ValueError, "the activation of coffee is a number from 0 to 1"),
        ("coffee", 0, ValueError, "steps is at least 1"),
        ("coffee", 1.5, TypeError, "steps is a whole number"),
    ],
)
def test_wrong_starts_are_refused(
    start: Any, steps: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        Associations(COFFEE).spread(start, steps)
