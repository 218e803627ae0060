"""Exercises that check themselves: what is right, where a wrong answer goes wrong, what is hidden.

Wrong numbers are computed here on paper or by other code, on the lecture's neuron, on a neuron with
a loss, on diamonds and on random graphs. No verdict on a graph may hold the right number.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
from lecture import lecture_neuron

import glassgrad
from glassgrad import Value, check, topological_order


def leaf(y: Value, label: str) -> Value:
    return next(node for node in topological_order(y) if node.label == label)


# What is right.


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (0.41997434161402614, True), (0.42, True), (0.41997, True), (0.419974342, True),
        (np.float32(0.42), True), (Fraction(42, 100), True), (np.array(0.42), True),
        (0.4, False), (0.41, False), (0.43, False), (0.421, False), (-0.42, False), (0, False),
        (math.nan, False), (math.inf, False),
    ],
)  # fmt: skip
def test_a_number_is_right_to_the_digits_that_were_typed(answer: float, right: bool) -> None:
    x = Value(math.atanh(math.sqrt(1 - 0.41997434161402614)), label="x")
    assert bool(check(answer, of=x.tanh(), by=x)) is right
    assert bool(check(answer, of=0.41997434161402614)) is right


@pytest.mark.parametrize(
    ("answer", "of", "right"),
    [
        (6, 6.04, True), (1200, 1234, False), (1234, 1234.4, True), (1.0, 0.96, False),
        (10, 9.96, True), (99, 100.4, False), (100, 101, False), (6.02e23, 6.02214e23, True),
        (6.03e23, 6.02214e23, False), (0, 0.0, True), (0, 0.003, False), (0.003, 0.0, False),
        (math.inf, math.inf, True), (-math.inf, math.inf, False), (math.nan, math.nan, True),
        (0.13, 0.125, True), (0.12, 0.125, True), (5e-324, 5e-324, True), (1e308, -1e308, False),
        (10**20, 10.0**20, True), (0.5, 0.4997, True),
    ],
)  # fmt: skip
def test_facts_are_compared_as_answers_are(answer: float, of: float, right: bool) -> None:
    assert bool(check(answer, of=of)) is right


def test_too_few_digits_are_asked_to_be_more_and_cut_off_ones_to_be_rounded() -> None:
    assert repr(check(0.4, of=0.41997)) == "Not yet. That is near: more digits, please."
    cut = "Not yet. The last digit is cut off where it is to be rounded."
    assert repr(check(0.4199, of=0.41997)) == cut
    assert "cut off" not in repr(check(100, of=101))
    assert "near" not in repr(check(1, of=3))


def test_rounding_errors_count_as_nothing() -> None:
    x = Value(1.0, label="x")
    y = glassgrad.sum([x * share for share in (0.1, 0.2, 0.3, -0.6)])
    assert check(0, of=y, by=x)
    assert check(0, of=y)
    assert not check(1e-9, of=y, by=x)


def test_the_value_and_every_derivative_of_the_lecture_are_right() -> None:
    o = lecture_neuron()
    assert check(0.7071, of=o)
    for label, gradient in {"x1": -1.5, "w1": 1.0, "x2": 0.5, "w2": 0.0, "b": 0.5}.items():
        assert check(gradient, of=o, by=leaf(o, label))
    assert check(1, of=o, by=o)
    assert all(node.grad is glassgrad.NOT_COMPUTED for node in topological_order(o))
