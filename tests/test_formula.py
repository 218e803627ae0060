r"""Formulas: bracketed so that they compute what they say, and safe whatever a name contains."""

import math
import random
import re
from collections.abc import Callable

import numpy as np
import pytest

from glassgrad import TABLE, Formula, Operation, derivative_formula, engine
from glassgrad.engine.formula import printed
from glassgrad.engine.op import Notation
from glassgrad.engine.printers import (
    JAVASCRIPT,
    LATEX,
    NUMPY,
    PYTHON,
    TEXT,
    Printer,
    latex_name,
    number_text,
)

a, b, c = map(Formula.symbol, "abc")


@pytest.mark.parametrize(
    ("formula", "text", "latex"),
    [
        (a + b, "a + b", "a + b"),
        (a - (b - c), "a - (b - c)", r"a - \left(b - c\right)"),
        ((a - b) - c, "a - b - c", "a - b - c"),
        (a + (b + c), "a + (b + c)", r"a + \left(b + c\right)"),
        ((a + b) * c, "(a + b) * c", r"\left(a + b\right) \cdot c"),
        (a * b + c, "a * b + c", r"a \cdot b + c"),
        (a / (b / c), "a / (b / c)", r"\frac{a}{\frac{b}{c}}"),
        (a / (b + c), "a / (b + c)", r"\frac{a}{b + c}"),
        ((a + b) ** 2, "(a + b) ** 2", r"{\left(a + b\right)}^{2}"),
        ((a**b) ** c, "(a ** b) ** c", r"{\left({a}^{b}\right)}^{c}"),
        (a ** (b**c), "a ** b ** c", "{a}^{{b}^{c}}"),
        (a ** (b + c), "a ** (b + c)", "{a}^{b + c}"),
        ((-a) ** 2, "(-a) ** 2", r"{\left(-a\right)}^{2}"),
        (-(a**2), "-a ** 2", "-{a}^{2}"),
        (-(a + b), "-(a + b)", r"-\left(a + b\right)"),
        (engine.neg(-a), "-(-a)", r"-\left(-a\right)"),
        (2 * a, "2 * a", r"2 \cdot a"),
        (2 - a, "2 - a", "2 - a"),
        (2**a, "2 ** a", "{2}^{a}"),
        (a**-2, "a ** (-2)", "{a}^{-2}"),
        (abs(a - b), "abs(a - b)", r"\left|a - b\right|"),
        (engine.tanh(a + b), "tanh(a + b)", r"\tanh(a + b)"),
        (engine.sqrt(a), "sqrt(a)", r"\sqrt{a}"),
        (engine.maximum(a, 0.0), "maximum(a, 0)", r"\max(a, 0)"),
        (engine.sum([a, b]), "sum(a, b)", r"\sum(a, b)"),
        (
            engine.dot([a, b], [c, 2.0]),
            "dot([a, b], [c, 2])",
            r"\operatorname{dot}([a, b], [c, 2])",
        ),
    ],
    ids=str,
)
def test_notation(formula: Formula, text: str, latex: str) -> None:
    assert (formula.text, formula.latex) == (text, latex)
    assert str(formula) == text
    assert repr(formula) == f"Formula({text!r})"


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (a * 1.0, "a"),
        (1.0 * a, "a"),
        (-1.0 * a, "-a"),
        (a**1.0, "a"),
        (Formula.literal(2.0) * 3.0, "6"),
        (engine.exp(Formula.literal(0.0)) + a, "1 + a"),
        (engine.where(Formula.literal(1.0), a, b), "a"),
        (engine.where(Formula.literal(0.0), a, b), "b"),
    ],
)
def test_what_a_person_would_not_write_is_left_out(formula: Formula, text: str) -> None:
    assert formula.text == text


def test_no_derivative_is_no_formula() -> None:
    assert derivative_formula(TABLE["sign"], [a], 0) is None


