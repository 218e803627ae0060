"""The textbook's derivatives, which people are shown, equal those that are computed."""

import numpy as np
import pytest

from glassgrad import TABLE, Formula, Operation, Reduction, derivative_formula

ROWS = [
    pytest.param(row, id=name)
    for name, row in TABLE.items()
    if row.textbook is not row.rules and not isinstance(row, Reduction)
]


@pytest.mark.parametrize("row", ROWS)
def test_the_textbook_and_the_engine_agree(row: Operation) -> None:
    random = np.random.default_rng(1)
    assert len(row.textbook) == len(row.rules)
    for _ in range(200):
        point = [float(random.uniform(low, high)) for low, high in row.domain]
        result = row.forward(tuple(point))
        for rule, shown in zip(row.rules, row.textbook, strict=True):
            exact = rule(*point, result) if callable(rule) else rule
            assert callable(shown)
            assert shown(*point, result) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "position", "text"),
    [
        ("tanh", 0, "1 - tanh(x) ** 2"),
        ("sigmoid", 0, "sigmoid(x) * (1 - sigmoid(x))"),
        ("div", 1, "-x / w ** 2"),
        ("pow", 0, "w * x ** (w - 1)"),
        ("pow", 1, "x ** w * log(x)"),
        ("atan", 0, "1 / (1 + x ** 2)"),
        ("asin", 0, "1 / sqrt(1 - x ** 2)"),
        ("hypot", 0, "x / hypot(x, w)"),
    ],
)
def test_what_people_are_shown(name: str, position: int, text: str) -> None:
    operands = [Formula.symbol(letter) for letter in "xw"[: TABLE[name].arity]]
    assert str(derivative_formula(TABLE[name], operands, position)) == text


def test_choices_show_what_was_chosen() -> None:
    x, w = Formula.symbol("x", 2.0), Formula.symbol("w", -1.0)
    shown = [
        str(derivative_formula(TABLE[name], operands, position))
        for name, operands, position in (
            ("relu", [x], 0),
            ("relu", [w], 0),
            ("leaky_relu", [w, Formula.literal(0.1)], 0),
            ("elu", [w, Formula.literal(1.0)], 0),
        )
    ]
    assert shown == ["1", "0", "0.1", "exp(w)"]
