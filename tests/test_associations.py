"""Spreading activation: what flows in each step by hand, and how it shows."""

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