def own(name: str, *rules: object, textbook: tuple = (), value: Callable = math.tanh) -> Operation:
    """An operation of a user."""
    return Operation(
        name,
        "One of a user.",
        scalar=value,
        array=np.vectorize(value, otypes=[float]),
        rules=rules,
        textbook=textbook,
        notation=Notation(f"{name}(%s)", rf"\operatorname{{{name}}}(%s)", 9),
        domain=((-3.0, 3.0),) * len(rules),
    )


def test_people_are_shown_the_derivative_of_the_textbook() -> None:
    row = own("th", lambda x, y: engine.sech(x) ** 2, textbook=(lambda x, y: 1.0 - y**2,))
    shown, exact = (derivative_formula(row, [a], 0, exact=exact) for exact in (False, True))
    assert (shown.text, shown.latex) == ("1 - th(a) ** 2", r"1 - {\operatorname{th}(a)}^{2}")
    assert exact.text == "sech(a) ** 2"


def test_a_rule_that_is_no_formula_says_so() -> None:
    with pytest.raises(TypeError):
        derivative_formula(own("th", lambda x, y: math.cosh(x) ** -2), [a], 0)
    with pytest.raises(
        TypeError, match=r"Whether a is smaller, equal or larger is not known.*where"
    ):
        derivative_formula(own("th", lambda x, y: 1.0 if x > 0.0 else 0.0), [a], 0)
    with pytest.raises(TypeError, match="Whether a is smaller"):
        derivative_formula(own("th", lambda x, y: 0.0 if x == 0.0 else 1.0), [a], 0)
    with pytest.raises(TypeError, match="Whether a is true is not known"):
        derivative_formula(own("th", lambda x, y: 1.0 if x else 0.0), [a], 0)


# What is known of a symbol decides.


def test_a_known_number_decides_what_is_chosen() -> None:
    x, z = Formula.symbol("x", 3.0), Formula.symbol("z", -2.0)
    assert engine.where(x, a, b).text == "a"
    assert engine.where(engine.step(z), a, b).text == "b"
    assert engine.where(x + z - 1.0, a, b).text == "b"
    assert engine.where(Formula.symbol("n", math.nan), a, b).text == "a"
    assert derivative_formula(TABLE["pow"], [x, z], 0).text == "z * x ** (z - 1)"
    assert derivative_formula(TABLE["where"], [x, a, b], 1).text == "1"


def test_a_formula_compares_by_what_is_known() -> None:
    x, z = Formula.symbol("x", 3.0), Formula.symbol("z", -2.0)
    assert x > z
    assert x >= 3
    assert z < 0.0
    assert x != z
    assert x == 3.0
    assert x * z == -6.0
    assert x
    assert not x - 3.0
    assert x != "x"
    assert derivative_formula(own("bent", lambda x, y: 2.0 if x > 0 else 1.0), [x], 0).text == "2"


# Languages.


@pytest.mark.parametrize(
    ("formula", "python", "numpy", "javascript"),
    [
        (a - (b - c), "a - (b - c)", "a - (b - c)", "a - (b - c)"),
        (engine.neg(-a) * 2.0, "-(-a) * 2.0", "-(-a) * 2", "-(-a) * 2"),
        (a - -b, "a - -b", "a - -b", "a - -b"),
        (a**2, "pow(a, 2.0)", "a ** 2", "pow(a, 2)"),
        (a**0.5, "pow(a, 0.5)", "pow(a, 0.5)", "pow(a, 0.5)"),
        (a**-2, "pow(a, -2.0)", "pow(a, -2)", "pow(a, -2)"),
        (-((a + b) ** 3), "-pow(a + b, 3.0)", "-(a + b) ** 3", "-pow(a + b, 3)"),
        (a + math.inf, "a + inf", "a + inf", "a + Infinity"),
        (a * -math.inf, "a * -inf", "a * -inf", "a * -Infinity"),
        (a + 1e-05, "a + 1e-05", "a + 1e-05", "a + 1e-05"),
        (a - math.nan, "a - nan", "a - nan", "a - NaN"),
        (engine.tanh(a), "tanh(a)", "tanh(a)", "Math.tanh(a)"),
        (engine.erf(a), "erf(a)", "erf(a)", "erf(a)"),
        (engine.hypot(a, b), "hypot(a, b)", "hypot(a, b)", "Math.hypot(a, b)"),
        (
            engine.where(a, b, engine.where(b, a, 0.0)) + 1.0,
            "(b if a else a if b else 0.0) + 1.0",
            "where(a, b, where(b, a, 0)) + 1",
            "(a != 0 ? b : b != 0 ? a : 0) + 1",
        ),
        (
            engine.where(engine.where(a, b, c), a, b),
            "a if (b if a else c) else b",
            "where(where(a, b, c), a, b)",
            "(a != 0 ? b : c) != 0 ? a : b",
        ),
        (engine.relu(a + b), "0.0 if a + b < 0.0 else a + b", "relu(a + b)", "relu(a + b)"),
        (engine.mean([a, b]), "mean(a, b)", "mean(a, b)", "mean(a, b)"),
    ],
    ids=str,
)
def test_languages(formula: Formula, python: str, numpy: str, javascript: str) -> None:
    found = [printed(formula, printer) for printer in (PYTHON, NUMPY, JAVASCRIPT)]
    assert found == [python, numpy, javascript]


@pytest.mark.parametrize("printer", [TEXT, LATEX, PYTHON, NUMPY, JAVASCRIPT])
def test_a_formula_may_be_of_any_depth(printer: Printer) -> None:
    left = right = a
    for _ in range(5_000):
        left, right = left + b, b - right
    assert printed(left, printer).count("b") == printed(right, printer).count("b") == 5_000


def test_a_part_may_have_a_name() -> None:
    part = a + b
    assert printed(part * part, PYTHON, {id(part): "t0"}) == "t0 * t0"
    assert printed(part, PYTHON, {id(part): "t0"}) == "t0"


# Random formulas compute the same as text and directly.

BINARY: list[Callable] = [
    lambda x, y: x + y,
    lambda x, y: x - y,
    lambda x, y: x * y,
    lambda x, y: x / y,
    lambda x, y: engine.pow(abs(x) + 0.5, y),
    engine.maximum,
    engine.hypot,
]
UNARY: list[Callable] = [
    lambda x: -x,
    lambda x: +x,
    abs,
    engine.tanh,
    engine.softplus,
    lambda x: x**2,
    lambda x: (-x) ** 3,
    lambda x: 2.5 - x,
    lambda x: engine.sum([x, 1.5, x]),
]
NUMBERS = {"a": 0.7, "b": -1.3, "c": 2.1}


def random_formula(generator: random.Random, depth: int) -> tuple[Formula, float]:
    """The same random expression as a formula and as a number."""
    if depth == 0:
        name = generator.choice("abc2")
        return (
            (Formula.literal(-2.0), -2.0) if name == "2" else (Formula.symbol(name), NUMBERS[name])
        )
    if generator.random() < 0.3:
        function = generator.choice(UNARY)
        formula, number = random_formula(generator, depth - 1)
        return function(formula), function(number)
    function = generator.choice(BINARY)
    left, x = random_formula(generator, depth - 1)
    right, y = random_formula(generator, generator.randrange(depth))
    try:
        return function(left, right), function(x, y)
    except ArithmeticError:  # a number beyond floats; the left part alone will do
        return left, x


NAMES = {**vars(engine), **NUMBERS, "inf": math.inf, "nan": math.nan}


FUNCTIONS = {row.name: row.scalar for row in TABLE.values()}


@pytest.mark.parametrize("depth", range(1, 7))
def test_a_random_formula_computes_the_same_as_text_and_as_python(depth: int) -> None:
    for seed in range(50):
        formula, number = random_formula(random.Random(f"{depth}-{seed}"), depth)
        text, latex = formula.text, formula.latex
        assert eval(text, dict(NAMES)) == pytest.approx(number, rel=1e-12, nan_ok=True), text
        assert latex.count("{") == latex.count("}"), latex
        assert latex.count(r"\left") == latex.count(r"\right"), latex
        python = printed(formula, PYTHON)
        try:
            found = eval(python, FUNCTIONS | NUMBERS | {"inf": math.inf, "nan": math.nan})
        except ArithmeticError:  # a hard place, where the engine asks numpy
            continue
        assert found == number or (math.isnan(found) and math.isnan(number)), python


# Numbers.


@pytest.mark.parametrize(
    ("number", "text", "latex"),
    [
        (2.0, "2", "2"),
        (-2.0, "-2", "-2"),
        (0.1, "0.1", "0.1"),
        (-0.0, "-0", "-0"),
        (1e-05, "1e-05", r"1 \cdot 10^{-5}"),
        (1.5e300, "1.5e+300", r"1.5 \cdot 10^{300}"),
        (math.inf, "inf", r"\infty"),
        (-math.inf, "-inf", r"-\infty"),
        (math.nan, "nan", r"\mathrm{nan}"),
    ],
)
def test_literals(number: float, text: str, latex: str) -> None:
    formula = Formula.literal(number)
    assert (formula.text, formula.latex) == (text, latex)
    assert float(number_text(number)) == pytest.approx(number, rel=0.0, nan_ok=True)


def test_a_number_in_powers_of_ten_is_bracketed_as_a_base() -> None:
    assert (Formula.literal(1e-05) ** a).latex == r"{\left(1 \cdot 10^{-5}\right)}^{a}"
    assert (Formula.literal(1e-05) ** a).text == "(1e-05) ** a"


@pytest.mark.parametrize("thing", [None, "x", 1j, [1.0]])
def test_what_is_no_formula_is_refused(thing: object) -> None:
    with pytest.raises(TypeError):
        a + thing


# Names are data, not markup.


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("w1", "w_{1}"),
        ("w12", "w_{12}"),
        ("alpha", r"\alpha"),
        ("sigma2", r"\sigma_{2}"),
        ("loss", r"\text{loss}"),
        ("w_1", "w_{1}"),
        ("w0_3", "w_{0,3}"),
        ("w1_0_3", "w_{1,0,3}"),
        ("w_coffee", r"\text{w\_coffee}"),
        ("w__1", r"\text{w\_\_1}"),
        ("50%", r"\text{50\%}"),
        ("a b", r"\text{a b}"),
        ("", r"\text{}"),
        ("7", r"\text{7}"),
        ("ä", r"\text{ä}"),
    ],
)
def test_names_in_latex(name: str, latex: str) -> None:
    assert latex_name(name) == latex


HOSTILE = [
    r"\end{document}",
    r"\input{/etc/passwd}",
    "}{",
    "$x$",
    "a%b",
    "a&b#c_d^e~f",
    "<script>alert(1)</script>",
    "line\nbreak\r\t\0",
    "\"quoted\" 'twice'",
    "\\",
    "%s %d %(x)s {0} {x}",
    "\u202eright to left",
    "日本語 🎲",
]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_is_shown_literally(name: str) -> None:
    latex = (Formula.symbol(name) * 2 + 1).latex
    body = latex.removeprefix(r"\text{").removesuffix(r"} \cdot 2 + 1")
    assert latex == rf"\text{{{body}}} \cdot 2 + 1"
    for command in (r"\\textbackslash", r"\\textascii(?:circum|tilde)", r"\\text(?:less|greater)"):
        body = re.sub(command + r"\{\}", "", body)
    body = re.sub(r"\\[&%$#_{}]", "", body)
    assert not re.search(r"[\\{}%$#&_^~<>\x00-\x1f]", body)


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_hostile_name_is_kept_in_text(name: str) -> None:
    assert (Formula.symbol(name) + 1).text == f"{name} + 1"
